/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value_stamp.h"

#define SECONDS_PER_DAY 86400

/* Eras of 400 years that begin on the first of March, so that the leap day is a year's last (Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *civil)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    civil->day = (uint8_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    civil->month = (uint8_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    civil->year = (int32_t)((int64_t)year_of_era + era * 400 + (civil->month <= 2));
}

struct civil civil_from_ns(int64_t ns)
{
    struct civil civil;
    int64_t seconds = ns / NS_PER_SECOND, rest = ns % NS_PER_SECOND;
    if (rest < 0) {
        rest += NS_PER_SECOND;
        seconds--;
    }
    int64_t days = seconds / SECONDS_PER_DAY, second_of_day = seconds % SECONDS_PER_DAY;
    if (second_of_day < 0) {
        second_of_day += SECONDS_PER_DAY;
        days--;
    }
    civil_from_days(days, &civil);
    civil.hour = (uint8_t)(second_of_day / 3600);
    civil.minute = (uint8_t)(second_of_day / 60 % 60);
    civil.second = (uint8_t)(second_of_day % 60);
    civil.nanosecond = (uint32_t)rest;
    return civil;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    if (month == 2)
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static int parts_to_ns(int64_t seconds, unsigned nanosecond, int64_t *ret_ns)
{
    int64_t ns;
    if (seconds < 0 && nanosecond > 0) { /* so that the very first nanosecond is no overflow */
        seconds++;
        if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &ns) ||
            __builtin_sub_overflow(ns, NS_PER_SECOND - (int64_t)nanosecond, &ns))
            return WEIR_E_LIMIT;
    } else if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &ns) ||
               __builtin_add_overflow(ns, (int64_t)nanosecond, &ns)) {
        return WEIR_E_LIMIT;
    }
    *ret_ns = ns;
    return 0;
}

int stamp_to_ns(const struct stamp *s, int64_t *ret_ns)
{
    if (s->month < 1 || s->month > 12 || s->day < 1 || s->day > days_in_month(s->year, s->month) ||
        s->hour > 23 || s->minute > 59 || s->second > 60)
        return WEIR_E_INVALID;
    int64_t seconds = days_from_civil(s->year, s->month, s->day) * SECONDS_PER_DAY +
                      (int64_t)s->hour * 3600 + (int64_t)s->minute * 60 + s->second -
                      s->offset_seconds;
    /* Leap seconds are put in before midnight UTC: the second after is a new day's first. */
    if (s->second == 60 && seconds % SECONDS_PER_DAY != 0)
        return WEIR_E_INVALID;
    return parts_to_ns(seconds, s->nanosecond, ret_ns);
}

static inline bool two_digits(const char *at, unsigned *ret)
{
    unsigned tens = (unsigned char)(at[0] - '0'), ones = (unsigned char)(at[1] - '0');
    *ret = tens * 10 + ones;
    return tens <= 9 && ones <= 9;
}

int stamp_fraction_read(const char **at, const char *end, unsigned *ret_ns)
{
    unsigned value = 0, digits = 0;
    bool lost = false;
    for (; *at < end && (unsigned char)(**at - '0') <= 9; (*at)++, digits++) {
        if (digits < 9)
            value = value * 10 + (unsigned)(**at - '0');
        else
            lost |= **at != '0';
    }
    if (digits == 0)
        return WEIR_E_INVALID;
    for (; digits < 9; digits++)
        value *= 10;
    *ret_ns = value;
    return lost ? WEIR_E_LIMIT : 0;
}

int stamp_offset_read(const char **at, const char *end, bool loose, int32_t *ret_seconds)
{
    const char *s = *at;
    if (s < end && (*s == 'Z' || *s == 'z')) {
        *ret_seconds = 0;
        *at = s + 1;
        return 0;
    }
    unsigned hours, minutes = 0;
    if (end - s < 3 || (*s != '+' && *s != '-') || !two_digits(s + 1, &hours))
        return WEIR_E_INVALID;
    bool negative = *s == '-';
    s += 3;
    bool colon = s < end && *s == ':';
    if (colon || !loose || (s < end && (unsigned char)(*s - '0') <= 9)) {
        s += colon;
        if ((!colon && !loose) || end - s < 2 || !two_digits(s, &minutes))
            return WEIR_E_INVALID;
        s += 2;
    }
    if (hours > 23 || minutes > 59)
        return WEIR_E_INVALID;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    *ret_seconds = negative ? -seconds : seconds;
    *at = s;
    return 0;
}

int time_read_rfc3339(const char *data, size_t length, int64_t *ret_ns)
{
    struct stamp s = {0};
    unsigned century, year;
    const char *at = data, *end = data + length;
    if (length < 10 || !two_digits(at, &century) || !two_digits(at + 2, &year) || at[4] != '-' ||
        !two_digits(at + 5, &s.month) || at[7] != '-' || !two_digits(at + 8, &s.day))
        return WEIR_E_INVALID;
    s.year = (int32_t)(century * 100 + year);
    if (length == 10)
        return stamp_to_ns(&s, ret_ns);
    if (length < 20 || (at[10] != 'T' && at[10] != 't' && at[10] != ' ') ||
        !two_digits(at + 11, &s.hour) || at[13] != ':' || !two_digits(at + 14, &s.minute) ||
        at[16] != ':' || !two_digits(at + 17, &s.second))
        return WEIR_E_INVALID;
    at += 19;
    int status = 0;
    if (*at == '.') {
        at++;
        status = stamp_fraction_read(&at, end, &s.nanosecond);
        if (status == WEIR_E_INVALID)
            return status;
    }
    if (stamp_offset_read(&at, end, false, &s.offset_seconds) != 0 || at != end)
        return WEIR_E_INVALID;
    int64_t ns;
    int stamp_status = stamp_to_ns(&s, &ns);
    if (stamp_status != 0 || status != 0)
        return stamp_status != 0 ? stamp_status : status;
    *ret_ns = ns;
    return 0;
}

static char *put_digits(char *at, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digits;
}

void time_write_rfc3339(struct text *out, int64_t ns)
{
    struct civil c = civil_from_ns(ns);
    char buffer[40], *at = buffer;
    at = put_digits(at, (unsigned)c.year, 4);
    *at++ = '-';
    at = put_digits(at, c.month, 2);
    *at++ = '-';
    at = put_digits(at, c.day, 2);
    *at++ = 'T';
    at = put_digits(at, c.hour, 2);
    *at++ = ':';
    at = put_digits(at, c.minute, 2);
    *at++ = ':';
    at = put_digits(at, c.second, 2);
    if (c.nanosecond) {
        *at++ = '.';
        if (c.nanosecond % 1000000 == 0)
            at = put_digits(at, c.nanosecond / 1000000, 3);
        else if (c.nanosecond % 1000 == 0)
            at = put_digits(at, c.nanosecond / 1000, 6);
        else
            at = put_digits(at, c.nanosecond, 9);
    }
    *at++ = 'Z';
    text_add_bytes(out, buffer, (size_t)(at - buffer));
}

int time_from_units(int64_t value, int64_t unit_ns, int64_t *ret_ns)
{
    int64_t ns;
    if (__builtin_mul_overflow(value, unit_ns, &ns))
        return WEIR_E_LIMIT;
    *ret_ns = ns;
    return 0;
}
