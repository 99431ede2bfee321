/*-------------------------------------------------------------------------
 *
 * handover.c
 *		Giving leadership up: resignation, TimeoutNow, and handing over to
 *		oneself in a higher term.
 *
 * Source: Raft thesis, 3.10 (leadership transfer).  What is stricter here: a
 * lease that was given up never starts again in its term, whatever becomes of
 * the transfer; and what lifts a voter's promise is a token that names exactly
 * the leader and the term that were released, not a flag.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

static void
tell_resignation(RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		RaftMessage message;

		if (i == node->config.node_id)
			continue;
		outbox_prepare(node, &message, i == node->resign_successor ?
					   RAFT_MESSAGE_TIMEOUT_NOW : RAFT_MESSAGE_RESIGN, i);
		message.subject_term = node->resign_term;
		message.successor = node->resign_successor;
		outbox_send(node, &message);
	}
}

/*
 * Step down for good in this term.  The lease is ended first; the caller of
 * the core publishes that before any of the messages leaves.
 */
void
handover_resign(RaftNode *node, int32_t successor, RaftReason reason)
{
	uint64_t	delta = timings_delta_ns(node);
	uint64_t	cap = node->config.timings.election_timeout_min_ns;
	uint64_t	fallback;

	node->lease_ended = true;
	node->released_leader = node->config.node_id;
	node->released_term = node->wanted.term;
	node->resign_term = node->wanted.term;
	node->resign_successor = successor;
	node->resigns_left = RAFT_RESIGN_REPEATS;
	node->resign_ns = node->now_ns + RAFT_RESIGN_INTERVAL_NS;
	election_become_follower(node, reason);
	node->draining = true;

	/* Everybody else goes first; if none succeeds, we are there again. */
	fallback = 10 * delta + raft_random_below(node, 6 * delta);
	node->election_deadline_ns = node->now_ns + (fallback < cap ? fallback : cap);
	tell_resignation(node);
}

/*
 * Meeting a higher term, a leader releases its voters and campaigns at once
 * above that term: one round trip instead of an election timeout.
 */
void
handover_to_self(RaftNode *node, uint64_t higher_term)
{
	handover_resign(node, node->config.node_id, RAFT_REASON_HIGHER_TERM);
	election_adopt_term(node, higher_term, RAFT_REASON_HIGHER_TERM);
	if (election_may_campaign(node))
		election_campaign(node, RAFT_REASON_HIGHER_TERM);
}

void
handover_tick(RaftNode *node)
{
	if (node->resigns_left == 0 || node->now_ns < node->resign_ns)
		return;
	node->resigns_left--;
	node->resign_ns = node->now_ns + RAFT_RESIGN_INTERVAL_NS;
	tell_resignation(node);
}

uint64_t
handover_deadline(const RaftNode *node)
{
	return node->resigns_left > 0 ? node->resign_ns : UINT64_MAX;
}

/*
 * (leader, term) will never lead again.  Returns whether we were following
 * just that leadership.
 */
static bool
release(RaftNode *node, const RaftMessage *message)
{
	uint64_t	term = message->subject_term;
	bool		followed;

	/* The promise may have outlived its term: a higher one does not end it. */
	if (node->promise_leader == message->from && node->promise_term == term)
		node->promise_leader = RAFT_NO_NODE;
	if (term < node->wanted.term)
		return false;
	if (term > node->wanted.term)
		election_adopt_term(node, term, RAFT_REASON_HIGHER_TERM);

	node->released_leader = message->from;
	node->released_term = term;

	followed = node->role == RAFT_FOLLOWER &&
		node->leader_id == message->from && node->leader_term == term;
	if (followed)
	{
		/* Its rank goes with the leader, so the timer first. */
		node->election_deadline_ns = node->now_ns +
			succession_wait_after_resignation_ns(node);
		raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_RESIGNED);
	}
	return followed;
}

/*
 * Without a pre-vote, or the next heartbeat of a leader that has not heard of
 * it yet would turn the successor back.
 */
static void
follow_on(RaftNode *node)
{
	if (election_may_campaign(node))
		election_campaign(node, RAFT_REASON_RESIGNED);
}

void
handover_receive_timeout_now(RaftNode *node, const RaftMessage *message)
{
	if (!release(node, message))
		return;
	follow_on(node);
}

void
handover_receive_resign(RaftNode *node, const RaftMessage *message)
{
	if (!release(node, message))
		return;
	if (message->successor == node->config.node_id)
		follow_on(node);
}
