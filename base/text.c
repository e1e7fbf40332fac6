/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/check.h"
#include "base/memory.h"

#define TEXT_BYTES_MIN      64
#define SUGGEST_BYTES_MAX   64
#define FORMAT_BUFFER_BYTES 256

void text_done(struct text *text)
{
    if (!text)
        return;
    free(text->data);
    *text = (struct text){.limit_bytes = text->limit_bytes};
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

/* Room for `bytes` more and a NUL. The capacity never passes the limit and its NUL, so that what
 * has room is within the limit. */
static bool make_room(struct text *text, size_t bytes)
{
    if (text->failed)
        return false;
    size_t limit = text->limit_bytes ? text->limit_bytes : SIZE_MAX / 4;
    if (bytes > limit - text->length) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + bytes + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity * 2 : TEXT_BYTES_MIN;
    if (capacity < needed)
        capacity = needed;
    if (capacity > limit + 1)
        capacity = limit + 1;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const void *data, size_t length)
{
    if (unlikely(text->failed || length >= text->capacity - text->length) &&
        !make_room(text, length))
        return;
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add_char_slow(struct text *text, char c)
{
    text_add_bytes(text, &c, 1);
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_addv(text, format, arguments);
    va_end(arguments);
}

void text_addv(struct text *text, const char *format, va_list arguments)
{
    char buffer[FORMAT_BUFFER_BYTES];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(buffer, sizeof buffer, format, arguments);
    if (length < 0) {
        text->failed = true;
    } else if ((size_t)length < sizeof buffer) {
        text_add_bytes(text, buffer, (size_t)length);
    } else if (make_room(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

char *text_take(struct text *text)
{
    char *data = text->data ? text->data : mem_strdup("");
    text->data = NULL;
    text_done(text);
    return data;
}

bool str_equal(struct weir_str a, struct weir_str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool str_is(struct weir_str a, const char *string)
{
    return str_equal(a, str_of(string));
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* RFC 3629, section 4: the second byte's range is what rules out overlong forms, surrogates and
 * what lies beyond U+10FFFF. */
size_t utf8_character_bytes(const char *data, size_t length)
{
    const unsigned char *s = (const unsigned char *)data;
    if (length == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    unsigned lowest = 0x80, highest = 0xbf;
    size_t bytes;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        bytes = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        bytes = 3;
        if (s[0] == 0xe0)
            lowest = 0xa0;
        if (s[0] == 0xed)
            highest = 0x9f;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        bytes = 4;
        if (s[0] == 0xf0)
            lowest = 0x90;
        if (s[0] == 0xf4)
            highest = 0x8f;
    } else {
        return 0;
    }
    if (length < bytes || s[1] < lowest || s[1] > highest)
        return 0;
    for (size_t i = 2; i < bytes; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

bool utf8_valid(const char *data, size_t length)
{
    size_t i = 0;
    while (i < length) {
        uint64_t word;
        while (length - i >= sizeof word) {
            memcpy(&word, data + i, sizeof word);
            if (word & 0x8080808080808080ULL)
                break;
            i += sizeof word;
        }
        while (i < length && (signed char)data[i] >= 0)
            i++; /* fewer than eight */
        if (i == length)
            break;
        size_t bytes = utf8_character_bytes(data + i, length - i);
        if (bytes == 0)
            return false;
        i += bytes;
    }
    return true;
}

void text_add_base64(struct text *text, const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = data;
    if (length > SIZE_MAX / 2 || !make_room(text, (length + 2) / 3 * 4))
        return;
    char *out = text->data + text->length;
    for (; length >= 3; length -= 3, s += 3) {
        uint32_t bits = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = digits[bits >> 6 & 63];
        *out++ = digits[bits & 63];
    }
    if (length) {
        uint32_t bits = (uint32_t)s[0] << 16 | (length == 2 ? (uint32_t)s[1] << 8 : 0);
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = length == 2 ? digits[bits >> 6 & 63] : '=';
        *out++ = '=';
    }
    *out = '\0';
    text->length = (size_t)(out - text->data);
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][SUGGEST_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_length];
}

const char *suggest(const char *name, size_t count,
                    const char *(*at)(const void *context, size_t i), const void *context)
{
    size_t length = strlen(name);
    if (length < 2 || length > SUGGEST_BYTES_MAX)
        return NULL;
    size_t nearest = length / 3 > 1 ? length / 3 : 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = at(context, i);
        size_t candidate_length = candidate ? strlen(candidate) : 0;
        if (candidate_length == 0 || candidate_length > SUGGEST_BYTES_MAX)
            continue;
        size_t d = distance(name, length, candidate, candidate_length);
        if (d < nearest || (d == nearest && !found)) {
            nearest = d;
            found = candidate;
        }
    }
    return found;
}
