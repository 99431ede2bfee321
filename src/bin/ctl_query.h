/*-------------------------------------------------------------------------
 *
 * ctl_query.h
 *		Asks several servers the same at once, with a time limit for all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_QUERY_H
#define CTL_QUERY_H

#include "ctl_resolve.h"
#include "ctl_servers.h"

typedef enum CtlState
{
	CTL_IDLE,					/* not asked, or its answer was not awaited */
	CTL_RESOLVING,				/* these three: under way */
	CTL_CONNECTING,
	CTL_ASKING,
	CTL_ANSWERED,				/* result has rows */
	CTL_REFUSED,				/* the server answered with an error */
	CTL_UNREACHABLE				/* no connection, or no answer in time */
} CtlState;

/* A server that is asked, and what came of the last question. */
typedef struct CtlNode
{
	const CtlServer *server;
	CtlState	state;
	PGresult   *result;			/* the rows, if CTL_ANSWERED */
	char	   *message;		/* why there are none: one line */
	char	   *detail;			/* the server's, or NULL */
	char	   *hint;			/* the server's, or NULL */
	char	   *warning;		/* what the server said besides, or NULL */
	bool		sent;			/* the server may have been told the question */

	/* For ctl_query.c alone. */
	const char *query;			/* the question */
	PGconn	   *connection;		/* kept from question to question */
	CtlResolver resolver;
	short		awaited;		/* POLLIN or POLLOUT, while connecting */
	bool		reused;			/* of an earlier question: may be made anew */
	bool		installed;		/* the extension is there */
	bool		lost;			/* the server has ended the connection */
	int64		deadline_us;	/* if it is asked repeatedly: for the answer */
	int64		turn_us;		/* ... not asked anew before; 0: first time */
} CtlNode;

/* Is what has come so far enough? */
typedef bool (*CtlSettled) (const CtlNode *nodes, int count, const void *about);

/* A clock that only goes forward, in microseconds. */
extern int64 ctl_query_now_us(void);

/*
 * Asks each of the nodes a query of one statement, in which the extension's
 * functions and views need no schema.  Returns when each has answered, or has
 * failed, or at the deadline, or when settled says so (if it is not NULL);
 * those that have said nothing until the deadline are unreachable then.
 */
extern void ctl_query_ask(const CtlServers *servers, CtlNode *nodes, int count,
						  const char *query, int64 deadline_us,
						  CtlSettled settled, const void *about);

/*
 * Asks one node to do something.  Unlike a question, that is not sent again if
 * the connection turns out to be lost.
 */
extern void ctl_query_act(const CtlServers *servers, CtlNode *node,
						  const char *statement, int64 deadline_us);

/* How to ask again and again; times in microseconds. */
typedef struct CtlRepetition
{
	const char *first_query;	/* of each node */
	const char *query;			/* its later ones; may be answered late by
								 * intent */
	int64		limit_us;		/* for each answer */
	int64		interval_us;	/* between two questions at least */
	int64		end_us;			/* by ctl_query_now_us() */
} CtlRepetition;

/*
 * Asks each of the nodes again and again, at its own pace: one that hangs does
 * not delay what another has to say.  The nodes hold what was last said, also
 * while they are asked anew.  Returns true as soon as settled says so, which
 * is called at each answer or failure; false at the end of the time.
 */
extern bool ctl_query_repeat(const CtlServers *servers, CtlNode *nodes,
							 int count, const CtlRepetition *repetition,
							 CtlSettled settled, const void *about);

/* Ends connections, and frees what belongs to the nodes. */
extern void ctl_query_end(CtlNode *nodes, int count);

#endif							/* CTL_QUERY_H */
