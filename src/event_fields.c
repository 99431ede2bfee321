/*-------------------------------------------------------------------------
 *
 * event_fields.c
 *		The events of the algorithm log: tables of their fields.
 *
 * Constant data; runs nowhere by itself.  Fields of a structure of the core
 * stand in the order of its declaration, all of them where the event is one
 * of the replay's.
 *
 *-------------------------------------------------------------------------
 */
#include "event_fields.h"

#include <string.h>

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define SIZE_OF(type, field) sizeof(((type *) 0)->field)

#define FIELD(type, field, kind, word) \
	{#field, offsetof(type, field), SIZE_OF(type, field), kind, word}
#define NAMED(key, type, field, kind, word) \
	{key, offsetof(type, field), SIZE_OF(type, field), kind, word}

/*-------------------------------------------------------------------------
 * Words
 *-------------------------------------------------------------------------
 */

static const char *
look_up(const char *const *words, size_t count, int value)
{
	return value >= 0 && (size_t) value < count ? words[value] : "invalid";
}

static const char *
role_word(int value)
{
	return raft_role_name((RaftRole) value);
}

static const char *
standing_word(int value)
{
	return raft_standing_name((RaftStanding) value);
}

static const char *
message_type_word(int value)
{
	return raft_message_type_name((RaftMessageType) value);
}

static const char *
refusal_word(int value)
{
	return raft_refusal_name((RaftRefusal) value);
}

static const char *
reason_word(int value)
{
	return raft_reason_name((RaftReason) value);
}

static const char *
amnesia_word(int value)
{
	return raft_amnesia_name((RaftAmnesia) value);
}

static const char *
begun_word(int value)
{
	static const char *const words[] = {"ended", "begun"};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
failed_word(int value)
{
	static const char *const words[] = {"back", "failed"};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
lost_word(int value)
{
	static const char *const words[] = {"back", "lost"};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
level_word(int value)
{
	static const char *const words[] = {"off", "on", "replay"};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
request_word(int value)
{
	static const char *const words[] = {
		"step_down", "transfer", "forget_state"
	};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
position_mode_word(int value)
{
	static const char *const words[] = {"off", "prefer", "require"};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
result_word(int value)
{
	static const char *const words[] = {
		[RAFT_OK] = "ok",
		[RAFT_DROPPED] = "dropped",
		[RAFT_NOT_DRAINED] = "not drained",
		[RAFT_INVALID] = "invalid arguments",
		[RAFT_NOT_LEADER] = "not the leader",
		[RAFT_NOT_AMNESIAC] = "state is not lost",
		[RAFT_NOT_FIT] = "that node cannot lead now",
	};

	return look_up(words, LENGTH_OF(words), value);
}

static const char *
event_type_word(int value)
{
	static const char *const words[] = {
		"invalid",
		[RAFT_EVENT_ROLE] = "role",
		[RAFT_EVENT_LEADER] = "leader",
		[RAFT_EVENT_LEASE_BEGUN] = "lease begun",
		[RAFT_EVENT_STANDING] = "standing",
		[RAFT_EVENT_SILENCE_ENDED] = "silence ended",
		[RAFT_EVENT_VOTE] = "vote",
		[RAFT_EVENT_INVARIANT] = "invariant",
		[RAFT_EVENT_STORAGE_FAILED] = "storage failed",
		[RAFT_EVENT_STORAGE_BACK] = "storage back",
	};

	return look_up(words, LENGTH_OF(words), value);
}

/*-------------------------------------------------------------------------
 * Structures
 *-------------------------------------------------------------------------
 */

static const EventField start_fields[] = {
	NAMED("nodes", LogStart, node_count, FIELD_INT32, NULL),
	FIELD(LogStart, session, FIELD_SESSION, NULL),
	FIELD(LogStart, standing, FIELD_WORD, standing_word),
	FIELD(LogStart, vote, FIELD_INT32, NULL),
	FIELD(LogStart, generation, FIELD_UINT64, NULL),
	NAMED("cluster", LogStart, cluster_name, FIELD_TEXT, NULL)
};

static const EventField stop_fields[] = {
	NAMED("reason", LogEvent, of.reason, FIELD_TEXT, NULL)
};

static const EventField timings_fields[] = {
	NAMED("heartbeat_interval", RaftTimings, heartbeat_interval_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_min", RaftTimings, election_timeout_min_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_max", RaftTimings, election_timeout_max_ns, FIELD_UINT64, NULL),
	NAMED("max_clock_drift", RaftTimings, max_clock_drift_ppm, FIELD_UINT32, NULL),
	FIELD(RaftTimings, priority, FIELD_INT32, NULL)
};

static const EventField level_fields[] = {
	NAMED("enable_log", LogSettings, level, FIELD_WORD, level_word)
};

static const EventField role_fields[] = {
	FIELD(RaftEvent, old_role, FIELD_WORD, role_word),
	FIELD(RaftEvent, reason, FIELD_PHRASE, reason_word)
};

static const EventField leader_fields[] = {
	FIELD(RaftEvent, old_leader, FIELD_INT32, NULL),
	FIELD(RaftEvent, reason, FIELD_PHRASE, reason_word)
};

static const EventField standing_fields[] = {
	FIELD(RaftEvent, standing, FIELD_WORD, standing_word),
	NAMED("reason", RaftEvent, amnesia, FIELD_PHRASE, amnesia_word)
};

static const EventField vote_fields[] = {
	NAMED("candidate", RaftEvent, other, FIELD_INT32, NULL)
};

static const EventField invariant_fields[] = {
	FIELD(RaftEvent, other, FIELD_INT32, NULL)
};

static const EventField period_fields[] = {
	NAMED("state", LogState, begun, FIELD_WORD, begun_word),
	NAMED("until", LogState, until_ns, FIELD_UINT64, NULL)
};

static const EventField storage_fields[] = {
	NAMED("state", LogState, begun, FIELD_WORD, failed_word)
};

static const EventField peer_fields[] = {
	FIELD(LogState, peer, FIELD_INT32, NULL),
	NAMED("state", LogState, begun, FIELD_WORD, lost_word),
	NAMED("silent", LogState, silent_ns, FIELD_UINT64, NULL)
};

static const EventField persist_fields[] = {
	NAMED("took", LogPersist, took_ns, FIELD_UINT64, NULL),
	FIELD(LogPersist, vote, FIELD_INT32, NULL),
	FIELD(LogPersist, generation, FIELD_UINT64, NULL)
};

static const EventField send_fields[] = {
	FIELD(RaftMessage, type, FIELD_WORD, message_type_word),
	NAMED("peer", RaftMessage, to, FIELD_INT32, NULL),
	NAMED("message_term", RaftMessage, subject_term, FIELD_UINT64, NULL),
	NAMED("granted", RaftMessage, flags, FIELD_GRANTED, NULL),
	FIELD(RaftMessage, refusal, FIELD_PHRASE, refusal_word),
	FIELD(RaftMessage, successor, FIELD_INT32, NULL)
};

static const EventField receive_fields[] = {
	FIELD(RaftMessage, type, FIELD_WORD, message_type_word),
	NAMED("peer", RaftMessage, from, FIELD_INT32, NULL),
	NAMED("message_term", RaftMessage, subject_term, FIELD_UINT64, NULL),
	NAMED("granted", RaftMessage, flags, FIELD_GRANTED, NULL),
	FIELD(RaftMessage, refusal, FIELD_PHRASE, refusal_word),
	FIELD(RaftMessage, successor, FIELD_INT32, NULL)
};

static const EventField control_fields[] = {
	FIELD(LogControl, request, FIELD_WORD, request_word),
	FIELD(LogControl, argument, FIELD_INT32, NULL),
	FIELD(LogControl, result, FIELD_PHRASE, result_word),
	FIELD(LogControl, requested_by, FIELD_TEXT, NULL)
};

static const EventField lost_fields[] = {
	NAMED("count", LogEvent, of.lost_count, FIELD_UINT64, NULL)
};

/* Of an entry's time and chance; behind them, what it brings. */
static const EventField entry_fields[] = {
	NAMED("now", LogInput, now_ns, FIELD_UINT64, NULL),
	FIELD(LogInput, draw, FIELD_UINT64, NULL)
};

static const EventField init_fields[] = {
	NAMED("confirmed", LogInput, of.init.confirmed, FIELD_BOOL, NULL)
};

static const EventField config_fields[] = {
	FIELD(RaftConfig, node_id, FIELD_INT32, NULL),
	FIELD(RaftConfig, node_count, FIELD_INT32, NULL),
	FIELD(RaftConfig, session, FIELD_SESSION, NULL),
	FIELD(RaftConfig, advertised_port, FIELD_UINT16, NULL),
	NAMED("heartbeat_interval", RaftConfig, timings.heartbeat_interval_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_min", RaftConfig, timings.election_timeout_min_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_max", RaftConfig, timings.election_timeout_max_ns, FIELD_UINT64, NULL),
	NAMED("max_clock_drift", RaftConfig, timings.max_clock_drift_ppm, FIELD_UINT32, NULL),
	NAMED("priority", RaftConfig, timings.priority, FIELD_INT32, NULL),
	FIELD(RaftConfig, position_mode, FIELD_WORD, position_mode_word)
};

static const EventField durable_fields[] = {
	NAMED("durable_term", RaftDurable, term, FIELD_UINT64, NULL),
	FIELD(RaftDurable, vote, FIELD_INT32, NULL),
	NAMED("max_promise", RaftDurable, max_promise_ns, FIELD_UINT64, NULL),
	FIELD(RaftDurable, generation, FIELD_UINT64, NULL),
	FIELD(RaftDurable, standing, FIELD_WORD, standing_word),
	NAMED("peer_generations", RaftDurable, peer_generation, FIELD_GENERATIONS, NULL)
};

static const EventField message_fields[] = {
	FIELD(RaftMessage, type, FIELD_WORD, message_type_word),
	FIELD(RaftMessage, from, FIELD_INT32, NULL),
	FIELD(RaftMessage, to, FIELD_INT32, NULL),
	FIELD(RaftMessage, from_session, FIELD_SESSION, NULL),
	FIELD(RaftMessage, to_session, FIELD_SESSION, NULL),
	FIELD(RaftMessage, stranger, FIELD_BOOL, NULL),
	FIELD(RaftMessage, challenge, FIELD_UINT64, NULL),
	NAMED("durable_term", RaftMessage, term, FIELD_UINT64, NULL),
	NAMED("message_term", RaftMessage, subject_term, FIELD_UINT64, NULL),
	FIELD(RaftMessage, nonce, FIELD_UINT64, NULL),
	FIELD(RaftMessage, round, FIELD_UINT64, NULL),
	NAMED("promise", RaftMessage, promise_ns, FIELD_UINT64, NULL),
	FIELD(RaftMessage, rank, FIELD_INT32, NULL),
	FIELD(RaftMessage, rank_epoch, FIELD_UINT32, NULL),
	NAMED("rank_delay", RaftMessage, rank_delay_ns, FIELD_UINT64, NULL),
	FIELD(RaftMessage, token_leader, FIELD_INT32, NULL),
	FIELD(RaftMessage, token_term, FIELD_UINT64, NULL),
	FIELD(RaftMessage, successor, FIELD_INT32, NULL),
	FIELD(RaftMessage, known_leader, FIELD_INT32, NULL),
	FIELD(RaftMessage, known_leader_term, FIELD_UINT64, NULL),
	FIELD(RaftMessage, generation, FIELD_UINT64, NULL),
	FIELD(RaftMessage, generation_seen, FIELD_UINT64, NULL),
	FIELD(RaftMessage, former_generation_seen, FIELD_UINT64, NULL),
	FIELD(RaftMessage, standing, FIELD_WORD, standing_word),
	NAMED("sender_role", RaftMessage, role, FIELD_WORD, role_word),
	FIELD(RaftMessage, flags, FIELD_UINT8, NULL),
	FIELD(RaftMessage, refusal, FIELD_PHRASE, refusal_word),
	NAMED("storage", RaftMessage, storage_ns, FIELD_UINT64, NULL),
	FIELD(RaftMessage, priority, FIELD_INT32, NULL),
	FIELD(RaftMessage, position, FIELD_POSITION, NULL),
	FIELD(RaftMessage, advertised_port, FIELD_UINT16, NULL)
};

static const EventField persisted_fields[] = {
	NAMED("took", LogInput, of.storage_ns, FIELD_UINT64, NULL)
};

static const EventField step_down_fields[] = {
	NAMED("reason", LogInput, of.reason, FIELD_PHRASE, reason_word)
};

static const EventField transfer_fields[] = {
	NAMED("successor", LogInput, of.successor, FIELD_INT32, NULL)
};

static const EventField result_fields[] = {
	NAMED("result", LogEvent, of.result, FIELD_PHRASE, result_word)
};

static const EventField view_fields[] = {
	NAMED("view_role", RaftView, role, FIELD_WORD, role_word),
	NAMED("reason", RaftView, role_reason, FIELD_PHRASE, reason_word),
	NAMED("since", RaftView, since_ns, FIELD_UINT64, NULL),
	NAMED("durable_term", RaftView, term, FIELD_UINT64, NULL),
	FIELD(RaftView, vote, FIELD_INT32, NULL),
	FIELD(RaftView, generation, FIELD_UINT64, NULL),
	NAMED("max_promise", RaftView, max_promise_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, standing, FIELD_WORD, standing_word),
	FIELD(RaftView, amnesia, FIELD_PHRASE, amnesia_word),
	FIELD(RaftView, leader_id, FIELD_INT32, NULL),
	FIELD(RaftView, leader_term, FIELD_UINT64, NULL),
	FIELD(RaftView, rumoured_leader_id, FIELD_INT32, NULL),
	FIELD(RaftView, rumoured_leader_term, FIELD_UINT64, NULL),
	FIELD(RaftView, lease_term, FIELD_UINT64, NULL),
	NAMED("lease_end", RaftView, lease_end_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, silent, FIELD_BOOL, NULL),
	NAMED("silent_until", RaftView, silent_until_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, draining, FIELD_BOOL, NULL),
	FIELD(RaftView, storage_failed, FIELD_BOOL, NULL),
	NAMED("forget_at", RaftView, forget_at_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, quorum, FIELD_INT32, NULL),
	FIELD(RaftView, granted_count, FIELD_INT32, NULL),
	NAMED("recover_at", RaftView, recover_at_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, rank, FIELD_INT32, NULL),
	NAMED("rank_delay", RaftView, rank_delay_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, successor, FIELD_INT32, NULL),
	NAMED("heartbeat_interval", RaftView, timings.heartbeat_interval_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_min", RaftView, timings.election_timeout_min_ns, FIELD_UINT64, NULL),
	NAMED("election_timeout_max", RaftView, timings.election_timeout_max_ns, FIELD_UINT64, NULL),
	NAMED("max_clock_drift", RaftView, timings.max_clock_drift_ppm, FIELD_UINT32, NULL),
	NAMED("priority", RaftView, timings.priority, FIELD_INT32, NULL),
	NAMED("promise", RaftView, promise_ns, FIELD_UINT64, NULL),
	NAMED("promised_until", RaftView, promised_until_ns, FIELD_UINT64, NULL),
	FIELD(RaftView, promised_to, FIELD_INT32, NULL)
};

static const EventField event_fields[] = {
	FIELD(RaftEvent, type, FIELD_WORD, event_type_word),
	NAMED("at", RaftEvent, at_ns, FIELD_UINT64, NULL),
	NAMED("event_term", RaftEvent, term, FIELD_UINT64, NULL),
	FIELD(RaftEvent, old_role, FIELD_WORD, role_word),
	NAMED("new_role", RaftEvent, role, FIELD_WORD, role_word),
	FIELD(RaftEvent, old_leader, FIELD_INT32, NULL),
	NAMED("new_leader", RaftEvent, leader, FIELD_INT32, NULL),
	FIELD(RaftEvent, other, FIELD_INT32, NULL),
	FIELD(RaftEvent, standing, FIELD_WORD, standing_word),
	FIELD(RaftEvent, reason, FIELD_PHRASE, reason_word),
	FIELD(RaftEvent, amnesia, FIELD_PHRASE, amnesia_word)
};

/*-------------------------------------------------------------------------
 * Events
 *-------------------------------------------------------------------------
 */

#define PART(fields, place)	{fields, LENGTH_OF(fields), place, PART_WHOLE}
#define SPARSE(fields, place) {fields, LENGTH_OF(fields), place, PART_SPARSE}
#define SHOWN(fields, place) {fields, LENGTH_OF(fields), place, PART_SHOWN}
#define AT(field)			offsetof(LogEvent, field)
#define END_OF(field)		(AT(field) + SIZE_OF(LogEvent, field))
#define ENTRY				PART(entry_fields, AT(of.input))

const EventShape event_shapes[LOG_EVENT_TYPES] = {
	[LOG_EVENT_START] = {"start", {PART(start_fields, AT(of.start))}, END_OF(of.start)},
	[LOG_EVENT_STOP] = {"stop", {PART(stop_fields, 0)}, END_OF(of.reason)},
	[LOG_EVENT_SETTINGS] = {"settings",
		{PART(timings_fields, AT(of.settings.timings)), PART(level_fields, AT(of.settings))},
	END_OF(of.settings)},
	[LOG_EVENT_ROLE] = {"role", {PART(role_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_LEADER] = {"leader", {PART(leader_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_LEASE] = {"lease", {PART(period_fields, AT(of.state))}, END_OF(of.state)},
	[LOG_EVENT_STANDING] = {"standing", {PART(standing_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_SILENCE] = {"silence", {PART(period_fields, AT(of.state))}, END_OF(of.state)},
	[LOG_EVENT_VOTE] = {"vote", {PART(vote_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_INVARIANT] = {"invariant", {PART(invariant_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_STORAGE] = {"storage", {PART(storage_fields, AT(of.state))}, END_OF(of.state)},
	[LOG_EVENT_PERSIST] = {"persist", {PART(persist_fields, AT(of.persist))}, END_OF(of.persist)},
	[LOG_EVENT_SEND] = {"send", {PART(send_fields, AT(of.message))}, END_OF(of.message)},
	[LOG_EVENT_RECEIVE] = {"receive", {PART(receive_fields, AT(of.message))}, END_OF(of.message)},
	[LOG_EVENT_PEER] = {"peer", {PART(peer_fields, AT(of.state))}, END_OF(of.state)},
	[LOG_EVENT_CONTROL] = {"control", {PART(control_fields, AT(of.control))}, END_OF(of.control)},
	[LOG_EVENT_LOST] = {"lost", {PART(lost_fields, 0)}, END_OF(of.lost_count)},

	[LOG_EVENT_IN_INIT] = {"in_init",
		{ENTRY, PART(init_fields, AT(of.input)),
			PART(config_fields, AT(of.input.of.init.config)),
		PART(durable_fields, AT(of.input.of.init.durable))},
	END_OF(of.input.of.init)},
	[LOG_EVENT_IN_RECEIVE] = {"in_receive",
		{ENTRY, SPARSE(message_fields, AT(of.input.of.message))},
	END_OF(of.input.of.message)},
	[LOG_EVENT_IN_TICK] = {"in_tick", {ENTRY}, END_OF(of.input.draw)},
	[LOG_EVENT_IN_PERSISTED] = {"in_persisted",
		{ENTRY, PART(persisted_fields, AT(of.input))},
	END_OF(of.input.of.storage_ns)},
	[LOG_EVENT_IN_PERSIST_FAILED] = {"in_persist_failed", {ENTRY}, END_OF(of.input.draw)},
	[LOG_EVENT_IN_STEP_DOWN] = {"in_step_down",
		{ENTRY, PART(step_down_fields, AT(of.input))},
	END_OF(of.input.of.reason)},
	[LOG_EVENT_IN_TRANSFER] = {"in_transfer",
		{ENTRY, PART(transfer_fields, AT(of.input))},
	END_OF(of.input.of.successor)},
	[LOG_EVENT_IN_FORGET_STATE] = {"in_forget_state", {ENTRY}, END_OF(of.input.draw)},
	[LOG_EVENT_IN_RECONFIGURE] = {"in_reconfigure",
		{ENTRY, PART(timings_fields, AT(of.input.of.timings))},
	END_OF(of.input.of.timings)},

	[LOG_EVENT_OUT_RESULT] = {"out_result", {PART(result_fields, 0)}, END_OF(of.result)},
	[LOG_EVENT_OUT_VIEW] = {"out_view", {SHOWN(view_fields, AT(of.view.view))}, END_OF(of.view)},
	[LOG_EVENT_OUT_READY] = {"out_ready", {PART(durable_fields, AT(of.durable))}, END_OF(of.durable)},
	[LOG_EVENT_OUT_EVENT] = {"out_event", {PART(event_fields, AT(of.event))}, END_OF(of.event)},
	[LOG_EVENT_OUT_MESSAGE] = {"out_message", {SPARSE(message_fields, AT(of.message))}, END_OF(of.message)}
};

bool
event_field_is_none(const EventField *field, const void *value)
{
	static const RaftPosition zero;

	if (field->kind == FIELD_INT32)
		return *(const int32_t *) value == -1;
	return field->size <= sizeof(zero) && memcmp(value, &zero, field->size) == 0;
}

uint64_t
event_fields_changed(const RaftView *old, const RaftView *new_view)
{
	uint64_t	changed = 0;
	size_t		i;

	for (i = 0; i < LENGTH_OF(view_fields); i++)
	{
		const EventField *field = &view_fields[i];

		if (old == NULL ||
			memcmp((const char *) old + field->offset,
				   (const char *) new_view + field->offset, field->size) != 0)
			changed |= UINT64_C(1) << i;
	}
	return changed;
}
