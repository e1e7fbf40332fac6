/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.h: one pipeline at work: its source, its lanes, what may be asked of it.
 *
 *   pipeline.c          life, status, what queries acquire
 *   pipeline_source.c   what happens when the source assigns, delivers, revokes
 *   lane.c              one partition
 *
 * Partitions come and go by the source's control thread. A lane that is revoked is parked until the
 * assignment that follows is complete: when the same partition comes back (every rebalance of the
 * `range` assignor takes all away first) it goes on where its image stands, which is right whoever
 * read the partition meanwhile, because an image is the fold of the log below its offset.
 */
#ifndef PIPELINES_PIPELINE_H
#define PIPELINES_PIPELINE_H

#include "pipelines/lane.h"
#include "pipelines/plan.h"
#include "sink/service.h"

struct pipeline_options {
    int32_t workers;
    const char *data_folder; /* the pipeline's files are in data_folder/NAME */
    struct memory_budget *budget;
    uint64_t queue_bytes_max; /* of the source's prefetched records */
};

struct pipeline;

/* Takes the plan over. Opens what is local; nothing outside is asked. [control] */
int pipeline_new(struct pipeline_plan *plan, const struct pipeline_options *options,
                 struct pipeline **ret_pipeline, struct weir_error *error);
int pipeline_start(struct pipeline *pipeline, struct weir_error *error);
/* No record is applied any more once it returns; reads still work. Idempotent. */
void pipeline_stop(struct pipeline *pipeline);
void pipeline_free(struct pipeline *pipeline);

/* Any thread. */
const char *pipeline_name(const struct pipeline *pipeline);
void pipeline_acquire(struct pipeline *pipeline, struct service_pipeline *ret_view);
void pipeline_release(struct pipeline *pipeline, struct service_pipeline *view);
void pipeline_status(struct pipeline *pipeline, struct pipeline_status *ret_status);
void pipeline_pause(struct pipeline *pipeline, bool paused);
/* Every assigned partition has once reached the end that it found; else reasons, one a line. */
bool pipeline_ready(struct pipeline *pipeline, struct text *reasons);
/* A file at its end, or a topic read up to the end found at assignment. Partitions that have
 * stopped count as read; *ret_failed says that there are some. */
bool pipeline_at_end(struct pipeline *pipeline, bool *ret_failed);

#endif
