/*-------------------------------------------------------------------------
 *
 * raft_node.h
 *		The node and what the core's own files call of each other.  Nobody
 *		else includes this.
 *
 * Who may change what:
 *
 *	durable				persistence.c only, when the caller has confirmed the write
 *	wanted				persistence_want() and its callers
 *	role				election.c, handover.c, through election_become_follower
 *	round, expiry, lease_end_ns		lease.c
 *	ranks				succession.c; cleared with the leader by raft_set_leader()
 *
 * "The term" within an entry is wanted.term: until the caller has made it
 * durable no message leaves, so outside of the core only durable.term shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RAFT_NODE_H
#define RAFT_NODE_H

#include "quorum.h"
#include "raft.h"

#define RAFT_NS_PER_MS			UINT64_C(1000000)

/* A node probes the peers from which it heard nothing for this long. */
#define RAFT_PROBE_INTERVAL_NS	(1000 * RAFT_NS_PER_MS)

/*
 * And those that it hears, when the last round trip to them and back was
 * measured about so long ago: give or take one interval of the above.
 */
#define RAFT_MEASURE_INTERVAL_NS	(5 * RAFT_PROBE_INTERVAL_NS)

/* An unaccepted session of a peer is challenged at most this often. */
#define RAFT_CHALLENGE_INTERVAL_NS	(10 * RAFT_NS_PER_MS)

/* Resignations are sent this often, so far apart, as any may be lost. */
#define RAFT_RESIGN_REPEATS		2
#define RAFT_RESIGN_INTERVAL_NS (5 * RAFT_NS_PER_MS)

/* Least interval between repeated (pre-)vote requests of one candidacy. */
#define RAFT_RESEND_MIN_NS		(5 * RAFT_NS_PER_MS)

/* Delta, the step between two nodes' timers, is at least this. */
#define RAFT_DELTA_MIN_NS		(10 * RAFT_NS_PER_MS)

/* Room for a broadcast, a second one of the same entry, and some replies. */
#define RAFT_OUTBOX_SIZE		(2 * RAFT_MAX_NODES + 8)
#define RAFT_EVENTS_SIZE		32

typedef struct RaftPeer
{
	uint64_t	session;		/* accepted session, 0: none */
	uint64_t	last_heard_ns;	/* 0: never */
	uint64_t	round_trip_ns;	/* smoothed, 0: not measured */
	uint64_t	round_trip_deviation_ns;	/* mean deviation from it,
											 * smoothed */
	uint64_t	last_round_trip_ns; /* newest single one, 0: none */
	uint64_t	measured_ns;	/* when that was, 0: never */
	uint64_t	storage_ns;		/* its time to make state durable, smoothed */
	uint64_t	probe_sent_ns;	/* of the probe under way, 0: none */
	uint64_t	probe_nonce;	/* and its nonce, which the answer echoes */
	uint64_t	challenged_ns;	/* when a session of it that is not accepted
								 * was last challenged, 0: never */
	uint64_t	term;			/* last heard of; likewise the next */
	RaftRole	role;
	RaftStanding standing;
	int32_t		priority;		/* -1: never heard */
	int32_t		known_leader;
	uint64_t	known_leader_term;
	bool		silent;
	bool		unfit;
	RaftPosition position;
	uint16_t	advertised_port;
	uint64_t	generation;		/* greatest ever seen of it, across its
								 * sessions and ours */
	uint64_t	former_generation;	/* greatest seen of it before its present
									 * session; 0: not known */

	/* Answer to a TERM_QUERY of this session of ours, by its present one. */
	bool		reported;
	RaftStanding reported_standing;
	uint64_t	reported_term;
	uint64_t	lost_generation;	/* of its present session's records, the
									 * newest that was an amnesiac's; 0: none */

	/* Answer to the latest candidacy. */
	RaftRefusal refusal;
	uint64_t	ask_again_ns;	/* refused as PROMISED or SILENT: that ends
								 * then */

	/* Leader's: sending time of the newest acknowledged round, ... */
	uint64_t	acknowledged_ns;
	uint64_t	promise_ns;		/* and for how long that promises; 0: none yet */
	int32_t		rank;			/* leader's: that it is told, or RAFT_NO_RANK */
} RaftPeer;

struct RaftNode
{
	RaftConfig	config;

	/* Inputs of the present entry. */
	uint64_t	now_ns;			/* never goes back */
	uint64_t	draw;
	uint64_t	draws;			/* numbers derived from it so far */

	/* Durable state: what is on disk, and what ought to be. */
	RaftDurable durable;
	RaftDurable wanted;
	bool		persist_pending;	/* wanted waits for the caller */
	bool		storage_failed; /* the last write failed */
	uint64_t	storage_retry_ns;
	uint64_t	storage_ns;		/* smoothed duration of a write */
	uint64_t	generation_loaded;	/* with which this incarnation began */
	uint64_t	generation_used;	/* greatest, also of failed writes */
	uint64_t	generation_reported;	/* greatest of our own that a peer
										 * told us of */

	/* All. */
	RaftRole	role;
	RaftReason	role_reason;
	uint64_t	since_ns;
	RaftAmnesia amnesia;
	uint64_t	start_ns;
	bool		silent;			/* no votes, no candidacy, until ... */
	uint64_t	silent_until_ns;
	bool		draining;		/* resigned, and none leads since */
	uint64_t	unfit_until_ns; /* after a lapse or a failed write: ranks last */
	RaftPosition position;		/* how far this node has come with the data */
	int32_t		leader_id;
	uint64_t	leader_term;
	uint64_t	max_known_term; /* greatest that any peer told of */
	uint64_t	election_deadline_ns;	/* followers: no word by then, and the
										 * leader counts as lost */
	uint32_t	failed_rounds;	/* candidacies failed since a leader was heard */
	uint32_t	holds;			/* times a granted pre-vote put off our own
								 * candidacy since a leader was heard */
	uint64_t	probe_ns;		/* when to probe next */
	uint64_t	query_ns;		/* not a MEMBER: when to query next */
	uint64_t	forget_at_ns;	/* forget-state asked for; 0: not */

	/*
	 * Follower: the rank that the present leader gave it.  Leader: the epoch
	 * of the ranks that it gives.
	 */
	int32_t		rank;			/* RAFT_NO_RANK: none */
	uint32_t	rank_epoch;
	uint64_t	rank_delay_ns;	/* delta, as the leader measured it */

	/* Voter: promise to hear nobody but promise_leader. */
	int32_t		promise_leader; /* RAFT_NO_NODE: none */
	uint64_t	promise_term;
	uint64_t	promise_until_ns;
	uint64_t	promise_lower_ns;	/* max_promise_ns may be lowered then */

	/* Newest leadership known to have been released: the token. */
	int32_t		released_leader;	/* RAFT_NO_NODE: none */
	uint64_t	released_term;

	/* (Pre-)candidate. */
	uint64_t	nonce;			/* of the present candidacy */
	QuorumSet	granted_by;
	uint64_t	round_deadline_ns;
	uint64_t	resend_ns;

	/* Leader. */
	uint64_t	elected_ns;
	uint64_t	round;			/* of heartbeats, from 1 */
	uint64_t	sent_ns[RAFT_ROUND_HISTORY];	/* by round */
	uint64_t	expiry_ns[RAFT_MAX_NODES];	/* by voter: its promise lets us
											 * lead until then; 0: none */
	uint64_t	lease_end_ns;	/* 0: no lease (yet, or any more) */
	bool		lease_ended;	/* given up: never again in this term */
	uint64_t	heartbeat_ns;	/* when to send the next round */

	/* Former leader: resignations still to be repeated. */
	int32_t		resigns_left;
	uint64_t	resign_ns;
	uint64_t	resign_term;
	int32_t		resign_successor;

	RaftPeer	peers[RAFT_MAX_NODES];
	RaftCounters counters;

	RaftMessage outbox[RAFT_OUTBOX_SIZE];
	int32_t		outbox_first;
	int32_t		outbox_count;
	RaftEvent	events[RAFT_EVENTS_SIZE];
	int32_t		events_first;
	int32_t		events_count;
};

/* raft.c */

/* Every entry begins with these: time and chance, then what has expired. */
extern void raft_begin_entry(RaftNode *node, uint64_t now_ns, uint64_t draw);
extern void raft_expire(RaftNode *node);

/* A number of this entry's draw; the second one below limit (> 0). */
extern uint64_t raft_random(RaftNode *node);
extern uint64_t raft_random_below(RaftNode *node, uint64_t limit);

/* Set the role, with event. */
extern void raft_set_role(RaftNode *node, RaftRole role, RaftReason reason);

/* Set the known leader (RAFT_NO_NODE, 0: none), with event and counter. */
extern void raft_set_leader(RaftNode *node, int32_t leader_id, uint64_t term,
							RaftReason reason);

/* persistence.c */

/*
 * Ask for node->wanted to be made durable, under a new generation.  Callers
 * change wanted first.
 */
extern void persistence_want(RaftNode *node);

/* Ask again after a failed write, or for a lower longest promise. */
extern void persistence_tick(RaftNode *node);
extern uint64_t persistence_deadline(const RaftNode *node);

/* timings.c */

/* The greatest smoothed round trip to any peer; 0: none measured. */
extern uint64_t timings_round_trip_ns(const RaftNode *node);

/* The step between two nodes' timers, delta (RAFT.md, 5.3). */
extern uint64_t timings_delta_ns(const RaftNode *node);
extern uint64_t timings_delta_cap_ns(const RaftNode *node);

/* For how long a node that lost its lease, or cannot write, ranks last. */
extern uint64_t timings_unfit_ns(const RaftNode *node);

/* How often to repeat what is urgent to those who have not answered. */
extern uint64_t timings_resend_interval_ns(const RaftNode *node);

/* election.c */
extern void election_become_follower(RaftNode *node, RaftReason reason);
extern void election_adopt_term(RaftNode *node, uint64_t term,
								RaftReason reason);
extern void election_arm(RaftNode *node);
extern void election_arm_first(RaftNode *node);
extern void election_cap_deadline(RaftNode *node);
extern bool election_may_campaign(const RaftNode *node);
extern void election_expire(RaftNode *node);
extern void election_tick(RaftNode *node);
extern void election_campaign(RaftNode *node, RaftReason reason);
extern void election_own_vote_durable(RaftNode *node);
extern uint64_t election_deadline(const RaftNode *node);
extern void election_receive_pre_vote(RaftNode *node, const RaftMessage *message);
extern void election_receive_pre_vote_reply(RaftNode *node, const RaftMessage *message);
extern void election_receive_vote(RaftNode *node, const RaftMessage *message);
extern void election_receive_vote_reply(RaftNode *node, const RaftMessage *message);

/* lease.c */
extern void lease_begin_leadership(RaftNode *node);
extern bool lease_is_valid(const RaftNode *node);
extern void lease_expire(RaftNode *node);
extern void lease_tick(RaftNode *node);
extern void lease_cap_heartbeat(RaftNode *node);
extern uint64_t lease_deadline(const RaftNode *node);
extern void lease_receive_heartbeat(RaftNode *node, const RaftMessage *message);
extern void lease_receive_heartbeat_ack(RaftNode *node, const RaftMessage *message);
extern void lease_receive_heartbeat_reject(RaftNode *node, const RaftMessage *message);

/* succession.c */
extern bool succession_is_fit(const RaftNode *node, int32_t peer_id);
extern int32_t succession_first(const RaftNode *node);
extern void succession_begin(RaftNode *node);
extern void succession_rank_peers(RaftNode *node);
extern void succession_note_rank(RaftNode *node, const RaftMessage *heartbeat);
extern uint64_t succession_timeout_ns(RaftNode *node);
extern uint64_t succession_wait_after_resignation_ns(RaftNode *node);

/* handover.c */
extern void handover_resign(RaftNode *node, int32_t successor, RaftReason reason);
extern void handover_to_self(RaftNode *node, uint64_t higher_term);
extern void handover_tick(RaftNode *node);
extern uint64_t handover_deadline(const RaftNode *node);
extern void handover_receive_timeout_now(RaftNode *node, const RaftMessage *message);
extern void handover_receive_resign(RaftNode *node, const RaftMessage *message);

/* membership.c */

/* A member whose state can be written: the only kind that takes part. */
extern bool membership_takes_part(const RaftNode *node);

extern void membership_mark_lost(RaftNode *node);
extern void membership_become_amnesiac(RaftNode *node, RaftAmnesia amnesia);
extern void membership_tell_generation(const RaftNode *node, RaftMessage *message);
extern void membership_note_peer(RaftNode *node, const RaftMessage *message);
extern void membership_advance(RaftNode *node);
extern uint64_t membership_recover_at_ns(const RaftNode *node);
extern bool membership_awaits(const RaftNode *node, int32_t peer_id);
extern void membership_tick(RaftNode *node);
extern uint64_t membership_deadline(const RaftNode *node);
extern void membership_receive_term_query(RaftNode *node, const RaftMessage *message);
extern void membership_receive_term_report(RaftNode *node, const RaftMessage *message);

/* acquaintance.c */
extern void acquaintance_note_peer(RaftNode *node, const RaftMessage *message);
extern void acquaintance_note_round_trip(RaftNode *node, int32_t peer_id,
										 uint64_t round_trip_ns);
extern void acquaintance_tick(RaftNode *node);
extern void acquaintance_receive_probe(RaftNode *node, const RaftMessage *message);
extern void acquaintance_receive_probe_reply(RaftNode *node, const RaftMessage *message);
extern void acquaintance_rumour(const RaftNode *node, int32_t *leader_id,
								uint64_t *term);

/* outbox.c */

/*
 * Start a message of that type: everything that all messages carry is filled
 * in, the rest is zero or "none".
 */
extern void outbox_prepare(const RaftNode *node, RaftMessage *message,
						   RaftMessageType type, int32_t to);

/* Put it into the outbox; silently not, if the peer's session is not known. */
extern void outbox_send(RaftNode *node, const RaftMessage *message);

/* Append an event; the fields that all events carry are filled in. */
extern void outbox_event(RaftNode *node, const RaftEvent *event);

#endif							/* RAFT_NODE_H */
