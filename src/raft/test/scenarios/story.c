/*-------------------------------------------------------------------------
 *
 * story.c
 *		Plays a story: line after line, each with the checks of the whole.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>

bool
story_fail(Story *story, const char *format,...)
{
	va_list		arguments;

	if (story->failure[0] != '\0')
		return false;
	if (story->current >= 0)
		story->failed_line = story->lines[story->current].number;
	va_start(arguments, format);
	vsnprintf(story->failure, sizeof(story->failure), format, arguments);
	va_end(arguments);
	return false;
}

bool
story_is_whole(Story *story)
{
	if (story->stage.broken[0] != '\0')
		return story_fail(story, "%s", story->stage.broken);
	return true;
}

static bool
comes_true(Stage *stage, void *argument)
{
	const StoryLine *line = argument;

	return line->expectation->holds(stage, line->arguments);
}

static bool
becomes_false(Stage *stage, void *argument)
{
	return !comes_true(stage, argument);
}

static bool
play_expectation(Story *story, StoryLine *line)
{
	Stage	   *stage = &story->stage;
	bool		holds = comes_true(stage, line);

	if (line->when == STORY_WITHIN)
	{
		/* Else it would also pass if it came true much too early. */
		if (holds)
			return story_fail(story, "it holds already: expect it without a time");
		if (!stage_run(stage, line->duration_ns, comes_true, line))
			return story_is_whole(story) &&
				story_fail(story, "it does not come true");
		return story_is_whole(story);
	}
	if (!holds)
		return story_fail(story, "it does not hold");
	if (line->when == STORY_FOR &&
		stage_run(stage, line->duration_ns, becomes_false, line))
		return story_is_whole(story) &&
			story_fail(story, "it does not hold any more");
	return story_is_whole(story);
}

/* What the story said would happen on the way has happened. */
static bool
check_preparations(Story *story)
{
	const Stage *stage = &story->stage;
	int			i;

	for (i = 0; i < stage->rule_count; i++)
	{
		if (!stage->rules[i].caught)
		{
			story->current = -1;
			story->failed_line = stage->rules[i].line;
			return story_fail(story, "no message was ever %s",
							  stage->rules[i].loses ? "lost" : "held");
		}
	}
	for (i = 0; i < stage->count; i++)
	{
		if (stage->nodes[i].core.crash != CORE_NO_CRASH)
			return story_fail(story, "%d never wrote, so it did not crash", i);
	}
	return true;
}

bool
story_play(Story *story)
{
	for (story->current = 0; story->current < story->line_count; story->current++)
	{
		StoryLine  *line = &story->lines[story->current];
		bool		good;

		if (line->action != NULL)
			good = line->action->play(story, line->arguments) &&
				story_is_whole(story);
		else
			good = play_expectation(story, line);
		if (!good)
			return false;
	}
	story->current = story->line_count - 1;
	if (!check_preparations(story))
		return false;
	story->current = story->line_count;
	return true;
}

void
story_close(Story *story)
{
	stage_close(&story->stage);
}
