/*-------------------------------------------------------------------------
 *
 * story_reader.c
 *		From the text of a story to its lines, ready to be played.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_FOUND			(-1)

/* Commas and colons are words of their own. */
typedef struct Words
{
	char		text[STORY_MAX_LINE * 2];
	const char *word[STORY_MAX_WORDS];
	int			count;
} Words;

/* How far a line agrees with a pattern. */
typedef struct Match
{
	const Words *words;
	int			place;			/* of the word that is looked at */
	int32_t		node_count;
	StoryArgument *arguments;
	int			argument_count;
	const char *expected;		/* what should have stood at "place" */
} Match;

static bool
split(const char *line, Words *words)
{
	size_t		length = 0;
	bool		within = false;

	words->count = 0;
	for (; *line != '\0'; line++)
	{
		bool		alone = *line == ',' || *line == ':';

		if (isspace((unsigned char) *line) || alone)
		{
			if (within)
				words->text[length++] = '\0';
			within = false;
			if (!alone)
				continue;
		}
		if (!within)
		{
			if (words->count == STORY_MAX_WORDS)
				return false;
			words->word[words->count++] = &words->text[length];
		}
		words->text[length++] = *line;
		within = !alone;
		if (alone)
			words->text[length++] = '\0';
	}
	words->text[length] = '\0';
	return true;
}

/* ----------
 * Placeholders: each takes its words and moves on, or leaves "place" where
 * it is and says what was expected there.
 * ----------
 */

static const char *
peek(const Match *match, int ahead)
{
	int			place = match->place + ahead;

	return place < match->words->count ? match->words->word[place] : "";
}

static bool
reject(Match *match, const char *expected)
{
	match->expected = expected;
	return false;
}

static bool
is_number(const char *word)
{
	size_t		length = strspn(word, "0123456789");

	return length > 0 && length < 19 && word[length] == '\0';
}

static bool
take_number(Match *match, StoryArgument *argument)
{
	if (!is_number(peek(match, 0)))
		return reject(match, "a number");
	argument->number = strtoull(peek(match, 0), NULL, 10);
	match->place++;
	return true;
}

static bool
take_numbers(Match *match, StoryArgument *argument)
{
	if (!is_number(peek(match, 0)))
		return reject(match, "numbers");
	for (argument->number = 0; is_number(peek(match, 0)); match->place++)
	{
		if (argument->number == STAGE_MAX_NODES)
			return reject(match, "fewer numbers");
		argument->numbers[argument->number++] =
			strtoull(peek(match, 0), NULL, 10);
	}
	return true;
}

static bool
take_node(Match *match, StoryArgument *argument)
{
	if (!is_number(peek(match, 0)) ||
		strtoull(peek(match, 0), NULL, 10) >= (uint64_t) match->node_count)
		return reject(match, "a node of the cluster");
	return take_number(match, argument);
}

static bool
take_time(Match *match, StoryArgument *argument)
{
	static const struct
	{
		const char *name;
		uint64_t	ns;
	}			units[] = {
		{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}
	};
	size_t		i;

	for (i = 0; is_number(peek(match, 0)) &&
		 i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(peek(match, 1), units[i].name) == 0)
		{
			argument->number = strtoull(peek(match, 0), NULL, 10) * units[i].ns;
			match->place += 2;
			return true;
		}
	}
	return reject(match, "a time");
}

/* The types that the word names; 0: none. */
static uint32_t
types_of(const char *word, bool *plural)
{
	int			type;

	*plural = false;
	for (type = RAFT_MESSAGE_TYPE_FIRST; type <= RAFT_MESSAGE_TYPE_LAST; type++)
	{
		const char *name = stage_message_name((RaftMessageType) type);
		size_t		length = strlen(name);

		if (strcmp(word, name) == 0)
			return STAGE_TYPE(type);
		*plural = true;
		if (name[length - 1] == 'y' && strncmp(word, name, length - 1) == 0 &&
			strcmp(word + length - 1, "ies") == 0)
			return STAGE_TYPE(type);
		if (name[length - 1] != 'y' && strncmp(word, name, length) == 0 &&
			strcmp(word + length, "s") == 0)
			return STAGE_TYPE(type);
		*plural = false;
	}
	*plural = strcmp(word, "messages") == 0;
	return *plural ? STAGE_ANY_TYPE : 0;
}

static bool
take_messages(Match *match, StoryArgument *argument)
{
	uint32_t	types = types_of(peek(match, 0), &argument->plural);

	if (types == 0)
		return reject(match, "the name of messages");
	argument->types = types;
	match->place++;
	while (strcmp(peek(match, 0), "and") == 0)
	{
		types = types_of(peek(match, 1), &argument->plural);
		if (types == 0)
		{
			match->place++;
			return reject(match, "the name of messages");
		}
		argument->types |= types;
		argument->plural = true;
		match->place += 2;
	}
	return true;
}

static bool
take_message(Match *match, StoryArgument *argument)
{
	bool		plural;

	if (types_of(peek(match, 0), &plural) == 0 || plural)
		return reject(match, "the name of one message");
	argument->types = types_of(peek(match, 0), &plural);
	argument->plural = false;
	match->place++;
	return true;
}

static bool
take_set(Match *match, uint32_t *set)
{
	StoryArgument node;

	*set = 0;
	if (strcmp(peek(match, 0), "all") == 0)
	{
		*set = (UINT32_C(1) << match->node_count) - 1;
		match->place++;
		return true;
	}
	for (;;)
	{
		if (!take_node(match, &node))
			return false;
		*set |= UINT32_C(1) << node.number;
		if (strcmp(peek(match, 0), ",") != 0 || !is_number(peek(match, 1)))
			return true;
		match->place++;
	}
}

static bool
take_route(Match *match, StoryArgument *argument)
{
	uint32_t	one;
	uint32_t	other;
	uint32_t	anywhere = 0;
	bool		both;
	int32_t		from;

	if (!take_set(match, &one))
		return false;
	both = strcmp(peek(match, 0), "<->") == 0;
	if (!both && strcmp(peek(match, 0), "->") != 0)
		return reject(match, "\"->\" or \"<->\"");
	match->place++;
	if (!take_set(match, &other))
		return false;
	for (from = 0; from < STAGE_MAX_NODES; from++)
	{
		uint32_t	to = 0;

		if ((one >> from & 1) != 0)
			to |= other;
		if (both && (other >> from & 1) != 0)
			to |= one;
		argument->route.to[from] = to & ~(UINT32_C(1) << from);
		anywhere |= argument->route.to[from];
	}
	if (anywhere == 0)
	{
		match->place--;
		return reject(match, "another node than the one before");
	}
	return true;
}

static bool
take_vote(Match *match, StoryArgument *argument)
{
	if (strcmp(peek(match, 0), "none") == 0)
		argument->vote = RAFT_VOTE_NONE;
	else if (strcmp(peek(match, 0), "spoiled") == 0)
		argument->vote = RAFT_VOTE_SPOILED;
	else
	{
		if (!take_node(match, argument))
			return reject(match, "a node, \"none\" or \"spoiled\"");
		argument->vote = (int32_t) argument->number;
		return true;
	}
	match->place++;
	return true;
}

static bool
take_word(Match *match, StoryArgument *argument, const char *const *words,
		  const char *expected)
{
	for (argument->number = 0; words[argument->number] != NULL; argument->number++)
	{
		if (strcmp(peek(match, 0), words[argument->number]) == 0)
		{
			match->place++;
			return true;
		}
	}
	return reject(match, expected);
}

static bool
take_role(Match *match, StoryArgument *argument)
{
	static const char *const words[] = {
		"follower", "pre-candidate", "candidate", "leader", NULL
	};

	return take_word(match, argument, words, "a role");
}

static bool
take_standing(Match *match, StoryArgument *argument)
{
	static const char *const words[] = {
		"new", "met", "ready", "member", "amnesiac", NULL
	};

	return take_word(match, argument, words, "a standing");
}

static bool
take_refusal(Match *match, StoryArgument *argument)
{
	static const char *const words[] = {
		"granted", "outdated", "voted", "spoiled", "promised", "leading",
		"silent", "unwritable", "ahead", NULL
	};

	if (strcmp(peek(match, 0), words[RAFT_REFUSAL_NONE]) == 0)
		return reject(match, "the reason of a refusal");
	return take_word(match, argument, words, "the reason of a refusal");
}

/* ----------
 * Patterns
 * ----------
 */

typedef struct Placeholder
{
	const char *name;
	bool		(*take) (Match *match, StoryArgument *argument);
} Placeholder;

static const Placeholder placeholders[] = {
	{"<node>", take_node},
	{"<number>", take_number},
	{"<numbers>", take_numbers},
	{"<time>", take_time},
	{"<message>", take_message},
	{"<messages>", take_messages},
	{"<route>", take_route},
	{"<role>", take_role},
	{"<standing>", take_standing},
	{"<refusal>", take_refusal},
	{"<vote>", take_vote},
};

static bool
take_pattern_word(Match *match, const char *word)
{
	size_t		i;

	if (strcmp(word, peek(match, 0)) == 0)
	{
		match->place++;
		return true;
	}
	for (i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
	{
		if (strcmp(word, placeholders[i].name) == 0)
			return placeholders[i].take(match,
										&match->arguments[match->argument_count++]);
	}
	return reject(match, "something else");
}

/* Does the line, from that word on, say what the pattern does? */
static bool
agrees(const char *pattern, const Words *words, int first, int32_t node_count,
	   StoryArgument *arguments, Match *match)
{
	Words		wanted;
	int			i;

	memset(arguments, 0, STORY_MAX_ARGUMENTS * sizeof(StoryArgument));
	match->words = words;
	match->place = first;
	match->node_count = node_count;
	match->arguments = arguments;
	match->argument_count = 0;
	match->expected = "something else";
	(void) split(pattern, &wanted);
	for (i = 0; i < wanted.count; i++)
	{
		if (!take_pattern_word(match, wanted.word[i]))
			return false;
	}
	return match->place == words->count || reject(match, "nothing more");
}

/* ----------
 * Lines
 * ----------
 */

/* The best attempt so far, for the message. */
typedef struct Attempt
{
	int			place;
	const char *expected;
	bool		several;
} Attempt;

static void
note_attempt(Attempt *attempt, const Match *match)
{
	if (match->place < attempt->place)
		return;
	attempt->several = match->place == attempt->place &&
		attempt->expected != NULL &&
		strcmp(attempt->expected, match->expected) != 0;
	attempt->place = match->place;
	attempt->expected = match->expected;
}

static bool
refuse(Story *story, int line, const char *text)
{
	story->failed_line = line;
	snprintf(story->failure, sizeof(story->failure), "%s", text);
	return false;
}

static bool
refuse_words(Story *story, int line, const Words *words, int first,
			 const Attempt *attempt)
{
	char		text[STAGE_TEXT];
	const char *word = attempt->place < words->count ?
	words->word[attempt->place] : "the end of the line";

	if (attempt->place == first || attempt->several || attempt->expected == NULL)
		snprintf(text, sizeof(text), "\"%s\" is not understood", word);
	else
		snprintf(text, sizeof(text), "\"%s\" is not understood, expected: %s",
				 word, attempt->expected);
	return refuse(story, line, text);
}

static bool
read_action(Story *story, StoryLine *line, const Words *words,
			int32_t node_count)
{
	Attempt		attempt = {0};
	Match		match;
	int			i;

	for (i = 0; story_actions[i].pattern != NULL; i++)
	{
		const StoryAction *action = &story_actions[i];
		const char *wrong = NULL;

		if (!agrees(action->pattern, words, 0, node_count, line->arguments,
					&match))
		{
			note_attempt(&attempt, &match);
			continue;
		}
		line->action = action;
		if (action->check != NULL)
			wrong = action->check(line->arguments);
		return wrong == NULL || refuse(story, line->number, wrong);
	}
	return refuse_words(story, line->number, words, 0, &attempt);
}

/* "within <time>:" or "for <time>:"; returns the place after it. */
static int
read_when(StoryLine *line, const Words *words)
{
	static const char *const patterns[] = {"within <time>:", "for <time>:"};
	int			i;

	for (i = 0; i < 2; i++)
	{
		Words		head = *words;
		Match		match;

		head.count = head.count > 5 ? 5 : head.count;
		if (head.count == 5 &&
			agrees(patterns[i], &head, 1, 0, line->arguments, &match))
		{
			line->when = i == 0 ? STORY_WITHIN : STORY_FOR;
			line->duration_ns = line->arguments[0].number;
			return 5;
		}
	}
	line->when = STORY_NOW;
	return 1;
}

static bool
read_expectation(Story *story, StoryLine *line, const Words *words,
				 int32_t node_count)
{
	Attempt		attempt = {0};
	Match		match;
	int			first = read_when(line, words);
	int			i;

	if (line->when != STORY_NOW && line->duration_ns == 0)
		return refuse(story, line->number, "no time passes in no time");
	for (i = 0; story_expectations[i].pattern != NULL; i++)
	{
		const StoryExpectation *expectation = &story_expectations[i];
		const char *wrong = NULL;

		if (!agrees(expectation->pattern, words, first, node_count,
					line->arguments, &match))
		{
			note_attempt(&attempt, &match);
			continue;
		}
		line->expectation = expectation;
		if (expectation->check != NULL)
			wrong = expectation->check(line->arguments);
		return wrong == NULL || refuse(story, line->number, wrong);
	}
	return refuse_words(story, line->number, words, first, &attempt);
}

/* Does the line repeat an expectation, with no action since? */
static bool
repeats(const Story *story, const StoryLine *line)
{
	int			i;

	for (i = story->line_count - 1; i >= 0; i--)
	{
		const StoryLine *former = &story->lines[i];

		if (former->action != NULL || former->when != STORY_NOW)
			return false;
		if (strcmp(former->text, line->text) == 0)
			return true;
	}
	return false;
}

static bool
read_line(Story *story, const char *text, int number, int32_t *node_count)
{
	StoryLine  *line = &story->lines[story->line_count];
	Words		words;
	bool		begins;

	if (story->line_count == STORY_MAX_LINES)
		return refuse(story, number, "the story has too many lines");
	if (!split(text, &words))
		return refuse(story, number, "the line has too many words");
	memset(line, 0, sizeof(StoryLine));
	line->number = number;
	snprintf(line->text, sizeof(line->text), "%s", text);

	if (strcmp(words.word[0], "expect") == 0)
	{
		if (!read_expectation(story, line, &words, *node_count))
			return false;
		if (repeats(story, line))
			return refuse(story, number,
						  "this was expected before, and nothing has happened since");
	}
	else if (!read_action(story, line, &words, *node_count))
		return false;

	/* Who is there comes first, and once. */
	begins = strcmp(words.word[0], "cluster") == 0;
	if (begins && *node_count > 0)
		return refuse(story, number, "there is a cluster already");
	if (begins)
		*node_count = (int32_t) line->arguments[0].number;
	else if (*node_count == 0 && strcmp(words.word[0], "positions") != 0)
		return refuse(story, number, "there is no cluster yet");
	story->line_count++;
	return true;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t")] == '\0';
}

static bool
read_lines(Story *story, FILE *file)
{
	char		text[STORY_MAX_LINE];
	int			number = 0;
	int32_t		node_count = 0;

	while (fgets(text, sizeof(text), file) != NULL)
	{
		size_t		length = strcspn(text, "\n");

		number++;
		if (text[length] == '\0' && !feof(file))
			return refuse(story, number, "the line is too long");
		text[length] = '\0';
		if (number == 1 && text[0] != '#')
			return refuse(story, 1, "the story does not begin with what it is about");
		if (text[0] == '#' || is_blank(text))
			continue;
		if (!read_line(story, text, number, &node_count))
			return false;
	}
	if (story->line_count == 0 ||
		story->lines[story->line_count - 1].expectation == NULL)
		return refuse(story, number, "the story does not end with what must hold");
	return true;
}

bool
story_read(Story *story, const char *path)
{
	FILE	   *file = fopen(path, "r");
	bool		good;

	memset(story, 0, sizeof(Story));
	story->current = -1;
	story->stage.delay_ns = MS(1);
	if (file == NULL)
		return refuse(story, 0, "the story cannot be opened");
	good = read_lines(story, file);
	fclose(file);
	return good;
}
