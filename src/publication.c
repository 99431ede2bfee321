/*-------------------------------------------------------------------------
 *
 * publication.c
 *		What the ticker tells the other processes of its node.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "config.h"
#include "diagnosis.h"
#include "miscadmin.h"
#include "publication.h"
#include "utils/timestamp.h"

void
publication_begin(Publication *publication, const RaftNode *node,
				  int node_count)
{
	publication->node = node;
	publication->node_count = node_count;
	publication->earlier_counters = shared_state->published.counters;
}

/* All that the cores of this server have counted. */
static void
count_up(const Publication *publication, RaftCounters *totals)
{
	const uint64 *earlier = (const uint64 *) &publication->earlier_counters;
	const uint64 *present = (const uint64 *) raft_counters(publication->node);

	for (size_t i = 0; i < sizeof(RaftCounters) / sizeof(uint64); i++)
		((uint64 *) totals)[i] = earlier[i] + present[i];
}

void
publication_lower_lease(Publication *publication, const RaftView *view)
{
	if (publication->raised_term == 0)
		return;
	if (view->lease_term == publication->raised_term &&
		view->lease_end_ns >= publication->raised_end_ns)
		return;

	lease_cell_clear(&shared_state->lease);
	if (view->lease_term != publication->raised_term)
		lease_cell_revoke(&shared_state->lease, publication->raised_term);
	publication->raised_term = 0;
	publication->raised_end_ns = 0;
}

void
publication_raise_lease(Publication *publication, const RaftView *view)
{
	if (view->lease_term == 0 || view->lease_end_ns == 0)
		return;
	if (view->lease_term == publication->raised_term &&
		view->lease_end_ns == publication->raised_end_ns)
		return;
	lease_cell_raise(&shared_state->lease, view->lease_term,
					 view->lease_end_ns);
	publication->raised_term = view->lease_term;
	publication->raised_end_ns = view->lease_end_ns;
}

/* Does the view differ in what one would wait for? */
static bool
is_change(const RaftView *old, const RaftView *new)
{
	return old->role != new->role ||
		old->leader_id != new->leader_id ||
		old->term != new->term ||
		old->standing != new->standing ||
		old->lease_term != new->lease_term;
}

/* Does it differ in anything but times that move with every heartbeat? */
static bool
is_visible_change(const RaftView *old, const RaftView *new)
{
	return is_change(old, new) ||
		old->since_ns != new->since_ns ||
		old->vote != new->vote ||
		old->generation != new->generation ||
		old->amnesia != new->amnesia ||
		old->leader_term != new->leader_term ||
		old->rumoured_leader_id != new->rumoured_leader_id ||
		old->silent != new->silent ||
		old->draining != new->draining ||
		old->storage_failed != new->storage_failed ||
		old->forget_at_ns != new->forget_at_ns ||
		old->granted_count != new->granted_count ||
		old->recover_at_ns != new->recover_at_ns ||
		old->rank != new->rank ||
		old->successor != new->successor;
}

/* Does it differ in the leader that one may rely on? */
static bool
is_leader_change(const RaftView *old, const RaftView *new)
{
	int32		old_leader = shared_state_usable_leader(old, config_node_id);
	int32		new_leader = shared_state_usable_leader(new, config_node_id);

	return old_leader != new_leader ||
		(new_leader != RAFT_NO_NODE && old->leader_term != new->leader_term);
}

void
publication_publish(Publication *publication, const RaftView *view, bool force)
{
	uint64		now_ns = clock_now_ns();
	PublishedState *next = &publication->next;
	PublishedState *shared = &shared_state->published;
	bool		changed;
	int			id;

	if (!force && !publication->is_pending && publication->published_ns != 0 &&
		now_ns - publication->published_ns < view->timings.heartbeat_interval_ns / 2 &&
		!is_visible_change(&publication->view, view))
		return;

	changed = publication->published_ns == 0 ||
		is_change(&publication->view, view);

	/* The wall clock may be set: convert once for each change. */
	if (publication->published_ns == 0 || next->raft.since_ns != view->since_ns)
		next->since = GetCurrentTimestamp() -
			(TimestampTz) (diagnosis_elapsed_ns(view->since_ns, now_ns) / NS_PER_US);
	next->valid = true;
	next->ticker_pid = MyProcPid;
	next->raft = *view;
	count_up(publication, &next->counters);
	next->published_ns = now_ns;
	for (id = 0; id < publication->node_count; id++)
	{
		uint64		session = next->peers[id].session;

		(void) raft_peer_view(publication->node, id, &next->peers[id]);
		if (next->peers[id].session != session)
			next->session_starts[id] = GetCurrentTimestamp();
	}

	if (!shared_state_try_lock(SHARED_WRITER_TICKER))
	{
		publication->is_pending = true;
		return;
	}
	next->changes = shared->changes + (changed ? 1 : 0);

	/* Of a former ticker's view, too. */
	if (shared->valid)
		next->leader_changes = shared->leader_changes +
			(is_leader_change(&shared->raft, view) ? 1 : 0);
	else
		next->leader_changes =
			shared_state_usable_leader(view, config_node_id) != RAFT_NO_NODE;
	memcpy(shared, next, offsetof(PublishedState, peers) +
		   publication->node_count * sizeof(RaftPeerView));
	shared_state->ticker_latch = MyLatch;
	shared_state_unlock();

	publication->is_pending = false;
	publication->view = *view;
	publication->published_ns = now_ns;
	if (changed)
	{
		pg_atomic_write_u64(&shared_state->changes, next->changes);
		ConditionVariableBroadcast(&shared_state->changed);
	}
}

void
publication_end(Publication *publication)
{
	if (!shared_state_try_lock(SHARED_WRITER_TICKER))
	{
		shared_state_give_up(SHARED_WRITER_TICKER);
		return;
	}

	/*
	 * The latch may be one that a predecessor had and could not take back,
	 * and then there may be no core yet to count for.
	 */
	if (shared_state->ticker_latch == MyLatch)
	{
		shared_state->ticker_latch = NULL;
		if (publication->published_ns != 0)
			count_up(publication, &shared_state->published.counters);
	}
	shared_state_unlock();
}
