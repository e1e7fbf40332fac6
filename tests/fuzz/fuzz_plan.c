/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_plan.c: any bytes as a pipeline file.
 *
 * Beside what sanitizers find: there is a plan or a mistake, never both or neither; what is told is
 * text; and the same file is told the same.
 */
#include <stdint.h>

#include "base/check.h"
#include "pipelines/plan.h"

/* What is said of a file: its mistakes, or both forms of its plan. */
static void say(const char *text, size_t length, struct text *out)
{
    struct problems problems = {0};
    struct pipeline_plan *plan = pipeline_plan_parse("fuzz.yaml", text, length, &problems);
    CHECK((plan == NULL) == (problems.errors > 0));
    problems_write(&problems, out);
    if (plan) {
        pipeline_plan_explain(plan, false, out);
        pipeline_plan_explain(plan, true, out);
    }
    CHECK(!out->length || utf8_valid(out->data, out->length));
    pipeline_plan_free(plan);
    problems_done(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text first = TEXT_INIT;
    struct text second = TEXT_INIT;
    say((const char *)data, size, &first);
    say((const char *)data, size, &second);
    CHECK(first.length == second.length && !memcmp(first.data, second.data, first.length));
    text_done(&first);
    text_done(&second);
    return 0;
}
