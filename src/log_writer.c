/*-------------------------------------------------------------------------
 *
 * log_writer.c
 *		The algorithm log's file, behind a process of its own that may be left
 *		waiting for the disk.
 *
 * The public functions run in the logger, run_child() in its child.  No locks.
 *
 * What must stay true:
 *	1. the child detaches from shared memory and from the server's outputs
 *	   before it touches a file, or one that is left behind would keep the
 *	   server from starting again;
 *	2. it ends when the logger has ended, which its socket tells;
 *	3. one request is under way at a time, and each has one answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_process.h"
#include "log_writer.h"
#include "postmaster/syslogger.h"

typedef struct LogWriterRequest
{
	bool		is_open;		/* the text is a path */
	int			mode;			/* OPEN: of a new file */
	uint32		length;			/* of the text, which follows */
} LogWriterRequest;

static int	writer_socket = -1; /* the logger's end */
static pid_t writer_pid = 0;
static bool is_busy = false;

static void run_child(int fd) pg_attribute_noreturn();

/*
 * The child
 */

/* As much as can be; the answer tells how much, and why not all. */
static void
write_text(int file, const char *text, uint32 length, LogWriterAnswer *answer)
{
	while (answer->written < length)
	{
		ssize_t		written = write(file, text + answer->written,
									length - answer->written);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
		{
			answer->error_number = errno;
			return;
		}
		answer->written += (uint32) written;
	}
}

/*
 * Open the file, and end a line that a crash or a full disk has cut off, so
 * that what follows is on one of its own.
 */
static int
open_file(const char *path, int mode, LogWriterAnswer *answer)
{
	struct stat status;
	mode_t		old_mask;
	char		last;
	int			file;

	old_mask = umask((~(mode_t) mode) & (S_IRWXU | S_IRWXG | S_IRWXO));
	file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, (mode_t) mode);
	(void) umask(old_mask);
	if (file < 0)
	{
		answer->error_number = errno;
		return -1;
	}
	if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
		status.st_size > 0 &&
		pread(file, &last, 1, status.st_size - 1) == 1 && last != '\n')
		write_text(file, "\n", 1, answer);
	answer->written = 0;
	return file;
}

static void
serve(int fd)
{
	static char text[LOG_WRITER_MAX_BYTES + 1];
	LogWriterRequest request;
	int			file = -1;

	while (child_process_receive(fd, &request, sizeof(request)) &&
		   request.length <= LOG_WRITER_MAX_BYTES &&
		   child_process_receive(fd, text, request.length))
	{
		LogWriterAnswer answer = {0};

		text[request.length] = '\0';
		if (request.is_open)
		{
			if (file >= 0)
				close(file);
			file = open_file(text, request.mode, &answer);
		}
		else
			write_text(file, text, request.length, &answer);
		if (!child_process_send(fd, &answer, sizeof(answer)))
			break;
	}
}

/* The child's whole life. */
static void
run_child(int fd)
{
	int			nowhere;

	/*
	 * The postmaster's signals reach the logger's whole process group.  What
	 * they mean for this process it learns from the logger's end.
	 */
	for (int i = 1; i < NSIG; i++)
	{
		if (i != SIGCHLD && i != SIGSEGV && i != SIGBUS && i != SIGABRT)
			(void) signal(i, SIG_IGN);
	}

	child_process_leave_server("log writer");

	nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 ||
		dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0)
		_exit(1);
	serve(fd);
	_exit(0);
}

/*
 * The logger
 */

bool
log_writer_start(void)
{
	int			fork_errno;
	pid_t		child;
	int			fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;

	child = child_process_fork();
	fork_errno = errno;
	if (child == 0)
	{
		close(fds[0]);
		run_child(fds[1]);
	}

	close(fds[1]);
	if (child < 0)
	{
		close(fds[0]);
		errno = fork_errno;
		return false;
	}
	writer_socket = fds[0];
	writer_pid = child;
	is_busy = false;
	return true;
}

bool
log_writer_runs(void)
{
	return writer_socket >= 0;
}

bool
log_writer_is_busy(void)
{
	return is_busy;
}

pgsocket
log_writer_socket(void)
{
	return writer_socket >= 0 ? writer_socket : PGINVALID_SOCKET;
}

/* If it does not get there, there will be no answer but the socket's end. */
static void
send_request(bool is_open, const char *text, uint32 length)
{
	LogWriterRequest request = {
		.is_open = is_open,.mode = Log_file_mode | S_IWUSR | S_IRUSR,.length = length
	};
	struct iovec parts[2] = {
		{&request, sizeof(request)}, {unconstify(char *, text), length}
	};
	struct msghdr message = {.msg_iov = parts,.msg_iovlen = 2};

	Assert(!is_busy && length <= LOG_WRITER_MAX_BYTES);
	is_busy = true;
	if (sendmsg(writer_socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		(ssize_t) (sizeof(request) + length))
		(void) shutdown(writer_socket, SHUT_RDWR);
}

void
log_writer_open(const char *path)
{
	send_request(true, path, (uint32) strlen(path));
}

void
log_writer_write(const char *text, uint32 length)
{
	send_request(false, text, length);
}

bool
log_writer_answer(LogWriterAnswer *answer)
{
	ssize_t		received;

	if (!is_busy)
		return false;
	received = recv(writer_socket, answer, sizeof(*answer), MSG_DONTWAIT);
	if (received < 0 &&
		(errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (received != (ssize_t) sizeof(*answer))
	{
		log_writer_stop();
		memset(answer, 0, sizeof(*answer));
		answer->error_number = EPIPE;
	}
	is_busy = false;
	return true;
}

/* The end of the socket ends an idle child; one that hangs cannot be ended. */
void
log_writer_stop(void)
{
	if (writer_socket < 0)
		return;
	close(writer_socket);
	writer_socket = -1;
	if (is_busy)
		(void) kill(writer_pid, SIGKILL);
	is_busy = false;
	writer_pid = 0;

	/* Bury those that have ended by now. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}
