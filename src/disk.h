/*-------------------------------------------------------------------------
 *
 * disk.h
 *		The state file, behind a process of its own that may be left waiting
 *		for the disk.
 *
 * A process that the kernel keeps in an uninterruptible write cannot end, and
 * a server that stops waits for all of its workers.  So the ticker does not
 * touch the disk itself: a child of it does, which is no process of the
 * server's, and answers over a pair of sockets.  The ticker waits for each
 * answer, durable before reply as ever, but can leave at any moment.
 *
 * The child holds the lock of the state directory (state_file.h).  If it is
 * left behind in a write, the lock stays taken until that write is over, and
 * the next ticker waits: what was written late can be overtaken by nobody.
 *
 * All of these run in the ticker.  While one waits, SIGTERM and the death of
 * the postmaster end the ticker at once.  If the child has ended, they end the ticker by ereport(ERROR);
 * what the child had to say is in the server log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_DISK_H
#define PG_LEADER_DISK_H

#include "state_file.h"

/*
 * Start the child.  Before the ticker attaches to dynamic shared memory,
 * which the child must not hold on to.
 */
extern void disk_start(void);

/* As state_file_open(): false if another process holds the lock. */
extern bool disk_open(const char *directory);

/* As their counterparts of state_file.h. */
extern StateVerdict disk_load(int node_id, int node_count, uint64 fingerprint,
							  bool declared_new, RaftDurable *durable,
							  char *note, size_t note_size);
extern bool disk_write(const RaftDurable *durable);
extern void disk_mirror(void);
extern bool disk_in_place(void);

/* The state file's path, for messages. */
extern const char *disk_path(void);

/*
 * SIGTERM's handler calls this: is the ticker waiting for an answer?  Then it
 * may proc_exit(), as it holds nothing that the end would need.
 */
extern bool disk_is_waiting(void);

#endif							/* PG_LEADER_DISK_H */
