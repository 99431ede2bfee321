/*-------------------------------------------------------------------------
 *
 * explore_search.c
 *		Breadth first through all states of the cluster, and back again for
 *		those from which no leader can be reached.
 *
 * Of a state that has been expanded only a hash of 128 bits is kept, and
 * how it was reached.  Two states with one hash would be taken for the same:
 * with ten million states the odds of that are below 1 to 10^24.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_STATE			EXPLORE_NO_NUMBER

/* An edge: the state it leads to, and above that who is involved. */
#define INVOLVED_SHIFT		27
#define STATE_MASK			((UINT32_C(1) << INVOLVED_SHIFT) - 1)

_Static_assert(EXPLORE_MAX_STATES <= UINT32_C(1) << INVOLVED_SHIFT &&
			   EXPLORE_MAX_NODES <= 32 - INVOLVED_SHIFT, "edges fit 32 bits");

/* Packed clusters, one after the other. */
typedef struct Level
{
	char	   *bytes;
	size_t		size;
	size_t		room;
} Level;

typedef struct Origin
{
	uint32_t	parent;			/* NO_STATE: the first one */
	ExploreMove move;
} Origin;

typedef struct Search
{
	const ExploreBounds *bounds;
	ExploreResult *result;

	/* By number of the state. */
	ExploreHash *hashes;
	Origin	   *origins;
	uint64_t   *first_edge;
	uint8_t    *leaders;		/* bit set: who holds a lease */
	uint8_t    *cut_by;			/* bit set: who could leave the bounds */
	bool	   *past_help;
	uint32_t	room;

	ExploreIndex numbers;

	uint32_t   *edges;
	uint64_t	edge_count;
	uint64_t	edge_room;

	Level		next;
	const ExploreCluster *expanded;
	bool		full;
} Search;

/* ----------
 * States met
 * ----------
 */

static uint32_t *
find_place(Search *search, ExploreHash hash)
{
	uint32_t   *place = table_first_place(&search->numbers, hash);

	for (; *place != NO_STATE; place = table_next_place(&search->numbers, place))
	{
		const ExploreHash *other = &search->hashes[*place];

		if (other->high == hash.high && other->low == hash.low)
			break;
	}
	return place;
}

static void
make_room(Search *search)
{
	uint32_t	i;

	if (search->result->states < search->room)
		return;
	search->room = search->room == 0 ? 1 << 16 : search->room * 2;
	search->hashes = table_resize(search->hashes, search->room * sizeof(ExploreHash));
	search->origins = table_resize(search->origins, search->room * sizeof(Origin));
	search->first_edge = table_resize(search->first_edge, (search->room + 1) * sizeof(uint64_t));
	search->leaders = table_resize(search->leaders, search->room);
	search->cut_by = table_resize(search->cut_by, search->room);
	search->past_help = table_resize(search->past_help, search->room * sizeof(bool));
	table_empty_index(&search->numbers, search->room);
	for (i = 0; i < search->result->states; i++)
		table_put(&search->numbers, search->hashes[i], i);
}

static void
append(Level *level, const ExploreCluster *cluster)
{
	size_t		size = (cluster_size(cluster) + 7) / 8 * 8;

	if (level->size + size > level->room)
	{
		level->room = level->room * 2 + (1 << 20);
		level->bytes = table_resize(level->bytes, level->room);
	}
	memcpy(level->bytes + level->size, cluster, cluster_size(cluster));
	level->size += size;
}

/* Its number; if it is new, it is put down for expansion. */
static uint32_t
meet(Search *search, const ExploreCluster *cluster, const ExploreMove *move)
{
	int			orbit;
	ExploreHash hash = cluster_hash(cluster, &orbit);
	uint32_t   *place;
	uint32_t	number;
	size_t		at = search->next.size;

	make_room(search);
	place = find_place(search, hash);
	if (*place != NO_STATE)
		return *place;
	number = *place = search->result->states++;
	search->result->unreduced += (uint64_t) orbit;
	search->hashes[number] = hash;
	search->origins[number].parent = search->expanded == NULL ? NO_STATE : search->expanded->index;
	if (move != NULL)
		search->origins[number].move = *move;
	search->leaders[number] = (uint8_t) cluster_leaders(cluster);
	search->cut_by[number] = 0;
	search->past_help[number] = cluster_is_past_help(cluster);
	append(&search->next, cluster);
	((ExploreCluster *) (search->next.bytes + at))->index = number;
	return number;
}

/* ----------
 * Paths
 * ----------
 */

typedef struct Replay
{
	const ExploreMove *wanted;
	ExploreCluster next;
	bool		found;
	bool		has_next;
} Replay;

static bool
replay(const ExploreMove *move, const ExploreCluster *next, const char *broken,
	   bool cut, void *argument)
{
	Replay	   *state = argument;

	(void) broken;
	(void) cut;
	if (move->action != state->wanted->action || move->node != state->wanted->node ||
		move->outcome != state->wanted->outcome ||
		move->argument != state->wanted->argument)
		return true;
	state->found = true;
	state->has_next = next != NULL;
	if (next != NULL)
		memcpy(&state->next, next, cluster_size(next));
	return false;
}

/* How that state is reached, and the move after that, if any. */
static void
tell_path(Search *search, uint32_t number, const ExploreMove *last)
{
	static ExploreCluster cluster;
	static Replay state;
	uint32_t   *path = NULL;
	size_t		length = 0;
	size_t		i;

	for (; search->origins[number].parent != NO_STATE;
		 number = search->origins[number].parent)
	{
		path = table_resize(path, (length + 1) * sizeof(uint32_t));
		path[length++] = number;
	}
	cluster_first(&cluster);
	printf("  %s\n", search->bounds->begins_with_leader ?
		   "0 leads in term 1, and all have just heard it" : "all have just started");
	for (i = length + (last != NULL ? 1 : 0); i > 0; i--)
	{
		state.wanted = last != NULL && i == 1 ? last :
			&search->origins[path[i - (last != NULL ? 2 : 1)]].move;
		state.found = false;
		cluster_for_each_move(&cluster, replay, &state);
		if (!state.found)
		{
			printf("  (the path cannot be replayed)\n");
			break;
		}
		cluster_describe_move(&cluster, state.wanted,
							  state.has_next ? &state.next : NULL);
		if (state.has_next)
			memcpy(&cluster, &state.next, cluster_size(&state.next));
	}
	free(path);
}

/* ----------
 * Forth
 * ----------
 */

static bool
visit(const ExploreMove *move, const ExploreCluster *next, const char *broken,
	  bool cut, void *argument)
{
	Search	   *search = argument;
	uint32_t	from = search->expanded->index;
	uint32_t	to;

	search->result->transitions++;
	if (cut)
	{
		search->cut_by[from] |= (uint8_t) (1u << move->node);
		return true;
	}
	if (broken != NULL)
	{
		search->result->broken = broken;
		printf("broken: %s\n", broken);
		tell_path(search, from, move);
		return false;
	}
	to = meet(search, next, move);
	if (search->result->states >= search->bounds->max_states)
	{
		search->full = true;
		return false;
	}
	if (to == from || !search->bounds->checks_wedges)
		return true;
	if (search->edge_count == search->edge_room)
	{
		search->edge_room = search->edge_room * 2 + (1 << 18);
		search->edges = table_resize(search->edges, search->edge_room * sizeof(uint32_t));
	}
	search->edges[search->edge_count++] = to | cluster_involved(move) << INVOLVED_SHIFT;
	return true;
}

static bool
expand(Search *search, Level *level)
{
	size_t		at;

	for (at = 0; at < level->size;)
	{
		static ExploreCluster cluster;
		const ExploreCluster *packed = (const ExploreCluster *) (level->bytes + at);

		memcpy(&cluster, packed, cluster_size(packed));
		search->expanded = &cluster;
		search->first_edge[cluster.index] = search->edge_count;
		if (!cluster_for_each_move(&cluster, visit, search))
			return false;
		at += (cluster_size(packed) + 7) / 8 * 8;
	}
	return true;
}

/* ----------
 * Back
 * ----------
 */

enum
{
	REACHES_NOTHING = 0,
	REACHES_BOUND,				/* no leader, but a way out of the bounds */
	REACHES_LEADER
};

static int32_t
count_bits(unsigned set)
{
	int32_t		count = 0;

	for (; set != 0; set &= set - 1)
		count++;
	return count;
}

static void
tell_nodes(const Search *search, unsigned nodes)
{
	int32_t		i;

	printf("wedged: no leader can be reached by what these do:");
	for (i = 0; i < search->bounds->node_count; i++)
	{
		if ((nodes >> i & 1) != 0)
			printf(" %d", i);
	}
	printf("\n");
}

/* Without what anybody else does, and without anybody else's messages. */
static void
find_wedges(Search *search, unsigned nodes, bool *told)
{
	ExploreResult *result = search->result;
	uint8_t    *reaches = table_resize(NULL, result->states);
	bool		changed = true;
	uint32_t	i;

	for (i = 0; i < result->states; i++)
		reaches[i] = (search->leaders[i] & nodes) != 0 ? REACHES_LEADER :
			(search->cut_by[i] & nodes) != 0 ? REACHES_BOUND : REACHES_NOTHING;
	while (changed)
	{
		changed = false;
		for (i = result->states; i-- > 0;)
		{
			uint64_t	e;

			for (e = search->first_edge[i];
				 e < search->first_edge[i + 1] && reaches[i] != REACHES_LEADER; e++)
			{
				uint32_t	to = search->edges[e] & STATE_MASK;

				if ((search->edges[e] >> INVOLVED_SHIFT & ~nodes) == 0 &&
					reaches[to] > reaches[i])
				{
					reaches[i] = reaches[to];
					changed = true;
				}
			}
		}
	}
	for (i = 0; i < result->states; i++)
	{
		if (search->past_help[i])
			continue;
		result->asked++;
		if (reaches[i] == REACHES_LEADER)
			continue;
		if (reaches[i] == REACHES_BOUND)
		{
			result->at_the_bound++;
			continue;
		}
		result->wedged++;
		if (*told)
			continue;
		*told = true;
		tell_nodes(search, nodes);
		tell_path(search, i, NULL);
	}
	free(reaches);
}

static void
check_wedges(Search *search)
{
	int32_t		count = search->bounds->node_count;
	unsigned	all = (1u << count) - 1;
	unsigned	nodes;
	bool		told = false;

	if (!search->bounds->each_majority)
	{
		find_wedges(search, all, &told);
		return;
	}
	for (nodes = 1; nodes <= all; nodes++)
	{
		if (count_bits(nodes) == count / 2 + 1)
			find_wedges(search, nodes, &told);
	}
}

/* ----------
 * All of it
 * ----------
 */

void
explore_search(const ExploreBounds *bounds, ExploreResult *result)
{
	Search		search;
	static ExploreCluster first;
	Level		level = {NULL, 0, 0};
	clock_t		start = clock();

	memset(&search, 0, sizeof(search));
	memset(result, 0, sizeof(ExploreResult));
	search.bounds = bounds;
	search.result = result;
	cluster_reset(bounds);
	cluster_first(&first);
	meet(&search, &first, NULL);

	while (search.next.size > 0)
	{
		Level		done = level;

		level = search.next;
		search.next = done;
		search.next.size = 0;
		if (!expand(&search, &level))
			break;
		if (search.next.size > 0)
			result->depth++;
	}
	result->closed = result->broken == NULL && !search.full;
	result->node_states = node_count();
	result->messages = message_count();
	if (result->closed && bounds->checks_wedges)
	{
		search.first_edge[result->states] = search.edge_count;
		check_wedges(&search);
	}
	result->seconds = (double) (clock() - start) / CLOCKS_PER_SEC;

	free(search.hashes);
	free(search.origins);
	free(search.first_edge);
	free(search.leaders);
	free(search.cut_by);
	free(search.past_help);
	table_free_index(&search.numbers);
	free(search.edges);
	free(search.next.bytes);
	free(level.bytes);
}
