/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo.h: generated payments for `weir demo`.
 *
 * Payment i is a function of (seed, i) and the clock alone. About one in 500 cannot be decoded, so
 * that rejected records can be seen.
 */
#ifndef PIPELINES_DEMO_H
#define PIPELINES_DEMO_H

#include "base/text.h"

extern const char demo_pipeline_yaml[]; /* pipelines/payments.yaml, put in by the build */

struct demo_payment {
    struct text key;   /* the account */
    struct text value; /* the record */
};

void demo_payment_make(struct demo_payment *payment, uint64_t seed, uint64_t i, int64_t time_ns);
void demo_payment_done(struct demo_payment *payment);

#endif
