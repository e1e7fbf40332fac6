/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/transforms/expr_generate_parts.h"

/*
 * What is different on purpose, and so never generated (docs/functions.md tells users):
 *   - text beside numbers, numbers as conditions: do not compile here;
 *   - CAST of a text that is no number: rejected here, a prefix or 0 there;
 *   - ints that overflow: rejected here, floats there (generated, but such rows are not compared);
 *   - CASE, coalesce, min .. of ints and floats mixed: one type here, each its own there;
 *   - floats as text unless they are exact in 15 digits, and round() likewise: SQLite's releases
 *     differ;
 *   - log, log10, log2: SQLite divides ln by a constant, which is off by a bit;
 *   - typeof, NUL inside texts, blobs as texts.
 */

void bothf(struct generator *g, const char *format, ...)
{
    struct text *const texts[] = {&g->ours, &g->theirs};
    for (int i = 0; i < 2; i++) {
        va_list arguments;
        va_start(arguments, format);
        text_addv(texts[i], format, arguments);
        va_end(arguments);
    }
}

/* A value of a kind; `at` chooses among kinds. Decimals have scale 2. */
void gen_kind(struct generator *g, int depth, uint8_t kind)
{
    switch (kind) {
    case WEIR_BOOL:
        gen_bool(g, depth);
        break;
    case WEIR_INT:
        gen_int(g, depth, 62);
        break;
    case WEIR_FLOAT:
        gen_float(g, depth);
        break;
    case WEIR_STRING:
        gen_string(g, depth);
        break;
    case WEIR_BYTES:
        gen_bytes(g, depth);
        break;
    case WEIR_TIMESTAMP:
        gen_timestamp(g, depth);
        break;
    default:
        gen_decimal(g, depth, 2, 15);
    }
}

/* --- forms of any type ---------------------------------------------------------------------- */

static void gen_wanted(struct generator *g, int depth, struct wanted w)
{
    if (w.kind == WEIR_INT)
        gen_int(g, depth, w.bits);
    else if (w.kind == WEIR_DECIMAL)
        gen_decimal(g, depth, w.scale, w.digits);
    else
        gen_kind(g, depth, w.kind);
}

static uint8_t any_kind(struct generator *g)
{
    static const uint8_t kinds[] = {WEIR_BOOL,  WEIR_INT,       WEIR_FLOAT,  WEIR_STRING,
                                    WEIR_BYTES, WEIR_TIMESTAMP, WEIR_DECIMAL};
    return kinds[below(g, sizeof kinds)];
}

static void gen_case(struct generator *g, int depth, struct wanted w)
{
    bool of = below(g, 3) == 0;
    uint8_t kind = any_kind(g);
    both(g, "CASE ");
    if (of)
        gen_kind(g, depth - 1, kind);
    for (uint32_t i = 0, count = 1 + below(g, 3); i < count; i++) {
        both(g, " WHEN ");
        gen_kind(g, depth - 1, of ? kind : WEIR_BOOL);
        both(g, " THEN ");
        if (i && below(g, 6) == 0)
            both(g, "NULL");
        else
            gen_wanted(g, depth - 1, w);
    }
    if (below(g, 2)) {
        both(g, " ELSE ");
        gen_wanted(g, depth - 1, w);
    }
    both(g, " END");
}

void gen_list(struct generator *g, int depth, struct wanted w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            both(g, ", ");
        gen_wanted(g, depth, w);
    }
}

void gen_choice(struct generator *g, int depth, struct wanted w)
{
    both(g, "(");
    switch (below(g, 6)) {
    case 0:
        gen_case(g, depth, w);
        break;
    case 1:
        both(g, below(g, 2) ? "coalesce(" : "COALESCE(NULL, ");
        gen_list(g, depth - 1, w, 2 + below(g, 2));
        both(g, ")");
        break;
    case 2:
        both(g, "ifnull(");
        gen_list(g, depth - 1, w, 2);
        both(g, ")");
        break;
    case 3:
        both(g, "nullif(");
        gen_list(g, depth - 1, w, 2);
        both(g, ")");
        break;
    case 4:
        both(g, "iif(");
        gen_bool(g, depth - 1);
        both(g, ", ");
        gen_list(g, depth - 1, w, 2);
        both(g, ")");
        break;
    default:
        both(g, below(g, 2) ? "min(" : "max(");
        gen_list(g, depth - 1, w, 2 + below(g, 2));
        both(g, ")");
    }
    both(g, ")");
}

/* --- bool ----------------------------------------------------------------------------------- */

const char *comparison(struct generator *g)
{
    return CHOOSE(g, " = ", " == ", " <> ", " != ", " < ", " <= ", " > ", " >= ", " IS ",
                  " IS NOT ", " IS DISTINCT FROM ", " IS NOT DISTINCT FROM ");
}

/* Two values that can be compared: of one kind, or ints, floats and bools mixed. */
static void gen_comparable(struct generator *g, int depth, uint8_t kind, bool wild)
{
    if (kind == WEIR_INT && wild)
        both(g, "i_wild");
    else if (kind == WEIR_FLOAT && wild)
        both(g, "f_wild");
    else
        gen_kind(g, depth, kind);
}

static uint8_t comparable_to(struct generator *g, uint8_t kind)
{
    static const uint8_t numbers[] = {WEIR_BOOL, WEIR_INT, WEIR_FLOAT};
    bool number = kind == WEIR_BOOL || kind == WEIR_INT || kind == WEIR_FLOAT;
    return number && below(g, 3) == 0 ? numbers[below(g, 3)] : kind;
}

static void gen_comparison(struct generator *g, int depth)
{
    uint8_t kind = any_kind(g), other = comparable_to(g, kind);
    gen_comparable(g, depth - 1, kind, below(g, 4) == 0);
    both(g, comparison(g));
    /* A bool literal behind IS asks for a truth, of any number in SQLite and of a bool here: so
     * TRUE and FALSE are no leaves. */
    gen_comparable(g, depth - 1, other, below(g, 4) == 0);
}

static void gen_between(struct generator *g, int depth)
{
    uint8_t kind = any_kind(g);
    gen_kind(g, depth - 1, kind);
    both(g, below(g, 3) ? " BETWEEN " : " NOT BETWEEN ");
    gen_kind(g, depth - 1, comparable_to(g, kind));
    both(g, " AND ");
    gen_kind(g, depth - 1, comparable_to(g, kind));
}

static void gen_in(struct generator *g, int depth)
{
    uint8_t kind = any_kind(g);
    bool constants = below(g, 2);
    gen_kind(g, depth - 1, kind);
    both(g, below(g, 3) ? " IN (" : " NOT IN (");
    /* Not empty: SQLite then reads `x IS (y IN ())` as `x IS FALSE`, whatever x is. */
    for (uint32_t i = 0, count = 1 + below(g, 12); i < count; i++) {
        if (i)
            both(g, ", ");
        if (below(g, 10) == 0)
            both(g, "NULL");
        else if (kind == WEIR_INT && constants)
            bothf(g, "%d", (int)below(g, 20) - 5);
        else if (kind == WEIR_FLOAT && constants)
            bothf(g, "%d.%s", (int)below(g, 20) - 5, CHOOSE(g, "0", "5", "125"));
        else if (kind == WEIR_INT && below(g, 6) == 0)
            bothf(g, "%d.%d", (int)below(g, 9), below(g, 2) ? 0 : 5);
        else
            gen_kind(g, constants ? 0 : depth - 2, kind);
    }
    both(g, ")");
}

static void pattern_literal(struct generator *g, const char *const *letters, uint32_t count)
{
    both(g, "'");
    for (uint32_t i = 0, length = below(g, 7); i < length; i++)
        both(g, choose(g, letters, count));
    both(g, "'");
}

static void gen_like(struct generator *g, int depth)
{
    static const char *const like[] = {"a", "B", "b", "é", "%", "_", "%", "!", "1", " "};
    static const char *const glob[] = {"a", "B", "b", "é", "*", "?", "[", "]", "^", "-", "1"};
    bool is_like = below(g, 3);
    gen_string(g, depth - 1);
    both(g, below(g, 3) ? " " : " NOT ");
    both(g, is_like ? "LIKE " : "GLOB ");
    if (below(g, 4) == 0)
        gen_string(g, depth - 2);
    else if (is_like)
        pattern_literal(g, like, sizeof like / sizeof *like);
    else
        pattern_literal(g, glob, sizeof glob / sizeof *glob);
    if (is_like && below(g, 3) == 0)
        both(g, CHOOSE(g, " ESCAPE '!'", " ESCAPE '%'", " ESCAPE '_'", " ESCAPE 'é'"));
}

/* Without parentheses: so that precedence is compared. All of it is int until a comparison. */
static void gen_flat_int(struct generator *g)
{
    g->may_reject = true;
    for (uint32_t i = 0, count = 1 + below(g, 4); i < count; i++) {
        if (i)
            both(g, CHOOSE(g, " + ", " - ", " * ", " / ", " % ", " & ", " | ", " << ", ">>", "- ",
                           "*", "|"));
        if (below(g, 5) == 0)
            both(g, CHOOSE(g, "- ", "~", "+", "~ -"));
        if (below(g, 2))
            both(g, CHOOSE(g, "i_small", "i_null", "I_SMALL", "\"i_small\"", "[i_small]"));
        else
            bothf(g, "%d", (int)below(g, 9));
    }
}

static void gen_flat_comparison(struct generator *g)
{
    if (below(g, 4) == 0)
        both(g, "NOT ");
    gen_flat_int(g);
    switch (below(g, 6)) {
    case 0:
        both(g, below(g, 2) ? " BETWEEN " : " not between ");
        gen_flat_int(g);
        both(g, " AND ");
        gen_flat_int(g);
        break;
    case 1:
        both(g, below(g, 2) ? " IN (1, 2, 3)" : " NOT IN (4, 5)");
        break;
    case 2:
        both(g, CHOOSE(g, " ISNULL", " NOTNULL", " NOT NULL", " IS NULL", " IS NOT NULL"));
        break;
    default:
        both(g,
             CHOOSE(g, "=", "==", " < ", " <= ", " <> ", " > ", " >= ", "!=", " IS ", " IS NOT "));
        gen_flat_int(g);
    }
    if (below(g, 2)) {
        both(g, CHOOSE(g, " = ", " < ", " <> ", " > ", " >= ", " IS "));
        gen_flat_int(g);
    }
}

static void gen_flat_bool(struct generator *g)
{
    for (uint32_t i = 0, count = 1 + below(g, 4); i < count; i++) {
        if (i)
            both(g, below(g, 2) ? " AND " : " OR ");
        gen_flat_comparison(g);
    }
}

static void gen_bool_leaf(struct generator *g)
{
    both(g, CHOOSE(g, "b_any", "b_null", "b_any", "b_null", "(1 = 1)", "(1<>1)",
                   "CAST(NULL AS bool)"));
}

void gen_bool(struct generator *g, int depth)
{
    if (depth <= 0) {
        gen_bool_leaf(g);
        return;
    }
    both(g, "(");
    switch (below(g, 13)) {
    case 0:
        gen_bool(g, depth - 1);
        both(g, " AND ");
        gen_bool(g, depth - 1);
        if (below(g, 3) == 0) {
            both(g, " and ");
            gen_bool(g, depth - 1);
        }
        break;
    case 1:
        gen_bool(g, depth - 1);
        both(g, " OR ");
        gen_bool(g, depth - 1);
        if (below(g, 3) == 0) {
            both(g, " or ");
            gen_bool(g, depth - 1);
        }
        break;
    case 2:
        both(g, "NOT ");
        gen_bool(g, depth - 1);
        break;
    case 3:
    case 4:
    case 5:
        gen_comparison(g, depth);
        break;
    case 6:
        gen_between(g, depth);
        break;
    case 7:
        gen_in(g, depth);
        break;
    case 8:
        gen_like(g, depth);
        break;
    case 9:
        gen_kind(g, depth - 1, any_kind(g));
        both(g, CHOOSE(g, " ISNULL", " NOTNULL", " NOT NULL", " IS NULL", " IS NOT NULL"));
        break;
    case 10:
        gen_bool(g, depth - 1);
        both(g, CHOOSE(g, " IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE", " = TRUE",
                       " <> false"));
        break;
    case 11:
        gen_flat_bool(g);
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_BOOL});
    }
    both(g, ")");
}

struct weir_type generate(struct generator *g)
{
    struct weir_type type = {.kind = any_kind(g)};
    int depth = 1 + (int)below(g, 4);
    text_clear(&g->ours);
    text_clear(&g->theirs);
    g->may_reject = false;
    switch (below(g, 12)) {
    case 0:
        type.kind = WEIR_INT;
        gen_int_wild(g, depth);
        return type;
    case 1:
        type.kind = WEIR_FLOAT;
        gen_float_wild(g, depth);
        return type;
    case 2:
        type.kind = WEIR_BOOL;
        gen_flat_bool(g);
        return type;
    default:
        break;
    }
    if (type.kind == WEIR_DECIMAL) {
        type.scale = (uint8_t)below(g, 5);
        gen_decimal(g, depth, type.scale, 15);
    } else {
        gen_kind(g, depth, type.kind);
    }
    return type;
}
