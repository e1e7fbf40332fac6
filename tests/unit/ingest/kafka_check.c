/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_check.c: the Kafka source against a real broker.
 *
 *     ./dev kafka start --port 19292 --dir build/kafka-ingest
 *     build/debug/tests/unit/ingest/kafka_check 127.0.0.1:19292 [PART OF A TEST'S NAME]
 *
 * Each test makes topics and groups of its own, so that a broker can be used again.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/ingest/kafka_rig.h"
#include "tests/unit/ingest/kafka_toy.h"

#include <librdkafka/rdkafka.h>

#define PARTITIONS 8

static void test_all_once(void **state)
{
    (void)state;
    struct rig_names n = rig_names("all");
    rig_topic(n.topic, PARTITIONS);
    uint64_t sum = rig_produce(n.topic, PARTITIONS, 0, 400000);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 2);
    toy_wait_applied(&store, 400000);
    for (int32_t i = 0; i < PARTITIONS; i++)
        toy_wait_next(&store, i, 400000 / PARTITIONS);
    assert_int_equal(toy_applied(&store), 400000);
    assert_int_equal(toy_sum(&store), sum);
    assert_int_equal(store.partition_count, PARTITIONS);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_headers(void **state)
{
    (void)state;
    struct rig_names n = rig_names("headers");
    rig_topic(n.topic, 1);
    rd_kafka_t *client = rig_client(RD_KAFKA_PRODUCER, NULL);
    for (int i = 0; i < 100; i++)
        rig_send(client, n.topic, 0, i);
    assert_int_equal(rd_kafka_flush(client, 10000), 0);
    rd_kafka_destroy(client);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_applied(&store, 100);
    assert_int_equal(store.partitions[0].headers, 100);
    toy_stop(toy);
    toy_store_done(&store);
}

struct flow {
    const char *topic;
    _Atomic bool stop;
    uint64_t sum, count;
};

static void *flow_main(void *argument)
{
    struct flow *flow = argument;
    while (!atomic_load(&flow->stop)) {
        flow->sum += rig_produce(flow->topic, PARTITIONS, (int64_t)flow->count, 8000);
        flow->count += 8000;
    }
    return NULL;
}

/* Members come and go under load; every record is applied once. */
static void churn(const char *test, bool is_static)
{
    struct rig_names n = rig_names(test);
    rig_topic(n.topic, PARTITIONS);
    struct flow flow = {.topic = n.topic};
    struct toy_store store;
    toy_store_init(&store);
    pthread_t producer;
    pthread_create(&producer, NULL, flow_main, &flow);
    struct toy *first = toy_start(&store, rig_brokers, n.topic, n.group, is_static ? "a" : NULL, 2);
    toy_wait_assigned(first, PARTITIONS);
    for (int i = 0; i < (is_static ? 2 : 8); i++) {
        struct toy *second =
            toy_start(&store, rig_brokers, n.topic, n.group, is_static ? "b" : NULL, 2);
        toy_wait_assigned(second, PARTITIONS / 2);
        toy_wait_applied(&store, toy_applied(&store) + 5000);
        if (i & 1) { /* the older one leaves */
            struct toy *swap = first;
            first = second;
            second = swap;
        }
        toy_stop(second);
        if (!is_static)
            toy_wait_assigned(first, PARTITIONS);
        if (is_static && (i & 1) == 0) { /* the same member again: its partitions wait for it */
            second = toy_start(&store, rig_brokers, n.topic, n.group, "b", 2);
            toy_wait_assigned(second, PARTITIONS / 2);
            toy_stop(second);
        }
    }
    atomic_store(&flow.stop, true);
    pthread_join(producer, NULL);
    toy_wait_applied(&store, flow.count);
    assert_int_equal(toy_applied(&store), flow.count);
    assert_int_equal(toy_sum(&store), flow.sum);
    toy_stop(first);
    toy_store_done(&store);
}

static void test_churn_dynamic(void **state)
{
    (void)state;
    churn("churn", false);
}

static void test_churn_static(void **state)
{
    (void)state;
    churn("churn-static", true);
}

static void test_gap_at_assignment(void **state)
{
    (void)state;
    struct rig_names n = rig_names("gap");
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 2000);
    rig_delete_records(n.topic, 0, 600);
    struct toy_store store;
    toy_store_init(&store);
    store.partitions[0].next = 100; /* what a snapshot would say */
    store.partitions[1].next = 5000;
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_next(&store, 0, 1000);
    toy_wait_applied(&store, 400 + 1000);
    assert_int_equal(toy->gaps, 2);
    assert_int_equal(store.partitions[0].low, 600);
    toy_stop(toy);
    toy_store_done(&store);
}

/* Retention passes a partition that is held; the others go on, it is stopped, and comes back. */
static void test_gap_while_running(void **state)
{
    (void)state;
    struct rig_names n = rig_names("passed");
    rig_topic(n.topic, 2);
    struct toy_store store;
    toy_store_init(&store);
    rig_produce(n.topic, 2, 0, 200);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_applied(&store, 200);
    toy->source->ops->pause(toy->source, true);
    toy_wait_ticks(toy, 5);
    rig_produce(n.topic, 2, 200, 2000);
    rig_delete_records(n.topic, 0, 700);
    toy->source->ops->pause(toy->source, false);
    toy_wait_next(&store, 1, 1100);
    toy_wait_next(&store, 0, 1100);
    assert_int_equal(store.partitions[0].stopped, 1);
    assert_int_equal(store.partitions[0].why, SOURCE_STOP_GAP);
    assert_int_equal(store.partitions[1].stopped, 0);
    assert_int_equal(store.partitions[0].applied, 100 + 400);
    assert_int_equal(store.partitions[1].applied, 1100);
    assert_int_equal(toy->gaps, 1);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_transactions(void **state)
{
    (void)state;
    struct rig_names n = rig_names("txn");
    rig_topic(n.topic, 1);
    rd_kafka_t *client = rig_transactional(n.topic);
    struct toy_store store;
    toy_store_init(&store);
    rig_transaction(client, n.topic, 0, 3, 1); /* 0-2, control 3 */
    rig_transaction(client, n.topic, 0, 4, 0); /* 4-7, control 8 */
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_next(&store, 0, 9);
    assert_int_equal(toy_applied(&store), 3);
    rig_transaction(client, n.topic, 0, 3, 1); /* 9-11, control 12 */
    rig_transaction(client, n.topic, 0, 4, 0); /* 13-16, control 17 */
    toy_wait_next(&store, 0, 18);
    assert_int_equal(toy_applied(&store), 6);
    rig_transaction(client, n.topic, 0, 3, -1); /* open: 18-20 */
    rig_produce(n.topic, 1, 1, 1);              /* 21, held back by it */
    toy_stop(toy);

    /* Begun on a control record, and inside an aborted range. */
    for (int64_t next = 12; next < 18; next++) {
        store.partitions[0].next = next;
        toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
        toy_wait_next(&store, 0, 18);
        toy_stop(toy);
    }
    assert_int_equal(toy_applied(&store), 6);
    rd_kafka_error_t *error = rd_kafka_commit_transaction(client, 10000);
    assert_null(error);
    toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_next(&store, 0, 23);
    assert_int_equal(toy_applied(&store), 10);
    toy_stop(toy);
    toy_store_done(&store);
    rd_kafka_destroy(client);
}

/* Pauses, held batches and members that come and go while the log is full of control records. */
static void test_holds_among_control_records(void **state)
{
    (void)state;
    struct rig_names n = rig_names("holds");
    rig_topic(n.topic, 2);
    rd_kafka_t *client = rig_transactional(n.topic);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 2);
    toy_wait_assigned(toy, 2);
    uint64_t expected = 0;
    for (int i = 0; i < 300; i++) {
        atomic_store(&toy->hold, i % 7 == 3);
        toy->source->ops->pause(toy->source, i % 5 == 4);
        rig_transaction(client, n.topic, i & 1, 5, i % 3 != 0);
        expected += i % 3 != 0 ? 5 : 0;
        if (i % 60 == 59) { /* not waited for: some of it is in queues */
            toy_stop(toy);
            toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 2);
        }
    }
    atomic_store(&toy->hold, false);
    toy->source->ops->pause(toy->source, false);
    toy_wait_next(&store, 0, 150 * 6);
    toy_wait_next(&store, 1, 150 * 6);
    assert_int_equal(toy_applied(&store), expected);
    toy_stop(toy);
    toy_store_done(&store);
    rd_kafka_destroy(client);
}

/* The same in a hurry: all of it is there already, and pauses come faster than rounds end. */
static void test_pauses_among_control_records(void **state)
{
    (void)state;
    enum { TRANSACTIONS = 1000, RECORDS = 5 };
    struct rig_names n = rig_names("pauses");
    rig_topic(n.topic, 1);
    rd_kafka_t *client = rig_transactional(n.topic);
    for (int i = 0; i < TRANSACTIONS; i++)
        rig_transaction(client, n.topic, 0, RECORDS, 1);
    rd_kafka_destroy(client);
    for (int round = 0; round < 3; round++) {
        struct toy_store store;
        toy_store_init(&store);
        /* Answers that take longer than it takes to pause again, of several batches each. */
        static const struct kafka_property slow[] = {
            {"fetch.min.bytes", "10000000", false, {NULL, 0, 0}},
            {"fetch.wait.max.ms", "100", false, {NULL, 0, 0}},
        };
        struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, slow, 2);
        toy->work_ns = 300000;
        toy_run(toy);
        for (uint32_t i = 0; toy_next(&store, 0) < TRANSACTIONS * (RECORDS + 1); i++) {
            atomic_store(&toy->hold, i % 4 == 0);
            toy->source->ops->pause(toy->source, i % 4 == 2);
            toy_wait_ticks(toy, 1);
        }
        assert_int_equal(toy_applied(&store), TRANSACTIONS * RECORDS);
        toy_stop(toy);
        toy_store_done(&store);
    }
}

static void test_missing_topic_appears(void **state)
{
    (void)state;
    struct rig_names n = rig_names("missing");
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_reason(toy, "does not exist");
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 100);
    toy_wait_applied(&store, 100);
    toy_wait_reason(toy, NULL);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_deleted_topic_comes_back(void **state)
{
    (void)state;
    struct rig_names n = rig_names("deleted");
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 1000);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_applied(&store, 1000);
    rig_delete_topic(n.topic);
    toy_wait_reason(toy, "does not exist");
    assert_true(store.partitions[0].stopped == 1 && store.partitions[0].why == SOURCE_STOP_DELETED);
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 600);
    toy_wait_applied(&store, 1000 + 600); /* another log: its end is below what was stored */
    assert_int_equal(toy->gaps, 2);
    toy_wait_reason(toy, NULL);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_same_member_twice(void **state)
{
    (void)state;
    struct rig_names n = rig_names("fenced");
    rig_topic(n.topic, 2);
    struct toy_store store, other;
    toy_store_init(&store);
    toy_store_init(&other);
    struct toy *first = toy_start(&store, rig_brokers, n.topic, n.group, "same", 1);
    toy_wait_assigned(first, 2);
    struct toy *second = toy_start(&other, rig_brokers, n.topic, n.group, "same", 1);
    toy_wait_assigned(second, 2);
    toy_wait_reason(first, "another process has joined");
    toy_wait_assigned(first, 0);
    rig_produce(n.topic, 2, 0, 100);
    toy_wait_applied(&other, 100);
    assert_int_equal(toy_applied(&store), 0);
    toy_stop(first);
    toy_stop(second);
    toy_store_done(&store);
    toy_store_done(&other);
}

static void committed(const struct rig_names *n, int32_t partition, int64_t *ret_offset,
                      char *metadata, size_t size)
{
    const char *const settings[] = {"group.id", n->group, NULL};
    rd_kafka_t *client = rig_client(RD_KAFKA_CONSUMER, settings);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, n->topic, partition);
    assert_int_equal(rd_kafka_committed(client, list, 10000), 0);
    *ret_offset = list->elems[0].offset;
    snprintf(metadata, size, "%.*s", (int)list->elems[0].metadata_size,
             list->elems[0].metadata ? (char *)list->elems[0].metadata : "");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static void test_commits_with_metadata(void **state)
{
    (void)state;
    struct rig_names n = rig_names("commits");
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 100);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, NULL, 0);
    toy->commits = true;
    toy_run(toy);
    toy_wait_applied(&store, 100);
    int64_t offset;
    char metadata[64];
    committed(&n, 0, &offset, metadata, sizeof metadata);
    assert_int_equal(offset, 0);
    assert_string_equal(metadata, "127.0.0.1:8080; snapshot=0");
    struct weir_error error = {0};
    assert_int_equal(
        toy->source->ops->commit(toy->source, n.topic, 1, 40, "from another thread", &error), 0);
    do
        committed(&n, 1, &offset, metadata, sizeof metadata);
    while (offset != 40);
    assert_string_equal(metadata, "from another thread");
    assert_int_equal(toy->source->ops->commit(toy->source, n.topic, 9, 1, NULL, &error),
                     WEIR_E_STATE);
    toy_stop(toy);
    for (int32_t i = 0; i < 2; i++) {
        committed(&n, i, &offset, metadata, sizeof metadata);
        assert_int_equal(offset, 50);
        assert_string_equal(metadata, "127.0.0.1:8080; leaving");
    }
    toy_store_done(&store);
}

/* A handler that cannot tell where to begin is asked again. */
static void test_unavailable_assignment_is_repeated(void **state)
{
    (void)state;
    struct rig_names n = rig_names("later");
    rig_topic(n.topic, 2);
    uint64_t sum = rig_produce(n.topic, 2, 0, 1000);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, NULL, 0);
    atomic_store(&toy->refusals, 1);
    toy_run(toy);
    toy_wait_reason(toy, "wait for their leader");
    toy_wait_applied(&store, 1000);
    toy_wait_reason(toy, NULL);
    assert_int_equal(toy_sum(&store), sum);
    assert_int_equal(atomic_load(&toy->assigned), 2);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_start_by_time(void **state)
{
    (void)state;
    struct rig_names n = rig_names("time");
    rig_topic(n.topic, 1);
    struct kafka_producer *producer;
    struct weir_error error = {0};
    assert_int_equal(kafka_producer_new(rig_brokers, NULL, 0, &producer, &error), 0);
    int64_t now_ms = clock_wall_ns() / 1000000;
    for (int i = 0; i < 10; i++)
        assert_int_equal(kafka_producer_send(producer, n.topic, 0, str_make(NULL, 0), str_of("1"),
                                             now_ms - 10000 + i * 1000, &error),
                         0);
    assert_int_equal(kafka_producer_flush(producer, 10000, NULL, &error), 0);
    kafka_producer_free(producer);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, NULL, 0);
    atomic_store(&toy->start_ms, now_ms - 4500);
    toy_run(toy);
    toy_wait_next(&store, 0, 10);
    assert_int_equal(toy_applied(&store), 4);
    toy_stop(toy);

    toy_store_init(&store);
    toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, NULL, 0);
    atomic_store(&toy->start_ms, now_ms + 60000); /* younger than all: the end */
    toy_run(toy);
    toy_wait_next(&store, 0, 10);
    assert_int_equal(toy_applied(&store), 0);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_slow_handler_under_small_limits(void **state)
{
    (void)state;
    struct rig_names n = rig_names("slow");
    rig_topic(n.topic, 2);
    uint64_t sum = rig_produce(n.topic, 2, 0, 200000);
    struct toy_store store;
    toy_store_init(&store);
    const struct kafka_property limits[] = {
        {"queued.min.messages", "1000", false, {NULL, 0, 0}},
        {"queued.max.messages.kbytes", "64", false, {NULL, 0, 0}},
    };
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 2, limits, 2);
    toy->work_ns = 1000000; /* about a microsecond a record */
    toy_run(toy);
    toy_wait_applied(&store, 200000);
    assert_int_equal(toy_applied(&store), 200000);
    assert_int_equal(toy_sum(&store), sum);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_topic_grows(void **state)
{
    (void)state;
    struct rig_names n = rig_names("grows");
    rig_topic(n.topic, 2);
    rig_produce(n.topic, 2, 0, 100);
    struct toy_store store;
    toy_store_init(&store);
    const struct kafka_property often = {
        "topic.metadata.refresh.interval.ms", "500", false, {NULL, 0, 0}};
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 2, &often, 1);
    toy_run(toy);
    toy_wait_applied(&store, 100);
    rig_grow_topic(n.topic, 5);
    rig_produce(n.topic, 5, 0, 500);
    toy_wait_applied(&store, 600);
    assert_int_equal(store.partition_count, 5);
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(store.partitions[i].next, i < 2 ? 150 : 100);
    toy_stop(toy);
    toy_store_done(&store);
}

static int64_t resident_kbytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    char line[128];
    int64_t kbytes = -1;
    while (kbytes < 0 && fgets(line, sizeof line, file))
        if (text_starts(line, "VmRSS:"))
            kbytes = strtoll(line + strlen("VmRSS:"), NULL, 10);
    fclose(file);
    return kbytes;
}

/* A handler that is slower than the broker: what is fetched ahead stays within the budget. */
static void test_prefetch_is_bounded(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their memory is not ours */
#endif
    enum { RECORDS = 300000, BUDGET_KBYTES = 16 << 10 };
    struct rig_names n = rig_names("bounded");
    rig_topic(n.topic, 4);
    uint64_t sum = rig_produce_keyed(n.topic, 4, 0, RECORDS, 250);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_new(&store, rig_brokers, n.topic, n.group, NULL, 1, NULL, 0);
    toy->work_ns = 5000000; /* of a batch: 5 us a record */
    int64_t before = resident_kbytes(), most = 0;
    toy_run(toy);
    while (toy_applied(&store) < RECORDS) {
        int64_t now = resident_kbytes();
        most = now > most ? now : most;
        toy_wait_ticks(toy, 1);
    }
    assert_int_equal(toy_sum(&store), sum);
    toy_stop(toy);
    toy_store_done(&store);
    if (most - before > 2 * BUDGET_KBYTES) /* the records are 80 MB, 200 with their overhead */
        fail_msg("grew by %lld kB", (long long)(most - before));
}

/* ---- a member that is frozen ---- */

/* This program as a member: what it is assigned and loses is on its standard output. */
static int member_main(const char *topic, const char *group)
{
    struct toy_store store;
    toy_store_init(&store);
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const struct kafka_property quick = {"session.timeout.ms", "6000", false, {NULL, 0, 0}};
    struct toy *toy = toy_new(&store, rig_brokers, topic, group, NULL, 1, &quick, 1);
    toy->prints = true;
    toy->commits = true;
    toy_run(toy);
    while (getchar() != EOF)
        ;
    _exit(0); /* killed, as far as the group can tell */
}

static pid_t member_start(const struct rig_names *n, FILE **ret_output, int *ret_input)
{
    int input[2], output[2];
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        execl("/proc/self/exe", "kafka_check", rig_brokers, "--member", n->topic, n->group,
              (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    *ret_output = fdopen(output[0], "r");
    *ret_input = input[1];
    return pid;
}

static void expect_line(FILE *output, const char *wanted)
{
    char line[128];
    while (fgets(line, sizeof line, output))
        if (text_starts(line, wanted))
            return;
    fail_msg("no line `%s`", wanted);
}

static void test_frozen_member_hears_that_it_lost(void **state)
{
    (void)state;
    struct rig_names n = rig_names("frozen");
    rig_topic(n.topic, 2);
    FILE *output;
    int input;
    pid_t member = member_start(&n, &output, &input);
    expect_line(output, "assigned 2");
    kill(member, SIGSTOP);
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, rig_brokers, n.topic, n.group, NULL, 1);
    toy_wait_assigned(toy, 2); /* once the session of the other is over */
    rig_produce(n.topic, 2, 0, 100);
    toy_wait_applied(&store, 100);
    kill(member, SIGCONT);
    expect_line(output, "revoked 0 lost");
    expect_line(output, "revoked 1 lost");
    expect_line(output, "assigned 1");
    toy_wait_assigned(toy, 1);
    close(input);
    waitpid(member, NULL, 0);
    fclose(output);
    toy_stop(toy);
    toy_store_done(&store);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s BROKERS [TEST]\n", argv[0]);
        return 2;
    }
    rig_init(argv[1]);
    if (argc == 5 && !strcmp(argv[2], "--member"))
        return member_main(argv[3], argv[4]);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_once),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_churn_dynamic),
        cmocka_unit_test(test_churn_static),
        cmocka_unit_test(test_gap_at_assignment),
        cmocka_unit_test(test_gap_while_running),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_holds_among_control_records),
        cmocka_unit_test(test_pauses_among_control_records),
        cmocka_unit_test(test_missing_topic_appears),
        cmocka_unit_test(test_deleted_topic_comes_back),
        cmocka_unit_test(test_same_member_twice),
        cmocka_unit_test(test_commits_with_metadata),
        cmocka_unit_test(test_unavailable_assignment_is_repeated),
        cmocka_unit_test(test_start_by_time),
        cmocka_unit_test(test_slow_handler_under_small_limits),
        cmocka_unit_test(test_topic_grows),
        cmocka_unit_test(test_prefetch_is_bounded),
        cmocka_unit_test(test_frozen_member_hears_that_it_lost),
    };
    int failed = cmocka_run_group_tests_name("kafka on a real broker", tests, NULL, NULL);
    fflush(NULL);
    _exit(failed); /* a client may be destroyed for ever: rule 6 */
}
