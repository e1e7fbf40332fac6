/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser.c: tokens -> nodes, by precedence (Pratt, "Top down operator precedence").
 *
 *   or             OR
 *   and            AND
 *   not            NOT                         (before its operand)
 *   equality       = == <> != IS [NOT] LIKE GLOB IN BETWEEN ISNULL NOTNULL NOT NULL
 *   relation       < <= > >=
 *   bits           & | << >>
 *   sum            + -
 *   product        * / %
 *   concatenation  || -> ->>
 *   sign           + - ~                       (before their operand)
 *
 * All are left-associative, as in SQLite. Chains of AND, OR and || become one node with many
 * arguments, so that a long list of conditions is not a deep tree.
 */
#include "transforms/expr/parser.h"

/* Operators of two operands that need nothing but their precedence. */
static const struct binary {
    enum token_kind token;
    enum power power;
    enum node_kind node;
} binaries[] = {
    {TOKEN_OR, POWER_OR, NODE_OR},
    {TOKEN_AND, POWER_AND, NODE_AND},
    {TOKEN_EQUAL, POWER_EQUALITY, NODE_EQUAL},
    {TOKEN_EQUAL_TWO, POWER_EQUALITY, NODE_EQUAL},
    {TOKEN_UNEQUAL, POWER_EQUALITY, NODE_UNEQUAL},
    {TOKEN_UNEQUAL_BANG, POWER_EQUALITY, NODE_UNEQUAL},
    {TOKEN_LESS, POWER_RELATION, NODE_LESS},
    {TOKEN_LESS_EQUAL, POWER_RELATION, NODE_LESS_EQUAL},
    {TOKEN_GREATER, POWER_RELATION, NODE_GREATER},
    {TOKEN_GREATER_EQUAL, POWER_RELATION, NODE_GREATER_EQUAL},
    {TOKEN_AMPERSAND, POWER_BITS, NODE_BIT_AND},
    {TOKEN_BAR, POWER_BITS, NODE_BIT_OR},
    {TOKEN_SHIFT_LEFT, POWER_BITS, NODE_SHIFT_LEFT},
    {TOKEN_SHIFT_RIGHT, POWER_BITS, NODE_SHIFT_RIGHT},
    {TOKEN_PLUS, POWER_SUM, NODE_ADD},
    {TOKEN_MINUS, POWER_SUM, NODE_SUBTRACT},
    {TOKEN_STAR, POWER_PRODUCT, NODE_MULTIPLY},
    {TOKEN_SLASH, POWER_PRODUCT, NODE_DIVIDE},
    {TOKEN_PERCENT, POWER_PRODUCT, NODE_REMAINDER},
    {TOKEN_CONCAT, POWER_CONCAT, NODE_CONCAT},
    {TOKEN_ARROW, POWER_CONCAT, NODE_ARROW},
    {TOKEN_ARROW_TEXT, POWER_CONCAT, NODE_ARROW_TEXT},
};

void parser_next(struct parser *p)
{
    p->end = p->token.position + p->token.length;
    p->token = lexer_next(&p->lexer);
    if (p->token.kind == TOKEN_WRONG)
        compile_fail(p->compiler, p->token.position, "%s", p->lexer.problem);
}

bool parser_accept(struct parser *p, enum token_kind kind)
{
    if (p->compiler->failed || p->token.kind != kind)
        return false;
    parser_next(p);
    return true;
}

const char *parser_token(const struct parser *p, char buffer[SNIPPET_BYTES])
{
    if (p->token.kind == TOKEN_DONE)
        return "the end of the expression";
    struct node piece = {.start = p->token.position, .end = p->token.position + p->token.length};
    return snippet(p->compiler, &piece, buffer);
}

bool parser_expect(struct parser *p, enum token_kind kind, const char *what, const char *context)
{
    if (parser_accept(p, kind))
        return true;
    char buffer[SNIPPET_BYTES];
    return compile_fail(p->compiler, p->token.position, "%s is missing %s, before %s", what,
                        context, parser_token(p, buffer));
}

bool node_list_add(struct parser *p, struct node_list *list, struct node *node)
{
    if (!node)
        return false;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct node **items = compile_alloc(p->compiler, capacity * sizeof *items);
        if (!items)
            return false;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
    return true;
}

bool parse_items(struct parser *p, struct node_list *list, const char *context)
{
    if (parser_accept(p, TOKEN_CLOSE))
        return true;
    do {
        if (!node_list_add(p, list, parse_at(p, POWER_NONE)))
            return false;
    } while (parser_accept(p, TOKEN_COMMA));
    return parser_expect(p, TOKEN_CLOSE, "`)`", context);
}

/* --- what follows an operand ---------------------------------------------------------------- */

static struct node *negated(struct parser *p, struct node *node, bool negate, uint32_t position)
{
    return negate ? node_new(p->compiler, NODE_NOT, position, &node, 1) : node;
}

static struct node *parse_is(struct parser *p, struct node *left, uint32_t position)
{
    parser_next(p);
    bool negate = parser_accept(p, TOKEN_NOT);
    if (parser_accept(p, TOKEN_DISTINCT)) {
        if (!parser_expect(p, TOKEN_FROM, "FROM", "behind IS DISTINCT"))
            return NULL;
        negate = !negate;
    }
    struct node *right = parse_at(p, POWER_EQUALITY + 1);
    struct node *args[] = {left, right};
    if (right && node_is_null(right))
        return node_new(p->compiler, negate ? NODE_NOT_NULL : NODE_IS_NULL, position, args, 1);
    return node_new(p->compiler, negate ? NODE_IS_NOT : NODE_IS, position, args, 2);
}

static struct node *parse_between(struct parser *p, struct node *left, uint32_t position)
{
    parser_next(p);
    struct node *args[3] = {left, parse_at(p, POWER_NOT), NULL};
    if (!args[1] || !parser_expect(p, TOKEN_AND, "AND", "in BETWEEN .. AND .."))
        return NULL;
    args[2] = parse_at(p, POWER_EQUALITY + 1);
    return node_new(p->compiler, NODE_BETWEEN, position, args, 3);
}

static struct node *parse_in(struct parser *p, struct node *left, uint32_t position)
{
    parser_next(p);
    struct node_list list = {NULL, 0, 0};
    if (!node_list_add(p, &list, left) ||
        !parser_expect(p, TOKEN_OPEN, "`(`", "behind IN, as in `x IN (1, 2)`") ||
        !parse_items(p, &list, "behind the list of IN"))
        return NULL;
    struct node *node = node_new(p->compiler, NODE_IN, position, list.items, list.count);
    if (node)
        node->end = p->end;
    return node;
}

static struct node *parse_like(struct parser *p, struct node *left, uint32_t position)
{
    enum node_kind kind = p->token.kind == TOKEN_LIKE ? NODE_LIKE : NODE_GLOB;
    parser_next(p);
    struct node *args[3] = {left, parse_at(p, POWER_EQUALITY + 1), NULL};
    uint32_t count = 2;
    if (kind == NODE_LIKE && parser_accept(p, TOKEN_ESCAPE)) {
        args[2] = parse_at(p, POWER_EQUALITY + 1);
        count = 3;
    }
    return node_new(p->compiler, kind, position, args, count);
}

/* The forms of the equality level. */
static struct node *parse_equality(struct parser *p, struct node *left)
{
    uint32_t position = p->token.position;
    bool negate = parser_accept(p, TOKEN_NOT);
    struct node *node;
    enum token_kind kind = p->token.kind;
    if (negate && (kind == TOKEN_IS || kind == TOKEN_ISNULL || kind == TOKEN_NOTNULL))
        kind = TOKEN_WRONG;
    switch (kind) {
    case TOKEN_IS:
        node = parse_is(p, left, position);
        break;
    case TOKEN_BETWEEN:
        node = parse_between(p, left, position);
        break;
    case TOKEN_IN:
        node = parse_in(p, left, position);
        break;
    case TOKEN_LIKE:
    case TOKEN_GLOB:
        node = parse_like(p, left, position);
        break;
    case TOKEN_ISNULL:
    case TOKEN_NOTNULL:
    case TOKEN_NULL: /* NOT NULL */
        node = node_new(p->compiler, kind == TOKEN_ISNULL ? NODE_IS_NULL : NODE_NOT_NULL, position,
                        &left, 1);
        parser_next(p);
        if (node)
            node->end = p->end;
        return node;
    case TOKEN_MATCH:
    case TOKEN_REGEXP:
        compile_fail(p->compiler, position,
                     "there is no MATCH and no REGEXP; LIKE and GLOB compare with patterns");
        return NULL;
    default:
        compile_fail(p->compiler, p->token.position,
                     "behind a value NOT is followed by IN, LIKE, GLOB, BETWEEN or NULL");
        return NULL;
    }
    return negated(p, node, negate, position);
}

static enum power equality_power(enum token_kind kind)
{
    switch (kind) {
    case TOKEN_IS:
    case TOKEN_BETWEEN:
    case TOKEN_IN:
    case TOKEN_LIKE:
    case TOKEN_GLOB:
    case TOKEN_ISNULL:
    case TOKEN_NOTNULL:
    case TOKEN_MATCH:
    case TOKEN_REGEXP:
    case TOKEN_NOT:
        return POWER_EQUALITY;
    default:
        return POWER_NONE;
    }
}

static const struct binary *binary_find(enum token_kind kind)
{
    for (size_t i = 0; i < sizeof binaries / sizeof binaries[0]; i++)
        if (binaries[i].token == kind)
            return binaries + i;
    return NULL;
}

/* `left op right op right ..`: a chain of AND, OR or || is one node. */
static struct node *parse_binary(struct parser *p, struct node *left, const struct binary *op)
{
    uint32_t position = p->token.position;
    bool chain = op->node == NODE_AND || op->node == NODE_OR || op->node == NODE_CONCAT;
    struct node_list list = {NULL, 0, 0};
    if (!node_list_add(p, &list, left))
        return NULL;
    do {
        parser_next(p);
        if (!node_list_add(p, &list, parse_at(p, op->power + 1)))
            return NULL;
    } while (chain && p->token.kind == op->token);
    return node_new(p->compiler, op->node, position, list.items, list.count);
}

struct node *parse_at(struct parser *p, enum power at_least)
{
    if (p->compiler->failed)
        return NULL;
    if (++p->depth > EXPR_DEPTH_MAX) {
        compile_fail(p->compiler, p->token.position,
                     "the expression is nested deeper than %d levels", EXPR_DEPTH_MAX);
        return NULL;
    }
    struct node *left = parse_operand(p);
    while (left) {
        const struct binary *op = binary_find(p->token.kind);
        enum power power = op ? op->power : equality_power(p->token.kind);
        if (power == POWER_NONE || power < at_least)
            break;
        left = op ? parse_binary(p, left, op) : parse_equality(p, left);
    }
    p->depth--;
    return p->compiler->failed ? NULL : left;
}

struct node *parse_expression(struct compiler *compiler)
{
    struct parser parser = {
        .compiler = compiler,
        .lexer = {.text = compiler->text, .length = compiler->length},
    };
    parser_next(&parser);
    struct node *root = parse_at(&parser, POWER_NONE);
    if (!root || parser.token.kind == TOKEN_DONE)
        return root;
    char buffer[SNIPPET_BYTES];
    if (parser.token.kind == TOKEN_COLLATE)
        compile_fail(compiler, parser.token.position,
                     "there is no COLLATE: texts are compared byte by byte; compare lower(..)");
    else if (parser.token.kind == TOKEN_CLOSE)
        compile_fail(compiler, parser.token.position, "this `)` has no `(`");
    else
        compile_fail(compiler, parser.token.position, "an operator is missing before %s",
                     parser_token(&parser, buffer));
    return NULL;
}
