/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.h: one partition's image and the way records get into it.
 *
 * Written by the partition's worker alone; read by queries. `partition_lock` is held by the worker
 * for one batch and by a query for one short read. Waiting queries are served between batches: the
 * lock is fair.
 */
#ifndef SINK_PARTITION_H
#define SINK_PARTITION_H

#include <stdatomic.h>

#include "base/batch.h"
#include "sink/plan.h"

#include <weir/error.h>

/* The memory that all images of a process share. */
struct memory_budget {
    _Atomic uint64_t used_bytes;
    uint64_t limit_bytes;
};

struct partition;

int partition_new(const struct sink_plan *plan, const char *topic, int32_t partition,
                  struct memory_budget *budget, struct partition **ret_partition,
                  struct weir_error *error);
void partition_free(struct partition *partition); /* all of its memory goes back at once */

/* [worker] After decoding, before any stage narrows the selection: moves the watermark, row by row,
 * and remembers for each row where it stood (what makes a record late does not depend on how
 * records were cut into batches). */
int partition_observe(struct partition *partition, struct batch *batch);

enum partition_applied {
    PARTITION_APPLIED = 0,
    PARTITION_FULL = 1 /* a limit with on_full: pause; nothing of the batch was applied */
};
struct partition_counts { /* what became of the batch's rows; the caller clears it */
    uint32_t applied;     /* selected rows and deletes that reached the sink, late ones included */
    uint32_t skipped;     /* tombstones that no set wants */
};
/* [worker] Folds the selected rows and the tombstones in row order and sets the next offset, all
 * under the partition's lock. Rows with a null key of a set are rejected in `batch`. next_offset is
 * the one after the batch's last record, rejected and filtered ones included. */
int partition_apply(struct partition *partition, struct batch *batch, int64_t next_offset,
                    struct partition_counts *counts, struct weir_error *error);
/* [worker] No record stands below next_offset that was not applied. */
void partition_advance(struct partition *partition, int64_t next_offset);
/* [worker] Time passes: drops panes, works off what was put off. About every second. */
void partition_tick(struct partition *partition, int64_t now_ns);

/* Any thread. */
void partition_lock(struct partition *partition);
void partition_unlock(struct partition *partition);

struct partition_info {
    int64_t next_offset;
    int64_t watermark_ns;         /* INT64_MIN: none yet */
    int64_t newest_event_time_ns; /* INT64_MIN: none yet; not bounded by max_ahead */
    uint64_t memory_bytes;
    uint64_t records; /* of all sets */
    uint64_t groups;  /* of all aggregates and panes */
};
/* Any thread; takes the lock for an instant. */
void partition_info(struct partition *partition, struct partition_info *ret_info);
/* Late records of aggregate i so far; evictions, overflows: counted in metrics by labels. */
uint64_t partition_late(struct partition *partition, uint32_t aggregate);
const char *partition_topic(const struct partition *partition);
int32_t partition_number(const struct partition *partition);

#endif
