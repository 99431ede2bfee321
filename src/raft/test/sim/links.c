/*-------------------------------------------------------------------------
 *
 * links.c
 *		The network: each direction of each link delays, loses, doubles,
 *		damages and reorders datagrams in its own way.
 *
 * A datagram is looked at twice: at its sending and at its arrival, so that a
 * cut also stops what is under way.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define DELAY_CONSTANT		0
#define DELAY_EXPONENTIAL	1
#define DELAY_PARETO		2
#define DELAY_MIXED			3

/* The longest delay of the heavy tail, in timeouts. */
#define LONGEST_DELAY		20

void
links_build(World *world)
{
	const SimOptions *options = &world->options;
	size_t		count = (size_t) world->places * (size_t) world->places;
	size_t		i;

	world->links = calloc(count, sizeof(Link));
	if (world->links == NULL)
		abort();
	for (i = 0; i < count; i++)
	{
		Link	   *link = &world->links[i];

		link->delay_ns = (uint64_t) options->delay_us * SIM_US;
		link->delay_kind = (uint8_t) options->delay_kind;
		if (options->delay_kind == DELAY_MIXED)
		{
			link->delay_kind = (uint8_t) sim_below(&world->network_random, 3);
			link->delay_ns = sim_between_log(&world->network_random,
											 link->delay_ns / 10 + 1, link->delay_ns * 4);
		}
		link->loss_ppm = (int32_t) options->loss_ppm;
		if (options->uneven_loss)
			link->loss_ppm = (int32_t) sim_between_log(&world->network_random, 1000, 500000);
	}
}

/* ----------
 * The pool of datagrams
 * ----------
 */

uint32_t
links_new_packet(World *world)
{
	uint32_t	packet = world->packet_free;
	uint32_t	i;

	if (packet == SIM_NO_PACKET)
	{
		uint32_t	room = world->packet_room * 2 + 256;

		world->packets = realloc(world->packets, room * sizeof(Packet));
		if (world->packets == NULL)
			abort();
		for (i = room; i > world->packet_room; i--)
		{
			world->packets[i - 1].next = world->packet_free;
			world->packet_free = i - 1;
		}
		world->packet_room = room;
		packet = world->packet_free;
	}
	world->packet_free = world->packets[packet].next;
	world->packets[packet].damaged = false;
	return packet;
}

void
links_free_packet(World *world, uint32_t packet)
{
	world->packets[packet].next = world->packet_free;
	world->packet_free = packet;
}

/* ----------
 * Under way
 * ----------
 */

static uint64_t
draw_delay(World *world, const Link *link)
{
	switch (link->delay_kind)
	{
		case DELAY_EXPONENTIAL:
			return link->delay_ns / 4 +
				sim_exponential(&world->network_random, link->delay_ns * 3 / 4);
		case DELAY_PARETO:
			return sim_pareto(&world->network_random, link->delay_ns / 2,
							  LONGEST_DELAY * world_timeout_ns(world));
		default:
			return link->delay_ns;
	}
}

static void
damage(World *world, Packet *packet)
{
	uint64_t	flips = 1 + sim_below(&world->network_random, 4);

	while (flips-- > 0)
	{
		uint64_t	bit = sim_below(&world->network_random,
									WIRE_DATAGRAM_SIZE * 8);

		packet->bytes[bit / 8] ^= (uint8_t) (1 << (bit % 8));
	}
	packet->damaged = true;
}

static uint64_t
draw_hold(World *world)
{
	return sim_below(&world->network_random,
					 world_timeout_ns(world) / 100 * (uint64_t) world->options.hold_percent + 1);
}

static void
send_copies(World *world, const Link *link, uint32_t original)
{
	uint64_t	copies = 1 + sim_below(&world->network_random,
									   (uint64_t) world->options.copies);

	world_cover(world, COVER_DATAGRAM_DUPLICATED);
	while (copies-- > 0)
	{
		uint32_t	copy = links_new_packet(world);
		uint64_t	delay_ns = draw_delay(world, link);

		world->packets[copy] = world->packets[original];
		if (sim_chance(&world->network_random, 300000))
			delay_ns += draw_hold(world);
		world_schedule(world, world->now_ns + delay_ns, EVENT_PACKET,
					   world->packets[copy].to, copy);
	}
}

static void
send_one(World *world, uint32_t index)
{
	const SimOptions *options = &world->options;
	Packet	   *packet = &world->packets[index];
	Link	   *link = &world->links[packet->from * world->places + packet->to];
	uint64_t	delay_ns;

	packet->number = ++link->numbers;
	if (link->cuts > 0 || link->severed)
	{
		world_cover(world, COVER_DATAGRAM_CUT);
		links_free_packet(world, index);
		return;
	}
	if (sim_chance(&world->network_random, options->duplicate_ppm))
	{
		send_copies(world, link, index);
		packet = &world->packets[index];	/* the pool may have moved */
	}
	if (packet->type == options->drop_kind &&
		sim_chance(&world->network_random, options->drop_ppm))
	{
		world_cover(world, COVER_AIMED_DROP);
		links_free_packet(world, index);
		return;
	}
	if (sim_chance(&world->network_random, link->loss_ppm))
	{
		world_cover(world, COVER_DATAGRAM_LOST);
		links_free_packet(world, index);
		return;
	}
	if (sim_chance(&world->network_random, options->flip_ppm))
		damage(world, packet);

	delay_ns = draw_delay(world, link);
	if (packet->type == options->hold_kind &&
		sim_chance(&world->network_random, options->hold_ppm))
	{
		world_cover(world, COVER_AIMED_HOLD);
		delay_ns += draw_hold(world);
	}
	if (delay_ns > 2 * world_timeout_ns(world))
		world_cover(world, COVER_DATAGRAM_HELD);
	world_schedule(world, world->now_ns + delay_ns, EVENT_PACKET, packet->to, index);
}

/* What is sent to a node that runs twice reaches one of the two, or both. */
static void
send_to_clones(World *world, uint32_t index)
{
	int32_t		from = world->packets[index].from;
	bool		original_hears = clones_hears(world, from, world->clone_of);

	if (clones_hears(world, from, world->count))
	{
		uint32_t	copy = original_hears ? links_new_packet(world) : index;

		world->packets[copy] = world->packets[index];
		world->packets[copy].to = (int16_t) world->count;
		send_one(world, copy);
	}
	if (original_hears)
		send_one(world, index);
}

/* Takes the packet over. */
void
links_send(World *world, uint32_t index)
{
	if (world->present > world->count &&
		world->packets[index].to == world->clone_of)
		send_to_clones(world, index);
	else
		send_one(world, index);
}

void
links_arrive(World *world, uint32_t index)
{
	Packet	   *packet = &world->packets[index];
	Host	   *host = &world->hosts[packet->to];
	Link	   *link = &world->links[packet->from * world->places + packet->to];

	if (packet->number < link->last_number)
		world_cover(world, COVER_DATAGRAM_OVERTAKEN);
	else
		link->last_number = packet->number;
	if (link->cuts > 0 || link->severed)
	{
		world_cover(world, COVER_DATAGRAM_CUT);
		links_free_packet(world, index);
		return;
	}
	if (world->present > world->count && !packet->is_from_elsewhere &&
		world->hosts[packet->from].id == world->clone_of)
		world->speakers[packet->to] = packet->from;
	if (!host->up)
	{
		links_free_packet(world, index);
		return;
	}
	receiver_take_packet(world, host, index);
}

/* One direction; +1: one cut more, -1: one less. */
void
links_cut(World *world, int32_t from, int32_t to, int change)
{
	Link	   *link = &world->links[from * world->places + to];

	if (change < 0 && link->cuts == 0)
		return;
	link->cuts = (uint8_t) (link->cuts + change);
}

/* Nothing is cut any more, and all links are good ones. */
void
links_heal_all(World *world)
{
	size_t		count = (size_t) world->places * (size_t) world->places;
	uint64_t	good_ns = world_timeout_ns(world) / 100;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		Link	   *link = &world->links[i];

		link->cuts = 0;
		link->severed = false;
		link->loss_ppm = 0;
		link->delay_kind = DELAY_CONSTANT;
		if (link->delay_ns > good_ns)
			link->delay_ns = good_ns;
	}
}
