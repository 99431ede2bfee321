/*-------------------------------------------------------------------------
 *
 * raft.c
 *		The node's life: start, time and chance, and the changes of role and
 *		leader that all rules make.
 *
 * Order within each entry: time moves (never back), what has expired is
 * dropped, and only then is the message or the timer looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#include <string.h>

size_t
raft_node_size(void)
{
	return sizeof(RaftNode);
}

/* ----------
 * What every entry begins with
 * ----------
 */

void
raft_begin_entry(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (now_ns < node->now_ns)
		node->counters.clock_went_back++;
	else
		node->now_ns = now_ns;
	node->draw = draw;
	node->draws = 0;
}

void
raft_expire(RaftNode *node)
{
	lease_expire(node);
	election_expire(node);
}

/* SplitMix64 (Steele, Lea, Flood 2014) over the entry's draw. */
uint64_t
raft_random(RaftNode *node)
{
	uint64_t	z = node->draw + ++node->draws * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
raft_random_below(RaftNode *node, uint64_t limit)
{
	return raft_random(node) % limit;
}

/* ----------
 * Role and leader
 * ----------
 */

void
raft_set_role(RaftNode *node, RaftRole role, RaftReason reason)
{
	RaftEvent	event = {0};

	if (node->role == role)
		return;
	if (node->role == RAFT_CANDIDATE && role != RAFT_LEADER)
		node->counters.elections_lost++;
	event.type = RAFT_EVENT_ROLE;
	event.old_role = node->role;
	event.role = role;
	event.reason = reason;
	node->role = role;
	node->role_reason = reason;
	node->since_ns = node->now_ns;
	outbox_event(node, &event);
}

void
raft_set_leader(RaftNode *node, int32_t leader_id, uint64_t term,
				RaftReason reason)
{
	RaftEvent	event = {0};

	if (node->leader_id == leader_id && node->leader_term == term)
		return;

	/* A rank is of one leader in one term. */
	node->rank = RAFT_NO_RANK;
	node->rank_epoch = 0;
	event.type = RAFT_EVENT_LEADER;
	event.old_leader = node->leader_id;
	event.leader = leader_id;
	event.reason = reason;
	node->leader_id = leader_id;
	node->leader_term = term;
	node->role_reason = reason;
	node->since_ns = node->now_ns;
	node->counters.leader_changes++;
	outbox_event(node, &event);
}

/* ----------
 * Start
 * ----------
 */

static bool
config_is_valid(const RaftConfig *config)
{
	return config->node_count >= 1 && config->node_count <= RAFT_MAX_NODES &&
		config->node_id >= 0 && config->node_id < config->node_count &&
		config->session != 0 &&
		(int) config->position_mode >= RAFT_POSITION_OFF &&
		(int) config->position_mode <= RAFT_POSITION_REQUIRE &&
		(config->position_mode == RAFT_POSITION_OFF ||
		 config->compare_positions != NULL) &&
		raft_check_timings(&config->timings) == NULL;
}

static bool
durable_is_valid(const RaftDurable *durable, int32_t node_count)
{
	return durable->term < RAFT_TERM_LIMIT &&
		durable->vote >= RAFT_VOTE_SPOILED && durable->vote < node_count &&
		durable->max_promise_ns <= RAFT_MAX_PROMISE_NS &&
		(int) durable->standing >= RAFT_NEW &&
		(int) durable->standing <= RAFT_AMNESIAC;
}

RaftResult
raft_init(RaftNode *node, const RaftConfig *config, const RaftDurable *durable,
		  bool confirmed, uint64_t now_ns, uint64_t draw)
{
	int32_t		i;

	if (!config_is_valid(config) ||
		!durable_is_valid(durable, config->node_count))
		return RAFT_INVALID;

	memset(node, 0, sizeof(RaftNode));
	node->config = *config;
	raft_begin_entry(node, now_ns, draw);
	node->start_ns = node->since_ns = node->now_ns;
	node->durable = node->wanted = *durable;
	node->generation_loaded = node->generation_used = durable->generation;
	node->persist_pending = !confirmed;
	node->role = RAFT_FOLLOWER;
	node->role_reason = RAFT_REASON_START;
	if (durable->standing == RAFT_AMNESIAC)
		node->amnesia = RAFT_AMNESIA_RECORD;
	node->leader_id = RAFT_NO_NODE;
	node->promise_leader = RAFT_NO_NODE;
	node->released_leader = RAFT_NO_NODE;
	node->resign_successor = RAFT_NO_NODE;
	node->rank = RAFT_NO_RANK;
	node->max_known_term = durable->term;
	for (i = 0; i < RAFT_MAX_NODES; i++)
	{
		node->peers[i].priority = -1;
		node->peers[i].rank = RAFT_NO_RANK;
		if (i < config->node_count && i != config->node_id)
			node->peers[i].generation = durable->peer_generation[i];
		node->peers[i].known_leader = RAFT_NO_NODE;
	}

	/*
	 * A restarted voter does not remember what it promised and to whom, so it
	 * keeps silent for the longest promise that its former self can have made
	 * (also to itself, as a leader).
	 */
	node->silent = durable->max_promise_ns > 0;
	node->silent_until_ns = node->now_ns + durable->max_promise_ns;
	node->promise_lower_ns = node->silent_until_ns;

	node->probe_ns = node->now_ns;
	node->query_ns = node->now_ns;
	election_arm_first(node);

	if (node->wanted.standing == RAFT_MEMBER &&
		node->wanted.max_promise_ns < raft_promise_ns(&config->timings))
		persistence_want(node);
	membership_advance(node);
	return RAFT_OK;
}

/* ----------
 * Time
 * ----------
 */

RaftResult
raft_tick(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	raft_begin_entry(node, now_ns, draw);
	raft_expire(node);

	/*
	 * Once state waits to be made durable, the rest waits too; it is still
	 * due at the next tick.
	 */
	persistence_tick(node);
	if (!node->persist_pending)
		membership_tick(node);
	if (!node->persist_pending)
		acquaintance_tick(node);
	if (!node->persist_pending)
		lease_tick(node);
	if (!node->persist_pending)
		handover_tick(node);
	if (!node->persist_pending)
		election_tick(node);
	return RAFT_OK;
}

uint64_t
raft_next_deadline(const RaftNode *node)
{
	uint64_t	deadlines[] = {
		election_deadline(node),
		lease_deadline(node),
		handover_deadline(node),
		membership_deadline(node),
		node->config.node_count > 1 ? node->probe_ns : UINT64_MAX,
		persistence_deadline(node),
	};
	uint64_t	earliest = UINT64_MAX;
	size_t		i;

	if (node->persist_pending)
		return node->now_ns;
	for (i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
	{
		if (deadlines[i] < earliest)
			earliest = deadlines[i];
	}
	return earliest;
}
