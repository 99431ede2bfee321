/*-------------------------------------------------------------------------
 *
 * fault_links.c
 *		What goes wrong with links: who does not hear whom, and for how long.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

Mend *
fault_links_new_mend(World *world, int32_t turns, uint64_t length_ns)
{
	size_t		pairs = (size_t) world->places * (size_t) world->places;
	uint32_t	i;
	Mend	   *mend;

	for (i = 0; i < world->mend_count; i++)
	{
		if (world->mends[i].turns == 0)
			break;
	}
	if (i == world->mend_count)
	{
		world->mends = realloc(world->mends, (i + 1) * sizeof(Mend));
		if (world->mends == NULL)
			abort();
		memset(&world->mends[i], 0, sizeof(Mend));
		world->mends[i].pairs = malloc(pairs);
		if (world->mends[i].pairs == NULL)
			abort();
		world->mend_count++;
	}
	mend = &world->mends[i];
	memset(mend->pairs, 0, pairs);
	mend->turns = turns;
	mend->length_ns = length_ns;
	mend->is_cut = false;
	return mend;
}

static void
add_pair(World *world, Mend *mend, int32_t from, int32_t to)
{
	if (from != to)
		mend->pairs[from * world->places + to] = 1;
}

void
fault_links_start(World *world, Mend *mend, uint64_t after_ns)
{
	world_schedule(world, world->now_ns + after_ns, EVENT_MEND, 0,
				   (uint32_t) (mend - world->mends));
}

/* The links of it are cut, or mended, in turns. */
void
fault_links_mend(World *world, uint32_t index)
{
	Mend	   *mend = &world->mends[index];
	int32_t		from;
	int32_t		to;

	if (world->is_quiet || mend->turns == 0)
		return;
	mend->is_cut = !mend->is_cut;
	for (from = 0; from < world->places; from++)
	{
		for (to = 0; to < world->places; to++)
		{
			if (mend->pairs[from * world->places + to] != 0)
				links_cut(world, from, to, mend->is_cut ? 1 : -1);
		}
	}
	trace_event(world, NULL, "links are %s", mend->is_cut ? "cut" : "mended");
	if (--mend->turns > 0)
		fault_links_start(world, mend, sim_exponential(&world->fault_random, mend->length_ns));
}

static void
partition(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2, faults_draw_length(world));
	uint64_t	side = sim_random(&world->fault_random);
	uint64_t	other = sim_random(&world->fault_random);
	uint64_t	ways = sim_below(&world->fault_random, 3);
	int32_t		i;
	int32_t		j;

	for (i = 0; i < world->present; i++)
	{
		for (j = 0; j < world->present; j++)
		{
			bool		one = ((i < 64 ? side : other) >> (i % 64) & 1) != 0;
			bool		two = ((j < 64 ? side : other) >> (j % 64) & 1) != 0;

			if (one && !two && ways != 1)
				add_pair(world, mend, i, j);
			if (!one && two && ways != 2)
				add_pair(world, mend, i, j);
		}
	}
	fault_links_start(world, mend, 0);
}

/* Each of two servers with one id comes to lie on a side of its own. */
void
fault_links_part_clones(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2, 2 * faults_draw_length(world));
	uint64_t	side = sim_random(&world->fault_random);
	int32_t		clone = world->count;
	int32_t		i;
	int32_t		j;

	for (i = 0; i < world->present; i++)
	{
		for (j = 0; j < world->present; j++)
		{
			bool		one = i == clone || (i != world->clone_of && (side >> (i % 64) & 1) != 0);
			bool		two = j == clone || (j != world->clone_of && (side >> (j % 64) & 1) != 0);

			if (one != two)
				add_pair(world, mend, i, j);
		}
	}
	fault_links_start(world, mend, 0);
}

void
fault_links_add_node(World *world, Mend *mend, int32_t id, bool outward, bool inward)
{
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		if (outward)
			add_pair(world, mend, id, i);
		if (inward)
			add_pair(world, mend, i, id);
	}
}

static void
isolate(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2, faults_draw_length(world));
	uint64_t	ways = sim_below(&world->fault_random, 3);

	fault_links_add_node(world, mend, faults_choose_host(world)->place, ways != 1, ways != 2);
	fault_links_start(world, mend, 0);
}

static void
make_hub(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2, faults_draw_length(world));
	int32_t		hub = faults_choose_host(world)->place;
	int32_t		i;
	int32_t		j;

	for (i = 0; i < world->present; i++)
	{
		for (j = 0; j < world->present; j++)
		{
			if (i != hub && j != hub)
				add_pair(world, mend, i, j);
		}
	}
	fault_links_start(world, mend, 0);
}

static void
make_chain(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2, faults_draw_length(world));
	int32_t		first = faults_choose_host(world)->place;
	int32_t		i;
	int32_t		j;

	for (i = 0; i < world->present; i++)
	{
		for (j = 0; j < world->present; j++)
		{
			int32_t		a = (i + first) % world->present;
			int32_t		b = (j + first) % world->present;

			if (a - b > 1 || b - a > 1)
				add_pair(world, mend, i, j);
		}
	}
	fault_links_start(world, mend, 0);
}

static void
flap(World *world)
{
	Mend	   *mend = fault_links_new_mend(world, 2 * (1 + (int32_t) sim_below(&world->fault_random, 10)),
											faults_draw_length(world) / 4);
	int32_t		from = faults_choose_host(world)->place;
	int32_t		to = faults_choose_host(world)->place;

	add_pair(world, mend, from, to);
	if (sim_chance(&world->fault_random, 500000))
		add_pair(world, mend, to, from);
	fault_links_start(world, mend, 0);
}

static void
swizzle(World *world)
{
	uint64_t	length_ns = faults_draw_length(world);
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		Mend	   *mend;

		if (sim_chance(&world->fault_random, 400000))
			continue;
		mend = fault_links_new_mend(world, 2, length_ns);
		fault_links_add_node(world, mend, i, true, true);
		fault_links_start(world, mend, sim_below(&world->fault_random, length_ns + 1));
	}
}

static void
sever(World *world)
{
	int32_t		from = faults_choose_host(world)->place;
	int32_t		to = faults_choose_host(world)->place;

	if (from != to)
		world->links[from * world->places + to].severed = true;
}

/* No datagram passes from the one to the other for so long. */
void
fault_links_cut_for(World *world, int32_t from, int32_t to, uint64_t length_ns)
{
	Mend	   *mend = fault_links_new_mend(world, 2, length_ns);

	add_pair(world, mend, from, to);
	fault_links_start(world, mend, 0);
}

void
fault_links_strike(World *world, FaultClass fault)
{
	switch (fault)
	{
		case FAULT_PARTITION:
			partition(world);
			break;
		case FAULT_ISOLATE:
			isolate(world);
			break;
		case FAULT_HUB:
			make_hub(world);
			break;
		case FAULT_CHAIN:
			make_chain(world);
			break;
		case FAULT_FLAP:
			flap(world);
			break;
		case FAULT_SWIZZLE:
			swizzle(world);
			break;
		case FAULT_SEVER:
			sever(world);
			break;
		default:
			break;
	}
}
