/* SPDX-License-Identifier: Apache-2.0 */
/* test_compare.h: rows expected by a test against the rows that came. */
#ifndef PIPELINES_TEST_COMPARE_H
#define PIPELINES_TEST_COMPARE_H

#include <weir/node.h>

#include "sink/query.h"

/* True: every expected row (a list of maps) stands for one row of the result and none is left over;
 * in that order if `ordered`. What differs is added to `diff`: "- expected" and "+ came" lines. */
bool rows_compare(const struct weir_node *expected, const struct query_result *result, bool ordered,
                  struct text *diff);

#endif
