/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_arith.c: + - * / % and the bit operators over ints, decimals and floats.
 *
 * The loops compute without looking: whether some row did not fit is collected in one word, and
 * only then the rows are looked at one by one. They may run over rows that nobody asked for
 * (selection_widen); what overflows there is not seen by anyone.
 */
#include <math.h>

#include "transforms/expr/eval.h"

/* The top bit of the result: some row overflowed. */
#define INT_LOOP(name, STEP)                                                                       \
    static uint64_t name(int64_t *restrict out, const struct vec *a, const struct vec *b,          \
                         struct selection rows)                                                    \
    {                                                                                              \
        const int64_t *xs = a->c.ints, *ys = b->c.ints;                                            \
        uint32_t n = rows.count;                                                                   \
        uint64_t bad = 0;                                                                          \
        if (rows.rows) {                                                                           \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                uint32_t row = rows.rows[i];                                                       \
                int64_t x = xs[row & a->mask], y = ys[row & b->mask];                              \
                STEP(out[row])                                                                     \
            }                                                                                      \
        } else if (!b->mask) {                                                                     \
            const int64_t y = ys[0];                                                               \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                int64_t x = xs[i];                                                                 \
                STEP(out[i])                                                                       \
            }                                                                                      \
        } else if (!a->mask) {                                                                     \
            const int64_t x = xs[0];                                                               \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                int64_t y = ys[i];                                                                 \
                STEP(out[i])                                                                       \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                int64_t x = xs[i], y = ys[i];                                                      \
                STEP(out[i])                                                                       \
            }                                                                                      \
        }                                                                                          \
        return bad;                                                                                \
    }

#define STEP_ADD(to)                                                                               \
    uint64_t z = (uint64_t)x + (uint64_t)y;                                                        \
    bad |= ((uint64_t)x ^ z) & ((uint64_t)y ^ z);                                                  \
    to = (int64_t)z;
#define STEP_SUBTRACT(to)                                                                          \
    uint64_t z = (uint64_t)x - (uint64_t)y;                                                        \
    bad |= ((uint64_t)x ^ (uint64_t)y) & ((uint64_t)x ^ z);                                        \
    to = (int64_t)z;
#define STEP_MULTIPLY(to)                                                                          \
    int64_t z;                                                                                     \
    bad |= (uint64_t)__builtin_mul_overflow(x, y, &z) << 63;                                       \
    to = z;
#define STEP_AND(to) to = x & y;
#define STEP_OR(to)  to = x | y;

INT_LOOP(loop_add, STEP_ADD)
INT_LOOP(loop_subtract, STEP_SUBTRACT)
INT_LOOP(loop_multiply, STEP_MULTIPLY)
INT_LOOP(loop_and, STEP_AND)
INT_LOOP(loop_or, STEP_OR)

static bool overflows(uint8_t kind, int64_t x, int64_t y)
{
    int64_t z;
    switch (kind) {
    case NODE_ADD:
        return __builtin_add_overflow(x, y, &z);
    case NODE_SUBTRACT:
        return __builtin_sub_overflow(x, y, &z);
    default:
        return __builtin_mul_overflow(x, y, &z);
    }
}

static void reject_overflow(struct eval *eval, const struct node *node, struct vec *out,
                            uint32_t row)
{
    char type[TYPE_TEXT_BYTES], what[TYPE_TEXT_BYTES + 20];
    snprintf(what, sizeof what, "does not fit %s", kind_phrase(node->type, type));
    eval_reject(eval, node, row, WEIR_REJECT_OVERFLOW, what);
    vec_clear(out, row);
}

static void find_overflows(struct eval *eval, const struct node *node, struct vec *out,
                           const struct vec *a, const struct vec *b, struct selection rows)
{
    for (EACH_ROW(rows, row)) {
        if (vec_valid(a, row) && vec_valid(b, row) &&
            overflows(node->kind, a->c.ints[row & a->mask], b->c.ints[row & b->mask]))
            reject_overflow(eval, node, out, row);
    }
}

/* Division by 0 is null; only INT64_MIN / -1 does not fit. */
static bool divide(struct eval *eval, const struct node *node, struct vec *out, const struct vec *a,
                   const struct vec *b, struct selection rows)
{
    bool remainder = node->kind == NODE_REMAINDER;
    for (EACH_ROW(rows, row)) {
        int64_t x = a->c.ints[row & a->mask], y = b->c.ints[row & b->mask];
        if (likely(y != 0 && y != -1)) {
            out->c.ints[row] = remainder ? x % y : x / y;
            continue;
        }
        out->c.ints[row] = 0;
        if (!vec_valid(a, row) || !vec_valid(b, row))
            continue;
        if (y == 0) {
            if (!vec_set_null(eval, out, row))
                return false;
        } else if (!remainder) {
            if (x == INT64_MIN)
                reject_overflow(eval, node, out, row);
            else
                out->c.ints[row] = -x;
        }
    }
    return true;
}

/* By a constant other than 0 and -1: nothing can go wrong. */
static void divide_by(struct vec *out, const struct vec *a, int64_t y, bool remainder,
                      struct selection rows)
{
    const int64_t *xs = a->c.ints;
    int64_t *restrict zs = out->c.ints;
    if (remainder) {
        for (EACH_ROW(rows, row))
            zs[row] = xs[row & a->mask] % y;
    } else {
        for (EACH_ROW(rows, row))
            zs[row] = xs[row & a->mask] / y;
    }
}

struct operands {
    struct vec *args[2];
    struct vec *out;
};

/* Both operands and an empty result whose nulls are theirs. */
static bool operands_run(struct operands *o, const struct node *node, struct eval *eval,
                         struct selection rows)
{
    for (uint32_t i = 0; i < node->count; i++) {
        o->args[i] = node_run(node->args[i], eval, rows);
        if (!o->args[i])
            return false;
    }
    o->out = vec_new(eval, node->type);
    return o->out && vec_valid_from(eval, o->out, o->args, node->count);
}

/* Ints, and decimals of equal scales (for *: of any). */
struct vec *eval_arithmetic(const struct node *node, struct eval *eval, struct selection rows)
{
    struct operands o;
    if (!operands_run(&o, node, eval, rows))
        return NULL;
    struct vec *a = o.args[0], *b = o.args[1];
    struct selection wide = selection_widen(eval, rows);
    uint64_t bad = 0;
    switch (node->kind) {
    case NODE_ADD:
        bad = loop_add(o.out->c.ints, a, b, wide);
        break;
    case NODE_SUBTRACT:
        bad = loop_subtract(o.out->c.ints, a, b, wide);
        break;
    case NODE_MULTIPLY:
        bad = loop_multiply(o.out->c.ints, a, b, wide);
        break;
    default:
        if (!b->mask && b->c.ints[0] != 0 && b->c.ints[0] != -1)
            divide_by(o.out, a, b->c.ints[0], node->kind == NODE_REMAINDER, wide);
        else if (!divide(eval, node, o.out, a, b, rows))
            return NULL;
    }
    if (unlikely(bad >> 63))
        find_overflows(eval, node, o.out, a, b, rows);
    return o.out;
}

/* --- floats --------------------------------------------------------------------------------- */

/* Collects whether some result is not finite: its exponent is all ones. */
#define FLOAT_LOOP(name, op)                                                                       \
    static bool name(double *restrict out, const struct vec *a, const struct vec *b,               \
                     struct selection rows)                                                        \
    {                                                                                              \
        const double *xs = a->c.floats, *ys = b->c.floats;                                         \
        uint32_t n = rows.count;                                                                   \
        uint64_t bad = 0;                                                                          \
        if (rows.rows) {                                                                           \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                uint32_t row = rows.rows[i];                                                       \
                double z = xs[row & a->mask] op ys[row & b->mask];                                 \
                bad |= (uint64_t) !(fabs(z) <= 0x1.fffffffffffffp1023);                            \
                out[row] = z;                                                                      \
            }                                                                                      \
        } else if (!b->mask) {                                                                     \
            const double y = ys[0];                                                                \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                double z = xs[i] op y;                                                             \
                bad |= (uint64_t) !(fabs(z) <= 0x1.fffffffffffffp1023);                            \
                out[i] = z;                                                                        \
            }                                                                                      \
        } else if (!a->mask) {                                                                     \
            const double x = xs[0];                                                                \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                double z = x op ys[i];                                                             \
                bad |= (uint64_t) !(fabs(z) <= 0x1.fffffffffffffp1023);                            \
                out[i] = z;                                                                        \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                double z = xs[i] op ys[i];                                                         \
                bad |= (uint64_t) !(fabs(z) <= 0x1.fffffffffffffp1023);                            \
                out[i] = z;                                                                        \
            }                                                                                      \
        }                                                                                          \
        return bad;                                                                                \
    }

FLOAT_LOOP(loop_float_add, +)
FLOAT_LOOP(loop_float_subtract, -)
FLOAT_LOOP(loop_float_multiply, *)
FLOAT_LOOP(loop_float_divide, /)

static void find_infinities(struct eval *eval, const struct node *node, struct vec *out,
                            struct selection rows)
{
    for (EACH_ROW(rows, row)) {
        if (vec_valid(out, row) && !__builtin_isfinite(out->c.floats[row]))
            reject_overflow(eval, node, out, row);
    }
}

static int64_t clamp_to_int(double x)
{
    return x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static int64_t whole_part(const struct vec *vec, uint32_t row)
{
    row &= vec->mask;
    return vec->c.type.kind == WEIR_INT ? vec->c.ints[row] : clamp_to_int(vec->c.floats[row]);
}

/* Results that may be null: by 0. SQLite's % works on the whole parts, also of floats. */
static bool float_divide(struct eval *eval, const struct node *node, struct vec *out,
                         const struct vec *a, const struct vec *b, struct selection rows)
{
    bool remainder = node->kind == NODE_REMAINDER;
    for (EACH_ROW(rows, row)) {
        out->c.floats[row] = 0;
        if (!vec_valid(a, row) || !vec_valid(b, row))
            continue;
        bool null;
        if (remainder) {
            int64_t x = whole_part(a, row), y = whole_part(b, row);
            null = y == 0;
            if (y != 0 && y != -1)
                out->c.floats[row] = (double)(x % y);
        } else {
            double x = a->c.floats[row & a->mask], y = b->c.floats[row & b->mask];
            null = y == 0;
            if (y != 0)
                out->c.floats[row] = x / y;
        }
        if (null && !vec_set_null(eval, out, row))
            return false;
    }
    return true;
}

struct vec *eval_float_arithmetic(const struct node *node, struct eval *eval, struct selection rows)
{
    struct operands o;
    if (!operands_run(&o, node, eval, rows))
        return NULL;
    struct vec *a = o.args[0], *b = o.args[1];
    struct selection wide = selection_widen(eval, rows);
    bool bad = true;
    switch (node->kind) {
    case NODE_ADD:
        bad = loop_float_add(o.out->c.floats, a, b, wide);
        break;
    case NODE_SUBTRACT:
        bad = loop_float_subtract(o.out->c.floats, a, b, wide);
        break;
    case NODE_MULTIPLY:
        bad = loop_float_multiply(o.out->c.floats, a, b, wide);
        break;
    default:
        if (node->kind == NODE_DIVIDE && !b->mask && b->c.floats[0] != 0)
            bad = loop_float_divide(o.out->c.floats, a, b, wide);
        else if (!float_divide(eval, node, o.out, a, b, rows))
            return NULL;
    }
    if (unlikely(bad))
        find_infinities(eval, node, o.out, rows);
    return o.out;
}

/* --- one operand, and bits ------------------------------------------------------------------ */

struct vec *eval_negate(const struct node *node, struct eval *eval, struct selection rows)
{
    struct operands o;
    if (!operands_run(&o, node, eval, rows))
        return NULL;
    const struct vec *a = o.args[0];
    if (node->type.kind == WEIR_FLOAT) {
        /* 0 - x, so that there is no -0.0, as in SQLite. */
        for (EACH_ROW(rows, row))
            o.out->c.floats[row] = 0.0 - a->c.floats[row & a->mask];
        return o.out;
    }
    for (EACH_ROW(rows, row)) {
        int64_t x = a->c.ints[row & a->mask];
        if (likely(x != INT64_MIN))
            o.out->c.ints[row] = -x;
        else if (vec_valid(a, row))
            reject_overflow(eval, node, o.out, row);
        else
            o.out->c.ints[row] = 0;
    }
    return o.out;
}

struct vec *eval_bit_not(const struct node *node, struct eval *eval, struct selection rows)
{
    struct operands o;
    if (!operands_run(&o, node, eval, rows))
        return NULL;
    for (EACH_ROW(rows, row))
        o.out->c.ints[row] = ~o.args[0]->c.ints[row & o.args[0]->mask];
    return o.out;
}

/* By a negative number of bits: the other way; by 64 and more: nothing is left but the sign. */
static int64_t shift(int64_t x, int64_t by, bool left)
{
    if (by < 0) {
        left = !left;
        by = by > -64 ? -by : 64;
    }
    if (left)
        return by >= 64 ? 0 : (int64_t)((uint64_t)x << by);
    return x >> (by >= 64 ? 63 : by);
}

struct vec *eval_bits(const struct node *node, struct eval *eval, struct selection rows)
{
    struct operands o;
    if (!operands_run(&o, node, eval, rows))
        return NULL;
    const struct vec *a = o.args[0], *b = o.args[1];
    if (node->kind == NODE_BIT_AND) {
        loop_and(o.out->c.ints, a, b, selection_widen(eval, rows));
    } else if (node->kind == NODE_BIT_OR) {
        loop_or(o.out->c.ints, a, b, selection_widen(eval, rows));
    } else {
        bool left = node->kind == NODE_SHIFT_LEFT;
        for (EACH_ROW(rows, row))
            o.out->c.ints[row] = shift(a->c.ints[row & a->mask], b->c.ints[row & b->mask], left);
    }
    return o.out;
}
