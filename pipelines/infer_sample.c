/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/infer_sample.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "ingest/file_reader.h"
#include "ingest/kafka.h"

#define SAMPLE_QUEUE_BYTES_MAX ((uint64_t)32 << 20)

int infer_sample_file(struct infer *infer, const char *path, bool csv, char delimiter,
                      uint64_t records_max, struct weir_error *error)
{
    struct file_reader *reader;
    int status = file_reader_open(path, csv, delimiter, &reader, error);
    if (status < 0)
        return status;
    struct weir_str value;
    int64_t offset;
    uint64_t records = 0;
    bool header = csv;
    while (records < records_max) {
        status = file_reader_next(reader, true, &value, &offset, error);
        if (status != FILE_RECORD)
            break;
        if (!header) {
            infer_add(infer, value);
            records++;
        }
        header = false;
    }
    file_reader_free(reader);
    return status < 0 ? status : 0;
}

/* A topic: one worker fills one batch; the control thread and it meet under the lock. */
struct sample {
    struct infer *infer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct batch *batch;
    uint64_t records;
    uint64_t records_max;
    uint32_t partition_count; /* 0: not yet assigned */
    uint32_t partitions_done;
    struct weir_error trouble; /* the last one; status 0: none */
    int64_t trouble_ns;        /* when it began */
};

struct sample_lane {
    struct sample *sample;
    int64_t end;
    uint64_t taken;
    bool done;
};

static void lane_done(struct sample_lane *lane)
{
    if (!lane->done)
        lane->sample->partitions_done++;
    lane->done = true;
    pthread_cond_signal(&lane->sample->changed);
}

static int on_assigned(void *context, const struct source_assignment *a, void **ret_lane,
                       int64_t *ret_next_offset, struct weir_error *error)
{
    (void)error;
    struct sample *s = context;
    struct sample_lane *lane = mem_alloc(sizeof *lane);
    int64_t most = (int64_t)s->records_max;
    lane->sample = s;
    lane->end = a->high;
    *ret_lane = lane;
    *ret_next_offset = a->high - a->low > most ? a->high - most : a->low;
    pthread_mutex_lock(&s->lock);
    if (a->high <= a->low)
        lane_done(lane);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static void on_revoked(void *context, void *lane, bool lost)
{
    (void)context;
    (void)lost;
    free(lane);
}

static void on_rebalanced(void *context, uint32_t partition_count)
{
    struct sample *s = context;
    pthread_mutex_lock(&s->lock);
    s->partition_count = partition_count;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static struct batch *on_batch(void *context, int32_t worker)
{
    (void)worker;
    return ((struct sample *)context)->batch;
}

static void on_batch_done(void *context, struct batch *batch)
{
    (void)context;
    (void)batch;
}

static int on_deliver(void *context, void *lane_pointer, struct batch *batch)
{
    struct sample *s = context;
    struct sample_lane *lane = lane_pointer;
    pthread_mutex_lock(&s->lock);
    uint64_t share =
        s->partition_count ? (s->records_max - 1) / s->partition_count + 1 : s->records_max;
    for (uint32_t i = 0; i < batch->view.selected && lane->taken < share; i++) {
        if (s->records == s->records_max)
            break;
        infer_add(s->infer, batch->records[batch->selection[i]].value);
        s->records++;
        lane->taken++;
    }
    bool last = batch->view.rows && batch->records[batch->view.rows - 1].offset + 1 >= lane->end;
    if (lane->taken >= share || s->records == s->records_max || last)
        lane_done(lane);
    pthread_mutex_unlock(&s->lock);
    return SOURCE_ACCEPTED;
}

static void on_position(void *context, void *lane_pointer, int64_t next_offset)
{
    struct sample *s = context;
    struct sample_lane *lane = lane_pointer;
    pthread_mutex_lock(&s->lock);
    if (next_offset >= lane->end)
        lane_done(lane);
    pthread_mutex_unlock(&s->lock);
}

static void on_end(void *context, void *lane, int64_t low, int64_t end_offset)
{
    (void)context;
    (void)lane;
    (void)low;
    (void)end_offset;
}

static void on_stopped(void *context, void *lane, enum source_stop why, const char *reason)
{
    (void)why;
    struct sample *s = context;
    pthread_mutex_lock(&s->lock);
    error_set(&s->trouble, WEIR_E_IO, "%s", reason);
    lane_done(lane);
    pthread_mutex_unlock(&s->lock);
}

static void on_tick(void *context, int32_t worker, int64_t now_ns)
{
    (void)context;
    (void)worker;
    (void)now_ns;
}

static void on_unavailable(void *context, const char *reason)
{
    struct sample *s = context;
    pthread_mutex_lock(&s->lock);
    if (reason && !s->trouble.status)
        s->trouble_ns = clock_mono_ns();
    s->trouble.status = 0;
    if (reason)
        error_set(&s->trouble, WEIR_E_UNAVAILABLE, "%s", reason);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_finished(void *context)
{
    (void)context;
}

static void on_topic(void *context, const char *topic, int32_t partition_count)
{
    (void)context;
    (void)topic;
    (void)partition_count;
}

static const struct source_handler handler = {
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

static bool enough(const struct sample *s)
{
    return s->partition_count &&
           (s->records == s->records_max || s->partitions_done >= s->partition_count);
}

/* When to give up: sooner where the trouble is known and does not go away. */
static int64_t deadline_ns(const struct sample *s, int64_t began_ns)
{
    int64_t latest = began_ns + SAMPLE_WAIT_MS * 1000000LL;
    int64_t troubled = s->trouble_ns + SAMPLE_TROUBLE_MS * 1000000LL;
    return s->trouble.status && troubled < latest ? troubled : latest;
}

static int wait_for_records(struct sample *s, struct weir_error *error)
{
    int64_t began_ns = clock_mono_ns();
    pthread_mutex_lock(&s->lock);
    while (!enough(s) && clock_mono_ns() < deadline_ns(s, began_ns)) {
        struct timespec until;
        int64_t left_ns = deadline_ns(s, began_ns) - clock_mono_ns();
        clock_gettime(CLOCK_REALTIME, &until);
        left_ns = until.tv_nsec + (left_ns > 0 ? left_ns : 0);
        until.tv_sec += left_ns / 1000000000;
        until.tv_nsec = left_ns % 1000000000;
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
    }
    int status = 0;
    if (!s->records && s->trouble.status)
        status = error_set(error, WEIR_E_UNAVAILABLE, "%s", s->trouble.text);
    else if (!s->records && !enough(s))
        status = error_set(error, WEIR_E_UNAVAILABLE,
                           "no record came within %d s; is the topic there, and the broker up?",
                           SAMPLE_WAIT_MS / 1000);
    pthread_mutex_unlock(&s->lock);
    return status;
}

int infer_sample_topic(struct infer *infer, const char *brokers, const char *topic,
                       uint64_t records_max, struct weir_error *error)
{
    char group[48];
    snprintf(group, sizeof group, "weir-infer-%016llx", (unsigned long long)hash_random_seed());
    const struct kafka_options options = {
        .brokers = brokers,
        .topics = &topic,
        .topic_count = 1,
        .group = group,
        .client_id = "weir-infer",
        .workers = 1,
        .queue_bytes_max = SAMPLE_QUEUE_BYTES_MAX,
    };
    struct sample s = {.infer = infer, .records_max = records_max};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.changed, NULL);
    s.batch = batch_new(1);
    struct source *source = NULL;
    int status = kafka_source_new(&options, &handler, &s, &source, error);
    if (status == 0)
        status = source->ops->start(source, error);
    if (status == 0)
        status = wait_for_records(&s, error);
    if (source) {
        source->ops->stop(source);
        source->ops->free(source);
    }
    batch_free(s.batch);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    return status;
}
