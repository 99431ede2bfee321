/*-------------------------------------------------------------------------
 *
 * test_state_file.c
 *		Tests of the state file: whatever happens to the process, the disk or
 *		the file, a state that was confirmed is found again, or the node knows
 *		that it has lost it.
 *
 * Each file under test is linked by the build with the test that bears its
 * name; state_record.c, on which it rests, is included here.
 *
 *-------------------------------------------------------------------------
 */
#include "state_file_fixture.h"
#include "state_record.c"

static void
test_birth(void **state)
{
	StateFile  *file = open_file();
	struct stat stat_buf;
	RaftDurable born;

	(void) state;
	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT, true),
					 STATE_BORN);
	assert_int_equal(found.standing, RAFT_NEW);
	assert_int_equal(found.term, 0);
	assert_int_equal(found.vote, RAFT_VOTE_NONE);
	assert_int_equal(found.max_promise_ns, 0);
	assert_int_equal(found.generation, 1);
	assert_peer_generations(0, 0);
	born = found;

	/* Nothing is written before the core asks for it. */
	assert_int_equal(disk.calls, 0);
	assert_false(exists(STATE_PATH));
	assert_true(state_file_in_place(file));
	assert_true(state_file_write(file, &born));
	assert_string_equal(disk.trace,
						"pwrite state.new 8192@0, fsync state.new, "
						"fsync dir(state), fsync parent");

	assert_int_equal(lstat(STATE_PATH, &stat_buf), 0);
	assert_int_equal(stat_buf.st_size, STATE_FILE_SIZE);
	assert_int_equal(stat_buf.st_mode & 07777, 0600);
	assert_int_equal(lstat(DIRECTORY, &stat_buf), 0);
	assert_int_equal(stat_buf.st_mode & 07777, 0700);
	assert_string_equal(state_file_path(file), STATE_PATH);

	/* Declared new for a second time: the file counts. */
	crash();
	assert_int_equal(load_as(open_file(), NODE_ID, NODE_COUNT, FINGERPRINT,
							 true), STATE_VALID);
	assert_state(&found, &born);
}

static void
test_missing(void **state)
{
	StateFile  *file = open_file();

	(void) state;
	assert_int_equal(load(file), STATE_MISSING);
	assert_amnesiac(1, 0);
	assert_true(state_file_write(file, &found));

	/* Durably so, whatever the configuration says now. */
	crash();
	assert_int_equal(load_as(open_file(), NODE_ID, NODE_COUNT, FINGERPRINT,
							 true), STATE_VALID);
	assert_amnesiac(1, 0);
}

static void
test_changes_alternate(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable;
	uint8		image[STATE_FILE_SIZE];
	uint64		generation;

	(void) state;
	state_file_mirror(file);
	assert_true(state_file_in_place(file));
	assert_string_equal(disk.trace, "");

	for (generation = 11; generation < 15; generation++)
	{
		int			slot = generation % 2;
		char		expected[128];

		durable = make_state(generation, generation, 0);
		reset_disk();
		assert_true(state_file_write(file, &durable));
		snprintf(expected, sizeof(expected),
				 "pwrite state 1152@%d, fdatasync state",
				 slot * STATE_SLOT_SPACING);
		assert_string_equal(disk.trace, expected);

		/* The third has no mirror before the next change. */
		if (generation == 13)
			continue;
		reset_disk();
		state_file_mirror(file);
		snprintf(expected, sizeof(expected),
				 "pwrite state 1152@%d, fdatasync state",
				 (1 - slot) * STATE_SLOT_SPACING);
		assert_string_equal(disk.trace, expected);
		read_file(STATE_PATH, image);
		assert_memory_equal(image, image + STATE_SLOT_SPACING,
							STATE_SLOT_SPACING);

		/* Once is enough. */
		reset_disk();
		state_file_mirror(file);
		assert_true(state_file_in_place(file));
		assert_string_equal(disk.trace, "");
	}

	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);
}

/* A refused record is wiped out by the confirmed one. */
static void
test_mirror_after_failure(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(11, 8, 0);
	uint8		before[STATE_FILE_SIZE];
	uint8		after[STATE_FILE_SIZE];

	(void) state;
	read_file(STATE_PATH, before);
	plan_fault(FAULT_FAIL, 1, EIO, 0);
	assert_false(state_file_write(file, &durable));
	read_file(STATE_PATH, after);
	assert_memory_not_equal(before, after, sizeof(before));

	/* If that fails, it is not forgotten. */
	plan_fault(FAULT_FAIL, 0, EIO, 5);
	state_file_mirror(file);
	plan_fault(FAULT_FAIL, 1, EIO, 0);
	state_file_mirror(file);
	reset_disk();
	state_file_mirror(file);
	assert_string_equal(disk.trace, "pwrite state 1152@4096, fdatasync state");
	read_file(STATE_PATH, after);
	assert_memory_equal(before, after, sizeof(before));
}

/* A record that only the page cache has must not be vouched for. */
static void
test_unconfirmed_record_is_made_durable(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(11, 8, 0);

	(void) state;
	plan_fault(FAULT_FAIL, 1, EIO, 0);
	assert_false(state_file_write(file, &durable));
	assert_int_equal(errno, EIO);

	reset_disk();
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);
	assert_string_equal(disk.trace,
						"pwrite state 1152@4096, fsync state, "
						"fsync dir(state), fsync parent, "
						"pwrite state 1152@0, fdatasync state");
	lose_power();
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);

	/* If that cannot be done, nothing is vouched for. */
	crash();
	plan_fault(FAULT_FAIL, 1, EIO, 0);
	ASSERT_ERROR(load(open_file()),
				 "could not make state file \"node/state\" durable: Input/output error");
	crash();
	plan_fault(FAULT_FAIL, 2, EIO, 0);
	ASSERT_ERROR(load(open_file()), "could not make state file");
}

/* ----- every way to fail at every call ----- */

/* What a restart may find: what was confirmed, and what was refused since. */
typedef struct History
{
	RaftDurable confirmed;		/* generation 0: none yet */
	RaftDurable refused[4];
	int			refused_count;
	bool		give_up;		/* end the history at the first failure */
} History;

static History history;

static void
assert_found_in_history(void)
{
	const RaftDurable *expected = &history.confirmed;
	int			i;

	for (i = 0; i < history.refused_count; i++)
	{
		if (found.generation == history.refused[i].generation &&
			found.vote == history.refused[i].vote)
			expected = &history.refused[i];
	}
	assert_state(&found, expected);
}

/* Load, once more if it fails, and take what is found for confirmed. */
static StateFile *
restart(void)
{
	StateFile  *volatile file;

	crash();
	if (setjmp(error.point) == 0)
	{
		error.expected = true;
		file = open_file();
		assert_int_equal(load(file), STATE_VALID);
		error.expected = false;
	}
	else
	{
		if (history.give_up)
			return NULL;
		crash();
		file = open_file();
		assert_int_equal(load(file), STATE_VALID);
	}
	assert_found_in_history();
	history.confirmed = found;
	history.refused_count = 0;
	return file;
}

/* Seven changes, some mirrored, with a restart; false: given up. */
static bool
run_history(void)
{
	StateFile  *file = open_file();
	uint64		generation;
	int			attempt;

	memset(&history.confirmed, 0, sizeof(history.confirmed));
	history.refused_count = 0;
	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT, true),
					 STATE_BORN);
	for (generation = 1; generation <= 7; generation++)
	{
		for (attempt = 0;; attempt++)
		{
			RaftDurable durable = make_state(generation, generation * 10,
											 attempt);

			/* Until it is confirmed, it may be found or not. */
			history.refused[history.refused_count++] = durable;
			if (state_file_write(file, &durable))
			{
				history.confirmed = durable;
				history.refused_count = 0;
				break;
			}
			assert_int_equal(attempt, 0);
			if (history.give_up)
				return false;
		}
		if (generation != 3 && generation != 6)
			state_file_mirror(file);
		if (generation == 3 || generation == 5)
			file = restart();
		if (file == NULL)
			return false;
	}
	return true;
}

/* Did it come to its end? */
static bool
run_history_or_crash(void)
{
	return setjmp(disk.crash_point) == 0 && run_history();
}

/*
 * Run the history with one fault, wherever it can be, and then take the power
 * away: what is found is the last confirmed state or one that was refused
 * since, and once found it stays.
 */
static void
run_faulty_histories(FaultKind fault, bool give_up)
{
	static const size_t torn_at[] = {0, 1, 64, 600, 1151, STATE_RECORD_SIZE};

	/* No slot reaches the disk, or one, or both; and parts of a record. */
	static const unsigned int lucky[] = {
		0x0000, 0x00ff, 0xff00, 0xffff, 0x0101, 0x0404, 0x0205, 0x0502
	};
	size_t		chance;
	size_t		torn;
	int			call;
	int			ran;

	history.give_up = give_up;
	for (torn = 0; torn < lengthof(torn_at); torn++)
	{
		for (chance = 0; chance < lengthof(lucky); chance++)
		{
			for (call = 0, ran = INT_MAX; call < ran; call++)
			{
				StateVerdict verdict;
				RaftDurable first;

				begin_test(NULL);
				disk.lucky_sectors = lucky[chance];
				plan_fault(fault, call, ENOSPC, torn_at[torn]);
				if (run_history_or_crash())
					ran = disk.calls;

				lose_power();
				crash();
				verdict = load_as(open_file(), NODE_ID, NODE_COUNT,
								  FINGERPRINT, true);
				if (verdict == STATE_BORN)
				{
					assert_int_equal(history.confirmed.generation, 0);
					continue;
				}
				assert_int_equal(verdict, STATE_VALID);
				assert_found_in_history();

				first = found;
				disk.lucky_sectors = 0;
				lose_power();
				assert_int_equal(load_afresh(), STATE_VALID);
				assert_state(&found, &first);
			}

			/* The faultless run came last, and had its every call. */
			assert_true(ran > 7 * 2);
		}
	}
}

static void
test_crash_anywhere(void **state)
{
	(void) state;
	run_faulty_histories(FAULT_CRASH, true);
}

static void
test_failure_then_crash_anywhere(void **state)
{
	(void) state;
	run_faulty_histories(FAULT_FAIL, true);
}

static void
test_failure_then_success_anywhere(void **state)
{
	(void) state;
	run_faulty_histories(FAULT_FAIL, false);
}

static void
test_short_and_interrupted_writes(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(11, 8, 0);

	(void) state;
	plan_fault(FAULT_SHORT, 0, 0, 100);
	assert_true(state_file_write(file, &durable));
	assert_string_equal(disk.trace, "pwrite state 1152@4096, "
						"pwrite state 1052@4196, fdatasync state");

	durable.generation++;
	plan_fault(FAULT_SHORT, 0, 0, 0);
	assert_false(state_file_write(file, &durable));
	assert_int_equal(errno, ENOSPC);

	plan_fault(FAULT_INTERRUPT, 0, 0, 0);
	assert_true(state_file_write(file, &durable));
	durable.generation++;
	plan_fault(FAULT_INTERRUPT, 1, 0, 0);
	assert_true(state_file_write(file, &durable));
	assert_string_equal(disk.trace, "pwrite state 1152@4096, "
						"fdatasync state, fdatasync state");

	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);
}

/* The kernel's own refusal: the second slot's writes end after 64 bytes. */
static void
test_no_room(void **state)
{
	StateFile  *file = make_member();
	struct rlimit unlimited;
	struct rlimit limited;
	RaftDurable durable;
	uint8		before[STATE_FILE_SIZE];
	uint8		after[STATE_FILE_SIZE];
	uint64		generation;

	(void) state;
	read_file(STATE_PATH, before);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	limited = unlimited;
	limited.rlim_cur = STATE_SLOT_SPACING + 64;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);

	for (generation = 11; generation < 14; generation++)
	{
		durable = make_state(generation, 8, 0);
		assert_false(state_file_write(file, &durable));
		assert_int_equal(errno, EFBIG);
		read_file(STATE_PATH, after);
		assert_memory_equal(before, after, STATE_SLOT_SPACING);
		assert_memory_not_equal(before, after, STATE_FILE_SIZE);
	}
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_int_equal(found.generation, 10);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	crash();
	file = open_file();
	assert_int_equal(load(file), STATE_VALID);
	assert_true(state_file_write(file, &durable));
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);
}

/* ----- who may write, and where ----- */

static void
test_lock(void **state)
{
	StateFile  *file = make_member();
	void	   *of_first = allocated;
	uint8		garbage[STATE_RECORD_SIZE] = {1};

	(void) state;
	assert_int_equal(reserved_fds, 2);
	allocated = NULL;
	errno = 0;
	assert_null(state_file_open(DIRECTORY));
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(reserved_fds, 2);
	assert_int_equal(walk_descriptors(false), 2);
	assert_null(allocated);

	/* It outlives the file. */
	patch_file(garbage, sizeof(garbage), 0);
	patch_file(garbage, sizeof(garbage), STATE_SLOT_SPACING);
	assert_int_equal(load(file), STATE_DAMAGED);
	assert_true(state_file_write(file, &found));
	assert_int_equal(walk_descriptors(false), 2);
	assert_null(state_file_open(DIRECTORY));

	allocated = of_first;
	crash();
	assert_non_null(state_file_open(DIRECTORY));
}

static void
test_unusable_directories(void **state)
{
	char		path[MAXPGPATH + 1];
	int			standard_input = open("/dev/null", O_RDONLY);

	(void) state;
	assert_true(dup2(standard_input, STDIN_FILENO) >= 0);
	ASSERT_ERROR(state_file_open("no/such"),
				 "could not create state directory \"no/such\": No such file");
	assert_string_equal(error.hint, "The directory above it must exist.");
	write_file("plain", (const uint8 *) "", 0);
	ASSERT_ERROR(state_file_open("plain"),
				 "could not open state directory \"plain\": Not a directory");
	ASSERT_ERROR(state_file_open("plain/node"),
				 "could not create state directory \"plain/node\": Not a directory");
	assert_string_equal(error.hint, "");
	memset(path, 'x', MAXPGPATH);
	path[MAXPGPATH] = '\0';
	ASSERT_ERROR(state_file_open(path), "is too long");
	assert_string_equal(error.detail,
						"It has 1024 bytes, and the limit is 1013.");

	/* Nothing is kept of a failure. */
	assert_null(allocated);
	assert_int_equal(reserved_fds, 0);
	assert_int_equal(walk_descriptors(false), 0);

	/* Nor is anything given back that was not taken. */
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	assert_int_equal(close(standard_input), 0);
}

/* Like a data directory, it must be the server's own; the group may read. */
static void
test_directory_of_others(void **state)
{
	static const mode_t refused[] = {0701, 0702, 0704, 0720, 0755, 0770, 0777};
	static const mode_t allowed[] = {0700, 0710, 0740, 0750};

	(void) state;
	assert_int_equal(mkdir(DIRECTORY, 0700), 0);
	for (size_t i = 0; i < lengthof(refused); i++)
	{
		assert_int_equal(chmod(DIRECTORY, refused[i]), 0);
		ASSERT_ERROR(state_file_open(DIRECTORY),
					 "state directory \"node\" has invalid ownership or permissions");
		assert_non_null(strstr(error.detail, "u=rwx,g=rx (0750)"));
	}
	for (size_t i = 0; i < lengthof(allowed); i++)
	{
		assert_int_equal(chmod(DIRECTORY, allowed[i]), 0);
		assert_non_null(state_file_open(DIRECTORY));
		crash();
	}

	disk.other_user = true;
	ASSERT_ERROR(state_file_open(DIRECTORY),
				 "state directory \"node\" has invalid ownership or permissions");

	/* Nothing is kept of a failure. */
	assert_null(allocated);
	assert_int_equal(reserved_fds, 0);
	assert_int_equal(walk_descriptors(false), 0);
}

static void
assert_stale(StateFile *file)
{
	RaftDurable durable = make_state(99, 99, 0);

	reset_disk();
	assert_false(state_file_in_place(file));
	errno = 0;
	assert_false(state_file_write(file, &durable));
	assert_int_equal(errno, ESTALE);
	assert_string_equal(disk.trace, "");
}

static void
test_file_taken_away(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(11, 8, 0);
	uint8		image[STATE_FILE_SIZE];

	(void) state;
	read_file(STATE_PATH, image);

	/* Moved away and back it is the same file. */
	assert_int_equal(rename(STATE_PATH, "elsewhere"), 0);
	assert_stale(file);
	assert_int_equal(rename("elsewhere", STATE_PATH), 0);
	assert_true(state_file_in_place(file));
	assert_true(state_file_write(file, &durable));

	/* Replaced by a copy, the old one kept or not. */
	assert_int_equal(link(STATE_PATH, "elsewhere"), 0);
	replace_by_copy();
	assert_stale(file);
	assert_int_equal(unlink("elsewhere"), 0);
	assert_stale(file);

	/* Deleted. */
	assert_int_equal(unlink(STATE_PATH), 0);
	assert_stale(file);
	assert_int_equal(load(file), STATE_MISSING);

	/* Put there by somebody between load and first write. */
	write_file(STATE_PATH, image, sizeof(image));
	assert_stale(file);
	assert_int_equal(load(file), STATE_COPIED);
	assert_int_equal(unlink(STATE_PATH), 0);
	assert_stale(file);
}

static void
test_directory_taken_away(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(11, 8, 0);

	(void) state;
	assert_int_equal(rename(DIRECTORY, "moved"), 0);
	assert_stale(file);
	assert_int_equal(mkdir(DIRECTORY, 0700), 0);
	assert_int_equal(link("moved/state", STATE_PATH), 0);
	assert_stale(file);
	remove_tree(DIRECTORY);

	assert_int_equal(rename("moved", DIRECTORY), 0);
	assert_true(state_file_write(file, &durable));
	assert_int_equal(load_afresh(), STATE_VALID);
	assert_state(&found, &durable);
}

static void
test_records_that_cannot_be(void **state)
{
	StateFile  *file = make_member();
	RaftDurable durable = make_state(10, 8, 0);

	(void) state;
	ASSERT_ERROR(state_file_write(file, &durable), "does not follow");
	durable = make_state(11, 8, NODE_COUNT);
	ASSERT_ERROR(state_file_write(file, &durable), "out of range");
	durable = make_state(11, 8, 0);
	durable.peer_generation[NODE_ID] = 1;
	ASSERT_ERROR(state_file_write(file, &durable), "out of range");
	durable = make_state(11, 8, 0);
	durable.peer_generation[NODE_COUNT] = 1;
	ASSERT_ERROR(state_file_write(file, &durable), "out of range");
	assert_string_equal(disk.trace, "");
}

#define STATE_TEST(function) cmocka_unit_test_setup(function, begin_test)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STATE_TEST(test_birth),
		STATE_TEST(test_missing),
		STATE_TEST(test_changes_alternate),
		STATE_TEST(test_mirror_after_failure),
		STATE_TEST(test_unconfirmed_record_is_made_durable),
		STATE_TEST(test_crash_anywhere),
		STATE_TEST(test_failure_then_crash_anywhere),
		STATE_TEST(test_failure_then_success_anywhere),
		STATE_TEST(test_short_and_interrupted_writes),
		STATE_TEST(test_no_room),
		STATE_TEST(test_lock),
		STATE_TEST(test_unusable_directories),
		STATE_TEST(test_directory_of_others),
		STATE_TEST(test_file_taken_away),
		STATE_TEST(test_directory_taken_away),
		STATE_TEST(test_records_that_cannot_be)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin_group, end_group);
}
