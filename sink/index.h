/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h: a table from the hash of a row to the row's reference, over rows that stand in cells.
 *
 * Rows stay where they are and pages of rows are dense; the index costs 9 bytes a row plus the free
 * part of its buckets (13 on average). The upper half of the hash is kept in the entry, so that a
 * split reads no row and a search reads, nearly always, only the right one.
 */
#ifndef SINK_INDEX_H
#define SINK_INDEX_H

#include "sink/cells.h"
#include "sink/table.h"

struct index_entry {
    uint32_t hash_high;
    uint32_t ref;
};

static inline uint64_t index_entry_hash(const void *context, const void *entry)
{
    (void)context;
    return (uint64_t)((const struct index_entry *)entry)->hash_high << 32;
}

static inline void index_init(struct table *table, struct image *image, struct table_head *head,
                              uint32_t owner)
{
    table_init(table, image, head, owner, sizeof(struct index_entry), index_entry_hash, NULL);
}

static inline bool index_insert(struct table *table, uint64_t hash, uint32_t ref)
{
    struct index_entry *entry = table_insert(table, hash);
    if (entry)
        *entry = (struct index_entry){(uint32_t)(hash >> 32), ref};
    return entry;
}

/* What a search compares rows with: equal(context, i, row) for the i-th of the searched. */
struct index_match {
    const struct image *image;
    const struct cells_head *rows;
    bool (*equal)(const void *context, uint32_t i, const void *row);
    const void *context;
    uint64_t hash;
};

static inline __attribute__((always_inline)) bool index_equal(const void *context, uint32_t i,
                                                              const void *entry)
{
    const struct index_match *match = context;
    const struct index_entry *e = entry;
    return e->hash_high == (uint32_t)(match->hash >> 32) &&
           match->equal(match->context, i, cell_read(match->image, match->rows, e->ref));
}

/* The entry, or NULL. */
static inline __attribute__((always_inline)) const struct index_entry *
index_find(const struct table *table, const struct cells_head *rows, uint64_t hash,
           bool (*equal)(const void *context, uint32_t i, const void *row), const void *context,
           uint32_t i)
{
    struct index_match match = {table->image, rows, equal, context, hash};
    return table_find(table, hash, index_equal, &match, i);
}

/* found[i]: the row's reference, 0: none. Rows that are found are in the cache afterwards, the
 * first lines of them. */
static inline __attribute__((always_inline)) void
index_find_many(const struct table *table, const struct cells_head *rows, const uint64_t *hashes,
                uint32_t count, uint32_t *found,
                bool (*equal)(const void *context, uint32_t i, const void *row),
                const void *context)
{
    const struct bucket_shape shape = table->shape;
    const struct bucket *buckets[TABLE_CHUNK];
    const uint32_t *slots[TABLE_CHUNK];
    unsigned masks[TABLE_CHUNK];
    uint32_t guesses[TABLE_CHUNK];

    if (!table->head->root) {
        memset(found, 0, count * sizeof *found);
        return;
    }
    for (uint32_t from = 0; from < count; from += TABLE_CHUNK) {
        uint32_t n = count - from < TABLE_CHUNK ? count - from : TABLE_CHUNK;
        const uint64_t *h = hashes + from;

        if (table->roots) {
            for (uint32_t i = 0; i < n; i++) {
                slots[i] = directory_slot(table, table_root(table, h[i]), h[i]);
                __builtin_prefetch(slots[i]);
            }
            for (uint32_t i = 0; i < n; i++) {
                buckets[i] = page_bucket(page_read(table->image, *slots[i]));
                const uint8_t *window = bucket_tags(buckets[i]) + bucket_home(h[i], shape);
                __builtin_prefetch(window);
                __builtin_prefetch(window + BUCKET_WINDOW - 1);
            }
        } else {
            for (uint32_t i = 0; i < n; i++)
                buckets[i] = page_bucket(page_read(table->image, table->head->root));
        }
        for (uint32_t i = 0; i < n; i++) {
            unsigned home = bucket_home(h[i], shape);
            masks[i] = bucket_match(bucket_tags(buckets[i]) + home, bucket_tag(h[i]));
            const char *guess = bucket_entry(
                buckets[i], shape,
                bucket_slot(shape, home + (masks[i] ? (unsigned)__builtin_ctz(masks[i]) : 0)));
            __builtin_prefetch(guess);
        }
        for (uint32_t i = 0; i < n; i++) {
            guesses[i] = 0;
            for (unsigned mask = masks[i]; mask; mask &= mask - 1) {
                const struct index_entry *e = (const void *)bucket_entry(
                    buckets[i], shape,
                    bucket_slot(shape, bucket_home(h[i], shape) + (unsigned)__builtin_ctz(mask)));
                if (e->hash_high != (uint32_t)(h[i] >> 32))
                    continue;
                guesses[i] = e->ref;
                const char *row = cell_read(table->image, rows, e->ref);
                __builtin_prefetch(row, 1);
                __builtin_prefetch(row + rows->cell_bytes - 1, 1);
                break;
            }
        }
        for (uint32_t i = 0; i < n; i++) {
            uint32_t ref = guesses[i];
            if (unlikely(!ref || !equal(context, from + i, cell_read(table->image, rows, ref)))) {
                const struct index_entry *e =
                    index_find(table, rows, h[i], equal, context, from + i);
                ref = e ? e->ref : 0;
            }
            found[from + i] = ref;
        }
    }
}

#endif
