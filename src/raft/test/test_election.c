/*-------------------------------------------------------------------------
 *
 * test_election.c
 *		Candidacies of one node.
 *
 * "Trap" numbers in these files are those of the list of known bugs of other
 * implementations in docs/architecture.md.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

static void
test_pre_vote_asks_all_and_spends_no_term(void **state)
{
	Core		core;
	int32_t		i;
	int			writes;

	(void) state;
	core_start_member(&core, 2, 5, 5);
	writes = core.write_count;
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_view(&core).granted_count, 1);
	for (i = 0; i < 5; i++)
	{
		if (i == 2)
			continue;
		assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, i), 1);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE, i)->term, 5);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE, i)->subject_term, 6);
		assert_true(core_sent(&core, RAFT_MESSAGE_PRE_VOTE, i)->nonce != 0);
		assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE, i)->flags &
						 RAFT_FLAG_HAS_TOKEN, 0);
	}
	assert_int_equal(core.disk.term, 5);
	assert_int_equal(core.write_count, writes);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 1);
	core_free(&core);
}

/* Requests are resent, to those that have not answered. */
static void
test_requests_are_resent_to_the_silent(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_grant(&core, 1);
	core_refuse(&core, 2, 5, RAFT_REFUSAL_STORAGE);
	core_run_until(&core, core.now_ns + MS(6));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 1), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 2), 0);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 3), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 4), 1);
	assert_int_equal(core_peer(&core, 2).refusal, RAFT_REFUSAL_STORAGE);
	assert_true(core_peer(&core, 1).granted);

	core_grant(&core, 3);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, ANYBODY), 4);
	core_grant(&core, 3);
	core_run_until(&core, core.now_ns + MS(6));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, 3), 0);
	assert_true(core_count_sent(&core, RAFT_MESSAGE_VOTE, 4) >= 1);
	core_free(&core);
}

static void
test_majority_of_pre_votes_makes_a_candidate(void **state)
{
	Core		core;
	uint64_t	pre_vote_nonce;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	pre_vote_nonce = core.request.nonce;
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_grant(&core, 4);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core.disk.term, 6);
	assert_int_equal(core.disk.vote, 0);
	assert_int_equal(core.request.type, RAFT_MESSAGE_VOTE);
	assert_int_equal(core.request.subject_term, 6);
	assert_true(core.request.nonce != pre_vote_nonce);
	assert_int_equal(core_view(&core).granted_count, 1);
	assert_int_equal(raft_counters(core.raft)->elections_begun, 1);
	core_free(&core);
}

static void
test_majority_of_votes_makes_a_leader(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_become_candidate(&core);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	assert_int_equal(core_view(&core).leader_id, 0);
	assert_int_equal(core_view(&core).leader_term, 6);
	assert_int_equal(core_event(&core, RAFT_EVENT_ROLE)->reason,
					 RAFT_REASON_ELECTED);
	assert_int_equal(raft_counters(core.raft)->elections_won, 1);

	/* Heartbeats leave at once; there is no lease yet. */
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_HEARTBEAT, ANYBODY), 4);
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_HEARTBEAT, 1)->round, 1);
	assert_false(core_lease_is_valid(&core));
	core_free(&core);
}

/* Trap 7. */
static void
test_grant_counts_once_per_voter(void **state)
{
	Core		core;
	int			i;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	for (i = 0; i < 3; i++)
		core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_grant(&core, 2);
	for (i = 0; i < 3; i++)
		core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_view(&core).granted_count, 2);
	core_free(&core);
}

/* Trap 4: a pre-vote is no vote, even for the same term. */
static void
test_pre_vote_grant_is_not_a_vote(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	late = core_answer(&core, 2, true);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).granted_count, 1);

	/* Nor with the nonce of the candidacy. */
	late.nonce = core.request.nonce;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/* Traps 5, 6: answers count for the candidacy that asked, and no other. */
static void
test_answers_to_former_candidacies_do_not_count(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	late = core_answer(&core, 2, true);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).granted_count, 1);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);

	core_grant(&core, 1);
	assert_int_equal(core.disk.term, 7);
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);

	/* Each condition by itself: nonce, then term. */
	late = core_answer(&core, 2, true);
	late.nonce++;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	late = core_answer(&core, 2, true);
	late.subject_term--;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_free(&core);
}

static void
test_pre_vote_answers_of_a_former_round_do_not_count(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	late = core_answer(&core, 1, true);
	core_run_until_role(&core, RAFT_FOLLOWER);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.request.subject_term, late.subject_term);
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	late = core_answer(&core, 1, true);
	late.subject_term++;
	core_receive(&core, &late);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_free(&core);
}

/* A late refusal of a former round must not silence the present one. */
static void
test_refusals_of_a_former_round_do_not_count(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	late = core_answer(&core, 1, false);
	late.refusal = RAFT_REFUSAL_PROMISED;
	core_run_until_role(&core, RAFT_FOLLOWER);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_receive(&core, &late);
	assert_int_equal(core_peer(&core, 1).refusal, RAFT_REFUSAL_NONE);
	core_run_until(&core, core.now_ns + MS(6));
	assert_true(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 1) >= 1);
	core_free(&core);
}

/* Trap 30: a majority is one of all nodes, not of those that answer. */
static void
test_even_clusters_need_more_than_half(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 4, 5);
	assert_int_equal(core_view(&core).quorum, 3);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 3);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_free(&core);

	core_start_member(&core, 0, 2, 5);
	assert_int_equal(core_view(&core).quorum, 2);
	core_run_until(&core, core.now_ns + SECONDS(10));
	assert_int_equal(raft_counters(core.raft)->elections_begun, 0);
	core_free(&core);
}

/* Trap 8: a step down within a term does not clear its vote. */
static void
test_same_term_step_down_keeps_the_vote(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	core_heartbeat(&core, 1, 6, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	assert_int_equal(core.disk.vote, 0);
	core.now_ns += SECONDS(1);
	core_ask_vote(&core, 2, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_VOTED));
	core_free(&core);

	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(core.disk.vote, 0);
	core_ask_vote(&core, 2, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_VOTED));
	core_free(&core);
}

static void
test_heartbeat_ends_a_pre_candidacy(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_heartbeat(&core, 1, 5, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

static void
test_round_has_a_deadline(void **state)
{
	Core		core;
	uint64_t	begun_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	begun_ns = core.now_ns;
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_true(core.now_ns - begun_ns <= 12 * MS(150));
	assert_true(core.now_ns - begun_ns >= MS(100));
	assert_int_equal(raft_counters(core.raft)->rounds_failed, 1);
	assert_int_equal(core_view(&core).role_reason, RAFT_REASON_ROUND_FAILED);

	/* The next try follows soon. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns - begun_ns < SECONDS(1));
	core_free(&core);
}

/* Expiry comes first: the grant that completes a majority comes too late. */
static void
test_grant_after_the_round_deadline_is_too_late(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	core.now_ns += SECONDS(2);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* A nonce is never 0, whatever the draw: that is the inverse of the mixing. */
static void
test_nonce_is_not_zero(void **state)
{
	Core		core;
	RaftMessage heartbeat;
	uint64_t	heard_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);

	/* Not at the time of a probe, which would take the draw's first number. */
	core_tick(&core, core.now_ns);
	core.now_ns += MS(7);
	heartbeat = core_heartbeat_message(&core, 1, 5, 1);
	heartbeat.rank = 0;
	core_receive(&core, &heartbeat);
	heard_ns = core.now_ns;
	core_run_until(&core, heard_ns + TIMEOUT_MIN_NS - 1);
	core.draw = 0 - UINT64_C(0x9e3779b97f4a7c15);
	core_tick(&core, heard_ns + TIMEOUT_MIN_NS);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	assert_true(core.request.nonce != 0);
	core_free(&core);
}

/* However a candidacy ends without a leader, it is one lost; once. */
static void
test_lost_elections_are_counted(void **state)
{
	Core		core;
	const RaftCounters *counters;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	counters = raft_counters(core.raft);

	/* A pre-candidacy is no candidacy. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(counters->rounds_failed, 1);
	assert_int_equal(counters->elections_lost, 0);

	/* In time; */
	core_become_candidate(&core);
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(counters->elections_lost, 1);

	/* to another; */
	core_become_candidate(&core);
	core_heartbeat(&core, 1, core.disk.term, 1);
	assert_int_equal(counters->elections_lost, 2);
	core_run_until(&core, core.now_ns + PROMISE_NS);

	/* to a higher term; */
	core_become_candidate(&core);
	core_refuse(&core, 1, core.disk.term + 3, RAFT_REFUSAL_TERM);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(counters->elections_lost, 3);

	/* to a full disk. */
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core.failing_writes = 1;
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(counters->elections_lost, 4);
	assert_int_equal(counters->elections_won, 0);

	core_run_until(&core, core.now_ns + SECONDS(2));
	core_elect(&core);
	assert_int_equal(counters->elections_won, 1);
	core_step_down(&core, RAFT_REASON_STEP_DOWN);
	assert_int_equal(counters->elections_lost, 4);
	core_free(&core);
}

/* Another write in the middle of a candidacy: its own vote counts once. */
static void
test_other_writes_during_a_candidacy(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	int			writes;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_become_candidate(&core);
	writes = core.write_count;
	timings.election_timeout_min_ns = SECONDS(2);
	timings.election_timeout_max_ns = SECONDS(3);
	core_reconfigure(&core, &timings);
	assert_int_equal(core.write_count, writes + 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_view(&core).granted_count, 1);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_grant(&core, 2);
	assert_int_equal(core_view(&core).role, RAFT_LEADER);
	core_free(&core);
}

/* ----------
 * Alone
 * ----------
 */

/* A node that is alone is elected however long its disk takes. */
static void
test_single_node_with_a_slow_disk(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core.write_ns = SECONDS(30);
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core.disk.term, 6);
	assert_true(core_lease_is_valid(&core));
	core_free(&core);
}

/* Who did not answer may not know our session: it is probed at once. */
static void
test_failed_round_probes(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_run_until_role(&core, RAFT_FOLLOWER);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PROBE, 2), 1);
	core_free(&core);
}

static void
test_one_node_elects_itself(void **state)
{
	Core		core;

	(void) state;
	core_init(&core, 0, 1, core_record(RAFT_MEMBER, 5, 0));
	core_boot(&core, true);
	core_run_until_role(&core, RAFT_LEADER);
	assert_int_equal(core.disk.term, 6);
	assert_int_equal(core.disk.vote, 0);
	assert_true(core_lease_is_valid(&core));
	assert_true(core.now_ns < CORE_START_NS + TIMEOUT_MIN_NS);
	core_run_until(&core, core.now_ns + SECONDS(60));
	assert_true(core_lease_is_valid(&core));
	assert_int_equal(core.disk.term, 6);
	core_free(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pre_vote_asks_all_and_spends_no_term),
		cmocka_unit_test(test_requests_are_resent_to_the_silent),
		cmocka_unit_test(test_majority_of_pre_votes_makes_a_candidate),
		cmocka_unit_test(test_majority_of_votes_makes_a_leader),
		cmocka_unit_test(test_grant_counts_once_per_voter),
		cmocka_unit_test(test_pre_vote_grant_is_not_a_vote),
		cmocka_unit_test(test_answers_to_former_candidacies_do_not_count),
		cmocka_unit_test(test_pre_vote_answers_of_a_former_round_do_not_count),
		cmocka_unit_test(test_refusals_of_a_former_round_do_not_count),
		cmocka_unit_test(test_even_clusters_need_more_than_half),
		cmocka_unit_test(test_same_term_step_down_keeps_the_vote),
		cmocka_unit_test(test_heartbeat_ends_a_pre_candidacy),
		cmocka_unit_test(test_round_has_a_deadline),
		cmocka_unit_test(test_grant_after_the_round_deadline_is_too_late),
		cmocka_unit_test(test_nonce_is_not_zero),
		cmocka_unit_test(test_lost_elections_are_counted),
		cmocka_unit_test(test_other_writes_during_a_candidacy),
		cmocka_unit_test(test_single_node_with_a_slow_disk),
		cmocka_unit_test(test_failed_round_probes),
		cmocka_unit_test(test_one_node_elects_itself),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
