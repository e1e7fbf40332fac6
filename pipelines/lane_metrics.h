/* SPDX-License-Identifier: Apache-2.0 */
/* lane_metrics.h: the series that one partition of a pipeline has. */
#ifndef PIPELINES_LANE_METRICS_H
#define PIPELINES_LANE_METRICS_H

#include "base/metrics.h"
#include "sink/partition.h"
#include "sink/service.h"

#include <weir/batch.h>

struct lane_metrics {
    const char *labels[5]; /* pipeline, topic, partition, (one more), NULL */
    char partition[12];
    struct metric_series *consumed, *bytes, *applied, *filtered, *skipped, *pending;
    struct metric_series *rejected[WEIR_REASON_COUNT]; /* made when first needed */
    struct metric_series *lag_records, *lag_seconds, *applied_offset, *end_offset;
    struct metric_series *watermark, *records, *groups;
    struct metric_series *states[PARTITION_STATE_COUNT];
    struct metric_series **late; /* by aggregate */
    uint64_t *late_seen;
    uint32_t late_count;
};

void lane_metrics_init(struct lane_metrics *metrics, const struct sink_plan *plan,
                       const char *topic, int32_t partition);
void lane_metrics_done(struct lane_metrics *metrics);
void lane_metrics_rejected(struct lane_metrics *metrics, enum weir_reason reason); /* [worker] */
void lane_metrics_state(struct lane_metrics *metrics, enum partition_state state);
/* [worker] The gauges, about every second. */
void lane_metrics_publish(struct lane_metrics *metrics, struct partition *image,
                          const struct partition_status *status);

#endif
