/*-------------------------------------------------------------------------
 *
 * host.c
 *		One host: receiver, ticker and sender around one core, as receiver.c,
 *		ticker.c and sender.c of the extension are.
 *
 * What must stay as it is there:
 *
 *	1. order of effects: lower the lease, persist, raise the lease and
 *	   publish, send;
 *	2. the clock is read after a message was taken from the inbox;
 *	3. the inbox is drained before timers are acted on;
 *	4. the first act of a start is to clear the lease cell;
 *	5. last words: revoke, send, and nothing is sent after them.
 *
 * Between any two of these steps the host may crash.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

/* Datagrams that the socket's buffer holds while the receiver stands still. */
#define BUFFER_ROOM				256

/* Of a peer's sessions that are not accepted, one PROBE in this time. */
#define STRANGER_INTERVAL_NS	(10 * SIM_MS)

/* A term that nobody has come near to. */
#define FAR_TERM				(UINT64_C(1) << 41)

static void carry_out(World *world, Host *host);

/* ----------
 * A checksum that stands in for the HMAC
 * ----------
 */

static void
compute_tag(const uint8_t *data, size_t length, uint64_t *tag)
{
	uint64_t	a = UINT64_C(0x243f6a8885a308d3);
	uint64_t	b = UINT64_C(0x13198a2e03707344);
	size_t		i;

	for (i = 0; i + 8 <= length; i += 8)
	{
		uint64_t	word;

		memcpy(&word, data + i, 8);
		a = (a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		a ^= a >> 29;
		b = (b + word) * UINT64_C(0xbf58476d1ce4e5b9);
	}
	tag[0] = a;
	tag[1] = b;
	tag[2] = a ^ (b >> 32);
	tag[3] = b ^ (a >> 32);
}

static bool
sign(void *context, const uint8_t *data, size_t length, uint8_t *tag)
{
	uint64_t	words[4];

	(void) context;
	compute_tag(data, length, words);
	memcpy(tag, words, sizeof(words));
	return true;
}

static bool
verify(void *context, const uint8_t *data, size_t length, const uint8_t *tag)
{
	uint64_t	words[4];

	(void) context;
	compute_tag(data, length, words);
	return memcmp(tag, words, sizeof(words)) == 0;
}

/* ----------
 * The lease cell, as lease_cell.c has it
 * ----------
 */

bool
host_lease_is_valid(const World *world, const Host *host)
{
	return host->cell.lease_term > host->cell.revoked_term &&
		host->cell.valid_until_ns > world->now_ns;
}

static void
clear_cell(Host *host)
{
	host->cell.lease_term = 0;
	host->cell.lease_end_ns = 0;
	host->cell.valid_until_ns = 0;
}

static void
revoke(Host *host, uint64_t term)
{
	if (host->cell.revoked_term < term)
		host->cell.revoked_term = term;
}

static void
lower_lease(Host *host)
{
	const RaftView *view = &host->view;

	if (host->raised_term == 0)
		return;
	if (view->lease_term == host->raised_term &&
		view->lease_end_ns >= host->raised_end_ns)
		return;
	clear_cell(host);
	if (view->lease_term != host->raised_term)
	{
		revoke(host, host->raised_term);
		host->ghost.ended_term = host->raised_term;
	}
	host->raised_term = 0;
	host->raised_end_ns = 0;
}

static void
raise_lease(World *world, Host *host)
{
	const RaftView *view = &host->view;
	Cell		former = host->cell;

	if (view->lease_term == 0 || view->lease_end_ns == 0)
		return;
	if (view->lease_term == host->raised_term &&
		view->lease_end_ns == host->raised_end_ns)
		return;
	host->cell.lease_term = host->raised_term = view->lease_term;
	host->cell.lease_end_ns = host->raised_end_ns = view->lease_end_ns;
	host->cell.valid_until_ns = clock_real_ns(&host->clock, view->lease_end_ns);
	if (view->lease_term <= host->cell.revoked_term)
		world_cover(world, COVER_RAISED_AFTER_REVOKED);
	invariants_check_lease(world, host, &former);
	if (former.lease_term != view->lease_term)
		trace_event(world, host, "holds the lease of term %llu",
					(unsigned long long) view->lease_term);
	faults_lease_raised(world, host, former.lease_term != view->lease_term);
}

/* ----------
 * Sender
 * ----------
 */

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
	packet->from = (int16_t) message->from;
	packet->to = (int16_t) message->to;
	packet->type = (uint8_t) message->type;
	links_send(world, index);
}

/* Somebody with the secret, or a fault of memory, makes terms up. */
static void
forge(World *world, Host *host, const RaftMessage *message)
{
	RaftMessage forged = *message;

	forged.term += FAR_TERM;
	if (forged.subject_term != 0)
		forged.subject_term += FAR_TERM;
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
		message->term + FAR_TERM < RAFT_TERM_LIMIT)
		forge(world, host, message);
}

static void
send_message(World *world, Host *host, const RaftMessage *message)
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
host_resume_sender(World *world, Host *host)
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
host_speak_last_words(World *world, Host *host)
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
	revoke(host, term);
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

/* ----------
 * Ticker: draining the core
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
			faults_loss_unwritten(world, host);
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
	trace_note(world, 2, host->id, host->record.term ^ host->record.generation << 32 ^
			   (uint64_t) host->record.standing << 60 ^ (uint64_t) (host->record.vote + 2) << 24);
	ghost_record_durable(world, host);
	if (host->record.vote >= 0 && host->record.vote != host->id &&
		(host->view.term != host->record.term || host->view.vote != host->record.vote))
		faults_vote_durable(world, host);
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
	world_schedule(world, world->now_ns + time_ns, EVENT_DISK, host->id,
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
		trace_note(world, 3, host->id, message.subject_term ^
				   (uint64_t) message.type << 56 ^ (uint64_t) message.to << 48 ^ message.round << 20);
		send_message(world, host, &message);
		faults_message_left(world, host, &message);
	}
	return true;
}

static void
publish(Host *host)
{
	host->published_view = host->view;
	host->published = true;
}

static void
carry_out(World *world, Host *host)
{
	RaftEvent	event;
	const char *broken;

	take_view(world, host);
	lower_lease(host);
	while (raft_ready(host->raft, &host->record))
	{
		if (!make_durable(world, host))
			return;
		take_view(world, host);
		lower_lease(host);
	}
	if (crash_here(world, host, CRASH_BEFORE_PUBLISH, COVER_CRASH_BEFORE_PUBLISH))
		return;
	raise_lease(world, host);
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

static void
begin_entry(World *world, Host *host)
{
	host->entry_ns = world->now_ns;
	host->entry_local_ns = clock_local_ns(&host->clock, world->now_ns);
	host->had_lease = host_lease_is_valid(world, host);
	host->crash_step = CRASH_NOWHERE;
	if (sim_chance(&world->fault_random, world->options.crash_step_ppm))
	{
		host->crash_step = (CrashStep) (1 + sim_below(&world->fault_random, CRASH_AFTER_SENDING));
		host->sends_before_crash = (int32_t) sim_below(&world->fault_random, 4);
	}
}

void
host_write_ended(World *world, Host *host)
{
	if (host->ticker_paused_ns > world->now_ns)
	{
		world_schedule(world, host->ticker_paused_ns, EVENT_DISK, host->id,
					   host->write_number);
		return;
	}
	host->writing = false;
	if (end_write(world, host))
	{
		carry_out(world, host);
		if (host->up && !host->writing)
			host_reschedule(world, host);
	}
}

/* ----------
 * Ticker: turns
 * ----------
 */

void
host_reschedule(World *world, Host *host)
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
host_is_free(const World *world, const Host *host)
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
	if (message->term >= FAR_TERM &&
		(before.standing != RAFT_MEMBER || before.amnesia != RAFT_AMNESIA_NONE))
		return;
	begin_entry(world, host);
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
	carry_out(world, host);
	invariants_check_told(world, host, message, &before);
	ghost_cover_entry(world, host, message, &before);
}

static void
tick(World *world, Host *host)
{
	begin_entry(world, host);
	if (raft_tick(host->raft, host->entry_local_ns,
				  sim_random(&host->draws)) == RAFT_NOT_DRAINED)
		invariants_fail(world, 4, host, "the core was not drained");
	carry_out(world, host);
	if (host->up && !host->writing)
		invariants_check_tick(world, host);
}

void
host_turn(World *world, Host *host)
{
	int32_t		left = world->count * 4 > 64 ? world->count * 4 : 64;
	uint64_t	start_number = host->start_number;
	uint64_t	local_ns = clock_local_ns(&host->clock, world->now_ns);

	if (!host_is_free(world, host))
	{
		host_reschedule(world, host);
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
	host_reschedule(world, host);
}

void
host_pause_ticker(World *world, Host *host, uint64_t until_ns)
{
	if (host->ticker_paused_ns < until_ns)
		host->ticker_paused_ns = until_ns;
	host_reschedule(world, host);
}

/* ----------
 * Receiver
 * ----------
 */

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

/* Let the datagram pass the gates of receiver.c; false: it was dropped. */
static bool
check_packet(World *world, Host *host, uint32_t index, RaftMessage *message)
{
	Packet	   *packet = &world->packets[index];
	WireHeader	header;
	WireDrop	drop = wire_decode_header(&host->wire, packet->bytes,
										  WIRE_DATAGRAM_SIZE, &header);

	if (drop == WIRE_OK)
		drop = wire_decode_body(&host->wire, packet->bytes, &header, message);
	if (drop != WIRE_OK)
	{
		cover_drop(world, drop, packet->damaged);
		if (!packet->damaged && drop != WIRE_DROP_FINGERPRINT)
			invariants_fail(world, 12, host, "an undamaged datagram is refused");
		return false;
	}
	message->stranger = false;
	message->challenge = 0;
	switch (session_check(&host->sessions, message, header.sequence,
						  sim_random(&world->session_random)))
	{
		case SESSION_ACCEPTED:
			return true;
		case SESSION_STRANGER:
			if (host->stranger_ns[message->from] != 0 &&
				world->now_ns - host->stranger_ns[message->from] < STRANGER_INTERVAL_NS)
				return false;
			host->stranger_ns[message->from] = world->now_ns;
			world_cover(world, COVER_STRANGER);
			message->stranger = true;
			message->challenge = session_challenge(&host->sessions, message->from);
			return true;
		case SESSION_DROP_REPLAY:
			world_cover(world, COVER_DROP_REPLAY);
			return false;
		default:
			world_cover(world, COVER_DROP_SESSION);
			return false;
	}
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
	if (host->inbox_count > 1 || !host_is_free(world, host))
		return;
	if (world->options.ticker_late_us > 0)
		host_pause_ticker(world, host, world->now_ns +
						  sim_exponential(&world->network_random,
										  (uint64_t) world->options.ticker_late_us * SIM_US));
	else
		host_turn(world, host);
}

void
host_take_packet(World *world, Host *host, uint32_t index)
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
host_resume_receiver(World *world, Host *host)
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

	if (host_lease_is_valid(world, host))
		world_cover(world, COVER_CELL_OUTLIVED_TICKER);
	clear_cell(host);

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
	memset(host->sequences, 0, sizeof(host->sequences));
	memset(host->stranger_ns, 0, sizeof(host->stranger_ns));
	memset(host->last_words, 0, (size_t) world->count * sizeof(LastWords));
	memset(&host->view, 0, sizeof(RaftView));
	host->view.leader_id = RAFT_NO_NODE;

	host->config.node_id = host->id;
	host->config.node_count = count;
	host->config.session = sim_random(&world->session_random) | 1;
	host->config.advertised_port = (uint16_t) (5432 + host->id);
	host->config.timings = host->timings;
	host->config.position_mode = (RaftPositionMode) world->options.position_mode;
	host->config.compare_positions = compare_positions;
	host->wire.fingerprint = wire_fingerprint(count, "sim");
	host->wire.node_id = host->id;
	host->wire.node_count = count;
	host->wire.tag = sign;
	host->wire.verify = verify;
	if (!session_table_init(&host->sessions, host->config.session, count,
							sim_random(&world->session_random)))
		invariants_fail(world, 12, host, "no table of sessions");

	disk_load(world, host, &durable, &confirmed);
	host->start_record = durable;
	host->unwritten = !confirmed;
	begin_entry(world, host);
	trace_event(world, host, "starts as %s, term %llu, vote %d, generation %llu%s",
				raft_standing_name(durable.standing),
				(unsigned long long) durable.term, durable.vote,
				(unsigned long long) durable.generation,
				confirmed ? "" : ", to be written first");
	trace_note(world, 1, host->id, durable.term);
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
	carry_out(world, host);
	if (host->up && host_is_free(world, host) &&
		world->options.position_mode != RAFT_POSITION_OFF)
		(void) host_move_position(world, host);
	host_reschedule(world, host);
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
			revoke(host, host->cell.lease_term);
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
	host_reschedule(world, host);
	if (down_ns != SIM_NEVER)
		world_schedule(world, world->now_ns + down_ns, EVENT_START, host->id,
					   (uint32_t) host->start_number);
}

/* ----------
 * What operators ask for.  The host must be free.
 * ----------
 */

static RaftResult
finish_request(World *world, Host *host, RaftResult result)
{
	carry_out(world, host);
	host_reschedule(world, host);
	return result;
}

RaftResult
host_step_down(World *world, Host *host, RaftReason reason)
{
	RaftResult	result;

	begin_entry(world, host);
	result = raft_step_down(host->raft, reason, host->entry_local_ns,
							sim_random(&host->draws));
	trace_event(world, host, "is asked to step down: %d", result);
	return finish_request(world, host, result);
}

RaftResult
host_transfer(World *world, Host *host, int32_t successor)
{
	RaftResult	result;

	begin_entry(world, host);
	result = raft_transfer(host->raft, successor, host->entry_local_ns,
						   sim_random(&host->draws));
	trace_event(world, host, "is asked to hand over to %d: %d", successor, result);
	return finish_request(world, host, result);
}

RaftResult
host_reload(World *world, Host *host)
{
	RaftResult	result;

	begin_entry(world, host);
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

	begin_entry(world, host);
	result = raft_forget_state(host->raft, host->entry_local_ns,
							   sim_random(&host->draws));
	trace_event(world, host, "is asked to forget its state: %d", result);
	return finish_request(world, host, result);
}

RaftResult
host_move_position(World *world, Host *host)
{
	begin_entry(world, host);
	return finish_request(world, host,
						  raft_set_position(host->raft, &host->position,
											host->entry_local_ns, sim_random(&host->draws)));
}
