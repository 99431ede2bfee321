/*-------------------------------------------------------------------------
 *
 * clones.c
 *		A copy of a node that runs beside the original: a virtual machine that
 *		was cloned with its data, a snapshot that was started although the
 *		machine goes on, a migration whose source was resumed.
 *
 * The copy is one of the disk.  It boots, so it has a clock, a session and a
 * silence of its own, and the original's id and state; nothing on the disk
 * shows it to be a copy (one that was made file by file is FAULT_COPY_STATE).
 * In a world it is always the same node that is cloned, one clone at a time.
 *
 * Who is reached at the node's address:
 *
 *	apart		one of the two has it.  The other one hears nothing, and what
 *				it says is dropped by the check of addresses (receiver.c).
 *	flooded		both have it, and both hear all that is sent to it.
 *	switched	both have it, and of what a peer sends, the one hears whom that
 *				peer heard last, as a switch or a cache of addresses does it.
 *
 * Links of the two are cut and mended apart from each other, so there are also
 * peers that hear one, and peers that hear the other; often the two begin on
 * sides of a partition, as a machine does that is started at a second site.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* Does the seed have such things?  A single node has nobody to notice. */
void
clones_build(World *world)
{
	world->places = world->present = world->count;
	world->clone_of = RAFT_NO_NODE;
	if ((world->options.faults >> FAULT_CLONE & 1) == 0 || world->count < 2)
		return;
	world->places++;
	world->clone_of = (int32_t) sim_below(&world->fault_random,
										  (uint64_t) world->count);
	world->speakers = calloc((size_t) world->places, sizeof(int16_t));
	if (world->speakers == NULL)
		abort();
	bodies_build(world);
}

/* NULL: there is none now. */
Host *
clones_clone(World *world)
{
	return world->present > world->count ? &world->hosts[world->count] : NULL;
}

/* Of two, does the one at that place hear what that peer sends? */
bool
clones_hears(const World *world, int32_t from, int32_t place)
{
	const Host *host = &world->hosts[place];
	const Host *other = &world->hosts[place == world->count ?
									  world->clone_of : world->count];

	return host->has_address &&
		(world->is_flooded || !other->has_address ||
		 world->speakers[from] == place);
}

static void
schedule_next(World *world)
{
	world_schedule(world, world->now_ns + 2 * faults_draw_length(world),
				   EVENT_CLONE, world->count, (uint32_t) world->clone_number);
}

static void
share_address(World *world, Host *original, Host *clone)
{
	uint64_t	way = sim_below(&world->fault_random, 8);
	int32_t		i;

	original->has_address = way != 0;
	clone->has_address = way != 1;
	world->is_flooded = way < 5;
	for (i = 0; i < world->places; i++)
		world->speakers[i] = (int16_t) original->place;
}

/* The whole machine stands still, and goes on later. */
static void
suspend(World *world, Host *host)
{
	if (!host->up)
		return;
	if (host->place == world->clone_of)
		world_cover(world, COVER_CLONE_ORIGINAL_PAUSED);
	trace_event(world, host, "is suspended");
	faults_pause_host(world, host, world->now_ns + 2 * faults_draw_length(world));
}

/* All but its memory, its place and its numbers of void events is new. */
static void
renew_host(World *world, Host *clone, const Host *original)
{
	clone->body = world->count + world->clone_number;
	clone->timings = original->timings;
	clone->position = original->position;
	clone->misconfigured = false;
	clone->id = original->id;
	clone->up = false;
	clone->lose_at_crash = false;
	clone->same_time_ticks = 0;
}

/* False: it cannot be copied now. */
bool
clones_start(World *world, bool is_snapshot)
{
	Host	   *original;
	Host	   *clone;
	uint64_t	known;

	if (world->clone_of == RAFT_NO_NODE || clones_clone(world) != NULL ||
		world->is_quiet || world->clone_number + 1 >= SIM_BODIES)
		return false;
	original = &world->hosts[world->clone_of];
	clone = &world->hosts[world->count];

	/* Amnesiacs are dull, and there are many after a clone. */
	if (original->view.standing == RAFT_AMNESIAC &&
		!sim_chance(&world->fault_random, 200000))
		return false;
	if (original->misconfigured ||
		!disk_clone(world, original, clone, is_snapshot, &known))
		return false;

	renew_host(world, clone, original);
	world->clone_number++;
	world->present++;
	ghost_clone(world, original, clone, is_snapshot);
	bodies_copied(world, clone, known);
	share_address(world, original, clone);
	host_boot(world, clone);
	world_cover(world, COVER_CLONE_STARTED);
	if (is_snapshot)
		world_cover(world, COVER_CLONE_OF_SNAPSHOT);
	if (cell_is_valid(world, original))
		world_cover(world, COVER_CLONE_OF_LEADER);
	trace_event(world, clone, "is a copy of node %d, %s%s", original->id,
				is_snapshot ? "of a former state" : "as it is now",
				!clone->has_address ? ", at another address" :
				!original->has_address ? ", and has taken its address" :
				world->is_flooded ? "; both hear all" : "; who spoke last hears");
	if (sim_chance(&world->fault_random, 300000))
		suspend(world, original);
	if (sim_chance(&world->fault_random, 400000))
	{
		world_cover(world, COVER_CLONE_PARTED);
		fault_links_part_clones(world);
	}
	world_schedule(world, world->now_ns + faults_draw_down(world), EVENT_START,
				   clone->place, (uint32_t) clone->start_number);
	reader_start(world, clone);
	schedule_next(world);
	return true;
}

/* For good; the original is alone again. */
void
clones_stop(World *world)
{
	Host	   *clone = clones_clone(world);

	if (clone == NULL)
		return;
	world_cover(world, COVER_CLONE_STOPPED);
	host_crash(world, clone, true, false, SIM_NEVER);
	trace_event(world, clone, "is stopped for good");
	world->present--;
	world->hosts[world->clone_of].has_address = true;
	world_due_changed(world, clone, SIM_NEVER);
}

static void
move_address(World *world, Host *original, Host *clone)
{
	world_cover(world, COVER_CLONE_ADDRESS_MOVED);
	share_address(world, original, clone);
	trace_event(world, NULL, "the address of node %d is that of %s",
				original->id, !clone->has_address ? "the original" :
				!original->has_address ? "the clone" : "both");
}

/* A blind fault. */
void
clones_strike(World *world)
{
	(void) clones_start(world, sim_chance(&world->fault_random, 400000));
}

/* One of the two, perhaps, has started. */
void
clones_note_start(World *world, const Host *host)
{
	if (world->present > world->count && host->id == world->clone_of &&
		world->hosts[world->clone_of].up && world->hosts[world->count].up)
		world_cover(world, COVER_CLONE_BOTH_ALIVE);
}

/* A host goes on that had stood still. */
void
clones_note_resumed(World *world, const Host *host)
{
	if (world->present > world->count && host->place == world->clone_of &&
		world->hosts[world->count].up)
		world_cover(world, COVER_CLONE_ORIGINAL_RESUMED);
}

/* The next thing that operators do to a node that runs twice. */
void
clones_befall(World *world, uint32_t number)
{
	Host	   *clone = clones_clone(world);
	Host	   *original;

	if (clone == NULL || world->is_quiet ||
		number != (uint32_t) world->clone_number)
		return;
	original = &world->hosts[world->clone_of];
	switch (sim_below(&world->fault_random, 6))
	{
		case 0:
			suspend(world, original);
			break;
		case 1:
			suspend(world, clone);
			break;
		case 2:
			/* The original is stopped, and started again by mistake. */
			host_crash(world, original, true, false, 2 * faults_draw_length(world));
			break;
		case 3:
			move_address(world, original, clone);
			break;
		default:
			clones_stop(world);
			return;
	}
	schedule_next(world);
}

/* ----------
 * Aimed
 * ----------
 */

static bool
start_aimed(World *world, const Host *host)
{
	if (host->place != world->clone_of || clones_clone(world) != NULL ||
		!sim_chance(&world->fault_random, world->options.clone_ppm) ||
		!clones_start(world, false))
		return false;
	world_cover(world, COVER_AIMED_CLONE);
	return true;
}

/* Its vote is on disk, and nobody knows of it yet. */
void
clones_vote_durable(World *world, Host *host)
{
	if (start_aimed(world, host))
		world_cover(world, COVER_CLONE_WITH_FRESH_VOTE);
}

void
clones_lease_begins(World *world, Host *host)
{
	(void) start_aimed(world, host);
}
