/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser.h: between the two halves of the parser.
 *
 *   parser.c          operators by precedence, and the forms that follow an operand
 *   parser_operand.c  literals, names, calls, CASE, CAST, parentheses
 */
#ifndef TRANSFORMS_EXPR_PARSER_H
#define TRANSFORMS_EXPR_PARSER_H

#include "transforms/expr/tree.h"

enum power {
    POWER_NONE,
    POWER_OR,
    POWER_AND,
    POWER_NOT,
    POWER_EQUALITY,
    POWER_RELATION,
    POWER_BITS,
    POWER_SUM,
    POWER_PRODUCT,
    POWER_CONCAT,
    POWER_SIGN
};

struct parser {
    struct compiler *compiler;
    struct lexer lexer;
    struct token token; /* the next one */
    uint32_t end;       /* of the one before */
    uint32_t depth;
};

/* A growing list of nodes; it lives in the expression's arena. */
struct node_list {
    struct node **items;
    uint32_t count, capacity;
};

void parser_next(struct parser *p);
bool parser_accept(struct parser *p, enum token_kind kind);
/* Accepts, or says "`)` is missing <context>, before ..". */
bool parser_expect(struct parser *p, enum token_kind kind, const char *what, const char *context);
/* The next token for messages; the buffer is the caller's. */
const char *parser_token(const struct parser *p, char buffer[SNIPPET_BYTES]);

/* What follows, as far as its operators bind at least so tightly. NULL: reported. */
struct node *parse_at(struct parser *p, enum power at_least);
struct node *parse_operand(struct parser *p);
/* expr, expr, .. ) */
bool parse_items(struct parser *p, struct node_list *list, const char *context);
bool node_list_add(struct parser *p, struct node_list *list, struct node *node);

#endif
