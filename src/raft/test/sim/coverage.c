/*-------------------------------------------------------------------------
 *
 * coverage.c
 *		What has happened at least once: one name for each rule and each fault.
 *
 * A check says nothing about a rule that was never applied.  A large batch in
 * which one of these stayed at zero fails.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

static const char *const names[COVER_FAULTS] = {
	[COVER_HEARTBEAT_ADOPTED] = "terms: a heartbeat's higher term is adopted",
	[COVER_RELEASE_ADOPTED] = "terms: a resignation's higher term is adopted",
	[COVER_VOTE_ADOPTED] = "terms: a vote request's higher term is adopted",
	[COVER_VOTE_IGNORED_PROMISE] = "terms: a vote request is ignored for a promise",
	[COVER_VOTE_IGNORED_LEASE] = "terms: a vote request is ignored by a leader",
	[COVER_VOTE_IGNORED_SILENT] = "terms: a vote request is ignored in silence",
	[COVER_PRE_VOTE_NOT_ADOPTED] = "terms: a proposed term is not adopted",
	[COVER_PRE_GRANT_NOT_ADOPTED] = "terms: a granted pre-vote's term is not adopted",
	[COVER_REFUSAL_ADOPTED] = "terms: a refusal's higher term is adopted",
	[COVER_REJECT_ADOPTED] = "terms: a reject's higher term is adopted",
	[COVER_SELF_TRANSFER] = "terms: a leader meets a higher one",
	[COVER_LOWER_TERM_ANSWERED] = "terms: a lower one is answered",
	[COVER_FAR_TERM_DROPPED] = "terms: one far ahead is dropped",
	[COVER_PRE_VOTE_GRANTED] = "granting: a pre-vote",
	[COVER_VOTE_GRANTED] = "granting: a vote",
	[COVER_VOTE_GRANTED_AGAIN] = "granting: the same vote again",
	[COVER_VOTE_GRANTED_BY_TOKEN] = "granting: a token lifts a promise",
	[COVER_VOTE_GRANTED_TO_OWN_LEADER] = "granting: to the leader that was promised to",
	[COVER_REFUSED_TERM] = "refusing: term in the past",
	[COVER_REFUSED_VOTED] = "refusing: voted for another",
	[COVER_REFUSED_SPOILED] = "refusing: vote spoiled",
	[COVER_REFUSED_PROMISED] = "refusing: promise",
	[COVER_REFUSED_LEADER] = "refusing: leader with a lease",
	[COVER_REFUSED_SILENT] = "refusing: silent",
	[COVER_REFUSED_STORAGE] = "refusing: cannot write",
	[COVER_REFUSED_POSITION] = "refusing: position",
	[COVER_PRE_CANDIDATE] = "campaigning: pre-candidate",
	[COVER_CANDIDATE] = "campaigning: candidate",
	[COVER_ELECTED] = "campaigning: elected",
	[COVER_ELECTED_ALONE] = "campaigning: elected, N = 1",
	[COVER_ROUND_FAILED] = "campaigning: round failed",
	[COVER_REQUEST_REPEATED] = "campaigning: request repeated",
	[COVER_CANDIDATE_HEARD_LEADER] = "campaigning: a candidate hears the leader",
	[COVER_GRANT_CAME_LATE] = "campaigning: a grant comes too late",
	[COVER_WITNESS_STAYED] = "campaigning: priority 0 does not",
	[COVER_INBOX_BEFORE_TIMER] = "campaigning: inbox before timers after a pause",
	[COVER_LEASE_BEGUN] = "lease: begins",
	[COVER_LEASE_EXTENDED] = "lease: is extended",
	[COVER_LEASE_LAPSED] = "lease: runs out",
	[COVER_NO_LEASE] = "lease: elected, and never had one",
	[COVER_ACK_AFTER_LAPSE] = "lease: an acknowledgement waited past its end",
	[COVER_ACK_OF_FORMER_TERM] = "lease: acknowledgement of a former term",
	[COVER_ACK_OF_OLD_ROUND] = "lease: acknowledgement of a forgotten round",
	[COVER_REJECTED] = "lease: a heartbeat is rejected",
	[COVER_AMNESIAC_HEARD_LEADER] = "lease: an amnesiac hears the leader",
	[COVER_PROMISE_RAISED] = "lease: promises are made longer",
	[COVER_PROMISE_LOWERED] = "lease: promises are made shorter",
	[COVER_SILENCE_ENDED] = "lease: a restarted voter's silence ends",
	[COVER_STEPPED_DOWN] = "handing over: stepped down",
	[COVER_TRANSFERRED] = "handing over: transferred",
	[COVER_TRANSFER_NOT_FIT] = "handing over: successor not fit",
	[COVER_TIMEOUT_NOW_FOLLOWED] = "handing over: TimeoutNow is followed",
	[COVER_TIMEOUT_NOW_IGNORED] = "handing over: TimeoutNow is ignored",
	[COVER_RELEASED] = "handing over: a follower is released",
	[COVER_RELEASE_IGNORED] = "handing over: a resignation is ignored",
	[COVER_EX_LEADER_CAMPAIGNED] = "handing over: who resigned campaigns",
	[COVER_RESIGNED_FOR_STORAGE] = "handing over: resigned for a failed write",
	[COVER_RESIGNED_FOR_PRIORITY] = "handing over: resigned for priority 0",
	[COVER_LAST_WORDS] = "handing over: last words",
	[COVER_RAISED_AFTER_REVOKED] = "handing over: cell raised after it was revoked",
	[COVER_AMNESIAC_RECORD] = "lost state: found at the start",
	[COVER_AMNESIAC_ROLLED_BACK] = "lost state: a peer has seen a later record",
	[COVER_AMNESIAC_LEFT_BEHIND] = "lost state: a peer stands two above",
	[COVER_AMNESIAC_REMEMBERED] = "lost state: shared memory knows what was not written",
	[COVER_AMNESIAC_RESTARTED] = "lost state: an amnesiac restarts",
	[COVER_SEVERAL_AMNESIACS] = "lost state: several at once",
	[COVER_AMNESIAC_REPORTED] = "lost state: an amnesiac is asked for its term",
	[COVER_RECOVERED_BY_ASKING] = "lost state: recovered by asking all others",
	[COVER_STATE_FORGOTTEN] = "lost state: forgotten by an operator",
	[COVER_ROLLBACK_STRUCK] = "lost state: an unseen rollback struck (claims end)",
	[COVER_ROLLBACK_REPORTED] = "lost state: an unseen rollback is reported",
	[COVER_ROLLBACK_TAKEN_BACK] = "lost state: ... and then seen, before it was used",
	[COVER_ROLLBACK_USED] = "lost state: ... and used for a recovery (claims end)",
	[COVER_FORGOT_TOO_LOW] = "lost state: forgotten too low (claims end)",
	[COVER_BORN_MET] = "birth: MET",
	[COVER_BORN_READY] = "birth: READY",
	[COVER_BORN_MEMBER] = "birth: MEMBER",
	[COVER_BORN_AFTER_OTHERS] = "birth: MEMBER, as another one is",
	[COVER_LOST_IN_BIRTH] = "birth: state lost before its end",
	[COVER_REBORN] = "birth: another number of nodes",
	[COVER_DATAGRAM_LOST] = "network: lost",
	[COVER_DATAGRAM_CUT] = "network: cut off",
	[COVER_DATAGRAM_DUPLICATED] = "network: duplicated",
	[COVER_DATAGRAM_HELD] = "network: held for long",
	[COVER_DATAGRAM_OVERTAKEN] = "network: overtaken",
	[COVER_DROP_TAG] = "network: damaged, and the tag tells",
	[COVER_DROP_DAMAGED_HEADER] = "network: damaged in its header",
	[COVER_DROP_FINGERPRINT] = "network: of another cluster",
	[COVER_DROP_SESSION] = "network: of a session not accepted",
	[COVER_DROP_REPLAY] = "network: sequence number used",
	[COVER_STRANGER] = "network: a stranger's probe",
	[COVER_INBOX_FULL] = "hosts: inbox full",
	[COVER_OUTBOX_FULL] = "hosts: outbox full",
	[COVER_CLOCK_HIGH] = "hosts: clock near 2^63",
	[COVER_CRASH_BEFORE_WRITE] = "hosts: crash before the write",
	[COVER_CRASH_WRITTEN] = "hosts: crash after the write, before its confirmation",
	[COVER_CRASH_BEFORE_PUBLISH] = "hosts: crash before publishing",
	[COVER_CRASH_BEFORE_SEND] = "hosts: crash before sending",
	[COVER_CRASH_WHILE_SENDING] = "hosts: crash while sending",
	[COVER_CRASH_AFTER_SENDING] = "hosts: crash after sending",
	[COVER_CRASH_WHILE_WRITING] = "hosts: crash during a write",
	[COVER_TORN_NEW_SURVIVED] = "hosts: ... and the new record is there",
	[COVER_TORN_OLD_SURVIVED] = "hosts: ... and the old record is there",
	[COVER_WRITE_FAILED] = "hosts: a write fails",
	[COVER_WRITE_FAILED_BUT_LANDED] = "hosts: a refused or torn write is found later",
	[COVER_READ_TRUE] = "readers: told of a lease",
	[COVER_READ_FALSE] = "readers: told of none",
	[COVER_READ_LAPSED_IN_PAUSE] = "readers: lease ran out between load and clock",
	[COVER_CELL_OUTLIVED_TICKER] = "readers: a valid cell outlived its ticker",
	[COVER_WRITE_OUTLASTED_LEASE] = "hosts: a write outlasts the lease",
	[COVER_AIMED_DROP] = "aimed: a message kind is lost",
	[COVER_AIMED_HOLD] = "aimed: a message kind is held",
	[COVER_AIMED_GRANT_CRASH] = "aimed: crash with a fresh vote on disk",
	[COVER_AIMED_GRANT_LOSS] = "aimed: ... and the state is lost",
	[COVER_AIMED_HANDOVER] = "aimed: trouble after TimeoutNow",
	[COVER_AIMED_LEASE_EDGE] = "aimed: a leader sleeps to its lease's end",
	[COVER_AIMED_PROMISE_EDGE] = "aimed: a voter's leader is cut off",
	[COVER_AIMED_FIRST_ACK] = "aimed: first acknowledgement after a pause lost",
	[COVER_AIMED_ACK_LOSS] = "aimed: a fresh promise is lost with the state",
	[COVER_AIMED_WIPE] = "aimed: a term is forgotten by all that knew it",
	[COVER_AIMED_ROLL_BACK] = "aimed: a candidate forgets its candidacy unseen",
	[COVER_LIVE_CORE] = "liveness: a majority is healed",
	[COVER_LIVE_ALL] = "liveness: all are healed",
	[COVER_LIVE_RECOVERED] = "liveness: all are members again",
	[COVER_LIVE_OPERATOR] = "liveness: an operator had to help",
};

const char *
coverage_name(Coverage item)
{
	if (item >= COVER_FAULTS)
		return options_fault_name((FaultClass) (item - COVER_FAULTS));
	return names[item];
}

/* A single node has no peers; all else is owed by every large batch. */
bool
coverage_is_owed(Coverage item, int64_t fixed_nodes)
{
	if (fixed_nodes == 0)
		return true;
	if (item == COVER_ELECTED_ALONE)
		return fixed_nodes == 1;
	return fixed_nodes >= 3;
}
