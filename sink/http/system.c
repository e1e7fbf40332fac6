/* SPDX-License-Identifier: Apache-2.0 */
/* What probes and browsers ask for. */
#include "base/check.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "base/value.h"
#include "sink/http/page.h"
#include "sink/http/parameters.h"
#include "sink/http/routes.h"
#include "sink/http/server.h"

void handle_metrics(struct exchange *exchange)
{
    int openmetrics =
        exchange->accept ? accept_quality(exchange->accept, "application", "openmetrics-text") : 0;
    int plain = exchange->accept ? accept_quality(exchange->accept, "text", "plain") : 1000;
    /* A wildcard asks for neither by name: then the older one, which everything reads. */
    bool named = exchange->accept && strstr(exchange->accept, "openmetrics-text");
    bool chosen = named && openmetrics > 0 && openmetrics >= plain;
    struct text *out =
        reply_begin(exchange, chosen ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                     : "text/plain; version=0.0.4; charset=utf-8");
    metrics_write(out, chosen);
    reply_header(exchange, "Vary", "Accept, Accept-Encoding");
}

void handle_healthz(struct exchange *exchange)
{
    text_add(reply_begin(exchange, "application/json"), "{\"healthy\":true}\n");
}

void handle_readyz(struct exchange *exchange)
{
    const struct service *service = server_service(exchange->server);
    struct text reasons = TEXT_INIT;
    bool ready = service->ready(service->context, &reasons);
    struct text *out = reply_begin(exchange, "application/json");
    text_add(out, ready ? "{\"ready\":true,\"reasons\":[" : "{\"ready\":false,\"reasons\":[");
    bool first = true;
    for (const char *at = reasons.data; !ready && at && *at;) {
        size_t length = strcspn(at, "\n");
        if (length) {
            text_add(out, first ? "" : ",");
            json_write_string(out, at, length);
            first = false;
        }
        at += length + (at[length] == '\n');
    }
    text_add(out, "]}\n");
    text_done(&reasons);
    if (ready)
        return;
    exchange->reply.status = 503;
    reply_header(exchange, "Retry-After", "1");
}

void handle_page(struct exchange *exchange)
{
    struct text *out = reply_begin(exchange, "text/html; charset=utf-8");
    text_add_bytes(out, page_html, page_html_length);
    reply_header(exchange, "Content-Security-Policy", page_csp);
    reply_header(exchange, "Referrer-Policy", "no-referrer");
    reply_header(exchange, "X-Frame-Options", "DENY");
    snprintf(exchange->reply.etag, sizeof(exchange->reply.etag), "%016llx",
             (unsigned long long)hash_bytes(page_html, page_html_length, 0));
}
