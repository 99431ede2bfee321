/*-------------------------------------------------------------------------
 *
 * core_fixture.c
 *		One node of the core under test: fed by the test, drained as raft.h
 *		demands, with a model disk.
 *
 *-------------------------------------------------------------------------
 */
#include "core_checks.h"

#include <stdlib.h>
#include <string.h>

RaftTimings
core_timings(void)
{
	RaftTimings timings = {0};

	timings.heartbeat_interval_ns = HEARTBEAT_NS;
	timings.election_timeout_min_ns = TIMEOUT_MIN_NS;
	timings.election_timeout_max_ns = TIMEOUT_MAX_NS;
	timings.max_clock_drift_ppm = 10000;
	timings.priority = 100;
	return timings;
}

RaftDurable
core_record(RaftStanding standing, uint64_t term, uint64_t max_promise_ns)
{
	RaftDurable record = {0};

	record.term = term;
	record.vote = RAFT_VOTE_NONE;
	record.max_promise_ns = max_promise_ns;
	record.generation = 1;
	record.standing = standing;
	return record;
}

/* ----------
 * The drain contract of raft.h
 * ----------
 */

/* Publish; while state waits to be made durable, only downwards. */
static void
publish(Core *core, bool only_down)
{
	RaftView	view = core_view(core);

	if (only_down)
	{
		if (view.lease_term == core->cell_term &&
			view.lease_end_ns >= core->cell_end_ns)
			return;
		if (view.lease_term != core->cell_term)
			view.lease_term = view.lease_end_ns = 0;
	}
	core->cell_term = view.lease_term;
	core->cell_end_ns = view.lease_end_ns;
}

static uint64_t
next_draw(Core *core)
{
	return core->draw++;
}

/* What an undrained node must refuse, whatever the input. */
static void
check_nothing_leaves(Core *core)
{
	RaftMessage message = core_message(core, RAFT_MESSAGE_PROBE,
									   core->config.node_id == 0 ? 1 : 0, 0);
	RaftPosition position = core_position(0, 0);

	assert_false(raft_next_message(core->raft, &message));
	assert_int_equal(raft_tick(core->raft, core->now_ns, 0), RAFT_NOT_DRAINED);
	assert_int_equal(raft_receive(core->raft, &message, core->now_ns, 0),
					 RAFT_NOT_DRAINED);
	assert_int_equal(raft_step_down(core->raft, RAFT_REASON_STEP_DOWN,
									core->now_ns, 0), RAFT_NOT_DRAINED);
	assert_int_equal(raft_transfer(core->raft, message.from, core->now_ns, 0),
					 RAFT_NOT_DRAINED);
	assert_int_equal(raft_set_position(core->raft, &position, core->now_ns, 0),
					 RAFT_NOT_DRAINED);
	assert_int_equal(raft_forget_state(core->raft, core->now_ns, 0),
					 RAFT_NOT_DRAINED);
	assert_int_equal(raft_reconfigure(core->raft, &core->config.timings,
									  core->now_ns, 0), RAFT_NOT_DRAINED);
	assert_true(raft_next_deadline(core->raft) <= core->now_ns);
}

/* Returns false if the node died on the way. */
static bool
make_durable(Core *core)
{
	RaftDurable record;

	while (raft_ready(core->raft, &record))
	{
		CoreCrash	crash = core->crash;

		check_nothing_leaves(core);
		core_check_invariants(core);
		publish(core, true);
		core->crash = CORE_NO_CRASH;
		if (crash == CORE_CRASH_BEFORE_WRITE)
			return false;
		core->now_ns += core->write_ns;
		if (core->failing_writes > 0)
		{
			core->failing_writes--;
			raft_persist_failed(core->raft, core->now_ns, next_draw(core));
		}
		else
		{
			core_check_record(core, &record);
			core->disk = record;
			core->write_count++;
			if (crash == CORE_CRASH_AFTER_WRITE)
				return false;
			raft_persisted(core->raft, core->now_ns, core->write_ns,
						   next_draw(core));
			if (crash == CORE_CRASH_BEFORE_SEND)
				return false;
		}
		core_check_invariants(core);
		publish(core, true);
	}
	return true;
}

static void
drain(Core *core)
{
	RaftMessage message;
	RaftEvent	event;

	core_check_invariants(core);
	publish(core, true);
	if (!make_durable(core))
	{
		core->crashed = true;
		return;
	}
	publish(core, false);
	while (raft_next_event(core->raft, &event))
	{
		assert_true(core->event_count < CORE_MAX_EVENTS);
		core->events[core->event_count++] = event;
	}
	while (raft_next_message(core->raft, &message))
	{
		core_check_message(core, &message);
		assert_true(core->sent_count < CORE_MAX_SENT);
		core->sent[core->sent_count++] = message;
		if (message.type == RAFT_MESSAGE_PRE_VOTE ||
			message.type == RAFT_MESSAGE_VOTE)
			core->request = message;
	}
}

static void
begin_call(Core *core)
{
	assert_false(core->crashed);
	core->entry_ns = core->now_ns;
	core->sent_count = 0;
	core->event_count = 0;
}

/* ----------
 * Life
 * ----------
 */

void
core_init(Core *core, int32_t node_id, int32_t node_count, RaftDurable record)
{
	memset(core, 0, sizeof(Core));
	core->raft = calloc(1, raft_node_size());
	assert_non_null(core->raft);
	core->config.node_id = node_id;
	core->config.node_count = node_count;
	core->config.session = CORE_SESSION;
	core->config.advertised_port = 5432;
	core->config.timings = core_timings();
	core->now_ns = CORE_START_NS;
	core->draw = 1;
	core->disk = record;
	core->write_ns = MS(1);
	core->promised_to = RAFT_NO_NODE;
}

void
core_boot(Core *core, bool confirmed)
{
	core->crashed = false;
	core->cell_term = 0;
	core->cell_end_ns = 0;
	begin_call(core);

	/* An unconfirmed record is not on the disk yet. */
	if (!confirmed)
	{
		RaftDurable record = core->disk;

		memset(&core->disk, 0, sizeof(core->disk));
		core->disk.vote = RAFT_VOTE_NONE;
		assert_int_equal(raft_init(core->raft, &core->config, &record, false,
								   core->now_ns, next_draw(core)), RAFT_OK);
	}
	else
		assert_int_equal(raft_init(core->raft, &core->config, &core->disk, true,
								   core->now_ns, next_draw(core)), RAFT_OK);
	drain(core);
}

void
core_free(Core *core)
{
	free(core->raft);
	core->raft = NULL;
}

void
core_restart(Core *core, uint64_t later_ns)
{
	core->now_ns += later_ns;
	core->config.session += 1;
	core_boot(core, true);
}

void
core_start_member(Core *core, int32_t node_id, int32_t node_count,
				  uint64_t term)
{
	core_init(core, node_id, node_count, core_record(RAFT_MEMBER, term, 0));
	core_boot(core, true);
	core_meet_peers(core);
}

void
core_start_member_with_positions(Core *core, int32_t node_id,
								 int32_t node_count, uint64_t term,
								 RaftPositionMode mode)
{
	core_init(core, node_id, node_count, core_record(RAFT_MEMBER, term, 0));
	core->config.position_mode = mode;
	core->config.compare_positions = core_compare_positions;
	core_boot(core, true);
	core_meet_peers(core);
}

void
core_start_elected(Core *core, int32_t node_count)
{
	core_start_member(core, 0, node_count, 5);
	core_elect(core);
}

void
core_start_standing(Core *core, int32_t node_count, RaftStanding standing,
					uint64_t term)
{
	int32_t		i;

	core_init(core, 0, node_count, core_record(standing, term, 0));
	core_boot(core, true);
	for (i = 1; i < node_count; i++)
	{
		RaftMessage probe = core_message(core, RAFT_MESSAGE_PROBE, i, term);

		probe.standing = standing;
		core_receive(core, &probe);
	}
	assert_int_equal(core->disk.standing, standing);
}

/* ----------
 * Positions
 * ----------
 */

RaftPosition
core_position(uint8_t history, uint8_t distance)
{
	RaftPosition position = {{0}};

	position.bytes[0] = history;
	position.bytes[1] = distance;
	return position;
}

RaftPositionOrder
core_compare_positions(const RaftPosition *one, const RaftPosition *other)
{
	if (one->bytes[0] != other->bytes[0])
		return RAFT_POSITION_INCOMPARABLE;
	if (one->bytes[1] == other->bytes[1])
		return RAFT_POSITION_EQUAL;
	return one->bytes[1] > other->bytes[1] ?
		RAFT_POSITION_AHEAD : RAFT_POSITION_BEHIND;
}

/* ----------
 * Entries
 * ----------
 */

RaftResult
core_receive(Core *core, const RaftMessage *message)
{
	RaftResult	result;

	begin_call(core);
	core_note_released(core, message);
	result = raft_receive(core->raft, message, core->now_ns, next_draw(core));
	drain(core);
	return result;
}

void
core_tick(Core *core, uint64_t now_ns)
{
	core->now_ns = now_ns;
	begin_call(core);
	assert_int_equal(raft_tick(core->raft, now_ns, next_draw(core)), RAFT_OK);
	drain(core);
}

RaftResult
core_step_down(Core *core, RaftReason reason)
{
	RaftResult	result;

	begin_call(core);
	result = raft_step_down(core->raft, reason, core->now_ns, next_draw(core));
	drain(core);
	return result;
}

RaftResult
core_transfer(Core *core, int32_t successor)
{
	RaftResult	result;

	begin_call(core);
	result = raft_transfer(core->raft, successor, core->now_ns, next_draw(core));
	drain(core);
	return result;
}

RaftResult
core_set_position(Core *core, const RaftPosition *position)
{
	RaftResult	result;

	begin_call(core);
	result = raft_set_position(core->raft, position, core->now_ns,
							   next_draw(core));
	drain(core);
	return result;
}

RaftResult
core_forget_state(Core *core)
{
	RaftResult	result;

	begin_call(core);
	result = raft_forget_state(core->raft, core->now_ns, next_draw(core));
	drain(core);
	return result;
}

RaftResult
core_reconfigure(Core *core, const RaftTimings *timings)
{
	RaftResult	result;

	begin_call(core);
	result = raft_reconfigure(core->raft, timings, core->now_ns,
							  next_draw(core));
	if (result == RAFT_OK)
		core->config.timings = *timings;
	drain(core);
	return result;
}

/* One tick at the next deadline, if that is not after the limit. */
static bool
tick_once(Core *core, uint64_t limit_ns)
{
	uint64_t	deadline = raft_next_deadline(core->raft);

	if (deadline > limit_ns)
		return false;
	if (deadline < core->now_ns)
		deadline = core->now_ns;
	core->now_ns = core->entry_ns = deadline;
	assert_int_equal(raft_tick(core->raft, deadline, next_draw(core)), RAFT_OK);
	drain(core);
	return true;
}

/* A node that wants to be ticked for ever at one time would hang its owner. */
static void
count_ticks(int *ticks)
{
	(*ticks)++;
	assert_true(*ticks < 10000);
}

void
core_run_until(Core *core, uint64_t now_ns)
{
	int			ticks = 0;

	begin_call(core);
	while (tick_once(core, now_ns))
	{
		count_ticks(&ticks);
		if (core->sent_count > CORE_MAX_SENT / 2)
			core->sent_count = 0;
		if (core->event_count > CORE_MAX_EVENTS / 2)
			core->event_count = 0;
	}
	if (core->now_ns < now_ns)
	{
		core->now_ns = core->entry_ns = now_ns;
		assert_int_equal(raft_tick(core->raft, now_ns, next_draw(core)), RAFT_OK);
		drain(core);
	}
}

void
core_run_until_role(Core *core, RaftRole role)
{
	uint64_t	limit_ns = core->now_ns + SECONDS(60);
	int			ticks = 0;

	begin_call(core);
	while (core_view(core).role != role)
	{
		core->sent_count = 0;
		core->event_count = 0;
		assert_true(tick_once(core, limit_ns));
		count_ticks(&ticks);
	}
}

/* ----------
 * What came out
 * ----------
 */

const RaftMessage *
core_sent(const Core *core, RaftMessageType type, int32_t to)
{
	int			i;

	for (i = core->sent_count - 1; i >= 0; i--)
	{
		const RaftMessage *message = &core->sent[i];

		if (message->type == type && (to == ANYBODY || message->to == to))
			return message;
	}
	return NULL;
}

int
core_count_sent(const Core *core, RaftMessageType type, int32_t to)
{
	int			count = 0;
	int			i;

	for (i = 0; i < core->sent_count; i++)
	{
		if (core->sent[i].type == type &&
			(to == ANYBODY || core->sent[i].to == to))
			count++;
	}
	return count;
}

const RaftEvent *
core_event(const Core *core, RaftEventType type)
{
	int			i;

	for (i = core->event_count - 1; i >= 0; i--)
	{
		if (core->events[i].type == type)
			return &core->events[i];
	}
	return NULL;
}

bool
core_granted(const Core *core, RaftMessageType reply_type, int32_t to)
{
	const RaftMessage *reply = core_sent(core, reply_type, to);

	return reply != NULL && (reply->flags & RAFT_FLAG_GRANTED) != 0 &&
		reply->refusal == RAFT_REFUSAL_NONE;
}

bool
core_refused(const Core *core, RaftMessageType reply_type, int32_t to,
			 RaftRefusal refusal)
{
	const RaftMessage *reply = core_sent(core, reply_type, to);

	return reply != NULL && (reply->flags & RAFT_FLAG_GRANTED) == 0 &&
		reply->refusal == refusal;
}

RaftView
core_view(const Core *core)
{
	RaftView	view;

	raft_view(core->raft, &view);
	return view;
}

RaftPeerView
core_peer(const Core *core, int32_t peer_id)
{
	RaftPeerView view;

	assert_true(raft_peer_view(core->raft, peer_id, &view));
	return view;
}

bool
core_lease_is_valid(const Core *core)
{
	return core->cell_end_ns > core->now_ns;
}
