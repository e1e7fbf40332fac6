/* SPDX-License-Identifier: Apache-2.0 */
/* expr_rig.h: a batch with typed columns, set value by value, for tests of expressions. */
#ifndef TESTS_UNIT_TRANSFORMS_EXPR_RIG_H
#define TESTS_UNIT_TRANSFORMS_EXPR_RIG_H

#include "base/batch.h"
#include "base/value.h"
#include "transforms/expr.h"

#define RIG_COLUMNS_MAX 32

struct rig {
    struct batch *batch;
    struct weir_schema schema;
    struct weir_column *columns[RIG_COLUMNS_MAX];
};

/* fields[i].column must be i. */
void rig_init(struct rig *rig, const struct weir_field *fields, uint32_t count);
void rig_done(struct rig *rig);
/* All rows selected; of nullable columns all values are null, others are not set. */
void rig_begin(struct rig *rig, uint32_t rows);
/* Selects the rows whose bit is set in `bits`, repeated for every 64 rows. */
void rig_select(struct rig *rig, uint64_t bits);
void rig_set_null(struct rig *rig, uint32_t column, uint32_t row);
void rig_set_bool(struct rig *rig, uint32_t column, uint32_t row, bool value);
void rig_set_int(struct rig *rig, uint32_t column, uint32_t row, int64_t value);
void rig_set_float(struct rig *rig, uint32_t column, uint32_t row, double value);
void rig_set_str(struct rig *rig, uint32_t column, uint32_t row, struct weir_str value);

/* Columns for tests by hand, of all types. */
enum rig_column {
    RIG_i,
    RIG_n,
    RIG_big,
    RIG_zero,
    RIG_f,
    RIG_s,
    RIG_e,
    RIG_ns,
    RIG_b,
    RIG_nb,
    RIG_d,
    RIG_nd,
    RIG_t,
    RIG_nt,
    RIG_y,
    RIG_j,
    RIG_a,
    RIG_Case,
    RIG_CASE,
    RIG_odd,
    RIG_amount,
    RIG_FIELD_COUNT
};

extern const struct weir_field rig_fields[RIG_FIELD_COUNT];
/* i 3, n null, big 2^63-1, zero 0, f 2.5, s 'Weir', e '', ns null, b true, nb null, d 12.34,
 * nd null, t 2026-11-21T10:20:30.123456789Z, nt null, y x'00ff', j, a [1,2,3]. */
void rig_fill(struct rig *rig, uint32_t rows);

/* Compiles; prints the mistake and returns NULL where there is one. */
struct weir_expr *rig_compile(const struct rig *rig, const char *text);

#endif
