/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/fair_lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS_MAX 64

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

void fair_lock(struct fair_lock *lock)
{
    uint32_t mine = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

    for (int i = 0; i < SPINS_MAX; i++) {
        if (atomic_load_explicit(&lock->serving, memory_order_acquire) == mine)
            return;
        relax();
    }
    /* Registered before looking again: an unlock after that look sees the sleeper and wakes it. */
    atomic_fetch_add(&lock->sleepers, 1);
    for (;;) {
        uint32_t now = atomic_load(&lock->serving);
        if (now == mine)
            break;
        futex_wait(&lock->serving, now);
    }
    atomic_fetch_sub(&lock->sleepers, 1);
}

void fair_unlock(struct fair_lock *lock)
{
    atomic_fetch_add(&lock->serving, 1);
    if (atomic_load(&lock->sleepers))
        futex_wake_all(&lock->serving);
}
