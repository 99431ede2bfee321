/*-------------------------------------------------------------------------
 *
 * test_quorum.c
 *		Sets of voters, majorities, ranking.
 *
 *-------------------------------------------------------------------------
 */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "raft/quorum.h"

static void
test_sets(void **state)
{
	QuorumSet	set;
	int32_t		ids[] = {0, 1, 63, 64, 65, 127};
	int32_t		count = (int32_t) (sizeof(ids) / sizeof(ids[0]));
	int32_t		i;

	(void) state;
	memset(&set, 0xff, sizeof(set));
	quorum_set_clear(&set);
	assert_int_equal(quorum_set_count(&set), 0);
	for (i = 0; i < count; i++)
	{
		assert_false(quorum_set_has(&set, ids[i]));
		assert_true(quorum_set_add(&set, ids[i]));
		assert_false(quorum_set_add(&set, ids[i]));
		assert_true(quorum_set_has(&set, ids[i]));
		assert_int_equal(quorum_set_count(&set), i + 1);
	}
	assert_false(quorum_set_has(&set, 2));
	assert_false(quorum_set_has(&set, 126));
	for (i = 0; i < RAFT_MAX_NODES; i++)
		quorum_set_add(&set, i);
	assert_int_equal(quorum_set_count(&set), RAFT_MAX_NODES);
}

/* Any two majorities share a node, and a majority can be had. */
static void
test_majorities_overlap(void **state)
{
	int32_t		count;

	(void) state;
	for (count = 1; count <= RAFT_MAX_NODES; count++)
	{
		int32_t		q = quorum_size(count);

		assert_true(2 * q > count);
		assert_true(q <= count);
		assert_true(2 * (q - 1) <= count);
	}
	assert_int_equal(quorum_size(1), 1);
	assert_int_equal(quorum_size(2), 2);
	assert_int_equal(quorum_size(3), 2);
	assert_int_equal(quorum_size(4), 3);
	assert_int_equal(quorum_size(5), 3);
	assert_int_equal(quorum_size(128), 65);
}

static int
compare_descending(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void
test_kth_greatest(void **state)
{
	uint64_t	values[RAFT_MAX_NODES];
	uint64_t	sorted[RAFT_MAX_NODES];
	uint64_t	random = 1;
	int32_t		count;

	(void) state;
	for (count = 1; count <= RAFT_MAX_NODES; count++)
	{
		int32_t		i;
		int32_t		k;

		/* Few different values, so that many are equal. */
		for (i = 0; i < count; i++)
		{
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			values[i] = (random >> 33) % (uint64_t) (count + 1);
		}
		memcpy(sorted, values, sizeof(sorted));
		qsort(sorted, (size_t) count, sizeof(uint64_t), compare_descending);
		for (k = 1; k <= count; k++)
			assert_int_equal(quorum_kth_greatest(values, count, k), sorted[k - 1]);
		assert_int_equal(quorum_kth_greatest(values, count, count + 1), 0);
	}
	values[0] = UINT64_MAX;
	assert_true(quorum_kth_greatest(values, 1, 1) == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_majorities_overlap),
		cmocka_unit_test(test_kth_greatest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
