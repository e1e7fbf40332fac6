/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: time, and the one place where tests can set it. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ns(void); /* since 1970; virtual when set */
int64_t clock_mono_ns(void); /* for timers and durations; never virtual */
int64_t clock_process_cpu_ns(void);
int64_t clock_thread_cpu_ns(void);
/* `weir test`: the wall clock stands still at ns until set again; a negative value frees it. */
void clock_set_virtual(int64_t ns);

#endif
