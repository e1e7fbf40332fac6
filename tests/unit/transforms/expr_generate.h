/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_generate.h: random well-typed expressions, in weir's words and in SQLite's.
 *
 * The two texts are the same wherever the languages are. SQLite has no decimals and no timestamps:
 * there a decimal is its digits as an integer, so that SQLite's arithmetic is the model of ours,
 * and a timestamp is its text with milliseconds.
 */
#ifndef TESTS_UNIT_TRANSFORMS_EXPR_GENERATE_H
#define TESTS_UNIT_TRANSFORMS_EXPR_GENERATE_H

#include "tests/unit/test.h"

#include "base/text.h"
#include "tests/unit/transforms/expr_rig.h"

/* The columns that expressions are made of.  X(name, kind, scale, nullable) */
#define GENERATE_COLUMNS(X)                                                                        \
    X(i_small, WEIR_INT, 0, 0)                                                                     \
    X(i_null, WEIR_INT, 0, 1)                                                                      \
    X(i_wild, WEIR_INT, 0, 1)                                                                      \
    X(f_nice, WEIR_FLOAT, 0, 0)                                                                    \
    X(f_null, WEIR_FLOAT, 0, 1)                                                                    \
    X(f_wild, WEIR_FLOAT, 0, 1)                                                                    \
    X(s_any, WEIR_STRING, 0, 0)                                                                    \
    X(s_null, WEIR_STRING, 0, 1)                                                                   \
    X(b_any, WEIR_BOOL, 0, 0)                                                                      \
    X(b_null, WEIR_BOOL, 0, 1)                                                                     \
    X(y_null, WEIR_BYTES, 0, 1)                                                                    \
    X(t_any, WEIR_TIMESTAMP, 0, 0)                                                                 \
    X(t_null, WEIR_TIMESTAMP, 0, 1)                                                                \
    X(d_two, WEIR_DECIMAL, 2, 0)                                                                   \
    X(d_four, WEIR_DECIMAL, 4, 1)                                                                  \
    X(j_null, WEIR_JSON, 0, 1)

enum generate_column {
#define GENERATE_ENUM(name, kind, scale, nullable) COLUMN_##name,
    GENERATE_COLUMNS(GENERATE_ENUM)
#undef GENERATE_ENUM
        COLUMN_COUNT
};

struct generator {
    struct test_random *random;
    int sqlite_version; /* sqlite3_libversion_number() */
    struct text ours, theirs;
    /* Something in it may be out of range: rows that weir rejects are then not compared. */
    bool may_reject;
};

/* One expression of a random type, which is returned (decimals with their scale). */
struct weir_type generate(struct generator *generator);

#endif
