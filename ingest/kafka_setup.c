/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_setup.c: the consumer that a source works with, from the pipeline's options. */
#include "base/error.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define QUEUE_BYTES_DEFAULT    ((uint64_t)64 << 20)
#define QUEUE_BYTES_WORKER_MIN ((uint64_t)2 << 20)
#define QUEUE_KBYTES_MAX       2097151 /* librdkafka's own limit */
#define QUEUE_RECORDS_MIN      1000
#define QUEUE_RECORDS_MAX      100000

void kafka_block_signals(sigset_t *ret_before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, ret_before);
}

static int set_default(rd_kafka_conf_t *conf, const struct kafka_options *options, const char *name,
                       const char *value, struct weir_error *error)
{
    if (kafka_property_get(options->properties, options->property_count, name))
        return 0;
    return kafka_conf_set(conf, name, value, error);
}

/*
 * Rule 11. The limits of librdkafka count for each queue that partitions are forwarded to; as much
 * again is in the hands of the worker's round. Half of the bytes are for records, half for what
 * librdkafka keeps beside them.
 */
static int set_limits(struct kafka_source *source, rd_kafka_conf_t *conf,
                      const struct kafka_options *options, struct weir_error *error)
{
    uint64_t bytes = options->queue_bytes_max ? options->queue_bytes_max : QUEUE_BYTES_DEFAULT;
    bytes /= source->worker_count;
    if (bytes < QUEUE_BYTES_WORKER_MIN)
        bytes = QUEUE_BYTES_WORKER_MIN;
    uint64_t records = bytes / 4 / KAFKA_RECORD_OVERHEAD_BYTES;
    if (records < QUEUE_RECORDS_MIN)
        records = QUEUE_RECORDS_MIN;
    if (records > QUEUE_RECORDS_MAX)
        records = QUEUE_RECORDS_MAX;
    uint64_t kbytes = bytes / 4 / 1024;
    if (kbytes > QUEUE_KBYTES_MAX)
        kbytes = QUEUE_KBYTES_MAX;
    source->queue_records = records;
    source->queue_bytes = kbytes * 1024;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)records);
    int r = set_default(conf, options, "queued.min.messages", text, error);
    snprintf(text, sizeof text, "%llu", (unsigned long long)kbytes);
    if (!r)
        r = set_default(conf, options, "queued.max.messages.kbytes", text, error);
    if (!r && rd_kafka_version() >= KAFKA_VERSION_QUEUE_BACKOFF)
        r = set_default(conf, options, "fetch.queue.backoff.ms", "10", error);
    return r;
}

static int set_identity(rd_kafka_conf_t *conf, const struct kafka_options *options,
                        struct weir_error *error)
{
    int r = kafka_conf_set(conf, "group.id", options->group, error);
    if (!r && options->client_id) {
        char id[KAFKA_CLIENT_ID_BYTES_MAX + 1];
        snprintf(id, sizeof id, "%s", options->client_id);
        r = set_default(conf, options, "client.id", id, error);
    }
    if (!r && options->group_instance_id)
        r = kafka_conf_set(conf, "group.instance.id", options->group_instance_id, error);
    return r;
}

int kafka_client_open(struct kafka_source *source, const struct kafka_options *options,
                      struct weir_error *error)
{
    rd_kafka_conf_t *conf;
    int r = kafka_conf_new(KAFKA_CONSUMER, options->brokers, options->properties,
                           options->property_count, &conf, error);
    if (r)
        return r;
    r = set_limits(source, conf, options, error);
    if (!r)
        r = set_identity(conf, options, error);
    if (r) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_conf_set_opaque(conf, source);
    rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance);
    rd_kafka_conf_set_error_cb(conf, kafka_trouble_error);
    sigset_t before;
    kafka_block_signals(&before);
    r = kafka_client_new(KAFKA_CONSUMER, conf, &source->client, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}
