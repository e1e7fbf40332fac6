/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c: nodes and mistakes. */
#include "transforms/expr/tree.h"

#include <stdarg.h>

#include "transforms/expr/eval.h"

static void __attribute__((format(printf, 3, 0)))
fail_v(struct compiler *compiler, uint32_t position, const char *format, va_list arguments)
{
    struct expression_error *error = compiler->error;
    if (compiler->failed)
        return;
    compiler->failed = true;
    error->position = position < compiler->length ? position : compiler->length;
    vsnprintf(error->text, sizeof error->text, format, arguments);
}

bool compile_fail(struct compiler *compiler, uint32_t position, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail_v(compiler, position, format, arguments);
    va_end(arguments);
    return false;
}

void *compile_alloc(struct compiler *compiler, size_t bytes)
{
    void *memory = arena_alloc(&compiler->expr->arena, bytes);
    if (!memory)
        compile_fail(compiler, 0, "there is no memory left for the expression");
    else
        memset(memory, 0, bytes);
    return memory;
}

const char *snippet(const struct compiler *compiler, const struct node *node,
                    char buffer[SNIPPET_BYTES])
{
    uint32_t length = node->end - node->start;
    const char *text = compiler->text + node->start;
    if (length <= 40)
        snprintf(buffer, SNIPPET_BYTES, "`%.*s`", (int)length, text);
    else {
        /* Cut between characters. */
        uint32_t cut = 36;
        while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
            cut--;
        snprintf(buffer, SNIPPET_BYTES, "`%.*s ..`", (int)cut, text);
    }
    return buffer;
}

struct node *node_new(struct compiler *compiler, enum node_kind kind, uint32_t position,
                      struct node *const *args, uint32_t count)
{
    if (compiler->failed)
        return NULL;
    if (++compiler->nodes > EXPR_NODES_MAX) {
        compile_fail(compiler, position,
                     "the expression has more than %d operators, names and literals",
                     EXPR_NODES_MAX);
        return NULL;
    }
    struct node *node = compile_alloc(compiler, sizeof *node);
    if (!node)
        return NULL;
    node->kind = (uint8_t)kind;
    node->position = node->start = node->end = position;
    node->depth = 1;
    if (!count)
        return node;
    node->args = compile_alloc(compiler, count * sizeof(struct node *));
    if (!node->args)
        return NULL;
    node->count = count;
    node->start = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct node *arg = args[i];
        if (!arg)
            return NULL;
        node->args[i] = arg;
        node->per_batch |= arg->per_batch;
        if (arg->depth >= node->depth)
            node->depth = (uint16_t)(arg->depth + 1);
        if (arg->start < node->start)
            node->start = arg->start;
        if (arg->end > node->end)
            node->end = arg->end;
    }
    if (position < node->start)
        node->start = position;
    if (node->depth > EXPR_DEPTH_MAX) {
        compile_fail(compiler, position, "the expression is nested deeper than %d levels",
                     EXPR_DEPTH_MAX);
        return NULL;
    }
    return node;
}

struct node *node_constant(struct compiler *compiler, uint32_t position, struct weir_type type)
{
    struct node *node = node_new(compiler, NODE_CONSTANT, position, NULL, 0);
    if (!node)
        return NULL;
    node->type = type;
    node->eval = eval_constant;
    node->constant.valid[0] = type.kind != EXPR_NULL;
    return node;
}

bool any_nullable(const struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (node->args[i]->type.nullable)
            return true;
    return false;
}

const char *kind_phrase(struct weir_type type, char buffer[TYPE_TEXT_BYTES])
{
    if (type.kind == EXPR_NULL)
        return "null";
    char name[TYPE_TEXT_BYTES];
    type.nullable = 0;
    type_text(type, name);
    const char *article = type.kind == WEIR_BYTES ? "" : strchr("ai", name[0]) ? "an " : "a ";
    snprintf(buffer, TYPE_TEXT_BYTES, "%s%.28s", article, name);
    return buffer;
}
