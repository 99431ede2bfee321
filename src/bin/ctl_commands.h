/*-------------------------------------------------------------------------
 *
 * ctl_commands.h
 *		The commands of pg_leaderctl.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl_query.h"

/* Exit statuses; scripts know them. */
typedef enum CtlExit
{
	CTL_YES = 0,				/* yes, or done */
	CTL_NO = 1,					/* no, or refused, or not all is well */
	CTL_CANNOT_TELL = 2,		/* who would have to tell has not */
	CTL_USAGE = 3				/* nothing was tried */
} CtlExit;

/* What "wait" waits for. */
typedef enum CtlGoal
{
	CTL_GOAL_LEADER,
	CTL_GOAL_NO_LEADER,
	CTL_GOAL_NODE				/* node_id leads */
} CtlGoal;

/* What the command line says, and whom to ask. */
typedef struct Ctl
{
	const CtlServers *servers;
	CtlNode    *nodes;			/* one for each server */
	int			count;
	int64		limit_us;		/* for each node */
	int64		timeout_us;		/* of waiting and acting; -1: not given */
	int64		watch_us;		/* between two looks; 0: look once */
	bool		json;
	bool		quiet;			/* only the exit status matters */
	CtlGoal		goal;
	int			node_id;		/* argument of a command, or of the goal; -1:
								 * none */
	int			row_limit;		/* of the history; 0: none */
} Ctl;

extern CtlExit ctl_commands_status(Ctl *ctl);
extern CtlExit ctl_commands_peers(Ctl *ctl);
extern CtlExit ctl_commands_history(Ctl *ctl);
extern CtlExit ctl_commands_leader(Ctl *ctl);
extern CtlExit ctl_commands_is_leader(Ctl *ctl);
extern CtlExit ctl_commands_wait(Ctl *ctl);
extern CtlExit ctl_commands_transfer(Ctl *ctl);
extern CtlExit ctl_commands_step_down(Ctl *ctl);
extern CtlExit ctl_commands_forget_state(Ctl *ctl);

#endif							/* CTL_COMMANDS_H */
