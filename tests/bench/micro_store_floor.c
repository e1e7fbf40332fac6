/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/micro_store_floor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

#define CHUNK       64
#define SLOTS_FIRST 1024
#define ENTRIES_MAX ((size_t)1 << 24)
#define FLOOR_SEED  0

/* Fresh zeroed pages, huge where the system gives them. */
static void *take(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

struct slot {
    uint64_t hash;
    uint32_t entry;
    uint32_t used;
};

struct slots {
    struct slot *slots;
    uint64_t mask;
    uint32_t used;
};

static void slots_init(struct slots *s)
{
    *s = (struct slots){take(SLOTS_FIRST * sizeof(struct slot)), SLOTS_FIRST - 1, 0};
}

static void slots_done(struct slots *s)
{
    munmap(s->slots, (s->mask + 1) * sizeof(struct slot));
}

/* At most half full. */
static void slots_grow(struct slots *s)
{
    uint64_t mask = s->mask * 2 + 1;
    struct slot *grown = take((mask + 1) * sizeof *grown);
    for (uint64_t i = 0; i <= s->mask; i++) {
        if (!s->slots[i].used)
            continue;
        uint64_t at = s->slots[i].hash & mask;
        while (grown[at].used)
            at = (at + 1) & mask;
        grown[at] = s->slots[i];
    }
    munmap(s->slots, (s->mask + 1) * sizeof(struct slot));
    s->slots = grown;
    s->mask = mask;
}

/* ---- groups ---- */

struct group {
    char key[FLOOR_KEY_STRIDE];
    uint64_t count;
    double sum, min, max;
};

struct floor_groups {
    struct slots slots;
    struct group *groups;
};

struct floor_groups *floor_groups_new(void)
{
    struct floor_groups *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    slots_init(&g->slots);
    g->groups = take(ENTRIES_MAX * sizeof *g->groups);
    return g;
}

void floor_groups_free(struct floor_groups *g)
{
    slots_done(&g->slots);
    munmap(g->groups, ENTRIES_MAX * sizeof *g->groups);
    free(g);
}

static void group_fold(struct floor_groups *g, uint64_t hash, const char *key, double value)
{
    for (;;) {
        struct slots *s = &g->slots;
        uint64_t at = hash & s->mask;
        for (; s->slots[at].used; at = (at + 1) & s->mask) {
            struct slot *slot = &s->slots[at];
            struct group *group = &g->groups[slot->entry];
            if (slot->hash != hash || memcmp(group->key, key, FLOOR_KEY_BYTES) != 0)
                continue;
            group->count++;
            group->sum += value;
            group->min = value < group->min ? value : group->min;
            group->max = value > group->max ? value : group->max;
            return;
        }
        if ((uint64_t)(s->used + 1) * 2 > s->mask) {
            slots_grow(s);
            continue;
        }
        s->slots[at] = (struct slot){hash, s->used, 1};
        struct group *group = &g->groups[s->used++];
        memcpy(group->key, key, FLOOR_KEY_STRIDE);
        group->count = 1;
        group->sum = group->min = group->max = value;
        return;
    }
}

void floor_groups_fold(struct floor_groups *g, const char *keys, const double *values, size_t rows)
{
    uint64_t hashes[CHUNK];

    for (size_t from = 0; from < rows; from += CHUNK) {
        size_t n = rows - from < CHUNK ? rows - from : CHUNK;
        const char *key = keys + from * FLOOR_KEY_STRIDE;
        for (size_t i = 0; i < n; i++) {
            hashes[i] = XXH3_64bits(key + i * FLOOR_KEY_STRIDE, FLOOR_KEY_BYTES);
            __builtin_prefetch(&g->slots.slots[hashes[i] & g->slots.mask]);
        }
        for (size_t i = 0; i < n; i++) {
            const struct slot *slot = &g->slots.slots[hashes[i] & g->slots.mask];
            if (!slot->used)
                continue;
            __builtin_prefetch(&g->groups[slot->entry], 1);
            __builtin_prefetch((char *)&g->groups[slot->entry + 1] - 1, 1);
        }
        for (size_t i = 0; i < n; i++)
            group_fold(g, hashes[i], key + i * FLOOR_KEY_STRIDE, values[from + i]);
    }
}

struct floor_sums floor_groups_sums(const struct floor_groups *g)
{
    struct floor_sums sums = {.groups = g->slots.used};
    for (uint32_t i = 0; i < g->slots.used; i++) {
        sums.records += g->groups[i].count;
        sums.sum += g->groups[i].sum;
        sums.min += g->groups[i].min;
        sums.max += g->groups[i].max;
    }
    return sums;
}

/* ---- records ---- */

struct record {
    int64_t words[1 + FLOOR_BINS];
};

struct floor_set {
    struct slots slots;
    struct record *records;
    size_t records_max;
};

struct floor_set *floor_set_new(size_t keys_max)
{
    struct floor_set *set = calloc(1, sizeof *set);
    if (!set)
        abort();
    slots_init(&set->slots);
    set->records_max = keys_max;
    set->records = take(keys_max * sizeof *set->records);
    return set;
}

void floor_set_free(struct floor_set *set)
{
    slots_done(&set->slots);
    munmap(set->records, set->records_max * sizeof *set->records);
    free(set);
}

static struct record *record_for(struct floor_set *set, uint64_t hash, int64_t key)
{
    for (;;) {
        struct slots *s = &set->slots;
        uint64_t at = hash & s->mask;
        for (; s->slots[at].used; at = (at + 1) & s->mask) {
            struct record *record = &set->records[s->slots[at].entry];
            if (s->slots[at].hash == hash && record->words[0] == key)
                return record;
        }
        if ((uint64_t)(s->used + 1) * 2 > s->mask) {
            slots_grow(s);
            continue;
        }
        s->slots[at] = (struct slot){hash, s->used, 1};
        return &set->records[s->used++];
    }
}

void floor_set_upsert(struct floor_set *set, const int64_t *const columns[1 + FLOOR_BINS],
                      size_t rows)
{
    uint64_t hashes[CHUNK];

    for (size_t from = 0; from < rows; from += CHUNK) {
        size_t n = rows - from < CHUNK ? rows - from : CHUNK;
        for (size_t i = 0; i < n; i++) {
            hashes[i] = XXH3_64bits(&columns[0][from + i], 8);
            __builtin_prefetch(&set->slots.slots[hashes[i] & set->slots.mask]);
        }
        for (size_t i = 0; i < n; i++) {
            const struct slot *slot = &set->slots.slots[hashes[i] & set->slots.mask];
            if (slot->used)
                __builtin_prefetch(&set->records[slot->entry], 1);
        }
        for (size_t i = 0; i < n; i++) {
            struct record *record = record_for(set, hashes[i], columns[0][from + i]);
            for (int c = 0; c <= FLOOR_BINS; c++)
                record->words[c] = columns[c][from + i];
        }
    }
}

uint64_t floor_set_count(const struct floor_set *set)
{
    return set->slots.used;
}

int64_t floor_set_sum(const struct floor_set *set)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < set->slots.used; i++)
        for (int c = 0; c <= FLOOR_BINS; c++)
            sum += (uint64_t)set->records[i].words[c];
    return (int64_t)sum;
}
