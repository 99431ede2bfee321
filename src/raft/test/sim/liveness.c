/*-------------------------------------------------------------------------
 *
 * liveness.c
 *		What must happen when faults end.
 *
 * A majority of members is healed for good: good links among them, good disks,
 * no pauses, and mostly one set of timings.  All others stay broken: down, mute, deaf,
 * deaf and crashing again and again, or cut off and mute by turns.  (None of
 * them can be heard and hear, so none can lead; whoever can, is no outsider.)
 * If there is no majority of members, all nodes are healed, and operators may
 * have to help: with a birth that lost a state, or several amnesiacs.
 *
 * Of a node that runs twice, the clone is stopped first; or, if a majority
 * can do without that node, the two go on, well and heard by all.  The others
 * find them out, and then a node that is heard twice is like one that is down.
 *
 * What is demanded, from the moment that the last write under way has ended
 * and the settings are loaded:
 *
 *	1.	a lease within 3 times the longest election timeout (5 times for N > 9),
 *		after what must be waited for: silences and promises still in force, a
 *		stay after a lapse (twice the longest former timeout), the retry of
 *		a failed write, and three probes of a second each until all sessions
 *		are accepted again;
 *	2.	thereafter, for 10 timeouts, the same leader with the same lease;
 *	3.	few terms: MAX_TERMS_SPENT from the end of faults to that lease;
 *	4.	if all are healed: every node a member, an amnesiac by asking alone,
 *		if it is the only one, within its minute.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

#define MAX_TERMS_SPENT			6

/* Probes go out this often; two nodes that restarted need three at worst. */
#define PROBE_NS				SIM_S
#define PROBES					3

/* One that is left of two answers that many challenges, one with each probe. */
#define CONTEST_NS				((SESSION_CONTEST_ANSWERS + 3) * PROBE_NS)

/* An operator looks that often. */
#define LOOK_NS					SIM_S

/* Rounds of the minute that a birth with lost states may take. */
#define MAX_MINUTES				5

typedef enum Outsider
{
	OUTSIDER_DOWN = 0,
	OUTSIDER_MUTE,				/* hears the core, is not heard */
	OUTSIDER_DEAF,				/* is heard, hears nothing */
	OUTSIDER_CRASHING,			/* deaf, and restarts over and over */
	OUTSIDER_FLAPPING,			/* cut off and mute by turns */
	OUTSIDER_KINDS,
	OUTSIDER_TWICE				/* runs twice, and all is well else */
} Outsider;

static void
fail(World *world, const Host *host, const char *detail)
{
	invariants_fail(world, 13, host, detail);
}

/* ----------
 * Who is healed
 * ----------
 */

static bool
is_sound(const Host *host)
{
	const Disk *disk = &host->disk;

	return disk->content == DISK_RECORD && !disk->has_stray &&
		!host->misconfigured && !disk->misconfigured &&
		disk->confirmed.standing == RAFT_MEMBER &&
		!host->ghost.rolled_back && host->view.amnesia == RAFT_AMNESIA_NONE &&
		!(host->writing && host->record.standing != RAFT_MEMBER);
}

/* It may have to be told of what its clones have written. */
static bool
was_cloned(const World *world, const Host *host)
{
	return host->id == world->clone_of && world->clone_number > 0;
}

/* Do the two go on?  Only if the others are enough. */
static void
settle_clones(World *world)
{
	int32_t		sound = 0;
	int32_t		i;

	for (i = 0; i < world->count; i++)
		sound += is_sound(&world->hosts[i]) && !was_cloned(world, &world->hosts[i]);
	world->clones_stay = clones_clone(world) != NULL &&
		sound >= world->count / 2 + 1 && sim_chance(&world->fault_random, 500000);
	if (!world->clones_stay)
		clones_stop(world);
	else
		world->hosts[world->clone_of].has_address =
			world->hosts[world->count].has_address = world->is_flooded = true;
}

/* True: a majority of members; false: all, whatever they are. */
static bool
choose_core(World *world)
{
	int32_t		sound = 0;
	int32_t		wanted;
	int32_t		i;

	for (i = 0; i < world->count; i++)
		sound += is_sound(&world->hosts[i]) && !was_cloned(world, &world->hosts[i]);
	if (sound < world->count / 2 + 1 ||
		(!world->clones_stay && sim_chance(&world->fault_random, 250000)))
	{
		for (i = 0; i < world->count; i++)
			world->in_core[i] = true;
		return false;
	}
	wanted = world->count / 2 + 1;
	wanted += (int32_t) sim_below(&world->fault_random, (uint64_t) (sound - wanted) + 1);
	while (wanted > 0)
	{
		i = (int32_t) sim_below(&world->fault_random, (uint64_t) world->count);
		if (is_sound(&world->hosts[i]) && !world->in_core[i] &&
			!was_cloned(world, &world->hosts[i]))
		{
			world->in_core[i] = true;
			wanted--;
		}
	}
	return true;
}

static void
cut_off(World *world, int32_t id, bool outward, bool inward, int change)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (outward && i != id)
			links_cut(world, id, i, change);
		if (inward && i != id)
			links_cut(world, i, id, change);
	}
}

static Outsider
break_for_good(World *world, Host *host)
{
	Outsider	kind = (Outsider) sim_below(&world->fault_random, OUTSIDER_KINDS);

	switch (kind)
	{
		case OUTSIDER_DOWN:
			host_crash(world, host, true, false, SIM_NEVER);
			break;
		case OUTSIDER_MUTE:
		case OUTSIDER_FLAPPING:
			cut_off(world, host->id, true, false, 1);
			break;
		default:
			cut_off(world, host->id, false, true, 1);
			break;
	}
	trace_event(world, host, "stays broken, kind %d", (int) kind);
	return kind;
}

/*
 * What outsiders have sent before they became outsiders never arrives.  Nor does
 * what was sent to a node that runs twice: one of the two would be content with
 * what comes late, and not ask why it hears no more.
 */
static void
forget_packets(World *world)
{
	size_t		i;

	for (i = 0; i < world->heap_count; i++)
	{
		Packet	   *packet = &world->packets[world->heap[i].index];

		if ((EventKind) (world->heap[i].order >> 8 & 0xff) == EVENT_PACKET &&
			(!world->in_core[packet->from] ||
			 (world->clones_stay &&
			  (packet->to == world->clone_of || packet->to == world->count))))
		{
			memset(packet->bytes, 0, sizeof(packet->bytes));
			packet->damaged = true;
		}
	}
}

/* Wait for what is under way, on the disk above all. */
static void
await_free(World *world, Host *host)
{
	while (!world->failed && (!host->up || !ticker_is_free(world, host)) &&
		   world_step(world, SIM_NEVER - 1))
		;
}

static void
heal(World *world, Host *host)
{
	host->disk.slow_until_ns = host->disk.failing_until_ns = 0;
	if (host->misconfigured)
	{
		host_crash(world, host, true, false, 0);
		host->misconfigured = false;
	}
	else if (!host->up)
	{
		host->start_number++;
		world_schedule(world, world->now_ns, EVENT_START, host->place,
					   (uint32_t) host->start_number);
	}
	else if (host->dying)
		host_crash(world, host, false, true, 0);
	host->ticker_paused_ns = host->sender_paused_ns = host->receiver_paused_ns = 0;
	if (host->up)
	{
		sender_resume(world, host);
		receiver_resume(world, host);
		ticker_reschedule(world, host);
	}
}

/*
 * One set of timings, or one for each, and one position for all; somebody may
 * lead.  Returns the longest timeout of the new settings.
 */
static uint64_t
settle(World *world)
{
	uint64_t	max_ns = 0;
	bool		may_lead = false;
	int32_t		i;

	world->options.uneven_timings = world->options.uneven_for_good ? 2 : 0;
	if (world->options.uneven_for_good)
		world_cover(world, COVER_LIVE_UNEVEN);
	for (i = 0; i < world->count; i++)
		may_lead |= world->in_core[i] && world->hosts[i].timings.priority > 0;
	for (i = 0; i < world->count; i++)
	{
		Host	   *host = &world->hosts[i];
		int32_t		priority = host->timings.priority;

		if (!world->in_core[i])
			continue;
		if (!may_lead)
			priority = 100;
		may_lead = true;
		world_first_timings(world, host, &host->timings);
		host->timings.priority = priority;
		memset(&host->position, 0, sizeof(RaftPosition));
		if (max_ns < host->timings.election_timeout_max_ns)
			max_ns = host->timings.election_timeout_max_ns;
		await_free(world, host);
		if (world->failed)
			break;
		(void) host_reload(world, host);
		await_free(world, host);
		(void) host_move_position(world, host);
	}
	return max_ns;
}

/* ----------
 * What must be waited for
 * ----------
 */

/* A local time of that host as a length from now. */
static uint64_t
wait_ns(const World *world, const Host *host, uint64_t local_ns)
{
	uint64_t	real_ns;

	if (local_ns == 0)
		return 0;
	real_ns = clock_real_ns(&host->clock, local_ns);
	return real_ns > world->now_ns ? real_ns - world->now_ns : 0;
}

static void
raise_to(uint64_t *greatest, uint64_t value)
{
	if (*greatest < value)
		*greatest = value;
}

/* A contest about a node that runs once again ends after so long. */
static uint64_t
contest_ns(const World *world)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (world->clone_number > 0 && world->in_core[i] &&
			world->in_core[world->clone_of] &&
			session_is_contested(&world->hosts[i].sessions, world->clone_of))
			return CONTEST_NS;
	}
	return 0;
}

/* Silences, promises and stays of the core's nodes that began before now. */
static uint64_t
unavoidable_ns(const World *world, uint64_t former_max_ns)
{
	uint64_t	longest = 2 * former_max_ns;
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		const Host *host = &world->hosts[i];

		if (!world->in_core[i])
			continue;
		if (host->view.silent)
			raise_to(&longest, wait_ns(world, host, host->view.silent_until_ns));
		raise_to(&longest, wait_ns(world, host, host->view.promised_until_ns));
		raise_to(&longest, wait_ns(world, host, host->view.lease_end_ns));
	}
	return longest + world_timeout_ns(world) + PROBES * PROBE_NS + contest_ns(world);
}

static bool
core_has_lease(const World *world)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (world->in_core[i] && cell_is_valid(world, &world->hosts[i]) &&
			world->hosts[i].view.role == RAFT_LEADER)
			return true;
	}
	return false;
}

/* ----------
 * Outsiders go on
 * ----------
 */

/* Run for that long; outsiders that crash or flap do so meanwhile. */
static void
run_for(World *world, uint64_t length_ns, Outsider *kinds, bool until_lease)
{
	uint64_t	end_ns = world->now_ns + length_ns;
	uint64_t	turn_ns = world_timeout_ns(world) / 3;
	uint64_t	next_ns = world->now_ns + turn_ns;
	uint32_t	turn = 0;
	int32_t		i;

	while (!world->failed && world->now_ns < end_ns)
	{
		uint64_t	until_ns = next_ns < end_ns ? next_ns : end_ns;

		if (!world_step(world, until_ns))
			world->now_ns = until_ns;
		if (until_lease && core_has_lease(world))
			return;
		if (world->now_ns < next_ns)
			continue;
		next_ns += turn_ns;
		turn++;
		for (i = 0; i < world->count; i++)
		{
			if (world->in_core[i])
				continue;
			if (kinds[i] == OUTSIDER_CRASHING)
				host_crash(world, &world->hosts[i], false, turn % 2 == 0, 0);
			if (kinds[i] == OUTSIDER_FLAPPING)
				cut_off(world, i, false, true, turn % 2 == 0 ? -1 : 1);
		}
	}
}

/* ----------
 * Members again
 * ----------
 */

static int32_t
count_members(const World *world)
{
	int32_t		members = 0;
	int32_t		i;

	for (i = 0; i < world->count; i++)
		members += world->hosts[i].up && world->hosts[i].view.standing == RAFT_MEMBER &&
			world->hosts[i].view.amnesia == RAFT_AMNESIA_NONE;
	return members;
}

/* Is asking not enough?  Another one is amnesiac, or not yet READY. */
static bool
needs_operator(const World *world, const Host *host)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		RaftStanding standing = world->hosts[i].view.standing;

		if (&world->hosts[i] != host &&
			standing != RAFT_READY && standing != RAFT_MEMBER)
			return true;
	}
	return world->count == 1;
}

/* All are up and hear each other: each becomes a member in the end. */
static void
await_members(World *world, Outsider *kinds)
{
	uint64_t	minute_ns = (RAFT_MAX_PROMISE_NS + 10 * SIM_S + 3 * world_timeout_ns(world)) / 100 * 130;
	uint64_t	asked_ns = world->now_ns;
	uint64_t	end_ns = world->now_ns + MAX_MINUTES * minute_ns;
	bool		was_needed = false;
	int32_t		i;

	/* A record that was rolled back is told of now, or perhaps never. */
	run_for(world, 2 * PROBES * PROBE_NS + contest_ns(world), kinds, false);
	if (count_members(world) == world->count)
		return;
	while (!world->failed && count_members(world) < world->count &&
		   world->now_ns < end_ns)
	{
		run_for(world, LOOK_NS, kinds, false);
		for (i = 0; i < world->count; i++)
		{
			Host	   *host = &world->hosts[i];

			if (!ticker_is_free(world, host) ||
				host->view.standing != RAFT_AMNESIAC ||
				!needs_operator(world, host))
				continue;
			was_needed = true;
			if (host->view.forget_at_ns == 0)
			{
				world_cover(world, COVER_LIVE_OPERATOR);
				(void) host_forget_state(world, host);
			}
		}
	}
	if (world->failed)
		return;
	if (count_members(world) < world->count)
		fail(world, NULL, "not all nodes became members, though all are well");
	else if (!was_needed && world->now_ns > asked_ns + minute_ns)
		fail(world, NULL, "an amnesiac took too long to recover by asking");
	else
		world_cover(world, COVER_LIVE_RECOVERED);
}

/* Both are heard by all: nobody believes either. */
static void
await_contest(World *world, Outsider *kinds)
{
	int32_t		i;

	world_cover(world, COVER_LIVE_CLONES);
	await_free(world, &world->hosts[world->clone_of]);
	await_free(world, clones_clone(world));
	run_for(world, 2 * PROBES * PROBE_NS, kinds, false);
	for (i = 0; i < world->count && !world->failed; i++)
	{
		if (world->in_core[i] &&
			!session_is_contested(&world->hosts[i].sessions, world->clone_of))
			invariants_fail(world, 14, &world->hosts[i],
							"it hears two servers with one id, and does not notice");
	}
}

void
liveness_run(World *world)
{
	Outsider	kinds[RAFT_MAX_NODES];
	uint64_t	max_ns;
	uint64_t	former_max_ns = 0;
	uint64_t	began_ns;
	uint64_t	bound_ns;
	uint64_t	term;
	uint64_t	leases;
	bool		is_majority;
	int32_t		i;

	if (world->claims_over)
		return;
	faults_end(world);
	settle_clones(world);
	is_majority = choose_core(world);
	world_cover(world, is_majority ? COVER_LIVE_CORE : COVER_LIVE_ALL);
	links_heal_all(world);
	if (world->options.disk_us > world->options.timeout_min_ms * 5)
		world->options.disk_us = world->options.timeout_min_ms * 5;
	forget_packets(world);
	for (i = 0; i < world->count; i++)
	{
		if (world->hosts[i].up)
			raise_to(&former_max_ns, world->hosts[i].view.timings.election_timeout_max_ns);
		raise_to(&former_max_ns, world->hosts[i].timings.election_timeout_max_ns);
		if (world->in_core[i])
			heal(world, &world->hosts[i]);
		else if (world->clones_stay && i == world->clone_of)
		{
			heal(world, &world->hosts[i]);
			heal(world, clones_clone(world));
			kinds[i] = OUTSIDER_TWICE;
		}
		else
			kinds[i] = break_for_good(world, &world->hosts[i]);
	}
	max_ns = settle(world);
	if (!is_majority)
		await_members(world, kinds);
	if (world->clones_stay)
		await_contest(world, kinds);
	if (world->failed || world->claims_over)
		return;

	bound_ns = unavoidable_ns(world, former_max_ns) + (world->count > 9 ? 5 : 3) * max_ns;
	term = world->max_term;
	began_ns = world->now_ns;
	run_for(world, bound_ns, kinds, true);
	if (world->failed)
		return;
	trace_event(world, NULL, "liveness: lease after %llu ms of %llu ms",
				(unsigned long long) ((world->now_ns - began_ns) / SIM_MS),
				(unsigned long long) (bound_ns / SIM_MS));
	if (!core_has_lease(world))
	{
		fail(world, NULL, "no lease within the bound after faults ended");
		return;
	}
	if (world->max_term > term + MAX_TERMS_SPENT)
		fail(world, NULL, "too many terms were spent after faults ended");

	/* Let what began before find its end. */
	run_for(world, 2 * max_ns + unavoidable_ns(world, former_max_ns), kinds, false);
	leases = world->leader_changes;
	run_for(world, 10 * max_ns, kinds, false);
	if (!world->failed && (world->leader_changes != leases || !core_has_lease(world)))
		fail(world, NULL, "leadership changed without need");
}
