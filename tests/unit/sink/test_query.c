/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over real partitions against a naive recount of every sale. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/memory.h"
#include "sink/read.h"
#include "tests/unit/sink/shop.h"
#include "transforms/expr.h"

#define ROUNDS 300

static const struct query_limits limits = {0, 1000000, (uint64_t)1 << 30, 1000000};

/* ---- a result as lines of text
 * ------------------------------------------------------------------- */

struct lines {
    char **items;
    uint32_t count, capacity;
};

static void lines_add(struct lines *lines, char *line)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
        lines->items = mem_grow(lines->items, lines->capacity, sizeof(char *));
    }
    lines->items[lines->count++] = line;
}

static void lines_done(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(struct lines *lines)
{
    if (lines->count)
        qsort(lines->items, lines->count, sizeof(char *), line_compare);
}

static void lines_equal(const struct lines *a, const struct lines *b, const char *what)
{
    for (uint32_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            fail_msg("%s: line %u\n  is  %s\n  not %s", what, i, a->items[i], b->items[i]);
    if (a->count != b->count)
        fail_msg("%s: %u lines, not %u", what, a->count, b->count);
}

static void float_add(struct text *out, double value)
{
    text_addf(out, "%.10g", value);
}

static void result_lines(const struct query_result *result, struct lines *lines)
{
    for (uint32_t c = 0; c < result->chunk_count; c++) {
        for (uint32_t r = 0; r < result->chunks[c]->view.rows; r++) {
            struct text line = TEXT_INIT;
            for (uint32_t f = 0; f < result->field_count; f++) {
                const struct weir_column *column = result->chunks[c]->slots[f];
                text_addf(&line, "%s=", result->fields[f].name);
                if (column->type.kind == WEIR_FLOAT && weir_valid(column, r))
                    float_add(&line, column->floats[r]);
                else
                    query_value_write(result, c, f, r, &line);
                text_add_char(&line, ' ');
            }
            lines_add(lines, text_take(&line));
        }
    }
}

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

static void ask(const struct shop *shop, enum shop_aggregate aggregate,
                const struct aggregate_query *query, struct query_result *result)
{
    struct query_error error = {0};
    if (query_aggregate(&shop->plan.aggregates[aggregate], &shop->plan, shop->views,
                        shop->partition_count, &expression_ops_sql, &limits, query, result,
                        &error) < 0)
        fail_msg("%d %s: %s", error.http_status, error.kind, error.text);
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

static void test_pages_are_the_whole(void **state)
{
    (void)state;
    static const char *const orders[] = {NULL,           "-revenue",        "orders,-shop",
                                         "-pieces",      "pieces,-revenue", "shop",
                                         "mean,-orders", "heaviest",        "-newest"};
    struct shop shop;
    shop_init(&shop, 3, test_seed());
    shop_feed(&shop, 40, 64, SHOP_MINUTE_NS, 40);
    for (uint32_t round = 0; round < ROUNDS / 3; round++) {
        struct asked asked = {.aggregate = SHOP_TOTALS, .condition = &conditions[0]};
        asked.window = (struct query_window){.from_ns = INT64_MIN, .to_ns = INT64_MAX};
        by_choose(&shop, &asked);
        asked.condition = &conditions[shop_random(&shop, 5)];
        struct aggregate_query query = query_of(&asked);
        query.order = orders[shop_random(&shop, COUNT_OF(orders))];
        if (query.order && strstr(query.order, "shop") && !asked.has_name)
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
                                     shop.partition_count, &expression_ops_sql, &limits, &r->query,
                                     &result, &error);
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
    const struct query_limits few_rows = {0, 3, (uint64_t)1 << 30, 100000};
    assert_true(query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                                &expression_ops_sql, &few_groups, &query, &result, &error) < 0);
    assert_int_equal(error.http_status, 422);
    assert_non_null(strstr(error.text, "groups"));
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
                                &expression_ops_sql, &limits, &query, &result, &error) < 0);
    assert_string_equal(error.kind, "bad-cursor");
    /* Every cut and every changed letter is refused or answered, never worse. */
    query.order = "-revenue";
    for (size_t i = 0; i < strlen(cursor); i++) {
        char *other = mem_strdup(cursor);
        other[i] = (char)(other[i] == 'A' ? 'B' : 'A');
        query.cursor = other;
        if (query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                            &expression_ops_sql, &limits, &query, &result, &error) == 0)
            query_result_done(&result);
        other[i] = '\0';
        if (query_aggregate(&shop.plan.aggregates[SHOP_TOTALS], &shop.plan, shop.views, 2,
                            &expression_ops_sql, &limits, &query, &result, &error) == 0)
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
                                         &shop.plan, NULL, 0, &expression_ops_sql, &limits, &query,
                                         &result, &error),
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
        cmocka_unit_test(test_aggregates_are_recounted),
        cmocka_unit_test(test_pages_are_the_whole),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_limits_are_named),
        cmocka_unit_test(test_cursors_belong_to_their_query),
        cmocka_unit_test(test_cursors_of_long_keys),
        cmocka_unit_test(test_missing_and_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
