/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h: where records come from, and what a source asks of whoever consumes them.
 *
 * A source owns its threads: one [control] thread that talks to the group, and [worker 0..n)
 * threads that drain records. It knows partitions by (topic, partition) and by the `lane` that the
 * handler gave it on assignment. It fills batches and delivers them; it keeps no state that must
 * survive.
 *
 * A lane's life:
 *
 *     assigned -> delivered..., position..., -> revoked
 *                    |
 *                    +--> stopped (gap, deleted, failed) -> revoked
 *
 * Promises to the handler
 *   L1  a lane is delivered to by one worker at a time, between `assigned` and `revoked`, never
 *       during or after `revoked`.
 *   L2  offsets of a lane's batches ascend; gaps are legal. Offsets below the one that `assigned`
 *       asked for may come (a source makes no use of the guard that the handler must have).
 *   L3  `assigned` and `revoked` are called by the control thread only.
 */
#ifndef INGEST_SOURCE_H
#define INGEST_SOURCE_H

#include "base/batch.h"

#include <weir/error.h>

enum source_stop {
    SOURCE_STOP_GAP,     /* the offset that we need is not in the log (any more) */
    SOURCE_STOP_DELETED, /* the topic or partition is gone */
    SOURCE_STOP_FAILED   /* anything else; reason says what */
};

enum source_delivery {
    SOURCE_ACCEPTED = 0,
    SOURCE_HELD = 1 /* no room now: keep the batch, pause the partition, deliver it again later */
};

struct source_assignment {
    const char *topic; /* lives as long as the source */
    int32_t partition;
    int32_t worker;
    int64_t low;  /* first offset that the log has */
    int64_t high; /* the offset after the last one */
};

struct source_handler {
    /* [control] Give the lane and the offset to begin at. Negative: this partition is not read
     * (error says why, it is logged); the handler keeps or forgets the lane as it likes. */
    int (*assigned)(void *context, const struct source_assignment *assignment, void **ret_lane,
                    int64_t *ret_next_offset, struct weir_error *error);
    /* [control] All delivery has stopped. lost: somebody else may own it already, write nothing. */
    void (*revoked)(void *context, void *lane, bool lost);
    /* [control] All partitions of one assignment are in; count may be 0. */
    void (*rebalanced)(void *context, uint32_t partition_count);
    /* [worker] The batch to fill for this worker; the source begins it with batch_begin. It stays
     * the handler's, and the same one is given again and again, until `deliver` answers
     * SOURCE_HELD: from then on the source keeps that one for its lane and is given another. When a
     * kept one has been accepted, or its lane is revoked, the source gives it back with
     * `batch_done`. */
    struct batch *(*batch)(void *context, int32_t worker);
    /* [worker or control] A batch that was kept is not needed any more. */
    void (*batch_done)(void *context, struct batch *batch);
    /* [worker] A full or last batch of a round. Returns enum source_delivery, or negative: the lane
     * has failed (the handler has noted why) and gets nothing more. */
    int (*deliver)(void *context, void *lane, struct batch *batch);
    /* [worker] Everything below next_offset has been delivered, also where no record stood
     * (control records, compaction). */
    void (*position)(void *context, void *lane, int64_t next_offset);
    /* [control or worker] The end of the log now (last stable offset). */
    void (*end)(void *context, void *lane, int64_t low, int64_t end_offset);
    /* [control or worker] The partition has stopped; the others go on. */
    void (*stopped)(void *context, void *lane, enum source_stop why, const char *reason);
    /* [worker] About every 100 ms and after each round. */
    void (*tick)(void *context, int32_t worker, int64_t now_ns);
    /* [control] Nothing can be read for now, or again (reason NULL). It is tried on for ever. */
    void (*unavailable)(void *context, const char *reason);
    /* [control] A file source delivered its last record. */
    void (*finished)(void *context);
    /* [control] A topic has so many partitions now, whoever owns them. At each assignment. */
    void (*topic)(void *context, const char *topic, int32_t partition_count);
};

struct source;

struct source_ops {
    int (*start)(struct source *source, struct weir_error *error);
    /* [any] No more deliveries once it returns; lanes are revoked first. Idempotent. */
    void (*stop)(struct source *source);
    /* [any but a worker] All partitions; what is delivered still, comes before it returns. */
    void (*pause)(struct source *source, bool paused);
    /* [any] Advice for lag tools: offsets that are durable. metadata may be NULL. */
    int (*commit)(struct source *source, const char *topic, int32_t partition, int64_t next_offset,
                  const char *metadata, struct weir_error *error);
    void (*free)(struct source *source);
};

struct source {
    const struct source_ops *ops;
    const struct source_handler *handler;
    void *context; /* of the handler */
};

#endif
