/*-------------------------------------------------------------------------
 *
 * ctl_resolve.h
 *		Looks up a host's addresses without waiting for them.
 *
 * libpq waits for the resolver even when it connects asynchronously.  So a
 * child process asks it, and is left behind if it takes too long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_RESOLVE_H
#define CTL_RESOLVE_H

#include <sys/types.h>

/* What a write to a pipe is sure to hold together. */
#define CTL_RESOLVE_ANSWER_SIZE 4096

typedef enum CtlResolveResult
{
	CTL_RESOLVE_PENDING,
	CTL_RESOLVE_DONE,
	CTL_RESOLVE_FAILED
} CtlResolveResult;

/* One question; all zeros: none. */
typedef struct CtlResolver
{
	pid_t		process;		/* 0: none */
	int			fd;				/* readable when there is something to do */
	size_t		length;			/* of the answer so far */
	char		answer[CTL_RESOLVE_ANSWER_SIZE + 1];
} CtlResolver;

/* Is it a name, rather than an address or a directory? */
extern bool ctl_resolve_is_needed(const char *host);

/* False, with errno set, if there can be no child process. */
extern bool ctl_resolve_start(CtlResolver *resolver, const char *host);

/*
 * Reads what there is.  When it is done, *text are the addresses with commas
 * between them; when that failed, the reason.  *text lives as long as the
 * resolver is not started again.
 */
extern CtlResolveResult ctl_resolve_continue(CtlResolver *resolver,
											 const char **text);

/* Gives up on a question, or does nothing. */
extern void ctl_resolve_end(CtlResolver *resolver);

#endif							/* CTL_RESOLVE_H */
