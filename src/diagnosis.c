/*-------------------------------------------------------------------------
 *
 * diagnosis.c
 *		In words: what keeps this node, or a peer, from being counted.
 *
 * Runs in the ticker and in backends, on snapshots that the caller owns.
 * Takes no lock, keeps no state.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "diagnosis.h"

/* Nodes that one phrase names at most. */
#define NAMED_NODES_MAX		10

/*
 * A quiet peer is probed about every second (docs/architecture.md), and one
 * probe or two may get lost.
 */
#define REACHABLE_MIN_NS	(3 * NS_PER_S)
#define REACHABLE_HEARTBEATS	3

/* Peers that one line tells of at most. */
#define PEERS_PER_LINE_MAX	10

uint64
diagnosis_elapsed_ns(uint64 from_ns, uint64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

const char *
diagnosis_duration(uint64 from_ns, uint64 to_ns)
{
	uint64		duration_ns = diagnosis_elapsed_ns(from_ns, to_ns);

	if (duration_ns < NS_PER_S)
		return psprintf("%d ms", (int) (duration_ns / NS_PER_MS));
	return psprintf("%.1f s", (double) duration_ns / (double) NS_PER_S);
}

void
diagnosis_separate(StringInfo out, int start)
{
	if (out->len > start)
		appendStringInfoString(out, "; ");
}

bool
diagnosis_reachable(const RaftView *view, const RaftPeerView *peer,
					uint64 now_ns)
{
	uint64		limit_ns;

	if (peer->last_heard_ns == 0)
		return false;
	limit_ns = Max(REACHABLE_MIN_NS,
				   REACHABLE_HEARTBEATS * view->timings.heartbeat_interval_ns);
	return diagnosis_elapsed_ns(peer->last_heard_ns, now_ns) <= limit_ns;
}

bool
diagnosis_peer(StringInfo out, const RaftView *view, const RaftPeerView *peer,
			   uint64 now_ns)
{
	int			start = out->len;

	if (peer->last_heard_ns == 0)
		appendStringInfoString(out, "never heard");
	else if (!diagnosis_reachable(view, peer, now_ns))
		appendStringInfo(out, "silent for %s",
						 diagnosis_duration(peer->last_heard_ns, now_ns));
	else if (peer->standing == RAFT_AMNESIAC)
		appendStringInfoString(out, "has lost its state");
	else if (peer->standing != RAFT_MEMBER)
		appendStringInfo(out, "not a member yet (%s)",
						 raft_standing_name(peer->standing));
	else if (view->leader_id == RAFT_NO_NODE &&
			 peer->refusal != RAFT_REFUSAL_NONE)
	{
		/* A refusal concerns the latest candidacy, which a leader ended. */
		appendStringInfo(out, "refuses: %s", raft_refusal_name(peer->refusal));
	}
	else if (peer->silent)
		appendStringInfoString(out, "restarted, does not vote yet");

	return out->len > start;
}

void
diagnosis_unfit(StringInfo out, const RaftView *view, const RaftPeerView *peer,
				uint64 now_ns)
{
	if (peer->last_heard_ns == 0)
		appendStringInfoString(out, "It was never heard.");
	else if (!diagnosis_reachable(view, peer, now_ns))
		appendStringInfo(out, "It has been silent for %s.",
						 diagnosis_duration(peer->last_heard_ns, now_ns));
	else if (peer->standing == RAFT_AMNESIAC)
		appendStringInfoString(out, "It has lost its state.");
	else if (peer->standing != RAFT_MEMBER)
		appendStringInfo(out, "It is not a member yet (%s).",
						 raft_standing_name(peer->standing));
	else if (peer->priority == 0)
		appendStringInfoString(out, "Its priority is 0.");
	else if (peer->silent)
		appendStringInfoString(out, "It has restarted and does not vote yet.");
	else if (peer->acknowledged_ns == 0)
		appendStringInfoString(out, "It has acknowledged no heartbeat of this leader yet.");
	else if (diagnosis_elapsed_ns(peer->acknowledged_ns, now_ns) >
			 RAFT_FRESH_HEARTBEATS * view->timings.heartbeat_interval_ns)
		appendStringInfo(out, "The last heartbeat that it has acknowledged was sent %s ago.",
						 diagnosis_duration(peer->acknowledged_ns, now_ns));
	else
		appendStringInfoString(out, "It is behind with the data, or its history is another one.");
}

void
diagnosis_nodes(StringInfo out, const int *ids, int count)
{
	int			i;

	appendStringInfoString(out, count == 1 ? "node" : "nodes");
	for (i = 0; i < Min(count, NAMED_NODES_MAX); i++)
		appendStringInfo(out, "%s %d", i > 0 ? "," : "", ids[i]);
	if (count > NAMED_NODES_MAX)
		appendStringInfo(out, " and %d more", count - NAMED_NODES_MAX);
}

/* The ids of the peers whose report this node waits for; returns how many. */
static int
list_awaited(const RaftPeerView *peers, int node_count, int *ids)
{
	int			count = 0;
	int			id;

	for (id = 0; id < node_count; id++)
	{
		if (peers[id].awaited)
			ids[count++] = id;
	}
	return count;
}

/* Append for whom the cluster's birth waits: "nodes 1, 2 and 4 more". */
static void
append_birth(StringInfo out, const RaftPeerView *peers, int node_count)
{
	int			ids[RAFT_MAX_NODES];
	int			count = list_awaited(peers, node_count, ids);

	appendStringInfoString(out, "the birth of the cluster waits for ");
	if (count == 0)
		appendStringInfoString(out, "the other nodes");
	else
		diagnosis_nodes(out, ids, count);
}

/*
 * Append what a node that has lost its state waits for: "it waits for the
 * terms of node 0, node 1 (silent for 12.3 s), and for another 43.2 s".
 */
static void
append_recovery(StringInfo out, const RaftView *view,
				const RaftPeerView *peers, int node_count, uint64 now_ns)
{
	int			ids[RAFT_MAX_NODES];
	int			count = list_awaited(peers, node_count, ids);
	bool		too_early = view->recover_at_ns > now_ns;
	bool		is_deadlock = false;
	int			i;

	if (view->forget_at_ns != 0)
	{
		appendStringInfo(out, "it takes part again in %s, as was requested",
						 diagnosis_duration(now_ns, view->forget_at_ns));
		return;
	}
	if (view->recover_at_ns == 0)
	{
		appendStringInfoString(out, "no other node can tell it the term: it needs pg_leader_forget_state()");
		return;
	}
	if (count == 0)
	{
		appendStringInfo(out, "it takes part again in %s",
						 diagnosis_duration(now_ns, view->recover_at_ns));
		return;
	}

	for (i = 0; i < count; i++)
		is_deadlock |= peers[ids[i]].standing == RAFT_AMNESIAC &&
			diagnosis_reachable(view, &peers[ids[i]], now_ns);
	appendStringInfo(out, "it waits for the %s of ",
					 count == 1 ? "term" : "terms");
	for (i = 0; i < Min(count, NAMED_NODES_MAX); i++)
	{
		StringInfoData problem;

		initStringInfo(&problem);
		appendStringInfo(out, "%snode %d", i > 0 ? ", " : "", ids[i]);
		if (diagnosis_peer(&problem, view, &peers[ids[i]], now_ns))
			appendStringInfo(out, " (%s)", problem.data);
	}
	if (count > NAMED_NODES_MAX)
		appendStringInfo(out, " and %d more", count - NAMED_NODES_MAX);
	if (too_early)
		appendStringInfo(out, ", and for another %s",
						 diagnosis_duration(now_ns, view->recover_at_ns));
	if (is_deadlock)
		appendStringInfoString(out, "; of nodes that have lost their state and wait for each other, one needs pg_leader_forget_state()");
}

/* Is there nobody among the peers that are heard who may lead? */
static bool
hears_only_witnesses(const RaftView *view, const RaftPeerView *peers,
					 int node_count, uint64 now_ns)
{
	bool		hears_one = false;
	int			id;

	for (id = 0; id < node_count; id++)
	{
		if (!diagnosis_reachable(view, &peers[id], now_ns))
			continue;
		if (peers[id].priority > 0)
			return false;
		hears_one = true;
	}
	return hears_one;
}

bool
diagnosis_self(StringInfo out, const RaftView *view, const RaftPeerView *peers,
			   int node_count, uint64 now_ns)
{
	int			start = out->len;

	if (view->standing == RAFT_AMNESIAC)
	{
		appendStringInfoString(out, "this node neither votes nor leads: ");
		appendStringInfoString(out, raft_amnesia_name(view->amnesia));
		diagnosis_separate(out, start);
		append_recovery(out, view, peers, node_count, now_ns);
	}
	else if (view->standing != RAFT_MEMBER)
		append_birth(out, peers, node_count);

	if (view->storage_failed)
	{
		diagnosis_separate(out, start);
		appendStringInfoString(out, "the state of this node cannot be written");
	}
	if (view->silent && view->standing == RAFT_MEMBER)
	{
		diagnosis_separate(out, start);
		appendStringInfo(out, "this node has restarted and does not vote for another %s",
						 diagnosis_duration(now_ns, view->silent_until_ns));
	}
	if (view->draining && view->standing == RAFT_MEMBER)
	{
		diagnosis_separate(out, start);
		appendStringInfoString(out, "this node gave up leadership and lets others go first");
	}
	if (view->leader_id == RAFT_NO_NODE && view->timings.priority == 0)
	{
		diagnosis_separate(out, start);
		appendStringInfo(out, "this node does not lead: its priority is 0%s",
						 hears_only_witnesses(view, peers, node_count, now_ns) ?
						 ", as that of every node that it hears" : "");
	}
	if (view->leader_id == RAFT_NO_NODE &&
		view->rumoured_leader_id != RAFT_NO_NODE)
	{
		diagnosis_separate(out, start);
		appendStringInfo(out, "others follow leader %d, which this node does not hear",
						 view->rumoured_leader_id);
	}

	return out->len > start;
}

/* Could this node vote for itself, were it to campaign now? */
static bool
can_vote_for_itself(const RaftView *view)
{
	return view->standing == RAFT_MEMBER && !view->silent &&
		!view->storage_failed && view->timings.priority > 0;
}

void
diagnosis_votes(StringInfo out, const RaftView *view,
				const RaftPeerView *peers, int node_id, int node_count,
				uint64 now_ns)
{
	StringInfoData problems;
	int			votes = can_vote_for_itself(view) ? 1 : 0;
	int			told = 0;
	int			left_out = 0;
	int			id;

	initStringInfo(&problems);
	for (id = 0; id < node_count; id++)
	{
		StringInfoData problem;

		if (id == node_id)
			continue;
		initStringInfo(&problem);
		if (!diagnosis_peer(&problem, view, &peers[id], now_ns))
			votes++;
		else if (told == PEERS_PER_LINE_MAX)
			left_out++;
		else
		{
			told++;
			diagnosis_separate(&problems, 0);
			appendStringInfo(&problems, "node %d %s", id, problem.data);
		}
	}
	if (left_out > 0)
		appendStringInfo(&problems, "; and %d more nodes", left_out);

	if (view->role == RAFT_PRE_CANDIDATE || view->role == RAFT_CANDIDATE)
		votes = view->granted_count;
	diagnosis_separate(out, 0);
	appendStringInfo(out, "%d of %d needed votes", Min(votes, view->quorum),
					 view->quorum);
	if (problems.len > 0)
		appendStringInfo(out, "; %s", problems.data);
}
