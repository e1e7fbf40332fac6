/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_source.c: the Kafka source: its rules, its life, its control thread.
 *
 * Threads. [control] polls the consumer's queue, and is the only one that does: rebalances, errors,
 * commits, leaving. [worker n] drains one queue of its own, to which the queues of its partitions
 * are forwarded. [watch] may wait for a broker. librdkafka has its own.
 *
 * The rules, measured against librdkafka 2.0.2 and Kafka 4.1, and where they are kept:
 *
 *    1  auto.offset.reset=error, no automatic commit or store, CRCs, read_committed, a short
 *       client.id: the table in kafka_options.c.
 *
 *    2  Assignor `range`, static membership. Cooperative assignors are refused: they pause
 *       partitions from librdkafka's main thread while a worker reads them, and that loses records
 *       where there are control records (K3).
 *
 *    3  ASSIGN asks low and high, forwards queues, then assigns, once. Nothing ever seeks, nothing
 *       is assigned twice: kafka_assign.c.
 *
 *    4  Workers drain with rd_kafka_consume_callback_queue, never on the consumer's own queue.
 *
 *    5  REVOKE: stop applying, hand over, commit, unassign, un-forward. A lost assignment commits
 *       nothing.
 *
 *    6  All is handed over before the group is left; leaving has a time limit; the handle is
 *       destroyed by a thread that nobody waits for, because rd_kafka_destroy hangs for ever below
 *       2.1 once a subscribed topic was deleted.
 *
 *    7  Records may come again below the lane's offset: the handler has the guard. Control records
 *       are never delivered, so the position behind them comes from _PARTITION_EOF, which carries
 *       the version of the assignment. (rd_kafka_position does not: a control record of an earlier
 *       assignment, still in a queue, moves it.)
 *
 *    8  _AUTO_OFFSET_RESET stops a partition: the handler is told, and the source joins anew, which
 *       asks the handler again where to begin; its policy decides there, knowing low and high.
 *
 *    9  UNKNOWN_TOPIC_OR_PART and _UNKNOWN_PARTITION on a worker's queue: deleted. The partition is
 *       asked for until it is back. (A topic that is made again at once is invisible here; to
 *       notice that is the business of whoever keeps the state.)
 *
 *   10  Growth of a topic is seen at the metadata refresh; new partitions begin where `start` says.
 *
 *   11  One budget of prefetched bytes, divided over the workers' queues (kafka_setup.c); waking
 *       the fetchers below 2.2 (kafka_watch.c).
 *
 *   12  mimalloc is linked by the daemon.
 *
 *   13  SCRAM below 2.6.1: kafka_options.c warns, a refused login names it.
 *
 *   14  Commits carry metadata. [control] collects and sends them, inside the rebalance callback
 *       where one is due there: kafka_commit.c.
 *
 * The life of a lane:
 *
 *          assigned                       accepted
 *     ---------------> RUNNING <--------------------------- HELD (paused; the batch waits)
 *                       |   |          no room: HELD         ^
 *                       |   +--------------------------------+
 *     gap, deleted,     |
 *     damaged, failed   v                 revoked, from any state
 *                     CLOSED (paused) ------------------------------------> gone
 *
 *   K1  A lane is in its worker's table if and only if the worker may deliver to it; tables change
 *       only while [control] holds the worker, which is never in the middle of a round then.
 *
 *   K2  A partition's queue is forwarded before it is assigned, at every assignment.
 *
 *   K3  A partition is paused and resumed by its worker alone (kafka_worker.c says why).
 *
 *   K4  Between revoke and the next assign the workers' queues have been drained.
 *
 *   K5  The handler is called under the worker's lock by workers, and by [control] otherwise; never
 *       by [watch].
 */
#include <errno.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define MS                         1000000LL
#define REJOIN_CALM_NS             (300 * NS_PER_SECOND) /* after this the pause starts small again */
#define OFFSET_FOR_TIME_TIMEOUT_MS 5000

static struct kafka_source *of(struct source *base)
{
    return (struct kafka_source *)base;
}

struct kafka_topic *kafka_source_topic(struct kafka_source *source, const char *name)
{
    for (uint32_t i = 0; i < source->topic_count; i++)
        if (!strcmp(source->topics[i].name, name))
            return &source->topics[i];
    return NULL;
}

void kafka_source_rejoin(struct kafka_source *source)
{
    atomic_store(&source->rejoin, true);
    rd_kafka_queue_yield(source->main_queue);
}

void kafka_source_count_error(struct kafka_source *source, rd_kafka_resp_err_t err)
{
    pthread_mutex_lock(&source->errors_lock);
    uint32_t i = 0;
    while (i < source->error_count && source->errors[i].err != err)
        i++;
    if (i == source->error_count && i < KAFKA_ERROR_CODES_MAX) {
        const char *labels[] = {source->pipeline, rd_kafka_err2name(err), NULL};
        source->errors[i].err = err;
        source->errors[i].series = metric_new(M_KAFKA_ERRORS, labels);
        source->error_count++;
    }
    if (i < source->error_count)
        metric_add(source->errors[i].series, 1);
    pthread_mutex_unlock(&source->errors_lock);
}

/* ---- the control thread ---- */

static bool is_topic_error(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

static void on_event(struct kafka_source *source, const rd_kafka_message_t *message)
{
    if (!message->err) {
        /* A record here belongs to a partition that is not forwarded (K2): it would be lost. */
        log_event(LOG_ERROR, "kafka_not_forwarded", "pipeline=%s topic=%s partition=%d",
                  source->pipeline, rd_kafka_topic_name(message->rkt), (int)message->partition);
        kafka_source_rejoin(source);
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        kafka_trouble_error(source->client, message->err, rd_kafka_message_errstr(message), source);
        return;
    }
    kafka_source_count_error(source, message->err);
    struct kafka_topic *topic =
        message->rkt ? kafka_source_topic(source, rd_kafka_topic_name(message->rkt)) : NULL;
    if (topic && is_topic_error(message->err))
        kafka_trouble_topic(source, topic, message->err, 0);
    else
        kafka_trouble_group(source, message->err, rd_kafka_err2str(message->err));
    log_event_limited(LOG_WARN, "kafka_error", 10000, "pipeline=%s code=%s text=%s",
                      source->pipeline, rd_kafka_err2name(message->err),
                      log_quote(rd_kafka_message_errstr(message)));
    kafka_watch_kick(source);
}

static rd_kafka_resp_err_t subscribe(struct kafka_source *source)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)source->topic_count);
    for (uint32_t i = 0; i < source->topic_count; i++)
        rd_kafka_topic_partition_list_add(list, source->topics[i].name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(source->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static void maybe_rejoin(struct kafka_source *source)
{
    int64_t now = clock_mono_ns();
    if (!atomic_load(&source->rejoin) ||
        (source->rejoined_ns && now - source->rejoined_ns < source->rejoin_pause_ms * MS))
        return;
    atomic_store(&source->rejoin, false);
    if (!source->rejoined_ns || now - source->rejoined_ns > REJOIN_CALM_NS)
        source->rejoin_pause_ms = KAFKA_REJOIN_MS_MIN;
    else if (source->rejoin_pause_ms < KAFKA_REJOIN_MS_MAX / 2)
        source->rejoin_pause_ms *= 2;
    source->rejoined_ns = now;
    log_event(LOG_INFO, "kafka_rejoin", "pipeline=%s", source->pipeline);
    rd_kafka_unsubscribe(source->client);
    rd_kafka_resp_err_t err = subscribe(source);
    if (err)
        kafka_source_count_error(source, err);
}

static void set_phase(struct kafka_source *source, enum kafka_phase phase)
{
    pthread_mutex_lock(&source->phase_lock);
    source->phase = phase;
    pthread_cond_broadcast(&source->phase_change);
    pthread_mutex_unlock(&source->phase_lock);
}

static void leave(struct kafka_source *source)
{
    bool lost = rd_kafka_assignment_lost(source->client) || kafka_trouble_fatal(source);
    kafka_revoke_all(source, lost);
    for (uint32_t i = 0; i < source->worker_count; i++)
        kafka_worker_join(&source->workers[i]);
    set_phase(source, KAFKA_REVOKED);
    rd_kafka_consumer_close(source->client);
    set_phase(source, KAFKA_CLOSED);
}

static void *control_main(void *argument)
{
    struct kafka_source *source = argument;
    while (!atomic_load(&source->stopping)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->client, KAFKA_POLL_MS);
        if (message) {
            on_event(source, message);
            rd_kafka_message_destroy(message);
        }
        kafka_commit_flush(source, 0);
        if (kafka_trouble_fatal(source)) {
            if (source->lane_count)
                kafka_revoke_all(source, true);
        } else {
            maybe_rejoin(source);
        }
        kafka_trouble_tell(source);
    }
    leave(source);
    return NULL;
}

/* ---- life ---- */

static int start_threads(struct kafka_source *source, struct weir_error *error)
{
    for (uint32_t i = 0; i < source->worker_count; i++) {
        int r = kafka_worker_start(&source->workers[i], error);
        if (r)
            return r;
    }
    int r = kafka_watch_start(source, error);
    if (r)
        return r;
    source->phase = KAFKA_RUNNING;
    r = pthread_create(&source->control, NULL, control_main, source);
    if (r) {
        source->phase = KAFKA_MADE;
        return error_set(error, WEIR_E_IO, "no thread for Kafka: %s", strerror(r));
    }
    pthread_setname_np(source->control, "kafka control");
    return 0;
}

static int kafka_start(struct source *base, struct weir_error *error)
{
    struct kafka_source *source = of(base);
    rd_kafka_resp_err_t err = subscribe(source);
    if (err)
        return error_set(error, WEIR_E_INVALID, "the topics cannot be subscribed to: %s",
                         rd_kafka_err2str(err));
    sigset_t before;
    kafka_block_signals(&before);
    int r = start_threads(source, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r) {
        atomic_store(&source->stopping, true);
        kafka_watch_join(source);
        for (uint32_t i = 0; i < source->worker_count; i++)
            kafka_worker_join(&source->workers[i]);
    }
    return r;
}

static void kafka_stop(struct source *base)
{
    struct kafka_source *source = of(base);
    pthread_mutex_lock(&source->phase_lock);
    bool running = source->phase != KAFKA_MADE;
    pthread_mutex_unlock(&source->phase_lock);
    if (!running)
        return;
    atomic_store(&source->stopping, true);
    rd_kafka_queue_yield(source->main_queue);
    kafka_watch_kick(source);
    if (pthread_equal(pthread_self(), source->control))
        return;
    struct timespec until;
    pthread_mutex_lock(&source->phase_lock);
    while (source->phase < KAFKA_REVOKED)
        pthread_cond_wait(&source->phase_change, &source->phase_lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += KAFKA_CLOSE_TIMEOUT_MS / 1000;
    int r = 0;
    while (source->phase < KAFKA_CLOSED && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&source->phase_change, &source->phase_lock, &until);
    pthread_mutex_unlock(&source->phase_lock);
    if (r == ETIMEDOUT)
        log_event(LOG_WARN, "kafka_close_hangs", "pipeline=%s waited_ms=%d", source->pipeline,
                  KAFKA_CLOSE_TIMEOUT_MS);
}

static void kafka_pause(struct source *base, bool paused)
{
    struct kafka_source *source = of(base);
    atomic_store(&source->paused, paused);
    kafka_workers_attend(source);
}

static void *destroy_client(void *client)
{
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* Rule 6: nobody waits for it. */
static void abandon_client(rd_kafka_t *client)
{
    pthread_t thread;
    sigset_t before;
    kafka_block_signals(&before);
    if (client && !pthread_create(&thread, NULL, destroy_client, client))
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void worker_done(struct kafka_worker *w)
{
    if (w->queue)
        rd_kafka_queue_destroy(w->queue);
    text_done(&w->headers);
    free(w->lanes);
    free(w->topic_pointers);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->turn);
}

static void release(struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->worker_count; i++)
        worker_done(&source->workers[i]);
    free(source->workers);
    for (uint32_t i = 0; i < source->topic_count; i++) {
        free(source->topics[i].lanes);
        free(source->topics[i].name);
    }
    free(source->topics);
    for (uint32_t i = 0; i < source->error_count; i++)
        metric_free(source->errors[i].series);
    metric_free(source->rebalances);
    if (source->commit_queue)
        rd_kafka_queue_destroy(source->commit_queue);
    if (source->main_queue)
        rd_kafka_queue_destroy(source->main_queue);
    abandon_client(source->client);
    pthread_mutex_destroy(&source->phase_lock);
    pthread_cond_destroy(&source->phase_change);
    pthread_mutex_destroy(&source->lanes_lock);
    pthread_mutex_destroy(&source->trouble_lock);
    pthread_mutex_destroy(&source->errors_lock);
    pthread_mutex_destroy(&source->watch_lock);
    pthread_cond_destroy(&source->watch_wake);
    free(source->group);
    free(source->brokers);
    free(source->pipeline);
    free(source->instance_id);
    free(source);
}

static void kafka_free(struct source *base)
{
    if (!base)
        return;
    struct kafka_source *source = of(base);
    kafka_stop(base);
    pthread_mutex_lock(&source->phase_lock);
    enum kafka_phase phase = source->phase;
    pthread_mutex_unlock(&source->phase_lock);
    if (phase == KAFKA_REVOKED) { /* the broker keeps the control thread: it keeps its memory */
        pthread_detach(source->control);
        return;
    }
    if (phase == KAFKA_CLOSED)
        pthread_join(source->control, NULL);
    kafka_watch_join(source); /* its question may wait behind a fetch for half a second */
    release(source);
}

static const struct source_ops kafka_ops = {
    .start = kafka_start,
    .stop = kafka_stop,
    .pause = kafka_pause,
    .commit = kafka_commit,
    .free = kafka_free,
};

/* ---- making one ---- */

static void cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct kafka_source *make(const struct kafka_options *options,
                                 const struct source_handler *handler, void *context)
{
    struct kafka_source *source = mem_alloc(sizeof *source);
    source->base = (struct source){&kafka_ops, handler, context};
    source->group = mem_strdup(options->group);
    source->brokers = mem_strdup(options->brokers);
    source->pipeline = mem_strdup(options->pipeline ? options->pipeline : options->group);
    if (options->group_instance_id)
        source->instance_id = mem_strdup(options->group_instance_id);
    const char *mechanism =
        kafka_property_get(options->properties, options->property_count, "sasl.mechanism");
    if (!mechanism)
        mechanism =
            kafka_property_get(options->properties, options->property_count, "sasl.mechanisms");
    source->scram_refused = mechanism && text_starts(mechanism, "SCRAM-") &&
                            rd_kafka_version() < KAFKA_VERSION_SCRAM_NONCE;
    source->topic_count = options->topic_count;
    source->topics = mem_array(options->topic_count, sizeof *source->topics);
    for (uint32_t i = 0; i < options->topic_count; i++) {
        source->topics[i].name = mem_strdup(options->topics[i]);
        source->topics[i].index = i;
    }
    pthread_mutex_init(&source->phase_lock, NULL);
    cond_init_monotonic(&source->phase_change);
    pthread_mutex_init(&source->lanes_lock, NULL);
    pthread_mutex_init(&source->trouble_lock, NULL);
    pthread_mutex_init(&source->errors_lock, NULL);
    pthread_mutex_init(&source->watch_lock, NULL);
    cond_init_monotonic(&source->watch_wake);
    source->worker_count = options->workers > 0 ? (uint32_t)options->workers : 1;
    source->workers = mem_array(source->worker_count, sizeof *source->workers);
    for (uint32_t i = 0; i < source->worker_count; i++) {
        struct kafka_worker *w = &source->workers[i];
        w->source = source;
        w->index = (int32_t)i;
        w->last_partition = KAFKA_UNKNOWN;
        w->topic_pointers = mem_array(source->topic_count, sizeof *w->topic_pointers);
        pthread_mutex_init(&w->lock, NULL);
        cond_init_monotonic(&w->turn);
    }
    return source;
}

int kafka_source_new(const struct kafka_options *options, const struct source_handler *handler,
                     void *context, struct source **ret_source, struct weir_error *error)
{
    struct kafka_source *source = make(options, handler, context);
    int r = kafka_client_open(source, options, error);
    if (r) {
        release(source);
        return r;
    }
    rd_kafka_poll_set_consumer(source->client);
    source->main_queue = rd_kafka_queue_get_consumer(source->client);
    source->commit_queue = rd_kafka_queue_new(source->client);
    for (uint32_t i = 0; i < source->worker_count; i++)
        source->workers[i].queue = rd_kafka_queue_new(source->client);
    const char *labels[] = {source->pipeline, NULL};
    source->rebalances = metric_new(M_KAFKA_REBALANCES, labels);
    *ret_source = &source->base;
    return 0;
}

int kafka_offset_for_time(struct source *source, const char *topic, int32_t partition,
                          int64_t time_ms, int64_t *ret_offset, struct weir_error *error)
{
    rd_kafka_t *client = of(source)->client;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item = rd_kafka_topic_partition_list_add(list, topic, partition);
    item->offset = time_ms < 0 ? 0 : time_ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(client, list, OFFSET_FOR_TIME_TIMEOUT_MS);
    if (!err)
        err = item->err;
    int64_t offset = item->offset;
    rd_kafka_topic_partition_list_destroy(list);
    int64_t low, high;
    if (!err && offset < 0) { /* no record is that young */
        err = rd_kafka_query_watermark_offsets(client, topic, partition, &low, &high,
                                               KAFKA_QUERY_TIMEOUT_MS);
        offset = high;
    }
    if (err)
        return error_set(error, WEIR_E_UNAVAILABLE, "no offset of %s/%d for that time: %s", topic,
                         (int)partition, rd_kafka_err2str(err));
    *ret_offset = offset;
    return 0;
}
