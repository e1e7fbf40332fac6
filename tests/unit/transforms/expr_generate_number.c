/* SPDX-License-Identifier: Apache-2.0 */
/* expr_generate_number.c: ints, floats and decimals. */
#include "tests/unit/transforms/expr_generate_parts.h"

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

void gen_int(struct generator *g, int depth, int bits)
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

void gen_int_wild(struct generator *g, int depth)
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
        both(g, "exp(max(min(");
        gen_float(g, depth - 1);
        both(g, ", 20.0), -20.0)");
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

void gen_float(struct generator *g, int depth)
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

void gen_float_wild(struct generator *g, int depth)
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

/* --- decimals --- */

static long long power_of_ten(int exponent)
{
    long long power = 1;
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
    text_addf(&g->theirs, " * %lld)", power_of_ten(to - scale));
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

void gen_decimal(struct generator *g, int depth, int scale, int digits)
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
        text_addf(&g->theirs, " * %lld)", power_of_ten(scale));
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
            text_addf(&g->theirs, " + %lld)", (long long)value * power_of_ten(scale - 1));
        } else {
            text_addf(&g->ours, " + %lld.)", (long long)value);
            text_addf(&g->theirs, " + %lld)", (long long)value);
        }
    } else {
        gen_choice(g, depth,
                   (struct wanted){.kind = WEIR_DECIMAL, .scale = scale, .digits = digits - 2});
    }
}
