/*-------------------------------------------------------------------------
 *
 * ctl_view.h
 *		What the nodes answer about the cluster, and what follows from it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include "ctl_query.h"

/*
 * Two questions for a node's own view, each answered with one row.  The short
 * one is open to everybody, and has the first columns only; the long one is
 * for members of pg_monitor.
 */
extern const char *const ctl_view_leader_query;
extern const char *const ctl_view_status_query;

/*
 * The short one, answered when the node knows a leader, or when the time (in
 * microseconds) is over.  The caller frees it.
 */
extern char *ctl_view_wait_query(int64 limit_us);

/* Columns of the answer. */
typedef enum CtlStatusColumn
{
	CTL_STATUS_NODE_ID,
	CTL_STATUS_TERM,
	CTL_STATUS_LEADER_ID,
	CTL_STATUS_IS_LEADER,		/* t or f */
	CTL_STATUS_TRANSFER_LIMIT,	/* seconds that a transfer may take */

	CTL_STATUS_ROLE,
	CTL_STATUS_LEASE,			/* as text, with its unit */
	CTL_STATUS_IN_RECOVERY,		/* yes or no */
	CTL_STATUS_CHANGED,			/* how long ago */
	CTL_STATUS_NOTE,			/* begins with the standing if it is no member */
	CTL_STATUS_LEADER_HOST,
	CTL_STATUS_LEADER_PORT,
	CTL_STATUS_CLUSTER_NAME,
	CTL_STATUS_NODE_COUNT,
	CTL_STATUS_JSON				/* the view's row as it is, times in seconds */
} CtlStatusColumn;

/* Asks what a node knows of each node, a row each. */
extern const char *const ctl_view_peers_query;

typedef enum CtlPeersColumn
{
	CTL_PEERS_SEEN_BY,			/* who is asked; the others are of the peer */
	CTL_PEERS_NODE_ID,
	CTL_PEERS_IS_SELF,			/* t or f */
	CTL_PEERS_ADDRESS,
	CTL_PEERS_REACHABLE,		/* yes or no */
	CTL_PEERS_LAST_HEARD,		/* as text, with its unit, as the next */
	CTL_PEERS_ROUND_TRIP,
	CTL_PEERS_TERM,
	CTL_PEERS_ROLE,
	CTL_PEERS_KNOWN_LEADER_ID,
	CTL_PEERS_PRIORITY,
	CTL_PEERS_ACKNOWLEDGES,		/* yes, no or nothing */
	CTL_PEERS_RANK,
	CTL_PEERS_NOTE,
	CTL_PEERS_JSON
} CtlPeersColumn;

/* How sure it is who leads. */
typedef enum CtlLeadership
{
	CTL_LEADERSHIP_NONE,		/* nobody names a leader */
	CTL_LEADERSHIP_NAMED,		/* others name it, it has not answered itself */
	CTL_LEADERSHIP_WITHOUT_LEASE,	/* it is named, and denies */
	CTL_LEADERSHIP_HELD			/* it says that it holds the lease */
} CtlLeadership;

/* All answers taken together. */
typedef struct CtlVerdict
{
	CtlLeadership leadership;
	int			leader_id;		/* -1: none */
	int64		term;			/* of that leadership; 0: none */
	CtlNode    *leader;			/* NULL: it has not answered */
	const CtlNode *witness;		/* who says so; NULL: nobody */
	int			answered_count;
	int			agreeing_count;
	int			unreachable_count;
	int			refused_count;
	int			cluster_size;	/* nodes in the cluster; 0: nobody has told */
} CtlVerdict;

/* A field of the first row; NULL if it is NULL, or there is none. */
extern const char *ctl_view_field(const CtlNode *node, int column);

/* A number of the first row, or what it is if there is none. */
extern int64 ctl_view_number(const CtlNode *node, int column, int64 otherwise);

/* Does the node say that it holds the leader's lease? */
extern bool ctl_view_is_leader(const CtlNode *node);

/* Is it settled who leads?  (A CtlSettled that needs nothing to be about.) */
extern bool ctl_view_some_leads(const CtlNode *nodes, int count,
								const void *about);

/* Answers have to be those to one of the questions for a node's view. */
extern CtlVerdict ctl_view_judge(CtlNode *nodes, int count);

/* Has the node answered as the verdict says? */
extern bool ctl_view_agrees(const CtlNode *node, const CtlVerdict *verdict);

/* Does the node belong to the same cluster as who tells the leader? */
extern bool ctl_view_same_cluster(const CtlNode *node, const CtlVerdict *verdict);

#endif							/* CTL_VIEW_H */
