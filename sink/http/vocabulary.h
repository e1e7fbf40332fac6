/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vocabulary.h: the words of the HTTP interface, each in one table.
 *
 * docs/http.md, /openapi.json, the metrics' labels and the parsers come from these.
 */
#ifndef SINK_HTTP_VOCABULARY_H
#define SINK_HTTP_VOCABULARY_H

/* X(symbol, name) */
#define HTTP_METHODS(X)                                                                            \
    X(METHOD_GET, "GET")                                                                           \
    X(METHOD_HEAD, "HEAD")                                                                         \
    X(METHOD_POST, "POST")                                                                         \
    X(METHOD_PUT, "PUT")                                                                           \
    X(METHOD_DELETE, "DELETE")                                                                     \
    X(METHOD_OPTIONS, "OPTIONS")                                                                   \
    X(METHOD_PATCH, "PATCH")                                                                       \
    X(METHOD_OTHER, "other")

enum http_method {
#define METHOD_ENUM(symbol, name) symbol,
    HTTP_METHODS(METHOD_ENUM)
#undef METHOD_ENUM
        METHOD_COUNT
};

/* Formats of an answer. X(symbol, name, type, subtype, content type) */
#define HTTP_FORMATS(X)                                                                            \
    X(FORMAT_JSON, "json", "application", "json", "application/json")                              \
    X(FORMAT_NDJSON, "ndjson", "application", "x-ndjson", "application/x-ndjson")                  \
    X(FORMAT_CSV, "csv", "text", "csv", "text/csv; charset=utf-8; header=present")

enum http_format {
#define FORMAT_ENUM(symbol, name, type, subtype, content_type) symbol,
    HTTP_FORMATS(FORMAT_ENUM)
#undef FORMAT_ENUM
        FORMAT_COUNT
};
#define FORMATS_JSON (1u << FORMAT_JSON)
#define FORMATS_ALL  ((1u << FORMAT_COUNT) - 1)

/*
 * What can be wrong. The type of a problem document is "urn:weir:problem:" and the name.
 * X(symbol, name, status, title)
 */
#define HTTP_PROBLEMS(X)                                                                           \
    X(PROBLEM_UNKNOWN_PARAMETER, "unknown-parameter", 400, "Unknown parameter")                    \
    X(PROBLEM_BAD_PARAMETER, "bad-parameter", 400, "Bad parameter")                                \
    X(PROBLEM_UNKNOWN_COLUMN, "unknown-column", 400, "Unknown column")                             \
    X(PROBLEM_EXPRESSION, "expression", 400, "Bad expression")                                     \
    X(PROBLEM_BAD_CURSOR, "bad-cursor", 400, "Bad cursor")                                         \
    X(PROBLEM_BAD_KEY, "bad-key", 400, "Bad key")                                                  \
    X(PROBLEM_BAD_PATH, "bad-path", 400, "Bad path")                                               \
    X(PROBLEM_BAD_BODY, "bad-body", 400, "Bad request body")                                       \
    X(PROBLEM_FORBIDDEN, "forbidden", 403, "Not allowed")                                          \
    X(PROBLEM_NOT_FOUND, "not-found", 404, "No such resource")                                     \
    X(PROBLEM_UNKNOWN_PIPELINE, "unknown-pipeline", 404, "No such pipeline")                       \
    X(PROBLEM_UNKNOWN_AGGREGATE, "unknown-aggregate", 404, "No such aggregate")                    \
    X(PROBLEM_UNKNOWN_SET, "unknown-set", 404, "No such set")                                      \
    X(PROBLEM_NO_RECORD, "no-record", 404, "No record with this key")                              \
    X(PROBLEM_METHOD, "method-not-allowed", 405, "Method not allowed")                             \
    X(PROBLEM_NOT_ACCEPTABLE, "not-acceptable", 406, "Format not available")                       \
    X(PROBLEM_STATE, "wrong-state", 409, "Not in this state")                                      \
    X(PROBLEM_BODY_TOO_LARGE, "body-too-large", 413, "Request body too large")                     \
    X(PROBLEM_LIMIT, "limit", 422, "Query over a limit")                                           \
    X(PROBLEM_TOO_MANY, "too-many-requests", 429, "Too many requests at once")                     \
    X(PROBLEM_INTERNAL, "internal", 500, "Fault of the server")                                    \
    X(PROBLEM_UNAVAILABLE, "unavailable", 503, "Not available now")                                \
    X(PROBLEM_OUT_OF_TIME, "out-of-time", 504, "Out of time")

enum http_problem {
#define PROBLEM_ENUM(symbol, name, status, title) symbol,
    HTTP_PROBLEMS(PROBLEM_ENUM)
#undef PROBLEM_ENUM
        PROBLEM_COUNT
};

/*
 * Query parameters. X(symbol, name, schema, summary); schema is JSON Schema, without braces.
 */
#define HTTP_PARAMETERS(X)                                                                         \
    X(PARAM_BY, "by", "\"type\":\"string\"",                                                       \
      "Some of the group columns, separated by commas; groups are merged. Empty: one total.")      \
    X(PARAM_WHERE, "where", "\"type\":\"string\"",                                                 \
      "An expression; rows for which it is true are answered.")                                    \
    X(PARAM_ORDER, "order", "\"type\":\"string\"",                                                 \
      "Columns separated by commas, each with an optional - for descending. Nulls come first, "    \
      "with - last.")                                                                              \
    X(PARAM_LIMIT, "limit",                                                                        \
      "\"type\":\"integer\",\"minimum\":1,\"maximum\":100000,\"default\":1000",                    \
      "Rows in one answer.")                                                                       \
    X(PARAM_CURSOR, "cursor", "\"type\":\"string\"",                                               \
      "next_cursor of the page before; the other parameters stay the same.")                       \
    X(PARAM_WINDOW, "window", "\"type\":\"string\"",                                               \
      "A multiple of the declared pane (5m), or all: one window from the first pane to the last.") \
    X(PARAM_FROM, "from", "\"type\":\"string\",\"format\":\"date-time\"",                          \
      "Only windows that end after this time.")                                                    \
    X(PARAM_TO, "to", "\"type\":\"string\",\"format\":\"date-time\"",                              \
      "Only windows that begin before this time.")                                                 \
    X(PARAM_LAST, "last", "\"type\":\"string\"",                                                   \
      "Only windows that end less than this duration (1h) before the newest watermark.")           \
    X(PARAM_AFTER, "after", "\"type\":\"string\"",                                                 \
      "TOPIC:PARTITION:OFFSET: wait until the answer covers this record. Repeatable.")             \
    X(PARAM_TIMEOUT, "timeout", "\"type\":\"string\",\"default\":\"5s\"",                          \
      "How long to wait for after=, at most 60s; 504 then.")                                       \
    X(PARAM_FORMAT, "format", "\"type\":\"string\",\"enum\":[\"json\",\"ndjson\",\"csv\"]",        \
      "Instead of the Accept header.")                                                             \
    X(PARAM_KEY, "key", "\"type\":\"string\"", "The Kafka key of the record. None: a null key.")

enum http_parameter {
#define PARAM_ENUM(symbol, name, schema, summary) symbol,
    HTTP_PARAMETERS(PARAM_ENUM)
#undef PARAM_ENUM
        PARAM_COUNT
};
#define PARAM_BIT(parameter) (1u << (parameter))

/* Why a request was refused by a limit: label of weir_http_rejected_total. X(symbol, name, meaning)
 */
#define HTTP_REJECTIONS(X)                                                                         \
    X(REJECT_TOO_MANY, "too_many", "as many queries as may be are waiting or running")             \
    X(REJECT_WAITED, "waited_too_long", "no query thread came free within the limit of time")      \
    X(REJECT_BODY, "body_too_large", "the body is over its limit")                                 \
    X(REJECT_STOPPING, "stopping", "the server is stopping")

enum http_rejection {
#define REJECTION_ENUM(symbol, name, meaning) symbol,
    HTTP_REJECTIONS(REJECTION_ENUM)
#undef REJECTION_ENUM
        REJECTION_COUNT
};

#define ANSWER_ROWS_DEFAULT      1000
#define ANSWER_ROWS_MAX          100000
#define AFTER_TIMEOUT_NS_DEFAULT (5LL * 1000000000LL)
#define AFTER_TIMEOUT_NS_MAX     (60LL * 1000000000LL)
/* Smaller answers are not compressed: the frame would eat what is won. */
#define COMPRESS_BYTES_MIN 1024

#endif
