/*-------------------------------------------------------------------------
 *
 * log_writer.h
 *		The algorithm log's file, behind a process of its own that may be left
 *		waiting for the disk.
 *
 * A process that the kernel keeps in an uninterruptible open() or write()
 * cannot end, and a server that stops waits for all of its workers.  So the
 * logger does not touch the file itself: a child of it does, which is no
 * process of the server's and has nothing of its memory.  The logger hands it
 * one request at a time and never waits for the answer.
 *
 * Where that ends: a child that hangs is left behind, with the text that it
 * was given.  It ends when the kernel lets it go.  What it has written by then
 * is in the file twice, if a successor was given the same file meanwhile.
 *
 * All of these run in the logger.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_LOG_WRITER_H
#define PG_LEADER_LOG_WRITER_H

/* Most bytes of one request: less than a socket takes without waiting. */
#define LOG_WRITER_MAX_BYTES	(32 * 1024)

typedef struct LogWriterAnswer
{
	int			error_number;	/* errno; 0: all went well */
	uint32		written;		/* a text: bytes that were written */
} LogWriterAnswer;

/* Start the child; false, with errno: could not. */
extern bool log_writer_start(void);

/* Is there a child? */
extern bool log_writer_runs(void);

/*
 * Hand it a request: open this file for appending, created if need be, in
 * place of the one before; or write this text.  One at a time: until the
 * answer is there, log_writer_is_busy().
 */
extern void log_writer_open(const char *path);
extern void log_writer_write(const char *text, uint32 length);
extern bool log_writer_is_busy(void);

/*
 * Take the answer; false: there is none yet.  If the child has ended without
 * one, the answer is EPIPE, and log_writer_runs() is false.
 */
extern bool log_writer_answer(LogWriterAnswer *answer);

/* Where to wait for the answer; PGINVALID_SOCKET: there is no child. */
extern pgsocket log_writer_socket(void);

/* End the child, which loses a request that is under way. */
extern void log_writer_stop(void);

#endif							/* PG_LEADER_LOG_WRITER_H */
