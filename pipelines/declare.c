/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/declare.h"

#include <stdarg.h>

#include "base/check.h"

void *planner_alloc(struct planner *planner, size_t bytes)
{
    void *memory = arena_alloc(planner->arena, bytes ? bytes : 1);
    CHECK(memory);
    return memset(memory, 0, bytes);
}

const char *planner_text(struct planner *planner, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(planner_alloc(planner, bytes), text, bytes);
}

const char *planner_printf(struct planner *planner, const char *format, ...)
{
    struct text text = TEXT_INIT;
    va_list arguments;
    va_start(arguments, format);
    text_addv(&text, format, arguments);
    va_end(arguments);
    const char *kept = planner_text(planner, text.data);
    text_done(&text);
    return kept;
}

/* Is `name` one of the words of a list separated by |? */
static bool word_of(const char *words, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|')
        if (strcspn(at, "|") == length && !memcmp(at, name, length))
            return true;
    return false;
}

static void report_later(struct planner *planner, const struct weir_node *key,
                         const struct declaration *declaration, const char *what)
{
    struct text known = TEXT_INIT;
    for (const struct weir_option *o = declaration->options; o->name; o++)
        text_addf(&known, "%s%s", known.length ? ", " : "", o->name);
    problem_error(planner->problems, key->mark,
                  "`%s` of %s is not an option of this version; there are %s", key->text, what,
                  known.data);
    text_done(&known);
}

bool declare_check(struct planner *planner, const struct weir_node *node,
                   const struct declaration *declaration, const char *what)
{
    if (node->kind != WEIR_NODE_MAP)
        return node_check_options(node, declaration->options, what, planner->problems);
    struct weir_node known = *node;
    const struct weir_node **keys = planner_alloc(planner, node->count * sizeof *keys);
    const struct weir_node **values = planner_alloc(planner, node->count * sizeof *values);
    known.count = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        if (word_of(declaration->later, node->keys[i]->text)) {
            report_later(planner, node->keys[i], declaration, what);
            continue;
        }
        keys[known.count] = node->keys[i];
        values[known.count++] = node->values[i];
    }
    known.keys = keys;
    known.values = values;
    return node_check_options(&known, declaration->options, what, planner->problems) &&
           known.count == node->count;
}

bool declare_name(struct planner *planner, const struct weir_node *name, const char *what)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *text = name->text;
    size_t length = name->text_length;
    if (length && length <= NAME_BYTES_MAX && strchr(letters, text[0]) && !text[strspn(text, all)])
        return true;
    problem_error(
        planner->problems, name->mark,
        "`%s` cannot be the name of %s: a letter, then letters, digits, _ and -, at most %d",
        name->secret ? "${..}" : text, what, NAME_BYTES_MAX);
    return false;
}
