/*-------------------------------------------------------------------------
 *
 * diagnosis.h
 *		In words: what keeps this node, or a peer, from being counted.
 *
 * Used by the server log (ticker) and by the views (any backend), so that
 * both say the same.  Works on snapshots; no locks, no state.  Phrases have
 * no subject and no full stop; several are separated by "; ".
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_DIAGNOSIS_H
#define PG_LEADER_DIAGNOSIS_H

#include "lib/stringinfo.h"
#include "raft/raft.h"

/*
 * Has the peer been heard of lately: within three heartbeats, and never less
 * than three of the seconds after which a node probes a quiet peer?  false
 * for a peer that was never heard.
 */
extern bool diagnosis_reachable(const RaftView *view,
								const RaftPeerView *peer, uint64 now_ns);

/*
 * Append why the peer counts in no majority, "silent for 12.3 s" for
 * example; returns whether there was anything to say.
 */
extern bool diagnosis_peer(StringInfo out, const RaftView *view,
						   const RaftPeerView *peer, uint64 now_ns);

/*
 * Append why the leader, which has this view, cannot hand leadership over to
 * the peer: a whole sentence, "It has been silent for 12.3 s." for example.
 */
extern void diagnosis_unfit(StringInfo out, const RaftView *view,
							const RaftPeerView *peer, uint64 now_ns);

/* Append "node 2", or "nodes 0, 1, 2" with at most ten of them by name. */
extern void diagnosis_nodes(StringInfo out, const int *ids, int count);

/*
 * Append what keeps this node from voting or from leading; returns whether
 * there was anything to say.  peers has node_count entries.
 */
extern bool diagnosis_self(StringInfo out, const RaftView *view,
						   const RaftPeerView *peers, int node_count,
						   uint64 now_ns);

/*
 * Append what is missing for a majority, "1 of 2 needed votes; node 2 silent
 * for 12.3 s" for example, for a MEMBER that knows of no leader.  A candidate
 * counts the votes that it has, another node those that nothing stands in the
 * way of.  peers has node_count entries.
 */
extern void diagnosis_votes(StringInfo out, const RaftView *view,
							const RaftPeerView *peers, int node_id,
							int node_count, uint64 now_ns);

/* Append "; " if something was appended since "start". */
extern void diagnosis_separate(StringInfo out, int start);

/* The time between the two, "7 ms" or "12.3 s"; palloc'd. */
extern const char *diagnosis_duration(uint64 from_ns, uint64 to_ns);

/* Nanoseconds from "from" to "to"; 0 if "to" is not later. */
extern uint64 diagnosis_elapsed_ns(uint64 from_ns, uint64 to_ns);

#endif							/* PG_LEADER_DIAGNOSIS_H */
