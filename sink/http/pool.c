/* SPDX-License-Identifier: Apache-2.0 */
#include <microhttpd.h>
#include <poll.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "sink/http/reads.h"
#include "sink/http/server.h"

/* Gives an exchange back to the event loop. */
static void come_back(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct MHD_Connection *connection = exchange->connection;
    exchange->answer = answer_make(exchange);
    exchange->state = EXCHANGE_READY;
    atomic_fetch_sub(&server->away, 1);
    MHD_resume_connection(connection); /* the exchange may be gone from here on */
}

static void refuse_stopping(struct exchange *exchange)
{
    measures_reject(exchange->server->measures, REJECT_STOPPING);
    reply_problem(exchange, PROBLEM_UNAVAILABLE, "the server is stopping");
}

/* ---- query threads
 * ------------------------------------------------------------------------------------ */

static void enqueue(struct pool *pool, struct exchange *exchange)
{
    exchange->next = NULL;
    exchange->queued_ns = clock_mono_ns();
    if (pool->last)
        pool->last->next = exchange;
    else
        pool->first = exchange;
    pool->last = exchange;
    pthread_cond_signal(&pool->work);
}

static struct exchange *dequeue(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->work, &pool->lock);
    struct exchange *exchange = pool->first;
    if (exchange) {
        pool->first = exchange->next;
        if (!pool->first)
            pool->last = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return exchange;
}

/* In the queue alone, for longer than a query may take: the client may well have given up. */
static bool waited_too_long(const struct exchange *exchange)
{
    int64_t limit_ns = server_service(exchange->server)->limits.time_ns_max;
    return limit_ns > 0 && clock_mono_ns() - exchange->queued_ns > limit_ns;
}

static void refuse_waited(struct exchange *exchange)
{
    measures_reject(exchange->server->measures, REJECT_WAITED);
    reply_problem(exchange, PROBLEM_UNAVAILABLE,
                  "all query threads were busy for longer than a query may take; try again");
}

static void *query_main(void *context)
{
    struct http_server *server = context;
    pthread_setname_np(pthread_self(), "weir-query");
    for (struct exchange *exchange; (exchange = dequeue(&server->pool)) != NULL;) {
        int64_t begun_ns = clock_mono_ns();
        if (waited_too_long(exchange))
            refuse_waited(exchange);
        else
            exchange_run(exchange);
        exchange->run_ns = clock_mono_ns() - begun_ns;
        come_back(exchange);
    }
    return NULL;
}

/* ---- the waiter
 * ---------------------------------------------------------------------------------------- */

static bool client_is_gone(const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return fd.fd >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* What becomes of a waiting exchange: true if it need not wait any longer; *ret_run says whether
 * its handler is to run. */
static bool wait_is_over(struct exchange *exchange, bool stopping, bool look_at_client,
                         bool *ret_run)
{
    *ret_run = false;
    if (stopping) {
        refuse_stopping(exchange);
        return true;
    }
    enum after_state state = after_check(exchange);
    *ret_run = state == AFTER_COVERED;
    if (state != AFTER_PENDING)
        return true;
    if (clock_mono_ns() >= exchange->wait_until_ns) {
        after_timed_out(exchange);
        return true;
    }
    if (look_at_client && client_is_gone(exchange)) {
        reply_problem(exchange, PROBLEM_UNAVAILABLE, "the client has gone");
        return true;
    }
    return false;
}

/* Goes through the list once, without the lock: new ones are pushed on pool->waiters meanwhile. */
static struct exchange *look_after(struct http_server *server, struct exchange *list, bool stopping,
                                   bool look_at_clients)
{
    struct exchange *rest = NULL;
    while (list) {
        struct exchange *exchange = list;
        list = exchange->next;
        bool run;
        if (!wait_is_over(exchange, stopping, look_at_clients, &run)) {
            exchange->next = rest;
            rest = exchange;
        } else if (run) {
            pthread_mutex_lock(&server->pool.lock);
            enqueue(&server->pool, exchange);
            pthread_mutex_unlock(&server->pool.lock);
        } else {
            come_back(exchange);
        }
    }
    return rest;
}

static struct exchange *take_new(struct pool *pool, struct exchange *list)
{
    while (pool->waiters) {
        struct exchange *exchange = pool->waiters;
        pool->waiters = exchange->next;
        exchange->next = list;
        list = exchange;
    }
    return list;
}

static void wait_a_little(struct pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_POLL_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&pool->waiting, &pool->lock, &until);
}

static void *waiter_main(void *context)
{
    struct http_server *server = context;
    struct pool *pool = &server->pool;
    struct exchange *list = NULL;
    pthread_setname_np(pthread_self(), "weir-waiter");
    for (uint32_t round = 0;; round++) {
        pthread_mutex_lock(&pool->lock);
        while (!list && !pool->waiters && !pool->stopping)
            pthread_cond_wait(&pool->waiting, &pool->lock);
        if (!pool->waiters && !pool->stopping)
            wait_a_little(pool);
        list = take_new(pool, list);
        bool stopping = pool->stopping;
        pthread_mutex_unlock(&pool->lock);
        list = look_after(server, list, stopping, round % 64 == 0);
        if (stopping)
            return NULL;
    }
}

/* ---- from the event loop
 * ------------------------------------------------------------------------------- */

static void push(struct http_server *server, struct exchange *exchange, bool wait)
{
    struct pool *pool = &server->pool;
    pthread_mutex_lock(&pool->lock);
    bool stopping = pool->stopping;
    if (!stopping && wait) {
        exchange->next = pool->waiters;
        pool->waiters = exchange;
        pthread_cond_signal(&pool->waiting);
    } else if (!stopping) {
        enqueue(pool, exchange);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!stopping)
        return;
    refuse_stopping(exchange);
    come_back(exchange);
}

void pool_run(struct http_server *server, struct exchange *exchange)
{
    push(server, exchange, false);
}

void pool_wait(struct http_server *server, struct exchange *exchange)
{
    push(server, exchange, true);
}

/* ---- life
 * ---------------------------------------------------------------------------------------------------
 */

int pool_start(struct http_server *server, struct weir_error *error)
{
    struct pool *pool = &server->pool;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->waiting, &monotonic);
    pthread_condattr_destroy(&monotonic);
    uint32_t wanted = server->options.query_threads;
    wanted = wanted == 0 ? 1 : wanted > QUERY_THREADS_MAX ? QUERY_THREADS_MAX : wanted;
    int code = pthread_create(&pool->waiter, NULL, waiter_main, server);
    if (code == 0) {
        while (pool->thread_count < wanted && code == 0) {
            code = pthread_create(&pool->threads[pool->thread_count], NULL, query_main, server);
            pool->thread_count += code == 0;
        }
        if (code == 0)
            return 0;
        pool_stop(server);
    }
    pool_done(server);
    return error_set(error, WEIR_E_UNAVAILABLE,
                     "the system gives no more threads for queries; raise the limit of processes "
                     "(ulimit -u)");
}

void pool_stop(struct http_server *server)
{
    struct pool *pool = &server->pool;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->waiting);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->waiter, NULL);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    /* What came between the last look and the end of the threads. */
    for (struct exchange *rest = take_new(pool, pool->first); rest;) {
        struct exchange *exchange = rest;
        rest = exchange->next;
        refuse_stopping(exchange);
        come_back(exchange);
    }
    pool->first = pool->last = NULL;
}

void pool_done(struct http_server *server)
{
    struct pool *pool = &server->pool;
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->waiting);
    pthread_mutex_destroy(&pool->lock);
}
