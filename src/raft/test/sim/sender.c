/*-------------------------------------------------------------------------
 *
 * sender.c
 *		What a host sends, as sender.c of the extension does it.
 *
 * Last words: revoke, send, and nothing is sent after them.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

/* As sender.c does: a resignation is kept ready for each heartbeat. */
static void
prepare_last_words(Host *host, const RaftMessage *heartbeat, int32_t count)
{
	LastWords  *words = &host->last_words[heartbeat->to];
	RaftMessage *resign = &words->resign;
	int32_t		i;

	if (heartbeat->subject_term != host->last_words_term)
	{
		for (i = 0; i < count; i++)
			host->last_words[i].term = 0;
		host->last_words_term = heartbeat->subject_term;
	}
	*resign = *heartbeat;
	resign->type = RAFT_MESSAGE_RESIGN;
	resign->round = 0;
	resign->promise_ns = 0;
	resign->rank = RAFT_NO_RANK;
	resign->rank_epoch = 0;
	resign->rank_delay_ns = 0;
	resign->known_leader = RAFT_NO_NODE;
	resign->known_leader_term = 0;
	resign->role = RAFT_FOLLOWER;
	resign->flags = 0;
	words->term = heartbeat->subject_term;
	words->sequence = ++host->sequences[heartbeat->to];
}

static void
transmit_as(World *world, Host *host, const RaftMessage *message,
			uint64_t sequence)
{
	uint32_t	index = links_new_packet(world);
	Packet	   *packet = &world->packets[index];

	if (!wire_encode(&host->wire, message, sequence, packet->bytes))
	{
		invariants_fail(world, 12, host, "a message cannot be encoded");
		links_free_packet(world, index);
		return;
	}
	invariants_check_codec(world, host, message, packet->bytes);
	packet->from = (int16_t) host->place;
	packet->to = (int16_t) message->to;
	packet->type = (uint8_t) message->type;
	packet->is_from_elsewhere = !host->has_address;
	links_send(world, index);
}

/* Somebody with the secret, or a fault of memory, makes terms up. */
static void
forge(World *world, Host *host, const RaftMessage *message)
{
	RaftMessage forged = *message;

	forged.term += SIM_FAR_TERM;
	if (forged.subject_term != 0)
		forged.subject_term += SIM_FAR_TERM;
	transmit_as(world, host, &forged, ++host->sequences[message->to]);
}

static void
transmit(World *world, Host *host, const RaftMessage *message)
{
	/* A node that believes in one node more may speak to it: nobody is there. */
	if (message->to >= world->count)
		return;
	transmit_as(world, host, message, ++host->sequences[message->to]);
	if (message->type == RAFT_MESSAGE_HEARTBEAT)
		prepare_last_words(host, message, world->count);
	if (sim_chance(&world->network_random, world->options.forge_ppm) &&
		message->term + SIM_FAR_TERM < RAFT_TERM_LIMIT)
		forge(world, host, message);
}

void
sender_send(World *world, Host *host, const RaftMessage *message)
{
	int32_t		room = (int32_t) world->options.queue_room;

	if (host->dying)
		return;
	if (host->sender_paused_ns <= world->now_ns && host->outbox_count == 0)
	{
		transmit(world, host, message);
		return;
	}
	if (host->outbox_count == room)
	{
		world_cover(world, COVER_OUTBOX_FULL);
		return;
	}
	host->outbox[(host->outbox_first + host->outbox_count) % room] = *message;
	host->outbox_count++;
}

void
sender_resume(World *world, Host *host)
{
	int32_t		room = (int32_t) world->options.queue_room;

	while (host->outbox_count > 0)
	{
		RaftMessage message = host->outbox[host->outbox_first];

		host->outbox_first = (host->outbox_first + 1) % room;
		host->outbox_count--;
		if (!host->dying)
			transmit(world, host, &message);
	}
}

void
sender_speak_last_words(World *world, Host *host)
{
	uint64_t	term = host->cell.lease_term;
	int32_t		i;

	if (!host->up || host->dying)
		return;
	for (i = 0; i < world->count; i++)
	{
		if (host->last_words[i].term > term)
			term = host->last_words[i].term;
	}
	cell_revoke(host, term);
	ghost_note_last_words(world, host);
	trace_event(world, host, "sender revokes terms up to %llu and speaks last words",
				(unsigned long long) term);
	for (i = 0; i < world->count; i++)
	{
		LastWords  *words = &host->last_words[i];

		if (words->term == 0)
			continue;
		world_cover(world, COVER_LAST_WORDS);
		transmit_as(world, host, &words->resign, words->sequence);
	}
	host->dying = true;
	host->outbox_count = 0;
}
