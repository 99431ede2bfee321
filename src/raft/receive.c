/*-------------------------------------------------------------------------
 *
 * receive.c
 *		Messages that come in: which ones count, and whose they are.
 *
 * What has expired is dropped before the message is looked at: a lease that has
 * run out must be gone before an acknowledgement that waited in a queue can
 * extend it.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

/* Messages that are about a term, which somebody has entered or proposes. */
static bool
is_about_a_term(RaftMessageType type)
{
	switch (type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
		case RAFT_MESSAGE_VOTE:
		case RAFT_MESSAGE_VOTE_REPLY:
		case RAFT_MESSAGE_HEARTBEAT:
		case RAFT_MESSAGE_HEARTBEAT_ACK:
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			return true;
		case RAFT_MESSAGE_PROBE:
		case RAFT_MESSAGE_PROBE_REPLY:
		case RAFT_MESSAGE_TERM_QUERY:
		case RAFT_MESSAGE_TERM_REPORT:
			break;
	}
	return false;
}

static bool
message_is_plausible(const RaftNode *node, const RaftMessage *message)
{
	uint64_t	limit = RAFT_TERM_LIMIT;

	if (message->from < 0 || message->from >= node->config.node_count ||
		message->from == node->config.node_id ||
		message->to != node->config.node_id ||
		message->from_session == 0 ||
		message->known_leader < RAFT_NO_NODE ||
		message->known_leader >= node->config.node_count)
		return false;

	/*
	 * A term far ahead of all is forged or damaged, and must not use up the
	 * space of terms.  An amnesiac has no term to compare with.
	 */
	if (node->wanted.standing == RAFT_MEMBER)
		limit = node->wanted.term + RAFT_TERM_JUMP_LIMIT;
	if (message->term >= RAFT_TERM_LIMIT || message->term > limit ||
		message->subject_term >= RAFT_TERM_LIMIT || message->subject_term > limit ||
		message->known_leader_term >= RAFT_TERM_LIMIT ||
		message->known_leader_term > limit ||
		message->generation_seen > node->generation_used + RAFT_TERM_JUMP_LIMIT ||
		message->former_generation_seen > node->generation_used + RAFT_TERM_JUMP_LIMIT)
		return false;

	/* Terms begin at 1: in 0, where nodes start, nobody campaigns or leads. */
	if (message->subject_term == 0 && is_about_a_term(message->type))
		return false;

	/* Only a PROBE speaks to a session that its sender does not know. */
	if (message->type == RAFT_MESSAGE_PROBE)
		return true;
	return !message->stranger && message->to_session == node->config.session;
}

/* Messages of the election rules proper; the node takes part. */
static void
dispatch_to_member(RaftNode *node, const RaftMessage *message)
{
	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			election_receive_pre_vote(node, message);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			election_receive_pre_vote_reply(node, message);
			break;
		case RAFT_MESSAGE_VOTE:
			election_receive_vote(node, message);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			election_receive_vote_reply(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			lease_receive_heartbeat_ack(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
			lease_receive_heartbeat_reject(node, message);
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
			handover_receive_timeout_now(node, message);
			break;
		case RAFT_MESSAGE_RESIGN:
			handover_receive_resign(node, message);
			break;
		default:
			break;
	}
}

/*
 * A member that cannot write its state takes no part, but tells candidates
 * why: election_receive_*vote() refuse with that reason.
 */
static bool
must_refuse(const RaftNode *node, const RaftMessage *message)
{
	return node->storage_failed &&
		node->durable.standing == RAFT_MEMBER &&
		node->wanted.standing == RAFT_MEMBER &&
		(message->type == RAFT_MESSAGE_PRE_VOTE ||
		 message->type == RAFT_MESSAGE_VOTE);
}

RaftResult
raft_receive(RaftNode *node, const RaftMessage *message, uint64_t now_ns,
			 uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);

	if (!message_is_plausible(node, message))
	{
		node->counters.dropped++;
		return RAFT_DROPPED;
	}

	if (message->type == RAFT_MESSAGE_PROBE && message->stranger)
	{
		acquaintance_receive_probe(node, message);
		return RAFT_OK;
	}

	acquaintance_note_peer(node, message);
	membership_note_peer(node, message);
	if (node->persist_pending)
		return RAFT_OK;			/* it became amnesiac: nothing else counts */

	switch (message->type)
	{
		case RAFT_MESSAGE_PROBE:
			acquaintance_receive_probe(node, message);
			break;
		case RAFT_MESSAGE_PROBE_REPLY:
			acquaintance_receive_probe_reply(node, message);
			break;
		case RAFT_MESSAGE_TERM_QUERY:
			membership_receive_term_query(node, message);
			break;
		case RAFT_MESSAGE_TERM_REPORT:
			membership_receive_term_report(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT:
			lease_receive_heartbeat(node, message);
			break;
		default:
			if (membership_takes_part(node) || must_refuse(node, message))
				dispatch_to_member(node, message);
			break;
	}
	return RAFT_OK;
}
