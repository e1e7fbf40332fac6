/* SPDX-License-Identifier: Apache-2.0 */
/* infer_private.h: what was seen of each path: counted in infer.c, judged in infer_write.c. */
#ifndef INGEST_INFER_PRIVATE_H
#define INGEST_INFER_PRIVATE_H

#include "ingest/infer.h"
#include "ingest/json_walk.h"

/* Kinds of values, as they are written. X(symbol, words) */
#define INFER_KINDS(X)                                                                             \
    X(INFER_BOOL, "true or false")                                                                 \
    X(INFER_INT, "whole numbers")                                                                  \
    X(INFER_BIG, "whole numbers beyond 64 bits")                                                   \
    X(INFER_FRACTION, "numbers with a point")                                                      \
    X(INFER_EXPONENT, "numbers with an exponent")                                                  \
    X(INFER_TEXT, "text")                                                                          \
    X(INFER_ARRAY, "arrays")                                                                       \
    X(INFER_OBJECT, "objects")

enum infer_kind {
#define INFER_KIND_ENUM(symbol, words) symbol,
    INFER_KINDS(INFER_KIND_ENUM)
#undef INFER_KIND_ENUM
        INFER_KIND_COUNT
};

/* Whole numbers, or texts of digits. */
struct infer_range {
    uint64_t count;
    int64_t least;
    int64_t greatest;
};

struct infer_path {
    char *key;
    uint32_t key_length;
    uint64_t last_record; /* the record that was counted last: of duplicates the first counts */
    uint64_t counts[INFER_KIND_COUNT];
    uint64_t present;       /* all kinds; the other records have null or nothing */
    uint32_t digits_before; /* the point; the greatest number of them */
    uint32_t digits_behind;
    struct infer_range ints;
    struct infer_range digit_texts;
    uint64_t rfc3339_texts;
    uint32_t element_kinds; /* bit of each enum infer_kind in arrays */
    uint64_t element_nulls;
    bool too_many; /* keys, or too deep: what is below is not followed */
    struct infer_path **children;
    uint32_t child_count;
    uint32_t guess; /* the child that comes next, probably */
};

struct infer {
    struct infer_path root;
    uint32_t path_count;
    uint64_t records;
    uint64_t unreadable;
    uint64_t paths_dropped; /* INFER_FIELDS_MAX */
    bool csv;
    struct json_index index;
    struct text scratch;
    /* CSV: all columns as texts. */
    char **columns;
    struct decoder *decoder;
    struct batch *batch;
};

#endif
