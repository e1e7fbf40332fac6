/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_options.h: from a pipeline's properties to a configured librdkafka client.
 *
 * One table says which properties of librdkafka are weir's: those that the rules of kafka_source.c
 * fix, those that have a key of their own in the pipeline file, those that would load code, and the
 * defaults that differ from librdkafka's. Everything else is handed over verbatim.
 */
#ifndef INGEST_KAFKA_OPTIONS_H
#define INGEST_KAFKA_OPTIONS_H

#include <librdkafka/rdkafka.h>

#include "ingest/kafka.h"

#define KAFKA_CLIENT_ID_BYTES_MAX 90 /* 2.0.2 writes past the end of a buffer from 100 bytes on */

/* From these versions on librdkafka does by itself what is worked around below them. */
#define KAFKA_VERSION_QUEUE_BACKOFF 0x020200ff /* fetch.queue.backoff.ms */
#define KAFKA_VERSION_SCRAM_NONCE   0x020601ff /* SCRAM that Kafka 4 accepts */

enum kafka_rule_kind {
    KAFKA_RULE_FIXED,  /* set by weir, the user may not */
    KAFKA_RULE_OWN,    /* has its own place in the pipeline file, or is the runtime's */
    KAFKA_RULE_CODE,   /* would load or run code */
    KAFKA_RULE_CHOICE, /* only what `value` lists, separated by |; the first is the default */
    KAFKA_RULE_DEFAULT /* weir's default, the user may say otherwise */
};

struct kafka_rule {
    const char *name;
    enum kafka_rule_kind kind;
    const char *value; /* NULL: none */
    const char *why;
};

/* The table, ended by a NULL name: for the documentation and the checks. */
const struct kafka_rule *kafka_rules(void);
const struct kafka_rule *kafka_rule_find(const char *name); /* NULL: none */

enum kafka_role { KAFKA_CONSUMER, KAFKA_PRODUCER };

/* A configuration with brokers (NULL: none), the user's properties and weir's defaults for the
 * role; properties of the other role are passed over. The caller gives it to rd_kafka_new or
 * destroys it. */
int kafka_conf_new(enum kafka_role role, const char *brokers,
                   const struct kafka_property *properties, uint32_t property_count,
                   rd_kafka_conf_t **ret_conf, struct weir_error *error);
/* One value, of weir's own; WEIR_E_INVALID with librdkafka's text. */
int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                   struct weir_error *error);
/* A client of this configuration, which is consumed in any case. */
int kafka_client_new(enum kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **ret_client,
                     struct weir_error *error);
/* The value that the user gave for a property, or NULL. */
const char *kafka_property_get(const struct kafka_property *properties, uint32_t property_count,
                               const char *name);

#endif
