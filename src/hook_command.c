/*-------------------------------------------------------------------------
 *
 * hook_command.c
 *		The command of pg_leader.on_leader_change: its placeholders and its
 *		environment.
 *
 * hook_command_fault() runs wherever PostgreSQL reads the configuration, the
 * others in the hook runner.  No locks.
 *
 * Values reach a shell.  Numbers and the four words for a role are safe as
 * they are; so is a host, of which the parser of pg_leader.cluster has let
 * pass nothing else (peers.c), and which is filtered here once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pwd.h>
#include <unistd.h>

#include "config.h"
#include "hook_command.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "utils/timestamp.h"

/* Room for the variables below, and the NULL behind them. */
#define VARIABLES_MAX	32

/* What an argument is that has no value: an empty one would be no argument. */
#define NO_HOST			"-"

static const char safe_characters[] =
"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:%-";

const char *
hook_command_fault(const char *command)
{
	for (const char *c = command; *c != '\0'; c++)
	{
		if (*c != '%')
			continue;
		if (c[1] == '\0' || strchr("%nlotrhp", c[1]) == NULL)
			return c;
		c++;
	}
	return NULL;
}

static const char *
leader_host(const HookNews *news)
{
	return news->leader_id == RAFT_NO_NODE ? "" :
		config_peers.peers[news->leader_id].host;
}

static void
append_safe(StringInfo out, const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
	{
		if (strchr(safe_characters, *c) != NULL)
			appendStringInfoChar(out, *c);
	}
}

static void
append_placeholder(StringInfo out, char placeholder, const HookNews *news,
				   const HookRun *run)
{
	switch (placeholder)
	{
		case 'n':
			appendStringInfo(out, "%d", config_node_id);
			break;
		case 'l':
			appendStringInfo(out, "%d", news->leader_id);
			break;
		case 'o':
			appendStringInfo(out, "%d", run->old_leader);
			break;
		case 't':
			appendStringInfo(out, UINT64_FORMAT, news->term);
			break;
		case 'r':
			append_safe(out, news->role);
			break;
		case 'h':
			append_safe(out, news->leader_id == RAFT_NO_NODE ? NO_HOST :
						leader_host(news));
			break;
		case 'p':
			appendStringInfo(out, "%d", news->leader_port);
			break;
		case '%':
			appendStringInfoChar(out, '%');
			break;
		default:
			elog(ERROR, "unknown placeholder \"%%%c\"", placeholder);
	}
}

char *
hook_command_expand(const char *command, const HookNews *news,
					const HookRun *run)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *c = command; *c != '\0'; c++)
	{
		if (*c != '%')
			appendStringInfoChar(&out, *c);
		else
			append_placeholder(&out, *++c, news, run);
	}
	return out.data;
}

/* The first of unix_socket_directories, or a host that reaches the server. */
static char *
own_host(void)
{
	char	   *host = pstrdup(Unix_socket_directories == NULL ? "" :
							   Unix_socket_directories);
	char	   *first = host + strspn(host, " \"");

	first[strcspn(first, ",\"")] = '\0';
	for (size_t length = strlen(first);
		 length > 0 && first[length - 1] == ' '; length--)
		first[length - 1] = '\0';
	return first[0] == '\0' ? pstrdup("localhost") : first;
}

/* The directory of the server's own programs, pg_ctl and psql among them. */
static char *
program_directory(void)
{
	char	   *directory = pstrdup(my_exec_path);
	char	   *slash = strrchr(directory, '/');

	if (slash != NULL)
		*slash = '\0';
	return directory;
}

static int64
unix_microseconds(TimestampTz time)
{
	return time + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

char	  **
hook_command_environment(const HookNews *news, const HookRun *run)
{
	char	  **variables = palloc0(VARIABLES_MAX * sizeof(char *));

	/* cppcheck-suppress getpwuidCalled; there is one thread */
	struct passwd *user = getpwuid(geteuid());
	bool		is_leader = (news->leader_id == config_node_id);
	int			count = 0;

	variables[count++] =
		psprintf("PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				 program_directory());
	variables[count++] = pstrdup("SHELL=/bin/sh");
	variables[count++] = pstrdup("LANG=C");
	if (user != NULL)
	{
		variables[count++] = psprintf("HOME=%s", user->pw_dir);
		variables[count++] = psprintf("USER=%s", user->pw_name);
		variables[count++] = psprintf("LOGNAME=%s", user->pw_name);
	}
	variables[count++] = psprintf("PGDATA=%s", DataDir);
	variables[count++] = psprintf("PGHOST=%s", own_host());
	variables[count++] = psprintf("PGPORT=%d", PostPortNumber);

	variables[count++] = psprintf("PG_LEADER_NODE_ID=%d", config_node_id);
	variables[count++] = psprintf("PG_LEADER_CLUSTER_NAME=%s",
								  config_cluster_name);
	variables[count++] = psprintf("PG_LEADER_LEADER_ID=%d", news->leader_id);
	variables[count++] = psprintf("PG_LEADER_OLD_LEADER_ID=%d",
								  run->old_leader);
	variables[count++] = psprintf("PG_LEADER_TERM=" UINT64_FORMAT, news->term);
	variables[count++] = psprintf("PG_LEADER_ROLE=%s", news->role);
	variables[count++] = psprintf("PG_LEADER_IS_LEADER=%s",
								  is_leader ? "true" : "false");
	variables[count++] = psprintf("PG_LEADER_LEADER_HOST=%s",
								  leader_host(news));
	variables[count++] = psprintf("PG_LEADER_LEADER_PORT=%d",
								  news->leader_port);
	variables[count++] = psprintf("PG_LEADER_REASON=%s", news->reason);
	variables[count++] = psprintf("PG_LEADER_SEQUENCE=" UINT64_FORMAT,
								  news->sequence);
	variables[count++] = psprintf("PG_LEADER_START=" INT64_FORMAT,
								  unix_microseconds(shared_state->hook.start));
	variables[count++] = psprintf("PG_LEADER_ATTEMPT=%d", run->attempt);
	variables[count++] = psprintf("PG_LEADER_SKIPPED=" UINT64_FORMAT,
								  run->skipped);
	Assert(count < VARIABLES_MAX);
	return variables;
}
