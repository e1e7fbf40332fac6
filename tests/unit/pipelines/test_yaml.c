/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a pipeline file: places, variables, aliases, limits, and what is said of mistakes. */
#include "tests/unit/test.h"

#include <unistd.h>

#include "base/memory.h"
#include "base/node.h"
#include "pipelines/yaml_tree.h"

static struct document *parse(const char *text, struct problems *problems)
{
    return document_parse("p.yaml", text, strlen(text), problems);
}

/* The tree as one line, kinds and places included: what the tests compare. */
static void dump(const struct weir_node *node, struct text *out)
{
    if (!node) {
        text_add(out, "(none)");
        return;
    }
    text_addf(out, "%u:%u", node->mark.line, node->mark.column);
    switch (node->kind) {
    case WEIR_NODE_NULL:
        text_add(out, "null");
        return;
    case WEIR_NODE_SCALAR:
        text_addf(out, "%s<%s>%s", node->quoted ? "q" : "", node->text, node->secret ? "!" : "");
        assert_int_equal(strlen(node->text), node->text_length);
        return;
    case WEIR_NODE_LIST:
        text_add(out, "[");
        for (uint32_t i = 0; i < node->count; i++) {
            text_add(out, i ? " " : "");
            dump(node->values[i], out);
        }
        text_add(out, "]");
        return;
    default:
        text_add(out, "{");
        for (uint32_t i = 0; i < node->count; i++) {
            text_add(out, i ? " " : "");
            dump(node->keys[i], out);
            text_add(out, "=");
            dump(node->values[i], out);
        }
        text_add(out, "}");
    }
}

static void assert_tree(const char *text, const char *expected)
{
    struct problems problems = {0};
    struct document *document = parse(text, &problems);
    struct text out = TEXT_INIT;
    problems_write(&problems, &out);
    dump(document_root(document), &out);
    assert_string_equal(out.data, expected);
    text_done(&out);
    problems_done(&problems);
    document_free(document);
}

static void assert_told(const char *text, const char *expected)
{
    struct problems problems = {0};
    struct document *document = parse(text, &problems);
    struct text out = TEXT_INIT;
    problems_write(&problems, &out);
    assert_string_equal(out.length ? out.data : "", expected);
    text_done(&out);
    problems_done(&problems);
    document_free(document);
}

static void a_tree_knows_places_and_quotes(void **state)
{
    assert_tree("a: 1\nb:\n  - x\n  - \"1\"\n  - ~\nc: {d: 'e', f: }\n",
                "1:1{1:1<a>=1:4<1> 2:1<b>=3:3[3:5<x> 4:5q<1> 5:5null] "
                "6:1<c>=6:4{6:5<d>=6:8q<e> 6:13<f>=6:16null}}");
    assert_tree("t: |\n  one\n  two\n", "1:1{1:1<t>=1:4q<one\ntwo\n>}");
    assert_tree("- string?\n- {a: string?, b: int}\n",
                "1:1[1:3<string?> 2:3{2:4<a>=2:7<string?> 2:16<b>=2:19<int>}]");
    /* columns count characters, not bytes; a byte order mark is none */
    assert_tree("\xef\xbb\xbf\"\xc3\xa4\": x\n", "1:1{1:1q<\xc3\xa4>=1:6<x>}");
}

static void aliases_stand_for_what_they_name(void **state)
{
    assert_tree("a: &x [1, 2]\nb: *x\n",
                "1:1{1:1<a>=1:4[1:8<1> 1:11<2>] 2:1<b>=1:4[1:8<1> 1:11<2>]}");
    assert_told("a: &x [1, *x]\n",
                "p.yaml:1:11: error: the alias `*x` stands inside what it names\n");
    assert_told("a: *y\n",
                "p.yaml:1:4: error: there is no anchor `&y` above; quote a text that begins "
                "with `*`\n");
}

/* Nine levels of nine aliases are 387 million values: the limit holds long before. */
static void aliases_are_bounded(void **state)
{
    struct text text = TEXT_INIT;
    text_add(&text, "l0: &l0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++)
        text_addf(&text, "l%d: &l%d [*l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d]\n", i, i,
                  i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    struct problems problems = {0};
    struct document *document = parse(text.data, &problems);
    assert_int_equal(problems.errors, 1);
    assert_string_equal(problems.items[0].text, "aliases add more than 10000 values");
    assert_null(document_root(document));
    problems_done(&problems);
    document_free(document);
    text_done(&text);
}

/* What is told of so many lists in one another; NULL: nothing. */
static char *told_of_depth(int depth)
{
    struct text text = TEXT_INIT;
    for (int i = 0; i < depth; i++)
        text_add(&text, "[");
    for (int i = 0; i < depth; i++)
        text_add(&text, "]");
    struct problems problems = {0};
    struct document *document = parse(text.data, &problems);
    char *told = problems.errors ? mem_strdup(problems.items[0].text) : NULL;
    problems_done(&problems);
    document_free(document);
    text_done(&text);
    return told;
}

static void depth_is_bounded(void **state)
{
    assert_null(told_of_depth(YAML_DEPTH_MAX));
    static const int deeper[] = {YAML_DEPTH_MAX + 1, 5000};
    for (int i = 0; i < 2; i++) {
        char *told = told_of_depth(deeper[i]);
        assert_string_equal(told, "nested deeper than 64 levels");
        free(told);
    }
}

static void size_is_bounded(void **state)
{
    char *text = mem_alloc(YAML_FILE_BYTES_MAX + 2);
    memset(text, 'a', YAML_FILE_BYTES_MAX + 1);
    struct problems problems = {0};
    struct document *document = parse(text, &problems);
    assert_int_equal(problems.errors, 1);
    assert_string_equal(problems.items[0].text, "the file is larger than 1048576 bytes");
    problems_done(&problems);
    document_free(document);
    free(text);
}

static void variables_are_replaced_and_secret(void **state)
{
    setenv("WEIR_T_ONE", "one", 1);
    setenv("WEIR_T_EMPTY", "", 1);
    unsetenv("WEIR_T_NONE");
    assert_tree("a: ${WEIR_T_ONE}\nb: x${WEIR_T_ONE}y${WEIR_T_ONE}\n",
                "1:1{1:1<a>=1:4<one>! 2:1<b>=2:4<xoneyone>!}");
    /* a default is no secret: it stands in the file */
    assert_tree("a: ${WEIR_T_NONE:-127.0.0.1:9092}\nb: ${WEIR_T_EMPTY:-d}\n",
                "1:1{1:1<a>=1:4<127.0.0.1:9092> 2:1<b>=2:4<d>}");
    assert_tree("a: ${WEIR_T_NONE:-}\n", "1:1{1:1<a>=1:4<>}");
    assert_tree("a: $${WEIR_T_ONE} $x\n", "1:1{1:1<a>=1:4<${WEIR_T_ONE} $x>}");
    assert_tree("a: \"$${b}\"\n", "1:1{1:1<a>=1:4q<${b}>}");
    /* inside {..} a brace would end the text */
    assert_tree("{a: ${WEIR_T_ONE}, b: [${WEIR_T_NONE:-x: {y}, c]}\n",
                "1:1{1:2<a>=1:5<one>! 1:20<b>=1:23[1:24<x: {y> 1:47<c>]}");
    assert_told(
        "a: ${WEIR_T_NONE}\nb: 'x ${WEIR_T_EMPTY}'\nc: \"\\t${1x}\"\nd: ${WEIR_T_ONE\n",
        "p.yaml:1:4: error: the environment variable WEIR_T_NONE is not set; set it, or write "
        "${WEIR_T_NONE:-default}\n"
        "p.yaml:2:7: error: the environment variable WEIR_T_EMPTY is not set to anything; set "
        "it, or write ${WEIR_T_EMPTY:-default}\n"
        "p.yaml:3:7: error: `${1x}` is not a variable; there are ${NAME}, ${NAME:-default} and "
        "${file:/path}, and $${ stands for ${ itself\n"
        "p.yaml:4:4: error: `${` without its `}`\n");
    assert_told("${WEIR_T_ONE}: 1\n", "p.yaml:1:1: error: variables are not replaced in keys\n");
}

static void variables_come_from_files(void **state)
{
    char path[] = "/tmp/weir-test-yaml-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret\n\n", 8), 8);
    close(fd);
    char *text = mem_printf("a: ${file:%s}\n", path);
    assert_tree(text, "1:1{1:1<a>=1:4<s3cret>!}");
    free(text);
    unlink(path);
    struct problems problems = {0};
    struct document *document = parse("a: ${file:/nowhere/at/all}\n", &problems);
    assert_int_equal(problems.errors, 1);
    assert_non_null(strstr(problems.items[0].text, "/nowhere/at/all"));
    problems_done(&problems);
    document_free(document);
}

static void mistakes_are_told_all_at_once(void **state)
{
    assert_told("a: 1\nb: 2\na: 3\nc: !int 4\n<<: {x: 1}\n? [k]\n: v\nb: 5\n",
                "p.yaml:3:1: error: the key `a` stands twice; the first one is in line 1\n"
                "p.yaml:4:4: error: tags (`!int`) have no meaning here; quote the text\n"
                "p.yaml:5:1: error: merge keys (`<<`) have no meaning here; write the keys out\n"
                "p.yaml:6:3: error: a key must be a text\n"
                "p.yaml:8:1: error: the key `b` stands twice; the first one is in line 2\n");
    assert_told("a: 1\n---\nb: 2\n",
                "p.yaml:2:1: error: a second document begins here; a pipeline file has one\n");
    assert_told("",
                "p.yaml: error: the file is empty; `weir new pipeline NAME` writes a first one\n");
    assert_told("# nothing\n",
                "p.yaml: error: the file is empty; `weir new pipeline NAME` writes a first one\n");
}

static void syntax_is_explained(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        {"a: b: c\n",
         "p.yaml:1:5: error: a `:` cannot stand here; quote a text that holds `: `, and "
         "begin each key on its own line\n"},
        {"a:\n\tb: c\n", "p.yaml:2:1: error: a tab cannot indent; use blanks\n"},
        {"a: %b\n",
         "p.yaml:1:4: error: `%` cannot begin a plain text; put quotes around the whole value\n"},
        {"a: `b`\n",
         "p.yaml:1:4: error: ``` cannot begin a plain text; put quotes around the whole value\n"},
        {"a: 'b\nc: d\n", "p.yaml:1:4: error: this quote is never closed\n"},
        {"- filter: 'a' = b\n",
         "p.yaml:1:15: error: a key is wanted here; check the indentation, and put quotes around a "
         "value that begins with a quote or a bracket\n"},
        {"a: {b: f(x, 'y')}\n", "p.yaml:1:16: error: an expression with a comma or a quote inside "
                                "{..} or [..] is cut in two "
                                "by YAML: quote it\n"},
        {"a: {b: 'x' || y}\n",
         "p.yaml:1:12: error: `|` cannot begin a plain text; put quotes around the whole value\n"},
        {"a: {b: 'x' + y}\n",
         "p.yaml:1:12: error: `,` or `}` is wanted here; quote a text that holds "
         "brackets, quotes or commas\n"},
        {"a: \"\\d\"\n", "p.yaml:1:5: error: inside \"..\" a backslash begins an escape; write it "
                         "twice, or use '..'\n"},
        {"a: 1\n b: 2\n",
         "p.yaml:2:3: error: a `:` cannot stand here; quote a text that holds `: `, "
         "and begin each key on its own line\n"},
        {"a: {\n", "p.yaml:2:1: error: a value, or what closes {..} or [..], is wanted here\n"},
        {"a: \x01\n", "p.yaml:1:4: error: a control character; YAML is text\n"},
        {"a: \xff\n", "p.yaml:1:4: error: the file is not valid UTF-8\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_told(cases[i].text, cases[i].told);
}

static void torn_expressions_are_mended(void **state)
{
    assert_tree("s: {a: substr(x, 2, 3), b: 1}\n",
                "p.yaml:1:8: error: a comma inside {..} cuts this expression in two: quote it: "
                "\"substr(x, 2, 3)\"\n"
                "1:1{1:1<s>=1:4{1:5<a>=1:8<substr(x, 2, 3)> 1:25<b>=1:28<1>}}");
    assert_tree("s: {a: f(x, 1), b: g(h(y, 1), 1)}\n",
                "p.yaml:1:8: error: a comma inside {..} cuts this expression in two: quote it: "
                "\"f(x, 1)\"\n"
                "p.yaml:1:20: error: a comma inside {..} cuts this expression in two: quote it: "
                "\"g(h(y, 1), 1)\"\n"
                "1:1{1:1<s>=1:4{1:5<a>=1:8<f(x, 1)> 1:17<b>=1:20<g(h(y, 1), 1)>}}");
    assert_tree("[f(a, b), c]\n",
                "p.yaml:1:2: error: a comma inside [..] cuts this expression in two: quote it: "
                "\"f(a, b)\"\n"
                "1:1[1:2<f(a, b)> 1:11<c>]");
    /* what is quoted, or closed, or followed by a value is not torn */
    assert_tree("{a: \"f(x\", b: 1}\n", "1:1{1:2<a>=1:5q<f(x> 1:12<b>=1:15<1>}");
    assert_tree("{a: f(x, b: 1)}\n", "1:1{1:2<a>=1:5<f(x> 1:10<b>=1:13<1)>}");
}

/* The column and line of byte `position` of the value of key `v`. */
static void assert_place(const char *text, size_t position, uint32_t line, uint32_t column)
{
    struct problems problems = {0};
    struct document *document = parse(text, &problems);
    assert_int_equal(problems.errors, 0);
    struct weir_mark mark =
        document_locate(document, node_get(document_root(document), "v"), position);
    if (mark.line != line || mark.column != column)
        fail_msg("%s byte %zu is at %u:%u, not %u:%u", text, position, mark.line, mark.column, line,
                 column);
    problems_done(&problems);
    document_free(document);
}

static void places_inside_texts_are_exact(void **state)
{
    setenv("WEIR_T_ONE", "one", 1);
    assert_place("v: a + b\n", 0, 1, 4);
    assert_place("v: a + b\n", 4, 1, 8);
    assert_place("v: a + b\n", 5, 1, 9);        /* behind the end */
    assert_place("v: 'it''s + b'\n", 7, 1, 13); /* b, behind a doubled quote */
    assert_place("v: \"x\\n\\\"q\\\" b\"\n", 6, 1,
                 14); /* b, behind three escapes and a line break */
    assert_place("v: \"\\u00e4 b\"\n", 3, 1, 12);
    assert_place("v: \xc3\xa4 + b\n", 5, 1, 8);
    assert_place("v: |\n  a +\n  b\n", 4, 3, 3);
    assert_place("v: >-\n   a +\n\n   b\n", 4, 4, 4);
    assert_place("v: | # why\n  a\n", 0, 2, 3);
    assert_place("v: a\n  + b\n", 4, 2, 5);
    assert_place("v: x ${WEIR_T_ONE} b\n", 2, 1, 6);
    assert_place("v: x ${WEIR_T_ONE} b\n", 4, 1, 6); /* inside a variable: its begin */
    assert_place("v: x ${WEIR_T_ONE} b\n", 6, 1, 20);
    assert_place("v: '$${a} b'\n", 5, 1, 11);
}

static void slices_know_their_place(void **state)
{
    struct problems problems = {0};
    struct document *document = parse("v: sum(a\n    * b)\n", &problems);
    const struct weir_node *whole = node_get(document_root(document), "v");
    assert_string_equal(whole->text, "sum(a * b)");
    const struct weir_node *slice = document_slice(document, whole, 4, 5);
    assert_string_equal(slice->text, "a * b");
    assert_int_equal(slice->mark.line, 1);
    assert_int_equal(slice->mark.column, 8);
    struct weir_mark mark = document_locate(document, slice, 4);
    assert_int_equal(mark.line, 2);
    assert_int_equal(mark.column, 7);
    document_free(document);
}

/* Whatever bytes come: no crash, and a root or a mistake. */
static void random_bytes_do_no_harm(void **state)
{
    static const char *const pieces[] = {
        "a",  ": ", "\n",  "  ", "- ", "{", "}",  "[", "]",   ", ", "'",        "\"", "&x ",
        "*x", "${", "|\n", "#",  "f(", ")", "\\", "?", "!t ", "~",  "\xc3\xa4", "<<", "---\n"};
    struct test_random random = random_begin();
    for (int round = 0; round < 20000; round++) {
        struct text text = TEXT_INIT;
        for (uint64_t n = random_below(&random, 20); n > 0; n--)
            text_add(&text, pieces[random_below(&random, sizeof pieces / sizeof *pieces)]);
        struct problems problems = {0};
        struct document *document =
            document_parse("p.yaml", text.length ? text.data : "", text.length, &problems);
        assert_true(document_root(document) || problems.errors);
        for (uint32_t i = 0; i < problems.count; i++)
            assert_true(problems.items[i].text[0]);
        struct text out = TEXT_INIT;
        if (!problems.errors)
            dump(document_root(document), &out);
        text_done(&out);
        problems_done(&problems);
        document_free(document);
        text_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_knows_places_and_quotes),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(aliases_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(variables_are_replaced_and_secret),
        cmocka_unit_test(variables_come_from_files),
        cmocka_unit_test(mistakes_are_told_all_at_once),
        cmocka_unit_test(syntax_is_explained),
        cmocka_unit_test(torn_expressions_are_mended),
        cmocka_unit_test(places_inside_texts_are_exact),
        cmocka_unit_test(slices_know_their_place),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
