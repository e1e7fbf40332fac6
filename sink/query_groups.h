/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_groups.h: merging the partials of all partitions into groups of a query.
 *
 * A cell is one row of the answer: a group (the values of the `by=` columns) and a window. Keys and
 * cells stand in two open-addressing tables of row numbers beside dense arrays; nothing is freed or
 * moved but by doubling, and everything is the workspace's.
 */
#ifndef SINK_QUERY_GROUPS_H
#define SINK_QUERY_GROUPS_H

#include "sink/query_internal.h"

/* The windows of a query, in panes. */
struct window_plan {
    bool windowed;
    bool all; /* one window over everything there is */
    int64_t size_ns;
    int64_t slide_ns;
    int64_t from_ns;  /* windows that end after it .. */
    int64_t to_ns;    /* .. and begin before it; INT64_MIN, INT64_MAX: open */
    int64_t last_ns;  /* 0: none; becomes from_ns once the watermark is known */
    int64_t whole_ns; /* windows that begin before it have lost a pane somewhere */
    int64_t all_start_ns, all_end_ns;
};
int window_plan_make(struct window_plan *plan, const struct aggregate_plan *aggregate,
                     const struct aggregate_query *query, struct query_error *error);
/* Once the copies are there: `last` and what has passed `keep` in some partition. */
void window_plan_settle(struct window_plan *plan, const struct aggregate_plan *aggregate,
                        const struct partials *partials, uint32_t count);
/* The panes that must be copied. */
void window_plan_panes(const struct window_plan *plan, int64_t *ret_from_ns, int64_t *ret_to_ns);
/* The windows that a pane is part of: *start is the first, the next ones slide_ns further, as long
 * as window_holds. */
int64_t window_first(const struct window_plan *plan, int64_t pane_ns, int64_t pane_start_ns);
bool window_is_shown(const struct window_plan *plan, int64_t start_ns);

struct cell {
    uint32_t key;
    uint32_t reserved;
    int64_t window_start_ns;
};

struct groups {
    const struct aggregate_plan *plan;
    const struct aggregate_layout *layout; /* of the first copy; NULL: there is none */
    struct query_workspace *workspace;
    const uint32_t *by; /* projected columns of the plan */
    uint32_t by_count;
    uint32_t state_size;
    uint32_t key_count;
    uint32_t cell_count;
    uint32_t key_slots, cell_slots; /* sizes of the tables, powers of two */
    uint64_t cells_max;
};
int groups_begin(struct groups *groups, const struct aggregate_plan *plan, const uint32_t *by,
                 uint32_t by_count, uint64_t cells_max, struct query_workspace *workspace,
                 struct query_error *error);
/* Merges one partition's copy; `passes` NULL or a bitmap by its groups. */
int groups_merge(struct groups *groups, const struct partials *partials, const uint64_t *passes,
                 const struct window_plan *windows, const struct query_time *time,
                 struct query_error *error);
/* The one row of a total over nothing. */
int groups_add_empty(struct groups *groups, const struct aggregate_layout *layout,
                     struct query_error *error);

static inline const struct cell *groups_cell(const struct groups *groups, uint32_t i)
{
    return (const struct cell *)groups->workspace->cells.data + i;
}
static inline const void *groups_state(const struct groups *groups, uint32_t i)
{
    return (const char *)groups->workspace->states.data + (size_t)i * groups->state_size;
}
static inline const union read_value *groups_key(const struct groups *groups, uint32_t key)
{
    return (const union read_value *)groups->workspace->key_values.data +
           (size_t)key * groups->by_count;
}
static inline uint32_t groups_flags(const struct groups *groups, uint32_t key)
{
    return ((const uint32_t *)groups->workspace->key_flags.data)[key];
}

#endif
