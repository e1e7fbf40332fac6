/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_common.h: a decoder under fuzzing.
 *
 * The input is cut into records at each 0x1e (a byte that JSON and CSV have no use for), so that
 * what a decoder remembers of one record meets the next.
 */
#ifndef TESTS_FUZZ_DECODE_COMMON_H
#define TESTS_FUZZ_DECODE_COMMON_H

#include "base/text.h"
#include "ingest/decode.h"

#define FUZZ_RECORDS_MAX 16

struct fuzz_fields {
    const char *const *words; /* name, path, type, ..., NULL */
};

/* Cuts the input; returns how many records there are. */
uint32_t fuzz_cut(const uint8_t *data, size_t size, struct weir_str records[FUZZ_RECORDS_MAX]);
/* Decodes the records in one batch by a new decoder, in order or from the last to the first. Checks
 * what every value promises. records[i] becomes lines[i]: its values, or "!reason". */
void fuzz_decode(const struct decode_options *options, const char *const *fields, bool coerce,
                 const struct weir_str *records, uint32_t count, bool backwards,
                 struct text *lines);
void fuzz_lines_done(struct text *lines, uint32_t count);

#endif
