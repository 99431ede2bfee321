/*-------------------------------------------------------------------------
 *
 * hook_runner.c
 *		Runs pg_leader.on_leader_change at every change of the known leader.
 *
 * Runs in the hook runner only, a worker of its own that nobody waits for:
 * whatever a command does, elections do not notice.  It learns of changes by
 * the condition variable that the ticker broadcasts, and looks at the state
 * that was published; so it is told states, not events, and what came and went
 * between two looks is counted but not told.
 *
 * Takes the shared state's lock, shared, to copy a few fields; never across
 * anything else.
 *
 * What must stay true:
 *	1. One command at a time, and in the order of the news.
 *	2. The newest news has a run that was begun after it became known, and was
 *	   not broken off by this process's end: what is not finished is in shared
 *	   memory, and the next hook runner begins it again.
 *	3. The term that is told never goes back.
 *	4. However this process ends, nothing of the command outlives it, as far as
 *	   hook_process.h says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "diagnosis.h"
#include "hook_command.h"
#include "hook_output.h"
#include "hook_process.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "postmaster/postmaster.h"
#include "sql_functions.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
#include "worker.h"

/*
 * The ticker tells of every end of a leadership, unless it hangs or has died.
 * Then this process finds out, and believes it after this time.  While the
 * server stops, or the workers start anew, that lasts no longer.
 */
#define LEASE_GRACE_NS		(250 * NS_PER_MS)
#define DOWN_GRACE_NS		(1 * NS_PER_S)

/*
 * While a leader is known, look this often whether the ticker lives; and while
 * it does not, whether it does again, which is no change that it tells of.
 */
#define CHECK_INTERVAL_NS	(1 * NS_PER_S)

/* A process could not be started: try again. */
#define START_RETRY_NS		(1 * NS_PER_S)

/* A command that does not end although it was killed: say so. */
#define STUCK_NOTE_NS		(60 * NS_PER_S)

/* At this process's own end: how long a command has after each signal. */
#define OWN_END_WAIT_MS		500
#define OWN_END_STEP_MS		10

#define NEVER				UINT64_MAX

/* What this node knows of the leader at one moment. */
typedef struct Known
{
	int32		leader_id;
	int32		leader_port;
	uint64		term;
	uint64		leader_changes; /* as published */
	const char *role;
	const char *reason;
	uint64		believe_after_ns;	/* not before this has lasted so long; 0:
									 * the ticker says so itself */
	bool		is_shutdown;	/* the leadership ended as the server, or its
								 * ticker, stops */
} Known;

typedef struct Run
{
	pid_t		guardian;		/* 0: no command runs */
	int			output_fd;		/* -1: at its end, or none */
	HookOutput	output;
	HookNews	news;			/* what it tells of */
	HookRun		run;
	char	   *command;		/* as configured when it began */
	uint64		started_ns;
	uint64		timed_out_ns;	/* 0: not */
	uint64		note_at_ns;		/* timed out: when to kill the group, or to
								 * say that it does not end */
	bool		killed;			/* the whole group was */
} Run;

static Run	run = {.output_fd = -1};
static bool is_ticker_silent;	/* what was published last is history */
static uint64 suspect_since_ns; /* 0: what is known can be believed */
static uint64 start_at_ns;		/* not to start a command before */
static uint64 retry_at_ns;		/* repeat the last command then; 0: do not */
static MemoryContext run_context;	/* for one run */
static MemoryContext turn_context;	/* for one turn of the main loop */

/*-------------------------------------------------------------------------
 * News
 *-------------------------------------------------------------------------
 */

static const char *
role_word(const RaftView *view, int32 usable_leader)
{
	if (usable_leader == config_node_id)
		return "leader";
	switch (view->role)
	{
		case RAFT_FOLLOWER:
			return "follower";
		case RAFT_PRE_CANDIDATE:
		case RAFT_CANDIDATE:
		case RAFT_LEADER:		/* without a lease */
			break;
	}
	return "candidate";
}

/* Copy what is published; false: nothing is. */
static bool
look(Known *known)
{
	const PublishedState *published = &shared_state->published;
	const RaftView *view = &published->raft;
	bool		is_live;
	bool		is_led_here;

	memset(known, 0, sizeof(*known));
	shared_state_lock();
	if (!published->valid)
	{
		shared_state_unlock();
		return false;
	}
	is_live = sql_functions_is_live(published);
	known->leader_id = shared_state_usable_leader(view, config_node_id);
	known->term = view->term;
	known->leader_changes = published->leader_changes;
	known->role = role_word(view, known->leader_id);
	known->reason = raft_reason_name(view->role_reason);
	known->is_shutdown = (view->role_reason == RAFT_REASON_SHUTDOWN);
	is_led_here = (known->leader_id == config_node_id);
	if (known->leader_id != RAFT_NO_NODE)
	{
		known->term = view->leader_term;
		known->leader_port = is_led_here ? PostPortNumber :
			published->peers[known->leader_id].advertised_port;
	}
	shared_state_unlock();

	if (!is_live)
	{
		known->leader_id = RAFT_NO_NODE;
		known->role = "down";
		known->reason = "no answer from the election process";
		known->believe_after_ns = DOWN_GRACE_NS;
	}
	else if (is_led_here &&
			 lease_cell_valid_term(&shared_state->lease, NULL) != known->term)
	{
		known->leader_id = RAFT_NO_NODE;
		known->role = "candidate";
		known->reason = "lease ran out";
		known->believe_after_ns = LEASE_GRACE_NS;
	}
	if (known->leader_id == RAFT_NO_NODE)
		known->leader_port = 0;
	return true;
}

/*
 * A leader of a term before the last one told is past, whoever may still hear
 * it (a node that has lost its state may): the term never goes back.
 */
static void
keep_term(Known *known, const HookNews *news)
{
	if (known->term >= news->term)
		return;
	known->term = news->term;
	known->leader_id = RAFT_NO_NODE;
	known->leader_port = 0;
}

static void
set_news(const Known *known, uint64 changes)
{
	HookState  *hook = &shared_state->hook;
	HookNews   *news = &hook->news;

	news->leader_id = known->leader_id;
	news->leader_port = known->leader_port;
	news->term = known->term;
	strlcpy(news->role, known->role, sizeof(news->role));
	strlcpy(news->reason, known->reason, sizeof(news->reason));
	news->sequence += Max(changes, 1);
	hook->seen_changes = known->leader_changes;
}

/* Is there something new?  If so, it becomes the newest news. */
static void
take_news(uint64 now_ns)
{
	HookState  *hook = &shared_state->hook;
	Known		known;
	uint64		changes;
	bool		differs;

	if (!look(&known))
		return;
	is_ticker_silent = (known.believe_after_ns > 0);
	keep_term(&known, &hook->news);
	changes = known.leader_changes - hook->seen_changes;
	differs = known.leader_id != hook->news.leader_id ||
		(known.leader_id != RAFT_NO_NODE && known.term != hook->news.term);
	if (!differs && changes == 0)
	{
		suspect_since_ns = 0;
		return;
	}

	if (known.leader_id == RAFT_NO_NODE)
	{
		/* The server's own end is no news; if it goes on, more will come. */
		if (known.is_shutdown && known.believe_after_ns == 0)
			return;

		/* The first news is of a leader. */
		if (hook->news.sequence == 0)
			return;
	}
	if (known.believe_after_ns > 0)
	{
		if (suspect_since_ns == 0)
			suspect_since_ns = now_ns;
		if (now_ns < suspect_since_ns + known.believe_after_ns)
			return;
	}
	suspect_since_ns = 0;
	set_news(&known, changes);
	start_at_ns = 0;
	retry_at_ns = 0;
}

/* When to look again, if nobody tells of a change. */
static uint64
next_look_ns(uint64 now_ns)
{
	const HookNews *news = &shared_state->hook.news;
	uint64		remaining_ns;

	if (suspect_since_ns != 0)
		return now_ns + LEASE_GRACE_NS / 2;
	if (news->leader_id == RAFT_NO_NODE && !is_ticker_silent)
		return NEVER;
	if (news->leader_id == config_node_id &&
		lease_cell_valid_term(&shared_state->lease, &remaining_ns) != 0)
		return now_ns + Min(remaining_ns, CHECK_INTERVAL_NS);
	return now_ns + CHECK_INTERVAL_NS;
}

/*-------------------------------------------------------------------------
 * Runs
 *-------------------------------------------------------------------------
 */

/* For the log: whom the news names. */
static const char *
describe_news(const HookNews *news)
{
	if (news->leader_id == RAFT_NO_NODE)
		return psprintf("no leader, term " UINT64_FORMAT, news->term);
	return psprintf("leader %d, term " UINT64_FORMAT, news->leader_id,
					news->term);
}

/*
 * The newest news is begun.  Its predecessor's leader becomes the old one;
 * what came between was told by none.
 */
static void
begin_news(void)
{
	HookState  *hook = &shared_state->hook;

	if (hook->begun_sequence != hook->news.sequence)
	{
		if (hook->begun_leader != RAFT_NO_NODE)
			hook->named_leader = hook->begun_leader;
		hook->begun_leader = hook->news.leader_id;
		run.run.skipped = hook->news.sequence - hook->begun_sequence - 1;
		hook->begun_sequence = hook->news.sequence;
	}
	run.news = hook->news;
	run.run.old_leader = hook->named_leader;
	run.run.attempt = 1;
}

static void
report_not_started(uint64 now_ns, int start_errno)
{
	static LogLimit limit;
	uint64		suppressed;

	pg_atomic_fetch_add_u64(&shared_state->hook.failures, 1);
	start_at_ns = now_ns + START_RETRY_NS;

	/* News is begun again as long as it is not finished; this one is. */
	if (run.run.attempt > 1)
	{
		run.run.attempt--;
		retry_at_ns = start_at_ns;
	}
	if (!worker_may_log(&limit, now_ns, &suppressed))
		return;
	errno = start_errno;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not start pg_leader hook " UINT64_FORMAT " (%s): %m",
					run.news.sequence, describe_news(&run.news)),
			 errdetail("It is tried again every second.")));
}

/* Start the command that run.command says, for run.news. */
static void
start_run(uint64 now_ns)
{
	HookState  *hook = &shared_state->hook;
	MemoryContext old_context = MemoryContextSwitchTo(run_context);
	char	   *expanded = hook_command_expand(run.command, &run.news,
											   &run.run);
	char	  **environment = hook_command_environment(&run.news, &run.run);
	pid_t		guardian = hook_process_start(expanded, environment,
											  &run.output_fd);
	int			start_errno = errno;

	MemoryContextSwitchTo(old_context);
	MemoryContextReset(run_context);
	if (guardian < 0)
	{
		run.output_fd = -1;
		report_not_started(now_ns, start_errno);
		return;
	}

	run.guardian = guardian;
	run.started_ns = now_ns;
	run.timed_out_ns = 0;
	run.note_at_ns = 0;
	run.killed = false;
	hook_output_begin(&run.output, run.news.sequence);
	pg_atomic_fetch_add_u64(&hook->runs, 1);
	if (run.run.attempt > 1)
		pg_atomic_fetch_add_u64(&hook->retries, 1);
	ereport(DEBUG1,
			(errmsg_internal("pg_leader hook " UINT64_FORMAT " (%s) begins",
							 run.news.sequence, describe_news(&run.news))));
}

static void
remember_command(void)
{
	if (run.command != NULL)
		pfree(run.command);
	run.command = MemoryContextStrdup(TopMemoryContext,
									  config_on_leader_change);
}

/* No command runs: is there one to be started? */
static void
start_if_due(uint64 now_ns)
{
	HookState  *hook = &shared_state->hook;
	uint64		skipped;

	if (hook->news.sequence > hook->finished_sequence)
	{
		if (now_ns < start_at_ns)
			return;
		skipped = hook->news.sequence - hook->begun_sequence;
		begin_news();
		if (config_on_leader_change[0] == '\0')
		{
			/* Nobody wants to know. */
			hook->finished_sequence = hook->begun_sequence;
			return;
		}
		if (skipped > 1)
			pg_atomic_fetch_add_u64(&hook->skipped, skipped - 1);
		remember_command();
		start_run(now_ns);
	}
	else if (retry_at_ns != 0 && now_ns >= retry_at_ns)
	{
		retry_at_ns = 0;

		/* A new command has to wait for new news; an old one has gone. */
		if (strcmp(run.command, config_on_leader_change) != 0)
			return;
		run.run.attempt++;
		start_run(now_ns);
	}
}

/*
 * When to repeat the command that has just failed; 0: never.  Its news has to
 * be the newest still.
 */
static uint64
plan_retry(uint64 now_ns)
{
	const HookState *hook = &shared_state->hook;

	if (config_hook_retry_interval_ms == 0 ||
		hook->news.sequence != run.news.sequence ||
		strcmp(run.command, config_on_leader_change) != 0)
		return 0;
	return now_ns + config_hook_retry_interval_ms * NS_PER_MS;
}

static void
count_end(uint64 took_ns, int status)
{
	HookState  *hook = &shared_state->hook;

	pg_atomic_fetch_add_u64(&hook->run_ns, took_ns);
	shared_state_raise(&hook->run_max_ns, took_ns);
	pg_atomic_write_u64(&hook->last_run_ns, took_ns);
	pg_atomic_write_u32(&hook->last_status, (uint32) status);
	if (run.timed_out_ns != 0)
		pg_atomic_fetch_add_u64(&hook->timeouts, 1);
	if (run.timed_out_ns != 0 || status != 0)
		pg_atomic_fetch_add_u64(&hook->failures, 1);

	/* Last: whoever sees it sees the others. */
	pg_write_barrier();
	pg_atomic_write_u64(&hook->last_sequence, run.news.sequence);
}

static void
log_end(uint64 now_ns, int status)
{
	const char *what = describe_news(&run.news);
	const char *took = diagnosis_duration(run.started_ns, now_ns);
	const char *how = run.timed_out_ns != 0 ?
	"took too long and was ended" : "failed";

	if (run.timed_out_ns == 0 && status == 0)
	{
		ereport(LOG,
				(errmsg("pg_leader hook " UINT64_FORMAT " (%s) succeeded after %s",
						run.news.sequence, what, took)));
		return;
	}
	ereport(WARNING,
			(errmsg("pg_leader hook " UINT64_FORMAT " (%s) %s with status %d after %s",
					run.news.sequence, what, how, status, took),
			 retry_at_ns != 0 ?
			 errdetail("It is repeated in %d ms, unless there is newer news by then.",
					   config_hook_retry_interval_ms) : 0));
}

static void
close_output(void)
{
	if (run.output_fd >= 0)
		close(run.output_fd);
	run.output_fd = -1;
}

static void
read_output(void)
{
	if (run.output_fd >= 0 &&
		hook_output_read(&run.output, run.output_fd) == HOOK_OUTPUT_END)
		close_output();
}

static void
finish_run(uint64 now_ns, int status)
{
	/* No process is left that could write: until the pipe is empty. */
	while (run.output_fd >= 0 &&
		   hook_output_read(&run.output, run.output_fd) == HOOK_OUTPUT_SOME)
		;
	close_output();
	hook_output_finish(&run.output);
	run.guardian = 0;

	shared_state->hook.finished_sequence = run.news.sequence;
	if (status != 0 || run.timed_out_ns != 0)
		retry_at_ns = plan_retry(now_ns);
	count_end(now_ns - run.started_ns, status);
	log_end(now_ns, status);
}

/* When a command that runs has to be ended. */
static uint64
timeout_at_ns(void)
{
	return config_hook_timeout_ms == 0 ? NEVER :
		run.started_ns + config_hook_timeout_ms * NS_PER_MS;
}

/*
 * The command takes longer than it may.  Its guardian ends it, first politely;
 * a guardian that does not is killed, with the process group.
 */
static void
enforce_timeout(uint64 now_ns)
{
	if (run.timed_out_ns == 0)
	{
		if (now_ns < timeout_at_ns())
			return;
		run.timed_out_ns = now_ns;
		run.note_at_ns = now_ns + 2 * HOOK_GRACE_NS;
		hook_process_end(run.guardian, HOOK_END_POLITELY);
		return;
	}
	if (now_ns < run.note_at_ns)
		return;

	if (run.killed)
		ereport(WARNING,
				(errmsg("pg_leader hook " UINT64_FORMAT " (%s) was killed %s ago, and has not ended yet",
						run.news.sequence, describe_news(&run.news),
						diagnosis_duration(run.timed_out_ns, now_ns)),
				 errdetail("The next one waits for its end.")));
	else
		hook_process_kill(run.guardian);
	run.note_at_ns = now_ns + (run.killed ? STUCK_NOTE_NS : HOOK_GRACE_NS);
	run.killed = true;
}

static void
watch_run(uint64 now_ns)
{
	int			status;

	read_output();
	if (hook_process_ended(run.guardian, &status))
		finish_run(clock_now_ns(), status);
	else
		enforce_timeout(now_ns);
}

/*-------------------------------------------------------------------------
 * The worker
 *-------------------------------------------------------------------------
 */

/* Wait for the end of the command; false: it does not come. */
static bool
await_end(void)
{
	int			status;

	for (int waited_ms = 0; waited_ms < OWN_END_WAIT_MS;
		 waited_ms += OWN_END_STEP_MS)
	{
		read_output();
		if (hook_process_ended(run.guardian, &status))
		{
			run.guardian = 0;
			return true;
		}
		pg_usleep(OWN_END_STEP_MS * 1000L);
	}
	return false;
}

/*
 * At exit, whatever the reason: no command outlives this process.  What it
 * told of is not finished.  The server's stop is not delayed for long.
 */
static void
end_run_at_exit(int code, Datum argument)
{
	uint64		sequence = run.news.sequence;

	/* An error may have come in the middle of anything. */
	LWLockReleaseAll();
	ConditionVariableCancelSleep();
	if (run.guardian == 0)
		return;

	if (PostmasterIsAlive())
	{
		hook_process_end(run.guardian, HOOK_END_POLITELY);
		if (await_end())
		{
			ereport(LOG,
					(errmsg("pg_leader hook " UINT64_FORMAT " was ended, as the hook runner ends",
							sequence)));
			return;
		}
	}
	hook_process_end(run.guardian, HOOK_END_NOW);
	if (!await_end())
		hook_process_kill(run.guardian);
}

static uint64
next_deadline(uint64 now_ns)
{
	const HookState *hook = &shared_state->hook;
	uint64		deadline_ns = next_look_ns(now_ns);

	if (run.guardian != 0)
		deadline_ns = Min(deadline_ns, run.timed_out_ns == 0 ?
						  timeout_at_ns() : run.note_at_ns);
	else if (hook->news.sequence > hook->finished_sequence)
		deadline_ns = Min(deadline_ns, start_at_ns);
	else if (retry_at_ns != 0)
		deadline_ns = Min(deadline_ns, retry_at_ns);
	return deadline_ns;
}

static void
wait_for_something(void)
{
	uint64		now_ns = clock_now_ns();
	int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;
	long		timeout_ms = worker_timeout_ms(now_ns, next_deadline(now_ns));

	if (run.output_fd >= 0)
		events |= WL_SOCKET_READABLE;
	if (timeout_ms >= 0)
		events |= WL_TIMEOUT;

	if (WaitLatchOrSocket(MyLatch, events,
						  run.output_fd >= 0 ? run.output_fd : PGINVALID_SOCKET,
						  timeout_ms, PG_WAIT_EXTENSION) & WL_POSTMASTER_DEATH)
		proc_exit(1);
	ResetLatch(MyLatch);
}

void
pg_leader_hook_runner_main(Datum main_arg)
{
	worker_begin(WORKER_HOOK_RUNNER);
	before_shmem_exit(end_run_at_exit, (Datum) 0);
	hook_process_prepare();
	run_context = AllocSetContextCreate(TopMemoryContext,
										"pg_leader hook",
										ALLOCSET_DEFAULT_SIZES);
	turn_context = AllocSetContextCreate(TopMemoryContext,
										 "pg_leader hook runner's turn",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn_context);

	while (!ShutdownRequestPending)
	{
		uint64		now_ns;

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		/*
		 * Before the look, lest a change between look and sleep be missed.
		 * This process waits for more than the condition variable, so it does
		 * its own waiting: a broadcast sets its latch.
		 */
		ConditionVariablePrepareToSleep(&shared_state->changed);
		now_ns = clock_now_ns();
		take_news(now_ns);
		if (run.guardian != 0)
			watch_run(now_ns);
		if (run.guardian == 0)
			start_if_due(now_ns);
		MemoryContextReset(turn_context);
		wait_for_something();
	}

	/* Status 0, as with 1 the server would log an end that is no fault. */
	proc_exit(0);
}
