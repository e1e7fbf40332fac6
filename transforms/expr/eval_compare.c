/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_compare.c: = <> < <= > >= BETWEEN, IS and IS NULL.
 *
 * A comparison is asked for in two ways, for which there is one loop each: a bool for each row, or
 * the rows for which it is true. Ints, floats and bools of one kind are compared in tight loops; so
 * are strings with a short constant for equality. Other pairs go row by row.
 */
#include "transforms/expr/compare.h"

/* --- loops ---------------------------------------------------------------------------------- */

#define COMPARE_LOOPS(name, ctype, member, op)                                                     \
    static void bools_##name(uint8_t *restrict out, const struct vec *a, const struct vec *b,      \
                             struct selection rows)                                                \
    {                                                                                              \
        const ctype *xs = a->c.member, *ys = b->c.member;                                          \
        uint32_t n = rows.count;                                                                   \
        if (rows.rows) {                                                                           \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                uint32_t row = rows.rows[i];                                                       \
                out[row] = xs[row & a->mask] op ys[row & b->mask];                                 \
            }                                                                                      \
        } else if (!b->mask) {                                                                     \
            const ctype y = ys[0];                                                                 \
            for (uint32_t i = 0; i < n; i++)                                                       \
                out[i] = xs[i & a->mask] op y;                                                     \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++)                                                       \
                out[i] = xs[i & a->mask] op ys[i];                                                 \
        }                                                                                          \
    }                                                                                              \
    static uint32_t filter_##name(uint16_t *out, const struct vec *a, const struct vec *b,         \
                                  struct selection rows)                                           \
    {                                                                                              \
        const ctype *xs = a->c.member, *ys = b->c.member;                                          \
        uint32_t kept = 0, n = rows.count;                                                         \
        if (rows.rows) {                                                                           \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                uint32_t row = rows.rows[i];                                                       \
                out[kept] = (uint16_t)row;                                                         \
                kept += xs[row & a->mask] op ys[row & b->mask];                                    \
            }                                                                                      \
        } else if (!b->mask) {                                                                     \
            const ctype y = ys[0];                                                                 \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                out[kept] = (uint16_t)i;                                                           \
                kept += xs[i & a->mask] op y;                                                      \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                out[kept] = (uint16_t)i;                                                           \
                kept += xs[i & a->mask] op ys[i];                                                  \
            }                                                                                      \
        }                                                                                          \
        return kept;                                                                               \
    }

#define COMPARE_KIND(name, ctype, member)                                                          \
    COMPARE_LOOPS(name##_less, ctype, member, <)                                                   \
    COMPARE_LOOPS(name##_less_equal, ctype, member, <=)                                            \
    COMPARE_LOOPS(name##_greater, ctype, member, >)                                                \
    COMPARE_LOOPS(name##_greater_equal, ctype, member, >=)                                         \
    COMPARE_LOOPS(name##_equal, ctype, member, ==)                                                 \
    COMPARE_LOOPS(name##_unequal, ctype, member, !=)

#define COMPARE_TABLE(prefix, name)                                                                \
    {                                                                                              \
        prefix##name##_less, prefix##name##_less_equal, prefix##name##_greater,                    \
            prefix##name##_greater_equal, prefix##name##_equal, prefix##name##_unequal             \
    }

COMPARE_KIND(int, int64_t, ints)
COMPARE_KIND(float, double, floats)
COMPARE_KIND(bool, uint8_t, bools)

enum loop_kind { LOOP_INT, LOOP_FLOAT, LOOP_BOOL, LOOP_NONE };

typedef void bools_loop(uint8_t *restrict out, const struct vec *a, const struct vec *b,
                        struct selection rows);
typedef uint32_t filter_loop(uint16_t *out, const struct vec *a, const struct vec *b,
                             struct selection rows);
static bools_loop *const bools_loops[][6] = {
    COMPARE_TABLE(bools_, int), COMPARE_TABLE(bools_, float), COMPARE_TABLE(bools_, bool)};
static filter_loop *const filter_loops[][6] = {
    COMPARE_TABLE(filter_, int), COMPARE_TABLE(filter_, float), COMPARE_TABLE(filter_, bool)};

static enum loop_kind loop_for(const struct vec *a, const struct vec *b)
{
    if (a->c.type.kind != b->c.type.kind)
        return LOOP_NONE;
    switch (a->c.type.kind) {
    case WEIR_INT:
    case WEIR_TIMESTAMP:
        return LOOP_INT;
    case WEIR_DECIMAL:
        return a->c.type.scale == b->c.type.scale ? LOOP_INT : LOOP_NONE;
    case WEIR_FLOAT:
        return LOOP_FLOAT;
    case WEIR_BOOL:
        return LOOP_BOOL;
    default:
        return LOOP_NONE;
    }
}

/* --- equality with a short constant text ---------------------------------------------------- */

#define SHORT_TEXT_BYTES_MAX 16

/* Up to sixteen bytes, as two words that may overlap; only bytes of the text are read. */
struct short_text {
    uint64_t head, tail;
};

static inline struct short_text short_load(const char *data, uint32_t length)
{
    struct short_text t = {0, 0};
    if (length >= 8) {
        memcpy(&t.head, data, 8);
        memcpy(&t.tail, data + length - 8, 8);
    } else if (length >= 4) {
        memcpy(&t.head, data, 4);
        memcpy(&t.tail, data + length - 4, 4);
    } else if (length) {
        t.head = (unsigned char)data[0];
        t.tail = (uint64_t)(unsigned char)data[length / 2] << 8 | (unsigned char)data[length - 1];
    }
    return t;
}

#define SHORT_LOOP(BODY)                                                                           \
    for (uint32_t i = 0; i < rows.count; i++) {                                                    \
        uint32_t row = rows.rows ? rows.rows[i] : i;                                               \
        bool same = false;                                                                         \
        if (strs[row].length == length && (!valid || ((valid[row >> 6] >> (row & 63)) & 1))) {     \
            struct short_text t = short_load(strs[row].data, length);                              \
            same = !((t.head ^ want.head) | (t.tail ^ want.tail));                                 \
        }                                                                                          \
        BODY                                                                                       \
    }

/* In each copy of the loop the compiler knows enough of the length to load without a branch. */
#define SHORT_CASES(BODY)                                                                          \
    if (length >= 8) {                                                                             \
        SHORT_LOOP(BODY)                                                                           \
    } else if (length >= 4) {                                                                      \
        SHORT_LOOP(BODY)                                                                           \
    } else {                                                                                       \
        SHORT_LOOP(BODY)                                                                           \
    }

static void bools_short(uint8_t *restrict out, const struct vec *a, struct weir_str constant,
                        bool equal, struct selection rows)
{
    const struct weir_str *strs = a->c.strs;
    const uint64_t *valid = a->c.valid;
    const uint32_t length = constant.length;
    const struct short_text want = short_load(constant.data, length);
    SHORT_CASES(out[row] = same == equal;)
}

static uint32_t filter_short(uint16_t *out, const struct vec *a, struct weir_str constant,
                             bool equal, struct selection rows)
{
    const struct weir_str *strs = a->c.strs;
    const uint64_t *valid = a->c.valid;
    const uint32_t length = constant.length;
    const struct short_text want = short_load(constant.data, length);
    uint32_t kept = 0;
    SHORT_CASES({
        out[kept] = (uint16_t)row;
        kept += same == equal;
    })
    return kept;
}

static bool short_applies(enum node_kind op, const struct vec *a, const struct vec *b)
{
    return (op == NODE_EQUAL || op == NODE_UNEQUAL) && type_is_str(a->c.type) && a->mask &&
           !b->mask && !b->c.valid && b->c.strs[0].length <= SHORT_TEXT_BYTES_MAX;
}

/* --- row by row ----------------------------------------------------------------------------- */

static double as_float(const struct vec *vec, uint32_t row)
{
    return vec->c.type.kind == WEIR_FLOAT ? vec->c.floats[row]
                                          : decimal_to_float(vec->c.ints[row], vec->c.type.scale);
}

static int64_t as_int(const struct vec *vec, uint32_t row)
{
    return vec->c.type.kind == WEIR_BOOL ? vec->c.bools[row] : vec->c.ints[row];
}

/* Whole numbers beside floats and decimals beside decimals exactly; a decimal beside a float as the
 * float nearest to it, so that the decimal 0.10 is equal to the float 0.1. */
static int number_compare(const struct vec *a, const struct vec *b, uint32_t row_a, uint32_t row_b)
{
    struct weir_type x = a->c.type, y = b->c.type;
    if (x.kind == WEIR_FLOAT && y.kind != WEIR_FLOAT && y.kind != WEIR_DECIMAL)
        return -int_compare_float(as_int(b, row_b), a->c.floats[row_a]);
    if (y.kind == WEIR_FLOAT && x.kind != WEIR_FLOAT && x.kind != WEIR_DECIMAL)
        return int_compare_float(as_int(a, row_a), b->c.floats[row_b]);
    if (x.kind == WEIR_FLOAT || y.kind == WEIR_FLOAT) {
        double p = as_float(a, row_a), q = as_float(b, row_b);
        return (p > q) - (p < q);
    }
    int128 p = as_int(a, row_a), q = as_int(b, row_b);
    if (x.scale < y.scale)
        p *= decimal_powers[y.scale - x.scale];
    else
        q *= decimal_powers[x.scale - y.scale];
    return (p > q) - (p < q);
}

int compare_row(const struct vec *a, const struct vec *b, uint32_t row)
{
    uint32_t row_a = row & a->mask, row_b = row & b->mask;
    if (type_is_str(a->c.type))
        return str_compare(a->c.strs[row_a], b->c.strs[row_b]);
    if (a->c.type.kind == WEIR_TIMESTAMP) {
        int64_t p = a->c.ints[row_a], q = b->c.ints[row_b];
        return (p > q) - (p < q);
    }
    return number_compare(a, b, row_a, row_b);
}

static bool order_fits(enum node_kind op, int order)
{
    switch (op) {
    case NODE_LESS:
        return order < 0;
    case NODE_LESS_EQUAL:
        return order <= 0;
    case NODE_GREATER:
        return order > 0;
    case NODE_GREATER_EQUAL:
        return order >= 0;
    case NODE_EQUAL:
        return order == 0;
    default:
        return order != 0;
    }
}

/* Texts of different lengths are unequal without a look at them. */
static bool row_fits(enum node_kind op, const struct vec *a, const struct vec *b, uint32_t row)
{
    if ((op == NODE_EQUAL || op == NODE_UNEQUAL) && type_is_str(a->c.type))
        return str_same(a->c.strs[row & a->mask], b->c.strs[row & b->mask]) == (op == NODE_EQUAL);
    return order_fits(op, compare_row(a, b, row));
}

/* --- both ways ------------------------------------------------------------------------------ */

enum node_kind compare_not(enum node_kind op)
{
    static const enum node_kind other[] = {NODE_GREATER_EQUAL, NODE_GREATER, NODE_LESS_EQUAL,
                                           NODE_LESS,          NODE_UNEQUAL, NODE_EQUAL};
    return other[op - NODE_LESS];
}

static enum node_kind compare_swapped(enum node_kind op)
{
    static const enum node_kind other[] = {NODE_GREATER,    NODE_GREATER_EQUAL, NODE_LESS,
                                           NODE_LESS_EQUAL, NODE_EQUAL,         NODE_UNEQUAL};
    return other[op - NODE_LESS];
}

/* A constant stands on the right: the loops are made for that. */
static enum node_kind constant_right(enum node_kind op, const struct vec **a, const struct vec **b)
{
    if ((*a)->mask || !(*b)->mask)
        return op;
    const struct vec *swap = *a;
    *a = *b;
    *b = swap;
    return compare_swapped(op);
}

static void compare_bools(uint8_t *out, enum node_kind op, const struct vec *a, const struct vec *b,
                          struct selection rows)
{
    for (EACH_ROW(rows, row))
        out[row] = vec_valid(a, row) && vec_valid(b, row) && row_fits(op, a, b, row);
}

struct vec *compare_vecs(struct eval *eval, enum node_kind op, struct vec *a, struct vec *b,
                         struct selection rows)
{
    struct vec *sources[] = {a, b};
    struct vec *out = vec_new(eval, type_of(WEIR_BOOL, a->c.type.nullable | b->c.type.nullable));
    if (!out || !vec_valid_from(eval, out, sources, 2))
        return NULL;
    const struct vec *x = a, *y = b;
    op = constant_right(op, &x, &y);
    enum loop_kind kind = loop_for(x, y);
    if (kind != LOOP_NONE)
        bools_loops[kind][op - NODE_LESS](out->c.bools, x, y, selection_widen(eval, rows));
    else if (short_applies(op, x, y))
        bools_short(out->c.bools, x, y->c.strs[0], op == NODE_EQUAL, rows);
    else
        compare_bools(out->c.bools, op, x, y, rows);
    return out;
}

static uint32_t drop_nulls(const struct vec *vec, uint16_t *rows, uint32_t count)
{
    uint32_t kept = 0;
    if (!vec->c.valid)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t row = rows[i];
        rows[kept] = row;
        kept += vec_valid(vec, row);
    }
    return kept;
}

uint32_t compare_filter(enum node_kind op, const struct vec *a, const struct vec *b,
                        struct selection rows, uint16_t *out)
{
    uint32_t kept = 0;
    op = constant_right(op, &a, &b);
    enum loop_kind kind = loop_for(a, b);
    if (kind != LOOP_NONE) {
        kept = filter_loops[kind][op - NODE_LESS](out, a, b, rows);
    } else if (short_applies(op, a, b)) {
        kept = filter_short(out, a, b->c.strs[0], op == NODE_EQUAL, rows);
    } else {
        for (EACH_ROW(rows, row)) {
            out[kept] = (uint16_t)row;
            kept += vec_valid(a, row) && vec_valid(b, row) && row_fits(op, a, b, row);
        }
    }
    return drop_nulls(b, out, drop_nulls(a, out, kept));
}

/* --- nodes ---------------------------------------------------------------------------------- */

struct vec *eval_comparison(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *b = a ? node_run(node->args[1], eval, rows) : NULL;
    return b ? compare_vecs(eval, (enum node_kind)node->kind, a, b, rows) : NULL;
}

/* Nulls are equal to each other and to nothing else. */
struct vec *eval_is(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *b = a ? node_run(node->args[1], eval, rows) : NULL;
    struct vec *out = b ? vec_new(eval, node->type) : NULL;
    if (!out)
        return NULL;
    bool want = node->kind == NODE_IS;
    for (EACH_ROW(rows, row)) {
        bool x = vec_valid(a, row), y = vec_valid(b, row);
        bool same = x && y ? row_fits(NODE_EQUAL, a, b, row) : x == y;
        out->c.bools[row] = same == want;
    }
    return out;
}

struct vec *eval_is_null(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *out = a ? vec_new(eval, node->type) : NULL;
    if (!out)
        return NULL;
    bool want = node->kind == NODE_NOT_NULL;
    for (EACH_ROW(rows, row))
        out->c.bools[row] = vec_valid(a, row) == want;
    return out;
}

/* low <= value AND value <= high, where false wins over null. */
struct vec *eval_between(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *args[3];
    for (int i = 0; i < 3; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return NULL;
    }
    struct vec *low = compare_vecs(eval, NODE_GREATER_EQUAL, args[0], args[1], rows);
    struct vec *high = low ? compare_vecs(eval, NODE_LESS_EQUAL, args[0], args[2], rows) : NULL;
    struct vec *out = high ? vec_new(eval, node->type) : NULL;
    if (!out)
        return NULL;
    if (!low->c.valid && !high->c.valid) {
        for (EACH_ROW(rows, row))
            out->c.bools[row] = low->c.bools[row] & high->c.bools[row];
        return out;
    }
    for (EACH_ROW(rows, row)) {
        bool low_known = vec_valid(low, row), high_known = vec_valid(high, row);
        bool no = (low_known && !low->c.bools[row]) || (high_known && !high->c.bools[row]);
        out->c.bools[row] = !no;
        if (!no && !(low_known && high_known) && !vec_set_null(eval, out, row))
            return NULL;
    }
    return out;
}
