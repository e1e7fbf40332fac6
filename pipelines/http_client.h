/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.h: asking a weir server, as the commands do.
 *
 * GET over HTTP/1.1 on a new connection, the whole answer in memory. [control]
 */
#ifndef PIPELINES_HTTP_CLIENT_H
#define PIPELINES_HTTP_CLIENT_H

#include <weir/error.h>

#include "base/text.h"

#define HTTP_CLIENT_TIMEOUT_MS 15000
#define HTTP_CLIENT_BYTES_MAX  ((size_t)64 << 20)

/* url: "http://127.0.0.1:8080"; path with its query, already escaped. The status goes to
 * *ret_status, the body to `body`. WEIR_E_UNAVAILABLE: the server cannot be reached, or broke off.
 */
int http_get(const char *url, const char *path, int *ret_status, struct text *body,
             struct weir_error *error);

#endif
