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
#include <strings.h>

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

static struct node *parse(struct parser *p, enum power at_least);

static void next(struct parser *p)
{
    p->end = p->token.position + p->token.length;
    p->token = lexer_next(&p->lexer);
    if (p->token.kind == TOKEN_WRONG)
        compile_fail(p->compiler, p->token.position, "%s", p->lexer.problem);
}

static bool accept(struct parser *p, enum token_kind kind)
{
    if (p->compiler->failed || p->token.kind != kind)
        return false;
    next(p);
    return true;
}

static const char *token_text(const struct parser *p, char buffer[SNIPPET_BYTES])
{
    if (p->token.kind == TOKEN_DONE)
        return "the end of the expression";
    struct node piece = {.start = p->token.position, .end = p->token.position + p->token.length};
    return snippet(p->compiler, &piece, buffer);
}

static bool expect(struct parser *p, enum token_kind kind, const char *what, const char *context)
{
    if (accept(p, kind))
        return true;
    char buffer[SNIPPET_BYTES];
    return compile_fail(p->compiler, p->token.position, "%s is missing %s, before %s", what,
                        context, token_text(p, buffer));
}

/* The text between quotes, with doubled quotes halved. */
static struct weir_str unquote(struct parser *p, struct token token, uint32_t prefix)
{
    const char *from = p->compiler->text + token.position + prefix;
    uint32_t length = token.length - prefix - 1;
    char quote = from[-1];
    char *data = compile_alloc(p->compiler, length + 1);
    uint32_t out = 0;
    for (uint32_t i = 0; data && i < length; i++) {
        data[out++] = from[i];
        if (from[i] == quote && quote != '[')
            i++;
    }
    return str_make(data ? data : "", out);
}

static struct node *literal(struct parser *p, uint8_t kind)
{
    struct node *node = node_constant(p->compiler, p->token.position, type_of(kind, !kind));
    if (!node)
        return NULL;
    node->literal = true;
    node->end = p->token.position + p->token.length;
    return node;
}

static struct node *parse_hex(struct parser *p)
{
    struct node *node = literal(p, WEIR_INT);
    const char *digits = p->compiler->text + p->token.position + 2;
    uint32_t count = p->token.length - 2;
    while (count > 1 && *digits == '0') {
        digits++;
        count--;
    }
    if (count > 16) {
        compile_fail(p->compiler, p->token.position,
                     "this hexadecimal number does not fit an int: it has more than 16 digits");
        return NULL;
    }
    if (node)
        node->constant.i = (int64_t)strtoull(digits, NULL, 16);
    next(p);
    return node;
}

/* A number, with the `-` at `minus` in front of it (UINT32_MAX: none). */
static struct node *parse_number(struct parser *p, uint32_t minus)
{
    bool negative = minus != UINT32_MAX;
    struct token token = p->token;
    struct node *node = literal(p, token.kind == TOKEN_INT ? WEIR_INT : WEIR_FLOAT);
    char text[400];
    if (!node)
        return NULL;
    if (token.length > sizeof text - 2) {
        compile_fail(p->compiler, token.position, "this number has too many digits");
        return NULL;
    }
    int length = snprintf(text, sizeof text, "%s%.*s", negative ? "-" : "", (int)token.length,
                          p->compiler->text + token.position);
    if (token.kind == TOKEN_INT) {
        if (int_read(text, (size_t)length, &node->constant.i) < 0) {
            compile_fail(p->compiler, token.position,
                         "%s does not fit an int; write %s.0 for a float", text, text);
            return NULL;
        }
    } else {
        node->constant.f = strtod(text, NULL);
        if (!__builtin_isfinite(node->constant.f)) {
            compile_fail(p->compiler, token.position, "%s does not fit a float", text);
            return NULL;
        }
    }
    if (negative)
        node->start = node->position = minus;
    next(p);
    return node;
}

static struct node *parse_string(struct parser *p)
{
    struct node *node = literal(p, WEIR_STRING);
    if (!node)
        return NULL;
    node->constant.s = unquote(p, p->token, 1);
    next(p);
    return node;
}

static struct node *parse_bytes(struct parser *p)
{
    struct node *node = literal(p, WEIR_BYTES);
    const char *digits = p->compiler->text + p->token.position + 2;
    uint32_t count = (p->token.length - 3) / 2;
    char *data = compile_alloc(p->compiler, count + 1);
    if (!node || !data)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        data[i] = (char)strtoul(pair, NULL, 16);
    }
    node->constant.s = str_make(data, count);
    next(p);
    return node;
}

static struct node *parse_word(struct parser *p, uint8_t kind, bool value)
{
    struct node *node = literal(p, kind);
    if (node)
        node->constant.b = value;
    next(p);
    return node;
}

/* --- names and calls ------------------------------------------------------------------------ */

/* A growing list of nodes; it lives in the expression's arena. */
struct list {
    struct node **items;
    uint32_t count, capacity;
};

static bool list_add(struct parser *p, struct list *list, struct node *node)
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

/* expr, expr, .. ) */
static bool parse_items(struct parser *p, struct list *list, const char *context)
{
    if (accept(p, TOKEN_CLOSE))
        return true;
    do {
        if (!list_add(p, list, parse(p, POWER_NONE)))
            return false;
    } while (accept(p, TOKEN_COMMA));
    return expect(p, TOKEN_CLOSE, "`)`", context);
}

static struct node *parse_call(struct parser *p, struct token name)
{
    next(p);
    if (p->token.kind == TOKEN_STAR) {
        compile_fail(p->compiler, p->token.position,
                     "`*` stands only in count(*), which is a measure of an aggregate");
        return NULL;
    }
    struct list list = {NULL, 0, 0};
    if (!parse_items(p, &list, "behind the arguments"))
        return NULL;
    struct node *node = node_new(p->compiler, NODE_CALL, name.position, list.items, list.count);
    if (!node)
        return NULL;
    node->end = p->end;
    /* Until the function is found by type_call. */
    node->constant.s = str_make(p->compiler->text + name.position, name.length);
    return node;
}

static struct node *column_node(struct parser *p, const struct weir_field *field,
                                struct token token)
{
    struct node *node = node_new(p->compiler, NODE_COLUMN, token.position, NULL, 0);
    if (!node)
        return NULL;
    node->end = token.position + token.length;
    node->type = field->type;
    node->column = field->column;
    return node;
}

static const char *field_name(const void *context, size_t i)
{
    return ((const struct weir_schema *)context)->fields[i].name;
}

/* Exactly, else the only one that differs in upper and lower case: SQLite's names have no case. */
static struct node *parse_name(struct parser *p, struct token token, struct weir_str name)
{
    const struct weir_schema *schema = p->compiler->schema;
    const struct weir_field *similar = NULL;
    uint32_t similar_count = 0;
    for (uint32_t i = 0; schema && i < schema->count; i++) {
        if (str_is(name, schema->fields[i].name))
            return column_node(p, schema->fields + i, token);
        if (str_is_nocase(name, schema->fields[i].name)) {
            similar = schema->fields + i;
            similar_count++;
        }
    }
    if (similar_count == 1)
        return column_node(p, similar, token);
    char text[SNIPPET_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)name.length, name.data);
    const char *meant = schema ? suggest(text, schema->count, field_name, schema) : NULL;
    if (token.kind == TOKEN_QUOTED_NAME && !meant)
        compile_fail(p->compiler, token.position,
                     "`%s` is not a column here; a text stands in single quotes: '%s'", text, text);
    else
        compile_fail(p->compiler, token.position, "`%s` is not a column here%s%s%s", text,
                     meant ? "; did you mean `" : "", meant ? meant : "", meant ? "`?" : "");
    return NULL;
}

/* --- forms with words ----------------------------------------------------------------------- */

static struct node *parse_case(struct parser *p)
{
    uint32_t position = p->token.position;
    next(p);
    struct list list = {NULL, 0, 0};
    bool of = p->token.kind != TOKEN_WHEN;
    if (of && !list_add(p, &list, parse(p, POWER_NONE)))
        return NULL;
    if (p->token.kind != TOKEN_WHEN)
        expect(p, TOKEN_WHEN, "WHEN", "in CASE");
    while (accept(p, TOKEN_WHEN)) {
        if (!list_add(p, &list, parse(p, POWER_NONE)) ||
            !expect(p, TOKEN_THEN, "THEN", "in CASE") || !list_add(p, &list, parse(p, POWER_NONE)))
            return NULL;
    }
    if (accept(p, TOKEN_ELSE) && !list_add(p, &list, parse(p, POWER_NONE)))
        return NULL;
    if (!expect(p, TOKEN_END, "END", "behind CASE"))
        return NULL;
    struct node *node =
        node_new(p->compiler, of ? NODE_CASE_OF : NODE_CASE, position, list.items, list.count);
    if (node)
        node->end = p->end;
    return node;
}

/* SQL's names of types beside ours.  X(spelling, kind) */
#define EXPR_CAST_TYPES(X)                                                                         \
    X("bool", WEIR_BOOL)                                                                           \
    X("boolean", WEIR_BOOL)                                                                        \
    X("int", WEIR_INT)                                                                             \
    X("integer", WEIR_INT)                                                                         \
    X("bigint", WEIR_INT)                                                                          \
    X("float", WEIR_FLOAT)                                                                         \
    X("real", WEIR_FLOAT)                                                                          \
    X("double", WEIR_FLOAT)                                                                        \
    X("decimal", WEIR_DECIMAL)                                                                     \
    X("numeric", WEIR_DECIMAL)                                                                     \
    X("string", WEIR_STRING)                                                                       \
    X("text", WEIR_STRING)                                                                         \
    X("varchar", WEIR_STRING)                                                                      \
    X("bytes", WEIR_BYTES)                                                                         \
    X("blob", WEIR_BYTES)                                                                          \
    X("timestamp", WEIR_TIMESTAMP)                                                                 \
    X("json", WEIR_JSON)

static const struct cast_type {
    const char *spelling;
    uint8_t kind;
} cast_types[] = {
#define EXPR_CAST_TYPE(spelling, kind) {spelling, kind},
    EXPR_CAST_TYPES(EXPR_CAST_TYPE)
#undef EXPR_CAST_TYPE
};

static const char *cast_type_name(const void *context, size_t i)
{
    return ((const struct cast_type *)context)[i].spelling;
}

static bool parse_scale(struct parser *p, struct weir_type *type)
{
    int64_t scale;
    if (!expect(p, TOKEN_OPEN, "`(`", "behind decimal, as in decimal(2)"))
        return false;
    if (p->token.kind != TOKEN_INT ||
        int_read(p->compiler->text + p->token.position, p->token.length, &scale) < 0 ||
        scale > WEIR_DECIMAL_SCALE_MAX)
        return compile_fail(p->compiler, p->token.position,
                            "decimal(n) has a number of digits behind the point from 0 to %d",
                            WEIR_DECIMAL_SCALE_MAX);
    type->scale = (uint8_t)scale;
    next(p);
    if (p->token.kind == TOKEN_COMMA)
        return compile_fail(p->compiler, p->token.position,
                            "decimal(n) has one number: the digits behind the point");
    return expect(p, TOKEN_CLOSE, "`)`", "behind the digits of decimal");
}

static bool parse_type(struct parser *p, struct weir_type *ret_type)
{
    struct token token = p->token;
    struct weir_str name = str_make(p->compiler->text + token.position, token.length);
    if (token.kind != TOKEN_NAME)
        return expect(p, TOKEN_NAME, "a type", "in CAST(.. AS ..)");
    for (size_t i = 0; i < sizeof cast_types / sizeof cast_types[0]; i++) {
        if (!str_is_nocase(name, cast_types[i].spelling))
            continue;
        *ret_type = type_of(cast_types[i].kind, false);
        next(p);
        return cast_types[i].kind != WEIR_DECIMAL || parse_scale(p, ret_type);
    }
    char text[SNIPPET_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)name.length, name.data);
    const char *meant =
        suggest(text, sizeof cast_types / sizeof cast_types[0], cast_type_name, cast_types);
    return compile_fail(p->compiler, token.position, "`%s` is not a type that CAST makes%s%s%s",
                        text,
                        meant ? "; did you mean "
                              : "; they are bool, int, float, decimal(n), "
                                "string, bytes, timestamp and json",
                        meant ? meant : "", meant ? "?" : "");
}

static struct node *parse_cast(struct parser *p)
{
    uint32_t position = p->token.position;
    struct weir_type type;
    next(p);
    if (!expect(p, TOKEN_OPEN, "`(`", "behind CAST"))
        return NULL;
    struct node *value = parse(p, POWER_NONE);
    if (!value || !expect(p, TOKEN_AS, "AS", "in CAST(.. AS ..)") || !parse_type(p, &type) ||
        !expect(p, TOKEN_CLOSE, "`)`", "behind CAST(.. AS .."))
        return NULL;
    struct node *node = node_new(p->compiler, NODE_CAST, position, &value, 1);
    if (!node)
        return NULL;
    node->type = type;
    node->end = p->end;
    return node;
}

/* --- operands ------------------------------------------------------------------------------- */

static struct node *parse_sign(struct parser *p, enum node_kind kind)
{
    uint32_t position = p->token.position;
    next(p);
    if (kind == NODE_NEGATE && (p->token.kind == TOKEN_INT || p->token.kind == TOKEN_FLOAT))
        return parse_number(p, position);
    struct node *value = parse(p, POWER_SIGN);
    return node_new(p->compiler, kind, position, &value, 1);
}

static struct node *parse_parentheses(struct parser *p)
{
    uint32_t position = p->token.position;
    next(p);
    struct node *node = parse(p, POWER_NONE);
    if (!node)
        return NULL;
    if (p->token.kind == TOKEN_COMMA) {
        compile_fail(p->compiler, p->token.position,
                     "a list of values in parentheses stands only behind IN");
        return NULL;
    }
    if (!expect(p, TOKEN_CLOSE, "`)`", "behind an expression in parentheses"))
        return NULL;
    node->start = position;
    node->end = p->end;
    return node;
}

static struct node *unexpected(struct parser *p)
{
    char buffer[SNIPPET_BYTES];
    switch (p->token.kind) {
    case TOKEN_DONE: {
        bool empty = p->end == 0;
        compile_fail(p->compiler, p->token.position,
                     empty ? "the expression is empty"
                           : "the expression ends where a value should follow");
        return NULL;
    }
    case TOKEN_SELECT:
    case TOKEN_EXISTS:
        compile_fail(p->compiler, p->token.position,
                     "an expression cannot look at other records: SELECT is for queries");
        return NULL;
    default:
        if (token_is_keyword(p->token.kind))
            compile_fail(p->compiler, p->token.position,
                         "a value is missing before %s; a column of that name stands in double "
                         "quotes",
                         token_text(p, buffer));
        else
            compile_fail(p->compiler, p->token.position, "a value is missing before %s",
                         token_text(p, buffer));
        return NULL;
    }
}

static struct node *parse_operand(struct parser *p)
{
    struct token token = p->token;
    switch (token.kind) {
    case TOKEN_INT:
    case TOKEN_FLOAT:
        return parse_number(p, UINT32_MAX);
    case TOKEN_HEX:
        return parse_hex(p);
    case TOKEN_STRING:
        return parse_string(p);
    case TOKEN_BYTES:
        return parse_bytes(p);
    case TOKEN_NULL:
        return parse_word(p, EXPR_NULL, false);
    case TOKEN_TRUE:
        return parse_word(p, WEIR_BOOL, true);
    case TOKEN_FALSE:
        return parse_word(p, WEIR_BOOL, false);
    case TOKEN_OPEN:
        return parse_parentheses(p);
    case TOKEN_MINUS:
        return parse_sign(p, NODE_NEGATE);
    case TOKEN_PLUS:
        return parse_sign(p, NODE_PLUS);
    case TOKEN_TILDE:
        return parse_sign(p, NODE_BIT_NOT);
    case TOKEN_CASE:
        return parse_case(p);
    case TOKEN_CAST:
        return parse_cast(p);
    case TOKEN_NOT: {
        next(p);
        struct node *value = parse(p, POWER_NOT);
        return node_new(p->compiler, NODE_NOT, token.position, &value, 1);
    }
    case TOKEN_QUOTED_NAME: {
        next(p);
        return parse_name(p, token, unquote(p, token, 1));
    }
    case TOKEN_NAME:
    case TOKEN_LIKE: /* like(pattern, text), glob(pattern, text) */
    case TOKEN_GLOB: {
        next(p);
        if (p->token.kind == TOKEN_OPEN)
            return parse_call(p, token);
        if (token.kind != TOKEN_NAME)
            break;
        if (p->token.kind == TOKEN_DOT) {
            compile_fail(p->compiler, p->token.position,
                         "a column has one name; a name with a dot in it stands in double quotes, "
                         "and a member of a json is read by ->>");
            return NULL;
        }
        return parse_name(p, token, str_make(p->compiler->text + token.position, token.length));
    }
    default:
        break;
    }
    return unexpected(p);
}

/* --- what follows an operand ---------------------------------------------------------------- */

static struct node *negated(struct parser *p, struct node *node, bool negate, uint32_t position)
{
    return negate ? node_new(p->compiler, NODE_NOT, position, &node, 1) : node;
}

static struct node *parse_is(struct parser *p, struct node *left, uint32_t position)
{
    next(p);
    bool negate = accept(p, TOKEN_NOT);
    if (accept(p, TOKEN_DISTINCT)) {
        if (!expect(p, TOKEN_FROM, "FROM", "behind IS DISTINCT"))
            return NULL;
        negate = !negate;
    }
    struct node *right = parse(p, POWER_EQUALITY + 1);
    struct node *args[] = {left, right};
    if (right && node_is_null(right))
        return node_new(p->compiler, negate ? NODE_NOT_NULL : NODE_IS_NULL, position, args, 1);
    return node_new(p->compiler, negate ? NODE_IS_NOT : NODE_IS, position, args, 2);
}

static struct node *parse_between(struct parser *p, struct node *left, uint32_t position)
{
    next(p);
    struct node *args[3] = {left, parse(p, POWER_NOT), NULL};
    if (!args[1] || !expect(p, TOKEN_AND, "AND", "in BETWEEN .. AND .."))
        return NULL;
    args[2] = parse(p, POWER_EQUALITY + 1);
    return node_new(p->compiler, NODE_BETWEEN, position, args, 3);
}

static struct node *parse_in(struct parser *p, struct node *left, uint32_t position)
{
    next(p);
    struct list list = {NULL, 0, 0};
    if (!list_add(p, &list, left) ||
        !expect(p, TOKEN_OPEN, "`(`", "behind IN, as in `x IN (1, 2)`") ||
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
    next(p);
    struct node *args[3] = {left, parse(p, POWER_EQUALITY + 1), NULL};
    uint32_t count = 2;
    if (kind == NODE_LIKE && accept(p, TOKEN_ESCAPE)) {
        args[2] = parse(p, POWER_EQUALITY + 1);
        count = 3;
    }
    return node_new(p->compiler, kind, position, args, count);
}

/* The forms of the equality level. */
static struct node *parse_equality(struct parser *p, struct node *left)
{
    uint32_t position = p->token.position;
    bool negate = accept(p, TOKEN_NOT);
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
        next(p);
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
    struct list list = {NULL, 0, 0};
    if (!list_add(p, &list, left))
        return NULL;
    do {
        next(p);
        if (!list_add(p, &list, parse(p, op->power + 1)))
            return NULL;
    } while (chain && p->token.kind == op->token);
    return node_new(p->compiler, op->node, position, list.items, list.count);
}

static struct node *parse(struct parser *p, enum power at_least)
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
    next(&parser);
    struct node *root = parse(&parser, POWER_NONE);
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
                     token_text(&parser, buffer));
    return NULL;
}
