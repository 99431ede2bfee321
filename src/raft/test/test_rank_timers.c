/*-------------------------------------------------------------------------
 *
 * test_rank_timers.c
 *		How long each rank waits for its turn, and the step between two of them.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* Over how long the timers of ranked followers are spread. */
#define RANKED_SPAN_NS		MS(300)

/* The greatest step between two ranks: 15 % of the least timeout. */
#define STEP_CAP_NS			MS(150)

/* ----------
 * The followers' timers
 * ----------
 */

/* Node 1 leads in that term; it says so, and what our rank is. */
static void
hear(Core *core, int32_t from, uint64_t term, int32_t rank, uint32_t epoch,
	 uint64_t rank_delay_ns)
{
	RaftMessage heartbeat = core_heartbeat_message(core, from, term, 1);

	heartbeat.rank = rank;
	heartbeat.rank_epoch = epoch;
	heartbeat.rank_delay_ns = rank_delay_ns;
	core_receive(core, &heartbeat);
	assert_non_null(core_sent(core, RAFT_MESSAGE_HEARTBEAT_ACK, from));
}

/* The node asks for votes then, and not a nanosecond before. */
static void
assert_campaigns_at(Core *core, uint64_t at_ns)
{
	core_run_until(core, at_ns - 1);
	assert_int_equal(core_view(core).role, RAFT_FOLLOWER);
	assert_true(raft_next_deadline(core->raft) == at_ns);
	core_run_until(core, at_ns);
	assert_int_equal(core_view(core).role, RAFT_PRE_CANDIDATE);
}

static void
test_each_rank_has_its_moment(void **state)
{
	int32_t		rank;

	(void) state;
	for (rank = 0; rank <= 6; rank++)
	{
		Core		core;

		core_start_member(&core, 0, 9, 5);
		core.draw = (uint64_t) rank * 12345;
		hear(&core, 1, 5, rank, 1, MS(50));
		assert_int_equal(core_view(&core).rank, rank);
		assert_int_equal(core_view(&core).rank_delay_ns, MS(50));
		assert_campaigns_at(&core, core.now_ns + TIMEOUT_MIN_NS +
							(uint64_t) rank * MS(50));
		core_free(&core);
	}
}

/* How long a follower of that rank waits, with each of many draws. */
static void
measure_waits(const RaftTimings *timings, int32_t rank, uint64_t rank_delay_ns,
			  uint64_t *least, uint64_t *greatest)
{
	int			i;

	*least = UINT64_MAX;
	*greatest = 0;
	for (i = 0; i < 200; i++)
	{
		Core		core;
		uint64_t	heard_ns;
		uint64_t	wait;

		core_start_member(&core, 0, 9, 5);
		assert_int_equal(core_reconfigure(&core, timings), RAFT_OK);
		core.draw = (uint64_t) i * 12345;
		hear(&core, 1, 5, rank, 1, rank_delay_ns);
		heard_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		wait = core.now_ns - heard_ns;
		if (*least > wait)
			*least = wait;
		if (*greatest < wait)
			*greatest = wait;
		core_free(&core);
	}
}

/* The ranks for which there is no moment left share the rest at random. */
static void
test_ranks_beyond_the_span_share_the_rest(void **state)
{
	RaftTimings timings = core_timings();
	uint64_t	least;
	uint64_t	greatest;

	(void) state;
	measure_waits(&timings, 3, MS(100), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS + RANKED_SPAN_NS);
	assert_true(greatest == least);

	measure_waits(&timings, 4, MS(100), &least, &greatest);
	assert_true(least > TIMEOUT_MIN_NS + RANKED_SPAN_NS);
	assert_true(greatest <= TIMEOUT_MAX_NS);
	assert_true(greatest - least > MS(100));

	/* Just beyond is beyond. */
	measure_waits(&timings, 3, MS(100) + 1, &least, &greatest);
	assert_true(least > TIMEOUT_MIN_NS + RANKED_SPAN_NS);
	assert_true(greatest > least);
}

static void
test_without_rank_it_is_the_whole_span(void **state)
{
	RaftTimings timings = core_timings();
	uint64_t	least;
	uint64_t	greatest;

	(void) state;
	measure_waits(&timings, RAFT_NO_RANK, MS(100), &least, &greatest);
	assert_true(least >= TIMEOUT_MIN_NS && least < TIMEOUT_MIN_NS + MS(50));
	assert_true(greatest <= TIMEOUT_MAX_NS && greatest > TIMEOUT_MAX_NS - MS(50));
}

/* The span of ranks is 60 % of a narrow interval, 30 % of the least timeout. */
static void
test_span_of_ranks(void **state)
{
	RaftTimings timings = core_timings();
	uint64_t	least;
	uint64_t	greatest;

	(void) state;
	timings.election_timeout_max_ns = TIMEOUT_MIN_NS + MS(100);
	measure_waits(&timings, 6, MS(10), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS + MS(60) && greatest == least);
	measure_waits(&timings, 7, MS(10), &least, &greatest);
	assert_true(least > TIMEOUT_MIN_NS + MS(60) && greatest > least);
	assert_true(greatest <= TIMEOUT_MIN_NS + MS(100));

	timings.election_timeout_max_ns = 10 * TIMEOUT_MIN_NS;
	measure_waits(&timings, 2, MS(150), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS + MS(300) && greatest == least);
	measure_waits(&timings, 3, MS(150), &least, &greatest);
	assert_true(least > TIMEOUT_MIN_NS + MS(300));
	assert_true(greatest > 5 * TIMEOUT_MIN_NS);
}

/* A longest timeout barely above the least leaves no room, and does no harm. */
static void
test_no_room_for_ranks(void **state)
{
	RaftTimings timings = core_timings();
	uint64_t	least;
	uint64_t	greatest;

	(void) state;
	timings.election_timeout_max_ns = TIMEOUT_MIN_NS + 1;
	measure_waits(&timings, 0, MS(10), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS && greatest == TIMEOUT_MIN_NS);
	measure_waits(&timings, 1, MS(10), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS + 1 && greatest == TIMEOUT_MIN_NS + 1);
	measure_waits(&timings, RAFT_NO_RANK, MS(10), &least, &greatest);
	assert_true(least == TIMEOUT_MIN_NS && greatest == TIMEOUT_MIN_NS + 1);
}

/* What the leader measured is taken within one's own bounds. */
static void
test_step_is_taken_within_own_bounds(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 1, 1, 0);
	assert_int_equal(core_view(&core).rank_delay_ns, MS(10));
	assert_campaigns_at(&core, core.now_ns + TIMEOUT_MIN_NS + MS(10));
	core_free(&core);

	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 1, 1, UINT64_MAX);
	assert_int_equal(core_view(&core).rank_delay_ns, STEP_CAP_NS);
	assert_campaigns_at(&core, core.now_ns + TIMEOUT_MIN_NS + STEP_CAP_NS);
	core_free(&core);

	/* Of one's own settings, not the leader's: the cap goes before 10 ms. */
	core_start_member(&core, 0, 9, 5);
	timings.heartbeat_interval_ns = MS(2);
	timings.election_timeout_min_ns = MS(20);
	timings.election_timeout_max_ns = MS(40);
	core_reconfigure(&core, &timings);
	hear(&core, 1, 5, 2, 1, MS(12));
	assert_int_equal(core_view(&core).rank_delay_ns, MS(3));
	assert_campaigns_at(&core, core.now_ns + MS(20) + MS(6));
	core_free(&core);
}

/* Datagrams change places: an older epoch's rank is out of date. */
static void
test_rank_of_an_older_epoch_does_not_count(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 2, 7, MS(50));
	core.now_ns += MS(30);
	hear(&core, 1, 5, 0, 6, MS(20));
	assert_int_equal(core_view(&core).rank, 2);
	assert_int_equal(core_view(&core).rank_delay_ns, MS(50));

	/* But it is a heartbeat, and puts off the election. */
	assert_campaigns_at(&core, core.now_ns + TIMEOUT_MIN_NS + MS(100));
	core_free(&core);

	/* The same epoch brings a new step, a later one a new rank. */
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 2, 7, MS(50));
	hear(&core, 1, 5, 2, 7, MS(20));
	assert_int_equal(core_view(&core).rank_delay_ns, MS(20));
	hear(&core, 1, 5, 1, 8, MS(20));
	assert_int_equal(core_view(&core).rank, 1);
	hear(&core, 1, 5, RAFT_NO_RANK, 9, MS(20));
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);
}

/* A rank is of one leader in one term, and so is its epoch. */
static void
test_rank_is_of_one_leadership(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 3, 7, MS(50));

	/* The same leader, a later term. */
	hear(&core, 1, 6, 1, 0, MS(20));
	assert_int_equal(core_view(&core).rank, 1);
	assert_int_equal(core_view(&core).rank_delay_ns, MS(20));

	/* Another leader. */
	hear(&core, 1, 6, 1, 7, MS(20));
	hear(&core, 2, 7, 4, 0, MS(30));
	assert_int_equal(core_view(&core).rank, 4);

	/* A leader that ranks nobody yet. */
	hear(&core, 1, 8, RAFT_NO_RANK, 0, MS(10));
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);
}

static void
test_rank_goes_with_the_leader(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;

	/* With the timeout; what was told does not serve the next one. */
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 0, 1, MS(50));
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);

	/* With a higher term: the whole span, from then on. */
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 0, 1, MS(50));
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 9);
	core_receive(&core, &reject);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);

	/* With the resignation. */
	core_start_member(&core, 0, 9, 5);
	hear(&core, 1, 5, 3, 1, MS(50));
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 1, 5, 2);
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);

	/* A leader has none. */
	core_start_member(&core, 0, 3, 5);
	hear(&core, 1, 5, 0, 1, MS(50));
	core_lead(&core);
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_free(&core);
}

/* ----------
 * After a resignation
 * ----------
 */

/* The successor asks at once, the first one gives it one step. */
static void
test_ranks_after_a_resignation(void **state)
{
	int32_t		rank;

	(void) state;
	for (rank = 0; rank <= 3; rank++)
	{
		Core		core;

		core_start_member(&core, 0, 9, 5);
		hear(&core, 1, 5, rank, 1, MS(100));
		core.now_ns += MS(77);
		core_resignation(&core, RAFT_MESSAGE_RESIGN, 1, 5, 2);
		assert_campaigns_at(&core, core.now_ns +
							MS(100) * (uint64_t) (rank + 1));
		core_free(&core);
	}
}

/* How long a follower waits after a resignation, with each of many draws. */
static void
measure_waits_after_a_resignation(int32_t rank, uint64_t write_ns,
								  uint64_t *least, uint64_t *greatest)
{
	int			i;

	*least = UINT64_MAX;
	*greatest = 0;
	for (i = 0; i < 200; i++)
	{
		Core		core;
		uint64_t	resigned_ns;
		uint64_t	wait;

		/* The first write is measured. */
		core_init(&core, 0, 9, core_record(RAFT_MEMBER, 5, 0));
		core.write_ns = write_ns;
		core_boot(&core, true);
		core_meet_peers(&core);
		core.draw = (uint64_t) i * 12345;
		hear(&core, 1, 5, rank, 1, MS(100));
		core_resignation(&core, RAFT_MESSAGE_RESIGN, 1, 5, 2);
		resigned_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		wait = core.now_ns - resigned_ns;
		if (*least > wait)
			*least = wait;
		if (*greatest < wait)
			*greatest = wait;
		core_free(&core);
	}
}

/* Behind them come those without a moment of their own: 3 to 9 steps. */
static void
test_the_rest_after_a_resignation(void **state)
{
	int32_t		ranks[] = {RAFT_NO_RANK, 4};
	size_t		i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		uint64_t	least;
		uint64_t	greatest;

		/* A step by one's own measure: twice the write's duration. */
		measure_waits_after_a_resignation(ranks[i], MS(10), &least, &greatest);
		assert_true(least >= MS(60) && least < MS(75));
		assert_true(greatest < MS(180) && greatest > MS(165));

		/* But never longer than without a resignation. */
		measure_waits_after_a_resignation(ranks[i], MS(300), &least, &greatest);
		assert_true(least >= 3 * STEP_CAP_NS);
		assert_true(greatest == TIMEOUT_MIN_NS);
	}
}

/* ----------
 * The step between two ranks
 * ----------
 */

/* One's own measure: what a node without rank shows. */
static uint64_t
step_ns(const Core *core)
{
	assert_int_equal(core_view(core).rank, RAFT_NO_RANK);
	return core_view(core).rank_delay_ns;
}

/* Let the node measure that round trip to the peer. */
static void
measure(Core *core, int32_t peer_id, uint64_t round_trip_ns)
{
	RaftMessage probe = core_message(core, RAFT_MESSAGE_PROBE, peer_id, 5);
	RaftMessage reply = core_message(core, RAFT_MESSAGE_PROBE_REPLY, peer_id, 5);

	/* A challenge is a probe that one can ask for. */
	core->now_ns += MS(10);
	probe.stranger = true;
	probe.challenge = reply.nonce = 77;
	core_receive(core, &probe);
	core->now_ns += round_trip_ns;
	core_receive(core, &reply);
}

static void
test_step_follows_round_trips(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 4, 5);

	/* Two writes of 1 ms each; less than 10 ms is never believed. */
	assert_int_equal(step_ns(&core), MS(10));
	measure(&core, 1, 1333332);
	assert_int_equal(core_peer(&core, 1).round_trip_ns, 1333332);
	assert_int_equal(step_ns(&core), MS(10));

	/* Mean 4, deviation 2 at first: 3 (4 + 2 * 2) + 2. */
	measure(&core, 2, MS(4));
	assert_int_equal(step_ns(&core), MS(26));

	/* (3 * 2 + 8) / 4 = 3.5; (7 * 4 + 12) / 8 = 5; 3 (5 + 2 * 3.5) + 2. */
	measure(&core, 2, MS(12));
	assert_int_equal(core_peer(&core, 2).round_trip_ns, MS(5));
	assert_int_equal(step_ns(&core), MS(38));

	/* Shorter than the mean deviates as well: (3 * 3.5 + 4) / 4 = 3.625. */
	measure(&core, 2, MS(1));
	assert_int_equal(core_peer(&core, 2).round_trip_ns, MS(4) + MS(1) / 2);
	assert_int_equal(step_ns(&core), 3 * (4500000 + 2 * 3625000) + MS(2));

	/* The greatest of all peers'; a nearer one changes nothing. */
	measure(&core, 3, MS(10));
	assert_int_equal(step_ns(&core), 3 * MS(20) + MS(2));
	measure(&core, 1, MS(2));
	assert_int_equal(step_ns(&core), 3 * MS(20) + MS(2));

	/* And not above the cap. */
	measure(&core, 3, SECONDS(20));
	assert_int_equal(step_ns(&core), STEP_CAP_NS);
	core_free(&core);
}

/* Three seconds of silence, and what was measured says nothing any more. */
static void
test_step_forgets_peers_that_are_gone(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	heard_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	core_reconfigure(&core, &timings);
	measure(&core, 2, MS(10));
	heard_ns = core.now_ns;
	core_run_until(&core, heard_ns + SECONDS(3));
	assert_int_equal(step_ns(&core), MS(62));
	core_run_until(&core, heard_ns + SECONDS(3) + 1);
	assert_int_equal(step_ns(&core), MS(10));
	core_free(&core);
}

/* Two writes, of the slowest disk that is known. */
static void
test_step_follows_storage_times(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 5);
	probe.storage_ns = MS(30);
	core_receive(&core, &probe);
	assert_int_equal(step_ns(&core), MS(60));
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 2, 5);
	probe.storage_ns = MS(20);
	core_receive(&core, &probe);
	assert_int_equal(step_ns(&core), MS(60));
	probe.storage_ns = MS(75);
	core_receive(&core, &probe);
	assert_int_equal(step_ns(&core), STEP_CAP_NS);
	probe.storage_ns = MS(76);
	core_receive(&core, &probe);
	assert_int_equal(step_ns(&core), STEP_CAP_NS);

	/* Twice the half of all numbers is nothing, if one does not look. */
	probe.storage_ns = UINT64_C(1) << 63;
	core_receive(&core, &probe);
	assert_int_equal(step_ns(&core), STEP_CAP_NS);
	core_free(&core);

	/* One's own, smoothed: (7 * 1 + 41) / 8 = 6. */
	core_start_member(&core, 0, 3, 5);
	core.write_ns = MS(41);
	core_ask_vote(&core, 1, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1)->storage_ns, MS(1));
	assert_int_equal(step_ns(&core), MS(12));
	core_ask_vote(&core, 1, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1)->storage_ns, MS(6));
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rank_has_its_moment),
		cmocka_unit_test(test_ranks_beyond_the_span_share_the_rest),
		cmocka_unit_test(test_without_rank_it_is_the_whole_span),
		cmocka_unit_test(test_span_of_ranks),
		cmocka_unit_test(test_no_room_for_ranks),
		cmocka_unit_test(test_step_is_taken_within_own_bounds),
		cmocka_unit_test(test_rank_of_an_older_epoch_does_not_count),
		cmocka_unit_test(test_rank_is_of_one_leadership),
		cmocka_unit_test(test_rank_goes_with_the_leader),
		cmocka_unit_test(test_ranks_after_a_resignation),
		cmocka_unit_test(test_the_rest_after_a_resignation),
		cmocka_unit_test(test_step_follows_round_trips),
		cmocka_unit_test(test_step_forgets_peers_that_are_gone),
		cmocka_unit_test(test_step_follows_storage_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
