/* SPDX-License-Identifier: Apache-2.0 */
/* test_reject_log.c: what stands in the log, its bound, what survives a crash, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/headers.h"
#include "base/memory.h"
#include "ingest/reject_log.h"

static char folder[64];
static char first_path[128];

static int setup(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/weir-rejects-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(first_path, sizeof(first_path), "%s/rejected-00000001.ndjson", folder);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < 10; i++) {
        char *path = mem_printf("%s/rejected-%08d.ndjson", folder, i);
        unlink(path);
        free(path);
    }
    char *other = mem_printf("%s/notes.txt", folder);
    unlink(other);
    free(other);
    return rmdir(folder);
}

static struct reject_log *open_log(uint64_t bytes_max)
{
    struct reject_log *log;
    struct weir_error error;
    if (reject_log_open(folder, bytes_max, &log, &error) < 0)
        fail_msg("%s", error.text);
    return log;
}

static struct text log_text(void)
{
    struct text text = TEXT_INIT;
    struct weir_error error;
    assert_int_equal(file_read(first_path, 1 << 30, &text, &error), 0);
    return text;
}

/* A batch whose rows are all rejected. */
static struct batch *rejected_batch(const struct weir_record *records, uint32_t count)
{
    struct batch *batch = batch_new(1);
    batch_begin(batch, "orders", 3, 1795255200123000000);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(batch_add(batch, &records[i]), 0);
        batch_reject(batch, i, WEIR_REJECT_TYPE, "`a`: expected int, found \"%u\"", i);
    }
    return batch;
}

static void test_lines(void **state)
{
    struct text headers = TEXT_INIT;
    headers_add(&headers, (struct header){str_of("trace"), str_of("abc")});
    const struct weir_record records[] = {
        {.offset = 7,
         .timestamp_ms = 1700000000123,
         .key = str_of("k"),
         .value = str_of("{\"a\":1}")},
        {.offset = 8, .timestamp_ms = -1, .value = str_make("a\0\n\xc3\xa9", 5)},
        {.offset = 9,
         .timestamp_ms = 0,
         .key = str_of("k"),
         .value = str_of("\xff\xfe"),
         .headers = str_make(headers.data, headers.length)},
        {.offset = 10, .timestamp_ms = -1, .key = str_of("\xff"), .value = str_of("")},
    };
    struct batch *batch = rejected_batch(records, COUNT_OF(records));
    struct reject_log *log = open_log(0);
    struct weir_error error;
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    assert_int_equal(reject_log_sync(log, &error), 0);
    struct text text = log_text();
    assert_string_equal(
        text.data,
        "{\"id\":\"orders/3/7\",\"time\":\"2026-11-21T10:00:00.123Z\",\"stage\":\"decode\","
        "\"reason\":\"wrong_type\",\"error\":\"`a`: expected int, found \\\"0\\\"\",\"topic\":"
        "\"orders\",\"partition\":3,\"offset\":7,\"timestamp\":\"2023-11-14T22:13:20.123Z\","
        "\"key\":\"k\",\"value\":\"{\\\"a\\\":1}\",\"encoding\":\"utf8\",\"headers\":{}}\n"
        "{\"id\":\"orders/3/8\",\"time\":\"2026-11-21T10:00:00.123Z\",\"stage\":\"decode\","
        "\"reason\":\"wrong_type\",\"error\":\"`a`: expected int, found \\\"1\\\"\",\"topic\":"
        "\"orders\",\"partition\":3,\"offset\":8,\"timestamp\":null,\"key\":null,\"value\":"
        "\"a\\u0000\\n\xc3\xa9\",\"encoding\":\"utf8\",\"headers\":{}}\n"
        "{\"id\":\"orders/3/9\",\"time\":\"2026-11-21T10:00:00.123Z\",\"stage\":\"decode\","
        "\"reason\":\"wrong_type\",\"error\":\"`a`: expected int, found \\\"2\\\"\",\"topic\":"
        "\"orders\",\"partition\":3,\"offset\":9,\"timestamp\":\"1970-01-01T00:00:00Z\",\"key\":"
        "\"aw==\",\"value\":\"//4=\",\"encoding\":\"base64\",\"headers\":{\"trace\":\"abc\"}}\n"
        "{\"id\":\"orders/3/10\",\"time\":\"2026-11-21T10:00:00.123Z\",\"stage\":\"decode\","
        "\"reason\":\"wrong_type\",\"error\":\"`a`: expected int, found \\\"3\\\"\",\"topic\":"
        "\"orders\",\"partition\":3,\"offset\":10,\"timestamp\":null,\"key\":\"/w==\",\"value\":"
        "\"\",\"encoding\":\"base64\",\"headers\":{}}\n");
    struct stat st;
    assert_int_equal(stat(first_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    text_done(&text);
    text_done(&headers);
    reject_log_close(log);
    batch_free(batch);
}

static void test_nothing_to_do(void **state)
{
    struct reject_log *log = open_log(0);
    struct batch *batch = rejected_batch(NULL, 0);
    struct weir_error error;
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    assert_int_equal(reject_log_sync(log, &error), 0);
    assert_int_equal(access(first_path, F_OK), -1);
    batch_free(batch);
    reject_log_close(log);
    reject_log_close(NULL);
}

/* At the bound: whole batches or nothing, the oldest stay, also after a restart. */
static void test_bound(void **state)
{
    const struct weir_record record = {.offset = 1, .timestamp_ms = -1, .value = str_of("x")};
    struct batch *batch = rejected_batch(&record, 1);
    struct weir_error error;
    struct reject_log *log = open_log(1000);
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    uint32_t added = 1;
    int status;
    while ((status = reject_log_add(log, batch, &error)) == 0)
        added++;
    assert_int_equal(status, WEIR_E_LIMIT);
    assert_non_null(strstr(error.text, "of at most 1000 bytes"));
    assert_non_null(strstr(error.text, folder));
    assert_true(added >= 3);
    struct text before = log_text();
    assert_true(before.length <= 1000);
    assert_int_equal(reject_log_sync(log, &error), 0);
    reject_log_close(log);

    log = open_log(1000);
    assert_int_equal(reject_log_add(log, batch, &error), WEIR_E_LIMIT);
    reject_log_close(log);
    log = open_log(1000 + before.length / added);
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    reject_log_close(log);
    struct text after = log_text();
    assert_int_equal(after.length, before.length + before.length / added);
    assert_memory_equal(after.data, before.data, before.length);
    text_done(&before);
    text_done(&after);
    batch_free(batch);
}

/* A process that died in the middle of a write: the torn line is cut off, the others stay. */
static void test_torn_line(void **state)
{
    const struct weir_record record = {.offset = 1, .timestamp_ms = -1, .value = str_of("x")};
    struct batch *batch = rejected_batch(&record, 1);
    struct weir_error error;
    struct reject_log *log = open_log(0);
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    reject_log_close(log);
    struct text whole = log_text();
    for (size_t cut = 0; cut <= whole.length; cut += cut + 40 < whole.length ? 37 : 1) {
        for (int lines = 0; lines < 2; lines++) {
            int fd = open(first_path, O_WRONLY | O_TRUNC);
            if (lines)
                assert_int_equal(fd_write_all(fd, whole.data, whole.length), 0);
            assert_int_equal(fd_write_all(fd, whole.data, cut), 0);
            close(fd);
            log = open_log(0);
            assert_int_equal(reject_log_add(log, batch, &error), 0);
            reject_log_close(log);
            struct text now = log_text();
            size_t expected = (size_t)lines + 1 + (cut == whole.length);
            assert_int_equal(now.length, whole.length * expected);
            for (size_t i = 0; i < expected; i++)
                assert_memory_equal(now.data + i * whole.length, whole.data, whole.length);
            text_done(&now);
        }
    }
    /* A torn line that is longer than what is looked at in one piece. */
    int fd = open(first_path, O_WRONLY | O_TRUNC);
    assert_int_equal(fd_write_all(fd, whole.data, whole.length), 0);
    char junk[10000];
    memset(junk, 'x', sizeof(junk));
    assert_int_equal(fd_write_all(fd, junk, sizeof(junk)), 0);
    close(fd);
    reject_log_close(open_log(0));
    struct text now = log_text();
    assert_int_equal(now.length, whole.length);
    text_done(&now);
    text_done(&whole);
    batch_free(batch);
}

/* A write that fails half-way leaves nothing behind, and the log goes on when there is room. */
static void test_failed_write(void **state)
{
    const struct weir_record record = {.offset = 1, .timestamp_ms = -1, .value = str_of("x")};
    struct batch *batch = rejected_batch(&record, 1);
    struct weir_error error;
    struct reject_log *log = open_log(0);
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    struct text before = log_text();

    struct rlimit old;
    getrlimit(RLIMIT_FSIZE, &old);
    struct rlimit small = {before.length + 20, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = reject_log_add(log, batch, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, WEIR_E_IO);
    struct text after = log_text();
    assert_int_equal(after.length, before.length);
    text_done(&after);

    assert_int_equal(reject_log_add(log, batch, &error), 0);
    assert_int_equal(reject_log_sync(log, &error), 0);
    after = log_text();
    assert_int_equal(after.length, 2 * before.length);
    text_done(&after);
    text_done(&before);
    reject_log_close(log);
    batch_free(batch);
}

/* Other files are left alone; a new file follows a full one. */
static void test_files(void **state)
{
    struct weir_error error;
    char *other = mem_printf("%s/notes.txt", folder);
    assert_int_equal(file_write_atomic(other, "x", 1, 0600, &error), 0);
    char *third = mem_printf("%s/rejected-00000003.ndjson", folder);
    int fd = open(third, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(ftruncate(fd, (64 << 20) - 1), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), (64 << 20) - 1);
    assert_int_equal(fd_write_all(fd, "\n", 1), 0);
    close(fd);

    const struct weir_record record = {.offset = 1, .timestamp_ms = -1, .value = str_of("x")};
    struct batch *batch = rejected_batch(&record, 1);
    struct reject_log *log = open_log(0);
    assert_int_equal(reject_log_add(log, batch, &error), 0);
    assert_int_equal(reject_log_sync(log, &error), 0);
    reject_log_close(log);
    char *fourth = mem_printf("%s/rejected-00000004.ndjson", folder);
    struct stat st;
    assert_int_equal(stat(fourth, &st), 0);
    assert_true(st.st_size > 0);
    assert_int_equal(stat(third, &st), 0);
    assert_int_equal(st.st_size, 64 << 20);
    assert_int_equal(stat(other, &st), 0);
    /* All files count. */
    log = open_log((64 << 20) + 10);
    assert_int_equal(reject_log_add(log, batch, &error), WEIR_E_LIMIT);
    reject_log_close(log);
    batch_free(batch);
    free(other);
    free(third);
    free(fourth);

    struct reject_log *none;
    assert_int_equal(reject_log_open("/proc/nothing/here", 0, &none, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, "/proc/nothing"));
}

struct adder {
    pthread_t thread;
    struct reject_log *log;
};

static void *add_many(void *argument)
{
    struct adder *adder = argument;
    const struct weir_record records[] = {
        {.offset = 1, .timestamp_ms = -1, .value = str_of("xxxxxxxxxxxxxxxx")},
        {.offset = 2, .timestamp_ms = -1, .value = str_of("y")}};
    struct batch *batch = rejected_batch(records, 2);
    struct weir_error error;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(reject_log_add(adder->log, batch, &error), 0);
        if (i % 50 == 0)
            assert_int_equal(reject_log_sync(adder->log, &error), 0);
    }
    batch_free(batch);
    return NULL;
}

/* Any worker: lines are never mixed. */
static void test_threads(void **state)
{
    struct adder adders[4];
    struct reject_log *log = open_log(0);
    for (size_t i = 0; i < COUNT_OF(adders); i++) {
        adders[i].log = log;
        assert_int_equal(pthread_create(&adders[i].thread, NULL, add_many, &adders[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(adders); i++)
        pthread_join(adders[i].thread, NULL);
    reject_log_close(log);
    struct text text = log_text();
    uint32_t lines = 0;
    for (char *at = text.data, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++)
        assert_true(text_starts(at, "{\"id\":\"orders/3/") && end[-1] == '}');
    assert_int_equal(lines, COUNT_OF(adders) * 400);
    text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
