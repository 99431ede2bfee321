/*-------------------------------------------------------------------------
 *
 * child_process.h
 *		Children of a worker that are no processes of the server's: what they
 *		do first, and how they are spoken with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_CHILD_PROCESS_H
#define PG_LEADER_CHILD_PROCESS_H

/*
 * fork().  The server's signals are blocked in the child, which must not run
 * the worker's handlers; in the worker they are not, whatever comes of it.
 */
extern pid_t child_process_fork(void);

/*
 * Child: that signal comes when the parent ends.  False if it cannot be had,
 * or the parent has gone already.
 */
extern bool child_process_ends_with(pid_t parent, int signal_number);

/*
 * Child: nothing of the server's is ours to clean up, or to hold.  Lets go of
 * shared memory; ps shows what the child is.
 */
extern void child_process_leave_server(const char *what);

/* All of it over a socket, or false: the other side has gone. */
extern bool child_process_send(int fd, const void *data, size_t length);
extern bool child_process_receive(int fd, void *data, size_t length);

#endif							/* PG_LEADER_CHILD_PROCESS_H */
