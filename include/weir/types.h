/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types.h: what a value can be.
 *
 * Types are declared in the pipeline file and known for every column before the first record is
 * read. A type is four bytes, is passed by value and compared member by member.
 *
 *   kind        stored as              meaning
 *   BOOL        uint8_t                0 or 1
 *   INT         int64_t
 *   FLOAT       double                 finite: NaN and infinities never enter a batch
 *   DECIMAL     int64_t                value x 10^scale, scale 0..18
 *   STRING      struct weir_str        valid UTF-8
 *   BYTES       struct weir_str        any bytes
 *   TIMESTAMP   int64_t                nanoseconds since 1970-01-01T00:00:00Z (1677 .. 2262)
 *   ARRAY       struct weir_str        JSON text of an array whose elements are of kind `element`
 *   JSON        struct weir_str        JSON text, verbatim
 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weir_kind {
    WEIR_BOOL = 1,
    WEIR_INT = 2,
    WEIR_FLOAT = 3,
    WEIR_DECIMAL = 4,
    WEIR_STRING = 5,
    WEIR_BYTES = 6,
    WEIR_TIMESTAMP = 7,
    WEIR_ARRAY = 8,
    WEIR_JSON = 9
};

#define WEIR_DECIMAL_SCALE_MAX 18

struct weir_type {
    uint8_t kind;     /* enum weir_kind */
    uint8_t scale;    /* DECIMAL: digits after the point */
    uint8_t element;  /* ARRAY: enum weir_kind of the elements */
    uint8_t nullable; /* 1: a value may be null */
};

/* Text or bytes somewhere else. Not terminated by a NUL. data is NULL for "no value" where a place
 * says that it can be so (a record's key); a string of length 0 has a data that is not NULL. */
struct weir_str {
    const char *data;
    uint32_t length;
    uint32_t reserved; /* 0 */
};

/* Where in a file something stands, for messages. Lines and columns count from 1; 0: not known. */
struct weir_mark {
    const char *file; /* borrowed; NULL: not from a file */
    uint32_t line;
    uint32_t column;
};

/* A named column: in which array of the batch its values stand. */
struct weir_field {
    const char *name;
    struct weir_type type;
    uint32_t column; /* index into weir_batch.columns */
};

/* The columns that are visible at one point of a pipeline, in order. */
struct weir_schema {
    const struct weir_field *fields;
    uint32_t count;
};

#ifdef __cplusplus
}
#endif
#endif
