/*-------------------------------------------------------------------------
 *
 * test_history.c
 *		Unit tests of the ring of transitions.
 *
 * If this broke, a DBA would read in the history what was not so, or half of
 * one entry and half of another, or would not find what had happened.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "history.h"
#include "miscadmin.h"

#define SELF		0
#define OTHER		1

/* Entries of the test with two threads. */
#define MANY		500000

static History *history;
static HistoryWriter writer;
static HistoryEntry entries[HISTORY_SIZE];
static int	count;
static TimestampTz wall_clock;

/* What the node is, as the core would tell it. */
static RaftRole role;
static RaftStanding standing;
static int32 leader;
static uint64 term;
static uint64 at_ns;

/* What history.c needs of the server. */
volatile sig_atomic_t InterruptPending = false;

static HistorySlot *half_written;

/* A reader that has to try again looks for interrupts: complete the entry. */
void
ProcessInterrupts(void)
{
	InterruptPending = false;
	strlcpy(half_written->entry.reason, "whole", HISTORY_REASON_SIZE);
	pg_atomic_fetch_add_u64(&half_written->sequence, 1);
}

TimestampTz
GetCurrentTimestamp(void)
{
	return wall_clock;
}

static void
begin(void)
{
	RaftView	view = {.term = term,.standing = RAFT_MEMBER};

	role = RAFT_FOLLOWER;
	standing = RAFT_MEMBER;
	leader = RAFT_NO_NODE;
	history_begin(&writer, history, SELF, &view);
}

static int
set_up(void **state)
{
	history = calloc(1, sizeof(History));
	assert_non_null(history);
	history_init(history);
	wall_clock = 1000000000;
	term = 1;
	at_ns = clock_now_ns();
	begin();
	return 0;
}

static int
tear_down(void **state)
{
	free(history);
	return 0;
}

/* Another moment, of which the events below are. */
static void
later(void)
{
	at_ns++;
	wall_clock += 1000;
}

static void
feed(RaftEventType type, RaftReason reason, int32 old_leader)
{
	RaftEvent	event = {
		.type = type,
		.at_ns = at_ns,
		.term = term,
		.role = role,
		.old_leader = old_leader,
		.leader = leader,
		.standing = standing,
		.reason = reason
	};

	char		requested_by[32];

	snprintf(requested_by, sizeof(requested_by), "by " UINT64_FORMAT, term);
	history_event(&writer, &event, requested_by);
}

static void
become(RaftRole new_role, RaftReason reason)
{
	role = new_role;
	feed(RAFT_EVENT_ROLE, reason, leader);
}

static void
know(int32 new_leader, RaftReason reason)
{
	int32		old_leader = leader;

	leader = new_leader;
	feed(RAFT_EVENT_LEADER, reason, old_leader);
}

/* A whole leadership, as the core tells of it. */
static void
lead(void)
{
	later();
	become(RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	later();
	term++;
	become(RAFT_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	later();
	become(RAFT_LEADER, RAFT_REASON_ELECTED);
	know(SELF, RAFT_REASON_ELECTED);
	history_flush(&writer);
	later();
	feed(RAFT_EVENT_LEASE_BEGUN, RAFT_REASON_ELECTED, leader);
	history_flush(&writer);
}

static void
resign(void)
{
	later();
	know(RAFT_NO_NODE, RAFT_REASON_STEP_DOWN);
	become(RAFT_FOLLOWER, RAFT_REASON_STEP_DOWN);
	history_flush(&writer);
}

static void
fail_round(void)
{
	later();
	become(RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	later();
	become(RAFT_FOLLOWER, RAFT_REASON_ROUND_FAILED);
	history_flush(&writer);
}

/* Read it, and check that each entry begins as the one before has ended. */
static void
look(void)
{
	count = history_read(history, entries);
	for (int i = 1; i < count; i++)
	{
		assert_int_equal(entries[i].number, entries[i - 1].number + 1);
		assert_int_equal(entries[i].old_role, entries[i - 1].new_role);
		assert_int_equal(entries[i].old_leader_id, entries[i - 1].leader_id);
		assert_true(entries[i].changed_at >= entries[i - 1].changed_at);
		assert_true(entries[i].term >= entries[i - 1].term);
	}
}

/* The newest entry, or one before it. */
static void
check(int back, HistoryRole new_role, int32 leader_id, const char *reason)
{
	const HistoryEntry *entry;

	look();
	assert_true(count > back);
	entry = &entries[count - 1 - back];
	assert_int_equal(entry->new_role, new_role);
	assert_int_equal(entry->leader_id, leader_id);
	assert_string_equal(entry->reason, reason);
}

static void
test_begins_with_the_start(void **state)
{
	look();
	assert_int_equal(count, 1);
	assert_int_equal(entries[0].number, 1);
	assert_int_equal(entries[0].old_role, HISTORY_DOWN);
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "node started");
}

/* The leader that one may rely on: without a lease, there is none. */
static void
test_leadership(void **state)
{
	lead();
	check(2, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
	check(1, HISTORY_LEADER, RAFT_NO_NODE, "elected by a majority");
	check(0, HISTORY_LEADER, SELF, "lease began");
	assert_int_equal(count, 4);

	/* Leader and role change as one. */
	resign();
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "step-down requested");
	assert_int_equal(count, 5);
	assert_int_equal(entries[4].old_leader_id, SELF);
	assert_int_equal(entries[4].old_role, HISTORY_LEADER);
}

/* All in one entry to the core, as with one node. */
static void
test_lease_at_once(void **state)
{
	later();
	become(RAFT_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	become(RAFT_LEADER, RAFT_REASON_ELECTED);
	know(SELF, RAFT_REASON_ELECTED);
	feed(RAFT_EVENT_LEASE_BEGUN, RAFT_REASON_ELECTED, leader);
	history_flush(&writer);
	check(1, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
	check(0, HISTORY_LEADER, SELF, "elected by a majority");
	assert_int_equal(count, 3);
}

static void
test_short_lived_leaders(void **state)
{
	later();
	know(OTHER, RAFT_REASON_HEARTBEAT);
	know(RAFT_NO_NODE, RAFT_REASON_RESIGNED);
	term++;
	know(2, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	check(2, HISTORY_FOLLOWER, OTHER, "heard the leader");
	check(1, HISTORY_FOLLOWER, RAFT_NO_NODE, "leader resigned");
	check(0, HISTORY_FOLLOWER, 2, "heard the leader");
	assert_int_equal(count, 4);
}

static void
test_same_leader_in_another_term(void **state)
{
	later();
	know(OTHER, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	later();
	term++;
	know(OTHER, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	check(1, HISTORY_FOLLOWER, OTHER, "heard the leader");
	check(0, HISTORY_FOLLOWER, OTHER, "heard the leader");
	assert_int_equal(entries[count - 1].term, entries[count - 2].term + 1);
}

/* It never takes the terms over of which it hears, be they a million. */
static void
test_same_leader_heard_by_an_amnesiac(void **state)
{
	standing = RAFT_AMNESIAC;
	for (int i = 0; i < 5; i++)
	{
		later();
		know(OTHER, RAFT_REASON_HEARTBEAT);
		history_flush(&writer);
	}
	check(0, HISTORY_FOLLOWER, OTHER, "heard the leader");
	assert_int_equal(count, 2);
	later();
	know(2, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	check(0, HISTORY_FOLLOWER, 2, "heard the leader");
	assert_int_equal(count, 3);
}

static void
test_failed_rounds_are_counted(void **state)
{
	fail_round();
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes");
	for (int i = 0; i < 1000; i++)
		fail_round();
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE,
		  "too few votes, 1001 times in a row");
	assert_int_equal(count, 3);

	/* The round that does not fail is told whole. */
	lead();
	check(3, HISTORY_FOLLOWER, RAFT_NO_NODE,
		  "too few votes, 1001 times in a row");
	check(2, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
	check(1, HISTORY_LEADER, RAFT_NO_NODE, "elected by a majority");
	resign();

	/* Counted anew, and in each term by itself. */
	fail_round();
	fail_round();
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes, 2 times in a row");
	term++;
	fail_round();
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes");
	check(2, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes, 2 times in a row");

	/* A candidacy that fails has spent a term. */
	later();
	become(RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	look();
	later();
	term++;
	become(RAFT_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	become(RAFT_FOLLOWER, RAFT_REASON_ROUND_FAILED);
	history_flush(&writer);
	check(2, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes");
	check(1, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "too few votes");

	/* In a new term, the beginning of a round is told at once. */
	later();
	term++;
	become(RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	check(0, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
}

static void
test_end_in_the_middle_of_a_round(void **state)
{
	fail_round();
	later();
	become(RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	history_flush(&writer);
	history_end(&writer, term, "test");
	check(1, HISTORY_CANDIDATE, RAFT_NO_NODE, "election timeout");
	check(0, HISTORY_DOWN, RAFT_NO_NODE, "test");
}

static void
test_outlives_its_writer(void **state)
{
	lead();
	history_end(&writer, term, "test");
	begin();
	check(1, HISTORY_DOWN, RAFT_NO_NODE, "test");
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "node started");
	assert_int_equal(count, 6);

	/* A predecessor that could not tell of its end. */
	lead();
	begin();
	check(1, HISTORY_DOWN, RAFT_NO_NODE, "ticker process has gone");
	check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, "node started");
}

static void
test_forgetting(void **state)
{
	RaftEvent	lost = {
		.type = RAFT_EVENT_STANDING,
		.leader = RAFT_NO_NODE,
		.standing = RAFT_AMNESIAC,
		.amnesia = RAFT_AMNESIA_ROLLED_BACK
	};
	RaftEvent	back = lost;

	back.standing = RAFT_MEMBER;
	for (int i = 0; i < 3; i++)
	{
		bool		requested = (i == 1);

		later();
		lost.at_ns = back.at_ns = at_ns;
		lost.term = back.term = term;
		history_event(&writer, &lost, NULL);
		check(0, HISTORY_FOLLOWER, RAFT_NO_NODE,
			  "state lost: state rolled back");
		if (requested)
		{
			history_forget_requested(&writer, term, "me");
			check(0, HISTORY_FOLLOWER, RAFT_NO_NODE,
				  "forgetting of the lost state requested");
			assert_string_equal(entries[count - 1].requested_by, "me");
		}
		history_event(&writer, &back, NULL);
		check(0, HISTORY_FOLLOWER, RAFT_NO_NODE, requested ?
			  "takes part again: forgetting was requested" :
			  "takes part again: all others have told their terms");
		assert_string_equal(entries[count - 1].requested_by,
							requested ? "me" : "");
	}
}

static void
test_keeps_the_last(void **state)
{
	for (int i = 0; i < 1000; i++)
	{
		lead();
		resign();
		look();
		assert_int_equal(count, Min(1 + 4 * (i + 1), HISTORY_SIZE));
		assert_int_equal(entries[count - 1].number, 1 + 4 * (i + 1));
	}
}

/* A clock that was set is told; one that is read a little early is not. */
static void
test_wall_clock(void **state)
{
	TimestampTz before;

	later();
	know(OTHER, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	before = wall_clock;
	later();
	wall_clock = before - 10;
	know(RAFT_NO_NODE, RAFT_REASON_RESIGNED);
	history_flush(&writer);
	look();
	assert_true(entries[count - 1].changed_at >= entries[count - 2].changed_at);

	later();
	wall_clock = before - 3600 * INT64CONST(1000000);
	know(OTHER, RAFT_REASON_HEARTBEAT);
	history_flush(&writer);
	count = history_read(history, entries);
	assert_true(entries[count - 1].changed_at < before - 3599 * INT64CONST(1000000));
}

/* A reader that comes in between tries again, and gives up in the end. */
static void
test_half_written_entry(void **state)
{
	lead();
	half_written = &history->slots[1];
	strlcpy(half_written->entry.reason, "half", HISTORY_REASON_SIZE);
	pg_atomic_fetch_add_u64(&half_written->sequence, 1);
	InterruptPending = true;
	look();
	assert_int_equal(count, 4);
	assert_string_equal(entries[1].reason, "whole");

	pg_atomic_fetch_add_u64(&half_written->sequence, 1);
	assert_int_equal(history_read(history, entries), 3);
	assert_int_equal(entries[0].number, 1);
	assert_int_equal(entries[1].number, 3);
}

static volatile bool writing;

static void *
write_many(void *argument)
{
	for (int i = 0; i < MANY; i++)
	{
		later();
		term++;
		know(i % 2 == 0 ? OTHER : RAFT_NO_NODE,
			 i % 2 == 0 ? RAFT_REASON_HEARTBEAT : RAFT_REASON_RESIGNED);
		history_flush(&writer);
	}
	writing = false;
	return NULL;
}

/* No reader ever sees parts of two entries. */
static void
test_reading_while_it_is_written(void **state)
{
	pthread_t	thread;
	int			reads = 0;

	writing = true;
	assert_int_equal(pthread_create(&thread, NULL, write_many, NULL), 0);
	while (writing)
	{
		reads++;
		count = history_read(history, entries);
		for (int i = 0; i < count; i++)
		{
			const HistoryEntry *entry = &entries[i];
			char		requested_by[32];

			if (entry->number == 1)
				continue;
			assert_true(i == 0 || entry->number > entries[i - 1].number);
			assert_int_equal(entry->term, entry->number);
			assert_int_equal(entry->leader_id,
							 entry->number % 2 == 0 ? OTHER : RAFT_NO_NODE);
			assert_string_equal(entry->reason, entry->number % 2 == 0 ?
								"heard the leader" : "leader resigned");
			snprintf(requested_by, sizeof(requested_by), "by " UINT64_FORMAT,
					 entry->number);
			assert_string_equal(entry->requested_by, requested_by);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(reads > 0);
	look();
	assert_int_equal(count, HISTORY_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begins_with_the_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leadership, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lease_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_short_lived_leaders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_leader_in_another_term, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_leader_heard_by_an_amnesiac, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failed_rounds_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_in_the_middle_of_a_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outlives_its_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forgetting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeps_the_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wall_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_written_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reading_while_it_is_written, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
