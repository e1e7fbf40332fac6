/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h: one request and its reply.
 *
 *   reading --> [away: waiting for an offset, queued, running] --> ready --> sent
 *
 * An exchange is made when the request line is read and goes back to its server's free list when
 * the library has sent the reply or lost the client. It belongs to the event loop but while it is
 * away: then to the waiter or to one query thread, and its connection is suspended. It is never
 * touched by two. Handlers fill in `reply` and know nothing of the HTTP library.
 */
#ifndef SINK_HTTP_EXCHANGE_H
#define SINK_HTTP_EXCHANGE_H

#include "base/memory.h"
#include "base/text.h"
#include "sink/http.h"
#include "sink/http/vocabulary.h"

struct MHD_Connection;
struct answer;
struct route;

#define PATH_CAPTURES_MAX    20
#define REPLY_HEADERS_MAX    12
#define REQUEST_ID_BYTES_MAX 128
/* Headers of a reply share the connection's 32 KiB with those of the request. */
#define COVERS_HEADER_BYTES_MAX 8192

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD };

struct parameter_value { /* decoded, in the exchange's memory, terminated by a NUL */
    const char *text;    /* NULL: not given */
    size_t length;
};

struct after { /* one `after=` */
    struct weir_str topic;
    int32_t partition;
    int64_t offset;
};

/* What an answer was made from: equal versions of one request give equal bytes. */
struct version {
    uint64_t low, high; /* both 0: of nothing that can be compared */
};

struct reply_header {
    const char *name; /* static */
    const char *value;
};

struct reply {
    unsigned status;
    const char *content_type;
    struct text body;
    struct reply_header headers[REPLY_HEADERS_MAX];
    uint32_t header_count;
    char etag[40];          /* without quotes and coding; "": none */
    struct version version; /* of a read that may be kept and answered again */
};

enum exchange_state { EXCHANGE_READING, EXCHANGE_AWAY, EXCHANGE_READY };

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    struct http_server *server;
    struct MHD_Connection *connection;
    struct exchange *next; /* in one of the lists: free, queue, waiting */
    struct arena arena;

    /* The request. */
    char *target; /* as sent: path and query */
    size_t target_length;
    enum http_method method;
    const struct route *route; /* NULL: none matches */
    enum http_format format;
    enum coding coding;
    struct weir_str captures[PATH_CAPTURES_MAX]; /* of the route's {names}, decoded, NUL behind */
    uint32_t capture_count;
    struct parameter_value parameters[PARAM_COUNT];
    struct after *afters;
    uint32_t after_count;
    struct text body;
    const char *accept;
    const char *accept_encoding;
    const char *if_none_match;
    const char *request_id;
    const char *origin;
    const char *host;
    const char *content_length;
    bool is_chunked;
    bool expects_continue;
    bool begun;   /* the request's headers were looked at */
    bool checked; /* .. and its route and parameters */
    bool refused; /* the reply stands; the body is thrown away */
    int64_t discarded_bytes;
    unsigned sent_status; /* 0: nothing was sent */

    int64_t started_ns;    /* monotonic */
    int64_t wait_until_ns; /* with after=; monotonic */
    int64_t queued_ns;
    int64_t run_ns; /* how long the handler took on a query thread */

    struct reply reply;
    struct answer *answer; /* what is sent in the end */
};

static inline const char *exchange_parameter(const struct exchange *exchange,
                                             enum http_parameter parameter)
{
    return exchange->parameters[parameter].text;
}

/* Replies. The value of a header is copied. */
void reply_header(struct exchange *exchange, const char *name, const char *value);
void reply_problem(struct exchange *exchange, enum http_problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With a member of its own behind the usual ones, as JSON: `"position":12`. NULL: none. */
void reply_problem_with(struct exchange *exchange, enum http_problem problem, const char *member,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
void reply_query_error(struct exchange *exchange, const struct query_error *error);
/* Out of a failed call of the service. */
void reply_service_error(struct exchange *exchange, const struct weir_error *error);
/* 200 with the body begun. */
struct text *reply_begin(struct exchange *exchange, const char *content_type);

#endif
