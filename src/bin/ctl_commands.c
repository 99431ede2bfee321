/*-------------------------------------------------------------------------
 *
 * ctl_commands.c
 *		The commands of pg_leaderctl that ask.
 *
 * A question is over as soon as its answer is known: a node that hangs delays
 * none that another one has settled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/logging.h"
#include "ctl_commands.h"
#include "ctl_json.h"
#include "ctl_print.h"

/* Between two looks of "wait". */
#define WAIT_PAUSE_US			INT64CONST(200000)

/* Where a look goes: to a file, or to memory first. */
typedef CtlExit (*Look) (Ctl *ctl, FILE *file, int width);

/* --- asking --------------------------------------------------------------- */

static CtlVerdict
ask(Ctl *ctl, const char *query, int64 limit_us, CtlSettled settled)
{
	ctl_query_ask(ctl->servers, ctl->nodes, ctl->count, query,
				  ctl_query_now_us() + limit_us, settled, ctl);
	return ctl_view_judge(ctl->nodes, ctl->count);
}

static void
complain_of_all(const Ctl *ctl)
{
	int			i;

	for (i = 0; i < ctl->count && !ctl->quiet; i++)
		ctl_print_failure(&ctl->nodes[i]);
}

/* --- status and peers ----------------------------------------------------- */

static CtlExit
look_at_status(Ctl *ctl, FILE *file, int width)
{
	CtlVerdict	verdict = ask(ctl, ctl_view_status_query, ctl->limit_us, NULL);

	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_print_status_json(json, ctl->nodes, ctl->count, &verdict);
		ctl_print_json(file, json);
	}
	else
		ctl_print_status(file, width, ctl->nodes, ctl->count, &verdict);

	if (verdict.answered_count == 0)
		return CTL_CANNOT_TELL;
	return verdict.agreeing_count == ctl->count &&
		(verdict.leadership == CTL_LEADERSHIP_HELD ||
		 verdict.leadership == CTL_LEADERSHIP_NAMED) ? CTL_YES : CTL_NO;
}

static CtlExit
look_at_peers(Ctl *ctl, FILE *file, int width)
{
	int			answered = 0;
	int			i;

	ctl_query_ask(ctl->servers, ctl->nodes, ctl->count, ctl_view_peers_query,
				  ctl_query_now_us() + ctl->limit_us, NULL, NULL);
	for (i = 0; i < ctl->count; i++)
		answered += ctl->nodes[i].state == CTL_ANSWERED;

	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_print_peers_json(json, ctl->nodes, ctl->count);
		ctl_print_json(file, json);
	}
	else
		ctl_print_peers(file, width, ctl->nodes, ctl->count);

	if (answered == 0)
		return CTL_CANNOT_TELL;
	return answered == ctl->count ? CTL_YES : CTL_NO;
}

/* Size of the terminal; zeros: there is none, or it does not tell. */
static struct winsize
terminal_size(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		memset(&size, 0, sizeof(size));
	return size;
}

/*
 * Over what is on the terminal, line by line: nothing flickers.  What does not
 * fit is left out, as the terminal would scroll.
 */
static void
redraw(const char *text)
{
	struct winsize size = terminal_size();
	int			rows = 0;
	const char *end;

	fputs("\033[H", stdout);
	for (; *text; text = end)
	{
		end = text + strcspn(text, "\n");
		rows += 1 + (size.ws_col > 0 ? (int) Max(0, end - text - 1) / size.ws_col : 0);
		if (size.ws_row > 0 && rows >= size.ws_row)
			break;
		printf("%.*s\033[K\n", (int) (end - text), text);
		end += *end == '\n';
	}
	fputs("\033[J", stdout);
}

/* Looks again and again, until it is interrupted or nobody reads any more. */
static CtlExit
watch(Ctl *ctl, Look look, const char *title)
{
	bool		in_place = isatty(STDOUT_FILENO) && !ctl->json;
	bool		first = true;

	for (;;)
	{
		int64		next_us = ctl_query_now_us() + ctl->watch_us;
		int64		left_us;
		char	   *text = NULL;
		size_t		length = 0;
		FILE	   *memory = open_memstream(&text, &length);
		time_t		now = time(NULL);
		struct tm	local;
		char		clock[64] = "";

		if (!memory)
		{
			pg_log_error("out of memory");
			return CTL_CANNOT_TELL;
		}
		if (!ctl->json && localtime_r(&now, &local))
		{
			strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &local);
			fprintf(memory, "%s  (every %g s)  %s\n\n", title,
					ctl->watch_us / 1000000.0, clock);
		}
		(void) look(ctl, memory, terminal_size().ws_col);
		fclose(memory);

		if (in_place)
			redraw(text);
		else
			printf("%s%s", first || ctl->json ? "" : "\n", text);
		free(text);
		first = false;
		if (fflush(stdout) != 0 || ferror(stdout))
			return CTL_CANNOT_TELL;

		left_us = next_us - ctl_query_now_us();
		if (left_us > 0)
			pg_usleep((long) left_us);
	}
}

CtlExit
ctl_commands_status(Ctl *ctl)
{
	return ctl->watch_us > 0 ? watch(ctl, look_at_status, "status") :
		look_at_status(ctl, stdout, terminal_size().ws_col);
}

CtlExit
ctl_commands_peers(Ctl *ctl)
{
	return ctl->watch_us > 0 ? watch(ctl, look_at_peers, "peers") :
		look_at_peers(ctl, stdout, terminal_size().ws_col);
}

/* --- who leads ------------------------------------------------------------ */

/* Where the leader can be connected to; NULL: not known. */
static CtlServer *
find_leader(const CtlVerdict *verdict)
{
	const char *host;
	const char *port;

	if (verdict->leadership != CTL_LEADERSHIP_NAMED)
		return NULL;
	host = ctl_view_field(verdict->witness, CTL_STATUS_LEADER_HOST);
	port = ctl_view_field(verdict->witness, CTL_STATUS_LEADER_PORT);
	return host && port ? ctl_servers_make(host, port) : NULL;
}

CtlExit
ctl_commands_leader(Ctl *ctl)
{
	CtlVerdict	verdict = ask(ctl, ctl_view_leader_query, ctl->limit_us,
							  ctl_view_some_leads);
	CtlServer  *told;
	char	   *string = NULL;
	char	   *sentence;
	CtlExit		status = CTL_YES;

	/* It is not among the servers: those who name it also know where it is. */
	if (verdict.leadership == CTL_LEADERSHIP_NAMED)
		verdict = ask(ctl, ctl_view_status_query, ctl->limit_us,
					  ctl_view_some_leads);
	told = find_leader(&verdict);
	sentence = ctl_print_leader_text(&verdict);

	if (verdict.leadership == CTL_LEADERSHIP_HELD)
		string = ctl_servers_connection_string(ctl->servers, verdict.leader->server);
	else if (told)
		string = ctl_servers_connection_string(ctl->servers, told);
	else if (verdict.answered_count == 0 ||
			 verdict.leadership == CTL_LEADERSHIP_NAMED)
		status = CTL_CANNOT_TELL;
	else
		status = CTL_NO;

	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_json_open(json, '{');
		ctl_json_key(json, "leader");
		ctl_print_leader_json(json, &verdict);
		ctl_json_key(json, "connection_string");
		ctl_json_text(json, string);
		appendPQExpBufferChar(json, '}');
		ctl_print_json(stdout, json);
	}
	else if (string && !ctl->quiet)
		printf("%s\n", string);

	if (status == CTL_CANNOT_TELL)
		complain_of_all(ctl);
	if (!ctl->quiet && verdict.answered_count > 0)
	{
		if (status == CTL_YES && told)
			pg_log_warning("%s", sentence);
		else if (status != CTL_YES)
			pg_log_error("%s", sentence);
		if (status == CTL_CANNOT_TELL)
			pg_log_error_detail("Where its server listens is not known.");
	}
	pg_free(sentence);
	pg_free(string);
	ctl_servers_free(told);
	return status;
}

CtlExit
ctl_commands_is_leader(Ctl *ctl)
{
	CtlVerdict	verdict = ask(ctl, ctl_view_leader_query, ctl->limit_us,
							  ctl_view_some_leads);
	CtlExit		status = CTL_CANNOT_TELL;

	if (verdict.leadership == CTL_LEADERSHIP_HELD)
		status = CTL_YES;
	else if (verdict.answered_count == ctl->count)
		status = CTL_NO;

	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_json_open(json, '{');
		ctl_json_key(json, "is_leader");
		if (status == CTL_CANNOT_TELL)
			ctl_json_null(json);
		else
			ctl_json_bool(json, status == CTL_YES);
		ctl_json_key(json, "leader");
		ctl_print_leader_json(json, &verdict);
		appendPQExpBufferChar(json, '}');
		ctl_print_json(stdout, json);
	}
	else if (!ctl->quiet)
	{
		if (status == CTL_YES)
			printf("%s: node %d leads, in term " INT64_FORMAT "\n",
				   verdict.leader->server->name, verdict.leader_id, verdict.term);
		else if (status == CTL_NO && ctl->count == 1)
			printf("%s: node %s does not lead\n", ctl->nodes[0].server->name,
				   ctl_view_field(&ctl->nodes[0], CTL_STATUS_NODE_ID));
		else if (status == CTL_NO)
			printf("none of %d servers leads\n", ctl->count);
	}
	if (status == CTL_CANNOT_TELL)
		complain_of_all(ctl);
	return status;
}

/* --- waiting -------------------------------------------------------------- */

/* Settled for a goal: the node that is waited for says that it leads. */
static bool
node_leads(const CtlNode *nodes, int count, const void *about)
{
	const Ctl  *ctl = about;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (ctl_view_is_leader(&nodes[i]) &&
			(ctl->goal == CTL_GOAL_LEADER ||
			 ctl_view_number(&nodes[i], CTL_STATUS_NODE_ID, -1) == ctl->node_id))
			return true;
	}
	return false;
}

static bool
is_reached(const Ctl *ctl, const CtlVerdict *verdict)
{
	bool		leads = verdict->leadership == CTL_LEADERSHIP_HELD;

	/*
	 * Others name a leader for a while when it has gone already.  Their word
	 * counts if it cannot be one of those that have not answered.
	 */
	if (verdict->leadership == CTL_LEADERSHIP_NAMED)
		leads = verdict->answered_count == ctl->count;

	switch (ctl->goal)
	{
		case CTL_GOAL_LEADER:
			return leads;
		case CTL_GOAL_NODE:
			return leads && verdict->leader_id == ctl->node_id;
		case CTL_GOAL_NO_LEADER:
			break;
	}
	return verdict->answered_count > 0 &&
		verdict->leadership == CTL_LEADERSHIP_NONE;
}

/* Asks until the goal is reached or the time over; *told is the last answer. */
static bool
wait_for_goal(Ctl *ctl, CtlVerdict *told)
{
	CtlSettled	settled = ctl->goal == CTL_GOAL_NO_LEADER ? NULL : node_leads;
	int64		end_us = ctl_query_now_us() + ctl->timeout_us;
	int64		limit_us = ctl->limit_us;
	bool		first = true;

	if (ctl->timeout_us > 0)
		limit_us = Min(limit_us, ctl->timeout_us);
	for (;;)
	{
		CtlVerdict	verdict = ask(ctl, ctl_view_leader_query, limit_us, settled);

		if (first || verdict.answered_count > 0)
			*told = verdict;
		first = false;
		if (is_reached(ctl, &verdict))
			return true;

		if (ctl->timeout_us >= 0)
		{
			limit_us = Min(limit_us, end_us - ctl_query_now_us() - WAIT_PAUSE_US);
			if (limit_us <= 0)
				return false;
		}
		pg_usleep(WAIT_PAUSE_US);
	}
}

CtlExit
ctl_commands_wait(Ctl *ctl)
{
	CtlVerdict	verdict;
	bool		reached = wait_for_goal(ctl, &verdict);
	CtlExit		status = CTL_YES;
	char	   *sentence;

	if (!reached)
		status = verdict.answered_count > 0 ? CTL_NO : CTL_CANNOT_TELL;

	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_json_open(json, '{');
		ctl_json_key(json, "reached");
		if (status == CTL_CANNOT_TELL)
			ctl_json_null(json);
		else
			ctl_json_bool(json, reached);
		ctl_json_key(json, "leader");
		ctl_print_leader_json(json, &verdict);
		appendPQExpBufferChar(json, '}');
		ctl_print_json(stdout, json);
	}

	sentence = ctl_print_leader_text(&verdict);
	if (status == CTL_CANNOT_TELL)
		complain_of_all(ctl);
	else if (status == CTL_NO && !ctl->quiet)
		pg_log_error("waited in vain: %s", sentence);
	else if (status == CTL_YES && !ctl->quiet && !ctl->json)
		printf("%s\n", sentence);
	pg_free(sentence);
	return status;
}
