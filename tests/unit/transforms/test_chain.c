/* SPDX-License-Identifier: Apache-2.0 */
/* A chain: planned once, run over batches, counted. */
#include "tests/unit/test.h"

#include "tests/unit/transforms/chain_rig.h"

static const int64_t numbers[] = {1, 2, 3, 4, 5, 6};

static void stages_run_in_order_and_are_counted(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int, b int",
             "- filter: a > 1\n"
             "- set: {c: a * b, d: c + 1}\n"
             "- drop: [b]\n"
             "- filter: d <> 17\n");
    rig_start(&rig, 6);
    rig_ints(&rig, 0, numbers, 6);
    rig_ints(&rig, 1, numbers, 6);
    rig_run(&rig);
    assert_values(&rig, "d", "5 10 26 37");
    assert_int_equal(chain_stage_count(rig.chain), 4);
    const struct {
        uint64_t in, out;
    } expected[] = {{6, 5}, {5, 5}, {5, 5}, {5, 4}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig.counts[i].in, expected[i].in);
        assert_int_equal(rig.counts[i].out, expected[i].out);
        assert_int_equal(rig.counts[i].filtered, expected[i].in - expected[i].out);
        assert_int_equal(rig.counts[i].rejected, 0);
    }
    assert_true(rig.counts[0].ns > 0 && rig.counts[2].ns == 0); /* drop costs nothing */

    /* A second batch adds to the counts. */
    rig_start(&rig, 2);
    rig_ints(&rig, 0, numbers, 2);
    rig_ints(&rig, 1, numbers, 2);
    rig_run(&rig);
    assert_int_equal(rig.counts[0].in, 8);
    assert_int_equal(rig.counts[0].out, 6);
    rig_done(&rig);
}

static void what_cannot_be_computed_is_rejected_alone(void **state)
{
    static const int64_t large[] = {1, INT64_MAX, 3};
    struct rig rig;
    rig_plan(&rig, "a int", "- set: {b: a + 1}\n- filter: b <> 4\n");
    rig_start(&rig, 3);
    rig_ints(&rig, 0, large, 3);
    rig_run(&rig);
    assert_values(&rig, "b", "2");
    assert_int_equal(rig.counts[0].rejected, 1);
    assert_int_equal(rig.counts[0].filtered, 0);
    assert_int_equal(rig.counts[1].in, 2);
    assert_int_equal(rig.counts[1].filtered, 1);
    assert_int_equal(rig.batch->reject_count, 1);
    assert_int_equal(rig.batch->rejects[0].row, 1);
    assert_int_equal(rig.batch->rejects[0].reason, WEIR_REJECT_OVERFLOW);
    assert_string_equal(rig.batch->rejects[0].stage, "set");
    assert_string_equal(rig.batch->stage, "sink");
    rig_done(&rig);
}

static void a_batch_may_lose_all_its_rows(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int", "- filter: a > 100\n- set: {b: a + 1}\n- filter: b > 0\n");
    rig_start(&rig, 6);
    rig_ints(&rig, 0, numbers, 6);
    rig_run(&rig);
    assert_int_equal(rig.batch->view.selected, 0);
    assert_int_equal(rig.counts[0].filtered, 6);
    assert_int_equal(rig.counts[2].in, 0);
    rig_done(&rig);
}

static void a_name_may_get_another_value(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int, b int",
             "- set: {a: a + 10}\n"
             "- rename: {a: c}\n"
             "- set: {a: b}\n"
             "- select: [c, a]\n");
    rig_start(&rig, 2);
    rig_ints(&rig, 0, numbers, 2);
    rig_ints(&rig, 1, numbers, 2);
    rig_run(&rig);
    assert_values(&rig, "c", "11 12");
    assert_values(&rig, "a", "1 2");
    assert_null(plan_find(rig.plan, "b"));
    /* the source's own column was not touched */
    assert_int_equal(rig.batch->view.columns[0]->ints[0], 1);
    rig_done(&rig);
}

static void schemas_and_labels_are_kept_by_stage(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int, b string?", "- set: {c: a > 1}\n- drop: [b]\n- rename: {c: large}\n");
    assert_string_equal(chain_stage_label(rig.chain, 0), "1:set");
    assert_string_equal(chain_stage_label(rig.chain, 2), "3:rename");
    static const char *const names[][3] = {{"a", "b", "c"}, {"a", "c"}, {"a", "large"}};
    for (uint32_t i = 0; i < 3; i++) {
        struct weir_schema schema = chain_stage_schema(rig.chain, i);
        assert_int_equal(schema.count, i ? 2 : 3);
        for (uint32_t n = 0; n < schema.count; n++)
            assert_string_equal(schema.fields[n].name, names[i][n]);
    }
    assert_int_equal(chain_stage_schema(rig.chain, 0).fields[2].type.kind, WEIR_BOOL);
    assert_int_equal(chain_stage_node(rig.chain, 1)->mark.line, 2);
    rig_done(&rig);
}

static void reads_are_those_of_expressions(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int, b int, c int, d int",
             "- filter: a > 1\n- drop: [b]\n- set: {e: c + a}\n");
    uint64_t reads[1] = {0};
    chain_reads(rig.chain, reads, 4);
    assert_int_equal(reads[0], 5); /* a and c: to hide a column is not to read it */
    rig_done(&rig);
}

/* The sink's expressions. */

static uint32_t add_expr(struct rig *rig, const char *text, uint8_t kind, uint32_t where)
{
    struct weir_node node = {.kind = WEIR_NODE_SCALAR,
                             .mark = {"p.yaml", 9, 1},
                             .text = text,
                             .text_length = strlen(text)};
    uint32_t column = 0;
    struct weir_type type;
    if (chain_add_expr_where(rig->chain, rig->plan, &node, kind, where, &column, &type) < 0)
        return UINT32_MAX;
    return column;
}

static void the_sinks_expressions_share_columns(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int, b int", "- set: {c: a + b}\n");
    uint32_t bare = add_expr(&rig, "a", 0, UINT32_MAX);
    assert_int_equal(bare, 0);
    assert_int_equal(chain_stage_count(rig.chain), 1);
    uint32_t one = add_expr(&rig, "c * 2", 0, UINT32_MAX);
    uint32_t two = add_expr(&rig, "c * 2", 0, UINT32_MAX);
    uint32_t three = add_expr(&rig, "c * 3", 0, UINT32_MAX);
    assert_int_equal(one, two);
    assert_int_not_equal(one, three);
    assert_int_equal(chain_stage_count(rig.chain), 2);
    assert_int_equal(chain_transform_count(rig.chain), 1);
    assert_string_equal(chain_stage_label(rig.chain, 1), "2:sink");
    rig_start(&rig, 3);
    rig_ints(&rig, 0, numbers, 3);
    rig_ints(&rig, 1, numbers, 3);
    rig_run(&rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig.batch->view.columns[one]->ints[i], 4 * (i + 1));
        assert_int_equal(rig.batch->view.columns[three]->ints[i], 6 * (i + 1));
    }
    rig_done(&rig);
}

static void an_expression_of_another_kind_is_told(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int", "[]\n");
    assert_int_equal(add_expr(&rig, "a + 1", WEIR_BOOL, UINT32_MAX), UINT32_MAX);
    assert_int_equal(add_expr(&rig, "a + bb", 0, UINT32_MAX), UINT32_MAX);
    assert_rig_told(&rig,
                    "p.yaml:9:1: error: the expression must be of type bool, and is of type int; "
                    "compare it, as in `x <> 0`\n"
                    "p.yaml:9:5: error: `bb` is not a column here\n");
    rig_done(&rig);
}

/* A row that `where` shuts out can neither fail nor reject its record. */
static void arguments_are_computed_where_they_count(void **state)
{
    static const int64_t large[] = {1, INT64_MAX, 3, INT64_MAX};
    static const int64_t kinds[] = {1, 0, 1, 1};
    struct rig rig;
    rig_plan(&rig, "a int, kind int", "[]\n");
    uint32_t where = add_expr(&rig, "kind = 1", WEIR_BOOL, UINT32_MAX);
    uint32_t sum = add_expr(&rig, "a + 1", 0, where);
    rig_start(&rig, 4);
    rig_ints(&rig, 0, large, 4);
    rig_ints(&rig, 1, kinds, 4);
    rig_run(&rig);
    /* row 1 stays though its sum does not fit; row 3 is rejected */
    assert_values(&rig, "a", "1 9223372036854775807 3");
    assert_int_equal(rig.batch->view.columns[sum]->ints[0], 2);
    assert_int_equal(rig.batch->view.columns[sum]->ints[2], 4);
    assert_int_equal(rig.counts[0].rejected, 1);
    assert_int_equal(rig.batch->rejects[0].row, 3);
    assert_string_equal(rig.batch->rejects[0].stage, "sink");
    rig_done(&rig);
}

/* Planning. */

static void names_left_by_a_mistake_are_told_once(void **state)
{
    struct rig rig;
    rig_plan(&rig, "a int",
             "- set: {b: nope + 1, c: a}\n"
             "- filter: b > 1 and c > 1\n"
             "- filtre: b > 1\n"
             "- lookup: {from: {file: nowhere.csv, key: k}, key: a, take: {d: e}}\n"
             "- filter: d = 'x' and c = 1\n"
             "- filter: f = 1\n");
    assert_rig_told(&rig, "p.yaml:1:12: error: `nope` is not a column here\n"
                          "p.yaml:3:3: error: `filtre` is not a stage; did you mean `filter`?\n"
                          "p.yaml:4:25: error: cannot open nowhere.csv: No such file or directory\n"
                          "p.yaml:6:11: error: `f` is not a column here\n");
    rig_done(&rig);
}

static void columns_are_bounded(void **state)
{
    struct text stages = TEXT_INIT;
    text_add(&stages, "- set:\n");
    for (int i = 0; i < 5000; i++)
        text_addf(&stages, "    c%d: 1\n", i);
    struct rig rig;
    rig_plan(&rig, "a int", stages.data);
    assert_int_equal(rig.problems.errors, 1);
    assert_string_equal(rig.problems.items[0].text,
                        "the pipeline has more than 4096 columns in all");
    rig_done(&rig);
    text_done(&stages);
}

static void meanings_follow_what_is_read(void **state)
{
    static const char *const stages[] = {"- set: {c: a + 1, d: b + 1}\n",
                                         "- set: {c: a + 1, d: b + 1}\n# other\n",
                                         "- filter: b > 1\n- set: {c: a + 1, d: b + 1}\n",
                                         "- set: {a: a + 1}\n- set: {c: a + 1, d: b + 1}\n"};
    uint64_t column[4];
    uint64_t chain[4];
    for (int i = 0; i < 4; i++) {
        struct rig rig;
        rig_plan(&rig, "a int, b int", stages[i]);
        column[i] = plan_meaning(rig.plan, plan_find(rig.plan, "c")->column);
        chain[i] = chain_meaning(rig.chain);
        rig_done(&rig);
    }
    assert_true(column[0] == column[1] && chain[0] == chain[1]);
    assert_true(column[0] == column[2] && chain[0] != chain[2]); /* other records, same values */
    assert_true(column[0] != column[3] && chain[0] == chain[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_run_in_order_and_are_counted),
        cmocka_unit_test(what_cannot_be_computed_is_rejected_alone),
        cmocka_unit_test(a_batch_may_lose_all_its_rows),
        cmocka_unit_test(a_name_may_get_another_value),
        cmocka_unit_test(schemas_and_labels_are_kept_by_stage),
        cmocka_unit_test(reads_are_those_of_expressions),
        cmocka_unit_test(the_sinks_expressions_share_columns),
        cmocka_unit_test(an_expression_of_another_kind_is_told),
        cmocka_unit_test(arguments_are_computed_where_they_count),
        cmocka_unit_test(names_left_by_a_mistake_are_told_once),
        cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(meanings_follow_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
