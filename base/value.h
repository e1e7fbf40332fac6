/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h: single values as text: reading and writing the types of <weir/types.h>.
 *
 * Exact or refused: nothing is rounded silently. Readers take the whole text (no blanks, no NUL
 * needed) and return 0, or a negative status: WEIR_E_INVALID (not of that form) or WEIR_E_LIMIT (of
 * that form but does not fit). Any thread.
 */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <weir/error.h>
#include <weir/types.h>

#include "base/text.h"

typedef __int128 int128; /* the one typedef: the language has no portable spelling */

#define NS_PER_SECOND 1000000000LL

/* "bool", "decimal(2)", "array(int)?"; mistakes are told in error. The text of a type is at most
 * 32 bytes. Formats of timestamps are not part of a type and are not read here. */
int type_read(const char *text, struct weir_type *ret_type, struct weir_error *error);
#define TYPE_TEXT_BYTES 32
const char *type_text(struct weir_type type, char buffer[TYPE_TEXT_BYTES]);
bool type_equal(struct weir_type a, struct weir_type b); /* nullable is not compared */
static inline bool type_is_str(struct weir_type t)
{
    return t.kind == WEIR_STRING || t.kind == WEIR_BYTES || t.kind == WEIR_ARRAY ||
           t.kind == WEIR_JSON;
}

/* Digits with an optional sign; zeros in front are allowed, so that a decoder of JSON looks at the
 * grammar itself. */
int int_read(const char *data, size_t length, int64_t *ret_value);
/* The grammar of JSON's numbers, plus a leading '+'; "1e400" is WEIR_E_LIMIT. Correctly rounded. */
int float_read(const char *data, size_t length, double *ret_value);
/* "12.5", "1250e-2" at scale 2 -> 1250. More digits than the scale holds are WEIR_E_LIMIT unless
 * they are zeros. The grammar is that of float_read. */
int decimal_read(const char *data, size_t length, uint8_t scale, int64_t *ret_value);
/* "true" "false" "1" "0" */
int bool_read(const char *data, size_t length, uint8_t *ret_value);

/* Writers add to a text. Floats are the shortest text that reads back as the same double, always
 * with a point or an exponent ("1.0"); decimals have exactly `scale` digits behind the point. */
void int_write(struct text *out, int64_t value);
void int128_write(struct text *out, int128 value);
void float_write(struct text *out, double value);
void decimal_write(struct text *out, int128 value, uint8_t scale);

/*
 * Times. RFC 3339 with 'T', 't' or a blank between date and time, 0..9 digits of a second, 'Z' or
 * an offset; a leap second (:60) is read as the second after it. A date alone is midnight UTC.
 * Written in UTC with no fraction or 3, 6 or 9 digits, the fewest that are exact.
 */
int time_read_rfc3339(const char *data, size_t length, int64_t *ret_ns);
void time_write_rfc3339(struct text *out, int64_t ns);
/* As strptime(3) in the C locale, in UTC unless the format holds %z; the whole text must match.
 * Besides, %f stands for 1..9 digits of a second and %s for seconds since the epoch. */
int time_read_format(const char *data, size_t length, const char *format, int64_t *ret_ns);
/* Whether a format has only directives that time_read_format knows, and enough of them for a date;
 * WEIR_E_INVALID with the mistake. */
int time_format_check(const char *format, struct weir_error *error);
/* value units since the epoch -> ns, WEIR_E_LIMIT outside 1677..2262. unit_ns is 1 .. 1e9. */
int time_from_units(int64_t value, int64_t unit_ns, int64_t *ret_ns);
/* Proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
struct civil {
    int32_t year;
    uint8_t month, day, hour, minute, second; /* month and day count from 1 */
    uint32_t nanosecond;
};
struct civil civil_from_ns(int64_t ns);
int64_t days_from_civil(int64_t year, unsigned month, unsigned day); /* since 1970-01-01 */

/* "250ms 30s 5m 24h 7d" -> ns; "64KiB 1GiB 512B 2MB" -> bytes. */
int duration_read(const char *text, int64_t *ret_ns, struct weir_error *error);
int size_read(const char *text, uint64_t *ret_bytes, struct weir_error *error);
void duration_write(struct text *out, int64_t ns); /* the shortest exact form: "90s" -> "90s" */
void size_write(struct text *out, uint64_t bytes); /* for people: "1.5 GiB" */

/* value x 10^exponent for 0 <= exponent <= 18; false when it does not fit. */
bool int64_scale(uint64_t magnitude, unsigned exponent, bool negative, int64_t *ret_value);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct text *out, const char *data, size_t length);
/* One value of a column as JSON: null, true, 12, 1.5, 12.50, "text", "2026-..Z"; BYTES as base64;
 * ARRAY and JSON verbatim. */
struct weir_column;
void json_write_value(struct text *out, const struct weir_column *column, uint32_t row);
/* The same for a field of CSV (RFC 4180): null is empty, quotes where needed. */
void csv_write_value(struct text *out, const struct weir_column *column, uint32_t row);
void csv_write_string(struct text *out, const char *data, size_t length);
/* For people: as CSV but never quoted. */
void plain_write_value(struct text *out, const struct weir_column *column, uint32_t row);

#endif
