/*-------------------------------------------------------------------------
 *
 * publication.h
 *		What the ticker tells the other processes of its node: the lease cell,
 *		and the published state in shared memory.
 *
 * The ticker alone uses this, and calls in the order that safety rests on:
 * lower the lease, make durable, raise the lease, publish, send (ticker.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_PUBLICATION_H
#define PG_LEADER_PUBLICATION_H

#include "shared_state.h"

/* All zero before publication_begin().  Others write into "next" only. */
typedef struct Publication
{
	const RaftNode *node;
	int			node_count;
	uint64		raised_term;	/* of the lease in the cell; 0: none */
	uint64		raised_end_ns;
	RaftCounters earlier_counters;	/* of this process's predecessors */
	bool		is_pending;		/* the lock was busy: publish again soon */
	RaftView	view;			/* as last published */
	uint64		published_ns;	/* 0: nothing published yet */
	PublishedState next;		/* under construction: the ticker fills in
								 * settings and state_note, all else comes
								 * from the core */
} Publication;

/*
 * Start of the ticker, once it is the only one.  Reads what the last one has
 * published, without the lock.  "node" need not be initialised yet.
 */
extern void publication_begin(Publication *publication, const RaftNode *node,
							  int node_count);

/*
 * Take the lease out of the cell if the view has none, or another one, or a
 * shorter one.  A lease that ended never begins again in its term (Raft
 * thesis, 6.4.1, and docs/architecture.md), so it is revoked as well.
 */
extern void publication_lower_lease(Publication *publication,
									const RaftView *view);

/* Put the view's lease into the cell, if it has one that is not there. */
extern void publication_raise_lease(Publication *publication,
									const RaftView *view);

/*
 * Publish the view if something in it is new, or if it is half a heartbeat
 * old, or if "force" says so, and wake those who wait for a change.  Takes the
 * shared state's lock exclusively, if it is free at once; else is_pending is
 * set, and the next call tries again.
 */
extern void publication_publish(Publication *publication, const RaftView *view,
								bool force);

/*
 * End of the ticker: nobody is to wake it any more, and what its core has
 * counted since is added.  Left out if the shared state's lock is busy, as
 * waking a stranger does no harm.
 */
extern void publication_end(Publication *publication);

#endif							/* PG_LEADER_PUBLICATION_H */
