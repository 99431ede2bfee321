/*-------------------------------------------------------------------------
 *
 * sim.h
 *		The deterministic simulator: N nodes of pg_leader in one process, with
 *		virtual time, a bad network, bad disks and bad luck.
 *
 * A world is built from a seed; the seed draws the options (options.c), and
 * these draw all that happens.  Nothing else has a say: no clock, no address,
 * no order of directories.  The same seed and options give the same run, and
 * so the same hash of it, in every build.
 *
 *	options.c		what a seed switches on, by name
 *	world.c			virtual time, the queue of events, building and running
 *	host.c			one host: its boot, start and end
 *	receiver.c		the gates that each datagram passes
 *	ticker.c		the core is fed, drained and obeyed
 *	cell.c			the lease as readers see it
 *	sender.c		what leaves, and the last words
 *	tag.c			what stands in for the HMAC
 *	disk.c			durable state: slow, failing, torn, lost, rolled back
 *	links.c			the network
 *	faults.c		what goes wrong, blindly
 *	fault_links.c	with the links
 *	fault_aims.c	and aimed at the moments that matter
 *	clones.c		a copy of a node that runs beside the original
 *	reader.c		who reads the lease cell
 *	ghost.c			what is really true, which no node may know
 *	bodies.c		likewise, of a node that runs twice
 *	invariants.c	what must hold, by number
 *	liveness.c		what must happen when faults end
 *	coverage.c		what has happened at least once
 *	trace.c			the run as text, and its hash
 *	study.c			long and many runs for figures
 *	batch.c			many seeds, in several processes
 *	main.c			the command line
 *
 * Some seeds go beyond what is claimed; ghost.c says when, and what is checked
 * then.  What is claimed of a node that runs twice, and how it is told from
 * what is not, is at the top of bodies.c.
 *
 * Times are in nanoseconds.  "Real" time is the world's; a "local" time is what
 * a host's clock shows.
 *
 * A host has a place among the hosts.  It is the node's id, but for a clone's:
 * that one has the last place, and the id of the node that it is a copy of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "raft/raft.h"
#include "wire/session.h"
#include "wire/wire.h"

#define SIM_US				UINT64_C(1000)
#define SIM_MS				UINT64_C(1000000)
#define SIM_S				UINT64_C(1000000000)
#define SIM_NEVER			UINT64_MAX
#define SIM_MILLION			1000000

/* ----------
 * Chance: SplitMix64, one state for each purpose
 * ----------
 */

static inline uint64_t
sim_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 ... limit - 1; 0 if limit is 0. */
static inline uint64_t
sim_below(uint64_t *state, uint64_t limit)
{
	return (uint64_t) (((unsigned __int128) sim_random(state) * limit) >> 64);
}

/* True "per_million" times in a million. */
static inline bool
sim_chance(uint64_t *state, int64_t per_million)
{
	return per_million > 0 &&
		sim_below(state, SIM_MILLION) < (uint64_t) per_million;
}

/* In world.c: integers alone, lest libraries of mathematics differ. */
extern uint64_t sim_exponential(uint64_t *state, uint64_t mean);
extern uint64_t sim_pareto(uint64_t *state, uint64_t least, uint64_t greatest);
extern uint64_t sim_between_log(uint64_t *state, uint64_t least,
								uint64_t greatest);

/* ----------
 * Options
 * ----------
 */

typedef enum FaultClass
{
	FAULT_PARTITION = 0,		/* two sides, both ways or one way */
	FAULT_ISOLATE,				/* one node: mute, deaf or both */
	FAULT_HUB,					/* all hear the hub only */
	FAULT_CHAIN,				/* each hears its neighbours only */
	FAULT_FLAP,					/* one link comes and goes */
	FAULT_SWIZZLE,				/* links stop one by one, and come back in
								 * another order */
	FAULT_SEVER,				/* one direction of one link, for good */
	FAULT_CRASH_HOST,
	FAULT_CRASH_PIPELINE,
	FAULT_CRASH_ALL,			/* a power cut */
	FAULT_SHUTDOWN,				/* orderly, with last words */
	FAULT_SENDER_ENDS,			/* last words while the ticker lives on */
	FAULT_DISK_SLOW,
	FAULT_DISK_FAILS,
	FAULT_LOSE_STATE,			/* comes up amnesiac */
	FAULT_LOSE_DECLARED_NEW,	/* comes up as a new one */
	FAULT_COPY_STATE,			/* the file is found to be a copy */
	FAULT_ROLL_BACK,			/* an old record, and nothing shows it */
	FAULT_CLONE,				/* a copy runs beside the original */
	FAULT_PAUSE_TICKER,
	FAULT_PAUSE_SENDER,
	FAULT_PAUSE_RECEIVER,
	FAULT_PAUSE_HOST,
	FAULT_TRANSFER,
	FAULT_STEP_DOWN,
	FAULT_RELOAD,
	FAULT_FORGET_STATE,
	FAULT_MISCONFIGURE,			/* starts with another number of nodes */
	FAULT_POSITION,				/* a node's data moves */
	FAULT_CLOCK_RATE,			/* a clock is slewed */
	FAULT_CLASSES
} FaultClass;

/* All are signed, so that one table serves for printing and overriding. */
typedef struct SimOptions
{
	int64_t		nodes;
	int64_t		steps;			/* events before faults end */
	int64_t		born;			/* 0: starts as members; 1: as new nodes */
	int64_t		tick_each_turn; /* also when nothing is due */
	int64_t		timeout_min_ms;
	int64_t		heartbeats;		/* heartbeat intervals in a timeout */
	int64_t		timeout_max_percent;	/* of the least timeout */
	int64_t		drift_ppm;		/* allowed, by all nodes' settings */
	int64_t		clock_ppm;		/* real rate error at most */
	int64_t		clock_high;		/* clocks start near 2^63 */
	int64_t		uneven_timings; /* nodes differ: 1 mildly, 2 wildly */
	int64_t		uneven_priorities;
	int64_t		position_mode;
	int64_t		start_spread_ms;	/* between the first and the last start */

	int64_t		delay_kind;		/* 0 constant, 1 exponential, 2 Pareto, 3
								 * mixed */
	int64_t		delay_us;		/* mean, one way */
	int64_t		loss_ppm;
	int64_t		uneven_loss;	/* each link and direction its own, up to 50% */
	int64_t		duplicate_ppm;
	int64_t		copies;			/* at most, of one datagram */
	int64_t		hold_percent;	/* copies held at most: percent of timeout */
	int64_t		flip_ppm;		/* datagrams with damaged bits */
	int64_t		forge_ppm;		/* datagrams with a term far ahead */

	int64_t		queue_room;		/* of inbox and outbox, in messages */
	int64_t		ticker_late_us; /* mean time until a process gets the CPU */
	int64_t		disk_us;		/* mean time of a write */
	int64_t		tear;			/* unsynced writes may be lost or survive */
	int64_t		crash_step_ppm; /* of entries crash at a step of draining */

	int64_t		fault_percent;	/* mean time between faults, of a timeout */
	int64_t		fault_length_percent;	/* mean length of one */
	int64_t		faults;			/* bit for each FaultClass */

	/* Aimed at the moments that matter. */
	int64_t		drop_kind;		/* message type that is lost often; 0: none */
	int64_t		drop_ppm;
	int64_t		hold_kind;		/* message type that is held very long */
	int64_t		hold_ppm;
	int64_t		grant_crash_ppm;	/* crash after a vote became durable,
									 * before or after its reply */
	int64_t		grant_loss_ppm; /* and the state is lost then */
	int64_t		handover_crash_ppm; /* crash, or cut, after TimeoutNow left */
	int64_t		lease_edge_ppm; /* pause a leader across its lease's end */
	int64_t		promise_edge_ppm;	/* cut a voter's leader off as its promise
									 * ends */
	int64_t		ack_loss_ppm;	/* lose a voter's state with a fresh promise,
								 * and its leader's way to the others */
	int64_t		wipe_ppm;		/* as a lease begins, lose the states of all
								 * that know of its term, and declare them new */
	int64_t		clone_ppm;		/* copy a node just after its vote was
								 * written, or as its lease begins */
	int64_t		first_ack_ppm;	/* lose the first acknowledgement after a
								 * pause */

	int64_t		read_percent;	/* mean time between reads, of a timeout; 0:
								 * none */
	int64_t		read_pause_ppm; /* readers pause between load and clock */
	int64_t		early_ticks;	/* tick also when nothing is due, and expect
								 * nothing of it (I11) */
	int64_t		roll_back_ppm;	/* lose a voter's state with its fresh vote,
								 * and roll its candidate back to before its
								 * candidacy, of which nobody else knows */
	int64_t		liveness;		/* have a liveness phase */
	int64_t		uneven_for_good;	/* with settings that stay uneven, wildly */
	int64_t		ignored;		/* bit for each invariant not to be checked */
} SimOptions;

extern void options_draw(SimOptions *options, uint64_t seed);
extern bool options_override(SimOptions *options, const char *text);
extern void options_print(const SimOptions *options, FILE *out);
extern const char *options_fault_name(FaultClass fault);

/* ----------
 * Coverage
 * ----------
 */

typedef enum Coverage
{
	/* Terms (Raft paper, 5.1, with pre-vote and lease). */
	COVER_HEARTBEAT_ADOPTED = 0,
	COVER_RELEASE_ADOPTED,
	COVER_VOTE_ADOPTED,
	COVER_VOTE_IGNORED_PROMISE,
	COVER_VOTE_IGNORED_LEASE,
	COVER_VOTE_IGNORED_SILENT,
	COVER_PRE_VOTE_NOT_ADOPTED,
	COVER_PRE_GRANT_NOT_ADOPTED,
	COVER_REFUSAL_ADOPTED,
	COVER_REJECT_ADOPTED,
	COVER_SELF_TRANSFER,
	COVER_LOWER_TERM_ANSWERED,
	COVER_FAR_TERM_DROPPED,

	/* Granting. */
	COVER_PRE_VOTE_GRANTED,
	COVER_VOTE_GRANTED,
	COVER_VOTE_GRANTED_AGAIN,
	COVER_VOTE_GRANTED_BY_TOKEN,
	COVER_VOTE_GRANTED_TO_OWN_LEADER,
	COVER_REFUSED_TERM,
	COVER_REFUSED_VOTED,
	COVER_REFUSED_SPOILED,
	COVER_REFUSED_PROMISED,
	COVER_REFUSED_LEADER,
	COVER_REFUSED_SILENT,
	COVER_REFUSED_STORAGE,
	COVER_REFUSED_POSITION,

	/* Campaigning. */
	COVER_PRE_CANDIDATE,
	COVER_CANDIDATE,
	COVER_ELECTED,
	COVER_ELECTED_ALONE,
	COVER_ROUND_FAILED,
	COVER_REQUEST_REPEATED,
	COVER_CANDIDATE_HEARD_LEADER,
	COVER_GRANT_CAME_LATE,
	COVER_WITNESS_STAYED,
	COVER_INBOX_BEFORE_TIMER,

	/* Heartbeats, promises, lease. */
	COVER_LEASE_BEGUN,
	COVER_LEASE_EXTENDED,
	COVER_LEASE_LAPSED,
	COVER_NO_LEASE,
	COVER_ACK_AFTER_LAPSE,
	COVER_ACK_OF_FORMER_TERM,
	COVER_ACK_OF_OLD_ROUND,
	COVER_REJECTED,
	COVER_AMNESIAC_HEARD_LEADER,
	COVER_PROMISE_RAISED,
	COVER_PROMISE_LOWERED,
	COVER_SILENCE_ENDED,

	/* Handing over. */
	COVER_STEPPED_DOWN,
	COVER_TRANSFERRED,
	COVER_TRANSFER_NOT_FIT,
	COVER_TIMEOUT_NOW_FOLLOWED,
	COVER_TIMEOUT_NOW_IGNORED,
	COVER_RELEASED,
	COVER_RELEASE_IGNORED,
	COVER_EX_LEADER_CAMPAIGNED,
	COVER_RESIGNED_FOR_STORAGE,
	COVER_RESIGNED_FOR_PRIORITY,
	COVER_LAST_WORDS,
	COVER_RAISED_AFTER_REVOKED,

	/* Lost state. */
	COVER_AMNESIAC_RECORD,
	COVER_AMNESIAC_ROLLED_BACK,
	COVER_AMNESIAC_LEFT_BEHIND,
	COVER_AMNESIAC_REMEMBERED,
	COVER_AMNESIAC_RESTARTED,
	COVER_SEVERAL_AMNESIACS,
	COVER_AMNESIAC_REPORTED,
	COVER_RECOVERED_BY_ASKING,
	COVER_STATE_FORGOTTEN,
	COVER_ROLLBACK_STRUCK,
	COVER_ROLLBACK_REPORTED,
	COVER_ROLLBACK_TAKEN_BACK,
	COVER_ROLLBACK_USED,
	COVER_FORGOT_TOO_LOW,

	/* Clones. */
	COVER_CLONE_STARTED,
	COVER_CLONE_WITH_FRESH_VOTE,
	COVER_CLONE_OF_LEADER,
	COVER_CLONE_OF_SNAPSHOT,
	COVER_CLONE_ORIGINAL_PAUSED,
	COVER_CLONE_ORIGINAL_RESUMED,
	COVER_CLONE_PARTED,
	COVER_CLONE_BOTH_ALIVE,
	COVER_CLONE_ADDRESS_MOVED,
	COVER_CLONE_DROP_ADDRESS,
	COVER_CLONE_REPLACED,
	COVER_CLONE_DROPPED,
	COVER_CLONE_CHALLENGED,
	COVER_CLONE_CONTEST_ENDED,
	COVER_CLONE_BELIEVED_ALONE,
	COVER_CLONE_TOLD,
	COVER_CLONE_REPORTED,
	COVER_CLONE_CONTRADICTED,
	COVER_CLONE_STOPPED,

	/* Birth. */
	COVER_BORN_MET,
	COVER_BORN_READY,
	COVER_BORN_MEMBER,
	COVER_BORN_AFTER_OTHERS,
	COVER_LOST_IN_BIRTH,
	COVER_REBORN,

	/* Network and hosts. */
	COVER_DATAGRAM_LOST,
	COVER_DATAGRAM_CUT,
	COVER_DATAGRAM_DUPLICATED,
	COVER_DATAGRAM_HELD,
	COVER_DATAGRAM_OVERTAKEN,
	COVER_DROP_TAG,
	COVER_DROP_DAMAGED_HEADER,
	COVER_DROP_FINGERPRINT,
	COVER_DROP_SESSION,
	COVER_DROP_REPLAY,
	COVER_STRANGER,
	COVER_INBOX_FULL,
	COVER_OUTBOX_FULL,
	COVER_CLOCK_HIGH,
	COVER_CRASH_BEFORE_WRITE,
	COVER_CRASH_WRITTEN,
	COVER_CRASH_BEFORE_PUBLISH,
	COVER_CRASH_BEFORE_SEND,
	COVER_CRASH_WHILE_SENDING,
	COVER_CRASH_AFTER_SENDING,
	COVER_CRASH_WHILE_WRITING,
	COVER_TORN_NEW_SURVIVED,
	COVER_TORN_OLD_SURVIVED,
	COVER_WRITE_FAILED,
	COVER_WRITE_FAILED_BUT_LANDED,
	COVER_READ_TRUE,
	COVER_READ_FALSE,
	COVER_READ_LAPSED_IN_PAUSE,
	COVER_CELL_OUTLIVED_TICKER,
	COVER_WRITE_OUTLASTED_LEASE,

	/* Aimed faults. */
	COVER_AIMED_DROP,
	COVER_AIMED_HOLD,
	COVER_AIMED_GRANT_CRASH,
	COVER_AIMED_GRANT_LOSS,
	COVER_AIMED_HANDOVER,
	COVER_AIMED_LEASE_EDGE,
	COVER_AIMED_PROMISE_EDGE,
	COVER_AIMED_FIRST_ACK,
	COVER_AIMED_ACK_LOSS,
	COVER_AIMED_WIPE,
	COVER_AIMED_ROLL_BACK,
	COVER_AIMED_CLONE,

	/* Liveness. */
	COVER_LIVE_CORE,
	COVER_LIVE_ALL,
	COVER_LIVE_RECOVERED,
	COVER_LIVE_OPERATOR,
	COVER_LIVE_CLONES,
	COVER_LIVE_UNEVEN,

	/* One for each fault class follows. */
	COVER_FAULTS,
	COVER_COUNT = COVER_FAULTS + FAULT_CLASSES
} Coverage;

extern const char *coverage_name(Coverage item);

/* Does a batch with these settings owe it?  (N fixed at 1 elects no other.) */
extern bool coverage_is_owed(Coverage item, int64_t fixed_nodes);

/* ----------
 * The world
 * ----------
 */

typedef enum EventKind
{
	EVENT_PACKET = 0,			/* a datagram is due; index: packet */
	EVENT_DISK,					/* a write ends; index: of the host's writes */
	EVENT_START,				/* a host's pipeline starts; index: its number */
	EVENT_RESUME_SENDER,
	EVENT_RESUME_RECEIVER,
	EVENT_EXIT_TICKER,			/* after the sender's last words */
	EVENT_FAULT,				/* something goes wrong */
	EVENT_MEND,					/* links are cut or mended; index: which */
	EVENT_READ,					/* a reader loads the cell; index: body */
	EVENT_ANSWER,				/* and looks at the clock; index: the read */
	EVENT_CLONE					/* something befalls the clone; index: its
								 * number */
} EventKind;

typedef struct Event
{
	uint64_t	at_ns;
	uint64_t	order;			/* of scheduling, with kind and node below */
	uint32_t	index;
} Event;

#define SIM_NO_PACKET		UINT32_MAX

typedef struct Packet
{
	uint8_t		bytes[WIRE_DATAGRAM_SIZE];
	uint64_t	number;			/* of its sending on the link */
	uint32_t	next;			/* in the list of free ones or in a buffer */
	int16_t		from;			/* places */
	int16_t		to;
	uint8_t		type;			/* of the message */
	bool		damaged;
	bool		is_from_elsewhere;	/* not from its node's address */
} Packet;

typedef struct Link
{
	uint64_t	delay_ns;		/* mean */
	uint64_t	last_number;	/* newest datagram that has arrived */
	uint64_t	numbers;		/* sent so far */
	int32_t		loss_ppm;
	uint8_t		delay_kind;
	uint8_t		cuts;			/* faults that cut it now */
	bool		severed;		/* for good */
} Link;

typedef struct Clock
{
	uint64_t	real_ns;		/* at this real time ... */
	uint64_t	local_ns;		/* ... it showed that, ... */
	int64_t		ppm;			/* and runs fast by so much */
} Clock;

/* See lease_cell.h: what readers see of a leader. */
typedef struct Cell
{
	uint64_t	lease_term;
	uint64_t	lease_end_ns;	/* local */
	uint64_t	revoked_term;
	uint64_t	valid_until_ns; /* real time at which the pair lapses */
} Cell;

#define SIM_HISTORY			8

/* A session in which a node reported a term below one that it had known. */
typedef struct LowReport
{
	uint64_t	session;		/* 0: none */
	uint64_t	known_term;		/* that it should have known of */
} LowReport;

typedef enum DiskContent
{
	DISK_EMPTY = 0,				/* no file */
	DISK_RECORD,
	DISK_COPY					/* a file that is not the one written to */
} DiskContent;

/* How a record makes a node a member that was none: what claims rest on. */
typedef struct WayBack
{
	bool		is_forgetting;	/* by an operator's word */
	bool		is_asking;		/* by the terms of all others */
	bool		is_misled;		/* one of these was of an old record */
} WayBack;

typedef struct Disk
{
	DiskContent content;
	RaftDurable confirmed;		/* what the core was told to be durable */
	RaftDurable stray;			/* a refused write that may be there, too */
	bool		has_stray;
	WayBack		stray_way;		/* what it means if it is there */
	bool		declared_new;	/* what the configuration says, if it is empty */
	bool		misconfigured;	/* the record is of another number of nodes */
	uint64_t	slow_until_ns;	/* real */
	uint64_t	failing_until_ns;
	uint64_t	stuck_ns;		/* mean length of a slow write */
	RaftDurable history[SIM_HISTORY];	/* former records, for rollbacks */
	uint64_t	history_known[SIM_HISTORY]; /* what "known" was at their ends */
	uint32_t	history_count;
	uint64_t	known;			/* the record tells of its node's deeds up to
								 * that; UINT64_MAX: of all */
} Disk;

/* Where in draining a node is to crash. */
typedef enum CrashStep
{
	CRASH_NOWHERE = 0,
	CRASH_BEFORE_WRITE,
	CRASH_WRITTEN,				/* but not confirmed to the core */
	CRASH_BEFORE_PUBLISH,
	CRASH_BEFORE_SEND,
	CRASH_WHILE_SENDING,
	CRASH_AFTER_SENDING
} CrashStep;

/* What is true of a node, over all its lives; see ghost.c. */
typedef struct Ghost
{
	int32_t		promised_to;	/* RAFT_NO_NODE: nobody yet */
	uint64_t	promised_term;
	uint64_t	promise_until_ns;	/* real: no sooner may it end */
	uint64_t	promise_local_ns;	/* on the clock of that boot */
	uint64_t	promise_boot;

	uint64_t	max_term;		/* ever durable */
	uint64_t	voted_term;		/* greatest in which it voted for another */
	uint64_t	lost_voted_term;	/* the same, as of the last loss of state */
	uint64_t	lost_term;		/* greatest ever durable, as of that loss */
	uint64_t	candidacy_term; /* of the node that runs twice: asked last for */
	uint64_t	candidacy_session;	/* a vote in that term, and by whom */
	bool		rolled_back;	/* holds an old record, and nobody has told */
	LowReport	low_reports[SIM_HISTORY];	/* its own, of several sessions */
	uint32_t	low_report_count;
	LowReport  *counted;		/* by peer: the low report of it that this
								 * life, asking for terms, may count */
	bool		has_lost;		/* its state, or its standing, at least once */
	uint64_t	ended_term;		/* newest whose lease its ticker has lowered */
	uint64_t	request_nonce;	/* of its latest request for a (pre-)vote */
	uint64_t	request_ns;
	bool		was_draining;	/* it resigned, and has not led since */

	uint64_t	lead_term;		/* newest term that this life was elected in */
	uint64_t	lead_session;
	uint64_t   *promised_ns;	/* by voter: until when (real time) it surely
								 * keeps its promise to lead_term */
} Ghost;

typedef struct LastWords
{
	uint64_t	term;			/* 0: not prepared */
	uint64_t	sequence;		/* kept free for it */
	RaftMessage resign;
} LastWords;

/* A session of the node that is cloned, as one life of a peer hears of it. */
typedef struct Heard
{
	uint64_t	session;		/* 0: the place is free */
	uint64_t	highest;		/* sequence number that has come in */
	uint64_t	fresh_ns;		/* real time of the latest that was above all
								 * before; 0: none */
	bool		was_believed;
} Heard;

typedef struct Host
{
	int32_t		id;
	int32_t		place;
	int32_t		body;			/* the place, but each clone has a new one */
	bool		has_address;	/* the one that its peers know */
	RaftNode   *raft;
	RaftConfig	config;
	Clock		clock;
	uint64_t	boot;			/* counts boots of the machine */
	bool		up;				/* the pipeline runs */
	bool		misconfigured;	/* believes in another number of nodes */
	bool		dying;			/* its sender has spoken the last words */
	uint64_t	start_number;	/* counts starts; void events carry older ones */
	uint64_t	draws;			/* state of the core's random draws */
	uint64_t	early_draws;	/* and of those that must not matter */

	/* Receiver. */
	SessionTable sessions;
	WireConfig	wire;
	uint64_t	receiver_paused_ns; /* real, until */
	uint32_t	buffer_first;	/* datagrams in the socket's buffer */
	uint32_t	buffer_last;
	int32_t		buffer_count;
	RaftMessage *inbox;
	int32_t		inbox_first;
	int32_t		inbox_count;
	uint64_t	contest_ns[RAFT_MAX_NODES]; /* when the last challenge in a
											 * contest was made */
	Heard		heard[SESSION_FORMER_COUNT];
	int32_t		heard_count;	/* of sessions, even if there is no room */
	uint64_t	believed_session;	/* of the cloned node, the latest */

	/* Ticker. */
	uint64_t	ticker_paused_ns;	/* real, until */
	uint64_t	deadline_ns;	/* local, by raft_next_deadline() */
	bool		writing;
	bool		unwritten;		/* what it started from is not on disk yet */
	RaftDurable start_record;	/* what that was */
	RaftDurable record;			/* being written */
	uint32_t	write_number;
	uint64_t	write_began_ns; /* real */
	uint64_t	entry_ns;		/* real time of the present entry */
	uint64_t	entry_local_ns;
	bool		had_lease;		/* when this entry began */
	CrashStep	crash_step;
	int32_t		sends_before_crash;
	RaftView	view;			/* as of the last step of draining */
	uint64_t	raised_term;	/* as the ticker remembers it */
	uint64_t	raised_end_ns;
	uint64_t	same_time_ticks;
	uint64_t	same_time_ns;

	/* Shared memory of the server: outlives a pipeline, not a boot. */
	Cell		cell;
	bool		published;
	RaftView	published_view;
	uint64_t	published_generation[RAFT_MAX_NODES];

	/* Sender. */
	uint64_t	sender_paused_ns;
	RaftMessage *outbox;
	int32_t		outbox_first;
	int32_t		outbox_count;
	uint64_t	sequences[RAFT_MAX_NODES];
	LastWords  *last_words;
	uint64_t	last_words_term;

	Disk		disk;
	Ghost		ghost;
	RaftTimings timings;		/* that the next start or reload brings */
	RaftPosition position;
	bool		lose_ack;		/* aimed: the next one */
	bool		lose_at_crash;	/* aimed: the state, at the crash under way */
	bool		declare_new_at_crash;	/* and then comes up as a new one */
} Host;

/* One candidacy of one incarnation, or (session 0) a term's election. */
typedef struct Election
{
	uint64_t	term;			/* 0: the place is free */
	uint64_t	session;
	uint64_t	granted_by[RAFT_MAX_NODES / 64];
	uint64_t	winner_session; /* of the term */
	int32_t		winner;
	int32_t		winner_body;
	bool		released;		/* the winner has given it up */
} Election;

/* Links that are cut and mended together, once or several times. */
typedef struct Mend
{
	bool		is_cut;
	int32_t		turns;			/* still to go; 0: free */
	uint64_t	length_ns;		/* mean time between two */
	uint8_t    *pairs;			/* by link: does it belong to this? */
} Mend;

typedef struct Read
{
	int32_t		host;			/* place */
	uint64_t	boot;
	uint64_t	loaded_ns;
	uint64_t	lease_term;
	uint64_t	lease_end_ns;
	uint64_t	revoked_term;
	uint64_t	max_valid_term; /* greatest term that had been valid by then */
	int32_t		others_valid;	/* leases of others that were valid then */
	uint32_t	next_free;
} Read;

/* A vote of a body of the node that is cloned. */
typedef struct Cast
{
	uint64_t	number;			/* among all deeds */
	uint64_t	term;
	uint64_t	cast_ns;		/* real */
	uint64_t	session;		/* of the candidate that counts it; 0: none */
	int32_t		candidate;
} Cast;

/* What a body has promised to one leader of one term; itself, perhaps. */
typedef struct Pledge
{
	uint64_t	term;
	uint64_t	session;		/* the leader's */
	int32_t		leader;
	uint64_t	number;			/* of the longest that is counted, among all
								 * deeds; 0: none is */
	uint64_t	until_ns;		/* real: so long it surely holds, or the lease */
	uint64_t	kept_until_ns;	/* so long a restart would keep to it */
	uint64_t	sent_number[RAFT_ROUND_HISTORY];	/* by round: what was sent */
	uint64_t	sent_until_ns[RAFT_ROUND_HISTORY];
} Pledge;

/* What one of the several servers with one id has done, in all its lives. */
typedef struct Body
{
	bool		exists;
	uint64_t	copied;			/* the original's deeds up to that it knows */
	uint64_t	asked;			/* and all others' up to that, as it has
								 * recovered by asking */
	uint64_t	life_began;		/* deeds by then */
	uint64_t	max_term;		/* ever durable */
	uint64_t	max_term_number;	/* deeds when it grew */
	Cast	   *casts;
	size_t		cast_count;
	size_t		cast_room;
	Pledge	   *pledges;
	size_t		pledge_count;
	size_t		pledge_room;
	uint64_t   *sessions;
	size_t		session_count;
	size_t		session_room;
} Body;

/* A node is cloned so often at most. */
#define SIM_BODIES			16

typedef struct World
{
	SimOptions	options;
	uint64_t	seed;
	int32_t		count;			/* of nodes */
	int32_t		places;			/* one more if there may be a clone */
	int32_t		present;		/* likewise, if there is one now */
	Host	   *hosts;			/* by place */
	uint64_t	now_ns;
	uint64_t	event_count;
	uint64_t	max_promise_ns; /* longest that any setting of this run makes */

	/* Chance, one stream for each purpose. */
	uint64_t	network_random;
	uint64_t	fault_random;
	uint64_t	disk_random;
	uint64_t	read_random;
	uint64_t	session_random;

	/* Events. */
	Event	   *heap;
	size_t		heap_count;
	size_t		heap_room;
	uint64_t	order;
	uint64_t   *due_ns;			/* by place: real time of its ticker's next
								 * turn; SIM_NEVER: none */
	int32_t		next_due;		/* host with the earliest of these */

	/* Network. */
	Link	   *links;			/* [from * places + to] */
	Packet	   *packets;
	uint32_t	packet_room;
	uint32_t	packet_free;
	Mend	   *mends;
	uint32_t	mend_count;
	Read	   *reads;
	uint32_t	read_room;
	uint32_t	read_free;
	bool		is_quiet;		/* no faults any more */
	bool	   *in_core;		/* liveness: nodes that are healed for good */

	/* What is true. */
	Election   *elections;		/* a hash table */
	size_t		election_room;	/* a power of two */
	size_t		election_count;
	uint64_t	max_valid_term;
	uint64_t	max_term;
	uint64_t	leader_changes; /* leases that began */
	uint64_t	lease_ns;		/* real time of the latest beginning */
	int32_t		leader;			/* who began it */
	bool		claims_over;	/* the seed went beyond what is claimed */
	const char *claims_over_why;
	bool		born;			/* some node has been READY */

	/* Clones. */
	int32_t		clone_of;		/* whose they are, or RAFT_NO_NODE */
	int32_t		clone_number;	/* how many there have been */
	bool		is_flooded;		/* each of two hears what is sent to both;
								 * else whoever spoke last does */
	int16_t    *speakers;		/* by place of a peer: the place of the one of
								 * two that it heard last */
	bool		clones_stay;	/* liveness: both go on */
	Body	   *bodies;			/* of that node: the original is the first */
	uint64_t	deeds;			/* how many they have done */

	/* Findings. */
	bool		failed;
	char		failure[512];
	uint64_t	coverage[COVER_COUNT];

	bool		tracing;
	uint64_t	hash;
} World;

/* As in receiver.c: the pace of challenges in a contest. */
#define SIM_CONTEST_INTERVAL_NS	(800 * SIM_MS)

/* A term that nobody has come near to. */
#define SIM_FAR_TERM		(UINT64_C(1) << 41)

/* ----------
 * Who does what
 * ----------
 */

/* world.c */
extern World *world_new(void);
extern void world_free(World *world);
extern void world_build(World *world, const SimOptions *options, uint64_t seed);
extern void world_clear(World *world);
extern bool world_step(World *world, uint64_t limit_ns);
extern void world_run_events(World *world, uint64_t count);
extern void world_run_until(World *world, uint64_t real_ns);
extern void world_schedule(World *world, uint64_t at_ns, EventKind kind,
						   int32_t host, uint32_t index);
extern void world_due_changed(World *world, Host *host, uint64_t due_ns);
extern uint64_t world_timeout_ns(const World *world);
extern void world_first_timings(World *world, Host *host, RaftTimings *timings);

static inline void
world_cover(World *world, Coverage item)
{
	world->coverage[item]++;
}

extern uint64_t clock_local_ns(const Clock *clock, uint64_t real_ns);
extern uint64_t clock_real_ns(const Clock *clock, uint64_t local_ns);
extern void clock_start(Clock *clock, uint64_t real_ns, uint64_t local_ns,
						int64_t ppm);
extern void clock_set_rate(Clock *clock, uint64_t real_ns, int64_t ppm);

/* tag.c */
extern bool tag_sign(void *context, const uint8_t *data, size_t length,
					 uint8_t *tag);
extern bool tag_verify(void *context, const uint8_t *data, size_t length,
					   const uint8_t *tag);

/* cell.c */
extern bool cell_is_valid(const World *world, const Host *host);
extern void cell_clear(Host *host);
extern void cell_revoke(Host *host, uint64_t term);
extern void cell_lower(Host *host);
extern void cell_raise(World *world, Host *host);

/* receiver.c */
extern void receiver_take_packet(World *world, Host *host, uint32_t packet);
extern void receiver_resume(World *world, Host *host);

/* ticker.c */
extern void ticker_begin_entry(World *world, Host *host);
extern void ticker_carry_out(World *world, Host *host);
extern void ticker_write_ended(World *world, Host *host);
extern void ticker_reschedule(World *world, Host *host);
extern bool ticker_is_free(const World *world, const Host *host);
extern void ticker_turn(World *world, Host *host);
extern void ticker_pause(World *world, Host *host, uint64_t until_ns);

/* sender.c */
extern void sender_send(World *world, Host *host, const RaftMessage *message);
extern void sender_resume(World *world, Host *host);
extern void sender_speak_last_words(World *world, Host *host);

/* host.c */
extern void host_boot(World *world, Host *host);
extern void host_start(World *world, Host *host);
extern void host_crash(World *world, Host *host, bool whole_machine,
					   bool orderly, uint64_t down_ns);
extern RaftResult host_step_down(World *world, Host *host, RaftReason reason);
extern RaftResult host_transfer(World *world, Host *host, int32_t successor);
extern RaftResult host_reload(World *world, Host *host);
extern RaftResult host_forget_state(World *world, Host *host);
extern RaftResult host_move_position(World *world, Host *host);

/* disk.c */
extern void disk_load(World *world, Host *host, RaftDurable *durable,
					  bool *confirmed);
extern uint64_t disk_write_time(World *world, Host *host);
extern bool disk_write_fails(World *world, Host *host);
extern void disk_confirm(World *world, Host *host, const RaftDurable *record);
extern void disk_refuse(World *world, Host *host, const RaftDurable *record);
extern void disk_crash(World *world, Host *host, bool was_writing);
extern void disk_lose(World *world, Host *host, bool declared_new);
extern void disk_copy(World *world, Host *host);
extern bool disk_roll_back(World *world, Host *host);
extern bool disk_roll_back_before(World *world, Host *host, uint64_t term,
								  uint32_t further);
extern bool disk_clone(World *world, const Host *original, Host *clone,
					   bool is_snapshot, uint64_t *known);
extern bool disk_has_keeper(const World *world, const Host *but);

/* links.c */
extern void links_build(World *world);
extern uint32_t links_new_packet(World *world);
extern void links_free_packet(World *world, uint32_t packet);
extern void links_send(World *world, uint32_t packet);
extern void links_arrive(World *world, uint32_t packet);
extern void links_cut(World *world, int32_t from, int32_t to, int change);
extern void links_heal_all(World *world);

/* faults.c */
extern void faults_begin(World *world);
extern void faults_strike(World *world);
extern void faults_end(World *world);
extern Host *faults_choose_host(World *world);
extern uint64_t faults_draw_length(World *world);
extern uint64_t faults_draw_down(World *world);
extern void faults_mend_way_out(World *world, const Host *host);
extern bool faults_may_declare_new(World *world, const Host *host);
extern void faults_lose_state(World *world, Host *host, bool declared_new);
extern void faults_lose_at_crash(World *world, Host *host);
extern void faults_pause_host(World *world, Host *host, uint64_t until_ns);

/* fault_links.c */
extern Mend *fault_links_new_mend(World *world, int32_t turns, uint64_t length_ns);
extern void fault_links_add_node(World *world, Mend *mend, int32_t id,
								 bool outward, bool inward);
extern void fault_links_start(World *world, Mend *mend, uint64_t after_ns);
extern void fault_links_mend(World *world, uint32_t index);
extern void fault_links_cut_for(World *world, int32_t from, int32_t to,
								uint64_t length_ns);
extern void fault_links_part_clones(World *world);
extern void fault_links_strike(World *world, FaultClass fault);

/* fault_aims.c */
extern void fault_aims_vote_durable(World *world, Host *host);
extern void fault_aims_loss_unwritten(World *world, Host *host);
extern void fault_aims_message_left(World *world, Host *host,
									const RaftMessage *message);
extern void fault_aims_lease_raised(World *world, Host *host, bool is_new);

/* clones.c */
extern void clones_build(World *world);
extern bool clones_start(World *world, bool is_snapshot);
extern void clones_stop(World *world);
extern void clones_strike(World *world);
extern void clones_befall(World *world, uint32_t number);
extern void clones_vote_durable(World *world, Host *host);
extern void clones_lease_begins(World *world, Host *host);
extern void clones_note_start(World *world, const Host *host);
extern void clones_note_resumed(World *world, const Host *host);
extern Host *clones_clone(World *world);
extern bool clones_hears(const World *world, int32_t from, int32_t place);

/* bodies.c */
extern void bodies_build(World *world);
extern void bodies_clear(World *world);
extern void bodies_copied(World *world, Host *clone, uint64_t known);
extern void bodies_forgets(World *world, Host *host, uint64_t known);
extern void bodies_note_start(World *world, Host *host);
extern void bodies_note_record(World *world, Host *host);
extern void bodies_note_sent(World *world, Host *host,
							 const RaftMessage *message);
extern void bodies_note_believed(World *world, Host *host,
								 const RaftMessage *message);
extern void bodies_note_elected(World *world, Host *host);
extern void bodies_note_lease(World *world, Host *host, uint64_t end_ns);
extern void bodies_note_verdict(World *world, Host *host,
								const RaftMessage *message, uint64_t sequence,
								SessionVerdict verdict, bool was_contested);
extern uint64_t bodies_foreign_term(const World *world, const Host *host);
extern Host *bodies_host_of_session(const World *world, int32_t id,
									uint64_t session);
extern Host *bodies_host(const World *world, int32_t body);

/* reader.c */
extern void reader_begin(World *world);
extern void reader_start(World *world, const Host *host);
extern void reader_load(World *world, Host *host);
extern void reader_answer(World *world, uint32_t index);

/* ghost.c */
extern Election *ghost_election(World *world, uint64_t term, uint64_t session);
extern Election *ghost_find_election(const World *world, uint64_t term,
									 uint64_t session);
extern void ghost_state_lost(World *world, Host *host);
extern WayBack ghost_way_back(const World *world, const Host *host,
							  const RaftDurable *record);
extern void ghost_note_way_back(World *world, WayBack way, uint64_t term);
extern void ghost_record_durable(World *world, Host *host);
extern void ghost_note_message(World *world, Host *host,
							   const RaftMessage *message);
extern void ghost_clone(World *world, const Host *original, Host *clone,
						bool is_snapshot);
extern void ghost_note_last_words(World *world, Host *host);
extern void ghost_note_start(World *world, Host *host);
extern void ghost_note_received(World *world, Host *host,
								const RaftMessage *message);
extern void ghost_end_claims(World *world, const char *why);
extern void ghost_cover_entry(World *world, Host *host,
							  const RaftMessage *message,
							  const RaftView *before);
extern void ghost_cover_event(World *world, Host *host,
							  const RaftEvent *event);
extern bool ghost_is_released(const World *world, int32_t leader, uint64_t term);
extern bool ghost_is_over(const World *world, int32_t leader, uint64_t term);
extern void ghost_leader_elected(World *world, Host *host);
extern uint64_t ghost_surely_lasts_ns(const World *world, uint64_t promise_ns);

/* invariants.c */
extern void invariants_fail(World *world, int number, const Host *host,
							const char *detail);
extern void invariants_check_view(World *world, Host *host);
extern void invariants_check_record(World *world, Host *host,
									const RaftDurable *record);
extern void invariants_check_message(World *world, Host *host,
									 const RaftMessage *message);
extern void invariants_check_told(World *world, Host *host,
								  const RaftMessage *message,
								  const RaftView *before);
extern void invariants_check_lease(World *world, Host *host,
								   const Cell *former);
extern void invariants_check_read(World *world, const Read *read);
extern void invariants_check_codec(World *world, Host *host,
								   const RaftMessage *message,
								   const uint8_t *datagram);
extern void invariants_check_tick(World *world, Host *host);
extern void invariants_check_early_tick(World *world, Host *host);

/* liveness.c */
extern void liveness_run(World *world);

/* trace.c */
extern void trace_print(const World *world, const Host *host,
						const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Costs a comparison while nobody looks. */
#define trace_event(world, ...) \
	do { if ((world)->tracing) trace_print(world, __VA_ARGS__); } while (0)

/* Into the hash: kind tells apart what is noted. */
static inline void
trace_note(World *world, uint64_t kind, int32_t host, uint64_t value)
{
	uint64_t	word = value ^ world->now_ns ^ kind << 58 ^ (uint64_t) host << 50;

	world->hash = (world->hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	world->hash ^= world->hash >> 31;
}

/* study.c */
extern int	study_quiet(uint64_t seed, uint64_t seconds);
extern int	study_failover(uint64_t seed, int64_t deaths, int64_t fixed_nodes);
extern int	study_self_check(uint64_t first, uint64_t count);

/* batch.c */
typedef struct BatchSettings
{
	uint64_t	first;
	uint64_t	count;
	int64_t		fixed_nodes;	/* 0: drawn */
	int64_t		fixed_steps;	/* 0: default */
	int64_t		jobs;
	const char *overrides;		/* "option=value ..." or empty */
	bool		with_coverage;	/* a large batch owes all of it */
} BatchSettings;

extern void batch_choose_options(const BatchSettings *settings, uint64_t seed,
								 SimOptions *options);
extern void batch_run_seed(World *world, const SimOptions *options,
						   uint64_t seed);
extern int	batch_run(const BatchSettings *settings);
extern int	batch_replay(const BatchSettings *settings, uint64_t seed,
						 bool tracing);
extern int	batch_run_file(const BatchSettings *settings, const char *path);

#endif							/* SIM_H */
