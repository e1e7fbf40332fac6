/* SPDX-License-Identifier: Apache-2.0 */
/* Every example in every stage's description, through the planner, the decoder and the chain. */
#include "tests/unit/test.h"

#include "base/memory.h"
#include "base/node.h"
#include "base/value.h"
#include "pipelines/plan.h"

/* Files that examples name lie beside it. */
#define EXAMPLE_FILE "tests/unit/pipelines/examples/example.yaml"

static void add_records(struct batch *batch, const char *lines)
{
    for (int64_t offset = 0; *lines; offset++) {
        size_t length = strcspn(lines, "\n");
        struct weir_record record = {
            .offset = offset, .timestamp_ms = -1, .value = str_make(lines, length)};
        assert_int_equal(batch_add(batch, &record), 0);
        lines += length + (lines[length] == '\n');
    }
}

/* The rows that are left, with the columns that are visible, as the examples write them. */
static void write_rows(const struct pipeline_plan *plan, const struct batch *batch,
                       struct text *out)
{
    struct weir_schema schema =
        chain_stage_schema(plan->chain, chain_transform_count(plan->chain) - 1);
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        const char *separator = "{";
        for (uint32_t c = 0; c < schema.count; c++) {
            const struct weir_field *field = schema.fields + c;
            if (field->name[0] == '_')
                continue;
            text_add(out, separator);
            json_write_string(out, field->name, strlen(field->name));
            text_add(out, ":");
            json_write_value(out, batch->view.columns[field->column], batch->view.selection[i]);
            separator = ",";
        }
        text_add(out, "}\n");
    }
}

static void run(const struct pipeline_plan *plan, const char *input, struct text *out)
{
    struct weir_error error = {0};
    struct batch *batch = batch_new(plan->column_count);
    struct decoder *decoder = NULL;
    struct chain_run *chain_run = NULL;
    struct chain_counts counts[8] = {0};
    batch_begin(batch, "example", 0, 0);
    add_records(batch, input);
    if (decoder_new(&plan->decode, plan->fields, plan->field_count, &decoder, &error) < 0 ||
        decoder_run(decoder, batch, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(batch_narrow(batch), 0); /* examples have no bad records */
    if (chain_run_new(plan->chain, &chain_run, &error) < 0 ||
        chain_run_batch(chain_run, batch, counts, &error) < 0)
        fail_msg("%s", error.text);
    write_rows(plan, batch, out);
    chain_run_free(chain_run);
    decoder_free(decoder);
    batch_free(batch);
}

static void check_example(const struct weir_stage *stage, const struct weir_example *example)
{
    char *text = mem_printf("pipeline: example\n"
                            "source:\n"
                            "  file: {path: x.ndjson}\n"
                            "  fields: %s\n"
                            "transforms:\n"
                            "  - %s\n"
                            "sink: {sets: {out: {key: _offset}}}\n",
                            example->fields, example->stage);
    struct problems problems = {0};
    struct pipeline_plan *plan = pipeline_plan_parse(EXAMPLE_FILE, text, strlen(text), &problems);
    struct text told = TEXT_INIT;
    problems_write(&problems, &told);
    if (!plan) {
        fail_msg("%s: %s\n%s", stage->name, example->summary, told.data);
        return;
    }
    struct text out = TEXT_INIT;
    run(plan, example->input, &out);
    if (strcmp(out.length ? out.data : "", example->output) != 0)
        fail_msg("%s: %s\ncame out:\n%sexpected:\n%s", stage->name, example->summary,
                 out.length ? out.data : "", example->output);
    text_done(&out);
    text_done(&told);
    problems_done(&problems);
    pipeline_plan_free(plan);
    free(text);
}

static void examples_come_out_as_they_say(void **state)
{
    unsigned examples = 0;
    for (size_t i = 0; stages_builtin[i]; i++) {
        const struct weir_stage *stage = stages_builtin[i];
        assert_true(stage->examples && stage->examples->summary);
        for (const struct weir_example *e = stage->examples; e->summary; e++, examples++)
            check_example(stage, e);
    }
    assert_true(examples >= 10);
}

/* What `weir stages`, the docs and the parser rely on. */
static void descriptions_are_complete(void **state)
{
    for (size_t i = 0; stages_builtin[i]; i++) {
        const struct weir_stage *stage = stages_builtin[i];
        assert_int_equal(stage->size, sizeof *stage);
        assert_int_equal(stage->abi, WEIR_STAGE_ABI);
        assert_ptr_equal(stage_find(stage->name), stage);
        assert_true(stage->summary && strlen(stage->summary) > 10);
        assert_non_null(stage->plan);
        assert_non_null(stage->options);
        for (const struct weir_option *o = stage->options; o->name; o++) {
            assert_true(o->kind >= WEIR_OPTION_TEXT && o->kind <= WEIR_OPTION_NODE);
            assert_non_null(o->summary);
        }
    }
    assert_null(stage_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_come_out_as_they_say),
        cmocka_unit_test(descriptions_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
