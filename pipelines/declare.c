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

/* Is the value of its option's kind? Asked without telling. */
static bool kind_fits(const struct weir_node *map, uint32_t i, const struct weir_option *option)
{
    struct weir_option one[2] = {*option, {NULL, 0, 0, NULL, NULL, NULL}};
    struct weir_node pair = *map;
    pair.count = 1;
    pair.keys = map->keys + i;
    pair.values = map->values + i;
    struct problems untold = {0};
    bool fits = node_check_options(&pair, one, "", &untold);
    problems_done(&untold);
    return fits;
}

static const struct weir_option *option_of(const struct declaration *declaration, const char *name)
{
    for (const struct weir_option *o = declaration->options; o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

const struct weir_node *declare_read(struct planner *planner, const struct weir_node *node,
                                     const struct declaration *declaration, const char *what)
{
    if (node->kind != WEIR_NODE_MAP) {
        node_check_options(node, declaration->options, what, planner->problems);
        return NULL;
    }
    struct weir_node now = *node; /* without what a later version has */
    struct weir_node *right = planner_alloc(planner, sizeof *right);
    const struct weir_node **keys = planner_alloc(planner, 2 * node->count * sizeof *keys);
    const struct weir_node **values = planner_alloc(planner, 2 * node->count * sizeof *values);
    *right = *node;
    now.count = right->count = 0;
    now.keys = keys;
    now.values = values;
    right->keys = keys + node->count;
    right->values = values + node->count;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct weir_node *key = node->keys[i];
        const struct weir_option *option = option_of(declaration, key->text);
        if (word_of(declaration->later, key->text)) {
            report_later(planner, key, declaration, what);
            continue;
        }
        keys[now.count] = key;
        values[now.count++] = node->values[i];
        if (option && kind_fits(node, i, option)) {
            keys[node->count + right->count] = key;
            values[node->count + right->count++] = node->values[i];
        }
    }
    node_check_options(&now, declaration->options, what, planner->problems);
    return right;
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
