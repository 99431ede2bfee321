/*-------------------------------------------------------------------------
 *
 * state_record.c
 *		Encodes, decodes and chooses between the state file's records; the
 *		format is described in state_record.h.
 *
 * Pure functions of their arguments; no locks.  Compiles in the server and
 * in a program with PostgreSQL's libraries for programs.
 *
 *-------------------------------------------------------------------------
 */
#include "c.h"

#include "port/pg_crc32c.h"
#include "state_record.h"

/* Where each field begins; the same numbers as in the header's table. */
#define OFFSET_MAGIC			0
#define OFFSET_VERSION			8
#define OFFSET_NODE_ID			12
#define OFFSET_NODE_COUNT		16
#define OFFSET_VOTE				20
#define OFFSET_FINGERPRINT		24
#define OFFSET_INODE			32
#define OFFSET_BIRTH			40
#define OFFSET_GENERATION		48
#define OFFSET_TERM				56
#define OFFSET_MAX_PROMISE		64
#define OFFSET_STANDING			72
#define OFFSET_RESERVED			76
#define OFFSET_PEER_GENERATIONS	80
#define OFFSET_RESERVED_TOO		1104
#define OFFSET_CHECKSUM			1148
#define OFFSET_END				1152

#define ASSERT_FOLLOWS(field, size, next) \
	StaticAssertDecl((field) + (size) == (next), "fields must adjoin")

ASSERT_FOLLOWS(OFFSET_MAGIC, 8, OFFSET_VERSION);
ASSERT_FOLLOWS(OFFSET_VERSION, 4, OFFSET_NODE_ID);
ASSERT_FOLLOWS(OFFSET_NODE_ID, 4, OFFSET_NODE_COUNT);
ASSERT_FOLLOWS(OFFSET_NODE_COUNT, 4, OFFSET_VOTE);
ASSERT_FOLLOWS(OFFSET_VOTE, 4, OFFSET_FINGERPRINT);
ASSERT_FOLLOWS(OFFSET_FINGERPRINT, 8, OFFSET_INODE);
ASSERT_FOLLOWS(OFFSET_INODE, 8, OFFSET_BIRTH);
ASSERT_FOLLOWS(OFFSET_BIRTH, 8, OFFSET_GENERATION);
ASSERT_FOLLOWS(OFFSET_GENERATION, 8, OFFSET_TERM);
ASSERT_FOLLOWS(OFFSET_TERM, 8, OFFSET_MAX_PROMISE);
ASSERT_FOLLOWS(OFFSET_MAX_PROMISE, 8, OFFSET_STANDING);
ASSERT_FOLLOWS(OFFSET_STANDING, 4, OFFSET_RESERVED);
ASSERT_FOLLOWS(OFFSET_RESERVED, 4, OFFSET_PEER_GENERATIONS);
ASSERT_FOLLOWS(OFFSET_PEER_GENERATIONS, 8 * RAFT_MAX_NODES, OFFSET_RESERVED_TOO);
ASSERT_FOLLOWS(OFFSET_RESERVED_TOO, 44, OFFSET_CHECKSUM);
ASSERT_FOLLOWS(OFFSET_CHECKSUM, 4, OFFSET_END);
StaticAssertDecl(OFFSET_END == STATE_RECORD_SIZE, "fields must fill the record");
StaticAssertDecl(STATE_RECORD_SIZE <= STATE_SLOT_SPACING,
				 "a record must fit its slot");
StaticAssertDecl(RAFT_NEW == 0 && RAFT_MET == 1 && RAFT_READY == 2 &&
				 RAFT_MEMBER == 3 && RAFT_AMNESIAC == 4,
				 "standings are part of the format");
StaticAssertDecl(RAFT_VOTE_NONE == -1 && RAFT_VOTE_SPOILED == -2,
				 "votes are part of the format");

static const uint8 magic[OFFSET_VERSION - OFFSET_MAGIC] = {
	'P', 'G', 'L', 'S', 'T', 'A', 'T', 'E'
};

static void
put_uint32(uint8 *bytes, uint32 value)
{
	int			i;

	for (i = 0; i < 4; i++)
		bytes[i] = (uint8) (value >> (8 * i));
}

static void
put_uint64(uint8 *bytes, uint64 value)
{
	put_uint32(bytes, (uint32) value);
	put_uint32(bytes + 4, (uint32) (value >> 32));
}

static uint32
get_uint32(const uint8 *bytes)
{
	return (uint32) bytes[0] | (uint32) bytes[1] << 8 |
		(uint32) bytes[2] << 16 | (uint32) bytes[3] << 24;
}

static uint64
get_uint64(const uint8 *bytes)
{
	return (uint64) get_uint32(bytes) | (uint64) get_uint32(bytes + 4) << 32;
}

static uint32
compute_checksum(const uint8 *bytes)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, bytes, OFFSET_CHECKSUM);
	FIN_CRC32C(crc);
	return crc;
}

static bool
are_zero(const uint8 *bytes, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

bool
state_record_is_valid(const StateRecord *record)
{
	const RaftDurable *durable = &record->durable;
	int			id;

	if (record->node_count < 1 || record->node_count > RAFT_MAX_NODES)
		return false;
	if (record->node_id < 0 || record->node_id >= record->node_count)
		return false;
	if (durable->vote != RAFT_VOTE_NONE && durable->vote != RAFT_VOTE_SPOILED &&
		(durable->vote < 0 || durable->vote >= record->node_count))
		return false;
	if (durable->generation < 1 || durable->term >= RAFT_TERM_LIMIT ||
		durable->max_promise_ns > RAFT_MAX_PROMISE_NS)
		return false;
	for (id = 0; id < RAFT_MAX_NODES; id++)
	{
		bool		is_peer = (id < record->node_count && id != record->node_id);

		if (!is_peer && durable->peer_generation[id] != 0)
			return false;
	}

	/* As a number, for an enum's own type may or may not be signed. */
	return (uint32) durable->standing <= RAFT_AMNESIAC;
}

void
state_record_encode(const StateRecord *record, uint8 *bytes)
{
	const RaftDurable *durable = &record->durable;
	int			id;

	memset(bytes, 0, STATE_RECORD_SIZE);
	memcpy(bytes + OFFSET_MAGIC, magic, sizeof(magic));
	put_uint32(bytes + OFFSET_VERSION, STATE_RECORD_VERSION);
	put_uint32(bytes + OFFSET_NODE_ID, (uint32) record->node_id);
	put_uint32(bytes + OFFSET_NODE_COUNT, (uint32) record->node_count);
	put_uint32(bytes + OFFSET_VOTE, (uint32) durable->vote);
	put_uint64(bytes + OFFSET_FINGERPRINT, record->fingerprint);
	put_uint64(bytes + OFFSET_INODE, record->inode);
	put_uint64(bytes + OFFSET_BIRTH, record->birth_ns);
	put_uint64(bytes + OFFSET_GENERATION, durable->generation);
	put_uint64(bytes + OFFSET_TERM, durable->term);
	put_uint64(bytes + OFFSET_MAX_PROMISE, durable->max_promise_ns);
	put_uint32(bytes + OFFSET_STANDING, (uint32) durable->standing);
	for (id = 0; id < RAFT_MAX_NODES; id++)
		put_uint64(bytes + OFFSET_PEER_GENERATIONS + 8 * id,
				   durable->peer_generation[id]);
	put_uint32(bytes + OFFSET_CHECKSUM, compute_checksum(bytes));
}

static StateRecordVerdict
read_record(const uint8 *bytes, size_t length, StateRecord *record)
{
	RaftDurable *durable = &record->durable;
	uint32		version;
	int			id;

	if (length < STATE_RECORD_SIZE)
		return STATE_RECORD_SHORT;
	if (are_zero(bytes, STATE_RECORD_SIZE))
		return STATE_RECORD_EMPTY;
	if (memcmp(bytes + OFFSET_MAGIC, magic, sizeof(magic)) != 0)
		return STATE_RECORD_MAGIC;
	if (get_uint32(bytes + OFFSET_CHECKSUM) != compute_checksum(bytes))
		return STATE_RECORD_CHECKSUM;

	version = get_uint32(bytes + OFFSET_VERSION);
	if (version > STATE_RECORD_VERSION)
		return STATE_RECORD_NEWER;
	if (version < STATE_RECORD_VERSION)
		return STATE_RECORD_RANGE;

	record->node_id = (int32) get_uint32(bytes + OFFSET_NODE_ID);
	record->node_count = (int32) get_uint32(bytes + OFFSET_NODE_COUNT);
	record->fingerprint = get_uint64(bytes + OFFSET_FINGERPRINT);
	record->inode = get_uint64(bytes + OFFSET_INODE);
	record->birth_ns = get_uint64(bytes + OFFSET_BIRTH);
	durable->vote = (int32) get_uint32(bytes + OFFSET_VOTE);
	durable->generation = get_uint64(bytes + OFFSET_GENERATION);
	durable->term = get_uint64(bytes + OFFSET_TERM);
	durable->max_promise_ns = get_uint64(bytes + OFFSET_MAX_PROMISE);
	durable->standing = (RaftStanding) get_uint32(bytes + OFFSET_STANDING);
	for (id = 0; id < RAFT_MAX_NODES; id++)
		durable->peer_generation[id] =
			get_uint64(bytes + OFFSET_PEER_GENERATIONS + 8 * id);

	if (!are_zero(bytes + OFFSET_RESERVED,
				  OFFSET_PEER_GENERATIONS - OFFSET_RESERVED) ||
		!are_zero(bytes + OFFSET_RESERVED_TOO,
				  OFFSET_CHECKSUM - OFFSET_RESERVED_TOO) ||
		!state_record_is_valid(record))
		return STATE_RECORD_RANGE;
	return STATE_RECORD_OK;
}

void
state_record_decode(const uint8 *bytes, size_t length, StateSlot *slot)
{
	memset(slot, 0, sizeof(*slot));
	slot->verdict = read_record(bytes, length, &slot->record);
	if (slot->verdict != STATE_RECORD_OK)
		memset(&slot->record, 0, sizeof(slot->record));
}

/* Do the parts agree that stay the same for as long as the file exists? */
static bool
are_of_one_file(const StateRecord *first, const StateRecord *second)
{
	return first->node_id == second->node_id &&
		first->node_count == second->node_count &&
		first->fingerprint == second->fingerprint &&
		first->inode == second->inode &&
		first->birth_ns == second->birth_ns;
}

static bool
are_same_state(const RaftDurable *first, const RaftDurable *second)
{
	return first->term == second->term &&
		first->vote == second->vote &&
		first->max_promise_ns == second->max_promise_ns &&
		first->generation == second->generation &&
		first->standing == second->standing &&
		memcmp(first->peer_generation, second->peer_generation,
			   sizeof(first->peer_generation)) == 0;
}

/*
 * The newest slot counts.  If one slot is unreadable, the other one does,
 * which looks ambiguous: was the unreadable one a write that a crash tore,
 * and that was never confirmed, so that the other is right; or was it the
 * newest confirmed record, which has rotted since, so that the other is the
 * past and would vote twice?  The mirror write resolves it: some milliseconds
 * later, when the node has nothing more urgent to do, a confirmed record is
 * written to the other slot as well, and from then until the next change one
 * unreadable slot hides nothing.  What remains is rot of the one slot that
 * holds the newest record before its mirror write: peers that have seen the
 * lost generation tell the node so, which then becomes an amnesiac.
 *
 * Two readable slots that cannot both have come from this code (one
 * generation with two contents, two files' records in one, a term that goes
 * back) prove that somebody else has written to the file: neither is to be
 * trusted with a vote.
 */
StateChoice
state_record_choose(const StateSlot *first, const StateSlot *second)
{
	const RaftDurable *one = &first->record.durable;
	const RaftDurable *two = &second->record.durable;

	if (first->verdict == STATE_RECORD_NEWER ||
		second->verdict == STATE_RECORD_NEWER)
		return STATE_CHOICE_NEWER;
	if (first->verdict != STATE_RECORD_OK && second->verdict != STATE_RECORD_OK)
		return STATE_CHOICE_UNREADABLE;
	if (second->verdict != STATE_RECORD_OK)
		return STATE_CHOICE_FIRST;
	if (first->verdict != STATE_RECORD_OK)
		return STATE_CHOICE_SECOND;

	if (!are_of_one_file(&first->record, &second->record))
		return STATE_CHOICE_CONTRADICTION;
	if (one->generation == two->generation)
		return are_same_state(one, two) ?
			STATE_CHOICE_FIRST : STATE_CHOICE_CONTRADICTION;
	if (one->generation > two->generation)
		return one->term >= two->term ?
			STATE_CHOICE_FIRST : STATE_CHOICE_CONTRADICTION;
	return two->term >= one->term ?
		STATE_CHOICE_SECOND : STATE_CHOICE_CONTRADICTION;
}

const char *
state_record_verdict_name(StateRecordVerdict verdict)
{
	switch (verdict)
	{
		case STATE_RECORD_OK:
			return "sound";
		case STATE_RECORD_SHORT:
			return "cut off";
		case STATE_RECORD_EMPTY:
			return "empty";
		case STATE_RECORD_MAGIC:
			return "not a state record";
		case STATE_RECORD_CHECKSUM:
			return "wrong checksum";
		case STATE_RECORD_NEWER:
			return "of a newer version";
		case STATE_RECORD_RANGE:
			return "value out of range";
	}
	return "invalid";
}
