/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce.h: replaying a recorded file into a topic.
 *
 *   produce.c       reads the file with the file source, paces, sends
 *   produce_row.c   one CSV row as a JSON object; the key of a record
 */
#ifndef PIPELINES_PRODUCE_H
#define PIPELINES_PRODUCE_H

#include "ingest/kafka.h"
#include "pipelines/plan.h"

struct produce_options {
    const char *path;
    bool csv;
    bool raw;                         /* lines as they are */
    const struct pipeline_plan *plan; /* types of the columns; NULL: none */
    const char *brokers;
    const struct kafka_property *properties;
    uint32_t property_count;
    const char *topic;
    const char *key; /* a field or column; NULL: no keys */
    int64_t rate;    /* records a second; 0: as fast as it goes */
    bool progress;   /* a line on standard error, after two seconds */
};

/* Returns an exit code of command.h; what went wrong stands in error. */
int produce_file(const struct produce_options *options, uint64_t *ret_records,
                 struct weir_error *error);

/* Turns the records of one file into what is sent. */
struct produce_rows;
int produce_rows_new(const struct produce_options *options, struct produce_rows **ret_rows,
                     struct weir_error *error);
void produce_rows_free(struct produce_rows *rows);
/* For each selected row the value to send, and the key (data NULL: none). Rows that cannot be read
 * (a CSV row with too few columns) are rejected in the batch. Valid until the next call. */
int produce_rows_convert(struct produce_rows *rows, struct batch *batch, struct weir_str *values,
                         struct weir_str *keys, struct weir_error *error);
uint32_t produce_rows_columns(const struct produce_rows *rows); /* of the batch */

#endif
