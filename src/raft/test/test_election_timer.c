/*-------------------------------------------------------------------------
 *
 * test_election_timer.c
 *		When one node campaigns: the election timeout, reloads of it, retries, and
 *		priority 0.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

static void
test_election_timeout_is_drawn_between_its_bounds(void **state)
{
	uint64_t	least = UINT64_MAX;
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	for (i = 0; i < 100; i++)
	{
		Core		core;
		uint64_t	heard_ns;

		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 12345;
		core_heartbeat(&core, 1, 5, 1);
		heard_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		if (least > core.now_ns - heard_ns)
			least = core.now_ns - heard_ns;
		if (greatest < core.now_ns - heard_ns)
			greatest = core.now_ns - heard_ns;
		core_free(&core);
	}
	assert_true(least >= TIMEOUT_MIN_NS && greatest <= TIMEOUT_MAX_NS);
	assert_true(greatest - least > (TIMEOUT_MAX_NS - TIMEOUT_MIN_NS) / 2);
}

static void
test_heartbeats_put_off_the_election(void **state)
{
	Core		core;
	int			round;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	for (round = 1; round < 50; round++)
	{
		core_heartbeat(&core, 1, 5, (uint64_t) round);
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	}
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_free(&core);
}

/* One's own vote is a vote: a promise forbids it too. */
static void
test_promised_node_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	promised_until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(11);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 1);
	promised_until_ns = core_view(&core).promised_until_ns;
	assert_true(promised_until_ns > core.now_ns + SECONDS(9));

	/* A shorter timeout, but the long promise holds. */
	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 2);
	assert_true(core_view(&core).promised_until_ns == promised_until_ns);
	core_run_until(&core, promised_until_ns - 1);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_run_until(&core, promised_until_ns + MS(500));
	assert_true(raft_counters(core.raft)->pre_votes_begun >= 1);
	core_free(&core);
}

/*
 * A node that waits for long comes forward at a reload to shorter timeouts: by
 * a draw of these from now on, with nobody there to set its timer anew.
 */
static void
test_reload_brings_a_far_timer_forward(void **state)
{
	uint64_t	first = UINT64_MAX;
	uint64_t	last = 0;
	int			i;

	(void) state;
	for (i = 0; i < 200; i++)
	{
		Core		core;
		RaftTimings timings = core_timings();
		uint64_t	waited;

		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 1000;
		timings.election_timeout_min_ns = SECONDS(60);
		timings.election_timeout_max_ns = SECONDS(3000);
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);

		/* Its leader asks for a vote: no promise is left, but a far timer. */
		core_heartbeat(&core, 1, 6, 1);
		core_ask_vote(&core, 1, 7);
		assert_true(core_granted(&core, VOTE_REPLY, 1));
		core_run_until(&core, core.now_ns + SECONDS(59));
		assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);

		timings = core_timings();
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
		waited = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		waited = core.now_ns - waited;
		if (waited < first)
			first = waited;
		if (waited > last)
			last = waited;
		core_free(&core);
	}
	assert_true(first >= TIMEOUT_MIN_NS && first < TIMEOUT_MIN_NS + MS(50));
	assert_true(last <= TIMEOUT_MAX_NS && last > TIMEOUT_MAX_NS - MS(50));
}

/* Longer timeouts do not put off a timer that runs; nor does a second reload. */
static void
test_reload_never_puts_a_timer_off(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	deadline_ns;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_run_until(&core, core.now_ns + MS(990));
	assert_int_equal(core_view(&core).leader_id, 1);
	for (i = 0; i < 10; i++)
	{
		timings.election_timeout_min_ns += MS(500);
		timings.election_timeout_max_ns += MS(1000);
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	}
	deadline_ns = core.now_ns + TIMEOUT_MAX_NS - MS(990);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns <= deadline_ns);
	core_free(&core);
}

/* The timer comes forward; the promise, which forbids candidacy, does not. */
static void
test_reload_keeps_the_promise(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	promised_until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(100);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 1);
	promised_until_ns = core_view(&core).promised_until_ns;

	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_true(core_view(&core).promised_until_ns == promised_until_ns);
	core_run_until(&core, core.now_ns + TIMEOUT_MAX_NS);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	core_run_until(&core, promised_until_ns - 1);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_ask_vote(&core, 2, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_PROMISED));
	core_run_until(&core, promised_until_ns + TIMEOUT_MAX_NS);
	assert_true(raft_counters(core.raft)->pre_votes_begun >= 1);
	core_free(&core);
}

static void
test_priority_zero_votes_but_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 1)->priority, 0);
	core_free(&core);
}

/* Nor does one that asks already, when the setting changes. */
static void
test_candidate_of_priority_zero_gives_up(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* Trap 31: duels of equal timers end, as the spread of retries grows. */
static void
test_retries_spread_more_and_more(void **state)
{
	Core		core;
	uint64_t	waits[8];
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	for (i = 0; i < 8; i++)
	{
		uint64_t	failed_ns;

		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		waits[i] = core.now_ns - failed_ns;
		assert_true(waits[i] >= MS(20));
		assert_true(waits[i] <= MS(20) + (MS(70) << (i < 5 ? i : 5)));
		if (greatest < waits[i])
			greatest = waits[i];
	}
	assert_true(greatest > MS(100));
	core_free(&core);
}

/* Nor does it ever grow beyond the longest timeout. */
static void
test_retries_stay_within_the_longest_timeout(void **state)
{
	Core		core;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);

	/* A slow disk makes for long steps between the timers. */
	core.write_ns = MS(400);
	core_heartbeat(&core, 1, 6, 1);
	for (i = 0; i < 40; i++)
	{
		uint64_t	failed_ns;

		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns - failed_ns <= TIMEOUT_MAX_NS + 2 * MS(150));
	}
	core_free(&core);
}

/* With long timeouts a fiftieth of the least one is the spread to begin with. */
static void
test_retries_spread_with_long_timeouts(void **state)
{
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	for (i = 0; i < 50; i++)
	{
		Core		core;
		RaftTimings timings = core_timings();
		uint64_t	failed_ns;

		timings.election_timeout_min_ns = SECONDS(20);
		timings.election_timeout_max_ns = SECONDS(30);
		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 12345;
		core_reconfigure(&core, &timings);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns - failed_ns >= MS(20));
		assert_true(core.now_ns - failed_ns <= MS(420));
		if (greatest < core.now_ns - failed_ns)
			greatest = core.now_ns - failed_ns;
		core_free(&core);
	}
	assert_true(greatest > MS(300));
}

/* Nor when a leader that it has heard is gone; it waits, and goes on waiting. */
static void
test_priority_zero_outwaits_its_leader(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 1, 5, 1);
	core_run_until(&core, core.now_ns + TIMEOUT_MAX_NS);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_election_timeout_is_drawn_between_its_bounds),
		cmocka_unit_test(test_heartbeats_put_off_the_election),
		cmocka_unit_test(test_promised_node_does_not_campaign),
		cmocka_unit_test(test_reload_brings_a_far_timer_forward),
		cmocka_unit_test(test_reload_never_puts_a_timer_off),
		cmocka_unit_test(test_reload_keeps_the_promise),
		cmocka_unit_test(test_priority_zero_votes_but_does_not_campaign),
		cmocka_unit_test(test_candidate_of_priority_zero_gives_up),
		cmocka_unit_test(test_retries_spread_more_and_more),
		cmocka_unit_test(test_retries_stay_within_the_longest_timeout),
		cmocka_unit_test(test_retries_spread_with_long_timeouts),
		cmocka_unit_test(test_priority_zero_outwaits_its_leader),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
