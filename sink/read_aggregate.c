/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read_aggregate.c: copies of partials. Under the lock entries are copied as they stand, then the
 * keys of the groups that occur in them, each once; nothing is merged there.
 */
#include "base/error.h"
#include "base/memory.h"
#include "sink/partition_private.h"

#define COPY_KEEP_BYTES ((size_t)4 << 20) /* of a copy's memory, between uses */

struct partials_memory {
    struct arena arena;
};

/* A copy in the making. */
struct copying {
    const struct aggregate *a;
    struct partials *p;
    struct arena *arena;
    uint64_t bytes_max;
    bool failed;
    union read_value *keys;
    uint32_t *flags;
    struct partials_entry *entries;
    unsigned char *states;
    uint32_t entry_room;
    uint32_t group_room;
    uint32_t *groups; /* by group of the copy: reference in the dictionary */
    /* reference -> group of the copy; NULL when no group can occur twice */
    struct group_slot *map;
    uint64_t map_mask;
};

struct group_slot {
    uint32_t used;
    uint32_t reference;
    uint32_t group;
};

static void *take(struct copying *c, size_t bytes)
{
    bool room = !c->failed && c->arena->used_bytes + bytes <= c->bytes_max;
    void *memory = room ? arena_alloc(c->arena, bytes ? bytes : 1) : NULL;
    c->failed |= !memory;
    return memory;
}

/* ---- keys ---- */

static void copy_key(struct copying *c, uint32_t group, const void *row)
{
    const struct slot_shape *shape = &c->a->key;
    union read_value *values = c->keys + (size_t)group * shape->count;
    uint32_t flags = 0;
    char *text = NULL;

    if (shape->str_count) {
        text = take(c, slots_text_bytes(shape, row));
        if (!text)
            return;
    }
    for (uint32_t i = 0; i < shape->count; i++) {
        values[i] = slot_value(shape, &c->a->heap, row, i, &text);
        flags |= (uint32_t)slot_is_null(shape, row, i) << i;
    }
    c->flags[group] = flags;
}

static void overflow_key(struct copying *c, uint32_t group)
{
    const struct slot_shape *shape = &c->a->key;
    union read_value *values = c->keys + (size_t)group * shape->count;
    uint32_t flags = PARTIALS_OVERFLOW;

    for (uint32_t i = 0; i < shape->count; i++) {
        values[i] = (union read_value){.words = {0, 0}};
        if (shape->columns[i].type.kind == WEIR_STRING)
            values[i].s = str_of(OVERFLOW_LABEL);
        else
            flags |= 1u << i;
    }
    c->flags[group] = flags;
}

static void copy_state(struct copying *c, uint32_t entry, const void *state)
{
    const struct aggregate_layout *layout = c->a->layout;
    unsigned char *to = c->states + (size_t)entry * layout->state_bytes;
    char *text = NULL;

    if (layout->has_texts) {
        text = take(c, aggregate_state_text_bytes(layout, state));
        if (!text)
            return;
    }
    aggregate_state_detach(layout, &c->a->heap, state, to, &text);
}

static bool make_room(struct copying *c, uint64_t groups, uint64_t entries)
{
    if (groups > UINT32_MAX || entries > UINT32_MAX) {
        c->failed = true;
        return false;
    }
    c->group_room = (uint32_t)groups;
    c->entry_room = (uint32_t)entries;
    c->keys = take(c, groups * c->a->key.count * sizeof *c->keys);
    c->flags = take(c, groups * sizeof *c->flags);
    c->entries = take(c, entries * sizeof *c->entries);
    c->states = take(c, entries * c->a->layout->state_bytes);
    return !c->failed;
}

/* ---- running ---- */

static void copy_group(struct copying *c, const void *row, const void *state)
{
    uint32_t i = c->p->group_count;

    if (c->failed || i == c->group_room)
        return;
    if (row)
        copy_key(c, i, row);
    else
        overflow_key(c, i);
    copy_state(c, i, state);
    c->entries[i] = (struct partials_entry){i, 0};
    c->p->group_count++;
    c->p->entry_count++;
}

static void copy_bucket(struct copying *c, const struct bucket *bucket)
{
    const struct aggregate *a = c->a;
    for (unsigned i = 0; i < a->table.shape.capacity; i++) {
        if (!(bucket_tags(bucket)[i] & BUCKET_TAG))
            continue;
        const char *row = bucket_entry(bucket, a->table.shape, i);
        if (a->mode == AGGREGATE_INDEXED)
            row = cell_read(a->image, &a->root->rows,
                            ((const struct index_entry *)(const void *)row)->ref);
        copy_group(c, row, row + a->key.bytes);
    }
}

static void copy_running(struct copying *c)
{
    const struct aggregate *a = c->a;
    uint64_t hash = 0;

    if (!make_room(c, a->table.head->entries + 1, a->table.head->entries + 1))
        return;
    if (a->mode == AGGREGATE_SINGLE) {
        c->flags[0] = 0;
        c->entries[0] = (struct partials_entry){0, 0};
        if (a->root->single)
            copy_state(c, 0, cell_read(a->image, &a->root->states, a->root->single));
        else
            aggregate_state_init(a->layout, c->states);
        c->p->group_count = c->p->entry_count = 1;
        return;
    }
    do {
        uint32_t no = table_scan(&a->table, hash, &hash);
        for (; no && !c->failed; no = page_bucket(page_read(a->image, no))->next)
            copy_bucket(c, page_bucket(page_read(a->image, no)));
    } while (hash && !c->failed);
    if (a->root->single)
        copy_group(c, NULL, cell_read(a->image, &a->root->states, a->root->single));
}

/* ---- windowed ---- */

static uint32_t group_of(struct copying *c, uint32_t reference)
{
    if (!c->map) {
        c->groups[c->p->group_count] = reference;
        return c->p->group_count++;
    }
    uint64_t at = hash_u64(reference, c->a->seed) & c->map_mask;
    for (; c->map[at].used; at = (at + 1) & c->map_mask)
        if (c->map[at].reference == reference)
            return c->map[at].group;
    c->map[at] = (struct group_slot){1, reference, c->p->group_count};
    c->groups[c->p->group_count] = reference;
    return c->p->group_count++;
}

static void copy_entry(void *context, const struct pane_entry *entry)
{
    struct copying *c = context;
    uint32_t i = c->p->entry_count;

    if (c->failed)
        return;
    c->entries[i] = (struct partials_entry){group_of(c, entry->group), c->p->pane_count};
    copy_state(c, i, pane_state(c->a, entry));
    c->p->entry_count++;
}

static uint64_t entries_of(const struct pane *pane)
{
    return pane->block ? pane->block->count : pane->table->head->entries;
}

static bool make_map(struct copying *c, uint64_t groups)
{
    uint64_t size = 16;
    while (size < groups * 2)
        size *= 2;
    c->map = take(c, size * sizeof *c->map);
    c->map_mask = size - 1;
    if (c->map)
        memset(c->map, 0, size * sizeof *c->map);
    return c->map;
}

static void copy_panes(struct copying *c, int64_t from_ns, int64_t to_ns)
{
    const struct aggregate *a = c->a;
    int64_t horizon = aggregate_horizon(a->plan, c->p->at.watermark_ns);
    uint32_t first = pane_at_or_after(a, from_ns > horizon ? from_ns : horizon), end = first;
    uint64_t entries = 0;

    for (; end < a->pane_count && (to_ns == INT64_MAX || a->panes[end].start_ns < to_ns); end++)
        entries += entries_of(&a->panes[end]);
    uint64_t groups = a->table.head->entries + 2; /* overflow, and the one without `by` */
    if (entries < groups)
        groups = entries;
    if (!make_room(c, groups, entries))
        return;
    c->groups = take(c, groups * sizeof *c->groups);
    int64_t *starts = take(c, (end - first) * sizeof *starts);
    if (!c->groups || !starts || (end - first > 1 && !make_map(c, groups)))
        return;
    for (uint32_t i = first; i < end && !c->failed; i++) {
        starts[c->p->pane_count] = a->panes[i].start_ns;
        pane_each(a, &a->panes[i], copy_entry, c);
        c->p->pane_count++;
    }
    c->p->pane_starts = starts;
    for (uint32_t g = 0; g < c->p->group_count && !c->failed; g++) {
        if (g + 8 < c->p->group_count && c->groups[g + 8] > GROUP_ALL)
            __builtin_prefetch(group_row(a, c->groups[g + 8]));
        if (c->groups[g] == GROUP_OVERFLOW)
            overflow_key(c, g);
        else if (c->groups[g] == GROUP_ALL)
            c->flags[g] = 0;
        else
            copy_key(c, g, group_row(a, c->groups[g]) + 1);
    }
}

int partials_copy(struct partition *partition, uint32_t aggregate, int64_t from_ns, int64_t to_ns,
                  uint64_t bytes_max, struct partials *partials, struct weir_error *error)
{
    struct partials_memory *memory = partials->memory;

    CHECK(aggregate < partition->plan->aggregate_count);
    if (!memory) {
        memory = mem_alloc(sizeof *memory);
        arena_init(&memory->arena, 0);
    }
    arena_reset(&memory->arena, COPY_KEEP_BYTES);
    *partials = (struct partials){.memory = memory};

    partition_lock(partition);
    const struct aggregate *a = &partition->aggregates[aggregate];
    partials->plan = a->plan;
    partials->layout = a->layout;
    partials->state_size = a->layout->state_bytes;
    partition_instant(partition, &partials->at);
    struct copying c = {.a = a, .p = partials, .arena = &memory->arena, .bytes_max = bytes_max};
    if (a->mode == AGGREGATE_PANES)
        copy_panes(&c, from_ns, to_ns);
    else
        copy_running(&c);
    partition_unlock(partition);

    partials->keys = c.keys;
    partials->flags = c.flags;
    partials->entries = c.entries;
    partials->states = c.states;
    if (!c.failed)
        return 0;
    partials->group_count = partials->pane_count = partials->entry_count = 0;
    return error_set(
        error, WEIR_E_LIMIT,
        "aggregate `%s` of %s/%d is larger than the limit of %llu bytes for one query; "
        "ask for fewer windows",
        a->plan->name, partition_topic(partition), partition_number(partition),
        (unsigned long long)bytes_max);
}

void partials_done(struct partials *partials)
{
    if (partials->memory) {
        arena_done(&partials->memory->arena);
        free(partials->memory);
    }
    *partials = (struct partials){0};
}
