/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/value.h"
#include "sink/http/exchange.h"

#define BODY_BYTES_USUAL 4096

static const struct {
    const char *name;
    unsigned status;
    const char *title;
} problems[PROBLEM_COUNT] = {
#define PROBLEM_ENTRY(symbol, name, status, title) {name, status, title},
    HTTP_PROBLEMS(PROBLEM_ENTRY)
#undef PROBLEM_ENTRY
};

void reply_header(struct exchange *exchange, const char *name, const char *value)
{
    struct reply *reply = &exchange->reply;
    CHECK(reply->header_count < REPLY_HEADERS_MAX);
    const char *copy = arena_copy(&exchange->arena, value, strlen(value) + 1);
    if (copy)
        reply->headers[reply->header_count++] = (struct reply_header){name, copy};
}

/* Room for an answer of usual size at once, instead of by doubling from nothing: an answer takes
 * the buffer with it. */
static void body_reserve(struct text *body)
{
    if (body->data || (body->limit_bytes && body->limit_bytes < BODY_BYTES_USUAL))
        return;
    body->data = malloc(BODY_BYTES_USUAL);
    body->capacity = body->data ? BODY_BYTES_USUAL : 0;
    if (body->data)
        body->data[0] = '\0';
}

struct text *reply_begin(struct exchange *exchange, const char *content_type)
{
    struct reply *reply = &exchange->reply;
    reply->status = 200;
    reply->content_type = content_type;
    reply->header_count = 0;
    reply->etag[0] = '\0';
    text_clear(&reply->body);
    body_reserve(&reply->body);
    return &reply->body;
}

__attribute__((format(printf, 4, 0))) static void
problem_write(struct exchange *exchange, enum http_problem problem, const char *member,
              const char *format, va_list arguments)
{
    char detail[WEIR_ERROR_TEXT_BYTES_MAX];
    vsnprintf(detail, sizeof(detail), format, arguments);
    struct text *out = reply_begin(exchange, "application/problem+json");
    exchange->reply.status = problems[problem].status;
    exchange->reply.version = (struct version){0, 0};
    text_addf(out, "{\"type\":\"urn:weir:problem:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":",
              problems[problem].name, problems[problem].title, problems[problem].status);
    json_write_string(out, detail, strlen(detail));
    if (member) {
        text_add_char(out, ',');
        text_add(out, member);
    }
    text_add(out, "}\n");
    if (problems[problem].status == 429 || problems[problem].status == 503)
        reply_header(exchange, "Retry-After", "1");
}

void reply_problem(struct exchange *exchange, enum http_problem problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_write(exchange, problem, NULL, format, arguments);
    va_end(arguments);
}

void reply_problem_with(struct exchange *exchange, enum http_problem problem, const char *member,
                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_write(exchange, problem, member, format, arguments);
    va_end(arguments);
}

void reply_query_error(struct exchange *exchange, const struct query_error *error)
{
    enum http_problem problem = PROBLEM_INTERNAL;
    for (uint32_t p = 0; p < PROBLEM_COUNT; p++)
        if (strcmp(problems[p].name, error->kind) == 0)
            problem = (enum http_problem)p;
    char position[32];
    snprintf(position, sizeof(position), "\"position\":%u", error->position);
    reply_problem_with(exchange, problem, error->position == UINT32_MAX ? NULL : position, "%s",
                       error->text);
}

void reply_service_error(struct exchange *exchange, const struct weir_error *error)
{
    enum http_problem problem = error->status == WEIR_E_INVALID       ? PROBLEM_BAD_BODY
                                : error->status == WEIR_E_STATE       ? PROBLEM_STATE
                                : error->status == WEIR_E_UNAVAILABLE ? PROBLEM_UNAVAILABLE
                                : error->status == WEIR_E_NOMEM       ? PROBLEM_UNAVAILABLE
                                : error->status == WEIR_E_LIMIT       ? PROBLEM_LIMIT
                                                                      : PROBLEM_INTERNAL;
    reply_problem(exchange, problem, "%s", error->text);
}
