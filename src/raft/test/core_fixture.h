/*-------------------------------------------------------------------------
 *
 * core_fixture.h
 *		One node of the core under test: fed by the test, drained as raft.h
 *		demands, with a model disk.
 *
 * The test plays the other nodes: it makes their messages with the functions
 * below.  After each entry the fixture drains the node, fails the test if
 * raft_check() finds a broken invariant, and checks what can be seen from
 * outside: what durable state may become, that no message says more than the
 * disk holds, and that nothing is granted inside a promise.
 *
 * Only raft.h is used, never the core's own header.  The node and its disk are
 * in core_fixture.c, its peers in core_peers.c, the checks in core_checks.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CORE_FIXTURE_H
#define CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft/raft.h"

#define MS(n)				((uint64_t) (n) * UINT64_C(1000000))
#define SECONDS(n)			((uint64_t) (n) * UINT64_C(1000000000))

/* The settings that core_timings() gives, and what follows from them. */
#define HEARTBEAT_NS		MS(100)
#define TIMEOUT_MIN_NS		MS(1000)
#define TIMEOUT_MAX_NS		MS(1500)
#define PROMISE_NS			MS(850)

/* When a node's clock begins; not 0, which means "never". */
#define CORE_START_NS		SECONDS(1000)

/* Session of the node under test, and of the peer with that id. */
#define CORE_SESSION		UINT64_C(7000)
#define PEER_SESSION(id)	(UINT64_C(1000) + (uint64_t) (id))

/* "To anybody" in core_sent() and core_count_sent(). */
#define ANYBODY				(-1)

/* What most tests look for. */
#define PRE_VOTE_REPLY		RAFT_MESSAGE_PRE_VOTE_REPLY
#define VOTE_REPLY			RAFT_MESSAGE_VOTE_REPLY

#define CORE_MAX_SENT		1024
#define CORE_MAX_EVENTS		64
#define CORE_MAX_RELEASED	16

/* Where a node dies within the next drain that makes state durable. */
typedef enum CoreCrash
{
	CORE_NO_CRASH = 0,
	CORE_CRASH_BEFORE_WRITE,
	CORE_CRASH_AFTER_WRITE,		/* written, but the core was not told */
	CORE_CRASH_BEFORE_SEND		/* the core was told, nothing has left */
} CoreCrash;

typedef struct CoreReleased
{
	int32_t		leader;
	uint64_t	term;
} CoreReleased;

typedef struct Core
{
	RaftNode   *raft;
	RaftConfig	config;
	uint64_t	now_ns;			/* of the node's own clock */
	uint64_t	entry_ns;		/* when the latest entry began */
	uint64_t	draw;			/* given to the next entry, then advanced */

	/* The model disk. */
	RaftDurable disk;
	int			failing_writes; /* so many writes to come fail */
	int			write_count;	/* successful ones */
	uint64_t	write_ns;		/* each takes that long */
	CoreCrash	crash;			/* armed for the next write */
	bool		crashed;		/* it happened; only core_restart() helps */

	/* What the outside sees: the published lease. */
	uint64_t	cell_term;
	uint64_t	cell_end_ns;

	/* What the latest call made the node send and report. */
	RaftMessage sent[CORE_MAX_SENT];
	int			sent_count;
	RaftEvent	events[CORE_MAX_EVENTS];
	int			event_count;

	/* The latest PRE_VOTE or VOTE that it sent, to whomever. */
	RaftMessage request;

	/*
	 * Kept by the fixture, and not forgotten when the node restarts: the
	 * promise given, and which leaderships the node may take for released.
	 */
	int32_t		promised_to;
	uint64_t	promised_term;
	uint64_t	promised_until_ns;
	CoreReleased released[CORE_MAX_RELEASED];
	int			released_count;
} Core;

extern RaftTimings core_timings(void);

/* A record of that standing and term, without vote; promise 0: none yet. */
extern RaftDurable core_record(RaftStanding standing, uint64_t term,
							   uint64_t max_promise_ns);

/*
 * Bring a node to life from core->disk, with core->config; core->now_ns goes
 * on.  core_init() fills all of that in first, and core_free() frees it.
 */
extern void core_init(Core *core, int32_t node_id, int32_t node_count,
					  RaftDurable record);
extern void core_boot(Core *core, bool confirmed);
extern void core_free(Core *core);

/* The same disk, a new incarnation with another session, some time later. */
extern void core_restart(Core *core, uint64_t later_ns);

/*
 * A member of that term which has made no promise yet, so that it is not
 * silent; it knows the sessions of all peers.
 */
extern void core_start_member(Core *core, int32_t node_id, int32_t node_count,
							  uint64_t term);

/* The same with that position mode and core_compare_positions(). */
extern void core_start_member_with_positions(Core *core, int32_t node_id,
											 int32_t node_count, uint64_t term,
											 RaftPositionMode mode);

/* Node 0, elected in term 6, its first round sent and nothing acknowledged. */
extern void core_start_elected(Core *core, int32_t node_count);

/* A node of that standing and term, whose peers have said they have the same. */
extern void core_start_standing(Core *core, int32_t node_count,
								RaftStanding standing, uint64_t term);

/* Let every peer say a first word. */
extern void core_meet_peers(Core *core);

/*
 * Positions of a model: so far along that history.  Two histories have parted
 * at their beginning, so that what lies on different ones cannot be compared.
 */
extern RaftPosition core_position(uint8_t history, uint8_t distance);
extern RaftPositionOrder core_compare_positions(const RaftPosition *one,
												const RaftPosition *other);

/* Entries: feed, drain, check. */
extern RaftResult core_receive(Core *core, const RaftMessage *message);
extern void core_tick(Core *core, uint64_t now_ns);
extern RaftResult core_step_down(Core *core, RaftReason reason);
extern RaftResult core_transfer(Core *core, int32_t successor);
extern RaftResult core_set_position(Core *core, const RaftPosition *position);
extern RaftResult core_forget_state(Core *core);
extern RaftResult core_reconfigure(Core *core, const RaftTimings *timings);

/* Tick at each deadline up to that time, and then at that time. */
extern void core_run_until(Core *core, uint64_t now_ns);

/* Tick at each deadline until the node has that role; limit: a minute. */
extern void core_run_until_role(Core *core, RaftRole role);

/* Messages of a peer that is a member; the term is the peer's own. */
extern RaftMessage core_message(const Core *core, RaftMessageType type,
								int32_t from, uint64_t term);

/* Usual ones, to be altered; an acknowledgement is of the present term. */
extern RaftMessage core_heartbeat_message(const Core *core, int32_t from,
										  uint64_t term, uint64_t round);
extern RaftMessage core_ack_message(const Core *core, int32_t from,
									uint64_t round, uint64_t promise_ns);

/* Of the first round, by a peer of that priority, with those flags. */
extern RaftMessage core_first_ack_message(const Core *core, int32_t from,
										  int32_t priority, uint8_t flags);

/* Feed usual ones. */
extern void core_heartbeat(Core *core, int32_t from, uint64_t term,
						   uint64_t round);
extern void core_ack(Core *core, int32_t from, uint64_t round,
					 uint64_t promise_ns);
extern void core_first_ack(Core *core, int32_t from, int32_t priority,
						   uint8_t flags);
extern void core_ask_pre_vote(Core *core, int32_t from, uint64_t term);
extern void core_ask_vote(Core *core, int32_t from, uint64_t term);
extern void core_report(Core *core, int32_t from, RaftStanding standing,
						uint64_t term);
extern void core_resignation(Core *core, RaftMessageType type, int32_t from,
							 uint64_t term, int32_t successor);

/* Answer core->request. */
extern RaftMessage core_answer(const Core *core, int32_t from, bool granted);
extern void core_grant(Core *core, int32_t from);
extern void core_refuse(Core *core, int32_t from, uint64_t term,
						RaftRefusal refusal);

/* Up to a candidacy, or leadership, with the grants of peers as needed. */
extern void core_become_candidate(Core *core);
extern void core_elect(Core *core);

/* And on to a lease, with acknowledgements of the first round. */
extern void core_lead(Core *core);

/* The newest message of that type to that node since the latest call. */
extern const RaftMessage *core_sent(const Core *core, RaftMessageType type,
									int32_t to);
extern int	core_count_sent(const Core *core, RaftMessageType type, int32_t to);
extern const RaftEvent *core_event(const Core *core, RaftEventType type);

/* Did the latest call answer that request, and was it a grant? */
extern bool core_granted(const Core *core, RaftMessageType reply_type,
						 int32_t to);

/* It answered and refused, for that reason. */
extern bool core_refused(const Core *core, RaftMessageType reply_type,
						 int32_t to, RaftRefusal refusal);

extern RaftView core_view(const Core *core);
extern RaftPeerView core_peer(const Core *core, int32_t peer_id);

/* Says what is published: does this node hold a lease now? */
extern bool core_lease_is_valid(const Core *core);

#endif							/* CORE_FIXTURE_H */
