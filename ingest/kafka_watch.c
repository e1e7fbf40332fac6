/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_watch.c: the thread that may wait for a broker, so that no other has to.
 *
 * - Below librdkafka 2.2 a fetcher that found its worker's queue full sleeps for up to a second. A
 *   question to the same broker wakes it: while records flow, each leader is asked every 20 ms for
 *   the ends of one partition (rule 11). A partition that was resumed is fetched at once for the
 * same reason.
 * - The end of the log of each partition that is behind, about once a second. One that is at its
 * end needs no question: the next record is news enough.
 * - While something is wrong: is a broker there again, the topic, the leader? Then [control] is
 * told, and joins anew where only that helps.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define MS 1000000LL

/* A copy of what the questions need, so that lanes may go while one is under way. */
struct watched {
    const char *topic; /* lives as long as the source */
    int32_t partition;
    int32_t leader;
    uint32_t lane; /* index in source->lanes of that generation */
    bool at_end;
};

/* What the workers have delivered so far. */
struct flow {
    uint64_t records, bytes;
};

struct watcher {
    struct kafka_source *source;
    struct watched *items;
    uint32_t count;
    uint64_t generation;
    uint32_t next; /* whose end is asked for next */
    int64_t ends_ns, probed_ns, leaders_ns, active_until_ns;
    struct flow seen;
    int64_t seen_ns;
};

static void snapshot(struct watcher *w)
{
    struct kafka_source *source = w->source;
    pthread_mutex_lock(&source->lanes_lock);
    if (w->generation != source->generation) {
        w->generation = source->generation;
        w->items = mem_grow(w->items, source->lane_count + 1, sizeof *w->items);
        w->count = source->lane_count;
        w->next = 0;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        struct kafka_lane *lane = source->lanes[i];
        w->items[i] = (struct watched){
            .topic = lane->topic->name,
            .partition = lane->partition,
            .leader = atomic_load(&lane->leader),
            .lane = i,
            .at_end = atomic_load(&lane->at_end),
        };
    }
    pthread_mutex_unlock(&source->lanes_lock);
}

/* Asks for one partition's ends and keeps them for its worker to tell. */
static rd_kafka_resp_err_t ask_end(struct watcher *w, const struct watched *item, int timeout_ms)
{
    struct kafka_source *source = w->source;
    int64_t low, high;
    rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
        source->client, item->topic, item->partition, &low, &high, timeout_ms);
    if (err)
        return err;
    pthread_mutex_lock(&source->lanes_lock);
    if (w->generation == source->generation) {
        struct kafka_lane *lane = source->lanes[item->lane];
        atomic_store(&lane->low, low);
        atomic_store(&lane->end, high);
    }
    pthread_mutex_unlock(&source->lanes_lock);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- waking the fetchers ---- */

static struct flow flow_now(const struct kafka_source *source)
{
    struct flow flow = {0, 0};
    for (uint32_t i = 0; i < source->worker_count; i++) {
        const struct kafka_worker *worker = &source->workers[i];
        flow.records += atomic_load_explicit(&worker->records, memory_order_relaxed);
        flow.bytes += atomic_load_explicit(&worker->bytes, memory_order_relaxed);
    }
    return flow;
}

/* Whether so much flowed within about a second that a queue may have been full. */
static bool is_active(struct watcher *w, int64_t now)
{
    struct flow flow = flow_now(w->source);
    if (flow.records - w->seen.records >= w->source->queue_records / 4 ||
        flow.bytes - w->seen.bytes >= w->source->queue_bytes / 4)
        w->active_until_ns = now + NS_PER_SECOND;
    if (now - w->seen_ns >= NS_PER_SECOND) {
        w->seen = flow;
        w->seen_ns = now;
    }
    return now < w->active_until_ns;
}

/* One question to each leader, about whichever of its partitions comes first. */
static void wake_fetchers(struct watcher *w)
{
    int32_t asked[KAFKA_LEADERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->count && !atomic_load(&w->source->stopping); i++) {
        uint32_t known = 0;
        while (known < count && asked[known] != w->items[i].leader)
            known++;
        if (known < count || count == KAFKA_LEADERS_MAX)
            continue;
        asked[count++] = w->items[i].leader;
        ask_end(w, &w->items[i], KAFKA_DUTIES_MS);
    }
}

/* ---- ends of logs ---- */

/* A few questions a turn, so that many partitions neither cost more than KAFKA_END_QUERIES_S_MAX
 * nor keep the fetchers waiting. */
static void ask_ends(struct watcher *w, int64_t now)
{
    if (now - w->ends_ns < KAFKA_END_MS * MS || !w->count)
        return;
    uint32_t quota = KAFKA_END_QUERIES_S_MAX / (1000 / KAFKA_WAKE_MS);
    for (; quota && w->next < w->count; w->next++) {
        if (w->items[w->next].at_end)
            continue;
        quota--;
        if (ask_end(w, &w->items[w->next], KAFKA_QUERY_TIMEOUT_MS)) {
            w->next++;
            break;
        }
    }
    if (w->next < w->count)
        return;
    w->next = 0;
    w->ends_ns = now;
}

/* ---- topics and leaders ---- */

rd_kafka_resp_err_t kafka_topic_ask(rd_kafka_t *client, const char *topic, int timeout_ms,
                                    int32_t *ret_partition_count, int32_t *leaders,
                                    int32_t leader_capacity)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle)
        return rd_kafka_last_error();
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, handle, &metadata, timeout_ms);
    if (!err && metadata->topic_cnt != 1)
        err = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (!err)
        err = metadata->topics[0].err;
    if (!err) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[0];
        *ret_partition_count = found->partition_cnt;
        for (int i = 0; leaders && i < found->partition_cnt; i++)
            if (found->partitions[i].id < leader_capacity)
                leaders[found->partitions[i].id] = found->partitions[i].leader;
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return err;
}

static bool is_about_topic(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

static enum kafka_topic_state state_of(struct kafka_source *source, const struct kafka_topic *topic)
{
    pthread_mutex_lock(&source->trouble_lock);
    enum kafka_topic_state state = topic->state;
    pthread_mutex_unlock(&source->trouble_lock);
    return state;
}

/* True: a broker has answered, whatever it said. */
static bool probe_topic(struct kafka_source *source, struct kafka_topic *topic)
{
    enum kafka_topic_state before = state_of(source, topic);
    int32_t count = 0;
    rd_kafka_resp_err_t err =
        kafka_topic_ask(source->client, topic->name, KAFKA_QUERY_TIMEOUT_MS, &count, NULL, 0);
    if (err && !is_about_topic(err))
        return false;
    kafka_trouble_topic(source, topic, err, count);
    if (!err && before == KAFKA_TOPIC_ABSENT)
        kafka_source_rejoin(source);
    return true;
}

/* A partition that was deleted under a lane, and is there again. */
static void probe_deleted(struct watcher *w)
{
    struct kafka_source *source = w->source;
    for (uint32_t i = 0; i < w->count; i++) {
        pthread_mutex_lock(&source->lanes_lock);
        bool deleted = w->generation == source->generation &&
                       atomic_load(&source->lanes[w->items[i].lane]->deleted);
        pthread_mutex_unlock(&source->lanes_lock);
        if (!deleted)
            continue;
        int64_t low, high;
        if (!rd_kafka_query_watermark_offsets(source->client, w->items[i].topic,
                                              w->items[i].partition, &low, &high,
                                              KAFKA_QUERY_TIMEOUT_MS))
            kafka_source_rejoin(source);
        return; /* one a turn: they went together and come back together */
    }
}

static void probe_waiting(struct kafka_source *source)
{
    pthread_mutex_lock(&source->lanes_lock);
    rd_kafka_topic_partition_list_t *waiting =
        source->waiting ? rd_kafka_topic_partition_list_copy(source->waiting) : NULL;
    pthread_mutex_unlock(&source->lanes_lock);
    if (!waiting)
        return;
    int64_t low, high;
    if (!rd_kafka_query_watermark_offsets(source->client, waiting->elems[0].topic,
                                          waiting->elems[0].partition, &low, &high,
                                          KAFKA_QUERY_TIMEOUT_MS))
        kafka_source_rejoin(source);
    rd_kafka_topic_partition_list_destroy(waiting);
}

static void probe(struct watcher *w)
{
    struct kafka_source *source = w->source;
    bool answered = true;
    for (uint32_t i = 0; answered && i < source->topic_count; i++)
        answered = probe_topic(source, &source->topics[i]);
    kafka_trouble_connection(source, !answered);
    if (answered) {
        probe_waiting(source);
        probe_deleted(w);
    }
    rd_kafka_queue_yield(source->main_queue);
}

static bool any_deleted(struct watcher *w)
{
    bool any = false;
    struct kafka_source *source = w->source;
    pthread_mutex_lock(&source->lanes_lock);
    for (uint32_t i = 0; i < source->lane_count; i++)
        any = any || atomic_load(&source->lanes[i]->deleted);
    pthread_mutex_unlock(&source->lanes_lock);
    return any;
}

static bool all_topics_seen(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->topic_count; i++)
        if (state_of(source, &source->topics[i]) == KAFKA_TOPIC_UNSEEN)
            return false;
    return true;
}

/* Leaders move; which partition stands for which broker is asked anew from time to time. */
static void refresh_leaders(struct watcher *w, int64_t now)
{
    if (now - w->leaders_ns < KAFKA_LEADERS_MS * MS)
        return;
    w->leaders_ns = now;
    struct kafka_source *source = w->source;
    for (uint32_t t = 0; t < source->topic_count; t++) {
        struct kafka_topic *topic = &source->topics[t];
        int32_t capacity = 0, count = 0;
        for (uint32_t i = 0; i < w->count; i++)
            if (w->items[i].topic == topic->name && w->items[i].partition >= capacity)
                capacity = w->items[i].partition + 1;
        if (!capacity)
            continue;
        int32_t *leaders = mem_array((size_t)capacity, sizeof *leaders);
        for (int32_t i = 0; i < capacity; i++)
            leaders[i] = KAFKA_UNKNOWN;
        rd_kafka_resp_err_t err = kafka_topic_ask(
            source->client, topic->name, KAFKA_QUERY_TIMEOUT_MS, &count, leaders, capacity);
        pthread_mutex_lock(&source->lanes_lock);
        for (uint32_t i = 0; !err && w->generation == source->generation && i < w->count; i++)
            if (w->items[i].topic == topic->name)
                atomic_store(&source->lanes[w->items[i].lane]->leader,
                             leaders[w->items[i].partition]);
        pthread_mutex_unlock(&source->lanes_lock);
        free(leaders);
    }
}

/* ---- the thread ---- */

static void turn(struct watcher *w)
{
    int64_t now = clock_mono_ns();
    snapshot(w);
    bool active = is_active(w, now);
    if (atomic_exchange(&w->source->wake, false) ||
        (active && rd_kafka_version() < KAFKA_VERSION_QUEUE_BACKOFF))
        wake_fetchers(w);
    bool trouble = kafka_trouble_any(w->source) || any_deleted(w) || !all_topics_seen(w->source);
    if (trouble && !kafka_trouble_fatal(w->source) && now - w->probed_ns >= KAFKA_PROBE_MS * MS) {
        probe(w);
        w->probed_ns = clock_mono_ns();
    }
    if (active)
        refresh_leaders(w, now);
    ask_ends(w, now);
}

static int64_t pause_ms(const struct watcher *w)
{
    return clock_mono_ns() < w->active_until_ns || w->next ? KAFKA_WAKE_MS : KAFKA_DUTIES_MS;
}

static void sleep_ms(struct kafka_source *source, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms * MS;
    until.tv_sec += ns / NS_PER_SECOND;
    until.tv_nsec = ns % NS_PER_SECOND;
    pthread_mutex_lock(&source->watch_lock);
    if (!atomic_load(&source->stopping))
        pthread_cond_timedwait(&source->watch_wake, &source->watch_lock, &until);
    pthread_mutex_unlock(&source->watch_lock);
}

static void *watch_main(void *argument)
{
    struct watcher w = {.source = argument, .generation = UINT64_MAX};
    while (!atomic_load(&w.source->stopping)) {
        turn(&w);
        sleep_ms(w.source, pause_ms(&w));
    }
    free(w.items);
    return NULL;
}

int kafka_watch_start(struct kafka_source *source, struct weir_error *error)
{
    int r = pthread_create(&source->watch, NULL, watch_main, source);
    if (r)
        return error_set(error, WEIR_E_IO, "no thread to watch Kafka: %s", strerror(r));
    source->watching = true;
    pthread_setname_np(source->watch, "kafka watch");
    return 0;
}

void kafka_watch_join(struct kafka_source *source)
{
    if (!source->watching)
        return;
    kafka_watch_kick(source);
    pthread_join(source->watch, NULL);
    source->watching = false;
}

void kafka_watch_kick(struct kafka_source *source)
{
    pthread_mutex_lock(&source->watch_lock);
    pthread_cond_broadcast(&source->watch_wake);
    pthread_mutex_unlock(&source->watch_lock);
}
