/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.h: the parts of the `lookup` stage.
 *
 *   lookup_file.c    a CSV or NDJSON file -> rows of wanted columns, as text
 *   lookup_table.c   rows -> a read-only hash table
 *   lookup.c         the stage: options, and a batch against the table
 *
 * These files are small beside a stream and are read whole, at planning time. What ingest/ has for
 * records of a stream is not used: transforms/ and ingest/ do not know one another, and a table
 * that stays in memory wants other things of a reader (views that live on) than a batch does.
 */
#ifndef TRANSFORMS_LOOKUP_H
#define TRANSFORMS_LOOKUP_H

#include <weir/error.h>
#include <weir/types.h>

#include "base/memory.h"
#include "base/text.h"

#define LOOKUP_FILE_BYTES_MAX ((size_t)512 << 20)
#define LOOKUP_ROWS_MAX       50000000u
#define LOOKUP_COLUMNS_MAX    64 /* taken by one stage */
#define LOOKUP_JSON_DEPTH_MAX 64

enum lookup_format { LOOKUP_CSV, LOOKUP_NDJSON };

/* The rows of a file, as views into its bytes (or into the arena, where text had to be unescaped).
 * values[row * width + i] is wanted column i; data NULL: null, or not there. An empty unquoted
 * field of CSV is null. Texts of NDJSON are unescaped, everything else is verbatim. */
struct lookup_rows {
    struct text file;
    struct arena arena;
    struct weir_str *values;
    uint32_t *lines; /* where each row begins, for messages */
    uint32_t width;
    uint32_t count;
    uint32_t capacity;
};

/* Reads the wanted columns. Mistakes say file and line. A column that a CSV file does not have is a
 * mistake; an object of NDJSON may lack any but the first (the key). */
int lookup_rows_read(const char *path, enum lookup_format format, char delimiter,
                     const char *const *wanted, uint32_t wanted_count, struct lookup_rows *ret_rows,
                     struct weir_error *error);
void lookup_rows_done(struct lookup_rows *rows);
/* The names in the first record of a CSV file, in `names` (up to `max`); how many there are, or
 * negative. Views into rows->file. */
int lookup_csv_header(const char *path, char delimiter, struct weir_str *names, uint32_t max,
                      struct lookup_rows *ret_file, struct weir_error *error);

/* Private to lookup_file.c and lookup_json.c. */
struct weir_str *lookup_rows_append(struct lookup_rows *rows, uint32_t line);
int lookup_json_line(struct lookup_rows *rows, const char *from, const char *end, uint32_t line,
                     const char *path, const char *const *wanted, struct weir_error *error);

#define LOOKUP_NOT_FOUND UINT32_MAX

/* Keys -> row numbers, read-only, any number of threads. Open addressing with linear probing at
 * most half full; a slot holds 32 bits of the hash beside the row, so that a key is compared only
 * where it is the right one but for 1 in 4 billion. */
struct lookup_table {
    uint64_t *slots; /* hash's upper half << 32 | row + 1; 0: empty */
    uint64_t mask;
    uint64_t seed;
    const struct weir_str *rows; /* borrowed; a row's key is rows[row * width], so that its values
                                    mostly share its cache line */
    uint32_t width;
};

/* Of equal keys *ret_duplicate is the later row and WEIR_E_INVALID the answer. */
int lookup_table_init(struct lookup_table *table, const struct weir_str *rows, uint32_t width,
                      uint32_t count, uint32_t *ret_duplicate);
void lookup_table_done(struct lookup_table *table);
/* Row numbers of `count` keys, LOOKUP_NOT_FOUND where there is none or the key's data is NULL. In
 * groups: hash and prefetch all, then compare, so that misses of the cache overlap. */
void lookup_table_find(const struct lookup_table *table, const struct weir_str *keys,
                       uint32_t count, uint32_t *ret_rows);

#endif
