/*-------------------------------------------------------------------------
 *
 * ctl_servers.c
 *		The servers that a connection string names.
 *
 * The rules are libpq's: what the string says comes first, then the service
 * file, then the environment.  Only host, hostaddr and port have to be known
 * here, to be taken apart; libpq itself finds the rest when it connects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "ctl_config.h"
#include "ctl_servers.h"
#include "pqexpbuffer.h"

/* Options that are another matter for one server than for a list of them. */
static const char *const per_server[] = {
	"host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts",
	NULL
};

/* Options that nobody should find in the output of a command. */
static const char *const secret[] = {"password", "sslpassword", NULL};

static bool
contains(const char *const *words, const char *word)
{
	for (; *words; words++)
	{
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

bool
ctl_servers_is_connection_string(const char *text)
{
	return strncmp(text, "postgresql://", strlen("postgresql://")) == 0 ||
		strncmp(text, "postgres://", strlen("postgres://")) == 0 ||
		strchr(text, '=') != NULL;
}

static PQconninfoOption *
find_option(PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
	{
		if (strcmp(options->keyword, keyword) == 0)
			return options;
	}
	return NULL;
}

/* A value, or NULL if there is none; libpq takes an empty one for none. */
static const char *
value_of(PQconninfoOption *options, const char *keyword)
{
	const PQconninfoOption *option = find_option(options, keyword);

	return option && option->val && option->val[0] ? option->val : NULL;
}

/* The connection string has the last word, as with psql. */
static void
set_unless_given(PQconninfoOption *options, const char *keyword, const char *value)
{
	PQconninfoOption *option = find_option(options, keyword);

	if (value && option && !option->val)
		option->val = pg_strdup(value); /* libpq frees it by free() */
}

/* The items of a list with commas, each of which may be empty. */
static char **
split(const char *list, int *count)
{
	char	  **items;
	const char *end;
	int			i = 0;

	*count = 0;
	if (!list)
		return NULL;
	*count = 1;
	for (end = list; *end; end++)
		*count += *end == ',';

	items = pg_malloc(*count * sizeof(char *));
	for (i = 0; i < *count; i++)
	{
		end = list + strcspn(list, ",");
		items[i] = pnstrdup(list, end - list);
		list = end + 1;
	}
	return items;
}

static void
free_items(char **items, int count)
{
	while (count > 0)
		pg_free(items[--count]);
	pg_free(items);
}

/* The item for server i; a list of one item is for all; NULL: none, or empty. */
static const char *
item_for(char **items, int count, int i)
{
	const char *item = count == 0 ? NULL : items[count == 1 ? 0 : i];

	return item && item[0] ? item : NULL;
}

static char *
make_name(const char *host, const char *port)
{
	/* only an IPv6 address has colons */
	return strchr(host, ':') && host[0] != '/' ?
		psprintf("[%s]:%s", host, port) : psprintf("%s:%s", host, port);
}

static void
fill(CtlServer *server, const char *host, const char *hostaddr, const char *port)
{
	const char *shown = hostaddr;

	if (!host && !hostaddr)
		host = DEFAULT_PGSOCKET_DIR[0] ? DEFAULT_PGSOCKET_DIR : "localhost";
	if (!port)
		port = DEF_PGPORT_STR;
	server->host = host ? pg_strdup(host) : NULL;
	server->hostaddr = hostaddr ? pg_strdup(hostaddr) : NULL;
	server->port = pg_strdup(port);
	if (host)
		shown = host;
	server->name = make_name(shown, port);
}

CtlServer *
ctl_servers_make(const char *host, const char *port)
{
	CtlServer  *server = pg_malloc0(sizeof(CtlServer));

	fill(server, host, NULL, port);
	return server;
}

void
ctl_servers_free(CtlServer *server)
{
	if (!server)
		return;
	pg_free(server->host);
	pg_free(server->hostaddr);
	pg_free(server->port);
	pg_free(server->name);
	pg_free(server);
}

/* Takes the lists apart; false with a message if their lengths do not match. */
static bool
make_list(CtlServers *servers, const char *host, const char *hostaddr,
		  const char *port, char **error)
{
	int			host_count,
				hostaddr_count,
				port_count;
	char	  **hosts = split(host, &host_count);
	char	  **hostaddrs = split(hostaddr, &hostaddr_count);
	char	  **ports = split(port, &port_count);
	int			count = Max(1, hostaddr_count > 0 ? hostaddr_count : host_count);
	int			i;

	if (hostaddr_count > 0 && host_count > 0 && host_count != count)
		*error = psprintf("could not match %d host names to %d hostaddr values",
						  host_count, count);
	else if (port_count > 1 && port_count != count)
		*error = psprintf("could not match %d port numbers to %d hosts",
						  port_count, count);
	else
	{
		servers->count = count;
		servers->list = pg_malloc0(count * sizeof(CtlServer));
		for (i = 0; i < count; i++)
			fill(&servers->list[i],
				 host_count > 0 && hosts[i][0] ? hosts[i] : NULL,
				 hostaddr_count > 0 && hostaddrs[i][0] ? hostaddrs[i] : NULL,
				 item_for(ports, port_count, i));
	}

	free_items(hosts, host_count);
	free_items(hostaddrs, hostaddr_count);
	free_items(ports, port_count);
	return servers->list != NULL;
}

/* The servers of a configuration file; false with a message if that fails. */
static bool
add_config(PQconninfoOption *options, const char *path, char **error)
{
	CtlConfigServers servers;

	if (value_of(options, "host") || value_of(options, "hostaddr") ||
		value_of(options, "port"))
	{
		*error = pg_strdup("a configuration file names all servers, so hosts and ports cannot be given");
		return false;
	}
	if (!ctl_config_read(path, &servers, error))
		return false;
	set_unless_given(options, "host", servers.hosts);
	set_unless_given(options, "port", servers.ports);

	/* The scripts' superuser, and where they create the extension. */
	if (!value_of(options, "service") && !getenv("PGSERVICE"))
	{
		if (!getenv("PGDATABASE"))
			set_unless_given(options, "dbname", "postgres");
		if (!getenv("PGUSER"))
			set_unless_given(options, "user", "postgres");
	}
	pg_free(servers.hosts);
	pg_free(servers.ports);
	return true;
}

/* What was said explicitly; NULL with a message if it cannot be understood. */
static PQconninfoOption *
read_explicit(const CtlConnectionArguments *arguments, char **error)
{
	bool		is_string = arguments->dbname &&
	ctl_servers_is_connection_string(arguments->dbname);
	char	   *message = NULL;
	PQconninfoOption *options;

	options = PQconninfoParse(is_string ? arguments->dbname : "", &message);
	if (!options)
	{
		*error = pg_strdup(message ? message : "out of memory");
		(*error)[strcspn(*error, "\n")] = '\0';
		PQfreemem(message);
		return NULL;
	}

	if (!is_string)
		set_unless_given(options, "dbname", arguments->dbname);
	set_unless_given(options, "host", arguments->host);
	set_unless_given(options, "port", arguments->port);
	set_unless_given(options, "user", arguments->user);
	if (arguments->config && !add_config(options, arguments->config, error))
	{
		PQconninfoFree(options);
		return NULL;
	}
	return options;
}

CtlServers *
ctl_servers_read(const CtlConnectionArguments *arguments, char **error)
{
	CtlServers *servers = pg_malloc0(sizeof(CtlServers));
	PQconninfoOption *options = read_explicit(arguments, error);
	PQconninfoOption *defaults = NULL;
	const char *service;
	const char *timeout;

	if (!options)
	{
		pg_free(servers);
		return NULL;
	}
	servers->options = options;

	/* libpq looks into the service file if this names one. */
	service = value_of(options, "service");
	if (service && setenv("PGSERVICE", service, 1) != 0)
		*error = psprintf("could not set an environment variable: %m");
	else
		defaults = PQconndefaults();
	if (!defaults)
	{
		if (!*error)
			*error = pg_strdup("out of memory");
	}
	else
	{
#define VALUE(keyword) \
	(value_of(options, keyword) ? value_of(options, keyword) : \
	 value_of(defaults, keyword))

		timeout = VALUE("connect_timeout");
		servers->connect_timeout_s = timeout ? Max(0, strtol(timeout, NULL, 10)) : 0;
		servers->hostaddr_elsewhere = value_of(defaults, "hostaddr") != NULL;
		(void) make_list(servers, VALUE("host"), VALUE("hostaddr"),
						 VALUE("port"), error);
#undef VALUE

		/* libpq would take it for a server of which none is given */
		(void) unsetenv("PGHOSTADDR");
		PQconninfoFree(defaults);
	}

	if (servers->list)
		return servers;
	PQconninfoFree(options);
	pg_free(servers);
	return NULL;
}

PGconn *
ctl_servers_connect(const CtlServers *servers, const CtlServer *server,
					const char *hostaddr)
{
	const PQconninfoOption *option;
	const char **keywords;
	const char **values;
	char	   *hosts = NULL;
	int			count = 0;
	PGconn	   *connection;

	for (option = servers->options; option->keyword; option++)
		count++;
	keywords = pg_malloc0((count + 8) * sizeof(char *));
	values = pg_malloc0((count + 8) * sizeof(char *));
	count = 0;

#define ADD(keyword, value) \
	(keywords[count] = (keyword), values[count] = (value), count++)

	/* The user may say otherwise, for what it is worth. */
	ADD("fallback_application_name", "pg_leaderctl");
	for (option = servers->options; option->keyword; option++)
	{
		if (option->val && !contains(per_server, option->keyword))
			ADD(option->keyword, option->val);
	}

	if (hostaddr && server->host)
	{
		/* a name for each of the addresses */
		PQExpBuffer list = createPQExpBuffer();
		const char *comma = hostaddr;

		appendPQExpBufferStr(list, server->host);
		while ((comma = strchr(comma, ',')) != NULL)
		{
			appendPQExpBuffer(list, ",%s", server->host);
			comma++;
		}
		hosts = pg_strdup(list->data);
		destroyPQExpBuffer(list);
	}
	ADD("host", hosts ? hosts : server->host);
	ADD("hostaddr", hostaddr ? hostaddr : server->hostaddr);
	ADD("port", server->port);
	ADD("target_session_attrs", "any");
	ADD("client_encoding", "UTF8");
#undef ADD

	connection = PQconnectStartParams(keywords, values, 0);
	pg_free(hosts);
	pg_free(keywords);
	pg_free(values);
	return connection;
}

static void
append_option(PQExpBuffer string, const char *keyword, const char *value)
{
	const char *c;
	bool		plain = value[0] != '\0';

	for (c = value; *c; c++)
		plain = plain && *c != '\'' && *c != '\\' &&
			!isspace((unsigned char) *c);

	if (string->len > 0)
		appendPQExpBufferChar(string, ' ');
	appendPQExpBuffer(string, "%s=", keyword);
	if (plain)
	{
		appendPQExpBufferStr(string, value);
		return;
	}
	appendPQExpBufferChar(string, '\'');
	for (c = value; *c; c++)
	{
		if (*c == '\'' || *c == '\\')
			appendPQExpBufferChar(string, '\\');
		appendPQExpBufferChar(string, *c);
	}
	appendPQExpBufferChar(string, '\'');
}

char *
ctl_servers_connection_string(const CtlServers *servers, const CtlServer *server)
{
	const PQconninfoOption *option;
	PQExpBuffer string = createPQExpBuffer();
	char	   *result;

	if (server->host)
		append_option(string, "host", server->host);
	if (server->hostaddr)
		append_option(string, "hostaddr", server->hostaddr);
	else if (servers->hostaddr_elsewhere)
		append_option(string, "hostaddr", "");	/* that one is not meant */
	append_option(string, "port", server->port);
	for (option = servers->options; option->keyword; option++)
	{
		if (option->val && !contains(per_server, option->keyword) &&
			!contains(secret, option->keyword))
			append_option(string, option->keyword, option->val);
	}
	result = pg_strdup(string->data);
	destroyPQExpBuffer(string);
	return result;
}
