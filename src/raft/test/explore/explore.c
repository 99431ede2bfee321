/*-------------------------------------------------------------------------
 *
 * explore.c
 *		The explorer's program: carries out runs and prints a table.
 *
 *		explore [KEY=VALUE]... RUN|SET...
 *
 * A SET is "default", "big" or "check"; a RUN is one of explore_runs.c, whose
 * bounds KEY=VALUE changes: terms, promise (in steps), restarts, losses,
 * resignations, failed-writes, states (give up there), alike=0 (merge nothing
 * by symmetry), keep=1 (dead messages), late=1 (send nothing before its turn),
 * whole=1 (check the cluster as a whole only).
 *
 * Exit code 0: all spaces closed and nothing was found; 1: something was, or a
 * space did not close; 2: usage.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_FORMAT "%-10s %5s  %-62s %9s %11s %5s %7s  %-6s  %s\n"

static void
print_head(void)
{
	printf(ROW_FORMAT, "run", "nodes", "bounds", "states", "transitions", "depth",
		   "seconds", "closed", "no wedge");
	fflush(stdout);
}

static void
print_row(const ExploreBounds *bounds, const ExploreResult *result)
{
	char		nodes[16];
	char		states[16];
	char		transitions[32];
	char		depth[16];
	char		seconds[16];
	char		wedges[64] = "not asked";

	snprintf(nodes, sizeof(nodes), "%d", bounds->node_count);
	snprintf(states, sizeof(states), "%u", result->states);
	snprintf(transitions, sizeof(transitions), "%llu", (unsigned long long) result->transitions);
	snprintf(depth, sizeof(depth), "%u", result->depth);
	snprintf(seconds, sizeof(seconds), "%.1f", result->seconds);
	if (result->wedged > 0)
		snprintf(wedges, sizeof(wedges), "NO: %u states", result->wedged);
	else if (bounds->checks_wedges && result->closed)
		snprintf(wedges, sizeof(wedges), "yes (%.0f%% only beyond the bounds)",
				 100.0 * (double) result->at_the_bound / (double) result->asked);
	printf(ROW_FORMAT, bounds->name, nodes, bounds->about, states, transitions,
		   depth, seconds, result->closed ? "yes" : "NO", wedges);
	fflush(stdout);
}

/* ----------
 * Arguments
 * ----------
 */

static bool
is_key(const char *word, const char *key)
{
	size_t		length = strlen(key);

	return strncmp(word, key, length) == 0 && word[length] == '=';
}

/* Returns false if the word is no KEY=VALUE, or the value out of range. */
static bool
change_bounds(const char *word, ExploreBounds *bounds, bool *changed)
{
	const char *equals = strchr(word, '=');
	struct
	{
		const char *key;
		int		   *value;
	}			keys[] = {
		{"promise", &bounds->promise_steps},
		{"restarts", &bounds->budget[EXPLORE_RESTARTS]},
		{"losses", &bounds->budget[EXPLORE_LOSSES]},
		{"resignations", &bounds->budget[EXPLORE_RESIGNATIONS]},
		{"failed-writes", &bounds->budget[EXPLORE_FAILED_WRITES]},
	};
	unsigned long value;
	size_t		i;

	if (equals == NULL)
		return false;
	value = strtoul(equals + 1, NULL, 10);
	*changed = true;
	if (is_key(word, "terms") && value <= EXPLORE_MAX_TERM)
		bounds->max_term = value;
	else if (is_key(word, "states") && value <= EXPLORE_MAX_STATES)
		bounds->max_states = (uint32_t) value;
	else if (is_key(word, "alike"))
		bounds->alike = (unsigned) value;
	else if (is_key(word, "whole"))
		bounds->whole_only = value != 0;
	else if (is_key(word, "keep"))
		bounds->keeps_dead = value != 0;
	else if (is_key(word, "late"))
		bounds->sends_late = value != 0;
	else
	{
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		{
			if (is_key(word, keys[i].key) && value < 8)
			{
				*keys[i].value = (int) value;
				return true;
			}
		}
		return false;
	}
	return true;
}

static bool
carry_out(const ExploreBounds *bounds)
{
	ExploreResult result;

	explore_search(bounds, &result);
	if (result.broken != NULL || result.wedged > 0)
		printf("found after %u states, at depth %u\n", result.states, result.depth);
	print_row(bounds, &result);
	return result.closed && result.wedged == 0;
}

/* Without what makes spaces small, the nodes must get into the same states. */
static bool
compare_node_states(const ExploreBounds *bounds, const ExploreResult *expected,
					const char *about)
{
	ExploreResult result;

	explore_search(bounds, &result);
	if (!result.closed)
		return false;
	if (result.node_states == expected->node_states)
		return true;
	printf("%s, %u node states were expected to be %u\n", about,
		   result.node_states, expected->node_states);
	return false;
}

/*
 * Without merging by symmetry there must be as many states as the merged ones
 * stand for.  If dead messages are kept, nothing may come of them.  If no
 * message is sent before its turn, all goes as before.
 */
static bool
carry_out_with_checks(const ExploreBounds *bounds)
{
	ExploreBounds usual = *bounds;
	ExploreBounds changed;
	ExploreResult merged;
	ExploreResult unmerged;
	bool		sound;

	usual.keeps_dead = usual.sends_late = false;
	explore_search(&usual, &merged);
	print_row(bounds, &merged);
	usual.alike = 0;
	explore_search(&usual, &unmerged);
	sound = merged.closed && unmerged.closed && merged.wedged == 0 &&
		unmerged.wedged == 0;
	if (unmerged.states != merged.unreduced)
	{
		printf("unmerged, %u states were expected to be %llu\n", unmerged.states,
			   (unsigned long long) merged.unreduced);
		sound = false;
	}
	changed = usual;
	changed.checks_wedges = false;
	if (bounds->keeps_dead)
	{
		changed.keeps_dead = true;
		sound &= compare_node_states(&changed, &unmerged, "with dead messages kept");
		changed.keeps_dead = false;
	}
	if (bounds->sends_late)
	{
		changed.sends_late = true;
		sound &= compare_node_states(&changed, &unmerged, "with messages sent late");
	}
	return sound;
}

int
main(int argc, char **argv)
{
	bool		sound = true;
	int			i;

	print_head();
	for (i = 1; i < argc; i++)
	{
		const ExploreBounds *set;
		int			first = i;
		int			count;
		int			j;

		while (i + 1 < argc && strchr(argv[i], '=') != NULL)
			i++;
		set = runs_of(argv[i], &count);
		if (set == NULL)
		{
			fprintf(stderr, "there is no run or set \"%s\"\n", argv[i]);
			return 2;
		}
		for (j = 0; j < count; j++)
		{
			ExploreBounds bounds = set[j];
			bool		changed = false;
			int			k;

			for (k = first; k < i; k++)
			{
				if (!change_bounds(argv[k], &bounds, &changed))
				{
					fprintf(stderr, "\"%s\" cannot be changed so\n", argv[k]);
					return 2;
				}
			}
			if (changed)
				bounds.about = "(changed)";
			sound &= strcmp(argv[i], "check") == 0 ?
				carry_out_with_checks(&bounds) : carry_out(&bounds);
		}
	}
	return sound ? 0 : 1;
}
