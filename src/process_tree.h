/*-------------------------------------------------------------------------
 *
 * process_tree.h
 *		Signals for a process's descendants, wherever in the tree they are.
 *
 * A process group ends where a program leaves it (setsid); the chain of
 * parents does not, as long as the root adopts orphans
 * (PR_SET_CHILD_SUBREAPER).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_PROCESS_TREE_H
#define PG_LEADER_PROCESS_TREE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Send a signal to every descendant of "root" that there is at this moment,
 * but not to root itself.  One that is forked meanwhile may be missed: call
 * again until none is left.  False: the processes cannot be listed, or memory
 * ran out, and no signal was sent.
 */
extern bool process_tree_signal(pid_t root, int signal_number);

#endif							/* PG_LEADER_PROCESS_TREE_H */
