/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate_running.c: aggregates without windows. */
#include "sink/aggregate.h"

#define EVICT_SAMPLE 8

static uint64_t inline_entry_hash(const void *context, const void *entry)
{
    const struct aggregate *a = context;
    return slots_hash_stored(&a->key, entry, a->seed);
}

void running_init(struct aggregate *a)
{
    if (a->mode == AGGREGATE_INLINE)
        table_init(&a->table, a->image, &a->root->table, a->owner,
                   a->key.bytes + a->layout->state_bytes, inline_entry_hash, a);
    else
        index_init(&a->table, a->image, &a->root->table, a->owner);
}

/* ---- finding ---- */

static void find_inline(struct aggregate *a, struct aggregate_strip *s)
{
    struct key_context k = key_context(a, s);
    const void **found = (const void **)s->states;

    if (a->key.bytes == 16)
        table_find_many(&a->table, s->hashes, s->count, found, key_equal_16, &k);
    else
        table_find_many(&a->table, s->hashes, s->count, found, key_equal_any, &k);
    for (uint32_t i = 0; i < s->count; i++) {
        if (unlikely(!s->states[i])) {
            s->missing++;
            continue;
        }
        s->states[i] += a->key.bytes;
    }
}

static void find_indexed(struct aggregate *a, struct aggregate_strip *s)
{
    struct key_context k = key_context(a, s);

    index_find_many(&a->table, &a->root->rows, s->hashes, s->count, s->groups, key_equal_any, &k);
    for (uint32_t i = 0; i < s->count; i++) {
        s->states[i] = NULL;
        if (s->groups[i])
            s->states[i] =
                (char *)cell_write(a->image, &a->root->rows, s->groups[i]) + a->key.bytes;
        else
            s->missing++;
    }
}

static void find(struct aggregate *a, struct aggregate_strip *s)
{
    strip_make_keys(a, s);
    if (a->mode == AGGREGATE_INDEXED)
        find_indexed(a, s);
    else
        find_inline(a, s);
}

/* The entry (the row) of one key, or NULL. */
static const void *find_one(const struct aggregate *a, const struct aggregate_strip *s, uint32_t i)
{
    struct key_context k = key_context(a, s);
    if (a->mode == AGGREGATE_INLINE)
        return table_find(&a->table, s->hashes[i], key_equal_any, &k, i);
    const struct index_entry *entry =
        index_find(&a->table, &a->root->rows, s->hashes[i], key_equal_any, &k, i);
    return entry ? cell_read(a->image, &a->root->rows, entry->ref) : NULL;
}

static char *state_of(struct aggregate *a, const void *stored)
{
    page_touch(a->image, stored);
    return (char *)(uintptr_t)stored + a->key.bytes;
}

/* ---- measuring ---- */

void running_measure_strip(struct aggregate *a, struct aggregate_strip *s,
                           struct aggregate_missing *missing)
{
    if (a->mode == AGGREGATE_SINGLE)
        return;
    find(a, s);
    for (uint32_t i = 0; i < s->count && s->missing; i++)
        if (!s->states[i])
            missing_add(a, s, i, true, missing);
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

bool running_full(const struct aggregate *a, struct aggregate_missing *missing)
{
    uint64_t distinct = 0;

    qsort(missing->keys, missing->key_count, sizeof *missing->keys, by_hash);
    for (uint32_t i = 0; i < missing->key_count; i++)
        distinct += i == 0 || missing->keys[i] != missing->keys[i - 1];
    return distinct && a->root->entries + distinct > a->groups_max;
}

uint64_t running_pages(const struct aggregate *a, const struct aggregate_missing *missing)
{
    if (a->mode == AGGREGATE_SINGLE)
        return 1;
    if (!missing->states)
        return 0;
    uint64_t pages = table_pages_for(&a->table, missing->states) +
                     slots_long_pages(missing->text_bytes, missing->text_pages) + 1;
    if (a->mode == AGGREGATE_INDEXED)
        pages += cells_pages_for(&a->root->rows, missing->states);
    return pages;
}

/* ---- inserting ---- */

/* The state without `by`, or of the overflow group. */
static char *single_state(struct aggregate *a)
{
    if (!a->root->single) {
        uint32_t ref = cell_alloc(a->image, &a->root->states, a->owner);
        CHECK(ref);
        memcpy(cell_write(a->image, &a->root->states, ref), a->layout->initial,
               a->layout->state_bytes);
        a->root->single = ref;
    }
    return cell_write(a->image, &a->root->states, a->root->single);
}

static char *insert_group(struct aggregate *a, const struct aggregate_strip *s, uint32_t i)
{
    const unsigned char *key = s->keys + (size_t)i * a->key.bytes;
    char *stored;

    if (a->mode == AGGREGATE_INLINE) {
        stored = table_insert(&a->table, s->hashes[i]);
    } else {
        uint32_t ref = cell_alloc(a->image, &a->root->rows, a->owner);
        CHECK(ref && index_insert(&a->table, s->hashes[i], ref));
        stored = cell_write(a->image, &a->root->rows, ref);
    }
    CHECK(stored);
    memcpy(stored, key, a->key.bytes);
    memcpy(stored + a->key.bytes, a->layout->initial, a->layout->state_bytes);
    if (s->long_keys[i]) {
        struct slot_texts texts = {.batch = s->batch, .row = s->rows[i]};
        slots_store_texts(&a->key, &a->heap, stored, 0, &texts);
    }
    a->root->entries++;
    return stored + a->key.bytes;
}

/* Whether a key like this one may have been inserted since the strip was looked up: few bits of the
 * hashes seen so far, so that nearly all of the new keys need no second search. */
static bool seen_before(uint64_t seen[4], uint64_t hash)
{
    uint64_t bit = 1ULL << (hash >> 8 & 63), *word = &seen[hash >> 14 & 3];
    bool before = *word & bit;
    *word |= bit;
    return before;
}

static void insert_missing(struct aggregate *a, struct aggregate_strip *s)
{
    uint64_t seen[4] = {0};

    table_moves_begin(&a->table);
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->states[i])
            continue;
        const void *stored = seen_before(seen, s->hashes[i]) ? find_one(a, s, i) : NULL;
        if (stored) {
            s->states[i] = state_of(a, stored);
        } else if (a->root->entries < a->groups_max || a->plan->on_full != ON_FULL_OVERFLOW) {
            s->states[i] = insert_group(a, s, i);
        } else {
            s->states[i] = single_state(a);
            a->root->overflowed++;
        }
    }
    if (a->mode != AGGREGATE_INLINE || !a->table.moved_count)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        if (table_moved(&a->table, s->states[i]))
            s->states[i] = state_of(a, find_one(a, s, i));
}

/* ---- evicting ---- */

static const char *row_of(const struct aggregate *a, const void *entry)
{
    if (a->mode == AGGREGATE_INLINE)
        return entry;
    return cell_read(a->image, &a->root->rows, ((const struct index_entry *)entry)->ref);
}

/* The entry with the fewest records among the next few at the hand. */
static const void *find_victim(struct aggregate *a)
{
    const void *victim = NULL;
    uint64_t fewest = UINT64_MAX;

    while (!victim) {
        uint64_t next;
        uint32_t no = table_scan(&a->table, a->root->hand, &next);
        const struct bucket *bucket = page_bucket(page_read(a->image, no));
        unsigned first = (unsigned)(a->root->evicted % a->table.shape.capacity);
        for (unsigned i = 0, seen = 0; i < a->table.shape.capacity && seen < EVICT_SAMPLE; i++) {
            unsigned slot = (first + i) % a->table.shape.capacity;
            if (!(bucket_tags(bucket)[slot] & BUCKET_TAG))
                continue;
            const char *entry = bucket_entry(bucket, a->table.shape, slot);
            uint64_t records = STATE_RECORDS(row_of(a, entry) + a->key.bytes)->u;
            seen++;
            if (records < fewest) {
                fewest = records;
                victim = entry;
            }
        }
        a->root->hand = next;
    }
    return victim;
}

static void evict_one(struct aggregate *a)
{
    const void *victim = find_victim(a);
    uint32_t ref = a->mode == AGGREGATE_INLINE ? 0 : ((const struct index_entry *)victim)->ref;
    const char *row = row_of(a, victim);
    uint64_t hash = slots_hash_stored(&a->key, row, a->seed);

    slots_free_texts(&a->key, &a->heap, row, 0);
    aggregate_state_free(a->layout, &a->heap, row + a->key.bytes);
    table_remove(&a->table, hash, victim);
    if (ref)
        cell_free(a->image, &a->root->rows, ref);
    a->root->entries--;
    a->root->evicted++;
}

/* Rows are taken one by one: a row's group can go before the next row is folded. */
static void apply_evicting(struct aggregate *a, struct aggregate_strip *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const void *stored = find_one(a, s, i);
        if (stored) {
            s->states[i] = state_of(a, stored);
        } else {
            while (a->root->entries >= a->groups_max)
                evict_one(a);
            s->states[i] = insert_group(a, s, i);
        }
        strip_fold(a, s, i, 1);
    }
}

/* ---- folding ---- */

static void apply_single(struct aggregate *a, struct aggregate_strip *s)
{
    aggregate_root_write(a)->entries = 1;
    char *state = single_state(a);
    for (uint32_t i = 0; i < s->count; i++)
        s->states[i] = state;
    strip_fold(a, s, 0, s->count);
}

void running_apply_strip(struct aggregate *a, struct aggregate_strip *s)
{
    if (a->mode == AGGREGATE_SINGLE) {
        apply_single(a, s);
        return;
    }
    find(a, s);
    if (s->missing) {
        aggregate_root_write(a);
        if (a->plan->on_full == ON_FULL_EVICT && a->root->entries + s->missing > a->groups_max) {
            apply_evicting(a, s);
            return;
        }
        insert_missing(a, s);
    }
    strip_fold(a, s, 0, s->count);
}
