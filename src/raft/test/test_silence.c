/*-------------------------------------------------------------------------
 *
 * test_silence.c
 *		The longest promise that a node may have made, which is recorded, and the
 *		silence of a restarted voter.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

static void
test_longest_promise_is_recorded_first(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	int			writes;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	writes = core.write_count;
	core_reconfigure(&core, &timings);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_free(&core);

	/* Or when the settings have changed over a restart. */
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, MS(300)));
	core_boot(&core, true);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	assert_true(core_view(&core).silent_until_ns == CORE_START_NS + MS(300));
	core_free(&core);
}

/* Lowered when the longer promises are over, and not before. */
static void
test_longest_promise_is_lowered_late(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;
	uint64_t	term = 5;

	(void) state;
	core_start_member(&core, 0, 3, term);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 1, term, 1);
	timings = core_timings();
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));

	/* A write before that time keeps the figure; a later one lowers it. */
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core.now_ns = changed_ns + SECONDS(10) - MS(150) - 1;
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core.now_ns = changed_ns + SECONDS(10);
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* Without another write, too, or the next restart would be silent for long. */
static void
test_longest_promise_is_lowered_by_itself(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;
	int			writes;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, SECONDS(20)));
	core.config.timings.priority = 0;
	core_boot(&core, true);
	writes = core.write_count;
	core_run_until(&core, CORE_START_NS + SECONDS(20) - 1);
	assert_int_equal(core.write_count, writes);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(20));
	core_run_until(&core, CORE_START_NS + SECONDS(20));
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_run_until(&core, CORE_START_NS + SECONDS(60));
	assert_int_equal(core.write_count, writes + 1);
	core_free(&core);

	/* After new settings: the node asks to be ticked at that time. */
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	timings = core_timings();
	timings.priority = 0;
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	core_run_until(&core, changed_ns + SECONDS(10) - MS(150) - 1);
	assert_true(raft_next_deadline(core.raft) == core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* A second reload does not make the first one's promises shorter. */
static void
test_longest_promise_and_two_reloads(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	timings.election_timeout_min_ns = SECONDS(2);
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	core.now_ns += SECONDS(1);
	timings.election_timeout_min_ns = SECONDS(1);
	core_reconfigure(&core, &timings);
	core_run_until(&core, changed_ns + SECONDS(10) - MS(150) - 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* A restarted voter may have promised anything that its record allows. */
static void
test_restarted_voter_is_silent(void **state)
{
	Core		core;
	uint64_t	started_ns;
	const RaftMessage *ack;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_restart(&core, MS(50));
	core_meet_peers(&core);
	started_ns = core.now_ns;
	assert_true(core_view(&core).silent);
	assert_true(core_view(&core).silent_until_ns == started_ns + PROMISE_NS);

	/* Wholly: it does not even adopt the term. */
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_SILENT));
	assert_int_equal(core.disk.term, 5);
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SILENT));
	assert_true(core_sent(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1)->flags &
				RAFT_FLAG_SILENT);

	/* But it hears a leader, and its promise counts. */
	core_heartbeat(&core, 0, 5, 2);
	ack = core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 0);
	assert_non_null(ack);
	assert_true(ack->flags & RAFT_FLAG_SILENT);

	/* TimeoutNow does not wake it. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until(&core, started_ns + PROMISE_NS - 1);
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_SILENT));
	core_run_until(&core, started_ns + PROMISE_NS);
	assert_non_null(core_event(&core, RAFT_EVENT_SILENCE_ENDED));
	assert_false(core_view(&core).silent);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Its own vote is a vote; its promise to itself as a leader is a promise. */
static void
test_restarted_voter_does_not_campaign_while_silent(void **state)
{
	Core		core;
	uint64_t	started_ns;
	int			i;

	(void) state;
	for (i = 0; i < 20; i++)
	{
		core_start_member(&core, 0, 3, 5);
		core_lead(&core);
		core_restart(&core, MS(50));
		core.draw = (uint64_t) i;
		assert_int_equal(core.cell_end_ns, 0);
		core_meet_peers(&core);
		started_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns >= started_ns + PROMISE_NS);
		assert_true(core.now_ns <= started_ns + PROMISE_NS + TIMEOUT_MAX_NS);
		core_free(&core);
	}

	/* A long silence is waited for in full. */
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, SECONDS(20)));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_true(core.now_ns >= CORE_START_NS + SECONDS(20));
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_promise_is_recorded_first),
		cmocka_unit_test(test_longest_promise_is_lowered_late),
		cmocka_unit_test(test_longest_promise_is_lowered_by_itself),
		cmocka_unit_test(test_longest_promise_and_two_reloads),
		cmocka_unit_test(test_restarted_voter_is_silent),
		cmocka_unit_test(test_restarted_voter_does_not_campaign_while_silent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
