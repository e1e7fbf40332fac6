/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_demo.c: `weir demo`: an embedded broker, generated payments, the pipeline payments.yaml and
 * the page, all in one process, in a folder of its own that goes when the process ends.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/kafka.h"
#include "pipelines/command.h"
#include "pipelines/daemon.h"
#include "pipelines/demo.h"
#include "pipelines/http_client.h"
#include "pipelines/signals.h"

#define DEMO_TOPIC         "payments"
#define DEMO_PARTITIONS    4
#define DEMO_FIRST_RECORDS 5000 /* spread over the last ten minutes of event time */
#define DEMO_FIRST_NS      (600 * NS_PER_SECOND)
#define DEMO_MEMORY_BYTES  ((uint64_t)512 << 20)
#define DEMO_WAIT_NS       (60 * NS_PER_SECOND)
#define DEMO_POLL_MS       20
#define DEMO_FLUSH_MS      30000

static const struct command_option options[] = {
    {"http", "ADDRESS:PORT", "127.0.0.1:8080", "where to answer; port 0 takes a free one", false},
    {"once", NULL, NULL, "wait until the first records are aggregated, print the answers, stop",
     false},
    {"rate", "N", "200", "records a second", false},
    {NULL, NULL, NULL, NULL, false},
};

/* What to try: also what --once asks. */
static const struct {
    const char *path;
    const char *says;
} questions[] = {
    {"/v1/pipelines/payments/aggregates/merchants?order=-total&limit=5",
     "the merchants with the greatest turnover"},
    {"/v1/pipelines/payments/aggregates/minutes?by=&window=5m&limit=3",
     "all merchants together, in windows of five minutes"},
    {"/v1/pipelines/payments/sets/accounts/a-007", "the last payment of one account"},
    {"/v1/pipelines/payments/aggregates/merchants?where=payments%20%3E%2020&by=merchant&limit=3",
     "with a condition"},
    {"/v1/pipelines/payments", "where each partition stands; what was rejected"},
};

struct demo {
    struct kafka_broker *broker;
    struct kafka_producer *producer;
    struct daemon *daemon;
    char folder[64];
    char *file;
    int64_t rate;
    uint64_t seed;
    _Atomic bool stop;
    _Atomic uint64_t sent;
    pthread_t thread;
    bool thread_runs;
};

static int send_payment(struct demo *demo, struct demo_payment *payment, uint64_t i,
                        int64_t time_ns, struct weir_error *error)
{
    demo_payment_make(payment, demo->seed, i, time_ns);
    int r = kafka_producer_send(
        demo->producer, DEMO_TOPIC, -1, str_make(payment->key.data, payment->key.length),
        str_make(payment->value.data, payment->value.length), clock_wall_ns() / 1000000, error);
    if (!r)
        atomic_fetch_add(&demo->sent, 1);
    return r;
}

/* Payment i leaves at start + i / rate. */
static void *produce(void *context)
{
    struct demo *demo = context;
    struct demo_payment payment = {TEXT_INIT, TEXT_INIT};
    struct weir_error error = {0};
    int64_t start = clock_mono_ns();
    for (uint64_t i = 0; !atomic_load(&demo->stop); i++) {
        int64_t wait = start + (int64_t)i * NS_PER_SECOND / demo->rate - clock_mono_ns();
        if (wait > 0) {
            struct timespec step = {wait / NS_PER_SECOND, wait % NS_PER_SECOND};
            nanosleep(&step, NULL);
        }
        if (send_payment(demo, &payment, DEMO_FIRST_RECORDS + i, clock_wall_ns(), &error)) {
            log_event(LOG_ERROR, "demo_producer", "reason=%s", log_quote(error.text));
            break;
        }
    }
    demo_payment_done(&payment);
    return NULL;
}

static int send_first(struct demo *demo, struct weir_error *error)
{
    struct demo_payment payment = {TEXT_INIT, TEXT_INIT};
    int64_t now = clock_wall_ns();
    int r = 0;
    for (uint64_t i = 0; !r && i < DEMO_FIRST_RECORDS; i++)
        r = send_payment(demo, &payment, i,
                         now - DEMO_FIRST_NS + (int64_t)i * (DEMO_FIRST_NS / DEMO_FIRST_RECORDS),
                         error);
    demo_payment_done(&payment);
    uint64_t delivered;
    return r ? r : kafka_producer_flush(demo->producer, DEMO_FLUSH_MS, &delivered, error);
}

static int open_demo(struct demo *demo, struct weir_error *error)
{
    snprintf(demo->folder, sizeof demo->folder, "%s", "/tmp/weir-demo-XXXXXX");
    if (!mkdtemp(demo->folder)) {
        demo->folder[0] = 0;
        return error_set_errno(error, WEIR_E_IO, "cannot make a folder in /tmp");
    }
    demo->file = mem_printf("%s/payments.yaml", demo->folder);
    int r =
        file_write_atomic(demo->file, demo_pipeline_yaml, strlen(demo_pipeline_yaml), 0644, error);
    if (!r)
        r = kafka_broker_new(0, &demo->broker, error);
    if (!r)
        r = kafka_broker_topic(demo->broker, DEMO_TOPIC, DEMO_PARTITIONS, error);
    if (!r)
        r = kafka_producer_new(kafka_broker_bootstrap(demo->broker), NULL, 0, &demo->producer,
                               error);
    if (!r)
        r = send_first(demo, error);
    if (!r)
        setenv("KAFKA_BROKERS", kafka_broker_bootstrap(demo->broker), 1);
    return r;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void close_demo(struct demo *demo)
{
    atomic_store(&demo->stop, true);
    if (demo->thread_runs)
        pthread_join(demo->thread, NULL);
    if (demo->daemon)
        daemon_stop(demo->daemon);
    kafka_producer_free(demo->producer);
    kafka_broker_free(demo->broker);
    if (demo->folder[0])
        nftw(demo->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(demo->file);
}

/* Until the first records are in the answers. */
static bool wait_applied(struct demo *demo)
{
    const struct service *service = daemon_service(demo->daemon);
    int64_t deadline = clock_mono_ns() + DEMO_WAIT_NS;
    while (clock_mono_ns() < deadline) {
        struct pipeline_status status;
        bool there = service->status(service->context, DEMO_TOPIC, &status);
        free(status.partitions);
        if (there && status.records.consumed >= DEMO_FIRST_RECORDS && !status.records.pending)
            return true;
        if (signals_wait(DEMO_POLL_MS))
            return false;
    }
    return false;
}

/* Prints what to try, or asks it. Returns whether all answers were 200. */
static bool show_questions(const struct demo *demo, bool ask)
{
    bool all = true;
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        printf("\n# %s\ncurl '%s%s'\n", questions[i].says, daemon_url(demo->daemon),
               questions[i].path);
        if (!ask)
            continue;
        struct weir_error error = {0};
        struct text body = TEXT_INIT;
        int status = 0;
        if (http_get(daemon_url(demo->daemon), questions[i].path, &status, &body, &error))
            fprintf(stderr, "weir demo: error: %s\n", error.text);
        else
            printf("%s\n", body.data ? body.data : "");
        all &= status == 200;
        text_done(&body);
    }
    fflush(stdout);
    return all;
}

static int serve(struct demo *demo, const struct command_line *line)
{
    const char *files[] = {demo->file};
    char *data = mem_printf("%s/data", demo->folder);
    struct daemon_options daemon_options = {
        .files = files,
        .file_count = 1,
        .http_listen = command_value(line, "http"),
        .data_folder = data,
        .workers = (int32_t)sysconf(_SC_NPROCESSORS_ONLN),
        .memory_bytes = DEMO_MEMORY_BYTES,
    };
    int code = daemon_start(&daemon_options, &demo->daemon);
    free(data);
    if (code != EXIT_DONE)
        return code;
    if (!wait_applied(demo)) {
        fprintf(stderr, "weir demo: error: the records did not arrive\n");
        return EXIT_FAILED;
    }
    if (command_flag(line, "once"))
        return show_questions(demo, true) ? EXIT_DONE : EXIT_FAILED;

    demo->thread_runs = !pthread_create(&demo->thread, NULL, produce, demo);
    printf("\nweir demo: %d payments a second into topic `" DEMO_TOPIC "` of %s\n"
           "pipeline:  %s\nlive page: %s/\n\nTry:\n",
           (int)demo->rate, kafka_broker_bootstrap(demo->broker), demo->file,
           daemon_url(demo->daemon));
    show_questions(demo, false);
    puts("\nCtrl-C ends it.");
    fflush(stdout);
    while (!signals_wait(-1))
        continue;
    return EXIT_DONE;
}

static int run(const struct command_line *line)
{
    struct demo demo = {.seed = hash_random_seed()};
    const char *rate = command_value(line, "rate");
    if (int_read(rate, strlen(rate), &demo.rate) || demo.rate < 1)
        return command_usage_error(line, "--rate %s: a number from 1 on is wanted", rate);
    log_init(LOG_WARN, false);
    signals_init();
    struct weir_error error = {0};
    int code;
    if (open_demo(&demo, &error)) {
        fprintf(stderr, "weir demo: error: %s\n", error.text);
        code = EXIT_FAILED;
    } else {
        code = serve(&demo, line);
    }
    close_demo(&demo);
    fflush(NULL);
    _exit(code); /* as in cmd_run.c: librdkafka's threads must not meet destructors */
}

const struct command command_demo = {
    .name = "demo",
    .usage = "",
    .summary = "embedded broker, generated payments, a pipeline and the page; says what to try",
    .details = "Needs nothing: no Kafka, no file. What it makes goes when it ends.",
    .arguments_min = 0,
    .arguments_max = 0,
    .options = options,
    .run = run,
};
