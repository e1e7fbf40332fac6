// SPDX-License-Identifier: Apache-2.0
/*
 * ysb_floor: what the benchmark costs without a framework: the number that weir is compared with.
 *
 *   --mode count        touch one byte of each message
 *   --mode ysb          parse, keep views, look the ad up, count by window and campaign
 *   --brokers LIST      where Kafka is
 *   --topic NAME        read whole, from its beginning to the end that it has now
 *   --ads-file FILE     ad_id,campaign_id as CSV (ysb)
 *   --result-file FILE  write window_start,campaign_id,count as CSV, sorted (ysb)
 *   --window-ms MS      length of a window; 0: one window over all (10000)
 *   --workers N         threads that drain the client's queues (1)
 *   --events N, --partitions P   fail if the topic has not so many
 *   --property K=V      a property of librdkafka; may be given again
 *
 * Prints one line of JSON. Nothing here survives a crash: partition queues are forwarded to those
 * of the workers, which drain them with a callback; that is the cheapest call of librdkafka.
 */
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <unistd.h>

namespace
{

constexpr size_t uuid_bytes = 36;
constexpr size_t message_bytes_max = 65536;
constexpr int64_t no_window = INT64_MIN;

[[noreturn]] void die(const std::string &what)
{
    std::fprintf(stderr, "ysb_floor: %s\n", what.c_str());
    std::exit(1);
}

double seconds_of(clockid_t clock)
{
    timespec t;
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct options {
    bool parse = false;
    const char *brokers = "127.0.0.1:19092", *topic = nullptr, *ads = nullptr, *result = nullptr;
    int workers = 1;
    int64_t events = -1, partitions = -1; // as they must be; -1: as they are
    int64_t window_ms = 10000;
    std::vector<std::pair<std::string, std::string>> properties;
};

/* ad -> campaign, by open addressing; written once, before the workers start. */
class ad_table
{
  public:
    std::vector<std::string> campaigns;

    explicit ad_table(const char *path)
    {
        std::vector<std::pair<std::string, uint32_t>> rows;
        std::unordered_map<std::string, uint32_t> numbers;
        std::ifstream file(path);
        std::string line;
        if (!std::getline(file, line))
            die(std::string("cannot read ") + path);
        while (std::getline(file, line)) {
            if (line.size() != 2 * uuid_bytes + 1)
                die(std::string("not ad_id,campaign_id: ") + line);
            std::string campaign = line.substr(uuid_bytes + 1);
            auto [found, added] =
                numbers.emplace(campaign, static_cast<uint32_t>(campaigns.size()));
            if (added)
                campaigns.push_back(campaign);
            rows.emplace_back(line.substr(0, uuid_bytes), found->second);
        }
        size_t size = 16;
        while (size < rows.size() * 2)
            size *= 2;
        mask = size - 1;
        slots.resize(size);
        for (const auto &[ad, campaign] : rows) {
            slot &free_slot = find(ad.data());
            std::memcpy(free_slot.ad, ad.data(), uuid_bytes);
            free_slot.campaign = static_cast<int32_t>(campaign);
        }
    }

    int32_t campaign_of(const char *ad)
    {
        return find(ad).campaign;
    }

  private:
    struct slot {
        char ad[uuid_bytes];
        int32_t campaign = -1;
    };
    std::vector<slot> slots;
    size_t mask = 0;

    static uint64_t word(const char *at)
    {
        uint64_t w;
        std::memcpy(&w, at, sizeof w);
        return w;
    }

    /* The words overlap the dashes, not one another: all digits count. */
    static size_t hash(const char *ad)
    {
        uint64_t a = word(ad) ^ (word(ad + 19) << 1), b = word(ad + 9) ^ (word(ad + 28) << 1);
        auto product =
            static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xc2b2ae3d27d4eb4fULL);
        return static_cast<size_t>(product ^ (product >> 64));
    }

    slot &find(const char *ad)
    {
        size_t i = hash(ad) & mask;
        while (slots[i].campaign >= 0 && std::memcmp(slots[i].ad, ad, uuid_bytes) != 0)
            i = (i + 1) & mask;
        return slots[i];
    }
};

using counts = std::vector<uint32_t>; // by campaign

/* One thread's share: its queue, its parser, its windows. Nothing is shared but `seen`. */
struct worker {
    alignas(64) std::atomic<uint64_t> seen{0};
    uint64_t messages = 0, malformed = 0, views = 0, touched = 0;
    double first = 0, last = 0;
    const options *config = nullptr;
    ad_table *ads = nullptr;
    rd_kafka_queue_t *queue = nullptr;
    simdjson::ondemand::parser parser;
    char padded[message_bytes_max + simdjson::SIMDJSON_PADDING];
    std::unordered_map<int64_t, counts> windows;
    int64_t open_window = no_window; // the one that the last view fell into
    counts *open_counts = nullptr;

    void count_view(uint32_t campaign, int64_t time_ms)
    {
        int64_t window = config->window_ms ? time_ms / config->window_ms : 0;
        if (window != open_window) {
            open_counts = &windows[window];
            open_counts->resize(ads->campaigns.size());
            open_window = window;
        }
        (*open_counts)[campaign]++;
        views++;
    }

    /* False: not an event. Texts are taken as they stand: none of them can have an escape. */
    bool event(const char *payload, size_t length)
    {
        if (length > message_bytes_max)
            return false;
        std::memcpy(padded, payload, length);
        simdjson::ondemand::document document;
        simdjson::ondemand::object object;
        simdjson::ondemand::raw_json_string ad, type, time;
        if (parser.iterate(padded, length, sizeof padded).get(document) ||
            document.get_object().get(object) ||
            object.find_field("ad_id").get_raw_json_string().get(ad) ||
            object.find_field("event_type").get_raw_json_string().get(type))
            return false;
        if (!type.unsafe_is_equal("view"))
            return true;
        if (ad.raw()[uuid_bytes] != '"' ||
            object.find_field("event_time").get_raw_json_string().get(time))
            return false;
        int64_t time_ms = 0;
        for (const char *c = time.raw(); *c != '"'; c++) {
            if (*c < '0' || *c > '9')
                return false;
            time_ms = time_ms * 10 + (*c - '0');
        }
        int32_t campaign = ads->campaign_of(ad.raw());
        if (campaign >= 0)
            count_view(static_cast<uint32_t>(campaign), time_ms);
        return true;
    }

    static void on_message(rd_kafka_message_t *message, void *opaque)
    {
        auto *self = static_cast<worker *>(opaque);
        if (message->err)
            return;
        if (self->messages++ == 0)
            self->first = seconds_of(CLOCK_MONOTONIC);
        const auto *payload = static_cast<const char *>(message->payload);
        if (!self->config->parse)
            self->touched +=
                message->len ? static_cast<unsigned char>(payload[message->len / 2]) : 0;
        else if (!self->event(payload, message->len))
            self->malformed++;
    }

    void run(const std::atomic<bool> &stop)
    {
        while (!stop.load(std::memory_order_relaxed)) {
            uint64_t before = messages;
            rd_kafka_consume_callback_queue(queue, 100, on_message, this);
            if (messages == before)
                continue;
            last = seconds_of(CLOCK_MONOTONIC);
            seen.store(messages, std::memory_order_release);
        }
    }
};

int64_t number(const char *name, const char *text, int64_t minimum)
{
    char *end;
    long long value = std::strtoll(text, &end, 10);
    if (end == text || *end || value < minimum)
        die(std::string("--") + name + " takes a number from " + std::to_string(minimum) + " on");
    return value;
}

options options_read(int argc, char **argv)
{
    static const option table[] = {{"mode", required_argument, nullptr, 'm'},
                                   {"brokers", required_argument, nullptr, 'b'},
                                   {"topic", required_argument, nullptr, 't'},
                                   {"ads-file", required_argument, nullptr, 'a'},
                                   {"result-file", required_argument, nullptr, 'r'},
                                   {"window-ms", required_argument, nullptr, 'w'},
                                   {"workers", required_argument, nullptr, 'n'},
                                   {"events", required_argument, nullptr, 'e'},
                                   {"partitions", required_argument, nullptr, 'p'},
                                   {"property", required_argument, nullptr, 'X'},
                                   {nullptr, 0, nullptr, 0}};
    options read;
    std::string mode;
    int index = 0;
    for (int found; (found = getopt_long(argc, argv, "", table, &index)) != -1;) {
        const char *equals = found == 'X' ? std::strchr(optarg, '=') : nullptr;
        if (found == 'm')
            mode = optarg;
        else if (found == 'b')
            read.brokers = optarg;
        else if (found == 't')
            read.topic = optarg;
        else if (found == 'a')
            read.ads = optarg;
        else if (found == 'r')
            read.result = optarg;
        else if (found == 'w')
            read.window_ms = number(table[index].name, optarg, 0);
        else if (found == 'n')
            read.workers = static_cast<int>(number(table[index].name, optarg, 1));
        else if (found == 'e')
            read.events = number(table[index].name, optarg, 0);
        else if (found == 'p')
            read.partitions = number(table[index].name, optarg, 1);
        else if (found == 'X' && equals)
            read.properties.emplace_back(std::string(optarg, static_cast<size_t>(equals - optarg)),
                                         equals + 1);
        else
            std::exit(2);
    }
    read.parse = mode == "ysb";
    if ((!read.parse && mode != "count") || !read.topic || optind != argc ||
        (read.parse && !read.ads)) {
        std::fprintf(stderr, "usage: ysb_floor --mode count|ysb --topic NAME [--ads-file FILE] "
                             "[OPTION...]; ysb needs --ads-file\n");
        std::exit(2);
    }
    return read;
}

rd_kafka_t *client_open(const options &config)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    auto set = [&](const char *key, const char *value) {
        if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK)
            die(error);
    };
    set("bootstrap.servers", config.brokers);
    set("group.id", "ysb-floor");
    set("enable.auto.commit", "false");
    set("enable.auto.offset.store", "false");
    set("fetch.max.bytes", "2097152");
    set("queued.max.messages.kbytes", "65536");
    for (const auto &[key, value] : config.properties)
        set(key.c_str(), value.c_str());
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (!client)
        die(error);
    rd_kafka_poll_set_consumer(client);
    return client;
}

int partitions_of(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, nullptr);
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle, &metadata, 10000);
    if (error)
        die(std::string(topic) + ": " + rd_kafka_err2str(error));
    int count = metadata->topics[0].partition_cnt;
    if (count == 0)
        die(std::string(topic) + ": no such topic");
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

/* Assigns all partitions from their beginnings, each forwarded to a worker; how many records that
 * are. Forwarded before assigned: a queue forwarded later may have messages in it. */
uint64_t assign(rd_kafka_t *client, const options &config,
                const std::vector<std::unique_ptr<worker>> &workers)
{
    int partitions = partitions_of(client, config.topic);
    uint64_t records = 0;
    if (config.partitions >= 0 && config.partitions != partitions)
        die("the topic has " + std::to_string(partitions) + " partitions");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++) {
        int64_t low, high;
        rd_kafka_resp_err_t error =
            rd_kafka_query_watermark_offsets(client, config.topic, p, &low, &high, 10000);
        if (error)
            die(rd_kafka_err2str(error));
        records += static_cast<uint64_t>(high - low);
        rd_kafka_topic_partition_list_add(list, config.topic, p)->offset = low;
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(client, config.topic, p);
        rd_kafka_queue_forward(queue, workers[static_cast<size_t>(p) % workers.size()]->queue);
        rd_kafka_queue_destroy(queue);
    }
    if (config.events >= 0 && config.events != static_cast<int64_t>(records))
        die("the topic has " + std::to_string(records) + " records");
    if (rd_kafka_resp_err_t error = rd_kafka_assign(client, list))
        die(rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(list);
    return records;
}

void result_write(const options &config, const ad_table &ads,
                  const std::vector<std::unique_ptr<worker>> &workers)
{
    std::map<std::pair<int64_t, std::string_view>, uint64_t> rows;
    for (const auto &w : workers)
        for (const auto &[window, by_campaign] : w->windows)
            for (size_t i = 0; i < by_campaign.size(); i++)
                if (by_campaign[i])
                    rows[{window * config.window_ms, ads.campaigns[i]}] += by_campaign[i];
    FILE *file = std::fopen(config.result, "w");
    if (!file)
        die(std::string("cannot write ") + config.result);
    std::fprintf(file, "window_start,campaign_id,count\n");
    for (const auto &[key, count] : rows)
        std::fprintf(file, "%lld,%.*s,%llu\n", static_cast<long long>(key.first),
                     static_cast<int>(key.second.size()), key.second.data(),
                     static_cast<unsigned long long>(count));
    if (std::fclose(file) != 0)
        die(std::string("cannot write ") + config.result);
}

void report(const options &config, const std::vector<std::unique_ptr<worker>> &workers, double cpu)
{
    double first = 0, last = 0;
    uint64_t events = 0, views = 0, malformed = 0;
    for (const auto &w : workers) {
        if (w->messages && (first == 0 || w->first < first))
            first = w->first;
        last = std::max(last, w->last);
        events += w->messages;
        views += w->views;
        malformed += w->malformed;
    }
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double wall = last - first, count = static_cast<double>(events);
    std::printf("{\"mode\": \"%s\", \"events\": %llu, \"views\": %llu, \"malformed\": %llu, "
                "\"wall_seconds\": %.4f, \"cpu_seconds\": %.4f, \"cpu_us_per_event\": %.4f, "
                "\"events_per_second\": %.0f, \"max_rss_mb\": %.1f}\n",
                config.parse ? "ysb" : "count", static_cast<unsigned long long>(events),
                static_cast<unsigned long long>(views), static_cast<unsigned long long>(malformed),
                wall, cpu, events ? cpu * 1e6 / count : 0, wall > 0 ? count / wall : 0,
                static_cast<double>(usage.ru_maxrss) / 1024);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    options config = options_read(argc, argv);
    std::unique_ptr<ad_table> ads;
    if (config.parse)
        ads = std::make_unique<ad_table>(config.ads);
    rd_kafka_t *client = client_open(config);
    std::vector<std::unique_ptr<worker>> workers;
    for (int i = 0; i < config.workers; i++) {
        workers.push_back(std::make_unique<worker>());
        workers.back()->config = &config;
        workers.back()->ads = ads.get();
        workers.back()->queue = rd_kafka_queue_new(client);
    }
    uint64_t records = assign(client, config, workers);
    std::atomic<bool> stop{records == 0};
    std::vector<std::thread> threads;
    threads.reserve(workers.size());
    for (auto &w : workers)
        threads.emplace_back([&stop, self = w.get()] { self->run(stop); });

    /* This thread serves the consumer's own queue, and looks whether all is read. */
    while (!stop.load()) {
        uint64_t seen = 0;
        for (auto &w : workers)
            seen += w->seen.load(std::memory_order_acquire);
        if (seen >= records)
            stop.store(true);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, stop.load() ? 0 : 5);
        if (message && message->err)
            std::fprintf(stderr, "ysb_floor: %s\n", rd_kafka_message_errstr(message));
        if (message)
            rd_kafka_message_destroy(message);
    }
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (auto &thread : threads)
        thread.join();
    report(config, workers, cpu);
    if (config.parse && config.result)
        result_write(config, *ads, workers);
    std::_Exit(0); /* closing the client takes longer than some runs and measures nothing */
}
