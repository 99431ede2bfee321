/*-------------------------------------------------------------------------
 *
 * test_vote.c
 *		Terms, votes and pre-votes of one node.
 *
 * "Trap" numbers in these files are those of the list of known bugs of other
 * implementations in docs/architecture.md.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ----------
 * Terms
 * ----------
 */

static void
test_heartbeat_of_higher_term_is_adopted(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_ask_vote(&core, 1, 6);
	assert_int_equal(core.disk.vote, 1);
	core_heartbeat(&core, 2, 9, 1);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(core.disk.vote, RAFT_VOTE_NONE);
	assert_int_equal(core_view(&core).leader_id, 2);
	assert_int_equal(core_view(&core).leader_term, 9);
	core_free(&core);
}

static void
test_vote_of_higher_term_is_adopted(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_ask_vote(&core, 1, 8);
	assert_int_equal(core.disk.term, 8);
	assert_int_equal(core.disk.vote, 1);
	core_free(&core);
}

/* With a promise in force the request is ignored wholly. */
static void
test_vote_inside_promise_is_ignored(void **state)
{
	Core		core;
	const RaftMessage *reply;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core.now_ns += MS(100);
	core_ask_vote(&core, 2, 9);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_PROMISED));
	reply = core_sent(&core, VOTE_REPLY, 2);
	assert_int_equal(reply->term, 5);
	assert_int_equal(reply->subject_term, 9);
	assert_int_equal(reply->promise_ns, PROMISE_NS - MS(100));
	assert_int_equal(core.disk.term, 5);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_free(&core);
}

static void
test_vote_at_leader_with_lease_is_ignored(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_ask_vote(&core, 2, 9);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_LEADER));
	assert_int_equal(core.disk.term, 6);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* A leader that has no lease yet has promised nothing. */
static void
test_leader_without_lease_grants(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_elect(&core);
	core_ask_vote(&core, 2, 9);
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 9);
	core_free(&core);
}

static void
test_proposed_term_is_never_adopted(void **state)
{
	Core		core;
	RaftMessage reply;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_ask_pre_vote(&core, 1, 9);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
	assert_int_equal(core_sent(&core, PRE_VOTE_REPLY, 1)->subject_term, 9);
	assert_int_equal(core.disk.term, 5);

	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	reply = core_answer(&core, 2, true);
	reply.subject_term = 9;
	core_receive(&core, &reply);
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

/* Trap 1: refusals spread the term, or two camps never find together. */
static void
test_refusal_of_higher_term_is_adopted(void **state)
{
	Core		core;
	uint64_t	at_ns;
	RaftMessage reject;

	(void) state;
	core_start_member(&core, 0, 3, 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	at_ns = core.now_ns;
	core_refuse(&core, 1, 5, RAFT_REFUSAL_TERM);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 5);
	assert_int_equal(core.disk.vote, RAFT_VOTE_NONE);
	assert_true(raft_next_deadline(core.raft) <= at_ns + TIMEOUT_MAX_NS + MS(2));

	core_become_candidate(&core);
	assert_int_equal(core.disk.term, 6);
	core_refuse(&core, 1, 8, RAFT_REFUSAL_VOTED);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 8);

	reject = core_message(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 2, 11);
	reject.subject_term = 3;
	core_receive(&core, &reject);
	assert_int_equal(core.disk.term, 11);
	core_free(&core);
}

static void
test_higher_term_gives_a_new_timeout(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_refuse(&core, 1, 5, RAFT_REFUSAL_TERM);
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS - MS(2));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, ANYBODY), 0);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_free(&core);
}

static void
test_lower_term_gets_a_reply_and_nothing_else(void **state)
{
	Core		core;
	RaftView	before;
	uint64_t	deadline_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	before = core_view(&core);
	deadline_ns = raft_next_deadline(core.raft);

	core_ask_vote(&core, 1, 4);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_TERM));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 1)->term, 5);
	core_ask_pre_vote(&core, 1, 5);
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_TERM));
	assert_int_equal(core_sent(&core, PRE_VOTE_REPLY, 1)->term, 5);
	core_heartbeat(&core, 1, 4, 7);
	assert_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 1));
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 1)->term, 5);

	/* Trap 21: such traffic does not touch the timer either. */
	assert_int_equal(raft_next_deadline(core.raft), deadline_ns);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).generation, before.generation);
	core_free(&core);
}

static void
test_forged_terms_are_dropped(void **state)
{
	Core		core;
	RaftMessage message;
	uint64_t	dropped;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	dropped = raft_counters(core.raft)->dropped;

	message = core_message(&core, RAFT_MESSAGE_HEARTBEAT, 1,
						   5 + RAFT_TERM_JUMP_LIMIT + 1);
	message.round = 1;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.term = 5;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.term = 5 + RAFT_TERM_JUMP_LIMIT + 1;
	message.subject_term = 5;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.term = RAFT_TERM_LIMIT;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.term = 5;
	message.known_leader_term = RAFT_TERM_LIMIT;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	message.known_leader_term = 5 + RAFT_TERM_JUMP_LIMIT + 1;
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	assert_int_equal(raft_counters(core.raft)->dropped, dropped + 6);
	assert_int_equal(core.disk.term, 5);

	/* Just within. */
	core_heartbeat(&core, 1, 5 + RAFT_TERM_JUMP_LIMIT, 1);
	assert_true(core.disk.term == 5 + RAFT_TERM_JUMP_LIMIT);
	core_free(&core);
}

/*
 * Nodes start in term 0, and nobody ever asked for a vote or led in it: who
 * believed that would vote there, or promise itself to a leader of nothing.
 */
static void
test_nothing_is_about_term_zero(void **state)
{
	RaftMessageType type;

	(void) state;
	for (type = RAFT_MESSAGE_TYPE_FIRST; type <= RAFT_MESSAGE_TYPE_LAST; type++)
	{
		bool		of_no_term = type >= RAFT_MESSAGE_PROBE;
		uint64_t	term;

		for (term = 0; term <= 5; term += 5)
		{
			Core		core;
			RaftMessage message;
			RaftDurable before;

			core_start_member(&core, 0, 3, term);
			before = core.disk;
			message = core_message(&core, type, 1, term);
			message.subject_term = 0;
			message.nonce = 1;
			message.round = 1;
			message.promise_ns = PROMISE_NS;
			message.flags = RAFT_FLAG_GRANTED;
			message.successor = 0;
			assert_int_equal(core_receive(&core, &message),
							 of_no_term ? RAFT_OK : RAFT_DROPPED);
			if (!of_no_term)
				assert_int_equal(core.sent_count, 0);
			assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
			assert_int_equal(core_view(&core).promised_to, RAFT_NO_NODE);
			assert_int_equal(core.disk.vote, before.vote);
			assert_true(core.disk.generation == before.generation);

			/* The first term that there is. */
			message.subject_term = message.term = term + 1;
			assert_int_equal(core_receive(&core, &message), RAFT_OK);
			core_free(&core);
		}
	}
}

static void
test_last_term_is_never_exceeded(void **state)
{
	Core		core;
	RaftMessage message;

	(void) state;
	core_start_member(&core, 0, 3, RAFT_TERM_LIMIT - 1);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	message = core_message(&core, RAFT_MESSAGE_VOTE, 1, RAFT_TERM_LIMIT);
	assert_int_equal(core_receive(&core, &message), RAFT_DROPPED);
	core_free(&core);
}

/* ----------
 * Granting
 * ----------
 */

/* Trap 11: the reply carries the new term. */
static void
test_grant_is_durable_and_of_the_new_term(void **state)
{
	Core		core;
	const RaftMessage *reply;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_ask_vote(&core, 1, 6);
	reply = core_sent(&core, VOTE_REPLY, 1);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(reply->term, 6);
	assert_int_equal(reply->subject_term, 6);
	assert_int_equal(reply->nonce, 20006);
	assert_int_equal(core.disk.term, 6);
	assert_int_equal(core.disk.vote, 1);
	assert_int_equal(core_event(&core, RAFT_EVENT_VOTE)->other, 1);
	assert_int_equal(raft_counters(core.raft)->votes_granted, 1);
	core_free(&core);
}

/* Traps 10, 29: one vote per term, also for a node with id 0. */
static void
test_one_vote_per_term(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_ask_vote(&core, 0, 6);
	core_ask_vote(&core, 1, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_VOTED));
	assert_int_equal(core.disk.vote, 0);
	assert_int_equal(raft_counters(core.raft)->votes_refused, 1);
	core_free(&core);
}

/* Trap 12. */
static void
test_repeated_request_is_granted_again(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_ask_vote(&core, 0, 6);
	writes = core.write_count;
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	assert_int_equal(core.write_count, writes);
	core_ask_pre_vote(&core, 1, 7);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
	core_ask_pre_vote(&core, 1, 7);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
	core_free(&core);
}

/*
 * A resent request may come after the first heartbeat of the leader that it
 * elected; the promise given in between holds on.
 */
static void
test_late_request_does_not_lift_the_promise(void **state)
{
	Core		core;

	(void) state;

	/* Voted in time, and a copy comes late. */
	core_start_member(&core, 2, 3, 5);
	core_ask_vote(&core, 0, 6);
	core_heartbeat(&core, 0, 6, 1);
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	assert_int_equal(core_view(&core).promised_to, 0);
	core_ask_pre_vote(&core, 1, 7);
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	core_ask_vote(&core, 1, 7);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	core_free(&core);

	/* The leader was elected without us, and the only request comes late. */
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 6, 1);
	core_ask_vote(&core, 0, 6);
	assert_int_equal(core_view(&core).promised_to, 0);
	core_ask_vote(&core, 1, 7);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	core_free(&core);
}

/* Trap 19: an ex-leader must be able to win again. */
static void
test_promise_does_not_forbid_its_own_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 2, 3, 5);
	core_heartbeat(&core, 0, 5, 1);
	core_ask_pre_vote(&core, 0, 6);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 0));
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	core_free(&core);
}

static void
test_spoiled_vote_is_kept_for_its_term(void **state)
{
	Core		core;
	RaftDurable record = core_record(RAFT_MEMBER, 5, 0);

	(void) state;
	record.vote = RAFT_VOTE_SPOILED;
	core_init(&core, 2, 3, record);
	core_boot(&core, true);
	core_meet_peers(&core);
	core_ask_vote(&core, 0, 5);
	assert_true(core_refused(&core, VOTE_REPLY, 0, RAFT_REFUSAL_SPOILED));
	core_heartbeat(&core, 0, 5, 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_ACK, 0));
	core.now_ns += SECONDS(1);
	core_ask_vote(&core, 0, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 0));
	core_free(&core);
}

/* Trap 18, and the same of a follower: a healthy leader is not deposed. */
static void
test_pre_vote_is_refused_while_a_leader_is_heard(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_lead(&core);
	core_ask_pre_vote(&core, 1, 7);
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_LEADER));
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 2, 5, 1);
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_refused(&core, PRE_VOTE_REPLY, 1, RAFT_REFUSAL_PROMISED));
	assert_int_equal(core_sent(&core, PRE_VOTE_REPLY, 1)->promise_ns, PROMISE_NS);
	assert_int_equal(raft_counters(core.raft)->pre_votes_refused, 1);
	core_free(&core);
}

static void
test_pre_vote_grant_changes_nothing_durable(void **state)
{
	Core		core;
	int			writes;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	writes = core.write_count;
	core_ask_pre_vote(&core, 1, 6);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 1));
	assert_int_equal(core_sent(&core, PRE_VOTE_REPLY, 1)->nonce, 10006);
	core_ask_pre_vote(&core, 2, 6);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 2));
	assert_int_equal(core.write_count, writes);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	core_free(&core);
}

/* Trap 20: who asks over and over does not keep others from campaigning. */
static void
test_pre_votes_put_off_own_candidacy_only_for_a_while(void **state)
{
	Core		core;
	uint64_t	end_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	end_ns = core.now_ns + TIMEOUT_MAX_NS + MS(500);
	while (core.now_ns < end_ns)
	{
		core_ask_pre_vote(&core, 1, 6);
		core_run_until(&core, core.now_ns + MS(5));
	}
	assert_true(raft_counters(core.raft)->pre_votes_begun >= 1);
	core_free(&core);
}

static void
test_granted_pre_vote_holds_own_timer(void **state)
{
	Core		core;
	Core		ahead;
	uint64_t	deadline_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);

	/* When would it campaign?  A copy shows it. */
	ahead = core;
	ahead.raft = malloc(raft_node_size());
	assert_non_null(ahead.raft);
	memcpy(ahead.raft, core.raft, raft_node_size());
	core_run_until_role(&ahead, RAFT_PRE_CANDIDATE);
	deadline_ns = ahead.now_ns;
	core_free(&ahead);

	/* Twice at most; a third request puts nothing off. */
	core_run_until(&core, deadline_ns - MS(1));
	core_ask_pre_vote(&core, 2, 6);
	assert_true(core_granted(&core, PRE_VOTE_REPLY, 2));
	core_run_until(&core, deadline_ns + MS(28));
	core_ask_pre_vote(&core, 2, 6);
	core_run_until(&core, deadline_ns + MS(57));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_ask_pre_vote(&core, 2, 6);
	core_run_until(&core, deadline_ns + MS(58));
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_free(&core);
}

/* Priority is a matter of who asks, never of who is voted for. */
static void
test_priority_is_no_reason_to_refuse(void **state)
{
	Core		core;
	RaftMessage request;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	request = core_message(&core, RAFT_MESSAGE_VOTE, 1, 6);
	request.priority = 0;
	core_receive(&core, &request);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_free(&core);
}

static void
test_vote_for_another_ends_own_candidacy(void **state)
{
	Core		core;
	uint64_t	at_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_ask_vote(&core, 1, 6);
	at_ns = core.now_ns;
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);

	/* And the timer was drawn anew. */
	core_run_until(&core, at_ns + TIMEOUT_MIN_NS - MS(2));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(raft_counters(core.raft)->rounds_failed, 0);
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	core_ask_vote(&core, 1, 7);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* A candidacy that was to be long ends as if it had begun at the reload. */
static void
test_reload_shortens_a_candidacy(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(60);
	timings.election_timeout_max_ns = SECONDS(61);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_run_until(&core, core.now_ns + SECONDS(1));
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);

	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until(&core, core.now_ns + MS(200));
	assert_int_equal(raft_counters(core.raft)->rounds_failed, 1);
	core_free(&core);
}

/* Counted by reason, for votes and for pre-votes. */
static void
test_refusals_are_counted_by_reason(void **state)
{
	static const RaftRefusal of_term = RAFT_REFUSAL_TERM;
	static const RaftRefusal of_promise = RAFT_REFUSAL_PROMISED;
	Core		core;
	const RaftCounters *counters;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	counters = raft_counters(core.raft);
	core_ask_vote(&core, 1, 4);
	core_ask_pre_vote(&core, 1, 5);
	core_ask_pre_vote(&core, 1, 4);
	core_heartbeat(&core, 1, 5, 1);
	core_ask_vote(&core, 2, 6);
	core_ask_vote(&core, 2, 7);
	core_ask_vote(&core, 2, 8);
	core_ask_pre_vote(&core, 2, 6);
	assert_int_equal(counters->votes_refused_for[of_term], 1);
	assert_int_equal(counters->votes_refused_for[of_promise], 3);
	assert_int_equal(counters->votes_refused, 4);
	assert_int_equal(counters->pre_votes_refused_for[of_term], 2);
	assert_int_equal(counters->pre_votes_refused_for[of_promise], 1);
	assert_int_equal(counters->pre_votes_refused, 3);

	/* A grant is none. */
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(counters->votes_refused, 4);
	assert_int_equal(counters->votes_refused_for[RAFT_REFUSAL_NONE], 0);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat_of_higher_term_is_adopted),
		cmocka_unit_test(test_vote_of_higher_term_is_adopted),
		cmocka_unit_test(test_vote_inside_promise_is_ignored),
		cmocka_unit_test(test_vote_at_leader_with_lease_is_ignored),
		cmocka_unit_test(test_leader_without_lease_grants),
		cmocka_unit_test(test_proposed_term_is_never_adopted),
		cmocka_unit_test(test_refusal_of_higher_term_is_adopted),
		cmocka_unit_test(test_higher_term_gives_a_new_timeout),
		cmocka_unit_test(test_lower_term_gets_a_reply_and_nothing_else),
		cmocka_unit_test(test_forged_terms_are_dropped),
		cmocka_unit_test(test_nothing_is_about_term_zero),
		cmocka_unit_test(test_last_term_is_never_exceeded),
		cmocka_unit_test(test_grant_is_durable_and_of_the_new_term),
		cmocka_unit_test(test_one_vote_per_term),
		cmocka_unit_test(test_repeated_request_is_granted_again),
		cmocka_unit_test(test_late_request_does_not_lift_the_promise),
		cmocka_unit_test(test_promise_does_not_forbid_its_own_leader),
		cmocka_unit_test(test_spoiled_vote_is_kept_for_its_term),
		cmocka_unit_test(test_pre_vote_is_refused_while_a_leader_is_heard),
		cmocka_unit_test(test_pre_vote_grant_changes_nothing_durable),
		cmocka_unit_test(test_pre_votes_put_off_own_candidacy_only_for_a_while),
		cmocka_unit_test(test_granted_pre_vote_holds_own_timer),
		cmocka_unit_test(test_priority_is_no_reason_to_refuse),
		cmocka_unit_test(test_vote_for_another_ends_own_candidacy),
		cmocka_unit_test(test_reload_shortens_a_candidacy),
		cmocka_unit_test(test_refusals_are_counted_by_reason),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
