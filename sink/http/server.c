/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/server.h"

#include <microhttpd.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/value.h"
#include "sink/http/listen.h"
#include "sink/http/parameters.h"
#include "sink/http/reads.h"
#include "sink/http/routes.h"

#define SERVER_MAGIC               0x77656972u
#define EXCHANGE_MAGIC             0x65786368u
#define EXCHANGE_MEMORY_BYTES_MAX  ((size_t)8 << 20)
#define EXCHANGE_MEMORY_BYTES_KEPT ((size_t)128 << 10)
#define EXCHANGE_BODY_BYTES_KEPT   ((size_t)64 << 10)
/* Of a body that nobody wants; beyond it the connection is closed. */
#define BODY_DISCARDED_BYTES_MAX ((int64_t)64 << 20)

const struct service *server_service(const struct http_server *server)
{
    return server->service;
}

/* ---- exchanges
 * ------------------------------------------------------------------------------------------ */

static struct exchange *exchange_new(struct http_server *server)
{
    struct exchange *exchange = server->free;
    if (exchange) {
        server->free = exchange->next;
        server->free_count--;
        return exchange;
    }
    exchange = mem_alloc(sizeof(*exchange));
    exchange->magic = EXCHANGE_MAGIC;
    exchange->server = server;
    arena_init(&exchange->arena, EXCHANGE_MEMORY_BYTES_MAX);
    exchange->reply.body.limit_bytes = server->service->limits.bytes_max;
    exchange->body.limit_bytes = server->options.body_bytes_max;
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    arena_done(&exchange->arena);
    text_done(&exchange->body);
    text_done(&exchange->reply.body);
    free(exchange);
}

/* Ready for the next request; what is large is not kept. */
static void exchange_give(struct http_server *server, struct exchange *exchange)
{
    answer_unref(exchange->answer);
    if (server->free_count == EXCHANGES_KEPT_MAX) {
        exchange_free(exchange);
        return;
    }
    struct arena arena = exchange->arena;
    struct text body = exchange->body;
    struct text reply_body = exchange->reply.body;
    arena_reset(&arena, EXCHANGE_MEMORY_BYTES_KEPT);
    if (body.capacity > EXCHANGE_BODY_BYTES_KEPT)
        text_done(&body);
    text_clear(&body);
    if (reply_body.capacity > EXCHANGE_BODY_BYTES_KEPT)
        text_done(&reply_body);
    text_clear(&reply_body);
    *exchange = (struct exchange){.magic = EXCHANGE_MAGIC,
                                  .server = server,
                                  .next = server->free,
                                  .arena = arena,
                                  .body = body,
                                  .reply = {.body = reply_body}};
    server->free = exchange;
    server->free_count++;
}

/* The request line was read: the one place where the target is seen as it was sent. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = context;
    struct exchange *exchange = exchange_new(server);
    exchange->connection = connection;
    exchange->started_ns = clock_mono_ns();
    exchange->target = arena_copy(&exchange->arena, target, strlen(target) + 1);
    if (!exchange->target) /* no memory: it finds no route */
        exchange->target = server->no_target;
    exchange->target_length = strlen(exchange->target);
    atomic_fetch_add(&server->in_flight, 1);
    measures_begin(server->measures);
    return exchange;
}

static void log_request(const struct exchange *exchange, unsigned status)
{
    enum log_level level = status >= 500 ? LOG_WARN : exchange->request_id ? LOG_INFO : LOG_DEBUG;
    if (level > log_level_now())
        return;
    const char *route = exchange->route ? exchange->route->path : "none";
    int64_t us = (clock_mono_ns() - exchange->started_ns) / 1000;
    const char *id = exchange->request_id ? exchange->request_id : "";
    if (exchange->request_id || level == LOG_DEBUG)
        log_event(level, "http_request", "route=%s status=%u us=%lld request_id=%s", route, status,
                  (long long)us, log_quote(id));
    else
        log_event_limited(level, "http_request", 1000, "route=%s status=%u us=%lld", route, status,
                          (long long)us);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct http_server *server = context;
    struct exchange *exchange = *request;
    *request = NULL;
    if (!exchange)
        return;
    CHECK(exchange->magic == EXCHANGE_MAGIC && exchange->state != EXCHANGE_AWAY);
    unsigned status = exchange->sent_status;
    measures_end(server->measures, exchange, status);
    log_request(exchange, status);
    exchange_give(server, exchange);
    if (atomic_fetch_sub(&server->in_flight, 1) > 1 || !atomic_load(&server->stopping))
        return;
    pthread_mutex_lock(&server->idle_lock);
    pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->idle_lock);
}

/* ---- one request
 * ------------------------------------------------------------------------------------------ */

static enum http_method method_read(const char *name)
{
    static const char *const names[METHOD_COUNT] = {
#define METHOD_NAME(symbol, name) name,
        HTTP_METHODS(METHOD_NAME)
#undef METHOD_NAME
    };
    for (uint32_t m = 0; m < METHOD_OTHER; m++)
        if (strcmp(name, names[m]) == 0)
            return (enum http_method)m;
    return METHOD_OTHER;
}

static enum MHD_Result header_take(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    struct exchange *exchange = context;
    if (!value)
        return MHD_YES;
    if (strcasecmp(name, "Accept") == 0)
        exchange->accept = value;
    else if (strcasecmp(name, "Accept-Encoding") == 0)
        exchange->accept_encoding = value;
    else if (strcasecmp(name, "If-None-Match") == 0)
        exchange->if_none_match = value;
    else if (strcasecmp(name, "X-Request-Id") == 0)
        exchange->request_id = value;
    else if (strcasecmp(name, "Origin") == 0)
        exchange->origin = value;
    else if (strcasecmp(name, "Host") == 0)
        exchange->host = value;
    else if (strcasecmp(name, "Content-Length") == 0)
        exchange->content_length = value;
    else if (strcasecmp(name, "Transfer-Encoding") == 0)
        exchange->is_chunked = true;
    else if (strcasecmp(name, "Expect") == 0)
        exchange->expects_continue = true;
    return MHD_YES;
}

/* An id that is not short printable text is not repeated. */
static const char *request_id_checked(const char *id)
{
    size_t length = id ? strlen(id) : 0;
    if (length == 0 || length > REQUEST_ID_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < length; i++)
        if (id[i] < 0x20 || id[i] > 0x7e)
            return NULL;
    return id;
}

static void headers_take(struct exchange *exchange, const char *method)
{
    exchange->begun = true;
    exchange->method = method_read(method);
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, header_take, exchange);
    exchange->request_id = request_id_checked(exchange->request_id);
}

static enum MHD_Result exchange_send(struct exchange *exchange)
{
    if (!exchange->answer)
        exchange->answer = answer_make(exchange);
    return answer_send(exchange->answer, exchange, &exchange->sent_status) ? MHD_YES : MHD_NO;
}

/* A kept answer, if nothing that it was made from has changed. */
static bool send_kept(struct exchange *exchange)
{
    if (exchange->method != METHOD_GET && exchange->method != METHOD_HEAD)
        return false;
    struct http_server *server = exchange->server;
    struct cached cached;
    struct answer *answer = cache_find(server->cache, exchange, &cached);
    struct service_pipeline pipeline;
    if (!answer || !server->service->acquire(server->service->context, cached.pipeline, &pipeline))
        return false;
    bool same = version_equal(pipeline_version(&pipeline), cached.version);
    server->service->release(server->service->context, &pipeline);
    if (!same)
        return false;
    exchange->route = cached.route;
    exchange->answer = answer_ref(answer);
    return true;
}

/* A page elsewhere must not make a browser pause a pipeline or write a record (cross-site request
 * forgery): such a request carries an Origin that is not this host. */
static bool is_cross_site(const struct exchange *exchange)
{
    if (exchange->method == METHOD_GET || exchange->method == METHOD_HEAD || !exchange->origin)
        return false;
    const char *host = strstr(exchange->origin, "://");
    return !host || !exchange->host || strcasecmp(host + 3, exchange->host) != 0;
}

/* Finds the route and checks what can be checked before the body is there. False: the reply says
 * what is wrong. */
static bool request_check(struct exchange *exchange)
{
    struct text allow = TEXT_INIT;
    bool good = false;
    switch (route_find(exchange, &allow)) {
    case ROUTE_BAD_PATH:
        reply_problem(
            exchange, PROBLEM_BAD_PATH,
            "the path is not one, or a %% in it is not followed by two hexadecimal digits");
        break;
    case ROUTE_NO_PATH:
        reply_problem(exchange, PROBLEM_NOT_FOUND,
                      "there is nothing at this path; /openapi.json lists what there is");
        break;
    case ROUTE_NO_METHOD:
        if (exchange->method == METHOD_OPTIONS)
            reply_begin(exchange, NULL), exchange->reply.status = 204;
        else
            reply_problem(exchange, PROBLEM_METHOD, "this path takes %s", allow.data);
        reply_header(exchange, "Allow", allow.data);
        break;
    case ROUTE_FOUND:
        if (is_cross_site(exchange))
            reply_problem(exchange, PROBLEM_FORBIDDEN,
                          "the request comes from a page of another site (%.200s)",
                          exchange->origin);
        else
            good = parameters_read(exchange) && format_choose(exchange);
        break;
    }
    text_done(&allow);
    if (good)
        exchange->coding = coding_choose(exchange->accept_encoding);
    return good;
}

void exchange_run(struct exchange *exchange)
{
    exchange->route->handle(exchange);
}

static bool runs_in_loop(struct exchange *exchange)
{
    const struct route *route = exchange->route;
    if (route->thread != ROUTE_EITHER)
        return route->thread == ROUTE_LOOP;
    int64_t cost_ns = cache_cost_ns(exchange->server->cache, exchange);
    return cost_ns >= 0 && cost_ns < QUICK_NS_MAX;
}

/* Takes the exchange away from the loop, to wait or to run. */
static enum MHD_Result send_away(struct exchange *exchange, bool wait)
{
    struct http_server *server = exchange->server;
    if (atomic_load(&server->stopping)) {
        measures_reject(server->measures, REJECT_STOPPING);
        reply_problem(exchange, PROBLEM_UNAVAILABLE, "the server is stopping");
        return exchange_send(exchange);
    }
    if (atomic_load(&server->away) >= server->options.queries_max) {
        measures_reject(server->measures, REJECT_TOO_MANY);
        reply_problem(exchange, PROBLEM_TOO_MANY,
                      "%u queries are waiting or running, as many as may be; try again in a moment",
                      server->options.queries_max);
        return exchange_send(exchange);
    }
    atomic_fetch_add(&server->away, 1);
    exchange->state = EXCHANGE_AWAY;
    MHD_suspend_connection(exchange->connection);
    if (wait)
        pool_wait(server, exchange);
    else
        pool_run(server, exchange);
    return MHD_YES;
}

/* Runs the handler here if it is quick, and remembers how quick. */
static enum MHD_Result run_here(struct exchange *exchange)
{
    int64_t begun_ns = clock_mono_ns();
    exchange_run(exchange);
    if (exchange->route->thread == ROUTE_EITHER)
        cache_cost_set(exchange->server->cache, exchange, clock_mono_ns() - begun_ns);
    exchange->answer = answer_make(exchange);
    cache_put(exchange->server->cache, exchange);
    return exchange_send(exchange);
}

/* The whole request is there. */
static enum MHD_Result request_run(struct exchange *exchange)
{
    int64_t timeout_ns;
    if (!parameter_timeout(exchange, &timeout_ns))
        return exchange_send(exchange);
    if (!exchange->after_count)
        return runs_in_loop(exchange) ? run_here(exchange) : send_away(exchange, false);
    exchange->wait_until_ns = clock_mono_ns() + timeout_ns;
    switch (after_check(exchange)) {
    case AFTER_REFUSED:
        return exchange_send(exchange);
    case AFTER_PENDING:
        return send_away(exchange, true);
    default:
        return runs_in_loop(exchange) ? run_here(exchange) : send_away(exchange, false);
    }
}

/* Back from a query thread. */
static enum MHD_Result request_came_back(struct exchange *exchange)
{
    if (exchange->route->thread == ROUTE_EITHER && exchange->run_ns)
        cache_cost_set(exchange->server->cache, exchange, exchange->run_ns);
    cache_put(exchange->server->cache, exchange);
    return exchange_send(exchange);
}

static bool takes_body(const struct exchange *exchange)
{
    return exchange->method == METHOD_POST || exchange->method == METHOD_PUT;
}

static void body_refuse(struct exchange *exchange)
{
    measures_reject(exchange->server->measures, REJECT_BODY);
    reply_problem(exchange, PROBLEM_BODY_TOO_LARGE, "the body is larger than %u bytes",
                  exchange->server->options.body_bytes_max);
    exchange->refused = true;
}

/* How many bytes of body are announced: 0 none, -1 not said, or not a number. */
static int64_t body_announced(const struct exchange *exchange)
{
    const char *length = exchange->content_length;
    int64_t bytes = 0;
    if (exchange->is_chunked || (length && int_read(length, strlen(length), &bytes) < 0))
        return -1;
    return bytes;
}

/* Headers are there, the body is not. The library closes a connection that is answered now, so that
 * is left to where a client waits for leave to send, or would send too much. */
static enum MHD_Result request_begin(struct exchange *exchange, const char *method)
{
    headers_take(exchange, method);
    int64_t bytes = body_announced(exchange);
    if (bytes == 0)
        return MHD_YES;
    exchange->checked = true;
    exchange->refused = !request_check(exchange);
    if (!exchange->refused && takes_body(exchange) &&
        bytes > exchange->server->options.body_bytes_max)
        body_refuse(exchange);
    bool at_once = exchange->expects_continue || bytes > BODY_DISCARDED_BYTES_MAX;
    return exchange->refused && at_once ? exchange_send(exchange) : MHD_YES;
}

/* All of it is there. */
static enum MHD_Result request_end(struct exchange *exchange)
{
    if (!exchange->checked) {
        if (send_kept(exchange))
            return exchange_send(exchange);
        exchange->refused = !request_check(exchange);
    }
    return exchange->refused ? exchange_send(exchange) : request_run(exchange);
}

/* A piece of the body. What nobody wants is thrown away, up to a point. */
static enum MHD_Result body_take(struct exchange *exchange, const char *data, size_t *length)
{
    size_t bytes = *length;
    *length = 0;
    if (!exchange->refused && takes_body(exchange)) {
        text_add_bytes(&exchange->body, data, bytes);
        if (!exchange->body.failed)
            return MHD_YES;
        body_refuse(exchange);
    }
    exchange->discarded_bytes += (int64_t)bytes;
    return exchange->discarded_bytes > BODY_DISCARDED_BYTES_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **request)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    struct exchange *exchange = *request;
    if (!exchange)
        return MHD_NO;
    CHECK(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->state == EXCHANGE_READY)
        return request_came_back(exchange);
    if (!exchange->begun)
        return request_begin(exchange, method);
    if (*length > 0)
        return body_take(exchange, data, length);
    return request_end(exchange);
}

/* Targets stay as they were sent: routes.c decodes, so that an escaped slash is not a separator. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ---- life
 * ----------------------------------------------------------------------------------------------------
 */

static struct MHD_Daemon *daemon_start(struct http_server *server, int listener)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT, server->options.connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_CONNECTION_SECONDS_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static void idle_init(struct http_server *server)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&server->idle_lock, NULL);
    pthread_cond_init(&server->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void server_free(struct http_server *server)
{
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->idle_lock);
    cache_free(server->cache);
    measures_free(server->measures);
    while (server->free) {
        struct exchange *exchange = server->free;
        server->free = exchange->next;
        exchange_free(exchange);
    }
    free(server);
}

int http_server_start(const struct http_options *options, const struct service *service,
                      struct http_server **ret_server, struct weir_error *error)
{
    uint16_t port;
    int listener = listen_open(options->listen, options->insecure, &port, error);
    if (listener < 0)
        return listener;
    struct http_server *server = mem_alloc(sizeof(*server));
    server->magic = SERVER_MAGIC;
    server->service = service;
    server->options = *options;
    server->port = port;
    server->cache = cache_new();
    server->measures = measures_new();
    idle_init(server);
    int status = pool_start(server, error);
    if (status == 0) {
        server->daemon = daemon_start(server, listener);
        if (server->daemon) {
            *ret_server = server;
            return 0;
        }
        status = error_set_errno(error, WEIR_E_UNAVAILABLE, "the HTTP server does not start");
        pool_stop(server);
        pool_done(server);
    }
    close(listener);
    server_free(server);
    return status;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

/* Answers on their way are sent, unless their clients do not read them. */
static void wait_until_idle(struct http_server *server)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_NS_MAX / NS_PER_SECOND;
    pthread_mutex_lock(&server->idle_lock);
    while (atomic_load(&server->in_flight) > 0 &&
           pthread_cond_timedwait(&server->idle, &server->idle_lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&server->idle_lock);
}

void http_server_stop(struct http_server *server)
{
    if (!server)
        return;
    CHECK(server->magic == SERVER_MAGIC);
    atomic_store(&server->stopping, true);
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    /* New connections are refused from here on; the loop may still hold the number, so it is closed
     * after it. */
    if (listener != MHD_INVALID_SOCKET)
        (void)shutdown(listener, SHUT_RD);
    pool_stop(server);
    wait_until_idle(server);
    MHD_stop_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
    pool_done(server);
    server_free(server);
}
