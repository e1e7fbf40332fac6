/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_commit.c: offsets that are durable, told to the group as advice for lag tools and, by their
 * metadata, for other nodes (rule 14).
 *
 * A commit is kept with its lane until [control] sends all that there are in one request: the
 * newest of a partition counts. Nothing is sent for a partition that is not ours, and nothing of a
 * lost assignment: the group would take it from any member.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "ingest/kafka_private.h"

#define MS 1000000LL

/* Under lanes_lock. */
static struct kafka_lane *find_lane(const struct kafka_source *source, const char *topic,
                                    int32_t partition)
{
    struct kafka_lane *const *lists[] = {source->lanes, source->leaving};
    const uint32_t counts[] = {source->lane_count, source->leaving_count};
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < counts[l]; i++)
            if (lists[l][i]->partition == partition && !strcmp(lists[l][i]->topic->name, topic))
                return lists[l][i];
    return NULL;
}

int kafka_commit(struct source *base, const char *topic, int32_t partition, int64_t next_offset,
                 const char *metadata, struct weir_error *error)
{
    struct kafka_source *source = (struct kafka_source *)base;
    pthread_mutex_lock(&source->lanes_lock);
    struct kafka_lane *lane = find_lane(source, topic, partition);
    if (lane) {
        free(lane->commit_metadata);
        lane->commit_metadata = metadata ? mem_strdup(metadata) : NULL;
        lane->commit_offset = next_offset;
    }
    pthread_mutex_unlock(&source->lanes_lock);
    if (!lane)
        return error_set(error, WEIR_E_STATE, "%s/%d does not belong to this process (any more)",
                         topic, (int)partition);
    rd_kafka_queue_yield(source->main_queue);
    return 0;
}

static void add_commits(rd_kafka_topic_partition_list_t *list, struct kafka_lane *const *lanes,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_lane *lane = lanes[i];
        if (lane->commit_offset == KAFKA_UNKNOWN)
            continue;
        rd_kafka_topic_partition_t *item =
            rd_kafka_topic_partition_list_add(list, lane->topic->name, lane->partition);
        item->offset = lane->commit_offset;
        if (lane->commit_metadata) { /* the list frees it */
            item->metadata = lane->commit_metadata;
            item->metadata_size = strlen(lane->commit_metadata);
            lane->commit_metadata = NULL;
        }
        lane->commit_offset = KAFKA_UNKNOWN;
    }
}

static void commits_send(struct kafka_source *source)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(0);
    pthread_mutex_lock(&source->lanes_lock);
    add_commits(list, source->lanes, source->lane_count);
    add_commits(list, source->leaving, source->leaving_count);
    pthread_mutex_unlock(&source->lanes_lock);
    if (list->cnt) {
        rd_kafka_resp_err_t err =
            rd_kafka_commit_queue(source->client, list, source->commit_queue, NULL, NULL);
        if (err)
            kafka_source_count_error(source, err);
        else
            source->commits_in_flight++;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void commit_failed(struct kafka_source *source, rd_kafka_resp_err_t err)
{
    kafka_source_count_error(source, err);
    log_event_limited(LOG_WARN, "kafka_commit_failed", 10000, "pipeline=%s code=%s reason=%s",
                      source->pipeline, rd_kafka_err2name(err), log_quote(rd_kafka_err2str(err)));
}

static void commit_answered(struct kafka_source *source, rd_kafka_event_t *event)
{
    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_OFFSET_COMMIT)
        return;
    if (source->commits_in_flight)
        source->commits_in_flight--;
    rd_kafka_resp_err_t failed = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; list && i < list->cnt; i++) {
        if (list->elems[i].err)
            failed = list->elems[i].err;
        if (failed)
            continue;
        pthread_mutex_lock(&source->lanes_lock);
        struct kafka_lane *lane = find_lane(source, list->elems[i].topic, list->elems[i].partition);
        if (lane)
            metric_set(lane->committed, list->elems[i].offset);
        pthread_mutex_unlock(&source->lanes_lock);
    }
    if (failed)
        commit_failed(source, failed);
}

void kafka_commit_flush(struct kafka_source *source, int wait_ms)
{
    int64_t until = clock_mono_ns() + wait_ms * MS;
    if (wait_ms || !source->commits_in_flight)
        commits_send(source);
    while (source->commits_in_flight) {
        int64_t left_ms = (until - clock_mono_ns()) / MS;
        rd_kafka_event_t *event =
            rd_kafka_queue_poll(source->commit_queue, left_ms > 0 ? (int)left_ms : 0);
        if (!event)
            return;
        commit_answered(source, event);
        rd_kafka_event_destroy(event);
    }
}
