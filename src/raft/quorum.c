/*-------------------------------------------------------------------------
 *
 * quorum.c
 *		Sets of nodes, majorities and ranking: arithmetic, no Raft.
 *
 *-------------------------------------------------------------------------
 */
#include "quorum.h"

#include <string.h>

void
quorum_set_clear(QuorumSet *set)
{
	memset(set, 0, sizeof(QuorumSet));
}

bool
quorum_set_has(const QuorumSet *set, int32_t node_id)
{
	return (set->words[node_id / 64] >> (node_id % 64) & 1) != 0;
}

bool
quorum_set_add(QuorumSet *set, int32_t node_id)
{
	bool		is_new = !quorum_set_has(set, node_id);

	set->words[node_id / 64] |= UINT64_C(1) << (node_id % 64);
	return is_new;
}

int32_t
quorum_set_count(const QuorumSet *set)
{
	int32_t		count = 0;
	size_t		i;

	for (i = 0; i < RAFT_MAX_NODES / 64; i++)
	{
		uint64_t	rest;

		/* Each turn clears the lowest bit that is set. */
		for (rest = set->words[i]; rest != 0; rest &= rest - 1)
			count++;
	}
	return count;
}

int32_t
quorum_size(int32_t node_count)
{
	return node_count / 2 + 1;
}

uint64_t
quorum_kth_greatest(const uint64_t *values, int32_t count, int32_t k)
{
	uint64_t	greatest[RAFT_MAX_NODES];
	int32_t		kept = 0;
	int32_t		i;

	/* Insertion into the k greatest so far, in descending order. */
	for (i = 0; i < count; i++)
	{
		int32_t		place;

		if (kept == k && values[i] <= greatest[kept - 1])
			continue;
		place = kept < k ? kept++ : kept - 1;
		while (place > 0 && greatest[place - 1] < values[i])
		{
			greatest[place] = greatest[place - 1];
			place--;
		}
		greatest[place] = values[i];
	}
	return kept < k ? 0 : greatest[k - 1];
}
