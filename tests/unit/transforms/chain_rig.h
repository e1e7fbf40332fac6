/* SPDX-License-Identifier: Apache-2.0 */
/* chain_rig.h: a chain of stages over columns made by hand, for test_chain.c and test_lookup.c. */
#ifndef TESTS_UNIT_TRANSFORMS_CHAIN_RIG_H
#define TESTS_UNIT_TRANSFORMS_CHAIN_RIG_H

#include "base/memory.h"
#include "base/value.h"
#include "pipelines/yaml_tree.h"
#include "transforms/chain.h"

#define RIG_STAGES_MAX 16

struct rig {
    struct problems problems;
    struct weir_plan *plan;
    struct document *document; /* the stages, in YAML */
    struct chain *chain;
    struct chain_run *run;
    struct batch *batch;
    struct chain_counts counts[RIG_STAGES_MAX];
};

/* "a int, b string?" are the source's columns; stages is the YAML of `transforms:`. */
static inline void rig_plan(struct rig *rig, const char *columns, const char *stages)
{
    *rig = (struct rig){0};
    rig->plan = plan_new(&rig->problems);
    char *list = mem_strdup(columns);
    char *next = NULL;
    for (char *at = strtok_r(list, ",", &next); at; at = strtok_r(NULL, ",", &next)) {
        char name[40];
        char type_name[40];
        struct weir_type type;
        assert_int_equal(sscanf(at, "%39s %39s", name, type_name), 2);
        assert_int_equal(type_read(type_name, &type, NULL), 0);
        plan_add(rig->plan, name, type);
    }
    free(list);
    rig->document = document_parse("p.yaml", stages, strlen(stages), &rig->problems);
    rig->chain = chain_new(rig->plan, document_root(rig->document));
}

/* What was told, as one text; the caller frees it. */
static inline char *rig_told(const struct rig *rig)
{
    struct text text = TEXT_INIT;
    problems_write(&rig->problems, &text);
    return text_take(&text);
}

static inline void rig_start(struct rig *rig, uint32_t rows)
{
    char *told = rig_told(rig);
    if (rig->problems.errors)
        fail_msg("%s", told);
    free(told);
    if (!rig->batch)
        rig->batch = batch_new(plan_column_count(rig->plan));
    batch_begin(rig->batch, "t", 0, 0);
    for (uint32_t i = 0; i < rows; i++) {
        struct weir_record record = {.offset = i, .value = {"x", 1, 0}};
        assert_int_equal(batch_add(rig->batch, &record), 0);
    }
    struct weir_error error = {0};
    if (!rig->run && chain_run_new(rig->chain, &rig->run, &error) < 0)
        fail_msg("%s", error.text);
}

static inline struct weir_column *rig_column(struct rig *rig, uint32_t index, struct weir_type type)
{
    struct weir_column *column = batch_column_new(rig->batch, type);
    batch_column_set(rig->batch, index, column);
    return column;
}

static inline void rig_ints(struct rig *rig, uint32_t index, const int64_t *values, uint32_t count)
{
    struct weir_column *column = rig_column(rig, index, (struct weir_type){.kind = WEIR_INT});
    memcpy(column->ints, values, count * sizeof *values);
}

/* NULL is null. */
static inline void rig_texts(struct rig *rig, uint32_t index, const char *const *values,
                             uint32_t count)
{
    struct weir_column *column =
        rig_column(rig, index, (struct weir_type){.kind = WEIR_STRING, .nullable = 1});
    column->valid = batch_bitmap_new(rig->batch);
    for (uint32_t i = 0; i < count; i++) {
        column->strs[i] = values[i] ? str_of(values[i]) : str_make("", 0);
        if (values[i])
            column->valid[i >> 6] |= 1ULL << (i & 63);
    }
}

static inline void rig_run(struct rig *rig)
{
    struct weir_error error = {0};
    if (chain_run_batch(rig->run, rig->batch, rig->counts, &error) < 0)
        fail_msg("%s", error.text);
}

/* The selected rows of a column as one text: "a b null". The caller frees it. */
static inline char *rig_values(struct rig *rig, const char *name)
{
    const struct weir_field *field = plan_find(rig->plan, name);
    assert_non_null(field);
    const struct weir_column *column = rig->batch->view.columns[field->column];
    assert_non_null(column);
    struct text text = TEXT_INIT;
    text_add(&text, "");
    for (uint32_t i = 0; i < rig->batch->view.selected; i++) {
        text_add(&text, i ? " " : "");
        json_write_value(&text, column, rig->batch->view.selection[i]);
    }
    return text_take(&text);
}

#define assert_values(rig, name, expected)                                                         \
    do {                                                                                           \
        char *values_ = rig_values(rig, name);                                                     \
        assert_string_equal(values_, expected);                                                    \
        free(values_);                                                                             \
    } while (0)

#define assert_rig_told(rig, expected)                                                             \
    do {                                                                                           \
        char *told_ = rig_told(rig);                                                               \
        assert_string_equal(told_, expected);                                                      \
        free(told_);                                                                               \
    } while (0)

static inline void rig_done(struct rig *rig)
{
    chain_run_free(rig->run);
    chain_free(rig->chain);
    batch_free(rig->batch);
    plan_free(rig->plan);
    document_free(rig->document);
    problems_done(&rig->problems);
}

#endif
