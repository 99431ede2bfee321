/*-------------------------------------------------------------------------
 *
 * contact.c
 *		Which peers this node hears: when it loses one, and when that is back.
 *
 * Runs in the ticker only.  No locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "clock.h"
#include "contact.h"
#include "diagnosis.h"

#define LOOK_INTERVAL_NS	(NS_PER_S / 2)

void
contact_begin(Contact *contact, int32 node_id, int32 node_count,
			  uint64 now_ns)
{
	memset(contact, 0, sizeof(*contact));
	contact->node_id = node_id;
	contact->node_count = node_count;
	contact->start_ns = now_ns;
}

void
contact_heard(Contact *contact, int32 peer_id)
{
	if (peer_id >= 0 && peer_id < contact->node_count &&
		contact->peers[peer_id].is_lost)
		contact->next_look_ns = 0;
}

/* May the log tell of one more loss?  If so, it does. */
static bool
take_line(ContactPeer *peer, uint64 now_ns)
{
	uint64		oldest_ns = peer->told_ns[peer->next_told];

	if (oldest_ns != 0 &&
		diagnosis_elapsed_ns(oldest_ns, now_ns) < CONTACT_LINES_NS)
		return false;
	peer->told_ns[peer->next_told] = now_ns;
	peer->next_told = (peer->next_told + 1) % CONTACT_LINES;
	return true;
}

/* Tell of the loss, now or when there may be a line again. */
static void
tell_loss(ContactPeer *peer, ContactChange *change, uint64 now_ns)
{
	peer->is_told = take_line(peer, now_ns);
	change->is_worth_line = peer->is_told;
	change->untold = peer->untold;
	if (peer->is_told)
		peer->untold = 0;
}

/* Has anything changed about this peer? */
static bool
look_at_peer(ContactPeer *peer, const RaftView *view,
			 const RaftPeerView *seen, uint64 start_ns, uint64 now_ns,
			 ContactChange *change)
{
	uint64		last_ns = seen->last_heard_ns;
	bool		is_reachable = diagnosis_reachable(view, seen, now_ns);

	/* One that was never heard is not lost before it could have been. */
	if (last_ns == 0)
	{
		RaftPeerView since_start = *seen;

		since_start.last_heard_ns = last_ns = start_ns;
		is_reachable = !peer->is_lost &&
			diagnosis_reachable(view, &since_start, now_ns);
	}

	change->is_first = !peer->was_heard;
	change->untold = 0;
	if (is_reachable)
	{
		peer->was_heard |= (seen->last_heard_ns != 0);
		if (!peer->is_lost)
			return false;
		peer->is_lost = false;
		change->event = CONTACT_BACK;
		change->silent_ns = diagnosis_elapsed_ns(peer->silent_since_ns, last_ns);
		change->is_worth_line = peer->is_told;
		if (!peer->is_told)
			peer->untold++;
		return true;
	}

	change->silent_ns = diagnosis_elapsed_ns(last_ns, now_ns);
	peer->silent_since_ns = last_ns;
	if (!peer->is_lost)
	{
		peer->is_lost = true;
		change->event = CONTACT_LOST;
		tell_loss(peer, change, now_ns);
		return true;
	}
	if (peer->is_told)
		return false;
	change->event = CONTACT_STILL_LOST;
	tell_loss(peer, change, now_ns);
	return peer->is_told;
}

bool
contact_next_change(Contact *contact, const RaftNode *node, uint64 now_ns,
					ContactChange *change)
{
	RaftView	view;

	if (contact->next_peer == 0 && now_ns < contact->next_look_ns)
		return false;
	raft_view(node, &view);
	while (contact->next_peer < contact->node_count)
	{
		RaftPeerView seen;

		change->peer_id = contact->next_peer++;
		if (change->peer_id != contact->node_id &&
			raft_peer_view(node, change->peer_id, &seen) &&
			look_at_peer(&contact->peers[change->peer_id], &view, &seen,
						 contact->start_ns, now_ns, change))
			return true;
	}
	contact->next_peer = 0;
	contact->next_look_ns = now_ns + LOOK_INTERVAL_NS;
	return false;
}
