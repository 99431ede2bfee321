/*-------------------------------------------------------------------------
 *
 * test_generations.c
 *		How a rolled-back record is found out, by what the peers have seen; more
 *		of it is in test_recovery.c and test_persistence.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

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
	core_report(&core, 1, RAFT_MEMBER, 9);
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
