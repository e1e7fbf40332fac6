/* SPDX-License-Identifier: Apache-2.0 */
/* types_call.c: calls of functions, checked against the letters of their table. */
#include <strings.h>

#include "transforms/expr/tree.h"

#include "transforms/expr/eval.h"

bool str_is_nocase(struct weir_str a, const char *string)
{
    return strlen(string) == a.length && !strncasecmp(a.data, string, a.length);
}

/* Operators are near to nothing. */
static const char *function_name(const void *context, size_t i)
{
    const struct function *function = (const struct function *)context + i;
    return function->arguments ? function->doc.name : "";
}

const struct function *function_find(struct weir_str name)
{
    for (size_t i = 0; i < function_count(); i++)
        if (functions[i].arguments && str_is_nocase(name, functions[i].doc.name))
            return functions + i;
    return NULL;
}

/* Names that exist elsewhere, with what to do instead.  X(name, advice) */
#define EXPR_FOREIGN_FUNCTIONS(X)                                                                  \
    X("count", "is a measure of an aggregate: it stands under sink.aggregates")                    \
    X("sum", "is a measure of an aggregate: it stands under sink.aggregates")                      \
    X("total", "is a measure of an aggregate: sum(..) stands under sink.aggregates")               \
    X("avg", "is a measure of an aggregate: it stands under sink.aggregates")                      \
    X("group_concat", "looks at several records, and an expression sees one")                      \
    X("random", "would give another answer on each replay; hash(x) spreads values evenly")         \
    X("randomblob", "would give another answer on each replay; hash(x) spreads values evenly")     \
    X("now", "is written timestamp('now')")                                                        \
    X("if", "is called iif(condition, yes, no)")                                                   \
    X("to_timestamp", "is called timestamp(x, 'unixepoch')")                                       \
    X("date_trunc", "is called timestamp(t, 'start of hour'), and so with minute, day, month, "    \
                    "year")                                                                        \
    X("regexp", "does not exist; LIKE and GLOB compare with patterns")

static bool unknown_function(struct compiler *compiler, const struct node *node)
{
    static const struct {
        const char *name, *advice;
    } foreign[] = {
#define EXPR_FOREIGN(name, advice) {name, advice},
        EXPR_FOREIGN_FUNCTIONS(EXPR_FOREIGN)
#undef EXPR_FOREIGN
    };
    struct weir_str name = node->constant.s;
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (str_is_nocase(name, foreign[i].name))
            return compile_fail(compiler, node->position, "%s() %s", foreign[i].name,
                                foreign[i].advice);
    char text[SNIPPET_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)name.length, name.data);
    const char *meant = suggest(text, function_count(), function_name, functions);
    return compile_fail(compiler, node->position, "there is no function %s()%s%s%s", text,
                        meant ? "; did you mean `" : "; `weir functions` lists them",
                        meant ? meant : "", meant ? "`?" : "");
}

/* How many arguments the letters allow. */
static void count_allowed(const char *letters, uint32_t *ret_minimum, uint32_t *ret_maximum)
{
    uint32_t minimum = 0, maximum = 0;
    bool optional = false;
    for (; *letters; letters++) {
        if (*letters == '?') {
            optional = true;
        } else if (*letters == '*') {
            maximum = CALL_ARGUMENTS_MAX;
        } else {
            maximum++;
            minimum += !optional;
        }
    }
    *ret_minimum = minimum;
    *ret_maximum = maximum;
}

static bool check_count(struct compiler *compiler, const struct node *node)
{
    const struct function *function = node->function;
    uint32_t minimum, maximum;
    count_allowed(function->arguments, &minimum, &maximum);
    if (node->count >= minimum && node->count <= maximum)
        return true;
    char range[40];
    if (minimum == maximum)
        snprintf(range, sizeof range, "%u", minimum);
    else
        snprintf(range, sizeof range, "%u to %u", minimum, maximum);
    return compile_fail(compiler, node->position, "%s() takes %s argument%s and here %s %u: %s",
                        function->doc.name, range, minimum == 1 && maximum == 1 ? "" : "s",
                        node->count == 1 ? "is" : "are", node->count, function->doc.signature);
}

static bool wrong_argument(struct compiler *compiler, const struct node *node, uint32_t i,
                           const char *wanted, const char *advice)
{
    const struct node *arg = node->args[i];
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    return compile_fail(compiler, arg->start, "%s() wants %s, and %s is %s%s%s",
                        node->function->doc.name, wanted, snippet(compiler, arg, a),
                        kind_phrase(arg->type, b), advice ? "; " : "", advice ? advice : "");
}

/* A null takes any type. */
static bool check_null(struct node *arg, char letter)
{
    uint8_t kind = letter == 'b'                    ? WEIR_BOOL
                   : letter == 'f'                  ? WEIR_FLOAT
                   : letter == 'i' || letter == 'n' ? WEIR_INT
                   : letter == 'j'                  ? WEIR_JSON
                   : letter == 'a'                  ? EXPR_NULL
                                                    : WEIR_STRING;
    arg->type = type_of(kind, true);
    return true;
}

static bool check_argument(struct compiler *compiler, struct node *node, uint32_t i, char letter)
{
    struct node **slot = node->args + i;
    uint8_t kind = (*slot)->type.kind;
    bool nullable = (*slot)->type.nullable;
    if (kind == EXPR_NULL && letter != 'k')
        return check_null(*slot, letter);
    switch (letter) {
    case 'b':
        return want_bool(compiler, slot, node->function->doc.name);
    case 'i':
        if (kind != WEIR_INT && kind != WEIR_BOOL)
            return wrong_argument(compiler, node, i, "an int", "write CAST(.. AS int)");
        return convert(compiler, slot, type_of(WEIR_INT, nullable));
    case 'f':
        if (!kind_is_number(kind))
            return wrong_argument(compiler, node, i, "a number", "write CAST(.. AS float)");
        return convert(compiler, slot, type_of(WEIR_FLOAT, nullable));
    case 'n':
        if (!kind_is_number(kind))
            return wrong_argument(compiler, node, i, "a number",
                                  kind == WEIR_STRING ? "write CAST(.. AS int)" : NULL);
        return kind != WEIR_BOOL || convert(compiler, slot, type_of(WEIR_INT, nullable));
    case 's':
        if (kind != WEIR_STRING)
            return wrong_argument(compiler, node, i, "a text", "write CAST(.. AS string)");
        return true;
    case 'x':
        if (kind != WEIR_STRING && kind != WEIR_BYTES)
            return wrong_argument(compiler, node, i, "a text or bytes", "write CAST(.. AS string)");
        return true;
    case 't':
        return convert_to_text(compiler, slot, node->function->doc.name);
    case 'k':
        if (!node_is_text(*slot))
            return wrong_argument(compiler, node, i, "a text that stands in the expression", NULL);
        return true;
    case 'j':
        if (kind != WEIR_JSON && kind != WEIR_ARRAY)
            return wrong_argument(compiler, node, i, "a json",
                                  kind == WEIR_STRING ? "write CAST(.. AS json)" : NULL);
        return true;
    default:
        return true;
    }
}

bool type_call(struct compiler *compiler, struct node *node)
{
    const struct function *function = function_find(node->constant.s);
    if (!function)
        return unknown_function(compiler, node);
    node->function = function;
    if (!check_count(compiler, node))
        return false;
    const char *letter = function->arguments;
    for (uint32_t i = 0; i < node->count; i++) {
        while (*letter == '?')
            letter++;
        if (!check_argument(compiler, node, i, *letter))
            return false;
        if (letter[1] && letter[1] != '*')
            letter++;
    }
    node->eval = function->eval ? function->eval : eval_call;
    node->type =
        type_of(function->result, any_nullable(node) || (function->flags & FUNCTION_MAY_BE_NULL));
    if (function->check && !function->check(compiler, node))
        return false;
    if (function->flags & FUNCTION_NULLS)
        return node->type.kind != EXPR_NULL || null_instead(node);
    for (uint32_t i = 0; i < node->count; i++)
        if (node_is_null(node->args[i]))
            return null_instead(node);
    return true;
}
