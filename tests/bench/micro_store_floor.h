/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_store_floor.h: what one would write by hand for just this job: open addressing over dense
 * entries, rows in chunks of 64 with prefetch, key length known to the compiler, no limits, no
 * nulls, nothing else.
 */
#ifndef TESTS_BENCH_MICRO_STORE_FLOOR_H
#define TESTS_BENCH_MICRO_STORE_FLOOR_H

#include <stddef.h>
#include <stdint.h>

#define FLOOR_KEY_BYTES  12
#define FLOOR_KEY_STRIDE 16
#define FLOOR_BINS       7

struct floor_sums { /* over all groups */
    uint64_t groups;
    uint64_t records;
    double sum, min, max;
};

struct floor_groups;
struct floor_groups *floor_groups_new(void);
void floor_groups_free(struct floor_groups *groups);
/* count, sum, min, max of values by key. */
void floor_groups_fold(struct floor_groups *groups, const char *keys, const double *values,
                       size_t rows);
struct floor_sums floor_groups_sums(const struct floor_groups *groups);

/* Records of 64 bytes: a key of 8 and 7 numbers. The last one counts. */
struct floor_set;
struct floor_set *floor_set_new(size_t keys_max);
void floor_set_free(struct floor_set *set);
void floor_set_upsert(struct floor_set *set, const int64_t *const columns[1 + FLOOR_BINS],
                      size_t rows);
uint64_t floor_set_count(const struct floor_set *set);
int64_t floor_set_sum(const struct floor_set *set); /* of all numbers of all records */

#endif
