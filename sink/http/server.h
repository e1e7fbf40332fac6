/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h: the running server, for sink/http alone.
 *
 *   event loop (the library's one thread)   reads requests, answers quick ones, sends
 *   query threads                           run what waits or computes, from a bounded queue
 *   waiter                                  looks after those with after=, every millisecond
 *
 * Invariants
 *   H1  an exchange that is away is in exactly one of: waiting list, queue, a query thread.
 *   H2  away <= options.queries_max; beyond it a request is refused with 429.
 *   H3  the connection of an exchange is suspended before it goes away and is resumed once, when it
 *       has come back; so the library never sees it in between.
 */
#ifndef SINK_HTTP_SERVER_H
#define SINK_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "sink/http/answer.h"

#define EXCHANGES_KEPT_MAX 64
#define QUERY_THREADS_MAX  64
/* A read that took less than this when it was last seen is answered by the event loop. */
#define QUICK_NS_MAX 500000
#define WAIT_POLL_NS 1000000
/* How long stopping waits for answers on their way. */
#define STOP_NS_MAX                 5000000000LL
#define IDLE_CONNECTION_SECONDS_MAX 30

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;    /* for query threads */
    pthread_cond_t waiting; /* for the waiter */
    struct exchange *first, *last;
    struct exchange *waiters;
    bool stopping;
    uint32_t thread_count;
    pthread_t threads[QUERY_THREADS_MAX];
    pthread_t waiter;
};

struct http_server {
    uint32_t magic;
    const struct service *service;
    struct http_options options;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct cache *cache;   /* [loop] */
    struct exchange *free; /* [loop] */
    uint32_t free_count;
    struct pool pool;
    _Atomic uint32_t away;
    _Atomic uint32_t in_flight;
    _Atomic bool stopping;
    char no_target[1];
    pthread_mutex_t idle_lock; /* with `idle`: in_flight became 0 while stopping */
    pthread_cond_t idle;
    struct measures *measures;
};

const struct service *server_service(const struct http_server *server);

/* pool.c */
int pool_start(struct http_server *server, struct weir_error *error);
/* Answers those who wait with 503, runs what is queued, ends the threads. */
void pool_stop(struct http_server *server);
/* After the event loop has ended. */
void pool_done(struct http_server *server);
/* [loop] The connection is suspended already. */
void pool_run(struct http_server *server, struct exchange *exchange);
void pool_wait(struct http_server *server, struct exchange *exchange);

/* Runs the route's handler and makes the answer. [loop or query thread] */
void exchange_run(struct exchange *exchange);

/* measures.c: metrics by route, method and code. [loop] */
struct measures *measures_new(void);
void measures_free(struct measures *measures); /* NULL is allowed */
void measures_begin(struct measures *measures);
void measures_end(struct measures *measures, const struct exchange *exchange, unsigned status);
void measures_reject(struct measures *measures, enum http_rejection rejection); /* [any] */

#endif
