/*-------------------------------------------------------------------------
 *
 * test_transfer.c
 *		Transfer of leadership to a named node.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* As a resignation, but for the successor, which an operator chose. */
static void
test_transfer(void **state)
{
	Core		core;
	uint64_t	transferred_ns;
	int32_t		i;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_lead(&core);
	assert_int_equal(core_view(&core).successor, 1);
	assert_int_equal(core_transfer(&core, 3), RAFT_OK);
	transferred_ns = core.now_ns;
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_true(core_view(&core).draining);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_TRANSFER);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 3)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 3)->successor, 3);
	for (i = 1; i < 5; i++)
	{
		if (i == 3)
			continue;
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, i), 1);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, i)->subject_term, 6);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, i)->successor, 3);
	}

	/* Sent twice more, to the same ones. */
	core_run_until(&core, transferred_ns + MS(20));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 3), 2);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 2);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 6);
	core_free(&core);
}

static void
test_only_a_leader_transfers(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core_transfer(&core, 1), RAFT_NOT_LEADER);
	core_become_candidate(&core);
	assert_int_equal(core_transfer(&core, 1), RAFT_NOT_LEADER);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 1);
	core_ack(&core, 1, 1, PROMISE_NS);

	/* What has run out is gone before the call is looked at. */
	core.now_ns = core.cell_end_ns;
	assert_int_equal(core_transfer(&core, 1), RAFT_NOT_LEADER);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_QUORUM_LOST);
	assert_int_equal(core.sent_count, 0);
	core_free(&core);
}

/* The transfer is refused, and it is as if it had not been asked for. */
static void
assert_transfer_changes_nothing(Core *core, int32_t successor,
								RaftResult expected)
{
	RaftView	before = core_view(core);
	RaftView	after;

	assert_int_equal(core_transfer(core, successor), expected);
	after = core_view(core);
	assert_memory_equal(&before, &after, sizeof(RaftView));
	assert_int_equal(after.role, RAFT_LEADER);
	assert_int_equal(core->sent_count, 0);
	assert_int_equal(core->event_count, 0);
}

static void
test_transfer_to_no_other_node(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 5);
	core_lead(&core);
	assert_transfer_changes_nothing(&core, -1, RAFT_INVALID);
	assert_transfer_changes_nothing(&core, 1, RAFT_INVALID);
	assert_transfer_changes_nothing(&core, 3, RAFT_INVALID);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core_transfer(&core, 2), RAFT_OK);
	core_free(&core);
}

/* Who cannot win is not tried: each reason by itself, at node 1. */
static void
test_transfer_to_an_unfit_node(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_elect(&core);
	core_ack(&core, 2, 1, PROMISE_NS);
	core_ack(&core, 3, 1, PROMISE_NS);

	/* It has acknowledged nothing, though it is there. */
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
	message = core_first_ack_message(&core, 1, 0, 0);
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
	message = core_first_ack_message(&core, 1, 100, RAFT_FLAG_SILENT);
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 6);
	message.standing = RAFT_AMNESIAC;
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);

	/* All is well again, and it has only failed lately: whoever asks, may. */
	message = core_first_ack_message(&core, 1, 100, RAFT_FLAG_UNFIT);
	core_receive(&core, &message);
	assert_int_equal(core_view(&core).successor, 2);
	assert_int_equal(core_transfer(&core, 1), RAFT_OK);
	core_free(&core);
}

/* Three heartbeats after the round was sent, and not later. */
static void
test_transfer_needs_a_fresh_acknowledgement(void **state)
{
	Core		core;
	uint64_t	sent_ns;
	int			late;

	(void) state;
	for (late = 0; late <= 1; late++)
	{
		core_start_member(&core, 0, 3, 5);
		core_elect(&core);
		sent_ns = core.now_ns;
		core_ack(&core, 1, 1, PROMISE_NS);
		core_ack(&core, 2, 1, PROMISE_NS);
		core.now_ns = sent_ns + RAFT_FRESH_HEARTBEATS * HEARTBEAT_NS;
		if (late)
		{
			core_tick(&core, core.now_ns + 1);
			assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
			assert_true(core_lease_is_valid(&core));
		}
		else
			assert_int_equal(core_transfer(&core, 1), RAFT_OK);
		core_free(&core);
	}
}

/* Where a position is required, others might refuse it as we would. */
static void
test_transfer_to_a_node_that_is_behind(void **state)
{
	RaftPositionMode mode;

	(void) state;
	for (mode = RAFT_POSITION_OFF; mode <= RAFT_POSITION_REQUIRE; mode++)
	{
		RaftPosition own = core_position(1, 10);
		RaftPosition behind_or_elsewhere[] = {
			core_position(1, 9), core_position(2, 10), core_position(0, 0)
		};
		RaftPosition good_enough[] = {
			core_position(1, 10), core_position(1, 11)
		};
		Core		core;
		RaftMessage ack;
		size_t		i;

		for (i = 0; i < 3; i++)
		{
			core_start_member_with_positions(&core, 0, 3, 5, mode);
			core_set_position(&core, &own);
			core_lead(&core);
			ack = core_first_ack_message(&core, 1, 100, 0);
			ack.position = behind_or_elsewhere[i];
			core_receive(&core, &ack);
			if (mode == RAFT_POSITION_REQUIRE)
				assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
			else
				assert_int_equal(core_transfer(&core, 1), RAFT_OK);
			core_free(&core);
		}
		for (i = 0; i < 2; i++)
		{
			core_start_member_with_positions(&core, 0, 3, 5, mode);
			core_set_position(&core, &own);
			core_lead(&core);
			ack = core_first_ack_message(&core, 1, 100, 0);
			ack.position = good_enough[i];
			core_receive(&core, &ack);
			assert_int_equal(core_transfer(&core, 1), RAFT_OK);
			core_free(&core);
		}
	}
}

/* There is no way back: "the transfer failed, so I lead on" (trap 15). */
static void
test_transfer_ends_the_lease_for_good(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	assert_int_equal(core_transfer(&core, 2), RAFT_OK);
	assert_int_equal(core_transfer(&core, 2), RAFT_NOT_LEADER);
	until_ns = core.now_ns + SECONDS(5);
	while (core.now_ns < until_ns && core_view(&core).role == RAFT_FOLLOWER)
	{
		RaftMessage ack;
		int32_t		i;

		for (i = 1; i < 3; i++)
		{
			ack = core_ack_message(&core, i, 2, PROMISE_NS);
			core_receive(&core, &ack);
			assert_false(core_lease_is_valid(&core));
		}
		core_run_until(&core, core.now_ns + MS(1));
		assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	}

	/* It is there again, but in a later term. */
	assert_int_equal(core.request.subject_term, 7);
	assert_int_equal(core.request.token_term, 6);
	core_free(&core);
}

/*
 * The successor asks at once, then those of rank 1 and 2, then those without a
 * rank, and the former leader when all of these have had their chance.
 */
static void
test_former_leader_waits_for_the_others(void **state)
{
	uint64_t	least = UINT64_MAX;
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	for (i = 0; i < 100; i++)
	{
		Core		core;
		uint64_t	wait;

		core_start_member(&core, 0, 3, 5);
		core_lead(&core);
		core.draw = (uint64_t) i * 12345;
		core_transfer(&core, 2);
		wait = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		wait = core.now_ns - wait;
		if (least > wait)
			least = wait;
		if (greatest < wait)
			greatest = wait;
		core_free(&core);
	}

	/* Ten to sixteen steps of 10 ms. */
	assert_true(least >= MS(100) && least < MS(110));
	assert_true(greatest < MS(160) && greatest > MS(150));
}

/* But it does not wait longer than for a leader that died. */
static void
test_former_leader_with_a_slow_disk(void **state)
{
	Core		core;
	uint64_t	transferred_ns;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, 0));
	core.write_ns = MS(60);
	core_boot(&core, true);
	core_meet_peers(&core);
	core_lead(&core);
	assert_int_equal(core_transfer(&core, 2), RAFT_OK);
	transferred_ns = core.now_ns;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns == transferred_ns + TIMEOUT_MIN_NS);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_only_a_leader_transfers),
		cmocka_unit_test(test_transfer_to_no_other_node),
		cmocka_unit_test(test_transfer_to_an_unfit_node),
		cmocka_unit_test(test_transfer_needs_a_fresh_acknowledgement),
		cmocka_unit_test(test_transfer_to_a_node_that_is_behind),
		cmocka_unit_test(test_transfer_ends_the_lease_for_good),
		cmocka_unit_test(test_former_leader_waits_for_the_others),
		cmocka_unit_test(test_former_leader_with_a_slow_disk),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
