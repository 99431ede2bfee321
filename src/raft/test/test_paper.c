/*-------------------------------------------------------------------------
 *
 * test_paper.c
 *		Sentences of the Raft paper and thesis that the core relies upon, one
 *		test each.
 *
 * "Paper": Ongaro, Ousterhout: In Search of an Understandable Consensus
 * Algorithm (extended version), 2014.  "Thesis": Ongaro: Consensus: Bridging
 * Theory and Practice, 2014.  What is not tried here has no counterpart in a
 * core without a log.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

/*
 * Paper, 5.1: "if one server's current term is smaller than the other's, then
 * it updates its current term to the larger value."
 */
static void
test_5_1_updates_to_the_larger_term(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 1);
	core_heartbeat(&core, 1, 2, 1);
	assert_int_equal(core.disk.term, 2);
	core.now_ns += SECONDS(1);
	core_ask_vote(&core, 1, 3);
	assert_int_equal(core.disk.term, 3);
	core_free(&core);
}

/*
 * Paper, 5.1: "If a candidate or leader discovers that its term is out of
 * date, it immediately reverts to follower state."
 */
static void
test_5_1_outdated_candidate_or_leader_reverts(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 1);
	core_become_candidate(&core);
	core_heartbeat(&core, 1, 7, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);

	core_start_member(&core, 0, 3, 1);
	core_lead(&core);
	core_heartbeat(&core, 1, 7, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_free(&core);
}

/*
 * Paper, 5.1: "If a server receives a request with a stale term number, it
 * rejects the request."
 */
static void
test_5_1_rejects_stale_requests(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	core_ask_vote(&core, 1, 3);
	assert_true(core_refused(&core, VOTE_REPLY, 1, RAFT_REFUSAL_TERM));
	core_heartbeat(&core, 1, 3, 1);
	assert_non_null(core_sent(&core, RAFT_MESSAGE_HEARTBEAT_REJECT, 1));
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	core_free(&core);
}

/* Paper, 5.2: "When servers start up, they begin as followers." */
static void
test_5_2_starts_as_follower(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_START);
	core_free(&core);
}

/*
 * Paper, 5.2: "A server remains in follower state as long as it receives valid
 * RPCs from a leader or candidate."
 */
static void
test_5_2_remains_follower_while_it_hears(void **state)
{
	Core		core;
	uint64_t	round;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	for (round = 1; round < 10; round++)
	{
		core_heartbeat(&core, 1, 4, round);
		core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS - MS(1));
	}
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_free(&core);
}

/*
 * Paper, 5.2: "Leaders send periodic heartbeats ... to all followers in order
 * to maintain their authority."
 */
static void
test_5_2_leader_sends_heartbeats(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 4);
	core_lead(&core);
	core_run_until(&core, core.now_ns + 3 * HEARTBEAT_NS);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1), 3);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, 4), 3);
	core_free(&core);
}

/*
 * Paper, 5.2: "To begin an election, a follower increments its current term
 * and transitions to candidate state.  It then votes for itself and issues
 * RequestVote RPCs in parallel to each of the other servers."
 */
static void
test_5_2_begins_an_election(void **state)
{
	Core		core;
	int32_t		i;

	(void) state;
	core_start_member(&core, 0, 5, 4);
	core_become_candidate(&core);
	assert_int_equal(core.disk.term, 5);
	assert_int_equal(core.disk.vote, 0);
	for (i = 1; i < 5; i++)
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, i), 1);
	core_free(&core);
}

/*
 * Paper, 5.2: "A candidate wins an election if it receives votes from a
 * majority of the servers in the full cluster for the same term."
 */
static void
test_5_2_wins_with_a_majority_of_the_full_cluster(void **state)
{
	int32_t		count;

	(void) state;
	for (count = 2; count <= 9; count++)
	{
		Core		core;
		int32_t		votes = 1;

		core_start_member(&core, 0, count, 4);
		core_become_candidate(&core);
		while (core_view(&core).role == RAFT_CANDIDATE)
		{
			core_grant(&core, votes);
			votes++;
		}
		assert_int_equal(core_view(&core).role, RAFT_LEADER);
		assert_int_equal(votes, count / 2 + 1);
		core_free(&core);
	}
}

/*
 * Paper, 5.2: "Each server will vote for at most one candidate in a given
 * term, on a first-come-first-served basis."
 */
static void
test_5_2_votes_once_first_come_first_served(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 3, 5, 4);
	core_ask_vote(&core, 2, 5);
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	core_ask_vote(&core, 0, 5);
	assert_true(core_refused(&core, VOTE_REPLY, 0, RAFT_REFUSAL_VOTED));
	core_ask_vote(&core, 2, 5);
	assert_true(core_granted(&core, VOTE_REPLY, 2));
	core_free(&core);
}

/*
 * Paper, 5.2: "If the leader's term ... is at least as large as the
 * candidate's current term, then the candidate recognizes the leader as
 * legitimate and returns to follower state.  If the term in the RPC is smaller
 * ..., then the candidate rejects the RPC and continues in candidate state."
 */
static void
test_5_2_candidate_recognizes_a_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	core_become_candidate(&core);
	core_heartbeat(&core, 1, 4, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_heartbeat(&core, 1, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_free(&core);
}

/*
 * Paper, 5.2: "each candidate restarts its randomized election timeout at the
 * start of an election, and it waits for that timeout to elapse before
 * starting the next election".
 */
static void
test_5_2_split_vote_is_tried_again(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 4);
	core_become_candidate(&core);
	core_refuse(&core, 3, 5, RAFT_REFUSAL_VOTED);
	core_refuse(&core, 4, 5, RAFT_REFUSAL_VOTED);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_become_candidate(&core);
	assert_int_equal(core.disk.term, 6);
	core_free(&core);
}

/*
 * Paper, Figure 2, "Persistent state on all servers (updated on stable storage
 * before responding to RPCs)".  The fixture checks that nothing leaves before.
 */
static void
test_figure_2_persistent_before_responding(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	core_ask_vote(&core, 1, 9);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	core_restart(&core, SECONDS(5));
	assert_int_equal(core_view(&core).term, 9);
	assert_int_equal(core_view(&core).vote, 1);
	core_free(&core);
}

/*
 * Thesis, 4.2.3: "if a server receives a RequestVote request within the
 * minimum election timeout of hearing from a current leader, it does not
 * update its term or grant its vote."
 */
static void
test_4_2_3_disregards_requests_while_a_leader_is_heard(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	core_heartbeat(&core, 1, 4, 1);
	core_ask_vote(&core, 2, 5);
	assert_false(core_granted(&core, VOTE_REPLY, 2));
	assert_int_equal(core.disk.term, 4);
	core_free(&core);
}

/*
 * Thesis, 3.10: leadership transfer, "the prior leader sends a TimeoutNow
 * request to the target server.  This request has the same effect as the
 * target server's election timer firing: the target server starts a new
 * election (incrementing its term and becoming a candidate)."
 */
static void
test_3_10_timeout_now(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 1, 3, 4);
	core_heartbeat(&core, 0, 4, 1);
	core_resignation(&core, RAFT_MESSAGE_TIMEOUT_NOW, 0, 4, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 5);
	core_free(&core);
}

/*
 * Thesis, 6.2: "a leader in Raft steps down if an election timeout elapses
 * without a successful round of heartbeats to a majority of its cluster".
 */
static void
test_6_2_leader_steps_down_without_a_majority(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 4);
	core_lead(&core);
	core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	core_ack(&core, 1, 2, PROMISE_NS);
	core_run_until(&core, core.now_ns + TIMEOUT_MIN_NS);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.cell_end_ns, 0);
	core_free(&core);
}

/*
 * Thesis, 6.4.1: "Once the leader's heartbeats are acknowledged by a majority
 * of the cluster, the leader extends its lease to start + election timeout /
 * clock drift bound".
 */
static void
test_6_4_1_lease_from_the_start_of_the_round(void **state)
{
	Core		core;
	uint64_t	start_ns;

	(void) state;
	core_start_member(&core, 0, 3, 4);
	core_elect(&core);
	start_ns = core.now_ns;
	core.now_ns += MS(40);
	core_ack(&core, 1, 1, PROMISE_NS);
	assert_true(core.cell_end_ns == start_ns +
				raft_usable_promise_ns(PROMISE_NS, 10000));
	core_free(&core);
}

/*
 * Thesis, 9.6: "in the Pre-Vote algorithm, a candidate only increments its
 * term if it first learns from a majority of the cluster that they would be
 * willing to grant the candidate their votes".
 */
static void
test_9_6_pre_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 4);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_grant(&core, 1);
	core_refuse(&core, 2, 4, RAFT_REFUSAL_PROMISED);
	assert_int_equal(core.disk.term, 4);
	core_run_until(&core, core.now_ns + SECONDS(60));
	assert_int_equal(core.disk.term, 4);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_5_1_updates_to_the_larger_term),
		cmocka_unit_test(test_5_1_outdated_candidate_or_leader_reverts),
		cmocka_unit_test(test_5_1_rejects_stale_requests),
		cmocka_unit_test(test_5_2_starts_as_follower),
		cmocka_unit_test(test_5_2_remains_follower_while_it_hears),
		cmocka_unit_test(test_5_2_leader_sends_heartbeats),
		cmocka_unit_test(test_5_2_begins_an_election),
		cmocka_unit_test(test_5_2_wins_with_a_majority_of_the_full_cluster),
		cmocka_unit_test(test_5_2_votes_once_first_come_first_served),
		cmocka_unit_test(test_5_2_candidate_recognizes_a_leader),
		cmocka_unit_test(test_5_2_split_vote_is_tried_again),
		cmocka_unit_test(test_figure_2_persistent_before_responding),
		cmocka_unit_test(test_4_2_3_disregards_requests_while_a_leader_is_heard),
		cmocka_unit_test(test_3_10_timeout_now),
		cmocka_unit_test(test_6_2_leader_steps_down_without_a_majority),
		cmocka_unit_test(test_6_4_1_lease_from_the_start_of_the_round),
		cmocka_unit_test(test_9_6_pre_vote),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
