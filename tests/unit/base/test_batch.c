/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/batch.h"
#include "base/check.h"
#include "base/text.h"

static struct weir_record record_of(int64_t offset, const char *value)
{
    struct weir_record record = {.offset = offset, .timestamp_ms = -1};
    if (value)
        record.value = str_of(value);
    return record;
}

static void a_full_batch(void **state)
{
    struct batch *batch = batch_new(3);
    for (int round = 0; round < 3; round++) {
        batch_begin(batch, "orders", 7, 12345);
        assert_false(batch_full(batch));
        for (int i = 0; i < WEIR_BATCH_ROWS_MAX; i++) {
            char value[32];
            snprintf(value, sizeof value, "value %d", i);
            struct weir_record record = record_of(1000 + i, i % 10 == 3 ? NULL : value);
            record.key = i % 2 ? str_of(value) : (struct weir_str){NULL, 0, 0};
            record.headers = i % 5 ? (struct weir_str){NULL, 0, 0} : str_of("headers");
            assert_int_equal(batch_add(batch, &record), 0);
            memset(value, 'x', sizeof value); /* the batch has its own copy */
        }
        assert_true(batch_full(batch));
        assert_int_equal(batch->view.rows, WEIR_BATCH_ROWS_MAX);
        assert_int_equal(batch->tombstone_count, 103);
        assert_int_equal(batch->view.selected, WEIR_BATCH_ROWS_MAX - 103);
        assert_string_equal(batch->view.topic, "orders");
        assert_int_equal(batch->view.partition, 7);
        assert_true(batch->view.now_ns == 12345);
        uint32_t selected = 0, tombstones = 0;
        for (uint32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++) {
            char value[32];
            snprintf(value, sizeof value, "value %u", i);
            const struct weir_record *record = &batch->view.records[i];
            assert_true(record->offset == 1000 + i && record->timestamp_ms == -1);
            if (i % 10 == 3) {
                assert_null(record->value.data);
                assert_int_equal(batch->tombstones[tombstones++], i);
            } else {
                assert_true(str_is(record->value, value));
                assert_int_equal(batch->view.selection[selected++], i);
            }
            assert_true(i % 2 ? str_is(record->key, value) : record->key.data == NULL);
            assert_true(i % 5 ? record->headers.data == NULL : str_is(record->headers, "headers"));
        }
    }
    batch_free(batch);
    batch_free(NULL);
}

static void empty_texts_are_not_null(void **state)
{
    struct batch *batch = batch_new(0);
    batch_begin(batch, "t", 0, 0);
    struct weir_record record = record_of(0, "");
    record.key = str_make("", 0);
    assert_int_equal(batch_add(batch, &record), 0);
    assert_non_null(batch->view.records[0].value.data);
    assert_non_null(batch->view.records[0].key.data);
    assert_null(batch->view.records[0].headers.data);
    assert_int_equal(batch->view.selected, 1);
    batch_free(batch);
}

static void payloads_have_readable_bytes_behind_them(void **state)
{
    struct test_random random = random_begin();
    struct batch *batch = batch_new(0);
    char *value = malloc(70000);
    memset(value, 'v', 70000);
    for (int round = 0; round < 20; round++) {
        batch_begin(batch, "t", 0, 0);
        while (!batch_full(batch)) {
            struct weir_record record = {.value = str_make(value, random_skewed(&random) % 70000)};
            assert_int_equal(batch_add(batch, &record), 0);
            const struct weir_str *copy = &batch->records[batch->view.rows - 1].value;
            volatile char sum = 0;
            for (size_t i = 0; i < ARENA_SLACK_BYTES; i++)
                sum = (char)(sum + copy->data[copy->length + i]);
        }
    }
    free(value);
    batch_free(batch);
}

static void full_by_bytes_and_one_large_record_fits(void **state)
{
    struct batch *batch = batch_new(0);
    char *large = calloc(1, (size_t)8 << 20);
    batch_begin(batch, "t", 0, 0);
    struct weir_record record = {.value = str_make(large, (size_t)8 << 20)};
    assert_int_equal(batch_add(batch, &record), 0);
    assert_true(batch_full(batch));
    batch_begin(batch, "t", 0, 0);
    assert_false(batch_full(batch));
    assert_int_equal(batch->payload_bytes, 0);
    free(large);
    batch_free(batch);
}

static void memory_is_limited(void **state)
{
    struct batch *batch = batch_new(0);
    batch_begin(batch, "t", 0, 0);
    assert_null(batch_alloc(batch, BATCH_MEMORY_BYTES_MAX + 1));
    struct weir_record record = {.value = {"x", UINT32_MAX, 0}}; /* refused before it is read */
    assert_int_equal(batch_add(batch, &record), WEIR_E_NOMEM);
    assert_int_equal(batch->view.rows, 0);
    batch_free(batch);
}

static void a_steady_state_takes_no_memory(void **state)
{
    struct batch *batch = batch_new(4);
    size_t held = 0;
    char value[900];
    memset(value, 'v', sizeof value);
    for (int round = 0; round < 10; round++) {
        batch_begin(batch, "t", 0, 0);
        struct weir_record record = {.value = str_make(value, sizeof value)};
        while (!batch_full(batch))
            assert_int_equal(batch_add(batch, &record), 0);
        for (uint32_t c = 0; c < 4; c++)
            batch_column_set(batch, c,
                             batch_column_new(batch, (struct weir_type){.kind = WEIR_STRING}));
        if (round == 0)
            held = batch->arena.held_bytes;
        assert_int_equal(batch->arena.held_bytes, held);
    }
    batch_free(batch);
}

static void borrowed_payloads_are_not_copied(void **state)
{
    static char payload[10 + ARENA_SLACK_BYTES] = "0123456789";
    struct batch *batch = batch_new(0);
    batch_begin(batch, "t", 0, 0);
    struct weir_record record = {.offset = 3, .value = str_make(payload, 10)};
    batch_add_borrowed(batch, &record);
    assert_ptr_equal(batch->view.records[0].value.data, payload);
    assert_int_equal(batch->payload_bytes, 10);
    assert_int_equal(batch->view.selected, 1);
    batch_free(batch);
}

static void columns_have_room_for_all_rows(void **state)
{
    static const uint8_t kinds[] = {WEIR_BOOL, WEIR_INT, WEIR_FLOAT, WEIR_STRING, WEIR_JSON};
    struct batch *batch = batch_new(COUNT_OF(kinds));
    for (uint32_t rows = 0; rows <= WEIR_BATCH_ROWS_MAX; rows += 93) {
        batch_begin(batch, "t", 0, 0);
        struct weir_record record = record_of(0, "x");
        for (uint32_t i = 0; i < rows; i++)
            assert_int_equal(batch_add(batch, &record), 0);
        for (uint32_t c = 0; c < COUNT_OF(kinds); c++) {
            assert_null(batch->view.columns[c]);
            struct weir_column *column =
                batch_column_new(batch, (struct weir_type){.kind = kinds[c]});
            assert_non_null(column);
            assert_null(column->valid);
            assert_int_equal(column->type.kind, kinds[c]);
            size_t bytes = kinds[c] == WEIR_BOOL ? 1 : kinds[c] >= WEIR_STRING ? 16 : 8;
            memset(column->data, (int)c + 1, rows * bytes);
            batch_column_set(batch, c, column);
        }
        uint64_t *bitmap = batch_bitmap_new(batch);
        for (uint32_t i = 0; i < (rows + 63) / 64; i++)
            assert_true(bitmap[i] == 0);
        memset(bitmap, 0xff, (rows + 63) / 64 * 8);
        for (uint32_t c = 0; c < COUNT_OF(kinds); c++) {
            const unsigned char *data = batch->view.columns[c]->data;
            size_t bytes = kinds[c] == WEIR_BOOL ? 1 : kinds[c] >= WEIR_STRING ? 16 : 8;
            for (size_t i = 0; i < rows * bytes; i++)
                assert_int_equal(data[i], c + 1);
        }
    }
    batch_free(batch);
}

static void the_first_reason_counts(void **state)
{
    struct batch *batch = batch_new(0);
    batch_begin(batch, "t", 0, 0);
    struct weir_record record = record_of(0, "x");
    for (int i = 0; i < 100; i++)
        assert_int_equal(batch_add(batch, &record), 0);
    batch_reject(batch, 70, WEIR_REJECT_TYPE, "a is %s", "no int");
    batch->stage = "set";
    batch_reject(batch, 70, WEIR_REJECT_OVERFLOW, "second");
    batch_reject(batch, 3, WEIR_REJECT_OVERFLOW, "third");
    assert_int_equal(batch->reject_count, 2);
    assert_int_equal(batch->rejects[0].row, 70);
    assert_int_equal(batch->rejects[0].reason, WEIR_REJECT_TYPE);
    assert_string_equal(batch->rejects[0].stage, "decode");
    assert_string_equal(batch->rejects[0].text, "a is no int");
    assert_string_equal(batch->rejects[1].stage, "set");
    assert_true(batch_is_rejected(batch, 70) && batch_is_rejected(batch, 3));
    assert_false(batch_is_rejected(batch, 6));
    assert_int_equal(batch->view.selected, 100); /* until narrowed */
    assert_int_equal(batch_narrow(batch), 2);
    assert_int_equal(batch->view.selected, 98);
    for (uint32_t i = 0; i < 98; i++)
        assert_int_equal(batch->selection[i], i + (i >= 3) + (i >= 69));
    assert_int_equal(batch_narrow(batch), 0);
    batch_reject(batch, 3, WEIR_REJECT_CAST, "again");
    assert_int_equal(batch_narrow(batch), 0);
    assert_int_equal(batch->reject_count, 2);
    batch_begin(batch, "t", 0, 0);
    assert_int_equal(batch->reject_count, 0);
    assert_false(batch_is_rejected(batch, 70));
    assert_string_equal(batch->stage, "decode");
    batch_free(batch);
}

static void all_rows_may_be_rejected(void **state)
{
    struct batch *batch = batch_new(0);
    for (int round = 0; round < 2; round++) {
        batch_begin(batch, "t", 0, 0);
        struct weir_record record = record_of(0, "x");
        while (!batch_full(batch))
            assert_int_equal(batch_add(batch, &record), 0);
        for (uint32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++)
            batch_reject(batch, i, WEIR_REJECT_STAGE, "%u", i);
        assert_int_equal(batch_narrow(batch), WEIR_BATCH_ROWS_MAX);
        assert_int_equal(batch->view.selected, 0);
    }
    batch_free(batch);
}

static void random_rejections_against_a_model(void **state)
{
    struct test_random random = random_begin();
    struct batch *batch = batch_new(0);
    for (int round = 0; round < 300; round++) {
        bool gone[WEIR_BATCH_ROWS_MAX] = {false};
        uint32_t rows = 1 + (uint32_t)random_below(&random, WEIR_BATCH_ROWS_MAX), left = rows;
        batch_begin(batch, "t", 0, 0);
        struct weir_record record = record_of(0, "x");
        for (uint32_t i = 0; i < rows; i++)
            assert_int_equal(batch_add(batch, &record), 0);
        for (int stage = 0; stage < 4; stage++) {
            uint32_t taken = 0;
            for (uint64_t n = random_skewed(&random) % 200; n > 0; n--) {
                uint32_t row = (uint32_t)random_below(&random, rows);
                batch_reject(batch, row, WEIR_REJECT_STAGE, "x");
                taken += !gone[row];
                gone[row] = true;
            }
            assert_int_equal(batch_narrow(batch), taken);
            left -= taken;
            assert_int_equal(batch->view.selected, left);
            for (uint32_t i = 0; i < left; i++) {
                assert_false(gone[batch->selection[i]]);
                assert_true(i == 0 || batch->selection[i - 1] < batch->selection[i]);
            }
        }
        assert_int_equal(batch->reject_count, rows - left);
    }
    batch_free(batch);
}

static void long_reasons_are_cut_between_characters(void **state)
{
    struct batch *batch = batch_new(0);
    batch_begin(batch, "t", 0, 0);
    struct weir_record record = record_of(0, "x");
    for (int i = 0; i < 4; i++)
        assert_int_equal(batch_add(batch, &record), 0);
    for (uint32_t i = 0; i < 4; i++) {
        struct text text = TEXT_INIT;
        text_addf(&text, "%.*s", (int)i, "abc");
        while (text.length < 300)
            text_add(&text, "\xe2\x82\xac");
        batch_reject(batch, i, WEIR_REJECT_STAGE, "%s", text.data);
        size_t length = strlen(batch->rejects[i].text);
        assert_in_range(length, BATCH_REJECT_TEXT_BYTES_MAX - 3, BATCH_REJECT_TEXT_BYTES_MAX);
        assert_true(utf8_valid(batch->rejects[i].text, length));
        text_done(&text);
    }
    batch_free(batch);
}

static void reasons_have_labels(void **state)
{
    assert_string_equal(reason_label(WEIR_REJECT_MALFORMED), "malformed");
    assert_string_equal(reason_label(WEIR_REJECT_STAGE), "stage");
    assert_string_equal(reason_label(WEIR_REASON_COUNT), "unknown");
    for (unsigned i = 0; i < WEIR_REASON_COUNT; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(reason_label(i), reason_label(k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_batch),
        cmocka_unit_test(empty_texts_are_not_null),
        cmocka_unit_test(payloads_have_readable_bytes_behind_them),
        cmocka_unit_test(full_by_bytes_and_one_large_record_fits),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(a_steady_state_takes_no_memory),
        cmocka_unit_test(borrowed_payloads_are_not_copied),
        cmocka_unit_test(columns_have_room_for_all_rows),
        cmocka_unit_test(the_first_reason_counts),
        cmocka_unit_test(all_rows_may_be_rejected),
        cmocka_unit_test(random_rejections_against_a_model),
        cmocka_unit_test(long_reasons_are_cut_between_characters),
        cmocka_unit_test(reasons_have_labels),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
