/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set.c: `set: {NAME: EXPR, ..}` adds columns.
 *
 * In the order of the file, so that an expression may use a column that stands above it.
 */
#include "transforms/host.h"

#include "base/error.h"
#include "base/memory.h"

struct set {
    const struct weir_host *host;
    uint32_t count;
    struct set_item {
        struct weir_expr *expr;
        const char *text; /* lives as long as the pipeline */
        uint32_t column;
    } items[];
};

static void set_release(void *prepared)
{
    struct set *set = prepared;
    for (uint32_t i = 0; i < set->count; i++)
        set->host->expr_free(set->items[i].expr);
    free(set);
}

static int set_plan(const struct weir_host *host, struct weir_plan *plan,
                    const struct weir_node *config, void **ret_prepared, struct weir_error *error)
{
    struct set *set = mem_alloc(sizeof *set + config->count * sizeof set->items[0]);
    set->host = host;
    bool wrong = false;
    for (uint32_t i = 0; i < config->count; i++) {
        if (!stage_check_name(host, plan, config->keys[i])) {
            wrong = true;
            continue;
        }
        struct weir_expr *expr = host->expr(plan, config->values[i]);
        if (!expr) {
            wrong = true;
            plan_unknown(plan, config->keys[i]->text);
            continue;
        }
        uint32_t column = host->add(plan, config->keys[i]->text, host->expr_type(expr));
        set->items[set->count++] = (struct set_item){expr, config->values[i]->text, column};
    }
    if (wrong) {
        set_release(set);
        return error_set(error, WEIR_E_INVALID, "an expression is wrong");
    }
    *ret_prepared = set;
    return 0;
}

static int set_process(const struct weir_host *host, void *instance, struct weir_batch *batch,
                       struct weir_error *error)
{
    const struct set *set = instance;
    for (uint32_t i = 0; i < set->count; i++) {
        struct weir_column *column = host->expr_eval(set->items[i].expr, batch);
        if (!column)
            return error_set(error, WEIR_E_NOMEM, "no memory for the values of `%s`",
                             set->items[i].text);
        host->set_column(batch, set->items[i].column, column);
    }
    return 0;
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_MAP, 1, NULL, NULL,
     "`NAME: EXPR` for each column; an expression may use the columns above it, and a name that is "
     "there already gets the new value for all that follows"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {
    {"Columns computed from others, one from the one above it.", "{price: decimal(2), pieces: int}",
     "set: {total: price * pieces, large: total > 100}",
     "{\"price\":9.99,\"pieces\":3}\n{\"price\":60.00,\"pieces\":2}\n",
     "{\"price\":9.99,\"pieces\":3,\"total\":29.97,\"large\":false}\n"
     "{\"price\":60.00,\"pieces\":2,\"total\":120.00,\"large\":true}\n"},
    {"A column gets another value.", "{name: string}", "set: {name: upper(name)}",
     "{\"name\":\"weir\"}\n", "{\"name\":\"WEIR\"}\n"},
    {"A value that does not fit rejects its record, and no other.", "{n: int}", "set: {n: n + 1}",
     "{\"n\":1}\n{\"n\":9223372036854775807}\n{\"n\":3}\n", "{\"n\":2}\n{\"n\":4}\n"},
    {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_set = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "set",
    .summary = "Adds columns, or gives columns another value, by expressions.",
    .options = options,
    .examples = examples,
    .plan = set_plan,
    .release = set_release,
    .process = set_process,
};
