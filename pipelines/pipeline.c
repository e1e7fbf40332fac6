/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/pipeline.h"

#include <sys/random.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "pipelines/pipeline_private.h"

#define INSTANCE_ID_BYTES_MAX 64

/* The static member's name: random, made once, kept with the data, so that a restart gets its
 * partitions back at once and two nodes never share one. */
static int instance_id(const char *folder, char **ret_id, struct weir_error *error)
{
    char *path = mem_printf("%s/instance-id", folder);
    struct text text = TEXT_INIT;
    struct stat st;
    int r = 0;
    if (stat(path, &st) == 0) {
        r = file_read(path, INSTANCE_ID_BYTES_MAX, &text, error);
    } else {
        unsigned char random[8];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            r = error_set_errno(error, WEIR_E_IO, "getrandom");
        text_add(&text, "weir-");
        for (size_t i = 0; i < sizeof random; i++)
            text_addf(&text, "%02x", random[i]);
        if (!r)
            r = file_write_atomic(path, text.data, text.length, 0600, error);
    }
    while (!r && text.length && text.data[text.length - 1] == '\n')
        text.data[--text.length] = 0;
    if (!r && !text.length)
        r = error_set(error, WEIR_E_CORRUPT, "%s is empty; remove it", path);
    if (!r)
        *ret_id = text_take(&text);
    text_done(&text);
    free(path);
    return r;
}

static void open_metrics(struct pipeline *p)
{
    const char *labels[] = {p->plan->name, NULL, NULL};
    p->assigned = metric_new(M_KAFKA_ASSIGNED, labels);
    p->gaps = metric_new(M_KAFKA_GAPS, labels);
    p->gap_records = metric_new(M_KAFKA_GAP_RECORDS, labels);
    p->shared.event_to_visible = metric_new(M_EVENT_TO_VISIBLE, labels);
    p->shared.batch_rows = metric_new(M_BATCH_ROWS, labels);
    labels[1] = "on_gap";
    p->resets = metric_new(M_KAFKA_RESETS, labels);
    for (uint32_t r = 0; p->shared.rejects && r < WEIR_REASON_COUNT; r++) {
        labels[1] = reason_label((enum weir_reason)r);
        p->shared.dead_letters[r] = metric_new(M_DEAD_LETTERS, labels);
    }
}

static void close_metrics(struct pipeline *p)
{
    metric_free(p->assigned);
    metric_free(p->gaps);
    metric_free(p->gap_records);
    metric_free(p->resets);
    metric_free(p->shared.event_to_visible);
    metric_free(p->shared.batch_rows);
    for (uint32_t r = 0; r < WEIR_REASON_COUNT; r++)
        metric_free(p->shared.dead_letters[r]);
}

static int worker_open(struct pipeline *p, struct pipeline_worker *w, struct weir_error *error)
{
    const struct pipeline_plan *plan = p->plan;
    uint32_t stages = chain_stage_count(plan->chain);
    w->tools.stage_counts = mem_array(stages + 1, sizeof *w->tools.stage_counts);
    w->exported = mem_array(stages + 1, sizeof *w->exported);
    w->stage_series = mem_array((size_t)(stages + 1) * 4, sizeof *w->stage_series);
    for (uint32_t i = 0; i < stages; i++) {
        const char *labels[] = {plan->name, chain_stage_label(plan->chain, i), NULL};
        struct metric_series **series = w->stage_series + (size_t)i * 4;
        series[0] = metric_new(M_STAGE_IN, labels);
        series[1] = metric_new(M_STAGE_OUT, labels);
        series[2] = metric_new(M_STAGE_FILTERED, labels);
        series[3] = metric_new(M_STAGE_DURATION, labels);
    }
    return decoder_new(&p->decode, plan->fields, plan->field_count, &w->tools.decoder, error);
}

/* A CSV file names its columns itself, unless the pipeline does. */
static int read_csv_header(struct pipeline *p, struct weir_error *error)
{
    const struct pipeline_plan *plan = p->plan;
    p->decode = plan->decode;
    if (plan->source != SOURCE_FILE || !plan->file.csv || !plan->file.csv_header ||
        plan->decode.csv_columns)
        return 0;
    int r = file_csv_header(plan->file.path, plan->decode.csv_delimiter, &p->csv_header,
                            &p->csv_header_count, error);
    p->decode.csv_columns = (const char *const *)p->csv_header;
    p->decode.csv_column_count = p->csv_header_count;
    return r;
}

static void worker_close(struct pipeline *p, struct pipeline_worker *w)
{
    for (uint32_t i = 0; w->stage_series && i < chain_stage_count(p->plan->chain) * 4; i++)
        metric_free(w->stage_series[i]);
    free(w->stage_series);
    free(w->tools.stage_counts);
    free(w->exported);
    decoder_free(w->tools.decoder);
    batch_free(w->batch);
}

static int open_source(struct pipeline *p, struct weir_error *error)
{
    const struct pipeline_plan *plan = p->plan;
    if (plan->source == SOURCE_FILE)
        return file_source_new(&plan->file, &pipeline_source_handler, p, &p->source, error);
    struct kafka_options kafka = plan->kafka;
    kafka.client_id = p->client_id = mem_printf("weir-%s", plan->name);
    if (!plan->kafka_dynamic) {
        int r = instance_id(p->folder, &p->instance_id, error);
        if (r)
            return r;
        kafka.group_instance_id = p->instance_id;
    }
    kafka.pipeline = plan->name;
    kafka.workers = p->worker_count;
    kafka.queue_bytes_max = p->options.queue_bytes_max;
    return kafka_source_new(&kafka, &pipeline_source_handler, p, &p->source, error);
}

int pipeline_new(struct pipeline_plan *plan, const struct pipeline_options *options,
                 struct pipeline **ret_pipeline, struct weir_error *error)
{
    struct pipeline *p = mem_alloc(sizeof *p);
    p->plan = plan;
    p->options = *options;
    p->worker_count = plan->source == SOURCE_FILE ? 1 : options->workers;
    p->shared.plan = plan;
    p->shared.budget = options->budget;
    p->folder = mem_printf("%s/%s", options->data_folder, plan->name);
    pthread_mutex_init(&p->lock, NULL);
    pthread_rwlockattr_t attributes; /* a rebalance must not starve behind a stream of queries */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&p->lanes_lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);

    int r = folder_make(p->folder, 0700, error);
    if (!r && plan->on_error == ON_ERROR_DEAD_LETTER) {
        char *letters = mem_printf("%s/dead-letters", p->folder);
        r = reject_log_open(letters, plan->dead_letter_bytes_max, &p->shared.rejects, error);
        free(letters);
    }
    open_metrics(p);
    if (!r)
        r = read_csv_header(p, error);
    p->workers = mem_array((size_t)p->worker_count, sizeof *p->workers);
    for (int32_t i = 0; !r && i < p->worker_count; i++)
        r = worker_open(p, &p->workers[i], error);
    if (!r)
        r = open_source(p, error);
    if (r) {
        p->plan = NULL; /* stays the caller's */
        for (int32_t i = 0; i < p->worker_count; i++) {
            struct pipeline borrowed = {.plan = plan};
            worker_close(&borrowed, &p->workers[i]);
        }
        p->worker_count = 0;
        pipeline_free(p);
        return r;
    }
    *ret_pipeline = p;
    return 0;
}

int pipeline_start(struct pipeline *p, struct weir_error *error)
{
    return p->source->ops->start(p->source, error);
}

void pipeline_stop(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool stopped = p->stopped;
    p->stopped = true;
    pthread_mutex_unlock(&p->lock);
    if (!stopped)
        p->source->ops->stop(p->source);
}

void pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    if (p->source) {
        pipeline_stop(p);
        p->source->ops->free(p->source);
    }
    pipeline_drop_parked(p);
    for (uint32_t i = 0; i < p->lane_count; i++)
        lane_free(p->lanes[i]);
    for (int32_t i = 0; i < p->worker_count; i++)
        worker_close(p, &p->workers[i]);
    for (uint32_t i = 0; i < p->topic_count; i++)
        free((char *)p->topics[i].name);
    close_metrics(p);
    reject_log_close(p->shared.rejects);
    pthread_rwlock_destroy(&p->lanes_lock);
    pthread_mutex_destroy(&p->lock);
    for (uint32_t i = 0; i < p->csv_header_count; i++)
        free(p->csv_header[i]);
    free(p->csv_header);
    free(p->topics);
    free(p->lanes);
    free(p->parked);
    free(p->unread);
    free(p->workers);
    free(p->folder);
    free(p->client_id);
    free(p->instance_id);
    pipeline_plan_free(p->plan);
    free(p);
}

const char *pipeline_name(const struct pipeline *p)
{
    return p->plan->name;
}

static bool owns(const struct pipeline *p, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < p->lane_count; i++)
        if (lane_number(p->lanes[i]) == partition && !strcmp(lane_topic(p->lanes[i]), topic))
            return true;
    return false;
}

/* By topic, then number: answers name partitions in one order whatever the order of assignment. */
static int compare_partitions(const void *a, const void *b)
{
    const struct query_partition *x = a, *y = b;
    int by_topic = strcmp(x->topic, y->topic);
    return by_topic ? by_topic : (x->number > y->number) - (x->number < y->number);
}

void pipeline_acquire(struct pipeline *p, struct service_pipeline *ret_view)
{
    pthread_rwlock_rdlock(&p->lanes_lock);
    uint32_t total = p->lane_count;
    for (uint32_t t = 0; t < p->topic_count; t++)
        total += (uint32_t)p->topics[t].partitions;
    struct query_partition *list = mem_array(total + 1, sizeof *list);
    uint32_t count = 0;
    int64_t now = clock_wall_ns();
    for (uint32_t i = 0; i < p->lane_count; i++) {
        struct lane *lane = p->lanes[i];
        list[count++] = (struct query_partition){
            .partition = lane_image(lane),
            .complete = true,
            .holds_back = !lane_is_idle(lane, now, p->plan->sink.idle_ns),
            .topic = lane_topic(lane),
            .number = lane_number(lane),
        };
    }
    for (uint32_t t = 0; t < p->topic_count; t++)
        for (int32_t n = 0; n < p->topics[t].partitions; n++)
            if (!owns(p, p->topics[t].name, n))
                list[count++] = (struct query_partition){.topic = p->topics[t].name, .number = n};
    qsort(list, count, sizeof *list, compare_partitions);
    *ret_view = (struct service_pipeline){
        .name = p->plan->name,
        .plan = &p->plan->sink,
        .partitions = list,
        .partition_count = count,
        .handle = p,
    };
}

void pipeline_release(struct pipeline *p, struct service_pipeline *view)
{
    pthread_rwlock_unlock(&p->lanes_lock);
    free((void *)view->partitions);
    *view = (struct service_pipeline){0};
}

static int compare_status(const void *a, const void *b)
{
    const struct partition_status *x = a, *y = b;
    int by_topic = strcmp(x->topic, y->topic);
    return by_topic ? by_topic : (x->partition > y->partition) - (x->partition < y->partition);
}

static bool is_stopped(enum partition_state state)
{
    return state == PARTITION_GAP || state == PARTITION_RECREATED || state == PARTITION_FAILED;
}

/* topic pointers must outlive the lanes: they are the plan's or the topics' where those know them.
 */
static const char *lasting_topic(const struct pipeline *p, const char *topic)
{
    for (uint32_t t = 0; t < p->topic_count; t++)
        if (!strcmp(p->topics[t].name, topic))
            return p->topics[t].name;
    for (uint32_t t = 0; t < p->plan->kafka.topic_count; t++)
        if (!strcmp(p->plan->kafka.topics[t], topic))
            return p->plan->kafka.topics[t];
    return topic;
}

void pipeline_status(struct pipeline *p, struct pipeline_status *ret_status)
{
    struct pipeline_status s = {0};
    uint32_t stopped = 0;
    pthread_rwlock_rdlock(&p->lanes_lock);
    s.partitions = mem_array(p->lane_count + 1, sizeof *s.partitions);
    for (uint32_t i = 0; i < p->lane_count; i++) {
        struct partition_status *one = &s.partitions[s.partition_count++];
        lane_status(p->lanes[i], one);
        one->topic = lasting_topic(p, one->topic);
        s.records.consumed += one->records.consumed;
        s.records.applied += one->records.applied;
        s.records.filtered += one->records.filtered;
        s.records.rejected += one->records.rejected;
        s.records.skipped += one->records.skipped;
        s.records.pending += one->records.pending;
        s.lag_records =
            one->lag_records < 0 || s.lag_records < 0 ? -1 : s.lag_records + one->lag_records;
        if (is_stopped(one->state) && !stopped++)
            snprintf(s.reason, sizeof s.reason, "%.60s/%d: %.180s", one->topic, (int)one->partition,
                     one->reason);
    }
    pthread_rwlock_unlock(&p->lanes_lock);
    qsort(s.partitions, s.partition_count, sizeof *s.partitions, compare_status);

    pthread_mutex_lock(&p->lock);
    if (p->stopped)
        s.state = PIPELINE_STOPPED;
    else if (stopped)
        s.state = PIPELINE_DEGRADED;
    else if (p->finished)
        s.state = PIPELINE_FINISHED;
    else if (!p->assigned_once)
        s.state = PIPELINE_STARTING;
    else if (p->paused)
        s.state = PIPELINE_PAUSED;
    else
        s.state = PIPELINE_RUNNING;
    if (!s.reason[0])
        snprintf(s.reason, sizeof s.reason, "%s", p->reason);
    pthread_mutex_unlock(&p->lock);
    *ret_status = s;
}

void pipeline_pause(struct pipeline *p, bool paused)
{
    pthread_mutex_lock(&p->lock);
    p->paused = paused;
    pthread_mutex_unlock(&p->lock);
    p->source->ops->pause(p->source, paused);
    pthread_rwlock_rdlock(&p->lanes_lock);
    for (uint32_t i = 0; i < p->lane_count; i++)
        lane_request_pause(p->lanes[i], paused);
    pthread_rwlock_unlock(&p->lanes_lock);
}

bool pipeline_ready(struct pipeline *p, struct text *reasons)
{
    bool ready = true;
    pthread_mutex_lock(&p->lock);
    if (!p->assigned_once) {
        ready = false;
        text_addf(reasons, "%s: %s\n", p->plan->name,
                  p->reason[0] ? p->reason : "waits for its first assignment");
    }
    pthread_mutex_unlock(&p->lock);

    pthread_rwlock_rdlock(&p->lanes_lock);
    for (uint32_t i = 0; i < p->lane_count; i++) {
        struct partition_status one;
        lane_status(p->lanes[i], &one);
        if (lane_caught_up(p->lanes[i]) && !is_stopped(one.state))
            continue;
        ready = false;
        text_addf(reasons, "%s/%d: %s", one.topic, (int)one.partition,
                  partition_state_name(one.state));
        if (one.reason[0])
            text_addf(reasons, ": %s", one.reason);
        else if (one.lag_records > 0)
            text_addf(reasons, ", %lld records behind", (long long)one.lag_records);
        text_add_char(reasons, '\n');
    }
    pthread_rwlock_unlock(&p->lanes_lock);
    return ready;
}

bool pipeline_at_end(struct pipeline *p, bool *ret_failed)
{
    pthread_mutex_lock(&p->lock);
    bool end = p->plan->source == SOURCE_FILE ? p->finished : p->assigned_once;
    pthread_mutex_unlock(&p->lock);
    bool failed = false;
    pthread_rwlock_rdlock(&p->lanes_lock);
    for (uint32_t i = 0; i < p->lane_count; i++) {
        struct partition_status one;
        lane_status(p->lanes[i], &one);
        if (is_stopped(one.state))
            failed = true;
        else if (p->plan->source == SOURCE_KAFKA && !lane_caught_up(p->lanes[i]))
            end = false;
    }
    pthread_rwlock_unlock(&p->lanes_lock);
    *ret_failed = failed;
    return end || (failed && p->plan->source == SOURCE_FILE);
}
