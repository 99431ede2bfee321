/*-------------------------------------------------------------------------
 *
 * lease_cell.h
 *		The lock-free cell in shared memory that says whether this node holds
 *		the leader's lease, right now.
 *
 * It has two parts.  The pair (lease_term, lease_end) is written by the
 * ticker alone and read consistently by means of a sequence counter.
 * revoked_term may be raised by any process, also in a signal handler, and is
 * never lowered: so whoever speaks the last words can end a lease for good,
 * and a ticker that still runs cannot raise it again.
 *
 *		valid  <=>  lease_term > revoked_term  and  lease_end > clock
 *
 * A reader loads the pair, then revoked_term, then the clock, in this order:
 * "true" then means that the node held the lease at the moment of the load.
 * Nothing is promised for the time after; callers fence with the term.
 *
 * The cell outlives the process that wrote it.  The first act of a ticker is
 * therefore lease_cell_clear().
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_LEASE_CELL_H
#define PG_LEADER_LEASE_CELL_H

#include "port/atomics.h"

typedef struct LeaseCell
{
	pg_atomic_uint64 sequence;	/* odd while the pair is being written */
	pg_atomic_uint64 lease_term;	/* 0: no lease */
	pg_atomic_uint64 lease_end_ns;	/* by clock.h; 0: no lease */
	pg_atomic_uint64 revoked_term;	/* leases of this and lesser terms are
									 * void */
} LeaseCell;

/* Shared memory's creation, once. */
extern void lease_cell_init(LeaseCell *cell);

/* Ticker only: no lease / a lease of that term until then. */
extern void lease_cell_clear(LeaseCell *cell);
extern void lease_cell_raise(LeaseCell *cell, uint64 lease_term,
							 uint64 lease_end_ns);

/*
 * Any process, async-signal-safe: void the leases of this and of all lesser
 * terms, for ever.
 */
extern void lease_cell_revoke(LeaseCell *cell, uint64 term);

/* Any process, async-signal-safe: the term of the pair as it stands, or 0. */
extern uint64 lease_cell_term(LeaseCell *cell);

/*
 * Any process: the term if the lease is valid at this moment, else 0.
 * *remaining_ns, if not NULL, is what is left of it.
 */
extern uint64 lease_cell_valid_term(LeaseCell *cell, uint64 *remaining_ns);

#endif							/* PG_LEADER_LEASE_CELL_H */
