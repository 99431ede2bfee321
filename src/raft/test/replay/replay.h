/*-------------------------------------------------------------------------
 *
 * replay.h
 *		Feeds the core once more with what an algorithm log of mode "replay"
 *		says that it was given, and compares what it answers.
 *
 *	log_reader.c	a line becomes an event
 *	session.c		one life of a core: from raft_init() to the ticker's end
 *	main.c			files, sessions and what is said of them
 *
 * The core is a function of its inputs.  So a difference means that the log
 * was made by another version of the core, that the log is damaged, or that
 * the worker which made it has done with the core what raft.h forbids.
 *
 *-------------------------------------------------------------------------
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdio.h>

#include "event_format.h"

/* Longest line that is looked at: an event behind a server log's prefix. */
#define REPLAY_LINE_SIZE	(2 * EVENT_LINE_SIZE)

/* What a line of a file is. */
typedef enum LineKind
{
	LINE_EVENT,
	LINE_FOREIGN,				/* of a server log, for example: no event */
	LINE_DAMAGED				/* the beginning of an event, or what is left
								 * of one */
} LineKind;

/*
 * Read a line, without its line feed.  Of an event, its place in the text is
 * returned in *text, and in *event what stands before its name, and the type;
 * of LOG_EVENT_IN_..., SETTINGS, LOST and START all the rest, too.
 */
extern LineKind log_reader_parse(const char *line, const char **text,
								 LogEvent *event);

/* One life of a core. */
typedef struct Session
{
	RaftNode   *node;			/* NULL: none is being replayed */
	int32_t		id;				/* the node's */
	RaftView	seen;			/* as the log showed it last */
	bool		is_seen;		/* it has shown one */
	RaftResult	result;			/* of the last entry; RAFT_OK once it is told */
	bool		ready_told;		/* the log has the record that is to be made
								 * durable */
	uint64_t	inputs;
	uint64_t	outputs;
} Session;

/* Why the core and the log part: a sentence. */
#define REPLAY_REASON_SIZE	(4 * EVENT_LINE_SIZE)

/*
 * Begin with LOG_EVENT_IN_INIT; feed the next entry; compare the next answer.
 * False: core and log differ, and "reason" says in what.
 */
extern bool session_begin(Session *session, const LogEvent *event,
						  char *reason);
extern bool session_feed(Session *session, const LogEvent *event,
						 char *reason);
extern bool session_compare(Session *session, const LogEvent *event,
							const char *text, char *reason);

/* Has the log all that the core has answered?  False: "reason" says what not. */
extern bool session_is_settled(Session *session, char *reason);

/* Forget it; its counts stay. */
extern void session_end(Session *session);

#endif							/* REPLAY_H */
