/*-------------------------------------------------------------------------
 *
 * bodies.c
 *		What is really true of a node that runs twice: what each of the two, its
 *		bodies, has done, and what of it was believed.
 *
 * What the design promises of clones.  A peer that has heard both, each after
 * the other, believes neither, until one of them has answered for several
 * seconds while nothing was heard of the other (session.h).  That is checked
 * of every peer and always: invariant 14.  It bounds the harm, and does not
 * exclude it: who hears one only believes it, and so does who hears both for
 * the first seconds.  So:
 *
 *		all that is claimed holds as long as that which was believed of the
 *		bodies is what one node could have done.
 *
 * The claims end, then, when a core believes a deed that contradicts another
 * one, of another body, which a core has believed, too.  These are the deeds,
 * of which the proofs in docs/correctness.md need that a node keeps to them:
 *
 *	1.	Two votes of one term for two candidacies.  A body that is elected has
 *		voted for itself; so has one that campaigns, and that is believed by
 *		those who take its former leadership for given up.
 *	2.	A vote of some term, and a promise to the leader of a lower one, which
 *		is in force at the vote or is made after it, while that leader has not
 *		given up its term.  A leader has promised itself what its lease says.
 *	3.	A report of its term to a node that has lost its state, which recovers
 *		below a term that the other body has known (ghost.c, note_recovery()).
 *
 * What a body knows of the other it has to keep to, or an invariant is broken:
 * a copy knows what the original had done until it was made, as its disk says
 * so, and its silence outlasts the original's promises (not always a leader's
 * lease: that rests on promises of others, which may be longer); and who has recovered by asking
 * knows what was believed of the other body before its present life began.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/*
 * So long at least nothing is heard of the one before the other is believed
 * again: the first two challenges may follow at once.
 */
#define CONTEST_NS	((SESSION_CONTEST_ANSWERS - 2) * SIM_CONTEST_INTERVAL_NS)

void
bodies_build(World *world)
{
	world->bodies = calloc(SIM_BODIES, sizeof(Body));
	if (world->bodies == NULL)
		abort();
	world->bodies[0].exists = true;
}

void
bodies_clear(World *world)
{
	int			i;

	for (i = 0; world->bodies != NULL && i < SIM_BODIES; i++)
	{
		free(world->bodies[i].casts);
		free(world->bodies[i].pledges);
		free(world->bodies[i].sessions);
	}
	free(world->bodies);
}

/* NULL: nobody cares. */
static Body *
body_of(const World *world, const Host *host)
{
	if (host->id != world->clone_of)
		return NULL;
	return &world->bodies[host->body < world->count ? 0 :
						  host->body - world->count + 1];
}

/* Where it runs; NULL: it was a clone, and is gone. */
Host *
bodies_host(const World *world, int32_t body)
{
	Host	   *clone;

	if (body < world->count)
		return &world->hosts[body];
	clone = &world->hosts[world->count];
	return world->present > world->count && clone->body == body ? clone : NULL;
}

static Body *
body_of_session(const World *world, uint64_t session)
{
	int			i;
	size_t		s;

	for (i = 0; i < SIM_BODIES && world->bodies[i].exists; i++)
	{
		for (s = world->bodies[i].session_count; s > 0; s--)
		{
			if (world->bodies[i].sessions[s - 1] == session)
				return &world->bodies[i];
		}
	}
	return NULL;
}

/* Whose session that is; NULL: a clone's that is gone. */
Host *
bodies_host_of_session(const World *world, int32_t id, uint64_t session)
{
	const Body *body;

	if (id != world->clone_of || world->clone_number == 0)
		return &world->hosts[id];
	body = body_of_session(world, session);
	if (body == NULL || body == world->bodies)
		return &world->hosts[id];
	return bodies_host(world, world->count + (int32_t) (body - world->bodies) - 1);
}

static void *
grow(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room * 2 + 16;
	array = realloc(array, *room * size);
	if (array == NULL)
		abort();
	return array;
}

/* ----------
 * What contradicts what
 * ----------
 */

/* Of two deeds, must the later one's body keep to the earlier one? */
static bool
is_known(const World *world, const Body *later, const Body *earlier,
		 uint64_t number)
{
	return number <= later->asked ||
		(earlier == world->bodies && number <= later->copied);
}

/* UINT64_MAX as a number: nobody need know of that one. */
static void
contradict(World *world, const Host *host, const Body *one,
		   uint64_t one_number, const Body *other, uint64_t other_number,
		   const char *detail)
{
	bool		is_known_to_later = one_number > other_number || other_number == UINT64_MAX ?
	is_known(world, one, other, other_number) :
	is_known(world, other, one, one_number);

	if (world->claims_over)
		return;
	if (is_known_to_later)
	{
		invariants_fail(world, 14, host, detail);
		return;
	}
	world_cover(world, COVER_CLONE_CONTRADICTED);
	ghost_end_claims(world, "two servers with one id did what one node could not, and were believed");
}

static void
compare(World *world, const Host *host, const Body *voter, const Cast *cast,
		const Body *promiser, const Pledge *pledge)
{
	if (cast->session == 0 || pledge->number == 0 ||
		cast->term <= pledge->term || pledge->until_ns <= cast->cast_ns ||
		ghost_is_over(world, pledge->leader, pledge->term))
		return;
	contradict(world, host, voter, cast->number, promiser,
			   cast->number > pledge->number && cast->cast_ns >= pledge->kept_until_ns ?
			   UINT64_MAX : pledge->number,
			   "it breaks a promise of the server that it is a copy of");
}

/* That vote is counted now. */
static void
check_cast(World *world, const Host *host, const Body *body, const Cast *cast)
{
	const Body *other;
	size_t		i;

	for (other = world->bodies; other < world->bodies + SIM_BODIES; other++)
	{
		if (other == body)
			continue;
		for (i = 0; i < other->cast_count; i++)
		{
			if (other->casts[i].session != 0 &&
				other->casts[i].term == cast->term &&
				other->casts[i].session != cast->session)
				contradict(world, host, body, cast->number, other,
						   other->casts[i].number,
						   "it votes where the server had voted that it is a copy of");
		}
		for (i = 0; i < other->pledge_count; i++)
			compare(world, host, body, cast, other, &other->pledges[i]);
	}
}

/* That promise is counted now. */
static void
check_pledge(World *world, const Host *host, const Body *body,
			 const Pledge *pledge)
{
	const Body *other;
	size_t		i;

	for (other = world->bodies; other < world->bodies + SIM_BODIES; other++)
	{
		for (i = 0; other != body && i < other->cast_count; i++)
			compare(world, host, other, &other->casts[i], body, pledge);
	}
}

/* ----------
 * What a body does
 * ----------
 */

/* Its vote of that term; made anew if there is none. */
static Cast *
find_cast(World *world, Body *body, uint64_t term, int32_t candidate)
{
	Cast	   *cast;
	size_t		i;

	for (i = body->cast_count; i > 0; i--)
	{
		cast = &body->casts[i - 1];
		if (cast->term == term && cast->candidate == candidate)
			return cast;
	}
	body->casts = grow(body->casts, body->cast_count, &body->cast_room, sizeof(Cast));
	cast = &body->casts[body->cast_count++];
	cast->number = ++world->deeds;
	cast->term = term;
	cast->cast_ns = world->now_ns;
	cast->session = 0;
	cast->candidate = candidate;
	return cast;
}

static Pledge *
find_pledge(Body *body, uint64_t term, uint64_t session, int32_t leader)
{
	Pledge	   *pledge;
	size_t		i;

	for (i = body->pledge_count; i > 0; i--)
	{
		if (body->pledges[i - 1].term == term && body->pledges[i - 1].session == session)
			return &body->pledges[i - 1];
	}
	body->pledges = grow(body->pledges, body->pledge_count, &body->pledge_room,
						 sizeof(Pledge));
	pledge = &body->pledges[body->pledge_count++];
	memset(pledge, 0, sizeof(Pledge));
	pledge->term = term;
	pledge->session = session;
	pledge->leader = leader;
	return pledge;
}

/* "known" is how many of the original's deeds its disk tells of. */
void
bodies_copied(World *world, Host *clone, uint64_t known)
{
	Body	   *body = body_of(world, clone);

	body->exists = true;
	body->copied = known;
	body->asked = known < world->bodies[0].asked ? known : world->bodies[0].asked;
	body->max_term = clone->disk.confirmed.term;
	body->max_term_number = known;
}

/*
 * Its disk is put back to a record, or holds none any more: of others' deeds and
 * of its own, those up to that number are all that it knows, until it asks.
 */
void
bodies_forgets(World *world, Host *host, uint64_t known)
{
	Body	   *body = body_of(world, host);

	host->disk.known = known;
	if (body == NULL)
		return;
	if (body->copied > known)
		body->copied = known;
	if (body->asked > known)
		body->asked = known;
}

void
bodies_note_start(World *world, Host *host)
{
	Body	   *body = body_of(world, host);

	if (body == NULL)
		return;
	body->life_began = world->deeds;
	body->sessions = grow(body->sessions, body->session_count, &body->session_room,
						  sizeof(uint64_t));
	body->sessions[body->session_count++] = host->config.session;
}

/*
 * It votes for the node that runs twice.  If it has promised itself to that
 * node's former leadership, it takes that for given up, and may vote for
 * anybody later.  A candidacy is a vote for oneself, and believed by that.
 */
static void
note_vote_for_clone(World *world, Host *host)
{
	Ghost	   *ghost = &host->ghost;
	const RaftDurable *record = &host->record;
	Body	   *body;
	Cast	   *cast;

	if (record->vote != world->clone_of || ghost->promised_to != record->vote ||
		ghost->promised_term >= record->term ||
		ghost->candidacy_term != record->term)
		return;
	body = body_of_session(world, ghost->candidacy_session);
	if (body == NULL)
		return;
	cast = find_cast(world, body, record->term, record->vote);
	cast->session = ghost->candidacy_session;
	check_cast(world, host, body, cast);
	ghost->promised_to = RAFT_NO_NODE;
}

/* Its record is on disk, and its view is still of the former one. */
void
bodies_note_record(World *world, Host *host)
{
	Body	   *body = body_of(world, host);
	const RaftDurable *record = &host->record;

	if (world->clone_number > 0 && record->vote >= 0 && host->id != record->vote)
		note_vote_for_clone(world, host);
	if (body == NULL)
		return;
	if (record->standing == RAFT_MEMBER && host->view.standing == RAFT_AMNESIAC &&
		host->view.forget_at_ns == 0)
	{
		body->asked = body->life_began;
		host->disk.known = UINT64_MAX;
	}
	if (body->max_term < record->term)
	{
		body->max_term = record->term;
		body->max_term_number = ++world->deeds;
	}
	if (record->vote >= 0)
		(void) find_cast(world, body, record->term, record->vote);
}

void
bodies_note_sent(World *world, Host *host, const RaftMessage *message)
{
	Body	   *body = body_of(world, host);
	Pledge	   *pledge;

	if (body == NULL)
		return;
	if (message->type == RAFT_MESSAGE_VOTE_REPLY &&
		(message->flags & RAFT_FLAG_GRANTED) != 0)
		(void) find_cast(world, body, message->subject_term, message->to);
	if (message->type != RAFT_MESSAGE_HEARTBEAT_ACK)
		return;
	pledge = find_pledge(body, message->subject_term, message->to_session, message->to);
	pledge->sent_number[message->round % RAFT_ROUND_HISTORY] = ++world->deeds;
	pledge->sent_until_ns[message->round % RAFT_ROUND_HISTORY] =
		host->entry_ns + ghost_surely_lasts_ns(world, message->promise_ns);
}

/* The host's core has taken that message of the node that runs twice. */
void
bodies_note_believed(World *world, Host *host, const RaftMessage *message)
{
	Body	   *body;

	if (message->from != world->clone_of)
		return;
	body = body_of_session(world, message->from_session);
	if (body == NULL)
		return;
	if (message->type == RAFT_MESSAGE_VOTE)
	{
		host->ghost.candidacy_term = message->subject_term;
		host->ghost.candidacy_session = message->from_session;
	}
	if (message->type == RAFT_MESSAGE_VOTE_REPLY &&
		(message->flags & RAFT_FLAG_GRANTED) != 0)
	{
		Cast	   *cast = find_cast(world, body, message->subject_term, host->id);

		cast->session = message->to_session;
		check_cast(world, host, body, cast);
	}
	if (message->type == RAFT_MESSAGE_HEARTBEAT_ACK)
	{
		Pledge	   *pledge = find_pledge(body, message->subject_term,
										 message->to_session, host->id);
		uint64_t	slot = message->round % RAFT_ROUND_HISTORY;

		if (pledge->until_ns >= pledge->sent_until_ns[slot])
			return;
		pledge->until_ns = pledge->kept_until_ns = pledge->sent_until_ns[slot];
		pledge->number = pledge->sent_number[slot];
		check_pledge(world, host, body, pledge);
	}
}

/* It has counted its own vote. */
void
bodies_note_elected(World *world, Host *host)
{
	Body	   *body = body_of(world, host);
	Cast	   *cast;

	if (body == NULL)
		return;
	cast = find_cast(world, body, host->view.term, host->id);
	cast->session = host->config.session;
	check_cast(world, host, body, cast);
}

/*
 * It holds the lease up to that real time at the latest.  Others may have
 * promised more than itself, and whoever has promised to it is free to vote for
 * a copy of it.
 */
void
bodies_note_lease(World *world, Host *host, uint64_t end_ns)
{
	Body	   *body = body_of(world, host);
	uint64_t	promised_ns = host->ghost.promised_ns[host->id];
	Pledge	   *pledge;

	if (body == NULL)
		return;
	pledge = find_pledge(body, host->cell.lease_term, host->config.session, host->id);
	if (pledge->until_ns >= end_ns)
		return;
	pledge->until_ns = end_ns;
	pledge->kept_until_ns = promised_ns < end_ns ? promised_ns : end_ns;
	pledge->number = ++world->deeds;
	check_pledge(world, host, body, pledge);
}

/* The greatest term that other bodies have known and this one need not; 0. */
uint64_t
bodies_foreign_term(const World *world, const Host *host)
{
	const Body *body = body_of(world, host);
	const Body *other;
	uint64_t	term = 0;

	if (body == NULL || world->clone_number == 0)
		return 0;
	for (other = world->bodies; other < world->bodies + SIM_BODIES; other++)
	{
		if (other != body && other->max_term > term &&
			!is_known(world, body, other, other->max_term_number))
			term = other->max_term;
	}
	return term;
}

/* ----------
 * Who is believed
 * ----------
 */

/* NULL: there have been too many to remember, for the host as well. */
static Heard *
find_heard(Host *host, uint64_t session)
{
	int			i;

	for (i = 0; i < SESSION_FORMER_COUNT; i++)
	{
		if (host->heard[i].session == session)
			return &host->heard[i];
		if (host->heard[i].session == 0)
		{
			host->heard_count++;
			host->heard[i].session = session;
			return &host->heard[i];
		}
	}
	host->heard_count++;
	return NULL;
}

/*
 * A session that was believed, and after it another one, is believed again
 * only after a while in which nothing was heard of any other.
 */
static void
check_return(World *world, Host *host, const Heard *again)
{
	int			i;

	for (i = 0; i < SESSION_FORMER_COUNT; i++)
	{
		const Heard *other = &host->heard[i];

		if (other != again && other->was_believed &&
			other->fresh_ns + CONTEST_NS > world->now_ns)
			invariants_fail(world, 14, host,
							"it believes one of two servers with one id, while it hears the other");
	}
}

/* The gates of the host have passed a datagram of the node that is cloned. */
void
bodies_note_verdict(World *world, Host *host, const RaftMessage *message,
					uint64_t sequence, SessionVerdict verdict, bool was_contested)
{
	Heard	   *heard = find_heard(host, message->from_session);

	if (verdict == SESSION_ACCEPTED && message->from_session != host->believed_session)
	{
		if (was_contested)
		{
			world_cover(world, COVER_CLONE_CONTEST_ENDED);
			if (body_of_session(world, message->from_session) != world->bodies)
				world_cover(world, COVER_CLONE_BELIEVED_ALONE);
			trace_event(world, host, "believes node %d again", message->from);
		}
		else if (host->believed_session != 0 &&
				 body_of_session(world, host->believed_session) !=
				 body_of_session(world, message->from_session))
			world_cover(world, COVER_CLONE_REPLACED);
		if (heard != NULL && heard->was_believed &&
			host->heard_count <= SESSION_FORMER_COUNT)
			check_return(world, host, heard);
		host->believed_session = message->from_session;
		if (heard != NULL)
			heard->was_believed = true;
	}
	else if (verdict == SESSION_DROP_CLONE && !was_contested)
		trace_event(world, host, "has heard two servers that run as node %d",
					message->from);
	if (heard != NULL && heard->highest < sequence)
	{
		heard->highest = sequence;
		heard->fresh_ns = world->now_ns;
	}
}
