/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sink/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "transforms/expr.h"

/* ---- the client
 * -------------------------------------------------------------------------------------------- */

void answer_done(struct answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct answer){0};
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static _Thread_local char value[16384];
    size_t length = strlen(name);
    for (const char *line = answer->head; line && *line;) {
        const char *end = strstr(line, "\r\n");
        if (!end)
            return NULL;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *at = line + length + 1;
            at += strspn(at, " ");
            snprintf(value, sizeof(value), "%.*s", (int)(end - at), at);
            return value;
        }
        line = end + 2;
    }
    return NULL;
}

void client_patience(int fd, int64_t ns)
{
    struct timeval patience = {.tv_sec = ns / NS_PER_SECOND, .tv_usec = ns % NS_PER_SECOND / 1000};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
}

int client_open(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    client_patience(fd, 30 * NS_PER_SECOND);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

void client_send(int fd, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has closed: what it said is read next */
        at += sent;
        length -= (size_t)sent;
    }
}

static bool receive(int fd, struct text *bytes)
{
    char piece[16384];
    ssize_t n = recv(fd, piece, sizeof(piece), 0);
    if (n > 0)
        text_add_bytes(bytes, piece, (size_t)n);
    return n > 0;
}

static struct answer head_read(struct text *bytes, size_t end)
{
    struct answer answer = {.head = mem_strndup(bytes->data, end + 2)};
    int64_t status = 0;
    CHECK(strncmp(answer.head, "HTTP/1.", 7) == 0);
    CHECK(int_read(answer.head + 9, 3, &status) == 0);
    answer.status = (int)status;
    return answer;
}

struct answer client_read(int fd, bool is_head)
{
    struct text bytes = TEXT_INIT;
    struct answer answer = {.closed = true};
    const char *end = NULL;
    for (;;) {
        while (!(end = bytes.data ? memmem(bytes.data, bytes.length, "\r\n\r\n", 4) : NULL)) {
            if (!receive(fd, &bytes)) {
                text_done(&bytes);
                return answer;
            }
        }
        size_t head = (size_t)(end - bytes.data);
        answer = head_read(&bytes, head);
        if (answer.status != 100)
            break;
        memmove(bytes.data, bytes.data + head + 4, bytes.length - head - 4);
        bytes.length -= head + 4;
        answer_done(&answer);
    }
    size_t head = (size_t)(end - bytes.data) + 4;
    const char *announced = answer_header(&answer, "Content-Length");
    int64_t length = 0;
    if (announced && !is_head)
        CHECK(int_read(announced, strlen(announced), &length) == 0);
    while (bytes.length < head + (size_t)length)
        if (!receive(fd, &bytes))
            break;
    /* The library's own refusals of what is malformed may end early. */
    CHECK(bytes.length >= head + (size_t)length || answer.status >= 400);
    answer.length = bytes.length - head < (size_t)length ? bytes.length - head : (size_t)length;
    answer.body = mem_strndup(bytes.data + head, answer.length);
    const char *connection = answer_header(&answer, "Connection");
    answer.closed = connection && strcasecmp(connection, "close") == 0;
    text_done(&bytes);
    return answer;
}

struct answer request(uint16_t port, const char *method, const char *target, const char *headers,
                      const char *body)
{
    struct text text = TEXT_INIT;
    text_addf(&text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", method, target, port, headers);
    if (body)
        text_addf(&text, "Content-Length: %zu\r\n", strlen(body));
    text_addf(&text, "\r\n%s", body ? body : "");
    int fd = client_open(port);
    client_send(fd, text.data, text.length);
    struct answer answer = client_read(fd, strcmp(method, "HEAD") == 0);
    close(fd);
    text_done(&text);
    return answer;
}

struct answer get(uint16_t port, const char *target)
{
    return request(port, "GET", target, "", NULL);
}

/* ---- the service
 * --------------------------------------------------------------------------------------------- */

static uint32_t service_names(void *context, const char ***ret_names)
{
    (void)context;
    *ret_names = mem_array(1, sizeof(char *));
    (*ret_names)[0] = "shop";
    return 1;
}

static bool service_acquire(void *context, const char *name, struct service_pipeline *ret_pipeline)
{
    struct server *server = context;
    if (strcmp(name, "shop") != 0)
        return false;
    __atomic_fetch_add(&server->acquired, 1, __ATOMIC_SEQ_CST);
    *ret_pipeline = (struct service_pipeline){.name = "shop",
                                              .plan = &server->shop->plan,
                                              .partitions = server->shop->views,
                                              .partition_count = server->shop->partition_count};
    return true;
}

static void service_release(void *context, struct service_pipeline *pipeline)
{
    struct server *server = context;
    (void)pipeline;
    __atomic_fetch_sub(&server->acquired, 1, __ATOMIC_SEQ_CST);
}

static bool service_status(void *context, const char *name, struct pipeline_status *ret_status)
{
    struct server *server = context;
    if (strcmp(name, "shop") != 0)
        return false;
    uint32_t count = server->shop->partition_count;
    pthread_mutex_lock(&server->lock);
    *ret_status =
        (struct pipeline_status){.state = server->paused ? PIPELINE_PAUSED : PIPELINE_RUNNING,
                                 .lag_records = -1,
                                 .partition_count = count};
    pthread_mutex_unlock(&server->lock);
    ret_status->partitions = mem_array(count, sizeof(struct partition_status));
    for (uint32_t p = 0; p < count; p++) {
        struct partition_info info;
        partition_info(server->shop->partitions[p], &info);
        ret_status->partitions[p] = (struct partition_status){.topic = SHOP_TOPIC,
                                                              .partition = (int32_t)p,
                                                              .state = PARTITION_RUNNING,
                                                              .next_offset = info.next_offset,
                                                              .end_offset = -1,
                                                              .lag_records = -1,
                                                              .lag_ns = 1500000000,
                                                              .watermark_ns = info.watermark_ns,
                                                              .snapshot_offset = -1};
    }
    return true;
}

static bool service_ready(void *context, struct text *reasons)
{
    struct server *server = context;
    pthread_mutex_lock(&server->lock);
    bool ready = server->ready;
    pthread_mutex_unlock(&server->lock);
    if (!ready)
        text_add(reasons, "sales/0: restoring, 40 %\nsales/1: \"quoted\"\n");
    return ready;
}

static int service_pause(void *context, const char *name, bool paused, struct weir_error *error)
{
    struct server *server = context;
    (void)name;
    pthread_mutex_lock(&server->lock);
    bool fails = server->pause_fails;
    server->paused = fails ? server->paused : paused;
    pthread_mutex_unlock(&server->lock);
    return fails ? error_set(error, WEIR_E_STATE, "the pipeline has failed") : 0;
}

/* The value is the shop's name: it must outlive the partition, so it is one of a few. */
static int service_produce(void *context, const char *name, struct weir_str key,
                           struct weir_str value, const char **ret_topic, int32_t *ret_partition,
                           int64_t *ret_offset, struct weir_error *error)
{
    struct server *server = context;
    (void)name;
    if (!str_is(value, "a") && !str_is(value, "b"))
        return error_set(error, WEIR_E_UNAVAILABLE, "the broker does not answer");
    struct sale sale = {.region = key.data ? "eu" : NULL,
                        .name = str_is(value, "a") ? "a" : "b",
                        .at_ns = SHOP_BEGIN_NS};
    pthread_mutex_lock(&server->lock);
    shop_apply(server->shop, 1, &sale, 1);
    pthread_mutex_unlock(&server->lock);
    *ret_topic = SHOP_TOPIC;
    *ret_partition = 1;
    *ret_offset = sale.offset;
    return 0;
}

void server_start(struct server *server, struct shop *shop, const struct http_options *options)
{
    static const struct http_options defaults = HTTP_OPTIONS_DEFAULT;
    struct weir_error error = {0};
    *server = (struct server){
        .shop = shop,
        .options = options ? *options : defaults,
        .ready = true,
        .service = {.expressions = &expression_ops_sql,
                    .limits = {10 * NS_PER_SECOND, 100000, (uint64_t)64 << 20, 100000},
                    .names = service_names,
                    .acquire = service_acquire,
                    .release = service_release,
                    .status = service_status,
                    .ready = service_ready,
                    .pause = service_pause,
                    .produce = service_produce}};
    server->service.context = server;
    server->options.listen = "127.0.0.1:0";
    pthread_mutex_init(&server->lock, NULL);
    if (http_server_start(&server->options, &server->service, &server->http, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        CHECK(false);
    }
    server->port = http_server_port(server->http);
}

void server_stop(struct server *server)
{
    http_server_stop(server->http);
    CHECK(server->acquired == 0); /* every acquire had its release */
    pthread_mutex_destroy(&server->lock);
}

/* ---- fixture ---- */

int fixture_make(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    shop_init(&f->shop, 3, 42);
    shop_feed(&f->shop, 30, 100, SHOP_MINUTE_NS, 300);
    server_start(&f->server, &f->shop, NULL);
    *state = f;
    return 0;
}

int fixture_free(void **state)
{
    struct fixture *f = *state;
    server_stop(&f->server);
    shop_done(&f->shop);
    free(f);
    return 0;
}

void apply_one(struct fixture *f, int32_t partition)
{
    struct sale sale = {.region = "eu", .name = "a", .at_ns = SHOP_BEGIN_NS};
    pthread_mutex_lock(&f->server.lock);
    shop_apply(&f->shop, partition, &sale, 1);
    pthread_mutex_unlock(&f->server.lock);
}

int64_t number_behind(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    int64_t number = 0;
    CHECK(at);
    at += strlen(label);
    CHECK(int_read(at, strspn(at, "-0123456789"), &number) == 0);
    return number;
}
