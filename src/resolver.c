/*-------------------------------------------------------------------------
 *
 * resolver.c
 *		Resolves host names in a child process.
 *
 * Runs in the launcher and in a short-lived child of it, which writes its
 * answers to a pipe.  The child uses nothing of the server's: no shared
 * memory, no locks, no log.  It is in the launcher's process group, so that a
 * signal of the postmaster ends it as well, and it dies with the launcher: a
 * process that outlives the postmaster with shared memory attached would keep
 * the server from starting again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_process.h"
#include "libpq/pqsignal.h"
#include "resolver.h"
#include "utils/ps_status.h"

/* Pipe writes up to this size are whole (POSIX, PIPE_BUF is at least 512). */
StaticAssertDecl(sizeof(ResolverAnswer) <= 512,
				 "an answer must go through a pipe in one piece");

static void run_child(const ResolverQuestion *questions, int count,
					  int family, int fd, pid_t parent) pg_attribute_noreturn();

static pid_t child_pid = 0;		/* 0: none */
static int	answers_fd = -1;

bool
resolver_needed(const PeerName *name)
{
	struct addrinfo hints = {0};
	struct addrinfo *found = NULL;

	if (strcmp(name->host, PEER_HOST_ANY) == 0)
		return false;

	hints.ai_flags = AI_NUMERICHOST;
	if (getaddrinfo(name->host, NULL, &hints, &found) != 0)
		return true;
	freeaddrinfo(found);
	return false;
}

static void
answer_question(const ResolverQuestion *question, int family,
				ResolverAnswer *answer)
{
	const char *problem = NULL;
	bool		found;

	memset(answer, 0, sizeof(*answer));
	answer->key = question->key;
	found = peers_resolve(&question->name,
						  family == AF_UNSPEC ? AF_INET : family,
						  &answer->address, &problem);
	if (!found && family == AF_UNSPEC)
		found = peers_resolve(&question->name, AF_INET6, &answer->address,
							  &problem);
	if (!found)
	{
		answer->address.length = 0;
		strlcpy(answer->problem, problem, sizeof(answer->problem));
	}
}

/* The child's whole life. */
static void
run_child(const ResolverQuestion *questions, int count, int family, int fd,
		  pid_t parent)
{
	static const int handled_signals[] = {
		SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGURG
	};

	for (int i = 0; i < lengthof(handled_signals); i++)
		pqsignal(handled_signals[i], SIG_DFL);
	pqsignal(SIGHUP, SIG_IGN);

	/* By default this leaves a core file; the launcher's end is enough. */
	pqsignal(SIGQUIT, SIG_IGN);

	if (!child_process_ends_with(parent, SIGKILL))
		_exit(1);
	(void) sigprocmask(SIG_SETMASK, &UnBlockSig, NULL);
	set_ps_display("resolving names");

	for (int i = 0; i < count; i++)
	{
		ResolverAnswer answer;

		answer_question(&questions[i], family, &answer);
		if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
			_exit(1);
	}
	_exit(0);
}

bool
resolver_start(const ResolverQuestion *questions, int count, int family)
{
	pid_t		parent = getpid();
	int			fds[2];
	int			fork_errno;

	Assert(child_pid == 0);

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;

	child_pid = child_process_fork();
	fork_errno = errno;
	if (child_pid == 0)
	{
		close(fds[0]);
		run_child(questions, count, family, fds[1], parent);
	}

	close(fds[1]);
	if (child_pid < 0)
	{
		child_pid = 0;
		close(fds[0]);
		errno = fork_errno;
		return false;
	}

	(void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
	answers_fd = fds[0];
	return true;
}

pgsocket
resolver_socket(void)
{
	return answers_fd < 0 ? PGINVALID_SOCKET : answers_fd;
}

bool
resolver_next(ResolverAnswer *answer)
{
	ssize_t		length;

	if (answers_fd < 0)
		return false;

	do
		length = read(answers_fd, answer, sizeof(*answer));
	while (length < 0 && errno == EINTR);

	if (length == sizeof(*answer))
		return true;
	if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;

	/* End of file: the child has written its last answer, and ended. */
	close(answers_fd);
	answers_fd = -1;
	while (waitpid(child_pid, NULL, 0) < 0 && errno == EINTR)
		;
	child_pid = 0;
	return false;
}

void
resolver_stop(void)
{
	if (child_pid == 0)
		return;

	/* Whoever takes over the launcher's children will bury it. */
	(void) kill(child_pid, SIGKILL);
	close(answers_fd);
	answers_fd = -1;
	child_pid = 0;
}
