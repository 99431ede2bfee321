/*-------------------------------------------------------------------------
 *
 * event_ring.h
 *		A ring of bytes in shared memory, through which one process hands
 *		records of any size to another one, and waits for nothing.
 *
 *	field		written by		read by
 *	written		writer			both; the reader behind a barrier
 *	taken		reader			both; the writer behind a barrier
 *	lost		writer			anyone
 *	untold		writer			writer
 *	undelivered	reader			reader
 *	bytes		writer			reader, between taken and written
 *
 * Lock-free.  The ring outlives its users: there is one writer at a time and
 * one reader at a time, and whoever follows goes on where the last one was.
 * A process that dies within a call leaves the ring as it was before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_EVENT_RING_H
#define PG_LEADER_EVENT_RING_H

#include "port/atomics.h"

/*
 * Some thousand events: an election of 128 nodes, or with every input of the
 * core some seconds of a busy leader, while the disk of the log is slow.  Not
 * more, as it is taken from shared memory whether there is a log or not.
 */
#define EVENT_RING_BYTES	(1024 * 1024)

typedef struct EventRing
{
	pg_atomic_uint64 written;	/* bytes put in since the server's start */
	pg_atomic_uint64 taken;		/* and taken out; a multiple of 8, as written */
	pg_atomic_uint64 lost;		/* records that found no room, likewise */
	uint64		untold;			/* of these, those that no record tells of yet */
	uint64		undelivered;	/* records that a reader has taken out, and
								 * has ended with; none that came later is
								 * told of */
	char		bytes[EVENT_RING_BYTES];
} EventRing;

/* Shared memory's creation, once. */
extern void event_ring_init(EventRing *ring);

/* Writer: is there room for records of these sizes, one after the other? */
extern bool event_ring_has_room(EventRing *ring, uint32 first_size,
								uint32 second_size);

/* Writer: put a record in, of 1 byte or more; false: there is no room. */
extern bool event_ring_put(EventRing *ring, const void *record, uint32 size);

/*
 * Reader: take the oldest record out, of at most that many bytes; returns its
 * size, 0: there is none.
 */
extern uint32 event_ring_take(EventRing *ring, void *record, uint32 room);

/* Reader: is there a record? */
extern bool event_ring_is_empty(EventRing *ring);

#endif							/* PG_LEADER_EVENT_RING_H */
