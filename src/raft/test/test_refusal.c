/*-------------------------------------------------------------------------
 *
 * test_refusal.c
 *		Refusals: when they end a candidacy, whom to ask again and when, and what
 *		they tell.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_fails_when_too_many_refuse),
		cmocka_unit_test(test_every_reason_to_refuse_counts),
		cmocka_unit_test(test_refusal_after_a_grant_does_not_count),
		cmocka_unit_test(test_grant_after_a_refusal_counts),
		cmocka_unit_test(test_refusals_of_the_pre_vote_do_not_count_for_the_vote),
		cmocka_unit_test(test_refusal_of_a_higher_term_is_no_failed_round),
		cmocka_unit_test(test_promised_voter_is_asked_again_when_it_is_free),
		cmocka_unit_test(test_silent_voter_is_asked_again_when_it_speaks),
		cmocka_unit_test(test_promise_that_outlasts_the_round),
		cmocka_unit_test(test_promise_that_is_over),
		cmocka_unit_test(test_refusal_tells_what_is_left_of_the_promise),
		cmocka_unit_test(test_refusal_tells_what_is_left_of_the_silence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
