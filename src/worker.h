/*-------------------------------------------------------------------------
 *
 * worker.h
 *		What every worker of pg_leader does at its start and at its end, and
 *		the names by which the server finds the workers.
 *
 * None of them opens a database connection.  Each runs the same course:
 * worker_begin() (signals, its slot in shared memory), attach to queues and
 * sockets, loop until ShutdownRequestPending, leave.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_WORKER_H
#define PG_LEADER_WORKER_H

#include "postmaster/bgworker.h"
#include "shared_state.h"

/*
 * First call of every worker: install the signal handlers (SIGTERM asks for
 * an orderly end, SIGHUP for a reload, SIGUSR1 sets the latch), unblock
 * signals, give the process a resource owner and its slot.  The slot is
 * cleared at exit.
 */
extern void worker_begin(WorkerKind kind);

/* How this node encodes and checks datagrams, from settings and secret. */
extern void worker_set_up_wire(WireConfig *wire);

/* Milliseconds from now until then, rounded up, for WaitLatch(); -1: never. */
extern long worker_timeout_ms(uint64 now_ns, uint64 deadline_ns);

/* "launcher", "receiver", "ticker", "sender", "hook runner", "logger". */
extern const char *worker_name(WorkerKind kind);

/*
 * Fill in the description of a worker that the postmaster does not restart:
 * what it is called (so that ps shows worker and node) and where it begins.
 */
extern void worker_describe(WorkerKind kind, BackgroundWorker *worker);

/* Postmaster, in _PG_init(): register the launcher. */
extern void worker_register_launcher(void);

/*
 * At most one message a minute for each "slot": returns whether this one may
 * be logged, and how many were left out since the last.
 */
typedef struct LogLimit
{
	uint64		last_ns;		/* 0: nothing logged yet */
	uint64		suppressed;
} LogLimit;

extern bool worker_may_log(LogLimit *limit, uint64 now_ns, uint64 *suppressed);

/* Entry points; bgw_main_arg of the pipeline's three is the handle of the segment. */
extern PGDLLEXPORT void pg_leader_launcher_main(Datum main_arg) pg_attribute_noreturn();
extern PGDLLEXPORT void pg_leader_receiver_main(Datum main_arg) pg_attribute_noreturn();
extern PGDLLEXPORT void pg_leader_ticker_main(Datum main_arg) pg_attribute_noreturn();
extern PGDLLEXPORT void pg_leader_sender_main(Datum main_arg) pg_attribute_noreturn();
extern PGDLLEXPORT void pg_leader_hook_runner_main(Datum main_arg) pg_attribute_noreturn();
extern PGDLLEXPORT void pg_leader_logger_main(Datum main_arg) pg_attribute_noreturn();

#endif							/* PG_LEADER_WORKER_H */
