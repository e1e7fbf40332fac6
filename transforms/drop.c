/* SPDX-License-Identifier: Apache-2.0 */
/* drop.c: `drop: [NAME, ..]` hides columns. */
#include "transforms/host.h"

#include "base/error.h"

static int drop_plan(const struct weir_host *host, struct weir_plan *plan,
                     const struct weir_node *config, void **ret_prepared, struct weir_error *error)
{
    (void)ret_prepared;
    bool wrong = false;
    for (uint32_t i = 0; i < config->count; i++) {
        if (stage_sees(host, plan, config->values[i]))
            host->remove(plan, config->values[i]->text);
        else
            wrong = true;
    }
    return wrong ? error_set(error, WEIR_E_INVALID, "a column is not there") : 0;
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_LIST, 1, NULL, NULL, "names of columns that what follows does not see"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {
    {"One column of three is hidden.", "{a: int, b: int, c: int}", "drop: [b]",
     "{\"a\":1,\"b\":2,\"c\":3}\n", "{\"a\":1,\"c\":3}\n"},
    {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_drop = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "drop",
    .summary = "Hides columns. Costs nothing at run time.",
    .options = options,
    .examples = examples,
    .plan = drop_plan,
};
