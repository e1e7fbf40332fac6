/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problems.h"

#include "base/memory.h"

void problems_done(struct problems *problems)
{
    if (!problems)
        return;
    for (uint32_t i = 0; i < problems->count; i++)
        free(problems->items[i].text);
    free(problems->items);
    *problems = (struct problems){0};
}

/* By file, line, column. */
static int compare(struct weir_mark a, struct weir_mark b)
{
    int order = strcmp(a.file ? a.file : "", b.file ? b.file : "");
    if (order != 0)
        return order;
    if (a.line != b.line)
        return a.line < b.line ? -1 : 1;
    return a.column < b.column ? -1 : a.column > b.column;
}

void problem_addv(struct problems *problems, enum severity severity, struct weir_mark mark,
                  const char *format, va_list arguments)
{
    if (severity == SEVERITY_ERROR)
        problems->errors++;
    else
        problems->warnings++;
    if (problems->count == PROBLEMS_MAX)
        return;
    struct text text = TEXT_INIT;
    text_addv(&text, format, arguments);
    problems->items = mem_grow(problems->items, problems->count + 1, sizeof *problems->items);
    uint32_t at = problems->count++;
    for (; at > 0 && compare(problems->items[at - 1].mark, mark) > 0; at--)
        problems->items[at] = problems->items[at - 1];
    problems->items[at] =
        (struct problem){.severity = severity, .mark = mark, .text = text_take(&text)};
}

void problem_error(struct problems *problems, struct weir_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_addv(problems, SEVERITY_ERROR, mark, format, arguments);
    va_end(arguments);
}

void problem_warning(struct problems *problems, struct weir_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_addv(problems, SEVERITY_WARNING, mark, format, arguments);
    va_end(arguments);
}

void problems_write(const struct problems *problems, struct text *out)
{
    for (uint32_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->mark.file)
            text_addf(out, "%s:", problem->mark.file);
        if (problem->mark.line)
            text_addf(out, "%u:%u:", problem->mark.line, problem->mark.column);
        if (problem->mark.file || problem->mark.line)
            text_add_char(out, ' ');
        text_addf(out, "%s: %s\n", problem->severity == SEVERITY_ERROR ? "error" : "warning",
                  problem->text);
    }
    uint32_t more = problems->errors + problems->warnings - problems->count;
    if (more > 0)
        text_addf(out, "and %u more\n", more);
}
