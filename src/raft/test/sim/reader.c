/*-------------------------------------------------------------------------
 *
 * reader.c
 *		Sessions of users that ask whether their node leads, as
 *		lease_cell_valid_term() does: load the pair, load what is revoked, and
 *		only then look at the clock.
 *
 * A reader may stand still in between for as long as it likes.  What it says
 * must have been true when it loaded the pair.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>

static void
schedule_next(World *world, const Host *host)
{
	uint64_t	mean = world_timeout_ns(world) / 100 *
	(uint64_t) world->options.read_percent;

	world_schedule(world, world->now_ns + sim_exponential(&world->read_random, mean),
				   EVENT_READ, host->place, (uint32_t) host->body);
}

/* Of a host that comes later. */
void
reader_start(World *world, const Host *host)
{
	if (world->options.read_percent > 0)
		schedule_next(world, host);
}

void
reader_begin(World *world)
{
	int32_t		i;

	if (world->options.read_percent == 0)
		return;
	for (i = 0; i < world->count; i++)
		schedule_next(world, &world->hosts[i]);
}

static uint32_t
new_read(World *world)
{
	uint32_t	index = world->read_free;
	uint32_t	i;

	if (index == SIM_NO_PACKET)
	{
		uint32_t	room = world->read_room * 2 + 64;

		world->reads = realloc(world->reads, room * sizeof(Read));
		if (world->reads == NULL)
			abort();
		for (i = room; i > world->read_room; i--)
		{
			world->reads[i - 1].next_free = world->read_free;
			world->read_free = i - 1;
		}
		world->read_room = room;
		index = world->read_free;
	}
	world->read_free = world->reads[index].next_free;
	return index;
}

void
reader_load(World *world, Host *host)
{
	uint32_t	index = new_read(world);
	Read	   *read = &world->reads[index];
	int32_t		i;

	schedule_next(world, host);
	read->host = host->place;
	read->boot = host->boot;
	read->loaded_ns = world->now_ns;
	read->lease_term = host->cell.lease_term;
	read->lease_end_ns = host->cell.lease_end_ns;
	read->revoked_term = host->cell.revoked_term;
	read->max_valid_term = world->max_valid_term;
	read->others_valid = 0;
	for (i = 0; i < world->present; i++)
		read->others_valid += i != host->place &&
			cell_is_valid(world, &world->hosts[i]);
	if (sim_chance(&world->read_random, world->options.read_pause_ppm))
		world_schedule(world, world->now_ns +
					   sim_exponential(&world->read_random, world_timeout_ns(world)),
					   EVENT_ANSWER, host->place, index);
	else
		reader_answer(world, index);
}

void
reader_answer(World *world, uint32_t index)
{
	Read	   *read = &world->reads[index];
	Host	   *host = &world->hosts[read->host];
	uint64_t	now_ns = clock_local_ns(&host->clock, world->now_ns);

	/* With its machine the reader has gone. */
	if (read->boot == host->boot)
	{
		if (read->lease_term > read->revoked_term &&
			read->lease_end_ns > now_ns)
		{
			world_cover(world, COVER_READ_TRUE);
			if (!host->misconfigured)
				invariants_check_read(world, read);
		}
		else
		{
			world_cover(world, COVER_READ_FALSE);
			if (read->lease_term > read->revoked_term &&
				read->loaded_ns < world->now_ns)
				world_cover(world, COVER_READ_LAPSED_IN_PAUSE);
		}
	}
	read->next_free = world->read_free;
	world->read_free = index;
}
