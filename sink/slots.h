/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.h: values of columns as fixed-width slots in rows of the image.
 *
 *   BOOL INT FLOAT DECIMAL TIMESTAMP   8 bytes
 *   STRING BYTES ARRAY JSON            16 bytes: struct str_slot
 *
 * A row is a sequence of slots, followed by words of null bits where a column may be null. A null's
 * slot is zero, and so is every byte behind a short text: rows without long texts are equal when
 * their bytes are. A long text's slot has a keyed hash of 64 bits; its reference takes no part in
 * hashing or comparing.
 */
#ifndef SINK_SLOTS_H
#define SINK_SLOTS_H

#include <weir/batch.h>

#include "base/hash.h"
#include "base/value.h"
#include "sink/heap.h"
#include "sink/read.h"

#define STR_INLINE_MAX 12u
#define STR_NONE       UINT32_MAX /* as length: no value yet; only in states */

struct str_slot {
    uint32_t length;
    union {
        char bytes[STR_INLINE_MAX];
        struct {
            uint32_t hash[2];
            uint32_t ref; /* heap; 0 in keys that are only looked up */
        };
    };
};
_Static_assert(sizeof(struct str_slot) == 16, "str_slot");

/* 8 bytes that are aligned to 4 only. */
struct __attribute__((packed, aligned(4))) word4 {
    union {
        uint64_t u;
        int64_t i;
        double f;
    };
};

struct slot_column {
    struct weir_type type;
    uint32_t column; /* in the batch */
    uint16_t at;     /* in the row */
    uint16_t is_str;
    uint32_t null_bit; /* UINT32_MAX: never null */
};

struct slot_shape {
    uint32_t count;
    uint32_t bytes;    /* slots and null words; a multiple of 8 */
    uint32_t nulls_at; /* null words; = bytes when there are none */
    uint32_t str_count;
    struct slot_column *columns;
};

/* Strings of a row go to a heap, or come from one. */
struct slot_heap {
    struct image *image;
    struct heap_head *head;
    uint32_t owner;
    uint64_t seed;
};

/* The caller frees columns. */
void slot_shape_init(struct slot_shape *shape, const struct weir_field *first, uint32_t first_count,
                     const struct weir_field *second, uint32_t second_count);

/* ---- writing rows from a batch, column by column ---- */

/* Fills `row_at(i)` = out + i * stride for rows[0 .. n). Long texts get their hash, no reference.
 * ret_long[i] becomes true where a text is long; may be NULL when there are no strings. */
void slots_gather(const struct slot_shape *shape, const struct weir_batch *batch,
                  const uint16_t *rows, uint32_t n, uint64_t seed, unsigned char *out,
                  uint32_t stride, uint8_t *ret_long);
/* A row of a record's key as one text column (tombstones). */
void slot_set_str(struct str_slot *slot, struct weir_str text, uint64_t seed);

/* Keyed hash of a row whose long texts have no reference. */
static inline uint64_t slots_hash(const struct slot_shape *shape, const void *row, uint64_t seed)
{
    /* The common sizes are spelled out so that the hash is inlined for them. */
    switch (shape->bytes) {
    case 8:
        return hash_bytes(row, 8, seed);
    case 16:
        return hash_bytes(row, 16, seed);
    default:
        return hash_bytes(row, shape->bytes, seed);
    }
}
/* The same of a stored row. */
uint64_t slots_hash_stored(const struct slot_shape *shape, const void *row, uint64_t seed);
/* slots_gather without gaps between rows, and the rows' hashes. */
void slots_make_keys(const struct slot_shape *shape, const struct weir_batch *batch,
                     const uint16_t *rows, uint32_t n, uint64_t seed, unsigned char *out,
                     uint8_t *ret_long, uint64_t *ret_hashes);

/* ---- comparing ---- */

static inline bool slots_equal_bytes(const void *a, const void *b, uint32_t bytes)
{
    const struct word4 *x = a, *y = b;
    for (uint32_t i = 0; i < bytes / 8; i++)
        if (x[i].u != y[i].u)
            return false;
    return true;
}

/* What texts of a looked-up row stand for: columns of a batch, or values. */
struct slot_texts {
    const struct weir_batch *batch; /* with `row`; NULL: values */
    uint32_t row;
    const union read_value *values; /* by column of the shape */
};
static inline struct weir_str slot_text(const struct slot_shape *shape,
                                        const struct slot_texts *texts, uint32_t column)
{
    return texts->batch ? texts->batch->columns[shape->columns[column].column]->strs[texts->row]
                        : texts->values[column].s;
}
/* A looked-up row against a stored one, where some text is long. */
bool slots_equal_long(const struct slot_shape *shape, const struct slot_heap *heap,
                      const void *looked_up, const struct slot_texts *texts, const void *stored);

/* ---- texts of a stored row ---- */

/* Puts the long texts of a row, from column `first` on, into the heap and sets their references.
 * The pages were reserved before. */
void slots_store_texts(const struct slot_shape *shape, const struct slot_heap *heap, void *row,
                       uint32_t first, const struct slot_texts *texts);
void slots_free_texts(const struct slot_shape *shape, const struct slot_heap *heap, const void *row,
                      uint32_t first);
/* Adds what the long texts of a row need: bytes of those that share pages, pages of the others. */
void slots_long_add(const struct slot_shape *shape, const void *row, uint64_t *bytes,
                    uint64_t *pages);
/* Pages for so many bytes of values in size classes. */
static inline uint64_t slots_long_pages(uint64_t bytes, uint64_t pages)
{
    return pages + (bytes ? bytes / (PAGE_BYTES / 2) + HEAP_CLASSES : 0);
}

static inline bool slot_is_null(const struct slot_shape *shape, const void *row, uint32_t column)
{
    uint32_t bit = shape->columns[column].null_bit;
    if (bit == UINT32_MAX)
        return false;
    const struct word4 *words = (const struct word4 *)((const char *)row + shape->nulls_at);
    return words[bit >> 6].u >> (bit & 63) & 1;
}
static inline const struct str_slot *slot_str(const struct slot_shape *shape, const void *row,
                                              uint32_t column)
{
    return (const struct str_slot *)((const char *)row + shape->columns[column].at);
}
/* Reads a column of a stored row. Text is copied to *text, which moves on. */
union read_value slot_value(const struct slot_shape *shape, const struct slot_heap *heap,
                            const void *row, uint32_t column, char **text);
/* Bytes that slot_value of all columns copies. */
uint64_t slots_text_bytes(const struct slot_shape *shape, const void *row);
/* A row to look up, made of values (none null). Returns whether a text is long. */
bool slots_of_values(const struct slot_shape *shape, const union read_value *values, uint64_t seed,
                     void *row);

#endif
