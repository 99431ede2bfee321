/*-------------------------------------------------------------------------
 *
 * story.h
 *		A scenario as a text that reads like a story: one action or one
 *		expectation a line.
 *
 * A line is matched with the patterns of two tables, of actions and of what
 * can be expected.  Words of a pattern stand for themselves, and
 *
 *	<node>		for a node's id
 *	<number>	for a number
 *	<numbers>	for several, blanks between them
 *	<time>		for a number and "us", "ms" or "s"
 *	<message>	for a type of message: "Vote"
 *	<messages>	for types of messages, singular or plural: "Votes",
 *				"Heartbeats and Acks", "messages" (of any type)
 *	<route>		for from where to where: "0 -> 1", "0 <-> 1,2", "all -> 3"
 *	<role>, <standing>, <refusal>, <vote>	for one of their words
 *
 * A story is read as a whole before it is played, and refused if it has a
 * line that cannot be read, an expectation that cannot fail, or does not end
 * with one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef STORY_H
#define STORY_H

#include "stage.h"

#define STORY_MAX_LINES			200
#define STORY_MAX_ARGUMENTS		4
#define STORY_MAX_WORDS			40
#define STORY_MAX_LINE			200

typedef struct StoryArgument
{
	uint64_t	number;			/* node, number, time in ns, word; the count
								 * of "numbers" */
	uint64_t	numbers[STAGE_MAX_NODES];
	int32_t		vote;
	uint32_t	types;
	bool		plural;
	StageRoute	route;
} StoryArgument;

typedef struct Story Story;

/*
 * "check", if any, tells what is wrong with arguments that can be read: NULL
 * or a phrase.  An action fails with story_fail().
 */
typedef struct StoryAction
{
	const char *pattern;
	const char *(*check) (const StoryArgument *arguments);
	bool		(*play) (Story *story, const StoryArgument *arguments);
} StoryAction;

typedef struct StoryExpectation
{
	const char *pattern;
	const char *(*check) (const StoryArgument *arguments);
	bool		(*holds) (Stage *stage, const StoryArgument *arguments);
} StoryExpectation;

typedef enum StoryWhen
{
	STORY_NOW = 0,
	STORY_WITHIN,				/* becomes true while that time passes */
	STORY_FOR					/* is true, and stays so for that time */
} StoryWhen;

typedef struct StoryLine
{
	int			number;			/* of the file */
	char		text[STORY_MAX_LINE];
	const StoryAction *action;	/* or else ... */
	const StoryExpectation *expectation;
	StoryWhen	when;
	uint64_t	duration_ns;
	StoryArgument arguments[STORY_MAX_ARGUMENTS];
} StoryLine;

struct Story
{
	StoryLine	lines[STORY_MAX_LINES];
	int			line_count;
	int			current;		/* place of the line that is played; -1: none */
	int			failed_line;	/* of the file */
	char		failure[STAGE_TEXT];	/* empty: none */
	Stage		stage;
};

/* story_actions.c, story_expectations.c; a NULL pattern ends each. */
extern const StoryAction story_actions[];
extern const StoryExpectation story_expectations[];

/* story_reader.c: false, with the failure filled in, if it is refused. */
extern bool story_read(Story *story, const char *path);

/* story.c: likewise, if it does not go as it says. */
extern bool story_play(Story *story);
extern bool story_fail(Story *story, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Has the stage broken a rule?  Then that is the failure. */
extern bool story_is_whole(Story *story);
extern void story_close(Story *story);

#endif							/* STORY_H */
