/*-------------------------------------------------------------------------
 *
 * explore_node.c
 *		What one node does with an input: the core, driven as raft.h demands,
 *		and everything about a single node checked on the way.
 *
 * The result is remembered by the numbers of state and input; so is what
 * becomes of it if the node dies, or a write fails, in the middle.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTION_SHIFT		26

/* How a drain is disturbed, at its n-th write. */
typedef enum Fault
{
	FAULT_NONE = 0,
	FAULT_CRASH_BEFORE_WRITE,
	FAULT_CRASH_AFTER_WRITE,	/* written, but the core was not told */
	FAULT_CRASH_BEFORE_SEND,	/* the core was told, nothing has left */
	FAULT_WRITE_FAILS,
	FAULTS
} Fault;

typedef struct Numbered
{
	uint64_t   *words;			/* packed; see explore_state.c */
	size_t		word_count;
	ExploreSummary summary;
	ExploreHash hash[EXPLORE_MAX_RENAMINGS];
} Numbered;

typedef struct Remembered
{
	uint64_t	key;			/* number, action, argument */
	uint32_t	first;			/* of the outcomes; EXPLORE_NO_NUMBER: free
								 * place */
	int32_t		count;
} Remembered;

/* An entry under way. */
typedef struct Step
{
	ExploreNode *node;
	Fault		fault;
	int			fault_at;		/* write, from 1 */
	int			writes;			/* so far */
	bool		crashed;
	bool		discards_sent;	/* for pre-votes that are taken for granted */
	RaftMessage pre_vote;		/* the latest of these */
	ExploreOutcome outcome;
	uint32_t	sent[EXPLORE_MAX_SENT];
} Step;

static const ExploreBounds *bounds;
static const ExploreRenaming *renamings;
static int	renaming_count;

static Numbered *table;
static uint32_t count;
static uint32_t room;
static ExploreIndex numbers;

static Remembered *memory;		/* by key; open addressing */
static size_t memory_count;
static size_t memory_room;
static ExploreOutcome *outcomes;
static uint32_t outcome_count;
static uint32_t outcome_room;
static uint32_t *sent;
static uint32_t sent_count;
static uint32_t sent_room;
static uint64_t *scratch;

/* ----------
 * Numbers for node states
 * ----------
 */

void
node_reset(const ExploreBounds *of_search, const ExploreRenaming *of_cluster,
		   int of_them)
{
	uint32_t	i;

	for (i = 0; i < count; i++)
		free(table[i].words);
	free(table);
	table_free_index(&numbers);
	free(memory);
	free(outcomes);
	free(sent);
	table = NULL;
	memory = NULL;
	outcomes = NULL;
	sent = NULL;
	count = room = 0;
	memory_count = memory_room = 0;
	outcome_count = outcome_room = sent_count = sent_room = 0;
	bounds = of_search;
	renamings = of_cluster;
	renaming_count = of_them;
	scratch = table_resize(scratch, state_max_words() * sizeof(uint64_t));
}

static void
make_room(void)
{
	uint32_t	i;

	if (count < room)
		return;
	room = room * 2 + 256;
	table = table_resize(table, room * sizeof(Numbered));
	table_empty_index(&numbers, room);
	for (i = 0; i < count; i++)
		table_put(&numbers, table[i].hash[0], i);
}

/* The number of the state in the work place, which is canonical. */
static uint32_t
number_of(ExploreNode *node)
{
	size_t		word_count = state_pack(node, scratch);
	ExploreHash hash = state_hash(scratch, word_count);
	Numbered   *numbered;
	uint32_t   *place;
	int			r;

	make_room();
	for (place = table_first_place(&numbers, hash); *place != EXPLORE_NO_NUMBER;
		 place = table_next_place(&numbers, place))
	{
		numbered = &table[*place];
		if (numbered->word_count == word_count &&
			memcmp(numbered->words, scratch, word_count * sizeof(uint64_t)) == 0)
			return *place;
	}
	numbered = &table[count];
	numbered->word_count = word_count;
	numbered->words = table_resize(NULL, word_count * sizeof(uint64_t));
	memcpy(numbered->words, scratch, word_count * sizeof(uint64_t));
	state_summarise(node, &numbered->summary);
	numbered->hash[0] = hash;
	for (r = 1; r < renaming_count; r++)
	{
		state_unpack(node, numbered->words, numbered->word_count);
		state_rename(node, &renamings[r]);
		numbered->hash[r] = state_hash(scratch, state_pack(node, scratch));
	}
	*place = count;
	return count++;
}

const ExploreSummary *
node_summary(uint32_t number)
{
	return &table[number].summary;
}

ExploreHash
node_hash(uint32_t number, int renaming)
{
	return table[number].hash[renaming];
}

uint32_t
node_count(void)
{
	return count;
}

/* ----------
 * Checks of a node
 * ----------
 */

static void
report(Step *step, const char *broken)
{
	if (step->outcome.broken == NULL && !bounds->whole_only)
		step->outcome.broken = broken;
}

static void
demand(Step *step, bool holds, const char *broken)
{
	if (!holds)
		report(step, broken);
}

static void
check_node(Step *step)
{
	const char *broken = raft_check(step->node->raft);

	if (broken != NULL)
		report(step, broken);
	demand(step, raft_counters(step->node->raft)->invariants_broken == 0,
		   "a node met another leader of its own term");
}

/* What one record may be followed by. */
static void
check_record(Step *step, const RaftDurable *record)
{
	const RaftDurable *old = &step->node->disk;

	if (step->node->disk_lost)
		return;
	demand(step, record->term >= old->term, "a durable term goes back");
	demand(step, record->term > old->term || record->vote == old->vote ||
		   old->vote == RAFT_VOTE_NONE || record->vote == RAFT_VOTE_SPOILED,
		   "a durable vote changes within its term");
	demand(step, record->standing == RAFT_AMNESIAC ||
		   record->standing >= old->standing || old->standing == RAFT_AMNESIAC,
		   "a durable standing goes back");
}

/* A vote or a pre-vote for that node, which may be this one. */
static void
check_grant(Step *step, int32_t candidate)
{
	const ExploreNode *node = step->node;
	RaftView	view;

	raft_view(node->raft, &view);
	demand(step, !view.silent, "a silent node grants or asks");
	demand(step, node->cell_end_ns <= EXPLORE_NOW_NS || candidate == view.leader_id,
		   "a leader with a lease grants or asks");
	if (node->promised_to != RAFT_NO_NODE && node->promised_to != candidate &&
		!bounds->whole_only)
		step->outcome.broken_promise_term = (uint8_t) node->promised_term;
}

/* No message says more than the disk holds. */
static void
check_message(Step *step, const RaftMessage *message)
{
	ExploreNode *node = step->node;
	const RaftDurable *disk = &node->disk;
	bool		granted = (message->flags & RAFT_FLAG_GRANTED) != 0;
	bool		member = disk->standing == RAFT_MEMBER && !node->disk_lost;

	demand(step, message->term <= disk->term, "a message tells a term that is not durable");
	demand(step, message->standing <= disk->standing ||
		   message->standing == RAFT_AMNESIAC,
		   "a message tells a standing that is not durable");

	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			demand(step, member, "who is not a member asks for a pre-vote");
			demand(step, message->subject_term == disk->term + 1,
				   "a pre-vote is not about the next term");
			check_grant(step, message->from);
			break;
		case RAFT_MESSAGE_VOTE:
			demand(step, member, "who is not a member asks for a vote");
			demand(step, message->subject_term == disk->term &&
				   disk->vote == message->from,
				   "a candidate's own vote is not durable");
			check_grant(step, message->from);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			if (!granted)
				break;
			demand(step, member, "who is not a member grants a pre-vote");
			check_grant(step, message->to);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			if (!granted)
				break;
			demand(step, member, "who is not a member grants a vote");
			demand(step, message->subject_term == disk->term &&
				   disk->vote == message->to, "a vote is not durable");
			check_grant(step, message->to);

			/* A leader that asks for votes in a later term has left its own. */
			if (node->promised_to == message->to &&
				node->promised_term < message->subject_term)
				node->promised_to = RAFT_NO_NODE;
			break;
		case RAFT_MESSAGE_HEARTBEAT:
			demand(step, member, "who is not a member sends heartbeats");
			demand(step, message->subject_term == disk->term &&
				   disk->vote == message->from,
				   "a heartbeat is not of the sender's own durable term");
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			demand(step, member, "who is not a member acknowledges a heartbeat");
			demand(step, message->subject_term == disk->term,
				   "an acknowledgement of a term that is not durable");
			demand(step, message->promise_ns <= disk->max_promise_ns,
				   "a promise is longer than the record says");
			node->promised_to = message->to;
			node->promised_term = message->subject_term;
			node->promised_until_ns = EXPLORE_NOW_NS + message->promise_ns;
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			demand(step, node->cell_term != message->subject_term,
				   "a resignation leaves while the lease is published");
			step->outcome.released_terms |= (uint8_t) (1 << message->subject_term);
			break;
		default:
			break;
	}
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
	{
		step->outcome.token_terms |= (uint8_t) (1 << message->token_term);

		/* One's own token is a resignation too. */
		if (message->token_leader == message->from)
		{
			demand(step, node->cell_term != message->token_term,
				   "a token leaves while the lease is published");
			step->outcome.released_terms |= (uint8_t) (1 << message->token_term);
		}
	}
}

/* ----------
 * The drain
 * ----------
 */

/* While state waits to be made durable, a lease is only taken down. */
static void
publish(Step *step, bool only_down)
{
	ExploreNode *node = step->node;
	RaftView	view;

	raft_view(node->raft, &view);
	if (view.role == RAFT_LEADER)
		step->outcome.elected_term = (uint8_t) view.term;
	if (only_down && view.lease_end_ns != 0 &&
		(view.lease_term != node->cell_term || view.lease_end_ns >= node->cell_end_ns))
	{
		if (view.lease_term != node->cell_term)
			node->cell_term = node->cell_end_ns = 0;
		return;
	}
	node->cell_term = view.lease_term;
	node->cell_end_ns = view.lease_end_ns;
}

static void
collect(Step *step)
{
	RaftMessage message;

	while (raft_next_message(step->node->raft, &message))
	{
		uint32_t	number;
		int			i;

		check_message(step, &message);
		if (step->discards_sent)
		{
			step->pre_vote = message;
			continue;
		}

		/* Canonical round numbers tell the age, and this one was just sent. */
		if (message.type == RAFT_MESSAGE_HEARTBEAT)
			message.round = EXPLORE_NEWEST_ROUND;
		number = message_intern(&message);
		for (i = 0; i < step->outcome.sent_count; i++)
		{
			if (step->sent[i] == number)
				break;
		}
		if (i < step->outcome.sent_count)
			continue;
		if (step->outcome.sent_count == EXPLORE_MAX_SENT)
		{
			report(step, "one action sends more messages than there is room for");
			return;
		}
		step->sent[step->outcome.sent_count++] = number;
	}
}

/* Returns false if the node died on the way, or left the bounds. */
static bool
drain(Step *step)
{
	ExploreNode *node = step->node;
	RaftDurable record;
	RaftEvent	event;

	for (;;)
	{
		bool		disturbed;

		check_node(step);
		publish(step, true);

		/* Nothing may leave yet; if something does, it has left. */
		if (raft_ready(node->raft, &record))
			collect(step);
		else
			break;
		if (record.term > bounds->max_term)
		{
			step->outcome.cut = true;
			return false;
		}
		step->writes++;
		disturbed = step->fault != FAULT_NONE && step->writes == step->fault_at;
		if (disturbed && step->fault == FAULT_WRITE_FAILS)
		{
			raft_persist_failed(node->raft, EXPLORE_NOW_NS, 0);
			continue;
		}
		if (disturbed && step->fault == FAULT_CRASH_BEFORE_WRITE)
			return false;
		check_record(step, &record);
		node->disk = record;
		node->disk_lost = false;
		if (disturbed && step->fault == FAULT_CRASH_AFTER_WRITE)
			return false;
		raft_persisted(node->raft, EXPLORE_NOW_NS, 0, 0);
		if (disturbed && step->fault == FAULT_CRASH_BEFORE_SEND)
		{
			publish(step, true);
			return false;
		}
	}
	publish(step, false);
	while (raft_next_event(node->raft, &event))
		;
	collect(step);
	return true;
}

/* ----------
 * Actions
 * ----------
 */

static void
tick(Step *step, ExploreTimer timer)
{
	state_fire(step->node, timer);
	raft_tick(step->node->raft, EXPLORE_NOW_NS, 0);
	step->crashed = !drain(step);
}

/*
 * A new incarnation.  The first act of a start is to take the lease down.  It
 * knows the sessions that its former self knew, which in truth takes it a
 * round trip; the others have to hear its first word.
 */
static void
boot(Step *step, const uint64_t *sessions)
{
	ExploreNode *node = step->node;
	RaftConfig	config = state_config(bounds, node->node_id, node->incarnation);

	node->cell_term = node->cell_end_ns = 0;
	if (raft_init(node->raft, &config, &node->disk, !node->disk_lost,
				  EXPLORE_NOW_NS, 0) != RAFT_OK)
		report(step, "a record is refused at the start");
	state_set_sessions(node, sessions);
	step->crashed = !drain(step);
}

static void
restart(Step *step)
{
	uint64_t	sessions[EXPLORE_MAX_NODES];

	step->fault = FAULT_NONE;
	state_get_sessions(step->node, sessions);
	step->node->incarnation++;
	boot(step, sessions);
	if (!step->crashed)
		tick(step, EXPLORE_TIMER_PROBE);
}

/* What the record of a node is that has none. */
static void
lose_record(ExploreNode *node)
{
	memset(&node->disk, 0, sizeof(node->disk));
	node->disk_lost = true;
	if (bounds->lost_as_new)
	{
		node->disk.standing = RAFT_NEW;
		node->disk.vote = RAFT_VOTE_NONE;
	}
	else
	{
		node->disk.standing = RAFT_AMNESIAC;
		node->disk.vote = RAFT_VOTE_SPOILED;
		node->disk.max_promise_ns = RAFT_MAX_PROMISE_NS;
	}
}

/* Every pre-vote asked for is granted. */
static void
grant_pre_votes(Step *step)
{
	RaftMessage request = step->pre_vote;
	uint64_t	sessions[EXPLORE_MAX_NODES];
	int32_t		i;

	if (request.type != RAFT_MESSAGE_PRE_VOTE)
		return;
	state_get_sessions(step->node, sessions);
	for (i = 0; i < bounds->node_count; i++)
	{
		RaftMessage grant = request;
		RaftView	view;

		raft_view(step->node->raft, &view);
		if (i == step->node->node_id || view.role != RAFT_PRE_CANDIDATE)
			continue;
		grant.type = RAFT_MESSAGE_PRE_VOTE_REPLY;
		grant.from = i;
		grant.to = step->node->node_id;
		grant.from_session = sessions[i];
		grant.to_session = request.from_session;
		grant.role = RAFT_FOLLOWER;
		grant.flags = RAFT_FLAG_GRANTED;
		raft_receive(step->node->raft, &grant, EXPLORE_NOW_NS, 0);
		step->crashed = !drain(step);
		if (step->crashed || step->outcome.cut)
			return;
	}
}

static void
elect(Step *step)
{
	RaftView	view;

	step->discards_sent = !bounds->pre_votes;
	tick(step, EXPLORE_TIMER_ELECTION);
	step->discards_sent = false;
	raft_view(step->node->raft, &view);
	if (view.role != RAFT_PRE_CANDIDATE)
		return;
	if (view.term >= bounds->max_term)
	{
		step->outcome.cut = true;
		return;
	}
	if (!bounds->pre_votes && !step->crashed)
		grant_pre_votes(step);
}

static void
carry_out(Step *step, ExploreAction action, uint32_t argument)
{
	ExploreNode *node = step->node;
	uint64_t	leap_ns = bounds->promise_steps == 0 ? 2 * RAFT_MAX_PROMISE_NS : 0;

	switch (action)
	{
		case EXPLORE_DELIVER:
			state_fire(node, EXPLORE_TIMER_NONE);
			raft_receive(node->raft, message_of(argument), EXPLORE_NOW_NS, 0);
			step->crashed = !drain(step);
			break;
		case EXPLORE_ELECTION:
			elect(step);
			break;
		case EXPLORE_GIVE_UP:
			tick(step, EXPLORE_TIMER_ROUND);
			break;
		case EXPLORE_RESEND:
			tick(step, EXPLORE_TIMER_RESEND);
			break;
		case EXPLORE_HEARTBEAT:
			tick(step, EXPLORE_TIMER_HEARTBEAT);
			break;
		case EXPLORE_RESIGN_AGAIN:
			tick(step, EXPLORE_TIMER_RESIGN);
			break;
		case EXPLORE_QUERY:
			tick(step, EXPLORE_TIMER_QUERY);
			break;
		case EXPLORE_RETRY_STORAGE:
			tick(step, EXPLORE_TIMER_STORAGE);
			break;
		case EXPLORE_LEAP:
			state_pass_time(node, leap_ns);
			tick(step, EXPLORE_TIMER_NONE);
			break;
		case EXPLORE_TRANSFER:
			state_make_fit(node, (int32_t) argument);
			step->outcome.uses |= 1 << EXPLORE_RESIGNATIONS;
			if (raft_transfer(node->raft, (int32_t) argument, EXPLORE_NOW_NS, 0) == RAFT_NOT_FIT)
				report(step, "a node that has just acknowledged is not fit to follow");
			step->crashed = !drain(step);
			break;
		case EXPLORE_STEP_DOWN:
			step->outcome.uses |= 1 << EXPLORE_RESIGNATIONS;
			raft_step_down(node->raft, RAFT_REASON_STEP_DOWN, EXPLORE_NOW_NS, 0);
			step->crashed = !drain(step);
			break;
		case EXPLORE_RESTART:
			step->outcome.uses |= 1 << EXPLORE_RESTARTS;
			restart(step);
			break;
		case EXPLORE_LOSE:
			step->outcome.uses |= 1 << EXPLORE_LOSSES;
			lose_record(node);
			restart(step);
			break;
		case EXPLORE_PASS_TIME:
			state_pass_time(node, EXPLORE_STEP_NS);
			break;
	}
}

/* ----------
 * Outcomes
 * ----------
 */

/* The new state in the work place, and what the step sent, get numbers. */
static void
conclude(Step *step)
{
	ExploreOutcome *outcome = &step->outcome;
	const char *broken;
	uint32_t	i;

	outcome->fault = (uint8_t) step->fault;
	if (step->crashed && !outcome->cut)
	{
		outcome->uses |= 1 << EXPLORE_RESTARTS;
		restart(step);
	}
	if (!outcome->cut)
	{
		state_normalise(step->node, bounds);
		broken = raft_check(step->node->raft);
		if (broken != NULL)
			report(step, broken);
		outcome->node = number_of(step->node);
	}
	outcome->first_sent = sent_count;
	if (sent_count + EXPLORE_MAX_SENT > sent_room)
	{
		sent_room = sent_room * 2 + 4096;
		sent = table_resize(sent, sent_room * sizeof(uint32_t));
	}
	for (i = 0; i < outcome->sent_count; i++)
		sent[sent_count++] = step->sent[i];
	if (outcome_count == outcome_room)
	{
		outcome_room = outcome_room * 2 + 4096;
		outcomes = table_resize(outcomes, outcome_room * sizeof(ExploreOutcome));
	}
	outcomes[outcome_count++] = *outcome;
}

/* Returns how many writes it took. */
static int
perform(uint32_t number, ExploreAction action, uint32_t argument, Fault fault,
		int fault_at)
{
	static Step step;

	memset(&step, 0, sizeof(step));
	step.node = state_work_place();
	step.fault = fault;
	step.fault_at = fault_at;
	step.outcome.node = number;
	state_unpack(step.node, table[number].words, table[number].word_count);
	carry_out(&step, action, argument);
	if (fault == FAULT_WRITE_FAILS)
		step.outcome.uses |= 1 << EXPLORE_FAILED_WRITES;
	conclude(&step);
	outcomes[outcome_count - 1].fault = (uint8_t) fault;
	return step.writes;
}

static bool
is_allowed(Fault fault)
{
	switch (fault)
	{
		case FAULT_CRASH_BEFORE_WRITE:
		case FAULT_CRASH_AFTER_WRITE:
		case FAULT_CRASH_BEFORE_SEND:
			return bounds->crash_points && bounds->budget[EXPLORE_RESTARTS] > 0;
		case FAULT_WRITE_FAILS:
			return bounds->budget[EXPLORE_FAILED_WRITES] > 0;
		default:
			return false;
	}
}

/* A start that is disturbed is the same as another start. */
static void
perform_all(uint32_t number, ExploreAction action, uint32_t argument)
{
	int			writes = perform(number, action, argument, FAULT_NONE, 0);
	int			fault;
	int			at;

	if (outcomes[outcome_count - 1].cut || action == EXPLORE_RESTART ||
		action == EXPLORE_LOSE)
		return;
	for (at = 1; at <= writes; at++)
	{
		for (fault = FAULT_NONE + 1; fault < FAULTS; fault++)
		{
			if (is_allowed((Fault) fault))
				perform(number, action, argument, (Fault) fault, at);
		}
	}
}

static uint64_t
spread_key(uint64_t key)
{
	key ^= key >> 29;
	key *= UINT64_C(0xbf58476d1ce4e5b9);
	return key ^ key >> 32;
}

static Remembered *
find_remembered(uint64_t key)
{
	size_t		at = spread_key(key) & (memory_room - 1);

	while (memory[at].first != EXPLORE_NO_NUMBER && memory[at].key != key)
		at = (at + 1) & (memory_room - 1);
	return &memory[at];
}

static void
make_room_to_remember(void)
{
	Remembered *old = memory;
	size_t		old_room = memory_room;
	size_t		i;

	if (memory_count * 2 < memory_room)
		return;
	memory_room = memory_room == 0 ? 1 << 14 : memory_room * 2;
	memory = table_resize(NULL, memory_room * sizeof(Remembered));
	for (i = 0; i < memory_room; i++)
		memory[i].first = EXPLORE_NO_NUMBER;
	for (i = 0; i < old_room; i++)
	{
		if (old[i].first != EXPLORE_NO_NUMBER)
			*find_remembered(old[i].key) = old[i];
	}
	free(old);
}

const ExploreOutcome *
node_outcomes(uint32_t number, ExploreAction action, uint32_t argument, int *of_them)
{
	uint64_t	key = (uint64_t) number << 32 | (uint64_t) action << ACTION_SHIFT | argument;
	Remembered *remembered;

	make_room_to_remember();
	remembered = find_remembered(key);
	if (remembered->first == EXPLORE_NO_NUMBER)
	{
		uint32_t	first = outcome_count;

		perform_all(number, action, argument);
		remembered->key = key;
		remembered->first = first;
		remembered->count = (int32_t) (outcome_count - first);
		memory_count++;
	}
	*of_them = remembered->count;
	return &outcomes[remembered->first];
}

const uint32_t *
node_sent(const ExploreOutcome *outcome)
{
	return &sent[outcome->first_sent];
}

const char *
node_fault_name(int fault)
{
	static const char *const names[FAULTS] = {
		[FAULT_NONE] = "",
		[FAULT_CRASH_BEFORE_WRITE] = ", dies before the write and restarts",
		[FAULT_CRASH_AFTER_WRITE] = ", dies after the write and restarts",
		[FAULT_CRASH_BEFORE_SEND] = ", dies before it sends and restarts",
		[FAULT_WRITE_FAILS] = ", and the write fails",
	};

	return names[fault];
}

/* A node at the beginning: it knows all sessions. */
uint32_t
node_first(int32_t node_id)
{
	static Step step;
	uint64_t	sessions[EXPLORE_MAX_NODES];
	int32_t		i;

	memset(&step, 0, sizeof(step));
	step.node = state_work_place();
	state_clear(step.node, node_id);
	step.node->disk.standing = bounds->birth ? RAFT_NEW : RAFT_MEMBER;
	for (i = 0; i < EXPLORE_MAX_NODES; i++)
		sessions[i] = state_session(i, 0);
	boot(&step, sessions);
	state_normalise(step.node, bounds);
	return number_of(step.node);
}
