/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads.h: what the server asks about reads without running them.
 */
#ifndef SINK_HTTP_READS_H
#define SINK_HTTP_READS_H

#include "sink/http/exchange.h"

/* What the answers of a pipeline are made from, now. Without locks. */
struct version pipeline_version(const struct service_pipeline *pipeline);
static inline bool version_equal(struct version a, struct version b)
{
    return a.low == b.low && a.high == b.high;
}

enum after_state {
    AFTER_COVERED, /* or nothing to wait for */
    AFTER_PENDING,
    AFTER_REFUSED /* the reply says why */
};
/* Whether all of exchange->afters are covered. [any] */
enum after_state after_check(struct exchange *exchange);
/* The reply when they were not in time. */
void after_timed_out(struct exchange *exchange);

#endif
