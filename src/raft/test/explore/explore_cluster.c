/*-------------------------------------------------------------------------
 *
 * explore_cluster.c
 *		The cluster: its state, its moves, and what must hold of it as a
 *		whole.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ExploreBounds *bounds;
static ExploreRenaming renamings[EXPLORE_MAX_RENAMINGS];
static int	renaming_count;

/* ----------
 * Symmetry
 * ----------
 */

/* All permutations of those that are alike; the first is the identity. */
static void
add_renamings(const ExploreRenaming *renaming, int32_t fixed)
{
	int32_t		i;

	if (fixed == bounds->node_count)
	{
		renamings[renaming_count++] = *renaming;
		return;
	}
	for (i = fixed; i < bounds->node_count; i++)
	{
		ExploreRenaming next = *renaming;

		if (i != fixed && ((bounds->alike >> i & 1) == 0 ||
						   (bounds->alike >> fixed & 1) == 0))
			continue;
		next.to[fixed] = renaming->to[i];
		next.to[i] = renaming->to[fixed];
		add_renamings(&next, fixed + 1);
	}
}

void
cluster_reset(const ExploreBounds *of_search)
{
	ExploreRenaming identity;
	int32_t		i;

	bounds = of_search;
	for (i = 0; i < EXPLORE_MAX_NODES; i++)
		identity.to[i] = i;
	renaming_count = 0;
	add_renamings(&identity, 0);
	assert(renaming_count <= EXPLORE_MAX_RENAMINGS);
	message_reset(bounds, renamings, renaming_count);
	node_reset(bounds, renamings, renaming_count);
}

static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	z = (z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return z ^ (z >> 32);
}

/*
 * A sum over the parts, each of which names the node that it is about, so that
 * neither nodes nor messages need sorting after a renaming.
 */
static ExploreHash
hash_renamed(const ExploreCluster *cluster, int r)
{
	ExploreHash sum = {0, 0};
	uint64_t	rest = 0;
	int32_t		i;

	for (i = 0; i < bounds->node_count; i++)
	{
		ExploreHash part = node_hash(cluster->node[i], r);

		sum.high += mix(part.high);
		sum.low += mix(part.low);
	}
	for (i = 0; i < cluster->message_count; i++)
	{
		ExploreHash part = message_hash(cluster->messages[i], r);

		sum.high += part.high;
		sum.low += part.low;
	}
	for (i = 1; i <= (int32_t) bounds->max_term; i++)
	{
		int			leader = cluster->leader[i] < 0 ? 0 :
		renamings[r].to[cluster->leader[i]] + 1 + 8 * cluster->leader_incarnation[i];

		rest = rest << 8 | (uint64_t) leader;
	}
	rest = rest << 8 | cluster->released_terms;
	for (i = 0; i < EXPLORE_BUDGETS; i++)
		rest = rest << 4 | cluster->used[i];
	sum.high += mix(rest + UINT64_C(0x9e3779b97f4a7c15));
	sum.low += mix(rest ^ UINT64_C(0x94d049bb133111eb));
	return sum;
}

static int
compare(ExploreHash a, ExploreHash b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	if (a.low != b.low)
		return a.low < b.low ? -1 : 1;
	return 0;
}

/* The least of all renamings' hashes. */
ExploreHash
cluster_hash(const ExploreCluster *cluster, int *orbit)
{
	ExploreHash hashes[EXPLORE_MAX_RENAMINGS];
	ExploreHash least;
	int			same = 0;
	int			r;

	for (r = 0; r < renaming_count; r++)
		hashes[r] = hash_renamed(cluster, r);
	least = hashes[0];
	for (r = 0; r < renaming_count; r++)
	{
		if (compare(hashes[r], hashes[0]) == 0)
			same++;
		if (compare(hashes[r], least) < 0)
			least = hashes[r];
	}

	/* The renamings that change nothing are a subgroup. */
	*orbit = renaming_count / same;
	return least;
}

/* ----------
 * The state after a move
 * ----------
 */

size_t
cluster_size(const ExploreCluster *cluster)
{
	return offsetof(ExploreCluster, messages) +
		cluster->message_count * sizeof(uint32_t);
}

static bool
add_message(ExploreCluster *cluster, uint32_t message)
{
	int			at = cluster->message_count;

	while (at > 0 && cluster->messages[at - 1] >= message)
		at--;
	if (at < cluster->message_count && cluster->messages[at] == message)
		return true;
	if (cluster->message_count == EXPLORE_MAX_MESSAGES)
		return false;
	memmove(&cluster->messages[at + 1], &cluster->messages[at],
			(size_t) (cluster->message_count - at) * sizeof(uint32_t));
	cluster->messages[at] = message;
	cluster->message_count++;
	return true;
}

/* In a directed run some messages are lost for sure. */
static bool
is_lost(const RaftMessage *message)
{
	bool		from_cut_off = (bounds->cut_off >> message->from & 1) != 0;
	bool		to_cut_off = (bounds->cut_off >> message->to & 1) != 0;

	if ((from_cut_off && message->to == 0) || (to_cut_off && message->from == 0))
		return true;
	return bounds->no_rejects && message->to == 0 &&
		(message->type == RAFT_MESSAGE_HEARTBEAT_REJECT ||
		 (message->type == RAFT_MESSAGE_VOTE_REPLY &&
		  (message->flags & RAFT_FLAG_GRANTED) == 0));
}

/* Drop dead messages; rounds of a leadership that is over are all alike. */
static void
sweep(ExploreCluster *cluster)
{
	uint32_t	old[EXPLORE_MAX_MESSAGES];
	int			old_count = cluster->message_count;
	int			i;

	memcpy(old, cluster->messages, (size_t) old_count * sizeof(uint32_t));
	cluster->message_count = 0;
	for (i = 0; i < old_count; i++)
	{
		uint32_t	number = old[i];
		const RaftMessage *message = message_of(number);
		const ExploreSummary *sender = node_summary(cluster->node[message->from]);
		const ExploreSummary *addressee = node_summary(cluster->node[message->to]);

		if (message->type == RAFT_MESSAGE_HEARTBEAT &&
			(sender->role != RAFT_LEADER || sender->term != message->subject_term ||
			 sender->incarnation != state_session_incarnation(message->from_session)))
			number = message_outdated(number);
		if (!message_is_dead(number, sender, addressee) ||
			(bounds->keeps_dead && !message_is_refused(number, addressee)))
			add_message(cluster, number);
	}
}

static bool
is_dead(const ExploreCluster *cluster, uint32_t number)
{
	const RaftMessage *message = message_of(number);

	return message_is_dead(number, node_summary(cluster->node[message->from]),
						   node_summary(cluster->node[message->to]));
}

static bool
is_under_way(const ExploreCluster *cluster, uint32_t number)
{
	int			i;

	for (i = 0; i < cluster->message_count; i++)
	{
		if (cluster->messages[i] == number)
			return true;
	}
	return false;
}

/* What any entry does to that node, as it begins with ending what is over. */
static uint32_t
expired_node(uint32_t number)
{
	int			count;

	return bounds->promise_steps == 0 ? number :
		node_outcomes(number, EXPLORE_LEAP, 0, &count)->node;
}

/*
 * Nothing may come of a dead message, here and, as it is kept, in all later
 * states.
 */
static const char *
check_dead(const ExploreCluster *before, const ExploreCluster *cluster)
{
	int			i;

	for (i = 0; i < before->message_count; i++)
	{
		uint32_t	number = before->messages[i];

		if (is_dead(before, number) && is_under_way(cluster, number) &&
			!is_dead(cluster, number))
			return "a message that was taken for dead comes to life";
	}
	for (i = 0; i < cluster->message_count; i++)
	{
		int32_t		to = message_of(cluster->messages[i])->to;
		uint32_t	expired = expired_node(cluster->node[to]);
		const ExploreOutcome *outcome;
		int			count;
		int			j;

		if (!is_dead(cluster, cluster->messages[i]))
			continue;
		outcome = node_outcomes(cluster->node[to], EXPLORE_DELIVER,
								cluster->messages[i], &count);
		if (outcome->cut || (outcome->node != cluster->node[to] &&
							 outcome->node != expired))
			return "a message that was taken for dead has an effect";
		for (j = 0; j < outcome->sent_count; j++)
		{
			uint32_t	answer = node_sent(outcome)[j];

			if (!is_lost(message_of(answer)) && !is_dead(cluster, answer) &&
				!is_under_way(cluster, answer))
				return "a message that was taken for dead is answered";
		}
	}
	return NULL;
}

static const char *
note_leader(ExploreCluster *cluster, int32_t node_id, int term)
{
	int			incarnation = node_summary(cluster->node[node_id])->incarnation;

	if (term == 0)
		return NULL;
	if (cluster->leader[term] < 0)
	{
		cluster->leader[term] = (int8_t) node_id;
		cluster->leader_incarnation[term] = (int8_t) incarnation;
		return NULL;
	}
	if (cluster->leader[term] != node_id)
		return "a term has two leaders";
	if (cluster->leader_incarnation[term] != incarnation)
		return "two incarnations of one node lead in one term";
	return NULL;
}

static const char *
check_leases(const ExploreCluster *cluster)
{
	int32_t		holder = -1;
	int32_t		promises = 1;
	int32_t		i;
	const ExploreSummary *lease;

	if (bounds->promise_steps == 0)
		return NULL;
	for (i = 0; i < bounds->node_count; i++)
	{
		if (node_summary(cluster->node[i])->cell_end_ns <= EXPLORE_NOW_NS)
			continue;
		if (holder >= 0)
			return "two leases are in force at once";
		holder = i;
	}
	if (holder < 0 || bounds->whole_only)
		return NULL;
	lease = node_summary(cluster->node[holder]);
	for (i = 0; i < bounds->node_count; i++)
	{
		const ExploreSummary *voter = node_summary(cluster->node[i]);

		if (i != holder && voter->promised_to == holder &&
			voter->promised_term == lease->cell_term &&
			voter->promised_until_ns >= lease->cell_end_ns)
			promises++;
	}
	if (promises <= bounds->node_count / 2)
		return "a lease rests on too few promises";
	return NULL;
}

/* ----------
 * What is done at once
 * ----------
 */

static bool
is_affordable(const ExploreCluster *cluster, unsigned uses)
{
	int			i;

	for (i = 0; i < EXPLORE_BUDGETS; i++)
	{
		if ((uses >> i & 1) != 0 && cluster->used[i] >= bounds->budget[i])
			return false;
	}
	return true;
}

/* The actions of its own that a node may take now, as a bit set. */
static unsigned
possible_actions(const ExploreCluster *cluster, int32_t node_id)
{
	const ExploreSummary *summary = node_summary(cluster->node[node_id]);
	unsigned	actions = 0;

	if (summary->role == RAFT_FOLLOWER && summary->standing == RAFT_MEMBER &&
		(bounds->campaigners >> node_id & 1) != 0)
		actions |= 1u << EXPLORE_ELECTION;
	if (summary->role == RAFT_PRE_CANDIDATE || summary->role == RAFT_CANDIDATE)
		actions |= 1u << EXPLORE_GIVE_UP | 1u << EXPLORE_RESEND;
	if (summary->role == RAFT_LEADER)
		actions |= 1u << EXPLORE_HEARTBEAT;
	if (summary->role == RAFT_LEADER &&
		is_affordable(cluster, 1u << EXPLORE_RESIGNATIONS))
		actions |= 1u << EXPLORE_STEP_DOWN;
	if (summary->resigns_again)
		actions |= 1u << EXPLORE_RESIGN_AGAIN;
	if (summary->standing != RAFT_MEMBER)
		actions |= 1u << EXPLORE_QUERY;
	if (summary->storage_failed)
		actions |= 1u << EXPLORE_RETRY_STORAGE;
	if (bounds->promise_steps == 0)
		actions |= 1u << EXPLORE_LEAP;
	if (is_affordable(cluster, 1u << EXPLORE_RESTARTS))
		actions |= 1u << EXPLORE_RESTART;
	if (is_affordable(cluster, 1u << EXPLORE_LOSSES) &&
		(bounds->losers >> node_id & 1) != 0)
		actions |= 1u << EXPLORE_LOSE;
	return actions;
}

/* Returns what is broken by it. */
static const char *
send(ExploreCluster *cluster, const ExploreOutcome *outcome, bool *added)
{
	const uint32_t *sent = node_sent(outcome);
	int			i;

	for (i = 0; i < outcome->sent_count; i++)
	{
		const RaftMessage *message = message_of(sent[i]);
		int			old_count = cluster->message_count;

		if (is_lost(message) ||
			message_is_refused(sent[i], node_summary(cluster->node[message->to])) ||
			(!bounds->keeps_dead && is_dead(cluster, sent[i])))
			continue;
		if (!add_message(cluster, sent[i]))
			return "more messages are alive than there is room for";
		*added |= cluster->message_count != old_count;
	}
	return NULL;
}

/* What a node alone cannot know of what it did. */
static const char *
check_outcome(const ExploreCluster *after, const ExploreOutcome *outcome)
{
	if (outcome->broken != NULL)
		return outcome->broken;
	if (outcome->broken_promise_term != 0 &&
		(after->released_terms >> outcome->broken_promise_term & 1) == 0)
		return "a vote or pre-vote inside a promise to another leader";
	if ((outcome->token_terms & ~after->released_terms) != 0)
		return "a token names a leadership that was never released";
	return NULL;
}

/* If nothing else comes of it than messages, send these. */
static const char *
send_if_harmless(ExploreCluster *cluster, int32_t node_id, ExploreAction action,
				 uint32_t argument, bool *added)
{
	int			count;
	const ExploreOutcome *outcome = node_outcomes(cluster->node[node_id], action,
												  argument, &count);
	const char *broken;

	if (outcome->node != cluster->node[node_id] || outcome->sent_count == 0 ||
		outcome->uses != 0 || outcome->cut)
		return NULL;
	broken = check_outcome(cluster, outcome);
	return broken != NULL ? broken : send(cluster, outcome, added);
}

/*
 * As no message is ever taken away, to have one more forbids nothing: whatever
 * makes a node send messages and leaves it as it is may happen at once.  That
 * loses no behaviour of any node, and spares all the states that differ only in
 * which of these messages have been sent already.
 */
static const char *
send_what_is_harmless(ExploreCluster *cluster)
{
	bool		added = !bounds->sends_late;

	while (added)
	{
		const char *broken;
		int32_t		i;
		int			action;

		added = false;
		for (i = 0; i < cluster->message_count && !added; i++)
		{
			broken = send_if_harmless(cluster, message_of(cluster->messages[i])->to,
									  EXPLORE_DELIVER, cluster->messages[i], &added);
			if (broken != NULL)
				return broken;
		}
		for (i = 0; i < bounds->node_count && !added; i++)
		{
			unsigned	actions = possible_actions(cluster, i) &
			(1u << EXPLORE_HEARTBEAT | 1u << EXPLORE_RESEND | 1u << EXPLORE_QUERY |
			 1u << EXPLORE_RESIGN_AGAIN);

			for (action = 0; actions >> action != 0; action++)
			{
				if ((actions >> action & 1) == 0)
					continue;
				broken = send_if_harmless(cluster, i, (ExploreAction) action, 0, &added);
				if (broken != NULL)
					return broken;
			}
		}
	}
	return NULL;
}

/* After whatever happened; returns what is broken. */
static const char *
conclude(const ExploreCluster *before, ExploreCluster *after)
{
	const char *broken = send_what_is_harmless(after);

	if (broken == NULL)
		broken = check_leases(after);
	if (broken == NULL && bounds->keeps_dead)
		broken = check_dead(before, after);
	return broken;
}

/*
 * The cluster after that outcome of an action of that node.  Returns what is
 * broken by it.
 */
static const char *
apply(const ExploreCluster *before, int32_t node_id,
	  const ExploreOutcome *outcome, ExploreCluster *after)
{
	const char *broken;
	bool		added = false;
	int			i;

	memcpy(after, before, cluster_size(before));
	after->released_terms |= outcome->released_terms;

	/* Whoever led did so in the incarnation of before, should it have died. */
	broken = note_leader(after, node_id, outcome->elected_term);
	after->node[node_id] = outcome->node;
	for (i = 0; i < EXPLORE_BUDGETS; i++)
		after->used[i] = (uint8_t) (after->used[i] + (outcome->uses >> i & 1));

	if (broken == NULL)
		broken = check_outcome(after, outcome);
	if (broken != NULL)
		return broken;

	broken = send(after, outcome, &added);
	if (broken != NULL)
		return broken;
	sweep(after);
	return conclude(before, after);
}

/* ----------
 * Moves
 * ----------
 */

static bool
try_action(const ExploreCluster *before, int32_t node_id, ExploreAction action,
		   uint32_t argument, ExploreVisit visit, void *visit_argument)
{
	static ExploreCluster after;
	int			count;
	const ExploreOutcome *all = node_outcomes(before->node[node_id], action,
											  argument, &count);
	int			i;

	for (i = 0; i < count; i++)
	{
		ExploreOutcome outcome = all[i];
		ExploreMove move;
		const char *broken;

		/* Nothing comes of it that has not been sent already. */
		if (outcome.node == before->node[node_id] && outcome.uses == 0 &&
			outcome.broken == NULL && !outcome.cut &&
			(!bounds->sends_late || outcome.sent_count == 0))
			continue;
		if (!is_affordable(before, outcome.uses))
			continue;
		memset(&move, 0, sizeof(move));
		move.action = (uint8_t) action;
		move.node = (int8_t) node_id;
		move.outcome = (uint8_t) i;
		move.argument = argument;
		if (outcome.cut && outcome.broken == NULL)
		{
			if (!visit(&move, NULL, NULL, true, visit_argument))
				return false;
			continue;
		}
		broken = apply(before, node_id, &outcome, &after);
		if (!visit(&move, &after, broken, false, visit_argument))
			return false;

		/* More may be known now, and elsewhere. */
		all = node_outcomes(before->node[node_id], action, argument, &count);
	}
	return true;
}

static bool
pass_time(const ExploreCluster *before, ExploreVisit visit, void *argument)
{
	static ExploreCluster after;
	ExploreMove move;
	const char *broken;
	int			count;
	int32_t		i;

	if (bounds->promise_steps == 0)
		return true;
	memcpy(&after, before, cluster_size(before));
	for (i = 0; i < bounds->node_count; i++)
		after.node[i] = node_outcomes(before->node[i], EXPLORE_PASS_TIME, 0, &count)->node;
	after.message_count = 0;
	for (i = 0; i < before->message_count; i++)
		add_message(&after, message_later(before->messages[i]));
	sweep(&after);
	broken = conclude(before, &after);
	memset(&move, 0, sizeof(move));
	move.action = EXPLORE_PASS_TIME;
	move.node = -1;
	return visit(&move, &after, broken, false, argument);
}

bool
cluster_for_each_move(const ExploreCluster *cluster, ExploreVisit visit,
					  void *argument)
{
	int32_t		i;

	for (i = 0; i < cluster->message_count; i++)
	{
		if (!try_action(cluster, message_of(cluster->messages[i])->to,
						EXPLORE_DELIVER, cluster->messages[i], visit, argument))
			return false;
	}
	for (i = 0; i < bounds->node_count; i++)
	{
		unsigned	actions = possible_actions(cluster, i);
		int			action;
		int32_t		successor;

		for (action = EXPLORE_DELIVER + 1; action < EXPLORE_PASS_TIME; action++)
		{
			if ((actions >> action & 1) != 0 &&
				!try_action(cluster, i, (ExploreAction) action, 0, visit, argument))
				return false;
		}
		if ((actions >> EXPLORE_STEP_DOWN & 1) == 0)
			continue;
		for (successor = 0; successor < bounds->node_count; successor++)
		{
			if (successor != i &&
				!try_action(cluster, i, EXPLORE_TRANSFER, (uint32_t) successor,
							visit, argument))
				return false;
		}
	}
	return pass_time(cluster, visit, argument);
}

/* ----------
 * The beginning
 * ----------
 */

typedef struct Follow
{
	ExploreCluster next;
	bool		found;
} Follow;

/* Takes the first move that changes anything. */
static bool
follow(const ExploreMove *move, const ExploreCluster *next, const char *broken,
	   bool cut, void *argument)
{
	Follow	   *state = argument;

	(void) move;
	(void) broken;
	if (cut)
		return true;
	memcpy(&state->next, next, cluster_size(next));
	state->found = true;
	return false;
}

/* Node 0 is elected, all hear it, and it hears all; no message is left. */
static void
elect_first(ExploreCluster *cluster)
{
	static Follow state;
	int			i;

	state.found = false;
	try_action(cluster, 0, EXPLORE_ELECTION, 0, follow, &state);
	memcpy(cluster, &state.next, cluster_size(&state.next));
	for (i = 0; i < cluster->message_count; i++)
	{
		state.found = false;
		try_action(cluster, message_of(cluster->messages[i])->to, EXPLORE_DELIVER,
				   cluster->messages[i], follow, &state);
		if (!state.found || memcmp(&state.next, cluster, cluster_size(cluster)) == 0)
			continue;
		memcpy(cluster, &state.next, cluster_size(&state.next));
		i = -1;
	}
	cluster->message_count = 0;
}

void
cluster_first(ExploreCluster *cluster)
{
	int32_t		i;

	memset(cluster, 0, sizeof(ExploreCluster));
	memset(cluster->leader, -1, sizeof(cluster->leader));
	memset(cluster->leader_incarnation, -1, sizeof(cluster->leader_incarnation));
	for (i = 0; i < bounds->node_count; i++)
		cluster->node[i] = node_first(i);
	if (bounds->begins_with_leader)
		elect_first(cluster);
	send_what_is_harmless(cluster);
}

/* ----------
 * Questions
 * ----------
 */

unsigned
cluster_leaders(const ExploreCluster *cluster)
{
	unsigned	leaders = 0;
	int32_t		i;

	for (i = 0; i < bounds->node_count; i++)
	{
		if (node_summary(cluster->node[i])->cell_end_ns > EXPLORE_NOW_NS)
			leaders |= 1u << i;
	}
	return leaders;
}

unsigned
cluster_involved(const ExploreMove *move)
{
	unsigned	involved = move->node < 0 ? 0 : 1u << move->node;

	if (move->action == EXPLORE_DELIVER)
		involved |= 1u << message_of(move->argument)->from;
	return involved;
}

bool
cluster_is_past_help(const ExploreCluster *cluster)
{
	int32_t		lost = 0;
	int32_t		i;

	if (cluster->used[EXPLORE_LOSSES] == 0)
		return false;
	for (i = 0; i < bounds->node_count; i++)
	{
		if (node_summary(cluster->node[i])->standing != RAFT_MEMBER)
			lost++;
	}
	return lost > (bounds->node_count - 1) / 2;
}

/* ----------
 * For the reader
 * ----------
 */

static void
describe_node(const ExploreSummary *summary)
{
	printf("      %d: %s, term %llu", summary->node_id,
		   raft_role_name(summary->role), (unsigned long long) summary->term);
	if (summary->vote >= 0)
		printf(", vote for %d", summary->vote);
	else if (summary->vote == RAFT_VOTE_SPOILED)
		printf(", vote spoiled");
	if (summary->standing != RAFT_MEMBER)
		printf(", %s", raft_standing_name(summary->standing));
	if (summary->incarnation > 0)
		printf(", incarnation %d", summary->incarnation);
	if (bounds->promise_steps > 0 && summary->promised_to >= 0)
		printf(", promised to %d of term %llu for %.0f steps", summary->promised_to,
			   (unsigned long long) summary->promised_term,
			   (double) (summary->promised_until_ns - EXPLORE_NOW_NS) / EXPLORE_STEP_NS);
	if (summary->cell_end_ns > EXPLORE_NOW_NS)
		printf(", holds a lease");
	printf("\n");
}

void
cluster_describe_move(const ExploreCluster *before, const ExploreMove *move,
					  const ExploreCluster *after)
{
	static const char *const texts[] = {
		[EXPLORE_ELECTION] = "'s election timer fires",
		[EXPLORE_GIVE_UP] = " gives up its candidacy",
		[EXPLORE_RESEND] = " asks again",
		[EXPLORE_HEARTBEAT] = " sends a round of heartbeats",
		[EXPLORE_RESIGN_AGAIN] = " repeats its resignation",
		[EXPLORE_QUERY] = " asks for terms",
		[EXPLORE_RETRY_STORAGE] = " tries to write again",
		[EXPLORE_LEAP] = ": promises, silence and lease run out",
		[EXPLORE_TRANSFER] = " hands over to ",
		[EXPLORE_STEP_DOWN] = " steps down",
		[EXPLORE_RESTART] = " restarts",
		[EXPLORE_LOSE] = " loses its state and restarts",
	};
	char		text[512];
	int			count;

	if (move->action == EXPLORE_PASS_TIME)
	{
		printf("  a step of time passes\n");
		return;
	}
	if (move->action == EXPLORE_DELIVER)
	{
		message_describe(message_of(move->argument), text, sizeof(text));
		printf("  %d receives %s", move->node, text);
	}
	else
		printf("  %d%s", move->node, texts[move->action]);
	if (move->action == EXPLORE_TRANSFER)
		printf("%u", move->argument);
	printf("%s\n", node_fault_name(node_outcomes(before->node[move->node],
												 (ExploreAction) move->action,
												 move->argument,
												 &count)[move->outcome].fault));
	if (after != NULL)
		describe_node(node_summary(after->node[move->node]));
}
