/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr.h: the expression language: SQLite's syntax and meaning, with static types.
 *
 *   text -> tokens (lexer.c) -> tree (parser.c, Pratt) -> typed tree (types.c)
 *        -> columns, a batch at a time (eval*.c, functions*.c)
 *
 * Values are computed for the selected rows only, with three-valued logic. Where we are stricter
 * than SQLite (no silent text-to-number, exact decimals, overflow rejects the record instead of
 * turning into a float) docs/functions.md says so. A compiled expression is immutable and shared by
 * threads.
 */
#ifndef TRANSFORMS_EXPR_H
#define TRANSFORMS_EXPR_H

#include "base/expression.h"
#include "base/text.h"

extern const struct expression_ops expression_ops_sql;

/* Narrows the batch's selection to the rows for which a bool is true, as a filter does: faster than
 * eval, since no bool is written for each row. Rows that could not be computed are marked with
 * batch_reject and stay selected until batch_narrow. 0, or WEIR_E_NOMEM. */
int expr_filter(const struct weir_expr *expr, struct weir_batch *batch);

/* The table of functions and operators, for `weir functions` and docs/functions.md. */
struct function_description {
    const char *name;      /* "substr" */
    const char *signature; /* "substr(x string, from int[, length int]) -> string" */
    const char *summary;
    const char *example; /* "substr('weir', 2, 2)" */
    const char *result;  /* "'ei'"; the tests evaluate it */
};
size_t function_count(void);
const struct function_description *function_at(size_t i);

/* What is not as in SQLite, on purpose: "<subject>: SQLite <sqlite>; here <here>". */
struct language_difference {
    const char *subject; /* "an int that overflows" */
    const char *sqlite;  /* "becomes a float" */
    const char *here;    /* "rejects the record (overflow)" */
};
size_t difference_count(void);
const struct language_difference *difference_at(size_t i);

#endif
