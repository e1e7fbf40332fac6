/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "sink/http/routes.h"
#include "sink/http/server.h"

#define SERIES_MAX 512

struct counted {
    const struct route *route;
    unsigned method, status;
    struct metric_series *series;
};

struct measures {
    struct metric_series *in_flight;
    struct metric_series *rejected[REJECTION_COUNT];
    struct metric_series **durations; /* by route, made when it is first asked; the last: none */
    struct counted *counts;           /* in the order in which they came up */
    uint32_t count;
};

static const char *const method_names[METHOD_COUNT] = {
#define METHOD_NAME(symbol, name) name,
    HTTP_METHODS(METHOD_NAME)
#undef METHOD_NAME
};

static const char *const rejection_names[REJECTION_COUNT] = {
#define REJECTION_NAME(symbol, name, meaning) name,
    HTTP_REJECTIONS(REJECTION_NAME)
#undef REJECTION_NAME
};

static const char *route_label(const struct route *route)
{
    return route ? route->path : "none";
}

struct measures *measures_new(void)
{
    struct measures *measures = mem_alloc(sizeof(*measures));
    measures->in_flight = metric_new(M_HTTP_IN_FLIGHT, (const char *const[]){NULL});
    measures->durations = mem_array(http_route_count + 1, sizeof(*measures->durations));
    measures->counts = mem_array(SERIES_MAX, sizeof(*measures->counts));
    for (uint32_t i = 0; i < REJECTION_COUNT; i++)
        measures->rejected[i] =
            metric_new(M_HTTP_REJECTED, (const char *const[]){rejection_names[i], NULL});
    return measures;
}

void measures_free(struct measures *measures)
{
    if (!measures)
        return;
    metric_free(measures->in_flight);
    for (uint32_t i = 0; i < REJECTION_COUNT; i++)
        metric_free(measures->rejected[i]);
    for (uint32_t i = 0; i <= http_route_count; i++)
        metric_free(measures->durations[i]);
    for (uint32_t i = 0; i < measures->count; i++)
        metric_free(measures->counts[i].series);
    free(measures->durations);
    free(measures->counts);
    free(measures);
}

void measures_begin(struct measures *measures)
{
    metric_add(measures->in_flight, 1);
}

static struct metric_series *series_of(struct measures *measures, const struct route *route,
                                       enum http_method method, unsigned status)
{
    for (uint32_t i = 0; i < measures->count; i++) {
        const struct counted *c = &measures->counts[i];
        if (c->route == route && c->method == method && c->status == status)
            return c->series;
    }
    if (measures->count == SERIES_MAX)
        return NULL;
    char code[12];
    if (status)
        snprintf(code, sizeof(code), "%u", status);
    else
        snprintf(code, sizeof(code), "none"); /* the client was gone before */
    struct counted *c = &measures->counts[measures->count++];
    *c = (struct counted){
        route, method, status,
        metric_new(M_HTTP_REQUESTS,
                   (const char *const[]){route_label(route), method_names[method], code, NULL})};
    return c->series;
}

void measures_end(struct measures *measures, const struct exchange *exchange, unsigned status)
{
    uint32_t route = exchange->route ? (uint32_t)(exchange->route - http_routes) : http_route_count;
    metric_add(measures->in_flight, -1);
    if (!measures->durations[route])
        measures->durations[route] =
            metric_new(M_HTTP_DURATION, (const char *const[]){route_label(exchange->route), NULL});
    metric_observe(measures->durations[route], clock_mono_ns() - exchange->started_ns);
    metric_add(series_of(measures, exchange->route, exchange->method, status), 1);
}

void measures_reject(struct measures *measures, enum http_rejection rejection)
{
    metric_add(measures->rejected[rejection], 1);
}
