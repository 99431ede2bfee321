/*-------------------------------------------------------------------------
 *
 * core_checks.h
 *		What must hold of a node under test, seen from outside; for the fixture.
 *		Whatever does not hold fails the test.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CORE_CHECKS_H
#define CORE_CHECKS_H

#include "core_fixture.h"

/* What the node knows of itself: raft_check(), and counters that add up. */
extern void core_check_invariants(const Core *core);

/* May that record follow the one on the disk? */
extern void core_check_record(const Core *core, const RaftDurable *record);

/*
 * No message says more than the disk holds, and nothing is granted inside a
 * promise.  A promise that the message makes is kept in mind.
 */
extern void core_check_message(Core *core, const RaftMessage *message);

/* Keep in mind which leadership a message that comes in gives up. */
extern void core_note_released(Core *core, const RaftMessage *message);

#endif							/* CORE_CHECKS_H */
