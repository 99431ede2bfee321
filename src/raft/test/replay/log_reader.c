/*-------------------------------------------------------------------------
 *
 * log_reader.c
 *		A line of the algorithm log becomes an event.
 *
 * By the tables that the line was written by (event_fields.h): fields come in
 * their order, and none but sparse ones may be missing.
 *
 *-------------------------------------------------------------------------
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More than any enumeration has. */
#define MAX_WORDS	64

/* Is there "key=" at this place?  Then go behind it. */
static bool
skip_key(const char **place, const char *key)
{
	size_t		length = strlen(key);

	if (strncmp(*place, key, length) != 0 || (*place)[length] != '=')
		return false;
	*place += length + 1;
	return true;
}

/* Go behind the blank before the next key, if there is one. */
static bool
skip_blank(const char **place)
{
	if (**place != ' ')
		return **place == '\0';
	(*place)++;
	return true;
}

static bool
read_unsigned(const char **place, uint64_t limit, int base, uint64_t *value)
{
	char	   *end;

	if (strchr("0123456789abcdef", **place) == NULL || **place == '\0')
		return false;
	*value = strtoull(*place, &end, base);
	*place = end;
	return *value <= limit;
}

static bool
read_int32(const char **place, int32_t *value)
{
	char	   *end;
	long		number;

	if (strchr("-0123456789", **place) == NULL || **place == '\0')
		return false;
	number = strtol(*place, &end, 10);
	*place = end;
	*value = (int32_t) number;
	return number >= INT32_MIN && number <= INT32_MAX;
}

/* A word or a quoted text, as it was before it was written. */
static bool
read_text(const char **place, bool quoted, char *text, size_t size)
{
	size_t		length = 0;

	if (quoted && *(*place)++ != '"')
		return false;
	while (**place != '\0' && **place != (quoted ? '"' : ' '))
	{
		if (quoted && **place == '\\')
			(*place)++;
		if (**place == '\0' || length + 1 >= size)
			return false;
		text[length++] = *(*place)++;
	}
	text[length] = '\0';
	return !quoted || *(*place)++ == '"';
}

/* Is this what the word looks like in a line? */
static bool
is_word(const char *text, const char *word)
{
	for (; *text != '\0' && *word != '\0'; text++, word++)
	{
		if (*text != *word && !(*text == '_' && *word == ' '))
			return false;
	}
	return *text == *word;
}

static bool
read_word(const char **place, const EventField *field, void *value)
{
	char		text[LOG_TEXT_SIZE];
	int			i;

	if (!read_text(place, field->kind == FIELD_PHRASE, text, sizeof(text)) ||
		strcmp(text, "invalid") == 0)
		return false;
	for (i = 0; i < MAX_WORDS; i++)
	{
		if (!is_word(text, field->word(i)))
			continue;
		if (field->size == sizeof(bool))
			*(bool *) value = (i != 0);
		else
			*(int *) value = i;
		return true;
	}
	return false;
}

static bool
read_position(const char **place, RaftPosition *position)
{
	size_t		i;

	for (i = 0; i < sizeof(position->bytes); i++)
	{
		char		digits[3] = {0};
		const char *digit = digits;
		uint64_t	byte;

		strncat(digits, *place, 2);
		if (strlen(digits) != 2 || !read_unsigned(&digit, UINT8_MAX, 16, &byte))
			return false;
		position->bytes[i] = (uint8_t) byte;
		*place += 2;
	}
	return true;
}

static bool
read_generations(const char **place, uint64_t *generations)
{
	memset(generations, 0, RAFT_MAX_NODES * sizeof(uint64_t));
	if (strncmp(*place, "none", 4) == 0)
	{
		*place += 4;
		return true;
	}
	for (;;)
	{
		uint64_t	id;
		uint64_t	generation;

		if (!read_unsigned(place, RAFT_MAX_NODES - 1, 10, &id) ||
			*(*place)++ != ':' ||
			!read_unsigned(place, UINT64_MAX, 10, &generation))
			return false;
		generations[id] = generation;
		if (**place != ',')
			return true;
		(*place)++;
	}
}

static bool
read_field(const char **place, const EventField *field, void *value)
{
	uint64_t	number = 0;
	bool		ok = false;

	switch (field->kind)
	{
		case FIELD_UINT64:
			return read_unsigned(place, UINT64_MAX, 10, (uint64_t *) value);
		case FIELD_SESSION:
			return read_unsigned(place, UINT64_MAX, 16, (uint64_t *) value);
		case FIELD_UINT32:
			ok = read_unsigned(place, UINT32_MAX, 10, &number);
			*(uint32_t *) value = (uint32_t) number;
			return ok;
		case FIELD_INT32:
			return read_int32(place, (int32_t *) value);
		case FIELD_UINT16:
			ok = read_unsigned(place, UINT16_MAX, 10, &number);
			*(uint16_t *) value = (uint16_t) number;
			return ok;
		case FIELD_UINT8:
			ok = read_unsigned(place, UINT8_MAX, 10, &number);
			*(uint8_t *) value = (uint8_t) number;
			return ok;
		case FIELD_BOOL:
			ok = read_unsigned(place, 1, 10, &number);
			*(bool *) value = (number != 0);
			return ok;
		case FIELD_WORD:
		case FIELD_PHRASE:
			return read_word(place, field, value);
		case FIELD_TEXT:
			return read_text(place, true, (char *) value, field->size);
		case FIELD_POSITION:
			return read_position(place, (RaftPosition *) value);
		case FIELD_GENERATIONS:
			return read_generations(place, (uint64_t *) value);
		case FIELD_GRANTED:
			break;				/* of no event that is read */
	}
	return false;
}

static bool
read_part(const char **place, const EventPart *part, LogEvent *event)
{
	size_t		i;

	for (i = 0; i < part->count; i++)
	{
		const EventField *field = &part->fields[i];
		void	   *value = (char *) event + part->offset + field->offset;

		if (!skip_key(place, field->key))
		{
			if (part->form != PART_SPARSE)
				return false;
			memset(value, field->kind == FIELD_INT32 ? 0xff : 0, field->size);
			continue;
		}
		if (!read_field(place, field, value) || !skip_blank(place))
			return false;
	}
	return true;
}

/* Is the rest of such a line read? */
static bool
is_read(LogEventType type)
{
	return type == LOG_EVENT_START || type == LOG_EVENT_SETTINGS ||
		type == LOG_EVENT_LOST ||
		(type >= LOG_EVENT_IN_INIT && type < LOG_EVENT_OUT_RESULT);
}

/* What all events begin with; the time is of no interest but for its form. */
static bool
read_beginning(const char **place, LogEvent *event)
{
	static const EventField role = {
		.key = "role",.size = sizeof(RaftRole),.kind = FIELD_WORD
	};
	char		time[LOG_NAME_SIZE];
	char		word[LOG_NAME_SIZE];
	int			i;

	if (!skip_key(place, "time") ||
		!read_text(place, false, time, sizeof(time)) || !skip_blank(place) ||
		!skip_key(place, "clock") ||
		!read_unsigned(place, UINT64_MAX, 10, &event->clock_ns) || !skip_blank(place) ||
		!skip_key(place, "node") ||
		!read_int32(place, &event->node) || !skip_blank(place) ||
		!skip_key(place, "term") ||
		!read_unsigned(place, UINT64_MAX, 10, &event->term) || !skip_blank(place) ||
		!skip_key(place, role.key) ||
		!read_text(place, false, word, sizeof(word)) || !skip_blank(place))
		return false;
	for (i = RAFT_FOLLOWER; i <= RAFT_LEADER; i++)
	{
		if (strcmp(word, raft_role_name((RaftRole) i)) == 0)
			break;
	}
	event->role = (RaftRole) i;
	return i <= RAFT_LEADER && skip_key(place, "leader") &&
		read_int32(place, &event->leader) && skip_blank(place);
}

LineKind
log_reader_parse(const char *line, const char **text, LogEvent *event)
{
	const char *place = strstr(line, "time=");
	char		name[LOG_NAME_SIZE];
	char		again[EVENT_LINE_SIZE];
	int			type;
	int			i;

	if (place == NULL)
		return LINE_FOREIGN;
	*text = place;
	memset(event, 0, sizeof(*event));
	if (!read_beginning(&place, event) || !skip_key(&place, "event") ||
		!read_text(&place, false, name, sizeof(name)) || !skip_blank(&place))
		return LINE_DAMAGED;
	for (type = 0; type < LOG_EVENT_TYPES; type++)
	{
		if (strcmp(name, event_shapes[type].name) == 0)
			break;
	}
	if (type == LOG_EVENT_TYPES)
		return LINE_DAMAGED;
	event->type = (LogEventType) type;
	if (!is_read(event->type))
		return LINE_EVENT;

	for (i = 0; i < EVENT_PARTS; i++)
	{
		if (!read_part(&place, &event_shapes[type].parts[i], event))
			return LINE_DAMAGED;
	}

	/* What was read has to be what was written, to the last character. */
	event_format_line(event, again);
	if (*place != '\0' ||
		strcmp(strstr(*text, " clock="), strstr(again, " clock=")) != 0)
		return LINE_DAMAGED;
	return LINE_EVENT;
}
