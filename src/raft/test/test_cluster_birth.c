/*-------------------------------------------------------------------------
 *
 * test_cluster_birth.c
 *		Clusters of 1 to 128 cores on a network in memory: birth, and the first
 *		leader.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

static void
test_born_and_elected(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = network_start_cluster(&network, network_sizes[i], seed);
		uint64_t	term = network_greatest_term(&network);

		/* Quiet from then on: one term, one leader. */
		network_run_for(&network, SECONDS(30));
		assert_int_equal(network_leader(&network), leader);
		assert_int_equal(network_greatest_term(&network), term);
		assert_int_equal(network.lease_count, 1);
		assert_int_equal(network_count_followers(&network, leader), network_sizes[i]);
		network_stop(&network);
	}
}

static void
test_128_nodes(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		next;

	(void) state;
	network_start(&network, RAFT_MAX_NODES, seed, RAFT_MEMBER);
	leader = network_await_agreement(&network, SECONDS(10));
	network_crash(&network, leader);
	network_run_for(&network, PROMISE_NS);
	next = network_await_agreement(&network, SECONDS(10));
	assert_int_not_equal(next, leader);
	assert_int_equal(network_count_followers(&network, next), RAFT_MAX_NODES - 1);
	assert_int_equal(raft_counters(network.nodes[next].core.raft)->outbox_full, 0);
	network_stop(&network);
}

/* One node late, or lost before it was a member: nobody leads without it. */
static void
test_birth_waits_for_all(void **state)
{
	Network		network;
	int32_t		i;

	(void) state;
	network_start(&network, 3, seed, RAFT_NEW);
	network_crash(&network, 2);
	network_run_for(&network, SECONDS(30));
	assert_int_equal(network_leader(&network), NOBODY);
	for (i = 0; i < 2; i++)
	{
		assert_int_equal(network.nodes[i].core.disk.standing, RAFT_NEW);
		assert_true(core_peer(&network.nodes[i].core, 2).awaited);
	}
	network_restart(&network, 2);
	network_await_agreement(&network, SECONDS(10));
	network_stop(&network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_born_and_elected),
		cmocka_unit_test(test_128_nodes),
		cmocka_unit_test(test_birth_waits_for_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
