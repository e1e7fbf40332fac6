/* SPDX-License-Identifier: Apache-2.0 */
/* test_file_source.c: what a handler is told while a file is read, followed, cut, replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/ingest/rig.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "ingest/file.h"
#include "ingest/file_reader.h"

/* A handler that keeps what it is told. The lock is of everything. */
struct listener {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct source *source;
    struct batch *batch;
    struct text records; /* "OFFSET:VALUE|" */
    uint32_t record_count;
    uint32_t biggest;
    int64_t start;
    int64_t position;
    int64_t last_offset; /* of the records delivered */
    int64_t end;
    int64_t high;
    uint32_t ticks, deliveries, batches_done, revoked, assigned, rebalanced, rebalanced_count;
    uint32_t holds;    /* deliveries to be answered with SOURCE_HELD */
    int refuse;        /* assigned answers this */
    int fail_delivery; /* deliver answers this */
    bool stop_in_deliver;
    bool finished;
    bool quiet; /* records are counted, not kept */
    bool stopped;
    enum source_stop why;
    char reason[300];
    char topic[64];
};

static void note(struct listener *l)
{
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static int on_assigned(void *context, const struct source_assignment *a, void **ret_lane,
                       int64_t *ret_next_offset, struct weir_error *error)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    l->assigned++;
    l->high = a->high;
    snprintf(l->topic, sizeof(l->topic), "%s/%d/%d", a->topic, a->partition, a->worker);
    *ret_lane = l;
    *ret_next_offset = l->start;
    note(l);
    return l->refuse ? error_set(error, l->refuse, "refused by the test") : 0;
}

static void on_revoked(void *context, void *lane, bool lost)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    assert_ptr_equal(lane, l);
    l->revoked++;
    note(l);
}

static void on_rebalanced(void *context, uint32_t count)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    l->rebalanced++;
    l->rebalanced_count = count;
    note(l);
}

static struct batch *on_batch(void *context, int32_t worker)
{
    struct listener *l = context;
    assert_int_equal(worker, 0);
    if (!l->batch)
        l->batch = batch_new(1);
    return l->batch;
}

static void on_batch_done(void *context, struct batch *batch)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    l->batches_done++;
    batch_free(batch);
    note(l);
}

static int on_deliver(void *context, void *lane, struct batch *batch)
{
    struct listener *l = context;
    int answer = SOURCE_ACCEPTED;
    pthread_mutex_lock(&l->lock);
    assert_int_equal(l->revoked, 0);
    l->deliveries++;
    if (l->fail_delivery) {
        answer = l->fail_delivery;
    } else if (l->holds > 0) {
        l->holds--;
        answer = SOURCE_HELD;
        if (batch == l->batch)
            l->batch = NULL;
    } else {
        for (uint32_t i = 0; i < batch->view.rows; i++) {
            const struct weir_record *r = &batch->records[i];
            assert_null(r->key.data);
            assert_int_equal(r->timestamp_ms, -1);
            if (!l->quiet)
                text_addf(&l->records, "%lld:%.*s|", (long long)r->offset, (int)r->value.length,
                          r->value.data);
            if (r->value.length > l->biggest)
                l->biggest = r->value.length;
            l->record_count++;
            l->last_offset = r->offset;
        }
    }
    bool stop = l->stop_in_deliver;
    note(l);
    if (stop)
        l->source->ops->stop(l->source);
    return answer;
}

static void on_position(void *context, void *lane, int64_t next_offset)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    assert_true(next_offset >= l->position && next_offset > l->last_offset);
    l->position = next_offset;
    note(l);
}

static void on_end(void *context, void *lane, int64_t low, int64_t end_offset)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    assert_int_equal(low, 0);
    l->end = end_offset;
    note(l);
}

static void on_stopped(void *context, void *lane, enum source_stop why, const char *reason)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    l->stopped = true;
    l->why = why;
    snprintf(l->reason, sizeof(l->reason), "%s", reason);
    note(l);
}

static void on_tick(void *context, int32_t worker, int64_t now_ns)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    l->ticks++;
    note(l);
}

static void on_finished(void *context)
{
    struct listener *l = context;
    pthread_mutex_lock(&l->lock);
    assert_false(l->finished);
    l->finished = true;
    note(l);
}

static void on_topic(void *context, const char *topic, int32_t count)
{
    assert_int_equal(count, 1);
}

static const struct source_handler handler = {
    .assigned = on_assigned,
    .revoked = on_revoked,
    .rebalanced = on_rebalanced,
    .batch = on_batch,
    .batch_done = on_batch_done,
    .deliver = on_deliver,
    .position = on_position,
    .end = on_end,
    .stopped = on_stopped,
    .tick = on_tick,
    .finished = on_finished,
    .topic = on_topic,
};

static char folder[] = "/tmp/weir-file-XXXXXX";
static char path[64];

static void listener_init(struct listener *l)
{
    memset(l, 0, sizeof(*l));
    l->last_offset = -1;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    text_add(&l->records, "");
}

static void start(struct listener *l, struct file_options options)
{
    struct weir_error error;
    options.path = path;
    assert_int_equal(file_source_new(&options, &handler, l, &l->source, &error), 0);
    if (l->source->ops->start(l->source, &error) < 0)
        fail_msg("%s", error.text);
}

/* Waits until the condition holds. */
#define WAIT(l, condition)                                                                         \
    do {                                                                                           \
        pthread_mutex_lock(&(l)->lock);                                                            \
        while (!(condition))                                                                       \
            pthread_cond_wait(&(l)->changed, &(l)->lock);                                          \
        pthread_mutex_unlock(&(l)->lock);                                                          \
    } while (0)

static void stop(struct listener *l)
{
    l->source->ops->stop(l->source);
    l->source->ops->stop(l->source);
    assert_int_equal(l->revoked, l->assigned && !l->refuse);
    l->source->ops->free(l->source);
}

static void listener_done(struct listener *l)
{
    batch_free(l->batch);
    text_done(&l->records);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
}

static void write_file(const char *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, data, length), 0);
    close(fd);
}

static void append(const char *data)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(fd_write_all(fd, data, strlen(data)), 0);
    close(fd);
}

/* The whole file at once. */
static void read_all(const char *data, size_t length, struct file_options options,
                     struct listener *l)
{
    write_file(data, length);
    start(l, options);
    WAIT(l, l->finished || l->stopped);
    stop(l);
}

static const struct {
    const char *data;
    bool csv, header;
    const char *records;
    int64_t position;
} files[] = {
    {"", false, false, "", 0},
    {"a\nbb\nccc\n", false, false, "0:a|2:bb|5:ccc|", 9},
    {"a\r\nbb\r\n", false, false, "0:a|3:bb|", 7},
    {"a\nlast", false, false, "0:a|2:last|", 6},
    {"\n\na\n \t\n\r\nb\n\n", false, false, "2:a|9:b|", 12},
    {"\n\n", false, false, "", 2},
    {"\xef\xbb\xbf{}\nx\n", false, false, "0:{}|6:x|", 8},
    {"\xef\xbb\xbf", false, false, "", 3},
    {"\"a\nb\"\n", false, false, "0:\"a|3:b\"|", 6},
    {"a,b\n1,\"x\ny\"\n2,\"\"\"\"\n", true, true, "4:1,\"x\ny\"|12:2,\"\"\"\"|", 19},
    {"a,b\n1,2\n", true, false, "0:a,b|4:1,2|", 8},
    {"a,b\n", true, true, "", 4},
    {"a,b", true, true, "", 3},
    {"\n\na,b\n1,2\n", true, true, "6:1,2|", 10},
    {"\"x\"\"\n\"\"\",1\r\n2,3\r\n", true, false, "0:\"x\"\"\n\"\"\",1|12:2,3|", 17},
    /* A quote inside plain text, and one that something follows, do not swallow lines. */
    {"5\" pipe,1\n2,3\n", true, false, "0:5\" pipe,1|10:2,3|", 14},
    {"\"x\" y\"z\n2,3\n", true, false, "0:\"x\" y\"z|8:2,3|", 12},
    {"\"x\"\r\"\n2\n", true, false, "0:\"x\"\r\"\n2|", 8},
    {" \n\n2\n", true, false, "0: |3:2|", 5},
    {"1,\"open\n2,3\n", true, false, "0:1,\"open\n2,3|", 12},
};

static void test_files(void **state)
{
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct listener l;
        listener_init(&l);
        struct file_options options = {.csv = files[i].csv, .csv_header = files[i].header};
        read_all(files[i].data, strlen(files[i].data), options, &l);
        assert_string_equal(l.records.data, files[i].records);
        assert_int_equal(l.position, files[i].position);
        assert_int_equal(l.end, (int64_t)strlen(files[i].data));
        assert_int_equal(l.high, (int64_t)strlen(files[i].data));
        assert_string_equal(l.topic, "data.ndjson/0/0");
        assert_int_equal(l.rebalanced, 1);
        assert_int_equal(l.rebalanced_count, 1);
        assert_true(l.finished && !l.stopped && l.ticks > 0);
        listener_done(&l);
    }
}

/* Semicolons: a quote after one opens, after a comma does not. */
static void test_delimiter(void **state)
{
    struct listener l;
    listener_init(&l);
    struct file_options options = {.csv = true, .csv_delimiter = ';'};
    static const char data[] = "a;\"x\ny\"\nb,\"z\nc\n";
    read_all(data, strlen(data), options, &l);
    assert_string_equal(l.records.data, "0:a;\"x\ny\"|8:b,\"z|13:c|");
    listener_done(&l);
}

/* From any byte on: exactly the records that begin there or later. */
static void test_start_offsets(void **state)
{
    static const char ndjson[] = "first\n\nsecond\r\nthird\nlast";
    static const int64_t begins[] = {0, 7, 15, 21};
    for (int64_t from = 0; from <= (int64_t)strlen(ndjson); from++) {
        struct listener l;
        listener_init(&l);
        l.start = from;
        l.position = from;
        read_all(ndjson, strlen(ndjson), (struct file_options){0}, &l);
        uint32_t expected = 0;
        for (size_t i = 0; i < COUNT_OF(begins); i++)
            expected += begins[i] >= from;
        assert_int_equal(l.record_count, expected);
        assert_int_equal(l.position, (int64_t)strlen(ndjson));
        listener_done(&l);
    }
    static const char csv[] = "id,x\n1,\"a\nb\nc\"\n2,\"\"\n3,z\n";
    static const int64_t rows[] = {5, 15, 20};
    for (int64_t from = 0; from <= (int64_t)strlen(csv); from++) {
        if (from == 10 || from == 12) /* behind line breaks in quotes: nobody stopped there */
            continue;
        struct listener l;
        listener_init(&l);
        l.start = from;
        l.position = from;
        read_all(csv, strlen(csv), (struct file_options){.csv = true, .csv_header = true}, &l);
        uint32_t expected = 0;
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            expected += rows[i] >= from;
        assert_int_equal(l.record_count, expected);
        listener_done(&l);
    }
    struct listener l;
    listener_init(&l);
    l.start = 100;
    read_all(ndjson, strlen(ndjson), (struct file_options){0}, &l);
    assert_true(l.stopped && !l.finished);
    assert_int_equal(l.why, SOURCE_STOP_GAP);
    assert_non_null(strstr(l.reason, "25 bytes"));
    assert_non_null(strstr(l.reason, "from byte 100"));
    listener_done(&l);
}

/* A plain reader of the same rules, a character at a time. */
static void expect_records(const struct text *file, bool csv, struct text *out)
{
    size_t begin = 0;
    bool quoted = false, field_begins = true, closed = false;
    for (size_t i = 0; i <= file->length; i++) {
        char c = i < file->length ? file->data[i] : '\n';
        if (csv && quoted) {
            if (i < file->length) {
                if (c == '"') {
                    quoted = false;
                    closed = true;
                }
                continue;
            }
        } else if (csv && c == '"' && (field_begins || closed)) {
            quoted = true;
            field_begins = closed = false;
            continue;
        }
        if (c != '\n') {
            field_begins = csv && c == ',';
            if (c != '\r')
                closed = false;
            continue;
        }
        size_t end = i;
        if (end == file->length && end > begin && file->data[end - 1] == '\n')
            end--; /* of a quote that is never closed */
        if (end > begin && file->data[end - 1] == '\r')
            end--;
        if (end > begin)
            text_addf(out, "%zu:%.*s|", begin, (int)(end - begin), file->data + begin);
        begin = i + 1;
        quoted = closed = false;
        field_begins = true;
    }
}

static void test_random_files(void **state)
{
    uint64_t random = rig_seed("random_files");
    for (int round = 0; round < 60; round++) {
        bool csv = round % 2;
        struct text file = TEXT_INIT, expected = TEXT_INIT;
        /* Some are larger than the reader's buffer. */
        uint32_t pieces = rig_below(&random, round % 10 == 0 ? 60000 : 200);
        for (uint32_t i = 0; i < pieces; i++) {
            static const char *const kinds[] = {"\n", "\r\n", "\"", ",", "\"\"", "x", "word"};
            uint32_t kind = rig_below(&random, 12);
            if (kind < COUNT_OF(kinds))
                text_add(&file, kinds[kind]);
            else
                for (uint32_t n = rig_below(&random, 40); n > 0; n--)
                    text_add_char(&file, (char)('a' + rig_below(&random, 26)));
        }
        text_add(&file, "");
        text_add(&expected, "");
        expect_records(&file, csv, &expected);
        struct listener l;
        listener_init(&l);
        read_all(file.data, file.length, (struct file_options){.csv = csv}, &l);
        size_t same = 0;
        while (expected.data[same] && l.records.data[same] == expected.data[same])
            same++;
        if (strcmp(l.records.data, expected.data) != 0)
            fail_msg("round %d: came to ..%.100s instead of ..%.100s", round,
                     l.records.data + (same < 30 ? 0 : same - 30),
                     expected.data + (same < 30 ? 0 : same - 30));
        assert_int_equal(l.position, (int64_t)file.length);
        listener_done(&l);
        text_done(&file);
        text_done(&expected);
    }
}

/* More than the limit comes cut, and is rejected; the next record is whole. */
static void test_huge_lines(void **state)
{
    static const uint32_t sizes[] = {DECODE_RECORD_BYTES_MAX, FILE_RECORD_BYTES_MAX,
                                     FILE_RECORD_BYTES_MAX + 1, 3 * FILE_RECORD_BYTES_MAX + 7};
    for (int csv = 0; csv < 2; csv++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            char *line = mem_alloc(sizes[i] + 16);
            memset(line, 'x', sizes[i]);
            if (csv)
                line[0] = '"'; /* never closed: cut off at a line break all the same */
            snprintf(line + sizes[i], 16, "\nnext\n");
            struct listener l;
            listener_init(&l);
            l.quiet = true;
            read_all(line, sizes[i] + 6, (struct file_options){.csv = csv}, &l);
            bool cut = sizes[i] >= FILE_RECORD_BYTES_MAX;
            bool one = csv && !cut; /* an open quote and room for what follows */
            assert_int_equal(l.record_count, one ? 1 : 2);
            assert_int_equal(l.biggest, cut || one ? FILE_RECORD_BYTES_MAX : sizes[i]);
            assert_int_equal(l.position, sizes[i] + 6);
            listener_done(&l);
            free(line);
        }
    }
}

static void test_held(void **state)
{
    struct listener l;
    listener_init(&l);
    l.holds = 3;
    read_all("a\nb\nc\n", 6, (struct file_options){0}, &l);
    assert_string_equal(l.records.data, "0:a|2:b|4:c|");
    assert_int_equal(l.deliveries, 4);
    assert_int_equal(l.batches_done, 1);
    assert_int_equal(l.position, 6);
    listener_done(&l);
    /* Stopped while it is held: given back, and nothing more is delivered. */
    listener_init(&l);
    l.holds = UINT32_MAX;
    write_file("a\n", 2);
    start(&l, (struct file_options){0});
    WAIT(&l, l.deliveries >= 3);
    stop(&l);
    assert_int_equal(l.batches_done, 1);
    assert_int_equal(l.position, 0);
    assert_int_equal(l.record_count, 0);
    listener_done(&l);
}

static void test_many_batches(void **state)
{
    struct text file = TEXT_INIT;
    for (int i = 0; i < 5000; i++)
        text_addf(&file, "{\"n\":%d}\n", i);
    struct listener l;
    listener_init(&l);
    l.quiet = true;
    read_all(file.data, file.length, (struct file_options){0}, &l);
    assert_int_equal(l.record_count, 5000);
    assert_true(l.deliveries >= 5000 / WEIR_BATCH_ROWS_MAX);
    listener_done(&l);
    text_done(&file);
}

static void test_refusals(void **state)
{
    struct listener l;
    listener_init(&l);
    l.refuse = WEIR_E_STATE;
    write_file("a\n", 2);
    start(&l, (struct file_options){0});
    WAIT(&l, l.rebalanced && l.ticks > 2);
    assert_int_equal(l.rebalanced_count, 0);
    assert_int_equal(l.deliveries, 0);
    stop(&l);
    listener_done(&l);

    listener_init(&l);
    l.fail_delivery = WEIR_E_INTERNAL;
    start(&l, (struct file_options){0});
    WAIT(&l, l.deliveries && l.ticks > 2);
    stop(&l);
    assert_int_equal(l.deliveries, 1);
    assert_int_equal(l.position, 0);
    assert_false(l.finished);
    listener_done(&l);

    listener_init(&l);
    l.stop_in_deliver = true;
    start(&l, (struct file_options){0});
    WAIT(&l, l.revoked);
    stop(&l);
    listener_done(&l);

    struct weir_error error;
    struct source *source;
    struct file_options missing = {.path = "/tmp/weir-there-is-no-such-file.ndjson"};
    assert_int_equal(file_source_new(&missing, &handler, NULL, &source, &error), 0);
    assert_int_equal(source->ops->start(source, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, missing.path));
    source->ops->stop(source);
    source->ops->free(source);
    struct file_options device = {.path = "/dev/null"};
    assert_int_equal(file_source_new(&device, &handler, NULL, &source, &error), 0);
    assert_int_equal(source->ops->start(source, &error), WEIR_E_INVALID);
    source->ops->free(source);
    struct file_options nothing = {.path = "/tmp/"};
    assert_int_equal(file_source_new(&nothing, &handler, NULL, &source, &error), WEIR_E_INVALID);
}

static void test_follow(void **state)
{
    struct listener l;
    listener_init(&l);
    write_file("", 0);
    start(&l, (struct file_options){.follow = true});
    append("a\nb");
    WAIT(&l, l.record_count == 1 && l.position == 2 && l.end == 3);
    append("bb");
    WAIT(&l, l.end == 5);
    append("\n\n");
    WAIT(&l, l.record_count == 2 && l.position == 7);
    assert_string_equal(l.records.data, "0:a|2:bbb|");

    /* Paused: what comes is not delivered until it goes on. */
    l.source->ops->pause(l.source, true);
    uint32_t ticks = l.ticks;
    WAIT(&l, l.ticks >= ticks + 2);
    append("c\n");
    WAIT(&l, l.ticks >= ticks + 5);
    assert_int_equal(l.record_count, 2);
    l.source->ops->pause(l.source, false);
    WAIT(&l, l.record_count == 3);
    assert_false(l.finished);

    /* Cut behind our back. */
    assert_int_equal(truncate(path, 2), 0);
    WAIT(&l, l.stopped);
    assert_int_equal(l.why, SOURCE_STOP_GAP);
    assert_non_null(strstr(l.reason, "cut to 2 bytes"));
    stop(&l);
    listener_done(&l);
}

static void test_follow_replaced(void **state)
{
    char other[80];
    snprintf(other, sizeof(other), "%s.1", path);
    for (int gone = 0; gone < 2; gone++) {
        struct listener l;
        listener_init(&l);
        write_file("a\n", 2);
        start(&l, (struct file_options){.follow = true});
        WAIT(&l, l.record_count == 1);
        append("b\n");
        assert_int_equal(rename(path, other), 0);
        if (!gone)
            write_file("new\n", 4);
        WAIT(&l, l.stopped);
        assert_int_equal(l.why, SOURCE_STOP_DELETED);
        assert_string_equal(l.records.data, "0:a|2:b|");
        assert_non_null(strstr(l.reason, gone ? "removed" : "another file"));
        stop(&l);
        listener_done(&l);
        unlink(other);
        write_file("", 0);
    }
}

static void test_follow_header(void **state)
{
    struct listener l;
    listener_init(&l);
    write_file("", 0);
    start(&l, (struct file_options){.follow = true, .csv = true, .csv_header = true});
    append("a,b\n1,\"x");
    WAIT(&l, l.position == 4);
    append("\ny\"\n");
    WAIT(&l, l.record_count == 1);
    assert_string_equal(l.records.data, "4:1,\"x\ny\"|");
    stop(&l);
    listener_done(&l);
}

static int setup(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/data.ndjson", folder);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),         cmocka_unit_test(test_delimiter),
        cmocka_unit_test(test_start_offsets), cmocka_unit_test(test_random_files),
        cmocka_unit_test(test_huge_lines),    cmocka_unit_test(test_held),
        cmocka_unit_test(test_many_batches),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_follow),        cmocka_unit_test(test_follow_replaced),
        cmocka_unit_test(test_follow_header),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
