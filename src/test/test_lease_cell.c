/*-------------------------------------------------------------------------
 *
 * test_lease_cell.c
 *		Unit tests of the lock-free lease.
 *
 * If this broke, two servers could both answer that they lead, or one could
 * fence its writes with another leadership's term.
 *
 * Needs the server's headers, not the server: pg_atomic_...() are inline.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clock.h"
#include "lease_cell.h"

#define HOUR_NS		(UINT64_C(3600) * NS_PER_S)

/* Reads of the test with two threads, at least and at most. */
#define MIN_READS	2000000
#define MAX_READS	2000000000

static LeaseCell cell;

static int
set_up(void **state)
{
	lease_cell_init(&cell);
	return 0;
}

static void
test_new_cell_holds_no_lease(void **state)
{
	uint64		remaining_ns = 1;

	assert_int_equal(lease_cell_valid_term(&cell, &remaining_ns), 0);
	assert_int_equal(remaining_ns, 0);
	assert_int_equal(lease_cell_term(&cell), 0);
}

static void
test_lease_is_valid_until_its_end(void **state)
{
	uint64		end_ns = clock_now_ns() + HOUR_NS;
	uint64		remaining_ns = 0;

	lease_cell_raise(&cell, 7, end_ns);
	assert_int_equal(lease_cell_valid_term(&cell, &remaining_ns), 7);
	assert_true(remaining_ns > 0 && remaining_ns <= HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 7);
	assert_int_equal(lease_cell_term(&cell), 7);
}

static void
test_expired_lease_is_void(void **state)
{
	uint64		remaining_ns = 1;

	lease_cell_raise(&cell, 7, clock_now_ns());
	assert_int_equal(lease_cell_valid_term(&cell, &remaining_ns), 0);
	assert_int_equal(remaining_ns, 0);

	/* its term is still there for who wants to revoke it */
	assert_int_equal(lease_cell_term(&cell), 7);
}

static void
test_cleared_lease_is_void(void **state)
{
	lease_cell_raise(&cell, 7, clock_now_ns() + HOUR_NS);
	lease_cell_clear(&cell);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
	assert_int_equal(lease_cell_term(&cell), 0);
}

static void
test_revoked_lease_is_void(void **state)
{
	lease_cell_raise(&cell, 7, clock_now_ns() + HOUR_NS);
	lease_cell_revoke(&cell, 6);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 7);
	lease_cell_revoke(&cell, 7);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
}

/* The ticker takes one more acknowledgement after the last words. */
static void
test_revoked_term_stays_void_when_raised_again(void **state)
{
	lease_cell_raise(&cell, 7, clock_now_ns() + HOUR_NS);
	lease_cell_revoke(&cell, 7);
	lease_cell_raise(&cell, 7, clock_now_ns() + 2 * HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
	lease_cell_clear(&cell);
	lease_cell_raise(&cell, 7, clock_now_ns() + 2 * HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
}

static void
test_newer_term_is_valid_after_revocation(void **state)
{
	lease_cell_raise(&cell, 7, clock_now_ns() + HOUR_NS);
	lease_cell_revoke(&cell, 7);
	lease_cell_raise(&cell, 8, clock_now_ns() + HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 8);
}

static void
test_revocation_is_never_lowered(void **state)
{
	lease_cell_revoke(&cell, 9);
	lease_cell_revoke(&cell, 3);
	lease_cell_revoke(&cell, 0);
	lease_cell_raise(&cell, 9, clock_now_ns() + HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
	lease_cell_raise(&cell, 10, clock_now_ns() + HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 10);
}

/* A ticker was killed between the two halves of the pair. */
static void
test_half_written_pair_is_no_lease(void **state)
{
	lease_cell_raise(&cell, 7, clock_now_ns() + HOUR_NS);
	pg_atomic_fetch_add_u64(&cell.sequence, 1);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);

	/* the next one starts over */
	lease_cell_clear(&cell);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 0);
	lease_cell_raise(&cell, 8, clock_now_ns() + HOUR_NS);
	assert_int_equal(lease_cell_valid_term(&cell, NULL), 8);
}

/* Two leases that can be told apart by either half of the pair. */
#define TERM_SHORT		1
#define TERM_LONG		2
#define SHORT_NS		(1000 * HOUR_NS)
#define LONG_NS			(3000 * HOUR_NS)

static uint64 writer_base_ns;
static pg_atomic_uint32 writer_stop;

static void *
write_by_turns(void *argument)
{
	while (pg_atomic_read_u32(&writer_stop) == 0)
	{
		lease_cell_raise(&cell, TERM_SHORT, writer_base_ns + SHORT_NS);
		lease_cell_raise(&cell, TERM_LONG, writer_base_ns + LONG_NS);
	}
	return NULL;
}

/*
 * A reader beside a writer sees one lease or the other, or none, but never
 * the term of one with the end of the other.
 */
static void
test_reader_never_mixes_two_leases(void **state)
{
	pthread_t	writer;
	uint64		seen[TERM_LONG + 1] = {0};
	uint64		mixed = 0;

	writer_base_ns = clock_now_ns();
	pg_atomic_init_u32(&writer_stop, 0);
	assert_int_equal(pthread_create(&writer, NULL, write_by_turns, NULL), 0);

	for (int reads = 0;
		 reads < MAX_READS &&
		 (reads < MIN_READS || seen[TERM_SHORT] == 0 || seen[TERM_LONG] == 0);
		 reads++)
	{
		uint64		remaining_ns;
		uint64		term = lease_cell_valid_term(&cell, &remaining_ns);

		if (term > TERM_LONG)
		{
			mixed++;
			break;
		}
		seen[term]++;
		if (term != 0 &&
			(remaining_ns > (SHORT_NS + LONG_NS) / 2) != (term == TERM_LONG))
			mixed++;
	}

	pg_atomic_write_u32(&writer_stop, 1);
	assert_int_equal(pthread_join(writer, NULL), 0);

	assert_int_equal(mixed, 0);
	assert_true(seen[TERM_SHORT] > 0);
	assert_true(seen[TERM_LONG] > 0);
}

/* Many revoke at once; none undoes what another did. */
#define REVOKERS		4
#define REVOKER_TERMS	200000

typedef struct Revoker
{
	pthread_t	thread;
	uint64		first;			/* it revokes first, first + REVOKERS, ... */
	uint64		undone;			/* times that it found a lesser term */
} Revoker;

static void *
revoke_many(void *argument)
{
	Revoker    *revoker = argument;

	for (uint64 i = 0; i < REVOKER_TERMS; i++)
	{
		uint64		term = revoker->first + i * REVOKERS;

		lease_cell_revoke(&cell, term);
		if (pg_atomic_read_u64(&cell.revoked_term) < term)
			revoker->undone++;
	}
	return NULL;
}

static void
test_revocations_do_not_undo_each_other(void **state)
{
	Revoker		revokers[REVOKERS] = {{0}};

	for (int i = 0; i < REVOKERS; i++)
	{
		revokers[i].first = i + 1;
		assert_int_equal(pthread_create(&revokers[i].thread, NULL, revoke_many,
										&revokers[i]), 0);
	}
	for (int i = 0; i < REVOKERS; i++)
	{
		assert_int_equal(pthread_join(revokers[i].thread, NULL), 0);
		assert_int_equal(revokers[i].undone, 0);
	}
	assert_int_equal(pg_atomic_read_u64(&cell.revoked_term),
					 (uint64) REVOKERS * REVOKER_TERMS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_new_cell_holds_no_lease, set_up),
		cmocka_unit_test_setup(test_lease_is_valid_until_its_end, set_up),
		cmocka_unit_test_setup(test_expired_lease_is_void, set_up),
		cmocka_unit_test_setup(test_cleared_lease_is_void, set_up),
		cmocka_unit_test_setup(test_revoked_lease_is_void, set_up),
		cmocka_unit_test_setup(test_revoked_term_stays_void_when_raised_again,
							   set_up),
		cmocka_unit_test_setup(test_newer_term_is_valid_after_revocation,
							   set_up),
		cmocka_unit_test_setup(test_revocation_is_never_lowered, set_up),
		cmocka_unit_test_setup(test_half_written_pair_is_no_lease, set_up),
		cmocka_unit_test_setup(test_reader_never_mixes_two_leases, set_up),
		cmocka_unit_test_setup(test_revocations_do_not_undo_each_other,
							   set_up)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lease cell", tests, NULL, NULL);
}
