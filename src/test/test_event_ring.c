/*-------------------------------------------------------------------------
 *
 * test_event_ring.c
 *		Unit tests of the ring between the ticker and the logger.
 *
 * If this broke, the algorithm log would tell what has not happened, or the
 * ticker would wait for a log.
 *
 * Needs the server's headers, not the server: pg_atomic_...() are inline.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "event_ring.h"

#define MAX_RECORD	2000

/* Records of the test with two threads: the ring goes round many times. */
#define RECORDS		200000

static EventRing ring;

static int
set_up(void **state)
{
	event_ring_init(&ring);
	return 0;
}

/* The bytes of record "number", of that size, tell both. */
static void
make_record(char *record, uint32 number, uint32 size)
{
	for (uint32 i = 0; i < size; i++)
		record[i] = (char) (number * 31 + i * 7 + size);
}

static void
assert_record(const char *record, uint32 number, uint32 size)
{
	char		expected[MAX_RECORD];

	make_record(expected, number, size);
	assert_memory_equal(record, expected, size);
}

static void
test_new_ring_is_empty(void **state)
{
	char		record[MAX_RECORD];

	assert_true(event_ring_is_empty(&ring));
	assert_int_equal(event_ring_take(&ring, record, sizeof(record)), 0);
}

static void
test_first_in_first_out(void **state)
{
	char		record[MAX_RECORD];

	for (uint32 size = 1; size <= 100; size++)
	{
		make_record(record, size, size);
		assert_true(event_ring_put(&ring, record, size));
	}
	assert_false(event_ring_is_empty(&ring));
	for (uint32 size = 1; size <= 100; size++)
	{
		assert_int_equal(event_ring_take(&ring, record, sizeof(record)), size);
		assert_record(record, size, size);
	}
	assert_true(event_ring_is_empty(&ring));
}

/* Of every length, so that records lie across the array's end in every way. */
static void
test_round_and_round(void **state)
{
	char		record[MAX_RECORD];
	uint64		bytes = 0;
	uint32		number = 0;

	while (bytes < 20 * (uint64) EVENT_RING_BYTES)
	{
		uint32		size = number % MAX_RECORD + 1;

		make_record(record, number, size);
		assert_true(event_ring_put(&ring, record, size));
		memset(record, 0, sizeof(record));
		assert_int_equal(event_ring_take(&ring, record, sizeof(record)), size);
		assert_record(record, number, size);
		bytes += size;
		number++;
	}
}

static void
test_full_ring_takes_no_more(void **state)
{
	char		record[MAX_RECORD];
	uint32		put = 0;
	uint32		taken = 0;

	make_record(record, 0, 1000);
	while (event_ring_put(&ring, record, 1000))
		make_record(record, ++put, 1000);

	/* 1000 bytes and 4 of the size, aligned */
	assert_int_equal(put, EVENT_RING_BYTES / 1008);
	assert_false(event_ring_put(&ring, record, 1000));

	/* what is in it is unharmed; room for one is room for one */
	assert_int_equal(event_ring_take(&ring, record, sizeof(record)), 1000);
	assert_record(record, taken++, 1000);
	make_record(record, put++, 1000);
	assert_true(event_ring_put(&ring, record, 1000));
	make_record(record, put, 1000);
	assert_false(event_ring_put(&ring, record, 1000));
	while (event_ring_take(&ring, record, sizeof(record)) > 0)
		assert_record(record, taken++, 1000);
	assert_int_equal(taken, put);
}

/* To the last byte. */
static void
test_ring_can_be_filled_to_its_end(void **state)
{
	char		record[4] = "abc";

	for (int i = 0; i < EVENT_RING_BYTES / 8; i++)
		assert_true(event_ring_put(&ring, record, 4));
	assert_false(event_ring_has_room(&ring, 1, 1));
	assert_false(event_ring_put(&ring, record, 1));
	for (int i = 0; i < EVENT_RING_BYTES / 8; i++)
		assert_int_equal(event_ring_take(&ring, record, 4), 4);
	assert_true(event_ring_is_empty(&ring));
}

static void
test_room_for_two(void **state)
{
	char		record[MAX_RECORD];

	memset(record, 0, sizeof(record));
	while (event_ring_has_room(&ring, 500, 600))
		assert_true(event_ring_put(&ring, record, 96 - sizeof(uint32)));

	/* what has_room() denies, two calls would not get; one may */
	assert_true(event_ring_put(&ring, record, 500));
	assert_false(event_ring_put(&ring, record, 600));
}

/* A reader without room for all of it gets the beginning, and goes on. */
static void
test_reader_is_never_overrun(void **state)
{
	char		record[MAX_RECORD];

	make_record(record, 1, 100);
	assert_true(event_ring_put(&ring, record, 100));
	assert_true(event_ring_put(&ring, "x", 1));
	record[10] = '!';
	assert_int_equal(event_ring_take(&ring, record, 10), 10);
	assert_int_equal(record[10], '!');
	assert_int_equal(event_ring_take(&ring, record, sizeof(record)), 1);
}

/* Puts all records, again and again until there is room. */
static void *
write_all(void *argument)
{
	char		record[MAX_RECORD];

	for (uint32 number = 0; number < RECORDS; number++)
	{
		uint32		size = number * 7919 % MAX_RECORD + 1;

		make_record(record, number, size);
		while (!event_ring_put(&ring, record, size))
			sched_yield();
	}
	return NULL;
}

static void
test_two_at_a_time(void **state)
{
	static char record[MAX_RECORD];
	pthread_t	writer;

	assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
	for (uint32 number = 0; number < RECORDS; number++)
	{
		uint32		size;

		while ((size = event_ring_take(&ring, record, sizeof(record))) == 0)
			sched_yield();
		assert_int_equal(size, number * 7919 % MAX_RECORD + 1);
		assert_record(record, number, size);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_true(event_ring_is_empty(&ring));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_new_ring_is_empty, set_up),
		cmocka_unit_test_setup(test_first_in_first_out, set_up),
		cmocka_unit_test_setup(test_round_and_round, set_up),
		cmocka_unit_test_setup(test_full_ring_takes_no_more, set_up),
		cmocka_unit_test_setup(test_ring_can_be_filled_to_its_end, set_up),
		cmocka_unit_test_setup(test_room_for_two, set_up),
		cmocka_unit_test_setup(test_reader_is_never_overrun, set_up),
		cmocka_unit_test_setup(test_two_at_a_time, set_up),
	};

	return cmocka_run_group_tests_name("event ring", tests, NULL, NULL);
}
