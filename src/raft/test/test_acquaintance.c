/*-------------------------------------------------------------------------
 *
 * test_acquaintance.c
 *		Sessions, probes, hearsay, and what is dropped; settings and names.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

#include <string.h>

static void
assert_dropped(Core *core, const RaftMessage *message)
{
	uint64_t	dropped = raft_counters(core->raft)->dropped;

	assert_int_equal(core_receive(core, message), RAFT_DROPPED);
	assert_int_equal(core->sent_count, 0);
	assert_int_equal(raft_counters(core->raft)->dropped, dropped + 1);
}

static void
test_strange_messages_are_dropped(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	message = core_message(&core, RAFT_MESSAGE_VOTE, 3, 6);
	assert_dropped(&core, &message);
	message.from = -1;
	assert_dropped(&core, &message);
	message.from = 0;
	assert_dropped(&core, &message);
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	message.to = 2;
	assert_dropped(&core, &message);
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	message.to_session = 0;
	assert_dropped(&core, &message);
	message.to_session = core.config.session + 1;
	assert_dropped(&core, &message);
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	message.from_session = 0;
	assert_dropped(&core, &message);

	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	message.known_leader = 3;
	assert_dropped(&core, &message);
	message.known_leader = RAFT_NO_NODE - 1;
	assert_dropped(&core, &message);

	/* Only a PROBE may come from a stranger. */
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	message.stranger = true;
	assert_dropped(&core, &message);

	/* A known sender's message of no known type does no harm. */
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, 5);
	message.type = (RaftMessageType) (RAFT_MESSAGE_TYPE_LAST + 1);
	(void) core_receive(&core, &message);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

/* A starting node speaks first, to everybody, and goes on until it hears. */
static void
test_silent_peers_are_probed(void **state)
{
	Core		core;
	RaftMessage reply;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	core_boot(&core, true);
	core_run_until(&core, core.now_ns);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 2), 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE, 1)->to_session, 0);

	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
	reply.nonce = core_sent(&core, RAFT_MESSAGE_PROBE, 1)->nonce;
	core.now_ns += MS(30);
	core_receive(&core, &reply);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core_peer(&core, 1).round_trip_ns, MS(30));
	assert_int_equal(core_peer(&core, 1).session, PEER_SESSION(1));
	assert_true(core_peer(&core, 1).last_heard_ns == core.now_ns);
	assert_int_equal(core_peer(&core, 2).last_heard_ns, 0);
	assert_int_equal(core_peer(&core, 2).priority, -1);

	/* The second reply to one probe measures nothing. */
	core.now_ns += MS(500);
	core_receive(&core, &reply);
	assert_int_equal(core_peer(&core, 1).round_trip_ns, MS(30));

	/* Who was heard of lately is left alone. */
	core_run_until(&core, CORE_START_NS + SECONDS(1) + MS(2));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 2), 1);
	core_run_until(&core, CORE_START_NS + SECONDS(2) + MS(4));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE, 1)->to_session,
					 PEER_SESSION(1));
	core_free(&core);
}

static void
test_stranger_is_answered_and_challenged(void **state)
{
	Core		core;
	RaftMessage probe;
	const RaftMessage *answer;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 50);
	probe.from_session = 4711;
	probe.to_session = 0;
	probe.nonce = 13;
	probe.stranger = true;
	probe.challenge = 77;
	probe.generation = 5000;
	core_receive(&core, &probe);
	answer = core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1);
	assert_non_null(answer);
	assert_int_equal(answer->to_session, 4711);
	assert_int_equal(answer->nonce, 13);
	answer = core_sent(&core, RAFT_MESSAGE_PROBE, 1);
	assert_non_null(answer);
	assert_int_equal(answer->to_session, 4711);
	assert_int_equal(answer->nonce, 77);

	/* Nothing of what it says is believed. */
	assert_int_equal(core_peer(&core, 1).session, PEER_SESSION(1));
	assert_int_equal(core_peer(&core, 1).term, 0);
	assert_true(core_peer(&core, 1).generation < 5000);
	core_free(&core);
}

/* Which of the probes under way an answer belongs to, its nonce tells. */
static void
test_only_the_latest_probe_is_measured(void **state)
{
	Core		core;
	RaftMessage reply;
	RaftMessage probe;
	uint64_t	first_nonce;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	core_boot(&core, true);
	core_run_until(&core, core.now_ns);
	first_nonce = core_sent(&core, RAFT_MESSAGE_PROBE, 1)->nonce;

	/* Its answer is overtaken by the next probe. */
	core_run_until(&core, CORE_START_NS + SECONDS(1) + MS(2));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 1);
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
	reply.nonce = first_nonce;
	assert_true(reply.nonce != core_sent(&core, RAFT_MESSAGE_PROBE, 1)->nonce);
	core_receive(&core, &reply);
	assert_true(core_peer(&core, 1).last_heard_ns == core.now_ns);
	assert_int_equal(core_peer(&core, 1).round_trip_ns, 0);

	/* So is the probe by a challenge, whose answer is measured from there. */
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 5);
	probe.stranger = true;
	probe.challenge = 77;
	core.now_ns += MS(100);
	core_receive(&core, &probe);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE, 1)->nonce, 77);
	reply.nonce = 77;
	core.now_ns += MS(20);
	core_receive(&core, &reply);
	assert_int_equal(core_peer(&core, 1).round_trip_ns, MS(20));
	core_free(&core);
}

/*
 * Follow node 1, which is heard every 100 ms, for that long; each probe to it
 * is answered after 7 ms, or none is.  Returns how many there were; *shortest
 * and *longest, of the times between two.
 */
static int
count_probes_to_leader(Core *core, uint64_t length_ns, bool answered,
					   uint64_t *shortest, uint64_t *longest)
{
	uint64_t	end_ns = core->now_ns + length_ns;
	uint64_t	last_ns = 0;
	uint64_t	round = 0;
	int			probes = 0;

	*shortest = UINT64_MAX;
	*longest = 0;
	while (core->now_ns < end_ns)
	{
		core_heartbeat(core, 1, 5, ++round);
		core_run_until(core, core->now_ns + HEARTBEAT_NS);
		if (core_count_sent(core, RAFT_MESSAGE_PROBE, 1) > 0)
		{
			RaftMessage reply = core_message(core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
			uint64_t	since = core->now_ns - last_ns;

			assert_int_equal(core_count_sent(core, RAFT_MESSAGE_PROBE, 1), 1);
			assert_int_equal(core_sent(core, RAFT_MESSAGE_PROBE, 1)->to_session,
							 PEER_SESSION(1));
			if (last_ns != 0 && since < *shortest)
				*shortest = since;
			if (last_ns != 0 && since > *longest)
				*longest = since;
			last_ns = core->now_ns;
			probes++;
			reply.nonce = core_sent(core, RAFT_MESSAGE_PROBE, 1)->nonce;
			core->now_ns += MS(7);
			if (answered)
				core_receive(core, &reply);
		}
	}
	return probes;
}

/* A peer that is heard may not hear us: the way there is measured, too. */
static void
test_peers_that_are_heard_are_measured(void **state)
{
	Core		core;
	uint64_t	shortest;
	uint64_t	longest;
	uint64_t	measured_ns;
	int			probes;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core_peer(&core, 1).measured_ns, 0);
	assert_int_equal(core_peer(&core, 1).last_round_trip_ns, 0);

	/* Every five seconds or so, and not in step. */
	probes = count_probes_to_leader(&core, SECONDS(100), true, &shortest, &longest);
	assert_in_range(probes, 15, 25);
	assert_in_range(shortest, SECONDS(4), SECONDS(5));
	assert_in_range(longest, SECONDS(5), SECONDS(7) + MS(200));
	measured_ns = core_peer(&core, 1).measured_ns;
	assert_true(core.now_ns - measured_ns <= SECONDS(7) + MS(200));
	assert_true(core_peer(&core, 1).last_round_trip_ns >= MS(7));
	assert_true(core_peer(&core, 1).last_round_trip_ns <= HEARTBEAT_NS + MS(7));

	/* Who does not answer is probed like one that is not heard. */
	probes = count_probes_to_leader(&core, SECONDS(30), false, &shortest, &longest);
	assert_in_range(probes, 30 - 7, 30);
	assert_in_range(longest, MS(900), MS(1200));
	assert_true(core_peer(&core, 1).measured_ns == measured_ns);
	core_free(&core);
}

/* The leader's own heartbeats measure; it needs no probes. */
static void
test_acknowledgements_measure(void **state)
{
	Core		core;
	uint64_t	end_ns;
	uint64_t	round = 1;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	for (end_ns = core.now_ns + SECONDS(30); core.now_ns < end_ns;)
	{
		const RaftMessage *heartbeat;

		core_run_until(&core, core.now_ns + HEARTBEAT_NS - MS(3));
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 0);
		heartbeat = core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1);
		if (heartbeat != NULL)
			round = heartbeat->round;
		core.now_ns += MS(3);
		core_ack(&core, 1, round, PROMISE_NS);
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 0);
	}
	assert_true(core_peer(&core, 1).measured_ns == core.now_ns);
	assert_true(core_peer(&core, 1).last_round_trip_ns >= MS(3));
	assert_true(core_peer(&core, 1).last_round_trip_ns <= HEARTBEAT_NS);

	/* A copy that comes late has measured nothing, nor has an older one. */
	end_ns = core.now_ns;
	core.now_ns += MS(40);
	core_ack(&core, 1, round, PROMISE_NS);
	core_ack(&core, 1, round - 1, PROMISE_NS);
	assert_true(core_peer(&core, 1).measured_ns == end_ns);
	core_free(&core);
}

static void
test_probe_of_an_accepted_session_is_answered(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 7);
	probe.nonce = 13;
	probe.generation = 9;
	probe.role = RAFT_PRE_CANDIDATE;
	probe.flags = RAFT_FLAG_SILENT;
	probe.priority = 55;
	core_receive(&core, &probe);
	assert_int_equal(core.sent_count, 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->generation_seen, 9);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->advertised_port, 5432);
	assert_int_equal(core_peer(&core, 1).term, 7);
	assert_int_equal(core_peer(&core, 1).role, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_peer(&core, 1).standing, RAFT_MEMBER);
	assert_int_equal(core_peer(&core, 1).priority, 55);
	assert_int_equal(core_peer(&core, 1).generation, 9);
	assert_int_equal(core_peer(&core, 1).advertised_port, 5433);
	assert_true(core_peer(&core, 1).silent);

	/* Its term is no candidate's and no leader's: not adopted. */
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

/* Without its session nothing but a PROBE would be taken by a peer. */
static void
test_unknown_peers_get_probes_only(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, 0));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, ANYBODY), 0);
	core_free(&core);
}

static void
tell_of_leader(Core *core, int32_t from, int32_t leader, uint64_t term)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_PROBE, from, term);

	message.known_leader = leader;
	message.known_leader_term = term;
	core_receive(core, &message);
}

/* A leader that is known but not heard. */
static void
test_hearsay_about_the_leader(void **state)
{
	Core		core;
	uint64_t	told_ns;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	assert_int_equal(core_view(&core).rumoured_leader_id, RAFT_NO_NODE);
	tell_of_leader(&core, 1, 4, 4);
	assert_int_equal(core_view(&core).rumoured_leader_id, RAFT_NO_NODE);
	tell_of_leader(&core, 1, 0, 6);
	assert_int_equal(core_view(&core).rumoured_leader_id, RAFT_NO_NODE);
	tell_of_leader(&core, 1, 4, 6);
	tell_of_leader(&core, 2, 3, 5);
	told_ns = core.now_ns;
	assert_int_equal(core_view(&core).rumoured_leader_id, 4);
	assert_int_equal(core_view(&core).rumoured_leader_term, 6);
	assert_int_equal(core_peer(&core, 1).known_leader, 4);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);

	/* Not for ever, and not beside a leader that is heard. */
	core_run_until(&core, told_ns + SECONDS(3) + 1);
	assert_int_equal(core_view(&core).rumoured_leader_id, RAFT_NO_NODE);
	tell_of_leader(&core, 1, 4, 6);
	assert_int_equal(core_view(&core).rumoured_leader_id, 4);
	core_heartbeat(&core, 3, 6, 1);
	assert_int_equal(core_view(&core).rumoured_leader_id, RAFT_NO_NODE);
	core_free(&core);
}

static void
test_peer_view_is_bounded(void **state)
{
	Core		core;
	RaftPeerView view;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_true(raft_peer_view(core.raft, 0, &view));
	assert_true(raft_peer_view(core.raft, 2, &view));
	assert_false(raft_peer_view(core.raft, 3, &view));
	assert_false(raft_peer_view(core.raft, -1, &view));
	core_free(&core);
}

/* ----------
 * Settings
 * ----------
 */

static void
assert_rule(RaftTimings timings, const char *word)
{
	const char *broken = raft_check_timings(&timings);

	if (word == NULL)
	{
		assert_null(broken);
		return;
	}
	assert_non_null(broken);
	assert_non_null(strstr(broken, word));
}

/* Both sides of each boundary. */
static void
test_rules_for_settings(void **state)
{
	RaftTimings timings = core_timings();

	(void) state;
	assert_rule(timings, NULL);
	timings.heartbeat_interval_ns = MS(1) - 1;
	assert_rule(timings, "heartbeat_interval must be at least");
	timings.heartbeat_interval_ns = MS(1);
	assert_rule(timings, NULL);
	timings.heartbeat_interval_ns = MS(200);
	assert_rule(timings, NULL);
	timings.heartbeat_interval_ns = MS(200) + 1;
	assert_rule(timings, "five times");

	timings = core_timings();
	timings.election_timeout_max_ns = timings.election_timeout_min_ns;
	assert_rule(timings, "greater than election_timeout_min");
	timings.election_timeout_max_ns++;
	assert_rule(timings, NULL);

	timings = core_timings();
	timings.election_timeout_max_ns = SECONDS(3600) + 1;
	assert_rule(timings, "one hour");
	timings.election_timeout_max_ns--;
	assert_rule(timings, NULL);
	timings.election_timeout_min_ns = UINT64_MAX;
	assert_rule(timings, "one hour");

	timings = core_timings();
	timings.election_timeout_max_ns = SECONDS(100);
	timings.election_timeout_min_ns = RAFT_MAX_PROMISE_NS + MS(150);
	assert_rule(timings, NULL);
	timings.election_timeout_min_ns++;
	assert_rule(timings, "60 seconds");

	timings = core_timings();
	timings.max_clock_drift_ppm = 200000;
	assert_rule(timings, NULL);
	timings.max_clock_drift_ppm++;
	assert_rule(timings, "max_clock_drift");

	timings = core_timings();
	timings.priority = 1000;
	assert_rule(timings, NULL);
	timings.priority++;
	assert_rule(timings, "priority");
	timings.priority = 0;
	assert_rule(timings, NULL);
	timings.priority--;
	assert_rule(timings, "priority");
}

/* The shortest settings that are allowed work, too. */
static void
test_shortest_timeouts(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core.write_ns = 0;
	core.config.timings.heartbeat_interval_ns = MS(1);
	core.config.timings.election_timeout_min_ns = MS(5);
	core.config.timings.election_timeout_max_ns = MS(5) + 1;
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	core_run_until_role(&core, RAFT_LEADER);
	core_run_until(&core, core.now_ns + MS(100));
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

static void
test_bad_settings_change_nothing(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 5000;
	timings.heartbeat_interval_ns = MS(50);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_INVALID);
	assert_int_equal(core_view(&core).timings.priority, 100);
	assert_int_equal(core_view(&core).timings.heartbeat_interval_ns, HEARTBEAT_NS);
	assert_int_equal(core_view(&core).promise_ns, PROMISE_NS);
	core_free(&core);
}

/* ----------
 * Names
 * ----------
 */

static void
assert_name(const char *name, bool known)
{
	assert_non_null(name);
	assert_true(strlen(name) > 0);
	assert_int_equal(strcmp(name, "invalid") != 0, known);
}

static void
test_every_value_has_a_name(void **state)
{
	int			i;

	(void) state;
	for (i = -1; i <= RAFT_LEADER + 1; i++)
		assert_name(raft_role_name((RaftRole) i), i >= 0 && i <= RAFT_LEADER);
	for (i = -1; i <= RAFT_AMNESIAC + 1; i++)
		assert_name(raft_standing_name((RaftStanding) i),
					i >= 0 && i <= RAFT_AMNESIAC);
	for (i = -1; i <= RAFT_MESSAGE_TYPE_LAST + 1; i++)
		assert_name(raft_message_type_name((RaftMessageType) i),
					i >= RAFT_MESSAGE_TYPE_FIRST && i <= RAFT_MESSAGE_TYPE_LAST);
	for (i = -1; i <= RAFT_REFUSAL_LAST + 1; i++)
		assert_name(raft_refusal_name((RaftRefusal) i),
					i >= 0 && i <= RAFT_REFUSAL_LAST);
	for (i = -1; i <= RAFT_REASON_LAST + 1; i++)
		assert_name(raft_reason_name((RaftReason) i),
					i >= 0 && i <= RAFT_REASON_LAST);
	for (i = -1; i <= RAFT_AMNESIA_LEFT_BEHIND + 1; i++)
		assert_name(raft_amnesia_name((RaftAmnesia) i),
					i >= 0 && i <= RAFT_AMNESIA_LEFT_BEHIND);
}

/* ----------
 * Any message in any role
 * ----------
 */

static uint64_t
next_random(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 33;
}

/*
 * Trap 13: no message that a peer could ever send makes the node stop.  The
 * fixture's checks of promises are part of what is tried; the random peers
 * tell lies that honest ones cannot, so only what holds even then is checked.
 */
static void
test_any_message_in_any_role(void **state)
{
	uint64_t	random = 1;
	int			run;

	(void) state;
	for (run = 0; run < 40; run++)
	{
		Core		core;
		int			i;

		core_start_member(&core, run % 5, 5, 5);
		for (i = 0; i < 500; i++)
		{
			int32_t		from = (int32_t) (next_random(&random) % 5);
			RaftMessageType type = (RaftMessageType)
			(RAFT_MESSAGE_TYPE_FIRST + next_random(&random) % RAFT_MESSAGE_TYPE_LAST);
			RaftMessage message = core_message(&core, type, from,
											   core.disk.term + next_random(&random) % 3);

			message.subject_term = core.disk.term + next_random(&random) % 4 - 1;
			message.nonce = next_random(&random) % 2 == 0 ? core.request.nonce : 1;
			message.round = next_random(&random) % 4;
			message.promise_ns = MS(next_random(&random) % 1000);
			message.successor = (int32_t) (next_random(&random) % 5);
			message.flags = next_random(&random) % 2 == 0 ? RAFT_FLAG_GRANTED : 0;
			if (next_random(&random) % 8 == 0)
			{
				message.flags |= RAFT_FLAG_HAS_TOKEN;
				message.token_leader = (int32_t) (next_random(&random) % 5);
				message.token_term = core.disk.term - next_random(&random) % 2;
			}
			message.refusal = (RaftRefusal) (next_random(&random) % (RAFT_REFUSAL_LAST + 1));
			(void) core_receive(&core, &message);
			if (next_random(&random) % 4 == 0)
				core_run_until(&core, core.now_ns + MS(next_random(&random) % 300));
			if (next_random(&random) % 50 == 0)
				(void) core_step_down(&core, RAFT_REASON_STEP_DOWN);
		}
		core_free(&core);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strange_messages_are_dropped),
		cmocka_unit_test(test_silent_peers_are_probed),
		cmocka_unit_test(test_stranger_is_answered_and_challenged),
		cmocka_unit_test(test_only_the_latest_probe_is_measured),
		cmocka_unit_test(test_peers_that_are_heard_are_measured),
		cmocka_unit_test(test_acknowledgements_measure),
		cmocka_unit_test(test_probe_of_an_accepted_session_is_answered),
		cmocka_unit_test(test_unknown_peers_get_probes_only),
		cmocka_unit_test(test_hearsay_about_the_leader),
		cmocka_unit_test(test_peer_view_is_bounded),
		cmocka_unit_test(test_rules_for_settings),
		cmocka_unit_test(test_shortest_timeouts),
		cmocka_unit_test(test_bad_settings_change_nothing),
		cmocka_unit_test(test_every_value_has_a_name),
		cmocka_unit_test(test_any_message_in_any_role),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
