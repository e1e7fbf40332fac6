/* SPDX-License-Identifier: Apache-2.0 */
#include "base/node.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/value.h"

#define SHOWN_BYTES 80

const struct weir_node *node_get(const struct weir_node *map, const char *key)
{
    if (!map || map->kind != WEIR_NODE_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->values[i];
    return NULL;
}

/* What stands there, for a message: ", not `x`". What came from a variable is never shown. */
static const char *shown(const struct weir_node *node, char buffer[SHOWN_BYTES])
{
    static const char *const kinds[] = {", not nothing", "", ", not a list", ", not a map"};
    if (node->kind != WEIR_NODE_SCALAR)
        return node->kind < COUNT_OF(kinds) ? kinds[node->kind] : "";
    if (node->secret)
        return ", which the variable's value is not";
    int cut = 40;
    while (cut > 0 && node->text_length > 40 && ((unsigned char)node->text[cut] & 0xc0) == 0x80)
        cut--;
    snprintf(buffer, SHOWN_BYTES, ", not `%.*s%s`%s", cut, node->text,
             node->text_length > 40 ? ".." : "", node->quoted ? " in quotes" : "");
    return buffer;
}

static bool expected(const struct weir_node *node, const char *what, const char *wanted,
                     struct problems *problems)
{
    char buffer[SHOWN_BYTES];
    problem_error(problems, node->mark, "%s must be %s%s", what, wanted, shown(node, buffer));
    return false;
}

static bool is_plain(const struct weir_node *node)
{
    return node->kind == WEIR_NODE_SCALAR && !node->quoted;
}

bool node_bool(const struct weir_node *node, const char *what, bool *ret, struct problems *p)
{
    if (is_plain(node) && strcmp(node->text, "true") == 0)
        *ret = true;
    else if (is_plain(node) && strcmp(node->text, "false") == 0)
        *ret = false;
    else
        return expected(node, what, "true or false", p);
    return true;
}

bool node_int(const struct weir_node *node, const char *what, int64_t minimum, int64_t maximum,
              int64_t *ret, struct problems *p)
{
    int64_t value;
    if (!is_plain(node) || int_read(node->text, node->text_length, &value) != 0 ||
        value < minimum || value > maximum) {
        char wanted[96];
        if (minimum == INT64_MIN && maximum == INT64_MAX)
            snprintf(wanted, sizeof wanted, "a whole number");
        else if (maximum == INT64_MAX)
            snprintf(wanted, sizeof wanted, "a whole number, at least %" PRId64, minimum);
        else if (minimum == INT64_MIN)
            snprintf(wanted, sizeof wanted, "a whole number, at most %" PRId64, maximum);
        else
            snprintf(wanted, sizeof wanted, "a whole number from %" PRId64 " to %" PRId64, minimum,
                     maximum);
        return expected(node, what, wanted, p);
    }
    *ret = value;
    return true;
}

bool node_duration(const struct weir_node *node, const char *what, int64_t *ret_ns,
                   struct problems *p)
{
    if (node->kind != WEIR_NODE_SCALAR || duration_read(node->text, ret_ns, NULL) != 0)
        return expected(node, what, "a duration such as 250ms, 30s, 5m, 24h or 7d", p);
    return true;
}

bool node_size(const struct weir_node *node, const char *what, uint64_t *ret, struct problems *p)
{
    if (node->kind != WEIR_NODE_SCALAR || size_read(node->text, ret, NULL) != 0)
        return expected(node, what, "a size such as 512B, 64KiB, 2MB or 1GiB", p);
    return true;
}

bool node_text(const struct weir_node *node, const char *what, const char **ret, struct problems *p)
{
    if (node->kind != WEIR_NODE_SCALAR)
        return expected(node, what, "a text", p);
    if (strlen(node->text) != node->text_length) {
        problem_error(p, node->mark, "%s holds a NUL character", what);
        return false;
    }
    *ret = node->text;
    return true;
}

/* Choice i of "a|b|c"; its length, or SIZE_MAX after the last. */
static size_t choice_at(const char *choices, size_t i, const char **ret_choice)
{
    for (; i > 0; i--) {
        choices = strchr(choices, '|');
        if (!choices)
            return SIZE_MAX;
        choices++;
    }
    *ret_choice = choices;
    return strcspn(choices, "|");
}

static const char *list_item(const void *context, size_t i)
{
    return ((char *const *)context)[i];
}

/* ": a, b or c", and what was meant. */
static void choice_problem(const struct weir_node *node, const char *what, const char *choices,
                           struct problems *problems)
{
    struct text wanted = TEXT_INIT;
    char *names[32];
    size_t count = 0, length;
    const char *choice;
    text_add(&wanted, "one of ");
    for (size_t i = 0; (length = choice_at(choices, i, &choice)) != SIZE_MAX; i++) {
        text_addf(&wanted, "%s%.*s", i ? ", " : "", (int)length, choice);
        if (count < COUNT_OF(names))
            names[count++] = mem_strndup(choice, length);
    }
    const char *near = node->kind == WEIR_NODE_SCALAR && !node->secret
                           ? suggest(node->text, count, list_item, names)
                           : NULL;
    char buffer[SHOWN_BYTES];
    problem_error(problems, node->mark,
                  near ? "%s must be %s%s; did you mean `%s`?" : "%s must be %s%s", what,
                  wanted.data, shown(node, buffer), near);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    text_done(&wanted);
}

bool node_choice(const struct weir_node *node, const char *what, const char *choices, int *ret,
                 struct problems *p)
{
    const char *choice;
    size_t length;
    for (size_t i = 0; (length = choice_at(choices, i, &choice)) != SIZE_MAX; i++)
        if (node->kind == WEIR_NODE_SCALAR && node->text_length == length &&
            memcmp(node->text, choice, length) == 0) {
            *ret = (int)i;
            return true;
        }
    choice_problem(node, what, choices, p);
    return false;
}

static bool check_list(const struct weir_node *node, const char *what, struct problems *problems)
{
    if (node->kind != WEIR_NODE_LIST)
        return expected(node, what, "a list", problems);
    bool good = true;
    for (uint32_t i = 0; i < node->count; i++)
        if (node->values[i]->kind != WEIR_NODE_SCALAR)
            good = expected(node->values[i], what, "a list of texts", problems);
    return good;
}

static bool check_map(const struct weir_node *node, const char *what, struct problems *problems)
{
    if (node->kind != WEIR_NODE_MAP)
        return expected(node, what, "a map of name: value", problems);
    bool good = true;
    for (uint32_t i = 0; i < node->count; i++)
        if (node->values[i]->kind != WEIR_NODE_SCALAR)
            good = expected(node->values[i], node->keys[i]->text, "a text", problems);
    return good;
}

static bool check_value(const struct weir_node *node, const struct weir_option *option,
                        const char *what, struct problems *problems)
{
    bool truth;
    int choice;
    int64_t number;
    uint64_t size;
    const char *text;
    switch (option->kind) {
    case WEIR_OPTION_TEXT:
        return node_text(node, what, &text, problems);
    case WEIR_OPTION_EXPR:
        return node->kind == WEIR_NODE_SCALAR || expected(node, what, "an expression", problems);
    case WEIR_OPTION_INT:
        return node_int(node, what, INT64_MIN, INT64_MAX, &number, problems);
    case WEIR_OPTION_BOOL:
        return node_bool(node, what, &truth, problems);
    case WEIR_OPTION_DURATION:
        return node_duration(node, what, &number, problems);
    case WEIR_OPTION_SIZE:
        return node_size(node, what, &size, problems);
    case WEIR_OPTION_CHOICE:
        return node_choice(node, what, option->choices, &choice, problems);
    case WEIR_OPTION_LIST:
        return check_list(node, what, problems);
    case WEIR_OPTION_MAP:
        return check_map(node, what, problems);
    default:
        return true;
    }
}

static const char *option_name(const void *context, size_t i)
{
    return ((const struct weir_option *)context)[i].name;
}

static const struct weir_option *option_find(const struct weir_option *options, const char *name)
{
    for (; options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static void unknown_key(const struct weir_node *key, const struct weir_option *options,
                        size_t count, const char *what, struct problems *problems)
{
    const char *near = suggest(key->text, count, option_name, options);
    if (near) {
        problem_error(problems, key->mark, "%s has no option `%s`; did you mean `%s`?", what,
                      key->text, near);
        return;
    }
    struct text known = TEXT_INIT;
    for (size_t i = 0; i < count; i++)
        if (*options[i].name)
            text_addf(&known, "%s%s", known.length ? ", " : "", options[i].name);
    if (known.length)
        problem_error(problems, key->mark, "%s has no option `%s`; there are %s", what, key->text,
                      known.data);
    else
        problem_error(problems, key->mark, "%s has no options", what);
    text_done(&known);
}

bool node_check_options(const struct weir_node *node, const struct weir_option *options,
                        const char *what, struct problems *problems)
{
    size_t count = 0;
    bool named = false, good = true;
    for (; options[count].name; count++)
        named |= *options[count].name != '\0';
    const struct weir_option *whole = option_find(options, "");
    /* A map is the options by name, unless there are none or the value as a whole is a map. */
    if (whole && (node->kind != WEIR_NODE_MAP || !named || whole->kind == WEIR_OPTION_MAP))
        return check_value(node, whole, what, problems);
    if (node->kind != WEIR_NODE_MAP && node->kind != WEIR_NODE_NULL)
        return expected(node, what, "a map of options", problems);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct weir_node *key = node->keys[i];
        const struct weir_option *option = *key->text ? option_find(options, key->text) : NULL;
        if (!option) {
            unknown_key(key, options, count, what, problems);
            good = false;
            continue;
        }
        char *name = mem_printf("`%s` of %s", key->text, what);
        good &= check_value(node->values[i], option, name, problems);
        free(name);
    }
    for (size_t i = 0; i < count; i++)
        if (options[i].required && *options[i].name && !node_get(node, options[i].name)) {
            problem_error(problems, node->mark, "%s needs the option `%s`", what, options[i].name);
            good = false;
        }
    return good;
}
