/*-------------------------------------------------------------------------
 *
 * sql_row.c
 *		Result rows of the functions behind the views, column by column.
 *
 * Runs in any backend.  No locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "clock.h"
#include "funcapi.h"
#include "sql_functions.h"
#include "sql_row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

void
sql_row_begin(FunctionCallInfo fcinfo, SqlRow *row)
{
	if (get_call_result_type(fcinfo, NULL, &row->descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (row->descriptor->natts > SQL_ROW_COLUMNS_MAX)
		elog(ERROR, "row has too many columns");
	row->descriptor = BlessTupleDesc(row->descriptor);
	row->set = NULL;
	row->next = 0;
}

void
sql_row_begin_set(FunctionCallInfo fcinfo, SqlRow *row)
{
	InitMaterializedSRF(fcinfo, 0);
	sql_row_begin(fcinfo, row);
	row->set = ((ReturnSetInfo *) fcinfo->resultinfo)->setResult;
}

void
sql_row_add_datum(SqlRow *row, Datum value)
{
	row->values[row->next] = value;
	row->nulls[row->next++] = false;
}

void
sql_row_add_null(SqlRow *row)
{
	row->values[row->next] = (Datum) 0;
	row->nulls[row->next++] = true;
}

void
sql_row_add_int(SqlRow *row, int32 value)
{
	sql_row_add_datum(row, Int32GetDatum(value));
}

void
sql_row_add_id(SqlRow *row, int32 id)
{
	if (id >= 0)
		sql_row_add_int(row, id);
	else
		sql_row_add_null(row);
}

void
sql_row_add_number(SqlRow *row, uint32 number)
{
	if (number != 0)
		sql_row_add_int(row, (int32) number);
	else
		sql_row_add_null(row);
}

void
sql_row_add_text(SqlRow *row, const char *text)
{
	if (text != NULL && text[0] != '\0')
		sql_row_add_datum(row, CStringGetTextDatum(text));
	else
		sql_row_add_null(row);
}

void
sql_row_add_interval_ns(SqlRow *row, uint64 duration_ns)
{
	sql_row_add_datum(row, IntervalPGetDatum(sql_functions_make_interval(duration_ns)));
}

void
sql_row_add_timestamp(SqlRow *row, TimestampTz time)
{
	sql_row_add_datum(row, TimestampTzGetDatum(time));
}

void
sql_row_add_count(SqlRow *row, uint64 count)
{
	sql_row_add_datum(row, Int64GetDatum((int64) count));
}

void
sql_row_add_ms(SqlRow *row, uint64 duration_ns)
{
	sql_row_add_datum(row, Float8GetDatum((double) duration_ns / NS_PER_MS));
}

void
sql_row_add_nulls(SqlRow *row)
{
	while (row->next < row->descriptor->natts)
		sql_row_add_null(row);
}

HeapTuple
sql_row_finish(SqlRow *row)
{
	if (row->next != row->descriptor->natts)
		elog(ERROR, "row has %d columns instead of %d", row->next,
			 row->descriptor->natts);
	return heap_form_tuple(row->descriptor, row->values, row->nulls);
}

void
sql_row_put(SqlRow *row)
{
	tuplestore_puttuple(row->set, sql_row_finish(row));
	row->next = 0;
}
