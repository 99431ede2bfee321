/*-------------------------------------------------------------------------
 *
 * ctl_table.c
 *		Tables like psql's, whose last column may be folded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "ctl_table.h"
#include "fe_utils/print.h"
#include "mb/pg_wchar.h"

/* Texts are not folded to less than this. */
#define FOLDED_WIDTH_MIN 24

void
ctl_table_begin(CtlTable *table, const CtlColumn *columns, int column_count, int row_count)
{
	table->columns = columns;
	table->column_count = column_count;
	table->row_count = row_count;
	table->cells = pg_malloc0(Max(1, column_count * row_count) * sizeof(char *));
	table->filled = 0;
}

void
ctl_table_add(CtlTable *table, char *text)
{
	Assert(table->filled < table->column_count * table->row_count);
	table->cells[table->filled++] = text;
}

void
ctl_table_add_copy(CtlTable *table, const char *text)
{
	ctl_table_add(table, pg_strdup(text ? text : ""));
}

/* Columns on the screen; control characters are shown otherwise, and longer. */
static int
width_of(const char *text)
{
	int			width = 0;

	while (*text)
	{
		int			length = Min(pg_utf_mblen((const unsigned char *) text),
								 (int) strlen(text));

		width += Max(1, pg_encoding_dsplen(PG_UTF8, text));
		text += length;
	}
	return width;
}

/* All columns but the last, with the lines between them. */
static int
width_before_last(const CtlTable *table)
{
	int			total = 1;
	int			column,
				row;

	for (column = 0; column < table->column_count - 1; column++)
	{
		int			width = width_of(table->columns[column].header);

		for (row = 0; row < table->filled / table->column_count; row++)
			width = Max(width,
						width_of(table->cells[row * table->column_count + column]));
		total += width + 3;
	}
	return total;
}

/* Breaks lines between words, where that can be done. */
static void
fold(char *text, int width)
{
	char	   *blank = NULL;
	int			used = 0;

	for (; *text; text += Min(pg_utf_mblen((unsigned char *) text), (int) strlen(text)))
	{
		if (*text == ' ')
			blank = text;
		if (++used > width && blank)
		{
			*blank = '\n';
			used = (int) (text - blank);
			blank = NULL;
		}
	}
}

void
ctl_table_end(CtlTable *table, FILE *file, int width, const char *footer)
{
	printTableOpt options = {.format = PRINT_ALIGNED,.border = 1,
	.start_table = true,.stop_table = true,.encoding = PG_UTF8};
	printTableContent content;
	int			last_width = width - width_before_last(table) - 1;
	int			i;

	printTableInit(&content, &options, NULL, table->column_count,
				   table->filled / table->column_count);
	for (i = 0; i < table->column_count; i++)
		printTableAddHeader(&content, unconstify(char *, table->columns[i].header),
							false, table->columns[i].align);
	for (i = 0; i < table->filled; i++)
	{
		if (width > 0 && i % table->column_count == table->column_count - 1)
			fold(table->cells[i], Max(last_width, FOLDED_WIDTH_MIN));
		printTableAddCell(&content, table->cells[i], false, true);
	}
	if (footer)
		printTableAddFooter(&content, footer);
	printTable(&content, file, false, NULL);
	printTableCleanup(&content);
	pg_free(table->cells);
}
