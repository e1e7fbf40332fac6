/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ingest/kafka_toy.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/value.h"

#define MS 1000000LL

void toy_store_init(struct toy_store *store)
{
    memset(store, 0, sizeof *store);
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (int i = 0; i < TOY_PARTITIONS_MAX; i++)
        store->partitions[i].next = store->partitions[i].end = -1;
}

void toy_store_done(struct toy_store *store)
{
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->changed);
}

/* Whoever waits looks again. */
static void changed(struct toy_store *store)
{
    pthread_mutex_lock(&store->lock);
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

/* ---- the handler ---- */

static int64_t first_offset(struct toy *toy, const struct source_assignment *a)
{
    if (atomic_load(&toy->latest))
        return a->high;
    int64_t start_ms = atomic_load(&toy->start_ms), offset;
    struct weir_error error = {0};
    if (start_ms <= 0)
        return a->low;
    CHECK(!kafka_offset_for_time(toy->source, a->topic, a->partition, start_ms, &offset, &error));
    return offset;
}

static int on_assigned(void *context, const struct source_assignment *a, void **ret_lane,
                       int64_t *ret_next, struct weir_error *error)
{
    struct toy *toy = context;
    struct toy_partition *p = &toy->store->partitions[a->partition];
    CHECK(a->partition < TOY_PARTITIONS_MAX);
    CHECK(a->low >= 0 && a->low <= a->high);
    toy->control = pthread_self();
    if (atomic_load(&toy->refusals) > 0) {
        atomic_fetch_sub(&toy->refusals, 1);
        return error_set(error, WEIR_E_UNAVAILABLE, "not yet");
    }
    int64_t first = first_offset(toy, a);
    pthread_mutex_lock(&toy->store->lock);
    CHECK(!p->owner);
    p->owner = toy;
    if (p->next < 0) {
        p->next = first;
    } else if (p->next < a->low || p->next > a->high) {
        toy->gaps++;
        p->next = a->low;
    }
    p->low = a->low;
    p->end = a->high;
    *ret_next = p->next;
    pthread_mutex_unlock(&toy->store->lock);
    struct toy_lane *lane = mem_alloc(sizeof *lane);
    lane->toy = toy;
    lane->partition = a->partition;
    lane->worker = a->worker;
    lane->last_offset = -1;
    *ret_lane = lane;
    atomic_fetch_add(&toy->assigned, 1);
    changed(toy->store);
    return 0;
}

static void commit(struct toy *toy, int32_t partition, const char *metadata)
{
    struct weir_error error = {0};
    pthread_mutex_lock(&toy->store->lock);
    int64_t next = toy->store->partitions[partition].next;
    pthread_mutex_unlock(&toy->store->lock);
    CHECK(!toy->source->ops->commit(toy->source, toy->topic, partition, next, metadata, &error));
}

static void on_revoked(void *context, void *opaque, bool lost)
{
    struct toy *toy = context;
    struct toy_lane *lane = opaque;
    CHECK(lane->toy == toy && !lane->revoked);
    CHECK(!atomic_load(&lane->busy)); /* L1 */
    lane->revoked = true;             /* what was held has been given back */
    if (toy->prints)
        printf("revoked %d %s\n", (int)lane->partition, lost ? "lost" : "kept");
    if (toy->commits && !lost)
        commit(toy, lane->partition, "127.0.0.1:8080; leaving");
    pthread_mutex_lock(&toy->store->lock);
    CHECK(toy->store->partitions[lane->partition].owner == toy);
    toy->store->partitions[lane->partition].owner = NULL;
    pthread_mutex_unlock(&toy->store->lock);
    atomic_fetch_sub(&toy->assigned, 1);
    changed(toy->store);
    free(lane);
}

static void on_rebalanced(void *context, uint32_t count)
{
    struct toy *toy = context;
    CHECK(atomic_load(&toy->assigned) == (int)count);
    if (toy->prints)
        printf("assigned %u\n", count);
    for (int32_t i = 0; toy->commits && i < TOY_PARTITIONS_MAX; i++) {
        pthread_mutex_lock(&toy->store->lock);
        bool ours = toy->store->partitions[i].owner == toy;
        pthread_mutex_unlock(&toy->store->lock);
        if (ours)
            commit(toy, i, "127.0.0.1:8080; snapshot=0");
    }
    atomic_fetch_add(&toy->rebalances, 1);
    changed(toy->store);
}

static struct batch *on_batch(void *context, int32_t worker)
{
    struct toy *toy = context;
    if (!toy->batches[worker])
        toy->batches[worker] = batch_new(0);
    return toy->batches[worker];
}

static void on_batch_done(void *context, struct batch *batch)
{
    (void)context;
    batch_free(batch);
}

static void apply(struct toy_partition *p, const struct weir_record *record)
{
    if (record->offset < p->next) {
        p->repeated++;
        return;
    }
    int64_t value;
    CHECK(!int_read(record->value.data, record->value.length, &value));
    p->applied++;
    p->sum += (uint64_t)value;
    p->headers += record->headers.data != NULL;
    p->next = record->offset + 1;
}

static int on_deliver(void *context, void *opaque, struct batch *batch)
{
    struct toy *toy = context;
    struct toy_lane *lane = opaque;
    CHECK(lane->toy == toy && !lane->revoked);
    CHECK(atomic_fetch_add(&lane->busy, 1) == 0); /* L1 */
    CHECK(batch->view.rows > 0 && batch->view.partition == lane->partition);
    if (lane->held) {
        CHECK(lane->held == batch);
        lane->held = NULL;
    } else {
        for (uint32_t i = 0; i < batch->view.rows; i++) { /* L2 */
            CHECK(batch->records[i].offset > lane->last_offset);
            lane->last_offset = batch->records[i].offset;
        }
    }
    int r = SOURCE_ACCEPTED;
    if (atomic_load(&toy->hold)) {
        lane->held = batch;
        if (toy->batches[lane->worker] == batch)
            toy->batches[lane->worker] = NULL;
        atomic_fetch_add(&toy->holds, 1);
        r = SOURCE_HELD;
    } else {
        pthread_mutex_lock(&toy->store->lock);
        struct toy_partition *p = &toy->store->partitions[lane->partition];
        CHECK(p->owner == toy);
        for (uint32_t i = 0; i < batch->view.rows; i++)
            apply(p, &batch->records[i]);
        pthread_mutex_unlock(&toy->store->lock);
        for (int64_t until = clock_mono_ns() + (int64_t)toy->work_ns; clock_mono_ns() < until;)
            ;
    }
    atomic_fetch_add(&toy->delivered, 1);
    atomic_fetch_sub(&lane->busy, 1);
    changed(toy->store);
    return r;
}

static void on_position(void *context, void *opaque, int64_t next_offset)
{
    struct toy *toy = context;
    struct toy_lane *lane = opaque;
    CHECK(!lane->revoked && !lane->held);
    pthread_mutex_lock(&toy->store->lock);
    struct toy_partition *p = &toy->store->partitions[lane->partition];
    CHECK(p->owner == toy);
    if (next_offset > p->next)
        p->next = next_offset;
    pthread_cond_broadcast(&toy->store->changed);
    pthread_mutex_unlock(&toy->store->lock);
}

static void on_end(void *context, void *opaque, int64_t low, int64_t end_offset)
{
    struct toy *toy = context;
    struct toy_lane *lane = opaque;
    CHECK(!lane->revoked && low <= end_offset);
    pthread_mutex_lock(&toy->store->lock);
    toy->store->partitions[lane->partition].low = low;
    toy->store->partitions[lane->partition].end = end_offset;
    pthread_mutex_unlock(&toy->store->lock);
}

static void on_stopped(void *context, void *opaque, enum source_stop why, const char *reason)
{
    struct toy *toy = context;
    struct toy_lane *lane = opaque;
    CHECK(!lane->revoked && reason && !lane->held);
    pthread_mutex_lock(&toy->store->lock);
    toy->store->partitions[lane->partition].stopped++;
    toy->store->partitions[lane->partition].why = why;
    pthread_cond_broadcast(&toy->store->changed);
    pthread_mutex_unlock(&toy->store->lock);
}

static void on_tick(void *context, int32_t worker, int64_t now_ns)
{
    struct toy *toy = context;
    CHECK(worker >= 0 && now_ns > 0);
    atomic_fetch_add(&toy->ticks, 1);
    changed(toy->store);
}

static void on_unavailable(void *context, const char *reason)
{
    struct toy *toy = context;
    pthread_mutex_lock(&toy->store->lock);
    snprintf(toy->reason, sizeof toy->reason, "%s", reason ? reason : "");
    toy->unavailable_count++;
    pthread_cond_broadcast(&toy->store->changed);
    pthread_mutex_unlock(&toy->store->lock);
}

static void on_topic(void *context, const char *topic, int32_t partition_count)
{
    struct toy *toy = context;
    CHECK(topic && partition_count > 0);
    pthread_mutex_lock(&toy->store->lock);
    toy->store->partition_count = partition_count;
    pthread_mutex_unlock(&toy->store->lock);
}

static const struct source_handler toy_handler = {
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
    .topic = on_topic,
};

/* ---- members ---- */

struct toy *toy_new(struct toy_store *store, const char *brokers, const char *topic,
                    const char *group, const char *instance, int workers,
                    const struct kafka_property *properties, uint32_t property_count)
{
    struct toy *toy = mem_alloc(sizeof *toy);
    toy->store = store;
    toy->topic = mem_strdup(topic);
    CHECK(workers <= TOY_WORKERS_MAX);
    const struct kafka_options options = {
        .brokers = brokers,
        .topics = &topic,
        .topic_count = 1,
        .group = group,
        .client_id = "weir-toy",
        .group_instance_id = instance,
        .properties = properties,
        .property_count = property_count,
        .workers = workers,
        .queue_bytes_max = 16 << 20,
    };
    struct weir_error error = {0};
    if (kafka_source_new(&options, &toy_handler, toy, &toy->source, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return toy;
}

void toy_run(struct toy *toy)
{
    struct weir_error error = {0};
    CHECK(!toy->source->ops->start(toy->source, &error));
}

struct toy *toy_start(struct toy_store *store, const char *brokers, const char *topic,
                      const char *group, const char *instance, int workers)
{
    static const struct kafka_property quick[] = {
        {"session.timeout.ms", "6000", false, {NULL, 0, 0}},
        {"heartbeat.interval.ms", "200", false, {NULL, 0, 0}},
    };
    struct toy *toy = toy_new(store, brokers, topic, group, instance, workers, quick, 2);
    toy_run(toy);
    return toy;
}

void toy_stop(struct toy *toy)
{
    toy->source->ops->stop(toy->source);
    CHECK(!atomic_load(&toy->assigned));
    toy->source->ops->free(toy->source);
    for (int i = 0; i < TOY_WORKERS_MAX; i++)
        batch_free(toy->batches[i]);
    free(toy->topic);
    free(toy);
}

/* ---- waiting ---- */

static uint64_t applied_locked(const struct toy_store *store)
{
    uint64_t applied = 0;
    for (int i = 0; i < TOY_PARTITIONS_MAX; i++)
        applied += store->partitions[i].applied;
    return applied;
}

int64_t toy_next(struct toy_store *store, int32_t partition)
{
    pthread_mutex_lock(&store->lock);
    int64_t next = store->partitions[partition].next;
    pthread_mutex_unlock(&store->lock);
    return next;
}

uint64_t toy_applied(struct toy_store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t applied = applied_locked(store);
    pthread_mutex_unlock(&store->lock);
    return applied;
}

uint64_t toy_sum(struct toy_store *store)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&store->lock);
    for (int i = 0; i < TOY_PARTITIONS_MAX; i++)
        sum += store->partitions[i].sum;
    pthread_mutex_unlock(&store->lock);
    return sum;
}

/* What is waited for, and one look at it, under the store's lock. */
struct wait {
    bool (*is)(const struct wait *w);
    const char *what;
    struct toy_store *store;
    struct toy *toy;
    int32_t partition;
    int64_t number;
    const char *part;
};

static bool next_is(const struct wait *w)
{
    return w->store->partitions[w->partition].next >= w->number;
}

static bool applied_is(const struct wait *w)
{
    return applied_locked(w->store) >= (uint64_t)w->number;
}

static bool assigned_is(const struct wait *w)
{
    return atomic_load(&w->toy->assigned) == w->number && atomic_load(&w->toy->rebalances);
}

static bool reason_is(const struct wait *w)
{
    return w->part ? strstr(w->toy->reason, w->part) != NULL
                   : !w->toy->reason[0] && w->toy->unavailable_count;
}

static bool holds_are(const struct wait *w)
{
    return atomic_load(&w->toy->holds) >= (uint64_t)w->number;
}

static bool ticks_are(const struct wait *w)
{
    return atomic_load(&w->toy->ticks) >= (uint64_t)w->number;
}

static void wait_for(struct wait w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TOY_WAIT_MS_MAX / 1000;
    pthread_mutex_lock(&w.store->lock);
    while (!w.is(&w)) {
        if (pthread_cond_timedwait(&w.store->changed, &w.store->lock, &until) == ETIMEDOUT) {
            fprintf(stderr, "waited %d s for %s (partition %d, number %lld, text %s, reason %s)\n",
                    TOY_WAIT_MS_MAX / 1000, w.what, (int)w.partition, (long long)w.number,
                    w.part ? w.part : "-", w.toy ? w.toy->reason : "-");
            abort();
        }
    }
    pthread_mutex_unlock(&w.store->lock);
}

void toy_wait_next(struct toy_store *store, int32_t partition, int64_t next)
{
    wait_for((struct wait){next_is, "an offset", .store = store, .partition = partition,
                           .number = next});
}

void toy_wait_applied(struct toy_store *store, uint64_t applied)
{
    wait_for(
        (struct wait){applied_is, "applied records", .store = store, .number = (int64_t)applied});
}

void toy_wait_assigned(struct toy *toy, int partitions)
{
    wait_for((struct wait){assigned_is, "an assignment", .store = toy->store, .toy = toy,
                           .number = partitions});
}

void toy_wait_reason(struct toy *toy, const char *part)
{
    wait_for((struct wait){reason_is, "a reason", .store = toy->store, .toy = toy, .part = part});
}

void toy_wait_holds(struct toy *toy, uint64_t holds)
{
    wait_for((struct wait){holds_are, "held batches", .store = toy->store, .toy = toy,
                           .number = (int64_t)holds});
}

void toy_wait_ticks(struct toy *toy, uint64_t more)
{
    wait_for((struct wait){ticks_are, "ticks", .store = toy->store, .toy = toy,
                           .number = (int64_t)(atomic_load(&toy->ticks) + more)});
}
