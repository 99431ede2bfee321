/*-------------------------------------------------------------------------
 *
 * peers.h
 *		Lists of peers ("host:port, host:port, ..."): parse, resolve, compare;
 *		and the UDP sockets that reach them.
 *
 * Pure helpers without state of their own.  Resolving may block for as long
 * as the system's resolver likes: only the launcher does it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_PEERS_H
#define PG_LEADER_PEERS_H

#include <sys/socket.h>

#include "raft/raft.h"

/* Longest host name or address literal, without the terminating null. */
#define PEER_HOST_MAX	253

/* As PeerName.host, where to listen: every address of this host. */
#define PEER_HOST_ANY	"*"

typedef struct PeerName
{
	char		host[PEER_HOST_MAX + 1];	/* as written, without brackets */
	uint16		port;			/* UDP, 1 ... 65535 */
} PeerName;

typedef struct PeerList
{
	int			count;			/* 0 ... RAFT_MAX_NODES; index is node id */
	PeerName	peers[RAFT_MAX_NODES];
} PeerList;

/* An IPv4 or IPv6 address with port. */
typedef struct PeerAddress
{
	struct sockaddr_storage address;
	socklen_t	length;			/* 0: not resolved */
} PeerAddress;

/*
 * Parse "host:port, [v6]:port, ...".  On failure returns false and stores in
 * *detail a sentence, palloc'd, that names the item and the rule.
 */
extern bool peers_parse(const char *value, PeerList *list, char **detail);

/*
 * Parse a host without a port: a name, an address literal (IPv6 with or
 * without brackets) or PEER_HOST_ANY.  host has PEER_HOST_MAX + 1 bytes.  On
 * failure returns false and stores in *detail a sentence, palloc'd, that
 * names the rule.
 */
extern bool peers_parse_host(const char *value, char *host, char **detail);

/*
 * Resolve one peer, first address that fits.  family AF_UNSPEC takes either
 * kind; PEER_HOST_ANY is then IPv6's wildcard if the system has IPv6, which
 * takes IPv4 as well.  Unless family is AF_INET6, a v4-mapped address becomes
 * the IPv4 address that it is.  On failure returns false and stores in *problem what
 * the resolver said (valid until the next call of strerror()).  May block,
 * but not if the host is an address literal.
 */
extern bool peers_resolve(const PeerName *name, int family,
						  PeerAddress *address, const char **problem);

/* Same IP address?  Ports play no part; v4-mapped IPv6 equals its IPv4. */
extern bool peers_same_host(const PeerAddress *left, const PeerAddress *right);

/* Is the name an address literal of the loopback range, or "localhost"? */
extern bool peers_is_loopback(const PeerName *name);

/*
 * AF_INET or AF_INET6 if the name is an address literal (v4-mapped IPv6 is
 * AF_INET), AF_UNSPEC if it is a host name.
 */
extern int	peers_literal_family(const PeerName *name);

/* "192.0.2.1:5433" or "[2001:db8::1]:5433"; returns buffer. */
extern const char *peers_format_address(const PeerAddress *address,
										char *buffer, size_t size);

/*
 * A non-blocking, close-on-exec UDP socket bound to the address; port 0
 * leaves the port to the system.  ereport(ERROR)s on failure, with a hint if
 * the address is in use or not this host's.
 */
extern int	peers_open_socket(const PeerAddress *address, uint16 port);

#endif							/* PG_LEADER_PEERS_H */
