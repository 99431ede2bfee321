/*-------------------------------------------------------------------------
 *
 * hook_command.h
 *		The command of pg_leader.on_leader_change: its placeholders and its
 *		environment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_HOOK_COMMAND_H
#define PG_LEADER_HOOK_COMMAND_H

#include "shared_state.h"

/* What a run tells beside its news. */
typedef struct HookRun
{
	int32		old_leader;		/* that a run has named last; RAFT_NO_NODE:
								 * none has */
	int			attempt;		/* from 1; more: repetitions of failed ones */
	uint64		skipped;		/* changes since the news before that no run
								 * has told of */
} HookRun;

/*
 * Where in the command a "%" begins that is no placeholder; NULL: nowhere.
 */
extern const char *hook_command_fault(const char *command);

/*
 * The command with its placeholders replaced; palloc'd.  What is put in place
 * of them consists of letters, digits, ".", ":", "-", "_" and, in the scope of
 * an IPv6 address, "%".
 */
extern char *hook_command_expand(const char *command, const HookNews *news,
								 const HookRun *run);

/*
 * The whole environment of the command, nothing of the server's own: strings
 * "NAME=value", then NULL; palloc'd.
 */
extern char **hook_command_environment(const HookNews *news,
									   const HookRun *run);

#endif							/* PG_LEADER_HOOK_COMMAND_H */
