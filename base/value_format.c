/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times by a format, as strptime(3) in the C locale. Not strptime itself: that takes a 30th of
 * February, has no fraction of a second, and its %s depends on the machine's time zone.
 */
#include <strings.h>

#include "base/check.h"
#include "base/error.h"
#include "base/value_stamp.h"

static const char *const month_names[] = {"january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december"};
static const char *const day_names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};

/* The directives; those that are short for others are spelled out here and nowhere else. */
#define DIRECTIVES "YmdeHIMSpyjbBhaAzfsntTDRF%"
static const char *long_form(char directive)
{
    switch (directive) {
    case 'T':
        return "%H:%M:%S";
    case 'D':
        return "%m/%d/%y";
    case 'R':
        return "%H:%M";
    case 'F':
        return "%Y-%m-%d";
    default:
        return NULL;
    }
}

struct scan {
    const char *at, *end;
    struct stamp stamp;
    unsigned day_of_year; /* %j; 0: none */
    unsigned hour_12;     /* %I; 0: none */
    int afternoon;        /* %p; -1: none */
    int64_t epoch;        /* %s */
    bool has_epoch, epoch_negative;
    int status; /* WEIR_E_LIMIT, told only when all of the text matches */
};

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || (*scan->at >= '\t' && *scan->at <= '\r')))
        scan->at++;
}

/* At most `digits` digits, at least one. */
static bool number(struct scan *scan, int digits, unsigned lowest, unsigned highest, unsigned *ret)
{
    unsigned value = 0;
    const char *from = scan->at;
    skip_blanks(scan);
    const char *first = scan->at;
    for (; digits > 0 && scan->at < scan->end && (unsigned char)(*scan->at - '0') <= 9; digits--)
        value = value * 10 + (unsigned)(*scan->at++ - '0');
    if (scan->at == first || value < lowest || value > highest) {
        scan->at = from;
        return false;
    }
    *ret = value;
    return true;
}

/* A name in full or its first three letters, in any case; its index. */
static bool name(struct scan *scan, const char *const *names, unsigned count, unsigned *ret)
{
    size_t left = (size_t)(scan->end - scan->at);
    for (unsigned i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (left >= length && strncasecmp(scan->at, names[i], length) == 0) {
            scan->at += length;
            *ret = i;
            return true;
        }
    }
    for (unsigned i = 0; i < count; i++)
        if (left >= 3 && strncasecmp(scan->at, names[i], 3) == 0) {
            scan->at += 3;
            *ret = i;
            return true;
        }
    return false;
}

static bool epoch(struct scan *scan)
{
    const char *first = scan->at;
    scan->epoch_negative = scan->at < scan->end && *scan->at == '-';
    scan->at += scan->epoch_negative;
    while (scan->at < scan->end && (unsigned char)(*scan->at - '0') <= 9)
        scan->at++;
    int status = int_read(first, (size_t)(scan->at - first), &scan->epoch);
    if (status == WEIR_E_LIMIT)
        scan->status = status;
    scan->has_epoch = true;
    return status != WEIR_E_INVALID;
}

static bool match(struct scan *scan, const char *format);

static bool directive(struct scan *scan, char c)
{
    struct stamp *s = &scan->stamp;
    unsigned value;
    switch (c) {
    case 'Y':
        if (!number(scan, 4, 0, 9999, &value))
            return false;
        s->year = (int32_t)value;
        return true;
    case 'y': /* as POSIX has it: 69..99 are of the last century */
        if (!number(scan, 2, 0, 99, &value))
            return false;
        s->year = (int32_t)(value < 69 ? 2000 + value : 1900 + value);
        return true;
    case 'm':
        return number(scan, 2, 1, 12, &s->month);
    case 'd':
    case 'e':
        return number(scan, 2, 1, 31, &s->day);
    case 'H':
        return number(scan, 2, 0, 23, &s->hour);
    case 'I':
        return number(scan, 2, 1, 12, &scan->hour_12);
    case 'M':
        return number(scan, 2, 0, 59, &s->minute);
    case 'S':
        return number(scan, 2, 0, 60, &s->second);
    case 'j':
        return number(scan, 3, 1, 366, &scan->day_of_year);
    case 'b':
    case 'B':
    case 'h':
        if (!name(scan, month_names, COUNT_OF(month_names), &value))
            return false;
        s->month = value + 1;
        return true;
    case 'a':
    case 'A':
        return name(scan, day_names, COUNT_OF(day_names), &value);
    case 'p':
        if (scan->end - scan->at < 2 || (scan->at[1] | 0x20) != 'm' ||
            ((scan->at[0] | 0x20) != 'a' && (scan->at[0] | 0x20) != 'p'))
            return false;
        scan->afternoon = (scan->at[0] | 0x20) == 'p';
        scan->at += 2;
        return true;
    case 'z':
        skip_blanks(scan);
        return stamp_offset_read(&scan->at, scan->end, true, &s->offset_seconds) == 0;
    case 'f': {
        int status = stamp_fraction_read(&scan->at, scan->end, &s->nanosecond);
        if (status == WEIR_E_LIMIT)
            scan->status = status;
        return status != WEIR_E_INVALID;
    }
    case 's':
        return epoch(scan);
    case 'n':
    case 't':
        skip_blanks(scan);
        return true;
    case '%':
        return scan->at < scan->end && *scan->at++ == '%';
    default:
        return long_form(c) && match(scan, long_form(c));
    }
}

static bool match(struct scan *scan, const char *format)
{
    for (; *format; format++) {
        if (*format == '%') {
            if (!directive(scan, *++format))
                return false;
        } else if (*format == ' ' || (*format >= '\t' && *format <= '\r')) {
            skip_blanks(scan);
        } else if (scan->at == scan->end || *scan->at++ != *format) {
            return false;
        }
    }
    return true;
}

/* Days count from the first of January when the format has %j. */
static int day_of_year_apply(struct scan *scan)
{
    struct stamp *s = &scan->stamp;
    int64_t days = days_from_civil(s->year, 1, 1) + scan->day_of_year - 1;
    int64_t next_year = days_from_civil((int64_t)s->year + 1, 1, 1);
    if (days >= next_year)
        return WEIR_E_INVALID;
    s->month = 12;
    while (days < days_from_civil(s->year, s->month, 1))
        s->month--;
    s->day = (unsigned)(days - days_from_civil(s->year, s->month, 1)) + 1;
    return 0;
}

int time_read_format(const char *data, size_t length, const char *format, int64_t *ret_ns)
{
    struct scan scan = {.at = data,
                        .end = data + length,
                        .stamp = {.year = 1970, .month = 1, .day = 1},
                        .afternoon = -1};
    if (!match(&scan, format) || scan.at != scan.end)
        return WEIR_E_INVALID;
    if (scan.has_epoch) {
        int64_t fraction =
            scan.epoch_negative ? -(int64_t)scan.stamp.nanosecond : (int64_t)scan.stamp.nanosecond;
        int64_t ns;
        if (scan.status != 0 || time_from_units(scan.epoch, NS_PER_SECOND, &ns) != 0 ||
            __builtin_add_overflow(ns, fraction, &ns))
            return WEIR_E_LIMIT;
        *ret_ns = ns;
        return 0;
    }
    if (scan.hour_12)
        scan.stamp.hour = scan.hour_12 % 12 + (scan.afternoon == 1 ? 12 : 0);
    if (scan.day_of_year && day_of_year_apply(&scan) != 0)
        return WEIR_E_INVALID;
    int64_t ns;
    int status = stamp_to_ns(&scan.stamp, &ns);
    if (status != 0 || scan.status != 0)
        return status != 0 ? status : scan.status;
    *ret_ns = ns;
    return 0;
}

int time_format_check(const char *format, struct weir_error *error)
{
    bool day = false, month = false, year = false, whole = false;
    for (const char *at = format; *at; at++) {
        if (*at != '%')
            continue;
        at++;
        if (*at == '\0' || !strchr(DIRECTIVES, *at))
            return error_set(
                error, WEIR_E_INVALID,
                "%%%c is not a directive that times are read by; there are %%Y %%m %%d "
                "%%e %%H %%I %%M %%S %%f %%p %%y %%j %%b %%B %%a %%A %%z %%s %%T %%D "
                "%%R %%F %%n %%t %%%%",
                *at ? *at : ' ');
        whole |= *at == 's' || *at == 'F' || *at == 'D';
        year |= *at == 'Y' || *at == 'y';
        month |= *at == 'm' || *at == 'b' || *at == 'B' || *at == 'h' || *at == 'j';
        day |= *at == 'd' || *at == 'e' || *at == 'j';
    }
    if (!whole && !(year && month && day))
        return error_set(error, WEIR_E_INVALID, "the format `%s` does not say year, month and day",
                         format);
    return 0;
}
