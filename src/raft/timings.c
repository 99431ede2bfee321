/*-------------------------------------------------------------------------
 *
 * timings.c
 *		How long things take: which settings are allowed, and the intervals that
 *		follow from them and from what was measured of the peers.
 *
 *-------------------------------------------------------------------------
 */
#include "raft_node.h"

#define PPM UINT64_C(1000000)

/* Clock granularity that a leader allows for, beside the drift. */
#define CLOCK_GRANULARITY_NS	UINT64_C(1000)

#define TIMEOUT_LIMIT_NS		(UINT64_C(3600000) * RAFT_NS_PER_MS)
#define MAX_DRIFT_PPM			200000
#define MAX_PRIORITY			1000

/* ----------
 * Settings
 * ----------
 */

const char *
raft_check_timings(const RaftTimings *timings)
{
	if (timings->heartbeat_interval_ns < RAFT_NS_PER_MS)
		return "heartbeat_interval must be at least one millisecond";
	if (timings->election_timeout_max_ns > TIMEOUT_LIMIT_NS ||
		timings->election_timeout_min_ns > TIMEOUT_LIMIT_NS)
		return "election timeouts must not exceed one hour";
	if (timings->election_timeout_max_ns <= timings->election_timeout_min_ns)
		return "election_timeout_max must be greater than election_timeout_min";
	if (timings->election_timeout_min_ns / RAFT_MIN_HEARTBEATS_PER_TIMEOUT <
		timings->heartbeat_interval_ns)
		return "election_timeout_min must be at least five times heartbeat_interval";
	if (raft_promise_ns(timings) > RAFT_MAX_PROMISE_NS)
		return "election_timeout_min less 1.5 times heartbeat_interval must not exceed 60 seconds";
	if (timings->max_clock_drift_ppm > MAX_DRIFT_PPM)
		return "max_clock_drift must not exceed 200000 ppm";
	if (timings->priority < 0 || timings->priority > MAX_PRIORITY)
		return "priority must be between 0 and 1000";
	return NULL;
}

/*
 * Shorter than the election timeout, so that voters which heard one heartbeat
 * more than the candidate need not be waited for.
 */
uint64_t
raft_promise_ns(const RaftTimings *timings)
{
	return timings->election_timeout_min_ns -
		timings->heartbeat_interval_ns * 3 / 2;
}

/*
 * The voter's clock may run fast and the leader's slow, each by the bound:
 * (1 - drift) / (1 + drift) of the promise is safe to use.
 */
uint64_t
raft_usable_promise_ns(uint64_t promise_ns, uint32_t max_clock_drift_ppm)
{
	uint64_t	usable;

	if (promise_ns > RAFT_MAX_PROMISE_NS)
		promise_ns = RAFT_MAX_PROMISE_NS;
	usable = promise_ns * (PPM - max_clock_drift_ppm) / (PPM + max_clock_drift_ppm);
	return usable > CLOCK_GRANULARITY_NS ? usable - CLOCK_GRANULARITY_NS : 0;
}

/* ----------
 * Intervals
 * ----------
 */

/* What was measured of a peer that has gone says nothing now. */
static bool
is_recent(const RaftNode *node, const RaftPeer *peer)
{
	return peer->last_heard_ns + 3 * RAFT_PROBE_INTERVAL_NS >= node->now_ns;
}

uint64_t
timings_round_trip_ns(const RaftNode *node)
{
	uint64_t	greatest = 0;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];

		if (is_recent(node, peer) && peer->round_trip_ns > greatest)
			greatest = peer->round_trip_ns;
	}
	return greatest;
}

uint64_t
timings_delta_cap_ns(const RaftNode *node)
{
	return node->config.timings.election_timeout_min_ns / 100 * 15;
}

/*
 * In one step a candidate should get through: three round trips, and a write
 * on both sides.  Means would be too short for half of the cases; mean
 * deviations stand in for a high percentile, as in TCP (RFC 6298).
 */
uint64_t
timings_delta_ns(const RaftNode *node)
{
	uint64_t	round_trip = 0;
	uint64_t	storage = node->storage_ns;
	uint64_t	cap = timings_delta_cap_ns(node);
	uint64_t	delta;
	int32_t		i;

	for (i = 0; i < node->config.node_count; i++)
	{
		const RaftPeer *peer = &node->peers[i];
		uint64_t	high = peer->round_trip_ns + 2 * peer->round_trip_deviation_ns;

		if (!is_recent(node, peer))
			continue;
		if (high > round_trip)
			round_trip = high;
		if (peer->storage_ns > storage)
			storage = peer->storage_ns;
	}
	if (round_trip > cap || storage > cap)
		return cap;
	delta = 3 * round_trip + 2 * storage;
	if (delta < RAFT_DELTA_MIN_NS)
		delta = RAFT_DELTA_MIN_NS;
	return delta < cap ? delta : cap;
}

uint64_t
timings_resend_interval_ns(const RaftNode *node)
{
	uint64_t	interval = 2 * timings_round_trip_ns(node);
	uint64_t	cap = node->config.timings.election_timeout_min_ns / 10;

	if (interval < RAFT_RESEND_MIN_NS)
		interval = RAFT_RESEND_MIN_NS;
	return interval < cap ? interval : cap;
}

/* For how long a node ranks last that could not do what a leader must. */
uint64_t
timings_unfit_ns(const RaftNode *node)
{
	return 10 * node->config.timings.election_timeout_max_ns;
}
