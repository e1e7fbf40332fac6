/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.h: a client that sends what it is told, byte for byte, and one server over a shop. */
#ifndef TESTS_UNIT_SINK_HTTP_CLIENT_H
#define TESTS_UNIT_SINK_HTTP_CLIENT_H

#include <pthread.h>

#include "sink/http.h"
#include "tests/unit/sink/shop.h"

#define P "/v1/pipelines/shop"

struct answer {
    int status; /* 0: the connection was closed without one */
    char *head; /* status line and headers */
    char *body;
    size_t length;
    bool closed; /* by the server, behind it */
};
void answer_done(struct answer *answer);
/* The value of a header in a buffer of this thread; NULL: none. */
const char *answer_header(const struct answer *answer, const char *name);

int client_open(uint16_t port);
/* How long client_read waits for bytes; 30 s without. */
void client_patience(int fd, int64_t ns);
void client_send(int fd, const void *data, size_t length);
/* Reads one answer; is_head: it has no body. */
struct answer client_read(int fd, bool is_head);
/* Method, target, headers ("Name: value\r\n..", may be ""), body (NULL: none): one connection. */
struct answer request(uint16_t port, const char *method, const char *target, const char *headers,
                      const char *body);
struct answer get(uint16_t port, const char *target);

struct server {
    struct shop *shop;
    struct service service;
    struct http_options options;
    struct http_server *http;
    uint16_t port;
    pthread_mutex_t lock; /* of the flags and of applying */
    bool paused, ready;
    bool pause_fails;
    int32_t acquired; /* atomic */
};
/* options may be NULL. */
void server_start(struct server *server, struct shop *shop, const struct http_options *options);
void server_stop(struct server *server);

/* A shop of 3 partitions with 3,000 sales and its server: setup and teardown of a test. */
struct fixture {
    struct shop shop;
    struct server server;
};
int fixture_make(void **state);
int fixture_free(void **state);
/* One more sale. */
void apply_one(struct fixture *f, int32_t partition);
/* The integer behind a label; ends the process if it is not there. */
int64_t number_behind(const char *text, const char *label);

#endif
