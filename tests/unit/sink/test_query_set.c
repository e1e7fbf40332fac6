/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of sets over real partitions: whole, in pages, in order, by key, while records change. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/memory.h"
#include "tests/unit/sink/shop.h"
#include "transforms/expr.h"

static const struct query_limits limits = {0, 1000000, (uint64_t)1 << 30, 1000000};

/* ---- the model: the sale that counts for a number
 * ------------------------------------------------------ */

/* In one partition the last one; of several partitions' the latest, then the higher partition. */
static bool replaces(const struct sale *a, const struct sale *b)
{
    if (a->partition == b->partition)
        return b->offset > a->offset;
    if (a->at_ns != b->at_ns)
        return b->at_ns > a->at_ns;
    return b->partition > a->partition;
}

static const struct sale *model_find(const struct shop *shop, int64_t number)
{
    const struct sale *last[SHOP_PARTITIONS_MAX] = {NULL};
    const struct sale *best = NULL;
    for (uint32_t i = 0; i < shop->count; i++)
        if (shop->sales[i].number == number)
            last[shop->sales[i].partition] = &shop->sales[i];
    for (uint32_t p = 0; p < shop->partition_count; p++)
        if (last[p] && (!best || replaces(best, last[p])))
            best = last[p];
    return best;
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------
 */

static void ask(const struct shop *shop, enum shop_set set, const struct set_query *query,
                struct query_result *result)
{
    struct query_error error = {0};
    if (query_set(&shop->plan.sets[set], &shop->plan, shop->views, shop->partition_count,
                  &expression_ops_sql, &limits, query, result, &error) < 0)
        fail_msg("%d %s: %s", error.http_status, error.kind, error.text);
}

static const struct weir_column *column_of(const struct query_result *result, uint32_t row,
                                           uint32_t field, uint32_t *ret_row)
{
    *ret_row = row % WEIR_BATCH_ROWS_MAX;
    return result->chunks[row / WEIR_BATCH_ROWS_MAX]->slots[field];
}

static int64_t number_at(const struct query_result *result, uint32_t row)
{
    uint32_t r;
    const struct weir_column *column = column_of(result, row, 0, &r);
    return column->ints[r];
}

/* A row of the set `numbers` is that of its sale. */
static void check_row(const struct shop *shop, const struct query_result *result, uint32_t row)
{
    uint32_t r;
    int64_t number = number_at(result, row);
    const struct sale *sale = model_find(shop, number);
    assert_non_null(sale);
    assert_string_equal(result->fields[1].name, "region");
    const struct weir_column *column = column_of(result, row, 1, &r);
    assert_int_equal(weir_valid(column, r), sale->region != NULL);
    if (sale->region)
        assert_true(str_is(column->strs[r], sale->region));
    column = column_of(result, row, 2, &r);
    assert_true(str_is(column->strs[r], sale->name));
    column = column_of(result, row, 3, &r);
    assert_int_equal(weir_valid(column, r), sale->has_price);
    if (sale->has_price)
        assert_int_equal(column->ints[r], sale->price);
    column = column_of(result, row, 4, &r);
    assert_int_equal(column->ints[r], sale->at_ns);
}

#define NUMBERS 3000

struct seen {
    uint32_t times[NUMBERS];
    uint32_t count;
};

static void see(struct seen *seen, int64_t number)
{
    assert_in_range(number + NUMBERS / 2, 0, NUMBERS - 1);
    seen->times[number + NUMBERS / 2]++;
    seen->count++;
}

/* Walks all pages; `between` is called after each. */
static uint32_t walk(struct shop *shop, struct set_query query, struct seen *seen, bool check,
                     void (*between)(struct shop *shop))
{
    char *cursor = NULL;
    uint32_t pages = 0;
    do {
        struct query_result result;
        query.cursor = cursor;
        ask(shop, SHOP_BY_NUMBER, &query, &result);
        assert_true(result.row_count <= query.limit);
        for (uint32_t row = 0; row < result.row_count; row++) {
            see(seen, number_at(&result, row));
            if (check)
                check_row(shop, &result, row);
        }
        free(cursor);
        cursor = result.next_cursor;
        result.next_cursor = NULL;
        query_result_done(&result);
        pages++;
        if (between)
            between(shop);
    } while (cursor);
    return pages;
}

static void check_seen_once(const struct shop *shop, const struct seen *seen,
                            bool (*fits)(const struct sale *sale))
{
    for (int64_t number = -NUMBERS / 2; number < NUMBERS / 2; number++) {
        const struct sale *sale = model_find(shop, number);
        uint32_t expected = sale && (!fits || fits(sale));
        if (seen->times[number + NUMBERS / 2] != expected)
            fail_msg("number %lld came %u times, not %u", (long long)number,
                     seen->times[number + NUMBERS / 2], expected);
    }
}

static void test_whole_and_in_pages(void **state)
{
    (void)state;
    static const uint64_t page_sizes[] = {1, 7, 100, 1023, 1024, 100000};
    struct shop shop;
    shop_init(&shop, 4, test_seed());
    shop_feed(&shop, 12, 200, SHOP_MINUTE_NS, NUMBERS);
    for (size_t i = 0; i < COUNT_OF(page_sizes); i++) {
        struct seen *seen = mem_alloc(sizeof(*seen));
        struct set_query query = {.limit = page_sizes[i]};
        uint32_t pages = walk(&shop, query, seen, page_sizes[i] > 1, NULL);
        check_seen_once(&shop, seen, NULL);
        uint64_t fewest = (seen->count + page_sizes[i] - 1) / page_sizes[i];
        assert_true(pages <= fewest + 1); /* full pages: none is cut short without need */
        free(seen);
    }
    shop_done(&shop);
}

static bool fits_eu(const struct sale *sale)
{
    return sale->region && strcmp(sale->region, "eu") == 0 && sale->has_price && sale->price > 500;
}

static void test_where(void **state)
{
    (void)state;
    struct shop shop;
    shop_init(&shop, 3, test_seed());
    shop_feed(&shop, 12, 200, SHOP_MINUTE_NS, NUMBERS);
    for (uint64_t limit = 3; limit < 3000; limit *= 10) {
        struct seen *seen = mem_alloc(sizeof(*seen));
        struct set_query query = {.where = "region = 'eu' and price > 5", .limit = limit};
        walk(&shop, query, seen, true, NULL);
        check_seen_once(&shop, seen, fits_eu);
        free(seen);
    }
    shop_done(&shop);
}

/* More records than one hold of a lock copies: several rounds make one page. */
static void test_where_over_several_chunks(void **state)
{
    (void)state;
    enum { RECORDS = 200000, BATCH = 1000, EVERY = 997 };
    struct shop shop;
    struct sale *sales = mem_array(BATCH, sizeof(*sales));
    shop_init(&shop, 2, 23);
    for (int64_t number = 0; number < RECORDS;) {
        for (uint32_t i = 0; i < BATCH; i++, number++)
            sales[i] = (struct sale){.region = "eu",
                                     .name = "a",
                                     .number = number,
                                     .has_price = true,
                                     .price = number,
                                     .at_ns = SHOP_BEGIN_NS};
        shop_apply(&shop, number / BATCH % 3 == 0, sales, BATCH);
    }
    for (uint64_t limit = 10; limit <= 1000; limit *= 100) {
        struct set_query query = {.where = "number % 997 = 5", .limit = limit};
        struct query_result result;
        int64_t sum = 0;
        uint32_t count = 0;
        char *cursor = NULL;
        do {
            query.cursor = cursor;
            ask(&shop, SHOP_BY_NUMBER, &query, &result);
            for (uint32_t row = 0; row < result.row_count; row++, count++)
                sum += number_at(&result, row);
            free(cursor);
            cursor = result.next_cursor;
            assert_true(!cursor || result.row_count == limit); /* nothing changed: full pages */
            result.next_cursor = NULL;
            query_result_done(&result);
        } while (cursor);
        int64_t expected = 0;
        uint32_t expected_count = 0;
        for (int64_t number = 5; number < RECORDS; number += EVERY, expected_count++)
            expected += number;
        assert_int_equal(count, expected_count);
        assert_int_equal(sum, expected);
    }
    free(sales);
    shop_done(&shop);
}

static void test_order(void **state)
{
    (void)state;
    struct shop shop;
    shop_init(&shop, 3, test_seed());
    shop_feed(&shop, 12, 200, SHOP_MINUTE_NS, NUMBERS);
    struct set_query query = {.order = "-price,shop", .limit = 100000};
    struct query_result whole;
    ask(&shop, SHOP_BY_NUMBER, &query, &whole);
    for (uint32_t i = 1; i < whole.row_count; i++) {
        uint32_t ra, rb;
        const struct weir_column *a = column_of(&whole, i - 1, 3, &ra);
        const struct weir_column *b = column_of(&whole, i, 3, &rb);
        assert_true(weir_valid(a, ra) >= weir_valid(b, rb)); /* descending: nulls last */
        if (weir_valid(b, rb))
            assert_true(a->ints[ra] >= b->ints[rb]);
    }
    /* Pages are pieces of it. */
    char *cursor = NULL;
    uint32_t at = 0;
    query.limit = 37;
    do {
        struct query_result page;
        query.cursor = cursor;
        ask(&shop, SHOP_BY_NUMBER, &query, &page);
        for (uint32_t i = 0; i < page.row_count; i++)
            assert_int_equal(number_at(&page, i), number_at(&whole, at++));
        free(cursor);
        cursor = page.next_cursor;
        page.next_cursor = NULL;
        query_result_done(&page);
    } while (cursor);
    assert_int_equal(at, whole.row_count);
    query_result_done(&whole);
    shop_done(&shop);
}

/* Only numbers that were not there, so that those that were stand still. */
static void add_new(struct shop *shop)
{
    struct sale sales[20];
    uint32_t count = 0;
    for (uint32_t i = 0; i < COUNT_OF(sales); i++) {
        int64_t number = (int64_t)shop_random(shop, NUMBERS) - NUMBERS / 2;
        if (!model_find(shop, number))
            sales[count++] = (struct sale){.region = "new",
                                           .name = "n",
                                           .number = number,
                                           .at_ns = SHOP_BEGIN_NS + (int64_t)shop->count};
    }
    if (count)
        shop_apply(shop, (int32_t)shop_random(shop, shop->partition_count), sales, count);
}

static void test_pages_while_records_come(void **state)
{
    (void)state;
    struct shop shop;
    shop_init(&shop, 3, test_seed());
    shop_feed(&shop, 5, 200, SHOP_MINUTE_NS, NUMBERS);
    bool *stood = mem_array(NUMBERS, sizeof(*stood));
    for (int64_t number = -NUMBERS / 2; number < NUMBERS / 2; number++)
        stood[number + NUMBERS / 2] = model_find(&shop, number) != NULL;
    struct seen *seen = mem_alloc(sizeof(*seen));
    struct set_query query = {.limit = 23};
    walk(&shop, query, seen, true, add_new);
    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (stood[i])
            assert_int_equal(seen->times[i], 1);
        else
            assert_true(seen->times[i] <= 1);
    }
    free(seen);
    free(stood);
    shop_done(&shop);
}

/* ---- by key
 * ----------------------------------------------------------------------------------------------------
 */

static int find(const struct shop *shop, enum shop_set set, const char *const *parts,
                uint32_t count, struct query_result *result, struct query_error *error)
{
    struct weir_str key[4];
    for (uint32_t i = 0; i < count; i++)
        key[i] = str_of(parts[i]);
    return query_set_key(&shop->plan.sets[set], &shop->plan, shop->views, shop->partition_count,
                         key, count, result, error);
}

static void test_by_key(void **state)
{
    (void)state;
    struct shop shop;
    struct query_error error;
    struct query_result result;
    shop_init(&shop, 4, test_seed());
    shop_feed(&shop, 12, 200, SHOP_MINUTE_NS, NUMBERS);
    for (int64_t number = -NUMBERS / 2 - 2; number < NUMBERS / 2 + 2; number += 3) {
        char text[32];
        snprintf(text, sizeof(text), "%lld", (long long)number);
        assert_int_equal(find(&shop, SHOP_BY_NUMBER, (const char *[]){text}, 1, &result, &error),
                         0);
        assert_int_equal(result.row_count, model_find(&shop, number) != NULL);
        assert_int_equal(result.cover_count, 4);
        if (result.row_count)
            check_row(&shop, &result, 0);
        query_result_done(&result);
    }
    const struct sale *sale = &shop.sales[0];
    char number[32];
    snprintf(number, sizeof(number), "%lld", (long long)sale->number);
    assert_int_equal(
        find(&shop, SHOP_BY_REGION, (const char *[]){sale->name, number}, 2, &result, &error), 0);
    assert_int_equal(result.row_count, 1);
    query_result_done(&result);
    shop_done(&shop);
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    struct shop shop;
    struct query_error error;
    struct query_result result;
    shop_init(&shop, 2, 3);
    assert_true(find(&shop, SHOP_BY_NUMBER, (const char *[]){"12x"}, 1, &result, &error) < 0);
    assert_int_equal(error.http_status, 400);
    assert_non_null(strstr(error.text, "`number`"));
    assert_true(find(&shop, SHOP_BY_NUMBER, (const char *[]){"99999999999999999999"}, 1, &result,
                     &error) < 0);
    assert_int_equal(error.http_status, 400);
    assert_true(find(&shop, SHOP_BY_REGION, (const char *[]){"a"}, 1, &result, &error) < 0);
    assert_int_equal(error.http_status, 400);
    assert_non_null(strstr(error.text, "/{shop}/{number}"));
    shop_done(&shop);
}

static void test_cursors_of_other_kinds(void **state)
{
    (void)state;
    struct shop shop;
    struct query_result result;
    struct query_error error = {0};
    struct set_query query = {.limit = 3};
    shop_init(&shop, 2, 5);
    shop_feed(&shop, 4, 100, SHOP_MINUTE_NS, NUMBERS);
    ask(&shop, SHOP_BY_NUMBER, &query, &result);
    char *cursor = result.next_cursor;
    assert_non_null(cursor);
    result.next_cursor = NULL;
    query_result_done(&result);
    const struct set_query others[] = {{.limit = 3, .cursor = cursor, .order = "price"},
                                       {.limit = 3, .cursor = cursor, .where = "price > 1"},
                                       {.limit = 3, .cursor = "AAAA"},
                                       {.limit = 3, .cursor = "*"}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_true(query_set(&shop.plan.sets[SHOP_BY_NUMBER], &shop.plan, shop.views, 2,
                              &expression_ops_sql, &limits, &others[i], &result, &error) < 0);
        assert_int_equal(error.http_status, 400);
        assert_string_equal(error.kind, "bad-cursor");
    }
    free(cursor);
    shop_done(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_and_in_pages),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_where_over_several_chunks),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_pages_while_records_come),
        cmocka_unit_test(test_by_key),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_cursors_of_other_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
