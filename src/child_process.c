/*-------------------------------------------------------------------------
 *
 * child_process.c
 *		Children of a worker that are no processes of the server's: what they
 *		do first, and how they are spoken with.
 *
 * Runs in the worker or in its child, as the header says.  No locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_process.h"
#include "config.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "shared_state.h"
#include "storage/ipc.h"
#include "storage/pg_shmem.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
#include "utils/wait_event.h"

pid_t
child_process_fork(void)
{
	pid_t		child;
	int			fork_errno;

	(void) sigprocmask(SIG_SETMASK, &BlockSig, NULL);
	child = fork();
	if (child == 0)
		return 0;
	fork_errno = errno;
	(void) sigprocmask(SIG_SETMASK, &UnBlockSig, NULL);
	errno = fork_errno;
	return child;
}

/* The parent may have gone before the first of these took effect. */
bool
child_process_ends_with(pid_t parent, int signal_number)
{
	return prctl(PR_SET_PDEATHSIG, signal_number) == 0 && getppid() == parent;
}

void
child_process_leave_server(const char *what)
{
	on_exit_reset();
	MyProcPid = getpid();
	pgstat_reset_wait_event_storage();
	MyProc = NULL;
	PGSharedMemoryDetach();
	shared_state = NULL;
	init_ps_display(psprintf("pg_leader %s, node %d", what, config_node_id));
}

bool
child_process_send(int fd, const void *data, size_t length)
{
	const char *place = data;

	while (length > 0)
	{
		ssize_t		sent = send(fd, place, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		place += sent;
		length -= (size_t) sent;
	}
	return true;
}

bool
child_process_receive(int fd, void *data, size_t length)
{
	char	   *place = data;

	while (length > 0)
	{
		ssize_t		received = recv(fd, place, length, 0);

		if (received < 0 && errno == EINTR)
			continue;
		if (received <= 0)
			return false;
		place += received;
		length -= (size_t) received;
	}
	return true;
}
