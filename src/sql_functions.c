/*-------------------------------------------------------------------------
 *
 * sql_functions.c
 *		The functions that ask a question of this node, or make it act.
 *
 * Run in any backend, on a standby too.  Questions read the published state,
 * under the shared state's lock, shared, for the length of a copy.  Whether
 * this node leads at this moment is asked of the lease cell, without a lock.
 *
 * Acting functions leave a request in the control slot and wait for the
 * ticker's answer with the slot's lock held.  They can be cancelled
 * throughout, so that they delay no shutdown, and give up by themselves when
 * no answer comes.  A transfer then waits, without any lock, for the leader
 * that comes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "clock.h"
#include "commands/dbcommands.h"
#include "config.h"
#include "diagnosis.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "sql_functions.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/*
 * The ticker wakes and publishes every second, or twice in a heartbeat if that
 * is longer.  If it has not for so long, it hangs, for example in a write to
 * a sick disk, and what it published is history.
 */
#define PUBLISH_LATE_NS			(5 * NS_PER_S)

/* How long an acting function waits for its turn and for the answer. */
#define REQUEST_TIMEOUT_NS		(10 * NS_PER_S)

/* While waiting, look this often whether the ticker still runs. */
#define REQUEST_CHECK_MS		1000

/*
 * While waiting for a leader, look this often whether there is one: that a
 * ticker which hung runs again is no change that would wake the waiter.
 */
#define WAIT_CHECK_MS			1000

/*
 * How long a transfer waits for the next leader, and at least: elections may
 * fail, and be repeated after an election timeout.
 */
#define TRANSFER_TIMEOUTS		3
#define TRANSFER_TIMEOUT_MIN_NS (10 * NS_PER_S)

/* No event tells that the control slot's lock was released. */
#define REQUEST_TURN_MS			10

PG_FUNCTION_INFO_V1(pg_leader_node_id);
PG_FUNCTION_INFO_V1(pg_leader_term);
PG_FUNCTION_INFO_V1(pg_leader_leader_id);
PG_FUNCTION_INFO_V1(pg_leader_is_leader);
PG_FUNCTION_INFO_V1(pg_leader_fencing_token);
PG_FUNCTION_INFO_V1(pg_leader_wait);
PG_FUNCTION_INFO_V1(pg_leader_step_down);
PG_FUNCTION_INFO_V1(pg_leader_transfer);
PG_FUNCTION_INFO_V1(pg_leader_forget_state);

/*-------------------------------------------------------------------------
 * What the functions have in common
 *-------------------------------------------------------------------------
 */

/* String settings have a value once they are defined. */
static bool
is_preloaded(void)
{
	return config_cluster != NULL;
}

static void
check_preloaded(void)
{
	if (!is_preloaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_leader must be loaded via shared_preload_libraries"),
				 errhint("Add pg_leader to shared_preload_libraries and restart the server.")));
}

void
sql_functions_check_running(void)
{
	if (shared_state != NULL)
		return;

	check_preloaded();
	if (!config_enabled())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_leader is switched off"),
				 errhint("Set pg_leader.node_id and pg_leader.cluster and restart the server.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("pg_leader does not run in a single-user server or during an upgrade")));
}

uint32
sql_functions_worker_pid(WorkerKind kind)
{
	return pg_atomic_read_u32(&shared_state->workers[kind].pid);
}

bool
sql_functions_is_live(const PublishedState *state)
{
	uint64		limit_ns = Max(PUBLISH_LATE_NS,
							   3 * state->raft.timings.heartbeat_interval_ns);

	return state->valid && state->ticker_pid != 0 &&
		(uint32) state->ticker_pid == sql_functions_worker_pid(WORKER_TICKER) &&
		diagnosis_elapsed_ns(state->published_ns, clock_now_ns()) <= limit_ns;
}

/*
 * The leader that this node knows, RAFT_NO_NODE: none; and in "port", unless
 * that is NULL, the leader's PostgreSQL port, 0: not known.
 */
static int
read_leader(int *port)
{
	const PublishedState *published = &shared_state->published;
	int			leader_id = RAFT_NO_NODE;

	if (port != NULL)
		*port = 0;
	shared_state_lock();
	if (sql_functions_is_live(published))
		leader_id = published->raft.leader_id;
	if (leader_id != RAFT_NO_NODE && port != NULL)
		*port = published->peers[leader_id].advertised_port;
	shared_state_unlock();
	return leader_id;
}

Interval *
sql_functions_make_interval(uint64 duration_ns)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) (duration_ns / NS_PER_US);
	return interval;
}

/*-------------------------------------------------------------------------
 * Questions
 *-------------------------------------------------------------------------
 */

Datum
pg_leader_node_id(PG_FUNCTION_ARGS)
{
	check_preloaded();
	if (!config_enabled())
		PG_RETURN_NULL();
	PG_RETURN_INT32(config_node_id);
}

Datum
pg_leader_term(PG_FUNCTION_ARGS)
{
	bool		valid;
	uint64		term;

	sql_functions_check_running();
	shared_state_lock();
	valid = shared_state->published.valid;
	term = shared_state->published.raft.term;
	shared_state_unlock();
	if (!valid)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) term);
}

Datum
pg_leader_leader_id(PG_FUNCTION_ARGS)
{
	int			leader_id;

	sql_functions_check_running();
	leader_id = read_leader(NULL);
	if (leader_id == RAFT_NO_NODE)
		PG_RETURN_NULL();
	PG_RETURN_INT32(leader_id);
}

Datum
pg_leader_is_leader(PG_FUNCTION_ARGS)
{
	sql_functions_check_running();
	PG_RETURN_BOOL(lease_cell_valid_term(&shared_state->lease, NULL) != 0);
}

Datum
pg_leader_fencing_token(PG_FUNCTION_ARGS)
{
	uint64		term;

	sql_functions_check_running();
	term = lease_cell_valid_term(&shared_state->lease, NULL);
	if (term == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) term);
}

/*
 * The leader that somebody who waits for one may be told: this node itself
 * only once it holds the lease, as it cannot act as the leader before.
 */
static int
read_usable_leader(void)
{
	int			leader_id = read_leader(NULL);

	if (leader_id == config_node_id &&
		lease_cell_valid_term(&shared_state->lease, NULL) == 0)
		return RAFT_NO_NODE;
	return leader_id;
}

/* When the wait ends, by clock.h; UINT64_MAX: never. */
static uint64
read_wait_deadline(FunctionCallInfo fcinfo)
{
	const Interval *timeout;
	double		wait_ns;

	if (PG_ARGISNULL(0))
		return UINT64_MAX;

	timeout = PG_GETARG_INTERVAL_P(0);
	wait_ns = ((double) timeout->time +
			   ((double) timeout->month * DAYS_PER_MONTH + timeout->day) *
			   (double) USECS_PER_DAY) * (double) NS_PER_US;
	if (wait_ns < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative")));

	/* More than the clock can count is as good as for ever. */
	if (wait_ns >= (double) (UINT64_MAX / 2))
		return UINT64_MAX;
	return clock_now_ns() + (uint64) wait_ns;
}

/* Milliseconds that a wait may last, at most an hour at a time; 0: over. */
static long
remaining_ms(uint64 deadline_ns)
{
	uint64		now_ns = clock_now_ns();
	uint64		left_ns = diagnosis_elapsed_ns(now_ns, deadline_ns);

	left_ns = Min(left_ns, 3600 * NS_PER_S);
	return (long) ((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

Datum
pg_leader_wait(PG_FUNCTION_ARGS)
{
	uint64		deadline_ns;
	int			leader_id;

	sql_functions_check_running();
	deadline_ns = read_wait_deadline(fcinfo);

	/* Before the first look, lest a change between look and sleep be missed. */
	ConditionVariablePrepareToSleep(&shared_state->changed);
	while ((leader_id = read_usable_leader()) == RAFT_NO_NODE)
	{
		long		timeout_ms = remaining_ms(deadline_ns);

		if (timeout_ms == 0)
			break;
		(void) ConditionVariableTimedSleep(&shared_state->changed,
										   Min(timeout_ms, WAIT_CHECK_MS),
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();

	if (leader_id == RAFT_NO_NODE)
		PG_RETURN_NULL();
	PG_RETURN_INT32(leader_id);
}

/*-------------------------------------------------------------------------
 * Acts
 *-------------------------------------------------------------------------
 */

/* The answer to a request. */
typedef struct Answer
{
	RaftResult	result;
	uint64		wait_ns;
	int32		successor;
	uint64		term;
	char		detail[SHARED_NOTE_SIZE];
} Answer;

static void
report_no_ticker(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("pg_leader's ticker process does not run on this node"),
			 errhint("It starts again by itself; the server log says why it ended.")));
}

/*
 * Append a name in quotes, such that it cannot be taken for anything else,
 * and without control characters.
 */
static void
append_name(StringInfo out, const char *name)
{
	appendStringInfoChar(out, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, iscntrl((unsigned char) *name) ? '?' : *name);
	}
	appendStringInfoChar(out, '"');
}

/*
 * Where the client is: "local", or its address; palloc'd or constant.
 *
 * SQL's own function knows, and spares us struct Port, whose header wants
 * those of all libraries that the server was built with (GSSAPI, OpenSSL).
 */
static const char *
describe_client(void)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		address;

	if (MyProcPort == NULL)
		return "none";			/* a background worker */
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(fcinfo);
	if (fcinfo->isnull)
		return "local";
	return DatumGetCString(DirectFunctionCall1(inet_out, address));
}

/*
 * Who asks, for log and history: palloc'd.  The client chooses its
 * application's name, so that comes last.
 */
static char *
describe_requester(void)
{
	char	   *session_user_name = GetUserNameFromId(GetSessionUserId(), true);
	char	   *current_user_name = GetUserNameFromId(GetUserId(), true);
	char	   *database = get_database_name(MyDatabaseId);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "user ");
	append_name(&out, session_user_name != NULL ? session_user_name : "");
	if (GetSessionUserId() != GetUserId())
	{
		appendStringInfoString(&out, " as ");
		append_name(&out, current_user_name != NULL ? current_user_name : "");
	}
	appendStringInfoString(&out, ", database ");
	append_name(&out, database != NULL ? database : "");
	appendStringInfo(&out, ", client %s, process %d, application ",
					 describe_client(), MyProcPid);
	append_name(&out, application_name != NULL ? application_name : "");

	out.data[pg_mbcliplen(out.data, out.len, HISTORY_REQUESTER_SIZE - 1)] = '\0';
	return out.data;
}

/* Wait for the lock of the control slot; interrupts stay possible. */
static void
lock_control_slot(uint64 deadline_ns)
{
	while (!LWLockConditionalAcquire(shared_state->control.lock, LW_EXCLUSIVE))
	{
		if (remaining_ms(deadline_ns) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("another session's request to pg_leader is still being carried out")));
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 REQUEST_TURN_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}

	/*
	 * To hold a lock usually means not to be interrupted.  Here it only keeps
	 * other requests away, for as long as an answer takes, and an error
	 * releases it like any other: without this the wait could not be
	 * cancelled, and would delay a shutdown.
	 */
	RESUME_INTERRUPTS();
}

static void
unlock_control_slot(void)
{
	HOLD_INTERRUPTS();			/* for the release's RESUME_INTERRUPTS() */
	LWLockRelease(shared_state->control.lock);
}

/*
 * Nobody waits any more for the answer to this request, so that it must not
 * be carried out later.  The ticker may be quicker, even now.
 */
static void
withdraw_request(int code, Datum argument)
{
	uint64		word = *(const uint64 *) DatumGetPointer(argument);

	(void) pg_atomic_compare_exchange_u64(&shared_state->control.request, &word,
										  CONTROL_WORD(CONTROL_WORD_NUMBER(word),
													   CONTROL_NONE, 0));
}

/* Have the ticker carry out the request; ereport(ERROR)s if it does not. */
static void
send_request(ControlRequest request, int32 argument, Answer *answer)
{
	ControlSlot *control = &shared_state->control;
	uint64		deadline_ns = clock_now_ns() + REQUEST_TIMEOUT_NS;
	char	   *requester = describe_requester();
	uint64		number;
	uint64		word;

	lock_control_slot(deadline_ns);

	number = CONTROL_WORD_NUMBER(pg_atomic_read_u64(&control->request)) + 1;
	word = CONTROL_WORD(number, request, argument);
	pg_atomic_write_u64(&control->requester_number, 0);
	pg_write_barrier();
	strlcpy(control->requester, requester, HISTORY_REQUESTER_SIZE);
	pg_write_barrier();
	pg_atomic_write_u64(&control->requester_number, number);
	pg_write_barrier();

	/* However the wait ends, what is not answered is withdrawn. */
	PG_ENSURE_ERROR_CLEANUP(withdraw_request, PointerGetDatum(&word));
	{
		pg_atomic_write_u64(&control->request, word);
		pg_memory_barrier();
		shared_state_wake_ticker();

		ConditionVariablePrepareToSleep(&control->answered);
		while (pg_atomic_read_u64(&control->answer_sequence) != number)
		{
			long		timeout_ms = remaining_ms(deadline_ns);

			if (timeout_ms == 0)
				break;
			(void) ConditionVariableTimedSleep(&control->answered,
											   Min(timeout_ms, REQUEST_CHECK_MS),
											   PG_WAIT_EXTENSION);

			/* A ticker that has started meanwhile does not know of it yet. */
			shared_state_wake_ticker();
		}
		ConditionVariableCancelSleep();

		if (pg_atomic_read_u64(&control->answer_sequence) != number)
		{
			if (sql_functions_worker_pid(WORKER_TICKER) == 0)
				report_no_ticker();
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("pg_leader's ticker process does not answer"),
					 errdetail("It may be waiting for the disk of pg_leader.state_directory, or for another process that uses the directory."),
					 errhint("The request was withdrawn; pg_leader_status shows whether it was carried out all the same.")));
		}
	}
	PG_END_ENSURE_ERROR_CLEANUP(withdraw_request, PointerGetDatum(&word));

	pg_read_barrier();
	answer->result = control->result;
	answer->wait_ns = control->wait_ns;
	answer->successor = control->successor;
	answer->term = control->term;
	memcpy(answer->detail, control->detail, SHARED_NOTE_SIZE);
	unlock_control_slot();
	pfree(requester);
}

/* What to do about it; a part of ereport(). */
static int
hint_at_leader(void)
{
	int			port;
	int			leader_id = read_leader(&port);

	if (leader_id == RAFT_NO_NODE || leader_id == config_node_id)
		return errhint("It knows of no leader at present.");
	if (port == 0)
		return errhint("Node %d (%s) leads; ask it.", leader_id,
					   config_peers.peers[leader_id].host);
	return errhint("Node %d (%s, port %d) leads; ask it.", leader_id,
				   config_peers.peers[leader_id].host, port);
}

static void
report_not_leader(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("node %d is not the leader", config_node_id),
			 hint_at_leader()));
}

Datum
pg_leader_step_down(PG_FUNCTION_ARGS)
{
	Answer		answer;

	sql_functions_check_running();
	if (sql_functions_worker_pid(WORKER_TICKER) == 0)
		report_no_ticker();

	send_request(CONTROL_STEP_DOWN, 0, &answer);
	if (answer.result == RAFT_NOT_LEADER)
		report_not_leader();
	if (answer.result != RAFT_OK)
		elog(ERROR, "step-down was refused with result %d", answer.result);

	if (answer.successor == RAFT_NO_NODE)
		PG_RETURN_NULL();
	PG_RETURN_INT32(answer.successor);
}

/* The node that is to lead; ereport(ERROR)s unless it is another one. */
static int32
read_successor(FunctionCallInfo fcinfo)
{
	int32		successor;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("node_id must not be null")));

	successor = PG_GETARG_INT32(0);
	if (successor < 0 || successor >= config_peers.count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no node %d in the cluster", successor),
				 errdetail("Node ids go from 0 to %d.",
						   config_peers.count - 1)));
	if (successor == config_node_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("node %d cannot hand leadership over to itself",
						successor)));
	return successor;
}

/* The leader of a term above that one which this node knows, or none. */
static int
read_next_leader(uint64 term)
{
	const PublishedState *published = &shared_state->published;
	int			leader_id = RAFT_NO_NODE;

	shared_state_lock();
	if (sql_functions_is_live(published) &&
		published->raft.leader_term > term)
		leader_id = published->raft.leader_id;
	shared_state_unlock();

	/* As in read_usable_leader(). */
	if (leader_id == config_node_id &&
		lease_cell_valid_term(&shared_state->lease, NULL) <= term)
		return RAFT_NO_NODE;
	return leader_id;
}

/* Wait for who leads after that term; RAFT_NO_NODE: nobody, up to now. */
static int
wait_for_next_leader(uint64 term)
{
	PublishedState *state = palloc(sizeof(PublishedState));
	uint64		deadline_ns;
	int			leader_id;

	(void) shared_state_read(state);
	deadline_ns = clock_now_ns() +
		Max(TRANSFER_TIMEOUT_MIN_NS,
			TRANSFER_TIMEOUTS * state->raft.timings.election_timeout_max_ns);
	pfree(state);

	ConditionVariablePrepareToSleep(&shared_state->changed);
	while ((leader_id = read_next_leader(term)) == RAFT_NO_NODE)
	{
		long		timeout_ms = remaining_ms(deadline_ns);

		if (timeout_ms == 0)
			break;
		(void) ConditionVariableTimedSleep(&shared_state->changed,
										   Min(timeout_ms, WAIT_CHECK_MS),
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return leader_id;
}

/*
 * Once leadership is given up there is no way back, so what becomes of it
 * then is told by a warning, never by an error.
 */
Datum
pg_leader_transfer(PG_FUNCTION_ARGS)
{
	Answer		answer;
	int32		successor;
	int			leader_id;

	sql_functions_check_running();
	successor = read_successor(fcinfo);
	if (sql_functions_worker_pid(WORKER_TICKER) == 0)
		report_no_ticker();

	send_request(CONTROL_TRANSFER, successor, &answer);
	if (answer.result == RAFT_NOT_LEADER)
		report_not_leader();
	if (answer.result == RAFT_NOT_FIT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node %d cannot take over leadership", successor),
				 errdetail_internal("%s", answer.detail),
				 errhint("Node %d still leads; pg_leader_peers.rank shows who could follow it.",
						 config_node_id)));
	if (answer.result != RAFT_OK)
		elog(ERROR, "transfer was refused with result %d", answer.result);

	leader_id = wait_for_next_leader(answer.term);
	if (leader_id == RAFT_NO_NODE)
	{
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node %d has handed leadership over to node %d, but knows of no new leader yet",
						config_node_id, successor),
				 errhint("pg_leader_status shows what is missing for one.")));
		PG_RETURN_NULL();
	}
	if (leader_id != successor)
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node %d has handed leadership over to node %d, but node %d was elected",
						config_node_id, successor, leader_id)));
	PG_RETURN_INT32(leader_id);
}

Datum
pg_leader_forget_state(PG_FUNCTION_ARGS)
{
	Answer		answer;

	sql_functions_check_running();
	if (sql_functions_worker_pid(WORKER_TICKER) == 0)
		report_no_ticker();

	send_request(CONTROL_FORGET_STATE, 0, &answer);
	if (answer.result == RAFT_NOT_AMNESIAC)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node %d has not lost its state", config_node_id)));
	if (answer.result != RAFT_OK)
		elog(ERROR, "forget-state was refused with result %d", answer.result);

	PG_RETURN_INTERVAL_P(sql_functions_make_interval(answer.wait_ns));
}
