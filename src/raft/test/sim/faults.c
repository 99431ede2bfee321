/*-------------------------------------------------------------------------
 *
 * faults.c
 *		What goes wrong blindly, at any time.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* Any of them. */
Host *
faults_choose_host(World *world)
{
	return &world->hosts[sim_below(&world->fault_random, (uint64_t) world->present)];
}

uint64_t
faults_draw_length(World *world)
{
	return sim_exponential(&world->fault_random, world_timeout_ns(world) / 100 *
						   (uint64_t) world->options.fault_length_percent);
}

/* How long something stays down; often it comes back at once. */
uint64_t
faults_draw_down(World *world)
{
	return sim_chance(&world->fault_random, 300000) ? 0 : faults_draw_length(world);
}

static void
schedule_next(World *world)
{
	uint64_t	mean = world_timeout_ns(world) / 100 *
	(uint64_t) world->options.fault_percent;

	world_schedule(world, world->now_ns + sim_exponential(&world->fault_random, mean),
				   EVENT_FAULT, 0, 0);
}

void
faults_begin(World *world)
{
	if (world->options.faults != 0)
		schedule_next(world);
}

/* ----------
 * Hosts
 * ----------
 */

/* What it says next reaches also those that have not heard it so far. */
void
faults_mend_way_out(World *world, const Host *host)
{
	int32_t		i;

	for (i = 0; i < world->places; i++)
		world->links[host->place * world->places + i].cuts = 0;
}

static void
crash_all(World *world)
{
	int32_t		i;

	for (i = 0; i < world->present; i++)
		host_crash(world, &world->hosts[i], true, false, faults_draw_down(world));
}

/* The server stops and starts again; its machine and clock go on. */
static void
shut_down(World *world, Host *host)
{
	if (!host->up || host->dying)
		return;
	if (sim_chance(&world->fault_random, 500000) && ticker_is_free(world, host))
	{
		/* The ticker was quicker than its sender. */
		(void) host_step_down(world, host, RAFT_REASON_SHUTDOWN);
		if (!host->up)
			return;
	}
	sender_speak_last_words(world, host);
	host_crash(world, host, false, true, faults_draw_down(world));
	memset(&host->cell, 0, sizeof(Cell));
	host->published = false;
}

static void
end_sender(World *world, Host *host)
{
	if (!host->up || host->dying)
		return;
	if (sim_chance(&world->fault_random, 500000))
		faults_mend_way_out(world, host);
	sender_speak_last_words(world, host);
	world_schedule(world, world->now_ns + faults_draw_length(world) / 4,
				   EVENT_EXIT_TICKER, host->place, (uint32_t) host->start_number);
}

/* Some node must be left that tells the others that they are not new. */
bool
faults_may_declare_new(World *world, const Host *host)
{
	return !world->born || disk_has_keeper(world, host);
}

void
faults_lose_state(World *world, Host *host, bool declared_new)
{
	if (declared_new && !faults_may_declare_new(world, host))
		return;
	host_crash(world, host, sim_chance(&world->fault_random, 700000), false,
			   faults_draw_down(world));
	disk_lose(world, host, declared_new);
}

void
faults_lose_at_crash(World *world, Host *host)
{
	if (!host->lose_at_crash)
		return;
	host->lose_at_crash = false;
	world_cover(world, COVER_AIMED_GRANT_LOSS);
	disk_lose(world, host, host->declare_new_at_crash && faults_may_declare_new(world, host));
}

static void
misconfigure(World *world, Host *host)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (world->hosts[i].misconfigured)
			host = &world->hosts[i];
	}
	if (host->id == world->clone_of && world->present > world->count)
		return;
	if (!host->misconfigured && (world->count == 1 || world->count == RAFT_MAX_NODES ||
								 !disk_has_keeper(world, host)))
		return;
	host_crash(world, host, true, false, faults_draw_down(world));
	host->misconfigured = !host->misconfigured;
}

static void
pause_sender(World *world, Host *host, uint64_t until_ns)
{
	host->sender_paused_ns = until_ns;
	world_schedule(world, until_ns, EVENT_RESUME_SENDER, host->place,
				   (uint32_t) host->start_number);
}

static void
pause_receiver(World *world, Host *host, uint64_t until_ns)
{
	host->receiver_paused_ns = until_ns;
	world_schedule(world, until_ns, EVENT_RESUME_RECEIVER, host->place,
				   (uint32_t) host->start_number);
}

/* All of it. */
void
faults_pause_host(World *world, Host *host, uint64_t until_ns)
{
	if (!host->up)
		return;
	pause_sender(world, host, until_ns);
	pause_receiver(world, host, until_ns);
	ticker_pause(world, host, until_ns);
}

static void
pause_some(World *world, Host *host, FaultClass fault)
{
	uint64_t	until_ns = world->now_ns + faults_draw_length(world);

	if (!host->up)
		return;
	if (fault == FAULT_PAUSE_HOST)
		faults_pause_host(world, host, until_ns);
	else if (fault == FAULT_PAUSE_SENDER)
		pause_sender(world, host, until_ns);
	else if (fault == FAULT_PAUSE_RECEIVER)
		pause_receiver(world, host, until_ns);
	else
		ticker_pause(world, host, until_ns);
	if (fault == FAULT_PAUSE_HOST || fault == FAULT_PAUSE_TICKER)
		host->lose_ack = sim_chance(&world->fault_random, world->options.first_ack_ppm);
	trace_event(world, host, "%s", options_fault_name(fault));
}

/* A leader, if there is one that listens. */
static Host *
choose_leader(World *world)
{
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		Host	   *host = &world->hosts[i];

		if (ticker_is_free(world, host) && host->view.role == RAFT_LEADER)
			return host;
	}
	return faults_choose_host(world);
}

static void
transfer(World *world)
{
	Host	   *host = choose_leader(world);
	int32_t		successor = faults_choose_host(world)->id;

	if (ticker_is_free(world, host) &&
		host_transfer(world, host, successor) == RAFT_NOT_FIT)
		world_cover(world, COVER_TRANSFER_NOT_FIT);
}

/* A leader has to write, and its disk is in trouble just then. */
static void
reload_on_sick_disk(World *world, Host *host)
{
	host->timings = host->view.timings;
	host->timings.election_timeout_min_ns += host->timings.heartbeat_interval_ns;
	host->timings.election_timeout_max_ns += host->timings.heartbeat_interval_ns;
	if (raft_check_timings(&host->timings) != NULL)
		host->timings = host->view.timings;
	if (world->options.uneven_priorities && sim_chance(&world->fault_random, 300000))
		host->timings.priority = 0;
	if (sim_chance(&world->fault_random, 500000))
		host->disk.failing_until_ns = world->now_ns + SIM_MS;
	host->disk.slow_until_ns = world->now_ns + SIM_MS;
	host->disk.stuck_ns = sim_between_log(&world->fault_random, SIM_MS,
										  3 * world_timeout_ns(world));
	(void) host_reload(world, host);
}

static void
reload(World *world, Host *host)
{
	uint64_t	former_ns = raft_promise_ns(&host->timings);
	int64_t		uneven = world->options.uneven_timings;

	if (uneven == 0)
		world->options.uneven_timings = 1;
	world_first_timings(world, host, &host->timings);
	world->options.uneven_timings = uneven;
	if (!ticker_is_free(world, host))
		return;
	if (host->view.standing == RAFT_MEMBER)
		world_cover(world, raft_promise_ns(&host->timings) > former_ns ?
					COVER_PROMISE_RAISED : COVER_PROMISE_LOWERED);
	(void) host_reload(world, host);
}

static void
forget_state(World *world)
{
	Host	   *host = faults_choose_host(world);
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		if (world->hosts[i].up && world->hosts[i].view.standing == RAFT_AMNESIAC &&
			sim_chance(&world->fault_random, 500000))
			host = &world->hosts[i];
	}
	if (ticker_is_free(world, host))
		(void) host_forget_state(world, host);
}

static void
move_position(World *world, Host *host)
{
	uint64_t	words[2];

	memcpy(words, host->position.bytes, sizeof(words));
	words[1] += sim_below(&world->fault_random, 3);
	if (sim_chance(&world->fault_random, 50000))
		words[0] = sim_below(&world->fault_random, 2);
	memcpy(host->position.bytes, words, sizeof(words));
	if (ticker_is_free(world, host))
		(void) host_move_position(world, host);
}

static void
slew_clock(World *world, Host *host)
{
	int64_t		greatest = world->options.clock_ppm;

	clock_set_rate(&host->clock, world->now_ns,
				   (int64_t) sim_below(&world->fault_random, 2 * (uint64_t) greatest + 1) - greatest);
	if (host->cell.lease_end_ns != 0)
		host->cell.valid_until_ns = clock_real_ns(&host->clock, host->cell.lease_end_ns);
	ticker_reschedule(world, host);
}

/* ----------
 * Blindly
 * ----------
 */

/* After these a node is lost to the rest for long. */
#define HEAVY_CLASSES \
	(INT64_C(1) << FAULT_SEVER | INT64_C(1) << FAULT_LOSE_STATE | \
	 INT64_C(1) << FAULT_LOSE_DECLARED_NEW | INT64_C(1) << FAULT_COPY_STATE | \
	 INT64_C(1) << FAULT_ROLL_BACK | INT64_C(1) << FAULT_MISCONFIGURE)

static FaultClass
choose_class(World *world)
{
	FaultClass	fault;

	do
		fault = (FaultClass) sim_below(&world->fault_random, FAULT_CLASSES);
	while ((world->options.faults >> fault & 1) == 0);
	return fault;
}

void
faults_strike(World *world)
{
	Host	   *host = faults_choose_host(world);
	FaultClass	fault;

	if (world->is_quiet)
		return;
	fault = choose_class(world);
	if ((HEAVY_CLASSES >> fault & 1) != 0 &&
		!sim_chance(&world->fault_random, 150000))
	{
		schedule_next(world);
		return;
	}
	world_cover(world, (Coverage) (COVER_FAULTS + fault));
	trace_event(world, NULL, "fault: %s", options_fault_name(fault));
	switch (fault)
	{
		case FAULT_PARTITION:
		case FAULT_ISOLATE:
		case FAULT_HUB:
		case FAULT_CHAIN:
		case FAULT_FLAP:
		case FAULT_SWIZZLE:
		case FAULT_SEVER:
			fault_links_strike(world, fault);
			break;
		case FAULT_CRASH_HOST:
			host_crash(world, host, true, false, faults_draw_down(world));
			break;
		case FAULT_CRASH_PIPELINE:
			host_crash(world, host, false, sim_chance(&world->fault_random, 500000),
					   faults_draw_down(world));
			break;
		case FAULT_CRASH_ALL:
			crash_all(world);
			break;
		case FAULT_SHUTDOWN:
			shut_down(world, host);
			break;
		case FAULT_SENDER_ENDS:
			end_sender(world, sim_chance(&world->fault_random, 500000) ?
					   choose_leader(world) : host);
			break;
		case FAULT_DISK_SLOW:
			host->disk.slow_until_ns = world->now_ns + faults_draw_length(world);
			host->disk.stuck_ns = sim_between_log(&world->fault_random, SIM_MS,
												  10 * world_timeout_ns(world));
			break;
		case FAULT_DISK_FAILS:
			host->disk.failing_until_ns = world->now_ns + faults_draw_length(world);
			break;
		case FAULT_LOSE_STATE:
			faults_lose_state(world, host, false);
			break;
		case FAULT_LOSE_DECLARED_NEW:
			faults_lose_state(world, host, true);
			break;
		case FAULT_COPY_STATE:
			host_crash(world, host, true, false, faults_draw_down(world));
			disk_copy(world, host);
			break;
		case FAULT_ROLL_BACK:
			host_crash(world, host, true, false, faults_draw_down(world));
			(void) disk_roll_back(world, host);

			/* It may not be able to write that it was told so. */
			if (sim_chance(&world->fault_random, 500000))
				host->disk.failing_until_ns = world->now_ns + 10 * faults_draw_length(world);
			break;
		case FAULT_CLONE:
			clones_strike(world);
			break;
		case FAULT_PAUSE_TICKER:
		case FAULT_PAUSE_SENDER:
		case FAULT_PAUSE_RECEIVER:
		case FAULT_PAUSE_HOST:
			pause_some(world, sim_chance(&world->fault_random, 500000) ?
					   choose_leader(world) : host, fault);
			break;
		case FAULT_TRANSFER:
			transfer(world);
			break;
		case FAULT_STEP_DOWN:
			host = choose_leader(world);
			if (sim_chance(&world->fault_random, 500000))
				faults_mend_way_out(world, host);
			if (ticker_is_free(world, host))
				(void) host_step_down(world, host, RAFT_REASON_STEP_DOWN);
			break;
		case FAULT_RELOAD:
			host = sim_chance(&world->fault_random, 300000) ? choose_leader(world) : host;
			if (ticker_is_free(world, host) && host->view.role == RAFT_LEADER)
				reload_on_sick_disk(world, host);
			else
				reload(world, host);
			break;
		case FAULT_FORGET_STATE:
			forget_state(world);
			break;
		case FAULT_MISCONFIGURE:
			misconfigure(world, host);
			break;
		case FAULT_POSITION:
			move_position(world, host);
			break;
		case FAULT_CLOCK_RATE:
			slew_clock(world, host);
			break;
		case FAULT_CLASSES:
			break;
	}
	schedule_next(world);
}

/* No more of it; what is broken stays broken. */
void
faults_end(World *world)
{
	SimOptions *options = &world->options;

	world->is_quiet = true;
	options->flip_ppm = 0;
	options->forge_ppm = 0;
	options->duplicate_ppm = 0;
	options->crash_step_ppm = 0;
	options->drop_ppm = 0;
	options->hold_ppm = 0;
	options->grant_crash_ppm = 0;
	options->handover_crash_ppm = 0;
	options->lease_edge_ppm = 0;
	options->promise_edge_ppm = 0;
	options->ack_loss_ppm = 0;
	options->wipe_ppm = 0;
	options->roll_back_ppm = 0;
	options->clone_ppm = 0;
	options->ticker_late_us = 0;
}
