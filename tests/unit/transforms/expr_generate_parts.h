/* SPDX-License-Identifier: Apache-2.0 */
/* expr_generate_parts.h: between the parts of the generator. */
#ifndef TESTS_UNIT_TRANSFORMS_EXPR_GENERATE_PARTS_H
#define TESTS_UNIT_TRANSFORMS_EXPR_GENERATE_PARTS_H

#include "tests/unit/transforms/expr_generate.h"

static inline uint32_t below(struct generator *g, uint32_t limit)
{
    return (uint32_t)random_below(g->random, limit);
}

/* To both texts. */
static inline void both(struct generator *g, const char *text)
{
    text_add(&g->ours, text);
    text_add(&g->theirs, text);
}
void bothf(struct generator *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline const char *choose(struct generator *g, const char *const *list, uint32_t count)
{
    return list[below(g, count)];
}
#define CHOOSE(g, ...)                                                                             \
    choose(g, (const char *const[]){__VA_ARGS__},                                                  \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* A value again: of ints with their bits, else of the kind. */
struct wanted {
    uint8_t kind;
    int bits, scale, digits;
};

/* depth: how deep it may be nested yet; 0 and less: a column or a literal. */
void gen_bool(struct generator *g, int depth);
void gen_int(struct generator *g, int depth, int bits); /* |x| < 2^bits */
void gen_float(struct generator *g, int depth);
void gen_string(struct generator *g, int depth);
void gen_bytes(struct generator *g, int depth);
void gen_timestamp(struct generator *g, int depth);
void gen_decimal(struct generator *g, int depth, int scale, int digits); /* digits: in all */
/* Anything goes: what overflows is rejected, and not compared. */
void gen_int_wild(struct generator *g, int depth);
void gen_float_wild(struct generator *g, int depth);
void gen_kind(struct generator *g, int depth, uint8_t kind); /* decimals of scale 2 */
/* CASE, coalesce, min .. of any type. */
void gen_choice(struct generator *g, int depth, struct wanted w);
void gen_list(struct generator *g, int depth, struct wanted w, uint32_t count);
const char *comparison(struct generator *g);

#endif
