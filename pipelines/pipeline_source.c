/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_source.c: what a pipeline does when its source assigns, delivers and revokes. */
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "pipelines/pipeline_private.h"

#define WORKER_TICK_NS 100000000LL

/* Where a partition begins that has no image. */
static int start_offset(struct pipeline *p, const struct source_assignment *a, int64_t *ret_offset,
                        struct weir_error *error)
{
    enum start_kind start = p->plan->start;
    for (uint32_t i = 0; i < p->topic_count; i++)
        if (!strcmp(p->topics[i].name, a->topic) && a->partition >= p->topics[i].first_partitions)
            start = START_EARLIEST; /* the topic has grown: what stands there nobody has read */
    switch (start) {
    case START_EARLIEST:
        *ret_offset = a->low;
        return 0;
    case START_LATEST:
        *ret_offset = a->high;
        return 0;
    case START_TIME:
        return kafka_offset_for_time(p->source, a->topic, a->partition, p->plan->start_ns / 1000000,
                                     ret_offset, error);
    }
    return error_set(error, WEIR_E_INTERNAL, "unknown start");
}

static bool is_lane(const struct lane *lane, const char *topic, int32_t partition)
{
    return lane_number(lane) == partition && !strcmp(lane_topic(lane), topic);
}

static void add_lane(struct pipeline *p, struct lane *lane)
{
    pthread_rwlock_wrlock(&p->lanes_lock);
    p->lanes = mem_grow(p->lanes, p->lane_count + 1, sizeof *p->lanes);
    p->lanes[p->lane_count++] = lane;
    pthread_rwlock_unlock(&p->lanes_lock);
}

static void remove_lane(struct pipeline *p, const struct lane *lane)
{
    pthread_rwlock_wrlock(&p->lanes_lock);
    for (uint32_t i = 0; i < p->lane_count; i++)
        if (p->lanes[i] == lane) {
            p->lanes[i] = p->lanes[--p->lane_count];
            break;
        }
    pthread_rwlock_unlock(&p->lanes_lock);
}

/* The lane that this partition had before, NULL: none. *ret_unread: it stood still by decision. */
static struct lane *take_former(struct pipeline *p, const char *topic, int32_t partition,
                                bool *ret_unread)
{
    *ret_unread = false;
    for (uint32_t i = 0; i < p->parked_count; i++) {
        struct lane *lane = p->parked[i];
        if (is_lane(lane, topic, partition)) {
            p->parked[i] = p->parked[--p->parked_count];
            return lane;
        }
    }
    for (uint32_t i = 0; i < p->unread_count; i++) {
        struct lane *lane = p->unread[i].lane;
        if (is_lane(lane, topic, partition)) {
            p->unread[i] = p->unread[--p->unread_count];
            remove_lane(p, lane);
            *ret_unread = true;
            return lane;
        }
    }
    return NULL;
}

void pipeline_drop_parked(struct pipeline *p)
{
    for (uint32_t i = 0; i < p->parked_count; i++)
        lane_free(p->parked[i]);
    p->parked_count = 0;
}

static void note_unread(struct pipeline *p, struct lane *lane)
{
    p->unread = mem_grow(p->unread, p->unread_count + 1, sizeof *p->unread);
    p->unread[p->unread_count++] = (struct pipeline_unread){lane, p->assignment};
}

/* Those of earlier assignments belong to others now. */
static void drop_unread(struct pipeline *p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->unread_count; i++) {
        if (p->unread[i].assignment == p->assignment) {
            p->unread[kept++] = p->unread[i];
            continue;
        }
        remove_lane(p, p->unread[i].lane);
        lane_free(p->unread[i].lane);
    }
    p->unread_count = kept;
    p->assignment++;
}

/* An image whose next offset the log does not have (any more): `on_gap` decides. Positive: the lane
 * stays in gap and is not read. known: it has been told and counted before. */
static int decide_gap(struct pipeline *p, struct lane **lane, const struct source_assignment *a,
                      bool known, int64_t *next, struct weir_error *error)
{
    int64_t gap = *next < a->low ? a->low - *next : 0;
    metric_add(p->gaps, !known);
    if (!known)
        log_event(LOG_ERROR, "kafka_offset_gap",
                  "pipeline=%s topic=%s partition=%d next_offset=%lld low=%lld high=%lld "
                  "gap_records=%lld",
                  p->plan->name, a->topic, (int)a->partition, (long long)*next, (long long)a->low,
                  (long long)a->high, (long long)gap);
    if (p->plan->on_gap == KAFKA_GAP_STOP) {
        char reason[256];
        snprintf(reason, sizeof reason,
                 "offset %lld is not in the log, which has %lld to %lld; set on_gap, or restart to "
                 "replay from `start`",
                 (long long)*next, (long long)a->low, (long long)a->high);
        lane_stop(*lane, PARTITION_GAP, reason);
        return 1;
    }
    metric_add(p->gap_records, gap);
    metric_add(p->resets, 1);
    int64_t target = p->plan->on_gap == KAFKA_GAP_EARLIEST ? a->low : a->high;
    if (target < *next) { /* records would be applied twice: begin with an empty image */
        struct lane *fresh;
        int r = lane_new(&p->shared, a->topic, a->partition, &fresh, error);
        if (r)
            return r;
        lane_free(*lane);
        *lane = fresh;
    }
    *next = target;
    return 0;
}

static int on_assigned(void *context, const struct source_assignment *a, void **ret_lane,
                       int64_t *ret_next_offset, struct weir_error *error)
{
    struct pipeline *p = context;
    bool known;
    struct lane *lane = take_former(p, a->topic, a->partition, &known);
    int64_t next;
    int r = 0;
    if (lane) {
        struct partition_status status;
        lane_status(lane, &status);
        next = status.next_offset;
        if (next < a->low || next > a->high)
            r = decide_gap(p, &lane, a, known, &next, error);
    } else {
        r = start_offset(p, a, &next, error);
        if (!r)
            r = lane_new(&p->shared, a->topic, a->partition, &lane, error);
    }
    if (r < 0) {
        lane_free(lane);
        return r;
    }
    if (r == 0)
        lane_begin(lane, a->worker, next, a->high);
    add_lane(p, lane);
    if (r) {
        note_unread(p, lane);
        return error_set(error, WEIR_E_STATE, "%s/%d stands in a gap", a->topic, (int)a->partition);
    }
    *ret_lane = lane;
    *ret_next_offset = next;
    return 0;
}

static void on_revoked(void *context, void *opaque, bool lost)
{
    struct pipeline *p = context;
    struct lane *lane = opaque;
    (void)lost; /* nothing is written anywhere on revocation, so both ways are the same */
    remove_lane(p, lane);
    p->parked = mem_grow(p->parked, p->parked_count + 1, sizeof *p->parked);
    p->parked[p->parked_count++] = lane;
}

static void on_rebalanced(void *context, uint32_t partition_count)
{
    struct pipeline *p = context;
    pipeline_drop_parked(p);
    drop_unread(p);
    metric_set(p->assigned, partition_count);
    pthread_mutex_lock(&p->lock);
    p->assigned_once = true;
    pthread_mutex_unlock(&p->lock);
    log_event(LOG_INFO, "assigned", "pipeline=%s partitions=%u", p->plan->name, partition_count);
}

static struct batch *on_batch(void *context, int32_t worker)
{
    struct pipeline *p = context;
    struct pipeline_worker *w = &p->workers[worker];
    if (!w->batch)
        w->batch = batch_new(p->plan->column_count);
    return w->batch;
}

static void on_batch_done(void *context, struct batch *batch)
{
    (void)context;
    batch_free(batch);
}

static int on_deliver(void *context, void *lane, struct batch *batch)
{
    struct pipeline *p = context;
    struct pipeline_worker *w = &p->workers[lane_worker(lane)];
    int r = lane_deliver(lane, &w->tools, batch);
    if (r == SOURCE_HELD && batch == w->batch)
        w->batch = NULL; /* the source keeps it */
    return r;
}

static void on_position(void *context, void *lane, int64_t next_offset)
{
    (void)context;
    lane_position(lane, next_offset);
}

static void on_end(void *context, void *lane, int64_t low, int64_t end_offset)
{
    (void)context;
    (void)low;
    lane_end(lane, end_offset);
}

static void on_stopped(void *context, void *lane, enum source_stop why, const char *reason)
{
    struct pipeline *p = context;
    static const enum partition_state states[] = {
        [SOURCE_STOP_GAP] = PARTITION_GAP,
        [SOURCE_STOP_DELETED] = PARTITION_FAILED,
        [SOURCE_STOP_FAILED] = PARTITION_FAILED,
    };
    char text[256];
    snprintf(text, sizeof text, "%s%s", reason,
             why == SOURCE_STOP_GAP ? "; `on_gap` decides at the next assignment" : "");
    log_event(LOG_ERROR, "partition_stopped",
              "pipeline=%s topic=%s partition=%d state=%s reason=%s", p->plan->name,
              lane_topic(lane), (int)lane_number(lane), partition_state_name(states[why]),
              log_quote(text));
    lane_stop(lane, states[why], text);
}

/* Stage counters are the worker's own between ticks; here they go into the series. */
static void export_stage_counts(struct pipeline *p, struct pipeline_worker *w)
{
    uint32_t stages = chain_stage_count(p->plan->chain);
    for (uint32_t i = 0; i < stages; i++) {
        const struct chain_counts *now = &w->tools.stage_counts[i];
        struct chain_counts *was = &w->exported[i];
        struct metric_series **series = w->stage_series + (size_t)i * 4;
        metric_add(series[0], (int64_t)(now->in - was->in));
        metric_add(series[1], (int64_t)(now->out - was->out));
        metric_add(series[2], (int64_t)(now->filtered - was->filtered));
        metric_add(series[3], (int64_t)(now->ns - was->ns));
        *was = *now;
    }
}

static void on_tick(void *context, int32_t worker, int64_t now_ns)
{
    struct pipeline *p = context;
    struct pipeline_worker *w = &p->workers[worker];
    if (now_ns >= w->ticked_ns && now_ns - w->ticked_ns < WORKER_TICK_NS)
        return; /* sources may call after each round */
    w->ticked_ns = now_ns;
    pthread_rwlock_rdlock(&p->lanes_lock);
    for (uint32_t i = 0; i < p->lane_count; i++)
        if (lane_worker(p->lanes[i]) == worker)
            lane_tick(p->lanes[i], now_ns);
    pthread_rwlock_unlock(&p->lanes_lock);
    export_stage_counts(p, w);
}

static void on_unavailable(void *context, const char *reason)
{
    struct pipeline *p = context;
    pthread_mutex_lock(&p->lock);
    snprintf(p->reason, sizeof p->reason, "%s", reason ? reason : "");
    pthread_mutex_unlock(&p->lock);
    if (reason)
        log_event_limited(LOG_WARN, "source_unavailable", 10000, "pipeline=%s reason=%s",
                          p->plan->name, log_quote(reason));
    else
        log_event(LOG_INFO, "source_available", "pipeline=%s", p->plan->name);
}

static void on_finished(void *context)
{
    struct pipeline *p = context;
    pthread_mutex_lock(&p->lock);
    p->finished = true;
    pthread_mutex_unlock(&p->lock);
    log_event(LOG_INFO, "finished", "pipeline=%s", p->plan->name);
}

static void on_topic(void *context, const char *topic, int32_t partition_count)
{
    struct pipeline *p = context;
    pthread_rwlock_wrlock(&p->lanes_lock);
    struct pipeline_topic *entry = NULL;
    for (uint32_t i = 0; i < p->topic_count && !entry; i++)
        if (!strcmp(p->topics[i].name, topic))
            entry = &p->topics[i];
    if (!entry) {
        p->topics = mem_grow(p->topics, p->topic_count + 1, sizeof *p->topics);
        entry = &p->topics[p->topic_count++];
        entry->name = mem_strdup(topic);
        entry->first_partitions = partition_count;
    }
    entry->partitions = partition_count;
    pthread_rwlock_unlock(&p->lanes_lock);
}

const struct source_handler pipeline_source_handler = {
    .assigned = on_assigned,
    .revoked = on_revoked,
    .rebalanced = on_rebalanced,
    .batch = on_batch,
    .batch_done = on_batch_done,
    .deliver = on_deliver,
    .position = on_position,
    .end = on_end,
    .stopped = on_stopped,
    .tick = on_tick,
    .unavailable = on_unavailable,
    .finished = on_finished,
    .topic = on_topic,
};
