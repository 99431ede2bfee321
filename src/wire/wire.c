/*-------------------------------------------------------------------------
 *
 * wire.c
 *		Encodes and decodes datagrams; the layout is described in wire.h.
 *
 * Pure functions of their arguments, for any process; no locks.  Whatever
 * bytes come in, nothing is read beyond them, and a message that is handed
 * out has every field in its range.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/wire.h"

#include <string.h>

/*
 * Where each field begins.  Each one is the end of the field before it, so
 * that a field cannot overlap another and the last line is the size.
 */
#define OFFSET_MAGIC				0
#define OFFSET_VERSION				(OFFSET_MAGIC + 4)
#define OFFSET_TYPE					(OFFSET_VERSION + 1)
#define OFFSET_FLAGS				(OFFSET_TYPE + 1)
#define OFFSET_STANDING				(OFFSET_FLAGS + 1)
#define OFFSET_ROLE					(OFFSET_STANDING + 1)
#define OFFSET_REFUSAL				(OFFSET_ROLE + 1)
#define OFFSET_FROM					(OFFSET_REFUSAL + 1)
#define OFFSET_TO					(OFFSET_FROM + 2)
#define OFFSET_RANK					(OFFSET_TO + 2)
#define OFFSET_FINGERPRINT			(OFFSET_RANK + 2)
#define OFFSET_SEQUENCE				(OFFSET_FINGERPRINT + 8)
#define OFFSET_FROM_SESSION			(OFFSET_SEQUENCE + 8)
#define OFFSET_TO_SESSION			(OFFSET_FROM_SESSION + 8)
#define OFFSET_TERM					(OFFSET_TO_SESSION + 8)
#define OFFSET_SUBJECT_TERM			(OFFSET_TERM + 8)
#define OFFSET_NONCE				(OFFSET_SUBJECT_TERM + 8)
#define OFFSET_ROUND				(OFFSET_NONCE + 8)
#define OFFSET_PROMISE				(OFFSET_ROUND + 8)
#define OFFSET_RANK_DELAY			(OFFSET_PROMISE + 8)
#define OFFSET_TOKEN_TERM			(OFFSET_RANK_DELAY + 8)
#define OFFSET_KNOWN_LEADER_TERM	(OFFSET_TOKEN_TERM + 8)
#define OFFSET_GENERATION			(OFFSET_KNOWN_LEADER_TERM + 8)
#define OFFSET_GENERATION_SEEN		(OFFSET_GENERATION + 8)
#define OFFSET_STORAGE				(OFFSET_GENERATION_SEEN + 8)
#define OFFSET_RANK_EPOCH			(OFFSET_STORAGE + 8)
#define OFFSET_TOKEN_LEADER			(OFFSET_RANK_EPOCH + 4)
#define OFFSET_SUCCESSOR			(OFFSET_TOKEN_LEADER + 2)
#define OFFSET_KNOWN_LEADER			(OFFSET_SUCCESSOR + 2)
#define OFFSET_PRIORITY				(OFFSET_KNOWN_LEADER + 2)
#define OFFSET_ADVERTISED_PORT		(OFFSET_PRIORITY + 2)
#define OFFSET_FILLER				(OFFSET_ADVERTISED_PORT + 2)
#define OFFSET_POSITION				(OFFSET_FILLER + 2)
#define OFFSET_MEMBERSHIP			(OFFSET_POSITION + 16)
#define OFFSET_FORMER_GENERATION	(OFFSET_MEMBERSHIP + 16)
#define OFFSET_TAG					(OFFSET_FORMER_GENERATION + 8)
#define OFFSET_END					(OFFSET_TAG + WIRE_TAG_SIZE)

_Static_assert(OFFSET_END == WIRE_DATAGRAM_SIZE,
			   "fields must fill the datagram");
_Static_assert(OFFSET_TAG == WIRE_SIGNED_SIZE,
			   "tag must cover all that is before it");
_Static_assert(OFFSET_FINGERPRINT % 8 == 0 && OFFSET_STORAGE % 8 == 0 &&
			   OFFSET_POSITION % 8 == 0 && OFFSET_FORMER_GENERATION % 8 == 0,
			   "fields of eight bytes must be aligned");
_Static_assert(sizeof(((RaftMessage *) NULL)->position.bytes) ==
			   OFFSET_MEMBERSHIP - OFFSET_POSITION,
			   "position must fit its field");
_Static_assert(RAFT_MAX_NODES <= INT16_MAX,
			   "node ids must fit signed numbers of 16 bits");

/* FNV-1a, 64 bits. */
#define FNV_OFFSET_BASIS			UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME					UINT64_C(0x00000100000001b3)

static const uint8_t magic[OFFSET_VERSION - OFFSET_MAGIC] = {
	'P', 'G', 'L', 'D'
};

static const char *const drop_names[WIRE_DROP_REASONS] = {
	[WIRE_OK] = "none",
	[WIRE_DROP_LENGTH] = "length",
	[WIRE_DROP_MAGIC] = "magic",
	[WIRE_DROP_VERSION] = "version",
	[WIRE_DROP_FINGERPRINT] = "fingerprint",
	[WIRE_DROP_ADDRESSEE] = "addressee",
	[WIRE_DROP_SENDER] = "sender",
	[WIRE_DROP_ADDRESS] = "address",
	[WIRE_DROP_TAG] = "tag",
	[WIRE_DROP_MALFORMED] = "malformed",
	[WIRE_DROP_SESSION] = "session",
	[WIRE_DROP_REPLAY] = "replay",
	[WIRE_DROP_CLONE] = "clone",
	[WIRE_DROP_QUEUE_FULL] = "queue full"
};

static void
put_number(uint8_t *field, int size, uint64_t value)
{
	int			i;

	for (i = 0; i < size; i++)
		field[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_number(const uint8_t *field, int size)
{
	uint64_t	value = 0;
	int			i;

	for (i = 0; i < size; i++)
		value |= (uint64_t) field[i] << (8 * i);
	return value;
}

/* For node ids, ranks and priorities. */
static void
put_signed16(uint8_t *field, int32_t value)
{
	put_number(field, 2, (uint32_t) value & 0xffff);
}

static int32_t
get_signed16(const uint8_t *field)
{
	int32_t		value = (int32_t) get_number(field, 2);

	return value > INT16_MAX ? value - 0x10000 : value;
}

static bool
is_all_zero(const uint8_t *data, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
	{
		if (data[i] != 0)
			return false;
	}
	return true;
}

static bool
is_node(int32_t id, int32_t node_count)
{
	return id >= 0 && id < node_count;
}

static bool
is_node_or_none(int32_t id, int32_t node_count)
{
	return id == RAFT_NO_NODE || is_node(id, node_count);
}

/*
 * Is every field in the range that raft.h gives it?  Asked of what goes out
 * as well as of what comes in.  The meaning of a message is the core's to
 * judge; here is only what no message of any type may break.
 */
static bool
check_ranges(const RaftMessage *message, int32_t node_count)
{
	bool		is_reply = (message->type == RAFT_MESSAGE_PRE_VOTE_REPLY ||
							message->type == RAFT_MESSAGE_VOTE_REPLY);
	bool		is_granted = (message->flags & RAFT_FLAG_GRANTED) != 0;

	if (message->type < RAFT_MESSAGE_TYPE_FIRST ||
		message->type > RAFT_MESSAGE_TYPE_LAST ||
		message->standing > RAFT_AMNESIAC ||
		message->role > RAFT_LEADER ||
		message->refusal > RAFT_REFUSAL_LAST ||
		(message->flags & ~RAFT_FLAGS_ALL) != 0)
		return false;

	if (message->from_session == 0)
		return false;

	if (message->term >= RAFT_TERM_LIMIT ||
		message->subject_term >= RAFT_TERM_LIMIT ||
		message->known_leader_term >= RAFT_TERM_LIMIT ||
		message->promise_ns > RAFT_MAX_PROMISE_NS)
		return false;

	if (!is_node_or_none(message->successor, node_count) ||
		!is_node_or_none(message->known_leader, node_count))
		return false;
	if (message->rank != RAFT_NO_RANK && !is_node(message->rank, node_count))
		return false;
	if (message->priority < 0 || message->priority > WIRE_MAX_PRIORITY)
		return false;

	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
	{
		/* nobody leads in term 0 */
		if (!is_node(message->token_leader, node_count) ||
			message->token_term == 0 ||
			message->token_term >= RAFT_TERM_LIMIT)
			return false;
	}
	else if (message->token_leader != RAFT_NO_NODE || message->token_term != 0)
		return false;

	if (is_granted && !is_reply)
		return false;
	if (message->refusal != RAFT_REFUSAL_NONE &&
		(is_granted || !is_reply))
		return false;

	return true;
}

uint64_t
wire_fingerprint(int32_t node_count, const char *cluster_name)
{
	uint64_t	hash = FNV_OFFSET_BASIS;
	uint8_t		count[4];
	size_t		i;

	put_number(count, sizeof(count), (uint32_t) node_count);
	for (i = 0; i < sizeof(count); i++)
		hash = (hash ^ count[i]) * FNV_PRIME;
	for (i = 0; cluster_name[i] != '\0'; i++)
		hash = (hash ^ (uint8_t) cluster_name[i]) * FNV_PRIME;
	return hash;
}

bool
wire_encode(const WireConfig *config, const RaftMessage *message,
			uint64_t sequence, uint8_t datagram[WIRE_DATAGRAM_SIZE])
{
	uint8_t    *d = datagram;

	if (sequence == 0 ||
		message->from != config->node_id ||
		message->to == message->from ||
		!is_node(message->from, config->node_count) ||
		!is_node(message->to, config->node_count) ||
		!check_ranges(message, config->node_count))
		return false;
	if (config->tag == NULL && config->verify != NULL)
		return false;

	/* filler, what is kept for membership, and the tag if there is none */
	memset(d, 0, WIRE_DATAGRAM_SIZE);

	memcpy(d + OFFSET_MAGIC, magic, sizeof(magic));
	d[OFFSET_VERSION] = WIRE_VERSION;
	d[OFFSET_TYPE] = (uint8_t) message->type;
	d[OFFSET_FLAGS] = message->flags;
	d[OFFSET_STANDING] = (uint8_t) message->standing;
	d[OFFSET_ROLE] = (uint8_t) message->role;
	d[OFFSET_REFUSAL] = (uint8_t) message->refusal;
	put_number(d + OFFSET_FROM, 2, (uint32_t) message->from);
	put_number(d + OFFSET_TO, 2, (uint32_t) message->to);
	put_signed16(d + OFFSET_RANK, message->rank);
	put_number(d + OFFSET_FINGERPRINT, 8, config->fingerprint);
	put_number(d + OFFSET_SEQUENCE, 8, sequence);
	put_number(d + OFFSET_FROM_SESSION, 8, message->from_session);
	put_number(d + OFFSET_TO_SESSION, 8, message->to_session);
	put_number(d + OFFSET_TERM, 8, message->term);
	put_number(d + OFFSET_SUBJECT_TERM, 8, message->subject_term);
	put_number(d + OFFSET_NONCE, 8, message->nonce);
	put_number(d + OFFSET_ROUND, 8, message->round);
	put_number(d + OFFSET_PROMISE, 8, message->promise_ns);
	put_number(d + OFFSET_RANK_DELAY, 8, message->rank_delay_ns);
	put_number(d + OFFSET_TOKEN_TERM, 8, message->token_term);
	put_number(d + OFFSET_KNOWN_LEADER_TERM, 8, message->known_leader_term);
	put_number(d + OFFSET_GENERATION, 8, message->generation);
	put_number(d + OFFSET_GENERATION_SEEN, 8, message->generation_seen);
	put_number(d + OFFSET_FORMER_GENERATION, 8, message->former_generation_seen);
	put_number(d + OFFSET_STORAGE, 8, message->storage_ns);
	put_number(d + OFFSET_RANK_EPOCH, 4, message->rank_epoch);
	put_signed16(d + OFFSET_TOKEN_LEADER, message->token_leader);
	put_signed16(d + OFFSET_SUCCESSOR, message->successor);
	put_signed16(d + OFFSET_KNOWN_LEADER, message->known_leader);
	put_signed16(d + OFFSET_PRIORITY, message->priority);
	put_number(d + OFFSET_ADVERTISED_PORT, 2, message->advertised_port);
	memcpy(d + OFFSET_POSITION, message->position.bytes,
		   sizeof(message->position.bytes));

	if (config->tag == NULL)
		return true;
	return config->tag(config->tag_context, d, WIRE_SIGNED_SIZE,
					   d + OFFSET_TAG);
}

WireDrop
wire_decode_header(const WireConfig *config, const uint8_t *data,
				   size_t length, WireHeader *header)
{
	int32_t		from;

	memset(header, 0, sizeof(*header));
	header->from = RAFT_NO_NODE;
	header->to = RAFT_NO_NODE;

	if (length != WIRE_DATAGRAM_SIZE)
		return WIRE_DROP_LENGTH;
	if (memcmp(data + OFFSET_MAGIC, magic, sizeof(magic)) != 0)
		return WIRE_DROP_MAGIC;
	header->version = data[OFFSET_VERSION];
	if (header->version != WIRE_VERSION)
		return WIRE_DROP_VERSION;

	from = (int32_t) get_number(data + OFFSET_FROM, 2);
	if (is_node(from, config->node_count) && from != config->node_id)
		header->from = from;
	header->to = (int32_t) get_number(data + OFFSET_TO, 2);
	header->fingerprint = get_number(data + OFFSET_FINGERPRINT, 8);
	header->sequence = get_number(data + OFFSET_SEQUENCE, 8);

	if (header->fingerprint != config->fingerprint)
		return WIRE_DROP_FINGERPRINT;
	if (header->to != config->node_id)
		return WIRE_DROP_ADDRESSEE;
	if (header->from == RAFT_NO_NODE)
		return WIRE_DROP_SENDER;
	return WIRE_OK;
}

/*
 * With no secret a tag is refused, not ignored: that a peer signs while this
 * node does not is a mistake in the configuration, and must show.
 */
static bool
check_tag(const WireConfig *config, const uint8_t *datagram)
{
	const uint8_t *tag = datagram + OFFSET_TAG;

	if (config->verify != NULL)
		return config->verify(config->tag_context, datagram,
							  WIRE_SIGNED_SIZE, tag);
	return config->tag == NULL && is_all_zero(tag, WIRE_TAG_SIZE);
}

WireDrop
wire_decode_body(const WireConfig *config,
				 const uint8_t datagram[WIRE_DATAGRAM_SIZE],
				 const WireHeader *header, RaftMessage *message)
{
	const uint8_t *d = datagram;
	RaftMessage decoded;

	if (!check_tag(config, d))
		return WIRE_DROP_TAG;

	memset(&decoded, 0, sizeof(decoded));
	decoded.type = (RaftMessageType) d[OFFSET_TYPE];
	decoded.flags = d[OFFSET_FLAGS];
	decoded.standing = (RaftStanding) d[OFFSET_STANDING];
	decoded.role = (RaftRole) d[OFFSET_ROLE];
	decoded.refusal = (RaftRefusal) d[OFFSET_REFUSAL];
	decoded.from = header->from;
	decoded.to = header->to;
	decoded.rank = get_signed16(d + OFFSET_RANK);
	decoded.from_session = get_number(d + OFFSET_FROM_SESSION, 8);
	decoded.to_session = get_number(d + OFFSET_TO_SESSION, 8);
	decoded.term = get_number(d + OFFSET_TERM, 8);
	decoded.subject_term = get_number(d + OFFSET_SUBJECT_TERM, 8);
	decoded.nonce = get_number(d + OFFSET_NONCE, 8);
	decoded.round = get_number(d + OFFSET_ROUND, 8);
	decoded.promise_ns = get_number(d + OFFSET_PROMISE, 8);
	decoded.rank_delay_ns = get_number(d + OFFSET_RANK_DELAY, 8);
	decoded.token_term = get_number(d + OFFSET_TOKEN_TERM, 8);
	decoded.known_leader_term = get_number(d + OFFSET_KNOWN_LEADER_TERM, 8);
	decoded.generation = get_number(d + OFFSET_GENERATION, 8);
	decoded.generation_seen = get_number(d + OFFSET_GENERATION_SEEN, 8);
	decoded.former_generation_seen = get_number(d + OFFSET_FORMER_GENERATION, 8);
	decoded.storage_ns = get_number(d + OFFSET_STORAGE, 8);
	decoded.rank_epoch = (uint32_t) get_number(d + OFFSET_RANK_EPOCH, 4);
	decoded.token_leader = get_signed16(d + OFFSET_TOKEN_LEADER);
	decoded.successor = get_signed16(d + OFFSET_SUCCESSOR);
	decoded.known_leader = get_signed16(d + OFFSET_KNOWN_LEADER);
	decoded.priority = get_signed16(d + OFFSET_PRIORITY);
	decoded.advertised_port =
		(uint16_t) get_number(d + OFFSET_ADVERTISED_PORT, 2);
	memcpy(decoded.position.bytes, d + OFFSET_POSITION,
		   sizeof(decoded.position.bytes));

	if (!check_ranges(&decoded, config->node_count))
		return WIRE_DROP_MALFORMED;
	*message = decoded;
	return WIRE_OK;
}

const char *
wire_drop_name(WireDrop drop)
{
	if ((unsigned int) drop >= WIRE_DROP_REASONS)
		return NULL;
	return drop_names[drop];
}
