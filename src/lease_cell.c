/*-------------------------------------------------------------------------
 *
 * lease_cell.c
 *		The lock-free lease: a pair behind a sequence counter, and the term up
 *		to which leases are void.
 *
 * The ticker writes the pair, any process raises revoked_term, any process
 * reads.  No locks.  What must stay true:
 *	1. the counter is odd whenever the pair may be half written, so that a
 *	   reader never puts the term of one lease beside the end of another;
 *	2. a reader loads the pair, then revoked_term, then the clock: what it
 *	   answers was true when it loaded the pair;
 *	3. lowering (clear, revoke) is visible to all before the call returns, for
 *	   the caller goes on to tell other nodes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "lease_cell.h"

/*
 * Where 64-bit atomics are made of spinlocks, a signal handler that revokes a
 * lease could wait for the process that it interrupted.
 */
#ifdef PG_HAVE_ATOMIC_U64_SIMULATION
#error "pg_leader needs lock-free 64-bit atomic operations"
#endif

/*
 * Writing the pair takes nanoseconds.  A reader that finds the counter odd
 * this often has met a writer that was stopped in the middle.
 */
#define READ_ATTEMPTS	1000

void
lease_cell_init(LeaseCell *cell)
{
	pg_atomic_init_u64(&cell->sequence, 0);
	pg_atomic_init_u64(&cell->lease_term, 0);
	pg_atomic_init_u64(&cell->lease_end_ns, 0);
	pg_atomic_init_u64(&cell->revoked_term, 0);
}

/*
 * A ticker that died in the middle of this leaves the counter odd; its
 * successor carries on from there.
 */
static void
write_pair(LeaseCell *cell, uint64 lease_term, uint64 lease_end_ns)
{
	uint64		odd = (pg_atomic_read_u64(&cell->sequence) + 1) | 1;

	pg_atomic_write_u64(&cell->sequence, odd);
	pg_write_barrier();
	pg_atomic_write_u64(&cell->lease_term, lease_term);
	pg_atomic_write_u64(&cell->lease_end_ns, lease_end_ns);
	pg_write_barrier();
	pg_atomic_write_u64(&cell->sequence, odd + 1);
}

/* Load the pair; false if it could not be had in one piece. */
static bool
read_pair(LeaseCell *cell, uint64 *lease_term, uint64 *lease_end_ns)
{
	for (int i = 0; i < READ_ATTEMPTS; i++)
	{
		uint64		before = pg_atomic_read_u64(&cell->sequence);
		uint64		after;

		pg_read_barrier();
		*lease_term = pg_atomic_read_u64(&cell->lease_term);
		*lease_end_ns = pg_atomic_read_u64(&cell->lease_end_ns);
		pg_read_barrier();
		after = pg_atomic_read_u64(&cell->sequence);

		if (before == after && (before & 1) == 0)
			return true;
	}
	return false;
}

void
lease_cell_clear(LeaseCell *cell)
{
	write_pair(cell, 0, 0);
	pg_memory_barrier();
}

void
lease_cell_raise(LeaseCell *cell, uint64 lease_term, uint64 lease_end_ns)
{
	write_pair(cell, lease_term, lease_end_ns);
}

void
lease_cell_revoke(LeaseCell *cell, uint64 term)
{
	uint64		revoked = pg_atomic_read_u64(&cell->revoked_term);

	/* A failed exchange loads the present value. */
	while (revoked < term &&
		   !pg_atomic_compare_exchange_u64(&cell->revoked_term, &revoked, term))
		;
	pg_memory_barrier();
}

uint64
lease_cell_term(LeaseCell *cell)
{
	return pg_atomic_read_u64(&cell->lease_term);
}

uint64
lease_cell_valid_term(LeaseCell *cell, uint64 *remaining_ns)
{
	uint64		lease_term;
	uint64		lease_end_ns;
	uint64		revoked_term;
	uint64		now_ns;

	if (remaining_ns != NULL)
		*remaining_ns = 0;

	/* Not being able to tell is not holding the lease. */
	if (!read_pair(cell, &lease_term, &lease_end_ns))
		return 0;

	revoked_term = pg_atomic_read_u64(&cell->revoked_term);
	pg_memory_barrier();
	now_ns = clock_now_ns();

	if (lease_term <= revoked_term || lease_end_ns <= now_ns)
		return 0;
	if (remaining_ns != NULL)
		*remaining_ns = lease_end_ns - now_ns;
	return lease_term;
}
