/*-------------------------------------------------------------------------
 *
 * main.c
 *		Replays algorithm logs: the files of its command line, each of one
 *		node.
 *
 * Of each it says how much there was to replay, and what could not be; or the
 * first line in which core and log differ.  Exit status 0: no difference; 1:
 * a difference, or nothing to replay; 2: a file could not be read.
 *
 *-------------------------------------------------------------------------
 */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One file. */
typedef struct Replay
{
	const char *path;
	uint64_t	line_number;
	int32_t		node;			/* -1: no event has been read */
	Session		session;
	uint64_t	sessions;		/* that were replayed, at least in part */
	uint64_t	unfinished;		/* ended in the middle of an entry's answers */
	uint64_t	skipped_from;	/* inputs without a session since that line;
								 * 0: none */
	uint64_t	skipped;		/* such parts */
	uint64_t	damaged_line;	/* not understood yet; 0: none */
	char		damaged_text[REPLAY_LINE_SIZE];
	bool		failed;
	char		reason[REPLAY_REASON_SIZE];
} Replay;

static void
say(const Replay *replay, uint64_t line_number, const char *what)
{
	printf("%s:%" PRIu64 ": %s\n", replay->path, line_number, what);
}

static void
fail(Replay *replay, uint64_t line_number, const char *what, const char *reason)
{
	replay->failed = true;
	printf("%s:%" PRIu64 ": %s: %s\n", replay->path, line_number, what, reason);
}

/*
 * The session is over, whether by an end of the ticker, which may come in the
 * middle of its carrying out an entry's answers, or as the log ends.
 */
static void
end_session(Replay *replay)
{
	if (replay->session.node == NULL)
		return;
	if (!session_is_settled(&replay->session, replay->reason))
		replay->unfinished++;
	session_end(&replay->session);
}

/* A line that is no event: did a crash, or a full disk, cut it off? */
static void
judge_damaged_line(Replay *replay, const char *next, bool is_new_session)
{
	uint64_t	line_number = replay->damaged_line;

	if (line_number == 0)
		return;
	replay->damaged_line = 0;
	if (next == NULL || is_new_session)
	{
		say(replay, line_number, "this line was cut off, as by a crash");
		end_session(replay);
	}
	else if (strncmp(next, replay->damaged_text,
					 strlen(replay->damaged_text)) == 0)
		say(replay, line_number, "this line was cut off, and is told again");
	else
		fail(replay, line_number, "line", "this is no event of the log");
}

static void
take_input(Replay *replay, const LogEvent *event)
{
	if (replay->session.node == NULL)
	{
		if (replay->skipped_from == 0)
		{
			replay->skipped_from = replay->line_number;
			replay->skipped++;
			say(replay, replay->line_number,
				"here the log begins in the middle of a session, which cannot be replayed");
		}
		return;
	}
	if (!session_feed(&replay->session, event, replay->reason))
		fail(replay, replay->line_number, event_shapes[event->type].name,
			 replay->reason);
}

static void
take_event(Replay *replay, const LogEvent *event, const char *text)
{
	if (replay->node < 0)
		replay->node = event->node;
	if (event->node != replay->node)
	{
		fail(replay, replay->line_number, "line", "another node's event");
		return;
	}

	switch (event->type)
	{
		case LOG_EVENT_START:
		case LOG_EVENT_STOP:
			end_session(replay);
			break;
		case LOG_EVENT_LOST:
			if (replay->session.node != NULL)
				say(replay, replay->line_number,
					"here events were lost: the rest of this session cannot be replayed");
			end_session(replay);
			replay->skipped_from = replay->line_number;
			break;
		case LOG_EVENT_SETTINGS:
			if (event->of.settings.level == LOG_LEVEL_REPLAY ||
				replay->session.node == NULL)
				break;
			if (!session_is_settled(&replay->session, replay->reason))
				fail(replay, replay->line_number, "settings", replay->reason);
			session_end(&replay->session);
			say(replay, replay->line_number,
				"here enable_log is no longer replay: the rest of this session cannot be replayed");
			break;
		case LOG_EVENT_IN_INIT:
			end_session(replay);
			replay->sessions++;
			replay->skipped_from = 0;
			if (!session_begin(&replay->session, event, replay->reason))
				fail(replay, replay->line_number, "in_init", replay->reason);
			break;
		default:
			if (event->type >= LOG_EVENT_OUT_RESULT)
			{
				if (replay->session.node != NULL &&
					!session_compare(&replay->session, event, text,
									 replay->reason))
					fail(replay, replay->line_number,
						 event_shapes[event->type].name, replay->reason);
			}
			else if (event->type >= LOG_EVENT_IN_INIT)
				take_input(replay, event);
			break;
	}
}

static void
take_line(Replay *replay, const char *line, bool is_whole)
{
	LogEvent	event;
	const char *text = line;
	LineKind	kind = log_reader_parse(line, &text, &event);

	/* Without a line feed there may be more to it. */
	if (!is_whole)
		kind = LINE_DAMAGED;
	if (kind == LINE_FOREIGN)
		return;
	judge_damaged_line(replay, text, kind == LINE_EVENT &&
					   (event.type == LOG_EVENT_START ||
						event.type == LOG_EVENT_IN_INIT));
	if (replay->failed)
		return;
	if (kind == LINE_EVENT)
	{
		take_event(replay, &event, text);
		return;
	}
	replay->damaged_line = replay->line_number;
	snprintf(replay->damaged_text, sizeof(replay->damaged_text), "%s", text);
}

/* A line; false: the end of the file.  What is too long is no event's. */
static bool
read_line(FILE *file, char line[REPLAY_LINE_SIZE], bool *is_whole)
{
	size_t		length;

	*is_whole = false;
	if (fgets(line, REPLAY_LINE_SIZE, file) == NULL)
		return false;
	length = strlen(line);
	if (length > 0 && line[length - 1] == '\n')
	{
		line[length - 1] = '\0';
		*is_whole = true;
		return true;
	}

	/* Up to the line feed. */
	for (;;)
	{
		int			character = fgetc(file);

		if (character == EOF)
			return true;
		if (character == '\n')
			break;
	}
	*is_whole = true;
	line[0] = '\0';
	return true;
}

/* Returns the exit status. */
static int
replay_file(const char *path, uint64_t *sessions)
{
	static Replay replay;
	static char line[REPLAY_LINE_SIZE];
	bool		is_whole;
	FILE	   *file = fopen(path, "r");

	if (file == NULL)
	{
		fprintf(stderr, "replay: could not open \"%s\": %s\n", path,
				strerror(errno));
		return 2;
	}
	memset(&replay, 0, sizeof(replay));
	replay.path = path;
	replay.node = -1;
	while (!replay.failed && read_line(file, line, &is_whole))
	{
		replay.line_number++;
		take_line(&replay, line, is_whole);
	}
	if (ferror(file))
	{
		fprintf(stderr, "replay: could not read \"%s\": %s\n", path,
				strerror(errno));
		fclose(file);
		session_end(&replay.session);
		return 2;
	}
	fclose(file);

	if (!replay.failed)
		judge_damaged_line(&replay, NULL, false);
	if (!replay.failed)
		end_session(&replay);
	else
		session_end(&replay.session);

	printf("%s: ", path);
	if (replay.node >= 0)
		printf("node %" PRId32 ", ", replay.node);
	printf("%" PRIu64 " sessions, %" PRIu64 " inputs, %" PRIu64 " outputs",
		   replay.sessions, replay.session.inputs, replay.session.outputs);
	if (replay.unfinished > 0)
		printf(", %" PRIu64 " sessions end in the middle of an entry",
			   replay.unfinished);
	if (replay.skipped > 0)
		printf(", %" PRIu64 " parts skipped", replay.skipped);
	printf("\n");
	*sessions += replay.sessions;
	return replay.failed ? 1 : 0;
}

int
main(int argc, char **argv)
{
	uint64_t	sessions = 0;
	int			status = 0;
	int			i;

	if (argc < 2)
	{
		fprintf(stderr, "usage: replay FILE...\n");
		return 2;
	}
	for (i = 1; i < argc; i++)
	{
		int			result = replay_file(argv[i], &sessions);

		status = result > status ? result : status;
	}
	if (status == 0 && sessions == 0)
	{
		printf("replay: there is nothing to replay; was enable_log \"replay\"?\n");
		status = 1;
	}
	printf(status == 0 ? "replay ok\n" : "replay failed\n");
	return status;
}
