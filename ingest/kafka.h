/* SPDX-License-Identifier: Apache-2.0 */
/* kafka.h: the Kafka source. The rules it follows and why stand in kafka_source.c. */
#ifndef INGEST_KAFKA_H
#define INGEST_KAFKA_H

#include "ingest/source.h"
#include "base/problems.h"

enum kafka_on_gap { KAFKA_GAP_STOP, KAFKA_GAP_EARLIEST, KAFKA_GAP_LATEST };

struct kafka_property {
    const char *name;
    const char *value;
    bool secret;
    struct weir_mark mark;
};

struct kafka_options {
    const char *brokers;
    const char *const *topics;
    uint32_t topic_count;
    const char *group;
    const char *client_id;         /* cut to 90 bytes */
    const char *group_instance_id; /* NULL: dynamic membership */
    const struct kafka_property *properties;
    uint32_t property_count;
    int32_t workers;
    uint64_t
        queue_bytes_max;  /* prefetched records, all partitions; one answer of a broker beyond */
    const char *pipeline; /* label of metrics; NULL: the group */
    struct weir_mark brokers_mark;
};

/* What can be known without a broker: unknown properties (with a suggestion), properties that load
 * code or that the rules fix, SCRAM on a librdkafka that Kafka 4 refuses. [control] */
void kafka_options_check(const struct kafka_options *options, struct problems *problems);
/* A source as in source.h. Options are copied. What it does on its own: a partition that has
 * stopped for a gap or a deletion is assigned anew (`assigned` decides then); one for which
 * `assigned` answers WEIR_E_UNAVAILABLE likewise, later. Freeing it leaves librdkafka's handle to a
 * thread that nobody waits for, so a process ends by _exit. WEIR_E_INVALID: librdkafka refuses the
 * options. */
int kafka_source_new(const struct kafka_options *options, const struct source_handler *handler,
                     void *context, struct source **ret_source, struct weir_error *error);

/* Where a partition begins for `start: latest | a time`, asked of the broker: the offset of the
 * first record whose timestamp is time_ms or later, else the end of the log. [control, from
 * `assigned`] */
int kafka_offset_for_time(struct source *source, const char *topic, int32_t partition,
                          int64_t time_ms, int64_t *ret_offset, struct weir_error *error);

/* A producer for `weir produce`, `weir demo` and POST .../records. One thread at a time. */
struct kafka_producer;
int kafka_producer_new(const char *brokers, const struct kafka_property *properties,
                       uint32_t property_count, struct kafka_producer **ret_producer,
                       struct weir_error *error);
/* Copies. partition -1: by key, or spread. Waits while the queue is full. Delivery failures are
 * counted and the first is told by flush. */
int kafka_producer_send(struct kafka_producer *producer, const char *topic, int32_t partition,
                        struct weir_str key, struct weir_str value, int64_t timestamp_ms,
                        struct weir_error *error);
/* All sent are acknowledged, or negative after timeout_ms. delivered counts all so far. */
int kafka_producer_flush(struct kafka_producer *producer, int timeout_ms, uint64_t *ret_delivered,
                         struct weir_error *error);
void kafka_producer_free(struct kafka_producer *producer);
/* Make a topic unless it is there. (The embedded broker makes it with a number of its own.) */
int kafka_topic_ensure(const char *brokers, const struct kafka_property *properties,
                       uint32_t property_count, const char *topic, int32_t partitions,
                       struct weir_error *error);

/* The embedded development broker: librdkafka's mock cluster, reached by the chosen port (0: any)
 * of the loopback address. It keeps the newest 5 MiB or 100,000 records of a partition, in memory.
 */
struct kafka_broker;
int kafka_broker_new(int port, struct kafka_broker **ret_broker, struct weir_error *error);
int kafka_broker_topic(struct kafka_broker *broker, const char *topic, int32_t partitions,
                       struct weir_error *error);
const char *kafka_broker_bootstrap(const struct kafka_broker *broker); /* host:port */
void kafka_broker_free(struct kafka_broker *broker);

const char *kafka_library_version(void);

#endif
