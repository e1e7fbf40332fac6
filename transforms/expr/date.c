/* SPDX-License-Identifier: Apache-2.0 */
/* date.c: see date.h. What a modifier does is SQLite's documented behaviour. */
#include "transforms/expr/date.h"

#include <math.h>
#include <strings.h>

#include "base/check.h"

#define MS_PER_SECOND 1000LL
#define MS_PER_MINUTE 60000LL
#define MS_PER_HOUR   3600000LL
#define MS_PER_DAY    86400000LL
/* Julian day 0 is noon of -4713-11-24. */
#define JULIAN_EPOCH_MS 210866760000000LL   /* from there to 1970 */
#define MOMENT_MS_MIN   (-62167219200000LL) /* 0000-01-01 */
#define MOMENT_MS_MAX   253402300799999LL   /* 9999-12-31T23:59:59.999 */
/* Any number of a modifier beyond this leads out of the range. */
#define MODIFIER_MS_MAX 1e15

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct moment moment_from_ns(int64_t ns)
{
    int64_t ms = floor_div(ns, 1000000);
    return (struct moment){ms, (uint32_t)(ns - ms * 1000000)};
}

bool moment_valid(struct moment moment)
{
    return moment.ms >= MOMENT_MS_MIN && moment.ms <= MOMENT_MS_MAX;
}

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void civil_from_days(int64_t days, int64_t *ret_year, uint32_t *ret_month, uint32_t *ret_day)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    uint32_t of_era = (uint32_t)(days - era * 146097);
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (int64_t)year + era * 400 + (*ret_month <= 2);
}

struct date_parts moment_parts(struct moment moment)
{
    struct date_parts p;
    int64_t days = floor_div(moment.ms, MS_PER_DAY);
    uint32_t rest = (uint32_t)(moment.ms - days * MS_PER_DAY);
    civil_from_days(days, &p.year, &p.month, &p.day);
    p.hour = rest / (uint32_t)MS_PER_HOUR;
    p.minute = rest / (uint32_t)MS_PER_MINUTE % 60;
    p.second = rest / (uint32_t)MS_PER_SECOND % 60;
    p.ms = rest % (uint32_t)MS_PER_SECOND;
    p.year_day = (uint32_t)(days - days_from_civil(p.year, 1, 1));
    p.weekday = (uint32_t)((days % 7 + 7 + 4) % 7);
    return p;
}

/* A day behind the end of its month runs on into the next, as in SQLite. */
static int64_t ms_of_day(int64_t year, uint32_t month, uint32_t day)
{
    return (days_from_civil(year, month, 1) + (int64_t)day - 1) * MS_PER_DAY;
}

bool moment_from_julian_day(double days, struct moment *ret)
{
    if (!(days >= 0 && days < 5373484.5))
        return false;
    *ret = (struct moment){llround(days * (double)MS_PER_DAY) - JULIAN_EPOCH_MS, 0};
    return true;
}

double moment_julian_day(struct moment moment)
{
    return (double)(moment.ms + JULIAN_EPOCH_MS) / (double)MS_PER_DAY;
}

/* --- reading times -------------------------------------------------------------------------- */

bool timestamp_read(const char *data, size_t length, int64_t *ret_ns)
{
    char text[64];
    if (time_read_rfc3339(data, length, ret_ns) == 0)
        return true;
    if (length < 16 || length > 40 || data[13] != ':')
        return false;
    bool seconds = length > 16 && data[16] == ':';
    char last = data[length - 1];
    bool zone = last == 'Z' || last == 'z' || memchr(data + 16, '+', length - 16) ||
                memchr(data + 16, '-', length - 16);
    int written = snprintf(text, sizeof text, "%.16s%s%.*s%s", data, seconds ? "" : ":00",
                           (int)(length - 16), data + 16, zone ? "" : "Z");
    return time_read_rfc3339(text, (size_t)written, ret_ns) == 0;
}

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_digits(struct cursor *c, int count, uint32_t minimum, uint32_t maximum,
                        uint32_t *ret)
{
    uint32_t value = 0;
    for (; count; count--, c->at++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return false;
        value = value * 10 + (uint32_t)(*c->at - '0');
    }
    *ret = value;
    return value >= minimum && value <= maximum;
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r')))
        c->at++;
}

/* HH:MM[:SS[.fraction]] as ns of a day. */
static bool take_time(struct cursor *c, int64_t *ret_ns)
{
    uint32_t hour, minute, second = 0;
    int64_t fraction = 0;
    if (!take_digits(c, 2, 0, 24, &hour) || !take(c, ':') || !take_digits(c, 2, 0, 59, &minute))
        return false;
    if (take(c, ':')) {
        if (!take_digits(c, 2, 0, 59, &second))
            return false;
        if (c->end - c->at > 1 && *c->at == '.' && c->at[1] >= '0' && c->at[1] <= '9') {
            int64_t unit = NS_PER_SECOND / 10;
            for (c->at++; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, unit /= 10)
                fraction += (*c->at - '0') * unit;
        }
    }
    *ret_ns = ((int64_t)hour * 3600 + minute * 60 + second) * NS_PER_SECOND + fraction;
    return true;
}

/* Nothing, Z, or +-HH:MM, then the end. */
static bool take_zone(struct cursor *c, int64_t *ret_minutes)
{
    uint32_t hours, minutes;
    *ret_minutes = 0;
    skip_blanks(c);
    if (!take(c, 'Z') && !take(c, 'z') && c->at < c->end) {
        bool west = *c->at == '-';
        if (!west && *c->at != '+')
            return false;
        c->at++;
        if (!take_digits(c, 2, 0, 14, &hours) || !take(c, ':') ||
            !take_digits(c, 2, 0, 59, &minutes))
            return false;
        *ret_minutes = (int64_t)(hours * 60 + minutes) * (west ? -1 : 1);
    }
    skip_blanks(c);
    return c->at == c->end;
}

bool moment_read(struct weir_str text, struct moment *ret)
{
    struct cursor c = {text.data, text.data + text.length};
    uint32_t year = 2000, month = 1, day = 1;
    int64_t ns = 0, zone = 0;
    double number;
    if (text.length >= 5 && text.data[2] == ':') {
        if (!take_time(&c, &ns) || !take_zone(&c, &zone))
            return false;
    } else if (take_digits(&c, 4, 0, 9999, &year) && take(&c, '-')) {
        if (!take_digits(&c, 2, 1, 12, &month) || !take(&c, '-') ||
            !take_digits(&c, 2, 1, 31, &day))
            return false;
        while (c.at < c.end && (*c.at == 'T' || *c.at == ' '))
            c.at++;
        if (c.at < c.end && (!take_time(&c, &ns) || !take_zone(&c, &zone)))
            return false;
    } else {
        return float_read(text.data, text.length, &number) == 0 &&
               moment_from_julian_day(number, ret);
    }
    ret->ms = ms_of_day(year, month, day) + ns / 1000000 - zone * MS_PER_MINUTE;
    ret->below_ns = (uint32_t)(ns % 1000000);
    return true;
}

/* --- modifiers ------------------------------------------------------------------------------ */

static bool word_is(const char *from, const char *end, const char *word)
{
    return (size_t)(end - from) == strlen(word) && !strncasecmp(from, word, strlen(word));
}

/* `[sign] number unit[s]` */
static bool read_amount(const char *from, const char *end, struct modifier *ret)
{
    static const struct {
        const char *name;
        uint8_t kind;
        double ms; /* for months and years: of their fraction */
    } units[] = {
        {"second", MODIFIER_MS, 1e3},
        {"minute", MODIFIER_MS, 6e4},
        {"hour", MODIFIER_MS, 3.6e6},
        {"day", MODIFIER_MS, 8.64e7},
        {"month", MODIFIER_MONTHS, 30 * 8.64e7},
        {"year", MODIFIER_YEARS, 365 * 8.64e7},
    };
    const char *number_end = from;
    while (number_end < end && *number_end != ' ')
        number_end++;
    const char *unit = number_end;
    while (unit < end && *unit == ' ')
        unit++;
    const char *unit_end = end;
    if (unit_end - unit > 1 && (unit_end[-1] | 0x20) == 's')
        unit_end--;
    double number;
    const char *digits = *from == '+' ? from + 1 : from;
    if (float_read(digits, (size_t)(number_end - digits), &number) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!word_is(unit, unit_end, units[i].name))
            continue;
        double half = number < 0 ? -0.5 : 0.5;
        if (fabs(number * units[i].ms) > MODIFIER_MS_MAX)
            return false;
        *ret = (struct modifier){.kind = units[i].kind};
        if (units[i].kind != MODIFIER_MS) {
            ret->count = (int32_t)number;
            number -= ret->count;
        }
        ret->ms = (int64_t)(number * units[i].ms + half);
        return true;
    }
    return false;
}

/* +HH:MM[:SS[.SSS]] */
static bool read_clock(const char *from, const char *end, struct modifier *ret)
{
    struct cursor c = {from, end};
    bool minus = *from == '-';
    int64_t ns;
    if (*from == '+' || *from == '-')
        c.at++;
    if (!take_time(&c, &ns) || c.at != end)
        return false;
    *ret = (struct modifier){.kind = MODIFIER_MS, .ms = ns / 1000000 * (minus ? -1 : 1)};
    return true;
}

static bool read_start(const char *from, const char *end, struct modifier *ret)
{
    static const char *const units[] = {
        [START_MINUTE] = "start of minute", [START_HOUR] = "start of hour",
        [START_DAY] = "start of day",       [START_MONTH] = "start of month",
        [START_YEAR] = "start of year",
    };
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (word_is(from, end, units[i])) {
            *ret = (struct modifier){.kind = MODIFIER_START, .unit = (uint8_t)i};
            return true;
        }
    }
    return false;
}

bool modifier_read(struct weir_str text, struct modifier *ret, const char **ret_problem)
{
    const char *from = text.data, *end = text.data + text.length;
    *ret_problem = "it is none of '+N days' (hours, minutes, seconds, months, years), '+HH:MM', "
                   "'start of day' (minute, hour, month, year), 'weekday N', 'subsec'";
    if (from == end)
        return false;
    if (word_is(from, end, "localtime") || word_is(from, end, "utc")) {
        *ret_problem = "all times are UTC here; add hours, as in '+2 hours'";
        return false;
    }
    if (text.length == 9 && !strncasecmp(from, "weekday ", 8) && from[8] >= '0' && from[8] <= '6') {
        *ret = (struct modifier){.kind = MODIFIER_WEEKDAY, .count = from[8] - '0'};
        return true;
    }
    return read_start(from, end, ret) || read_clock(from, end, ret) || read_amount(from, end, ret);
}

static void apply_start(struct moment *moment, enum start_unit unit)
{
    static const int64_t lengths[] = {MS_PER_MINUTE, MS_PER_HOUR, MS_PER_DAY};
    moment->below_ns = 0;
    if (unit <= START_DAY) {
        moment->ms = floor_div(moment->ms, lengths[unit]) * lengths[unit];
        return;
    }
    struct date_parts p = moment_parts(*moment);
    moment->ms = ms_of_day(p.year, unit == START_YEAR ? 1 : p.month, 1);
}

static void apply_months(struct moment *moment, int64_t months)
{
    struct date_parts p = moment_parts(*moment);
    int64_t month = p.year * 12 + p.month - 1 + months;
    int64_t year = floor_div(month, 12);
    int64_t of_day = moment->ms - floor_div(moment->ms, MS_PER_DAY) * MS_PER_DAY;
    moment->ms = ms_of_day(year, (uint32_t)(month - year * 12) + 1, p.day) + of_day;
}

bool moment_apply(struct moment *moment, const struct modifier *modifier)
{
    switch ((enum modifier_kind)modifier->kind) {
    case MODIFIER_MS:
        break;
    case MODIFIER_MONTHS:
        apply_months(moment, modifier->count);
        break;
    case MODIFIER_YEARS:
        apply_months(moment, modifier->count * 12LL);
        break;
    case MODIFIER_START:
        apply_start(moment, (enum start_unit)modifier->unit);
        break;
    case MODIFIER_WEEKDAY: {
        int64_t today = moment_parts(*moment).weekday;
        moment->ms += (modifier->count - today + 7) % 7 * MS_PER_DAY;
        break;
    }
    }
    moment->ms += modifier->ms;
    return moment_valid(*moment);
}

/* --- strftime ------------------------------------------------------------------------------- */

bool date_letter_known(char letter)
{
    return letter && strchr("defFgGHIjJklmMpPRsSTuUVwWY%", letter);
}

/* ISO 8601: a week belongs to the year of its Thursday. */
static struct date_parts thursday_of(struct moment moment, const struct date_parts *p)
{
    int64_t monday_based = (p->weekday + 6) % 7;
    struct date_parts thursday =
        moment_parts((struct moment){moment.ms + (3 - monday_based) * MS_PER_DAY, 0});
    if (thursday.year < 0)
        thursday.year = 0; /* of 0000-01-01 */
    return thursday;
}

/* At least `width` digits, filled with `fill`. Returns the length. */
static uint32_t put_number(char *out, uint64_t value, uint32_t width, char fill)
{
    char digits[24];
    uint32_t count = 0, length = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (; length + count < width; length++)
        out[length] = fill;
    while (count)
        out[length++] = digits[--count];
    return length;
}

static uint32_t put_two(char *out, uint32_t value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return 2;
}

static uint32_t put_text(char *out, const char *text)
{
    memcpy(out, text, 2);
    return 2;
}

static uint32_t put_clock(char *out, const struct date_parts *p, bool seconds)
{
    put_two(out, p->hour);
    out[2] = ':';
    put_two(out + 3, p->minute);
    if (!seconds)
        return 5;
    out[5] = ':';
    put_two(out + 6, p->second);
    return 8;
}

static uint32_t put_date(char *out, const struct date_parts *p)
{
    uint32_t length = put_number(out, (uint64_t)p->year, 4, '0');
    out[length++] = '-';
    length += put_two(out + length, p->month);
    out[length++] = '-';
    return length + put_two(out + length, p->day);
}

static uint32_t put_seconds(char *out, const struct date_parts *p)
{
    put_two(out, p->second);
    out[2] = '.';
    return 3 + put_number(out + 3, p->ms, 3, '0');
}

static uint32_t put_signed(char *out, int64_t value)
{
    uint32_t sign = value < 0;
    out[0] = '-';
    return sign + put_number(out + sign, (uint64_t)(value < 0 ? -value : value), 1, '0');
}

uint32_t date_letter_write(char letter, struct moment moment, const struct date_parts *p, char *out)
{
    const uint32_t twelve = p->hour % 12 ? p->hour % 12 : 12;
    switch (letter) {
    case 'd':
        return put_two(out, p->day);
    case 'e':
        return put_number(out, p->day, 2, ' ');
    case 'f':
        return put_seconds(out, p);
    case 'F':
        return put_date(out, p);
    case 'g':
        return put_two(out, (uint32_t)(thursday_of(moment, p).year % 100));
    case 'G':
        return put_number(out, (uint64_t)thursday_of(moment, p).year, 4, '0');
    case 'H':
        return put_two(out, p->hour);
    case 'I':
        return put_two(out, twelve);
    case 'j':
        return put_number(out, p->year_day + 1, 3, '0');
    case 'J':
        return (uint32_t)snprintf(out, DATE_LETTER_BYTES_MAX, "%.16g", moment_julian_day(moment));
    case 'k':
        return put_number(out, p->hour, 2, ' ');
    case 'l':
        return put_number(out, twelve, 2, ' ');
    case 'm':
        return put_two(out, p->month);
    case 'M':
        return put_two(out, p->minute);
    case 'p':
        return put_text(out, p->hour >= 12 ? "PM" : "AM");
    case 'P':
        return put_text(out, p->hour >= 12 ? "pm" : "am");
    case 'R':
        return put_clock(out, p, false);
    case 's':
        return put_signed(out, floor_div(moment.ms, MS_PER_SECOND));
    case 'S':
        return put_two(out, p->second);
    case 'T':
        return put_clock(out, p, true);
    case 'u':
        return put_number(out, p->weekday ? p->weekday : 7, 1, '0');
    case 'U':
        return put_two(out, (p->year_day + 7 - p->weekday) / 7);
    case 'V':
        return put_two(out, thursday_of(moment, p).year_day / 7 + 1);
    case 'w':
        return put_number(out, p->weekday, 1, '0');
    case 'W':
        return put_two(out, (p->year_day + 7 - (p->weekday + 6) % 7) / 7);
    case 'Y':
        return put_number(out, (uint64_t)p->year, 4, '0');
    default:
        out[0] = letter;
        return 1;
    }
}
