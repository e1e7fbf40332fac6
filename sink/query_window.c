/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows are made of panes when they are asked for. Tumbling windows of any multiple of the pane
 * begin at multiples of their size since 1970-01-01T00:00:00Z; declared sliding windows at
 * multiples of their slide.
 */
#include "base/check.h"
#include "sink/query_groups.h"

static int64_t clamp(int128 ns)
{
    return ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
}

static int64_t floor_to(int64_t ns, int64_t unit_ns)
{
    int64_t rest = ns % unit_ns;
    return rest < 0 ? clamp((int128)ns - rest - unit_ns) : ns - rest;
}

static int check_size(const struct aggregate_plan *aggregate, int64_t size_ns,
                      struct query_error *error)
{
    if (size_ns > 0 && size_ns % aggregate->pane_ns == 0)
        return 0;
    struct text asked = TEXT_INIT;
    struct text pane = TEXT_INIT;
    duration_write(&asked, size_ns);
    duration_write(&pane, aggregate->pane_ns);
    query_fail(error, 400, "bad-parameter", "`window=%s` is not a multiple of %s, the pane of `%s`",
               asked.data, pane.data, aggregate->name);
    text_done(&asked);
    text_done(&pane);
    return WEIR_E_INVALID;
}

int window_plan_make(struct window_plan *plan, const struct aggregate_plan *aggregate,
                     const struct aggregate_query *query, struct query_error *error)
{
    const struct query_window *asked = &query->window;
    bool bounded = asked->from_ns != INT64_MIN || asked->to_ns != INT64_MAX || asked->last_ns != 0;
    *plan = (struct window_plan){.windowed = aggregate->windowed,
                                 .from_ns = INT64_MIN,
                                 .to_ns = INT64_MAX,
                                 .whole_ns = INT64_MIN,
                                 .all_start_ns = INT64_MAX,
                                 .all_end_ns = INT64_MIN};
    if (!aggregate->windowed) {
        if (!query->window_given)
            return 0;
        return query_fail(error, 400, "bad-parameter",
                          "`window=`, `from=`, `to=` and `last=` ask for windows; `%s` has none",
                          aggregate->name);
    }
    plan->size_ns = aggregate->size_ns;
    plan->slide_ns = aggregate->slide_ns;
    if (!query->window_given)
        return 0;
    if (asked->last_ns != 0 && asked->from_ns != INT64_MIN)
        return query_fail(error, 400, "bad-parameter",
                          "`last=` and `from=` both say where to begin; give one of them");
    plan->all = asked->all;
    if (!asked->all && asked->size_ns != 0) {
        int status = check_size(aggregate, asked->size_ns, error);
        if (status < 0)
            return status;
        plan->size_ns = plan->slide_ns = asked->size_ns;
    }
    if (asked->all)
        plan->size_ns = plan->slide_ns = aggregate->pane_ns; /* what the bounds are compared with */
    if (bounded) {
        plan->from_ns = asked->from_ns;
        plan->to_ns = asked->to_ns;
        plan->last_ns = asked->last_ns;
    }
    return 0;
}

void window_plan_settle(struct window_plan *plan, const struct aggregate_plan *aggregate,
                        const struct partials *partials, uint32_t count)
{
    if (!plan->windowed)
        return;
    int64_t newest = INT64_MIN;
    for (uint32_t i = 0; i < count; i++)
        if (partials[i].at.watermark_ns > newest)
            newest = partials[i].at.watermark_ns;
    if (newest != INT64_MIN) {
        plan->whole_ns = clamp((int128)newest - aggregate->keep_ns - aggregate->size_ns + 1);
        if (plan->last_ns)
            plan->from_ns = clamp((int128)newest - plan->last_ns);
    }
    if (!plan->all)
        return;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t p = 0; p < partials[i].pane_count; p++) {
            int64_t start = partials[i].pane_starts[p];
            if (!window_is_shown(plan, start))
                continue;
            if (start < plan->all_start_ns)
                plan->all_start_ns = start;
            if (start + aggregate->pane_ns > plan->all_end_ns)
                plan->all_end_ns = start + aggregate->pane_ns;
        }
    }
}

void window_plan_panes(const struct window_plan *plan, int64_t *ret_from_ns, int64_t *ret_to_ns)
{
    *ret_from_ns =
        plan->from_ns == INT64_MIN ? INT64_MIN : clamp((int128)plan->from_ns - plan->size_ns);
    *ret_to_ns = plan->to_ns == INT64_MAX ? INT64_MAX : clamp((int128)plan->to_ns + plan->size_ns);
}

int64_t window_first(const struct window_plan *plan, int64_t pane_ns, int64_t pane_start_ns)
{
    if (plan->size_ns == plan->slide_ns)
        return floor_to(pane_start_ns, plan->size_ns);
    int64_t earliest = clamp((int128)pane_start_ns + pane_ns - plan->size_ns);
    int64_t aligned = floor_to(earliest, plan->slide_ns);
    return aligned < earliest ? aligned + plan->slide_ns : aligned;
}

bool window_is_shown(const struct window_plan *plan, int64_t start_ns)
{
    return start_ns >= plan->whole_ns && start_ns < plan->to_ns &&
           (int128)start_ns + plan->size_ns > plan->from_ns;
}
