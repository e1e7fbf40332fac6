/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h: where the tokens of a JSON text stand: simdjson's first stage, for C.
 *
 * simdjson reads a text in two stages. The first, in vector code chosen for the processor, checks
 * UTF-8, finds strings and notes where each token begins. That is the stage that costs, and the one
 * used here. The second, which walks the tokens, is ours (json_walk.h, decode_json.c): it knows
 * what is declared, so it touches nothing else, bounds the depth of what it skips, makes numbers
 * exact, and leaves strings where they are.
 *
 * Tokens, by their first byte, in order: { } [ ] : , outside of strings, opening quotes, and the
 * first byte of any other run of bytes that is not blank. So the closing quote of a string is the
 * last byte before the next token that is not blank, and a run of other bytes ends likewise.
 *
 * Nothing behind the text is read. An index belongs to one thread and keeps its memory: four bytes
 * for each byte of the largest text, at least JSON_INDEX_BYTES_MIN of text.
 */
#ifndef INGEST_JSON_H
#define INGEST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JSON_INDEX_BYTES_MIN ((size_t)16 << 10)

struct json_index {
    const uint32_t *tokens; /* tokens[count] is the length of the text */
    uint32_t count;
    uint32_t reserved;
    size_t capacity; /* the largest text so far */
    void *parser;
};

enum json_fault {
    JSON_SOUND = 0,
    JSON_BLANK,       /* no token at all */
    JSON_BAD_UTF8,    /* anywhere in the text */
    JSON_OPEN_STRING, /* the last string has no closing quote */
    JSON_RAW_CONTROL, /* a byte below 0x20 inside a string */
    JSON_NO_MEMORY
};

/* Zeroed memory is an empty index. */
void json_index_done(struct json_index *index);
/* tokens and count are valid until the next run. length is at most 2^31. */
enum json_fault json_index_run(struct json_index *index, const char *data, size_t length);
/* Gives memory back if a text larger than keep_bytes made it grow. */
void json_index_trim(struct json_index *index, size_t keep_bytes);

/* The same answer as utf8_valid of base/text.h, in vector code. */
bool json_utf8_valid(const char *data, size_t length);
const char *json_library_version(void); /* "3.0.1" */
const char *json_library_kernel(void);  /* "haswell", "arm64", ...: what this machine runs */

#ifdef __cplusplus
}
#endif
#endif
