/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ysb_events.h: the events of the Yahoo streaming benchmark, each from (seed, i) alone.
 *
 *   {"user_id": "<uuid>", "page_id": "<uuid>", "ad_id": "<uuid>", "ad_type": "banner",
 *    "event_type": "view", "event_time": "<ms as text>", "ip_address": "1.2.3.4"}
 *
 * on one line, with one blank after each colon and comma: 253 bytes on average. A third of the
 * events are views. Any event, and so any expected count, can be computed again.
 */
#ifndef TESTS_BENCH_YSB_EVENTS_H
#define TESTS_BENCH_YSB_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YSB_UUID_BYTES      36
#define YSB_EVENT_BYTES_MAX 288
#define YSB_USERS           100 /* and as many pages, as in the original */

struct ysb_options {
    uint64_t seed;
    uint32_t campaigns;
    uint32_t ads_per_campaign;
    int64_t start_ms; /* event time of event 0 */
    int64_t step_ns;  /* between two events */
    bool skew;        /* 50 - rand(100) ms; 1 in 100,000 is late by rand(60,000) ms */
};

struct ysb_uuid {
    char text[YSB_UUID_BYTES]; /* not terminated */
};

struct ysb {
    struct ysb_options options;
    uint32_t ad_count;
    struct ysb_uuid *ads;
    struct ysb_uuid *campaigns;
    uint32_t *ranks; /* of the campaigns, in the order of their text */
    struct ysb_uuid users[YSB_USERS], pages[YSB_USERS];
};

struct ysb *ysb_new(const struct ysb_options *options);
void ysb_free(struct ysb *ysb); /* NULL is allowed */

/* Writes event i, without a line end; its length, at most YSB_EVENT_BYTES_MAX. */
size_t ysb_write(const struct ysb *ysb, uint64_t i, char *out);
/* True if event i is a view; then its campaign and event time. */
bool ysb_view(const struct ysb *ysb, uint64_t i, uint32_t *ret_campaign, int64_t *ret_time_ms);

#endif
