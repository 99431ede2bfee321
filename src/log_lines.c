/*-------------------------------------------------------------------------
 *
 * log_lines.c
 *		The server log's lines about elections.
 *
 * Runs in the ticker only, after the messages of an event have left, so that
 * a slow log does not slow an election.  No locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "diagnosis.h"
#include "log_lines.h"

/* How often to say what is missing for a leader, and for an amnesiac. */
#define LEADERLESS_NOTE_NS	(5 * NS_PER_S)
#define AMNESIA_NOTE_NS		(60 * NS_PER_S)

/* Two leaders of one term are heard of with every heartbeat. */
#define RIVALS_NOTE_NS		(60 * NS_PER_S)

/* When to say next what is missing, as things stand. */
static void
schedule_note(LogLines *lines, const RaftView *view, uint64 now_ns)
{
	if (view->standing == RAFT_AMNESIAC)
		lines->next_note_ns = now_ns + AMNESIA_NOTE_NS;
	else if (view->leader_id == RAFT_NO_NODE)
		lines->next_note_ns = now_ns + LEADERLESS_NOTE_NS;
	else
		lines->next_note_ns = UINT64_MAX;
}

void
log_lines_begin(LogLines *lines, const RaftNode *node, int node_id,
				int node_count, uint64 now_ns)
{
	RaftView	view;

	raft_view(node, &view);
	memset(lines, 0, sizeof(LogLines));
	lines->node_id = node_id;
	lines->node_count = node_count;
	lines->start_ns = now_ns;
	lines->leaderless_since_ns = now_ns;
	if (view.standing != RAFT_MEMBER)
		lines->outside_since_ns = now_ns;
	lines->amnesiac = view.standing == RAFT_AMNESIAC;
	lines->resigned_leader = RAFT_NO_NODE;
	schedule_note(lines, &view, now_ns);
}

void
log_lines_forget_requested(LogLines *lines)
{
	lines->forget_requested = lines->amnesiac;
}

/* What was asked for: "node 0 was asked ...". */
static const char *
describe_call(const ControlCall *call)
{
	switch (call->request)
	{
		case CONTROL_TRANSFER:
			return psprintf("to hand leadership over to node %d",
							call->argument);
		case CONTROL_FORGET_STATE:
			return "to take part again although its state is lost";
		case CONTROL_STEP_DOWN:
		case CONTROL_NONE:
			break;
	}
	return "to step down as leader";
}

/* Why it was refused, a part of ereport(); nothing if it was not. */
static int
detail_of_call(const ControlCall *call)
{
	switch (call->result)
	{
		case RAFT_OK:
			return 0;
		case RAFT_NOT_LEADER:
			return errdetail("It refused, as it does not lead.");
		case RAFT_NOT_AMNESIAC:
			return errdetail("It refused, as it has not lost its state.");
		case RAFT_NOT_FIT:
			return errdetail("It refused, as node %d cannot take over.  %s",
							 call->argument, call->detail);
		default:
			return errdetail("It refused with result %d.", call->result);
	}
}

void
log_lines_call(const LogLines *lines, const ControlCall *call)
{
	ereport(LOG,
			(errmsg("node %d was asked %s by %s",
					lines->node_id, describe_call(call), call->requested_by),
			 detail_of_call(call)));
}

int
log_lines_recovery_hint(int node_id, int node_count)
{
	StringInfoData others;
	int			ids[RAFT_MAX_NODES];
	int			count = 0;
	int			id;

	if (node_count == 1)
		return errhint("Find out how it was lost.  Then pg_leader_forget_state() lets the node take part again, if nobody can be harmed by what it forgot.");

	for (id = 0; id < node_count; id++)
	{
		if (id != node_id)
			ids[count++] = id;
	}
	initStringInfo(&others);
	diagnosis_nodes(&others, ids, count);
	return errhint("It takes part again by itself when %s %s, %d seconds after its start at the earliest.  Only if that cannot be, as a node is gone for good or has lost its state too, does it need pg_leader_forget_state().",
				   others.data,
				   count == 1 ? "has told its term" : "have told their terms",
				   (int) (RAFT_MAX_PROMISE_NS / NS_PER_S));
}

uint64
log_lines_next_deadline(const LogLines *lines)
{
	return lines->next_note_ns;
}

/* " after 3.2 s without a leader", and end that time. */
static const char *
end_leaderless_time(LogLines *lines, uint64 now_ns)
{
	uint64		since_ns = lines->leaderless_since_ns;

	if (since_ns == 0)
		return "";
	lines->leaderless_since_ns = 0;
	return psprintf(" after %s without a leader",
					diagnosis_duration(since_ns, now_ns));
}

/*
 * When the peers of a leader that has lost its majority were last heard; a
 * part of ereport(), nothing for other reasons.
 */
static int
detail_of_lost_quorum(const LogLines *lines, const RaftNode *node,
					  const RaftEvent *event)
{
	StringInfoData heard;

	if (event->reason != RAFT_REASON_QUORUM_LOST &&
		event->reason != RAFT_REASON_NO_LEASE)
		return 0;
	initStringInfo(&heard);
	for (int id = 0; id < lines->node_count; id++)
	{
		RaftPeerView peer;

		if (id == lines->node_id || !raft_peer_view(node, id, &peer))
			continue;
		diagnosis_separate(&heard, 0);
		if (peer.last_heard_ns == 0)
			appendStringInfo(&heard, "node %d never", id);
		else
			appendStringInfo(&heard, "node %d %s ago", id,
							 diagnosis_duration(peer.last_heard_ns,
												event->at_ns));
	}
	return heard.len == 0 ? 0 : errdetail("Last heard: %s.", heard.data);
}

static void
log_role(LogLines *lines, const RaftNode *node, const RaftEvent *event)
{
	if (event->role == RAFT_LEADER)
	{
		const char *after = end_leaderless_time(lines, event->at_ns);

		lines->led_since_ns = event->at_ns;
		lines->led_term = event->term;
		ereport(LOG,
				(errmsg("node %d became leader in term " UINT64_FORMAT "%s",
						lines->node_id, event->term, after)));
	}
	else if (event->old_role == RAFT_LEADER)
	{
		ereport(LOG,
				(errmsg("node %d, leader in term " UINT64_FORMAT ", stepped down after %s: %s",
						lines->node_id, lines->led_term,
						diagnosis_duration(lines->led_since_ns, event->at_ns),
						raft_reason_name(event->reason)),
				 detail_of_lost_quorum(lines, node, event)));
		lines->led_since_ns = 0;
	}
	else
		ereport(DEBUG1,
				(errmsg_internal("node %d, %s in term " UINT64_FORMAT ", is now %s: %s",
								 lines->node_id,
								 raft_role_name(event->old_role), event->term,
								 raft_role_name(event->role),
								 raft_reason_name(event->reason))));
}

void
log_lines_message(LogLines *lines, const RaftMessage *message)
{
	if (message->type != RAFT_MESSAGE_RESIGN &&
		message->type != RAFT_MESSAGE_TIMEOUT_NOW)
		return;
	lines->resigned_leader = message->from;
	lines->resigned_term = message->subject_term;
	lines->resigned_to = message->successor;
}

/* Why the leader that this node has followed is its leader no more. */
static const char *
explain_loss(const LogLines *lines, const RaftNode *node,
			 const RaftEvent *event)
{
	const char *reason = raft_reason_name(event->reason);
	RaftPeerView leader;

	switch (event->reason)
	{
		case RAFT_REASON_RESIGNED:
			if (lines->resigned_leader != event->old_leader ||
				lines->resigned_term != lines->followed_term)
				return reason;
			if (lines->resigned_to == RAFT_NO_NODE)
				return psprintf("%s, naming no successor", reason);
			return psprintf("%s, naming node %d its successor", reason,
							lines->resigned_to);
		case RAFT_REASON_ELECTION_TIMEOUT:
			if (!raft_peer_view(node, event->old_leader, &leader) ||
				leader.last_heard_ns == 0)
				return reason;
			return psprintf("%s, silent for %s", reason,
							diagnosis_duration(leader.last_heard_ns,
											   event->at_ns));
		case RAFT_REASON_HIGHER_TERM:
			return psprintf("%s " UINT64_FORMAT, reason, event->term);
		default:
			return reason;
	}
}

static void
log_leader(LogLines *lines, const RaftNode *node, const RaftEvent *event)
{
	if (event->leader == RAFT_NO_NODE)
	{
		if (lines->leaderless_since_ns == 0)
		{
			lines->leaderless_since_ns = event->at_ns;
			if (event->standing != RAFT_AMNESIAC)
				lines->next_note_ns = event->at_ns + LEADERLESS_NOTE_NS;
		}

		/* Of this node's own leadership, log_role() tells. */
		if (event->old_leader != RAFT_NO_NODE &&
			event->old_leader != lines->node_id)
			ereport(LOG,
					(errmsg("node %d has lost leader %d of term " UINT64_FORMAT ": %s",
							lines->node_id, event->old_leader,
							lines->followed_term,
							explain_loss(lines, node, event))));
	}
	else if (event->leader != lines->node_id)
	{
		const char *after = end_leaderless_time(lines, event->at_ns);

		lines->followed_term = event->term;
		if (event->standing == RAFT_MEMBER)
			ereport(LOG,
					(errmsg("node %d follows leader %d in term " UINT64_FORMAT "%s",
							lines->node_id, event->leader, event->term,
							after)));
		else if (event->leader != event->old_leader)
			ereport(LOG,
					(errmsg("node %d, which is not counted, hears leader %d%s",
							lines->node_id, event->leader, after)));
	}
}

/* The node is a member now: it was born, or is back with a term. */
static void
log_membership(const LogLines *lines, const RaftEvent *event)
{
	const char *after = diagnosis_duration(lines->outside_since_ns,
										   event->at_ns);

	if (!lines->amnesiac)
		ereport(LOG,
				(errmsg("node %d is a member of its cluster in term " UINT64_FORMAT " after %s",
						lines->node_id, event->term, after)));
	else
		ereport(LOG,
				(errmsg("node %d, which had lost its state, takes part again in term " UINT64_FORMAT " after %s: %s",
						lines->node_id, event->term, after,
						lines->forget_requested ? "forgetting was requested" :
						"all others have told their terms")));
}

static void
log_standing(LogLines *lines, const RaftEvent *event)
{
	if (event->standing == RAFT_MEMBER)
	{
		log_membership(lines, event);
		lines->amnesiac = lines->forget_requested = false;
		lines->outside_since_ns = 0;
		lines->next_note_ns = event->at_ns + LEADERLESS_NOTE_NS;
		return;
	}

	if (lines->outside_since_ns == 0)
		lines->outside_since_ns = event->at_ns;
	if (event->standing != RAFT_AMNESIAC)
		ereport(DEBUG1,
				(errmsg_internal("node %d, not a member yet, is now \"%s\"",
								 lines->node_id,
								 raft_standing_name(event->standing))));
	else
	{
		lines->amnesiac = true;
		lines->next_note_ns = event->at_ns + AMNESIA_NOTE_NS;

		/* The ticker has told already what it found on disk. */
		if (event->amnesia != RAFT_AMNESIA_RECORD)
			ereport(WARNING,
					(errmsg("state of node %d is lost: %s", lines->node_id,
							raft_amnesia_name(event->amnesia)),
					 errdetail("The node neither votes nor leads, as it cannot know what it has promised.  This also happens to one that was started with another pg_leader.cluster or cluster_name for a while."),
					 log_lines_recovery_hint(lines->node_id,
											 lines->node_count)));
	}
}

void
log_lines_contact(const LogLines *lines, const ContactChange *change)
{
	const char *silent;

	if (!change->is_worth_line)
		return;
	silent = diagnosis_duration(0, change->silent_ns);
	if (change->event == CONTACT_BACK)
		ereport(LOG,
				(errmsg("node %d hears node %d%s after %s", lines->node_id,
						change->peer_id, change->is_first ? "" : " again",
						silent)));
	else
		ereport(LOG,
				(errmsg("node %d %s node %d: silent for %s", lines->node_id,
						change->is_first ? "does not hear" : "no longer hears",
						change->peer_id, silent),
				 change->untold == 0 ? 0 :
				 errdetail("Since the last such message, it was lost and came back %llu more times.",
						   (unsigned long long) change->untold)));
}

void
log_lines_event(LogLines *lines, const RaftNode *node, const RaftEvent *event)
{
	switch (event->type)
	{
		case RAFT_EVENT_ROLE:
			log_role(lines, node, event);
			break;
		case RAFT_EVENT_LEADER:
			log_leader(lines, node, event);
			break;
		case RAFT_EVENT_LEASE_BEGUN:
			ereport(DEBUG1,
					(errmsg_internal("lease of node %d in term " UINT64_FORMAT " began",
									 lines->node_id, event->term)));
			break;
		case RAFT_EVENT_STANDING:
			log_standing(lines, event);
			break;
		case RAFT_EVENT_SILENCE_ENDED:
			if (event->standing == RAFT_MEMBER)
				ereport(LOG,
						(errmsg("node %d votes again, %s after its start",
								lines->node_id,
								diagnosis_duration(lines->start_ns, event->at_ns))));
			break;
		case RAFT_EVENT_VOTE:
			ereport(DEBUG1,
					(errmsg_internal("node %d votes for node %d in term " UINT64_FORMAT,
									 lines->node_id, event->other,
									 event->term)));
			break;
		case RAFT_EVENT_INVARIANT:
			if (event->at_ns < lines->next_rivals_ns)
				break;
			lines->next_rivals_ns = event->at_ns + RIVALS_NOTE_NS;
			ereport(WARNING,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("nodes %d and %d both lead in term " UINT64_FORMAT,
							event->leader, event->other, event->term),
					 event->role == RAFT_LEADER ?
					 errdetail("Node %d has given up leadership.",
							   lines->node_id) :
					 errdetail("Node %d goes on following node %d.",
							   lines->node_id, event->leader),
					 errhint("Look for two servers with the same pg_leader.node_id, or for a state directory that was restored from a copy.")));
			break;
		case RAFT_EVENT_STORAGE_FAILED:
			/* The ticker has told why. */
			if (lines->storage_failed_since_ns == 0)
				lines->storage_failed_since_ns = event->at_ns;
			break;
		case RAFT_EVENT_STORAGE_BACK:
			ereport(LOG,
					(errmsg("state of node %d can be written again after %s",
							lines->node_id,
							diagnosis_duration(lines->storage_failed_since_ns, event->at_ns))));
			lines->storage_failed_since_ns = 0;
			break;
	}
}

void
log_lines_note(LogLines *lines, const RaftNode *node, uint64 now_ns)
{
	RaftView	view;
	RaftPeerView *peers;
	StringInfoData missing;
	int			id;

	if (now_ns < lines->next_note_ns)
		return;

	raft_view(node, &view);
	schedule_note(lines, &view, now_ns);
	if (view.standing != RAFT_AMNESIAC && view.leader_id != RAFT_NO_NODE)
		return;

	peers = palloc0(sizeof(RaftPeerView) * lines->node_count);
	for (id = 0; id < lines->node_count; id++)
		(void) raft_peer_view(node, id, &peers[id]);

	initStringInfo(&missing);
	(void) diagnosis_self(&missing, &view, peers, lines->node_count, now_ns);

	if (view.standing == RAFT_AMNESIAC)
	{
		ereport(LOG,
				(errmsg("node %d has taken no part in elections for %s: %s",
						lines->node_id,
						diagnosis_duration(lines->outside_since_ns, now_ns),
						missing.data)));
		return;
	}

	if (view.standing == RAFT_MEMBER)
		diagnosis_votes(&missing, &view, peers, lines->node_id,
						lines->node_count, now_ns);

	ereport(LOG,
			(errmsg("no leader for %s: %s",
					diagnosis_duration(lines->leaderless_since_ns, now_ns),
					missing.data)));
}
