/*-------------------------------------------------------------------------
 *
 * test_contract.c
 *		The contract with the owner of a node: what raft_init() accepts, an owner
 *		that does not drain or confirms what was not asked, copies of a node.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"
#include <stdlib.h>
#include <string.h>

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
		cmocka_unit_test(test_init_refuses_what_is_out_of_range),
		cmocka_unit_test(test_rings_are_bounded),
		cmocka_unit_test(test_unasked_confirmations),
		cmocka_unit_test(test_copy_of_a_node_goes_on_alike),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
