/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/aggregate.h"

#include "base/memory.h"

#define EVICT_SAMPLE 8

static uint64_t inline_entry_hash(const void *context, const void *entry)
{
    const struct aggregate *a = context;
    return slots_hash_stored(&a->key, entry, a->seed);
}

static enum aggregate_mode mode_of(const struct aggregate *a)
{
    if (a->plan->windowed)
        return AGGREGATE_PANES;
    if (!a->plan->by_count)
        return AGGREGATE_SINGLE;
    return a->key.bytes + a->layout->state_bytes <= TABLE_ENTRY_BYTES_MAX ? AGGREGATE_INLINE
                                                                          : AGGREGATE_INDEXED;
}

void aggregate_init(struct aggregate *a, const struct aggregate_plan *plan, struct image *image,
                    uint32_t owner, uint32_t root_no, uint64_t seed, bool is_new)
{
    *a = (struct aggregate){.plan = plan, .image = image, .owner = owner, .seed = seed};
    a->root = (struct aggregate_root *)(uintptr_t)page_read(image, root_no);
    a->layout = aggregate_layout_new(plan);
    slot_shape_init(&a->key, plan->by, plan->by_count, NULL, 0);
    a->heap = (struct slot_heap){image, &a->root->heap, owner, seed};
    a->mode = mode_of(a);
    a->groups_max = plan->groups_max ? plan->groups_max : UINT64_MAX;
    if (is_new) {
        struct aggregate_root *root = aggregate_root_write(a);
        uint32_t row = a->mode == AGGREGATE_PANES ? (uint32_t)sizeof(struct group_row)
                                                  : a->layout->state_bytes;
        cells_init(&root->rows, row + a->key.bytes);
        cells_init(&root->states, a->layout->state_bytes);
        heap_init(&root->heap);
        root->dropped_to_ns = INT64_MIN;
    }
    if (a->mode == AGGREGATE_INLINE)
        table_init(&a->table, image, &a->root->table, owner, a->key.bytes + a->layout->state_bytes,
                   inline_entry_hash, a);
    else
        index_init(&a->table, image, &a->root->table, owner);
    if (a->mode == AGGREGATE_PANES)
        panes_init(a, is_new);
}

void aggregate_done(struct aggregate *a)
{
    if (!a->layout)
        return;
    panes_done(a);
    table_done(&a->table);
    aggregate_layout_free(a->layout);
    free(a->key.columns);
    a->layout = NULL;
}

/* ---- which rows ---- */

static bool is_late(const struct aggregate_plan *plan, int64_t time_ns, int64_t watermark_ns)
{
    int64_t lateness = plan->lateness_ns < plan->keep_ns ? plan->lateness_ns : plan->keep_ns;
    int64_t oldest;

    if (time_ns == INT64_MIN)
        return true; /* no time at all: it belongs into no window */
    if (watermark_ns == INT64_MIN || __builtin_sub_overflow(watermark_ns, lateness, &oldest))
        return false;
    return time_ns < oldest;
}

static bool some_may_be_late(const struct aggregate_plan *plan, const struct aggregate_clock *clock)
{
    return plan->windowed &&
           (clock->behind_max_ns > plan->lateness_ns || clock->behind_max_ns > plan->keep_ns);
}

static int select_rows(struct aggregate *a, struct batch *batch,
                       const struct aggregate_clock *clock, struct aggregate_work *work)
{
    const struct weir_batch *view = &batch->view;
    const struct weir_column *where =
        a->plan->where_column == SINK_NO_COLUMN ? NULL : view->columns[a->plan->where_column];
    bool late_possible = some_may_be_late(a->plan, clock);

    if (!where && !late_possible) {
        work->rows = view->selection;
        work->count = view->selected;
        return 0;
    }
    work->rows = batch_alloc(batch, (view->selected + 1) * sizeof *work->rows);
    if (!work->rows)
        return WEIR_E_NOMEM;
    for (uint32_t i = 0; i < view->selected; i++) {
        uint16_t row = view->selection[i];
        bool wanted = !where || (weir_valid(where, row) && where->bools[row]);
        bool late =
            wanted && late_possible && is_late(a->plan, clock->times[row], clock->watermarks[row]);
        work->rows[work->count] = row;
        work->count += wanted && !late;
        work->late += late;
    }
    return 0;
}

/* ---- keys ---- */

static int make_keys(struct aggregate *a, struct batch *batch, struct aggregate_work *work)
{
    uint32_t n = work->count;

    work->states = batch_alloc(batch, (n + 1) * sizeof *work->states);
    if (!work->states)
        return WEIR_E_NOMEM;
    if (!a->plan->by_count)
        return 0;
    work->keys = batch_alloc(batch, (size_t)n * a->key.bytes + 16);
    work->long_keys = batch_alloc(batch, n + 1);
    work->hashes = batch_alloc(batch, (n + 1) * sizeof *work->hashes);
    if (!work->keys || !work->long_keys || !work->hashes)
        return WEIR_E_NOMEM;
    slots_gather(&a->key, &batch->view, work->rows, n, a->seed, work->keys, a->key.bytes,
                 work->long_keys);
    slots_hash_many(&a->key, work->keys, n, a->seed, work->hashes);
    return 0;
}

struct key_context {
    const struct aggregate *a;
    const struct aggregate_work *work;
};

static __attribute__((noinline)) bool key_equal_long(const struct key_context *k, uint32_t i,
                                                     const void *stored)
{
    struct slot_texts texts = {.batch = k->work->batch, .row = k->work->rows[i]};
    return slots_equal_long(&k->a->key, &k->a->heap, k->work->keys + (size_t)i * k->a->key.bytes,
                            &texts, stored);
}

static inline bool key_equal_16(const void *context, uint32_t i, const void *stored)
{
    const struct key_context *k = context;
    if (likely(slots_equal_bytes(k->work->keys + (size_t)i * 16, stored, 16)))
        return true;
    return unlikely(k->work->long_keys[i]) && key_equal_long(k, i, stored);
}

static inline bool key_equal_any(const void *context, uint32_t i, const void *stored)
{
    const struct key_context *k = context;
    uint32_t bytes = k->a->key.bytes;
    if (slots_equal_bytes(k->work->keys + (size_t)i * bytes, stored, bytes))
        return true;
    return k->work->long_keys[i] && key_equal_long(k, i, stored);
}

bool aggregate_key_equal(const struct aggregate *a, const struct aggregate_work *work, uint32_t i,
                         const void *stored)
{
    struct key_context k = {a, work};
    return key_equal_any(&k, i, stored);
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

uint32_t aggregate_missing_distinct(const struct aggregate *a, const struct aggregate_work *work,
                                    struct batch *batch)
{
    uint64_t *hashes = batch_alloc(batch, (work->missing + 1) * sizeof *hashes);
    uint32_t n = 0, distinct = 0;

    if (!hashes)
        return work->missing;
    for (uint32_t i = 0; i < work->count; i++)
        if (!work->states[i])
            hashes[n++] = (work->hashes ? work->hashes[i] : 0) ^
                          (work->starts ? hash_u64((uint64_t)work->starts[i], a->seed) : 0);
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (uint32_t i = 0; i < n; i++)
        distinct += i == 0 || hashes[i] != hashes[i - 1];
    return distinct;
}

/* ---- running: finding ---- */

static void *state_cell(struct aggregate *a, uint32_t *ref)
{
    if (!*ref) {
        *ref = cell_alloc(a->image, &a->root->states, a->owner);
        CHECK(*ref);
        memcpy(cell_write(a->image, &a->root->states, *ref), a->layout->initial,
               a->layout->state_bytes);
    }
    return cell_write(a->image, &a->root->states, *ref);
}

static void find_inline(struct aggregate *a, struct aggregate_work *work)
{
    struct key_context k = {a, work};
    const void **found = (const void **)work->states;

    if (a->key.bytes == 16)
        table_find_many(&a->table, work->hashes, work->count, found, key_equal_16, &k);
    else
        table_find_many(&a->table, work->hashes, work->count, found, key_equal_any, &k);
    for (uint32_t i = 0; i < work->count; i++) {
        if (unlikely(!work->states[i])) {
            work->missing++;
            continue;
        }
        page_touch(a->image, work->states[i]);
        work->states[i] += a->key.bytes;
    }
}

static int find_indexed(struct aggregate *a, struct batch *batch, struct aggregate_work *work)
{
    struct key_context k = {a, work};

    work->groups = batch_alloc(batch, (work->count + 1) * sizeof *work->groups);
    if (!work->groups)
        return WEIR_E_NOMEM;
    index_find_many(&a->table, &a->root->rows, work->hashes, work->count, work->groups,
                    key_equal_any, &k);
    for (uint32_t i = 0; i < work->count; i++) {
        work->states[i] = NULL;
        if (work->groups[i])
            work->states[i] =
                (char *)cell_write(a->image, &a->root->rows, work->groups[i]) + a->key.bytes;
        else
            work->missing++;
    }
    return 0;
}

static uint64_t missing_pages(const struct aggregate *a, const struct aggregate_work *work)
{
    uint64_t pages = 0, text_bytes = 0, text_pages = 0;

    if (!work->missing)
        return 0;
    pages += table_pages_for(&a->table, work->missing) + 2;
    if (a->mode == AGGREGATE_INDEXED)
        pages += cells_pages_for(&a->root->rows, work->missing);
    for (uint32_t i = 0; i < work->count; i++)
        if (!work->states[i] && work->long_keys[i])
            slots_long_add(&a->key, work->keys + (size_t)i * a->key.bytes, &text_bytes,
                           &text_pages);
    return pages + slots_long_pages(text_bytes, text_pages);
}

int aggregate_prepare(struct aggregate *a, struct batch *batch, const struct aggregate_clock *clock,
                      struct aggregate_work *ret_work)
{
    struct aggregate_work work = {.batch = &batch->view, .times = clock->times};

    int rc = select_rows(a, batch, clock, &work);
    if (!rc)
        rc = make_keys(a, batch, &work);
    if (rc)
        return rc;
    if (a->mode == AGGREGATE_PANES) {
        rc = panes_prepare(a, batch, &work);
    } else if (a->mode == AGGREGATE_SINGLE) {
        work.pages = 1;
    } else {
        if (a->mode == AGGREGATE_INDEXED)
            rc = find_indexed(a, batch, &work);
        else
            find_inline(a, &work);
        work.pages = missing_pages(a, &work);
        uint64_t entries = a->root->entries;
        if (!rc && a->plan->on_full == ON_FULL_PAUSE && entries + work.missing > a->groups_max &&
            entries + aggregate_missing_distinct(a, &work, batch) > a->groups_max)
            rc = PARTITION_FULL;
    }
    work.pages += aggregate_fold_pages(a->layout, work.batch, work.rows, work.count);
    *ret_work = work;
    return rc;
}

/* ---- running: committing ---- */

/* The entry of a row's key, or NULL. */
static const void *find_again(const struct aggregate *a, const struct aggregate_work *work,
                              uint32_t i)
{
    struct key_context k = {a, work};
    if (a->mode == AGGREGATE_INLINE)
        return table_find(&a->table, work->hashes[i], key_equal_any, &k, i);
    const struct index_entry *entry =
        index_find(&a->table, &a->root->rows, work->hashes[i], key_equal_any, &k, i);
    return entry ? cell_read(a->image, &a->root->rows, entry->ref) : NULL;
}

static char *state_of(struct aggregate *a, const void *stored)
{
    page_touch(a->image, stored);
    return (char *)(uintptr_t)stored + a->key.bytes;
}

static char *insert_group(struct aggregate *a, const struct aggregate_work *work, uint32_t i)
{
    const unsigned char *key = work->keys + (size_t)i * a->key.bytes;
    char *stored;

    if (a->mode == AGGREGATE_INLINE) {
        stored = table_insert(&a->table, work->hashes[i]);
    } else {
        uint32_t ref = cell_alloc(a->image, &a->root->rows, a->owner);
        CHECK(ref && index_insert(&a->table, work->hashes[i], ref));
        stored = cell_write(a->image, &a->root->rows, ref);
    }
    CHECK(stored);
    memcpy(stored, key, a->key.bytes);
    memcpy(stored + a->key.bytes, a->layout->initial, a->layout->state_bytes);
    if (work->long_keys[i]) {
        struct slot_texts texts = {.batch = work->batch, .row = work->rows[i]};
        slots_store_texts(&a->key, &a->heap, stored, 0, &texts);
    }
    a->root->entries++;
    return stored + a->key.bytes;
}

/* The entry with the fewest records among the next few at the hand goes. */
static void evict_one(struct aggregate *a)
{
    const void *victim = NULL;
    uint64_t fewest = UINT64_MAX;

    while (!victim) {
        uint64_t next;
        uint32_t no = table_scan(&a->table, a->root->hand, &next);
        const struct bucket *bucket = page_bucket(page_read(a->image, no));
        unsigned offset =
            bucket->count ? (unsigned)(a->root->evicted % a->table.shape.capacity) : 0;
        for (unsigned i = 0, seen = 0; i < a->table.shape.capacity && seen < EVICT_SAMPLE; i++) {
            unsigned slot = (i + offset) % a->table.shape.capacity;
            if (!(bucket_tags(bucket)[slot] & BUCKET_TAG))
                continue;
            const char *entry = bucket_entry(bucket, a->table.shape, slot);
            const char *stored = entry;
            if (a->mode == AGGREGATE_INDEXED)
                stored = cell_read(a->image, &a->root->rows,
                                   ((const struct index_entry *)(const void *)entry)->ref);
            uint64_t records = STATE_RECORDS(stored + a->key.bytes)->u;
            seen++;
            if (records < fewest) {
                fewest = records;
                victim = entry;
            }
        }
        a->root->hand = next;
    }
    uint32_t ref = a->mode == AGGREGATE_INDEXED ? ((const struct index_entry *)victim)->ref : 0;
    const char *stored = ref ? cell_read(a->image, &a->root->rows, ref) : victim;
    uint64_t hash = slots_hash_stored(&a->key, stored, a->seed);
    slots_free_texts(&a->key, &a->heap, stored, 0);
    aggregate_state_free(a->layout, &a->heap, stored + a->key.bytes);
    table_remove(&a->table, hash, victim);
    if (ref)
        cell_free(a->image, &a->root->rows, ref);
    a->root->entries--;
    a->root->evicted++;
}

static void fold_rows(const struct aggregate *a, const struct aggregate_work *work, uint32_t first,
                      uint32_t count)
{
    struct fold fold = {work->batch,          work->rows + first, count,
                        work->states + first, work->times,        &a->heap};
    aggregate_fold(a->layout, &fold);
}

/* Where groups may be evicted rows are taken one by one: a row's group can go before the next row
 * is folded. */
static void commit_evicting(struct aggregate *a, struct aggregate_work *work)
{
    for (uint32_t i = 0; i < work->count; i++) {
        const void *stored = find_again(a, work, i);
        if (stored) {
            work->states[i] = state_of(a, stored);
        } else {
            while (a->root->entries >= a->groups_max)
                evict_one(a);
            work->states[i] = insert_group(a, work, i);
        }
        fold_rows(a, work, i, 1);
    }
}

static void insert_missing(struct aggregate *a, struct aggregate_work *work)
{
    uint64_t moves = a->table.moves;
    uint32_t overflowed = 0;

    for (uint32_t i = 0; i < work->count; i++) {
        if (work->states[i])
            continue;
        const void *stored = find_again(a, work, i);
        if (stored) {
            work->states[i] = state_of(a, stored);
        } else if (a->root->entries < a->groups_max || a->plan->on_full != ON_FULL_OVERFLOW) {
            work->states[i] = insert_group(a, work, i);
        } else {
            work->states[i] = state_cell(a, &a->root->single);
            overflowed++;
        }
    }
    a->root->overflowed += overflowed;
    if (a->table.moves == moves || a->mode != AGGREGATE_INLINE)
        return;
    /* Splits have moved entries that were found before. */
    for (uint32_t i = 0; i < work->count; i++) {
        const void *stored = find_again(a, work, i);
        work->states[i] = stored ? state_of(a, stored) : state_cell(a, &a->root->single);
    }
}

void aggregate_commit(struct aggregate *a, struct aggregate_work *work)
{
    if (work->late)
        aggregate_root_write(a)->late += work->late;
    if (!work->count)
        return;
    if (a->mode == AGGREGATE_PANES) {
        panes_commit(a, work);
        return;
    }
    if (a->mode == AGGREGATE_SINGLE) {
        if (!a->root->single)
            aggregate_root_write(a)->entries = 1;
        char *state = state_cell(a, &a->root->single);
        for (uint32_t i = 0; i < work->count; i++)
            work->states[i] = state;
    } else if (work->missing) {
        aggregate_root_write(a);
        if (a->plan->on_full == ON_FULL_EVICT && a->root->entries + work->missing > a->groups_max) {
            commit_evicting(a, work);
            return;
        }
        insert_missing(a, work);
    }
    fold_rows(a, work, 0, work->count);
}
