/*-------------------------------------------------------------------------
 *
 * session.h
 *		Which sessions of the peers are believed, and which of their datagrams
 *		have been seen before.
 *
 * Pure: no PostgreSQL, no I/O, no allocation, no clock; chance and time come as
 * arguments.  In the extension the receiver owns the one table and asks it of
 * each datagram that wire.h has passed; no locks.
 *
 * A session is one life of a node's pipeline.  Its number is random and goes
 * with each datagram, together with an echo of the addressee's session as far
 * as the sender knows it.  A datagram is believed only if its sender's session
 * is the accepted one, it echoes our own, and its sequence number is new.
 *
 * How a session is accepted:
 *
 *	1.	None is accepted of that peer yet: any datagram that echoes ours opens
 *		its session.  Our number is drawn at our start, so the datagram was
 *		made since.
 *	2.	Another one is accepted: the echo is not enough, for captured datagrams
 *		of the peer's former sessions echo ours, too.  Only a PROBE_REPLY that
 *		carries the peer's present challenge as its nonce replaces it.  A
 *		challenge is a random number that goes out in a PROBE, and a new one
 *		is drawn whenever a session of that peer is accepted.
 *
 * Why one round trip proves that the session is alive.  Let A be the accepted
 * session, and t the moment of its acceptance, when the challenge was drawn.
 * Whoever sends the challenge back was alive after t; A has sent what made it
 * accepted before t.  A peer's sessions follow one another, so a session
 * other than A that was alive after t is a later one than A.  Accepted
 * sessions therefore only go forward: whatever is captured and sent again, a
 * former session is never accepted any more, and (session, sequence number)
 * is believed at most once.
 *
 * Two live nodes with one id, clones, break the premise: each would replace
 * the other, by a round trip of its own, over and over again.  So:
 *
 *	3.	If a session that was accepted and replaced before sends back the
 *		present challenge, the peer is contested: nothing is believed of any
 *		of its sessions, and none is accepted.  Its PROBEs go on being
 *		answered as a stranger's, with challenges that are renewed as they
 *		are answered.
 *	4.	A contest ends when one session has answered
 *		SESSION_CONTEST_ANSWERS challenges in a row and nothing has shown
 *		another one to live: neither an answer, nor, from a session that is
 *		remembered, a sequence number above all that came of it before.  That
 *		session is accepted.  Numbers up to that of its last answer count as
 *		used: what was believed of it before the contest was sent before the
 *		challenge was drawn.
 *
 * A node that restarts, however often, is never taken for two.  Let S be a
 * former session, and A the accepted one.  What made S accepted was sent
 * before S was accepted; A sent back a challenge that was drawn when S or a
 * later one was accepted, so A was alive after that.  If one followed the
 * other, S had ended when A began.  The present challenge was drawn when A was
 * accepted: S cannot know it, nor can a datagram of S that is late or
 * replayed hold it.
 *
 * Two nodes that live and whose datagrams come through are found out, for
 * neither can be the accepted one without the other being a stranger, which
 * is asked for a proof whenever it probes.  If it was accepted before, this
 * makes the contest; if not, it takes the other's place as after a restart,
 * and the other one's next proof makes it.  It probes when it hears nothing that
 * it believes: datagrams of ours that come late, made while we believed it, put
 * that off.
 *
 * When one of them has gone, the other one is believed after
 * SESSION_CONTEST_ANSWERS answers, or a few more if datagrams of the former
 * are late.  Each of these counts once: nobody can draw a contest out with
 * what he has captured.  A new session in a contest is treated as any other,
 * and so has to outlast the rest.  A new one after a contest replaces the
 * accepted one, since it may be that one's restart; if it is a clone's, the
 * next proof of the replaced one, which is remembered, makes a contest again.
 * Until then it is believed: from one datagram nobody can tell these apart.
 * Were so many sessions accepted since that a live one is not remembered any
 * more, it passes for a new one, and the same happens a round trip later.
 *
 * What the core does with a stranger, a PROBE of a session that is not
 * accepted or that does not echo ours: it sends a PROBE_REPLY (to the session
 * that asked, which lets the other side accept us), and then a PROBE that
 * carries the challenge.  The answer to that is what rule 2 waits for.  Any of
 * these may be lost: both sides go on probing a peer of which they hear
 * nothing that they believe, and each probe begins the exchange anew.
 *
 * A stranger's PROBE may be a captured one, which somebody sends again as often
 * as he likes, and each is answered; so of a peer's they are limited, by
 * session_admit_stranger().  Those that echo us have a limit of their own: when
 * each of two is a stranger to the other, as the one has restarted and the
 * other runs twice, and both probe at the same time, each asks for a proof
 * right after it has probed.  If that probe used up the limit, so would the
 * next one, a second later.
 *
 * In a contest the other side may believe us while we do not believe it, and
 * then it has no reason to probe.  So whatever else it sends is to be taken
 * for a stranger's PROBE while session_awaits_proof().
 *
 *-------------------------------------------------------------------------
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

/*
 * Width of the window of sequence numbers: one that is this much or more
 * below the greatest seen is too old to be told from a used one.
 */
#define SESSION_WINDOW			1024

/*
 * Words of its bitmap: one more than the window fills, so that a word is
 * cleared as a whole when the window moves into it (the ring of RFC 6479).
 */
#define SESSION_WINDOW_WORDS	(SESSION_WINDOW / 64 + 1)

/* Former sessions that are remembered of each peer. */
#define SESSION_FORMER_COUNT	8

/* Challenges that the one session left must answer for a contest to end. */
#define SESSION_CONTEST_ANSWERS 5

/* Of a peer's strangers, one PROBE in this time is let in. */
#define SESSION_STRANGER_INTERVAL_NS	UINT64_C(10000000)

typedef enum SessionVerdict
{
	SESSION_ACCEPTED = 0,		/* believe it: feed it to the core */
	SESSION_STRANGER,			/* a PROBE that may be answered, and of which
								 * nothing else is believed: feed it to the
								 * core with "stranger" set and "challenge"
								 * from session_challenge() */
	SESSION_DROP_SESSION,		/* session not accepted, or wrong echo */
	SESSION_DROP_REPLAY,		/* sequence number 0, used or too old */
	SESSION_DROP_CLONE			/* two nodes with that id are alive: neither
								 * is believed */
} SessionVerdict;

/* A session that was accepted, or has proved to live in a contest. */
typedef struct SessionFormer
{
	uint64_t	session;		/* 0: none */
	uint64_t	highest;		/* greatest sequence number seen of it */
} SessionFormer;

/* What is kept of one peer; for session.c only. */
typedef struct SessionPeer
{
	uint64_t	accepted;		/* accepted session; 0: none */
	uint64_t	challenge;		/* that a new session must send back, not 0 */
	uint64_t	challenge_count;	/* challenges made since the start */
	uint64_t	highest;		/* greatest sequence number seen of it */
	uint64_t	seen[SESSION_WINDOW_WORDS]; /* bit for each number in the
											 * window */
	SessionFormer former[SESSION_FORMER_COUNT]; /* the latest first */
	uint64_t	admitted_ns[2]; /* when a stranger's PROBE was let in: one
								 * that did not echo us, and one that did; 0:
								 * never */

	/* The rest means nothing while "contested" is false. */
	bool		contested;
	uint64_t	candidate;		/* the session that answered last; 0: none */
	int			answers;		/* challenges that it has answered since
								 * another one was known to live */
	bool		answered;		/* the present challenge has been */
} SessionPeer;

/* Fields are for session.c only; the struct is here for its size. */
typedef struct SessionTable
{
	uint64_t	own_session;
	int32_t		node_count;
	SessionPeer peers[RAFT_MAX_NODES];	/* by node id */
} SessionTable;

/*
 * Forget everything.  "own_session" is this node's, random and not 0;
 * "node_count" is 1 ... RAFT_MAX_NODES; "draw" is a random number that nobody
 * else can foretell.  False, and a table that accepts nothing, if they break
 * these ranges.
 */
extern bool session_table_init(SessionTable *table, uint64_t own_session,
							   int32_t node_count, uint64_t draw);

/*
 * Judge one datagram that was decoded and verified, and take note of it.
 * "draw" is a fresh random number that nobody else can foretell; it becomes
 * the next challenge if this datagram opens a session or makes a contest.
 */
extern SessionVerdict session_check(SessionTable *table,
									const RaftMessage *message,
									uint64_t sequence, uint64_t draw);

/*
 * May the core be asked to answer that stranger's PROBE?  Takes note of it.
 * Times must not go back; 0 is none.
 */
extern bool session_admit_stranger(SessionTable *table,
								   const RaftMessage *message,
								   uint64_t now_ns);

/*
 * The peer's present challenge: what a PROBE to a stranger carries as its
 * nonce.  Never 0, unless there is no such peer.
 */
extern uint64_t session_challenge(const SessionTable *table, int32_t peer_id);

/* Are two nodes alive with that id?  False if there is no such peer. */
extern bool session_is_contested(const SessionTable *table, int32_t peer_id);

/* Is the peer contested, and has nobody answered the present challenge yet? */
extern bool session_awaits_proof(const SessionTable *table, int32_t peer_id);

/*
 * Go on to the next challenge of a contested peer; false, and nothing is
 * changed, if it is not contested or nobody has answered the present one yet.
 * The caller sets the pace: so slow that whoever lives probes a few times
 * while SESSION_CONTEST_ANSWERS challenges pass, and gets its chance to say
 * so.
 */
extern bool session_renew_challenge(SessionTable *table, int32_t peer_id,
									uint64_t draw);

#endif							/* SESSION_H */
