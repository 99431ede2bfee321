/*-------------------------------------------------------------------------
 *
 * test_persistence.c
 *		Durable state: nothing leaves before it is written, what a crash at
 *		any step leaves behind, what a failing disk changes, and the silence
 *		of a restarted voter.
 *
 * The fixture itself checks at each write that nothing leaves before it, that
 * every entry is refused until then, and that no message says more than the
 * disk holds.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ----------
 * Writes
 * ----------
 */

static void
test_first_record_is_asked_for(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS));
	core_boot(&core, false);
	assert_int_equal(core.write_count, 1);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core.disk.max_promise_ns, RAFT_MAX_PROMISE_NS);
	core_free(&core);

	core_init(&core, 0, 3, core_record(RAFT_NEW, 0, 0));
	core_boot(&core, true);
	assert_int_equal(core.write_count, 0);
	core_free(&core);
}

/* Term and vote are one record: one write for both. */
static void
test_term_and_vote_are_written_together(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	writes = core.write_count;
	core_ask_vote(&core, 1, 8);
	assert_int_equal(core.write_count, writes + 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	writes = core.write_count;
	core_grant(&core, 0);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, 2);
	core_free(&core);
}

static void
test_idle_nodes_write_nothing(void **state)
{
	Core		core;
	int			writes;
	int			round;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 1, 6, 1);
	writes = core.write_count;
	for (round = 2; round < 600; round++)
	{
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
		core_heartbeat(&core, 1, 6, (uint64_t) round);
	}
	assert_int_equal(core.write_count, writes);
	core_free(&core);

	core_start_member(&core, 0, 2, 5);
	core_lead(&core);
	writes = core.write_count;
	for (round = 2; round < 600; round++)
	{
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
		core_ack(&core, 1, (uint64_t) round, PROMISE_NS);
	}
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.write_count, writes);
	core_free(&core);
}

/* Trap 9: a crash at each step between the request and the reply. */
static void
test_crash_while_voting(void **state)
{
	CoreCrash	crash;

	(void) state;
	for (crash = CORE_CRASH_BEFORE_WRITE; crash <= CORE_CRASH_BEFORE_SEND; crash++)
	{
		Core		core;

		core_start_member(&core, 2, 3, 5);
		core.crash = crash;
		core_ask_vote(&core, 0, 6);
		assert_true(core.crashed);
		assert_int_equal(core.sent_count, 0);

		core_restart(&core, SECONDS(10));
		core_run_until(&core, core.now_ns + PROMISE_NS);
		core_meet_peers(&core);
		core_ask_vote(&core, 1, 6);
		if (crash == CORE_CRASH_BEFORE_WRITE)
			assert_true(core_granted(&core, VOTE_REPLY, 1));
		else
			assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
		core_free(&core);
	}
}

/* The same while entering a candidacy: the vote for itself is a vote. */
static void
test_crash_while_campaigning(void **state)
{
	CoreCrash	crash;

	(void) state;
	for (crash = CORE_CRASH_BEFORE_WRITE; crash <= CORE_CRASH_BEFORE_SEND; crash++)
	{
		Core		core;

		core_start_member(&core, 2, 3, 5);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core.crash = crash;
		core_grant(&core, 0);
		assert_true(core.crashed);
		assert_int_equal(core.sent_count, 0);

		core_restart(&core, SECONDS(10));
		core_run_until(&core, core.now_ns + PROMISE_NS);
		core_meet_peers(&core);
		core_ask_vote(&core, 1, 6);
		if (crash == CORE_CRASH_BEFORE_WRITE)
			assert_true(core_granted(&core, VOTE_REPLY, 1));
		else
			assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
		core_free(&core);
	}
}

/* Trap 5: the restarted node does not count what its former self asked for. */
static void
test_votes_for_a_former_incarnation_do_not_count(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	late = core_answer(&core, 1, true);
	core_restart(&core, MS(10));
	assert_int_equal(core_receive(&core, &late), RAFT_DROPPED);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_receive(&core, &late), RAFT_DROPPED);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);

	/* Even with the right session: another nonce, another term. */
	late.to_session = core.config.session;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).granted_count, 1);
	core_free(&core);
}

/* ----------
 * A failing disk
 * ----------
 */

static void
test_vote_that_cannot_be_written_is_not_cast(void **state)
{
	Core		core;
	uint64_t	failed_ns;
	uint64_t	generation;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	generation = core.disk.generation;
	core.failing_writes = 1;
	core_ask_vote(&core, 1, 6);
	failed_ns = core.now_ns;
	assert_int_equal(core.sent_count, 0);
	assert_true(core_view(&core).storage_failed);
	assert_non_null(core_event(&core, RAFT_EVENT_STORAGE_FAILED));
	assert_int_equal(core_view(&core).term, 5);
	assert_int_equal(raft_counters(core.raft)->persist_failures, 1);

	/* No part in anything until it can be written again; it says why. */
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_STORAGE));
	assert_int_equal(core_view(&core).term, 5);
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_STORAGE));
	core_heartbeat(&core, 0, 6, 1);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core_view(&core).leader_id, 0);
	core_run_until(&core, failed_ns + TIMEOUT_MIN_NS - 1);
	assert_true(core_view(&core).storage_failed);
	core_run_until(&core, failed_ns + TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	assert_non_null(core_event(&core, RAFT_EVENT_STORAGE_BACK));

	/* The record that failed may be on the disk: its number is used up. */
	assert_true(core.disk.generation > generation + 1);
	assert_int_equal(core.disk.term, 5);
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	core_free(&core);
}

static void
test_repeated_failures_are_retried(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core.failing_writes = 4;
	core_ask_vote(&core, 1, 6);
	core_run_until(&core, core.now_ns + 3 * TIMEOUT_MIN_NS + MS(10));
	assert_true(core_view(&core).storage_failed);
	assert_int_equal(raft_counters(core.raft)->persist_failures, 4);
	assert_null(core_event(&core, RAFT_EVENT_STORAGE_FAILED));
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS);
	assert_false(core_view(&core).storage_failed);
	core_free(&core);
}

static void
test_candidate_whose_vote_cannot_be_written(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core.failing_writes = 1;
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_STORAGE);
	assert_int_equal(core_view(&core).term, 5);
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS - MS(1));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 1);
	core_free(&core);
}

/* Alone, its own vote would do; it must be durable all the same. */
static void
test_single_node_does_not_lead_on_an_unwritten_vote(void **state)
{
	Core		core;
	uint64_t	until_ns;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, PROMISE_NS));
	core_boot(&core, true);
	core.failing_writes = 1000;
	until_ns = core.now_ns + SECONDS(20);
	while (core.now_ns < until_ns)
	{
		core_run_until(&core, core.now_ns + MS(100));
		assert_int_not_equal(core_view(&core).role, RAFT_LEADER);
	}
	assert_true(raft_counters(core.raft)->persist_failures > 5);
	core.failing_writes = 0;
	core_run_until_role(&core, RAFT_LEADER);
	core_free(&core);
}

static void
test_leader_whose_disk_fails_resigns(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core.failing_writes = 1;
	timings.election_timeout_min_ns = SECONDS(2);
	timings.election_timeout_max_ns = SECONDS(3);
	core_reconfigure(&core, &timings);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_STORAGE);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1));
	assert_non_null(core_sent(&core, RAFT_MESSAGE_RESIGN, 2));
	core_free(&core);
}

/* The resignation is told even if the new term could not be written. */
static void
test_failure_while_handing_over_to_oneself(void **state)
{
	Core		core;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core.failing_writes = 1;
	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 9);
	core_receive(&core, &reject);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).term, 6);
	core_run_until(&core, core.now_ns + MS(20));
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_RESIGN, 1)->subject_term, 6);

	/* And the leadership of that term does not come back. */
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_false(core_lease_is_valid(&core));
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.request.subject_term, 7);
	core_free(&core);
}

/* A promise that was given before holds while the disk fails. */
static void
test_failing_disk_does_not_lift_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core.failing_writes = 1;
	core_heartbeat(&core, 1, 6, 1);
	assert_int_equal(core.sent_count, 0);
	assert_true(core_view(&core).promised_until_ns > core.now_ns);
	core_free(&core);
}

/* The own vote counts when it is durable, and not for a round that is over. */
static void
test_slow_write_of_the_own_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core.write_ns = SECONDS(5);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_grant(&core, 1);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* ----------
 * The longest promise, and silence
 * ----------
 */

static void
test_longest_promise_is_recorded_first(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	int			writes;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	writes = core.write_count;
	core_reconfigure(&core, &timings);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_free(&core);

	/* Or when the settings have changed over a restart. */
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, MS(300)));
	core_boot(&core, true);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	assert_true(core_view(&core).silent_until_ns == CORE_START_NS + MS(300));
	core_free(&core);
}

/* Lowered when the longer promises are over, and not before. */
static void
test_longest_promise_is_lowered_late(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;
	uint64_t	term = 5;

	(void) state;
	core_start_member(&core, 0, 3, term);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 1, term, 1);
	timings = core_timings();
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));

	/* A write before that time keeps the figure; a later one lowers it. */
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core.now_ns = changed_ns + SECONDS(10) - MS(150) - 1;
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core.now_ns = changed_ns + SECONDS(10);
	core_heartbeat(&core, 1, ++term, 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* Without another write, too, or the next restart would be silent for long. */
static void
test_longest_promise_is_lowered_by_itself(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;
	int			writes;

	(void) state;
	core_init(&core, 0, 3, core_record(RAFT_MEMBER, 5, SECONDS(20)));
	core.config.timings.priority = 0;
	core_boot(&core, true);
	writes = core.write_count;
	core_run_until(&core, CORE_START_NS + SECONDS(20) - 1);
	assert_int_equal(core.write_count, writes);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(20));
	core_run_until(&core, CORE_START_NS + SECONDS(20));
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_run_until(&core, CORE_START_NS + SECONDS(60));
	assert_int_equal(core.write_count, writes + 1);
	core_free(&core);

	/* After new settings: the node asks to be ticked at that time. */
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	timings = core_timings();
	timings.priority = 0;
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	core_run_until(&core, changed_ns + SECONDS(10) - MS(150) - 1);
	assert_true(raft_next_deadline(core.raft) == core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* A second reload does not make the first one's promises shorter. */
static void
test_longest_promise_and_two_reloads(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	changed_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(12);
	core_reconfigure(&core, &timings);
	timings.election_timeout_min_ns = SECONDS(2);
	changed_ns = core.now_ns;
	core_reconfigure(&core, &timings);
	core.now_ns += SECONDS(1);
	timings.election_timeout_min_ns = SECONDS(1);
	core_reconfigure(&core, &timings);
	core_run_until(&core, changed_ns + SECONDS(10) - MS(150) - 1);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(10) - MS(150));
	core_run_until(&core, core.now_ns + 1);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	core_free(&core);
}

/* A restarted voter may have promised anything that its record allows. */
static void
test_restarted_voter_is_silent(void **state)
{
	Core		core;
	uint64_t	started_ns;
	const RaftMessage *ack;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_restart(&core, MS(50));
	core_meet_peers(&core);
	started_ns = core.now_ns;
	assert_true(core_view(&core).silent);
	assert_true(core_view(&core).silent_until_ns == started_ns + PROMISE_NS);

	/* Wholly: it does not even adopt the term. */
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_SILENT));
	assert_int_equal(core.disk.term, 5);
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SILENT));
	assert_true(core_sent(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1)->flags &
				RAFT_FLAG_SILENT);

	/* But it hears a leader, and its promise counts. */
	core_heartbeat(&core, 0, 5, 2);
	ack = core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 0);
	assert_non_null(ack);
	assert_true(ack->flags & RAFT_FLAG_SILENT);

	/* TimeoutNow does not wake it. */
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 5, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until(&core, started_ns + PROMISE_NS - 1);
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_SILENT));
	core_run_until(&core, started_ns + PROMISE_NS);
	assert_non_null(core_event(&core, RAFT_EVENT_SILENCE_ENDED));
	assert_false(core_view(&core).silent);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

/* Its own vote is a vote; its promise to itself as a leader is a promise. */
static void
test_restarted_voter_does_not_campaign_while_silent(void **state)
{
	Core		core;
	uint64_t	started_ns;
	int			i;

	(void) state;
	for (i = 0; i < 20; i++)
	{
		core_start_member(&core, 0, 3, 5);
		core_lead(&core);
		core_restart(&core, MS(50));
		core.draw = (uint64_t) i;
		assert_int_equal(core.cell_end_ns, 0);
		core_meet_peers(&core);
		started_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns >= started_ns + PROMISE_NS);
		assert_true(core.now_ns <= started_ns + PROMISE_NS + TIMEOUT_MAX_NS);
		core_free(&core);
	}

	/* A long silence is waited for in full. */
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, SECONDS(20)));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_true(core.now_ns >= CORE_START_NS + SECONDS(20));
	core_free(&core);
}

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
 * What raft_init() accepts
 * ----------
 */

static RaftResult
try_init(Core *core, const RaftDurable *record)
{
	return raft_init(core->raft, &core->config, record, true, core->now_ns, 1);
}

static void
test_init_refuses_what_is_out_of_range(void **state)
{
	Core		core;
	RaftConfig	good;
	RaftDurable record = core_record(RAFT_MEMBER, 5, PROMISE_NS);
	RaftDurable bad;

	(void) state;
	core_init(&core, 0, 3, record);
	good = core.config;
	assert_int_equal(try_init(&core, &record), RAFT_OK);
	core.config.node_id = 3;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config.node_id = -1;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config = good;
	core.config.node_count = 0;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config.node_count = RAFT_MAX_NODES + 1;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config = good;
	core.config.session = 0;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config = good;
	core.config.timings.heartbeat_interval_ns = 0;
	assert_int_equal(try_init(&core, &record), RAFT_INVALID);
	core.config = good;

	bad = record;
	bad.term = RAFT_TERM_LIMIT;
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	bad = record;
	bad.vote = 3;
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	bad.vote = RAFT_VOTE_SPOILED - 1;
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	bad.vote = 2;
	assert_int_equal(try_init(&core, &bad), RAFT_OK);
	bad = record;
	bad.max_promise_ns = RAFT_MAX_PROMISE_NS + 1;
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	bad = record;
	bad.standing = (RaftStanding) (RAFT_AMNESIAC + 1);
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	bad.standing = (RaftStanding) -1;
	assert_int_equal(try_init(&core, &bad), RAFT_INVALID);
	core_free(&core);
}

/* An owner that does not drain loses messages and events, nothing else. */
static void
test_rings_are_bounded(void **state)
{
	Core		core;
	RaftMessage message;
	RaftDurable record;
	int			sent = 0;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 5);
	for (i = 0; i < 1000; i++)
		assert_int_equal(raft_receive(core.raft, &message, core.now_ns, 1), RAFT_OK);
	assert_true(raft_counters(core.raft)->outbox_full > 0);
	assert_null(raft_check(core.raft));
	while (raft_next_message(core.raft, &message))
		sent++;
	assert_true(sent >= 2 * RAFT_MAX_NODES);
	assert_true((uint64_t) sent + raft_counters(core.raft)->outbox_full == 1000);

	for (i = 0; i < 100; i++)
	{
		message = core_message(&core, RAFT_MESSAGE_HEARTBEAT, 1 + i % 2,
							   (uint64_t) (6 + i));
		message.round = 1;
		assert_int_equal(raft_receive(core.raft, &message, core.now_ns, 1), RAFT_OK);
		assert_true(raft_ready(core.raft, &record));
		raft_persisted(core.raft, core.now_ns, 0, 1);
	}
	assert_true(raft_counters(core.raft)->events_lost > 0);
	assert_null(raft_check(core.raft));
	assert_int_equal(core_view(&core).leader_term, 105);
	core_free(&core);
}

/* Confirmations that nothing waits for change nothing. */
static void
test_unasked_confirmations(void **state)
{
	Core		core;
	RaftView	before;
	RaftView	after;
	RaftDurable record;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	before = core_view(&core);
	assert_false(raft_ready(core.raft, &record));
	raft_persisted(core.raft, core.now_ns + MS(1), MS(1), 1);
	raft_persist_failed(core.raft, core.now_ns + MS(1), 1);
	after = core_view(&core);
	assert_memory_equal(&before, &after, sizeof(RaftView));
	core_free(&core);
}

/* "A byte copy of it is a copy of the node", and a run follows its inputs. */
static void
test_copy_of_a_node_goes_on_alike(void **state)
{
	Core		core;
	Core		copy;
	int			i;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	copy = core;
	copy.raft = malloc(raft_node_size());
	assert_non_null(copy.raft);
	memcpy(copy.raft, core.raft, raft_node_size());
	for (i = 1; i < 5; i++)
	{
		core_grant(&core, i);
		core_grant(&copy, i);
		core_run_until(&core, core.now_ns + MS(50));
		core_run_until(&copy, copy.now_ns + MS(50));
		assert_int_equal(core.sent_count, copy.sent_count);
		assert_memory_equal(core.sent, copy.sent,
							sizeof(RaftMessage) * (size_t) core.sent_count);
	}
	assert_memory_equal(core.raft, copy.raft, raft_node_size());
	core_free(&core);
	core_free(&copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_record_is_asked_for),
		cmocka_unit_test(test_term_and_vote_are_written_together),
		cmocka_unit_test(test_idle_nodes_write_nothing),
		cmocka_unit_test(test_crash_while_voting),
		cmocka_unit_test(test_crash_while_campaigning),
		cmocka_unit_test(test_votes_for_a_former_incarnation_do_not_count),
		cmocka_unit_test(test_vote_that_cannot_be_written_is_not_cast),
		cmocka_unit_test(test_repeated_failures_are_retried),
		cmocka_unit_test(test_candidate_whose_vote_cannot_be_written),
		cmocka_unit_test(test_single_node_does_not_lead_on_an_unwritten_vote),
		cmocka_unit_test(test_leader_whose_disk_fails_resigns),
		cmocka_unit_test(test_failure_while_handing_over_to_oneself),
		cmocka_unit_test(test_failing_disk_does_not_lift_the_promise),
		cmocka_unit_test(test_slow_write_of_the_own_vote),
		cmocka_unit_test(test_longest_promise_is_recorded_first),
		cmocka_unit_test(test_longest_promise_is_lowered_late),
		cmocka_unit_test(test_longest_promise_is_lowered_by_itself),
		cmocka_unit_test(test_longest_promise_and_two_reloads),
		cmocka_unit_test(test_restarted_voter_is_silent),
		cmocka_unit_test(test_restarted_voter_does_not_campaign_while_silent),
		cmocka_unit_test(test_peer_generations_are_written_along),
		cmocka_unit_test(test_peer_generations_survive_a_restart),
		cmocka_unit_test(test_former_sessions_generation_is_told),
		cmocka_unit_test(test_first_session_has_no_former_one),
		cmocka_unit_test(test_generations_of_no_peer),
		cmocka_unit_test(test_peer_generations_and_a_failing_disk),
		cmocka_unit_test(test_init_refuses_what_is_out_of_range),
		cmocka_unit_test(test_rings_are_bounded),
		cmocka_unit_test(test_unasked_confirmations),
		cmocka_unit_test(test_copy_of_a_node_goes_on_alike),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
