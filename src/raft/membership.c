/*-------------------------------------------------------------------------
 *
 * membership.c
 *		How far a node belongs to the cluster: birth by all nodes, lost state,
 *		and the operator's way back.
 *
 * Raft lets no node vote that has forgotten its vote.  So a cluster is born
 * once, by all of its nodes, who climb NEW, MET, READY, MEMBER in lockstep;
 * and a node without trustworthy state is AMNESIAC: it counts as a dead one
 * for every quorum.  docs/architecture.md, "Birth" and "Lost state", has the
 * reasons.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* Between MEMBER and the first standing: on the way up. */
static bool
is_being_born(const RaftNode *node)
{
	return node->wanted.standing < RAFT_MEMBER;
}

/* Neither term nor vote nor promises are known any more. */
void
membership_mark_lost(RaftNode *node)
{
	node->wanted.standing = RAFT_AMNESIAC;
	node->wanted.vote = RAFT_VOTE_SPOILED;
	node->wanted.max_promise_ns = RAFT_MAX_PROMISE_NS;
}

void
membership_become_amnesiac(RaftNode *node, RaftAmnesia amnesia)
{
	if (node->role == RAFT_LEADER)
		handover_resign(node, handover_choose_successor(node),
						RAFT_REASON_AMNESIA);
	election_become_follower(node, RAFT_REASON_AMNESIA);
	node->amnesia = amnesia;
	node->forget_at_ns = 0;
	membership_mark_lost(node);
	raft_want(node);
}

/*
 * Two ways to learn from a peer that our state is not what it was: it has
 * seen a greater generation of us (a snapshot was restored), or it stands two
 * or more above us, which nobody can reach while we keep our state.
 *
 * The generation is compared with the present one, not with the one in which
 * the peer was asked, so that two of our own datagrams in the wrong order do
 * no harm.
 */
void
membership_note_peer(RaftNode *node, const RaftMessage *message)
{
	if (node->generation_reported < message->generation_seen)
		node->generation_reported = message->generation_seen;
	if (node->wanted.standing == RAFT_AMNESIAC)
		return;

	if (is_being_born(node) && message->standing <= RAFT_MEMBER &&
		(int) message->standing >= (int) node->wanted.standing + 2)
		membership_become_amnesiac(node, RAFT_AMNESIA_LEFT_BEHIND);
	else if (message->generation_seen > node->durable.generation)
		membership_become_amnesiac(node, RAFT_AMNESIA_ROLLED_BACK);
}

/* Does this node, on its way up, still wait for that peer? */
bool
membership_awaits(const RaftNode *node, int32_t peer_id)
{
	const RaftPeer *peer = &node->peers[peer_id];

	if (!is_being_born(node) || peer_id == node->config.node_id)
		return false;
	return !peer->reported || peer->reported_standing > RAFT_MEMBER ||
		peer->reported_standing < node->wanted.standing;
}

/* One step up, if every other node has reported at least our standing. */
void
membership_climb(RaftNode *node)
{
	bool		all = true;
	bool		one_is_member = false;
	uint64_t	term = node->wanted.term;
	int32_t		i;

	if (!is_being_born(node) || node->persist_pending || node->storage_failed)
		return;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (membership_awaits(node, i))
			all = false;
		if (i == node->config.node_id || !peer->reported)
			continue;
		if (peer->reported_standing == RAFT_MEMBER)
			one_is_member = true;
		if (peer->reported_term > term)
			term = peer->reported_term;
	}
	if (!all && !(node->wanted.standing == RAFT_READY && one_is_member))
		return;

	/* Alone there is nobody to be waited for. */
	if (node->config.node_count == 1)
		node->wanted.standing = RAFT_MEMBER;
	else
		node->wanted.standing++;
	if (node->wanted.standing == RAFT_MEMBER)
	{
		raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_START);

		/* A term that existed before: a vote in it may have been cast. */
		if (term > 0)
			node->wanted.vote = RAFT_VOTE_SPOILED;
		node->wanted.term = term;
	}
	node->query_ns = node->now_ns;
	raft_want(node);
}

/*
 * The operator's word, after the longest promise that the forgotten state may
 * have held has passed in silence.  The jump puts the new term past any that
 * can have been forgotten.
 */
static void
forget_state(RaftNode *node)
{
	uint64_t	term = node->wanted.term > node->max_known_term ?
	node->wanted.term : node->max_known_term;

	/* A record must not name a term that raft_init() would refuse. */
	if (term >= RAFT_TERM_LIMIT - RAFT_FORGET_TERM_JUMP)
		term = RAFT_TERM_LIMIT - RAFT_FORGET_TERM_JUMP - 1;
	node->wanted.term = term + RAFT_FORGET_TERM_JUMP;
	node->wanted.vote = RAFT_VOTE_SPOILED;
	node->wanted.standing = RAFT_MEMBER;
	raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_START);
	raft_want(node);
}

static void
send_queries(RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		RaftMessage query;

		if (i == node->config.node_id)
			continue;
		outbox_prepare(node, &query, RAFT_MESSAGE_TERM_QUERY, i);
		query.nonce = node->config.session;
		outbox_send(node, &query);
	}
}

void
membership_tick(RaftNode *node)
{
	if (node->forget_at_ns != 0 && node->now_ns >= node->forget_at_ns &&
		!node->storage_failed)
		forget_state(node);
	if (!is_being_born(node) || node->persist_pending ||
		node->now_ns < node->query_ns)
		return;
	node->query_ns = node->now_ns + node->config.timings.heartbeat_interval_ns;
	send_queries(node);
}

uint64_t
membership_deadline(const RaftNode *node)
{
	if (node->forget_at_ns != 0 && !node->storage_failed)
		return node->forget_at_ns;
	return is_being_born(node) ? node->query_ns : UINT64_MAX;
}

/* Everybody answers, whatever its standing; the answer tells it. */
void
membership_receive_term_query(RaftNode *node, const RaftMessage *message)
{
	RaftMessage report;

	outbox_prepare(node, &report, RAFT_MESSAGE_TERM_REPORT, message->from);
	report.nonce = message->nonce;
	report.generation_seen = node->peers[message->from].generation;
	outbox_send(node, &report);
}

void
membership_receive_term_report(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];

	/* Asked for in this session, or it may be older than what we forgot. */
	if (message->nonce != node->config.session)
		return;
	peer->reported = true;
	peer->reported_standing = message->standing;
	peer->reported_term = message->term;
	membership_climb(node);
}
