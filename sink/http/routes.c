/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/routes.h"

#include "base/check.h"
#include "sink/http/parameters.h"

#define READ_PARAMETERS                                                                            \
    (PARAM_BIT(PARAM_AFTER) | PARAM_BIT(PARAM_TIMEOUT) | PARAM_BIT(PARAM_FORMAT))
#define LIST_PARAMETERS                                                                            \
    (READ_PARAMETERS | PARAM_BIT(PARAM_WHERE) | PARAM_BIT(PARAM_ORDER) | PARAM_BIT(PARAM_LIMIT) |  \
     PARAM_BIT(PARAM_CURSOR))
#define WINDOW_PARAMETERS                                                                          \
    (PARAM_BIT(PARAM_WINDOW) | PARAM_BIT(PARAM_FROM) | PARAM_BIT(PARAM_TO) | PARAM_BIT(PARAM_LAST))

const struct route http_routes[] = {
    {.path = "/v1/pipelines",
     .method = METHOD_GET,
     .id = "listPipelines",
     .summary = "Name, state and lag of each pipeline.",
     .parameters = PARAM_BIT(PARAM_FORMAT),
     .formats = FORMATS_ALL,
     .schema = "Pipelines",
     .handle = handle_pipelines},
    {.path = "/v1/pipelines/{pipeline}",
     .method = METHOD_GET,
     .id = "getPipeline",
     .summary = "State, counts of records, and the same for each partition.",
     .parameters = PARAM_BIT(PARAM_FORMAT),
     .formats = FORMATS_JSON,
     .schema = "Pipeline",
     .handle = handle_pipeline},
    {.path = "/v1/pipelines/{pipeline}/pause",
     .method = METHOD_POST,
     .thread = ROUTE_QUERY,
     .id = "pausePipeline",
     .summary = "Stops applying records; reads go on. Answers like the pipeline's own route.",
     .formats = FORMATS_JSON,
     .schema = "Pipeline",
     .handle = handle_pause},
    {.path = "/v1/pipelines/{pipeline}/resume",
     .method = METHOD_POST,
     .thread = ROUTE_QUERY,
     .id = "resumePipeline",
     .summary = "Goes on where it was paused. Answers like the pipeline's own route.",
     .formats = FORMATS_JSON,
     .schema = "Pipeline",
     .handle = handle_resume},
    {.path = "/v1/pipelines/{pipeline}/records",
     .method = METHOD_POST,
     .thread = ROUTE_QUERY,
     .id = "produceRecord",
     .summary = "Writes the body as one record to the source topic and answers where it stands; a "
                "read with `after=` that place sees it. Only where producing is allowed.",
     .parameters = PARAM_BIT(PARAM_KEY),
     .formats = FORMATS_JSON,
     .schema = "Position",
     .handle = handle_records},
    {.path = "/v1/pipelines/{pipeline}/aggregates/{aggregate}",
     .method = METHOD_GET,
     .thread = ROUTE_EITHER,
     .id = "readAggregate",
     .summary = "The rows of an aggregate, merged over all partitions.",
     .parameters = LIST_PARAMETERS | WINDOW_PARAMETERS | PARAM_BIT(PARAM_BY),
     .formats = FORMATS_ALL,
     .schema = "Rows",
     .handle = handle_aggregate},
    {.path = "/v1/pipelines/{pipeline}/sets/{set}",
     .method = METHOD_GET,
     .thread = ROUTE_EITHER,
     .id = "listSet",
     .summary = "The records of a set.",
     .parameters = LIST_PARAMETERS,
     .formats = FORMATS_ALL,
     .schema = "Rows",
     .handle = handle_set},
    {.path = "/v1/pipelines/{pipeline}/sets/{set}/{key...}",
     .method = METHOD_GET,
     .id = "readRecord",
     .summary = "One record of a set by its key: a path segment for each part of the key.",
     .parameters = READ_PARAMETERS,
     .formats = FORMATS_ALL,
     .schema = "Row",
     .handle = handle_set_key},
    {.path = "/metrics",
     .method = METHOD_GET,
     .thread = ROUTE_QUERY,
     .id = "metrics",
     .summary = "Metrics in the Prometheus text format, or OpenMetrics by the Accept header.",
     .content_type = "text/plain; version=0.0.4; charset=utf-8",
     .lenient = true,
     .handle = handle_metrics},
    {.path = "/healthz",
     .method = METHOD_GET,
     .id = "health",
     .summary = "200 as long as the process answers.",
     .content_type = "application/json",
     .lenient = true,
     .schema = "Health",
     .handle = handle_healthz},
    {.path = "/readyz",
     .method = METHOD_GET,
     .id = "ready",
     .summary = "200 when every assigned partition has once reached the end that it found at "
                "assignment, else 503 with reasons.",
     .content_type = "application/json",
     .lenient = true,
     .schema = "Ready",
     .handle = handle_readyz},
    {.path = "/openapi.json",
     .method = METHOD_GET,
     .id = "openapi",
     .summary = "This interface as OpenAPI 3.1.",
     .content_type = "application/json",
     .lenient = true,
     .schema = "OpenAPI",
     .handle = handle_openapi},
    {.path = "/",
     .method = METHOD_GET,
     .id = "page",
     .summary = "A page that shows all pipelines with their live aggregates and sets.",
     .content_type = "text/html; charset=utf-8",
     .lenient = true,
     .handle = handle_page},
};
const uint32_t http_route_count = COUNT_OF(http_routes);

#define SEGMENTS_MAX PATH_CAPTURES_MAX

struct path {
    struct weir_str segments[SEGMENTS_MAX];
    uint32_t count;
};

/* Decoded segments, in the exchange's memory. False: an escape that is none, or too many. */
static bool path_split(struct exchange *exchange, struct path *path)
{
    const char *at = exchange->target;
    const char *end = exchange->target + exchange->target_length;
    const char *query = memchr(at, '?', exchange->target_length);
    if (query)
        end = query;
    if (text_starts(at, "http://") || text_starts(at, "https://")) { /* RFC 9112, 3.2.2 */
        at = strstr(at, "://") + 3;
        while (at < end && *at != '/')
            at++;
    }
    path->count = 0;
    while (at < end && *at == '/') {
        const char *start = ++at;
        while (at < end && *at != '/')
            at++;
        if (path->count == SEGMENTS_MAX)
            return false;
        if (!percent_decode(&exchange->arena, start, (size_t)(at - start), false,
                            &path->segments[path->count]))
            return false;
        path->count++;
    }
    return at == end && path->count > 0;
}

/* Compares with a path like /a/{b}/{c...} and notes the variable segments. */
static bool path_matches(const char *pattern, const struct path *path, struct exchange *exchange)
{
    uint32_t captures = 0;
    uint32_t i = 0;
    while (*pattern == '/') {
        pattern++;
        size_t length = strcspn(pattern, "/");
        if (i == path->count)
            return false;
        if (pattern[0] != '{') {
            if (path->segments[i].length != length ||
                memcmp(path->segments[i].data, pattern, length) != 0)
                return false;
            i++;
        } else if (length > 4 && memcmp(pattern + length - 4, "...}", 4) == 0) {
            while (i < path->count)
                exchange->captures[captures++] = path->segments[i++];
        } else {
            if (path->segments[i].length == 0)
                return false;
            exchange->captures[captures++] = path->segments[i++];
        }
        pattern += length;
    }
    exchange->capture_count = captures;
    return i == path->count;
}

static void allow_add(struct text *allow, const char *method)
{
    if (allow->length)
        text_add(allow, ", ");
    text_add(allow, method);
}

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
#define METHOD_NAME(symbol, name) name,
        HTTP_METHODS(METHOD_NAME)
#undef METHOD_NAME
    };
    return names[method];
}

static enum route_match find_on_path(struct exchange *exchange, const struct path *path,
                                     struct text *allow)
{
    enum http_method wanted = exchange->method == METHOD_HEAD ? METHOD_GET : exchange->method;
    bool known = false;
    for (uint32_t i = 0; i < http_route_count; i++) {
        const struct route *route = &http_routes[i];
        if (!path_matches(route->path, path, exchange))
            continue;
        /* The label of metrics, also when the method is another. */
        exchange->route = route;
        if (route->method == wanted)
            return ROUTE_FOUND;
        known = true;
        allow_add(allow, method_name(route->method));
        if (route->method == METHOD_GET)
            allow_add(allow, "HEAD");
    }
    if (known)
        allow_add(allow, "OPTIONS");
    return known ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

enum route_match route_find(struct exchange *exchange, struct text *allow)
{
    exchange->route = NULL;
    if (exchange->target_length == 1 && exchange->target[0] == '*') {
        text_add(allow, "GET, HEAD, POST, OPTIONS");
        return exchange->method == METHOD_OPTIONS ? ROUTE_NO_METHOD : ROUTE_BAD_PATH;
    }
    struct path path;
    if (!path_split(exchange, &path))
        return ROUTE_BAD_PATH;
    return find_on_path(exchange, &path, allow);
}
