/*-------------------------------------------------------------------------
 *
 * stage.c
 *		What a story happens on: some nodes, the messages under way between
 *		them, and virtual time.
 *
 *-------------------------------------------------------------------------
 */
#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PPM					INT64_C(1000000)

/* So many events without time passing: something goes round in circles. */
#define MAX_EVENTS_AT_ONCE	20000

void
stage_break(Stage *stage, const char *format,...)
{
	va_list		arguments;

	if (stage->broken[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(stage->broken, sizeof(stage->broken), format, arguments);
	va_end(arguments);
}

/* ----------
 * Clocks
 *
 * Each node's clock begins somewhere else, so that a time of one which is
 * compared with a time of another does not go unnoticed.
 * ----------
 */

uint64_t
stage_local_ns(const Stage *stage, int32_t id, uint64_t real_ns)
{
	int64_t		elapsed = (int64_t) real_ns;

	elapsed += elapsed / PPM * stage->nodes[id].clock_ppm +
		elapsed % PPM * stage->nodes[id].clock_ppm / PPM;
	return CORE_START_NS * (uint64_t) (id + 1) + (uint64_t) elapsed;
}

/* The first real time at which the node's clock shows that or more. */
uint64_t
stage_real_ns(const Stage *stage, int32_t id, uint64_t local_ns)
{
	uint64_t	start = CORE_START_NS * (uint64_t) (id + 1);
	uint64_t	low = 0;
	uint64_t	high;

	if (local_ns <= start)
		return 0;
	high = 2 * (local_ns - start);
	while (low < high)
	{
		uint64_t	middle = low + (high - low) / 2;

		if (stage_local_ns(stage, id, middle) < local_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
stage_has_lease(const Stage *stage, int32_t id)
{
	const StageNode *node = &stage->nodes[id];

	/* Also of a node that is down: its backends may outlive its ticker. */
	return node->core.cell_term > node->revoked_term &&
		node->core.cell_end_ns > stage_local_ns(stage, id, stage->now_ns);
}

/* ----------
 * Messages under way
 * ----------
 */

static bool
rule_concerns(const StageRule *rule, const RaftMessage *message)
{
	return rule->active && stage_matches(message, rule->types, &rule->route);
}

static void
send_message(Stage *stage, const RaftMessage *message, uint64_t leaves_ns)
{
	StagePacket *packet;
	bool		lost = false;
	bool		held = false;
	int			i;

	for (i = 0; i < stage->rule_count; i++)
	{
		StageRule  *rule = &stage->rules[i];

		if (!rule_concerns(rule, message))
			continue;
		rule->caught = true;
		if (rule->loses)
			lost = true;
		else
			held = true;
	}
	if (lost)
		return;
	if (stage->packet_count == STAGE_MAX_PACKETS)
	{
		stage_break(stage, "more than %d messages are under way",
					STAGE_MAX_PACKETS);
		return;
	}
	packet = &stage->packets[stage->packet_count++];
	packet->number = ++stage->packet_number;
	packet->leaves_ns = leaves_ns;
	packet->arrival_ns = leaves_ns + stage->delay_ns;
	packet->held = held;
	packet->message = *message;
}

static StagePacket
take_packet(Stage *stage, int place)
{
	StagePacket packet = stage->packets[place];

	stage->packet_count--;
	memmove(&stage->packets[place], &stage->packets[place + 1],
			(size_t) (stage->packet_count - place) * sizeof(StagePacket));
	return packet;
}

bool
stage_matches(const RaftMessage *message, uint32_t types,
			  const StageRoute *route)
{
	return (types & STAGE_TYPE(message->type)) != 0 &&
		(route->to[message->from] >> message->to & 1) != 0;
}

int
stage_find(const Stage *stage, uint32_t types, const StageRoute *route,
		   bool held, int first)
{
	int			i;

	for (i = first; i < stage->packet_count; i++)
	{
		const StagePacket *packet = &stage->packets[i];

		if (packet->held == held && packet->leaves_ns <= stage->now_ns &&
			stage_matches(&packet->message, types, route))
			return i;
	}
	return -1;
}

void
stage_drop(Stage *stage, int place)
{
	(void) take_packet(stage, place);
}

bool
stage_duplicate(Stage *stage, int place)
{
	StagePacket *copy;

	if (stage->packet_count == STAGE_MAX_PACKETS)
		return false;
	copy = &stage->packets[stage->packet_count++];
	*copy = stage->packets[place];
	copy->number = ++stage->packet_number;
	copy->held = true;
	return true;
}

bool
stage_add_rule(Stage *stage, bool loses, uint32_t types,
			   const StageRoute *route, int line)
{
	StageRule  *rule;
	int			i;

	if (stage->rule_count == STAGE_MAX_RULES)
		return false;
	rule = &stage->rules[stage->rule_count++];
	rule->types = types;
	rule->route = *route;
	rule->loses = loses;
	rule->active = true;
	rule->caught = false;
	rule->line = line;

	/* What is held back already comes late, not never. */
	for (i = stage->packet_count - 1; i >= 0; i--)
	{
		StagePacket *packet = &stage->packets[i];

		if (packet->held || !rule_concerns(rule, &packet->message))
			continue;
		rule->caught = true;
		if (loses)
			stage_drop(stage, i);
		else
			packet->held = true;
	}
	return true;
}

/* The links that are left of the rule, if any, are still subject to it. */
void
stage_end_rules(Stage *stage, bool loses, uint32_t types,
				const StageRoute *route)
{
	int			i;

	for (i = 0; i < stage->rule_count; i++)
	{
		StageRule  *rule = &stage->rules[i];
		uint32_t	left = 0;
		int32_t		from;

		if (rule->loses != loses || (rule->types & ~types) != 0)
			continue;
		for (from = 0; from < stage->count; from++)
		{
			rule->route.to[from] &= ~route->to[from];
			left |= rule->route.to[from];
		}
		if (left == 0)
			rule->active = false;
	}
	for (i = 0; !loses && i < stage->packet_count; i++)
	{
		if (stage_matches(&stage->packets[i].message, types, route))
			stage->packets[i].held = false;
	}
}

/* ----------
 * Events of one node
 * ----------
 */

static void
set_clock(Stage *stage, StageNode *node)
{
	node->core.now_ns = stage_local_ns(stage, node->core.config.node_id,
									   stage->now_ns);
}

/* What follows each entry of a node. */
static void
finish_event(Stage *stage, StageNode *node)
{
	Core	   *core = &node->core;
	int32_t		id = core->config.node_id;
	uint64_t	leaves_ns = stage->now_ns;
	int			i;

	if (core->crashed)
		node->up = false;
	else if (core->now_ns > stage_local_ns(stage, id, stage->now_ns))
	{
		/* It waited for its disk. */
		node->busy_until_ns = stage_real_ns(stage, id, core->now_ns);
		leaves_ns = node->busy_until_ns;
	}

	/* Its leadership may have begun before what it says about that. */
	stage_check(stage);
	for (i = 0; i < core->sent_count; i++)
	{
		const RaftMessage *message = &core->sent[i];

		if (node->mute)
			continue;
		if (message->type == RAFT_MESSAGE_HEARTBEAT)
			node->heartbeats[message->to] = *message;
		stage_check_message(stage, message);
		send_message(stage, message, leaves_ns);
	}
}

/* Which sessions are believed: the rules of wire/session.h, in short. */
static bool
is_believed(Stage *stage, StageNode *node, RaftMessage *message)
{
	uint64_t   *accepted = &node->accepted[message->from];
	uint64_t   *challenge = &node->challenge[message->from];
	bool		echoes = message->to_session == node->core.config.session;

	if (echoes && message->from_session != *accepted &&
		(*accepted == 0 ||
		 (message->type == RAFT_MESSAGE_PROBE_REPLY &&
		  message->nonce == *challenge)))
	{
		*accepted = message->from_session;
		*challenge = ++stage->next_session;
	}
	message->stranger = !echoes || message->from_session != *accepted;
	message->challenge = *challenge;
	return !message->stranger || message->type == RAFT_MESSAGE_PROBE;
}

void
stage_deliver(Stage *stage, int place)
{
	StagePacket packet = take_packet(stage, place);
	StageNode  *node = &stage->nodes[packet.message.to];

	if (!node->up || !is_believed(stage, node, &packet.message))
		return;
	set_clock(stage, node);
	(void) core_receive(&node->core, &packet.message);
	finish_event(stage, node);
}

static void
tick(Stage *stage, int32_t id)
{
	StageNode  *node = &stage->nodes[id];

	set_clock(stage, node);
	core_tick(&node->core, node->core.now_ns);
	finish_event(stage, node);
}

static bool
is_awake(const Stage *stage, int32_t id)
{
	const StageNode *node = &stage->nodes[id];

	return node->up && !node->paused && node->busy_until_ns <= stage->now_ns;
}

/* ----------
 * Time
 * ----------
 */

/* When the node's timer is due, in real time; UINT64_MAX: never. */
static uint64_t
timer_ns(const Stage *stage, int32_t id)
{
	const StageNode *node = &stage->nodes[id];
	uint64_t	deadline;
	uint64_t	due;

	if (!node->up || node->paused)
		return UINT64_MAX;
	deadline = raft_next_deadline(node->core.raft);
	if (deadline == UINT64_MAX)
		return UINT64_MAX;
	due = stage_real_ns(stage, id, deadline);
	return due > node->busy_until_ns ? due : node->busy_until_ns;
}

/* When the message is received; UINT64_MAX: not without being told to. */
static uint64_t
reception_ns(const Stage *stage, const StagePacket *packet)
{
	const StageNode *node = &stage->nodes[packet->message.to];

	if (packet->held || (node->up && node->paused))
		return UINT64_MAX;
	if (node->up && node->busy_until_ns > packet->arrival_ns)
		return node->busy_until_ns;
	return packet->arrival_ns;
}

/* The next event up to that time.  False: there is none. */
static bool
step(Stage *stage, uint64_t limit_ns)
{
	uint64_t	earliest = UINT64_MAX;
	int			packet = -1;
	int32_t		timer = -1;
	int			i;

	for (i = 0; i < stage->packet_count; i++)
	{
		uint64_t	at_ns = reception_ns(stage, &stage->packets[i]);

		if (at_ns < earliest)
		{
			earliest = at_ns;
			packet = i;
		}
	}
	for (i = 0; i < stage->count; i++)
	{
		uint64_t	at_ns = timer_ns(stage, i);

		if (at_ns < earliest)
		{
			earliest = at_ns;
			timer = i;
		}
	}
	if (earliest == UINT64_MAX || earliest > limit_ns)
		return false;
	if (earliest > stage->now_ns)
		stage->now_ns = earliest;
	if (timer >= 0)
		tick(stage, timer);
	else
		stage_deliver(stage, packet);
	return true;
}

bool
stage_run(Stage *stage, uint64_t duration_ns, StageStop stop, void *argument)
{
	uint64_t	end_ns = stage->now_ns + duration_ns;
	uint64_t	at_ns = stage->now_ns;
	int			events = 0;

	while (stage->broken[0] == '\0')
	{
		if (stop != NULL && stop(stage, argument))
			return true;
		if (!step(stage, end_ns))
			break;
		events = stage->now_ns == at_ns ? events + 1 : 0;
		at_ns = stage->now_ns;
		if (events > MAX_EVENTS_AT_ONCE)
			stage_break(stage, "time does not pass any more");
	}
	if (stage->now_ns < end_ns && stage->broken[0] == '\0')
	{
		stage->now_ns = end_ns;
		stage_check(stage);
	}
	return stop != NULL && stop(stage, argument);
}

/* Deliver the oldest message that can be; false: there is none. */
static bool
deliver_oldest(Stage *stage)
{
	int			i;

	for (i = 0; i < stage->packet_count; i++)
	{
		const StagePacket *packet = &stage->packets[i];
		int32_t		to = packet->message.to;

		if (packet->held || packet->leaves_ns > stage->now_ns ||
			(stage->nodes[to].up && !is_awake(stage, to)))
			continue;
		stage_deliver(stage, i);
		return true;
	}
	return false;
}

void
stage_settle(Stage *stage, bool with_timers)
{
	int			events = 0;
	int32_t		id = 0;

	while (stage->broken[0] == '\0')
	{
		if (++events > MAX_EVENTS_AT_ONCE)
			stage_break(stage, "messages go round in circles");
		else if (deliver_oldest(stage))
			id = 0;
		else if (!with_timers || id == stage->count)
			return;
		else if (timer_ns(stage, id) <= stage->now_ns)
		{
			tick(stage, id);
			id = 0;
		}
		else
			id++;
	}
}

bool
stage_time_out(Stage *stage, int32_t id)
{
	uint64_t	limit_ns = stage->now_ns + SECONDS(60);

	while (stage->broken[0] == '\0')
	{
		RaftRole	role = core_view(&stage->nodes[id].core).role;
		uint64_t	at_ns = timer_ns(stage, id);

		if (at_ns > limit_ns)
			return false;
		if (at_ns > stage->now_ns)
			stage->now_ns = at_ns;
		tick(stage, id);
		if (!stage->nodes[id].up)
			return true;
		if (role == RAFT_FOLLOWER &&
			core_view(&stage->nodes[id].core).role != RAFT_FOLLOWER)
			return true;
	}
	return true;
}

/* ----------
 * Life
 * ----------
 */

static RaftPositionOrder
compare_positions(const RaftPosition *one, const RaftPosition *other)
{
	int			order = memcmp(one->bytes, other->bytes, sizeof(one->bytes));

	if (order == 0)
		return RAFT_POSITION_EQUAL;
	return order > 0 ? RAFT_POSITION_AHEAD : RAFT_POSITION_BEHIND;
}

static void
boot(Stage *stage, int32_t id, bool confirmed)
{
	StageNode  *node = &stage->nodes[id];
	int32_t		i;

	for (i = 0; i < stage->count; i++)
	{
		node->accepted[i] = 0;
		node->challenge[i] = ++stage->next_session;
	}
	memset(node->heartbeats, 0, sizeof(node->heartbeats));
	node->core.config.session = ++stage->next_session;
	node->up = true;
	node->paused = false;
	node->mute = false;
	node->busy_until_ns = 0;
	set_clock(stage, node);
	core_boot(&node->core, confirmed);
	node->known = node->core.disk;
	finish_event(stage, node);
}

static void
create(Stage *stage, int32_t count, RaftStanding standing,
	   const uint64_t *terms)
{
	int32_t		i;

	for (i = 0; i < count; i++)
	{
		StageNode  *node = &stage->nodes[i];

		core_init(&node->core, i, count,
				  core_record(standing, terms == NULL ? 0 : terms[i], 0));
		node->core.write_ns = 0;
		node->core.draw = UINT64_C(1000003) * (uint64_t) (i + 1);
		node->core.config.position_mode = stage->position_mode;
		node->core.config.compare_positions = compare_positions;
		node->known = node->core.disk;
	}
	stage->count = count;
	for (i = 0; i < count; i++)
		boot(stage, i, true);
}

void
stage_start_members(Stage *stage, int32_t count, const uint64_t *terms)
{
	create(stage, count, RAFT_MEMBER, terms);
	stage_settle(stage, true);
}

void
stage_start_new(Stage *stage, int32_t count)
{
	create(stage, count, RAFT_NEW, NULL);
}

void
stage_close(Stage *stage)
{
	int32_t		i;

	for (i = 0; i < stage->count; i++)
		core_free(&stage->nodes[i].core);
	stage->count = 0;
}

void
stage_crash(Stage *stage, int32_t id)
{
	stage->nodes[id].up = false;
	stage->nodes[id].core.crash = CORE_NO_CRASH;
	stage->nodes[id].core.crashed = true;
}

void
stage_restart(Stage *stage, int32_t id)
{
	boot(stage, id, true);
}

void
stage_restart_with(Stage *stage, int32_t id, RaftDurable record,
				   bool confirmed)
{
	stage->nodes[id].core.disk = record;
	boot(stage, id, confirmed);
}

/* ----------
 * Control
 * ----------
 */

RaftResult
stage_step_down(Stage *stage, int32_t id, RaftReason reason)
{
	StageNode  *node = &stage->nodes[id];
	RaftResult	result;

	set_clock(stage, node);
	result = core_step_down(&node->core, reason);
	finish_event(stage, node);
	return result;
}

RaftResult
stage_forget_state(Stage *stage, int32_t id)
{
	StageNode  *node = &stage->nodes[id];
	RaftResult	result;

	set_clock(stage, node);
	result = core_forget_state(&node->core);
	finish_event(stage, node);
	return result;
}

RaftResult
stage_reconfigure(Stage *stage, int32_t id, const RaftTimings *timings)
{
	StageNode  *node = &stage->nodes[id];
	RaftResult	result;

	set_clock(stage, node);
	result = core_reconfigure(&node->core, timings);
	finish_event(stage, node);
	return result;
}

/* These two make nothing durable, so the tick after them drains the node. */
RaftResult
stage_transfer(Stage *stage, int32_t id, int32_t successor)
{
	StageNode  *node = &stage->nodes[id];
	RaftResult	result;

	set_clock(stage, node);
	result = raft_transfer(node->core.raft, successor, node->core.now_ns,
						   node->core.draw++);
	tick(stage, id);
	return result;
}

RaftResult
stage_set_position(Stage *stage, int32_t id, uint64_t number)
{
	StageNode  *node = &stage->nodes[id];
	RaftPosition position = {{0}};
	RaftResult	result;
	int			i;

	for (i = 0; i < 8; i++)
		position.bytes[i] = (uint8_t) (number >> (56 - 8 * i));
	set_clock(stage, node);
	result = raft_set_position(node->core.raft, &position, node->core.now_ns,
							   node->core.draw++);
	tick(stage, id);
	return result;
}

/*
 * The sender is told to end: it revokes the lease, tells all that the leader
 * has resigned, and is gone.  The ticker goes on for a while.
 */
bool
stage_last_words(Stage *stage, int32_t id)
{
	StageNode  *node = &stage->nodes[id];
	uint64_t	term = 0;
	int32_t		i;

	for (i = 0; i < stage->count; i++)
	{
		if (node->heartbeats[i].subject_term > term)
			term = node->heartbeats[i].subject_term;
	}
	if (term == 0)
		return false;
	if (node->revoked_term < term)
		node->revoked_term = term;
	node->mute = true;
	for (i = 0; i < stage->count; i++)
	{
		RaftMessage resign = node->heartbeats[i];

		if (resign.subject_term != term)
			continue;
		resign.type = RAFT_MESSAGE_RESIGN;
		resign.role = RAFT_FOLLOWER;
		resign.round = 0;
		resign.promise_ns = 0;
		resign.rank = RAFT_NO_RANK;
		resign.rank_epoch = 0;
		resign.rank_delay_ns = 0;
		resign.known_leader = RAFT_NO_NODE;
		resign.known_leader_term = 0;
		resign.flags = 0;
		stage_check_message(stage, &resign);
		send_message(stage, &resign, stage->now_ns);
	}
	stage_check(stage);
	return true;
}
