/*-------------------------------------------------------------------------
 *
 * view.c
 *		What is shown of a node and of what it knows of its peers.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#include <string.h>

void
raft_view(const RaftNode *node, RaftView *view)
{
	memset(view, 0, sizeof(RaftView));
	view->role = node->role;
	view->role_reason = node->role_reason;
	view->since_ns = node->since_ns;
	view->term = node->durable.term;
	view->vote = node->durable.vote;
	view->generation = node->durable.generation;
	view->max_promise_ns = node->durable.max_promise_ns;
	view->standing = node->durable.standing;
	view->amnesia = node->amnesia;
	view->leader_id = node->leader_id;
	view->leader_term = node->leader_term;
	acquaintance_rumour(node, &view->rumoured_leader_id,
						&view->rumoured_leader_term);
	if (lease_is_valid(node))
	{
		view->lease_term = node->durable.term;
		view->lease_end_ns = node->lease_end_ns;
	}
	view->silent = node->silent;
	view->silent_until_ns = node->silent_until_ns;
	view->draining = node->draining;
	view->storage_failed = node->storage_failed;
	view->forget_at_ns = node->forget_at_ns;
	view->quorum = quorum_size(node->config.node_count);
	view->granted_count = quorum_set_count(&node->granted_by);
	view->recover_at_ns = membership_recover_at_ns(node);
	view->rank = node->rank;
	view->rank_delay_ns = node->role == RAFT_FOLLOWER && node->rank != RAFT_NO_RANK ?
		node->rank_delay_ns : timings_delta_ns(node);
	view->successor = node->role == RAFT_LEADER ?
		succession_first(node) : RAFT_NO_NODE;
	view->timings = node->config.timings;
	view->promise_ns = raft_promise_ns(&node->config.timings);
	view->promised_to = RAFT_NO_NODE;
	if (node->promise_leader != RAFT_NO_NODE &&
		node->promise_until_ns > node->now_ns)
	{
		view->promised_to = node->promise_leader;
		view->promised_until_ns = node->promise_until_ns;
	}
}

bool
raft_peer_view(const RaftNode *node, int32_t peer_id, RaftPeerView *view)
{
	const RaftPeer *peer;

	if (peer_id < 0 || peer_id >= node->config.node_count)
		return false;
	peer = &node->peers[peer_id];
	memset(view, 0, sizeof(RaftPeerView));
	view->session = peer->session;
	view->last_heard_ns = peer->last_heard_ns;
	view->round_trip_ns = peer->round_trip_ns;
	view->last_round_trip_ns = peer->last_round_trip_ns;
	view->measured_ns = peer->measured_ns;
	view->term = peer->term;
	view->role = peer->role;
	view->standing = peer->standing;
	view->priority = peer->priority;
	view->known_leader = peer->known_leader;
	view->known_leader_term = peer->known_leader_term;
	view->silent = peer->silent;
	view->rank = RAFT_NO_RANK;
	if (node->role == RAFT_LEADER)
	{
		view->rank = peer->rank;
		view->acknowledged_ns = peer->acknowledged_ns;
		view->expiry_ns = node->expiry_ns[peer_id];
	}
	view->refusal = peer->refusal;
	view->granted = quorum_set_has(&node->granted_by, peer_id);
	view->generation = peer->generation;
	view->advertised_port = peer->advertised_port;
	view->awaited = membership_awaits(node, peer_id);
	return true;
}

const RaftCounters *
raft_counters(const RaftNode *node)
{
	return &node->counters;
}
