/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h: a decoder and a batch for tests, and what a row became as one line of text.
 *
 * Fields are declared as "id int; city=user.address.city string?; n int coerce". A row's line is
 * its values as JSON with blanks between, or "!reason" of a row that was rejected.
 */
#ifndef TESTS_INGEST_RIG_H
#define TESTS_INGEST_RIG_H

#include "base/text.h"
#include "ingest/decode.h"

#define RIG_FIELDS_MAX 200

struct rig {
    struct decoder *decoder;
    struct batch *batch;
    uint32_t column_count;
    struct text line;
};

void rig_init(struct rig *rig, const struct decode_options *options, const char *fields);
void rig_json(struct rig *rig, const char *fields); /* the usual options */
void rig_done(struct rig *rig);
/* The status of decoder_new for these fields, with its text. */
int rig_try(const struct decode_options *options, const char *fields, struct weir_error *error);

void rig_begin(struct rig *rig);
void rig_add(struct rig *rig, const char *data, size_t length);
void rig_run(struct rig *rig);
/* Valid until the next call. */
const char *rig_line(struct rig *rig, uint32_t row);
const char *rig_reject_text(const struct rig *rig, uint32_t row); /* NULL: not rejected */

/* One record alone. */
const char *rig_one(struct rig *rig, const char *data, size_t length);

/* The seed of random tests: WEIR_TEST_SEED, else the clock's; it is printed. */
uint64_t rig_seed(const char *test);
uint64_t rig_random(uint64_t *state);
static inline uint32_t rig_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)((rig_random(state) >> 32) % limit);
}

#endif
