/*-------------------------------------------------------------------------
 *
 * recall.h
 *		What a node knows of its past when its ticker starts: from the state
 *		file, and from what this server's shared memory still holds of the
 *		last ticker, a second witness while the server lives.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_RECALL_H
#define PG_LEADER_RECALL_H

#include "state_file.h"

/*
 * The record to start from, into "durable", and how it came about; the ticker
 * alone calls this, once, when the state directory is open (disk_open()).
 * Reads the published state without the lock.  "note" gets a sentence about
 * what is wrong with the state file, if something is.  Logs what a DBA should
 * know of it.
 */
extern StateVerdict recall_past(int node_count, RaftDurable *durable,
								char *note, size_t note_size);

#endif							/* PG_LEADER_RECALL_H */
