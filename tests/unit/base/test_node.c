/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/node.h"

/* Trees are made by hand: the reader of files is not of this folder. */
#define SCALAR(string, line_)                                                                      \
    {                                                                                              \
        .kind = WEIR_NODE_SCALAR, .text = string, .text_length = sizeof string - 1, .mark = {      \
            "p.yaml",                                                                              \
            line_,                                                                                 \
            3                                                                                      \
        }                                                                                          \
    }

static const struct weir_node *reads(const char *text, bool quoted)
{
    static struct weir_node node;
    node = (struct weir_node){.kind = WEIR_NODE_SCALAR,
                              .quoted = quoted,
                              .mark = {"p.yaml", 1, 2},
                              .text = text,
                              .text_length = strlen(text)};
    return &node;
}

static void assert_told(struct problems *problems, const char *expected)
{
    struct text text = TEXT_INIT;
    problems_write(problems, &text);
    assert_string_equal(text.length ? text.data : "", expected);
    text_done(&text);
    problems_done(problems);
}

static void problems_are_sorted_and_counted(void **state)
{
    struct problems problems = {0};
    problem_error(&problems, (struct weir_mark){"b.yaml", 1, 1}, "in b");
    problem_warning(&problems, (struct weir_mark){"a.yaml", 9, 1}, "line %d", 9);
    problem_error(&problems, (struct weir_mark){"a.yaml", 2, 7}, "later in the line");
    problem_error(&problems, (struct weir_mark){"a.yaml", 2, 3}, "first");
    problem_error(&problems, (struct weir_mark){"a.yaml", 2, 3}, "second at the same place");
    problem_error(&problems, (struct weir_mark){NULL, 0, 0}, "nowhere");
    problem_error(&problems, (struct weir_mark){"c.yaml", 0, 0}, "the whole file");
    assert_int_equal(problems.errors, 6);
    assert_int_equal(problems.warnings, 1);
    assert_told(&problems, "error: nowhere\n"
                           "a.yaml:2:3: error: first\n"
                           "a.yaml:2:3: error: second at the same place\n"
                           "a.yaml:2:7: error: later in the line\n"
                           "a.yaml:9:1: warning: line 9\n"
                           "b.yaml:1:1: error: in b\n"
                           "c.yaml: error: the whole file\n");
    assert_int_equal(problems.errors, 0);
    problems_done(NULL);
}

static void the_rest_is_counted(void **state)
{
    struct problems problems = {0};
    for (uint32_t i = 0; i < PROBLEMS_MAX + 5; i++)
        problem_error(&problems, (struct weir_mark){"a", i + 1, 1}, "x");
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_int_equal(problems.errors, PROBLEMS_MAX + 5);
    struct text text = TEXT_INIT;
    problems_write(&problems, &text);
    assert_non_null(strstr(text.data, "a:100:1: error: x\nand 5 more\n"));
    text_done(&text);
    problems_done(&problems);
}

static void scalars_are_read(void **state)
{
    struct problems problems = {0};
    bool truth = false;
    int64_t number = 0;
    uint64_t size = 0;
    const char *text = NULL;
    int choice = -1;
    assert_true(node_bool(reads("true", false), "x", &truth, &problems) && truth);
    assert_true(node_bool(reads("false", false), "x", &truth, &problems) && !truth);
    assert_true(node_int(reads("-5", false), "x", -5, 5, &number, &problems) && number == -5);
    assert_true(node_duration(reads("250ms", false), "x", &number, &problems));
    assert_true(number == 250000000);
    assert_true(node_size(reads("64KiB", true), "x", &size, &problems) && size == 65536);
    assert_true(node_text(reads("12", false), "x", &text, &problems));
    assert_string_equal(text, "12");
    assert_true(node_choice(reads("latest", false), "x", "earliest|latest", &choice, &problems));
    assert_int_equal(choice, 1);
    assert_int_equal(problems.errors, 0);
}

static void mistakes_are_told_and_nothing_is_written(void **state)
{
    struct problems problems = {0};
    bool truth = true;
    int64_t number = 77;
    uint64_t size = 77;
    int choice = 77;
    assert_false(node_bool(reads("yes", false), "`follow`", &truth, &problems));
    assert_told(&problems, "p.yaml:1:2: error: `follow` must be true or false, not `yes`\n");
    assert_false(node_bool(reads("true", true), "`follow`", &truth, &problems));
    assert_told(&problems,
                "p.yaml:1:2: error: `follow` must be true or false, not `true` in quotes\n");
    assert_false(node_int(reads("4", false), "`keep`", 1, 3, &number, &problems));
    assert_told(&problems,
                "p.yaml:1:2: error: `keep` must be a whole number from 1 to 3, not `4`\n");
    assert_false(node_int(reads("0", false), "`keep`", 1, INT64_MAX, &number, &problems));
    assert_told(&problems,
                "p.yaml:1:2: error: `keep` must be a whole number, at least 1, not `0`\n");
    assert_false(node_int(reads("1", true), "`keep`", 1, 3, &number, &problems));
    assert_int_equal(problems.errors, 1);
    problems_done(&problems);
    assert_false(node_duration(reads("5", false), "`every`", &number, &problems));
    assert_told(&problems, "p.yaml:1:2: error: `every` must be a duration such as 250ms, 30s, 5m, "
                           "24h or 7d, not `5`\n");
    assert_false(node_size(reads("5Q", false), "`memory`", &size, &problems));
    problems_done(&problems);
    assert_false(
        node_choice(reads("earlist", false), "`start`", "earliest|latest", &choice, &problems));
    assert_told(&problems, "p.yaml:1:2: error: `start` must be one of earliest, latest, not "
                           "`earlist`; did you mean `earliest`?\n");
    assert_true(truth && number == 77 && size == 77 && choice == 77);
    struct weir_node list = {.kind = WEIR_NODE_LIST, .mark = {"p.yaml", 4, 1}};
    const char *text = "kept";
    assert_false(node_text(&list, "`topic`", &text, &problems));
    assert_told(&problems, "p.yaml:4:1: error: `topic` must be a text, not a list\n");
    assert_string_equal(text, "kept");
}

static void secrets_are_not_shown(void **state)
{
    struct problems problems = {0};
    struct weir_node node = SCALAR("hunter2", 1);
    node.secret = 1;
    bool truth;
    int choice;
    assert_false(node_bool(&node, "`tls`", &truth, &problems));
    assert_false(node_choice(&node, "`tls`", "hunter3|off", &choice, &problems));
    struct text text = TEXT_INIT;
    problems_write(&problems, &text);
    assert_null(strstr(text.data, "hunter2"));
    text_done(&text);
    problems_done(&problems);
}

static void long_values_are_cut_between_characters(void **state)
{
    struct problems problems = {0};
    bool truth;
    struct text text = TEXT_INIT, told = TEXT_INIT;
    text_add(&text, "x");
    while (text.length < 200)
        text_add(&text, "\xe2\x82\xac");
    assert_false(node_bool(reads(text.data, true), "`tls`", &truth, &problems));
    problems_write(&problems, &told);
    assert_true(utf8_valid(told.data, told.length));
    assert_non_null(strstr(told.data, "..` in quotes\n"));
    text_done(&text);
    text_done(&told);
    problems_done(&problems);
}

static const struct weir_option options[] = {
    {"", WEIR_OPTION_TEXT, 0, NULL, NULL, "the path alone"},
    {"path", WEIR_OPTION_TEXT, 1, NULL, NULL, "the path"},
    {"every", WEIR_OPTION_DURATION, 0, "30s", NULL, "how often"},
    {"keep", WEIR_OPTION_INT, 0, "3", NULL, "how many"},
    {"format", WEIR_OPTION_CHOICE, 0, "csv", "csv|json", "of the file"},
    {"names", WEIR_OPTION_LIST, 0, NULL, NULL, "columns"},
    {"take", WEIR_OPTION_MAP, 0, NULL, NULL, "new: old"},
    {"size", WEIR_OPTION_SIZE, 0, NULL, NULL, "bytes"},
    {"follow", WEIR_OPTION_BOOL, 0, NULL, NULL, "go on"},
    {"where", WEIR_OPTION_EXPR, 0, NULL, NULL, "which"},
    {"more", WEIR_OPTION_NODE, 0, NULL, NULL, "anything"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

static struct weir_node pair_nodes[20];
static const struct weir_node *key_list[10], *value_list[10];

static struct weir_node map_of(uint32_t count, const char *const pairs[][2])
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < 2; k++)
            pair_nodes[2 * i + k] = (struct weir_node){.kind = WEIR_NODE_SCALAR,
                                                       .text = pairs[i][k],
                                                       .text_length = strlen(pairs[i][k]),
                                                       .mark = {"p.yaml", i + 1, 1 + 10 * k}};
        key_list[i] = &pair_nodes[2 * i];
        value_list[i] = &pair_nodes[2 * i + 1];
    }
    return (struct weir_node){.kind = WEIR_NODE_MAP,
                              .count = count,
                              .mark = {"p.yaml", 1, 1},
                              .keys = key_list,
                              .values = value_list};
}

static void options_are_checked(void **state)
{
    struct problems problems = {0};
    static const char *const good[][2] = {
        {"path", "/x"},     {"every", "5s"},    {"keep", "7"}, {"format", "json"},
        {"follow", "true"}, {"where", "a > 1"}, {"more", "x"}, {"size", "1MB"}};
    struct weir_node map = map_of(8, good);
    assert_true(node_check_options(&map, options, "stage `lookup`", &problems));
    assert_int_equal(problems.errors, 0);
    assert_ptr_equal(node_get(&map, "keep"), value_list[2]);
    assert_null(node_get(&map, "kepp"));
    assert_null(node_get(NULL, "keep"));

    static const char *const bad[][2] = {{"evry", "5s"}, {"keep", "many"}, {"format", "jsno"},
                                         {"names", "a"}, {"take", "b"},    {"colour", "red"}};
    map = map_of(6, bad);
    assert_false(node_check_options(&map, options, "stage `lookup`", &problems));
    assert_told(
        &problems,
        "p.yaml:1:1: error: stage `lookup` has no option `evry`; did you mean `every`?\n"
        "p.yaml:1:1: error: stage `lookup` needs the option `path`\n"
        "p.yaml:2:11: error: `keep` of stage `lookup` must be a whole number, not `many`\n"
        "p.yaml:3:11: error: `format` of stage `lookup` must be one of csv, json, not `jsno`; did "
        "you mean `json`?\n"
        "p.yaml:4:11: error: `names` of stage `lookup` must be a list, not `a`\n"
        "p.yaml:5:11: error: `take` of stage `lookup` must be a map of name: value, not `b`\n"
        "p.yaml:6:1: error: stage `lookup` has no option `colour`; there are path, every, keep, "
        "format, names, take, size, follow, where, more\n");
}

static void a_value_may_stand_alone(void **state)
{
    struct problems problems = {0};
    struct weir_node scalar = SCALAR("/x", 1);
    assert_true(node_check_options(&scalar, options, "stage `x`", &problems));
    struct weir_node nothing = {.kind = WEIR_NODE_NULL, .mark = {"p.yaml", 5, 1}};
    assert_false(node_check_options(&nothing, options, "stage `x`", &problems));
    assert_told(&problems, "p.yaml:5:1: error: stage `x` must be a text, not nothing\n");
    assert_false(node_check_options(&scalar, options + 1, "stage `x`", &problems));
    assert_told(&problems, "p.yaml:1:3: error: stage `x` must be a map of options, not `/x`\n");
    assert_false(node_check_options(&nothing, options + 1, "stage `x`", &problems));
    assert_told(&problems, "p.yaml:5:1: error: stage `x` needs the option `path`\n");

    static const struct weir_option expression[] = {{"", WEIR_OPTION_EXPR, 1, NULL, NULL, "which"},
                                                    {NULL, 0, 0, NULL, NULL, NULL}};
    static const char *const torn[][2] = {{"f(a", "b)"}};
    struct weir_node map = map_of(1, torn);
    assert_false(node_check_options(&map, expression, "stage `filter`", &problems));
    assert_told(&problems, "p.yaml:1:1: error: stage `filter` must be an expression, not a map\n");

    static const struct weir_option whole_map[] = {
        {"", WEIR_OPTION_MAP, 1, NULL, NULL, "name: expression"}, {NULL, 0, 0, NULL, NULL, NULL}};
    assert_true(node_check_options(&map, whole_map, "stage `set`", &problems));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_are_sorted_and_counted),
        cmocka_unit_test(the_rest_is_counted),
        cmocka_unit_test(scalars_are_read),
        cmocka_unit_test(mistakes_are_told_and_nothing_is_written),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(a_value_may_stand_alone),
    };
    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
