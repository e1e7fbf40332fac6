/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>

#include "base/check.h"
#include "base/value.h"

/* Powers of ten that an int64_t holds. */
static const int64_t powers_of_ten[] = {
    1LL,
    10LL,
    100LL,
    1000LL,
    10000LL,
    100000LL,
    1000000LL,
    10000000LL,
    100000000LL,
    1000000000LL,
    10000000000LL,
    100000000000LL,
    1000000000000LL,
    10000000000000LL,
    100000000000000LL,
    1000000000000000LL,
    10000000000000000LL,
    100000000000000000LL,
    1000000000000000000LL,
};
_Static_assert(COUNT_OF(powers_of_ten) == WEIR_DECIMAL_SCALE_MAX + 1, "one for each scale");

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* Eight digits at once: adds neighbours, then pairs, then fours (the little-endian order puts the
 * first digit lowest). False when one of the bytes is not a digit. */
static inline bool eight_digits(const char *data, uint64_t *ret_value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t x;
    memcpy(&x, data, sizeof x);
    if ((x & 0xf0f0f0f0f0f0f0f0ULL) != 0x3030303030303030ULL ||
        ((x + 0x0606060606060606ULL) & 0xf0f0f0f0f0f0f0f0ULL) != 0x3030303030303030ULL)
        return false;
    x -= 0x3030303030303030ULL;
    x = x * 10 + (x >> 8);
    x = ((x & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32)) +
         ((x >> 16) & 0x000000ff000000ffULL) * (1 + (10000ULL << 32))) >>
        32;
    *ret_value = x;
    return true;
#else
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        if (!is_digit(data[i]))
            return false;
        value = value * 10 + (uint64_t)(data[i] - '0');
    }
    *ret_value = value;
    return true;
#endif
}

int int_read(const char *data, size_t length, int64_t *ret_value)
{
    const char *at = data, *end = data + length;
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    if (at == end)
        return WEIR_E_INVALID;
    uint64_t value = 0;
    bool overflow = false;
    uint64_t part;
    /* Nineteen digits cannot overflow 64 bits: the first sixteen need no look. */
    for (int i = 0; i < 2 && end - at >= 8 && eight_digits(at, &part); i++, at += 8)
        value = value * 100000000 + part;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)(*at - '0');
        if (digit > 9)
            return WEIR_E_INVALID;
        overflow |= __builtin_mul_overflow(value, 10u, &value);
        overflow |= __builtin_add_overflow(value, digit, &value);
    }
    if (overflow || value > (uint64_t)INT64_MAX + negative)
        return WEIR_E_LIMIT;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

/*
 * A number as written: number = [sign] digits ["." digits] [("e"|"E") [sign] digits], no zeros in
 * front. Its value is `mantissa` x 10^exponent, where mantissa has neither leading nor trailing
 * zeros of the text and is exact as long as `digits` <= 19.
 */
struct number {
    bool negative;
    uint64_t mantissa;
    uint64_t digits;
    int64_t exponent;
};

#define EXPONENT_MAX 1000000000 /* where a written exponent is no longer counted up */

struct mantissa {
    uint64_t value;
    uint64_t digits;
    uint64_t zeros; /* seen behind the last digit that is not zero */
};

static inline void mantissa_add(struct mantissa *m, unsigned digit)
{
    if (digit == 0) {
        m->zeros += m->digits > 0;
        return;
    }
    m->digits += m->zeros + 1;
    if (m->digits <= 19)
        m->value = m->value * (uint64_t)powers_of_ten[m->zeros] * 10 + digit;
    m->zeros = 0;
}

static int exponent_read(const char *at, const char *end, int64_t *ret_exponent)
{
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    if (at == end)
        return WEIR_E_INVALID;
    int64_t exponent = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return WEIR_E_INVALID;
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    }
    *ret_exponent = negative ? -exponent : exponent;
    return 0;
}

static int number_read(const char *data, size_t length, struct number *ret_number)
{
    const char *at = data, *end = data + length;
    struct number number = {0};
    struct mantissa m = {0};
    if (at < end && (*at == '-' || *at == '+'))
        number.negative = *at++ == '-';
    const char *whole = at;
    for (; at < end && is_digit(*at); at++)
        mantissa_add(&m, (unsigned)(*at - '0'));
    if (at == whole || (*whole == '0' && at - whole > 1))
        return WEIR_E_INVALID;
    int64_t fraction_digits = 0;
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        for (; at < end && is_digit(*at); at++)
            mantissa_add(&m, (unsigned)(*at - '0'));
        fraction_digits = at - fraction;
        if (fraction_digits == 0)
            return WEIR_E_INVALID;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        int status = exponent_read(at + 1, end, &number.exponent);
        if (status != 0)
            return status;
    } else if (at != end) {
        return WEIR_E_INVALID;
    }
    number.mantissa = m.value;
    number.digits = m.digits;
    number.exponent += (int64_t)m.zeros - fraction_digits;
    *ret_number = number;
    return 0;
}

static locale_t c_locale;
static void c_locale_make(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(c_locale != (locale_t)0);
}

/* The slow, always correct way. The text is known to be a number. */
static int strtod_read(const char *data, size_t length, double *ret_value)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, c_locale_make); /* a plugin may have called setlocale */
    char buffer[128];
    char *copy = length < sizeof buffer ? buffer : malloc(length + 1);
    if (!copy)
        return WEIR_E_NOMEM;
    memcpy(copy, data, length);
    copy[length] = '\0';
    double value = strtod_l(copy, NULL, c_locale);
    if (copy != buffer)
        free(copy);
    if (!isfinite(value))
        return WEIR_E_LIMIT;
    *ret_value = value;
    return 0;
}

int float_read(const char *data, size_t length, double *ret_value)
{
    struct number number;
    int status = number_read(data, length, &number);
    if (status != 0)
        return status;
    if (number.digits == 0) {
        *ret_value = number.negative ? -0.0 : 0.0;
        return 0;
    }
    /* Clinger's fast path: both operands are exact, so that one operation rounds once. */
    if (number.digits <= 19 && number.mantissa <= (uint64_t)1 << 53 && number.exponent >= -22 &&
        number.exponent <= 22) {
        double value = (double)number.mantissa;
        value = number.exponent < 0 ? value / exact_powers[-number.exponent]
                                    : value * exact_powers[number.exponent];
        *ret_value = number.negative ? -value : value;
        return 0;
    }
    return strtod_read(data, length, ret_value);
}

bool int64_scale(uint64_t magnitude, unsigned exponent, bool negative, int64_t *ret_value)
{
    uint64_t scaled;
    if (exponent >= COUNT_OF(powers_of_ten) ||
        __builtin_mul_overflow(magnitude, (uint64_t)powers_of_ten[exponent], &scaled) ||
        scaled > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - scaled) : (int64_t)scaled;
    return true;
}

int decimal_read(const char *data, size_t length, uint8_t scale, int64_t *ret_value)
{
    struct number number;
    int status = number_read(data, length, &number);
    if (status != 0)
        return status;
    if (number.digits == 0) {
        *ret_value = 0;
        return 0;
    }
    int64_t exponent = number.exponent + scale;
    if (number.digits > 19 || exponent < 0 || exponent > WEIR_DECIMAL_SCALE_MAX ||
        !int64_scale(number.mantissa, (unsigned)exponent, number.negative, ret_value))
        return WEIR_E_LIMIT;
    return 0;
}

int bool_read(const char *data, size_t length, uint8_t *ret_value)
{
    if ((length == 4 && memcmp(data, "true", 4) == 0) || (length == 1 && *data == '1'))
        *ret_value = 1;
    else if ((length == 5 && memcmp(data, "false", 5) == 0) || (length == 1 && *data == '0'))
        *ret_value = 0;
    else
        return WEIR_E_INVALID;
    return 0;
}

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

/* Digits of value, written so that they end before `end`; at least `least` of them. */
static char *digits_before(char *end, uint64_t value, int least)
{
    char *at = end;
    while (value >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + 2 * value, 2);
    } else if (value > 0) {
        *--at = (char)('0' + value);
    }
    while (end - at < least)
        *--at = '0';
    return at;
}

static char *wide_digits_before(char *end, unsigned __int128 value, int least)
{
    const uint64_t chunk = 1000000000000000000ULL;
    char *at = end;
    for (; value > UINT64_MAX; value /= chunk)
        at = digits_before(at, (uint64_t)(value % chunk), 18);
    return digits_before(at, (uint64_t)value, least - (int)(end - at));
}

void int_write(struct text *out, int64_t value)
{
    char buffer[24], *end = buffer + sizeof buffer;
    char *at = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
    if (value < 0)
        *--at = '-';
    text_add_bytes(out, at, (size_t)(end - at));
}

void int128_write(struct text *out, int128 value)
{
    decimal_write(out, value, 0);
}

void decimal_write(struct text *out, int128 value, uint8_t scale)
{
    char buffer[64], *end = buffer + sizeof buffer;
    unsigned __int128 magnitude =
        value < 0 ? 0 - (unsigned __int128)value : (unsigned __int128)value;
    DEBUG_CHECK(scale <= WEIR_DECIMAL_SCALE_MAX);
    char *at = wide_digits_before(end, magnitude, scale + 1);
    if (scale > 0) { /* one place further on for the point */
        memmove(at - 1, at, (size_t)(end - at) - scale);
        at--;
        end[-1 - scale] = '.';
    }
    if (value < 0)
        *--at = '-';
    text_add_bytes(out, at, (size_t)(end - at));
}

/*
 * m / 10^scale for the smallest scale up to 6, if there is one: then m has at most 15 digits, both
 * operands are exact and the quotient is correctly rounded, so the decimal reads back as the double
 * and none with fewer digits does. Most floats that people write are of this form.
 */
static bool short_decimal(double magnitude, int64_t *ret_digits, uint8_t *ret_scale)
{
    if (!(magnitude >= 1e-4 && magnitude < 1e15) && magnitude != 0)
        return false;
    for (uint8_t scale = 0; scale <= 6; scale++) {
        double scaled = magnitude * exact_powers[scale];
        if (scaled >= 1e15)
            return false;
        int64_t digits = (int64_t)(scaled + 0.5);
        if ((double)digits / exact_powers[scale] == magnitude) {
            *ret_digits = digits;
            *ret_scale = scale;
            return true;
        }
    }
    return false;
}

#define FLOAT_TEXT_BYTES 40

static int digits_text(double value, int precision, char buffer[FLOAT_TEXT_BYTES])
{
    int length = snprintf(buffer, FLOAT_TEXT_BYTES, "%.*g", precision, value);
    char *comma = memchr(buffer, ',', (size_t)length); /* a locale's point */
    if (comma)
        *comma = '.';
    return length;
}

static bool reads_as(const char *text, int length, double value)
{
    double back;
    return strtod_read(text, (size_t)length, &back) == 0 && back == value;
}

/* The decimal of 16 digits above the nearest one; false where that carries into the first digit. */
static bool next_digits_text(double value, char buffer[FLOAT_TEXT_BYTES], int *ret_length)
{
    int length = snprintf(buffer, FLOAT_TEXT_BYTES, "%.15e", value);
    for (char *at = memchr(buffer, 'e', (size_t)length); at > buffer + 1;) {
        at--;
        if (*at == '9') {
            *at = '0';
        } else if (is_digit(*at)) {
            ++*at;
            *ret_length = length;
            return true;
        } else {
            *at = '.'; /* a locale's point */
        }
    }
    return false;
}

/*
 * Fifteen digits survive the way through a normal double, so that nothing shorter than %.15g
 * without its zeros can read back; a subnormal has fewer. With 16 digits the nearest decimal is the
 * right one unless the value is a power of two: there the doubles below are twice as dense, and it
 * may be that only the decimal above reads back.
 */
static int shortest(double value, char buffer[FLOAT_TEXT_BYTES])
{
    int exponent, length;
    int first = fabs(value) < DBL_MIN ? 1 : 15;
    for (int precision = first; precision <= 16; precision++) {
        length = digits_text(value, precision, buffer);
        if (reads_as(buffer, length, value))
            return length;
    }
    if (fabs(frexp(value, &exponent)) == 0.5 && next_digits_text(value, buffer, &length) &&
        reads_as(buffer, length, value))
        return length;
    return digits_text(value, 17, buffer);
}

void float_write(struct text *out, double value)
{
    int64_t digits;
    uint8_t scale;
    if (short_decimal(fabs(value), &digits, &scale)) {
        if (signbit(value))
            text_add_char(out, '-');
        decimal_write(out, digits, scale);
        if (scale == 0)
            text_add_bytes(out, ".0", 2);
        return;
    }
    char buffer[FLOAT_TEXT_BYTES];
    int length = shortest(value, buffer);
    text_add_bytes(out, buffer, (size_t)length);
    if (isfinite(value) && !memchr(buffer, '.', (size_t)length) &&
        !memchr(buffer, 'e', (size_t)length))
        text_add_bytes(out, ".0", 2);
}
