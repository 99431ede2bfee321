/*-------------------------------------------------------------------------
 *
 * recall.c
 *		What a node knows of its past when its ticker starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "disk.h"
#include "log_lines.h"
#include "recall.h"
#include "shared_state.h"

/*
 * The last ticker knew that the node's state is lost, and the record does not
 * say so, as that could not be written: it is not newer than what was known
 * then.  A newer one is of a node that has become a member again since.
 */
static bool
loss_is_unwritten(const RaftView *past, const RaftDurable *durable)
{
	return (past->amnesia != RAFT_AMNESIA_NONE ||
			past->standing == RAFT_AMNESIAC) &&
		durable->standing != RAFT_AMNESIAC &&
		durable->generation <= past->generation;
}

/*
 * The disk may have forgotten what this server's shared memory still knows,
 * if the state file was deleted or replaced while it ran, or could not be
 * written.  Terms never go back on a node, and a record older than one that
 * was confirmed is as good as lost.
 */
static void
remember_past(int node_count, StateVerdict *verdict, RaftDurable *durable,
			  char *note, size_t note_size)
{
	uint64		term = pg_atomic_read_u64(&shared_state->lease.revoked_term);
	uint64		generation = 0;
	uint64		promise_ns = 0;
	bool		is_lost = false;

	if (shared_state->published.valid)
	{
		const RaftView *past = &shared_state->published.raft;
		int			id;

		term = Max(term, past->term);
		generation = past->generation;
		promise_ns = past->max_promise_ns;
		is_lost = loss_is_unwritten(past, durable);

		/* On disk these are only as new as the last record. */
		for (id = 0; id < node_count; id++)
		{
			if (id == config_node_id)
				continue;
			durable->peer_generation[id] = Max(durable->peer_generation[id],
											   shared_state->published.peers[id].generation);
		}
	}

	if (*verdict == STATE_VALID && durable->generation >= generation && !is_lost)
		return;
	if (*verdict == STATE_VALID)
	{
		*verdict = STATE_COPIED;
		durable->standing = RAFT_AMNESIAC;
		snprintf(note, note_size, durable->generation < generation ?
				 "State file \"%s\" is older than what this node has written since the server's start." :
				 "State file \"%s\" does not say what was found since the server's start, as that could not be written.",
				 disk_path());
	}
	durable->generation = Max(durable->generation, generation + 1);
	durable->max_promise_ns = Max(durable->max_promise_ns, promise_ns);
	if (term > durable->term)
	{
		durable->term = term;
		durable->vote = RAFT_VOTE_SPOILED;
	}
}

/* Say what was found on disk, if it is not simply a member's state. */
static void
log_verdict(int node_count, StateVerdict verdict, RaftStanding standing,
			const char *note)
{
	if (standing == RAFT_AMNESIAC)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state of node %d is lost", config_node_id),
				 errdetail("%s The node neither votes nor leads, as it cannot know what it has promised.",
						   verdict == STATE_VALID ?
						   "That was found at an earlier start." : note),
				 log_lines_recovery_hint(config_node_id, node_count)));
	else if (verdict == STATE_REBORN)
		ereport(LOG,
				(errmsg("node %d starts in a cluster of another name or size, keeping its term",
						config_node_id),
				 errdetail("%s", note)));
	else if (verdict == STATE_BORN)
		ereport(LOG,
				(errmsg("node %d of a new cluster starts its state file \"%s\"",
						config_node_id, disk_path())));
	else if (config_initial_state_new && standing == RAFT_MEMBER)
		ereport(WARNING,
				(errmsg("pg_leader.initial_state is ignored, as node %d has a state file",
						config_node_id),
				 errhint("Remove the setting: were the state file lost, the node would claim to be new.")));
}

StateVerdict
recall_past(int node_count, RaftDurable *durable, char *note, size_t note_size)
{
	StateVerdict verdict;

	verdict = disk_load(config_node_id, node_count, config_fingerprint,
						config_initial_state_new, durable, note, note_size);
	remember_past(node_count, &verdict, durable, note, note_size);
	log_verdict(node_count, verdict, durable->standing, note);
	return verdict;
}
