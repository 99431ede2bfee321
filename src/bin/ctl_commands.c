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

#include "common/logging.h"
#include "ctl_commands.h"
#include "ctl_json.h"
#include "ctl_print.h"
#include "ctl_watch.h"

/* Between two questions of "wait" to a node, unless the node itself waits. */
#define WAIT_INTERVAL_US		INT64CONST(100000)

/* How long a node itself waits for a leader at most. */
#define WAIT_IN_SERVER_US		INT64CONST(1000000)

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

CtlExit
ctl_commands_status(Ctl *ctl)
{
	return ctl->watch_us > 0 ? ctl_watch(ctl, look_at_status, "status") :
		look_at_status(ctl, stdout, ctl_watch_terminal_width());
}

CtlExit
ctl_commands_peers(Ctl *ctl)
{
	return ctl->watch_us > 0 ? ctl_watch(ctl, look_at_peers, "peers") :
		look_at_peers(ctl, stdout, ctl_watch_terminal_width());
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

/* A CtlSettled about the Ctl: is what is waited for true? */
static bool
is_reached(const CtlNode *nodes, int count, const void *about)
{
	const Ctl  *ctl = about;
	CtlVerdict	verdict = ctl_view_judge(unconstify(CtlNode *, nodes), count);
	bool		leads = verdict.leadership == CTL_LEADERSHIP_HELD;

	/*
	 * Others name a leader for a while when it has gone already.  Their word
	 * counts if it cannot be one of those that have not answered.
	 */
	if (verdict.leadership == CTL_LEADERSHIP_NAMED)
		leads = verdict.answered_count == count;

	switch (ctl->goal)
	{
		case CTL_GOAL_LEADER:
			return leads;
		case CTL_GOAL_NODE:
			return leads && verdict.leader_id == ctl->node_id;
		case CTL_GOAL_NO_LEADER:
			break;
	}

	/* Whoever has not had the time to say that it leads, may do so. */
	return verdict.answered_count > 0 &&
		verdict.leadership == CTL_LEADERSHIP_NONE &&
		verdict.answered_count + verdict.refused_count +
		verdict.unreachable_count == count;
}

/* Asks until the goal is reached or the time over; the nodes hold the answers. */
static bool
wait_for_goal(Ctl *ctl)
{
	CtlRepetition repetition = {
		.first_query = ctl_view_leader_query,
		.query = ctl_view_leader_query,
		.limit_us = ctl->limit_us,
		.interval_us = WAIT_INTERVAL_US,
		.end_us = PG_INT64_MAX,
	};
	char	   *query = NULL;
	bool		reached;

	if (ctl->timeout_us == 0)
	{
		(void) ask(ctl, ctl_view_leader_query, ctl->limit_us, NULL);
		return is_reached(ctl->nodes, ctl->count, ctl);
	}

	if (ctl->timeout_us > 0)
	{
		repetition.end_us = ctl_query_now_us() + ctl->timeout_us;
		repetition.limit_us = Min(ctl->limit_us, ctl->timeout_us);
	}
	if (ctl->goal == CTL_GOAL_LEADER)
		repetition.query = query =
			ctl_view_wait_query(Min(WAIT_IN_SERVER_US, repetition.limit_us / 2));
	reached = ctl_query_repeat(ctl->servers, ctl->nodes, ctl->count, &repetition,
							   is_reached, ctl);
	pg_free(query);
	return reached;
}

CtlExit
ctl_commands_wait(Ctl *ctl)
{
	bool		reached = wait_for_goal(ctl);
	CtlVerdict	verdict = ctl_view_judge(ctl->nodes, ctl->count);
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
