/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_window.c: folding into windows, and the dictionary of groups.
 *
 *   key --> dictionary --> group (reference of 4 bytes) --+
 *   event time --> pane (sorted by start) ----------------+--> entry: group, state
 *
 * A group of the dictionary remembers the latest pane that it is in; as panes are dropped in the
 * order of their starts, it is dead once that one is gone, and is taken out a few at a time.
 */
#include "sink/aggregate.h"

/* Rows of the dictionary looked at for each one inserted, so that dead groups never pile up. */
#define RECLAIM_FOR_EACH_INSERT 2

/* ---- finding ---- */

static int64_t pane_start(int64_t time_ns, int64_t pane_ns)
{
    int64_t rest = time_ns % pane_ns;
    return time_ns - (rest < 0 ? rest + pane_ns : rest);
}

/* Rows of a batch mostly fall into the pane of the row before. */
static void find_starts(const struct aggregate *a, struct aggregate_strip *s)
{
    int64_t width = a->plan->pane_ns;
    int64_t start = 0, end = 0; /* an empty pane */

    for (uint32_t i = 0; i < s->count; i++) {
        int64_t time = s->times[s->rows[i]];
        if (unlikely(time < start || time >= end)) {
            start = pane_start(time, width);
            if (__builtin_add_overflow(start, width, &end))
                end = INT64_MAX;
        }
        s->starts[i] = start;
    }
}

/* A row of the dictionary has its key slots behind a struct group_row. */
static inline bool row_equal_16(const void *context, uint32_t i, const void *row)
{
    return key_equal_16(context, i, (const struct group_row *)row + 1);
}

static inline bool row_equal_any(const void *context, uint32_t i, const void *row)
{
    return key_equal_any(context, i, (const struct group_row *)row + 1);
}

static void find_groups(const struct aggregate *a, struct aggregate_strip *s)
{
    if (!a->plan->by_count) {
        for (uint32_t i = 0; i < s->count; i++)
            s->groups[i] = GROUP_ALL;
        return;
    }
    strip_make_keys(a, s);
    struct key_context k = key_context(a, s);
    if (a->key.bytes == 16)
        index_find_many(&a->table, &a->root->rows, s->hashes, s->count, s->groups, row_equal_16,
                        &k);
    else
        index_find_many(&a->table, &a->root->rows, s->hashes, s->count, s->groups, row_equal_any,
                        &k);
}

static uint32_t find_group(const struct aggregate *a, const struct aggregate_strip *s, uint32_t i)
{
    struct key_context k = key_context(a, s);
    const struct index_entry *entry =
        index_find(&a->table, &a->root->rows, s->hashes[i], row_equal_any, &k, i);
    return entry ? entry->ref : 0;
}

/* One row's way to its entry. */
struct search {
    const struct pane *pane;
    const struct bucket *bucket; /* NULL: pane or group are not there */
    struct bucket_shape shape;
    uint64_t hash;
    const struct pane_entry *guess;
};

static void find_buckets(const struct aggregate *a, const struct aggregate_strip *s,
                         struct search *searches)
{
    const struct pane *pane = NULL;

    for (uint32_t i = 0; i < s->count; i++) {
        struct search *search = &searches[i];
        if (i == 0 || s->starts[i] != s->starts[i - 1])
            pane = pane_find(a, s->starts[i]);
        search->pane = pane;
        search->bucket = NULL;
        if (!pane || !s->groups[i])
            continue;
        search->hash = hash_u64(s->groups[i], a->seed);
        search->bucket = pane_bucket(a, pane, search->hash, &search->shape);
        if (!search->bucket)
            continue;
        __builtin_prefetch(search->bucket, 1);
        __builtin_prefetch(bucket_tags(search->bucket) + bucket_home(search->hash, search->shape));
    }
}

/* The first tag that matches is the right one in all but a few per cent. */
static void guess_entries(struct search *searches, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct search *search = &searches[i];
        search->guess = NULL;
        if (!search->bucket)
            continue;
        unsigned home = bucket_home(search->hash, search->shape);
        unsigned mask = bucket_match(bucket_tags(search->bucket) + home, bucket_tag(search->hash));
        if (!mask)
            continue;
        unsigned slot = bucket_slot(search->shape, home + (unsigned)__builtin_ctz(mask));
        search->guess = (const void *)bucket_entry(search->bucket, search->shape, slot);
        __builtin_prefetch(search->guess, 1);
    }
}

/* States of the rows whose group and pane are there. */
static void find_states(struct aggregate *a, struct aggregate_strip *s)
{
    struct search searches[AGGREGATE_STRIP];

    find_buckets(a, s, searches);
    guess_entries(searches, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct pane_entry *entry = searches[i].guess;
        if (searches[i].bucket && (!entry || entry->group != s->groups[i]))
            entry = pane_lookup(a, searches[i].pane, s->groups[i]);
        s->states[i] = NULL;
        if (!entry) {
            s->missing++;
            continue;
        }
        char *state = pane_state(a, entry);
        page_touch(a->image, state);
        s->states[i] = state;
    }
}

static void find(struct aggregate *a, struct aggregate_strip *s)
{
    find_starts(a, s);
    find_groups(a, s);
    find_states(a, s);
}

/* ---- measuring ---- */

void window_measure_strip(struct aggregate *a, struct aggregate_strip *s,
                          struct aggregate_missing *missing)
{
    find(a, s);
    for (uint32_t i = 0; i < s->count && s->missing; i++) {
        if (s->states[i])
            continue;
        missing_add(a, s, i, !s->groups[i], missing);
        missing->panes += !pane_find(a, s->starts[i]);
    }
}

struct pane_key {
    int64_t start_ns;
    uint64_t hash;
};

static int by_pane_key(const void *x, const void *y)
{
    const struct pane_key *a = x, *b = y;
    int order = (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
    return order ? order : (a->hash > b->hash) - (a->hash < b->hash);
}

bool window_full(const struct aggregate *a, struct aggregate_missing *missing)
{
    struct pane_key *keys = (struct pane_key *)missing->keys;
    uint32_t count = missing->key_count / 2;
    uint64_t distinct = 0, there = 0;

    qsort(keys, count, sizeof *keys, by_pane_key);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || keys[i].start_ns != keys[i - 1].start_ns) {
            const struct pane *pane = pane_find(a, keys[i].start_ns);
            there = pane ? pane_entries(pane) : 0;
            distinct = 1;
        } else {
            distinct += keys[i].hash != keys[i - 1].hash;
        }
        if (there + distinct > a->groups_max)
            return true;
    }
    return false;
}

uint64_t window_pages(const struct aggregate *a, const struct aggregate_missing *missing)
{
    uint64_t pages = slots_long_pages(missing->text_bytes, missing->text_pages);

    if (!missing->states)
        return 0;
    if (missing->groups && a->plan->by_count)
        pages += table_pages_for(&a->table, missing->groups) +
                 cells_pages_for(&a->root->rows, missing->groups) + 1;
    if (a->pane_indirect)
        pages += cells_pages_for(&a->root->states, missing->states) + 1;
    /* A new pane begins with a block. Entries need at most four times their bytes (a block that
     * doubles exists twice for a moment, and half of it is empty), and in panes that have become
     * tables as many pages as there are buckets to split. */
    if (missing->panes)
        pages += cells_pages_for(&a->root->panes, missing->panes) +
                 cells_pages_for(&a->root->blocks[0], missing->panes) + PANE_BLOCK_CLASSES;
    pages += (uint64_t)missing->states * pane_entry_bytes(a) * 4 / PAGE_BYTES + 4;
    uint64_t buckets = a->root->entries * pane_entry_bytes(a) / (PAGE_BYTES / 4);
    return pages + (buckets < missing->states ? buckets : missing->states);
}

/* ---- inserting ---- */

static uint32_t group_insert(struct aggregate *a, const struct aggregate_strip *s, uint32_t i)
{
    uint32_t ref = find_group(a, s, i); /* an earlier row may have brought it */
    if (ref)
        return ref;
    ref = cell_alloc(a->image, &a->root->rows, a->owner);
    CHECK(ref && index_insert(&a->table, s->hashes[i], ref));
    struct group_row *row = cell_write(a->image, &a->root->rows, ref);
    row->last_pane_ns = INT64_MIN;
    memcpy(row + 1, s->keys + (size_t)i * a->key.bytes, a->key.bytes);
    if (s->long_keys[i]) {
        struct slot_texts texts = {.batch = s->batch, .row = s->rows[i]};
        slots_store_texts(&a->key, &a->heap, row + 1, 0, &texts);
    }
    a->reclaim_credit += RECLAIM_FOR_EACH_INSERT;
    return ref;
}

static uint64_t pane_groups(const struct aggregate *a, const struct pane *pane)
{
    const struct pane_record *record = cell_read(a->image, &a->root->panes, pane->record);
    return pane_entries(pane) - record->has_overflow;
}

static char *state_get(struct aggregate *a, struct pane *pane, uint32_t group)
{
    const struct pane_entry *entry = pane_lookup(a, pane, group);
    if (!entry)
        return pane_insert(a, pane, group);
    page_touch(a->image, pane_state(a, entry));
    return pane_state(a, entry);
}

static char *overflow_state(struct aggregate *a, struct aggregate_strip *s, uint32_t i,
                            struct pane *pane)
{
    s->groups[i] = GROUP_OVERFLOW;
    a->root->overflowed++;
    return state_get(a, pane, GROUP_OVERFLOW);
}

/* The state of a row that had none when it was looked for. */
static char *state_insert(struct aggregate *a, struct aggregate_strip *s, uint32_t i)
{
    struct pane *pane = pane_get(a, s->starts[i]);
    bool room = pane_groups(a, pane) < a->groups_max;
    bool overflows = !room && a->plan->on_full == ON_FULL_OVERFLOW;

    if (!s->groups[i]) {
        /* A group that no pane will count need not be known. */
        s->groups[i] = overflows ? find_group(a, s, i) : group_insert(a, s, i);
        if (!s->groups[i])
            return overflow_state(a, s, i, pane);
    }
    if (room || pane_lookup(a, pane, s->groups[i]))
        return state_get(a, pane, s->groups[i]);
    if (overflows)
        return overflow_state(a, s, i, pane);
    if (a->plan->on_full == ON_FULL_EVICT)
        pane_evict(a, pane);
    return state_get(a, pane, s->groups[i]);
}

/* ---- folding ---- */

/* Rows are taken one by one: a row's group can go before the next row is folded. */
static void apply_evicting(struct aggregate *a, struct aggregate_strip *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->states[i] = state_insert(a, s, i);
        strip_fold(a, s, i, 1);
    }
}

static void insert_missing(struct aggregate *a, struct aggregate_strip *s)
{
    uint64_t moves = a->pane_moves;

    for (uint32_t i = 0; i < s->count; i++)
        if (!s->states[i])
            s->states[i] = state_insert(a, s, i);
    if (a->pane_moves == moves || a->pane_indirect)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        s->states[i] = state_get(a, pane_find(a, s->starts[i]), s->groups[i]);
}

void window_apply_strip(struct aggregate *a, struct aggregate_strip *s)
{
    find(a, s);
    if (s->missing) {
        aggregate_root_write(a);
        if (a->plan->on_full == ON_FULL_EVICT) {
            apply_evicting(a, s);
            return;
        }
        insert_missing(a, s);
    }
    strip_fold(a, s, 0, s->count);
}

/* ---- reclaiming groups ---- */

static void reclaim_bucket(struct aggregate *a, const struct bucket *bucket, int64_t horizon)
{
    struct index_entry dead[BUCKET_SLOTS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < a->table.shape.capacity; i++) {
        if (!(bucket_tags(bucket)[i] & BUCKET_TAG))
            continue;
        const struct index_entry *entry = (const void *)bucket_entry(bucket, a->table.shape, i);
        if (group_row(a, entry->ref)->last_pane_ns < horizon)
            dead[count++] = *entry;
    }
    if (count)
        aggregate_root_write(a); /* heads of rows and texts */
    for (unsigned i = 0; i < count; i++) {
        const struct group_row *row = group_row(a, dead[i].ref);
        uint64_t hash = slots_hash_stored(&a->key, row + 1, a->seed);
        uint32_t no = table_bucket(&a->table, hash);
        const struct index_entry *entry = NULL;
        for (; no && !entry; no = page_bucket(page_read(a->image, no))->next) {
            const struct bucket *at = page_bucket(page_read(a->image, no));
            struct bucket_search search = bucket_search(at, a->table.shape, hash);
            for (int slot; (slot = bucket_next(at, a->table.shape, &search)) >= 0;) {
                const struct index_entry *e =
                    (const void *)bucket_entry(at, a->table.shape, (unsigned)slot);
                if (e->ref == dead[i].ref)
                    entry = e;
            }
        }
        CHECK(entry);
        slots_free_texts(&a->key, &a->heap, row + 1, 0);
        cell_free(a->image, &a->root->rows, dead[i].ref);
        table_remove(&a->table, hash, entry);
    }
}

/* The whole bucket is read: the rows of its entries are fetched ahead. */
static void prefetch_rows(const struct aggregate *a, const struct bucket *bucket)
{
    for (unsigned i = 0; i < a->table.shape.capacity; i++) {
        const struct index_entry *entry = (const void *)bucket_entry(bucket, a->table.shape, i);
        if (bucket_tags(bucket)[i] & BUCKET_TAG)
            __builtin_prefetch(group_row(a, entry->ref));
    }
}

bool aggregate_reclaim(struct aggregate *a, uint32_t buckets_max)
{
    if (a->mode != AGGREGATE_PANES || !a->table.head->entries ||
        a->root->dropped_to_ns == INT64_MIN)
        return false;
    int64_t horizon = a->pane_first < a->pane_count ? a->panes[a->pane_first].start_ns : INT64_MAX;
    for (uint32_t i = 0; i < buckets_max; i++) {
        uint64_t next;
        uint32_t no = table_scan(&a->table, a->root->reclaim_hand, &next);
        if (no) {
            const struct bucket *bucket = page_bucket(page_read(a->image, no));
            prefetch_rows(a, bucket);
            reclaim_bucket(a, bucket, horizon);
        }
        if (a->root->reclaim_hand != next)
            aggregate_root_write(a)->reclaim_hand = next;
        if (!next || !no)
            return false;
    }
    return true;
}

void aggregate_reclaim_earned(struct aggregate *a)
{
    uint64_t bucket_rows = a->table.shape.capacity / 2;

    if (a->reclaim_credit < bucket_rows)
        return;
    uint64_t buckets = a->reclaim_credit / bucket_rows;
    a->reclaim_credit %= bucket_rows;
    aggregate_reclaim(a, buckets < RECLAIM_BUCKETS_AT_ONCE_MAX ? (uint32_t)buckets
                                                               : RECLAIM_BUCKETS_AT_ONCE_MAX);
}
