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
#include "fe_utils/print.h"
#include "mb/pg_wchar.h"

typedef struct Column
{
	const char *header;
	char		align;			/* l or r */
	int			source;			/* column of the answer; OWN: not from there */
} Column;

#define OWN (-1)

/* Texts are not folded to less than this. */
#define FOLDED_WIDTH_MIN 24

/* A table under construction, filled row by row. */
typedef struct Table
{
	const Column *columns;
	int			column_count;
	int			row_count;
	int			filled;			/* cells so far */
	char	  **cells;
} Table;

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

static void
begin_table(Table *table, const Column *columns, int column_count, int row_count)
{
	table->columns = columns;
	table->column_count = column_count;
	table->row_count = row_count;
	table->cells = pg_malloc0(Max(1, column_count * row_count) * sizeof(char *));
	table->filled = 0;
}

/* The table takes the text, and frees it. */
static void
add_cell(Table *table, char *text)
{
	Assert(table->filled < table->column_count * table->row_count);
	table->cells[table->filled++] = text;
}

static void
add_copy(Table *table, const char *text)
{
	add_cell(table, pg_strdup(text ? text : ""));
}

/* Columns on the screen; control characters are shown otherwise, and longer. */
static int
width_of(const char *text)
{
	int			width = 0;

	while (*text)
	{
		int			length = Min(pg_utf_mblen((const unsigned char *) text),
								 (int) strlen(text));

		width += Max(1, pg_encoding_dsplen(PG_UTF8, text));
		text += length;
	}
	return width;
}

/* All columns but the last, with the lines between them. */
static int
width_before_last(const Table *table)
{
	int			total = 1;
	int			column,
				row;

	for (column = 0; column < table->column_count - 1; column++)
	{
		int			width = width_of(table->columns[column].header);

		for (row = 0; row < table->row_count; row++)
			width = Max(width,
						width_of(table->cells[row * table->column_count + column]));
		total += width + 3;
	}
	return total;
}

/* Breaks lines between words, where that can be done. */
static void
fold(char *text, int width)
{
	char	   *blank = NULL;
	int			used = 0;

	for (; *text; text += Min(pg_utf_mblen((unsigned char *) text), (int) strlen(text)))
	{
		if (*text == ' ')
			blank = text;
		if (++used > width && blank)
		{
			*blank = '\n';
			used = (int) (text - blank);
			blank = NULL;
		}
	}
}

static void
end_table(Table *table, FILE *file, int width, const char *footer)
{
	printTableOpt options = {.format = PRINT_ALIGNED,.border = 1,
	.start_table = true,.stop_table = true,.encoding = PG_UTF8};
	printTableContent content;
	int			last_width = width - width_before_last(table) - 1;
	int			i;

	printTableInit(&content, &options, NULL, table->column_count, table->row_count);
	for (i = 0; i < table->column_count; i++)
		printTableAddHeader(&content, unconstify(char *, table->columns[i].header),
							false, table->columns[i].align);
	for (i = 0; i < table->filled; i++)
	{
		if (width > 0 && i % table->column_count == table->column_count - 1)
			fold(table->cells[i], Max(last_width, FOLDED_WIDTH_MIN));
		printTableAddCell(&content, table->cells[i], false, true);
	}
	if (footer)
		printTableAddFooter(&content, footer);
	printTable(&content, file, false, NULL);
	printTableCleanup(&content);
	pg_free(table->cells);
}

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
	static const Column columns[] = {
		{"node_id", 'r', CTL_STATUS_NODE_ID},
		{"server", 'l', OWN},
		{"view", 'l', OWN},
		{"role", 'l', CTL_STATUS_ROLE},
		{"term", 'r', CTL_STATUS_TERM},
		{"leader_id", 'r', CTL_STATUS_LEADER_ID},
		{"lease", 'r', CTL_STATUS_LEASE},
		{"in_recovery", 'l', CTL_STATUS_IN_RECOVERY},
		{"changed", 'r', CTL_STATUS_CHANGED},
		{"note", 'l', OWN},
	};
	Table		table;
	char	   *footer = summary(count, verdict);
	int			i;
	size_t		c;

	begin_table(&table, columns, lengthof(columns), count);
	for (i = 0; i < count; i++)
	{
		for (c = 0; c < lengthof(columns); c++)
		{
			if (columns[c].source != OWN)
				add_copy(&table, ctl_view_field(&nodes[i], columns[c].source));
			else if (strcmp(columns[c].header, "server") == 0)
				add_copy(&table, nodes[i].server->name);
			else if (strcmp(columns[c].header, "view") == 0)
				add_cell(&table, view_mark(&nodes[i], verdict));
			else
				add_cell(&table, status_note(&nodes[i], verdict));
		}
	}
	end_table(&table, file, width, footer);
	pg_free(footer);
}

static char *
marked_reason(const CtlNode *node)
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
	static const Column columns[] = {
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
	Table		table;
	const char *text;
	int			i,
				row;
	size_t		c;

	begin_table(&table, columns, lengthof(columns), peer_rows(nodes, count));
	for (i = 0; i < count; i++)
	{
		if (nodes[i].state != CTL_ANSWERED)
		{
			add_copy(&table, nodes[i].server->name);
			for (c = 1; c < lengthof(columns) - 1; c++)
				add_copy(&table, NULL);
			add_cell(&table, marked_reason(&nodes[i]));
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
				add_copy(&table, text);
			}
		}
	}
	end_table(&table, file, width, NULL);
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

static void
add_server(PQExpBuffer json, const CtlNode *node)
{
	ctl_json_key(json, "host");
	ctl_json_text(json, node->server->host);
	ctl_json_key(json, "hostaddr");
	ctl_json_text(json, node->server->hostaddr);
	ctl_json_key(json, "port");
	ctl_json_text(json, node->server->port);
}

static void
add_message(PQExpBuffer json, const CtlNode *node)
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
		add_server(json, &nodes[i]);
		ctl_json_key(json, "view");
		ctl_json_text(json, view_word(&nodes[i], verdict));
		add_message(json, &nodes[i]);
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
		add_server(json, &nodes[i]);
		id = ctl_view_field(&nodes[i], CTL_PEERS_SEEN_BY);
		ctl_json_key(json, "node_id");
		ctl_json_made(json, id ? id : "null");
		add_message(json, &nodes[i]);
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
