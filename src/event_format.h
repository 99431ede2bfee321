/*-------------------------------------------------------------------------
 *
 * event_format.h
 *		A line of the algorithm log for an event.
 *
 *	time=2026-11-25T09:33:01.123456Z clock=123456789012345 node=0 term=3
 *	role=leader leader=0 event=NAME key=value ...
 *
 * on one line, in this order; the keys behind NAME are those of
 * event_fields.c.  Values that may hold blanks are quoted, with \" and \\ for
 * these two, and "?" for what is no printable ASCII character.
 *
 * Nothing of PostgreSQL's: the logger and replay (src/raft/test/replay) use
 * the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_EVENT_FORMAT_H
#define PG_LEADER_EVENT_FORMAT_H

#include "event_fields.h"

/*
 * Room for any line, with the zero at its end: the longest tells of 127 peers'
 * generations of 20 digits each.
 */
#define EVENT_LINE_SIZE		8192

/* Write the line, without a line feed; returns its length. */
extern size_t event_format_line(const LogEvent *event,
								char line[EVENT_LINE_SIZE]);

#endif							/* PG_LEADER_EVENT_FORMAT_H */
