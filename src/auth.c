/*-------------------------------------------------------------------------
 *
 * auth.c
 *		The shared secret, and the tag (HMAC-SHA256, RFC 2104) that it puts on
 *		each datagram.
 *
 * The postmaster loads the secret; receiver and sender, its children, use it.
 * No locks.  The secret is in this file's memory only: no function hands it
 * out, and no message quotes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/resowner.h"

/* Bytes for a newline of either kind, which does not belong to the secret. */
#define NEWLINE_MAX_BYTES	2

static uint8_t secret[AUTH_SECRET_MAX_BYTES];
static size_t secret_length = 0;	/* 0: none loaded */

/* Refuse the file for what it is, not for what is in it. */
static void
check_file(const char *path, const struct stat *file)
{
	if (!S_ISREG(file->st_mode))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret file \"%s\" is not a plain file", path),
				 errhint("Set pg_leader.secret_file to a file with at least %d bytes, the same on all nodes.",
						 AUTH_SECRET_MIN_BYTES)));
	if (file->st_uid != geteuid())
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret file \"%s\" belongs to another user", path),
				 errdetail("It must belong to the user that runs the server.")));
	if (file->st_mode & (S_IRWXG | S_IRWXO))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret file \"%s\" is accessible by group or others",
						path),
				 errdetail("Its permissions are 0%03o, and may be 0600 or less.",
						   (unsigned int) (file->st_mode & 07777))));
}

void
auth_load(const char *path)
{
	uint8_t		buffer[AUTH_SECRET_MAX_BYTES + NEWLINE_MAX_BYTES + 1];
	struct stat file;
	size_t		length = 0;
	int			fd;

	StaticAssertStmt(WIRE_TAG_SIZE == PG_SHA256_DIGEST_LENGTH,
					 "a tag is a whole HMAC-SHA256");

	/* Non-blocking: a FIFO must not stop the server in open(). */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
	if (fd < 0)
	{
		bool		is_forbidden = (errno == EACCES || errno == EPERM);

		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not open secret file \"%s\": %m", path),
				 is_forbidden ?
				 errhint("The file must belong to the user that runs the server, who must be able to read it and to enter the directories above it.") :
				 errhint("Set pg_leader.secret_file to a file with at least %d bytes, the same on all nodes.",
						 AUTH_SECRET_MIN_BYTES)));
	}

	/* The file that was opened is checked, not its name. */
	if (fstat(fd, &file) < 0)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not stat secret file \"%s\": %m", path)));
	check_file(path, &file);

	while (length < sizeof(buffer))
	{
		ssize_t		bytes = read(fd, buffer + length, sizeof(buffer) - length);

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			ereport(FATAL,
					(errcode_for_file_access(),
					 errmsg("could not read secret file \"%s\": %m", path)));
		if (bytes == 0)
			break;
		length += bytes;
	}
	close(fd);

	if (length < sizeof(buffer))
	{
		while (length > 0 &&
			   (buffer[length - 1] == '\n' || buffer[length - 1] == '\r'))
			length--;
	}
	if (length < AUTH_SECRET_MIN_BYTES)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret file \"%s\" is too short", path),
				 errdetail("It has %d bytes, newlines at the end not counted, and needs at least %d.",
						   (int) length, AUTH_SECRET_MIN_BYTES),
				 errhint("\"openssl rand -hex 32\" writes a good secret.")));
	if (length > AUTH_SECRET_MAX_BYTES)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret file \"%s\" is too long", path),
				 errdetail("It may have at most %d bytes.",
						   AUTH_SECRET_MAX_BYTES)));

	memcpy(secret, buffer, length);
	secret_length = length;
	explicit_bzero(buffer, sizeof(buffer));
}

bool
auth_enabled(void)
{
	return secret_length > 0;
}

/* A WireTagFunction: HMAC-SHA256 by the secret; false if out of memory. */
static bool
sign(void *context, const uint8_t *data, size_t length,
	 uint8_t tag[WIRE_TAG_SIZE])
{
	pg_hmac_ctx *hmac;
	bool		ok;

	/* pg_hmac_create() registers what it allocates with the owner. */
	Assert(CurrentResourceOwner != NULL);
	Assert(auth_enabled());

	/*
	 * A context for each tag: about a microsecond in all, and nothing that
	 * could outlive its resource owner.
	 */
	hmac = pg_hmac_create(PG_SHA256);
	if (hmac == NULL)
		return false;
	ok = pg_hmac_init(hmac, secret, secret_length) >= 0 &&
		pg_hmac_update(hmac, data, length) >= 0 &&
		pg_hmac_final(hmac, tag, WIRE_TAG_SIZE) >= 0;
	pg_hmac_free(hmac);
	return ok;
}

/* A WireVerifyFunction.  Takes the same time wherever two tags differ. */
static bool
verify(void *context, const uint8_t *data, size_t length, const uint8_t *tag)
{
	uint8_t		expected[WIRE_TAG_SIZE];

	return sign(context, data, length, expected) &&
		timingsafe_bcmp(expected, tag, WIRE_TAG_SIZE) == 0;
}

void
auth_set_up_wire(WireConfig *wire)
{
	wire->tag = auth_enabled() ? sign : NULL;
	wire->verify = auth_enabled() ? verify : NULL;
}
