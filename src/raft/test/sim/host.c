/*-------------------------------------------------------------------------
 *
 * host.c
 *		One host: its boot, the start and the end of its pipeline (receiver,
 *		ticker and sender around one core), and what its operators ask for.
 *
 * The first act of a start is to clear the lease cell.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

/* ----------
 * Start and end
 * ----------
 */

/* The machine starts: its clock shows anything, and runs at any rate. */
void
host_boot(World *world, Host *host)
{
	uint64_t	local_ns = 1 + sim_below(&world->fault_random, 3600 * SIM_S);
	uint64_t	span = 2 * (uint64_t) world->options.clock_ppm + 1;
	int64_t		ppm = (int64_t) sim_below(&world->fault_random, span) -
	world->options.clock_ppm;

	/* The extremes find more than what is between them. */
	if (sim_chance(&world->fault_random, 500000))
		ppm = sim_chance(&world->fault_random, 500000) ?
			world->options.clock_ppm : -world->options.clock_ppm;
	if (world->options.clock_high)
	{
		local_ns += (UINT64_C(1) << 63) - (UINT64_C(1) << 52);
		world_cover(world, COVER_CLOCK_HIGH);
	}
	host->boot++;
	clock_start(&host->clock, world->now_ns, local_ns, ppm);
	memset(&host->cell, 0, sizeof(Cell));
	host->published = false;
}

static RaftPositionOrder
compare_positions(const RaftPosition *one, const RaftPosition *other)
{
	uint64_t	a[2];
	uint64_t	b[2];

	/* A history, and how far it has come in it. */
	memcpy(a, one->bytes, sizeof(a));
	memcpy(b, other->bytes, sizeof(b));
	if (a[0] != b[0])
		return RAFT_POSITION_INCOMPARABLE;
	if (a[1] == b[1])
		return RAFT_POSITION_EQUAL;
	return a[1] < b[1] ? RAFT_POSITION_BEHIND : RAFT_POSITION_AHEAD;
}

void
host_start(World *world, Host *host)
{
	RaftDurable durable;
	bool		confirmed;
	int32_t		count = world->count;

	if (cell_is_valid(world, host))
		world_cover(world, COVER_CELL_OUTLIVED_TICKER);
	cell_clear(host);

	/* One node more than there is: it never meets a quorum, or a birth. */
	if (host->misconfigured && count < RAFT_MAX_NODES)
		count++;
	host->up = true;
	host->dying = false;
	host->writing = false;
	host->raised_term = 0;
	host->raised_end_ns = 0;
	host->ticker_paused_ns = 0;
	host->sender_paused_ns = 0;
	host->receiver_paused_ns = 0;
	host->last_words_term = 0;
	host->lose_ack = false;
	ghost_note_start(world, host);
	memset(host->heard, 0, sizeof(host->heard));
	host->heard_count = 0;
	host->believed_session = 0;
	memset(host->contest_ns, 0, sizeof(host->contest_ns));
	memset(host->sequences, 0, sizeof(host->sequences));
	memset(host->last_words, 0, (size_t) world->count * sizeof(LastWords));
	memset(&host->view, 0, sizeof(RaftView));
	host->view.leader_id = RAFT_NO_NODE;

	host->config.node_id = host->id;
	host->config.node_count = count;
	host->config.session = sim_random(&world->session_random) | 1;
	bodies_note_start(world, host);
	clones_note_start(world, host);
	host->config.advertised_port = (uint16_t) (5432 + host->id);
	host->config.timings = host->timings;
	host->config.position_mode = (RaftPositionMode) world->options.position_mode;
	host->config.compare_positions = compare_positions;
	host->wire.fingerprint = wire_fingerprint(count, "sim");
	host->wire.node_id = host->id;
	host->wire.node_count = count;
	host->wire.tag = tag_sign;
	host->wire.verify = tag_verify;
	if (!session_table_init(&host->sessions, host->config.session, count,
							sim_random(&world->session_random)))
		invariants_fail(world, 12, host, "no table of sessions");

	disk_load(world, host, &durable, &confirmed);
	host->start_record = durable;
	host->unwritten = !confirmed;
	ticker_begin_entry(world, host);
	trace_event(world, host, "starts as %s, term %llu, vote %d, generation %llu%s",
				raft_standing_name(durable.standing),
				(unsigned long long) durable.term, durable.vote,
				(unsigned long long) durable.generation,
				confirmed ? "" : ", to be written first");
	trace_note(world, 1, host->place, durable.term);
	if (durable.standing == RAFT_AMNESIAC && confirmed)
		world_cover(world, COVER_AMNESIAC_RESTARTED);
	else if (durable.standing == RAFT_AMNESIAC)
		world_cover(world, COVER_AMNESIAC_RECORD);
	if (raft_init(host->raft, &host->config, &durable, confirmed,
				  host->entry_local_ns, sim_random(&host->draws)) != RAFT_OK)
	{
		invariants_fail(world, 3, host, "the core refuses its own record");
		return;
	}
	ticker_carry_out(world, host);
	if (host->up && ticker_is_free(world, host) &&
		world->options.position_mode != RAFT_POSITION_OFF)
		(void) host_move_position(world, host);
	ticker_reschedule(world, host);
}

/*
 * The pipeline or the whole machine goes down, and comes up again after
 * down_ns (SIM_NEVER: never).  "orderly": the ticker's exit handler runs.
 */
void
host_crash(World *world, Host *host, bool whole_machine, bool orderly,
		   uint64_t down_ns)
{
	int32_t		i;

	if (host->up)
	{
		trace_event(world, host, "%s%s", whole_machine ? "machine" : "pipeline",
					orderly ? " ends" : " crashes");
		if (orderly)
			cell_revoke(host, host->cell.lease_term);
		disk_crash(world, host, host->writing);
		faults_lose_at_crash(world, host);
		if (!whole_machine && host->published)
		{
			for (i = 0; i < world->count; i++)
			{
				RaftPeerView peer;

				if (raft_peer_view(host->raft, i, &peer))
					host->published_generation[i] = peer.generation;
			}
		}
	}
	host->up = false;
	host->writing = false;
	host->write_number++;
	host->start_number++;
	host->crash_step = CRASH_NOWHERE;
	host->inbox_count = host->outbox_count = 0;
	while (host->buffer_count > 0)
	{
		uint32_t	index = host->buffer_first;

		host->buffer_first = world->packets[index].next;
		host->buffer_count--;
		links_free_packet(world, index);
	}
	if (whole_machine)
		host_boot(world, host);
	ticker_reschedule(world, host);
	if (down_ns != SIM_NEVER)
		world_schedule(world, world->now_ns + down_ns, EVENT_START, host->place,
					   (uint32_t) host->start_number);
}

/* ----------
 * What operators ask for.  The host must be free.
 * ----------
 */

static RaftResult
finish_request(World *world, Host *host, RaftResult result)
{
	ticker_carry_out(world, host);
	ticker_reschedule(world, host);
	return result;
}

RaftResult
host_step_down(World *world, Host *host, RaftReason reason)
{
	RaftResult	result;

	ticker_begin_entry(world, host);
	result = raft_step_down(host->raft, reason, host->entry_local_ns,
							sim_random(&host->draws));
	trace_event(world, host, "is asked to step down: %d", result);
	return finish_request(world, host, result);
}

RaftResult
host_transfer(World *world, Host *host, int32_t successor)
{
	RaftResult	result;

	ticker_begin_entry(world, host);
	result = raft_transfer(host->raft, successor, host->entry_local_ns,
						   sim_random(&host->draws));
	trace_event(world, host, "is asked to hand over to %d: %d", successor, result);
	return finish_request(world, host, result);
}

RaftResult
host_reload(World *world, Host *host)
{
	RaftResult	result;

	ticker_begin_entry(world, host);
	result = raft_reconfigure(host->raft, &host->timings, host->entry_local_ns,
							  sim_random(&host->draws));
	trace_event(world, host, "reloads: promise %llu ms, priority %d: %d",
				(unsigned long long) (raft_promise_ns(&host->timings) / SIM_MS),
				host->timings.priority, result);
	if (result != RAFT_OK)
		invariants_fail(world, 0, host, "the core refuses sound settings");
	return finish_request(world, host, result);
}

RaftResult
host_forget_state(World *world, Host *host)
{
	RaftResult	result;

	ticker_begin_entry(world, host);
	result = raft_forget_state(host->raft, host->entry_local_ns,
							   sim_random(&host->draws));
	trace_event(world, host, "is asked to forget its state: %d", result);
	return finish_request(world, host, result);
}

RaftResult
host_move_position(World *world, Host *host)
{
	ticker_begin_entry(world, host);
	return finish_request(world, host,
						  raft_set_position(host->raft, &host->position,
											host->entry_local_ns, sim_random(&host->draws)));
}
