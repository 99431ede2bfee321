/*-------------------------------------------------------------------------
 *
 * test_peers.c
 *		Unit tests of the lists of peers, their addresses and sockets.
 *
 * If this broke, a node could send to the wrong host, drop the datagrams of a
 * peer whose address is written otherwise, or take a host on the network for
 * its own loopback and go without a secret.
 *
 * Runs without a server: what ereport() calls is below.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "peers.h"

/* ereport(ERROR) comes back here; the hint is kept. */
static sigjmp_buf error_seen;
static char error_hint[512];

bool
errstart(int elevel, const char *domain)
{
	assert_int_equal(elevel, ERROR);
	error_hint[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode_for_socket_access(void)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	return 0;
}

int
errhint(const char *fmt,...)
{
	strlcpy(error_hint, fmt, sizeof(error_hint));
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(error_seen, 1);
}

static PeerList list;

static void
assert_refused(const char *value, const char *detail_part)
{
	char	   *detail = NULL;

	if (peers_parse(value, &list, &detail))
		fail_msg("\"%s\" was accepted", value);
	if (strstr(detail, detail_part) == NULL)
		fail_msg("\"%s\" said: %s", value, detail);
	pfree(detail);
}

static void
assert_accepted(const char *value, int count)
{
	char	   *detail = NULL;

	if (!peers_parse(value, &list, &detail))
		fail_msg("\"%s\" was refused: %s", value, detail);
	assert_int_equal(list.count, count);
}

static PeerAddress
resolve_as(const char *host, uint16 port, int family)
{
	PeerName	name = {.port = port};
	PeerAddress address;
	const char *problem = NULL;

	strlcpy(name.host, host, sizeof(name.host));
	if (!peers_resolve(&name, family, &address, &problem))
		fail_msg("\"%s\": %s", host, problem);
	return address;
}

static PeerAddress
resolve(const char *host, uint16 port)
{
	return resolve_as(host, port, AF_UNSPEC);
}

static void
assert_formatted(const PeerAddress *address, const char *expected)
{
	char		buffer[128];

	assert_string_equal(peers_format_address(address, buffer, sizeof(buffer)),
						expected);
}

static void
test_list_gives_hosts_and_ports_in_order(void **state)
{
	assert_accepted("a.example:1, 192.0.2.7:65535 ,\t[2001:db8::1]:5433,\n"
					"[fe80::1%eth0.5]:9,under_score-1:00080", 5);
	assert_string_equal(list.peers[0].host, "a.example");
	assert_int_equal(list.peers[0].port, 1);
	assert_string_equal(list.peers[1].host, "192.0.2.7");
	assert_int_equal(list.peers[1].port, 65535);
	assert_string_equal(list.peers[2].host, "2001:db8::1");
	assert_int_equal(list.peers[2].port, 5433);
	assert_string_equal(list.peers[3].host, "fe80::1%eth0.5");
	assert_int_equal(list.peers[3].port, 9);
	assert_string_equal(list.peers[4].host, "under_score-1");
	assert_int_equal(list.peers[4].port, 80);
}

static void
test_empty_list_has_no_peers(void **state)
{
	assert_accepted("", 0);
	assert_accepted(" \t\r\n", 0);
}

static void
test_same_host_with_another_port_is_another_peer(void **state)
{
	assert_accepted("a:1,a:2,127.0.0.1:1,127.0.0.2:1", 4);
	assert_accepted("[fe80::1%eth0]:1,[fe80::1%eth1]:1", 2);
}

static void
test_same_address_twice_is_refused(void **state)
{
	assert_refused("a:1,b:1,a:1", "Items 1 and 3");
	assert_refused("Host.Example:7,hOST.eXAMPLE:07", "Items 1 and 2");
	assert_refused("[2001:db8::1]:1,[2001:DB8:0::1]:1", "Items 1 and 2");
	assert_refused("127.0.0.1:1,[::ffff:127.0.0.1]:1", "Items 1 and 2");
	assert_refused("[fe80::1%eth0]:1,[fe80::1%ETH0]:1", "Items 1 and 2");
}

static void
test_limits(void **state)
{
	char		value[RAFT_MAX_NODES * 16 + 32] = "";
	char		item[32];
	char		host[PEER_HOST_MAX + 16];

	for (int i = 0; i < RAFT_MAX_NODES; i++)
	{
		snprintf(item, sizeof(item), "%s10.0.0.1:%d", i > 0 ? "," : "", i + 1);
		strlcat(value, item, sizeof(value));
	}
	assert_accepted(value, RAFT_MAX_NODES);
	strlcat(value, ",10.0.0.1:999", sizeof(value));
	assert_refused(value, "more than 128 items");

	memset(host, 'h', PEER_HOST_MAX);
	strcpy(host + PEER_HOST_MAX, ":1");
	assert_accepted(host, 1);
	assert_int_equal(strlen(list.peers[0].host), PEER_HOST_MAX);
	memset(host, 'h', PEER_HOST_MAX + 1);
	strcpy(host + PEER_HOST_MAX + 1, ":1");
	assert_refused(host, "longer than 253");
}

static void
test_malformed_lists_are_refused(void **state)
{
	assert_refused("h", "port is missing");
	assert_refused("h:", "port is missing");
	assert_refused("h :1", "character other than");
	assert_refused("h: 1", "port is not a number");
	assert_refused("h:+1", "port is not a number");
	assert_refused("h:0", "outside 1 to 65535");
	assert_refused("h:65536", "outside 1 to 65535");
	assert_refused("h:4294967297", "outside 1 to 65535");
	assert_refused(":1", "host is empty");
	assert_refused(",", "Item 1 of the list is empty");
	assert_refused("h:1,", "Item 2 of the list is empty");
	assert_refused("h:1, ,i:1", "Item 2 of the list is empty");
	assert_refused("::1:1", "in brackets");
	assert_refused("[::1:1", "closing bracket");
	assert_refused("[", "closing bracket");
	assert_refused("[]:1", "host is empty");
	assert_refused("[::1]", "port is missing");
	assert_refused("[::1]:", "port is missing");
	assert_refused("[::1]1", "not followed by a colon");
	assert_refused("[h]:1", "do not hold an IPv6 address");
	assert_refused("[127.0.0.1]:1", "do not hold an IPv6 address");
	assert_refused("[fe80::1%]:1", "scope after the percent sign is empty");
	assert_refused("[fe80::1%e`]:1", "scope of the IPv6 address");
	assert_refused("[fe80::1%e\t0]:1", "scope of the IPv6 address");
	assert_refused("127.1:1", "complete IPv4 address");
	assert_refused("1.2.3.256:1", "complete IPv4 address");
	assert_refused(".h:1", "empty part");
	assert_refused("h..i:1", "empty part");
	assert_refused("-h:1", "begins with \"-\"");
	assert_refused("h;i:1", "character other than");
	assert_refused("$(h):1", "character other than");
	assert_refused("h\xc3\xa4:1", "character other than");
	assert_refused("fe80--1%eth0:1", "character other than");
}

/* Whatever it says, it must not read or write out of bounds (sanitizers). */
static void
test_random_lists_do_no_harm(void **state)
{
	static const char alphabet[] = "a1:.,[]% -f0*\t";
	uint32		seed = 1;
	int			accepted = 0;

	for (int i = 0; i < 200000; i++)
	{
		char		value[24];
		char	   *copy;
		char		host[PEER_HOST_MAX + 1];
		char	   *detail = NULL;
		int			length;

		seed = seed * 1664525 + 1013904223;
		length = (seed >> 16) % (sizeof(value) - 1);
		for (int j = 0; j < length; j++)
		{
			seed = seed * 1664525 + 1013904223;
			value[j] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		value[length] = '\0';

		/* On the heap and no longer than it need be, for the sanitizer. */
		copy = pstrdup(value);
		if (peers_parse(copy, &list, &detail))
			accepted++;
		else
			pfree(detail);
		if (!peers_parse_host(copy, host, &detail))
			pfree(detail);
		pfree(copy);
	}
	assert_true(accepted > 0);
}

static void
test_host_to_listen_on(void **state)
{
	static const char *const accepted[][2] = {
		{"*", "*"},
		{"0.0.0.0", "0.0.0.0"},
		{"::", "::"},
		{"[::1]", "::1"},
		{"fe80::1%eth0", "fe80::1%eth0"},
		{"db-1.example", "db-1.example"},
	};
	static const char *const refused[] = {
		"", "[*]", "[]", "[::1", "127.0.0", "127.0.0.1:5433", "a,b", "a b",
		"[::1]:1", "::1%", "[h]", ":",
	};
	char		host[PEER_HOST_MAX + 1];
	char		long_host[PEER_HOST_MAX + 2];
	char	   *detail = NULL;

	for (int i = 0; i < lengthof(accepted); i++)
	{
		if (!peers_parse_host(accepted[i][0], host, &detail))
			fail_msg("\"%s\" was refused: %s", accepted[i][0], detail);
		assert_string_equal(host, accepted[i][1]);
	}
	for (int i = 0; i < lengthof(refused); i++)
	{
		if (peers_parse_host(refused[i], host, &detail))
			fail_msg("\"%s\" was accepted", refused[i]);
		pfree(detail);
	}

	memset(long_host, 'h', PEER_HOST_MAX + 1);
	long_host[PEER_HOST_MAX + 1] = '\0';
	assert_false(peers_parse_host(long_host, host, &detail));
	pfree(detail);
	long_host[PEER_HOST_MAX] = '\0';
	assert_true(peers_parse_host(long_host, host, &detail));
	assert_int_equal(strlen(host), PEER_HOST_MAX);
}

static void
test_literals_resolve_to_themselves(void **state)
{
	PeerAddress address = resolve("192.0.2.1", 5433);
	PeerName	name = {.host = "192.0.2.1",.port = 5433};
	const char *problem = NULL;

	assert_formatted(&address, "192.0.2.1:5433");
	address = resolve("2001:DB8:0::1", 1);
	assert_formatted(&address, "[2001:db8::1]:1");
	address = resolve("fe80::1%lo", 65535);
	assert_formatted(&address, "[fe80::1%lo]:65535");

	/* Nor is a literal turned into one of another family. */
	assert_false(peers_resolve(&name, AF_INET6, &address, &problem));
	assert_non_null(problem);
	assert_int_equal(address.length, 0);
	assert_formatted(&address, "(no address)");
}

static void
test_any_host_is_the_wildcard(void **state)
{
	PeerName	name = {.host = PEER_HOST_ANY,.port = 5433};
	PeerAddress address;
	const char *problem = NULL;

	assert_true(peers_resolve(&name, AF_INET, &address, &problem));
	assert_formatted(&address, "0.0.0.0:5433");
	assert_true(peers_resolve(&name, AF_INET6, &address, &problem));
	assert_formatted(&address, "[::]:5433");
	assert_true(peers_resolve(&name, AF_UNSPEC, &address, &problem));
	assert_true(address.length > 0);
}

static void
test_v4_mapped_equals_v4(void **state)
{
	PeerAddress plain = resolve("192.0.2.1", 5433);
	PeerAddress mapped = resolve_as("::ffff:192.0.2.1", 99, AF_INET6);
	PeerAddress other = resolve("192.0.2.2", 5433);
	PeerAddress other_mapped = resolve_as("::ffff:192.0.2.2", 5433, AF_INET6);
	PeerAddress unmapped = resolve("::ffff:192.0.2.1", 99);

	assert_int_equal(mapped.address.ss_family, AF_INET6);
	assert_true(peers_same_host(&plain, &plain));
	assert_true(peers_same_host(&plain, &mapped));
	assert_true(peers_same_host(&mapped, &plain));
	assert_false(peers_same_host(&plain, &other));
	assert_false(peers_same_host(&plain, &other_mapped));
	assert_false(peers_same_host(&mapped, &other_mapped));
	assert_formatted(&mapped, "192.0.2.1:99");

	/* What is resolved is what a socket of IPv4 can send to. */
	assert_int_equal(unmapped.address.ss_family, AF_INET);
	assert_formatted(&unmapped, "192.0.2.1:99");
}

static void
test_v6_hosts_compare_by_address_and_scope(void **state)
{
	PeerAddress left = resolve("2001:db8::1", 1);
	PeerAddress right = resolve("2001:db8:0:0::1", 2);
	PeerAddress other = resolve("2001:db8::2", 1);
	PeerAddress v4 = resolve("0.0.0.1", 1);
	PeerAddress not_mapped = resolve("::0.0.0.1", 1);
	PeerAddress none = {.length = 0};
	struct sockaddr_in6 *scoped = (struct sockaddr_in6 *) &right.address;

	assert_true(peers_same_host(&left, &right));
	assert_false(peers_same_host(&left, &other));
	assert_false(peers_same_host(&v4, &not_mapped));
	assert_false(peers_same_host(&none, &left));
	assert_false(peers_same_host(&left, &none));
	assert_false(peers_same_host(&none, &none));

	scoped->sin6_scope_id = 2;
	assert_true(peers_same_host(&left, &right));
	((struct sockaddr_in6 *) &left.address)->sin6_scope_id = 3;
	assert_false(peers_same_host(&left, &right));
}

static void
test_loopback(void **state)
{
	static const char *const inside[] = {
		"localhost", "LocalHost", "127.0.0.1", "127.255.255.254", "::1",
		"0::1", "::ffff:127.0.0.1",
	};
	static const char *const outside[] = {
		"126.255.255.255", "128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1%lo",
		"::ffff:10.127.0.1", "::127.0.0.1", "localhost.example",
		"127.0.0.1.example", "127-0-0-1",
	};
	PeerName	name = {.port = 1};

	for (int i = 0; i < lengthof(inside); i++)
	{
		strlcpy(name.host, inside[i], sizeof(name.host));
		if (!peers_is_loopback(&name))
			fail_msg("\"%s\" is loopback", inside[i]);
	}
	for (int i = 0; i < lengthof(outside); i++)
	{
		strlcpy(name.host, outside[i], sizeof(name.host));
		if (peers_is_loopback(&name))
			fail_msg("\"%s\" is not loopback", outside[i]);
	}
}

static void
test_family_of_literals(void **state)
{
	static const struct
	{
		const char *host;
		int			family;
	}			cases[] = {
		{"192.0.2.1", AF_INET},
		{"2001:db8::1", AF_INET6},
		{"fe80::1%eth0", AF_INET6},
		{"::ffff:192.0.2.1", AF_INET},
		{"localhost", AF_UNSPEC},
		{PEER_HOST_ANY, AF_UNSPEC},
	};
	PeerName	name = {.port = 1};

	for (int i = 0; i < lengthof(cases); i++)
	{
		strlcpy(name.host, cases[i].host, sizeof(name.host));
		assert_int_equal(peers_literal_family(&name), cases[i].family);
	}
}

static void
test_format_stays_in_its_buffer(void **state)
{
	PeerAddress address = resolve("2001:db8::1", 5433);
	char		buffer[8] = "1234567";

	assert_ptr_equal(peers_format_address(&address, buffer, 6), buffer);
	assert_string_equal(buffer, "[2001");
	assert_int_equal(buffer[6], '7');
}

/* Port that a socket is bound to. */
static uint16
bound_port(int sock)
{
	struct sockaddr_storage address;
	socklen_t	length = sizeof(address);

	assert_int_equal(getsockname(sock, (struct sockaddr *) &address, &length),
					 0);
	return ntohs(address.ss_family == AF_INET6 ?
				 ((struct sockaddr_in6 *) &address)->sin6_port :
				 ((struct sockaddr_in *) &address)->sin_port);
}

static void
test_socket_does_not_block(void **state)
{
	PeerAddress address = resolve("127.0.0.1", 5433);
	int			sock = peers_open_socket(&address, 0);
	char		buffer[1];

	assert_int_not_equal(bound_port(sock), 0);
	assert_int_equal(recv(sock, buffer, sizeof(buffer), 0), -1);
	assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
	close(sock);
}

static void
test_used_and_foreign_addresses_get_their_hints(void **state)
{
	PeerAddress address = resolve("127.0.0.1", 5433);
	PeerAddress foreign = resolve("192.0.2.1", 5433);
	int			sock = peers_open_socket(&address, 0);

	if (sigsetjmp(error_seen, 1) == 0)
	{
		(void) peers_open_socket(&address, bound_port(sock));
		fail_msg("a port was bound twice");
	}
	assert_non_null(strstr(error_hint, "another server"));
	close(sock);

	if (sigsetjmp(error_seen, 1) == 0)
	{
		(void) peers_open_socket(&foreign, 0);
		fail_msg("an address of another host was bound");
	}
	assert_non_null(strstr(error_hint, "pg_leader.listen_addresses"));
}

static void
test_wildcard_socket_takes_both_families(void **state)
{
	PeerAddress any = resolve(PEER_HOST_ANY, 0);
	PeerAddress from = resolve("127.0.0.1", 0);
	PeerAddress to;
	PeerAddress seen = {.length = sizeof(seen.address)};
	int			receiver = peers_open_socket(&any, 0);
	int			sender = peers_open_socket(&from, 0);
	char		buffer[8];

	to = resolve("127.0.0.1", bound_port(receiver));
	assert_int_equal(sendto(sender, "hello", 5, 0,
							(struct sockaddr *) &to.address, to.length), 5);
	assert_int_equal(recvfrom(receiver, buffer, sizeof(buffer), 0,
							  (struct sockaddr *) &seen.address, &seen.length),
					 5);
	assert_true(peers_same_host(&seen, &from));
	close(sender);
	close(receiver);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_gives_hosts_and_ports_in_order),
		cmocka_unit_test(test_empty_list_has_no_peers),
		cmocka_unit_test(test_same_host_with_another_port_is_another_peer),
		cmocka_unit_test(test_same_address_twice_is_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_malformed_lists_are_refused),
		cmocka_unit_test(test_random_lists_do_no_harm),
		cmocka_unit_test(test_host_to_listen_on),
		cmocka_unit_test(test_literals_resolve_to_themselves),
		cmocka_unit_test(test_any_host_is_the_wildcard),
		cmocka_unit_test(test_v4_mapped_equals_v4),
		cmocka_unit_test(test_v6_hosts_compare_by_address_and_scope),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_family_of_literals),
		cmocka_unit_test(test_format_stays_in_its_buffer),
		cmocka_unit_test(test_socket_does_not_block),
		cmocka_unit_test(test_used_and_foreign_addresses_get_their_hints),
		cmocka_unit_test(test_wildcard_socket_takes_both_families),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
