/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h: assertions that stay on in production, and magic numbers of long-lived objects.
 *
 * CHECK(cond) ends the process with file, line and the condition when an invariant of ours is
 * broken: going on would publish wrong answers. It is never used for what input can cause.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdint.h>

_Noreturn void check_failed(const char *file, int line, const char *function, const char *what);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(__FILE__, __LINE__, __func__, #condition);                                \
    } while (0)

/* In debug builds only: checks that cost something on a hot path. */
#ifdef NDEBUG
#define DEBUG_CHECK(condition) ((void)0)
#else
#define DEBUG_CHECK(condition) CHECK(condition)
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
