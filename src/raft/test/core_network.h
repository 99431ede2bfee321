/*-------------------------------------------------------------------------
 *
 * core_network.h
 *		N cores, each in the fixture, on a network in memory with virtual
 *		time.
 *
 * After each event the network checks that no term has two leaders, that at
 * most one lease is valid (each on its own node's clock), that a lease rests
 * on the promises of a majority, and that whoever is said to be released has
 * resigned.  A broken one fails the test.
 *
 * Everything follows from the seed: the same seed, the same run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core_fixture.h"

/* In network_await_leader(): nobody leads. */
#define NOBODY				(-1)

/* Sizes of the clusters that most tests run with, the smallest first. */
#define NETWORK_SIZE_COUNT	7
extern const int32_t network_sizes[NETWORK_SIZE_COUNT];

typedef struct NetworkNode
{
	Core		core;
	bool		up;
	uint64_t	paused_until_ns;	/* real time; messages and ticks wait */
	int32_t		clock_ppm;		/* its clock runs fast by that */
	uint64_t	deadline_ns;	/* real time of its next tick */
	uint64_t   *accepted;		/* by peer: session believed, 0: none */
	uint64_t   *challenge;		/* by peer */
} NetworkNode;

/* A message under way, or a leadership that began or was released. */
typedef struct NetworkPacket
{
	uint64_t	arrival_ns;
	uint64_t	number;			/* in the order of sending */
	RaftMessage message;
} NetworkPacket;

typedef struct NetworkLeadership
{
	uint64_t	term;
	int32_t		leader;
	uint64_t	session;		/* its incarnation */
	bool		released;
} NetworkLeadership;

typedef struct Network
{
	int32_t		count;
	NetworkNode *nodes;
	uint64_t	now_ns;			/* real time */
	uint64_t	random;			/* state of the generator */
	uint64_t	next_session;

	/* Conditions; change them at will. */
	uint64_t	delay_min_ns;
	uint64_t	delay_max_ns;
	uint32_t	loss_percent;
	uint32_t	duplicate_percent;
	uint64_t	duplicate_delay_ns; /* a copy comes up to that much later */
	bool	   *cut;			/* [from * count + to] */

	NetworkPacket *packets;		/* a heap, earliest first */
	size_t		packet_count;
	size_t		packet_room;
	uint64_t	packet_number;

	NetworkLeadership *leaderships;
	size_t		leadership_count;
	size_t		leadership_room;

	/* Seen so far. */
	uint64_t	lease_count;	/* leases that began */
	uint64_t	event_count;
} Network;

/* SEED of the environment, or that default; said in a comment of TAP. */
extern uint64_t network_seed(uint64_t seed);

/* All nodes start at once, in that standing, of term 0. */
extern void network_start(Network *network, int32_t count, uint64_t seed,
						  RaftStanding standing);
extern void network_stop(Network *network);

/*
 * Nodes declared new, and on until all are members and follow one leader.
 * Returns it.  Each size has a run of its own.
 */
extern int32_t network_start_cluster(Network *network, int32_t count,
									 uint64_t seed);

extern uint64_t network_random(Network *network);
extern uint64_t network_random_below(Network *network, uint64_t limit);

extern void network_run_until(Network *network, uint64_t real_ns);
extern void network_run_for(Network *network, uint64_t duration_ns);

/*
 * Run until some node holds a valid lease, at most that long; fails the test
 * if none does.  Returns it.
 */
extern int32_t network_await_leader(Network *network, uint64_t limit_ns);

/* Who holds a valid lease now, or NOBODY. */
extern int32_t network_leader(const Network *network);

/* Who follows that leader in its present term, itself included? */
extern int32_t network_count_followers(const Network *network, int32_t leader);

/* Run until all nodes that are up follow one leader that holds a lease. */
extern int32_t network_await_agreement(Network *network, uint64_t limit_ns);

extern void network_crash(Network *network, int32_t id);
extern void network_restart(Network *network, int32_t id);

/* Restart with that record in place of its own. */
extern void network_replace_state(Network *network, int32_t id,
								  RaftDurable record, bool confirmed);
extern void network_pause(Network *network, int32_t id, uint64_t duration_ns);
extern RaftResult network_step_down(Network *network, int32_t id,
									RaftReason reason);
extern RaftResult network_transfer(Network *network, int32_t id,
								   int32_t successor);
extern void network_set_position(Network *network, int32_t id,
								 const RaftPosition *position);

/* One way; both ways; to and from everybody; between two sets (bit masks). */
extern void network_cut(Network *network, int32_t from, int32_t to, bool cut);
extern void network_cut_both(Network *network, int32_t a, int32_t b, bool cut);
extern void network_isolate(Network *network, int32_t id, bool cut);
extern void network_heal(Network *network);

extern uint64_t network_greatest_term(const Network *network);

#endif							/* CORE_NETWORK_H */
