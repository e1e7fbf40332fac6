/* SPDX-License-Identifier: Apache-2.0 */
/* What may be called from any thread is: for ThreadSanitizer, and for the counts. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/value.h"

#define THREADS 4
#define ROUNDS  2000
#define BURST   4000000 /* additions one behind the other, where a lost one would show */

static pthread_barrier_t together;

static void *work(void *argument)
{
    int number = *(int *)argument;
    static const char *const shared[] = {"orders", "orders", "0", NULL};
    static const char *const histogram[] = {"orders", NULL};
    char name[8];
    snprintf(name, sizeof name, "%d", number);
    const char *const own[] = {"orders", "orders", name, NULL};
    struct metric_series *total = metric_new(M_APPLIED, shared);
    struct metric_series *rows = metric_new(M_BATCH_ROWS, histogram);
    pthread_barrier_wait(&together);
    for (int i = 0; i < BURST; i++)
        metric_add(total, 1);
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(total, 1);
        metric_observe(rows, i % 1000);
        struct metric_series *mine = metric_new(M_KAFKA_APPLIED_OFFSET, own);
        metric_set(mine, i);
        metric_free(mine);
        if (i % 100 == 0) {
            log_event(LOG_WARN, "threads", "thread=%d round=%d text=%s", number, i,
                      log_quote("a b"));
            struct text page = TEXT_INIT;
            metrics_write(&page, i % 200 == 0);
            text_done(&page);
        }
        log_event_limited(LOG_WARN, "threads_limited", 3600000, "thread=%d", number);
        double value;
        float_read("1.7976931348623157e308", 22, &value);
        clock_set_virtual(i);
        clock_wall_ns();
    }
    metric_free(rows);
    return total; /* freed by who counts */
}

static void collect(void *context)
{
    metric_add(context, 1);
}

static void nothing_is_lost_between_threads(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    uint64_t before = log_count(LOG_WARN);
    struct metric_series *pages = metric_new(M_HTTP_IN_FLIGHT, NULL);
    metrics_on_collect(collect, pages);
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
    }
    void *total = NULL;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &total), 0);
        assert_true(i < THREADS - 1 || metric_get(total) == THREADS * (ROUNDS + BURST));
    }
    for (int i = 0; i < THREADS; i++)
        metric_free(total);
    assert_true(metric_get(pages) == THREADS * ROUNDS / 100);
    pthread_barrier_destroy(&together);
    metrics_off_collect(collect, pages);
    metric_free(pages);
    /* One of the limited events was the first. */
    assert_true(log_count(LOG_WARN) - before == THREADS * ROUNDS / 100 + 1);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
    clock_set_virtual(-1);
    assert_true(clock_wall_ns() > 1700000000 * NS_PER_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
