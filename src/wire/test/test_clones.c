/*-------------------------------------------------------------------------
 *
 * test_clones.c
 *		Tests of two live nodes with one id: they are found out, neither is
 *		believed, and the one that is left is; and a node that restarts is
 *		never taken for two.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/session.h"
#include "wire_fixture.h"

#define OWN_SESSION		UINT64_C(0x1000)

/* Sessions of node 1. */
#define FIRST			UINT64_C(0x2001)
#define SECOND			UINT64_C(0x2002)
#define THIRD			UINT64_C(0x2003)

#define RESTART_RUNS	300
#define RESTART_STEPS	600
#define CLONE_RUNS		300
#define CLONE_ROUNDS	40

/* Greatest number of datagrams that a test's network remembers. */
#define MAX_CAPTURED	8192

/*-------------------------------------------------------------------------
 * One table, asked directly; the peer is node 1.
 *-------------------------------------------------------------------------
 */

static SessionTable table;
static uint64_t last_sequence;	/* used by tell(), for whatever session */

static SessionVerdict
tell_again(RaftMessageType type, uint64_t session, uint64_t nonce,
		   uint64_t sequence)
{
	RaftMessage m = make_message(type);

	m.from_session = session;
	m.to_session = OWN_SESSION;
	m.nonce = nonce;
	return session_check(&table, &m, sequence, draw_random());
}

static SessionVerdict
tell(RaftMessageType type, uint64_t session, uint64_t nonce)
{
	return tell_again(type, session, nonce, ++last_sequence);
}

static SessionVerdict
beat(uint64_t session)
{
	return tell(RAFT_MESSAGE_HEARTBEAT, session, 0);
}

/* The session sends back the present challenge. */
static SessionVerdict
answer(uint64_t session)
{
	return tell(RAFT_MESSAGE_PROBE_REPLY, session,
				session_challenge(&table, 1));
}

static bool
renew(void)
{
	uint64_t	former = session_challenge(&table, 1);
	bool		renewed = session_renew_challenge(&table, 1, draw_random());

	assert_int_equal(renewed, session_challenge(&table, 1) != former);
	return renewed;
}

static void
open_table(uint64_t session)
{
	last_sequence = 0;
	assert_true(session_table_init(&table, OWN_SESSION, 3, draw_random()));
	assert_int_equal(beat(session), SESSION_ACCEPTED);
}

/* Two sessions, each accepted once, are alive. */
static void
make_contest(void)
{
	open_table(FIRST);
	assert_int_equal(answer(SECOND), SESSION_ACCEPTED);
	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_true(session_is_contested(&table, 1));
}

/* The session answers challenges until one more would end the contest. */
static void
answer_all_but_one(uint64_t session)
{
	int			i;

	for (i = 1; i < SESSION_CONTEST_ANSWERS; i++)
	{
		assert_int_equal(answer(session), SESSION_DROP_CLONE);
		assert_true(renew());
	}
}

static void
test_contest_begins(void **state)
{
	uint64_t	former;

	(void) state;
	open_table(FIRST);
	former = session_challenge(&table, 1);
	assert_int_equal(answer(SECOND), SESSION_ACCEPTED);

	/* what the former session knew before is no proof */
	assert_int_equal(tell(RAFT_MESSAGE_PROBE_REPLY, FIRST, former),
					 SESSION_DROP_SESSION);
	assert_int_equal(tell(RAFT_MESSAGE_PROBE, FIRST, former),
					 SESSION_STRANGER);
	assert_int_equal(beat(FIRST), SESSION_DROP_SESSION);
	assert_int_equal(beat(SECOND), SESSION_ACCEPTED);
	assert_false(session_is_contested(&table, 1));
	assert_false(session_awaits_proof(&table, 1));
	assert_false(renew());

	/* nor is the present challenge in anything but an answer */
	former = session_challenge(&table, 1);
	assert_int_equal(tell(RAFT_MESSAGE_PROBE, FIRST, former),
					 SESSION_STRANGER);
	assert_int_equal(tell(RAFT_MESSAGE_HEARTBEAT, FIRST, former),
					 SESSION_DROP_SESSION);
	assert_false(session_is_contested(&table, 1));

	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_true(session_is_contested(&table, 1));
	assert_true(session_awaits_proof(&table, 1));
	assert_true(session_challenge(&table, 1) != former);

	/* it is this one peer's */
	assert_false(session_is_contested(&table, 2));
	assert_false(session_is_contested(&table, -1));
	assert_false(session_is_contested(&table, 3));
	assert_false(session_awaits_proof(&table, 3));
	assert_false(session_renew_challenge(&table, 3, 1));
}

/* Whoever it is, and whatever he says. */
static void
test_nothing_is_believed(void **state)
{
	static const uint64_t sessions[] = {FIRST, SECOND, THIRD};
	size_t		i;
	int			type;

	(void) state;
	make_contest();
	for (i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++)
	{
		for (type = RAFT_MESSAGE_TYPE_FIRST; type <= RAFT_MESSAGE_TYPE_LAST;
			 type++)
			assert_int_equal(tell((RaftMessageType) type, sessions[i], 1),
							 type == RAFT_MESSAGE_PROBE ? SESSION_STRANGER :
							 SESSION_DROP_CLONE);
		assert_int_equal(answer(sessions[i]), SESSION_DROP_CLONE);
	}
	assert_int_equal(tell_again(RAFT_MESSAGE_PROBE, FIRST, 0, 0),
					 SESSION_DROP_REPLAY);
}

/* The last answer ends it, and not a copy of the one before. */
static void
test_contest_ends(void **state)
{
	uint64_t	challenge;

	(void) state;
	make_contest();
	assert_false(renew());
	answer_all_but_one(FIRST);
	assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
	assert_false(session_is_contested(&table, 1));
	assert_int_equal(beat(FIRST), SESSION_ACCEPTED);
	assert_int_equal(beat(SECOND), SESSION_DROP_SESSION);
	assert_int_equal(beat(THIRD), SESSION_DROP_SESSION);

	/* one challenge counts once, however often it is answered */
	make_contest();
	challenge = session_challenge(&table, 1);
	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_false(session_awaits_proof(&table, 1));
	for (int i = 0; i < 2 * SESSION_CONTEST_ANSWERS; i++)
		assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_true(renew());
	assert_true(session_awaits_proof(&table, 1));
	for (int i = 0; i < 2 * SESSION_CONTEST_ANSWERS; i++)
		assert_int_equal(tell(RAFT_MESSAGE_PROBE_REPLY, FIRST, challenge),
						 SESSION_DROP_CLONE);
	assert_false(renew());
}

/* What shows that another one lives sets the count back to nothing. */
static void
test_others_interrupt(void **state)
{
	(void) state;

	/* its answer to the same challenge, known or not */
	for (uint64_t other = SECOND; other <= THIRD; other++)
	{
		make_contest();
		answer_all_but_one(FIRST);
		assert_int_equal(answer(other), SESSION_DROP_CLONE);
		assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
		assert_true(renew());
		answer_all_but_one(FIRST);
		assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
		assert_int_equal(beat(other), SESSION_DROP_SESSION);

	}

	/* its answer after the candidate's */
	make_contest();
	for (int i = 0; i < 3 * SESSION_CONTEST_ANSWERS; i++)
	{
		assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
		assert_int_equal(answer(SECOND), SESSION_DROP_CLONE);
		assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
		assert_true(renew());
	}

	/* any datagram of a session that is remembered */
	for (int i = 0; i < 2; i++)
	{
		make_contest();
		answer_all_but_one(FIRST);
		assert_int_equal(tell(i == 0 ? RAFT_MESSAGE_PROBE :
							  RAFT_MESSAGE_HEARTBEAT_ACK, SECOND, 1),
						 i == 0 ? SESSION_STRANGER : SESSION_DROP_CLONE);
		for (int j = 1; j < SESSION_CONTEST_ANSWERS; j++)
		{
			assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
			assert_true(renew());
		}
		assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
	}
}

/* What was captured does so once, and what never lived here does not. */
static void
test_replays_do_not_interrupt(void **state)
{
	uint64_t	late;
	uint64_t	latest;

	(void) state;
	make_contest();
	late = ++last_sequence;
	latest = ++last_sequence;
	answer_all_but_one(FIRST);
	assert_int_equal(tell_again(RAFT_MESSAGE_PROBE, SECOND, 1, latest),
					 SESSION_STRANGER);
	answer_all_but_one(FIRST);
	assert_int_equal(tell_again(RAFT_MESSAGE_PROBE, SECOND, 1, latest),
					 SESSION_STRANGER);
	assert_int_equal(tell_again(RAFT_MESSAGE_PROBE, SECOND, 1, late),
					 SESSION_STRANGER);
	assert_int_equal(beat(THIRD), SESSION_DROP_CLONE);
	assert_int_equal(tell(RAFT_MESSAGE_PROBE, THIRD, 1), SESSION_STRANGER);

	/* nor does what the candidate itself sends */
	assert_int_equal(beat(FIRST), SESSION_DROP_CLONE);
	assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
}

/* Of a session that comes back nothing is believed a second time. */
static void
test_window_after_contest(void **state)
{
	(void) state;
	for (uint64_t base = 2; base <= 3 * SESSION_WINDOW; base += 37)
	{
		uint64_t	last;

		open_table(FIRST);
		for (uint64_t i = 0; i < 100; i += 2)
			assert_int_equal(tell_again(RAFT_MESSAGE_HEARTBEAT, FIRST, 0,
										base + i), SESSION_ACCEPTED);
		last_sequence = base + 100;
		assert_int_equal(answer(SECOND), SESSION_ACCEPTED);
		assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
		answer_all_but_one(FIRST);
		assert_int_equal(answer(FIRST), SESSION_ACCEPTED);

		last = last_sequence;
		for (uint64_t i = 0; i <= last; i++)
			assert_int_equal(tell_again(RAFT_MESSAGE_HEARTBEAT, FIRST, 0,
										last - i), SESSION_DROP_REPLAY);

		/* from then on each number is good for once, whatever its place */
		for (uint64_t i = 1; i <= 2 * SESSION_WINDOW; i += 2)
		{
			assert_int_equal(tell_again(RAFT_MESSAGE_HEARTBEAT, FIRST, 0,
										last + i + 1), SESSION_ACCEPTED);
			assert_int_equal(tell_again(RAFT_MESSAGE_HEARTBEAT, FIRST, 0,
										last + i), SESSION_ACCEPTED);
			assert_int_equal(tell_again(RAFT_MESSAGE_HEARTBEAT, FIRST, 0,
										last + i), SESSION_DROP_REPLAY);
		}
	}
}

/*
 * In a contest a new session has to outlast the rest like any other.  After
 * it, it may be a restart; if the replaced one lives, the contest is back.
 */
static void
test_new_session(void **state)
{
	(void) state;
	make_contest();
	answer_all_but_one(FIRST);
	answer_all_but_one(THIRD);
	assert_int_equal(beat(FIRST), SESSION_DROP_CLONE);
	answer_all_but_one(THIRD);
	assert_int_equal(answer(THIRD), SESSION_ACCEPTED);
	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_true(session_is_contested(&table, 1));

	make_contest();
	answer_all_but_one(FIRST);
	assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
	assert_int_equal(answer(THIRD), SESSION_ACCEPTED);
	assert_int_equal(beat(FIRST), SESSION_DROP_SESSION);
	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
	assert_int_equal(beat(THIRD), SESSION_DROP_CLONE);
}

/* So many are remembered; one more, and it takes a round trip more. */
static void
test_memory(void **state)
{
	(void) state;
	for (uint64_t restarts = 1; restarts <= SESSION_FORMER_COUNT + 1;
		 restarts++)
	{
		open_table(FIRST);
		for (uint64_t i = 0; i < restarts; i++)
			assert_int_equal(answer(SECOND + i), SESSION_ACCEPTED);
		if (restarts <= SESSION_FORMER_COUNT)
			assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
		else
		{
			assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
			assert_int_equal(answer(SECOND + restarts - 1),
							 SESSION_DROP_CLONE);
		}
		assert_true(session_is_contested(&table, 1));
	}

	/* those that come back are remembered for longest */
	make_contest();
	answer_all_but_one(FIRST);
	assert_int_equal(answer(FIRST), SESSION_ACCEPTED);
	for (uint64_t i = 0; i < SESSION_FORMER_COUNT; i++)
		assert_int_equal(answer(THIRD + i), SESSION_ACCEPTED);
	assert_int_equal(answer(FIRST), SESSION_DROP_CLONE);
}

/*-------------------------------------------------------------------------
 * Node 0, which is under test, two lives of node 1, and a network that
 * remembers everything.  What node 0's core does with probes is played by
 * deliver_to_node(), what its receiver does in a contest, too.
 *-------------------------------------------------------------------------
 */

typedef struct Life
{
	uint64_t	session;		/* 0: does not run */
	uint64_t	sequence;		/* last one used */
	uint64_t	peer_session;	/* node 0's, once it has heard of it */
} Life;

typedef struct Datagram
{
	RaftMessage message;
	uint64_t	sequence;
	bool		was_believed;
} Datagram;

static Life lives[2];
static uint64_t last_session;	/* of any life so far */
static Datagram captured[MAX_CAPTURED]; /* those to node 0 */
static int	captured_count;
static bool has_clones;			/* two lives have run at a time: sessions may
								 * come back */
static uint64_t believed_session;	/* latest */
static int	believed_count;

static void
begin_life(int which)
{
	memset(&lives[which], 0, sizeof(Life));
	lives[which].session = ++last_session;
}

static void
start_network(void)
{
	memset(lives, 0, sizeof(lives));
	last_session = 0x2000;
	captured_count = 0;
	believed_session = 0;
	believed_count = 0;
	has_clones = false;
	assert_true(session_table_init(&table, OWN_SESSION, 2, draw_random()));
}

/* Returns the datagram's place among the captured ones. */
static int
send_from_life(int which, RaftMessageType type, uint64_t nonce)
{
	Life	   *life = &lives[which];
	Datagram   *d = &captured[captured_count];

	assert_true(captured_count < MAX_CAPTURED);
	memset(d, 0, sizeof(*d));
	d->message = make_message(type);
	d->message.from_session = life->session;
	d->message.to_session = life->peer_session;
	d->message.nonce = nonce;
	d->sequence = ++life->sequence;
	return captured_count++;
}

/*
 * A PROBE of node 0 comes to a life: it is answered, whichever session it is
 * meant for.  With loss, or if it does not run, -1, else the answer's place.
 */
static int
challenge_life(int which, bool lossy)
{
	Life	   *life = &lives[which];

	if (life->session == 0 || (lossy && draw_below(3) == 0))
		return -1;
	life->peer_session = OWN_SESSION;
	return send_from_life(which, RAFT_MESSAGE_PROBE_REPLY,
						  session_challenge(&table, 1));
}

/*
 * Deliver a datagram, once more perhaps.  Whatever the network does, nothing
 * is believed twice, and the sessions of one life after the other go forward.
 * Returns whether its sender is challenged now.
 */
static bool
deliver_to_node(int index)
{
	Datagram   *d = &captured[index];
	SessionVerdict verdict = session_check(&table, &d->message, d->sequence,
										   draw_random());

	if (verdict == SESSION_ACCEPTED)
	{
		assert_false(d->was_believed);
		assert_false(session_is_contested(&table, 1));
		assert_true(has_clones ||
					d->message.from_session >= believed_session);
		d->was_believed = true;
		believed_session = d->message.from_session;
		believed_count++;
	}
	return verdict == SESSION_STRANGER ||
		(verdict == SESSION_DROP_CLONE && session_awaits_proof(&table, 1));
}

/* Let a life say something, and let it be answered; with loss perhaps. */
static void
exchange(int which, RaftMessageType type, bool lossy)
{
	int			index = send_from_life(which, type, draw_random());
	int			reply;

	if (lossy && draw_below(3) == 0)
		return;
	if (!deliver_to_node(index))
		return;
	reply = challenge_life(which, lossy);
	if (reply >= 0 && !(lossy && draw_below(3) == 0))
		(void) deliver_to_node(reply);
}

/*
 * One life at a time, which ends and is followed at any moment, over a
 * network that loses, repeats, delays and reorders at will: no contest.
 */
static void
test_restarts_are_no_clones(void **state)
{
	int			run;

	(void) state;
	for (run = 0; run < RESTART_RUNS; run++)
	{
		/* in some runs it restarts with nearly every datagram */
		uint64_t	restart_rarity = 1 + draw_below(40);
		int			step;

		start_network();
		begin_life(0);
		for (step = 0; step < RESTART_STEPS; step++)
		{
			int			count = captured_count;

			switch (draw_below(6))
			{
				case 0:
					if (draw_below(restart_rarity) == 0)
						begin_life(0);
					break;
				case 1:
					send_from_life(0, RAFT_MESSAGE_HEARTBEAT, 0);
					break;
				case 2:
					(void) challenge_life(0, true);
					break;
				case 3:
					exchange(0, RAFT_MESSAGE_PROBE, true);
					break;
				default:
					if (count > 0)
						(void) deliver_to_node(count - 1 - (int)
											   draw_below(draw_below(2) == 0 || count < 8 ?
														  (uint64_t) count : 8));
			}
			assert_false(session_is_contested(&table, 1));
		}
		exchange(0, RAFT_MESSAGE_PROBE, false);
		exchange(0, RAFT_MESSAGE_PROBE, false);
		assert_true(believed_session == lives[0].session);
		assert_false(session_is_contested(&table, 1));
	}
}

/* Replay what was captured so far, at random. */
static void
replay_some(int count)
{
	for (; count > 0 && captured_count > 0; count--)
		(void) deliver_to_node((int) draw_below((uint64_t) captured_count));
}

/*
 * Two lives: found out as soon as both have come through twice; from then on
 * nothing of either is believed.  When one has gone, the other is, and stays
 * so, whatever is replayed.
 */
static void
test_two_lives(void **state)
{
	int			run;

	(void) state;
	for (run = 0; run < CLONE_RUNS; run++)
	{
		int			survivor = (int) draw_below(2);
		int			unheard[2] = {0, 0};
		int			round;
		int			believed;

		start_network();
		begin_life(0);
		if (draw_below(2) == 0)
		{
			/* the second one is started long after */
			for (round = 0; round < 10; round++)
				exchange(0, draw_below(2) == 0 ? RAFT_MESSAGE_PROBE :
						 RAFT_MESSAGE_HEARTBEAT, true);
		}
		begin_life(1);
		has_clones = true;
		replay_some(20);
		for (round = 0; round < 2; round++)
		{
			int			first = (int) draw_below(2);

			exchange(first, RAFT_MESSAGE_PROBE, false);
			exchange(1 - first, RAFT_MESSAGE_PROBE, false);
		}
		assert_true(session_is_contested(&table, 1));

		/*
		 * Challenges go on when the caller likes, but not so fast that one of
		 * the two is not heard meanwhile.
		 */
		believed = believed_count;
		for (round = 0; round < CLONE_ROUNDS; round++)
		{
			int			which;

			for (which = 0; which < 2; which++)
			{
				bool		lossy = unheard[which]++ < SESSION_CONTEST_ANSWERS - 2;
				int			before = captured_count;

				if (lossy && draw_below(2) == 0)
					continue;
				if (draw_below(20) == 0)
				{
					/* restarted, it must prove itself before it is heard */
					begin_life(which);
					lossy = false;
				}
				exchange(which, lives[which].peer_session == 0 ||
						 draw_below(2) == 0 ? RAFT_MESSAGE_PROBE :
						 RAFT_MESSAGE_HEARTBEAT_ACK, lossy);
				if (!lossy && captured_count > before)
					unheard[which] = 0;
			}
			replay_some(3);
			assert_true(session_is_contested(&table, 1));
			assert_int_equal(believed_count, believed);
			(void) session_renew_challenge(&table, 1, draw_random());
		}

		lives[1 - survivor].session = 0;
		for (round = 0; session_is_contested(&table, 1); round++)
		{
			assert_in_range(round, 0, 2 * SESSION_CONTEST_ANSWERS);
			if (round < SESSION_CONTEST_ANSWERS)
				replay_some(2);
			exchange(survivor, draw_below(2) == 0 ? RAFT_MESSAGE_PROBE :
					 RAFT_MESSAGE_HEARTBEAT_ACK, false);
			(void) session_renew_challenge(&table, 1, draw_random());
		}
		assert_true(believed_session == lives[survivor].session);
		assert_int_equal(believed_count, believed + 1);

		/* what is believed of all that was captured came from the survivor */
		replay_some(captured_count);
		assert_true(believed_session == lives[survivor].session);
		assert_false(session_is_contested(&table, 1));
		believed = believed_count;
		exchange(survivor, RAFT_MESSAGE_HEARTBEAT, false);
		assert_int_equal(believed_count, believed + 1);

		/* and its restart is one */
		begin_life(survivor);
		exchange(survivor, RAFT_MESSAGE_PROBE, false);
		replay_some(captured_count);
		exchange(survivor, RAFT_MESSAGE_HEARTBEAT, false);
		assert_true(believed_session == lives[survivor].session);
		assert_false(session_is_contested(&table, 1));
	}
}

/*-------------------------------------------------------------------------
 * Two nodes that are strangers to each other.
 *-------------------------------------------------------------------------
 */

#define MAX_UNDER_WAY	64

/* How often a core probes, and how long a datagram is under way. */
#define PROBE_NS		UINT64_C(1000000000)
#define DELAY_NS		UINT64_C(500000)

typedef struct Side
{
	SessionTable table;
	uint64_t	session;
	uint64_t	peer_session;	/* that it believes in */
	uint64_t	sequence;
	bool		has_challenged; /* in this round: the core limits that, too */
} Side;

static Side sides[2];
static RaftMessage under_way[MAX_UNDER_WAY];
static uint64_t sequences[MAX_UNDER_WAY];
static int	under_way_count;

static void
send_from_side(int from, RaftMessageType type, uint64_t to_session, uint64_t nonce)
{
	RaftMessage *m = &under_way[under_way_count];

	assert_true(under_way_count < MAX_UNDER_WAY);
	*m = make_message(type);
	m->from = from;
	m->to = 1 - from;
	m->from_session = sides[from].session;
	m->to_session = to_session;
	m->nonce = nonce;
	sequences[under_way_count++] = ++sides[from].sequence;
}

/* What receiver and core make of a datagram. */
static void
deliver_to_side(const RaftMessage *m, uint64_t sequence, uint64_t now_ns)
{
	int			here = m->to;
	Side	   *side = &sides[here];
	SessionVerdict verdict = session_check(&side->table, m, sequence, draw_random());

	if (verdict == SESSION_ACCEPTED)
		side->peer_session = m->from_session;
	else if (verdict != SESSION_STRANGER ||
			 !session_admit_stranger(&side->table, m, now_ns))
		return;
	if (m->type != RAFT_MESSAGE_PROBE)
		return;
	send_from_side(here, RAFT_MESSAGE_PROBE_REPLY, m->from_session, m->nonce);
	if (verdict == SESSION_STRANGER && !side->has_challenged)
	{
		side->has_challenged = true;
		send_from_side(here, RAFT_MESSAGE_PROBE, m->from_session,
					   session_challenge(&side->table, m->from));
	}
}

/* Both probe at one time; all that comes of it is delivered in its order. */
static void
probe_at_once(uint64_t now_ns)
{
	int			done = 0;
	int			i;

	under_way_count = 0;
	for (i = 0; i < 2; i++)
	{
		sides[i].has_challenged = false;
		send_from_side(i, RAFT_MESSAGE_PROBE, sides[i].peer_session, draw_random());
	}
	while (done < under_way_count)
	{
		int			end = under_way_count;

		now_ns += DELAY_NS;
		for (; done < end; done++)
		{
			RaftMessage m = under_way[done];

			deliver_to_side(&m, sequences[done], now_ns);
		}
	}
}

/*
 * Node 0 has restarted and believes the clone of node 1; the original believes
 * in node 0's former session.  Their probes meet on the way, always.
 */
static void
test_strangers_to_each_other(void **state)
{
	RaftMessage m;
	int			round;

	(void) state;
	memset(sides, 0, sizeof(sides));
	sides[0].session = OWN_SESSION;
	sides[0].peer_session = SECOND;
	sides[1].session = FIRST;
	sides[1].peer_session = THIRD;
	for (round = 0; round < 2; round++)
	{
		assert_true(session_table_init(&sides[round].table, sides[round].session,
									   2, draw_random()));
		m = make_message(RAFT_MESSAGE_PROBE_REPLY);
		m.from = 1 - round;
		m.to = round;
		m.from_session = sides[round].peer_session;
		m.to_session = sides[round].session;
		assert_int_equal(session_check(&sides[round].table, &m, 1, draw_random()),
						 SESSION_ACCEPTED);
	}

	for (round = 1; sides[0].peer_session == SECOND; round++)
	{
		assert_in_range(round, 1, 3);
		probe_at_once((uint64_t) round * PROBE_NS);
	}
	assert_true(sides[0].peer_session == FIRST);
	assert_true(sides[1].peer_session == OWN_SESSION);
}

/* Of each kind one in a while, whatever is replayed, and none of no node's. */
static void
test_strangers_are_limited(void **state)
{
	RaftMessage m = make_message(RAFT_MESSAGE_PROBE);
	uint64_t	now_ns = 1;

	(void) state;
	open_table(FIRST);
	for (m.to_session = OWN_SESSION; m.to_session <= OWN_SESSION + 1; m.to_session++)
	{
		assert_true(session_admit_stranger(&table, &m, now_ns));
		assert_false(session_admit_stranger(&table, &m, now_ns));
		assert_false(session_admit_stranger(&table, &m, now_ns +
											SESSION_STRANGER_INTERVAL_NS - 1));
	}
	now_ns += SESSION_STRANGER_INTERVAL_NS;
	assert_true(session_admit_stranger(&table, &m, now_ns));
	m.from = 2;
	assert_true(session_admit_stranger(&table, &m, now_ns));
	m.from = 3;
	assert_false(session_admit_stranger(&table, &m, now_ns));
	m.from = -1;
	assert_false(session_admit_stranger(&table, &m, now_ns));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contest_begins),
		cmocka_unit_test(test_nothing_is_believed),
		cmocka_unit_test(test_contest_ends),
		cmocka_unit_test(test_others_interrupt),
		cmocka_unit_test(test_replays_do_not_interrupt),
		cmocka_unit_test(test_window_after_contest),
		cmocka_unit_test(test_new_session),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_restarts_are_no_clones),
		cmocka_unit_test(test_two_lives),
		cmocka_unit_test(test_strangers_to_each_other),
		cmocka_unit_test(test_strangers_are_limited)
	};

	begin_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
