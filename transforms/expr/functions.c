/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions.c: THE table of operators and functions. `weir functions`, docs/functions.md, the
 * compiler and the tests read it; every example is evaluated by the tests.
 */
#include "transforms/expr/functions.h"

#define OPERATOR(name, signature, summary, example, result)                                        \
    {                                                                                              \
        {name, signature, summary, example, result}, NULL, 0, 0, NULL, NULL, NULL                  \
    }

/* arguments, type of the result, flags, check, eval, row: see struct function. */
#define FUNCTION(name, signature, summary, example, result, ...)                                   \
    {                                                                                              \
        {name, signature, summary, example, result}, __VA_ARGS__                                   \
    }

#define NULLABLE FUNCTION_MAY_BE_NULL
#define NULLS    FUNCTION_NULLS

const struct function functions[] = {
    /* --- operators, by precedence from the lowest ------------------------------------------- */
    OPERATOR("OR", "bool OR bool -> bool",
             "True if one side is. The right side is not looked at where the left one is true.",
             "1 > 2 OR 'a' = 'a'", "true"),
    OPERATOR("AND", "bool AND bool -> bool",
             "True if both sides are. The right side is not looked at where the left one is false.",
             "NULL AND false", "false"),
    OPERATOR("NOT", "NOT bool -> bool", "The opposite; null stays null.", "NOT 1 = 2", "true"),
    OPERATOR("=", "any = any -> bool",
             "Equal; also written ==. Numbers of different types are compared exactly, but a "
             "decimal beside a float as a float; a text and a number only after a CAST. Texts are "
             "compared byte by byte.",
             "CAST('1.50' AS decimal(2)) = 1.5", "true"),
    OPERATOR("<>", "any <> any -> bool", "Not equal; also written !=.", "'a' <> 'A'", "true"),
    OPERATOR("<", "any < any -> bool",
             "Less; also <= > >=. A text literal beside a timestamp is read as a time.",
             "CAST('2026-11-21T10:00:00Z' AS timestamp) < '2026-11-22'", "true"),
    OPERATOR("IS", "any IS [NOT] any -> bool",
             "Equal, where null is equal to null; never null. IS TRUE and IS FALSE ask a bool.",
             "NULL IS NULL AND 1 IS NOT NULL", "true"),
    OPERATOR("IS DISTINCT FROM", "any IS [NOT] DISTINCT FROM any -> bool", "The same as IS NOT.",
             "1 IS DISTINCT FROM NULL", "true"),
    OPERATOR("ISNULL", "any ISNULL -> bool",
             "IS NULL in one word. Its opposite is NOTNULL or NOT NULL.", "NULL ISNULL", "true"),
    OPERATOR("BETWEEN", "any [NOT] BETWEEN low AND high -> bool",
             "From low to high, both included.", "5 BETWEEN 1 AND 5", "true"),
    OPERATOR("IN", "any [NOT] IN (any, ..) -> bool",
             "Equal to one of the list. A list of constants is looked up, however long.",
             "'b' IN ('a', 'b')", "true"),
    OPERATOR("LIKE", "string [NOT] LIKE pattern [ESCAPE character] -> bool",
             "% stands for any characters, _ for one. The case of ASCII letters does not count.",
             "'Weir' LIKE 'w%' AND '5%' LIKE '5!%' ESCAPE '!'", "true"),
    OPERATOR("GLOB", "string [NOT] GLOB pattern -> bool",
             "* stands for any characters, ? for one, [a-z] and [^a-z] for one of a set. The case "
             "counts.",
             "'weir' GLOB 'w*[p-s]'", "true"),
    OPERATOR("&", "int & int -> int", "Bits that are set in both; | in one of them.", "12 & 10 | 1",
             "9"),
    OPERATOR("<<", "int << int -> int",
             "Bits moved left, >> right (the sign stays); by a negative number the other way.",
             "1 << 4", "16"),
    OPERATOR("+", "number + number -> number",
             "Sum. A result that does not fit rejects the record. Decimals are exact; a literal "
             "with a point beside a decimal is a decimal.",
             "CAST('0.10' AS decimal(2)) + 0.2 = 0.3", "true"),
    OPERATOR("-", "number - number -> number", "Difference; before a number: its opposite.",
             "-3 - 4", "-7"),
    OPERATOR("*", "number * number -> number",
             "Product. That of decimal(a) and decimal(b) is decimal(a+b).", "1.5 * 2", "3.0"),
    OPERATOR("/", "number / number -> number",
             "Quotient: of ints an int, cut towards zero; else a float. By 0: null.", "-7 / 2",
             "-3"),
    OPERATOR("%", "number % number -> number",
             "Remainder of ints, of floats that of their whole parts. By 0: null. For decimals: "
             "mod.",
             "-7 % 3", "-1"),
    OPERATOR("||", "any || any -> string",
             "Texts joined; numbers, bools (0, 1) and timestamps as text. Null if one is null.",
             "'a' || 1 || 2.5", "'a12.5'"),
    OPERATOR("->", "json -> name, index or path -> json",
             "A member of a json, as JSON. An index counts from 0, a negative one from the end.",
             "CAST('{\"a\": [1, \"x\"]}' AS json) -> 'a' ->> -1", "'x'"),
    OPERATOR("->>", "json ->> name, index or path -> string",
             "A member of a json, as text; JSON's null and what is not there are null. Numbers "
             "come as they are written: CAST them.",
             "CAST('{\"a\": {\"b\": 7}}' AS json) ->> '$.a.b'", "'7'"),
    OPERATOR("~", "~int -> int", "Each bit turned.", "~5", "-6"),
    OPERATOR(
        "CASE", "CASE [any] WHEN any THEN any .. [ELSE any] END",
        "The first THEN whose WHEN is true (with a value behind CASE: equal to it), else ELSE, "
        "else null. What is not taken is not computed.",
        "CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END", "'two'"),
    OPERATOR("CAST", "CAST(any AS type)",
             "Another type: bool, int (integer), float (real), decimal(n), string (text), bytes "
             "(blob), timestamp, json. A text that is not such a value rejects the record; a float "
             "loses its fraction to an int; a decimal is rounded.",
             "CAST('12' AS int) + CAST(2.9 AS int)", "14"),

    /* --- numbers ---------------------------------------------------------------------------- */
    FUNCTION("abs", "abs(x number) -> number", "Without its sign.", "abs(-2.5)", "2.5", "n",
             WEIR_INT, 0, check_abs, NULL, row_abs),
    FUNCTION("sign", "sign(x number) -> int", "-1, 0 or 1.", "sign(-2.5)", "-1", "n", WEIR_INT, 0,
             NULL, NULL, row_sign),
    FUNCTION(
        "round", "round(x number[, digits int]) -> float or decimal",
        "To so many digits behind the point (0), halves away from zero. A decimal stays one, with "
        "these digits.",
        "round(CAST('2.345' AS decimal(3)), 2) = 2.35 AND round(-0.5) = -1.0", "true", "n?i",
        WEIR_FLOAT, 0, check_round, NULL, row_round),
    FUNCTION("floor", "floor(x number) -> number",
             "The whole number below; of a decimal a decimal(0).", "floor(-1.5)", "-2.0", "n",
             WEIR_INT, 0, check_whole, NULL, row_floor),
    FUNCTION("ceil", "ceil(x number) -> number", "The whole number above.", "ceil(1.2)", "2.0", "n",
             WEIR_INT, 0, check_whole, NULL, row_ceil),
    FUNCTION("ceiling", "ceiling(x number) -> number", "The same as ceil.", "ceiling(1)", "1", "n",
             WEIR_INT, 0, check_whole, NULL, row_ceil),
    FUNCTION("trunc", "trunc(x number) -> number", "The whole number towards zero.", "trunc(-1.9)",
             "-1.0", "n", WEIR_INT, 0, check_whole, NULL, row_trunc),
    FUNCTION("mod", "mod(x number, y number) -> float or decimal",
             "The remainder with its fraction, with the sign of x; exact for decimals. By 0: null.",
             "mod(7.5, 2)", "1.5", "nn", WEIR_FLOAT, NULLABLE, check_mod, NULL, row_mod),
    FUNCTION("sqrt", "sqrt(x number) -> float", "The square root; null below 0.", "sqrt(9)", "3.0",
             "f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_sqrt),
    FUNCTION("pow", "pow(x number, y number) -> float", "x to the power of y.", "pow(2, 10)",
             "1024.0", "ff", WEIR_FLOAT, NULLABLE, NULL, NULL, row_pow),
    FUNCTION("power", "power(x number, y number) -> float", "The same as pow.", "power(4, 0.5)",
             "2.0", "ff", WEIR_FLOAT, NULLABLE, NULL, NULL, row_pow),
    FUNCTION("exp", "exp(x number) -> float", "e to the power of x.", "exp(0)", "1.0", "f",
             WEIR_FLOAT, 0, NULL, NULL, row_exp),
    FUNCTION("ln", "ln(x number) -> float", "The natural logarithm; null at 0 and below.", "ln(1)",
             "0.0", "f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_ln),
    FUNCTION("log", "log([base number, ]x number) -> float",
             "The logarithm to base 10, or to another base.", "log(2, 8) = 3 AND log(100) = 2",
             "true", "f?f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_log),
    FUNCTION("log10", "log10(x number) -> float", "The logarithm to base 10.", "log10(1000)", "3.0",
             "f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_log10),
    FUNCTION("log2", "log2(x number) -> float", "The logarithm to base 2.", "log2(8)", "3.0", "f",
             WEIR_FLOAT, NULLABLE, NULL, NULL, row_log2),
    FUNCTION("pi", "pi() -> float", "3.14159..", "round(pi(), 4)", "3.1416", "", WEIR_FLOAT, 0,
             NULL, NULL, row_pi),
    FUNCTION("sin", "sin(x number) -> float", "The sine of an angle in radians.", "sin(0)", "0.0",
             "f", WEIR_FLOAT, 0, NULL, NULL, row_sin),
    FUNCTION("cos", "cos(x number) -> float", "The cosine.", "cos(0)", "1.0", "f", WEIR_FLOAT, 0,
             NULL, NULL, row_cos),
    FUNCTION("tan", "tan(x number) -> float", "The tangent.", "tan(0)", "0.0", "f", WEIR_FLOAT, 0,
             NULL, NULL, row_tan),
    FUNCTION("asin", "asin(x number) -> float", "The angle of a sine; null outside -1 .. 1.",
             "asin(0)", "0.0", "f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_asin),
    FUNCTION("acos", "acos(x number) -> float", "The angle of a cosine; null outside -1 .. 1.",
             "acos(1)", "0.0", "f", WEIR_FLOAT, NULLABLE, NULL, NULL, row_acos),
    FUNCTION("atan", "atan(x number) -> float", "The angle of a tangent.", "atan(0)", "0.0", "f",
             WEIR_FLOAT, 0, NULL, NULL, row_atan),
    FUNCTION("atan2", "atan2(y number, x number) -> float", "The angle of the point (x, y).",
             "atan2(0, 1)", "0.0", "ff", WEIR_FLOAT, 0, NULL, NULL, row_atan2),
    FUNCTION("degrees", "degrees(x number) -> float", "Radians as degrees.", "degrees(0)", "0.0",
             "f", WEIR_FLOAT, 0, NULL, NULL, row_degrees),
    FUNCTION("radians", "radians(x number) -> float", "Degrees as radians.", "radians(0)", "0.0",
             "f", WEIR_FLOAT, 0, NULL, NULL, row_radians),

    /* --- one of several values -------------------------------------------------------------- */
    FUNCTION("min", "min(x any, y any, ..) -> any", "The least; null if one is null.",
             "min(3, 1, 2)", "1", "aa*", 0, NULLS, check_extreme, eval_extreme, NULL),
    FUNCTION("max", "max(x any, y any, ..) -> any", "The greatest; null if one is null.",
             "max('a', 'c', 'b')", "'c'", "aa*", 0, NULLS, check_extreme, eval_extreme, NULL),
    FUNCTION("coalesce", "coalesce(x any, y any, ..) -> any",
             "The first that is not null. What stands behind it is not computed.",
             "coalesce(NULL, 2, 3)", "2", "aa*", 0, NULLS, check_coalesce, eval_coalesce, NULL),
    FUNCTION("ifnull", "ifnull(x any, y any) -> any", "x, or y where x is null.",
             "ifnull(NULL, 'none')", "'none'", "aa", 0, NULLS, check_coalesce, eval_coalesce, NULL),
    FUNCTION("nullif", "nullif(x any, y any) -> any", "x, or null where x = y.",
             "nullif('', '') IS NULL", "true", "aa", 0, NULLS, check_nullif, eval_nullif, NULL),
    FUNCTION("iif", "iif(condition bool, yes any[, no any]) -> any",
             "yes where the condition is true, else no (null). Only that one is computed.",
             "iif(2 > 1, 'yes', 'no')", "'yes'", "ba?a", 0, NULLS, check_iif, eval_case, NULL),

    /* --- texts ------------------------------------------------------------------------------ */
    FUNCTION("length", "length(x string or bytes) -> int",
             "Characters of a string, bytes of bytes.", "length('é')", "1", "x", WEIR_INT, 0, NULL,
             NULL, row_length),
    FUNCTION("octet_length", "octet_length(x string or bytes) -> int", "Bytes.",
             "octet_length('é')", "2", "x", WEIR_INT, 0, NULL, NULL, row_octet_length),
    FUNCTION("lower", "lower(x string) -> string", "ASCII letters in lower case.", "lower('ABC')",
             "'abc'", "s", WEIR_STRING, 0, NULL, NULL, row_lower),
    FUNCTION("upper", "upper(x string) -> string", "ASCII letters in upper case.", "upper('abc')",
             "'ABC'", "s", WEIR_STRING, 0, NULL, NULL, row_upper),
    FUNCTION("trim", "trim(x string[, characters string]) -> string",
             "Without blanks, or any of the characters, at both ends.",
             "trim('  a ') || trim('xxaxx', 'x')", "'aa'", "s?s", WEIR_STRING, 0, NULL, NULL,
             row_trim),
    FUNCTION("ltrim", "ltrim(x string[, characters string]) -> string",
             "The same at the beginning.", "ltrim('001', '0')", "'1'", "s?s", WEIR_STRING, 0, NULL,
             NULL, row_ltrim),
    FUNCTION("rtrim", "rtrim(x string[, characters string]) -> string", "The same at the end.",
             "rtrim('a  ')", "'a'", "s?s", WEIR_STRING, 0, NULL, NULL, row_rtrim),
    FUNCTION("substr", "substr(x string or bytes, from int[, length int]) -> string or bytes",
             "A piece; from counts from 1, or from the end where it is negative.",
             "substr('weir', 2, 2)", "'ei'", "xi?i", 0, 0, check_same_text, NULL, row_substr),
    FUNCTION("substring", "substring(x string or bytes, from int[, length int]) -> string or bytes",
             "The same as substr.", "substring('weir', -2)", "'ir'", "xi?i", 0, 0, check_same_text,
             NULL, row_substr),
    FUNCTION("instr", "instr(x string or bytes, y string or bytes) -> int",
             "Where y first stands in x, from 1; 0 if it does not.", "instr('weir', 'i')", "3",
             "xx", WEIR_INT, 0, check_same_text, NULL, row_instr),
    FUNCTION("starts_with", "starts_with(x string, y string) -> bool",
             "Whether x begins with y; the case counts. Not in SQLite.",
             "starts_with('weir', 'we')", "true", "xx", WEIR_BOOL, 0, check_same_text, NULL,
             row_starts_with),
    FUNCTION("ends_with", "ends_with(x string, y string) -> bool",
             "Whether x ends with y; the case counts. Not in SQLite.", "ends_with('weir', 'IR')",
             "false", "xx", WEIR_BOOL, 0, check_same_text, NULL, row_ends_with),
    FUNCTION("replace", "replace(x string, y string, z string) -> string", "z for each y in x.",
             "replace('a-b-c', '-', '')", "'abc'", "sss", WEIR_STRING, 0, NULL, NULL, row_replace),
    FUNCTION("concat", "concat(x any, ..) -> string", "Texts joined; nulls are left out.",
             "concat('a', NULL, 1)", "'a1'", "t*", WEIR_STRING, NULLS, check_not_null, NULL,
             row_concat),
    FUNCTION("concat_ws", "concat_ws(separator string, x any, ..) -> string",
             "Texts joined with a separator; nulls are left out.", "concat_ws('/', 'a', NULL, 'b')",
             "'a/b'", "tt*", WEIR_STRING, NULLS, NULL, NULL, row_concat_ws),
    FUNCTION(
        "format", "format(format string, x any, ..) -> string",
        "As C's printf: %d %u %x %o of ints, %f %e %g of numbers, %s of anything, %q %Q for SQL, "
        "flags - + space 0 # , and width.precision.",
        "format('%05.1f %s', 2.25, 'x')", "'002.3 x'", "k?a*", WEIR_STRING, NULLS, check_format,
        NULL, row_format),
    FUNCTION("printf", "printf(format string, x any, ..) -> string", "The same as format.",
             "printf('%,d', 1234567)", "'1,234,567'", "k?a*", WEIR_STRING, NULLS, check_format,
             NULL, row_format),
    FUNCTION("char", "char(code int, ..) -> string", "Characters of these Unicode numbers.",
             "char(119, 233)", "'wé'", "i*", WEIR_STRING, 0, NULL, NULL, row_char),
    FUNCTION("unicode", "unicode(x string) -> int",
             "The Unicode number of the first character; null for the empty text.", "unicode('é')",
             "233", "s", WEIR_INT, NULLABLE, NULL, NULL, row_unicode),
    FUNCTION("hex", "hex(x string or bytes) -> string",
             "The bytes as hexadecimal digits; the empty text for null.", "hex('ab')", "'6162'",
             "x", WEIR_STRING, NULLS, check_not_null, NULL, row_hex),
    FUNCTION(
        "unhex", "unhex(x string[, ignore string]) -> bytes",
        "The bytes of hexadecimal digits, between which the characters to ignore may stand; else "
        "null.",
        "unhex('61-62', '-')", "x'6162'", "s?s", WEIR_BYTES, NULLABLE, NULL, NULL, row_unhex),
    FUNCTION("quote", "quote(x any) -> string",
             "The value as it would be written in an expression.", "quote('it''s')",
             "'''it''''s'''", "a", WEIR_STRING, NULLS, check_not_null, NULL, row_quote),
    FUNCTION("like", "like(pattern string, x string[, escape string]) -> bool",
             "x LIKE pattern: the pattern stands first.", "like('w%', 'weir')", "true", "ss?s",
             WEIR_BOOL, 0, check_like_call, eval_like, NULL),
    FUNCTION("glob", "glob(pattern string, x string) -> bool", "x GLOB pattern.",
             "glob('w*', 'weir')", "true", "ss", WEIR_BOOL, 0, check_like_call, eval_like, NULL),

    /* --- times ------------------------------------------------------------------------------ */
    FUNCTION(
        "timestamp", "timestamp(time[, modifier, ..]) -> timestamp",
        "A time of type timestamp, moved by modifiers. Not in SQLite. time is a timestamp, a text "
        "('2026-11-21 10:00', 'now': when the batch was begun), or a number followed by "
        "'unixepoch', 'julianday' or 'auto'. Modifiers: '+1 day' (seconds to years), '+01:30', "
        "'start of day' (minute, hour, month, year), 'weekday 1'. All times are UTC.",
        "timestamp('2026-11-21 10:20:30', 'start of hour', '+1 day') = '2026-11-22T10:00:00Z'",
        "true", "a?k*", WEIR_TIMESTAMP, NULLABLE, check_date, NULL, row_timestamp),
    FUNCTION("date", "date([time, modifier, ..]) -> string", "YYYY-MM-DD.",
             "date('2026-11-21 10:20:30', 'start of month')", "'2026-11-01'", "?ak*", WEIR_STRING,
             NULLABLE, check_date, NULL, row_date),
    FUNCTION("time", "time([time, modifier, ..]) -> string",
             "HH:MM:SS; with 'subsec' HH:MM:SS.SSS.", "time('2026-11-21 10:20:30.5', 'subsec')",
             "'10:20:30.500'", "?ak*", WEIR_STRING, NULLABLE, check_date, NULL, row_time),
    FUNCTION("datetime", "datetime([time, modifier, ..]) -> string", "YYYY-MM-DD HH:MM:SS.",
             "datetime(1000000000, 'unixepoch')", "'2001-09-09 01:46:40'", "?ak*", WEIR_STRING,
             NULLABLE, check_date, NULL, row_datetime),
    FUNCTION("julianday", "julianday([time, modifier, ..]) -> float",
             "Days since noon of -4713-11-24, as a float.", "julianday('2000-01-01 12:00')",
             "2451545.0", "?ak*", WEIR_FLOAT, NULLABLE, check_date, NULL, row_julianday),
    FUNCTION("unixepoch", "unixepoch([time, modifier, ..]) -> int",
             "Seconds since 1970; with 'subsec' a float with milliseconds.",
             "unixepoch('2001-09-09 01:46:40')", "1000000000", "?ak*", WEIR_INT, NULLABLE,
             check_unixepoch, NULL, row_unixepoch),
    FUNCTION("strftime", "strftime(format string, time[, modifier, ..]) -> string",
             "%Y %m %d %H %M %S %f (seconds with milliseconds) %j %J %s %w %u %W %U %V %G %g %F %T "
             "%R %e "
             "%k %I %l %p %P %%.",
             "strftime('%H:%M', '2026-11-21 10:20:30')", "'10:20'", "k?ak*", WEIR_STRING, NULLABLE,
             check_strftime, NULL, row_strftime),

    /* --- json and others -------------------------------------------------------------------- */
    FUNCTION("json_extract", "json_extract(x json, path string) -> string",
             "The member at a path, as text: the same as ->>.",
             "json_extract(CAST('{\"a\": [1, 2]}' AS json), '$.a[#-1]')", "'2'", "jk", WEIR_STRING,
             NULLABLE, check_json_path, NULL, row_json_extract),
    FUNCTION("json_array_length", "json_array_length(x json[, path string]) -> int",
             "Items of an array; 0 for what is not one, null for what is not there.",
             "json_array_length(CAST('[1, 2]' AS json))", "2", "j?k", WEIR_INT, NULLABLE,
             check_json_path, NULL, row_json_array_length),
    FUNCTION(
        "typeof", "typeof(x any) -> string",
        "integer, real, text, blob or null as in SQLite; bool, decimal, timestamp, array, json.",
        "typeof(1.5)", "'real'", "a", WEIR_STRING, NULLS, check_not_null, NULL, row_typeof),
    FUNCTION(
        "hash", "hash(x any, ..) -> int",
        "XXH3 of the values, from 0 to 2^63-1; the same everywhere and for ever. Not in SQLite.",
        "hash('a') % 10 BETWEEN 0 AND 9 AND hash('a') = hash('a')", "true", "a*", WEIR_INT, 0, NULL,
        NULL, row_hash),
};

size_t function_count(void)
{
    return COUNT_OF(functions);
}

const struct function_description *function_at(size_t i)
{
    CHECK(i < COUNT_OF(functions));
    return &functions[i].doc;
}
