/*-------------------------------------------------------------------------
 *
 * session.c
 *		Acceptance of the peers' sessions, and the window of sequence numbers;
 *		session.h has the rules and why they hold.
 *
 * Runs in the receiver, and in tests; no locks.
 *
 * What must stay true, for each peer:
 *	1. bits of "seen" tell of the numbers highest - SESSION_WINDOW + 1 ...
 *	   highest of the accepted session; the words of numbers above "highest"
 *	   are cleared before "highest" reaches them;
 *	2. "challenge" is drawn anew whenever "accepted" changes, and else only in
 *	   a contest when it has been answered, so that an answer under way is not
 *	   made worthless;
 *	3. no session is accepted in a contest;
 *	4. a session that was accepted and is no longer is the first of "former",
 *	   unless others have come after it.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/session.h"

#include <string.h>

_Static_assert(SESSION_WINDOW % 64 == 0, "the window must fill its words");

/* 2^64 divided by the golden ratio, made odd: the step of SplitMix64. */
#define GOLDEN_STEP				UINT64_C(0x9e3779b97f4a7c15)

/*
 * The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast Splittable
 * Pseudorandom Number Generators", 2014).  It is a bijection: different
 * inputs give different outputs.
 */
static uint64_t
mix_bits(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/*
 * Make a new challenge.  Each (peer, count) has an offset of its own, so that
 * one draw gives different challenges to different peers and at different
 * times.  A challenge need not be a secret, it goes out in the clear: what
 * counts is that no session can have been asked for it before it was made.
 */
static void
renew_challenge(SessionPeer *peer, int32_t peer_id, uint64_t draw)
{
	uint64_t	former = peer->challenge;

	do
	{
		uint64_t	offset = (peer->challenge_count * RAFT_MAX_NODES +
							  (uint64_t) peer_id + 1);

		peer->challenge = mix_bits(draw + offset * GOLDEN_STEP);
		peer->challenge_count++;
	} while (peer->challenge == 0 || peer->challenge == former);
}

/* Where the bit of a sequence number is. */
static uint64_t *
find_word(SessionPeer *peer, uint64_t sequence)
{
	return &peer->seen[(sequence / 64) % SESSION_WINDOW_WORDS];
}

/* Mark a sequence number as seen; false if it is used or too old. */
static bool
take_sequence(SessionPeer *peer, uint64_t sequence)
{
	uint64_t	bit = UINT64_C(1) << (sequence % 64);
	uint64_t   *word = find_word(peer, sequence);

	if (sequence > peer->highest)
	{
		uint64_t	steps = sequence / 64 - peer->highest / 64;

		/* clear the words between; once around the ring is all of them */
		if (steps > SESSION_WINDOW_WORDS)
			steps = SESSION_WINDOW_WORDS;
		for (; steps > 0; steps--)
			*find_word(peer, sequence - (steps - 1) * 64) = 0;
		peer->highest = sequence;
	}
	else if (sequence == 0 || peer->highest - sequence >= SESSION_WINDOW ||
			 (*word & bit) != 0)
		return false;

	*word |= bit;
	return true;
}

/* All numbers up to this one count as used. */
static void
begin_window_above(SessionPeer *peer, uint64_t sequence)
{
	peer->highest = sequence;
	memset(peer->seen, 0xff, sizeof(peer->seen));
	*find_word(peer, sequence) = (UINT64_C(2) << (sequence % 64)) - 1;
}

/* NULL: it is not remembered. */
static SessionFormer *
find_former(SessionPeer *peer, uint64_t session)
{
	int			i;

	for (i = 0; i < SESSION_FORMER_COUNT; i++)
	{
		if (peer->former[i].session == session)
			return &peer->former[i];
	}
	return NULL;
}

/* Put a session first among those remembered; the oldest may have to go. */
static void
remember_former(SessionPeer *peer, uint64_t session, uint64_t highest)
{
	SessionFormer *place = find_former(peer, session);

	if (place == NULL)
		place = &peer->former[SESSION_FORMER_COUNT - 1];
	else if (highest < place->highest)
		highest = place->highest;
	memmove(&peer->former[1], &peer->former[0],
			(size_t) (place - peer->former) * sizeof(SessionFormer));
	peer->former[0].session = session;
	peer->former[0].highest = highest;
}

static void
accept_session(SessionPeer *peer, const RaftMessage *message,
			   uint64_t sequence, uint64_t draw)
{
	if (peer->accepted != 0)
		remember_former(peer, peer->accepted, peer->highest);
	peer->accepted = message->from_session;
	peer->highest = 0;
	memset(peer->seen, 0, sizeof(peer->seen));
	(void) take_sequence(peer, sequence);
	renew_challenge(peer, message->from, draw);
}

/* A former session lives, and the accepted one did so after it. */
static void
begin_contest(SessionPeer *peer, const RaftMessage *message,
			  uint64_t sequence, uint64_t draw)
{
	remember_former(peer, peer->accepted, peer->highest);
	remember_former(peer, message->from_session, sequence);
	peer->accepted = 0;
	peer->contested = true;
	peer->candidate = 0;
	peer->answers = 0;
	peer->answered = false;
	renew_challenge(peer, message->from, draw);
}

/* One session is left. */
static void
end_contest(SessionPeer *peer, const RaftMessage *message, uint64_t sequence,
			uint64_t draw)
{
	peer->contested = false;
	peer->accepted = message->from_session;
	begin_window_above(peer, sequence);
	renew_challenge(peer, message->from, draw);
}

/*
 * A session of a contested peer has sent back the present challenge.  If
 * another one has done so before, both are alive, and it counts for neither.
 */
static void
take_answer(SessionPeer *peer, uint64_t session)
{
	if (session != peer->candidate)
	{
		peer->candidate = session;
		peer->answers = 0;
	}
	if (!peer->answered)
	{
		peer->answered = true;
		peer->answers++;
	}
}

/* What a session shows of itself that could not have been replayed. */
static void
note_sign_of_life(SessionPeer *peer, uint64_t session, uint64_t sequence)
{
	SessionFormer *former = find_former(peer, session);

	if (former == NULL || sequence <= former->highest)
		return;
	former->highest = sequence;
	if (session != peer->candidate)
		peer->answers = 0;
}

static SessionVerdict
check_contested(SessionPeer *peer, const RaftMessage *message,
				uint64_t sequence, bool is_proof, uint64_t draw)
{
	note_sign_of_life(peer, message->from_session, sequence);
	if (is_proof)
	{
		remember_former(peer, message->from_session, sequence);
		take_answer(peer, message->from_session);
		if (peer->answers == SESSION_CONTEST_ANSWERS)
		{
			end_contest(peer, message, sequence, draw);
			return SESSION_ACCEPTED;
		}
	}
	return message->type == RAFT_MESSAGE_PROBE ?
		SESSION_STRANGER : SESSION_DROP_CLONE;
}

bool
session_table_init(SessionTable *table, uint64_t own_session,
				   int32_t node_count, uint64_t draw)
{
	int32_t		i;

	memset(table, 0, sizeof(*table));
	if (own_session == 0 || node_count < 1 || node_count > RAFT_MAX_NODES)
		return false;

	table->own_session = own_session;
	table->node_count = node_count;
	for (i = 0; i < node_count; i++)
		renew_challenge(&table->peers[i], i, draw);
	return true;
}

SessionVerdict
session_check(SessionTable *table, const RaftMessage *message,
			  uint64_t sequence, uint64_t draw)
{
	SessionPeer *peer;
	bool		is_probe = message->type == RAFT_MESSAGE_PROBE;
	bool		echoes_us = message->to_session == table->own_session;
	bool		is_proof;

	if (message->from < 0 || message->from >= table->node_count ||
		message->from_session == 0)
		return SESSION_DROP_SESSION;
	peer = &table->peers[message->from];
	is_proof = (echoes_us && message->type == RAFT_MESSAGE_PROBE_REPLY &&
				message->nonce == peer->challenge);

	if (message->from_session == peer->accepted)
	{
		/* a PROBE from before it heard of us is of no harm, others may be */
		if (!echoes_us && !is_probe)
			return SESSION_DROP_SESSION;
		if (!take_sequence(peer, sequence))
			return SESSION_DROP_REPLAY;
		return echoes_us ? SESSION_ACCEPTED : SESSION_STRANGER;
	}

	/* no session has such a number */
	if (sequence == 0)
		return SESSION_DROP_REPLAY;

	if (peer->contested)
		return check_contested(peer, message, sequence, is_proof, draw);

	if (is_proof && find_former(peer, message->from_session) != NULL)
	{
		begin_contest(peer, message, sequence, draw);
		return SESSION_DROP_CLONE;
	}

	if (is_proof || (echoes_us && peer->accepted == 0))
	{
		accept_session(peer, message, sequence, draw);
		return SESSION_ACCEPTED;
	}

	return is_probe ? SESSION_STRANGER : SESSION_DROP_SESSION;
}

bool
session_admit_stranger(SessionTable *table, const RaftMessage *message,
					   uint64_t now_ns)
{
	bool		echoes_us = message->to_session == table->own_session;
	uint64_t   *admitted_ns;

	if (message->from < 0 || message->from >= table->node_count)
		return false;
	admitted_ns = &table->peers[message->from].admitted_ns[echoes_us];
	if (*admitted_ns != 0 && now_ns - *admitted_ns < SESSION_STRANGER_INTERVAL_NS)
		return false;
	*admitted_ns = now_ns;
	return true;
}

uint64_t
session_challenge(const SessionTable *table, int32_t peer_id)
{
	if (peer_id < 0 || peer_id >= table->node_count)
		return 0;
	return table->peers[peer_id].challenge;
}

bool
session_is_contested(const SessionTable *table, int32_t peer_id)
{
	return peer_id >= 0 && peer_id < table->node_count &&
		table->peers[peer_id].contested;
}

bool
session_awaits_proof(const SessionTable *table, int32_t peer_id)
{
	return session_is_contested(table, peer_id) &&
		!table->peers[peer_id].answered;
}

bool
session_renew_challenge(SessionTable *table, int32_t peer_id, uint64_t draw)
{
	SessionPeer *peer;

	if (!session_is_contested(table, peer_id) ||
		session_awaits_proof(table, peer_id))
		return false;
	peer = &table->peers[peer_id];
	renew_challenge(peer, peer_id, draw);
	peer->answered = false;
	return true;
}
