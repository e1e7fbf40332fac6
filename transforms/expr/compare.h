/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.h: comparing two vecs, as a bool for each row or as a filter.
 *
 * Types are as `comparable` (tree.h) leaves them: equal kinds, or two numbers of any kinds, which
 * are compared exactly. The operators are NODE_LESS .. NODE_UNEQUAL.
 */
#ifndef TRANSFORMS_EXPR_COMPARE_H
#define TRANSFORMS_EXPR_COMPARE_H

#include "transforms/expr/eval.h"

/* Null where a or b is. NULL: no memory. */
struct vec *compare_vecs(struct eval *eval, enum node_kind op, struct vec *a, struct vec *b,
                         struct selection rows);
/* Rows for which the comparison is true, as filter_rows. */
uint32_t compare_filter(enum node_kind op, const struct vec *a, const struct vec *b,
                        struct selection rows, uint16_t *out);
/* -1, 0, 1; both have values. */
int compare_row(const struct vec *a, const struct vec *b, uint32_t row);
/* `not (x op y)` is `x compare_not(op) y` where neither is null. */
enum node_kind compare_not(enum node_kind op);

static inline int str_compare(struct weir_str a, struct weir_str b)
{
    uint32_t shorter = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.data, b.data, shorter);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}
static inline bool str_same(struct weir_str a, struct weir_str b)
{
    return a.length == b.length && !memcmp(a.data, b.data, a.length);
}

#endif
