/*-------------------------------------------------------------------------
 *
 * test_state_record.c
 *		Tests of the state file's format: what is written is read back, and
 *		nothing that a crash or a rotten disk leaves is taken for a state that
 *		was never written.
 *
 *-------------------------------------------------------------------------
 */
#include "c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "state_record.h"

/* Offsets as documented in the header; written out, lest they follow it. */
#define AT_VERSION			8
#define AT_NODE_ID			12
#define AT_NODE_COUNT		16
#define AT_VOTE				20
#define AT_GENERATION		48
#define AT_TERM				56
#define AT_PROMISE			64
#define AT_STANDING			72
#define AT_RESERVED			76
#define AT_PEER_GENERATION	80	/* node 0's; the others' follow */
#define AT_RESERVED_TOO		1104
#define AT_CHECKSUM			1148

#define SECTOR_SIZE			512

#define ROUND_TRIPS			20000
#define FLIPPED_RECORDS		20
#define TORN_PAIRS			200
#define NOISE_BLOCKS		20000

static uint64 random_state;

/* Next number of a sequence that the seed determines (splitmix64). */
static uint64
draw(void)
{
	uint64		value = (random_state += UINT64CONST(0x9e3779b97f4a7c15));

	value = (value ^ (value >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* A number from 0 to limit - 1, often at the edges. */
static uint64
draw_edgy(uint64 limit)
{
	switch (draw() % 4)
	{
		case 0:
			return 0;
		case 1:
			return limit - 1;
		default:
			return draw() % limit;
	}
}

static void
draw_record(StateRecord *record)
{
	int			id;

	memset(record, 0, sizeof(*record));
	record->node_count = 1 + (int32) draw_edgy(RAFT_MAX_NODES);
	record->node_id = (int32) draw_edgy((uint64) record->node_count);
	record->fingerprint = draw();
	record->inode = draw();
	record->birth_ns = draw_edgy(PG_UINT64_MAX);
	record->durable.term = draw_edgy(RAFT_TERM_LIMIT);
	record->durable.vote = (int32) draw_edgy((uint64) record->node_count + 2) - 2;
	record->durable.max_promise_ns = draw_edgy(RAFT_MAX_PROMISE_NS + 1);
	record->durable.generation = 1 + draw_edgy(PG_UINT64_MAX);
	record->durable.standing = (RaftStanding) draw_edgy(RAFT_AMNESIAC + 1);
	for (id = 0; id < record->node_count; id++)
	{
		if (id != record->node_id)
			record->durable.peer_generation[id] = draw_edgy(PG_UINT64_MAX);
	}
}

/* A record and the one that the same file may hold after a change. */
static void
draw_successive(StateRecord *older, StateRecord *newer)
{
	int			id;

	draw_record(older);
	older->durable.term %= RAFT_TERM_LIMIT / 2;
	older->durable.generation = 1 + older->durable.generation % 1000000;
	*newer = *older;
	newer->durable.generation += 1 + draw() % 3;
	newer->durable.term += draw_edgy(1000);
	newer->durable.vote = (int32) draw_edgy((uint64) newer->node_count + 2) - 2;
	for (id = 0; id < newer->node_count; id++)
	{
		if (id != newer->node_id && draw() % 4 == 0)
			newer->durable.peer_generation[id] |= draw();
	}
}

static bool
are_equal(const StateRecord *one, const StateRecord *two)
{
	return one->node_id == two->node_id &&
		one->node_count == two->node_count &&
		one->fingerprint == two->fingerprint &&
		one->inode == two->inode &&
		one->birth_ns == two->birth_ns &&
		one->durable.term == two->durable.term &&
		one->durable.vote == two->durable.vote &&
		one->durable.max_promise_ns == two->durable.max_promise_ns &&
		one->durable.generation == two->durable.generation &&
		one->durable.standing == two->durable.standing &&
		memcmp(one->durable.peer_generation, two->durable.peer_generation,
			   sizeof(one->durable.peer_generation)) == 0;
}

static StateRecordVerdict
decode(const uint8 *bytes, size_t length)
{
	StateSlot	slot;

	state_record_decode(bytes, length, &slot);
	return slot.verdict;
}

/* CRC-32C by its definition, bit by bit, to seal altered records. */
static void
seal(uint8 *bytes)
{
	uint32		crc = 0xffffffff;
	int			i;
	int			bit;

	for (i = 0; i < AT_CHECKSUM; i++)
	{
		crc ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78 : 0);
	}
	crc ^= 0xffffffff;
	for (i = 0; i < 4; i++)
		bytes[AT_CHECKSUM + i] = (uint8) (crc >> (8 * i));
}

static void
set_number(uint8 *bytes, int offset, int size, uint64 value)
{
	int			i;

	for (i = 0; i < size; i++)
		bytes[offset + i] = (uint8) (value >> (8 * i));
}

static void
test_round_trip(void **state)
{
	int			i;

	(void) state;
	for (i = 0; i < ROUND_TRIPS; i++)
	{
		StateRecord record;
		StateSlot	slot;
		uint8		bytes[STATE_RECORD_SIZE];

		draw_record(&record);
		assert_true(state_record_is_valid(&record));
		state_record_encode(&record, bytes);
		state_record_decode(bytes, sizeof(bytes), &slot);
		assert_int_equal(slot.verdict, STATE_RECORD_OK);
		assert_true(are_equal(&slot.record, &record));
	}
}

/* Files written by this version must be readable for ever, on any machine. */
static void
test_golden_bytes(void **state)
{
	static const uint8 golden[1152] = {
		0x50, 0x47, 0x4c, 0x53, 0x54, 0x41, 0x54, 0x45,
		0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
		0x05, 0x00, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0x01, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99,
		0x15, 0xcd, 0x85, 0x3d, 0xfe, 0x9c, 0x97, 0x17,
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,
		0x80, 0xf8, 0xa9, 0x32, 0x00, 0x00, 0x00, 0x00,
		0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
		0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		[1148] = 0xaa, 0xd6, 0x3c, 0xa0
	};
	StateRecord record = {
		.node_id = 2,
		.node_count = 5,
		.fingerprint = UINT64CONST(0x1122334455667788),
		.inode = UINT64CONST(0x99aabbccddeeff01),
		.birth_ns = UINT64CONST(1700000000123456789),
		.durable = {
			.term = UINT64CONST(0x2122232425262728),
			.vote = RAFT_VOTE_SPOILED,
			.max_promise_ns = 850000000,
			.generation = UINT64CONST(0x0102030405060708),
			.standing = RAFT_MEMBER,
			.peer_generation = {
				[0] = UINT64CONST(0x3132333435363738),
				[1] = 1,
				[4] = PG_UINT64_MAX
			}
		}
	};
	StateSlot	slot;
	uint8		bytes[STATE_RECORD_SIZE];

	(void) state;
	assert_int_equal(sizeof(golden), STATE_RECORD_SIZE);
	state_record_encode(&record, bytes);
	assert_memory_equal(bytes, golden, sizeof(golden));
	state_record_decode(golden, sizeof(golden), &slot);
	assert_int_equal(slot.verdict, STATE_RECORD_OK);
	assert_true(are_equal(&slot.record, &record));
}

static void
test_every_bit_flipped(void **state)
{
	int			i;
	int			bit;

	(void) state;
	for (i = 0; i < FLIPPED_RECORDS; i++)
	{
		StateRecord record;
		uint8		bytes[STATE_RECORD_SIZE];

		draw_record(&record);
		state_record_encode(&record, bytes);
		for (bit = 0; bit < STATE_RECORD_SIZE * 8; bit++)
		{
			bytes[bit / 8] ^= (uint8) (1 << bit % 8);
			assert_int_equal(decode(bytes, sizeof(bytes)),
							 bit / 8 < AT_VERSION ? STATE_RECORD_MAGIC :
							 STATE_RECORD_CHECKSUM);
			bytes[bit / 8] ^= (uint8) (1 << bit % 8);
		}
		assert_int_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_OK);
	}
}

/* The copy has just the bytes that may be read: the sanitizer watches. */
static void
test_truncated(void **state)
{
	StateRecord record;
	uint8		bytes[STATE_RECORD_SIZE];
	size_t		length;

	(void) state;
	draw_record(&record);
	state_record_encode(&record, bytes);
	for (length = 0; length < STATE_RECORD_SIZE; length++)
	{
		uint8	   *copy = malloc(Max(length, 1));

		assert_non_null(copy);
		memcpy(copy, bytes, length);
		assert_int_equal(decode(copy, length), STATE_RECORD_SHORT);
		free(copy);
	}
}

static void
test_what_is_no_record(void **state)
{
	uint8		bytes[STATE_RECORD_SIZE] = {0};
	int			i;
	size_t		at;

	(void) state;
	assert_int_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_EMPTY);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_MAGIC);

	for (i = 0; i < NOISE_BLOCKS; i++)
	{
		/* Half of them pass for ours at first sight. */
		for (at = 0; at < sizeof(bytes); at++)
			bytes[at] = (uint8) draw();
		if (i % 2 == 0)
			memcpy(bytes, "PGLSTATE\1\0\0", 12);
		assert_int_not_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_OK);
	}
}

static void
test_versions(void **state)
{
	StateRecord record;
	StateSlot	older;
	StateSlot	newer;
	uint8		bytes[STATE_RECORD_SIZE];

	(void) state;
	draw_record(&record);
	state_record_encode(&record, bytes);
	state_record_decode(bytes, sizeof(bytes), &older);

	/* Whatever else it holds, and even if only a later version can tell. */
	set_number(bytes, AT_VERSION, 4, STATE_RECORD_VERSION + 1);
	set_number(bytes, AT_STANDING, 4, 77);
	assert_int_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_CHECKSUM);
	seal(bytes);
	state_record_decode(bytes, sizeof(bytes), &newer);
	assert_int_equal(newer.verdict, STATE_RECORD_NEWER);

	/* Falling back to our own older record would undo the newer one. */
	assert_int_equal(state_record_choose(&older, &newer), STATE_CHOICE_NEWER);
	assert_int_equal(state_record_choose(&newer, &older), STATE_CHOICE_NEWER);

	set_number(bytes, AT_VERSION, 4, STATE_RECORD_VERSION - 1);
	set_number(bytes, AT_STANDING, 4, RAFT_MEMBER);
	seal(bytes);
	assert_int_equal(decode(bytes, sizeof(bytes)), STATE_RECORD_RANGE);
}

/* Records with a right checksum: only the range of one field decides. */
static void
test_ranges(void **state)
{
	static const struct
	{
		int			offset;
		int			size;
		uint64		value;
		bool		valid;
	}			cases[] = {
		{AT_NODE_COUNT, 4, 0, false},
		{AT_NODE_COUNT, 4, 2, false},	/* node 2 is not in it */
		{AT_NODE_COUNT, 4, 3, true},
		{AT_NODE_COUNT, 4, RAFT_MAX_NODES, true},
		{AT_NODE_COUNT, 4, RAFT_MAX_NODES + 1, false},
		{AT_NODE_COUNT, 4, PG_UINT32_MAX, false},
		{AT_NODE_ID, 4, 0, true},
		{AT_NODE_ID, 4, 4, true},
		{AT_NODE_ID, 4, 5, false},
		{AT_NODE_ID, 4, PG_UINT32_MAX, false},
		{AT_VOTE, 4, 0, true},
		{AT_VOTE, 4, 4, true},
		{AT_VOTE, 4, 5, false},
		{AT_VOTE, 4, PG_UINT32_MAX, true},	/* none */
		{AT_VOTE, 4, PG_UINT32_MAX - 1, true},	/* spoiled */
		{AT_VOTE, 4, PG_UINT32_MAX - 2, false},
		{AT_GENERATION, 8, 0, false},
		{AT_GENERATION, 8, 1, true},
		{AT_GENERATION, 8, PG_UINT64_MAX, true},
		{AT_TERM, 8, 0, true},
		{AT_TERM, 8, RAFT_TERM_LIMIT - 1, true},
		{AT_TERM, 8, RAFT_TERM_LIMIT, false},
		{AT_TERM, 8, PG_UINT64_MAX, false},
		{AT_PROMISE, 8, 0, true},
		{AT_PROMISE, 8, RAFT_MAX_PROMISE_NS, true},
		{AT_PROMISE, 8, RAFT_MAX_PROMISE_NS + 1, false},
		{AT_STANDING, 4, RAFT_NEW, true},
		{AT_STANDING, 4, RAFT_AMNESIAC, true},
		{AT_STANDING, 4, RAFT_AMNESIAC + 1, false},
		{AT_STANDING, 4, PG_UINT32_MAX, false},
		{AT_RESERVED, 1, 1, false},
		{AT_PEER_GENERATION - 1, 1, 1, false},
		{AT_PEER_GENERATION, 8, 1, true},
		{AT_PEER_GENERATION, 8, PG_UINT64_MAX, true},
		{AT_PEER_GENERATION + 2 * 8, 8, 1, false},	/* the node's own */
		{AT_PEER_GENERATION + 4 * 8, 8, PG_UINT64_MAX, true},
		{AT_PEER_GENERATION + 5 * 8, 8, 1, false},	/* there is no node 5 */
		{AT_PEER_GENERATION + 5 * 8, 8, PG_UINT64_MAX, false},
		{AT_PEER_GENERATION + (RAFT_MAX_NODES - 1) * 8, 8, 1, false},
		{AT_RESERVED_TOO, 1, 1, false},
		{AT_CHECKSUM - 1, 1, 1, false}
	};
	StateRecord record = {
		.node_id = 2,
		.node_count = 5,
		.durable = {
			.term = 7,
			.vote = 1,
			.generation = 9,
			.standing = RAFT_MEMBER
		}
	};
	uint8		bytes[STATE_RECORD_SIZE];
	size_t		i;

	(void) state;
	for (i = 0; i < lengthof(cases); i++)
	{
		state_record_encode(&record, bytes);
		set_number(bytes, cases[i].offset, cases[i].size, cases[i].value);
		seal(bytes);
		if (decode(bytes, sizeof(bytes)) !=
			(cases[i].valid ? STATE_RECORD_OK : STATE_RECORD_RANGE))
			fail_msg("case %zu: offset %d, value " UINT64_FORMAT ": %s", i,
					 cases[i].offset, cases[i].value,
					 state_record_verdict_name(decode(bytes, sizeof(bytes))));
	}
}

/*
 * A write that a crash tears at every byte, from the front or from the back,
 * over what the slot held before: nothing, or the record before the last.
 */
static void
test_torn_write(void **state)
{
	int			i;
	int			torn_at;

	(void) state;
	for (i = 0; i < TORN_PAIRS; i++)
	{
		bool		from_back = (i % 2 == 1);
		int			torn_slot = (i / 2) % 2;
		StateRecord before;
		StateRecord confirmed;
		StateRecord newer;
		uint8		before_bytes[STATE_RECORD_SIZE];
		uint8		newer_bytes[STATE_RECORD_SIZE];
		uint8		confirmed_bytes[STATE_RECORD_SIZE];

		draw_successive(&before, &confirmed);
		newer = confirmed;
		newer.durable.generation++;
		newer.durable.term += draw_edgy(5);
		newer.durable.vote = 0;
		state_record_encode(&before, before_bytes);
		if (i % 8 == 0)
			memset(before_bytes, 0, sizeof(before_bytes));
		state_record_encode(&confirmed, confirmed_bytes);
		state_record_encode(&newer, newer_bytes);

		for (torn_at = 0; torn_at <= STATE_RECORD_SIZE; torn_at++)
		{
			int			kept = STATE_RECORD_SIZE - torn_at;
			StateSlot	slots[STATE_SLOT_COUNT];
			StateChoice choice;
			uint8		torn[STATE_RECORD_SIZE];
			bool		whole;

			memcpy(torn, before_bytes, sizeof(torn));
			if (from_back)
				memcpy(torn + kept, newer_bytes + kept, (size_t) torn_at);
			else
				memcpy(torn, newer_bytes, (size_t) torn_at);
			whole = memcmp(torn, newer_bytes, sizeof(torn)) == 0;
			assert_true(whole || torn_at < STATE_RECORD_SIZE);

			state_record_decode(torn, sizeof(torn), &slots[torn_slot]);
			state_record_decode(confirmed_bytes, sizeof(confirmed_bytes),
								&slots[1 - torn_slot]);
			choice = state_record_choose(&slots[0], &slots[1]);
			assert_int_equal(choice, whole ? torn_slot : 1 - torn_slot);
			assert_true(are_equal(&slots[choice].record,
								  whole ? &newer : &confirmed));

			/* Readable means whole: the new record, or the one before. */
			if (slots[torn_slot].verdict == STATE_RECORD_OK && !whole)
				assert_true(are_equal(&slots[torn_slot].record, &before));
		}
	}
}

/*
 * Any of a write's sectors may have reached the disk before the power failed,
 * and the rest not: it is the new record if all have, or else nothing new.
 */
static void
test_scattered_write(void **state)
{
	const int	sectors = (STATE_RECORD_SIZE + SECTOR_SIZE - 1) / SECTOR_SIZE;
	int			i;
	int			written;

	(void) state;
	for (i = 0; i < TORN_PAIRS; i++)
	{
		StateRecord before;
		StateRecord newer;
		uint8		before_bytes[STATE_RECORD_SIZE];
		uint8		newer_bytes[STATE_RECORD_SIZE];

		/* They differ in each sector. */
		draw_successive(&before, &newer);
		before.node_id = newer.node_id = 0;
		before.node_count = newer.node_count = RAFT_MAX_NODES;
		before.durable.peer_generation[0] = 0;
		newer.durable.peer_generation[0] = 0;
		newer.durable.peer_generation[RAFT_MAX_NODES / 2]++;
		newer.durable.peer_generation[RAFT_MAX_NODES - 1]++;
		state_record_encode(&before, before_bytes);
		state_record_encode(&newer, newer_bytes);

		for (written = 0; written < 1 << sectors; written++)
		{
			StateSlot	slot;
			uint8		torn[STATE_RECORD_SIZE];
			int			sector;

			memcpy(torn, before_bytes, sizeof(torn));
			for (sector = 0; sector < sectors; sector++)
			{
				int			start = sector * SECTOR_SIZE;

				if ((written & (1 << sector)) != 0)
					memcpy(torn + start, newer_bytes + start,
						   (size_t) Min(SECTOR_SIZE, STATE_RECORD_SIZE - start));
			}
			state_record_decode(torn, sizeof(torn), &slot);
			if (written == 0 || written == (1 << sectors) - 1)
			{
				assert_int_equal(slot.verdict, STATE_RECORD_OK);
				assert_true(are_equal(&slot.record,
									  written == 0 ? &before : &newer));
			}
			else
				assert_int_equal(slot.verdict, STATE_RECORD_CHECKSUM);
		}
	}
}

static void
test_both_unreadable(void **state)
{
	static const StateRecordVerdict unreadable[] = {
		STATE_RECORD_SHORT, STATE_RECORD_EMPTY, STATE_RECORD_MAGIC,
		STATE_RECORD_CHECKSUM, STATE_RECORD_RANGE
	};
	size_t		i;
	size_t		j;

	(void) state;
	for (i = 0; i < lengthof(unreadable); i++)
	{
		StateSlot	first = {.verdict = unreadable[i]};
		StateSlot	sound = {.verdict = STATE_RECORD_OK};

		draw_record(&sound.record);
		assert_int_equal(state_record_choose(&first, &sound),
						 STATE_CHOICE_SECOND);
		assert_int_equal(state_record_choose(&sound, &first),
						 STATE_CHOICE_FIRST);
		for (j = 0; j < lengthof(unreadable); j++)
		{
			StateSlot	second = {.verdict = unreadable[j]};

			assert_int_equal(state_record_choose(&first, &second),
							 STATE_CHOICE_UNREADABLE);
		}
	}
}

static void
test_newest_generation(void **state)
{
	int			i;

	(void) state;
	for (i = 0; i < ROUND_TRIPS; i++)
	{
		StateSlot	older = {.verdict = STATE_RECORD_OK};
		StateSlot	newer = {.verdict = STATE_RECORD_OK};

		draw_successive(&older.record, &newer.record);
		if (i % 2 == 0)
			newer.record.durable.generation += UINT64CONST(1) << 63;
		assert_int_equal(state_record_choose(&older, &newer),
						 STATE_CHOICE_SECOND);
		assert_int_equal(state_record_choose(&newer, &older),
						 STATE_CHOICE_FIRST);
		assert_int_equal(state_record_choose(&older, &older),
						 STATE_CHOICE_FIRST);
	}
}

static void
assert_contradict(const StateSlot *one, const StateSlot *two)
{
	assert_int_equal(state_record_choose(one, two),
					 STATE_CHOICE_CONTRADICTION);
	assert_int_equal(state_record_choose(two, one),
					 STATE_CHOICE_CONTRADICTION);
}

static void
test_contradictions(void **state)
{
	StateSlot	slot = {
		.verdict = STATE_RECORD_OK,
		.record = {
			.node_id = 1,
			.node_count = 5,
			.fingerprint = 11,
			.inode = 12,
			.birth_ns = 13,
			.durable = {
				.term = 7,
				.vote = 2,
				.max_promise_ns = 850000000,
				.generation = 20,
				.standing = RAFT_MEMBER
			}
		}
	};
	StateSlot	other;
	int			later;

	(void) state;

	/* One generation, two contents. */
	other = slot;
	other.record.durable.vote = 3;
	assert_contradict(&slot, &other);
	other = slot;
	other.record.durable.term = 8;
	assert_contradict(&slot, &other);
	other = slot;
	other.record.durable.max_promise_ns = 0;
	assert_contradict(&slot, &other);
	other = slot;
	other.record.durable.standing = RAFT_AMNESIAC;
	assert_contradict(&slot, &other);

	other = slot;
	other.record.durable.peer_generation[0] = 1;
	assert_contradict(&slot, &other);
	other = slot;
	other.record.durable.peer_generation[4] = 1;
	assert_contradict(&slot, &other);

	/* A term that goes back. */
	other = slot;
	other.record.durable.generation = 21;
	other.record.durable.term = 6;
	assert_contradict(&slot, &other);

	/* Records of two files, whichever is the later one. */
	for (later = 0; later <= 1; later++)
	{
		StateSlot	successor = slot;

		successor.record.durable.generation += (uint64) later;
		assert_int_equal(state_record_choose(&slot, &successor),
						 later ? STATE_CHOICE_SECOND : STATE_CHOICE_FIRST);

		other = successor;
		other.record.node_id = 0;
		assert_contradict(&slot, &other);
		other = successor;
		other.record.node_count = 3;
		assert_contradict(&slot, &other);
		other = successor;
		other.record.fingerprint = 0;
		assert_contradict(&slot, &other);
		other = successor;
		other.record.inode = 0;
		assert_contradict(&slot, &other);
		other = successor;
		other.record.birth_ns = 0;
		assert_contradict(&slot, &other);
	}
}

/* A message about a slot must not say the same of two different findings. */
static void
test_names_differ(void **state)
{
	int			i;
	int			j;

	(void) state;
	for (i = STATE_RECORD_OK; i <= STATE_RECORD_RANGE; i++)
	{
		for (j = STATE_RECORD_OK; j < i; j++)
			assert_string_not_equal(
									state_record_verdict_name((StateRecordVerdict) i),
									state_record_verdict_name((StateRecordVerdict) j));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_every_bit_flipped),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_what_is_no_record),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_torn_write),
		cmocka_unit_test(test_scattered_write),
		cmocka_unit_test(test_both_unreadable),
		cmocka_unit_test(test_newest_generation),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_names_differ)
	};
	const char *given = getenv("SEED");
	uint64		seed = given ? strtoull(given, NULL, 10) : (uint64) time(NULL);

	random_state = seed;
	printf("# replay with SEED=" UINT64_FORMAT "\n", seed);
	fflush(stdout);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
