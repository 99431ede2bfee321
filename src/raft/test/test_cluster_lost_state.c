/*-------------------------------------------------------------------------
 *
 * test_cluster_lost_state.c
 *		Clusters in which nodes lose their state, get an old one back, or are
 *		declared new once more.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* Trap 36: declared new a second time, while others remember. */
static void
test_declared_new_twice(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		lost;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	lost = (leader + 1) % 3;
	network_crash(&network, lost);
	network_isolate(&network, leader, true);
	network_replace_state(&network, lost, core_record(RAFT_NEW, 0, 0), true);
	network_run_for(&network, SECONDS(20));

	/* The third remembers, and unmasks it; two do not make a majority. */
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(network_leader(&network), NOBODY);
	network_isolate(&network, leader, false);
	network_await_leader(&network, SECONDS(10));
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_AMNESIAC);
	network_stop(&network);
}

/* The same with two of five. */
static void
test_two_of_five_declared_new_twice(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		i;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	network_isolate(&network, leader, true);
	for (i = 1; i <= 2; i++)
		network_replace_state(&network, (leader + i) % 5,
							  core_record(RAFT_NEW, 0, 0), true);
	network_run_for(&network, SECONDS(20));
	assert_int_equal(network_leader(&network), NOBODY);
	for (i = 1; i <= 2; i++)
		assert_int_equal(network.nodes[(leader + i) % 5].core.disk.standing,
						 RAFT_AMNESIAC);
	network_heal(&network);
	network_await_leader(&network, SECONDS(10));
	network_stop(&network);
}

/* N and majority stay what they were: three of five are needed, not of four. */
static void
test_amnesiacs_are_absent_for_every_quorum(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		i;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	for (i = 1; i <= 2; i++)
	{
		network_crash(&network, (leader + i) % 5);
		network_replace_state(&network, (leader + i) % 5,
							  core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS),
							  false);
	}
	network_run_for(&network, SECONDS(70));
	assert_int_equal(network_leader(&network), leader);
	network_crash(&network, (leader + 3) % 5);
	network_run_for(&network, PROMISE_NS);
	assert_int_equal(network_leader(&network), NOBODY);
	network_run_for(&network, SECONDS(30));
	assert_int_equal(network_leader(&network), NOBODY);
	network_restart(&network, (leader + 3) % 5);
	(void) network_await_leader(&network, SECONDS(10));
	network_stop(&network);
}

/* All others are there: in a minute it is back, and counts again. */
static void
test_amnesiac_comes_back(void **state)
{
	size_t		i;

	(void) state;
	for (i = 1; i < NETWORK_SIZE_COUNT - 1; i++)
	{
		Network		network;
		int32_t		count = network_sizes[i];
		int32_t		leader = network_start_cluster(&network, count, seed);
		int32_t		lost = (leader + 1) % count;
		uint64_t	lost_ns;
		uint64_t	term;
		int32_t		j;

		network_crash(&network, lost);
		lost_ns = network.now_ns;
		network_replace_state(&network, lost,
							  core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS),
							  false);
		network_run_until(&network, lost_ns + RAFT_MAX_PROMISE_NS - MS(1));
		assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_AMNESIAC);

		/* With two nodes there was no majority in the meantime. */
		assert_int_equal(network_leader(&network), count > 2 ? leader : NOBODY);
		network_run_until(&network, lost_ns + RAFT_MAX_PROMISE_NS + MS(1));
		assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_MEMBER);
		leader = network_await_agreement(&network, SECONDS(5));
		term = network_greatest_term(&network);

		/* As many others as possible fail; without it there is no majority. */
		for (j = 1; j <= count - (count / 2 + 1); j++)
		{
			if ((lost + j) % count != leader)
				network_crash(&network, (lost + j) % count);
		}
		network_run_for(&network, SECONDS(10));
		assert_int_equal(network_leader(&network), leader);
		assert_int_equal(network_greatest_term(&network), term);
		network_stop(&network);
	}
}

/* One is missing, so nobody can tell; and back when that one is. */
static void
test_amnesiac_waits_for_the_last_one(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		lost;
	int32_t		down;

	(void) state;
	leader = network_start_cluster(&network, 5, seed);
	lost = (leader + 1) % 5;
	down = (leader + 2) % 5;
	network_crash(&network, lost);
	network_crash(&network, down);
	network_replace_state(&network, lost,
						  core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS),
						  false);
	network_run_for(&network, SECONDS(200));
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_AMNESIAC);
	assert_true(core_peer(&network.nodes[lost].core, down).awaited);
	network_restart(&network, down);
	network_run_for(&network, SECONDS(3));
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_MEMBER);
	assert_int_equal(network_leader(&network), leader);
	network_stop(&network);
}

/*
 * A node whose disk was put back is found out, also when the node that saw the
 * later record has restarted since.
 */
static void
test_rollback_is_found_after_a_restart_of_all(void **state)
{
	Network		network;
	RaftDurable old;
	int32_t		leader;
	int32_t		lost;
	int32_t		i;

	(void) state;
	leader = network_start_cluster(&network, 3, seed);
	lost = (leader + 1) % 3;
	old = network.nodes[lost].core.disk;

	/* Some leaders later all have seen the others' writes, and have written. */
	for (i = 0; i < 3; i++)
	{
		network_step_down(&network, leader, RAFT_REASON_STEP_DOWN);
		leader = network_await_agreement(&network, SECONDS(5));
		network_run_for(&network, SECONDS(3));
	}
	for (i = 0; i < 3; i++)
		assert_true(i == lost ||
					network.nodes[i].core.disk.peer_generation[lost] > old.generation);
	for (i = 0; i < 3; i++)
		network_crash(&network, i);
	for (i = 0; i < 3; i++)
	{
		if (i != lost)
			network_restart(&network, i);
	}
	network_replace_state(&network, lost, old, true);
	network_run_for(&network, SECONDS(3));
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core_view(&network.nodes[lost].core).amnesia,
					 RAFT_AMNESIA_ROLLED_BACK);
	network_run_for(&network, RAFT_MAX_PROMISE_NS);
	assert_int_equal(network.nodes[lost].core.disk.standing, RAFT_MEMBER);
	(void) network_await_agreement(&network, SECONDS(5));
	network_stop(&network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_declared_new_twice),
		cmocka_unit_test(test_two_of_five_declared_new_twice),
		cmocka_unit_test(test_amnesiacs_are_absent_for_every_quorum),
		cmocka_unit_test(test_amnesiac_comes_back),
		cmocka_unit_test(test_amnesiac_waits_for_the_last_one),
		cmocka_unit_test(test_rollback_is_found_after_a_restart_of_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
