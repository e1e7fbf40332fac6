/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h: what the HTTP server asks of the running process.
 *
 * pipelines/ implements it; sink/http knows nothing else of pipelines. A pipeline is acquired for
 * the time of one read: its partitions do not come or go meanwhile (revocation waits for readers,
 * so a reader never keeps it while it waits for a client or a clock).
 */
#ifndef SINK_SERVICE_H
#define SINK_SERVICE_H

#include "base/expression.h"
#include "base/text.h"
#include "sink/query.h"

/* X(symbol, name, meaning) */
#define PARTITION_STATES(X)                                                                        \
    X(PARTITION_RESTORING, "restoring", "the image is being read")                                 \
    X(PARTITION_CATCHING_UP, "catching_up", "has not yet reached the end found at assignment")     \
    X(PARTITION_RUNNING, "running", "applies records as they come")                                \
    X(PARTITION_PAUSED, "paused", "stands still by request or at a limit")                         \
    X(PARTITION_REBUILDING, "rebuilding", "a second image is being filled by replay")              \
    X(PARTITION_REVOKING, "revoking", "is being handed over")                                      \
    X(PARTITION_GAP, "gap", "the next offset is not in the log any more")                          \
    X(PARTITION_RECREATED, "recreated", "the topic is another incarnation")                        \
    X(PARTITION_FAILED, "failed", "stopped by an error")
#define PIPELINE_STATES(X)                                                                         \
    X(PIPELINE_STARTING, "starting", "waits for its source")                                       \
    X(PIPELINE_RUNNING, "running", "")                                                             \
    X(PIPELINE_DEGRADED, "degraded", "some partition is in gap, recreated or failed")              \
    X(PIPELINE_PAUSED, "paused", "by request")                                                     \
    X(PIPELINE_FINISHED, "finished", "a file source is at its end")                                \
    X(PIPELINE_STOPPED, "stopped", "")                                                             \
    X(PIPELINE_FAILED, "failed", "")

enum partition_state {
#define PARTITION_STATE_ENUM(symbol, name, meaning) symbol,
    PARTITION_STATES(PARTITION_STATE_ENUM)
#undef PARTITION_STATE_ENUM
        PARTITION_STATE_COUNT
};
enum pipeline_state {
#define PIPELINE_STATE_ENUM(symbol, name, meaning) symbol,
    PIPELINE_STATES(PIPELINE_STATE_ENUM)
#undef PIPELINE_STATE_ENUM
        PIPELINE_STATE_COUNT
};
const char *partition_state_name(enum partition_state state);
const char *pipeline_state_name(enum pipeline_state state);

/* consumed = applied + filtered + rejected + skipped + pending, always. */
struct record_counts {
    uint64_t consumed, applied, filtered, rejected, skipped, pending;
};

struct partition_status {
    const char *topic;
    int32_t partition;
    enum partition_state state;
    char reason[256]; /* "": none */
    int64_t next_offset;
    int64_t end_offset;       /* -1: not known */
    int64_t lag_records;      /* -1: not known */
    int64_t lag_ns;           /* age of what is applied next; 0 at the end; -1: not known */
    int64_t watermark_ns;     /* INT64_MIN: none */
    int64_t last_progress_ns; /* wall clock; 0: none */
    int64_t snapshot_offset;  /* -1: none */
    struct record_counts records;
};

struct pipeline_status {
    enum pipeline_state state;
    char reason[256];
    struct record_counts records;
    int64_t lag_records; /* -1: not known of some partition */
    uint32_t partition_count;
    struct partition_status *partitions; /* the caller frees the array */
};

struct service_pipeline { /* an acquired pipeline */
    const char *name;
    const struct sink_plan *plan;
    const struct query_partition *partitions;
    uint32_t partition_count;
    void *handle;
};

struct service {
    void *context;
    const struct expression_ops *expressions;
    struct query_limits limits;
    /* Any thread. Names of all pipelines, in the order of their files; the caller frees the array.
     */
    uint32_t (*names)(void *context, const char ***ret_names);
    bool (*acquire)(void *context, const char *name, struct service_pipeline *ret_pipeline);
    void (*release)(void *context, struct service_pipeline *pipeline);
    bool (*status)(void *context, const char *name, struct pipeline_status *ret_status);
    /* True, or false with reasons, one a line. */
    bool (*ready)(void *context, struct text *reasons);
    int (*pause)(void *context, const char *name, bool paused, struct weir_error *error);
    /* NULL where the file does not allow it: POST .../records. Waits for the acknowledgement. */
    int (*produce)(void *context, const char *name, struct weir_str key, struct weir_str value,
                   const char **ret_topic, int32_t *ret_partition, int64_t *ret_offset,
                   struct weir_error *error);
};

#endif
