/*-------------------------------------------------------------------------
 *
 * log_lines.h
 *		The server log's lines about elections.
 *
 * The ticker alone uses this: it feeds the core's events as they come and
 * asks from time to time for the line that says what is missing.  Roles and
 * health go to LOG, dangers to WARNING, the steps of an election to DEBUG1;
 * while nothing changes, nothing is logged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_LOG_LINES_H
#define PG_LEADER_LOG_LINES_H

#include "contact.h"
#include "shared_state.h"

/* What must be remembered from line to line; fields are for log_lines.c. */
typedef struct LogLines
{
	int			node_id;
	int			node_count;
	uint64		start_ns;
	uint64		leaderless_since_ns;	/* 0: a leader is known */
	uint64		led_since_ns;	/* 0: this node does not lead */
	uint64		led_term;		/* in which it leads */
	uint64		followed_term;	/* of the leader that it follows, if it does */
	int32		resigned_leader;	/* whose resignation came last, or
									 * RAFT_NO_NODE */
	uint64		resigned_term;	/* that it ended */
	int32		resigned_to;	/* whom it named, or RAFT_NO_NODE */
	uint64		outside_since_ns;	/* not a MEMBER since; 0: is one */
	bool		amnesiac;
	bool		forget_requested;	/* an operator has asked an amnesiac to
									 * forget its state */
	uint64		storage_failed_since_ns;	/* 0: state can be written */
	uint64		next_note_ns;	/* when to say next what is missing */
	uint64		next_rivals_ns; /* when to say next that two nodes lead */
} LogLines;

/* Start of the ticker, right after raft_init(). */
extern void log_lines_begin(LogLines *lines, const RaftNode *node,
							int node_id, int node_count, uint64 now_ns);

/*
 * A message that is about to be fed to the core: what it says of its sender's
 * reasons, the core's events do not tell.
 */
extern void log_lines_message(LogLines *lines, const RaftMessage *message);

/* Log one event, if it is worth a line. */
extern void log_lines_event(LogLines *lines, const RaftNode *node,
							const RaftEvent *event);

/* A peer is lost or back. */
extern void log_lines_contact(const LogLines *lines,
							  const ContactChange *change);

/*
 * What an SQL function asked for, and who; right before the events that come
 * of it.
 */
extern void log_lines_call(const LogLines *lines, const ControlCall *call);

/* An operator has asked this node, an amnesiac, to forget its state. */
extern void log_lines_forget_requested(LogLines *lines);

/*
 * How a node that has lost its state comes back; a part of ereport(), an
 * errhint().
 */
extern int	log_lines_recovery_hint(int node_id, int node_count);

/*
 * Say what is missing, if something is and it is time to.  Allocates in the
 * current memory context.
 */
extern void log_lines_note(LogLines *lines, const RaftNode *node,
						   uint64 now_ns);

/* When log_lines_note() has to be called next; UINT64_MAX: not by itself. */
extern uint64 log_lines_next_deadline(const LogLines *lines);

#endif							/* PG_LEADER_LOG_LINES_H */
