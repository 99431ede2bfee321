/*-------------------------------------------------------------------------
 *
 * test_lease.c
 *		Check-quorum and the lease of one node.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* What a leader may use of a peer's usual promise. */
static uint64_t
usable_ns(void)
{
	return raft_usable_promise_ns(PROMISE_NS, core_timings().max_clock_drift_ppm);
}

/* ----------
 * The inequality
 * ----------
 */

static void
test_usable_promise(void **state)
{
	uint32_t	drifts[] = {0, 1, 500, 10000, 83333, 200000};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(drifts) / sizeof(drifts[0]); i++)
	{
		uint64_t	usable = raft_usable_promise_ns(PROMISE_NS, drifts[i]);

		/*
		 * D (1 + drift) <= P (1 - drift): the leader's slow clock shows D no
		 * later than the voter's fast one shows P.
		 */
		assert_true(usable * (1000000 + drifts[i]) <=
					PROMISE_NS * (1000000 - drifts[i]));

		/* And no more than two microseconds are given away beside. */
		assert_true((usable + 2000) * (1000000 + drifts[i]) >
					PROMISE_NS * (1000000 - drifts[i]));
	}
	assert_true(raft_usable_promise_ns(PROMISE_NS, 0) < PROMISE_NS);
	assert_int_equal(raft_usable_promise_ns(0, 0), 0);
	assert_int_equal(raft_usable_promise_ns(10, 0), 0);
	assert_int_equal(raft_usable_promise_ns(2 * RAFT_MAX_PROMISE_NS, 500),
					 raft_usable_promise_ns(RAFT_MAX_PROMISE_NS, 500));
}

/* ----------
 * The leader
 * ----------
 */

/* A round trip that leaves hardly anything of the promise: still a lease. */
static void
test_lease_begins_with_a_very_long_round_trip(void **state)
{
	Core		core;
	uint64_t	round_trip_ns = MS(800);
	uint64_t	elected_ns;
	uint64_t	sent_ns[RAFT_ROUND_HISTORY * 2];
	uint64_t	newest = 1;
	uint64_t	acknowledged = 0;

	(void) state;
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	sent_ns[1] = elected_ns;
	while (core.now_ns < elected_ns + 2 * round_trip_ns)
	{
		uint64_t	next_ns = raft_next_deadline(core.raft);

		if (next_ns > sent_ns[acknowledged + 1] + round_trip_ns)
		{
			core.now_ns = sent_ns[++acknowledged] + round_trip_ns;
			core_ack(&core, 1, acknowledged, PROMISE_NS);
			continue;
		}
		core_tick(&core, next_ns);
		if (core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1) != NULL)
			sent_ns[++newest] = core.now_ns;

		/* Each acknowledgement comes in time for the next stretch. */
		assert_int_equal(core_view(&core).role, RAFT_LEADER);
		assert_int_equal(core_lease_is_valid(&core),
						 core.now_ns >= elected_ns + round_trip_ns);
	}
	assert_true(acknowledged >= RAFT_ROUND_HISTORY / 2 - 2);
	core_free(&core);
}

static void
test_lease_begins_with_a_majority_of_promises(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 5);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));

	/* A second acknowledgement of the same voter is not a second voter. */
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	core_ack(&core, 2, 1, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.cell_term, 6);
	assert_non_null(core_event(&core, RAFT_EVENT_LEASE_BEGUN));
	core_ack(&core, 3, 1, PROMISE_NS);
	assert_null(core_event(&core, RAFT_EVENT_LEASE_BEGUN));
	assert_int_equal(raft_counters(core.raft)->heartbeats_acknowledged, 4);
	core_free(&core);
}

/* Trap 28: from the heartbeat's sending, not from the answer's arrival. */
static void
test_lease_counts_from_the_sending(void **state)
{
	Core		core;
	uint64_t	sent_ns;
	uint64_t	round;

	(void) state;
	core_start_elected(&core, 3);
	sent_ns = core.now_ns;
	core_run_until(&core, sent_ns + MS(450));
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core.cell_end_ns == sent_ns + usable_ns());
	assert_true(core_peer(&core, 1).acknowledged_ns == sent_ns);
	assert_true(core_peer(&core, 1).expiry_ns == sent_ns + usable_ns());
	assert_int_equal(core_peer(&core, 1).round_trip_ns, MS(450));

	/* A round that was sent later. */
	core_run_until(&core, core.now_ns + MS(1));
	round = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->round;
	sent_ns = core.now_ns - MS(1);
	core_run_until(&core, core.now_ns + MS(20));
	core_ack(&core, 1, round, PROMISE_NS);
	assert_true(core.cell_end_ns == sent_ns + usable_ns());
	core_free(&core);
}

static void
test_lease_is_the_qth_greatest_expiry(void **state)
{
	Core		core;
	uint64_t	sent_ns;
	uint32_t	drift = core_timings().max_clock_drift_ppm;

	(void) state;
	core_start_elected(&core, 5);
	sent_ns = core.now_ns;
	core_ack(&core, 1, 1, MS(300));
	core_ack(&core, 2, 1, MS(500));
	assert_true(core.cell_end_ns == sent_ns + raft_usable_promise_ns(MS(300), drift));
	core_ack(&core, 3, 1, MS(400));
	assert_true(core.cell_end_ns == sent_ns + raft_usable_promise_ns(MS(400), drift));

	/* A long promise of one does not make up for the others. */
	core_ack(&core, 4, 1, MS(5000));
	assert_true(core.cell_end_ns == sent_ns + raft_usable_promise_ns(MS(500), drift));

	/* The leader's own counts like anybody's: 850 is the second of them. */
	core_ack(&core, 3, 1, MS(5000));
	assert_true(core.cell_end_ns == sent_ns + usable_ns());
	core_free(&core);
}

static void
test_acknowledgement_never_lowers_the_lease(void **state)
{
	Core		core;
	uint64_t	end_ns;
	uint64_t	sent_ns;
	uint64_t	round;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	sent_ns = core.now_ns;
	round = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->round;
	core_ack(&core, 1, round, PROMISE_NS);
	end_ns = core.cell_end_ns;
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core.cell_end_ns == end_ns);
	assert_true(core_peer(&core, 1).acknowledged_ns == sent_ns);
	core_ack(&core, 1, round, MS(1));
	assert_true(core.cell_end_ns == end_ns);
	core_free(&core);
}

/* A promise that has run out when its acknowledgement arrives begins none. */
static void
test_promise_that_has_run_out_begins_no_lease(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 3);
	core_run_until(&core, core.now_ns + MS(200));
	core_ack(&core, 1, 1, MS(200));
	assert_null(core_event(&core, RAFT_EVENT_LEASE_BEGUN));
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	assert_int_equal(core_view(&core).lease_end_ns, 0);
	core_ack(&core, 1, 1, MS(300));
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

static void
test_promise_beyond_its_cap_counts_as_the_cap(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, UINT64_MAX / 2);
	assert_true(core_peer(&core, 1).expiry_ns == core.now_ns +
				raft_usable_promise_ns(RAFT_MAX_PROMISE_NS, 10000));
	core_free(&core);
}

static void
test_acknowledgements_of_other_rounds_do_not_count(void **state)
{
	Core		core;
	RaftMessage ack;
	int			i;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 0, PROMISE_NS);
	core_ack(&core, 1, 2, PROMISE_NS);	/* not sent yet */
	core_ack(&core, 1, RAFT_ROUND_HISTORY + 1, PROMISE_NS);
	ack = core_message(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1, 6);
	ack.round = 1;
	ack.promise_ns = PROMISE_NS;
	ack.subject_term = 5;
	core_receive(&core, &ack);
	ack.subject_term = 7;
	core_receive(&core, &ack);
	assert_false(core_lease_is_valid(&core));
	assert_int_equal(raft_counters(core.raft)->heartbeats_acknowledged, 0);

	/* One that has fallen out of the ring: its place is taken. */
	for (i = 1; i < RAFT_ROUND_HISTORY; i++)
	{
		core_ack(&core, 2, (uint64_t) i, PROMISE_NS);
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	}
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_int_equal(core_peer(&core, 1).expiry_ns, 0);
	core_ack(&core, 1, 2, PROMISE_NS);
	assert_true(core_peer(&core, 1).expiry_ns != 0);
	core_free(&core);
}

/* Nor does one that went to a former incarnation of the leader. */
static void
test_acknowledgement_to_another_session_does_not_count(void **state)
{
	Core		core;
	RaftMessage ack;

	(void) state;
	core_start_elected(&core, 3);
	ack = core_message(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1, 6);
	ack.round = 1;
	ack.promise_ns = PROMISE_NS;
	ack.to_session--;
	assert_int_equal(core_receive(&core, &ack), RAFT_DROPPED);
	assert_false(core_lease_is_valid(&core));
	core_free(&core);
}

/* The leader's own promise is renewed by its sending rounds, not for ever. */
static void
test_hung_ticker_loses_the_lease(void **state)
{
	Core		core;
	uint64_t	sent_ns;
	uint64_t	term;
	int			i;

	(void) state;
	core_start_elected(&core, 3);
	sent_ns = core.now_ns;

	/* Both peers promise a minute; the own promise still bounds the lease. */
	for (i = 1; i <= 2; i++)
		core_ack(&core, i, 1, RAFT_MAX_PROMISE_NS);
	assert_true(core_peer(&core, 0).expiry_ns == sent_ns + usable_ns());
	core_free(&core);

	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_true(core.cell_end_ns == core.now_ns + usable_ns());
	term = core_view(&core).term;
	core_tick(&core, core.cell_end_ns);
	assert_int_equal(raft_counters(core.raft)->lease_lapses, 1);

	/* Alone it need not stay back: it leads again, in another term. */
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	assert_true(core_view(&core).term == term + 1);
	assert_true(core.cell_end_ns == core.now_ns + usable_ns());
	core_free(&core);
}

static void
test_lapse_ends_leadership(void **state)
{
	Core		core;
	uint64_t	end_ns;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	end_ns = core.cell_end_ns;
	core_run_until(&core, end_ns - 1);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_run_until(&core, end_ns);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).lease_end_ns, 0);
	assert_int_equal(core_view(&core).lease_term, 0);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_QUORUM_LOST);
	assert_int_equal(raft_counters(core.raft)->lease_lapses, 1);
	assert_int_equal(core.disk.vote, 0);
	core_free(&core);
}

/*
 * Expiry comes first: an acknowledgement that waited out a pause must not
 * revive a lease.
 */
static void
test_late_acknowledgement_does_not_revive_a_lease(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_run_until(&core, core.now_ns + 3 * HEARTBEAT_NS);
	core.now_ns = core.cell_end_ns;

	/* Round 4 was sent 300 ms ago, and would last for another 550 ms. */
	core_ack(&core, 1, 4, PROMISE_NS);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_false(core_lease_is_valid(&core));
	core_ack(&core, 2, 4, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	core_free(&core);
}

/* The same before a request, a control call, new settings, a write. */
static void
test_expiry_comes_first_at_every_entry(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core.now_ns = core.cell_end_ns;
	core_ask_vote(&core, 2, 7);
	assert_true(core_granted(&core, RAFT_MESSAGE_VOTE_REPLY, 2));
	core_free(&core);

	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core.now_ns = core.cell_end_ns;
	assert_int_equal(core_step_down(&core, RAFT_REASON_STEP_DOWN), RAFT_NOT_LEADER);
	core_free(&core);

	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core.now_ns = core.cell_end_ns;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);

	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core.now_ns = core.cell_end_ns;
	assert_int_equal(core_forget_state(&core), RAFT_NOT_AMNESIAC);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);

	/* A longer promise is written while the lease runs out. */
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core.write_ns = SECONDS(1);
	timings.election_timeout_min_ns = SECONDS(2);
	timings.election_timeout_max_ns = SECONDS(3);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

static void
test_leader_without_lease_steps_down(void **state)
{
	Core		core;
	uint64_t	elected_ns;

	(void) state;
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	core_run_until(&core, elected_ns + PROMISE_NS - 1);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_run_until(&core, elected_ns + PROMISE_NS);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_NO_LEASE);
	core_free(&core);
}

/* Who could not hold a lease stays back once. */
static void
test_lapsed_leader_stays_back(void **state)
{
	Core		core;
	uint64_t	lapsed_ns;
	int			i;

	(void) state;
	for (i = 0; i < 20; i++)
	{
		core_start_elected(&core, 3);
		core_ack(&core, 1, 1, PROMISE_NS);
		core.draw = (uint64_t) i;
		core_run_until_role(&core, RAFT_FOLLOWER);
		lapsed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns - lapsed_ns >= TIMEOUT_MAX_NS);
		assert_true(core.now_ns - lapsed_ns <= 2 * TIMEOUT_MAX_NS);
		core_free(&core);
	}
}

/* Trap 27: a clock, not ticks: without any tick the lease is over in time. */
static void
test_lease_ends_without_ticks(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core.cell_end_ns <= core.now_ns + PROMISE_NS);
	assert_true(raft_next_deadline(core.raft) <= core.cell_end_ns);
	core.now_ns += PROMISE_NS;
	assert_false(core_lease_is_valid(&core));
	core_free(&core);
}

static void
test_two_leaders_of_one_term_break_an_invariant(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_heartbeat(&core, 2, 6, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_false(core_lease_is_valid(&core));
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 2));
	assert_int_equal(core_event(&core, RAFT_EVENT_INVARIANT)->other, 2);
	assert_int_equal(core_event(&core, RAFT_EVENT_INVARIANT)->leader, 0);
	assert_int_equal(raft_counters(core.raft)->invariants_broken, 1);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	core_free(&core);

	/* A follower stays with the one that it follows, and says so. */
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_heartbeat(&core, 2, 5, 1);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 2));
	assert_int_equal(raft_counters(core.raft)->invariants_broken, 1);
	core_free(&core);
}

/* Each voter's own promise counts, so that different settings are safe. */
static void
test_voters_with_other_settings(void **state)
{
	Core		core;
	uint64_t	sent_ns;

	(void) state;
	core_start_elected(&core, 3);
	sent_ns = core.now_ns;
	core_ack(&core, 1, 1, MS(200));
	assert_true(core.cell_end_ns == sent_ns + raft_usable_promise_ns(MS(200), 10000));
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usable_promise),
		cmocka_unit_test(test_lease_begins_with_a_very_long_round_trip),
		cmocka_unit_test(test_lease_begins_with_a_majority_of_promises),
		cmocka_unit_test(test_lease_counts_from_the_sending),
		cmocka_unit_test(test_lease_is_the_qth_greatest_expiry),
		cmocka_unit_test(test_acknowledgement_never_lowers_the_lease),
		cmocka_unit_test(test_promise_that_has_run_out_begins_no_lease),
		cmocka_unit_test(test_promise_beyond_its_cap_counts_as_the_cap),
		cmocka_unit_test(test_acknowledgements_of_other_rounds_do_not_count),
		cmocka_unit_test(test_acknowledgement_to_another_session_does_not_count),
		cmocka_unit_test(test_hung_ticker_loses_the_lease),
		cmocka_unit_test(test_lapse_ends_leadership),
		cmocka_unit_test(test_late_acknowledgement_does_not_revive_a_lease),
		cmocka_unit_test(test_expiry_comes_first_at_every_entry),
		cmocka_unit_test(test_leader_without_lease_steps_down),
		cmocka_unit_test(test_lapsed_leader_stays_back),
		cmocka_unit_test(test_lease_ends_without_ticks),
		cmocka_unit_test(test_two_leaders_of_one_term_break_an_invariant),
		cmocka_unit_test(test_voters_with_other_settings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
