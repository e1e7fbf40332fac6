/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_expr.c: what expressions cost per record, beside a loop written by hand for the same.
 *
 *   micro_expr [ROUNDS [PART]]     PART: only figures whose name begins so
 *
 * Rounds alternate between the two; figures are medians. A round computes an expression for many
 * batches of 1,024 rows. What both compute is compared: a difference is a wrong result, exit 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/value.h"
#include "transforms/expr.h"

#define ROWS            WEIR_BATCH_ROWS_MAX
#define ROUNDS_DEFAULT  5
#define ROUNDS_MAX      101
#define BATCHES         256 /* of a round, each begun anew */
#define TIMES_PER_BATCH 8   /* as often as a pipeline of eight expressions would */

enum column {
    COLUMN_i,
    COLUMN_k,
    COLUMN_f,
    COLUMN_d,
    COLUMN_s,
    COLUMN_text,
    COLUMN_t,
    COLUMN_COUNT
};

static const struct weir_field fields[] = {
    {"i", {.kind = WEIR_INT}, COLUMN_i},       {"k", {.kind = WEIR_INT, .nullable = 1}, COLUMN_k},
    {"f", {.kind = WEIR_FLOAT}, COLUMN_f},     {"d", {.kind = WEIR_DECIMAL, .scale = 2}, COLUMN_d},
    {"s", {.kind = WEIR_STRING}, COLUMN_s},    {"text", {.kind = WEIR_STRING}, COLUMN_text},
    {"t", {.kind = WEIR_TIMESTAMP}, COLUMN_t},
};

/* One set of rows, all in memory of its own, so that batch_begin does not take it away. */
static struct {
    int64_t i[ROWS], k[ROWS], d[ROWS], t[ROWS];
    uint64_t k_valid[ROWS / 64];
    double f[ROWS];
    struct weir_str s[ROWS], text[ROWS];
    char bytes[ROWS * 64 + ARENA_SLACK_BYTES];
    struct weir_column columns[COLUMN_COUNT];
    int64_t out[ROWS];
    uint16_t passed[ROWS];
} rows;

static void make_rows(void)
{
    static const char *const kinds[] = {"view", "click", "purchase"};
    static const char letters[] = "abcdefghijklmnopqrstuvw /.-ABCDE";
    uint64_t seed = 42;
    char *at = rows.bytes;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint64_t x = hash_u64(row, seed);
        rows.i[row] = (int64_t)(x % 1000);
        rows.k[row] = (int64_t)(x >> 40 & 0xff);
        if (x >> 33 & 7)
            rows.k_valid[row / 64] |= 1ULL << row % 64;
        rows.f[row] = (double)(x % 100000) / 8;
        rows.d[row] = (int64_t)(x >> 20 & 0xfffff);
        rows.t[row] = 1763712000LL * NS_PER_SECOND + (int64_t)(x >> 24) % (86400 * NS_PER_SECOND);
        rows.s[row] = str_of(kinds[x % 3]);
        for (uint32_t i = 0; i < 30; i++)
            at[i] = letters[hash_u64(row * 31 + i, seed) % 32];
        if (x >> 50 & 1) {
            char *match = at + (x >> 51) % 26;
            match[0] = 'x';
            match[1] = 'y';
            match[2] = 'Z';
        }
        rows.text[row] = str_make(at, 30);
        at += 30;
    }
    void *const data[] = {rows.i, rows.k, rows.f, rows.d, rows.s, rows.text, rows.t};
    for (uint32_t c = 0; c < COLUMN_COUNT; c++)
        rows.columns[c] = (struct weir_column){.type = fields[c].type, .data = data[c]};
    rows.columns[COLUMN_k].valid = rows.k_valid;
}

static void begin(struct batch *batch)
{
    static const char nothing[ARENA_SLACK_BYTES + 1];
    batch_begin(batch, "bench", 0, 0);
    for (uint32_t row = 0; row < ROWS; row++)
        batch_add_borrowed(batch, &(struct weir_record){.offset = row, .value = {nothing, 0, 0}});
    for (uint32_t c = 0; c < COLUMN_COUNT; c++)
        batch_column_set(batch, c, rows.columns + c);
}

static void select_all(struct batch *batch)
{
    static uint16_t all[ROWS];
    if (!all[1])
        for (uint32_t row = 0; row < ROWS; row++)
            all[row] = (uint16_t)row;
    memcpy(batch->selection, all, sizeof all);
    batch->view.selected = ROWS;
}

/* --- by hand: the compiler must not see through them ---------------------------------------- */

#define FLOOR static __attribute__((noinline)) uint64_t

FLOOR floor_filter_int(void)
{
    uint32_t kept = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        rows.passed[kept] = (uint16_t)row;
        kept += rows.i[row] > 500;
    }
    return kept;
}

FLOOR floor_filter_and(void)
{
    uint32_t kept = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        rows.passed[kept] = (uint16_t)row;
        kept +=
            rows.i[row] > 500 && rows.s[row].length == 4 && !memcmp(rows.s[row].data, "view", 4);
    }
    return kept;
}

FLOOR floor_filter_text(void)
{
    uint32_t kept = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        rows.passed[kept] = (uint16_t)row;
        kept += rows.s[row].length == 8 && !memcmp(rows.s[row].data, "purchase", 8);
    }
    return kept;
}

static inline bool is_letter(char c, char lower)
{
    return c == lower || c == (char)(lower - 32);
}

FLOOR floor_filter_like(void)
{
    uint32_t kept = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        struct weir_str s = rows.text[row];
        bool found = false;
        for (uint32_t i = 0; i + 3 <= s.length && !found; i++)
            found = is_letter(s.data[i], 'x') && is_letter(s.data[i + 1], 'y') &&
                    is_letter(s.data[i + 2], 'z');
        rows.passed[kept] = (uint16_t)row;
        kept += found;
    }
    return kept;
}

FLOOR floor_set_int(void)
{
    bool overflow = false;
    for (uint32_t row = 0; row < ROWS; row++) {
        int64_t product;
        overflow |= __builtin_mul_overflow(rows.i[row], 3, &product);
        overflow |= __builtin_add_overflow(product, rows.i[row], rows.out + row);
    }
    CHECK(!overflow);
    return (uint64_t)rows.out[ROWS - 1];
}

FLOOR floor_set_decimal(void)
{
    bool overflow = false;
    for (uint32_t row = 0; row < ROWS; row++)
        overflow |= __builtin_mul_overflow(rows.d[row], 92, rows.out + row);
    CHECK(!overflow);
    return (uint64_t)rows.out[ROWS - 1];
}

FLOOR floor_set_float(void)
{
    double *out = (double *)rows.out;
    for (uint32_t row = 0; row < ROWS; row++) {
        out[row] = rows.f[row] * 0.5 + rows.f[row];
        if (!isfinite(out[row]))
            abort();
    }
    return (uint64_t)rows.out[ROWS - 1];
}

FLOOR floor_set_case(void)
{
    for (uint32_t row = 0; row < ROWS; row++)
        rows.out[row] = rows.i[row] < 100 ? 1 : rows.i[row] < 500 ? 2 : 3;
    return (uint64_t)rows.out[ROWS - 1];
}

FLOOR floor_set_null(void)
{
    for (uint32_t row = 0; row < ROWS; row++)
        rows.out[row] = rows.k_valid[row / 64] >> row % 64 & 1 ? rows.k[row] : 0;
    return (uint64_t)rows.out[ROWS - 1];
}

FLOOR floor_set_hour(void)
{
    for (uint32_t row = 0; row < ROWS; row++)
        rows.out[row] = rows.t[row] / (3600 * NS_PER_SECOND) % 24;
    return (uint64_t)rows.out[ROWS - 1];
}

/* --- figures -------------------------------------------------------------------------------- */

static const struct figure {
    const char *name;
    const char *expression; /* bool: a filter */
    uint64_t (*by_hand)(void);
    double goal_ns;
    bool digits; /* texts of two digits, which by_hand has as ints */
} figures[] = {
    {"expr_filter_int", "i > 500", floor_filter_int, 2, false},
    {"expr_filter_and", "i > 500 AND s = 'view'", floor_filter_and, 5, false},
    {"expr_filter_text", "s = 'purchase'", floor_filter_text, 4, false},
    {"expr_filter_like", "text LIKE '%xyz%'", floor_filter_like, 25, false},
    {"expr_set_int", "i * 3 + i", floor_set_int, 3, false},
    {"expr_set_decimal", "d * 0.92", floor_set_decimal, 3, false},
    {"expr_set_float", "f * 0.5 + f", floor_set_float, 3, false},
    {"expr_set_case", "CASE WHEN i < 100 THEN 1 WHEN i < 500 THEN 2 ELSE 3 END", floor_set_case, 12,
     false},
    {"expr_set_coalesce", "coalesce(k, 0)", floor_set_null, 4, false},
    {"expr_set_hour", "strftime('%H', t)", floor_set_hour, 60, true},
};

static struct weir_expr *compile(const char *text)
{
    struct weir_schema schema = {fields, COLUMN_COUNT};
    struct expression_error error;
    struct weir_expr *expr;
    if (expression_ops_sql.compile(text, strlen(text), &schema, &expr, &error)) {
        fprintf(stderr, "%s: at %u: %s\n", text, error.position, error.text);
        exit(1);
    }
    return expr;
}

static void wrong(const struct figure *figure)
{
    fprintf(stderr, "%s: weir and the loop by hand do not agree\n", figure->name);
    exit(1);
}

static void check(const struct figure *figure, const struct batch *batch,
                  const struct weir_column *column, uint64_t by_hand)
{
    if (!column) {
        if (batch->view.selected != by_hand ||
            memcmp(batch->selection, rows.passed, by_hand * sizeof(uint16_t)))
            wrong(figure);
        return;
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        if (!weir_valid(column, row))
            wrong(figure);
        if (figure->digits
                ? (column->strs[row].data[0] - '0') * 10 + column->strs[row].data[1] - '0' !=
                      rows.out[row]
                : column->ints[row] != rows.out[row])
            wrong(figure);
    }
}

/* ns per row of both, one round. */
static void measure(const struct figure *figure, struct weir_expr *expr, struct batch *batch,
                    double *ret_ours, double *ret_by_hand)
{
    bool filter = expression_ops_sql.type(expr).kind == WEIR_BOOL;
    int64_t ours = 0, by_hand = 0;
    for (uint32_t i = 0; i < BATCHES; i++) {
        struct weir_column *column = NULL;
        begin(batch);
        int64_t start = clock_thread_cpu_ns();
        for (uint32_t k = 0; k < TIMES_PER_BATCH; k++) {
            if (filter) {
                select_all(batch);
                CHECK(expr_filter(expr, &batch->view) == 0);
            } else {
                column = expression_ops_sql.eval(expr, &batch->view);
                CHECK(column);
            }
        }
        ours += clock_thread_cpu_ns() - start;
        uint64_t result = 0;
        start = clock_thread_cpu_ns();
        for (uint32_t k = 0; k < TIMES_PER_BATCH; k++)
            result = figure->by_hand();
        by_hand += clock_thread_cpu_ns() - start;
        if (i == 0)
            check(figure, batch, column, result);
    }
    const double n = (double)BATCHES * TIMES_PER_BATCH * ROWS;
    *ret_ours = (double)ours / n;
    *ret_by_hand = (double)by_hand / n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void run(const struct figure *figure, uint32_t rounds)
{
    double ours[ROUNDS_MAX], by_hand[ROUNDS_MAX];
    struct weir_expr *expr = compile(figure->expression);
    struct batch *batch = batch_new(COLUMN_COUNT);
    CHECK(batch);
    measure(figure, expr, batch, ours, by_hand); /* warm */
    for (uint32_t i = 0; i < rounds; i++)
        measure(figure, expr, batch, ours + i, by_hand + i);
    double value = median(ours, rounds);
    printf("%s: `%s` %.2f ns, by hand %.2f ns\n", figure->name, figure->expression, value,
           median(by_hand, rounds));
    printf("bench micro %s %.2f ns goal %g %s\n", figure->name, value, figure->goal_ns,
           value <= figure->goal_ns ? "ok" : "short");
    fflush(stdout);
    batch_free(batch);
    expression_ops_sql.free(expr);
}

int main(int argc, char **argv)
{
    int64_t rounds = ROUNDS_DEFAULT;
    const char *part = argc > 2 ? argv[2] : "";
    if (argc > 1 &&
        (int_read(argv[1], strlen(argv[1]), &rounds) < 0 || rounds < 1 || rounds > ROUNDS_MAX)) {
        fprintf(stderr, "micro_expr [ROUNDS [PART]]: 1 to %d rounds\n", ROUNDS_MAX);
        return 2;
    }
    make_rows();
    for (size_t i = 0; i < COUNT_OF(figures); i++)
        if (text_starts(figures[i].name, part))
            run(figures + i, (uint32_t)rounds);
    return 0;
}
