/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/transforms/expr_generate.h"

/*
 * What is different on purpose, and so never generated (docs/functions.md tells users):
 *   - text beside numbers in comparisons and arithmetic, numbers as conditions: do not compile
 * here;
 *   - CAST of a text that is no number: rejected here, a prefix or 0 there;
 *   - ints that overflow: rejected here, floats there (generated, but such rows are not compared);
 *   - CASE, coalesce, min .. of ints and floats mixed: one type here, each its own there;
 *   - floats as text unless they are exact in 15 digits; round() likewise: SQLite's releases
 * differ;
 *   - log, log10, log2: SQLite divides ln by a constant, which is off by a bit;
 *   - typeof, the text of a float's infinity, NUL inside texts, blobs as texts.
 */

static uint32_t below(struct generator *g, uint32_t limit)
{
    return (uint32_t)random_below(g->random, limit);
}

static void both(struct generator *g, const char *text)
{
    text_add(&g->ours, text);
    text_add(&g->theirs, text);
}

static void bothf(struct generator *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void bothf(struct generator *g, const char *format, ...)
{
    va_list arguments;
    char text[256];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    both(g, text);
}

static const char *choose(struct generator *g, const char *const *list, uint32_t count)
{
    return list[below(g, count)];
}
#define CHOOSE(g, ...)                                                                             \
    choose(g, (const char *const[]){__VA_ARGS__},                                                  \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void gen_bool(struct generator *g, int depth);
static void gen_int(struct generator *g, int depth, int bits);
static void gen_float(struct generator *g, int depth);
static void gen_string(struct generator *g, int depth);
static void gen_bytes(struct generator *g, int depth);
static void gen_timestamp(struct generator *g, int depth);
/* Of at most `digits` digits in all. */
static void gen_decimal(struct generator *g, int depth, int scale, int digits);

/* A value of a kind; `at` chooses among kinds. Decimals have scale 2. */
static void gen_kind(struct generator *g, int depth, uint8_t kind)
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

/* A value again: of ints with their bits, else of the kind. */
struct wanted {
    uint8_t kind;
    int bits, scale, digits;
};

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

static void gen_list(struct generator *g, int depth, struct wanted w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            both(g, ", ");
        gen_wanted(g, depth, w);
    }
}

/* CASE, coalesce, min .. of any type. */
static void gen_choice(struct generator *g, int depth, struct wanted w)
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

static const char *comparison(struct generator *g)
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

static void gen_bool(struct generator *g, int depth)
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

/* --- int: |x| < 2^bits ---------------------------------------------------------------------- */

static void gen_int_leaf(struct generator *g, int bits)
{
    if (bits >= 31 && below(g, 3) == 0)
        both(g, "i_null");
    else if (bits >= 7 && below(g, 2))
        both(g, "i_small");
    else if (below(g, 20) == 0)
        both(g, "CAST(NULL AS integer)");
    else if (below(g, 8) == 0)
        bothf(g, "0x%x", below(g, bits < 12 ? 4 : 4000));
    else
        bothf(g, "%d", (int)below(g, bits < 12 ? 4 : 200) - (bits < 12 ? 2 : 100));
}

static void gen_int_operator(struct generator *g, int depth, int bits)
{
    static const struct {
        const char *sign;
        int less, divisor; /* bits of the operands: bits / divisor - less */
    } operators[] = {{" + ", 1, 1}, {" - ", 1, 1}, {" * ", 0, 2}, {" / ", 0, 1},
                     {" % ", 0, 1}, {" & ", 1, 1}, {" | ", 1, 1}};
    uint32_t i = below(g, 7);
    int of = bits / operators[i].divisor - operators[i].less;
    both(g, "(");
    gen_int(g, depth - 1, of);
    both(g, operators[i].sign);
    gen_int(g, depth - 1, of);
    both(g, ")");
}

static void gen_int_function(struct generator *g, int depth, int bits)
{
    uint32_t which = below(g, 12);
    if (bits < 40 && which >= 6)
        which -= 6;
    switch (which) {
    case 0:
        both(g, "abs(");
        gen_int(g, depth - 1, bits);
        break;
    case 1:
        both(g, "sign(");
        gen_kind(g, depth - 1, below(g, 2) ? WEIR_INT : WEIR_FLOAT);
        break;
    case 2:
        bothf(g, "%s(", CHOOSE(g, "floor", "ceil", "ceiling", "trunc"));
        gen_int(g, depth - 1, bits);
        break;
    case 3:
        both(g, "CAST(");
        gen_bool(g, depth - 1);
        both(g, " AS INT");
        break;
    case 4:
        both(g, "CAST(CAST(");
        gen_int(g, depth - 1, bits);
        both(g, " AS TEXT) AS INTEGER");
        break;
    case 5:
        both(g, "CAST(+"); /* + is nothing in both, and takes any type */
        gen_int(g, depth - 1, bits);
        both(g, " AS BIGINT");
        break;
    case 6:
        both(g, "length(");
        gen_kind(g, depth - 1, below(g, 3) ? WEIR_STRING : WEIR_BYTES);
        break;
    case 7:
        both(g, "instr(");
        gen_string(g, depth - 1);
        both(g, ", ");
        gen_string(g, depth - 2);
        break;
    case 8:
        both(g, "unicode(");
        gen_string(g, depth - 1);
        break;
    case 9:
        both(g, "unixepoch(");
        gen_timestamp(g, depth - 1);
        break;
    case 10:
        both(g, "CAST(");
        gen_float(g, 0);
        both(g, " AS INTEGER");
        break;
    default:
        /* A decimal's whole part. */
        text_add(&g->ours, "CAST(");
        text_add(&g->theirs, "((");
        gen_decimal(g, depth - 1, 2, 12);
        text_add(&g->ours, " AS int)");
        text_add(&g->theirs, ") / 100)");
        return;
    }
    both(g, ")");
}

static void gen_int(struct generator *g, int depth, int bits)
{
    if (depth <= 0 || bits < 4) {
        gen_int_leaf(g, bits);
        return;
    }
    switch (below(g, 8)) {
    case 0:
    case 1:
    case 2:
        gen_int_operator(g, depth, bits);
        break;
    case 3:
        both(g, CHOOSE(g, "(- ", "(~", "(+"));
        gen_int(g, depth - 1, bits - 1);
        both(g, ")");
        break;
    case 4:
        both(g, "(");
        gen_int(g, depth - 1, bits - 3);
        bothf(g, " << %d)", (int)below(g, 4));
        break;
    case 5:
        both(g, "(");
        gen_int(g, depth - 1, bits);
        bothf(g, " >> %d)", (int)below(g, 70));
        break;
    case 6:
        gen_int_function(g, depth, bits);
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_INT, .bits = bits});
    }
}

/* Anything goes: what overflows is rejected, and not compared. */
static void gen_int_wild(struct generator *g, int depth)
{
    g->may_reject = true;
    if (depth <= 0) {
        both(g, CHOOSE(g, "i_wild", "i_wild", "i_small", "(i_null * i_null)", "9223372036854775807",
                       "(-9223372036854775808)", "0x7fffffffffffffff", "0xffffffffffffffff"));
        return;
    }
    both(g, "(");
    switch (below(g, 8)) {
    case 0:
        both(g, CHOOSE(g, "-", "~", "+"));
        gen_int_wild(g, depth - 1);
        break;
    case 1:
        gen_int_wild(g, depth - 1);
        both(g, CHOOSE(g, " << ", " >> "));
        gen_int_wild(g, depth - 1);
        break;
    case 2:
        both(g, "CASE WHEN ");
        gen_int_wild(g, depth - 1);
        both(g, comparison(g));
        gen_int_wild(g, depth - 1);
        both(g, " THEN ");
        gen_int_wild(g, depth - 1);
        both(g, " ELSE ");
        gen_int_wild(g, depth - 1);
        both(g, " END");
        break;
    default:
        gen_int_wild(g, depth - 1);
        both(g, CHOOSE(g, " + ", " - ", " * ", " / ", " % ", " & ", " | "));
        gen_int_wild(g, depth - 1);
    }
    both(g, ")");
}

/* --- float ---------------------------------------------------------------------------------- */

static void gen_float_leaf(struct generator *g)
{
    switch (below(g, 4)) {
    case 0:
        both(g, "f_null");
        break;
    case 1:
        both(g, CHOOSE(g, "0.5", "-1.25", "2.0", "1e2", ".125", "3.", "1.5E-3", "0.0",
                       "CAST(NULL AS real)"));
        break;
    default:
        both(g, "f_nice");
    }
}

static void gen_float_function(struct generator *g, int depth)
{
    switch (below(g, 12)) {
    case 0:
        bothf(g, "%s(",
              CHOOSE(g, "abs", "floor", "ceil", "ceiling", "trunc", "sqrt", "ln", "sin", "cos",
                     "atan", "asin", "acos", "degrees", "radians"));
        gen_float(g, depth - 1);
        break;
    case 1:
        both(g, "exp(min(");
        gen_float(g, depth - 1);
        both(g, ", 20.0)");
        break;
    case 2:
        g->may_reject = true;
        bothf(g, "%s(", CHOOSE(g, "pow", "power"));
        gen_float(g, depth - 1);
        bothf(g, ", %s", CHOOSE(g, "2", "0.5", "-1", "3", "0"));
        break;
    case 3:
        both(g, "mod(");
        gen_float(g, depth - 1);
        both(g, ", ");
        gen_kind(g, depth - 1, below(g, 2) ? WEIR_INT : WEIR_FLOAT);
        break;
    case 4:
        both(g, "round(f_nice");
        if (below(g, 2))
            bothf(g, ", %d", (int)below(g, 4));
        break;
    case 5:
        both(g, "round(");
        gen_int(g, depth - 1, 40);
        break;
    case 6:
    case 7:
        both(g, "CAST(");
        gen_int(g, depth - 1, 62);
        both(g, " AS REAL");
        break;
    case 8:
        both(g, "CAST(CAST(f_nice AS TEXT) AS REAL");
        break;
    case 9:
        both(g, "julianday(");
        gen_timestamp(g, depth - 1);
        break;
    case 10:
        both(g, "atan2(");
        gen_float(g, depth - 1);
        both(g, ", ");
        gen_float(g, depth - 1);
        break;
    default:
        text_add(&g->ours, "CAST(");
        text_add(&g->theirs, "((");
        gen_decimal(g, depth - 1, 2, 12);
        text_add(&g->ours, " AS real)");
        text_add(&g->theirs, ") / 100.0)");
        return;
    }
    both(g, ")");
}

static void gen_float(struct generator *g, int depth)
{
    if (depth <= 0) {
        gen_float_leaf(g);
        return;
    }
    switch (below(g, 7)) {
    case 0:
    case 1:
        both(g, "(");
        gen_float(g, depth - 1);
        both(g, CHOOSE(g, " + ", " - ", " * ", " / ", " % "));
        gen_float(g, depth - 1);
        both(g, ")");
        g->may_reject |= depth > 3;
        break;
    case 2: /* with ints and bools */
        both(g, "(");
        gen_kind(g, depth - 1, below(g, 4) ? WEIR_INT : WEIR_BOOL);
        both(g, CHOOSE(g, " + ", " - ", " * ", " / ", " % "));
        gen_float(g, depth - 1);
        both(g, ")");
        break;
    case 3:
        both(g, "(- ");
        gen_float(g, depth - 1);
        both(g, ")");
        break;
    case 4:
    case 5:
        gen_float_function(g, depth);
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_FLOAT});
    }
}

static void gen_float_wild(struct generator *g, int depth)
{
    g->may_reject = true;
    if (depth <= 0) {
        both(g, CHOOSE(g, "f_wild", "f_wild", "f_nice", "1e300", "-1e-300", "i_wild", "0.1"));
        return;
    }
    both(g, "(");
    gen_float_wild(g, depth - 1);
    both(g, CHOOSE(g, " + ", " - ", " * ", " / ", " % "));
    gen_float_wild(g, depth - 1);
    both(g, " + 0.0)"); /* two ints may meet: a float at the end in any case */
}

/* --- strings and bytes ---------------------------------------------------------------------- */

static void gen_string_leaf(struct generator *g)
{
    static const char *const letters[] = {"a", "A", "b", "é", "%", "_", "''", "!", "1", " ", "日"};
    switch (below(g, 4)) {
    case 0:
        both(g, "'");
        for (uint32_t i = 0, length = below(g, 5); i < length; i++)
            both(g, choose(g, letters, sizeof letters / sizeof *letters));
        both(g, "'");
        break;
    case 1:
        both(g, "s_null");
        break;
    default:
        both(g, below(g, 20) ? "s_any" : "CAST(NULL AS text)");
    }
}

static void gen_format(struct generator *g, int depth)
{
    bothf(g, "%s('", CHOOSE(g, "printf", g->sqlite_version >= 3038000 ? "format" : "printf"));
    switch (below(g, 4)) {
    case 0:
        bothf(g, "%%d|%%5d|%%-5d|%%05d|%%+d', ");
        gen_list(g, depth - 1, (struct wanted){.kind = WEIR_INT, .bits = 40}, 5);
        break;
    case 1:
        both(g, "%s%%%s|%Q', ");
        gen_list(g, depth - 1, (struct wanted){.kind = WEIR_STRING}, 3);
        break;
    case 2:
        both(g, "%x %X %o', ");
        gen_list(g, depth - 1, (struct wanted){.kind = WEIR_INT, .bits = 40}, 3);
        break;
    default:
        both(g, "%.2f %.1f %8.3f', f_nice, f_nice, f_null");
    }
    both(g, ")");
}

static const char *modifier(struct generator *g)
{
    return CHOOSE(g, "'+1 day'", "'-3 hours'", "'+90 minutes'", "'30 seconds'", "'+1.5 seconds'",
                  "'start of day'", "'start of month'", "'start of year'", "'weekday 0'",
                  "'weekday 3'", "'+1 month'", "'-7 months'", "'+1 year'", "'-13 years'",
                  "'+01:30'", "'-00:00:01'", "'1.5 days'");
}

static void gen_modifiers(struct generator *g)
{
    for (uint32_t i = 0, count = below(g, 3); i < count; i++)
        bothf(g, ", %s", modifier(g));
}

static void gen_date(struct generator *g, int depth)
{
    bool strf = below(g, 2);
    if (strf) {
        both(g, "strftime('");
        for (uint32_t i = 0, count = 1 + below(g, 3); i < count; i++) {
            /* The later letters came with 3.46. */
            both(g, below(g, 3) == 0 && g->sqlite_version >= 3046000
                        ? CHOOSE(g, "%e", "%F", "%I", "%k", "%l", "%p", "%P", "%R", "%T", "%u",
                                 "%G", "%g", "%V", "%U")
                        : CHOOSE(g, "%d", "%f", "%H", "%j", "%m", "%M", "%s", "%S", "%w", "%W",
                                 "%Y", "%%", "x:", "é"));
        }
        both(g, "', ");
    } else {
        bothf(g, "%s(", CHOOSE(g, "date", "time", "datetime"));
    }
    switch (below(g, 4)) {
    case 0:
        both(g, "abs(i_null) % 4000000000, 'unixepoch'");
        break;
    case 1:
        both(g, "abs(f_nice) + 2000000.0, 'julianday'");
        break;
    case 2:
        both(g, CHOOSE(g, "'2024-02-29 23:59:59.999'", "'1999-12-31'", "'12:34'",
                       "'2026-11-21T10:20:30Z'", "'2026-11-21 10:20+02:00'", "'2451545'"));
        break;
    default:
        gen_timestamp(g, depth - 1);
    }
    gen_modifiers(g);
    both(g, ")");
}

static void gen_string_function(struct generator *g, int depth)
{
    switch (below(g, 13)) {
    case 0:
        bothf(g, "%s(", CHOOSE(g, "lower", "upper", "trim", "ltrim", "rtrim", "quote", "hex"));
        gen_string(g, depth - 1);
        break;
    case 1:
        bothf(g, "%s(", CHOOSE(g, "trim", "ltrim", "rtrim"));
        gen_string(g, depth - 1);
        both(g, ", ");
        gen_string(g, 0);
        break;
    case 2:
    case 3:
        bothf(g, "%s(", CHOOSE(g, "substr", "substring"));
        gen_string(g, depth - 1);
        both(g, ", ");
        gen_int(g, depth - 2, 8);
        if (below(g, 2)) {
            both(g, ", ");
            gen_int(g, depth - 2, 8);
        }
        break;
    case 4:
        /* SQLite does not look at a null third argument if the second is empty. */
        both(g, "replace(");
        gen_string(g, depth - 1);
        both(g, ", ");
        gen_string(g, 0);
        both(g, CHOOSE(g, ", s_any", ", ''", ", 'é'"));
        break;
    case 5:
        bothf(g, "CAST(");
        gen_int(g, depth - 1, 62);
        both(g, " AS TEXT");
        break;
    case 6:
        both(g, "CAST(f_nice AS VARCHAR");
        break;
    case 7:
        both(g, "hex(");
        gen_bytes(g, depth - 1);
        break;
    case 8:
        both(g, "char(97, ");
        bothf(g, "%d, %d", 0xe9, 0x1f600 + (int)below(g, 10));
        break;
    case 9:
        both(g, "quote(");
        gen_kind(g, 0, below(g, 2) ? WEIR_INT : WEIR_BYTES);
        break;
    case 10:
        /* SQLite gives a member its own type; here it is text. */
        text_add(&g->theirs, "CAST(");
        text_add(&g->ours, "(");
        bothf(g, "j_null %s %s", CHOOSE(g, "->>", "->>"),
              CHOOSE(g, "'a'", "'$.a'", "'$.b.c'", "0", "'$[1]'", "'$.l[#-1]'", "'none'"));
        text_add(&g->theirs, " AS TEXT");
        break;
    case 11:
        text_add(&g->ours, "CAST(");
        text_add(&g->theirs, "(");
        bothf(g, "j_null -> %s", CHOOSE(g, "'a'", "'b'", "'$.l'", "1", "'$'", "'none'"));
        text_add(&g->ours, " AS string");
        break;
    default:
        if (g->sqlite_version < 3044000) {
            both(g, "upper(");
            gen_string(g, depth - 1);
            break;
        }
        if (below(g, 2)) {
            both(g, "concat(");
            gen_list(g, depth - 1, (struct wanted){.kind = WEIR_STRING}, 1 + below(g, 3));
        } else {
            /* Of empty texts SQLite's first releases of it left out the separator as well. */
            both(g, "concat_ws('-', 'x' || ");
            gen_string(g, depth - 1);
            both(g, ", 'y' || s_null, i_small");
        }
    }
    both(g, ")");
}

static void gen_string(struct generator *g, int depth)
{
    if (depth <= 0) {
        gen_string_leaf(g);
        return;
    }
    switch (below(g, 8)) {
    case 0:
    case 1:
        both(g, "(");
        gen_string(g, depth - 1);
        both(g, " || ");
        gen_kind(g, depth - 1, below(g, 4) ? WEIR_STRING : below(g, 2) ? WEIR_INT : WEIR_BOOL);
        if (below(g, 2)) {
            both(g, "||");
            gen_string(g, depth - 1);
        }
        both(g, ")");
        break;
    case 2:
    case 3:
    case 4:
        gen_string_function(g, depth);
        break;
    case 5:
        gen_date(g, depth);
        break;
    case 6:
        gen_format(g, depth);
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_STRING});
    }
}

static void gen_bytes(struct generator *g, int depth)
{
    if (depth <= 0 || below(g, 3) == 0) {
        both(g, CHOOSE(g, "y_null", "y_null", "x'00ff61'", "X''"));
        return;
    }
    switch (below(g, 3)) {
    case 0:
        /* Never of no bytes, whose substr is null in SQLite. */
        bothf(g, "substr(%s, ", CHOOSE(g, "y_null", "x'00ff61'"));
        gen_int(g, 0, 8);
        both(g, ", ");
        gen_int(g, 0, 8);
        both(g, ")");
        break;
    case 1:
        both(g, "CAST(");
        gen_string(g, depth - 1);
        both(g, " AS BLOB)");
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_BYTES});
    }
}

/* --- timestamps and decimals ---------------------------------------------------------------- */

static void gen_timestamp(struct generator *g, int depth)
{
    switch (depth <= 0 ? below(g, 2) : below(g, 4)) {
    case 0:
        both(g, "t_any");
        break;
    case 1:
        both(g, "t_null");
        break;
    case 2:
        text_add(&g->ours, "timestamp(");
        text_add(&g->theirs, "strftime('%Y-%m-%d %H:%M:%f', ");
        gen_timestamp(g, depth - 1);
        gen_modifiers(g);
        both(g, ")");
        break;
    default:
        gen_choice(g, depth, (struct wanted){.kind = WEIR_TIMESTAMP});
    }
}

static int64_t power_of_ten(int exponent)
{
    int64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static void gen_decimal_leaf(struct generator *g, int scale, int digits)
{
    if (scale == 2 && digits >= 8 && below(g, 3)) {
        both(g, "d_two");
    } else if (scale == 4 && digits >= 8 && below(g, 3)) {
        both(g, "d_four");
    } else {
        int64_t value = (int64_t)below(g, digits < 4 ? 10 : 10000);
        text_addf(&g->ours, "CAST('%lld.%0*lld' AS decimal(%d))",
                  (long long)(value / power_of_ten(scale)), scale,
                  (long long)(value % power_of_ten(scale)), scale);
        text_addf(&g->theirs, "%lld", (long long)value);
    }
}

/* As (expression * 10^k) in SQLite. */
static void gen_decimal_aligned(struct generator *g, int depth, int scale, int to, int digits)
{
    text_add(&g->theirs, "(");
    gen_decimal(g, depth, scale, digits - (to - scale));
    text_addf(&g->theirs, " * %lld)", (long long)power_of_ten(to - scale));
}

static void gen_decimal_round(struct generator *g, int depth, int scale, int digits)
{
    /* round(x, scale) of a decimal(scale + 2): SQLite adds half with the sign, and divides. */
    struct text ours = TEXT_INIT, theirs = TEXT_INIT, keep_ours = g->ours, keep_theirs = g->theirs;
    g->ours = ours;
    g->theirs = theirs;
    gen_decimal(g, depth - 1, scale + 2, digits);
    ours = g->ours;
    theirs = g->theirs;
    g->ours = keep_ours;
    g->theirs = keep_theirs;
    text_addf(&g->ours, "round(%s, %d)", ours.data, scale);
    text_addf(&g->theirs, "((%s + CASE WHEN %s < 0 THEN -50 ELSE 50 END) / 100)", theirs.data,
              theirs.data);
    text_done(&ours);
    text_done(&theirs);
}

static void gen_decimal(struct generator *g, int depth, int scale, int digits)
{
    if (depth <= 0 || digits < 9) {
        gen_decimal_leaf(g, scale, digits);
        return;
    }
    uint32_t which = below(g, 8);
    if (which <= 1) {
        both(g, "(");
        gen_decimal(g, depth - 1, scale, digits - 1);
        both(g, which ? " + " : " - ");
        if (scale >= 2 && below(g, 2))
            gen_decimal_aligned(g, depth - 1, scale - 2, scale, digits - 1);
        else
            gen_decimal(g, depth - 1, scale, digits - 1);
        both(g, ")");
    } else if (which == 2) { /* with an int: only the int is scaled */
        both(g, "(");
        gen_decimal(g, depth - 1, scale, digits - 1);
        both(g, " + ");
        text_add(&g->theirs, "(");
        gen_int(g, depth - 1, digits > scale + 8 ? 20 : 3);
        text_addf(&g->theirs, " * %lld)", (long long)power_of_ten(scale));
        both(g, ")");
    } else if (which == 3 && scale >= 2) {
        both(g, "(");
        gen_decimal(g, depth - 1, scale - 2, digits / 2);
        both(g, " * ");
        gen_decimal(g, depth - 1, 2, digits / 2);
        both(g, ")");
    } else if (which == 4 && scale <= 4) {
        gen_decimal_round(g, depth, scale, digits);
    } else if (which == 5) {
        both(g, CHOOSE(g, "(- ", "abs("));
        gen_decimal(g, depth - 1, scale, digits);
        both(g, ")");
    } else if (which == 6) { /* a literal with a point is exact */
        int64_t value = (int64_t)below(g, 100);
        both(g, "(");
        gen_decimal(g, depth - 1, scale, digits - 1);
        if (scale >= 1) {
            text_addf(&g->ours, " + %lld.%lld)", (long long)(value / 10), (long long)(value % 10));
            text_addf(&g->theirs, " + %lld)", (long long)(value * power_of_ten(scale - 1)));
        } else {
            text_addf(&g->ours, " + %lld.)", (long long)value);
            text_addf(&g->theirs, " + %lld)", (long long)value);
        }
    } else {
        gen_choice(g, depth,
                   (struct wanted){.kind = WEIR_DECIMAL, .scale = scale, .digits = digits - 2});
    }
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
