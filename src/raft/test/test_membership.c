/*-------------------------------------------------------------------------
 *
 * test_membership.c
 *		Birth of a cluster, and lost state.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/* ----------
 * Birth
 * ----------
 */

static void
test_nodes_climb_in_lockstep(void **state)
{
	Core		core;
	RaftStanding step;

	(void) state;
	core_start_standing(&core, 3, RAFT_NEW, 0);
	for (step = RAFT_NEW; step < RAFT_MEMBER; step++)
	{
		/* One is not enough, whatever it says again. */
		core_report(&core, 1, step, 0);
		core_report(&core, 1, step, 0);
		assert_int_equal(core.disk.standing, step);
		assert_false(core_peer(&core, 1).awaited);
		assert_true(core_peer(&core, 2).awaited);
		assert_false(core_peer(&core, 0).awaited);
		core_report(&core, 2, step, 0);
		assert_int_equal(core.disk.standing, step + 1);
		assert_int_equal(core_event(&core, RAFT_EVENT_STANDING)->standing, step + 1);
	}
	assert_int_equal(core.write_count, 3);
	assert_int_equal(core.disk.term, 0);
	assert_int_equal(core.disk.vote, RAFT_VOTE_NONE);
	assert_int_equal(core.disk.max_promise_ns, PROMISE_NS);
	assert_false(core_peer(&core, 1).awaited);

	/* Nobody led before, so nobody has to be waited for. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns < CORE_START_NS + TIMEOUT_MIN_NS);
	core_free(&core);
}

/* A report of a step ago does not serve for the next step. */
static void
test_lower_standing_is_waited_for(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 3, RAFT_NEW, 0);
	core_report(&core, 1, RAFT_NEW, 0);
	core_report(&core, 2, RAFT_MET, 0);
	assert_int_equal(core.disk.standing, RAFT_MET);
	assert_true(core_peer(&core, 1).awaited);
	assert_false(core_peer(&core, 2).awaited);
	core_run_until(&core, core.now_ns + SECONDS(5));
	assert_int_equal(core.disk.standing, RAFT_MET);
	core_free(&core);
}

static void
test_queries_go_to_all_until_answered(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 3, RAFT_NEW, 0);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	assert_true(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1) >= 1);
	assert_true(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 2) >= 1);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1)->nonce,
					 core.config.session);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_TERM_QUERY, 1), 1);
	core_free(&core);
}

/* Reports must have been asked for in this session. */
static void
test_unasked_reports_do_not_count(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_standing(&core, 2, RAFT_NEW, 0);
	message = core_message(&core, RAFT_MESSAGE_TERM_REPORT, 1, 0);
	message.standing = RAFT_NEW;
	message.nonce = core.config.session - 1;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_NEW);

	/* Nor does the mere mention of a standing in another message. */
	message = core_message(&core, RAFT_MESSAGE_PROBE, 1, 0);
	message.standing = RAFT_MET;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_NEW);
	core_free(&core);
}

/* What a peer's former incarnation reported was said by somebody else. */
static void
test_report_of_a_former_session_is_forgotten(void **state)
{
	Core		core;
	RaftMessage probe;

	(void) state;
	core_start_standing(&core, 3, RAFT_NEW, 0);
	core_report(&core, 1, RAFT_NEW, 0);
	probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 0);
	probe.standing = RAFT_NEW;
	probe.from_session = 555;
	core_receive(&core, &probe);
	assert_int_equal(core_peer(&core, 1).session, 555);
	core_report(&core, 2, RAFT_NEW, 0);
	assert_int_equal(core.disk.standing, RAFT_NEW);
	assert_true(core_peer(&core, 1).awaited);
	core_free(&core);
}

static void
test_amnesiacs_report_does_not_count(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 2, RAFT_NEW, 0);
	core_report(&core, 1, RAFT_AMNESIAC, 7);
	assert_int_equal(core.disk.standing, RAFT_NEW);
	assert_true(core_peer(&core, 1).awaited);
	core_free(&core);
}

static void
test_one_member_is_enough_for_the_last_step(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 3, RAFT_READY, 0);
	core_report(&core, 1, RAFT_MEMBER, 4);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 4);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	core_free(&core);

	/* For an earlier step it is not even allowed. */
	core_start_standing(&core, 3, RAFT_READY, 0);
	core_report(&core, 1, RAFT_READY, 0);
	assert_int_equal(core.disk.standing, RAFT_READY);
	core_free(&core);
}

static void
test_member_begins_with_the_greatest_term(void **state)
{
	Core		core;

	(void) state;
	core_start_standing(&core, 4, RAFT_READY, 3);
	core_report(&core, 1, RAFT_READY, 0);
	core_report(&core, 2, RAFT_READY, 9);
	core_report(&core, 3, RAFT_READY, 7);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	core_ask_vote(&core, 1, 9);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SPOILED));
	core_free(&core);
}

/* Its own term alone spoils the vote as well: an old cluster of another size. */
static void
test_resized_cluster_keeps_term_and_silence(void **state)
{
	Core		core;
	RaftDurable record = core_record(RAFT_NEW, 7, SECONDS(30));
	RaftStanding step;

	(void) state;
	record.vote = RAFT_VOTE_SPOILED;
	core_init(&core, 0, 2, record);
	core_boot(&core, true);
	for (step = RAFT_NEW; step < RAFT_MEMBER; step++)
		core_report(&core, 1, step, 0);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_int_equal(core.disk.term, 7);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	assert_int_equal(core.disk.max_promise_ns, SECONDS(30));
	assert_true(core_view(&core).silent);
	core_ask_vote(&core, 1, 8);
	assert_true(core_refused(&core, RAFT_MESSAGE_VOTE_REPLY, 1,
							 RAFT_REFUSAL_SILENT));
	core_run_until(&core, CORE_START_NS + SECONDS(30));
	core_ask_vote(&core, 1, 8);
	assert_true(core_granted(&core, RAFT_MESSAGE_VOTE_REPLY, 1));
	core_free(&core);
}

/* Its silence may end while the record is written that makes it a member. */
static void
test_silence_that_ends_with_the_last_write(void **state)
{
	Core		core;
	RaftDurable record = core_record(RAFT_READY, 7, SECONDS(30));

	(void) state;
	record.vote = RAFT_VOTE_SPOILED;
	core_init(&core, 0, 2, record);
	core_boot(&core, true);
	core_run_until(&core, CORE_START_NS + SECONDS(30) - MS(1));
	core.write_ns = MS(5);
	core_report(&core, 1, RAFT_READY, 0);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_false(core_view(&core).silent);

	/* Nobody leads, so nobody is waited for. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns < CORE_START_NS + SECONDS(30) + TIMEOUT_MIN_NS);
	core_free(&core);
}

static void
test_single_node_is_a_member_at_once(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_NEW, 0, 0));
	core_boot(&core, false);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core.disk.term, 1);
	core_free(&core);
}

/* Below MEMBER there are queries and reports, and nothing else. */
static void
test_unborn_node_takes_no_part(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_standing(&core, 3, RAFT_READY, 0);
	core_ask_vote(&core, 1, 1);
	assert_int_equal(core.sent_count, 0);
	core_ask_pre_vote(&core, 1, 1);
	assert_int_equal(core.sent_count, 0);
	core_heartbeat(&core, 1, 1, 1);
	assert_int_equal(core.sent_count, 0);
	assert_int_equal(core.disk.term, 0);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(core.disk.standing, RAFT_READY);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);

	message = core_message(&core, RAFT_MESSAGE_TERM_QUERY, 1, 0);
	message.nonce = 99;
	message.generation = 17;
	message.standing = RAFT_READY;
	core_receive(&core, &message);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_REPORT, 1)->standing,
					 RAFT_READY);
	core_free(&core);
}

static void
test_report_tells_term_standing_and_generation_seen(void **state)
{
	Core		core;
	RaftMessage query;
	const RaftMessage *answer;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	query = core_message(&core, RAFT_MESSAGE_TERM_QUERY, 1, 0);
	query.nonce = 99;
	query.generation = 17;
	query.standing = RAFT_NEW;
	core_receive(&core, &query);
	answer = core_sent(&core, RAFT_MESSAGE_TERM_REPORT, 1);
	assert_non_null(answer);
	assert_int_equal(answer->nonce, 99);
	assert_int_equal(answer->term, 5);
	assert_int_equal(answer->standing, RAFT_MEMBER);
	assert_int_equal(answer->generation, core.disk.generation);
	assert_int_equal(answer->generation_seen, 17);

	/* The greatest ever seen, not the latest: datagrams change places. */
	query.generation = 12;
	core_receive(&core, &query);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_REPORT, 1)->generation_seen, 17);
	core_free(&core);
}

/* ----------
 * Lost state
 * ----------
 */

/* Nobody gets two steps ahead of a node that keeps its state. */
static void
test_two_steps_behind_is_amnesia(void **state)
{
	RaftStanding own;
	RaftStanding other;

	(void) state;
	for (own = RAFT_NEW; own <= RAFT_MEMBER; own++)
	{
		for (other = RAFT_NEW; other <= RAFT_AMNESIAC; other++)
		{
			Core		core;
			RaftMessage probe;
			bool		behind = other <= RAFT_MEMBER && other >= own + 2;

			core_start_standing(&core, 3, own, 0);

			/* Told as what it is, also where the generation says it too. */
			probe = core_message(&core, RAFT_MESSAGE_PROBE, 1, 0);
			if (behind)
			{
				probe.type = RAFT_MESSAGE_PROBE_REPLY;
				probe.generation_seen = core.disk.generation + 7;
			}
			probe.standing = other;
			core_receive(&core, &probe);
			assert_int_equal(core.disk.standing, behind ? RAFT_AMNESIAC : own);
			if (behind)
			{
				assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_LEFT_BEHIND);
				assert_int_equal(core_event(&core, RAFT_EVENT_STANDING)->amnesia,
								 RAFT_AMNESIA_LEFT_BEHIND);
				assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
				assert_int_equal(core.disk.max_promise_ns, RAFT_MAX_PROMISE_NS);
			}
			core_free(&core);
		}
	}
}

/* An amnesiac counts as a dead node for every quorum. */
static void
test_amnesiac_takes_no_part(void **state)
{
	Core		core;
	RaftMessage message;
	uint64_t	first_leader_ns;

	(void) state;
	core_start_standing(&core, 3, RAFT_AMNESIAC, 5);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_RECORD);
	core_run_until(&core, core.now_ns + SECONDS(70));

	core_ask_vote(&core, 1, 6);
	assert_null(core_sent(&core, RAFT_MESSAGE_VOTE_REPLY, 1));
	core_ask_pre_vote(&core, 1, 6);
	assert_null(core_sent(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 1));
	core_heartbeat(&core, 2, 6, 1);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 2));
	assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
	assert_int_equal(core.disk.term, 5);

	/* It learns who leads, for display. */
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_int_equal(core_view(&core).leader_term, 6);
	first_leader_ns = core.now_ns;
	core_heartbeat(&core, 1, 4, 1);
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 1));
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 2, 6, 0);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until(&core, first_leader_ns + TIMEOUT_MAX_NS + 1);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);

	message = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 1, 9);
	core_receive(&core, &message);
	assert_int_equal(core.disk.term, 5);
	core_run_until(&core, core.now_ns + SECONDS(70));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);

	/* It says what it is when asked. */
	message = core_message(&core, RAFT_MESSAGE_TERM_QUERY, 1, 5);
	core_receive(&core, &message);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_REPORT, 1)->standing,
					 RAFT_AMNESIAC);

	/* The mark survives a restart. */
	core_restart(&core, SECONDS(100));
	assert_int_equal(core_view(&core).standing, RAFT_AMNESIAC);
	core_free(&core);
}

/* For display it follows a leader from term to term, without an own one. */
static void
test_amnesiac_learns_of_leaders(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_standing(&core, 3, RAFT_AMNESIAC, 5);
	core_heartbeat(&core, 2, 6, 1);
	core_heartbeat(&core, 2, 8, 1);
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_int_equal(core_view(&core).leader_term, 8);
	assert_int_equal(core_view(&core).rank, RAFT_NO_RANK);
	core_heartbeat(&core, 1, 9, 1);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_int_equal(core.disk.term, 5);

	/* It has no term to compare with, but there are limits to everything. */
	message = core_message(&core, RAFT_MESSAGE_HEARTBEAT, 1, 9);
	message.subject_term = RAFT_TERM_LIMIT;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.subject_term = 9;
	message.known_leader_term = RAFT_TERM_LIMIT;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);

	/* New settings are nothing to be written. */
	assert_int_equal(core_reconfigure(&core, &core.config.timings), RAFT_OK);
	assert_int_equal(core.write_count, 0);
	core_free(&core);
}

static void
test_greater_generation_seen_is_amnesia(void **state)
{
	Core		core;
	RaftMessage reply;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 6);
	reply.generation_seen = core.disk.generation;
	core_receive(&core, &reply);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_true(core_lease_is_valid(&core));

	/* A leader hands over first, in good order. */
	reply.generation_seen = core.disk.generation + 5;
	core_receive(&core, &reply);
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core.cell_end_ns, 0);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_ROLLED_BACK);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_TIMEOUT_NOW, 1));
	assert_non_null(core_sent(&core, RAFT_MESSAGE_RESIGN, 2));

	/* The next record is above the one that was seen. */
	assert_true(core.disk.generation > reply.generation_seen);
	core_receive(&core, &reply);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_ROLLED_BACK);
	core_free(&core);
}

/*
 * Trap 37: compared is the present generation, so that a peer that saw our
 * datagrams in the wrong order does not frighten us.
 */
static void
test_own_datagrams_out_of_order_are_no_rollback(void **state)
{
	Core		core;
	RaftMessage reply;
	uint64_t	old_generation;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	old_generation = core.disk.generation;
	core_ask_vote(&core, 1, 6);
	reply = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 2, 5);
	reply.generation_seen = old_generation + 1;
	core_receive(&core, &reply);
	reply.generation_seen = old_generation;
	core_receive(&core, &reply);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);

	/* Beyond all sense it is not believed at all. */
	reply.generation_seen = core.disk.generation + RAFT_TERM_JUMP_LIMIT + 1;
	assert_int_equal(core_receive(&core, &reply), RAFT_DROPPED);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	core_free(&core);
}

/* The mark of a lost state gets lost no more, even if it cannot be written. */
static void
test_amnesia_that_cannot_be_written(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	message = core_message(&core, RAFT_MESSAGE_PROBE_REPLY, 1, 5);
	message.generation_seen = 100;
	core.failing_writes = 3;
	core_receive(&core, &message);
	assert_int_equal(core.disk.standing, RAFT_MEMBER);
	assert_true(core_view(&core).storage_failed);

	/* Until then it must not pass for one that knows what it did. */
	message = core_message(&core, RAFT_MESSAGE_TERM_QUERY, 1, 5);
	core_receive(&core, &message);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_TERM_REPORT, 1)->standing,
					 RAFT_AMNESIAC);
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(core.disk.standing, RAFT_AMNESIAC);
	assert_int_equal(core.disk.vote, RAFT_VOTE_SPOILED);
	assert_int_equal(core.disk.max_promise_ns, RAFT_MAX_PROMISE_NS);
	assert_int_equal(core_view(&core).amnesia, RAFT_AMNESIA_ROLLED_BACK);
	core_free(&core);
}

/* The nodes of the trace below, each a core of its own. */
enum
{
	A, B, C, D, E, TRACE_NODES
};

/* Bring the newest message of that type from one node to another. */
static void
carry(Core *cores, int32_t from, RaftMessageType type, int32_t to)
{
	const RaftMessage *sent = core_sent(&cores[from], type, to);
	RaftMessage message;

	assert_non_null(sent);
	message = *sent;
	assert_int_equal(core_receive(&cores[to], &message), RAFT_OK);
}

/* The same of an answer that the addressee may be right not to give. */
static void
carry_if_any(Core *cores, int32_t from, RaftMessageType type, int32_t to)
{
	if (core_sent(&cores[from], type, to) != NULL)
		carry(cores, from, type, to);
}

/* Time passes for all; only the leader A has timers that matter. */
static void
advance(Core *cores, uint64_t now_ns)
{
	int32_t		i;

	core_run_until(&cores[A], now_ns);
	for (i = B; i < TRACE_NODES; i++)
		cores[i].now_ns = now_ns;
}

static void
hear_leader(Core *cores, int32_t voter)
{
	carry(cores, A, RAFT_MESSAGE_HEARTBEAT, voter);
	carry_if_any(cores, voter, RAFT_MESSAGE_HEARTBEAT_ACK, A);
}

/*
 * Why an amnesiac must not even acknowledge heartbeats.  A leads in term 5,
 * with five nodes, and its lease needs two others at every moment.  C votes
 * for E in term 7, loses its file, and hears A again.  If C acknowledged that
 * heartbeat, and later one of E, both A and E would hold a lease; as it does
 * not, A steps down before E leads.
 */
static void
test_amnesiac_keeps_no_lease_alive(void **state)
{
	Core		cores[TRACE_NODES];
	RaftDurable record;
	RaftMessage probe;
	uint64_t	t0;
	int32_t		i;

	(void) state;
	for (i = A; i < TRACE_NODES; i++)
	{
		core_init(&cores[i], i, TRACE_NODES,
				  core_record(RAFT_MEMBER, i == E ? 6 : 4, 0));
		cores[i].config.session = PEER_SESSION(i);
		cores[i].write_ns = 0;
		cores[i].config.timings.max_clock_drift_ppm = 0;
		if (i == A)
			cores[i].config.timings.heartbeat_interval_ns = MS(1);
		core_boot(&cores[i], true);
		core_meet_peers(&cores[i]);
	}
	core_elect(&cores[A]);
	t0 = cores[A].now_ns;
	advance(cores, t0 + MS(1));

	/* Promises until 851, 858 and 895 ms; a lease until the second of them. */
	hear_leader(cores, B);
	advance(cores, t0 + MS(8));
	hear_leader(cores, C);
	assert_true(core_lease_is_valid(&cores[A]));
	advance(cores, t0 + MS(45));
	hear_leader(cores, D);

	/* B's promise runs out, and B would vote for E; then it hears A again. */
	advance(cores, t0 + MS(851));
	core_tick(&cores[E], cores[E].now_ns);
	assert_int_equal(core_view(&cores[E]).role, RAFT_PRE_CANDIDATE);
	probe = *core_sent(&cores[E], RAFT_MESSAGE_PRE_VOTE, C);
	carry(cores, E, RAFT_MESSAGE_PRE_VOTE, B);
	carry(cores, B, RAFT_MESSAGE_PRE_VOTE_REPLY, E);
	assert_int_equal(core_view(&cores[E]).granted_count, 2);
	advance(cores, t0 + MS(855));
	hear_leader(cores, B);

	/* C's runs out: it would vote for E, and so E campaigns, and C votes. */
	advance(cores, t0 + MS(859));
	assert_true(core_lease_is_valid(&cores[A]));
	core_receive(&cores[C], &probe);
	carry(cores, C, RAFT_MESSAGE_PRE_VOTE_REPLY, E);
	assert_int_equal(core_view(&cores[E]).role, RAFT_CANDIDATE);
	assert_int_equal(cores[E].disk.term, 7);
	probe = *core_sent(&cores[E], RAFT_MESSAGE_VOTE, D);
	advance(cores, t0 + MS(865));
	carry(cores, E, RAFT_MESSAGE_VOTE, C);
	carry(cores, C, RAFT_MESSAGE_VOTE_REPLY, E);
	assert_int_equal(core_view(&cores[E]).granted_count, 2);

	/* C loses its file. */
	record = core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS);
	record.vote = RAFT_VOTE_SPOILED;
	cores[C].disk = record;
	cores[C].config.session = 555;
	core_boot(&cores[C], false);
	core_meet_peers(&cores[C]);
	for (i = A; i < TRACE_NODES; i++)
	{
		if (i != C)
		{
			RaftMessage word = core_message(&cores[i], RAFT_MESSAGE_PROBE, C, 0);

			word.from_session = 555;
			word.standing = RAFT_AMNESIAC;
			core_receive(&cores[i], &word);
		}
	}

	/* It hears A, whose lease rests on B and D. */
	advance(cores, t0 + MS(890));
	hear_leader(cores, C);
	assert_int_equal(core_view(&cores[C]).leader_id, A);
	assert_true(core_lease_is_valid(&cores[A]));

	/* D's promise ends, and with it A's lease: before D votes for E. */
	advance(cores, t0 + MS(895));
	assert_int_equal(core_view(&cores[A]).role, RAFT_FOLLOWER);
	advance(cores, t0 + MS(900));
	core_receive(&cores[D], &probe);
	carry(cores, D, RAFT_MESSAGE_VOTE_REPLY, E);
	assert_int_equal(core_view(&cores[E]).role, RAFT_LEADER);
	for (i = C; i <= D; i++)
	{
		const RaftMessage *ack;

		probe = core_message(&cores[i], RAFT_MESSAGE_HEARTBEAT, E, 7);
		probe.round = 1;
		core_receive(&cores[i], &probe);
		ack = core_sent(&cores[i], RAFT_MESSAGE_HEARTBEAT_ACK, E);
		if (ack != NULL)
			carry(cores, i, RAFT_MESSAGE_HEARTBEAT_ACK, E);
	}

	/* An amnesiac's acknowledgement would be needed for this one as well. */
	assert_false(core_lease_is_valid(&cores[A]));
	assert_false(core_lease_is_valid(&cores[E]));
	probe = core_message(&cores[B], RAFT_MESSAGE_HEARTBEAT, E, 7);
	probe.round = 1;
	core_receive(&cores[B], &probe);
	carry(cores, B, RAFT_MESSAGE_HEARTBEAT_ACK, E);
	assert_true(core_lease_is_valid(&cores[E]));
	for (i = A; i < TRACE_NODES; i++)
		core_free(&cores[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes_climb_in_lockstep),
		cmocka_unit_test(test_lower_standing_is_waited_for),
		cmocka_unit_test(test_queries_go_to_all_until_answered),
		cmocka_unit_test(test_unasked_reports_do_not_count),
		cmocka_unit_test(test_report_of_a_former_session_is_forgotten),
		cmocka_unit_test(test_amnesiacs_report_does_not_count),
		cmocka_unit_test(test_one_member_is_enough_for_the_last_step),
		cmocka_unit_test(test_member_begins_with_the_greatest_term),
		cmocka_unit_test(test_resized_cluster_keeps_term_and_silence),
		cmocka_unit_test(test_silence_that_ends_with_the_last_write),
		cmocka_unit_test(test_single_node_is_a_member_at_once),
		cmocka_unit_test(test_unborn_node_takes_no_part),
		cmocka_unit_test(test_report_tells_term_standing_and_generation_seen),
		cmocka_unit_test(test_two_steps_behind_is_amnesia),
		cmocka_unit_test(test_amnesiac_takes_no_part),
		cmocka_unit_test(test_amnesiac_learns_of_leaders),
		cmocka_unit_test(test_greater_generation_seen_is_amnesia),
		cmocka_unit_test(test_own_datagrams_out_of_order_are_no_rollback),
		cmocka_unit_test(test_amnesia_that_cannot_be_written),
		cmocka_unit_test(test_amnesiac_keeps_no_lease_alive),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
