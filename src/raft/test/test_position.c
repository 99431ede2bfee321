/*-------------------------------------------------------------------------
 *
 * test_position.c
 *		How far a node has come with the data, and what that has to do with
 *		elections in each of the three modes.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* A voter at that position. */
static void
start_voter(Core *core, RaftPositionMode mode, RaftPosition position)
{
	core_start_member_with_positions(core, 0, 3, 5, mode);
	assert_int_equal(core_set_position(core, &position), RAFT_OK);
}

/* A request of node 1, or of another one, at that position. */
static void
ask(Core *core, RaftMessageType type, int32_t from, uint64_t term,
	RaftPosition position)
{
	RaftMessage request = core_message(core, type, from,
									   type == RAFT_MESSAGE_VOTE ? term : term - 1);

	request.subject_term = term;
	request.nonce = 1;
	request.position = position;
	core_receive(core, &request);
}

/* ----------
 * Setting it
 * ----------
 */

static void
test_position_travels_with_each_message(void **state)
{
	RaftPositionMode mode;
	RaftPosition none = core_position(0, 0);
	RaftPosition position = core_position(3, 7);

	(void) state;
	for (mode = RAFT_POSITION_OFF; mode <= RAFT_POSITION_REQUIRE; mode++)
	{
		Core		core;
		RaftMessage probe;

		core_start_member_with_positions(&core, 0, 3, 5, mode);
		probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 5);
		core_receive(&core, &probe);
		assert_memory_equal(&core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->position,
							&none, sizeof(RaftPosition));
		core_set_position(&core, &position);
		assert_int_equal(core.sent_count, 0);
		core_receive(&core, &probe);
		assert_memory_equal(&core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->position,
							&position, sizeof(RaftPosition));
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_memory_equal(&core.request.position, &position, sizeof(RaftPosition));
		core_heartbeat(&core, 1, 5, 1);
		assert_memory_equal(&core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1)->position,
							&position, sizeof(RaftPosition));

		/* It is not durable: its owner knows it anew after a restart. */
		core_restart(&core, MS(10));
		core_receive(&core, &probe);
		probe.to_session = core.config.session;
		core_receive(&core, &probe);
		assert_memory_equal(&core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->position,
							&none, sizeof(RaftPosition));
		core_free(&core);
	}
}

/* It is an entry like any other: what has run out goes first. */
static void
test_setting_it_lets_time_pass(void **state)
{
	Core		core;
	RaftPosition position = core_position(0, 1);

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core.now_ns = core.cell_end_ns;
	assert_int_equal(core_set_position(&core, &position), RAFT_OK);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

static RaftResult
try_init(Core *core, RaftPositionMode mode, RaftComparePositions compare)
{
	core->config.position_mode = mode;
	core->config.compare_positions = compare;
	return raft_init(core->raft, &core->config, &core->disk, true, core->now_ns, 1);
}

static void
test_modes_that_compare_need_a_callback(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	assert_int_equal(try_init(&core, RAFT_POSITION_OFF, NULL), RAFT_OK);
	assert_int_equal(try_init(&core, RAFT_POSITION_OFF, core_compare_positions),
					 RAFT_OK);
	assert_int_equal(try_init(&core, RAFT_POSITION_PREFER, NULL), RAFT_INVALID);
	assert_int_equal(try_init(&core, RAFT_POSITION_PREFER,
							  core_compare_positions), RAFT_OK);
	assert_int_equal(try_init(&core, RAFT_POSITION_REQUIRE, NULL), RAFT_INVALID);
	assert_int_equal(try_init(&core, RAFT_POSITION_REQUIRE,
							  core_compare_positions), RAFT_OK);
	assert_int_equal(try_init(&core, (RaftPositionMode) -1,
							  core_compare_positions), RAFT_INVALID);
	assert_int_equal(try_init(&core,
							  (RaftPositionMode) (RAFT_POSITION_REQUIRE + 1),
							  core_compare_positions), RAFT_INVALID);
	core_free(&core);
}

/* ----------
 * Off
 * ----------
 */

static RaftPositionOrder
fail_to_compare(const RaftPosition *one, const RaftPosition *other)
{
	(void) one;
	(void) other;
	fail_msg("positions are compared, though they are off");
	return RAFT_POSITION_INCOMPARABLE;
}

static void
start_without_positions(Core *core)
{
	RaftPosition position = core_position(0, 100);

	core_init(core, 0, 3, core_record(RAFT_MEMBER, 5, 0));
	core->config.compare_positions = fail_to_compare;
	core_boot(core, true);
	core_meet_peers(core);
	core_set_position(core, &position);
}

/* Never looked at: not by a voter, a leader, or an operator's transfer. */
static void
test_off_never_compares(void **state)
{
	Core		core;
	int32_t		i;

	(void) state;
	start_without_positions(&core);
	ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, core_position(0, 1));
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
	ask(&core, RAFT_MESSAGE_VOTE, 1, 6, core_position(1, 1));
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);

	start_without_positions(&core);
	core_elect(&core);
	for (i = 1; i < 3; i++)
	{
		RaftMessage ack = core_ack_message(&core, i, 1, PROMISE_NS);

		ack.position = core_position((uint8_t) i, (uint8_t) i);
		core_receive(&core, &ack);
	}
	core_tick(&core, core.now_ns);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank, 0);
	assert_int_equal(core_view(&core).successor, 1);
	assert_int_equal(core_transfer(&core, 2), RAFT_OK);
	core_free(&core);
}

/* ----------
 * Preferred
 * ----------
 */

/* It orders successors (test_succession.c), but nobody is refused for it. */
static void
test_preferred_is_no_reason_to_refuse(void **state)
{
	RaftPosition others[] = {
		core_position(1, 4), core_position(1, 5), core_position(1, 6),
		core_position(2, 5), core_position(0, 0)
	};
	size_t		i;

	(void) state;
	for (i = 0; i < 5; i++)
	{
		Core		core;

		start_voter(&core, RAFT_POSITION_PREFER, core_position(1, 5));
		ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, others[i]);
		assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
		ask(&core, RAFT_MESSAGE_VOTE, 1, 6, others[i]);
		assert_true(core_granted(&core, VOTE_REPLY, 1));
		core_free(&core);
	}
}

/* One that is behind is still somebody. */
static void
test_preferred_takes_whom_there_is(void **state)
{
	Core		core;
	RaftMessage ack;

	(void) state;
	start_voter(&core, RAFT_POSITION_PREFER, core_position(1, 5));
	core_elect(&core);
	ack = core_ack_message(&core, 2, 1, PROMISE_NS);
	ack.position = core_position(1, 2);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 2);
	ack = core_ack_message(&core, 1, 1, PROMISE_NS);
	ack.position = core_position(1, 1);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 2);
	ack.position = core_position(1, 3);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 1);
	core_free(&core);
}

/* ----------
 * Required (Raft paper, 5.4.1)
 * ----------
 */

static void
test_required_refuses_who_is_behind_or_elsewhere(void **state)
{
	RaftPosition others[] = {
		core_position(1, 4), core_position(2, 5), core_position(2, 9),
		core_position(0, 0)
	};
	size_t		i;

	(void) state;
	for (i = 0; i < 4; i++)
	{
		Core		core;

		start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
		ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, others[i]);
		assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_POSITION));
		assert_int_equal(raft_counters(core.raft)->pre_votes_refused, 1);
		assert_int_equal(core.disk.term, 5);
		ask(&core, RAFT_MESSAGE_VOTE, 1, 6, others[i]);
		assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_POSITION));
		assert_int_equal(raft_counters(core.raft)->votes_refused, 1);
		assert_int_equal(raft_counters(core.raft)->votes_granted, 0);
		core_free(&core);
	}
}

static void
test_required_grants_who_is_as_far_or_further(void **state)
{
	uint8_t		distance;

	(void) state;
	for (distance = 5; distance <= 6; distance++)
	{
		Core		core;
		RaftPosition position = core_position(1, distance);

		start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
		ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, position);
		assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
		ask(&core, RAFT_MESSAGE_VOTE, 1, 6, position);
		assert_true(core_granted(&core, VOTE_REPLY, 1));
		assert_int_equal(core.disk.vote, 1);

		/* Trap 12: asked again, it is granted again. */
		ask(&core, RAFT_MESSAGE_VOTE, 1, 6, position);
		assert_true(core_granted(&core, VOTE_REPLY, 1));
		assert_int_equal(raft_counters(core.raft)->votes_granted, 2);
		core_free(&core);
	}
}

/*
 * Figure 2: whoever sees a higher term adopts it, also if it refuses the vote;
 * which is then still to be had by somebody better.
 */
static void
test_refused_vote_spreads_its_term(void **state)
{
	Core		core;

	(void) state;
	start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
	ask(&core, RAFT_MESSAGE_VOTE, 1, 9, core_position(1, 4));
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_POSITION));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 1)->term, 9);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_NONE);
	ask(&core, RAFT_MESSAGE_VOTE, 2, 9, core_position(1, 5));
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	assert_int_equal(core.disk.vote, 2);
	core_free(&core);
}

/* A candidate that is refused keeps its own vote for itself. */
static void
test_refusing_candidate_stands_by_its_vote(void **state)
{
	Core		core;

	(void) state;
	start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
	core_become_candidate(&core);
	ask(&core, RAFT_MESSAGE_VOTE, 1, 6, core_position(1, 4));
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/*
 * Refusing is no sign of a leader and no consent: the refuser's own timer,
 * which is what the cluster waits for, goes on.
 */
static void
test_refusing_does_not_put_off_own_candidacy(void **state)
{
	Core		core;
	uint64_t	heard_ns;

	(void) state;
	start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
	core_heartbeat(&core, 2, 5, 1);
	heard_ns = core.now_ns;
	while (core_view(&core).role == RAFT_FOLLOWER)
	{
		core_run_until(&core, core.now_ns + MS(5));
		assert_true(core.now_ns <= heard_ns + TIMEOUT_MAX_NS + MS(5));
		if (core_view(&core).role != RAFT_FOLLOWER)
			break;
		ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, core_position(1, 4));
		assert_false(core_granted(&core, PRE_VOTE_REPLY, 1));
	}
	core_free(&core);
}

/* Any other reason to refuse goes first: a promise, a vote, a leader's lease. */
static void
test_position_is_the_last_reason(void **state)
{
	Core		core;

	(void) state;
	start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
	core_heartbeat(&core, 2, 5, 1);
	ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 6, core_position(1, 4));
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask(&core, RAFT_MESSAGE_VOTE, 1, 6, core_position(1, 9));
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	assert_int_equal(core.disk.term, 5);
	ask(&core, RAFT_MESSAGE_PRE_VOTE, 1, 5, core_position(1, 4));
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_TERM));
	core_free(&core);
}

/* The leader would refuse it itself, and so may others: it does not follow. */
static void
test_required_of_successors(void **state)
{
	Core		core;
	RaftMessage ack;

	(void) state;
	start_voter(&core, RAFT_POSITION_REQUIRE, core_position(1, 5));
	core_elect(&core);
	ack = core_ack_message(&core, 1, 1, PROMISE_NS);
	ack.priority = 1000;
	ack.position = core_position(1, 4);
	core_receive(&core, &ack);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	ack.position = core_position(2, 9);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	ack = core_ack_message(&core, 2, 1, PROMISE_NS);
	ack.position = core_position(1, 5);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 2);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank, RAFT_NO_RANK);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2)->rank, 0);

	/* It catches up. */
	ack = core_ack_message(&core, 1, 1, PROMISE_NS);
	ack.priority = 1000;
	ack.position = core_position(1, 5);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 1);
	core_free(&core);
}

/* ----------
 * Clusters
 * ----------
 */

/*
 * "High term, short log" against "low term, long log": the first can be
 * elected by nobody, the second is not listened to until it has learnt the
 * term, which under pre-vote only refusals tell (openraft #1796, etcd #8501,
 * redpanda #2071).  Both camps are needed for a majority.
 */
static void
play_cohorts(int32_t count, int32_t high_count, uint64_t run_seed)
{
	Network		network;
	int32_t		leader;
	int32_t		i;

	network_start(&network, count, run_seed, RAFT_MEMBER);
	(void) network_await_agreement(&network, SECONDS(10));
	for (i = 0; i < count; i++)
		network_crash(&network, i);

	/* The last one stays down. */
	for (i = 0; i < count - 1; i++)
	{
		NetworkNode *node = &network.nodes[i];
		RaftDurable record = node->core.disk;
		RaftPosition position = core_position(0, i < high_count ? 1 : 9);

		record.term += i < high_count ? 20 : 0;
		record.vote = RAFT_VOTE_SPOILED;
		node->core.config.position_mode = RAFT_POSITION_REQUIRE;
		node->core.config.compare_positions = core_compare_positions;
		network_replace_state(&network, i, record, true);
		network_set_position(&network, i, &position);
	}
	leader = network_await_agreement(&network, SECONDS(10));
	assert_true(leader >= high_count);
	assert_true(network_greatest_term(&network) > 20);
	network_stop(&network);
}

static void
test_cohorts_find_together(void **state)
{
	uint64_t	turn;

	(void) state;
	for (turn = 0; turn < 30; turn++)
	{
		play_cohorts(3, 1, seed + turn);
		play_cohorts(4, 1, seed + 100 + turn);
		play_cohorts(4, 2, seed + 200 + turn);
		play_cohorts(5, 2, seed + 300 + turn);
		play_cohorts(7, 3, seed + 400 + turn);
	}
}

/* Whoever wins is as far as a majority, so nothing that one has is lost. */
static void
test_winner_is_as_far_as_a_majority(void **state)
{
	uint64_t	turn;

	(void) state;
	for (turn = 0; turn < 30; turn++)
	{
		Network		network;
		uint8_t		distances[5];
		int			as_far = 0;
		int32_t		leader;
		int32_t		i;

		network_start(&network, 5, seed + turn, RAFT_MEMBER);
		for (i = 0; i < 5; i++)
			network_crash(&network, i);
		for (i = 0; i < 5; i++)
		{
			NetworkNode *node = &network.nodes[i];
			RaftPosition position;

			distances[i] = (uint8_t) network_random_below(&network, 4);
			position = core_position(0, distances[i]);
			node->core.config.position_mode = RAFT_POSITION_REQUIRE;
			node->core.config.compare_positions = core_compare_positions;
			network_restart(&network, i);
			network_set_position(&network, i, &position);
		}
		leader = network_await_agreement(&network, SECONDS(10));
		for (i = 0; i < 5; i++)
			as_far += distances[leader] >= distances[i] ? 1 : 0;
		assert_true(as_far >= 3);
		network_stop(&network);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_position_travels_with_each_message),
		cmocka_unit_test(test_setting_it_lets_time_pass),
		cmocka_unit_test(test_modes_that_compare_need_a_callback),
		cmocka_unit_test(test_off_never_compares),
		cmocka_unit_test(test_preferred_is_no_reason_to_refuse),
		cmocka_unit_test(test_preferred_takes_whom_there_is),
		cmocka_unit_test(test_required_refuses_who_is_behind_or_elsewhere),
		cmocka_unit_test(test_required_grants_who_is_as_far_or_further),
		cmocka_unit_test(test_refused_vote_spreads_its_term),
		cmocka_unit_test(test_refusing_candidate_stands_by_its_vote),
		cmocka_unit_test(test_refusing_does_not_put_off_own_candidacy),
		cmocka_unit_test(test_position_is_the_last_reason),
		cmocka_unit_test(test_required_of_successors),
		cmocka_unit_test(test_cohorts_find_together),
		cmocka_unit_test(test_winner_is_as_far_as_a_majority),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
