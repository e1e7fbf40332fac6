/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

/* Standard error goes into a file while a test runs; what is there is returned and forgotten. */
static int kept_stderr = -1;
static FILE *caught;

static int catch_begin(void **state)
{
    caught = tmpfile();
    kept_stderr = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
    clock_set_virtual(1795255259123456789);
    log_init(LOG_INFO, false);
    return 0;
}

static int catch_end(void **state)
{
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    fclose(caught);
    clock_set_virtual(-1);
    return 0;
}

static const char *lines(void)
{
    static char buffer[65536];
    ssize_t bytes = pread(fileno(caught), buffer, sizeof buffer - 1, 0);
    assert_true(bytes >= 0);
    buffer[bytes] = '\0';
    assert_int_equal(ftruncate(fileno(caught), 0), 0);
    lseek(fileno(caught), 0, SEEK_SET);
    return buffer;
}

#define STAMP "2026-11-21T10:00:59.123Z"

static void a_line_in_logfmt(void **state)
{
    log_event(LOG_WARN, "offset_gap", "topic=%s partition=%d", "orders", 3);
    assert_string_equal(lines(),
                        "ts=" STAMP " level=warn event=offset_gap topic=orders partition=3\n");
    log_event(LOG_INFO, "started", "%s", "");
    assert_string_equal(lines(), "ts=" STAMP " level=info event=started\n");
}

static void a_line_in_json(void **state)
{
    log_init(LOG_INFO, true);
    log_event(LOG_ERROR, "gap",
              "topic=%s n=%d f=%s b=true v=1.2.3 plus=+1 text=%s alone empty=", "orders", -3, "1e5",
              log_quote("say \"no\"\n\\now 7"));
    assert_string_equal(lines(),
                        "{\"ts\":\"" STAMP "\",\"level\":\"error\",\"event\":\"gap\","
                        "\"topic\":\"orders\",\"n\":-3,\"f\":1e5,\"b\":true,\"v\":\"1.2.3\","
                        "\"plus\":\"+1\",\"text\":\"say \\\"no\\\"\\n\\\\now 7\","
                        "\"alone\":\"\",\"empty\":\"\"}\n");
    log_event(LOG_ERROR, "x", "version=%s", log_quote("7"));
    assert_non_null(strstr(lines(), "\"version\":\"7\""));
}

static void one_event_is_one_line(void **state)
{
    log_event(LOG_INFO, "x", "a=%s", "1\nts=forged level=error\r\x1b[31m");
    const char *text = lines();
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\x1b'));
}

static void the_level_filters_and_lines_are_counted(void **state)
{
    uint64_t debug = log_count(LOG_DEBUG), info = log_count(LOG_INFO);
    log_event(LOG_DEBUG, "x", "a=1");
    assert_string_equal(lines(), "");
    assert_true(log_count(LOG_DEBUG) == debug);
    log_event(LOG_INFO, "x", "a=1");
    assert_true(log_count(LOG_INFO) == info + 1);
    log_init(LOG_DEBUG, false);
    assert_int_equal(log_level_now(), LOG_DEBUG);
    log_event(LOG_DEBUG, "x", "a=1");
    assert_true(log_count(LOG_DEBUG) == debug + 1);
    assert_non_null(strstr(lines(), "level=debug"));
}

static void levels_have_names(void **state)
{
    enum log_level level = LOG_INFO;
    assert_true(log_level_read("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_true(log_level_read("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_read("loud", &level));
    assert_int_equal(level, LOG_DEBUG);
}

static void a_limited_event_tells_how_often_it_was_silent(void **state)
{
    uint64_t before = log_count(LOG_WARN);
    for (int i = 0; i < 100; i++)
        log_event_limited(LOG_WARN, "often", 3600000, "i=%d", i);
    assert_string_equal(lines(), "ts=" STAMP " level=warn event=often i=0\n");
    assert_true(log_count(LOG_WARN) == before + 1);
    log_event_limited(LOG_WARN, "other", 3600000, "i=%d", 1);
    assert_non_null(strstr(lines(), "event=other i=1\n"));
}

static void after_its_time_the_next_line_comes(void **state)
{
    log_event_limited(LOG_WARN, "brief", 1, "i=0");
    lines();
    for (int i = 1; i <= 3; i++) {
        int64_t from = clock_mono_ns();
        int silent = 0;
        const char *text;
        do { /* spins for a millisecond: the limit's clock is the machine's */
            log_event_limited(LOG_WARN, "brief", 1, "i=%d", i);
            text = lines();
            silent += *text == '\0';
        } while (*text == '\0' && clock_mono_ns() - from < 5000000000);
        char expected[100], suppressed[40] = "";
        if (silent)
            snprintf(suppressed, sizeof suppressed, " suppressed=%d", silent);
        snprintf(expected, sizeof expected, "ts=" STAMP " level=warn event=brief i=%d%s\n", i,
                 suppressed);
        assert_string_equal(text, expected);
    }
}

static void more_events_than_the_table_holds(void **state)
{
    for (int i = 0; i < 400; i++) {
        char event[16];
        snprintf(event, sizeof event, "event_%d", i);
        log_event_limited(LOG_WARN, event, 3600000, "a=1");
        assert_non_null(strstr(lines(), event));
    }
}

static void quotes(void **state)
{
    assert_string_equal(log_quote("a b"), "\"a b\"");
    assert_string_equal(log_quote("\"\\\n\t"), "\"\\\"\\\\\\n\\t\"");
    assert_string_equal(log_quote(""), "\"\"");
    assert_string_equal(log_quote(NULL), "\"\"");
    const char *a = log_quote("1"), *b = log_quote("2"), *c = log_quote("3"), *d = log_quote("4");
    assert_string_equal(a, "\"1\"");
    assert_string_equal(b, "\"2\"");
    assert_string_equal(c, "\"3\"");
    assert_string_equal(d, "\"4\"");
    for (size_t blanks = 0; blanks < 5; blanks++) {
        struct text text = TEXT_INIT;
        for (size_t i = 0; i < blanks; i++)
            text_add_char(&text, ' ');
        while (text.length < 3000)
            text_add(&text, "\xf0\x9f\x98\x80");
        const char *quoted = log_quote(text.data);
        assert_true(utf8_valid(quoted, strlen(quoted)));
        assert_true(strlen(quoted) > 990 && strlen(quoted) < 1008);
        assert_int_equal(quoted[strlen(quoted) - 1], '"');
        text_done(&text);
    }
}

static void very_long_lines_are_cut(void **state)
{
    struct text text = TEXT_INIT;
    while (text.length < 20000)
        text_add(&text, "x");
    log_event(LOG_INFO, "x", "a=%s", text.data);
    size_t length = strlen(lines());
    assert_true(length > 1000 && length < 8192);
    log_init(LOG_INFO, true);
    log_event(LOG_INFO, "x", "a=%s", text.data);
    const char *line = lines();
    assert_string_equal(line + strlen(line) - 3, "\"}\n");
    text_done(&text);
}

#define CAUGHT(test) cmocka_unit_test_setup_teardown(test, catch_begin, catch_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAUGHT(a_line_in_logfmt),
        CAUGHT(a_line_in_json),
        CAUGHT(one_event_is_one_line),
        CAUGHT(the_level_filters_and_lines_are_counted),
        cmocka_unit_test(levels_have_names),
        CAUGHT(a_limited_event_tells_how_often_it_was_silent),
        CAUGHT(after_its_time_the_next_line_comes),
        CAUGHT(more_events_than_the_table_holds),
        cmocka_unit_test(quotes),
        CAUGHT(very_long_lines_are_cut),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
