/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of aggregates: order, pages, what is refused and why, what is missing. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/memory.h"
#include "tests/unit/sink/lines.h"
#include "transforms/expr.h"

#define ROUNDS 100

/* ---- order and pages
 * -------------------------------------------------------------------------------------- */

struct sort_column {
    uint32_t field;
    bool descending;
};

static uint32_t order_fields(const struct query_result *result, const char *order,
                             struct sort_column columns[8])
{
    uint32_t count = 0;
    for (const char *at = order; *at;) {
        size_t length = strcspn(at, ",");
        bool descending = *at == '-';
        const char *name = at + descending;
        size_t name_length = length - descending;
        for (uint32_t f = 0; f < result->field_count; f++)
            if (strlen(result->fields[f].name) == name_length &&
                memcmp(result->fields[f].name, name, name_length) == 0)
                columns[count++] = (struct sort_column){f, descending};
        at += length;
        at += *at == ',';
    }
    return count;
}

static int128 big_at(const struct query_result *result, uint32_t c, uint32_t f, uint32_t r)
{
    const __int128 *wide = result->wide ? result->wide[(size_t)c * result->field_count + f] : NULL;
    return wide ? wide[r] : result->chunks[c]->slots[f]->ints[r];
}

static int value_order(const struct query_result *result, uint32_t f, uint32_t a, uint32_t b)
{
    uint32_t ca = a / WEIR_BATCH_ROWS_MAX, ra = a % WEIR_BATCH_ROWS_MAX;
    uint32_t cb = b / WEIR_BATCH_ROWS_MAX, rb = b % WEIR_BATCH_ROWS_MAX;
    const struct weir_column *x = result->chunks[ca]->slots[f];
    const struct weir_column *y = result->chunks[cb]->slots[f];
    bool vx = weir_valid(x, ra), vy = weir_valid(y, rb);
    if (!vx || !vy)
        return (int)vx - (int)vy;
    if (x->type.kind == WEIR_FLOAT)
        return (x->floats[ra] > y->floats[rb]) - (x->floats[ra] < y->floats[rb]);
    if (x->type.kind == WEIR_BOOL)
        return (int)x->bools[ra] - (int)y->bools[rb];
    if (type_is_str(x->type)) {
        struct weir_str s = x->strs[ra], t = y->strs[rb];
        int order = memcmp(s.data, t.data, s.length < t.length ? s.length : t.length);
        return order ? order : (s.length > t.length) - (s.length < t.length);
    }
    int128 p = big_at(result, ca, f, ra), q = big_at(result, cb, f, rb);
    return (p > q) - (p < q);
}

static void check_sorted(const struct query_result *result, const char *order)
{
    struct sort_column columns[8];
    uint32_t count = order_fields(result, order, columns);
    for (uint32_t i = 1; i < result->row_count; i++) {
        int sign = 0;
        for (uint32_t k = 0; k < count && sign == 0; k++) {
            sign = value_order(result, columns[k].field, i - 1, i);
            sign = columns[k].descending ? -sign : sign;
        }
        if (sign > 0)
            fail_msg("order=%s: row %u is before row %u", order, i - 1, i);
    }
}

/* All pages of a query, one behind the other. */
static void walk(const struct shop *shop, enum shop_aggregate aggregate,
                 struct aggregate_query query, uint64_t limit, struct lines *lines)
{
    char *cursor = NULL;
    query.limit = limit;
    do {
        struct query_result result;
        query.cursor = cursor;
        ask(shop, aggregate, &query, &result);
        assert_true(result.row_count <= limit);
        if (result.next_cursor)
            assert_int_equal(result.row_count, limit);
        result_lines(&result, lines);
        free(cursor);
        cursor = result.next_cursor;
        result.next_cursor = NULL;
        query_result_done(&result);
    } while (cursor);
}

/* One of the subsets of the group columns. */
static uint32_t by_choose(struct shop *shop, const char *by[3])
{
    static const char *const names[] = {"shop", "region", "number"};
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (shop_random(shop, 3))
            by[count++] = names[i];
    return count;
}

static void test_pages_are_the_whole(void **state)
{
    (void)state;
    static const char *const orders[] = {NULL,       "-revenue",        "orders,-mean",
                                         "-pieces",  "pieces,-revenue", "mean,-orders",
                                         "heaviest", "-newest",         "-shop,revenue"};
    static const char *const conditions[] = {NULL, "region = 'eu'", "region is null", "orders >= 2",
                                             "shop in ('a', 'b') and orders >= 2"};
    struct shop shop;
    shop_init(&shop, 3, test_seed());
    shop_feed(&shop, 40, 64, SHOP_MINUTE_NS, 40);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const char *by[3];
        struct aggregate_query query = {.by = by,
                                        .by_given = true,
                                        .where =
                                            conditions[shop_random(&shop, COUNT_OF(conditions))],
                                        .order = orders[shop_random(&shop, COUNT_OF(orders))],
                                        .limit = 100000,
                                        .window = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}};
        query.by_count = by_choose(&shop, by);
        bool has_shop = query.by_count > 0 && strcmp(by[0], "shop") == 0;
        if (query.order && strstr(query.order, "shop") && !has_shop)
            query.order = "-revenue";
        struct query_result result;
        struct lines whole = {0};
        struct lines pages = {0};
        ask(&shop, SHOP_TOTALS, &query, &result);
        if (query.order)
            check_sorted(&result, query.order);
        result_lines(&result, &whole);
        query_result_done(&result);
        walk(&shop, SHOP_TOTALS, query, 1 + shop_random(&shop, 50), &pages);
        lines_equal(&pages, &whole, query.order ? query.order : "engine's order");
        lines_done(&whole);
        lines_done(&pages);
    }
    shop_done(&shop);
}

/* ---- what is refused
 * ------------------------------------------------------------------------------------------ */

struct refusal {
    enum shop_aggregate aggregate;
    struct aggregate_query query;
    int http_status;
    const char *kind;
    const char *says;
};

#define WHOLE .limit = 10, .window = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}

static void test_refusals_say_why(void **state)
{
    (void)state;
    static const char *const by_wrong[] = {"regoin"};
    static const char *const by_twice[] = {"shop", "shop"};
    static const char *const by_shop[] = {"shop"};
    const struct refusal refusals[] = {
        {SHOP_TOTALS,
         {WHOLE, .by = by_wrong, .by_count = 1, .by_given = true},
         400,
         "unknown-column",
         "did you mean `region`"},
        {SHOP_TOTALS,
         {WHOLE, .by = by_twice, .by_count = 2, .by_given = true},
         400,
         "bad-parameter",
         "twice"},
        {SHOP_TOTALS, {WHOLE, .order = "-revenu"}, 400, "unknown-column", "did you mean `revenue`"},
        {SHOP_TOTALS,
         {WHOLE, .order = "region", .by = by_shop, .by_count = 1, .by_given = true},
         400,
         "unknown-column",
         "region"},
        {SHOP_TOTALS, {WHOLE, .where = "orders > "}, 400, "expression", ""},
        {SHOP_TOTALS, {WHOLE, .where = "orders"}, 400, "expression", "condition"},
        {SHOP_TOTALS, {WHOLE, .where = "orders = 1 and"}, 400, "expression", ""},
        {SHOP_TOTALS,
         {WHOLE, .where = "orders > 1 or region = 'eu'", .by = by_shop, .by_count = 1,
          .by_given = true},
         400,
         "expression",
         "`region`"},
        {SHOP_TOTALS, {WHOLE, .where = "pieces > 1"}, 422, "limit", "beyond 64 bits"},
        {SHOP_TOTALS, {WHOLE, .cursor = "hello"}, 400, "bad-cursor", ""},
        {SHOP_TOTALS, {WHOLE, .window_given = true}, 400, "bad-parameter", "windows"},
        {SHOP_MINUTES,
         {.limit = 1,
          .window_given = true,
          .window = {.size_ns = 90 * NS_PER_SECOND, .from_ns = INT64_MIN, .to_ns = INT64_MAX}},
         400,
         "bad-parameter",
         "multiple of 1m"},
        {SHOP_MINUTES,
         {.limit = 1,
          .window_given = true,
          .window = {.last_ns = 1, .from_ns = 0, .to_ns = INT64_MAX}},
         400,
         "bad-parameter",
         "last="},
    };
    struct shop shop;
    shop_init(&shop, 2, 7);
    shop_feed(&shop, 40, 64, SHOP_MINUTE_NS, 4);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        const struct refusal *r = &refusals[i];
        struct query_result result;
        struct query_error error = {0};
        int status = query_aggregate(&shop.plan.aggregates[r->aggregate], &shop.plan, shop.views,
                                     shop.partition_count, &expression_ops_sql, &wide_limits,
                                     &r->query, &result, &error);
        if (status >= 0 || error.http_status != r->http_status ||
            strcmp(error.kind, r->kind) != 0 || !strstr(error.text, r->says))
            fail_msg("refusal %zu: %d %d %s: %s", i, status, error.http_status,
                     status < 0 ? error.kind : "-", error.text);
    }
    shop_done(&shop);
}

static void test_limits_are_named(void **state)
{
    (void)state;
    struct shop shop;
    struct query_result result;
    struct query_error error = {0};
    struct aggregate_query query = {WHOLE};
    shop_init(&shop, 2, 11);
    shop_feed(&shop, 20, 64, SHOP_MINUTE_NS, 1000);
    const struct query_limits few_groups = {0, 1000, (uint64_t)1 << 30, 5};
    const struct query_limits no_time = {1, 1000, (uint64_t)1 << 30, 100000};
    const struct query_limits few_bytes = {0, 1000, 1000, 100000};
    const struct query_limits few_rows = {0, 3, (uint64_t)1 << 30, 100000};
    assert_true(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                &expression_ops_sql, &few_groups, &query, &result, &error) < 0);
    assert_int_equal(error.http_status, 422);
    assert_non_null(strstr(error.text, "groups"));
    assert_true(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                &expression_ops_sql, &no_time, &query, &result, &error) < 0);
    assert_int_equal(error.http_status, 504);
    assert_string_equal(error.kind, "out-of-time");
    assert_true(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                &expression_ops_sql, &few_bytes, &query, &result, &error) < 0);
    assert_int_equal(error.http_status, 422);
    assert_string_equal(error.kind, "limit");
    struct set_query records = {.limit = 10, .order = "number"};
    assert_true(query_set(&shop.plan.sets[SHOP_BY_NUMBER], &shop.plan, shop.views, 2,
                          &expression_ops_sql, &few_bytes, &records, &result, &error) < 0);
    assert_int_equal(error.http_status, 422);
    assert_int_equal(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                     &expression_ops_sql, &few_rows, &query, &result, &error),
                     0);
    assert_int_equal(result.row_count, 3);
    assert_non_null(result.next_cursor);
    query_result_done(&result);
    shop_done(&shop);
}

static void test_cursors_belong_to_their_query(void **state)
{
    (void)state;
    struct shop shop;
    struct query_result result;
    struct query_error error = {0};
    struct aggregate_query query = {WHOLE, .order = "-revenue"};
    shop_init(&shop, 2, 13);
    shop_feed(&shop, 20, 64, SHOP_MINUTE_NS, 1000);
    ask(&shop, SHOP_TOTALS, &query, &result);
    char *cursor = result.next_cursor;
    assert_non_null(cursor);
    result.next_cursor = NULL;
    query_result_done(&result);
    query.cursor = cursor;
    query.limit = 3; /* another limit is the same query */
    ask(&shop, SHOP_TOTALS, &query, &result);
    assert_int_equal(result.row_count, 3);
    query_result_done(&result);
    query.order = "revenue";
    assert_true(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                &expression_ops_sql, &wide_limits, &query, &result, &error) < 0);
    assert_string_equal(error.kind, "bad-cursor");
    /* Every cut and every changed letter is refused or answered, never worse. */
    query.order = "-revenue";
    for (size_t i = 0; i < strlen(cursor); i++) {
        char *other = mem_strdup(cursor);
        other[i] = (char)(other[i] == 'A' ? 'B' : 'A');
        query.cursor = other;
        if (query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                            &expression_ops_sql, &wide_limits, &query, &result, &error) == 0)
            query_result_done(&result);
        other[i] = '\0';
        if (query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                            &expression_ops_sql, &wide_limits, &query, &result, &error) == 0)
            query_result_done(&result);
        free(other);
    }
    free(cursor);
    shop_done(&shop);
}

/* A key longer than a cursor may be. */
static void test_cursors_of_long_keys(void **state)
{
    (void)state;
    enum { KEYS = 40, BYTES = 3000 };
    struct shop shop;
    struct sale sales[KEYS];
    char *names[KEYS];
    shop_init(&shop, 2, 17);
    for (int i = 0; i < KEYS; i++) {
        names[i] = mem_alloc(BYTES + 1);
        memset(names[i], 'x', BYTES);
        names[i][BYTES - 1] = (char)('0' + i);
        sales[i] = (struct sale){.region = "eu", .name = names[i], .at_ns = SHOP_BEGIN_NS + i};
    }
    shop_apply(&shop, 0, sales, KEYS / 2);
    shop_apply(&shop, 1, sales + KEYS / 2, KEYS / 2);
    struct aggregate_query query = {WHOLE, .order = "shop"};
    struct lines pages = {0};
    walk(&shop, SHOP_TOTALS, query, 3, &pages);
    assert_int_equal(pages.count, KEYS);
    for (uint32_t i = 1; i < pages.count; i++)
        assert_true(strcmp(pages.items[i - 1], pages.items[i]) < 0);
    lines_done(&pages);
    shop_done(&shop);
    for (int i = 0; i < KEYS; i++)
        free(names[i]);
}

/* ---- partitions that are not there
 * ------------------------------------------------------------------------------ */

static void test_missing_and_incomplete(void **state)
{
    (void)state;
    struct shop shop;
    struct query_result result;
    struct aggregate_query query = {WHOLE};
    shop_init(&shop, 3, 19);
    shop_feed(&shop, 20, 64, SHOP_MINUTE_NS, 10);
    shop.views[1].partition = NULL;
    ask(&shop, SHOP_MINUTES, &query, &result);
    assert_false(result.complete);
    assert_int_equal(result.missing_count, 1);
    assert_int_equal(result.missing[0].partition, 1);
    assert_int_equal(result.cover_count, 2);
    for (uint32_t r = 0; r < result.row_count; r++)
        assert_false(result.chunks[0]->slots[result.field_count - 1]->bools[r]);
    query_result_done(&result);
    shop.views[1].partition = shop.partitions[1];
    shop.views[1].complete = false;
    ask(&shop, SHOP_MINUTES, &query, &result);
    assert_false(result.complete);
    assert_int_equal(result.missing_count, 0);
    assert_int_equal(result.cover_count, 3);
    query_result_done(&result);
    /* Without any partition a total is still one row. */
    struct query_error error;
    for (int given = 0; given < 2; given++) {
        query = (struct aggregate_query){WHOLE, .by_given = given};
        assert_int_equal(query_aggregate(&shop.plan.aggregates[given ? SHOP_TOTALS : SHOP_GRAND],
                                         &shop.plan, NULL, 0, &expression_ops_sql, &wide_limits,
                                         &query, &result, &error),
                         0);
        struct lines lines = {0};
        result_lines(&result, &lines);
        CHECK(lines.count == 1 && lines.items);
        assert_non_null(strstr(lines.items[0], "orders=0 pieces=null revenue=null"));
        lines_done(&lines);
        query_result_done(&result);
    }
    shop_done(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_the_whole),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_limits_are_named),
        cmocka_unit_test(test_cursors_belong_to_their_query),
        cmocka_unit_test(test_cursors_of_long_keys),
        cmocka_unit_test(test_missing_and_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
