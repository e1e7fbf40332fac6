/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_stages.c: `weir stages [NAME]`: the stages, from the table that the parser uses. */
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/value.h"
#include "pipelines/command.h"
#include "pipelines/reference.h"
#include "transforms/chain.h"

static const struct command_option options[] = {
    {"reference", NULL, NULL, "print the page docs/stages.md instead, in Markdown", false},
    {NULL, NULL, NULL, NULL, false},
};

static const char *name_at(const void *context, size_t i)
{
    (void)context;
    return stages_builtin[i]->name;
}

static void print_all(const struct command_line *line)
{
    static const char *const columns[] = {"stage", "summary"};
    uint32_t count = 0;
    while (stages_builtin[count])
        count++;
    const char **cells = mem_array(count * 2, sizeof *cells);
    for (uint32_t i = 0; i < count; i++) {
        cells[2 * i] = stages_builtin[i]->name;
        cells[2 * i + 1] = stages_builtin[i]->summary;
    }
    command_print_table(line, columns, NULL, 2, cells, count);
    free(cells);
}

static void indented(const char *text)
{
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        printf("      %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}

static void print_people(const struct weir_stage *stage)
{
    printf("%s\n\n%s\n\noptions:\n", stage->name, stage->summary);
    for (const struct weir_option *o = stage->options; o->name; o++) {
        struct text kind = TEXT_INIT;
        reference_kind(&kind, o);
        printf("  %-12s %s%s%s%s%s\n      %s\n", *o->name ? o->name : "(value)", kind.data,
               o->required ? ", required" : "", o->fallback ? " [" : "",
               o->fallback ? o->fallback : "", o->fallback ? "]" : "", o->summary);
        text_done(&kind);
    }
    for (const struct weir_example *e = stage->examples; e->summary; e++) {
        printf("\nexample: %s\n    fields: %s\n    - %s\n", e->summary, e->fields, e->stage);
        puts("    in:");
        indented(e->input);
        puts("    out:");
        indented(e->output);
    }
}

static void member(struct text *out, const char *name, const char *value)
{
    text_add(out, out->data[out->length - 1] == '{' ? "" : ", ");
    json_write_string(out, name, strlen(name));
    text_add(out, ": ");
    if (value)
        json_write_string(out, value, strlen(value));
    else
        text_add(out, "null");
}

static void print_json(const struct weir_stage *stage)
{
    struct text out = TEXT_INIT;
    text_add(&out, "{");
    member(&out, "stage", stage->name);
    member(&out, "summary", stage->summary);
    text_add(&out, ", \"options\": [");
    for (const struct weir_option *o = stage->options; o->name; o++) {
        struct text kind = TEXT_INIT;
        reference_kind(&kind, o);
        text_add(&out, o == stage->options ? "{" : ", {");
        member(&out, "name", o->name);
        member(&out, "value", kind.data);
        text_addf(&out, ", \"required\": %s", o->required ? "true" : "false");
        member(&out, "default", o->fallback);
        member(&out, "summary", o->summary);
        text_add(&out, "}");
        text_done(&kind);
    }
    text_add(&out, "], \"examples\": [");
    for (const struct weir_example *e = stage->examples; e->summary; e++) {
        text_add(&out, e == stage->examples ? "{" : ", {");
        member(&out, "summary", e->summary);
        member(&out, "fields", e->fields);
        member(&out, "stage", e->stage);
        member(&out, "input", e->input);
        member(&out, "output", e->output);
        text_add(&out, "}");
    }
    text_add(&out, "]}\n");
    fputs(out.data, stdout);
    text_done(&out);
}

static int run(const struct command_line *line)
{
    if (command_flag(line, "reference")) {
        struct text page = TEXT_INIT;
        reference_stages(&page);
        fputs(page.data, stdout);
        text_done(&page);
        return EXIT_DONE;
    }
    if (!line->argument_count) {
        print_all(line);
        return EXIT_DONE;
    }
    const char *name = line->arguments[0];
    const struct weir_stage *stage = stage_find(name);
    if (!stage) {
        size_t count = 0;
        while (stages_builtin[count])
            count++;
        const char *near = suggest(name, count, name_at, NULL);
        return command_usage_error(line, "there is no stage `%s`%s%s%s", name,
                                   near ? "; did you mean `" : "", near ? near : "",
                                   near ? "`?" : "");
    }
    if (line->format == OUTPUT_CSV)
        return command_usage_error(line, "one stage has no CSV form; use --format table or json");
    if (line->format == OUTPUT_TABLE)
        print_people(stage);
    else
        print_json(stage);
    return EXIT_DONE;
}

const struct command command_stages = {
    .name = "stages",
    .usage = "[NAME]",
    .summary = "the transform stages, or one of them with its options and examples",
    .arguments_min = 0,
    .arguments_max = 1,
    .options = options,
    .run = run,
};
