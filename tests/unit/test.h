/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test.h: cmocka with what it needs before it, and random numbers that can be had again.
 *
 * A random test calls random_begin() first: it prints the seed, or takes it from WEIR_TEST_SEED.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct test_random {
    uint64_t state;
};

static inline uint64_t random_u64(struct test_random *random)
{
    /* SplitMix64 (Steele, Lea, Flood 2014) */
    uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(struct test_random *random, uint64_t limit)
{
    uint64_t drawn = random_u64(random);
    return limit ? drawn % limit : 0;
}

/* Any size, small ones as often as large ones: where the edge cases are. */
static inline uint64_t random_skewed(struct test_random *random)
{
    return random_u64(random) >> random_below(random, 64);
}

static inline struct test_random random_begin(void)
{
    const char *given = getenv("WEIR_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given
                        ? strtoull(given, NULL, 0)
                        : ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) % 1000000000;
    printf("WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return (struct test_random){seed};
}

#endif
