/*-------------------------------------------------------------------------
 *
 * story_actions.c
 *		What can happen in a story.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

#include <limits.h>
#include <string.h>

/* Candidacies that "elect" waits for before it gives up. */
#define MAX_CANDIDACIES		20

static int32_t
node_of(const StoryArgument *argument)
{
	return (int32_t) argument->number;
}

static StageNode *
get_node(Story *story, const StoryArgument *argument)
{
	return &story->stage.nodes[argument->number];
}

/* Fails unless that node's process runs and could do something now. */
static bool
is_acting(Story *story, int32_t id)
{
	const StageNode *node = &story->stage.nodes[id];

	if (!node->up)
		return story_fail(story, "%d is down", id);
	if (node->paused)
		return story_fail(story, "%d is paused", id);
	if (node->busy_until_ns > story->stage.now_ns)
		return story_fail(story, "%d waits for its disk", id);
	return true;
}

/* ----------
 * The cluster
 * ----------
 */

static const char *
check_count(const StoryArgument *arguments)
{
	if (arguments[0].number < 1 || arguments[0].number > STAGE_MAX_NODES)
		return "a cluster has 1 to 9 nodes";
	return NULL;
}

static const char *
check_terms(const StoryArgument *arguments)
{
	if (check_count(arguments) != NULL)
		return check_count(arguments);
	if (arguments[1].number != arguments[0].number)
		return "each node has one term";
	return NULL;
}

static bool
start_in_term(Story *story, const StoryArgument *arguments)
{
	uint64_t	terms[STAGE_MAX_NODES];
	int			i;

	for (i = 0; i < STAGE_MAX_NODES; i++)
		terms[i] = arguments[1].number;
	stage_start_members(&story->stage, node_of(&arguments[0]), terms);
	return true;
}

static bool
start_in_terms(Story *story, const StoryArgument *arguments)
{
	stage_start_members(&story->stage, node_of(&arguments[0]),
						arguments[1].numbers);
	return true;
}

static bool
start_new(Story *story, const StoryArgument *arguments)
{
	stage_start_new(&story->stage, node_of(&arguments[0]));
	return true;
}

static bool
prefer_positions(Story *story, const StoryArgument *arguments)
{
	(void) arguments;
	story->stage.position_mode = RAFT_POSITION_PREFER;
	return true;
}

static bool
require_positions(Story *story, const StoryArgument *arguments)
{
	(void) arguments;
	story->stage.position_mode = RAFT_POSITION_REQUIRE;
	return true;
}

/* ----------
 * Time
 * ----------
 */

static const char *
check_time(const StoryArgument *arguments)
{
	return arguments[0].number == 0 ? "no time passes in no time" : NULL;
}

static bool
advance(Story *story, const StoryArgument *arguments)
{
	(void) stage_run(&story->stage, arguments[0].number, NULL, NULL);
	return true;
}

static bool
set_delay(Story *story, const StoryArgument *arguments)
{
	story->stage.delay_ns = arguments[0].number;
	return true;
}

static bool
time_out(Story *story, const StoryArgument *arguments)
{
	int32_t		id = node_of(&arguments[0]);

	if (!is_acting(story, id))
		return false;
	if (core_view(&story->stage.nodes[id].core).role != RAFT_FOLLOWER)
		return story_fail(story, "%d is no follower", id);
	if (!stage_time_out(&story->stage, id))
		return story_fail(story, "%d begins no candidacy", id);
	return true;
}

/* The node alone times out until it leads with a lease. */
static bool
elect(Story *story, const StoryArgument *arguments)
{
	Stage	   *stage = &story->stage;
	int32_t		id = node_of(&arguments[0]);
	int			i;

	if (!is_acting(story, id))
		return false;
	if (stage_has_lease(stage, id))
		return story_fail(story, "%d leads already", id);
	for (i = 0; i < MAX_CANDIDACIES && !stage_has_lease(stage, id); i++)
	{
		if (!stage_time_out(stage, id))
			return story_fail(story, "%d begins no candidacy", id);
		stage_settle(stage, false);
		if (!story_is_whole(story))
			return false;
	}
	if (!stage_has_lease(stage, id))
		return story_fail(story, "%d does not win", id);
	stage_settle(stage, true);
	return true;
}

static const char *
check_rate(const StoryArgument *arguments)
{
	return arguments[1].number < 1 || arguments[1].number > 200000 ?
		"a clock is wrong by 1 to 200000 ppm" : NULL;
}

/* A rate applies from the beginning, or the clock would jump. */
static bool
set_rate(Story *story, const StoryArgument *argument, int32_t ppm)
{
	if (story->stage.now_ns != 0)
		return story_fail(story, "a clock's rate is set before time passes");
	get_node(story, argument)->clock_ppm = ppm;
	return true;
}

static bool
set_fast(Story *story, const StoryArgument *arguments)
{
	return set_rate(story, &arguments[0], (int32_t) arguments[1].number);
}

static bool
set_slow(Story *story, const StoryArgument *arguments)
{
	return set_rate(story, &arguments[0], -(int32_t) arguments[1].number);
}

/* ----------
 * Messages
 * ----------
 */

static bool
deliver_everything(Story *story, const StoryArgument *arguments)
{
	(void) arguments;
	stage_settle(&story->stage, true);
	return true;
}

typedef bool (*PacketDeed) (Story *story, int place);

/*
 * Do it with the oldest message, or with all if they are named in the plural:
 * those which are under way now, not what comes of them.
 */
static bool
do_with(Story *story, const StoryArgument *arguments, bool held,
		PacketDeed deed)
{
	Stage	   *stage = &story->stage;
	uint64_t	newest = stage->packet_number;
	int			count = 0;
	int			place;

	while ((place = stage_find(stage, arguments[0].types, &arguments[1].route,
							   held, 0)) >= 0 &&
		   stage->packets[place].number <= newest)
	{
		count++;
		if (!deed(story, place) || !story_is_whole(story))
			return false;
		if (!arguments[0].plural)
			break;
	}
	if (count == 0)
		return story_fail(story, "no such message is under way");
	return true;
}

static bool
deliver_one(Story *story, int place)
{
	if (!is_acting(story, story->stage.packets[place].message.to))
		return false;
	stage_deliver(&story->stage, place);
	return true;
}

static bool
drop_one(Story *story, int place)
{
	stage_drop(&story->stage, place);
	return true;
}

static bool
deliver(Story *story, const StoryArgument *arguments)
{
	return do_with(story, arguments, false, deliver_one);
}

static bool
deliver_held(Story *story, const StoryArgument *arguments)
{
	return do_with(story, arguments, true, deliver_one);
}

static bool
drop(Story *story, const StoryArgument *arguments)
{
	return do_with(story, arguments, false, drop_one);
}

static bool
duplicate(Story *story, const StoryArgument *arguments)
{
	Stage	   *stage = &story->stage;
	int			place = stage_find(stage, arguments[0].types,
								   &arguments[1].route, false, 0);

	if (place < 0)
		return story_fail(story, "no such message is under way");
	if (!stage_duplicate(stage, place))
		return story_fail(story, "too many messages are under way");
	return true;
}

static bool
add_rule(Story *story, bool loses, uint32_t types, const StageRoute *route)
{
	if (!stage_add_rule(&story->stage, loses, types, route,
						story->lines[story->current].number))
		return story_fail(story, "too many links are cut or held");
	return true;
}

static bool
hold(Story *story, const StoryArgument *arguments)
{
	return add_rule(story, false, arguments[0].types, &arguments[1].route);
}

static bool
lose(Story *story, const StoryArgument *arguments)
{
	return add_rule(story, true, arguments[0].types, &arguments[1].route);
}

static bool
cut(Story *story, const StoryArgument *arguments)
{
	return add_rule(story, true, STAGE_ANY_TYPE, &arguments[0].route);
}

static bool
release(Story *story, const StoryArgument *arguments)
{
	stage_end_rules(&story->stage, false, arguments[0].types,
					&arguments[1].route);
	return true;
}

static bool
heal(Story *story, const StoryArgument *arguments)
{
	stage_end_rules(&story->stage, true, STAGE_ANY_TYPE, &arguments[0].route);
	return true;
}

static bool
heal_everything(Story *story, const StoryArgument *arguments)
{
	StageRoute	everywhere;

	(void) arguments;
	memset(&everywhere, 0xff, sizeof(everywhere));
	stage_end_rules(&story->stage, true, STAGE_ANY_TYPE, &everywhere);
	return true;
}

/* ----------
 * Processes
 * ----------
 */

static bool
pause_node(Story *story, const StoryArgument *arguments)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	get_node(story, &arguments[0])->paused = true;
	return true;
}

static bool
resume(Story *story, const StoryArgument *arguments)
{
	if (!get_node(story, &arguments[0])->paused)
		return story_fail(story, "%d is not paused", node_of(&arguments[0]));
	get_node(story, &arguments[0])->paused = false;
	return true;
}

static bool
crash(Story *story, const StoryArgument *arguments)
{
	StageNode  *node = get_node(story, &arguments[0]);

	if (!node->up)
		return story_fail(story, "%d is down", node_of(&arguments[0]));
	if (node->busy_until_ns > story->stage.now_ns)
		return story_fail(story, "%d waits for its disk", node_of(&arguments[0]));
	stage_crash(&story->stage, node_of(&arguments[0]));
	return true;
}

static bool
arm_crash(Story *story, const StoryArgument *arguments, CoreCrash when)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	get_node(story, &arguments[0])->core.crash = when;
	return true;
}

static bool
crash_before_write(Story *story, const StoryArgument *arguments)
{
	return arm_crash(story, arguments, CORE_CRASH_BEFORE_WRITE);
}

static bool
crash_after_write(Story *story, const StoryArgument *arguments)
{
	return arm_crash(story, arguments, CORE_CRASH_AFTER_WRITE);
}

static bool
crash_before_send(Story *story, const StoryArgument *arguments)
{
	return arm_crash(story, arguments, CORE_CRASH_BEFORE_SEND);
}

static bool
is_down(Story *story, const StoryArgument *arguments)
{
	if (get_node(story, &arguments[0])->up)
		return story_fail(story, "%d is not down", node_of(&arguments[0]));
	return true;
}

static bool
restart(Story *story, const StoryArgument *arguments)
{
	if (!is_down(story, arguments))
		return false;
	stage_restart(&story->stage, node_of(&arguments[0]));
	return true;
}

/* The record that the extension makes where it finds none. */
static bool
restart_amnesiac(Story *story, const StoryArgument *arguments)
{
	RaftDurable record = core_record(RAFT_AMNESIAC, 0, RAFT_MAX_PROMISE_NS);

	if (!is_down(story, arguments))
		return false;
	record.vote = RAFT_VOTE_SPOILED;
	stage_restart_with(&story->stage, node_of(&arguments[0]), record, false);
	return true;
}

static bool
restart_new(Story *story, const StoryArgument *arguments)
{
	if (!is_down(story, arguments))
		return false;
	stage_restart_with(&story->stage, node_of(&arguments[0]),
					   core_record(RAFT_NEW, 0, 0), false);
	return true;
}

static bool
save_state(Story *story, const StoryArgument *arguments)
{
	StageNode  *node = get_node(story, &arguments[0]);

	node->saved = node->core.disk;
	node->has_saved = true;
	return true;
}

static bool
restart_saved(Story *story, const StoryArgument *arguments)
{
	StageNode  *node = get_node(story, &arguments[0]);

	if (!is_down(story, arguments))
		return false;
	if (!node->has_saved)
		return story_fail(story, "no state of %d was saved", node_of(&arguments[0]));
	stage_restart_with(&story->stage, node_of(&arguments[0]), node->saved, true);
	return true;
}

/* ----------
 * Disks
 * ----------
 */

static bool
slow_disk(Story *story, const StoryArgument *arguments)
{
	get_node(story, &arguments[0])->core.write_ns = arguments[1].number;
	return true;
}

static bool
slow_disks(Story *story, const StoryArgument *arguments)
{
	int32_t		i;

	for (i = 0; i < story->stage.count; i++)
		story->stage.nodes[i].core.write_ns = arguments[0].number;
	return true;
}

static bool
failing_disk(Story *story, const StoryArgument *arguments)
{
	get_node(story, &arguments[0])->core.failing_writes = INT_MAX;
	return true;
}

static bool
working_disk(Story *story, const StoryArgument *arguments)
{
	StageNode  *node = get_node(story, &arguments[0]);

	if (node->core.failing_writes == 0)
		return story_fail(story, "the disk of %d does not fail", node_of(&arguments[0]));
	if (node->core.failing_writes == INT_MAX)
		return story_fail(story, "no write of %d has failed", node_of(&arguments[0]));
	node->core.failing_writes = 0;
	return true;
}

/* ----------
 * Control
 * ----------
 */

static bool
demand(Story *story, RaftResult result, RaftResult wanted)
{
	static const char *const names[] = {
		[RAFT_OK] = "obeyed",
		[RAFT_DROPPED] = "dropped",
		[RAFT_NOT_DRAINED] = "refused: not drained",
		[RAFT_INVALID] = "refused: invalid",
		[RAFT_NOT_LEADER] = "refused: not leader",
		[RAFT_NOT_AMNESIAC] = "refused: not amnesiac",
		[RAFT_NOT_FIT] = "refused: not fit",
	};

	if (result != wanted)
		return story_fail(story, "it was %s", names[result]);
	return true;
}

static bool
command_step_down(Story *story, const StoryArgument *arguments,
				  RaftReason reason, RaftResult wanted)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_step_down(&story->stage, node_of(&arguments[0]),
										 reason), wanted);
}

static bool
step_down(Story *story, const StoryArgument *arguments)
{
	return command_step_down(story, arguments, RAFT_REASON_STEP_DOWN, RAFT_OK);
}

static bool
step_down_refused(Story *story, const StoryArgument *arguments)
{
	return command_step_down(story, arguments, RAFT_REASON_STEP_DOWN,
							 RAFT_NOT_LEADER);
}

static bool
shut_down(Story *story, const StoryArgument *arguments)
{
	return command_step_down(story, arguments, RAFT_REASON_SHUTDOWN, RAFT_OK);
}

static bool
command_transfer(Story *story, const StoryArgument *arguments,
				 RaftResult wanted)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_transfer(&story->stage, node_of(&arguments[0]),
										node_of(&arguments[1])), wanted);
}

static bool
transfer(Story *story, const StoryArgument *arguments)
{
	return command_transfer(story, arguments, RAFT_OK);
}

static bool
transfer_no_leader(Story *story, const StoryArgument *arguments)
{
	return command_transfer(story, arguments, RAFT_NOT_LEADER);
}

static bool
transfer_not_fit(Story *story, const StoryArgument *arguments)
{
	return command_transfer(story, arguments, RAFT_NOT_FIT);
}

static bool
last_words(Story *story, const StoryArgument *arguments)
{
	if (!get_node(story, &arguments[0])->up)
		return story_fail(story, "%d is down", node_of(&arguments[0]));
	if (!stage_last_words(&story->stage, node_of(&arguments[0])))
		return story_fail(story, "%d has sent no heartbeat", node_of(&arguments[0]));
	return true;
}

static bool
forget(Story *story, const StoryArgument *arguments)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_forget_state(&story->stage, node_of(&arguments[0])),
				  RAFT_OK);
}

static bool
forget_refused(Story *story, const StoryArgument *arguments)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_forget_state(&story->stage, node_of(&arguments[0])),
				  RAFT_NOT_AMNESIAC);
}

static bool
reconfigure(Story *story, const StoryArgument *arguments,
			const RaftTimings *timings)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_reconfigure(&story->stage, node_of(&arguments[0]),
										   timings), RAFT_OK);
}

static bool
reload_timings(Story *story, const StoryArgument *arguments)
{
	RaftTimings timings = get_node(story, &arguments[0])->core.config.timings;

	timings.heartbeat_interval_ns = arguments[1].number;
	timings.election_timeout_min_ns = arguments[2].number;
	timings.election_timeout_max_ns = arguments[3].number;
	return reconfigure(story, arguments, &timings);
}

static bool
set_priority(Story *story, const StoryArgument *arguments)
{
	RaftTimings timings = get_node(story, &arguments[0])->core.config.timings;

	timings.priority = (int32_t) arguments[1].number;
	return reconfigure(story, arguments, &timings);
}

static const char *
check_priority(const StoryArgument *arguments)
{
	return arguments[1].number > 1000 ? "a priority is at most 1000" : NULL;
}

static bool
set_position(Story *story, const StoryArgument *arguments)
{
	if (!is_acting(story, node_of(&arguments[0])))
		return false;
	return demand(story, stage_set_position(&story->stage, node_of(&arguments[0]),
											arguments[1].number), RAFT_OK);
}

const StoryAction story_actions[] = {
	/* Who is there. */
	{"cluster of <number>, all members of term <number>", check_count, start_in_term},
	{"cluster of <number>, members of terms <numbers>", check_terms, start_in_terms},
	{"cluster of <number>, all declared new", check_count, start_new},
	{"positions are preferred", NULL, prefer_positions},
	{"positions are required", NULL, require_positions},
	{"clock of <node> runs fast by <number> ppm", check_rate, set_fast},
	{"clock of <node> runs slow by <number> ppm", check_rate, set_slow},

	/* Time; with "time out" and "elect" for that node alone. */
	{"advance <time>", check_time, advance},
	{"time out <node>", NULL, time_out},
	{"elect <node>", NULL, elect},

	/* Messages that are under way. */
	{"deliver everything", NULL, deliver_everything},
	{"deliver <messages> <route>", NULL, deliver},
	{"deliver held <messages> <route>", NULL, deliver_held},
	{"drop <messages> <route>", NULL, drop},
	{"duplicate <message> <route>", NULL, duplicate},

	/* Those, and the ones to come. */
	{"messages take <time>", NULL, set_delay},
	{"hold <messages> <route>", NULL, hold},
	{"release <messages> <route>", NULL, release},
	{"lose <messages> <route>", NULL, lose},
	{"cut <route>", NULL, cut},
	{"heal everything", NULL, heal_everything},
	{"heal <route>", NULL, heal},

	/* Processes and disks. */
	{"pause <node>", NULL, pause_node},
	{"resume <node>", NULL, resume},
	{"crash <node>", NULL, crash},
	{"crash <node> before its next write", NULL, crash_before_write},
	{"crash <node> after its next write", NULL, crash_after_write},
	{"crash <node> before it sends what it has written", NULL, crash_before_send},
	{"restart <node>", NULL, restart},
	{"restart <node> without its state", NULL, restart_amnesiac},
	{"restart <node> declared new", NULL, restart_new},
	{"save the state of <node>", NULL, save_state},
	{"restart <node> with its saved state", NULL, restart_saved},
	{"disk of <node> takes <time>", NULL, slow_disk},
	{"all disks take <time>", NULL, slow_disks},
	{"disk of <node> fails", NULL, failing_disk},
	{"disk of <node> works again", NULL, working_disk},

	/* Commands and settings. */
	{"step down <node>", NULL, step_down},
	{"step down <node>, refused: not leader", NULL, step_down_refused},
	{"shut down <node>", NULL, shut_down},
	{"transfer <node> to <node>", NULL, transfer},
	{"transfer <node> to <node>, refused: not leader", NULL, transfer_no_leader},
	{"transfer <node> to <node>, refused: not fit", NULL, transfer_not_fit},
	{"last words of <node>", NULL, last_words},
	{"forget state of <node>", NULL, forget},
	{"forget state of <node>, refused: not amnesiac", NULL, forget_refused},
	{"reload <node>: heartbeats every <time>, timeouts <time> to <time>", NULL, reload_timings},
	{"set priority of <node> to <number>", check_priority, set_priority},
	{"position of <node> is <number>", NULL, set_position},
	{NULL, NULL, NULL}
};
