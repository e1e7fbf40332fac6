/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_worker.c: the hot path: from librdkafka's queue of a worker into batches.
 *
 * A round is one call of rd_kafka_consume_callback_queue: librdkafka takes its queue's lock once
 * and calls on_message for each record. The worker takes its own lock at the first record and lets
 * it go after the last, so that waiting costs the control thread nothing and no record costs a
 * lock. Records of a partition come in runs; the lane is looked up when a run begins.
 *
 * Only a lane's worker pauses and resumes it. librdkafka remembers a pause as "go on behind the
 * last record handed out", and that position is moved by control records too, even while the
 * records before them are being dropped. Pausing from another thread lost 156 to 2,510 of 10,000
 * records of small transactions, with 2.0.2 and with 2.8.0.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/headers.h"
#include "base/log.h"
#include "base/value.h"
#include "ingest/kafka_private.h"

#define MS 1000000LL

static const struct source_handler *handler_of(const struct kafka_worker *w)
{
    return w->source->base.handler;
}

static void *context_of(const struct kafka_worker *w)
{
    return w->source->base.context;
}

/* ---- lanes ---- */

/* Where librdkafka would go on after a pause. */
static int64_t client_position(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list)
{
    list->elems[0].offset = KAFKA_UNKNOWN;
    rd_kafka_position(client, list);
    return list->elems[0].offset;
}

static void set_pause(struct kafka_lane *lane, bool pause)
{
    struct kafka_source *source = lane->worker->source;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, lane->topic->name, lane->partition);
    if (pause) {
        rd_kafka_pause_partitions(source->client, list);
        lane->paused_position = client_position(source->client, list);
        lane->paused_round = lane->worker->rounds;
    } else {
        lane->moved = client_position(source->client, list) != lane->paused_position;
        rd_kafka_resume_partitions(source->client, list);
        /* librdkafka would see it after up to a second. */
        atomic_store(&source->wake, true);
        kafka_watch_kick(source);
    }
    lane->paused = pause;
    rd_kafka_topic_partition_list_destroy(list);
}

/*
 * The one place that decides: librdkafka has one pause for three reasons of ours. A pause may come
 * at once, in the middle of a round. A resume waits until a whole round has gone by: only then has
 * the rest of what was queued before been dropped, and can one see whether it has moved the
 * position. If so, the next pause waits for a record, which sets the position right.
 */
static void adjust_pause(struct kafka_lane *lane)
{
    struct kafka_worker *w = lane->worker;
    bool pause = lane->held || lane->closed || atomic_load(&w->source->paused);
    if (pause == lane->paused)
        return;
    if (pause && (!lane->moved || lane->closed))
        set_pause(lane, true);
    else if (!pause && w->rounds > lane->paused_round + 1)
        set_pause(lane, false);
    else if (!pause)
        atomic_store(&w->attention, true); /* soon */
}

static void tell_closed(struct kafka_worker *w, struct kafka_lane *lane)
{
    if (!lane->closed || lane->told || lane->held)
        return;
    lane->told = true;
    if (lane->reason)
        handler_of(w)->stopped(context_of(w), lane->handle, lane->why, lane->reason);
}

/* Nothing more is taken in. The handler is told once all that came before has been accepted; a lane
 * that the handler itself has failed needs no telling (format NULL). */
static void close_lane(struct kafka_worker *w, struct kafka_lane *lane, enum source_stop why,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
static void close_lane(struct kafka_worker *w, struct kafka_lane *lane, enum source_stop why,
                       const char *format, ...)
{
    if (lane->closed)
        return;
    lane->closed = true;
    lane->why = why;
    if (format) {
        struct text text = TEXT_INIT;
        va_list arguments;
        va_start(arguments, format);
        text_addv(&text, format, arguments);
        va_end(arguments);
        lane->reason = text_take(&text);
    }
    adjust_pause(lane);
    tell_closed(w, lane);
}

static void tell_position(struct kafka_worker *w, struct kafka_lane *lane)
{
    if (lane->eof_offset == KAFKA_UNKNOWN || lane->held)
        return;
    if (lane->eof_offset > lane->next_offset) {
        lane->next_offset = lane->eof_offset;
        handler_of(w)->position(context_of(w), lane->handle, lane->next_offset);
    }
    lane->eof_offset = KAFKA_UNKNOWN;
}

static void accepted(struct kafka_worker *w, struct kafka_lane *lane, int64_t next_offset)
{
    lane->next_offset = next_offset;
    tell_position(w, lane);
}

/* One writer, so no read-modify-write. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Delivers what was filled in for the current lane. */
static void deliver(struct kafka_worker *w)
{
    struct batch *batch = w->batch;
    struct kafka_lane *lane = w->lane;
    if (!batch)
        return;
    w->batch = NULL;
    if (!batch->view.rows)
        return;
    int64_t next = batch->view.records[batch->view.rows - 1].offset + 1;
    count(&w->records, batch->view.rows);
    count(&w->bytes, batch->payload_bytes);
    if (unlikely(atomic_load_explicit(&lane->at_end, memory_order_relaxed)))
        atomic_store_explicit(&lane->at_end, false, memory_order_relaxed);

    lane->moved = false;
    int r = handler_of(w)->deliver(context_of(w), lane->handle, batch);
    if (likely(r == SOURCE_ACCEPTED)) {
        accepted(w, lane, next);
    } else if (r == SOURCE_HELD) {
        lane->held = batch;
        lane->held_next = next;
        adjust_pause(lane);
        atomic_store(&w->attention, true);
    } else {
        close_lane(w, lane, SOURCE_STOP_FAILED, NULL);
    }
}

static void retry_held(struct kafka_worker *w, struct kafka_lane *lane)
{
    struct batch *batch = lane->held;
    int r = handler_of(w)->deliver(context_of(w), lane->handle, batch);
    if (r == SOURCE_HELD)
        return;
    lane->held = NULL;
    if (r == SOURCE_ACCEPTED)
        accepted(w, lane, lane->held_next);
    else
        close_lane(w, lane, SOURCE_STOP_FAILED, NULL);
    handler_of(w)->batch_done(context_of(w), batch);
}

/* ---- a round ---- */

static void lock_for_turn(struct kafka_worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (atomic_load(&w->hold))
        pthread_cond_wait(&w->turn, &w->lock);
}

static void begin_round(struct kafka_worker *w)
{
    lock_for_turn(w);
    w->in_round = true;
}

/* Puts what is left of the round back into the queue. Only for the control thread's turn:
 * librdkafka counts what is in the queue, not what a round has taken out of it, so rounds that are
 * cut short all the time let it fetch without a limit. */
static void give_way(struct kafka_worker *w)
{
    if (unlikely(atomic_load_explicit(&w->hold, memory_order_relaxed)))
        rd_kafka_yield(w->source->client);
}

static struct kafka_topic *find_topic(struct kafka_worker *w, const rd_kafka_topic_t *pointer)
{
    struct kafka_source *source = w->source;
    for (uint32_t i = 0; i < source->topic_count; i++)
        if (w->topic_pointers[i] == pointer)
            return &source->topics[i];
    struct kafka_topic *topic = kafka_source_topic(source, rd_kafka_topic_name(pointer));
    if (topic)
        w->topic_pointers[topic->index] = pointer;
    return topic;
}

static struct kafka_lane *find_lane(struct kafka_worker *w, const rd_kafka_topic_t *pointer,
                                    int32_t partition)
{
    struct kafka_topic *topic = find_topic(w, pointer);
    if (!topic || partition < 0 || partition >= topic->lane_capacity)
        return NULL;
    struct kafka_lane *lane = topic->lanes[partition];
    return lane && lane->worker == w ? lane : NULL;
}

static void change_lane(struct kafka_worker *w, const rd_kafka_message_t *message)
{
    deliver(w);
    w->last_topic = message->rkt;
    w->last_partition = message->partition;
    w->lane = find_lane(w, message->rkt, message->partition);
    give_way(w);
}

/*
 * Asking librdkafka costs 40 ns where there are none: it allocates a parser to read the number 0.
 * That number is a varint right behind the value, in the record format that has headers at all (v2;
 * Kafka protocol, "Record"), and librdkafka hands values out where it received them. So a zero byte
 * there says that there are none. Debug builds ask all the same, and compare.
 */
static bool has_no_headers(const rd_kafka_message_t *message)
{
    return message->payload && !((const char *)message->payload)[message->len];
}

static struct weir_str headers_of(struct kafka_worker *w, const rd_kafka_message_t *message)
{
    const struct weir_str none = {NULL, 0, 0};
    rd_kafka_headers_t *headers;
    if (likely(has_no_headers(message))) {
        DEBUG_CHECK(rd_kafka_message_headers(message, &headers));
        return none;
    }
    if (rd_kafka_message_headers(message, &headers))
        return none;
    text_clear(&w->headers);
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        struct header header = {str_of(name), str_make(value, value ? size : 0)};
        headers_add(&w->headers, header);
    }
    return w->headers.length ? str_make(w->headers.data, w->headers.length) : none;
}

static int add_record(struct kafka_worker *w, const struct weir_record *record)
{
    if (!w->batch) {
        w->batch = handler_of(w)->batch(context_of(w), w->index);
        batch_begin(w->batch, w->lane->topic->name, w->lane->partition, clock_wall_ns());
    }
    return batch_add(w->batch, record);
}

/* A record of no lane, or of one that takes nothing in. librdkafka hands out nothing of a partition
 * that is paused; should it, then going on would leave a hole, so all of it is read again. */
static void drop(struct kafka_worker *w, struct kafka_lane *lane)
{
    w->dropped++;
    if (!lane || lane->closed)
        return;
    lane->closed = lane->told = true;
    kafka_source_rejoin(w->source);
}

/* ---- duties ---- */

static void tell_end(struct kafka_worker *w, struct kafka_lane *lane)
{
    int64_t end = atomic_load(&lane->end);
    if (end == KAFKA_UNKNOWN || end == lane->told_end)
        return;
    lane->told_end = end;
    handler_of(w)->end(context_of(w), lane->handle, atomic_load(&lane->low), end);
}

static void do_duties(struct kafka_worker *w)
{
    atomic_store(&w->attention, false);
    bool again = false;
    for (uint32_t i = 0; i < w->lane_count; i++) {
        struct kafka_lane *lane = w->lanes[i];
        if (lane->held)
            retry_held(w, lane);
        again = again || lane->held;
        adjust_pause(lane);
        tell_end(w, lane);
        tell_closed(w, lane);
    }
    w->duties_done++;
    if (again)
        atomic_store(&w->attention, true);
}

static bool duties_are_due(struct kafka_worker *w)
{
    int64_t now = clock_mono_ns();
    int64_t due_ns = atomic_load(&w->attention) ? KAFKA_HELD_RETRY_MS * MS : KAFKA_DUTIES_MS * MS;
    if (now - w->duties_ns < due_ns)
        return false;
    w->duties_ns = now;
    return true;
}

static void tick(struct kafka_worker *w)
{
    handler_of(w)->tick(context_of(w), w->index, clock_wall_ns());
}

/* ---- errors of a partition ---- */

enum lane_error_kind {
    LANE_ERROR_PASSES, /* librdkafka tries on, nothing is left out */
    LANE_ERROR_END,
    LANE_ERROR_GAP,
    LANE_ERROR_DELETED,
    LANE_ERROR_DAMAGE, /* librdkafka would go on behind it */
    LANE_ERROR_FORBIDDEN
};

static const struct {
    rd_kafka_resp_err_t err;
    enum lane_error_kind kind;
} lane_errors[] = {
    {RD_KAFKA_RESP_ERR__PARTITION_EOF, LANE_ERROR_END},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, LANE_ERROR_GAP},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, LANE_ERROR_GAP},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, LANE_ERROR_DELETED},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, LANE_ERROR_DELETED},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, LANE_ERROR_DELETED},
    {RD_KAFKA_RESP_ERR__BAD_MSG, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR__UNDERFLOW, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, LANE_ERROR_DAMAGE},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, LANE_ERROR_FORBIDDEN},
};

static enum lane_error_kind lane_error_kind(rd_kafka_resp_err_t err)
{
    for (size_t i = 0; i < COUNT_OF(lane_errors); i++)
        if (lane_errors[i].err == err)
            return lane_errors[i].kind;
    return LANE_ERROR_PASSES;
}

static void lane_error(struct kafka_worker *w, struct kafka_lane *lane,
                       const rd_kafka_message_t *message)
{
    const char *text = rd_kafka_message_errstr(message);
    switch (lane_error_kind(message->err)) {
    case LANE_ERROR_END:
        if (lane->closed)
            return;
        lane->eof_offset = message->offset;
        atomic_store(&lane->end, message->offset);
        atomic_store(&lane->at_end, true);
        tell_position(w, lane);
        return;
    case LANE_ERROR_GAP:
        close_lane(w, lane, SOURCE_STOP_GAP, "offset %lld is not in the log of %s/%d (any more)",
                   (long long)lane->next_offset, lane->topic->name, (int)lane->partition);
        kafka_source_rejoin(w->source);
        return;
    case LANE_ERROR_DELETED:
        close_lane(w, lane, SOURCE_STOP_DELETED,
                   "%s/%d does not exist any more; it is read again when it is back",
                   lane->topic->name, (int)lane->partition);
        atomic_store(&lane->deleted, true);
        kafka_watch_kick(w->source);
        return;
    case LANE_ERROR_DAMAGE:
        close_lane(
            w, lane, SOURCE_STOP_FAILED,
            "the log of %s/%d cannot be read at offset %lld (%s); mend it, or begin behind it, "
            "and restart",
            lane->topic->name, (int)lane->partition, (long long)message->offset, text);
        return;
    case LANE_ERROR_FORBIDDEN:
        kafka_trouble_topic(w->source, lane->topic, message->err, 0);
        kafka_watch_kick(w->source);
        return;
    case LANE_ERROR_PASSES:
        return;
    }
}

static void on_error(struct kafka_worker *w, const rd_kafka_message_t *message)
{
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        kafka_source_count_error(w->source, message->err);
        log_event_limited(LOG_WARN, "kafka_error", 10000,
                          "pipeline=%s code=%s partition=%d text=%s", w->source->pipeline,
                          rd_kafka_err2name(message->err), (int)message->partition,
                          log_quote(rd_kafka_message_errstr(message)));
    }
    if (!message->rkt)
        return;
    deliver(w); /* in the order of the log */
    struct kafka_lane *lane = find_lane(w, message->rkt, message->partition);
    if (lane)
        lane_error(w, lane, message);
}

static void on_message(rd_kafka_message_t *message, void *opaque)
{
    struct kafka_worker *w = opaque;
    if (unlikely(!w->in_round))
        begin_round(w);
    if (unlikely(message->err)) {
        on_error(w, message);
        return;
    }
    if (unlikely(message->rkt != w->last_topic || message->partition != w->last_partition))
        change_lane(w, message);
    struct kafka_lane *lane = w->lane;
    if (unlikely(!lane || lane->held || lane->closed)) {
        drop(w, lane);
        return;
    }

    rd_kafka_timestamp_type_t type;
    struct weir_record record = {
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .key = {message->key, (uint32_t)message->key_len, 0},
        .value = {message->payload, (uint32_t)message->len, 0},
        .headers = headers_of(w, message),
    };
    if (unlikely(add_record(w, &record))) {
        deliver(w);
        close_lane(w, lane, SOURCE_STOP_FAILED,
                   "the record at offset %lld (%zu bytes) does not fit into a batch's memory",
                   (long long)message->offset, message->len);
        return;
    }
    if (batch_full(w->batch)) {
        deliver(w);
        give_way(w);
        if (duties_are_due(w)) {
            do_duties(w);
            tick(w);
        }
    }
}

/* ---- the thread ---- */

/* The end of a round, and what is due without one. Under the worker's lock. */
static void end_round(struct kafka_worker *w)
{
    deliver(w);
    if (duties_are_due(w))
        do_duties(w);
    tick(w);
    w->rounds++;
    w->in_round = false;
}

static void *worker_main(void *argument)
{
    struct kafka_worker *w = argument;
    while (!atomic_load(&w->leave)) {
        int wait_ms = atomic_load(&w->attention) ? KAFKA_HELD_RETRY_MS : KAFKA_DUTIES_MS;
        rd_kafka_consume_callback_queue(w->queue, wait_ms, on_message, w);
        if (!w->in_round)
            lock_for_turn(w);
        end_round(w);
        pthread_cond_broadcast(&w->turn);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

int kafka_worker_start(struct kafka_worker *w, struct weir_error *error)
{
    int r = pthread_create(&w->thread, NULL, worker_main, w);
    if (r)
        return error_set(error, WEIR_E_IO, "no thread for Kafka worker %d: %s", (int)w->index,
                         strerror(r));
    w->running = true;
    char name[16];
    snprintf(name, sizeof name, "worker %d", (int)w->index);
    pthread_setname_np(w->thread, name);
    return 0;
}

void kafka_worker_join(struct kafka_worker *w)
{
    if (!w->running)
        return;
    atomic_store(&w->leave, true);
    rd_kafka_queue_yield(w->queue);
    pthread_join(w->thread, NULL);
    w->running = false;
}

/* ---- the control thread's turn ---- */

void kafka_workers_hold(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->worker_count; i++)
        atomic_store(&source->workers[i].hold, true);
    for (uint32_t i = 0; i < source->worker_count; i++)
        pthread_mutex_lock(&source->workers[i].lock);
}

void kafka_workers_release(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->worker_count; i++) {
        struct kafka_worker *w = &source->workers[i];
        /* Lanes have come or gone: nothing that was looked up before holds. */
        w->last_topic = NULL;
        w->last_partition = KAFKA_UNKNOWN;
        w->lane = NULL;
        memset(w->topic_pointers, 0, source->topic_count * sizeof *w->topic_pointers);
        atomic_store(&w->attention, true);
        atomic_store(&w->hold, false);
        pthread_cond_broadcast(&w->turn);
        pthread_mutex_unlock(&w->lock);
    }
}

/* Wakes the worker and waits for the end of a round, or a moment. Under its lock. */
static void wait_round(struct kafka_worker *w)
{
    rd_kafka_queue_yield(w->queue);
    struct timespec soon;
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_nsec += 2 * MS;
    if (soon.tv_nsec >= NS_PER_SECOND) {
        soon.tv_nsec -= NS_PER_SECOND;
        soon.tv_sec++;
    }
    pthread_cond_timedwait(&w->turn, &w->lock, &soon);
}

static void flush(struct kafka_worker *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    /* The round that is under way may have begun before; the next one has not. */
    uint64_t until = w->rounds + 2;
    while (w->rounds < until)
        wait_round(w);
    pthread_mutex_unlock(&w->lock);
}

void kafka_workers_flush(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->worker_count; i++)
        flush(&source->workers[i]);
}

void kafka_workers_attend(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->worker_count; i++)
        atomic_store(&source->workers[i].attention, true);
    for (uint32_t i = 0; i < source->worker_count; i++) {
        struct kafka_worker *w = &source->workers[i];
        if (!w->running)
            continue;
        pthread_mutex_lock(&w->lock);
        uint64_t until = w->duties_done + 1;
        while (w->duties_done < until && !atomic_load(&w->leave)) {
            atomic_store(&w->attention, true);
            wait_round(w);
        }
        pthread_mutex_unlock(&w->lock);
    }
}
