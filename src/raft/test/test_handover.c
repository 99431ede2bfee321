/*-------------------------------------------------------------------------
 *
 * test_handover.c
 *		Resignation, transfer, TimeoutNow, release tokens, handing over to
 *		oneself.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* ----------
 * The leader that resigns
 * ----------
 */

/* The fixture checks that the lease was published as over before. */
static void
test_resignation(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	resigned_ns = core.now_ns;
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_true(core_view(&core).draining);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_STEP_DOWN);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1)->successor, 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 2)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 3)->successor, 1);

	/* Any of these may be lost, so they are sent twice more. */
	core_run_until(&core, resigned_ns + MS(4));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	core_run_until(&core, resigned_ns + MS(20));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1), 2);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, 2), 2);
	core_free(&core);
}

static void
test_only_a_leader_steps_down(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core_step_down(&core, RAFT_REASON_SHUTDOWN), RAFT_NOT_LEADER);
	core_lead(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_QUORUM_LOST), RAFT_INVALID);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core_step_down(&core, RAFT_REASON_SHUTDOWN), RAFT_OK);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_SHUTDOWN);
	core_free(&core);
}

/* Traps 15, 35: a lease that was given up never starts again in its term. */
static void
test_ended_lease_never_starts_again(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);

	/* Nor do late votes bring the leadership back. */
	core_grant(&core, 1);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	until_ns = core.now_ns + SECONDS(1);
	while (core.now_ns < until_ns && core_view(&core).term == 6)
	{
		core_run_until(&core, core.now_ns + MS(1));
		assert_false(core_lease_is_valid(&core));
		assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	}
	core_free(&core);
}

static RaftMessage
make_ack(Core *core, int32_t from, int32_t priority, uint8_t flags)
{
	RaftMessage ack = core_ack_message(core, from, 1, PROMISE_NS);

	ack.priority = priority;
	ack.flags = flags;
	return ack;
}

static void
test_choice_of_the_successor(void **state)
{
	Core		core;
	RaftMessage ack;

	(void) state;
	core_start_member(&core, 0, 7, 5);
	core_elect(&core);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);

	/* Never a node that will not campaign, or must be silent. */
	ack = make_ack(&core, 1, 0, 0);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	ack = make_ack(&core, 2, 900, RAFT_FLAG_SILENT);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	assert_true(core_peer(&core, 2).silent);

	/* The highest priority; among equals the lowest id. */
	ack = make_ack(&core, 5, 50, 0);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 5);
	ack = make_ack(&core, 4, 200, 0);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 4);
	ack = make_ack(&core, 6, 200, 0);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 4);
	ack = make_ack(&core, 3, 200, 0);
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, 3);

	/* Only one that was heard of lately. */
	core_run_until(&core, core.now_ns + 3 * HEARTBEAT_NS + MS(1));
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_ack(&core, 5, 4, PROMISE_NS);
	assert_int_equal(core_view(&core).successor, 5);

	/* And never one that has lost its state since. */
	ack = core_message(&core, RAFT_MESSAGE_PROBE, 5, 5);
	ack.standing = RAFT_AMNESIAC;
	core_receive(&core, &ack);
	assert_int_equal(core_view(&core).successor, RAFT_NO_NODE);
	core_free(&core);
}

static void
test_resignation_without_successor(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 2);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->successor,
					 RAFT_NO_NODE);
	core_free(&core);
}

/* If nobody takes over, the former leader is there again, in a new term. */
static void
test_former_leader_falls_back(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	resigned_ns = core.now_ns;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns - resigned_ns >= MS(40));
	assert_true(core.now_ns - resigned_ns <= TIMEOUT_MIN_NS);
	assert_false(core_view(&core).draining);
	assert_int_equal(core.request.subject_term, 7);
	assert_true(core.request.flags & RAFT_FLAG_HAS_TOKEN);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 6);
	core_grant(&core, 1);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	assert_int_equal(core_view(&core).term, 7);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

static void
test_new_leader_ends_the_draining(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_heartbeat(&core, 1, 7, 1);
	assert_false(core_view(&core).draining);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1));

	/* Nothing of the old leadership is told any more. */
	core_run_until(&core, core.now_ns + MS(500));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 0);
	core_free(&core);
}

static void
test_former_leader_votes_at_once(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ask_vote(&core, 1, 7);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Alone there is nobody to hand over to: a new term begins. */
static void
test_single_node_resigns(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_OK);
	assert_false(core_lease_is_valid(&core));
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core_view(&core).term, 7);
	core_free(&core);
}

/* ----------
 * Transfer to a named node
 * ----------
 */

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
	message = make_ack(&core, 1, 0, 0);
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
	message = make_ack(&core, 1, 100, RAFT_FLAG_SILENT);
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 6);
	message.standing = RAFT_AMNESIAC;
	core_receive(&core, &message);
	assert_transfer_changes_nothing(&core, 1, RAFT_NOT_FIT);

	/* All is well again, and it has only failed lately: whoever asks, may. */
	message = make_ack(&core, 1, 100, RAFT_FLAG_UNFIT);
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
			ack = make_ack(&core, 1, 100, 0);
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
			ack = make_ack(&core, 1, 100, 0);
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

/* ----------
 * Successor and voters
 * ----------
 */

/* Trap 16: without a pre-vote, and the next heartbeat does not turn it back. */
static void
test_successor_campaigns_at_once(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 6);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, ANYBODY), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, ANYBODY), 2);
	assert_true(core.request.flags & RAFT_FLAG_HAS_TOKEN);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 5);

	core_heartbeat(&core, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 0));

	/* The repeated message changes nothing. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core.disk.term, 6);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_free(&core);
}

/* Trap 15: late, or of somebody who does not lead us, it means nothing. */
static void
test_timeout_now_that_does_not_concern_us(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_heartbeat(&core, 2, 6, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_int_equal(core_view(&core).promised_to, 2);
	core_free(&core);

	core_start_member(&core, 1, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 2, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).promised_to, 0);

	/* Of a higher term: adopted, but it was not our leader. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 9, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 9);
	core_free(&core);
}

static void
test_successor_of_priority_zero_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 1, 3, 5);
	timings.priority = 0;
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

static void
test_resignation_lifts_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(core_event(&core, RAFT_EVENT_LEADER)->reason,
					 RAFT_REASON_RESIGNED);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_resignation_lifts_no_other_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 3, 5, 1);
	assert_int_equal(core_view(&core).promised_to, 0);
	assert_int_equal(core_view(&core).leader_id, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 4, 1);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	core_free(&core);
}

/* Also when the voter has met a higher term in the meantime. */
static void
test_resignation_lifts_the_promise_in_a_higher_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 3, 9);
	core_receive(&core, &reject);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(core.disk.term, 9);
	core_ask_vote(&core, 1, 10);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Nobody leads in term 0, so nobody resigns in it. */
static void
test_resignation_of_no_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 0);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 0, 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.request.flags & RAFT_FLAG_HAS_TOKEN, 0);
	core_free(&core);
}

/* The others follow soon, should the successor fail. */
static void
test_resignation_arms_a_short_timer(void **state)
{
	Core		core;
	uint64_t	resigned_ns;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	resigned_ns = core.now_ns;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns - resigned_ns >= MS(30));
	assert_true(core.now_ns - resigned_ns <= MS(100));
	core_free(&core);
}

/* A resignation that names us is as good as the lost TimeoutNow. */
static void
test_resignation_that_names_us(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/* A heartbeat that the resignation has overtaken. */
static void
test_late_heartbeat_of_a_resigned_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 0, 5, 1);
	core_heartbeat(&core, 0, 5, 2);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 0));
	core_free(&core);
}

static void
ask_with_token(Core *core, int32_t from, uint64_t term, int32_t token_leader,
			   uint64_t token_term)
{
	RaftMessage request = core_message(core, RAFT_MESSAGE_VOTE, from, term);

	request.nonce = 1;
	request.flags = RAFT_FLAG_HAS_TOKEN;
	request.token_leader = token_leader;
	request.token_term = token_term;
	core_receive(core, &request);
}

/* Trap 17: a lost resignation costs nothing; the request carries the token. */
static void
test_token_lifts_exactly_the_promise_that_it_names(void **state)
{
	Core		core;
	RaftMessage request;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	ask_with_token(&core, 1, 6, 3, 5);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 6, 0, 4);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	assert_int_equal(core.disk.term, 5);

	/* The fields count only with their flag. */
	request = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	request.token_leader = 0;
	request.token_term = 5;
	core_receive(&core, &request);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	ask_with_token(&core, 1, 6, 0, 5);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_token_works_for_pre_votes(void **state)
{
	Core		core;
	RaftMessage request;

	(void) state;
	core_start_member(&core, 2, 4, 5);
	core_heartbeat(&core, 0, 5, 1);
	request = core_message(&core, RAFT_MESSAGE_PRE_VOTE, 1, 5);
	request.subject_term = 6;
	request.flags = RAFT_FLAG_HAS_TOKEN;
	request.token_leader = 0;
	request.token_term = 5;
	core_receive(&core, &request);
	assert_true(core_granted(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1));
	core_free(&core);
}

/* Trap 14: a token does not lift "one vote per term", nor a leader's lease. */
static void
test_token_does_not_lift_the_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_ask_vote(&core, 2, 7);
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
	assert_int_equal(core.disk.vote, 2);
	core_free(&core);

	core_start_member(&core, 0, 4, 5);
	core_lead(&core);
	ask_with_token(&core, 1, 7, 0, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_LEADER));
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* Trap 23: what a former leader still had under way does not come back. */
static void
test_candidate_that_led_before_sends_no_heartbeats(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	core_run_until(&core, core.now_ns + MS(100));
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY));
	core_free(&core);
}

/* ----------
 * Handing over to oneself
 * ----------
 */

/* Trap 22: a node one term above is won back within a round trip. */
static void
test_leader_that_meets_a_higher_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 9);
	reject.subject_term = 6;
	reject.round = 1;
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 10);
	assert_int_equal(core.disk.vote, 0);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->subject_term, 6);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->successor, 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, ANYBODY), 2);
	assert_int_equal(core.request.token_leader, 0);
	assert_int_equal(core.request.token_term, 6);
	core_grant(&core, 2);
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.cell_term, 10);
	core_free(&core);
}

static void
test_leader_that_meets_a_higher_term_in_a_refusal(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_lead(&core);
	core_refuse(&core, 4, 8, RAFT_REFUSAL_TERM);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 9);
	core_free(&core);

	/* Not of a higher term: nothing happens. */
	core_start_member(&core, 0, 5, 5);
	core_lead(&core);
	core_refuse(&core, 4, 6, RAFT_REFUSAL_VOTED);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* There is no term above the last one to campaign in: it resigns all the same. */
static void
test_leader_that_meets_the_last_term(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, RAFT_TERM_LIMIT - 3);
	core_lead(&core);
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2,
						  RAFT_TERM_LIMIT - 1);
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_true(core.disk.term == RAFT_TERM_LIMIT - 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_RESIGN, 1));
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* A leader that may not lead any more resigns, and leaves it to others. */
static void
test_leader_resigns_when_its_priority_becomes_zero(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	term;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	term = core.disk.term;
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, ANYBODY), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_RESIGN, ANYBODY), 1);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(core.disk.term, term);
	core_free(&core);
}

/* Heartbeat, Resign and TimeoutNow of a higher term end a leadership plainly. */
static void
test_leader_that_hears_a_later_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_heartbeat(&core, 1, 8, 1);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_int_equal(core.disk.term, 8);
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_resignation(&core, RAFT_MESSAGE_RESIGN, 1, 8, 2);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core.disk.term, 8);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resignation),
		cmocka_unit_test(test_only_a_leader_steps_down),
		cmocka_unit_test(test_ended_lease_never_starts_again),
		cmocka_unit_test(test_choice_of_the_successor),
		cmocka_unit_test(test_resignation_without_successor),
		cmocka_unit_test(test_former_leader_falls_back),
		cmocka_unit_test(test_new_leader_ends_the_draining),
		cmocka_unit_test(test_former_leader_votes_at_once),
		cmocka_unit_test(test_single_node_resigns),
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_only_a_leader_transfers),
		cmocka_unit_test(test_transfer_to_no_other_node),
		cmocka_unit_test(test_transfer_to_an_unfit_node),
		cmocka_unit_test(test_transfer_needs_a_fresh_acknowledgement),
		cmocka_unit_test(test_transfer_to_a_node_that_is_behind),
		cmocka_unit_test(test_transfer_ends_the_lease_for_good),
		cmocka_unit_test(test_former_leader_waits_for_the_others),
		cmocka_unit_test(test_former_leader_with_a_slow_disk),
		cmocka_unit_test(test_successor_campaigns_at_once),
		cmocka_unit_test(test_timeout_now_that_does_not_concern_us),
		cmocka_unit_test(test_successor_of_priority_zero_does_not_campaign),
		cmocka_unit_test(test_resignation_lifts_the_promise),
		cmocka_unit_test(test_resignation_lifts_no_other_promise),
		cmocka_unit_test(test_resignation_lifts_the_promise_in_a_higher_term),
		cmocka_unit_test(test_resignation_of_no_leader),
		cmocka_unit_test(test_resignation_arms_a_short_timer),
		cmocka_unit_test(test_resignation_that_names_us),
		cmocka_unit_test(test_late_heartbeat_of_a_resigned_leader),
		cmocka_unit_test(test_token_lifts_exactly_the_promise_that_it_names),
		cmocka_unit_test(test_token_works_for_pre_votes),
		cmocka_unit_test(test_token_does_not_lift_the_vote),
		cmocka_unit_test(test_candidate_that_led_before_sends_no_heartbeats),
		cmocka_unit_test(test_leader_that_meets_a_higher_term),
		cmocka_unit_test(test_leader_that_meets_a_higher_term_in_a_refusal),
		cmocka_unit_test(test_leader_that_meets_the_last_term),
		cmocka_unit_test(test_leader_resigns_when_its_priority_becomes_zero),
		cmocka_unit_test(test_leader_that_hears_a_later_leader),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
