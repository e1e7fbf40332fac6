/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: their state, pausing, and producing to their sources. */
#include "base/check.h"
#include "base/clock.h"
#include "base/value.h"
#include "sink/http/format.h"
#include "sink/http/routes.h"
#include "sink/http/server.h"

static void text_or_null(struct text *out, const char *text)
{
    if (*text)
        json_write_string(out, text, strlen(text));
    else
        text_add(out, "null");
}

static void count_or_null(struct text *out, int64_t value)
{
    if (value < 0)
        text_add(out, "null");
    else
        int_write(out, value);
}

static void records_write(struct text *out, const struct record_counts *records)
{
    text_addf(out,
              "{\"consumed\":%llu,\"applied\":%llu,\"filtered\":%llu,\"rejected\":%llu,"
              "\"skipped\":%llu,\"pending\":%llu}",
              (unsigned long long)records->consumed, (unsigned long long)records->applied,
              (unsigned long long)records->filtered, (unsigned long long)records->rejected,
              (unsigned long long)records->skipped, (unsigned long long)records->pending);
}

static void partition_write(struct text *out, const struct partition_status *p)
{
    text_add(out, "{\"topic\":");
    json_write_string(out, p->topic, strlen(p->topic));
    text_addf(out, ",\"partition\":%d,\"state\":\"%s\",\"reason\":", p->partition,
              partition_state_name(p->state));
    text_or_null(out, p->reason);
    text_add(out, ",\"owner\":\"self\",\"next_offset\":");
    int_write(out, p->next_offset);
    text_add(out, ",\"end_offset\":");
    count_or_null(out, p->end_offset);
    text_add(out, ",\"lag_records\":");
    count_or_null(out, p->lag_records);
    text_add(out, ",\"lag_seconds\":");
    int64_t lag_ms = p->lag_ns / 1000000;
    if (p->lag_ns < 0)
        text_add(out, "null");
    else
        float_write(out, (double)lag_ms / 1000.0);
    text_add(out, ",\"watermark\":");
    time_write(out, p->watermark_ns, INT64_MIN);
    text_add(out, ",\"last_progress\":");
    time_write(out, p->last_progress_ns, 0);
    text_add(out, ",\"snapshot_offset\":");
    count_or_null(out, p->snapshot_offset);
    text_add(out, ",\"records\":");
    records_write(out, &p->records);
    text_add_char(out, '}');
}

static void names_write(struct text *out, const struct service_pipeline *pipeline)
{
    const struct sink_plan *plan = pipeline->plan;
    text_add(out, ",\n\"aggregates\":[");
    for (uint32_t i = 0; i < plan->aggregate_count; i++) {
        text_add(out, i ? "," : "");
        json_write_string(out, plan->aggregates[i].name, strlen(plan->aggregates[i].name));
    }
    text_add(out, "],\"sets\":[");
    for (uint32_t i = 0; i < plan->set_count; i++) {
        text_add(out, i ? "," : "");
        json_write_string(out, plan->sets[i].name, strlen(plan->sets[i].name));
    }
    text_add(out, "]}\n");
}

static void pipeline_write(struct text *out, const char *name, const struct pipeline_status *status)
{
    text_add(out, "{\"name\":");
    json_write_string(out, name, strlen(name));
    text_addf(out, ",\"state\":\"%s\",\"reason\":", pipeline_state_name(status->state));
    text_or_null(out, status->reason);
    text_add(out, ",\"lag_records\":");
    count_or_null(out, status->lag_records);
    text_add(out, ",\"records\":");
    records_write(out, &status->records);
    text_add(out, ",\n\"partitions\":[");
    for (uint32_t i = 0; i < status->partition_count; i++) {
        text_add(out, i ? ",\n" : "");
        partition_write(out, &status->partitions[i]);
    }
    text_add_char(out, ']');
}

/* The name in the path, NULL after a 404. */
static const char *pipeline_name(struct exchange *exchange)
{
    const char *name = exchange->captures[0].data;
    if (strlen(name) == exchange->captures[0].length)
        return name;
    reply_problem(exchange, PROBLEM_UNKNOWN_PIPELINE, "there is no pipeline with this name");
    return NULL;
}

static void unknown_pipeline(struct exchange *exchange, const char *name)
{
    reply_problem(exchange, PROBLEM_UNKNOWN_PIPELINE,
                  "there is no pipeline `%.100s`; /v1/pipelines lists those that there are", name);
}

static void pipeline_answer(struct exchange *exchange, const char *name)
{
    const struct service *service = server_service(exchange->server);
    struct pipeline_status status;
    struct service_pipeline pipeline;
    if (!service->status(service->context, name, &status)) {
        unknown_pipeline(exchange, name);
        return;
    }
    struct text *out = reply_begin(exchange, "application/json");
    pipeline_write(out, name, &status);
    free(status.partitions);
    if (!service->acquire(service->context, name, &pipeline)) {
        unknown_pipeline(exchange, name); /* it went in between */
        return;
    }
    names_write(out, &pipeline);
    service->release(service->context, &pipeline);
}

void handle_pipeline(struct exchange *exchange)
{
    const char *name = pipeline_name(exchange);
    if (name)
        pipeline_answer(exchange, name);
}

/* ---- the list
 * --------------------------------------------------------------------------------------------- */

static void list_row_json(struct text *out, const char *name, const struct pipeline_status *status)
{
    text_add(out, "{\"name\":");
    json_write_string(out, name, strlen(name));
    text_addf(out, ",\"state\":\"%s\",\"lag_records\":", pipeline_state_name(status->state));
    count_or_null(out, status->lag_records);
    text_add_char(out, '}');
}

static void list_row_csv(struct text *out, const char *name, const struct pipeline_status *status)
{
    csv_write_string(out, name, strlen(name));
    text_addf(out, ",%s,", pipeline_state_name(status->state));
    if (status->lag_records >= 0)
        int_write(out, status->lag_records);
    text_add(out, "\r\n");
}

void handle_pipelines(struct exchange *exchange)
{
    static const char *const heads[] = {"{\"pipelines\":[", "", "name,state,lag_records\r\n"};
    static const char *const types[] = {
#define FORMAT_TYPE(symbol, name, type, subtype, content_type) content_type,
        HTTP_FORMATS(FORMAT_TYPE)
#undef FORMAT_TYPE
    };
    const struct service *service = server_service(exchange->server);
    enum http_format format = exchange->format;
    struct text *out = reply_begin(exchange, types[format]);
    text_add(out, heads[format]);
    const char **names = NULL;
    uint32_t count = service->names(service->context, &names);
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        struct pipeline_status status;
        if (!service->status(service->context, names[i], &status))
            continue;
        free(status.partitions);
        if (format == FORMAT_CSV) {
            list_row_csv(out, names[i], &status);
        } else {
            text_add(out, format == FORMAT_JSON && !first ? ",\n" : "");
            list_row_json(out, names[i], &status);
            text_add(out, format == FORMAT_NDJSON ? "\n" : "");
        }
        first = false;
    }
    free(names);
    if (format == FORMAT_JSON)
        text_add(out, "]}\n");
}

/* ---- acts
 * ---------------------------------------------------------------------------------------------------
 */

static bool pipeline_exists(struct exchange *exchange, const char *name)
{
    const struct service *service = server_service(exchange->server);
    struct service_pipeline pipeline;
    if (!service->acquire(service->context, name, &pipeline)) {
        unknown_pipeline(exchange, name);
        return false;
    }
    service->release(service->context, &pipeline);
    return true;
}

static void pause_set(struct exchange *exchange, bool paused)
{
    const struct service *service = server_service(exchange->server);
    const char *name = pipeline_name(exchange);
    struct weir_error error = {0};
    if (!name || !pipeline_exists(exchange, name))
        return;
    if (service->pause(service->context, name, paused, &error) < 0)
        reply_service_error(exchange, &error);
    else
        pipeline_answer(exchange, name);
}

void handle_pause(struct exchange *exchange)
{
    pause_set(exchange, true);
}

void handle_resume(struct exchange *exchange)
{
    pause_set(exchange, false);
}

void handle_records(struct exchange *exchange)
{
    const struct service *service = server_service(exchange->server);
    const char *name = pipeline_name(exchange);
    if (!name || !pipeline_exists(exchange, name))
        return;
    if (!service->produce) {
        reply_problem(exchange, PROBLEM_STATE,
                      "producing is not allowed; say `http: {produce: true}` in the pipeline file");
        return;
    }
    if (exchange->body.length == 0) {
        reply_problem(exchange, PROBLEM_BAD_BODY,
                      "the body is empty; it is the value of the record to be written");
        return;
    }
    const struct parameter_value *key = &exchange->parameters[PARAM_KEY];
    struct weir_error error = {0};
    const char *topic = NULL;
    int32_t partition = 0;
    int64_t offset = 0;
    if (service->produce(service->context, name, str_make(key->text, key->length),
                         str_make(exchange->body.data, exchange->body.length), &topic, &partition,
                         &offset, &error) < 0) {
        reply_service_error(exchange, &error);
        return;
    }
    struct text *out = reply_begin(exchange, "application/json");
    text_add(out, "{\"topic\":");
    json_write_string(out, topic, strlen(topic));
    text_addf(out, ",\"partition\":%d,\"offset\":%lld}\n", partition, (long long)offset);
}
