/*-------------------------------------------------------------------------
 *
 * event_format.c
 *		A line of the algorithm log for an event.
 *
 * Runs in the logger, and in replay.  No locks.
 *
 *-------------------------------------------------------------------------
 */
#include "event_format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S	INT64_C(1000000)

/* A line under construction. */
typedef struct Line
{
	char	   *text;
	size_t		length;
} Line;

static void append(Line *line, const char *format,...) __attribute__((format(printf, 2, 3)));

/* What does not fit is cut: EVENT_LINE_SIZE is such that all does. */
static void
append(Line *line, const char *format,...)
{
	size_t		room = EVENT_LINE_SIZE - line->length;
	va_list		arguments;
	int			length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	line->length += (size_t) length < room ? (size_t) length : room - 1;
}

static void
append_character(Line *line, char character)
{
	if (line->length + 1 >= EVENT_LINE_SIZE)
		return;
	line->text[line->length++] = character;
	line->text[line->length] = '\0';
}

/* Up to the zero, or that many. */
static void
append_quoted(Line *line, const char *text, size_t limit)
{
	size_t		i;

	append_character(line, '"');
	for (i = 0; i < limit && text[i] != '\0'; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			append_character(line, '\\');
		append_character(line, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
	}
	append_character(line, '"');
}

/* An identifier: no blanks. */
static void
append_word(Line *line, const char *word)
{
	for (; *word != '\0'; word++)
		append_character(line, *word == ' ' ? '_' : *word);
}

static void
append_position(Line *line, const RaftPosition *position)
{
	size_t		i;

	for (i = 0; i < sizeof(position->bytes); i++)
		append(line, "%02x", position->bytes[i]);
}

static void
append_generations(Line *line, const uint64_t *generations, size_t count)
{
	const char *separator = "";
	size_t		i;

	for (i = 0; i < count; i++)
	{
		if (generations[i] == 0)
			continue;
		append(line, "%s%zu:%" PRIu64, separator, i, generations[i]);
		separator = ",";
	}
	if (separator[0] == '\0')
		append(line, "none");
}

/* The enum or bool at that place. */
static int
word_value(const EventField *field, const void *value)
{
	return field->size == sizeof(bool) ? *(const bool *) value :
		*(const int *) value;
}

static void
append_field(Line *line, const EventField *field, const void *value)
{
	append(line, " %s=", field->key);
	switch (field->kind)
	{
		case FIELD_UINT64:
			append(line, "%" PRIu64, *(const uint64_t *) value);
			break;
		case FIELD_SESSION:
			append(line, "%016" PRIx64, *(const uint64_t *) value);
			break;
		case FIELD_UINT32:
			append(line, "%" PRIu32, *(const uint32_t *) value);
			break;
		case FIELD_INT32:
			append(line, "%" PRId32, *(const int32_t *) value);
			break;
		case FIELD_UINT16:
			append(line, "%" PRIu16, *(const uint16_t *) value);
			break;
		case FIELD_UINT8:
			append(line, "%" PRIu8, *(const uint8_t *) value);
			break;
		case FIELD_BOOL:
			append(line, "%d", *(const bool *) value);
			break;
		case FIELD_GRANTED:
			append(line, "%d",
				   (*(const uint8_t *) value & RAFT_FLAG_GRANTED) != 0);
			break;
		case FIELD_WORD:
			append_word(line, field->word(word_value(field, value)));
			break;
		case FIELD_PHRASE:
			append_quoted(line, field->word(word_value(field, value)),
						  LOG_TEXT_SIZE);
			break;
		case FIELD_TEXT:
			append_quoted(line, value, field->size);
			break;
		case FIELD_POSITION:
			append_position(line, value);
			break;
		case FIELD_GENERATIONS:
			append_generations(line, value, field->size / sizeof(uint64_t));
			break;
	}
}

static void
append_part(Line *line, const LogEvent *event, const EventPart *part)
{
	size_t		i;

	for (i = 0; i < part->count; i++)
	{
		const EventField *field = &part->fields[i];
		const char *value = (const char *) event + part->offset + field->offset;

		if (part->form == PART_SPARSE && event_field_is_none(field, value))
			continue;
		if (part->form == PART_SHOWN &&
			(event->of.view.shown & (UINT64_C(1) << i)) == 0)
			continue;
		append_field(line, field, value);
	}
}

static void
append_time(Line *line, int64_t wall_us)
{
	time_t		second = (time_t) (wall_us / US_PER_S);
	struct tm	utc;

	memset(&utc, 0, sizeof(utc));
	(void) gmtime_r(&second, &utc);
	append(line, "time=%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
		   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		   utc.tm_hour, utc.tm_min, utc.tm_sec, (int) (wall_us % US_PER_S));
}

size_t
event_format_line(const LogEvent *event, char line[EVENT_LINE_SIZE])
{
	const EventShape *shape = &event_shapes[event->type];
	Line		out = {line, 0};
	int			i;

	append_time(&out, event->wall_us);
	append(&out, " clock=%" PRIu64 " node=%" PRId32 " term=%" PRIu64
		   " role=%s leader=%" PRId32 " event=%s",
		   event->clock_ns, event->node, event->term,
		   raft_role_name(event->role), event->leader, shape->name);
	for (i = 0; i < EVENT_PARTS; i++)
		append_part(&out, event, &shape->parts[i]);
	return out.length;
}
