/* SPDX-License-Identifier: Apache-2.0 */
/* select.c: `select: [NAME, ..]` leaves these columns. */
#include "transforms/host.h"

#include "base/error.h"

static bool listed(const struct weir_node *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (!strcmp(list->values[i]->text, name))
            return true;
    return false;
}

/* Columns that every record has stay: they cost nothing until they are read. */
static int select_plan(const struct weir_host *host, struct weir_plan *plan,
                       const struct weir_node *config, void **ret_prepared,
                       struct weir_error *error)
{
    (void)ret_prepared;
    bool wrong = false;
    for (uint32_t i = 0; i < config->count; i++)
        wrong |= !stage_sees(host, plan, config->values[i]);
    if (wrong)
        return error_set(error, WEIR_E_INVALID, "a column is not there");
    for (uint32_t i = 0; i < host->schema(plan).count;) {
        const char *name = host->schema(plan).fields[i].name;
        if (name[0] == '_' || listed(config, name))
            i++;
        else
            host->remove(plan, name);
    }
    return 0;
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_LIST, 1, NULL, NULL,
     "names of columns; all others are gone for what follows, but those that every record has "
     "(`_key`, `_offset`, ..)"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {{"Two columns of three.", "{a: int, b: int, c: int}",
                                                "select: [a, c]", "{\"a\":1,\"b\":2,\"c\":3}\n",
                                                "{\"a\":1,\"c\":3}\n"},
                                               {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_select = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "select",
    .summary = "Leaves the named columns and hides all others. Costs nothing at run time.",
    .options = options,
    .examples = examples,
    .plan = select_plan,
};
