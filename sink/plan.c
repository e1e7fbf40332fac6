/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/plan.h"

#include "base/memory.h"
#include "base/value.h"

bool measure_result_type(enum measure_function function, struct weir_type argument,
                         struct weir_type *ret_result)
{
    bool number =
        argument.kind == WEIR_INT || argument.kind == WEIR_FLOAT || argument.kind == WEIR_DECIMAL;
    struct weir_type result = argument;

    switch (function) {
    case MEASURE_COUNT_ALL:
    case MEASURE_COUNT:
        result = (struct weir_type){.kind = WEIR_INT};
        break;
    case MEASURE_SUM:
        if (!number)
            return false;
        result.nullable = 1;
        break;
    case MEASURE_AVG:
        if (!number)
            return false;
        result = (struct weir_type){.kind = WEIR_FLOAT, .nullable = 1};
        break;
    case MEASURE_MIN:
    case MEASURE_MAX:
        /* The order of JSON text is nothing anybody could mean. */
        if (argument.kind == WEIR_ARRAY || argument.kind == WEIR_JSON)
            return false;
        result.nullable = 1;
        break;
    case MEASURE_FIRST:
    case MEASURE_LAST:
        result.nullable = 1;
        break;
    case MEASURE_FUNCTION_COUNT:
        return false;
    }
    *ret_result = result;
    return true;
}

struct weir_field *aggregate_row_fields(const struct aggregate_plan *plan, uint32_t *ret_count)
{
    uint32_t count = plan->by_count + plan->measure_count;
    struct weir_field *fields = mem_array(count ? count : 1, sizeof *fields);

    for (uint32_t i = 0; i < plan->by_count; i++) {
        fields[i] = plan->by[i];
        fields[i].column = i;
        /* The overflow group has a label where text can stand and null elsewhere. */
        if (plan->on_full == ON_FULL_OVERFLOW && plan->by[i].type.kind != WEIR_STRING)
            fields[i].type.nullable = 1;
    }
    for (uint32_t i = 0; i < plan->measure_count; i++) {
        fields[plan->by_count + i] = (struct weir_field){
            .name = plan->measures[i].name,
            .type = plan->measures[i].result,
            .column = plan->by_count + i,
        };
    }
    *ret_count = count;
    return fields;
}

struct weir_field *set_row_fields(const struct set_plan *plan, uint32_t *ret_count)
{
    uint32_t count = plan->key_count + plan->bin_count;
    struct weir_field *fields = mem_array(count ? count : 1, sizeof *fields);

    for (uint32_t i = 0; i < count; i++) {
        bool key = i < plan->key_count;
        fields[i] = key ? plan->key[i] : plan->bins[i - plan->key_count];
        fields[i].column = i;
        if (key)
            fields[i].type.nullable = 0; /* records with a null key are rejected */
    }
    *ret_count = count;
    return fields;
}
