/*-------------------------------------------------------------------------
 *
 * batch.c
 *		Many seeds, in several processes.
 *
 * Each process takes every so-many-eth seed and reports through a pipe: what a
 * seed finds depends on the seed alone.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A batch of at least so many seeds owes every coverage counter. */
#define LARGE_BATCH				2000

/* One seed in so many is run a second time, with early ticks (I11). */
#define TWIN_INTERVAL			16

/* What a worker tells at its end. */
typedef struct Report
{
	uint64_t	seeds;
	uint64_t	events;
	uint64_t	hash;			/* of all its seeds' */
	uint64_t	claims_over;
	uint64_t	coverage[COVER_COUNT];
	bool		failed;
	uint64_t	failed_seed;
	bool		failed_as_twin; /* with early ticks */
	char		failure[600];
} Report;

void
batch_choose_options(const BatchSettings *settings, uint64_t seed,
					 SimOptions *options)
{
	options_draw(options, seed);
	if (settings->fixed_nodes != 0)
	{
		options->nodes = settings->fixed_nodes;
		if (options->queue_room < 4 * options->nodes && options->queue_room > 16)
			options->queue_room = 64 + 4 * options->nodes;
	}
	if (settings->fixed_steps != 0)
		options->steps = settings->fixed_steps;
	if (!options_override(options, settings->overrides))
	{
		fprintf(stderr, "sim: OPTIONS has an unknown name or no value: %s\n",
				settings->overrides);
		exit(2);
	}
}

/* The world is left as it is at the end; the caller clears it. */
void
batch_run_seed(World *world, const SimOptions *options, uint64_t seed)
{
	bool		tracing = world->tracing;

	world_build(world, options, seed);
	world->tracing = tracing;
	world_run_events(world, (uint64_t) options->steps);
	if (!world->failed && options->liveness)
		liveness_run(world);
}

/* The same once more, with ticks when nothing is due: it must not matter. */
static void
run_twin(const SimOptions *options, uint64_t seed, uint64_t hash,
		 Report *report)
{
	World	   *twin = world_new();
	SimOptions	changed = *options;

	changed.early_ticks = 1;
	batch_run_seed(twin, &changed, seed);
	report->events += twin->event_count;
	if (twin->failed || twin->hash != hash)
	{
		report->failed = true;
		report->failed_seed = seed;
		report->failed_as_twin = true;
		snprintf(report->failure, sizeof(report->failure), "%s",
				 twin->failed ? twin->failure :
				 "I11 (deadlines are exact) broken: with early ticks the run is another one");
	}
	world_clear(twin);
	world_free(twin);
}

static void
run_share(const BatchSettings *settings, uint64_t share, Report *report)
{
	World	   *world = world_new();
	uint64_t	i;
	int			item;

	memset(report, 0, sizeof(Report));
	for (i = share; i < settings->count && !report->failed;
		 i += (uint64_t) settings->jobs)
	{
		SimOptions	options;
		uint64_t	seed = settings->first + i;

		batch_choose_options(settings, seed, &options);
		batch_run_seed(world, &options, seed);
		report->seeds++;
		report->events += world->event_count;
		report->claims_over += world->claims_over;
		report->hash += world->hash * (seed * 2 + 1);
		for (item = 0; item < COVER_COUNT; item++)
			report->coverage[item] += world->coverage[item];
		if (world->failed)
		{
			report->failed = true;
			report->failed_seed = seed;
			memcpy(report->failure, world->failure, sizeof(world->failure));
		}
		else if (seed % TWIN_INTERVAL == 0 && options.early_ticks == 0 &&
				 (options.ignored >> 11 & 1) == 0)
			run_twin(&options, seed, world->hash, report);
		world_clear(world);
	}
	world_free(world);
}

static void
print_replay(const BatchSettings *settings, uint64_t seed, bool as_twin)
{
	printf("replay it: SEED=%llu", (unsigned long long) seed);
	if (settings->fixed_nodes != 0)
		printf(" NODES=%lld", (long long) settings->fixed_nodes);
	if (settings->fixed_steps != 0)
		printf(" STEPS=%lld", (long long) settings->fixed_steps);
	if (settings->overrides[0] != '\0' || as_twin)
		printf(" OPTIONS='%s%s%s'", settings->overrides,
			   settings->overrides[0] != '\0' && as_twin ? " " : "",
			   as_twin ? "early_ticks=1" : "");
	printf(" TRACE=1 script/dev/sim.sh\n");
}

static void
print_coverage(const BatchSettings *settings, const Report *total)
{
	int			item;

	for (item = 0; item < COVER_COUNT; item++)
	{
		if (total->coverage[item] != 0 ||
			coverage_is_owed((Coverage) item, settings->fixed_nodes))
			printf("%12llu  %s%s\n", (unsigned long long) total->coverage[item],
				   item >= COVER_FAULTS ? "fault: " : "",
				   coverage_name((Coverage) item));
	}
}

static int
judge_coverage(const BatchSettings *settings, const Report *total)
{
	int			missing = 0;
	int			item;

	if (settings->count < LARGE_BATCH || settings->overrides[0] != '\0')
		return 0;
	for (item = 0; item < COVER_COUNT; item++)
	{
		if (total->coverage[item] == 0 &&
			coverage_is_owed((Coverage) item, settings->fixed_nodes))
		{
			printf("never happened: %s\n", coverage_name((Coverage) item));
			missing++;
		}
	}
	return missing;
}

static bool
read_whole(int fd, void *data, size_t length)
{
	char	   *place = data;

	while (length > 0)
	{
		ssize_t		got = read(fd, place, length);

		if (got <= 0)
			return false;
		place += got;
		length -= (size_t) got;
	}
	return true;
}

static bool
write_whole(int fd, const void *data, size_t length)
{
	const char *place = data;

	while (length > 0)
	{
		ssize_t		put = write(fd, place, length);

		if (put <= 0)
			return false;
		place += put;
		length -= (size_t) put;
	}
	return true;
}

/* Start a worker; returns the end of the pipe to read its report from. */
static int
start_worker(const BatchSettings *settings, uint64_t share)
{
	int			ends[2];
	pid_t		child;

	if (pipe(ends) != 0)
	{
		perror("sim: pipe");
		exit(2);
	}
	child = fork();
	if (child < 0)
	{
		perror("sim: fork");
		exit(2);
	}
	if (child == 0)
	{
		static Report report;

		/* Who stops the batch stops its workers. */
		(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		run_share(settings, share, &report);
		_exit(write_whole(ends[1], &report, sizeof(report)) ? 0 : 2);
	}
	close(ends[1]);
	return ends[0];
}

static void
add_report(Report *total, const Report *report)
{
	int			item;

	total->seeds += report->seeds;
	total->events += report->events;
	total->hash += report->hash;
	total->claims_over += report->claims_over;
	for (item = 0; item < COVER_COUNT; item++)
		total->coverage[item] += report->coverage[item];
	if (report->failed &&
		(!total->failed || report->failed_seed < total->failed_seed))
	{
		total->failed = true;
		total->failed_seed = report->failed_seed;
		total->failed_as_twin = report->failed_as_twin;
		memcpy(total->failure, report->failure, sizeof(report->failure));
	}
}

/* What the workers have used of the CPUs. */
static double
children_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int
batch_run(const BatchSettings *settings)
{
	static Report total;
	static Report report;
	int		   *ends = calloc((size_t) settings->jobs, sizeof(int));
	double		seconds;
	int64_t		i;
	int			status = 0;

	if (ends == NULL)
		abort();
	memset(&total, 0, sizeof(total));
	fflush(stdout);
	for (i = 0; i < settings->jobs; i++)
		ends[i] = start_worker(settings, (uint64_t) i);
	for (i = 0; i < settings->jobs; i++)
	{
		if (read_whole(ends[i], &report, sizeof(report)))
			add_report(&total, &report);
		else
		{
			printf("a worker died; run again with JOBS=1\n");
			status = 1;
		}
		close(ends[i]);
	}
	while (wait(NULL) > 0)
		;
	free(ends);
	seconds = children_seconds();

	if (settings->with_coverage)
		print_coverage(settings, &total);
	if (!total.failed && judge_coverage(settings, &total) > 0)
		status = 1;
	printf("%llu seeds from %llu, %llu events, %.2f million events per second of CPU, hash %016llx; claims ended in %llu\n",
		   (unsigned long long) total.seeds, (unsigned long long) settings->first,
		   (unsigned long long) total.events,
		   (double) total.events / seconds / 1e6,
		   (unsigned long long) total.hash, (unsigned long long) total.claims_over);
	if (total.failed)
	{
		SimOptions	options;

		printf("seed %llu: %s\n", (unsigned long long) total.failed_seed, total.failure);
		batch_choose_options(settings, total.failed_seed, &options);
		options_print(&options, stdout);
		print_replay(settings, total.failed_seed, total.failed_as_twin);
		status = 1;
	}
	return status;
}

int
batch_replay(const BatchSettings *settings, uint64_t seed, bool tracing)
{
	World	   *world = world_new();
	SimOptions	options;
	int			status;

	batch_choose_options(settings, seed, &options);
	printf("seed %llu\n", (unsigned long long) seed);
	options_print(&options, stdout);
	world->tracing = tracing;
	batch_run_seed(world, &options, seed);
	printf("%llu events, %llu.%03llu s, %llu leases, hash %016llx%s%s\n",
		   (unsigned long long) world->event_count,
		   (unsigned long long) (world->now_ns / SIM_S),
		   (unsigned long long) (world->now_ns / SIM_MS % 1000),
		   (unsigned long long) world->leader_changes,
		   (unsigned long long) world->hash,
		   world->claims_over ? "; claims ended: " : "",
		   world->claims_over ? world->claims_over_why : "");
	if (world->failed)
	{
		printf("%s\n", world->failure);
		print_replay(settings, seed, false);
	}
	status = world->failed ? 1 : 0;
	world_clear(world);
	world_free(world);
	return status;
}

/*
 * Lines "seed name=value ... # what it found"; each must pass.  Blank lines and
 * those that begin with # are skipped.
 */
int
batch_run_file(const BatchSettings *settings, const char *path)
{
	FILE	   *file = fopen(path, "r");
	char		line[2048];
	int			status = 0;
	int			count = 0;

	if (file == NULL)
	{
		perror(path);
		return 2;
	}
	while (fgets(line, sizeof(line), file) != NULL)
	{
		BatchSettings own = *settings;
		char	   *rest;
		uint64_t	seed;

		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		seed = strtoull(line, &rest, 0);
		own.overrides = rest;
		own.fixed_nodes = own.fixed_steps = 0;
		count++;
		if (batch_replay(&own, seed, false) != 0)
			status = 1;
	}
	fclose(file);
	printf("%d recorded seeds, %s\n", count, status == 0 ? "all pass" : "not all pass");
	return status;
}
