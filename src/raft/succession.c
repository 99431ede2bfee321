/*-------------------------------------------------------------------------
 *
 * succession.c
 *		Who goes first when the leader is gone: ranks.
 *
 * Textbook Raft lets followers time out at random, and pays for it with split
 * votes and with a long wait for the first of them.  Here the leader ranks its
 * followers and tells each its rank with every heartbeat; a follower of rank r
 * waits r steps longer than the first, so that one asks alone, and the next
 * one only if it fails.  (The idea is that of ESCAPE, ICDCS 2022: successors
 * prepared by the leader, with a clock that lets stale ranks lose.)
 *
 * A rank only says when to ask.  It is never a reason to grant or to refuse
 * a vote, so a wrong or stale one costs time and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* Ranked followers wait at most this part of the least timeout longer, ... */
#define RANKED_PERCENT_OF_MIN	30

/* ... or this part of the span between the two timeouts, if that is less. */
#define RANKED_PERCENT_OF_SPAN	60

static bool
is_fresh(const RaftNode *node, const RaftPeer *peer)
{
	uint64_t	fresh = RAFT_FRESH_HEARTBEATS * node->config.timings.heartbeat_interval_ns;

	return peer->acknowledged_ns != 0 &&
		peer->acknowledged_ns + fresh >= node->now_ns;
}

/* Could that peer win an election now, as far as the leader knows? */
bool
succession_is_fit(const RaftNode *node, int32_t peer_id)
{
	const RaftPeer *peer = &node->peers[peer_id];

	if (peer_id == node->config.node_id || !is_fresh(node, peer) ||
		peer->standing != RAFT_MEMBER || peer->silent || peer->priority <= 0)
		return false;
	if (node->config.position_mode == RAFT_POSITION_REQUIRE)
	{
		RaftPositionOrder order = node->config.compare_positions(&peer->position,
																 &node->position);

		/* We would refuse it ourselves, and so may others. */
		if (order == RAFT_POSITION_BEHIND ||
			order == RAFT_POSITION_INCOMPARABLE)
			return false;
	}
	return true;
}

/*
 * Does one of two fit peers come before the other?  One that could not hold a
 * lease, or could not write, not long ago comes last; then priority decides,
 * then the position, then the id.
 */
static bool
comes_before(const RaftNode *node, int32_t one_id, int32_t other_id)
{
	const RaftPeer *one = &node->peers[one_id];
	const RaftPeer *other = &node->peers[other_id];

	if (one->unfit != other->unfit)
		return other->unfit;
	if (one->priority != other->priority)
		return one->priority > other->priority;
	if (node->config.position_mode != RAFT_POSITION_OFF)
	{
		RaftPositionOrder order = node->config.compare_positions(&one->position,
																 &other->position);

		if (order == RAFT_POSITION_AHEAD)
			return true;
		if (order == RAFT_POSITION_BEHIND)
			return false;
	}
	return one_id < other_id;
}

/* Who is to follow the leader, or RAFT_NO_NODE. */
int32_t
succession_first(const RaftNode *node)
{
	int32_t		first = RAFT_NO_NODE;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		if (succession_is_fit(node, i) &&
			(first == RAFT_NO_NODE || comes_before(node, i, first)))
			first = i;
	}
	return first;
}

/* Leaders, at the start of a term: nobody has acknowledged anything yet. */
void
succession_begin(RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
		node->peers[i].rank = RAFT_NO_RANK;
	node->rank_epoch = 0;
}

/* Leaders, before each round: rank the peers; a change begins an epoch. */
void
succession_rank_peers(RaftNode *node)
{
	int32_t		order[RAFT_MAX_NODES];
	int32_t		count = 0;
	bool		changed = false;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		int32_t		place;

		if (!succession_is_fit(node, i))
		{
			changed |= node->peers[i].rank != RAFT_NO_RANK;
			node->peers[i].rank = RAFT_NO_RANK;
			continue;
		}
		for (place = count++; place > 0; place--)
		{
			if (!comes_before(node, i, order[place - 1]))
				break;
			order[place] = order[place - 1];
		}
		order[place] = i;
	}
	for (i = 0; i < count; i++)
	{
		changed |= node->peers[order[i]].rank != i;
		node->peers[order[i]].rank = i;
	}
	if (changed)
		node->rank_epoch++;
}

/* Followers: the rank that the present leader gave; none of an older epoch. */
void
succession_note_rank(RaftNode *node, const RaftMessage *heartbeat)
{
	uint64_t	cap = timings_delta_cap_ns(node);

	if (heartbeat->rank_epoch < node->rank_epoch)
		return;
	node->rank_epoch = heartbeat->rank_epoch;
	node->rank = heartbeat->rank;
	node->rank_delay_ns = heartbeat->rank_delay_ns;
	if (node->rank_delay_ns < RAFT_DELTA_MIN_NS)
		node->rank_delay_ns = RAFT_DELTA_MIN_NS;
	if (node->rank_delay_ns > cap)
		node->rank_delay_ns = cap;
}

/* Over how long the timers of ranked followers are spread. */
static uint64_t
ranked_span_ns(const RaftNode *node)
{
	const RaftTimings *timings = &node->config.timings;
	uint64_t	of_min = timings->election_timeout_min_ns / 100 *
	RANKED_PERCENT_OF_MIN;
	uint64_t	of_span = (timings->election_timeout_max_ns -
						   timings->election_timeout_min_ns) / 100 * RANKED_PERCENT_OF_SPAN;

	return of_min < of_span ? of_min : of_span;
}

/*
 * How long a follower waits for its leader.  The first ranks have moments of
 * their own; those behind share what is left at random; without a rank it is
 * the whole span.
 */
uint64_t
succession_timeout_ns(RaftNode *node)
{
	const RaftTimings *timings = &node->config.timings;
	uint64_t	least = timings->election_timeout_min_ns;
	uint64_t	span = timings->election_timeout_max_ns - least;
	uint64_t	ranked = ranked_span_ns(node);

	if (node->rank == RAFT_NO_RANK)
		return least + raft_random_below(node, span + 1);
	if ((uint64_t) node->rank * node->rank_delay_ns <= ranked)
		return least + (uint64_t) node->rank * node->rank_delay_ns;
	return least + ranked + 1 + raft_random_below(node, span - ranked);
}

/*
 * How long a follower waits when its leader has resigned.  The successor asks
 * at once, and the others, each in a step of its own, if it fails: who is first
 * in rank need not be the successor that an operator has named.
 */
uint64_t
succession_wait_after_resignation_ns(RaftNode *node)
{
	uint64_t	delta = timings_delta_ns(node);
	uint64_t	cap = node->config.timings.election_timeout_min_ns;
	uint64_t	wait;

	if (node->rank != RAFT_NO_RANK &&
		(uint64_t) node->rank * node->rank_delay_ns <= ranked_span_ns(node))
		wait = node->rank_delay_ns * ((uint64_t) node->rank + 1);
	else
		wait = 3 * delta + raft_random_below(node, 6 * delta);
	return wait < cap ? wait : cap;
}
