/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of aggregates and sets. */
#include "sink/http/reads.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/value.h"
#include "sink/http/format.h"
#include "sink/http/parameters.h"
#include "sink/http/routes.h"
#include "sink/http/server.h"
#include "sink/read.h"

/* ---- versions and tags
 * ------------------------------------------------------------------------------ */

struct version pipeline_version(const struct service_pipeline *pipeline)
{
    uint64_t words[2 + 64 * 3];
    XXH128_hash_t hash = {(uint64_t)(uintptr_t)pipeline->plan, 0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < pipeline->partition_count; i++) {
        const struct query_partition *p = &pipeline->partitions[i];
        words[n++] = (uint64_t)(uintptr_t)p->partition;
        words[n++] = p->partition ? partition_version(p->partition) : 0;
        words[n++] = (uint64_t)p->complete << 1 | p->holds_back;
        if (n < 64 * 3 && i + 1 < pipeline->partition_count)
            continue;
        words[n++] = hash.low64;
        words[n++] = hash.high64;
        hash = XXH3_128bits(words, n * sizeof(words[0]));
        n = 0;
    }
    return (struct version){hash.low64 | 1, hash.high64};
}

/* A tag that is equal wherever the answer is: of what it covers, not of this process. */
static void tag_make(struct exchange *exchange, const struct service_pipeline *pipeline,
                     uint64_t fingerprint, const struct query_result *result)
{
    static const char *const names[FORMAT_COUNT] = {
#define FORMAT_NAME(symbol, name, type, subtype, content_type) name,
        HTTP_FORMATS(FORMAT_NAME)
#undef FORMAT_NAME
    };
    struct text text = TEXT_INIT;
    covers_write(&text, result);
    text_addf(&text, "%016llx", (unsigned long long)fingerprint);
    for (uint32_t i = 0; i < pipeline->partition_count; i++) {
        const struct query_partition *p = &pipeline->partitions[i];
        text_addf(&text, " %s/%d %d%d%d", p->topic, p->number, p->partition != NULL, p->complete,
                  p->holds_back);
    }
    uint64_t hash = hash_bytes(text.data, text.length, 0);
    text_done(&text);
    snprintf(exchange->reply.etag, sizeof(exchange->reply.etag), "%016llx.%s",
             (unsigned long long)hash, names[exchange->format]);
}

/* ---- finding what is asked for
 * ------------------------------------------------------------------------ */

static const char *pipeline_name_at(const void *context, size_t i)
{
    return ((const char *const *)context)[i];
}

static bool pipeline_acquire(struct exchange *exchange, struct service_pipeline *pipeline)
{
    const struct service *service = server_service(exchange->server);
    const char *name = exchange->captures[0].data;
    if (strlen(name) == exchange->captures[0].length &&
        service->acquire(service->context, name, pipeline))
        return true;
    const char **names = NULL;
    uint32_t count = service->names(service->context, &names);
    const char *near = suggest(name, count, pipeline_name_at, names);
    reply_problem(exchange, PROBLEM_UNKNOWN_PIPELINE, "there is no pipeline `%.100s`%s%s%s", name,
                  near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    free(names);
    return false;
}

static void pipeline_release(struct exchange *exchange, struct service_pipeline *pipeline)
{
    const struct service *service = server_service(exchange->server);
    service->release(service->context, pipeline);
}

static const char *aggregate_name_at(const void *context, size_t i)
{
    return ((const struct sink_plan *)context)->aggregates[i].name;
}

static const char *set_name_at(const void *context, size_t i)
{
    return ((const struct sink_plan *)context)->sets[i].name;
}

static void unknown_name(struct exchange *exchange, enum http_problem problem, const char *kind,
                         uint32_t count, const char *(*at)(const void *context, size_t i),
                         const struct sink_plan *plan)
{
    const char *name = exchange->captures[1].data;
    const char *near = suggest(name, count, at, plan);
    reply_problem(exchange, problem, "pipeline `%s` has no %s `%.100s`%s%s%s", plan->pipeline, kind,
                  name, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
}

static const struct aggregate_plan *aggregate_find(struct exchange *exchange,
                                                   const struct sink_plan *plan)
{
    for (uint32_t i = 0; i < plan->aggregate_count; i++)
        if (str_is(exchange->captures[1], plan->aggregates[i].name))
            return &plan->aggregates[i];
    unknown_name(exchange, PROBLEM_UNKNOWN_AGGREGATE, "aggregate", plan->aggregate_count,
                 aggregate_name_at, plan);
    return NULL;
}

static const struct set_plan *set_find(struct exchange *exchange, const struct sink_plan *plan)
{
    for (uint32_t i = 0; i < plan->set_count; i++)
        if (str_is(exchange->captures[1], plan->sets[i].name))
            return &plan->sets[i];
    unknown_name(exchange, PROBLEM_UNKNOWN_SET, "set", plan->set_count, set_name_at, plan);
    return NULL;
}

/* ---- parameters
 * ------------------------------------------------------------------------------------------ */

static bool window_read(struct exchange *exchange, struct aggregate_query *query)
{
    struct query_window *window = &query->window;
    *window = (struct query_window){.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    const char *size = exchange_parameter(exchange, PARAM_WINDOW);
    query->window_given = size || exchange_parameter(exchange, PARAM_FROM) ||
                          exchange_parameter(exchange, PARAM_TO) ||
                          exchange_parameter(exchange, PARAM_LAST);
    window->all = size && strcmp(size, "all") == 0;
    return (window->all || parameter_duration(exchange, PARAM_WINDOW, &window->size_ns)) &&
           parameter_time(exchange, PARAM_FROM, &window->from_ns) &&
           parameter_time(exchange, PARAM_TO, &window->to_ns) &&
           parameter_duration(exchange, PARAM_LAST, &window->last_ns);
}

/* by=a,b: names without blanks; empty: no column. */
static bool by_read(struct exchange *exchange, struct aggregate_query *query, const char **names)
{
    const char *text = exchange_parameter(exchange, PARAM_BY);
    query->by_given = text != NULL;
    query->by = names;
    while (text && *text) {
        size_t length = strcspn(text, ",");
        size_t blanks = strspn(text, " ");
        if (query->by_count == AGGREGATE_BY_MAX) {
            reply_problem(exchange, PROBLEM_BAD_PARAMETER, "`by=` names more than %d columns",
                          AGGREGATE_BY_MAX);
            return false;
        }
        char *name = arena_alloc(&exchange->arena, length + 1);
        if (!name)
            return false;
        if (blanks > length)
            blanks = length;
        memcpy(name, text + blanks, length - blanks);
        size_t end = length - blanks;
        while (end > 0 && name[end - 1] == ' ')
            end--;
        name[end] = '\0';
        names[query->by_count++] = name;
        text += length;
        text += *text == ',';
    }
    return true;
}

/* An empty where= or order= is as good as none. */
static const char *parameter_or_null(struct exchange *exchange, enum http_parameter parameter)
{
    const char *text = exchange_parameter(exchange, parameter);
    return text && *text ? text : NULL;
}

/* ---- the routes
 * -------------------------------------------------------------------------------------------- */

/* Notes what the answer was made from, if nothing changed while it was made. */
static void result_reply(struct exchange *exchange, const struct service_pipeline *pipeline,
                         struct version before, uint64_t fingerprint,
                         const struct query_result *result, enum format_shape shape)
{
    format_result(exchange, result, shape);
    if (exchange->reply.status != 200)
        return;
    tag_make(exchange, pipeline, fingerprint, result);
    if (exchange->after_count == 0 && version_equal(before, pipeline_version(pipeline)))
        exchange->reply.version = before;
}

static void read_aggregate(struct exchange *exchange, const struct service_pipeline *pipeline,
                           const struct aggregate_query *query)
{
    const struct service *service = server_service(exchange->server);
    const struct aggregate_plan *plan = aggregate_find(exchange, pipeline->plan);
    if (!plan)
        return;
    struct version version = pipeline_version(pipeline);
    struct query_result result;
    struct query_error error;
    if (query_aggregate(plan, pipeline->plan, pipeline->partitions, pipeline->partition_count,
                        service->expressions, &service->limits, query, &result, &error) < 0) {
        reply_query_error(exchange, &error);
        return;
    }
    result_reply(exchange, pipeline, version, plan->fingerprint, &result, SHAPE_ROWS);
    query_result_done(&result);
}

void handle_aggregate(struct exchange *exchange)
{
    struct aggregate_query query = {.where = parameter_or_null(exchange, PARAM_WHERE),
                                    .order = parameter_or_null(exchange, PARAM_ORDER),
                                    .cursor = parameter_or_null(exchange, PARAM_CURSOR)};
    const char *by[AGGREGATE_BY_MAX];
    struct service_pipeline pipeline;
    if (!parameter_limit(exchange, &query.limit) || !window_read(exchange, &query) ||
        !by_read(exchange, &query, by) || !pipeline_acquire(exchange, &pipeline))
        return;
    read_aggregate(exchange, &pipeline, &query);
    pipeline_release(exchange, &pipeline);
}

static void read_set(struct exchange *exchange, const struct service_pipeline *pipeline,
                     const struct set_query *query)
{
    const struct service *service = server_service(exchange->server);
    const struct set_plan *plan = set_find(exchange, pipeline->plan);
    if (!plan)
        return;
    struct version version = pipeline_version(pipeline);
    struct query_result result;
    struct query_error error;
    if (query_set(plan, pipeline->plan, pipeline->partitions, pipeline->partition_count,
                  service->expressions, &service->limits, query, &result, &error) < 0) {
        reply_query_error(exchange, &error);
        return;
    }
    result_reply(exchange, pipeline, version, plan->fingerprint, &result, SHAPE_ROWS);
    query_result_done(&result);
}

void handle_set(struct exchange *exchange)
{
    struct set_query query = {.where = parameter_or_null(exchange, PARAM_WHERE),
                              .order = parameter_or_null(exchange, PARAM_ORDER),
                              .cursor = parameter_or_null(exchange, PARAM_CURSOR)};
    struct service_pipeline pipeline;
    if (!parameter_limit(exchange, &query.limit) || !pipeline_acquire(exchange, &pipeline))
        return;
    read_set(exchange, &pipeline, &query);
    pipeline_release(exchange, &pipeline);
}

static void no_record(struct exchange *exchange, const struct service_pipeline *pipeline,
                      const struct query_result *result)
{
    struct text covers = TEXT_INIT;
    text_add(&covers, "\"covers\":");
    covers_write(&covers, result);
    text_add(&covers, result->complete ? ",\"complete\":true" : ",\"complete\":false");
    reply_problem_with(exchange, PROBLEM_NO_RECORD, covers.data,
                       "set `%.*s` of pipeline `%s` has no record with this key",
                       (int)exchange->captures[1].length, exchange->captures[1].data,
                       pipeline->name);
    text_done(&covers);
}

static void read_set_key(struct exchange *exchange, const struct service_pipeline *pipeline)
{
    const struct set_plan *plan = set_find(exchange, pipeline->plan);
    if (!plan)
        return;
    struct version version = pipeline_version(pipeline);
    struct query_result result;
    struct query_error error;
    if (query_set_key(plan, pipeline->plan, pipeline->partitions, pipeline->partition_count,
                      exchange->captures + 2, exchange->capture_count - 2, &result, &error) < 0) {
        reply_query_error(exchange, &error);
        return;
    }
    if (result.row_count == 0)
        no_record(exchange, pipeline, &result);
    else
        result_reply(exchange, pipeline, version, plan->fingerprint, &result, SHAPE_ROW);
    query_result_done(&result);
}

void handle_set_key(struct exchange *exchange)
{
    struct service_pipeline pipeline;
    if (!pipeline_acquire(exchange, &pipeline))
        return;
    read_set_key(exchange, &pipeline);
    pipeline_release(exchange, &pipeline);
}

/* ---- after=
 * ---------------------------------------------------------------------------------------------------
 */

static enum after_state one_covered(struct exchange *exchange,
                                    const struct service_pipeline *pipeline,
                                    const struct after *after)
{
    bool topic_known = pipeline->partition_count == 0;
    for (uint32_t i = 0; i < pipeline->partition_count; i++) {
        const struct query_partition *p = &pipeline->partitions[i];
        if (!str_is(after->topic, p->topic))
            continue;
        topic_known = true;
        if (p->number != after->partition || !p->partition)
            continue;
        struct partition_info info;
        partition_info(p->partition, &info);
        return info.next_offset > after->offset ? AFTER_COVERED : AFTER_PENDING;
    }
    if (topic_known)
        return AFTER_PENDING; /* it may be assigned meanwhile */
    reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                  "`after=`: pipeline `%s` does not read a topic `%.*s`", pipeline->name,
                  (int)after->topic.length, after->topic.data);
    return AFTER_REFUSED;
}

enum after_state after_check(struct exchange *exchange)
{
    if (exchange->after_count == 0)
        return AFTER_COVERED;
    struct service_pipeline pipeline;
    if (!pipeline_acquire(exchange, &pipeline))
        return AFTER_REFUSED;
    enum after_state state = AFTER_COVERED;
    for (uint32_t i = 0; i < exchange->after_count && state == AFTER_COVERED; i++)
        state = one_covered(exchange, &pipeline, &exchange->afters[i]);
    pipeline_release(exchange, &pipeline);
    return state;
}

void after_timed_out(struct exchange *exchange)
{
    int64_t timeout_ns = AFTER_TIMEOUT_NS_DEFAULT;
    if (!parameter_timeout(exchange, &timeout_ns))
        return;
    struct text text = TEXT_INIT;
    for (uint32_t i = 0; i < exchange->after_count; i++)
        text_addf(&text, "%s%.*s:%d:%lld", i ? ", " : "", (int)exchange->afters[i].topic.length,
                  exchange->afters[i].topic.data, exchange->afters[i].partition,
                  (long long)exchange->afters[i].offset);
    reply_problem(exchange, PROBLEM_OUT_OF_TIME,
                  "%.400s was not covered within %lld ms; the pipeline may be behind or paused "
                  "(see /v1/pipelines/%s), or the offset may not exist yet",
                  text.data, (long long)(timeout_ns / 1000000), exchange->captures[0].data);
    text_done(&text);
}
