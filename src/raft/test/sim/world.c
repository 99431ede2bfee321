/*-------------------------------------------------------------------------
 *
 * world.c
 *		Virtual time, the queue of events, building a world and running it.
 *
 * Events that are due at one time happen in the order in which they were
 * scheduled; the tickers' own deadlines come after them, as a ticker takes
 * what has come in before it acts on its timers.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define PPM					INT64_C(1000000)

/* Up to this, a product with a rate or a million fits 64 bits. */
#define SHORT_SPAN_NS		(INT64_C(1) << 43)

/* ----------
 * Chance
 * ----------
 */

/*
 * The negative natural logarithm of a uniform number, times the mean.  The
 * logarithm is that of a parabola through three points of each octave, good to
 * one percent.
 */
uint64_t
sim_exponential(uint64_t *state, uint64_t mean)
{
	uint64_t	u = sim_random(state) | 1;
	int			zeros = __builtin_clzll(u);
	uint64_t	fraction = zeros == 63 ? 0 : (u << (zeros + 1)) >> 48;
	uint64_t	curve = fraction +
	((fraction * (65536 - fraction) >> 16) * 22485 >> 16);
	uint64_t	log2 = ((uint64_t) (zeros + 1) << 16) - curve;

	return (uint64_t) (((unsigned __int128) mean * log2 * 45426) >> 32);
}

/* The heaviest tail that has a name: half of the draws are below 2 * least. */
uint64_t
sim_pareto(uint64_t *state, uint64_t least, uint64_t greatest)
{
	uint64_t	value = least / (sim_below(state, 65536) + 1) * 65536;

	if (value < least)
		value = least;
	return value < greatest ? value : greatest;
}

/* Each order of magnitude is as likely as another. */
uint64_t
sim_between_log(uint64_t *state, uint64_t least, uint64_t greatest)
{
	uint64_t	octaves = 0;
	uint64_t	low;
	uint64_t	high;

	if (least == 0)
		least = 1;
	if (greatest <= least)
		return least;
	while (least << (octaves + 1) < greatest)
		octaves++;
	low = least << sim_below(state, octaves + 1);
	high = low * 2 < greatest ? low * 2 : greatest;
	return low + sim_below(state, high - low + 1);
}

/* ----------
 * Clocks
 * ----------
 */

uint64_t
clock_local_ns(const Clock *clock, uint64_t real_ns)
{
	int64_t		span = (int64_t) (real_ns - clock->real_ns);
	int64_t		gain;

	if (span < SHORT_SPAN_NS)
		gain = span * clock->ppm / PPM;
	else
		gain = (int64_t) ((__int128) span * clock->ppm / PPM);
	return clock->local_ns + (uint64_t) (span + gain);
}

/* The first real time at which the clock shows that or more. */
uint64_t
clock_real_ns(const Clock *clock, uint64_t local_ns)
{
	uint64_t	span;
	uint64_t	real_ns;

	if (local_ns == SIM_NEVER)
		return SIM_NEVER;
	if (local_ns <= clock->local_ns)
		return clock->real_ns;
	span = local_ns - clock->local_ns;
	if (span < (uint64_t) SHORT_SPAN_NS)
		real_ns = clock->real_ns + span * PPM / (uint64_t) (PPM + clock->ppm);
	else
		real_ns = clock->real_ns + (uint64_t) ((unsigned __int128) span * PPM /
											   (uint64_t) (PPM + clock->ppm));
	while (clock_local_ns(clock, real_ns) < local_ns)
		real_ns++;
	while (real_ns > clock->real_ns &&
		   clock_local_ns(clock, real_ns - 1) >= local_ns)
		real_ns--;
	return real_ns;
}

void
clock_start(Clock *clock, uint64_t real_ns, uint64_t local_ns, int64_t ppm)
{
	clock->real_ns = real_ns;
	clock->local_ns = local_ns;
	clock->ppm = ppm;
}

/* From now on; what it shows now does not jump. */
void
clock_set_rate(Clock *clock, uint64_t real_ns, int64_t ppm)
{
	clock->local_ns = clock_local_ns(clock, real_ns);
	clock->real_ns = real_ns;
	clock->ppm = ppm;
}

/* ----------
 * Events: a heap of four children
 * ----------
 */

static inline bool
comes_first(const Event *a, const Event *b)
{
	return a->at_ns < b->at_ns ||
		(a->at_ns == b->at_ns && a->order < b->order);
}

void
world_schedule(World *world, uint64_t at_ns, EventKind kind, int32_t host,
			   uint32_t index)
{
	Event		event;
	size_t		place;

	event.at_ns = at_ns > world->now_ns ? at_ns : world->now_ns;
	event.order = world->order++ << 16 | (uint64_t) kind << 8 | (uint64_t) host;
	event.index = index;
	if (world->heap_count == world->heap_room)
	{
		world->heap_room = world->heap_room * 2 + 1024;
		world->heap = realloc(world->heap, world->heap_room * sizeof(Event));
		if (world->heap == NULL)
			abort();
	}
	place = world->heap_count++;
	while (place > 0 && comes_first(&event, &world->heap[(place - 1) / 4]))
	{
		world->heap[place] = world->heap[(place - 1) / 4];
		place = (place - 1) / 4;
	}
	world->heap[place] = event;
}

static Event
pop_event(World *world)
{
	Event	   *heap = world->heap;
	Event		first = heap[0];
	Event		last = heap[--world->heap_count];
	size_t		count = world->heap_count;
	size_t		place = 0;

	for (;;)
	{
		size_t		child = 4 * place + 1;
		size_t		end = child + 4 < count ? child + 4 : count;
		size_t		best = child;

		if (child >= count)
			break;
		while (++child < end)
		{
			if (comes_first(&heap[child], &heap[best]))
				best = child;
		}
		if (!comes_first(&heap[best], &last))
			break;
		heap[place] = heap[best];
		place = best;
	}
	heap[place] = last;
	return first;
}

void
world_due_changed(World *world, Host *host, uint64_t due_ns)
{
	uint64_t	former = world->due_ns[host->place];
	int32_t		i;

	world->due_ns[host->place] = due_ns;
	if (host->place != world->next_due)
	{
		if (due_ns < world->due_ns[world->next_due])
			world->next_due = host->place;
		return;
	}
	if (due_ns <= former)
		return;
	for (i = 0; i < world->places; i++)
	{
		if (world->due_ns[i] < world->due_ns[world->next_due])
			world->next_due = i;
	}
}

/* ----------
 * Building
 * ----------
 */

/* The base that other lengths of time are percents of. */
uint64_t
world_timeout_ns(const World *world)
{
	return (uint64_t) world->options.timeout_min_ms * SIM_MS;
}

/* Uneven: mildly, or wildly; always such as raft_check_timings() lets pass. */
void
world_first_timings(World *world, Host *host, RaftTimings *timings)
{
	const SimOptions *options = &world->options;
	uint64_t	percent = 100;
	uint64_t	least;

	if (options->uneven_timings == 1)
		percent = 90 + sim_below(&world->fault_random, 30);
	else if (options->uneven_timings == 2)
		percent = sim_between_log(&world->fault_random, 20, 500);
	least = world_timeout_ns(world) / 100 * percent;
	if (least < 5 * SIM_MS)
		least = 5 * SIM_MS;
	if (least > 60 * SIM_S)
		least = 60 * SIM_S;
	timings->election_timeout_min_ns = least;
	timings->election_timeout_max_ns = least / 100 * (uint64_t) options->timeout_max_percent;
	timings->heartbeat_interval_ns = least / (uint64_t) options->heartbeats;
	if (timings->heartbeat_interval_ns < SIM_MS)
		timings->heartbeat_interval_ns = SIM_MS;
	timings->max_clock_drift_ppm = (uint32_t) options->drift_ppm;
	timings->priority = 100;
	if (options->uneven_priorities)
		timings->priority = (int32_t) sim_below(&world->fault_random, 4) * 333;
	if (options->uneven_priorities && host->id == 0 && timings->priority == 0)
		timings->priority = 1;
}

World *
world_new(void)
{
	World	   *world = calloc(1, sizeof(World));

	if (world == NULL)
		abort();
	return world;
}

static void *
allocate(size_t count, size_t size)
{
	void	   *memory = calloc(count, size);

	if (memory == NULL)
		abort();
	return memory;
}

static void
build_host(World *world, Host *host, int32_t place)
{
	size_t		room = (size_t) world->options.queue_room;

	host->id = host->place = host->body = place;
	host->has_address = true;
	host->raft = allocate(1, raft_node_size());
	host->inbox = allocate(room, sizeof(RaftMessage));
	host->outbox = allocate(room, sizeof(RaftMessage));
	host->last_words = allocate((size_t) world->count, sizeof(LastWords));
	host->ghost.promised_ns = allocate((size_t) world->count, sizeof(uint64_t));
	host->ghost.counted = allocate((size_t) world->count, sizeof(LowReport));
	host->ghost.promised_to = RAFT_NO_NODE;
	host->buffer_first = host->buffer_last = SIM_NO_PACKET;
	host->draws = sim_random(&world->session_random);
	host->early_draws = sim_random(&world->session_random);
	world_first_timings(world, host, &host->timings);

	host->disk.known = UINT64_MAX;
	host->disk.declared_new = world->options.born != 0;
	if (!world->options.born)
	{
		host->disk.content = DISK_RECORD;
		host->disk.confirmed.vote = RAFT_VOTE_NONE;
		host->disk.confirmed.standing = RAFT_MEMBER;
		host->disk.confirmed.generation = 1;
		world->born = true;
	}
}

void
world_build(World *world, const SimOptions *options, uint64_t seed)
{
	uint64_t	streams = seed ^ UINT64_C(0x51a7);
	int32_t		i;

	memset(world, 0, sizeof(World));
	world->options = *options;
	world->seed = seed;
	world->count = (int32_t) options->nodes;
	world->network_random = sim_random(&streams);
	world->fault_random = sim_random(&streams);
	world->disk_random = sim_random(&streams);
	world->read_random = sim_random(&streams);
	world->session_random = sim_random(&streams);
	world->hash = UINT64_C(0xcbf29ce484222325);
	world->packet_free = SIM_NO_PACKET;
	world->read_free = SIM_NO_PACKET;
	world->leader = RAFT_NO_NODE;
	world->now_ns = SIM_S;
	world->max_promise_ns = RAFT_MAX_PROMISE_NS;

	clones_build(world);
	world->hosts = allocate((size_t) world->places, sizeof(Host));
	world->due_ns = allocate((size_t) world->places, sizeof(uint64_t));
	world->in_core = allocate((size_t) world->places, sizeof(bool));
	for (i = 0; i < world->places; i++)
		world->due_ns[i] = SIM_NEVER;
	world->election_room = 256;
	world->elections = allocate(world->election_room, sizeof(Election));
	links_build(world);

	for (i = 0; i < world->count; i++)
	{
		Host	   *host = &world->hosts[i];
		uint64_t	delay_ns = sim_below(&world->fault_random,
										 (uint64_t) options->start_spread_ms * SIM_MS + 1);

		build_host(world, host, i);
		host_boot(world, host);
		world_schedule(world, world->now_ns + delay_ns, EVENT_START, i,
					   (uint32_t) host->start_number);
	}
	if (world->places > world->count)
		build_host(world, &world->hosts[world->count], world->count);
	faults_begin(world);
	reader_begin(world);
}

void
world_clear(World *world)
{
	int32_t		i;
	uint32_t	m;

	for (i = 0; i < world->places; i++)
	{
		Host	   *host = &world->hosts[i];

		free(host->raft);
		free(host->inbox);
		free(host->outbox);
		free(host->last_words);
		free(host->ghost.promised_ns);
		free(host->ghost.counted);
	}
	for (m = 0; m < world->mend_count; m++)
		free(world->mends[m].pairs);
	free(world->hosts);
	free(world->due_ns);
	free(world->in_core);
	free(world->elections);
	free(world->links);
	free(world->packets);
	free(world->mends);
	free(world->reads);
	free(world->heap);
	free(world->speakers);
	bodies_clear(world);
	memset(world, 0, sizeof(World));
}

void
world_free(World *world)
{
	free(world);
}

/* ----------
 * Running
 * ----------
 */

static void
handle_event(World *world, const Event *event)
{
	EventKind	kind = (EventKind) (event->order >> 8 & 0xff);
	Host	   *host = &world->hosts[event->order & 0xff];
	bool		is_current = event->index == (uint32_t) host->start_number;

	switch (kind)
	{
		case EVENT_PACKET:
			links_arrive(world, event->index);
			break;
		case EVENT_DISK:
			if (host->up && host->writing && event->index == host->write_number)
				ticker_write_ended(world, host);
			break;
		case EVENT_START:
			if (!host->up && is_current)
				host_start(world, host);
			break;
		case EVENT_RESUME_SENDER:
			if (host->up && is_current && host->sender_paused_ns <= world->now_ns)
				sender_resume(world, host);
			break;
		case EVENT_RESUME_RECEIVER:
			if (host->up && is_current && host->receiver_paused_ns <= world->now_ns)
			{
				clones_note_resumed(world, host);
				receiver_resume(world, host);
			}
			break;
		case EVENT_EXIT_TICKER:
			if (host->up && is_current)
				host_crash(world, host, false, true,
						   sim_exponential(&world->fault_random, world_timeout_ns(world)));
			break;
		case EVENT_FAULT:
			faults_strike(world);
			break;
		case EVENT_MEND:
			fault_links_mend(world, event->index);
			break;
		case EVENT_READ:
			if (host->place < world->present && event->index == (uint32_t) host->body)
				reader_load(world, host);
			break;
		case EVENT_ANSWER:
			reader_answer(world, event->index);
			break;
		case EVENT_CLONE:
			clones_befall(world, event->index);
			break;
	}
}

/* The next event, if it is due by then; false: none is. */
bool
world_step(World *world, uint64_t limit_ns)
{
	uint64_t	due_ns = world->due_ns[world->next_due];

	if (world->heap_count > 0 && world->heap[0].at_ns <= due_ns)
	{
		Event		event;

		if (world->heap[0].at_ns > limit_ns)
			return false;
		event = pop_event(world);
		world->now_ns = event.at_ns;
		world->event_count++;
		handle_event(world, &event);
		return true;
	}
	if (due_ns == SIM_NEVER || due_ns > limit_ns)
		return false;
	if (due_ns > world->now_ns)
		world->now_ns = due_ns;
	world->event_count++;
	ticker_turn(world, &world->hosts[world->next_due]);
	return true;
}

void
world_run_events(World *world, uint64_t count)
{
	uint64_t	end = world->event_count + count;

	while (world->event_count < end && !world->failed &&
		   world_step(world, SIM_NEVER - 1))
		;
}

void
world_run_until(World *world, uint64_t real_ns)
{
	while (!world->failed && world_step(world, real_ns))
		;
	if (!world->failed && world->now_ns < real_ns)
		world->now_ns = real_ns;
}
