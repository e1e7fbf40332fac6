/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h: members of a JSON text, without a parse of the rest.
 *
 * Reads text that nobody may have validated: whatever is malformed is an absent member, never a
 * read beyond the end.
 */
#ifndef TRANSFORMS_EXPR_JSON_H
#define TRANSFORMS_EXPR_JSON_H

#include "transforms/expr/eval.h"

#define EXPR_JSON_DEPTH_MAX 1000 /* of CAST(.. AS json): deeper is refused */

/* A whole, well-formed JSON text. */
bool json_valid(struct weir_str text);

/* A place in a text. The functions move it on, and return false where the text is not so. */
struct json_scan {
    const char *at, *end;
};
void json_skip_blanks(struct json_scan *s);
bool json_take(struct json_scan *s, char wanted);
/* A string with its quotes; the inside is *ret, escapes and all. */
bool json_scan_string(struct json_scan *s, struct weir_str *ret);
/* One value of any kind. Brackets are counted, not matched by kind: it only has to find the end. */
bool json_scan_value(struct json_scan *s, struct weir_str *ret);
/* What a string's inside stands for; never longer than it. Returns the length. */
size_t json_text_unescape(struct weir_str inside, char *out);

/* For -> and ->>: reads a constant path when it is compiled. */
bool json_prepare(struct compiler *compiler, struct node *node, const struct node *path);

#endif
