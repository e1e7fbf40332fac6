/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/answer.h"

#include <microhttpd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "sink/http/routes.h"

#define GZIP_LEVEL 1
#define ZSTD_LEVEL 1

struct answer {
    _Atomic uint32_t references;
    unsigned status;
    struct MHD_Response *response;     /* everything but X-Request-Id */
    struct MHD_Response *not_modified; /* NULL: has no tag */
    char etag[64];                     /* with quotes; "": none */
    char *body;
    size_t length;
};

/* ---- compression
 * --------------------------------------------------------------------------------- */

static bool compress_gzip(const struct text *body, char **ret_data, size_t *ret_length)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, (uLong)body->length);
    char *data = malloc(bound);
    stream.next_in = (Bytef *)body->data;
    stream.avail_in = (uInt)body->length;
    stream.next_out = (Bytef *)data;
    stream.avail_out = (uInt)bound;
    bool done =
        data && body->length <= UINT32_MAX / 2 && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *ret_length = stream.total_out;
    deflateEnd(&stream);
    if (!done) {
        free(data);
        return false;
    }
    *ret_data = data;
    return true;
}

static bool compress_zstd(const struct text *body, char **ret_data, size_t *ret_length)
{
    size_t bound = ZSTD_compressBound(body->length);
    char *data = malloc(bound);
    size_t length = data ? ZSTD_compress(data, bound, body->data, body->length, ZSTD_LEVEL) : 0;
    if (!data || ZSTD_isError(length)) {
        free(data);
        return false;
    }
    *ret_data = data;
    *ret_length = length;
    return true;
}

/* Replaces the body by its compressed form where that was asked for and is smaller. Returns the
 * name for Content-Encoding, NULL: as it was. */
static const char *body_compress(struct answer *answer, struct text *body, enum coding coding)
{
    char *data = NULL;
    size_t length = 0;
    bool done = coding != CODING_IDENTITY && body->length >= COMPRESS_BYTES_MIN &&
                (coding == CODING_GZIP ? compress_gzip(body, &data, &length)
                                       : compress_zstd(body, &data, &length));
    if (!done || length >= body->length) {
        free(data);
        answer->length = body->length;
        answer->body = text_take(body);
        return NULL;
    }
    answer->body = data;
    answer->length = length;
    text_clear(body);
    return coding == CODING_GZIP ? "gzip" : "zstd";
}

/* ---- answers
 * --------------------------------------------------------------------------------------- */

static void header_add(struct MHD_Response *response, const char *name, const char *value)
{
    MHD_add_response_header(response, name, value);
}

static struct MHD_Response *response_make(struct answer *answer)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->length, answer->body, MHD_RESPMEM_PERSISTENT);
    CHECK(response != NULL);
    return response;
}

static void headers_add(struct answer *answer, const struct exchange *exchange, const char *coding)
{
    const struct reply *reply = &exchange->reply;
    struct MHD_Response *response = answer->response;
    if (reply->content_type)
        header_add(response, "Content-Type", reply->content_type);
    if (coding)
        header_add(response, "Content-Encoding", coding);
    if (exchange->route && exchange->route->formats)
        header_add(response, "Vary", "Accept, Accept-Encoding");
    header_add(response, "Cache-Control", "no-cache");
    header_add(response, "X-Content-Type-Options", "nosniff");
    for (uint32_t i = 0; i < reply->header_count; i++)
        header_add(response, reply->headers[i].name, reply->headers[i].value);
    if (!reply->etag[0])
        return;
    snprintf(answer->etag, sizeof(answer->etag), "\"%s%s%s\"", reply->etag, coding ? "." : "",
             coding ? coding : "");
    header_add(response, "ETag", answer->etag);
    answer->not_modified = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    CHECK(answer->not_modified != NULL);
    header_add(answer->not_modified, "ETag", answer->etag);
    header_add(answer->not_modified, "Vary", "Accept, Accept-Encoding");
    header_add(answer->not_modified, "Cache-Control", "no-cache");
}

struct answer *answer_make(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    if (reply->body.failed)
        reply_problem(
            exchange, PROBLEM_LIMIT,
            "the answer is larger than the limit of bytes for a query; ask for less, with "
            "`limit=` or `where=`");
    struct answer *answer = mem_alloc(sizeof(*answer));
    atomic_init(&answer->references, 1);
    answer->status = reply->status;
    const char *coding = body_compress(answer, &reply->body, exchange->coding);
    answer->response = response_make(answer);
    headers_add(answer, exchange, coding);
    return answer;
}

struct answer *answer_ref(struct answer *answer)
{
    atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
    return answer;
}

void answer_unref(struct answer *answer)
{
    if (!answer || atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) != 1)
        return;
    MHD_destroy_response(answer->response);
    if (answer->not_modified)
        MHD_destroy_response(answer->not_modified);
    free(answer->body);
    free(answer);
}

unsigned answer_status(const struct answer *answer)
{
    return answer->status;
}

size_t answer_length(const struct answer *answer)
{
    return answer->length;
}

/* ---- sending
 * ---------------------------------------------------------------------------------------- */

bool answer_is_known(const struct answer *answer, const char *if_none_match)
{
    if (!if_none_match || !answer->etag[0])
        return false;
    size_t length = strlen(answer->etag);
    for (const char *at = if_none_match; *at;) {
        at += strspn(at, ", \t");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t tag = *at == '"' ? 1 + strcspn(at + 1, "\"") : 0;
        if (tag == 0 || at[tag] != '"')
            return false;
        tag++;
        if (tag == length && memcmp(at, answer->etag, length) == 0)
            return true;
        at += tag;
    }
    return false;
}

static enum MHD_Result header_copy(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    header_add(context, name, value);
    return MHD_YES;
}

/* The library shares a response between requests, so a header of one request needs a copy of it;
 * the body stays where it is, held by the exchange's reference. */
static struct MHD_Response *response_with_id(const struct answer *answer,
                                             struct MHD_Response *response, const char *id)
{
    bool has_body = response == answer->response;
    struct MHD_Response *copy = MHD_create_response_from_buffer(
        has_body ? answer->length : 0, has_body ? answer->body : NULL, MHD_RESPMEM_PERSISTENT);
    if (!copy)
        return NULL;
    MHD_get_response_headers(response, header_copy, copy);
    header_add(copy, "X-Request-Id", id);
    return copy;
}

bool answer_send(struct answer *answer, struct exchange *exchange, unsigned *ret_status)
{
    bool known = answer->status == 200 && answer_is_known(answer, exchange->if_none_match);
    struct MHD_Response *response = known ? answer->not_modified : answer->response;
    *ret_status = known ? 304 : answer->status;
    if (!exchange->request_id)
        return MHD_queue_response(exchange->connection, *ret_status, response) == MHD_YES;
    struct MHD_Response *copy = response_with_id(answer, response, exchange->request_id);
    bool sent = copy && MHD_queue_response(exchange->connection, *ret_status, copy) == MHD_YES;
    if (copy)
        MHD_destroy_response(copy);
    return sent;
}
