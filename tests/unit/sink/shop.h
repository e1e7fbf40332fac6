/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shop.h: a sink plan and real partitions, fed with sales, for tests of queries and of HTTP.
 *
 * Every sale that was fed is remembered with what decides about it (partition, offset, whether it
 * was late), so that a naive model can count again.
 */
#ifndef TESTS_UNIT_SINK_SHOP_H
#define TESTS_UNIT_SINK_SHOP_H

#include "base/value.h"
#include "sink/partition.h"
#include "sink/query.h"

#define SHOP_PARTITIONS_MAX 8
#define SHOP_TOPIC          "sales"
#define SHOP_MINUTE_NS      (60 * NS_PER_SECOND)
/* 2026-01-01T00:00:00Z */
#define SHOP_BEGIN_NS (1767225600LL * NS_PER_SECOND)

enum shop_column {
    SHOP_REGION, /* string? */
    SHOP_NAME,   /* string */
    SHOP_NUMBER, /* int */
    SHOP_PIECES, /* int? */
    SHOP_PRICE,  /* decimal(2)? */
    SHOP_WEIGHT, /* float? */
    SHOP_AT,     /* timestamp */
    SHOP_COLUMNS
};

enum shop_aggregate { SHOP_TOTALS, SHOP_MINUTES, SHOP_SLIDING, SHOP_GRAND, SHOP_AGGREGATES };
enum shop_set { SHOP_BY_NUMBER, SHOP_BY_REGION, SHOP_SETS };

struct sale {
    int32_t partition;
    int64_t offset;
    const char *region; /* NULL: null; of a static table */
    const char *name;
    int64_t number;
    bool has_pieces, has_price, has_weight;
    int64_t pieces, price;
    double weight;
    int64_t at_ns;
    int64_t watermark_ns; /* of its partition, itself included */
};

struct shop {
    struct sink_plan plan;
    struct memory_budget budget;
    uint32_t partition_count;
    struct partition *partitions[SHOP_PARTITIONS_MAX];
    struct query_partition views[SHOP_PARTITIONS_MAX];
    int64_t next_offset[SHOP_PARTITIONS_MAX];
    int64_t watermark_ns[SHOP_PARTITIONS_MAX];
    struct sale *sales;
    uint32_t count, capacity;
    struct batch *batch;
    uint64_t random;
};

void shop_init(struct shop *shop, uint32_t partitions, uint64_t seed);
void shop_done(struct shop *shop);
uint64_t shop_random(struct shop *shop, uint64_t below);
/* Applies the sales to a partition as one batch; offsets and watermarks are filled in. */
void shop_apply(struct shop *shop, int32_t partition, struct sale *sales, uint32_t count);
/* Random sales: times within `span_ns` of a clock that goes on, numbers below `numbers`. */
void shop_feed(struct shop *shop, uint32_t batches, uint32_t batch_size, int64_t span_ns,
               uint64_t numbers);
uint64_t test_seed(void); /* WEIR_TEST_SEED or a new one; printed */

#endif
