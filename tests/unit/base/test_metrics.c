/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/log.h"
#include "base/metrics.h"

static struct text page;

static const char *exposition(bool openmetrics)
{
    text_clear(&page);
    metrics_write(&page, openmetrics);
    assert_false(page.failed);
    return page.data;
}

static void assert_has(const char *text)
{
    if (!strstr(page.data, text))
        fail_msg("no `%s` in\n%s", text, page.data);
}

static void assert_has_not(const char *text)
{
    if (strstr(page.data, text))
        fail_msg("`%s` in\n%s", text, page.data);
}

static size_t occurrences(const char *text)
{
    size_t count = 0;
    for (const char *at = page.data; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static int end_page(void **state)
{
    text_done(&page);
    return 0;
}

static const char *const p0[] = {"orders", "orders", "0", NULL};
static const char *const p1[] = {"orders", "orders", "1", NULL};

static void counters_and_gauges(void **state)
{
    struct metric_series *a = metric_new(M_APPLIED, p0), *b = metric_new(M_APPLIED, p1);
    struct metric_series *lag = metric_new(M_KAFKA_LAG_RECORDS, p0);
    metric_add(a, 5);
    metric_add(a, 2);
    metric_add(b, 1);
    metric_set(lag, -3);
    assert_true(metric_get(a) == 7);
    exposition(false);
    assert_has(
        "# HELP weir_records_applied_total Records that reached the sink.\n"
        "# TYPE weir_records_applied_total counter\n"
        "weir_records_applied_total{pipeline=\"orders\",topic=\"orders\",partition=\"0\"} 7\n"
        "weir_records_applied_total{pipeline=\"orders\",topic=\"orders\",partition=\"1\"} 1\n");
    assert_has("weir_kafka_consumer_lag_records{pipeline=\"orders\",topic=\"orders\",partition="
               "\"0\"} -3\n");
    assert_int_equal(occurrences("# TYPE weir_records_applied_total "), 1);
    assert_has_not("# EOF");
    metric_free(a);
    metric_free(b);
    metric_free(lag);
    exposition(false);
    assert_has_not("weir_records_applied_total");
    assert_has_not("weir_kafka_consumer_lag_records");
}

static void the_same_labels_are_the_same_series(void **state)
{
    struct metric_series *a = metric_new(M_APPLIED, p0), *b = metric_new(M_APPLIED, p0);
    assert_ptr_equal(a, b);
    metric_add(a, 1);
    metric_free(b);
    exposition(false);
    assert_has("partition=\"0\"} 1\n");
    metric_free(a);
    a = metric_new(M_APPLIED, p0);
    assert_true(metric_get(a) == 0);
    metric_free(a);
    metric_free(NULL);
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_observe(NULL, 1);
    assert_true(metric_get(NULL) == 0);
}

static void labels_are_escaped(void **state)
{
    static const char *const labels[] = {"a\"b\\c\nd", NULL};
    struct metric_series *series = metric_new(M_KAFKA_ASSIGNED, labels);
    exposition(false);
    assert_has("weir_kafka_assigned_partitions{pipeline=\"a\\\"b\\\\c\\nd\"} 0\n");
    metric_free(series);
}

static void seconds_are_given_in_nanoseconds(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, " 0\n"},
                 {1, " 0.000000001\n"},
                 {1500000000, " 1.5\n"},
                 {-250000000, " -0.25\n"},
                 {60000000000, " 60\n"},
                 {INT64_MAX, " 9223372036.854775807\n"}};
    struct metric_series *series = metric_new(M_KAFKA_LAG_SECONDS, p0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char expected[160];
        metric_set(series, cases[i].ns);
        snprintf(expected, sizeof expected,
                 "weir_kafka_consumer_lag_seconds{pipeline=\"orders\",topic=\"orders\","
                 "partition=\"0\"}%s",
                 cases[i].text);
        exposition(false);
        assert_has(expected);
    }
    metric_free(series);
}

static void histograms(void **state)
{
    static const char *const labels[] = {"orders", NULL};
    struct metric_series *visible = metric_new(M_EVENT_TO_VISIBLE, labels);
    struct metric_series *rows = metric_new(M_BATCH_ROWS, labels);
    metric_observe(visible, 100000);       /* on a bound: inside */
    metric_observe(visible, 100001);       /* in the next */
    metric_observe(visible, 3000000000);   /* 3 s */
    metric_observe(visible, 700000000000); /* beyond the last */
    metric_observe(visible, -5);           /* clocks differ */
    metric_observe(rows, 1024);
    metric_observe(rows, 1);
    exposition(false);
    assert_has("# TYPE weir_event_to_visible_seconds histogram\n"
               "weir_event_to_visible_seconds_bucket{pipeline=\"orders\",le=\"0.0001\"} 2\n"
               "weir_event_to_visible_seconds_bucket{pipeline=\"orders\",le=\"0.00025\"} 3\n");
    assert_has("_bucket{pipeline=\"orders\",le=\"2.5\"} 3\n");
    assert_has("_bucket{pipeline=\"orders\",le=\"5\"} 4\n");
    assert_has("weir_event_to_visible_seconds_bucket{pipeline=\"orders\",le=\"+Inf\"} 5\n"
               "weir_event_to_visible_seconds_sum{pipeline=\"orders\"} 703.000199996\n"
               "weir_event_to_visible_seconds_count{pipeline=\"orders\"} 5\n");
    assert_has("weir_batch_records_bucket{pipeline=\"orders\",le=\"512\"} 1\n"
               "weir_batch_records_bucket{pipeline=\"orders\",le=\"1024\"} 2\n"
               "weir_batch_records_bucket{pipeline=\"orders\",le=\"+Inf\"} 2\n"
               "weir_batch_records_sum{pipeline=\"orders\"} 1025\n");
    exposition(true);
    assert_has("_bucket{pipeline=\"orders\",le=\"0.0001\"} 2\n");
    assert_has("_bucket{pipeline=\"orders\",le=\"5.0\"} 4\n");
    assert_has("weir_batch_records_bucket{pipeline=\"orders\",le=\"512.0\"} 1\n");
    metric_free(visible);
    metric_free(rows);
}

static void openmetrics_names_counters_its_own_way(void **state)
{
    static const char *const stage[] = {"orders", "set", NULL};
    struct metric_series *applied = metric_new(M_APPLIED, p0);
    struct metric_series *duration = metric_new(M_STAGE_DURATION, stage);
    metric_add(applied, 3);
    metric_add(duration, 250000000);
    exposition(true);
    assert_has(
        "# TYPE weir_records_applied counter\n"
        "weir_records_applied_total{pipeline=\"orders\",topic=\"orders\",partition=\"0\"} 3\n");
    assert_has("# TYPE weir_stage_duration_seconds counter\n"
               "weir_stage_duration_seconds_total{pipeline=\"orders\",stage=\"set\"} 0.25\n");
    assert_string_equal(page.data + page.length - 6, "# EOF\n");
    assert_int_equal(occurrences("# EOF"), 1);
    exposition(false);
    assert_has("weir_stage_duration_seconds{pipeline=\"orders\",stage=\"set\"} 0.25\n");
    metric_free(applied);
    metric_free(duration);
}

static void the_process_is_there(void **state)
{
    exposition(false);
    assert_has("# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 0.");
    const char *rss = strstr(page.data, "\nprocess_resident_memory_bytes ");
    assert_non_null(rss);
    assert_true(strtoll(strchr(rss, ' '), NULL, 10) > 500000);
    const char *fds = strstr(page.data, "\nprocess_open_fds ");
    assert_non_null(fds);
    assert_in_range(strtoll(strchr(fds, ' '), NULL, 10), 3, 100);
    const char *start = strstr(page.data, "\nprocess_start_time_seconds ");
    assert_non_null(start);
    double age = (double)time(NULL) - strtod(strchr(start, ' '), NULL);
    assert_true(age > -5 && age < 3600);
    assert_has("weir_log_messages_total{level=\"error\"} 0\n");
}

static void log_lines_are_counted(void **state)
{
    log_init(LOG_ERROR, false);
    log_event(LOG_ERROR, "a_test_logs", "once=true");
    exposition(false);
    assert_has("weir_log_messages_total{level=\"error\"} 1\n");
}

struct asked {
    struct metric_series *series;
    int times;
};

static void ask(void *context)
{
    struct asked *asked = context;
    metric_set(asked->series, ++asked->times);
}

static void collectors_run_before_each_page(void **state)
{
    struct asked asked = {metric_new(M_HTTP_IN_FLIGHT, NULL), 0}, other = asked;
    metrics_on_collect(ask, &asked);
    metrics_on_collect(ask, &other);
    metrics_off_collect(ask, &other);
    exposition(false);
    assert_has("weir_http_requests_in_flight 1\n");
    exposition(true);
    assert_has("weir_http_requests_in_flight 2\n");
    metrics_off_collect(ask, &asked);
    exposition(false);
    assert_has("weir_http_requests_in_flight 2\n");
    assert_int_equal(other.times, 0);
    metric_free(asked.series);
}

static void the_vocabulary_is_sound(void **state)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct metric_description *d = metrics_describe(m);
        bool total = strlen(d->name) > 6 && strcmp(d->name + strlen(d->name) - 6, "_total") == 0;
        assert_true(text_starts(d->name, "weir_") || text_starts(d->name, "process_"));
        if (strcmp(d->kind, "counter") != 0)
            assert_false(total);
        assert_true(d->help[strlen(d->help) - 1] == '.');
        for (enum metric other = 0; other < m; other++)
            assert_string_not_equal(d->name, metrics_describe(other)->name);
    }
    assert_null(metrics_describe(METRIC_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_is_there),
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(the_same_labels_are_the_same_series),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(seconds_are_given_in_nanoseconds),
        cmocka_unit_test(histograms),
        cmocka_unit_test(openmetrics_names_counters_its_own_way),
        cmocka_unit_test(log_lines_are_counted),
        cmocka_unit_test(collectors_run_before_each_page),
        cmocka_unit_test(the_vocabulary_is_sound),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, end_page);
}
