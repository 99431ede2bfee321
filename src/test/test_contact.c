/*-------------------------------------------------------------------------
 *
 * test_contact.c
 *		Unit tests of who is lost and who is back.
 *
 * If this broke, the log would not tell that a peer has fallen silent, or
 * would be full of a link that flaps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "contact.h"
#include "diagnosis.h"

#define SELF		0
#define PEER		1
#define SILENT		2			/* never says anything */
#define START_NS	(1000 * NS_PER_S)
#define LIMIT_NS	(3 * NS_PER_S)

static RaftNode *node;
static Contact contact;
static uint64 now_ns;
static uint64 nonce;

/* Forget what the node wants to be done: nobody does it. */
static void
drain(void)
{
	RaftDurable durable;
	RaftMessage message;
	RaftEvent	event;

	while (raft_ready(node, &durable))
		raft_persisted(node, now_ns, 0, 0);
	while (raft_next_event(node, &event))
		;
	while (raft_next_message(node, &message))
		;
}

static int
set_up(void **state)
{
	RaftConfig	config = {
		.node_id = SELF,
		.node_count = 3,
		.session = 1,
		.timings = {
			.heartbeat_interval_ns = 100 * NS_PER_MS,
			.election_timeout_min_ns = 1000 * NS_PER_MS,
			.election_timeout_max_ns = 1500 * NS_PER_MS,
			.priority = 100
		}
	};
	RaftDurable durable = {
		.term = 5,
		.vote = RAFT_VOTE_NONE,
		.generation = 1,
		.standing = RAFT_MEMBER
	};

	now_ns = START_NS;
	nonce = 0;
	node = calloc(1, raft_node_size());
	assert_non_null(node);
	assert_int_equal(raft_init(node, &config, &durable, true, now_ns, 0),
					 RAFT_OK);
	drain();
	contact_begin(&contact, SELF, 3, now_ns);
	return 0;
}

static int
tear_down(void **state)
{
	free(node);
	return 0;
}

/* Something comes from the peer. */
static void
hear(void)
{
	RaftMessage message = {
		.type = RAFT_MESSAGE_PROBE,
		.from = PEER,
		.to = SELF,
		.from_session = 7,
		.to_session = 1,
		.term = 5,
		.nonce = ++nonce,
		.rank = RAFT_NO_RANK,
		.token_leader = RAFT_NO_NODE,
		.successor = RAFT_NO_NODE,
		.known_leader = RAFT_NO_NODE,
		.generation = 1,
		.standing = RAFT_MEMBER,
		.priority = 100
	};

	contact_heard(&contact, PEER);
	assert_int_equal(raft_receive(node, &message, now_ns, 0), RAFT_OK);
	drain();
}

/* The next change of that peer, if there is one now; of others, none counts. */
static bool
next_change(int32 peer_id, ContactChange *change)
{
	bool		found = false;
	ContactChange next;

	while (contact_next_change(&contact, node, now_ns, &next))
	{
		if (next.peer_id != peer_id)
			continue;
		assert_false(found);
		found = true;
		*change = next;
	}
	return found;
}

/* Let time pass; the peer is heard every second, or not. */
static bool
pass(uint64 duration_ns, bool is_heard, ContactChange *change)
{
	uint64		end_ns = now_ns + duration_ns;
	bool		found = false;

	while (now_ns < end_ns)
	{
		now_ns += NS_PER_S / 2;
		if (is_heard)
			hear();
		found |= next_change(PEER, change);
	}
	return found;
}

static void
test_peer_that_is_heard_makes_no_change(void **state)
{
	ContactChange change;

	hear();
	assert_false(pass(100 * NS_PER_S, true, &change));
}

static void
test_lost_and_back(void **state)
{
	ContactChange change;

	hear();
	assert_false(pass(LIMIT_NS, false, &change));
	assert_true(pass(NS_PER_S, false, &change));
	assert_int_equal(change.event, CONTACT_LOST);
	assert_false(change.is_first);
	assert_true(change.is_worth_line);
	assert_true(change.silent_ns > LIMIT_NS &&
				change.silent_ns <= LIMIT_NS + NS_PER_S);

	/* That is told once. */
	assert_false(pass(100 * NS_PER_S, false, &change));

	/* What comes from it is noticed at once. */
	now_ns += 1;
	hear();
	assert_true(next_change(PEER, &change));
	assert_int_equal(change.event, CONTACT_BACK);
	assert_true(change.is_worth_line);
	assert_int_equal(change.silent_ns, now_ns - START_NS);
	assert_false(next_change(PEER, &change));
}

static void
test_peer_that_was_never_heard(void **state)
{
	ContactChange change;

	now_ns = START_NS + LIMIT_NS;
	assert_false(next_change(SILENT, &change));
	now_ns += NS_PER_S;
	assert_true(next_change(SILENT, &change));
	assert_int_equal(change.event, CONTACT_LOST);
	assert_true(change.is_first);
	assert_int_equal(change.silent_ns, LIMIT_NS + NS_PER_S);
	now_ns += 100 * NS_PER_S;
	assert_false(next_change(SILENT, &change));

	/* The first time that it is heard is not "again". */
	assert_true(contact.peers[PEER].is_lost);
	hear();
	assert_true(next_change(PEER, &change));
	assert_int_equal(change.event, CONTACT_BACK);
	assert_true(change.is_first);
	now_ns += LIMIT_NS + 1;
	assert_true(next_change(PEER, &change));
	assert_false(change.is_first);
}

/* A few lines, then losses that are over soon are counted. */
static void
test_flapping_link(void **state)
{
	ContactChange change;
	int			lines = 0;
	int			losses = 0;
	int			told = 0;

	hear();
	while (now_ns < START_NS + 10 * CONTACT_LINES_NS)
	{
		bool		was_told;

		assert_true(pass(LIMIT_NS + NS_PER_S, false, &change));
		assert_int_equal(change.event, CONTACT_LOST);
		losses++;
		was_told = change.is_worth_line;
		if (was_told)
		{
			lines++;
			told += 1 + (int) change.untold;
		}
		assert_true(pass(NS_PER_S, true, &change));
		assert_int_equal(change.event, CONTACT_BACK);

		/* A loss that was not told does not end in the log. */
		assert_int_equal(change.is_worth_line, was_told);
	}
	assert_true(losses > 100);
	assert_true(lines <= 11 * CONTACT_LINES);
	assert_true(lines >= 9 * CONTACT_LINES);
	assert_true(told <= losses && losses - told < 12);

	/* One that lasts is told as soon as there may be a line. */
	while (!(pass(LIMIT_NS + NS_PER_S, false, &change) && !change.is_worth_line))
		assert_true(pass(NS_PER_S, true, &change));
	assert_true(pass(CONTACT_LINES_NS, false, &change));
	assert_int_equal(change.event, CONTACT_STILL_LOST);
	assert_true(change.is_worth_line);
	assert_true(pass(NS_PER_S, true, &change));
	assert_int_equal(change.event, CONTACT_BACK);
	assert_true(change.is_worth_line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_peer_that_is_heard_makes_no_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_peer_that_was_never_heard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flapping_link, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
