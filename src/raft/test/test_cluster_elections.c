/*-------------------------------------------------------------------------
 *
 * test_cluster_elections.c
 *		Clusters whose leader crashes or steps down, whose majority is lost, whose
 *		nodes all restart, or do so in terms far apart.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

static void
test_leader_crashes(void **state)
{
	size_t		i;

	(void) state;
	for (i = 2; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = network_start_cluster(&network, network_sizes[i], seed);
		uint64_t	term = network_greatest_term(&network);
		int32_t		next;

		network_crash(&network, leader);
		next = network_await_agreement(&network, 3 * TIMEOUT_MAX_NS);
		assert_int_not_equal(next, leader);
		assert_true(core_view(&network.nodes[next].core).term > term);

		/* It comes back as a follower, and changes nothing. */
		term = network_greatest_term(&network);
		network_restart(&network, leader);
		assert_int_equal(network_await_agreement(&network, SECONDS(5)), next);
		network_run_for(&network, SECONDS(10));
		assert_int_equal(network_leader(&network), next);
		assert_int_equal(network_greatest_term(&network), term);
		network_stop(&network);
	}
}

static void
test_leader_steps_down(void **state)
{
	size_t		i;

	(void) state;
	for (i = 1; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = network_start_cluster(&network, network_sizes[i], seed);
		uint64_t	before_ns;
		int32_t		next;

		before_ns = network.now_ns;
		assert_int_equal(network_step_down(&network, leader,
										   RAFT_REASON_STEP_DOWN), RAFT_OK);
		assert_int_equal(network_leader(&network), NOBODY);

		/* Trap 17: votes and first acknowledgements, no timeout. */
		next = network_await_leader(&network, SECONDS(1));
		assert_int_not_equal(next, leader);
		assert_true(network.now_ns - before_ns < MS(20));
		assert_int_equal(network_await_agreement(&network, SECONDS(1)), next);
		network_run_for(&network, SECONDS(10));
		assert_int_equal(network_leader(&network), next);
		network_stop(&network);
	}
}

static void
test_majority_lost_and_back(void **state)
{
	size_t		i;

	(void) state;
	for (i = 1; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = network_sizes[i];
		int32_t		leader = network_start_cluster(&network, count, seed);
		int32_t		lost = 0;
		int32_t		j;
		uint64_t	term;

		/* All but a minority that has the leader. */
		for (j = 0; j < count && count - lost > count / 2; j++)
		{
			if (j != leader)
			{
				network_crash(&network, j);
				lost++;
			}
		}
		network_run_for(&network, PROMISE_NS);
		assert_int_equal(network_leader(&network), NOBODY);
		term = network_greatest_term(&network);
		network_run_for(&network, SECONDS(30));
		assert_int_equal(network_leader(&network), NOBODY);
		assert_int_equal(network_greatest_term(&network), term);
		for (j = 0; j < count; j++)
		{
			if (!network.nodes[j].up)
				network_restart(&network, j);
		}
		network_await_agreement(&network, SECONDS(10));
		network_stop(&network);
	}
}

/* Trap 38: all at once, one of them with priority 0. */
static void
test_restart_of_all(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < NETWORK_SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = network_sizes[i];
		uint64_t	term;
		uint64_t	restarted_ns;
		int32_t		next;
		int32_t		j;

		(void) network_start_cluster(&network, count, seed);
		term = network_greatest_term(&network);
		for (j = 0; j < count; j++)
			network_crash(&network, j);
		if (count > 2)
			network.nodes[1].core.config.timings.priority = 0;
		restarted_ns = network.now_ns + MS(10);
		network_run_until(&network, restarted_ns);
		for (j = 0; j < count; j++)
			network_restart(&network, j);

		/* Not before the former promises have run out. */
		network_run_until(&network, restarted_ns + PROMISE_NS - 1);
		assert_int_equal(network_leader(&network), NOBODY);
		next = network_await_agreement(&network, SECONDS(5));
		if (count > 2)
			assert_int_not_equal(next, 1);
		assert_true(core_view(&network.nodes[next].core).term > term);
		network_stop(&network);
	}
}

/* A follower far above in terms, and a healthy leader. */
static void
test_follower_above_its_leader(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		other;
	uint64_t	healed_ns;
	RaftDurable record;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	other = (leader + 1) % 3;
	network_crash(&network, other);
	record = network.nodes[other].core.disk;
	record.term += 10;
	record.vote = RAFT_VOTE_NONE;
	healed_ns = network.now_ns;
	network_replace_state(&network, other, record, true);
	network_await_agreement(&network, SECONDS(3));
	assert_int_equal(network_leader(&network), leader);

	/* One round trip for the sessions, two heartbeats, one election. */
	assert_true(network.now_ns - healed_ns < 3 * HEARTBEAT_NS);
	assert_int_equal(network_greatest_term(&network), record.term + 1);
	network_stop(&network);
}

/* Trap 1: mixed terms must find together. */
static void
test_mixed_terms(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		i;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	for (i = 0; i < 3; i++)
		network_crash(&network, i);
	for (i = 0; i < 3; i++)
	{
		if (i != leader)
		{
			RaftDurable record = network.nodes[i].core.disk;

			record.term += i == (leader + 1) % 3 ? 7 : 0;
			record.vote = RAFT_VOTE_SPOILED;
			network_replace_state(&network, i, record, true);
		}
	}
	network_await_agreement(&network, SECONDS(6));
	network_stop(&network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leader_crashes),
		cmocka_unit_test(test_leader_steps_down),
		cmocka_unit_test(test_majority_lost_and_back),
		cmocka_unit_test(test_restart_of_all),
		cmocka_unit_test(test_follower_above_its_leader),
		cmocka_unit_test(test_mixed_terms),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
