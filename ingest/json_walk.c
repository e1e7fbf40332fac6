/* SPDX-License-Identifier: Apache-2.0 */
/* json_walk.c: skipping values, strings with escapes, and the strict walk over the whole grammar.
 */
#include "ingest/json_walk.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

#define LEVELS_MAX 1024 /* of a strict walk: a bit for each on the stack */

bool json_scan(const char *data, size_t length, bool *ret_escaped)
{
    unsigned char zero __attribute__((vector_size(16))) = {0};
    __typeof__(zero) slash = zero + (unsigned char)'\\';
    __typeof__(zero) nuls = zero;
    __typeof__(zero) slashes = zero;
    size_t i = 0;
    for (; i + 16 <= length; i += 16) {
        __typeof__(zero) bytes;
        memcpy(&bytes, data + i, 16);
        nuls |= (__typeof__(zero))(bytes == zero);
        slashes |= (__typeof__(zero))(bytes == slash);
    }
    bool has_nul = false;
    bool escaped = false;
    if (length >= 16) { /* the last sixteen, some of them again */
        __typeof__(zero) bytes;
        memcpy(&bytes, data + length - 16, 16);
        nuls |= (__typeof__(zero))(bytes == zero);
        slashes |= (__typeof__(zero))(bytes == slash);
        i = length;
    }
    for (; i < length; i++) {
        has_nul |= data[i] == 0;
        escaped |= data[i] == '\\';
    }
    uint64_t words[4];
    memcpy(words, &nuls, 16);
    memcpy(words + 2, &slashes, 16);
    *ret_escaped = escaped || (words[2] | words[3]) != 0;
    return has_nul || (words[0] | words[1]) != 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; negative: they are not there. */
static int32_t hex_read(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

static uint32_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    uint32_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[4] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[more] | code >> (6 * more));
    for (uint32_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/* *p is behind "\u" and moves behind the digits, of both halves where there are two. */
static enum json_wrong unicode_read(const char **p, const char *end, uint32_t *ret_code)
{
    int32_t code = hex_read(*p, end);
    if (code < 0)
        return JSON_WRONG;
    *p += 4;
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
            return JSON_NOT_UTF8;
        int32_t low = hex_read(*p + 2, end);
        if (low < 0)
            return JSON_WRONG;
        if (low < 0xdc00 || low >= 0xe000)
            return JSON_NOT_UTF8;
        *p += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret_code = (uint32_t)code;
    return JSON_RIGHT;
}

static const char escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

enum json_wrong json_unescape(struct weir_str raw, char *out, uint32_t *ret_length)
{
    const char *p = raw.data;
    const char *end = p + raw.length;
    uint32_t length = 0;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        uint32_t plain = (uint32_t)((slash ? slash : end) - p);
        if (out)
            memcpy(out + length, p, plain);
        length += plain;
        p += plain;
        if (!slash)
            break;
        if (end - p < 2)
            return JSON_WRONG;
        char kind = p[1];
        p += 2;
        uint32_t code = (unsigned char)escapes[(unsigned char)kind];
        if (kind == 'u') {
            enum json_wrong wrong = unicode_read(&p, end, &code);
            if (wrong)
                return wrong;
        } else if (code == 0) {
            return JSON_WRONG;
        }
        char bytes[4];
        uint32_t count = utf8_encode(code, bytes);
        if (out)
            memcpy(out + length, bytes, count);
        length += count;
    }
    *ret_length = length;
    return JSON_RIGHT;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *digits_skip(const char *p, const char *end)
{
    while (p < end && digit(*p))
        p++;
    return p;
}

bool json_is_number(const char *data, size_t length)
{
    const char *p = data;
    const char *end = data + length;
    if (p < end && *p == '-')
        p++;
    if (p == end || !digit(*p))
        return false;
    p = *p == '0' ? p + 1 : digits_skip(p, end);
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        p = digits_skip(fraction, end);
        if (p == fraction)
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *exponent = p;
        p = digits_skip(exponent, end);
        if (p == exponent)
            return false;
    }
    return p == end;
}

enum json_wrong json_skip_rest(const struct json_text *text, uint32_t token, uint32_t level,
                               uint32_t level_max, uint32_t *ret_next)
{
    const char *data = text->data;
    const uint32_t *tokens = text->tokens;
    uint32_t count = text->count;
    uint32_t depth = level;
    for (uint32_t i = token; i < count; i++) {
        int c = data[tokens[i]] | 0x20; /* [ and {, ] and } differ in this bit */
        if (c == '{') {
            if (++depth > level_max)
                return JSON_TOO_DEEP;
        } else if (c == '}' && --depth < level) {
            *ret_next = i + 1;
            return JSON_RIGHT;
        }
    }
    return JSON_WRONG;
}

enum json_wrong json_skip(const struct json_text *text, uint32_t token, uint32_t level,
                          uint32_t level_max, uint32_t *ret_next)
{
    if (!json_opens(json_first(text, token))) {
        *ret_next = token + 1;
        return JSON_RIGHT;
    }
    if (level >= level_max)
        return JSON_TOO_DEEP;
    return json_skip_rest(text, token + 1, level + 1, level_max, ret_next);
}

bool json_closes_last(const struct json_text *text, uint32_t token, uint32_t level,
                      uint32_t level_max)
{
    static const int8_t deeper[256] = {['{'] = 1, ['['] = 1, ['}'] = -1, [']'] = -1};
    const unsigned char *data = (const unsigned char *)text->data;
    const uint32_t *tokens = text->tokens;
    uint32_t last = text->count - 1;
    int32_t depth = (int32_t)level;
    int32_t wrong = 0; /* negative once something was; without a branch for each token */
    for (uint32_t i = token; i < last; i++) {
        depth += deeper[data[tokens[i]]];
        wrong |= (depth - 1) | ((int32_t)level_max - depth);
    }
    return wrong >= 0 && depth == 1 && deeper[data[tokens[last]]] < 0;
}

/* A key belongs to the object that opened at token `object`. A slot of another round is free. */
struct json_key {
    uint64_t hash;
    struct weir_str key;
    uint32_t object;
    uint32_t round;
};

void json_keys_done(struct json_keys *keys)
{
    free(keys->slots);
    free(keys->unescaped);
    memset(keys, 0, sizeof(*keys));
}

/* Room for `count` keys of together at most `bytes`; forgets what was in. */
static bool keys_begin(struct json_keys *keys, uint32_t count, size_t bytes)
{
    if (!keys->seed)
        keys->seed = hash_random_seed() | 1;
    if (keys->capacity < count * 2 + 2) {
        uint32_t capacity = 64;
        while (capacity < count * 2 + 2)
            capacity *= 2;
        struct json_key *slots = calloc(capacity, sizeof(*slots));
        if (!slots)
            return false;
        free(keys->slots);
        keys->slots = slots;
        keys->capacity = capacity;
        keys->round = 0;
    }
    if (keys->unescaped_capacity < bytes) {
        char *unescaped = malloc(bytes);
        if (!unescaped)
            return false;
        free(keys->unescaped);
        keys->unescaped = unescaped;
        keys->unescaped_capacity = bytes;
    }
    if (++keys->round == 0) {
        memset(keys->slots, 0, keys->capacity * sizeof(*keys->slots));
        keys->round = 1;
    }
    keys->unescaped_used = 0;
    return true;
}

/* False: it is there already. */
static bool keys_add(struct json_keys *keys, uint32_t object, struct weir_str key)
{
    uint64_t hash = hash_bytes(key.data, key.length, keys->seed + object);
    uint32_t mask = keys->capacity - 1;
    uint32_t at = (uint32_t)hash & mask;
    for (; keys->slots[at].round == keys->round; at = (at + 1) & mask) {
        const struct json_key *slot = &keys->slots[at];
        if (slot->hash == hash && slot->object == object && slot->key.length == key.length &&
            memcmp(slot->key.data, key.data, key.length) == 0)
            return false;
    }
    struct json_key slot = {hash, key, object, keys->round};
    keys->slots[at] = slot;
    return true;
}

struct check {
    const struct json_text *text;
    struct json_keys *keys;
    struct json_mistake *mistake;
    uint32_t token;
    uint32_t depth;
    uint32_t base; /* of the levels around the value */
    uint32_t level_max;
    uint64_t arrays[LEVELS_MAX / 64]; /* bit d: level d is an array */
    uint32_t objects[LEVELS_MAX];     /* the token that opened level d */
};

static enum json_wrong wrong_at(struct check *c, enum json_wrong wrong, const char *what)
{
    c->mistake->position = c->text->tokens[c->token];
    c->mistake->what = what;
    return wrong;
}

static bool in_array(const struct check *c)
{
    return c->arrays[c->depth >> 6] >> (c->depth & 63) & 1;
}

/* *ret_value is what the string stands for; it is good until the next one only, and is no value at
 * all where an escape is met and no keys are kept. */
static enum json_wrong check_string(struct check *c, struct weir_str *ret_value)
{
    struct weir_str raw = json_string_raw(c->text, c->token);
    *ret_value = raw;
    if (!c->text->escaped || !memchr(raw.data, '\\', raw.length))
        return JSON_RIGHT;
    char *out = c->keys ? c->keys->unescaped + c->keys->unescaped_used : NULL;
    uint32_t length = 0;
    enum json_wrong wrong = json_unescape(raw, out, &length);
    *ret_value = (struct weir_str){out, length, 0};
    if (wrong == JSON_NOT_UTF8)
        return wrong_at(c, wrong, "half of a surrogate pair");
    if (wrong)
        return wrong_at(c, wrong, "an escape that JSON does not have");
    return JSON_RIGHT;
}

static enum json_wrong check_scalar(struct check *c)
{
    const char *data = c->text->data + c->text->tokens[c->token];
    uint32_t length = json_end(c->text, c->token) - c->text->tokens[c->token];
    switch (*data) {
    case '"': {
        struct weir_str value;
        return check_string(c, &value);
    }
    case 't':
        if (length == 4 && memcmp(data, "true", 4) == 0)
            return JSON_RIGHT;
        break;
    case 'f':
        if (length == 5 && memcmp(data, "false", 5) == 0)
            return JSON_RIGHT;
        break;
    case 'n':
        if (length == 4 && memcmp(data, "null", 4) == 0)
            return JSON_RIGHT;
        break;
    case '-':
    case '0' ... '9':
        if (json_is_number(data, length))
            return JSON_RIGHT;
        return wrong_at(c, JSON_WRONG, "not a number as JSON writes them");
    default:
        break;
    }
    return wrong_at(c, JSON_WRONG, "a value was expected");
}

/* A key and its colon; the token moves to the value. */
static enum json_wrong check_key(struct check *c)
{
    const struct json_text *text = c->text;
    if (json_first(text, c->token) != '"')
        return wrong_at(c, JSON_WRONG, "a key in quotes was expected");
    struct weir_str key;
    enum json_wrong wrong = check_string(c, &key);
    if (wrong)
        return wrong;
    if (c->keys) {
        if (!keys_add(c->keys, c->objects[c->depth], key))
            return wrong_at(c, JSON_DUPLICATE, "a key that stands twice in its object");
        if (key.data == c->keys->unescaped + c->keys->unescaped_used)
            c->keys->unescaped_used += key.length;
    }
    if (++c->token == text->count || json_first(text, c->token) != ':') {
        c->token--;
        return wrong_at(c, JSON_WRONG, "a colon was expected after a key");
    }
    if (++c->token == text->count) {
        c->token--;
        return wrong_at(c, JSON_WRONG, "a value is missing after a colon");
    }
    return JSON_RIGHT;
}

/* Opens a container; true with *ret_wrong 0 when it is empty and closed again at once. */
static enum json_wrong check_open(struct check *c, bool *ret_closed)
{
    bool array = json_first(c->text, c->token) == '[';
    if (c->base + c->depth + 1 > c->level_max || c->depth + 1 >= LEVELS_MAX)
        return wrong_at(c, JSON_TOO_DEEP, "nested too deep");
    c->depth++;
    c->objects[c->depth] = c->token;
    uint64_t bit = (uint64_t)1 << (c->depth & 63);
    if (array)
        c->arrays[c->depth >> 6] |= bit;
    else
        c->arrays[c->depth >> 6] &= ~bit;
    if (c->token + 1 == c->text->count)
        return wrong_at(c, JSON_WRONG, "a bracket is never closed");
    c->token++;
    *ret_closed = json_first(c->text, c->token) == (array ? ']' : '}');
    return JSON_RIGHT;
}

/* Behind a value: moves to the next value, or closes containers until there is one. *ret_done: the
 * outermost is closed. */
static enum json_wrong check_after(struct check *c, bool *ret_done)
{
    while (c->depth > 0) {
        if (c->token == c->text->count) {
            c->token--;
            return wrong_at(c, JSON_WRONG, "a bracket is never closed");
        }
        bool array = in_array(c);
        char first = json_first(c->text, c->token);
        if (first == ',') {
            if (c->token + 1 == c->text->count)
                return wrong_at(c, JSON_WRONG, "nothing follows a comma");
            c->token++;
            *ret_done = false;
            return array ? JSON_RIGHT : check_key(c);
        }
        if (first != (array ? ']' : '}'))
            return wrong_at(c, JSON_WRONG,
                            array ? "a comma or ] was expected" : "a comma or } was expected");
        c->token++;
        c->depth--;
    }
    *ret_done = true;
    return JSON_RIGHT;
}

enum json_wrong json_check(const struct json_text *text, uint32_t token, uint32_t level,
                           uint32_t level_max, struct json_keys *keys, uint32_t *ret_next,
                           struct json_mistake *mistake)
{
    struct check c;
    c.text = text;
    c.keys = keys;
    c.mistake = mistake;
    c.token = token;
    c.depth = 0;
    c.base = level;
    c.level_max = level_max;
    memset(c.arrays, 0, sizeof(c.arrays));
    if (keys && !keys_begin(keys, text->count / 2, text->length))
        return JSON_OUT_OF_MEMORY;

    enum json_wrong wrong = JSON_RIGHT;
    bool done = false;
    while (!wrong && !done) {
        if (json_opens(json_first(text, c.token))) {
            bool closed = false;
            wrong = check_open(&c, &closed);
            if (wrong)
                break;
            if (!closed) {
                if (!in_array(&c))
                    wrong = check_key(&c);
                continue;
            }
            c.depth--;
        } else {
            wrong = check_scalar(&c);
            if (wrong)
                break;
        }
        c.token++;
        wrong = check_after(&c, &done);
    }
    if (!wrong)
        *ret_next = c.token;
    return wrong;
}
