/*-------------------------------------------------------------------------
 *
 * test_generations.c
 *		Generations of records: what nodes have seen of each other's, and how a
 *		rolled-back one is found out by that; more of it is in test_recovery.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* ----------
 * What was seen of the peers' records
 * ----------
 */

/* Node 1 says a word, of a record of that generation. */
static void
tell_generation(Core *core, uint64_t session, uint64_t generation)
{
	RaftMessage probe = core_message(core, RAFT_MESSAGE_PROBE, 1, 0);

	probe.from_session = session;
	probe.generation = generation;
	assert_int_equal(core_receive(core, &probe), RAFT_OK);
}

/* News of a peer is no reason to write; but each record has all of it. */
static void
test_peer_generations_are_written_along(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	writes = core.write_count;
	tell_generation(&core, PEER_SESSION(1), 17);
	core_run_until(&core, core.now_ns + MS(10));
	assert_int_equal(core.write_count, writes);
	assert_int_equal(core.disk.peer_generation[1], 0);
	core_ask_vote(&core, 2, 6);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.peer_generation[0], 0);
	assert_int_equal(core.disk.peer_generation[1], 17);
	assert_int_equal(core.disk.peer_generation[2], 1);

	/* The greatest, not the latest. */
	tell_generation(&core, PEER_SESSION(1), 12);
	core_ask_vote(&core, 2, 7);
	assert_int_equal(core.disk.peer_generation[1], 17);
	tell_generation(&core, 555, 15);
	core_ask_vote(&core, 2, 8);
	assert_int_equal(core.disk.peer_generation[1], 17);
	core_free(&core);
}

/* A peer that was rolled back is told so also by a node that has restarted. */
static void
test_peer_generations_survive_a_restart(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	tell_generation(&core, PEER_SESSION(1), 17);
	core_ask_vote(&core, 2, 6);
	core_restart(&core, SECONDS(1));
	assert_int_equal(core_peer(&core, 1).generation, 17);
	assert_int_equal(core_peer(&core, 0).generation, 0);

	/* With the first word, and in answers. */
	core_tick(&core, core.now_ns);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE, 1)->generation_seen, 17);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE, 2)->generation_seen, 1);
	tell_generation(&core, 555, 12);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->generation_seen, 17);

	/* It may have been the present session's: nothing is said of former ones. */
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->former_generation_seen, 0);

	/* And on to the next record. */
	core_heartbeat(&core, 2, 9, 1);
	assert_int_equal(core.disk.peer_generation[1], 17);
	core_free(&core);
}

/* A rolled-back peer's own writes must not hide what was seen before them. */
static void
test_former_sessions_generation_is_told(void **state)
{
	Core		core;
	RaftMessage stranger;
	const RaftMessage *reply;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	tell_generation(&core, PEER_SESSION(1), 40);
	reply = core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1);
	assert_int_equal(reply->generation_seen, 40);
	assert_int_equal(reply->former_generation_seen, 0);

	/* To a session that is not accepted yet, all that was seen is former. */
	stranger = core_message(&core, RAFT_MESSAGE_PROBE, 1, 0);
	stranger.from_session = 555;
	stranger.stranger = true;
	stranger.generation = 30;
	core_receive(&core, &stranger);
	reply = core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1);
	assert_int_equal(reply->to_session, 555);
	assert_int_equal(reply->generation_seen, 40);
	assert_int_equal(reply->former_generation_seen, 40);

	/* And when it is, also after it has caught up. */
	tell_generation(&core, 555, 30);
	reply = core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1);
	assert_int_equal(reply->generation_seen, 40);
	assert_int_equal(reply->former_generation_seen, 40);
	tell_generation(&core, 555, 45);
	reply = core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1);
	assert_int_equal(reply->generation_seen, 45);
	assert_int_equal(reply->former_generation_seen, 40);

	/* In every message, as any may be lost. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	reply = core_sent(&core, RAFT_MESSAGE_PRE_VOTE, 1);
	assert_int_equal(reply->generation_seen, 45);
	assert_int_equal(reply->former_generation_seen, 40);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE, 2)->former_generation_seen, 0);
	core_free(&core);
}

/* Without any session of it known, nothing is. */
static void
test_first_session_has_no_former_one(void **state)
{
	Core		core;
	RaftMessage stranger;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	core.disk.peer_generation[1] = 40;
	core_boot(&core, true);
	stranger = core_message(&core, RAFT_MESSAGE_PROBE, 1, 0);
	stranger.stranger = true;
	core_receive(&core, &stranger);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->generation_seen, 40);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->former_generation_seen, 0);
	core_free(&core);
}

/* What a record says of oneself, or of nodes that are no more, is nothing. */
static void
test_generations_of_no_peer(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, 0));
	core.disk.peer_generation[0] = 99;
	core.disk.peer_generation[1] = 7;
	core.disk.peer_generation[3] = 99;
	core_boot(&core, true);
	core_meet_peers(&core);
	assert_int_equal(core_peer(&core, 0).generation, 0);
	assert_int_equal(core_peer(&core, 1).generation, 7);
	assert_int_equal(core.disk.peer_generation[0], 0);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

static void
test_peer_generations_and_a_failing_disk(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	tell_generation(&core, PEER_SESSION(1), 17);
	core.failing_writes = 1;
	core_ask_vote(&core, 2, 6);
	assert_true(core_view(&core).storage_failed);
	assert_int_equal(core.disk.peer_generation[1], 0);
	tell_generation(&core, PEER_SESSION(1), 18);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PROBE_REPLY, 1)->generation_seen, 18);
	core_run_until(&core, core.now_ns + 2 * TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	assert_int_equal(core.disk.peer_generation[1], 18);
	core_free(&core);
}

/* ----------
 * A record that was rolled back
 * ----------
 */

#define PROBE_REPLY RAFT_MESSAGE_PROBE_REPLY

/* A member whose record has that generation, and who has to write at once. */
static void
start_and_write(Core *core, uint64_t generation)
{
	RaftDurable record = core_record(RAFT_MEMBER, 5, MS(100));

	record.generation = generation;
	core_init(core, 0, 3, record);
	core_boot(core, true);
	core_meet_peers(core);
	assert_int_equal(core->disk.generation, generation + 1);
}

/* What a peer says that it has seen of this node's former sessions. */
static void
tell_former(Core *core, uint64_t generation)
{
	RaftMessage reply = core_message(core, PROBE_REPLY, 1, 5);

	reply.generation_seen = generation;
	reply.former_generation_seen = generation;
	core_receive(core, &reply);
}

static void
test_former_records_that_are_still_there_are_no_rollback(void **state)
{
	Core		core;

	(void) state;
	start_and_write(&core, 7);
	tell_former(&core, 7);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* Any message tells, as the one that would matter may be lost. */
static void
test_every_message_tells_what_was_seen(void **state)
{
	Core		core;
	RaftMessage heartbeat;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	heartbeat = core_message(&core, RAFT_MESSAGE_HEARTBEAT, 1, 5);
	heartbeat.subject_term = 5;
	heartbeat.round = 1;
	heartbeat.generation = 40;
	core_receive(&core, &heartbeat);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1)->generation_seen, 40);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1)->former_generation_seen, 0);

	heartbeat.generation_seen = core.disk.generation + 1;
	core_receive(&core, &heartbeat);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	core_free(&core);
}

/*
 * To a session that is not accepted yet, all that was seen is of a former one:
 * in the answer to its probe, and in the challenge, of which only one may
 * arrive.
 */
static void
test_stranger_is_told_of_its_former_self(void **state)
{
	Core		core;
	RaftMessage probe;
	const RaftMessage *sent;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 5);
	probe.generation = 40;
	core_receive(&core, &probe);

	/* It restarts, writes, and starts once more, with an older record. */
	probe.from_session++;
	core_receive(&core, &probe);
	probe.generation = 45;
	core_receive(&core, &probe);
	assert_int_equal(core_sent(&core, PROBE_REPLY, 1)->former_generation_seen, 40);
	probe.from_session++;
	probe.generation = 41;
	probe.stranger = true;
	probe.challenge = 77;
	core_receive(&core, &probe);

	sent = core_sent(&core, PROBE_REPLY, 1);
	assert_int_equal(sent->to_session, probe.from_session);
	assert_int_equal(sent->generation_seen, 45);
	assert_int_equal(sent->former_generation_seen, 45);
	sent = core_sent(&core, RAFT_MESSAGE_PROBE, 1);
	assert_int_equal(sent->nonce, 77);
	assert_int_equal(sent->to_session, probe.from_session);
	assert_int_equal(sent->generation_seen, 45);
	assert_int_equal(sent->former_generation_seen, 45);
	core_free(&core);
}

/* Who has come back is not found rolled back for ever. */
static void
test_recovered_node_is_believed(void **state)
{
	Core		core;
	int32_t		id;

	(void) state;
	start_and_write(&core, 7);
	tell_former(&core, 8);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS);
	for (id = 1; id < 3; id++)
	{
		RaftMessage report = core_message(&core, RAFT_MESSAGE_TERM_REPORT, id, 9);

		report.nonce = core.config.session;
		report.former_generation_seen = 8;
		core_receive(&core, &report);
	}
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	tell_former(&core, 8);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/*
 * A peer that finds out later that it was rolled back has reported in good
 * faith, and its report must not count.
 */
static void
test_report_dies_with_its_senders_state(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	start_and_write(&core, 7);
	tell_former(&core, 8);
	core_report(&core, 1, RAFT_MEMBER, 6);
	core_report(&core, 2, RAFT_MEMBER, 6);
	assert_false(core_peer(&core, 1).awaited);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 6);
	message.standing = RAFT_AMNESIAC;
	core_receive(&core, &message);
	assert_true(core_peer(&core, 1).awaited);
	core_run_until(&core, CORE_START_NS + RAFT_MAX_PROMISE_NS + SECONDS(5));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 1, 9);
	message.nonce = core.config.session;
	message.generation++;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* Far beyond all sense is taken for a bit error. */
static void
test_absurd_generation_is_dropped(void **state)
{
	Core		core;
	RaftMessage reply;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	reply = core_message(&core, PROBE_REPLY, 1, 5);
	reply.former_generation_seen = core.disk.generation + RAFT_TERM_JUMP_LIMIT + 1;
	assert_int_equal(core_receive(&core, &reply), RAFT_DROPPED);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_generations_are_written_along),
		cmocka_unit_test(test_peer_generations_survive_a_restart),
		cmocka_unit_test(test_former_sessions_generation_is_told),
		cmocka_unit_test(test_first_session_has_no_former_one),
		cmocka_unit_test(test_generations_of_no_peer),
		cmocka_unit_test(test_peer_generations_and_a_failing_disk),
		cmocka_unit_test(test_former_records_that_are_still_there_are_no_rollback),
		cmocka_unit_test(test_every_message_tells_what_was_seen),
		cmocka_unit_test(test_stranger_is_told_of_its_former_self),
		cmocka_unit_test(test_recovered_node_is_believed),
		cmocka_unit_test(test_report_dies_with_its_senders_state),
		cmocka_unit_test(test_absurd_generation_is_dropped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
