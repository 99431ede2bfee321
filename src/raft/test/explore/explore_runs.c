/*-------------------------------------------------------------------------
 *
 * explore_runs.c
 *		The runs and their bounds.
 *
 * Each looks at one side of the rules with as little else as possible, as the
 * product of everything would not end.  What no run covers: clocks that run
 * at different rates (the arithmetic of the lease is a unit test's), timers
 * that depend on each other's length (any timer may fire at any moment, which
 * is more than real ones do), positions, changed settings, forget-state, and
 * generations, which only add refusals.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <string.h>

#define LENGTH_OF(array)	((int) (sizeof(array) / sizeof((array)[0])))

#define RUN(run_name, words, nodes, terms) \
	.name = run_name, .about = words, .node_count = nodes, .max_term = terms, \
	.campaigners = EXPLORE_ALL, .losers = EXPLORE_ALL, .alike = EXPLORE_ALL, \
	.max_states = 120000000, .checks_wedges = true

/* One clock, a promise lasts two steps of it. */
#define WITH_TIME .promise_steps = 2, .promises_bind = true

/* Names of sets and runs are one name space. */
static const ExploreBounds default_runs[] = {
	{
		RUN("crash", "terms <= 2, 2 crashes anywhere in a drain, 1 failed write", 3, 2),
		.crash_points = true,
		.budget = {[EXPLORE_RESTARTS] = 2,[EXPLORE_FAILED_WRITES] = 1},
	},
	{
		RUN("terms", "terms <= 3, 1 crash anywhere in a drain", 3, 3),
		.crash_points = true,.budget = {[EXPLORE_RESTARTS] = 1},
	},
	{
		RUN("kept", "terms <= 2, 1 resignation; dead messages are kept, and tried", 3, 2),
		.keeps_dead = true,.budget = {[EXPLORE_RESIGNATIONS] = 1},
	},
	{
		RUN("pre-vote", "terms <= 2, pre-votes and promises, each node its own clock", 3, 2),
		.pre_votes = true,.promises_bind = true,
	},
	{
		/* Not alike, as it is asked which of them are needed. */
		RUN("majority", "likewise, node 0 never asks; each two of them must do", 3, 2),
		.pre_votes = true,.promises_bind = true,
		.campaigners = 1 << 1 | 1 << 2,.alike = 0,.each_majority = true,
	},
	{
		RUN("lease", "terms <= 2, time, 1 crash in a drain, 1 resignation, transfer", 3, 2),
		WITH_TIME,.crash_points = true,
		.budget = {[EXPLORE_RESTARTS] = 1,[EXPLORE_RESIGNATIONS] = 1},
	},
	{
		RUN("token", "terms <= 3, time (promise: 1 step), 1 resignation or transfer", 3, 3),
		WITH_TIME,.promise_steps = 1,.budget = {[EXPLORE_RESIGNATIONS] = 1},
	},
	{
		RUN("loss", "terms <= 2, 2 losses of state, 1 restart", 3, 2),
		.budget = {[EXPLORE_LOSSES] = 2,[EXPLORE_RESTARTS] = 1},
	},
	{
		RUN("birth", "from NEW, term 1, 2 losses, each declared new again", 3, 1),
		.birth = true,.lost_as_new = true,.budget = {[EXPLORE_LOSSES] = 2},
	},
	{
		RUN("four", "terms <= 2, 1 restart", 4, 2),
		.budget = {[EXPLORE_RESTARTS] = 1},
	},
	{
		/* The story of docs/correctness.md, in all its variants. */
		RUN("five", "0 leads, cut off from 4, which asks; 2 loses its state; time", 5, 2),
		WITH_TIME,.begins_with_leader = true,.budget = {[EXPLORE_LOSSES] = 1},
		.campaigners = 1 << 4,.losers = 1 << 2,.cut_off = 1 << 4,.no_rejects = true,
		.alike = 1 << 1 | 1 << 3,.checks_wedges = false,
	},
};

static const ExploreBounds big_runs[] = {
	{
		RUN("big-crash", "terms <= 3, 2 crashes anywhere in a drain, 1 failed write", 3, 3),
		.crash_points = true,.checks_wedges = false,
		.budget = {[EXPLORE_RESTARTS] = 2,[EXPLORE_FAILED_WRITES] = 1},
	},
	{
		RUN("big-vote", "terms <= 3, pre-votes and promises, each node its own clock", 3, 3),
		.pre_votes = true,.promises_bind = true,
	},
	{
		RUN("big-lease", "terms <= 2, time, 2 crashes in a drain, 1 resignation, transfer", 3, 2),
		WITH_TIME,.crash_points = true,
		.budget = {[EXPLORE_RESTARTS] = 2,[EXPLORE_RESIGNATIONS] = 1},
	},
	{
		RUN("big-token", "terms <= 3, time, 1 resignation or transfer", 3, 3),
		WITH_TIME,.budget = {[EXPLORE_RESIGNATIONS] = 1},
	},
	{
		RUN("big-loss", "terms <= 2, 3 losses of state, 1 restart", 3, 2),
		.budget = {[EXPLORE_LOSSES] = 3,[EXPLORE_RESTARTS] = 1},
	},
	{
		RUN("big-birth", "from NEW, terms <= 2, 2 losses, each declared new again", 3, 2),
		.birth = true,.lost_as_new = true,.budget = {[EXPLORE_LOSSES] = 2},
	},
	{
		RUN("big-four", "terms <= 2, time, 1 resignation or transfer", 4, 2),
		WITH_TIME,.budget = {[EXPLORE_RESIGNATIONS] = 1},
	},
};

/*
 * For a look at every commit, and at the explorer itself: keeps_dead and
 * sends_late say by what it is checked (explore.c).
 */
static const ExploreBounds check_runs[] = {
	{
		RUN("tiny-crash", "terms <= 1, 1 crash anywhere in a drain, 1 failed write", 3, 1),
		.crash_points = true,.keeps_dead = true,.sends_late = true,
		.budget = {[EXPLORE_RESTARTS] = 1,[EXPLORE_FAILED_WRITES] = 1},
	},
	{
		RUN("tiny-vote", "terms <= 1, pre-votes and promises", 3, 1),
		.pre_votes = true,.promises_bind = true,.sends_late = true,
	},
	{
		RUN("tiny-lease", "terms <= 2, time (promise: 1 step), 1 resignation", 3, 2),
		WITH_TIME,.promise_steps = 1,.budget = {[EXPLORE_RESIGNATIONS] = 1},
		.sends_late = true,
	},
	{
		RUN("tiny-ack", "term 1, time (promise: 1 step), 1 resignation", 3, 1),
		WITH_TIME,.promise_steps = 1,.budget = {[EXPLORE_RESIGNATIONS] = 1},
		.keeps_dead = true,
	},
	{
		RUN("tiny-loss", "terms <= 1, 1 loss of state", 3, 1),
		.budget = {[EXPLORE_LOSSES] = 1},.keeps_dead = true,.sends_late = true,
	},
	{
		RUN("tiny-birth", "from NEW, term 1", 3, 1),
		.birth = true,.lost_as_new = true,.keeps_dead = true,
	},
	{
		RUN("tiny-four", "term 1", 4, 1),
		.keeps_dead = true,.sends_late = true,
	},
};

static const struct
{
	const char *name;
	const ExploreBounds *runs;
	int			count;
}			sets[] = {
	{"default", default_runs, LENGTH_OF(default_runs)},
	{"big", big_runs, LENGTH_OF(big_runs)},
	{"check", check_runs, LENGTH_OF(check_runs)},
};

const ExploreBounds *
runs_of(const char *set_or_run, int *count)
{
	int			s;
	int			i;

	for (s = 0; s < LENGTH_OF(sets); s++)
	{
		if (strcmp(sets[s].name, set_or_run) == 0)
		{
			*count = sets[s].count;
			return sets[s].runs;
		}
		for (i = 0; i < sets[s].count; i++)
		{
			if (strcmp(sets[s].runs[i].name, set_or_run) == 0)
			{
				*count = 1;
				return &sets[s].runs[i];
			}
		}
	}
	return NULL;
}
