/*-------------------------------------------------------------------------
 *
 * pg_leaderctl.c
 *		Shows, from outside, how the nodes of a cluster see it, and tells its
 *		leader to hand over.
 *
 * A program of libpq's, which knows nothing of the extension's sources: what
 * it has to go by are the extension's views and functions.  This file reads
 * the command line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <unistd.h>

#include "common/logging.h"
#include "ctl_commands.h"
#include "getopt_long.h"

#define NODE_LIMIT_DEFAULT_S	3
#define WATCH_DEFAULT_S			2
#define SECONDS_MAX				86400

/* Options that not every command has. */
#define TAKES_WATCH				0x01
#define TAKES_QUIET				0x02
#define TAKES_TIMEOUT			0x04
#define TAKES_FOR				0x08
#define TAKES_YES				0x10
#define TAKES_NODE				0x20
#define TAKES_LIMIT				0x40

typedef struct Command
{
	const char *name;
	CtlExit		(*run) (Ctl *ctl);
	bool		takes_node;
	int			options;
} Command;

static const Command commands[] = {
	{"status", ctl_commands_status, false, TAKES_WATCH},
	{"peers", ctl_commands_peers, false, TAKES_WATCH},
	{"history", ctl_commands_history, false, TAKES_NODE | TAKES_LIMIT},
	{"leader", ctl_commands_leader, false, TAKES_QUIET},
	{"is-leader", ctl_commands_is_leader, false, TAKES_QUIET},
	{"wait", ctl_commands_wait, false, TAKES_QUIET | TAKES_TIMEOUT | TAKES_FOR},
	{"transfer", ctl_commands_transfer, true, TAKES_QUIET | TAKES_TIMEOUT},
	{"step-down", ctl_commands_step_down, false, TAKES_QUIET | TAKES_TIMEOUT},
	{"forget-state", ctl_commands_forget_state, false,
	TAKES_QUIET | TAKES_TIMEOUT | TAKES_YES},
};

/* The command line, taken apart. */
typedef struct Arguments
{
	const Command *command;
	CtlConnectionArguments connection;
	int			given;			/* TAKES_... of the options that were given */
	double		limit_s;		/* 0: not given */
	double		timeout_s;
	double		watch_s;
	bool		json;
	CtlGoal		goal;
	int			node_id;		/* -1: not given */
	int			row_limit;		/* 0: not given */
} Arguments;

static void
print_help(const char *program)
{
	printf("%s shows how the nodes of a pg_leader cluster see it, and acts on its leader.\n\n",
		   program);
	printf("Usage:\n");
	printf("  %s [OPTION]... COMMAND [CONNECTION-STRING]\n\n", program);
	printf("Commands:\n");
	printf("  status         show each node's own view, and whether they agree\n");
	printf("  peers          show what each node knows of every other\n");
	printf("  history        show all nodes' changes of leader and role in one list\n");
	printf("  leader         print a connection string of the leader\n");
	printf("  is-leader      tell by the exit status whether a server named leads\n");
	printf("  wait           wait until there is a leader\n");
	printf("  transfer NODE  hand leadership over to a node\n");
	printf("  step-down      make the leader step down\n");
	printf("  forget-state   let a node that has lost its state take part again\n");
	printf("\nOptions:\n");
	printf("      --json                 print JSON, an object on a line\n");
	printf("  -q, --quiet                print nothing more than that; for commands that\n"
		   "                             show no table\n");
	printf("  -t, --node-timeout=SECS    how long a node may take to answer (default: %d,\n"
		   "                             or connect_timeout)\n", NODE_LIMIT_DEFAULT_S);
	printf("      --timeout=SECS         how long to wait (default: for ever), or how long\n"
		   "                             the node may take to act\n");
	printf("      --watch[=SECS]         status, peers: show it again and again (default: every\n"
		   "                             %d seconds)\n", WATCH_DEFAULT_S);
	printf("      --for=GOAL             wait: for leader (default), no-leader, or node=N\n");
	printf("      --node=N               history: only as node N has recorded it\n");
	printf("      --limit=ROWS           history: only the newest rows\n");
	printf("      --yes                  forget-state: this is meant\n");
	printf("  -V, --version              output version information, then exit\n");
	printf("  -?, --help                 show this help, then exit\n");
	printf("\nConnection options:\n");
	printf("      --config=FILE          the servers of a file like config/pg_leader.config\n");
	printf("  -d, --dbname=DBNAME        a database, or a connection string of all nodes:\n"
		   "                             \"host=db0,db1,db2 dbname=postgres\"\n");
	printf("  -h, --host=HOSTS           server hosts or socket directories, with commas\n");
	printf("  -p, --port=PORTS           server ports, with commas, or one for all\n");
	printf("  -U, --username=USERNAME    user name to connect as\n");
	printf("\nWhat is not given comes from PGHOST, PGPORT, PGSERVICE and the other variables\n"
		   "of libpq.  Passwords are not asked for: use a password file.\n");
	printf("\nExit status:\n");
	printf("  0  yes, or done; status: all servers named agree on a leader\n");
	printf("  1  no, refused, or waited in vain; status: not all is well\n");
	printf("  2  cannot tell: who would have to answer has not\n");
	printf("  3  wrong usage: nothing was tried\n");
}

static void
print_version(void)
{
	printf("pg_leaderctl (pg_leader) %s\n", PG_LEADER_VERSION);
}

static void
wrong_usage(const char *program)
{
	pg_log_error_hint("Try \"%s --help\" for more information.", program);
	exit(CTL_USAGE);
}

/* A number of seconds, fractions too. */
static bool
read_seconds(const char *text, double minimum, double *seconds)
{
	char	   *end;

	errno = 0;
	*seconds = strtod(text, &end);
	return end != text && *end == '\0' && errno == 0 &&
		*seconds >= minimum && *seconds <= SECONDS_MAX;
}

static double
require_seconds(const char *program, const char *option, const char *text,
				double minimum)
{
	double		seconds;

	if (!read_seconds(text, minimum, &seconds))
	{
		pg_log_error("invalid value \"%s\" for option %s", text, option);
		pg_log_error_detail("It has to be a number of seconds from %g to %d.",
							minimum, SECONDS_MAX);
		wrong_usage(program);
	}
	return seconds;
}

static bool
read_number(const char *text, int *number)
{
	char	   *end;
	long		value;

	if (!isdigit((unsigned char) text[0]))
		return false;
	errno = 0;
	value = strtol(text, &end, 10);
	if (*end != '\0' || errno != 0 || value > INT_MAX)
		return false;
	*number = (int) value;
	return true;
}

static int
require_node(const char *program, const char *text)
{
	int			node_id;

	if (!read_number(text, &node_id))
	{
		pg_log_error("\"%s\" is no node's id", text);
		wrong_usage(program);
	}
	return node_id;
}

static void
read_goal(const char *program, const char *text, Arguments *arguments)
{
	if (strcmp(text, "leader") == 0)
		arguments->goal = CTL_GOAL_LEADER;
	else if (strcmp(text, "no-leader") == 0)
		arguments->goal = CTL_GOAL_NO_LEADER;
	else if (strncmp(text, "node=", strlen("node=")) == 0 &&
			 read_number(text + strlen("node="), &arguments->node_id))
		arguments->goal = CTL_GOAL_NODE;
	else
	{
		pg_log_error("invalid value \"%s\" for option --for", text);
		pg_log_error_detail("It has to be leader, no-leader, or node= and a node's id.");
		wrong_usage(program);
	}
}

static void
read_options(int argc, char **argv, const char *program, Arguments *arguments)
{
	enum
	{
		OPTION_JSON = 1000, OPTION_TIMEOUT, OPTION_WATCH, OPTION_FOR, OPTION_YES,
		OPTION_NODE, OPTION_LIMIT, OPTION_CONFIG, OPTION_HELP
	};
	static const struct option options[] = {
		{"config", required_argument, NULL, OPTION_CONFIG},
		{"dbname", required_argument, NULL, 'd'},
		{"for", required_argument, NULL, OPTION_FOR},
		{"help", no_argument, NULL, OPTION_HELP},
		{"host", required_argument, NULL, 'h'},
		{"json", no_argument, NULL, OPTION_JSON},
		{"limit", required_argument, NULL, OPTION_LIMIT},
		{"node", required_argument, NULL, OPTION_NODE},
		{"node-timeout", required_argument, NULL, 't'},
		{"port", required_argument, NULL, 'p'},
		{"quiet", no_argument, NULL, 'q'},
		{"timeout", required_argument, NULL, OPTION_TIMEOUT},
		{"username", required_argument, NULL, 'U'},
		{"version", no_argument, NULL, 'V'},
		{"watch", optional_argument, NULL, OPTION_WATCH},
		{"yes", no_argument, NULL, OPTION_YES},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "d:h:p:qt:U:V", options, NULL)) != -1)
	{
		switch (option)
		{
			case 'd':
				arguments->connection.dbname = optarg;
				break;
			case 'h':
				arguments->connection.host = optarg;
				break;
			case 'p':
				arguments->connection.port = optarg;
				break;
			case 'U':
				arguments->connection.user = optarg;
				break;
			case 'q':
				arguments->given |= TAKES_QUIET;
				break;
			case 't':
				arguments->limit_s = require_seconds(program, "-t/--node-timeout",
													 optarg, 0.01);
				break;
			case OPTION_CONFIG:
				arguments->connection.config = optarg;
				break;
			case OPTION_JSON:
				arguments->json = true;
				break;
			case OPTION_TIMEOUT:
				arguments->given |= TAKES_TIMEOUT;
				arguments->timeout_s = require_seconds(program, "--timeout", optarg, 0);
				break;
			case OPTION_WATCH:
				arguments->given |= TAKES_WATCH;
				arguments->watch_s = WATCH_DEFAULT_S;
				if (optarg)
					arguments->watch_s = require_seconds(program, "--watch", optarg, 0.1);
				else if (optind < argc &&
						 read_seconds(argv[optind], 0.1, &arguments->watch_s))
					optind++;	/* no command is a number */
				break;
			case OPTION_FOR:
				arguments->given |= TAKES_FOR;
				read_goal(program, optarg, arguments);
				break;
			case OPTION_NODE:
				arguments->given |= TAKES_NODE;
				arguments->node_id = require_node(program, optarg);
				break;
			case OPTION_LIMIT:
				arguments->given |= TAKES_LIMIT;
				if (!read_number(optarg, &arguments->row_limit) ||
					arguments->row_limit == 0)
				{
					pg_log_error("invalid value \"%s\" for option --limit", optarg);
					pg_log_error_detail("It has to be a number of rows.");
					wrong_usage(program);
				}
				break;
			case OPTION_YES:
				arguments->given |= TAKES_YES;
				break;
			case OPTION_HELP:
				print_help(program);
				exit(CTL_YES);
			case 'V':
				print_version();
				exit(CTL_YES);
			default:
				/* getopt_long has said what is wrong */
				wrong_usage(program);
		}
	}
}

static void
check_options(const char *program, const Arguments *arguments)
{
	static const struct
	{
		int			option;
		const char *name;
	}			names[] = {
		{TAKES_WATCH, "--watch"},
		{TAKES_QUIET, "-q/--quiet"},
		{TAKES_TIMEOUT, "--timeout"},
		{TAKES_FOR, "--for"},
		{TAKES_YES, "--yes"},
		{TAKES_NODE, "--node"},
		{TAKES_LIMIT, "--limit"},
	};
	size_t		i;

	for (i = 0; i < lengthof(names); i++)
	{
		if ((arguments->given & names[i].option) != 0 &&
			(arguments->command->options & names[i].option) == 0)
		{
			pg_log_error("command \"%s\" has no option %s",
						 arguments->command->name, names[i].name);
			wrong_usage(program);
		}
	}
	if ((arguments->command->options & TAKES_YES) != 0 &&
		(arguments->given & TAKES_YES) == 0)
	{
		pg_log_error("a node that forgets its state may vote a second time in a term");
		pg_log_error_detail("Most often it comes back by itself: \"status\" tells what it waits for.");
		pg_log_error_hint("If this is meant, add --yes.");
		exit(CTL_USAGE);
	}
}

/* The words that are no options: command, perhaps a node, a connection string. */
static void
read_words(int argc, char **argv, const char *program, Arguments *arguments)
{
	int			next = optind;
	size_t		i;

	if (next >= argc)
	{
		pg_log_error("no command given");
		wrong_usage(program);
	}
	for (i = 0; i < lengthof(commands); i++)
	{
		if (strcmp(argv[next], commands[i].name) == 0)
			arguments->command = &commands[i];
	}
	if (!arguments->command)
	{
		pg_log_error("there is no command \"%s\"", argv[next]);
		wrong_usage(program);
	}
	next++;

	if (arguments->command->takes_node)
	{
		if (next >= argc)
		{
			pg_log_error("command \"%s\" needs a node's id", arguments->command->name);
			wrong_usage(program);
		}
		arguments->node_id = require_node(program, argv[next++]);
	}
	if (next < argc && !arguments->connection.dbname &&
		ctl_servers_is_connection_string(argv[next]))
		arguments->connection.dbname = argv[next++];
	if (next < argc)
	{
		pg_log_error("too many command-line arguments (first is \"%s\")", argv[next]);
		wrong_usage(program);
	}
}

static int64
to_us(double seconds)
{
	return (int64) ceil(seconds * 1000000);
}

/* A full disk must not look like an answer. */
static CtlExit
end_output(CtlExit status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	pg_log_error("could not write to standard output: %m");
	return CTL_CANNOT_TELL;
}

static CtlExit
run(const char *program, const Arguments *arguments)
{
	char	   *error = NULL;
	CtlServers *servers = ctl_servers_read(&arguments->connection, &error);
	Ctl			ctl = {0};
	CtlExit		status;
	int			i;

	if (!servers)
	{
		pg_log_error("%s", error);
		wrong_usage(program);
	}
	if ((arguments->command->options & TAKES_YES) != 0 && servers->count != 1)
	{
		pg_log_error("\"%s\" acts on one server, not on %d",
					 arguments->command->name, servers->count);
		wrong_usage(program);
	}

	ctl.servers = servers;
	ctl.count = servers->count;
	ctl.nodes = pg_malloc0(servers->count * sizeof(CtlNode));
	for (i = 0; i < servers->count; i++)
		ctl.nodes[i].server = &servers->list[i];

	ctl.limit_us = to_us(NODE_LIMIT_DEFAULT_S);
	if (arguments->limit_s > 0)
		ctl.limit_us = to_us(arguments->limit_s);
	else if (servers->connect_timeout_s > 0)
		ctl.limit_us = to_us(Min(servers->connect_timeout_s, SECONDS_MAX));
	ctl.timeout_us = (arguments->given & TAKES_TIMEOUT) != 0 ?
		to_us(arguments->timeout_s) : -1;
	ctl.watch_us = to_us(arguments->watch_s);
	ctl.json = arguments->json;
	ctl.quiet = (arguments->given & TAKES_QUIET) != 0;
	ctl.goal = arguments->goal;
	ctl.node_id = arguments->node_id;
	ctl.row_limit = arguments->row_limit;

	status = end_output(arguments->command->run(&ctl));
	ctl_query_end(ctl.nodes, ctl.count);
	return status;
}

/*
 * Standard streams that are closed get a file that cannot be written, or the
 * first connections would take their place, and what is printed or complained
 * of would go to a server.
 */
static void
occupy_standard_streams(void)
{
	int			fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	const char *program = get_progname(argv[0]);
	Arguments	arguments = {.goal = CTL_GOAL_LEADER,.node_id = -1};

	occupy_standard_streams();
	pg_logging_init(argv[0]);
	setlocale(LC_CTYPE, "");
	if (argc > 1)
	{
		if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
		{
			print_help(program);
			exit(CTL_YES);
		}
		if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		{
			print_version();
			exit(CTL_YES);
		}
	}

	read_options(argc, argv, program, &arguments);
	read_words(argc, argv, program, &arguments);
	check_options(program, &arguments);
	return run(program, &arguments);
}
