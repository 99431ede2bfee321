/*-------------------------------------------------------------------------
 *
 * raft.h
 *		The core's whole interface: Raft's election rules as a state machine
 *		that is fed with messages and time, and then drained.
 *
 * The core includes nothing of PostgreSQL, does no I/O, allocates nothing and
 * reads neither a clock nor a random source: the present time and one random
 * number ("draw") are arguments of every entry, so that a run is a function
 * of its inputs.  A node is one block of memory without pointers into
 * itself: a byte copy of it is a copy of the node.
 *
 * How to drive it.  After each entry (raft_init, raft_receive, raft_tick, and
 * the control calls) the caller drains the node, in this order:
 *
 *	1. raft_view(): if the lease went down, publish that first;
 *	2. raft_ready(): if something must be made durable, do so, then call
 *	   raft_persisted() or raft_persist_failed(), and begin again at 1;
 *	3. raft_view(): publish it, raise the lease;
 *	4. raft_next_event() and raft_next_message() until they return false.
 *
 * While something waits to be made durable, raft_next_message() returns
 * nothing and every entry is refused with RAFT_NOT_DRAINED: a message that
 * is sent before its state is durable cannot be written with this interface.
 *
 * The node is not safe for use by several threads or processes; it has one
 * owner (in the extension: the ticker).
 *
 * Times are in nanoseconds of a clock that never goes back and counts
 * suspension; 0 stands for "never" or "none" where a field says so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RAFT_H
#define RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Greatest number of nodes of a cluster. */
#define RAFT_MAX_NODES				128

/* "No node" wherever a node id is expected; ids go from 0 to N - 1. */
#define RAFT_NO_NODE				(-1)

/*
 * Values of RaftDurable.vote beside a node id.  A spoiled vote: no vote may
 * be cast in this term, as the node cannot know whether it has cast one
 * already.
 */
#define RAFT_VOTE_NONE				(-1)
#define RAFT_VOTE_SPOILED			(-2)

/* Cap of every promise, whoever makes it. */
#define RAFT_MAX_PROMISE_NS			(UINT64_C(60) * 1000000000)

/* Terms at or above this one are never adopted. */
#define RAFT_TERM_LIMIT				(UINT64_C(1) << 63)

/* A term further ahead than this is taken for a forgery or a bit error. */
#define RAFT_TERM_JUMP_LIMIT		(UINT64_C(1) << 40)

/* How far raft_forget_state() jumps past every term that it has heard of. */
#define RAFT_FORGET_TERM_JUMP		1000

/* Rounds of heartbeats whose sending times the leader remembers. */
#define RAFT_ROUND_HISTORY			64

/* RaftMessage.rank of an addressee that has none. */
#define RAFT_NO_RANK				(-1)

/* Acknowledgements older than this many heartbeats do not make a successor. */
#define RAFT_FRESH_HEARTBEATS		3

/* election_timeout_min must be at least this many heartbeat intervals. */
#define RAFT_MIN_HEARTBEATS_PER_TIMEOUT 5

typedef enum RaftRole
{
	RAFT_FOLLOWER = 0,
	RAFT_PRE_CANDIDATE,			/* asks whether a candidacy could succeed */
	RAFT_CANDIDATE,
	RAFT_LEADER
} RaftRole;

/*
 * How far a node belongs to the cluster; durable.  The first four are climbed
 * in lockstep at the cluster's birth (RAFT.md, 4.7); only a MEMBER votes,
 * campaigns or acknowledges.  Values are part of the wire and file formats.
 */
typedef enum RaftStanding
{
	RAFT_NEW = 0,				/* declared new, knows nobody */
	RAFT_MET,					/* every other node is at least NEW */
	RAFT_READY,					/* every other node is at least MET */
	RAFT_MEMBER,
	RAFT_AMNESIAC				/* lost its state; counts as a dead node */
} RaftStanding;

/* Message types; values are part of the wire format. */
typedef enum RaftMessageType
{
	RAFT_MESSAGE_PRE_VOTE = 1,
	RAFT_MESSAGE_PRE_VOTE_REPLY,
	RAFT_MESSAGE_VOTE,
	RAFT_MESSAGE_VOTE_REPLY,
	RAFT_MESSAGE_HEARTBEAT,
	RAFT_MESSAGE_HEARTBEAT_ACK,
	RAFT_MESSAGE_HEARTBEAT_REJECT,
	RAFT_MESSAGE_TIMEOUT_NOW,
	RAFT_MESSAGE_RESIGN,
	RAFT_MESSAGE_PROBE,
	RAFT_MESSAGE_PROBE_REPLY,
	RAFT_MESSAGE_TERM_QUERY,
	RAFT_MESSAGE_TERM_REPORT
} RaftMessageType;

#define RAFT_MESSAGE_TYPE_FIRST		RAFT_MESSAGE_PRE_VOTE
#define RAFT_MESSAGE_TYPE_LAST		RAFT_MESSAGE_TERM_REPORT

/* Why a vote or pre-vote was refused; values are part of the wire format. */
typedef enum RaftRefusal
{
	RAFT_REFUSAL_NONE = 0,		/* not refused */
	RAFT_REFUSAL_TERM,			/* the term asked for is in the past */
	RAFT_REFUSAL_VOTED,			/* voted for another in this term */
	RAFT_REFUSAL_SPOILED,		/* may not vote in this term */
	RAFT_REFUSAL_PROMISED,		/* promised to hear nobody but its leader */
	RAFT_REFUSAL_LEADER,		/* is a leader with a valid lease */
	RAFT_REFUSAL_SILENT,		/* restarted not long ago */
	RAFT_REFUSAL_STORAGE,		/* cannot write its state */
	RAFT_REFUSAL_POSITION,		/* is further with the data, or elsewhere */
	RAFT_REFUSAL_LAST = RAFT_REFUSAL_POSITION
} RaftRefusal;

/* Bits of RaftMessage.flags; values are part of the wire format. */
#define RAFT_FLAG_GRANTED			0x01	/* replies: the vote is granted */
#define RAFT_FLAG_SILENT			0x02	/* sender is in its silent period */
#define RAFT_FLAG_LEADER			0x04	/* sender leads with a lease */
#define RAFT_FLAG_HAS_TOKEN			0x08	/* token_leader, token_term are
											 * set */
#define RAFT_FLAG_UNFIT				0x10	/* sender has lost a lease, or
											 * resigned as its disk failed,
											 * not long ago: it ranks last */
#define RAFT_FLAGS_ALL				0x1f

/*
 * How far a node has come with the data; opaque to the core, which hands it
 * to RaftConfig.compare_positions.
 */
typedef struct RaftPosition
{
	uint8_t		bytes[16];
} RaftPosition;

/* What the position has to do with elections (RAFT.md, 1.9). */
typedef enum RaftPositionMode
{
	RAFT_POSITION_OFF = 0,		/* nothing; positions may all be zero */
	RAFT_POSITION_PREFER,		/* among equals the one further ahead follows
								 * the leader; nobody is refused for it */
	RAFT_POSITION_REQUIRE		/* and a voter refuses whoever is not at least
								 * as far as itself (Raft paper, 5.4.1) */
} RaftPositionMode;

/* How one position stands to another one. */
typedef enum RaftPositionOrder
{
	RAFT_POSITION_BEHIND = -1,
	RAFT_POSITION_EQUAL = 0,
	RAFT_POSITION_AHEAD = 1,
	RAFT_POSITION_INCOMPARABLE = 2	/* histories that have parted */
} RaftPositionOrder;

/* How "one" stands to "other".  Pure: it depends on nothing else. */
typedef RaftPositionOrder (*RaftComparePositions) (const RaftPosition *one,
												   const RaftPosition *other);

/*
 * One message between two nodes.  Every field travels in every message; one
 * that a type does not use is zero (ids: RAFT_NO_NODE; rank: RAFT_NO_RANK).
 */
typedef struct RaftMessage
{
	RaftMessageType type;
	int32_t		from;			/* sender's id */
	int32_t		to;				/* addressee's id */
	uint64_t	from_session;	/* sender's session, random per start, not 0 */
	uint64_t	to_session;		/* echo of the addressee's session; 0: not
								 * known to the sender yet */
	bool		stranger;		/* not on the wire: set by the receiver on a
								 * PROBE whose session it has not accepted */
	uint64_t	challenge;		/* not on the wire: with stranger, the nonce
								 * that a PROBE back to it must carry */

	uint64_t	term;			/* sender's durable term */
	uint64_t	subject_term;	/* the term that this is about: PRE_VOTE and
								 * its reply, the proposed one; VOTE and its
								 * reply, the one voted in; HEARTBEAT, ACK,
								 * REJECT, the heartbeat's; TIMEOUT_NOW,
								 * RESIGN, the one that ends */
	uint64_t	nonce;			/* PRE_VOTE, VOTE and replies: the candidacy;
								 * PROBE and reply: the challenge; TERM_QUERY
								 * and report: the query */
	uint64_t	round;			/* HEARTBEAT, ACK: round of heartbeats, from 1 */
	uint64_t	promise_ns;		/* ACK: for how long after processing the
								 * heartbeat its sender grants nobody else;
								 * HEARTBEAT: the leader's own promise, for
								 * information; refusals: what is left of the
								 * promise, or of the silence, that forbids
								 * the vote */
	int32_t		rank;			/* HEARTBEAT: addressee's rank as successor,
								 * from 0, or RAFT_NO_RANK */
	uint32_t	rank_epoch;		/* HEARTBEAT: grows whenever ranks change */
	uint64_t	rank_delay_ns;	/* HEARTBEAT: delta, from rank to rank */
	int32_t		token_leader;	/* PRE_VOTE, VOTE with RAFT_FLAG_HAS_TOKEN:
								 * the leader that has released its voters */
	uint64_t	token_term;		/* and the term in which it led */
	int32_t		successor;		/* RESIGN, TIMEOUT_NOW: who is to campaign;
								 * HEARTBEAT: who would, were the leader to
								 * resign now; or RAFT_NO_NODE */
	int32_t		known_leader;	/* leader that the sender knows of, or none */
	uint64_t	known_leader_term;	/* and its term, or 0 */
	uint64_t	generation;		/* sender's durable generation */
	uint64_t	generation_seen;	/* the greatest generation that the sender
									 * has seen of the addressee's */
	uint64_t	former_generation_seen; /* likewise, as far as it was seen of
										 * sessions before the addressee's
										 * present one, or 0 */
	RaftStanding standing;		/* sender's */
	RaftRole	role;			/* sender's, for information */
	uint8_t		flags;			/* RAFT_FLAG_... */
	RaftRefusal refusal;		/* PRE_VOTE_REPLY, VOTE_REPLY */
	uint64_t	storage_ns;		/* sender's smoothed time to make state
								 * durable, for information */
	int32_t		priority;		/* sender's, 0 ... 1000; 0: never leads */
	RaftPosition position;		/* sender's; all zero: not known, or off */
	uint16_t	advertised_port;	/* sender's PostgreSQL port; carried, not
									 * interpreted */
} RaftMessage;

/* What must survive every crash; written as one atomic record. */
typedef struct RaftDurable
{
	uint64_t	term;			/* never goes back */
	int32_t		vote;			/* in this term: node id, RAFT_VOTE_NONE or
								 * RAFT_VOTE_SPOILED */
	uint64_t	max_promise_ns; /* longest promise that may be in force */
	uint64_t	generation;		/* of the record: grows with each one */
	RaftStanding standing;
	uint64_t	peer_generation[RAFT_MAX_NODES];	/* greatest that was seen
													 * of each other node's
													 * records, as of this
													 * write; 0: none */
} RaftDurable;

/* Settings that may change while the node runs. */
typedef struct RaftTimings
{
	uint64_t	heartbeat_interval_ns;	/* >= 1 ms */
	uint64_t	election_timeout_min_ns;	/* >= 5 heartbeats, less 1.5
											 * heartbeats at most the cap of a
											 * promise */
	uint64_t	election_timeout_max_ns;	/* > election_timeout_min_ns */
	uint32_t	max_clock_drift_ppm;	/* bound on the clocks' rate error, 0
										 * ... 200000 */
	int32_t		priority;		/* 0 ... 1000; 0: never leads, still votes */
} RaftTimings;

typedef struct RaftConfig
{
	int32_t		node_id;		/* 0 ... node_count - 1 */
	int32_t		node_count;		/* 1 ... RAFT_MAX_NODES */
	uint64_t	session;		/* of this incarnation: random, not 0 */
	uint16_t	advertised_port;	/* sent with each message */
	RaftTimings timings;
	RaftPositionMode position_mode; /* the same on all nodes */
	RaftComparePositions compare_positions; /* NULL with RAFT_POSITION_OFF
											 * only */
} RaftConfig;

/* Result of an entry or a control call. */
typedef enum RaftResult
{
	RAFT_OK = 0,
	RAFT_DROPPED,				/* raft_receive: the message was refused; see
								 * RaftCounters.dropped */
	RAFT_NOT_DRAINED,			/* state waits to be made durable: drain first */
	RAFT_INVALID,				/* arguments out of range; nothing was changed */
	RAFT_NOT_LEADER,			/* step down, transfer: this node does not
								 * lead */
	RAFT_NOT_AMNESIAC,			/* forget state: this node has not lost it */
	RAFT_NOT_FIT				/* transfer: the node asked for cannot follow
								 * now: no fresh acknowledgement of it, it is
								 * silent, or its priority is 0 */
} RaftResult;

/* Why a role or the known leader changed. */
typedef enum RaftReason
{
	RAFT_REASON_NONE = 0,
	RAFT_REASON_START,			/* the node started */
	RAFT_REASON_ELECTED,		/* a majority voted for this node */
	RAFT_REASON_HEARTBEAT,		/* a leader's heartbeat was heard */
	RAFT_REASON_ELECTION_TIMEOUT,	/* nothing was heard of the leader */
	RAFT_REASON_RESIGNED,		/* the leader resigned */
	RAFT_REASON_QUORUM_LOST,	/* the leader's lease ran out */
	RAFT_REASON_NO_LEASE,		/* elected, but no majority acknowledged */
	RAFT_REASON_HIGHER_TERM,	/* a higher term was met */
	RAFT_REASON_ROUND_FAILED,	/* no majority answered in time */
	RAFT_REASON_STEP_DOWN,		/* an operator asked for it */
	RAFT_REASON_SHUTDOWN,		/* the server stops */
	RAFT_REASON_STORAGE,		/* state could not be made durable */
	RAFT_REASON_AMNESIA,		/* the node's state is lost */
	RAFT_REASON_INVARIANT,		/* another leader in one's own term */
	RAFT_REASON_TRANSFER,		/* an operator named another leader */
	RAFT_REASON_TAKES_PART,		/* its state is known, or can be written,
								 * again */
	RAFT_REASON_LAST = RAFT_REASON_TAKES_PART
} RaftReason;

/* Why a node became amnesiac. */
typedef enum RaftAmnesia
{
	RAFT_AMNESIA_NONE = 0,
	RAFT_AMNESIA_RECORD,		/* the record handed to raft_init says so */
	RAFT_AMNESIA_ROLLED_BACK,	/* a peer has seen a greater generation */
	RAFT_AMNESIA_LEFT_BEHIND	/* a peer's standing is two or more above */
} RaftAmnesia;

typedef enum RaftEventType
{
	RAFT_EVENT_ROLE = 1,		/* role changed */
	RAFT_EVENT_LEADER,			/* known leader changed */
	RAFT_EVENT_LEASE_BEGUN,		/* this leader's lease began */
	RAFT_EVENT_STANDING,		/* standing changed */
	RAFT_EVENT_SILENCE_ENDED,	/* the restarted voter takes part again */
	RAFT_EVENT_VOTE,			/* this node voted for another */
	RAFT_EVENT_INVARIANT,		/* another node claims to lead in our term */
	RAFT_EVENT_STORAGE_FAILED,	/* state could not be made durable */
	RAFT_EVENT_STORAGE_BACK		/* and now it can again */
} RaftEventType;

/* Something worth a line in the log, in the order in which it happened. */
typedef struct RaftEvent
{
	RaftEventType type;
	uint64_t	at_ns;
	uint64_t	term;			/* durable or about to be so */
	RaftRole	old_role;		/* ROLE */
	RaftRole	role;			/* ROLE, and the present one otherwise */
	int32_t		old_leader;		/* LEADER */
	int32_t		leader;			/* LEADER, and the present one otherwise */
	int32_t		other;			/* VOTE: for whom; INVARIANT: the other
								 * leader; else RAFT_NO_NODE */
	RaftStanding standing;
	RaftReason	reason;
	RaftAmnesia amnesia;		/* STANDING: if it is RAFT_AMNESIAC */
} RaftEvent;

/* Counted since raft_init. */
typedef struct RaftCounters
{
	uint64_t	pre_votes_begun;
	uint64_t	elections_begun;
	uint64_t	elections_won;
	uint64_t	elections_lost; /* candidacies that ended without winning;
								 * with those won, and one under way, they are
								 * those begun */
	uint64_t	rounds_failed;	/* candidacies and pre-candidacies without a
								 * majority in time */
	uint64_t	votes_granted;
	uint64_t	votes_refused;	/* for whatever reason; likewise
								 * pre_votes_refused */
	uint64_t	votes_refused_for[RAFT_REFUSAL_LAST + 1];	/* by RaftRefusal */
	uint64_t	pre_votes_granted;
	uint64_t	pre_votes_refused;
	uint64_t	pre_votes_refused_for[RAFT_REFUSAL_LAST + 1];
	uint64_t	heartbeats_sent;
	uint64_t	heartbeats_acknowledged;	/* acknowledgements counted */
	uint64_t	lease_lapses;
	uint64_t	leader_changes; /* changes of the known leader */
	uint64_t	dropped;		/* messages refused by raft_receive */
	uint64_t	outbox_full;	/* messages lost as the outbox was full */
	uint64_t	events_lost;	/* events lost as nobody fetched them */
	uint64_t	clock_went_back;
	uint64_t	invariants_broken;
	uint64_t	persist_failures;
} RaftCounters;

/* What the node knows of itself; a snapshot. */
typedef struct RaftView
{
	RaftRole	role;
	RaftReason	role_reason;	/* of the last change of role or leader */
	uint64_t	since_ns;		/* of the last change of role or leader */
	uint64_t	term;			/* durable */
	int32_t		vote;			/* durable */
	uint64_t	generation;		/* durable */
	uint64_t	max_promise_ns; /* durable */
	RaftStanding standing;		/* durable */
	RaftAmnesia amnesia;
	int32_t		leader_id;		/* leader that this node follows, or itself
								 * when it leads, else RAFT_NO_NODE */
	uint64_t	leader_term;	/* its term; equals term, but on a node that
								 * is not a MEMBER; 0: no leader */
	int32_t		rumoured_leader_id; /* leader that peers tell of while this
									 * node hears none, or RAFT_NO_NODE */
	uint64_t	rumoured_leader_term;
	uint64_t	lease_term;		/* term of lease_end_ns, 0: no lease */
	uint64_t	lease_end_ns;	/* 0: no lease */
	bool		silent;			/* restarted: neither votes nor campaigns */
	uint64_t	silent_until_ns;
	bool		draining;		/* resigned: waits for another to lead */
	bool		storage_failed;
	uint64_t	forget_at_ns;	/* forget-state was asked for and will be
								 * carried out then; 0: was not */
	int32_t		quorum;			/* floor(N / 2) + 1 */
	int32_t		granted_count;	/* candidates: grants so far, with its own */
	uint64_t	recover_at_ns;	/* amnesiacs: not before then can asking the
								 * others bring the node back; 0: is none, or
								 * asking cannot help (N = 1) */
	int32_t		rank;			/* followers: as the leader's successor, from
								 * 0, or RAFT_NO_RANK */
	uint64_t	rank_delay_ns;	/* from one rank's timer to the next one's */
	int32_t		successor;		/* leaders: who would follow, or none */
	RaftTimings timings;		/* in force */
	uint64_t	promise_ns;		/* that this node makes with each ack */
	uint64_t	promised_until_ns;	/* 0: no promise in force */
	int32_t		promised_to;	/* or RAFT_NO_NODE */
} RaftView;

/* What the node knows of one peer; a snapshot. */
typedef struct RaftPeerView
{
	uint64_t	session;		/* accepted; 0: none yet */
	uint64_t	last_heard_ns;	/* 0: never in this incarnation */
	uint64_t	round_trip_ns;	/* smoothed; 0: not measured */
	uint64_t	last_round_trip_ns; /* newest single measurement, from this
									 * node to the peer and back, by a probe
									 * or a heartbeat; 0: none */
	uint64_t	measured_ns;	/* when its answer came: it has heard us not
								 * long before; 0: never in this incarnation */
	uint64_t	term;			/* last heard of */
	RaftRole	role;			/* last heard of */
	RaftStanding standing;		/* last heard of */
	int32_t		priority;		/* last heard of; -1: never heard */
	int32_t		known_leader;	/* last heard of, or RAFT_NO_NODE */
	uint64_t	known_leader_term;
	bool		silent;			/* last heard of */
	uint64_t	acknowledged_ns;	/* leaders: when the newest acknowledged
									 * round was sent; 0: none */
	uint64_t	expiry_ns;		/* leaders: end of this voter's share of the
								 * lease; 0: none */
	RaftRefusal refusal;		/* its answer to the latest candidacy */
	bool		granted;		/* it granted the latest candidacy */
	uint64_t	generation;		/* greatest seen of it; 0: none */
	uint16_t	advertised_port;	/* 0: never heard */
	bool		awaited;		/* this node, not yet a MEMBER or amnesiac,
								 * waits for its report */
	int32_t		rank;			/* leaders: that was told to it, or
								 * RAFT_NO_RANK */
} RaftPeerView;

typedef struct RaftNode RaftNode;

/* Bytes that the caller must provide for a RaftNode, aligned for uint64_t. */
extern size_t raft_node_size(void);

/*
 * Check settings: NULL if they obey the rules, else a constant English
 * phrase that names the rule which they break.
 */
extern const char *raft_check_timings(const RaftTimings *timings);

/* The promise that a node with these settings makes (RAFT.md, 5.3). */
extern uint64_t raft_promise_ns(const RaftTimings *timings);

/*
 * What a leader may use of a promise of that length: promise less the drift
 * of two clocks and their granularity (RAFT.md, 2.1).
 */
extern uint64_t raft_usable_promise_ns(uint64_t promise_ns,
									   uint32_t max_clock_drift_ppm);

/*
 * Bring a node to life from its durable state.  "confirmed" says that the
 * state is what is on disk; if false, it is what ought to be there (a new or
 * an amnesiac node's first record) and raft_ready() asks for it first.
 * RAFT_INVALID if config or state break their ranges.
 */
extern RaftResult raft_init(RaftNode *node, const RaftConfig *config,
							const RaftDurable *durable, bool confirmed,
							uint64_t now_ns, uint64_t draw);

/* Feed one message, authenticated and of an accepted session (or a PROBE). */
extern RaftResult raft_receive(RaftNode *node, const RaftMessage *message,
							   uint64_t now_ns, uint64_t draw);

/* Let time pass.  Call it at raft_next_deadline(); more often does no harm. */
extern RaftResult raft_tick(RaftNode *node, uint64_t now_ns, uint64_t draw);

/* When raft_tick() has to be called next; UINT64_MAX: never. */
extern uint64_t raft_next_deadline(const RaftNode *node);

/*
 * Control calls.  Stepping down ends the lease for good, releases the
 * voters and names a successor (RAFT.md, 1.8); reason is STEP_DOWN, SHUTDOWN
 * or STORAGE.
 */
extern RaftResult raft_step_down(RaftNode *node, RaftReason reason,
								 uint64_t now_ns, uint64_t draw);

/*
 * Hand leadership over to that node (Raft thesis, 3.10): as stepping down, with
 * a successor of one's own choice.  RAFT_NOT_FIT changes nothing.  Once it has
 * begun there is no way back: if the successor fails, another node, perhaps
 * this one, wins a later term.
 */
extern RaftResult raft_transfer(RaftNode *node, int32_t successor,
								uint64_t now_ns, uint64_t draw);

/*
 * Tell the node how far it has come with the data.  Means nothing with
 * RAFT_POSITION_OFF.
 */
extern RaftResult raft_set_position(RaftNode *node,
									const RaftPosition *position,
									uint64_t now_ns, uint64_t draw);

/*
 * An operator takes it upon himself that what an amnesiac node forgot does
 * not matter (RAFT.md, 4.4, 5).  Carried out when RAFT_MAX_PROMISE_NS have
 * passed since the start; RaftView.forget_at_ns tells when that is.
 */
extern RaftResult raft_forget_state(RaftNode *node, uint64_t now_ns,
									uint64_t draw);

/* Change the settings; RAFT_INVALID changes nothing. */
extern RaftResult raft_reconfigure(RaftNode *node, const RaftTimings *timings,
								   uint64_t now_ns, uint64_t draw);

/*
 * Must something be made durable?  If so, fill in the record.  The caller
 * writes it, whole, and then calls one of the two below, with the time after
 * the write; persisted with how long it took.
 */
extern bool raft_ready(const RaftNode *node, RaftDurable *durable);
extern void raft_persisted(RaftNode *node, uint64_t now_ns,
						   uint64_t storage_ns, uint64_t draw);
extern void raft_persist_failed(RaftNode *node, uint64_t now_ns,
								uint64_t draw);

/* Fetch the oldest message to be sent; false: none (or not durable yet). */
extern bool raft_next_message(RaftNode *node, RaftMessage *message);

/* Fetch the oldest event; false: none. */
extern bool raft_next_event(RaftNode *node, RaftEvent *event);

extern void raft_view(const RaftNode *node, RaftView *view);

/* peer_id may be the node's own; false if it is out of range. */
extern bool raft_peer_view(const RaftNode *node, int32_t peer_id,
						   RaftPeerView *view);

extern const RaftCounters *raft_counters(const RaftNode *node);

/*
 * Check every invariant of the node's state that can be checked from within:
 * NULL, or a constant phrase that names the one which is broken.
 */
extern const char *raft_check(const RaftNode *node);

/* Words for logs and views: "follower", "quorum lost", ...; constant. */
extern const char *raft_role_name(RaftRole role);
extern const char *raft_standing_name(RaftStanding standing);
extern const char *raft_message_type_name(RaftMessageType type);
extern const char *raft_refusal_name(RaftRefusal refusal);
extern const char *raft_reason_name(RaftReason reason);
extern const char *raft_amnesia_name(RaftAmnesia amnesia);

#endif							/* RAFT_H */
