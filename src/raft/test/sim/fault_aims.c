/*-------------------------------------------------------------------------
 *
 * fault_aims.c
 *		What goes wrong at the moments that matter most.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* Does anybody but these two know that term, or may yet? */
static bool
is_known_to_a_third(const World *world, const Host *one, const Host *other,
					uint64_t term)
{
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		const Host *host = &world->hosts[i];
		const Disk *disk = &host->disk;

		if (host != one && host != other &&
			(disk->content != DISK_RECORD || disk->has_stray ||
			 host->misconfigured || disk->misconfigured ||
			 disk->confirmed.standing != RAFT_MEMBER ||
			 disk->confirmed.term >= term ||
			 (host->writing && host->record.term >= term)))
			return true;
	}
	return false;
}

/* What it has sent and is still under way never arrives. */
static void
damage_packets_of(World *world, const Host *host)
{
	size_t		i;

	for (i = 0; i < world->heap_count; i++)
	{
		Packet	   *packet = &world->packets[world->heap[i].index];

		if ((EventKind) (world->heap[i].order >> 8 & 0xff) == EVENT_PACKET &&
			packet->from == host->place)
		{
			memset(packet->bytes, 0, sizeof(packet->bytes));
			packet->damaged = true;
		}
	}
}

/*
 * Two know of a term: a candidate, and the voter, which loses its state before
 * it can say so.  The candidate is rolled back to before its candidacy, and
 * cut off from all that can tell it so, until the voter may have its report.
 * The rest alone is no majority, so that nobody else moves on.  What it had
 * on disk when it asked for pre-votes others have seen, so who has forgotten
 * that too can be told; who has forgotten no more than the candidacy cannot.
 */
static void
roll_back_candidate(World *world, Host *voter)
{
	Host	   *candidate = &world->hosts[voter->record.vote];
	uint64_t	term = voter->record.term;
	uint32_t	further = sim_chance(&world->fault_random, 500000) ? 0 : 1;
	int32_t		i;

	if (world->count < 3 || world->count - 2 >= world->count / 2 + 1 ||
		!candidate->up || candidate->misconfigured || candidate->writing ||
		candidate->disk.has_stray || candidate->disk.confirmed.term != term ||
		is_known_to_a_third(world, voter, candidate, term))
		return;
	damage_packets_of(world, candidate);
	host_crash(world, candidate, true, false, 0);
	if (!disk_roll_back_before(world, candidate, term, further))
		return;
	world_cover(world, COVER_AIMED_ROLL_BACK);
	faults_mend_way_out(world, candidate);
	for (i = 0; i < world->present; i++)
	{
		if (i != voter->place && i != candidate->place)
			fault_links_cut_for(world, i, candidate->place, 2 * SIM_S);
	}
	voter->crash_step = CRASH_BEFORE_SEND;
	voter->lose_at_crash = true;
	voter->declare_new_at_crash = false;
}

/* Its vote for another is on disk, and nobody knows of it yet. */
void
fault_aims_vote_durable(World *world, Host *host)
{
	static const CrashStep steps[] = {
		CRASH_WRITTEN, CRASH_BEFORE_PUBLISH, CRASH_BEFORE_SEND,
		CRASH_WHILE_SENDING, CRASH_AFTER_SENDING, CRASH_AFTER_SENDING
	};

	if (!world->is_quiet &&
		sim_chance(&world->fault_random, world->options.roll_back_ppm))
		roll_back_candidate(world, host);
	clones_vote_durable(world, host);
	if (!sim_chance(&world->fault_random, world->options.grant_crash_ppm))
		return;
	world_cover(world, COVER_AIMED_GRANT_CRASH);
	host->crash_step = steps[sim_below(&world->fault_random, 6)];
	host->sends_before_crash = 0;
	if (sim_chance(&world->fault_random, world->options.grant_loss_ppm))
	{
		host->lose_at_crash = true;
		host->declare_new_at_crash = sim_chance(&world->fault_random, 500000);

		/* The only other one that surely knows of that term. */
		if (sim_chance(&world->fault_random, 300000))
			faults_lose_state(world, &world->hosts[host->record.vote],
							  host->declare_new_at_crash);
	}
}

/* It knows that its state is lost, and could not write so. */
void
fault_aims_loss_unwritten(World *world, Host *host)
{
	if (!world->is_quiet && sim_chance(&world->fault_random, 500000))
		host->crash_step = CRASH_AFTER_SENDING;
}

/* A message has left the core, and perhaps the host. */
void
fault_aims_message_left(World *world, Host *host, const RaftMessage *message)
{
	const SimOptions *options = &world->options;

	if (world->is_quiet)
		return;
	if (message->type == RAFT_MESSAGE_TIMEOUT_NOW &&
		sim_chance(&world->fault_random, options->handover_crash_ppm))
	{
		world_cover(world, COVER_AIMED_HANDOVER);
		switch (sim_below(&world->fault_random, 3))
		{
			case 0:
				host->crash_step = CRASH_WHILE_SENDING;
				host->sends_before_crash = (int32_t) sim_below(&world->fault_random, 3);
				break;
			case 1:
				fault_links_cut_for(world, message->to, faults_choose_host(world)->place,
									world_timeout_ns(world));
				break;
			default:
				ticker_pause(world, host, world->now_ns +
							 sim_exponential(&world->fault_random, world_timeout_ns(world)));
				break;
		}
	}
	if (message->type == RAFT_MESSAGE_HEARTBEAT_ACK &&
		sim_chance(&world->fault_random, options->ack_loss_ppm))
	{
		Mend	   *mend = fault_links_new_mend(world, 2, 2 * world_timeout_ns(world));

		world_cover(world, COVER_AIMED_ACK_LOSS);
		fault_links_add_node(world, mend, message->to, true, false);
		mend->pairs[message->to * world->places + host->place] = 0;
		fault_links_start(world, mend, 0);
		host->crash_step = CRASH_AFTER_SENDING;
		host->lose_at_crash = true;
		host->declare_new_at_crash = true;
	}
	if (message->type == RAFT_MESSAGE_HEARTBEAT_ACK &&
		sim_chance(&world->fault_random, options->promise_edge_ppm))
	{
		world_cover(world, COVER_AIMED_PROMISE_EDGE);
		fault_links_cut_for(world, message->to, host->place,
							message->promise_ns / 2 + sim_below(&world->fault_random, message->promise_ns));
	}
}

/*
 * All whose disks tell of that term come up as new nodes, and meet those that
 * never heard of it.
 */
static void
wipe_term(World *world, Host *leader, uint64_t term)
{
	bool		is_unknown = false;
	int32_t		i;

	for (i = 0; i < world->present; i++)
	{
		const Disk *disk = &world->hosts[i].disk;

		is_unknown |= disk->content == DISK_RECORD && !disk->has_stray &&
			disk->confirmed.standing == RAFT_MEMBER &&
			disk->confirmed.term < term && !world->hosts[i].writing &&
			!world->hosts[i].misconfigured;
	}
	if (!is_unknown)
		return;
	world_cover(world, COVER_AIMED_WIPE);
	for (i = 0; i < world->present; i++)
	{
		Host	   *host = &world->hosts[i];

		faults_mend_way_out(world, host);
		if (host == leader || host->disk.confirmed.term < term)
			continue;
		host_crash(world, host, true, false, 0);
		disk_lose(world, host, faults_may_declare_new(world, host));
	}
	leader->crash_step = CRASH_AFTER_SENDING;
	leader->lose_at_crash = true;
	leader->declare_new_at_crash = true;
}

/* A leader that sleeps just until its lease ends, a little less or more. */
void
fault_aims_lease_raised(World *world, Host *host, bool is_new)
{
	uint64_t	span = world_timeout_ns(world) / 20 + 1;

	if (is_new && !world->is_quiet &&
		sim_chance(&world->fault_random, world->options.wipe_ppm))
		wipe_term(world, host, host->cell.lease_term);
	if (is_new)
		clones_lease_begins(world, host);
	if (world->is_quiet ||
		!sim_chance(&world->fault_random, world->options.lease_edge_ppm))
		return;
	world_cover(world, COVER_AIMED_LEASE_EDGE);
	host->lose_ack = sim_chance(&world->fault_random, world->options.first_ack_ppm);
	ticker_pause(world, host, host->cell.valid_until_ns - span / 2 +
				 sim_below(&world->fault_random, span));
}
