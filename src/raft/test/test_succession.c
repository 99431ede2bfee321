/*-------------------------------------------------------------------------
 *
 * test_succession.c
 *		Ranks of successors: who is ranked before whom, and who ranks last.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* How long a node ranks last after it proved unfit. */
#define UNFIT_NS			(10 * TIMEOUT_MAX_NS)

/* ----------
 * The leader ranks
 * ----------
 */

/* Send the next round, and check that peers 1 ... are told these ranks. */
static void
assert_told(Core *core, const int32_t *ranks)
{
	int32_t		i;

	core_run_until(core, core->now_ns + HEARTBEAT_NS);
	for (i = 1; i < core->config.node_count; i++)
	{
		const RaftMessage *heartbeat = core_sent(core, RAFT_MESSAGE_HEARTBEAT, i);

		assert_non_null(heartbeat);
		assert_int_equal(heartbeat->rank, ranks[i - 1]);
		assert_int_equal(core_peer(core, i).rank, ranks[i - 1]);
	}
}

static void
test_order_of_priorities(void **state)
{
	Core		core;
	const int32_t ranks[] = {3, 1, 0, 2};

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_elect(&core);
	core_first_ack(&core, 1, 1, 0);
	core_first_ack(&core, 2, 500, 0);
	core_first_ack(&core, 3, 1000, 0);
	core_first_ack(&core, 4, 499, 0);
	assert_told(&core, ranks);
	assert_int_equal(core_view(&core).successor, 3);
	assert_int_equal(core_peer(&core, 0).rank, RAFT_NO_RANK);
	core_free(&core);
}

static void
test_among_equals_the_lower_id_comes_first(void **state)
{
	Core		core;
	const int32_t ranks[] = {0, 1, 2, 3};

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_elect(&core);
	core_first_ack(&core, 4, 100, 0);
	core_first_ack(&core, 2, 100, 0);
	core_first_ack(&core, 3, 100, 0);
	core_first_ack(&core, 1, 100, 0);
	assert_told(&core, ranks);
	core_free(&core);
}

/* One that could not lead not long ago comes last, whatever its priority. */
static void
test_unfit_ones_come_last(void **state)
{
	Core		core;
	const int32_t ranks[] = {2, 1, 3, 0};

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_elect(&core);
	core_first_ack(&core, 1, 1000, RAFT_FLAG_UNFIT);
	core_first_ack(&core, 2, 1, 0);
	core_first_ack(&core, 3, 900, RAFT_FLAG_UNFIT);
	core_first_ack(&core, 4, 2, 0);
	assert_told(&core, ranks);

	/* Last, but not out: if all are, the first of them follows. */
	assert_int_equal(core_view(&core).successor, 4);
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	core_first_ack(&core, 1, 1, RAFT_FLAG_UNFIT);
	core_first_ack(&core, 2, 2, RAFT_FLAG_UNFIT);
	assert_int_equal(core_view(&core).successor, 2);
	core_free(&core);
}

/* Between priority and id the position decides, if it means anything. */
static void
test_position_decides_after_priority(void **state)
{
	RaftPositionMode mode;
	const uint8_t distances[] = {3, 9, 4, 200};
	const int32_t by_position[] = {2, 0, 1, 3};
	const int32_t by_id[] = {0, 1, 2, 3};

	(void) state;
	for (mode = RAFT_POSITION_OFF; mode <= RAFT_POSITION_REQUIRE; mode++)
	{
		Core		core;
		int32_t		i;

		core_start_member_with_positions(&core, 0, 5, 5, mode);
		core_elect(&core);
		for (i = 1; i < 5; i++)
		{
			RaftMessage ack = core_ack_message(&core, i, 1, PROMISE_NS);

			/* Node 4 is ahead of all, but the others' priority counts more. */
			ack.priority = i == 4 ? 99 : 100;
			ack.position = core_position(0, distances[i - 1]);
			core_receive(&core, &ack);
		}
		assert_told(&core, mode == RAFT_POSITION_OFF ? by_id : by_position);
		core_free(&core);
	}
}

/* Neither ahead nor behind: as if both were equally far. */
static void
test_incomparable_positions_leave_it_to_the_id(void **state)
{
	Core		core;
	RaftMessage ack;
	const int32_t ranks[] = {0, 1};

	(void) state;
	core_start_member_with_positions(&core, 0, 3, 5, RAFT_POSITION_PREFER);
	core_elect(&core);
	ack = core_ack_message(&core, 1, 1, PROMISE_NS);
	ack.position = core_position(1, 3);
	core_receive(&core, &ack);
	ack = core_ack_message(&core, 2, 1, PROMISE_NS);
	ack.position = core_position(2, 9);
	core_receive(&core, &ack);
	assert_told(&core, ranks);
	core_free(&core);
}

/* Who cannot win gets no rank: the ranks of the others leave no gap. */
static void
test_only_the_fit_are_ranked(void **state)
{
	Core		core;
	RaftMessage ack;
	const int32_t ranks[] = {
		RAFT_NO_RANK, RAFT_NO_RANK, 0, RAFT_NO_RANK, 1, RAFT_NO_RANK
	};

	(void) state;
	core_start_member(&core, 0, 7, 5);
	core_elect(&core);
	core_first_ack(&core, 1, 0, 0); /* never leads, but votes */
	core_first_ack(&core, 2, 1000, RAFT_FLAG_SILENT);
	core_first_ack(&core, 3, 10, 0);
	ack = core_ack_message(&core, 4, 1, PROMISE_NS);
	core_receive(&core, &ack);
	core_first_ack(&core, 5, 5, 0);

	/* Node 4 has lost its state since; node 6 has acknowledged nothing. */
	ack = core_message(&core, RAFT_MESSAGE_PROBE, 4, 5);
	ack.standing = RAFT_AMNESIAC;
	core_receive(&core, &ack);
	assert_told(&core, ranks);

	/* A witness counts for the lease all the same. */
	assert_true(core_peer(&core, 1).expiry_ns != 0);
	core_free(&core);
}

/* Three heartbeats, to the nanosecond, counted from the round's sending. */
static void
test_rank_needs_a_fresh_acknowledgement(void **state)
{
	Core		core;
	uint64_t	sent_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	sent_ns = core.now_ns;
	core.now_ns += MS(50);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_tick(&core, sent_ns + RAFT_FRESH_HEARTBEATS * HEARTBEAT_NS);
	assert_int_equal(core_view(&core).successor, 1);
	assert_int_equal(core_peer(&core, 1).rank, 0);
	core.now_ns++;
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_free(&core);
}

/* Send the next round; tell its number, and the epoch of its ranks. */
static uint32_t
next_epoch(Core *core, uint64_t *round)
{
	const RaftMessage *heartbeat;

	core_run_until(core, core->now_ns + HEARTBEAT_NS);
	heartbeat = core_sent(core, RAFT_MESSAGE_HEARTBEAT, 1);
	assert_non_null(heartbeat);
	*round = heartbeat->round;
	return heartbeat->rank_epoch;
}

static void
acknowledge_round(Core *core, int32_t from, uint64_t round, int32_t priority)
{
	RaftMessage ack = core_ack_message(core, from, round, PROMISE_NS);

	ack.priority = priority;
	core_receive(core, &ack);
}

static void
test_epoch_grows_exactly_when_ranks_change(void **state)
{
	Core		core;
	uint64_t	round;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank_epoch, 0);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_int_equal(next_epoch(&core, &round), 1);
	for (i = 0; i < 10; i++)
	{
		acknowledge_round(&core, 1, round, 100);
		acknowledge_round(&core, 2, round, 100);
		assert_int_equal(next_epoch(&core, &round), 1);
	}

	/* A priority that changes no rank; then one that does. */
	acknowledge_round(&core, 1, round, 100);
	acknowledge_round(&core, 2, round, 90);
	assert_int_equal(next_epoch(&core, &round), 1);
	acknowledge_round(&core, 1, round, 100);
	acknowledge_round(&core, 2, round, 110);
	assert_int_equal(next_epoch(&core, &round), 2);
	assert_int_equal(core_peer(&core, 2).rank, 0);

	/* Node 1 is heard no more: once, when it is no longer fresh. */
	for (i = 0; i < 8; i++)
	{
		uint32_t	epoch;

		acknowledge_round(&core, 2, round, 110);
		epoch = next_epoch(&core, &round);
		assert_int_equal(epoch, core_peer(&core, 1).rank == 1 ? 2 : 3);
	}
	assert_int_equal(core_peer(&core, 1).rank, RAFT_NO_RANK);

	/* It is back. */
	acknowledge_round(&core, 2, round, 110);
	acknowledge_round(&core, 1, round, 110);
	assert_int_equal(next_epoch(&core, &round), 4);
	assert_int_equal(core_peer(&core, 1).rank, 0);
	core_free(&core);
}

/* In a new term the same leader begins again: no ranks, the first epoch. */
static void
test_new_term_starts_without_ranks(void **state)
{
	Core		core;
	const RaftMessage *heartbeat;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank, 0);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank_epoch, 1);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	assert_int_equal(core_peer(&core, 1).rank, RAFT_NO_RANK);
	core_elect(&core);
	heartbeat = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1);
	assert_int_equal(heartbeat->subject_term, 7);
	assert_int_equal(heartbeat->rank, RAFT_NO_RANK);
	assert_int_equal(heartbeat->rank_epoch, 0);
	assert_int_equal(core_peer(&core, 1).rank, RAFT_NO_RANK);
	core_free(&core);
}

/* ----------
 * Unfit
 * ----------
 */

/* The flag as the node tells it in an answer. */
static bool
says_unfit(Core *core)
{
	RaftMessage probe = core_message(core, RAFT_MESSAGE_PROBE, 1, 0);

	core_receive(core, &probe);
	assert_non_null(core_sent(core, RAFT_MESSAGE_PROBE_REPLY, 1));
	return core_sent(core, RAFT_MESSAGE_PROBE_REPLY, 1)->flags & RAFT_FLAG_UNFIT;
}

/* Unfit since then, for ten of the longest timeouts. */
static void
assert_unfit_since(Core *core, uint64_t since_ns)
{
	assert_true(says_unfit(core));
	core->now_ns = since_ns + UNFIT_NS - 1;
	assert_true(says_unfit(core));
	core->now_ns = since_ns + UNFIT_NS;
	assert_false(says_unfit(core));
}

static void
test_unfit_after_a_lapse(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	assert_false(says_unfit(&core));
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_QUORUM_LOST);
	assert_unfit_since(&core, core.now_ns);
	core_free(&core);

	/* Elected, but nobody promised anything. */
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_NO_LEASE);
	assert_unfit_since(&core, core.now_ns);
	core_free(&core);
}

static void
test_unfit_after_a_failed_write(void **state)
{
	Core		core;
	uint64_t	failed_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core.failing_writes = 1;
	core_ask_vote(&core, 1, 6);
	failed_ns = core.now_ns;
	assert_true(says_unfit(&core));

	/* Also when the disk is back, and from the last failure on. */
	core_run_until(&core, failed_ns + TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	core.failing_writes = 1;
	core_ask_vote(&core, 2, 6);
	assert_true(core_view(&core).storage_failed);
	assert_unfit_since(&core, core.now_ns);
	core_free(&core);
}

/* Its owner may know of the disk before any write has failed. */
static void
test_unfit_after_resigning_for_the_disk(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STORAGE), RAFT_OK);
	assert_true(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1)->flags &
				RAFT_FLAG_UNFIT);
	assert_unfit_since(&core, core.now_ns);
	core_free(&core);
}

/* To resign because one is asked to is no failure. */
static void
test_fit_after_resigning_on_request(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	assert_false(says_unfit(&core));
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_transfer(&core, 1);
	assert_false(says_unfit(&core));
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_priorities),
		cmocka_unit_test(test_among_equals_the_lower_id_comes_first),
		cmocka_unit_test(test_unfit_ones_come_last),
		cmocka_unit_test(test_position_decides_after_priority),
		cmocka_unit_test(test_incomparable_positions_leave_it_to_the_id),
		cmocka_unit_test(test_only_the_fit_are_ranked),
		cmocka_unit_test(test_rank_needs_a_fresh_acknowledgement),
		cmocka_unit_test(test_epoch_grows_exactly_when_ranks_change),
		cmocka_unit_test(test_new_term_starts_without_ranks),
		cmocka_unit_test(test_unfit_after_a_lapse),
		cmocka_unit_test(test_unfit_after_a_failed_write),
		cmocka_unit_test(test_unfit_after_resigning_for_the_disk),
		cmocka_unit_test(test_fit_after_resigning_on_request),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
