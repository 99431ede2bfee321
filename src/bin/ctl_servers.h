/*-------------------------------------------------------------------------
 *
 * ctl_servers.h
 *		The servers that a connection string names.
 *
 * libpq takes several hosts for alternatives, and connects to the first that
 * will do.  Here they are all of a cluster's nodes, each to be asked: so the
 * lists are taken apart, and what else the string says holds for all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_SERVERS_H
#define CTL_SERVERS_H

#include "libpq-fe.h"

/* One place to connect to. */
typedef struct CtlServer
{
	char	   *host;			/* name, address or socket directory; NULL:
								 * only hostaddr is given */
	char	   *hostaddr;		/* NULL: not given */
	char	   *port;			/* never NULL */
	char	   *name;			/* "host:port", to be shown */
} CtlServer;

/* What the user has said of connections. */
typedef struct CtlServers
{
	PQconninfoOption *options;	/* all that was said explicitly */
	CtlServer  *list;
	int			count;			/* at least 1 */
	int			connect_timeout_s;	/* 0: not given */
	bool		hostaddr_elsewhere; /* environment or service file have one */
} CtlServers;

/* Options of the command line; each may be NULL. */
typedef struct CtlConnectionArguments
{
	const char *dbname;			/* a connection string, or a database's name */
	const char *host;			/* may be a list, as port */
	const char *port;
	const char *user;
	const char *config;			/* a file of the scripts that names the
								 * servers */
} CtlConnectionArguments;

extern bool ctl_servers_is_connection_string(const char *text);

/*
 * Puts together what command line, environment and service file say.  Returns
 * NULL and a message (to be freed by the caller) if that contradicts itself.
 */
extern CtlServers *ctl_servers_read(const CtlConnectionArguments *arguments,
									char **error);

/*
 * Begins to connect to one server.  hostaddr is what its host was resolved to,
 * perhaps a list; NULL if there was nothing to resolve.
 */
extern PGconn *ctl_servers_connect(const CtlServers *servers,
								   const CtlServer *server,
								   const char *hostaddr);

/*
 * A connection string of one server, with what was said explicitly, except
 * for passwords.  The caller frees it.
 */
extern char *ctl_servers_connection_string(const CtlServers *servers,
										   const CtlServer *server);

/* A server that was not in the connection string; copies its arguments. */
extern CtlServer *ctl_servers_make(const char *host, const char *port);
extern void ctl_servers_free(CtlServer *server);

#endif							/* CTL_SERVERS_H */
