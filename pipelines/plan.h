/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h: a pipeline file, checked and typed: all that is known before the first record.
 *
 *   bytes -> yaml.c (nodes with places, variables expanded)
 *         -> declare*.c (what each part of the file may say, by tables)
 *         -> plan.c (columns, stages and sink resolved against each other)
 *
 * A plan is constant once made. It owns everything it points to.
 */
#ifndef PIPELINES_PLAN_H
#define PIPELINES_PLAN_H

#include "base/problems.h"
#include "ingest/decode.h"
#include "ingest/file.h"
#include "ingest/kafka.h"
#include "sink/plan.h"
#include "transforms/chain.h"

enum source_kind { SOURCE_KAFKA, SOURCE_FILE };
enum start_kind { START_EARLIEST, START_LATEST, START_TIME };
enum on_error { ON_ERROR_DEAD_LETTER, ON_ERROR_SKIP, ON_ERROR_STOP };

/* Columns that every record has; PLAN_META(X): X(symbol, name, type kind, nullable). */
#define PLAN_META(X)                                                                               \
    X(META_KEY, "_key", WEIR_STRING, 1)                                                            \
    X(META_TOPIC, "_topic", WEIR_STRING, 0)                                                        \
    X(META_PARTITION, "_partition", WEIR_INT, 0)                                                   \
    X(META_OFFSET, "_offset", WEIR_INT, 0)                                                         \
    X(META_TIMESTAMP, "_timestamp", WEIR_TIMESTAMP, 1)                                             \
    X(META_HEADERS, "_headers", WEIR_JSON, 1)

enum plan_meta {
#define PLAN_META_ENUM(symbol, name, kind, nullable) symbol,
    PLAN_META(PLAN_META_ENUM)
#undef PLAN_META_ENUM
        PLAN_META_COUNT
};

struct pipeline_plan {
    const char *name;
    const char *path; /* of the file, as given */

    enum source_kind source;
    struct kafka_options
        kafka;          /* workers, client_id, group_instance_id: filled in by the runtime */
    bool kafka_dynamic; /* membership: dynamic */
    enum kafka_on_gap on_gap;
    bool on_recreated_restart;
    struct file_options file;
    enum start_kind start;
    int64_t start_ns;

    struct decode_options decode;
    struct decode_field *fields;
    uint32_t field_count;
    uint32_t meta_columns[PLAN_META_COUNT]; /* index in weir_batch.columns */
    bool meta_needed[PLAN_META_COUNT];      /* some stage or the sink reads it */
    uint32_t event_time_column;             /* SINK_NO_COLUMN: Kafka's timestamp */
    enum on_error on_error;
    const char *dead_letter_topic; /* NULL: files in the data directory */
    uint64_t dead_letter_bytes_max;

    uint32_t column_count;
    struct chain *chain;
    struct sink_plan sink;
    bool http_produce;
    int64_t snapshot_every_ns;
    uint32_t snapshot_keep;

    const struct weir_node *root;  /* the whole file */
    const struct weir_node *tests; /* NULL: none */
    void *owner;                   /* private to plan.c */
};

/* Reads and plans a file. Mistakes and warnings are added to problems; NULL after an error. Nothing
 * outside is asked (no broker, no registry), so `weir check` says the same everywhere. [control] */
struct pipeline_plan *pipeline_plan_load(const char *path, struct problems *problems);
/* The same from memory (the tests of stages and of `weir new`). path is for messages, which borrow
 * it in both functions; relative paths in the file count from its folder. */
struct pipeline_plan *pipeline_plan_parse(const char *path, const char *text, size_t length,
                                          struct problems *problems);
void pipeline_plan_free(struct pipeline_plan *plan);
/* What `weir explain` prints: JSON, or text for people. Values from ${..} are not printed. */
void pipeline_plan_explain(const struct pipeline_plan *plan, bool json, struct text *out);

#endif
