/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup_json.c: one line of a lookup's NDJSON file: an object, of which some members are wanted.
 *
 * A strict reader of RFC 8259 by recursive descent; the whole file was found to be UTF-8 before.
 */
#include "transforms/lookup.h"

#include "base/error.h"

struct json {
    const char *at;
    const char *end;
    struct arena *arena;
    const char *what; /* what is wrong, once something is */
};

static bool wrong(struct json *json, const char *what)
{
    if (!json->what)
        json->what = what;
    return false;
}

static void blanks(struct json *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\r'))
        json->at++;
}

static bool take(struct json *json, char c)
{
    blanks(json);
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex4(struct json *json, uint32_t *ret_value)
{
    if (json->end - json->at < 4)
        return wrong(json, "an escape \\u is cut short");
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*json->at++);
        if (digit < 0)
            return wrong(json, "an escape \\u needs four hexadecimal digits");
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

static size_t utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 63));
        to[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63));
    to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Behind a backslash. Nothing that is written is longer than what stood for it. */
static bool escape(struct json *json, char *to, size_t *length)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end)
        return wrong(json, "a text is cut short");
    char c = *json->at++;
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        to[(*length)++] = values[name - names];
        return true;
    }
    if (c != 'u')
        return wrong(json, "an escape is not one of JSON's");
    uint32_t code = 0;
    if (!hex4(json, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        uint32_t low = 0;
        if (json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
            return wrong(json, "half of a surrogate pair stands alone");
        json->at += 2;
        if (!hex4(json, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(json, "half of a surrogate pair stands alone");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
        return wrong(json, "half of a surrogate pair stands alone");
    }
    *length += utf8_put(to + *length, code);
    return true;
}

/* The opening quote is taken. */
static bool text_read(struct json *json, struct weir_str *ret_text)
{
    const char *from = json->at;
    while (json->at < json->end && *json->at != '"' && *json->at != '\\' &&
           (unsigned char)*json->at >= 0x20)
        json->at++;
    if (json->at < json->end && *json->at == '"') {
        *ret_text = str_make(from, (size_t)(json->at++ - from));
        return true;
    }
    char *plain = arena_alloc(json->arena, (size_t)(json->end - from) + 1);
    if (!plain)
        return wrong(json, "the file is too large");
    size_t length = (size_t)(json->at - from);
    memcpy(plain, from, length);
    while (json->at < json->end && *json->at != '"') {
        char c = *json->at++;
        if ((unsigned char)c < 0x20)
            return wrong(json, "a control character stands in a text");
        if (c != '\\')
            plain[length++] = c;
        else if (!escape(json, plain, &length))
            return false;
    }
    if (json->at == json->end)
        return wrong(json, "a text is never closed");
    json->at++;
    *ret_text = str_make(plain, length);
    return true;
}

static size_t digits(struct json *json)
{
    size_t count = 0;
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
        count++;
    return count;
}

static bool number(struct json *json)
{
    if (*json->at == '-')
        json->at++;
    const char *first = json->at;
    size_t count = digits(json);
    if (!count || (count > 1 && *first == '0'))
        return wrong(json, "a number is not one of JSON's");
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        if (!digits(json))
            return wrong(json, "a number is not one of JSON's");
    }
    if (json->at < json->end && (*json->at | 32) == 'e') {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
            json->at++;
        if (!digits(json))
            return wrong(json, "a number is not one of JSON's");
    }
    return true;
}

static bool word(struct json *json, const char *name)
{
    size_t length = strlen(name);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, name, length))
        return wrong(json, "a value is none of JSON's");
    json->at += length;
    return true;
}

static bool value(struct json *json, int depth, struct weir_str *ret_value);

static bool array(struct json *json, int depth)
{
    if (take(json, ']'))
        return true;
    do {
        struct weir_str ignored;
        if (!value(json, depth, &ignored))
            return false;
    } while (take(json, ','));
    return take(json, ']') || wrong(json, "an array is never closed");
}

/* wanted_at: the row's values by wanted name; NULL: an object further in. */
static bool object(struct json *json, int depth, const char *const *wanted, uint32_t wanted_count,
                   struct weir_str *values)
{
    if (take(json, '}'))
        return true;
    do {
        struct weir_str name;
        struct weir_str read;
        if (!take(json, '"'))
            return wrong(json, "the name of a member is wanted");
        if (!text_read(json, &name))
            return false;
        if (!take(json, ':'))
            return wrong(json, "a `:` is wanted after a member's name");
        if (!value(json, depth, &read))
            return false;
        for (uint32_t i = 0; i < wanted_count; i++)
            if (str_is(name, wanted[i]) && !values[i].data)
                values[i] = read;
    } while (take(json, ','));
    return take(json, '}') || wrong(json, "an object is never closed");
}

/* ret_value: text unescaped, anything else verbatim; data NULL for null. */
static bool value(struct json *json, int depth, struct weir_str *ret_value)
{
    blanks(json);
    if (json->at == json->end)
        return wrong(json, "a value is wanted");
    if (depth == LOOKUP_JSON_DEPTH_MAX)
        return wrong(json, "it is nested too deep");
    const char *from = json->at;
    bool right;
    switch (*from) {
    case '"':
        json->at++;
        return text_read(json, ret_value);
    case '{':
        json->at++;
        right = object(json, depth + 1, NULL, 0, NULL);
        break;
    case '[':
        json->at++;
        right = array(json, depth + 1);
        break;
    case 't':
        right = word(json, "true");
        break;
    case 'f':
        right = word(json, "false");
        break;
    case 'n':
        *ret_value = (struct weir_str){0};
        return word(json, "null");
    default:
        right = number(json);
    }
    *ret_value = str_make(from, (size_t)(json->at - from));
    return right;
}

int lookup_json_line(struct lookup_rows *rows, const char *from, const char *end, uint32_t line,
                     const char *path, const char *const *wanted, struct weir_error *error)
{
    struct json json = {from, end, &rows->arena, NULL};
    struct weir_str *row = lookup_rows_append(rows, line);
    bool right = take(&json, '{') ? object(&json, 0, wanted, rows->width, row)
                                  : wrong(&json, "a line is one JSON object");
    if (right) {
        blanks(&json);
        right = json.at == end || wrong(&json, "something follows the object");
    }
    if (right && !row[0].data)
        right = wrong(&json, "the key is missing or null");
    if (!right)
        return error_set(error, WEIR_E_INVALID, "%s:%u:%u: %s", path, line,
                         (unsigned)(json.at - from) + 1, json.what);
    return 0;
}
