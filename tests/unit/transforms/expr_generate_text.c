/* SPDX-License-Identifier: Apache-2.0 */
/* expr_generate_text.c: strings, bytes and timestamps. */
#include "tests/unit/transforms/expr_generate_parts.h"

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

void gen_string(struct generator *g, int depth)
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

void gen_bytes(struct generator *g, int depth)
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

/* --- timestamps ----------------------------------------------------------------------------- */

void gen_timestamp(struct generator *g, int depth)
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
