/*-------------------------------------------------------------------------
 *
 * test_state_file_load.c
 *		Tests of what is made of a state file that is found: whose it is, and
 *		whether it is whole.
 *
 * The build links state_file.c; state_record.c, on which it rests, is included
 * here.
 *
 *-------------------------------------------------------------------------
 */
#include "state_file_fixture.h"
#include "state_record.c"

/* ----- whose file it is ----- */

static void
test_copied(void **state)
{
	StateFile  *file = make_member();

	(void) state;
	replace_by_copy();
	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT + 1,
							 true), STATE_COPIED);
	assert_amnesiac(11, 7);
	assert_peer_generations(0, 0);

	/* What it has seen of the others is true of the same cluster still. */
	assert_int_equal(load(file), STATE_COPIED);
	assert_amnesiac(11, 7);
	assert_peer_generations(110, 210);
	assert_true(state_file_write(file, &found));
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_amnesiac(11, 7);
	assert_peer_generations(110, 210);

	/* A directory that was moved has the same file. */
	crash();
	assert_int_equal(rename(DIRECTORY, "moved"), 0);
	file = state_file_open("moved");
	assert_non_null(file);
	assert_int_equal(load(file), STATE_VALID);
	crash();
	remove_tree("moved");
}

/* Where no birth time is known, the inode number alone must agree. */
static void
test_no_birth_time(void **state)
{
	(void) state;
	make_member();
	assert_int_equal(load_afresh(), STATE_VALID);
	disk.hide_birth_time = true;
	assert_int_equal(load_afresh(), STATE_VALID);
	replace_by_copy();
	assert_int_equal(load_afresh(), STATE_COPIED);

	begin_test(NULL);
	disk.hide_birth_time = true;
	make_member();
	assert_int_equal(load_afresh(), STATE_VALID);
	disk.hide_birth_time = false;
	assert_int_equal(load_afresh(), STATE_VALID);
	replace_by_copy();
	assert_int_equal(load_afresh(), STATE_COPIED);
}

/* The same inode number, but another birth time: a number used again. */
static void
test_other_birth_time(void **state)
{
	StateFile  *file = make_member();
	uint8		image[STATE_FILE_SIZE];
	StateSlot	slot;

	(void) state;
	read_file(STATE_PATH, image);
	state_record_decode(image, sizeof(image), &slot);
	if (slot.record.birth_ns == 0)
		skip();					/* the file system does not know it */
	slot.record.birth_ns--;
	state_record_encode(&slot.record, image);
	patch_file(image, STATE_RECORD_SIZE, 0);
	patch_file(image, STATE_RECORD_SIZE, STATE_SLOT_SPACING);
	assert_int_equal(load(file), STATE_COPIED);
	assert_amnesiac(11, 7);
}

static void
test_foreign(void **state)
{
	StateFile  *file = make_member();

	(void) state;
	assert_int_equal(load_as(file, 0, NODE_COUNT, FINGERPRINT, true),
					 STATE_FOREIGN);
	assert_amnesiac(11, 7);
	assert_peer_generations(0, 0);
	assert_non_null(strstr(note, "belongs to node 1, but this is node 0"));

	/* A term of another cluster means nothing here. */
	assert_int_equal(load_as(file, 0, NODE_COUNT, FINGERPRINT + 1, true),
					 STATE_FOREIGN);
	assert_amnesiac(11, 0);

	/* Another node's matters more than that it is a copy. */
	replace_by_copy();
	assert_int_equal(load_as(file, 0, NODE_COUNT, FINGERPRINT, false),
					 STATE_FOREIGN);
	assert_true(state_file_write(file, &found));
	crash();
	assert_int_equal(load_as(open_file(), 0, NODE_COUNT, FINGERPRINT, false),
					 STATE_VALID);
	assert_amnesiac(11, 7);
}

static void
test_reborn(void **state)
{
	StateFile  *file = make_member();
	RaftDurable reborn = make_state(11, 7, RAFT_VOTE_SPOILED);

	(void) state;
	reborn.standing = RAFT_NEW;
	memset(reborn.peer_generation, 0, sizeof(reborn.peer_generation));
	assert_int_equal(load_as(file, NODE_ID, 5, FINGERPRINT + 1, false),
					 STATE_REBORN);
	assert_state(&found, &reborn);
	assert_non_null(strstr(note, "with 125 nodes, but this one has 5"));
	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT + 1,
							 false), STATE_REBORN);
	assert_state(&found, &reborn);
	assert_non_null(strstr(note, "another name"));

	/* Not yet written, it is not yet so. */
	assert_int_equal(load(file), STATE_VALID);
	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT + 1,
							 false), STATE_REBORN);
	assert_true(state_file_write(file, &found));
	crash();
	assert_int_equal(load_as(open_file(), NODE_ID, NODE_COUNT,
							 FINGERPRINT + 1, false), STATE_VALID);
	assert_state(&found, &reborn);

	/* A copy is not reborn. */
	replace_by_copy();
	assert_int_equal(load_afresh(), STATE_COPIED);
}

static void
test_amnesiac_is_not_reborn(void **state)
{
	StateFile  *file = open_file();

	(void) state;
	assert_int_equal(load(file), STATE_MISSING);
	assert_peer_generations(0, 0);
	found.peer_generation[0] = 7;
	assert_true(state_file_write(file, &found));
	assert_int_equal(load_as(file, NODE_ID, 5, FINGERPRINT + 1, true),
					 STATE_REBORN);
	assert_amnesiac(2, 0);
	assert_peer_generations(0, 0);
}

/* ----- damage ----- */

static void
test_one_slot_unreadable(void **state)
{
	int			slot;

	(void) state;
	for (slot = 0; slot < STATE_SLOT_COUNT; slot++)
	{
		static const uint8 garbage[STATE_RECORD_SIZE] = {1, 2, 3};
		uint8		image[STATE_FILE_SIZE];

		begin_test(NULL);
		make_member();
		patch_file(garbage, sizeof(garbage), slot * STATE_SLOT_SPACING);
		assert_int_equal(load_afresh(), STATE_VALID);
		assert_int_equal(found.generation, 10);

		/* The other one has been renewed, lest the next damage be fatal. */
		read_file(STATE_PATH, image);
		assert_memory_equal(image, image + STATE_SLOT_SPACING,
							STATE_SLOT_SPACING);
	}
}

static void
test_each_bit_flipped(void **state)
{
	uint8		image[STATE_FILE_SIZE];
	uint8		flipped[STATE_RECORD_SIZE];
	StateFile  *file = make_member();
	int			bit;

	(void) state;
	read_file(STATE_PATH, image);
	for (bit = 0; bit < STATE_RECORD_SIZE * 8; bit++)
	{
		memcpy(flipped, image, sizeof(flipped));
		flipped[bit / 8] ^= (uint8) (1 << bit % 8);
		patch_file(flipped, sizeof(flipped), 0);
		patch_file(flipped, sizeof(flipped), STATE_SLOT_SPACING);
		assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT,
								 true), STATE_DAMAGED);
		assert_amnesiac(1, 0);
	}

	/* A new file, not the old one repaired. */
	assert_true(state_file_write(file, &found));
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_amnesiac(1, 0);
}

static void
test_contradiction(void **state)
{
	StateFile  *file = make_member();
	uint8		image[STATE_FILE_SIZE];
	StateSlot	slot;

	(void) state;
	read_file(STATE_PATH, image);
	state_record_decode(image, sizeof(image), &slot);
	slot.record.durable.term++;
	slot.record.durable.peer_generation[MIDDLE_NODE]--;
	slot.record.durable.peer_generation[LAST_NODE]++;
	state_record_encode(&slot.record, image);
	patch_file(image, STATE_RECORD_SIZE, STATE_SLOT_SPACING);
	assert_int_equal(load(file), STATE_DAMAGED);
	assert_non_null(strstr(note, "contradict"));
	assert_amnesiac(11, 8);
	assert_peer_generations(110, 211);
}

static void
test_cut_off(void **state)
{
	static const struct
	{
		off_t		size;
		uint64		term;		/* that can still be read */
	}			cases[] = {
		{0, 0}, {1, 0}, {1151, 0}, {1152, 7}, {4096, 7}, {5247, 7}, {8191, 7}
	};
	StateFile  *file = make_member();
	uint8		image[STATE_FILE_SIZE];
	size_t		i;

	(void) state;
	read_file(STATE_PATH, image);
	for (i = 0; i < lengthof(cases); i++)
	{
		patch_file(image, sizeof(image), 0);
		assert_int_equal(truncate(STATE_PATH, cases[i].size), 0);
		assert_int_equal(load(file), STATE_DAMAGED);
		assert_amnesiac(cases[i].term > 0 ? 11 : 1, cases[i].term);
		assert_non_null(strstr(note, "instead of 8192"));
	}

	/* What comes behind the slots says nothing. */
	patch_file(image, sizeof(image), 0);
	patch_file(image, sizeof(image), STATE_FILE_SIZE);
	assert_int_equal(load(file), STATE_VALID);
}

static void
test_newer_version(void **state)
{
	StateFile  *file = make_member();
	uint8		image[STATE_FILE_SIZE];

	(void) state;
	read_file(STATE_PATH, image);
	put_uint32(image + OFFSET_VERSION, STATE_RECORD_VERSION + 1);
	put_uint32(image + OFFSET_CHECKSUM, compute_checksum(image));
	patch_file(image, STATE_RECORD_SIZE, STATE_SLOT_SPACING);
	assert_int_equal(load(file), STATE_DAMAGED);
	assert_non_null(strstr(note, "newer version"));
	assert_amnesiac(11, 7);
}

static void
test_not_a_file(void **state)
{
	StateFile  *file = make_member();

	(void) state;
	assert_int_equal(rename(STATE_PATH, "elsewhere"), 0);
	assert_int_equal(symlink("../elsewhere", STATE_PATH), 0);
	ASSERT_ERROR(load(file), "cannot use state file \"node/state\"");
	assert_non_null(strstr(error.detail, "must be a regular file"));
	assert_int_equal(unlink(STATE_PATH), 0);

	assert_int_equal(mkdir(STATE_PATH, 0700), 0);
	ASSERT_ERROR(load(file), "cannot use state file \"node/state\"");
	assert_int_equal(rmdir(STATE_PATH), 0);

	assert_int_equal(mkfifo(STATE_PATH, 0600), 0);
	ASSERT_ERROR(load(file), "cannot use state file \"node/state\"");
}

static void
test_leftover(void **state)
{
	StateFile  *file = make_member();
	uint8		image[STATE_FILE_SIZE];

	(void) state;
	read_file(STATE_PATH, image);
	write_file(NEW_PATH, image, sizeof(image));
	assert_int_equal(load(file), STATE_VALID);
	assert_false(exists(NEW_PATH));

	assert_int_equal(mkdir(NEW_PATH, 0700), 0);
	ASSERT_ERROR(load(file), "could not remove file \"node/state.new\"");
}

#define STATE_TEST(function) cmocka_unit_test_setup(function, begin_test)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STATE_TEST(test_copied),
		STATE_TEST(test_no_birth_time),
		STATE_TEST(test_other_birth_time),
		STATE_TEST(test_foreign),
		STATE_TEST(test_reborn),
		STATE_TEST(test_amnesiac_is_not_reborn),
		STATE_TEST(test_one_slot_unreadable),
		STATE_TEST(test_each_bit_flipped),
		STATE_TEST(test_contradiction),
		STATE_TEST(test_cut_off),
		STATE_TEST(test_newer_version),
		STATE_TEST(test_not_a_file),
		STATE_TEST(test_leftover)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin_group, end_group);
}
