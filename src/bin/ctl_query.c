/*-------------------------------------------------------------------------
 *
 * ctl_query.c
 *		Asks several servers the same at once, with a time limit for all.
 *
 * Nothing here waits for a server but the one poll() for all of them: names
 * are resolved by child processes, connections are made and asked by libpq's
 * asynchronous functions, and are not blocking even to be closed.  A server
 * that has not answered in time loses its connection, so that a late answer
 * is not taken for one to the next question.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <limits.h>
#include <poll.h>
#include <time.h>

#include "ctl_query.h"
#include "pqexpbuffer.h"

/*
 * What precedes each question, in one go with it: the extension may be in any
 * schema; and the time limits are this program's own, as one that a role or a
 * database has may be shorter than what the server is to wait for.  The
 * question's result is the third.
 */
static const char *const preamble =
"SELECT pg_catalog.set_config('search_path', '', false),"
" pg_catalog.set_config('statement_timeout', '0', false);"
"SELECT pg_catalog.set_config('search_path',"
" pg_catalog.quote_ident(n.nspname), false)"
" FROM pg_catalog.pg_extension e"
" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
" WHERE e.extname = 'pg_leader';";

/*
 * When enough is known, those that are about to answer are given so long: if
 * the client goes first, their servers note that in their logs.
 */
#define PARTING_US	INT64CONST(100000)

int64
ctl_query_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool
is_under_way(const CtlNode *node)
{
	return node->state == CTL_RESOLVING || node->state == CTL_CONNECTING ||
		node->state == CTL_ASKING;
}

static void
disconnect(CtlNode *node)
{
	ctl_resolve_end(&node->resolver);
	PQfinish(node->connection);
	node->connection = NULL;
	node->reused = false;
}

static void
forget_answer(CtlNode *node)
{
	PQclear(node->result);
	node->result = NULL;
	pg_free(node->message);
	pg_free(node->detail);
	pg_free(node->hint);
	pg_free(node->warning);
	node->message = node->detail = node->hint = node->warning = NULL;
	node->state = CTL_IDLE;
}

static void
give_up(CtlNode *node, const char *message)
{
	const char *told = message;
	const char *reason;

	/* Where it tried to connect to is known already. */
	if (strncmp(message, "connection to server ", strlen("connection to server ")) == 0 &&
		(reason = strstr(message, "failed: ")) != NULL &&
		reason - message < (ptrdiff_t) strcspn(message, "\n"))
		told = reason + strlen("failed: ");

	node->state = CTL_UNREACHABLE;
	node->message = pnstrdup(told, strcspn(told, "\n"));
	disconnect(node);
}

static void
connect_to(const CtlServers *servers, CtlNode *node, const char *hostaddr)
{
	node->connection = ctl_servers_connect(servers, node->server, hostaddr);
	if (!node->connection)
		give_up(node, "out of memory");
	else if (PQstatus(node->connection) == CONNECTION_BAD)
		give_up(node, PQerrorMessage(node->connection));
	else
	{
		/* As if PQconnectPoll() had just asked for that. */
		node->state = CTL_CONNECTING;
		node->awaited = POLLOUT;
	}
}

static void
find_and_connect(const CtlServers *servers, CtlNode *node)
{
	const CtlServer *server = node->server;

	if (server->hostaddr || !ctl_resolve_is_needed(server->host))
		connect_to(servers, node, NULL);
	else if (ctl_resolve_start(&node->resolver, server->host))
		node->state = CTL_RESOLVING;
	else
		give_up(node, "could not start a process to look up the host's address");
}

/* The server may have been restarted since the last time: then once more. */
static void
mourn(const CtlServers *servers, CtlNode *node, const char *message)
{
	PQclear(node->result);
	node->result = NULL;
	if (node->reused)
	{
		forget_answer(node);
		disconnect(node);
		find_and_connect(servers, node);
	}
	else
	{
		char	   *copy = pg_strdup(message);

		forget_answer(node);
		give_up(node, copy);
		pg_free(copy);
	}
}

static void
send_query(const CtlServers *servers, CtlNode *node)
{
	PQExpBuffer text = createPQExpBuffer();
	bool		sent;

	node->state = CTL_ASKING;
	node->installed = false;
	node->lost = false;
	appendPQExpBuffer(text, "%s%s", preamble, node->query);
	sent = PQsendQuery(node->connection, text->data) == 1;
	destroyPQExpBuffer(text);
	node->sent = node->sent || sent;
	if (!sent)
		mourn(servers, node, PQerrorMessage(node->connection));
}

static char *
error_field(const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);

	return text ? pnstrdup(text, strcspn(text, "\n")) : NULL;
}

/* The last warning is kept; whatever else a server remarks is dropped. */
static void
receive_notice(void *arg, const PGresult *notice)
{
	CtlNode    *node = arg;
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity && strcmp(severity, "WARNING") == 0)
	{
		pg_free(node->warning);
		node->warning = error_field(notice, PG_DIAG_MESSAGE_PRIMARY);
	}
}

static void
continue_to_connect(const CtlServers *servers, CtlNode *node)
{
	switch (PQconnectPoll(node->connection))
	{
		case PGRES_POLLING_READING:
			node->awaited = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			node->awaited = POLLOUT;
			break;
		case PGRES_POLLING_OK:
			if (PQsetnonblocking(node->connection, 1) != 0)
				give_up(node, PQerrorMessage(node->connection));
			else
				send_query(servers, node);
			break;
		default:
			give_up(node, PQerrorMessage(node->connection));
	}
}

static void
take_error(CtlNode *node, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	node->lost = severity && strcmp(severity, "ERROR") != 0;
	node->message = error_field(result, PG_DIAG_MESSAGE_PRIMARY);
	node->detail = error_field(result, PG_DIAG_MESSAGE_DETAIL);
	node->hint = error_field(result, PG_DIAG_MESSAGE_HINT);
	if (!node->message)
		node->message = pg_strdup("the server answered in an unexpected way");
}

/* One of the three results has come, or that of an error. */
static void
take_result(CtlNode *node, PGresult *result)
{
	bool		rows = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!node->message && rows)
	{
		/* The last one is kept, and the second one looked at. */
		if (node->result && !node->installed)
			node->installed = PQntuples(result) > 0;
		PQclear(node->result);
		node->result = result;
		return;
	}
	if (!node->message)
		take_error(node, result);
	PQclear(result);
}

/* All results have come. */
static void
conclude(CtlNode *node)
{
	if (!node->message)
	{
		node->state = CTL_ANSWERED;
		return;
	}

	/* Then the reason is another one than an object that does not exist. */
	if (node->result && !node->installed)
	{
		pg_free(node->message);
		pg_free(node->detail);
		pg_free(node->hint);
		node->detail = NULL;
		node->message = psprintf("extension \"pg_leader\" is not installed in database \"%s\"",
								 PQdb(node->connection));
		node->hint = pg_strdup("CREATE EXTENSION pg_leader, or name another database.");
	}
	PQclear(node->result);
	node->result = NULL;
	node->state = CTL_REFUSED;
}

static void
continue_to_ask(const CtlServers *servers, CtlNode *node)
{
	PGresult   *result;

	if (PQconsumeInput(node->connection) == 1 && PQflush(node->connection) >= 0)
	{
		while (!node->lost && !PQisBusy(node->connection))
		{
			result = PQgetResult(node->connection);
			if (!result)
			{
				conclude(node);
				return;
			}
			take_result(node, result);
		}
		if (!node->lost && PQstatus(node->connection) == CONNECTION_OK)
			return;
	}
	mourn(servers, node,
		  node->lost ? node->message : PQerrorMessage(node->connection));
}

static void
start(const CtlServers *servers, CtlNode *node, const char *query,
	  bool is_repeatable)
{
	forget_answer(node);
	node->query = query;
	node->sent = false;
	if (node->connection && PQstatus(node->connection) == CONNECTION_OK)
	{
		node->reused = is_repeatable;
		send_query(servers, node);
	}
	else
	{
		disconnect(node);
		find_and_connect(servers, node);
	}
}

static struct pollfd
awaited_of(const CtlNode *node)
{
	struct pollfd await = {.fd = -1};

	switch (node->state)
	{
		case CTL_RESOLVING:
			await.fd = node->resolver.fd;
			await.events = POLLIN;
			break;
		case CTL_CONNECTING:
			await.fd = PQsocket(node->connection);
			await.events = node->awaited;
			break;
		case CTL_ASKING:
			await.fd = PQsocket(node->connection);
			await.events = POLLIN;
			if (PQflush(node->connection) == 1)
				await.events |= POLLOUT;
			break;
		default:
			break;
	}
	return await;
}

static void
go_on(const CtlServers *servers, CtlNode *node)
{
	const char *text;

	switch (node->state)
	{
		case CTL_RESOLVING:
			switch (ctl_resolve_continue(&node->resolver, &text))
			{
				case CTL_RESOLVE_DONE:
					connect_to(servers, node, text);
					break;
				case CTL_RESOLVE_FAILED:
					give_up(node, text);
					break;
				default:
					break;
			}
			break;
		case CTL_CONNECTING:
			(void) PQsetNoticeReceiver(node->connection, receive_notice, node);
			continue_to_connect(servers, node);
			break;
		case CTL_ASKING:
			continue_to_ask(servers, node);
			break;
		default:
			break;
	}
}

/* Waits until one of those under way can go on, or for the moment given. */
static void
wait_and_go_on(const CtlServers *servers, CtlNode *nodes, int count, int64 until_us)
{
	struct pollfd *awaited = pg_malloc(count * sizeof(struct pollfd));
	int64		left_us;
	int			i;

	for (i = 0; i < count; i++)
		awaited[i] = awaited_of(&nodes[i]);

	left_us = Max(0, until_us - ctl_query_now_us());
	if (poll(awaited, count, (int) Min((left_us + 999) / 1000, INT_MAX)) > 0)
	{
		for (i = 0; i < count; i++)
		{
			if (awaited[i].revents != 0)
				go_on(servers, &nodes[i]);
		}
	}
	pg_free(awaited);
}

static bool
is_any_under_way(const CtlNode *nodes, int count)
{
	while (count > 0)
	{
		if (is_under_way(&nodes[--count]))
			return true;
	}
	return false;
}

/* Enough is known.  What is answered now is known as well. */
static void
part_in_peace(const CtlServers *servers, CtlNode *nodes, int count)
{
	int64		until_us = ctl_query_now_us() + PARTING_US;

	while (is_any_under_way(nodes, count) && ctl_query_now_us() < until_us)
		wait_and_go_on(servers, nodes, count, until_us);
}

static void
end_question(CtlNode *node, int64 limit_us)
{
	static const char *const missing[] = {
		[CTL_RESOLVING] = "address of the host not found",
		[CTL_CONNECTING] = "no connection",
		[CTL_ASKING] = "no answer",
	};
	char	   *message;

	message = psprintf("%s within %g s", missing[node->state],
					   (limit_us + 500) / 1000 / 1000.0);
	forget_answer(node);
	give_up(node, message);
	pg_free(message);
}

static void
ask(const CtlServers *servers, CtlNode *nodes, int count, const char *query,
	bool is_repeatable, int64 deadline_us, CtlSettled settled, const void *about)
{
	int64		limit_us = deadline_us - ctl_query_now_us();
	bool		enough = false;
	int			i;

	for (i = 0; i < count; i++)
		start(servers, &nodes[i], query, is_repeatable);

	while (!enough && is_any_under_way(nodes, count) &&
		   ctl_query_now_us() < deadline_us)
	{
		wait_and_go_on(servers, nodes, count, deadline_us);
		enough = settled && settled(nodes, count, about);
	}

	if (enough)
		part_in_peace(servers, nodes, count);
	for (i = 0; i < count; i++)
	{
		if (!is_under_way(&nodes[i]))
			continue;
		if (enough)
		{
			disconnect(&nodes[i]);
			forget_answer(&nodes[i]);
		}
		else
			end_question(&nodes[i], limit_us);
	}
}

void
ctl_query_ask(const CtlServers *servers, CtlNode *nodes, int count,
			  const char *query, int64 deadline_us, CtlSettled settled,
			  const void *about)
{
	ask(servers, nodes, count, query, true, deadline_us, settled, about);
}

void
ctl_query_act(const CtlServers *servers, CtlNode *node, const char *statement,
			  int64 deadline_us)
{
	ask(servers, node, 1, statement, false, deadline_us, NULL, NULL);
}

/* If a node has answered, that becomes what is known of it. */
static bool
take_answer(CtlNode *known, CtlNode *asked)
{
	if (is_under_way(asked) || asked->state == CTL_IDLE)
		return false;

	forget_answer(known);
	known->state = asked->state;
	known->result = asked->result;
	known->message = asked->message;
	known->detail = asked->detail;
	known->hint = asked->hint;
	known->warning = asked->warning;
	known->sent = asked->sent;

	asked->result = NULL;
	asked->message = asked->detail = asked->hint = asked->warning = NULL;
	asked->state = CTL_IDLE;
	return true;
}

/*
 * Takes the answer of a node, ends what it was asked or begins to ask it anew;
 * true: it has answered.  The answer comes first, or one that took longer than
 * the interval would be lost.
 */
static bool
take_turn(const CtlServers *servers, CtlNode *known, CtlNode *asked,
		  const CtlRepetition *repetition)
{
	int64		now_us = ctl_query_now_us();
	bool		news;

	if (is_under_way(asked) && now_us >= asked->deadline_us)
		end_question(asked, repetition->limit_us);
	news = take_answer(known, asked);
	if (is_under_way(asked) || now_us < asked->turn_us)
		return news;

	start(servers, asked,
		  asked->turn_us == 0 ? repetition->first_query : repetition->query,
		  true);
	asked->deadline_us = now_us + repetition->limit_us;
	asked->turn_us = now_us + repetition->interval_us;
	return take_answer(known, asked) || news;	/* it may fail at once */
}

bool
ctl_query_repeat(const CtlServers *servers, CtlNode *nodes, int count,
				 const CtlRepetition *repetition, CtlSettled settled,
				 const void *about)
{
	CtlNode    *asked = pg_malloc0(count * sizeof(CtlNode));
	bool		enough = false;
	int			i;

	for (i = 0; i < count; i++)
		asked[i].server = nodes[i].server;

	while (!enough && ctl_query_now_us() < repetition->end_us)
	{
		int64		until_us = repetition->end_us;
		bool		news = false;

		for (i = 0; i < count; i++)
		{
			news = take_turn(servers, &nodes[i], &asked[i], repetition) || news;
			until_us = Min(until_us, is_under_way(&asked[i]) ?
						   asked[i].deadline_us : asked[i].turn_us);
		}
		enough = news && settled(nodes, count, about);
		if (!enough)
			wait_and_go_on(servers, asked, count, until_us);
	}

	if (enough)
		part_in_peace(servers, asked, count);

	/* Of whom nothing is known, it is known at least why. */
	for (i = 0; i < count && !enough; i++)
	{
		if (nodes[i].state == CTL_IDLE && is_under_way(&asked[i]))
		{
			end_question(&asked[i], repetition->limit_us);
			(void) take_answer(&nodes[i], &asked[i]);
		}
	}
	ctl_query_end(asked, count);
	pg_free(asked);
	return enough;
}

void
ctl_query_end(CtlNode *nodes, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		disconnect(&nodes[i]);
		forget_answer(&nodes[i]);
	}
}
