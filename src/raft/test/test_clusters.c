/*-------------------------------------------------------------------------
 *
 * test_clusters.c
 *		Clusters of 1 to 128 cores on a network in memory: elections,
 *		crashes, partitions, one-way links, lost, doubled and late messages.
 *
 * The network checks after each event that no term has two leaders and that
 * at most one lease is valid.  SEED in the environment replays a run.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

static uint64_t seed;

/* Sizes of the clusters that most tests run with. */
static const int32_t sizes[] = {1, 2, 3, 4, 5, 7, 25};

#define SIZE_COUNT	(sizeof(sizes) / sizeof(sizes[0]))

/* Everything born, one leader, everybody behind it. */
static int32_t
start_cluster(Network *network, int32_t count)
{
	int32_t		leader;
	int32_t		i;

	network_start(network, count, seed + (uint64_t) count, RAFT_NEW);
	leader = network_await_agreement(network, SECONDS(10));

	/* The last one may know of the leader before it is a member. */
	network_run_for(network, 5 * HEARTBEAT_NS);
	for (i = 0; i < count; i++)
		assert_int_equal(network->nodes[i].core.disk.standing, RAFT_MEMBER);
	assert_int_equal(network_leader(network), leader);
	return leader;
}

static void
test_born_and_elected(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = start_cluster(&network, sizes[i]);
		uint64_t	term = network_greatest_term(&network);

		/* Quiet from then on: one term, one leader. */
		network_run_for(&network, SECONDS(30));
		assert_int_equal(network_leader(&network), leader);
		assert_int_equal(network_greatest_term(&network), term);
		assert_int_equal(network.lease_count, 1);
		assert_int_equal(network_count_followers(&network, leader), sizes[i]);
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

/* Trap 36: declared new a second time, while others remember. */
static void
test_declared_new_twice(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		lost;

	(void) state;
	leader = start_cluster(&network, 3);
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
	leader = start_cluster(&network, 5);
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

static void
test_leader_crashes(void **state)
{
	size_t		i;

	(void) state;
	for (i = 2; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = start_cluster(&network, sizes[i]);
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
	for (i = 1; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		leader = start_cluster(&network, sizes[i]);
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
	leader = start_cluster(&network, 5);
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

static void
test_majority_lost_and_back(void **state)
{
	size_t		i;

	(void) state;
	for (i = 1; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = sizes[i];
		int32_t		leader = start_cluster(&network, count);
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

/* Traps 26, 30: the smaller side spends no terms and disturbs nobody. */
static void
test_partitions(void **state)
{
	size_t		i;

	(void) state;
	for (i = 2; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = sizes[i];
		int32_t		leader = start_cluster(&network, count);
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
	(void) start_cluster(&network, 4);
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

/* Trap 38: all at once, one of them with priority 0. */
static void
test_restart_of_all(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < SIZE_COUNT; i++)
	{
		Network		network;
		int32_t		count = sizes[i];
		uint64_t	term;
		uint64_t	restarted_ns;
		int32_t		next;
		int32_t		j;

		(void) start_cluster(&network, count);
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

/* ----------
 * Successors
 * ----------
 */

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
	for (i = 1; i < SIZE_COUNT - 1; i++)
	{
		Network		network;
		int32_t		count = sizes[i];
		int32_t		leader = start_cluster(&network, count);
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
	leader = start_cluster(&network, 5);
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

/* ----------
 * Lost state
 * ----------
 */

/* N and majority stay what they were: three of five are needed, not of four. */
static void
test_amnesiacs_are_absent_for_every_quorum(void **state)
{
	Network		network;
	int32_t		leader;
	int32_t		i;

	(void) state;
	leader = start_cluster(&network, 5);
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
	for (i = 1; i < SIZE_COUNT - 1; i++)
	{
		Network		network;
		int32_t		count = sizes[i];
		int32_t		leader = start_cluster(&network, count);
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
	leader = start_cluster(&network, 5);
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
	leader = start_cluster(&network, 3);
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
	leader = start_cluster(&network, 5);
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
	leader = start_cluster(&network, 3);
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

		(void) start_cluster(&network, 5);
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
	leader = start_cluster(&network, 3);
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
	leader = start_cluster(&network, 3);
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
	leader = start_cluster(&network, 3);
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

/* ----------
 * The world is late
 * ----------
 */

/* Its acknowledgements wait for a paused leader; its lease has run out. */
static void
test_paused_leader(void **state)
{
	uint64_t	pause_ms;

	(void) state;
	for (pause_ms = 100; pause_ms <= 5000; pause_ms += 350)
	{
		Network		network;
		int32_t		leader = start_cluster(&network, 3);

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
	(void) start_cluster(&network, 3);
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
		cmocka_unit_test(test_born_and_elected),
		cmocka_unit_test(test_128_nodes),
		cmocka_unit_test(test_birth_waits_for_all),
		cmocka_unit_test(test_declared_new_twice),
		cmocka_unit_test(test_two_of_five_declared_new_twice),
		cmocka_unit_test(test_leader_crashes),
		cmocka_unit_test(test_leader_steps_down),
		cmocka_unit_test(test_successor_is_lost),
		cmocka_unit_test(test_majority_lost_and_back),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_even_halves),
		cmocka_unit_test(test_restart_of_all),
		cmocka_unit_test(test_first_in_rank_wins_alone),
		cmocka_unit_test(test_second_in_rank_follows),
		cmocka_unit_test(test_transfer_to_each),
		cmocka_unit_test(test_transfer_to_one_that_is_lost),
		cmocka_unit_test(test_amnesiacs_are_absent_for_every_quorum),
		cmocka_unit_test(test_amnesiac_comes_back),
		cmocka_unit_test(test_amnesiac_waits_for_the_last_one),
		cmocka_unit_test(test_rollback_is_found_after_a_restart_of_all),
		cmocka_unit_test(test_one_way_links),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_hub),
		cmocka_unit_test(test_successor_comes_back_a_term_above),
		cmocka_unit_test(test_follower_above_its_leader),
		cmocka_unit_test(test_mixed_terms),
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
