/*-------------------------------------------------------------------------
 *
 * worker.c
 *		What every worker of pg_leader does at its start and at its end.
 *
 * Runs in all workers; the registration of the launcher runs in the
 * postmaster.  No locks: a worker's slot is two atomics that it alone writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "auth.h"
#include "clock.h"
#include "config.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/resowner.h"
#include "worker.h"

/* Seconds until the postmaster starts an ended launcher again. */
#define LAUNCHER_RESTART_S	1

/* A LogLimit lets one message through in this time. */
#define LOG_INTERVAL_NS		(60 * NS_PER_S)

/* By WorkerKind. */
static const char *const worker_names[WORKER_KINDS] = {
	"launcher", "receiver", "ticker", "sender", "hook runner", "logger"
};

/* Likewise; the server finds them by name. */
static const char *const entry_points[WORKER_KINDS] = {
	"pg_leader_launcher_main", "pg_leader_receiver_main",
	"pg_leader_ticker_main", "pg_leader_sender_main",
	"pg_leader_hook_runner_main", "pg_leader_logger_main"
};

static const char *const resource_owner_names[WORKER_KINDS] = {
	"pg_leader launcher", "pg_leader receiver", "pg_leader ticker",
	"pg_leader sender", "pg_leader hook runner", "pg_leader logger"
};

/*
 * The postmaster tells of started and ended workers by SIGUSR1, which it
 * leaves ignored in a worker without a database connection.
 */
static void
handle_sigusr1(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	SetLatch(MyLatch);
	errno = saved_errno;
}

static void
clear_slot(int code, Datum argument)
{
	WorkerSlot *slot = &shared_state->workers[DatumGetInt32(argument)];
	uint32		own_pid = MyProcPid;

	/* Not if a successor is in it already. */
	(void) pg_atomic_compare_exchange_u32(&slot->pid, &own_pid, 0);
}

void
worker_begin(WorkerKind kind)
{
	WorkerSlot *slot = &shared_state->workers[kind];

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGUSR1, handle_sigusr1);
	BackgroundWorkerUnblockSignals();

	/* For what the server counts by owner: segments, wait sets, HMACs. */
	CurrentResourceOwner = ResourceOwnerCreate(NULL,
											   resource_owner_names[kind]);

	/*
	 * Late: what is torn down before this, queues among it, must be gone when
	 * the slot says that the worker is.
	 */
	on_shmem_exit(clear_slot, Int32GetDatum(kind));
	pg_atomic_write_u32(&slot->pid, MyProcPid);
	pg_atomic_fetch_add_u64(&slot->starts, 1);
}

void
worker_set_up_wire(WireConfig *wire)
{
	memset(wire, 0, sizeof(WireConfig));
	wire->fingerprint = config_fingerprint;
	wire->node_id = config_node_id;
	wire->node_count = config_peers.count;
	auth_set_up_wire(wire);
}

long
worker_timeout_ms(uint64 now_ns, uint64 deadline_ns)
{
	uint64		wait_ms;

	if (deadline_ns == UINT64_MAX)
		return -1;
	if (deadline_ns <= now_ns)
		return 0;
	wait_ms = (deadline_ns - now_ns - 1) / NS_PER_MS + 1;
	return (long) Min(wait_ms, (uint64) INT_MAX);
}

const char *
worker_name(WorkerKind kind)
{
	return worker_names[kind];
}

void
worker_describe(WorkerKind kind, BackgroundWorker *worker)
{
	memset(worker, 0, sizeof(*worker));
	snprintf(worker->bgw_name, sizeof(worker->bgw_name),
			 "pg_leader %s, node %d", worker_names[kind], config_node_id);
	snprintf(worker->bgw_type, sizeof(worker->bgw_type),
			 "pg_leader %s", worker_names[kind]);
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_PostmasterStart;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pg_leader",
			sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, entry_points[kind],
			sizeof(worker->bgw_function_name));
}

void
worker_register_launcher(void)
{
	BackgroundWorker worker;

	worker_describe(WORKER_LAUNCHER, &worker);
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

bool
worker_may_log(LogLimit *limit, uint64 now_ns, uint64 *suppressed)
{
	if (limit->last_ns != 0 && now_ns - limit->last_ns < LOG_INTERVAL_NS)
	{
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->last_ns = now_ns;
	return true;
}
