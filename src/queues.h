/*-------------------------------------------------------------------------
 *
 * queues.h
 *		The two queues between the workers, in one dynamic shared memory
 *		segment:  receiver --inbox--> ticker --outbox--> sender.
 *
 * The launcher creates the segment for each start of the pipeline and hands
 * its handle to the workers.  Each queue has one writer and one reader.  What
 * travels in both is a RaftMessage.  Nobody ever blocks on a queue: Raft
 * tolerates the loss of a message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_QUEUES_H
#define PG_LEADER_QUEUES_H

#include "raft/raft.h"
#include "storage/dsm.h"

typedef enum QueueName
{
	QUEUE_INBOX = 0,			/* receiver to ticker */
	QUEUE_OUTBOX				/* ticker to sender */
} QueueName;

typedef enum QueueResult
{
	QUEUE_OK = 0,
	QUEUE_FULL,					/* send: there was no room, message dropped */
	QUEUE_EMPTY,				/* receive: nothing there */
	QUEUE_DETACHED				/* the other side has gone */
} QueueResult;

typedef struct Queue Queue;		/* one end, private to the process */

/*
 * Launcher: a new segment, pinned to this process until dsm_detach(), with a
 * new session number.  ereport(ERROR)s if there is no memory.
 */
extern dsm_segment *queues_create(int node_count);

/*
 * Worker: attach to the segment.  Once in a process; ereport(ERROR)s if the
 * segment is gone.
 */
extern dsm_segment *queues_attach(dsm_handle handle);

/*
 * The node's session of this start of the pipeline: random, not 0; one number
 * for all that attach to the segment.
 */
extern uint64 queues_session(dsm_segment *segment);

/* Worker: take one end of one queue; the segment's end detaches it. */
extern Queue *queue_attach_reader(dsm_segment *segment, QueueName name);
extern Queue *queue_attach_writer(dsm_segment *segment, QueueName name);

/*
 * Offer a message; never blocks, and the reader need not be there yet.
 * QUEUE_OK: the reader will get it, but perhaps only after the next call of
 * queue_send() or queue_flush().
 */
extern QueueResult queue_send(Queue *queue, const RaftMessage *message);

/*
 * Writer, when its latch was set: the reader may have made room for what was
 * left of the last message.  QUEUE_FULL: not yet.
 */
extern QueueResult queue_flush(Queue *queue);

/* Messages that are in the queue now, as the one end sees the other. */
extern uint64 queue_depth(const Queue *queue);

/* Take the oldest message; never blocks; the writer sets our latch. */
extern QueueResult queue_receive(Queue *queue, RaftMessage *message);

#endif							/* PG_LEADER_QUEUES_H */
