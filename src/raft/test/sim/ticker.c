/*-------------------------------------------------------------------------
 *
 * ticker.c
 *		Feeds a host's core and carries out what it decides, as ticker.c of the
 *		extension does.
 *
 * What must stay as it is there:
 *
 *	1. order of effects: lower the lease, persist, raise the lease and
 *	   publish, send;
 *	2. the clock is read after a message was taken from the inbox;
 *	3. the inbox is drained before timers are acted on.
 *
 * Between any two of these steps the host may crash.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

/* ----------
 * Draining the core
 * ----------
 */


static bool
crash_here(World *world, Host *host, CrashStep step, Coverage item)
{
	uint64_t	down_ns;

	if (host->crash_step != step)
		return false;
	world_cover(world, item);
	down_ns = sim_exponential(&world->fault_random, world_timeout_ns(world));
	if (host->lose_at_crash || sim_chance(&world->fault_random, 300000))
		down_ns = 0;
	host_crash(world, host, sim_chance(&world->fault_random, 500000), false, down_ns);
	return true;
}

/* Tell the core what became of the write; false: the host has crashed. */
static bool
end_write(World *world, Host *host)
{
	uint64_t	now_ns = clock_local_ns(&host->clock, world->now_ns);

	if (disk_write_fails(world, host))
	{
		disk_refuse(world, host, &host->record);
		trace_event(world, host, "write fails");
		raft_persist_failed(host->raft, now_ns, sim_random(&host->draws));
		if (host->record.standing == RAFT_AMNESIAC)
			fault_aims_loss_unwritten(world, host);
		return true;
	}
	if (host->view.lease_term != 0 &&
		host->cell.valid_until_ns <= world->now_ns)
		world_cover(world, COVER_WRITE_OUTLASTED_LEASE);
	disk_confirm(world, host, &host->record);
	host->unwritten = false;
	trace_event(world, host, "has written term %llu, vote %d, %s, generation %llu",
				(unsigned long long) host->record.term, host->record.vote,
				raft_standing_name(host->record.standing),
				(unsigned long long) host->record.generation);
	trace_note(world, 2, host->place, host->record.term ^ host->record.generation << 32 ^
			   (uint64_t) host->record.standing << 60 ^ (uint64_t) (host->record.vote + 2) << 24);
	ghost_record_durable(world, host);
	if (host->record.vote >= 0 && host->record.vote != host->id &&
		(host->view.term != host->record.term || host->view.vote != host->record.vote))
		fault_aims_vote_durable(world, host);
	if (crash_here(world, host, CRASH_WRITTEN, COVER_CRASH_WRITTEN))
		return false;
	raft_persisted(host->raft, now_ns, world->now_ns - host->write_began_ns,
				   sim_random(&host->draws));
	return true;
}

static void
take_view(World *world, Host *host)
{
	RaftView	former = host->view;
	const RaftView *view = &host->view;

	raft_view(host->raft, &host->view);
	if (former.role != view->role || former.term != view->term ||
		former.leader_id != view->leader_id ||
		former.leader_term != view->leader_term ||
		former.standing != view->standing)
		invariants_check_view(world, host);
}

/* True: go on; false: the write takes time, or the host has crashed. */
static bool
make_durable(World *world, Host *host)
{
	uint64_t	time_ns;

	invariants_check_record(world, host, &host->record);
	if (sim_chance(&world->fault_random, 20 * world->options.crash_step_ppm))
		host->crash_step = CRASH_BEFORE_WRITE;
	if (host->crash_step == CRASH_BEFORE_WRITE)
		host->writing = sim_chance(&world->fault_random, 500000);
	if (crash_here(world, host, CRASH_BEFORE_WRITE, host->writing ?
				   COVER_CRASH_WHILE_WRITING : COVER_CRASH_BEFORE_WRITE))
		return false;
	host->write_began_ns = world->now_ns;
	time_ns = disk_write_time(world, host);
	if (time_ns == 0)
		return end_write(world, host);
	host->writing = true;
	world_schedule(world, world->now_ns + time_ns, EVENT_DISK, host->place,
				   ++host->write_number);
	return false;
}

/* False: the host has crashed. */
static bool
send_messages(World *world, Host *host)
{
	RaftMessage message;

	while (raft_next_message(host->raft, &message))
	{
		if (host->crash_step == CRASH_WHILE_SENDING &&
			host->sends_before_crash-- <= 0)
			return !crash_here(world, host, CRASH_WHILE_SENDING,
							   COVER_CRASH_WHILE_SENDING);
		invariants_check_message(world, host, &message);
		ghost_note_message(world, host, &message);
		trace_note(world, 3, host->place, message.subject_term ^
				   (uint64_t) message.type << 56 ^ (uint64_t) message.to << 48 ^ message.round << 20);
		sender_send(world, host, &message);
		fault_aims_message_left(world, host, &message);
	}
	return true;
}

static void
publish(Host *host)
{
	host->published_view = host->view;
	host->published = true;
}

void
ticker_carry_out(World *world, Host *host)
{
	RaftEvent	event;
	const char *broken;

	take_view(world, host);
	cell_lower(host);
	while (raft_ready(host->raft, &host->record))
	{
		if (!make_durable(world, host))
			return;
		take_view(world, host);
		cell_lower(host);
	}
	if (crash_here(world, host, CRASH_BEFORE_PUBLISH, COVER_CRASH_BEFORE_PUBLISH))
		return;
	cell_raise(world, host);
	publish(host);
	if (crash_here(world, host, CRASH_BEFORE_SEND, COVER_CRASH_BEFORE_SEND) ||
		!send_messages(world, host) ||
		crash_here(world, host, CRASH_AFTER_SENDING, COVER_CRASH_AFTER_SENDING))
		return;
	while (raft_next_event(host->raft, &event))
		ghost_cover_event(world, host, &event);
	broken = raft_check(host->raft);
	if (broken != NULL)
		invariants_fail(world, 0, host, broken);
}

void
ticker_begin_entry(World *world, Host *host)
{
	host->entry_ns = world->now_ns;
	host->entry_local_ns = clock_local_ns(&host->clock, world->now_ns);
	host->had_lease = cell_is_valid(world, host);
	host->crash_step = CRASH_NOWHERE;
	if (sim_chance(&world->fault_random, world->options.crash_step_ppm))
	{
		host->crash_step = (CrashStep) (1 + sim_below(&world->fault_random, CRASH_AFTER_SENDING));
		host->sends_before_crash = (int32_t) sim_below(&world->fault_random, 4);
	}
}

void
ticker_write_ended(World *world, Host *host)
{
	if (host->ticker_paused_ns > world->now_ns)
	{
		world_schedule(world, host->ticker_paused_ns, EVENT_DISK, host->place,
					   host->write_number);
		return;
	}
	host->writing = false;
	if (end_write(world, host))
	{
		ticker_carry_out(world, host);
		if (host->up && !host->writing)
			ticker_reschedule(world, host);
	}
}

/* ----------
 * Turns
 * ----------
 */

void
ticker_reschedule(World *world, Host *host)
{
	uint64_t	due_ns = SIM_NEVER;

	if (host->up && !host->writing)
	{
		host->deadline_ns = raft_next_deadline(host->raft);
		due_ns = host->inbox_count > 0 ? world->now_ns :
			clock_real_ns(&host->clock, host->deadline_ns);
		if (due_ns < host->ticker_paused_ns)
			due_ns = host->ticker_paused_ns;
	}
	world_due_changed(world, host, due_ns);
}

bool
ticker_is_free(const World *world, const Host *host)
{
	return host->up && !host->writing &&
		host->ticker_paused_ns <= world->now_ns;
}

static void
receive_one(World *world, Host *host)
{
	int32_t		room = (int32_t) world->options.queue_room;
	const RaftMessage *message = &host->inbox[host->inbox_first];
	RaftView	before = host->view;
	RaftResult	result;

	host->inbox_first = (host->inbox_first + 1) % room;
	host->inbox_count--;

	/* A node without a term to compare with would believe what is forged. */
	if (message->term >= SIM_FAR_TERM &&
		(before.standing != RAFT_MEMBER || before.amnesia != RAFT_AMNESIA_NONE))
		return;
	ticker_begin_entry(world, host);
	trace_event(world, host, "receives %s of %d about term %llu, its term %llu, round %llu",
				raft_message_type_name(message->type), message->from,
				(unsigned long long) message->subject_term,
				(unsigned long long) message->term,
				(unsigned long long) message->round);
	if (before.role == RAFT_LEADER &&
		message->type == RAFT_MESSAGE_HEARTBEAT_ACK &&
		before.lease_term != 0 && before.lease_end_ns <= host->entry_local_ns)
		world_cover(world, COVER_ACK_AFTER_LAPSE);
	result = raft_receive(host->raft, message, host->entry_local_ns,
						  sim_random(&host->draws));
	if (result == RAFT_NOT_DRAINED)
		invariants_fail(world, 4, host, "the core was not drained");
	if (result == RAFT_OK)
		ghost_note_received(world, host, message);
	ticker_carry_out(world, host);
	invariants_check_told(world, host, message, &before);
	ghost_cover_entry(world, host, message, &before);
}

static void
tick(World *world, Host *host)
{
	ticker_begin_entry(world, host);
	if (raft_tick(host->raft, host->entry_local_ns,
				  sim_random(&host->draws)) == RAFT_NOT_DRAINED)
		invariants_fail(world, 4, host, "the core was not drained");
	ticker_carry_out(world, host);
	if (host->up && !host->writing)
		invariants_check_tick(world, host);
}

void
ticker_turn(World *world, Host *host)
{
	int32_t		left = world->count * 4 > 64 ? world->count * 4 : 64;
	uint64_t	start_number = host->start_number;
	uint64_t	local_ns = clock_local_ns(&host->clock, world->now_ns);

	if (!ticker_is_free(world, host))
	{
		ticker_reschedule(world, host);
		return;
	}
	if (host->inbox_count > 1 && local_ns > host->deadline_ns)
		world_cover(world, COVER_INBOX_BEFORE_TIMER);
	while (host->up && host->start_number == start_number &&
		   !host->writing && host->inbox_count > 0 && left-- > 0)
	{
		if (world->options.early_ticks && local_ns < raft_next_deadline(host->raft))
			invariants_check_early_tick(world, host);
		receive_one(world, host);
	}
	if (host->up && host->start_number == start_number && !host->writing &&
		(world->options.tick_each_turn ||
		 local_ns >= raft_next_deadline(host->raft)))
		tick(world, host);
	ticker_reschedule(world, host);
}

void
ticker_pause(World *world, Host *host, uint64_t until_ns)
{
	if (host->ticker_paused_ns < until_ns)
		host->ticker_paused_ns = until_ns;
	ticker_reschedule(world, host);
}
