/*-------------------------------------------------------------------------
 *
 * stage_checks.c
 *		What must hold of all nodes together after every event.
 *
 *	1.	Each node's own invariants: raft_check().
 *	2.	No node has met a second leader of its own term.
 *	3.	A node's durable term never goes back, and its vote does not change
 *		within a term, unless the story took its state away.
 *	4.	A term has one leader, in one incarnation, for ever.
 *	5.	At most one node holds a lease, as those who ask it see it.
 *	6.	A lease rests on the promises of a majority.
 *	7.	Whoever is said to be released has resigned, and does not lead on.
 *
 * Leases only run out while nothing happens, so what holds of them after each
 * event holds at every instant.
 *
 *-------------------------------------------------------------------------
 */
#include "stage.h"

static void
check_node(Stage *stage, int32_t id)
{
	const Core *core = &stage->nodes[id].core;
	const char *broken;

	if (!stage->nodes[id].up)
		return;
	broken = raft_check(core->raft);
	if (broken != NULL)
		stage_break(stage, "node %d breaks invariant %s", id, broken);
	if (raft_counters(core->raft)->invariants_broken > 0)
		stage_break(stage, "node %d has met a second leader of its term", id);
}

static void
check_disk(Stage *stage, int32_t id)
{
	StageNode  *node = &stage->nodes[id];
	const RaftDurable *old = &node->known;
	const RaftDurable *new = &node->core.disk;

	if (new->term < old->term)
		stage_break(stage, "the term on the disk of %d goes back", id);
	else if (new->term == old->term && new->vote != old->vote &&
			 old->vote != RAFT_VOTE_NONE && new->vote != RAFT_VOTE_SPOILED)
		stage_break(stage, "the vote on the disk of %d changes within its term",
					id);
	node->known = *new;
}

StageLeadership *
stage_find_leadership(Stage *stage, uint64_t term)
{
	int			i;

	for (i = 0; i < stage->leadership_count; i++)
	{
		if (stage->leaderships[i].term == term)
			return &stage->leaderships[i];
	}
	return NULL;
}

static void
check_leadership(Stage *stage, int32_t id)
{
	StageNode  *node = &stage->nodes[id];
	StageLeadership *known;
	RaftView	view;

	if (!node->up)
		return;
	view = core_view(&node->core);
	if (view.role != RAFT_LEADER)
		return;
	known = stage_find_leadership(stage, view.term);
	if (known == NULL)
	{
		if (stage->leadership_count == STAGE_MAX_LEADERSHIPS)
		{
			stage_break(stage, "more than %d terms had a leader",
						STAGE_MAX_LEADERSHIPS);
			return;
		}
		known = &stage->leaderships[stage->leadership_count++];
		known->term = view.term;
		known->leader = id;
		known->session = node->core.config.session;
		known->released = false;
	}
	else if (known->leader != id || known->session != node->core.config.session)
		stage_break(stage, "term %llu has two leaders: %d, and %d%s",
					(unsigned long long) view.term, known->leader, id,
					known->leader == id ? " after a restart" : "");
	if (known->released && stage_has_lease(stage, id))
		stage_break(stage, "%d has a lease in term %llu, which it has released",
					id, (unsigned long long) view.term);
}

static bool
promise_outlives(const Stage *stage, int32_t voter, int32_t leader)
{
	const Core *core = &stage->nodes[voter].core;
	const Core *leading = &stage->nodes[leader].core;

	return core->promised_to == leader &&
		core->promised_term == leading->cell_term &&
		stage_real_ns(stage, voter, core->promised_until_ns) >=
		stage_real_ns(stage, leader, leading->cell_end_ns);
}

static void
check_lease(Stage *stage, int32_t id)
{
	int32_t		promises = 1;
	int32_t		i;

	if (!stage_has_lease(stage, id))
		return;
	for (i = 0; i < stage->count; i++)
	{
		if (i == id)
			continue;
		if (stage_has_lease(stage, i))
			stage_break(stage, "two leases at once: of %d in term %llu, of %d in term %llu",
						id, (unsigned long long) stage->nodes[id].core.cell_term,
						i, (unsigned long long) stage->nodes[i].core.cell_term);
		if (promise_outlives(stage, i, id))
			promises++;
	}
	if (promises <= stage->count / 2)
		stage_break(stage, "the lease of %d rests on the promises of %d nodes of %d",
					id, promises, stage->count);
}

void
stage_check(Stage *stage)
{
	int32_t		i;

	for (i = 0; i < stage->count; i++)
	{
		check_node(stage, i);
		check_disk(stage, i);
		check_leadership(stage, i);
		check_lease(stage, i);
	}
}

void
stage_check_message(Stage *stage, const RaftMessage *message)
{
	StageLeadership *known;

	if (message->type == RAFT_MESSAGE_RESIGN ||
		message->type == RAFT_MESSAGE_TIMEOUT_NOW)
	{
		known = stage_find_leadership(stage, message->subject_term);
		if (known == NULL || known->leader != message->from)
			stage_break(stage, "%d resigns in term %llu, which it did not lead",
						message->from,
						(unsigned long long) message->subject_term);
		else
			known->released = true;
	}
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
	{
		known = stage_find_leadership(stage, message->token_term);
		if (known == NULL || known->leader != message->token_leader ||
			!known->released)
			stage_break(stage, "%d says that %d has released term %llu, which is not so",
						message->from, message->token_leader,
						(unsigned long long) message->token_term);
	}
}
