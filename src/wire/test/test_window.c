/*-------------------------------------------------------------------------
 *
 * test_window.c
 *		Tests of the window of sequence numbers: within a session each number
 *		is taken once, in whatever order they come.
 *
 *-------------------------------------------------------------------------
 */
#include "session_fixture.h"

#define WINDOW_STEPS	20000

static void
open_table(SessionTable *table, uint64_t sequence)
{
	assert_true(session_table_init(table, OWN_SESSION, 3, draw_random()));
	assert_int_equal(ask_sequence(table, sequence), SESSION_ACCEPTED);
}

/* A new session begins with a window of its own. */
static void
test_window_restarts(void **state)
{
	static const uint64_t former[] = {1, 1000000};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(former) / sizeof(former[0]); i++)
	{
		SessionTable table;
		RaftMessage m;

		open_table(&table, former[i]);
		memset(&m, 0, sizeof(m));
		m.type = RAFT_MESSAGE_PROBE_REPLY;
		m.from = 1;
		m.from_session = 0x3000;
		m.to_session = OWN_SESSION;
		m.nonce = session_challenge(&table, 1);
		assert_int_equal(session_check(&table, &m, 2, 1), SESSION_ACCEPTED);

		/* nothing of the former session's numbers is left, low or high */
		m.type = RAFT_MESSAGE_VOTE;
		assert_int_equal(session_check(&table, &m, 2, 1),
						 SESSION_DROP_REPLAY);
		assert_int_equal(session_check(&table, &m, 1, 1), SESSION_ACCEPTED);
		assert_int_equal(session_check(&table, &m, 3, 1), SESSION_ACCEPTED);
		assert_int_equal(ask_sequence(&table, former[i] + 1),
						 SESSION_DROP_SESSION);

		/* one peer's numbers are nothing to another's */
		m.from = 2;
		assert_int_equal(session_check(&table, &m, 3, 1), SESSION_ACCEPTED);
	}
}

/* Number 0 is never used, so it opens nothing and is not answered. */
static void
test_sequence_zero(void **state)
{
	SessionTable table;

	(void) state;
	assert_true(session_table_init(&table, OWN_SESSION, 3, draw_random()));
	assert_int_equal(ask_sequence(&table, 0), SESSION_DROP_REPLAY);
	assert_int_equal(ask(&table, RAFT_MESSAGE_PROBE, PEER_SESSION, 0, 0, 0),
					 SESSION_DROP_REPLAY);

	/* another session than the one refused can be the first */
	assert_int_equal(ask(&table, RAFT_MESSAGE_HEARTBEAT, 0x3000, OWN_SESSION,
						 0, 1), SESSION_ACCEPTED);
	assert_int_equal(ask(&table, RAFT_MESSAGE_PROBE_REPLY, PEER_SESSION,
						 OWN_SESSION, session_challenge(&table, 1), 0),
					 SESSION_DROP_REPLAY);
	assert_int_equal(ask_sequence(&table, 1), SESSION_DROP_SESSION);
}

/* The window's lower edge is exact, wherever it lies in the ring. */
static void
test_window_edges(void **state)
{
	static const uint64_t bases[] = {
		1, 63, 64, 65, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 100000,
		UINT64_C(1) << 32, UINT64_MAX - 2000
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
	{
		uint64_t	base = bases[i];
		uint64_t	top = base + SESSION_WINDOW;
		SessionTable table;
		uint64_t	n;

		open_table(&table, base);
		assert_int_equal(ask_sequence(&table, 0), SESSION_DROP_REPLAY);
		assert_int_equal(ask_sequence(&table, base), SESSION_DROP_REPLAY);
		assert_int_equal(ask_sequence(&table, top), SESSION_ACCEPTED);

		/* base is just out, its follower just in */
		assert_int_equal(ask_sequence(&table, base), SESSION_DROP_REPLAY);
		for (n = base + 1; n < top; n++)
			assert_int_equal(ask_sequence(&table, n), SESSION_ACCEPTED);
		for (n = base; n <= top; n++)
			assert_int_equal(ask_sequence(&table, n), SESSION_DROP_REPLAY);
		if (base > SESSION_WINDOW)
			assert_int_equal(ask_sequence(&table, base - 1),
							 SESSION_DROP_REPLAY);
		assert_int_equal(ask_sequence(&table, top + 1), SESSION_ACCEPTED);
	}
}

/* A number that was never sent is fresh within the window of the first. */
static void
test_window_below_first(void **state)
{
	SessionTable table;

	(void) state;
	open_table(&table, 5000);
	assert_int_equal(ask_sequence(&table, 5000 - SESSION_WINDOW),
					 SESSION_DROP_REPLAY);
	assert_int_equal(ask_sequence(&table, 5001 - SESSION_WINDOW),
					 SESSION_ACCEPTED);
	assert_int_equal(ask_sequence(&table, 4999), SESSION_ACCEPTED);
	assert_int_equal(ask_sequence(&table, 4999), SESSION_DROP_REPLAY);
}

/* A far jump leaves nothing behind that looks seen, and nothing fresh. */
static void
test_window_far_jumps(void **state)
{
	static const uint64_t jumps[] = {
		SESSION_WINDOW - 1, SESSION_WINDOW, SESSION_WINDOW + 1,
		SESSION_WINDOW + 63, SESSION_WINDOW + 64, SESSION_WINDOW + 65,
		2 * SESSION_WINDOW, 2 * (SESSION_WINDOW + 64),
		UINT64_C(1) << 40, UINT64_MAX - 5000
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
	{
		SessionTable table;
		uint64_t	top = 2000 + jumps[i];
		uint64_t	n;

		open_table(&table, 1);
		for (n = 2; n <= 2000; n++)
			assert_int_equal(ask_sequence(&table, n), SESSION_ACCEPTED);
		assert_int_equal(ask_sequence(&table, top), SESSION_ACCEPTED);
		for (n = 1; n <= 2000; n++)
			assert_int_equal(ask_sequence(&table, n), SESSION_DROP_REPLAY);
		n = top - (SESSION_WINDOW - 1);
		if (n <= 2000)
			n = 2001;
		for (; n < top; n++)
			assert_int_equal(ask_sequence(&table, n), SESSION_ACCEPTED);
	}

	/* the greatest number of all is the end of a session, but no accident */
	{
		SessionTable table;

		open_table(&table, 1);
		assert_int_equal(ask_sequence(&table, UINT64_MAX), SESSION_ACCEPTED);
		assert_int_equal(ask_sequence(&table, UINT64_MAX),
						 SESSION_DROP_REPLAY);
		assert_int_equal(ask_sequence(&table, UINT64_MAX - 1),
						 SESSION_ACCEPTED);
		assert_int_equal(ask_sequence(&table, 2), SESSION_DROP_REPLAY);
	}
}

/* The ring against a plain list of what was seen. */
static void
test_window_model(void **state)
{
	static bool seen[WINDOW_STEPS * 40 + 20000];
	uint64_t	origin = (draw_below(2) != 0 ? 0 :
						  UINT64_MAX - sizeof(seen) / sizeof(seen[0]));
	uint64_t	highest = 1 + draw_below(3000);
	SessionTable table;
	int			fresh_count = 0;
	int			i;

	(void) state;
	memset(seen, 0, sizeof(seen));
	open_table(&table, origin + highest);
	seen[highest] = true;
	for (i = 0; i < WINDOW_STEPS; i++)
	{
		uint64_t	n;
		bool		is_fresh;

		if (draw_below(1000) == 0)
			n = highest + draw_below(3 * SESSION_WINDOW);
		else if (draw_below(4) == 0)
			n = highest + 1 + draw_below(40);
		else
		{
			uint64_t	back = draw_below(SESSION_WINDOW + 200);

			n = back < highest ? highest - back : 1;
		}
		is_fresh = !seen[n] &&
			(n > highest || highest - n < SESSION_WINDOW);
		assert_int_equal(ask_sequence(&table, origin + n),
						 is_fresh ? SESSION_ACCEPTED : SESSION_DROP_REPLAY);
		seen[n] = true;
		if (n > highest)
			highest = n;
		fresh_count += is_fresh ? 1 : 0;
	}
	assert_in_range(fresh_count, 1, WINDOW_STEPS - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_restarts),
		cmocka_unit_test(test_sequence_zero),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_window_below_first),
		cmocka_unit_test(test_window_far_jumps),
		cmocka_unit_test(test_window_model)
	};

	begin_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
