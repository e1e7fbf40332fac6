/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate.c: what running and windowed aggregates have in common. */
#include "sink/aggregate.h"

#include "base/memory.h"

static enum aggregate_mode mode_of(const struct aggregate *a)
{
    if (a->plan->windowed)
        return AGGREGATE_PANES;
    if (!a->plan->by_count)
        return AGGREGATE_SINGLE;
    return a->key.bytes + a->layout->state_bytes <= TABLE_ENTRY_BYTES_MAX ? AGGREGATE_INLINE
                                                                          : AGGREGATE_INDEXED;
}

static void root_init(struct aggregate *a)
{
    struct aggregate_root *root = aggregate_root_write(a);
    uint32_t before_key =
        a->mode == AGGREGATE_PANES ? (uint32_t)sizeof(struct group_row) : a->layout->state_bytes;

    cells_init(&root->rows, before_key + a->key.bytes);
    cells_init(&root->states, a->layout->state_bytes);
    heap_init(&root->heap);
    root->dropped_to_ns = INT64_MIN;
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
    a->strip = mem_alloc(sizeof *a->strip);
    a->strip->keys = mem_array(AGGREGATE_STRIP, a->key.bytes + 8);
    if (is_new)
        root_init(a);
    if (a->mode == AGGREGATE_PANES)
        panes_init(a, is_new);
    else
        running_init(a);
}

void aggregate_done(struct aggregate *a)
{
    if (!a->layout)
        return;
    panes_done(a);
    table_done(&a->table);
    aggregate_layout_free(a->layout);
    free(a->key.columns);
    free(a->strip->keys);
    free(a->strip);
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

int aggregate_select(struct aggregate *a, struct batch *batch, const struct aggregate_clock *clock,
                     struct aggregate_work *ret_work)
{
    const struct weir_batch *view = &batch->view;
    struct aggregate_work work = {view, clock->times, view->selection, view->selected, 0};
    const struct weir_column *where =
        a->plan->where_column == SINK_NO_COLUMN ? NULL : view->columns[a->plan->where_column];
    bool late_possible = some_may_be_late(a->plan, clock);

    if (where || late_possible) {
        uint16_t *rows = batch_alloc(batch, (view->selected + 1) * sizeof *rows);
        if (!rows)
            return WEIR_E_NOMEM;
        work.rows = rows;
        work.count = 0;
        for (uint32_t i = 0; i < view->selected; i++) {
            uint16_t row = view->selection[i];
            bool wanted = !where || (weir_valid(where, row) && where->bools[row]);
            bool late = wanted && late_possible &&
                        is_late(a->plan, clock->times[row], clock->watermarks[row]);
            rows[work.count] = row;
            work.count += wanted && !late;
            work.late += late;
        }
    }
    *ret_work = work;
    return 0;
}

/* ---- keys ---- */

void strip_make_keys(const struct aggregate *a, struct aggregate_strip *s)
{
    slots_make_keys(&a->key, s->batch, s->rows, s->count, a->seed, s->keys, s->long_keys,
                    s->hashes);
}

__attribute__((noinline)) bool key_equal_long(const struct key_context *k, uint32_t i,
                                              const void *stored)
{
    struct slot_texts texts = {.batch = k->s->batch, .row = k->s->rows[i]};
    return slots_equal_long(&k->a->key, &k->a->heap, k->keys + (size_t)i * k->bytes, &texts,
                            stored);
}

static void strip_set(struct aggregate_strip *s, const struct aggregate_work *work, uint32_t first)
{
    s->batch = work->batch;
    s->times = work->times;
    s->rows = work->rows + first;
    s->count = work->count - first < AGGREGATE_STRIP ? work->count - first : AGGREGATE_STRIP;
    s->missing = 0;
}

/* ---- limits ---- */

void missing_add(const struct aggregate *a, const struct aggregate_strip *s, uint32_t i,
                 bool new_group, struct aggregate_missing *missing)
{
    missing->states++;
    missing->groups += new_group;
    if (new_group && a->key.str_count && s->long_keys[i])
        slots_long_add(&a->key, s->keys + (size_t)i * a->key.bytes, &missing->text_bytes,
                       &missing->text_pages);
    if (!missing->keys)
        return;
    if (a->mode == AGGREGATE_PANES)
        missing->keys[missing->key_count++] = (uint64_t)s->starts[i];
    missing->keys[missing->key_count++] = a->plan->by_count ? s->hashes[i] : 0;
}

int aggregate_bound(const struct aggregate *a, const struct aggregate_work *work,
                    uint64_t text_bytes, uint64_t *pages)
{
    struct aggregate_missing most = {.groups = work->count,
                                     .states = work->count,
                                     .panes = work->count,
                                     .text_bytes =
                                         a->key.str_count * (text_bytes + text_bytes / 4)};

    if (a->plan->on_full == ON_FULL_PAUSE && work->count > a->groups_max - a->root->entries)
        return PARTITION_FULL;
    *pages += a->mode == AGGREGATE_PANES ? window_pages(a, &most) : running_pages(a, &most);
    if (a->layout->has_texts)
        *pages += slots_long_pages(a->layout->text_parts * (text_bytes + text_bytes / 4), 0);
    return 0;
}

int aggregate_measure(struct aggregate *a, struct batch *batch, const struct aggregate_work *work,
                      uint64_t *pages)
{
    bool windowed = a->mode == AGGREGATE_PANES;
    struct aggregate_missing missing = {0};

    if (a->plan->on_full == ON_FULL_PAUSE) {
        missing.keys = batch_alloc(batch, (work->count + 1) * 2 * sizeof *missing.keys);
        if (!missing.keys)
            return WEIR_E_NOMEM;
    }
    for (uint32_t at = 0; at < work->count; at += AGGREGATE_STRIP) {
        strip_set(a->strip, work, at);
        if (windowed)
            window_measure_strip(a, a->strip, &missing);
        else
            running_measure_strip(a, a->strip, &missing);
    }
    if (missing.keys && (windowed ? window_full(a, &missing) : running_full(a, &missing)))
        return PARTITION_FULL;
    *pages += windowed ? window_pages(a, &missing) : running_pages(a, &missing);
    *pages += aggregate_fold_pages(a->layout, work->batch, work->rows, work->count);
    return 0;
}

/* ---- folding ---- */

void strip_fold(const struct aggregate *a, const struct aggregate_strip *s, uint32_t first,
                uint32_t count)
{
    struct fold fold = {s->batch, s->rows + first, count, s->states + first, s->times, &a->heap};
    aggregate_fold(a->layout, &fold);
}

void aggregate_apply(struct aggregate *a, const struct aggregate_work *work)
{
    if (work->late)
        aggregate_root_write(a)->late += work->late;
    for (uint32_t at = 0; at < work->count; at += AGGREGATE_STRIP) {
        strip_set(a->strip, work, at);
        if (a->mode == AGGREGATE_PANES)
            window_apply_strip(a, a->strip);
        else
            running_apply_strip(a, a->strip);
    }
}
