/*-------------------------------------------------------------------------
 *
 * event_fields.h
 *		The events of the algorithm log: what each is called, and which fields
 *		it has, in which order.
 *
 * One table serves who writes a line (event_format.h) and who reads it back:
 * a field that is in no table is in no line, and a test compares the tables
 * with the core's structures.
 *
 * Nothing of PostgreSQL's: replay (src/raft/test/replay) is built without it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_EVENT_FIELDS_H
#define PG_LEADER_EVENT_FIELDS_H

#include "raft/raft.h"

/* pg_leader.enable_log */
typedef enum LogLevel
{
	LOG_LEVEL_OFF = 0,
	LOG_LEVEL_ON,				/* what happens */
	LOG_LEVEL_REPLAY			/* and every input and output of the core */
} LogLevel;

typedef enum LogEventType
{
	LOG_EVENT_START = 0,
	LOG_EVENT_STOP,
	LOG_EVENT_SETTINGS,
	LOG_EVENT_ROLE,
	LOG_EVENT_LEADER,
	LOG_EVENT_LEASE,
	LOG_EVENT_STANDING,
	LOG_EVENT_SILENCE,
	LOG_EVENT_VOTE,
	LOG_EVENT_INVARIANT,
	LOG_EVENT_STORAGE,
	LOG_EVENT_PERSIST,
	LOG_EVENT_SEND,
	LOG_EVENT_RECEIVE,
	LOG_EVENT_PEER,
	LOG_EVENT_CONTROL,
	LOG_EVENT_LOST,

	/* With LOG_LEVEL_REPLAY: entries into the core ... */
	LOG_EVENT_IN_INIT,
	LOG_EVENT_IN_RECEIVE,
	LOG_EVENT_IN_TICK,
	LOG_EVENT_IN_PERSISTED,
	LOG_EVENT_IN_PERSIST_FAILED,
	LOG_EVENT_IN_STEP_DOWN,
	LOG_EVENT_IN_TRANSFER,
	LOG_EVENT_IN_FORGET_STATE,
	LOG_EVENT_IN_RECONFIGURE,

	/* ... and what it answered. */
	LOG_EVENT_OUT_RESULT,
	LOG_EVENT_OUT_VIEW,
	LOG_EVENT_OUT_READY,
	LOG_EVENT_OUT_EVENT,
	LOG_EVENT_OUT_MESSAGE
} LogEventType;

#define LOG_EVENT_TYPES			(LOG_EVENT_OUT_MESSAGE + 1)

/* Room for texts, with the zero at their end; longer ones are cut. */
#define LOG_NAME_SIZE			64
#define LOG_TEXT_SIZE			128
#define LOG_REQUESTER_SIZE		512

/* START */
typedef struct LogStart
{
	int32_t		node_count;
	uint64_t	session;
	RaftStanding standing;
	int32_t		vote;
	uint64_t	generation;
	char		cluster_name[LOG_NAME_SIZE];
} LogStart;

/* SETTINGS, in force from here on */
typedef struct LogSettings
{
	RaftTimings timings;
	LogLevel	level;
} LogSettings;

/* ROLE, LEADER, STANDING, VOTE, INVARIANT: what the core says. */

/* LEASE, SILENCE, STORAGE, PEER: something began or ended. */
typedef struct LogState
{
	bool		begun;			/* lease, silence; storage failed, peer lost */
	uint64_t	until_ns;		/* LEASE, SILENCE; 0: ended */
	int32_t		peer;			/* PEER */
	uint64_t	silent_ns;		/* PEER: for how long nothing was heard of it */
} LogState;

/* PERSIST */
typedef struct LogPersist
{
	uint64_t	took_ns;
	int32_t		vote;
	uint64_t	generation;
} LogPersist;

/* What an operator can ask for, and whether the core took it. */
typedef enum LogRequest
{
	LOG_REQUEST_STEP_DOWN = 0,
	LOG_REQUEST_TRANSFER,
	LOG_REQUEST_FORGET_STATE
} LogRequest;

/* CONTROL */
typedef struct LogControl
{
	LogRequest	request;
	int32_t		argument;		/* TRANSFER: to whom; else RAFT_NO_NODE */
	RaftResult	result;
	char		requested_by[LOG_REQUESTER_SIZE];	/* empty: not known */
} LogControl;

/* IN_...: an entry into the core. */
typedef struct LogInput
{
	uint64_t	now_ns;
	uint64_t	draw;
	union
	{
		struct
		{
			bool		confirmed;
			RaftConfig	config; /* without compare_positions */
			RaftDurable durable;
		}			init;		/* IN_INIT */
		RaftMessage message;	/* IN_RECEIVE */
		uint64_t	storage_ns; /* IN_PERSISTED */
		RaftReason	reason;		/* IN_STEP_DOWN */
		int32_t		successor;	/* IN_TRANSFER */
		RaftTimings timings;	/* IN_RECONFIGURE */
	}			of;
} LogInput;

/* OUT_VIEW: what has changed since the one before. */
typedef struct LogView
{
	uint64_t	shown;			/* by place in the table: fields to be written */
	RaftView	view;
} LogView;

/* One event. */
typedef struct LogEvent
{
	LogEventType type;
	int64_t		wall_us;		/* microseconds of Unix time */
	uint64_t	clock_ns;		/* by clock.h */
	int32_t		node;			/* whose event this is */
	uint64_t	term;			/* durable */
	RaftRole	role;
	int32_t		leader;			/* known leader, or RAFT_NO_NODE */
	union
	{
		LogStart	start;
		LogSettings settings;
		char		reason[LOG_TEXT_SIZE];	/* STOP */
		RaftEvent	event;		/* ROLE, LEADER, STANDING, VOTE, INVARIANT,
								 * OUT_EVENT */
		LogState	state;
		LogPersist	persist;
		RaftMessage message;	/* SEND, RECEIVE, OUT_MESSAGE */
		LogControl	control;
		uint64_t	lost_count; /* LOST */
		LogInput	input;
		RaftResult	result;		/* OUT_RESULT */
		LogView		view;		/* OUT_VIEW */
		RaftDurable durable;	/* OUT_READY */
	}			of;
} LogEvent;

/* How a field is written. */
typedef enum EventFieldKind
{
	FIELD_UINT64,
	FIELD_SESSION,				/* a uint64 as 16 hexadecimal digits */
	FIELD_UINT32,
	FIELD_INT32,
	FIELD_UINT16,
	FIELD_UINT8,
	FIELD_BOOL,					/* 0 or 1 */
	FIELD_GRANTED,				/* of the flags: 0 or 1 */
	FIELD_WORD,					/* an enum's or a bool's word, "_" for blanks */
	FIELD_PHRASE,				/* an enum's words, quoted */
	FIELD_TEXT,					/* characters, quoted */
	FIELD_POSITION,				/* 32 hexadecimal digits */
	FIELD_GENERATIONS			/* "id:generation,..." or "none", without
								 * those that are 0 */
} EventFieldKind;

typedef struct EventField
{
	const char *key;
	size_t		offset;			/* within the structure of its table */
	size_t		size;
	EventFieldKind kind;
	const char *(*word) (int value);	/* WORD, PHRASE; what is out of range
										 * is "invalid" */
} EventField;

/* Which fields of a structure are written. */
typedef enum EventPartForm
{
	PART_WHOLE = 0,				/* all */
	PART_SPARSE,				/* those that are not 0; INT32: not -1 */
	PART_SHOWN					/* those of LogView.shown */
} EventPartForm;

/* Fields of one structure, and where it lies within LogEvent. */
typedef struct EventPart
{
	const EventField *fields;
	size_t		count;
	size_t		offset;
	EventPartForm form;
} EventPart;

/* Parts of one event, at most. */
#define EVENT_PARTS				4

typedef struct EventShape
{
	const char *name;
	EventPart	parts[EVENT_PARTS]; /* those behind the last: count 0 */
	size_t		size;			/* bytes of a LogEvent that this type uses */
} EventShape;

/* The value of a field that a sparse part leaves out? */
extern bool event_field_is_none(const EventField *field, const void *value);

/*
 * Which fields of two views differ, for LogView.shown; with old = NULL, those
 * of all.
 */
extern uint64_t event_fields_changed(const RaftView *old, const RaftView *new_view);

/* By LogEventType. */
extern const EventShape event_shapes[LOG_EVENT_TYPES];

#endif							/* PG_LEADER_EVENT_FIELDS_H */
