/*-------------------------------------------------------------------------
 *
 * ctl_print.c
 *		Shows answers, as tables like psql's or as JSON.
 *
 * What deviates is told by a word in capitals: it is to be found at a glance
 * by a person and by grep, with or without colours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "common/logging.h"
#include "ctl_json.h"
#include "ctl_print.h"
#include "ctl_table.h"

/* --- words ---------------------------------------------------------------- */

/* How a node's view relates to the verdict.  Scripts know the words. */
static const char *
view_word(const CtlNode *node, const CtlVerdict *verdict)
{
	switch (node->state)
	{
		case CTL_ANSWERED:
			return ctl_view_agrees(node, verdict) ? "agrees" : "differs";
		case CTL_REFUSED:
			return "error";
		case CTL_UNREACHABLE:
			return "unreachable";
		default:
			return "not asked";
	}
}

/* The same, with what deviates in capitals. */
static char *
view_mark(const CtlNode *node, const CtlVerdict *verdict)
{
	char	   *mark = pg_strdup(view_word(node, verdict));
	char	   *c;

	for (c = mark; *c && strcmp(mark, "agrees") != 0; c++)
		*c = pg_toupper((unsigned char) *c);
	return mark;
}

char *
ctl_print_leader_text(const CtlVerdict *verdict)
{
	switch (verdict->leadership)
	{
		case CTL_LEADERSHIP_HELD:
			return psprintf("node %d leads in term " INT64_FORMAT,
							verdict->leader_id, verdict->term);
		case CTL_LEADERSHIP_NAMED:
			return psprintf("node %d leads in term " INT64_FORMAT
							", as others tell; it has not answered itself",
							verdict->leader_id, verdict->term);
		case CTL_LEADERSHIP_WITHOUT_LEASE:
			return psprintf("node %d is named leader of term " INT64_FORMAT
							", but does not hold the lease",
							verdict->leader_id, verdict->term);
		case CTL_LEADERSHIP_NONE:
			break;
	}
	return pg_strdup("no node leads");
}

/* The sentences below the table of the status. */
static char *
summary(int count, const CtlVerdict *verdict)
{
	PQExpBuffer text = createPQExpBuffer();
	char	   *leader = ctl_print_leader_text(verdict);
	int			differing = verdict->answered_count - verdict->agreeing_count;
	char	   *result;

	if (verdict->answered_count == 0)
		appendPQExpBufferStr(text, "Nobody has told who leads.");
	else
		appendPQExpBuffer(text, "%c%s.", pg_toupper((unsigned char) leader[0]),
						  leader + 1);
	appendPQExpBuffer(text, " Of %d server%s, %d agree%s", count,
					  count == 1 ? "" : "s", verdict->agreeing_count,
					  verdict->agreeing_count == 1 ? "s" : "");
	if (differing > 0)
		appendPQExpBuffer(text, ", %d differ%s", differing,
						  differing == 1 ? "s" : "");
	if (verdict->unreachable_count > 0)
		appendPQExpBuffer(text, ", %d %s unreachable",
						  verdict->unreachable_count,
						  verdict->unreachable_count == 1 ? "is" : "are");
	if (verdict->refused_count > 0)
		appendPQExpBuffer(text, ", %d answer%s with an error",
						  verdict->refused_count,
						  verdict->refused_count == 1 ? "s" : "");
	appendPQExpBufferChar(text, '.');
	if (verdict->cluster_size > count)
		appendPQExpBuffer(text, " The cluster has %d nodes.",
						  verdict->cluster_size);

	result = pg_strdup(text->data);
	destroyPQExpBuffer(text);
	pg_free(leader);
	return result;
}

/* --- tables --------------------------------------------------------------- */

/* Why a node has not answered; the caller frees it. */
static char *
why_not(const CtlNode *node)
{
	if (node->detail)
		return psprintf("%s: %s", node->message, node->detail);
	return pg_strdup(node->message ? node->message : "");
}

static char *
status_note(const CtlNode *node, const CtlVerdict *verdict)
{
	const char *note = ctl_view_field(node, CTL_STATUS_NOTE);
	const char *name;

	if (node->state != CTL_ANSWERED)
		return why_not(node);
	if (ctl_view_same_cluster(node, verdict))
		return pg_strdup(note ? note : "");

	name = ctl_view_field(node, CTL_STATUS_CLUSTER_NAME);
	return psprintf("another cluster, \"%s\" of " INT64_FORMAT " nodes%s%s",
					name ? name : "",
					ctl_view_number(node, CTL_STATUS_NODE_COUNT, 0),
					note ? "; " : "", note ? note : "");
}

void
ctl_print_status(FILE *file, int width, const CtlNode *nodes, int count,
				 const CtlVerdict *verdict)
{
	static const CtlColumn columns[] = {
		{"node_id", 'r', CTL_STATUS_NODE_ID},
		{"server", 'l', CTL_TABLE_OWN},
		{"view", 'l', CTL_TABLE_OWN},
		{"role", 'l', CTL_STATUS_ROLE},
		{"term", 'r', CTL_STATUS_TERM},
		{"leader_id", 'r', CTL_STATUS_LEADER_ID},
		{"lease", 'r', CTL_STATUS_LEASE},
		{"in_recovery", 'l', CTL_STATUS_IN_RECOVERY},
		{"changed", 'r', CTL_STATUS_CHANGED},
		{"note", 'l', CTL_TABLE_OWN},
	};
	CtlTable	table;
	char	   *footer = summary(count, verdict);
	int			i;
	size_t		c;

	ctl_table_begin(&table, columns, lengthof(columns), count);
	for (i = 0; i < count; i++)
	{
		for (c = 0; c < lengthof(columns); c++)
		{
			if (columns[c].source != CTL_TABLE_OWN)
				ctl_table_add_copy(&table, ctl_view_field(&nodes[i], columns[c].source));
			else if (strcmp(columns[c].header, "server") == 0)
				ctl_table_add_copy(&table, nodes[i].server->name);
			else if (strcmp(columns[c].header, "view") == 0)
				ctl_table_add(&table, view_mark(&nodes[i], verdict));
			else
				ctl_table_add(&table, status_note(&nodes[i], verdict));
		}
	}
	ctl_table_end(&table, file, width, footer);
	pg_free(footer);
}

char *
ctl_print_marked_failure(const CtlNode *node)
{
	char	   *reason = why_not(node);
	char	   *marked = psprintf("%s: %s", node->state == CTL_REFUSED ?
								  "ERROR" : "UNREACHABLE", reason);

	pg_free(reason);
	return marked;
}

/* Does a row of an answer about peers belong into the table? */
static bool
is_other(const CtlNode *node, int row)
{
	return PQgetvalue(node->result, row, CTL_PEERS_IS_SELF)[0] != 't';
}

static int
peer_rows(const CtlNode *nodes, int count)
{
	int			rows = 0;
	int			i,
				row;

	for (i = 0; i < count; i++)
	{
		if (nodes[i].state != CTL_ANSWERED)
			rows++;
		else
		{
			for (row = 0; row < PQntuples(nodes[i].result); row++)
				rows += is_other(&nodes[i], row);
		}
	}
	return rows;
}

void
ctl_print_peers(FILE *file, int width, const CtlNode *nodes, int count)
{
	static const CtlColumn columns[] = {
		{"seen_by", 'l', CTL_PEERS_SEEN_BY},
		{"node_id", 'r', CTL_PEERS_NODE_ID},
		{"address", 'l', CTL_PEERS_ADDRESS},
		{"reachable", 'l', CTL_PEERS_REACHABLE},
		{"last_heard", 'r', CTL_PEERS_LAST_HEARD},
		{"round_trip", 'r', CTL_PEERS_ROUND_TRIP},
		{"term", 'r', CTL_PEERS_TERM},
		{"role", 'l', CTL_PEERS_ROLE},
		{"leader_id", 'r', CTL_PEERS_KNOWN_LEADER_ID},
		{"priority", 'r', CTL_PEERS_PRIORITY},
		{"acknowledges", 'l', CTL_PEERS_ACKNOWLEDGES},
		{"rank", 'r', CTL_PEERS_RANK},
		{"note", 'l', CTL_PEERS_NOTE},
	};
	CtlTable	table;
	const char *text;
	int			i,
				row;
	size_t		c;

	ctl_table_begin(&table, columns, lengthof(columns), peer_rows(nodes, count));
	for (i = 0; i < count; i++)
	{
		if (nodes[i].state != CTL_ANSWERED)
		{
			ctl_table_add_copy(&table, nodes[i].server->name);
			for (c = 1; c < lengthof(columns) - 1; c++)
				ctl_table_add_copy(&table, NULL);
			ctl_table_add(&table, ctl_print_marked_failure(&nodes[i]));
			continue;
		}
		for (row = 0; row < PQntuples(nodes[i].result); row++)
		{
			if (!is_other(&nodes[i], row))
				continue;
			for (c = 0; c < lengthof(columns); c++)
			{
				text = PQgetvalue(nodes[i].result, row, columns[c].source);
				if (columns[c].source == CTL_PEERS_REACHABLE &&
					strcmp(text, "no") == 0)
					text = "NO";
				ctl_table_add_copy(&table, text);
			}
		}
	}
	ctl_table_end(&table, file, width, NULL);
}

/* --- messages -------------------------------------------------------------- */

void
ctl_print_failure(const CtlNode *node)
{
	if (!node->message)
		return;
	pg_log_error("%s: %s", node->server->name, node->message);
	if (node->detail)
		pg_log_error_detail("%s", node->detail);
	if (node->hint)
		pg_log_error_hint("%s", node->hint);
}

/* --- JSON ----------------------------------------------------------------- */

void
ctl_print_server_json(PQExpBuffer json, const CtlNode *node)
{
	ctl_json_key(json, "host");
	ctl_json_text(json, node->server->host);
	ctl_json_key(json, "hostaddr");
	ctl_json_text(json, node->server->hostaddr);
	ctl_json_key(json, "port");
	ctl_json_text(json, node->server->port);
}

void
ctl_print_message_json(PQExpBuffer json, const CtlNode *node)
{
	char	   *message = node->message ? why_not(node) : NULL;

	ctl_json_key(json, "message");
	ctl_json_text(json, message);
	pg_free(message);
}

void
ctl_print_leader_json(PQExpBuffer json, const CtlVerdict *verdict)
{
	if (verdict->leadership == CTL_LEADERSHIP_NONE)
	{
		ctl_json_null(json);
		return;
	}
	ctl_json_open(json, '{');
	ctl_json_key(json, "node_id");
	ctl_json_number(json, verdict->leader_id);
	ctl_json_key(json, "term");
	ctl_json_number(json, verdict->term);
	ctl_json_key(json, "is_leader");
	if (verdict->leadership == CTL_LEADERSHIP_NAMED)
		ctl_json_null(json);
	else
		ctl_json_bool(json, verdict->leadership == CTL_LEADERSHIP_HELD);
	appendPQExpBufferChar(json, '}');
}

void
ctl_print_status_json(PQExpBuffer json, const CtlNode *nodes, int count,
					  const CtlVerdict *verdict)
{
	const char *row;
	int			i;

	ctl_json_open(json, '{');
	ctl_json_key(json, "leader");
	ctl_print_leader_json(json, verdict);
	ctl_json_key(json, "agreed");
	ctl_json_bool(json, verdict->answered_count == count &&
				  verdict->agreeing_count == count);
	ctl_json_key(json, "nodes");
	ctl_json_open(json, '[');
	for (i = 0; i < count; i++)
	{
		ctl_json_open(json, '{');
		ctl_print_server_json(json, &nodes[i]);
		ctl_json_key(json, "view");
		ctl_json_text(json, view_word(&nodes[i], verdict));
		ctl_print_message_json(json, &nodes[i]);
		ctl_json_key(json, "status");
		row = ctl_view_field(&nodes[i], CTL_STATUS_JSON);
		ctl_json_made(json, row ? row : "null");
		appendPQExpBufferChar(json, '}');
	}
	appendPQExpBufferStr(json, "]}");
}

void
ctl_print_peers_json(PQExpBuffer json, const CtlNode *nodes, int count)
{
	const char *id;
	int			i,
				row;

	ctl_json_open(json, '{');
	ctl_json_key(json, "nodes");
	ctl_json_open(json, '[');
	for (i = 0; i < count; i++)
	{
		ctl_json_open(json, '{');
		ctl_print_server_json(json, &nodes[i]);
		id = ctl_view_field(&nodes[i], CTL_PEERS_SEEN_BY);
		ctl_json_key(json, "node_id");
		ctl_json_made(json, id ? id : "null");
		ctl_print_message_json(json, &nodes[i]);
		ctl_json_key(json, "peers");
		if (nodes[i].state != CTL_ANSWERED)
			ctl_json_null(json);
		else
		{
			ctl_json_open(json, '[');
			for (row = 0; row < PQntuples(nodes[i].result); row++)
				ctl_json_made(json, PQgetvalue(nodes[i].result, row, CTL_PEERS_JSON));
			appendPQExpBufferChar(json, ']');
		}
		appendPQExpBufferChar(json, '}');
	}
	appendPQExpBufferStr(json, "]}");
}

void
ctl_print_json(FILE *file, PQExpBuffer json)
{
	fprintf(file, "%s\n", json->data);
	destroyPQExpBuffer(json);
}
