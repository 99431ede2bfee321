/*-------------------------------------------------------------------------
 *
 * core_peers.c
 *		What the test says to the node in its peers' names.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

#include <string.h>

RaftMessage
core_message(const Core *core, RaftMessageType type, int32_t from,
			 uint64_t term)
{
	RaftMessage message;

	memset(&message, 0, sizeof(message));
	message.type = type;
	message.from = from;
	message.to = core->config.node_id;
	message.from_session = PEER_SESSION(from);
	message.to_session = core->config.session;
	message.term = term;
	message.subject_term = term;
	message.rank = RAFT_NO_RANK;
	message.token_leader = RAFT_NO_NODE;
	message.successor = RAFT_NO_NODE;
	message.known_leader = RAFT_NO_NODE;
	message.generation = 1;
	message.standing = RAFT_MEMBER;
	message.priority = 100;
	message.advertised_port = 5433;
	if (type == RAFT_MESSAGE_PROBE || type == RAFT_MESSAGE_PROBE_REPLY)
		message.subject_term = 0;
	return message;
}

RaftMessage
core_heartbeat_message(const Core *core, int32_t from, uint64_t term,
					   uint64_t round)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_HEARTBEAT, from, term);

	message.role = RAFT_LEADER;
	message.known_leader = from;
	message.known_leader_term = term;
	message.round = round;
	message.promise_ns = PROMISE_NS;
	return message;
}

RaftMessage
core_ack_message(const Core *core, int32_t from, uint64_t round,
				 uint64_t promise_ns)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_HEARTBEAT_ACK, from,
									   core_view(core).term);

	message.round = round;
	message.promise_ns = promise_ns;
	return message;
}

RaftMessage
core_first_ack_message(const Core *core, int32_t from, int32_t priority,
					   uint8_t flags)
{
	RaftMessage message = core_ack_message(core, from, 1, PROMISE_NS);

	message.priority = priority;
	message.flags = flags;
	return message;
}

void
core_heartbeat(Core *core, int32_t from, uint64_t term, uint64_t round)
{
	RaftMessage message = core_heartbeat_message(core, from, term, round);

	core_receive(core, &message);
}

void
core_ack(Core *core, int32_t from, uint64_t round, uint64_t promise_ns)
{
	RaftMessage message = core_ack_message(core, from, round, promise_ns);

	core_receive(core, &message);
}

void
core_first_ack(Core *core, int32_t from, int32_t priority, uint8_t flags)
{
	RaftMessage message = core_first_ack_message(core, from, priority, flags);

	core_receive(core, &message);
}

void
core_ask_pre_vote(Core *core, int32_t from, uint64_t term)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_PRE_VOTE, from,
									   term - 1);

	message.role = RAFT_PRE_CANDIDATE;
	message.subject_term = term;
	message.nonce = 10000 + term;
	core_receive(core, &message);
}

void
core_ask_vote(Core *core, int32_t from, uint64_t term)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_VOTE, from, term);

	message.role = RAFT_CANDIDATE;
	message.nonce = 20000 + term;
	core_receive(core, &message);
}

/* In answer to the query of the node's present session. */
void
core_report(Core *core, int32_t from, RaftStanding standing, uint64_t term)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_TERM_REPORT, from, term);

	message.standing = standing;
	message.nonce = core->config.session;
	core_receive(core, &message);
}

void
core_resignation(Core *core, RaftMessageType type, int32_t from,
				 uint64_t term, int32_t successor)
{
	RaftMessage message = core_message(core, type, from, term);

	message.successor = successor;
	core_receive(core, &message);
}

RaftMessage
core_answer(const Core *core, int32_t from, bool granted)
{
	const RaftMessage *request = &core->request;
	bool		pre_vote = request->type == RAFT_MESSAGE_PRE_VOTE;
	RaftMessage message = core_message(core, pre_vote ?
									   RAFT_MESSAGE_PRE_VOTE_REPLY :
									   RAFT_MESSAGE_VOTE_REPLY, from,
									   request->subject_term - (pre_vote ? 1 : 0));

	message.subject_term = request->subject_term;
	message.nonce = request->nonce;
	if (granted)
		message.flags |= RAFT_FLAG_GRANTED;
	return message;
}

void
core_grant(Core *core, int32_t from)
{
	RaftMessage message = core_answer(core, from, true);

	core_receive(core, &message);
}

void
core_refuse(Core *core, int32_t from, uint64_t term, RaftRefusal refusal)
{
	RaftMessage message = core_answer(core, from, false);

	message.term = term;
	message.refusal = refusal;
	core_receive(core, &message);
}

/* The needed peers grant the request of the present phase. */
static void
grant_by_majority(Core *core, RaftRole while_role)
{
	int32_t		i;

	for (i = 0; i < core->config.node_count &&
		 core_view(core).role == while_role; i++)
	{
		if (i != core->config.node_id)
			core_grant(core, i);
	}
}

void
core_become_candidate(Core *core)
{
	core_run_until_role(core, RAFT_PRE_CANDIDATE);
	grant_by_majority(core, RAFT_PRE_CANDIDATE);
	assert_int_equal(core_view(core).role, RAFT_CANDIDATE);
}

void
core_elect(Core *core)
{
	core_become_candidate(core);
	grant_by_majority(core, RAFT_CANDIDATE);
	assert_int_equal(core_view(core).role, RAFT_LEADER);
}

void
core_lead(Core *core)
{
	int32_t		i;

	core_elect(core);
	for (i = 0; i < core->config.node_count; i++)
	{
		if (i != core->config.node_id)
			core_ack(core, i, 1, PROMISE_NS);
	}
	assert_true(core_lease_is_valid(core));

	/* The round that tells who would follow. */
	core_tick(core, core->now_ns);
}

void
core_meet_peers(Core *core)
{
	int32_t		i;

	for (i = 0; i < core->config.node_count; i++)
	{
		if (i != core->config.node_id)
		{
			RaftMessage probe = core_message(core, RAFT_MESSAGE_PROBE, i, 0);

			assert_int_equal(core_receive(core, &probe), RAFT_OK);
		}
	}
}
