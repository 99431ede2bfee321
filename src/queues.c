/*-------------------------------------------------------------------------
 *
 * queues.c
 *		The dynamic shared memory segment with inbox and outbox.
 *
 * The launcher creates the segment; receiver, ticker and sender attach to it.
 * It has a table of contents with three entries: a header, and a queue of
 * messages (shm_mq) for each QueueName.  No locks beyond shm_mq's own.
 *
 * Who notices whose death: when a process ends, however it does so but for a
 * crash of the whole server, it is detached from the segment and with that
 * from its ends of the queues, and its counterparts are woken and told
 * QUEUE_DETACHED.  A process that dies before it has taken its end is not
 * noticed here; the launcher looks for that (launcher.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "queues.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "utils/memutils.h"

/* "PGLQueue" */
#define QUEUES_MAGIC		UINT64CONST(0x50474c5175657565)

/* Entries of the table of contents; the queues follow, by QueueName. */
#define QUEUES_KEY_HEADER	0
#define QUEUES_KEY_FIRST	1
#define QUEUES				2
#define QUEUES_KEYS			(QUEUES_KEY_FIRST + QUEUES)

/*
 * A queue holds at least this many messages from each node: when a leader is
 * lost, all may campaign at once, and repeat themselves.
 */
#define MESSAGES_PER_NODE	4

#define MIN_RING_BYTES		(64 * 1024)

/* Messages since the segment's creation; each end writes its own. */
typedef struct QueueCounts
{
	pg_atomic_uint64 written;
	pg_atomic_uint64 taken;
} QueueCounts;

typedef struct PipelineHeader
{
	uint64		session;
	QueueCounts counts[QUEUES];
} PipelineHeader;

struct Queue
{
	shm_mq_handle *handle;
	QueueCounts *counts;

	/*
	 * Writer: once a part of a message is in the ring, the rest must follow,
	 * so it is kept until there is room.
	 */
	bool		is_pending;
	RaftMessage pending;
};

/* Bytes of one queue. */
static Size
choose_queue_size(int node_count)
{
	/* shm_mq puts a length before each message and aligns both. */
	Size		message = MAXALIGN(sizeof(Size)) + MAXALIGN(sizeof(RaftMessage));
	Size		ring = (Size) node_count * MESSAGES_PER_NODE * message;

	/* A reader returns the room that it has read a quarter of a ring late. */
	ring += ring / 3 + message;
	return MAXALIGN(shm_mq_minimum_size + Max(ring, MIN_RING_BYTES));
}

static uint64
draw_session(void)
{
	uint64		session;

	do
	{
		if (!pg_strong_random(&session, sizeof(session)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random session number")));
	} while (session == 0);
	return session;
}

dsm_segment *
queues_create(int node_count)
{
	Size		queue_size = choose_queue_size(node_count);
	shm_toc_estimator estimator;
	Size		segment_size;
	dsm_segment *segment;
	shm_toc    *toc;
	PipelineHeader *header;

	shm_toc_initialize_estimator(&estimator);
	shm_toc_estimate_chunk(&estimator, sizeof(PipelineHeader));
	shm_toc_estimate_chunk(&estimator, queue_size);
	shm_toc_estimate_chunk(&estimator, queue_size);
	shm_toc_estimate_keys(&estimator, QUEUES_KEYS);
	segment_size = shm_toc_estimate(&estimator);

	segment = dsm_create(segment_size, 0);
	dsm_pin_mapping(segment);
	toc = shm_toc_create(QUEUES_MAGIC, dsm_segment_address(segment),
						 segment_size);

	header = shm_toc_allocate(toc, sizeof(PipelineHeader));
	header->session = draw_session();
	shm_toc_insert(toc, QUEUES_KEY_HEADER, header);

	for (int name = QUEUE_INBOX; name <= QUEUE_OUTBOX; name++)
	{
		pg_atomic_init_u64(&header->counts[name].written, 0);
		pg_atomic_init_u64(&header->counts[name].taken, 0);
		shm_toc_insert(toc, QUEUES_KEY_FIRST + name,
					   shm_mq_create(shm_toc_allocate(toc, queue_size),
									 queue_size));
	}
	return segment;
}

dsm_segment *
queues_attach(dsm_handle handle)
{
	dsm_segment *segment = dsm_attach(handle);

	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment of pg_leader"),
				 errdetail("The launcher that created it has ended.")));
	dsm_pin_mapping(segment);
	return segment;
}

static void *
look_up(dsm_segment *segment, uint64 key)
{
	shm_toc    *toc = shm_toc_attach(QUEUES_MAGIC,
									 dsm_segment_address(segment));

	if (toc == NULL)
		elog(ERROR, "wrong magic number in dynamic shared memory segment");
	return shm_toc_lookup(toc, key, false);
}

uint64
queues_session(dsm_segment *segment)
{
	PipelineHeader *header = look_up(segment, QUEUES_KEY_HEADER);

	return header->session;
}

static Queue *
attach_end(dsm_segment *segment, QueueName name, shm_mq *mq)
{
	PipelineHeader *header = look_up(segment, QUEUES_KEY_HEADER);
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	Queue	   *queue = palloc0(sizeof(Queue));

	queue->counts = &header->counts[name];
	queue->handle = shm_mq_attach(mq, segment, NULL);
	MemoryContextSwitchTo(caller);
	return queue;
}

Queue *
queue_attach_reader(dsm_segment *segment, QueueName name)
{
	shm_mq	   *mq = look_up(segment, QUEUES_KEY_FIRST + name);

	shm_mq_set_receiver(mq, MyProc);
	return attach_end(segment, name, mq);
}

Queue *
queue_attach_writer(dsm_segment *segment, QueueName name)
{
	shm_mq	   *mq = look_up(segment, QUEUES_KEY_FIRST + name);

	shm_mq_set_sender(mq, MyProc);
	return attach_end(segment, name, mq);
}

QueueResult
queue_flush(Queue *queue)
{
	shm_mq_result result;

	if (!queue->is_pending)
		return QUEUE_OK;

	/* Flush at once: a message is worth more than the cost of a latch. */
#if PG_VERSION_NUM >= 150000
	result = shm_mq_send(queue->handle, sizeof(queue->pending),
						 &queue->pending, true, true);
#else
	result = shm_mq_send(queue->handle, sizeof(queue->pending),
						 &queue->pending, true);
#endif
	if (result == SHM_MQ_WOULD_BLOCK)
		return QUEUE_FULL;
	queue->is_pending = false;
	return result == SHM_MQ_DETACHED ? QUEUE_DETACHED : QUEUE_OK;
}

/* Only one process writes this counter. */
static void
count_one(pg_atomic_uint64 *counter)
{
	pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + 1);
}

uint64
queue_depth(const Queue *queue)
{
	/* In this order: what is taken was written before. */
	uint64		taken = pg_atomic_read_u64(&queue->counts->taken);

	pg_read_barrier();
	return pg_atomic_read_u64(&queue->counts->written) - taken;
}

QueueResult
queue_send(Queue *queue, const RaftMessage *message)
{
	QueueResult result = queue_flush(queue);

	if (result != QUEUE_OK)
		return result;

	queue->pending = *message;
	queue->is_pending = true;
	count_one(&queue->counts->written);
	result = queue_flush(queue);

	/* A part may be in the ring already: now it is bound to follow. */
	return result == QUEUE_FULL ? QUEUE_OK : result;
}

QueueResult
queue_receive(Queue *queue, RaftMessage *message)
{
	Size		length;
	void	   *data;
	shm_mq_result result = shm_mq_receive(queue->handle, &length, &data, true);

	if (result == SHM_MQ_WOULD_BLOCK)
		return QUEUE_EMPTY;
	if (result == SHM_MQ_DETACHED)
		return QUEUE_DETACHED;
	if (length != sizeof(*message))
		elog(ERROR, "message of %zu bytes in queue, expected %zu",
			 length, sizeof(*message));
	memcpy(message, data, length);
	count_one(&queue->counts->taken);
	return QUEUE_OK;
}
