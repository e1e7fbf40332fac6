/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.c: what depends on no column is computed once, by the same code that computes columns: over
 * a batch of one row. A constant that cannot be computed (1 / 0 is null and can; 9e18 * 9 cannot)
 * is a mistake of the text, told when it is compiled.
 */
#include "transforms/expr/eval.h"

static struct batch *scratch_batch(struct compiler *compiler)
{
    static const char nothing[ARENA_SLACK_BYTES + 1];
    if (!compiler->scratch) {
        compiler->scratch = batch_new(0);
        if (!compiler->scratch)
            return NULL;
    }
    struct weir_record record = {.timestamp_ms = -1, .value = {nothing, 0, 0}};
    batch_begin(compiler->scratch, "", 0, 0);
    batch_add_borrowed(compiler->scratch, &record);
    return compiler->scratch;
}

static bool all_constant(const struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (!node_is_constant(node->args[i]))
            return false;
    return true;
}

/* The value of row 0 becomes the node's; texts move into the expression's memory. */
static bool take_value(struct compiler *compiler, struct node *node, const struct vec *vec)
{
    struct constant *constant = &node->constant;
    *constant = (struct constant){.valid = {vec_valid(vec, 0)}};
    if (constant->valid[0]) {
        switch (node->type.kind) {
        case WEIR_BOOL:
            constant->b = vec->c.bools[0];
            break;
        case WEIR_FLOAT:
            constant->f = vec->c.floats[0];
            break;
        case WEIR_STRING:
        case WEIR_BYTES:
        case WEIR_ARRAY:
        case WEIR_JSON: {
            struct weir_str s = vec->c.strs[0];
            char *copy = arena_copy(&compiler->expr->arena, s.data ? s.data : "", s.length);
            if (!copy)
                return compile_fail(compiler, node->position,
                                    "there is no memory left for the expression");
            constant->s = str_make(copy, s.length);
            break;
        }
        default:
            constant->i = vec->c.ints[0];
        }
    }
    node->kind = NODE_CONSTANT;
    node->type.nullable = !constant->valid[0];
    node->eval = eval_constant;
    node->count = 0;
    node->literal = false;
    return true;
}

bool fold_node(struct compiler *compiler, struct node **slot)
{
    struct node *node = *slot;
    if (node->kind == NODE_CONSTANT || node->kind == NODE_COLUMN || node->per_batch ||
        !all_constant(node))
        return true;
    struct batch *batch = scratch_batch(compiler);
    if (!batch)
        return compile_fail(compiler, node->position, "there is no memory left for the expression");
    struct eval eval = {.batch = batch, .expr = compiler->expr, .rows = 1};
    struct vec *vec = node_run(node, &eval, (struct selection){NULL, 1});
    if (!vec)
        return compile_fail(compiler, node->position, "there is no memory left for the expression");
    if (batch->reject_count)
        return compile_fail(compiler, node->position, "%s", batch->rejects[0].text);
    return take_value(compiler, node, vec);
}
