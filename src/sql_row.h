/*-------------------------------------------------------------------------
 *
 * sql_row.h
 *		Result rows of the functions behind the views, column by column.
 *
 * For sql_views.c and sql_statistics.c.  Any backend; allocates in the
 * current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_SQL_ROW_H
#define PG_LEADER_SQL_ROW_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/tuplestore.h"

/* More than any of the views has. */
#define SQL_ROW_COLUMNS_MAX		48

/* A result row under construction. */
typedef struct SqlRow
{
	TupleDesc	descriptor;
	Tuplestorestate *set;		/* where finished rows go; NULL: just one */
	int			next;			/* column to be filled in */
	Datum		values[SQL_ROW_COLUMNS_MAX];
	bool		nulls[SQL_ROW_COLUMNS_MAX];
} SqlRow;

/* The row, or the set of rows, of the function that is being called. */
extern void sql_row_begin(FunctionCallInfo fcinfo, SqlRow *row);
extern void sql_row_begin_set(FunctionCallInfo fcinfo, SqlRow *row);

/* The next column. */
extern void sql_row_add_datum(SqlRow *row, Datum value);
extern void sql_row_add_null(SqlRow *row);
extern void sql_row_add_int(SqlRow *row, int32 value);
extern void sql_row_add_timestamp(SqlRow *row, TimestampTz time);

/* A count, as bigint. */
extern void sql_row_add_count(SqlRow *row, uint64 count);

/* A duration, as double precision in milliseconds. */
extern void sql_row_add_ms(SqlRow *row, uint64 duration_ns);

/* A duration, as interval. */
extern void sql_row_add_interval_ns(SqlRow *row, uint64 duration_ns);

/* A node id, or NULL for "none" and all other values that are none. */
extern void sql_row_add_id(SqlRow *row, int32 id);

/* A port or a process id, where 0 stands for none. */
extern void sql_row_add_number(SqlRow *row, uint32 number);

/* NULL or an empty string: NULL. */
extern void sql_row_add_text(SqlRow *row, const char *text);

/* NULL for all columns that are left. */
extern void sql_row_add_nulls(SqlRow *row);

/* The tuple, once all columns are there. */
extern HeapTuple sql_row_finish(SqlRow *row);

/* It goes into the set, and the next one is begun. */
extern void sql_row_put(SqlRow *row);

#endif							/* PG_LEADER_SQL_ROW_H */
