/*-------------------------------------------------------------------------
 *
 * test_promise.c
 *		The voter's promise: what it binds, for how long, and what ends it.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

static void
test_promise_is_shorter_than_the_timeout(void **state)
{
	RaftTimings timings = core_timings();

	(void) state;
	assert_int_equal(raft_promise_ns(&timings), PROMISE_NS);
	timings.heartbeat_interval_ns = MS(200);
	assert_int_equal(raft_promise_ns(&timings), MS(700));
}

static void
test_acknowledgement_tells_the_promise(void **state)
{
	Core		core;
	const RaftMessage *ack;
	uint64_t	heard_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	heard_ns = core.now_ns;
	core_heartbeat(&core, 1, 7, 42);
	ack = core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1);
	assert_non_null(ack);
	assert_int_equal(ack->term, 7);
	assert_int_equal(ack->subject_term, 7);
	assert_int_equal(ack->round, 42);
	assert_int_equal(ack->promise_ns, PROMISE_NS);
	assert_int_equal(ack->priority, 100);
	assert_int_equal(ack->flags & RAFT_FLAG_SILENT, 0);
	assert_int_equal(core_view(&core).promised_to, 1);
	assert_true(core_view(&core).promised_until_ns == heard_ns + PROMISE_NS);
	core_free(&core);
}

static void
test_promise_holds_for_its_time(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	until_ns = core.now_ns + PROMISE_NS;
	core.now_ns = until_ns - 1;
	core_ask_vote(&core, 0, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 0,
							 RAFT_REFUSAL_PROMISED));
	core.now_ns = until_ns;
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, RAFT_MESSAGE_VOTE_REPLY, 0));
	core_free(&core);
}

/* Also to a leader whose acknowledgement got lost: it cannot know. */
static void
test_each_heartbeat_renews_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core.now_ns += MS(500);
	core_heartbeat(&core, 1, 5, 2);
	assert_true(core_view(&core).promised_until_ns == core.now_ns + PROMISE_NS);
	core_free(&core);
}

static void
test_settings_do_not_shorten_a_promise(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	until_ns = core_view(&core).promised_until_ns;
	timings.election_timeout_min_ns = MS(500);
	timings.election_timeout_max_ns = MS(600);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_true(core_view(&core).promised_until_ns == until_ns);

	/* The next acknowledgement tells the new length, the old end stays. */
	core_heartbeat(&core, 1, 5, 2);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1)->promise_ns,
					 MS(350));
	assert_true(core_view(&core).promised_until_ns == until_ns);
	core_free(&core);
}

/* A leader of a higher term was elected when the old promises had ended. */
static void
test_leader_of_a_higher_term_ends_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 5, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_heartbeat(&core, 0, 6, 1);
	assert_int_equal(core_view(&core).leader_id, 0);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_ask_vote(&core, 1, 7);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_PROMISED));
	core_free(&core);
}

/* Nothing else of a higher term ends it. */
static void
test_higher_term_alone_does_not_end_the_promise(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 2, 5, 5);
	core_heartbeat(&core, 1, 5, 1);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 3, 9);
	reject.subject_term = 5;
	core_receive(&core, &reject);
	assert_int_equal(core.disk.term, 9);
	core_ask_vote(&core, 0, 10);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 0,
							 RAFT_REFUSAL_PROMISED));
	core_free(&core);
}

/* The time never goes back; the greatest seen counts. */
static void
test_clock_that_goes_back(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	until_ns = core_view(&core).promised_until_ns;
	core_tick(&core, until_ns);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(raft_counters(core.raft)->clock_went_back, 0);

	/* What has run out does not come back. */
	assert_int_equal(raft_tick(core.raft, until_ns - MS(500), 1), RAFT_OK);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(raft_counters(core.raft)->clock_went_back, 1);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promise_is_shorter_than_the_timeout),
		cmocka_unit_test(test_acknowledgement_tells_the_promise),
		cmocka_unit_test(test_promise_holds_for_its_time),
		cmocka_unit_test(test_each_heartbeat_renews_the_promise),
		cmocka_unit_test(test_settings_do_not_shorten_a_promise),
		cmocka_unit_test(test_leader_of_a_higher_term_ends_the_promise),
		cmocka_unit_test(test_higher_term_alone_does_not_end_the_promise),
		cmocka_unit_test(test_clock_that_goes_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
