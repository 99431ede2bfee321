/*-------------------------------------------------------------------------
 *
 * state_file.h
 *		The node's durable state on disk: term, vote, longest promise,
 *		standing, generation, and the generations seen of the others.
 *
 * The ticker alone uses this, through a process of its own (disk.h), and holds
 * an exclusive lock (flock) on the state directory for its life, taken before
 * the state is read: a second ticker, of a restarted launcher or of another
 * server with the same directory, waits and votes nothing.
 *
 * The file has two slots, 4 KiB apart, each with one record (its layout is in
 * state_record.h).  A change goes to the slot that does not hold the newest
 * record, with the next generation, and one fdatasync(); afterwards, off the
 * critical path, state_file_mirror() writes the same record to the other
 * slot, so that one rotten slot never hides a confirmed state.  Syncing does
 * not depend on the server's fsync setting.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_STATE_FILE_H
#define PG_LEADER_STATE_FILE_H

#include "raft/raft.h"

/* Name of the file in the state directory. */
#define STATE_FILE_NAME		"state"

/* What state_file_load() found. */
typedef enum StateVerdict
{
	STATE_VALID = 0,			/* this node's own record */
	STATE_BORN,					/* no file, and the node is declared new */
	STATE_REBORN,				/* valid, but for another number of nodes or
								 * cluster name: a birth that keeps the term */
	STATE_MISSING,				/* no file, and not declared new */
	STATE_DAMAGED,				/* no slot holds a readable record */
	STATE_FOREIGN,				/* the record of another node id */
	STATE_COPIED				/* the file is a copy: its identity (inode and
								 * birth time) is not the recorded one */
} StateVerdict;

typedef struct StateFile StateFile; /* private to the disk process */

/*
 * Open the directory, making it if need be, and lock it.  Returns NULL if
 * another process holds the lock (call again later); ereport(ERROR)s if the
 * directory cannot be made or opened.  directory is relative to the current
 * directory (the data directory) or absolute.
 */
extern StateFile *state_file_open(const char *directory);

/*
 * Read the state.  Fills in *durable with what the core is to start from; the
 * verdict tells whether that is on disk already (STATE_VALID) or must be
 * written first (all others).  MISSING, DAMAGED, FOREIGN and COPIED give an
 * amnesiac's record.  note (of note_size bytes) gets one English sentence
 * about what was found unless STATE_VALID.
 * ereport(ERROR)s if the file exists but cannot be read.
 */
extern StateVerdict state_file_load(StateFile *file, int node_id,
									int node_count, uint64 fingerprint,
									bool declared_new, RaftDurable *durable,
									char *note, size_t note_size);

/*
 * Make the record durable; false and errno if that failed, in which case the
 * last confirmed record is still the one that a restart would find, or the
 * one that was just refused.  Checks first that the file is still the one in
 * the directory (it may have been deleted or replaced): errno is ESTALE then.
 */
extern bool state_file_write(StateFile *file, const RaftDurable *durable);

/* Write the newest record to the other slot too; failure is harmless. */
extern void state_file_mirror(StateFile *file);

/* Does the directory still hold this very file?  Cheap; no I/O but stat(). */
extern bool state_file_in_place(const StateFile *file);

/* The file's path, for messages. */
extern const char *state_file_path(const StateFile *file);

#endif							/* PG_LEADER_STATE_FILE_H */
