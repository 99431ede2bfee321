/*-------------------------------------------------------------------------
 *
 * state_file_fixture.h
 *		What test_state_file.c runs state_file.c on: stand-ins for the few
 *		functions of the server that it calls, and a disk whose writes and
 *		syncs can be made to fail, to tear, and to be lost with the power.
 *
 * The system calls pwrite(), fsync(), fdatasync(), statx() and geteuid() are
 * replaced for the whole program.  The files are real, but stand for the page
 * cache; what has reached the disk is kept beside, for each file and sector.
 * What was not synced may reach it or not, sector by sector.  As on Linux, a
 * sync that fails leaves the page cache as it is and never tries these writes
 * again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef STATE_FILE_FIXTURE_H
#define STATE_FILE_FIXTURE_H

#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "state_file.h"
#include "state_record.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define DIRECTORY		"node"	/* the state directory, in the test's own */
#define STATE_PATH		DIRECTORY "/state"
#define NEW_PATH		DIRECTORY "/state.new"

#define MAX_DISK_FILES	64

/* What a disk writes whole or not at all. */
#define SECTOR_SIZE		512
#define SECTOR_COUNT	(STATE_FILE_SIZE / SECTOR_SIZE)

/* One file's contents as they would be found after a power failure. */
typedef struct DiskFile
{
	ino_t		inode;
	uint8		bytes[STATE_FILE_SIZE];
	bool		dirty[SECTOR_COUNT];	/* written to since last synced */
} DiskFile;

/* What is to happen at one of the calls that do I/O. */
typedef enum FaultKind
{
	FAULT_NONE = 0,
	FAULT_FAIL,					/* fails; a write has done "torn_at" bytes */
	FAULT_SHORT,				/* does torn_at bytes and returns so */
	FAULT_INTERRUPT,			/* EINTR, with nothing done */
	FAULT_CRASH					/* the process ends after torn_at bytes */
} FaultKind;

typedef struct Disk
{
	DiskFile	files[MAX_DISK_FILES];
	int			file_count;

	FaultKind	fault;
	int			fault_call;		/* which call, counted from 0 */
	int			fault_errno;
	size_t		torn_at;
	int			calls;			/* so far */
	unsigned int lucky_sectors; /* bits: reach the disk without a sync */
	jmp_buf		crash_point;

	bool		other_user;		/* whose process it is: not the files' */
	bool		hide_birth_time;
	int			hidden_count;	/* how often it was */
	char		trace[8192];	/* the calls, in words */
} Disk;

static Disk disk;

/* The last ereport(), which jumps to "point" if it was expected. */
typedef struct ErrorReport
{
	jmp_buf		point;
	bool		expected;
	char		message[512];
	char		detail[512];
	char		hint[512];
} ErrorReport;

static ErrorReport error;

static void *allocated;			/* the one chunk in use, or NULL */
static int	reserved_fds;
static uint32 wait_event;
static char scratch[MAXPGPATH]; /* absolute path of the test's directory */

/* ----- the server ----- */

MemoryContext TopMemoryContext = NULL;
uint32	   *my_wait_event_info = &wait_event;

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	assert_true(context == TopMemoryContext);
	assert_null(allocated);
	allocated = calloc(1, size);
	assert_non_null(allocated);
	return allocated;
}

void
pfree(void *pointer)
{
	assert_ptr_equal(pointer, allocated);
	free(allocated);
	allocated = NULL;
}

void
ReserveExternalFD(void)
{
	reserved_fds++;
}

void
ReleaseExternalFD(void)
{
	reserved_fds--;
	assert_true(reserved_fds >= 0);
}

bool
errstart(int elevel, const char *domain)
{
	(void) domain;
	assert_int_equal(elevel, ERROR);
	error.message[0] = error.detail[0] = error.hint[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	(void) sqlerrcode;
	return 0;
}

int
errcode_for_file_access(void)
{
	return 0;
}

#define DEFINE_REPORT(function, target) \
int \
function(const char *fmt, ...) \
{ \
	va_list		args; \
	va_start(args, fmt); \
	vsnprintf(target, sizeof(target), fmt, args); \
	va_end(args); \
	return 0; \
} \
extern int	function(const char *fmt, ...)

DEFINE_REPORT(errmsg, error.message);
DEFINE_REPORT(errmsg_internal, error.message);
DEFINE_REPORT(errdetail, error.detail);
DEFINE_REPORT(errhint, error.hint);

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (!error.expected)
		fail_msg("%s:%d: %s: %s", filename, lineno, funcname, error.message);
	error.expected = false;
	longjmp(error.point, 1);
}

/* Does the statement end in an error whose message contains this? */
#define ASSERT_ERROR(statement, text) \
	do { \
		if (setjmp(error.point) == 0) \
		{ \
			error.expected = true; \
			statement; \
			fail_msg("no error: %s", text); \
		} \
		if (strstr(error.message, text) == NULL) \
			fail_msg("\"%s\" is not in \"%s\"", text, error.message); \
	} while (0)

/* ----- the disk ----- */

/* The file's, or NULL if it has not been written to. */
static DiskFile *
find_disk_file(ino_t inode)
{
	int			i;

	for (i = 0; i < disk.file_count; i++)
	{
		if (disk.files[i].inode == inode)
			return &disk.files[i];
	}
	return NULL;
}

/* What was written before the program began to watch is on the disk. */
static DiskFile *
open_disk_file(int fd)
{
	struct stat found;
	DiskFile   *file;

	assert_int_equal(fstat(fd, &found), 0);
	file = find_disk_file(found.st_ino);
	if (file == NULL)
	{
		assert_true(disk.file_count < MAX_DISK_FILES);
		file = &disk.files[disk.file_count++];
	}
	else if (found.st_size > 0)
		return file;

	/* An empty file with a known number is another file. */
	memset(file, 0, sizeof(*file));
	file->inode = found.st_ino;
	assert_true(pread(fd, file->bytes, sizeof(file->bytes), 0) >= 0);
	return file;
}

static bool
exists(const char *path)
{
	struct stat found;

	return lstat(path, &found) == 0;
}

/*
 * Add a call to the trace.  Directories: "dir" with the file's name if that
 * is in place, for this is what syncing a directory makes durable.
 */
static void
trace_call(const char *call, int fd, const char *extent)
{
	char		link[64];
	char		target[MAXPGPATH];
	const char *name;
	ssize_t		length;
	size_t		used = strlen(disk.trace);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, target, sizeof(target) - 1);
	assert_true(length > 0);
	target[length] = '\0';
	name = strrchr(target, '/') + 1;
	if (strcmp(target, scratch) == 0)
		name = "parent";
	else if (strcmp(name, DIRECTORY) == 0)
		name = exists(STATE_PATH) && !exists(NEW_PATH) ? "dir(state)" : "dir";

	snprintf(disk.trace + used, sizeof(disk.trace) - used, "%s%s %s%s",
			 used > 0 ? ", " : "", call, name, extent);
	assert_true(strlen(disk.trace) < sizeof(disk.trace) - 1);

	/* Whoever looks at a slow node must see that it waits. */
	assert_int_equal(wait_event, PG_WAIT_EXTENSION);
}

static FaultKind
next_fault(void)
{
	return disk.calls++ == disk.fault_call ? disk.fault : FAULT_NONE;
}

static void
write_through(int fd, const void *bytes, size_t length, off_t offset)
{
	struct iovec part;

	part.iov_base = unconstify(void *, bytes);
	part.iov_len = length;
	assert_int_equal(pwritev(fd, &part, 1, offset), length);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	FaultKind	fault = next_fault();
	DiskFile   *file = open_disk_file(fd);
	struct iovec part;
	ssize_t		written;
	char		extent[64];
	int			sector;

	snprintf(extent, sizeof(extent), " %zu@%lld", length, (long long) offset);
	trace_call("pwrite", fd, extent);
	if (fault == FAULT_INTERRUPT)
	{
		errno = EINTR;
		return -1;
	}

	part.iov_base = unconstify(void *, bytes);
	part.iov_len = fault == FAULT_NONE ? length : Min(disk.torn_at, length);
	for (sector = 0; sector < SECTOR_COUNT; sector++)
	{
		off_t		start = sector * SECTOR_SIZE;

		if (offset < start + SECTOR_SIZE &&
			offset + (off_t) part.iov_len > start)
			file->dirty[sector] = true;
	}
	written = pwritev(fd, &part, 1, offset);

	if (fault == FAULT_CRASH)
		longjmp(disk.crash_point, 1);
	if (fault == FAULT_FAIL)
	{
		errno = disk.fault_errno;
		return -1;
	}
	return written;
}

/* What is dirty reaches the disk; which sectors, if only some do. */
static void
flush(int fd, DiskFile *file, unsigned int sectors)
{
	int			sector;

	for (sector = 0; sector < SECTOR_COUNT; sector++)
	{
		off_t		start = sector * SECTOR_SIZE;

		if (file->dirty[sector] && (sectors & (1u << sector)) != 0)
			assert_true(pread(fd, file->bytes + start, SECTOR_SIZE,
							  start) >= 0);
		file->dirty[sector] = false;
	}
}

static int
sync_file(int fd, const char *call)
{
	FaultKind	fault = next_fault();
	struct stat found;

	trace_call(call, fd, "");
	if (fault == FAULT_CRASH)
		longjmp(disk.crash_point, 1);
	if (fault == FAULT_INTERRUPT)
	{
		errno = EINTR;
		return -1;
	}

	assert_int_equal(fstat(fd, &found), 0);
	if (S_ISREG(found.st_mode))
		flush(fd, open_disk_file(fd),
			  fault == FAULT_FAIL ? disk.lucky_sectors : ~0u);
	if (fault == FAULT_FAIL)
	{
		errno = disk.fault_errno;
		return -1;
	}
	return 0;
}

int
fsync(int fd)
{
	return sync_file(fd, "fsync");
}

int
fdatasync(int fd)
{
	return sync_file(fd, "fdatasync");
}

int
statx(int dirfd, const char *path, int flags, unsigned int mask,
	  struct statx *found)
{
	int			result = (int) syscall(SYS_statx, dirfd, path, flags, mask,
									   found);

	/* What is not in the mask means nothing. */
	if (disk.hide_birth_time)
	{
		found->stx_mask &= ~(unsigned int) STATX_BTIME;
		found->stx_btime.tv_sec = 1 + disk.hidden_count++;
	}
	return result;
}

uid_t
geteuid(void)
{
	return (uid_t) syscall(SYS_geteuid) + (disk.other_user ? 1 : 0);
}

/* Nothing goes wrong any more, and the trace begins anew. */
static void
reset_disk(void)
{
	disk.fault = FAULT_NONE;
	disk.calls = 0;
	disk.trace[0] = '\0';
}

static pg_attribute_unused()
void
plan_fault(FaultKind fault, int call, int fault_errno, size_t torn_at)
{
	reset_disk();
	disk.fault = fault;
	disk.fault_call = call;
	disk.fault_errno = fault_errno;
	disk.torn_at = torn_at;
}

/* How many of our files are open?  With "shut", close them. */
static int
walk_descriptors(bool shut)
{
	DIR		   *descriptors = opendir("/proc/self/fd");
	struct dirent *entry;
	int			count = 0;

	assert_non_null(descriptors);
	while ((entry = readdir(descriptors)) != NULL)
	{
		char		target[MAXPGPATH] = "";

		if (readlinkat(dirfd(descriptors), entry->d_name, target,
					   sizeof(target) - 1) > 0 &&
			strncmp(target, scratch, strlen(scratch)) == 0)
		{
			count++;
			if (shut)
				assert_int_equal(close(atoi(entry->d_name)), 0);
		}
	}
	closedir(descriptors);
	return count;
}

/* The process ends: its memory and its descriptors, with the lock, go. */
static void
crash(void)
{
	(void) walk_descriptors(true);
	free(allocated);
	allocated = NULL;
	reserved_fds = 0;
	wait_event = 0;
}

/* The machine loses its power. */
static pg_attribute_unused()
void
lose_power(void)
{
	int			fd;
	struct stat found;
	DiskFile   *file;

	crash();
	reset_disk();
	fd = open(STATE_PATH, O_RDWR);
	if (fd < 0)
		return;
	assert_int_equal(fstat(fd, &found), 0);
	file = find_disk_file(found.st_ino);
	if (file != NULL)
	{
		flush(fd, file, disk.lucky_sectors);
		write_through(fd, file->bytes, sizeof(file->bytes), 0);
	}
	close(fd);
}

/* ----- files, as an operator handles them ----- */

static void
read_file(const char *path, uint8 *bytes)
{
	int			fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, STATE_FILE_SIZE), STATE_FILE_SIZE);
	close(fd);
}

static void
write_file(const char *path, const uint8 *bytes, size_t length)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	write_through(fd, bytes, length, 0);
	close(fd);
}

/* Put a copy in the file's place, as cp and mv do. */
static void
replace_by_copy(void)
{
	uint8		image[STATE_FILE_SIZE];

	read_file(STATE_PATH, image);
	write_file("copy", image, sizeof(image));
	assert_int_equal(rename("copy", STATE_PATH), 0);
}

/* Overwrite a part of the state file without the disk model's knowledge. */
static void
patch_file(const uint8 *bytes, size_t length, off_t offset)
{
	int			fd = open(STATE_PATH, O_WRONLY);

	assert_true(fd >= 0);
	write_through(fd, bytes, length, offset);
	close(fd);
}

static int
remove_entry(const char *path, const struct stat *found, int type,
			 struct FTW *walk)
{
	(void) found;
	(void) type;
	(void) walk;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	if (exists(path))
		assert_int_equal(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Each test begins in an empty directory. */
static int
begin_test(void **state)
{
	(void) state;
	crash();
	memset(&disk, 0, sizeof(disk));
	remove_tree(scratch);
	return mkdir(scratch, 0700) == 0 ? chdir(scratch) : -1;
}

static int
begin_group(void **state)
{
	const char *parent = getenv("TMPDIR");
	char		path[MAXPGPATH];

	(void) state;
	snprintf(path, sizeof(path), "%s/pg_leader_state_XXXXXX",
			 parent != NULL ? parent : "/tmp");
	if (mkdtemp(path) == NULL || realpath(path, scratch) == NULL ||
		chdir(scratch) != 0)
		return -1;

	/* As the postmaster does. */
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

static int
end_group(void **state)
{
	(void) state;
	crash();
	if (chdir("/") != 0)
		return -1;
	remove_tree(scratch);
	return 0;
}

/* ----- the node ----- */

/* The node of most tests: 1 of 125. */
#define NODE_ID			1
#define NODE_COUNT		125

/* Two others; what is kept of these is in the record's further sectors. */
#define MIDDLE_NODE		60
#define LAST_NODE		124
#define FINGERPRINT		UINT64CONST(0xfeedface12345678)

/* What load() found. */
static RaftDurable found;
static char note[512];

static StateFile *
open_file(void)
{
	StateFile  *file = state_file_open(DIRECTORY);

	assert_non_null(file);
	return file;
}

static StateVerdict
load_as(StateFile *file, int node_id, int node_count, uint64 fingerprint,
		bool declared_new)
{
	StateVerdict verdict = state_file_load(file, node_id, node_count,
										   fingerprint, declared_new, &found,
										   note, sizeof(note));

	/* One sentence, unless there is nothing to tell. */
	assert_int_equal(note[0] == '\0', verdict == STATE_VALID);
	assert_true(verdict == STATE_VALID || note[strlen(note) - 1] == '.');
	return verdict;
}

static StateVerdict
load(StateFile *file)
{
	return load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT, false);
}

/* A fresh process opens and loads; the caller ends it with crash(). */
static StateVerdict
load_afresh(void)
{
	crash();
	return load(open_file());
}

/* Two others are seen to go on as this node does. */
static RaftDurable
make_state(uint64 generation, uint64 term, int32 vote)
{
	RaftDurable durable;

	memset(&durable, 0, sizeof(durable));
	durable.term = term;
	durable.vote = vote;
	durable.max_promise_ns = 850000000;
	durable.generation = generation;
	durable.standing = RAFT_MEMBER;
	durable.peer_generation[MIDDLE_NODE] = generation + 100;
	durable.peer_generation[LAST_NODE] = generation + 200;
	return durable;
}

static void
assert_state(const RaftDurable *one, const RaftDurable *two)
{
	assert_int_equal(one->generation, two->generation);
	assert_int_equal(one->term, two->term);
	assert_int_equal(one->vote, two->vote);
	assert_int_equal(one->max_promise_ns, two->max_promise_ns);
	assert_int_equal(one->standing, two->standing);
	assert_memory_equal(one->peer_generation, two->peer_generation,
						sizeof(one->peer_generation));
}

/* What is known of the others' records: these two, and no more. */
static void
assert_peer_generations(uint64 of_middle_node, uint64 of_last_node)
{
	int			id;

	for (id = 0; id < RAFT_MAX_NODES; id++)
		assert_int_equal(found.peer_generation[id],
						 id == MIDDLE_NODE ? of_middle_node :
						 id == LAST_NODE ? of_last_node : 0);
}

static void
assert_amnesiac(uint64 generation, uint64 term)
{
	assert_int_equal(found.standing, RAFT_AMNESIAC);
	assert_int_equal(found.vote, RAFT_VOTE_SPOILED);
	assert_int_equal(found.max_promise_ns, RAFT_MAX_PROMISE_NS);
	assert_int_equal(found.generation, generation);
	assert_int_equal(found.term, term);
}

/*
 * A file of node 1: generation 10, term 7, voted for node 2; has seen
 * generations 110 and 210 of two others.
 */
static StateFile *
make_member(void)
{
	StateFile  *file = open_file();
	RaftDurable durable = make_state(10, 7, 2);

	assert_int_equal(load_as(file, NODE_ID, NODE_COUNT, FINGERPRINT, true),
					 STATE_BORN);
	assert_true(state_file_write(file, &durable));
	reset_disk();
	return file;
}

#endif							/* STATE_FILE_FIXTURE_H */
