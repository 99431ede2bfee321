/*-------------------------------------------------------------------------
 *
 * ctl_acts.c
 *		The commands of pg_leaderctl that act.
 *
 * Each asks one node to do something, which that one may refuse.  If it does
 * not answer in time, nobody knows whether it has done it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "common/logging.h"
#include "ctl_commands.h"
#include "ctl_json.h"
#include "ctl_print.h"

/* What came of it, to be told. */
typedef struct Outcome
{
	CtlExit		status;
	const char *key;			/* of the value, in JSON */
	char	   *value;			/* JSON, or NULL */
	char	   *sentence;		/* for people, if it went well */
} Outcome;

/*
 * The node that leads, or takes itself for the leader; NULL, with a message
 * and a status, if there is none at hand.
 */
static CtlNode *
find_leader(Ctl *ctl, CtlVerdict *verdict, CtlExit *status)
{
	char	   *sentence;
	int			i;

	ctl_query_ask(ctl->servers, ctl->nodes, ctl->count, ctl_view_leader_query,
				  ctl_query_now_us() + ctl->limit_us, ctl_view_some_leads, NULL);
	*verdict = ctl_view_judge(ctl->nodes, ctl->count);
	if (verdict->leader)
		return verdict->leader;

	*status = verdict->leadership == CTL_LEADERSHIP_NONE &&
		verdict->answered_count == ctl->count ? CTL_NO : CTL_CANNOT_TELL;
	for (i = 0; i < ctl->count && !ctl->quiet; i++)
		ctl_print_failure(&ctl->nodes[i]);
	if (verdict->answered_count > 0 && !ctl->quiet)
	{
		sentence = ctl_print_leader_text(verdict);
		pg_log_error("%s", sentence);
		if (verdict->leadership == CTL_LEADERSHIP_NAMED &&
			verdict->answered_count == ctl->count)
			pg_log_error_hint("Name the leader's server, too.");
		pg_free(sentence);
	}
	return NULL;
}

/* The first field of the answer; NULL: NULL, or no answer. */
static const char *
act(Ctl *ctl, CtlNode *node, const char *statement, int64 limit_us)
{
	ctl_query_act(ctl->servers, node, statement, ctl_query_now_us() + limit_us);
	if (node->warning && !ctl->quiet)
		pg_log_warning("%s: %s", node->server->name, node->warning);
	return ctl_view_field(node, 0);
}

/* What it says of a node that has not done it. */
static CtlExit
explain_failure(const Ctl *ctl, const CtlNode *node)
{
	if (!ctl->quiet)
		ctl_print_failure(node);
	if (node->state == CTL_REFUSED)
		return CTL_NO;
	if (!ctl->quiet && node->sent)
		pg_log_error_detail("It may have been done nevertheless.");
	return CTL_CANNOT_TELL;
}

static CtlExit
tell(const Ctl *ctl, const CtlNode *node, Outcome *outcome)
{
	if (ctl->json)
	{
		PQExpBuffer json = createPQExpBuffer();

		ctl_json_open(json, '{');
		ctl_json_key(json, "done");
		if (outcome->status == CTL_CANNOT_TELL)
			ctl_json_null(json);
		else
			ctl_json_bool(json, outcome->status == CTL_YES);
		ctl_json_key(json, outcome->key);
		ctl_json_made(json, outcome->value ? outcome->value : "null");
		ctl_json_key(json, "message");
		ctl_json_text(json, node ? node->message ? node->message : node->warning :
					  NULL);
		appendPQExpBufferChar(json, '}');
		ctl_print_json(stdout, json);
	}
	else if (outcome->sentence && !ctl->quiet)
		printf("%s\n", outcome->sentence);
	pg_free(outcome->value);
	pg_free(outcome->sentence);
	return outcome->status;
}

CtlExit
ctl_commands_transfer(Ctl *ctl)
{
	Outcome		outcome = {.status = CTL_YES,.key = "leader_id"};
	CtlVerdict	verdict;
	CtlNode    *leader = find_leader(ctl, &verdict, &outcome.status);
	int64		limit_us = ctl->timeout_us;
	char	   *statement;
	const char *next;

	if (!leader)
		return tell(ctl, NULL, &outcome);
	if (verdict.leadership == CTL_LEADERSHIP_HELD &&
		verdict.leader_id == ctl->node_id)
	{
		outcome.value = psprintf("%d", ctl->node_id);
		outcome.sentence = psprintf("node %d leads already", ctl->node_id);
		return tell(ctl, leader, &outcome);
	}

	/* The server itself limits the time, and is given some to answer. */
	if (limit_us < 0)
		limit_us = ctl->limit_us +
			1000000 * ctl_view_number(leader, CTL_STATUS_TRANSFER_LIMIT, 10);
	statement = psprintf("SELECT pg_leader_transfer(%d)", ctl->node_id);
	next = act(ctl, leader, statement, limit_us);
	pg_free(statement);

	if (leader->state != CTL_ANSWERED)
		outcome.status = explain_failure(ctl, leader);
	else if (!next)
		outcome.status = CTL_NO;
	else
	{
		outcome.value = pg_strdup(next);
		if (strtol(next, NULL, 10) != ctl->node_id)
			outcome.status = CTL_NO;
		outcome.sentence = psprintf("node %s leads", next);
	}
	return tell(ctl, leader, &outcome);
}

CtlExit
ctl_commands_step_down(Ctl *ctl)
{
	Outcome		outcome = {.status = CTL_YES,.key = "successor"};
	CtlVerdict	verdict;
	CtlNode    *leader = find_leader(ctl, &verdict, &outcome.status);
	const char *successor;

	if (!leader)
		return tell(ctl, NULL, &outcome);

	successor = act(ctl, leader, "SELECT pg_leader_step_down()",
					ctl->timeout_us < 0 ? ctl->limit_us : ctl->timeout_us);
	if (leader->state != CTL_ANSWERED)
		outcome.status = explain_failure(ctl, leader);
	else if (successor)
	{
		outcome.value = pg_strdup(successor);
		outcome.sentence = psprintf("node %d has stepped down, and named node %s its successor",
									verdict.leader_id, successor);
	}
	else
		outcome.sentence = psprintf("node %d has stepped down, and could name no successor",
									verdict.leader_id);
	return tell(ctl, leader, &outcome);
}

CtlExit
ctl_commands_forget_state(Ctl *ctl)
{
	Outcome		outcome = {.status = CTL_YES,.key = "takes_part_in"};
	CtlNode    *node = &ctl->nodes[0];
	const char *seconds;

	seconds = act(ctl, node,
				  "SELECT ceil(extract(epoch FROM pg_leader_forget_state()))",
				  ctl->timeout_us < 0 ? ctl->limit_us : ctl->timeout_us);
	if (node->state != CTL_ANSWERED)
		outcome.status = explain_failure(ctl, node);
	else
	{
		outcome.value = pg_strdup(seconds ? seconds : "null");
		outcome.sentence = psprintf("%s: the node takes part again in %s s at most",
									node->server->name, seconds ? seconds : "?");
	}
	return tell(ctl, node, &outcome);
}
