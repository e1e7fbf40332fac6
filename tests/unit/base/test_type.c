/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/value.h"

static void every_type_there_and_back(void **state)
{
    static const char *const texts[] = {"bool",         "int?",
                                        "float",        "decimal(0)",
                                        "decimal(18)?", "string",
                                        "bytes?",       "timestamp",
                                        "json?",        "array(int)",
                                        "array(bool)",  "array(string)?",
                                        "array(json)",  "array(decimal(18))?",
                                        "array(float)"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct weir_type type = {0};
        char buffer[TYPE_TEXT_BYTES];
        assert_int_equal(type_read(texts[i], &type, NULL), 0);
        assert_string_equal(type_text(type, buffer), texts[i]);
        struct weir_type other = type;
        other.nullable = !type.nullable;
        assert_true(type_equal(type, other));
        other.kind = type.kind == WEIR_INT ? WEIR_FLOAT : WEIR_INT;
        assert_false(type_equal(type, other));
    }
}

static void what_is_no_type_is_told(void **state)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"", "unknown type ``"},
        {"integer", "unknown type `integer`; types are"},
        {"strin", "did you mean `string`"},
        {"Int", "did you mean `int`"},
        {"timestmap?", "did you mean `timestamp`"},
        {"decimal", "decimal(2)"},
        {"decimal()", "decimal(2)"},
        {"decimal(19)", "0 to 18"},
        {"decimal(-1)", "0 to 18"},
        {"decimal(2", "closing parenthesis"},
        {"array", "array(int)"},
        {"array()", "unknown type"},
        {"array(array(int))", "not a type"},
        {"array(timestamp)", "not a type"},
        {"array(int?)", "unknown type `int?`"},
        {"int(4)", "nothing in parentheses"},
        {"int??", "unknown type"},
        {"(", "unknown type"},
        {"int)", "unknown type"},
        {"a_name_that_is_much_longer_than_any_type_could_ever_be_written", "unknown type"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct weir_error error = {0};
        struct weir_type type = {.kind = 77};
        assert_int_equal(type_read(cases[i].text, &type, &error), WEIR_E_INVALID);
        assert_int_equal(type.kind, 77);
        if (!strstr(error.text, cases[i].told))
            fail_msg("%s: %s", cases[i].text, error.text);
    }
}

static void kinds_that_are_views(void **state)
{
    for (unsigned kind = WEIR_BOOL; kind <= WEIR_JSON; kind++)
        assert_int_equal(type_is_str((struct weir_type){.kind = (uint8_t)kind}),
                         kind == WEIR_STRING || kind == WEIR_BYTES || kind >= WEIR_ARRAY);
}

static void any_type_has_a_text(void **state)
{
    char buffer[TYPE_TEXT_BYTES];
    struct weir_type type = {.kind = 200};
    assert_string_equal(type_text(type, buffer), "unknown");
    type = (struct weir_type){.kind = WEIR_ARRAY, .element = 200};
    assert_string_equal(type_text(type, buffer), "array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_there_and_back),
        cmocka_unit_test(what_is_no_type_is_told),
        cmocka_unit_test(kinds_that_are_views),
        cmocka_unit_test(any_type_has_a_text),
    };
    return cmocka_run_group_tests_name("type", tests, NULL, NULL);
}
