/*-------------------------------------------------------------------------
 *
 * disk.c
 *		A host's durable state: slow, failing, torn, lost, copied, rolled back.
 *
 * What a restart finds is the last confirmed record, or, in its place, a later
 * one whose write was refused or was under way at the crash: state_file.h
 * promises no more and no less.  A torn record counts as not written, as its
 * checksum tells.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

uint64_t
disk_write_time(World *world, Host *host)
{
	uint64_t	mean = (uint64_t) world->options.disk_us * SIM_US;

	if (host->disk.slow_until_ns > world->now_ns)
		mean = host->disk.stuck_ns;
	if (mean == 0)
		return 0;
	return sim_exponential(&world->disk_random, mean);
}

bool
disk_write_fails(World *world, Host *host)
{
	return host->disk.failing_until_ns > world->now_ns &&
		sim_chance(&world->disk_random, 800000);
}

/* Of so many deeds of its node the record tells. */
static uint64_t
count_known(const World *world, const Disk *disk)
{
	return disk->known < world->deeds ? disk->known : world->deeds;
}

static void
keep_history(const World *world, Disk *disk)
{
	if (disk->content != DISK_RECORD)
		return;
	disk->history_known[disk->history_count % SIM_HISTORY] =
		count_known(world, disk);
	disk->history[disk->history_count++ % SIM_HISTORY] = disk->confirmed;
}

void
disk_confirm(World *world, Host *host, const RaftDurable *record)
{
	Disk	   *disk = &host->disk;

	if ((world->options.faults >> FAULT_ROLL_BACK & 1) != 0 ||
		world->options.roll_back_ppm > 0 || host->id == world->clone_of)
		keep_history(world, disk);
	disk->content = DISK_RECORD;
	disk->confirmed = *record;
	disk->has_stray = false;
	disk->misconfigured = host->misconfigured;
}

/* That record of the writer's may be found on the disk, though not confirmed. */
static void
leave_stray(const World *world, Disk *disk, const Host *writer,
			const RaftDurable *record)
{
	disk->stray = *record;
	disk->has_stray = true;
	disk->stray_way = ghost_way_back(world, writer, record);
}

/* The write was refused; that the record is there all the same is possible. */
void
disk_refuse(World *world, Host *host, const RaftDurable *record)
{
	world_cover(world, COVER_WRITE_FAILED);
	if (!world->options.tear || !sim_chance(&world->disk_random, 500000))
		return;
	leave_stray(world, &host->disk, host, record);
}

void
disk_crash(World *world, Host *host, bool was_writing)
{
	Disk	   *disk = &host->disk;

	if (was_writing)
	{
		if (world->options.tear && sim_chance(&world->disk_random, 500000))
		{
			leave_stray(world, disk, host, &host->record);
			world_cover(world, COVER_TORN_NEW_SURVIVED);
		}
		else
			world_cover(world, COVER_TORN_OLD_SURVIVED);
	}
}

/* As the ticker's loss_is_unwritten(): shared memory knows of it, alone. */
static bool
loss_is_unwritten(const RaftView *past, const RaftDurable *durable)
{
	return (past->amnesia != RAFT_AMNESIA_NONE ||
			past->standing == RAFT_AMNESIAC) &&
		durable->standing != RAFT_AMNESIAC &&
		durable->generation <= past->generation;
}

/*
 * At a start: what state_file_load() and the ticker's remember_past() make of
 * what they find.
 */
void
disk_load(World *world, Host *host, RaftDurable *durable, bool *confirmed)
{
	Disk	   *disk = &host->disk;
	uint64_t	term = host->cell.revoked_term;
	uint64_t	generation = 0;
	uint64_t	promise_ns = 0;
	bool		is_valid = disk->content == DISK_RECORD;
	bool		was_reborn = false;
	bool		is_lost = false;
	int32_t		i;

	if (is_valid && disk->has_stray && sim_chance(&world->disk_random, 500000))
	{
		world_cover(world, COVER_WRITE_FAILED_BUT_LANDED);
		keep_history(world, disk);
		disk->confirmed = disk->stray;
		ghost_note_way_back(world, disk->stray_way, disk->stray.term);
	}
	disk->has_stray = false;

	*durable = disk->confirmed;
	switch (disk->content)
	{
		case DISK_EMPTY:
			memset(durable, 0, sizeof(RaftDurable));
			durable->generation = 1;
			if (disk->declared_new)
			{
				durable->standing = RAFT_NEW;
				durable->vote = RAFT_VOTE_NONE;
				break;
			}
			durable->standing = RAFT_AMNESIAC;
			durable->vote = RAFT_VOTE_SPOILED;
			durable->max_promise_ns = RAFT_MAX_PROMISE_NS;
			break;
		case DISK_COPY:
			durable->standing = RAFT_AMNESIAC;
			durable->vote = RAFT_VOTE_SPOILED;
			durable->max_promise_ns = RAFT_MAX_PROMISE_NS;
			durable->generation++;
			break;
		case DISK_RECORD:
			break;
	}

	/* A birth in another cluster keeps term and silence, and no vote. */
	if (is_valid && disk->misconfigured != host->misconfigured)
	{
		world_cover(world, COVER_REBORN);
		host->ghost.has_lost = true;
		memset(durable->peer_generation, 0, sizeof(durable->peer_generation));
		durable->vote = RAFT_VOTE_SPOILED;
		durable->generation++;
		if (durable->standing != RAFT_AMNESIAC)
			durable->standing = RAFT_NEW;
		is_valid = false;
		was_reborn = true;
	}

	/* Shared memory still knows, unless the whole server was started anew. */
	if (host->published)
	{
		const RaftView *past = &host->published_view;

		if (term < past->term)
			term = past->term;
		generation = past->generation;
		promise_ns = past->max_promise_ns;
		is_lost = loss_is_unwritten(past, durable);
		for (i = 0; i < world->count; i++)
		{
			if (durable->peer_generation[i] < host->published_generation[i])
				durable->peer_generation[i] = host->published_generation[i];
		}
	}
	*confirmed = is_valid && durable->generation >= generation && !is_lost;
	if (*confirmed)
		return;
	if (is_valid && !was_reborn)
	{
		if (durable->generation >= generation)
			world_cover(world, COVER_AMNESIAC_REMEMBERED);
		durable->standing = RAFT_AMNESIAC;
	}
	if (durable->generation < generation + 1)
		durable->generation = generation + 1;
	if (durable->max_promise_ns < promise_ns)
		durable->max_promise_ns = promise_ns;
	if (term > durable->term)
	{
		durable->term = term;
		durable->vote = RAFT_VOTE_SPOILED;
	}
}

/*
 * Would somebody unmask that node, if it came up as a new one?  Any other that
 * has been READY and has its record, an amnesiac's included, which never lets
 * a birth go on.  One of two with one id does not count: the other one may be
 * heard in its place.
 */
bool
disk_has_keeper(const World *world, const Host *but)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		const Disk *disk = &world->hosts[i].disk;

		if (i == world->clone_of && world->present > world->count)
			continue;
		if (&world->hosts[i] != but &&
			(disk->content != DISK_EMPTY || !disk->declared_new) &&
			(disk->content != DISK_RECORD ||
			 disk->confirmed.standing >= RAFT_READY))
			return true;
	}
	return false;
}

/* The host must be down. */
void
disk_lose(World *world, Host *host, bool declared_new)
{
	ghost_state_lost(world, host);
	host->disk.content = DISK_EMPTY;
	host->disk.has_stray = false;
	host->disk.declared_new = declared_new;
	bodies_forgets(world, host, 0);
	memset(&host->disk.confirmed, 0, sizeof(RaftDurable));
}

void
disk_copy(World *world, Host *host)
{
	if (host->disk.content != DISK_RECORD)
		return;
	ghost_state_lost(world, host);
	host->disk.content = DISK_COPY;
	bodies_forgets(world, host, 0);
}

static uint32_t
count_kept(const Disk *disk)
{
	return disk->history_count < SIM_HISTORY ? disk->history_count : SIM_HISTORY;
}

/* Where the record before is, and so on from 0; it must have been kept. */
static uint32_t
former_place(const Disk *disk, uint32_t back)
{
	return (disk->history_count - 1 - back) % SIM_HISTORY;
}

static bool
put_back(World *world, Host *host, uint32_t place)
{
	Disk	   *disk = &host->disk;
	const RaftDurable *former = &disk->history[place];

	if (former->generation >= disk->confirmed.generation ||
		former->standing != RAFT_MEMBER ||
		disk->confirmed.standing != RAFT_MEMBER)
		return false;
	ghost_state_lost(world, host);
	disk->confirmed = *former;
	disk->has_stray = false;
	bodies_forgets(world, host, disk->history_known[place]);
	host->ghost.rolled_back = true;
	return true;
}

/* False: there is no older record. */
bool
disk_roll_back(World *world, Host *host)
{
	Disk	   *disk = &host->disk;
	uint32_t	kept = count_kept(disk);

	if (kept == 0 || disk->content != DISK_RECORD)
		return false;
	return put_back(world, host,
					former_place(disk, (uint32_t) sim_below(&world->disk_random, kept)));
}

/*
 * A copy of the original's disk: as it is, with the write under way or without
 * it, or as it was some records ago.  "known" is how many of all deeds had been
 * done by then.  False: there is no record, or one of a node being born.
 */
bool
disk_clone(World *world, const Host *original, Host *clone, bool is_snapshot,
		   uint64_t *known)
{
	const Disk *from = &original->disk;
	Disk	   *disk = &clone->disk;
	uint32_t	kept = count_kept(from);
	uint32_t	place = 0;

	if (from->content != DISK_RECORD || from->misconfigured ||
		from->confirmed.standing < RAFT_MEMBER || (is_snapshot && kept == 0))
		return false;
	if (is_snapshot)
		place = former_place(from, (uint32_t) sim_below(&world->disk_random, kept));
	if (is_snapshot && from->history[place].standing < RAFT_MEMBER)
		return false;
	*disk = *from;
	disk->slow_until_ns = disk->failing_until_ns = 0;
	*known = is_snapshot ? from->history_known[place] : count_known(world, from);
	if (is_snapshot)
	{
		disk->confirmed = from->history[place];
		disk->has_stray = false;
	}
	else if (original->writing && world->options.tear)
		leave_stray(world, disk, original, &original->record);
	return true;
}

/* To the newest record of a lower term than that, or by some further back. */
bool
disk_roll_back_before(World *world, Host *host, uint64_t term, uint32_t further)
{
	Disk	   *disk = &host->disk;
	uint32_t	kept = count_kept(disk);
	uint32_t	back;

	if (disk->content != DISK_RECORD)
		return false;
	for (back = 0; back + further < kept; back++)
	{
		if (disk->history[former_place(disk, back)].term < term)
			return put_back(world, host, former_place(disk, back + further));
	}
	return false;
}
