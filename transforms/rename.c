/* SPDX-License-Identifier: Apache-2.0 */
/* rename.c: `rename: {OLD: NEW, ..}` gives columns other names. */
#include "transforms/host.h"

#include "base/error.h"

static bool is_there(struct weir_schema schema, const char *name)
{
    for (uint32_t i = 0; i < schema.count; i++)
        if (!strcmp(schema.fields[i].name, name))
            return true;
    return false;
}

static bool rename_one(const struct weir_host *host, struct weir_plan *plan,
                       const struct weir_node *old_name, const struct weir_node *new_name)
{
    if (!stage_sees(host, plan, old_name) || !stage_check_name(host, plan, new_name))
        return false;
    if (is_there(host->schema(plan), new_name->text)) {
        host->problem(plan, new_name->mark,
                      "there is a column `%s` already; `drop` it first, or rename it above",
                      new_name->text);
        return false;
    }
    host->rename(plan, old_name->text, new_name->text);
    return true;
}

static int rename_plan(const struct weir_host *host, struct weir_plan *plan,
                       const struct weir_node *config, void **ret_prepared,
                       struct weir_error *error)
{
    (void)ret_prepared;
    bool wrong = false;
    for (uint32_t i = 0; i < config->count; i++)
        wrong |= !rename_one(host, plan, config->keys[i], config->values[i]);
    return wrong ? error_set(error, WEIR_E_INVALID, "a name is wrong") : 0;
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_MAP, 1, NULL, NULL, "`OLD: NEW` for each column, carried out in this order"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {
    {"A shorter name.", "{customer_identifier: string, n: int}",
     "rename: {customer_identifier: customer}", "{\"customer_identifier\":\"c1\",\"n\":1}\n",
     "{\"customer\":\"c1\",\"n\":1}\n"},
    {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_rename = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "rename",
    .summary = "Gives columns other names. Costs nothing at run time.",
    .options = options,
    .examples = examples,
    .plan = rename_plan,
};
