/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of aggregates over real partitions against a naive recount of every sale. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/unit/sink/lines.h"

#define ROUNDS 300

/* ---- the model of aggregates
 * ------------------------------------------------------------------------ */

/* A condition, as text and as what it means before and after merging. */
struct model_row;
struct condition {
    const char *text;
    bool (*early)(const struct sale *sale);
    bool (*late)(const struct model_row *row);
    const char *needs; /* letters of columns that `by` must have: r, s, n */
    bool only_totals;
};

struct model_row {
    const char *region;
    const char *name;
    int64_t number;
    int64_t start_ns, end_ns;
    int64_t orders;
    bool has_pieces, has_price, has_weight;
    int64_t with_pieces;
    int128 pieces, revenue;
    int64_t cheapest;
    double heaviest;
    const struct sale *newest;
};

static bool early_eu(const struct sale *s)
{
    return s->region && strcmp(s->region, "eu") == 0;
}
static bool early_no_region(const struct sale *s)
{
    return !s->region;
}
static bool early_a_or_b(const struct sale *s)
{
    return strlen(s->name) == 1 && s->name[0] <= 'b';
}
static bool early_even(const struct sale *s)
{
    return s->number % 2 == 0;
}
static bool late_many(const struct model_row *row)
{
    return row->orders >= 2;
}
static bool late_rich(const struct model_row *row)
{
    return row->has_price && row->revenue > 50000;
}
static bool late_rich_or_c(const struct model_row *row)
{
    return late_rich(row) || strcmp(row->name, "c") == 0;
}

static const struct condition conditions[] = {
    {NULL, NULL, NULL, "", false},
    {"region = 'eu'", early_eu, NULL, "", false},
    {"region is null", early_no_region, NULL, "", false},
    {"orders >= 2", NULL, late_many, "", false},
    {"shop in ('a', 'b') and orders >= 2", early_a_or_b, late_many, "", false},
    {"(revenue > 500) AND region = 'eu' and orders between 2 and 1000000000", early_eu, NULL, "",
     false},
    {"revenue > 500 or shop = 'c'", NULL, late_rich_or_c, "s", false},
    {"number % 2 = 0", early_even, NULL, "", true},
    {"number % 2 = 0 and revenue > 500", early_even, late_rich, "", true},
};

static bool late_rich_and_many(const struct model_row *row)
{
    return late_rich(row) && late_many(row);
}

struct asked {
    enum shop_aggregate aggregate;
    const char *by[3];
    uint32_t by_count;
    bool by_given;
    bool has_region, has_name, has_number;
    const struct condition *condition;
    struct query_window window;
    bool window_given;
};

struct model {
    const struct shop *shop;
    const struct asked *asked;
    const struct aggregate_plan *plan;
    struct model_row *rows;
    uint32_t count, capacity;
    int64_t newest_ns;
    int64_t size_ns, slide_ns;
    int64_t from_ns, to_ns;
    int64_t all_start_ns, all_end_ns;
};

static bool text_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct model_row *model_row(struct model *m, const struct sale *s, int64_t start,
                                   int64_t end)
{
    const struct asked *asked = m->asked;
    struct model_row key = {.region = asked->has_region ? s->region : NULL,
                            .name = asked->has_name ? s->name : NULL,
                            .number = asked->has_number ? s->number : 0,
                            .start_ns = start,
                            .end_ns = end};
    for (uint32_t i = 0; i < m->count; i++) {
        struct model_row *row = &m->rows[i];
        if (row->number == key.number && row->start_ns == start &&
            text_same(row->region, key.region) && text_same(row->name, key.name))
            return row;
    }
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 64;
        m->rows = mem_grow(m->rows, m->capacity, sizeof(*m->rows));
    }
    m->rows[m->count] = key;
    return &m->rows[m->count++];
}

static void model_fold(struct model_row *row, const struct sale *s)
{
    row->orders++;
    if (s->has_pieces) {
        row->has_pieces = true;
        row->with_pieces++;
        row->pieces += s->pieces;
    }
    if (s->has_price) {
        row->cheapest = !row->has_price || s->price < row->cheapest ? s->price : row->cheapest;
        row->has_price = true;
        row->revenue += s->price;
    }
    if (s->has_weight) {
        row->heaviest = !row->has_weight || s->weight > row->heaviest ? s->weight : row->heaviest;
        row->has_weight = true;
    }
    if (!row->newest || s->at_ns > row->newest->at_ns ||
        (s->at_ns == row->newest->at_ns && s->offset > row->newest->offset))
        row->newest = s;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static bool model_shown(const struct model *m, int64_t start, int64_t end)
{
    return start > m->newest_ns - m->plan->keep_ns - m->plan->size_ns && start < m->to_ns &&
           end > m->from_ns;
}

static bool model_is_late(const struct model *m, const struct sale *s)
{
    return m->plan->windowed && s->at_ns < s->watermark_ns - m->plan->lateness_ns;
}

static void model_windows(struct model *m)
{
    const struct query_window *w = &m->asked->window;
    m->newest_ns = INT64_MIN;
    for (uint32_t p = 0; p < m->shop->partition_count; p++)
        if (m->shop->watermark_ns[p] > m->newest_ns)
            m->newest_ns = m->shop->watermark_ns[p];
    m->size_ns = m->asked->window_given && w->size_ns ? w->size_ns : m->plan->size_ns;
    m->slide_ns = m->asked->window_given && w->size_ns ? w->size_ns : m->plan->slide_ns;
    m->from_ns = m->asked->window_given ? w->from_ns : INT64_MIN;
    m->to_ns = m->asked->window_given ? w->to_ns : INT64_MAX;
    if (m->asked->window_given && w->last_ns)
        m->from_ns = m->newest_ns - w->last_ns;
    m->all_start_ns = INT64_MAX;
    m->all_end_ns = INT64_MIN;
    for (uint32_t i = 0; i < m->shop->count; i++) {
        const struct sale *s = &m->shop->sales[i];
        int64_t pane_ns = m->plan->pane_ns ? m->plan->pane_ns : 1;
        int64_t pane = floor_div(s->at_ns, pane_ns) * pane_ns;
        if (model_is_late(m, s) || !model_shown(m, pane, pane + pane_ns))
            continue;
        m->all_start_ns = pane < m->all_start_ns ? pane : m->all_start_ns;
        m->all_end_ns = pane + pane_ns > m->all_end_ns ? pane + pane_ns : m->all_end_ns;
    }
}

static void model_sale(struct model *m, const struct sale *s)
{
    if (!m->plan->windowed) {
        model_fold(model_row(m, s, 0, 0), s);
        return;
    }
    if (model_is_late(m, s))
        return;
    int64_t pane = floor_div(s->at_ns, m->plan->pane_ns) * m->plan->pane_ns;
    if (m->asked->window.all) {
        if (model_shown(m, pane, pane + m->plan->pane_ns))
            model_fold(model_row(m, s, m->all_start_ns, m->all_end_ns), s);
        return;
    }
    for (int64_t start = floor_div(s->at_ns, m->slide_ns) * m->slide_ns;
         start + m->size_ns > s->at_ns; start -= m->slide_ns)
        if (model_shown(m, start, start + m->size_ns))
            model_fold(model_row(m, s, start, start + m->size_ns), s);
}

static void add_string(struct text *out, const char *name, const char *value)
{
    text_addf(out, "%s=", name);
    if (value)
        json_write_string(out, value, strlen(value));
    else
        text_add(out, "null");
    text_add_char(out, ' ');
}

static void add_time(struct text *out, const char *name, int64_t ns)
{
    text_addf(out, "%s=\"", name);
    time_write_rfc3339(out, ns);
    text_add(out, "\" ");
}

static void add_measure(struct text *out, const struct measure_plan *measure,
                        const struct model_row *row)
{
    const char *newest = row->newest ? row->newest->name : "";
    text_addf(out, "%s=", measure->name);
    const char *name = measure->name;
    bool is_price = strcmp(name, "revenue") == 0 || strcmp(name, "cheapest") == 0;
    bool is_pieces = strcmp(name, "pieces") == 0 || strcmp(name, "mean") == 0;
    if ((is_price && !row->has_price) || (is_pieces && !row->has_pieces) ||
        (strcmp(name, "heaviest") == 0 && !row->has_weight) ||
        (strcmp(name, "newest") == 0 && !row->newest))
        text_add(out, "null");
    else if (strcmp(name, "orders") == 0)
        int_write(out, row->orders);
    else if (strcmp(name, "pieces") == 0)
        int128_write(out, row->pieces);
    else if (strcmp(name, "mean") == 0)
        float_add(out, (double)((long double)row->pieces / (long double)row->with_pieces));
    else if (strcmp(name, "revenue") == 0)
        decimal_write(out, row->revenue, 2);
    else if (strcmp(name, "cheapest") == 0)
        decimal_write(out, row->cheapest, 2);
    else if (strcmp(name, "heaviest") == 0)
        float_add(out, row->heaviest);
    else
        json_write_string(out, newest, strlen(newest));
    text_add_char(out, ' ');
}

static bool model_final(const struct model *m, int64_t end_ns)
{
    int64_t passed = end_ns + m->plan->lateness_ns;
    if (passed > m->newest_ns)
        return false;
    for (uint32_t p = 0; p < m->shop->partition_count; p++)
        if (m->shop->views[p].holds_back && m->shop->watermark_ns[p] < passed)
            return false;
    return true;
}

static char *model_line(const struct model *m, const struct model_row *row)
{
    struct text line = TEXT_INIT;
    for (uint32_t i = 0; i < m->asked->by_count; i++) {
        const char *name = m->asked->by[i];
        if (strcmp(name, "number") == 0)
            text_addf(&line, "number=%lld ", (long long)row->number);
        else
            add_string(&line, name, strcmp(name, "region") == 0 ? row->region : row->name);
    }
    if (m->plan->windowed) {
        add_time(&line, "window_start", row->start_ns);
        add_time(&line, "window_end", row->end_ns);
    }
    for (uint32_t i = 0; i < m->plan->measure_count; i++)
        add_measure(&line, &m->plan->measures[i], row);
    if (m->plan->windowed)
        text_addf(&line, "final=%s ", model_final(m, row->end_ns) ? "true" : "false");
    return text_take(&line);
}

static void model_lines(const struct shop *shop, const struct asked *asked, struct lines *lines)
{
    struct model m = {
        .shop = shop, .asked = asked, .plan = &shop->plan.aggregates[asked->aggregate]};
    const struct condition *condition = asked->condition;
    model_windows(&m);
    if (asked->by_count == 0 && !m.plan->windowed) {
        static const struct sale none;
        model_row(&m, &none, 0, 0);
    }
    for (uint32_t i = 0; i < shop->count; i++)
        if (!condition->early || condition->early(&shop->sales[i]))
            model_sale(&m, &shop->sales[i]);
    bool rich_and_many = condition->text && strstr(condition->text, "between");
    for (uint32_t i = 0; i < m.count; i++)
        if (rich_and_many ? late_rich_and_many(&m.rows[i])
                          : !condition->late || condition->late(&m.rows[i]))
            lines_add(lines, model_line(&m, &m.rows[i]));
    free(m.rows);
    lines_sort(lines);
}

/* ---- asking
 * -------------------------------------------------------------------------------------------- */

static struct aggregate_query query_of(const struct asked *asked)
{
    return (struct aggregate_query){.by = asked->by,
                                    .by_count = asked->by_count,
                                    .by_given = asked->by_given,
                                    .where = asked->condition->text,
                                    .limit = 100000,
                                    .window = asked->window,
                                    .window_given = asked->window_given};
}

static void by_choose(struct shop *shop, struct asked *asked)
{
    const struct aggregate_plan *plan = &shop->plan.aggregates[asked->aggregate];
    asked->by_given = shop_random(shop, 3) > 0;
    for (uint32_t i = 0; i < plan->by_count; i++)
        if (!asked->by_given || shop_random(shop, 2))
            asked->by[asked->by_count++] = plan->by[i].name;
    if (asked->by_given && asked->by_count > 1 && shop_random(shop, 2)) {
        const char *first = asked->by[0];
        asked->by[0] = asked->by[1];
        asked->by[1] = first;
    }
    for (uint32_t i = 0; i < asked->by_count; i++) {
        asked->has_region |= strcmp(asked->by[i], "region") == 0;
        asked->has_name |= strcmp(asked->by[i], "shop") == 0;
        asked->has_number |= strcmp(asked->by[i], "number") == 0;
    }
}

static void window_choose(struct shop *shop, struct asked *asked)
{
    const struct aggregate_plan *plan = &shop->plan.aggregates[asked->aggregate];
    struct query_window *w = &asked->window;
    *w = (struct query_window){.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    if (!plan->windowed || shop_random(shop, 3) == 0)
        return;
    asked->window_given = true;
    uint64_t kind = shop_random(shop, 4);
    if (kind == 0)
        w->all = true;
    else if (kind < 3)
        w->size_ns = plan->pane_ns * (int64_t)(1 + shop_random(shop, 7));
    if (shop_random(shop, 3) == 0)
        w->to_ns = SHOP_BEGIN_NS + (int64_t)shop_random(shop, 100) * SHOP_MINUTE_NS / 2;
    uint64_t begin = shop_random(shop, 3);
    if (begin == 0)
        w->from_ns = SHOP_BEGIN_NS + (int64_t)shop_random(shop, 100) * SHOP_MINUTE_NS / 2;
    else if (begin == 1)
        w->last_ns = (int64_t)(1 + shop_random(shop, 100)) * SHOP_MINUTE_NS / 3;
}

static bool condition_fits(const struct asked *asked, const struct condition *condition)
{
    if (condition->only_totals && asked->aggregate != SHOP_TOTALS)
        return false;
    if (condition->text && strstr(condition->text, "region") && asked->aggregate != SHOP_TOTALS &&
        asked->aggregate != SHOP_MINUTES)
        return false;
    if (condition->text && strstr(condition->text, "shop") && asked->aggregate == SHOP_GRAND)
        return false;
    if (condition->text && strstr(condition->text, "revenue") && asked->aggregate == SHOP_SLIDING)
        return false;
    return condition->needs[0] == '\0' || asked->has_name;
}

static struct asked choose(struct shop *shop)
{
    struct asked asked = {.aggregate = (enum shop_aggregate)shop_random(shop, SHOP_AGGREGATES)};
    by_choose(shop, &asked);
    window_choose(shop, &asked);
    do {
        asked.condition = &conditions[shop_random(shop, COUNT_OF(conditions))];
    } while (!condition_fits(&asked, asked.condition));
    return asked;
}

static int64_t newest_of(const struct shop *shop)
{
    int64_t newest = INT64_MIN;
    for (uint32_t i = 0; i < shop->count; i++)
        newest = shop->sales[i].at_ns > newest ? shop->sales[i].at_ns : newest;
    return newest;
}

static void check_covers(const struct shop *shop, const struct query_result *result)
{
    assert_int_equal(result->cover_count, shop->partition_count);
    for (uint32_t p = 0; p < shop->partition_count; p++) {
        assert_string_equal(result->covers[p].topic, SHOP_TOPIC);
        assert_int_equal(result->covers[p].partition, p);
        assert_int_equal(result->covers[p].next_offset, shop->next_offset[p]);
    }
    assert_true(result->complete);
    assert_int_equal(result->missing_count, 0);
    assert_int_equal(result->newest_event_time_ns, newest_of(shop));
}

static void test_aggregates_are_recounted(void **state)
{
    (void)state;
    struct shop shop;
    shop_init(&shop, 4, test_seed());
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round % 30 == 0)
            shop_feed(&shop, 8, 1 + (uint32_t)shop_random(&shop, 100), 2 * SHOP_MINUTE_NS, 12);
        for (uint32_t p = 0; p < shop.partition_count; p++)
            shop.views[p].holds_back = shop_random(&shop, 2);
        struct asked asked = choose(&shop);
        struct aggregate_query query = query_of(&asked);
        struct query_result result;
        struct lines expected = {0};
        struct lines found = {0};
        ask(&shop, asked.aggregate, &query, &result);
        result_lines(&result, &found);
        lines_sort(&found);
        model_lines(&shop, &asked, &expected);
        lines_equal(&found, &expected, asked.condition->text ? asked.condition->text : "all");
        check_covers(&shop, &result);
        assert_null(result.next_cursor);
        query_result_done(&result);
        lines_done(&expected);
        lines_done(&found);
    }
    shop_done(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aggregates_are_recounted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
