/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_private.h: shared by pipeline.c and pipeline_source.c alone. */
#ifndef PIPELINES_PIPELINE_PRIVATE_H
#define PIPELINES_PIPELINE_PRIVATE_H

#include <pthread.h>

#include "pipelines/pipeline.h"

/* One thread of the source: what it needs to turn bytes into columns. */
struct pipeline_worker {
    struct lane_tools tools;
    struct batch *batch;                 /* the one being filled */
    struct metric_series **stage_series; /* in, out, filtered, duration of each stage */
    struct chain_counts *exported;
    int64_t ticked_ns;
};

struct pipeline_topic {
    const char *name;
    int32_t partitions;       /* of the topic now, whoever owns them */
    int32_t first_partitions; /* when it was first seen */
};

struct pipeline {
    struct pipeline_plan *plan;
    struct pipeline_options options;
    struct decode_options decode; /* the plan's, with the names of a CSV file's header */
    char **csv_header;
    uint32_t csv_header_count;
    char *folder;
    char *client_id;
    char *instance_id; /* NULL: dynamic membership */
    struct lane_shared shared;
    struct pipeline_worker *workers;
    int32_t worker_count;
    struct source *source;
    struct metric_series *assigned, *rebalances, *gaps, *gap_records, *resets;

    /* Guards lanes and topics. Written by the control thread alone, which therefore reads without.
     */
    pthread_rwlock_t lanes_lock;
    struct lane **lanes;
    uint32_t lane_count;
    struct pipeline_topic *topics;
    uint32_t topic_count;
    /* [control] Lanes that were revoked and may come back with the next assignment. */
    struct lane **parked;
    uint32_t parked_count;
    /* [control] Assigned lanes that the source was told not to read: it will not revoke them. */
    struct pipeline_unread {
        struct lane *lane;
        uint64_t assignment;
    } * unread;
    uint32_t unread_count;
    uint64_t assignment; /* grows with each */

    pthread_mutex_t lock; /* guards what follows */
    char reason[256];     /* why nothing can be read; "": it can */
    bool assigned_once;
    bool finished;
    bool paused;
    bool stopped;
};

extern const struct source_handler pipeline_source_handler;

/* [control] Lanes that were revoked and did not come back are given up. */
void pipeline_drop_parked(struct pipeline *pipeline);

#endif
