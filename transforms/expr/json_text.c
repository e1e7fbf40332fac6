/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c: JSON as text: where its values end, whether it is well-formed, what its strings say.
 */
#include "transforms/expr/json.h"

/* --- scanning ------------------------------------------------------------------------------- */

void json_skip_blanks(struct json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

bool json_take(struct json_scan *s, char wanted)
{
    if (s->at == s->end || *s->at != wanted)
        return false;
    s->at++;
    return true;
}

bool json_scan_string(struct json_scan *s, struct weir_str *ret)
{
    if (!json_take(s, '"'))
        return false;
    const char *from = s->at;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return false;
        if (*s->at == '\\' && ++s->at == s->end)
            return false;
        s->at++;
    }
    if (s->at == s->end)
        return false;
    *ret = str_make(from, (size_t)(s->at - from));
    s->at++;
    return true;
}

bool json_scan_value(struct json_scan *s, struct weir_str *ret)
{
    json_skip_blanks(s);
    const char *from = s->at;
    uint32_t depth = 0;
    struct weir_str inside;
    do {
        if (s->at >= s->end)
            return false;
        switch (*s->at) {
        case '"':
            if (!json_scan_string(s, &inside))
                return false;
            break;
        case '{':
        case '[':
            depth++;
            s->at++;
            break;
        case '}':
        case ']':
            if (!depth)
                return false;
            depth--;
            s->at++;
            break;
        default:
            if (depth) {
                s->at++;
                break;
            }
            while (s->at < s->end && !strchr(",]} \t\r\n", *s->at))
                s->at++;
            if (s->at == from)
                return false;
        }
    } while (depth);
    *ret = str_make(from, (size_t)(s->at - from));
    return true;
}

/* --- strict validation ---------------------------------------------------------------------- */

static char closing(char bracket)
{
    return bracket == '{' ? '}' : ']';
}

static bool valid_escape(struct json_scan *s)
{
    s->at++;
    if (s->at >= s->end)
        return false;
    char c = *s->at++;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    for (int i = 0; i < 4; i++, s->at++)
        if (s->at >= s->end || !*s->at || !strchr("0123456789abcdefABCDEF", *s->at))
            return false;
    return true;
}

static bool valid_string(struct json_scan *s)
{
    if (!json_take(s, '"'))
        return false;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return false;
        if (*s->at == '\\') {
            if (!valid_escape(s))
                return false;
        } else {
            s->at++;
        }
    }
    return json_take(s, '"');
}

static bool valid_scalar(struct json_scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    if (s->at < s->end && *s->at == '"')
        return valid_string(s);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= length && !memcmp(s->at, words[i], length)) {
            s->at += length;
            return true;
        }
    }
    const char *from = s->at;
    while (s->at < s->end && *s->at && strchr("+-.0123456789eE", *s->at))
        s->at++;
    /* The grammar of numbers is base's; its leading + is not JSON's. */
    double value;
    if (s->at == from || *from == '+')
        return false;
    return float_read(from, (size_t)(s->at - from), &value) != WEIR_E_INVALID;
}

static bool valid_name(struct json_scan *s)
{
    if (!valid_string(s))
        return false;
    json_skip_blanks(s);
    return json_take(s, ':');
}

/* open[] holds the brackets around the place where the scan is: no recursion. */
bool json_valid(struct weir_str text)
{
    struct json_scan s = {text.data, text.data + text.length};
    char open[EXPR_JSON_DEPTH_MAX];
    uint32_t depth = 0;
    bool name = false; /* of a member, comes next */
    for (;;) {
        json_skip_blanks(&s);
        if (name && !valid_name(&s))
            return false;
        json_skip_blanks(&s);
        if (s.at < s.end && (*s.at == '{' || *s.at == '[')) {
            if (depth == EXPR_JSON_DEPTH_MAX)
                return false;
            char bracket = open[depth++] = *s.at++;
            json_skip_blanks(&s);
            if (s.at == s.end || *s.at != closing(bracket)) {
                name = bracket == '{';
                continue;
            }
        } else if (!valid_scalar(&s)) {
            return false;
        }
        /* Behind a value: brackets are closed until another value follows. */
        for (json_skip_blanks(&s); depth && !json_take(&s, ','); json_skip_blanks(&s))
            if (!json_take(&s, closing(open[--depth])))
                return false;
        if (!depth)
            return s.at == s.end;
        name = open[depth - 1] == '{';
    }
}

/* --- strings -------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value & 0xffff;
}

/* \uXXXX at *at (on the u); a pair of surrogates is one character, half of one is U+FFFD. */
static uint32_t unicode_escape(const char **at, const char *end)
{
    if (end - *at < 5) {
        *at = end;
        return '?'; /* one byte: the result must not outgrow the source */
    }
    uint32_t code = hex4(*at + 1);
    *at += 5;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = hex4(*at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
}

size_t json_text_unescape(struct weir_str inside, char *out)
{
    const char *at = inside.data, *end = at + inside.length;
    size_t length = 0;
    while (at < end) {
        if (*at != '\\' || at + 1 == end) {
            out[length++] = *at++;
            continue;
        }
        at++;
        switch (*at) {
        case 'b':
            out[length++] = '\b';
            break;
        case 'f':
            out[length++] = '\f';
            break;
        case 'n':
            out[length++] = '\n';
            break;
        case 'r':
            out[length++] = '\r';
            break;
        case 't':
            out[length++] = '\t';
            break;
        case 'u':
            length += utf8_write(unicode_escape(&at, end), out + length);
            continue;
        default:
            out[length++] = *at;
        }
        at++;
    }
    return length;
}
