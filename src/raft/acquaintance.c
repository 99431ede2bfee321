/*-------------------------------------------------------------------------
 *
 * acquaintance.c
 *		Who is there: sessions, probes, round trips, and hearsay about the
 *		leader.
 *
 * Messages count only from a session that has echoed ours, so somebody has to
 * speak first, also a node that otherwise keeps silent: every node probes the
 * peers from which it heard nothing for a while.  A PROBE is answered also to
 * a session that is not accepted yet; nothing else of it is believed.
 *
 * To be heard is not to hear: so every node also measures the way to each peer
 * and back by itself, now and then, though that peer is heard all the time.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

static void
send_probe(RaftNode *node, int32_t to, uint64_t to_session, uint64_t nonce)
{
	RaftMessage probe;

	outbox_prepare(node, &probe, RAFT_MESSAGE_PROBE, to);
	probe.to_session = to_session;
	membership_tell_generation(node, &probe);
	probe.nonce = nonce;
	outbox_send(node, &probe);
	node->peers[to].probe_sent_ns = node->now_ns;
	node->peers[to].probe_nonce = nonce;
}

/* Note what every message of an accepted session tells of its sender. */
void
acquaintance_note_peer(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];

	if (peer->session != message->from_session)
	{
		/*
		 * What its former self said was said by somebody else.  But what that
		 * one had written must not be forgotten: only if we heard it
		 * ourselves, as a generation from our own record may be of the
		 * session that begins here.
		 */
		if (peer->session != 0)
			peer->former_generation = peer->generation;
		peer->session = message->from_session;
		peer->reported = false;
		peer->lost_generation = 0;
	}
	peer->last_heard_ns = node->now_ns;
	peer->term = message->term;
	peer->role = message->role;
	peer->standing = message->standing;
	peer->priority = message->priority;
	peer->known_leader = message->known_leader;
	peer->known_leader_term = message->known_leader_term;
	peer->silent = (message->flags & RAFT_FLAG_SILENT) != 0;
	peer->unfit = (message->flags & RAFT_FLAG_UNFIT) != 0;
	peer->storage_ns = message->storage_ns;
	peer->position = message->position;
	peer->advertised_port = message->advertised_port;
	if (peer->generation < message->generation)
		peer->generation = message->generation;
	if (node->max_known_term < message->term)
		node->max_known_term = message->term;
	if (node->max_known_term < message->known_leader_term)
		node->max_known_term = message->known_leader_term;
}

/* Mean and mean deviation, as in RFC 6298. */
void
acquaintance_note_round_trip(RaftNode *node, int32_t peer_id,
							 uint64_t round_trip_ns)
{
	RaftPeer   *peer = &node->peers[peer_id];
	uint64_t	deviation;

	peer->last_round_trip_ns = round_trip_ns;
	peer->measured_ns = node->now_ns;
	if (peer->round_trip_ns == 0)
	{
		peer->round_trip_ns = round_trip_ns;
		peer->round_trip_deviation_ns = round_trip_ns / 2;
		return;
	}
	deviation = round_trip_ns > peer->round_trip_ns ?
		round_trip_ns - peer->round_trip_ns :
		peer->round_trip_ns - round_trip_ns;
	peer->round_trip_deviation_ns = (peer->round_trip_deviation_ns * 3 + deviation) / 4;
	peer->round_trip_ns = (peer->round_trip_ns * 7 + round_trip_ns) / 8;
}

void
acquaintance_receive_probe(RaftNode *node, const RaftMessage *message)
{
	RaftMessage reply;

	outbox_prepare(node, &reply, RAFT_MESSAGE_PROBE_REPLY, message->from);
	reply.to_session = message->from_session;
	reply.nonce = message->nonce;
	membership_tell_generation(node, &reply);
	outbox_send(node, &reply);

	/*
	 * Its answer to the challenge shows that this session is alive now.  A
	 * stranger's datagram may be a replay, and two strangers could answer
	 * each other's probes with probes, so this is limited.
	 */
	if (message->stranger)
	{
		RaftPeer   *peer = &node->peers[message->from];

		if (peer->challenged_ns != 0 &&
			node->now_ns - peer->challenged_ns < RAFT_CHALLENGE_INTERVAL_NS)
			return;
		peer->challenged_ns = node->now_ns;
		send_probe(node, message->from, message->from_session,
				   message->challenge);
	}
}

void
acquaintance_receive_probe_reply(RaftNode *node, const RaftMessage *message)
{
	RaftPeer   *peer = &node->peers[message->from];

	/* An answer to an earlier probe says nothing about the present way. */
	if (peer->probe_sent_ns == 0 || message->nonce != peer->probe_nonce)
		return;
	acquaintance_note_round_trip(node, message->from,
								 node->now_ns - peer->probe_sent_ns);
	peer->probe_sent_ns = 0;
}

/*
 * Half an interval of silence is enough to be probed, so that of two nodes
 * which hear nothing else of each other only one needs to speak.
 */
static bool
is_quiet(const RaftNode *node, const RaftPeer *peer)
{
	return peer->last_heard_ns == 0 ||
		node->now_ns - peer->last_heard_ns >= RAFT_PROBE_INTERVAL_NS / 2;
}

/*
 * Acknowledgements measure the leader's ways all the time; the others are due
 * at an age that is drawn anew each time, lest all go on meeting at one tick.
 */
static bool
is_measure_due(RaftNode *node, const RaftPeer *peer)
{
	uint64_t	age = node->now_ns - peer->measured_ns;

	return peer->measured_ns == 0 ||
		age >= RAFT_MEASURE_INTERVAL_NS - RAFT_PROBE_INTERVAL_NS +
		raft_random_below(node, 2 * RAFT_PROBE_INTERVAL_NS);
}

void
acquaintance_tick(RaftNode *node)
{
	int32_t		i;

	if (node->now_ns < node->probe_ns)
		return;
	node->probe_ns = node->now_ns + RAFT_PROBE_INTERVAL_NS;
	for (i = 0; i < node->config.node_count; i++)
	{
		RaftPeer   *peer = &node->peers[i];

		if (i == node->config.node_id)
			continue;
		if (is_quiet(node, peer) || is_measure_due(node, peer))
			send_probe(node, i, peer->session, raft_random(node));
	}
}

/* The leader that peers tell of, while we hear none: known, not reachable. */
void
acquaintance_rumour(const RaftNode *node, int32_t *leader_id, uint64_t *term)
{
	int32_t		i;

	*leader_id = RAFT_NO_NODE;
	*term = 0;
	if (node->leader_id != RAFT_NO_NODE)
		return;
	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (peer->last_heard_ns == 0 ||
			node->now_ns - peer->last_heard_ns > 3 * RAFT_PROBE_INTERVAL_NS ||
			peer->known_leader == RAFT_NO_NODE ||
			peer->known_leader == node->config.node_id ||
			peer->known_leader_term < node->durable.term ||
			peer->known_leader_term <= *term)
			continue;
		*leader_id = peer->known_leader;
		*term = peer->known_leader_term;
	}
}
