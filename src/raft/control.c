/*-------------------------------------------------------------------------
 *
 * control.c
 *		What an operator, or the server, asks of its node: to give leadership up,
 *		to take other settings, to forget.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

RaftResult
raft_step_down(RaftNode *node, RaftReason reason, uint64_t now_ns,
			   uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (reason != RAFT_REASON_STEP_DOWN && reason != RAFT_REASON_SHUTDOWN &&
		reason != RAFT_REASON_STORAGE)
		return RAFT_INVALID;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);
	if (node->role != RAFT_LEADER)
		return RAFT_NOT_LEADER;
	if (reason == RAFT_REASON_STORAGE)
		node->unfit_until_ns = node->now_ns + timings_unfit_ns(node);
	handover_resign(node, succession_first(node), reason);
	return RAFT_OK;
}

RaftResult
raft_transfer(RaftNode *node, int32_t successor, uint64_t now_ns,
			  uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (successor < 0 || successor >= node->config.node_count ||
		successor == node->config.node_id)
		return RAFT_INVALID;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);
	if (node->role != RAFT_LEADER)
		return RAFT_NOT_LEADER;
	if (!succession_is_fit(node, successor))
		return RAFT_NOT_FIT;
	handover_resign(node, successor, RAFT_REASON_TRANSFER);
	return RAFT_OK;
}

RaftResult
raft_set_position(RaftNode *node, const RaftPosition *position,
				  uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);
	node->position = *position;
	return RAFT_OK;
}

RaftResult
raft_forget_state(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);
	if (node->wanted.standing != RAFT_AMNESIAC)
		return RAFT_NOT_AMNESIAC;
	node->forget_at_ns = node->start_ns + RAFT_MAX_PROMISE_NS;
	return RAFT_OK;
}

RaftResult
raft_reconfigure(RaftNode *node, const RaftTimings *timings, uint64_t now_ns,
				 uint64_t draw)
{
	uint64_t	old_promise = raft_promise_ns(&node->config.timings);
	uint64_t	promise_over_ns;

	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (raft_check_timings(timings) != NULL)
		return RAFT_INVALID;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);
	node->config.timings = *timings;

	/*
	 * Promises given keep their length; the durable figure may come down only
	 * when the last of them has run out.
	 */
	promise_over_ns = node->now_ns + old_promise;
	if (node->promise_lower_ns < promise_over_ns)
		node->promise_lower_ns = promise_over_ns;
	if (node->wanted.standing == RAFT_MEMBER &&
		node->wanted.max_promise_ns < raft_promise_ns(timings))
		persistence_want(node);

	lease_cap_heartbeat(node);
	if (node->storage_retry_ns > node->now_ns + timings->election_timeout_min_ns)
		node->storage_retry_ns = node->now_ns + timings->election_timeout_min_ns;

	/* Priority 0 never leads. */
	if (node->role == RAFT_LEADER && timings->priority == 0)
		handover_resign(node, succession_first(node), RAFT_REASON_STEP_DOWN);
	else if (node->role != RAFT_FOLLOWER && timings->priority == 0)
		election_become_follower(node, RAFT_REASON_STEP_DOWN);
	election_cap_deadline(node);
	return RAFT_OK;
}
