/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>

#include "base/error.h"
#include "base/text.h"

static void returns_the_status_and_writes_the_text(void **state)
{
    struct weir_error error = {.mark = {"a.yaml", 3, 4}};
    assert_int_equal(error_set(&error, WEIR_E_LIMIT, "%d is more than %d", 9, 8), WEIR_E_LIMIT);
    assert_int_equal(error.status, WEIR_E_LIMIT);
    assert_string_equal(error.text, "9 is more than 8");
    assert_int_equal(error.mark.line, 3);
}

static void no_error_wanted_is_allowed(void **state)
{
    struct weir_mark mark = {0};
    assert_int_equal(error_set(NULL, WEIR_E_IO, "x"), WEIR_E_IO);
    assert_int_equal(error_set_at(NULL, WEIR_E_IO, mark, "x"), WEIR_E_IO);
    assert_int_equal(error_set_errno(NULL, WEIR_E_IO, "x"), WEIR_E_IO);
    error_prefix(NULL, "x");
}

static void sets_the_mark(void **state)
{
    struct weir_error error = {0};
    error_set_at(&error, WEIR_E_INVALID, (struct weir_mark){"p.yaml", 7, 1}, "no");
    assert_string_equal(error.mark.file, "p.yaml");
    assert_int_equal(error.mark.line, 7);
}

static void errno_is_told_and_kept(void **state)
{
    struct weir_error error = {0};
    errno = ENOENT;
    error_set_errno(&error, WEIR_E_IO, "cannot open %s", "x");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(error.text, "cannot open x: No such file or directory");
}

static void a_prefix_may_be_put_before_and_the_text_may_be_an_argument(void **state)
{
    struct weir_error error = {0};
    error_set(&error, WEIR_E_IO, "disk full");
    error_prefix(&error, "snapshot %d", 7);
    assert_string_equal(error.text, "snapshot 7: disk full");
    error_set(&error, WEIR_E_IO, "orders: %s", error.text);
    assert_string_equal(error.text, "orders: snapshot 7: disk full");
}

static void line_ends_become_blanks(void **state)
{
    struct weir_error error = {0};
    error_set(&error, WEIR_E_IO, "a\nb\r\nc");
    assert_string_equal(error.text, "a b  c");
}

static void long_texts_are_cut_between_characters(void **state)
{
    for (size_t blanks = 0; blanks < 4; blanks++) {
        struct text text = TEXT_INIT;
        for (size_t i = 0; i < blanks; i++)
            text_add_char(&text, ' ');
        while (text.length < 2 * WEIR_ERROR_TEXT_BYTES_MAX)
            text_add(&text, "\xe2\x82\xac");
        struct weir_error error = {0};
        error_set(&error, WEIR_E_IO, "%s", text.data);
        size_t length = strlen(error.text);
        assert_in_range(length, WEIR_ERROR_TEXT_BYTES_MAX - 4, WEIR_ERROR_TEXT_BYTES_MAX - 1);
        assert_true(utf8_valid(error.text, length));
        error_prefix(&error, "%s", text.data);
        assert_true(utf8_valid(error.text, strlen(error.text)));
        text_done(&text);
    }
}

static void every_status_has_a_name(void **state)
{
    assert_string_equal(error_status_name(WEIR_OK), "ok");
    assert_string_equal(error_status_name(WEIR_E_INVALID), "invalid");
    assert_string_equal(error_status_name(WEIR_E_INTERNAL), "internal");
    assert_string_equal(error_status_name(-99), "unknown");
    assert_string_equal(error_status_name(1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_the_status_and_writes_the_text),
        cmocka_unit_test(no_error_wanted_is_allowed),
        cmocka_unit_test(sets_the_mark),
        cmocka_unit_test(errno_is_told_and_kept),
        cmocka_unit_test(a_prefix_may_be_put_before_and_the_text_may_be_an_argument),
        cmocka_unit_test(line_ends_become_blanks),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(every_status_has_a_name),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
