/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval.h: values of a typed tree, a batch at a time.
 *
 * A vec is a column, or one constant for all rows. Values stand at the row's own index. Sub-trees
 * are computed for a selection that only gets narrower: what a branch does not select is not
 * computed, so that it can neither reject a row nor cost anything.
 *
 * Invariants
 *   E1  a value is defined for the rows asked for; other rows of the memory are readable.
 *   E2  a row that was rejected has some value, possibly null: whoever goes on computing with it is
 *       safe, and its result is thrown away.
 *   E3  strings of a null row are not looked at.
 *   E4  columns and bitmaps of others are never written: vec_set_null makes its own bitmap.
 *   E5  a type without `nullable` has no null among the rows asked for.
 */
#ifndef TRANSFORMS_EXPR_EVAL_H
#define TRANSFORMS_EXPR_EVAL_H

#include "base/batch.h"
#include "base/check.h"
#include "transforms/expr/tree.h"

/* A text that an expression makes longer than its arguments (replace, format) is limited, so that a
 * batch of them fits into its memory; the record is rejected as an overflow. */
#define EXPR_VALUE_BYTES_MAX ((size_t)1 << 20)

struct selection {
    const uint16_t *rows; /* NULL: all rows of the batch, 0 .. count-1 */
    uint32_t count;
};

struct vec {
    struct weir_column c;
    uint32_t mask;  /* 0: a constant, whose value stands at index 0; else all ones */
    bool own_valid; /* c.valid may be written */
};

struct eval {
    struct batch *batch;
    const struct weir_expr *expr;
    uint32_t rows;
};

/* `for (EACH_ROW(selection, row))`: where the body is not tight. */
#define EACH_ROW(selection, row)                                                                   \
    uint32_t row##_i = 0, row;                                                                     \
    row##_i < (selection).count &&                                                                 \
        (row = (selection).rows ? (selection).rows[row##_i] : row##_i, true);                      \
    row##_i++

static inline struct vec *node_run(const struct node *node, struct eval *eval,
                                   struct selection rows)
{
    return node->eval(node, eval, rows);
}

/* Room for all rows, values not set, no nulls. NULL: no memory. */
struct vec *vec_new(struct eval *eval, struct weir_type type);
static inline bool vec_valid(const struct vec *vec, uint32_t row)
{
    row &= vec->mask;
    return !vec->c.valid || ((vec->c.valid[row >> 6] >> (row & 63)) & 1);
}
/* False: no memory. */
bool vec_own_valid(struct eval *eval, struct vec *vec);
bool vec_set_null(struct eval *eval, struct vec *vec, uint32_t row);
/* Null where one of the sources is. False: no memory. */
bool vec_valid_from(struct eval *eval, struct vec *vec, struct vec *const *sources, uint32_t count);
/* A safe value: 0, false, the empty text. */
void vec_clear(struct vec *vec, uint32_t row);
void vec_copy(struct vec *to, const struct vec *from, struct selection rows); /* values only */

/* Loops that cost less for all rows than for the most of them, and can do no harm at rows that are
 * not asked for, widen their selection. */
static inline struct selection selection_widen(const struct eval *eval, struct selection rows)
{
    if (rows.count >= eval->rows / 4)
        return (struct selection){NULL, eval->rows};
    return rows;
}
/* Memory for a selection of up to `count` rows. NULL: no memory. */
uint16_t *selection_new(struct eval *eval, uint32_t count);
/* The rows of `all` that are not in `some` (both ascending), into out, which may be all.rows. */
uint32_t selection_subtract(struct selection all, const uint16_t *some, uint32_t some_count,
                            uint16_t *out);

/* Rejects a row: format begins with the node's text, as in "`a + b` does not fit an int". */
void eval_reject(struct eval *eval, const struct node *node, uint32_t row, enum weir_reason reason,
                 const char *what);

/*
 * The rows for which a bool is `want`; null is neither. Into out, ascending, which has room for
 * rows.count and may be rows.rows. Rows that get rejected are not among them. False: no memory.
 */
bool filter_rows(const struct node *node, struct eval *eval, struct selection rows, bool want,
                 uint16_t *out, uint32_t *ret_count);
bool filter_vec(const struct vec *vec, struct selection rows, bool want, uint16_t *out,
                uint32_t *ret_count);

/* Evaluators by kind of node. */
node_eval eval_constant, eval_column, eval_cast, eval_same;
node_eval eval_negate, eval_bit_not, eval_arithmetic, eval_float_arithmetic, eval_bits;
node_eval eval_concat, eval_arrow, eval_like;
node_eval eval_comparison, eval_is, eval_is_null, eval_between, eval_in;
node_eval eval_not, eval_and, eval_or, eval_case, eval_case_of;
node_eval eval_call, eval_coalesce, eval_nullif, eval_extreme;

/* --- functions, row by row ------------------------------------------------------------------ */

/* Texts made by one call for a whole batch, one behind the other. */
struct texts {
    char *next, *end;
};

#define CALL_ARGUMENTS_MAX 64

struct call {
    struct eval *eval;
    const struct node *node;
    struct vec **args;
    struct vec *out;
    struct texts texts;
    bool no_memory;
};

/* The value of argument i, which is not null. */
static inline struct weir_str call_str(const struct call *call, uint32_t i, uint32_t row)
{
    return call->args[i]->c.strs[row & call->args[i]->mask];
}
static inline int64_t call_int(const struct call *call, uint32_t i, uint32_t row)
{
    return call->args[i]->c.ints[row & call->args[i]->mask];
}
static inline double call_float(const struct call *call, uint32_t i, uint32_t row)
{
    return call->args[i]->c.floats[row & call->args[i]->mask];
}
/* Sets the result; NaN is null, an infinity rejects the row. */
bool call_set_float(struct call *call, uint32_t row, double value);
bool call_set_int(struct call *call, uint32_t row, int64_t value);
bool call_set_bool(struct call *call, uint32_t row, bool value);
bool call_set_str(struct call *call, uint32_t row, const char *data, size_t length);
bool call_reject(struct call *call, uint32_t row, enum weir_reason reason, const char *what);
/* Room for a text of at most `bytes`; call_commit says how long it became and makes it the result.
 * NULL: no memory (call->no_memory is set). */
char *call_reserve(struct call *call, size_t bytes);
bool call_commit(struct call *call, uint32_t row, const char *data, size_t length);
char *texts_reserve(struct eval *eval, struct texts *texts, size_t bytes);

/* Values as text, as SQLite writes them; the buffer has NUMBER_TEXT_BYTES. They return the length.
 */
#define NUMBER_TEXT_BYTES 64
uint32_t int_to_text(int64_t value, char *buffer);
uint32_t float_to_text(double value, char *buffer);
uint32_t decimal_to_text(int64_t value, uint8_t scale, char *buffer);
uint32_t timestamp_to_text(int64_t ns, char *buffer);

extern const int64_t decimal_powers[WEIR_DECIMAL_SCALE_MAX + 1];
/* -1, 0, 1: exactly, whatever their magnitude. */
int int_compare_float(int64_t value, double other);
double decimal_to_float(int64_t value, uint8_t scale);
/* To the nearest with `scale` digits, halves away from zero. False: does not fit. */
bool float_to_decimal(double value, uint8_t scale, int64_t *ret_value);
bool decimal_rescale(int64_t value, uint8_t from, uint8_t to, int64_t *ret_value);
double float_round(double value, int digits); /* halves away from zero, exactly */

/* UTF-8. The text is valid; bytes beyond the end are not read. */
static inline uint32_t utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}
uint32_t utf8_read(const char *data, const char *end, uint32_t *ret_length);
uint32_t utf8_write(uint32_t code, char *out);
size_t utf8_count(const char *data, size_t length);
/* Where character `index` begins; the length if there are fewer. */
size_t utf8_offset(const char *data, size_t length, size_t index);

#endif
