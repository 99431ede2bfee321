/*-------------------------------------------------------------------------
 *
 * ticker.c
 *		Feeds the Raft core with messages and time, and carries out what it
 *		decides.
 *
 * Runs in the ticker worker only, the one process that touches the core and
 * the state file.  It sleeps until the next message or the core's own next
 * deadline; there is no fixed rate, but for a look at the state file's place
 * each second.
 *
 * Takes the shared state's lock exclusively to publish, and only if it is
 * free at once; never across I/O or a queue call.  What it alone writes it
 * reads without the lock.
 *
 * What must stay true:
 *
 *	1. Order of effects: lower the lease, persist, raise the lease and
 *	   publish, send.
 *	2. The clock is read after a message was taken from the queue: a promise
 *	   that is dated before the heartbeat was sent is too short.
 *	3. The inbox is drained before timers are acted on: after a pause the
 *	   heartbeats are waiting there.
 *	4. However this process ends, its lease ends before it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "common/pg_prng.h"
#include "config.h"
#include "contact.h"
#include "diagnosis.h"
#include "disk.h"
#include "event_log.h"
#include "log_lines.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "postmaster/postmaster.h"
#include "publication.h"
#include "queues.h"
#include "recall.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "worker.h"

/* No event tells that another process has released its flock(). */
#define LOCK_RETRY_MS			100

/* The shared state's lock was busy: try to publish again after this time. */
#define PUBLISH_RETRY_MS		10

/* How often to look whether the state file is still in its place. */
#define STORAGE_CHECK_NS		NS_PER_S

/*
 * The second copy of a record is written so much later.  Most records are votes,
 * and what follows one is the leader's first heartbeat, a round trip later: the
 * lease waits for its acknowledgement, which is not to wait for the disk.
 */
#define MIRROR_DELAY_NS			(50 * NS_PER_MS)

/* The core keeps no more, and most entries bring none. */
#define EVENTS_PER_ENTRY		32

/* Messages taken from the inbox before timers get their turn. */
#define MESSAGES_PER_TURN(node_count)	Max(4 * (node_count), 64)

typedef struct Ticker
{
	RaftNode   *node;
	int			node_count;
	Queue	   *inbox;
	Queue	   *outbox;
	pg_prng_state prng;
	MemoryContext turn_context; /* reset after each turn of the main loop */
	LogLines	lines;
	HistoryWriter history;
	Contact		contact;
	const ControlCall *call;	/* an operator's, while it is carried out */

	const char *stop_reason;	/* why this process is to end, if not as it
								 * was told to, or for an error; else NULL */
	uint64		mirror_at_ns;	/* when to bring the state file's other slot
								 * up to date; 0: it is */
	bool		file_lost;		/* deleted or replaced under our feet */
	uint64		storage_checked_ns;
	LogLimit	write_limit;	/* messages about failed writes */
	uint64		overslept_ns;	/* how much too late it woke; 0: told */
	LogLimit	overslept_limit;	/* messages about that */

	Publication publication;
} Ticker;

static Ticker ticker;

static uint64
draw(void)
{
	return pg_prng_uint64(&ticker.prng);
}

/*
 * At exit, whatever the reason: nothing that this process has raised stays
 * valid.
 */
static void
end_at_exit(int code, Datum arg)
{
	const char *reason = ticker.stop_reason;

	if (reason == NULL)
		reason = code == 0 ? "ticker process has ended" :
			"ticker process has failed";
	lease_cell_revoke(&shared_state->lease,
					  lease_cell_term(&shared_state->lease));
	history_end(&ticker.history, ticker.publication.view.term, reason);
	event_log_stop(reason);
	publication_end(&ticker.publication);
}

/*
 * SIGTERM.  The process that keeps the state file may wait for a sick disk for
 * ever, but the server's shutdown must not: so this process ends from within
 * its wait for an answer, which holds nothing that the end would need (as the
 * startup process does from within restore_command).  The record is on disk or
 * not, as after a crash.
 */
static void
handle_shutdown_request(SIGNAL_ARGS)
{
	if (disk_is_waiting())
		proc_exit(0);
	SignalHandlerForShutdownRequest(postgres_signal_arg);
}

/* Wait, and end if the postmaster has died. */
static void
wait_or_exit(long timeout_ms)
{
	int			events;

	events = WaitLatch(MyLatch,
					   WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH,
					   timeout_ms, PG_WAIT_EXTENSION);

	/* Leadership ends at exit; the sender says so to the peers. */
	if (events & WL_POSTMASTER_DEATH)
	{
		ticker.stop_reason = "postmaster has died";
		proc_exit(1);
	}
	ResetLatch(MyLatch);
}

/* Make the record durable and tell the core whether that went well. */
static void
persist(const RaftDurable *durable)
{
	uint64		begin_ns = clock_now_ns();
	uint64		end_ns;
	bool		written;
	int			write_errno;
	uint64		suppressed;

	written = disk_write(durable);
	write_errno = errno;
	end_ns = clock_now_ns();

	if (written)
	{
		TickerCounters *counters = &shared_state->ticker;
		uint64		took_ns = end_ns - begin_ns;

		pg_atomic_fetch_add_u64(&counters->state_writes, 1);
		pg_atomic_fetch_add_u64(&counters->state_write_ns, took_ns);
		shared_state_raise(&counters->state_write_max_ns, took_ns);

		ticker.mirror_at_ns = end_ns + MIRROR_DELAY_NS;
		event_log_persisted(ticker.node, durable, end_ns, took_ns, draw());
		return;
	}

	if (write_errno == ESTALE)
		ticker.file_lost = true;
	else if (worker_may_log(&ticker.write_limit, end_ns, &suppressed))
	{
		errno = write_errno;
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write state file \"%s\": %m",
						disk_path()),
				 errdetail("Node %d neither leads nor votes until it can.",
						   config_node_id)));
	}
	event_log_persist_failed(ticker.node, end_ns, draw());
}

/*
 * The sender or the receiver has gone.  While the server stops that is no
 * fault; otherwise the launcher starts all afresh.
 */
static void
leave_broken_pipeline(void)
{
	if (!ShutdownRequestPending)
		ticker.stop_reason = "receiver or sender has gone";
	proc_exit(ShutdownRequestPending ? 0 : 1);
}

/* Hand the core's messages to the sender. */
static void
send_messages(void)
{
	RaftMessage message;

	while (event_log_next_message(ticker.node, &message))
	{
		switch (queue_send(ticker.outbox, &message))
		{
			case QUEUE_FULL:
				pg_atomic_fetch_add_u64(&shared_state->ticker.outbox_full, 1);
				break;
			case QUEUE_DETACHED:
				leave_broken_pipeline();
				break;
			case QUEUE_OK:
				shared_state_raise(&shared_state->ticker.outbox_max,
								   queue_depth(ticker.outbox));
				break;
			case QUEUE_EMPTY:
				break;
		}
	}
}

/* Who has asked for what the core does now; NULL: nobody. */
static const char *
requested_by(void)
{
	return ticker.call != NULL ? ticker.call->requested_by : NULL;
}

/*
 * Drain the core after an entry: the contract of raft.h.  The order of these
 * steps is what the safety of votes and leases rests on.
 */
static void
carry_out(bool force_publish)
{
	RaftView	view;
	RaftDurable durable;
	RaftEvent	events[EVENTS_PER_ENTRY];
	int			count = 0;

	event_log_view(ticker.node, &view);
	publication_lower_lease(&ticker.publication, &view);
	while (event_log_ready(ticker.node, &durable))
	{
		persist(&durable);
		event_log_view(ticker.node, &view);
		publication_lower_lease(&ticker.publication, &view);
	}
	publication_raise_lease(&ticker.publication, &view);

	/* Before it is published, so that whoever waits for that finds it told. */
	while (count < EVENTS_PER_ENTRY &&
		   event_log_next_event(ticker.node, &events[count]))
		history_event(&ticker.history, &events[count++], requested_by());
	history_flush(&ticker.history);

	publication_publish(&ticker.publication, &view, force_publish);
	send_messages();

	/* Last, as the log may be slow. */
	if (ticker.call != NULL)
		log_lines_call(&ticker.lines, ticker.call);
	for (int i = 0; i < count; i++)
		log_lines_event(&ticker.lines, ticker.node, &events[i]);
}

/*
 * What follows each entry into the core.  A broken invariant ends this
 * process: the launcher makes a new start from what is on disk.
 */
static void
finish_entry(RaftResult result)
{
	const char *broken = raft_check(ticker.node);

	if (broken != NULL)
	{
		lease_cell_revoke(&shared_state->lease, ticker.publication.raised_term);
		ticker.stop_reason = broken;
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("election state of node %d is inconsistent: %s",
						config_node_id, broken),
				 errdetail("Leadership was given up, and the node starts again from its state file.")));
	}
	if (result == RAFT_NOT_DRAINED)
		elog(ERROR, "election state was not drained");
	carry_out(false);
}

/* Feed what has come in; returns whether there may be more. */
static bool
drain_inbox(void)
{
	int			left = MESSAGES_PER_TURN(ticker.node_count);
	RaftMessage message;

	while (left-- > 0)
	{
		switch (queue_receive(ticker.inbox, &message))
		{
			case QUEUE_OK:
				contact_heard(&ticker.contact, message.from);
				log_lines_message(&ticker.lines, &message);
				finish_entry(event_log_receive(ticker.node, &message,
											   clock_now_ns(), draw()));
				break;
			case QUEUE_DETACHED:
				leave_broken_pipeline();
				break;
			case QUEUE_EMPTY:
			case QUEUE_FULL:
				return false;
		}
	}
	return true;
}

/* Why the core finds that this peer cannot lead, into the answer. */
static void
tell_unfitness(int peer_id, uint64 now_ns)
{
	RaftView	view;
	RaftPeerView peer;
	StringInfoData detail;

	initStringInfo(&detail);
	raft_view(ticker.node, &view);
	if (raft_peer_view(ticker.node, peer_id, &peer))
		diagnosis_unfit(&detail, &view, &peer, now_ns);
	strlcpy(shared_state->control.detail, detail.data, SHARED_NOTE_SIZE);
}

/* Copy what an SQL function asks for; false: nothing new. */
static bool
take_call(ControlCall *call)
{
	ControlSlot *control = &shared_state->control;
	uint64		word = pg_atomic_read_u64(&control->request);

	call->number = CONTROL_WORD_NUMBER(word);
	if (call->number == pg_atomic_read_u64(&control->answer_sequence))
		return false;
	call->request = CONTROL_WORD_REQUEST(word);
	call->argument = CONTROL_WORD_ARGUMENT(word);
	call->result = RAFT_INVALID;
	call->detail = control->detail;

	pg_read_barrier();
	if (pg_atomic_read_u64(&control->requester_number) == call->number)
	{
		pg_read_barrier();
		strlcpy(call->requested_by, control->requester,
				HISTORY_REQUESTER_SIZE);
		pg_read_barrier();
	}
	if (pg_atomic_read_u64(&control->requester_number) != call->number)
		call->request = CONTROL_NONE;	/* nobody waits any more */
	return true;
}

/* Carry out what an SQL function asked for, and answer. */
static void
serve_request(void)
{
	ControlSlot *control = &shared_state->control;
	ControlCall call = {0};
	RaftView	before;
	RaftView	after;
	uint64		now_ns;

	if (!take_call(&call))
		return;

	raft_view(ticker.node, &before);
	now_ns = clock_now_ns();
	switch (call.request)
	{
		case CONTROL_STEP_DOWN:
			call.result = event_log_step_down(ticker.node, RAFT_REASON_STEP_DOWN,
											  now_ns, draw());
			break;
		case CONTROL_TRANSFER:
			call.result = event_log_transfer(ticker.node, call.argument,
											 now_ns, draw());
			if (call.result == RAFT_NOT_FIT)
				tell_unfitness(call.argument, now_ns);
			break;
		case CONTROL_FORGET_STATE:
			call.result = event_log_forget_state(ticker.node, now_ns, draw());
			if (call.result == RAFT_OK)
			{
				log_lines_forget_requested(&ticker.lines);
				history_forget_requested(&ticker.history, before.term,
										 call.requested_by);
			}
			break;
		case CONTROL_NONE:
			break;				/* nobody waits any more */
	}
	if (call.request != CONTROL_NONE)
	{
		ticker.call = &call;
		event_log_control(&call);
	}
	finish_entry(call.result);
	ticker.call = NULL;

	raft_view(ticker.node, &after);
	control->result = call.result;
	control->wait_ns = diagnosis_elapsed_ns(now_ns, after.forget_at_ns);
	control->successor = before.successor;
	control->term = before.term;
	pg_write_barrier();
	pg_atomic_write_u64(&control->answer_sequence, call.number);
	ConditionVariableBroadcast(&control->answered);
}

/* Read the settings anew; those that contradict each other do not count. */
static void
reload(void)
{
	RaftTimings timings;
	RaftView	view;
	char	   *detail;
	char	   *hint;
	bool		was_in_force = ticker.publication.next.settings_in_force;

	ProcessConfigFile(PGC_SIGHUP);

	if (config_read_timings(&timings, &detail, &hint))
	{
		RaftResult	result = event_log_reconfigure(ticker.node, &timings,
												   clock_now_ns(), draw());

		finish_entry(result);
		if (result != RAFT_OK)
			elog(ERROR, "election state refused settings that obey the rules");
		ticker.publication.next.settings_in_force = true;
		ticker.publication.next.settings_detail[0] = '\0';
		if (!was_in_force)
			ereport(LOG,
					(errmsg("settings of pg_leader no longer contradict each other and are in force")));
	}
	else
	{
		ticker.publication.next.settings_in_force = false;
		strlcpy(ticker.publication.next.settings_detail, detail, SHARED_NOTE_SIZE);
		ereport(LOG,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("new settings of pg_leader contradict each other, the old ones stay in force"),
				 errdetail("%s", detail),
				 errhint("%s", hint)));
	}
	carry_out(true);

	/* The settings in force are the core's. */
	raft_view(ticker.node, &view);
	event_log_settings(ticker.node, &view.timings);
}

/* The settings to start with. */
static void
choose_first_timings(RaftTimings *timings)
{
	char	   *detail;
	char	   *hint;

	if (config_read_timings(timings, &detail, &hint))
	{
		ticker.publication.next.settings_in_force = true;
		return;
	}

	/*
	 * A reload has brought a contradiction.  What the last ticker had in
	 * force stays so.
	 */
	if (shared_state->published.valid)
		*timings = shared_state->published.raft.timings;
	else
		*timings = *config_start_timings();

	ticker.publication.next.settings_in_force = false;
	strlcpy(ticker.publication.next.settings_detail, detail, SHARED_NOTE_SIZE);
	ereport(LOG,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("settings of pg_leader contradict each other, older ones stay in force"),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* Open and lock the state directory, however long another holds it. */
static void
open_state(void)
{
	LogLimit	limit = {0};
	uint64		suppressed;

	while (!disk_open(config_state_directory))
	{
		if (worker_may_log(&limit, clock_now_ns(), &suppressed))
			ereport(LOG,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("state directory \"%s\" is in use by another process",
							config_state_directory),
					 errdetail("Node %d takes no part in elections until it is free.",
							   config_node_id),
					 errhint("Each server needs a pg_leader.state_directory of its own.")));
		wait_or_exit(LOCK_RETRY_MS);
		if (ShutdownRequestPending)
			proc_exit(0);
	}
}

/* Bring the core to life. */
static void
start_node(uint64 session)
{
	RaftConfig	config = {0};
	RaftDurable durable = {0};
	RaftView	view;
	StateVerdict verdict;
	char		note[SHARED_NOTE_SIZE] = "";
	uint64		now_ns;

	open_state();

	/*
	 * From here on this is the only ticker: what tickers alone write into the
	 * shared state is read without the lock.
	 */
	choose_first_timings(&config.timings);
	verdict = recall_past(ticker.node_count, &durable, note, sizeof(note));
	if (verdict != STATE_VALID && verdict != STATE_BORN)
		strlcpy(ticker.publication.next.state_note, note, SHARED_NOTE_SIZE);

	publication_begin(&ticker.publication, ticker.node, ticker.node_count);
	config.node_id = config_node_id;
	config.node_count = ticker.node_count;
	config.session = session;
	config.advertised_port = (uint16_t) PostPortNumber;

	now_ns = clock_now_ns();
	ticker.storage_checked_ns = now_ns;
	if (event_log_init(ticker.node, &config, &durable, verdict == STATE_VALID,
					   now_ns, draw()) != RAFT_OK)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state file \"%s\" holds values out of range",
						disk_path())));
	raft_view(ticker.node, &view);
	history_begin(&ticker.history, &shared_state->history, config_node_id,
				  &view);
	contact_begin(&ticker.contact, config_node_id, ticker.node_count, now_ns);
	log_lines_begin(&ticker.lines, ticker.node, config_node_id,
					ticker.node_count, now_ns);
	finish_entry(RAFT_OK);
}

/*
 * The state file was deleted or replaced.  What this process would vote could
 * no longer be remembered, so it ends; the next one finds that the state is
 * lost and says so.
 */
static void
abandon_lost_file(void)
{
	if (event_log_step_down(ticker.node, RAFT_REASON_STORAGE, clock_now_ns(),
							draw()) == RAFT_OK)
		carry_out(true);
	ticker.stop_reason = "state file was deleted or replaced";
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("state file \"%s\" was deleted or replaced while node %d was running",
					disk_path(), config_node_id)));
}

/* Is the state file still there?  Asked once a second. */
static void
check_storage(uint64 now_ns)
{
	if (!ticker.file_lost && now_ns - ticker.storage_checked_ns >= STORAGE_CHECK_NS)
	{
		ticker.storage_checked_ns = now_ns;
		ticker.file_lost = !disk_in_place();
	}
	if (ticker.file_lost)
		abandon_lost_file();
}

/* Write the second copy, unless messages wait. */
static void
mirror_state(uint64 now_ns, bool more)
{
	if (ticker.mirror_at_ns == 0 || now_ns < ticker.mirror_at_ns || more)
		return;
	ticker.mirror_at_ns = 0;
	disk_mirror();
}

/* Which peers are lost, or back? */
static void
check_contact(uint64 now_ns)
{
	ContactChange change;

	while (contact_next_change(&ticker.contact, ticker.node, now_ns, &change))
	{
		if (change.event != CONTACT_STILL_LOST)
			event_log_peer(change.peer_id, change.event == CONTACT_LOST,
						   change.silent_ns);
		log_lines_contact(&ticker.lines, &change);
	}
}

/*
 * The server stops.  The sender gets the same signal at the same time and has
 * last words of its own, so nothing is waited for, a disk least of all.
 */
static void
leave_orderly(void)
{
	RaftDurable durable;

	if (event_log_step_down(ticker.node, RAFT_REASON_SHUTDOWN, clock_now_ns(),
							draw()) == RAFT_OK &&
		!event_log_ready(ticker.node, &durable))
		finish_entry(RAFT_OK);

	/* Status 0, as with 1 the server would log an end that is no fault. */
	proc_exit(0);
}

/* Sleep until something is to be done; "hurry": there is something already. */
static void
sleep_until_needed(bool hurry)
{
	uint64		deadline_ns = ticker.storage_checked_ns + STORAGE_CHECK_NS;
	uint64		now_ns = clock_now_ns();
	long		timeout_ms;

	deadline_ns = Min(deadline_ns, raft_next_deadline(ticker.node));
	deadline_ns = Min(deadline_ns, log_lines_next_deadline(&ticker.lines));
	if (ticker.mirror_at_ns != 0)
		deadline_ns = Min(deadline_ns, ticker.mirror_at_ns);
	timeout_ms = hurry ? 0 : worker_timeout_ms(now_ns, deadline_ns);
	if (ticker.publication.is_pending && timeout_ms > PUBLISH_RETRY_MS)
		timeout_ms = PUBLISH_RETRY_MS;
	wait_or_exit(timeout_ms);

	/* Slept past the deadline: the machine is busy, or was suspended. */
	now_ns = clock_now_ns();
	if (hurry || now_ns <= deadline_ns)
		return;
	ticker.overslept_ns = now_ns - deadline_ns;
	shared_state_raise(&shared_state->ticker.late_max_ns,
					   ticker.overslept_ns);
}

/*
 * Say that this process stood still for long enough to lose what it had: the
 * lease or the leader.  Otherwise it would seem that its peers were silent.
 */
static void
report_oversleeping(uint64 now_ns)
{
	uint64		late_ns = ticker.overslept_ns;
	uint64		suppressed;

	ticker.overslept_ns = 0;
	if (late_ns < ticker.publication.view.timings.election_timeout_min_ns ||
		!worker_may_log(&ticker.overslept_limit, now_ns, &suppressed))
		return;
	ereport(LOG,
			(errmsg("ticker of node %d stood still for %s",
					config_node_id, diagnosis_duration(0, late_ns)),
			 errdetail("This server, or its host, was stopped for that time, or is too busy."),
			 errhint("Peers that seem to have been silent meanwhile need not have been.")));
}

void
pg_leader_ticker_main(Datum main_arg)
{
	dsm_segment *segment;
	uint64		seed;

	worker_begin(WORKER_TICKER);
	pqsignal(SIGTERM, handle_shutdown_request);

	/*
	 * The cell outlives the process that wrote it: before this node may vote
	 * for another, its former leadership has to be over.
	 */
	lease_cell_clear(&shared_state->lease);
	before_shmem_exit(end_at_exit, (Datum) 0);

	disk_start();
	segment = queues_attach(DatumGetUInt32(main_arg));
	ticker.inbox = queue_attach_reader(segment, QUEUE_INBOX);
	ticker.outbox = queue_attach_writer(segment, QUEUE_OUTBOX);
	ticker.node_count = config_peers.count;
	ticker.node = MemoryContextAllocZero(TopMemoryContext, raft_node_size());
	ticker.turn_context = AllocSetContextCreate(TopMemoryContext,
												"pg_leader ticker's turn",
												ALLOCSET_DEFAULT_SIZES);
	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random numbers")));
	pg_prng_seed(&ticker.prng, seed);

	MemoryContextSwitchTo(ticker.turn_context);
	start_node(queues_session(segment));
	for (;;)
	{
		uint64		now_ns;
		bool		more;

		if (ShutdownRequestPending)
			leave_orderly();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			reload();
		}

		more = drain_inbox();
		finish_entry(event_log_tick(ticker.node, clock_now_ns(), draw()));
		serve_request();

		now_ns = clock_now_ns();
		check_storage(now_ns);
		check_contact(now_ns);
		log_lines_note(&ticker.lines, ticker.node, now_ns);
		report_oversleeping(now_ns);

		mirror_state(now_ns, more);

		if (queue_flush(ticker.outbox) == QUEUE_DETACHED)
			leave_broken_pipeline();
		event_log_flush();
		MemoryContextReset(ticker.turn_context);
		sleep_until_needed(more);
	}
}
