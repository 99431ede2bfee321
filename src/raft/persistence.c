/*-------------------------------------------------------------------------
 *
 * persistence.c
 *		The handshake with the caller about durable state: what is asked to be
 *		written, and what follows when it was, or could not be.
 *
 * Whatever rests on state that is not on disk yet waits in the outbox, and is
 * thrown away if the write fails.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

void
persistence_want(RaftNode *node)
{
	uint64_t	promise = raft_promise_ns(&node->config.timings);
	int32_t		i;

	/* What we have seen of others is written along, never by itself. */
	for (i = 0; i < node->config.node_count; i++)
		node->wanted.peer_generation[i] = node->peers[i].generation;

	/*
	 * The longest promise is raised before the first such promise is given,
	 * and lowered only when every longer one has run out.
	 */
	if (node->wanted.standing == RAFT_MEMBER)
	{
		if (node->wanted.max_promise_ns < promise ||
			node->now_ns >= node->promise_lower_ns)
			node->wanted.max_promise_ns = promise;
	}

	if (node->persist_pending)
		return;

	/*
	 * A failed write may have left its record behind, so its generation is
	 * never used again; nor is one that a peer has seen of a former state.
	 */
	if (node->generation_used < node->generation_reported)
		node->generation_used = node->generation_reported;
	node->wanted.generation = ++node->generation_used;
	node->persist_pending = true;
}

bool
raft_ready(const RaftNode *node, RaftDurable *durable)
{
	if (!node->persist_pending)
		return false;
	*durable = node->wanted;
	return true;
}

void
raft_persisted(RaftNode *node, uint64_t now_ns, uint64_t storage_ns,
			   uint64_t draw)
{
	RaftEvent	event = {0};
	RaftStanding old_standing = node->durable.standing;

	if (!node->persist_pending)
		return;

	raft_begin_entry(node, now_ns, draw);
	node->persist_pending = false;
	node->durable = node->wanted;
	if (node->storage_ns == 0)
		node->storage_ns = storage_ns;
	else
		node->storage_ns = (node->storage_ns * 7 + storage_ns) / 8;
	if (node->storage_failed)
	{
		node->storage_failed = false;
		event.type = RAFT_EVENT_STORAGE_BACK;
		outbox_event(node, &event);
		raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_TAKES_PART);
		election_arm(node);
	}
	if (node->durable.standing != old_standing)
	{
		if (node->durable.standing == RAFT_MEMBER)
		{
			node->amnesia = RAFT_AMNESIA_NONE;
			node->forget_at_ns = 0;
			node->generation_loaded = node->durable.generation;
		}
		event.type = RAFT_EVENT_STANDING;
		event.amnesia = node->amnesia;
		outbox_event(node, &event);
		if (node->durable.standing == RAFT_MEMBER)
			election_arm_first(node);
	}

	/*
	 * Before what has expired, as this is no message that waited: a node that
	 * is alone must be electable however slow its disk is.
	 */
	election_own_vote_durable(node);
	raft_expire(node);
	membership_advance(node);
}

void
raft_persist_failed(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	RaftEvent	event = {0};

	if (!node->persist_pending)
		return;

	raft_begin_entry(node, now_ns, draw);
	node->counters.persist_failures++;

	/* What was to be told rests on what is not on disk: forget both. */
	node->persist_pending = false;
	node->wanted = node->durable;
	node->outbox_count = 0;

	/* But a lost state is lost, and told so, also while that is unwritten. */
	if (node->amnesia != RAFT_AMNESIA_NONE)
		membership_mark_lost(node);
	node->storage_retry_ns = node->now_ns +
		node->config.timings.election_timeout_min_ns;
	if (!node->storage_failed)
	{
		node->storage_failed = true;
		event.type = RAFT_EVENT_STORAGE_FAILED;
		outbox_event(node, &event);
	}

	node->unfit_until_ns = node->now_ns + timings_unfit_ns(node);
	if (node->role == RAFT_LEADER)
		handover_resign(node, succession_first(node), RAFT_REASON_STORAGE);
	else if (node->role != RAFT_FOLLOWER)
		election_become_follower(node, RAFT_REASON_STORAGE);
}

/*
 * After a reload that made promises shorter: left as it is, the long one
 * would silence this node after its next restart.
 */
static uint64_t
lower_promise_deadline(const RaftNode *node)
{
	if (!membership_takes_part(node) ||
		node->wanted.max_promise_ns <= raft_promise_ns(&node->config.timings))
		return UINT64_MAX;
	return node->promise_lower_ns;
}

uint64_t
persistence_deadline(const RaftNode *node)
{
	return node->storage_failed ? node->storage_retry_ns :
		lower_promise_deadline(node);
}

void
persistence_tick(RaftNode *node)
{
	if (node->now_ns >= persistence_deadline(node))
		persistence_want(node);
}
