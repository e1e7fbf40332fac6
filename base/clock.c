/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#define CLOCK_REAL (-1)

static _Atomic int64_t virtual_ns = CLOCK_REAL;

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    int64_t ns = atomic_load_explicit(&virtual_ns, memory_order_relaxed);
    return ns >= 0 ? ns : read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_process_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void clock_set_virtual(int64_t ns)
{
    atomic_store_explicit(&virtual_ns, ns < 0 ? CLOCK_REAL : ns, memory_order_relaxed);
}
