/* SPDX-License-Identifier: Apache-2.0 */
/* types.c: which type each node has, and which conversions stand between them. */
#include "transforms/expr/tree.h"

#include "transforms/expr/eval.h"

/* --- conversions ---------------------------------------------------------------------------- */

/* `0.92` -> 92 x 10^-2, if the text has a point, no exponent, and fits. */
bool literal_decimal(const struct compiler *compiler, const struct node *node, int64_t *ret_value,
                     uint8_t *ret_scale)
{
    if (node->kind != NODE_CONSTANT || !node->literal || node->type.kind != WEIR_FLOAT)
        return false;
    bool negative = compiler->text[node->position] == '-';
    const char *text = compiler->text + node->position + negative;
    const char *end = compiler->text + node->end;
    while (text < end && (*text == ' ' || *text == '('))
        text++;
    const char *point = memchr(text, '.', (size_t)(end - text));
    if (!point)
        return false;
    const char *last = point + 1;
    while (last < end && *last >= '0' && *last <= '9')
        last++;
    if (last < end && (*last | 0x20) == 'e')
        return false;
    size_t scale = (size_t)(last - point - 1);
    char digits[64];
    if (scale > WEIR_DECIMAL_SCALE_MAX || (size_t)(last - text) > sizeof digits - 3)
        return false;
    int length = snprintf(digits, sizeof digits, "%s%s%.*s%s", negative ? "-" : "",
                          point == text ? "0" : "", (int)(last - text), text, scale ? "" : "0");
    if (decimal_read(digits, (size_t)length, (uint8_t)scale, ret_value) < 0)
        return false;
    *ret_scale = (uint8_t)scale;
    return true;
}

/* A literal with a point becomes the exact decimal that it is. */
static bool literal_to_decimal(struct compiler *compiler, struct node *node)
{
    int64_t value;
    uint8_t scale;
    if (!literal_decimal(compiler, node, &value, &scale))
        return false;
    node->type = type_decimal(scale, false);
    node->constant.i = value;
    return true;
}

bool convert(struct compiler *compiler, struct node **slot, struct weir_type type)
{
    struct node *node = *slot;
    if (node->type.kind == type.kind &&
        (type.kind != WEIR_DECIMAL || node->type.scale == type.scale))
        return true;
    type.nullable = node->type.nullable;
    if (node_is_null(node)) {
        node->type = type;
        return true;
    }
    struct node *cast = node_new(compiler, NODE_CAST, node->position, &node, 1);
    if (!cast)
        return false;
    /* An added conversion does not deepen what the user nested. */
    cast->depth = node->depth;
    cast->type = type;
    cast->eval = eval_cast;
    *slot = cast;
    return fold_node(compiler, slot);
}

bool convert_to_text(struct compiler *compiler, struct node **slot, const char *where)
{
    struct node *node = *slot;
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    switch (node->type.kind) {
    case WEIR_BYTES:
        return compile_fail(compiler, node->start,
                            "%s joins texts, and %s is bytes; write CAST(.. AS string) or hex(..)",
                            where, snippet(compiler, node, a));
    case WEIR_ARRAY:
    case WEIR_JSON:
        return compile_fail(compiler, node->start,
                            "%s joins texts, and %s is %s; take a member with ->> or write "
                            "CAST(.. AS string)",
                            where, snippet(compiler, node, a), kind_phrase(node->type, b));
    default:
        return convert(compiler, slot, type_of(WEIR_STRING, node->type.nullable));
    }
}

/* A text literal beside a timestamp is a time, or a mistake. */
static bool literal_to_timestamp(struct compiler *compiler, struct node **slot)
{
    struct node *node = *slot;
    if (!node_is_text(node))
        return true;
    return convert(compiler, slot, type_of(WEIR_TIMESTAMP, false));
}

/* --- one type for several values ------------------------------------------------------------ */

/* The narrowest type that holds both. False: there is none. */
static bool type_join(struct weir_type a, struct weir_type b, struct weir_type *ret)
{
    *ret = a;
    ret->nullable = a.nullable | b.nullable;
    if (a.kind == b.kind) {
        if (a.kind == WEIR_DECIMAL && b.scale > a.scale)
            ret->scale = b.scale;
        return a.kind != WEIR_ARRAY || a.element == b.element;
    }
    if (a.kind == EXPR_NULL || b.kind == EXPR_NULL) {
        *ret = a.kind == EXPR_NULL ? b : a;
        ret->nullable = 1;
        return true;
    }
    if (!kind_is_number(a.kind) || !kind_is_number(b.kind))
        return false;
    if (a.kind == WEIR_FLOAT || b.kind == WEIR_FLOAT) {
        *ret = type_of(WEIR_FLOAT, ret->nullable);
    } else if (a.kind == WEIR_DECIMAL || b.kind == WEIR_DECIMAL) {
        *ret = type_decimal(a.kind == WEIR_DECIMAL ? a.scale : b.scale, ret->nullable);
    } else {
        *ret = type_of(WEIR_INT, ret->nullable);
    }
    return true;
}

/* Literals adapt to what they stand beside: 0.5 to a decimal, '2024-01-01' to a timestamp. */
bool literals_adapt(struct compiler *compiler, struct node **slots, uint32_t count)
{
    bool decimal = false, timestamp = false;
    for (uint32_t i = 0; i < count; i++) {
        decimal |= slots[i]->type.kind == WEIR_DECIMAL;
        timestamp |= slots[i]->type.kind == WEIR_TIMESTAMP;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (decimal)
            literal_to_decimal(compiler, slots[i]);
        if (timestamp && !literal_to_timestamp(compiler, slots + i))
            return false;
    }
    return true;
}

bool unify(struct compiler *compiler, struct node **slots, uint32_t count, const char *where,
           struct weir_type *ret_type)
{
    if (!literals_adapt(compiler, slots, count))
        return false;
    struct weir_type type = type_of(EXPR_NULL, false);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_type joined;
        char a[TYPE_TEXT_BYTES], b[TYPE_TEXT_BYTES];
        if (i == 0)
            joined = slots[0]->type;
        else if (!type_join(type, slots[i]->type, &joined))
            return compile_fail(compiler, slots[i]->start,
                                "%s must have values of one type, and here are %s and %s; make "
                                "them the same with CAST",
                                where, kind_phrase(type, a), kind_phrase(slots[i]->type, b));
        type = joined;
    }
    for (uint32_t i = 0; i < count && type.kind != EXPR_NULL; i++)
        if (!convert(compiler, slots + i, type))
            return false;
    *ret_type = type;
    return true;
}

bool want_bool(struct compiler *compiler, struct node **slot, const char *where)
{
    struct node *node = *slot;
    if (node->type.kind == WEIR_BOOL)
        return true;
    if (node_is_null(node)) {
        node->type = type_of(WEIR_BOOL, true);
        return true;
    }
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    return compile_fail(compiler, node->start,
                        "%s needs a bool, and %s is %s; compare it, as in `%s`", where,
                        snippet(compiler, node, a), kind_phrase(node->type, b),
                        kind_is_number(node->type.kind) ? ".. <> 0"
                        : type_is_str(node->type)       ? ".. <> ''"
                                                        : ".. IS NOT NULL");
}

/* --- comparisons ---------------------------------------------------------------------------- */

/* A constant beside a number of another kind becomes one of that kind, if it is exactly one. What
 * is not stays: the comparison is then made with both as they are. */
static void constant_adapt(struct compiler *compiler, struct node *constant, struct weir_type type)
{
    if (!node_is_constant(constant) || node_is_null(constant))
        return;
    struct constant *c = &constant->constant;
    if (type.kind == WEIR_DECIMAL)
        literal_to_decimal(compiler, constant);
    const struct weir_type from = constant->type;
    const bool exact_from = from.kind == WEIR_INT || from.kind == WEIR_DECIMAL;
    if (type.kind == WEIR_FLOAT && exact_from) {
        double value = decimal_to_float(c->i, from.scale);
        if (from.kind == WEIR_INT && int_compare_float(c->i, value) != 0)
            return;
        c->f = value;
    } else if (type.kind != WEIR_DECIMAL && type.kind != WEIR_INT) {
        return;
    } else if (exact_from) {
        int64_t value, back;
        if (!decimal_rescale(c->i, from.scale, type.scale, &value) ||
            !decimal_rescale(value, type.scale, from.scale, &back) || back != c->i)
            return;
        c->i = value;
    } else if (from.kind == WEIR_FLOAT) {
        /* Beyond 2^53 several decimals are nearest to one float. */
        int64_t value;
        if (!float_to_decimal(c->f, type.scale, &value) || value > 1LL << 53 ||
            value < -(1LL << 53) || decimal_to_float(value, type.scale) != c->f)
            return;
        c->i = value;
    } else {
        return;
    }
    constant->type = type;
    constant->type.nullable = 0;
}

bool comparable(struct compiler *compiler, struct node **a, struct node **b, const char *where)
{
    struct node *pair[2] = {*a, *b};
    if (pair[0]->type.kind == WEIR_TIMESTAMP || pair[1]->type.kind == WEIR_TIMESTAMP) {
        if (!literal_to_timestamp(compiler, a) || !literal_to_timestamp(compiler, b))
            return false;
    }
    struct weir_type x = (*a)->type, y = (*b)->type;
    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return true;
    char name_a[TYPE_TEXT_BYTES], name_b[TYPE_TEXT_BYTES];
    bool unordered =
        x.kind == WEIR_JSON || x.kind == WEIR_ARRAY || y.kind == WEIR_JSON || y.kind == WEIR_ARRAY;
    if (unordered)
        return compile_fail(compiler, (*a)->start,
                            "%s cannot compare %s with %s; take a member with ->> or write "
                            "CAST(.. AS string)",
                            where, kind_phrase(x, name_a), kind_phrase(y, name_b));
    if (kind_is_number(x.kind) && kind_is_number(y.kind)) {
        /* bool beside another number counts as 0 or 1. */
        if (x.kind == WEIR_BOOL && y.kind != WEIR_BOOL &&
            !convert(compiler, a, type_of(WEIR_INT, false)))
            return false;
        if (y.kind == WEIR_BOOL && x.kind != WEIR_BOOL &&
            !convert(compiler, b, type_of(WEIR_INT, false)))
            return false;
        constant_adapt(compiler, *a, (*b)->type);
        constant_adapt(compiler, *b, (*a)->type);
        return true;
    }
    if (x.kind == y.kind)
        return true;
    const char *advice = "make them the same with CAST";
    struct node *text = x.kind == WEIR_STRING ? *a : *b;
    if (x.kind == WEIR_TIMESTAMP || y.kind == WEIR_TIMESTAMP)
        advice = kind_is_number(x.kind) || kind_is_number(y.kind)
                     ? "compare unixepoch(..) with seconds"
                     : "read the text with CAST(.. AS timestamp)";
    else if (node_is_text(text) && (kind_is_number(x.kind) || kind_is_number(y.kind)))
        advice = "write the number without quotes";
    return compile_fail(compiler, (*a)->start, "%s cannot compare %s with %s; %s", where,
                        kind_phrase(x, name_a), kind_phrase(y, name_b), advice);
}

/* What is null for one null argument is null here. */
bool null_instead(struct node *node)
{
    node->kind = NODE_CONSTANT;
    node->eval = eval_constant;
    node->count = 0;
    node->per_batch = false;
    node->type.nullable = 1;
    node->constant.valid[0] = 0;
    return true;
}

/* `x IS y` where one of them is a constant null. */
static bool is_null_instead(struct node *node)
{
    if (node_is_null(node->args[0]))
        node->args[0] = node->args[1];
    node->count = 1;
    node->kind = node->kind == NODE_IS ? NODE_IS_NULL : NODE_NOT_NULL;
    node->eval = eval_is_null;
    return true;
}

static bool is_bool_literal(const struct node *node)
{
    return node->kind == NODE_CONSTANT && node->literal && node->type.kind == WEIR_BOOL;
}

static const char *comparison_name(uint8_t kind)
{
    static const char *const names[] = {"`<`", "`<=`", "`>`", "`>=`",
                                        "`=`", "`<>`", "IS",  "IS NOT"};
    return names[kind - NODE_LESS];
}

bool type_comparison(struct compiler *compiler, struct node *node)
{
    const char *name = comparison_name(node->kind);
    bool is = node->kind == NODE_IS || node->kind == NODE_IS_NOT;
    /* SQLite's `5 IS TRUE` asks whether 5 is a truth, and `5 = TRUE` whether it is 1. */
    if (is && is_bool_literal(node->args[1]) && !want_bool(compiler, node->args, name))
        return false;
    if (!comparable(compiler, node->args, node->args + 1, name))
        return false;
    node->type = type_of(WEIR_BOOL, !is && any_nullable(node));
    if (node_is_null(node->args[0]) || node_is_null(node->args[1]))
        return is ? is_null_instead(node) : null_instead(node);
    node->eval = is ? eval_is : eval_comparison;
    return true;
}

bool type_between(struct compiler *compiler, struct node *node)
{
    if (!literals_adapt(compiler, node->args, node->count) ||
        !comparable(compiler, node->args, node->args + 1, "BETWEEN") ||
        !comparable(compiler, node->args, node->args + 2, "BETWEEN"))
        return false;
    node->type = type_of(WEIR_BOOL, any_nullable(node));
    node->eval = eval_between;
    return true;
}

/* --- the tree ------------------------------------------------------------------------------- */

static bool type_logic(struct compiler *compiler, struct node *node)
{
    static node_eval *const evals[] = {eval_not, eval_and, eval_or};
    static const char *const names[] = {"NOT", "AND", "OR"};
    for (uint32_t i = 0; i < node->count; i++)
        if (!want_bool(compiler, node->args + i, names[node->kind - NODE_NOT]))
            return false;
    node->type = type_of(WEIR_BOOL, any_nullable(node));
    node->eval = evals[node->kind - NODE_NOT];
    return true;
}

static bool type_node(struct compiler *compiler, struct node *node)
{
    switch ((enum node_kind)node->kind) {
    case NODE_CONSTANT:
        return true;
    case NODE_COLUMN:
        node->eval = eval_column;
        return true;
    case NODE_CAST:
        return type_cast(compiler, node);
    case NODE_PLUS:
        node->type = node->args[0]->type;
        node->eval = eval_same;
        return true;
    case NODE_NEGATE:
    case NODE_BIT_NOT:
    case NODE_ADD:
    case NODE_SUBTRACT:
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
    case NODE_REMAINDER:
    case NODE_BIT_AND:
    case NODE_BIT_OR:
    case NODE_SHIFT_LEFT:
    case NODE_SHIFT_RIGHT:
        return type_arithmetic(compiler, node);
    case NODE_CONCAT:
        return type_concat(compiler, node);
    case NODE_ARROW:
    case NODE_ARROW_TEXT:
        return type_arrow(compiler, node);
    case NODE_LESS:
    case NODE_LESS_EQUAL:
    case NODE_GREATER:
    case NODE_GREATER_EQUAL:
    case NODE_EQUAL:
    case NODE_UNEQUAL:
    case NODE_IS:
    case NODE_IS_NOT:
        return type_comparison(compiler, node);
    case NODE_IS_NULL:
    case NODE_NOT_NULL:
        node->type = type_of(WEIR_BOOL, false);
        node->eval = eval_is_null;
        return true;
    case NODE_NOT:
    case NODE_AND:
    case NODE_OR:
        return type_logic(compiler, node);
    case NODE_BETWEEN:
        return type_between(compiler, node);
    case NODE_IN:
        return type_in(compiler, node);
    case NODE_LIKE:
    case NODE_GLOB:
        return type_like(compiler, node);
    case NODE_CASE:
    case NODE_CASE_OF:
        return type_case(compiler, node);
    case NODE_CALL:
        return type_call(compiler, node);
    }
    return false;
}

bool type_tree(struct compiler *compiler, struct node **slot)
{
    struct node *node = *slot;
    for (uint32_t i = 0; i < node->count; i++)
        if (!type_tree(compiler, node->args + i))
            return false;
    for (uint32_t i = 0; i < node->count; i++)
        node->per_batch |= node->args[i]->per_batch;
    return type_node(compiler, node) && fold_node(compiler, slot);
}
