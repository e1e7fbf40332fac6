/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair_lock.h: a lock that is handed over in the order of asking.
 *
 * A worker that takes and releases a mutex in a loop starves everybody else; here it queues behind
 * whoever came meanwhile. Waiting spins for a moment (a query holds it for microseconds), then
 * sleeps in the kernel.
 */
#ifndef SINK_FAIR_LOCK_H
#define SINK_FAIR_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct fair_lock {
    _Atomic uint32_t next;    /* ticket to be drawn */
    _Atomic uint32_t serving; /* ticket that holds the lock */
    _Atomic uint32_t sleepers;
};

void fair_lock(struct fair_lock *lock);
void fair_unlock(struct fair_lock *lock);

#endif
