/*-------------------------------------------------------------------------
 *
 * run_stories.c
 *		Plays the stories of this directory: a test each.
 *
 *	run_stories				all of them; from the top of the source tree
 *	run_stories FILE...		those
 *	run_stories --language	prints what can be said in a story
 *
 * The stories in refused/ try the runner: each must be refused, or fail, at
 * the line and for the reason that its first line tells.
 *
 *-------------------------------------------------------------------------
 */
#include "story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY			"src/raft/test/scenarios"
#define ENDING				".txt"
#define MAX_STORIES			300
#define MAX_PATH			512

typedef struct Case
{
	char		path[MAX_PATH];
	char		name[MAX_PATH];
	bool		is_refused;
	Story		story;
} Case;

static Case *cases[MAX_STORIES];
static struct CMUnitTest tests[MAX_STORIES];
static size_t case_count = 0;

/* ----------
 * One story
 * ----------
 */

static void
print_failure(const Case *this_case)
{
	const Story *story = &this_case->story;

	printf("# %s:%d: %s\n", this_case->path, story->failed_line, story->failure);
	if (story->current >= 0)
		printf("#   %s\n", story->lines[story->current].text);
	if (story->stage.count > 0)
		stage_print(&story->stage);
}

static void
play_case(void **state)
{
	Case	   *this_case = *state;
	Story	   *story = &this_case->story;

	if (!story_read(story, this_case->path) || !story_play(story))
	{
		print_failure(this_case);
		fail_msg("%s:%d: %s", this_case->path, story->failed_line,
				 story->failure);
	}
}

/* The first line of the file says what must become of it. */
static void
play_refused_case(void **state)
{
	Case	   *this_case = *state;
	Story	   *story = &this_case->story;
	char		wanted[STORY_MAX_LINE] = "";
	char		found[2 * STAGE_TEXT];
	FILE	   *file = fopen(this_case->path, "r");

	assert_non_null(file);
	assert_non_null(fgets(wanted, sizeof(wanted), file));
	fclose(file);
	wanted[strcspn(wanted, "\n")] = '\0';
	if (story_read(story, this_case->path) && story_play(story))
		fail_msg("%s is neither refused nor fails", this_case->path);
	snprintf(found, sizeof(found), "Line %d: %s", story->failed_line,
			 story->failure);
	assert_string_equal(found, wanted + strspn(wanted, "# "));
}

/* What the fixture found broken has left the story in the middle of a line. */
static int
close_case(void **state)
{
	Case	   *this_case = *state;
	Story	   *story = &this_case->story;

	if (!this_case->is_refused && story->failure[0] == '\0' &&
		story->current >= 0 && story->current < story->line_count)
	{
		(void) story_fail(story, "the fixture's check failed, see above or below");
		print_failure(this_case);
	}
	story_close(story);
	return 0;
}

/* ----------
 * All
 * ----------
 */

static void
add_case(const char *path, bool is_refused)
{
	Case	   *this_case = calloc(1, sizeof(Case));
	const char *name = strrchr(path, '/');
	struct CMUnitTest *test = &tests[case_count];
	size_t		length;

	if (this_case == NULL || case_count == MAX_STORIES ||
		strlen(path) + 1 > sizeof(this_case->path))
	{
		printf("Bail out! too many stories, or too long a name: %s\n", path);
		exit(1);
	}
	name = name == NULL ? path : name + 1;
	length = strlen(name);
	if (length > strlen(ENDING) &&
		strcmp(name + length - strlen(ENDING), ENDING) == 0)
		length -= strlen(ENDING);
	snprintf(this_case->path, sizeof(this_case->path), "%s", path);
	snprintf(this_case->name, sizeof(this_case->name), "%s%.*s",
			 is_refused ? "refused/" : "", (int) length, name);
	this_case->is_refused = is_refused;
	this_case->story.current = -1;
	cases[case_count++] = this_case;
	test->name = this_case->name;
	test->test_func = is_refused ? play_refused_case : play_case;
	test->teardown_func = close_case;
	test->initial_state = this_case;
}

static int
is_story(const struct dirent *entry)
{
	size_t		length = strlen(entry->d_name);

	return length > strlen(ENDING) &&
		strcmp(entry->d_name + length - strlen(ENDING), ENDING) == 0;
}

static void
add_directory(const char *directory, bool is_refused)
{
	struct dirent **entries;
	int			count = scandir(directory, &entries, is_story, alphasort);
	int			i;

	if (count <= 0)
	{
		printf("Bail out! no stories in %s\n", directory);
		exit(1);
	}
	for (i = 0; i < count; i++)
	{
		char		path[MAX_PATH];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		add_case(path, is_refused);
		free(entries[i]);
	}
	free(entries);
}

static void
print_language(void)
{
	int			i;

	for (i = 0; story_actions[i].pattern != NULL; i++)
		printf("%s\n", story_actions[i].pattern);
	for (i = 0; story_expectations[i].pattern != NULL; i++)
		printf("expect %s\n", story_expectations[i].pattern);
}

int
main(int argc, char **argv)
{
	int			failed;
	int			i;

	if (argc == 2 && strcmp(argv[1], "--language") == 0)
	{
		print_language();
		return 0;
	}
	for (i = 1; i < argc; i++)
		add_case(argv[i], strstr(argv[i], "refused/") != NULL);
	if (argc == 1)
	{
		add_directory(DIRECTORY, false);
		add_directory(DIRECTORY "/refused", true);
	}

	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("stories", tests, case_count, NULL, NULL);
	for (i = 0; i < (int) case_count; i++)
		free(cases[i]);
	return failed;
}
