/*-------------------------------------------------------------------------
 *
 * core_checks.c
 *		What must hold of a node under test, seen from outside: its counters, its
 *		records, its messages, its promises.
 *
 *-------------------------------------------------------------------------
 */
#include "core_checks.h"

/* What is counted twice over, whole and in parts. */
static void
check_counters(const Core *core)
{
	const RaftCounters *counters = raft_counters(core->raft);
	uint64_t	votes = 0;
	uint64_t	pre_votes = 0;
	int			i;

	for (i = 0; i <= RAFT_REFUSAL_LAST; i++)
	{
		votes += counters->votes_refused_for[i];
		pre_votes += counters->pre_votes_refused_for[i];
	}
	assert_true(votes == counters->votes_refused);
	assert_true(pre_votes == counters->pre_votes_refused);
	assert_true(counters->elections_begun ==
				counters->elections_won + counters->elections_lost +
				(core_view(core).role == RAFT_CANDIDATE ? 1 : 0));
}

void
core_check_invariants(const Core *core)
{
	const char *broken = raft_check(core->raft);

	if (broken != NULL)
		fail_msg("node %d: broken invariant %s", core->config.node_id, broken);
	check_counters(core);
}

void
core_check_record(const Core *core, const RaftDurable *record)
{
	const RaftDurable *old = &core->disk;
	int32_t		i;

	assert_true(record->term >= old->term);
	assert_true(record->generation > old->generation);
	if (record->term == old->term && record->vote != old->vote)
		assert_true(old->vote == RAFT_VOTE_NONE ||
					record->vote == RAFT_VOTE_SPOILED);

	/* What was seen of a peer is never forgotten; nothing is seen of oneself. */
	for (i = 0; i < core->config.node_count; i++)
	{
		if (i != core->config.node_id)
			assert_true(record->peer_generation[i] >= old->peer_generation[i]);
	}
	assert_int_equal(record->peer_generation[core->config.node_id], 0);

	/* A restart must find how long it has to keep silent. */
	if (core->promised_until_ns > core->now_ns)
		assert_true(record->max_promise_ns >=
					core->promised_until_ns - core->now_ns);
}

static bool
is_released(const Core *core, int32_t leader, uint64_t term)
{
	int			i;

	for (i = 0; i < core->released_count && i < CORE_MAX_RELEASED; i++)
	{
		if (core->released[i].leader == leader && core->released[i].term == term)
			return true;
	}
	return false;
}

static void
note_released(Core *core, int32_t leader, uint64_t term)
{
	CoreReleased *place;

	if (is_released(core, leader, term))
		return;
	place = &core->released[core->released_count++ % CORE_MAX_RELEASED];
	place->leader = leader;
	place->term = term;
}

void
core_note_released(Core *core, const RaftMessage *message)
{
	if (message->type == RAFT_MESSAGE_RESIGN ||
		message->type == RAFT_MESSAGE_TIMEOUT_NOW)
		note_released(core, message->from, message->subject_term);
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
		note_released(core, message->token_leader, message->token_term);

	/* A leader that asks for votes in a later term has left its own. */
	if (message->type == RAFT_MESSAGE_VOTE &&
		message->from == core->promised_to &&
		message->subject_term > core->promised_term)
		note_released(core, core->promised_to, core->promised_term);
}

/* A vote or a pre-vote for that node, which may be this one. */
static void
check_grant(const Core *core, int32_t candidate)
{
	RaftView	view = core_view(core);

	assert_int_equal(core->disk.standing, RAFT_MEMBER);
	assert_false(view.silent);
	assert_false(core_lease_is_valid(core));
	if (core->promised_until_ns > core->now_ns &&
		core->promised_to != candidate &&
		!is_released(core, core->promised_to, core->promised_term))
		fail_msg("node %d grants to %d inside its promise to %d, term %llu",
				 core->config.node_id, candidate, core->promised_to,
				 (unsigned long long) core->promised_term);
}

void
core_check_message(Core *core, const RaftMessage *message)
{
	bool		granted = (message->flags & RAFT_FLAG_GRANTED) != 0;

	assert_int_equal(message->from, core->config.node_id);
	assert_int_not_equal(message->to, core->config.node_id);
	assert_true(message->to >= 0 && message->to < core->config.node_count);
	assert_true(message->term <= core->disk.term);
	assert_true(message->generation <= core->disk.generation);
	assert_true(message->standing <= core->disk.standing ||
				message->standing == RAFT_AMNESIAC);
	if (message->to_session == 0)
		assert_int_equal(message->type, RAFT_MESSAGE_PROBE);

	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			assert_true(message->subject_term == core->disk.term + 1);
			check_grant(core, core->config.node_id);
			break;
		case RAFT_MESSAGE_VOTE:
			assert_true(message->subject_term == core->disk.term);
			assert_int_equal(core->disk.vote, core->config.node_id);
			check_grant(core, core->config.node_id);
			break;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			if (granted)
				check_grant(core, message->to);
			break;
		case RAFT_MESSAGE_VOTE_REPLY:
			if (granted)
			{
				assert_true(message->subject_term == core->disk.term);
				assert_int_equal(core->disk.vote, message->to);
				check_grant(core, message->to);
			}
			break;
		case RAFT_MESSAGE_HEARTBEAT:
			assert_int_equal(core->disk.standing, RAFT_MEMBER);
			assert_true(message->subject_term == core->disk.term);
			assert_int_equal(core->disk.vote, core->config.node_id);
			break;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			assert_int_equal(core->disk.standing, RAFT_MEMBER);
			assert_true(message->subject_term == core->disk.term);
			assert_true(message->promise_ns <= core->disk.max_promise_ns);
			if (core->promised_to != message->to ||
				core->promised_term != message->subject_term ||
				core->promised_until_ns < core->entry_ns + message->promise_ns)
				core->promised_until_ns = core->entry_ns + message->promise_ns;
			core->promised_to = message->to;
			core->promised_term = message->subject_term;
			break;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			assert_false(core_lease_is_valid(core) &&
						 core->cell_term == message->subject_term);
			break;
		default:
			break;
	}
}
