/*-------------------------------------------------------------------------
 *
 * stage.h
 *		What a story happens on: some nodes, each a core in the fixture, the
 *		messages under way between them, and virtual time.
 *
 * Nothing happens by itself.  A message that was sent is under way until it
 * is delivered or dropped, or until time passes: then each arrives a while
 * after it was sent, unless it is held back, and timers fire when they are
 * due.  At one instant messages come before timers, as in the extension.
 *
 * After each event stage_check() looks at the whole.  The first rule found
 * broken is kept in Stage.broken; what the fixture itself finds broken ends
 * the cmocka test at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef STAGE_H
#define STAGE_H

#include "../core_fixture.h"

#define STAGE_MAX_NODES			9
#define STAGE_MAX_PACKETS		4096
#define STAGE_MAX_LEADERSHIPS	256
#define STAGE_MAX_RULES			64
#define STAGE_TEXT				512

/* A set of message types, and all of them. */
#define STAGE_TYPE(type)		(UINT32_C(1) << (type))
#define STAGE_ANY_TYPE			((UINT32_C(1) << (RAFT_MESSAGE_TYPE_LAST + 1)) - 2)

/* From each node: the set of nodes to which the route leads. */
typedef struct StageRoute
{
	uint32_t	to[STAGE_MAX_NODES];
} StageRoute;

typedef struct StageNode
{
	Core		core;
	bool		up;
	bool		paused;			/* its process: messages and timers wait */
	bool		mute;			/* its sender has gone: nothing leaves it */
	int32_t		clock_ppm;		/* its clock runs fast by that */
	uint64_t	busy_until_ns;	/* real time; writes its state until then */
	uint64_t	revoked_term;	/* leases up to this term are void (0: none) */
	uint64_t	accepted[STAGE_MAX_NODES];	/* session believed, 0: none */
	uint64_t	challenge[STAGE_MAX_NODES];
	RaftMessage heartbeats[STAGE_MAX_NODES];	/* latest to each; for the
												 * last words; type 0: none */
	RaftDurable known;			/* its disk at the latest check */
	RaftDurable saved;			/* a copy of its disk that somebody made */
	bool		has_saved;
} StageNode;

typedef struct StagePacket
{
	uint64_t	number;			/* in the order of sending */
	uint64_t	leaves_ns;		/* real time: before that it is not sent yet */
	uint64_t	arrival_ns;		/* real time */
	bool		held;			/* arrives only when told to */
	RaftMessage message;
} StagePacket;

/* A leadership that began. */
typedef struct StageLeadership
{
	uint64_t	term;
	int32_t		leader;
	uint64_t	session;		/* its incarnation */
	bool		released;
} StageLeadership;

/* What is held back or lost; "caught" tells whether anything was. */
typedef struct StageRule
{
	uint32_t	types;
	StageRoute	route;
	bool		loses;			/* else it holds */
	bool		active;
	bool		caught;
	int			line;			/* of the story */
} StageRule;

typedef struct Stage
{
	int32_t		count;			/* 0: not set up yet */
	StageNode	nodes[STAGE_MAX_NODES];
	uint64_t	now_ns;			/* real time, from 0 */
	uint64_t	delay_ns;		/* of each message while time passes */
	uint64_t	next_session;
	RaftPositionMode position_mode;

	StagePacket packets[STAGE_MAX_PACKETS]; /* in the order of sending */
	int			packet_count;
	uint64_t	packet_number;

	StageRule	rules[STAGE_MAX_RULES];
	int			rule_count;

	StageLeadership leaderships[STAGE_MAX_LEADERSHIPS];
	int			leadership_count;

	char		broken[STAGE_TEXT]; /* first broken rule; empty: none */
} Stage;

/* stage.c */

/* Set up: members with that term each, acquainted with each other, ... */
extern void stage_start_members(Stage *stage, int32_t count,
								const uint64_t *terms);

/* ... or nodes declared new that have not met. */
extern void stage_start_new(Stage *stage, int32_t count);
extern void stage_close(Stage *stage);

/* Times of a node's own clock and real ones. */
extern uint64_t stage_local_ns(const Stage *stage, int32_t id, uint64_t real_ns);
extern uint64_t stage_real_ns(const Stage *stage, int32_t id, uint64_t local_ns);

/* Does anybody who asks that node's shared memory hear that it leads? */
extern bool stage_has_lease(const Stage *stage, int32_t id);

/* Note that a rule is broken, unless one is already. */
extern void stage_break(Stage *stage, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/*
 * A message that matches and has left, from place "first" on, held back or
 * not; -1: none.
 */
extern int	stage_find(const Stage *stage, uint32_t types,
					   const StageRoute *route, bool held, int first);
extern bool stage_matches(const RaftMessage *message, uint32_t types,
						  const StageRoute *route);
extern void stage_deliver(Stage *stage, int place);
extern void stage_drop(Stage *stage, int place);

/* A copy of that message, held back.  False: too many are under way. */
extern bool stage_duplicate(Stage *stage, int place);

/* Deliver whatever can be now, without time passing; with timers due now. */
extern void stage_settle(Stage *stage, bool with_timers);

/* Called after each event; true ends the run. */
typedef bool (*StageStop) (Stage *stage, void *argument);

/* Let time pass; returns whether "stop" (may be NULL) ended it before. */
extern bool stage_run(Stage *stage, uint64_t duration_ns, StageStop stop,
					  void *argument);

/*
 * Let time pass for that node alone, nothing being delivered, until it begins
 * a candidacy.  False: it does not within a minute.
 */
extern bool stage_time_out(Stage *stage, int32_t id);

/* Links.  A rule added also catches what is under way.  False: too many. */
extern bool stage_add_rule(Stage *stage, bool loses, uint32_t types,
						   const StageRoute *route, int line);

/* Ends what was lost (or held) along that route for those types. */
extern void stage_end_rules(Stage *stage, bool loses, uint32_t types,
							const StageRoute *route);

/* Life and control of one node. */
extern void stage_crash(Stage *stage, int32_t id);
extern void stage_restart(Stage *stage, int32_t id);
extern void stage_restart_with(Stage *stage, int32_t id, RaftDurable record,
							   bool confirmed);

/* The sender's last words: false, if it has sent no heartbeat yet. */
extern bool stage_last_words(Stage *stage, int32_t id);
extern RaftResult stage_step_down(Stage *stage, int32_t id, RaftReason reason);
extern RaftResult stage_transfer(Stage *stage, int32_t id, int32_t successor);
extern RaftResult stage_forget_state(Stage *stage, int32_t id);
extern RaftResult stage_reconfigure(Stage *stage, int32_t id,
									const RaftTimings *timings);
extern RaftResult stage_set_position(Stage *stage, int32_t id, uint64_t number);

/* stage_checks.c */
extern void stage_check(Stage *stage);
extern void stage_check_message(Stage *stage, const RaftMessage *message);
extern StageLeadership *stage_find_leadership(Stage *stage, uint64_t term);

/* stage_print.c: as comments of TAP. */
extern void stage_print(const Stage *stage);
extern const char *stage_message_name(RaftMessageType type);

#endif							/* STAGE_H */
