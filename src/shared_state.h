/*-------------------------------------------------------------------------
 *
 * shared_state.h
 *		What the processes of pg_leader share in the server's main shared
 *		memory, and who may touch it.
 *
 * Locks:
 *
 *	field				written by		under			read under
 *	published			ticker			lock, exclusive	lock, shared
 *	writers_waiting		ticker, launcher	atomics		atomics
 *	addresses			launcher		lock, exclusive	lock, shared
 *	listen_address		launcher		lock, exclusive	lock, shared
 *	lease				see lease_cell.h, lock-free
 *	workers				each its own	atomics			atomics
 *	receiver, ticker, sender	each worker its own, atomics; maxima are set to 0
 *						by whoever resets the statistics
 *	hook				hook runner		counters: atomics; the rest is its own
 *	baseline			backends		its lock, exclusive; shared (statistics.h)
 *	history				ticker; see history.h, lock-free
 *	events				ticker; see event_ring.h, lock-free; read by the logger
 *	logger_latch		logger			none			none: a pointer
 *	control				see below
 *
 * The ticker takes the lock conditionally and publishes at its next wake-up
 * if it was busy, so that a backend that is stopped while it holds the lock
 * delays a view, never an election.  Nothing is done under the lock but
 * copying.
 *
 * Many backends that ask without end may hold it, one or the other, at any
 * moment.  So a writer that has found it busy says so in writers_waiting, and
 * backends let it go first, for a short time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_SHARED_STATE_H
#define PG_LEADER_SHARED_STATE_H

#include "datatype/timestamp.h"
#include "event_ring.h"
#include "history.h"
#include "lease_cell.h"
#include "peers.h"
#include "port/atomics.h"
#include "raft/raft.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "wire/wire.h"

/* The processes of pg_leader. */
typedef enum WorkerKind
{
	WORKER_LAUNCHER = 0,
	WORKER_RECEIVER,
	WORKER_TICKER,
	WORKER_SENDER,
	WORKER_HOOK_RUNNER,
	WORKER_LOGGER
} WorkerKind;

#define WORKER_KINDS			6

/* Receiver, ticker and sender: the kinds from the first to before the end. */
#define PIPELINE_FIRST			WORKER_RECEIVER
#define PIPELINE_END			WORKER_HOOK_RUNNER

/* Room for a sentence, of what the state file was found to be for example. */
#define SHARED_NOTE_SIZE		256

/*
 * The published state: what views show.  A snapshot of the core, taken by
 * the ticker after each change has become durable.
 */
typedef struct PublishedState
{
	bool		valid;			/* false until a ticker has published */
	int			ticker_pid;		/* who published this; if that ticker does not
								 * run any more, the node is down */
	RaftView	raft;
	RaftCounters counters;		/* of all tickers since the server's start */
	TimestampTz since;			/* raft.since_ns as wall-clock time */
	uint64		published_ns;	/* when this was published */
	uint64		changes;		/* grows with each change of role, leader,
								 * term or standing; never goes back while the
								 * server runs */
	uint64		leader_changes; /* grows with each change of the leader that
								 * one may rely on, see below; likewise */
	bool		settings_in_force;	/* false: the settings contradict each
									 * other, raft.timings are older */
	char		settings_detail[SHARED_NOTE_SIZE];	/* why not */
	char		state_note[SHARED_NOTE_SIZE];	/* what was wrong with the
												 * state file, or empty */
	TimestampTz session_starts[RAFT_MAX_NODES]; /* when this node accepted
												 * each peer's present
												 * session, if it has */
	RaftPeerView peers[RAFT_MAX_NODES];
} PublishedState;

/*
 * The leader that one may rely on, in a view: this node itself only while it
 * holds a lease, as it cannot act as the leader without one.
 */
static inline int32
shared_state_usable_leader(const RaftView *view, int32 own_id)
{
	return (view->leader_id == own_id && view->lease_term == 0) ?
		RAFT_NO_NODE : view->leader_id;
}

/* Requests of SQL functions to the ticker. */
typedef enum ControlRequest
{
	CONTROL_NONE = 0,
	CONTROL_STEP_DOWN,
	CONTROL_TRANSFER,			/* argument: the node that is to lead */
	CONTROL_FORGET_STATE
} ControlRequest;

/*
 * One slot for requests.  A backend holds "lock" (exclusive) from before it
 * writes the request until it has read the answer; the ticker never takes
 * that lock.  The backend stores the request's number, one above that of the
 * last, together with what is asked for and its argument in one word, and sets
 * the ticker's latch; the ticker fills in the result, then sets
 * answer_sequence to the request's number and wakes the backend.  A backend
 * that gives up waiting swaps its request for CONTROL_NONE, so that nothing is
 * carried out later.  One word: or the ticker, which takes no lock, might see
 * the request of one backend with the argument of another.
 *
 * Who asks does not fit into the word.  It is written before the request, and
 * requester_number says whose it is: 0 while it is being written.  The ticker
 * copies it and believes the copy if the number was the request's before and
 * after; if not, another backend has the slot already, and nobody waits for
 * this request any more.
 */
typedef struct ControlSlot
{
	LWLock	   *lock;
	ConditionVariable answered;
	pg_atomic_uint64 request;	/* CONTROL_WORD(...) */
	pg_atomic_uint64 requester_number;	/* of the request that requester made */
	char		requester[HISTORY_REQUESTER_SIZE];	/* who asks, in words */
	pg_atomic_uint64 answer_sequence;	/* number of the request that the
										 * fields below answer */
	RaftResult	result;
	uint64		wait_ns;		/* FORGET_STATE: until it is carried out */
	int32		successor;		/* STEP_DOWN: who was named, or none */
	uint64		term;			/* this node's before the request was carried
								 * out: TRANSFER, that of the leadership given
								 * up */
	char		detail[SHARED_NOTE_SIZE];	/* RAFT_NOT_FIT: why, a sentence */
} ControlSlot;

/*
 * Number (48 bits), argument (8 bits: a node id, or 0) and ControlRequest (8
 * bits).
 */
#define CONTROL_WORD(number, request, argument) \
	(((uint64) (number) << 16) | ((uint64) (argument) << 8) | (uint64) (request))
#define CONTROL_WORD_NUMBER(word)		((word) >> 16)
#define CONTROL_WORD_ARGUMENT(word)		((int32) (((word) >> 8) & 0xff))
#define CONTROL_WORD_REQUEST(word)		((ControlRequest) ((word) & 0xff))

StaticAssertDecl(RAFT_MAX_NODES <= 256, "a node id must fit into CONTROL_WORD");

/* One request, as the ticker carries it out. */
typedef struct ControlCall
{
	uint64		number;
	ControlRequest request;
	int32		argument;
	RaftResult	result;			/* what the core said */
	const char *detail;			/* RAFT_NOT_FIT: why, a sentence */
	char		requested_by[HISTORY_REQUESTER_SIZE];	/* who asked, in words */
} ControlCall;

/* Counted by the receiver. */
typedef struct ReceiverCounters
{
	pg_atomic_uint64 datagrams; /* received, whatever became of them */
	pg_atomic_uint64 by_type[RAFT_MESSAGE_TYPE_LAST + 1];	/* handed to the ticker,
															 * by RaftMessageType */
	pg_atomic_uint64 by_peer[RAFT_MAX_NODES];	/* likewise, by sender */
	pg_atomic_uint64 inbox_max; /* greatest number of messages in the inbox */
	pg_atomic_uint64 dropped[WIRE_DROP_REASONS];	/* by WireDrop */

	/*
	 * Why a peer's datagrams were last refused (WireDrop, WIRE_OK if they
	 * were not) and when, by clock.h: so that the views can say why a peer is
	 * not counted.
	 */
	pg_atomic_uint32 peer_drop[RAFT_MAX_NODES];
	pg_atomic_uint64 peer_drop_ns[RAFT_MAX_NODES];
} ReceiverCounters;

/* Counted by the ticker. */
typedef struct TickerCounters
{
	pg_atomic_uint64 outbox_full;	/* messages dropped before the sender */
	pg_atomic_uint64 outbox_max;	/* greatest number of messages in the
									 * outbox */
	pg_atomic_uint64 state_writes;
	pg_atomic_uint64 state_write_ns;	/* total */
	pg_atomic_uint64 state_write_max_ns;
	pg_atomic_uint64 late_max_ns;	/* longest time it woke too late */
} TickerCounters;

/* Counted by the sender. */
typedef struct SenderCounters
{
	pg_atomic_uint64 datagrams; /* handed to the network */
	pg_atomic_uint64 by_type[RAFT_MESSAGE_TYPE_LAST + 1];	/* by RaftMessageType */
	pg_atomic_uint64 by_peer[RAFT_MAX_NODES];	/* by addressee */
	pg_atomic_uint64 errors;	/* refused by it */
	pg_atomic_uint64 last_words;	/* resignations sent at the end */
} SenderCounters;

/* Room for a RaftRole's or RaftReason's words. */
#define HOOK_WORD_SIZE			64

/* What one run of the hook tells of. */
typedef struct HookNews
{
	uint64		sequence;		/* 0: there are none yet; grows with each
								 * change, by more if some were too brief to
								 * be seen */
	int32		leader_id;		/* RAFT_NO_NODE: none is known */
	int32		leader_port;	/* its PostgreSQL port; 0: not known */
	uint64		term;			/* the leader's; without one, this node's or
								 * the last leader's, whichever is greater */
	char		role[HOOK_WORD_SIZE];	/* this node's */
	char		reason[HOOK_WORD_SIZE]; /* why it changed */
} HookNews;

/*
 * What the hook runner has to know of its predecessor, and its counters.  It
 * alone writes them; another one begins only when it has ended.
 */
typedef struct HookState
{
	TimestampTz start;			/* when sequence numbers began at 1 */
	HookNews	news;			/* the newest */
	uint64		seen_changes;	/* published.leader_changes up to which news
								 * has it all */
	uint64		begun_sequence; /* of the last run begun */
	uint64		finished_sequence;	/* of the last run that was not broken off
									 * with the runner */
	int32		named_leader;	/* last leader that a run has named, but for
								 * the news begun; RAFT_NO_NODE: none */
	int32		begun_leader;	/* that the news begun named; likewise */

	pg_atomic_uint64 runs;		/* begun, repetitions included */
	pg_atomic_uint64 failures;	/* ended with a status other than 0, time-outs
								 * included; or could not begin */
	pg_atomic_uint64 timeouts;	/* ended as they took too long */
	pg_atomic_uint64 retries;	/* repetitions of failed ones */
	pg_atomic_uint64 skipped;	/* changes that no run has told of, as newer
								 * ones came */
	pg_atomic_uint64 run_ns;	/* total time of all runs */
	pg_atomic_uint64 run_max_ns;	/* of the longest */
	pg_atomic_uint64 last_run_ns;	/* of the last one that has ended */
	pg_atomic_uint32 last_status;	/* its exit status, as a shell tells it */
	pg_atomic_uint64 last_sequence; /* what it told of */
} HookState;

/*
 * Whatever is counted and only grows while the server runs: nothing but
 * uint64s, so that one can be subtracted from another.  Times in nanoseconds.
 */
typedef struct Totals
{
	RaftCounters core;
	uint64		pipeline_starts;
	uint64		datagrams_received;
	uint64		received_by_type[RAFT_MESSAGE_TYPE_LAST + 1];
	uint64		received_by_peer[RAFT_MAX_NODES];
	uint64		dropped[WIRE_DROP_REASONS];
	uint64		datagrams_sent;
	uint64		sent_by_type[RAFT_MESSAGE_TYPE_LAST + 1];
	uint64		sent_by_peer[RAFT_MAX_NODES];
	uint64		send_errors;
	uint64		last_words;
	uint64		outbox_full;
	uint64		state_writes;
	uint64		state_write_ns;
	uint64		hook_runs;
	uint64		hook_failures;
	uint64		hook_timeouts;
	uint64		hook_retries;
	uint64		hook_skipped;
	uint64		hook_run_ns;
	uint64		log_events_lost;
} Totals;

/* Where the statistics that users see begin. */
typedef struct Baseline
{
	LWLock	   *lock;			/* guards the rest; before SharedState.lock */
	TimestampTz reset_at;
	Totals		totals;			/* as they were then */
} Baseline;

typedef struct WorkerSlot
{
	pg_atomic_uint32 pid;		/* 0: does not run */
	pg_atomic_uint64 starts;	/* since the server's start */
} WorkerSlot;

/* Who writes under SharedState.lock; bits of writers_waiting. */
#define SHARED_WRITER_TICKER	(1 << 0)
#define SHARED_WRITER_LAUNCHER	(1 << 1)

typedef struct SharedState
{
	LWLock	   *lock;
	pg_atomic_uint32 writers_waiting;	/* those that have found it busy */
	LeaseCell	lease;
	WorkerSlot	workers[WORKER_KINDS];

	/* Grows with each change of addresses; workers copy them when it does. */
	pg_atomic_uint64 addresses_generation;
	PeerAddress addresses[RAFT_MAX_NODES];	/* by node id */
	PeerAddress listen_address; /* where the receiver binds: its own of
								 * addresses or pg_leader.listen_addresses */

	/* The ticker's latch, to wake it for a request; NULL: none runs. */
	struct Latch *ticker_latch; /* under lock */

	ConditionVariable changed;	/* broadcast when published.changes grows */
	pg_atomic_uint64 changes;	/* copy of published.changes, to wait for */
	PublishedState published;
	ControlSlot control;

	ReceiverCounters receiver;
	TickerCounters ticker;
	SenderCounters sender;
	HookState	hook;
	Baseline	baseline;
	History		history;

	/*
	 * The logger's latch, to wake it for events; NULL: none has run.  It may
	 * be read as it is written, being one word, and be set for another
	 * process once that of the logger has ended, which does no harm.
	 */
	struct Latch *logger_latch;
	EventRing	events;			/* from the ticker to the logger */
} SharedState;

/*
 * Raise a maximum, whose only other writer is whoever resets it to 0: a value
 * that was compared before the reset may be left out or stay, as if it had
 * come just before or after.
 */
static inline void
shared_state_raise(pg_atomic_uint64 *maximum, uint64 value)
{
	if (value > pg_atomic_read_u64(maximum))
		pg_atomic_write_u64(maximum, value);
}

/* The one instance; NULL if the library was not preloaded or is off. */
extern SharedState *shared_state;

/* Postmaster, in _PG_init(): install the shared memory hooks. */
extern void shared_state_install_hooks(void);

/*
 * Take the lock, shared, but let a writer that waits for it go first, for
 * SHARED_STATE_YIELD_MS at most: it may be held by a process that is stopped.
 * In this extension's own workers, which are few, at once.
 */
#define SHARED_STATE_YIELD_MS	20

extern void shared_state_lock(void);
extern void shared_state_unlock(void);

/*
 * Writer: take the lock, exclusively, if it is free at once.  If it is not,
 * readers give way until the writer has had it, or gives up.
 */
extern bool shared_state_try_lock(uint32 writer);
extern void shared_state_give_up(uint32 writer);

/*
 * Copy the published state; false if no ticker has published since the
 * server's start.  Any backend; takes the lock, shared.
 */
extern bool shared_state_read(PublishedState *copy);

/* Wake the ticker, if one runs.  Takes the lock, shared. */
extern void shared_state_wake_ticker(void);

/*
 * Copy the peers' addresses if they have changed since *generation; returns
 * whether they have.  Takes the lock, shared.
 */
extern bool shared_state_copy_addresses(uint64 *generation,
										PeerAddress *addresses);

/* Copy the address to listen on.  Takes the lock, shared. */
extern void shared_state_copy_listen_address(PeerAddress *address);

#endif							/* PG_LEADER_SHARED_STATE_H */
