/*-------------------------------------------------------------------------
 *
 * statistics.h
 *		What the workers have counted, since the statistics were last reset.
 *
 * The workers' counters only grow while the server runs, and no worker ever
 * waits for whoever reads or resets them: a reset keeps what they were at that
 * moment, and a reader subtracts it, so that no increment is lost.  Maxima
 * are set to 0.  Any backend.
 *
 * Locks: the baseline's, shared to read and exclusive to reset, and under it
 * the shared state's, shared, to copy the core's counters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_STATISTICS_H
#define PG_LEADER_STATISTICS_H

#include "shared_state.h"

typedef struct Statistics
{
	Totals		totals;			/* since reset_at */
	uint64		inbox_max;		/* messages; likewise */
	uint64		outbox_max;
	uint64		state_write_max_ns;
	uint64		late_max_ns;
	uint64		hook_run_max_ns;
	TimestampTz reset_at;		/* or the server's start */
} Statistics;

extern void statistics_read(Statistics *statistics);
extern void statistics_reset(void);

#endif							/* PG_LEADER_STATISTICS_H */
