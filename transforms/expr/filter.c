/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c: a condition as a selection, without a bool for each row in between.
 *
 * Asked for true, AND narrows from argument to argument and OR collects; asked for false they
 * change places (de Morgan), which NOT is made of.
 */
#include "transforms/expr/compare.h"

bool filter_vec(const struct vec *vec, struct selection rows, bool want, uint16_t *out,
                uint32_t *ret_count)
{
    uint32_t kept = 0;
    const uint8_t *bools = vec->c.bools;
    if (vec->c.valid || !vec->mask) {
        for (EACH_ROW(rows, row)) {
            bool is = vec_valid(vec, row) && (bool)bools[row & vec->mask] == want;
            out[kept] = (uint16_t)row;
            kept += is;
        }
    } else if (rows.rows) {
        for (uint32_t i = 0; i < rows.count; i++) {
            uint16_t row = rows.rows[i];
            out[kept] = row;
            kept += bools[row] == want;
        }
    } else {
        for (uint32_t i = 0; i < rows.count; i++) {
            out[kept] = (uint16_t)i;
            kept += bools[i] == want;
        }
    }
    *ret_count = kept;
    return true;
}

/* All arguments are `want`. */
static bool filter_all(const struct node *node, struct eval *eval, struct selection rows, bool want,
                       uint16_t *out, uint32_t *ret_count)
{
    for (uint32_t i = 0; i < node->count && (i == 0 || rows.count); i++) {
        uint32_t count;
        if (!filter_rows(node->args[i], eval, rows, want, out, &count))
            return false;
        rows = (struct selection){out, count};
    }
    *ret_count = rows.count;
    return true;
}

/* Some argument is `want`: each is asked for the rows that none before it took. */
static bool filter_some(const struct node *node, struct eval *eval, struct selection rows,
                        bool want, uint16_t *out, uint32_t *ret_count)
{
    uint64_t taken[WEIR_BATCH_ROWS_MAX / 64] = {0};
    uint16_t *some = selection_new(eval, rows.count);
    uint16_t *left = selection_new(eval, rows.count);
    uint16_t *all = selection_new(eval, rows.count);
    if (!some || !left || !all)
        return false;
    uint32_t kept = 0;
    for (EACH_ROW(rows, row))
        all[kept++] = (uint16_t)row; /* out may be rows.rows */
    struct selection open = rows;
    for (uint32_t i = 0; i < node->count && open.count; i++) {
        uint32_t count;
        if (!filter_rows(node->args[i], eval, open, want, some, &count))
            return false;
        for (uint32_t k = 0; k < count; k++)
            taken[some[k] >> 6] |= 1ULL << (some[k] & 63);
        open.count = selection_subtract(open, some, count, left);
        open.rows = left;
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < kept; i++) {
        uint16_t row = all[i];
        out[total] = row;
        total += (uint32_t)((taken[row >> 6] >> (row & 63)) & 1);
    }
    *ret_count = total;
    return true;
}

static bool filter_comparison(const struct node *node, struct eval *eval, struct selection rows,
                              bool want, uint16_t *out, uint32_t *ret_count)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *b = a ? node_run(node->args[1], eval, rows) : NULL;
    enum node_kind op = (enum node_kind)node->kind;
    if (!b)
        return false;
    *ret_count = compare_filter(want ? op : compare_not(op), a, b, rows, out);
    return true;
}

/* Between constants, and without nulls: two comparisons, the second for what is left. */
static bool filter_between(const struct node *node, struct eval *eval, struct selection rows,
                           uint16_t *out, uint32_t *ret_count)
{
    struct vec *args[3];
    for (int i = 0; i < 3; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return false;
    }
    uint32_t count = compare_filter(NODE_GREATER_EQUAL, args[0], args[1], rows, out);
    *ret_count =
        compare_filter(NODE_LESS_EQUAL, args[0], args[2], (struct selection){out, count}, out);
    return true;
}

static bool filter_is_null(const struct node *node, struct eval *eval, struct selection rows,
                           bool want, uint16_t *out, uint32_t *ret_count)
{
    const struct vec *a = node_run(node->args[0], eval, rows);
    if (!a)
        return false;
    bool want_valid = (node->kind == NODE_NOT_NULL) == want;
    uint32_t kept = 0;
    for (EACH_ROW(rows, row)) {
        out[kept] = (uint16_t)row;
        kept += vec_valid(a, row) == want_valid;
    }
    *ret_count = kept;
    return true;
}

static bool run(const struct node *node, struct eval *eval, struct selection rows, bool want,
                uint16_t *out, uint32_t *ret_count)
{
    switch ((enum node_kind)node->kind) {
    case NODE_NOT:
        return filter_rows(node->args[0], eval, rows, !want, out, ret_count);
    case NODE_AND:
        return want ? filter_all(node, eval, rows, want, out, ret_count)
                    : filter_some(node, eval, rows, want, out, ret_count);
    case NODE_OR:
        return want ? filter_some(node, eval, rows, want, out, ret_count)
                    : filter_all(node, eval, rows, want, out, ret_count);
    case NODE_LESS:
    case NODE_LESS_EQUAL:
    case NODE_GREATER:
    case NODE_GREATER_EQUAL:
    case NODE_EQUAL:
    case NODE_UNEQUAL:
        return filter_comparison(node, eval, rows, want, out, ret_count);
    case NODE_IS_NULL:
    case NODE_NOT_NULL:
        return filter_is_null(node, eval, rows, want, out, ret_count);
    case NODE_BETWEEN:
        if (want)
            return filter_between(node, eval, rows, out, ret_count);
        break;
    default:
        break;
    }
    const struct vec *vec = node_run(node, eval, rows);
    return vec && filter_vec(vec, rows, want, out, ret_count);
}

bool filter_rows(const struct node *node, struct eval *eval, struct selection rows, bool want,
                 uint16_t *out, uint32_t *ret_count)
{
    uint32_t rejected = eval->batch->reject_count, count, kept = 0;
    if (!run(node, eval, rows, want, out, &count))
        return false;
    *ret_count = count;
    if (likely(eval->batch->reject_count == rejected))
        return true;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t row = out[i];
        out[kept] = row;
        kept += !batch_is_rejected(eval->batch, row);
    }
    *ret_count = kept;
    return true;
}
