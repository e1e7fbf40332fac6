/* SPDX-License-Identifier: Apache-2.0 */
/* declare_tests.c: the form of `tests:`, so that `weir check` knows what `weir test` would refuse.
 */
#include "pipelines/declare.h"

#include "base/value.h"

static const char *aggregate_name_at(const void *context, size_t i)
{
    return ((const struct sink_plan *)context)->aggregates[i].name;
}

static const char *set_name_at(const void *context, size_t i)
{
    return ((const struct sink_plan *)context)->sets[i].name;
}

static void check_tables(struct planner *planner, const struct weir_node *tables, bool sets)
{
    const struct sink_plan *sink = &planner->plan->sink;
    const char *(*name_at)(const void *, size_t) = sets ? set_name_at : aggregate_name_at;
    uint32_t count = sets ? sink->set_count : sink->aggregate_count;
    if (tables->kind != WEIR_NODE_MAP) {
        problem_error(planner->problems, tables->mark, "`%s` is a map of `NAME: [rows]`",
                      sets ? "sets" : "aggregates");
        return;
    }
    for (uint32_t i = 0; i < tables->count; i++) {
        const struct weir_node *name = tables->keys[i];
        bool found = false;
        for (uint32_t t = 0; t < count && !found; t++)
            found = !strcmp(name_at(sink, t), name->text);
        const char *near = found ? NULL : suggest(name->text, count, name_at, sink);
        /* A table that is wrong itself is not in the plan, and was told. */
        if (!found && !planner->problems->errors)
            problem_error(planner->problems, name->mark, "there is no %s `%s`%s%s%s",
                          sets ? "set" : "aggregate", name->text, near ? "; did you mean `" : "",
                          near ? near : "", near ? "`?" : "");
        uint8_t kind = tables->values[i]->kind;
        if (kind == WEIR_NODE_SCALAR)
            problem_error(planner->problems, tables->values[i]->mark,
                          "`%s` wants a list of rows, or `{order: .., rows: [..]}`", name->text);
    }
}

static void check_expect(struct planner *planner, const struct weir_node *expect)
{
    expect = declare_read(planner, expect, &declare_expect, "`expect`");
    const struct weir_node *aggregates = node_get(expect, "aggregates");
    const struct weir_node *sets = node_get(expect, "sets");
    const struct weir_node *letters = node_get(expect, "dead_letters");
    if (aggregates && aggregates->kind != WEIR_NODE_NULL)
        check_tables(planner, aggregates, false);
    if (sets && sets->kind != WEIR_NODE_NULL)
        check_tables(planner, sets, true);
    if (letters && letters->kind != WEIR_NODE_LIST && letters->kind != WEIR_NODE_NULL)
        problem_error(planner->problems, letters->mark, "`dead_letters` is a list");
}

static void check_test(struct planner *planner, const struct weir_node *test)
{
    test = declare_read(planner, test, &declare_test, "a test");
    const struct weir_node *at = node_get(test, "at");
    const struct weir_node *input = node_get(test, "input");
    const struct weir_node *expect = node_get(test, "expect");
    int64_t ns;
    if (at && time_read_rfc3339(at->text, at->text_length, &ns) < 0)
        problem_error(planner->problems, at->mark, "`at` is a time such as %s",
                      declare_default(&declare_test, "at"));
    if (input && input->kind != WEIR_NODE_LIST && input->kind != WEIR_NODE_NULL)
        problem_error(planner->problems, input->mark, "`input` is a list of records");
    if (expect)
        check_expect(planner, expect);
}

void declare_check_tests(struct planner *planner, const struct weir_node *tests)
{
    if (tests->kind == WEIR_NODE_NULL)
        return;
    if (tests->kind != WEIR_NODE_LIST) {
        problem_error(planner->problems, tests->mark,
                      "`tests` is a list: begin each with `- name:`");
        return;
    }
    for (uint32_t i = 0; i < tests->count; i++)
        check_test(planner, tests->values[i]);
}
