/*-------------------------------------------------------------------------
 *
 * session.c
 *		One life of a core, fed from a log and compared with it.
 *
 * An answer is compared as text: the event that the core gives is written by
 * the same code that wrote the log.
 *
 *-------------------------------------------------------------------------
 */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

/* Length of the "key=value" at this place. */
static size_t
token_length(const char *token)
{
	bool		quoted = false;
	size_t		i;

	for (i = 0; token[i] != '\0'; i++)
	{
		if (token[i] == '\\' && token[i + 1] != '\0')
			i++;
		else if (token[i] == '"')
			quoted = !quoted;
		else if (token[i] == ' ' && !quoted)
			break;
	}
	return i;
}

/* The first field in which two lines differ, behind their times. */
static void
tell_difference(const char *logged, const char *replayed, char *reason)
{
	for (;;)
	{
		size_t		logged_length = token_length(logged);
		size_t		replayed_length = token_length(replayed);

		if (logged_length != replayed_length ||
			strncmp(logged, replayed, logged_length) != 0)
		{
			snprintf(reason, REPLAY_REASON_SIZE,
					 "the log has \"%.*s\", the core says \"%.*s\"",
					 (int) logged_length, logged, (int) replayed_length, replayed);
			return;
		}
		logged += logged_length + (logged[logged_length] == ' ');
		replayed += replayed_length + (replayed[replayed_length] == ' ');
	}
}

/*
 * Compare a line with what the core says; its time and clock are the log's,
 * and all else the core's.
 */
static bool
is_same(Session *session, const LogEvent *event, const char *text, char *reason)
{
	char		line[EVENT_LINE_SIZE];
	const char *logged = strstr(text, "node=");

	event_format_line(event, line);
	session->outputs++;
	if (strcmp(logged, strstr(line, "node=")) == 0)
		return true;
	tell_difference(logged, strstr(line, "node="), reason);
	return false;
}

/* What each line tells of the core, by the view that the log has shown last. */
static void
begin_event(const Session *session, LogEvent *event, const LogEvent *logged)
{
	memset(event, 0, sizeof(*event));
	event->type = logged->type;
	event->clock_ns = logged->clock_ns;
	event->node = session->id;
	event->term = session->seen.term;
	event->role = session->seen.role;
	event->leader = session->seen.leader_id;
}

/* An entry is told with the state that it meets. */
static bool
meets_state(Session *session, const LogEvent *event, char *reason)
{
	if (event->node == session->id && event->term == session->seen.term &&
		event->role == session->seen.role &&
		event->leader == session->seen.leader_id)
		return true;
	snprintf(reason, REPLAY_REASON_SIZE,
			 "node, term, role or leader before this entry are not the core's");
	return false;
}

static bool
check_core(const Session *session, char *reason)
{
	const char *broken = raft_check(session->node);

	if (broken == NULL)
		return true;
	snprintf(reason, REPLAY_REASON_SIZE, "the core's state is inconsistent: %s",
			 broken);
	return false;
}

bool
session_begin(Session *session, const LogEvent *event, char *reason)
{
	const LogInput *input = &event->of.input;

	session_end(session);
	session->node = calloc(1, raft_node_size());
	if (session->node == NULL)
	{
		snprintf(reason, REPLAY_REASON_SIZE, "there is no memory for a core");
		return false;
	}
	session->id = input->of.init.config.node_id;
	memset(&session->seen, 0, sizeof(session->seen));
	session->seen.term = input->of.init.durable.term;
	session->seen.leader_id = RAFT_NO_NODE;
	session->is_seen = false;
	session->ready_told = false;
	session->inputs++;
	if (!meets_state(session, event, reason))
		return false;
	if (input->of.init.config.position_mode != RAFT_POSITION_OFF)
	{
		snprintf(reason, REPLAY_REASON_SIZE,
				 "position_mode is not off: what positions mean is not known here");
		return false;
	}
	session->result = raft_init(session->node, &input->of.init.config,
								&input->of.init.durable,
								input->of.init.confirmed, input->now_ns,
								input->draw);
	return session->result != RAFT_OK || check_core(session, reason);
}

static bool
has_view_to_tell(const Session *session)
{
	RaftView	view;

	raft_view(session->node, &view);
	return event_fields_changed(session->is_seen ? &session->seen : NULL,
								&view) != 0;
}

bool
session_is_settled(Session *session, char *reason)
{
	const char *missing = NULL;
	RaftDurable durable;
	RaftEvent	event;
	RaftMessage message;

	if (session->result != RAFT_OK)
		missing = "out_result";
	else if (has_view_to_tell(session))
		missing = "out_view";
	else if (raft_ready(session->node, &durable))
		missing = session->ready_told ? "in_persisted" : "out_ready";
	else if (raft_next_event(session->node, &event))
		missing = "out_event";
	else if (raft_next_message(session->node, &message))
		missing = "out_message";
	if (missing == NULL)
		return true;
	snprintf(reason, REPLAY_REASON_SIZE,
			 "the log has no %s here, the core has one", missing);
	return false;
}

/* The record was told, and the view before it; nothing else has to be. */
static bool
awaits_persisted(Session *session, char *reason)
{
	RaftDurable durable;

	if (!raft_ready(session->node, &durable) || !session->ready_told)
		snprintf(reason, REPLAY_REASON_SIZE,
				 "the core has not asked for a record to be made durable");
	else if (session->result != RAFT_OK || has_view_to_tell(session))
		snprintf(reason, REPLAY_REASON_SIZE,
				 "the log has no out_result or out_view here, the core has one");
	else
		return true;
	return false;
}

bool
session_feed(Session *session, const LogEvent *event, char *reason)
{
	const LogInput *input = &event->of.input;
	RaftNode   *node = session->node;
	bool		is_answer = event->type == LOG_EVENT_IN_PERSISTED ||
	event->type == LOG_EVENT_IN_PERSIST_FAILED;

	if (!(is_answer ? awaits_persisted(session, reason) :
		  session_is_settled(session, reason)))
		return false;

	/* A record is durable when it is told so: its term is the log's already. */
	if (!meets_state(session, event, reason))
		return false;
	session->inputs++;
	session->result = RAFT_OK;
	switch (event->type)
	{
		case LOG_EVENT_IN_RECEIVE:
			session->result = raft_receive(node, &input->of.message,
										   input->now_ns, input->draw);
			break;
		case LOG_EVENT_IN_TICK:
			session->result = raft_tick(node, input->now_ns, input->draw);
			break;
		case LOG_EVENT_IN_PERSISTED:
			raft_persisted(node, input->now_ns, input->of.storage_ns,
						   input->draw);
			break;
		case LOG_EVENT_IN_PERSIST_FAILED:
			raft_persist_failed(node, input->now_ns, input->draw);
			break;
		case LOG_EVENT_IN_STEP_DOWN:
			session->result = raft_step_down(node, input->of.reason,
											 input->now_ns, input->draw);
			break;
		case LOG_EVENT_IN_TRANSFER:
			session->result = raft_transfer(node, input->of.successor,
											input->now_ns, input->draw);
			break;
		case LOG_EVENT_IN_FORGET_STATE:
			session->result = raft_forget_state(node, input->now_ns,
												input->draw);
			break;
		case LOG_EVENT_IN_RECONFIGURE:
			session->result = raft_reconfigure(node, &input->of.timings,
											   input->now_ns, input->draw);
			break;
		default:
			break;
	}
	if (is_answer)
		session->ready_told = false;
	return check_core(session, reason);
}

bool
session_compare(Session *session, const LogEvent *logged, const char *text,
				char *reason)
{
	RaftNode   *node = session->node;
	LogEvent	event;
	RaftView	view;
	uint64_t	changed;

	begin_event(session, &event, logged);
	switch (logged->type)
	{
		case LOG_EVENT_OUT_RESULT:
			event.of.result = session->result;
			session->result = RAFT_OK;
			break;
		case LOG_EVENT_OUT_VIEW:
			raft_view(node, &view);
			changed = event_fields_changed(session->is_seen ? &session->seen : NULL,
										   &view);
			if (changed == 0)
			{
				snprintf(reason, REPLAY_REASON_SIZE,
						 "the log has an out_view here, the core's has not changed");
				return false;
			}
			session->seen = view;
			session->is_seen = true;
			begin_event(session, &event, logged);
			event.of.view.shown = changed;
			event.of.view.view = view;
			break;
		case LOG_EVENT_OUT_READY:
			if (session->ready_told || !raft_ready(node, &event.of.durable))
			{
				snprintf(reason, REPLAY_REASON_SIZE,
						 "the log has an out_ready here, the core has none");
				return false;
			}
			session->ready_told = true;
			break;
		case LOG_EVENT_OUT_EVENT:
			if (!raft_next_event(node, &event.of.event))
			{
				snprintf(reason, REPLAY_REASON_SIZE,
						 "the log has an out_event here, the core has none");
				return false;
			}
			event.term = event.of.event.term;
			event.role = event.of.event.role;
			event.leader = event.of.event.leader;
			break;
		case LOG_EVENT_OUT_MESSAGE:
			if (!raft_next_message(node, &event.of.message))
			{
				snprintf(reason, REPLAY_REASON_SIZE,
						 "the log has an out_message here, the core has none");
				return false;
			}
			break;
		default:
			return true;
	}
	return is_same(session, &event, text, reason);
}

void
session_end(Session *session)
{
	free(session->node);
	session->node = NULL;
}
