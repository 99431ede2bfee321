/*-------------------------------------------------------------------------
 *
 * event_log.h
 *		The ticker's side of the algorithm log: the core's calls with the log
 *		around them.  Events go into a ring in shared memory, from which the
 *		logger writes them.
 *
 * The ticker alone uses this, and drives the core by it, so that nothing goes
 * in or comes out untold.  While pg_leader.enable_log is off, each call costs
 * one branch more than the core's own.  None of them ever waits.
 *
 * An entry into the core is told before it is made: if that ends the process,
 * the log has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_EVENT_LOG_H
#define PG_LEADER_EVENT_LOG_H

#include "event_fields.h"
#include "shared_state.h"

/* What is told now.  Changed by event_log_init() and event_log_settings(). */
extern LogLevel event_log_level;

#define EVENT_LOG_IS_ON()		unlikely(event_log_level != LOG_LEVEL_OFF)
#define EVENT_LOG_IS_REPLAY()	unlikely(event_log_level == LOG_LEVEL_REPLAY)

/* Whether events wait for event_log_flush() to wake the logger. */
extern bool event_log_unflushed;

/* For the functions below, while the log is on. */
extern void event_log_put_stop(const char *reason);
extern void event_log_put_received(const RaftMessage *message, uint64 now_ns,
								   uint64 draw);
extern void event_log_put_persisted(const RaftDurable *durable, uint64 now_ns,
									uint64 storage_ns, uint64 draw);
extern void event_log_put_input(LogEventType type, LogInput *input,
								uint64 now_ns, uint64 draw);
extern void event_log_put_result(RaftResult result);
extern void event_log_put_view(const RaftView *view);
extern void event_log_put_ready(const RaftDurable *durable);
extern void event_log_put_event(const RaftEvent *event);
extern void event_log_put_message(const RaftMessage *message);
extern void event_log_put_control(const ControlCall *call);
extern void event_log_put_peer(int32 peer_id, bool lost, uint64 silent_ns);
extern void event_log_wake_logger(void);

/* Not the core's: tell what else there is. */

/*
 * These settings are in force from here on, and pg_leader.enable_log may have
 * changed, which takes effect.
 */
extern void event_log_settings(const RaftNode *node,
							   const RaftTimings *timings);

/* An operator asked for something, and the core has answered. */
static inline void
event_log_control(const ControlCall *call)
{
	if (EVENT_LOG_IS_ON())
		event_log_put_control(call);
}

/* A peer is lost, or back, which was silent for so long. */
static inline void
event_log_peer(int32 peer_id, bool lost, uint64 silent_ns)
{
	if (EVENT_LOG_IS_ON())
		event_log_put_peer(peer_id, lost, silent_ns);
}

/* The ticker ends.  Async-signal-safe, but within another function of these. */
static inline void
event_log_stop(const char *reason)
{
	if (EVENT_LOG_IS_ON())
		event_log_put_stop(reason);
}

/* At the end of a turn: wake the logger, if there is something for it. */
static inline void
event_log_flush(void)
{
	if (unlikely(event_log_unflushed))
		event_log_wake_logger();
}

/* As the core's functions of the same name: entries. */

extern RaftResult event_log_init(RaftNode *node, const RaftConfig *config,
								 const RaftDurable *durable, bool confirmed,
								 uint64 now_ns, uint64 draw);

static inline void
event_log_input(LogEventType type, LogInput *input, uint64 now_ns, uint64 draw)
{
	if (EVENT_LOG_IS_REPLAY())
		event_log_put_input(type, input, now_ns, draw);
}

static inline RaftResult
event_log_result(RaftResult result)
{
	if (EVENT_LOG_IS_REPLAY() && result != RAFT_OK)
		event_log_put_result(result);
	return result;
}

static inline RaftResult
event_log_receive(RaftNode *node, const RaftMessage *message, uint64 now_ns,
				  uint64 draw)
{
	if (EVENT_LOG_IS_ON())
		event_log_put_received(message, now_ns, draw);
	return event_log_result(raft_receive(node, message, now_ns, draw));
}

static inline RaftResult
event_log_tick(RaftNode *node, uint64 now_ns, uint64 draw)
{
	event_log_input(LOG_EVENT_IN_TICK, NULL, now_ns, draw);
	return event_log_result(raft_tick(node, now_ns, draw));
}

/* "durable" is what was written. */
static inline void
event_log_persisted(RaftNode *node, const RaftDurable *durable, uint64 now_ns,
					uint64 storage_ns, uint64 draw)
{
	if (EVENT_LOG_IS_ON())
		event_log_put_persisted(durable, now_ns, storage_ns, draw);
	raft_persisted(node, now_ns, storage_ns, draw);
}

static inline void
event_log_persist_failed(RaftNode *node, uint64 now_ns, uint64 draw)
{
	event_log_input(LOG_EVENT_IN_PERSIST_FAILED, NULL, now_ns, draw);
	raft_persist_failed(node, now_ns, draw);
}

extern RaftResult event_log_step_down(RaftNode *node, RaftReason reason,
									  uint64 now_ns, uint64 draw);
extern RaftResult event_log_transfer(RaftNode *node, int32 successor,
									 uint64 now_ns, uint64 draw);
extern RaftResult event_log_forget_state(RaftNode *node, uint64 now_ns,
										 uint64 draw);
extern RaftResult event_log_reconfigure(RaftNode *node,
										const RaftTimings *timings,
										uint64 now_ns, uint64 draw);

/* Likewise: answers. */

static inline void
event_log_view(const RaftNode *node, RaftView *view)
{
	raft_view(node, view);
	if (EVENT_LOG_IS_ON())
		event_log_put_view(view);
}

static inline bool
event_log_ready(const RaftNode *node, RaftDurable *durable)
{
	if (!raft_ready(node, durable))
		return false;
	if (EVENT_LOG_IS_REPLAY())
		event_log_put_ready(durable);
	return true;
}

static inline bool
event_log_next_event(RaftNode *node, RaftEvent *event)
{
	if (!raft_next_event(node, event))
		return false;
	if (EVENT_LOG_IS_ON())
		event_log_put_event(event);
	return true;
}

static inline bool
event_log_next_message(RaftNode *node, RaftMessage *message)
{
	if (!raft_next_message(node, message))
		return false;
	if (EVENT_LOG_IS_ON())
		event_log_put_message(message);
	return true;
}

#endif							/* PG_LEADER_EVENT_LOG_H */
