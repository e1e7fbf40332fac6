/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_broker.c: the embedded development broker.
 *
 * It is librdkafka's mock cluster, which listens on a port that the kernel chooses, on the loopback
 * address, and cannot be told another. So the port that the user chose is a way in: a relay passes
 * the bytes of each connection on to the cluster. A client asks there who the brokers are, is told
 * the cluster's own port, and goes on to that by itself; the relay is idle from then on. Clients
 * therefore have to be on this machine, which is what the broker is for.
 *
 * The relay is one thread with poll(2). Each direction of a connection has one buffer: it is read
 * when the buffer is empty and written until it is empty again, so a slow reader slows its writer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "ingest/kafka_options.h"

#define RELAY_CONNECTIONS_MAX 256
#define RELAY_BUFFER_BYTES    ((size_t)64 << 10)
#define BROKER_PARTITIONS_MAX 10000

struct pipe_end {
    int fd;
    bool ended; /* nothing more is read from here */
    size_t start, length;
    char buffer[RELAY_BUFFER_BYTES]; /* read here, to be written to the other end */
};

struct connection {
    struct pipe_end ends[2];
};

struct kafka_broker {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
    char bootstrap[32];
    struct sockaddr_in target;
    int listener;
    int wake[2]; /* closing [1] ends the relay */
    pthread_t relay;
    bool relaying;
    struct connection *connections[RELAY_CONNECTIONS_MAX];
    size_t connection_count;
};

/* ---- the relay ---- */

static void set_nonblocking(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void connection_free(struct connection *c)
{
    close(c->ends[0].fd);
    close(c->ends[1].fd);
    free(c);
}

static void accept_connection(struct kafka_broker *b)
{
    int from = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    if (from < 0)
        return;
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (to < 0 || b->connection_count == RELAY_CONNECTIONS_MAX ||
        connect(to, (struct sockaddr *)&b->target, sizeof b->target)) {
        if (to >= 0)
            close(to);
        close(from);
        return;
    }
    set_nonblocking(from);
    set_nonblocking(to);
    struct connection *c = mem_alloc(sizeof *c);
    c->ends[0].fd = from;
    c->ends[1].fd = to;
    b->connections[b->connection_count++] = c;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Both return false when the connection is to be given up. */
static bool fill(struct pipe_end *end)
{
    ssize_t n = recv(end->fd, end->buffer, sizeof end->buffer, 0);
    if (n < 0)
        return would_block();
    end->start = 0;
    end->length = (size_t)n;
    end->ended = n == 0;
    return true;
}

static bool drain(struct pipe_end *from, const struct pipe_end *to)
{
    ssize_t n = send(to->fd, from->buffer + from->start, from->length, MSG_NOSIGNAL);
    if (n < 0)
        return would_block();
    from->start += (size_t)n;
    from->length -= (size_t)n;
    return true;
}

static short wanted(const struct pipe_end *own, const struct pipe_end *other)
{
    short events = 0;
    if (!own->length && !own->ended)
        events |= POLLIN;
    if (other->length)
        events |= POLLOUT;
    return events;
}

/* False: it is over. An end that was closed closes the other once all has been passed on. */
static bool serve(struct connection *c, const struct pollfd *polled)
{
    for (int i = 0; i < 2; i++) {
        struct pipe_end *own = &c->ends[i], *other = &c->ends[1 - i];
        if (polled[i].revents & (POLLERR | POLLNVAL))
            return false;
        if ((polled[i].revents & (POLLIN | POLLHUP)) && !own->length && !own->ended && !fill(own))
            return false;
        if (own->length && !drain(own, other))
            return false;
        if (other->length && (polled[i].revents & POLLOUT) && !drain(other, own))
            return false;
        if (own->ended && !own->length)
            return false;
    }
    return true;
}

static void *relay_main(void *argument)
{
    struct kafka_broker *b = argument;
    static const size_t fixed = 2;
    struct pollfd *polled = mem_array(fixed + 2 * RELAY_CONNECTIONS_MAX, sizeof *polled);
    for (;;) {
        size_t count = b->connection_count;
        polled[0] = (struct pollfd){b->wake[0], POLLIN, 0};
        polled[1] = (struct pollfd){b->listener, POLLIN, 0};
        for (size_t i = 0; i < count; i++) {
            struct pipe_end *ends = b->connections[i]->ends;
            struct pollfd *at = &polled[fixed + 2 * i];
            at[0] = (struct pollfd){ends[0].fd, wanted(&ends[0], &ends[1]), 0};
            at[1] = (struct pollfd){ends[1].fd, wanted(&ends[1], &ends[0]), 0};
        }
        if (poll(polled, (nfds_t)(fixed + 2 * count), -1) < 0)
            continue;
        if (polled[0].revents)
            break;
        for (size_t i = count; i-- > 0;) {
            if (serve(b->connections[i], &polled[fixed + 2 * i]))
                continue;
            connection_free(b->connections[i]);
            b->connections[i] = b->connections[--b->connection_count];
        }
        if (polled[1].revents)
            accept_connection(b);
    }
    free(polled);
    return NULL;
}

static int listen_on(struct kafka_broker *b, int port, struct weir_error *error)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    int on = 1;
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (b->listener < 0)
        return error_set_errno(error, WEIR_E_IO, "no socket for the broker");
    setsockopt(b->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(b->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(b->listener, SOMAXCONN) ||
        getsockname(b->listener, (struct sockaddr *)&address, &length))
        return error_set_errno(error, WEIR_E_UNAVAILABLE,
                               "the broker cannot listen on 127.0.0.1:%d; choose another --port",
                               port);
    snprintf(b->bootstrap, sizeof b->bootstrap, "127.0.0.1:%d", (int)ntohs(address.sin_port));
    return 0;
}

static int start_relay(struct kafka_broker *b, struct weir_error *error)
{
    if (pipe2(b->wake, O_CLOEXEC))
        return error_set_errno(error, WEIR_E_IO, "no pipe for the broker");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int r = pthread_create(&b->relay, NULL, relay_main, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        return error_set(error, WEIR_E_IO, "no thread for the broker: %s", strerror(r));
    b->relaying = true;
    pthread_setname_np(b->relay, "kafka broker");
    return 0;
}

/* ---- the cluster ---- */

static int start_cluster(struct kafka_broker *b, struct weir_error *error)
{
    rd_kafka_conf_t *conf;
    int r = kafka_conf_new(KAFKA_PRODUCER, NULL, NULL, 0, &conf, error);
    if (r)
        return r;
    r = kafka_client_new(KAFKA_PRODUCER, conf, &b->client, error);
    if (r)
        return r;
    b->cluster = rd_kafka_mock_cluster_new(b->client, 1);
    if (!b->cluster)
        return error_set(error, WEIR_E_IO, "librdkafka's mock cluster cannot be started");
    const char *own = rd_kafka_mock_cluster_bootstraps(b->cluster);
    const char *colon = strrchr(own, ':');
    b->target = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return 0;
}

int kafka_broker_new(int port, struct kafka_broker **ret_broker, struct weir_error *error)
{
    struct kafka_broker *b = mem_alloc(sizeof *b);
    b->listener = b->wake[0] = b->wake[1] = -1;
    int r = listen_on(b, port, error);
    if (!r)
        r = start_cluster(b, error);
    if (!r)
        r = start_relay(b, error);
    if (r) {
        kafka_broker_free(b);
        return r;
    }
    *ret_broker = b;
    return 0;
}

int kafka_broker_topic(struct kafka_broker *b, const char *topic, int32_t partitions,
                       struct weir_error *error)
{
    if (partitions < 1 || partitions > BROKER_PARTITIONS_MAX)
        return error_set(error, WEIR_E_INVALID, "topic `%s`: partitions must be 1 to %d", topic,
                         BROKER_PARTITIONS_MAX);
    rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(b->cluster, topic, partitions, 1);
    if (err)
        return error_set(error, WEIR_E_INVALID, "topic `%s` cannot be made: %s", topic,
                         rd_kafka_err2str(err));
    return 0;
}

const char *kafka_broker_bootstrap(const struct kafka_broker *b)
{
    return b->bootstrap;
}

void kafka_broker_free(struct kafka_broker *b)
{
    if (!b)
        return;
    if (b->wake[1] >= 0)
        close(b->wake[1]);
    if (b->relaying)
        pthread_join(b->relay, NULL);
    for (size_t i = 0; i < b->connection_count; i++)
        connection_free(b->connections[i]);
    if (b->wake[0] >= 0)
        close(b->wake[0]);
    if (b->listener >= 0)
        close(b->listener);
    if (b->cluster)
        rd_kafka_mock_cluster_destroy(b->cluster);
    if (b->client)
        rd_kafka_destroy(b->client);
    free(b);
}
