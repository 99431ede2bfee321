/*-------------------------------------------------------------------------
 *
 * test_diagnosis.c
 *		Unit tests of the words for what keeps a node from being counted.
 *
 * If this broke, an operator would be told something that does not hold any
 * more, or not what it takes to have a leader again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "diagnosis.h"

#define NOW_NS		(1000 * NS_PER_S)
#define SELF		0
#define NODES		3

static RaftView view;
static RaftPeerView peers[NODES];

/* The server frees what diagnosis.c allocates, with the memory's context. */
extern const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* A member that hears its peers, all members, and knows no leader. */
static int
set_up(void **state)
{
	memset(&view, 0, sizeof(view));
	view.standing = RAFT_MEMBER;
	view.leader_id = RAFT_NO_NODE;
	view.rumoured_leader_id = RAFT_NO_NODE;
	view.quorum = 2;
	view.timings.heartbeat_interval_ns = 100 * NS_PER_MS;
	view.timings.priority = 100;
	memset(peers, 0, sizeof(peers));
	for (int id = 0; id < NODES; id++)
	{
		peers[id].standing = RAFT_MEMBER;
		peers[id].priority = 100;
		if (id != SELF)
			peers[id].last_heard_ns = NOW_NS - NS_PER_S;
	}
	peers[SELF].priority = -1;
	return 0;
}

static const char *
diagnose(void)
{
	static StringInfoData text;

	initStringInfo(&text);
	(void) diagnosis_self(&text, &view, peers, NODES, NOW_NS);
	return text.data;
}

static void
make_amnesiac(void)
{
	view.standing = RAFT_AMNESIAC;
	view.amnesia = RAFT_AMNESIA_RECORD;
	view.recover_at_ns = NOW_NS;
	peers[1].awaited = true;
}

static void
test_nothing_to_be_told(void **state)
{
	assert_string_equal(diagnose(), "");
}

static void
test_former_leader(void **state)
{
	view.draining = true;
	assert_string_equal(diagnose(),
						"this node gave up leadership and lets others go first");

	/* It has no turn to wait for. */
	make_amnesiac();
	assert_null(strstr(diagnose(), "lets others go first"));
}

static void
test_amnesiac_that_waits(void **state)
{
	make_amnesiac();
	assert_string_equal(diagnose(),
						"this node neither votes nor leads: state lost; it waits for the term of node 1");
	peers[1].last_heard_ns = NOW_NS - 12 * NS_PER_S;
	assert_string_equal(diagnose(),
						"this node neither votes nor leads: state lost; it waits for the term of node 1 (silent for 12.0 s)");
}

static void
test_amnesiacs_that_wait_for_each_other(void **state)
{
	make_amnesiac();
	peers[1].standing = RAFT_AMNESIAC;
	assert_string_equal(diagnose(),
						"this node neither votes nor leads: state lost; it waits for the term of node 1 (has lost its state); of nodes that have lost their state and wait for each other, one needs pg_leader_forget_state()");

	/* Of one that is silent now, nobody knows. */
	peers[1].last_heard_ns = NOW_NS - 12 * NS_PER_S;
	assert_null(strstr(diagnose(), "pg_leader_forget_state"));
}

static void
test_amnesiac_that_is_alone(void **state)
{
	make_amnesiac();
	view.recover_at_ns = 0;
	assert_string_equal(diagnose(),
						"this node neither votes nor leads: state lost; no other node can tell it the term: it needs pg_leader_forget_state()");
}

static void
test_priority_of_zero(void **state)
{
	view.timings.priority = 0;
	assert_string_equal(diagnose(),
						"this node does not lead: its priority is 0");
	peers[1].priority = 0;
	assert_string_equal(diagnose(),
						"this node does not lead: its priority is 0");

	/* The one that may lead is not heard. */
	peers[2].last_heard_ns = NOW_NS - 12 * NS_PER_S;
	assert_string_equal(diagnose(),
						"this node does not lead: its priority is 0, as that of every node that it hears");

	/* It hears nobody. */
	peers[1].last_heard_ns = 0;
	assert_string_equal(diagnose(),
						"this node does not lead: its priority is 0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_to_be_told, set_up),
		cmocka_unit_test_setup(test_former_leader, set_up),
		cmocka_unit_test_setup(test_amnesiac_that_waits, set_up),
		cmocka_unit_test_setup(test_amnesiacs_that_wait_for_each_other, set_up),
		cmocka_unit_test_setup(test_amnesiac_that_is_alone, set_up),
		cmocka_unit_test_setup(test_priority_of_zero, set_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
