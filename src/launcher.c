/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		Starts receiver, ticker and sender together, and restarts them
 *		together; hook runner and logger, each alone; keeps the peers'
 *		addresses.
 *
 * Runs in the launcher, the extension's one static worker.  Takes the shared
 * state's lock, exclusively, for copying addresses into it, and only if it is
 * free; shared, for copying the published state.  Waits for nothing but its
 * latch: names are resolved in a child process (resolver.c).
 *
 * The three workers are one Raft node.  When one of them ends, the others are
 * ended, the death of every one is awaited, and all begin anew, with a new
 * session and the state from disk.  Who notices whose death:
 *
 *	worker ends		the postmaster tells the launcher, by SIGUSR1.  Its
 *					neighbours find their queue detached, and end as well.
 *	launcher ends	on its way out it revokes the lease and asks the
 *					postmaster to end its workers.  Its successor, a second
 *					later, waits until their slots in shared memory are empty.
 *	worker killed	the postmaster restarts the whole server, as for any
 *					process with shared memory.
 *	postmaster dies	each notices by itself.
 *
 * Hook runner and logger are no part of that: their end ends nobody, and each
 * is started again alone.  They never take a slot that the pipeline needs: they
 * start while the pipeline runs, and have to leave when that finds no slot.
 *
 * None of this guards against a second ticker; the lock on the state
 * directory does (state_file.h).
 *
 * The launcher exits with status 1, after which the postmaster restarts it.
 * After status 0 it would not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netdb.h>
#include <signal.h>

#include "clock.h"
#include "config.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "queues.h"
#include "resolver.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "worker.h"

#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#endif

/*
 * A pipeline that lived for less has failed.  The next one starts at once,
 * but from the second failure in a row on it waits, longer each time.
 */
#define SHORT_LIFE_NS			(5 * NS_PER_S)
#define RESTART_DELAY_NS		(1 * NS_PER_S)
#define MAX_RESTART_DELAYS		5

/* Look for free background worker slots. */
#define NO_SLOT_INTERVAL_NS		(1 * NS_PER_S)

/* Say again what is being waited for. */
#define SAY_INTERVAL_NS			(10 * NS_PER_S)

/* Look again: at a former launcher's workers, at a lock that was busy. */
#define RETRY_INTERVAL_NS		(100 * NS_PER_MS)

/* Ask again for a name that could not be resolved / of a silent peer. */
#define UNRESOLVED_INTERVAL_NS	(5 * NS_PER_S)
#define SILENT_INTERVAL_NS		(10 * NS_PER_S)

#define NEVER					UINT64_MAX

/* Where the pipeline is. */
typedef enum Phase
{
	PHASE_ORPHANED,				/* workers of a former launcher live */
	PHASE_STOPPED,				/* none lives */
	PHASE_RUNNING,
	PHASE_STOPPING				/* told to end, some still live */
} Phase;

static Phase phase = PHASE_ORPHANED;

/* The workers, by kind; NULL: not started. */
static BackgroundWorkerHandle *children[WORKER_KINDS];
static dsm_segment *segment = NULL;

static uint64 started_ns;		/* RUNNING: since when */
static uint64 start_at_ns;		/* STOPPED: when to start */
static int	short_lives;		/* of pipelines, one after another */
static uint64 waiting_since_ns; /* ORPHANED, STOPPING */
static uint64 say_at_ns;		/* ORPHANED, STOPPING: when to say so */
static LogLimit no_slot_limit;	/* last_ns 0: slots were not missing */
static LogLimit resolver_limit; /* messages that no resolver starts */
static uint64 no_slot_since_ns;

/* A worker that is no part of the pipeline; its handle is among the children. */
typedef struct LoneWorker
{
	WorkerKind	kind;
	const char *without;		/* what is not done while it has no slot */
	uint64		started_ns;		/* when it was started last; 0: never */
	uint64		start_at_ns;	/* not running: when to start it */
	int			short_lives;	/* one after another */
	LogLimit	slot_limit;		/* last_ns 0: a slot was not missing */
} LoneWorker;

static LoneWorker lone_workers[] = {
	{WORKER_HOOK_RUNNER, "pg_leader.on_leader_change is not run"},
	{WORKER_LOGGER, "the algorithm log is not written"}
};

/*
 * Addresses as this process knows them, copied to shared memory when they
 * change.  The one to listen on is kept behind those of the nodes.
 */
#define LISTEN_KEY				RAFT_MAX_NODES
#define ADDRESS_KEYS			(RAFT_MAX_NODES + 1)

static PeerAddress addresses[ADDRESS_KEYS];
static PeerName names[ADDRESS_KEYS];
static bool is_wanted[ADDRESS_KEYS];	/* part of the configuration */
static bool is_name[ADDRESS_KEYS];	/* needs the system's resolver */
static int	name_count;			/* how many do */
static bool is_reported[ADDRESS_KEYS];	/* logged as not resolved */
static int	wanted_family = AF_UNSPEC;
static bool publish_due;		/* changed since last copied */
static uint64 resolve_at_ns = 0;

/*
 * Void the lease as it stands: whoever held it has died or is about to.  The
 * lease would run out by itself; this is to be no later than need be.
 */
static void
revoke_lease(void)
{
	LeaseCell  *lease = &shared_state->lease;

	lease_cell_revoke(lease, lease_cell_term(lease));
}

static void
terminate_pipeline(void)
{
	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		if (children[kind] != NULL)
			TerminateBackgroundWorker(children[kind]);
	}
}

static void
terminate_lone_workers(void)
{
	for (int i = 0; i < lengthof(lone_workers); i++)
	{
		if (children[lone_workers[i].kind] != NULL)
			TerminateBackgroundWorker(children[lone_workers[i].kind]);
	}
}

static void
end_launcher(int code, Datum argument)
{
	/* An error may have come in the middle of anything. */
	LWLockReleaseAll();

	revoke_lease();
	shared_state_give_up(SHARED_WRITER_LAUNCHER);
	resolver_stop();
	if (PostmasterIsAlive())
	{
		terminate_pipeline();
		terminate_lone_workers();
	}
}

/*
 * The pipeline
 */

static bool
has_ended(WorkerKind kind)
{
	pid_t		pid;

	return GetBackgroundWorkerPid(children[kind], &pid) == BGWH_STOPPED;
}

static void
stop_pipeline(uint64 now_ns)
{
	revoke_lease();
	terminate_pipeline();
	phase = PHASE_STOPPING;
	waiting_since_ns = now_ns;
	say_at_ns = now_ns + SAY_INTERVAL_NS;
}

static void
report_no_slot(uint64 now_ns)
{
	uint64		suppressed;

	if (no_slot_limit.last_ns == 0)
		no_slot_since_ns = now_ns;
	if (!worker_may_log(&no_slot_limit, now_ns, &suppressed))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("no background worker slot is free for pg_leader"),
			 errdetail("This node takes no part in elections until %d slots are free.",
					   PIPELINE_END - PIPELINE_FIRST),
			 errhint("Increase max_worker_processes.")));
}

static void
start_pipeline(uint64 now_ns)
{
	/* The cell may hold a lease of the pipeline before. */
	revoke_lease();

	segment = queues_create(config_peers.count);
	started_ns = now_ns;

	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		BackgroundWorker worker;

		worker_describe(kind, &worker);
		worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
		worker.bgw_notify_pid = MyProcPid;
		if (!RegisterDynamicBackgroundWorker(&worker, &children[kind]))
		{
			children[kind] = NULL;
			report_no_slot(now_ns);
			terminate_lone_workers();
			stop_pipeline(now_ns);
			return;
		}
	}
	phase = PHASE_RUNNING;

	if (no_slot_limit.last_ns != 0)
	{
		ereport(LOG,
				(errmsg("pg_leader has background worker slots again, after %.1f s",
						(now_ns - no_slot_since_ns) / (double) NS_PER_S)));
		memset(&no_slot_limit, 0, sizeof(no_slot_limit));
	}
}

/* RUNNING: has one of them ended? */
static void
watch_pipeline(uint64 now_ns)
{
	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		if (has_ended(kind))
		{
			ereport(LOG,
					(errmsg("pg_leader %s has ended, restarting all workers of pg_leader",
							worker_name(kind))));
			stop_pipeline(now_ns);
			return;
		}
	}
}

/* STOPPING: bury the dead; when all are, the next start may be planned. */
static void
await_deaths(uint64 now_ns)
{
	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		if (children[kind] == NULL || !has_ended(kind))
			continue;
		pfree(children[kind]);
		children[kind] = NULL;
	}

	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		if (children[kind] == NULL)
			continue;
		if (now_ns >= say_at_ns)
		{
			ereport(LOG,
					(errmsg("pg_leader has waited for %.0f s for its %s to end",
							(now_ns - waiting_since_ns) / (double) NS_PER_S,
							worker_name(kind)),
					 errdetail("Its workers start again when all of them have ended.")));
			say_at_ns = now_ns + SAY_INTERVAL_NS;
		}
		return;
	}

	/* Nobody is left who could raise the lease. */
	revoke_lease();
	dsm_detach(segment);
	segment = NULL;

	phase = PHASE_STOPPED;
	start_at_ns = now_ns;
	if (no_slot_limit.last_ns != 0)
		start_at_ns += NO_SLOT_INTERVAL_NS;
	else if (waiting_since_ns - started_ns >= SHORT_LIFE_NS)
		short_lives = 0;
	else
	{
		start_at_ns += Min(short_lives, MAX_RESTART_DELAYS) * RESTART_DELAY_NS;
		short_lives++;
	}
}

/* ORPHANED: do workers of a former launcher live? */
static void
await_orphans(uint64 now_ns)
{
	bool		is_first = (waiting_since_ns == 0);
	const char *orphan = NULL;

	if (is_first)
	{
		waiting_since_ns = now_ns;
		say_at_ns = now_ns + SAY_INTERVAL_NS;
	}

	for (int kind = PIPELINE_FIRST; kind < PIPELINE_END; kind++)
	{
		uint32		pid = pg_atomic_read_u32(&shared_state->workers[kind].pid);

		if (pid == 0)
			continue;
		orphan = worker_name(kind);

		/*
		 * The former launcher has told all that it knew of, but an error may
		 * have kept it from knowing one that it had just registered.
		 */
		if (is_first)
			(void) kill(pid, SIGTERM);
	}

	if (orphan == NULL)
	{
		phase = PHASE_STOPPED;
		start_at_ns = now_ns;
	}
	else if (now_ns >= say_at_ns)
	{
		ereport(LOG,
				(errmsg("pg_leader has waited for %.0f s for its former %s to end",
						(now_ns - waiting_since_ns) / (double) NS_PER_S,
						orphan)));
		say_at_ns = now_ns + SAY_INTERVAL_NS;
	}
}

/* STOPPED: receiver and sender cannot bind what is not known yet. */
static bool
is_startable(void)
{
	return addresses[config_node_id].length > 0 &&
		addresses[LISTEN_KEY].length > 0 && !publish_due;
}

static void
advance_pipeline(uint64 now_ns)
{
	if (phase == PHASE_ORPHANED)
		await_orphans(now_ns);
	if (phase == PHASE_STOPPED && now_ns >= start_at_ns && is_startable())
		start_pipeline(now_ns);
	if (phase == PHASE_RUNNING)
		watch_pipeline(now_ns);
	if (phase == PHASE_STOPPING)
		await_deaths(now_ns);
}

/*
 * Workers that are no part of the pipeline
 */

static bool
is_needed(WorkerKind kind)
{
	return kind != WORKER_LOGGER || config_enable_log != LOG_LEVEL_OFF;
}

static void
start_lone_worker(LoneWorker *lone, uint64 now_ns)
{
	BackgroundWorker worker;
	uint64		suppressed;

	worker_describe(lone->kind, &worker);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &children[lone->kind]))
	{
		if (lone->slot_limit.last_ns != 0)
			ereport(LOG,
					(errmsg("pg_leader's %s has a background worker slot again",
							worker_name(lone->kind))));
		memset(&lone->slot_limit, 0, sizeof(lone->slot_limit));
		lone->started_ns = now_ns;
		return;
	}

	children[lone->kind] = NULL;
	lone->start_at_ns = now_ns + NO_SLOT_INTERVAL_NS;
	if (worker_may_log(&lone->slot_limit, now_ns, &suppressed))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker slot is free for pg_leader's %s",
						worker_name(lone->kind)),
				 errdetail("Elections go on, but %s until a slot is free.",
						   lone->without),
				 errhint("Increase max_worker_processes.")));
}

/* It has ended: the next one may start at once, but not over and over. */
static void
bury_lone_worker(LoneWorker *lone, uint64 now_ns)
{
	pfree(children[lone->kind]);
	children[lone->kind] = NULL;

	if (!is_needed(lone->kind))
	{
		lone->short_lives = 0;
		lone->start_at_ns = now_ns;
		return;
	}
	if (now_ns - lone->started_ns >= SHORT_LIFE_NS)
		lone->short_lives = 0;
	lone->start_at_ns = now_ns +
		Min(lone->short_lives, MAX_RESTART_DELAYS) * RESTART_DELAY_NS;
	lone->short_lives++;
	if (phase == PHASE_RUNNING)
		ereport(LOG,
				(errmsg("pg_leader %s has ended, restarting it alone",
						worker_name(lone->kind))));
}

static void
advance_lone_worker(LoneWorker *lone, uint64 now_ns)
{
	uint32		other_pid;

	if (children[lone->kind] != NULL && has_ended(lone->kind))
		bury_lone_worker(lone, now_ns);
	if (children[lone->kind] != NULL || !is_needed(lone->kind) ||
		phase != PHASE_RUNNING || now_ns < lone->start_at_ns)
		return;

	/*
	 * Two of them would run two hooks at a time, or read one ring.  One of a
	 * former launcher has been told to end; if it was started only then, it
	 * has not.
	 */
	other_pid = pg_atomic_read_u32(&shared_state->workers[lone->kind].pid);
	if (other_pid != 0)
	{
		if (lone->started_ns == 0)
			(void) kill(other_pid, SIGTERM);
		lone->start_at_ns = now_ns + RETRY_INTERVAL_NS;
		return;
	}
	start_lone_worker(lone, now_ns);
}

static void
advance_lone_workers(uint64 now_ns)
{
	for (int i = 0; i < lengthof(lone_workers); i++)
		advance_lone_worker(&lone_workers[i], now_ns);
}

/* After a reload: who is not needed any more? */
static void
end_needless_workers(void)
{
	for (int i = 0; i < lengthof(lone_workers); i++)
	{
		WorkerKind	kind = lone_workers[i].kind;

		if (children[kind] != NULL && !is_needed(kind))
			TerminateBackgroundWorker(children[kind]);
	}
}

/*
 * Addresses
 */

static void
set_address(int key, const PeerAddress *address)
{
	addresses[key] = *address;
	publish_due = true;

	/* Without a setting of its own, it listens where its peers send to. */
	if (key == config_node_id && !is_wanted[LISTEN_KEY])
		addresses[LISTEN_KEY] = *address;
}

static void
set_up_addresses(void)
{
	PeerAddress address;
	const char *problem;

	for (int i = 0; i < config_peers.count; i++)
	{
		names[i] = config_peers.peers[i];
		is_wanted[i] = true;
	}
	if (config_listen_addresses[0] != '\0')
	{
		char	   *detail = NULL;

		if (!peers_parse_host(config_listen_addresses, names[LISTEN_KEY].host,
							  &detail))
			elog(ERROR, "could not parse pg_leader.listen_addresses: %s",
				 detail);
		names[LISTEN_KEY].port = names[config_node_id].port;
		is_wanted[LISTEN_KEY] = true;
	}

	/* Literals are there at once, and decide which kind of address counts. */
	for (int key = 0; key < ADDRESS_KEYS; key++)
	{
		if (!is_wanted[key])
			continue;
		is_name[key] = resolver_needed(&names[key]);
		name_count += is_name[key];
		if (is_name[key] || strcmp(names[key].host, PEER_HOST_ANY) == 0)
			continue;
		if (!peers_resolve(&names[key], AF_UNSPEC, &address, &problem))
			elog(ERROR, "could not resolve address \"%s\": %s",
				 names[key].host, problem);
		set_address(key, &address);
		if (wanted_family == AF_UNSPEC || key == config_node_id)
			wanted_family = address.address.ss_family;
	}
}

/* The own address is new: what depends on its kind can be settled. */
static void
settle_family(void)
{
	PeerAddress address;
	const char *problem;

	wanted_family = addresses[config_node_id].address.ss_family;
	if (!is_wanted[LISTEN_KEY] ||
		strcmp(names[LISTEN_KEY].host, PEER_HOST_ANY) != 0)
		return;
	if (!peers_resolve(&names[LISTEN_KEY], wanted_family, &address, &problem))
		elog(ERROR, "could not make wildcard address: %s", problem);
	set_address(LISTEN_KEY, &address);
}

/* Copy to shared memory, unless the lock is busy; then try again. */
static void
publish_addresses(void)
{
	if (!publish_due ||
		!shared_state_try_lock(SHARED_WRITER_LAUNCHER))
		return;
	memcpy(shared_state->addresses, addresses,
		   sizeof(shared_state->addresses));
	shared_state->listen_address = addresses[LISTEN_KEY];
	pg_atomic_fetch_add_u64(&shared_state->addresses_generation, 1);
	shared_state_unlock();
	publish_due = false;
}

static void
report_unresolved(const ResolverAnswer *answer)
{
	int			key = answer->key;

	if (is_reported[key])
		return;
	is_reported[key] = true;

	if (key == config_node_id || key == LISTEN_KEY)
		ereport(WARNING,
				(errcode(ERRCODE_CONNECTION_EXCEPTION),
				 errmsg("could not resolve this node's host name \"%s\": %s",
						names[key].host, answer->problem),
				 errdetail("This node takes no part in elections until the name can be resolved."),
				 errhint("Check pg_leader.cluster and pg_leader.listen_addresses, and this host's resolver.")));
	else
		ereport(LOG,
				(errcode(ERRCODE_CONNECTION_EXCEPTION),
				 errmsg("could not resolve host name \"%s\" of node %d: %s",
						names[key].host, key, answer->problem)));
}

static void
take_answer(const ResolverAnswer *answer, uint64 now_ns)
{
	int			key = answer->key;
	PeerAddress old = addresses[key];
	char		old_text[NI_MAXHOST];
	char		new_text[NI_MAXHOST];

	/* A name that cannot be resolved now keeps the address that it had. */
	if (answer->address.length == 0)
	{
		if (old.length == 0)
			report_unresolved(answer);
		return;
	}
	if (old.length == answer->address.length &&
		memcmp(&old.address, &answer->address.address, old.length) == 0)
		return;

	set_address(key, &answer->address);
	if (is_reported[key] || old.length > 0)
		ereport(LOG,
				(errmsg("host name \"%s\" has address \"%s\"",
						names[key].host,
						peers_format_address(&answer->address, new_text,
											 sizeof(new_text))),
				 old.length > 0 ?
				 errdetail("It had address \"%s\".",
						   peers_format_address(&old, old_text,
												sizeof(old_text))) : 0));
	is_reported[key] = false;

	/* Once this is known, the others' turn comes at once. */
	if (key == config_node_id && old.length == 0)
		resolve_at_ns = now_ns;
	if (key == config_node_id)
		settle_family();

	/* Sockets are bound once in a worker's life. */
	if ((key == config_node_id || key == LISTEN_KEY) &&
		phase == PHASE_RUNNING)
		stop_pipeline(now_ns);
}

/* Names that nobody has heard of for a while may have moved. */
static bool
is_silent(int node_id, const PublishedState *published, uint64 now_ns)
{
	uint64		heard_ns = published->peers[node_id].last_heard_ns;

	return heard_ns == 0 || now_ns >= heard_ns + SILENT_INTERVAL_NS;
}

/* Ask for all names that are not known, and for those of silent peers. */
static void
start_resolver(uint64 now_ns)
{
	static ResolverQuestion questions[ADDRESS_KEYS];
	static PublishedState published;
	int			count = 0;
	bool		is_own_known = addresses[config_node_id].length > 0;
	bool		is_any_unknown = !is_own_known;
	bool		is_published = shared_state_read(&published);
	uint64		suppressed;

	for (int key = 0; key < ADDRESS_KEYS; key++)
	{
		bool		is_unknown = addresses[key].length == 0;
		bool		is_own = key == config_node_id || key == LISTEN_KEY;

		if (!is_name[key])
			continue;

		/* The own address comes first: its kind decides on the others'. */
		if (!is_own_known && key != config_node_id)
			continue;

		/* The own name may have moved if its address cannot be bound. */
		if (is_unknown || (is_own && short_lives > 0) ||
			(!is_own && is_published && is_silent(key, &published, now_ns)))
		{
			questions[count].key = key;
			questions[count].name = names[key];
			count++;
			is_any_unknown |= is_unknown;
		}
	}

	resolve_at_ns = now_ns + (is_any_unknown ? UNRESOLVED_INTERVAL_NS :
							  SILENT_INTERVAL_NS);
	if (count > 0 && !resolver_start(questions, count, wanted_family) &&
		worker_may_log(&resolver_limit, now_ns, &suppressed))
		ereport(LOG,
				(errmsg("could not start a process to resolve host names: %m")));
}

static void
advance_addresses(uint64 now_ns)
{
	ResolverAnswer answer;

	while (resolver_next(&answer))
		take_answer(&answer, now_ns);

	if (name_count > 0 && now_ns >= resolve_at_ns &&
		resolver_socket() == PGINVALID_SOCKET)
		start_resolver(now_ns);
	publish_addresses();
}

/*
 * The loop
 */

/* When there is something to be done that no latch tells of. */
static uint64
next_deadline(uint64 now_ns)
{
	uint64		deadline_ns = NEVER;

	if (name_count > 0 && resolver_socket() == PGINVALID_SOCKET)
		deadline_ns = resolve_at_ns;
	if (publish_due || phase == PHASE_ORPHANED)
		deadline_ns = Min(deadline_ns, now_ns + RETRY_INTERVAL_NS);
	if (phase == PHASE_STOPPED && is_startable())
		deadline_ns = Min(deadline_ns, start_at_ns);
	if (phase == PHASE_STOPPING)
		deadline_ns = Min(deadline_ns, say_at_ns);
	for (int i = 0; i < lengthof(lone_workers); i++)
	{
		const LoneWorker *lone = &lone_workers[i];

		if (phase == PHASE_RUNNING && children[lone->kind] == NULL &&
			is_needed(lone->kind))
			deadline_ns = Min(deadline_ns, lone->start_at_ns);
	}
	return deadline_ns;
}

static void
wait_for_something(uint64 now_ns)
{
	int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;
	pgsocket	socket = resolver_socket();
	long		timeout_ms = worker_timeout_ms(now_ns, next_deadline(now_ns));

	if (socket != PGINVALID_SOCKET)
		events |= WL_SOCKET_READABLE;
	if (timeout_ms >= 0)
		events |= WL_TIMEOUT;

	/* Backends may live on for seconds: they must not believe in the lease. */
	if (WaitLatchOrSocket(MyLatch, events, socket, timeout_ms,
						  PG_WAIT_EXTENSION) & WL_POSTMASTER_DEATH)
		proc_exit(1);
	ResetLatch(MyLatch);
}

void
pg_leader_launcher_main(Datum main_arg)
{
	worker_begin(WORKER_LAUNCHER);
	before_shmem_exit(end_launcher, (Datum) 0);

	/* A former launcher may have had no time for this. */
	revoke_lease();
	set_up_addresses();
	if (addresses[config_node_id].length > 0)
		settle_family();

	while (!ShutdownRequestPending)
	{
		uint64		now_ns = clock_now_ns();

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			end_needless_workers();
		}
		advance_addresses(now_ns);
		advance_pipeline(now_ns);
		advance_lone_workers(now_ns);
		wait_for_something(now_ns);
	}
	proc_exit(1);
}
