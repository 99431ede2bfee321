/*-------------------------------------------------------------------------
 *
 * test_heartbeat.c
 *		Heartbeats: when a leader sends its rounds, and what they tell.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

static void
test_heartbeats_leave_at_each_interval(void **state)
{
	Core		core;
	const RaftMessage *heartbeat;
	uint64_t	elected_ns;
	int			i;

	(void) state;
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	heartbeat = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2);
	assert_non_null(heartbeat);
	assert_int_equal(heartbeat->successor, RAFT_NO_NODE);

	/* With the lease there is a successor, and the others learn it at once. */
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(raft_next_deadline(core.raft) == core.now_ns);
	core_tick(&core, core.now_ns);
	heartbeat = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2);
	assert_non_null(heartbeat);
	assert_int_equal(heartbeat->round, 2);
	assert_int_equal(heartbeat->successor, 1);

	for (i = 1; i <= 5; i++)
	{
		core_ack(&core, 1, (uint64_t) i + 1, PROMISE_NS);
		core_run_until(&core, elected_ns + i * HEARTBEAT_NS - 1);
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 0);
		core_run_until(&core, elected_ns + i * HEARTBEAT_NS);
		heartbeat = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2);
		assert_non_null(heartbeat);
		assert_int_equal(heartbeat->round, i + 2);
		assert_int_equal(heartbeat->subject_term, 6);
		assert_int_equal(heartbeat->promise_ns, PROMISE_NS);
		assert_int_equal(heartbeat->rank, RAFT_NO_RANK);
		assert_true(heartbeat->flags & RAFT_FLAG_LEADER);
		assert_int_equal(heartbeat->successor, 1);
	}
	assert_int_equal(raft_counters(core.raft)->heartbeats_sent, 14);
	core_free(&core);
}

/* The step between timers follows what is measured of those that are there. */
static void
test_heartbeats_tell_the_step_between_timers(void **state)
{
	Core		core;
	uint64_t	round;

	(void) state;
	core_start_elected(&core, 3);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank_delay_ns,
					 MS(10));
	core.now_ns += MS(20);
	core_ack(&core, 2, 1, PROMISE_NS);
	core_run_until(&core, core.now_ns + MS(70));

	/* Of one measurement the deviation is taken to be half. */
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank_delay_ns,
					 3 * (MS(20) + 2 * MS(10)) + 2 * MS(1));

	/* Node 2 is heard no more; of node 1 there is a short round trip. */
	core_run_until(&core, core.now_ns + MS(30));
	for (round = 3; round < 40; round++)
	{
		core_ack(&core, 1, round, PROMISE_NS);
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	}
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->rank_delay_ns,
					 MS(10));
	core_free(&core);
}

static void
test_missed_beats_are_not_made_up_for(void **state)
{
	Core		core;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_tick(&core, core.now_ns + 5 * HEARTBEAT_NS + MS(1));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 1);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 0);
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 1);
	core_free(&core);
}

/* Before the lease, rounds follow each other at this interval. */
#define FIRST_ROUNDS_NS		(PROMISE_NS / (RAFT_ROUND_HISTORY / 2))

/* A lost first heartbeat must not cost a whole interval. */
static void
test_first_rounds_are_repeated_until_the_lease_begins(void **state)
{
	Core		core;
	uint64_t	elected_ns;
	int			i;

	(void) state;
	core_start_elected(&core, 5);
	elected_ns = core.now_ns;
	for (i = 1; i <= 4; i++)
	{
		core_run_until(&core, elected_ns + i * FIRST_ROUNDS_NS - 1);
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 0);
		core_run_until(&core, elected_ns + i * FIRST_ROUNDS_NS);
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 4);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 4)->round, i + 1);
		assert_false(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 4)->flags &
					 RAFT_FLAG_LEADER);

		/* One of the two promises that are needed. */
		core_ack(&core, 1, (uint64_t) i + 1, PROMISE_NS);
	}

	/* The second one: a round at once, and from then on the usual interval. */
	core.now_ns += MS(1);
	core_ack(&core, 2, 5, PROMISE_NS);
	assert_true(core_lease_is_valid(&core));
	core_tick(&core, core.now_ns);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 3)->round, 6);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 0);
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 3)->round, 7);
	core_free(&core);
}

/* The interval of the first rounds with that round trip. */
static uint64_t
measure_first_interval(uint64_t round_trip_ns, uint64_t heartbeat_ns)
{
	Core		core;
	RaftTimings timings = core_timings();
	RaftMessage reply;
	uint64_t	elected_ns;
	uint64_t	interval_ns;

	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, 0));
	timings.heartbeat_interval_ns = heartbeat_ns;
	core.config.timings = timings;
	core_boot(&core, true);
	core_tick(&core, core.now_ns);
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
	reply.nonce = core_sent(&core, RAFT_MESSAGE_PROBE, 1)->nonce;
	core.now_ns += round_trip_ns;
	core_receive(&core, &reply);
	core_meet_peers(&core);
	core_elect(&core);
	elected_ns = core.now_ns;
	do
		core_tick(&core, raft_next_deadline(core.raft));
	while (core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1) == NULL);
	interval_ns = core.now_ns - elected_ns;
	core_free(&core);
	return interval_ns;
}

/* Not before an answer can be there, nor later than the usual interval. */
static void
test_interval_of_the_first_rounds(void **state)
{
	(void) state;
	assert_int_equal(measure_first_interval(MS(1), HEARTBEAT_NS), FIRST_ROUNDS_NS);
	assert_int_equal(measure_first_interval(MS(20), HEARTBEAT_NS), MS(40));
	assert_int_equal(measure_first_interval(MS(45), HEARTBEAT_NS), MS(90));
	assert_int_equal(measure_first_interval(MS(70), HEARTBEAT_NS), HEARTBEAT_NS);
	assert_int_equal(measure_first_interval(MS(1), MS(10)), MS(10));
}

/* However fast they are repeated: no acknowledgement is of a forgotten round. */
static void
test_first_rounds_stay_in_the_ring(void **state)
{
	Core		core;
	uint64_t	elected_ns;
	uint64_t	round;

	(void) state;
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	core_run_until(&core, elected_ns + PROMISE_NS - 1);
	round = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->round;
	assert_int_equal(round, RAFT_ROUND_HISTORY / 2);
	core_ack(&core, 1, 1, SECONDS(2));
	assert_true(core_peer(&core, 1).expiry_ns != 0);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);

	/* Without any, they end with the leadership, one promise later. */
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	core_run_until(&core, elected_ns + PROMISE_NS);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_NO_LEASE);
	core_run_until(&core, core.now_ns + MS(500));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 0);
	core_free(&core);
}

static void
test_leader_takes_a_shorter_interval_at_once(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.heartbeat_interval_ns = MS(200);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_lead(&core);
	timings.heartbeat_interval_ns = MS(20);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until(&core, core.now_ns + MS(20));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 1);
	assert_int_equal(core_view(&core).timings.heartbeat_interval_ns, MS(20));
	core_free(&core);
}

/* ----------
 * Voters with shorter settings
 * ----------
 */

/* Their promises are renewed in time, and nobody's interval gets longer. */
static void
test_leader_beats_as_its_voters_need_it(void **state)
{
	Core		core;
	uint64_t	elected_ns;

	(void) state;
	core_start_elected(&core, 3);
	elected_ns = core.now_ns;
	core_ack(&core, 1, 1, SECONDS(60));
	core_tick(&core, core.now_ns);
	assert_true(raft_next_deadline(core.raft) == elected_ns + HEARTBEAT_NS);
	core_ack(&core, 2, 2, MS(120));
	assert_true(raft_next_deadline(core.raft) == elected_ns + MS(40));
	core_run_until(&core, elected_ns + MS(40));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 1);
	core_run_until(&core, elected_ns + MS(79));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 0);
	core_run_until(&core, elected_ns + MS(80));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 1);

	/* An older acknowledgement says nothing new, the next one does. */
	core_ack(&core, 2, 1, MS(30));
	assert_true(raft_next_deadline(core.raft) == elected_ns + MS(120));
	core_ack(&core, 2, 4, PROMISE_NS);
	core_run_until(&core, elected_ns + MS(120));
	assert_true(raft_next_deadline(core.raft) == core.now_ns + HEARTBEAT_NS);
	core_free(&core);
}

/* Whatever they tell, there is a least interval, and it ends with their word. */
static void
test_leader_does_not_hurry_for_a_voter_that_is_gone(void **state)
{
	Core		core;
	uint64_t	round;

	(void) state;
	core_start_elected(&core, 3);
	core_ack(&core, 1, 1, PROMISE_NS);
	core_tick(&core, core.now_ns);
	core_ack(&core, 2, 2, 0);
	assert_true(raft_next_deadline(core.raft) == core.now_ns + MS(5));
	for (round = 3; round < 3 + 60 + 1; round++)
	{
		core_run_until(&core, core.now_ns + MS(5));
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2), 1);
		core_ack(&core, 1, round, PROMISE_NS);
	}
	core_run_until(&core, core.now_ns + HEARTBEAT_NS - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2), 0);
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 2), 1);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeats_leave_at_each_interval),
		cmocka_unit_test(test_heartbeats_tell_the_step_between_timers),
		cmocka_unit_test(test_missed_beats_are_not_made_up_for),
		cmocka_unit_test(test_first_rounds_are_repeated_until_the_lease_begins),
		cmocka_unit_test(test_interval_of_the_first_rounds),
		cmocka_unit_test(test_first_rounds_stay_in_the_ring),
		cmocka_unit_test(test_leader_takes_a_shorter_interval_at_once),
		cmocka_unit_test(test_leader_beats_as_its_voters_need_it),
		cmocka_unit_test(test_leader_does_not_hurry_for_a_voter_that_is_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
