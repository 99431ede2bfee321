/*-------------------------------------------------------------------------
 *
 * test_wire.c
 *		Tests of the datagram layout: what is sent arrives, and nothing else
 *		is taken for a message.
 *
 *-------------------------------------------------------------------------
 */
#include "wire_fixture.h"

/* Offsets as documented in wire.h; written out, lest they follow the code. */
#define AT_VERSION			4
#define AT_TYPE				5
#define AT_FROM				10
#define AT_TO				12
#define AT_FINGERPRINT		16
#define AT_FILLER			150
#define AT_MEMBERSHIP		168
#define AT_TAG				192

#define ROUND_TRIPS			50000
#define GARBLED_DATAGRAMS	50000

/* What the tag callbacks were asked, and how they are to behave. */
typedef struct TagProbe
{
	uint64_t	key;
	bool		fails;
	int			calls;
	size_t		length;			/* of the last call */
} TagProbe;

/* A number below the limit, often at its edges. */
static uint64_t
draw_edgy(uint64_t limit)
{
	switch (draw_below(4))
	{
		case 0:
			return 0;
		case 1:
			return limit - 1;
		default:
			return draw_below(limit);
	}
}

/*
 * A keyed checksum of four lanes.  Each step of a lane is a bijection of its
 * state, so that no single changed bit goes unnoticed; it is no real MAC.
 */
static bool
compute_tag(void *context, const uint8_t *data, size_t length, uint8_t *tag)
{
	TagProbe   *probe = context;
	int			lane;

	probe->calls++;
	probe->length = length;
	for (lane = 0; lane < 4; lane++)
	{
		uint64_t	hash = probe->key + (uint64_t) lane;
		size_t		i;

		for (i = 0; i < length; i++)
			hash = (hash ^ data[i]) * UINT64_C(0x00000100000001b3);
		for (i = 0; i < 8; i++)
			tag[lane * 8 + i] = (uint8_t) (hash >> (8 * i));
	}
	return !probe->fails;
}

static bool
verify_tag(void *context, const uint8_t *data, size_t length,
		   const uint8_t *tag)
{
	uint8_t		expected[WIRE_TAG_SIZE];

	return compute_tag(context, data, length, expected) &&
		memcmp(expected, tag, WIRE_TAG_SIZE) == 0;
}

/* With a secret if there is a probe. */
static WireConfig
make_config(int32_t node_id, int32_t node_count, TagProbe *probe)
{
	WireConfig	config = make_plain_config(node_id, node_count);

	if (probe != NULL)
	{
		config.tag = compute_tag;
		config.verify = verify_tag;
		config.tag_context = probe;
	}
	return config;
}

static int32_t
draw_node_or_none(int32_t node_count)
{
	return (int32_t) draw_edgy((uint64_t) node_count + 1) - 1;
}

/* Any message that the ranges allow, whether or not the core would send it. */
static RaftMessage
draw_message(int32_t node_count)
{
	RaftMessage m;
	int			i;

	memset(&m, 0, sizeof(m));
	m.type = (RaftMessageType) (RAFT_MESSAGE_TYPE_FIRST +
								draw_below(RAFT_MESSAGE_TYPE_LAST));
	m.from = (int32_t) draw_edgy((uint64_t) node_count);
	do
		m.to = (int32_t) draw_below((uint64_t) node_count);
	while (m.to == m.from);
	m.from_session = 1 + draw_edgy(UINT64_MAX);
	m.to_session = draw_edgy(UINT64_MAX);
	m.term = draw_edgy(RAFT_TERM_LIMIT);
	m.subject_term = draw_edgy(RAFT_TERM_LIMIT);
	m.nonce = draw_edgy(UINT64_MAX);
	m.round = draw_edgy(UINT64_MAX);
	m.promise_ns = draw_edgy(RAFT_MAX_PROMISE_NS + 1);
	m.rank = draw_node_or_none(node_count);
	m.rank_epoch = (uint32_t) draw_random();
	m.rank_delay_ns = draw_edgy(UINT64_MAX);
	m.successor = draw_node_or_none(node_count);
	m.known_leader = draw_node_or_none(node_count);
	m.known_leader_term = draw_edgy(RAFT_TERM_LIMIT);
	m.generation = draw_edgy(UINT64_MAX);
	m.generation_seen = draw_edgy(UINT64_MAX);
	m.former_generation_seen = draw_edgy(UINT64_MAX);
	m.standing = (RaftStanding) draw_below(RAFT_AMNESIAC + 1);
	m.role = (RaftRole) draw_below(RAFT_LEADER + 1);
	m.flags = (uint8_t) draw_below(RAFT_FLAGS_ALL + 1);
	m.storage_ns = draw_edgy(UINT64_MAX);
	m.priority = (int32_t) draw_edgy(1001);
	for (i = 0; i < 16; i++)
		m.position.bytes[i] = (uint8_t) draw_random();
	m.advertised_port = (uint16_t) draw_random();

	m.token_leader = RAFT_NO_NODE;
	if ((m.flags & RAFT_FLAG_HAS_TOKEN) != 0)
	{
		m.token_leader = (int32_t) draw_edgy((uint64_t) node_count);
		m.token_term = 1 + draw_edgy(RAFT_TERM_LIMIT - 1);
	}
	if (m.type != RAFT_MESSAGE_PRE_VOTE_REPLY &&
		m.type != RAFT_MESSAGE_VOTE_REPLY)
		m.flags &= (uint8_t) ~RAFT_FLAG_GRANTED;
	else if ((m.flags & RAFT_FLAG_GRANTED) == 0)
		m.refusal = (RaftRefusal) draw_below(RAFT_REFUSAL_LAST + 1);
	return m;
}

/* A plain datagram from node 1 to node 0 of three. */
static void
make_datagram(TagProbe *probe, uint8_t *datagram)
{
	WireConfig	config = make_config(1, 3, probe);
	RaftMessage message = make_message(RAFT_MESSAGE_HEARTBEAT);

	assert_true(wire_encode(&config, &message, 5, datagram));
}

static void
sign_again(TagProbe *probe, uint8_t *datagram)
{
	assert_true(compute_tag(probe, datagram, AT_TAG, datagram + AT_TAG));
}

/* What is sent arrives: every field, whatever it holds, signed or not. */
static void
test_round_trip(void **state)
{
	int			i;

	(void) state;
	for (i = 0; i < ROUND_TRIPS; i++)
	{
		int32_t		node_count = 2 + (int32_t) draw_edgy(RAFT_MAX_NODES - 1);
		RaftMessage sent = draw_message(node_count);
		RaftMessage received;
		TagProbe	probe = {draw_random(), false, 0, 0};
		TagProbe   *signer = draw_below(2) != 0 ? &probe : NULL;
		WireConfig	sender = make_config(sent.from, node_count, signer);
		WireConfig	receiver = make_config(sent.to, node_count, signer);
		uint64_t	sequence = 1 + draw_edgy(UINT64_MAX);
		WireHeader	header;
		uint8_t		buffer[WIRE_DATAGRAM_SIZE + 1];
		uint8_t    *datagram = buffer + draw_below(2);

		memset(buffer, 0xff, sizeof(buffer));
		assert_true(wire_encode(&sender, &sent, sequence, datagram));
		assert_int_equal(wire_decode_header(&receiver, datagram,
											WIRE_DATAGRAM_SIZE, &header),
						 WIRE_OK);
		assert_int_equal(header.version, WIRE_VERSION);
		assert_int_equal(header.from, sent.from);
		assert_int_equal(header.to, sent.to);
		assert_true(header.sequence == sequence);
		assert_true(header.fingerprint == receiver.fingerprint);

		memset(&received, 0xff, sizeof(received));
		assert_int_equal(wire_decode_body(&receiver, datagram, &header,
										  &received), WIRE_OK);
		assert_memory_equal(&received, &sent, sizeof(sent));
	}
}

/* What the receiver adds to a message does not travel. */
static void
test_receivers_fields_stay(void **state)
{
	WireConfig	sender = make_config(1, 3, NULL);
	WireConfig	receiver = make_config(0, 3, NULL);
	RaftMessage sent = make_message(RAFT_MESSAGE_PROBE);
	RaftMessage received;
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];

	(void) state;
	sent.stranger = true;
	sent.challenge = 4711;
	assert_true(wire_encode(&sender, &sent, 1, datagram));
	assert_int_equal(decode(&receiver, datagram, sizeof(datagram), &received),
					 WIRE_OK);
	assert_false(received.stranger);
	assert_true(received.challenge == 0);
}

/*
 * The layout is pinned: nodes of one version but of different builds must
 * understand each other.  These bytes were written by another program after
 * the table in wire.h.
 */
static void
test_golden_datagram(void **state)
{
	static const uint8_t golden[WIRE_DATAGRAM_SIZE] = {
		0x50, 0x47, 0x4c, 0x44, 0x01, 0x03, 0x0a, 0x04, /* 0 */
		0x02, 0x00, 0x03, 0x00, 0x01, 0x00, 0xff, 0xff, /* 8 */
		0xc5, 0xaf, 0x2a, 0xf7, 0x46, 0x0c, 0x39, 0xa5, /* 16 */
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* 24 */
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, /* 32 */
		0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, /* 40 */
		0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, /* 48 */
		0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, /* 56 */
		0x68, 0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61, /* 64 */
		0x78, 0x77, 0x76, 0x75, 0x74, 0x73, 0x72, 0x71, /* 72 */
		0xf4, 0xf3, 0xf2, 0xf1, 0x02, 0x00, 0x00, 0x00, /* 80 */
		0x88, 0x87, 0x86, 0x85, 0x84, 0x83, 0x82, 0x81, /* 88 */
		0x98, 0x97, 0x96, 0x95, 0x94, 0x93, 0x92, 0x01, /* 96 */
		0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0x02, /* 104 */
		0xb8, 0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1, /* 112 */
		0xc8, 0xc7, 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1, /* 120 */
		0xd8, 0xd7, 0xd6, 0xd5, 0xd4, 0xd3, 0xd2, 0xd1, /* 128 */
		0xe4, 0xe3, 0xe2, 0xe1, 0x02, 0x00, 0x04, 0x00, /* 136 */
		0x00, 0x00, 0x02, 0x01, 0x38, 0x15, 0x00, 0x00, /* 144 */
		0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, /* 152 */
		0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, /* 160 */
		0, 0, 0, 0, 0, 0, 0, 0, /* 168: membership */
		0, 0, 0, 0, 0, 0, 0, 0, /* 176 */
		0xd0, 0xcf, 0xce, 0xcd, 0xcc, 0xcb, 0xca, 0xc9, /* 184 */
		0						/* 192 ... 223: tag */
	};
	WireConfig	sender = make_config(3, 5, NULL);
	WireConfig	receiver = make_config(1, 5, NULL);
	RaftMessage m = make_message(RAFT_MESSAGE_VOTE);
	RaftMessage received;
	WireHeader	header;
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];
	int			i;

	(void) state;
	sender.fingerprint = wire_fingerprint(5, "golden");
	receiver.fingerprint = sender.fingerprint;
	m.from = 3;
	m.to = 1;
	m.flags = RAFT_FLAG_HAS_TOKEN | RAFT_FLAG_SILENT;
	m.standing = RAFT_AMNESIAC;
	m.role = RAFT_CANDIDATE;
	m.from_session = UINT64_C(0x2122232425262728);
	m.to_session = UINT64_C(0x3132333435363738);
	m.term = UINT64_C(0x4142434445464748);
	m.subject_term = UINT64_C(0x5152535455565758);
	m.nonce = UINT64_C(0x6162636465666768);
	m.round = UINT64_C(0x7172737475767778);
	m.promise_ns = UINT64_C(0x00000002f1f2f3f4);
	m.rank_delay_ns = UINT64_C(0x8182838485868788);
	m.token_term = UINT64_C(0x0192939495969798);
	m.known_leader_term = UINT64_C(0x02a2a3a4a5a6a7a8);
	m.generation = UINT64_C(0xb1b2b3b4b5b6b7b8);
	m.generation_seen = UINT64_C(0xc1c2c3c4c5c6c7c8);
	m.former_generation_seen = UINT64_C(0xc9cacbcccdcecfd0);
	m.storage_ns = UINT64_C(0xd1d2d3d4d5d6d7d8);
	m.rank_epoch = UINT32_C(0xe1e2e3e4);
	m.token_leader = 2;
	m.successor = 4;
	m.known_leader = 0;
	m.priority = 0x0102;
	m.advertised_port = 0x1538;
	for (i = 0; i < 16; i++)
		m.position.bytes[i] = (uint8_t) (0xa0 + i);

	assert_true(wire_encode(&sender, &m, UINT64_C(0x1112131415161718),
							datagram));
	assert_memory_equal(datagram, golden, sizeof(golden));

	assert_int_equal(wire_decode_header(&receiver, golden, sizeof(golden),
										&header), WIRE_OK);
	assert_true(header.sequence == UINT64_C(0x1112131415161718));
	assert_int_equal(wire_decode_body(&receiver, golden, &header, &received),
					 WIRE_OK);
	assert_memory_equal(&received, &m, sizeof(m));
}

/* The tag is the last 32 bytes and covers all before them, once. */
static void
test_tag_covers_all(void **state)
{
	TagProbe	probe = {42, false, 0, 0};
	WireConfig	receiver = make_config(0, 3, &probe);
	RaftMessage received;
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];
	uint8_t		expected[WIRE_TAG_SIZE];

	(void) state;
	make_datagram(&probe, datagram);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.length, AT_TAG);
	assert_true(compute_tag(&probe, datagram, AT_TAG, expected));
	assert_memory_equal(datagram + AT_TAG, expected, WIRE_TAG_SIZE);

	probe.calls = 0;
	assert_int_equal(decode(&receiver, datagram, sizeof(datagram), &received),
					 WIRE_OK);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.length, AT_TAG);
}

/* No bit of a signed datagram can be changed, those without a use included. */
static void
test_every_flipped_bit(void **state)
{
	TagProbe	probe = {42, false, 0, 0};
	WireConfig	receiver = make_config(0, 3, &probe);
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];
	int			bit;

	(void) state;
	make_datagram(&probe, datagram);
	for (bit = 0; bit < WIRE_DATAGRAM_SIZE * 8; bit++)
	{
		int			offset = bit / 8;
		uint8_t		mask = (uint8_t) (1 << (bit % 8));
		RaftMessage received;
		RaftMessage untouched;
		WireDrop	drop;

		memset(&received, 0x5a, sizeof(received));
		untouched = received;
		datagram[offset] ^= mask;
		drop = decode(&receiver, datagram, sizeof(datagram), &received);
		datagram[offset] ^= mask;

		if (offset < AT_VERSION)
			assert_int_equal(drop, WIRE_DROP_MAGIC);
		else if (offset == AT_VERSION)
			assert_int_equal(drop, WIRE_DROP_VERSION);
		else if (offset >= AT_FINGERPRINT && offset < AT_FINGERPRINT + 8)
			assert_int_equal(drop, WIRE_DROP_FINGERPRINT);
		else if (offset == AT_TO || offset == AT_TO + 1)
			assert_int_equal(drop, WIRE_DROP_ADDRESSEE);
		else if (offset == AT_FROM || offset == AT_FROM + 1)
			assert_true(drop == WIRE_DROP_SENDER || drop == WIRE_DROP_TAG);
		else
			assert_int_equal(drop, WIRE_DROP_TAG);
		assert_memory_equal(&received, &untouched, sizeof(untouched));
	}
}

/* Only the exact length is taken, and nothing is read beyond the data. */
static void
test_every_length(void **state)
{
	WireConfig	receiver = make_config(0, 3, NULL);
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];
	size_t		length;

	(void) state;
	make_datagram(NULL, datagram);
	for (length = 0; length <= 2 * WIRE_DATAGRAM_SIZE; length++)
	{
		/* a block of this very size, so that a sanitizer sees its end */
		uint8_t    *data = malloc(length > 0 ? length : 1);
		RaftMessage received;
		WireDrop	drop;

		assert_non_null(data);
		memset(data, 0, length);
		memcpy(data, datagram,
			   length < sizeof(datagram) ? length : sizeof(datagram));
		drop = decode(&receiver, data, length, &received);
		free(data);
		assert_int_equal(drop, length == WIRE_DATAGRAM_SIZE ? WIRE_OK :
						 WIRE_DROP_LENGTH);
	}
}

/*
 * The checks come in their order: each datagram here has all the later faults
 * as well.  And each drop tells as much of the datagram as could be read.
 */
static void
test_order_of_checks(void **state)
{
	TagProbe	probe = {42, false, 0, 0};
	WireConfig	receiver = make_config(0, 3, &probe);
	WireHeader	header;
	RaftMessage received;
	uint8_t		good[WIRE_DATAGRAM_SIZE];
	uint8_t		d[WIRE_DATAGRAM_SIZE];

	(void) state;
	make_datagram(&probe, good);
	memcpy(d, good, sizeof(d));
	d[0] = 'p';
	d[AT_VERSION] = WIRE_VERSION + 1;
	d[AT_FINGERPRINT] ^= 1;
	d[AT_TO] = 2;
	d[AT_FROM] = 0;
	d[AT_TYPE] = 0;
	probe.calls = 0;

	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d) - 1, &header),
					 WIRE_DROP_LENGTH);
	assert_int_equal(header.from, RAFT_NO_NODE);
	assert_int_equal(header.to, RAFT_NO_NODE);
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_MAGIC);
	assert_int_equal(header.version, 0);
	assert_int_equal(header.from, RAFT_NO_NODE);
	d[0] = 'P';
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_VERSION);
	assert_int_equal(header.version, WIRE_VERSION + 1);
	assert_int_equal(header.from, RAFT_NO_NODE);
	d[AT_VERSION] = WIRE_VERSION;
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_FINGERPRINT);
	assert_true(header.fingerprint == (receiver.fingerprint ^ 1));
	assert_int_equal(header.from, RAFT_NO_NODE);
	d[AT_FROM] = 1;
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_FINGERPRINT);
	assert_int_equal(header.from, 1);
	d[AT_FROM] = 0;
	d[AT_FINGERPRINT] ^= 1;
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_ADDRESSEE);
	assert_int_equal(header.to, 2);
	d[AT_TO] = 0;
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_DROP_SENDER);
	assert_int_equal(probe.calls, 0);
	d[AT_FROM] = 1;
	assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
					 WIRE_OK);
	assert_true(header.sequence == 5);
	assert_int_equal(wire_decode_body(&receiver, d, &header, &received),
					 WIRE_DROP_TAG);
	sign_again(&probe, d);
	assert_int_equal(wire_decode_body(&receiver, d, &header, &received),
					 WIRE_DROP_MALFORMED);
	d[AT_TYPE] = good[AT_TYPE];
	sign_again(&probe, d);
	assert_int_equal(wire_decode_body(&receiver, d, &header, &received),
					 WIRE_OK);
	assert_memory_equal(d, good, sizeof(d));
}

/* Nobody speaks for this node or for one that does not exist, or to it. */
static void
test_addressee_and_sender(void **state)
{
	WireConfig	receiver = make_config(0, 3, NULL);
	WireHeader	header;
	uint8_t		d[WIRE_DATAGRAM_SIZE];
	uint32_t	id;

	(void) state;
	make_datagram(NULL, d);
	for (id = 0; id <= UINT16_MAX; id++)
	{
		bool		is_peer = id == 1 || id == 2;

		patch_number(d, AT_FROM, 2, id);
		assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
						 is_peer ? WIRE_OK : WIRE_DROP_SENDER);
		assert_int_equal(header.from, is_peer ? (int32_t) id : RAFT_NO_NODE);
	}
	patch_number(d, AT_FROM, 2, 1);
	for (id = 1; id <= UINT16_MAX; id++)
	{
		patch_number(d, AT_TO, 2, id);
		assert_int_equal(wire_decode_header(&receiver, d, sizeof(d), &header),
						 WIRE_DROP_ADDRESSEE);
		assert_int_equal(header.from, 1);
		assert_int_equal(header.to, id);
	}
}

/* Each way in which two nodes can disagree on the secret is refused. */
static void
test_secret_mismatch(void **state)
{
	TagProbe	probe = {42, false, 0, 0};
	TagProbe	other = {43, false, 0, 0};
	WireConfig	with_secret = make_config(0, 3, &probe);
	WireConfig	with_other = make_config(0, 3, &other);
	WireConfig	without = make_config(0, 3, NULL);
	RaftMessage received;
	uint8_t		is_signed[WIRE_DATAGRAM_SIZE];
	uint8_t		is_plain[WIRE_DATAGRAM_SIZE];
	int			i;

	(void) state;
	make_datagram(&probe, is_signed);
	make_datagram(NULL, is_plain);
	assert_int_equal(decode(&with_secret, is_signed, sizeof(is_signed),
							&received), WIRE_OK);
	assert_int_equal(decode(&without, is_plain, sizeof(is_plain), &received),
					 WIRE_OK);
	assert_int_equal(decode(&with_other, is_signed, sizeof(is_signed),
							&received), WIRE_DROP_TAG);
	assert_int_equal(decode(&with_secret, is_plain, sizeof(is_plain),
							&received), WIRE_DROP_TAG);
	assert_int_equal(decode(&without, is_signed, sizeof(is_signed),
							&received), WIRE_DROP_TAG);

	/* one byte is enough to look signed, wherever it is */
	for (i = AT_TAG; i < WIRE_DATAGRAM_SIZE; i++)
	{
		make_datagram(NULL, is_plain);
		is_plain[i] = 1;
		assert_int_equal(decode(&without, is_plain, sizeof(is_plain),
								&received), WIRE_DROP_TAG);
	}
}

/* A tag that cannot be computed never turns into none, nor into a pass. */
static void
test_tag_failure(void **state)
{
	TagProbe	working = {42, false, 0, 0};
	TagProbe	failing = {42, true, 0, 0};
	WireConfig	sender = make_config(1, 3, &failing);
	WireConfig	receiver = make_config(0, 3, &failing);
	RaftMessage message = make_message(RAFT_MESSAGE_HEARTBEAT);
	RaftMessage received;
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];

	(void) state;
	assert_false(wire_encode(&sender, &message, 1, datagram));
	make_datagram(&working, datagram);
	assert_int_equal(decode(&receiver, datagram, sizeof(datagram), &received),
					 WIRE_DROP_TAG);

	/* a secret that is set up for one direction only fails in the other */
	sender.tag = NULL;
	assert_false(wire_encode(&sender, &message, 1, datagram));
	receiver.verify = NULL;
	make_datagram(NULL, datagram);
	assert_int_equal(decode(&receiver, datagram, sizeof(datagram), &received),
					 WIRE_DROP_TAG);
}

/*
 * Of random bytes behind a right header, whatever is taken for a message is
 * one: written again it gives the same bytes, those without a use excepted.
 */
static void
test_garbled_datagrams(void **state)
{
	WireConfig	sender = make_config(1, 3, NULL);
	WireConfig	receiver = make_config(0, 3, NULL);
	int			taken = 0;
	int			i;

	(void) state;
	for (i = 0; i < GARBLED_DATAGRAMS; i++)
	{
		uint8_t		d[WIRE_DATAGRAM_SIZE];
		uint8_t		again[WIRE_DATAGRAM_SIZE];
		RaftMessage received;
		WireHeader	header;
		int			hits = (int) draw_below(6);

		make_datagram(NULL, d);
		for (; hits > 0; hits--)
			d[draw_below(AT_TAG)] = (uint8_t) draw_below(4);
		if (wire_decode_header(&receiver, d, sizeof(d), &header) != WIRE_OK ||
			wire_decode_body(&receiver, d, &header, &received) != WIRE_OK)
			continue;
		sender.node_id = header.from;
		if (header.sequence == 0)
			continue;
		taken++;
		assert_true(wire_encode(&sender, &received, header.sequence, again));
		memset(d + AT_FILLER, 0, 2);
		memset(d + AT_MEMBERSHIP, 0, 16);
		assert_memory_equal(again, d, sizeof(d));
	}
	assert_in_range(taken, 1, GARBLED_DATAGRAMS - 1);
}

/* Clusters differ by name or size; the values are those of every version. */
static void
test_fingerprint(void **state)
{
	(void) state;
	assert_true(wire_fingerprint(5, "golden") ==
				UINT64_C(0xa5390c46f72aafc5));
	assert_true(wire_fingerprint(3, "") != wire_fingerprint(5, ""));
	assert_true(wire_fingerprint(3, "a") != wire_fingerprint(3, "b"));
	assert_true(wire_fingerprint(3, "ab") != wire_fingerprint(3, "ba"));
	assert_true(wire_fingerprint(3, "a") != wire_fingerprint(3, "aa"));
	assert_true(wire_fingerprint(3, "\xc3\xa9") !=
				wire_fingerprint(3, "\x43\x29"));
}

static void
test_drop_names(void **state)
{
	static const char *const names[] = {
		"none", "length", "magic", "version", "fingerprint", "addressee",
		"sender", "address", "tag", "malformed", "session", "replay",
		"clone", "queue full"
	};
	int			i;

	(void) state;
	assert_int_equal(WIRE_DROP_REASONS, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < WIRE_DROP_REASONS; i++)
		assert_string_equal(wire_drop_name((WireDrop) i), names[i]);
	assert_null(wire_drop_name((WireDrop) WIRE_DROP_REASONS));
	assert_null(wire_drop_name((WireDrop) -1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_receivers_fields_stay),
		cmocka_unit_test(test_golden_datagram),
		cmocka_unit_test(test_tag_covers_all),
		cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_order_of_checks),
		cmocka_unit_test(test_addressee_and_sender),
		cmocka_unit_test(test_secret_mismatch),
		cmocka_unit_test(test_tag_failure),
		cmocka_unit_test(test_garbled_datagrams),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_drop_names)
	};

	begin_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
