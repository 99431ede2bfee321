/*-------------------------------------------------------------------------
 *
 * faults.c
 *		What goes wrong: blindly, at any time, and aimed at the moments that
 *		matter.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static Host *
choose_host(World *world)
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
 * Links
 * ----------
 */

static Mend *
new_mend(World *world, int32_t turns, uint64_t length_ns)
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

static void
start_mend(World *world, Mend *mend, uint64_t after_ns)
{
	world_schedule(world, world->now_ns + after_ns, EVENT_MEND, 0,
				   (uint32_t) (mend - world->mends));
}

/* The links of it are cut, or mended, in turns. */
void
faults_mend(World *world, uint32_t index)
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
		start_mend(world, mend, sim_exponential(&world->fault_random, mend->length_ns));
}

static void
partition(World *world)
{
	Mend	   *mend = new_mend(world, 2, faults_draw_length(world));
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
	start_mend(world, mend, 0);
}

/* Each of two servers with one id comes to lie on a side of its own. */
void
faults_part_clones(World *world)
{
	Mend	   *mend = new_mend(world, 2, 2 * faults_draw_length(world));
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
	start_mend(world, mend, 0);
}

static void
add_node(World *world, Mend *mend, int32_t id, bool outward, bool inward)
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
	Mend	   *mend = new_mend(world, 2, faults_draw_length(world));
	uint64_t	ways = sim_below(&world->fault_random, 3);

	add_node(world, mend, choose_host(world)->place, ways != 1, ways != 2);
	start_mend(world, mend, 0);
}

static void
make_hub(World *world)
{
	Mend	   *mend = new_mend(world, 2, faults_draw_length(world));
	int32_t		hub = choose_host(world)->place;
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
	start_mend(world, mend, 0);
}

static void
make_chain(World *world)
{
	Mend	   *mend = new_mend(world, 2, faults_draw_length(world));
	int32_t		first = choose_host(world)->place;
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
	start_mend(world, mend, 0);
}

static void
flap(World *world)
{
	Mend	   *mend = new_mend(world, 2 * (1 + (int32_t) sim_below(&world->fault_random, 10)),
								faults_draw_length(world) / 4);
	int32_t		from = choose_host(world)->place;
	int32_t		to = choose_host(world)->place;

	add_pair(world, mend, from, to);
	if (sim_chance(&world->fault_random, 500000))
		add_pair(world, mend, to, from);
	start_mend(world, mend, 0);
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
		mend = new_mend(world, 2, length_ns);
		add_node(world, mend, i, true, true);
		start_mend(world, mend, sim_below(&world->fault_random, length_ns + 1));
	}
}

static void
sever(World *world)
{
	int32_t		from = choose_host(world)->place;
	int32_t		to = choose_host(world)->place;

	if (from != to)
		world->links[from * world->places + to].severed = true;
}

/* ----------
 * Hosts
 * ----------
 */

/* What it says next reaches also those that have not heard it so far. */
static void
mend_way_out(World *world, const Host *host)
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
		mend_way_out(world, host);
	sender_speak_last_words(world, host);
	world_schedule(world, world->now_ns + faults_draw_length(world) / 4,
				   EVENT_EXIT_TICKER, host->place, (uint32_t) host->start_number);
}

/* Some node must be left that tells the others that they are not new. */
static bool
may_declare_new(World *world, const Host *host)
{
	return !world->born || disk_has_keeper(world, host);
}

static void
lose_state(World *world, Host *host, bool declared_new)
{
	if (declared_new && !may_declare_new(world, host))
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
	disk_lose(world, host, host->declare_new_at_crash && may_declare_new(world, host));
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
	return choose_host(world);
}

static void
transfer(World *world)
{
	Host	   *host = choose_leader(world);
	int32_t		successor = choose_host(world)->id;

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
	Host	   *host = choose_host(world);
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
	Host	   *host = choose_host(world);
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
			lose_state(world, host, false);
			break;
		case FAULT_LOSE_DECLARED_NEW:
			lose_state(world, host, true);
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
				mend_way_out(world, host);
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

/* ----------
 * Aimed
 * ----------
 */

static void
cut_for(World *world, int32_t from, int32_t to, uint64_t length_ns)
{
	Mend	   *mend = new_mend(world, 2, length_ns);

	add_pair(world, mend, from, to);
	start_mend(world, mend, 0);
}

/* Does anybody but these two know that term, or may yet? */
static bool
is_known_to_a_third(const World *world, const Host *one, const Host *other,
					uint64_t term)
{
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		const Host *host = &world->hosts[i];
		const Disk *disk = &host->disk;

		if (host != one && host != other &&
			(disk->content != DISK_RECORD || disk->has_stray ||
			 host->misconfigured || disk->misconfigured ||
			 disk->confirmed.standing != RAFT_MEMBER ||
			 disk->confirmed.term >= term ||
			 (host->writing && host->record.term >= term)))
			return true;
	}
	return false;
}

/* What it has sent and is still under way never arrives. */
static void
damage_packets_of(World *world, const Host *host)
{
	size_t		i;

	for (i = 0; i < world->heap_count; i++)
	{
		Packet	   *packet = &world->packets[world->heap[i].index];

		if ((EventKind) (world->heap[i].order >> 8 & 0xff) == EVENT_PACKET &&
			packet->from == host->place)
		{
			memset(packet->bytes, 0, sizeof(packet->bytes));
			packet->damaged = true;
		}
	}
}

/*
 * Two know of a term: a candidate, and the voter, which loses its state before
 * it can say so.  The candidate is rolled back to before its candidacy, and
 * cut off from all that can tell it so, until the voter may have its report.
 * The rest alone is no majority, so that nobody else moves on.  What it had
 * on disk when it asked for pre-votes others have seen, so who has forgotten
 * that too can be told; who has forgotten no more than the candidacy cannot.
 */
static void
roll_back_candidate(World *world, Host *voter)
{
	Host	   *candidate = &world->hosts[voter->record.vote];
	uint64_t	term = voter->record.term;
	uint32_t	further = sim_chance(&world->fault_random, 500000) ? 0 : 1;
	int32_t		i;

	if (world->count < 3 || world->count - 2 >= world->count / 2 + 1 ||
		!candidate->up || candidate->misconfigured || candidate->writing ||
		candidate->disk.has_stray || candidate->disk.confirmed.term != term ||
		is_known_to_a_third(world, voter, candidate, term))
		return;
	damage_packets_of(world, candidate);
	host_crash(world, candidate, true, false, 0);
	if (!disk_roll_back_before(world, candidate, term, further))
		return;
	world_cover(world, COVER_AIMED_ROLL_BACK);
	mend_way_out(world, candidate);
	for (i = 0; i < world->present; i++)
	{
		if (i != voter->place && i != candidate->place)
			cut_for(world, i, candidate->place, 2 * SIM_S);
	}
	voter->crash_step = CRASH_BEFORE_SEND;
	voter->lose_at_crash = true;
	voter->declare_new_at_crash = false;
}

/* Its vote for another is on disk, and nobody knows of it yet. */
void
faults_vote_durable(World *world, Host *host)
{
	static const CrashStep steps[] = {
		CRASH_WRITTEN, CRASH_BEFORE_PUBLISH, CRASH_BEFORE_SEND,
		CRASH_WHILE_SENDING, CRASH_AFTER_SENDING, CRASH_AFTER_SENDING
	};

	if (!world->is_quiet &&
		sim_chance(&world->fault_random, world->options.roll_back_ppm))
		roll_back_candidate(world, host);
	clones_vote_durable(world, host);
	if (!sim_chance(&world->fault_random, world->options.grant_crash_ppm))
		return;
	world_cover(world, COVER_AIMED_GRANT_CRASH);
	host->crash_step = steps[sim_below(&world->fault_random, 6)];
	host->sends_before_crash = 0;
	if (sim_chance(&world->fault_random, world->options.grant_loss_ppm))
	{
		host->lose_at_crash = true;
		host->declare_new_at_crash = sim_chance(&world->fault_random, 500000);

		/* The only other one that surely knows of that term. */
		if (sim_chance(&world->fault_random, 300000))
			lose_state(world, &world->hosts[host->record.vote],
					   host->declare_new_at_crash);
	}
}

/* It knows that its state is lost, and could not write so. */
void
faults_loss_unwritten(World *world, Host *host)
{
	if (!world->is_quiet && sim_chance(&world->fault_random, 500000))
		host->crash_step = CRASH_AFTER_SENDING;
}

/* A message has left the core, and perhaps the host. */
void
faults_message_left(World *world, Host *host, const RaftMessage *message)
{
	const SimOptions *options = &world->options;

	if (world->is_quiet)
		return;
	if (message->type == RAFT_MESSAGE_TIMEOUT_NOW &&
		sim_chance(&world->fault_random, options->handover_crash_ppm))
	{
		world_cover(world, COVER_AIMED_HANDOVER);
		switch (sim_below(&world->fault_random, 3))
		{
			case 0:
				host->crash_step = CRASH_WHILE_SENDING;
				host->sends_before_crash = (int32_t) sim_below(&world->fault_random, 3);
				break;
			case 1:
				cut_for(world, message->to, choose_host(world)->place,
						world_timeout_ns(world));
				break;
			default:
				ticker_pause(world, host, world->now_ns +
							 sim_exponential(&world->fault_random, world_timeout_ns(world)));
				break;
		}
	}
	if (message->type == RAFT_MESSAGE_HEARTBEAT_ACK &&
		sim_chance(&world->fault_random, options->ack_loss_ppm))
	{
		Mend	   *mend = new_mend(world, 2, 2 * world_timeout_ns(world));

		world_cover(world, COVER_AIMED_ACK_LOSS);
		add_node(world, mend, message->to, true, false);
		mend->pairs[message->to * world->places + host->place] = 0;
		start_mend(world, mend, 0);
		host->crash_step = CRASH_AFTER_SENDING;
		host->lose_at_crash = true;
		host->declare_new_at_crash = true;
	}
	if (message->type == RAFT_MESSAGE_HEARTBEAT_ACK &&
		sim_chance(&world->fault_random, options->promise_edge_ppm))
	{
		world_cover(world, COVER_AIMED_PROMISE_EDGE);
		cut_for(world, message->to, host->place,
				message->promise_ns / 2 + sim_below(&world->fault_random, message->promise_ns));
	}
}

/*
 * All whose disks tell of that term come up as new nodes, and meet those that
 * never heard of it.
 */
static void
wipe_term(World *world, Host *leader, uint64_t term)
{
	bool		is_unknown = false;
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		const Disk *disk = &world->hosts[i].disk;

		is_unknown |= disk->content == DISK_RECORD && !disk->has_stray &&
			disk->confirmed.standing == RAFT_MEMBER &&
			disk->confirmed.term < term && !world->hosts[i].writing &&
			!world->hosts[i].misconfigured;
	}
	if (!is_unknown)
		return;
	world_cover(world, COVER_AIMED_WIPE);
	for (i = 0; i < world->present; i++)
	{
		Host	   *host = &world->hosts[i];

		mend_way_out(world, host);
		if (host == leader || host->disk.confirmed.term < term)
			continue;
		host_crash(world, host, true, false, 0);
		disk_lose(world, host, may_declare_new(world, host));
	}
	leader->crash_step = CRASH_AFTER_SENDING;
	leader->lose_at_crash = true;
	leader->declare_new_at_crash = true;
}

/* A leader that sleeps just until its lease ends, a little less or more. */
void
faults_lease_raised(World *world, Host *host, bool is_new)
{
	uint64_t	span = world_timeout_ns(world) / 20 + 1;

	if (is_new && !world->is_quiet &&
		sim_chance(&world->fault_random, world->options.wipe_ppm))
		wipe_term(world, host, host->cell.lease_term);
	if (is_new)
		clones_lease_begins(world, host);
	if (world->is_quiet ||
		!sim_chance(&world->fault_random, world->options.lease_edge_ppm))
		return;
	world_cover(world, COVER_AIMED_LEASE_EDGE);
	host->lose_ack = sim_chance(&world->fault_random, world->options.first_ack_ppm);
	ticker_pause(world, host, host->cell.valid_until_ns - span / 2 +
				 sim_below(&world->fault_random, span));
}
