/*-------------------------------------------------------------------------
 *
 * test_persistence.c
 *		Durable state: nothing leaves before it is written, what a crash at any
 *		step leaves behind, what a failing disk changes.
 *
 * The fixture itself checks at each write that nothing leaves before it, that
 * every entry is refused until then, and that no message says more than the
 * disk holds.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* ----------
 * Writes
 * ----------
 */

static void
test_first_record_is_asked_for(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS));
	core_boot(&core, false);
	assert_int_equal(core.write_count, 1);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core.disk.max_promise_ns, RAFT_MAX_PROMISE_NS);
	core_free(&core);

	core_init(&core, 0, 3, core_record(RAFT_NEW, 0, 0));
	core_boot(&core, true);
	assert_int_equal(core.write_count, 0);
	core_free(&core);
}

/* Term and vote are one record: one write for both. */
static void
test_term_and_vote_are_written_together(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	writes = core.write_count;
	core_ask_vote(&core, 1, 8);
	assert_int_equal(core.write_count, writes + 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	writes = core.write_count;
	core_grant(&core, 0);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, 2);
	core_free(&core);
}

static void
test_idle_nodes_write_nothing(void **state)
{
	Core		core;
	int			writes;
	int			round;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 6, 1);
	writes = core.write_count;
	for (round = 2; round < 600; round++)
	{
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
		core_heartbeat(&core, 1, 6, (uint64_t) round);
	}
	assert_int_equal(core.write_count, writes);
	core_free(&core);

	core_start_member(&core, 0, 2, 5);
	core_lead(&core);
	writes = core.write_count;
	for (round = 2; round < 600; round++)
	{
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
		core_ack(&core, 1, (uint64_t) round, PROMISE_NS);
	}
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.write_count, writes);
	core_free(&core);
}

/* It died there with a vote in term 6 under way, and is asked for another. */
static void
assert_one_vote(Core *core, CoreCrash crash)
{
	assert_true(core->crashed);
	assert_int_equal(core->sent_count, 0);

	core_restart(core, SECONDS(10));
	core_run_until(core, core->now_ns + PROMISE_NS);
	core_meet_peers(core);
	core_ask_vote(core, 1, 6);
	if (crash == CORE_CRASH_BEFORE_WRITE)
		assert_true(core_granted(core, VOTE_REPLY, 1));
	else
		assert_true(core_refused(core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
}

/* Trap 9: a crash at each step between the request and the reply. */
static void
test_crash_while_voting(void **state)
{
	CoreCrash	crash;

	(void) state;
	for (crash = CORE_CRASH_BEFORE_WRITE; crash <= CORE_CRASH_BEFORE_SEND; crash++)
	{
		Core		core;

		core_start_member(&core, 2, 3, 5);
		core.crash = crash;
		core_ask_vote(&core, 0, 6);
		assert_one_vote(&core, crash);
		core_free(&core);
	}
}

/* The same while entering a candidacy: the vote for itself is a vote. */
static void
test_crash_while_campaigning(void **state)
{
	CoreCrash	crash;

	(void) state;
	for (crash = CORE_CRASH_BEFORE_WRITE; crash <= CORE_CRASH_BEFORE_SEND; crash++)
	{
		Core		core;

		core_start_member(&core, 2, 3, 5);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core.crash = crash;
		core_grant(&core, 0);
		assert_one_vote(&core, crash);
		core_free(&core);
	}
}

/* Trap 5: the restarted node does not count what its former self asked for. */
static void
test_votes_for_a_former_incarnation_do_not_count(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	late = core_answer(&core, 1, true);
	core_restart(&core, MS(10));
	assert_int_equal(core_receive(&core, &late), RAFT_DROPPED);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_receive(&core, &late), RAFT_DROPPED);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);

	/* Even with the right session: another nonce, another term. */
	late.to_session = core.config.session;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).granted_count, 1);
	core_free(&core);
}

/* ----------
 * A failing disk
 * ----------
 */

static void
test_vote_that_cannot_be_written_is_not_cast(void **state)
{
	Core		core;
	uint64_t	failed_ns;
	uint64_t	generation;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	generation = core.disk.generation;
	core.failing_writes = 1;
	core_ask_vote(&core, 1, 6);
	failed_ns = core.now_ns;
	assert_int_equal(core.sent_count, 0);
	assert_true(core_view(&core).storage_failed);
	assert_non_null(core_event(&core, RAFT_EVENT_STORAGE_FAILED));
	assert_int_equal(core_view(&core).term, 5);
	assert_int_equal(raft_counters(core.raft)->persist_failures, 1);

	/* No part in anything until it can be written again; it says why. */
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_STORAGE));
	assert_int_equal(core_view(&core).term, 5);
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_STORAGE));
	core_heartbeat(&core, 0, 6, 1);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core_view(&core).leader_id, 0);
	core_run_until(&core, failed_ns + TIMEOUT_MIN_NS - 1);
	assert_true(core_view(&core).storage_failed);
	core_run_until(&core, failed_ns + TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	assert_non_null(core_event(&core, RAFT_EVENT_STORAGE_BACK));
	assert_int_equal(core_event(&core, RAFT_EVENT_LEADER)->reason,
					 RAFT_REASON_TAKES_PART);

	/* The record that failed may be on the disk: its number is used up. */
	assert_true(core.disk.generation > generation + 1);
	assert_int_equal(core.disk.term, 5);
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	core_free(&core);
}

static void
test_repeated_failures_are_retried(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core.failing_writes = 4;
	core_ask_vote(&core, 1, 6);
	core_run_until(&core, core.now_ns + 3 * TIMEOUT_MIN_NS + MS(10));
	assert_true(core_view(&core).storage_failed);
	assert_int_equal(raft_counters(core.raft)->persist_failures, 4);
	assert_null(core_event(&core, RAFT_EVENT_STORAGE_FAILED));
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	core_free(&core);
}

/* A retry that is far away comes forward at a reload to shorter timeouts. */
static void
test_reload_brings_a_retry_forward(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 2, 3, 5);
	timings.election_timeout_min_ns = SECONDS(60);
	timings.election_timeout_max_ns = SECONDS(90);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core.failing_writes = 1;
	core_ask_vote(&core, 1, 6);
	core_run_until(&core, core.now_ns + SECONDS(30));
	assert_true(core_view(&core).storage_failed);

	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS - 1);
	assert_true(core_view(&core).storage_failed);
	core_run_until(&core, core.now_ns + 1);
	assert_false(core_view(&core).storage_failed);
	core_free(&core);
}

static void
test_candidate_whose_vote_cannot_be_written(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core.failing_writes = 1;
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_STORAGE);
	assert_int_equal(core_view(&core).term, 5);
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS - MS(1));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 1);
	core_free(&core);
}

/* Alone, its own vote would do; it must be durable all the same. */
static void
test_single_node_does_not_lead_on_an_unwritten_vote(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	core_boot(&core, true);
	core.failing_writes = 1000;
	until_ns = core.now_ns + SECONDS(20);
	while (core.now_ns < until_ns)
	{
		core_run_until(&core, core.now_ns + MS(100));
		assert_int_not_equal(core_view(&core).role, RAFT_LEADER);
	}
	assert_true(raft_counters(core.raft)->persist_failures > 5);
	core.failing_writes = 0;
	core_run_until_role(&core, RAFT_LEADER);
	core_free(&core);
}

static void
test_leader_whose_disk_fails_resigns(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core.failing_writes = 1;
	timings.election_timeout_min_ns = SECONDS(2);
	timings.election_timeout_max_ns = SECONDS(3);
	core_reconfigure(&core, &timings);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_STORAGE);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1));
	assert_non_null(core_sent(&core, RAFT_MESSAGE_RESIGN, 2));
	core_free(&core);
}

/* The resignation is told even if the new term could not be written. */
static void
test_failure_while_handing_over_to_oneself(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core.failing_writes = 1;
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 9);
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).term, 6);
	core_run_until(&core, core.now_ns + MS(20));
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->subject_term, 6);

	/* And the leadership of that term does not come back. */
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.request.subject_term, 7);
	core_free(&core);
}

/* A promise that was given before holds while the disk fails. */
static void
test_failing_disk_does_not_lift_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core.failing_writes = 1;
	core_heartbeat(&core, 1, 6, 1);
	assert_int_equal(core.sent_count, 0);
	assert_true(core_view(&core).promised_until_ns > core.now_ns);
	core_free(&core);
}

/* The own vote counts when it is durable, and not for a round that is over. */
static void
test_slow_write_of_the_own_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core.write_ns = SECONDS(5);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_grant(&core, 1);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_record_is_asked_for),
		cmocka_unit_test(test_term_and_vote_are_written_together),
		cmocka_unit_test(test_idle_nodes_write_nothing),
		cmocka_unit_test(test_crash_while_voting),
		cmocka_unit_test(test_crash_while_campaigning),
		cmocka_unit_test(test_votes_for_a_former_incarnation_do_not_count),
		cmocka_unit_test(test_vote_that_cannot_be_written_is_not_cast),
		cmocka_unit_test(test_repeated_failures_are_retried),
		cmocka_unit_test(test_reload_brings_a_retry_forward),
		cmocka_unit_test(test_candidate_whose_vote_cannot_be_written),
		cmocka_unit_test(test_single_node_does_not_lead_on_an_unwritten_vote),
		cmocka_unit_test(test_leader_whose_disk_fails_resigns),
		cmocka_unit_test(test_failure_while_handing_over_to_oneself),
		cmocka_unit_test(test_failing_disk_does_not_lift_the_promise),
		cmocka_unit_test(test_slow_write_of_the_own_vote),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
