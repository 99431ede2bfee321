/*-------------------------------------------------------------------------
 *
 * names.c
 *		Words for the core's enumerations, for logs and views.
 *
 *-------------------------------------------------------------------------
 */
#include "raft.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *
look_up(const char *const *names, size_t count, int value)
{
	if (value < 0 || (size_t) value >= count || names[value] == NULL)
		return "invalid";
	return names[value];
}

const char *
raft_role_name(RaftRole role)
{
	static const char *const names[] = {
		[RAFT_FOLLOWER] = "follower",
		[RAFT_PRE_CANDIDATE] = "pre-candidate",
		[RAFT_CANDIDATE] = "candidate",
		[RAFT_LEADER] = "leader",
	};

	return look_up(names, LENGTH_OF(names), (int) role);
}

const char *
raft_standing_name(RaftStanding standing)
{
	static const char *const names[] = {
		[RAFT_NEW] = "new",
		[RAFT_MET] = "met",
		[RAFT_READY] = "ready",
		[RAFT_MEMBER] = "member",
		[RAFT_AMNESIAC] = "amnesiac",
	};

	return look_up(names, LENGTH_OF(names), (int) standing);
}

const char *
raft_message_type_name(RaftMessageType type)
{
	static const char *const names[] = {
		[RAFT_MESSAGE_PRE_VOTE] = "pre-vote",
		[RAFT_MESSAGE_PRE_VOTE_REPLY] = "pre-vote reply",
		[RAFT_MESSAGE_VOTE] = "vote",
		[RAFT_MESSAGE_VOTE_REPLY] = "vote reply",
		[RAFT_MESSAGE_HEARTBEAT] = "heartbeat",
		[RAFT_MESSAGE_HEARTBEAT_ACK] = "heartbeat ack",
		[RAFT_MESSAGE_HEARTBEAT_REJECT] = "heartbeat reject",
		[RAFT_MESSAGE_TIMEOUT_NOW] = "timeout now",
		[RAFT_MESSAGE_RESIGN] = "resign",
		[RAFT_MESSAGE_PROBE] = "probe",
		[RAFT_MESSAGE_PROBE_REPLY] = "probe reply",
		[RAFT_MESSAGE_TERM_QUERY] = "term query",
		[RAFT_MESSAGE_TERM_REPORT] = "term report",
	};

	return look_up(names, LENGTH_OF(names), (int) type);
}

const char *
raft_refusal_name(RaftRefusal refusal)
{
	static const char *const names[] = {
		[RAFT_REFUSAL_NONE] = "none",
		[RAFT_REFUSAL_TERM] = "term is in the past",
		[RAFT_REFUSAL_VOTED] = "voted for another node",
		[RAFT_REFUSAL_SPOILED] = "may not vote in this term",
		[RAFT_REFUSAL_PROMISED] = "hears a leader",
		[RAFT_REFUSAL_LEADER] = "is the leader",
		[RAFT_REFUSAL_SILENT] = "restarted not long ago",
		[RAFT_REFUSAL_STORAGE] = "cannot write its state",
		[RAFT_REFUSAL_POSITION] = "is further with the data",
	};

	return look_up(names, LENGTH_OF(names), (int) refusal);
}

const char *
raft_reason_name(RaftReason reason)
{
	static const char *const names[] = {
		[RAFT_REASON_NONE] = "none",
		[RAFT_REASON_START] = "node started",
		[RAFT_REASON_ELECTED] = "elected by a majority",
		[RAFT_REASON_HEARTBEAT] = "heard the leader",
		[RAFT_REASON_ELECTION_TIMEOUT] = "election timeout",
		[RAFT_REASON_RESIGNED] = "leader resigned",
		[RAFT_REASON_QUORUM_LOST] = "quorum lost",
		[RAFT_REASON_NO_LEASE] = "no majority acknowledged the election",
		[RAFT_REASON_HIGHER_TERM] = "higher term",
		[RAFT_REASON_ROUND_FAILED] = "too few votes",
		[RAFT_REASON_STEP_DOWN] = "step-down requested",
		[RAFT_REASON_SHUTDOWN] = "shutdown",
		[RAFT_REASON_STORAGE] = "state cannot be stored",
		[RAFT_REASON_AMNESIA] = "state lost",
		[RAFT_REASON_INVARIANT] = "another leader in the same term",
		[RAFT_REASON_TRANSFER] = "transfer requested",
		[RAFT_REASON_TAKES_PART] = "takes part again",
	};

	return look_up(names, LENGTH_OF(names), (int) reason);
}

const char *
raft_amnesia_name(RaftAmnesia amnesia)
{
	static const char *const names[] = {
		[RAFT_AMNESIA_NONE] = "none",
		[RAFT_AMNESIA_RECORD] = "state lost",
		[RAFT_AMNESIA_ROLLED_BACK] = "state rolled back",
		[RAFT_AMNESIA_LEFT_BEHIND] = "declared new in a cluster that lives already",
	};

	return look_up(names, LENGTH_OF(names), (int) amnesia);
}
