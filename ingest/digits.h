/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digits.h: short plain numbers, eight digits at a time.
 *
 * For the hot path: what is not plain (an exponent, more digits, a leading zero) is answered with
 * false and left to the readers of base/value.h, which know all forms and say what is wrong. Eight
 * bytes can be read behind the text.
 */
#ifndef INGEST_DIGITS_H
#define INGEST_DIGITS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 18 /* 10^18 fits into an int64_t */

/* The first byte lowest, on any machine. */
static inline uint64_t digits_load(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

/* The number that the lowest `count` (1 to 8) bytes of a word say. Neighbours are joined to pairs,
 * pairs to fours, fours to eight; bytes shifted in at the bottom are leading zeros. */
static inline bool digits_join(uint64_t word, uint32_t count, uint64_t *ret_value)
{
    uint64_t x = (word ^ 0x3030303030303030ULL) << (64 - 8 * count);
    if (((x + 0x7676767676767676ULL) | x) & 0x8080808080808080ULL)
        return false;
    x = x * 10 + (x >> 8);
    x = ((x & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32)) +
         ((x >> 16) & 0x000000ff000000ffULL) * (1 + (10000ULL << 32))) >>
        32;
    *ret_value = x;
    return true;
}

/* 1 to DIGITS_MAX digits and nothing else. */
static inline bool digits_read(const char *p, uint32_t count, uint64_t *ret_value)
{
    if (count - 1 >= DIGITS_MAX)
        return false;
    uint32_t first = (count - 1) % 8 + 1;
    uint64_t value;
    if (!digits_join(digits_load(p), first, &value))
        return false;
    for (uint32_t at = first; at < count; at += 8) {
        uint64_t eight;
        if (!digits_join(digits_load(p + at), 8, &eight))
            return false;
        value = value * 100000000 + eight;
    }
    *ret_value = value;
    return true;
}

/* "12.50" is 1250 with two digits behind the point: up to eight bytes, without sign, as JSON writes
 * them. */
static inline bool digits_split(const char *p, uint32_t count, uint64_t *ret_value,
                                uint32_t *ret_behind)
{
    if (count - 1 >= 8)
        return false;
    uint64_t word = digits_load(p);
    uint64_t z = word ^ 0x2e2e2e2e2e2e2e2eULL;
    uint64_t points = (z - 0x0101010101010101ULL) & ~z & 0x8080808080808080ULL;
    points <<= 64 - 8 * count;
    bool zero = (char)word == '0';
    if (!points) {
        *ret_behind = 0;
        return !(zero && count > 1) && digits_join(word, count, ret_value);
    }
    uint32_t point = ((uint32_t)__builtin_ctzll(points) - (64 - 8 * count)) / 8;
    *ret_behind = count - 1 - point;
    if (point == 0 || *ret_behind == 0 || (zero && point > 1))
        return false;
    uint64_t before = ((uint64_t)1 << (8 * point)) - 1;
    return digits_join((word & before) | (word >> 8 & ~before), count - 1, ret_value);
}

#endif
