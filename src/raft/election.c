/*-------------------------------------------------------------------------
 *
 * election.c
 *		Election timeouts, pre-vote, vote, campaign.
 *
 * Sources: Raft paper, 5.2 and 5.4; Raft thesis, 3.4, 4.2.3 (servers that
 * hear a leader disregard vote requests) and 9.6 (pre-vote).
 *
 * What this file never does: spend a term unless a majority said that it
 * would vote; adopt a term that is only proposed; clear a vote within its
 * term; grant while a promise to another leader is in force.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* Failed candidacies double the spread of the next one up to this power. */
#define BACKOFF_LIMIT			5

/* A granted pre-vote puts off one's own candidacy at most this often. */
#define HOLDS_LIMIT				2

/* A follower's timer, set anew whenever the leader is heard. */
void
election_arm(RaftNode *node)
{
	node->election_deadline_ns = node->now_ns + succession_timeout_ns(node);
}

/* How long a candidacy may last. */
static uint64_t
round_duration_ns(const RaftNode *node)
{
	uint64_t	duration = 12 * timings_delta_ns(node);
	uint64_t	least = node->config.timings.election_timeout_min_ns / 10;

	return duration > least ? duration : least;
}

/*
 * The settings have changed: a timer that was set under longer ones must not
 * outlast them, or who hears no leader, or no voters, waits on as if nothing
 * had been changed.  It only ever comes forward, and no promise moves with it:
 * what that forbids is still forbidden when the timer fires.
 */
void
election_cap_deadline(RaftNode *node)
{
	uint64_t	latest = node->now_ns + succession_timeout_ns(node);
	uint64_t	latest_end = node->now_ns + round_duration_ns(node);

	if (node->role == RAFT_FOLLOWER && node->election_deadline_ns > latest)
		node->election_deadline_ns = latest;
	if (node->round_deadline_ns > latest_end)
		node->round_deadline_ns = latest_end;
}

/*
 * The timer of a node that starts.  After a birth there was no leader to be
 * waited for; after a restart there may be one, and nobody may campaign
 * before the silence ends.
 */
void
election_arm_first(RaftNode *node)
{
	const RaftTimings *timings = &node->config.timings;
	uint64_t	spread = timings->election_timeout_max_ns -
	timings->election_timeout_min_ns + 1;

	if (!node->silent || node->now_ns >= node->silent_until_ns)
	{
		node->election_deadline_ns = node->now_ns + timings_delta_ns(node) +
			raft_random_below(node, timings->election_timeout_min_ns / 2 + 1);
		return;
	}
	election_arm(node);
	if (node->election_deadline_ns < node->silent_until_ns)
		node->election_deadline_ns = node->silent_until_ns +
			raft_random_below(node, spread);
}

/*
 * Priority keeps a node from asking for votes; it is never a reason to refuse
 * one.  One's own vote is a vote: a promise forbids it too.
 */
bool
election_may_campaign(const RaftNode *node)
{
	return membership_takes_part(node) && !node->silent &&
		node->config.timings.priority > 0 &&
		(node->promise_leader == RAFT_NO_NODE ||
		 node->now_ns >= node->promise_until_ns) &&
		node->wanted.term + 1 < RAFT_TERM_LIMIT;
}

void
election_become_follower(RaftNode *node, RaftReason reason)
{
	node->lease_end_ns = 0;
	quorum_set_clear(&node->granted_by);
	if (node->leader_id == node->config.node_id)
		raft_set_leader(node, RAFT_NO_NODE, 0, reason);
	if (node->role != RAFT_FOLLOWER)
	{
		raft_set_role(node, RAFT_FOLLOWER, reason);
		election_arm(node);
	}
}

/*
 * A higher term that was really entered by somebody (never a proposed one).
 * The vote of the old term says nothing about the new one; within a term it
 * is never cleared.  A follower's timer goes on: traffic that is no sign of a
 * leader must not put off an election.
 */
void
election_adopt_term(RaftNode *node, uint64_t term, RaftReason reason)
{
	node->wanted.term = term;
	node->wanted.vote = RAFT_VOTE_NONE;
	persistence_want(node);
	election_become_follower(node, reason);
	raft_set_leader(node, RAFT_NO_NODE, 0, reason);
}

/*
 * Somebody refused us and told a higher term.  Everybody learns it, or two
 * camps, "high term" and "low term", never find together again; a leader
 * hands over to itself rather than waiting for its followers' timeouts.
 */
static void
meet_higher_term(RaftNode *node, uint64_t term)
{
	if (term <= node->wanted.term)
		return;
	if (node->role == RAFT_LEADER)
		handover_to_self(node, term);
	else
	{
		election_adopt_term(node, term, RAFT_REASON_HIGHER_TERM);
		election_arm(node);
	}
}

void
lease_receive_heartbeat_reject(RaftNode *node, const RaftMessage *message)
{
	meet_higher_term(node, message->term);
}

/* ----------
 * Voters
 * ----------
 */

/*
 * What stands against granting anything to the sender, whatever the term; the
 * promise is Raft thesis, 4.2.3, made exact: it runs for a stated time, and
 * only a token that names the very leadership that was released lifts it.
 */
static RaftRefusal
refusal_of(const RaftNode *node, const RaftMessage *message)
{
	bool		promised = node->promise_leader != RAFT_NO_NODE &&
	node->now_ns < node->promise_until_ns;
	bool		released = (message->flags & RAFT_FLAG_HAS_TOKEN) != 0 &&
	message->token_leader == node->promise_leader &&
	message->token_term == node->promise_term;

	if (node->storage_failed)
		return RAFT_REFUSAL_STORAGE;
	if (node->silent)
		return RAFT_REFUSAL_SILENT;
	if (lease_is_valid(node))
		return RAFT_REFUSAL_LEADER;
	if (promised && node->promise_leader != message->from && !released)
		return RAFT_REFUSAL_PROMISED;
	return RAFT_REFUSAL_NONE;
}

/*
 * Raft paper, 5.4.1, as far as it applies without a log.  Priority and rank,
 * however, never are a reason to refuse a vote.
 */
static bool
is_position_good_enough(const RaftNode *node, const RaftMessage *message)
{
	RaftPositionOrder order;

	if (node->config.position_mode != RAFT_POSITION_REQUIRE)
		return true;
	order = node->config.compare_positions(&message->position, &node->position);
	return order == RAFT_POSITION_EQUAL || order == RAFT_POSITION_AHEAD;
}

static void
reply_to_candidate(RaftNode *node, const RaftMessage *message,
				   RaftMessageType type, RaftRefusal refusal)
{
	RaftMessage reply;

	outbox_prepare(node, &reply, type, message->from);
	reply.subject_term = message->subject_term;
	reply.nonce = message->nonce;
	reply.refusal = refusal;
	if (refusal == RAFT_REFUSAL_NONE)
		reply.flags |= RAFT_FLAG_GRANTED;
	if (refusal == RAFT_REFUSAL_PROMISED)
		reply.promise_ns = node->promise_until_ns - node->now_ns;
	if (refusal == RAFT_REFUSAL_SILENT)
		reply.promise_ns = node->silent_until_ns - node->now_ns;
	outbox_send(node, &reply);
}

void
election_receive_pre_vote(RaftNode *node, const RaftMessage *message)
{
	RaftRefusal refusal = refusal_of(node, message);

	if (message->subject_term <= node->wanted.term)
		refusal = RAFT_REFUSAL_TERM;
	else if (refusal == RAFT_REFUSAL_NONE &&
			 !is_position_good_enough(node, message))
		refusal = RAFT_REFUSAL_POSITION;
	if (refusal == RAFT_REFUSAL_NONE)
	{
		uint64_t	hold_ns = node->now_ns + 3 * timings_delta_ns(node);

		node->counters.pre_votes_granted++;

		/*
		 * Nothing durable, and no sign of a leader: a node that asks over and
		 * over must not keep us from campaigning, so holds are bounded.
		 */
		if (node->role == RAFT_FOLLOWER && node->holds < HOLDS_LIMIT &&
			node->election_deadline_ns < hold_ns)
		{
			node->holds++;
			node->election_deadline_ns = hold_ns;
		}
	}
	else
	{
		node->counters.pre_votes_refused++;
		node->counters.pre_votes_refused_for[refusal]++;
	}
	reply_to_candidate(node, message, RAFT_MESSAGE_PRE_VOTE_REPLY, refusal);
}

void
election_receive_vote(RaftNode *node, const RaftMessage *message)
{
	RaftRefusal refusal = refusal_of(node, message);
	uint64_t	term = message->subject_term;

	if (term < node->wanted.term)
		refusal = RAFT_REFUSAL_TERM;
	else if (refusal == RAFT_REFUSAL_NONE)
	{
		/*
		 * With a promise in force (or a silence that stands for one) the
		 * request is ignored wholly: its term is not even adopted, or the
		 * leader that we hear would be deposed by it.
		 */
		if (term > node->wanted.term)
			election_adopt_term(node, term, RAFT_REASON_HIGHER_TERM);
		if (node->wanted.vote == RAFT_VOTE_SPOILED)
			refusal = RAFT_REFUSAL_SPOILED;
		else if (node->wanted.vote != RAFT_VOTE_NONE &&
				 node->wanted.vote != message->from)
			refusal = RAFT_REFUSAL_VOTED;
		else if (!is_position_good_enough(node, message))
			refusal = RAFT_REFUSAL_POSITION;
	}

	if (refusal == RAFT_REFUSAL_NONE)
	{
		RaftEvent	event = {0};

		/* A repeated request of the same candidate is granted again. */
		if (node->wanted.vote != message->from)
		{
			node->wanted.vote = message->from;
			persistence_want(node);
			event.type = RAFT_EVENT_VOTE;
			event.other = message->from;
			outbox_event(node, &event);
		}
		node->counters.votes_granted++;

		/*
		 * A promise to a leader of a former term has ended or was released.
		 * One to the leader of this very term, whose request comes late, is
		 * what its lease rests on.
		 */
		if (node->promise_term < term)
			node->promise_leader = RAFT_NO_NODE;
		election_become_follower(node, RAFT_REASON_HIGHER_TERM);
		election_arm(node);
	}
	else
	{
		node->counters.votes_refused++;
		node->counters.votes_refused_for[refusal]++;
	}
	reply_to_candidate(node, message, RAFT_MESSAGE_VOTE_REPLY, refusal);
}

/* ----------
 * Candidates
 * ----------
 */

static void
send_request(RaftNode *node, int32_t to)
{
	RaftMessage request;
	bool		pre_vote = node->role == RAFT_PRE_CANDIDATE;

	outbox_prepare(node, &request,
				   pre_vote ? RAFT_MESSAGE_PRE_VOTE : RAFT_MESSAGE_VOTE, to);
	request.subject_term = node->wanted.term + (pre_vote ? 1 : 0);
	request.nonce = node->nonce;
	if (node->released_leader != RAFT_NO_NODE)
	{
		request.flags |= RAFT_FLAG_HAS_TOKEN;
		request.token_leader = node->released_leader;
		request.token_term = node->released_term;
	}
	outbox_send(node, &request);
}

/* For the sake of a promise, or of a silence that stands for one: it ends. */
static bool
is_refused_for_a_time(const RaftPeer *peer)
{
	return peer->refusal == RAFT_REFUSAL_PROMISED ||
		peer->refusal == RAFT_REFUSAL_SILENT;
}

/*
 * Ask everybody who has neither granted nor refused yet, and again those who
 * refused for a time that is over by now.
 */
static void
send_requests(RaftNode *node)
{
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		RaftPeer   *peer = &node->peers[i];

		if (i == node->config.node_id || quorum_set_has(&node->granted_by, i))
			continue;
		if (is_refused_for_a_time(peer) &&
			node->now_ns >= peer->ask_again_ns)
			peer->refusal = RAFT_REFUSAL_NONE;
		if (peer->refusal == RAFT_REFUSAL_NONE)
			send_request(node, i);
	}
	node->resend_ns = node->now_ns + timings_resend_interval_ns(node);
}

/* A new candidacy: no answer to an earlier one counts for it. */
static void
begin_round(RaftNode *node, RaftRole role, RaftReason reason)
{
	int32_t		i;

	raft_set_leader(node, RAFT_NO_NODE, 0, reason);
	raft_set_role(node, role, reason);
	node->draining = false;
	quorum_set_clear(&node->granted_by);
	for (i = 0; i < node->config.node_count; i++)
		node->peers[i].refusal = RAFT_REFUSAL_NONE;
	do
		node->nonce = raft_random(node);
	while (node->nonce == 0);
	node->round_deadline_ns = node->now_ns + round_duration_ns(node);
}

static bool
has_majority(const RaftNode *node)
{
	return quorum_set_count(&node->granted_by) >=
		quorum_size(node->config.node_count);
}

static void
begin_pre_vote(RaftNode *node)
{
	node->counters.pre_votes_begun++;
	begin_round(node, RAFT_PRE_CANDIDATE, RAFT_REASON_ELECTION_TIMEOUT);
	quorum_set_add(&node->granted_by, node->config.node_id);
	if (has_majority(node))
		election_campaign(node, RAFT_REASON_ELECTION_TIMEOUT);
	else
		send_requests(node);
}

/*
 * Enter the next term and ask for real votes (Raft paper, 5.2).  Our own vote
 * counts when it is durable: election_own_vote_durable().
 */
void
election_campaign(RaftNode *node, RaftReason reason)
{
	node->counters.elections_begun++;
	node->wanted.term++;
	node->wanted.vote = node->config.node_id;
	persistence_want(node);
	begin_round(node, RAFT_CANDIDATE, reason);
	send_requests(node);
}

/* Nothing but this spread grows: it settles duels of equal timers. */
static void
fail_round(RaftNode *node)
{
	uint64_t	delta = timings_delta_ns(node);
	uint64_t	spread = 6 * delta;
	uint64_t	least = node->config.timings.election_timeout_min_ns / 50;

	if (spread < least)
		spread = least;
	spread <<= node->failed_rounds < BACKOFF_LIMIT ? node->failed_rounds : BACKOFF_LIMIT;
	if (spread > node->config.timings.election_timeout_max_ns)
		spread = node->config.timings.election_timeout_max_ns;
	node->failed_rounds++;
	node->counters.rounds_failed++;
	election_become_follower(node, RAFT_REASON_ROUND_FAILED);

	/* Who did not answer may not know our session, and then hears nothing. */
	node->probe_ns = node->now_ns;
	node->election_deadline_ns = node->now_ns + 2 * delta +
		raft_random_below(node, spread + 1);
}

static void
count_grant(RaftNode *node, int32_t from)
{
	quorum_set_add(&node->granted_by, from);
	if (!has_majority(node))
		return;
	if (node->role == RAFT_PRE_CANDIDATE)
		election_campaign(node, RAFT_REASON_ELECTION_TIMEOUT);
	else
	{
		node->counters.elections_won++;
		quorum_set_clear(&node->granted_by);
		lease_begin_leadership(node);
	}
}

void
election_own_vote_durable(RaftNode *node)
{
	if (node->role == RAFT_CANDIDATE &&
		!quorum_set_has(&node->granted_by, node->config.node_id))
		count_grant(node, node->config.node_id);
}

/* Has a majority become impossible before this candidacy's end? */
static bool
is_refused_by_too_many(const RaftNode *node)
{
	int32_t		refused = 0;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (i == node->config.node_id || peer->refusal == RAFT_REFUSAL_NONE ||
			quorum_set_has(&node->granted_by, i) ||
			(is_refused_for_a_time(peer) &&
			 peer->ask_again_ns < node->round_deadline_ns))
			continue;
		refused++;
	}
	return node->config.node_count - refused < quorum_size(node->config.node_count);
}

static void
receive_refusal(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];
	bool		ours = message->nonce == node->nonce &&
	(node->role == RAFT_PRE_CANDIDATE || node->role == RAFT_CANDIDATE) &&
	!quorum_set_has(&node->granted_by, message->from);
	uint64_t	promise = message->promise_ns < RAFT_MAX_PROMISE_NS ?
	message->promise_ns : RAFT_MAX_PROMISE_NS;

	if (ours)
	{
		peer->refusal = message->refusal;
		peer->ask_again_ns = node->now_ns + promise;
	}
	meet_higher_term(node, message->term);
	if (ours && node->role != RAFT_FOLLOWER && is_refused_by_too_many(node))
		fail_round(node);
}

void
election_receive_pre_vote_reply(RaftNode *node, const RaftMessage *message)
{
	if ((message->flags & RAFT_FLAG_GRANTED) == 0)
		receive_refusal(node, message);
	else if (node->role == RAFT_PRE_CANDIDATE &&
			 message->subject_term == node->wanted.term + 1 &&
			 message->nonce == node->nonce)
		count_grant(node, message->from);
}

void
election_receive_vote_reply(RaftNode *node, const RaftMessage *message)
{
	if ((message->flags & RAFT_FLAG_GRANTED) == 0)
		receive_refusal(node, message);
	else if (node->role == RAFT_CANDIDATE &&
			 message->subject_term == node->wanted.term &&
			 message->nonce == node->nonce)
		count_grant(node, message->from);
}

/* ----------
 * Time
 * ----------
 */

void
election_expire(RaftNode *node)
{
	if ((node->role == RAFT_PRE_CANDIDATE || node->role == RAFT_CANDIDATE) &&
		node->now_ns >= node->round_deadline_ns)
		fail_round(node);

	if (node->silent && node->now_ns >= node->silent_until_ns)
	{
		RaftEvent	event = {0};

		node->silent = false;
		event.type = RAFT_EVENT_SILENCE_ENDED;
		outbox_event(node, &event);
	}
}

void
election_tick(RaftNode *node)
{
	if (node->role == RAFT_PRE_CANDIDATE || node->role == RAFT_CANDIDATE)
	{
		if (node->now_ns >= node->resend_ns)
			send_requests(node);
		return;
	}
	if (node->role != RAFT_FOLLOWER ||
		node->now_ns < node->election_deadline_ns)
		return;

	node->draining = false;
	if (election_may_campaign(node))
		begin_pre_vote(node);
	else
	{
		raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_ELECTION_TIMEOUT);
		election_arm(node);
		if (membership_takes_part(node) && !node->silent &&
			node->promise_leader != RAFT_NO_NODE &&
			node->promise_until_ns > node->now_ns)
			node->election_deadline_ns = node->promise_until_ns +
				raft_random_below(node, timings_delta_ns(node));
	}
}

uint64_t
election_deadline(const RaftNode *node)
{
	uint64_t	deadline = UINT64_MAX;

	if (node->role == RAFT_FOLLOWER)
		deadline = node->election_deadline_ns;
	else if (node->role != RAFT_LEADER)
		deadline = node->round_deadline_ns < node->resend_ns ?
			node->round_deadline_ns : node->resend_ns;
	if (node->silent && node->silent_until_ns < deadline)
		deadline = node->silent_until_ns;
	return deadline;
}
