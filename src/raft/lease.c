/*-------------------------------------------------------------------------
 *
 * lease.c
 *		Heartbeats, promises, check-quorum and the leader's lease: one
 *		quantity.
 *
 * Each heartbeat carries a round.  A voter that processes it promises to
 * grant no other node a vote for a time P, itself included, and tells P in
 * its acknowledgement.  The leader knows for each voter until when that
 * promise surely lasts: from the *sending* of the round, for P less the drift
 * of the two clocks.  What a majority's promises reach is the lease.  When it
 * has passed, the leader steps down by itself (Raft thesis, 6.2 and 6.4.1).
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#include <string.h>

/*
 * So often, at least, a promise is renewed while it lasts.  Of the least
 * election timeout, five heartbeats, a promise is 3.5.
 */
#define ROUNDS_PER_PROMISE		3

/* A lease that has begun, has not been given up and has not run out. */
bool
lease_is_valid(const RaftNode *node)
{
	return node->role == RAFT_LEADER && !node->lease_ended &&
		node->lease_end_ns > node->now_ns;
}

/* The q-th greatest of the voters' expiries; it never comes down. */
static void
extend_lease(RaftNode *node)
{
	uint64_t	reached = quorum_kth_greatest(node->expiry_ns,
											  node->config.node_count,
											  quorum_size(node->config.node_count));

	if (reached <= node->lease_end_ns || reached <= node->now_ns)
		return;
	if (node->lease_end_ns == 0)
	{
		RaftEvent	event = {0};

		node->lease_end_ns = reached;
		event.type = RAFT_EVENT_LEASE_BEGUN;
		event.reason = RAFT_REASON_ELECTED;
		outbox_event(node, &event);

		/*
		 * Only now is there a successor to be named: tell it at once, so that
		 * a leader which dies young has last words that help.
		 */
		node->heartbeat_ns = node->now_ns;
	}
	node->lease_end_ns = reached;
}

static void
send_round(RaftNode *node)
{
	const RaftTimings *timings = &node->config.timings;
	int32_t		self = node->config.node_id;
	int32_t		successor = succession_first(node);
	uint64_t	promise = raft_promise_ns(timings);
	uint64_t	delta = timings_delta_ns(node);
	uint64_t	expiry = node->now_ns +
	raft_usable_promise_ns(promise, timings->max_clock_drift_ppm);
	int32_t		i;

	node->round++;
	node->sent_ns[node->round % RAFT_ROUND_HISTORY] = node->now_ns;

	/*
	 * The leader's own promise is renewed here and nowhere else: if its
	 * ticker hangs, its lease runs out by itself, also with N = 1.
	 */
	if (node->expiry_ns[self] < expiry)
		node->expiry_ns[self] = expiry;
	extend_lease(node);
	succession_rank_peers(node);

	for (i = 0; i < node->config.node_count; i++)
	{
		RaftMessage heartbeat;

		if (i == self)
			continue;
		outbox_prepare(node, &heartbeat, RAFT_MESSAGE_HEARTBEAT, i);
		heartbeat.subject_term = node->wanted.term;
		heartbeat.round = node->round;
		heartbeat.promise_ns = promise;
		heartbeat.rank = node->peers[i].rank;
		heartbeat.rank_epoch = node->rank_epoch;
		heartbeat.rank_delay_ns = delta;
		heartbeat.successor = successor;
		outbox_send(node, &heartbeat);
		node->counters.heartbeats_sent++;
	}
}

/*
 * How long until the next round, once there is a lease.  Voters may have
 * shorter settings than ours, as when these are changed on one node after the
 * other: their promises, and their patience, must not end between two rounds.
 * With one set of settings for all, it is the interval that is set.
 */
static uint64_t
beat_ns(const RaftNode *node)
{
	uint64_t	heartbeat = node->config.timings.heartbeat_interval_ns;
	uint64_t	beat = heartbeat;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (peer->acknowledged_ns != 0 &&
			peer->acknowledged_ns + RAFT_FRESH_HEARTBEATS * heartbeat >= node->now_ns &&
			peer->promise_ns / ROUNDS_PER_PROMISE < beat)
			beat = peer->promise_ns / ROUNDS_PER_PROMISE;
	}
	if (beat < RAFT_RESEND_MIN_NS)
		beat = RAFT_RESEND_MIN_NS;
	return beat < heartbeat ? beat : heartbeat;
}

/*
 * Until the lease begins, rounds are repeated as requests are: a lost one must
 * not cost a whole heartbeat.  Not faster than the ring of rounds allows,
 * lest an acknowledgement that took long is no longer known.
 */
static uint64_t
round_interval_ns(const RaftNode *node)
{
	uint64_t	heartbeat = node->config.timings.heartbeat_interval_ns;
	uint64_t	interval = timings_resend_interval_ns(node);
	uint64_t	least = raft_promise_ns(&node->config.timings) / (RAFT_ROUND_HISTORY / 2);

	if (node->lease_end_ns != 0)
		return beat_ns(node);
	if (interval < least)
		interval = least;
	return interval < heartbeat ? interval : heartbeat;
}

/* A leader's settings, or a voter's, have changed: rounds may be due earlier. */
void
lease_cap_heartbeat(RaftNode *node)
{
	uint64_t	latest = node->now_ns + beat_ns(node);

	if (node->role == RAFT_LEADER && node->heartbeat_ns > latest)
		node->heartbeat_ns = latest;
}

/* A majority has voted; the lease begins when a majority has promised. */
void
lease_begin_leadership(RaftNode *node)
{
	int32_t		i;

	raft_set_role(node, RAFT_LEADER, RAFT_REASON_ELECTED);
	raft_set_leader(node, node->config.node_id, node->wanted.term,
					RAFT_REASON_ELECTED);
	node->failed_rounds = 0;
	node->holds = 0;
	node->draining = false;
	node->promise_leader = RAFT_NO_NODE;
	node->resigns_left = 0;
	node->elected_ns = node->now_ns;
	node->round = 0;
	node->lease_end_ns = 0;
	node->lease_ended = false;
	succession_begin(node);
	memset(node->expiry_ns, 0, sizeof(node->expiry_ns));
	for (i = 0; i < node->config.node_count; i++)
	{
		node->peers[i].acknowledged_ns = 0;
		node->peers[i].promise_ns = 0;
	}
	send_round(node);
	node->heartbeat_ns = node->now_ns + round_interval_ns(node);
}

/*
 * Check-quorum: a leader without a lease is none.  After a lapse it stays
 * back once, so that a node which wins elections but cannot hold a lease does
 * not win the next one too.
 */
static void
step_down(RaftNode *node, RaftReason reason)
{
	const RaftTimings *timings = &node->config.timings;

	node->counters.lease_lapses++;
	node->lease_ended = true;
	node->unfit_until_ns = node->now_ns + timings_unfit_ns(node);
	election_become_follower(node, reason);
	node->election_deadline_ns = node->now_ns + timings->election_timeout_max_ns +
		raft_random_below(node, timings->election_timeout_max_ns + 1);

	/* Alone there is nobody to stay back for. */
	if (node->config.node_count == 1)
		node->election_deadline_ns = node->now_ns;
}

static uint64_t
lapse_ns(const RaftNode *node)
{
	if (node->lease_end_ns != 0)
		return node->lease_end_ns;
	return node->elected_ns + raft_promise_ns(&node->config.timings);
}

void
lease_expire(RaftNode *node)
{
	if (node->role == RAFT_LEADER && node->now_ns >= lapse_ns(node))
		step_down(node, node->lease_end_ns != 0 ?
				  RAFT_REASON_QUORUM_LOST : RAFT_REASON_NO_LEASE);
}

void
lease_tick(RaftNode *node)
{
	uint64_t	interval;

	if (node->role != RAFT_LEADER || node->now_ns < node->heartbeat_ns)
		return;
	send_round(node);
	interval = round_interval_ns(node);

	/* Keep the beat, unless a whole interval was missed. */
	node->heartbeat_ns += interval;
	if (node->heartbeat_ns <= node->now_ns)
		node->heartbeat_ns = node->now_ns + interval;
}

uint64_t
lease_deadline(const RaftNode *node)
{
	uint64_t	lapse;

	if (node->role != RAFT_LEADER)
		return UINT64_MAX;
	lapse = lapse_ns(node);
	return lapse < node->heartbeat_ns ? lapse : node->heartbeat_ns;
}

static void
break_invariant(RaftNode *node, const RaftMessage *message)
{
	RaftEvent	event = {0};

	node->counters.invariants_broken++;
	event.type = RAFT_EVENT_INVARIANT;
	event.other = message->from;
	event.reason = RAFT_REASON_INVARIANT;
	outbox_event(node, &event);
	if (node->role == RAFT_LEADER)
		step_down(node, RAFT_REASON_INVARIANT);
}

/*
 * A node that does not take part learns who leads, for display; it makes no
 * promise and sends no acknowledgement, for it does not know what its former
 * self has voted since (docs/architecture.md, "Lost state").
 */
static void
learn_leader(RaftNode *node, const RaftMessage *message)
{
	if (message->subject_term < node->leader_term)
		return;
	raft_set_leader(node, message->from, message->subject_term,
					RAFT_REASON_HEARTBEAT);
	election_arm(node);
}

static void
reject(RaftNode *node, const RaftMessage *message)
{
	RaftMessage reply;

	outbox_prepare(node, &reply, RAFT_MESSAGE_HEARTBEAT_REJECT, message->from);
	reply.subject_term = message->subject_term;
	reply.round = message->round;
	outbox_send(node, &reply);
}

static void
promise_and_acknowledge(RaftNode *node, const RaftMessage *message)
{
	RaftMessage reply;
	uint64_t	promise = raft_promise_ns(&node->config.timings);
	uint64_t	until = node->now_ns + promise;

	/*
	 * A leader of a higher term ends the promise to the former one: it was
	 * elected by a majority whose promises had ended.  A promise to the same
	 * leader is never shortened, also when the settings were.
	 */
	if (node->promise_leader != message->from ||
		node->promise_term != message->subject_term ||
		node->promise_until_ns < until)
		node->promise_until_ns = until;
	node->promise_leader = message->from;
	node->promise_term = message->subject_term;

	outbox_prepare(node, &reply, RAFT_MESSAGE_HEARTBEAT_ACK, message->from);
	reply.subject_term = message->subject_term;
	reply.round = message->round;
	reply.promise_ns = promise;
	outbox_send(node, &reply);
}

void
lease_receive_heartbeat(RaftNode *node, const RaftMessage *message)
{
	uint64_t	term = message->subject_term;

	if (!membership_takes_part(node))
	{
		learn_leader(node, message);
		return;
	}
	if (term < node->wanted.term)
	{
		reject(node, message);
		return;
	}

	/* Late word of a leader that has resigned in the meantime. */
	if (message->from == node->released_leader && term == node->released_term)
		return;

	if (term > node->wanted.term)
		election_adopt_term(node, term, RAFT_REASON_HEARTBEAT);
	else if (node->leader_id != RAFT_NO_NODE && node->leader_id != message->from)
	{
		/* Two leaders of one term: election safety is broken somewhere. */
		break_invariant(node, message);
		return;
	}

	election_become_follower(node, RAFT_REASON_HEARTBEAT);
	raft_set_leader(node, message->from, term, RAFT_REASON_HEARTBEAT);
	node->failed_rounds = 0;
	node->holds = 0;
	node->draining = false;
	node->resigns_left = 0;
	succession_note_rank(node, message);
	election_arm(node);
	promise_and_acknowledge(node, message);
}

void
lease_receive_heartbeat_ack(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];
	uint64_t	sent;
	uint64_t	expiry;

	if (node->role != RAFT_LEADER || node->lease_ended ||
		message->subject_term != node->wanted.term)
		return;
	if (message->round == 0 || message->round > node->round ||
		node->round - message->round >= RAFT_ROUND_HISTORY)
		return;

	node->counters.heartbeats_acknowledged++;
	sent = node->sent_ns[message->round % RAFT_ROUND_HISTORY];
	expiry = sent + raft_usable_promise_ns(message->promise_ns,
										   node->config.timings.max_clock_drift_ppm);
	if (node->expiry_ns[message->from] < expiry)
		node->expiry_ns[message->from] = expiry;

	/* One that comes twice, or after a later one, measures no round trip. */
	if (peer->acknowledged_ns < sent)
	{
		peer->acknowledged_ns = sent;
		peer->promise_ns = message->promise_ns;
		acquaintance_note_round_trip(node, message->from, node->now_ns - sent);
	}
	extend_lease(node);
	lease_cap_heartbeat(node);
}
