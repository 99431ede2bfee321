/*-------------------------------------------------------------------------
 *
 * raft.c
 *		The node's life: start, dispatch of messages, time, and the handshake
 *		with the caller about durable state.
 *
 * Order within each entry: time moves (never back), what has expired is
 * dropped, and only then is the message or the timer looked at.  A lease that
 * has run out must be gone before an acknowledgement that waited in a queue
 * can extend it.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#include <string.h>

#define PPM UINT64_C(1000000)

/* Clock granularity that a leader allows for, beside the drift. */
#define CLOCK_GRANULARITY_NS	UINT64_C(1000)

#define TIMEOUT_LIMIT_NS		(UINT64_C(3600000) * RAFT_NS_PER_MS)
#define MAX_DRIFT_PPM			200000
#define MAX_PRIORITY			1000

size_t
raft_node_size(void)
{
	return sizeof(RaftNode);
}

/* ----------
 * Settings
 * ----------
 */

const char *
raft_check_timings(const RaftTimings *timings)
{
	if (timings->heartbeat_interval_ns < RAFT_NS_PER_MS)
		return "heartbeat_interval must be at least one millisecond";
	if (timings->election_timeout_max_ns > TIMEOUT_LIMIT_NS ||
		timings->election_timeout_min_ns > TIMEOUT_LIMIT_NS)
		return "election timeouts must not exceed one hour";
	if (timings->election_timeout_max_ns <= timings->election_timeout_min_ns)
		return "election_timeout_max must be greater than election_timeout_min";
	if (timings->election_timeout_min_ns / RAFT_MIN_HEARTBEATS_PER_TIMEOUT <
		timings->heartbeat_interval_ns)
		return "election_timeout_min must be at least five times heartbeat_interval";
	if (raft_promise_ns(timings) > RAFT_MAX_PROMISE_NS)
		return "election_timeout_min less 1.5 times heartbeat_interval must not exceed 60 seconds";
	if (timings->max_clock_drift_ppm > MAX_DRIFT_PPM)
		return "max_clock_drift must not exceed 200000 ppm";
	if (timings->priority < 0 || timings->priority > MAX_PRIORITY)
		return "priority must be between 0 and 1000";
	return NULL;
}

/*
 * Shorter than the election timeout, so that voters which heard one heartbeat
 * more than the candidate need not be waited for.
 */
uint64_t
raft_promise_ns(const RaftTimings *timings)
{
	return timings->election_timeout_min_ns -
		timings->heartbeat_interval_ns * 3 / 2;
}

/*
 * The voter's clock may run fast and the leader's slow, each by the bound:
 * (1 - drift) / (1 + drift) of the promise is safe to use.
 */
uint64_t
raft_usable_promise_ns(uint64_t promise_ns, uint32_t max_clock_drift_ppm)
{
	uint64_t	usable;

	if (promise_ns > RAFT_MAX_PROMISE_NS)
		promise_ns = RAFT_MAX_PROMISE_NS;
	usable = promise_ns * (PPM - max_clock_drift_ppm) / (PPM + max_clock_drift_ppm);
	return usable > CLOCK_GRANULARITY_NS ? usable - CLOCK_GRANULARITY_NS : 0;
}

/* What was measured of a peer that has gone says nothing now. */
static bool
is_recent(const RaftNode *node, const RaftPeer *peer)
{
	return peer->last_heard_ns + 3 * RAFT_PROBE_INTERVAL_NS >= node->now_ns;
}

uint64_t
raft_round_trip_ns(const RaftNode *node)
{
	uint64_t	greatest = 0;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (is_recent(node, peer) && peer->round_trip_ns > greatest)
			greatest = peer->round_trip_ns;
	}
	return greatest;
}

uint64_t
raft_delta_cap_ns(const RaftNode *node)
{
	return node->config.timings.election_timeout_min_ns / 100 * 15;
}

/*
 * In one step a candidate should get through: three round trips, and a write
 * on both sides.  Means would be too short for half of the cases; mean
 * deviations stand in for a high percentile, as in TCP (RFC 6298).
 */
uint64_t
raft_delta_ns(const RaftNode *node)
{
	uint64_t	round_trip = 0;
	uint64_t	storage = node->storage_ns;
	uint64_t	cap = raft_delta_cap_ns(node);
	uint64_t	delta;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];
		uint64_t	high = peer->round_trip_ns + 2 * peer->round_trip_deviation_ns;

		if (!is_recent(node, peer))
			continue;
		if (high > round_trip)
			round_trip = high;
		if (peer->storage_ns > storage)
			storage = peer->storage_ns;
	}
	if (round_trip > cap || storage > cap)
		return cap;
	delta = 3 * round_trip + 2 * storage;
	if (delta < RAFT_DELTA_MIN_NS)
		delta = RAFT_DELTA_MIN_NS;
	return delta < cap ? delta : cap;
}

uint64_t
raft_resend_interval_ns(const RaftNode *node)
{
	uint64_t	interval = 2 * raft_round_trip_ns(node);
	uint64_t	cap = node->config.timings.election_timeout_min_ns / 10;

	if (interval < RAFT_RESEND_MIN_NS)
		interval = RAFT_RESEND_MIN_NS;
	return interval < cap ? interval : cap;
}

/* ----------
 * Time and chance
 * ----------
 */

static void
begin_entry(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (now_ns < node->now_ns)
		node->counters.clock_went_back++;
	else
		node->now_ns = now_ns;
	node->draw = draw;
	node->draws = 0;
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
 * Durable state
 * ----------
 */

bool
raft_takes_part(const RaftNode *node)
{
	return node->durable.standing == RAFT_MEMBER &&
		node->wanted.standing == RAFT_MEMBER &&
		!node->storage_failed;
}

void
raft_want(RaftNode *node)
{
	uint64_t	promise = raft_promise_ns(&node->config.timings);
	int32_t		i;

	/* What we have seen of others is written along, never by itself. */
	for (i = 0; i < node->config.node_count; i++)
		node->wanted.peer_generation[i] = node->peers[i].generation;

	/*
	 * The longest promise is raised before the first such promise is given,
	 * and lowered only when every longer one has run out.
	 */
	if (node->wanted.standing == RAFT_MEMBER)
	{
		if (node->wanted.max_promise_ns < promise ||
			node->now_ns >= node->promise_lower_ns)
			node->wanted.max_promise_ns = promise;
	}

	if (node->persist_pending)
		return;

	/*
	 * A failed write may have left its record behind, so its generation is
	 * never used again; nor is one that a peer has seen of a former state.
	 */
	if (node->generation_used < node->generation_reported)
		node->generation_used = node->generation_reported;
	node->wanted.generation = ++node->generation_used;
	node->persist_pending = true;
}

bool
raft_ready(const RaftNode *node, RaftDurable *durable)
{
	if (!node->persist_pending)
		return false;
	*durable = node->wanted;
	return true;
}

static void
expire(RaftNode *node)
{
	lease_expire(node);
	election_expire(node);
}

void
raft_persisted(RaftNode *node, uint64_t now_ns, uint64_t storage_ns,
			   uint64_t draw)
{
	RaftEvent	event = {0};
	RaftStanding old_standing = node->durable.standing;

	if (!node->persist_pending)
		return;

	begin_entry(node, now_ns, draw);
	node->persist_pending = false;
	node->durable = node->wanted;
	if (node->storage_ns == 0)
		node->storage_ns = storage_ns;
	else
		node->storage_ns = (node->storage_ns * 7 + storage_ns) / 8;
	if (node->storage_failed)
	{
		node->storage_failed = false;
		event.type = RAFT_EVENT_STORAGE_BACK;
		outbox_event(node, &event);
		raft_set_leader(node, RAFT_NO_NODE, 0, RAFT_REASON_START);
		election_arm(node);
	}
	if (node->durable.standing != old_standing)
	{
		if (node->durable.standing == RAFT_MEMBER)
		{
			node->amnesia = RAFT_AMNESIA_NONE;
			node->forget_at_ns = 0;
			node->generation_loaded = node->durable.generation;
		}
		event.type = RAFT_EVENT_STANDING;
		event.amnesia = node->amnesia;
		outbox_event(node, &event);
		if (node->durable.standing == RAFT_MEMBER)
			election_arm_first(node);
	}

	/*
	 * Before what has expired, as this is no message that waited: a node that
	 * is alone must be electable however slow its disk is.
	 */
	election_own_vote_durable(node);
	expire(node);
	membership_advance(node);
}

void
raft_persist_failed(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	RaftEvent	event = {0};

	if (!node->persist_pending)
		return;

	begin_entry(node, now_ns, draw);
	node->counters.persist_failures++;

	/* What was to be told rests on what is not on disk: forget both. */
	node->persist_pending = false;
	node->wanted = node->durable;
	node->outbox_count = 0;

	/* But a lost state is lost, and told so, also while that is unwritten. */
	if (node->amnesia != RAFT_AMNESIA_NONE)
		membership_mark_lost(node);
	node->storage_retry_ns = node->now_ns +
		node->config.timings.election_timeout_min_ns;
	if (!node->storage_failed)
	{
		node->storage_failed = true;
		event.type = RAFT_EVENT_STORAGE_FAILED;
		outbox_event(node, &event);
	}

	node->unfit_until_ns = node->now_ns + raft_unfit_ns(node);
	if (node->role == RAFT_LEADER)
		handover_resign(node, succession_first(node), RAFT_REASON_STORAGE);
	else if (node->role != RAFT_FOLLOWER)
		election_become_follower(node, RAFT_REASON_STORAGE);
}

/* For how long a node ranks last that could not do what a leader must. */
uint64_t
raft_unfit_ns(const RaftNode *node)
{
	return 10 * node->config.timings.election_timeout_max_ns;
}

static void
retry_storage(RaftNode *node)
{
	if (!node->storage_failed || node->now_ns < node->storage_retry_ns)
		return;
	raft_want(node);
}

/*
 * After a reload that made promises shorter: left as it is, the long one
 * would silence this node after its next restart.
 */
static uint64_t
lower_promise_deadline(const RaftNode *node)
{
	if (!raft_takes_part(node) ||
		node->wanted.max_promise_ns <= raft_promise_ns(&node->config.timings))
		return UINT64_MAX;
	return node->promise_lower_ns;
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
 * Entries
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
	begin_entry(node, now_ns, draw);
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
		raft_want(node);
	membership_advance(node);
	return RAFT_OK;
}

/* Messages that are about a term, which somebody has entered or proposes. */
static bool
is_about_a_term(RaftMessageType type)
{
	switch (type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
		case RAFT_MESSAGE_VOTE:
		case RAFT_MESSAGE_VOTE_REPLY:
		case RAFT_MESSAGE_HEARTBEAT:
		case RAFT_MESSAGE_HEARTBEAT_ACK:
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			return true;
		case RAFT_MESSAGE_PROBE:
		case RAFT_MESSAGE_PROBE_REPLY:
		case RAFT_MESSAGE_TERM_QUERY:
		case RAFT_MESSAGE_TERM_REPORT:
			break;
	}
	return false;
}

static bool
message_is_plausible(const RaftNode *node, const RaftMessage *message)
{
	uint64_t	limit = RAFT_TERM_LIMIT;

	if (message->from < 0 || message->from >= node->config.node_count ||
		message->from == node->config.node_id ||
		message->to != node->config.node_id ||
		message->from_session == 0 ||
		message->known_leader < RAFT_NO_NODE ||
		message->known_leader >= node->config.node_count)
		return false;

	/*
	 * A term far ahead of all is forged or damaged, and must not use up the
	 * space of terms.  An amnesiac has no term to compare with.
	 */
	if (node->wanted.standing == RAFT_MEMBER)
		limit = node->wanted.term + RAFT_TERM_JUMP_LIMIT;
	if (message->term >= RAFT_TERM_LIMIT || message->term > limit ||
		message->subject_term >= RAFT_TERM_LIMIT || message->subject_term > limit ||
		message->known_leader_term >= RAFT_TERM_LIMIT ||
		message->known_leader_term > limit ||
		message->generation_seen > node->generation_used + RAFT_TERM_JUMP_LIMIT ||
		message->former_generation_seen > node->generation_used + RAFT_TERM_JUMP_LIMIT)
		return false;

	/* Terms begin at 1: in 0, where nodes start, nobody campaigns or leads. */
	if (message->subject_term == 0 && is_about_a_term(message->type))
		return false;

	/* Only a PROBE speaks to a session that its sender does not know. */
	if (message->type == RAFT_MESSAGE_PROBE)
		return true;
	return !message->stranger && message->to_session == node->config.session;
}

/* Messages of the election rules proper; the node takes part. */
static void
dispatch_to_member(RaftNode *node, const RaftMessage *message)
{
	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			election_receive_pre_vote(node, message);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			election_receive_pre_vote_reply(node, message);
			break;
		case RAFT_MESSAGE_VOTE:
			election_receive_vote(node, message);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			election_receive_vote_reply(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			lease_receive_heartbeat_ack(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
			lease_receive_heartbeat_reject(node, message);
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
			handover_receive_timeout_now(node, message);
			break;
		case RAFT_MESSAGE_RESIGN:
			handover_receive_resign(node, message);
			break;
		default:
			break;
	}
}

/*
 * A member that cannot write its state takes no part, but tells candidates
 * why: election_receive_*vote() refuse with that reason.
 */
static bool
must_refuse(const RaftNode *node, const RaftMessage *message)
{
	return node->storage_failed &&
		node->durable.standing == RAFT_MEMBER &&
		node->wanted.standing == RAFT_MEMBER &&
		(message->type == RAFT_MESSAGE_PRE_VOTE ||
		 message->type == RAFT_MESSAGE_VOTE);
}

RaftResult
raft_receive(RaftNode *node, const RaftMessage *message, uint64_t now_ns,
			 uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	begin_entry(node, now_ns, draw);
	expire(node);

	if (!message_is_plausible(node, message))
	{
		node->counters.dropped++;
		return RAFT_DROPPED;
	}

	if (message->type == RAFT_MESSAGE_PROBE && message->stranger)
	{
		acquaintance_receive_probe(node, message);
		return RAFT_OK;
	}

	acquaintance_note_peer(node, message);
	membership_note_peer(node, message);
	if (node->persist_pending)
		return RAFT_OK;			/* it became amnesiac: nothing else counts */

	switch (message->type)
	{
		case RAFT_MESSAGE_PROBE:
			acquaintance_receive_probe(node, message);
			break;
		case RAFT_MESSAGE_PROBE_REPLY:
			acquaintance_receive_probe_reply(node, message);
			break;
		case RAFT_MESSAGE_TERM_QUERY:
			membership_receive_term_query(node, message);
			break;
		case RAFT_MESSAGE_TERM_REPORT:
			membership_receive_term_report(node, message);
			break;
		case RAFT_MESSAGE_HEARTBEAT:
			lease_receive_heartbeat(node, message);
			break;
		default:
			if (raft_takes_part(node) || must_refuse(node, message))
				dispatch_to_member(node, message);
			break;
	}
	return RAFT_OK;
}

RaftResult
raft_tick(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	begin_entry(node, now_ns, draw);
	expire(node);

	/*
	 * Once state waits to be made durable, the rest waits too; it is still
	 * due at the next tick.
	 */
	retry_storage(node);
	if (!node->persist_pending && node->now_ns >= lower_promise_deadline(node))
		raft_want(node);
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
		node->storage_failed ? node->storage_retry_ns : UINT64_MAX,
		lower_promise_deadline(node),
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

RaftResult
raft_step_down(RaftNode *node, RaftReason reason, uint64_t now_ns,
			   uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (reason != RAFT_REASON_STEP_DOWN && reason != RAFT_REASON_SHUTDOWN &&
		reason != RAFT_REASON_STORAGE)
		return RAFT_INVALID;

	begin_entry(node, now_ns, draw);
	expire(node);
	if (node->role != RAFT_LEADER)
		return RAFT_NOT_LEADER;
	if (reason == RAFT_REASON_STORAGE)
		node->unfit_until_ns = node->now_ns + raft_unfit_ns(node);
	handover_resign(node, succession_first(node), reason);
	return RAFT_OK;
}

RaftResult
raft_transfer(RaftNode *node, int32_t successor, uint64_t now_ns,
			  uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (successor < 0 || successor >= node->config.node_count ||
		successor == node->config.node_id)
		return RAFT_INVALID;

	begin_entry(node, now_ns, draw);
	expire(node);
	if (node->role != RAFT_LEADER)
		return RAFT_NOT_LEADER;
	if (!succession_is_fit(node, successor))
		return RAFT_NOT_FIT;
	handover_resign(node, successor, RAFT_REASON_TRANSFER);
	return RAFT_OK;
}

RaftResult
raft_set_position(RaftNode *node, const RaftPosition *position,
				  uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	begin_entry(node, now_ns, draw);
	expire(node);
	node->position = *position;
	return RAFT_OK;
}

RaftResult
raft_forget_state(RaftNode *node, uint64_t now_ns, uint64_t draw)
{
	if (node->persist_pending)
		return RAFT_NOT_DRAINED;

	begin_entry(node, now_ns, draw);
	expire(node);
	if (node->wanted.standing != RAFT_AMNESIAC)
		return RAFT_NOT_AMNESIAC;
	node->forget_at_ns = node->start_ns + RAFT_MAX_PROMISE_NS;
	return RAFT_OK;
}

RaftResult
raft_reconfigure(RaftNode *node, const RaftTimings *timings, uint64_t now_ns,
				 uint64_t draw)
{
	uint64_t	old_promise = raft_promise_ns(&node->config.timings);
	uint64_t	promise_over_ns;

	if (node->persist_pending)
		return RAFT_NOT_DRAINED;
	if (raft_check_timings(timings) != NULL)
		return RAFT_INVALID;

	begin_entry(node, now_ns, draw);
	expire(node);
	node->config.timings = *timings;

	/*
	 * Promises given keep their length; the durable figure may come down only
	 * when the last of them has run out.
	 */
	promise_over_ns = node->now_ns + old_promise;
	if (node->promise_lower_ns < promise_over_ns)
		node->promise_lower_ns = promise_over_ns;
	if (node->wanted.standing == RAFT_MEMBER &&
		node->wanted.max_promise_ns < raft_promise_ns(timings))
		raft_want(node);

	if (node->role == RAFT_LEADER &&
		node->heartbeat_ns > node->now_ns + timings->heartbeat_interval_ns)
		node->heartbeat_ns = node->now_ns + timings->heartbeat_interval_ns;

	/* Priority 0 never leads. */
	if (node->role == RAFT_LEADER && timings->priority == 0)
		handover_resign(node, succession_first(node), RAFT_REASON_STEP_DOWN);
	else if (node->role != RAFT_FOLLOWER && timings->priority == 0)
		election_become_follower(node, RAFT_REASON_STEP_DOWN);
	election_cap_deadline(node);
	return RAFT_OK;
}

/* ----------
 * Views
 * ----------
 */

void
raft_view(const RaftNode *node, RaftView *view)
{
	memset(view, 0, sizeof(RaftView));
	view->role = node->role;
	view->role_reason = node->role_reason;
	view->since_ns = node->since_ns;
	view->term = node->durable.term;
	view->vote = node->durable.vote;
	view->generation = node->durable.generation;
	view->max_promise_ns = node->durable.max_promise_ns;
	view->standing = node->durable.standing;
	view->amnesia = node->amnesia;
	view->leader_id = node->leader_id;
	view->leader_term = node->leader_term;
	acquaintance_rumour(node, &view->rumoured_leader_id,
						&view->rumoured_leader_term);
	if (lease_is_valid(node))
	{
		view->lease_term = node->durable.term;
		view->lease_end_ns = node->lease_end_ns;
	}
	view->silent = node->silent;
	view->silent_until_ns = node->silent_until_ns;
	view->draining = node->draining;
	view->storage_failed = node->storage_failed;
	view->forget_at_ns = node->forget_at_ns;
	view->quorum = quorum_size(node->config.node_count);
	view->granted_count = quorum_set_count(&node->granted_by);
	view->recover_at_ns = membership_recover_at_ns(node);
	view->rank = node->rank;
	view->rank_delay_ns = node->role == RAFT_FOLLOWER && node->rank != RAFT_NO_RANK ?
		node->rank_delay_ns : raft_delta_ns(node);
	view->successor = node->role == RAFT_LEADER ?
		succession_first(node) : RAFT_NO_NODE;
	view->timings = node->config.timings;
	view->promise_ns = raft_promise_ns(&node->config.timings);
	view->promised_to = RAFT_NO_NODE;
	if (node->promise_leader != RAFT_NO_NODE &&
		node->promise_until_ns > node->now_ns)
	{
		view->promised_to = node->promise_leader;
		view->promised_until_ns = node->promise_until_ns;
	}
}

bool
raft_peer_view(const RaftNode *node, int32_t peer_id, RaftPeerView *view)
{
	const RaftPeer *peer;

	if (peer_id < 0 || peer_id >= node->config.node_count)
		return false;
	peer = &node->peers[peer_id];
	memset(view, 0, sizeof(RaftPeerView));
	view->session = peer->session;
	view->last_heard_ns = peer->last_heard_ns;
	view->round_trip_ns = peer->round_trip_ns;
	view->last_round_trip_ns = peer->last_round_trip_ns;
	view->measured_ns = peer->measured_ns;
	view->term = peer->term;
	view->role = peer->role;
	view->standing = peer->standing;
	view->priority = peer->priority;
	view->known_leader = peer->known_leader;
	view->known_leader_term = peer->known_leader_term;
	view->silent = peer->silent;
	view->rank = RAFT_NO_RANK;
	if (node->role == RAFT_LEADER)
	{
		view->rank = peer->rank;
		view->acknowledged_ns = peer->acknowledged_ns;
		view->expiry_ns = node->expiry_ns[peer_id];
	}
	view->refusal = peer->refusal;
	view->granted = quorum_set_has(&node->granted_by, peer_id);
	view->generation = peer->generation;
	view->advertised_port = peer->advertised_port;
	view->awaited = membership_awaits(node, peer_id);
	return true;
}

const RaftCounters *
raft_counters(const RaftNode *node)
{
	return &node->counters;
}
