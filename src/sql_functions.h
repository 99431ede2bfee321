/*-------------------------------------------------------------------------
 *
 * sql_functions.h
 *		What the SQL functions and those behind the views have in common.
 *
 * For sql_functions.c and sql_views.c.  Any backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_SQL_FUNCTIONS_H
#define PG_LEADER_SQL_FUNCTIONS_H

#include "shared_state.h"

/*
 * ereport(ERROR)s, saying how to mend it, unless shared_state is there: the
 * library was preloaded and is switched on.
 */
extern void sql_functions_check_running(void);

/* Process id of a worker; 0: it does not run. */
extern uint32 sql_functions_worker_pid(WorkerKind kind);

/*
 * Is what was published still so: does the ticker that told it live, and tell
 * something from time to time?  If not, the node is down for everybody who
 * asks.  The caller has a copy, or holds the shared state's lock.
 */
extern bool sql_functions_is_live(const PublishedState *state);

/* palloc'd; exact to the microsecond, rounded down. */
extern Interval *sql_functions_make_interval(uint64 duration_ns);

#endif							/* PG_LEADER_SQL_FUNCTIONS_H */
