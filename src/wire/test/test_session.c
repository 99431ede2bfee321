/*-------------------------------------------------------------------------
 *
 * test_session.c
 *		Tests of the sessions: nodes get acquainted through loss and restarts,
 *		and no captured datagram is ever believed again.
 *
 *-------------------------------------------------------------------------
 */
#include "session_fixture.h"

/* Greatest number of datagrams that a test's network remembers. */
#define MAX_CAPTURED	4096

#define CHAOS_RUNS		200
#define CHAOS_STEPS		400

/*-------------------------------------------------------------------------
 * One table, asked directly; the peer is node 1.
 *-------------------------------------------------------------------------
 */

static void
test_init_ranges(void **state)
{
	SessionTable table;
	int32_t		i;
	int32_t		j;

	(void) state;
	assert_false(session_table_init(&table, 0, 3, 1));
	assert_false(session_table_init(&table, OWN_SESSION, 0, 1));
	assert_int_equal(ask_sequence(&table, 1), SESSION_DROP_SESSION);
	assert_false(session_table_init(&table, OWN_SESSION, RAFT_MAX_NODES + 1,
									1));
	assert_true(session_table_init(&table, OWN_SESSION, RAFT_MAX_NODES, 1));

	/* one draw makes a challenge for each peer, none like another */
	for (i = 0; i < RAFT_MAX_NODES; i++)
	{
		assert_true(session_challenge(&table, i) != 0);
		for (j = 0; j < i; j++)
			assert_true(session_challenge(&table, i) !=
						session_challenge(&table, j));
	}
	assert_true(session_challenge(&table, -1) == 0);
	assert_true(session_challenge(&table, RAFT_MAX_NODES) == 0);
}

/* Nothing that cannot come from a peer opens or uses a session. */
static void
test_impossible_senders(void **state)
{
	SessionTable table;
	RaftMessage m;

	(void) state;
	memset(&m, 0, sizeof(m));
	m.type = RAFT_MESSAGE_PROBE;
	m.to_session = OWN_SESSION;
	m.from_session = PEER_SESSION;
	assert_true(session_table_init(&table, OWN_SESSION, 3, 1));
	m.from = 3;
	assert_int_equal(session_check(&table, &m, 1, 1), SESSION_DROP_SESSION);
	m.from = -1;
	assert_int_equal(session_check(&table, &m, 1, 1), SESSION_DROP_SESSION);

	/* session 0 is "none accepted", not an accepted one */
	m.from = 1;
	m.from_session = 0;
	assert_int_equal(session_check(&table, &m, 1, 1), SESSION_DROP_SESSION);
}

/*
 * A draw that repeats, as in an explorer with fixed draws, does not repeat a
 * challenge; and every acceptance makes a new one, nothing else does.
 */
static void
test_challenge_renewal(void **state)
{
	SessionTable table;
	uint64_t	former[100];
	int			i;
	int			j;

	(void) state;
	assert_true(session_table_init(&table, OWN_SESSION, 3, 9));
	for (i = 0; i < 100; i++)
	{
		RaftMessage m;

		memset(&m, 0, sizeof(m));
		former[i] = session_challenge(&table, 1);
		for (j = 0; j < i; j++)
			assert_true(former[j] != former[i]);

		m.from = 1;
		m.from_session = (uint64_t) i + 1;
		m.type = RAFT_MESSAGE_PROBE;
		assert_int_equal(session_check(&table, &m, 1, 9), SESSION_STRANGER);
		assert_true(session_challenge(&table, 1) == former[i]);

		m.type = RAFT_MESSAGE_PROBE_REPLY;
		m.to_session = OWN_SESSION;
		m.nonce = former[i];
		assert_int_equal(session_check(&table, &m, 2, 9), SESSION_ACCEPTED);
		m.type = RAFT_MESSAGE_HEARTBEAT;
		j = (int) draw_below(100) + 3;
		assert_int_equal(session_check(&table, &m, (uint64_t) j, 9),
						 SESSION_ACCEPTED);
		assert_true(session_challenge(&table, 1) != former[i]);
	}
}

/*
 * The four rules as a table: who is accepted, who is echoed, type and nonce
 * against the verdict.
 */
static void
test_rules(void **state)
{
	enum
	{
		NOBODY, SAME, OTHER
	};
	enum
	{
		BEAT = RAFT_MESSAGE_HEARTBEAT,
		PROBE = RAFT_MESSAGE_PROBE,
		REPLY = RAFT_MESSAGE_PROBE_REPLY
	};
	enum
	{
		ACCEPTED = SESSION_ACCEPTED,
		STRANGER = SESSION_STRANGER,
		DROP = SESSION_DROP_SESSION
	};
	static const struct
	{
		int			accepted;	/* NOBODY, the sender's (SAME), or OTHER */
		bool		echoes_us;
		int			type;
		bool		has_challenge;
		int			verdict;
		bool		becomes_accepted;
	}			cases[] =
	{
		/* 1: session accepted, echoes us */
		{SAME, true, BEAT, false, ACCEPTED, true},
		{SAME, true, PROBE, false, ACCEPTED, true},
		{SAME, true, REPLY, false, ACCEPTED, true},
		{SAME, true, REPLY, true, ACCEPTED, true},
		/* 2: session accepted, does not echo us */
		{SAME, false, BEAT, false, DROP, true},
		{SAME, false, PROBE, false, STRANGER, true},
		{SAME, false, REPLY, true, DROP, true},
		/* 3: echoes us, nothing accepted */
		{NOBODY, true, BEAT, false, ACCEPTED, true},
		{NOBODY, true, PROBE, false, ACCEPTED, true},
		{NOBODY, true, REPLY, false, ACCEPTED, true},
		/* 3: echoes us, another session accepted */
		{OTHER, true, BEAT, false, DROP, false},
		{OTHER, true, BEAT, true, DROP, false},
		{OTHER, true, PROBE, false, STRANGER, false},
		{OTHER, true, PROBE, true, STRANGER, false},
		{OTHER, true, REPLY, false, DROP, false},
		{OTHER, true, REPLY, true, ACCEPTED, true},
		/* 4: neither accepted nor echoing us */
		{NOBODY, false, BEAT, false, DROP, false},
		{NOBODY, false, PROBE, false, STRANGER, false},
		{NOBODY, false, REPLY, true, DROP, false},
		{OTHER, false, BEAT, false, DROP, false},
		{OTHER, false, PROBE, false, STRANGER, false},
		{OTHER, false, REPLY, true, DROP, false}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint64_t	strange_echo = draw_below(2) != 0 ? 0 : 0x5151;
		SessionTable table;
		SessionVerdict verdict;
		uint64_t	challenge;
		bool		is_accepted;

		assert_true(session_table_init(&table, OWN_SESSION, 3, draw_random()));
		if (cases[i].accepted != NOBODY)
			assert_int_equal(ask(&table, RAFT_MESSAGE_HEARTBEAT,
								 cases[i].accepted == SAME ? PEER_SESSION :
								 UINT64_C(0x2000), OWN_SESSION, 0, 10),
							 SESSION_ACCEPTED);
		challenge = session_challenge(&table, 1);
		verdict = ask(&table, (RaftMessageType) cases[i].type, PEER_SESSION,
					  cases[i].echoes_us ? OWN_SESSION : strange_echo,
					  cases[i].has_challenge ? challenge : challenge ^ 1, 11);
		if ((int) verdict != cases[i].verdict)
			fail_msg("case %d: verdict %d", (int) i, (int) verdict);

		/* a first word that echoes us shows what is accepted now */
		if (cases[i].accepted == NOBODY && !cases[i].becomes_accepted)
			assert_int_equal(ask(&table, RAFT_MESSAGE_HEARTBEAT,
								 UINT64_C(0x2000), OWN_SESSION, 0, 12),
							 SESSION_ACCEPTED);
		is_accepted = ask_sequence(&table, 12) == SESSION_ACCEPTED;
		if (is_accepted != cases[i].becomes_accepted)
			fail_msg("case %d: accepted %d", (int) i, (int) is_accepted);
	}
}

/*-------------------------------------------------------------------------
 * Two nodes and a network that remembers everything.  What the core does
 * with probes is played by receive_datagram().
 *-------------------------------------------------------------------------
 */

typedef struct Datagram
{
	RaftMessage message;
	uint64_t	sequence;
	bool		is_pending;		/* sent, neither delivered nor lost yet */
	bool		was_believed;
} Datagram;

typedef struct Node
{
	SessionTable table;
	uint64_t	session;		/* grows with each life, for the checks here */
	uint64_t	sequence;		/* last one used */
	uint64_t	peer_session;	/* that the core believes in; 0: none */
} Node;

typedef struct Network
{
	Node		nodes[2];
	Datagram	captured[MAX_CAPTURED]; /* in the order of sending */
	int			captured_count;
	uint64_t	believed_session[2];	/* latest accepted of node i's */
} Network;

static Network network;

/* Sessions tell node and life apart: node 0 has even ones, node 1 odd ones. */
static void
restart_node(int id)
{
	Node	   *node = &network.nodes[id];
	uint64_t	session = node->session + 2;

	memset(node, 0, sizeof(*node));
	node->session = session;
	assert_true(session_table_init(&node->table, session, 2, draw_random()));
}

static void
start_network(void)
{
	memset(&network, 0, sizeof(network));
	network.nodes[0].session = 100;
	network.nodes[1].session = 101;
	restart_node(0);
	restart_node(1);
}

/* Returns the datagram's place among the captured ones. */
static int
send_datagram(int id, RaftMessageType type, uint64_t to_session,
			  uint64_t nonce)
{
	Node	   *node = &network.nodes[id];
	Datagram   *d = &network.captured[network.captured_count];

	assert_true(network.captured_count < MAX_CAPTURED);
	memset(d, 0, sizeof(*d));
	d->message.type = type;
	d->message.from = id;
	d->message.to = 1 - id;
	d->message.from_session = node->session;
	d->message.to_session = to_session;
	d->message.nonce = nonce;
	d->sequence = ++node->sequence;
	d->is_pending = true;
	return network.captured_count++;
}

/* A PROBE as the core sends it of its own accord. */
static int
send_probe(int id)
{
	return send_datagram(id, RAFT_MESSAGE_PROBE,
						 network.nodes[id].peer_session, draw_random());
}

static int
send_heartbeat(int id)
{
	return send_datagram(id, RAFT_MESSAGE_HEARTBEAT,
						 network.nodes[id].peer_session, 0);
}

/*
 * Deliver a datagram, once more perhaps, and let the node answer.  Whatever
 * the network does, no datagram is believed twice, the accepted sessions of a
 * peer only go forward, and nothing is believed that does not echo this very
 * life.
 */
static SessionVerdict
receive_datagram(int index)
{
	Datagram   *d = &network.captured[index];
	RaftMessage m = d->message;
	Node	   *node = &network.nodes[m.to];
	SessionVerdict verdict;

	d->is_pending = false;
	verdict = session_check(&node->table, &m, d->sequence, draw_random());
	if (verdict == SESSION_ACCEPTED)
	{
		assert_false(d->was_believed);
		assert_true(m.to_session == node->session);
		assert_true(m.from_session >= network.believed_session[m.from]);
		d->was_believed = true;
		network.believed_session[m.from] = m.from_session;
		node->peer_session = m.from_session;
		if (m.type == RAFT_MESSAGE_PROBE)
			send_datagram(m.to, RAFT_MESSAGE_PROBE_REPLY, m.from_session,
						  m.nonce);
	}
	else if (verdict == SESSION_STRANGER)
	{
		assert_int_equal(m.type, RAFT_MESSAGE_PROBE);
		send_datagram(m.to, RAFT_MESSAGE_PROBE_REPLY, m.from_session, m.nonce);
		send_datagram(m.to, RAFT_MESSAGE_PROBE, m.from_session,
					  session_challenge(&node->table, m.from));
	}
	return verdict;
}

/* Deliver what is under way, and the answers; how many were there? */
static int
settle_network(void)
{
	int			count = 0;
	int			i;

	for (i = 0; i < network.captured_count; i++)
	{
		if (network.captured[i].is_pending)
		{
			receive_datagram(i);
			count++;
		}
	}
	return count;
}

static void
lose_pending(void)
{
	int			i;

	for (i = 0; i < network.captured_count; i++)
		network.captured[i].is_pending = false;
}

/* Both nodes believe each other's present session. */
static void
check_acquainted(void)
{
	assert_true(network.nodes[0].peer_session == network.nodes[1].session);
	assert_true(network.nodes[1].peer_session == network.nodes[0].session);
	assert_int_equal(receive_datagram(send_heartbeat(0)), SESSION_ACCEPTED);
	assert_int_equal(receive_datagram(send_heartbeat(1)), SESSION_ACCEPTED);
}

/*
 * Deliver all that was ever sent again, twice.  What is believed then is of
 * the living sessions and had not arrived, or had come too early; the second
 * time there is nothing of the kind.
 */
static void
check_no_replay(void)
{
	int			count = network.captured_count;
	int			i;

	lose_pending();
	for (i = 0; i < 2 * count; i++)
	{
		const Datagram *d = &network.captured[i % count];
		const Node *sender = &network.nodes[d->message.from];
		bool		is_alive = d->message.from_session == sender->session;
		bool		is_believable = i < count && is_alive && !d->was_believed;

		if (receive_datagram(i % count) == SESSION_ACCEPTED)
			assert_true(is_believable);

		/* the answers do not matter, and have to go */
		network.captured_count = count;
	}
}

/* One probe is enough for both sides, in a round trip and a half. */
static void
test_from_scratch(void **state)
{
	int			probe;

	(void) state;
	start_network();
	probe = send_probe(0);
	assert_int_equal(receive_datagram(probe), SESSION_STRANGER);
	assert_int_equal(network.captured_count, 3);

	/* reply, probe back, and the answer to that */
	assert_int_equal(receive_datagram(1), SESSION_ACCEPTED);
	assert_int_equal(receive_datagram(2), SESSION_ACCEPTED);
	assert_int_equal(receive_datagram(3), SESSION_ACCEPTED);
	assert_int_equal(settle_network(), 0);
	check_acquainted();
	check_no_replay();

	/* probes among acquaintances are answered once and end there */
	send_probe(1);
	assert_int_equal(settle_network(), 2);
	check_acquainted();
}

/* Both probe at once; the network ends in silence all the same. */
static void
test_both_from_scratch(void **state)
{
	(void) state;
	start_network();
	send_probe(0);
	send_probe(1);
	assert_in_range(settle_network(), 4, 10);
	check_acquainted();
	check_no_replay();
}

/* A node restarts: whoever probes first, they meet again. */
static void
test_one_restarts(void **state)
{
	int			prober;

	(void) state;
	for (prober = 0; prober <= 1; prober++)
	{
		int			late;

		start_network();
		send_probe(0);
		settle_network();
		check_acquainted();
		late = send_heartbeat(1);

		restart_node(1);
		assert_int_equal(receive_datagram(send_heartbeat(0)),
						 SESSION_DROP_SESSION);
		send_probe(prober);
		assert_in_range(settle_network(), 2, 10);
		check_acquainted();
		assert_int_equal(receive_datagram(late), SESSION_DROP_SESSION);
		check_no_replay();
	}
}

/* What the dead session sent is good until the new one is accepted. */
static void
test_late_datagram_of_dead_session(void **state)
{
	int			late;

	(void) state;
	start_network();
	send_probe(0);
	settle_network();
	late = send_heartbeat(1);
	restart_node(1);
	assert_int_equal(receive_datagram(late), SESSION_ACCEPTED);
	assert_int_equal(receive_datagram(late), SESSION_DROP_REPLAY);
}

static void
test_both_restart(void **state)
{
	(void) state;
	start_network();
	send_probe(0);
	settle_network();
	check_acquainted();

	restart_node(0);
	restart_node(1);
	send_probe(0);
	send_probe(1);
	assert_in_range(settle_network(), 4, 10);
	check_acquainted();
	check_no_replay();
}

/*
 * A life so short that none of its datagrams arrived, but it echoed us and
 * even has our challenge: captured, and sent again after its successor was
 * accepted, it gets nowhere.
 */
static void
test_short_lived_session(void **state)
{
	int			first;
	int			last;
	int			i;

	(void) state;
	start_network();
	send_probe(0);
	settle_network();
	check_acquainted();

	restart_node(1);
	first = network.captured_count;
	assert_int_equal(receive_datagram(send_probe(1)), SESSION_STRANGER);
	assert_int_equal(receive_datagram(first + 1), SESSION_ACCEPTED);
	assert_int_equal(receive_datagram(first + 2), SESSION_ACCEPTED);
	assert_int_equal(network.captured[first + 3].message.type,
					 RAFT_MESSAGE_PROBE_REPLY);
	assert_true(network.captured[first + 3].message.nonce ==
				session_challenge(&network.nodes[0].table, 1));
	send_heartbeat(1);
	last = network.captured_count;
	lose_pending();

	restart_node(1);
	send_probe(1);
	settle_network();
	check_acquainted();
	for (i = first; i < last; i++)
	{
		if (network.captured[i].message.from != 1)
			continue;
		assert_int_equal(receive_datagram(i),
						 network.captured[i].message.type == RAFT_MESSAGE_PROBE
						 ? SESSION_STRANGER : SESSION_DROP_SESSION);
		settle_network();
	}
	check_acquainted();
	check_no_replay();
}

/*
 * The same, but the capture comes before the living session: the dead one
 * may be taken, as a late datagram of its own time would be, and the living
 * one replaces it.
 */
static void
test_dead_session_comes_first(void **state)
{
	int			captured;

	(void) state;
	start_network();
	assert_int_equal(receive_datagram(send_probe(1)), SESSION_STRANGER);
	assert_int_equal(receive_datagram(1), SESSION_ACCEPTED);
	lose_pending();
	captured = send_heartbeat(1);

	restart_node(1);
	assert_int_equal(receive_datagram(captured), SESSION_ACCEPTED);
	send_probe(1);
	settle_network();
	check_acquainted();
	assert_int_equal(receive_datagram(captured), SESSION_DROP_SESSION);
	check_no_replay();
}

/*
 * A restarted node gets acquainted whichever of the exchange's datagrams are
 * lost at first; the next probe of either side begins anew.
 */
static void
test_lost_exchange(void **state)
{
	int			prober;
	int			next_prober;
	int			kept;

	(void) state;
	for (prober = 0; prober <= 1; prober++)
	{
		for (next_prober = 0; next_prober <= 1; next_prober++)
		{
			/* let so many datagrams through, and lose the rest */
			for (kept = 0; kept < 8; kept++)
			{
				int			delivered;
				int			i;

				start_network();
				send_probe(0);
				settle_network();
				restart_node(1);
				i = send_probe(prober);
				for (delivered = 0;
					 delivered < kept && i < network.captured_count; i++)
				{
					receive_datagram(i);
					delivered++;
				}
				lose_pending();
				send_probe(next_prober);
				assert_in_range(settle_network(), 2, 10);
				check_acquainted();
				check_no_replay();
			}
		}
	}
}

/* Only the replies that carry the challenge are lost, several times. */
static void
test_lost_challenge_replies(void **state)
{
	int			attempt;

	(void) state;
	start_network();
	send_probe(0);
	settle_network();
	restart_node(1);
	for (attempt = 0; attempt < 5; attempt++)
	{
		uint64_t	challenge = session_challenge(&network.nodes[0].table, 1);
		int			i = send_probe(1);

		for (; i < network.captured_count; i++)
		{
			if (network.captured[i].message.type != RAFT_MESSAGE_PROBE_REPLY ||
				network.captured[i].message.nonce != challenge)
				receive_datagram(i);
		}
		lose_pending();

		/* not accepted, and the challenge stays good for a late answer */
		assert_int_equal(receive_datagram(send_heartbeat(1)),
						 SESSION_DROP_SESSION);
		assert_true(challenge ==
					session_challenge(&network.nodes[0].table, 1));
	}
	send_probe(1);
	settle_network();
	check_acquainted();
	check_no_replay();
}

/*
 * A network that loses, repeats and reorders everything at will, with nodes
 * that restart at any time.  receive_datagram() checks what must hold at
 * each step; when the network is fair again, one probe is enough.
 */
static void
test_chaos(void **state)
{
	int			run;

	(void) state;
	for (run = 0; run < CHAOS_RUNS; run++)
	{
		int			step;

		start_network();
		for (step = 0; step < CHAOS_STEPS; step++)
		{
			int			id = (int) draw_below(2);
			int			count = network.captured_count;

			switch (draw_below(8))
			{
				case 0:
					send_probe(id);
					break;
				case 1:
					if (network.nodes[id].peer_session != 0)
						send_heartbeat(id);
					break;
				case 2:
					if (draw_below(8) == 0)
						restart_node(id);
					break;
				case 3:
				case 4:
					if (count > 0)
						receive_datagram((int) draw_below((uint64_t) count));
					break;
				default:
					if (count > 0)
						receive_datagram(count - 1 -
										 (int) draw_below(count < 8 ?
														  (uint64_t) count :
														  8));
			}
		}
		lose_pending();
		send_probe((int) draw_below(2));
		assert_in_range(settle_network(), 2, 10);
		check_acquainted();
		check_no_replay();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_ranges),
		cmocka_unit_test(test_impossible_senders),
		cmocka_unit_test(test_challenge_renewal),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_from_scratch),
		cmocka_unit_test(test_both_from_scratch),
		cmocka_unit_test(test_one_restarts),
		cmocka_unit_test(test_late_datagram_of_dead_session),
		cmocka_unit_test(test_both_restart),
		cmocka_unit_test(test_short_lived_session),
		cmocka_unit_test(test_dead_session_comes_first),
		cmocka_unit_test(test_lost_exchange),
		cmocka_unit_test(test_lost_challenge_replies),
		cmocka_unit_test(test_chaos)
	};

	begin_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
