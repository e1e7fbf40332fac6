/* SPDX-License-Identifier: Apache-2.0 */
/* parser_operand.c: what stands between operators. */
#include <strings.h>

#include "transforms/expr/parser.h"

/* --- literals ---- */

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
    parser_next(p);
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
    parser_next(p);
    return node;
}

static struct node *parse_string(struct parser *p)
{
    struct node *node = literal(p, WEIR_STRING);
    if (!node)
        return NULL;
    node->constant.s = unquote(p, p->token, 1);
    parser_next(p);
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
    parser_next(p);
    return node;
}

static struct node *parse_word(struct parser *p, uint8_t kind, bool value)
{
    struct node *node = literal(p, kind);
    if (node)
        node->constant.b = value;
    parser_next(p);
    return node;
}

/* --- names and calls ------------------------------------------------------------------------ */

static struct node *parse_call(struct parser *p, struct token name)
{
    parser_next(p);
    if (p->token.kind == TOKEN_STAR) {
        compile_fail(p->compiler, p->token.position,
                     "`*` stands only in count(*), which is a measure of an aggregate");
        return NULL;
    }
    struct node_list list = {NULL, 0, 0};
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
    parser_next(p);
    struct node_list list = {NULL, 0, 0};
    bool of = p->token.kind != TOKEN_WHEN;
    if (of && !node_list_add(p, &list, parse_at(p, POWER_NONE)))
        return NULL;
    if (p->token.kind != TOKEN_WHEN)
        parser_expect(p, TOKEN_WHEN, "WHEN", "in CASE");
    while (parser_accept(p, TOKEN_WHEN)) {
        if (!node_list_add(p, &list, parse_at(p, POWER_NONE)) ||
            !parser_expect(p, TOKEN_THEN, "THEN", "in CASE") ||
            !node_list_add(p, &list, parse_at(p, POWER_NONE)))
            return NULL;
    }
    if (parser_accept(p, TOKEN_ELSE) && !node_list_add(p, &list, parse_at(p, POWER_NONE)))
        return NULL;
    if (!parser_expect(p, TOKEN_END, "END", "behind CASE"))
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
    if (!parser_expect(p, TOKEN_OPEN, "`(`", "behind decimal, as in decimal(2)"))
        return false;
    if (p->token.kind != TOKEN_INT ||
        int_read(p->compiler->text + p->token.position, p->token.length, &scale) < 0 ||
        scale > WEIR_DECIMAL_SCALE_MAX)
        return compile_fail(p->compiler, p->token.position,
                            "decimal(n) has a number of digits behind the point from 0 to %d",
                            WEIR_DECIMAL_SCALE_MAX);
    type->scale = (uint8_t)scale;
    parser_next(p);
    if (p->token.kind == TOKEN_COMMA)
        return compile_fail(p->compiler, p->token.position,
                            "decimal(n) has one number: the digits behind the point");
    return parser_expect(p, TOKEN_CLOSE, "`)`", "behind the digits of decimal");
}

static bool parse_type(struct parser *p, struct weir_type *ret_type)
{
    struct token token = p->token;
    struct weir_str name = str_make(p->compiler->text + token.position, token.length);
    if (token.kind != TOKEN_NAME)
        return parser_expect(p, TOKEN_NAME, "a type", "in CAST(.. AS ..)");
    for (size_t i = 0; i < sizeof cast_types / sizeof cast_types[0]; i++) {
        if (!str_is_nocase(name, cast_types[i].spelling))
            continue;
        *ret_type = type_of(cast_types[i].kind, false);
        parser_next(p);
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
    parser_next(p);
    if (!parser_expect(p, TOKEN_OPEN, "`(`", "behind CAST"))
        return NULL;
    struct node *value = parse_at(p, POWER_NONE);
    if (!value || !parser_expect(p, TOKEN_AS, "AS", "in CAST(.. AS ..)") || !parse_type(p, &type) ||
        !parser_expect(p, TOKEN_CLOSE, "`)`", "behind CAST(.. AS .."))
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
    parser_next(p);
    if (kind == NODE_NEGATE && (p->token.kind == TOKEN_INT || p->token.kind == TOKEN_FLOAT))
        return parse_number(p, position);
    struct node *value = parse_at(p, POWER_SIGN);
    return node_new(p->compiler, kind, position, &value, 1);
}

static struct node *parse_parentheses(struct parser *p)
{
    uint32_t position = p->token.position;
    parser_next(p);
    struct node *node = parse_at(p, POWER_NONE);
    if (!node)
        return NULL;
    if (p->token.kind == TOKEN_COMMA) {
        compile_fail(p->compiler, p->token.position,
                     "a list of values in parentheses stands only behind IN");
        return NULL;
    }
    if (!parser_expect(p, TOKEN_CLOSE, "`)`", "behind an expression in parentheses"))
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
                         parser_token(p, buffer));
        else
            compile_fail(p->compiler, p->token.position, "a value is missing before %s",
                         parser_token(p, buffer));
        return NULL;
    }
}

struct node *parse_operand(struct parser *p)
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
        parser_next(p);
        struct node *value = parse_at(p, POWER_NOT);
        return node_new(p->compiler, NODE_NOT, token.position, &value, 1);
    }
    case TOKEN_QUOTED_NAME: {
        parser_next(p);
        return parse_name(p, token, unquote(p, token, 1));
    }
    case TOKEN_NAME:
    case TOKEN_LIKE: /* like(pattern, text), glob(pattern, text) */
    case TOKEN_GLOB: {
        parser_next(p);
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
