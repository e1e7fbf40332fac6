/* SPDX-License-Identifier: Apache-2.0 */
/*
 * like.h: LIKE and GLOB.
 *
 * A pattern that stands in the expression is looked at once: most are one text with % around it,
 * and need no matcher. LIKE does not distinguish the case of ASCII letters, GLOB does.
 */
#ifndef TRANSFORMS_EXPR_LIKE_H
#define TRANSFORMS_EXPR_LIKE_H

#include "transforms/expr/eval.h"

enum pattern_shape {
    PATTERN_EXACT,  /* abc */
    PATTERN_PREFIX, /* abc% */
    PATTERN_SUFFIX, /* %abc */
    PATTERN_INFIX,  /* %abc% */
    PATTERN_GENERAL
};

struct pattern {
    uint8_t shape;        /* enum pattern_shape */
    bool fold;            /* ASCII letters of both cases are equal; text is in lower case then */
    struct weir_str text; /* without wildcards and escapes; GENERAL: the pattern itself */
    uint32_t escape;      /* code point; 0: none */
};

bool pattern_matches(const struct pattern *pattern, struct weir_str s);
/* Where `text`, folded if fold, stands in s. */
bool text_contains(struct weir_str s, struct weir_str text, bool fold);
bool like_matches(struct weir_str pattern, uint32_t escape, struct weir_str s);
bool glob_matches(struct weir_str pattern, struct weir_str s);

#endif
