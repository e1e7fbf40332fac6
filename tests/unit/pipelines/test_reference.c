/* SPDX-License-Identifier: Apache-2.0 */
/* The committed pages of docs/ are those that the tables write. */
#include "tests/unit/test.h"

#include "base/file.h"
#include "pipelines/reference.h"

static void check_page(const char *path, const char *command, void (*write)(struct text *out))
{
    struct text page = TEXT_INIT;
    struct text committed = TEXT_INIT;
    struct weir_error error = {0};
    write(&page);
    if (file_read(path, 1 << 20, &committed, &error) < 0)
        fail_msg("%s", error.text);
    if (committed.length != page.length || memcmp(committed.data, page.data, page.length) != 0)
        fail_msg("%s is not current; run `weir %s --reference >%s`", path, command, path);
    text_done(&page);
    text_done(&committed);
}

static void pages_are_current(void **state)
{
    check_page("docs/pipeline-files.md", "check", reference_pipeline_files);
    check_page("docs/stages.md", "stages", reference_stages);
    check_page("docs/functions.md", "functions", reference_functions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_are_current)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
