/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_assign.c: the rebalance callback: partitions come and go, all of them at a time (the
 * assignors that are allowed are eager).
 *
 * The order of things is what the source's promises rest on:
 *
 *   ASSIGN  ask low and high of each partition -> the handler gives lane and offset -> the
 *           partition's queue is forwarded to a worker's -> lanes are in the workers' tables ->
 *           rd_kafka_assign, once, with the offsets -> rebalanced -> commits are sent
 *   REVOKE  lanes leave the tables -> the workers' queues are drained -> revoked -> commits are
 *           sent -> rd_kafka_assign(NULL) -> queues are un-forwarded
 *
 * The drain is there for what carries no version: a control record that is taken from the queue
 * after the partition was stopped moves librdkafka's idea of the position, from where a later pause
 * would go on.
 */
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define MS 1000000LL

/* ---- what is known of a topic ---- */

/* Leaders by partition, of the topic that was asked for last. */
struct leaders {
    int32_t *ids;
    int32_t count;
};

static void ask_topic(struct kafka_source *source, struct kafka_topic *topic, int32_t largest,
                      struct leaders *leaders, int timeout_ms)
{
    for (int32_t i = 0; i < leaders->count; i++)
        leaders->ids[i] = KAFKA_UNKNOWN;
    int32_t count = 0;
    rd_kafka_resp_err_t err = kafka_topic_ask(source->client, topic->name, timeout_ms, &count,
                                              leaders->ids, leaders->count);
    if (err || count <= largest)
        count = largest + 1; /* the assignment is proof of that many */
    kafka_trouble_topic(source, topic, RD_KAFKA_RESP_ERR_NO_ERROR, count);
    if (source->base.handler->topic)
        source->base.handler->topic(source->base.context, topic->name, count);
}

static int32_t largest_partition(const rd_kafka_topic_partition_list_t *list, const char *topic)
{
    int32_t largest = -1;
    for (int i = 0; i < list->cnt; i++)
        if (!strcmp(list->elems[i].topic, topic) && list->elems[i].partition > largest)
            largest = list->elems[i].partition;
    return largest;
}

/* ---- lanes ---- */

static void lane_free(struct kafka_lane *lane)
{
    if (!lane)
        return;
    if (lane->queue) {
        rd_kafka_queue_forward(lane->queue, NULL);
        rd_kafka_queue_destroy(lane->queue);
    }
    metric_free(lane->committed);
    free(lane->reason);
    free(lane->commit_metadata);
    free(lane);
}

/* Asks the handler. Negative: the partition is not read. */
static int lane_open(struct kafka_source *source, struct kafka_topic *topic, int32_t partition,
                     struct kafka_worker *worker, int64_t low, int64_t high,
                     struct kafka_lane **ret_lane)
{
    const struct source_assignment assignment = {
        .topic = topic->name,
        .partition = partition,
        .worker = worker->index,
        .low = low,
        .high = high,
    };
    void *handle = NULL;
    int64_t next = KAFKA_UNKNOWN;
    struct weir_error error = {0};
    int r =
        source->base.handler->assigned(source->base.context, &assignment, &handle, &next, &error);
    if (r < 0) {
        log_event(LOG_ERROR, "partition_not_read", "pipeline=%s topic=%s partition=%d reason=%s",
                  source->pipeline, topic->name, (int)partition, log_quote(error.text));
        return r;
    }
    CHECK(next >= 0);
    char number[16];
    snprintf(number, sizeof number, "%d", (int)partition);
    const char *labels[] = {source->pipeline, topic->name, number, NULL};
    struct kafka_lane *lane = mem_alloc(sizeof *lane);
    lane->topic = topic;
    lane->partition = partition;
    lane->worker = worker;
    lane->handle = handle;
    lane->next_offset = next;
    lane->told_end = high;
    lane->eof_offset = KAFKA_UNKNOWN;
    lane->low = low;
    lane->end = high;
    lane->leader = KAFKA_UNKNOWN;
    lane->commit_offset = KAFKA_UNKNOWN;
    lane->committed = metric_new(M_KAFKA_COMMITTED_OFFSET, labels);
    *ret_lane = lane;
    return 0;
}

/* Queue to queue, before the assign: afterwards the first records would be on their way to the
 * consumer's own queue. */
static void lane_forward(struct kafka_source *source, struct kafka_lane *lane)
{
    lane->queue = rd_kafka_queue_get_partition(source->client, lane->topic->name, lane->partition);
    CHECK(lane->queue);
    rd_kafka_queue_forward(lane->queue, lane->worker->queue);
}

static void table_set(struct kafka_topic *topic, int32_t partition, struct kafka_lane *lane)
{
    if (partition >= topic->lane_capacity) {
        int32_t capacity = topic->lane_capacity ? topic->lane_capacity : 8;
        while (capacity <= partition)
            capacity *= 2;
        topic->lanes = mem_grow(topic->lanes, (size_t)capacity, sizeof *topic->lanes);
        memset(topic->lanes + topic->lane_capacity, 0,
               (size_t)(capacity - topic->lane_capacity) * sizeof *topic->lanes);
        topic->lane_capacity = capacity;
    }
    topic->lanes[partition] = lane;
}

static void install(struct kafka_source *source, struct kafka_lane **lanes, uint32_t count)
{
    kafka_workers_hold(source);
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_lane *lane = lanes[i];
        struct kafka_worker *w = lane->worker;
        table_set(lane->topic, lane->partition, lane);
        w->lanes = mem_grow(w->lanes, w->lane_count + 1, sizeof *w->lanes);
        w->lanes[w->lane_count++] = lane;
    }
    pthread_mutex_lock(&source->lanes_lock);
    CHECK(!source->lane_count);
    source->lanes = lanes;
    source->lane_count = count;
    source->generation++;
    pthread_mutex_unlock(&source->lanes_lock);
    kafka_workers_release(source);
}

/* The lanes are the caller's afterwards, in a list that it frees. */
static struct kafka_lane **uninstall(struct kafka_source *source, uint32_t *ret_count)
{
    kafka_workers_hold(source);
    pthread_mutex_lock(&source->lanes_lock);
    struct kafka_lane **lanes = source->lanes;
    uint32_t count = source->lane_count;
    source->lanes = NULL;
    source->lane_count = 0;
    source->generation++;
    if (source->waiting)
        rd_kafka_topic_partition_list_destroy(source->waiting);
    source->waiting = NULL;
    pthread_mutex_unlock(&source->lanes_lock);
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_lane *lane = lanes[i];
        lane->topic->lanes[lane->partition] = NULL;
        if (lane->held)
            source->base.handler->batch_done(source->base.context, lane->held);
        lane->held = NULL;
    }
    for (uint32_t i = 0; i < source->worker_count; i++)
        source->workers[i].lane_count = 0;
    kafka_workers_release(source);
    *ret_count = count;
    return lanes;
}

/* ---- ASSIGN ---- */

static void wait_for_leader(struct kafka_source *source,
                            const rd_kafka_topic_partition_t *partition, rd_kafka_resp_err_t err)
{
    log_event_limited(LOG_WARN, "kafka_no_leader", 10000,
                      "pipeline=%s topic=%s partition=%d reason=%s", source->pipeline,
                      partition->topic, (int)partition->partition,
                      log_quote(rd_kafka_err2str(err)));
    pthread_mutex_lock(&source->lanes_lock);
    if (!source->waiting)
        source->waiting = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(source->waiting, partition->topic, partition->partition);
    uint32_t count = (uint32_t)source->waiting->cnt;
    pthread_mutex_unlock(&source->lanes_lock);
    kafka_trouble_waiting(source, partition->topic, partition->partition, count);
}

/* A topic that was just made, or a leader that is just moving: over in a moment. */
static bool passes_soon(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Low and high now, within what is left of the callback's budget. */
static rd_kafka_resp_err_t ask_offsets(struct kafka_source *source,
                                       const rd_kafka_topic_partition_t *partition,
                                       int64_t until_ns, int64_t *ret_low, int64_t *ret_high)
{
    int64_t retry_until_ns = clock_mono_ns() + KAFKA_LEADER_RETRY_MS * MS;
    for (;;) {
        int64_t left_ms = (until_ns - clock_mono_ns()) / MS;
        if (left_ms <= 0)
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (left_ms > KAFKA_QUERY_TIMEOUT_MS)
            left_ms = KAFKA_QUERY_TIMEOUT_MS;
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(source->client, partition->topic, partition->partition,
                                             ret_low, ret_high, (int)left_ms);
        if (!passes_soon(err) || clock_mono_ns() > retry_until_ns)
            return err;
        usleep(10000);
    }
}

static uint32_t open_topic(struct kafka_source *source, struct kafka_topic *topic,
                           const rd_kafka_topic_partition_list_t *list, int64_t until_ns,
                           struct kafka_lane **lanes, uint32_t count)
{
    int32_t largest = largest_partition(list, topic->name);
    if (largest < 0)
        return count;
    struct leaders leaders = {mem_array((size_t)largest + 1, sizeof *leaders.ids), largest + 1};
    ask_topic(source, topic, largest, &leaders, KAFKA_QUERY_TIMEOUT_MS);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        if (strcmp(partition->topic, topic->name))
            continue;
        int64_t low, high;
        rd_kafka_resp_err_t err = ask_offsets(source, partition, until_ns, &low, &high);
        if (err) {
            wait_for_leader(source, partition, err);
            continue;
        }
        struct kafka_worker *worker = &source->workers[count % source->worker_count];
        struct kafka_lane *lane;
        int r = lane_open(source, topic, partition->partition, worker, low, high, &lane);
        if (r == WEIR_E_UNAVAILABLE) /* the handler had a question too: later */
            wait_for_leader(source, partition, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
        if (r)
            continue;
        atomic_store(&lane->leader, leaders.ids[partition->partition]);
        lanes[count++] = lane;
    }
    free(leaders.ids);
    return count;
}

static rd_kafka_resp_err_t tell_client(struct kafka_source *source, struct kafka_lane *const *lanes,
                                       uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, lanes[i]->topic->name, lanes[i]->partition)
            ->offset = lanes[i]->next_offset;
    rd_kafka_resp_err_t err = rd_kafka_assign(source->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static void assign(struct kafka_source *source, const rd_kafka_topic_partition_list_t *list)
{
    CHECK(list && !source->lane_count);
    kafka_trouble_assigned(source);
    kafka_trouble_waiting(source, NULL, 0, 0);
    int64_t until_ns = clock_mono_ns() + KAFKA_ASSIGN_BUDGET_MS * MS;
    struct kafka_lane **lanes = mem_array((size_t)list->cnt + 1, sizeof *lanes);
    uint32_t count = 0;
    for (uint32_t i = 0; i < source->topic_count; i++)
        count = open_topic(source, &source->topics[i], list, until_ns, lanes, count);
    for (uint32_t i = 0; i < count; i++)
        lane_forward(source, lanes[i]);
    install(source, lanes, count);
    rd_kafka_resp_err_t err = tell_client(source, lanes, count);
    if (err) {
        kafka_source_count_error(source, err);
        log_event(LOG_ERROR, "kafka_assign_failed", "pipeline=%s reason=%s", source->pipeline,
                  log_quote(rd_kafka_err2str(err)));
        kafka_source_rejoin(source);
    }
    source->base.handler->rebalanced(source->base.context, count);
    kafka_commit_flush(source, KAFKA_COMMIT_TIMEOUT_MS);
    kafka_watch_kick(source);
}

/* ---- REVOKE ---- */

/* librdkafka keeps a pause over the end of an assignment; the next one begins without. */
static void forget_pauses(struct kafka_source *source, struct kafka_lane *const *lanes,
                          uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(0);
    for (uint32_t i = 0; i < count; i++)
        if (lanes[i]->paused)
            rd_kafka_topic_partition_list_add(list, lanes[i]->topic->name, lanes[i]->partition);
    if (list->cnt)
        rd_kafka_resume_partitions(source->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_revoke_all(struct kafka_source *source, bool lost)
{
    uint32_t count;
    struct kafka_lane **lanes = uninstall(source, &count);
    kafka_trouble_waiting(source, NULL, 0, 0);
    kafka_workers_flush(source);

    pthread_mutex_lock(&source->lanes_lock); /* what the handler commits now is still ours */
    source->leaving = lanes;
    source->leaving_count = count;
    pthread_mutex_unlock(&source->lanes_lock);
    for (uint32_t i = 0; i < count; i++)
        source->base.handler->revoked(source->base.context, lanes[i]->handle, lost);
    if (!lost)
        kafka_commit_flush(source, KAFKA_COMMIT_TIMEOUT_MS);
    pthread_mutex_lock(&source->lanes_lock);
    source->leaving = NULL;
    source->leaving_count = 0;
    pthread_mutex_unlock(&source->lanes_lock);

    rd_kafka_assign(source->client, NULL);
    forget_pauses(source, lanes, count);
    for (uint32_t i = 0; i < count; i++)
        lane_free(lanes[i]);
    free(lanes);
}

void kafka_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err,
                     rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_source *source = opaque;
    bool lost = rd_kafka_assignment_lost(client);
    metric_add(source->rebalances, 1);
    log_event(LOG_INFO, "kafka_rebalance", "pipeline=%s what=%s partitions=%d lost=%s",
              source->pipeline, err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "assign" : "revoke",
              partitions ? partitions->cnt : 0, lost ? "true" : "false");
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !atomic_load(&source->stopping))
        assign(source, partitions);
    else
        kafka_revoke_all(source, lost);
}
