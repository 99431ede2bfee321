/*-------------------------------------------------------------------------
 *
 * sql_statistics.c
 *		The functions behind the views of statistics, and their reset.
 *
 * Run in any backend, on a standby too, on copies that statistics.h makes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "sql_functions.h"
#include "sql_row.h"
#include "statistics.h"

PG_FUNCTION_INFO_V1(pg_leader_get_statistics);
PG_FUNCTION_INFO_V1(pg_leader_get_messages);
PG_FUNCTION_INFO_V1(pg_leader_get_drops);
PG_FUNCTION_INFO_V1(pg_leader_get_refusals);
PG_FUNCTION_INFO_V1(pg_leader_stat_reset);

/*-------------------------------------------------------------------------
 * pg_stat_leader
 *-------------------------------------------------------------------------
 */

static void
add_elections(SqlRow *row, const RaftCounters *core)
{
	sql_row_add_count(row, core->pre_votes_begun);
	sql_row_add_count(row, core->elections_begun);
	sql_row_add_count(row, core->elections_won);
	sql_row_add_count(row, core->elections_lost);
	sql_row_add_count(row, core->rounds_failed);
	sql_row_add_count(row, core->leader_changes);
	sql_row_add_count(row, core->lease_lapses);
	sql_row_add_count(row, core->pre_votes_granted);
	sql_row_add_count(row, core->pre_votes_refused);
	sql_row_add_count(row, core->votes_granted);
	sql_row_add_count(row, core->votes_refused);
	sql_row_add_count(row, core->heartbeats_sent);
	sql_row_add_count(row, core->heartbeats_acknowledged);
}

static void
add_datagrams(SqlRow *row, const Statistics *statistics)
{
	const Totals *totals = &statistics->totals;
	uint64		dropped = 0;

	for (int drop = WIRE_OK + 1; drop < WIRE_DROP_REASONS; drop++)
		dropped += totals->dropped[drop];

	sql_row_add_count(row, totals->datagrams_sent);
	sql_row_add_count(row, totals->send_errors);
	sql_row_add_count(row, totals->last_words);
	sql_row_add_count(row, totals->datagrams_received);
	sql_row_add_count(row, dropped);
	sql_row_add_count(row, totals->core.dropped);
	sql_row_add_count(row, statistics->inbox_max);
	sql_row_add_count(row, statistics->outbox_max);
	sql_row_add_count(row, totals->outbox_full);
}

static void
add_hook(SqlRow *row, const Statistics *statistics)
{
	const Totals *totals = &statistics->totals;
	HookState  *hook = &shared_state->hook;
	uint64		last_sequence = pg_atomic_read_u64(&hook->last_sequence);

	sql_row_add_count(row, totals->hook_runs);
	sql_row_add_count(row, totals->hook_failures);
	sql_row_add_count(row, totals->hook_timeouts);
	sql_row_add_count(row, totals->hook_retries);
	sql_row_add_count(row, totals->hook_skipped);
	sql_row_add_ms(row, totals->hook_run_ns);
	sql_row_add_ms(row, statistics->hook_run_max_ns);

	/* Of the last run that has ended, whenever that was. */
	pg_read_barrier();
	if (last_sequence == 0)
	{
		for (int i = 0; i < 3; i++)
			sql_row_add_null(row);
		return;
	}
	sql_row_add_ms(row, pg_atomic_read_u64(&hook->last_run_ns));
	sql_row_add_int(row, (int32) pg_atomic_read_u32(&hook->last_status));
	sql_row_add_count(row, last_sequence);
}

Datum
pg_leader_get_statistics(PG_FUNCTION_ARGS)
{
	Statistics *statistics = palloc(sizeof(Statistics));
	const Totals *totals = &statistics->totals;
	SqlRow		row;

	sql_functions_check_running();
	sql_row_begin(fcinfo, &row);
	statistics_read(statistics);

	sql_row_add_count(&row, totals->pipeline_starts);
	add_elections(&row, &totals->core);
	add_datagrams(&row, statistics);
	sql_row_add_count(&row, totals->state_writes);
	sql_row_add_count(&row, totals->core.persist_failures);
	sql_row_add_ms(&row, totals->state_write_ns);
	sql_row_add_ms(&row, statistics->state_write_max_ns);
	sql_row_add_ms(&row, statistics->late_max_ns);
	add_hook(&row, statistics);
	sql_row_add_count(&row, totals->log_events_lost);
	sql_row_add_count(&row, totals->core.invariants_broken);
	sql_row_add_count(&row, totals->core.clock_went_back);
	sql_row_add_count(&row, totals->core.outbox_full);
	sql_row_add_count(&row, totals->core.events_lost);
	sql_row_add_timestamp(&row, statistics->reset_at);

	PG_RETURN_DATUM(HeapTupleGetDatum(sql_row_finish(&row)));
}

/*-------------------------------------------------------------------------
 * pg_stat_leader_messages, pg_stat_leader_drops, pg_stat_leader_refusals
 *-------------------------------------------------------------------------
 */

/* Begin a set of rows; returns what they are to tell. */
static const Totals *
begin_rows(FunctionCallInfo fcinfo, SqlRow *row)
{
	Statistics *statistics = palloc(sizeof(Statistics));

	sql_functions_check_running();
	sql_row_begin_set(fcinfo, row);
	statistics_read(statistics);
	return &statistics->totals;
}

Datum
pg_leader_get_messages(PG_FUNCTION_ARGS)
{
	SqlRow		row;
	const Totals *totals = begin_rows(fcinfo, &row);

	for (int type = RAFT_MESSAGE_TYPE_FIRST; type <= RAFT_MESSAGE_TYPE_LAST;
		 type++)
	{
		sql_row_add_text(&row, raft_message_type_name(type));
		sql_row_add_count(&row, totals->sent_by_type[type]);
		sql_row_add_count(&row, totals->received_by_type[type]);
		sql_row_put(&row);
	}
	return (Datum) 0;
}

Datum
pg_leader_get_drops(PG_FUNCTION_ARGS)
{
	SqlRow		row;
	const Totals *totals = begin_rows(fcinfo, &row);

	for (int drop = WIRE_OK + 1; drop < WIRE_DROP_REASONS; drop++)
	{
		sql_row_add_text(&row, wire_drop_name(drop));
		sql_row_add_count(&row, totals->dropped[drop]);
		sql_row_put(&row);
	}
	return (Datum) 0;
}

Datum
pg_leader_get_refusals(PG_FUNCTION_ARGS)
{
	SqlRow		row;
	const RaftCounters *core = &begin_rows(fcinfo, &row)->core;

	for (int refusal = RAFT_REFUSAL_NONE + 1; refusal <= RAFT_REFUSAL_LAST;
		 refusal++)
	{
		sql_row_add_text(&row, raft_refusal_name(refusal));
		sql_row_add_count(&row, core->pre_votes_refused_for[refusal]);
		sql_row_add_count(&row, core->votes_refused_for[refusal]);
		sql_row_put(&row);
	}
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 * Reset
 *-------------------------------------------------------------------------
 */

Datum
pg_leader_stat_reset(PG_FUNCTION_ARGS)
{
	sql_functions_check_running();
	statistics_reset();
	PG_RETURN_VOID();
}
