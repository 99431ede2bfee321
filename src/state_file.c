/*-------------------------------------------------------------------------
 *
 * state_file.c
 *		Keeps the node's durable state on disk: opens, locks, reads, writes.
 *
 * Runs in the ticker only.  Takes no lock of shared memory, and must not be
 * called under one: every write waits for the disk.  Plain system calls, for
 * the server's own routines obey fsync and data_sync_retry, which have no say
 * here: a vote that was given must be remembered.
 *
 * What stays true:
 *
 *	1. A confirmed record is in a slot that is not written to until a later
 *	   one is confirmed in the other slot, except with the same bytes: a record
 *	   spans sectors, and whatever a crash leaves of a write is no danger.
 *	2. What a caller is told to be on disk is on disk.  That goes for a record
 *	   that was read, too: it may be known to the page cache alone, left there
 *	   by a former ticker whose fdatasync() failed or was never reached.
 *	   state_file_load() therefore writes it again before it vouches for it.
 *	3. Both slots of a file name the same node, cluster and file.  Whatever
 *	   changes one of these makes a new file, which takes the old one's place
 *	   in one rename().
 *
 * A copy of the file must not vote: it would bring a vote into the cluster a
 * second time.  The record therefore holds the inode number and the birth
 * time of the file it was written to, which no copy shares; moving the file
 * or its directory within a file system keeps both.  The device number is not
 * among them, as it may change when the machine restarts.  Where the file
 * system knows no birth time, 0 is recorded and the inode number alone
 * counts; then a copy that happens to get the number of the deleted original
 * is not found out here, but by the generation that the peers remember, like
 * every file that is set back to its past in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* statx() */
#endif

#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "state_file.h"
#include "state_record.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/* Names within the state directory. */
#define STATE_TEMPORARY_NAME	"state.new"

struct StateFile
{
	char		directory[MAXPGPATH];
	char		path[MAXPGPATH];	/* of the state file, for messages */

	/*
	 * The directory, with the lock.  The lock is on the directory and not on
	 * the file, because the file is replaced by another at times, and a lock
	 * on the old one would not keep anybody from the new one.
	 */
	int			directory_fd;

	int			fd;				/* the file; -1: there was none */
	bool		replace;		/* the next record goes to a new file: there
								 * is none, or it is not to be relied on */

	/* Set by state_file_load(); go into every record. */
	int32		node_id;
	int32		node_count;
	uint64		fingerprint;

	/* The rest is of use only while "replace" is false. */
	uint64		inode;
	uint64		birth_ns;		/* 0: not known */
	int			newest_slot;	/* holds the newest confirmed record */
	uint64		newest_generation;
	uint8		newest[STATE_RECORD_SIZE];	/* its bytes */
	bool		mirror_pending; /* the other slot holds something else */
};

static void
close_fd(int *fd)
{
	int			save_errno = errno;

	if (*fd >= 0)
		(void) close(*fd);
	*fd = -1;
	errno = save_errno;
}

/* Give back what state_file_open() took; keeps errno. */
static void
discard(StateFile *file)
{
	int			save_errno = errno;

	close_fd(&file->fd);
	close_fd(&file->directory_fd);
	ReleaseExternalFD();
	ReleaseExternalFD();
	pfree(file);
	errno = save_errno;
}

/*
 * Is it this server's own, and closed to others?  Whoever may write to it
 * could take a vote back.  The rule is that for data directories: the group
 * may read.
 */
static bool
is_private(const struct stat *directory)
{
	return directory->st_uid == geteuid() &&
		(directory->st_mode & PG_MODE_MASK_GROUP) == 0;
}

StateFile *
state_file_open(const char *directory)
{
	const size_t longest = MAXPGPATH - sizeof("/" STATE_TEMPORARY_NAME);
	StateFile  *file;
	struct stat found;
	int			result;

	if (strlen(directory) > longest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of the state directory is too long"),
				 errdetail("It has %zu bytes, and the limit is %zu.",
						   strlen(directory), longest)));

	file = MemoryContextAllocZero(TopMemoryContext, sizeof(*file));
	strlcpy(file->directory, directory, sizeof(file->directory));
	snprintf(file->path, sizeof(file->path), "%s/%s", directory, STATE_FILE_NAME);
	file->directory_fd = -1;
	file->fd = -1;
	file->replace = true;

	/* Two descriptors stay open for the process's life. */
	ReserveExternalFD();
	ReserveExternalFD();

	if (mkdir(directory, pg_dir_create_mode) != 0 && errno != EEXIST)
	{
		bool		no_parent = (errno == ENOENT);

		discard(file);
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create state directory \"%s\": %m",
						directory),
				 no_parent ? errhint("The directory above it must exist.") : 0));
	}

	file->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->directory_fd < 0)
	{
		discard(file);
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open state directory \"%s\": %m",
						directory)));
	}

	if (fstat(file->directory_fd, &found) != 0)
	{
		discard(file);
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat state directory \"%s\": %m",
						directory)));
	}
	if (!is_private(&found))
	{
		discard(file);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("state directory \"%s\" has invalid ownership or permissions",
						directory),
				 errdetail("It must belong to the user that runs the server, and its permissions should be u=rwx (0700) or u=rwx,g=rx (0750).")));
	}

	do
	{
		result = flock(file->directory_fd, LOCK_EX | LOCK_NB);
	} while (result != 0 && errno == EINTR);
	if (result != 0)
	{
		discard(file);
		if (errno == EWOULDBLOCK)
			return NULL;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not lock state directory \"%s\": %m",
						directory)));
	}
	return file;
}

/* Write all of it, or return false with errno. */
static bool
write_bytes(int fd, const uint8 *bytes, size_t length, off_t offset)
{
	while (length > 0)
	{
		ssize_t		written;

		pgstat_report_wait_start(PG_WAIT_EXTENSION);
		written = pwrite(fd, bytes, length, offset);
		pgstat_report_wait_end();
		if (written < 0 && errno == EINTR)
			continue;
		if (written == 0)
			errno = ENOSPC;		/* nothing else stops a write short */
		if (written <= 0)
			return false;
		bytes += written;
		length -= (size_t) written;
		offset += written;
	}
	return true;
}

/* fdatasync() or fsync(), whatever the server's settings say. */
static bool
sync_fd(int fd, int (*sync_function) (int fd))
{
	int			result;

	do
	{
		pgstat_report_wait_start(PG_WAIT_EXTENSION);
		result = sync_function(fd);
		pgstat_report_wait_end();
	} while (result != 0 && errno == EINTR);
	return result == 0;
}

/*
 * Make names durable: the file's in the directory, and the directory's in the
 * one above, for it may be new as well.
 */
static bool
sync_directories(StateFile *file)
{
	int			parent_fd;
	bool		synced;

	/* As in the server, a file system that cannot sync directories will do. */
	if (!sync_fd(file->directory_fd, fsync) && errno != EBADF &&
		errno != EINVAL)
		return false;

	parent_fd = openat(file->directory_fd, "..",
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
	{
		/* One that may not be read is not of this server's making. */
		return errno == EACCES;
	}
	synced = sync_fd(parent_fd, fsync) || errno == EBADF || errno == EINVAL;
	close_fd(&parent_fd);
	return synced;
}

/* What tells a file from its copies; false and errno if that failed. */
static bool
read_identity(int fd, uint64 *inode, uint64 *birth_ns)
{
	struct statx found;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &found) != 0)
		return false;
	*inode = found.stx_ino;
	*birth_ns = 0;
	if (found.stx_mask & STATX_BTIME)
		*birth_ns = (uint64) found.stx_btime.tv_sec * UINT64CONST(1000000000) +
			found.stx_btime.tv_nsec;
	return true;
}

/* Open the file, if there is one. */
static void
open_existing(StateFile *file)
{
	struct stat found;

	/* Looked at first, for opening a special file may have effects. */
	if (fstatat(file->directory_fd, STATE_FILE_NAME, &found,
				AT_SYMLINK_NOFOLLOW) != 0)
	{
		if (errno == ENOENT)
			return;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat state file \"%s\": %m", file->path)));
	}
	if (!S_ISREG(found.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("cannot use state file \"%s\"", file->path),
				 errdetail("It must be a regular file, not a directory, a symbolic link or a special file.")));

	file->fd = openat(file->directory_fd, STATE_FILE_NAME,
					  O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (file->fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open state file \"%s\": %m", file->path)));
}

/* Read up to STATE_FILE_SIZE bytes; returns how many there are. */
static size_t
read_image(StateFile *file, uint8 *image)
{
	size_t		length = 0;

	while (length < STATE_FILE_SIZE)
	{
		ssize_t		got = pread(file->fd, image + length,
								STATE_FILE_SIZE - length, (off_t) length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read state file \"%s\": %m",
							file->path)));
		if (got == 0)
			break;
		length += (size_t) got;
	}
	return length;
}

/*
 * Vouch for the newest record: make sure that the disk has it, and then that
 * it has it twice.  It goes to its own slot first: if only the page cache knew
 * of it, the other slot holds the last confirmed one.
 */
static void
confirm_existing(StateFile *file)
{
	if (!write_bytes(file->fd, file->newest, STATE_RECORD_SIZE,
					 file->newest_slot * STATE_SLOT_SPACING) ||
		!sync_fd(file->fd, fsync) ||
		!sync_directories(file))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not make state file \"%s\" durable: %m",
						file->path),
				 errdetail("A node whose state is not safe on disk cannot take part in elections.")));

	file->replace = false;
	file->mirror_pending = true;
	state_file_mirror(file);
}

/*
 * What the node had seen of the others' records holds whatever became of its
 * own state, if only these were of the same cluster: ids may have moved in
 * another one.
 */
static void
keep_peer_generations(const StateFile *file, const StateRecord *record,
					  RaftDurable *durable)
{
	int			id;

	if (record->node_id != file->node_id ||
		record->node_count != file->node_count ||
		record->fingerprint != file->fingerprint)
		return;
	for (id = 0; id < RAFT_MAX_NODES; id++)
		durable->peer_generation[id] = Max(durable->peer_generation[id],
										   record->durable.peer_generation[id]);
}

/*
 * The first record of a node that has lost its state.  The term is the
 * greatest that can still be found and that was this cluster's or this
 * node's: a lower bound, from which an operator's order to forget the state
 * jumps.  The promise is the longest that anybody can have made.
 */
static void
make_amnesiac(const StateFile *file, const StateSlot *slots,
			  RaftDurable *durable)
{
	int			i;

	durable->standing = RAFT_AMNESIAC;
	durable->term = 0;
	durable->vote = RAFT_VOTE_SPOILED;
	durable->max_promise_ns = RAFT_MAX_PROMISE_NS;
	durable->generation = 1;

	for (i = 0; i < STATE_SLOT_COUNT; i++)
	{
		const StateRecord *record = &slots[i].record;

		if (slots[i].verdict != STATE_RECORD_OK)
			continue;
		if (record->node_id == file->node_id ||
			record->fingerprint == file->fingerprint)
			durable->term = Max(durable->term, record->durable.term);
		durable->generation = Max(durable->generation,
								  record->durable.generation + 1);
		keep_peer_generations(file, record, durable);
	}
}

/* Judge an existing file; for STATE_VALID and STATE_REBORN, which slot. */
static StateVerdict
judge(const StateFile *file, const StateSlot *slots, size_t length,
	  int *newest_slot, char *note, size_t note_size)
{
	StateChoice choice = state_record_choose(&slots[0], &slots[1]);
	const StateRecord *record;

	if (choice == STATE_CHOICE_NEWER)
	{
		snprintf(note, note_size,
				 "State file \"%s\" was written by a newer version of pg_leader.",
				 file->path);
		return STATE_DAMAGED;
	}

	/* Our own files are never shorter, so something has cut this one. */
	if (length < STATE_FILE_SIZE)
	{
		snprintf(note, note_size,
				 "State file \"%s\" has %zu bytes instead of %d.",
				 file->path, length, STATE_FILE_SIZE);
		return STATE_DAMAGED;
	}
	if (choice == STATE_CHOICE_UNREADABLE)
	{
		snprintf(note, note_size,
				 "State file \"%s\" has no readable record (first: %s; second: %s).",
				 file->path, state_record_verdict_name(slots[0].verdict),
				 state_record_verdict_name(slots[1].verdict));
		return STATE_DAMAGED;
	}
	if (choice == STATE_CHOICE_CONTRADICTION)
	{
		snprintf(note, note_size,
				 "State file \"%s\" has two records that contradict each other.",
				 file->path);
		return STATE_DAMAGED;
	}

	*newest_slot = choice == STATE_CHOICE_FIRST ? 0 : 1;
	record = &slots[*newest_slot].record;
	if (record->node_id != file->node_id)
	{
		snprintf(note, note_size,
				 "State file \"%s\" belongs to node %d, but this is node %d.",
				 file->path, record->node_id, file->node_id);
		return STATE_FOREIGN;
	}

	/* A birth time can be compared only if it was known then and is now. */
	if (record->inode != file->inode ||
		(record->birth_ns != file->birth_ns && record->birth_ns != 0 &&
		 file->birth_ns != 0))
	{
		snprintf(note, note_size,
				 "State file \"%s\" is a copy: its inode number or birth time is not the one in its record.",
				 file->path);
		return STATE_COPIED;
	}

	if (record->node_count != file->node_count)
	{
		snprintf(note, note_size,
				 "State file \"%s\" is of a cluster with %d nodes, but this one has %d.",
				 file->path, record->node_count, file->node_count);
		return STATE_REBORN;
	}
	if (record->fingerprint != file->fingerprint)
	{
		snprintf(note, note_size,
				 "State file \"%s\" is of a cluster with another name.",
				 file->path);
		return STATE_REBORN;
	}
	return STATE_VALID;
}

StateVerdict
state_file_load(StateFile *file, int node_id, int node_count,
				uint64 fingerprint, bool declared_new, RaftDurable *durable,
				char *note, size_t note_size)
{
	uint8		image[STATE_FILE_SIZE];
	StateSlot	slots[STATE_SLOT_COUNT];
	StateVerdict verdict;
	size_t		length;
	int			i;

	memset(slots, 0, sizeof(slots));
	for (i = 0; i < STATE_SLOT_COUNT; i++)
		slots[i].verdict = STATE_RECORD_SHORT;
	memset(durable, 0, sizeof(*durable));
	note[0] = '\0';

	close_fd(&file->fd);
	file->replace = true;
	file->node_id = node_id;
	file->node_count = node_count;
	file->fingerprint = fingerprint;

	/* What a crash left of a file that was never put in place. */
	if (unlinkat(file->directory_fd, STATE_TEMPORARY_NAME, 0) != 0 &&
		errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s/%s\": %m",
						file->directory, STATE_TEMPORARY_NAME)));

	open_existing(file);
	if (file->fd < 0)
	{
		if (!declared_new)
		{
			snprintf(note, note_size,
					 "State file \"%s\" does not exist, and the node is not declared new.",
					 file->path);
			make_amnesiac(file, slots, durable);
			return STATE_MISSING;
		}
		snprintf(note, note_size,
				 "State file \"%s\" does not exist, and the node is declared new.",
				 file->path);
		durable->standing = RAFT_NEW;
		durable->vote = RAFT_VOTE_NONE;
		durable->generation = 1;
		return STATE_BORN;
	}

	if (!read_identity(file->fd, &file->inode, &file->birth_ns))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat state file \"%s\": %m", file->path)));
	length = read_image(file, image);
	for (i = 0; i < STATE_SLOT_COUNT; i++)
	{
		size_t		offset = (size_t) i * STATE_SLOT_SPACING;

		if (offset < length)
			state_record_decode(image + offset, length - offset, &slots[i]);
	}

	verdict = judge(file, slots, length, &file->newest_slot, note, note_size);
	switch (verdict)
	{
		case STATE_VALID:
			*durable = slots[file->newest_slot].record.durable;
			memcpy(file->newest,
				   image + file->newest_slot * STATE_SLOT_SPACING,
				   STATE_RECORD_SIZE);
			file->newest_generation = durable->generation;
			confirm_existing(file);
			break;

		case STATE_REBORN:

			/*
			 * A birth that keeps the term and the silence.  The vote may be
			 * for a node that has another id now, and what was seen of others
			 * may be another's now; and who has lost its state does not
			 * regain it by a new name.
			 */
			*durable = slots[file->newest_slot].record.durable;
			memset(durable->peer_generation, 0,
				   sizeof(durable->peer_generation));
			durable->vote = RAFT_VOTE_SPOILED;
			durable->generation++;
			if (durable->standing != RAFT_AMNESIAC)
				durable->standing = RAFT_NEW;
			break;

		default:
			make_amnesiac(file, slots, durable);
			break;
	}
	return verdict;
}

bool
state_file_in_place(const StateFile *file)
{
	struct stat in_path;
	struct stat held;

	/* A directory put in this one's place is not locked by us. */
	if (stat(file->directory, &in_path) != 0 ||
		fstat(file->directory_fd, &held) != 0 ||
		in_path.st_dev != held.st_dev || in_path.st_ino != held.st_ino)
		return false;

	/* If there was no file, there must still be none. */
	if (fstatat(file->directory_fd, STATE_FILE_NAME, &in_path,
				AT_SYMLINK_NOFOLLOW) != 0)
		return file->fd < 0 && errno == ENOENT;
	if (file->fd < 0)
		return false;

	/* The number of a file that is held open is not given to another. */
	return fstat(file->fd, &held) == 0 && held.st_nlink > 0 &&
		in_path.st_dev == held.st_dev && in_path.st_ino == held.st_ino;
}

static void
fill_record(const StateFile *file, const RaftDurable *durable,
			StateRecord *record)
{
	memset(record, 0, sizeof(*record));
	record->node_id = file->node_id;
	record->node_count = file->node_count;
	record->fingerprint = file->fingerprint;
	record->inode = file->inode;
	record->birth_ns = file->birth_ns;
	record->durable = *durable;
}

/*
 * Make a new file with the record in both slots and put it in the old one's
 * place.  It has its full size, all zeros written out, so that later changes
 * neither allocate blocks nor change its size.  While this fails, the next
 * record goes to a new file again.
 */
static bool
replace_file(StateFile *file, const RaftDurable *durable)
{
	uint8		image[STATE_FILE_SIZE];
	StateRecord record;
	int			fd;
	int			i;

	/* What a former attempt may have left. */
	(void) unlinkat(file->directory_fd, STATE_TEMPORARY_NAME, 0);

	fd = openat(file->directory_fd, STATE_TEMPORARY_NAME,
				O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				pg_file_create_mode);
	if (fd < 0)
		return false;

	if (!read_identity(fd, &file->inode, &file->birth_ns))
	{
		close_fd(&fd);
		return false;
	}
	fill_record(file, durable, &record);
	memset(image, 0, sizeof(image));
	for (i = 0; i < STATE_SLOT_COUNT; i++)
		state_record_encode(&record, image + i * STATE_SLOT_SPACING);

	if (!write_bytes(fd, image, sizeof(image), 0) ||
		!sync_fd(fd, fsync) ||
		renameat(file->directory_fd, STATE_TEMPORARY_NAME,
				 file->directory_fd, STATE_FILE_NAME) != 0)
	{
		close_fd(&fd);
		return false;
	}

	/* It is the file now, even if the directory cannot be synced. */
	close_fd(&file->fd);
	file->fd = fd;
	if (!sync_directories(file))
		return false;

	memcpy(file->newest, image, STATE_RECORD_SIZE);
	file->newest_slot = 0;
	file->newest_generation = durable->generation;
	file->mirror_pending = false;
	file->replace = false;
	return true;
}

/*
 * Overwrite the slot that does not hold the newest confirmed record.  That
 * slot stays the same one until a write to it is confirmed, so that repeated
 * failures never touch the confirmed record.
 */
static bool
change_in_place(StateFile *file, const RaftDurable *durable)
{
	uint8		bytes[STATE_RECORD_SIZE];
	StateRecord record;
	int			slot = 1 - file->newest_slot;

	fill_record(file, durable, &record);
	state_record_encode(&record, bytes);

	/* Even if it fails, the slot's old contents are gone. */
	file->mirror_pending = true;
	if (!write_bytes(file->fd, bytes, sizeof(bytes),
					 slot * STATE_SLOT_SPACING) ||
		!sync_fd(file->fd, fdatasync))
		return false;

	memcpy(file->newest, bytes, sizeof(bytes));
	file->newest_slot = slot;
	file->newest_generation = durable->generation;
	return true;
}

bool
state_file_write(StateFile *file, const RaftDurable *durable)
{
	StateRecord record;

	/* A record that the next start would not choose is not durable. */
	fill_record(file, durable, &record);
	if (!state_record_is_valid(&record))
		elog(ERROR, "state record is out of range");
	if (!file->replace && durable->generation <= file->newest_generation)
		elog(ERROR, "state record's generation " UINT64_FORMAT " does not follow " UINT64_FORMAT,
			 durable->generation, file->newest_generation);

	if (!state_file_in_place(file))
	{
		errno = ESTALE;
		return false;
	}
	return file->replace ? replace_file(file, durable) :
		change_in_place(file, durable);
}

/*
 * Not urgent, and never a danger: if it fails or is torn, the other slot
 * still has the same record.  It stays pending then, for the next call.
 */
void
state_file_mirror(StateFile *file)
{
	if (file->replace || !file->mirror_pending)
		return;
	if (write_bytes(file->fd, file->newest, STATE_RECORD_SIZE,
					(1 - file->newest_slot) * STATE_SLOT_SPACING) &&
		sync_fd(file->fd, fdatasync))
		file->mirror_pending = false;
}

const char *
state_file_path(const StateFile *file)
{
	return file->path;
}
