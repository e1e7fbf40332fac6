/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_producer.c: records into a topic, acknowledged by all replicas, neither doubled nor
 * reordered by retries (an idempotent producer). */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "ingest/kafka_options.h"

#define QUEUE_FULL_WAIT_MS 50
#define MS                 1000000LL

struct kafka_producer {
    rd_kafka_t *client;
    uint64_t sent; /* by the caller's thread, as are the callbacks: they are called from polls */
    uint64_t delivered;
    uint64_t failed;
    rd_kafka_resp_err_t first_error;
    char first_topic[250]; /* Kafka's limit is 249 */
    char trouble[256];     /* what a broker connection said last */
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *p = opaque;
    if (!message->err) {
        p->delivered++;
        return;
    }
    if (!p->failed++) {
        p->first_error = message->err;
        snprintf(p->first_topic, sizeof p->first_topic, "%s", rd_kafka_topic_name(message->rkt));
    }
}

static void on_error(rd_kafka_t *client, int err, const char *text, void *opaque)
{
    (void)client;
    struct kafka_producer *p = opaque;
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        snprintf(p->trouble, sizeof p->trouble, "%s", text);
}

int kafka_producer_new(const char *brokers, const struct kafka_property *properties,
                       uint32_t property_count, struct kafka_producer **ret_producer,
                       struct weir_error *error)
{
    rd_kafka_conf_t *conf;
    int r = kafka_conf_new(KAFKA_PRODUCER, brokers, properties, property_count, &conf, error);
    if (r)
        return r;
    struct kafka_producer *p = mem_alloc(sizeof *p);
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    r = kafka_client_new(KAFKA_PRODUCER, conf, &p->client, error);
    if (r) {
        free(p);
        return r;
    }
    *ret_producer = p;
    return 0;
}

int kafka_producer_send(struct kafka_producer *p, const char *topic, int32_t partition,
                        struct weir_str key, struct weir_str value, int64_t timestamp_ms,
                        struct weir_error *error)
{
    rd_kafka_resp_err_t err;
    for (;;) {
        err = rd_kafka_producev(
            p->client, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_PARTITION(partition < 0 ? RD_KAFKA_PARTITION_UA : partition),
            RD_KAFKA_V_KEY(key.data, key.length),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.length),
            RD_KAFKA_V_TIMESTAMP(timestamp_ms < 0 ? 0 : timestamp_ms),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            break;
        rd_kafka_poll(p->client, QUEUE_FULL_WAIT_MS);
    }
    if (err)
        return error_set(
            error, err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? WEIR_E_LIMIT : WEIR_E_INVALID,
            "a record of %u bytes cannot be sent to topic `%s`: %s%s", value.length, topic,
            rd_kafka_err2str(err),
            err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                ? "; raise message.max.bytes here and at the broker"
                : "");
    p->sent++;
    if (!(p->sent & 255))
        rd_kafka_poll(p->client, 0);
    return 0;
}

int kafka_producer_flush(struct kafka_producer *p, int timeout_ms, uint64_t *ret_delivered,
                         struct weir_error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_flush(p->client, timeout_ms);
    if (ret_delivered)
        *ret_delivered = p->delivered;
    if (p->failed)
        return error_set(error, WEIR_E_UNAVAILABLE,
                         "%llu records were not delivered, the first to topic `%s`: %s",
                         (unsigned long long)p->failed, p->first_topic,
                         rd_kafka_err2str(p->first_error));
    if (err)
        return error_set(error, WEIR_E_UNAVAILABLE,
                         "%llu records are not acknowledged after %d ms%s%s; check the brokers",
                         (unsigned long long)(p->sent - p->delivered), timeout_ms,
                         p->trouble[0] ? ": " : "", p->trouble);
    return 0;
}

void kafka_producer_free(struct kafka_producer *p)
{
    if (!p)
        return;
    rd_kafka_destroy(p->client);
    free(p);
}
