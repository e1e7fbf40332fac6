/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types_arith.c: arithmetic, bits and ||.
 *
 *            int      float    decimal(b)
 * int        int      float    decimal(b)             + - * ; / and % of ints are ints
 * float               float    float
 * decimal(a)                   decimal(max(a, b)) for + -, decimal(a + b) for *, float for /
 *
 * A bool counts as an int. A literal with a point beside a decimal is a decimal.
 */
#include <math.h>

#include "transforms/expr/tree.h"

#include "transforms/expr/eval.h"

static const char *sign_of(uint8_t kind)
{
    switch ((enum node_kind)kind) {
    case NODE_NEGATE:
    case NODE_SUBTRACT:
        return "-";
    case NODE_BIT_NOT:
        return "~";
    case NODE_ADD:
        return "+";
    case NODE_MULTIPLY:
        return "*";
    case NODE_DIVIDE:
        return "/";
    case NODE_REMAINDER:
        return "%";
    case NODE_BIT_AND:
        return "&";
    case NODE_BIT_OR:
        return "|";
    case NODE_SHIFT_LEFT:
        return "<<";
    default:
        return ">>";
    }
}

static bool not_a_number(struct compiler *compiler, const struct node *node,
                         const struct node *operand)
{
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    const char *advice = "a number is read out of a text with CAST(.. AS int)";
    if (node_is_text(operand))
        advice = node->kind == NODE_ADD ? "texts are joined with ||" : "write it without quotes";
    else if (operand->type.kind == WEIR_TIMESTAMP)
        advice = "unixepoch(..) gives its seconds, and timestamp(.., '+1 hour') moves it";
    else if (operand->type.kind != WEIR_STRING)
        advice = "numbers are needed";
    return compile_fail(compiler, operand->start, "`%s` computes with numbers, and %s is %s; %s",
                        sign_of(node->kind), snippet(compiler, operand, a),
                        kind_phrase(operand->type, b), advice);
}

static bool numbers_only(struct compiler *compiler, struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        struct node *arg = node->args[i];
        if (arg->type.kind != EXPR_NULL && !kind_is_number(arg->type.kind))
            return not_a_number(compiler, node, arg);
        if (arg->type.kind == WEIR_BOOL &&
            !convert(compiler, node->args + i, type_of(WEIR_INT, false)))
            return false;
    }
    return true;
}

static bool type_bits(struct compiler *compiler, struct node *node)
{
    node->type = type_of(WEIR_INT, any_nullable(node));
    for (uint32_t i = 0; i < node->count; i++) {
        struct node *arg = node->args[i];
        char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
        if (arg->type.kind != EXPR_NULL && arg->type.kind != WEIR_INT)
            return compile_fail(
                compiler, arg->start, "`%s` works on ints, and %s is %s; write CAST(.. AS int)",
                sign_of(node->kind), snippet(compiler, arg, a), kind_phrase(arg->type, b));
    }
    for (uint32_t i = 0; i < node->count; i++)
        if (node_is_null(node->args[i]))
            return null_instead(node);
    node->eval = node->kind == NODE_BIT_NOT ? eval_bit_not : eval_bits;
    return true;
}

static bool as_floats(struct compiler *compiler, struct node *node)
{
    node->type = type_of(WEIR_FLOAT, any_nullable(node));
    node->eval = eval_float_arithmetic;
    for (uint32_t i = 0; i < 2; i++) {
        /* % works on whole parts: an int is taken as it is. */
        if (node->kind == NODE_REMAINDER && node->args[i]->type.kind == WEIR_INT)
            continue;
        if (!convert(compiler, node->args + i, type_of(WEIR_FLOAT, false)))
            return false;
    }
    /* x / 0 and x % 0 are null; % takes the whole part, so that x % 0.5 is as well. */
    const struct node *by = node->args[1];
    bool sure = node_is_constant(by) && !node_is_null(by) &&
                (by->type.kind == WEIR_INT   ? by->constant.i != 0
                 : node->kind == NODE_DIVIDE ? by->constant.f != 0
                                             : fabs(by->constant.f) >= 1);
    if ((node->kind == NODE_DIVIDE || node->kind == NODE_REMAINDER) && !sure)
        node->type.nullable = 1;
    return true;
}

static bool as_ints(struct node *node)
{
    node->type = type_of(WEIR_INT, any_nullable(node));
    node->eval = eval_arithmetic;
    if (node->kind == NODE_DIVIDE || node->kind == NODE_REMAINDER) {
        const struct node *by = node->args[1];
        if (!node_is_constant(by) || by->constant.i == 0)
            node->type.nullable = 1;
    }
    return true;
}

static bool as_decimals(struct compiler *compiler, struct node *node)
{
    uint8_t a = node->args[0]->type.scale, b = node->args[1]->type.scale;
    bool nullable = any_nullable(node);
    node->eval = eval_arithmetic;
    if (node->kind == NODE_DIVIDE)
        return as_floats(compiler, node);
    if (node->kind == NODE_REMAINDER)
        return compile_fail(compiler, node->position,
                            "%% is for ints and floats; mod(.., ..) is the exact remainder of "
                            "decimals");
    if (node->kind == NODE_MULTIPLY) {
        if (a + b > WEIR_DECIMAL_SCALE_MAX)
            return compile_fail(compiler, node->position,
                                "decimal(%u) * decimal(%u) would have %u digits behind the point "
                                "and the limit is %d; round(.., n) one of them, or CAST it",
                                a, b, a + b, WEIR_DECIMAL_SCALE_MAX);
        node->type = type_decimal((uint8_t)(a + b), nullable);
        return true;
    }
    node->type = type_decimal(a > b ? a : b, nullable);
    return convert(compiler, node->args, node->type) &&
           convert(compiler, node->args + 1, node->type);
}

static bool type_binary(struct compiler *compiler, struct node *node)
{
    uint8_t a = node->args[0]->type.kind, b = node->args[1]->type.kind;
    if ((a == WEIR_DECIMAL || b == WEIR_DECIMAL) && node->kind != NODE_DIVIDE) {
        if (!literals_adapt(compiler, node->args, 2))
            return false;
        a = node->args[0]->type.kind;
        b = node->args[1]->type.kind;
    }
    bool null = a == EXPR_NULL || b == EXPR_NULL;
    bool done;
    if (a == WEIR_FLOAT || b == WEIR_FLOAT)
        done = as_floats(compiler, node);
    else if (a == WEIR_DECIMAL || b == WEIR_DECIMAL)
        done = as_decimals(compiler, node);
    else
        done = as_ints(node);
    if (done && (null || node_is_null(node->args[0]) || node_is_null(node->args[1])))
        return null_instead(node);
    return done;
}

bool type_arithmetic(struct compiler *compiler, struct node *node)
{
    if (!numbers_only(compiler, node))
        return false;
    switch ((enum node_kind)node->kind) {
    case NODE_BIT_NOT:
    case NODE_BIT_AND:
    case NODE_BIT_OR:
    case NODE_SHIFT_LEFT:
    case NODE_SHIFT_RIGHT:
        return type_bits(compiler, node);
    case NODE_NEGATE:
        node->type = node->args[0]->type;
        if (node->type.kind == EXPR_NULL)
            node->type = type_of(WEIR_INT, true);
        node->eval = eval_negate;
        return !node_is_null(node->args[0]) || null_instead(node);
    default:
        return type_binary(compiler, node);
    }
}

bool type_concat(struct compiler *compiler, struct node *node)
{
    bool null = false;
    for (uint32_t i = 0; i < node->count; i++) {
        null |= node_is_null(node->args[i]);
        if (!convert_to_text(compiler, node->args + i, "`||`"))
            return false;
    }
    node->type = type_of(WEIR_STRING, any_nullable(node));
    node->eval = eval_concat;
    return !null || null_instead(node);
}
