/*-------------------------------------------------------------------------
 *
 * invariants.c
 *		raft_check(): what must hold of a node's state between any two
 *		entries, on one page.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* Which invariant does the state break?  The number is part of the phrase. */
const char *
raft_check(const RaftNode *node)
{
	const RaftDurable *durable = &node->durable;
	const RaftDurable *wanted = &node->wanted;
	int32_t		self = node->config.node_id;
	bool		active = node->role != RAFT_FOLLOWER;

	/* Durable state moves one way. */
	if (wanted->term < durable->term)
		return "1: the term goes back";
	if (wanted->term == durable->term && wanted->vote != durable->vote &&
		durable->vote != RAFT_VOTE_NONE && wanted->vote != RAFT_VOTE_SPOILED)
		return "2: a vote changes within its term";
	if (node->persist_pending && wanted->generation < durable->generation)
		return "3: the generation goes back";

	/* Who takes part. */
	if (active && (wanted->standing != RAFT_MEMBER || node->storage_failed))
		return "4: a node that takes no part is not a follower";
	if (active && node->silent)
		return "5: a silent node is not a follower";

	/* Candidates and leaders. */
	if ((node->role == RAFT_CANDIDATE || node->role == RAFT_LEADER) &&
		wanted->vote != self)
		return "6: a candidate or leader voted for another node";
	if (node->role == RAFT_LEADER && wanted->term != durable->term)
		return "7: a leader's term is not durable";
	if ((node->role == RAFT_LEADER) != (node->leader_id == self))
		return "8: a leader is not its own leader";
	if (!active && quorum_set_count(&node->granted_by) != 0)
		return "9: a follower holds grants";
	if (wanted->standing == RAFT_MEMBER && node->leader_id != RAFT_NO_NODE &&
		node->leader_term != wanted->term && !node->storage_failed)
		return "10: the leader is of another term";

	/* The lease. */
	if (node->lease_end_ns != 0 &&
		(node->role != RAFT_LEADER || node->lease_ended))
		return "11: a lease without leadership";
	if (node->lease_end_ns > node->now_ns &&
		node->lease_end_ns > quorum_kth_greatest(node->expiry_ns,
												 node->config.node_count,
												 quorum_size(node->config.node_count)))
		return "12: the lease outlives a majority's promises";
	if (node->role == RAFT_LEADER && node->released_leader == self &&
		node->released_term == wanted->term)
		return "13: a leader that resigned leads on in its term";

	/* Promises. */
	if (node->promise_leader != RAFT_NO_NODE &&
		node->promise_until_ns > node->now_ns + RAFT_MAX_PROMISE_NS)
		return "14: a promise exceeds its cap";
	if (wanted->standing == RAFT_MEMBER && !node->storage_failed &&
		wanted->max_promise_ns < raft_promise_ns(&node->config.timings))
		return "15: the longest promise is not recorded";

	if (membership_takes_part(node) && node->leader_id != RAFT_NO_NODE &&
		node->leader_id != self &&
		(node->promise_leader != node->leader_id ||
		 node->promise_term != node->leader_term))
		return "16: a leader is followed without a promise to it";

	if (node->rank != RAFT_NO_RANK &&
		(node->leader_id == RAFT_NO_NODE || node->leader_id == self))
		return "17: a rank without a leader that gave it";

	/* The rings. */
	if (node->outbox_count < 0 || node->outbox_count > RAFT_OUTBOX_SIZE ||
		node->events_count < 0 || node->events_count > RAFT_EVENTS_SIZE)
		return "18: a ring is out of bounds";
	return NULL;
}
