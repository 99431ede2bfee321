/*-------------------------------------------------------------------------
 *
 * config.c
 *		The settings (GUCs) of pg_leader, and the rules between them.
 *
 * Defined in the postmaster, inherited by every process.  Check hooks run
 * wherever PostgreSQL reads the configuration; all else here runs in the
 * postmaster at its start, but for config_read_timings(), which the ticker
 * calls at a reload.  No locks.
 *
 * The rules of the timings themselves are the core's, raft_check_timings().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "auth.h"
#include "clock.h"
#include "config.h"
#include "hook_command.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "wire/wire.h"

/* Longest pg_leader.cluster_name. */
#define CLUSTER_NAME_MAX	63

/*
 * Longest pg_leader.state_directory: it may stand behind the data directory,
 * and file names follow it.
 */
#define STATE_DIRECTORY_MAX (MAXPGPATH / 2)

/* Longest pg_leader.log_file. */
#define LOG_FILE_MAX		(MAXPGPATH - 1)

/* Bounds of single values, in ms, wide enough for the rules between them. */
#define HEARTBEAT_MIN_MS	10
#define HEARTBEAT_MAX_MS	10000
#define TIMEOUT_MIN_MS		10
#define TIMEOUT_MAX_MS		600000
#define HOOK_TIME_MAX_MS	(24 * 3600 * 1000)

#define CLUSTER_EXAMPLE		"'192.0.2.1:5433, 192.0.2.2:5433, 192.0.2.3:5433'"

int			config_node_id = -1;
char	   *config_cluster = NULL;
char	   *config_cluster_name = NULL;
char	   *config_listen_addresses = NULL;
int			config_heartbeat_interval_ms = 100;
int			config_election_timeout_min_ms = 1000;
int			config_election_timeout_max_ms = 1500;
int			config_max_clock_drift_ppm = 10000;
int			config_priority = 100;
char	   *config_secret_file = NULL;
bool		config_allow_unauthenticated = false;
char	   *config_state_directory = NULL;
bool		config_initial_state_new = false;
char	   *config_on_leader_change = NULL;
int			config_hook_timeout_ms = 60000;
int			config_hook_retry_interval_ms = 0;
int			config_enable_log = LOG_LEVEL_OFF;
char	   *config_log_file = NULL;

PeerList	config_peers;
uint64		config_fingerprint;

static RaftTimings start_timings;

/* pg_leader.initial_state */
typedef enum InitialState
{
	INITIAL_STATE_EXISTING,
	INITIAL_STATE_NEW
} InitialState;

static int	initial_state = INITIAL_STATE_EXISTING;

static const struct config_enum_entry initial_state_options[] = {
	{"existing", INITIAL_STATE_EXISTING, false},
	{"new", INITIAL_STATE_NEW, false},
	{NULL, 0, false}
};

static const struct config_enum_entry enable_log_options[] = {
	{"off", LOG_LEVEL_OFF, false},
	{"on", LOG_LEVEL_ON, false},
	{"replay", LOG_LEVEL_REPLAY, false},
	{"false", LOG_LEVEL_OFF, true},
	{"true", LOG_LEVEL_ON, true},
	{"no", LOG_LEVEL_OFF, true},
	{"yes", LOG_LEVEL_ON, true},
	{"0", LOG_LEVEL_OFF, true},
	{"1", LOG_LEVEL_ON, true},
	{NULL, 0, false}
};

/*
 * The settings, and the values that the configuration gave them before they
 * were defined (NULL: none), for refuse_invalid_values().
 */
typedef struct GivenValue
{
	const char *name;
	char	   *value;
} GivenValue;

static GivenValue given_values[] = {
	{"pg_leader.node_id", NULL},	/* first: says whether the rest matters */
	{"pg_leader.cluster", NULL},
	{"pg_leader.cluster_name", NULL},
	{"pg_leader.listen_addresses", NULL},
	{"pg_leader.heartbeat_interval", NULL},
	{"pg_leader.election_timeout_min", NULL},
	{"pg_leader.election_timeout_max", NULL},
	{"pg_leader.max_clock_drift", NULL},
	{"pg_leader.priority", NULL},
	{"pg_leader.secret_file", NULL},
	{"pg_leader.allow_unauthenticated", NULL},
	{"pg_leader.state_directory", NULL},
	{"pg_leader.initial_state", NULL},
	{"pg_leader.on_leader_change", NULL},
	{"pg_leader.hook_timeout", NULL},
	{"pg_leader.hook_retry_interval", NULL},
	{"pg_leader.enable_log", NULL},
	{"pg_leader.log_file", NULL}
};

/*-------------------------------------------------------------------------
 * Single values
 *-------------------------------------------------------------------------
 */

static bool
check_cluster(char **newval, void **extra, GucSource source)
{
	PeerList   *list = palloc(sizeof(*list));
	char	   *detail;
	bool		ok = peers_parse(*newval, list, &detail);

	pfree(list);
	if (!ok)
	{
		GUC_check_errdetail("%s", detail);
		GUC_check_errhint("Write the list as 'host:port, host:port, ...', for up to %d nodes, with ports from 1 to 65535 and IPv6 addresses in brackets.",
						  RAFT_MAX_NODES);
		pfree(detail);
	}
	return ok;
}

static bool
check_cluster_name(char **newval, void **extra, GucSource source)
{
	static const char allowed[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t		length = strlen(*newval);

	if (length < 1 || length > CLUSTER_NAME_MAX ||
		strspn(*newval, allowed) != length)
	{
		GUC_check_errdetail("The name of a cluster has 1 to %d characters, each an ASCII letter, a digit, \"_\", \"-\" or \".\".",
							CLUSTER_NAME_MAX);
		return false;
	}
	return true;
}

static bool
check_listen_addresses(char **newval, void **extra, GucSource source)
{
	char		host[PEER_HOST_MAX + 1];
	char	   *detail;

	if ((*newval)[0] == '\0' || peers_parse_host(*newval, host, &detail))
		return true;
	GUC_check_errdetail("%s", detail);
	GUC_check_errhint("Write one address or host name without a port, \"*\" for every address of this host, or nothing for the node's own address in pg_leader.cluster.");
	pfree(detail);
	return false;
}

static bool
check_state_directory(char **newval, void **extra, GucSource source)
{
	size_t		length = strlen(*newval);

	if (length < 1 || length > STATE_DIRECTORY_MAX)
	{
		GUC_check_errdetail("The path of a directory, absolute or relative to the data directory, has 1 to %d characters.",
							STATE_DIRECTORY_MAX);
		return false;
	}
	return true;
}

static bool
check_on_leader_change(char **newval, void **extra, GucSource source)
{
	const char *fault = hook_command_fault(*newval);

	if (fault == NULL)
		return true;
	if (fault[1] == '\0')
		GUC_check_errdetail("The command ends with a single \"%%\".");
	else if (fault[1] > ' ' && fault[1] <= '~')
		GUC_check_errdetail("\"%%%c\" is not a placeholder.", fault[1]);
	else
		GUC_check_errdetail("A \"%%\" is followed by a character that makes no placeholder.");
	GUC_check_errhint("The placeholders are %%n (this node), %%l (leader), %%o (leader before), %%t (term), %%r (this node's role), %%h and %%p (leader's host and port); write %%%% for a percent sign.");
	return false;
}

static bool
check_log_file(char **newval, void **extra, GucSource source)
{
	size_t		length = strlen(*newval);

	if (length == 0 ||
		(length <= LOG_FILE_MAX && (*newval)[length - 1] != '/'))
		return true;
	GUC_check_errdetail("The path of a file, absolute or relative to the data directory, has at most %d characters and does not end with \"/\".",
						LOG_FILE_MAX);
	return false;
}

static void
assign_initial_state(int newval, void *extra)
{
	config_initial_state_new = (newval == INITIAL_STATE_NEW);
}

static void
define_identity(void)
{
	DefineCustomIntVariable("pg_leader.node_id",
							"Id of this node: its place in pg_leader.cluster, from 0.",
							"-1 switches pg_leader off.",
							&config_node_id,
							-1, -1, RAFT_MAX_NODES - 1,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_leader.cluster",
							   "Addresses of all nodes, as 'host:port, host:port, ...', in the same order on every node.",
							   "The ports are UDP ports of pg_leader, not those of PostgreSQL.",
							   &config_cluster,
							   "",
							   PGC_POSTMASTER, GUC_LIST_INPUT,
							   check_cluster, NULL, NULL);
	DefineCustomStringVariable("pg_leader.cluster_name",
							   "Name of the cluster; nodes talk only to nodes that have the same.",
							   NULL,
							   &config_cluster_name,
							   "pg_leader",
							   PGC_POSTMASTER, 0,
							   check_cluster_name, NULL, NULL);
	DefineCustomStringVariable("pg_leader.listen_addresses",
							   "Address on which this node receives datagrams.",
							   "Empty: its own address in pg_leader.cluster.  \"*\": every address of this host.",
							   &config_listen_addresses,
							   "",
							   PGC_POSTMASTER, 0,
							   check_listen_addresses, NULL, NULL);
	DefineCustomStringVariable("pg_leader.secret_file",
							   "File with the secret by which nodes sign their datagrams.",
							   "Empty: datagrams are not signed.  Only the server's user may have access to it.",
							   &config_secret_file,
							   "",
							   PGC_POSTMASTER, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_leader.allow_unauthenticated",
							 "Allows to talk to nodes on other hosts without a secret.",
							 NULL,
							 &config_allow_unauthenticated,
							 false,
							 PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_leader.state_directory",
							   "Directory of the file that keeps term and vote.",
							   "A relative path is relative to the data directory.",
							   &config_state_directory,
							   "pg_leader",
							   PGC_POSTMASTER, 0,
							   check_state_directory, NULL, NULL);
	DefineCustomEnumVariable("pg_leader.initial_state",
							 "Whether a node without a state file belongs to a new cluster, or has lost the file.",
							 NULL,
							 &initial_state,
							 INITIAL_STATE_EXISTING, initial_state_options,
							 PGC_POSTMASTER, 0,
							 NULL, assign_initial_state, NULL);
}

static void
define_timings(void)
{
	DefineCustomIntVariable("pg_leader.heartbeat_interval",
							"Time between two heartbeats of a leader.",
							NULL,
							&config_heartbeat_interval_ms,
							100, HEARTBEAT_MIN_MS, HEARTBEAT_MAX_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_leader.election_timeout_min",
							"Least time without a heartbeat after which a node campaigns.",
							"At least five heartbeat intervals.",
							&config_election_timeout_min_ms,
							1000, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_leader.election_timeout_max",
							"Greatest time without a heartbeat after which a node campaigns.",
							"Greater than pg_leader.election_timeout_min.",
							&config_election_timeout_max_ms,
							1500, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_leader.max_clock_drift",
							"Greatest error of any node's clock rate, in parts per million.",
							"Leases are shortened by it, on every node for the clocks of both sides.",
							&config_max_clock_drift_ppm,
							10000, 0, 200000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_leader.priority",
							"Nodes with a greater priority are preferred as leader.",
							"0: this node votes, but never leads.",
							&config_priority,
							100, 0, 1000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_hook(void)
{
	DefineCustomStringVariable("pg_leader.on_leader_change",
							   "Shell command that is run on this node whenever the leader that it knows changes.",
							   "Placeholders: %n this node, %l leader, %o leader before, %t term, %r role, %h and %p the leader's host and port, %% a percent sign.",
							   &config_on_leader_change,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_on_leader_change, NULL, NULL);
	DefineCustomIntVariable("pg_leader.hook_timeout",
							"Time after which pg_leader.on_leader_change is ended.",
							"0: it may take as long as it does.",
							&config_hook_timeout_ms,
							60000, 0, HOOK_TIME_MAX_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_leader.hook_retry_interval",
							"Time after which a failed pg_leader.on_leader_change is repeated, unless the leader has changed.",
							"0: it is not repeated.",
							&config_hook_retry_interval_ms,
							0, 0, HOOK_TIME_MAX_MS,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

static void
define_log(void)
{
	DefineCustomEnumVariable("pg_leader.enable_log",
							 "Logs each event of the election algorithm.",
							 "\"replay\" also logs every input and output of the algorithm, so that a run can be repeated.",
							 &config_enable_log,
							 LOG_LEVEL_OFF, enable_log_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_leader.log_file",
							   "File to which events of the election algorithm are appended.",
							   "Empty: the server log.  A relative path is relative to the data directory.  The file is opened anew at each reload.",
							   &config_log_file,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_log_file, NULL, NULL);
}

void
config_define(void)
{
	for (int i = 0; i < lengthof(given_values); i++)
	{
		const char *value = GetConfigOption(given_values[i].name, true, false);

		if (value != NULL)
			given_values[i].value =
				MemoryContextStrdup(TopMemoryContext, value);
	}

	define_identity();
	define_timings();
	define_hook();
	define_log();
	MarkGUCPrefixReserved("pg_leader");
}

bool
config_enabled(void)
{
	return config_node_id >= 0;
}

/*-------------------------------------------------------------------------
 * Rules between values
 *-------------------------------------------------------------------------
 */

/*
 * A value that PostgreSQL refuses when a setting is defined costs no more
 * than a warning, and the default is used instead.  An election must not run
 * on settings that nobody chose, so check the value once more, fatally.
 */
static void
refuse_invalid_value(const GivenValue *given)
{
	if (given->value != NULL)
		(void) set_config_option(given->name, given->value,
								 PGC_POSTMASTER, PGC_S_ARGV, GUC_ACTION_SET,
								 false, FATAL, false);
}

/* The id and the list of nodes; fills in config_peers and config_fingerprint. */
static void
check_membership(void)
{
	char	   *detail;

	if (!peers_parse(config_cluster, &config_peers, &detail))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						"pg_leader.cluster", config_cluster),
				 errdetail_internal("%s", detail)));
	if (config_peers.count == 0)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pg_leader.node_id is %d, but pg_leader.cluster is empty",
						config_node_id),
				 errdetail("The node knows neither its own address nor its peers."),
				 errhint("Set pg_leader.cluster to the addresses of all nodes, such as " CLUSTER_EXAMPLE ", or pg_leader.node_id to -1 to switch pg_leader off.")));
	if (config_node_id >= config_peers.count)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pg_leader.node_id is %d, but there is no such node in pg_leader.cluster",
						config_node_id),
				 errdetail("The greatest id in the list is %d.",
						   config_peers.count - 1),
				 errhint("Set pg_leader.node_id to this node's place in the list, counted from 0.")));
	config_fingerprint = wire_fingerprint(config_peers.count,
										  config_cluster_name);
}

/*
 * A node sends to all its peers from one socket, and is known to them by that
 * socket's address, so all addresses must be of one kind.  Names can be
 * resolved to either.
 */
static void
check_address_families(void)
{
	PeerName	listen;
	char	   *detail;
	int			first = -1;
	int			own_family;
	int			listen_family;

	for (int i = 0; i < config_peers.count; i++)
	{
		int			family = peers_literal_family(&config_peers.peers[i]);

		if (family == AF_UNSPEC)
			continue;
		if (first < 0)
			first = i;
		if (family != peers_literal_family(&config_peers.peers[first]))
			ereport(FATAL,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pg_leader.cluster mixes IPv4 and IPv6 addresses"),
					 errdetail("Node %d is \"%s\", node %d is \"%s\"; nodes with addresses of two kinds cannot reach each other.",
							   first, config_peers.peers[first].host,
							   i, config_peers.peers[i].host),
					 errhint("Write all addresses in one kind, or use host names.")));
	}

	/* IPv6's wildcard takes IPv4 too. */
	if (config_listen_addresses[0] == '\0' ||
		strcmp(config_listen_addresses, "::") == 0 ||
		strcmp(config_listen_addresses, "[::]") == 0 ||
		!peers_parse_host(config_listen_addresses, listen.host, &detail))
		return;
	own_family = peers_literal_family(&config_peers.peers[config_node_id]);
	listen_family = peers_literal_family(&listen);
	if (own_family != AF_UNSPEC && listen_family != AF_UNSPEC &&
		own_family != listen_family)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pg_leader.listen_addresses does not fit this node's address in pg_leader.cluster"),
				 errdetail("One of \"%s\" and \"%s\" is an IPv4 address, the other an IPv6 address.",
						   config_listen_addresses,
						   config_peers.peers[config_node_id].host),
				 errhint("Set pg_leader.listen_addresses to an address of the same kind, or to \"*\".")));
}

/*
 * Load the secret, or see to it that none is needed.  The node's own entry
 * counts too, so that the same list gets the same verdict on every node; a
 * node that is alone talks to nobody.
 */
static void
check_authentication(void)
{
	if (config_secret_file[0] != '\0')
	{
		auth_load(config_secret_file);
		return;
	}
	if (config_allow_unauthenticated || config_peers.count < 2)
		return;
	for (int i = 0; i < config_peers.count; i++)
	{
		if (!peers_is_loopback(&config_peers.peers[i]))
			ereport(FATAL,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pg_leader needs a secret to talk to other hosts"),
					 errdetail("Node %d of pg_leader.cluster, \"%s\", is not on the loopback interface, and pg_leader.secret_file is not set; without a secret, whoever can send datagrams can forge votes.",
							   i, config_peers.peers[i].host),
					 errhint("Set pg_leader.secret_file to a file with at least %d bytes, the same on all nodes; or, on a network that nobody else can reach, set pg_leader.allow_unauthenticated to on.",
							 AUTH_SECRET_MIN_BYTES)));
	}
}

void
config_check_at_start(void)
{
	char	   *detail;
	char	   *hint;

	refuse_invalid_value(&given_values[0]);
	if (!config_enabled())
		return;
	for (int i = 1; i < lengthof(given_values); i++)
		refuse_invalid_value(&given_values[i]);

	check_membership();
	check_address_families();
	if (!config_read_timings(&start_timings, &detail, &hint))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the timings of pg_leader contradict each other"),
				 errdetail_internal("%s", detail),
				 errhint("%s", hint)));
	check_authentication();
}

bool
config_read_timings(RaftTimings *timings, char **detail, char **hint)
{
	const char *broken_rule;
	uint64		heartbeat_ns = config_heartbeat_interval_ms * NS_PER_MS;
	uint64		greatest_min_ns;

	memset(timings, 0, sizeof(*timings));
	timings->heartbeat_interval_ns = heartbeat_ns;
	timings->election_timeout_min_ns =
		config_election_timeout_min_ms * NS_PER_MS;
	timings->election_timeout_max_ns =
		config_election_timeout_max_ms * NS_PER_MS;
	timings->max_clock_drift_ppm = config_max_clock_drift_ppm;
	timings->priority = config_priority;

	broken_rule = raft_check_timings(timings);
	if (broken_rule == NULL)
		return true;

	greatest_min_ns = RAFT_MAX_PROMISE_NS + heartbeat_ns + heartbeat_ns / 2;
	*detail = psprintf("pg_leader.heartbeat_interval is %d ms, pg_leader.election_timeout_min %d ms, pg_leader.election_timeout_max %d ms, but %s.",
					   config_heartbeat_interval_ms,
					   config_election_timeout_min_ms,
					   config_election_timeout_max_ms,
					   broken_rule);
	*hint = psprintf("With this pg_leader.heartbeat_interval, set pg_leader.election_timeout_min to a value from %d ms to %d ms, and pg_leader.election_timeout_max to a greater one.",
					 config_heartbeat_interval_ms *
					 RAFT_MIN_HEARTBEATS_PER_TIMEOUT,
					 (int) (greatest_min_ns / NS_PER_MS));
	return false;
}

const RaftTimings *
config_start_timings(void)
{
	return &start_timings;
}
