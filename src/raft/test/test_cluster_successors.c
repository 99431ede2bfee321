/*-------------------------------------------------------------------------
 *
 * test_cluster_successors.c
 *		Who follows in a cluster: the first in rank, the next one, the one that
 *		was named.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* The successor is cut off at that moment: somebody else follows soon. */
static void
test_successor_is_lost(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		successor;
	int32_t		next;
	uint64_t	before_ns;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	successor = core_view(&network.nodes[leader].core).successor;
	assert_int_not_equal(successor, NOBODY);
	network_isolate(&network, successor, true);
	before_ns = network.now_ns;
	network_step_down(&network, leader, RAFT_REASON_STEP_DOWN);
	next = network_await_leader(&network, SECONDS(2));
	assert_int_not_equal(next, successor);
	assert_true(network.now_ns - before_ns < TIMEOUT_MIN_NS);
	network_isolate(&network, successor, false);
	network_await_agreement(&network, SECONDS(5));
	network_stop(&network);
}

/* Which of them has that rank, by its leader's word? */
static int32_t
find_rank(const Network *network, int32_t leader, int32_t rank)
{
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		if (core_peer(&network->nodes[leader].core, i).rank == rank)
			return i;
	}
	return NOBODY;
}

/* (Pre-)candidacies so far of all but one node. */
static uint64_t
count_candidacies(const Network *network, int32_t except)
{
	uint64_t	count = 0;
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		if (i != except)
			count += raft_counters(network->nodes[i].core.raft)->pre_votes_begun;
	}
	return count;
}

/*
 * The first in rank wins alone, within a step of the least timeout.  Nothing
 * is promised: a heartbeat may have reached some and not others.  So it is
 * asked of nearly all runs.
 */
static void
test_first_in_rank_wins_alone(void **state)
{
	int			alone = 0;
	int			turn;

	(void) state;
	for (turn = 0; turn < 200; turn++)
	{
		Network		network;
		int32_t		leader;
		int32_t		first;
		int32_t		next;
		uint64_t	candidacies;
		uint64_t	crashed_ns;

		network_start(&network, 5, seed + (uint64_t) turn, RAFT_NEW);
		leader = network_await_agreement(&network, SECONDS(10));
		network_run_for(&network, 10 * HEARTBEAT_NS +
						network_random_below(&network, HEARTBEAT_NS));
		first = find_rank(&network, leader, 0);
		assert_int_not_equal(first, NOBODY);
		candidacies = count_candidacies(&network, first);
		network_crash(&network, leader);
		crashed_ns = network.now_ns;
		network_run_for(&network, PROMISE_NS);
		next = network_await_leader(&network, SECONDS(5));
		if (next == first &&
			count_candidacies(&network, first) == candidacies &&
			network.now_ns - crashed_ns <= TIMEOUT_MIN_NS + MS(20))
			alone++;
		network_stop(&network);
	}
	assert_true(alone >= 195);
}

/* If the first in rank is gone too, it is the second one's turn. */
static void
test_second_in_rank_follows(void **state)
{
	int			in_turn = 0;
	int			turn;

	(void) state;
	for (turn = 0; turn < 50; turn++)
	{
		Network		network;
		int32_t		leader;
		int32_t		second;

		network_start(&network, 5, seed + (uint64_t) turn, RAFT_NEW);
		leader = network_await_agreement(&network, SECONDS(10));
		network_run_for(&network, 10 * HEARTBEAT_NS);
		second = find_rank(&network, leader, 1);
		network_crash(&network, find_rank(&network, leader, 0));
		network_crash(&network, leader);
		network_run_for(&network, PROMISE_NS);
		if (network_await_leader(&network, SECONDS(5)) == second)
			in_turn++;
		network_stop(&network);
	}
	assert_true(in_turn >= 48);
}

/* To each other node, and on from there. */
static void
test_transfer_to_each(void **state)
{
	size_t		i;

	(void) state;
	for (i = 1; i < NETWORK_SIZE_COUNT - 1; i++)
	{
		Network		network;
		int32_t		count = network_sizes[i];
		int32_t		leader = network_start_cluster(&network, count, seed);
		int32_t		turn;

		for (turn = 0; turn < 2 * count; turn++)
		{
			int32_t		next = (leader + 1 + turn % (count - 1)) % count;
			uint64_t	before_ns = network.now_ns;
			uint64_t	term = network_greatest_term(&network);

			assert_int_equal(network_transfer(&network, leader, next), RAFT_OK);
			assert_int_equal(network_leader(&network), NOBODY);
			assert_int_equal(network_await_leader(&network, SECONDS(1)), next);
			assert_true(network.now_ns - before_ns < MS(20));
			assert_int_equal(network_await_agreement(&network, SECONDS(1)), next);
			network_run_for(&network, 3 * HEARTBEAT_NS);
			assert_int_equal(network_leader(&network), next);
			assert_int_equal(network_greatest_term(&network), term + 1);
			leader = next;
		}
		network_stop(&network);
	}
}

/* The chosen one is lost on the way: the others are there soon. */
static void
test_transfer_to_one_that_is_lost(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		chosen;
	uint64_t	before_ns;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	chosen = find_rank(&network, leader, 3);
	network_isolate(&network, chosen, true);
	before_ns = network.now_ns;
	assert_int_equal(network_transfer(&network, leader, chosen), RAFT_OK);
	assert_int_not_equal(network_await_leader(&network, SECONDS(2)), chosen);
	assert_true(network.now_ns - before_ns < TIMEOUT_MIN_NS);
	network_isolate(&network, chosen, false);
	(void) network_await_agreement(&network, SECONDS(5));
	network_stop(&network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_successor_is_lost),
		cmocka_unit_test(test_first_in_rank_wins_alone),
		cmocka_unit_test(test_second_in_rank_follows),
		cmocka_unit_test(test_transfer_to_each),
		cmocka_unit_test(test_transfer_to_one_that_is_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
