/*-------------------------------------------------------------------------
 *
 * history.h
 *		The last transitions of this node's role and leader, with their
 *		reasons: a ring in the server's main shared memory.
 *
 * The ticker alone writes, and never waits for whoever reads: each entry has
 * a sequence counter of its own, which is odd while the entry is written, and
 * a reader that meets a change copies it again.  (To publish the history as
 * the state is published, under a lock that is taken only if it is free at
 * once, would mean to keep any number of entries until it is.)  The history
 * outlives a ticker, not the server.
 *
 * A transition is a change of the role's word, of the leader that one may
 * rely on (shared_state.h), or of the term in which it leads; besides these
 * there are entries for the loss of the state and the way back.  All come
 * from the core's events, so that nothing is too short to be seen.  Only
 * rounds of votes that fail one after the other, in one term, are told once
 * and counted: a node that is cut off for an hour would fill the ring.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_HISTORY_H
#define PG_LEADER_HISTORY_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "raft/raft.h"

#define HISTORY_SIZE			256

/* Room for the words of a reason, and of who asked for it. */
#define HISTORY_REASON_SIZE		128
#define HISTORY_REQUESTER_SIZE	512

/* What the node was: a role, or that no ticker ran. */
typedef enum HistoryRole
{
	HISTORY_DOWN = 0,
	HISTORY_FOLLOWER,
	HISTORY_CANDIDATE,
	HISTORY_LEADER
} HistoryRole;

typedef struct HistoryEntry
{
	uint64		number;			/* from 1; grows by one with each, while the
								 * server runs */
	TimestampTz changed_at;
	uint64		term;			/* this node's */
	HistoryRole old_role;
	HistoryRole new_role;
	int32		old_leader_id;	/* RAFT_NO_NODE: none */
	int32		leader_id;		/* likewise */
	char		reason[HISTORY_REASON_SIZE];
	char		requested_by[HISTORY_REQUESTER_SIZE];	/* empty: no operator */
} HistoryEntry;

typedef struct HistorySlot
{
	pg_atomic_uint64 sequence;	/* odd while the entry is being written */
	HistoryEntry entry;
} HistorySlot;

/* Entry n is in slot (n - 1) % HISTORY_SIZE. */
typedef struct History
{
	pg_atomic_uint64 last_number;	/* 0: nothing has happened yet */
	HistorySlot slots[HISTORY_SIZE];
} History;

/*
 * What the ticker keeps in its own memory to write the history; fields are
 * for history.c.
 */
typedef struct HistoryWriter
{
	History    *history;
	int32		node_id;
	HistoryRole role;			/* as of the last event */
	int32		leader_id;
	bool		has_lease;		/* this node's, as a leader */
	bool		has_pending;
	bool		is_role_pending;	/* pending tells of another role */
	bool		is_leader_pending;	/* of another leader */
	HistoryEntry pending;		/* more may belong to it */
	uint64		pending_ns;		/* when it happened, by clock.h */
	HistoryEntry last;			/* as written; number 0: none */
	bool		has_deferred;
	HistoryEntry deferred;		/* the beginning of one more round of votes,
								 * told only if the round does not fail */
	uint64		failed_rounds;	/* that the last entry tells of */
	bool		is_amnesiac;
	char		forget_requested_by[HISTORY_REQUESTER_SIZE];	/* empty: forgetting was
																 * not asked for */
} HistoryWriter;

/* The creation of shared memory, once. */
extern void history_init(History *history);

/*
 * Ticker, right after raft_init(), with the view that this gives: it runs.  A
 * predecessor that could not tell of its end has ended now.
 */
extern void history_begin(HistoryWriter *writer, History *history,
						  int32 node_id, const RaftView *view);

/*
 * Ticker: an event of the core, in order; of what is no transition, nothing
 * comes.  requested_by: who asked for it, or NULL.
 */
extern void history_event(HistoryWriter *writer, const RaftEvent *event,
						  const char *requested_by);

/* Ticker: what belongs together was fed; now others may see it. */
extern void history_flush(HistoryWriter *writer);

/* Ticker: that the node's state be forgotten was asked for and granted. */
extern void history_forget_requested(HistoryWriter *writer, uint64 term,
									 const char *requested_by);

/* Ticker, at exit: it does not run any more; safe if nothing has begun. */
extern void history_end(HistoryWriter *writer, uint64 term,
						const char *reason);

/*
 * Copy the entries, oldest first, into an array of HISTORY_SIZE; returns how
 * many.  Any backend, without a lock.  An entry that is being overwritten, or
 * written, at this moment may be left out.
 */
extern int	history_read(History *history, HistoryEntry *entries);

/* "leader", "follower", "candidate", "down": scripts rely on these words. */
extern const char *history_role_word(HistoryRole role);

/* The role in which a node that runs shows itself. */
extern HistoryRole history_role(RaftRole role);

#endif							/* PG_LEADER_HISTORY_H */
