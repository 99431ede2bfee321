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
 *	2. "challenge" is drawn anew whenever "accepted" changes, and at no other
 *	   time, so that an answer under way is not made worthless.
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

static void
accept_session(SessionPeer *peer, const RaftMessage *message,
			   uint64_t sequence, uint64_t draw)
{
	peer->accepted = message->from_session;
	peer->highest = 0;
	memset(peer->seen, 0, sizeof(peer->seen));
	(void) take_sequence(peer, sequence);
	renew_challenge(peer, message->from, draw);
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

	if (message->from < 0 || message->from >= table->node_count ||
		message->from_session == 0)
		return SESSION_DROP_SESSION;
	peer = &table->peers[message->from];

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

	if (echoes_us &&
		(peer->accepted == 0 ||
		 (message->type == RAFT_MESSAGE_PROBE_REPLY &&
		  message->nonce == peer->challenge)))
	{
		accept_session(peer, message, sequence, draw);
		return SESSION_ACCEPTED;
	}

	return is_probe ? SESSION_STRANGER : SESSION_DROP_SESSION;
}

uint64_t
session_challenge(const SessionTable *table, int32_t peer_id)
{
	if (peer_id < 0 || peer_id >= table->node_count)
		return 0;
	return table->peers[peer_id].challenge;
}
