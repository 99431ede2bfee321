/*-------------------------------------------------------------------------
 *
 * explore_state.c
 *		One node's state as the explorer stores it: canonical form, renaming,
 *		the passing of time.
 *
 * The only file outside of the core that includes raft_node.h: to merge
 * states one has to look into them.
 *
 * What is stored is every byte of the node that may differ from zero, but for
 * the rings of messages and events, which are empty between two actions.  A
 * field is left out of the comparison only by being set to a constant in
 * state_normalise(), with the reason why that is sound; a field that the core
 * gains is compared as it is.  Sound means: two states that differ in it only
 * behave alike, or the explorer itself takes over what it is for (timers).
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <assert.h>
#include <string.h>

#include "raft/raft_node.h"

/* A timer that only the explorer fires. */
#define FAR_NS				(EXPLORE_NOW_NS + UINT64_C(1000000) * EXPLORE_SECOND_NS)

/* Time scale of the runs without time; any would do. */
#define TIMELESS_PROMISE_STEPS	2

/*
 * Sessions and nonces, of which real ones are random, name what they belong
 * to: bits 0-7 node id + 1, 8-15 incarnation, 16 set, 17 pre-vote, 24... term.
 */
#define LABEL_MARK			(UINT64_C(1) << 16)
#define LABEL_PRE_VOTE		(UINT64_C(1) << 17)
#define LABEL_TERM_SHIFT	24

#define HEADER_BYTES		offsetof(ExploreNode, raft)
#define NODE_BYTES			offsetof(RaftNode, outbox)
#define HEADER_WORDS		(HEADER_BYTES / sizeof(uint64_t))
#define NODE_WORDS			(NODE_BYTES / sizeof(uint64_t))

/* Nothing that matters lies behind the outbox. */
_Static_assert(offsetof(RaftNode, outbox_first) > offsetof(RaftNode, outbox) &&
			   offsetof(RaftNode, events) > offsetof(RaftNode, outbox_count) &&
			   offsetof(RaftNode, events_count) + sizeof(int32_t) + 8 > sizeof(RaftNode),
			   "the rings are the last fields of RaftNode");
_Static_assert(HEADER_BYTES % sizeof(uint64_t) == 0 &&
			   NODE_BYTES % sizeof(uint64_t) == 0, "states are made of words");
_Static_assert(EXPLORE_NEWEST_ROUND < RAFT_ROUND_HISTORY, "rounds fit the ring");

static ExploreNode work_header;
static RaftNode work_raft;

/* ----------
 * Names
 * ----------
 */

uint64_t
state_session(int32_t node_id, int32_t incarnation)
{
	return LABEL_MARK | (uint64_t) incarnation << 8 | (uint64_t) (node_id + 1);
}

int32_t
state_session_incarnation(uint64_t session)
{
	return session == 0 ? -1 : (int32_t) (session >> 8 & 0xff);
}

/*
 * A node enters a term as a candidate at most once, so real votes get nonces
 * of their own.  Pre-votes of one incarnation in one term share theirs: a late
 * grant of an earlier one counts, which real nonces forbid.
 */
uint64_t
state_nonce(bool pre_vote, uint64_t session, uint64_t term)
{
	return session | (pre_vote ? LABEL_PRE_VOTE : 0) | term << LABEL_TERM_SHIFT;
}

uint64_t
state_rename_label(uint64_t label, const ExploreRenaming *renaming)
{
	if (label == 0)
		return 0;
	return (label & ~UINT64_C(0xff)) |
		(uint64_t) (renaming->to[(label & 0xff) - 1] + 1);
}

/* ----------
 * Settings
 * ----------
 */

/* Such that raft_promise_ns() is a whole number of steps. */
RaftConfig
state_config(const ExploreBounds *bounds, int32_t node_id, int32_t incarnation)
{
	RaftConfig	config;
	uint64_t	promise = EXPLORE_STEP_NS *
	(uint64_t) (bounds->promise_steps > 0 ? bounds->promise_steps : TIMELESS_PROMISE_STEPS);

	memset(&config, 0, sizeof(config));
	config.node_id = node_id;
	config.node_count = bounds->node_count;
	config.session = state_session(node_id, incarnation);
	config.timings.heartbeat_interval_ns = promise / 10 * 2;
	config.timings.election_timeout_min_ns = promise / 10 * 13;
	config.timings.election_timeout_max_ns = promise * 2;
	config.timings.priority = 100;
	assert(raft_check_timings(&config.timings) == NULL);
	assert(raft_promise_ns(&config.timings) == promise);
	return config;
}

/* ----------
 * Packing: the words that are not zero, with their places
 * ----------
 */

ExploreNode *
state_work_place(void)
{
	work_header.raft = &work_raft;
	return &work_header;
}

void
state_clear(ExploreNode *node, int32_t node_id)
{
	memset(node, 0, HEADER_BYTES);
	memset(node->raft, 0, sizeof(RaftNode));
	node->node_id = node_id;
	node->disk.vote = RAFT_VOTE_NONE;
	node->promised_to = RAFT_NO_NODE;
}

size_t
state_max_words(void)
{
	return 2 * (HEADER_WORDS + NODE_WORDS);
}

static size_t
pack_range(const char *bytes, size_t first, size_t last, size_t place_of_first,
		   uint64_t *words, size_t count)
{
	size_t		i;

	for (i = first; i < last; i++)
	{
		uint64_t	word;

		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		if (word == 0)
			continue;
		words[count++] = place_of_first + i;
		words[count++] = word;
	}
	return count;
}

size_t
state_pack(const ExploreNode *node, uint64_t *words)
{
	size_t		count;

	count = pack_range((const char *) node, 0, HEADER_WORDS, 0, words, 0);
	return pack_range((const char *) node->raft, 0, NODE_WORDS, HEADER_WORDS,
					  words, count);
}

void
state_unpack(ExploreNode *node, const uint64_t *words, size_t count)
{
	size_t		i;

	memset(node, 0, HEADER_BYTES);
	memset(node->raft, 0, NODE_BYTES);
	node->raft->outbox_first = node->raft->outbox_count = 0;
	node->raft->events_first = node->raft->events_count = 0;
	for (i = 0; i < count; i += 2)
	{
		if (words[i] < HEADER_WORDS)
			memcpy((char *) node + words[i] * sizeof(uint64_t), &words[i + 1],
				   sizeof(uint64_t));
		else
			memcpy((char *) node->raft + (words[i] - HEADER_WORDS) * sizeof(uint64_t),
				   &words[i + 1], sizeof(uint64_t));
	}
}

/* Finalizer of SplitMix64. */
static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

ExploreHash
state_hash(const uint64_t *words, size_t count)
{
	ExploreHash hash = {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)};
	size_t		i;

	for (i = 0; i < count; i++)
	{
		hash.high = mix(hash.high ^ (words[i] + UINT64_C(0x9e3779b97f4a7c15)));
		hash.low = mix(hash.low + words[i] * UINT64_C(0xd1342543de82ef95) + 1);
	}
	return hash;
}

/* ----------
 * Canonical form
 * ----------
 */

static void
normalise_record(RaftDurable *record, const ExploreBounds *bounds)
{
	RaftConfig	config = state_config(bounds, 0, 0);

	/*
	 * Generations only tell a node that its record is older than what others
	 * have seen of it.  The runs with lost state do without that help.
	 */
	record->generation = 1;
	memset(record->peer_generation, 0, sizeof(record->peer_generation));

	/* Without time it only matters whether there has been a promise. */
	if (bounds->promise_steps == 0 && record->max_promise_ns > 0)
		record->max_promise_ns = raft_promise_ns(&config.timings);
}

static void
normalise_peer(RaftNode *raft, int32_t peer_id)
{
	RaftPeer   *peer = &raft->peers[peer_id];
	RaftPeer	old = *peer;

	memset(peer, 0, sizeof(RaftPeer));
	peer->known_leader = RAFT_NO_NODE;
	peer->rank = RAFT_NO_RANK;
	if (peer_id == raft->config.node_id)
		return;

	/*
	 * Left out: for display (what it told of itself), for the length of
	 * timers (durations, ranks), for the choice of a successor
	 * (acknowledgements; the explorer chooses), for whom to ask again
	 * (refusals: all that were asked once can be asked, and a candidacy may
	 * end at any moment).
	 */
	peer->session = old.session;
	peer->priority = 100;
	peer->standing = RAFT_MEMBER;

	/* What it reported matters until this node is a member. */
	if (raft->wanted.standing != RAFT_MEMBER && old.reported)
	{
		peer->reported = true;
		peer->reported_standing = old.reported_standing;
		peer->reported_term = old.reported_term;
	}
}

/* Of what was ever sent, only how long ago: a round for each step of age. */
static void
normalise_leader(RaftNode *raft, const ExploreBounds *bounds)
{
	uint64_t	promise = raft_promise_ns(&raft->config.timings);
	int			age;
	int32_t		i;

	memset(raft->sent_ns, 0, sizeof(raft->sent_ns));
	raft->round = 0;
	if (raft->role != RAFT_LEADER)
	{
		raft->elected_ns = 0;
		raft->lease_end_ns = 0;
		raft->lease_ended = false;
		memset(raft->expiry_ns, 0, sizeof(raft->expiry_ns));
		return;
	}
	raft->round = EXPLORE_NEWEST_ROUND;
	for (age = 0; age <= bounds->promise_steps && age < EXPLORE_NEWEST_ROUND; age++)
		raft->sent_ns[EXPLORE_NEWEST_ROUND - age] = EXPLORE_NOW_NS - (uint64_t) age * EXPLORE_STEP_NS;

	/*
	 * With a lease, or once it should have begun, the election's time is
	 * over.
	 */
	if (raft->lease_end_ns != 0)
		raft->elected_ns = 0;
	else if (raft->elected_ns + promise < EXPLORE_NOW_NS)
		raft->elected_ns = EXPLORE_NOW_NS - promise;

	/* What has run out has run out. */
	if (raft->lease_end_ns != 0 && raft->lease_end_ns < EXPLORE_NOW_NS)
		raft->lease_end_ns = EXPLORE_NOW_NS;
	for (i = 0; i < raft->config.node_count; i++)
	{
		if (raft->expiry_ns[i] <= EXPLORE_NOW_NS)
			raft->expiry_ns[i] = 0;
	}
}

static void
normalise_voter(ExploreNode *node, const ExploreBounds *bounds)
{
	RaftNode   *raft = node->raft;

	/*
	 * Where promises do not bind, silence does not either: both are taken for
	 * over at any moment.
	 */
	if (!bounds->promises_bind)
	{
		raft->silent = false;
		if (raft->promise_until_ns > EXPLORE_NOW_NS)
			raft->promise_until_ns = EXPLORE_NOW_NS;
		node->promised_to = RAFT_NO_NODE;
	}

	/* Every entry begins with ending what is over. */
	if (raft->silent_until_ns <= EXPLORE_NOW_NS)
		raft->silent = false;
	if (!raft->silent)
		raft->silent_until_ns = 0;
	else if (raft->wanted.standing == RAFT_AMNESIAC)
		raft->silent_until_ns = EXPLORE_NOW_NS + RAFT_MAX_PROMISE_NS;

	/*
	 * A promise that is over, to somebody who is not followed any more, is
	 * none.
	 */
	if (raft->promise_leader != RAFT_NO_NODE &&
		raft->promise_until_ns <= EXPLORE_NOW_NS)
	{
		raft->promise_until_ns = EXPLORE_NOW_NS;
		if (raft->leader_id != raft->promise_leader ||
			raft->leader_term != raft->promise_term)
			raft->promise_leader = RAFT_NO_NODE;
	}
	if (raft->promise_leader == RAFT_NO_NODE)
		raft->promise_term = raft->promise_until_ns = 0;

	/* All promises are of one length. */
	raft->promise_lower_ns = EXPLORE_NOW_NS;

	if (node->promised_to == RAFT_NO_NODE ||
		node->promised_until_ns <= EXPLORE_NOW_NS)
	{
		node->promised_to = RAFT_NO_NODE;
		node->promised_term = node->promised_until_ns = 0;
	}
}

/*
 * What may be forgotten, set to a constant.  The node is drained.
 */
void
state_normalise(ExploreNode *node, const ExploreBounds *bounds)
{
	RaftNode   *raft = node->raft;
	int32_t		i;

	assert(!raft->persist_pending && raft->outbox_count == 0 &&
		   raft->events_count == 0);

	normalise_record(&node->disk, bounds);
	normalise_record(&raft->durable, bounds);
	normalise_record(&raft->wanted, bounds);
	if (node->cell_end_ns <= EXPLORE_NOW_NS)
		node->cell_term = node->cell_end_ns = 0;

	raft->now_ns = EXPLORE_NOW_NS;
	raft->draw = raft->draws = 0;
	raft->generation_loaded = raft->generation_used = 1;
	raft->generation_reported = 0;

	/* For display only. */
	raft->role_reason = RAFT_REASON_NONE;
	raft->since_ns = 0;
	raft->draining = false;
	memset(&raft->counters, 0, sizeof(raft->counters));
	if (raft->wanted.standing != RAFT_MEMBER || raft->storage_failed)
	{
		raft->leader_id = RAFT_NO_NODE;
		raft->leader_term = 0;
	}

	/* For forget-state only, which is no action here. */
	raft->max_known_term = raft->wanted.term;

	/* Timers, which the explorer fires, and what sets their length. */
	raft->election_deadline_ns = raft->round_deadline_ns = raft->resend_ns = FAR_NS;
	raft->heartbeat_ns = raft->resign_ns = FAR_NS;
	raft->probe_ns = raft->query_ns = FAR_NS;
	raft->storage_retry_ns = raft->storage_failed ? FAR_NS : 0;
	raft->failed_rounds = raft->holds = 0;
	raft->storage_ns = 0;
	raft->rank = RAFT_NO_RANK;
	raft->rank_epoch = 0;
	raft->rank_delay_ns = 0;
	raft->unfit_until_ns = 0;

	/*
	 * An amnesiac has to wait for a minute.  Without time: for a moment; with
	 * time: for ever.
	 */
	raft->start_ns = bounds->promise_steps == 0 ?
		EXPLORE_NOW_NS - RAFT_MAX_PROMISE_NS : EXPLORE_NOW_NS;

	/*
	 * A repeated resignation is the same message, so it only matters if the
	 * addressee has restarted; and then it may be repeated at any time.
	 */
	if (bounds->budget[EXPLORE_RESTARTS] == 0 && bounds->budget[EXPLORE_LOSSES] == 0)
		raft->resigns_left = 0;
	if (raft->resigns_left > 0)
		raft->resigns_left = 1;
	else
	{
		raft->resign_term = 0;
		raft->resign_successor = RAFT_NO_NODE;
	}

	if (raft->role == RAFT_PRE_CANDIDATE)
		raft->nonce = state_nonce(true, raft->config.session, raft->wanted.term + 1);
	else if (raft->role == RAFT_CANDIDATE)
		raft->nonce = state_nonce(false, raft->config.session, raft->wanted.term);
	else
		raft->nonce = 0;

	normalise_leader(raft, bounds);
	normalise_voter(node, bounds);
	for (i = 0; i < raft->config.node_count; i++)
		normalise_peer(raft, i);
	for (; i < RAFT_MAX_NODES; i++)
	{
		memset(&raft->peers[i], 0, sizeof(RaftPeer));
		raft->expiry_ns[i] = 0;
	}
}

/* ----------
 * Renaming
 * ----------
 */

static void
rename_id(int32_t *id, const ExploreRenaming *renaming)
{
	if (*id >= 0)
		*id = renaming->to[*id];
}

void
state_rename(ExploreNode *node, const ExploreRenaming *renaming)
{
	RaftNode   *raft = node->raft;
	RaftPeer	peers[EXPLORE_MAX_NODES];
	uint64_t	expiry_ns[EXPLORE_MAX_NODES];
	QuorumSet	granted_by = raft->granted_by;
	int32_t		i;

	rename_id(&node->node_id, renaming);
	rename_id(&node->disk.vote, renaming);
	rename_id(&node->promised_to, renaming);
	rename_id(&raft->config.node_id, renaming);
	rename_id(&raft->durable.vote, renaming);
	rename_id(&raft->wanted.vote, renaming);
	rename_id(&raft->leader_id, renaming);
	rename_id(&raft->promise_leader, renaming);
	rename_id(&raft->released_leader, renaming);
	rename_id(&raft->resign_successor, renaming);
	raft->config.session = state_rename_label(raft->config.session, renaming);
	raft->nonce = state_rename_label(raft->nonce, renaming);

	memcpy(peers, raft->peers, sizeof(peers));
	memcpy(expiry_ns, raft->expiry_ns, sizeof(expiry_ns));
	quorum_set_clear(&raft->granted_by);
	for (i = 0; i < raft->config.node_count; i++)
	{
		int32_t		to = renaming->to[i];

		peers[i].session = state_rename_label(peers[i].session, renaming);
		raft->peers[to] = peers[i];
		raft->expiry_ns[to] = expiry_ns[i];
		if (quorum_set_has(&granted_by, i))
			quorum_set_add(&raft->granted_by, to);
	}
}

/* ----------
 * What the explorer does to a node
 * ----------
 */

static void
move_back(uint64_t *time_ns, uint64_t duration_ns)
{
	if (*time_ns != 0)
		*time_ns -= duration_ns;
}

/* All that is due at some time is due so much sooner. */
void
state_pass_time(ExploreNode *node, uint64_t duration_ns)
{
	RaftNode   *raft = node->raft;
	int32_t		i;

	move_back(&node->cell_end_ns, duration_ns);
	move_back(&node->promised_until_ns, duration_ns);
	move_back(&raft->silent_until_ns, duration_ns);
	move_back(&raft->promise_until_ns, duration_ns);
	move_back(&raft->elected_ns, duration_ns);
	move_back(&raft->lease_end_ns, duration_ns);
	for (i = 0; i < raft->config.node_count; i++)
		move_back(&raft->expiry_ns[i], duration_ns);
}

void
state_fire(ExploreNode *node, ExploreTimer timer)
{
	RaftNode   *raft = node->raft;
	uint64_t   *timers[] = {
		[EXPLORE_TIMER_ELECTION] = &raft->election_deadline_ns,
		[EXPLORE_TIMER_ROUND] = &raft->round_deadline_ns,
		[EXPLORE_TIMER_RESEND] = &raft->resend_ns,
		[EXPLORE_TIMER_HEARTBEAT] = &raft->heartbeat_ns,
		[EXPLORE_TIMER_RESIGN] = &raft->resign_ns,
		[EXPLORE_TIMER_QUERY] = &raft->query_ns,
		[EXPLORE_TIMER_PROBE] = &raft->probe_ns,
		[EXPLORE_TIMER_STORAGE] = &raft->storage_retry_ns,
	};

	/* Entries since the last canonical form may have armed others. */
	raft->election_deadline_ns = raft->round_deadline_ns = raft->resend_ns = FAR_NS;
	raft->heartbeat_ns = raft->resign_ns = FAR_NS;
	raft->probe_ns = raft->query_ns = FAR_NS;
	if (timer != EXPLORE_TIMER_NONE)
		*timers[timer] = EXPLORE_NOW_NS;
}

/* As if that peer had just acknowledged a round. */
void
state_make_fit(ExploreNode *node, int32_t peer_id)
{
	node->raft->peers[peer_id].acknowledged_ns = EXPLORE_NOW_NS;
}

void
state_get_sessions(const ExploreNode *node, uint64_t *sessions)
{
	int32_t		i;

	for (i = 0; i < EXPLORE_MAX_NODES; i++)
		sessions[i] = node->raft->peers[i].session;
}

void
state_set_sessions(ExploreNode *node, const uint64_t *sessions)
{
	int32_t		i;

	for (i = 0; i < node->raft->config.node_count; i++)
		node->raft->peers[i].session = i == node->raft->config.node_id ? 0 : sessions[i];
}

void
state_summarise(const ExploreNode *node, ExploreSummary *summary)
{
	const RaftNode *raft = node->raft;
	int32_t		i;

	memset(summary, 0, sizeof(ExploreSummary));
	summary->node_id = node->node_id;
	summary->incarnation = node->incarnation;
	summary->role = raft->role;
	summary->standing = raft->wanted.standing;
	summary->term = raft->wanted.term;
	summary->vote = raft->wanted.vote;
	summary->storage_failed = raft->storage_failed;
	summary->resigns_again = raft->resigns_left > 0;
	summary->lease_ended = raft->lease_ended;
	summary->leader_id = raft->leader_id;
	summary->promise_leader = raft->promise_leader;
	summary->promise_term = raft->promise_term;
	summary->released_leader = raft->released_leader;
	summary->released_term = raft->released_term;
	for (i = 0; i < raft->config.node_count; i++)
		summary->peer_incarnation[i] = state_session_incarnation(raft->peers[i].session);
	summary->cell_term = node->cell_term;
	summary->cell_end_ns = node->cell_end_ns;
	summary->promised_to = node->promised_to;
	summary->promised_term = node->promised_term;
	summary->promised_until_ns = node->promised_until_ns;
}
