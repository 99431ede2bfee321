/*-------------------------------------------------------------------------
 *
 * receiver.c
 *		Takes datagrams from the network, and hands to the ticker what it believes,
 *		as receiver.c of the extension does.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

/* Datagrams that the socket's buffer holds while the receiver stands still. */
#define BUFFER_ROOM				256

static void
cover_drop(World *world, WireDrop drop, bool damaged)
{
	if (drop == WIRE_DROP_FINGERPRINT && !damaged)
		world_cover(world, COVER_DROP_FINGERPRINT);
	else if (drop == WIRE_DROP_TAG)
		world_cover(world, COVER_DROP_TAG);
	else if (damaged)
		world_cover(world, COVER_DROP_DAMAGED_HEADER);
}

/* Which challenge goes with a PROBE of this peer's. */
static void
set_challenge(World *world, Host *host, RaftMessage *probe)
{
	int32_t		id = probe->from;

	if (session_is_contested(&host->sessions, id) &&
		world->now_ns - host->contest_ns[id] >= SIM_CONTEST_INTERVAL_NS &&
		session_renew_challenge(&host->sessions, id, sim_random(&world->session_random)))
		host->contest_ns[id] = world->now_ns;
	probe->stranger = true;
	probe->challenge = session_challenge(&host->sessions, id);
}

/*
 * Of two nodes with one id, one may be so content with what it hears of this
 * node that it never probes.  So what it sends is made a PROBE of a stranger;
 * false: it is asked for no proof now.
 */
static bool
challenge_clone(World *world, Host *host, RaftMessage *message)
{
	message->type = RAFT_MESSAGE_PROBE;
	message->nonce = 0;
	set_challenge(world, host, message);
	if (!session_awaits_proof(&host->sessions, message->from) ||
		!session_admit_stranger(&host->sessions, message, world->now_ns))
		return false;
	world_cover(world, COVER_CLONE_CHALLENGED);
	return true;
}

/* Is this one believed, or at least to be asked for a proof? */
static bool
check_session(World *world, Host *host, RaftMessage *message, uint64_t sequence)
{
	bool		was_contested = session_is_contested(&host->sessions, message->from);
	SessionVerdict verdict;

	message->stranger = false;
	message->challenge = 0;
	verdict = session_check(&host->sessions, message, sequence,
							sim_random(&world->session_random));
	if (message->from == world->clone_of)
		bodies_note_verdict(world, host, message, sequence, verdict, was_contested);
	switch (verdict)
	{
		case SESSION_ACCEPTED:
			return true;
		case SESSION_STRANGER:
			if (!session_admit_stranger(&host->sessions, message, world->now_ns))
				return false;
			world_cover(world, COVER_STRANGER);
			set_challenge(world, host, message);
			return true;
		case SESSION_DROP_REPLAY:
			world_cover(world, COVER_DROP_REPLAY);
			return false;
		case SESSION_DROP_CLONE:
			world_cover(world, COVER_CLONE_DROPPED);
			if (message->from != world->clone_of || world->clone_number == 0)
				invariants_fail(world, 14, host, "a node that restarts is taken for two");
			return challenge_clone(world, host, message);
		case SESSION_DROP_SESSION:
			world_cover(world, COVER_DROP_SESSION);
			return false;
	}
	return false;
}

/* Let the datagram pass the gates of receiver.c; false: it was dropped. */
static bool
check_packet(World *world, Host *host, uint32_t index, RaftMessage *message)
{
	Packet	   *packet = &world->packets[index];
	WireHeader	header;
	WireDrop	drop = wire_decode_header(&host->wire, packet->bytes,
										  WIRE_DATAGRAM_SIZE, &header);

	if (drop == WIRE_OK && packet->is_from_elsewhere)
	{
		world_cover(world, COVER_CLONE_DROP_ADDRESS);
		return false;
	}
	if (drop == WIRE_OK)
		drop = wire_decode_body(&host->wire, packet->bytes, &header, message);
	if (drop != WIRE_OK)
	{
		cover_drop(world, drop, packet->damaged);
		if (!packet->damaged && drop != WIRE_DROP_FINGERPRINT)
			invariants_fail(world, 12, host, "an undamaged datagram is refused");
		return false;
	}
	return check_session(world, host, message, header.sequence);
}

static void
receive_packet(World *world, Host *host, uint32_t index)
{
	int32_t		room = (int32_t) world->options.queue_room;
	RaftMessage *message;
	bool		is_believed;

	if (host->inbox_count == room)
	{
		world_cover(world, COVER_INBOX_FULL);
		links_free_packet(world, index);
		return;
	}
	message = &host->inbox[(host->inbox_first + host->inbox_count) % room];
	is_believed = check_packet(world, host, index, message);
	links_free_packet(world, index);
	if (!is_believed)
		return;
	if (host->lose_ack && message->type == RAFT_MESSAGE_HEARTBEAT_ACK)
	{
		world_cover(world, COVER_AIMED_FIRST_ACK);
		host->lose_ack = false;
		return;
	}
	host->inbox_count++;
	if (host->inbox_count > 1)
		return;
	if (!ticker_is_free(world, host))
	{
		/* It is awake when its pause ends, not only when something is due. */
		ticker_reschedule(world, host);
		return;
	}
	if (world->options.ticker_late_us > 0)
		ticker_pause(world, host, world->now_ns +
					 sim_exponential(&world->network_random,
									 (uint64_t) world->options.ticker_late_us * SIM_US));
	else
		ticker_turn(world, host);
}

void
receiver_take_packet(World *world, Host *host, uint32_t index)
{
	if (host->receiver_paused_ns <= world->now_ns)
	{
		receive_packet(world, host, index);
		return;
	}
	if (host->buffer_count == BUFFER_ROOM)
	{
		links_free_packet(world, index);
		return;
	}
	world->packets[index].next = SIM_NO_PACKET;
	if (host->buffer_count++ == 0)
		host->buffer_first = index;
	else
		world->packets[host->buffer_last].next = index;
	host->buffer_last = index;
}

void
receiver_resume(World *world, Host *host)
{
	uint64_t	start_number = host->start_number;

	while (host->buffer_count > 0 && host->start_number == start_number)
	{
		uint32_t	index = host->buffer_first;

		host->buffer_first = world->packets[index].next;
		host->buffer_count--;
		receive_packet(world, host, index);
	}
}
