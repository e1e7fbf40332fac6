/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/plan.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "pipelines/declare.h"

/* What a plan points into. */
struct plan_owner {
    struct arena arena;
    struct document *document;
};

static struct weir_mark locate(void *context, const struct weir_node *node, size_t position)
{
    return document_locate(context, node, position);
}

static void plan_name(struct planner *planner, const struct weir_node *root)
{
    const struct weir_node *name = node_get(root, "pipeline");
    planner->plan->name = "";
    if (name && name->kind == WEIR_NODE_SCALAR && declare_name(planner, name, "a pipeline"))
        planner->plan->name = name->text;
    planner->plan->sink.pipeline = planner->plan->name;
}

static void plan_http(struct planner *planner, const struct weir_node *http)
{
    if (http && http->kind != WEIR_NODE_NULL)
        http = declare_read(planner, http, &declare_http, "`http`");
    const struct weir_node *produce = node_get(http, "produce");
    if (!produce || !node_bool(produce, "produce", &planner->plan->http_produce, planner->problems))
        return;
    if (planner->plan->http_produce && planner->plan->source != SOURCE_KAFKA)
        problem_error(planner->problems, produce->mark, "`produce` needs a source in Kafka");
}

/* The parts in the order in which they need one another. */
static void plan_parts(struct planner *planner, const struct weir_node *root)
{
    struct pipeline_plan *plan = planner->plan;
    const struct weir_node *source = node_get(root, "source");
    const struct weir_node *sink = node_get(root, "sink");
    const struct weir_node *tests = node_get(root, "tests");
    plan_name(planner, root);
    if (source)
        declare_plan_source(planner, source);
    else
        plan_unknown(planner->columns, PLAN_UNKNOWN_ALL);
    plan->chain = chain_new(planner->columns, node_get(root, "transforms"));
    if (sink)
        declare_plan_sink(planner, sink);
    plan_http(planner, node_get(root, "http"));
    if (tests) {
        declare_check_tests(planner, tests);
        plan->tests = tests;
    }
}

static void finish(struct planner *planner)
{
    struct pipeline_plan *plan = planner->plan;
    plan->column_count = plan_column_count(planner->columns);
    for (uint32_t i = 0; i < PLAN_META_COUNT; i++)
        plan->meta_needed[i] = plan_is_read(planner->columns, plan->meta_columns[i]);
}

/* Hands over what was found. Problems outlive the plan: they name the file by the caller's text,
 * not by the plan's copy. What follows from a variable without a value is left out. */
static void hand_over(const struct problems *found, const struct document *document,
                      const char *path, struct problems *problems)
{
    uint32_t errors = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct problem *p = found->items + i;
        errors += p->severity == SEVERITY_ERROR;
        struct weir_mark mark = p->mark;
        if (document && document_is_unread(document, mark))
            continue;
        if (mark.file)
            mark.file = path;
        if (p->severity == SEVERITY_ERROR)
            problem_error(problems, mark, "%s", p->text);
        else
            problem_warning(problems, mark, "%s", p->text);
    }
    /* Those beyond PROBLEMS_MAX are counted, not kept. */
    problems->errors += found->errors - errors;
    problems->warnings += found->warnings - (found->count - errors);
}

struct pipeline_plan *pipeline_plan_parse(const char *path, const char *text, size_t length,
                                          struct problems *problems)
{
    struct problems reading = {0};
    struct problems planning = {0};
    struct pipeline_plan *plan = mem_alloc(sizeof *plan);
    struct plan_owner *owner = mem_alloc(sizeof *owner);
    arena_init(&owner->arena, 0);
    owner->document = document_parse(path, text, length, &reading);
    plan->owner = owner;
    plan->path = document_path(owner->document);
    plan->root = document_root(owner->document);
    plan->event_time_column = SINK_NO_COLUMN;
    plan->sink.event_time_column = SINK_NO_COLUMN;
    struct planner planner = {
        .plan = plan, .arena = &owner->arena, .document = owner->document, .problems = &planning};

    if (plan->root) {
        planner.columns = plan_new(&planning);
        plan_set_locate(planner.columns, locate, owner->document);
        const struct weir_node *root =
            declare_read(&planner, plan->root, &declare_file, "a pipeline file");
        if (root)
            plan_parts(&planner, root);
        if (!planning.errors && !reading.errors)
            finish(&planner);
        plan_free(planner.columns);
    }
    bool right = !planning.errors && !reading.errors;
    hand_over(&reading, NULL, path, problems);
    hand_over(&planning, owner->document, path, problems);
    problems_done(&reading);
    problems_done(&planning);
    if (right)
        return plan;
    pipeline_plan_free(plan);
    return NULL;
}

struct pipeline_plan *pipeline_plan_load(const char *path, struct problems *problems)
{
    struct text text = TEXT_INIT;
    struct weir_error error = {0};
    if (file_read(path, YAML_FILE_BYTES_MAX, &text, &error) < 0) {
        struct weir_mark nowhere = {0};
        problem_error(problems, nowhere, "%s", error.text);
        text_done(&text);
        return NULL;
    }
    struct pipeline_plan *plan =
        pipeline_plan_parse(path, text.data ? text.data : "", text.length, problems);
    text_done(&text);
    return plan;
}

void pipeline_plan_free(struct pipeline_plan *plan)
{
    if (!plan)
        return;
    struct plan_owner *owner = plan->owner;
    chain_free(plan->chain);
    document_free(owner->document);
    arena_done(&owner->arena);
    free(owner);
    free(plan);
}
