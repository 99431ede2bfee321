/*-------------------------------------------------------------------------
 *
 * ctl_json.h
 *		Writes JSON: always valid, always UTF-8, on one line.
 *
 * Whoever writes opens and closes brackets himself; commas come by themselves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "pqexpbuffer.h"

/* A bracket or brace that opens, as an element of a list. */
extern void ctl_json_open(PQExpBuffer json, char bracket);

/* A key; its value has to follow. */
extern void ctl_json_key(PQExpBuffer json, const char *key);

/* Values of a key; NULL is written as null. */
extern void ctl_json_text(PQExpBuffer json, const char *text);
extern void ctl_json_number(PQExpBuffer json, int64 number);
extern void ctl_json_bool(PQExpBuffer json, bool value);
extern void ctl_json_null(PQExpBuffer json);

/* What is JSON already, as an element of a list or as a value. */
extern void ctl_json_made(PQExpBuffer json, const char *made);

#endif							/* CTL_JSON_H */
