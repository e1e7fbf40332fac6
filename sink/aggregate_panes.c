/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_panes.c: panes: small tables from a group's reference to its state.
 *
 * A pane is a block of 504, 1008 or 2016 bytes (cells: several to a page), then a table with pages
 * of its own. Dropping a pane frees these and visits no group (unless states refer to the heap or
 * to cells).
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

static uint64_t pane_entry_hash(const void *context, const void *entry)
{
    const struct aggregate *a = context;
    return hash_u64(((const struct pane_entry *)entry)->group, a->seed);
}

uint32_t pane_entry_bytes(const struct aggregate *a)
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
    index_init(&a->table, a->image, &a->root->table, a->owner);
    a->pane_indirect = sizeof(struct pane_entry) + a->layout->state_bytes > TABLE_ENTRY_BYTES_MAX;
    for (unsigned i = 0; i < PANE_BLOCK_CLASSES; i++)
        a->pane_shapes[i] = bucket_shape_of(block_bytes[i], 0, pane_entry_bytes(a));
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

struct pane *pane_find(const struct aggregate *a, int64_t start_ns)
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

struct pane *pane_get(struct aggregate *a, int64_t start_ns)
{
    struct pane *pane = pane_find(a, start_ns);
    return pane ? pane : pane_new(a, start_ns);
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

uint64_t pane_entries(const struct pane *pane)
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
    a->root->entries -= pane_entries(pane) - (record->has_overflow);
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

/* ---- entries ---- */

const struct pane_entry *pane_lookup(const struct aggregate *a, const struct pane *pane,
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

char *pane_insert(struct aggregate *a, struct pane *pane, uint32_t group)
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
    if (group == GROUP_OVERFLOW)
        record_write(a, pane)->has_overflow = 1;
    else
        a->root->entries++;
    if (group != GROUP_OVERFLOW && group != GROUP_ALL) {
        struct group_row *row = cell_write(a->image, &a->root->rows, group);
        if (row->last_pane_ns < pane->start_ns)
            row->last_pane_ns = pane->start_ns;
    }
    return state;
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

void pane_evict(struct aggregate *a, struct pane *pane)
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
        bucket_drop(pane->block, shape, (unsigned)(at / shape.entry_bytes));
    } else {
        table_remove(pane->table, hash_u64(group, a->seed), victim);
    }
    a->root->entries--;
    a->root->evicted++;
}
