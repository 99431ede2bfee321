/*-------------------------------------------------------------------------
 *
 * hook_output.c
 *		What a hook writes, line by line into the server log.
 *
 * Runs in the hook runner only.  No locks.  The log is the server's, which
 * also elections wait for: so little is written to it, whatever a hook says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "hook_output.h"
#include "mb/pg_wchar.h"

/* Taken from the pipe at a time. */
#define READ_BYTES		(64 * 1024)

void
hook_output_begin(HookOutput *output, uint64 sequence)
{
	memset(output, 0, sizeof(*output));
	output->sequence = sequence;
}

/*
 * Replace what would garble a log: control characters, and bytes that are not
 * UTF-8.
 */
static void
make_printable(char *text, int length)
{
	int			i = 0;

	while (i < length)
	{
		unsigned char *c = (unsigned char *) text + i;
		int			width = pg_utf_mblen(c);

		if ((*c >= ' ' && *c < 0x7f) || *c == '\t')
			i++;
		else if (*c >= 0x80 && width > 1 && width <= length - i &&
				 pg_utf8_islegal(c, width))
			i += width;
		else
		{
			*c = '?';
			i++;
		}
	}
}

static void
log_line(HookOutput *output, int length)
{
	if (output->logged_lines >= HOOK_LOGGED_LINES ||
		output->logged_bytes + length > HOOK_LOGGED_BYTES)
	{
		output->dropped_bytes += length;
		return;
	}
	output->logged_lines++;
	output->logged_bytes += length;

	make_printable(output->line, length);
	ereport(LOG,
			(errmsg("pg_leader hook " UINT64_FORMAT ": %.*s", output->sequence,
					length, output->line)));
}

/* The line is longer than there is room: log what is there of it. */
static void
log_full_line(HookOutput *output)
{
	int			length = output->length;
	int			rest;

	/* Not in the middle of a character, if it is one. */
	while (length > HOOK_LINE_MAX - 4 &&
		   ((unsigned char) output->line[length - 1] & 0xc0) == 0x80)
		length--;
	if (length < output->length && length > 0 &&
		(unsigned char) output->line[length - 1] >= 0xc0)
		length--;
	else
		length = output->length;

	log_line(output, length);
	rest = output->length - length;
	memmove(output->line, output->line + length, rest);
	output->length = rest;
}

static void
take_bytes(HookOutput *output, const char *bytes, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (bytes[i] == '\n')
		{
			log_line(output, output->length);
			output->length = 0;
			continue;
		}
		if (output->length == HOOK_LINE_MAX)
			log_full_line(output);
		output->line[output->length++] = bytes[i];
	}
}

HookOutputResult
hook_output_read(HookOutput *output, int fd)
{
	static char bytes[READ_BYTES];
	ssize_t		count;

	do
		count = read(fd, bytes, sizeof(bytes));
	while (count < 0 && errno == EINTR);

	if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return HOOK_OUTPUT_NONE;
	if (count <= 0)
		return HOOK_OUTPUT_END;
	take_bytes(output, bytes, (int) count);
	return HOOK_OUTPUT_SOME;
}

void
hook_output_finish(HookOutput *output)
{
	if (output->length > 0)
		log_line(output, output->length);
	output->length = 0;
	if (output->dropped_bytes > 0)
		ereport(LOG,
				(errmsg("pg_leader hook " UINT64_FORMAT " has written " UINT64_FORMAT " bytes more",
						output->sequence, output->dropped_bytes),
				 errdetail("Of one run, at most %d lines and %d bytes are logged.",
						   HOOK_LOGGED_LINES, HOOK_LOGGED_BYTES)));
}
