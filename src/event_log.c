/*-------------------------------------------------------------------------
 *
 * event_log.c
 *		The ticker's side of the algorithm log.
 *
 * Runs in the ticker only.  No locks, no system calls but for the clocks, and
 * at the end of a turn the logger's latch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "clock.h"
#include "config.h"
#include "event_log.h"
#include "storage/latch.h"

StaticAssertDecl(LOG_REQUESTER_SIZE >= HISTORY_REQUESTER_SIZE,
				 "who has asked is logged as a whole");

LogLevel	event_log_level = LOG_LEVEL_OFF;
bool		event_log_unflushed = false;

/* The core as it was seen last: what each line tells of it. */
static RaftView seen;

/* Is there a view of this session in it? */
static bool seen_is_view;

static LogEvent event;			/* under construction */

/* What all events tell, from the last view. */
static void
begin_event(LogEventType type)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	event.type = type;
	event.wall_us = (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	event.clock_ns = clock_now_ns();
	event.node = config_node_id;
	event.term = seen.term;
	event.role = seen.role;
	event.leader = seen.leader_id;
}

/* Into the ring; before it, how many did not get there. */
static void
put_event(void)
{
	EventRing  *ring = &shared_state->events;
	uint32		size = event_shapes[event.type].size;
	uint32		lost_size = event_shapes[LOG_EVENT_LOST].size;

	if (ring->untold > 0)
	{
		LogEvent	lost;

		if (!event_ring_has_room(ring, lost_size, size))
		{
			ring->untold++;
			pg_atomic_fetch_add_u64(&ring->lost, 1);
			return;
		}
		memcpy(&lost, &event, offsetof(LogEvent, of));
		lost.type = LOG_EVENT_LOST;
		lost.of.lost_count = ring->untold;
		if (event_ring_put(ring, &lost, lost_size))
			ring->untold = 0;
	}

	event_log_unflushed = true;
	if (!event_ring_put(ring, &event, size))
	{
		ring->untold++;
		pg_atomic_fetch_add_u64(&ring->lost, 1);
	}
}

static void
put_state(LogEventType type, bool begun, uint64 until_ns)
{
	begin_event(type);
	memset(&event.of.state, 0, sizeof(event.of.state));
	event.of.state.begun = begun;
	event.of.state.until_ns = until_ns;
	put_event();
}

void
event_log_wake_logger(void)
{
	/* Read once; the latch of a process that has ended wakes a stranger. */
	Latch	   *latch = *(Latch *volatile *) &shared_state->logger_latch;

	event_log_unflushed = false;
	if (latch != NULL)
		SetLatch(latch);
}

void
event_log_put_stop(const char *reason)
{
	begin_event(LOG_EVENT_STOP);
	strlcpy(event.of.reason, reason, sizeof(event.of.reason));
	put_event();
	event_log_wake_logger();
}

static void
put_start(const RaftConfig *config, const RaftDurable *durable)
{
	LogStart   *start = &event.of.start;

	begin_event(LOG_EVENT_START);
	start->node_count = config->node_count;
	start->session = config->session;
	start->standing = durable->standing;
	start->vote = durable->vote;
	start->generation = durable->generation;
	strlcpy(start->cluster_name, config_cluster_name,
			sizeof(start->cluster_name));
	put_event();
}

static void
put_settings(const RaftTimings *timings)
{
	begin_event(LOG_EVENT_SETTINGS);
	event.of.settings.timings = *timings;
	event.of.settings.level = config_enable_log;
	put_event();
}

void
event_log_settings(const RaftNode *node, const RaftTimings *timings)
{
	if (event_log_level == LOG_LEVEL_OFF)
	{
		if (config_enable_log == LOG_LEVEL_OFF)
			return;
		raft_view(node, &seen);
		seen_is_view = true;
	}

	/* Also of its end: who reads it has to know that what follows is new. */
	put_settings(timings);
	event_log_level = config_enable_log;
}

void
event_log_put_control(const ControlCall *call)
{
	LogControl *control = &event.of.control;

	begin_event(LOG_EVENT_CONTROL);
	memset(control, 0, sizeof(*control));
	control->argument = RAFT_NO_NODE;
	switch (call->request)
	{
		case CONTROL_STEP_DOWN:
			control->request = LOG_REQUEST_STEP_DOWN;
			break;
		case CONTROL_TRANSFER:
			control->request = LOG_REQUEST_TRANSFER;
			control->argument = call->argument;
			break;
		case CONTROL_FORGET_STATE:
			control->request = LOG_REQUEST_FORGET_STATE;
			break;
		case CONTROL_NONE:
			return;
	}
	control->result = call->result;
	strlcpy(control->requested_by, call->requested_by,
			sizeof(control->requested_by));
	put_event();
}

void
event_log_put_peer(int32 peer_id, bool lost, uint64 silent_ns)
{
	begin_event(LOG_EVENT_PEER);
	memset(&event.of.state, 0, sizeof(event.of.state));
	event.of.state.peer = peer_id;
	event.of.state.begun = lost;
	event.of.state.silent_ns = silent_ns;
	put_event();
}

/*
 * Entries into the core
 */

void
event_log_put_input(LogEventType type, LogInput *input, uint64 now_ns,
					uint64 draw)
{
	begin_event(type);
	if (input != NULL)
		memcpy(&event.of.input, input, event_shapes[type].size -
			   offsetof(LogEvent, of));
	event.of.input.now_ns = now_ns;
	event.of.input.draw = draw;
	put_event();
}

RaftResult
event_log_init(RaftNode *node, const RaftConfig *config,
			   const RaftDurable *durable, bool confirmed, uint64 now_ns,
			   uint64 draw)
{
	event_log_level = config_enable_log;
	memset(&seen, 0, sizeof(seen));
	seen.term = durable->term;
	seen.leader_id = RAFT_NO_NODE;
	seen_is_view = false;
	if (EVENT_LOG_IS_ON())
	{
		put_start(config, durable);
		put_settings(&config->timings);
	}
	if (EVENT_LOG_IS_REPLAY())
	{
		LogInput	input = {0};

		input.of.init.confirmed = confirmed;
		input.of.init.config = *config;
		input.of.init.durable = *durable;
		event_log_put_input(LOG_EVENT_IN_INIT, &input, now_ns, draw);
	}
	return event_log_result(raft_init(node, config, durable, confirmed,
									  now_ns, draw));
}

/* Each heartbeat is answered, and idle nodes probe each other: no events. */
static bool
is_routine(const RaftMessage *message)
{
	switch (message->type)
	{
		case RAFT_MESSAGE_HEARTBEAT:
		case RAFT_MESSAGE_HEARTBEAT_ACK:
		case RAFT_MESSAGE_PROBE:
		case RAFT_MESSAGE_PROBE_REPLY:
			return true;
		default:
			return false;
	}
}

void
event_log_put_received(const RaftMessage *message, uint64 now_ns, uint64 draw)
{
	if (!is_routine(message))
	{
		begin_event(LOG_EVENT_RECEIVE);
		event.of.message = *message;
		put_event();
	}
	if (EVENT_LOG_IS_REPLAY())
	{
		begin_event(LOG_EVENT_IN_RECEIVE);
		event.of.input.now_ns = now_ns;
		event.of.input.draw = draw;
		event.of.input.of.message = *message;
		put_event();
	}
}

void
event_log_put_persisted(const RaftDurable *durable, uint64 now_ns,
						uint64 storage_ns, uint64 draw)
{
	begin_event(LOG_EVENT_PERSIST);
	event.term = durable->term;
	event.of.persist.took_ns = storage_ns;
	event.of.persist.vote = durable->vote;
	event.of.persist.generation = durable->generation;
	put_event();
	if (EVENT_LOG_IS_REPLAY())
	{
		LogInput	input;

		input.of.storage_ns = storage_ns;
		event_log_put_input(LOG_EVENT_IN_PERSISTED, &input, now_ns, draw);
	}
}

RaftResult
event_log_step_down(RaftNode *node, RaftReason reason, uint64 now_ns,
					uint64 draw)
{
	LogInput	input;

	input.of.reason = reason;
	event_log_input(LOG_EVENT_IN_STEP_DOWN, &input, now_ns, draw);
	return event_log_result(raft_step_down(node, reason, now_ns, draw));
}

RaftResult
event_log_transfer(RaftNode *node, int32 successor, uint64 now_ns, uint64 draw)
{
	LogInput	input;

	input.of.successor = successor;
	event_log_input(LOG_EVENT_IN_TRANSFER, &input, now_ns, draw);
	return event_log_result(raft_transfer(node, successor, now_ns, draw));
}

RaftResult
event_log_forget_state(RaftNode *node, uint64 now_ns, uint64 draw)
{
	event_log_input(LOG_EVENT_IN_FORGET_STATE, NULL, now_ns, draw);
	return event_log_result(raft_forget_state(node, now_ns, draw));
}

RaftResult
event_log_reconfigure(RaftNode *node, const RaftTimings *timings,
					  uint64 now_ns, uint64 draw)
{
	LogInput	input;

	input.of.timings = *timings;
	event_log_input(LOG_EVENT_IN_RECONFIGURE, &input, now_ns, draw);
	return event_log_result(raft_reconfigure(node, timings, now_ns, draw));
}

/*
 * Answers of the core
 */

void
event_log_put_result(RaftResult result)
{
	begin_event(LOG_EVENT_OUT_RESULT);
	event.of.result = result;
	put_event();
}

void
event_log_put_view(const RaftView *view)
{
	RaftView	old = seen;
	bool		is_first = !seen_is_view;
	uint64		changed = event_fields_changed(is_first ? NULL : &old, view);

	if (changed == 0)
		return;
	seen = *view;
	seen_is_view = true;
	if (EVENT_LOG_IS_REPLAY())
	{
		begin_event(LOG_EVENT_OUT_VIEW);
		event.of.view.shown = changed;
		event.of.view.view = *view;
		put_event();
	}

	/* Of these the core has no events, or none that tells all. */
	if (old.lease_term != 0 && view->lease_term != old.lease_term)
		put_state(LOG_EVENT_LEASE, false, 0);
	if (view->lease_term != 0 && view->lease_term != old.lease_term)
		put_state(LOG_EVENT_LEASE, true, view->lease_end_ns);
	if (is_first && view->silent)
		put_state(LOG_EVENT_SILENCE, true, view->silent_until_ns);
}

void
event_log_put_ready(const RaftDurable *durable)
{
	begin_event(LOG_EVENT_OUT_READY);
	event.of.durable = *durable;
	put_event();
}

/* As the core tells it; several of one entry each have their own state. */
static void
put_core_event(LogEventType type, const RaftEvent *core_event)
{
	begin_event(type);
	event.term = core_event->term;
	event.role = core_event->role;
	event.leader = core_event->leader;
	event.of.event = *core_event;
	put_event();
}

void
event_log_put_event(const RaftEvent *core_event)
{
	if (EVENT_LOG_IS_REPLAY())
		put_core_event(LOG_EVENT_OUT_EVENT, core_event);

	switch (core_event->type)
	{
		case RAFT_EVENT_ROLE:
			put_core_event(LOG_EVENT_ROLE, core_event);
			break;
		case RAFT_EVENT_LEADER:
			put_core_event(LOG_EVENT_LEADER, core_event);
			break;
		case RAFT_EVENT_LEASE_BEGUN:
			break;				/* told with its end, from the view */
		case RAFT_EVENT_STANDING:
			put_core_event(LOG_EVENT_STANDING, core_event);
			break;
		case RAFT_EVENT_SILENCE_ENDED:
			put_state(LOG_EVENT_SILENCE, false, 0);
			break;
		case RAFT_EVENT_VOTE:
			put_core_event(LOG_EVENT_VOTE, core_event);
			break;
		case RAFT_EVENT_INVARIANT:
			put_core_event(LOG_EVENT_INVARIANT, core_event);
			break;
		case RAFT_EVENT_STORAGE_FAILED:
			put_state(LOG_EVENT_STORAGE, true, 0);
			break;
		case RAFT_EVENT_STORAGE_BACK:
			put_state(LOG_EVENT_STORAGE, false, 0);
			break;
	}
}

void
event_log_put_message(const RaftMessage *message)
{
	if (EVENT_LOG_IS_REPLAY())
	{
		begin_event(LOG_EVENT_OUT_MESSAGE);
		event.of.message = *message;
		put_event();
	}
	if (!is_routine(message))
	{
		begin_event(LOG_EVENT_SEND);
		event.of.message = *message;
		put_event();
	}
}
