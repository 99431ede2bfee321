/*-------------------------------------------------------------------------
 *
 * explore.h
 *		The explorer: every interleaving of a small cluster of cores, within
 *		stated bounds.
 *
 * The nodes are the core's own object code.  What a node does with an input
 * is a function of its state and of that input, so it is computed once for
 * each pair and remembered: node states and messages are numbered, and a state
 * of the cluster is a few numbers.
 *
 * The network never loses a message that was sent: any message may be
 * delivered at any time, any number of times, or never.  Loss, duplication,
 * delay and reordering need no actions of their own then.  And what makes a
 * node send something and changes nothing else is done at once.
 *
 * The ids of nodes decide nothing but who is named as successor, among equals;
 * here the explorer names it.  So states that differ in ids only are one.
 *
 *	explore_state.c		one node's state: canonical form, renaming, time
 *	explore_message.c	messages: numbers, canonical form, which are dead
 *	explore_node.c		what a node does with an input; checks of each node
 *	explore_cluster.c	what a cluster can do next; checks of the whole
 *	explore_search.c	the search itself: states met, paths, dead ends
 *	explore_runs.c		the runs and their bounds
 *	explore.c			the program
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "raft/raft.h"

#define EXPLORE_MAX_NODES		5
#define EXPLORE_MAX_TERM		4
#define EXPLORE_MAX_RENAMINGS	24	/* 4 nodes; more are never reduced */
#define EXPLORE_MAX_MESSAGES	400 /* alive at once */
#define EXPLORE_MAX_STATES		(UINT32_C(1) << 27)
#define EXPLORE_MAX_SENT		64	/* by one action of one node */

#define EXPLORE_SECOND_NS		UINT64_C(1000000000)

/*
 * What every clock shows between two actions: as time passes, all that is
 * stored moves back instead.
 */
#define EXPLORE_NOW_NS			(1000 * EXPLORE_SECOND_NS)

/* One step of time; a promise lasts ExploreBounds.promise_steps of them. */
#define EXPLORE_STEP_NS			EXPLORE_SECOND_NS

/* The round of heartbeats that was sent now; the one before that a step ago. */
#define EXPLORE_NEWEST_ROUND	16

/* What is used up on the way: restarts, ... */
typedef enum ExploreBudget
{
	EXPLORE_RESTARTS = 0,		/* crashes, each followed by a start */
	EXPLORE_LOSSES,				/* starts without the record of before */
	EXPLORE_RESIGNATIONS,		/* transfers and step-downs */
	EXPLORE_FAILED_WRITES,
	EXPLORE_BUDGETS
} ExploreBudget;

typedef struct ExploreBounds
{
	const char *name;
	const char *about;			/* the bounds in words, for the table */
	int32_t		node_count;
	uint64_t	max_term;		/* no candidacy above it */

	/*
	 * 0: each node has a clock of its own, that may leap at any moment, so
	 * that no two clocks agree and leases of two nodes cannot be compared.
	 * Else: one clock for all, and a promise lasts so many steps of it.
	 */
	int			promise_steps;
	bool		promises_bind;	/* false: any promise may be over at any
								 * moment */
	bool		pre_votes;		/* false: every pre-vote is granted at once */
	bool		crash_points;	/* restarts also between the steps of a drain */
	int			budget[EXPLORE_BUDGETS];
	bool		birth;			/* begins with NEW nodes, else MEMBERs */
	bool		lost_as_new;	/* who lost its state is declared new again */
	unsigned	alike;			/* bit set of ids: merge states that differ
								 * only in which of these nodes is which */
	bool		checks_wedges;	/* is a leader reachable from every state? */
	bool		each_majority;	/* ... also by each majority alone */

	/* Directed runs; "all" elsewhere. */
	bool		begins_with_leader; /* node 0 leads in term 1 already */
	unsigned	campaigners;	/* bit set of ids */
	unsigned	losers;			/* who may lose its state */
	unsigned	cut_off;		/* neither hears node 0 nor is heard by it */
	bool		no_rejects;		/* node 0 never hears of the higher term */

	bool		whole_only;		/* do not check what each node does */
	bool		keeps_dead;		/* keep dead messages, and check that they are */
	bool		sends_late;		/* nothing is sent before its turn */
	uint32_t	max_states;		/* give up there */
} ExploreBounds;

#define EXPLORE_ALL				0xffffffffu

typedef struct ExploreHash
{
	uint64_t	high;
	uint64_t	low;
} ExploreHash;

/* A renaming of the nodes: to[old id] = new id. */
typedef struct ExploreRenaming
{
	int32_t		to[EXPLORE_MAX_NODES];
} ExploreRenaming;

/*
 * A node of the cluster as the explorer works on it.  Beside the core: what
 * is on its disk, what it has published, and its latest promise, all of which
 * outlive the core's process.
 */
typedef struct ExploreNode
{
	int32_t		node_id;
	int32_t		incarnation;	/* from 0 */
	bool		disk_lost;		/* the record below is not written yet */
	RaftDurable disk;

	/* The published lease; 0, 0: none. */
	uint64_t	cell_term;
	uint64_t	cell_end_ns;

	/* Latest promise that was told, if it is in force; or RAFT_NO_NODE. */
	int32_t		promised_to;
	uint64_t	promised_term;
	uint64_t	promised_until_ns;

	RaftNode   *raft;			/* must come last */
} ExploreNode;

/* What the search needs to know of a numbered node state. */
typedef struct ExploreSummary
{
	int32_t		node_id;
	int32_t		incarnation;
	RaftRole	role;
	RaftStanding standing;
	uint64_t	term;
	int32_t		vote;
	bool		storage_failed;
	bool		resigns_again;	/* has a resignation to repeat */
	bool		lease_ended;
	int32_t		leader_id;
	int32_t		promise_leader;
	uint64_t	promise_term;
	int32_t		released_leader;
	uint64_t	released_term;
	int32_t		peer_incarnation[EXPLORE_MAX_NODES];	/* -1: not known */
	uint64_t	cell_term;
	uint64_t	cell_end_ns;
	int32_t		promised_to;
	uint64_t	promised_term;
	uint64_t	promised_until_ns;
} ExploreSummary;

/* explore_table.c */

#define EXPLORE_NO_NUMBER		UINT32_MAX

/* Numbers by hash; open addressing, never more than half full. */
typedef struct ExploreIndex
{
	uint32_t   *places;			/* EXPLORE_NO_NUMBER: free */
	size_t		place_count;	/* a power of two */
} ExploreIndex;

/* realloc() that ends the program if there is no memory. */
extern void *table_resize(void *old, size_t size);

extern void table_free_index(ExploreIndex *index);

/* Make an empty index of it, with room for so many numbers. */
extern void table_empty_index(ExploreIndex *index, size_t room);

/*
 * The places where the number of a thing with that hash may be, one after
 * the other; the first free one is where it belongs.
 */
extern uint32_t *table_first_place(const ExploreIndex *index, ExploreHash hash);
extern uint32_t *table_next_place(const ExploreIndex *index, uint32_t *place);

/* Put a number that is not there yet into the first free place. */
extern void table_put(ExploreIndex *index, ExploreHash hash, uint32_t number);

/* explore_state.c */

/* Timers that the explorer fires; all others stand still. */
typedef enum ExploreTimer
{
	EXPLORE_TIMER_NONE = 0,
	EXPLORE_TIMER_ELECTION,
	EXPLORE_TIMER_ROUND,		/* end of a candidacy */
	EXPLORE_TIMER_RESEND,
	EXPLORE_TIMER_HEARTBEAT,
	EXPLORE_TIMER_RESIGN,
	EXPLORE_TIMER_QUERY,
	EXPLORE_TIMER_PROBE,
	EXPLORE_TIMER_STORAGE
} ExploreTimer;

extern RaftConfig state_config(const ExploreBounds *bounds, int32_t node_id,
							   int32_t incarnation);
extern uint64_t state_session(int32_t node_id, int32_t incarnation);
extern int32_t state_session_incarnation(uint64_t session);
extern uint64_t state_nonce(bool pre_vote, uint64_t session, uint64_t term);
extern uint64_t state_rename_label(uint64_t label, const ExploreRenaming *renaming);

/* The one work place. */
extern ExploreNode *state_work_place(void);
extern void state_clear(ExploreNode *node, int32_t node_id);
extern size_t state_pack(const ExploreNode *node, uint64_t *words);
extern void state_unpack(ExploreNode *node, const uint64_t *words, size_t count);
extern size_t state_max_words(void);
extern ExploreHash state_hash(const uint64_t *words, size_t count);

extern void state_normalise(ExploreNode *node, const ExploreBounds *bounds);
extern void state_rename(ExploreNode *node, const ExploreRenaming *renaming);
extern void state_pass_time(ExploreNode *node, uint64_t duration_ns);
extern void state_fire(ExploreNode *node, ExploreTimer timer);
extern void state_make_fit(ExploreNode *node, int32_t peer_id);
extern void state_set_sessions(ExploreNode *node, const uint64_t *sessions);
extern void state_get_sessions(const ExploreNode *node, uint64_t *sessions);
extern void state_summarise(const ExploreNode *node, ExploreSummary *summary);

/* explore_message.c */
extern void message_reset(const ExploreBounds *bounds,
						  const ExploreRenaming *renamings, int renaming_count);

/* The number of a message's canonical form. */
extern uint32_t message_intern(const RaftMessage *message);
extern const RaftMessage *message_of(uint32_t id);
extern uint32_t message_count(void);
extern ExploreHash message_hash(uint32_t id, int renaming);

/* The same message a step of time later; with its round long gone. */
extern uint32_t message_later(uint32_t id);
extern uint32_t message_outdated(uint32_t id);

/* Does the session layer keep it from the addressee, now and for ever? */
extern bool message_is_refused(uint32_t id, const ExploreSummary *addressee);

/* Can no rule of the addressee make anything of it any more? */
extern bool message_is_dead(uint32_t id, const ExploreSummary *sender,
							const ExploreSummary *addressee);
extern void message_describe(const RaftMessage *message, char *text, size_t size);

/* explore_node.c */
typedef enum ExploreAction
{
	EXPLORE_DELIVER = 0,		/* argument: a message's number */
	EXPLORE_ELECTION,			/* the election timer fires */
	EXPLORE_GIVE_UP,			/* the candidacy's time is over */
	EXPLORE_RESEND,
	EXPLORE_HEARTBEAT,
	EXPLORE_RESIGN_AGAIN,
	EXPLORE_QUERY,
	EXPLORE_RETRY_STORAGE,
	EXPLORE_LEAP,				/* what runs out has run out, as the own clock
								 * leaps; with one clock for all: it is only
								 * noticed what has run out */
	EXPLORE_TRANSFER,			/* argument: the successor */
	EXPLORE_STEP_DOWN,
	EXPLORE_RESTART,
	EXPLORE_LOSE,				/* restart without the record */
	EXPLORE_PASS_TIME			/* one step, for all nodes */
} ExploreAction;

/* One thing that can come of an action of one node. */
typedef struct ExploreOutcome
{
	uint32_t	node;			/* the node's number afterwards */
	uint32_t	first_sent;		/* index for node_sent() */
	uint16_t	sent_count;
	uint8_t		elected_term;	/* it became leader in that term; 0: not */
	uint8_t		broken_promise_term;	/* it granted against its promise to
										 * the leader of that term; 0: not */
	uint8_t		released_terms; /* bit set: told that their leader resigned */
	uint8_t		token_terms;	/* bit set: named in tokens */
	uint8_t		uses;			/* bit set of ExploreBudget */
	uint8_t		fault;			/* 0, or how the drain was disturbed */
	bool		cut;			/* beyond the bounds: not followed */
	const char *broken;			/* a broken invariant, or NULL */
} ExploreOutcome;

extern void node_reset(const ExploreBounds *bounds,
					   const ExploreRenaming *renamings, int renaming_count);
extern uint32_t node_first(int32_t node_id);
extern const ExploreSummary *node_summary(uint32_t number);
extern ExploreHash node_hash(uint32_t number, int renaming);
extern uint32_t node_count(void);

/* All outcomes of an action of a node; computed once and then remembered. */
extern const ExploreOutcome *node_outcomes(uint32_t number, ExploreAction action,
										   uint32_t argument, int *count);
extern const uint32_t *node_sent(const ExploreOutcome *outcome);
extern const char *node_fault_name(int fault);

/* explore_cluster.c */
typedef struct ExploreCluster
{
	uint32_t	index;			/* in the order of discovery */
	uint32_t	node[EXPLORE_MAX_NODES];

	/* By term: who led in it, and in which incarnation; -1: nobody yet. */
	int8_t		leader[EXPLORE_MAX_TERM + 1];
	int8_t		leader_incarnation[EXPLORE_MAX_TERM + 1];
	uint8_t		released_terms; /* bit set: their leader has resigned */
	uint8_t		used[EXPLORE_BUDGETS];
	uint16_t	message_count;
	uint32_t	messages[EXPLORE_MAX_MESSAGES]; /* sorted, each once */
} ExploreCluster;

/* What is done next, to whom, and which of the outcomes it has. */
typedef struct ExploreMove
{
	uint8_t		action;
	int8_t		node;			/* -1: all */
	uint8_t		outcome;
	uint32_t	argument;
} ExploreMove;

/*
 * Called for each move, with the cluster after it.  broken: the invariant
 * that it breaks, or NULL.  cut: it leaves the bounds, and there is no cluster
 * after it.  Returns false to end the search.
 */
typedef bool (*ExploreVisit) (const ExploreMove *move, const ExploreCluster *next,
							  const char *broken, bool cut, void *argument);

extern void cluster_reset(const ExploreBounds *bounds);
extern void cluster_first(ExploreCluster *cluster);
extern size_t cluster_size(const ExploreCluster *cluster);

/* The number of states that differ in ids only goes to *orbit. */
extern ExploreHash cluster_hash(const ExploreCluster *cluster, int *orbit);
extern bool cluster_for_each_move(const ExploreCluster *cluster,
								  ExploreVisit visit, void *argument);

/* Bit sets of ids: who holds a lease; by whom a move comes about. */
extern unsigned cluster_leaders(const ExploreCluster *cluster);
extern unsigned cluster_involved(const ExploreMove *move);

/* Nobody can be elected in it, and rightly so: too many states are lost. */
extern bool cluster_is_past_help(const ExploreCluster *cluster);
extern void cluster_describe_move(const ExploreCluster *before,
								  const ExploreMove *move,
								  const ExploreCluster *after);

/* explore_search.c */
typedef struct ExploreResult
{
	uint32_t	states;
	uint64_t	unreduced;		/* states without merging by symmetry */
	uint64_t	transitions;
	uint32_t	depth;
	double		seconds;
	uint32_t	node_states;
	uint32_t	messages;
	bool		closed;
	const char *broken;			/* first broken invariant, or NULL */
	uint64_t	asked;			/* states, for each majority if so asked: is a
								 * leader reachable? */
	uint32_t	wedged;			/* no */
	uint64_t	at_the_bound;	/* only beyond the bounds, perhaps */
} ExploreResult;

extern void explore_search(const ExploreBounds *bounds, ExploreResult *result);

/* explore_runs.c */

/* The runs of that set, or the one of that name; NULL: there is none. */
extern const ExploreBounds *runs_of(const char *set_or_run, int *count);

#endif							/* EXPLORE_H */
