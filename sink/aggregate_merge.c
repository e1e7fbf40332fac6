/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate_merge.c: detached states: merging them, and what measures read from them. */
#include <math.h>

#include "sink/aggregate_layout.h"

uint64_t aggregate_state_records(const struct aggregate_layout *layout, const void *state)
{
    (void)layout;
    return ((const struct word4 *)state)->u;
}

/* ---- merging ---- */

static struct weir_str text_at(const void *at)
{
    struct weir_str text;
    memcpy(&text, at, sizeof text);
    return text;
}

static int text_order(struct weir_str a, struct weir_str b)
{
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static void merge_sum(const struct layout_argument *a, void *into, const void *from)
{
    if (a->class == ARGUMENT_F64) {
        struct sum_float *x = into;
        const struct sum_float *y = from;
        double total = x->sum + y->sum, back = total - x->sum;
        x->compensation += y->compensation + (x->sum - (total - back)) + (y->sum - back);
        x->sum = total;
        return;
    }
    struct sum128 *x = into;
    const struct sum128 *y = from;
    uint64_t low = x->low + y->low;
    x->high += y->high + (low < x->low);
    x->low = low;
}

static void merge_extreme(const struct layout_argument *a, void *into, const void *from, bool min)
{
    if (a->class == ARGUMENT_STR) {
        struct weir_str there = text_at(into), other = text_at(from);
        if (!other.data)
            return;
        int order = there.data ? text_order(other, there) : 0;
        if (!there.data || (min ? order < 0 : order > 0))
            memcpy(into, from, 16);
        return;
    }
    struct word4 *x = into;
    const struct word4 *y = from;
    bool better = a->class == ARGUMENT_F64 ? (min ? y->f < x->f : y->f > x->f)
                                           : (min ? y->i < x->i : y->i > x->i);
    if (better)
        *x = *y;
}

static void merge_stamped(const struct layout_argument *a, void *into, const void *from, bool first)
{
    struct state_stamp *x = into;
    const struct state_stamp *y = from;
    bool better =
        first ? y->time_ns < x->time_ns || (y->time_ns == x->time_ns && y->offset < x->offset)
              : y->time_ns > x->time_ns || (y->time_ns == x->time_ns && y->offset > x->offset);
    if (better)
        memcpy(into, from, sizeof *x + (a->class == ARGUMENT_STR ? 16 : 8));
}

void aggregate_state_merge(const struct aggregate_layout *layout, void *into, const void *from)
{
    STATE_RECORDS(into)->u += ((const struct word4 *)from)->u;
    for (uint32_t i = 0; i < layout->argument_count; i++) {
        const struct layout_argument *a = &layout->arguments[i];
        if (a->parts & PART_VALID)
            ((struct word4 *)state_part(into, a->valid_at))->u +=
                ((const struct word4 *)state_part(from, a->valid_at))->u;
        if (a->parts & PART_SUM)
            merge_sum(a, state_part(into, a->sum_at), state_part(from, a->sum_at));
        if (a->parts & PART_MIN)
            merge_extreme(a, state_part(into, a->min_at), state_part(from, a->min_at), true);
        if (a->parts & PART_MAX)
            merge_extreme(a, state_part(into, a->max_at), state_part(from, a->max_at), false);
        if (a->parts & PART_FIRST)
            merge_stamped(a, state_part(into, a->first_at), state_part(from, a->first_at), true);
        if (a->parts & PART_LAST)
            merge_stamped(a, state_part(into, a->last_at), state_part(from, a->last_at), false);
    }
}

/* ---- results ---- */

static void set_big(struct measure_value *value, int128 big)
{
    value->big = big;
    value->wide = big > INT64_MAX || big < INT64_MIN;
    value->value.i = value->wide ? 0 : (int64_t)big;
}

static int128 sum_of(const struct sum128 *sum)
{
    return (int128)((unsigned __int128)(uint64_t)sum->high << 64 | sum->low);
}

static double sum_float(const void *at)
{
    const struct sum_float *sum = at;
    return sum->sum + sum->compensation;
}

/* A float that left the range of floats has no value that could be shown. */
static void set_float(struct measure_value *value, double number)
{
    value->value.f = number;
    value->null = !isfinite(number);
}

static void result_sum(const struct layout_argument *a, const void *state,
                       struct measure_value *value)
{
    if (a->class == ARGUMENT_F64)
        set_float(value, sum_float(state_part(state, a->sum_at)));
    else
        set_big(value, sum_of(state_part(state, a->sum_at)));
}

static void result_avg(const struct layout_argument *a, const void *state, uint64_t count,
                       struct measure_value *value)
{
    if (a->class == ARGUMENT_F64) {
        set_float(value, sum_float(state_part(state, a->sum_at)) / (double)count);
        return;
    }
    long double mean = (long double)sum_of(state_part(state, a->sum_at)) / (long double)count;
    if (a->type.kind == WEIR_DECIMAL)
        for (unsigned i = 0; i < a->type.scale; i++)
            mean /= 10;
    set_float(value, (double)mean);
}

static void result_word(const struct layout_argument *a, const void *at,
                        struct measure_value *value)
{
    if (a->class == ARGUMENT_STR) {
        value->value.s = text_at(at);
    } else if (a->class == ARGUMENT_F64) {
        value->value.f = ((const struct word4 *)at)->f;
    } else if (a->class == ARGUMENT_BOOL) {
        value->value.b = (uint8_t)((const struct word4 *)at)->i;
    } else {
        set_big(value, ((const struct word4 *)at)->i);
    }
}

void aggregate_state_result(const struct aggregate_layout *layout, uint32_t measure,
                            const void *state, struct measure_value *ret_value)
{
    const struct layout_argument *a = layout->measures[measure];
    uint64_t records = ((const struct word4 *)state)->u;
    uint64_t values = a && a->parts & PART_VALID
                          ? ((const struct word4 *)state_part(state, a->valid_at))->u
                          : records;
    struct measure_value value = {0};
    enum measure_function function = layout->plan->measures[measure].function;

    if (function == MEASURE_COUNT || function == MEASURE_COUNT_ALL) {
        set_big(&value, function == MEASURE_COUNT ? values : records);
    } else if (values == 0) {
        value.null = true;
    } else if (function == MEASURE_SUM) {
        result_sum(a, state, &value);
    } else if (function == MEASURE_AVG) {
        result_avg(a, state, values, &value);
    } else if (function == MEASURE_MIN) {
        result_word(a, state_part(state, a->min_at), &value);
    } else if (function == MEASURE_MAX) {
        result_word(a, state_part(state, a->max_at), &value);
    } else {
        uint16_t at = function == MEASURE_FIRST ? a->first_at : a->last_at;
        result_word(a, state_part(state, (uint16_t)(at + sizeof(struct state_stamp))), &value);
    }
    if (value.null)
        value.value = (union read_value){.words = {0, 0}};
    *ret_value = value;
}
