/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h: a query's result as lines of text, to be compared with what a model says. */
#ifndef TESTS_UNIT_SINK_LINES_H
#define TESTS_UNIT_SINK_LINES_H

#include "tests/unit/sink/shop.h"

struct lines {
    char **items;
    uint32_t count, capacity;
};

void lines_add(struct lines *lines, char *line); /* takes it */
void lines_done(struct lines *lines);
void lines_sort(struct lines *lines);
/* Ends the test with the first difference. */
void lines_equal(const struct lines *a, const struct lines *b, const char *what);
/* `name=value ` for each field, floats with ten digits (float_add). */
void result_lines(const struct query_result *result, struct lines *lines);
void float_add(struct text *out, double value);

extern const struct query_limits wide_limits; /* that no test reaches */
/* The whole answer, or the end of the test. */
void ask(const struct shop *shop, enum shop_aggregate aggregate,
         const struct aggregate_query *query, struct query_result *result);

#endif
