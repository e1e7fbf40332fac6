/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_panes.c: windows: the dictionary of groups, and panes.
 *
 *   key --> dictionary --> group (reference of 4 bytes) --+
 *   event time --> pane (sorted by start) ----------------+--> entry: group, state
 *
 * A pane is a block of 504, 1008 or 2016 bytes (cells: several to a page), then a table with pages
 * of its own. Dropping a pane frees these and visits no group (unless states refer to the heap or
 * to cells). A group of the dictionary remembers the latest pane that it is in; as panes are
 * dropped in the order of their starts, it is dead once that one is gone, and is taken out a few at
 * a time.
 *
 * Invariants
 *   W1  panes[pane_first ..] are ascending and are exactly the records linked from
 * root->first_pane. W2  The groups of a pane's entries are rows of the dictionary with last_pane_ns
 * >= its start. W3  No pane starts before root->dropped_to_ns.
 */
#include "sink/aggregate.h"

#include "base/memory.h"

static const uint16_t block_bytes[PANE_BLOCK_CLASSES] = {504, 1008, 2016};
/* A block with fewer entries than this is not worth its header. */
#define BLOCK_ENTRIES_MIN 4
#define EVICT_SAMPLE      8
/* Rows of the dictionary looked at for each one inserted, so that dead groups never pile up. */
#define RECLAIM_FOR_EACH_INSERT 2

static uint64_t pane_entry_hash(const void *context, const void *entry)
{
    const struct aggregate *a = context;
    return hash_u64(((const struct pane_entry *)entry)->group, a->seed);
}

static uint32_t pane_entry_bytes(const struct aggregate *a)
{
    return (uint32_t)sizeof(struct pane_entry) + (a->pane_indirect ? 4 : a->layout->state_bytes);
}

static struct pane_record *record_write(struct aggregate *a, const struct pane *pane)
{
    return cell_write(a->image, &a->root->panes, pane->record);
}

static const struct pane_record *record_read(const struct aggregate *a, const struct pane *pane)
{
    return cell_read(a->image, &a->root->panes, pane->record);
}

static void pane_table_open(struct aggregate *a, struct pane *pane)
{
    pane->block = NULL;
    pane->table = mem_alloc(sizeof *pane->table);
    table_init(pane->table, a->image, &record_write(a, pane)->table, a->owner, pane_entry_bytes(a),
               pane_entry_hash, a);
}

static void panes_make_room(struct aggregate *a)
{
    if (a->pane_count < a->pane_room)
        return;
    if (a->pane_first > a->pane_room / 2) {
        a->pane_count -= a->pane_first;
        memmove(a->panes, a->panes + a->pane_first, a->pane_count * sizeof *a->panes);
        a->pane_first = 0;
        return;
    }
    a->pane_room = a->pane_room ? a->pane_room * 2 : 16;
    a->panes = mem_grow(a->panes, a->pane_room, sizeof *a->panes);
}

void panes_init(struct aggregate *a, bool is_new)
{
    a->pane_indirect = sizeof(struct pane_entry) + a->layout->state_bytes > TABLE_ENTRY_BYTES_MAX;
    for (unsigned i = 0; i < PANE_BLOCK_CLASSES; i++)
        a->pane_shapes[i] = bucket_shape_of(block_bytes[i], pane_entry_bytes(a));
    if (is_new) {
        cells_init(&a->root->panes, sizeof(struct pane_record));
        for (unsigned i = 0; i < PANE_BLOCK_CLASSES; i++)
            cells_init(&a->root->blocks[i], block_bytes[i]);
    }
    for (uint32_t ref = a->root->first_pane; ref;) {
        const struct pane_record *record = cell_read(a->image, &a->root->panes, ref);
        panes_make_room(a);
        struct pane *pane = &a->panes[a->pane_count++];
        *pane = (struct pane){record->start_ns, ref, record->block_class, NULL, NULL};
        if (record->block)
            pane->block = (struct bucket *)(uintptr_t)cell_read(
                a->image, &a->root->blocks[record->block_class], record->block);
        else
            pane_table_open(a, pane);
        ref = record->next;
    }
}

void panes_done(struct aggregate *a)
{
    for (uint32_t i = a->pane_first; i < a->pane_count; i++) {
        if (a->panes[i].table)
            table_done(a->panes[i].table);
        free(a->panes[i].table);
    }
    free(a->panes);
    a->panes = NULL;
    a->pane_count = a->pane_first = a->pane_room = 0;
}

uint32_t pane_at_or_after(const struct aggregate *a, int64_t start_ns)
{
    uint32_t low = a->pane_first, high = a->pane_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (a->panes[middle].start_ns < start_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct pane *pane_find(const struct aggregate *a, int64_t start_ns)
{
    uint32_t i = pane_at_or_after(a, start_ns);
    return i < a->pane_count && a->panes[i].start_ns == start_ns ? &a->panes[i] : NULL;
}

/* ---- making and dropping panes ---- */

static struct bucket *block_new(struct aggregate *a, unsigned class, uint32_t *ret_ref)
{
    uint32_t ref = cell_alloc(a->image, &a->root->blocks[class], a->owner);
    CHECK(ref);
    struct bucket *block = cell_write(a->image, &a->root->blocks[class], ref);
    bucket_init(block, a->pane_shapes[class]);
    *ret_ref = ref;
    return block;
}

static struct pane *pane_new(struct aggregate *a, int64_t start_ns)
{
    uint32_t ref = cell_alloc(a->image, &a->root->panes, a->owner);
    CHECK(ref);
    panes_make_room(a);
    uint32_t at = pane_at_or_after(a, start_ns);
    struct pane *pane = &a->panes[at];
    memmove(pane + 1, pane, (a->pane_count - at) * sizeof *pane);
    a->pane_count++;
    *pane = (struct pane){.start_ns = start_ns, .record = ref};

    struct pane_record *record = record_write(a, pane);
    *record = (struct pane_record){.start_ns = start_ns};
    if (at > a->pane_first) {
        record->previous = a->panes[at - 1].record;
        record_write(a, &a->panes[at - 1])->next = ref;
    } else {
        a->root->first_pane = ref;
    }
    if (at + 1 < a->pane_count) {
        record->next = a->panes[at + 1].record;
        record_write(a, &a->panes[at + 1])->previous = ref;
    }
    unsigned class = 0;
    while (class < PANE_BLOCK_CLASSES && a->pane_shapes[class].capacity < BLOCK_ENTRIES_MIN)
        class ++;
    if (class < PANE_BLOCK_CLASSES) {
        pane->block_class = record->block_class = class;
        pane->block = block_new(a, class, &record->block);
    } else {
        pane_table_open(a, pane);
    }
    return pane;
}

void pane_each(const struct aggregate *a, const struct pane *pane,
               void (*visit)(void *context, const struct pane_entry *entry), void *context)
{
    uint64_t hash = 0;

    if (pane->block) {
        struct bucket_shape shape = a->pane_shapes[pane->block_class];
        for (unsigned i = 0; i < shape.capacity; i++)
            if (bucket_tags(pane->block)[i] & BUCKET_TAG)
                visit(context, (const void *)bucket_entry(pane->block, shape, i));
        return;
    }
    do {
        uint32_t no = table_scan(pane->table, hash, &hash);
        while (no) {
            const struct bucket *bucket = page_bucket(page_read(a->image, no));
            for (unsigned i = 0; i < pane->table->shape.capacity; i++)
                if (bucket_tags(bucket)[i] & BUCKET_TAG)
                    visit(context, (const void *)bucket_entry(bucket, pane->table->shape, i));
            no = bucket->next;
        }
    } while (hash);
}

static uint64_t pane_entries(const struct pane *pane)
{
    return pane->block ? pane->block->count : pane->table->head->entries;
}

static void free_state(void *context, const struct pane_entry *entry)
{
    struct aggregate *a = context;
    aggregate_state_free(a->layout, &a->heap, pane_state(a, entry));
    if (a->pane_indirect)
        cell_free(a->image, &a->root->states, *(const uint32_t *)(entry + 1));
}

static void drop_first(struct aggregate *a)
{
    struct pane *pane = &a->panes[a->pane_first];
    const struct pane_record *record = record_read(a, pane);
    uint32_t next = record->next;

    if (a->layout->has_texts || a->pane_indirect)
        pane_each(a, pane, free_state, a);
    a->root->entries -= pane_entries(pane) - (record->overflow_records ? 1 : 0);
    if (pane->block) {
        cell_free(a->image, &a->root->blocks[pane->block_class], record->block);
    } else {
        table_clear(pane->table);
        free(pane->table);
    }
    cell_free(a->image, &a->root->panes, pane->record);
    a->root->first_pane = next;
    a->pane_first++;
    if (next)
        record_write(a, &a->panes[a->pane_first])->previous = 0;
}

int64_t aggregate_horizon(const struct aggregate_plan *plan, int64_t watermark_ns)
{
    int64_t oldest;
    if (watermark_ns == INT64_MIN || __builtin_sub_overflow(watermark_ns, plan->keep_ns, &oldest) ||
        __builtin_sub_overflow(oldest, plan->size_ns, &oldest))
        return INT64_MIN;
    return oldest + 1; /* a pane of the last window that ends at `oldest` is gone */
}

bool aggregate_drop_panes(struct aggregate *a, int64_t watermark_ns)
{
    int64_t horizon = aggregate_horizon(a->plan, watermark_ns);
    uint32_t dropped = 0;

    while (a->pane_first < a->pane_count && a->panes[a->pane_first].start_ns < horizon) {
        if (dropped++ == PANES_DROPPED_AT_ONCE_MAX)
            return true;
        aggregate_root_write(a);
        drop_first(a);
    }
    if (dropped)
        a->root->dropped_to_ns = horizon;
    return false;
}

/* ---- finding ---- */

static inline const struct bucket *pane_bucket(const struct aggregate *a, const struct pane *pane,
                                               uint64_t hash, struct bucket_shape *ret_shape)
{
    if (likely(pane->block != NULL)) {
        *ret_shape = a->pane_shapes[pane->block_class];
        return pane->block;
    }
    uint32_t no = table_bucket(pane->table, hash);
    *ret_shape = pane->table->shape;
    return no ? page_bucket(page_read(a->image, no)) : NULL;
}

static const struct pane_entry *entry_find(const struct aggregate *a, const struct pane *pane,
                                           uint32_t group)
{
    uint64_t hash = hash_u64(group, a->seed);
    struct bucket_shape shape;
    const struct bucket *bucket = pane_bucket(a, pane, hash, &shape);

    while (bucket) {
        struct bucket_search search = bucket_search(bucket, shape, hash);
        for (int slot; (slot = bucket_next(bucket, shape, &search)) >= 0;) {
            const struct pane_entry *entry =
                (const void *)bucket_entry(bucket, shape, (unsigned)slot);
            if (entry->group == group)
                return entry;
        }
        bucket = bucket->next ? page_bucket(page_read(a->image, bucket->next)) : NULL;
    }
    return NULL;
}

static int64_t pane_start(int64_t time_ns, int64_t pane_ns)
{
    int64_t rest = time_ns % pane_ns;
    return time_ns - (rest < 0 ? rest + pane_ns : rest);
}

/* Rows of a batch mostly fall into the pane of the row before. */
static void find_starts(const struct aggregate *a, struct aggregate_work *work)
{
    int64_t width = a->plan->pane_ns;
    int64_t start = 0, end = 0; /* an empty pane */

    for (uint32_t i = 0; i < work->count; i++) {
        int64_t time = work->times[work->rows[i]];
        if (unlikely(time < start || time >= end)) {
            start = pane_start(time, width);
            if (__builtin_add_overflow(start, width, &end))
                end = INT64_MAX;
        }
        work->starts[i] = start;
    }
}

struct row_context {
    const struct aggregate *a;
    const struct aggregate_work *work;
};

static inline bool row_equal(const void *context, uint32_t i, const void *row)
{
    const struct row_context *c = context;
    const struct group_row *group = row;
    uint32_t bytes = c->a->key.bytes;
    if (slots_equal_bytes(c->work->keys + (size_t)i * bytes, group + 1, bytes))
        return true;
    return c->work->long_keys[i] && aggregate_key_equal(c->a, c->work, i, group + 1);
}

static void find_groups(const struct aggregate *a, struct aggregate_work *work)
{
    struct row_context context = {a, work};

    if (!a->plan->by_count) {
        for (uint32_t i = 0; i < work->count; i++)
            work->groups[i] = GROUP_ALL;
        return;
    }
    index_find_many(&a->table, &a->root->rows, work->hashes, work->count, work->groups, row_equal,
                    &context);
    for (uint32_t i = 0; i < work->count; i++)
        work->missing_groups += !work->groups[i];
}

/* States of the rows whose group and pane are there. */
static void find_states(struct aggregate *a, struct aggregate_work *work)
{
    const struct bucket *buckets[TABLE_CHUNK];
    struct bucket_shape shapes[TABLE_CHUNK];
    const struct pane_entry *guesses[TABLE_CHUNK];
    uint64_t hashes[TABLE_CHUNK];
    const struct pane *panes[TABLE_CHUNK];
    const struct pane *pane = NULL;
    int64_t start = 0;
    bool looked = false;

    for (uint32_t from = 0; from < work->count; from += TABLE_CHUNK) {
        uint32_t n = work->count - from < TABLE_CHUNK ? work->count - from : TABLE_CHUNK;
        for (uint32_t i = 0; i < n; i++) {
            if (!looked || work->starts[from + i] != start) {
                start = work->starts[from + i];
                pane = pane_find(a, start);
                looked = true;
            }
            panes[i] = pane;
            work->missing_panes += !pane;
            buckets[i] = NULL;
            if (!pane || !work->groups[from + i])
                continue;
            hashes[i] = hash_u64(work->groups[from + i], a->seed);
            buckets[i] = pane_bucket(a, pane, hashes[i], &shapes[i]);
            if (!buckets[i])
                continue;
            __builtin_prefetch(buckets[i], 1);
            __builtin_prefetch(bucket_tags(buckets[i]) +
                               bucket_group(hashes[i], shapes[i]) * BUCKET_GROUP);
        }
        for (uint32_t i = 0; i < n; i++) {
            guesses[i] = NULL;
            if (!buckets[i])
                continue;
            unsigned group = bucket_group(hashes[i], shapes[i]);
            unsigned mask =
                bucket_match(bucket_tags(buckets[i]) + group * BUCKET_GROUP, bucket_tag(hashes[i]));
            if (!mask)
                continue;
            guesses[i] = (const void *)bucket_entry(
                buckets[i], shapes[i], group * BUCKET_GROUP + (unsigned)__builtin_ctz(mask));
            __builtin_prefetch(guesses[i], 1);
        }
        for (uint32_t i = 0; i < n; i++) {
            const struct pane_entry *entry = guesses[i];
            if (buckets[i] && (!entry || entry->group != work->groups[from + i]))
                entry = entry_find(a, panes[i], work->groups[from + i]);
            work->states[from + i] = NULL;
            if (!entry) {
                work->missing++;
                continue;
            }
            char *state = pane_state(a, entry);
            page_touch(a->image, state);
            work->states[from + i] = state;
        }
    }
}

/* ---- preparing ---- */

static uint64_t missing_pages(const struct aggregate *a, const struct aggregate_work *work)
{
    uint64_t pages = 0, text_bytes = 0, text_pages = 0;

    if (!work->missing)
        return 0;
    if (work->missing_groups) {
        pages += table_pages_for(&a->table, work->missing_groups) +
                 cells_pages_for(&a->root->rows, work->missing_groups) + 1;
        for (uint32_t i = 0; i < work->count; i++)
            if (!work->groups[i] && work->long_keys[i])
                slots_long_add(&a->key, work->keys + (size_t)i * a->key.bytes, &text_bytes,
                               &text_pages);
        pages += slots_long_pages(text_bytes, text_pages);
    }
    if (a->pane_indirect)
        pages += cells_pages_for(&a->root->states, work->missing) + 1;
    /* New panes begin with a block each; entries then need at most four times their bytes (a block
     * that doubles exists twice for a moment, and half of it is empty). */
    pages += cells_pages_for(&a->root->panes, work->missing_panes) +
             cells_pages_for(&a->root->blocks[0], work->missing_panes) + PANE_BLOCK_CLASSES;
    pages += (uint64_t)work->missing * pane_entry_bytes(a) * 4 / PAGE_BYTES + 4;
    /* Panes with tables: every bucket may be about to split. */
    int64_t start = INT64_MIN;
    for (uint32_t i = 0; i < work->count; i++) {
        if (work->states[i] || work->starts[i] == start)
            continue;
        start = work->starts[i];
        const struct pane *pane = pane_find(a, start);
        if (pane && pane->table)
            pages += pane->table->head->buckets < work->missing ? pane->table->head->buckets
                                                                : work->missing;
    }
    return pages;
}

/* on_full: pause. Whether some pane would get more groups than it may have. */
static bool panes_full(struct aggregate *a, const struct aggregate_work *work, struct batch *batch)
{
    int64_t start = INT64_MIN;

    for (uint32_t i = 0; i < work->count; i++) {
        if (work->states[i] || work->starts[i] == start)
            continue;
        start = work->starts[i];
        const struct pane *pane = pane_find(a, start);
        uint64_t there = pane ? pane_entries(pane) : 0;
        if (there + work->missing <= a->groups_max)
            continue;
        /* The work as this pane sees it. */
        struct aggregate_work own = *work;
        own.count = own.missing = 0;
        own.states = batch_alloc(batch, (work->count + 1) * sizeof *own.states);
        own.hashes = batch_alloc(batch, (work->count + 1) * sizeof *own.hashes);
        own.starts = NULL;
        if (!own.states || !own.hashes)
            return true;
        for (uint32_t k = 0; k < work->count; k++) {
            if (work->states[k] || work->starts[k] != start)
                continue;
            own.states[own.count] = NULL;
            own.hashes[own.count++] = work->hashes ? work->hashes[k] : 0;
            own.missing++;
        }
        if (there + aggregate_missing_distinct(a, &own, batch) > a->groups_max)
            return true;
    }
    return false;
}

int panes_prepare(struct aggregate *a, struct batch *batch, struct aggregate_work *work)
{
    work->starts = batch_alloc(batch, (work->count + 1) * sizeof *work->starts);
    work->groups = batch_alloc(batch, (work->count + 1) * sizeof *work->groups);
    if (!work->starts || !work->groups)
        return WEIR_E_NOMEM;
    find_starts(a, work);
    find_groups(a, work);
    find_states(a, work);
    work->pages = missing_pages(a, work);
    if (work->missing && a->plan->on_full == ON_FULL_PAUSE && panes_full(a, work, batch))
        return PARTITION_FULL;
    return 0;
}

/* ---- committing ---- */

static uint32_t group_insert(struct aggregate *a, struct aggregate_work *work, uint32_t i)
{
    struct row_context context = {a, work};
    const struct index_entry *entry =
        index_find(&a->table, &a->root->rows, work->hashes[i], row_equal, &context, i);
    if (entry)
        return entry->ref;

    uint32_t ref = cell_alloc(a->image, &a->root->rows, a->owner);
    CHECK(ref && index_insert(&a->table, work->hashes[i], ref));
    struct group_row *row = cell_write(a->image, &a->root->rows, ref);
    row->last_pane_ns = INT64_MIN;
    a->reclaim_credit += RECLAIM_FOR_EACH_INSERT;
    memcpy(row + 1, work->keys + (size_t)i * a->key.bytes, a->key.bytes);
    if (work->long_keys[i]) {
        struct slot_texts texts = {.batch = work->batch, .row = work->rows[i]};
        slots_store_texts(&a->key, &a->heap, row + 1, 0, &texts);
    }
    return ref;
}

/* A block that is full moves into the next larger one, at last into a table. */
static void pane_grow(struct aggregate *a, struct pane *pane)
{
    struct pane_record *record = record_write(a, pane);
    struct bucket_shape shape = a->pane_shapes[pane->block_class];
    const struct bucket *old = pane->block;
    uint32_t old_ref = record->block;
    unsigned old_class = pane->block_class, class = old_class + 1;

    a->pane_moves++;
    if (class < PANE_BLOCK_CLASSES) {
        pane->block = block_new(a, class, &record->block);
        pane->block_class = record->block_class = class;
    } else {
        record->block = 0;
        pane_table_open(a, pane);
    }
    for (unsigned i = 0; i < shape.capacity; i++) {
        if (!(bucket_tags(old)[i] & BUCKET_TAG))
            continue;
        const char *entry = bucket_entry(old, shape, i);
        uint64_t hash = pane_entry_hash(a, entry);
        char *to;
        if (pane->block) {
            struct bucket_shape larger = a->pane_shapes[class];
            to = bucket_entry(pane->block, larger,
                              bucket_take(pane->block, larger, hash, bucket_tag(hash)));
        } else {
            to = table_insert(pane->table, hash);
            CHECK(to);
        }
        memcpy(to, entry, shape.entry_bytes);
    }
    cell_free(a->image, &a->root->blocks[old_class], old_ref);
}

static char *entry_insert(struct aggregate *a, struct pane *pane, uint32_t group)
{
    uint64_t hash = hash_u64(group, a->seed);
    struct pane_entry *entry;

    while (pane->block && pane->block->count == a->pane_shapes[pane->block_class].capacity)
        pane_grow(a, pane);
    if (pane->block) {
        struct bucket_shape shape = a->pane_shapes[pane->block_class];
        page_touch(a->image, pane->block);
        entry = (void *)bucket_entry(pane->block, shape,
                                     bucket_take(pane->block, shape, hash, bucket_tag(hash)));
    } else {
        uint64_t moves = pane->table->moves;
        entry = table_insert(pane->table, hash);
        CHECK(entry);
        a->pane_moves += pane->table->moves - moves;
    }
    entry->group = group;
    if (a->pane_indirect) {
        uint32_t ref = cell_alloc(a->image, &a->root->states, a->owner);
        CHECK(ref);
        *(uint32_t *)(entry + 1) = ref;
        page_touch(a->image, cell_read(a->image, &a->root->states, ref));
    }
    char *state = pane_state(a, entry);
    memcpy(state, a->layout->initial, a->layout->state_bytes);
    if (group != GROUP_OVERFLOW)
        a->root->entries++;
    if (group != GROUP_OVERFLOW && group != GROUP_ALL) {
        struct group_row *row = cell_write(a->image, &a->root->rows, group);
        if (row->last_pane_ns < pane->start_ns)
            row->last_pane_ns = pane->start_ns;
    }
    return state;
}

static uint64_t pane_groups(const struct aggregate *a, const struct pane *pane)
{
    return pane_entries(pane) - (record_read(a, pane)->overflow_records ? 1 : 0);
}

/* The entry with the fewest records among the next few slots at the hand. */
static const struct pane_entry *victim_in(const struct aggregate *a, const struct bucket *bucket,
                                          struct bucket_shape shape)
{
    const struct pane_entry *victim = NULL;
    uint64_t fewest = UINT64_MAX;
    unsigned first = (unsigned)(a->root->evicted % shape.capacity);

    for (unsigned i = 0, seen = 0; i < shape.capacity && seen < EVICT_SAMPLE; i++) {
        unsigned slot = (first + i) % shape.capacity;
        if (!(bucket_tags(bucket)[slot] & BUCKET_TAG))
            continue;
        const struct pane_entry *entry = (const void *)bucket_entry(bucket, shape, slot);
        uint64_t records = STATE_RECORDS(pane_state(a, entry))->u;
        seen++;
        if (records < fewest) {
            fewest = records;
            victim = entry;
        }
    }
    return victim;
}

static void pane_evict(struct aggregate *a, struct pane *pane)
{
    const struct pane_entry *victim = NULL;

    if (pane->block)
        victim = victim_in(a, pane->block, a->pane_shapes[pane->block_class]);
    while (!victim) {
        uint32_t no = table_scan(pane->table, a->root->hand, &a->root->hand);
        victim = victim_in(a, page_bucket(page_read(a->image, no)), pane->table->shape);
    }
    uint32_t group = victim->group;
    free_state(a, victim);
    a->pane_moves++;
    if (pane->block) {
        struct bucket_shape shape = a->pane_shapes[pane->block_class];
        page_touch(a->image, pane->block);
        size_t at = (size_t)((const char *)victim - bucket_entry(pane->block, shape, 0));
        bucket_drop(pane->block, (unsigned)(at / shape.entry_bytes));
    } else {
        table_remove(pane->table, hash_u64(group, a->seed), victim);
    }
    a->root->entries--;
    a->root->evicted++;
}

/* The state of a row that had none when it was looked for. */
static char *state_insert(struct aggregate *a, struct aggregate_work *work, uint32_t i,
                          struct pane *pane)
{
    bool room = pane_groups(a, pane) < a->groups_max;

    if (!work->groups[i] && a->plan->by_count) {
        if (!room && a->plan->on_full == ON_FULL_OVERFLOW) {
            /* No need to know a group that no pane counts. */
            struct row_context context = {a, work};
            const struct index_entry *known =
                index_find(&a->table, &a->root->rows, work->hashes[i], row_equal, &context, i);
            if (!known)
                goto overflow;
            work->groups[i] = known->ref;
        } else {
            work->groups[i] = group_insert(a, work, i);
        }
    }
    const struct pane_entry *entry = entry_find(a, pane, work->groups[i]);
    if (entry) {
        page_touch(a->image, pane_state(a, entry));
        return pane_state(a, entry);
    }
    if (room || a->plan->on_full == ON_FULL_PAUSE)
        return entry_insert(a, pane, work->groups[i]);
    if (a->plan->on_full == ON_FULL_EVICT) {
        pane_evict(a, pane);
        return entry_insert(a, pane, work->groups[i]);
    }
overflow:
    work->groups[i] = GROUP_OVERFLOW;
    a->root->overflowed++;
    entry = entry_find(a, pane, GROUP_OVERFLOW);
    record_write(a, pane)->overflow_records++;
    if (!entry)
        return entry_insert(a, pane, GROUP_OVERFLOW);
    page_touch(a->image, pane_state(a, entry));
    return pane_state(a, entry);
}

static void fold_rows(const struct aggregate *a, const struct aggregate_work *work, uint32_t first,
                      uint32_t count)
{
    struct fold fold = {work->batch,          work->rows + first, count,
                        work->states + first, work->times,        &a->heap};
    aggregate_fold(a->layout, &fold);
}

static struct pane *pane_get(struct aggregate *a, int64_t start_ns)
{
    struct pane *pane = pane_find(a, start_ns);
    return pane ? pane : pane_new(a, start_ns);
}

void panes_commit(struct aggregate *a, struct aggregate_work *work)
{
    uint64_t moves = a->pane_moves;

    if (work->missing)
        aggregate_root_write(a);
    /* A row's group may be evicted before the next row: those are folded one by one. */
    bool one_by_one = work->missing && a->plan->on_full == ON_FULL_EVICT;
    for (uint32_t i = 0; i < work->count && work->missing; i++) {
        if (!one_by_one && work->states[i])
            continue;
        work->states[i] = state_insert(a, work, i, pane_get(a, work->starts[i]));
        if (one_by_one)
            fold_rows(a, work, i, 1);
    }
    if (one_by_one)
        return;
    if (a->pane_moves != moves && !a->pane_indirect) {
        struct pane *pane = NULL;
        for (uint32_t i = 0; i < work->count; i++) {
            if (!pane || pane->start_ns != work->starts[i])
                pane = pane_find(a, work->starts[i]);
            const struct pane_entry *entry = entry_find(a, pane, work->groups[i]);
            work->states[i] = pane_state(a, entry);
            page_touch(a->image, work->states[i]);
        }
    }
    fold_rows(a, work, 0, work->count);
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
