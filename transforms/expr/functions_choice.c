/* SPDX-License-Identifier: Apache-2.0 */
/* functions_choice.c: types of coalesce, ifnull, nullif and iif; eval_logic.c evaluates them. */
#include "transforms/expr/functions.h"

bool check_coalesce(struct compiler *compiler, struct node *node)
{
    if (!unify(compiler, node->args, node->count, node->function->doc.name, &node->type))
        return false;
    node->type.nullable = 1;
    for (uint32_t i = 0; i < node->count; i++)
        node->type.nullable &= node->args[i]->type.nullable;
    return true;
}

bool check_nullif(struct compiler *compiler, struct node *node)
{
    struct node *value = node->args[0];
    struct weir_type type = value->type;
    if (!comparable(compiler, node->args, node->args + 1, "nullif"))
        return false;
    /* The value is what is given, whatever it was compared as. */
    if (node->args[0]->type.kind != type.kind && type.kind == WEIR_BOOL)
        return compile_fail(compiler, value->start,
                            "nullif compares a bool with a bool; write CAST(.. AS int)");
    node->type = node->args[0]->type;
    node->type.nullable = 1;
    return true;
}

bool check_iif(struct compiler *compiler, struct node *node)
{
    if (!unify(compiler, node->args + 1, node->count - 1, "iif", &node->type))
        return false;
    if (node->count == 2)
        node->type.nullable = 1;
    return true;
}
