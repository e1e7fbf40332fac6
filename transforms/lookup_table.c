/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/lookup.h"

#include "base/hash.h"

#define GROUP_KEYS 32

static inline const struct weir_str *key_of(const struct lookup_table *table, uint32_t row)
{
    return table->rows + (size_t)row * table->width;
}

static inline bool key_equal(const struct weir_str *a, const struct weir_str *b)
{
    return a->length == b->length && !memcmp(a->data, b->data, a->length);
}

int lookup_table_init(struct lookup_table *table, const struct weir_str *rows, uint32_t width,
                      uint32_t count, uint32_t *ret_duplicate)
{
    uint64_t capacity = 16;
    while (capacity < (uint64_t)count * 2)
        capacity *= 2;
    table->slots = mem_array(capacity, sizeof *table->slots);
    table->mask = capacity - 1;
    table->seed = hash_random_seed();
    table->rows = rows;
    table->width = width;
    for (uint32_t row = 0; row < count; row++) {
        const struct weir_str *key = key_of(table, row);
        uint64_t hash = hash_bytes(key->data, key->length, table->seed);
        uint64_t at = hash & table->mask;
        for (; table->slots[at]; at = (at + 1) & table->mask) {
            uint32_t other = (uint32_t)table->slots[at] - 1;
            if (table->slots[at] >> 32 == hash >> 32 && key_equal(key_of(table, other), key)) {
                *ret_duplicate = row;
                return WEIR_E_INVALID;
            }
        }
        table->slots[at] = (hash >> 32 << 32) | (row + 1);
    }
    return 0;
}

void lookup_table_done(struct lookup_table *table)
{
    free(table->slots);
    table->slots = NULL;
}

static inline uint32_t find_one(const struct lookup_table *table, const struct weir_str *key,
                                uint64_t hash)
{
    for (uint64_t at = hash & table->mask; table->slots[at]; at = (at + 1) & table->mask) {
        uint64_t slot = table->slots[at];
        if (slot >> 32 != hash >> 32)
            continue;
        uint32_t row = (uint32_t)slot - 1;
        if (key_equal(key_of(table, row), key))
            return row;
    }
    return LOOKUP_NOT_FOUND;
}

void lookup_table_find(const struct lookup_table *table, const struct weir_str *keys,
                       uint32_t count, uint32_t *ret_rows)
{
    uint64_t hashes[GROUP_KEYS];
    for (uint32_t from = 0; from < count; from += GROUP_KEYS) {
        uint32_t n = count - from < GROUP_KEYS ? count - from : GROUP_KEYS;
        for (uint32_t i = 0; i < n; i++) {
            const struct weir_str *key = keys + from + i;
            hashes[i] = key->data ? hash_bytes(key->data, key->length, table->seed) : 0;
            __builtin_prefetch(table->slots + (hashes[i] & table->mask));
        }
        /* The key's view and its bytes are two more misses, one behind the other. */
        for (uint32_t i = 0; i < n; i++) {
            uint64_t slot = table->slots[hashes[i] & table->mask];
            if (slot)
                __builtin_prefetch(key_of(table, (uint32_t)slot - 1));
        }
        for (uint32_t i = 0; i < n; i++) {
            uint64_t slot = table->slots[hashes[i] & table->mask];
            if (slot >> 32 == hashes[i] >> 32 && slot)
                __builtin_prefetch(key_of(table, (uint32_t)slot - 1)->data);
        }
        for (uint32_t i = 0; i < n; i++) {
            const struct weir_str *key = keys + from + i;
            ret_rows[from + i] = key->data ? find_one(table, key, hashes[i]) : LOOKUP_NOT_FOUND;
        }
    }
}
