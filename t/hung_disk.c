/*-------------------------------------------------------------------------
 *
 * hung_disk.c
 *		A disk that does not answer, for t/016_hung_disk.pl.
 *
 * The test compiles this into a library of its own, which servers load by
 * LD_PRELOAD.  While the file exists that the environment variable HUNG_DISK
 * names, fsync() and fdatasync() of pg_leader's state file, and of no other,
 * do not return, and signals wait.  The first such call makes a file of the
 * same name with ".hit" at its end: something hangs now.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Is it the state file, or the one that is to become it? */
static int
is_state_file(int fd)
{
	char		link[64];
	char		path[4096];
	ssize_t		length;
	const char *name;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	name = strstr(path, "/pg_leader/state");
	return name != NULL && strchr(name + strlen("/pg_leader/"), '/') == NULL;
}

static void
hang(int fd)
{
	const char *flag = getenv("HUNG_DISK");
	char		hit[4096];
	sigset_t	all;
	sigset_t	usual;

	if (flag == NULL || access(flag, F_OK) != 0 || !is_state_file(fd))
		return;

	snprintf(hit, sizeof(hit), "%s.hit", flag);
	close(open(hit, O_WRONLY | O_CREAT, 0600));

	/*
	 * As in the kernel's uninterruptible sleep, no signal is handled before
	 * the disk answers.
	 */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &usual);
	while (access(flag, F_OK) == 0)
		usleep(10000);
	sigprocmask(SIG_SETMASK, &usual, NULL);
}

int
fsync(int fd)
{
	hang(fd);
	return (int) syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	hang(fd);
	return (int) syscall(SYS_fdatasync, fd);
}
