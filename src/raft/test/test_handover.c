/*-------------------------------------------------------------------------
 *
 * test_handover.c
 *		The leader that resigns, or hands over to itself.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* ----------
 * The leader that resigns
 * ----------
 */

/* The fixture checks that the lease was published as over before. */
static void
test_resignation(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	resigned_ns = core.now_ns;
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_true(core_view(&core).draining);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_STEP_DOWN);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1)->successor, 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 2)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 3)->successor, 1);

	/* Any of these may be lost, so they are sent twice more. */
	core_run_until(&core, resigned_ns + MS(4));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	core_run_until(&core, resigned_ns + MS(20));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1), 2);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, 2), 2);
	core_free(&core);
}

static void
test_only_a_leader_steps_down(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core_step_down(&core, RAFT_REASON_SHUTDOWN), RAFT_NOT_LEADER);
	core_lead(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_QUORUM_LOST), RAFT_INVALID);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core_step_down(&core, RAFT_REASON_SHUTDOWN), RAFT_OK);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_SHUTDOWN);
	core_free(&core);
}

/* Traps 15, 35: a lease that was given up never starts again in its term. */
static void
test_ended_lease_never_starts_again(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);

	/* Nor do late votes bring the leadership back. */
	core_grant(&core, 1);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	until_ns = core.now_ns + SECONDS(1);
	while (core.now_ns < until_ns && core_view(&core).term == 6)
	{
		core_run_until(&core, core.now_ns + MS(1));
		assert_false(core_lease_is_valid(&core));
		assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	}
	core_free(&core);
}

static void
test_choice_of_the_successor(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	core_start_member(&core, 0, 7, 5);
	core_elect(&core);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);

	/* Never a node that will not campaign, or must be silent. */
	core_first_ack(&core, 1, 0, 0);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_first_ack(&core, 2, 900, RAFT_FLAG_SILENT);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	assert_true(core_peer(&core, 2).silent);

	/* The highest priority; among equals the lowest id. */
	core_first_ack(&core, 5, 50, 0);
	assert_int_equal(core_view(&core).successor, 5);
	core_first_ack(&core, 4, 200, 0);
	assert_int_equal(core_view(&core).successor, 4);
	core_first_ack(&core, 6, 200, 0);
	assert_int_equal(core_view(&core).successor, 4);
	core_first_ack(&core, 3, 200, 0);
	assert_int_equal(core_view(&core).successor, 3);

	/* Only one that was heard of lately. */
	core_run_until(&core, core.now_ns + 3 * HEARTBEAT_NS + MS(1));
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_ack(&core, 5, 4, PROMISE_NS);
	assert_int_equal(core_view(&core).successor, 5);

	/* And never one that has lost its state since. */
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 5, 5);
	probe.standing = RAFT_AMNESIAC;
	core_receive(&core, &probe);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_free(&core);
}

static void
test_resignation_without_successor(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 2);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->successor,
					 RAFT_NO_NODE);
	core_free(&core);
}

/* If nobody takes over, the former leader is there again, in a new term. */
static void
test_former_leader_falls_back(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	resigned_ns = core.now_ns;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns - resigned_ns >= MS(40));
	assert_true(core.now_ns - resigned_ns <= TIMEOUT_MIN_NS);
	assert_false(core_view(&core).draining);
	assert_int_equal(core.request.subject_term, 7);
	assert_true(core.request.flags & RAFT_FLAG_HAS_TOKEN);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 6);
	core_grant(&core, 1);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	assert_int_equal(core_view(&core).term, 7);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

static void
test_new_leader_ends_the_draining(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_heartbeat(&core, 1, 7, 1);
	assert_false(core_view(&core).draining);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1));

	/* Nothing of the old leadership is told any more. */
	core_run_until(&core, core.now_ns + MS(500));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 0);
	core_free(&core);
}

static void
test_former_leader_votes_at_once(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ask_vote(&core, 1, 7);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Alone there is nobody to hand over to: a new term begins. */
static void
test_single_node_resigns(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	assert_false(core_lease_is_valid(&core));
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core_view(&core).term, 7);
	core_free(&core);
}

/* ----------
 * Handing over to oneself
 * ----------
 */

/* Trap 22: a node one term above is won back within a round trip. */
static void
test_leader_that_meets_a_higher_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 9);
	reject.subject_term = 6;
	reject.round = 1;
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_HIGHER_TERM);
	assert_int_equal(core.disk.term, 10);
	assert_int_equal(core.disk.vote, 0);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->successor, 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, ANYBODY), 2);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 6);
	core_grant(&core, 2);
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.cell_term, 10);
	core_free(&core);
}

static void
test_leader_that_meets_a_higher_term_in_a_refusal(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_lead(&core);
	core_refuse(&core, 4, 8, RAFT_REFUSAL_TERM);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 9);
	core_free(&core);

	/* Not of a higher term: nothing happens. */
	core_start_member(&core, 0, 5, 5);
	core_lead(&core);
	core_refuse(&core, 4, 6, RAFT_REFUSAL_VOTED);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* There is no term above the last one to campaign in: it resigns all the same. */
static void
test_leader_that_meets_the_last_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, RAFT_TERM_LIMIT - 3);
	core_lead(&core);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2,
						  RAFT_TERM_LIMIT - 1);
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_true(core.disk.term == RAFT_TERM_LIMIT - 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_RESIGN, 1));
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* A leader that may not lead any more resigns, and leaves it to others. */
static void
test_leader_resigns_when_its_priority_becomes_zero(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	term;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	term = core.disk.term;
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 1);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(core.disk.term, term);
	core_free(&core);
}

/* Heartbeat, Resign and TimeoutNow of a higher term end a leadership plainly. */
static void
test_leader_that_hears_a_later_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_heartbeat(&core, 1, 8, 1);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_int_equal(core.disk.term, 8);
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 1, 8, 2);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core.disk.term, 8);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resignation),
		cmocka_unit_test(test_only_a_leader_steps_down),
		cmocka_unit_test(test_ended_lease_never_starts_again),
		cmocka_unit_test(test_choice_of_the_successor),
		cmocka_unit_test(test_resignation_without_successor),
		cmocka_unit_test(test_former_leader_falls_back),
		cmocka_unit_test(test_new_leader_ends_the_draining),
		cmocka_unit_test(test_former_leader_votes_at_once),
		cmocka_unit_test(test_single_node_resigns),
		cmocka_unit_test(test_leader_that_meets_a_higher_term),
		cmocka_unit_test(test_leader_that_meets_a_higher_term_in_a_refusal),
		cmocka_unit_test(test_leader_that_meets_the_last_term),
		cmocka_unit_test(test_leader_resigns_when_its_priority_becomes_zero),
		cmocka_unit_test(test_leader_that_hears_a_later_leader),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
