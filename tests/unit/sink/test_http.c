/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over real partitions, by a client that sends raw bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "sink/http/routes.h"
#include "tests/unit/sink/http_client.h"

#define P "/v1/pipelines/shop"

struct fixture {
    struct shop shop;
    struct server server;
};

static int fixture_make(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    shop_init(&f->shop, 3, 42);
    shop_feed(&f->shop, 30, 100, SHOP_MINUTE_NS, 300);
    server_start(&f->server, &f->shop, NULL);
    *state = f;
    return 0;
}

static int fixture_free(void **state)
{
    struct fixture *f = *state;
    server_stop(&f->server);
    shop_done(&f->shop);
    free(f);
    return 0;
}

static void apply_one(struct fixture *f, int32_t partition)
{
    struct sale sale = {.region = "eu", .name = "a", .at_ns = SHOP_BEGIN_NS};
    pthread_mutex_lock(&f->server.lock);
    shop_apply(&f->shop, partition, &sale, 1);
    pthread_mutex_unlock(&f->server.lock);
}

/* ---- routes
 * ------------------------------------------------------------------------------------------------
 */

struct expectation {
    const char *method, *target, *headers, *body;
    int status;
    const char *content_type; /* its beginning */
    const char *says;         /* what the body holds */
};

static void expect(struct fixture *f, const struct expectation *e)
{
    struct answer answer =
        request(f->server.port, e->method, e->target, e->headers ? e->headers : "", e->body);
    const char *type = answer_header(&answer, "Content-Type");
    if (answer.status != e->status ||
        (e->content_type && (!type || !text_starts(type, e->content_type))) ||
        (e->says && !strstr(answer.body, e->says)))
        fail_msg("%s %s: %d %s\n%.600s\nnot %d %s with %s", e->method, e->target, answer.status,
                 type ? type : "", answer.body ? answer.body : "", e->status,
                 e->content_type ? e->content_type : "", e->says ? e->says : "");
    answer_done(&answer);
}

static void test_every_route_answers(void **state)
{
    static const struct expectation expectations[] = {
        {"GET", "/v1/pipelines", NULL, NULL, 200, "application/json",
         "{\"pipelines\":[{\"name\":\"shop\",\"state\":\"running\",\"lag_records\":null}]}"},
        {"GET", "/v1/pipelines?format=csv", NULL, NULL, 200, "text/csv",
         "name,state,lag_records\r\nshop,running,\r\n"},
        {"GET", "/v1/pipelines", "Accept: application/x-ndjson\r\n", NULL, 200,
         "application/x-ndjson",
         "{\"name\":\"shop\",\"state\":\"running\",\"lag_records\":null}\n"},
        {"GET", P, NULL, NULL, 200, "application/json", "\"lag_seconds\":1.5,"},
        {"GET", P, NULL, NULL, 200, "application/json",
         "\"aggregates\":[\"totals\",\"minutes\",\"sliding\",\"grand\"],\"sets\":[\"numbers\","
         "\"places\"]"},
        {"GET", P "/aggregates/grand", NULL, NULL, 200, "application/json",
         "{\"rows\":[{\"orders\":3000,"},
        {"GET", P "/aggregates/totals?by=shop&order=shop&limit=1", NULL, NULL, 200,
         "application/json", "{\"rows\":[{\"shop\":\"a\",\"orders\":"},
        {"GET", P "/aggregates/totals?by=shop,region&order=shop&limit=1&where=region+is+not+null",
         NULL, NULL, 200, "application/json", "{\"rows\":[{\"shop\":\"a\",\"region\":\"\","},
        {"GET", P "/aggregates/minutes?window=all&by=", NULL, NULL, 200, "application/json",
         "\"window_start\":\"2025-12-31T23:59:00Z\""},
        {"GET", P "/aggregates/minutes?last=1m&by=&order=-window_start", NULL, NULL, 200,
         "application/json", "\"final\":false"},
        {"GET", P "/aggregates/minutes?from=2026-01-01T00:00:00%2B00:00&to=2026-01-01T00:00:00Z",
         NULL, NULL, 200, "application/json", "{\"rows\":[],"},
        {"GET", P "/aggregates/grand?format=csv", NULL, NULL, 200, "text/csv",
         "orders,pieces,revenue\r\n3000,"},
        {"GET", P "/aggregates/grand", "Accept: text/csv;q=0.5, application/ndjson\r\n", NULL, 200,
         "application/x-ndjson", "{\"orders\":3000,"},
        {"GET", P "/sets/numbers?limit=2", NULL, NULL, 200, "application/json",
         "\"next_cursor\":\""},
        {"GET", P "/sets/numbers?order=-number&limit=1", NULL, NULL, 200, "application/json",
         "{\"rows\":[{\"number\":149,"},
        {"GET", P "/sets/numbers/-3", NULL, NULL, 200, "application/json",
         "{\"row\":{\"number\":-3,"},
        {"GET", P "/sets/numbers/-3?format=csv", NULL, NULL, 200, "text/csv",
         "number,region,shop,price,at\r\n-3,"},
        {"POST", P "/pause", NULL, "", 200, "application/json", "\"state\":\"paused\""},
        {"POST", P "/resume", NULL, "", 200, "application/json", "\"state\":\"running\""},
        {"POST", P "/records?key=k", NULL, "a", 200, "application/json",
         "{\"topic\":\"sales\",\"partition\":1,\"offset\":"},
        {"GET", "/metrics", NULL, NULL, 200, "text/plain; version=0.0.4",
         "weir_http_requests_total{route=\"/v1/pipelines\",method=\"GET\",code=\"200\"}"},
        {"GET", "/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n", NULL, 200,
         "application/openmetrics-text", "# EOF"},
        {"GET", "/healthz?x=y", NULL, NULL, 200, "application/json", "true"},
        {"GET", "/readyz", NULL, NULL, 200, "application/json", "{\"ready\":true,\"reasons\":[]}"},
        {"GET", "/openapi.json", NULL, NULL, 200, "application/json", "\"openapi\":\"3.1.0\""},
        {"GET", "/", NULL, NULL, 200, "text/html", "<!doctype html>"},
        {"GET", "http://127.0.0.1/healthz", NULL, NULL, 200, "application/json", "true"},
    };
    for (size_t i = 0; i < COUNT_OF(expectations); i++)
        expect(*state, &expectations[i]);
}

static void test_every_error_is_a_problem_document(void **state)
{
    static const char problem[] = "application/problem+json";
    static const struct expectation expectations[] = {
        {"GET", "/nothing", NULL, NULL, 404, problem, "\"status\":404"},
        {"GET", P "/", NULL, NULL, 404, problem, "problem:not-found"},
        {"GET", "/v1/pipelines/shpo", NULL, NULL, 404, problem, "there is no pipeline `shpo`"},
        {"GET", "/v1/pipelines/shpo/aggregates/x", NULL, NULL, 404, problem,
         "did you mean `shop`?"},
        {"GET", "/v1/pipelines/shop%00/aggregates/totals", NULL, NULL, 404, problem,
         "unknown-pipeline"},
        {"GET", P "/aggregates/totasl", NULL, NULL, 404, problem, "did you mean `totals`?"},
        {"GET", P "/sets/number", NULL, NULL, 404, problem, "did you mean `numbers`?"},
        {"GET", P "/sets/numbers/1234567", NULL, NULL, 404, problem,
         "\"covers\":{\"sales\":{\"0\":"},
        {"GET", P "/sets/numbers/one", NULL, NULL, 400, problem, "bad-key"},
        {"GET", P "/sets/places/a", NULL, NULL, 400, problem, "/{shop}/{number}"},
        {"GET", P "/sets/places/a%2Fb/1", NULL, NULL, 404, problem, "no-record"},
        {"GET", P "/sets/numbers/%zz", NULL, NULL, 400, problem, "bad-path"},
        {"GET", P "/aggregates/totals?odrer=shop", NULL, NULL, 400, problem,
         "did you mean `order`?"},
        {"GET", P "/sets/numbers?window=5m", NULL, NULL, 400, problem, "unknown-parameter"},
        {"GET", P "/aggregates/totals?limit=0", NULL, NULL, 400, problem, "limit=0"},
        {"GET", P "/aggregates/totals?limit=100001", NULL, NULL, 400, problem, "100000"},
        {"GET", P "/aggregates/totals?limit=1&limit=2", NULL, NULL, 400, problem, "twice"},
        {"GET", P "/aggregates/totals?where=%4", NULL, NULL, 400, problem, "%25"},
        {"GET", P "/aggregates/totals?where=orders%3E1+and+ordres%3E2", NULL, NULL, 400, problem,
         "\"position\":13"},
        {"GET", P "/aggregates/totals?where=pieces%3E1", NULL, NULL, 422, problem,
         "beyond 64 bits"},
        {"GET", P "/aggregates/totals?by=shop,shops", NULL, NULL, 400, problem, "unknown-column"},
        {"GET", P "/aggregates/totals?window=1m", NULL, NULL, 400, problem, "has none"},
        {"GET", P "/aggregates/minutes?window=90s", NULL, NULL, 400, problem, "multiple"},
        {"GET", P "/aggregates/minutes?window=soon", NULL, NULL, 400, problem, "not a duration"},
        {"GET", P "/aggregates/minutes?from=2026-01-01", NULL, NULL, 400, problem, "RFC 3339"},
        {"GET", P "/aggregates/minutes?timeout=61s", NULL, NULL, 400, problem, "60s"},
        {"GET", P "/aggregates/minutes?after=sales:0", NULL, NULL, 400, problem,
         "TOPIC:PARTITION:OFFSET"},
        {"GET", P "/aggregates/minutes?after=sails:0:1", NULL, NULL, 400, problem,
         "does not read a topic `sails`"},
        {"GET", P "/aggregates/minutes?after=sales:0:999999&timeout=20ms", NULL, NULL, 504, problem,
         "sales:0:999999 was not covered within 20 ms"},
        {"GET", P "/aggregates/totals?cursor=hello", NULL, NULL, 400, problem, "bad-cursor"},
        {"GET", P "/aggregates/totals?format=xml", NULL, NULL, 400, problem, "json, ndjson, csv"},
        {"GET", P "/aggregates/totals", "Accept: image/png\r\n", NULL, 406, problem,
         "application/json, application/x-ndjson, text/csv"},
        {"GET", P, "Accept: text/csv\r\n", NULL, 406, problem, "application/json"},
        {"GET", P "/aggregates/totals", "Accept: */*;q=0, text/html\r\n", NULL, 406, problem, ""},
        {"PUT", P, NULL, "x", 405, problem, "GET, HEAD, OPTIONS"},
        {"DELETE", P "/pause", NULL, NULL, 405, problem, "POST, OPTIONS"},
        {"BREW", "/healthz", NULL, NULL, 405, problem, "method-not-allowed"},
        {"POST", "/v1/pipelines/none/pause", NULL, "", 404, problem, "unknown-pipeline"},
        {"POST", P "/pause", "Origin: http://elsewhere.example\r\n", "", 403, problem,
         "another site"},
        {"POST", P "/records", NULL, "", 400, problem, "empty"},
        {"POST", P "/records", NULL, "broken", 503, problem, "the broker does not answer"},
    };
    for (size_t i = 0; i < COUNT_OF(expectations); i++)
        expect(*state, &expectations[i]);
}

static void test_states_of_the_service(void **state)
{
    struct fixture *f = *state;
    f->server.ready = false;
    f->server.pause_fails = true;
    struct answer answer = get(f->server.port, "/readyz");
    assert_int_equal(answer.status, 503);
    assert_non_null(answer_header(&answer, "Retry-After"));
    assert_string_equal(answer.body, "{\"ready\":false,\"reasons\":[\"sales/0: restoring, 40 "
                                     "%\",\"sales/1: \\\"quoted\\\"\"]}\n");
    answer_done(&answer);
    answer = request(f->server.port, "POST", P "/pause", "", "");
    assert_int_equal(answer.status, 409);
    assert_non_null(strstr(answer.body, "the pipeline has failed"));
    answer_done(&answer);
    f->server.service.produce = NULL;
    answer = request(f->server.port, "POST", P "/records", "", "a");
    assert_int_equal(answer.status, 409);
    assert_non_null(strstr(answer.body, "produce: true"));
    answer_done(&answer);
}

static void test_head_options_allow(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {"/v1/pipelines/shop", "/v1/pipelines/shop/sets/numbers/3",
                                          "/healthz", "/", "/nothing"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct answer whole = get(f->server.port, targets[i]);
        struct answer head = request(f->server.port, "HEAD", targets[i], "", NULL);
        assert_int_equal(head.status, whole.status);
        char *length = mem_strdup(answer_header(&whole, "Content-Length"));
        assert_string_equal(answer_header(&head, "Content-Length"), length);
        assert_int_equal(head.length, 0);
        free(length);
        answer_done(&head);
        answer_done(&whole);
    }
    struct answer answer = request(f->server.port, "OPTIONS", P "/records", "", NULL);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Allow"), "POST, OPTIONS");
    answer_done(&answer);
    answer = request(f->server.port, "OPTIONS", "*", "", NULL);
    assert_int_equal(answer.status, 204);
    answer_done(&answer);
    answer = request(f->server.port, "POST", P "/sets/numbers/1", "", "x");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, OPTIONS");
    answer_done(&answer);
}

static void test_request_ids(void **state)
{
    struct fixture *f = *state;
    /* The second one comes out of the cache. */
    for (int i = 0; i < 3; i++) {
        struct answer answer =
            request(f->server.port, "GET", P "/aggregates/grand", "X-Request-Id: a-1 b\r\n", NULL);
        assert_string_equal(answer_header(&answer, "X-Request-Id"), "a-1 b");
        answer_done(&answer);
    }
    struct answer answer =
        request(f->server.port, "GET", "/healthz", "X-Request-Id: caf\xc3\xa9\r\n", NULL);
    assert_int_equal(answer.status, 200);
    assert_null(answer_header(&answer, "X-Request-Id"));
    answer_done(&answer);
}

/* ---- the page
 * ------------------------------------------------------------------------------------------------
 */

static void test_page_is_self_contained(void **state)
{
    struct fixture *f = *state;
    struct answer answer = get(f->server.port, "/");
    const char *csp = answer_header(&answer, "Content-Security-Policy");
    assert_non_null(strstr(csp, "default-src 'none'"));
    assert_non_null(strstr(csp, "script-src 'sha256-"));
    assert_null(strstr(csp, "unsafe"));
    assert_null(strstr(answer.body, "/*SCRIPT*/"));
    assert_null(strstr(answer.body, "src=\"http"));
    assert_null(strstr(answer.body, "@import"));
    assert_null(strstr(answer.body, " style=\""));
    assert_null(strstr(answer.body, " onclick="));
    answer_done(&answer);
}

/* ---- compression
 * ---------------------------------------------------------------------------------------------------
 */

static char *gunzip(const struct answer *answer, size_t capacity)
{
    char *out = mem_alloc(capacity + 1);
    z_stream stream = {.next_in = (Bytef *)answer->body,
                       .avail_in = (uInt)answer->length,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)capacity};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    return out;
}

static void test_compression(void **state)
{
    struct fixture *f = *state;
    const char *target = P "/aggregates/totals?limit=500";
    struct answer plain = get(f->server.port, target);
    assert_null(answer_header(&plain, "Content-Encoding"));
    for (int i = 0; i < 2; i++) { /* fresh and kept */
        struct answer gzip =
            request(f->server.port, "GET", target, "Accept-Encoding: gzip, br\r\n", NULL);
        assert_string_equal(answer_header(&gzip, "Content-Encoding"), "gzip");
        assert_true(gzip.length < plain.length / 2);
        char *text = gunzip(&gzip, plain.length);
        assert_string_equal(text, plain.body);
        free(text);
        answer_done(&gzip);
        struct answer zstd =
            request(f->server.port, "GET", target, "Accept-Encoding: gzip, zstd\r\n", NULL);
        assert_string_equal(answer_header(&zstd, "Content-Encoding"), "zstd");
        text = mem_alloc(plain.length + 1);
        assert_int_equal(ZSTD_decompress(text, plain.length, zstd.body, zstd.length), plain.length);
        assert_string_equal(text, plain.body);
        free(text);
        answer_done(&zstd);
    }
    static const char *const none[] = {"Accept-Encoding: identity\r\n",
                                       "Accept-Encoding: gzip;q=0, *;q=0.0\r\n",
                                       "Accept-Encoding: br\r\n", ""};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct answer answer = request(f->server.port, "GET", target, none[i], NULL);
        assert_null(answer_header(&answer, "Content-Encoding"));
        assert_string_equal(answer.body, plain.body);
        answer_done(&answer);
    }
    struct answer small =
        request(f->server.port, "GET", "/healthz", "Accept-Encoding: gzip\r\n", NULL);
    assert_null(answer_header(&small, "Content-Encoding"));
    answer_done(&small);
    answer_done(&plain);
}

/* ---- tags and kept answers
 * -------------------------------------------------------------------------------------------- */

static char *tag_of(struct fixture *f, const char *target, const char *headers)
{
    struct answer answer = request(f->server.port, "GET", target, headers, NULL);
    assert_int_equal(answer.status, 200);
    char *tag = mem_strdup(answer_header(&answer, "ETag"));
    answer_done(&answer);
    return tag;
}

static int status_with_tag(struct fixture *f, const char *target, const char *tag)
{
    char *headers = mem_printf("If-None-Match: \"x\", W/%s\r\n", tag);
    struct answer answer = request(f->server.port, "GET", target, headers, NULL);
    int status = answer.status;
    if (status == 304) {
        assert_int_equal(answer.length, 0);
        assert_string_equal(answer_header(&answer, "ETag"), tag);
    }
    answer_done(&answer);
    free(headers);
    return status;
}

static void test_tags(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {P "/aggregates/totals", P "/sets/numbers",
                                          P "/sets/numbers/3", P "/aggregates/minutes?by="};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char *json = tag_of(f, targets[i], "");
        char *csv = tag_of(f, targets[i], "Accept: text/csv\r\n");
        char *again = tag_of(f, targets[i], "");
        assert_string_equal(json, again);
        assert_string_not_equal(json, csv);
        assert_int_equal(status_with_tag(f, targets[i], json), 304);
        assert_int_equal(status_with_tag(f, targets[i], csv), 200);
        apply_one(f, 0);
        assert_int_equal(status_with_tag(f, targets[i], json), 200);
        free(json);
        free(csv);
        free(again);
    }
}

static int64_t number_behind(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    assert_non_null(at);
    at += strlen(label);
    int64_t number = 0;
    assert_int_equal(int_read(at, strspn(at, "-0123456789"), &number), 0);
    return number;
}

static void test_kept_answers_are_never_old(void **state)
{
    struct fixture *f = *state;
    int64_t orders = f->shop.count;
    for (int i = 0; i < 50; i++) {
        for (int again = 0; again < 3; again++) {
            struct answer answer = get(f->server.port, P "/aggregates/grand");
            assert_int_equal(number_behind(answer.body, "\"orders\":"), orders);
            answer_done(&answer);
        }
        apply_one(f, i % 3);
        orders++;
    }
    /* What is not an offset counts too. */
    struct answer answer = get(f->server.port, P "/aggregates/grand");
    assert_non_null(strstr(answer.body, "\"complete\":true"));
    answer_done(&answer);
    f->shop.views[2].complete = false;
    answer = get(f->server.port, P "/aggregates/grand");
    assert_non_null(strstr(answer.body, "\"complete\":false"));
    answer_done(&answer);
    f->shop.views[2].partition = NULL;
    answer = get(f->server.port, P "/aggregates/grand");
    assert_non_null(strstr(answer.body, "\"missing\":[{\"topic\":\"sales\",\"partition\":2}]"));
    answer_done(&answer);
    answer = get(f->server.port, P "/aggregates/grand?format=ndjson");
    assert_string_equal(answer_header(&answer, "Weir-Complete"), "false");
    assert_non_null(strstr(answer_header(&answer, "Weir-Missing"), "\"partition\":2"));
    answer_done(&answer);
}

/* ---- pages over HTTP
 * ------------------------------------------------------------------------------------------------------
 */

static void test_pages_over_http(void **state)
{
    struct fixture *f = *state;
    struct answer whole = get(f->server.port, P "/aggregates/totals?format=ndjson&order=-revenue");
    struct text pages = TEXT_INIT;
    char *cursor = mem_strdup("");
    for (;;) {
        char *target = mem_printf(P "/aggregates/totals?format=ndjson&order=-revenue&limit=77%s%s",
                                  *cursor ? "&cursor=" : "", cursor);
        struct answer page = get(f->server.port, target);
        assert_int_equal(page.status, 200);
        text_add_bytes(&pages, page.body, page.length);
        free(cursor);
        const char *next = answer_header(&page, "Weir-Next-Cursor");
        cursor = next ? mem_strdup(next) : NULL;
        answer_done(&page);
        free(target);
        if (!cursor)
            break;
    }
    assert_true(text_starts(pages.data, whole.body));
    const char *next = answer_header(&whole, "Weir-Next-Cursor");
    assert_int_equal(next == NULL, pages.length == whole.length);
    text_done(&pages);
    answer_done(&whole);
}

/* ---- after=
 * ----------------------------------------------------------------------------------------------------------------
 */

static void *ask_after(void *context)
{
    struct fixture *f = context;
    struct answer *answer = mem_alloc(sizeof(*answer));
    char *target = mem_printf(P "/aggregates/grand?after=sales:1:%lld&timeout=20s",
                              (long long)f->shop.next_offset[1]);
    *answer = get(f->server.port, target);
    free(target);
    return answer;
}

static void wait_for_acquires(struct fixture *f)
{
    /* The waiter looks at the partitions again and again: it has the request then. */
    for (int looks = 0; looks < 3;) {
        struct answer answer = get(f->server.port, "/metrics");
        looks += strstr(answer.body, "weir_http_requests_in_flight 2") != NULL;
        answer_done(&answer);
    }
}

static void test_after_waits(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *result;
    int64_t orders = f->shop.count;
    assert_int_equal(pthread_create(&thread, NULL, ask_after, f), 0);
    wait_for_acquires(f);
    apply_one(f, 0); /* another partition */
    apply_one(f, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    struct answer *answer = result;
    assert_int_equal(answer->status, 200);
    assert_true(number_behind(answer->body, "\"orders\":") >= orders + 1);
    answer_done(answer);
    free(answer);
    /* A put, then a read that sees it. */
    struct answer put = request(f->server.port, "POST", P "/records", "", "b");
    char *target = mem_printf(P "/aggregates/grand?after=sales:1:%lld&after=sales:0:0",
                              (long long)number_behind(put.body, "\"offset\":"));
    struct answer read = get(f->server.port, target);
    assert_int_equal(number_behind(read.body, "\"orders\":"), f->shop.count);
    answer_done(&put);
    answer_done(&read);
    free(target);
}

static void test_clients_that_leave_while_they_wait(void **state)
{
    struct fixture *f = *state;
    const char *text = "GET " P "/aggregates/grand?after=sales:1:99999999&timeout=60s HTTP/1.1\r\n"
                       "Host: x\r\n\r\n";
    int fds[10];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = client_open(f->server.port);
        client_send(fds[i], text, strlen(text));
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    /* They are noticed long before their timeout. */
    int64_t until_ns = clock_mono_ns() + 20 * NS_PER_SECOND;
    for (bool gone = false; !gone;) {
        struct answer answer = get(f->server.port, "/metrics");
        gone = strstr(answer.body, "weir_http_requests_in_flight 1\n") != NULL;
        answer_done(&answer);
        assert_true(clock_mono_ns() < until_ns);
    }
}

static void test_stopping_answers_those_who_wait(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, ask_after, f), 0);
    wait_for_acquires(f);
    server_stop(&f->server);
    assert_int_equal(pthread_join(thread, &result), 0);
    struct answer *answer = result;
    assert_int_equal(answer->status, 503);
    answer_done(answer);
    free(answer);
    server_start(&f->server, &f->shop, NULL);
}

/* ---- limits
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void test_too_many_at_once(void **state)
{
    struct fixture *f = *state;
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    struct server server;
    options.queries_max = 2;
    server_start(&server, &f->shop, &options);
    const char *text = "GET " P "/aggregates/grand?after=sales:1:99999999&timeout=60s HTTP/1.1\r\n"
                       "Host: x\r\n\r\n";
    int first = client_open(server.port);
    int second = client_open(server.port);
    client_send(first, text, strlen(text));
    client_send(second, text, strlen(text));
    for (bool both = false; !both;) {
        struct answer answer = get(server.port, "/healthz");
        answer_done(&answer);
        answer = request(server.port, "GET",
                         P "/aggregates/grand?after=sales:1:99999999&timeout=1ms", "", NULL);
        both = answer.status == 429;
        if (both) {
            assert_string_equal(answer_header(&answer, "Retry-After"), "1");
            assert_non_null(strstr(answer.body, "too-many-requests"));
        }
        answer_done(&answer);
    }
    /* What the loop answers itself still is. */
    struct answer answer = get(server.port, P "/sets/numbers/3");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    close(first);
    close(second);
    server_stop(&server);
}

static void test_bodies_over_the_limit(void **state)
{
    struct fixture *f = *state;
    char *body = mem_alloc((3u << 20) + 1);
    memset(body, 'x', 3u << 20);
    struct answer answer = request(f->server.port, "POST", P "/records", "", body);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
    answer = request(f->server.port, "POST", P "/records", "Expect: 100-continue\r\n", body);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
    /* Without a length, in chunks. */
    int fd = client_open(f->server.port);
    const char *head =
        "POST " P "/records HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    client_send(fd, head, strlen(head));
    for (int i = 0; i < 3; i++) {
        client_send(fd, "100000\r\n", 8);
        client_send(fd, body, 0x100000);
        client_send(fd, "\r\n", 2);
    }
    client_send(fd, "0\r\n\r\n", 5);
    answer = client_read(fd, false);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
    close(fd);
    /* A GET may have a body; nobody reads it. */
    answer = request(f->server.port, "GET", P "/aggregates/grand", "", "hello");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    free(body);
}

static void test_answers_over_the_limit(void **state)
{
    struct fixture *f = *state;
    struct server server;
    server_start(&server, &f->shop, NULL);
    server_stop(&server);
    /* The limit is taken at the start. */
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    struct weir_error error;
    options.listen = "127.0.0.1:0";
    server.service.limits.bytes_max = 1 << 20;
    server.service.limits.groups_max = 20;
    assert_int_equal(http_server_start(&options, &server.service, &server.http, &error), 0);
    uint16_t port = http_server_port(server.http);
    struct answer answer = get(port, P "/aggregates/totals");
    assert_int_equal(answer.status, 422);
    assert_non_null(strstr(answer.body, "groups"));
    answer_done(&answer);
    http_server_stop(server.http);
    server.service.limits.bytes_max = 4000;
    server.service.limits.groups_max = 100000;
    assert_int_equal(http_server_start(&options, &server.service, &server.http, &error), 0);
    port = http_server_port(server.http);
    answer = get(port, P "/aggregates/totals");
    assert_int_equal(answer.status, 422);
    assert_non_null(strstr(answer.body, "problem:limit"));
    answer_done(&answer);
    answer = get(port, "/healthz");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    http_server_stop(server.http);
}

/* ---- requests that are none
 * ------------------------------------------------------------------------------------------------------
 */

static void test_malformed_requests(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "\r\nGET\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /heal thz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?%zz=1&&&==&=x&a HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST " P "/records HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
        "POST " P "/records HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello",
        "POST " P "/records HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        "POST " P "/records HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello TLS\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int fd = client_open(f->server.port);
        client_send(fd, texts[i], strlen(texts[i]));
        shutdown(fd, SHUT_WR);
        struct answer answer = client_read(fd, false);
        bool page = strstr(texts[i], "GET /?") != NULL; /* it does not mind parameters */
        if (answer.status != 0 && !(page && answer.status == 200) &&
            (answer.status < 400 || answer.status > 499) && answer.status != 505)
            fail_msg("%s: %d", texts[i], answer.status);
        answer_done(&answer);
        close(fd);
    }
    struct text large = TEXT_INIT;
    text_add(&large, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
    for (int i = 0; i < 100000; i++)
        text_add_char(&large, 'x');
    text_add(&large, "\r\n\r\n");
    int fd = client_open(f->server.port);
    client_send(fd, large.data, large.length);
    struct answer answer = client_read(fd, false);
    assert_true(answer.status == 0 || (answer.status >= 400 && answer.status < 500));
    answer_done(&answer);
    close(fd);
    text_done(&large);
    answer = get(f->server.port, "/healthz");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
}

/* Random bytes of a valid request changed. */
static void test_mutated_requests(void **state)
{
    struct fixture *f = *state;
    static const char *const seeds[] = {
        "GET " P "/aggregates/totals?by=shop&where=orders%3E1&order=-shop&limit=3 HTTP/1.1\r\n"
        "Host: x\r\nAccept: text/csv;q=0.3, */*\r\nAccept-Encoding: gzip\r\nConnection: "
        "close\r\n\r\n",
        "GET " P "/sets/places/a/1?after=sales:0:1&timeout=1ms HTTP/1.1\r\nHost: x\r\n"
        "If-None-Match: \"a\", W/\"b\", *\r\nX-Request-Id: 1\r\nConnection: close\r\n\r\n"};
    f->shop.random = test_seed() | 1;
    for (int round = 0; round < 400; round++) {
        char text[512];
        size_t length = strlen(seeds[round % 2]);
        memcpy(text, seeds[round % 2], length);
        for (uint64_t changes = 1 + shop_random(&f->shop, 4); changes > 0; changes--)
            text[shop_random(&f->shop, length)] = (char)shop_random(&f->shop, 256);
        int fd = client_open(f->server.port);
        client_patience(fd, NS_PER_SECOND / 10); /* some never end as a request */
        client_send(fd, text, length);
        struct answer answer = client_read(fd, false);
        assert_true(answer.status < 500 || answer.status == 504 || answer.status == 505 ||
                    answer.status == 501);
        answer_done(&answer);
        close(fd);
    }
}

static void test_slow_clients_hold_up_nobody(void **state)
{
    struct fixture *f = *state;
    int fds[100];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = client_open(f->server.port);
        client_send(fds[i], "GET /heal", i % 9 + 1);
    }
    /* Others ask for a lot and do not read it. */
    int deaf[10];
    for (size_t i = 0; i < COUNT_OF(deaf); i++) {
        const char *text = "GET " P "/aggregates/totals?limit=100000 HTTP/1.1\r\nHost: x\r\n\r\n";
        deaf[i] = client_open(f->server.port);
        for (int times = 0; times < 20; times++)
            client_send(deaf[i], text, strlen(text));
    }
    for (int i = 0; i < 20; i++) {
        struct answer answer = get(f->server.port, P "/aggregates/totals?by=shop");
        assert_int_equal(answer.status, 200);
        answer_done(&answer);
    }
    for (size_t i = 0; i < COUNT_OF(deaf); i++)
        close(deaf[i]);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
}

static void test_one_connection_many_requests(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {P "/aggregates/grand", "/nothing", P "/sets/numbers/3",
                                          P "/aggregates/totals?limit=x",
                                          P "/sets/numbers?limit=5"};
    int fd = client_open(f->server.port);
    for (size_t i = 0; i < 40; i++) {
        char *text =
            mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i % COUNT_OF(targets)]);
        client_send(fd, text, strlen(text));
        struct answer answer = client_read(fd, false);
        assert_true(answer.status == 200 || answer.status == 404 || answer.status == 400);
        assert_false(answer.closed);
        answer_done(&answer);
        free(text);
    }
    close(fd);
}

/* ---- addresses
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void test_addresses_that_are_refused(void **state)
{
    struct fixture *f = *state;
    char *occupied = mem_printf("127.0.0.1:%u", f->server.port);
    const struct {
        const char *listen;
        bool insecure;
        const char *says;
    } cases[] = {{"0.0.0.0:18199", false, "--insecure"},
                 {":18199", false, "--insecure"},
                 {"[::]:18199", false, "--insecure"},
                 {"8080", false, "HOST:PORT"},
                 {"127.0.0.1:", false, "HOST:PORT"},
                 {"127.0.0.1:99999", false, "HOST:PORT"},
                 {"::1:8080", false, "HOST:PORT"},
                 {"192.0.2.1:18199", true, "not an address"},
                 {occupied, false, "in use by another process"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_options options = HTTP_OPTIONS_DEFAULT;
        struct http_server *server;
        struct weir_error error = {0};
        options.listen = cases[i].listen;
        options.insecure = cases[i].insecure;
        assert_true(http_server_start(&options, &f->server.service, &server, &error) < 0);
        if (!strstr(error.text, cases[i].says))
            fail_msg("%s: %s", cases[i].listen, error.text);
    }
    free(occupied);
}

/* ---- readers and a writer
 * -------------------------------------------------------------------------------------------------------------
 */

struct reader {
    struct fixture *f;
    uint32_t number;
    uint32_t answers;
    _Atomic bool *stop;
};

static int64_t covered(const char *body, int64_t last[3])
{
    static const char *const labels[] = {"\"sales\":{\"0\":", ",\"1\":", ",\"2\":"};
    const char *covers = strstr(body, "\"covers\":");
    int64_t sum = 0;
    CHECK(covers);
    for (int p = 0; p < 3; p++) {
        const char *at = strstr(covers, labels[p]);
        int64_t offset = 0;
        CHECK(at && int_read(at + strlen(labels[p]), strspn(at + strlen(labels[p]), "0123456789"),
                             &offset) == 0);
        CHECK(offset >= last[p]); /* what is covered never goes back */
        last[p] = offset;
        sum += offset;
    }
    return sum;
}

static void *reader_main(void *context)
{
    static const char *const targets[] = {P "/aggregates/grand",
                                          P "/aggregates/totals?by=",
                                          P "/aggregates/totals?by=&where=orders%3E0",
                                          P "/sets/numbers?limit=50",
                                          P "/sets/numbers/3",
                                          P "/aggregates/minutes?by=shop",
                                          P};
    struct reader *reader = context;
    int64_t last[3] = {0};
    int fd = client_open(reader->f->server.port);
    for (uint32_t i = reader->number; !atomic_load(reader->stop); i++) {
        const char *target = targets[i % COUNT_OF(targets)];
        char *text = mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
        client_send(fd, text, strlen(text));
        struct answer answer = client_read(fd, false);
        CHECK(answer.status == 200);
        if (i % COUNT_OF(targets) < 3) { /* each record below what is covered, and no other */
            const char *at = strstr(answer.body, "\"orders\":");
            int64_t orders = 0;
            CHECK(at && int_read(at + 9, strspn(at + 9, "0123456789"), &orders) == 0);
            CHECK(orders == covered(answer.body, last));
        } else if (strstr(answer.body, "\"covers\":")) {
            covered(answer.body, last);
        }
        reader->answers++;
        answer_done(&answer);
        free(text);
    }
    close(fd);
    return NULL;
}

static void test_readers_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    enum { READERS = 4, BATCHES = 300 };
    struct reader readers[READERS];
    pthread_t threads[READERS];
    _Atomic bool stop = false;
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){f, i, 0, &stop};
        CHECK(pthread_create(&threads[i], NULL, reader_main, &readers[i]) == 0);
    }
    shop_feed(&f->shop, BATCHES, 100, SHOP_MINUTE_NS, 300);
    atomic_store(&stop, true);
    for (uint32_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].answers > 0);
    }
}

/* ---- the documentation
 * ------------------------------------------------------------------------------------------------------------------
 */

static void test_documented(void **state)
{
    (void)state;
    const char *root = getenv("WEIR_SOURCE_ROOT");
    char *path = mem_printf("%s/docs/http.md", root ? root : ".");
    struct text page = TEXT_INIT;
    struct weir_error error = {0};
    if (file_read(path, 1 << 20, &page, &error) < 0)
        fail_msg("%s", error.text);
    for (uint32_t i = 0; i < http_route_count; i++) {
        const char *method = http_routes[i].method == METHOD_GET ? "GET" : "POST";
        char *row = mem_printf("| `%s %s` |", method, http_routes[i].path);
        if (!strstr(page.data, row))
            fail_msg("docs/http.md has no row %s", row);
        free(row);
    }
#define PARAM_DOCUMENTED(symbol, name, schema, summary)                                            \
    if (!strstr(page.data, "| `" name "=` |"))                                                     \
        fail_msg("docs/http.md has no row for %s=", name);
    HTTP_PARAMETERS(PARAM_DOCUMENTED)
#define PROBLEM_DOCUMENTED(symbol, name, status, title)                                            \
    if (!strstr(page.data, "| `" name "` | " #status " |"))                                        \
        fail_msg("docs/http.md has no row for the problem %s", name);
    HTTP_PROBLEMS(PROBLEM_DOCUMENTED)
    text_done(&page);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_route_answers),
        TEST(test_every_error_is_a_problem_document),
        TEST(test_states_of_the_service),
        TEST(test_head_options_allow),
        TEST(test_request_ids),
        TEST(test_page_is_self_contained),
        TEST(test_compression),
        TEST(test_tags),
        TEST(test_kept_answers_are_never_old),
        TEST(test_pages_over_http),
        TEST(test_after_waits),
        TEST(test_clients_that_leave_while_they_wait),
        TEST(test_stopping_answers_those_who_wait),
        TEST(test_too_many_at_once),
        TEST(test_bodies_over_the_limit),
        TEST(test_answers_over_the_limit),
        TEST(test_malformed_requests),
        TEST(test_mutated_requests),
        TEST(test_slow_clients_hold_up_nobody),
        TEST(test_one_connection_many_requests),
        TEST(test_addresses_that_are_refused),
        TEST(test_readers_beside_a_writer),
        cmocka_unit_test(test_documented),
    };
    if (getenv("WEIR_TEST_ONLY"))
        cmocka_set_test_filter(getenv("WEIR_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
