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

/* Bytes of a character, which may be cut off. */
static int
length_of(const char *text, size_t limit)
{
	return (int) Min((size_t) pg_utf_mblen((const unsigned char *) text), limit);
}

/* Control characters are shown otherwise, and longer. */
static int
width_of_character(const char *text)
{
	return Max(1, pg_encoding_dsplen(PG_UTF8, text));
}

int
ctl_table_width(const char *text, size_t length)
{
	const char *end = text + length;
	int			width = 0;

	while (text < end)
	{
		width += width_of_character(text);
		text += length_of(text, end - text);
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
		const char *text = table->columns[column].header;
		int			width = ctl_table_width(text, strlen(text));

		for (row = 0; row < table->filled / table->column_count; row++)
		{
			text = table->cells[row * table->column_count + column];
			width = Max(width, ctl_table_width(text, strlen(text)));
		}
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
	int			used_to_blank = 0;

	for (; *text; text += length_of(text, strlen(text)))
	{
		used += width_of_character(text);
		if (*text == ' ')
		{
			blank = text;
			used_to_blank = used;
		}
		if (used > width && blank)
		{
			*blank = '\n';
			used -= used_to_blank;
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
