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
test_election_timeout_is_drawn_between_its_bounds(void **state)
{
	uint64_t	least = UINT64_MAX;
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	for (i = 0; i < 100; i++)
	{
		Core		core;
		uint64_t	heard_ns;

		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 12345;
		core_heartbeat(&core, 1, 5, 1);
		heard_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		if (least > core.now_ns - heard_ns)
			least = core.now_ns - heard_ns;
		if (greatest < core.now_ns - heard_ns)
			greatest = core.now_ns - heard_ns;
		core_free(&core);
	}
	assert_true(least >= TIMEOUT_MIN_NS && greatest <= TIMEOUT_MAX_NS);
	assert_true(greatest - least > (TIMEOUT_MAX_NS - TIMEOUT_MIN_NS) / 2);
}

static void
test_heartbeats_put_off_the_election(void **state)
{
	Core		core;
	int			round;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	for (round = 1; round < 50; round++)
	{
		core_heartbeat(&core, 1, 5, (uint64_t) round);
		core_run_until(&core, core.now_ns + HEARTBEAT_NS);
	}
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	assert_int_equal(core_view(&core).leader_id, 1);
	core_free(&core);
}

/* One's own vote is a vote: a promise forbids it too. */
static void
test_promised_node_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	promised_until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(11);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 1);
	promised_until_ns = core_view(&core).promised_until_ns;
	assert_true(promised_until_ns > core.now_ns + SECONDS(9));

	/* A shorter timeout, but the long promise holds. */
	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 2);
	assert_true(core_view(&core).promised_until_ns == promised_until_ns);
	core_run_until(&core, promised_until_ns - 1);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_run_until(&core, promised_until_ns + MS(500));
	assert_true(raft_counters(core.raft)->pre_votes_begun >= 1);
	core_free(&core);
}

/*
 * A node that waits for long comes forward at a reload to shorter timeouts: by
 * a draw of these from now on, with nobody there to set its timer anew.
 */
static void
test_reload_brings_a_far_timer_forward(void **state)
{
	uint64_t	first = UINT64_MAX;
	uint64_t	last = 0;
	int			i;

	(void) state;
	for (i = 0; i < 200; i++)
	{
		Core		core;
		RaftTimings timings = core_timings();
		uint64_t	waited;

		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 1000;
		timings.election_timeout_min_ns = SECONDS(60);
		timings.election_timeout_max_ns = SECONDS(3000);
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);

		/* Its leader asks for a vote: no promise is left, but a far timer. */
		core_heartbeat(&core, 1, 6, 1);
		core_ask_vote(&core, 1, 7);
		assert_true(core_granted(&core, VOTE_REPLY, 1));
		core_run_until(&core, core.now_ns + SECONDS(59));
		assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);

		timings = core_timings();
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
		waited = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		waited = core.now_ns - waited;
		if (waited < first)
			first = waited;
		if (waited > last)
			last = waited;
		core_free(&core);
	}
	assert_true(first >= TIMEOUT_MIN_NS && first < TIMEOUT_MIN_NS + MS(50));
	assert_true(last <= TIMEOUT_MAX_NS && last > TIMEOUT_MAX_NS - MS(50));
}

/* Longer timeouts do not put off a timer that runs; nor does a second reload. */
static void
test_reload_never_puts_a_timer_off(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	deadline_ns;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_run_until(&core, core.now_ns + MS(990));
	assert_int_equal(core_view(&core).leader_id, 1);
	for (i = 0; i < 10; i++)
	{
		timings.election_timeout_min_ns += MS(500);
		timings.election_timeout_max_ns += MS(1000);
		assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	}
	deadline_ns = core.now_ns + TIMEOUT_MAX_NS - MS(990);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	assert_true(core.now_ns <= deadline_ns);
	core_free(&core);
}

/* The timer comes forward; the promise, which forbids candidacy, does not. */
static void
test_reload_keeps_the_promise(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();
	uint64_t	promised_until_ns;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.election_timeout_min_ns = SECONDS(10);
	timings.election_timeout_max_ns = SECONDS(100);
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_heartbeat(&core, 1, 5, 1);
	promised_until_ns = core_view(&core).promised_until_ns;

	timings = core_timings();
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_true(core_view(&core).promised_until_ns == promised_until_ns);
	core_run_until(&core, core.now_ns + TIMEOUT_MAX_NS);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	core_run_until(&core, promised_until_ns - 1);
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_ask_vote(&core, 2, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_PROMISED));
	core_run_until(&core, promised_until_ns + TIMEOUT_MAX_NS);
	assert_true(raft_counters(core.raft)->pre_votes_begun >= 1);
	core_free(&core);
}

static void
test_priority_zero_votes_but_does_not_campaign(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_ask_vote(&core, 1, 6);
	assert_true(core_granted(&core, VOTE_REPLY, 1));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 1)->priority, 0);
	core_free(&core);
}

/* Nor does one that asks already, when the setting changes. */
static void
test_candidate_of_priority_zero_gives_up(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_become_candidate(&core);
	timings.priority = 0;
	assert_int_equal(core_reconfigure(&core, &timings), RAFT_OK);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

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

/* Trap 31: duels of equal timers end, as the spread of retries grows. */
static void
test_retries_spread_more_and_more(void **state)
{
	Core		core;
	uint64_t	waits[8];
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	for (i = 0; i < 8; i++)
	{
		uint64_t	failed_ns;

		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		waits[i] = core.now_ns - failed_ns;
		assert_true(waits[i] >= MS(20));
		assert_true(waits[i] <= MS(20) + (MS(70) << (i < 5 ? i : 5)));
		if (greatest < waits[i])
			greatest = waits[i];
	}
	assert_true(greatest > MS(100));
	core_free(&core);
}

/* Nor does it ever grow beyond the longest timeout. */
static void
test_retries_stay_within_the_longest_timeout(void **state)
{
	Core		core;
	int			i;

	(void) state;
	core_start_member(&core, 0, 3, 5);

	/* A slow disk makes for long steps between the timers. */
	core.write_ns = MS(400);
	core_heartbeat(&core, 1, 6, 1);
	for (i = 0; i < 40; i++)
	{
		uint64_t	failed_ns;

		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns - failed_ns <= TIMEOUT_MAX_NS + 2 * MS(150));
	}
	core_free(&core);
}

/* With long timeouts a fiftieth of the least one is the spread to begin with. */
static void
test_retries_spread_with_long_timeouts(void **state)
{
	uint64_t	greatest = 0;
	int			i;

	(void) state;
	for (i = 0; i < 50; i++)
	{
		Core		core;
		RaftTimings timings = core_timings();
		uint64_t	failed_ns;

		timings.election_timeout_min_ns = SECONDS(20);
		timings.election_timeout_max_ns = SECONDS(30);
		core_start_member(&core, 0, 3, 5);
		core.draw = (uint64_t) i * 12345;
		core_reconfigure(&core, &timings);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core_run_until_role(&core, RAFT_FOLLOWER);
		failed_ns = core.now_ns;
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		assert_true(core.now_ns - failed_ns >= MS(20));
		assert_true(core.now_ns - failed_ns <= MS(420));
		if (greatest < core.now_ns - failed_ns)
			greatest = core.now_ns - failed_ns;
		core_free(&core);
	}
	assert_true(greatest > MS(300));
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

/* Nor when a leader that it has heard is gone; it waits, and goes on waiting. */
static void
test_priority_zero_outwaits_its_leader(void **state)
{
	Core		core;
	RaftTimings timings = core_timings();

	(void) state;
	core_start_member(&core, 0, 3, 5);
	timings.priority = 0;
	core_reconfigure(&core, &timings);
	core_heartbeat(&core, 1, 5, 1);
	core_run_until(&core, core.now_ns + TIMEOUT_MAX_NS);
	assert_int_equal(core_view(&core).leader_id, RAFT_NO_NODE);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_run_until(&core, core.now_ns + SECONDS(20));
	assert_int_equal(raft_counters(core.raft)->pre_votes_begun, 0);
	core_free(&core);
}

/* ----------
 * Refusals
 * ----------
 */

/* A refusal for that reason, a promise or a silence, which lasts that long. */
static void
refuse_for_a_time(Core *core, int32_t from, RaftRefusal reason,
				  uint64_t length_ns)
{
	RaftMessage refusal = core_answer(core, from, false);

	refusal.refusal = reason;
	refusal.promise_ns = length_ns;
	core_receive(core, &refusal);
}

/* Either reason, of which each test shall hold. */
static const RaftRefusal for_a_time[] = {
	RAFT_REFUSAL_PROMISED, RAFT_REFUSAL_SILENT
};

/* As soon as a majority has become impossible, and not a refusal earlier. */
static void
test_round_fails_when_too_many_refuse(void **state)
{
	RaftRole	phase;
	int32_t		node_count;

	(void) state;
	for (phase = RAFT_PRE_CANDIDATE; phase <= RAFT_CANDIDATE; phase++)
	{
		for (node_count = 2; node_count <= 7; node_count++)
		{
			Core		core;
			int32_t		i;
			uint64_t	failed_ns;

			core_start_member(&core, 0, node_count, 5);
			if (phase == RAFT_PRE_CANDIDATE)
				core_run_until_role(&core, RAFT_PRE_CANDIDATE);
			else
				core_become_candidate(&core);
			for (i = 1; node_count - i >= node_count / 2 + 1; i++)
			{
				core_refuse(&core, i, 5, RAFT_REFUSAL_VOTED);

				/* A second copy is not a second node. */
				core_refuse(&core, i, 5, RAFT_REFUSAL_VOTED);
				assert_int_equal(core_view(&core).role, phase);
				assert_int_equal(raft_counters(core.raft)->rounds_failed, 0);
			}
			core_refuse(&core, i, 5, RAFT_REFUSAL_VOTED);
			assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
			assert_int_equal(core_view(&core).role_reason,
							 RAFT_REASON_ROUND_FAILED);
			assert_int_equal(raft_counters(core.raft)->rounds_failed, 1);

			/* The next try follows as after any other that failed. */
			failed_ns = core.now_ns;
			core_run_until_role(&core, RAFT_PRE_CANDIDATE);
			assert_true(core.now_ns - failed_ns >= MS(20));
			assert_true(core.now_ns - failed_ns <= MS(20) + MS(60));
			core_free(&core);
		}
	}
}

static void
test_every_reason_to_refuse_counts(void **state)
{
	RaftRefusal refusal;

	(void) state;
	for (refusal = RAFT_REFUSAL_TERM; refusal <= RAFT_REFUSAL_LAST; refusal++)
	{
		Core		core;

		if (refusal == RAFT_REFUSAL_PROMISED || refusal == RAFT_REFUSAL_SILENT)
			continue;
		core_start_member(&core, 0, 3, 5);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		core_refuse(&core, 1, 5, refusal);
		assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
		core_refuse(&core, 2, 5, refusal);
		assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
		core_free(&core);
	}
}

/* Who has granted cannot take it back; a late refusal was another request's. */
static void
test_refusal_after_a_grant_does_not_count(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_grant(&core, 1);
	core_refuse(&core, 1, 5, RAFT_REFUSAL_STORAGE);
	assert_int_equal(core_peer(&core, 1).refusal, RAFT_REFUSAL_NONE);
	core_refuse(&core, 2, 5, RAFT_REFUSAL_STORAGE);
	core_refuse(&core, 3, 5, RAFT_REFUSAL_STORAGE);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	core_refuse(&core, 4, 5, RAFT_REFUSAL_STORAGE);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	core_free(&core);
}

/* Whoever refused may grant after all; then nothing speaks against it. */
static void
test_grant_after_a_refusal_counts(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_refuse(&core, 1, 5, RAFT_REFUSAL_STORAGE);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/* Refusals of a pre-vote do not count against the candidacy that follows. */
static void
test_refusals_of_the_pre_vote_do_not_count_for_the_vote(void **state)
{
	Core		core;
	RaftMessage late;

	(void) state;
	core_start_member(&core, 0, 5, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_refuse(&core, 1, 5, RAFT_REFUSAL_STORAGE);
	core_refuse(&core, 2, 5, RAFT_REFUSAL_STORAGE);
	late = core_answer(&core, 1, false);
	late.refusal = RAFT_REFUSAL_STORAGE;
	core_grant(&core, 3);
	core_grant(&core, 4);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	assert_int_equal(core_peer(&core, 1).refusal, RAFT_REFUSAL_NONE);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, 1), 1);
	core_receive(&core, &late);
	core_refuse(&core, 3, 6, RAFT_REFUSAL_VOTED);
	core_refuse(&core, 4, 6, RAFT_REFUSAL_VOTED);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);
	core_free(&core);
}

/* A refusal that tells a higher term ends the round by that, once. */
static void
test_refusal_of_a_higher_term_is_no_failed_round(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 2, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	core_refuse(&core, 1, 9, RAFT_REFUSAL_TERM);
	assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
	assert_int_equal(core.disk.term, 9);
	assert_int_equal(raft_counters(core.raft)->rounds_failed, 0);
	core_free(&core);
}

/* Not before, as it would be in vain; but then at once. */
static void
ask_again_when_it_is_free(RaftRefusal reason)
{
	Core		core;
	uint64_t	refused_ns;

	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	refused_ns = core.now_ns;
	refuse_for_a_time(&core, 1, reason, MS(61));
	refuse_for_a_time(&core, 2, reason, MS(91));
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_peer(&core, 1).refusal, reason);
	core_run_until(&core, refused_ns + MS(61) - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, ANYBODY), 0);

	/* Requests are resent every 5 ms. */
	core_run_until(&core, refused_ns + MS(66));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 2), 0);
	assert_int_equal(core_peer(&core, 1).refusal, RAFT_REFUSAL_NONE);
	assert_int_equal(core_peer(&core, 2).refusal, reason);
	core_grant(&core, 1);
	assert_int_equal(core_view(&core).role, RAFT_CANDIDATE);

	/* The same in the candidacy proper. */
	refused_ns = core.now_ns;
	refuse_for_a_time(&core, 2, reason, MS(31));
	core_run_until(&core, refused_ns + MS(31) - 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, 2), 0);
	assert_true(core_count_sent(&core, RAFT_MESSAGE_VOTE, 1) >= 5);
	core_run_until(&core, refused_ns + MS(36));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_VOTE, 2), 1);
	core_free(&core);
}

static void
test_promised_voter_is_asked_again_when_it_is_free(void **state)
{
	(void) state;
	ask_again_when_it_is_free(RAFT_REFUSAL_PROMISED);
}

static void
test_silent_voter_is_asked_again_when_it_speaks(void **state)
{
	(void) state;
	ask_again_when_it_is_free(RAFT_REFUSAL_SILENT);
}

/* One whose promise or silence outlasts the round is as good as lost for it. */
static void
test_promise_that_outlasts_the_round(void **state)
{
	Core		core;
	int			kind;
	int			within;

	(void) state;
	for (kind = 0; kind <= 1; kind++)
	{
		RaftRefusal reason = for_a_time[kind];

		for (within = 0; within <= 1; within++)
		{
			core_start_member(&core, 0, 3, 5);
			core_run_until_role(&core, RAFT_PRE_CANDIDATE);
			refuse_for_a_time(&core, 1, reason, MS(120) - (within ? 1 : 0));
			assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
			refuse_for_a_time(&core, 2, reason, MS(120));
			assert_int_equal(core_view(&core).role,
							 within ? RAFT_PRE_CANDIDATE : RAFT_FOLLOWER);
			core_free(&core);
		}

		/* However long it is said to be. */
		core_start_member(&core, 0, 3, 5);
		core_run_until_role(&core, RAFT_PRE_CANDIDATE);
		refuse_for_a_time(&core, 1, reason, UINT64_MAX);
		refuse_for_a_time(&core, 2, reason, UINT64_MAX);
		assert_int_equal(core_view(&core).role, RAFT_FOLLOWER);
		core_free(&core);
	}
}

/* One that is over when the refusal arrives: it is asked in its turn. */
static void
test_promise_that_is_over(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_run_until_role(&core, RAFT_PRE_CANDIDATE);
	refuse_for_a_time(&core, 1, RAFT_REFUSAL_PROMISED, 0);
	refuse_for_a_time(&core, 2, RAFT_REFUSAL_SILENT, 0);
	assert_int_equal(core_view(&core).role, RAFT_PRE_CANDIDATE);
	assert_int_equal(core.sent_count, 0);
	core_run_until(&core, core.now_ns + MS(5));
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 1), 1);
	assert_int_equal(core_count_sent(&core, RAFT_MESSAGE_PRE_VOTE, 2), 1);
	core_free(&core);
}

/* The voter tells for how long: its side of it. */
static void
test_refusal_tells_what_is_left_of_the_promise(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core.now_ns += MS(300);
	core_ask_pre_vote(&core, 2, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 2,
							 RAFT_REFUSAL_PROMISED));
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 2)->promise_ns,
					 PROMISE_NS - MS(300));
	core.now_ns += MS(300);
	core_ask_vote(&core, 2, 6);
	assert_int_equal(core_sent(&core, VOTE_REPLY, 2)->promise_ns,
					 PROMISE_NS - MS(600));

	/* Of other refusals there is nothing to tell. */
	core_ask_vote(&core, 2, 4);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_TERM));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 2)->promise_ns, 0);
	core_free(&core);
}

static void
test_refusal_tells_what_is_left_of_the_silence(void **state)
{
	Core		core;

	(void) state;
	core_start_member(&core, 0, 3, 5);
	core_heartbeat(&core, 1, 5, 1);
	core_restart(&core, MS(50));
	core_meet_peers(&core);
	core.now_ns += MS(300);
	core_ask_pre_vote(&core, 2, 6);
	assert_true(core_refused(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 2,
							 RAFT_REFUSAL_SILENT));
	assert_int_equal(core_sent(&core, RAFT_MESSAGE_PRE_VOTE_REPLY, 2)->promise_ns,
					 PROMISE_NS - MS(300));
	core.now_ns += MS(550) - 1;
	core_ask_vote(&core, 2, 6);
	assert_true(core_refused(&core, VOTE_REPLY, 2, RAFT_REFUSAL_SILENT));
	assert_int_equal(core_sent(&core, VOTE_REPLY, 2)->promise_ns, 1);
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
		cmocka_unit_test(test_election_timeout_is_drawn_between_its_bounds),
		cmocka_unit_test(test_heartbeats_put_off_the_election),
		cmocka_unit_test(test_promised_node_does_not_campaign),
		cmocka_unit_test(test_reload_brings_a_far_timer_forward),
		cmocka_unit_test(test_reload_never_puts_a_timer_off),
		cmocka_unit_test(test_reload_keeps_the_promise),
		cmocka_unit_test(test_priority_zero_votes_but_does_not_campaign),
		cmocka_unit_test(test_candidate_of_priority_zero_gives_up),
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
		cmocka_unit_test(test_retries_spread_more_and_more),
		cmocka_unit_test(test_retries_stay_within_the_longest_timeout),
		cmocka_unit_test(test_retries_spread_with_long_timeouts),
		cmocka_unit_test(test_nonce_is_not_zero),
		cmocka_unit_test(test_lost_elections_are_counted),
		cmocka_unit_test(test_other_writes_during_a_candidacy),
		cmocka_unit_test(test_priority_zero_outwaits_its_leader),
		cmocka_unit_test(test_round_fails_when_too_many_refuse),
		cmocka_unit_test(test_every_reason_to_refuse_counts),
		cmocka_unit_test(test_refusal_after_a_grant_does_not_count),
		cmocka_unit_test(test_grant_after_a_refusal_counts),
		cmocka_unit_test(test_refusals_of_the_pre_vote_do_not_count_for_the_vote),
		cmocka_unit_test(test_refusal_of_a_higher_term_is_no_failed_round),
		cmocka_unit_test(test_promised_voter_is_asked_again_when_it_is_free),
		cmocka_unit_test(test_silent_voter_is_asked_again_when_it_speaks),
		cmocka_unit_test(test_refusal_tells_what_is_left_of_the_silence),
		cmocka_unit_test(test_promise_that_outlasts_the_round),
		cmocka_unit_test(test_promise_that_is_over),
		cmocka_unit_test(test_refusal_tells_what_is_left_of_the_promise),
		cmocka_unit_test(test_single_node_with_a_slow_disk),
		cmocka_unit_test(test_failed_round_probes),
		cmocka_unit_test(test_one_node_elects_itself),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
