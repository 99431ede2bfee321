/*-------------------------------------------------------------------------
 *
 * ghost.c
 *		What is really true, which no node may know: votes, promises and
 *		elections over all lives of all nodes.  And what of it was seen.
 *
 * Where the claims end.  Each of the following goes beyond what the rules
 * promise; a seed in which one strikes keeps the checks that do not rest on
 * election safety (invariants.c says which), and no others:
 *
 *	1.	A rolled-back record that nothing shows: only found out when a peer
 *		tells.  If the node, before it is told, votes in a term that it had
 *		known, acknowledges below such a term, or votes inside a promise that
 *		it made; or if its report of such a term decides a recovery whose node
 *		has not heard either, by then, that the reporter's state is lost.
 *	2.	An operator has a state forgotten and the jump of 1000 terms from what
 *		the node has heard of does not lead above all terms that exist.
 *	3.	A node runs twice, and what was believed of the two contradicts each
 *		other: see bodies.c.
 *
 * Never made: all N nodes lost and declared new (faults.c keeps a node that
 * unmasks the others), and copies of a machine's memory, a lease included.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define PPM UINT64_C(1000000)

void
ghost_end_claims(World *world, const char *why)
{
	if (world->claims_over)
		return;
	world->claims_over = true;
	world->claims_over_why = why;
	trace_event(world, NULL, "claims end: %s", why);
}

/* ----------
 * Elections
 * ----------
 */

static size_t
place_of(const World *world, uint64_t term, uint64_t session)
{
	uint64_t	key = (term * UINT64_C(0x9e3779b97f4a7c15)) ^
	(session * UINT64_C(0xbf58476d1ce4e5b9));
	size_t		place = (size_t) (key >> 32) & (world->election_room - 1);

	while (world->elections[place].term != 0 &&
		   (world->elections[place].term != term ||
			world->elections[place].session != session))
		place = (place + 1) & (world->election_room - 1);
	return place;
}

Election *
ghost_find_election(const World *world, uint64_t term, uint64_t session)
{
	Election   *election = &world->elections[place_of(world, term, session)];

	return election->term == 0 ? NULL : election;
}

static void
grow_elections(World *world)
{
	Election   *former = world->elections;
	size_t		former_room = world->election_room;
	size_t		i;

	world->election_room *= 2;
	world->elections = calloc(world->election_room, sizeof(Election));
	if (world->elections == NULL)
		abort();
	for (i = 0; i < former_room; i++)
	{
		if (former[i].term != 0)
			world->elections[place_of(world, former[i].term, former[i].session)] = former[i];
	}
	free(former);
}

/* Valid until the next call.  Terms begin at 1. */
Election *
ghost_election(World *world, uint64_t term, uint64_t session)
{
	Election   *election;

	if (world->election_count * 2 >= world->election_room)
		grow_elections(world);
	election = &world->elections[place_of(world, term, session)];
	if (election->term == 0)
	{
		world->election_count++;
		election->term = term;
		election->session = session;
		election->winner = RAFT_NO_NODE;
	}
	return election;
}

bool
ghost_is_released(const World *world, int32_t leader, uint64_t term)
{
	const Election *election = ghost_find_election(world, term, 0);

	return election != NULL && election->winner == leader && election->released;
}

/* Given up, or left behind by its leader, who enters a later term only then. */
bool
ghost_is_over(const World *world, int32_t leader, uint64_t term)
{
	const Election *election = ghost_find_election(world, term, 0);
	const Host *host;

	if (ghost_is_released(world, leader, term))
		return true;
	host = election != NULL && election->winner == leader ?
		bodies_host(world, election->winner_body) : &world->hosts[leader];
	return host == NULL || host->ghost.max_term > term;
}

void
ghost_leader_elected(World *world, Host *host)
{
	Ghost	   *ghost = &host->ghost;
	Election   *election = ghost_election(world, host->view.term, 0);

	if (election->winner == RAFT_NO_NODE)
	{
		election->winner = host->id;
		election->winner_session = host->config.session;
		election->winner_body = host->body;
	}
	ghost->lead_term = host->view.term;
	ghost->lead_session = host->config.session;
	memset(ghost->promised_ns, 0, (size_t) world->count * sizeof(uint64_t));
	bodies_note_elected(world, host);
	trace_event(world, host, "is elected in term %llu",
				(unsigned long long) host->view.term);
}

static void
release(World *world, int32_t leader, uint64_t term)
{
	Election   *election = ghost_find_election(world, term, 0);

	if (election != NULL && election->winner == leader)
		election->released = true;
}

void
ghost_note_last_words(World *world, Host *host)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (host->last_words[i].term != 0)
			release(world, host->id, host->last_words[i].term);
	}
	if (host->ghost.lead_term != 0 &&
		host->ghost.lead_term <= host->cell.revoked_term)
		release(world, host->id, host->ghost.lead_term);
}

/* ----------
 * Records
 * ----------
 */

void
ghost_state_lost(World *world, Host *host)
{
	Ghost	   *ghost = &host->ghost;

	if (ghost->lost_voted_term < ghost->voted_term)
		ghost->lost_voted_term = ghost->voted_term;
	if (ghost->lost_term < ghost->max_term)
		ghost->lost_term = ghost->max_term;
	ghost->rolled_back = false;
	ghost->has_lost = true;
	if (host->disk.content == DISK_RECORD &&
		host->disk.confirmed.standing < RAFT_MEMBER)
		world_cover(world, COVER_LOST_IN_BIRTH);
}

/*
 * A node recovers, or is born, in that term: is it misled by the report of a
 * node whose record was an old one, which neither of them knows?
 */
static bool
is_misled(const World *world, const Host *host, uint64_t term)
{
	int32_t		i;

	for (i = 0; i < world->count; i++)
	{
		if (host->ghost.counted[i].session != 0 &&
			term < host->ghost.counted[i].known_term)
			return true;
	}
	return false;
}

WayBack
ghost_way_back(const World *world, const Host *host, const RaftDurable *record)
{
	WayBack		way = {0};

	if (host->view.standing == RAFT_MEMBER || record->standing != RAFT_MEMBER)
		return way;
	way.is_forgetting = host->view.standing == RAFT_AMNESIAC &&
		host->view.forget_at_ns != 0 &&
		record->term >= host->view.term + RAFT_FORGET_TERM_JUMP;
	way.is_asking = !way.is_forgetting && host->view.standing == RAFT_AMNESIAC;
	way.is_misled = !way.is_forgetting && is_misled(world, host, record->term);
	return way;
}

void
ghost_note_way_back(World *world, WayBack way, uint64_t term)
{
	if (way.is_forgetting)
	{
		world_cover(world, COVER_STATE_FORGOTTEN);
		if (term <= world->max_term)
		{
			world_cover(world, COVER_FORGOT_TOO_LOW);
			ghost_end_claims(world, "a state was forgotten, and the jump led to a term that exists");
		}
	}
	if (way.is_asking)
		world_cover(world, COVER_RECOVERED_BY_ASKING);
	if (way.is_misled)
	{
		world_cover(world, COVER_ROLLBACK_USED);
		ghost_end_claims(world, "a recovery rests on the report of an old state that came up");
	}
}

void
ghost_record_durable(World *world, Host *host)
{
	Ghost	   *ghost = &host->ghost;
	const RaftDurable *record = &host->record;

	ghost_note_way_back(world, ghost_way_back(world, host, record), record->term);

	if (host->view.standing == RAFT_READY && record->standing == RAFT_MEMBER)
	{
		int32_t		i;

		for (i = 0; i < world->count; i++)
		{
			const RaftDurable *other = &world->hosts[i].disk.confirmed;

			if (i != host->id && other->standing == RAFT_MEMBER)
			{
				world_cover(world, COVER_BORN_AFTER_OTHERS);
				break;
			}
		}
	}

	if (ghost->max_term < record->term)
		ghost->max_term = record->term;
	if (world->max_term < record->term)
		world->max_term = record->term;
	if (record->vote >= 0 && record->vote != host->id &&
		ghost->voted_term < record->term)
		ghost->voted_term = record->term;
	bodies_note_record(world, host);
	if (record->standing == RAFT_AMNESIAC)
		ghost->rolled_back = false;
	if (record->standing == RAFT_READY || record->standing == RAFT_MEMBER)
		world->born = true;
}

/*
 * A copy knows what the original has done, or what it had done by the time of
 * a snapshot; that is less than the rest of its ghost says.
 */
void
ghost_clone(World *world, const Host *original, Host *clone, bool is_snapshot)
{
	Ghost	   *ghost = &clone->ghost;
	uint64_t   *promised_ns = ghost->promised_ns;
	LowReport  *counted = ghost->counted;
	const RaftDurable *record = &clone->disk.confirmed;

	if (is_snapshot)
	{
		memset(ghost, 0, sizeof(Ghost));
		ghost->promised_to = RAFT_NO_NODE;
		ghost->max_term = record->term;
	}
	else
		*ghost = original->ghost;
	ghost->promised_ns = promised_ns;
	ghost->counted = counted;
	memset(promised_ns, 0, (size_t) world->count * sizeof(uint64_t));
	ghost->promise_boot = 0;
	ghost->lead_term = 0;
	ghost->low_report_count = 0;
	memset(ghost->low_reports, 0, sizeof(ghost->low_reports));
	ghost->was_draining = false;

	/* Each may be told of what the other has written. */
	ghost->has_lost = true;
	world->hosts[original->place].ghost.has_lost = true;
}

/* ----------
 * Messages that leave a core
 * ----------
 */

/* For so long in real time a promise lasts, at least, on any allowed clock. */
uint64_t
ghost_surely_lasts_ns(const World *world, uint64_t promise_ns)
{
	return (uint64_t) ((unsigned __int128) promise_ns * PPM /
					   (PPM + (uint64_t) world->options.drift_ppm));
}

static void
note_promise(World *world, Host *host, const RaftMessage *ack)
{
	Ghost	   *ghost = &host->ghost;
	Host	   *leader = bodies_host_of_session(world, ack->to, ack->to_session);
	uint64_t	until_ns = host->entry_ns + ghost_surely_lasts_ns(world, ack->promise_ns);
	uint64_t	local_ns = host->entry_local_ns + ack->promise_ns;

	if (leader != NULL && leader->ghost.lead_term == ack->subject_term &&
		leader->ghost.lead_session == ack->to_session &&
		leader->ghost.promised_ns[host->id] < until_ns)
		leader->ghost.promised_ns[host->id] = until_ns;

	if (ghost->promised_to != ack->to ||
		ghost->promised_term != ack->subject_term ||
		ghost->promise_boot != host->boot)
	{
		if (ghost->promised_to != ack->to ||
			ghost->promised_term != ack->subject_term ||
			ghost->promise_until_ns < until_ns)
			ghost->promise_until_ns = until_ns;
		ghost->promised_to = ack->to;
		ghost->promised_term = ack->subject_term;
		ghost->promise_boot = host->boot;
		ghost->promise_local_ns = local_ns;
		return;
	}
	if (ghost->promise_until_ns < until_ns)
		ghost->promise_until_ns = until_ns;
	if (ghost->promise_local_ns < local_ns)
		ghost->promise_local_ns = local_ns;
}

/*
 * This host reports its term in good faith, though it should know of another
 * one: its record is an old one, or it runs twice.
 */
static void
note_low_report(Host *host, uint64_t known_term)
{
	Ghost	   *ghost = &host->ghost;
	LowReport  *report = &ghost->low_reports[(ghost->low_report_count - 1) % SIM_HISTORY];

	if (ghost->low_report_count == 0 || report->session != host->config.session)
		report = &ghost->low_reports[ghost->low_report_count++ % SIM_HISTORY];
	report->session = host->config.session;
	report->known_term = known_term;
}

/* The term that the sender of that report should have known; 0: no other. */
static uint64_t
term_held_back(const World *world, const RaftMessage *message)
{
	const Host *host = bodies_host_of_session(world, message->from,
											  message->from_session);
	const LowReport *reports = host == NULL ? NULL : host->ghost.low_reports;
	int			i;

	for (i = 0; reports != NULL && i < SIM_HISTORY; i++)
	{
		if (reports[i].session == message->from_session &&
			reports[i].known_term > message->term)
			return reports[i].known_term;
	}
	return 0;
}

void
ghost_note_start(World *world, Host *host)
{
	host->ghost.ended_term = 0;
	memset(host->ghost.counted, 0, (size_t) world->count * sizeof(LowReport));
}

/*
 * The core has taken that message, and nothing has come of it yet.  A report
 * counts until its sender says that its state is lost, or starts anew.
 */
void
ghost_note_received(World *world, Host *host, const RaftMessage *message)
{
	LowReport  *counted;

	if (!host->up || host->misconfigured || message->stranger ||
		message->from < 0 || message->from >= world->count)
		return;
	bodies_note_believed(world, host, message);
	counted = &host->ghost.counted[message->from];
	if (counted->session != 0 &&
		(message->standing == RAFT_AMNESIAC ||
		 message->from_session != counted->session))
	{
		world_cover(world, COVER_ROLLBACK_TAKEN_BACK);
		counted->session = 0;
	}
	if (message->type == RAFT_MESSAGE_TERM_REPORT &&
		message->standing != RAFT_AMNESIAC &&
		message->nonce == host->config.session &&
		host->view.standing != RAFT_MEMBER)
	{
		counted->known_term = term_held_back(world, message);
		counted->session = counted->known_term == 0 ? 0 : message->from_session;
		if (counted->known_term != 0)
			world_cover(world, COVER_ROLLBACK_REPORTED);
	}
}

static void
cover_refusal(World *world, RaftRefusal refusal)
{
	static const Coverage items[] = {
		[RAFT_REFUSAL_NONE] = COVER_VOTE_GRANTED,
		[RAFT_REFUSAL_TERM] = COVER_REFUSED_TERM,
		[RAFT_REFUSAL_VOTED] = COVER_REFUSED_VOTED,
		[RAFT_REFUSAL_SPOILED] = COVER_REFUSED_SPOILED,
		[RAFT_REFUSAL_PROMISED] = COVER_REFUSED_PROMISED,
		[RAFT_REFUSAL_LEADER] = COVER_REFUSED_LEADER,
		[RAFT_REFUSAL_SILENT] = COVER_REFUSED_SILENT,
		[RAFT_REFUSAL_STORAGE] = COVER_REFUSED_STORAGE,
		[RAFT_REFUSAL_POSITION] = COVER_REFUSED_POSITION,
	};

	world_cover(world, items[refusal]);
}

void
ghost_note_message(World *world, Host *host, const RaftMessage *message)
{
	Ghost	   *ghost = &host->ghost;
	Election   *election;
	uint64_t	until_ns;

	if (host->misconfigured)
		return;
	bodies_note_sent(world, host, message);
	switch (message->type)
	{
		case RAFT_MESSAGE_HEARTBEAT:
			until_ns = host->entry_ns + ghost_surely_lasts_ns(world, message->promise_ns);
			if (ghost->promised_ns[host->id] < until_ns)
				ghost->promised_ns[host->id] = until_ns;
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			note_promise(world, host, message);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			if ((message->flags & RAFT_FLAG_GRANTED) != 0)
				world_cover(world, COVER_PRE_VOTE_GRANTED);
			else
				cover_refusal(world, message->refusal);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			cover_refusal(world, message->refusal);
			if ((message->flags & RAFT_FLAG_GRANTED) == 0)
				break;
			election = ghost_election(world, message->subject_term, message->to_session);
			if ((election->granted_by[host->id / 64] >> (host->id % 64) & 1) != 0)
				world_cover(world, COVER_VOTE_GRANTED_AGAIN);
			election->granted_by[host->id / 64] |= UINT64_C(1) << (host->id % 64);
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			release(world, host->id, message->subject_term);
			ghost->was_draining = true;
			break;
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
			world_cover(world, COVER_REJECTED);
			break;
		case RAFT_MESSAGE_TERM_REPORT:
			if (message->standing == RAFT_AMNESIAC)
				world_cover(world, COVER_AMNESIAC_REPORTED);
			else if (ghost->rolled_back && message->term < ghost->lost_term)
				note_low_report(host, ghost->lost_term);
			else if (message->term < bodies_foreign_term(world, host))
			{
				world_cover(world, COVER_CLONE_REPORTED);
				note_low_report(host, bodies_foreign_term(world, host));
			}
			break;
		case RAFT_MESSAGE_PRE_VOTE:
		case RAFT_MESSAGE_VOTE:
			if (message->nonce == ghost->request_nonce &&
				world->now_ns > ghost->request_ns)
				world_cover(world, COVER_REQUEST_REPEATED);
			if (ghost->was_draining)
			{
				world_cover(world, COVER_EX_LEADER_CAMPAIGNED);
				ghost->was_draining = false;
			}
			ghost->request_nonce = message->nonce;
			ghost->request_ns = world->now_ns;
			break;
		default:
			break;
	}
}

/* ----------
 * What was seen
 * ----------
 */

/* After the entry of a message: which rule applied? */
void
ghost_cover_entry(World *world, Host *host, const RaftMessage *message,
				  const RaftView *before)
{
	uint64_t	term = host->writing ? host->record.term : host->view.term;
	int32_t		vote = host->writing ? host->record.vote : host->view.vote;
	bool		granted = (message->flags & RAFT_FLAG_GRANTED) != 0;
	bool		higher = message->subject_term > before->term;
	const Ghost *ghost = &host->ghost;
	bool		promised = ghost->promised_to != RAFT_NO_NODE &&
	ghost->promise_until_ns > world->now_ns;

	if (!host->up || host->misconfigured || message->stranger)
		return;
	if (message->term > before->term + RAFT_TERM_JUMP_LIMIT)
	{
		world_cover(world, COVER_FAR_TERM_DROPPED);
		return;
	}
	switch (message->type)
	{
		case RAFT_MESSAGE_HEARTBEAT:
			if (before->standing == RAFT_AMNESIAC)
				world_cover(world, COVER_AMNESIAC_HEARD_LEADER);
			else if (higher && term == message->subject_term)
				world_cover(world, COVER_HEARTBEAT_ADOPTED);
			else if (message->subject_term < before->term)
				world_cover(world, COVER_LOWER_TERM_ANSWERED);
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			if (before->role != RAFT_LEADER)
				break;
			if (message->subject_term < before->term)
				world_cover(world, COVER_ACK_OF_FORMER_TERM);
			else if (host->view.lease_end_ns > before->lease_end_ns &&
					 before->lease_end_ns != 0)
				world_cover(world, COVER_LEASE_EXTENDED);
			else if (raft_counters(host->raft)->heartbeats_sent >
					 (message->round + RAFT_ROUND_HISTORY) * (uint64_t) world->count)
				world_cover(world, COVER_ACK_OF_OLD_ROUND);
			break;
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
			if (message->term > before->term && term >= message->term)
				world_cover(world, before->role == RAFT_LEADER ?
							COVER_SELF_TRANSFER : COVER_REJECT_ADOPTED);
			break;
		case RAFT_MESSAGE_PRE_VOTE:
			if (higher && term == before->term)
				world_cover(world, COVER_PRE_VOTE_NOT_ADOPTED);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			if (granted && higher && term == before->term)
				world_cover(world, COVER_PRE_GRANT_NOT_ADOPTED);
			else if (!granted && message->term > before->term && term >= message->term)
				world_cover(world, COVER_REFUSAL_ADOPTED);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			if (!granted && message->term > before->term && term >= message->term)
				world_cover(world, COVER_REFUSAL_ADOPTED);
			if (granted && (before->role != RAFT_CANDIDATE ||
							message->subject_term != before->term))
				world_cover(world, COVER_GRANT_CAME_LATE);
			break;
		case RAFT_MESSAGE_VOTE:
			if (higher && term == before->term &&
				before->standing == RAFT_MEMBER)
			{
				if (before->lease_term != 0)
					world_cover(world, COVER_VOTE_IGNORED_LEASE);
				else if (before->silent)
					world_cover(world, COVER_VOTE_IGNORED_SILENT);
				else if (promised)
					world_cover(world, COVER_VOTE_IGNORED_PROMISE);
			}
			if (higher && term == message->subject_term)
			{
				world_cover(world, COVER_VOTE_ADOPTED);
				if (vote == message->from && promised)
					world_cover(world, ghost->promised_to == message->from ?
								COVER_VOTE_GRANTED_TO_OWN_LEADER :
								COVER_VOTE_GRANTED_BY_TOKEN);
			}
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			if (higher && term == message->subject_term)
				world_cover(world, COVER_RELEASE_ADOPTED);
			if (message->type == RAFT_MESSAGE_TIMEOUT_NOW)
				world_cover(world, term > message->subject_term && vote == host->id ?
							COVER_TIMEOUT_NOW_FOLLOWED : COVER_TIMEOUT_NOW_IGNORED);
			else
				world_cover(world, before->leader_id == message->from &&
							before->leader_term == message->subject_term ?
							COVER_RELEASED : COVER_RELEASE_IGNORED);
			break;
		default:
			break;
	}
}

static void
cover_role(World *world, const Host *host, const RaftEvent *event)
{
	bool		led = event->old_role == RAFT_LEADER;

	switch (event->reason)
	{
		case RAFT_REASON_ELECTED:
			world_cover(world, world->count == 1 ?
						COVER_ELECTED_ALONE : COVER_ELECTED);
			break;
		case RAFT_REASON_ELECTION_TIMEOUT:
			world_cover(world, event->role == RAFT_PRE_CANDIDATE ?
						COVER_PRE_CANDIDATE : COVER_CANDIDATE);
			break;
		case RAFT_REASON_ROUND_FAILED:
			world_cover(world, COVER_ROUND_FAILED);
			break;
		case RAFT_REASON_HEARTBEAT:
			world_cover(world, COVER_CANDIDATE_HEARD_LEADER);
			break;
		case RAFT_REASON_QUORUM_LOST:
			world_cover(world, COVER_LEASE_LAPSED);
			break;
		case RAFT_REASON_NO_LEASE:
			world_cover(world, COVER_NO_LEASE);
			break;
		case RAFT_REASON_STEP_DOWN:
			world_cover(world, host->view.timings.priority == 0 ?
						COVER_RESIGNED_FOR_PRIORITY : COVER_STEPPED_DOWN);
			break;
		case RAFT_REASON_TRANSFER:
			world_cover(world, COVER_TRANSFERRED);
			break;
		case RAFT_REASON_HIGHER_TERM:
			if (led)
				world_cover(world, COVER_SELF_TRANSFER);
			break;
		case RAFT_REASON_STORAGE:
			if (led)
				world_cover(world, COVER_RESIGNED_FOR_STORAGE);
			break;
		default:
			break;
	}
}

static void
cover_standing(World *world, Host *host, const RaftEvent *event)
{
	static const Coverage steps[] = {
		[RAFT_MET] = COVER_BORN_MET,
		[RAFT_READY] = COVER_BORN_READY,
		[RAFT_MEMBER] = COVER_BORN_MEMBER,
	};
	int32_t		amnesiacs = 0;
	int32_t		i;

	if (event->standing == RAFT_AMNESIAC)
	{
		/* A birth that an operator cut short leaves others behind. */
		if (!host->ghost.has_lost &&
			(event->amnesia != RAFT_AMNESIA_LEFT_BEHIND ||
			 world->coverage[COVER_STATE_FORGOTTEN] == 0))
			invariants_fail(world, 8, host, "it takes its state for lost, and it is not");
		if (event->amnesia == RAFT_AMNESIA_ROLLED_BACK)
		{
			world_cover(world, COVER_AMNESIAC_ROLLED_BACK);
			if (host->id == world->clone_of && world->clone_number > 0)
				world_cover(world, COVER_CLONE_TOLD);
		}
		if (event->amnesia == RAFT_AMNESIA_LEFT_BEHIND)
			world_cover(world, COVER_AMNESIAC_LEFT_BEHIND);
		for (i = 0; i < world->present; i++)
			amnesiacs += world->hosts[i].up &&
				world->hosts[i].view.standing == RAFT_AMNESIAC;
		if (amnesiacs > 1)
			world_cover(world, COVER_SEVERAL_AMNESIACS);
	}
	else if (event->standing >= RAFT_MET)
		world_cover(world, steps[event->standing]);
}

void
ghost_cover_event(World *world, Host *host, const RaftEvent *event)
{
	trace_event(world, host, "event %d: %s, term %llu, leader %d, %s, %s%s%s",
				(int) event->type, raft_role_name(event->role),
				(unsigned long long) event->term, event->leader,
				raft_standing_name(event->standing),
				raft_reason_name(event->reason),
				event->type == RAFT_EVENT_STANDING ? ", " : "",
				event->type == RAFT_EVENT_STANDING ?
				raft_amnesia_name(event->amnesia) : "");
	switch (event->type)
	{
		case RAFT_EVENT_ROLE:
			cover_role(world, host, event);
			if (event->role == RAFT_LEADER)
				host->ghost.was_draining = false;
			break;
		case RAFT_EVENT_LEADER:
			if (event->reason == RAFT_REASON_ELECTION_TIMEOUT &&
				event->role == RAFT_FOLLOWER &&
				host->view.timings.priority == 0)
				world_cover(world, COVER_WITNESS_STAYED);
			break;
		case RAFT_EVENT_LEASE_BEGUN:
			world_cover(world, COVER_LEASE_BEGUN);
			break;
		case RAFT_EVENT_STANDING:
			cover_standing(world, host, event);
			break;
		case RAFT_EVENT_SILENCE_ENDED:
			world_cover(world, COVER_SILENCE_ENDED);
			break;
		case RAFT_EVENT_INVARIANT:
			if (!world->claims_over)
				invariants_fail(world, 1, host, "a core has met another leader of its own term");
			break;
		default:
			break;
	}
}
