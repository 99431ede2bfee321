/*-------------------------------------------------------------------------
 *
 * core_network.c
 *		N cores, each in the fixture, on a network in memory with virtual
 *		time.
 *
 *-------------------------------------------------------------------------
 */
#include "core_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PPM					INT64_C(1000000)

const int32_t network_sizes[NETWORK_SIZE_COUNT] = {1, 2, 3, 4, 5, 7, 25};

uint64_t
network_seed(uint64_t seed)
{
	const char *text = getenv("SEED");

	if (text != NULL)
		seed = strtoull(text, NULL, 0);
	printf("# SEED=%llu replays this run\n", (unsigned long long) seed);
	return seed;
}

/* SplitMix64. */
uint64_t
network_random(Network *network)
{
	uint64_t	z = (network->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
network_random_below(Network *network, uint64_t limit)
{
	return limit == 0 ? 0 : network_random(network) % limit;
}

/* ----------
 * Clocks
 * ----------
 */

/* A node's clock shows CORE_START_NS at the real time 0. */
static uint64_t
local_ns(const NetworkNode *node, uint64_t real_ns)
{
	int64_t		elapsed = (int64_t) real_ns;

	return CORE_START_NS + (uint64_t) (elapsed + elapsed * node->clock_ppm / PPM);
}

/* The first real time at which the node's clock shows that or more. */
static uint64_t
real_ns(const NetworkNode *node, uint64_t local)
{
	uint64_t	low = 0;
	uint64_t	high;

	if (local <= CORE_START_NS)
		return 0;
	high = (local - CORE_START_NS) * 2 + 1;
	while (low < high)
	{
		uint64_t	middle = low + (high - low) / 2;

		if (local_ns(node, middle) < local)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ----------
 * Packets: a heap by arrival, then by number
 * ----------
 */

static bool
comes_first(const NetworkPacket *a, const NetworkPacket *b)
{
	return a->arrival_ns < b->arrival_ns ||
		(a->arrival_ns == b->arrival_ns && a->number < b->number);
}

static void
push_packet(Network *network, const RaftMessage *message, uint64_t arrival_ns)
{
	NetworkPacket packet;
	size_t		place;

	packet.arrival_ns = arrival_ns;
	packet.number = network->packet_number++;
	packet.message = *message;
	if (network->packet_count == network->packet_room)
	{
		network->packet_room = network->packet_room * 2 + 1024;
		network->packets = realloc(network->packets, network->packet_room *
								   sizeof(NetworkPacket));
		assert_non_null(network->packets);
	}
	place = network->packet_count++;
	while (place > 0 && comes_first(&packet, &network->packets[(place - 1) / 2]))
	{
		network->packets[place] = network->packets[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	network->packets[place] = packet;
}

static RaftMessage
pop_packet(Network *network)
{
	RaftMessage first = network->packets[0].message;
	NetworkPacket last = network->packets[--network->packet_count];
	size_t		place = 0;

	for (;;)
	{
		size_t		child = 2 * place + 1;

		if (child >= network->packet_count)
			break;
		if (child + 1 < network->packet_count &&
			comes_first(&network->packets[child + 1], &network->packets[child]))
			child++;
		if (!comes_first(&network->packets[child], &last))
			break;
		network->packets[place] = network->packets[child];
		place = child;
	}
	network->packets[place] = last;
	return first;
}

static uint64_t
draw_delay(Network *network)
{
	return network->delay_min_ns +
		network_random_below(network, network->delay_max_ns -
							 network->delay_min_ns + 1);
}

static void
send_packet(Network *network, const RaftMessage *message)
{
	if (network->cut[message->from * network->count + message->to])
		return;
	if (network_random_below(network, 100) >= network->loss_percent)
		push_packet(network, message, network->now_ns + draw_delay(network));
	if (network_random_below(network, 100) < network->duplicate_percent)
		push_packet(network, message, network->now_ns + draw_delay(network) +
					network_random_below(network, network->duplicate_delay_ns + 1));
}

/* ----------
 * Checks of the whole
 * ----------
 */

static NetworkLeadership *
find_leadership(Network *network, uint64_t term)
{
	size_t		i;

	for (i = network->leadership_count; i > 0; i--)
	{
		if (network->leaderships[i - 1].term == term)
			return &network->leaderships[i - 1];
	}
	return NULL;
}

/* At most one leader, ever and in one incarnation, for each term. */
static void
check_leadership(Network *network, const NetworkNode *node)
{
	RaftView	view = core_view(&node->core);
	NetworkLeadership *known = find_leadership(network, view.term);

	if (view.role != RAFT_LEADER)
		return;
	if (known != NULL)
	{
		if (known->leader != node->core.config.node_id ||
			known->session != node->core.config.session)
			fail_msg("term %llu has two leaders: %d and %d",
					 (unsigned long long) view.term, known->leader,
					 node->core.config.node_id);
		return;
	}
	if (network->leadership_count == network->leadership_room)
	{
		network->leadership_room = network->leadership_room * 2 + 16;
		network->leaderships = realloc(network->leaderships,
									   network->leadership_room *
									   sizeof(NetworkLeadership));
		assert_non_null(network->leaderships);
	}
	known = &network->leaderships[network->leadership_count++];
	known->term = view.term;
	known->leader = node->core.config.node_id;
	known->session = node->core.config.session;
	known->released = false;
}

static bool
lease_is_valid(const Network *network, const NetworkNode *node)
{
	return node->up && node->core.cell_end_ns != 0 &&
		node->core.cell_end_ns > local_ns(node, network->now_ns);
}

/*
 * Called when a lease may have been raised: as leases else only run out, this
 * covers every instant.
 */
static void
check_lease(const Network *network, const NetworkNode *node)
{
	uint64_t	end_ns;
	int32_t		promises = 1;
	int32_t		i;

	if (!lease_is_valid(network, node))
		return;
	end_ns = real_ns(node, node->core.cell_end_ns);
	for (i = 0; i < network->count; i++)
	{
		const NetworkNode *other = &network->nodes[i];

		if (other == node)
			continue;
		if (lease_is_valid(network, other))
			fail_msg("two leases are valid: of %d, term %llu, and of %d, term %llu",
					 node->core.config.node_id,
					 (unsigned long long) node->core.cell_term, i,
					 (unsigned long long) other->core.cell_term);
		if (other->core.promised_to == node->core.config.node_id &&
			other->core.promised_term == node->core.cell_term &&
			real_ns(other, other->core.promised_until_ns) >= end_ns)
			promises++;
	}
	if (promises <= network->count / 2)
		fail_msg("the lease of %d rests on %d promises of %d",
				 node->core.config.node_id, promises, network->count);
}

/* A release that is told, by its leader or in a token, must be true. */
static void
check_release(Network *network, const RaftMessage *message)
{
	NetworkLeadership *known;

	if (message->type == RAFT_MESSAGE_RESIGN ||
		message->type == RAFT_MESSAGE_TIMEOUT_NOW)
	{
		known = find_leadership(network, message->subject_term);
		assert_non_null(known);
		assert_int_equal(known->leader, message->from);
		known->released = true;
	}
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
	{
		known = find_leadership(network, message->token_term);
		assert_non_null(known);
		assert_int_equal(known->leader, message->token_leader);
		assert_true(known->released);
	}
}

/* ----------
 * Events
 * ----------
 */

/* What follows each entry of a node. */
static void
finish_event(Network *network, NetworkNode *node)
{
	uint64_t	deadline_ns;
	int			i;

	network->event_count++;
	if (core_event(&node->core, RAFT_EVENT_LEASE_BEGUN) != NULL)
		network->lease_count++;
	check_leadership(network, node);
	for (i = 0; i < node->core.sent_count; i++)
	{
		check_release(network, &node->core.sent[i]);
		send_packet(network, &node->core.sent[i]);
	}
	check_lease(network, node);
	deadline_ns = raft_next_deadline(node->core.raft);
	node->deadline_ns = deadline_ns == UINT64_MAX ? UINT64_MAX :
		real_ns(node, deadline_ns);
}

/* Which sessions are believed: the rules of wire/session.h, in short. */
static bool
accept_session(Network *network, NetworkNode *node, RaftMessage *message)
{
	uint64_t   *accepted = &node->accepted[message->from];
	bool		echoes = message->to_session == node->core.config.session;

	if (echoes && *accepted != message->from_session &&
		(*accepted == 0 ||
		 (message->type == RAFT_MESSAGE_PROBE_REPLY &&
		  message->nonce == node->challenge[message->from])))
	{
		*accepted = message->from_session;
		node->challenge[message->from] = network_random(network);
	}
	message->stranger = !echoes || *accepted != message->from_session;
	message->challenge = node->challenge[message->from];
	return !message->stranger || message->type == RAFT_MESSAGE_PROBE;
}

static void
set_clock(Network *network, NetworkNode *node)
{
	node->core.now_ns = local_ns(node, network->now_ns);
	node->core.draw = network_random(network);
}

static void
deliver(Network *network, RaftMessage *message)
{
	NetworkNode *node = &network->nodes[message->to];

	if (!node->up || network->cut[message->from * network->count + message->to])
		return;
	if (node->paused_until_ns > network->now_ns)
	{
		push_packet(network, message, node->paused_until_ns);
		return;
	}
	if (!accept_session(network, node, message))
		return;
	set_clock(network, node);
	(void) core_receive(&node->core, message);
	finish_event(network, node);
}

/* A node that wants to be ticked for ever at one time would hang its owner. */
static NetworkNode *
next_to_tick(Network *network, uint64_t *at_ns)
{
	NetworkNode *next = NULL;
	int32_t		i;

	*at_ns = UINT64_MAX;
	for (i = 0; i < network->count; i++)
	{
		NetworkNode *node = &network->nodes[i];
		uint64_t	due_ns = node->deadline_ns;

		if (!node->up)
			continue;
		if (due_ns < node->paused_until_ns)
			due_ns = node->paused_until_ns;
		if (due_ns < *at_ns)
		{
			*at_ns = due_ns;
			next = node;
		}
	}
	return next;
}

/* The next event not after the limit; messages before timers. */
static bool
step(Network *network, uint64_t limit_ns)
{
	uint64_t	tick_ns;
	NetworkNode *node = next_to_tick(network, &tick_ns);

	if (network->packet_count > 0 && network->packets[0].arrival_ns <= tick_ns)
	{
		RaftMessage message;

		if (network->packets[0].arrival_ns > limit_ns)
			return false;
		if (network->now_ns < network->packets[0].arrival_ns)
			network->now_ns = network->packets[0].arrival_ns;
		message = pop_packet(network);
		deliver(network, &message);
		return true;
	}
	if (node == NULL || tick_ns > limit_ns)
		return false;
	if (network->now_ns < tick_ns)
		network->now_ns = tick_ns;
	set_clock(network, node);
	core_tick(&node->core, node->core.now_ns);
	finish_event(network, node);
	return true;
}

void
network_run_until(Network *network, uint64_t real_ns)
{
	uint64_t	steps = 0;
	uint64_t	at_ns = network->now_ns;

	while (step(network, real_ns))
	{
		steps = network->now_ns == at_ns ? steps + 1 : 0;
		at_ns = network->now_ns;
		assert_true(steps < 200000);
	}
	if (network->now_ns < real_ns)
		network->now_ns = real_ns;
}

void
network_run_for(Network *network, uint64_t duration_ns)
{
	network_run_until(network, network->now_ns + duration_ns);
}

/* ----------
 * Life
 * ----------
 */

static void
boot(Network *network, NetworkNode *node, bool confirmed)
{
	size_t		size = (size_t) network->count * sizeof(uint64_t);
	int32_t		i;

	memset(node->accepted, 0, size);
	for (i = 0; i < network->count; i++)
		node->challenge[i] = network_random(network);
	node->core.config.session = network->next_session++;
	node->up = true;
	node->paused_until_ns = 0;
	set_clock(network, node);
	core_boot(&node->core, confirmed);
	finish_event(network, node);
}

void
network_start(Network *network, int32_t count, uint64_t seed,
			  RaftStanding standing)
{
	int32_t		i;

	memset(network, 0, sizeof(Network));
	network->count = count;
	network->random = seed;
	network->next_session = 1;
	network->delay_min_ns = MS(1) / 10;
	network->delay_max_ns = MS(1);
	network->nodes = calloc((size_t) count, sizeof(NetworkNode));
	network->cut = calloc((size_t) count * (size_t) count, sizeof(bool));
	assert_non_null(network->nodes);
	assert_non_null(network->cut);
	for (i = 0; i < count; i++)
	{
		NetworkNode *node = &network->nodes[i];

		core_init(&node->core, i, count, core_record(standing, 0, 0));
		node->core.write_ns = 0;
		node->accepted = calloc((size_t) count, sizeof(uint64_t));
		node->challenge = calloc((size_t) count, sizeof(uint64_t));
		assert_non_null(node->accepted);
		assert_non_null(node->challenge);
		boot(network, node, true);
	}
}

void
network_stop(Network *network)
{
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		core_free(&network->nodes[i].core);
		free(network->nodes[i].accepted);
		free(network->nodes[i].challenge);
	}
	free(network->nodes);
	free(network->cut);
	free(network->packets);
	free(network->leaderships);
}

/* The fixture forgets its published lease at the next boot; so do readers. */
void
network_crash(Network *network, int32_t id)
{
	network->nodes[id].up = false;
	network->nodes[id].deadline_ns = UINT64_MAX;
}

void
network_restart(Network *network, int32_t id)
{
	boot(network, &network->nodes[id], true);
}

void
network_replace_state(Network *network, int32_t id, RaftDurable record,
					  bool confirmed)
{
	network->nodes[id].core.disk = record;
	boot(network, &network->nodes[id], confirmed);
}

void
network_pause(Network *network, int32_t id, uint64_t duration_ns)
{
	network->nodes[id].paused_until_ns = network->now_ns + duration_ns;
}

RaftResult
network_step_down(Network *network, int32_t id, RaftReason reason)
{
	NetworkNode *node = &network->nodes[id];
	RaftResult	result;

	set_clock(network, node);
	result = core_step_down(&node->core, reason);
	finish_event(network, node);
	return result;
}

RaftResult
network_transfer(Network *network, int32_t id, int32_t successor)
{
	NetworkNode *node = &network->nodes[id];
	RaftResult	result;

	set_clock(network, node);
	result = core_transfer(&node->core, successor);
	finish_event(network, node);
	return result;
}

void
network_set_position(Network *network, int32_t id, const RaftPosition *position)
{
	NetworkNode *node = &network->nodes[id];

	set_clock(network, node);
	assert_int_equal(core_set_position(&node->core, position), RAFT_OK);
	finish_event(network, node);
}

/* ----------
 * Links
 * ----------
 */

void
network_cut(Network *network, int32_t from, int32_t to, bool cut)
{
	network->cut[from * network->count + to] = cut;
}

void
network_cut_both(Network *network, int32_t a, int32_t b, bool cut)
{
	network_cut(network, a, b, cut);
	network_cut(network, b, a, cut);
}

void
network_isolate(Network *network, int32_t id, bool cut)
{
	int32_t		i;

	for (i = 0; i < network->count; i++)
		network_cut_both(network, id, i, cut);
}

void
network_heal(Network *network)
{
	memset(network->cut, 0, (size_t) network->count * (size_t) network->count *
		   sizeof(bool));
}

/* ----------
 * Questions
 * ----------
 */

int32_t
network_leader(const Network *network)
{
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		if (lease_is_valid(network, &network->nodes[i]))
			return i;
	}
	return NOBODY;
}

int32_t
network_await_leader(Network *network, uint64_t limit_ns)
{
	uint64_t	end_ns = network->now_ns + limit_ns;

	while (network_leader(network) == NOBODY)
	{
		if (!step(network, end_ns))
			fail_msg("no leader after %llu ms",
					 (unsigned long long) (limit_ns / MS(1)));
	}
	return network_leader(network);
}

int32_t
network_count_followers(const Network *network, int32_t leader)
{
	uint64_t	term = core_view(&network->nodes[leader].core).term;
	int32_t		count = 0;
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		RaftView	view = core_view(&network->nodes[i].core);

		if (network->nodes[i].up && view.leader_id == leader &&
			view.leader_term == term)
			count++;
	}
	return count;
}

int32_t
network_await_agreement(Network *network, uint64_t limit_ns)
{
	uint64_t	end_ns = network->now_ns + limit_ns;

	for (;;)
	{
		int32_t		leader = network_leader(network);
		int32_t		up = 0;
		int32_t		i;

		for (i = 0; i < network->count; i++)
			up += network->nodes[i].up ? 1 : 0;
		if (leader != NOBODY && network_count_followers(network, leader) == up)
			return leader;
		if (network->now_ns >= end_ns)
			fail_msg("no agreement after %llu ms",
					 (unsigned long long) (limit_ns / MS(1)));
		network_run_for(network, MS(10));
	}
}

int32_t
network_start_cluster(Network *network, int32_t count, uint64_t seed)
{
	int32_t		leader;
	int32_t		i;

	network_start(network, count, seed + (uint64_t) count, RAFT_NEW);
	leader = network_await_agreement(network, SECONDS(10));

	/* The last one may know of the leader before it is a member. */
	network_run_for(network, 5 * HEARTBEAT_NS);
	for (i = 0; i < count; i++)
		assert_int_equal(network->nodes[i].core.disk.standing, RAFT_MEMBER);
	assert_int_equal(network_leader(network), leader);
	return leader;
}

uint64_t
network_greatest_term(const Network *network)
{
	uint64_t	greatest = 0;
	int32_t		i;

	for (i = 0; i < network->count; i++)
	{
		if (greatest < network->nodes[i].core.disk.term)
			greatest = network->nodes[i].core.disk.term;
	}
	return greatest;
}
