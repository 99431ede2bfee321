/*-------------------------------------------------------------------------
 *
 * test_release.c
 *		A leadership that was given up, as successor and voters take it: TimeoutNow,
 *		Resign, release tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* Trap 16: without a pre-vote, and the next heartbeat does not turn it back. */
static void
test_successor_campaigns_at_once(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_RESIGNED);
	assert_int_equal(core.disk.term, 6);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, ANYBODY), 2);
	assert_true(core.request.flags & RAFT_FLAG_HAS_TOKEN);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 5);

	core_heartbeat(&core, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 0));

	/* The repeated message changes nothing. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core.disk.term, 6);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_free(&core);
}

/* Trap 15: late, or of somebody who does not lead us, it means nothing. */
static void
test_timeout_now_that_does_not_concern_us(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_heartbeat(&core, 2, 6, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_int_equal(core_view(&core).promised_to, 2);
	core_free(&core);

	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 2, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).promised_to, 0);

	/* Of a higher term: adopted, but it was not our leader. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 9, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 9);
	core_free(&core);
}

static void
test_successor_of_priority_zero_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 1, 3, 5);
	timings.priority = 0;
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

static void
test_resignation_lifts_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(core_event(&core, RAFT_EVENT_LEADER)->reason,
					 RAFT_REASON_RESIGNED);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_resignation_lifts_no_other_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 3, 5, 1);
	assert_int_equal(core_view(&core).promised_to, 0);
	assert_int_equal(core_view(&core).leader_id, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 4, 1);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	core_free(&core);
}

/* Also when the voter has met a higher term in the meantime. */
static void
test_resignation_lifts_the_promise_in_a_higher_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 3, 9);
	core_receive(&core, &reject);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(core.disk.term, 9);
	core_ask_vote(&core, 1, 10);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Nobody leads in term 0, so nobody resigns in it. */
static void
test_resignation_of_no_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 0, 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.request.flags & RAFT_FLAG_HAS_TOKEN, 0);
	core_free(&core);
}

/* The others follow soon, should the successor fail. */
static void
test_resignation_arms_a_short_timer(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	resigned_ns = core.now_ns;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns - resigned_ns >= MS(30));
	assert_true(core.now_ns - resigned_ns <= MS(100));
	core_free(&core);
}

/* A resignation that names us is as good as the lost TimeoutNow. */
static void
test_resignation_that_names_us(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/* A heartbeat that the resignation has overtaken. */
static void
test_late_heartbeat_of_a_resigned_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	core_heartbeat(&core, 0, 5, 2);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 0));
	core_free(&core);
}

static void
ask_with_token(Core *core, int32_t from, uint64_t term, int32_t token_leader,
			   uint64_t token_term)
{
	RaftMessage request = core_message(core, RAFT_MESSAGE_VOTE, from, term);

	request.nonce = 1;
	request.flags = RAFT_FLAG_HAS_TOKEN;
	request.token_leader = token_leader;
	request.token_term = token_term;
	core_receive(core, &request);
}

/* Trap 17: a lost resignation costs nothing; the request carries the token. */
static void
test_token_lifts_exactly_the_promise_that_it_names(void **state)
{
	Core		core;
	RaftMessage request;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	ask_with_token(&core, 1, 6, 3, 5);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 6, 0, 4);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	assert_int_equal(core.disk.term, 5);

	/* The fields count only with their flag. */
	request = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	request.token_leader = 0;
	request.token_term = 5;
	core_receive(&core, &request);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 6, 0, 5);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_token_works_for_pre_votes(void **state)
{
	Core		core;
	RaftMessage request;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	request = core_message(&core, RAFT_MESSAGE_PRE_VOTE, 1, 5);
	request.subject_term = 6;
	request.flags = RAFT_FLAG_HAS_TOKEN;
	request.token_leader = 0;
	request.token_term = 5;
	core_receive(&core, &request);
	assert_true(core_granted(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1));
	core_free(&core);
}

/* Trap 14: a token does not lift "one vote per term", nor a leader's lease. */
static void
test_token_does_not_lift_the_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ask_vote(&core, 2, 7);
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
	assert_int_equal(core.disk.vote, 2);
	core_free(&core);

	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_LEADER));
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* Trap 23: what a former leader still had under way does not come back. */
static void
test_candidate_that_led_before_sends_no_heartbeats(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	core_run_until(&core, core.now_ns + MS(100));
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_successor_campaigns_at_once),
		cmocka_unit_test(test_timeout_now_that_does_not_concern_us),
		cmocka_unit_test(test_successor_of_priority_zero_does_not_campaign),
		cmocka_unit_test(test_resignation_lifts_the_promise),
		cmocka_unit_test(test_resignation_lifts_no_other_promise),
		cmocka_unit_test(test_resignation_lifts_the_promise_in_a_higher_term),
		cmocka_unit_test(test_resignation_of_no_leader),
		cmocka_unit_test(test_resignation_arms_a_short_timer),
		cmocka_unit_test(test_resignation_that_names_us),
		cmocka_unit_test(test_late_heartbeat_of_a_resigned_leader),
		cmocka_unit_test(test_token_lifts_exactly_the_promise_that_it_names),
		cmocka_unit_test(test_token_works_for_pre_votes),
		cmocka_unit_test(test_token_does_not_lift_the_vote),
		cmocka_unit_test(test_candidate_that_led_before_sends_no_heartbeats),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
