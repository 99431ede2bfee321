/*-------------------------------------------------------------------------
 *
 * state_record.h
 *		Format of the state file: a record as bytes and back, and which of
 *		the file's two records counts.
 *
 * Pure functions of their arguments: no I/O, no allocation, no ereport; used
 * by the ticker and by test programs outside the server.
 *
 * The file has STATE_FILE_SIZE bytes: two slots, STATE_SLOT_SPACING bytes
 * apart, so that no disk's sector and no page of memory holds parts of both.
 * Each begins with one record; the rest is zero.  Numbers are unsigned and
 * little-endian, those marked "signed" are two's complement.
 *
 *	OFFSET	SIZE	MEANING
 *	0		8		magic, the characters "PGLSTATE"
 *	8		4		version of the layout, STATE_RECORD_VERSION
 *	12		4		node id
 *	16		4		node count, 1 ... RAFT_MAX_NODES
 *	20		4		vote, signed: a node id, -1: none, -2: spoiled
 *	24		8		fingerprint of the cluster: hash of its name and node count
 *	32		8		inode number of the file that the record was written to
 *	40		8		birth time of that file in ns since 1970; 0: not known
 *	48		8		generation, from 1
 *	56		8		term, below RAFT_TERM_LIMIT
 *	64		8		longest promise that may be in force, in ns
 *	72		4		standing, RaftStanding
 *	76		4		kept free, zero
 *	80		1024	by node id, 8 bytes each: the greatest generation that was
 *					seen of that node's records; 0: none, and for the node
 *					itself and ids from the node count on
 *	1104	44		kept free, zero
 *	1148	4		CRC-32C over the bytes 0 ... 1147
 *	1152			end
 *
 * Magic, version, CRC and the record's size keep their place in every
 * version, so that a record of a later version is told apart from a damaged
 * one.
 *
 * A record is longer than a disk's sector may be, and a crash may leave any
 * part of it written.  The CRC finds that out, and the other slot holds the
 * confirmed state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_STATE_RECORD_H
#define PG_LEADER_STATE_RECORD_H

#include "raft/raft.h"

/* Version of the layout that is written, and the only one that is read. */
#define STATE_RECORD_VERSION	1

/* Bytes of every record. */
#define STATE_RECORD_SIZE		1152

#define STATE_SLOT_COUNT		2
#define STATE_SLOT_SPACING		4096
#define STATE_FILE_SIZE			(STATE_SLOT_COUNT * STATE_SLOT_SPACING)

typedef struct StateRecord
{
	int32		node_id;		/* 0 ... node_count - 1 */
	int32		node_count;		/* 1 ... RAFT_MAX_NODES */
	uint64		fingerprint;	/* of the cluster */
	uint64		inode;			/* of the file */
	uint64		birth_ns;		/* of the file; 0: not known */
	RaftDurable durable;
} StateRecord;

/* What a slot holds. */
typedef enum StateRecordVerdict
{
	STATE_RECORD_OK = 0,
	STATE_RECORD_SHORT,			/* the file ends before the record does */
	STATE_RECORD_EMPTY,			/* nothing but zeros */
	STATE_RECORD_MAGIC,			/* not a record of ours */
	STATE_RECORD_CHECKSUM,		/* damaged, or torn by a crash */
	STATE_RECORD_NEWER,			/* sound, but of a later version of pg_leader */
	STATE_RECORD_RANGE			/* sound, but no version of pg_leader writes
								 * such values */
} StateRecordVerdict;

typedef struct StateSlot
{
	StateRecordVerdict verdict;
	StateRecord record;			/* all zero unless verdict is STATE_RECORD_OK */
} StateSlot;

/* Which slot counts; the first two are its index. */
typedef enum StateChoice
{
	STATE_CHOICE_FIRST = 0,
	STATE_CHOICE_SECOND = 1,
	STATE_CHOICE_UNREADABLE,	/* neither can be read */
	STATE_CHOICE_CONTRADICTION, /* both can, but they cannot both be ours */
	STATE_CHOICE_NEWER			/* one is of a later version, and may hold a
								 * later vote than the other */
} StateChoice;

/* Is every field in its range?  Only such a record may be encoded. */
extern bool state_record_is_valid(const StateRecord *record);

/* Lay out a record as STATE_RECORD_SIZE bytes. */
extern void state_record_encode(const StateRecord *record, uint8 *bytes);

/*
 * Read a record from the first of "length" bytes.  Whatever they are, *slot
 * is filled in wholly, and a record that is handed out is valid.
 */
extern void state_record_decode(const uint8 *bytes, size_t length,
								StateSlot *slot);

/* Which of the file's two slots holds the newest record, if any. */
extern StateChoice state_record_choose(const StateSlot *first,
									   const StateSlot *second);

/* What the slot holds, in words for a message; constant. */
extern const char *state_record_verdict_name(StateRecordVerdict verdict);

#endif							/* PG_LEADER_STATE_RECORD_H */
