/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_topic.c: make a topic unless it is there. */
#include "base/clock.h"
#include "base/error.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define TOPIC_TIMEOUT_MS 10000
#define TOPIC_ASK_MS     1000
#define BROKER_DEFAULT   (-1) /* replication: what the broker says */

/* The topic's own result. */
static rd_kafka_resp_err_t create(rd_kafka_t *client, const char *topic, int32_t partitions,
                                  char *text, size_t size)
{
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(topic, partitions, BROKER_DEFAULT, text, size);
    if (!wanted)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, TOPIC_TIMEOUT_MS, text, size);
    rd_kafka_AdminOptions_set_request_timeout(options, TOPIC_TIMEOUT_MS, text, size);
    rd_kafka_CreateTopics(client, &wanted, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOPIC_TIMEOUT_MS + 1000);
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *reason = event && err ? rd_kafka_event_error_string(event) : NULL;
    const rd_kafka_CreateTopics_result_t *result =
        event && !err ? rd_kafka_event_CreateTopics_result(event) : NULL;
    if (result) {
        size_t count = 0;
        const rd_kafka_topic_result_t **topics =
            rd_kafka_CreateTopics_result_topics(result, &count);
        err = count ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
        reason = count ? rd_kafka_topic_result_error_string(topics[0]) : NULL;
    }
    snprintf(text, size, "%s", reason ? reason : rd_kafka_err2str(err));
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    return err;
}

/* The embedded broker makes a topic, with as many partitions as it thinks fit, when it is asked for
 * it, and knows no request to make one. Its name is in every answer. */
static bool is_mock_cluster(rd_kafka_t *client)
{
    char *id = rd_kafka_clusterid(client, TOPIC_TIMEOUT_MS);
    bool is = id && text_starts(id, "mockCluster");
    if (id)
        rd_kafka_mem_free(client, id);
    return is;
}

/* A broker tells of a new topic a little after it has made it. */
static rd_kafka_resp_err_t wait_until_there(rd_kafka_t *client, const char *topic)
{
    int64_t until = clock_mono_ns() + TOPIC_TIMEOUT_MS * 1000000LL;
    rd_kafka_resp_err_t err;
    do {
        int32_t count = 0;
        err = kafka_topic_ask(client, topic, TOPIC_ASK_MS, &count, NULL, 0);
        if (!err && count > 0)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_poll(client, 20);
    } while (clock_mono_ns() < until);
    return err ? err : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

int kafka_topic_ensure(const char *brokers, const struct kafka_property *properties,
                       uint32_t property_count, const char *topic, int32_t partitions,
                       struct weir_error *error)
{
    rd_kafka_conf_t *conf;
    int r = kafka_conf_new(KAFKA_PRODUCER, brokers, properties, property_count, &conf, error);
    if (r)
        return r;
    r = kafka_conf_set(conf, "allow.auto.create.topics", "true", error); /* see is_mock_cluster */
    if (r) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_t *client;
    r = kafka_client_new(KAFKA_PRODUCER, conf, &client, error);
    if (r)
        return r;
    char text[256] = "";
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!is_mock_cluster(client))
        err = create(client, topic, partitions, text, sizeof text);
    if (!err) {
        err = wait_until_there(client, topic);
        if (err)
            snprintf(text, sizeof text, "%s", rd_kafka_err2str(err));
    }
    rd_kafka_destroy(client);
    if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return error_set(error,
                         err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
                                 err == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS ||
                                 err == RD_KAFKA_RESP_ERR__INVALID_ARG
                             ? WEIR_E_INVALID
                             : WEIR_E_UNAVAILABLE,
                         "topic `%s` cannot be made at %s: %s", topic, brokers, text);
    return 0;
}
