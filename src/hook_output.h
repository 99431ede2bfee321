/*-------------------------------------------------------------------------
 *
 * hook_output.h
 *		What a hook writes, line by line into the server log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_HOOK_OUTPUT_H
#define PG_LEADER_HOOK_OUTPUT_H

/* Longest part of a line that is logged as one, in bytes. */
#define HOOK_LINE_MAX		1024

/* Of one run, as much as this is logged; the rest is counted. */
#define HOOK_LOGGED_LINES	500
#define HOOK_LOGGED_BYTES	(64 * 1024)

typedef struct HookOutput
{
	uint64		sequence;		/* of the news that the run tells of */
	char		line[HOOK_LINE_MAX + 1];	/* what was not logged yet */
	int			length;
	uint64		logged_lines;
	uint64		logged_bytes;
	uint64		dropped_bytes;
} HookOutput;

extern void hook_output_begin(HookOutput *output, uint64 sequence);

typedef enum HookOutputResult
{
	HOOK_OUTPUT_SOME,			/* something was taken, there may be more */
	HOOK_OUTPUT_NONE,			/* there is nothing at the moment */
	HOOK_OUTPUT_END				/* nor will there be: no writer is left */
} HookOutputResult;

/* Take what the pipe has at the moment, a limited amount. */
extern HookOutputResult hook_output_read(HookOutput *output, int fd);

/* Log what is left, and how much was not logged. */
extern void hook_output_finish(HookOutput *output);

#endif							/* PG_LEADER_HOOK_OUTPUT_H */
