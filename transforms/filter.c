/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c: `filter: EXPR` keeps the records for which the condition is true. */
#include "transforms/host.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/value.h"

struct filter {
    const struct weir_host *host;
    struct weir_expr *condition;
};

static void filter_release(void *prepared)
{
    struct filter *filter = prepared;
    filter->host->expr_free(filter->condition);
    free(filter);
}

static int filter_plan(const struct weir_host *host, struct weir_plan *plan,
                       const struct weir_node *config, void **ret_prepared,
                       struct weir_error *error)
{
    struct weir_expr *condition = host->expr(plan, config);
    if (!condition)
        return error_set(error, WEIR_E_INVALID, "the condition is wrong");
    struct weir_type type = host->expr_type(condition);
    if (type.kind != WEIR_BOOL) {
        char text[TYPE_TEXT_BYTES];
        host->problem(plan, config->mark,
                      "a condition must be of type bool, and this is of type %s; compare it, as in "
                      "`x <> %s`",
                      type_text(type, text), type_is_str(type) ? "''" : "0");
        host->expr_free(condition);
        return error_set(error, WEIR_E_INVALID, "the condition is wrong");
    }
    struct filter *filter = mem_alloc(sizeof *filter);
    *filter = (struct filter){host, condition};
    *ret_prepared = filter;
    return 0;
}

static int filter_process(const struct weir_host *host, void *instance, struct weir_batch *batch,
                          struct weir_error *error)
{
    const struct filter *filter = instance;
    int status = host->expr_filter(filter->condition, batch);
    return status < 0 ? error_set(error, status, "no memory for the condition's values") : 0;
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_EXPR, 1, NULL, NULL,
     "the condition, of type bool; a record for which it is false or null is taken out and counted "
     "as filtered"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {
    {"Records that a condition holds for.", "{status: string, amount: decimal(2)}",
     "filter: status <> 'test' and amount > 0",
     "{\"status\":\"ok\",\"amount\":12.50}\n{\"status\":\"test\",\"amount\":1}\n"
     "{\"status\":\"ok\",\"amount\":0}\n",
     "{\"status\":\"ok\",\"amount\":12.50}\n"},
    {"Null is not true: where the condition is null, the record is taken out as well.",
     "{n: \"int?\"}", "filter: n <> 1", "{\"n\":1}\n{\"n\":2}\n{\"n\":null}\n{}\n", "{\"n\":2}\n"},
    {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_filter = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "filter",
    .summary = "Keeps the records for which a condition is true.",
    .options = options,
    .examples = examples,
    .plan = filter_plan,
    .release = filter_release,
    .process = filter_process,
};
