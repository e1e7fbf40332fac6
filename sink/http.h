/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h: the HTTP server: routes, answers, errors, the page at /.
 *
 * One epoll thread answers what is quick; what may take longer runs on query threads with a bounded
 * queue. Routes stand in one table (sink/http/routes.c), from which dispatch, `Allow`, the metrics'
 * labels and /openapi.json come.
 */
#ifndef SINK_HTTP_H
#define SINK_HTTP_H

#include "sink/service.h"

struct http_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0"; port 0: any */
    bool insecure;      /* other than loopback without authentication was asked for */
    uint32_t query_threads;
    uint32_t queries_max; /* at once, waiting ones included: 429 beyond */
    uint32_t connections_max;
    uint32_t body_bytes_max; /* 413 beyond */
};
#define HTTP_OPTIONS_DEFAULT                                                                       \
    {                                                                                              \
        "127.0.0.1:8080", false, 2, 64, 1024, 1u << 20                                             \
    }

struct http_server;

/* Refuses an address that is not loopback unless insecure. An occupied port is named with what to
 * do. */
int http_server_start(const struct http_options *options, const struct service *service,
                      struct http_server **ret_server, struct weir_error *error);
uint16_t http_server_port(const struct http_server *server);
/* Answers what is in flight, then stops. */
void http_server_stop(struct http_server *server);

#endif
