/*-------------------------------------------------------------------------
 *
 * ctl_watch.h
 *		Shows the same again and again, in place on a terminal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_WATCH_H
#define CTL_WATCH_H

#include "ctl_commands.h"

/*
 * Asks, and prints the answers, to a file or to memory, in lines of at most
 * width characters; 0: no limit.
 */
typedef CtlExit (*CtlLook) (Ctl *ctl, FILE *file, int width);

/* Characters on a line of the terminal; 0: there is none, or it is not told. */
extern int	ctl_watch_terminal_width(void);

/* Looks every ctl->watch_us, until it is interrupted or nobody reads any more. */
extern CtlExit ctl_watch(Ctl *ctl, CtlLook look, const char *title);

#endif							/* CTL_WATCH_H */
