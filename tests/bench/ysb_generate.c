/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ysb_generate: makes YSB events, into a topic or a file, and recounts what must come out.
 *
 * Event i goes to partition i mod P. Prints one line of JSON about what was done.
 * Exit codes: 0 done, 1 failed, 2 usage, 3 the broker cannot be reached.
 */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/value.h"
#include "tests/bench/ysb_events.h"

#define BATCH_MESSAGES    1000
#define PROPERTIES_MAX    32
#define FLUSH_SECONDS     120
#define CATCH_UP_START_MS 1700000000000 /* the beginning of a window */
#define CATCH_UP_STEP_NS  10000000

/* X(name, argument, default, meaning): the options, for getopt and for the help. */
#define OPTIONS(X)                                                                                 \
    X("brokers", "LIST", "127.0.0.1:19092", "where Kafka is")                                      \
    X("topic", "NAME", NULL, "topic to make and fill; without it nothing is produced")             \
    X("events", "N", "10000000", "how many events")                                                \
    X("partitions", "P", "8", "partitions of the topic")                                           \
    X("seed", "S", "1", "what all events come from")                                               \
    X("campaigns", "C", "100", "how many campaigns")                                               \
    X("ads", "A", "10", "ads of a campaign (YSB-HC: --campaigns 1000000 --ads 1)")                 \
    X("start-ms", "MS", NULL, "event time of event 0 (1700000000000; now with --rate)")            \
    X("rate", "R", NULL, "events a second, at their intended times; else as fast as it goes")      \
    X("skew", NULL, NULL, "event times vary by 50 ms, 1 in 100,000 is up to 60 s late")            \
    X("window-ms", "MS", "10000", "length of a window; 0: one window over all")                    \
    X("ads-file", "PATH", NULL, "write the table ad_id,campaign_id as CSV")                        \
    X("expect-file", "PATH", NULL, "write window_start,campaign_id,count as CSV, sorted")          \
    X("events-file", "PATH", NULL, "write the events as lines")                                    \
    X("property", "K=V", NULL, "a property of librdkafka; may be given again")                     \
    X("help", NULL, NULL, "this text")

enum option_index {
    O_BROKERS,
    O_TOPIC,
    O_EVENTS,
    O_PARTITIONS,
    O_SEED,
    O_CAMPAIGNS,
    O_ADS,
    O_START,
    O_RATE,
    O_SKEW,
    O_WINDOW,
    O_ADS_FILE,
    O_EXPECT_FILE,
    O_EVENTS_FILE,
    O_PROPERTY,
    O_HELP,
    O_COUNT
};

struct arguments {
    const char *values[O_COUNT];
    const char *properties[PROPERTIES_MAX];
    size_t property_count;
};

static const struct {
    const char *name, *argument, *fallback, *meaning;
} option_table[] = {
#define OPTION_ROW(name, argument, fallback, meaning) {name, argument, fallback, meaning},
    OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};
_Static_assert(COUNT_OF(option_table) == O_COUNT, "one enumerator for each option");

static _Noreturn void die(int code, const char *what, const char *detail)
{
    fprintf(stderr, "ysb_generate: %s: %s\n", what, detail);
    exit(code);
}

static void help(void)
{
    printf("usage: ysb_generate [OPTION...]\n\n");
    for (size_t i = 0; i < O_COUNT; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s %s", option_table[i].name,
                 option_table[i].argument ? option_table[i].argument : "");
        printf("  %-22s %s", left, option_table[i].meaning);
        if (option_table[i].fallback)
            printf(" (%s)", option_table[i].fallback);
        printf("\n");
    }
}

static void arguments_read(int argc, char **argv, struct arguments *arguments)
{
    struct option long_options[O_COUNT + 1] = {0};
    for (int i = 0; i < O_COUNT; i++) {
        long_options[i] = (struct option){
            option_table[i].name, option_table[i].argument ? required_argument : no_argument, NULL,
            i + 1};
        arguments->values[i] = option_table[i].fallback;
    }
    for (int found; (found = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (found == '?')
            exit(2);
        if (found - 1 == O_PROPERTY) {
            if (arguments->property_count == PROPERTIES_MAX)
                die(2, "--property", "too many");
            arguments->properties[arguments->property_count++] = optarg;
        }
        arguments->values[found - 1] = optarg ? optarg : "";
    }
    if (optind < argc)
        die(2, "what is not an option", argv[optind]);
    if (arguments->values[O_HELP]) {
        help();
        exit(0);
    }
}

static int64_t number(const struct arguments *arguments, enum option_index option, int64_t minimum)
{
    const char *text = arguments->values[option];
    int64_t value;
    if (int_read(text, strlen(text), &value) != 0 || value < minimum)
        die(2, option_table[option].name, text);
    return value;
}

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        die(1, "cannot write", path);
    setvbuf(file, NULL, _IOFBF, 1 << 20);
    return file;
}

static void file_close(FILE *file, const char *path)
{
    if (ferror(file) || fclose(file) != 0)
        die(1, "cannot write", path);
}

static void ads_write(const struct ysb *ysb, const char *path)
{
    FILE *file = file_open(path);
    fprintf(file, "ad_id,campaign_id\n");
    for (uint32_t i = 0; i < ysb->ad_count; i++)
        fprintf(file, "%.*s,%.*s\n", YSB_UUID_BYTES, ysb->ads[i].text, YSB_UUID_BYTES,
                ysb->campaigns[i / ysb->options.ads_per_campaign].text);
    file_close(file, path);
}

static void events_write(const struct ysb *ysb, uint64_t events, const char *path)
{
    FILE *file = file_open(path);
    char event[YSB_EVENT_BYTES_MAX + 1];
    for (uint64_t i = 0; i < events; i++) {
        size_t length = ysb_write(ysb, i, event);
        event[length] = '\n';
        fwrite(event, 1, length + 1, file);
    }
    file_close(file, path);
}

struct view {
    int64_t window;
    uint32_t rank; /* of the campaign by its text */
    uint32_t campaign;
};

static int view_compare(const void *a, const void *b)
{
    const struct view *x = a, *y = b;
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The recount: all views, sorted by window and campaign. Returns how many there are. */
static uint64_t expect_write(const struct ysb *ysb, uint64_t events, int64_t window_ms,
                             const char *path)
{
    FILE *file = file_open(path);
    uint64_t count = 0, room = events / 2 + 1024;
    struct view *views = mem_array(room, sizeof *views);
    for (uint64_t i = 0; i < events; i++) {
        uint32_t campaign;
        int64_t time_ms;
        if (!ysb_view(ysb, i, &campaign, &time_ms))
            continue;
        if (count == room)
            views = mem_grow(views, room *= 2, sizeof *views);
        int64_t into = window_ms ? (time_ms % window_ms + window_ms) % window_ms : time_ms;
        views[count++] = (struct view){time_ms - into, ysb->ranks[campaign], campaign};
    }
    qsort(views, count, sizeof *views, view_compare);
    fprintf(file, "window_start,campaign_id,count\n");
    for (uint64_t i = 0, next; i < count; i = next) {
        for (next = i; next < count && view_compare(&views[i], &views[next]) == 0;)
            next++;
        fprintf(file, "%" PRId64 ",%.*s,%" PRIu64 "\n", views[i].window, YSB_UUID_BYTES,
                ysb->campaigns[views[i].campaign].text, next - i);
    }
    free(views);
    file_close(file, path);
    return count;
}

/* ---- producing ------------------------------------------------------------------------------ */

struct producer {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    int32_t partitions;
    struct lane *lanes;
    uint64_t failed; /* told by delivery reports */
    char first_failure[256];
};

/* Messages of one partition on their way to the client, which copies them. */
struct lane {
    rd_kafka_message_t messages[BATCH_MESSAGES];
    char bytes[BATCH_MESSAGES][YSB_EVENT_BYTES_MAX];
    int count;
};

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct producer *producer = opaque;
    if (!message->err)
        return;
    if (producer->failed++ == 0)
        snprintf(producer->first_failure, sizeof producer->first_failure, "%s",
                 rd_kafka_err2str(message->err));
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        die(2, key, error);
}

static void producer_open(struct producer *producer, const struct arguments *arguments, bool paced)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", arguments->values[O_BROKERS]);
    set(conf, "enable.idempotence", "true"); /* exactly N events, in their order */
    set(conf, "batch.size", "1000000");
    set(conf, "linger.ms", paced ? "2" : "20");
    set(conf, "queue.buffering.max.messages", "400000");
    set(conf, "queue.buffering.max.kbytes", "262144");
    set(conf, "delivery.report.only.error", "true");
    set(conf, "log_level", "3");
    for (size_t i = 0; i < arguments->property_count; i++) {
        char *key = mem_strdup(arguments->properties[i]), *equals = strchr(key, '=');
        if (!equals)
            die(2, "--property takes K=V", key);
        *equals = '\0';
        set(conf, key, equals + 1);
        free(key);
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!producer->client)
        die(1, "cannot make a producer", error);
}

static void topic_make(struct producer *producer, const char *name, int32_t partitions)
{
    char error[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, error, sizeof error);
    if (!topic)
        die(2, name, error);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer->client);
    rd_kafka_CreateTopics(producer->client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    if (!event)
        die(3, "cannot make the topic", "the broker does not answer");
    if (rd_kafka_event_error(event))
        die(3, "cannot make the topic", rd_kafka_event_error_string(event));
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count != 1 || rd_kafka_topic_result_error(results[0]))
        die(1, "cannot make the topic",
            count ? rd_kafka_err2str(rd_kafka_topic_result_error(results[0])) : name);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    producer->topic = rd_kafka_topic_new(producer->client, name, NULL);
    producer->partitions = partitions;
    producer->lanes = mem_array((size_t)partitions, sizeof *producer->lanes);
}

/* Hands a lane's messages over; waits while the client's queue is full. */
static void lane_send(struct producer *producer, int32_t partition)
{
    struct lane *lane = &producer->lanes[partition];
    rd_kafka_message_t *messages = lane->messages;
    int left = lane->count;
    while (left > 0) {
        int sent =
            rd_kafka_produce_batch(producer->topic, partition, RD_KAFKA_MSG_F_COPY, messages, left);
        rd_kafka_poll(producer->client, sent == left ? 0 : 10);
        if (sent == left)
            break;
        int kept = 0; /* those that were refused, in their order */
        for (int i = 0; i < left; i++) {
            if (!messages[i].err)
                continue;
            if (messages[i].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                die(1, "cannot produce", rd_kafka_err2str(messages[i].err));
            messages[kept++] = messages[i];
        }
        left = kept;
    }
    lane->count = 0;
}

static void lanes_send(struct producer *producer)
{
    for (int32_t p = 0; p < producer->partitions; p++)
        lane_send(producer, p);
}

/* Open loop: an event is sent at its own time, however long those before it took. */
static void wait_until(struct producer *producer, int64_t due_ns)
{
    int64_t now = clock_mono_ns();
    if (now >= due_ns)
        return;
    lanes_send(producer);
    int64_t left = due_ns - clock_mono_ns();
    if (left > 0) {
        struct timespec pause = {left / NS_PER_SECOND, left % NS_PER_SECOND};
        nanosleep(&pause, NULL);
    }
}

/* What lies in the topic, by its watermarks. */
static int64_t topic_records(struct producer *producer, const char *name)
{
    int64_t records = 0;
    for (int32_t p = 0; p < producer->partitions; p++) {
        int64_t low, high;
        rd_kafka_resp_err_t error =
            rd_kafka_query_watermark_offsets(producer->client, name, p, &low, &high, 10000);
        if (error)
            die(3, "cannot ask for the end of the topic", rd_kafka_err2str(error));
        records += high - low;
    }
    return records;
}

static void produce(struct producer *producer, const struct ysb *ysb, uint64_t events, bool paced)
{
    int64_t start = clock_mono_ns();
    for (uint64_t i = 0; i < events; i++) {
        if (paced)
            wait_until(producer, start + (int64_t)((__int128)ysb->options.step_ns * (int64_t)i));
        struct lane *lane = &producer->lanes[i % (uint64_t)producer->partitions];
        char *bytes = lane->bytes[lane->count];
        lane->messages[lane->count] =
            (rd_kafka_message_t){.payload = bytes, .len = ysb_write(ysb, i, bytes)};
        if (++lane->count == BATCH_MESSAGES)
            lane_send(producer, (int32_t)(i % (uint64_t)producer->partitions));
    }
    lanes_send(producer);
    if (rd_kafka_flush(producer->client, FLUSH_SECONDS * 1000) != 0)
        die(3, "the broker did not take the events within", "120 s");
    if (producer->failed)
        die(1, "events were not delivered", producer->first_failure);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    arguments_read(argc, argv, &arguments);
    bool paced = arguments.values[O_RATE] != NULL;
    uint64_t events = (uint64_t)number(&arguments, O_EVENTS, 0);
    struct ysb_options options = {
        .seed = (uint64_t)number(&arguments, O_SEED, INT64_MIN),
        .campaigns = (uint32_t)number(&arguments, O_CAMPAIGNS, 1),
        .ads_per_campaign = (uint32_t)number(&arguments, O_ADS, 1),
        .start_ms = arguments.values[O_START] ? number(&arguments, O_START, INT64_MIN)
                    : paced                   ? clock_wall_ns() / 1000000
                                              : CATCH_UP_START_MS,
        .step_ns = paced ? NS_PER_SECOND / number(&arguments, O_RATE, 1) : CATCH_UP_STEP_NS,
        .skew = arguments.values[O_SKEW] != NULL,
    };
    struct ysb *ysb = ysb_new(&options);
    if (arguments.values[O_ADS_FILE])
        ads_write(ysb, arguments.values[O_ADS_FILE]);
    if (arguments.values[O_EVENTS_FILE])
        events_write(ysb, events, arguments.values[O_EVENTS_FILE]);

    const char *topic = arguments.values[O_TOPIC];
    double seconds = 0;
    if (topic) {
        struct producer producer = {0};
        producer_open(&producer, &arguments, paced);
        topic_make(&producer, topic, (int32_t)number(&arguments, O_PARTITIONS, 1));
        int64_t from = clock_mono_ns();
        produce(&producer, ysb, events, paced);
        seconds = (double)(clock_mono_ns() - from) / 1e9;
        int64_t records = topic_records(&producer, topic);
        if (records != (int64_t)events)
            die(1, "the topic holds another number of records than were sent", topic);
        free(producer.lanes);
        rd_kafka_topic_destroy(producer.topic);
        rd_kafka_destroy(producer.client);
    }
    uint64_t views = 0;
    if (arguments.values[O_EXPECT_FILE])
        views = expect_write(ysb, events, number(&arguments, O_WINDOW, 0),
                             arguments.values[O_EXPECT_FILE]);
    printf("{\"events\": %" PRIu64 ", \"start_ms\": %" PRId64 ", \"seed\": %" PRIu64
           ", \"produce_seconds\": %.3f, \"events_per_second\": %.0f, \"views_expected\": %" PRIu64
           "}\n",
           events, options.start_ms, options.seed, seconds,
           seconds > 0 ? (double)events / seconds : 0, views);
    ysb_free(ysb);
    return 0;
}
