/*-------------------------------------------------------------------------
 *
 * logger.c
 *		Writes the algorithm log: what the ticker has put into the ring, line
 *		by line into a file or the server log.
 *
 * Runs in the logger only, a worker that runs while pg_leader.enable_log is
 * not off, and that nobody waits for.  Takes no lock.  The ticker wakes it
 * once for all that happened in one of its turns; what has come together is
 * written with one write().  Nothing is synced: a crash of the machine may
 * cost the last lines.
 *
 * What must stay true:
 *	1. An event leaves the ring only when there is room for its line: while
 *	   nothing can be written, events wait in the ring, and those that find no
 *	   room there are counted by the ticker.
 *	2. A line is written as a whole: one that a full disk has cut off is
 *	   written again, behind a line feed.
 *	3. The end of this process waits for no disk, and for the ticker's last
 *	   events a short time only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "config.h"
#include "diagnosis.h"
#include "event_format.h"
#include "log_writer.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
#include "worker.h"

/* The file could not be opened or written: try again. */
#define RETRY_NS			(1 * NS_PER_S)

/* A disk that has not answered for so long is worth a line; and again. */
#define FIRST_NOTE_NS		(5 * NS_PER_S)
#define NEXT_NOTE_NS		(60 * NS_PER_S)

/* At the end: how long to wait for the ticker's last events. */
#define LAST_EVENTS_NS		(500 * NS_PER_MS)
#define LAST_EVENTS_STEP_NS	(5 * NS_PER_MS)

#define NEVER				UINT64_MAX

/* Lines that are to be written. */
static char batch[LOG_WRITER_MAX_BYTES];
static uint32 batch_length = 0;

/* The file, as the writer was last asked to open it. */
static char open_path[MAXPGPATH];
static bool is_open = false;
static bool is_opening = false; /* of the request under way: it is to open */
static bool reopen_pending = false; /* after a reload */
static uint64 asked_ns;			/* when the request under way was made */
static uint64 note_at_ns;		/* and when to say that there is no answer */
static uint64 retry_at_ns = 0;	/* not to try before */
static uint64 failing_since_ns = 0; /* 0: writing goes well */
static LogLimit failure_limit;

static MemoryContext turn_context;

static void
append_line(const LogEvent *event)
{
	batch_length += event_format_line(event, batch + batch_length);
	batch[batch_length++] = '\n';
}

/* A former logger has taken events with it: say so before the next one. */
static void
tell_undelivered(const LogEvent *next)
{
	EventRing  *ring = &shared_state->events;
	LogEvent	lost;

	memcpy(&lost, next, offsetof(LogEvent, of));
	lost.type = LOG_EVENT_LOST;
	lost.of.lost_count = ring->undelivered;
	append_line(&lost);
	pg_atomic_fetch_add_u64(&ring->lost, ring->undelivered);
	ring->undelivered = 0;
}

/* Format events as long as there is room for two more lines. */
static void
fill_batch(void)
{
	static LogEvent event;
	EventRing  *ring = &shared_state->events;

	while (batch_length + 2 * EVENT_LINE_SIZE <= sizeof(batch) &&
		   event_ring_take(ring, &event, sizeof(event)) > 0)
	{
		if (ring->undelivered > 0)
			tell_undelivered(&event);
		append_line(&event);
	}
}

/* These bytes are done with. */
static void
shift_batch(uint32 length)
{
	batch_length -= length;
	memmove(batch, batch + length, batch_length);
}

/*
 * To the server log, a message each.
 */
static void
write_to_server_log(void)
{
	uint32		start = 0;

	while (start < batch_length)
	{
		char	   *end = memchr(batch + start, '\n', batch_length - start);

		*end = '\0';
		ereport(LOG, (errmsg_internal("%s", batch + start)));
		start = (uint32) (end + 1 - batch);
	}
	batch_length = 0;
}

/*
 * To a file, by the writer.
 */

static void
report_failure(const char *what, uint64 now_ns, int error_number)
{
	uint64		suppressed;

	is_open = false;
	retry_at_ns = now_ns + RETRY_NS;
	if (failing_since_ns == 0)
		failing_since_ns = now_ns;
	if (!worker_may_log(&failure_limit, now_ns, &suppressed))
		return;
	errno = error_number;
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not %s log file \"%s\" of pg_leader: %m", what,
					config_log_file),
			 errdetail("It is tried again every second.  Events wait in memory, and are lost when there is no more room for them.")));
}

static void
report_success(uint64 now_ns)
{
	if (failing_since_ns == 0)
		return;
	ereport(LOG,
			(errmsg("log file \"%s\" of pg_leader can be written again after %s",
					config_log_file,
					diagnosis_duration(failing_since_ns, now_ns))));
	failing_since_ns = 0;
	memset(&failure_limit, 0, sizeof(failure_limit));
}

static void
begin_request(uint64 now_ns)
{
	asked_ns = now_ns;
	note_at_ns = now_ns + FIRST_NOTE_NS;
}

static void
take_answer(uint64 now_ns)
{
	LogWriterAnswer answer;

	if (!log_writer_answer(&answer))
		return;

	if (is_opening)
	{
		is_opening = false;
		is_open = (answer.error_number == 0);
		if (!is_open)
			report_failure("open", now_ns, answer.error_number);
		return;
	}

	/* Of a line that was cut off, nothing has been written. */
	while (answer.written > 0 && batch[answer.written - 1] != '\n')
		answer.written--;
	shift_batch(answer.written);
	if (answer.error_number != 0)
		report_failure("write", now_ns, answer.error_number);
	else
		report_success(now_ns);
}

/* It has not answered yet: say so, from time to time. */
static void
watch_writer(uint64 now_ns)
{
	if (now_ns < note_at_ns)
		return;
	note_at_ns = now_ns + NEXT_NOTE_NS;
	ereport(LOG,
			(errmsg("the disk of log file \"%s\" of pg_leader has not answered for %s",
					open_path, diagnosis_duration(asked_ns, now_ns)),
			 errdetail("Events wait in memory, and are lost when there is no more room for them."),
			 errhint("Another pg_leader.log_file takes effect at reload.")));
}

/*
 * After a reload the file is opened anew.  A writer that hangs is given up
 * then; what it was to write is written to the new file.
 */
static void
give_up_hung_writer(uint64 now_ns)
{
	if (!log_writer_is_busy() || now_ns - asked_ns < FIRST_NOTE_NS)
		return;
	log_writer_stop();
	is_opening = false;
	is_open = false;
}

static void
write_to_file(uint64 now_ns)
{
	take_answer(now_ns);
	if (reopen_pending)
		give_up_hung_writer(now_ns);
	if (log_writer_is_busy())
	{
		watch_writer(now_ns);
		return;
	}
	if (reopen_pending)
	{
		reopen_pending = false;
		is_open = false;
		retry_at_ns = 0;
		memset(&failure_limit, 0, sizeof(failure_limit));
	}

	if (!is_open)
	{
		if (now_ns < retry_at_ns)
			return;
		if (!log_writer_runs() && !log_writer_start())
		{
			report_failure("start a process to write", now_ns, errno);
			return;
		}
		strlcpy(open_path, config_log_file, sizeof(open_path));
		log_writer_open(open_path);
		is_opening = true;
		begin_request(now_ns);
		return;
	}
	fill_batch();
	if (batch_length > 0)
	{
		log_writer_write(batch, batch_length);
		begin_request(now_ns);
	}
}

/*
 * The worker
 */

static void
write_events(uint64 now_ns)
{
	if (config_log_file[0] != '\0')
	{
		write_to_file(now_ns);
		return;
	}

	/* What a file has not taken is written here. */
	if (log_writer_runs())
	{
		take_answer(now_ns);
		give_up_hung_writer(now_ns);
		if (log_writer_is_busy())
			return;
		log_writer_stop();
		is_open = is_opening = false;
	}
	reopen_pending = false;
	failing_since_ns = 0;
	fill_batch();
	write_to_server_log();
}

/*
 * Can the server log take more at once?  A batch a turn: signals are to be
 * seen even while the ticker is faster than a slow log.
 */
static bool
has_more_for_server_log(void)
{
	return config_log_file[0] == '\0' && !log_writer_runs() &&
		!event_ring_is_empty(&shared_state->events);
}

static uint64
next_deadline(void)
{
	if (log_writer_is_busy())
		return reopen_pending ? asked_ns + FIRST_NOTE_NS : note_at_ns;
	if (config_log_file[0] != '\0' && !is_open)
		return retry_at_ns;
	return NEVER;
}

static void
wait_for_something(uint64 deadline_ns)
{
	int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;
	long		timeout_ms = worker_timeout_ms(clock_now_ns(), deadline_ns);

	if (log_writer_is_busy())
		events |= WL_SOCKET_READABLE;
	if (timeout_ms >= 0)
		events |= WL_TIMEOUT;
	if (WaitLatchOrSocket(MyLatch, events,
						  log_writer_is_busy() ? log_writer_socket() : PGINVALID_SOCKET,
						  timeout_ms, PG_WAIT_EXTENSION) & WL_POSTMASTER_DEATH)
		proc_exit(1);
	ResetLatch(MyLatch);
}

/* Is there nothing left that could be written? */
static bool
is_done(void)
{
	if (config_log_file[0] != '\0' && !is_open && !log_writer_is_busy())
		return true;
	return pg_atomic_read_u32(&shared_state->workers[WORKER_TICKER].pid) == 0 &&
		event_ring_is_empty(&shared_state->events) &&
		batch_length == 0 && !log_writer_is_busy();
}

/*
 * The ticker is told to end at the same moment as this process, and its last
 * events are worth a moment.  The server waits for the ticker as well, so a
 * shutdown takes no longer for this, unless the disk is slow.
 */
static void
write_last_events(void)
{
	uint64		deadline_ns = clock_now_ns() + LAST_EVENTS_NS;

	for (;;)
	{
		uint64		now_ns = clock_now_ns();

		write_events(now_ns);
		if (is_done() || now_ns >= deadline_ns)
			break;
		wait_for_something(has_more_for_server_log() ? now_ns :
						   Min(now_ns + LAST_EVENTS_STEP_NS, deadline_ns));
	}
}

/*
 * Lines that have not been written are lost with this process, perhaps also
 * those that the writer has, if it has not answered.
 */
static void
leave_at_exit(int code, Datum argument)
{
	shared_state->logger_latch = NULL;
	for (uint32 i = 0; i < batch_length; i++)
	{
		if (batch[i] == '\n')
			shared_state->events.undelivered++;
	}
	log_writer_stop();
}

void
pg_leader_logger_main(Datum main_arg)
{
	worker_begin(WORKER_LOGGER);
	before_shmem_exit(leave_at_exit, (Datum) 0);
	turn_context = AllocSetContextCreate(TopMemoryContext,
										 "pg_leader logger's turn",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn_context);
	shared_state->logger_latch = MyLatch;

	while (!ShutdownRequestPending)
	{
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			reopen_pending = true;
		}
		write_events(clock_now_ns());
		MemoryContextReset(turn_context);
		wait_for_something(has_more_for_server_log() ? 0 : next_deadline());
	}
	write_last_events();

	/* Status 0, as with 1 the server would log an end that is no fault. */
	proc_exit(0);
}
