/*-------------------------------------------------------------------------
 *
 * ctl_watch.c
 *		Shows the same again and again, in place on a terminal.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/logging.h"
#include "ctl_table.h"
#include "ctl_watch.h"

/* Size of the terminal; zeros: there is none, or it does not tell. */
static struct winsize
terminal_size(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		memset(&size, 0, sizeof(size));
	return size;
}

int
ctl_watch_terminal_width(void)
{
	return terminal_size().ws_col;
}

/*
 * Over what is on the terminal, line by line: nothing flickers.  What does not
 * fit is left out, as the terminal would scroll.
 */
static void
redraw(const char *text)
{
	struct winsize size = terminal_size();
	int			rows = 0;
	const char *end;

	fputs("\033[H", stdout);
	for (; *text; text = end)
	{
		end = text + strcspn(text, "\n");
		rows++;
		if (size.ws_col > 0)
			rows += Max(0, ctl_table_width(text, end - text) - 1) / size.ws_col;
		if (size.ws_row > 0 && rows >= size.ws_row)
			break;
		printf("%.*s\033[K\n", (int) (end - text), text);
		end += *end == '\n';
	}
	fputs("\033[J", stdout);
}

CtlExit
ctl_watch(Ctl *ctl, CtlLook look, const char *title)
{
	bool		in_place = isatty(STDOUT_FILENO) && !ctl->json;
	bool		first = true;

	for (;;)
	{
		int64		next_us = ctl_query_now_us() + ctl->watch_us;
		int64		left_us;
		char	   *text = NULL;
		size_t		length = 0;
		FILE	   *memory = open_memstream(&text, &length);
		time_t		now = time(NULL);
		struct tm	local;
		char		clock[64] = "";

		if (!memory)
		{
			pg_log_error("out of memory");
			return CTL_CANNOT_TELL;
		}
		if (!ctl->json && localtime_r(&now, &local))
		{
			strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &local);
			fprintf(memory, "%s  (every %g s)  %s\n\n", title,
					ctl->watch_us / 1000000.0, clock);
		}
		(void) look(ctl, memory, ctl_watch_terminal_width());
		fclose(memory);

		if (in_place)
			redraw(text);
		else
			printf("%s%s", first || ctl->json ? "" : "\n", text);
		free(text);
		first = false;
		if (fflush(stdout) != 0 || ferror(stdout))
			return CTL_CANNOT_TELL;

		left_us = next_us - ctl_query_now_us();
		if (left_us > 0)
			pg_usleep((long) left_us);
	}
}
