/*-------------------------------------------------------------------------
 *
 * ctl_table.h
 *		Tables like psql's, whose last column may be folded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

typedef struct CtlColumn
{
	const char *header;
	char		align;			/* l or r */
	int			source;			/* column of the answer; or: not from there */
} CtlColumn;

#define CTL_TABLE_OWN (-1)

/* Columns of the screen that so many bytes of text in UTF-8 take. */
extern int	ctl_table_width(const char *text, size_t length);

/* A table under construction, filled row by row. */
typedef struct CtlTable
{
	const CtlColumn *columns;
	int			column_count;
	int			row_count;		/* at most */
	int			filled;			/* cells so far */
	char	  **cells;
} CtlTable;

/* There is room for as many rows; the table has those that are filled. */
extern void ctl_table_begin(CtlTable *table, const CtlColumn *columns,
							int column_count, int row_count);

/* The next cell; the table takes the text, and frees it. */
extern void ctl_table_add(CtlTable *table, char *text);

/* The same with a copy of the text, which may be NULL. */
extern void ctl_table_add_copy(CtlTable *table, const char *text);

/*
 * Prints and frees the table.  Its last column is folded so that lines have at
 * most width characters, if that can be done; 0: no limit.  The footer may be
 * NULL.
 */
extern void ctl_table_end(CtlTable *table, FILE *file, int width,
						  const char *footer);

#endif							/* CTL_TABLE_H */
