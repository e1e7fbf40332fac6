/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_runner.h: the `tests:` of a pipeline file, run on the real engine with a virtual clock.
 *
 *   - name: counts by merchant
 *     at: 2026-11-21T10:00:00Z            # where the clock stands; default: 2026-01-01T00:00:00Z
 *     input:
 *       - {merchant: a, amount: 1.50}     # a record's value
 *       - {_key: k, _value: null}         # metadata: _key _value _partition _timestamp _headers
 *       - 'not json'                      # a text is the value, byte by byte
 *     advance: 1m                         # time that passes after the input
 *     expect:
 *       aggregates: {per_merchant: [{merchant: a, payments: 1}]}
 *       sets: {balances: {order: account, rows: [..]}}
 *       dead_letters: [{reason: malformed}]
 *
 * A list of rows is exact: no row is missing, none is more. In a row only the columns that are
 * written are compared. [control]
 */
#ifndef PIPELINES_TEST_RUNNER_H
#define PIPELINES_TEST_RUNNER_H

#include "pipelines/plan.h"

struct test_totals {
    uint32_t passed, failed;
};

/* Runs all tests of the plan. What differs goes to `out`, for people; totals are added to. */
void tests_run(const struct pipeline_plan *plan, struct test_totals *totals, struct text *out);

#endif
