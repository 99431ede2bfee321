/*-------------------------------------------------------------------------
 *
 * ctl_history.c
 *		The command of pg_leaderctl that shows what has happened.
 *
 * Each node records its own changes.  They are merged by the time that each
 * node's clock tells; what one node has recorded stays in its order, even if
 * its clock was set back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <time.h>

#include "common/logging.h"
#include "ctl_commands.h"
#include "ctl_json.h"
#include "ctl_print.h"
#include "ctl_table.h"
#include "ctl_watch.h"

/* Rows in the order of their numbers; one of NULLs if there are none. */
static const char *const history_query =
"SELECT n.id, (extract(epoch FROM changed_at) * 1000000)::bigint, term, old_role, new_role,"
" old_leader_id, leader_id, concat_ws('; asked by ', reason, requested_by),"
" jsonb_build_object('node_id', n.id) || to_jsonb(h)"
" FROM pg_leader_node_id() AS n(id) LEFT JOIN pg_leader_history AS h ON true"
" ORDER BY number";

typedef enum HistoryColumn
{
	HISTORY_NODE_ID,			/* who has recorded it */
	HISTORY_CHANGED_AT,			/* microseconds of Unix time; NULL: no row */
	HISTORY_TERM,
	HISTORY_OLD_ROLE,
	HISTORY_NEW_ROLE,
	HISTORY_OLD_LEADER_ID,
	HISTORY_LEADER_ID,
	HISTORY_REASON,				/* and who asked for it, if somebody did */
	HISTORY_JSON				/* node_id and the view's row as it is */
} HistoryColumn;

/* A row of one node's answer. */
typedef struct Change
{
	const CtlNode *node;
	int			row;
	int64		changed_at_us;
} Change;

static bool
is_shown(const Ctl *ctl, const CtlNode *node)
{
	return node->state == CTL_ANSWERED &&
		(ctl->node_id < 0 ||
		 ctl_view_number(node, HISTORY_NODE_ID, -1) == ctl->node_id);
}

/* The oldest change that is not in the list yet; false: all are. */
static bool
find_next(const Ctl *ctl, const int *next_rows, Change *oldest)
{
	bool		found = false;
	int			i;

	for (i = 0; i < ctl->count; i++)
	{
		const CtlNode *node = &ctl->nodes[i];
		int64		changed_at_us;

		if (!is_shown(ctl, node) || next_rows[i] >= PQntuples(node->result) ||
			PQgetisnull(node->result, next_rows[i], HISTORY_CHANGED_AT))
			continue;
		changed_at_us = strtoll(PQgetvalue(node->result, next_rows[i],
										   HISTORY_CHANGED_AT), NULL, 10);
		if (found && changed_at_us >= oldest->changed_at_us)
			continue;
		oldest->node = node;
		oldest->row = next_rows[i];
		oldest->changed_at_us = changed_at_us;
		found = true;
	}
	return found;
}

/* All changes, oldest first.  The caller frees them. */
static Change *
merge(const Ctl *ctl, int *count)
{
	int		   *next_rows = pg_malloc0(ctl->count * sizeof(int));
	Change	   *changes;
	int			total = 0;
	int			i;

	for (i = 0; i < ctl->count; i++)
		total += is_shown(ctl, &ctl->nodes[i]) ? PQntuples(ctl->nodes[i].result) : 0;
	changes = pg_malloc0(Max(1, total) * sizeof(Change));

	*count = 0;
	while (find_next(ctl, next_rows, &changes[*count]))
	{
		next_rows[changes[*count].node - ctl->nodes]++;
		if (++*count == total)
			break;
	}
	pg_free(next_rows);
	return changes;
}

/* As users' clocks show it, wherever the servers are. */
static char *
time_text(int64 time_us)
{
	time_t		seconds = (time_t) (time_us / 1000000);
	int			milliseconds = (int) (time_us / 1000 % 1000);
	struct tm	local;
	char		clock[64];
	char		zone[16];

	if (!localtime_r(&seconds, &local) ||
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &local) == 0 ||
		strftime(zone, sizeof(zone), "%z", &local) == 0)
		return psprintf(INT64_FORMAT, time_us);
	return psprintf("%s.%03d %s", clock, milliseconds, zone);
}

static void
print_table(const Ctl *ctl, const Change *changes, int count)
{
	static const CtlColumn columns[] = {
		{"changed_at", 'l', CTL_TABLE_OWN},
		{"node_id", 'l', HISTORY_NODE_ID},
		{"term", 'r', HISTORY_TERM},
		{"old_role", 'l', HISTORY_OLD_ROLE},
		{"new_role", 'l', HISTORY_NEW_ROLE},
		{"old_leader_id", 'r', HISTORY_OLD_LEADER_ID},
		{"leader_id", 'r', HISTORY_LEADER_ID},
		{"reason", 'l', HISTORY_REASON},
	};
	CtlTable	table;
	int			i;
	size_t		c;

	ctl_table_begin(&table, columns, lengthof(columns), count + ctl->count);
	for (i = 0; i < count; i++)
	{
		ctl_table_add(&table, time_text(changes[i].changed_at_us));
		for (c = 1; c < lengthof(columns); c++)
			ctl_table_add_copy(&table, PQgetvalue(changes[i].node->result,
												  changes[i].row,
												  columns[c].source));
	}

	/* What is missing comes last, where it is seen. */
	for (i = 0; i < ctl->count; i++)
	{
		if (ctl->nodes[i].state == CTL_ANSWERED || (ctl->node_id >= 0 && count > 0))
			continue;
		ctl_table_add_copy(&table, NULL);
		ctl_table_add_copy(&table, ctl->nodes[i].server->name);
		for (c = 2; c < lengthof(columns) - 1; c++)
			ctl_table_add_copy(&table, NULL);
		ctl_table_add(&table, ctl_print_marked_failure(&ctl->nodes[i]));
	}
	ctl_table_end(&table, stdout, ctl_watch_terminal_width(), NULL);
}

static void
print_json(const Ctl *ctl, const Change *changes, int count)
{
	PQExpBuffer json = createPQExpBuffer();
	const char *id;
	int			i;

	ctl_json_open(json, '{');
	ctl_json_key(json, "history");
	ctl_json_open(json, '[');
	for (i = 0; i < count; i++)
		ctl_json_made(json, PQgetvalue(changes[i].node->result, changes[i].row,
									   HISTORY_JSON));
	appendPQExpBufferChar(json, ']');
	ctl_json_key(json, "nodes");
	ctl_json_open(json, '[');
	for (i = 0; i < ctl->count; i++)
	{
		ctl_json_open(json, '{');
		ctl_print_server_json(json, &ctl->nodes[i]);
		id = ctl_view_field(&ctl->nodes[i], HISTORY_NODE_ID);
		ctl_json_key(json, "node_id");
		ctl_json_made(json, id ? id : "null");
		ctl_print_message_json(json, &ctl->nodes[i]);
		appendPQExpBufferChar(json, '}');
	}
	appendPQExpBufferStr(json, "]}");
	ctl_print_json(stdout, json);
}

CtlExit
ctl_commands_history(Ctl *ctl)
{
	int			answered = 0;
	int			shown = 0;
	int			count;
	int			skipped = 0;
	Change	   *changes;
	int			i;

	ctl_query_ask(ctl->servers, ctl->nodes, ctl->count, history_query,
				  ctl_query_now_us() + ctl->limit_us, NULL, NULL);
	for (i = 0; i < ctl->count; i++)
	{
		answered += ctl->nodes[i].state == CTL_ANSWERED;
		shown += is_shown(ctl, &ctl->nodes[i]);
	}

	changes = merge(ctl, &count);
	if (ctl->row_limit > 0)
		skipped = Max(0, count - ctl->row_limit);
	if (ctl->json)
		print_json(ctl, changes + skipped, count - skipped);
	else
		print_table(ctl, changes + skipped, count - skipped);
	pg_free(changes);

	if (ctl->node_id >= 0)
	{
		if (shown == 0)
			pg_log_error("node %d has not answered", ctl->node_id);
		if (shown == 0 && answered == ctl->count)
			pg_log_error_detail("No server named is that of node %d.", ctl->node_id);
		return shown > 0 ? CTL_YES : CTL_CANNOT_TELL;
	}
	if (answered == 0)
		return CTL_CANNOT_TELL;
	return answered == ctl->count ? CTL_YES : CTL_NO;
}
