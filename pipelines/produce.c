/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/produce.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/value.h"
#include "pipelines/command.h"

#define BROKER_DEFAULT_PARTITIONS (-1)
#define FLUSH_TIMEOUT_MS          60000
#define PROGRESS_AFTER_NS         (2 * NS_PER_SECOND)
#define PROGRESS_EVERY_NS         (NS_PER_SECOND / 5)
#define PACE_STEP_NS              (NS_PER_SECOND / 1000)

struct producing {
    const struct produce_options *options;
    struct produce_rows *rows;
    struct kafka_producer *producer;
    struct batch *batch;
    struct weir_str values[WEIR_BATCH_ROWS_MAX];
    struct weir_str keys[WEIR_BATCH_ROWS_MAX];
    uint64_t sent;
    uint64_t refused;
    int64_t file_bytes, read_bytes;
    int64_t began_ns, shown_ns;
    struct weir_error error;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void finish(struct producing *p)
{
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static int on_assigned(void *context, const struct source_assignment *a, void **ret_lane,
                       int64_t *ret_next_offset, struct weir_error *error)
{
    (void)error;
    *ret_lane = context;
    *ret_next_offset = a->low;
    return 0;
}

static struct batch *on_batch(void *context, int32_t worker)
{
    (void)worker;
    struct producing *p = context;
    return p->batch;
}

static void show_progress(struct producing *p, bool last)
{
    int64_t now = clock_mono_ns();
    if (!p->options->progress || now - p->began_ns < PROGRESS_AFTER_NS ||
        (!last && now - p->shown_ns < PROGRESS_EVERY_NS))
        return;
    p->shown_ns = now;
    double seconds = (double)(now - p->began_ns) / 1e9;
    double done = p->file_bytes ? (double)p->read_bytes / (double)p->file_bytes : 1;
    fprintf(stderr, "\r%llu records, %.0f/s, ETA %.0f s   %s", (unsigned long long)p->sent,
            (double)p->sent / seconds, done > 0 ? seconds / done - seconds : 0, last ? "\n" : "");
}

/* Waits until record number `sent` may leave at the asked rate. */
static void pace(const struct producing *p)
{
    if (!p->options->rate)
        return;
    int64_t due =
        p->began_ns + (int64_t)((double)p->sent * (double)NS_PER_SECOND / (double)p->options->rate);
    for (int64_t wait; (wait = due - clock_mono_ns()) > 0;) {
        struct timespec step = {0, wait < PACE_STEP_NS ? wait : PACE_STEP_NS};
        nanosleep(&step, NULL);
    }
}

static int on_deliver(void *context, void *lane, struct batch *batch)
{
    struct producing *p = lane;
    (void)context;
    int r = produce_rows_convert(p->rows, batch, p->values, p->keys, &p->error);
    if (!r && batch->reject_count && !p->refused) {
        const struct batch_reject *reject = batch->rejects;
        error_set(&p->error, WEIR_E_INVALID, "%s at byte %lld: %s", p->options->path,
                  (long long)batch->records[reject->row].offset, reject->text);
    }
    p->refused += batch->reject_count;
    for (uint32_t i = 0; !r && i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        pace(p);
        r = kafka_producer_send(p->producer, p->options->topic, -1, p->keys[row], p->values[row],
                                -1, &p->error);
        p->sent += !r;
    }
    if (batch->view.rows)
        p->read_bytes = batch->records[batch->view.rows - 1].offset;
    show_progress(p, false);
    if (r)
        finish(p);
    return r;
}

static void on_lane(void *context, void *lane, bool lost)
{
    (void)context;
    (void)lane;
    (void)lost;
}

static void on_rebalanced(void *context, uint32_t count)
{
    (void)context;
    (void)count;
}

static void on_batch_done(void *context, struct batch *batch)
{
    (void)context;
    (void)batch;
}

static void on_position(void *context, void *lane, int64_t next_offset)
{
    (void)context;
    (void)lane;
    (void)next_offset;
}

static void on_end(void *context, void *lane, int64_t low, int64_t end)
{
    (void)context;
    (void)lane;
    (void)low;
    (void)end;
}

static void on_stopped(void *context, void *lane, enum source_stop why, const char *reason)
{
    struct producing *p = context;
    (void)lane;
    (void)why;
    if (!p->error.status)
        error_set(&p->error, WEIR_E_IO, "%s", reason);
    finish(p);
}

static void on_tick(void *context, int32_t worker, int64_t now_ns)
{
    (void)context;
    (void)worker;
    (void)now_ns;
}

static void on_unavailable(void *context, const char *reason)
{
    if (reason)
        on_stopped(context, NULL, SOURCE_STOP_FAILED, reason);
}

static void on_finished(void *context)
{
    finish(context);
}

static void on_topic(void *context, const char *topic, int32_t partition_count)
{
    (void)context;
    (void)topic;
    (void)partition_count;
}

static const struct source_handler handler = {
    .assigned = on_assigned,
    .revoked = on_lane,
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

static int replay(struct producing *p)
{
    struct file_options file = {
        .path = p->options->path,
        .csv = p->options->csv && !p->options->raw,
        .csv_header = true,
    };
    struct source *source;
    int r = file_source_new(&file, &handler, p, &source, &p->error);
    if (r)
        return r;
    r = source->ops->start(source, &p->error);
    pthread_mutex_lock(&p->lock);
    while (!r && !p->done)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    source->ops->stop(source);
    source->ops->free(source);
    return r;
}

/* A topic that is not there is made, with as many partitions as the broker makes by default. Not
 * being allowed to make topics is no failure yet: sending tells whether this one is there. */
static int ensure_topic(struct producing *p)
{
    const struct produce_options *o = p->options;
    int r = kafka_topic_ensure(o->brokers, o->properties, o->property_count, o->topic,
                               BROKER_DEFAULT_PARTITIONS, &p->error);
    if (r != WEIR_E_UNAVAILABLE)
        p->error = (struct weir_error){0};
    return r;
}

int produce_file(const struct produce_options *options, uint64_t *ret_records,
                 struct weir_error *error)
{
    struct producing *p = mem_alloc(sizeof *p);
    p->options = options;
    p->began_ns = clock_mono_ns();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    struct stat st;
    if (!stat(options->path, &st))
        p->file_bytes = st.st_size;

    int code = EXIT_DONE;
    if (produce_rows_new(options, &p->rows, &p->error)) {
        code = EXIT_USAGE;
    } else if (ensure_topic(p) == WEIR_E_UNAVAILABLE) {
        code = EXIT_UNREACHABLE;
    } else if (kafka_producer_new(options->brokers, options->properties, options->property_count,
                                  &p->producer, &p->error)) {
        code = p->error.status == WEIR_E_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_USAGE;
    } else {
        p->batch = batch_new(produce_rows_columns(p->rows));
        int r = replay(p);
        struct weir_error flush = {0};
        uint64_t delivered = 0;
        if (kafka_producer_flush(p->producer, FLUSH_TIMEOUT_MS, &delivered, &flush)) {
            p->error = flush;
            code = EXIT_UNREACHABLE;
        } else if (r || p->error.status) {
            code = EXIT_FAILED;
        }
        show_progress(p, true);
        *ret_records = delivered;
    }
    *error = p->error;
    produce_rows_free(p->rows);
    kafka_producer_free(p->producer);
    batch_free(p->batch);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return code;
}
