/*-------------------------------------------------------------------------
 *
 * wire_fixture.h
 *		What the test programs of the wire layer share: random numbers from a
 *		seed, plain messages, and a program's main part.
 *
 * Each test is a program of its own (cmocka, TAP).  The seed is printed
 * first; SEED=... in the environment repeats a run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef WIRE_FIXTURE_H
#define WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/wire.h"

static uint64_t random_state;

/* SplitMix64 */
static inline uint64_t
draw_random(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t
draw_below(uint64_t limit)
{
	return draw_random() % limit;
}

/* Without a secret. */
static inline WireConfig
make_plain_config(int32_t node_id, int32_t node_count)
{
	WireConfig	config;

	memset(&config, 0, sizeof(config));
	config.fingerprint = wire_fingerprint(node_count, "test");
	config.node_id = node_id;
	config.node_count = node_count;
	return config;
}

/* A plain message from node 1 to node 0. */
static inline RaftMessage
make_message(RaftMessageType type)
{
	RaftMessage m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	m.from = 1;
	m.to = 0;
	m.from_session = 77;
	m.rank = RAFT_NO_RANK;
	m.token_leader = RAFT_NO_NODE;
	m.successor = RAFT_NO_NODE;
	m.known_leader = RAFT_NO_NODE;
	m.standing = RAFT_MEMBER;
	return m;
}

/* Both halves of decoding, as the receiver calls them. */
static inline WireDrop
decode(const WireConfig *config, const uint8_t *data, size_t length,
	   RaftMessage *message)
{
	WireHeader	header;
	WireDrop	drop = wire_decode_header(config, data, length, &header);

	if (drop == WIRE_OK)
		drop = wire_decode_body(config, data, &header, message);
	return drop;
}

/* Overwrite a field of a datagram, little-endian. */
static inline void
patch_number(uint8_t *datagram, int offset, int size, uint64_t value)
{
	int			i;

	for (i = 0; i < size; i++)
		datagram[offset + i] = (uint8_t) (value >> (8 * i));
}

/* To be called first by main(). */
static inline void
begin_tests(void)
{
	const char *seed = getenv("SEED");

	random_state = seed != NULL ? strtoull(seed, NULL, 0) :
		(uint64_t) time(NULL);
	printf("# SEED=%llu repeats this run\n",
		   (unsigned long long) random_state);
	fflush(stdout);
	cmocka_set_message_output(CM_OUTPUT_TAP);
}

#endif							/* WIRE_FIXTURE_H */
