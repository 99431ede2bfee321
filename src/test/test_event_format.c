/*-------------------------------------------------------------------------
 *
 * test_event_format.c
 *		Unit tests of the algorithm log's lines, and of the tables behind
 *		them.
 *
 * If this broke, scripts that read the log would find other keys than the
 * documents tell, or a replay would feed the core with less than it was given.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "event_format.h"

static LogEvent event;
static char line[EVENT_LINE_SIZE];

static int
set_up(void **state)
{
	memset(&event, 0, sizeof(event));
	event.wall_us = INT64_C(1795599181123456);
	event.clock_ns = UINT64_C(123456789012345);
	event.term = 3;
	event.role = RAFT_LEADER;
	return 0;
}

static void
assert_line(const char *expected)
{
	size_t		length = event_format_line(&event, line);

	assert_string_equal(line, expected);
	assert_int_equal(length, strlen(expected));
}

/* From the event's name on. */
static void
assert_event(const char *expected)
{
	event_format_line(&event, line);
	assert_string_equal(strstr(line, "event="), expected);
}

static void
test_every_line_begins_alike(void **state)
{
	event.type = LOG_EVENT_LOST;
	event.of.lost_count = 17;
	assert_line("time=2026-11-25T09:33:01.123456Z clock=123456789012345 node=0"
				" term=3 role=leader leader=0 event=lost count=17");

	event.node = 4;
	event.role = RAFT_PRE_CANDIDATE;
	event.leader = RAFT_NO_NODE;
	event.wall_us = 0;
	assert_line("time=1970-01-01T00:00:00.000000Z clock=123456789012345 node=4"
				" term=3 role=pre-candidate leader=-1 event=lost count=17");
}

static void
test_words_have_no_blanks(void **state)
{
	event.type = LOG_EVENT_SEND;
	event.of.message.type = RAFT_MESSAGE_PRE_VOTE_REPLY;
	event.of.message.to = 2;
	event.of.message.from = 1;
	event.of.message.subject_term = 9;
	event.of.message.flags = RAFT_FLAG_SILENT;
	event.of.message.refusal = RAFT_REFUSAL_PROMISED;
	event.of.message.successor = RAFT_NO_NODE;
	assert_event("event=send type=pre-vote_reply peer=2 message_term=9"
				 " granted=0 refusal=\"hears a leader\" successor=-1");

	event.type = LOG_EVENT_RECEIVE;
	event.of.message.flags = RAFT_FLAG_GRANTED;
	event.of.message.refusal = RAFT_REFUSAL_NONE;
	assert_event("event=receive type=pre-vote_reply peer=1 message_term=9"
				 " granted=1 refusal=\"none\" successor=-1");
}

static void
test_texts_are_quoted(void **state)
{
	event.type = LOG_EVENT_STOP;
	strcpy(event.of.reason, "a \"b\" \\ c\nd\xc3\xa9");
	assert_event("event=stop reason=\"a \\\"b\\\" \\\\ c?d??\"");

	/* without an end: as much as there is room for */
	memset(event.of.reason, 'x', sizeof(event.of.reason));
	event_format_line(&event, line);
	assert_int_equal(strlen(strstr(line, "event=")),
					 strlen("event=stop reason=\"\"") + LOG_TEXT_SIZE);
}

static void
test_states_have_words(void **state)
{
	event.of.state.begun = true;
	event.of.state.until_ns = 77;
	event.of.state.peer = 2;
	event.of.state.silent_ns = 500;

	event.type = LOG_EVENT_LEASE;
	assert_event("event=lease state=begun until=77");
	event.type = LOG_EVENT_STORAGE;
	assert_event("event=storage state=failed");
	event.type = LOG_EVENT_PEER;
	assert_event("event=peer peer=2 state=lost silent=500");
	event.of.state.begun = false;
	assert_event("event=peer peer=2 state=back silent=500");
	event.type = LOG_EVENT_STORAGE;
	assert_event("event=storage state=back");
	event.type = LOG_EVENT_SILENCE;
	assert_event("event=silence state=ended until=77");
}

static void
test_requests_have_words(void **state)
{
	event.type = LOG_EVENT_CONTROL;
	event.of.control.request = LOG_REQUEST_TRANSFER;
	event.of.control.argument = 2;
	event.of.control.result = RAFT_NOT_FIT;
	strcpy(event.of.control.requested_by, "role \"o'brien\"");
	assert_event("event=control request=transfer argument=2"
				 " result=\"that node cannot lead now\""
				 " requested_by=\"role \\\"o'brien\\\"\"");
}

/* What says nothing is left out of a message; 0 is a rank, and -1 is none. */
static void
test_messages_are_sparse(void **state)
{
	RaftMessage *message = &event.of.message;

	event.type = LOG_EVENT_OUT_MESSAGE;
	message->type = RAFT_MESSAGE_HEARTBEAT;
	message->rank = RAFT_NO_RANK;
	message->token_leader = message->successor = message->known_leader = RAFT_NO_NODE;
	message->priority = -1;
	assert_event("event=out_message type=heartbeat from=0 to=0");

	message->rank = 0;
	message->known_leader = 0;
	message->from_session = 0xabcd;
	message->position.bytes[15] = 0x0f;
	assert_event("event=out_message type=heartbeat from=0 to=0"
				 " from_session=000000000000abcd rank=0 known_leader=0"
				 " position=0000000000000000000000000000000f");
}

static void
test_views_show_what_has_changed(void **state)
{
	RaftView	old;
	RaftView	new_view;

	memset(&old, 0, sizeof(old));
	new_view = old;
	assert_true(event_fields_changed(&old, &new_view) == 0);

	new_view.lease_end_ns = 9;
	new_view.promised_to = 1;
	event.type = LOG_EVENT_OUT_VIEW;
	event.of.view.view = new_view;
	event.of.view.shown = event_fields_changed(&old, &new_view);
	assert_event("event=out_view lease_end=9 promised_to=1");

	event.of.view.shown = event_fields_changed(NULL, &new_view);
	event_format_line(&event, line);
	assert_non_null(strstr(line, "event=out_view view_role=follower reason=\"none\" since=0 "));
	assert_non_null(strstr(line, " promised_until=0 promised_to=1"));
}

static void
test_generations_that_are_none(void **state)
{
	event.type = LOG_EVENT_OUT_READY;
	event_format_line(&event, line);
	assert_non_null(strstr(line, " peer_generations=none"));
	event.of.durable.peer_generation[0] = 5;
	event.of.durable.peer_generation[127] = UINT64_MAX;
	event_format_line(&event, line);
	assert_non_null(strstr(line, " peer_generations=0:5,127:18446744073709551615"));
}

/* Nothing is ever cut: every byte of every event at its longest. */
static void
test_the_longest_lines_fit(void **state)
{
	int			type;
	size_t		length;

	for (type = 0; type < LOG_EVENT_TYPES; type++)
	{
		memset(&event.of, 0xff, sizeof(event.of));
		if (type == LOG_EVENT_IN_INIT)
			event.of.input.of.init.confirmed = true;
		else if (type == LOG_EVENT_OUT_VIEW)
			event.of.view.view.silent = event.of.view.view.draining =
				event.of.view.view.storage_failed = true;
		else if (type == LOG_EVENT_IN_RECEIVE)
			event.of.input.of.message.stranger = true;
		else if (type == LOG_EVENT_OUT_MESSAGE)
			event.of.message.stranger = true;
		else if (type == LOG_EVENT_LEASE || type == LOG_EVENT_SILENCE ||
				 type == LOG_EVENT_STORAGE || type == LOG_EVENT_PEER)
			event.of.state.begun = true;
		event.type = (LogEventType) type;
		length = event_format_line(&event, line);
		assert_int_equal(length, strlen(line));
		assert_true(length < EVENT_LINE_SIZE / 2 + EVENT_LINE_SIZE / 4);
	}
}

/*
 * A structure's fields follow each other without a gap that alignment does not
 * ask for, up to its end: so no field is missing.
 */
static void
assert_complete(const EventPart *part, size_t structure_size)
{
	size_t		end = 0;
	size_t		i;

	for (i = 0; i < part->count; i++)
	{
		const EventField *field = &part->fields[i];
		size_t		alignment = field->kind == FIELD_POSITION ? 1 :
		field->kind == FIELD_GENERATIONS ? sizeof(uint64_t) : field->size;

		if (field->offset != (end + alignment - 1) / alignment * alignment)
			fail_msg("a field before \"%s\" is missing", field->key);
		end = field->offset + field->size;
	}
	if (structure_size != (end + 7) / 8 * 8)
		fail_msg("a field behind \"%s\" is missing", part->fields[part->count - 1].key);
}

static void
test_replay_has_every_field(void **state)
{
	assert_complete(&event_shapes[LOG_EVENT_OUT_MESSAGE].parts[0], sizeof(RaftMessage));
	assert_complete(&event_shapes[LOG_EVENT_IN_RECEIVE].parts[1], sizeof(RaftMessage));
	assert_complete(&event_shapes[LOG_EVENT_OUT_READY].parts[0], sizeof(RaftDurable));
	assert_complete(&event_shapes[LOG_EVENT_IN_INIT].parts[3], sizeof(RaftDurable));
	assert_complete(&event_shapes[LOG_EVENT_OUT_VIEW].parts[0], sizeof(RaftView));
	assert_complete(&event_shapes[LOG_EVENT_OUT_EVENT].parts[0], sizeof(RaftEvent));
	assert_complete(&event_shapes[LOG_EVENT_IN_RECONFIGURE].parts[1], sizeof(RaftTimings));

	/* but for the function that compares positions */
	assert_complete(&event_shapes[LOG_EVENT_IN_INIT].parts[2],
					offsetof(RaftConfig, compare_positions));
}

/* What the ring carries of an event is all that its line tells. */
static void
test_sizes_cover_all_parts(void **state)
{
	int			type;
	int			part;

	for (type = 0; type < LOG_EVENT_TYPES; type++)
	{
		const EventShape *shape = &event_shapes[type];

		assert_non_null(shape->name);
		assert_true(shape->size <= sizeof(LogEvent));
		for (part = 0; part < EVENT_PARTS; part++)
		{
			size_t		i;

			for (i = 0; i < shape->parts[part].count; i++)
				assert_true(shape->parts[part].offset +
							shape->parts[part].fields[i].offset +
							shape->parts[part].fields[i].size <= shape->size);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_line_begins_alike, set_up),
		cmocka_unit_test_setup(test_words_have_no_blanks, set_up),
		cmocka_unit_test_setup(test_texts_are_quoted, set_up),
		cmocka_unit_test_setup(test_states_have_words, set_up),
		cmocka_unit_test_setup(test_requests_have_words, set_up),
		cmocka_unit_test_setup(test_messages_are_sparse, set_up),
		cmocka_unit_test_setup(test_views_show_what_has_changed, set_up),
		cmocka_unit_test_setup(test_generations_that_are_none, set_up),
		cmocka_unit_test_setup(test_the_longest_lines_fit, set_up),
		cmocka_unit_test_setup(test_replay_has_every_field, set_up),
		cmocka_unit_test_setup(test_sizes_cover_all_parts, set_up),
	};

	return cmocka_run_group_tests_name("algorithm log", tests, NULL, NULL);
}
