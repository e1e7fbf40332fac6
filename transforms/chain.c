/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/chain.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/node.h"
#include "transforms/expr.h"
#include "transforms/host.h"
#include "transforms/plan.h"

#define CHAIN_STAGES_MAX 256

/* An expression of the sink: see chain_add_expr. */
struct chain_expr {
    struct weir_expr *expr; /* NULL: a bare column name */
    char *text;
    uint32_t where; /* computed where this column is true; UINT32_MAX: everywhere */
    uint32_t column;
    struct weir_type type;
};

struct chain_stage {
    const struct weir_stage *stage;
    const struct weir_node *node; /* `name: options`, an item of the list; NULL: the sink's */
    void *prepared;
    char *label;
    struct weir_field *fields; /* visible after the stage; the names behind the array */
    uint32_t field_count;
};

struct chain {
    struct chain_stage *stages;
    uint32_t stage_count;
    uint32_t transform_count; /* those of the file; one more computes the sink's expressions */
    struct chain_expr *exprs;
    uint32_t expr_count;
    uint64_t *reads; /* a bit for each column */
    uint32_t reads_words;
    uint64_t meaning;
};

struct chain_run {
    const struct chain *chain;
    void **instances;
};

/* Planning. */

static struct weir_field *schema_copy(struct weir_schema schema)
{
    size_t bytes = schema.count * sizeof(struct weir_field);
    for (uint32_t i = 0; i < schema.count; i++)
        bytes += strlen(schema.fields[i].name) + 1;
    struct weir_field *fields = mem_alloc(bytes ? bytes : 1);
    char *names = (char *)(fields + schema.count);
    for (uint32_t i = 0; i < schema.count; i++) {
        size_t length = strlen(schema.fields[i].name) + 1;
        fields[i] = schema.fields[i];
        fields[i].name = memcpy(names, schema.fields[i].name, length);
        names += length;
    }
    return fields;
}

static void note_reads(struct chain *chain, const struct weir_plan *plan)
{
    uint32_t words = (plan->column_count + 63) / 64;
    if (words > chain->reads_words) {
        chain->reads = mem_grow(chain->reads, words, sizeof *chain->reads);
        memset(chain->reads + chain->reads_words, 0,
               (words - chain->reads_words) * sizeof *chain->reads);
        chain->reads_words = words;
    }
    for (uint32_t i = 0; i < plan->column_count; i++)
        if (plan->columns[i].read)
            chain->reads[i >> 6] |= 1ULL << (i & 63);
}

static struct chain_stage *stage_append(struct chain *chain, const struct weir_stage *stage,
                                        const struct weir_node *node)
{
    chain->stages = mem_grow(chain->stages, chain->stage_count + 1, sizeof *chain->stages);
    struct chain_stage *added = chain->stages + chain->stage_count++;
    *added = (struct chain_stage){.stage = stage, .node = node};
    added->label = mem_printf("%u:%s", chain->stage_count, stage->name);
    return added;
}

/* After a mistake in a stage every name it mentions is left in peace: what it would have added is
 * not told missing a second time. */
static void names_unknown(struct weir_plan *plan, const struct weir_node *node)
{
    if (node->kind == WEIR_NODE_SCALAR) {
        plan_unknown(plan, node->text);
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->kind == WEIR_NODE_MAP)
            names_unknown(plan, node->keys[i]);
        names_unknown(plan, node->values[i]);
    }
}

static const char *stage_name_at(const void *context, size_t i)
{
    (void)context;
    return stages_builtin[i]->name;
}

const struct weir_stage *stage_find(const char *name)
{
    for (size_t i = 0; stages_builtin[i]; i++)
        if (!strcmp(stages_builtin[i]->name, name))
            return stages_builtin[i];
    return NULL;
}

static void report_stage_name(struct weir_plan *plan, const struct weir_node *key)
{
    size_t count = 0;
    struct text known = TEXT_INIT;
    for (; stages_builtin[count]; count++)
        text_addf(&known, "%s%s", count ? ", " : "", stages_builtin[count]->name);
    const char *near = suggest(key->text, count, stage_name_at, NULL);
    if (near)
        problem_error(plan->problems, key->mark, "`%s` is not a stage; did you mean `%s`?",
                      key->text, near);
    else
        problem_error(plan->problems, key->mark, "`%s` is not a stage of this version; known: %s",
                      key->text, known.data);
    text_done(&known);
}

/* Does a stage decide which records come through? Then what lies behind means something else when
 * it changes. A `set` can only reject what cannot be computed. */
static bool stage_narrows(const struct weir_stage *stage)
{
    return stage->process && stage != &stage_set;
}

static void plan_stage(struct chain *chain, struct weir_plan *plan, const struct weir_node *item)
{
    struct problems *problems = plan->problems;
    if (item->kind != WEIR_NODE_MAP || item->count == 0) {
        problem_error(problems, item->mark,
                      "a stage is written `- name: options`, as in `- filter: amount > 0`");
        return;
    }
    if (item->count > 1) {
        problem_error(
            problems, item->keys[1]->mark,
            "a stage has one name, and `%s` is a second one; begin the next stage with `- `",
            item->keys[1]->text);
        names_unknown(plan, item);
        return;
    }
    const struct weir_node *config = item->values[0];
    const struct weir_stage *stage = stage_find(item->keys[0]->text);
    if (!stage) {
        report_stage_name(plan, item->keys[0]);
        names_unknown(plan, config);
        return;
    }

    uint32_t errors_before = problems->errors;
    uint32_t untold_before = plan->untold;
    char what[80];
    snprintf(what, sizeof what, "stage `%s`", stage->name);
    struct chain_stage *added = stage_append(chain, stage, item);
    plan_stage_begin(plan, node_meaning(item, 0));
    struct weir_error error = {0};
    int status = 0;
    if (node_check_options(config, stage->options, what, problems)) {
        if (stage->check)
            status = stage->check(&host_table, plan, config);
        if (status >= 0 && problems->errors == errors_before)
            status = stage->plan(&host_table, plan, config, &added->prepared, &error);
    }
    if (problems->errors == errors_before && plan->untold == untold_before && status < 0)
        problem_error(problems, error.mark.line ? error.mark : config->mark, "%s: %s", what,
                      error.text[0] ? error.text : "refused without saying why");
    if (status < 0 || problems->errors != errors_before)
        names_unknown(plan, config);
    if (stage_narrows(stage))
        chain->meaning = hash_u64(chain->meaning, plan_stage_meaning(plan));
    added->fields = schema_copy(plan_schema(plan));
    added->field_count = plan_schema(plan).count;
}

struct chain *chain_new(struct weir_plan *plan, const struct weir_node *transforms)
{
    struct chain *chain = mem_alloc(sizeof *chain);
    if (transforms && transforms->kind != WEIR_NODE_NULL) {
        if (transforms->kind != WEIR_NODE_LIST)
            problem_error(plan->problems, transforms->mark,
                          "`transforms` is a list of stages: begin each with `- `");
        else if (transforms->count > CHAIN_STAGES_MAX)
            problem_error(plan->problems, transforms->mark, "more than %d stages",
                          CHAIN_STAGES_MAX);
        else
            for (uint32_t i = 0; i < transforms->count; i++)
                plan_stage(chain, plan, transforms->values[i]);
    }
    chain->transform_count = chain->stage_count;
    plan_stage_begin(plan, 0);
    note_reads(chain, plan);
    return chain;
}

void chain_free(struct chain *chain)
{
    if (!chain)
        return;
    for (uint32_t i = 0; i < chain->stage_count; i++) {
        struct chain_stage *s = chain->stages + i;
        if (s->prepared && s->stage->release)
            s->stage->release(s->prepared);
        free(s->label);
        free(s->fields);
    }
    for (uint32_t i = 0; i < chain->expr_count; i++) {
        expression_ops_sql.free(chain->exprs[i].expr);
        free(chain->exprs[i].text);
    }
    free(chain->stages);
    free(chain->exprs);
    free(chain->reads);
    free(chain);
}

uint32_t chain_stage_count(const struct chain *chain)
{
    return chain->stage_count;
}

uint32_t chain_transform_count(const struct chain *chain)
{
    return chain->transform_count;
}

const char *chain_stage_label(const struct chain *chain, uint32_t i)
{
    return chain->stages[i].label;
}

struct weir_schema chain_stage_schema(const struct chain *chain, uint32_t i)
{
    return (struct weir_schema){chain->stages[i].fields, chain->stages[i].field_count};
}

const struct weir_node *chain_stage_node(const struct chain *chain, uint32_t i)
{
    return chain->stages[i].node;
}

uint64_t chain_meaning(const struct chain *chain)
{
    return chain->meaning;
}

void chain_reads(const struct chain *chain, uint64_t *columns, uint32_t column_count)
{
    for (uint32_t i = 0; i < column_count && i < chain->reads_words * 64; i++)
        columns[i >> 6] |= chain->reads[i >> 6] & (1ULL << (i & 63));
}

/*
 * The sink's expressions: one stage behind all others, without a descriptor of the table's. An
 * argument under a `where` is computed for a selection of its own, which is put back afterwards;
 * the rows that it rejects leave the batch at the narrowing that follows.
 */
static int sink_process(const struct weir_host *host, void *instance, struct weir_batch *view,
                        struct weir_error *error)
{
    (void)host;
    const struct chain *chain = instance;
    uint16_t admitted[WEIR_BATCH_ROWS_MAX];
    for (uint32_t i = 0; i < chain->expr_count; i++) {
        const struct chain_expr *e = chain->exprs + i;
        if (!e->expr)
            continue;
        uint16_t *all = view->selection;
        uint32_t all_count = view->selected;
        if (e->where != UINT32_MAX) {
            const struct weir_column *where = view->columns[e->where];
            uint32_t n = 0;
            for (uint32_t s = 0; s < all_count; s++) {
                uint32_t row = all[s];
                admitted[n] = (uint16_t)row;
                n += where->bools[row] & weir_valid(where, row);
            }
            view->selection = admitted;
            view->selected = n;
        }
        struct weir_column *column = expression_ops_sql.eval(e->expr, view);
        view->selection = all;
        view->selected = all_count;
        if (!column)
            return error_set(error, WEIR_E_NOMEM, "no memory for the values of `%s` in this batch",
                             e->text);
        batch_column_set((struct batch *)view, e->column, column);
        batch_narrow((struct batch *)view);
    }
    return 0;
}

static const struct weir_stage stage_sink = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "sink",
    .process = sink_process,
};

/* Ahead of its first expression: so that stage and columns are there once, whatever fails later. */
static void sink_stage_ensure(struct chain *chain, struct weir_plan *plan)
{
    if (chain->stage_count > chain->transform_count)
        return;
    struct chain_stage *added = stage_append(chain, &stage_sink, NULL);
    added->fields = schema_copy(plan_schema(plan));
    added->field_count = plan_schema(plan).count;
}

static const struct chain_expr *expr_find(const struct chain *chain, const char *text,
                                          uint32_t where)
{
    for (uint32_t i = 0; i < chain->expr_count; i++)
        if (chain->exprs[i].where == where && !strcmp(chain->exprs[i].text, text))
            return chain->exprs + i;
    return NULL;
}

int chain_add_expr_where(struct chain *chain, struct weir_plan *plan, const struct weir_node *node,
                         uint8_t want_kind, uint32_t where, uint32_t *ret_column,
                         struct weir_type *ret_type)
{
    plan_stage_begin(plan, 0);
    struct weir_expr *expr = plan_expr(plan, node, want_kind);
    if (!expr)
        return WEIR_E_INVALID;
    note_reads(chain, plan);

    const struct weir_field *bare =
        expression_ops_sql.is_constant(expr) ? NULL : plan_find(plan, node->text);
    const struct chain_expr *same = expr_find(chain, node->text, where);
    if (bare || same) {
        expression_ops_sql.free(expr);
        *ret_column = bare ? bare->column : same->column;
        *ret_type = bare ? bare->type : same->type;
        return 0;
    }
    sink_stage_ensure(chain, plan);
    uint32_t column = plan_add_hidden(plan);
    plan_set_meaning(plan, column,
                     hash_bytes(node->text, node->text_length, plan_stage_meaning(plan)));
    chain->exprs = mem_grow(chain->exprs, chain->expr_count + 1, sizeof *chain->exprs);
    chain->exprs[chain->expr_count++] = (struct chain_expr){
        .expr = expr,
        .text = mem_strdup(node->text),
        .where = where,
        .column = column,
        .type = expression_ops_sql.type(expr),
    };
    *ret_column = column;
    *ret_type = chain->exprs[chain->expr_count - 1].type;
    return 0;
}

int chain_add_expr(struct chain *chain, struct weir_plan *plan, const struct weir_node *node,
                   uint8_t want_kind, uint32_t *ret_column, struct weir_type *ret_type)
{
    return chain_add_expr_where(chain, plan, node, want_kind, UINT32_MAX, ret_column, ret_type);
}

/* Running. */

int chain_run_new(const struct chain *chain, struct chain_run **ret_run, struct weir_error *error)
{
    struct chain_run *run = mem_alloc(sizeof *run);
    run->chain = chain;
    run->instances = mem_array(chain->stage_count + 1, sizeof *run->instances);
    for (uint32_t i = 0; i < chain->stage_count; i++) {
        const struct chain_stage *s = chain->stages + i;
        void *prepared = s->stage == &stage_sink ? (void *)chain : s->prepared;
        run->instances[i] = prepared;
        if (!s->stage->create)
            continue;
        run->instances[i] = NULL;
        int status = s->stage->create(&host_table, prepared, &run->instances[i], error);
        if (status < 0) {
            error_prefix(error, "stage %s", s->label);
            chain_run_free(run);
            return status;
        }
    }
    *ret_run = run;
    return 0;
}

void chain_run_free(struct chain_run *run)
{
    if (!run)
        return;
    for (uint32_t i = 0; i < run->chain->stage_count; i++) {
        const struct weir_stage *stage = run->chain->stages[i].stage;
        if (stage->create && stage->destroy && run->instances[i])
            stage->destroy(run->instances[i]);
    }
    free(run->instances);
    free(run);
}

int chain_run_batch(struct chain_run *run, struct batch *batch, struct chain_counts *counts,
                    struct weir_error *error)
{
    const struct chain *chain = run->chain;
    struct weir_batch *view = &batch->view;
    int64_t began_ns = clock_mono_ns();
    for (uint32_t i = 0; i < chain->stage_count; i++) {
        const struct chain_stage *s = chain->stages + i;
        uint32_t in = view->selected;
        uint32_t rejected = batch->reject_count;
        if (s->stage->process) {
            batch->stage = s->stage->name;
            int status = s->stage->process(&host_table, run->instances[i], view, error);
            if (status < 0) {
                error_prefix(error, "stage %s", s->label);
                return status;
            }
            batch_narrow(batch);
        }
        rejected = batch->reject_count - rejected;
        counts[i].in += in;
        counts[i].out += view->selected;
        counts[i].rejected += rejected;
        counts[i].filtered += in - view->selected - rejected;
        if (s->stage->process) {
            int64_t now_ns = clock_mono_ns();
            counts[i].ns += (uint64_t)(now_ns - began_ns);
            began_ns = now_ns;
        }
    }
    batch->stage = "sink"; /* who rejects from here on */
    return 0;
}

int chain_run_tick(struct chain_run *run, int64_t now_ns, struct weir_error *error)
{
    for (uint32_t i = 0; i < run->chain->stage_count; i++) {
        const struct chain_stage *s = run->chain->stages + i;
        if (!s->stage->tick)
            continue;
        int status = s->stage->tick(&host_table, run->instances[i], now_ns, error);
        if (status < 0) {
            error_prefix(error, "stage %s", s->label);
            return status;
        }
    }
    return 0;
}
