/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_rig.h: what tests do to a real broker, by librdkafka: topics, records, transactions. A call
 * that fails fails the test.
 */
#ifndef TESTS_KAFKA_RIG_H
#define TESTS_KAFKA_RIG_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

extern const char *rig_brokers;
void rig_init(const char *brokers);

/* Of one test in this run. */
struct rig_names {
    char topic[64];
    char group[64];
};
struct rig_names rig_names(const char *test);

void rig_topic(const char *topic, int32_t partitions);
void rig_delete_topic(const char *topic);
void rig_grow_topic(const char *topic, size_t partitions);
void rig_delete_records(const char *topic, int32_t partition, int64_t before);

/* A client of our own, for what the producer of weir does not do; name, value, .., NULL. */
rd_kafka_t *rig_client(rd_kafka_type_t type, const char *const *settings);
/* A record with a header, not waited for. */
void rig_send(rd_kafka_t *client, const char *topic, int32_t partition, int64_t value);
rd_kafka_t *rig_transactional(const char *id);
/* Sends `count` records of value 1 in a transaction; `commit`: 1, 0 abort, -1 leave it open. */
void rig_transaction(rd_kafka_t *client, const char *topic, int32_t partition, int count,
                     int commit);
/* Values from .. from + count - 1 over the partitions in turn; returns their sum. */
uint64_t rig_produce(const char *topic, int32_t partitions, int64_t from, int64_t count);
/* The same under keys of so many bytes. */
uint64_t rig_produce_keyed(const char *topic, int32_t partitions, int64_t from, int64_t count,
                           size_t key_bytes);

#endif
