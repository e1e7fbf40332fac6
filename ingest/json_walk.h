/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_walk.h: walking the tokens of a JSON text.
 *
 * struct json_text is a text that json_index_run found sound, with its tokens. A token is named by
 * its number; every function that takes one wants it below count. The bytes of a text are followed
 * by 8 readable ones, so that small keys and numbers are loaded at once.
 */
#ifndef INGEST_JSON_WALK_H
#define INGEST_JSON_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <weir/types.h>

#include "ingest/json.h"

struct json_text {
    const char *data;
    const uint32_t *tokens;
    uint32_t length;
    uint32_t count;
    bool escaped; /* there is a backslash somewhere */
};

/* What a walk can find wrong. */
enum json_wrong {
    JSON_RIGHT = 0,
    JSON_WRONG,     /* not the grammar of JSON */
    JSON_TOO_DEEP,  /* more levels than allowed */
    JSON_DUPLICATE, /* a key stands twice in an object */
    JSON_NOT_UTF8,  /* half of a surrogate pair in an escape */
    JSON_OUT_OF_MEMORY
};

/* Where and what; what is a constant text: "a comma is missing". */
struct json_mistake {
    uint32_t position;
    const char *what;
};

static inline bool json_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool json_opens(char c)
{
    return (c | 0x20) == '{';
}

static inline char json_first(const struct json_text *text, uint32_t token)
{
    return text->data[text->tokens[token]];
}

/* The byte after the last one of a token that is neither punctuation nor a container. */
static inline uint32_t json_end(const struct json_text *text, uint32_t token)
{
    uint32_t end = text->tokens[token + 1];
    while (json_blank(text->data[end - 1]))
        end--;
    return end;
}

/* The bytes between the quotes of a string token, as they stand. */
static inline struct weir_str json_string_raw(const struct json_text *text, uint32_t token)
{
    uint32_t begin = text->tokens[token] + 1;
    struct weir_str s = {text->data + begin, json_end(text, token) - 1 - begin, 0};
    return s;
}

/* Looks over all bytes once: sets *ret_escaped, and answers whether a NUL is among them. */
bool json_scan(const char *data, size_t length, bool *ret_escaped);

/* What \n \u00e9 and the like stand for. out has room for raw.length bytes, which is enough: an
 * escape is never shorter than what it stands for. out NULL: only looks. */
enum json_wrong json_unescape(struct weir_str raw, char *out, uint32_t *ret_length);
bool json_is_number(const char *data, size_t length);

/* The token after the value that begins at `token`, by counting brackets. `level` is the number of
 * containers around it. *ret_next is count at the end of the text. */
enum json_wrong json_skip(const struct json_text *text, uint32_t token, uint32_t level,
                          uint32_t level_max, uint32_t *ret_next);

/* The same from anywhere inside a container at `level` to the token behind its bracket. */
enum json_wrong json_skip_rest(const struct json_text *text, uint32_t token, uint32_t level,
                               uint32_t level_max, uint32_t *ret_next);

/* Is `token` inside `level` containers that are all closed by the last token of the text, none of
 * them before, with no more than level_max at a time? The fast question that is mostly answered
 * with yes; json_skip_rest tells what is wrong. */
bool json_closes_last(const struct json_text *text, uint32_t token, uint32_t level,
                      uint32_t level_max);

/* The keys of the objects that are open in a strict walk. Zeroed memory is an empty set. */
struct json_keys {
    struct json_key *slots;
    uint32_t capacity; /* a power of two */
    uint32_t count;
    char *unescaped; /* keys with escapes */
    size_t unescaped_capacity;
    size_t unescaped_used;
    uint64_t seed;
    uint32_t round;
};

void json_keys_done(struct json_keys *keys);

/* As json_skip, but looks at everything: the whole grammar, and with `keys` also that none stands
 * twice in its object. mistake is written with the answers JSON_WRONG to JSON_NOT_UTF8. */
enum json_wrong json_check(const struct json_text *text, uint32_t token, uint32_t level,
                           uint32_t level_max, struct json_keys *keys, uint32_t *ret_next,
                           struct json_mistake *mistake);

#endif
