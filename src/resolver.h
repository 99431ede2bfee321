/*-------------------------------------------------------------------------
 *
 * resolver.h
 *		Resolves host names in a child process, so that nobody waits for DNS.
 *
 * The launcher alone uses this.  The system's resolver may block for tens of
 * seconds and cannot be interrupted; a launcher that waited for it could
 * neither restart the pipeline nor let the server stop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_RESOLVER_H
#define PG_LEADER_RESOLVER_H

#include "peers.h"
#include "port.h"

#define RESOLVER_PROBLEM_SIZE	128

typedef struct ResolverQuestion
{
	int			key;			/* comes back in the answer */
	PeerName	name;
} ResolverQuestion;

typedef struct ResolverAnswer
{
	int			key;
	PeerAddress address;		/* length 0: could not be resolved */
	char		problem[RESOLVER_PROBLEM_SIZE]; /* why not */
} ResolverAnswer;

/* Does this need the system's resolver?  Address literals and "*" do not. */
extern bool resolver_needed(const PeerName *name);

/*
 * Begin to answer the questions, in this order; family as in peers_resolve(),
 * but AF_UNSPEC prefers IPv4.  None may be in progress.  False, with errno, if
 * no child could be started.
 */
extern bool resolver_start(const ResolverQuestion *questions, int count,
						   int family);

/* The descriptor that becomes readable; PGINVALID_SOCKET: none in progress. */
extern pgsocket resolver_socket(void);

/*
 * Fetch the next answer; false: none has come yet, or (resolver_socket()
 * tells) that was all.
 */
extern bool resolver_next(ResolverAnswer *answer);

/* At exit: give up what is in progress, if anything.  Never blocks. */
extern void resolver_stop(void);

#endif							/* PG_LEADER_RESOLVER_H */
