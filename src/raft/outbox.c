/*-------------------------------------------------------------------------
 *
 * outbox.c
 *		What leaves the core: messages and events, each in a ring of fixed
 *		size.
 *
 * Messages stay in the outbox while state waits to be made durable, and are
 * thrown away if that fails: nothing that was promised in them may be told.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#include <string.h>

void
outbox_prepare(const RaftNode *node, RaftMessage *message,
			   RaftMessageType type, int32_t to)
{
	memset(message, 0, sizeof(RaftMessage));
	message->type = type;
	message->from = node->config.node_id;
	message->to = to;
	message->from_session = node->config.session;
	message->to_session = node->peers[to].session;
	message->term = node->wanted.term;
	message->rank = RAFT_NO_RANK;
	message->token_leader = RAFT_NO_NODE;
	message->successor = RAFT_NO_NODE;
	message->known_leader = node->leader_id;
	message->known_leader_term = node->leader_term;
	message->generation = node->wanted.generation;
	membership_tell_generation(node, message);
	message->standing = node->wanted.standing;
	message->role = node->role;
	message->storage_ns = node->storage_ns;
	message->priority = node->config.timings.priority;
	message->position = node->position;
	message->advertised_port = node->config.advertised_port;
	if (node->silent)
		message->flags |= RAFT_FLAG_SILENT;
	if (lease_is_valid(node))
		message->flags |= RAFT_FLAG_LEADER;
	if (node->now_ns < node->unfit_until_ns)
		message->flags |= RAFT_FLAG_UNFIT;
}

void
outbox_send(RaftNode *node, const RaftMessage *message)
{
	/* Only a PROBE is taken from a node that does not echo the session. */
	if (message->to_session == 0 && message->type != RAFT_MESSAGE_PROBE)
		return;

	if (node->outbox_count == RAFT_OUTBOX_SIZE)
	{
		node->counters.outbox_full++;
		return;
	}
	node->outbox[(node->outbox_first + node->outbox_count) % RAFT_OUTBOX_SIZE] = *message;
	node->outbox_count++;
}

bool
raft_next_message(RaftNode *node, RaftMessage *message)
{
	if (node->persist_pending || node->outbox_count == 0)
		return false;
	*message = node->outbox[node->outbox_first];
	node->outbox_first = (node->outbox_first + 1) % RAFT_OUTBOX_SIZE;
	if (--node->outbox_count == 0)
		node->outbox_first = 0; /* the same few cache lines, mostly */
	return true;
}

void
outbox_event(RaftNode *node, const RaftEvent *event)
{
	RaftEvent  *place;

	if (node->events_count == RAFT_EVENTS_SIZE)
	{
		node->counters.events_lost++;
		return;
	}
	place = &node->events[(node->events_first + node->events_count) % RAFT_EVENTS_SIZE];
	node->events_count++;
	*place = *event;
	place->at_ns = node->now_ns;
	place->term = node->wanted.term;
	place->standing = node->wanted.standing;
	if (event->type != RAFT_EVENT_ROLE)
		place->old_role = place->role = node->role;
	if (event->type != RAFT_EVENT_LEADER)
		place->old_leader = place->leader = node->leader_id;
	if (event->type != RAFT_EVENT_VOTE && event->type != RAFT_EVENT_INVARIANT)
		place->other = RAFT_NO_NODE;
}

bool
raft_next_event(RaftNode *node, RaftEvent *event)
{
	if (node->events_count == 0)
		return false;
	*event = node->events[node->events_first];
	node->events_first = (node->events_first + 1) % RAFT_EVENTS_SIZE;
	node->events_count--;
	return true;
}
