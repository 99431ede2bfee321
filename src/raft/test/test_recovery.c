/*-------------------------------------------------------------------------
 *
 * test_recovery.c
 *		The two ways back of a node that has lost its state: all others have
 *		told it their terms, or an operator has told it to forget.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* When an amnesiac that started with the test may recover. */
#define RECOVER_AT_NS	(CORE_START_NS + RAFT_MAX_PROMISE_NS)

/*
 * An amnesiac that has met its peers.  Its probes and queries are due at odd
 * times, so that they do not happen to wake it when it may recover.
 */
static void
start_amnesiac(Core *core, int32_t node_count, uint64_t term)
{
	RaftDurable record = core_record(RAFT_AMNESIAC, term, RAFT_MAX_PROMISE_NS);

	record.vote = RAFT_VOTE_SPOILED;
	core_init(core, 0, node_count, record);
	core_boot(core, true);
	core_meet_peers(core);
	core->now_ns += MS(300);
}

/* ----------
 * By asking all others
 * ----------
 */

static void
test_amnesiac_recovers_when_all_have_reported(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	assert_true(core_view(&core).recover_at_ns == RECOVER_AT_NS);
	assert_true(core_peer(&core, 1).awaited && core_peer(&core, 2).awaited);
	assert_false(core_peer(&core, 0).awaited);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	assert_false(core_peer(&core, 1).awaited || core_peer(&core, 2).awaited);

	/* The longest promise that it may have forgotten passes first. */
	core_run_until(&core, RECOVER_AT_NS - 1);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_true(raft_next_deadline(core.raft) == RECOVER_AT_NS);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	assert_int_equal(core_event(&core, RAFT_EVENT_STANDING)->standing, RAFT_MEMBER);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_NONE);
	assert_int_equal(core_view(&core).recover_at_ns, 0);
	core_free(&core);
}

/* It takes part again, but does not vote in the term in which it may have. */
static void
test_recovered_node_takes_part_from_the_next_term_on(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, RECOVER_AT_NS - MS(5));
	core_heartbeat(&core, 1, 9, 1);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_TAKES_PART);
	assert_false(core_view(&core).silent);
	core_ask_vote(&core, 1, 9);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SPOILED));

	/* Nor in any before it. */
	core_ask_vote(&core, 1, 8);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_TERM));

	/* It acknowledges a leader of that term, which was elected without it. */
	core_heartbeat(&core, 2, 9, 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 2));
	core.now_ns += PROMISE_NS;
	core_ask_vote(&core, 1, 10);
	assert_true(core_granted(&core, RAFT_MESSAGE_VOTE_REPLY, 1));
	core_free(&core);

	/* It may even lead. */
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, RECOVER_AT_NS);
	core_lead(&core);
	assert_int_equal(core.disk.term, 10);
	core_free(&core);
}

/* What is not a report of all others does not do, however long it takes. */
static void
test_recovery_needs_all_others(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 5, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 9);
	core_report(&core, 3, RAFT_MEMBER, 9);
	core_run_until(&core, CORE_START_NS + SECONDS(200));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_true(core_peer(&core, 4).awaited);

	/* The last one makes the difference, and at once. */
	core_report(&core, 4, RAFT_MEMBER, 12);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 12);
	core_free(&core);
}

/* Only who has kept its state, and was born, surely knows what it asked for. */
static void
test_whose_report_counts(void **state)
{
	RaftStanding standing;

	(void) state;
	for (standing = RAFT_NEW; standing <= RAFT_AMNESIAC; standing++)
	{
		bool		counts = standing == RAFT_READY || standing == RAFT_MEMBER;
		RaftMessage message;
		Core		core;

		start_amnesiac(&core, 3, 5);
		core_report(&core, 1, RAFT_MEMBER, 9);
		core_report(&core, 2, standing, 11);
		assert_int_equal(core_peer(&core, 2).awaited, !counts);
		core_run_until(&core, RECOVER_AT_NS + SECONDS(10));
		assert_int_equal(core.disk.standing, counts ? RAFT_MEMBER : RAFT_AMNESIAC);

		/* A later report replaces it, of a later record. */
		message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 2, 11);
		message.nonce = core.config.session;
		message.generation = 2;
		core_receive(&core, &message);
		assert_int_equal(core.disk.standing, RAFT_MEMBER);
		assert_int_equal(core.disk.term, 11);
		core_free(&core);
	}
}

/* A peer that loses its state after its report has to be asked again. */
static void
test_report_is_withdrawn_by_a_later_one(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_AMNESIAC, 9);
	assert_true(core_peer(&core, 2).awaited);
	core_run_until(&core, RECOVER_AT_NS + SECONDS(10));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	core_free(&core);
}

/*
 * Nor does one count that was made before the peer found out and comes after
 * its word of the loss.  Once it is a member again, its records are later ones.
 */
static void
test_report_that_comes_after_the_word_of_its_loss(void **state)
{
	Core		core;
	RaftMessage message;
	RaftMessage late;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_run_until(&core, RECOVER_AT_NS + SECONDS(10));
	late = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 2, 7);
	late.nonce = core.config.session;
	late.generation = 20;
	message = core_message(&core, RAFT_MESSAGE_PROBE, 2, 7);
	message.standing = RAFT_AMNESIAC;
	message.generation = 20;	/* not written yet */
	core_receive(&core, &message);
	core_receive(&core, &late);
	assert_true(core_peer(&core, 2).awaited);
	message.generation = 22;
	core_receive(&core, &message);
	late.generation = 21;
	core_receive(&core, &late);
	assert_true(core_peer(&core, 2).awaited);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);

	late.generation = 23;
	late.term = 10;
	core_receive(&core, &late);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 10);
	core_free(&core);
}

/* One in its place that has lost all begins to count its records anew. */
static void
test_report_of_a_peer_that_began_anew(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 2, 7);
	message.standing = RAFT_AMNESIAC;
	message.generation = 20;
	core_receive(&core, &message);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 2, 7);
	message.from_session = 555;
	message.nonce = core.config.session;
	message.generation = 2;
	core_receive(&core, &message);
	assert_false(core_peer(&core, 2).awaited);
	core_free(&core);
}

/* A report that was not asked for in this session may be older than the loss. */
static void
test_report_to_another_query_does_not_count(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	start_amnesiac(&core, 2, 5);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 1, 9);
	message.nonce = core.config.session - 1;
	core_receive(&core, &message);
	message.nonce = 0;
	core_receive(&core, &message);
	assert_true(core_peer(&core, 1).awaited);
	core_run_until(&core, RECOVER_AT_NS + SECONDS(10));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);

	/* Nor does a term that is told in passing. */
	core_heartbeat(&core, 1, 9, 1);
	assert_true(core_peer(&core, 1).awaited);
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	core_report(&core, 1, RAFT_MEMBER, 9);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* What a peer's former incarnation reported was said by somebody else. */
static void
test_restarted_peer_is_asked_anew(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, CORE_START_NS + SECONDS(30));
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 9);
	message.from_session = 555;
	core_receive(&core, &message);
	assert_true(core_peer(&core, 1).awaited);
	assert_false(core_peer(&core, 2).awaited);
	core_run_until(&core, core.now_ns + SECONDS(1));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1), 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1)->to_session, 555);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 1, 10);
	message.from_session = 555;
	message.nonce = core.config.session;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 10);
	core_free(&core);
}

/* The greatest of what was reported and what its own record says. */
static void
test_recovered_term(void **state)
{
	uint64_t	terms[][4] = {
		{5, 9, 7, 9}, {5, 7, 9, 9}, {12, 9, 7, 12}, {0, 0, 0, 0}, {0, 0, 3, 3}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
	{
		Core		core;

		start_amnesiac(&core, 3, terms[i][0]);
		core_report(&core, 1, RAFT_MEMBER, terms[i][1]);
		core_report(&core, 2, RAFT_MEMBER, terms[i][2]);
		core_run_until(&core, RECOVER_AT_NS);
		assert_int_equal(core.disk.standing, RAFT_MEMBER);
		assert_int_equal(core.disk.term, terms[i][3]);

		/* Its old record's, or a new one: the vote of that term is lost. */
		assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
		core_free(&core);
	}
}

/* Or it would be found "rolled back" for ever. */
static void
test_recovery_takes_a_generation_above_all(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	start_amnesiac(&core, 3, 5);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 1, 9);
	message.nonce = core.config.session;
	message.generation_seen = 900;
	core_receive(&core, &message);
	message.from = 2;
	message.from_session = PEER_SESSION(2);
	message.generation_seen = 17;
	message.former_generation_seen = 950;
	core_receive(&core, &message);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.generation, 951);

	/* What they saw of its former self frightens it no more. */
	message.type = RAFT_MESSAGE_PROBE_REPLY;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* Once a second, and only whom it waits for. */
static void
test_amnesiac_asks_whom_it_awaits(void **state)
{
	Core		core;
	uint64_t	asked_ns;
	int32_t		i;

	(void) state;
	start_amnesiac(&core, 4, 5);
	asked_ns = core.now_ns;
	core_tick(&core, asked_ns);
	for (i = 1; i < 4; i++)
	{
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, i), 1);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_QUERY, i)->nonce,
						 core.config.session);
	}
	core_report(&core, 2, RAFT_MEMBER, 5);
	core_run_until(&core, asked_ns + SECONDS(1) - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, ANYBODY), 0);
	core_run_until(&core, asked_ns + SECONDS(1));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 2), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 3), 1);
	core_report(&core, 1, RAFT_MEMBER, 5);
	core_report(&core, 3, RAFT_MEMBER, 5);
	core_run_until(&core, asked_ns + SECONDS(10));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, ANYBODY), 0);
	core_free(&core);
}

/* Whatever else comes in at that moment: the node still asks to be ticked. */
static void
test_message_at_the_moment_of_recovery(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, RECOVER_AT_NS - 1);
	core.now_ns = RECOVER_AT_NS + MS(1);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 9);
	core_receive(&core, &probe);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_true(raft_next_deadline(core.raft) <= core.now_ns);
	core_tick(&core, core.now_ns);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* Alone there is nobody who could tell. */
static void
test_single_node_cannot_recover_by_asking(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 1, 5);
	assert_int_equal(core_view(&core).recover_at_ns, 0);
	core_run_until(&core, CORE_START_NS + SECONDS(500));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core.write_count, 0);
	core_free(&core);
}

static void
test_one_of_two_nodes_recovers(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 2, 5);
	core_report(&core, 1, RAFT_MEMBER, 6);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 6);
	core_free(&core);
}

/* It is amnesiac until the way back is on the disk. */
static void
test_recovery_that_cannot_be_written(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 9);
	core.failing_writes = 2;
	core_run_until(&core, RECOVER_AT_NS);
	assert_true(core_view(&core).storage_failed);
	assert_int_equal(core_view(&core).standing, RAFT_AMNESIAC);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_RECORD);
	core_heartbeat(&core, 1, 9, 1);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1));
	core_ask_vote(&core, 1, 10);
	assert_null(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1));

	/* It is not tried again before a while has passed. */
	assert_true(raft_next_deadline(core.raft) > core.now_ns);
	core_tick(&core, core.now_ns + 1);
	assert_int_equal(raft_counters(core.raft)->persist_failures, 1);

	/* When the disk is back, so is the node; nobody is asked again. */
	core_run_until(&core, core.now_ns + 3 * TIMEOUT_MIN_NS);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, ANYBODY), 0);
	assert_false(core_view(&core).storage_failed);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	core_heartbeat(&core, 1, 9, 2);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1));
	core_free(&core);
}

/* A crash before the record is complete: from the beginning. */
static void
test_crash_while_recovering(void **state)
{
	CoreCrash	crash;

	(void) state;
	for (crash = CORE_CRASH_BEFORE_WRITE; crash <= CORE_CRASH_BEFORE_SEND; crash++)
	{
		Core		core;
		bool		recovered = crash != CORE_CRASH_BEFORE_WRITE;

		start_amnesiac(&core, 3, 5);
		core_report(&core, 1, RAFT_MEMBER, 9);
		core_report(&core, 2, RAFT_MEMBER, 9);
		core_run_until(&core, RECOVER_AT_NS - 1);
		core.crash = crash;
		core_tick(&core, RECOVER_AT_NS);
		assert_true(core.crashed);
		core_restart(&core, SECONDS(1));
		assert_int_equal(core_view(&core).standing,
						 recovered ? RAFT_MEMBER : RAFT_AMNESIAC);
		core_meet_peers(&core);
		if (!recovered)
		{
			assert_true(core_peer(&core, 1).awaited);
			assert_true(core_view(&core).recover_at_ns ==
						core.now_ns + RAFT_MAX_PROMISE_NS);
		}
		else
			assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
		core_free(&core);
	}
}

/*
 * State may get lost while the node runs.  What was reported on its way up was
 * reported to somebody who knew.
 */
static void
test_rollback_that_is_found_late(void **state)
{
	Core		core;
	RaftStanding step;
	RaftMessage reply;

	(void) state;
	core_start_standing(&core, 3, RAFT_NEW, 0);
	for (step = RAFT_NEW; step < RAFT_MEMBER; step++)
	{
		core_report(&core, 1, step, 0);
		core_report(&core, 2, step, 0);
	}
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_run_until(&core, CORE_START_NS + SECONDS(100));
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 9);
	reply.generation_seen = core.disk.generation + 5;
	core_receive(&core, &reply);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_true(core_view(&core).recover_at_ns == RECOVER_AT_NS);
	assert_true(core_peer(&core, 1).awaited && core_peer(&core, 2).awaited);
	assert_true(raft_next_deadline(core.raft) <= core.now_ns);
	core_tick(&core, core.now_ns);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 2), 1);

	/* Promises of its former self have long run out. */
	core_report(&core, 1, RAFT_MEMBER, 9);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	core_report(&core, 2, RAFT_MEMBER, 8);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_true(core.disk.generation > reply.generation_seen);
	core_free(&core);
}

/* Found while a write had failed: amnesiac all the same, and it recovers. */
static void
test_rollback_found_with_a_failing_disk(void **state)
{
	Core		core;
	RaftMessage reply;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core.failing_writes = 3;
	core_ask_vote(&core, 1, 6);
	assert_true(core_view(&core).storage_failed);
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 9);
	reply.generation_seen = 100;
	core_receive(&core, &reply);

	/* It says nothing any more, not even why it refuses. */
	core_ask_vote(&core, 1, 6);
	assert_null(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1));
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 9);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS - 1);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_false(core_view(&core).storage_failed);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/*
 * A node whose own writes have caught up with what was seen of its lost state:
 * what peers saw of its former sessions is compared with what it began with.
 */
static void
test_rollback_that_own_writes_hide(void **state)
{
	Core		core;
	RaftDurable record = core_record(RAFT_MEMBER, 5, 0);
	RaftMessage probe;

	(void) state;
	record.generation = 10;
	core_init(&core, 0, 3, record);
	core_boot(&core, true);
	core_meet_peers(&core);
	core_ask_vote(&core, 1, 6);
	core_ask_vote(&core, 1, 7);
	assert_int_equal(core.disk.generation, 13);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 7);
	probe.generation_seen = 13;
	probe.former_generation_seen = 10;
	core_receive(&core, &probe);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);

	/* Beyond all sense it is not believed at all. */
	probe.former_generation_seen = 13 + RAFT_TERM_JUMP_LIMIT + 1;
	assert_int_equal(core_receive(&core, &probe), RAFT_DROPPED);
	probe.former_generation_seen = 11;
	core_receive(&core, &probe);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_ROLLED_BACK);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);

	/* Back again, it has told all of them what it is now. */
	core_report(&core, 1, RAFT_MEMBER, 7);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_receive(&core, &probe);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* ----------
 * By the operator's word
 * ----------
 */

static void
test_forgotten_state_is_given_up_after_the_longest_promise(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_standing(&core, 3, RAFT_AMNESIAC, 5);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 40);
	message.known_leader = 2;
	message.known_leader_term = 41;
	core_receive(&core, &message);
	message = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 2, 41);
	message.generation_seen = 900;
	core_receive(&core, &message);

	assert_int_equal(core_view(&core).forget_at_ns, 0);
	core_run_until(&core, CORE_START_NS + SECONDS(10));
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	assert_true(core_view(&core).forget_at_ns ==
				CORE_START_NS + RAFT_MAX_PROMISE_NS);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS - 1);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 41 + RAFT_FORGET_TERM_JUMP);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);

	/* Beyond any that a peer which is down may have seen. */
	assert_true(core.disk.generation > 900 + 1000000);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_NONE);
	assert_int_equal(core_view(&core).forget_at_ns, 0);

	/* It takes part again, but not with a vote in that term. */
	core_ask_vote(&core, 1, 41 + RAFT_FORGET_TERM_JUMP);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SPOILED));
	core_ask_vote(&core, 1, 42 + RAFT_FORGET_TERM_JUMP);
	assert_true(core_granted(&core, RAFT_MESSAGE_VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_nothing_to_forget(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core_forget_state(&core), RAFT_NOT_AMNESIAC);
	core_free(&core);
	core_start_standing(&core, 3, RAFT_NEW, 0);
	assert_int_equal(core_forget_state(&core), RAFT_NOT_AMNESIAC);
	core_free(&core);
}

/* Alone in its cluster, too. */
static void
test_single_node_forgets(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_AMNESIAC, 5, RAFT_MAX_PROMISE_NS));
	core_boot(&core, false);
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	core_run_until(&core, core.now_ns + SECONDS(59));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core.disk.term, 5 + RAFT_FORGET_TERM_JUMP + 1);
	core_free(&core);
}

/* What this incarnation itself promised is not shortened by it. */
static void
test_forgetting_keeps_the_record_of_longer_promises(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	RaftMessage message;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until(&core, CORE_START_NS + SECONDS(100));
	timings.election_timeout_min_ns = SECONDS(40);
	timings.election_timeout_max_ns = SECONDS(50);
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 1, core.disk.term, 1);
	timings = core_timings();
	core_reconfigure(&core, &timings);
	message = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
	message.generation_seen = 100;
	core_receive(&core, &message);
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);

	/* Still bound, and a restart would have to know it. */
	assert_int_equal(core_view(&core).promised_to, 1);
	assert_true(core.disk.max_promise_ns >= SECONDS(39));
	core_free(&core);
}

/* An absurd term heard of must not make a record that cannot be read. */
static void
test_forgetting_keeps_within_the_terms(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	core_start_standing(&core, 3, RAFT_AMNESIAC, 5);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, RAFT_TERM_LIMIT - 1);
	assert_int_equal(core_receive(&core, &probe), RAFT_OK);
	core_forget_state(&core);
	core_run_until(&core, core.now_ns + SECONDS(61));
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_true(core.disk.term < RAFT_TERM_LIMIT);
	core_restart(&core, SECONDS(1));
	core_free(&core);
}

static void
test_forgetting_that_cannot_be_written(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 3, RAFT_AMNESIAC, 5);
	core_forget_state(&core);
	core.failing_writes = 2;
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS);
	assert_int_equal(core_view(&core).standing, RAFT_AMNESIAC);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_RECORD);
	assert_true(core_view(&core).storage_failed);
	core_ask_vote(&core, 1, 6);
	assert_null(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1));

	/* The operator's word still stands when the disk is back. */
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_NONE);
	core_free(&core);
}

/* If all others have answered by then, there is no need to forget. */
static void
test_recovery_goes_before_forgetting(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	core_report(&core, 1, RAFT_MEMBER, 9);
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core_view(&core).forget_at_ns, 0);

	/* Nothing is left to be forgotten, now or later. */
	assert_int_equal(core_forget_state(&core), RAFT_NOT_AMNESIAC);
	core_run_until(&core, RECOVER_AT_NS + SECONDS(2));
	assert_int_equal(core.disk.term, 9);
	core_free(&core);
}

/* Late reports change nothing about a node that was told to forget. */
static void
test_forgetting_goes_before_late_reports(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_report(&core, 1, RAFT_MEMBER, 9);
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	core_run_until(&core, RECOVER_AT_NS);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9 + RAFT_FORGET_TERM_JUMP);
	writes = core.write_count;
	core_report(&core, 2, RAFT_MEMBER, 7);
	core_report(&core, 1, RAFT_MEMBER, 9 + RAFT_FORGET_TERM_JUMP);
	assert_int_equal(core.write_count, writes);
	assert_int_equal(core.disk.term, 9 + RAFT_FORGET_TERM_JUMP);
	assert_false(core_peer(&core, 2).awaited);
	core_free(&core);
}

/* Asked for when the promises are over already: carried out at once. */
static void
test_forgetting_late(void **state)
{
	Core		core;

	(void) state;
	start_amnesiac(&core, 3, 5);
	core_run_until(&core, CORE_START_NS + SECONDS(100));
	assert_int_equal(core_forget_state(&core), RAFT_OK);
	assert_true(raft_next_deadline(core.raft) <= core.now_ns);
	core_tick(&core, core.now_ns);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 5 + RAFT_FORGET_TERM_JUMP);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amnesiac_recovers_when_all_have_reported),
		cmocka_unit_test(test_recovered_node_takes_part_from_the_next_term_on),
		cmocka_unit_test(test_recovery_needs_all_others),
		cmocka_unit_test(test_whose_report_counts),
		cmocka_unit_test(test_report_is_withdrawn_by_a_later_one),
		cmocka_unit_test(test_report_that_comes_after_the_word_of_its_loss),
		cmocka_unit_test(test_report_of_a_peer_that_began_anew),
		cmocka_unit_test(test_report_to_another_query_does_not_count),
		cmocka_unit_test(test_restarted_peer_is_asked_anew),
		cmocka_unit_test(test_recovered_term),
		cmocka_unit_test(test_recovery_takes_a_generation_above_all),
		cmocka_unit_test(test_amnesiac_asks_whom_it_awaits),
		cmocka_unit_test(test_message_at_the_moment_of_recovery),
		cmocka_unit_test(test_single_node_cannot_recover_by_asking),
		cmocka_unit_test(test_one_of_two_nodes_recovers),
		cmocka_unit_test(test_recovery_that_cannot_be_written),
		cmocka_unit_test(test_crash_while_recovering),
		cmocka_unit_test(test_rollback_that_is_found_late),
		cmocka_unit_test(test_rollback_found_with_a_failing_disk),
		cmocka_unit_test(test_rollback_that_own_writes_hide),
		cmocka_unit_test(test_forgotten_state_is_given_up_after_the_longest_promise),
		cmocka_unit_test(test_nothing_to_forget),
		cmocka_unit_test(test_single_node_forgets),
		cmocka_unit_test(test_forgetting_keeps_the_record_of_longer_promises),
		cmocka_unit_test(test_forgetting_keeps_within_the_terms),
		cmocka_unit_test(test_forgetting_that_cannot_be_written),
		cmocka_unit_test(test_recovery_goes_before_forgetting),
		cmocka_unit_test(test_forgetting_goes_before_late_reports),
		cmocka_unit_test(test_forgetting_late),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
