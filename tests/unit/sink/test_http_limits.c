/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server under clients that wait, leave, are slow, malformed, many, or beside a writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "tests/unit/sink/http_client.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    if (getenv("WEIR_TEST_ONLY"))
        cmocka_set_test_filter(getenv("WEIR_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
