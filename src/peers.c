/*-------------------------------------------------------------------------
 *
 * peers.c
 *		Lists of peers: parse, resolve, compare; and the UDP sockets.
 *
 * Used by the postmaster (parsing), the launcher (resolving), receiver and
 * sender (comparing, sockets) and by backends (formatting).  No locks, no
 * state.
 *
 * What passes the parser consists of characters that are safe in a log, in a
 * view and in a shell: letters, digits and '.', '-', '_', ':', '%'.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "peers.h"

/*
 * Wanted size of the kernel's receive buffer: at 128 nodes, some seconds of
 * heartbeats for a process that was not scheduled.  Best effort: the system
 * caps it (net.core.rmem_max).
 */
#define RECEIVE_BUFFER_BYTES	(1024 * 1024)

/* An item of a list, between two commas, without the blanks around it. */
typedef struct Item
{
	const char *start;
	int			length;
	int			number;			/* from 1 */
} Item;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* isalnum() depends on the locale, the wire and the shell do not. */
static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9');
}

/*
 * Is this an address literal, not a host name?  Fills in the address, without
 * port and without the scope that an IPv6 literal may name after a '%'.
 */
static bool
parse_literal(const char *host, PeerAddress *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *) &address->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &address->address;
	char		bare[PEER_HOST_MAX + 1];
	char	   *scope;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
	{
		v4->sin_family = AF_INET;
		address->length = sizeof(*v4);
		return true;
	}

	strlcpy(bare, host, sizeof(bare));
	scope = strchr(bare, '%');
	if (scope != NULL)
		*scope = '\0';
	if (inet_pton(AF_INET6, bare, &v6->sin6_addr) == 1)
	{
		v6->sin6_family = AF_INET6;
		address->length = sizeof(*v6);
		return true;
	}
	return false;
}

/*
 * The rule that a host, as written without brackets, breaks: a phrase to
 * follow "in which"; NULL if it breaks none.
 */
static const char *
find_host_fault(const char *host, bool bracketed)
{
	PeerAddress literal;
	size_t		length = strlen(host);
	bool		only_digits = true;

	if (length == 0)
		return "the host is empty";

	if (bracketed)
	{
		const char *scope = strchr(host, '%');

		if (!parse_literal(host, &literal) ||
			literal.address.ss_family != AF_INET6)
			return "the brackets do not hold an IPv6 address";
		if (scope != NULL && scope[1] == '\0')
			return "the scope after the percent sign is empty";
		for (const char *c = scope; c != NULL && *c != '\0'; c++)
		{
			if (!is_alphanumeric(*c) && strchr("%.-_", *c) == NULL)
				return "the scope of the IPv6 address has a character other than letters, digits, \".\", \"-\" and \"_\"";
		}
		return NULL;
	}

	for (const char *c = host; *c != '\0'; c++)
	{
		if (!is_alphanumeric(*c) && strchr(".-_", *c) == NULL)
			return "the host has a character other than letters, digits, \".\", \"-\" and \"_\"";
		if (!(*c >= '0' && *c <= '9') && *c != '.')
			only_digits = false;
	}

	/*
	 * No top-level domain is a number, so this can only be a mistyped
	 * address.  The resolver would take "10.1" for 10.0.0.1.
	 */
	if (only_digits && !parse_literal(host, &literal))
		return "the host is neither a name nor a complete IPv4 address";
	if (host[0] == '.' || host[0] == '-' || strstr(host, "..") != NULL)
		return "the host name has an empty part, or begins with \"-\"";
	return NULL;
}

/* Parse a port; the rule that it breaks, or NULL. */
static const char *
parse_port(const char *text, int length, uint16 *port)
{
	int			value = 0;

	if (length == 0)
		return "the port is missing";
	for (int i = 0; i < length; i++)
	{
		if (!(text[i] >= '0' && text[i] <= '9'))
			return "the port is not a number";
		value = value * 10 + (text[i] - '0');
		if (value > 65535)
			return "the port is outside 1 to 65535";
	}
	if (value == 0)
		return "the port is outside 1 to 65535";
	*port = (uint16) value;
	return NULL;
}

/*
 * Parse "host:port" or "[v6]:port", which is not empty; the rule that it
 * breaks, or NULL.
 */
static const char *
parse_item(const Item *item, PeerName *name)
{
	const char *end = item->start + item->length;
	const char *host = item->start;
	const char *host_end;
	const char *port;
	bool		bracketed = (item->start[0] == '[');
	const char *fault;

	if (bracketed)
	{
		host++;
		host_end = memchr(host, ']', end - host);
		if (host_end == NULL)
			return "the closing bracket of the IPv6 address is missing";
		port = host_end + 1;
		if (port == end)
			return "the port is missing";
		if (*port != ':')
			return "the closing bracket is not followed by a colon and a port";
		port++;
	}
	else
	{
		host_end = memchr(host, ':', end - host);
		if (host_end == NULL)
			return "the port is missing";
		port = host_end + 1;
		if (memchr(port, ':', end - port) != NULL)
			return "there is more than one colon, and an IPv6 address must be written in brackets";
	}

	if (host_end - host > PEER_HOST_MAX)
		return "the host is longer than 253 characters";
	memset(name, 0, sizeof(*name));
	memcpy(name->host, host, host_end - host);
	fault = find_host_fault(name->host, bracketed);
	if (fault != NULL)
		return fault;
	return parse_port(port, end - port, &name->port);
}

/* Do two peers have the same host, as far as one can tell without resolving? */
static bool
is_same_name(const PeerName *left, const PeerName *right)
{
	PeerAddress left_literal;
	PeerAddress right_literal;

	if (pg_strcasecmp(left->host, right->host) == 0)
		return true;

	/* With scopes, the same address may be on two links. */
	return strchr(left->host, '%') == NULL &&
		strchr(right->host, '%') == NULL &&
		parse_literal(left->host, &left_literal) &&
		parse_literal(right->host, &right_literal) &&
		peers_same_host(&left_literal, &right_literal);
}

bool
peers_parse(const char *value, PeerList *list, char **detail)
{
	const char *next = value;
	Item		item = {0};

	StaticAssertStmt(PEER_HOST_MAX == 253, "a message names the limit");

	list->count = 0;
	while (is_blank(*next))
		next++;
	if (*next == '\0')
		return true;

	for (;;)
	{
		const char *comma = next + strcspn(next, ",");
		PeerName   *name;
		const char *fault;

		item.start = next;
		item.length = comma - next;
		item.number++;
		while (item.length > 0 && is_blank(item.start[0]))
		{
			item.start++;
			item.length--;
		}
		while (item.length > 0 && is_blank(item.start[item.length - 1]))
			item.length--;

		if (list->count == RAFT_MAX_NODES)
		{
			*detail = psprintf("The list has more than %d items.",
							   RAFT_MAX_NODES);
			return false;
		}

		if (item.length == 0)
		{
			*detail = psprintf("Item %d of the list is empty.", item.number);
			return false;
		}

		name = &list->peers[list->count];
		fault = parse_item(&item, name);
		if (fault != NULL)
		{
			*detail = psprintf("Item %d of the list is \"%.*s\", in which %s.",
							   item.number, item.length, item.start, fault);
			return false;
		}
		for (int i = 0; i < list->count; i++)
		{
			if (list->peers[i].port == name->port &&
				is_same_name(&list->peers[i], name))
			{
				*detail = psprintf("Items %d and %d of the list are the same address, \"%.*s\".",
								   i + 1, item.number, item.length,
								   item.start);
				return false;
			}
		}
		list->count++;

		if (*comma == '\0')
			return true;
		next = comma + 1;
	}
}

bool
peers_parse_host(const char *value, char *host, char **detail)
{
	const char *fault;
	size_t		length = strlen(value);
	bool		bracketed = (length >= 2 && value[0] == '[' &&
							 value[length - 1] == ']');
	PeerAddress literal;

	if (bracketed)
	{
		value++;
		length -= 2;
	}
	if (length > PEER_HOST_MAX)
	{
		*detail = psprintf("The host is longer than %d characters.",
						   PEER_HOST_MAX);
		return false;
	}
	memcpy(host, value, length);
	host[length] = '\0';

	if (strcmp(host, PEER_HOST_ANY) == 0 && !bracketed)
		return true;

	/* There is no port here, so an IPv6 address needs no brackets. */
	if (!bracketed && strchr(host, ':') != NULL)
		bracketed = parse_literal(host, &literal);
	fault = find_host_fault(host, bracketed);
	if (fault != NULL)
	{
		*detail = psprintf("It is not an address to listen on: %s.", fault);
		return false;
	}
	return true;
}

/*
 * The wildcard address: IPv6's takes IPv4 too (peers_open_socket), so prefer
 * it where the system has IPv6.
 */
static void
set_any_address(int family, uint16 port, PeerAddress *address)
{
	if (family == AF_UNSPEC)
	{
		int			probe = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		family = (probe >= 0) ? AF_INET6 : AF_INET;
		if (probe >= 0)
			close(probe);
	}

	memset(address, 0, sizeof(*address));
	if (family == AF_INET6)
	{
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &address->address;

		v6->sin6_family = AF_INET6;
		v6->sin6_addr = in6addr_any;
		v6->sin6_port = htons(port);
		address->length = sizeof(*v6);
	}
	else
	{
		struct sockaddr_in *v4 = (struct sockaddr_in *) &address->address;

		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = htonl(INADDR_ANY);
		v4->sin_port = htons(port);
		address->length = sizeof(*v4);
	}
}

/*
 * The address as 16 bytes, IPv4 as v4-mapped IPv6, so that both kinds can be
 * compared.  *scope is 0 for none.
 */
static bool
map_address(const PeerAddress *address, struct in6_addr *mapped, uint32 *scope)
{
	*scope = 0;
	if (address->length == 0)
		return false;
	if (address->address.ss_family == AF_INET)
	{
		const struct sockaddr_in *v4 =
		(const struct sockaddr_in *) &address->address;

		memset(mapped, 0, sizeof(*mapped));
		mapped->s6_addr[10] = 0xff;
		mapped->s6_addr[11] = 0xff;
		memcpy(&mapped->s6_addr[12], &v4->sin_addr, 4);
		return true;
	}
	if (address->address.ss_family == AF_INET6)
	{
		const struct sockaddr_in6 *v6 =
		(const struct sockaddr_in6 *) &address->address;

		*mapped = v6->sin6_addr;
		*scope = v6->sin6_scope_id;
		return true;
	}
	return false;
}

/* Turn a v4-mapped IPv6 address into the IPv4 address that it is. */
static void
unmap_address(PeerAddress *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in *v4 = (struct sockaddr_in *) &address->address;

	if (address->length == 0 || address->address.ss_family != AF_INET6)
		return;
	memcpy(&v6, &address->address, sizeof(v6));
	if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return;

	memset(address, 0, sizeof(*address));
	v4->sin_family = AF_INET;
	v4->sin_port = v6.sin6_port;
	memcpy(&v4->sin_addr, &v6.sin6_addr.s6_addr[12], 4);
	address->length = sizeof(*v4);
}

bool
peers_resolve(const PeerName *name, int family, PeerAddress *address,
			  const char **problem)
{
	struct addrinfo hints = {0};
	struct addrinfo *found = NULL;
	char		service[8];
	int			status;

	if (strcmp(name->host, PEER_HOST_ANY) == 0)
	{
		set_any_address(family, name->port, address);
		return true;
	}

	snprintf(service, sizeof(service), "%u", name->port);
	hints.ai_family = family;
	hints.ai_socktype = SOCK_DGRAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;

	/* A literal needs no resolver, which may be slow or away. */
	status = getaddrinfo(name->host, service, &hints, &found);
	if (status == EAI_NONAME)
	{
		hints.ai_flags = AI_NUMERICSERV;
		status = getaddrinfo(name->host, service, &hints, &found);
	}
	if (status != 0)
	{
		memset(address, 0, sizeof(*address));
		*problem = (status == EAI_SYSTEM) ? strerror(errno) :
			gai_strerror(status);
		return false;
	}

	memset(address, 0, sizeof(*address));
	memcpy(&address->address, found->ai_addr, found->ai_addrlen);
	address->length = found->ai_addrlen;
	freeaddrinfo(found);

	/* A socket of IPv4 cannot send to the mapped form. */
	if (family != AF_INET6)
		unmap_address(address);
	return true;
}

bool
peers_same_host(const PeerAddress *left, const PeerAddress *right)
{
	struct in6_addr left_mapped;
	struct in6_addr right_mapped;
	uint32		left_scope;
	uint32		right_scope;

	if (!map_address(left, &left_mapped, &left_scope) ||
		!map_address(right, &right_mapped, &right_scope))
		return false;
	if (memcmp(&left_mapped, &right_mapped, sizeof(left_mapped)) != 0)
		return false;

	/* Only link-local addresses have a scope; a side may not know it. */
	return left_scope == right_scope || left_scope == 0 || right_scope == 0;
}

bool
peers_is_loopback(const PeerName *name)
{
	PeerAddress literal;
	struct in6_addr mapped;
	uint32		scope;

	if (pg_strcasecmp(name->host, "localhost") == 0)
		return true;
	if (!parse_literal(name->host, &literal) ||
		!map_address(&literal, &mapped, &scope))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&mapped))
		return mapped.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&mapped);
}

int
peers_literal_family(const PeerName *name)
{
	PeerAddress literal;

	if (!parse_literal(name->host, &literal))
		return AF_UNSPEC;
	unmap_address(&literal);
	return literal.address.ss_family;
}

const char *
peers_format_address(const PeerAddress *address, char *buffer, size_t size)
{
	PeerAddress plain = *address;
	char		host[NI_MAXHOST];
	char		service[NI_MAXSERV];

	unmap_address(&plain);
	if (plain.length == 0 ||
		getnameinfo((struct sockaddr *) &plain.address, plain.length,
					host, sizeof(host), service, sizeof(service),
					NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM) != 0)
		strlcpy(buffer, "(no address)", size);
	else if (plain.address.ss_family == AF_INET6)
		snprintf(buffer, size, "[%s]:%s", host, service);
	else
		snprintf(buffer, size, "%s:%s", host, service);
	return buffer;
}

int
peers_open_socket(const PeerAddress *address, uint16 port)
{
	PeerAddress local = *address;
	char		text[NI_MAXHOST + NI_MAXSERV + 4];
	int			receive_buffer = RECEIVE_BUFFER_BYTES;
	int			sock;

	if (local.address.ss_family == AF_INET6)
		((struct sockaddr_in6 *) &local.address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *) &local.address)->sin_port = htons(port);

	sock = socket(local.address.ss_family,
				  SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not create UDP socket for address \"%s\": %m",
						peers_format_address(&local, text, sizeof(text)))));

	/* Let the wildcard address take IPv4 too, whatever the system's default. */
	if (local.address.ss_family == AF_INET6)
	{
		int			v6_only = 0;

		(void) setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only,
						  sizeof(v6_only));
	}
	(void) setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
					  sizeof(receive_buffer));

	if (bind(sock, (struct sockaddr *) &local.address, local.length) < 0)
	{
		int			bind_errno = errno;

		close(sock);
		errno = bind_errno;
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not bind UDP address \"%s\": %m",
						peers_format_address(&local, text, sizeof(text))),
				 bind_errno == EADDRINUSE ?
				 errhint("Is another server with the same pg_leader.node_id running on this host?  If not, wait a few seconds and retry.") :
				 bind_errno == EADDRNOTAVAIL ?
				 errhint("The address does not belong to this host.  Check pg_leader.node_id and pg_leader.cluster, or set pg_leader.listen_addresses to an address of this host.") :
				 0));
	}
	return sock;
}
