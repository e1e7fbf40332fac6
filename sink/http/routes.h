/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h: the table of routes, and finding one.
 *
 * A path is written with {names} for its variable segments; the last may be {name...}, which takes
 * one or more segments. GET answers HEAD as well, and every path answers OPTIONS.
 */
#ifndef SINK_HTTP_ROUTES_H
#define SINK_HTTP_ROUTES_H

#include "sink/http/exchange.h"

enum route_thread {
    ROUTE_LOOP,  /* answered by the event loop: microseconds */
    ROUTE_QUERY, /* by a query thread: may wait or compute */
    ROUTE_EITHER /* by the loop if it was quick when it was last asked */
};

struct route {
    const char *path;
    enum http_method method;
    enum route_thread thread;
    const char *id;           /* operationId */
    const char *summary;      /* one sentence, for docs and openapi.json */
    uint32_t parameters;      /* PARAM_BIT of each that is known here */
    uint32_t formats;         /* 1u << enum http_format; 0: only its own */
    const char *content_type; /* of its own; NULL: by format */
    bool lenient;             /* unknown parameters are ignored: for probes and browsers */
    const char *schema;       /* the answer: a name in openapi.json's components, NULL: not JSON */
    void (*handle)(struct exchange *exchange);
};

extern const struct route http_routes[];
extern const uint32_t http_route_count;

enum route_match { ROUTE_FOUND, ROUTE_BAD_PATH, ROUTE_NO_PATH, ROUTE_NO_METHOD };
/* Finds the route of exchange->target and exchange->method, fills in captures. For NO_METHOD (also
 * for OPTIONS) allow gets what stands in `Allow`. */
enum route_match route_find(struct exchange *exchange, struct text *allow);

/* The handlers, by file. */
void handle_pipelines(struct exchange *exchange); /* pipelines.c */
void handle_pipeline(struct exchange *exchange);
void handle_pause(struct exchange *exchange);
void handle_resume(struct exchange *exchange);
void handle_records(struct exchange *exchange);
void handle_aggregate(struct exchange *exchange); /* reads.c */
void handle_set(struct exchange *exchange);
void handle_set_key(struct exchange *exchange);
void handle_metrics(struct exchange *exchange); /* system.c */
void handle_healthz(struct exchange *exchange);
void handle_readyz(struct exchange *exchange);
void handle_page(struct exchange *exchange);
void handle_openapi(struct exchange *exchange); /* openapi.c */

#endif
