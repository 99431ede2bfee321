/*-------------------------------------------------------------------------
 *
 * hook_process.c
 *		Runs a shell command below a guardian, so that nothing of it outlives
 *		the hook runner.
 *
 * The public functions run in the hook runner, run_guardian() in its child,
 * run_command() in the child of that.  No locks.
 *
 * What must stay true:
 *	1. the guardian detaches from shared memory and closes the server's files
 *	   before it starts the command;
 *	2. the hook runner kills the guardian's process group before it waits for
 *	   the guardian: until then the group's id cannot be another's;
 *	3. signals are blocked in the guardian from before it is forked: it fetches
 *	   them one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_process.h"
#include "clock.h"
#include "config.h"
#include "hook_process.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "process_tree.h"
#include "storage/latch.h"

/* What the guardian is told by signals. */
#define SIGNAL_END_POLITELY		SIGTERM
#define SIGNAL_END_NOW			SIGUSR1 /* also by the runner's death */

/* After SIGKILL, look again for what was forked meanwhile. */
#define KILL_AGAIN_NS			(50 * NS_PER_MS)

/* How long the runner tries to be rid of what a killed guardian has left. */
#define STRAY_ROUNDS			100
#define STRAY_ROUND_MS			10

#define NEVER					UINT64_MAX

/* As a shell does for a command that cannot be started. */
#define STATUS_NOT_STARTED		126

static void run_command(const char *command, char *const *environment,
						pid_t guardian) pg_attribute_noreturn();
static void run_guardian(const char *command, char *const *environment,
						 int output_fd, pid_t runner) pg_attribute_noreturn();

/*
 * The guardian and its child
 */

static void
fail_in_child(const char *what)
{
	dprintf(STDERR_FILENO, "could not %s: %s\n", what, strerror(errno));
	_exit(STATUS_NOT_STARTED);
}

/* Close all that the server has open, its sockets among them. */
static void
close_files(int first)
{
	DIR		   *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	if (directory == NULL)
	{
		for (int fd = first; fd < sysconf(_SC_OPEN_MAX); fd++)
			(void) close(fd);
		return;
	}
	/* cppcheck-suppress readdirCalled; there is one thread */
	while ((entry = readdir(directory)) != NULL)
	{
		int			fd = (int) strtol(entry->d_name, NULL, 10);

		if (fd >= first && fd != dirfd(directory))
			(void) close(fd);
	}
	closedir(directory);
}

/* Standard input from nowhere, standard output and error to there. */
static void
redirect(int output_fd)
{
	int			nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nowhere < 0)
		_exit(STATUS_NOT_STARTED);
	if (output_fd < 0)
		output_fd = nowhere;
	if (dup2(nowhere, STDIN_FILENO) < 0 ||
		dup2(output_fd, STDOUT_FILENO) < 0 ||
		dup2(output_fd, STDERR_FILENO) < 0)
		_exit(STATUS_NOT_STARTED);
	if (nowhere > STDERR_FILENO)
		close(nowhere);
}

/* The shell's life before it is one. */
static void
run_command(const char *command, char *const *environment, pid_t guardian)
{
	char	   *arguments[] = {"sh", "-c", unconstify(char *, command), NULL};
	sigset_t	none;

	if (!child_process_ends_with(guardian, SIGKILL))
		_exit(STATUS_NOT_STARTED);
	if (chdir(DataDir) < 0)
		fail_in_child("change to the data directory");

	for (int i = 1; i < NSIG; i++)
		(void) signal(i, SIG_DFL);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	execve("/bin/sh", arguments, environment);
	fail_in_child("execute \"/bin/sh\"");
	_exit(STATUS_NOT_STARTED);
}

/* To all descendants; or, if they cannot be found, to the whole group. */
static void
signal_descendants(int signal_number)
{
	if (!process_tree_signal(getpid(), signal_number))
		(void) kill(0, signal_number);
	if (signal_number == SIGTERM)
		(void) process_tree_signal(getpid(), SIGCONT);
}

static int
shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Wait for one of these signals; 0: the time is over. */
static int
fetch_signal(const sigset_t *signals, uint64 deadline_ns)
{
	uint64		now_ns = clock_now_ns();
	uint64		wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	struct timespec timeout;
	int			result;

	if (deadline_ns == NEVER)
		result = sigwaitinfo(signals, NULL);
	else
	{
		timeout.tv_sec = (time_t) (wait_ns / NS_PER_S);
		timeout.tv_nsec = (long) (wait_ns % NS_PER_S);
		result = sigtimedwait(signals, NULL, &timeout);
	}
	return result < 0 ? 0 : result;
}

/* Until no descendant is left; returns the status of the shell. */
static int
guard(pid_t shell)
{
	sigset_t	signals;
	bool		is_ending = false;
	uint64		kill_at_ns = NEVER;
	int			shell_result = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGNAL_END_POLITELY);
	sigaddset(&signals, SIGNAL_END_NOW);

	for (;;)
	{
		bool		end_politely = false;
		int			status;
		pid_t		ended;

		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
		{
			if (ended != shell)
				continue;
			shell_result = shell_status(status);
			end_politely = true;	/* whoever is left behind */
		}
		if (ended < 0)
			return shell_result;

		if (!end_politely)
		{
			switch (fetch_signal(&signals, kill_at_ns))
			{
				case SIGNAL_END_POLITELY:
					end_politely = true;
					break;
				case SIGNAL_END_NOW:
					is_ending = true;
					kill_at_ns = 0;
					break;
			}
		}
		if (end_politely && !is_ending)
		{
			is_ending = true;
			kill_at_ns = clock_now_ns() + HOOK_GRACE_NS;
			signal_descendants(SIGTERM);
		}
		if (clock_now_ns() >= kill_at_ns)
		{
			signal_descendants(SIGKILL);
			kill_at_ns = clock_now_ns() + KILL_AGAIN_NS;
		}
	}
}

/* The guardian's whole life. */
static void
run_guardian(const char *command, char *const *environment, int output_fd,
			 pid_t runner)
{
	pid_t		shell;

	for (int i = 1; i < NSIG; i++)
		(void) signal(i, SIG_DFL);

	/*
	 * The postmaster signals the hook runner's process group; what that means
	 * for this one, the runner tells, or its end.
	 */
	if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
		!child_process_ends_with(runner, SIGNAL_END_NOW))
		_exit(STATUS_NOT_STARTED);

	child_process_leave_server("hook");
	redirect(output_fd);
	close_files(STDERR_FILENO + 1);

	shell = fork();
	if (shell == 0)
		run_command(command, environment, MyProcPid);
	if (shell < 0)
		fail_in_child("fork a shell");

	/* The pipe is at its end when the command's processes are. */
	redirect(-1);
	_exit(guard(shell));
}

/*
 * The hook runner
 */

/* SIGCHLD */
static void
handle_child_end(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	SetLatch(MyLatch);
	errno = saved_errno;
}

void
hook_process_prepare(void)
{
	pqsignal(SIGCHLD, handle_child_end);
	(void) prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t
hook_process_start(const char *command, char *const *environment,
				   int *output_fd)
{
	pid_t		runner = getpid();
	sigset_t	all;
	pid_t		guardian;
	int			fds[2];
	int			fork_errno;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;

	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, NULL);
	guardian = fork();
	fork_errno = errno;
	if (guardian == 0)
		run_guardian(command, environment, fds[1], runner);
	(void) sigprocmask(SIG_SETMASK, &UnBlockSig, NULL);

	close(fds[1]);
	if (guardian < 0)
	{
		close(fds[0]);
		errno = fork_errno;
		return -1;
	}
	(void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*output_fd = fds[0];
	return guardian;
}

void
hook_process_end(pid_t guardian, HookEnd how)
{
	(void) kill(guardian, how == HOOK_END_POLITELY ? SIGNAL_END_POLITELY :
				SIGNAL_END_NOW);
	(void) kill(guardian, SIGCONT);
}

void
hook_process_kill(pid_t guardian)
{
	/* Before its setsid() there is no such group. */
	(void) kill(-guardian, SIGKILL);
	(void) kill(guardian, SIGKILL);
}

/*
 * The guardian was killed, so that this process has adopted its descendants:
 * those that had left the process group still live.
 */
static void
kill_strays(void)
{
	for (int i = 0; i < STRAY_ROUNDS; i++)
	{
		pid_t		ended;

		(void) process_tree_signal(getpid(), SIGKILL);
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0)
			return;
		(void) poll(NULL, 0, STRAY_ROUND_MS);
	}
}

bool
hook_process_ended(pid_t guardian, int *status)
{
	siginfo_t	info;
	int			wait_status = 0;

	/* Rule 2: look, kill, then wait. */
	info.si_pid = 0;
	if (waitid(P_PID, guardian, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		info.si_pid == 0)
		return false;
	(void) kill(-guardian, SIGKILL);
	while (waitpid(guardian, &wait_status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(wait_status))
		kill_strays();
	*status = shell_status(wait_status);
	return true;
}
