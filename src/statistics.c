/*-------------------------------------------------------------------------
 *
 * statistics.c
 *		What the workers have counted, since the statistics were last reset.
 *
 * Runs in any backend.  Locks: see statistics.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "statistics.h"
#include "utils/timestamp.h"

#define TOTALS_WORDS	(sizeof(Totals) / sizeof(uint64))

StaticAssertDecl(sizeof(Totals) % sizeof(uint64) == 0,
				 "totals must be nothing but uint64s");

static void
copy_counters(uint64 *copies, pg_atomic_uint64 *counters, int count)
{
	for (int i = 0; i < count; i++)
		copies[i] = pg_atomic_read_u64(&counters[i]);
}

/* All that was counted since the server's start. */
static void
read_totals(Totals *totals)
{
	ReceiverCounters *receiver = &shared_state->receiver;
	TickerCounters *ticker = &shared_state->ticker;
	SenderCounters *sender = &shared_state->sender;
	HookState  *hook = &shared_state->hook;

	shared_state_lock();
	totals->core = shared_state->published.counters;
	shared_state_unlock();

	copy_counters(&totals->pipeline_starts,
				  &shared_state->workers[WORKER_TICKER].starts, 1);

	copy_counters(&totals->datagrams_received, &receiver->datagrams, 1);
	copy_counters(totals->received_by_type, receiver->by_type,
				  lengthof(receiver->by_type));
	copy_counters(totals->received_by_peer, receiver->by_peer,
				  RAFT_MAX_NODES);
	copy_counters(totals->dropped, receiver->dropped, WIRE_DROP_REASONS);

	copy_counters(&totals->datagrams_sent, &sender->datagrams, 1);
	copy_counters(totals->sent_by_type, sender->by_type,
				  lengthof(sender->by_type));
	copy_counters(totals->sent_by_peer, sender->by_peer, RAFT_MAX_NODES);
	copy_counters(&totals->send_errors, &sender->errors, 1);
	copy_counters(&totals->last_words, &sender->last_words, 1);

	copy_counters(&totals->outbox_full, &ticker->outbox_full, 1);
	copy_counters(&totals->state_writes, &ticker->state_writes, 1);
	copy_counters(&totals->state_write_ns, &ticker->state_write_ns, 1);

	copy_counters(&totals->hook_runs, &hook->runs, 1);
	copy_counters(&totals->hook_failures, &hook->failures, 1);
	copy_counters(&totals->hook_timeouts, &hook->timeouts, 1);
	copy_counters(&totals->hook_retries, &hook->retries, 1);
	copy_counters(&totals->hook_skipped, &hook->skipped, 1);
	copy_counters(&totals->hook_run_ns, &hook->run_ns, 1);

	copy_counters(&totals->log_events_lost, &shared_state->events.lost, 1);
}

void
statistics_read(Statistics *statistics)
{
	Baseline   *baseline = &shared_state->baseline;
	uint64	   *words = (uint64 *) &statistics->totals;
	const uint64 *base = (const uint64 *) &baseline->totals;

	/* The lock is held throughout: else a reset in between would go below 0. */
	LWLockAcquire(baseline->lock, LW_SHARED);
	read_totals(&statistics->totals);
	for (size_t i = 0; i < TOTALS_WORDS; i++)
		words[i] -= base[i];
	statistics->reset_at = baseline->reset_at;

	copy_counters(&statistics->inbox_max, &shared_state->receiver.inbox_max, 1);
	copy_counters(&statistics->outbox_max, &shared_state->ticker.outbox_max, 1);
	copy_counters(&statistics->state_write_max_ns,
				  &shared_state->ticker.state_write_max_ns, 1);
	copy_counters(&statistics->late_max_ns,
				  &shared_state->ticker.late_max_ns, 1);
	copy_counters(&statistics->hook_run_max_ns,
				  &shared_state->hook.run_max_ns, 1);
	LWLockRelease(baseline->lock);
}

void
statistics_reset(void)
{
	Baseline   *baseline = &shared_state->baseline;

	LWLockAcquire(baseline->lock, LW_EXCLUSIVE);
	read_totals(&baseline->totals);
	pg_atomic_write_u64(&shared_state->receiver.inbox_max, 0);
	pg_atomic_write_u64(&shared_state->ticker.outbox_max, 0);
	pg_atomic_write_u64(&shared_state->ticker.state_write_max_ns, 0);
	pg_atomic_write_u64(&shared_state->ticker.late_max_ns, 0);
	pg_atomic_write_u64(&shared_state->hook.run_max_ns, 0);
	baseline->reset_at = GetCurrentTimestamp();
	LWLockRelease(baseline->lock);
}
