/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date.h: times as SQLite's date functions see them.
 *
 * A moment counts milliseconds, as SQLite does, from year 0 to 9999; what a timestamp has below the
 * millisecond goes along unchanged. All times are UTC. Modifiers stand in the expression as texts
 * and are read when it is compiled.
 */
#ifndef TRANSFORMS_EXPR_DATE_H
#define TRANSFORMS_EXPR_DATE_H

#include "transforms/expr/tree.h"

struct moment {
    int64_t ms;        /* since 1970 */
    uint32_t below_ns; /* 0 .. 999,999 */
};

struct date_parts {
    int64_t year;
    uint32_t month, day; /* from 1 */
    uint32_t hour, minute, second, ms;
    uint32_t year_day; /* from 0 */
    uint32_t weekday;  /* 0: Sunday */
};

enum modifier_kind {
    MODIFIER_MS,     /* plus number ms */
    MODIFIER_MONTHS, /* plus count months, then number ms */
    MODIFIER_YEARS,
    MODIFIER_START,   /* of unit */
    MODIFIER_WEEKDAY, /* forward to weekday count */
};

enum start_unit { START_MINUTE, START_HOUR, START_DAY, START_MONTH, START_YEAR };

struct modifier {
    uint8_t kind; /* enum modifier_kind */
    uint8_t unit; /* enum start_unit */
    int32_t count;
    int64_t ms;
};

/* Where the moment comes from. */
enum date_source {
    DATE_NOW, /* of the batch */
    DATE_TIMESTAMP,
    DATE_TEXT,    /* null where it is not a time */
    DATE_SECONDS, /* since 1970 */
    DATE_JULIAN_DAY,
    DATE_AUTO /* a Julian day if it is small, else seconds */
};

/* What a call of a date function was compiled to (node->prepared). */
struct date_program {
    uint8_t source; /* enum date_source */
    bool subsecond;
    uint32_t count;
    struct modifier *modifiers;
    struct weir_str format; /* strftime */
};

/* RFC 3339, and SQLite's forms: seconds and offset may be missing (UTC). */
bool timestamp_read(const char *data, size_t length, int64_t *ret_ns);
/* SQLite's time values: a date, a time (of 2000-01-01), both, or a Julian day. */
bool moment_read(struct weir_str text, struct moment *ret);
struct moment moment_from_ns(int64_t ns);
bool moment_valid(struct moment moment); /* from year 0 to 9999 */
struct date_parts moment_parts(struct moment moment);
bool moment_from_julian_day(double days, struct moment *ret);
double moment_julian_day(struct moment moment);

/* False: the text is no modifier, or SQLite's but none of ours: the reason is *ret_problem. */
bool modifier_read(struct weir_str text, struct modifier *ret, const char **ret_problem);
bool moment_apply(struct moment *moment, const struct modifier *modifier); /* false: out of range */

/* False: not one of strftime's letters. */
bool date_letter_known(char letter);
/* Writes what a letter stands for; at most DATE_LETTER_BYTES_MAX. Returns the length. */
#define DATE_LETTER_BYTES_MAX 32
uint32_t date_letter_write(char letter, struct moment moment, const struct date_parts *parts,
                           char *out);

#endif
