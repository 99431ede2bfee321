/*-------------------------------------------------------------------------
 *
 * auth.h
 *		The shared secret, and the tag (HMAC-SHA256) that it puts on each
 *		datagram.
 *
 * The secret is read by the postmaster when the server starts and inherited
 * by the workers; it is never in shared memory, in a setting, or in a log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_AUTH_H
#define PG_LEADER_AUTH_H

#include "wire/wire.h"

/* Fewer bytes than this in the secret file are refused. */
#define AUTH_SECRET_MIN_BYTES	32
#define AUTH_SECRET_MAX_BYTES	1024

/*
 * Read the secret.  ereport(FATAL)s, naming file and rule, if it cannot be
 * read, is accessible by others than its owner, is no plain file, or is too
 * short or too long.  Trailing newlines do not count.  Postmaster only.
 */
extern void auth_load(const char *path);

/* Has a secret been loaded? */
extern bool auth_enabled(void);

/*
 * Fill in the functions that sign and verify by the secret, or none if none
 * has been loaded.  They need a resource owner.
 */
extern void auth_set_up_wire(WireConfig *wire);

#endif							/* PG_LEADER_AUTH_H */
