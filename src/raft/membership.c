/*-------------------------------------------------------------------------
 *
 * membership.c
 *		How far a node belongs to the cluster: birth by all nodes, lost state,
 *		and the two ways back.
 *
 * Raft lets no node vote that has forgotten its vote.  So a cluster is born
 * once, by all of its nodes, who climb NEW, MET, READY, MEMBER in lockstep;
 * and a node without trustworthy state is AMNESIAC: it counts as a dead one
 * for every quorum, until all others have told it their terms, or an operator
 * takes it upon himself.  docs/architecture.md, "Birth" and "Lost state", has
 * the reasons, docs/correctness.md why asking all others is enough, and why
 * asking fewer is not.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* How far an operator's word jumps past every generation that was told. */
#define FORGET_GENERATION_JUMP	(UINT64_C(1) << 20)

/* Between MEMBER and the first standing: on the way up. */
static bool
is_being_born(const RaftNode *node)
{
	return node->wanted.standing < RAFT_MEMBER;
}

/* Asks the others for their terms: on the way up, or back. */
static bool
is_asking(const RaftNode *node)
{
	return node->config.node_count > 1 && node->wanted.standing != RAFT_MEMBER;
}

bool
membership_takes_part(const RaftNode *node)
{
	return node->durable.standing == RAFT_MEMBER &&
		node->wanted.standing == RAFT_MEMBER &&
		!node->storage_failed;
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
	int32_t		i;

	membership_mark_lost(node);
	if (node->role == RAFT_LEADER)
		handover_resign(node, succession_first(node), RAFT_REASON_AMNESIA);
	election_become_follower(node, RAFT_REASON_AMNESIA);
	node->amnesia = amnesia;
	node->forget_at_ns = 0;

	/* What was told on the way up was told to somebody else. */
	for (i = 0; i < node->config.node_count; i++)
		node->peers[i].reported = false;
	node->query_ns = node->now_ns;
	persistence_want(node);
}

/*
 * Tell the addressee what its records were when we saw them.  In every
 * message, as the one that would matter may be lost.
 */
void
membership_tell_generation(const RaftNode *node, RaftMessage *message)
{
	const RaftPeer *peer = &node->peers[message->to];

	message->generation_seen = peer->generation;
	if (message->to_session == peer->session)
		message->former_generation_seen = peer->former_generation;
	else if (peer->session != 0)
		message->former_generation_seen = peer->generation;
}

/*
 * Ways to learn from a peer that our state is not what it was: it has seen a
 * greater generation of us (a snapshot was restored), or it stands two or more
 * above us, which nobody can reach while we keep our state.
 *
 * The generation is compared with the present one, not with the one in which
 * the peer was asked, so that two of our own datagrams in the wrong order do
 * no harm.  But our own writes since the start may have caught up with what was
 * seen of the lost state.  So what a peer saw of our former sessions is
 * compared with what we found at the start.
 */
void
membership_note_peer(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];

	if (node->generation_reported < message->generation_seen)
		node->generation_reported = message->generation_seen;
	if (node->generation_reported < message->former_generation_seen)
		node->generation_reported = message->former_generation_seen;

	/*
	 * What it told before it knew of its loss is worth nothing, nor is what
	 * comes late of that: whatever it tells as a member again is of a later
	 * record.
	 */
	if (message->standing == RAFT_AMNESIAC)
	{
		peer->reported = false;
		if (peer->lost_generation < message->generation)
			peer->lost_generation = message->generation;
	}
	if (node->wanted.standing == RAFT_AMNESIAC)
		return;

	if (is_being_born(node) && message->standing <= RAFT_MEMBER &&
		(int) message->standing >= (int) node->wanted.standing + 2)
		membership_become_amnesiac(node, RAFT_AMNESIA_LEFT_BEHIND);
	else if (message->generation_seen > node->durable.generation ||
			 message->former_generation_seen > node->generation_loaded)
		membership_become_amnesiac(node, RAFT_AMNESIA_ROLLED_BACK);
}

/*
 * Does this node still wait for that peer?  On the way up, for a standing
 * that is not below our own; on the way back, for the term of one that has
 * kept its state, as only such a one surely knows in which term it asked us
 * for a vote.
 */
bool
membership_awaits(const RaftNode *node, int32_t peer_id)
{
	const RaftPeer *peer = &node->peers[peer_id];
	RaftStanding least = is_being_born(node) ? node->wanted.standing : RAFT_READY;

	if (!is_asking(node) || peer_id == node->config.node_id)
		return false;
	return !peer->reported || peer->reported_standing > RAFT_MEMBER ||
		peer->reported_standing < least;
}

static bool
awaits_anybody(const RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		if (membership_awaits(node, i))
			return true;
	}
	return false;
}

/* Take part from that term on, but not in it, if it has existed before. */
static void
become_member(RaftNode *node, uint64_t term)
{
	node->wanted.standing = RAFT_MEMBER;
	if (term > 0)
		node->wanted.vote = RAFT_VOTE_SPOILED;
	node->wanted.term = term;
	raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_TAKES_PART);
	persistence_want(node);
}

/* One step up, if every other node has reported at least our standing. */
static void
climb(RaftNode *node)
{
	bool		one_is_member = false;
	uint64_t	term = node->wanted.term;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (i == node->config.node_id || !peer->reported)
			continue;
		if (peer->reported_standing == RAFT_MEMBER)
			one_is_member = true;
		if (peer->reported_term > term)
			term = peer->reported_term;
	}
	if (awaits_anybody(node) &&
		!(node->wanted.standing == RAFT_READY && one_is_member))
		return;

	node->query_ns = node->now_ns;

	/* Alone there is nobody to be waited for. */
	if (node->config.node_count == 1 || node->wanted.standing == RAFT_READY)
		become_member(node, term);
	else
	{
		node->wanted.standing++;
		persistence_want(node);
	}
}

/*
 * The way back without an operator.  Our forgotten vote of some term went to a
 * candidate who had made that term durable before it asked; perhaps nobody
 * else knows that term.  So all others have to answer, and no amnesiac's
 * answer counts.  And the longest promise that we may have forgotten has to
 * pass first.
 */
static void
recover(RaftNode *node)
{
	uint64_t	term = node->wanted.term;
	int32_t		i;

	if (node->config.node_count == 1 || awaits_anybody(node) ||
		node->now_ns < membership_recover_at_ns(node))
		return;
	for (i = 0; i < node->config.node_count; i++)
	{
		if (i != node->config.node_id && node->peers[i].reported_term > term)
			term = node->peers[i].reported_term;
	}
	become_member(node, term);
}

/* Up, or back, as far as the reports allow. */
void
membership_advance(RaftNode *node)
{
	if (node->persist_pending || node->storage_failed)
		return;
	if (is_being_born(node))
		climb(node);
	else if (node->durable.standing == RAFT_AMNESIAC)
		recover(node);
}

/* Not before then can an amnesiac recover by asking; 0: never. */
uint64_t
membership_recover_at_ns(const RaftNode *node)
{
	if (node->wanted.standing != RAFT_AMNESIAC || node->config.node_count == 1)
		return 0;
	return node->start_ns + RAFT_MAX_PROMISE_NS;
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

	/* Likewise for records that a peer has seen which is not here to tell. */
	node->generation_used += FORGET_GENERATION_JUMP;
	become_member(node, term + RAFT_FORGET_TERM_JUMP);
}

/* On the way up all are asked, as standings grow; on the way back, the rest. */
static void
send_queries(RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		RaftMessage query;

		if (i == node->config.node_id ||
			(!is_being_born(node) && !membership_awaits(node, i)))
			continue;
		outbox_prepare(node, &query, RAFT_MESSAGE_TERM_QUERY, i);
		query.nonce = node->config.session;
		outbox_send(node, &query);
	}
}

void
membership_tick(RaftNode *node)
{
	/* If all others have answered, there is no need to forget. */
	membership_advance(node);
	if (!node->persist_pending && node->forget_at_ns != 0 &&
		node->now_ns >= node->forget_at_ns && !node->storage_failed)
		forget_state(node);
	if (!is_asking(node) || node->persist_pending ||
		node->now_ns < node->query_ns)
		return;
	node->query_ns = node->now_ns + (is_being_born(node) ?
									 node->config.timings.heartbeat_interval_ns :
									 RAFT_PROBE_INTERVAL_NS);
	send_queries(node);
}

uint64_t
membership_deadline(const RaftNode *node)
{
	uint64_t	deadline = UINT64_MAX;
	uint64_t	recover_at_ns = membership_recover_at_ns(node);

	if (node->forget_at_ns != 0 && !node->storage_failed)
		deadline = node->forget_at_ns;
	if (is_asking(node) && node->query_ns < deadline)
		deadline = node->query_ns;
	if (recover_at_ns != 0 && recover_at_ns < deadline &&
		!node->storage_failed && !awaits_anybody(node))
		deadline = recover_at_ns;
	return deadline;
}

/* Everybody answers, whatever its standing; the answer tells it. */
void
membership_receive_term_query(RaftNode *node, const RaftMessage *message)
{
	RaftMessage report;

	outbox_prepare(node, &report, RAFT_MESSAGE_TERM_REPORT, message->from);
	report.nonce = message->nonce;
	outbox_send(node, &report);
}

void
membership_receive_term_report(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];

	/* Asked for in this session, or it may be older than what we forgot. */
	if (message->nonce != node->config.session)
		return;

	/* And not made before it found out that its own state is lost. */
	if (message->standing != RAFT_AMNESIAC &&
		message->generation <= peer->lost_generation)
		return;
	peer->reported = true;
	peer->reported_standing = message->standing;
	peer->reported_term = message->term;
	membership_advance(node);
}
