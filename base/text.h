/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h: growing text, and small questions about text.
 *
 * struct text is a buffer that grows; data is always terminated by a NUL once something was added.
 * Growth beyond limit_bytes (0: none) or without memory sets `failed` and drops what is added from
 * then on, so that a writer checks once, at the end.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/types.h>

struct text {
    char *data;
    size_t length;
    size_t capacity;
    size_t limit_bytes;
    bool failed;
};

#define TEXT_INIT                                                                                  \
    {                                                                                              \
        NULL, 0, 0, 0, false                                                                       \
    }

void text_done(struct text *text);
void text_clear(struct text *text);
void text_add_bytes(struct text *text, const void *data, size_t length);
static inline void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}
void text_add_char_slow(struct text *text, char c);
static inline void text_add_char(struct text *text, char c)
{
    if (__builtin_expect(text->length + 2 > text->capacity || text->failed, 0)) {
        text_add_char_slow(text, c);
        return;
    }
    text->data[text->length++] = c;
    text->data[text->length] = '\0';
}
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_addv(struct text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* The buffer itself, which the caller frees with free(); the text is empty afterwards. Never NULL.
 */
char *text_take(struct text *text);

static inline struct weir_str str_of(const char *string)
{
    struct weir_str s = {string, (uint32_t)strlen(string), 0};
    return s;
}
static inline struct weir_str str_make(const char *data, size_t length)
{
    struct weir_str s = {data, (uint32_t)length, 0};
    return s;
}
bool str_equal(struct weir_str a, struct weir_str b);
bool str_is(struct weir_str a, const char *string);

bool text_starts(const char *text, const char *prefix);
/* Valid UTF-8 as of RFC 3629: no overlong forms, no surrogates. */
bool utf8_valid(const char *data, size_t length);

/* Adds the bytes as base64 (RFC 4648, with padding). */
void text_add_base64(struct text *text, const void *data, size_t length);
/* How many bytes the character at the beginning of data has, 0 if it is not valid UTF-8. */
size_t utf8_character_bytes(const char *data, size_t length);

/* The candidate nearest to `name` by Damerau-Levenshtein distance, NULL if none is near enough to
 * be what was meant (a third of its length, at least one). `at(context, i)` names candidate i. */
const char *suggest(const char *name, size_t count,
                    const char *(*at)(const void *context, size_t i), const void *context);

#endif
