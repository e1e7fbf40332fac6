/* SPDX-License-Identifier: Apache-2.0 */
/* types_form.c: CAST, CASE, IN, and the members of a json. */
#include "transforms/expr/tree.h"

#include "transforms/expr/eval.h"
#include "transforms/expr/json.h"

/* --- CAST ----------------------------------------------------------------------------------- */

#define KIND(kind) (1u << (kind))
#define NUMBERS    (KIND(WEIR_BOOL) | KIND(WEIR_INT) | KIND(WEIR_FLOAT) | KIND(WEIR_DECIMAL))

/* From which kinds each kind can be cast. */
static const uint32_t castable[] = {
    [WEIR_BOOL] = NUMBERS | KIND(WEIR_STRING),
    [WEIR_INT] = NUMBERS | KIND(WEIR_STRING),
    [WEIR_FLOAT] = NUMBERS | KIND(WEIR_STRING),
    [WEIR_DECIMAL] = NUMBERS | KIND(WEIR_STRING),
    [WEIR_STRING] = NUMBERS | KIND(WEIR_STRING) | KIND(WEIR_BYTES) | KIND(WEIR_TIMESTAMP) |
                    KIND(WEIR_ARRAY) | KIND(WEIR_JSON),
    [WEIR_BYTES] = KIND(WEIR_STRING) | KIND(WEIR_BYTES),
    [WEIR_TIMESTAMP] = KIND(WEIR_STRING) | KIND(WEIR_TIMESTAMP),
    [WEIR_ARRAY] = 0,
    [WEIR_JSON] = KIND(WEIR_JSON) | KIND(WEIR_ARRAY) | KIND(WEIR_STRING),
};

static const char *cast_advice(uint8_t from, uint8_t to)
{
    if (from == WEIR_TIMESTAMP)
        return "unixepoch(..) gives its seconds, julianday(..) its days";
    if (to == WEIR_TIMESTAMP && kind_is_number(from))
        return "say what the number counts: timestamp(.., 'unixepoch') or 'julianday'";
    if (from == WEIR_JSON || from == WEIR_ARRAY)
        return "take a member with ->> first";
    if (from == WEIR_BYTES)
        return "CAST(.. AS string) first";
    return "CAST it AS string first";
}

bool type_cast(struct compiler *compiler, struct node *node)
{
    struct node *value = node->args[0];
    uint8_t from = value->type.kind, to = node->type.kind;
    node->type.nullable = value->type.nullable;
    node->eval = eval_cast;
    if (node_is_null(value))
        return null_instead(node);
    int64_t exact;
    uint8_t scale;
    if (to == WEIR_DECIMAL && literal_decimal(compiler, value, &exact, &scale) &&
        !literals_adapt(compiler, (struct node *[]){value, node}, 2))
        return false;
    if (castable[to] & KIND(from))
        return true;
    char a[TYPE_TEXT_BYTES], b[TYPE_TEXT_BYTES];
    return compile_fail(compiler, node->position, "CAST cannot make %s of %s; %s",
                        kind_phrase(node->type, a), kind_phrase(value->type, b),
                        cast_advice(from, to));
}

/* --- CASE ----------------------------------------------------------------------------------- */

bool type_case(struct compiler *compiler, struct node *node)
{
    bool of = node->kind == NODE_CASE_OF;
    uint32_t first = of, pairs = (node->count - first) / 2;
    bool has_else = (node->count - first) % 2;
    struct node **args = node->args;
    for (uint32_t i = 0; i < pairs; i++) {
        struct node **when = args + first + 2 * i;
        if (of ? !comparable(compiler, args, when, "CASE") : !want_bool(compiler, when, "WHEN"))
            return false;
    }
    /* The values, side by side, to be made of one type, and back. */
    uint32_t count = pairs + has_else;
    struct node **values = compile_alloc(compiler, count * sizeof(struct node *));
    if (!values)
        return false;
    for (uint32_t i = 0; i < pairs; i++)
        values[i] = args[first + 2 * i + 1];
    if (has_else)
        values[pairs] = args[node->count - 1];
    if (!unify(compiler, values, count, "CASE", &node->type))
        return false;
    for (uint32_t i = 0; i < pairs; i++)
        args[first + 2 * i + 1] = values[i];
    if (has_else)
        args[node->count - 1] = values[pairs];
    else
        node->type.nullable = 1;
    node->eval = of ? eval_case_of : eval_case;
    return node->type.kind != EXPR_NULL || null_instead(node);
}

/* --- members of a json ---------------------------------------------------------------------- */

bool type_arrow(struct compiler *compiler, struct node *node)
{
    struct node *value = node->args[0], *member = node->args[1];
    const char *sign = node->kind == NODE_ARROW ? "->" : "->>";
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    node->type = type_of(node->kind == NODE_ARROW ? WEIR_JSON : WEIR_STRING, true);
    if (value->type.kind == WEIR_STRING)
        return compile_fail(compiler, value->start,
                            "`%s` takes a member of a json, and %s is a string; write "
                            "CAST(.. AS json)",
                            sign, snippet(compiler, value, a));
    if (value->type.kind != WEIR_JSON && value->type.kind != WEIR_ARRAY &&
        value->type.kind != EXPR_NULL)
        return compile_fail(compiler, value->start, "`%s` takes a member of a json, and %s is %s",
                            sign, snippet(compiler, value, a), kind_phrase(value->type, b));
    if (node_is_null(value) || node_is_null(member))
        return null_instead(node);
    if (member->type.kind != WEIR_INT && member->type.kind != WEIR_STRING)
        return compile_fail(compiler, member->start,
                            "behind `%s` stands a name, an index or a path, as in ->> 'city', "
                            "->> 0 or ->> '$.user.city', and %s is %s",
                            sign, snippet(compiler, member, a), kind_phrase(member->type, b));
    node->eval = eval_arrow;
    return member->kind != NODE_CONSTANT || json_prepare(compiler, node, member);
}
