/*-------------------------------------------------------------------------
 *
 * event_ring.c
 *		A ring of bytes in shared memory.
 *
 * event_ring_put() runs in the ticker, event_ring_take() in the logger.  No
 * locks; the order of loads and stores is all that keeps them apart:
 *
 *	writer		loads taken, barrier, stores bytes, barrier, stores written
 *	reader		loads written, barrier, loads bytes, barrier, stores taken
 *
 * A record is its size, then its bytes, then up to the next multiple of 8
 * nothing; it may go over the end of the array and on at its beginning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "event_ring.h"

StaticAssertDecl(EVENT_RING_BYTES % 8 == 0, "records are aligned in the ring");

/* What a record takes up, with its size. */
static uint64
padded(uint32 size)
{
	return TYPEALIGN64(8, sizeof(uint32) + (uint64) size);
}

static void
copy_in(EventRing *ring, uint64 position, const void *data, uint32 size)
{
	uint64		place = position % EVENT_RING_BYTES;
	uint64		first = Min((uint64) size, EVENT_RING_BYTES - place);

	memcpy(ring->bytes + place, data, first);
	memcpy(ring->bytes, (const char *) data + first, size - first);
}

static void
copy_out(const EventRing *ring, uint64 position, void *data, uint32 size)
{
	uint64		place = position % EVENT_RING_BYTES;
	uint64		first = Min((uint64) size, EVENT_RING_BYTES - place);

	memcpy(data, ring->bytes + place, first);
	memcpy((char *) data + first, ring->bytes, size - first);
}

void
event_ring_init(EventRing *ring)
{
	pg_atomic_init_u64(&ring->written, 0);
	pg_atomic_init_u64(&ring->taken, 0);
	pg_atomic_init_u64(&ring->lost, 0);
	ring->untold = 0;
	ring->undelivered = 0;
}

bool
event_ring_has_room(EventRing *ring, uint32 first_size, uint32 second_size)
{
	uint64		used = pg_atomic_read_u64(&ring->written) -
	pg_atomic_read_u64(&ring->taken);

	return used + padded(first_size) + padded(second_size) <= EVENT_RING_BYTES;
}

bool
event_ring_put(EventRing *ring, const void *record, uint32 size)
{
	uint64		written = pg_atomic_read_u64(&ring->written);

	if (written - pg_atomic_read_u64(&ring->taken) + padded(size) > EVENT_RING_BYTES)
		return false;

	/* Not before the reader has done with what was there. */
	pg_memory_barrier();
	copy_in(ring, written, &size, sizeof(size));
	copy_in(ring, written + sizeof(size), record, size);
	pg_write_barrier();
	pg_atomic_write_u64(&ring->written, written + padded(size));
	return true;
}

uint32
event_ring_take(EventRing *ring, void *record, uint32 room)
{
	uint64		taken = pg_atomic_read_u64(&ring->taken);
	uint32		size;

	if (taken == pg_atomic_read_u64(&ring->written))
		return 0;
	pg_read_barrier();
	copy_out(ring, taken, &size, sizeof(size));
	copy_out(ring, taken + sizeof(size), record, Min(size, room));

	/* Not before they are read may they be overwritten. */
	pg_memory_barrier();
	pg_atomic_write_u64(&ring->taken, taken + padded(size));
	return Min(size, room);
}

bool
event_ring_is_empty(EventRing *ring)
{
	return pg_atomic_read_u64(&ring->taken) == pg_atomic_read_u64(&ring->written);
}
