/* SPDX-License-Identifier: Apache-2.0 */
/* declare_measure.c: `total: sum(amount * 2)`: one function over one expression. */
#include "pipelines/declare.h"

#include <ctype.h>

#include "base/check.h"
#include "base/value.h"

static const char *const functions[MEASURE_FUNCTION_COUNT] = {
#define MEASURE_NAME(symbol, name, summary) [symbol] = name,
    MEASURE_FUNCTIONS(MEASURE_NAME)
#undef MEASURE_NAME
};

/* Promised by interface.md, and of a later version. */
static const char *const later[] = {"stddev",   "variance", "quantile",  "approx_distinct",
                                    "distinct", "top",      "any_value", "histogram"};

/* What a function's argument must be, for messages. */
static const char *argument_wanted(enum measure_function function)
{
    switch (function) {
    case MEASURE_SUM:
    case MEASURE_AVG:
        return "an int, float or decimal";
    default:
        return "a value that can be compared";
    }
}

static const char *function_name_at(const void *context, size_t i)
{
    (void)context;
    return functions[i + 1]; /* count(*) is the first, and is not a name */
}

static void known_functions(struct text *out)
{
    for (int i = 0; i < MEASURE_FUNCTION_COUNT; i++)
        text_addf(out, "%s%s", i ? ", " : "", functions[i]);
}

/* A measure's text, cut up. Positions are bytes of it. */
struct measure_text {
    size_t name_begin, name_length;
    size_t argument_begin, argument_length;
    bool comma; /* between arguments */
};

static size_t skip_blanks(const char *text, size_t at)
{
    while (isspace((unsigned char)text[at]))
        at++;
    return at;
}

/* NAME ( argument ), with parentheses balanced outside quotes. False: not of that form. */
static bool measure_cut(const char *text, struct measure_text *ret)
{
    struct measure_text m = {0};
    size_t at = m.name_begin = skip_blanks(text, 0);
    while (isalnum((unsigned char)text[at]) || text[at] == '_')
        at++;
    m.name_length = at - m.name_begin;
    at = skip_blanks(text, at);
    if (!m.name_length || text[at] != '(')
        return false;
    m.argument_begin = skip_blanks(text, at + 1);
    int depth = 1;
    for (at++; text[at] && depth; at++) {
        if (text[at] == '\'' || text[at] == '"') {
            char quote = text[at++];
            while (text[at] && text[at] != quote)
                at++;
            if (!text[at])
                return false;
        }
        depth += (text[at] == '(') - (text[at] == ')');
        m.comma |= text[at] == ',' && depth == 1;
    }
    size_t end = at - 1; /* the closing parenthesis */
    if (depth || text[skip_blanks(text, at)])
        return false;
    while (end > m.argument_begin && isspace((unsigned char)text[end - 1]))
        end--;
    m.argument_length = end > m.argument_begin ? end - m.argument_begin : 0;
    *ret = m;
    return true;
}

static bool name_is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && !strncasecmp(text, name, length);
}

static bool function_find(struct planner *planner, const struct weir_node *node,
                          const struct measure_text *m, enum measure_function *ret_function)
{
    const char *name = node->text + m->name_begin;
    for (int i = 1; i < MEASURE_FUNCTION_COUNT; i++)
        if (name_is(name, m->name_length, functions[i])) {
            *ret_function = (enum measure_function)i;
            return true;
        }
    struct weir_mark mark = document_locate(planner->document, node, m->name_begin);
    struct text known = TEXT_INIT;
    known_functions(&known);
    char *unknown = mem_strndup(name, m->name_length);
    const char *near = suggest(unknown, MEASURE_FUNCTION_COUNT - 1, function_name_at, NULL);
    for (size_t i = 0; i < COUNT_OF(later); i++)
        if (!strcasecmp(unknown, later[i]))
            near = NULL;
    if (node->secret)
        problem_error(planner->problems, mark, "${..} is not a function of this version; known: %s",
                      known.data);
    else if (near)
        problem_error(planner->problems, mark,
                      "`%s` is not a function of measures; did you mean `%s`?", unknown, near);
    else
        problem_error(planner->problems, mark, "`%s` is not a function of this version; known: %s",
                      unknown, known.data);
    free(unknown);
    text_done(&known);
    return false;
}

static bool argument_plan(struct planner *planner, const struct weir_node *node,
                          const struct measure_text *m, uint32_t where,
                          struct measure_plan *measure)
{
    struct weir_mark mark = document_locate(planner->document, node, m->argument_begin);
    const char *name = functions[measure->function];
    if (m->comma) {
        problem_error(planner->problems, mark, "`%s` has one argument", name);
        return false;
    }
    if (!m->argument_length) {
        problem_error(planner->problems, mark, "`%s` needs an argument", name);
        return false;
    }
    const struct weir_node *argument =
        document_slice(planner->document, node, m->argument_begin, m->argument_length);
    if (chain_add_expr_where(planner->plan->chain, planner->columns, argument, 0, where,
                             &measure->column, &measure->argument) < 0)
        return false;
    if (measure_result_type(measure->function, measure->argument, &measure->result))
        return true;
    char type[TYPE_TEXT_BYTES];
    problem_error(planner->problems, document_locate(planner->document, node, m->name_begin),
                  "`%s` takes %s, and `%s` is of type %s", name, argument_wanted(measure->function),
                  argument->secret ? "${..}" : argument->text, type_text(measure->argument, type));
    return false;
}

bool declare_plan_measure(struct planner *planner, const struct weir_node *name,
                          const struct weir_node *node, uint32_t where,
                          struct measure_plan *ret_plan)
{
    struct measure_plan measure = {
        .name = name->text, .text = node->text, .column = SINK_NO_COLUMN};
    if (!column_name_valid(name->text)) {
        problem_error(planner->problems, name->mark,
                      "`%s` cannot be the name of a measure: a letter, then letters, digits and _",
                      name->text);
        return false;
    }
    struct measure_text m;
    if (!measure_cut(node->text, &m)) {
        problem_error(planner->problems, node->mark,
                      "a measure is one function, as in `sum(amount * 2)` or `count(*)`; what is "
                      "made of several is computed when it is asked for");
        return false;
    }
    if (!function_find(planner, node, &m, &measure.function))
        return false;
    if (measure.function == MEASURE_COUNT && m.argument_length == 1 &&
        node->text[m.argument_begin] == '*') {
        measure.function = MEASURE_COUNT_ALL;
        bool counts = measure_result_type(MEASURE_COUNT_ALL, measure.argument, &measure.result);
        CHECK(counts);
        *ret_plan = measure;
        return true;
    }
    if (!argument_plan(planner, node, &m, where, &measure))
        return false;
    *ret_plan = measure;
    return true;
}
