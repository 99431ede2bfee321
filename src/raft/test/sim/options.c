/*-------------------------------------------------------------------------
 *
 * options.c
 *		What a seed switches on.
 *
 * Swarm testing (Groce et al., ISSTA 2012): each class of faults is on in half
 * of the seeds, so that none hides behind another, and its strength is drawn.
 * Every option has a name, for printing and for overriding: a seed with its
 * overrides says what a run is, as long as this file does not change.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

typedef struct OptionName
{
	const char *name;
	size_t		offset;
} OptionName;

#define OPTION(field) { #field, offsetof(SimOptions, field) }

static const OptionName option_names[] = {
	OPTION(nodes), OPTION(steps), OPTION(born), OPTION(tick_each_turn),
	OPTION(timeout_min_ms), OPTION(heartbeats), OPTION(timeout_max_percent),
	OPTION(drift_ppm), OPTION(clock_ppm), OPTION(clock_high),
	OPTION(uneven_timings), OPTION(uneven_priorities), OPTION(position_mode),
	OPTION(start_spread_ms), OPTION(delay_kind), OPTION(delay_us),
	OPTION(loss_ppm), OPTION(uneven_loss), OPTION(duplicate_ppm),
	OPTION(copies), OPTION(hold_percent), OPTION(flip_ppm), OPTION(forge_ppm),
	OPTION(queue_room), OPTION(ticker_late_us), OPTION(disk_us), OPTION(tear),
	OPTION(crash_step_ppm), OPTION(fault_percent),
	OPTION(fault_length_percent), OPTION(faults), OPTION(drop_kind),
	OPTION(drop_ppm), OPTION(hold_kind), OPTION(hold_ppm),
	OPTION(grant_crash_ppm), OPTION(grant_loss_ppm),
	OPTION(handover_crash_ppm), OPTION(lease_edge_ppm),
	OPTION(promise_edge_ppm), OPTION(ack_loss_ppm), OPTION(wipe_ppm),
	OPTION(first_ack_ppm), OPTION(read_percent),
	OPTION(read_pause_ppm), OPTION(early_ticks), OPTION(roll_back_ppm), OPTION(clone_ppm),
	OPTION(liveness), OPTION(uneven_for_good), OPTION(ignored),
};

#define OPTION_COUNT (sizeof(option_names) / sizeof(option_names[0]))

_Static_assert(OPTION_COUNT == sizeof(SimOptions) / sizeof(int64_t),
			   "every option needs its name");

static const char *const fault_names[FAULT_CLASSES] = {
	[FAULT_PARTITION] = "partition",
	[FAULT_ISOLATE] = "isolated node",
	[FAULT_HUB] = "hub",
	[FAULT_CHAIN] = "chain",
	[FAULT_FLAP] = "flapping link",
	[FAULT_SWIZZLE] = "swizzled links",
	[FAULT_SEVER] = "link severed for good",
	[FAULT_CRASH_HOST] = "machine crashes",
	[FAULT_CRASH_PIPELINE] = "pipeline crashes",
	[FAULT_CRASH_ALL] = "power cut",
	[FAULT_SHUTDOWN] = "shutdown",
	[FAULT_SENDER_ENDS] = "sender ends before the ticker",
	[FAULT_DISK_SLOW] = "slow disk",
	[FAULT_DISK_FAILS] = "failing disk",
	[FAULT_LOSE_STATE] = "state lost",
	[FAULT_LOSE_DECLARED_NEW] = "state lost and declared new",
	[FAULT_COPY_STATE] = "state file copied",
	[FAULT_ROLL_BACK] = "state rolled back unseen",
	[FAULT_CLONE] = "clone beside the original",
	[FAULT_PAUSE_TICKER] = "ticker pauses",
	[FAULT_PAUSE_SENDER] = "sender pauses",
	[FAULT_PAUSE_RECEIVER] = "receiver pauses",
	[FAULT_PAUSE_HOST] = "host pauses",
	[FAULT_TRANSFER] = "transfer",
	[FAULT_STEP_DOWN] = "step down",
	[FAULT_RELOAD] = "reload",
	[FAULT_FORGET_STATE] = "forget state",
	[FAULT_MISCONFIGURE] = "other number of nodes",
	[FAULT_POSITION] = "position moves",
	[FAULT_CLOCK_RATE] = "clock slewed",
};

const char *
options_fault_name(FaultClass fault)
{
	return fault_names[fault];
}

static int64_t *
find_option(SimOptions *options, size_t index)
{
	return (int64_t *) ((char *) options + option_names[index].offset);
}

static int64_t
between(uint64_t *random, uint64_t least, uint64_t greatest)
{
	return (int64_t) sim_between_log(random, least, greatest);
}

/* On with probability one half, and then of a strength to be drawn. */
static int64_t
perhaps(uint64_t *random, uint64_t least, uint64_t greatest)
{
	return (sim_random(random) & 1) != 0 ? between(random, least, greatest) : 0;
}

static bool
one_in(uint64_t *random, uint64_t n)
{
	return sim_below(random, n) == 0;
}

static int64_t
draw_kind(uint64_t *random)
{
	return (int64_t) (RAFT_MESSAGE_TYPE_FIRST +
					  sim_below(random, RAFT_MESSAGE_TYPE_LAST));
}

static void
draw_timing(SimOptions *options, uint64_t *random)
{
	options->timeout_min_ms = between(random, 100, 20000);
	options->heartbeats = one_in(random, 2) ? 10 : 5 + (int64_t) sim_below(random, 16);
	if (options->heartbeats > options->timeout_min_ms / 2)
		options->heartbeats = 10;
	options->timeout_max_percent = one_in(random, 2) ? 150 :
		110 + (int64_t) sim_below(random, 190);
	options->drift_ppm = one_in(random, 3) ? 10000 : perhaps(random, 100, 200000);
	options->clock_ppm = one_in(random, 3) ? 0 : options->drift_ppm;
	options->clock_high = one_in(random, 4);
	options->uneven_timings = one_in(random, 2) ? 0 : 1 + (int64_t) sim_below(random, 2);
	options->uneven_priorities = one_in(random, 2);
	options->position_mode = one_in(random, 2) ? RAFT_POSITION_OFF :
		1 + (int64_t) sim_below(random, 2);
	options->start_spread_ms = one_in(random, 2) ? 0 :
		between(random, 1, 3 * (uint64_t) options->timeout_min_ms);
	options->tick_each_turn = one_in(random, 2);
	options->born = one_in(random, 4);
}

static void
draw_network(SimOptions *options, uint64_t *random)
{
	uint64_t	timeout_us = (uint64_t) options->timeout_min_ms * 1000;

	options->delay_kind = (int64_t) sim_below(random, 4);
	options->delay_us = between(random, 10, timeout_us / 10);
	options->loss_ppm = perhaps(random, 1000, 300000);
	options->uneven_loss = one_in(random, 6);
	options->duplicate_ppm = perhaps(random, 1000, 200000);
	options->copies = 1 + (int64_t) sim_below(random, 5);
	options->hold_percent = between(random, 50, 10000);
	options->flip_ppm = perhaps(random, 100, 100000);
	options->forge_ppm = one_in(random, 4) ? 10000 : 0;
	options->queue_room = one_in(random, 4) ? 16 : 64 + 4 * options->nodes;
	options->ticker_late_us = perhaps(random, 10, timeout_us / 50);
	options->disk_us = perhaps(random, 100, timeout_us / 20);
	options->tear = one_in(random, 2);
}

static void
draw_aimed(SimOptions *options, uint64_t *random)
{
	options->drop_kind = draw_kind(random);
	options->drop_ppm = perhaps(random, 10000, 900000);
	options->hold_kind = draw_kind(random);
	options->hold_ppm = perhaps(random, 1000, 300000);
	options->grant_crash_ppm = perhaps(random, 10000, 500000);
	options->grant_loss_ppm = one_in(random, 2) ? 0 : 500000;
	options->handover_crash_ppm = perhaps(random, 50000, 800000);
	options->lease_edge_ppm = perhaps(random, 100, 20000);
	options->promise_edge_ppm = perhaps(random, 100, 10000);
	options->ack_loss_ppm = one_in(random, 3) ? between(random, 20, 2000) : 0;
	options->wipe_ppm = one_in(random, 4) ? between(random, 10000, 500000) : 0;
	options->first_ack_ppm = perhaps(random, 100000, 900000);
	options->crash_step_ppm = perhaps(random, 20, 3000);
}

void
options_draw(SimOptions *options, uint64_t seed)
{
	static const int8_t sizes[] = {1, 2, 3, 3, 3, 4, 5, 5, 5, 7, 9};
	uint64_t	state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	uint64_t   *random = &state;
	int			i;

	memset(options, 0, sizeof(SimOptions));
	(void) sim_random(random);
	options->nodes = sizes[sim_below(random, sizeof(sizes))];
	options->steps = 10000;
	draw_timing(options, random);
	draw_network(options, random);
	draw_aimed(options, random);

	options->fault_percent = between(random, 50, 5000);
	options->fault_length_percent = between(random, 10, 600);
	for (i = 0; i < FAULT_CLASSES; i++)
	{
		if (one_in(random, 2))
			options->faults |= INT64_C(1) << i;
	}

	/* What may end the claims of a seed is rarer than the rest. */
	if (!one_in(random, 2))
		options->faults &= ~(INT64_C(1) << FAULT_ROLL_BACK);
	if (!one_in(random, 2))
		options->faults &= ~(INT64_C(1) << FAULT_FORGET_STATE |
							 INT64_C(1) << FAULT_CRASH_ALL |
							 INT64_C(1) << FAULT_MISCONFIGURE);
	options->read_percent = between(random, 5, 200);
	options->read_pause_ppm = perhaps(random, 10000, 500000);
	options->roll_back_ppm = one_in(random, 3) ? between(random, 100000, 900000) : 0;
	options->liveness = 1;
	options->clone_ppm = perhaps(random, 10000, 500000);
	options->uneven_for_good = one_in(random, 4);
}

/* "name=value name=value ..."; false: there is no such option. */
bool
options_override(SimOptions *options, const char *text)
{
	while (*text != '\0')
	{
		size_t		length = strcspn(text, "=");
		size_t		i;
		char	   *end;

		if (*text == ' ' || *text == ',')
		{
			text++;
			continue;
		}
		for (i = 0; i < OPTION_COUNT; i++)
		{
			if (strlen(option_names[i].name) == length &&
				strncmp(option_names[i].name, text, length) == 0)
				break;
		}
		if (i == OPTION_COUNT || text[length] != '=')
			return false;
		*find_option(options, i) = strtoll(text + length + 1, &end, 0);
		if (*end != '\0' && *end != ' ' && *end != ',')
			return false;
		text = end;
	}
	return options->nodes >= 1 && options->nodes <= RAFT_MAX_NODES;
}

void
options_print(const SimOptions *options, FILE *out)
{
	size_t		i;
	int			fault;

	for (i = 0; i < OPTION_COUNT; i++)
		fprintf(out, "%s%s=%lld", i % 6 == 0 ? (i == 0 ? "  " : "\n  ") : " ",
				option_names[i].name,
				(long long) *find_option((SimOptions *) options, i));
	fprintf(out, "\n  faults:");
	for (fault = 0; fault < FAULT_CLASSES; fault++)
	{
		if ((options->faults >> fault & 1) != 0)
			fprintf(out, " [%s]", fault_names[fault]);
	}
	fprintf(out, "\n");
}
