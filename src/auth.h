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
 * A WireTagFunction: tag of data by the secret; false if out of memory.
 * Needs a loaded secret and a resource owner; context is not used.
 */
extern bool auth_tag(void *context, const uint8_t *data, size_t length,
					 uint8_t tag[WIRE_TAG_SIZE]);

/* Do two tags agree?  Takes the same time wherever they differ. */
extern bool auth_tags_equal(const uint8_t *left, const uint8_t *right);

/* A WireVerifyFunction: is this the tag of data?  Likewise. */
extern bool auth_verify(void *context, const uint8_t *data, size_t length,
						const uint8_t *tag);

#endif							/* PG_LEADER_AUTH_H */
