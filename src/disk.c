/*-------------------------------------------------------------------------
 *
 * disk.c
 *		The state file, behind a process of its own that may be left waiting
 *		for the disk.
 *
 * The calls run in the ticker, run_child() in its child.  No locks; the child
 * has nothing of the server's shared memory.
 *
 * What must stay true:
 *	1. the child detaches from shared memory before it touches the disk, or
 *	   one that is left behind would keep the server from starting again;
 *	2. it ends when the ticker has ended: its socket tells, and SIGKILL comes
 *	   by itself;
 *	3. one request is under way at a time, and each has one answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_process.h"
#include "clock.h"
#include "config.h"
#include "disk.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "shared_state.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"

/* An answer that takes longer is worth a line in the log; and another one. */
#define FIRST_NOTE_NS	(5 * NS_PER_S)
#define NEXT_NOTE_NS	(60 * NS_PER_S)

/*
 * While waiting, look this often whether the postmaster lives: the signal that
 * tells of its death may come just before the wait.
 */
#define POSTMASTER_CHECK_MS 1000

typedef enum DiskCall
{
	DISK_OPEN = 0,
	DISK_LOAD,
	DISK_WRITE,
	DISK_MIRROR,
	DISK_IN_PLACE
} DiskCall;

/* Both ends are the same program: structs travel as they are. */
typedef struct DiskRequest
{
	DiskCall	call;
	char		directory[MAXPGPATH];	/* OPEN */
	int			node_id;		/* LOAD: this and the next three */
	int			node_count;
	uint64		fingerprint;
	bool		declared_new;
	RaftDurable durable;		/* WRITE */
} DiskRequest;

typedef struct DiskAnswer
{
	bool		ok;				/* OPEN: locked; WRITE; IN_PLACE */
	int			write_errno;	/* WRITE */
	StateVerdict verdict;		/* LOAD: this and the next two */
	RaftDurable durable;
	char		note[SHARED_NOTE_SIZE];
} DiskAnswer;

static int	disk_socket = -1;	/* the ticker's end */
static char state_path[MAXPGPATH];
static volatile sig_atomic_t waiting = false;

/*
 * The child
 */

static void
carry_out_request(StateFile **file, const DiskRequest *request,
				  DiskAnswer *answer)
{
	memset(answer, 0, sizeof(*answer));
	switch (request->call)
	{
		case DISK_OPEN:
			*file = state_file_open(request->directory);
			answer->ok = (*file != NULL);
			break;
		case DISK_LOAD:
			answer->verdict = state_file_load(*file, request->node_id,
											  request->node_count,
											  request->fingerprint,
											  request->declared_new,
											  &answer->durable, answer->note,
											  sizeof(answer->note));
			break;
		case DISK_WRITE:
			answer->ok = state_file_write(*file, &request->durable);
			answer->write_errno = errno;
			break;
		case DISK_MIRROR:
			state_file_mirror(*file);
			break;
		case DISK_IN_PLACE:
			answer->ok = state_file_in_place(*file);
			break;
	}
}

static void
serve(int fd)
{
	StateFile  *file = NULL;
	DiskRequest request;
	DiskAnswer	answer;

	while (child_process_receive(fd, &request, sizeof(request)))
	{
		carry_out_request(&file, &request, &answer);
		if (!child_process_send(fd, &answer, sizeof(answer)))
			break;
	}
}

/* The child's whole life; it never returns. */
static void
run_child(int fd, pid_t parent)
{
	static const int ignored_signals[] = {
		SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
		SIGURG
	};
	sigjmp_buf	on_error;

	/*
	 * The postmaster's signals reach the ticker's whole process group.  What
	 * they mean for this process it learns from the ticker's end; by default
	 * SIGQUIT would leave a core file.
	 */
	for (int i = 0; i < lengthof(ignored_signals); i++)
		pqsignal(ignored_signals[i], SIG_IGN);

	if (!child_process_ends_with(parent, SIGKILL))
		_exit(1);
	child_process_leave_server("disk");
	(void) sigprocmask(SIG_SETMASK, &UnBlockSig, NULL);

	/* An error is told in the log; the ticker sees that nobody answers. */
	if (sigsetjmp(on_error, 0) == 0)
	{
		PG_exception_stack = &on_error;
		serve(fd);
		_exit(0);
	}
	error_context_stack = NULL;
	EmitErrorReport();
	_exit(1);
}

/*
 * The ticker
 */

void
disk_start(void)
{
	pid_t		parent = getpid();
	pid_t		child;
	int			fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not create a pair of sockets: %m")));

	child = child_process_fork();
	if (child == 0)
	{
		close(fds[0]);
		run_child(fds[1], parent);
	}

	close(fds[1]);
	if (child < 0)
	{
		close(fds[0]);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not fork the process that keeps the state file: %m")));
	}
	disk_socket = fds[0];
}

bool
disk_is_waiting(void)
{
	return waiting;
}

const char *
disk_path(void)
{
	return state_path;
}

/* End within a wait.  SIGTERM must not begin another end within this one. */
static void
leave(int code)
{
	waiting = false;
	proc_exit(code);
}

/* From here on SIGTERM ends this process at once, also one that came before. */
static void
begin_to_wait(void)
{
	waiting = true;
	if (ShutdownRequestPending)
		leave(0);
}

/*
 * Wait until there is an answer, or nobody who could give one; say so if that
 * takes long.  A process that ends meanwhile must not be within the log's
 * code, so "waiting" is false there.
 *
 * When the postmaster has died, this process must not stay: no other one could
 * start while shared memory is in use.
 */
static void
await_answer(void)
{
	struct pollfd readable = {.fd = disk_socket,.events = POLLIN};
	uint64		began_ns = clock_now_ns();
	uint64		note_at_ns = began_ns + FIRST_NOTE_NS;

	for (;;)
	{
		/* Otherwise the time is over, or a signal has come. */
		if (poll(&readable, 1, POSTMASTER_CHECK_MS) > 0)
			return;
		if (!PostmasterIsAlive())
			leave(1);
		if (clock_now_ns() < note_at_ns)
			continue;
		waiting = false;
		ereport(LOG,
				(errmsg("the disk of state directory \"%s\" has not answered for %.0f s",
						config_state_directory,
						(clock_now_ns() - began_ns) / (double) NS_PER_S),
				 errdetail("Node %d takes no part in elections until it does.",
						   config_node_id)));
		begin_to_wait();
		note_at_ns = clock_now_ns() + NEXT_NOTE_NS;
	}
}

static void
ask(DiskRequest *request, DiskAnswer *answer)
{
	bool		answered;

	begin_to_wait();
	answered = child_process_send(disk_socket, request, sizeof(*request));
	if (answered)
	{
		await_answer();
		answered = child_process_receive(disk_socket, answer, sizeof(*answer));
	}
	waiting = false;

	if (!answered)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("the process that keeps the state file of node %d has ended",
						config_node_id)));
}

bool
disk_open(const char *directory)
{
	DiskRequest request = {.call = DISK_OPEN};
	DiskAnswer	answer;

	strlcpy(request.directory, directory, sizeof(request.directory));
	snprintf(state_path, sizeof(state_path), "%s/%s", directory,
			 STATE_FILE_NAME);
	ask(&request, &answer);
	return answer.ok;
}

StateVerdict
disk_load(int node_id, int node_count, uint64 fingerprint, bool declared_new,
		  RaftDurable *durable, char *note, size_t note_size)
{
	DiskRequest request = {.call = DISK_LOAD};
	DiskAnswer	answer;

	request.node_id = node_id;
	request.node_count = node_count;
	request.fingerprint = fingerprint;
	request.declared_new = declared_new;
	ask(&request, &answer);
	*durable = answer.durable;
	strlcpy(note, answer.note, note_size);
	return answer.verdict;
}

bool
disk_write(const RaftDurable *durable)
{
	DiskRequest request = {.call = DISK_WRITE};
	DiskAnswer	answer;

	request.durable = *durable;
	ask(&request, &answer);
	errno = answer.write_errno;
	return answer.ok;
}

void
disk_mirror(void)
{
	DiskRequest request = {.call = DISK_MIRROR};
	DiskAnswer	answer;

	ask(&request, &answer);
}

bool
disk_in_place(void)
{
	DiskRequest request = {.call = DISK_IN_PLACE};
	DiskAnswer	answer;

	ask(&request, &answer);
	return answer.ok;
}
