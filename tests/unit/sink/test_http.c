/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over real partitions, by a client that sends raw bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "sink/http/routes.h"
#include "tests/unit/sink/http_client.h"

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
        cmocka_unit_test(test_documented),
    };
    if (getenv("WEIR_TEST_ONLY"))
        cmocka_set_test_filter(getenv("WEIR_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
