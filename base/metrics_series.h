/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_series.h: what the files of the metrics share; for base/metrics*.c only. */
#ifndef BASE_METRICS_SERIES_H
#define BASE_METRICS_SERIES_H

#include "base/metrics.h"

#define METRIC_LINE_BYTES  64 /* series do not share a cache line: several threads write */
#define METRIC_BUCKETS_MAX 16

struct metric_series {
    _Alignas(METRIC_LINE_BYTES) _Atomic int64_t value; /* of a histogram: the sum */
    const int64_t *bounds;                             /* of a histogram: inclusive upper bounds */
    size_t bound_count;
    _Atomic uint64_t buckets[METRIC_BUCKETS_MAX + 1]; /* not cumulative; one for all above */

    struct metric_series *next;
    enum metric metric;
    uint32_t users;
    uint64_t hash;
    size_t label_count;
    char **label_values;
};

bool metric_in_seconds(enum metric metric);
enum metric_kind metric_kind_of(enum metric metric);
const char *metric_kind_name(enum metric_kind kind);

/* One metric's help, type and series; the list is not empty. */
void metric_family_write(struct text *out, const struct metric_series *list, bool openmetrics);
/* Sets what is known about the process. */
void metrics_process_collect(void);

#endif
