/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/lane.h"

#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/value.h"
#include "pipelines/lane_metrics.h"
#include "pipelines/meta.h"

#define LANE_TICK_NS NS_PER_SECOND

struct lane {
    const struct lane_shared *shared;
    char *topic;
    int32_t number;
    int32_t worker;
    struct partition *image;
    struct chain_run *run;

    /* The worker's own. */
    int64_t next_offset;
    int64_t ticked_ns;
    struct batch *held;   /* decoded and through the stages, waits for room */
    bool letters_written; /* of the batch in hand */
    struct lane_metrics metrics;

    pthread_mutex_t lock; /* guards what follows */
    struct partition_status status;
    int64_t start_end_offset;  /* the end found at assignment */
    int64_t last_timestamp_ms; /* Kafka's, of the last record applied */
    bool caught_up;
    char full[256]; /* why it is paused: the image or the disk has no room; "": it is not */
    bool pause_requested;
};

int lane_new(const struct lane_shared *shared, const char *topic, int32_t partition,
             struct lane **ret_lane, struct weir_error *error)
{
    struct lane *lane = mem_alloc(sizeof *lane);
    lane->shared = shared;
    lane->topic = mem_strdup(topic);
    lane->number = partition;
    pthread_mutex_init(&lane->lock, NULL);
    lane_metrics_init(&lane->metrics, &shared->plan->sink, lane->topic, partition);
    lane->status = (struct partition_status){
        .topic = lane->topic,
        .partition = partition,
        .state = PARTITION_RESTORING,
        .end_offset = -1,
        .lag_records = -1,
        .lag_ns = -1,
        .watermark_ns = INT64_MIN,
        .snapshot_offset = -1,
    };
    int r = partition_new(&shared->plan->sink, lane->topic, partition, shared->budget, &lane->image,
                          error);
    if (!r)
        r = chain_run_new(shared->plan->chain, &lane->run, error);
    if (r) {
        lane_free(lane);
        return r;
    }
    *ret_lane = lane;
    return 0;
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    chain_run_free(lane->run);
    partition_free(lane->image);
    lane_metrics_done(&lane->metrics);
    pthread_mutex_destroy(&lane->lock);
    free(lane->topic);
    free(lane);
}

static bool state_is_stopped(enum partition_state state)
{
    return state == PARTITION_GAP || state == PARTITION_RECREATED || state == PARTITION_FAILED;
}

/* The state that follows from the facts, unless the lane has stopped. Under the lock. */
static void derive_state(struct lane *lane)
{
    struct partition_status *s = &lane->status;
    if (s->next_offset >= lane->start_end_offset)
        lane->caught_up = true;
    if (state_is_stopped(s->state))
        return;
    enum partition_state state = lane->full[0] || lane->pause_requested ? PARTITION_PAUSED
                                 : lane->caught_up                      ? PARTITION_RUNNING
                                                                        : PARTITION_CATCHING_UP;
    if (lane->full[0])
        snprintf(s->reason, sizeof s->reason, "%s", lane->full);
    else if (lane->pause_requested)
        snprintf(s->reason, sizeof s->reason, "paused by request");
    else
        s->reason[0] = 0;
    if (s->state != state) {
        s->state = state;
        lane_metrics_state(&lane->metrics, state);
    }
}

void lane_begin(struct lane *lane, int32_t worker, int64_t next_offset, int64_t end_offset)
{
    lane->worker = worker;
    lane->held = NULL;
    lane->next_offset = next_offset;
    partition_advance(lane->image, next_offset);
    pthread_mutex_lock(&lane->lock);
    lane->status.state = PARTITION_RESTORING; /* what stopped it before is decided anew */
    lane->status.next_offset = next_offset;
    lane->status.end_offset = end_offset;
    lane->start_end_offset = end_offset;
    lane->full[0] = 0;
    lane->status.records.consumed -= lane->status.records.pending; /* held ones come again */
    lane->status.records.pending = 0;
    derive_state(lane);
    pthread_mutex_unlock(&lane->lock);
}

/* Takes rows from `first` on out of selection and tombstones. */
static void cut_rows(struct batch *batch, uint32_t first)
{
    struct weir_batch *view = &batch->view;
    while (view->selected && batch->selection[view->selected - 1] >= first)
        view->selected--;
    while (batch->tombstone_count && batch->tombstones[batch->tombstone_count - 1] >= first)
        batch->tombstone_count--;
}

/* The guard of exactly-once: rows below the next offset have been applied already. Returns how many
 * rows at the front are dropped. */
static uint32_t drop_redelivered(struct lane *lane, struct batch *batch)
{
    struct weir_batch *view = &batch->view;
    uint32_t drop = 0;
    while (drop < view->rows && batch->records[drop].offset < lane->next_offset)
        drop++;
    if (!drop)
        return 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < view->selected; i++)
        if (batch->selection[i] >= drop)
            batch->selection[kept++] = batch->selection[i];
    view->selected = kept;
    kept = 0;
    for (uint32_t i = 0; i < batch->tombstone_count; i++)
        if (batch->tombstones[i] >= drop)
            batch->tombstones[kept++] = batch->tombstones[i];
    batch->tombstone_count = kept;
    return drop;
}

/* Decoding and stages: from bytes to the columns that the sink reads. */
static int transform(struct lane *lane, const struct lane_tools *tools, struct batch *batch,
                     struct weir_error *error)
{
    batch->stage = "decode";
    int r = meta_fill(lane->shared->plan, batch, error);
    if (r)
        return r;
    batch_narrow(batch);
    r = decoder_run(tools->decoder, batch, error);
    if (r)
        return r;
    batch_narrow(batch);
    r = partition_observe(lane->image, batch);
    if (r)
        return error_set(error, r, "a batch's memory is used up");
    return chain_run_batch(lane->run, batch, tools->stage_counts, error);
}

static int fail(struct lane *lane, const struct weir_error *error)
{
    log_event(LOG_ERROR, "partition_failed", "pipeline=%s topic=%s partition=%d reason=%s",
              lane->shared->plan->name, lane->topic, (int)lane->number, log_quote(error->text));
    lane_stop(lane, PARTITION_FAILED, error->text);
    return error->status;
}

/* The first rejected row under on_error: stop; `rows` where there is none. */
static uint32_t first_rejected(const struct batch *batch)
{
    uint32_t first = batch->view.rows;
    for (uint32_t i = 0; i < batch->reject_count; i++)
        if (batch->rejects[i].row < first)
            first = batch->rejects[i].row;
    return first;
}

static void count_rejects(struct lane *lane, const struct batch *batch, uint32_t from)
{
    for (uint32_t i = from; i < batch->reject_count; i++) {
        lane_metrics_rejected(&lane->metrics, (enum weir_reason)batch->rejects[i].reason);
        if (lane->shared->rejects)
            metric_add(lane->shared->dead_letters[batch->rejects[i].reason], 1);
    }
}

struct outcome {
    uint32_t consumed, rejected;
    struct partition_counts counts;
    int64_t next_offset;
};

/* What the batch did, for status and metrics, in one step. */
static void publish(struct lane *lane, const struct batch *batch, const struct outcome *outcome)
{
    uint32_t decided = outcome->counts.applied + outcome->counts.skipped + outcome->rejected;
    CHECK(decided <= outcome->consumed);
    uint32_t filtered = outcome->consumed - decided;
    int64_t now = clock_wall_ns();
    const struct weir_record *last =
        batch->view.rows ? &batch->records[batch->view.rows - 1] : NULL;

    pthread_mutex_lock(&lane->lock);
    struct partition_status *s = &lane->status;
    s->records.consumed += outcome->consumed - s->records.pending;
    s->records.pending = 0;
    s->records.applied += outcome->counts.applied;
    s->records.skipped += outcome->counts.skipped;
    s->records.rejected += outcome->rejected;
    s->records.filtered += filtered;
    s->next_offset = outcome->next_offset;
    s->last_progress_ns = now;
    if (last)
        lane->last_timestamp_ms = last->timestamp_ms;
    lane->full[0] = 0;
    derive_state(lane);
    pthread_mutex_unlock(&lane->lock);

    struct lane_metrics *m = &lane->metrics;
    metric_add(m->consumed, outcome->consumed);
    metric_add(m->bytes, (int64_t)batch->payload_bytes);
    metric_add(m->applied, outcome->counts.applied);
    metric_add(m->skipped, outcome->counts.skipped);
    metric_add(m->filtered, filtered);
    metric_set(m->pending, 0);
    metric_set(m->applied_offset, outcome->next_offset);
    metric_observe(lane->shared->batch_rows, outcome->consumed);
    if (last && last->timestamp_ms >= 0)
        metric_observe(lane->shared->event_to_visible, now - last->timestamp_ms * 1000000);
}

/* The batch stays with the source, which brings it again; reason says what there is no room for. */
static int hold(struct lane *lane, struct batch *batch, uint32_t rows, const char *reason)
{
    pthread_mutex_lock(&lane->lock);
    if (lane->held != batch) {
        lane->status.records.consumed += rows;
        lane->status.records.pending = rows;
        metric_set(lane->metrics.pending, rows);
    }
    bool first = !lane->full[0];
    snprintf(lane->full, sizeof lane->full, "%s", reason);
    derive_state(lane);
    pthread_mutex_unlock(&lane->lock);
    lane->held = batch;
    if (first)
        log_event_limited(LOG_WARN, "no_room", 10000, "pipeline=%s topic=%s partition=%d reason=%s",
                          lane->shared->plan->name, lane->topic, (int)lane->number,
                          log_quote(reason));
    return SOURCE_HELD;
}

/* The letters of rejects [from, ..) are written, or the lane fails: nothing is lost silently. */
static int write_letters(struct lane *lane, struct batch *batch, uint32_t from,
                         struct weir_error *error)
{
    if (!lane->shared->rejects || from >= batch->reject_count)
        return 0;
    struct batch_reject *all = batch->rejects;
    uint32_t count = batch->reject_count;
    batch->rejects = all + from;
    batch->reject_count = count - from;
    int r = reject_log_add(lane->shared->rejects, batch, error);
    batch->rejects = all;
    batch->reject_count = count;
    return r;
}

/* Under on_error: stop: names the record at which the partition now stands. */
static int stop_at(struct lane *lane, const struct batch *batch, int64_t offset,
                   struct weir_error *error)
{
    const struct batch_reject *reject = batch->rejects;
    for (uint32_t i = 1; i < batch->reject_count; i++)
        if (batch->rejects[i].row < reject->row)
            reject = &batch->rejects[i];
    error_set(error, WEIR_E_INVALID,
              "offset %lld was rejected by %s (%s) and the pipeline says on_error: stop; mend the "
              "pipeline, or let it go to the dead letters",
              (long long)offset, reject->stage, reject->text);
    return fail(lane, error);
}

int lane_deliver(struct lane *lane, const struct lane_tools *tools, struct batch *batch)
{
    struct weir_error error = {0};
    struct weir_batch *view = &batch->view;
    if (!view->rows)
        return SOURCE_ACCEPTED;

    uint32_t dropped = drop_redelivered(lane, batch);
    if (dropped == view->rows)
        return SOURCE_ACCEPTED;
    if (lane->held != batch) {
        lane->letters_written = false;
        int r = transform(lane, tools, batch, &error);
        if (r)
            return fail(lane, &error);
    }
    uint32_t rows = view->rows;
    bool stop = batch->reject_count && lane->shared->plan->on_error == ON_ERROR_STOP;
    if (stop) {
        rows = first_rejected(batch);
        cut_rows(batch, rows);
    }
    struct outcome outcome = {.consumed = rows - dropped};
    outcome.next_offset =
        rows < view->rows ? batch->records[rows].offset : batch->records[view->rows - 1].offset + 1;
    if (!stop && !lane->letters_written && write_letters(lane, batch, 0, &error))
        return hold(lane, batch, outcome.consumed, error.text);
    lane->letters_written = true;
    uint32_t written = batch->reject_count;

    int r = partition_apply(lane->image, batch, outcome.next_offset, &outcome.counts, &error);
    if (r < 0)
        return fail(lane, &error);
    if (r == PARTITION_FULL)
        return hold(lane, batch, outcome.consumed,
                    "a limit of the store is reached and says on_full: pause; raise --memory or "
                    "the limit");
    lane->held = NULL;
    lane->next_offset = outcome.next_offset;
    if (!stop && write_letters(lane, batch, written, &error))
        r = fail(lane, &error);
    outcome.rejected = stop ? 0 : batch->reject_count;
    if (!stop)
        count_rejects(lane, batch, 0);
    publish(lane, batch, &outcome);
    return stop ? stop_at(lane, batch, outcome.next_offset, &error) : r;
}

void lane_position(struct lane *lane, int64_t next_offset)
{
    if (lane->held || next_offset <= lane->next_offset)
        return;
    lane->next_offset = next_offset;
    partition_advance(lane->image, next_offset);
    pthread_mutex_lock(&lane->lock);
    lane->status.next_offset = next_offset;
    derive_state(lane);
    pthread_mutex_unlock(&lane->lock);
    metric_set(lane->metrics.applied_offset, next_offset);
}

void lane_tick(struct lane *lane, int64_t now_ns)
{
    if (now_ns >= lane->ticked_ns && now_ns - lane->ticked_ns < LANE_TICK_NS)
        return;
    lane->ticked_ns = now_ns;
    partition_tick(lane->image, now_ns);
    struct weir_error error = {0};
    if (chain_run_tick(lane->run, now_ns, &error))
        fail(lane, &error);
    struct partition_status status;
    lane_status(lane, &status);
    lane_metrics_publish(&lane->metrics, lane->image, &status);
}

void lane_end(struct lane *lane, int64_t end_offset)
{
    pthread_mutex_lock(&lane->lock);
    lane->status.end_offset = end_offset;
    pthread_mutex_unlock(&lane->lock);
}

void lane_stop(struct lane *lane, enum partition_state state, const char *reason)
{
    pthread_mutex_lock(&lane->lock);
    lane->status.state = state;
    snprintf(lane->status.reason, sizeof lane->status.reason, "%s", reason);
    lane_metrics_state(&lane->metrics, state);
    pthread_mutex_unlock(&lane->lock);
}

void lane_request_pause(struct lane *lane, bool paused)
{
    pthread_mutex_lock(&lane->lock);
    lane->pause_requested = paused;
    derive_state(lane);
    pthread_mutex_unlock(&lane->lock);
}

void lane_status(struct lane *lane, struct partition_status *ret_status)
{
    struct partition_info info;
    partition_info(lane->image, &info);
    int64_t now_ms = clock_wall_ns() / 1000000;
    pthread_mutex_lock(&lane->lock);
    *ret_status = lane->status;
    int64_t timestamp_ms = lane->last_timestamp_ms;
    pthread_mutex_unlock(&lane->lock);
    struct partition_status *s = ret_status;
    s->watermark_ns = info.watermark_ns;
    if (s->end_offset < 0)
        return;
    if (s->end_offset < s->next_offset)
        s->end_offset = s->next_offset;
    s->lag_records = s->end_offset - s->next_offset;
    s->lag_ns = !s->lag_records                             ? 0
                : timestamp_ms > 0 && now_ms > timestamp_ms ? (now_ms - timestamp_ms) * 1000000
                                                            : -1;
}

bool lane_caught_up(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    bool caught_up = lane->caught_up;
    pthread_mutex_unlock(&lane->lock);
    return caught_up;
}

bool lane_is_idle(struct lane *lane, int64_t now_ns, int64_t idle_ns)
{
    struct partition_status s;
    lane_status(lane, &s);
    if (s.watermark_ns == INT64_MIN)
        return s.lag_records == 0;
    return s.lag_records == 0 && now_ns - s.last_progress_ns >= idle_ns;
}

struct partition *lane_image(struct lane *lane)
{
    return lane->image;
}

const char *lane_topic(const struct lane *lane)
{
    return lane->topic;
}

int32_t lane_number(const struct lane *lane)
{
    return lane->number;
}

int32_t lane_worker(const struct lane *lane)
{
    return lane->worker;
}
