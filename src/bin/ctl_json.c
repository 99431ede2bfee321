/*-------------------------------------------------------------------------
 *
 * ctl_json.c
 *		Writes JSON: always valid, always UTF-8, on one line.
 *
 * Texts come from servers and from the C library, whose encodings may be
 * others: a byte that is no UTF-8 is replaced by U+FFFD.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "ctl_json.h"
#include "mb/pg_wchar.h"

#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"

static void
separate(PQExpBuffer json)
{
	if (json->len > 0 && strchr("{[:", json->data[json->len - 1]) == NULL)
		appendPQExpBufferChar(json, ',');
}

/* One character; returns the next. */
static const char *
append_character(PQExpBuffer json, const char *text)
{
	int			length = pg_utf_mblen((const unsigned char *) text);

	if (strnlen(text, length) < (size_t) length ||
		!pg_utf8_islegal((const unsigned char *) text, length))
	{
		appendPQExpBufferStr(json, REPLACEMENT_CHARACTER);
		return text + 1;
	}
	appendBinaryPQExpBuffer(json, text, length);
	return text + length;
}

static void
append_quoted(PQExpBuffer json, const char *text)
{
	appendPQExpBufferChar(json, '"');
	while (*text)
	{
		if (*text == '"' || *text == '\\')
			appendPQExpBuffer(json, "\\%c", *text++);
		else if ((unsigned char) *text < ' ' || *text == 0x7F)
			appendPQExpBuffer(json, "\\u%04x", (unsigned char) *text++);
		else
			text = append_character(json, text);
	}
	appendPQExpBufferChar(json, '"');
}

void
ctl_json_open(PQExpBuffer json, char bracket)
{
	separate(json);
	appendPQExpBufferChar(json, bracket);
}

void
ctl_json_key(PQExpBuffer json, const char *key)
{
	separate(json);
	append_quoted(json, key);
	appendPQExpBufferChar(json, ':');
}

void
ctl_json_text(PQExpBuffer json, const char *text)
{
	if (text)
		append_quoted(json, text);
	else
		ctl_json_null(json);
}

void
ctl_json_number(PQExpBuffer json, int64 number)
{
	appendPQExpBuffer(json, INT64_FORMAT, number);
}

void
ctl_json_bool(PQExpBuffer json, bool value)
{
	appendPQExpBufferStr(json, value ? "true" : "false");
}

void
ctl_json_null(PQExpBuffer json)
{
	appendPQExpBufferStr(json, "null");
}

void
ctl_json_made(PQExpBuffer json, const char *made)
{
	separate(json);
	while (*made)
		made = append_character(json, made);
}
