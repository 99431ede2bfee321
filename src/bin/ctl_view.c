/*-------------------------------------------------------------------------
 *
 * ctl_view.c
 *		What the nodes answer about the cluster, and what follows from it.
 *
 * The answers are not of the same moment.  Two nodes may say that they lead,
 * one after the other, while leadership changes hands: then that of the
 * greater term is the later one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "ctl_view.h"

#define SECONDS(column) "'" column "', extract(epoch FROM " column ")"
#define MILLISECONDS(column) "round(1000 * extract(epoch FROM " column "), 1)::float8 || ' ms'"
#define YES_OR_NO(column) "CASE WHEN " column " THEN 'yes' WHEN NOT " column " THEN 'no' END"

/*
 * What pg_leader_transfer() waits for at most.  The setting in force may be an
 * older one; then the limit is a little wrong.
 */
#define TRANSFER_LIMIT \
"(SELECT ceil(greatest(3 * setting::numeric / 1000, 10)) FROM pg_settings" \
" WHERE name = 'pg_leader.election_timeout_max')"

/* Whether it leads, and in which term, is one answer to one call. */
#define LEADER_COLUMNS \
"pg_leader_node_id(), coalesce(token, pg_leader_term())," \
" CASE WHEN token IS NULL THEN pg_leader_leader_id() ELSE pg_leader_node_id() END," \
" token IS NOT NULL, " TRANSFER_LIMIT

const char *const ctl_view_leader_query =
"SELECT " LEADER_COLUMNS " FROM pg_leader_fencing_token() AS token";

const char *const ctl_view_status_query =
"SELECT node_id, term, leader_id, is_leader, " TRANSFER_LIMIT ", role,"
" CASE WHEN is_leader THEN round(1000 * extract(epoch FROM lease_remaining)) || ' ms' END,"
" " YES_OR_NO("in_recovery") ","
" date_trunc('second', greatest(clock_timestamp() - since, interval '0')) || ' ago',"
" concat_ws(': ', nullif(standing, 'member'), note),"
" leader_host, leader_port, cluster_name, node_count,"
" to_jsonb(s) || jsonb_build_object("
SECONDS("lease_remaining") ", " SECONDS("recovers_in") ", "
SECONDS("heartbeat_interval") ", " SECONDS("election_timeout_min") ", "
SECONDS("election_timeout_max") ")"
" FROM pg_leader_status AS s";

const char *const ctl_view_peers_query =
"SELECT pg_leader_node_id(), node_id, is_self, address, " YES_OR_NO("reachable") ","
" " MILLISECONDS("last_heard") ", " MILLISECONDS("round_trip") ","
" term, role, known_leader_id, priority, " YES_OR_NO("acknowledges") ", rank, note,"
" to_jsonb(p) || jsonb_build_object("
SECONDS("last_heard") ", " SECONDS("round_trip") ", "
SECONDS("last_round_trip") ", " SECONDS("last_measured") ")"
" FROM pg_leader_peers AS p ORDER BY node_id";

/* The token refers to what is waited for, so it is asked for afterwards. */
char *
ctl_view_wait_query(int64 limit_us)
{
	return psprintf("SELECT " LEADER_COLUMNS
					" FROM pg_leader_wait(" INT64_FORMAT " * interval '1 us') AS waited,"
					" LATERAL (SELECT pg_leader_fencing_token() AS token, waited"
					" OFFSET 0) AS t", limit_us);
}

const char *
ctl_view_field(const CtlNode *node, int column)
{
	if (node->state != CTL_ANSWERED || PQntuples(node->result) == 0 ||
		column >= PQnfields(node->result) ||
		PQgetisnull(node->result, 0, column))
		return NULL;
	return PQgetvalue(node->result, 0, column);
}

int64
ctl_view_number(const CtlNode *node, int column, int64 otherwise)
{
	const char *text = ctl_view_field(node, column);

	return text ? strtoll(text, NULL, 10) : otherwise;
}

bool
ctl_view_is_leader(const CtlNode *node)
{
	const char *text = ctl_view_field(node, CTL_STATUS_IS_LEADER);

	return text && text[0] == 't';
}

bool
ctl_view_some_leads(const CtlNode *nodes, int count, const void *about)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (ctl_view_is_leader(&nodes[i]))
			return true;
	}
	return false;
}

static int64
term_of(const CtlNode *node)
{
	return ctl_view_number(node, CTL_STATUS_TERM, 0);
}

static int
leader_of(const CtlNode *node)
{
	return (int) ctl_view_number(node, CTL_STATUS_LEADER_ID, -1);
}

bool
ctl_view_same_cluster(const CtlNode *node, const CtlVerdict *verdict)
{
	const char *name = ctl_view_field(node, CTL_STATUS_CLUSTER_NAME);
	const char *told;

	if (!verdict->witness || node->state != CTL_ANSWERED)
		return true;
	told = ctl_view_field(verdict->witness, CTL_STATUS_CLUSTER_NAME);
	return strcmp(name ? name : "", told ? told : "") == 0 &&
		ctl_view_number(node, CTL_STATUS_NODE_COUNT, 0) == verdict->cluster_size;
}

bool
ctl_view_agrees(const CtlNode *node, const CtlVerdict *verdict)
{
	if (node->state != CTL_ANSWERED || !ctl_view_same_cluster(node, verdict))
		return false;
	return leader_of(node) == verdict->leader_id &&
		(verdict->leader_id < 0 || term_of(node) == verdict->term);
}

/* Whose word counts for more? */
static bool
is_better_witness(const CtlNode *node, const CtlNode *than)
{
	if (!than)
		return true;
	if (ctl_view_is_leader(node) != ctl_view_is_leader(than))
		return ctl_view_is_leader(node);
	if ((leader_of(node) >= 0) != (leader_of(than) >= 0))
		return leader_of(node) >= 0;
	return term_of(node) > term_of(than);
}

CtlVerdict
ctl_view_judge(CtlNode *nodes, int count)
{
	CtlVerdict	verdict = {.leader_id = -1};
	int			i;

	for (i = 0; i < count; i++)
	{
		verdict.answered_count += nodes[i].state == CTL_ANSWERED;
		verdict.refused_count += nodes[i].state == CTL_REFUSED;
		verdict.unreachable_count += nodes[i].state == CTL_UNREACHABLE;
		if (nodes[i].state == CTL_ANSWERED &&
			is_better_witness(&nodes[i], verdict.witness))
			verdict.witness = &nodes[i];
	}
	if (!verdict.witness)
		return verdict;

	verdict.cluster_size = (int) ctl_view_number(verdict.witness, CTL_STATUS_NODE_COUNT, 0);
	verdict.leader_id = leader_of(verdict.witness);
	if (verdict.leader_id >= 0)
	{
		verdict.term = term_of(verdict.witness);
		verdict.leadership = CTL_LEADERSHIP_NAMED;
	}
	for (i = 0; i < count; i++)
	{
		if (verdict.leader_id >= 0 && nodes[i].state == CTL_ANSWERED &&
			ctl_view_same_cluster(&nodes[i], &verdict) &&
			ctl_view_number(&nodes[i], CTL_STATUS_NODE_ID, -1) == verdict.leader_id)
		{
			verdict.leader = &nodes[i];
			verdict.leadership = ctl_view_is_leader(&nodes[i]) ?
				CTL_LEADERSHIP_HELD : CTL_LEADERSHIP_WITHOUT_LEASE;
		}
		verdict.agreeing_count += ctl_view_agrees(&nodes[i], &verdict);
	}
	return verdict;
}
