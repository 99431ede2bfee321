/*-------------------------------------------------------------------------
 *
 * story_expectations.c
 *		What can be expected in a story.
 *
 * What stage_checks.c sees to after every event cannot be expected: such an
 * expectation would never fail.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

static int32_t
node_of(const StoryArgument *argument)
{
	return (int32_t) argument->number;
}

static StageNode *
get_node(Stage *stage, const StoryArgument *argument)
{
	return &stage->nodes[argument->number];
}

static RaftView
view_of(Stage *stage, const StoryArgument *argument)
{
	return core_view(&get_node(stage, argument)->core);
}

/* Nothing but "is down" and what its disk says holds of a node that is down. */
static bool
is_up(Stage *stage, const StoryArgument *argument)
{
	return get_node(stage, argument)->up;
}

static uint64_t
local_now_ns(Stage *stage, const StoryArgument *argument)
{
	return stage_local_ns(stage, node_of(argument), stage->now_ns);
}

static const char *
check_never_fails(const StoryArgument *arguments)
{
	(void) arguments;
	return "this is checked after every event: it can never fail here";
}

static bool
never_fails(Stage *stage, const StoryArgument *arguments)
{
	(void) stage;
	(void) arguments;
	return true;
}

/* ----------
 * Leaders and leases
 * ----------
 */

static bool
leads(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).role == RAFT_LEADER;
}

static bool
leads_in_term(Stage *stage, const StoryArgument *arguments)
{
	return leads(stage, arguments) &&
		view_of(stage, &arguments[0]).term == arguments[1].number;
}

static bool
has_lease(Stage *stage, const StoryArgument *arguments)
{
	return stage_has_lease(stage, node_of(&arguments[0]));
}

static bool
has_no_lease(Stage *stage, const StoryArgument *arguments)
{
	return !has_lease(stage, arguments);
}

static bool
leads_with_lease(Stage *stage, const StoryArgument *arguments)
{
	return leads_in_term(stage, arguments) && has_lease(stage, arguments);
}

static bool
leads_without_lease(Stage *stage, const StoryArgument *arguments)
{
	return leads_in_term(stage, arguments) && !has_lease(stage, arguments);
}

static bool
nobody_leads(Stage *stage, const StoryArgument *arguments)
{
	StoryArgument id = {0};

	(void) arguments;
	for (; id.number < (uint64_t) stage->count; id.number++)
	{
		if (leads(stage, &id))
			return false;
	}
	return true;
}

static bool
nobody_has_lease(Stage *stage, const StoryArgument *arguments)
{
	int32_t		id;

	(void) arguments;
	for (id = 0; id < stage->count; id++)
	{
		if (stage_has_lease(stage, id))
			return false;
	}
	return true;
}

/* Unlike a lease alone, which may be one of a node that is down. */
static bool
somebody_leads_with_lease(Stage *stage, const StoryArgument *arguments)
{
	StoryArgument id = {0};

	(void) arguments;
	for (; id.number < (uint64_t) stage->count; id.number++)
	{
		if (leads(stage, &id) && has_lease(stage, &id))
			return true;
	}
	return false;
}

static bool
others_have_no_lease(Stage *stage, const StoryArgument *arguments)
{
	int32_t		id;

	for (id = 0; id < stage->count; id++)
	{
		if (id != node_of(&arguments[0]) && stage_has_lease(stage, id))
			return false;
	}
	return true;
}

static uint64_t
lease_ns(Stage *stage, const StoryArgument *arguments)
{
	return get_node(stage, &arguments[0])->core.cell_end_ns -
		local_now_ns(stage, &arguments[0]);
}

static bool
lease_lasts_at_least(Stage *stage, const StoryArgument *arguments)
{
	return has_lease(stage, arguments) &&
		lease_ns(stage, arguments) >= arguments[1].number;
}

static bool
lease_lasts_at_most(Stage *stage, const StoryArgument *arguments)
{
	return has_lease(stage, arguments) &&
		lease_ns(stage, arguments) <= arguments[1].number;
}

static const char *
check_lease_time(const StoryArgument *arguments)
{
	if (arguments[1].number == 0)
		return "a lease lasts for some time, or there is none";
	if (arguments[1].number >= RAFT_MAX_PROMISE_NS)
		return "no lease lasts that long";
	return NULL;
}

static bool
terms_had_leader(Stage *stage, const StoryArgument *arguments)
{
	return (uint64_t) stage->leadership_count == arguments[0].number;
}

/* ----------
 * Roles
 * ----------
 */

static bool
has_role(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).role == (RaftRole) arguments[1].number;
}

static bool
has_other_role(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) && !has_role(stage, arguments);
}

static bool
has_role_in_term(Stage *stage, const StoryArgument *arguments)
{
	return has_role(stage, arguments) &&
		view_of(stage, &arguments[0]).term == arguments[2].number;
}

static bool
follows(Stage *stage, const StoryArgument *arguments)
{
	RaftView	view = view_of(stage, &arguments[0]);

	return is_up(stage, &arguments[0]) && view.role == RAFT_FOLLOWER &&
		view.leader_id == node_of(&arguments[1]);
}

static bool
follows_nobody(Stage *stage, const StoryArgument *arguments)
{
	RaftView	view = view_of(stage, &arguments[0]);

	return is_up(stage, &arguments[0]) && view.role == RAFT_FOLLOWER &&
		view.leader_id == RAFT_NO_NODE;
}

/* All others that are up do, and there is one. */
static bool
all_follow(Stage *stage, const StoryArgument *arguments)
{
	StoryArgument pair[2] = {{0}};
	bool		one = false;

	if (!leads(stage, &arguments[0]))
		return false;
	pair[1] = arguments[0];
	for (; pair[0].number < (uint64_t) stage->count; pair[0].number++)
	{
		if (pair[0].number == pair[1].number || !is_up(stage, &pair[0]))
			continue;
		if (!follows(stage, pair))
			return false;
		one = true;
	}
	return one;
}

static bool
all_follow_one(Stage *stage, const StoryArgument *arguments)
{
	StoryArgument id = {0};

	(void) arguments;
	for (; id.number < (uint64_t) stage->count; id.number++)
	{
		if (all_follow(stage, &id))
			return true;
	}
	return false;
}

static bool
is_down(Stage *stage, const StoryArgument *arguments)
{
	return !is_up(stage, &arguments[0]);
}

static bool
is_silent(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) && view_of(stage, &arguments[0]).silent;
}

static bool
is_not_silent(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) && !view_of(stage, &arguments[0]).silent;
}

static bool
is_draining(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) && view_of(stage, &arguments[0]).draining;
}

static bool
cannot_write(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).storage_failed;
}

static bool
has_rank(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).rank == node_of(&arguments[1]);
}

static bool
has_successor(Stage *stage, const StoryArgument *arguments)
{
	return leads(stage, arguments) &&
		view_of(stage, &arguments[0]).successor == node_of(&arguments[1]);
}

static bool
hears_of_leader(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).rumoured_leader_id == node_of(&arguments[1]);
}

/* ----------
 * What its disk says
 * ----------
 */

static uint64_t
term_of(Stage *stage, const StoryArgument *arguments)
{
	return get_node(stage, &arguments[0])->core.disk.term;
}

static bool
term_is(Stage *stage, const StoryArgument *arguments)
{
	return term_of(stage, arguments) == arguments[1].number;
}

static bool
term_is_at_least(Stage *stage, const StoryArgument *arguments)
{
	return term_of(stage, arguments) >= arguments[1].number;
}

static const char *
check_least_term(const StoryArgument *arguments)
{
	return arguments[1].number == 0 ? "no term is less: it can never fail" : NULL;
}

static uint64_t
greatest_term(Stage *stage)
{
	uint64_t	greatest = 0;
	int32_t		id;

	for (id = 0; id < stage->count; id++)
	{
		if (stage->nodes[id].core.disk.term > greatest)
			greatest = stage->nodes[id].core.disk.term;
	}
	return greatest;
}

static bool
greatest_term_is(Stage *stage, const StoryArgument *arguments)
{
	return greatest_term(stage) == arguments[0].number;
}

static bool
greatest_term_is_at_most(Stage *stage, const StoryArgument *arguments)
{
	return greatest_term(stage) <= arguments[0].number;
}

static bool
vote_is(Stage *stage, const StoryArgument *arguments)
{
	return get_node(stage, &arguments[0])->core.disk.vote == arguments[1].vote;
}

static bool
standing_is(Stage *stage, const StoryArgument *arguments)
{
	return get_node(stage, &arguments[0])->core.disk.standing ==
		(RaftStanding) arguments[1].number;
}

static bool
was_rolled_back(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).amnesia == RAFT_AMNESIA_ROLLED_BACK;
}

static bool
was_left_behind(Stage *stage, const StoryArgument *arguments)
{
	return is_up(stage, &arguments[0]) &&
		view_of(stage, &arguments[0]).amnesia == RAFT_AMNESIA_LEFT_BEHIND;
}

/* ----------
 * Promises
 * ----------
 */

static bool
is_promised(Stage *stage, const StoryArgument *arguments)
{
	RaftView	view = view_of(stage, &arguments[0]);

	return is_up(stage, &arguments[0]) &&
		view.promised_to == node_of(&arguments[1]) &&
		view.promised_until_ns > local_now_ns(stage, &arguments[0]);
}

static bool
has_no_promise(Stage *stage, const StoryArgument *arguments)
{
	RaftView	view = view_of(stage, &arguments[0]);

	return is_up(stage, &arguments[0]) &&
		(view.promised_to == RAFT_NO_NODE ||
		 view.promised_until_ns <= local_now_ns(stage, &arguments[0]));
}

/* ----------
 * Messages under way
 * ----------
 */

typedef bool (*IsWanted) (const RaftMessage *message,
						  const StoryArgument *arguments);

typedef struct Wanted
{
	uint32_t	types;
	const StageRoute *route;
	IsWanted	is_wanted;		/* NULL: all of them are */
	const StoryArgument *arguments;
} Wanted;

/* Held back or not, but sent. */
static uint64_t
count_messages(const Stage *stage, const Wanted *wanted)
{
	uint64_t	count = 0;
	int			i;

	for (i = 0; i < stage->packet_count; i++)
	{
		const StagePacket *packet = &stage->packets[i];

		if (packet->leaves_ns <= stage->now_ns &&
			stage_matches(&packet->message, wanted->types, wanted->route) &&
			(wanted->is_wanted == NULL ||
			 wanted->is_wanted(&packet->message, wanted->arguments)))
			count++;
	}
	return count;
}

/* On each of the links of the route there is one. */
static bool
is_everywhere(const Stage *stage, Wanted wanted)
{
	const StageRoute *route = wanted.route;
	int32_t		from;
	int32_t		to;

	for (from = 0; from < stage->count; from++)
	{
		for (to = 0; to < stage->count; to++)
		{
			StageRoute	link = {{0}};

			if ((route->to[from] >> to & 1) == 0)
				continue;
			link.to[from] = UINT32_C(1) << to;
			wanted.route = &link;
			if (count_messages(stage, &wanted) == 0)
				return false;
		}
	}
	return true;
}

static Wanted
want(const StoryArgument *messages, const StoryArgument *route)
{
	Wanted		wanted = {messages->types, &route->route, NULL, NULL};

	return wanted;
}

/* Of the types and on the route that the first two arguments name. */
static bool
is_each_under_way(const Stage *stage, const StoryArgument *arguments,
				  IsWanted is_wanted)
{
	Wanted		wanted = want(&arguments[0], &arguments[1]);

	wanted.is_wanted = is_wanted;
	wanted.arguments = arguments;
	return is_everywhere(stage, wanted);
}

static bool
is_under_way(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, NULL);
}

static bool
is_not_under_way(Stage *stage, const StoryArgument *arguments)
{
	Wanted		wanted = want(&arguments[0], &arguments[1]);

	return count_messages(stage, &wanted) == 0;
}

static bool
are_under_way(Stage *stage, const StoryArgument *arguments)
{
	Wanted		wanted = want(&arguments[1], &arguments[2]);

	return count_messages(stage, &wanted) == arguments[0].number;
}

static const char *
check_some(const StoryArgument *arguments)
{
	return arguments[0].number == 0 ? "for none, say \"no\"" : NULL;
}

static bool
is_about_term(const RaftMessage *message, const StoryArgument *arguments)
{
	return message->subject_term == arguments[2].number;
}

static bool
is_from_term(const RaftMessage *message, const StoryArgument *arguments)
{
	return message->term == arguments[2].number;
}

static bool
is_under_way_from_term(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, is_from_term);
}

static bool
is_under_way_about_term(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, is_about_term);
}

static const char *
check_replies(const StoryArgument *arguments)
{
	if ((arguments[0].types & ~(STAGE_TYPE(RAFT_MESSAGE_PRE_VOTE_REPLY) |
								STAGE_TYPE(RAFT_MESSAGE_VOTE_REPLY))) != 0)
		return "only PreVoteReplies and VoteReplies grant or refuse";
	return NULL;
}

static bool
is_grant(const RaftMessage *message, const StoryArgument *arguments)
{
	(void) arguments;
	return (message->flags & RAFT_FLAG_GRANTED) != 0;
}

static bool
is_grant_in_term(const RaftMessage *message, const StoryArgument *arguments)
{
	return is_grant(message, arguments) && is_about_term(message, arguments);
}

static bool
is_refusal(const RaftMessage *message, const StoryArgument *arguments)
{
	return !is_grant(message, arguments) &&
		message->refusal == (RaftRefusal) arguments[2].number;
}

static bool
is_granted(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, is_grant);
}

static bool
is_not_granted(Stage *stage, const StoryArgument *arguments)
{
	Wanted		wanted = want(&arguments[0], &arguments[1]);

	wanted.is_wanted = is_grant;
	return count_messages(stage, &wanted) == 0;
}

static bool
is_granted_in_term(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, is_grant_in_term);
}

static bool
is_refused(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, is_refusal);
}

static bool
names_release(const RaftMessage *message, const StoryArgument *arguments)
{
	return (message->flags & RAFT_FLAG_HAS_TOKEN) != 0 &&
		message->token_leader == node_of(&arguments[2]) &&
		message->token_term == arguments[3].number;
}

static bool
is_with_release(Stage *stage, const StoryArgument *arguments)
{
	return is_each_under_way(stage, arguments, names_release);
}

/* ----------
 * How often, since its start
 * ----------
 */

static const RaftCounters *
counters_of(Stage *stage, const StoryArgument *argument)
{
	return raft_counters(get_node(stage, argument)->core.raft);
}

static bool
began_candidacies(Stage *stage, const StoryArgument *arguments)
{
	return counters_of(stage, &arguments[0])->elections_begun == arguments[1].number;
}

static bool
began_pre_candidacies(Stage *stage, const StoryArgument *arguments)
{
	return counters_of(stage, &arguments[0])->pre_votes_begun == arguments[1].number;
}

static bool
began_several_pre_candidacies(Stage *stage, const StoryArgument *arguments)
{
	return counters_of(stage, &arguments[0])->pre_votes_begun >= arguments[1].number;
}

static const char *
check_least_count(const StoryArgument *arguments)
{
	return arguments[1].number == 0 ? "none is always begun: it can never fail" : NULL;
}

static bool
has_written(Stage *stage, const StoryArgument *arguments)
{
	return (uint64_t) get_node(stage, &arguments[0])->core.write_count ==
		arguments[1].number;
}

const StoryExpectation story_expectations[] = {
	/* Leaders; a node that is down may still have a lease. */
	{"leader <node>", NULL, leads},
	{"leader <node> in term <number>", NULL, leads_in_term},
	{"leader <node> in term <number> with a lease", NULL, leads_with_lease},
	{"leader <node> in term <number> without a lease", NULL, leads_without_lease},
	{"no leader", NULL, nobody_leads},
	{"<node> has a lease", NULL, has_lease},
	{"<node> has no lease", NULL, has_no_lease},
	{"a leader with a lease", NULL, somebody_leads_with_lease},
	{"no lease", NULL, nobody_has_lease},
	{"nobody but <node> has a lease", NULL, others_have_no_lease},
	{"lease of <node> lasts at least <time>", check_lease_time, lease_lasts_at_least},
	{"lease of <node> lasts at most <time>", check_lease_time, lease_lasts_at_most},
	{"leaders in <number> terms so far", NULL, terms_had_leader},
	{"at most one lease", check_never_fails, never_fails},
	{"at most one leader in each term", check_never_fails, never_fails},

	/* Each node. */
	{"<node> is <role>", NULL, has_role},
	{"<node> is not <role>", NULL, has_other_role},
	{"<node> is <role> in term <number>", NULL, has_role_in_term},
	{"<node> follows <node>", NULL, follows},
	{"<node> follows nobody", NULL, follows_nobody},
	{"all follow <node>", NULL, all_follow},
	{"all follow one leader", NULL, all_follow_one},
	{"<node> is down", NULL, is_down},
	{"<node> is silent", NULL, is_silent},
	{"<node> is not silent", NULL, is_not_silent},
	{"<node> is draining", NULL, is_draining},
	{"<node> cannot write", NULL, cannot_write},
	{"<node> is promised to <node>", NULL, is_promised},
	{"<node> has no promise", NULL, has_no_promise},
	{"rank of <node> is <number>", NULL, has_rank},
	{"successor of <node> is <node>", NULL, has_successor},
	{"<node> hears of leader <node>", NULL, hears_of_leader},

	/* What is on its disk. */
	{"term of <node> is <number>", NULL, term_is},
	{"term of <node> is at least <number>", check_least_term, term_is_at_least},
	{"greatest term is <number>", NULL, greatest_term_is},
	{"greatest term is at most <number>", NULL, greatest_term_is_at_most},
	{"vote of <node> is <vote>", NULL, vote_is},
	{"standing of <node> is <standing>", NULL, standing_is},
	{"<node> was rolled back", NULL, was_rolled_back},
	{"<node> was left behind", NULL, was_left_behind},
	{"<node> has written <number> times", NULL, has_written},

	/* What is under way, on each link of the route. */
	{"<messages> <route>", NULL, is_under_way},
	{"no <messages> <route>", NULL, is_not_under_way},
	{"<number> <messages> <route>", check_some, are_under_way},
	{"<messages> <route> about term <number>", NULL, is_under_way_about_term},
	{"<messages> <route> of a sender in term <number>", NULL, is_under_way_from_term},
	{"<messages> <route> with the release of <node> in term <number>", NULL, is_with_release},
	{"granted <messages> <route>", check_replies, is_granted},
	{"granted <messages> <route> about term <number>", check_replies, is_granted_in_term},
	{"no granted <messages> <route>", check_replies, is_not_granted},
	{"refused <messages> <route> as <refusal>", check_replies, is_refused},

	/* How often, since its start. */
	{"<node> began <number> candidacies", NULL, began_candidacies},
	{"<node> began <number> pre-candidacies", NULL, began_pre_candidacies},
	{"<node> began at least <number> pre-candidacies", check_least_count, began_several_pre_candidacies},
	{NULL, NULL, NULL}
};
