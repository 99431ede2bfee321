/*-------------------------------------------------------------------------
 *
 * main.c
 *		Command line of the simulator, which is its environment: see
 *		script/dev/sim.sh for the variables.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char	   *end;
	uint64_t	value;

	if (text == NULL || text[0] == '\0')
		return otherwise;
	value = strtoull(text, &end, 0);
	if (*end != '\0')
	{
		fprintf(stderr, "sim: %s=%s is no number\n", name, text);
		exit(2);
	}
	return value;
}

static const char *
text_of(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? "" : text;
}

int
main(void)
{
	BatchSettings settings;
	const char *study = text_of("STUDY");

	memset(&settings, 0, sizeof(settings));
	settings.first = number_of("FIRST", 1);
	settings.count = number_of("SEEDS", 2000);
	settings.fixed_nodes = (int64_t) number_of("NODES", 0);
	settings.fixed_steps = (int64_t) number_of("STEPS", 0);
	settings.jobs = (int64_t) number_of("JOBS", (uint64_t) sysconf(_SC_NPROCESSORS_ONLN));
	settings.overrides = text_of("OPTIONS");
	settings.with_coverage = number_of("COVERAGE", 1) != 0;
	if (settings.jobs < 1 || settings.jobs > 1024 ||
		settings.fixed_nodes < 0 || settings.fixed_nodes > RAFT_MAX_NODES)
	{
		fprintf(stderr, "sim: JOBS must be between 1 and 1024, NODES at most %d\n",
				RAFT_MAX_NODES);
		return 2;
	}

	if (strcmp(study, "quiet") == 0)
		return study_quiet(settings.first, number_of("SECONDS_SIMULATED", 3600));
	if (strcmp(study, "failover") == 0)
		return study_failover(settings.first, (int64_t) number_of("DEATHS", 10000),
							  settings.fixed_nodes);
	if (study[0] != '\0')
	{
		fprintf(stderr, "sim: STUDY must be \"quiet\" or \"failover\"\n");
		return 2;
	}
	if (number_of("SELFCHECK", 0) != 0)
		return study_self_check(settings.first, settings.count);
	if (text_of("SEEDFILE")[0] != '\0')
		return batch_run_file(&settings, text_of("SEEDFILE"));
	if (text_of("SEED")[0] != '\0')
		return batch_replay(&settings, number_of("SEED", 1),
							number_of("TRACE", 0) != 0);
	return batch_run(&settings);
}
