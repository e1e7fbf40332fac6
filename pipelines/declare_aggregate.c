/* SPDX-License-Identifier: Apache-2.0 */
/* declare_aggregate.c: `sink.aggregates.NAME`: groups, windows, measures. */
#include "pipelines/declare.h"

#include "base/hash.h"
#include "base/value.h"

#define WINDOW_NS_MIN 1000000 /* 1ms */

static bool by_plan(struct planner *planner, const struct weir_node *by,
                    struct aggregate_plan *aggregate)
{
    if (!by)
        return true;
    if (by->count > AGGREGATE_BY_MAX) {
        problem_error(planner->problems, by->mark, "`by` names at most %d columns",
                      AGGREGATE_BY_MAX);
        return false;
    }
    struct weir_field *fields = planner_alloc(planner, by->count * sizeof *fields);
    bool right = true;
    for (uint32_t i = 0; i < by->count; i++) {
        const struct weir_node *node = by->values[i];
        const struct weir_field *field = plan_column_of(planner->columns, node, true);
        right &= field != NULL;
        for (uint32_t j = 0; j < aggregate->by_count && field; j++)
            if (!strcmp(fields[j].name, field->name)) {
                problem_error(planner->problems, node->mark, "`%s` stands twice in `by`",
                              field->name);
                right = false;
            }
        if (field) {
            fields[aggregate->by_count] = *field;
            fields[aggregate->by_count++].name = planner_text(planner, field->name);
        }
    }
    aggregate->by = fields;
    return right;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool duration_at(struct planner *planner, const struct weir_node *map, const char *key,
                        int64_t *ret_ns)
{
    const struct weir_node *node = node_get(map, key);
    return !node || node_duration(node, key, ret_ns, planner->problems);
}

static bool window_fits(struct planner *planner, const struct weir_node *node,
                        const struct aggregate_plan *a)
{
    struct text text = TEXT_INIT;
    const struct weir_node *at = node;
    if (a->size_ns < WINDOW_NS_MIN || a->slide_ns < WINDOW_NS_MIN) {
        text_add(&text, "`size` and `slide` must be at least 1ms");
    } else if (a->slide_ns > a->size_ns) {
        at = node_get(node, "slide");
        text_add(&text, "`slide` must not be larger than `size`: records between two windows would "
                        "be lost");
    } else if (a->keep_ns < a->size_ns) {
        at = node_get(node, "keep") ? node_get(node, "keep") : node;
        text_add(&text, "`keep` (");
        duration_write(&text, a->keep_ns);
        text_add(&text, ") must be at least `size`");
    } else if (a->lateness_ns > a->keep_ns) {
        at = node_get(node, "lateness");
        text_add(&text, "`lateness` must not be larger than `keep` (");
        duration_write(&text, a->keep_ns);
        text_add(&text, "): what is gone cannot be added to");
    } else if (a->keep_ns / a->pane_ns > WINDOW_PANES_MAX) {
        text_addf(&text, "panes (");
        duration_write(&text, a->pane_ns);
        text_addf(&text,
                  ", the greatest common divisor of `size` and `slide`) would be more than %d "
                  "within `keep`",
                  WINDOW_PANES_MAX);
    } else if (a->size_ns / a->pane_ns > PANES_OF_WINDOW_MAX) {
        text_addf(&text, "a window would be made of more than %d panes (", PANES_OF_WINDOW_MAX);
        duration_write(&text, a->pane_ns);
        text_add(&text, ", the greatest common divisor of `size` and `slide`)");
    }
    bool right = !text.length;
    if (!right)
        problem_error(planner->problems, at->mark, "%s", text.data);
    text_done(&text);
    return right;
}

static bool window_plan(struct planner *planner, const struct weir_node *node, const char *what,
                        struct aggregate_plan *aggregate)
{
    if (!node)
        return true;
    char where[NAME_BYTES_MAX + 40];
    snprintf(where, sizeof where, "`window` of %s", what);
    uint32_t errors = planner->problems->errors;
    node = declare_read(planner, node, &declare_window, where);
    if (!node || planner->problems->errors != errors)
        return false;
    aggregate->windowed = true;
    duration_read(declare_default(&declare_window, "keep"), &aggregate->keep_ns, NULL);
    if (!duration_at(planner, node, "size", &aggregate->size_ns))
        return false;
    aggregate->slide_ns = aggregate->size_ns;
    if (!node_get(node, "keep") && aggregate->keep_ns < aggregate->size_ns)
        aggregate->keep_ns = aggregate->size_ns;
    if (!duration_at(planner, node, "slide", &aggregate->slide_ns) ||
        !duration_at(planner, node, "keep", &aggregate->keep_ns))
        return false;
    aggregate->lateness_ns = aggregate->keep_ns;
    if (!duration_at(planner, node, "lateness", &aggregate->lateness_ns))
        return false;
    aggregate->pane_ns = greatest_common_divisor(aggregate->size_ns, aggregate->slide_ns);
    return window_fits(planner, node, aggregate);
}

static bool name_taken(struct planner *planner, const struct weir_node *name,
                       const struct aggregate_plan *aggregate)
{
    static const char *const reserved[] = {"window_start", "window_end", "final"};
    const char *why = NULL;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(name->text, reserved[i]))
            why = "is a name that rows of windows have already";
    for (uint32_t i = 0; i < aggregate->by_count; i++)
        if (!strcmp(name->text, aggregate->by[i].name))
            why = "is a column of `by`, and a row cannot have two";
    if (why)
        problem_error(planner->problems, name->mark, "`%s` %s; name the measure otherwise",
                      name->text, why);
    return why != NULL;
}

static bool measures_plan(struct planner *planner, const struct weir_node *node,
                          struct aggregate_plan *aggregate)
{
    if (!node->count || node->count > AGGREGATE_MEASURES_MAX) {
        problem_error(planner->problems, node->mark,
                      "`measures` has 1 to %d entries of `NAME: FUNCTION(EXPRESSION)`",
                      AGGREGATE_MEASURES_MAX);
        return false;
    }
    struct measure_plan *measures = planner_alloc(planner, node->count * sizeof *measures);
    bool right = true;
    for (uint32_t i = 0; i < node->count; i++) {
        if (name_taken(planner, node->keys[i], aggregate) ||
            !declare_plan_measure(planner, node->keys[i], node->values[i], aggregate->where_column,
                                  measures + i))
            right = false;
    }
    aggregate->measures = measures;
    aggregate->measure_count = node->count;
    return right;
}

static uint64_t fingerprint(const struct planner *planner, const struct aggregate_plan *a)
{
    const struct weir_plan *columns = planner->columns;
    uint64_t hash = hash_u64(chain_meaning(planner->plan->chain), 'a');
    for (uint32_t i = 0; i < a->by_count; i++) {
        hash = hash_bytes(a->by[i].name, strlen(a->by[i].name), hash);
        hash = hash_u64(plan_meaning(columns, a->by[i].column), hash);
    }
    if (a->where_column != SINK_NO_COLUMN)
        hash = hash_u64(plan_meaning(columns, a->where_column), hash);
    /* A window is made of panes when it is asked for: size and slide do not change what is kept. */
    hash = hash_u64(a->windowed ? (uint64_t)a->pane_ns : 0, hash);
    bool timed = a->windowed;
    for (uint32_t i = 0; i < a->measure_count; i++) {
        const struct measure_plan *m = a->measures + i;
        hash = hash_bytes(m->name, strlen(m->name), hash);
        hash = hash_u64(m->function, hash);
        if (m->column != SINK_NO_COLUMN)
            hash = hash_u64(plan_meaning(columns, m->column), hash);
        timed |= m->function == MEASURE_FIRST || m->function == MEASURE_LAST;
    }
    if (timed && planner->plan->event_time_column != SINK_NO_COLUMN)
        hash = hash_u64(plan_meaning(columns, planner->plan->event_time_column), hash);
    return hash;
}

bool declare_plan_aggregate(struct planner *planner, const struct weir_node *name,
                            const struct weir_node *node, struct aggregate_plan *ret_plan)
{
    struct aggregate_plan aggregate = {.name = name->text,
                                       .where_column = SINK_NO_COLUMN,
                                       .groups_max = MAX_GROUPS_DEFAULT,
                                       .on_full = ON_FULL_OVERFLOW};
    char what[NAME_BYTES_MAX + 20];
    snprintf(what, sizeof what, "aggregate `%s`", name->text);
    uint32_t errors = planner->problems->errors;
    declare_name(planner, name, "an aggregate");
    node = declare_read(planner, node, &declare_aggregate, what);
    if (!node)
        return false;
    const struct weir_node *where = node_get(node, "where");
    const struct weir_node *max_groups = node_get(node, "max_groups");
    const struct weir_node *on_full = node_get(node, "on_full");
    struct weir_type type;

    bool right = by_plan(planner, node_get(node, "by"), &aggregate);
    if (where)
        right &= chain_add_expr(planner->plan->chain, planner->columns, where, WEIR_BOOL,
                                &aggregate.where_column, &type) >= 0;
    right &= window_plan(planner, node_get(node, "window"), what, &aggregate);
    const struct weir_node *measures = node_get(node, "measures");
    right &= measures && measures_plan(planner, measures, &aggregate);
    if (max_groups) {
        int64_t most = 0;
        right &= node_int(max_groups, "`max_groups`", 1, INT64_MAX, &most, planner->problems);
        aggregate.groups_max = (uint64_t)most;
    }
    if (on_full) {
        static const enum sink_on_full choices[] = {ON_FULL_OVERFLOW, ON_FULL_EVICT, ON_FULL_PAUSE};
        int choice = 0;
        right &=
            node_choice(on_full, "`on_full`", "overflow|evict|pause", &choice, planner->problems);
        aggregate.on_full = choices[choice];
    }
    if (!right || planner->problems->errors != errors)
        return false;
    aggregate.fingerprint = fingerprint(planner, &aggregate);
    *ret_plan = aggregate;
    return true;
}
