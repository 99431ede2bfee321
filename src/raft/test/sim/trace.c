/*-------------------------------------------------------------------------
 *
 * trace.c
 *		The run as text: a line for each thing that happens, with the real time
 *		and a column for each node.  A clone shares its node's, marked: 2'.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <stdarg.h>

/* Nodes beyond this many share the last column. */
#define COLUMNS				9

void
trace_print(const World *world, const Host *host, const char *format,...)
{
	int32_t		columns = world->count < COLUMNS ? world->count : COLUMNS;
	int32_t		i;
	va_list		args;

	printf("%5llu.%09llu ", (unsigned long long) (world->now_ns / SIM_S),
		   (unsigned long long) (world->now_ns % SIM_S));
	for (i = 0; i < columns; i++)
	{
		bool		here = host != NULL &&
		(host->id == i || (i == columns - 1 && host->id > i));

		if (here && host->place != host->id)
			printf("%2d'", host->id);
		else if (here)
			printf("%3d", host->id);
		else
			printf("  .");
	}
	printf("  ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
