/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/aggregate_layout.h"

#include <float.h>

#include "base/memory.h"

static enum argument_class class_of(struct weir_type type)
{
    if (type_is_str(type))
        return ARGUMENT_STR;
    return type.kind == WEIR_FLOAT  ? ARGUMENT_F64
           : type.kind == WEIR_BOOL ? ARGUMENT_BOOL
                                    : ARGUMENT_I64;
}

static uint32_t parts_of(enum measure_function function)
{
    switch (function) {
    case MEASURE_SUM:
    case MEASURE_AVG:
        return PART_SUM;
    case MEASURE_MIN:
        return PART_MIN;
    case MEASURE_MAX:
        return PART_MAX;
    case MEASURE_FIRST:
        return PART_FIRST;
    case MEASURE_LAST:
        return PART_LAST;
    case MEASURE_COUNT:
    case MEASURE_COUNT_ALL:
    case MEASURE_FUNCTION_COUNT:
        break;
    }
    return 0;
}

static struct layout_argument *argument_of(struct aggregate_layout *layout,
                                           const struct measure_plan *measure)
{
    for (uint32_t i = 0; i < layout->argument_count; i++)
        if (layout->arguments[i].column == measure->column)
            return &layout->arguments[i];
    struct layout_argument *argument = &layout->arguments[layout->argument_count++];
    *argument = (struct layout_argument){
        .column = measure->column,
        .type = measure->argument,
        .class = class_of(measure->argument),
        .parts = measure->argument.nullable ? PART_VALID : 0,
    };
    return argument;
}

static uint16_t place(struct aggregate_layout *layout, bool wanted, uint32_t bytes)
{
    uint32_t at = layout->state_bytes;
    if (!wanted)
        return 0;
    layout->state_bytes += bytes;
    return (uint16_t)at;
}

static void place_argument(struct aggregate_layout *layout, struct layout_argument *a)
{
    bool text = a->class == ARGUMENT_STR;
    uint32_t value = text ? 16 : 8;

    a->valid_at = place(layout, a->parts & PART_VALID, 8);
    a->sum_at = place(layout, a->parts & PART_SUM, 16);
    a->min_at = place(layout, a->parts & PART_MIN, value);
    a->max_at = place(layout, a->parts & PART_MAX, value);
    a->first_at = place(layout, a->parts & PART_FIRST, 16 + value);
    a->last_at = place(layout, a->parts & PART_LAST, 16 + value);
    if (text)
        layout->text_parts +=
            (uint32_t)__builtin_popcount(a->parts & (PART_MIN | PART_MAX | PART_FIRST | PART_LAST));
    layout->has_texts = layout->text_parts > 0;
}

static void initial_extreme(const struct layout_argument *a, void *at, bool min)
{
    if (a->class == ARGUMENT_STR)
        ((struct str_slot *)at)->length = STR_NONE;
    else if (a->class == ARGUMENT_F64)
        ((struct word4 *)at)->f = min ? DBL_MAX : -DBL_MAX; /* values are finite */
    else
        ((struct word4 *)at)->i = min ? INT64_MAX : INT64_MIN;
}

static void initial_stamp(const struct layout_argument *a, void *at, bool first)
{
    *(struct state_stamp *)at = first ? (struct state_stamp){INT64_MAX, INT64_MAX}
                                      : (struct state_stamp){INT64_MIN, INT64_MIN};
    if (a->class == ARGUMENT_STR)
        ((struct str_slot *)((char *)at + sizeof(struct state_stamp)))->length = STR_NONE;
}

static void initial_argument(const struct layout_argument *a, unsigned char *state)
{
    if (a->parts & PART_MIN)
        initial_extreme(a, state + a->min_at, true);
    if (a->parts & PART_MAX)
        initial_extreme(a, state + a->max_at, false);
    if (a->parts & PART_FIRST)
        initial_stamp(a, state + a->first_at, true);
    if (a->parts & PART_LAST)
        initial_stamp(a, state + a->last_at, false);
}

struct aggregate_layout *aggregate_layout_new(const struct aggregate_plan *plan)
{
    struct aggregate_layout *layout = mem_alloc(sizeof *layout);

    layout->plan = plan;
    layout->arguments = mem_array(plan->measure_count + 1, sizeof *layout->arguments);
    layout->measures = mem_array(plan->measure_count + 1, sizeof *layout->measures);
    for (uint32_t i = 0; i < plan->measure_count; i++) {
        const struct measure_plan *measure = &plan->measures[i];
        if (measure->function == MEASURE_COUNT_ALL)
            continue;
        struct layout_argument *argument = argument_of(layout, measure);
        argument->parts |= parts_of(measure->function);
        layout->measures[i] = argument;
    }
    layout->state_bytes = 8;
    for (uint32_t i = 0; i < layout->argument_count; i++)
        place_argument(layout, &layout->arguments[i]);
    layout->initial = mem_alloc(layout->state_bytes);
    for (uint32_t i = 0; i < layout->argument_count; i++)
        initial_argument(&layout->arguments[i], layout->initial);
    return layout;
}

void aggregate_layout_free(struct aggregate_layout *layout)
{
    if (!layout)
        return;
    free(layout->arguments);
    free(layout->measures);
    free(layout->initial);
    free(layout);
}

uint32_t aggregate_state_size(const struct aggregate_layout *layout)
{
    return layout->state_bytes;
}

/* ---- texts of states ---- */

/* Calls `visit` for each text slot of a state, also for those without a value. */
static void each_text(const struct aggregate_layout *layout, const void *state,
                      void (*visit)(void *context, uint16_t at, const struct str_slot *slot),
                      void *context)
{
    if (!layout->has_texts)
        return;
    for (uint32_t i = 0; i < layout->argument_count; i++) {
        const struct layout_argument *a = &layout->arguments[i];
        if (a->class != ARGUMENT_STR)
            continue;
        const uint32_t stamp = sizeof(struct state_stamp);
        const uint16_t at[] = {
            a->parts & PART_MIN ? a->min_at : 0,
            a->parts & PART_MAX ? a->max_at : 0,
            a->parts & PART_FIRST ? (uint16_t)(a->first_at + stamp) : 0,
            a->parts & PART_LAST ? (uint16_t)(a->last_at + stamp) : 0,
        };
        for (unsigned k = 0; k < COUNT_OF(at); k++) {
            if (at[k])
                visit(context, at[k], state_part(state, at[k]));
        }
    }
}

static void free_text(void *context, uint16_t at, const struct str_slot *slot)
{
    const struct slot_heap *heap = context;
    (void)at;
    if (slot->length > STR_INLINE_MAX && slot->length != STR_NONE)
        heap_free(heap->image, heap->head, slot->ref, slot->length);
}

void aggregate_state_free(const struct aggregate_layout *layout, const struct slot_heap *heap,
                          const void *state)
{
    each_text(layout, state, free_text, (void *)(uintptr_t)heap);
}

static void count_text(void *context, uint16_t at, const struct str_slot *slot)
{
    (void)at;
    if (slot->length != STR_NONE)
        *(uint64_t *)context += slot->length;
}

uint64_t aggregate_state_text_bytes(const struct aggregate_layout *layout, const void *state)
{
    uint64_t bytes = 0;
    each_text(layout, state, count_text, &bytes);
    return bytes;
}

struct detach {
    const struct slot_heap *heap;
    char *detached;
    char **text;
};

static void detach_text(void *context, uint16_t at, const struct str_slot *slot)
{
    struct detach *d = context;
    struct weir_str text = {0};

    if (slot->length == STR_NONE) {
        memcpy(d->detached + at, &text, sizeof text);
        return;
    }
    text = str_make(*d->text, slot->length);
    if (slot->length <= STR_INLINE_MAX)
        memcpy(*d->text, slot->bytes, slot->length);
    else
        heap_copy(d->heap->image, d->heap->head, slot->ref, slot->length, *d->text);
    *d->text += slot->length;
    memcpy(d->detached + at, &text, sizeof text);
}

static void detach_none(void *context, uint16_t at, const struct str_slot *slot)
{
    (void)slot;
    memset((char *)context + at, 0, 16);
}

void aggregate_state_init(const struct aggregate_layout *layout, void *state)
{
    memcpy(state, layout->initial, layout->state_bytes);
    each_text(layout, state, detach_none, state);
}

void aggregate_state_detach(const struct aggregate_layout *layout, const struct slot_heap *heap,
                            const void *state, void *ret_detached, char **text)
{
    memcpy(ret_detached, state, layout->state_bytes);
    if (!layout->has_texts)
        return;
    struct detach d = {heap, ret_detached, text};
    each_text(layout, state, detach_text, &d);
}
