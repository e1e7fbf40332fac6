/* SPDX-License-Identifier: Apache-2.0 */
/* differences.c: the table of what is not as in SQLite, on purpose. */
#include "base/check.h"
#include "transforms/expr.h"

static const struct language_difference differences[] = {
    /* --- types ------------------------------------------------------------------------------ */
    {"text beside a number", "converts one, or orders them by type",
     "is a mistake in comparisons and arithmetic; write CAST"},
    {"a number as a condition", "is true unless it is 0",
     "is a mistake: AND, OR, NOT, WHEN, iif and filter take a bool; write x <> 0"},
    {"comparisons", "give 1 and 0", "give a bool, which counts as 1 and 0 beside numbers"},
    {"CASE, coalesce, ifnull, iif, min, max", "give each row its own type",
     "have one type: ints beside floats become floats, decimals get the most digits of any"},
    {"decimals", "are floats",
     "are exact. + - align digits, * adds them (at most 18), / gives a float; a literal with a "
     "point beside a decimal is exact as well. A decimal beside a float is taken as a float"},
    {"times", "are texts or numbers",
     "are of type timestamp, compared with each other and with text literals like "
     "'2026-11-21T10:00:00Z' or '2026-11-21 10:00'; arithmetic goes by timestamp(t, '+1 hour')"},
    {"typeof", "names five types",
     "names these five, and bool, decimal, timestamp, array and json"},
    {"length, LIKE, GLOB, lower .. of a number", "take it as text", "are a mistake; write CAST"},
    /* --- values out of range ---------------------------------------------------------------- */
    {"an int that overflows", "becomes a float",
     "rejects the record (overflow); among constants it is a mistake"},
    {"a float that overflows", "becomes infinite", "rejects the record (overflow)"},
    {"an int literal beyond 64 bits", "is a float", "is a mistake; write .0 behind it"},
    {"CAST of a text to a number", "takes what looks like a number at its beginning, or 0",
     "rejects the record (cast) unless all of it is one; blanks around it do not matter"},
    {"CAST of a float to an int that does not fit", "gives the nearest int",
     "rejects the record (overflow)"},
    {"AND, OR, CASE, coalesce, iif, IN", "may compute more than is needed",
     "compute nothing for a row that is decided already, so that this cannot reject it. A filter "
     "is decided as soon as it cannot be true"},
    /* --- names and syntax ------------------------------------------------------------------- */
    {"names", "have no case",
     "are compared exactly first, then without case if only one column is meant"},
    {"a name in double quotes that is no column", "is a text", "is a mistake"},
    {"x IS TRUE, x IS FALSE", "take any number", "take a bool"},
    {"x BETWEEN a OR b AND c", "is allowed", "needs parentheses around a OR b"},
    {"COLLATE, MATCH, REGEXP, SELECT, EXISTS, parameters", "exist", "do not exist"},
    {"ESCAPE", "takes any expression", "takes one character in quotes"},
    /* --- functions -------------------------------------------------------------------------- */
    {"random, changes, last_insert_rowid ..", "exist",
     "do not exist: a replay must give the same values"},
    {"'now'", "is the time of the statement",
     "is the time when the batch was begun: a replay gives another"},
    {"a number as a time", "is a Julian day",
     "must be followed by 'unixepoch', 'julianday' or 'auto'"},
    {"modifiers of times", "may be computed, and know 'localtime' and 'utc'",
     "stand in the expression as texts; all times are UTC"},
    {"years of times", "go from -4713 to 9999",
     "go from 0 to 9999; a timestamp's from 1677 to 2262"},
    {"round(x, n) of a float", "rounds what it would print",
     "rounds its exact value, halves away from zero"},
    {"log, log10, log2", "may be off by a bit", "are as exact as C's"},
    {"-> and ->>", "write JSON anew; ->> gives numbers their type",
     "give JSON as it stands; ->> gives text, true and false too"},
    {"format, printf", "count widths in bytes, and take any format",
     "count characters; the format stands in the expression and must fit its values"},
    {"substr(x'', ..), replace(x, '', NULL)", "are null and x", "are x'' and null"},
    {"x IS (y IN ())", "is x IS FALSE", "compares x with false"},
};

size_t difference_count(void)
{
    return COUNT_OF(differences);
}

const struct language_difference *difference_at(size_t i)
{
    CHECK(i < COUNT_OF(differences));
    return differences + i;
}
