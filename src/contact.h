/*-------------------------------------------------------------------------
 *
 * contact.h
 *		Which peers this node hears: when it loses one, and when that is back.
 *
 * The ticker alone uses this.  A peer is lost when diagnosis_reachable() says
 * so, as in the views.  Nobody is woken for it: the ticker looks when it wakes
 * anyway, at most twice a second, or when something comes from a lost peer.
 *
 * Each change is returned, for whoever wants to know.  Whether it is worth a
 * line in the log is another question: a link that flaps may have a few lines
 * a minute, then the losses that are over soon are only counted.  The line
 * that comes last always tells what is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_CONTACT_H
#define PG_LEADER_CONTACT_H

#include "raft/raft.h"

/* Losses of one peer that the log may tell of within CONTACT_LINES_NS. */
#define CONTACT_LINES			3
#define CONTACT_LINES_NS		(UINT64CONST(60) * 1000000000)

typedef enum ContactEvent
{
	CONTACT_LOST = 1,
	CONTACT_BACK,
	CONTACT_STILL_LOST			/* no change: the line about the loss, which
								 * was put off */
} ContactEvent;

typedef struct ContactChange
{
	ContactEvent event;
	int32		peer_id;
	bool		is_first;		/* it was never heard since the ticker's
								 * start, before this */
	uint64		silent_ns;		/* for how long it is, or was, silent */
	bool		is_worth_line;
	uint64		untold;			/* losses since the last line that none has
								 * told of */
} ContactChange;

/* What is known of one peer. */
typedef struct ContactPeer
{
	bool		is_lost;
	bool		is_told;		/* the log has told of that */
	bool		was_heard;		/* ever */
	uint64		silent_since_ns;	/* lost: last heard, or the start */
	uint64		told_ns[CONTACT_LINES]; /* when the log told of the last
										 * losses; 0: of fewer */
	int			next_told;		/* place of the oldest one */
	uint64		untold;
} ContactPeer;

/* Fields are for contact.c. */
typedef struct Contact
{
	int32		node_id;
	int32		node_count;
	uint64		start_ns;
	uint64		next_look_ns;
	int32		next_peer;		/* a look that is under way goes on here */
	ContactPeer peers[RAFT_MAX_NODES];
} Contact;

/* Start of the ticker. */
extern void contact_begin(Contact *contact, int32 node_id, int32 node_count,
						  uint64 now_ns);

/* A message of that peer has come in. */
extern void contact_heard(Contact *contact, int32 peer_id);

/* The next change; false: there are no more now. */
extern bool contact_next_change(Contact *contact, const RaftNode *node,
								uint64 now_ns, ContactChange *change);

#endif							/* PG_LEADER_CONTACT_H */
