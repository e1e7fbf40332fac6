/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/value.h"

#define BACKLOG 512

struct place {
    char host[256];
    char port[8];
};

static int place_read(const char *address, struct place *place, struct weir_error *error)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t length = colon ? (size_t)(colon - address) : 0;
    int64_t port = -1;
    if (colon)
        (void)int_read(colon + 1, strlen(colon + 1), &port);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    } else if (memchr(host, ':', length)) {
        port = -1; /* an IPv6 address without brackets */
    }
    if (port < 0 || port > UINT16_MAX || length >= sizeof(place->host))
        return error_set(error, WEIR_E_INVALID,
                         "`%s` is not HOST:PORT to listen at, as in 127.0.0.1:8080 or [::1]:8080; "
                         "port 0 takes any free one",
                         address);
    memcpy(place->host, host, length);
    place->host[length] = '\0';
    snprintf(place->port, sizeof(place->port), "%u", (unsigned)port);
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } bound = {.in6 = {0}};
    socklen_t length = sizeof(bound);
    if (getsockname(fd, &bound.any, &length) < 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in.sin_port);
}

static int bind_failed(const char *address, struct weir_error *error)
{
    if (errno == EADDRINUSE)
        return error_set(error, WEIR_E_UNAVAILABLE,
                         "%s is in use by another process; stop that one, or listen elsewhere with "
                         "--http HOST:PORT (port 0 takes any free one)",
                         address);
    if (errno == EACCES)
        return error_set(error, WEIR_E_INVALID,
                         "this user may not listen at %s; ports below 1024 need a privilege, take "
                         "a higher one with --http HOST:PORT",
                         address);
    if (errno == EADDRNOTAVAIL)
        return error_set(error, WEIR_E_INVALID,
                         "%s is not an address of this machine; take 127.0.0.1 or another with "
                         "--http HOST:PORT",
                         address);
    return error_set_errno(error, WEIR_E_IO, "cannot listen at %s", address);
}

static int open_at(const char *address, const struct addrinfo *info, struct weir_error *error)
{
    int yes = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, WEIR_E_IO, "no socket for %s", address);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int status = bind_failed(address, error);
    close(fd);
    return status;
}

int listen_open(const char *address, bool insecure, uint16_t *ret_port, struct weir_error *error)
{
    struct place place = {0};
    int status = place_read(address, &place, error);
    if (status < 0)
        return status;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(place.host[0] ? place.host : NULL, place.port, &hints, &found);
    if (code != 0)
        return error_set(error, WEIR_E_INVALID, "cannot listen at `%s`: %s", address,
                         gai_strerror(code));
    if (!insecure && !is_loopback(found->ai_addr)) {
        freeaddrinfo(found);
        return error_set(error, WEIR_E_INVALID,
                         "`%s` can be reached from other machines and anybody there could read and "
                         "pause pipelines; listen at 127.0.0.1, or say --insecure",
                         address);
    }
    int fd = open_at(address, found, error);
    freeaddrinfo(found);
    if (fd < 0)
        return fd;
    *ret_port = port_of(fd);
    return fd;
}
