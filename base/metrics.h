/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h: counters, gauges and histograms, by one table.
 *
 * METRICS(X) is the whole vocabulary: the exposition, the docs and the tests come from it. A series
 * is made once, at start or on assignment, and is then updated without a lock (relaxed atomics).
 * Freed series vanish from the exposition; a counter's value is then gone, as after a restart.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/metrics_table.h"
#include "base/text.h"

enum metric {
#define METRIC_ENUM(symbol, kind, name, labels, help) symbol,
    METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_series;

/* Label values in the order of the table's labels; NULL-terminated. The same labels give the same
 * series (counted: each new needs a free). Any thread; takes a lock. */
struct metric_series *metric_new(enum metric metric, const char *const *label_values);
void metric_free(struct metric_series *series); /* NULL is allowed */

/* Any thread, wait-free. NULL series are ignored. Values are integers in the base unit; those whose
 * table entry says seconds are given in nanoseconds and exposed as seconds. */
void metric_add(struct metric_series *series, int64_t value);
void metric_set(struct metric_series *series, int64_t value);
void metric_observe(struct metric_series *series, int64_t value); /* histogram */
int64_t metric_get(const struct metric_series *series);

/* A function called before each exposition, to set gauges that are cheaper to ask than to keep. */
void metrics_on_collect(void (*collect)(void *context), void *context);
void metrics_off_collect(void (*collect)(void *context), void *context);

/* Prometheus text format 0.0.4, or OpenMetrics 1.0 with its # EOF. */
void metrics_write(struct text *out, bool openmetrics);
/* The vocabulary, for docs: name, kind, labels, help; NULL at the end. */
struct metric_description {
    const char *name, *kind, *labels, *help;
};
const struct metric_description *metrics_describe(enum metric metric);

#endif
