/*-------------------------------------------------------------------------
 *
 * session_fixture.h
 *		What tests share that ask one table of sessions directly; its peer is
 *		node 1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include "wire/session.h"
#include "wire_fixture.h"

/* Session of the table's owner, and one of its peer. */
#define OWN_SESSION		UINT64_C(0x1000)
#define PEER_SESSION	UINT64_C(0x2001)

/* What becomes of a message of the peer that has these fields. */
static inline SessionVerdict
ask(SessionTable *table, RaftMessageType type, uint64_t from_session,
	uint64_t to_session, uint64_t nonce, uint64_t sequence)
{
	RaftMessage m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	m.from = 1;
	m.from_session = from_session;
	m.to_session = to_session;
	m.nonce = nonce;
	return session_check(table, &m, sequence, draw_random());
}

/* A heartbeat of the peer's accepted session. */
static inline SessionVerdict
ask_sequence(SessionTable *table, uint64_t sequence)
{
	return ask(table, RAFT_MESSAGE_HEARTBEAT, PEER_SESSION, OWN_SESSION, 0,
			   sequence);
}

#endif							/* SESSION_FIXTURE_H */
