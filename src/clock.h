/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The clock of everything in pg_leader.
 *
 * CLOCK_BOOTTIME never goes back and counts the time for which the machine
 * was suspended: a leader that sleeps past its lease wakes without one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_CLOCK_H
#define PG_LEADER_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US	UINT64_C(1000)
#define NS_PER_MS	UINT64_C(1000000)
#define NS_PER_S	UINT64_C(1000000000)

/* Nanoseconds since boot.  Async-signal-safe. */
static inline uint64_t
clock_now_ns(void)
{
	struct timespec now;

	/* Cannot fail: Linux has known this clock since 2.6.39. */
	(void) clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t) now.tv_sec * NS_PER_S + (uint64_t) now.tv_nsec;
}

#endif							/* PG_LEADER_CLOCK_H */
