/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h: bytes -> typed columns.
 *
 * A decoder reads the values of a batch's selected rows and sets one column for each declared
 * field. It looks at declared fields only; what else a record holds is skipped (unless
 * json_validate_full). A record that cannot be decoded is rejected alone, with reason and text.
 * Strings are views into the payload, or into the batch's memory where they had to be unescaped.
 *
 * JSON: a record is one object in UTF-8. What is not declared is not checked but for UTF-8,
 * strings, NUL bytes, depth, and that the brackets close with the last byte. The first of duplicate
 * keys counts. Numbers are exact or refused: an int may be written 5.0 or 5e3, not 5.5; a decimal
 * has no more digits than its scale unless they are zeros; a timestamp of a unit may have a
 * fraction that is whole in nanoseconds. With `coerce` the text of a value is read as CSV would; a
 * string takes a number or a bool as it is written. BYTES are the bytes of a text. A field without
 * `?` is neither missing nor null; `a.b` of an `a` that is null is missing, of one that is no
 * object wrong_type.
 *
 * CSV: RFC 4180, every column as its declared type; nothing between two delimiters is null, an
 * empty text in quotes is empty. A record has as many columns as there are names.
 *
 * A decoder belongs to one worker: it keeps its parser's memory, up to about 4 MiB; while it reads
 * a record of DECODE_RECORD_BYTES_MAX it has 64 MiB.
 */
#ifndef INGEST_DECODE_H
#define INGEST_DECODE_H

#include "base/batch.h"

enum decode_format { DECODE_JSON, DECODE_CSV };

enum decode_time {
    DECODE_TIME_UNIT,    /* a number of `time_unit_ns` since the epoch, or its digits as text */
    DECODE_TIME_RFC3339, /* text */
    DECODE_TIME_FORMAT   /* text, strptime */
};

#define DECODE_DEPTH_MAX        512         /* nesting of a JSON record, levels */
#define DECODE_RECORD_BYTES_MAX (16u << 20) /* a larger record is rejected as too_large */

struct decode_field {
    const char *name;
    const char *const *path; /* JSON: keys from the outside in; CSV: path[0] is the column's name */
    uint32_t path_length;
    struct weir_type type;
    uint8_t time; /* enum decode_time, of TIMESTAMP */
    bool coerce;  /* JSON: text is read as the declared type; CSV is always so */
    int64_t time_unit_ns;
    const char *time_format;
    uint32_t column; /* weir_batch.columns */
};

struct decode_options {
    enum decode_format format;
    bool json_validate_full;
    char csv_delimiter;
    const char *const *csv_columns; /* names by position; NULL: the order of `fields` */
    uint32_t csv_column_count;
};

struct decoder;

/* fields and options are copied. WEIR_E_INVALID: a field that this format cannot have. */
int decoder_new(const struct decode_options *options, const struct decode_field *fields,
                uint32_t field_count, struct decoder **ret_decoder, struct weir_error *error);
void decoder_free(struct decoder *decoder);
/* [worker] Sets the columns, rejects what does not decode (the caller narrows). Negative: no
 * memory. */
int decoder_run(struct decoder *decoder, struct batch *batch, struct weir_error *error);

/* The type of a `fields:` entry with its time format: "int", "string?", "timestamp(ms)?",
 * "timestamp('%d/%m/%Y')", "array(int)". Fills type, time, time_unit_ns and time_format (allocated)
 * of the field. */
int decode_field_type_read(const char *text, struct decode_field *field, struct weir_error *error);

/* The types of `fields:`, for reference pages; the last has name NULL. */
struct decode_type {
    const char *name;
    const char *summary;
};
extern const struct decode_type decode_types[];

#endif
