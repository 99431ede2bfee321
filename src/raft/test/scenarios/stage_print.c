/*-------------------------------------------------------------------------
 *
 * stage_print.c
 *		The stage as comments of TAP: each node's state, and what is under
 *		way.
 *
 *-------------------------------------------------------------------------
 */
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>

/* More than that of what is under way would hide the rest. */
#define MAX_PRINTED			60

const char *
stage_message_name(RaftMessageType type)
{
	static const char *const names[] = {
		[RAFT_MESSAGE_PRE_VOTE] = "PreVote",
		[RAFT_MESSAGE_PRE_VOTE_REPLY] = "PreVoteReply",
		[RAFT_MESSAGE_VOTE] = "Vote",
		[RAFT_MESSAGE_VOTE_REPLY] = "VoteReply",
		[RAFT_MESSAGE_HEARTBEAT] = "Heartbeat",
		[RAFT_MESSAGE_HEARTBEAT_ACK] = "Ack",
		[RAFT_MESSAGE_HEARTBEAT_REJECT] = "Reject",
		[RAFT_MESSAGE_TIMEOUT_NOW] = "TimeoutNow",
		[RAFT_MESSAGE_RESIGN] = "Resign",
		[RAFT_MESSAGE_PROBE] = "Probe",
		[RAFT_MESSAGE_PROBE_REPLY] = "ProbeReply",
		[RAFT_MESSAGE_TERM_QUERY] = "TermQuery",
		[RAFT_MESSAGE_TERM_REPORT] = "TermReport",
	};

	return names[type];
}

/* Milliseconds from now, with three decimals. */
static void
print_remaining(uint64_t end_ns, uint64_t now_ns)
{
	if (end_ns > now_ns)
		printf("%.3f ms", (double) (end_ns - now_ns) / 1e6);
	else
		printf("no time");
}

static void
print_vote(int32_t vote)
{
	if (vote == RAFT_VOTE_NONE)
		printf("none");
	else if (vote == RAFT_VOTE_SPOILED)
		printf("spoiled");
	else
		printf("%d", vote);
}

static void
print_node(const Stage *stage, int32_t id)
{
	const StageNode *node = &stage->nodes[id];
	uint64_t	now_ns = stage_local_ns(stage, id, stage->now_ns);
	RaftView	view = core_view(&node->core);

	printf("#   %d: %s%s%s%s", id,
		   node->up ? raft_role_name(view.role) : "DOWN",
		   node->paused ? ", paused" : "", node->mute ? ", mute" : "",
		   node->busy_until_ns > stage->now_ns ? ", waits for its disk" : "");
	if (node->up && view.leader_id != RAFT_NO_NODE && view.leader_id != id)
		printf(" of %d", view.leader_id);
	printf("; disk: %s, term %" PRIu64 ", vote ",
		   raft_standing_name(node->core.disk.standing), node->core.disk.term);
	print_vote(node->core.disk.vote);
	if (stage_has_lease(stage, id))
	{
		printf("; lease of term %" PRIu64 " for ", node->core.cell_term);
		print_remaining(node->core.cell_end_ns, now_ns);
	}
	if (node->core.promised_until_ns > now_ns)
	{
		printf("; promised to %d in term %" PRIu64 " for ",
			   node->core.promised_to, node->core.promised_term);
		print_remaining(node->core.promised_until_ns, now_ns);
	}
	if (node->up && view.silent)
	{
		printf("; silent for ");
		print_remaining(view.silent_until_ns, now_ns);
	}
	if (node->up)
		printf("%s%s; since: %s", view.draining ? "; draining" : "",
			   view.storage_failed ? "; cannot write" : "",
			   raft_reason_name(view.role_reason));
	printf("\n");
}

static void
print_packet(const Stage *stage, const StagePacket *packet)
{
	const RaftMessage *message = &packet->message;

	printf("#   %s %d -> %d, about term %" PRIu64, stage_message_name(message->type),
		   message->from, message->to, message->subject_term);
	if (message->type == RAFT_MESSAGE_PRE_VOTE_REPLY ||
		message->type == RAFT_MESSAGE_VOTE_REPLY)
	{
		if ((message->flags & RAFT_FLAG_GRANTED) != 0)
			printf(", granted");
		else
			printf(", refused: %s", raft_refusal_name(message->refusal));
	}
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
		printf(", released: %d in term %" PRIu64, message->token_leader,
			   message->token_term);
	if (message->round != 0)
		printf(", round %" PRIu64, message->round);
	if (packet->held)
		printf(", held");
	if (packet->leaves_ns > stage->now_ns)
		printf(", not sent yet");
	printf("\n");
}

void
stage_print(const Stage *stage)
{
	int			i;

	printf("# nodes, at %.3f ms:\n", (double) stage->now_ns / 1e6);
	for (i = 0; i < stage->count; i++)
		print_node(stage, i);
	printf("# under way: %d messages\n", stage->packet_count);
	for (i = 0; i < stage->packet_count && i < MAX_PRINTED; i++)
		print_packet(stage, &stage->packets[i]);
	if (stage->packet_count > MAX_PRINTED)
		printf("#   and %d more\n", stage->packet_count - MAX_PRINTED);
}
