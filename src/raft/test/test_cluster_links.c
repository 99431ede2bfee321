/*-------------------------------------------------------------------------
 *
 * test_cluster_links.c
 *		Clusters with partitions, one-way links, and partial connectivity.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* Traps 26, 30: the smaller side spends no terms and disturbs nobody. */
static void
test_partitions(void **state)
{
	size_t		i;

	(void) state;
	for (i = 2; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = network_sizes[i];
		int32_t		leader = network_start_cluster(&network, count, seed);
		int32_t		minority = (count - 1) / 2;
		int32_t		a;
		int32_t		b;
		int32_t		next;
		uint64_t	term;

		/* The leader and others up to a minority on one side. */
		for (a = 0; a < minority; a++)
		{
			for (b = minority; b < count; b++)
				network_cut_both(&network, (leader + a) % count,
								 (leader + b) % count, true);
		}
		network_run_for(&network, PROMISE_NS);
		assert_int_not_equal(network_leader(&network), leader);
		next = network_await_leader(&network, 3 * TIMEOUT_MAX_NS);
		assert_true((next - leader + count) % count >= minority);
		network_run_for(&network, SECONDS(60));
		assert_int_equal(network_leader(&network), next);
		term = network_greatest_term(&network);
		network_heal(&network);
		assert_int_equal(network_await_agreement(&network, SECONDS(5)), next);
		assert_int_equal(network_greatest_term(&network), term);
		network_stop(&network);
	}
}

/* Halves of an even cluster: none of them leads. */
static void
test_even_halves(void **state)
{
	Network		network;
	int32_t		a;
	int32_t		b;

	(void) state;
	(void) network_start_cluster(&network, 4, seed);
	for (a = 0; a < 2; a++)
	{
		for (b = 2; b < 4; b++)
			network_cut_both(&network, a, b, true);
	}
	network_run_for(&network, SECONDS(2));
	assert_int_equal(network_leader(&network), NOBODY);
	network_run_for(&network, SECONDS(20));
	assert_int_equal(network_leader(&network), NOBODY);
	network_heal(&network);
	network_await_agreement(&network, SECONDS(5));
	network_stop(&network);
}

/* ----------
 * Links that are not symmetric, and partial connectivity
 * ----------
 */

/* Trap 33: a node that only sends disturbs nobody; nor one that only hears. */
static void
test_one_way_links(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		other;
	int32_t		i;
	uint64_t	term;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	term = network_greatest_term(&network);
	other = (leader + 1) % 5;
	for (i = 0; i < 5; i++)
		network_cut(&network, i, other, true);
	network_run_for(&network, SECONDS(30));
	assert_int_equal(network_leader(&network), leader);
	assert_int_equal(network_greatest_term(&network), term);
	network_heal(&network);
	for (i = 0; i < 5; i++)
		network_cut(&network, other, i, true);
	network_run_for(&network, SECONDS(30));
	assert_int_equal(network_leader(&network), leader);
	assert_int_equal(network_greatest_term(&network), term);
	network_heal(&network);

	/* A leader that is heard but hears nobody gives up in time. */
	for (i = 0; i < 5; i++)
		network_cut(&network, i, leader, true);
	network_run_for(&network, PROMISE_NS);
	assert_int_not_equal(network_leader(&network), leader);
	assert_int_not_equal(network_await_leader(&network, SECONDS(6)), leader);
	network_stop(&network);
}

/* Trap 24: bystanders that cannot hear the leader do not depose it. */
static void
test_chain(void **state)
{
	Network		network;
	int32_t		leader;
	uint64_t	term;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	term = network_greatest_term(&network);
	network_cut_both(&network, leader, (leader + 1) % 3, true);
	network_run_for(&network, SECONDS(60));
	assert_int_equal(network_leader(&network), leader);
	assert_int_equal(network_greatest_term(&network), term);

	/* It knows from the third who leads. */
	assert_int_equal(core_view(&network.nodes[(leader + 1) % 3].core).rumoured_leader_id,
					 leader);
	assert_true(core_view(&network.nodes[(leader + 1) % 3].core).rumoured_leader_term ==
				term);
	network_stop(&network);
}

/* Trap 25: everybody sees the hub only; the hub has to lead. */
static void
test_hub(void **state)
{
	int32_t		hub;

	(void) state;
	for (hub = 0; hub < 5; hub++)
	{
		Network		network;
		int32_t		a;
		int32_t		b;

		(void) network_start_cluster(&network, 5, seed);
		for (a = 0; a < 5; a++)
		{
			for (b = 0; b < a; b++)
			{
				if (a != hub && b != hub)
					network_cut_both(&network, a, b, true);
			}
		}
		network_run_for(&network, PROMISE_NS);
		assert_int_equal(network_await_leader(&network, 3 * TIMEOUT_MAX_NS), hub);
		network_run_for(&network, SECONDS(30));
		assert_int_equal(network_leader(&network), hub);
		network_stop(&network);
	}
}

/* Trap 22: a successor is cut off after its candidacy, and comes back. */
static void
test_successor_comes_back_a_term_above(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		successor;
	uint64_t	term;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	successor = core_view(&network.nodes[leader].core).successor;
	network_step_down(&network, leader, RAFT_REASON_STEP_DOWN);
	network_isolate(&network, leader, true);
	network_cut_both(&network, successor, 3 - leader - successor, true);
	network_run_for(&network, MS(5));
	network_heal(&network);
	network_await_agreement(&network, SECONDS(2));
	term = network_greatest_term(&network);
	network_run_for(&network, SECONDS(10));
	assert_int_equal(network_greatest_term(&network), term);
	network_stop(&network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_even_halves),
		cmocka_unit_test(test_one_way_links),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_hub),
		cmocka_unit_test(test_successor_comes_back_a_term_above),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
