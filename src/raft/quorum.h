/*-------------------------------------------------------------------------
 *
 * quorum.h
 *		Sets of nodes, majorities and ranking: arithmetic, no Raft.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RAFT_QUORUM_H
#define RAFT_QUORUM_H

#include "raft.h"

/*
 * A set of node ids.  Votes are kept in sets and never in counters, so that a
 * reply that arrives twice counts once.
 */
typedef struct QuorumSet
{
	uint64_t	words[RAFT_MAX_NODES / 64];
} QuorumSet;

extern void quorum_set_clear(QuorumSet *set);

/* Returns whether the node was not in the set yet. */
extern bool quorum_set_add(QuorumSet *set, int32_t node_id);
extern bool quorum_set_has(const QuorumSet *set, int32_t node_id);
extern int32_t quorum_set_count(const QuorumSet *set);

/* floor(N / 2) + 1: any two such sets of N nodes share a node. */
extern int32_t quorum_size(int32_t node_count);

/*
 * The k-th greatest (from 1) of the values: what at least k of them reach.
 * count is at most RAFT_MAX_NODES.
 */
extern uint64_t quorum_kth_greatest(const uint64_t *values, int32_t count,
									int32_t k);

#endif							/* RAFT_QUORUM_H */
