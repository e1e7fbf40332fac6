/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer.h: what fields do these records have? The engine of `weir infer`.
 *
 * Any number of records are added; the `fields:` block of a pipeline file is written from them.
 * What was seen of each path is counted, never kept: no value of a record appears in what is
 * written. A guess is careful: a type is proposed only if every value that was seen is of it, so
 * that a pipeline with these fields rejects none of the records of the sample.
 *
 * At most INFER_FIELDS_MAX paths are followed, INFER_DEPTH_MAX objects deep; an object of more than
 * INFER_KEYS_MAX keys is taken for a map, of type json. [control]
 */
#ifndef INGEST_INFER_H
#define INGEST_INFER_H

#include "base/text.h"
#include "ingest/decode.h"

#define INFER_FIELDS_MAX 1000
#define INFER_DEPTH_MAX  8
#define INFER_KEYS_MAX   200

struct infer;

/* As of a decoder; CSV needs its columns' names. The options are copied. */
int infer_new(const struct decode_options *options, struct infer **ret_infer,
              struct weir_error *error);
void infer_free(struct infer *infer);
/* A record's value. One that cannot be read is counted. */
void infer_add(struct infer *infer, struct weir_str value);
uint64_t infer_records(const struct infer *infer);    /* read */
uint64_t infer_unreadable(const struct infer *infer); /* not read */
/* "fields:" and a line for each path, with what is worth knowing as a comment. */
void infer_write(const struct infer *infer, struct text *out);

#endif
