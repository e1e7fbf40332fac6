/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.h: how the sink compiles and evaluates expressions without knowing the language.
 *
 * transforms/expr implements it (`expression_ops_sql`), pipelines/ hands it to queries.
 */
#ifndef BASE_EXPRESSION_H
#define BASE_EXPRESSION_H

#include <weir/batch.h>
#include <weir/error.h>
#include <weir/types.h>

struct weir_expr;

struct expression_error {
    uint32_t position; /* byte in the text, from 0 */
    char text[400];
};

struct expression_ops {
    /* Compiles over the schema's names. 0, or WEIR_E_INVALID with the error filled in. Any thread.
     */
    int (*compile)(const char *text, size_t length, const struct weir_schema *schema,
                   struct weir_expr **ret_expr, struct expression_error *error);
    struct weir_type (*type)(const struct weir_expr *expr);
    /* A constant: its value does not depend on a column. */
    bool (*is_constant)(const struct weir_expr *expr);
    /* Bit c of `columns` is set for each weir_field.column that the expression reads. */
    void (*reads)(const struct weir_expr *expr, uint64_t *columns, uint32_t column_count);
    /* For the selected rows; the column lives until the batch is begun anew. Rows that cannot be
     * computed are marked with batch_reject and have no value. NULL: no memory. An expr is not
     * changed by this: any number of threads, each with its own batch. */
    struct weir_column *(*eval)(const struct weir_expr *expr, struct weir_batch *batch);
    void (*free)(struct weir_expr *expr); /* NULL is allowed */
};

#endif
