/*-------------------------------------------------------------------------
 *
 * study.c
 *		Long runs and many runs for figures, and the simulator's check of
 *		itself.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* A lease after a failover within this part of the timeout, in 99 of 100. */
#define TARGET_PERCENT		110

/* What the extension's defaults are, on an ordinary network and disk. */
static void
choose_ordinary(SimOptions *options, int64_t nodes, int64_t round_trip_us)
{
	memset(options, 0, sizeof(SimOptions));
	options->nodes = nodes;
	options->timeout_min_ms = 1000;
	options->heartbeats = 10;
	options->timeout_max_percent = 150;
	options->drift_ppm = 10000;
	options->clock_ppm = 500;
	options->delay_kind = 1;
	options->delay_us = round_trip_us / 2;
	options->loss_ppm = 10000;
	options->copies = 1;
	options->queue_room = 64 + 4 * nodes;
	options->disk_us = 3000;
	options->fault_percent = 100;
	options->fault_length_percent = 100;
}

/* ----------
 * An idle cluster stays as it is
 * ----------
 */

int
study_quiet(uint64_t seed, uint64_t seconds)
{
	World	   *world = world_new();
	SimOptions	options;
	int			status;

	choose_ordinary(&options, 5, 1000);
	world_build(world, &options, seed);
	world_run_until(world, seconds * SIM_S);
	printf("%llu s of 5 healthy nodes, 1 %% loss: %llu elections, term %llu, %llu events%s%s\n",
		   (unsigned long long) seconds,
		   (unsigned long long) world->coverage[COVER_ELECTED],
		   (unsigned long long) world->max_term,
		   (unsigned long long) world->event_count,
		   world->failed ? ": " : "", world->failure);
	status = world->failed || world->coverage[COVER_ELECTED] != 1 ||
		world->leader_changes != 1;
	if (status != 0)
		printf("expected one election, and no other\n");
	world_clear(world);
	world_free(world);
	return status;
}

/* ----------
 * A leader dies, over and over
 * ----------
 */

static Host *
find_leader(World *world)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (cell_is_valid(world, &world->hosts[i]))
			return &world->hosts[i];
	}
	return NULL;
}

static Host *
await_leader(World *world)
{
	Host	   *leader = find_leader(world);
	uint64_t	end_ns = world->now_ns + 600 * SIM_S;

	while (!world->failed && world->now_ns < end_ns && leader == NULL &&
		   world_step(world, end_ns))
		leader = find_leader(world);
	return leader;
}

/* Kill the leader at a random moment; how long until the next lease? */
static uint64_t
measure_death(World *world)
{
	Host	   *leader;
	uint64_t	died_ns;

	/* Those who follow need time to hear of it, and the last dead one, too. */
	world_run_until(world, world->now_ns + 2 * SIM_S +
					sim_below(&world->fault_random, SIM_S));
	leader = await_leader(world);
	if (leader == NULL)
		return SIM_NEVER;
	died_ns = world->now_ns;
	host_crash(world, leader, true, false, SIM_NEVER);
	if (await_leader(world) == NULL)
		return SIM_NEVER;
	died_ns = world->now_ns - died_ns;
	world_schedule(world, world->now_ns, EVENT_START, leader->id,
				   (uint32_t) leader->start_number);
	return died_ns;
}

static int
compare_lengths(const void *a, const void *b)
{
	uint64_t	one = *(const uint64_t *) a;
	uint64_t	other = *(const uint64_t *) b;

	return one < other ? -1 : one > other;
}

static int
print_row(uint64_t *lengths, int64_t deaths, int64_t nodes, int64_t round_trip_us)
{
	uint64_t	p99;

	qsort(lengths, (size_t) deaths, sizeof(uint64_t), compare_lengths);
	p99 = lengths[deaths * 99 / 100];
	printf("%5lld %7.1f %8lld %8.0f %8.0f %8.0f %8.0f %9.3f%s\n",
		   (long long) nodes, (double) round_trip_us / 1000, (long long) deaths,
		   (double) lengths[deaths / 2] / SIM_MS,
		   (double) lengths[deaths * 9 / 10] / SIM_MS,
		   (double) p99 / SIM_MS, (double) lengths[deaths - 1] / SIM_MS,
		   (double) p99 / SIM_S, p99 > TARGET_PERCENT * SIM_S / 100 ? "  too long" : "");
	fflush(stdout);
	return p99 > TARGET_PERCENT * SIM_S / 100;
}

static int
measure_row(uint64_t seed, int64_t deaths, int64_t nodes, int64_t round_trip_us)
{
	World	   *world = world_new();
	uint64_t   *lengths = calloc((size_t) deaths, sizeof(uint64_t));
	SimOptions	options;
	int			status;
	int64_t		i;

	if (lengths == NULL)
		abort();
	choose_ordinary(&options, nodes, round_trip_us);
	world_build(world, &options, seed);
	for (i = 0; i < deaths && !world->failed; i++)
		lengths[i] = measure_death(world);
	if (world->failed)
	{
		printf("%s\n", world->failure);
		status = 1;
	}
	else
		status = print_row(lengths, deaths, nodes, round_trip_us);
	free(lengths);
	world_clear(world);
	world_free(world);
	return status;
}

int
study_failover(uint64_t seed, int64_t deaths, int64_t fixed_nodes)
{
	static const int64_t sizes[] = {3, 5, 9, 25, 101};
	static const int64_t round_trips_us[] = {500, 10000};
	int			status = 0;
	size_t		n;
	size_t		r;

	if (deaths < 1)
		return 2;
	printf("A leader's death to the next valid lease, in ms; timeout 1000 ms, heartbeat 100 ms, 1 %% loss, writes 3 ms\n");
	printf("    N  RTT/ms   deaths      p50      p90      p99      max  p99/T_min\n");
	for (r = 0; r < ARRAY_SIZE(round_trips_us); r++)
	{
		for (n = 0; n < ARRAY_SIZE(sizes); n++)
		{
			if (fixed_nodes == 0 || fixed_nodes == sizes[n])
				status |= measure_row(seed, deaths, sizes[n], round_trips_us[r]);
		}
	}
	return status;
}

/* ----------
 * Would it be seen?
 * ----------
 */

/*
 * Clocks that run faster and slower than the settings allow break the lease,
 * and nothing else: elections rest on no clock.
 */
int
study_self_check(uint64_t first, uint64_t count)
{
	static const int of_elections[] = {1, 3, 4, 9, 10};
	World	   *world = world_new();
	uint64_t	leases = 0;
	uint64_t	elections = 0;
	uint64_t	i;
	size_t		c;
	int64_t		all = -1;

	for (i = 0; i < count; i++)
	{
		SimOptions	options;
		int			pass;

		for (pass = 0; pass < 2; pass++)
		{
			options_draw(&options, first + i);
			if (options.nodes < 3)
				options.nodes = 3;
			options.drift_ppm = 1000;
			options.clock_ppm = 400000;
			options.liveness = 0;
			options.faults &= ~(INT64_C(1) << FAULT_ROLL_BACK |
								INT64_C(1) << FAULT_FORGET_STATE |
								INT64_C(1) << FAULT_CLONE);
			options.ignored = all;
			if (pass == 0)
				options.ignored &= ~(INT64_C(1) << 2);
			for (c = 0; pass == 1 && c < ARRAY_SIZE(of_elections); c++)
				options.ignored &= ~(INT64_C(1) << of_elections[c]);
			batch_run_seed(world, &options, first + i);
			if (pass == 0)
				leases += world->failed;
			else if (world->failed)
			{
				elections++;
				printf("seed %llu: %s\n", (unsigned long long) (first + i), world->failure);
			}
			world_clear(world);
		}
	}
	world_free(world);
	printf("clocks beyond the allowance, %llu seeds: two valid leases in %llu, elections broken in %llu\n",
		   (unsigned long long) count, (unsigned long long) leases,
		   (unsigned long long) elections);
	if (leases == 0)
		printf("the simulator would not see two leases\n");
	return leases == 0 || elections > 0;
}
