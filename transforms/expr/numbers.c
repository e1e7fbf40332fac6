/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c: exact comparisons and roundings between int, decimal and float, and their texts. */
#include <math.h>

#include "transforms/expr/eval.h"

const int64_t decimal_powers[WEIR_DECIMAL_SCALE_MAX + 1] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

int int_compare_float(int64_t value, double other)
{
    if (other >= 0x1p63)
        return -1;
    if (other < -0x1p63)
        return 1;
    /* Whole parts first: both are exact as ints. */
    int64_t whole = (int64_t)other;
    if (value != whole)
        return value < whole ? -1 : 1;
    double rest = other - (double)whole;
    return (rest < 0) - (rest > 0);
}

double decimal_to_float(int64_t value, uint8_t scale)
{
    /* Both exact below 2^53, so that the division is rounded once. Above, the long double (64 bits
     * of mantissa on x86) is exact. */
    if (value > -(1LL << 53) && value < 1LL << 53)
        return (double)value / (double)decimal_powers[scale];
    return (double)((long double)value / (long double)decimal_powers[scale]);
}

/* a x 10^digits to the nearest whole number, halves up; a is not negative. The product is held
 * exactly as hi + lo. False: 2^63 and more. */
static bool scaled_nearest(double a, double power, uint64_t *ret)
{
    double hi = a * power, lo = fma(a, power, -hi);
    if (!(hi < 0x1p63))
        return false;
    if (hi < 0x1p53) {
        double whole = floor(hi);
        *ret = (uint64_t)whole + ((hi - whole - 0.5) >= -lo);
    } else {
        double whole = floor(lo);
        *ret = (uint64_t)hi + (uint64_t)(int64_t)whole + (lo - whole >= 0.5);
    }
    return true;
}

bool float_to_decimal(double value, uint8_t scale, int64_t *ret_value)
{
    uint64_t magnitude;
    if (!scaled_nearest(fabs(value), (double)decimal_powers[scale], &magnitude) ||
        magnitude > INT64_MAX)
        return false;
    *ret_value = value < 0 ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

double float_round(double value, int digits)
{
    double a = fabs(value);
    uint64_t whole;
    if (digits < 0)
        digits = 0;
    if (!(a < 0x1p52))
        return value;
    if (digits <= WEIR_DECIMAL_SCALE_MAX) {
        double power = (double)decimal_powers[digits];
        /* Whole and power are exact, so the division rounds once: to the double nearest to the
         * decimal number. */
        if (a * power < 0x1p53 && scaled_nearest(a, power, &whole))
            return copysign((double)whole / power, value) + 0.0;
    }
    char text[400];
    snprintf(text, sizeof text, "%.*f", digits < 30 ? digits : 30, value);
    return strtod(text, NULL);
}

bool decimal_rescale(int64_t value, uint8_t from, uint8_t to, int64_t *ret_value)
{
    if (to >= from)
        return !__builtin_mul_overflow(value, decimal_powers[to - from], ret_value);
    int64_t power = decimal_powers[from - to], half = power / 2;
    int64_t whole = value / power, rest = value % power;
    *ret_value = whole + (rest >= half) - (rest <= -half);
    return true;
}

/* --- texts ---------------------------------------------------------------------------------- */

/* Digits that end before `end`, at least `least` of them; returns where they begin. */
static char *digits_before(char *end, uint64_t value, int least)
{
    for (; value || least > 0; value /= 10, least--)
        *--end = (char)('0' + value % 10);
    return end;
}

uint32_t decimal_to_text(int64_t value, uint8_t scale, char *buffer)
{
    char digits[NUMBER_TEXT_BYTES], *end = digits + sizeof digits;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at;
    if (scale) {
        at = digits_before(end, magnitude % (uint64_t)decimal_powers[scale], scale);
        *--at = '.';
        at = digits_before(at, magnitude / (uint64_t)decimal_powers[scale], 1);
    } else {
        at = digits_before(end, magnitude, 1);
    }
    if (value < 0)
        *--at = '-';
    memcpy(buffer, at, (size_t)(end - at));
    return (uint32_t)(end - at);
}

uint32_t int_to_text(int64_t value, char *buffer)
{
    return decimal_to_text(value, 0, buffer);
}

/* SQLite's "%!.15g": fifteen digits, and always a point. */
uint32_t float_to_text(double value, char *buffer)
{
    /* Zero has no sign. */
    int length = snprintf(buffer, NUMBER_TEXT_BYTES, "%.15g", value == 0 ? 0.0 : value);
    if (memchr(buffer, '.', (size_t)length))
        return (uint32_t)length;
    char *exponent = memchr(buffer, 'e', (size_t)length);
    char *at = exponent ? exponent : buffer + length;
    memmove(at + 2, at, (size_t)(buffer + length - at));
    at[0] = '.';
    at[1] = '0';
    return (uint32_t)length + 2;
}

/* RFC 3339 in UTC with as many digits of a second as there are, in threes. */
uint32_t timestamp_to_text(int64_t ns, char *buffer)
{
    struct civil c = civil_from_ns(ns);
    int length = snprintf(buffer, NUMBER_TEXT_BYTES, "%04d-%02u-%02uT%02u:%02u:%02u", c.year,
                          c.month, c.day, c.hour, c.minute, c.second);
    uint32_t fraction = c.nanosecond;
    int digits = 9;
    while (digits && fraction % 1000 == 0) {
        fraction /= 1000;
        digits -= 3;
    }
    if (digits)
        length += snprintf(buffer + length, NUMBER_TEXT_BYTES - (size_t)length, ".%0*u", digits,
                           fraction);
    buffer[length++] = 'Z';
    return (uint32_t)length;
}

/* --- UTF-8 ---------------------------------------------------------------------------------- */

uint32_t utf8_read(const char *data, const char *end, uint32_t *ret_length)
{
    const unsigned char *p = (const unsigned char *)data;
    uint32_t length = utf8_length(*p);
    *ret_length = 1;
    if ((size_t)(end - data) < length || *p < 0x80)
        return *p;
    *ret_length = length;
    uint32_t code = *p & (0xffu >> (length + 1));
    for (uint32_t i = 1; i < length; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

uint32_t utf8_write(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    uint32_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (uint32_t i = length - 1; i; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00 >> length) | code);
    return length;
}

/* Bytes that begin a character are those that are not 10xxxxxx. */
size_t utf8_count(const char *data, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)data[i] & 0xc0) != 0x80;
    return count;
}

size_t utf8_offset(const char *data, size_t length, size_t index)
{
    size_t at = 0;
    for (; index && at < length; index--) {
        at++;
        while (at < length && ((unsigned char)data[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}
