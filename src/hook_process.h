/*-------------------------------------------------------------------------
 *
 * hook_process.h
 *		Runs a shell command below a guardian, so that nothing of it outlives
 *		the hook runner.
 *
 *		hook runner ── guardian ── sh -c command ── whatever it starts
 *
 * The guardian leads a session and a process group of its own, adopts every
 * orphan among its descendants, and ends when none is left: when the command
 * has ended by itself, what it has left behind is ended, too.  It is no
 * process of the server's: it has none of its memory, sockets or files.  When
 * the hook runner dies, by whatever, the kernel tells the guardian, which then
 * kills all at once; when the guardian is killed, the kernel kills the shell,
 * and the hook runner the rest.
 *
 * Where that ends: if both are killed within the same moment, what the shell
 * had started lives on; so does, as long as the kernel holds it, a process
 * that waits for a device; and one that the command had another process start,
 * a service manager for example, is none of its descendants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_HOOK_PROCESS_H
#define PG_LEADER_HOOK_PROCESS_H

/* How to end a command. */
typedef enum HookEnd
{
	HOOK_END_POLITELY,			/* SIGTERM; SIGKILL after the grace */
	HOOK_END_NOW				/* SIGKILL */
} HookEnd;

/* How long a command has between SIGTERM and SIGKILL. */
#define HOOK_GRACE_NS		(3 * NS_PER_S)

/* Hook runner, once: adopt orphans, have SIGCHLD set the latch. */
extern void hook_process_prepare(void);

/*
 * Start a command with this environment, in the data directory.  Returns the
 * guardian's process id, and in *output_fd the reading end of a pipe, which
 * does not block, for both of its outputs; -1, with errno: could not.
 */
extern pid_t hook_process_start(const char *command, char *const *environment,
								int *output_fd);

/* Ask the guardian to end the command, without waiting for it. */
extern void hook_process_end(pid_t guardian, HookEnd how);

/* The guardian does not do that: kill it together with the process group. */
extern void hook_process_kill(pid_t guardian);

/*
 * Has it ended?  If so, it is buried, none of its descendants is left, and
 * *status is the exit status of the command as a shell tells it: 128 and the
 * signal's number if a signal ended it.
 */
extern bool hook_process_ended(pid_t guardian, int *status);

#endif							/* PG_LEADER_HOOK_PROCESS_H */
