/*-------------------------------------------------------------------------
 *
 * wire.h
 *		Datagram layout: one RaftMessage as bytes, and back.
 *
 * Pure: no PostgreSQL, no I/O, no allocation, no clock, no state.  The tag
 * that authenticates a datagram is computed by callbacks of the caller.  In
 * the extension the sender encodes and the receiver decodes; no locks.
 *
 * A datagram has one fixed size.  Numbers are unsigned and little-endian,
 * those marked "signed" are two's complement.  Eight-byte fields lie at
 * multiples of eight; structs are never copied as they are.
 *
 *	OFFSET	SIZE	MEANING
 *	0		4		magic, the characters "PGLD"
 *	4		1		version of the layout, WIRE_VERSION
 *	5		1		type, RaftMessageType
 *	6		1		flags, RAFT_FLAG_...
 *	7		1		standing, RaftStanding
 *	8		1		role, RaftRole
 *	9		1		refusal, RaftRefusal
 *	10		2		from, the sender's id
 *	12		2		to, the addressee's id
 *	14		2		rank, signed; -1: none
 *	16		8		fingerprint of the cluster, wire_fingerprint()
 *	24		8		sequence number within the sender's session, from 1
 *	32		8		from_session, the sender's session, not 0
 *	40		8		to_session, echo of the addressee's session; 0: not known
 *	48		8		term
 *	56		8		subject_term
 *	64		8		nonce
 *	72		8		round
 *	80		8		promise_ns
 *	88		8		rank_delay_ns
 *	96		8		token_term
 *	104		8		known_leader_term
 *	112		8		generation
 *	120		8		generation_seen
 *	128		8		storage_ns
 *	136		4		rank_epoch
 *	140		2		token_leader, signed; -1: none
 *	142		2		successor, signed; -1: none
 *	144		2		known_leader, signed; -1: none
 *	146		2		priority, signed; 0 ... 1000
 *	148		2		advertised_port, the sender's PostgreSQL port
 *	150		2		filler, written as zero, ignored on receipt
 *	152		16		position, opaque
 *	168		16		kept free for membership, written as zero, ignored on
 *					receipt
 *	184		8		former_generation_seen
 *	192		32		tag over the bytes 0 ... 191; all zero: not signed
 *	224				end
 *
 * Magic and version keep their place in every version, so that a version
 * that is not spoken here is told apart from noise.
 *
 * The receiver checks in this order, and drops a datagram at the first check
 * that fails: length, magic, version, fingerprint, addressee, sender
 * (wire_decode_header); source address (the caller); tag, ranges of the
 * fields (wire_decode_body); session, sequence number (session.h).  Nothing
 * but the few fields of the header is looked at before the tag is verified.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/raft.h"

/* Version of the layout that is written, and the only one that is read. */
#define WIRE_VERSION			1

/* Bytes of every datagram. */
#define WIRE_DATAGRAM_SIZE		224

/* Bytes of the tag, at the datagram's end: those of an HMAC-SHA256. */
#define WIRE_TAG_SIZE			32

/* Bytes that the tag covers. */
#define WIRE_SIGNED_SIZE		(WIRE_DATAGRAM_SIZE - WIRE_TAG_SIZE)

/* Greatest priority of a node. */
#define WIRE_MAX_PRIORITY		1000

/*
 * What became of a datagram: WIRE_OK, or why it was dropped.  Values index
 * the receiver's counters.
 */
typedef enum WireDrop
{
	WIRE_OK = 0,
	WIRE_DROP_LENGTH,			/* not WIRE_DATAGRAM_SIZE bytes */
	WIRE_DROP_MAGIC,			/* not a datagram of ours */
	WIRE_DROP_VERSION,			/* a layout that is not spoken here */
	WIRE_DROP_FINGERPRINT,		/* another cluster name or number of nodes */
	WIRE_DROP_ADDRESSEE,		/* meant for another node */
	WIRE_DROP_SENDER,			/* claims to come from this node, or from one
								 * that is not in the cluster */
	WIRE_DROP_ADDRESS,			/* source address is not the sender's */
	WIRE_DROP_TAG,				/* not signed, signed wrongly, or signed while
								 * this node has no secret */
	WIRE_DROP_MALFORMED,		/* a field is out of its range */
	WIRE_DROP_SESSION,			/* of a session that is not accepted */
	WIRE_DROP_REPLAY,			/* sequence number used already or too old */
	WIRE_DROP_CLONE,			/* two nodes with the sender's id are alive */
	WIRE_DROP_QUEUE_FULL		/* no room in the queue to the ticker */
} WireDrop;

/* Number of values of WireDrop, WIRE_OK among them. */
#define WIRE_DROP_REASONS		(WIRE_DROP_QUEUE_FULL + 1)

/*
 * Compute the tag over "length" bytes of data.  False: could not, and what
 * "tag" holds does not matter.
 */
typedef bool (*WireTagFunction) (void *context, const uint8_t *data,
								 size_t length, uint8_t *tag);

/*
 * Is this the tag of that data?  The comparison must take the same time
 * wherever the tags differ, lest the right tag can be found out byte by byte.
 */
typedef bool (*WireVerifyFunction) (void *context, const uint8_t *data,
									size_t length, const uint8_t *tag);

/*
 * What does not change while a process runs.  With a secret both callbacks
 * are set, without one both are NULL.  If only one is set, the other
 * direction fails: nothing is encoded unsigned, or taken unverified, by
 * oversight.
 */
typedef struct WireConfig
{
	uint64_t	fingerprint;	/* of the cluster, wire_fingerprint() */
	int32_t		node_id;		/* this node, 0 ... node_count - 1 */
	int32_t		node_count;		/* 1 ... RAFT_MAX_NODES */
	WireTagFunction tag;		/* signs what is sent */
	WireVerifyFunction verify;	/* verifies what was received */
	void	   *tag_context;	/* handed to both */
} WireConfig;

/*
 * What a datagram claims of itself, not authenticated.  Also filled in when
 * the datagram is dropped, as far as it could be read, so that drops can be
 * counted for a peer; what was not read is 0 or RAFT_NO_NODE.
 */
typedef struct WireHeader
{
	uint8_t		version;		/* read if the magic is right; the rest, only
								 * if the version is, too */
	int32_t		from;			/* claimed sender, safe as an index: another
								 * node of this cluster, or RAFT_NO_NODE */
	int32_t		to;				/* addressee, 0 ... 65535 */
	uint64_t	fingerprint;	/* of the sender's cluster */
	uint64_t	sequence;		/* sequence number */
} WireHeader;

/*
 * Fingerprint of a cluster: FNV-1a, 64 bits, over the number of nodes as four
 * little-endian bytes and the name's bytes (without its final zero).  It
 * tells mistakes in the configuration apart; it is no secret and no proof.
 */
extern uint64_t wire_fingerprint(int32_t node_count, const char *cluster_name);

/*
 * Write one datagram.  The message must be from config->node_id; its fields
 * "stranger" and "challenge" do not travel.  False: sequence is 0, a field is
 * out of the range that a receiver would check, or the tag could not be
 * computed; the datagram must not be sent then.
 */
extern bool wire_encode(const WireConfig *config, const RaftMessage *message,
						uint64_t sequence,
						uint8_t datagram[WIRE_DATAGRAM_SIZE]);

/*
 * First half of decoding: all checks that come before the source address.
 * "length" is the length of what was received; a caller whose buffer is not
 * longer than WIRE_DATAGRAM_SIZE must find out otherwise whether more came.
 */
extern WireDrop wire_decode_header(const WireConfig *config,
								   const uint8_t *data, size_t length,
								   WireHeader *header);

/*
 * Second half, to be called only if wire_decode_header() said WIRE_OK of the
 * same datagram and config: tag, then ranges.  Unless the result is WIRE_OK,
 * the message is left as it was.
 */
extern WireDrop wire_decode_body(const WireConfig *config,
								 const uint8_t datagram[WIRE_DATAGRAM_SIZE],
								 const WireHeader *header,
								 RaftMessage *message);

/*
 * Words for logs and views: "length", "queue full", ...; constant.  "none"
 * for WIRE_OK, NULL for what is no WireDrop.
 */
extern const char *wire_drop_name(WireDrop drop);

#endif							/* WIRE_H */
