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
/* For -> and ->>: reads a constant path when it is compiled. */
bool json_prepare(struct compiler *compiler, struct node *node, const struct node *path);

#endif
