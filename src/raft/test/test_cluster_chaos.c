/*-------------------------------------------------------------------------
 *
 * test_cluster_chaos.c
 *		Clusters in which everything is late, lost or doubled, and nodes fail at
 *		random.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* Its acknowledgements wait for a paused leader; its lease has run out. */
static void
test_paused_leader(void **state)
{
	uint64_t	pause_ms;

	(void) state;
	for (pause_ms = 100; pause_ms <= 5000; pause_ms += 350)
	{
		Network		network;
		int32_t		leader = network_start_cluster(&network, 3, seed);

		network_pause(&network, leader, MS(pause_ms));
		network_run_for(&network, MS(pause_ms) + SECONDS(5));
		network_await_agreement(&network, SECONDS(5));
		if (pause_ms > 2 * TIMEOUT_MAX_NS / MS(1))
			assert_true(network.lease_count >= 2);
		network_stop(&network);
	}
}

/* Clocks at their bounds: leases still never meet, as drift is allowed for. */
static void
test_clocks_at_the_bound(void **state)
{
	Network		network;
	int			turn;

	(void) state;
	(void) network_start_cluster(&network, 3, seed);
	network_stop(&network);
	network_start(&network, 3, seed, RAFT_NEW);
	network.nodes[0].clock_ppm = -10000;
	network.nodes[1].clock_ppm = 10000;
	network.nodes[2].clock_ppm = 10000;
	for (turn = 0; turn < 10; turn++)
	{
		int32_t		leader = network_await_agreement(&network, SECONDS(10));

		network_run_for(&network, SECONDS(1));
		network_isolate(&network, leader, true);
		network_run_for(&network, SECONDS(2));
		network_heal(&network);
	}
	assert_true(network.lease_count >= 5);
	network_stop(&network);
}

/*
 * Messages lost, doubled and late; nodes crash and come back, links fail one
 * way, leaders step down.  Then everything is well again, and so must be the
 * cluster.
 */
static void
run_chaos(int32_t count, uint64_t run_seed, int turns)
{
	Network		network;
	int			turn;
	int32_t		i;
	uint64_t	leases;

	network_start(&network, count, run_seed, RAFT_NEW);
	for (i = 0; i < count; i++)
		network.nodes[i].clock_ppm = (int32_t) network_random_below(&network, 20001) - 10000;
	(void) network_await_agreement(&network, SECONDS(10));
	network.loss_percent = (uint32_t) network_random_below(&network, 30);
	network.duplicate_percent = (uint32_t) network_random_below(&network, 30);
	network.duplicate_delay_ns = MS(network_random_below(&network, 3000));
	network.delay_max_ns = MS(1 + network_random_below(&network, 60));

	for (turn = 0; turn < turns; turn++)
	{
		int32_t		a = (int32_t) network_random_below(&network, (uint64_t) count);
		int32_t		b = (int32_t) network_random_below(&network, (uint64_t) count);
		int32_t		leader = network_leader(&network);

		/* Often the leader is the interesting victim. */
		if (leader != NOBODY && network_random_below(&network, 2) == 0)
			a = leader;
		switch (network_random_below(&network, 9))
		{
			case 0:
				if (network.nodes[a].up)
					network_crash(&network, a);
				break;
			case 1:
			case 2:
				if (!network.nodes[b].up)
					network_restart(&network, b);
				break;
			case 3:
				network_cut(&network, a, b, true);
				break;
			case 4:
				network_isolate(&network, a, true);
				break;
			case 5:
				network_heal(&network);
				break;
			case 6:
				network_pause(&network, a, MS(network_random_below(&network, 2500)));
				break;
			case 7:
				if (network.nodes[a].up)
					(void) network_step_down(&network, a, RAFT_REASON_STEP_DOWN);
				break;
			case 8:
				network.nodes[b].core.failing_writes =
					(int) network_random_below(&network, 3);
				break;
		}
		network_run_for(&network, MS(network_random_below(&network, 800)));
	}

	network_heal(&network);
	network.loss_percent = 0;
	network.duplicate_percent = 0;
	network.delay_max_ns = MS(1);
	for (i = 0; i < count; i++)
	{
		network.nodes[i].core.failing_writes = 0;
		network.nodes[i].paused_until_ns = 0;
		if (!network.nodes[i].up)
			network_restart(&network, i);
	}

	/* A lease that is about to run out may still do so. */
	network_run_for(&network, TIMEOUT_MIN_NS);
	(void) network_await_agreement(&network, SECONDS(15));
	leases = network.lease_count;
	network_run_for(&network, SECONDS(10));
	assert_int_equal(network.lease_count, leases);
	network_stop(&network);
}

/* Traps 2, 3, 13, 31. */
static void
test_chaos(void **state)
{
	uint64_t	turn;

	(void) state;
	for (turn = 0; turn < 40; turn++)
	{
		run_chaos(3, seed + 1000 + turn, 60);
		run_chaos(5, seed + 2000 + turn, 60);
	}
	for (turn = 0; turn < 8; turn++)
	{
		run_chaos(2, seed + 3000 + turn, 40);
		run_chaos(4, seed + 4000 + turn, 40);
		run_chaos(7, seed + 5000 + turn, 40);
	}
}

/* Trap 3: 30 % loss does not keep anybody from being elected and staying. */
static void
test_loss(void **state)
{
	Network		network;

	(void) state;
	network_start(&network, 5, seed, RAFT_NEW);
	network.loss_percent = 30;
	(void) network_await_agreement(&network, SECONDS(20));
	network_run_for(&network, SECONDS(60));
	(void) network_await_leader(&network, SECONDS(5));
	assert_true(network.lease_count <= 3);
	network_stop(&network);
}

/* The same seed gives the same run, event by event. */
static void
test_runs_are_repeatable(void **state)
{
	Network		a;
	Network		b;
	int			i;

	(void) state;
	network_start(&a, 5, seed, RAFT_NEW);
	network_start(&b, 5, seed, RAFT_NEW);
	a.loss_percent = b.loss_percent = 20;
	for (i = 0; i < 50; i++)
	{
		network_run_for(&a, MS(200));
		network_run_for(&b, MS(200));
		assert_int_equal(a.event_count, b.event_count);
		assert_int_equal(a.random, b.random);
	}
	assert_true(a.event_count > 100);
	network_stop(&a);
	network_stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paused_leader),
		cmocka_unit_test(test_clocks_at_the_bound),
		cmocka_unit_test(test_chaos),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_runs_are_repeatable),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	seed = network_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
