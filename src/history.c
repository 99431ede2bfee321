/*-------------------------------------------------------------------------
 *
 * history.c
 *		The last transitions of this node's role and leader.
 *
 * The ticker writes, at its start, with the core's events, and at its end;
 * backends read.  No locks: see history.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "history.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/*
 * A copy is tried so often, with a pause in between.  The writer needs less
 * than a microsecond, unless it was stopped in the middle.
 */
#define READ_ATTEMPTS	100
#define READ_PAUSE_US	100

/*
 * Two clocks cannot be read at one moment: a wall-clock time that lies less
 * than this before the last one does not mean that the clock was set.
 */
#define READING_JITTER_US	1000000

void
history_init(History *history)
{
	pg_atomic_init_u64(&history->last_number, 0);
	for (int i = 0; i < HISTORY_SIZE; i++)
		pg_atomic_init_u64(&history->slots[i].sequence, 0);
}

const char *
history_role_word(HistoryRole role)
{
	switch (role)
	{
		case HISTORY_LEADER:
			return "leader";
		case HISTORY_FOLLOWER:
			return "follower";
		case HISTORY_CANDIDATE:
			return "candidate";
		case HISTORY_DOWN:
			break;
	}
	return "down";
}

HistoryRole
history_role(RaftRole role)
{
	switch (role)
	{
		case RAFT_LEADER:
			return HISTORY_LEADER;
		case RAFT_PRE_CANDIDATE:
		case RAFT_CANDIDATE:
			return HISTORY_CANDIDATE;
		case RAFT_FOLLOWER:
			break;
	}
	return HISTORY_FOLLOWER;
}

/*-------------------------------------------------------------------------
 * The ring
 *-------------------------------------------------------------------------
 */

/* Put the entry into its slot, where one may be already. */
static void
store(History *history, const HistoryEntry *entry)
{
	HistorySlot *slot = &history->slots[(entry->number - 1) % HISTORY_SIZE];
	uint64		sequence = pg_atomic_read_u64(&slot->sequence);

	pg_atomic_write_u64(&slot->sequence, sequence + 1);
	pg_write_barrier();
	slot->entry = *entry;
	pg_write_barrier();
	pg_atomic_write_u64(&slot->sequence, sequence + 2);
}

static void
append(HistoryWriter *writer, HistoryEntry *entry)
{
	const HistoryEntry *last = &writer->last;

	entry->number = pg_atomic_read_u64(&writer->history->last_number) + 1;
	if (entry->changed_at < last->changed_at &&
		entry->changed_at > last->changed_at - READING_JITTER_US)
		entry->changed_at = last->changed_at;
	store(writer->history, entry);
	pg_write_barrier();
	pg_atomic_write_u64(&writer->history->last_number, entry->number);
	writer->last = *entry;
	writer->failed_rounds = 0;
}

/* Copy one entry; false: it is not there any more, or not yet. */
static bool
copy_entry(HistorySlot *slot, uint64 number, HistoryEntry *entry)
{
	for (int i = 0; i < READ_ATTEMPTS; i++)
	{
		uint64		before = pg_atomic_read_u64(&slot->sequence);
		uint64		after;

		pg_read_barrier();
		*entry = slot->entry;
		pg_read_barrier();
		after = pg_atomic_read_u64(&slot->sequence);
		if (before == after && before % 2 == 0)
			return entry->number == number;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(READ_PAUSE_US);
	}
	return false;
}

int
history_read(History *history, HistoryEntry *entries)
{
	uint64		last = pg_atomic_read_u64(&history->last_number);
	uint64		first = last > HISTORY_SIZE ? last - HISTORY_SIZE + 1 : 1;
	int			count = 0;

	pg_read_barrier();
	for (uint64 number = first; number <= last; number++)
	{
		if (copy_entry(&history->slots[(number - 1) % HISTORY_SIZE], number,
					   &entries[count]))
			count++;
	}
	return count;
}

/*-------------------------------------------------------------------------
 * Rounds of votes that fail
 *-------------------------------------------------------------------------
 */

static bool
is_leaderless(const HistoryEntry *entry)
{
	return entry->old_leader_id == RAFT_NO_NODE &&
		entry->leader_id == RAFT_NO_NODE;
}

/* Does the entry tell of a round of votes that failed? */
static bool
is_failed_round(const HistoryEntry *entry)
{
	return is_leaderless(entry) &&
		entry->old_role == HISTORY_CANDIDATE &&
		entry->new_role == HISTORY_FOLLOWER &&
		strncmp(entry->reason, raft_reason_name(RAFT_REASON_ROUND_FAILED),
				strlen(raft_reason_name(RAFT_REASON_ROUND_FAILED))) == 0;
}

static bool
is_next_round(const HistoryEntry *last, const HistoryEntry *entry)
{
	return is_failed_round(last) && is_leaderless(entry) &&
		entry->term == last->term &&
		entry->old_role == HISTORY_FOLLOWER &&
		entry->new_role == HISTORY_CANDIDATE;
}

/* One more round has failed: count it in the entry that tells of the last. */
static void
count_failed_round(HistoryWriter *writer)
{
	writer->failed_rounds = Max(writer->failed_rounds, 1) + 1;
	snprintf(writer->last.reason, HISTORY_REASON_SIZE,
			 "%s, " UINT64_FORMAT " times in a row",
			 raft_reason_name(RAFT_REASON_ROUND_FAILED),
			 writer->failed_rounds);
	store(writer->history, &writer->last);
}

/*-------------------------------------------------------------------------
 * The writer
 *-------------------------------------------------------------------------
 */

/* A transition is complete. */
static void
tell(HistoryWriter *writer, HistoryEntry *entry)
{
	if (writer->has_deferred)
	{
		writer->has_deferred = false;
		if (is_failed_round(entry) && entry->term == writer->last.term)
		{
			count_failed_round(writer);
			return;
		}
		append(writer, &writer->deferred);
	}
	if (is_next_round(&writer->last, entry))
	{
		writer->deferred = *entry;
		writer->has_deferred = true;
		return;
	}
	append(writer, entry);
}

void
history_flush(HistoryWriter *writer)
{
	if (!writer->has_pending)
		return;
	writer->has_pending = false;
	tell(writer, &writer->pending);
}

/* Begin an entry, of what is at this moment. */
static void
begin_pending(HistoryWriter *writer, uint64 at_ns, uint64 term,
			  const char *reason, const char *requested_by)
{
	uint64		now_ns = clock_now_ns();
	HistoryEntry *entry = &writer->pending;

	history_flush(writer);
	memset(entry, 0, sizeof(*entry));
	entry->changed_at = GetCurrentTimestamp();
	if (at_ns < now_ns)
		entry->changed_at -= (TimestampTz) ((now_ns - at_ns) / NS_PER_US);
	entry->term = term;
	entry->old_role = entry->new_role = writer->role;
	entry->old_leader_id = entry->leader_id = writer->leader_id;
	strlcpy(entry->reason, reason, HISTORY_REASON_SIZE);
	if (requested_by != NULL)
		strlcpy(entry->requested_by, requested_by, HISTORY_REQUESTER_SIZE);
	writer->pending_ns = at_ns;
	writer->has_pending = true;
	writer->is_role_pending = writer->is_leader_pending = false;
}

void
history_begin(HistoryWriter *writer, History *history, int32 node_id,
			  const RaftView *view)
{
	uint64		number = pg_atomic_read_u64(&history->last_number);

	memset(writer, 0, sizeof(*writer));
	writer->history = history;
	writer->node_id = node_id;
	writer->leader_id = RAFT_NO_NODE;
	writer->is_amnesiac = (view->standing == RAFT_AMNESIAC);
	if (number > 0)
	{
		/* Written by tickers alone, of which this is the only one. */
		writer->last = history->slots[(number - 1) % HISTORY_SIZE].entry;
		writer->role = writer->last.new_role;
		writer->leader_id = writer->last.leader_id;
		if (writer->role != HISTORY_DOWN)
			history_end(writer, writer->last.term, "ticker process has gone");
	}
	begin_pending(writer, clock_now_ns(), view->term,
				  raft_reason_name(RAFT_REASON_START), NULL);
	writer->role = writer->pending.new_role = HISTORY_FOLLOWER;
	history_flush(writer);
}

/* The leader that one may rely on, as shared_state_usable_leader() has it. */
static int32
find_leader(HistoryWriter *writer, const RaftEvent *event)
{
	if (event->type == RAFT_EVENT_LEASE_BEGUN)
		writer->has_lease = true;
	else if (event->role != RAFT_LEADER)
		writer->has_lease = false;
	return event->leader == writer->node_id && !writer->has_lease ?
		RAFT_NO_NODE : event->leader;
}

/* The node has lost its state, or is a member of its cluster now. */
static void
tell_standing(HistoryWriter *writer, const RaftEvent *event)
{
	const char *requested_by = writer->forget_requested_by;
	char		reason[HISTORY_REASON_SIZE];

	if (event->standing == RAFT_AMNESIAC)
	{
		/* At the start, that is nothing new. */
		if (writer->is_amnesiac)
			return;
		writer->is_amnesiac = true;
		snprintf(reason, sizeof(reason), "%s: %s",
				 raft_reason_name(RAFT_REASON_AMNESIA),
				 raft_amnesia_name(event->amnesia));
		begin_pending(writer, event->at_ns, event->term, reason, NULL);
	}
	else if (event->standing == RAFT_MEMBER)
	{
		if (!writer->is_amnesiac)
			strlcpy(reason, "member of its cluster", sizeof(reason));
		else
			snprintf(reason, sizeof(reason), "takes part again: %s",
					 requested_by[0] != '\0' ? "forgetting was requested" :
					 "all others have told their terms");
		begin_pending(writer, event->at_ns, event->term, reason, requested_by);
		writer->is_amnesiac = false;
		writer->forget_requested_by[0] = '\0';
	}
	history_flush(writer);
}

static void
tell_role_or_leader(HistoryWriter *writer, const RaftEvent *event,
					const char *requested_by)
{
	HistoryRole role = history_role(event->role);
	int32		leader_id = find_leader(writer, event);
	bool		other_role = role != writer->role;
	bool		other_leader = leader_id != writer->leader_id;

	/*
	 * The same leader in another term.  Who is no member keeps its own term,
	 * and so nothing bounds how often it hears of higher ones.
	 */
	if (event->type == RAFT_EVENT_LEADER && leader_id != RAFT_NO_NODE &&
		event->leader == event->old_leader && event->standing == RAFT_MEMBER)
		other_leader = true;
	if (!other_role && !other_leader)
		return;

	/* One change of each, at one moment, is one transition. */
	if (!writer->has_pending ||
		writer->pending_ns != event->at_ns ||
		writer->pending.term != event->term ||
		(other_role && writer->is_role_pending) ||
		(other_leader && writer->is_leader_pending))
		begin_pending(writer, event->at_ns, event->term,
					  event->type == RAFT_EVENT_LEASE_BEGUN ?
					  "lease began" : raft_reason_name(event->reason),
					  requested_by);

	writer->role = writer->pending.new_role = role;
	writer->leader_id = writer->pending.leader_id = leader_id;
	writer->is_role_pending |= other_role;
	writer->is_leader_pending |= other_leader;
}

void
history_event(HistoryWriter *writer, const RaftEvent *event,
			  const char *requested_by)
{
	switch (event->type)
	{
		case RAFT_EVENT_ROLE:
		case RAFT_EVENT_LEADER:
		case RAFT_EVENT_LEASE_BEGUN:
			tell_role_or_leader(writer, event, requested_by);
			break;
		case RAFT_EVENT_STANDING:
			tell_standing(writer, event);
			break;
		default:
			break;				/* concerns neither role nor leader */
	}
}

void
history_forget_requested(HistoryWriter *writer, uint64 term,
						 const char *requested_by)
{
	strlcpy(writer->forget_requested_by, requested_by,
			HISTORY_REQUESTER_SIZE);
	begin_pending(writer, clock_now_ns(), term,
				  "forgetting of the lost state requested", requested_by);
	history_flush(writer);
}

void
history_end(HistoryWriter *writer, uint64 term, const char *reason)
{
	if (writer->history == NULL)
		return;
	begin_pending(writer, clock_now_ns(), term, reason, NULL);
	writer->role = writer->pending.new_role = HISTORY_DOWN;
	writer->leader_id = writer->pending.leader_id = RAFT_NO_NODE;
	writer->has_lease = false;
	history_flush(writer);
}
