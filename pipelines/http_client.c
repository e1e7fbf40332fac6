/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/http_client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/value.h"

static int connect_to(const char *host, const char *port, int *ret_fd, struct weir_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int r = getaddrinfo(host, port, &hints, &list);
    if (r)
        return error_set(error, WEIR_E_UNAVAILABLE, "%s: %s", host, gai_strerror(r));
    int fd = -1;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return error_set_errno(error, WEIR_E_UNAVAILABLE, "cannot connect to %s:%s", host, port);
    struct timeval timeout = {HTTP_CLIENT_TIMEOUT_MS / 1000, HTTP_CLIENT_TIMEOUT_MS % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    *ret_fd = fd;
    return 0;
}

/* "http://HOST:PORT" or "http://[v6]:PORT" */
static int split_url(const char *url, char **ret_host, const char **ret_port,
                     struct weir_error *error)
{
    const char *host = url + strlen("http://");
    const char *colon = text_starts(url, "http://") ? strrchr(host, ':') : NULL;
    if (!colon || !colon[1])
        return error_set(error, WEIR_E_INVALID, "%s: http://HOST:PORT is wanted", url);
    const char *end = colon;
    if (*host == '[' && end > host + 1 && end[-1] == ']') {
        host++;
        end--;
    }
    *ret_host = mem_strndup(host, (size_t)(end - host));
    *ret_port = colon + 1;
    return 0;
}

/* HTTP/1.0 keeps it simple: the body ends with the connection. */
static int exchange(int fd, const char *path, struct text *answer, struct weir_error *error)
{
    struct text request = TEXT_INIT;
    text_addf(&request, "GET %s HTTP/1.0\r\nAccept: application/json\r\n\r\n", path);
    int r = fd_write_all(fd, request.data, request.length);
    text_done(&request);
    if (r)
        return error_set_errno(error, WEIR_E_UNAVAILABLE, "cannot send to the server");
    char buffer[16384];
    answer->limit_bytes = HTTP_CLIENT_BYTES_MAX;
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0)
            return error_set_errno(error, WEIR_E_UNAVAILABLE, "the server broke off");
        if (n == 0)
            break;
        text_add_bytes(answer, buffer, (size_t)n);
    }
    if (answer->failed)
        return error_set(error, WEIR_E_LIMIT, "the answer is larger than %zu bytes",
                         HTTP_CLIENT_BYTES_MAX);
    return 0;
}

int http_get(const char *url, const char *path, int *ret_status, struct text *body,
             struct weir_error *error)
{
    char *host = NULL;
    const char *port = NULL;
    int fd = -1;
    int r = split_url(url, &host, &port, error);
    if (r)
        return r;
    r = connect_to(host, port, &fd, error);
    free(host);
    if (r)
        return r;
    struct text answer = TEXT_INIT;
    r = exchange(fd, path, &answer, error);
    close(fd);
    const char *head_end = !r && answer.data ? strstr(answer.data, "\r\n\r\n") : NULL;
    int64_t status;
    if (!r && (!head_end || !text_starts(answer.data, "HTTP/1.") || answer.length < 12 ||
               int_read(answer.data + 9, 3, &status)))
        r = error_set(error, WEIR_E_UNAVAILABLE, "the server's answer is not HTTP");
    if (!r) {
        const char *start = head_end + 4;
        text_add_bytes(body, start, answer.length - (size_t)(start - answer.data));
        *ret_status = (int)status;
    }
    text_done(&answer);
    return r;
}
