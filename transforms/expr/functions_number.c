/* SPDX-License-Identifier: Apache-2.0 */
/* functions_number.c: abs round floor .. sqrt ln pow .. mod, and the signatures of min and max. */
#include <math.h>

#include "transforms/expr/functions.h"

/* The result has the type of the first argument. */
bool check_abs(struct compiler *compiler, struct node *node)
{
    uint8_t nullable = node->type.nullable;
    node->type = node->args[0]->type;
    node->type.nullable = nullable;
    return true;
}

/* floor, ceil, trunc: a decimal keeps no digits behind the point. */
bool check_whole(struct compiler *compiler, struct node *node)
{
    check_abs(compiler, node);
    if (node->type.kind == WEIR_DECIMAL)
        node->type.scale = 0;
    return true;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* round of a decimal is a decimal with the digits asked for, of anything else a float. */
bool check_round(struct compiler *compiler, struct node *node)
{
    uint8_t nullable = node->type.nullable;
    struct weir_type type = node->args[0]->type;
    if (type.kind != WEIR_DECIMAL) {
        node->type = type_of(WEIR_FLOAT, nullable);
        return convert(compiler, node->args, node->type);
    }
    if (node->count == 1)
        type.scale = 0;
    else if (node_is_constant(node->args[1]))
        type.scale = (uint8_t)clamp(node->args[1]->constant.i, 0, type.scale);
    node->type = type;
    node->type.nullable = nullable;
    return true;
}

/* mod of decimals is exact, of anything else a float. */
bool check_mod(struct compiler *compiler, struct node *node)
{
    struct weir_type type;
    bool decimal = false, is_float = false;
    if (!literals_adapt(compiler, node->args, 2))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        decimal |= node->args[i]->type.kind == WEIR_DECIMAL;
        is_float |= node->args[i]->type.kind == WEIR_FLOAT;
    }
    if (decimal && !is_float) {
        if (!unify(compiler, node->args, 2, "mod", &type))
            return false;
        node->type = type;
    } else {
        node->type = type_of(WEIR_FLOAT, true);
        for (uint32_t i = 0; i < 2; i++)
            if (!convert(compiler, node->args + i, node->type))
                return false;
    }
    const struct node *by = node->args[1];
    bool sure = node_is_constant(by) && !node_is_null(by) &&
                (node->type.kind == WEIR_FLOAT ? by->constant.f != 0 : by->constant.i != 0);
    node->type.nullable = !sure || any_nullable(node);
    return true;
}

/* min and max */
bool check_extreme(struct compiler *compiler, struct node *node)
{
    char text[TYPE_TEXT_BYTES];
    if (!unify(compiler, node->args, node->count, node->function->doc.name, &node->type))
        return false;
    node->type.nullable = any_nullable(node);
    for (uint32_t i = 0; i < node->count; i++)
        if (node_is_null(node->args[i]))
            return null_instead(node);
    if (node->type.kind == WEIR_JSON || node->type.kind == WEIR_ARRAY)
        return compile_fail(compiler, node->position, "%s() has no order for %s",
                            node->function->doc.name, kind_phrase(node->type, text));
    return true;
}

/* --- rows ----------------------------------------------------------------------------------- */

bool row_abs(struct call *call, uint32_t row)
{
    if (call->node->type.kind == WEIR_FLOAT)
        return call_set_float(call, row, fabs(call_float(call, 0, row)));
    int64_t x = call_int(call, 0, row);
    if (x == INT64_MIN)
        return call_reject(call, row, WEIR_REJECT_OVERFLOW, "does not fit");
    return call_set_int(call, row, x < 0 ? -x : x);
}

bool row_sign(struct call *call, uint32_t row)
{
    if (call->args[0]->c.type.kind == WEIR_FLOAT) {
        double x = call_float(call, 0, row);
        return call_set_int(call, row, (x > 0) - (x < 0));
    }
    int64_t x = call_int(call, 0, row);
    return call_set_int(call, row, (x > 0) - (x < 0));
}

/* direction: -1 down, 1 up, 0 towards zero */
static bool whole(struct call *call, uint32_t row, int direction)
{
    struct weir_type type = call->args[0]->c.type;
    if (type.kind == WEIR_FLOAT) {
        double x = call_float(call, 0, row);
        return call_set_float(call, row, direction < 0 ? floor(x) : direction ? ceil(x) : trunc(x));
    }
    int64_t x = call_int(call, 0, row), power = decimal_powers[type.scale];
    int64_t result = x / power, rest = x % power;
    if (direction < 0)
        result -= rest < 0;
    else if (direction > 0)
        result += rest > 0;
    return call_set_int(call, row, result);
}

bool row_floor(struct call *call, uint32_t row)
{
    return whole(call, row, -1);
}

bool row_ceil(struct call *call, uint32_t row)
{
    return whole(call, row, 1);
}

bool row_trunc(struct call *call, uint32_t row)
{
    return whole(call, row, 0);
}

bool row_round(struct call *call, uint32_t row)
{
    int64_t digits = call->node->count > 1 ? clamp(call_int(call, 1, row), 0, 30) : 0;
    struct weir_type from = call->args[0]->c.type, to = call->node->type;
    if (to.kind == WEIR_FLOAT)
        return call_set_float(call, row, float_round(call_float(call, 0, row), (int)digits));
    int64_t value;
    uint8_t scale = (uint8_t)clamp(digits, 0, from.scale);
    if (decimal_rescale(call_int(call, 0, row), from.scale, scale, &value) &&
        decimal_rescale(value, scale, to.scale, &value))
        return call_set_int(call, row, value);
    return call_reject(call, row, WEIR_REJECT_OVERFLOW, "does not fit");
}

bool row_mod(struct call *call, uint32_t row)
{
    if (call->node->type.kind == WEIR_FLOAT)
        return call_set_float(call, row, fmod(call_float(call, 0, row), call_float(call, 1, row)));
    int64_t x = call_int(call, 0, row), y = call_int(call, 1, row);
    if (y == 0)
        return false;
    return call_set_int(call, row, y == -1 ? 0 : x % y);
}

#define FLOAT_ROW(name, expression)                                                                \
    bool name(struct call *call, uint32_t row)                                                     \
    {                                                                                              \
        double x = call_float(call, 0, row);                                                       \
        return call_set_float(call, row, expression);                                              \
    }

/* Outside their domain they are NaN, and so null; SQLite's logarithms are null at zero as well. */
FLOAT_ROW(row_sqrt, sqrt(x))
FLOAT_ROW(row_exp, exp(x))
FLOAT_ROW(row_ln, x > 0 ? log(x) : NAN)
FLOAT_ROW(row_log10, x > 0 ? log10(x) : NAN)
FLOAT_ROW(row_log2, x > 0 ? log2(x) : NAN)
FLOAT_ROW(row_acos, acos(x))
FLOAT_ROW(row_asin, asin(x))
FLOAT_ROW(row_atan, atan(x))
FLOAT_ROW(row_cos, cos(x))
FLOAT_ROW(row_sin, sin(x))
FLOAT_ROW(row_tan, tan(x))
FLOAT_ROW(row_degrees, x *(180.0 / M_PI))
FLOAT_ROW(row_radians, x *(M_PI / 180.0))

bool row_pi(struct call *call, uint32_t row)
{
    return call_set_float(call, row, M_PI);
}

bool row_pow(struct call *call, uint32_t row)
{
    return call_set_float(call, row, pow(call_float(call, 0, row), call_float(call, 1, row)));
}

bool row_atan2(struct call *call, uint32_t row)
{
    return call_set_float(call, row, atan2(call_float(call, 0, row), call_float(call, 1, row)));
}

/* log(x) is to base 10, log(b, x) to base b, as in SQLite. */
bool row_log(struct call *call, uint32_t row)
{
    double x = call_float(call, call->node->count - 1, row);
    if (!(x > 0))
        return false;
    if (call->node->count == 1)
        return call_set_float(call, row, log10(x));
    double base = log(call_float(call, 0, row));
    if (!(base > 0))
        return false;
    return call_set_float(call, row, log(x) / base);
}
