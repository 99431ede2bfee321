/*-------------------------------------------------------------------------
 *
 * ctl_config.c
 *		Reads the scripts' configuration file, config/pg_leader.config.
 *
 * The rules are those of script/lib/config.sh: the file is data, never run,
 * and what is not understood is an error, lest it mean one thing there and
 * another here.  A setting that is not there, or empty, has its default.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "ctl_config.h"
#include "pqexpbuffer.h"

#define NODES_MAX		128
#define PORT_MIN		1024
#define PORT_MAX		49151
#define STAND_PORT_MIN	7400

/* The settings that are needed to find the servers. */
typedef enum Setting
{
	SETTING_N_NODES,
	SETTING_CLUSTER,
	SETTING_NETWORK,
	SETTING_PORT_START,
	SETTING_PATHNAME_PREFIX
} Setting;

#define SETTING_COUNT (SETTING_PATHNAME_PREFIX + 1)

static const struct
{
	const char *name;
	const char *value;			/* the default */
}			settings[SETTING_COUNT] =

{
	[SETTING_N_NODES] = {"N_NODES", "5"},
	[SETTING_CLUSTER] = {"IPv4_CLUSTER", ""},
	[SETTING_NETWORK] = {"NETWORK", "192.168.10"},
	[SETTING_PORT_START] = {"PGLD_PORT_START", "5440"},
	[SETTING_PATHNAME_PREFIX] = {"PGLD_DB_PATHNAME_PREFIX",
	"/var/tmp/pg_leader/node"},
};

static const char *const other_settings[] = {
	"ENABLE_LOG", "PGLD_BRIDGE", "PGLD_ELECTION_TIMEOUT_MAX",
	"PGLD_ELECTION_TIMEOUT_MIN", "PGLD_HEARTBEAT_INTERVAL",
	"PGLD_INTERFACE_PREFIX", "PGLD_ON_LEADER_CHANGE", "PGLD_SECRET_FILE",
	"PGLD_USER",
};

typedef struct Reader
{
	const char *path;
	int			line;			/* 0: the file as a whole */
	char	   *error;			/* NULL: none yet */
	char	   *values[SETTING_COUNT];	/* NULL: the default */
	int			lines[SETTING_COUNT];	/* where they were */
} Reader;

static void fail(Reader *reader, const char *format,...) pg_attribute_printf(2, 3);

/* The first error is kept. */
static void
fail(Reader *reader, const char *format,...)
{
	char		where[32] = "";
	char		reason[1024];
	va_list		arguments;

	if (reader->error)
		return;
	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	if (reader->line > 0)
		snprintf(where, sizeof(where), ", line %d", reader->line);
	reader->error = psprintf("configuration file \"%s\"%s: %s", reader->path,
							 where, reason);
}

/* --- lines ---------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
keep(Reader *reader, const char *name, const char *value)
{
	int			i;

	for (i = 0; i < SETTING_COUNT; i++)
	{
		if (strcmp(name, settings[i].name) == 0)
		{
			pg_free(reader->values[i]);
			reader->values[i] = pg_strdup(value);
			reader->lines[i] = reader->line;
			return;
		}
	}
	for (i = 0; i < lengthof(other_settings); i++)
	{
		if (strcmp(name, other_settings[i]) == 0)
			return;
	}
	fail(reader, "there is no setting \"%s\"", name);
}

/* Finds name and value in a line; false: there are none, or not only these. */
static bool
take_apart(const char *line, char **name, char **value, char *quote)
{
	const char *end = line;

	if (isdigit((unsigned char) *end))
		return false;
	while (isalnum((unsigned char) *end) || *end == '_')
		end++;
	if (end == line || *end != '=')
		return false;
	*name = pnstrdup(line, end - line);

	line = end + 1;
	*quote = *line == '"' || *line == '\'' ? *line : '\0';
	if (*quote)
	{
		end = strchr(++line, *quote);
		*value = end ? pnstrdup(line, end - line) : NULL;
		if (!end)
			return false;
		end++;
	}
	else
	{
		end = line + strcspn(line, " \t#\"'");
		*value = pnstrdup(line, end - line);
	}

	while (is_blank(*end))
		end++;
	return *end == '\0' || *end == '#';
}

static void
read_line(Reader *reader, const char *line)
{
	char	   *name = NULL;
	char	   *value = NULL;
	char		quote;

	while (is_blank(*line))
		line++;
	if (*line == '\0' || *line == '#')
		return;

	if (!take_apart(line, &name, &value, &quote))
		fail(reader, "not of the form NAME=value, NAME=\"value\" or NAME='value'");
	else if (quote != '\'' && value[strcspn(value, "$`\\")] != '\0')
		fail(reader, "\"$\", \"`\" and \"\\\" stand for themselves only between single quotes");
	else
		keep(reader, name, value);
	pg_free(name);
	pg_free(value);
}

static void
read_lines(Reader *reader, char *text)
{
	while (*text && !reader->error)
	{
		size_t		length = strcspn(text, "\n");
		char	   *next = text + length + (text[length] == '\n');

		text[length] = '\0';
		if (length > 0 && text[length - 1] == '\r')
			text[length - 1] = '\0';
		reader->line++;
		read_line(reader, text);
		text = next;
	}
}

/* --- what they mean ------------------------------------------------------- */

/* A setting's value; errors that follow are about its line. */
static const char *
value_of(Reader *reader, Setting setting)
{
	reader->line = reader->lines[setting];
	return reader->values[setting] ? reader->values[setting] :
		settings[setting].value;
}

/* A number that ends where the text does; -1: it is none, or out of range. */
static int
read_number(const char *text, int minimum, int maximum)
{
	char	   *end;
	long		number;

	if (!isdigit((unsigned char) text[0]))
		return -1;
	errno = 0;
	number = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 && number >= minimum && number <= maximum ?
		(int) number : -1;
}

static int
number_of(Reader *reader, Setting setting, int minimum, int maximum)
{
	const char *text = value_of(reader, setting);
	int			number = read_number(text, minimum, maximum);

	if (number < 0)
		fail(reader, "%s is \"%s\", but has to be a number from %d to %d",
			 settings[setting].name, text, minimum, maximum);
	return number;
}

/* The address in "address:port"; NULL: that is not what it says. */
static char *
read_address(const char *item, size_t length)
{
	char	   *copy = pnstrdup(item, length);
	char	   *colon = strrchr(copy, ':');
	struct in_addr address;

	if (colon)
	{
		*colon = '\0';
		if (inet_pton(AF_INET, copy, &address) == 1 &&
			read_number(colon + 1, PORT_MIN, PORT_MAX) > 0)
			return copy;
	}
	pg_free(copy);
	return NULL;
}

/* The addresses that IPv4_CLUSTER names, at most as many; returns how many. */
static int
read_cluster(Reader *reader, char **addresses, int count)
{
	const char *item = value_of(reader, SETTING_CLUSTER);
	const char *network;
	int			listed = 0;

	if (*item == '\0')
	{
		network = value_of(reader, SETTING_NETWORK);
		for (; listed < count; listed++)
		{
			char	   *name = psprintf("%s.%d:%d", network, 10 + listed,
										STAND_PORT_MIN + listed);

			addresses[listed] = read_address(name, strlen(name));
			pg_free(name);
			if (!addresses[listed])
				fail(reader, "%s is \"%s\", but has to be the first three numbers of an IPv4 network",
					 settings[SETTING_NETWORK].name, network);
		}
		return listed;
	}

	for (;;)
	{
		size_t		length = strcspn(item, ",");
		size_t		used = length;
		char	   *address;

		while (used > 0 && is_blank(*item))
			item++, used--, length--;
		while (used > 0 && is_blank(item[used - 1]))
			used--;
		address = read_address(item, used);
		if (!address)
			fail(reader, "%s has \"%.*s\" for node %d, but has to have an IPv4 address and a port from %d to %d",
				 settings[SETTING_CLUSTER].name, (int) used, item, listed,
				 PORT_MIN, PORT_MAX);
		if (listed < count)
			addresses[listed] = address;
		else
			pg_free(address);
		listed++;
		item += length;
		if (*item++ == '\0')
			return listed;
	}
}

/* The test stand's addresses are those of NETWORK, in turn. */
static bool
is_stand(Reader *reader, char *const *addresses, int count)
{
	const char *network = value_of(reader, SETTING_NETWORK);
	bool		same = true;
	int			i;

	for (i = 0; i < count && same; i++)
	{
		char	   *address = psprintf("%s.%d", network, 10 + i);

		same = strcmp(address, addresses[i]) == 0;
		pg_free(address);
	}
	return same;
}

/*
 * A node on this host is asked by its Unix socket, for which nobody needs a
 * password.  Nothing else leads to a node of the test stand.
 */
static void
append_host(PQExpBuffer hosts, const char *prefix, int id, const char *address,
			bool on_stand)
{
	char	   *directory = psprintf("%s%d.socket", prefix, id);

	if (id > 0)
		appendPQExpBufferChar(hosts, ',');
	appendPQExpBufferStr(hosts, on_stand || access(directory, X_OK) == 0 ?
						 directory : address);
	pg_free(directory);
}

static void
list_servers(Reader *reader, PQExpBuffer hosts, PQExpBuffer ports)
{
	char	   *addresses[NODES_MAX] = {NULL};
	int			count = number_of(reader, SETTING_N_NODES, 1, NODES_MAX);
	int			first_port = 0;
	int			listed = 0;
	const char *prefix;
	bool		on_stand;
	int			i;

	if (!reader->error)
		first_port = number_of(reader, SETTING_PORT_START, PORT_MIN,
							   PORT_MAX - count + 1);
	if (!reader->error)
		listed = read_cluster(reader, addresses, count);
	if (!reader->error && listed != count)
		fail(reader, "%s has %d addresses, but %s is %d",
			 settings[SETTING_CLUSTER].name, listed,
			 settings[SETTING_N_NODES].name, count);

	prefix = value_of(reader, SETTING_PATHNAME_PREFIX);
	if (prefix[0] != '/' || strchr(prefix, ','))
		fail(reader, "%s is \"%s\", but has to be an absolute path without commas",
			 settings[SETTING_PATHNAME_PREFIX].name, prefix);
	on_stand = !reader->error && is_stand(reader, addresses, count);
	for (i = 0; i < count && !reader->error; i++)
	{
		append_host(hosts, prefix, i, addresses[i], on_stand);
		appendPQExpBuffer(ports, "%s%d", i > 0 ? "," : "", first_port + i);
	}
	for (i = 0; i < NODES_MAX; i++)
		pg_free(addresses[i]);
}

/* The whole file; NULL with a message if that cannot be read. */
static char *
read_file(Reader *reader)
{
	FILE	   *file = fopen(reader->path, "r");
	PQExpBuffer text;
	char		piece[4096];
	size_t		length;
	char	   *result = NULL;

	if (!file)
	{
		reader->error = psprintf("could not open configuration file \"%s\": %m",
								 reader->path);
		return NULL;
	}

	text = createPQExpBuffer();
	while ((length = fread(piece, 1, sizeof(piece), file)) > 0)
		appendBinaryPQExpBuffer(text, piece, length);
	if (ferror(file))
		reader->error = psprintf("could not read configuration file \"%s\": %m",
								 reader->path);
	else if (strlen(text->data) != text->len)
		fail(reader, "this is no text");
	else
		result = pg_strdup(text->data);
	fclose(file);
	destroyPQExpBuffer(text);
	return result;
}

bool
ctl_config_read(const char *path, CtlConfigServers *servers, char **error)
{
	Reader		reader = {.path = path};
	char	   *text = read_file(&reader);
	PQExpBuffer hosts = createPQExpBuffer();
	PQExpBuffer ports = createPQExpBuffer();
	int			i;

	if (text)
	{
		read_lines(&reader, text);
		if (!reader.error)
			list_servers(&reader, hosts, ports);
	}
	if (reader.error)
		*error = reader.error;
	else
	{
		servers->hosts = pg_strdup(hosts->data);
		servers->ports = pg_strdup(ports->data);
	}

	for (i = 0; i < SETTING_COUNT; i++)
		pg_free(reader.values[i]);
	destroyPQExpBuffer(hosts);
	destroyPQExpBuffer(ports);
	pg_free(text);
	return reader.error == NULL;
}
