/*-------------------------------------------------------------------------
 *
 * test_ranges.c
 *		Tests of the ranges of a datagram's fields, on both sides of each
 *		boundary: what breaks one is neither taken nor sent.
 *
 *-------------------------------------------------------------------------
 */
#include "wire_fixture.h"

/* Offsets as documented in wire.h; written out, lest they follow the code. */
#define AT_TYPE				5
#define AT_FLAGS			6
#define AT_STANDING			7
#define AT_ROLE				8
#define AT_REFUSAL			9
#define AT_RANK				14
#define AT_FROM_SESSION		32
#define AT_TERM				48
#define AT_SUBJECT_TERM		56
#define AT_PROMISE			80
#define AT_TOKEN_TERM		96
#define AT_KNOWN_LEADER_TERM	104
#define AT_TOKEN_LEADER		140
#define AT_SUCCESSOR		142
#define AT_KNOWN_LEADER		144
#define AT_PRIORITY			146
#define AT_FILLER			150
#define AT_MEMBERSHIP		168

/* A plain datagram from node 1 to node 0 of three. */
static void
make_datagram(uint8_t *datagram)
{
	WireConfig	config = make_plain_config(1, 3);
	RaftMessage message = make_message(RAFT_MESSAGE_HEARTBEAT);

	assert_true(wire_encode(&config, &message, 5, datagram));
}

/* One field of a HEARTBEAT set to a value. */
typedef struct RangeCase
{
	int			offset;
	int			size;
	uint64_t	value;
	bool		is_valid;
} RangeCase;

/* Both sides of each boundary, for a cluster of three nodes. */
static void
test_ranges(void **state)
{
	static const RangeCase cases[] = {
		{AT_TYPE, 1, 0, false},
		{AT_TYPE, 1, RAFT_MESSAGE_PRE_VOTE, true},
		{AT_TYPE, 1, RAFT_MESSAGE_TERM_REPORT, true},
		{AT_TYPE, 1, RAFT_MESSAGE_TERM_REPORT + 1, false},
		{AT_TYPE, 1, 0xff, false},
		{AT_FLAGS, 1, RAFT_FLAG_SILENT | RAFT_FLAG_LEADER, true},
		{AT_FLAGS, 1, RAFT_FLAG_GRANTED, false},
		{AT_FLAGS, 1, RAFT_FLAG_HAS_TOKEN, false},
		{AT_FLAGS, 1, RAFT_FLAG_UNFIT, true},
		{AT_FLAGS, 1, 0x20, false},
		{AT_FLAGS, 1, 0x80, false},
		{AT_STANDING, 1, RAFT_AMNESIAC, true},
		{AT_STANDING, 1, RAFT_AMNESIAC + 1, false},
		{AT_STANDING, 1, 0xff, false},
		{AT_ROLE, 1, RAFT_LEADER, true},
		{AT_ROLE, 1, RAFT_LEADER + 1, false},
		{AT_ROLE, 1, 0xff, false},
		{AT_REFUSAL, 1, RAFT_REFUSAL_TERM, false},
		{AT_RANK, 2, 0xffff, true},
		{AT_RANK, 2, 0, true},
		{AT_RANK, 2, 2, true},
		{AT_RANK, 2, 3, false},
		{AT_RANK, 2, 0xfffe, false},
		{AT_RANK, 2, 0x8000, false},
		{AT_FROM_SESSION, 8, 0, false},
		{AT_FROM_SESSION, 8, 1, true},
		{AT_FROM_SESSION, 8, UINT64_MAX, true},
		{AT_TERM, 8, RAFT_TERM_LIMIT - 1, true},
		{AT_TERM, 8, RAFT_TERM_LIMIT, false},
		{AT_SUBJECT_TERM, 8, RAFT_TERM_LIMIT - 1, true},
		{AT_SUBJECT_TERM, 8, RAFT_TERM_LIMIT, false},
		{AT_KNOWN_LEADER_TERM, 8, RAFT_TERM_LIMIT - 1, true},
		{AT_KNOWN_LEADER_TERM, 8, RAFT_TERM_LIMIT, false},
		{AT_PROMISE, 8, RAFT_MAX_PROMISE_NS, true},
		{AT_PROMISE, 8, RAFT_MAX_PROMISE_NS + 1, false},
		{AT_PROMISE, 8, UINT64_MAX, false},
		{AT_SUCCESSOR, 2, 0xffff, true},
		{AT_SUCCESSOR, 2, 2, true},
		{AT_SUCCESSOR, 2, 3, false},
		{AT_SUCCESSOR, 2, 0xfffe, false},
		{AT_KNOWN_LEADER, 2, 0xffff, true},
		{AT_KNOWN_LEADER, 2, 2, true},
		{AT_KNOWN_LEADER, 2, 3, false},
		{AT_KNOWN_LEADER, 2, 0xfffe, false},
		{AT_PRIORITY, 2, 1000, true},
		{AT_PRIORITY, 2, 1001, false},
		{AT_PRIORITY, 2, 0xffff, false},
		{AT_TOKEN_LEADER, 2, 0, false},
		{AT_TOKEN_TERM, 8, 1, false},
		{AT_FILLER, 2, 0xffff, true},
		{AT_MEMBERSHIP, 8, UINT64_MAX, true},
		{AT_MEMBERSHIP + 8, 8, UINT64_MAX, true}
	};
	WireConfig	receiver = make_plain_config(0, 3);
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const RangeCase *c = &cases[i];
		RaftMessage received;
		uint8_t		d[WIRE_DATAGRAM_SIZE];
		WireDrop	expected = c->is_valid ? WIRE_OK : WIRE_DROP_MALFORMED;
		WireDrop	drop;

		make_datagram(d);
		patch_number(d, c->offset, c->size, c->value);
		drop = decode(&receiver, d, sizeof(d), &received);
		if (drop != expected)
			fail_msg("offset %d, value %#llx: got \"%s\"", c->offset,
					 (unsigned long long) c->value, wire_drop_name(drop));
	}
}

/* Grants and refusals belong to the two vote replies, one at a time. */
static void
test_grants_and_refusals(void **state)
{
	WireConfig	receiver = make_plain_config(0, 3);
	int			type;
	int			granted;
	int			refusal;

	(void) state;
	for (type = RAFT_MESSAGE_TYPE_FIRST;
		 type <= RAFT_MESSAGE_TYPE_LAST; type++)
	{
		bool		is_reply = (type == RAFT_MESSAGE_PRE_VOTE_REPLY ||
								type == RAFT_MESSAGE_VOTE_REPLY);

		for (granted = 0; granted <= 1; granted++)
		{
			for (refusal = 0; refusal <= RAFT_REFUSAL_LAST + 1; refusal++)
			{
				bool		is_refused = refusal != RAFT_REFUSAL_NONE;
				bool		is_valid = (refusal <= RAFT_REFUSAL_LAST &&
										!(granted && is_refused) &&
										(is_reply ||
										 !(granted || is_refused)));
				RaftMessage received;
				uint8_t		d[WIRE_DATAGRAM_SIZE];

				make_datagram(d);
				d[AT_TYPE] = (uint8_t) type;
				d[AT_FLAGS] = granted ? RAFT_FLAG_GRANTED : 0;
				d[AT_REFUSAL] = (uint8_t) refusal;
				assert_int_equal(decode(&receiver, d, sizeof(d), &received),
								 is_valid ? WIRE_OK : WIRE_DROP_MALFORMED);
			}
		}
	}
}

/* A release token is there wholly or not at all. */
static void
test_token(void **state)
{
	static const struct
	{
		bool		has_token;
		int32_t		leader;
		uint64_t	term;
		bool		is_valid;
	}			cases[] =
	{
		{false, RAFT_NO_NODE, 0, true},
		{false, RAFT_NO_NODE, 9, false},
		{false, 1, 0, false},
		{false, 1, 9, false},
		{true, 0, 1, true},
		{true, 2, RAFT_TERM_LIMIT - 1, true},
		{true, 2, RAFT_TERM_LIMIT, false},
		{true, 2, 0, false},
		{true, 3, 9, false},
		{true, RAFT_NO_NODE, 9, false}
	};
	WireConfig	sender = make_plain_config(1, 3);
	WireConfig	receiver = make_plain_config(0, 3);
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		RaftMessage m = make_message(RAFT_MESSAGE_VOTE);
		RaftMessage received;
		uint8_t		d[WIRE_DATAGRAM_SIZE];

		make_datagram(d);
		d[AT_TYPE] = RAFT_MESSAGE_VOTE;
		d[AT_FLAGS] = cases[i].has_token ? RAFT_FLAG_HAS_TOKEN : 0;
		patch_number(d, AT_TOKEN_LEADER, 2, (uint32_t) cases[i].leader);
		patch_number(d, AT_TOKEN_TERM, 8, cases[i].term);
		assert_int_equal(decode(&receiver, d, sizeof(d), &received),
						 cases[i].is_valid ? WIRE_OK : WIRE_DROP_MALFORMED);

		/* and what would be refused is not sent */
		m.flags = cases[i].has_token ? RAFT_FLAG_HAS_TOKEN : 0;
		m.token_leader = cases[i].leader;
		m.token_term = cases[i].term;
		assert_int_equal(wire_encode(&sender, &m, 1, d), cases[i].is_valid);
	}
}

/* A value that does not fit is refused, never cut off to one that does. */
static void
test_encode_refuses(void **state)
{
	WireConfig	sender = make_plain_config(1, 3);
	RaftMessage good = make_message(RAFT_MESSAGE_HEARTBEAT);
	RaftMessage m = good;
	uint8_t		d[WIRE_DATAGRAM_SIZE];

	(void) state;
	assert_true(wire_encode(&sender, &m, 1, d));
	assert_false(wire_encode(&sender, &m, 0, d));
	m.from = 2;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.to = 1;
	assert_false(wire_encode(&sender, &m, 1, d));
	m.to = 3;
	assert_false(wire_encode(&sender, &m, 1, d));
	m.to = RAFT_NO_NODE;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.rank = 0x10000;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.successor = 0x10001;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.priority = 0x10000;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.type = (RaftMessageType) (0x100 + RAFT_MESSAGE_VOTE);
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.standing = (RaftStanding) 0x100;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.from_session = 0;
	assert_false(wire_encode(&sender, &m, 1, d));
	m = good;
	m.promise_ns = RAFT_MAX_PROMISE_NS + 1;
	assert_false(wire_encode(&sender, &m, 1, d));
	sender.node_id = 3;
	m = good;
	m.from = 3;
	assert_false(wire_encode(&sender, &m, 1, d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_grants_and_refusals),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_encode_refuses)
	};

	begin_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
