/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ingest/kafka_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ingest/kafka.h"

const char *rig_brokers;
static uint64_t run_id; /* in names of topics and groups */

void rig_init(const char *brokers)
{
    rig_brokers = brokers;
    run_id = (uint64_t)clock_wall_ns() / 1000000;
}

struct rig_names rig_names(const char *test)
{
    struct rig_names names;
    snprintf(names.topic, sizeof names.topic, "%s-%llx", test, (unsigned long long)run_id);
    snprintf(names.group, sizeof names.group, "g-%s-%llx", test, (unsigned long long)run_id);
    return names;
}

void rig_topic(const char *topic, int32_t partitions)
{
    struct weir_error error = {0};
    if (kafka_topic_ensure(rig_brokers, NULL, 0, topic, partitions, &error))
        fail_msg("%s", error.text);
}

/* ---- a client of our own, for what the producer of weir does not do ---- */

rd_kafka_t *rig_client(rd_kafka_type_t type, const char *const *settings)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rig_brokers, text, sizeof text);
    for (int i = 0; settings && settings[i]; i += 2)
        if (rd_kafka_conf_set(conf, settings[i], settings[i + 1], text, sizeof text))
            fail_msg("%s", text);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    assert_non_null(client);
    return client;
}

static void admin_wait(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    if (rd_kafka_event_error(event))
        fail_msg("%s", rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

void rig_delete_topic(const char *topic)
{
    rd_kafka_t *client = rig_client(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(client, &wanted, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_DeleteTopic_destroy(wanted);
    rd_kafka_destroy(client);
}

void rig_grow_topic(const char *topic, size_t partitions)
{
    char text[256];
    rd_kafka_t *client = rig_client(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewPartitions_t *wanted =
        rd_kafka_NewPartitions_new(topic, partitions, text, sizeof text);
    rd_kafka_CreatePartitions(client, &wanted, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_NewPartitions_destroy(wanted);
    rd_kafka_destroy(client);
}

void rig_delete_records(const char *topic, int32_t partition, int64_t before)
{
    rd_kafka_t *client = rig_client(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &wanted, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

void rig_send(rd_kafka_t *client, const char *topic, int32_t partition, int64_t value)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%lld", (long long)value);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(text, (size_t)length), RD_KAFKA_V_HEADER("n", text, (ssize_t)length),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(err, 0);
}

rd_kafka_t *rig_transactional(const char *id)
{
    const char *const settings[] = {"transactional.id", id, "linger.ms", "0", NULL};
    rd_kafka_t *client = rig_client(RD_KAFKA_PRODUCER, settings);
    rd_kafka_error_t *error = rd_kafka_init_transactions(client, 30000);
    if (error)
        fail_msg("%s", rd_kafka_error_string(error));
    return client;
}

/* Sends `count` records of one partition in a transaction; `commit`: 1, 0 abort, -1 leave it open.
 */
void rig_transaction(rd_kafka_t *client, const char *topic, int32_t partition, int count,
                     int commit)
{
    assert_null(rd_kafka_begin_transaction(client));
    for (int i = 0; i < count; i++)
        rig_send(client, topic, partition, 1);
    assert_int_equal(rd_kafka_flush(client, 10000), 0);
    rd_kafka_error_t *error = NULL;
    if (commit >= 0)
        error = commit ? rd_kafka_commit_transaction(client, 10000)
                       : rd_kafka_abort_transaction(client, 10000);
    if (error)
        fail_msg("%s", rd_kafka_error_string(error));
}

/* Values from .. from + count - 1 over the partitions in turn, under keys of so many bytes; returns
 * their sum. */
uint64_t rig_produce_keyed(const char *topic, int32_t partitions, int64_t from, int64_t count,
                           size_t key_bytes)
{
    char key[1024] = "";
    assert_true(key_bytes < sizeof key);
    memset(key, 'k', key_bytes);
    struct kafka_producer *producer;
    struct weir_error error = {0};
    assert_int_equal(kafka_producer_new(rig_brokers, NULL, 0, &producer, &error), 0);
    uint64_t sum = 0, delivered = 0;
    for (int64_t i = 0; i < count; i++) {
        char value[32];
        snprintf(value, sizeof value, "%lld", (long long)(from + i));
        if (kafka_producer_send(producer, topic, (int32_t)(i % partitions),
                                str_make(key_bytes ? key : NULL, key_bytes), str_of(value), -1,
                                &error))
            fail_msg("%s", error.text);
        sum += (uint64_t)(from + i);
    }
    if (kafka_producer_flush(producer, 60000, &delivered, &error))
        fail_msg("%s", error.text);
    assert_int_equal(delivered, count);
    kafka_producer_free(producer);
    return sum;
}

uint64_t rig_produce(const char *topic, int32_t partitions, int64_t from, int64_t count)
{
    return rig_produce_keyed(topic, partitions, from, count, 0);
}
