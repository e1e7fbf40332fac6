/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/lane_metrics.h"

#include "base/memory.h"
#include "base/batch.h"

void lane_metrics_init(struct lane_metrics *m, const struct sink_plan *plan, const char *topic,
                       int32_t partition)
{
    *m = (struct lane_metrics){.labels = {plan->pipeline, topic, NULL, NULL, NULL}};
    snprintf(m->partition, sizeof m->partition, "%d", (int)partition);
    m->labels[2] = m->partition;

    const struct {
        struct metric_series **series;
        enum metric metric;
    } plain[] = {
        {&m->consumed, M_KAFKA_CONSUMED},
        {&m->bytes, M_KAFKA_BYTES},
        {&m->applied, M_APPLIED},
        {&m->filtered, M_FILTERED},
        {&m->skipped, M_SKIPPED},
        {&m->pending, M_PENDING},
        {&m->lag_records, M_KAFKA_LAG_RECORDS},
        {&m->lag_seconds, M_KAFKA_LAG_SECONDS},
        {&m->applied_offset, M_KAFKA_APPLIED_OFFSET},
        {&m->end_offset, M_KAFKA_HIGH_WATERMARK},
        {&m->watermark, M_WATERMARK},
        {&m->records, M_STORE_RECORDS},
        {&m->groups, M_STORE_GROUPS},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        *plain[i].series = metric_new(plain[i].metric, m->labels);

    for (uint32_t s = 0; s < PARTITION_STATE_COUNT; s++) {
        m->labels[3] = partition_state_name((enum partition_state)s);
        m->states[s] = metric_new(M_PARTITION_STATE, m->labels);
    }
    m->late_count = plan->aggregate_count;
    m->late = mem_array(m->late_count, sizeof *m->late);
    m->late_seen = mem_array(m->late_count, sizeof *m->late_seen);
    for (uint32_t a = 0; a < m->late_count; a++) {
        m->labels[3] = plan->aggregates[a].name;
        m->late[a] = metric_new(M_LATE, m->labels);
    }
    m->labels[3] = NULL;
}

void lane_metrics_done(struct lane_metrics *m)
{
    struct metric_series *const plain[] = {
        m->consumed,  m->bytes,       m->applied,     m->filtered,       m->skipped,
        m->pending,   m->lag_records, m->lag_seconds, m->applied_offset, m->end_offset,
        m->watermark, m->records,     m->groups};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        metric_free(plain[i]);
    for (uint32_t r = 0; r < WEIR_REASON_COUNT; r++)
        metric_free(m->rejected[r]);
    for (uint32_t s = 0; s < PARTITION_STATE_COUNT; s++)
        metric_free(m->states[s]);
    for (uint32_t a = 0; a < m->late_count; a++)
        metric_free(m->late[a]);
    free(m->late);
    free(m->late_seen);
}

void lane_metrics_rejected(struct lane_metrics *m, enum weir_reason reason)
{
    if (!m->rejected[reason]) {
        m->labels[3] = reason_label(reason);
        m->rejected[reason] = metric_new(M_REJECTED, m->labels);
        m->labels[3] = NULL;
    }
    metric_add(m->rejected[reason], 1);
}

void lane_metrics_state(struct lane_metrics *m, enum partition_state state)
{
    for (uint32_t s = 0; s < PARTITION_STATE_COUNT; s++)
        metric_set(m->states[s], s == state);
}

void lane_metrics_publish(struct lane_metrics *m, struct partition *image,
                          const struct partition_status *status)
{
    struct partition_info info;
    partition_info(image, &info);
    metric_set(m->applied_offset, status->next_offset);
    metric_set(m->records, (int64_t)info.records);
    metric_set(m->groups, (int64_t)info.groups);
    if (info.watermark_ns != INT64_MIN)
        metric_set(m->watermark, info.watermark_ns);
    if (status->end_offset >= 0)
        metric_set(m->end_offset, status->end_offset);
    if (status->lag_records >= 0)
        metric_set(m->lag_records, status->lag_records);
    if (status->lag_ns >= 0)
        metric_set(m->lag_seconds, status->lag_ns);
    for (uint32_t a = 0; a < m->late_count; a++) {
        uint64_t late = partition_late(image, a);
        metric_add(m->late[a], (int64_t)(late - m->late_seen[a]));
        m->late_seen[a] = late;
    }
}
