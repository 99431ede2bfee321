/*-------------------------------------------------------------------------
 *
 * shared_state.c
 *		Creates what the processes of pg_leader share in main shared memory,
 *		and copies it for those who read it.
 *
 * The postmaster creates it when the server starts, and anew after a crash
 * restart; every process uses it.  Locks: see shared_state.h.  All functions
 * below hold the lock for a copy only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "shared_state.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

/* Name of the segment and of the tranche of locks. */
#define SHARED_STATE_NAME	"pg_leader"

/* Locks of the tranche: SharedState.lock, ControlSlot.lock, Baseline.lock. */
#define SHARED_STATE_LOCKS	3

SharedState *shared_state = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_shmem_request_hook = NULL;
#endif
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

static void
request_memory(void)
{
#if PG_VERSION_NUM >= 150000
	if (previous_shmem_request_hook != NULL)
		previous_shmem_request_hook();
#endif

	RequestAddinShmemSpace(MAXALIGN(sizeof(SharedState)));
	RequestNamedLWLockTranche(SHARED_STATE_NAME, SHARED_STATE_LOCKS);
}

/* Set "count" counters to 0. */
static void
init_counters(pg_atomic_uint64 *counters, int count)
{
	for (int i = 0; i < count; i++)
		pg_atomic_init_u64(&counters[i], 0);
}

static void
init_receiver_counters(ReceiverCounters *receiver)
{
	init_counters(&receiver->datagrams, 1);
	init_counters(receiver->by_type, lengthof(receiver->by_type));
	init_counters(receiver->by_peer, RAFT_MAX_NODES);
	init_counters(&receiver->inbox_max, 1);
	init_counters(receiver->dropped, WIRE_DROP_REASONS);
	init_counters(receiver->peer_drop_ns, RAFT_MAX_NODES);
	for (int i = 0; i < RAFT_MAX_NODES; i++)
		pg_atomic_init_u32(&receiver->peer_drop[i], WIRE_OK);
}

static void
init_ticker_counters(TickerCounters *ticker)
{
	init_counters(&ticker->outbox_full, 1);
	init_counters(&ticker->outbox_max, 1);
	init_counters(&ticker->state_writes, 1);
	init_counters(&ticker->state_write_ns, 1);
	init_counters(&ticker->state_write_max_ns, 1);
	init_counters(&ticker->late_max_ns, 1);
}

static void
init_sender_counters(SenderCounters *sender)
{
	init_counters(&sender->datagrams, 1);
	init_counters(sender->by_type, lengthof(sender->by_type));
	init_counters(sender->by_peer, RAFT_MAX_NODES);
	init_counters(&sender->errors, 1);
	init_counters(&sender->last_words, 1);
}

static void
init_hook_state(HookState *hook)
{
	hook->start = GetCurrentTimestamp();
	hook->news.leader_id = RAFT_NO_NODE;
	hook->named_leader = RAFT_NO_NODE;
	hook->begun_leader = RAFT_NO_NODE;
	init_counters(&hook->runs, 1);
	init_counters(&hook->failures, 1);
	init_counters(&hook->timeouts, 1);
	init_counters(&hook->retries, 1);
	init_counters(&hook->skipped, 1);
	init_counters(&hook->run_ns, 1);
	init_counters(&hook->run_max_ns, 1);
	init_counters(&hook->last_run_ns, 1);
	pg_atomic_init_u32(&hook->last_status, 0);
	init_counters(&hook->last_sequence, 1);
}

static void
init_state(SharedState *state)
{
	LWLockPadded *locks = GetNamedLWLockTranche(SHARED_STATE_NAME);

	memset(state, 0, sizeof(*state));

	state->lock = &locks[0].lock;
	pg_atomic_init_u32(&state->writers_waiting, 0);
	lease_cell_init(&state->lease);
	for (int i = 0; i < WORKER_KINDS; i++)
	{
		pg_atomic_init_u32(&state->workers[i].pid, 0);
		pg_atomic_init_u64(&state->workers[i].starts, 0);
	}
	pg_atomic_init_u64(&state->addresses_generation, 0);

	ConditionVariableInit(&state->changed);
	pg_atomic_init_u64(&state->changes, 0);

	state->control.lock = &locks[1].lock;
	ConditionVariableInit(&state->control.answered);
	pg_atomic_init_u64(&state->control.request, 0);
	pg_atomic_init_u64(&state->control.requester_number, 0);
	pg_atomic_init_u64(&state->control.answer_sequence, 0);

	init_receiver_counters(&state->receiver);
	init_ticker_counters(&state->ticker);
	init_sender_counters(&state->sender);
	init_hook_state(&state->hook);
	state->baseline.lock = &locks[2].lock;
	state->baseline.reset_at = GetCurrentTimestamp();
	history_init(&state->history);
	event_ring_init(&state->events);
}

static void
create_state(void)
{
	bool		found;

	if (previous_shmem_startup_hook != NULL)
		previous_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared_state = ShmemInitStruct(SHARED_STATE_NAME, sizeof(SharedState),
								   &found);
	if (!found)
		init_state(shared_state);
	LWLockRelease(AddinShmemInitLock);
}

void
shared_state_install_hooks(void)
{
#if PG_VERSION_NUM >= 150000
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
#else
	request_memory();
#endif
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = create_state;
}

void
shared_state_lock(void)
{
	/* Workers have no database, but backends and parallel workers do. */
	if (OidIsValid(MyDatabaseId))
	{
		for (int ms = 0; ms < SHARED_STATE_YIELD_MS &&
			 pg_atomic_read_u32(&shared_state->writers_waiting) != 0; ms++)
			pg_usleep(1000L);
	}
	LWLockAcquire(shared_state->lock, LW_SHARED);
}

void
shared_state_unlock(void)
{
	LWLockRelease(shared_state->lock);
}

bool
shared_state_try_lock(uint32 writer)
{
	if (LWLockConditionalAcquire(shared_state->lock, LW_EXCLUSIVE))
	{
		shared_state_give_up(writer);
		return true;
	}
	pg_atomic_fetch_or_u32(&shared_state->writers_waiting, writer);
	return false;
}

void
shared_state_give_up(uint32 writer)
{
	if (pg_atomic_read_u32(&shared_state->writers_waiting) != 0)
		pg_atomic_fetch_and_u32(&shared_state->writers_waiting, ~writer);
}

bool
shared_state_read(PublishedState *copy)
{
	shared_state_lock();
	*copy = shared_state->published;
	shared_state_unlock();
	return copy->valid;
}

void
shared_state_wake_ticker(void)
{
	shared_state_lock();
	if (shared_state->ticker_latch != NULL)
		SetLatch(shared_state->ticker_latch);
	shared_state_unlock();
}

bool
shared_state_copy_addresses(uint64 *generation, PeerAddress *addresses)
{
	/* Most calls end here: names rarely move. */
	if (pg_atomic_read_u64(&shared_state->addresses_generation) == *generation)
		return false;

	shared_state_lock();
	*generation = pg_atomic_read_u64(&shared_state->addresses_generation);
	memcpy(addresses, shared_state->addresses,
		   sizeof(shared_state->addresses));
	shared_state_unlock();
	return true;
}

void
shared_state_copy_listen_address(PeerAddress *address)
{
	shared_state_lock();
	*address = shared_state->listen_address;
	shared_state_unlock();
}
