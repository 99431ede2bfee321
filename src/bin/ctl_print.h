/*-------------------------------------------------------------------------
 *
 * ctl_print.h
 *		Shows answers, as tables like psql's or as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include "ctl_view.h"
#include "pqexpbuffer.h"

/*
 * Tables.  The last column, a text, is folded so that lines have at most width
 * characters, if that can be done; 0: no limit.
 */
extern void ctl_print_status(FILE *file, int width, const CtlNode *nodes,
							 int count, const CtlVerdict *verdict);
extern void ctl_print_peers(FILE *file, int width, const CtlNode *nodes,
							int count);

/* The same as JSON, an object each. */
extern void ctl_print_status_json(PQExpBuffer json, const CtlNode *nodes,
								  int count, const CtlVerdict *verdict);
extern void ctl_print_peers_json(PQExpBuffer json, const CtlNode *nodes,
								 int count);

/* The value of a key "leader": an object, or null. */
extern void ctl_print_leader_json(PQExpBuffer json, const CtlVerdict *verdict);

/* Who leads, in a sentence without full stop; the caller frees it. */
extern char *ctl_print_leader_text(const CtlVerdict *verdict);

/* Why a node has not answered, for a table; the caller frees it. */
extern char *ctl_print_marked_failure(const CtlNode *node);

/* Keys of an object: which server that is, and why it has not answered. */
extern void ctl_print_server_json(PQExpBuffer json, const CtlNode *node);
extern void ctl_print_message_json(PQExpBuffer json, const CtlNode *node);

/* Why a node has not answered, as an error message, if it was asked. */
extern void ctl_print_failure(const CtlNode *node);

/* Prints a line of JSON, and destroys the buffer. */
extern void ctl_print_json(FILE *file, PQExpBuffer json);

#endif							/* CTL_PRINT_H */
