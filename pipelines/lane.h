/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h: the way of one partition's records: guard, decode, stages, fold.
 *
 * A lane is made when a partition is assigned and freed when it is revoked. Its worker alone drives
 * it; any thread may ask for its status. The states and what is done on entering and leaving them:
 *
 *     catching_up ----> running <----> paused          (a limit with on_full: pause, or a request)
 *          |               |             |
 *          +---------------+-------------+----> gap | recreated | failed
 *
 *   from         to           when                                      done on entry
 *   -            catching_up  assigned, restored                        stands at `next_offset`
 *   catching_up  running      next offset >= the end found at start     counts for readiness
 *   any          paused       the image has no room; or on request      the source holds back
 *   paused       running      room again; or on request
 *   any          gap ..       the source stopped it; or a stage failed  reason; reads go on
 *
 * Invariant: consumed = applied + filtered + rejected + skipped + pending at every instant that a
 * status can be read.
 */
#ifndef PIPELINES_LANE_H
#define PIPELINES_LANE_H

#include "base/metrics.h"
#include "ingest/reject_log.h"
#include "ingest/source.h"
#include "pipelines/plan.h"
#include "sink/service.h"

/* What all lanes of a pipeline share. */
struct lane_shared {
    const struct pipeline_plan *plan;
    struct memory_budget *budget;
    struct reject_log *rejects; /* NULL unless on_error is dead_letter */
    struct metric_series *event_to_visible;
    struct metric_series *batch_rows;
    struct metric_series *dead_letters[WEIR_REASON_COUNT];
};

/* What a worker lends to the lanes that it drives. */
struct lane_tools {
    struct decoder *decoder;
    struct chain_counts *stage_counts; /* chain_stage_count entries */
};

struct lane;

int lane_new(const struct lane_shared *shared, const char *topic, int32_t partition,
             struct lane **ret_lane, struct weir_error *error);
void lane_free(struct lane *lane);

/* [control] Before the first delivery after an assignment: by which worker it is driven, where it
 * begins, where the log ends. */
void lane_begin(struct lane *lane, int32_t worker, int64_t next_offset, int64_t end_offset);

/* [worker] As source_handler.deliver. A batch for which SOURCE_HELD was answered is given again,
 * the same and unchanged, before any later one of this lane. */
int lane_deliver(struct lane *lane, const struct lane_tools *tools, struct batch *batch);
void lane_position(struct lane *lane, int64_t next_offset); /* [worker] */
void lane_tick(struct lane *lane, int64_t now_ns);          /* [worker] */

void lane_end(struct lane *lane, int64_t end_offset);                              /* [any] */
void lane_stop(struct lane *lane, enum partition_state state, const char *reason); /* [any] */
void lane_request_pause(struct lane *lane, bool paused);                           /* [any] */
/* [any] status->topic lives as long as the lane. */
void lane_status(struct lane *lane, struct partition_status *ret_status);
bool lane_caught_up(struct lane *lane); /* has once reached the end found at assignment */
/* Empty, or at its end and without records for idle_ns. */
bool lane_is_idle(struct lane *lane, int64_t now_ns, int64_t idle_ns);

struct partition *lane_image(struct lane *lane);
const char *lane_topic(const struct lane *lane);
int32_t lane_number(const struct lane *lane);
int32_t lane_worker(const struct lane *lane);

#endif
