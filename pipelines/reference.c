/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/reference.h"

#include "base/value.h"
#include "ingest/decode.h"
#include "pipelines/declare.h"
#include "sink/plan.h"
#include "transforms/expr.h"

void reference_kind(struct text *out, const struct weir_option *option)
{
    static const char *const kinds[] = {
        [WEIR_OPTION_TEXT] = "text",          [WEIR_OPTION_INT] = "a whole number",
        [WEIR_OPTION_BOOL] = "true or false", [WEIR_OPTION_DURATION] = "a duration",
        [WEIR_OPTION_SIZE] = "a size",        [WEIR_OPTION_EXPR] = "an expression",
        [WEIR_OPTION_LIST] = "a list",        [WEIR_OPTION_MAP] = "a map",
        [WEIR_OPTION_CHOICE] = "one of",      [WEIR_OPTION_NODE] = "see there",
    };
    if (!option->choices) {
        text_add(out, kinds[option->kind]);
        return;
    }
    for (const char *at = option->choices; *at;) {
        size_t length = strcspn(at, "|");
        text_addf(out, "%s%.*s", at == option->choices ? "" : ", ", (int)length, at);
        at += length + (at[length] == '|');
    }
}

/* A cell of a table: | would end it. */
static void cell(struct text *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            text_add_char(out, '\\');
        text_add_char(out, *text);
    }
}

static void option_rows(struct text *out, const struct weir_option *options)
{
    text_add(out, "\n| key | value | default | |\n|---|---|---|---|\n");
    for (const struct weir_option *o = options; o->name; o++) {
        struct text kind = TEXT_INIT;
        reference_kind(&kind, o);
        text_addf(out, "| %s%s%s | ", *o->name ? "`" : "", *o->name ? o->name : "(the value)",
                  *o->name ? "`" : "");
        cell(out, kind.data);
        text_add(out, " | ");
        if (o->required)
            text_add(out, "required");
        else if (o->fallback)
            text_addf(out, "`%s`", o->fallback);
        text_add(out, " | ");
        cell(out, o->summary);
        text_add(out, " |\n");
        text_done(&kind);
    }
}

static const char pipeline_head[] =
    "# Pipeline files\n"
    "\n"
    "A pipeline file says where records come from (`source`), what happens to them (`transforms`) "
    "and\n"
    "what is kept (`sink`), in that order. `weir check FILE` finds everything that can be known "
    "without\n"
    "data; all messages have the form `file:line:column: error: what; did you mean ...?`.\n"
    "\n"
    "This page is written from the tables that the parser uses (`weir check --reference`).\n"
    "\n"
    "```yaml\n"
    "pipeline: orders\n"
    "source:\n"
    "  kafka:\n"
    "    brokers: ${KAFKA_BROKERS:-127.0.0.1:9092}\n"
    "    topics: [orders]\n"
    "  format: json\n"
    "  fields:\n"
    "    order_id: string\n"
    "    region: string\n"
    "    amount: decimal(2)\n"
    "    status: string\n"
    "    city: {path: customer.address.city, type: \"string?\"}\n"
    "    created_at: timestamp(ms)\n"
    "  event_time: created_at\n"
    "transforms:\n"
    "  - filter: status <> 'test' and amount > 0\n"
    "  - set: {eur: amount * 0.92}\n"
    "sink:\n"
    "  aggregates:\n"
    "    revenue:\n"
    "      by: [region]\n"
    "      window: {size: 1m, keep: 24h, lateness: 30s}\n"
    "      measures: {orders: count(*), revenue: sum(eur)}\n"
    "  sets:\n"
    "    orders: {key: _key, bins: [order_id, region, amount, status]}\n"
    "```\n"
    "\n"
    "## The text\n"
    "\n"
    "- YAML, one document, in UTF-8. A key that stands twice is an error. Aliases are allowed and "
    "may\n"
    "  add 10,000 values; merge keys (`<<`) and tags have no meaning.\n"
    "- Durations: `250ms 30s 5m 24h 7d`. Sizes: `64KiB 1GiB`.\n"
    "- `${VAR}`, `${VAR:-default}` (also where VAR is set to nothing) and `${file:/run/secrets/x}` "
    "are\n"
    "  replaced in values, not in keys; `$${` stands for `${` itself. A value that came from "
    "outside "
    "the\n"
    "  file is never printed back.\n"
    "- A comma inside `{..}` or `[..]` ends a value. So an expression with a comma is quoted "
    "there:\n"
    "  `- set: {name: \"coalesce(nick, name)\"}`. `check` recognises one that was cut in two.\n"
    "- Relative paths (`source.file.path`, the file of a `lookup`, `${file:..}`) count from the "
    "folder of\n"
    "  the pipeline file. The file of a `lookup` is read when the pipeline is loaded, also by "
    "`check`.\n"
    "\n"
    "## Columns\n"
    "\n"
    "A column's name is a letter and then letters, digits and `_`. Every record has, besides its "
    "fields:\n"
    "\n"
    "| column | type | |\n"
    "|---|---|---|\n"
    "| `_key` | string? | the key of the Kafka record |\n"
    "| `_topic` | string | |\n"
    "| `_partition` | int | |\n"
    "| `_offset` | int | Kafka's offset; of a file: the byte at which the record begins |\n"
    "| `_timestamp` | timestamp? | Kafka's timestamp |\n"
    "| `_headers` | json? | an object |\n"
    "\n"
    "They cost nothing until they are read.\n"
    "\n"
    "## Types\n"
    "\n"
    "| type | |\n"
    "|---|---|\n";

static const char pipeline_tail[] =
    "\n## Tests\n"
    "\n"
    "`weir test FILE` runs them on the real engine. The clock stands at `at`; the records of "
    "`input` "
    "go in one\n"
    "after the other; rows are compared by the columns that are named.\n"
    "\n"
    "```yaml\n"
    "tests:\n"
    "  - name: revenue per region and minute\n"
    "    at: 2026-03-01T10:05:00Z\n"
    "    input:\n"
    "      - {_key: o1, order_id: o1, region: eu, amount: 10.00, status: paid, created_at: "
    "1772359200000}\n"
    "      - {_key: o2, _value: null}\n"
    "      - not a record\n"
    "    expect:\n"
    "      aggregates:\n"
    "        revenue:\n"
    "          - {region: eu, window_start: \"2026-03-01T10:00:00Z\", orders: 1, revenue: 9.2}\n"
    "      dead_letters:\n"
    "        - {reason: malformed, offset: 2}\n"
    "```\n"
    "\n## Time\n"
    "\n"
    "The watermark is the greatest event time of a partition, at most `max_ahead` beyond the wall "
    "clock;\n"
    "it never goes back. `keep` and `lateness` of a window count from it. A record that is older "
    "than\n"
    "`lateness` behind it is not applied to that aggregate, and is counted late there.\n"
    "\n"
    "## Expressions in the sink\n"
    "\n"
    "`where`, `version`, `delete_when` and the arguments of measures are expressions over the "
    "columns that\n"
    "the last stage leaves. A measure's argument is computed only for records for which the "
    "aggregate's\n"
    "`where` holds: what is shut out can neither fail nor reject its record.\n";

void reference_pipeline_files(struct text *out)
{
    text_add(out, pipeline_head);
    for (const struct decode_type *t = decode_types; t->name; t++) {
        text_addf(out, "| `");
        cell(out, t->name);
        text_add(out, "` | ");
        cell(out, t->summary);
        text_add(out, " |\n");
    }
    text_add(out,
             "\nWith `?` behind it a field may be missing or null; without it a record whose field "
             "is missing, null\nor of another type is rejected, alone.\n");
    text_add(out, "\n## The keys\n");
    for (size_t i = 0; i < declaration_count(); i++) {
        const struct declaration *d = declaration_at(i);
        text_addf(out, "\n### %s%s%s\n\n%s\n", *d->path ? "`" : "", *d->path ? d->path : "The file",
                  *d->path ? "`" : "", d->summary);
        option_rows(out, d->options);
    }
    text_add(out, pipeline_tail);
}

void reference_stages(struct text *out)
{
    text_add(out,
             "# Stages\n\n"
             "The stages that can stand in `transforms:`, in any order and number. A stage reads "
             "columns, adds\ncolumns and takes records out; what it adds is seen by all that "
             "follows. This page is written from\nthe stages' own descriptions (`weir stages "
             "--reference`); the tests run every example.\n");
    for (size_t i = 0; stages_builtin[i]; i++) {
        const struct weir_stage *stage = stages_builtin[i];
        text_addf(out, "\n## %s\n\n%s\n", stage->name, stage->summary);
        option_rows(out, stage->options);
        for (const struct weir_example *e = stage->examples; e->summary; e++) {
            text_addf(out, "\n%s\n\n```yaml\nfields: %s\ntransforms:\n  - %s\n```\n", e->summary,
                      e->fields, e->stage);
            text_addf(out, "\n```\nin:\n%sout:\n%s```\n", e->input, e->output);
        }
    }
}

void reference_functions(struct text *out)
{
    text_add(out,
             "# Functions\n\n"
             "Expressions have SQLite's syntax and meaning, with static types. This page is "
             "written from the\ntable that the parser uses (`weir functions --reference`); the "
             "tests evaluate every example.\n\n## Stricter than SQLite\n\n");
    text_add(out,
             "- Text is not silently a number, and neither is a truth: `filter: name` is an error, "
             "as is\n  `'1' + 1`. Use `cast(x as int)`.\n"
             "- Decimals are exact. What does not fit its type rejects the record (`overflow`), "
             "instead of turning\n  into a float.\n"
             "- A text that cannot be read as the type that `cast` asks for rejects the record "
             "(`cast`).\n"
             "- Names of columns are resolved when the file is read; a name in double quotes is "
             "always a column,\n  never a text.\n");
    text_add(out, "\n## In expressions\n\n| function | | example | |\n|---|---|---|---|\n");
    for (size_t i = 0; i < function_count(); i++) {
        const struct function_description *f = function_at(i);
        text_add(out, "| `");
        cell(out, f->signature);
        text_add(out, "` | ");
        cell(out, f->summary);
        text_add(out, " | `");
        cell(out, f->example);
        text_add(out, "` | `");
        cell(out, f->result);
        text_add(out, "` |\n");
    }
    text_add(out, "\n## In measures\n\n| function | |\n|---|---|\n");
    static const struct {
        const char *name;
        const char *summary;
    } measures[] = {
#define MEASURE_ROW(symbol, name, summary) {name, summary},
        MEASURE_FUNCTIONS(MEASURE_ROW)
#undef MEASURE_ROW
    };
    for (size_t i = 0; i < MEASURE_FUNCTION_COUNT; i++)
        text_addf(out, "| `%s%s` | %s |\n", measures[i].name,
                  strchr(measures[i].name, '(') ? "" : "(x)", measures[i].summary);
}
