/*-------------------------------------------------------------------------
 *
 * invariants.c
 *		What must hold after every step, by number.
 *
 *	0	the core's own raft_check() finds nothing; it never refuses sound input
 *	1	one elected (node, incarnation) per term, ever
 *	2	at most one valid lease at any real instant, and terms of successive
 *		ones grow; so say the readers of the cells, too
 *	3	durable: the term never falls, a vote of a term is never changed
 *		(spoiled it may be), the generation grows
 *	4	no message implies more than the disk holds
 *	5	no vote inside an own promise, of any life, without its release; nor
 *		while the own lease is valid
 *	6	a lease ends no later than a majority's promises, however fast or slow
 *		the clocks run from now on, within the allowance
 *	7	a lease that has ended is never valid again in its term
 *	8	who has lost its state neither votes, acknowledges nor campaigns; and
 *		having recovered, not in or below a term in which it had voted for
 *		another; who is told of a loss believes it, and nobody else does
 *	9	who is elected really has the votes of a majority, each for this
 *		incarnation
 *	10	a leader that is followed was elected, a release that is told is true
 *	11	a tick before the deadline changes nothing, one at the deadline moves
 *		it
 *	12	what is decoded is what was encoded
 *	13	what must happen does: liveness.c
 *	14	of two servers with one id, whom it has heard both, no node believes
 *		either before the other one has kept silent for long; a node that
 *		restarts is never taken for two; and a copy keeps to what it knows of
 *		the original (bodies.c)
 *
 * When the claims of a seed are over (ghost.c), 1, 2, 5, 8, 10 and what 7 says
 * of releases are not checked any more.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

#define PPM					UINT64_C(1000000)

/* Room for rounding, less than the leader's own for its clock's granularity. */
#define ROUNDING_NS			8

/* Ticks in a row that may pass without moving the deadline. */
#define MAX_IDLE_TICKS		1000

static const char *const names[] = {
	"the core's own check",
	"one leader per term",
	"one valid lease",
	"durable state moves one way",
	"messages rest on the disk",
	"no vote inside a promise",
	"leases rest on promises",
	"an ended lease stays ended",
	"lost state keeps silent",
	"elected by real votes",
	"what is told of leaders is true",
	"deadlines are exact",
	"the wire keeps messages as they are",
	"liveness",
	"clones are found out",
};

void
invariants_fail(World *world, int number, const Host *host, const char *detail)
{
	if (world->failed || (world->options.ignored >> number & 1) != 0)
		return;
	world->failed = true;
	snprintf(world->failure, sizeof(world->failure),
			 "I%d (%s) broken at %llu.%09llu s, event %llu, by node %d%s in term %llu: %s",
			 number, names[number],
			 (unsigned long long) (world->now_ns / SIM_S),
			 (unsigned long long) (world->now_ns % SIM_S),
			 (unsigned long long) world->event_count,
			 host == NULL ? RAFT_NO_NODE : host->id,
			 host == NULL || host->place == host->id ? "" : "'",
			 host == NULL ? 0ULL : (unsigned long long) host->view.term, detail);
	trace_event(world, host, "*** %s", world->failure);
}

static int32_t
count_bits(const uint64_t *words)
{
	int32_t		count = 0;
	size_t		i;

	for (i = 0; i < RAFT_MAX_NODES / 64; i++)
		count += __builtin_popcountll(words[i]);
	return count;
}

/* I1, I8, I9, I10: role, term, leader or standing has changed. */
void
invariants_check_view(World *world, Host *host)
{
	const RaftView *view = &host->view;
	const Election *term;

	if (host->misconfigured)
		return;
	if (view->role != RAFT_FOLLOWER && view->standing != RAFT_MEMBER)
		invariants_fail(world, 8, host, "it campaigns or leads without being a member");
	if (view->role == RAFT_LEADER &&
		(host->ghost.lead_term != view->term ||
		 host->ghost.lead_session != host->config.session))
	{
		uint64_t	granted_by[RAFT_MAX_NODES / 64] = {0};
		const Election *own = ghost_find_election(world, view->term,
												  host->config.session);

		ghost_leader_elected(world, host);
		term = ghost_find_election(world, view->term, 0);
		if (!world->claims_over &&
			(term->winner != host->id || term->winner_session != host->config.session))
			invariants_fail(world, 1, host, "another one was elected in this term");

		if (own != NULL)
			memcpy(granted_by, own->granted_by, sizeof(granted_by));
		if (host->disk.confirmed.term == view->term &&
			host->disk.confirmed.vote == host->id)
			granted_by[host->id / 64] |= UINT64_C(1) << (host->id % 64);
		if (count_bits(granted_by) < world->count / 2 + 1)
			invariants_fail(world, 9, host, "it is elected by less than a majority");
	}
	if (view->leader_id == RAFT_NO_NODE || world->claims_over)
		return;
	term = ghost_find_election(world, view->leader_term, 0);
	if (term == NULL || term->winner != view->leader_id)
		invariants_fail(world, 10, host, "it follows a leader that was not elected");
}

/* I5: may this host give a vote, or a pre-vote, to that candidate? */
static void
check_promise(World *world, Host *host, int32_t candidate, bool is_vote)
{
	const Ghost *ghost = &host->ghost;

	if (is_vote && cell_is_valid(world, host))
		invariants_fail(world, 5, host, "it votes while its own lease is valid");
	if (ghost->promised_to == RAFT_NO_NODE || ghost->promised_to == candidate ||
		ghost_is_over(world, ghost->promised_to, ghost->promised_term))
		return;
	if (host->entry_ns < ghost->promise_until_ns ||
		(ghost->promise_boot == host->boot &&
		 host->entry_local_ns < ghost->promise_local_ns))
	{
		if (ghost->rolled_back)
			ghost_end_claims(world, "an old state came up and broke a promise");
		else
			invariants_fail(world, 5, host, is_vote ?
							"it votes inside its promise to another" :
							"it grants a pre-vote inside its promise to another");
	}
}

/* I3, I5, I8: this record is about to be written. */
void
invariants_check_record(World *world, Host *host, const RaftDurable *record)
{
	const Disk *disk = &host->disk;
	const RaftDurable *former = &disk->confirmed;
	const Ghost *ghost = &host->ghost;
	bool		continues = disk->content == DISK_RECORD &&
	disk->misconfigured == host->misconfigured;
	bool		is_new_vote = record->vote >= 0 &&
	(!continues || former->term != record->term || former->vote != record->vote);

	if (continues)
	{
		if (record->term < former->term)
			invariants_fail(world, 3, host, "the term falls");
		if (record->term == former->term && record->vote != former->vote &&
			former->vote != RAFT_VOTE_NONE && record->vote != RAFT_VOTE_SPOILED)
			invariants_fail(world, 3, host, "a vote is changed");
		if (record->generation <= former->generation)
			invariants_fail(world, 3, host, "the generation does not grow");
		if (former->standing == RAFT_MEMBER && record->standing < RAFT_MEMBER)
			invariants_fail(world, 3, host, "a member becomes less than one");
		if (record->max_promise_ns < former->max_promise_ns &&
			ghost->promise_until_ns > host->entry_ns + record->max_promise_ns &&
			!ghost->rolled_back && !world->claims_over)
			invariants_fail(world, 5, host, "a restart would not outlast its promise");
	}
	if (!is_new_vote || host->misconfigured || world->claims_over)
		return;
	if (record->standing != RAFT_MEMBER)
		invariants_fail(world, 8, host, "it votes without being a member");
	if (ghost->rolled_back && record->term <= ghost->lost_term)
	{
		world_cover(world, COVER_ROLLBACK_STRUCK);
		ghost_end_claims(world, "an old state came up and voted");
		return;
	}
	if (record->term <= ghost->lost_voted_term && !ghost->rolled_back)
		invariants_fail(world, 8, host, "it votes where it had voted before it lost its state");
	check_promise(world, host, record->vote, true);
}

/* I4, I5, I7, I8, I10: this message leaves the core. */
void
invariants_check_message(World *world, Host *host, const RaftMessage *message)
{
	/* Who has nothing to lose may say so before that is written. */
	const RaftDurable *disk = host->unwritten && message->standing != RAFT_MEMBER ?
	&host->start_record : &host->disk.confirmed;
	bool		granted = (message->flags & RAFT_FLAG_GRANTED) != 0;
	bool		is_of_member = false;

	/* Made before what it resigns for, amnesia perhaps. */
	bool		is_farewell = message->type == RAFT_MESSAGE_RESIGN ||
	message->type == RAFT_MESSAGE_TIMEOUT_NOW;
	const Election *token;

	if (message->term > disk->term ||
		(message->type == RAFT_MESSAGE_TERM_REPORT && message->term < disk->term) ||
		(message->standing != disk->standing &&
		 message->standing != RAFT_AMNESIAC && !is_farewell) ||
		message->generation > disk->generation ||
		message->from_session != host->config.session)
		invariants_fail(world, 4, host, "a message tells more than the disk holds");
	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			is_of_member = true;
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			is_of_member = granted;
			if (granted && !world->claims_over)
				check_promise(world, host, message->to, false);
			break;
		case RAFT_MESSAGE_VOTE:
			is_of_member = true;
			if (disk->term != message->subject_term || disk->vote != host->id)
				invariants_fail(world, 4, host, "it asks for votes without its own on disk");
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			is_of_member = granted;
			if (granted && (disk->term != message->subject_term ||
							disk->vote != message->to))
				invariants_fail(world, 4, host, "it tells of a vote that is not on disk");
			break;
		case RAFT_MESSAGE_HEARTBEAT:
			is_of_member = true;
			if (disk->term != message->subject_term || disk->vote != host->id ||
				host->ghost.lead_term != message->subject_term)
				invariants_fail(world, 4, host, "it leads in a term that it was not elected in");
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			is_of_member = true;
			if (disk->max_promise_ns < message->promise_ns ||
				disk->term < message->subject_term)
				invariants_fail(world, 4, host, "it promises longer than a restart would keep");
			if (world->claims_over || message->subject_term >= host->ghost.lost_voted_term)
				break;
			if (host->ghost.rolled_back)
			{
				world_cover(world, COVER_ROLLBACK_STRUCK);
				ghost_end_claims(world, "an old state came up and acknowledged");
			}
			else
				invariants_fail(world, 8, host, "it acknowledges below a term in which it had voted");
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			if (host->cell.lease_term == message->subject_term &&
				cell_is_valid(world, host))
				invariants_fail(world, 7, host, "it resigns while readers still see the lease");
			if (host->ghost.lead_term != message->subject_term)
				invariants_fail(world, 10, host, "it resigns what it did not lead");
			break;
		default:
			break;
	}
	if (granted && host->had_lease)
		invariants_fail(world, 5, host, "a leader with a valid lease grants a vote");
	if (is_of_member && disk->standing != RAFT_MEMBER)
		invariants_fail(world, 8, host, "it takes part without being a member");
	if (message->token_leader == RAFT_NO_NODE || world->claims_over)
		return;
	token = ghost_find_election(world, message->token_term, 0);
	if (token == NULL || token->winner != message->token_leader || !token->released)
		invariants_fail(world, 10, host, "a token tells of a release that was none");
}

/*
 * I8: a peer has told of a later record than the one that the node had before
 * this entry.
 */
void
invariants_check_told(World *world, Host *host, const RaftMessage *message,
					  const RaftView *before)
{
	RaftStanding standing = host->writing ? host->record.standing : host->view.standing;

	if (host->up && !host->misconfigured && !message->stranger &&
		message->generation_seen > before->generation &&
		message->term <= before->term + RAFT_TERM_JUMP_LIMIT &&
		before->standing != RAFT_AMNESIAC && standing != RAFT_AMNESIAC && host->view.amnesia == RAFT_AMNESIA_NONE)
		invariants_fail(world, 8, host, "it is told that its state is an old one, and goes on");
}

/* I6: the latest real time at which the lease may end. */
static uint64_t
latest_end_ns(const World *world, const Host *host)
{
	uint64_t	local_ns = clock_local_ns(&host->clock, world->now_ns);
	uint64_t	left_ns = host->cell.lease_end_ns > local_ns ?
	host->cell.lease_end_ns - local_ns : 0;

	return world->now_ns + (uint64_t) ((unsigned __int128) left_ns * PPM /
									   (PPM - (uint64_t) world->options.drift_ppm));
}

/* I2, I6, I7: the ticker has written its cell, which was "former". */
void
invariants_check_lease(World *world, Host *host, const Cell *former)
{
	uint64_t	term = host->cell.lease_term;
	uint64_t	end_ns = latest_end_ns(world, host);
	uint64_t   *promised_ns = host->ghost.promised_ns;
	uint64_t	own_ns = world->now_ns + ghost_surely_lasts_ns(world, host->view.promise_ns);
	int32_t		promises = 0;
	int32_t		i;

	if (host->misconfigured)
		return;
	if (term <= host->ghost.ended_term)
		invariants_fail(world, 7, host, "the core raises a lease that it had given up");
	if (former->lease_term == term && former->valid_until_ns <= world->now_ns)
		invariants_fail(world, 7, host, "a lease that has run out is raised in its term");

	bodies_note_lease(world, host, end_ns);

	/* It may have renewed its own promise just now. */
	if (promised_ns[host->id] < own_ns)
		promised_ns[host->id] = own_ns;
	for (i = 0; i < world->count; i++)
		promises += promised_ns[i] + ROUNDING_NS >= end_ns;
	if (promises < world->count / 2 + 1)
		invariants_fail(world, 6, host, "the lease outlasts a majority's promises");

	if (!cell_is_valid(world, host))
		return;
	if (ghost_is_released(world, host->id, term) && !world->claims_over)
		invariants_fail(world, 7, host, "the lease is valid after its release was told");
	if (former->lease_term != term)
	{
		if (term <= world->max_valid_term && !world->claims_over)
			invariants_fail(world, 2, host, "a later lease has been valid before");
		if (world->max_valid_term < term)
			world->max_valid_term = term;
		world->leader = host->id;
		world->lease_ns = world->now_ns;
		world->leader_changes++;
	}
	if (world->claims_over)
		return;
	for (i = 0; i < world->present; i++)
	{
		if (i != host->place && !world->hosts[i].misconfigured &&
			cell_is_valid(world, &world->hosts[i]))
			invariants_fail(world, 2, host, "another node's lease is valid, too");
	}
}

/* I2: a reader says that its node held the lease when it loaded the cell. */
void
invariants_check_read(World *world, const Read *read)
{
	if (world->claims_over)
		return;
	if (read->others_valid > 0)
		invariants_fail(world, 2, &world->hosts[read->host],
						"a reader is told of a lease beside another one");
	if (read->lease_term < read->max_valid_term)
		invariants_fail(world, 2, &world->hosts[read->host],
						"a reader is told of a lease that a later one has followed");
}

/* I12: the datagram was made of that message. */
void
invariants_check_codec(World *world, Host *host, const RaftMessage *message,
					   const uint8_t *datagram)
{
	WireConfig	config = host->wire;
	WireHeader	header;
	RaftMessage decoded;

	config.node_id = message->to;
	if (wire_decode_header(&config, datagram, WIRE_DATAGRAM_SIZE, &header) != WIRE_OK ||
		wire_decode_body(&config, datagram, &header, &decoded) != WIRE_OK)
	{
		invariants_fail(world, 12, host, "a datagram of its own cannot be decoded");
		return;
	}
	decoded.stranger = message->stranger;
	decoded.challenge = message->challenge;
	if (memcmp(&decoded, message, sizeof(RaftMessage)) != 0)
		invariants_fail(world, 12, host, "a message changes on the wire");
}

/* I11: after a tick. */
void
invariants_check_tick(World *world, Host *host)
{
	if (raft_next_deadline(host->raft) > host->entry_local_ns ||
		host->same_time_ns != world->now_ns)
	{
		host->same_time_ns = world->now_ns;
		host->same_time_ticks = 0;
		return;
	}
	if (++host->same_time_ticks > MAX_IDLE_TICKS)
		invariants_fail(world, 11, host, "ticks do not move the deadline");
}

/* I11: tick when nothing is due. */
void
invariants_check_early_tick(World *world, Host *host)
{
	RaftCounters counters = *raft_counters(host->raft);
	uint64_t	deadline_ns = raft_next_deadline(host->raft);
	RaftDurable record;
	RaftMessage message;
	RaftEvent	event;

	(void) raft_tick(host->raft, clock_local_ns(&host->clock, world->now_ns),
					 sim_random(&host->early_draws));
	counters.clock_went_back = raft_counters(host->raft)->clock_went_back;
	if (raft_ready(host->raft, &record) ||
		raft_next_message(host->raft, &message) ||
		raft_next_event(host->raft, &event) ||
		raft_next_deadline(host->raft) != deadline_ns ||
		memcmp(&counters, raft_counters(host->raft), sizeof(counters)) != 0)
		invariants_fail(world, 11, host, "a tick before the deadline has an effect");
}
