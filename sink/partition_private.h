/* SPDX-License-Identifier: Apache-2.0 */
/* partition_private.h: a partition's insides, for partition.c and the copies for queries. */
#ifndef SINK_PARTITION_PRIVATE_H
#define SINK_PARTITION_PRIVATE_H

#include "sink/aggregate.h"
#include "sink/fair_lock.h"
#include "sink/image_root.h"
#include "sink/read.h"
#include "sink/set.h"

/* What partition_observe found out about a batch; it counts once the batch is applied, so that the
 * image never knows a watermark of records that it does not hold. */
struct observed {
    const struct batch *batch; /* NULL: none */
    uint32_t rows;
    int64_t watermark_ns;
    int64_t newest_event_time_ns;
    int64_t behind_max_ns;
    const int64_t *times; /* by row: event times, the batch's or `own_times` */
    int64_t own_times[WEIR_BATCH_ROWS_MAX];
    int64_t watermarks[WEIR_BATCH_ROWS_MAX]; /* by row; only where there are windows */
};

struct partition {
    const struct sink_plan *plan;
    struct image image;
    struct image_root *root; /* page 0; written after partition_root_write */
    struct fair_lock lock;
    _Atomic uint64_t version;
    struct aggregate *aggregates;
    struct set *sets;
    struct aggregate_work *aggregate_works;
    struct set_work *set_works;
    struct observed observed; /* the worker's alone */
    bool windowed;            /* some aggregate is */
};

/* Under the lock. */
void partition_instant(const struct partition *partition, struct read_instant *ret_instant);

#endif
