/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka source, producer and embedded broker together, without a Kafka. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/ingest/kafka_toy.h"

#define PARTITIONS 4

static struct kafka_broker *broker_start(void)
{
    struct kafka_broker *broker;
    struct weir_error error = {0};
    if (kafka_broker_new(0, &broker, &error))
        fail_msg("%s", error.text);
    return broker;
}

/* The values from .. from + count - 1, spread over the partitions. Returns their sum. */
static uint64_t produce(const char *brokers, const char *topic, int64_t from, int64_t count)
{
    struct kafka_producer *producer;
    struct weir_error error = {0};
    assert_int_equal(kafka_producer_new(brokers, NULL, 0, &producer, &error), 0);
    uint64_t sum = 0, delivered = 0;
    for (int64_t i = 0; i < count; i++) {
        char value[32], key[32];
        snprintf(value, sizeof value, "%lld", (long long)(from + i));
        snprintf(key, sizeof key, "k%lld", (long long)(i % 100));
        if (kafka_producer_send(producer, topic, (int32_t)(i % PARTITIONS), str_of(key),
                                str_of(value), -1, &error))
            fail_msg("%s", error.text);
        sum += (uint64_t)(from + i);
    }
    if (kafka_producer_flush(producer, 30000, &delivered, &error))
        fail_msg("%s", error.text);
    assert_int_equal(delivered, count);
    kafka_producer_free(producer);
    return sum;
}

static void test_all_records_once(void **state)
{
    (void)state;
    struct weir_error error = {0};
    struct kafka_broker *broker = broker_start();
    const char *brokers = kafka_broker_bootstrap(broker);
    assert_int_equal(kafka_broker_topic(broker, "numbers", PARTITIONS, &error), 0);
    struct toy_store store;
    toy_store_init(&store);
    uint64_t sum = produce(brokers, "numbers", 0, 20000);
    struct toy *toy = toy_start(&store, brokers, "numbers", "g", NULL, 2);
    toy_wait_applied(&store, 20000);
    sum += produce(brokers, "numbers", 20000, 1000);
    toy_wait_applied(&store, 21000);
    assert_int_equal(toy_sum(&store), sum);
    assert_int_equal(store.partition_count, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(store.partitions[i].next, 21000 / PARTITIONS);
    toy_stop(toy);
    toy_store_done(&store);
    kafka_broker_free(broker);
}

static void test_members_share_and_take_over(void **state)
{
    (void)state;
    struct weir_error error = {0};
    struct kafka_broker *broker = broker_start();
    const char *brokers = kafka_broker_bootstrap(broker);
    assert_int_equal(kafka_broker_topic(broker, "shared", PARTITIONS, &error), 0);
    struct toy_store store;
    toy_store_init(&store);
    uint64_t sum = produce(brokers, "shared", 0, 4000);
    struct toy *a = toy_start(&store, brokers, "shared", "g", NULL, 2);
    toy_wait_assigned(a, PARTITIONS);
    struct toy *b = toy_start(&store, brokers, "shared", "g", NULL, 2);
    toy_wait_assigned(b, PARTITIONS / 2);
    toy_wait_assigned(a, PARTITIONS / 2);
    sum += produce(brokers, "shared", 4000, 4000);
    toy_wait_applied(&store, 8000);
    toy_stop(a);
    sum += produce(brokers, "shared", 8000, 4000);
    toy_wait_applied(&store, 12000);
    toy_wait_assigned(b, PARTITIONS);
    assert_int_equal(toy_applied(&store), 12000);
    assert_int_equal(toy_sum(&store), sum);
    toy_stop(b);
    toy_store_done(&store);
    kafka_broker_free(broker);
}

static void test_held_batches_keep_their_place(void **state)
{
    (void)state;
    struct weir_error error = {0};
    struct kafka_broker *broker = broker_start();
    const char *brokers = kafka_broker_bootstrap(broker);
    assert_int_equal(kafka_broker_topic(broker, "held", PARTITIONS, &error), 0);
    struct toy_store store;
    toy_store_init(&store);
    uint64_t sum = produce(brokers, "held", 0, 40000);
    struct toy *toy = toy_start(&store, brokers, "held", "g", NULL, 2);
    for (int i = 0; i < 5; i++) {
        uint64_t before = atomic_load(&toy->holds);
        atomic_store(&toy->hold, true);
        sum += produce(brokers, "held", 40000 + i * 4000, 4000);
        toy_wait_holds(toy, before + PARTITIONS); /* each lane, or one again */
        atomic_store(&toy->hold, false);
    }
    toy_wait_applied(&store, 60000);
    assert_int_equal(toy_applied(&store), 60000);
    assert_int_equal(toy_sum(&store), sum);
    toy_stop(toy);
    toy_store_done(&store);
    kafka_broker_free(broker);
}

static void test_stop_with_held_batches(void **state)
{
    (void)state;
    struct weir_error error = {0};
    struct kafka_broker *broker = broker_start();
    const char *brokers = kafka_broker_bootstrap(broker);
    assert_int_equal(kafka_broker_topic(broker, "stop", PARTITIONS, &error), 0);
    struct toy_store store;
    toy_store_init(&store);
    produce(brokers, "stop", 0, 4000);
    struct toy *toy = toy_start(&store, brokers, "stop", "g", NULL, 2);
    atomic_store(&toy->hold, true);
    produce(brokers, "stop", 4000, 4000);
    toy_wait_holds(toy, 1);
    toy_stop(toy); /* a held batch is given back: leaks are ASan's to see */
    toy_store_done(&store);
    kafka_broker_free(broker);
}

static void test_pause_and_resume(void **state)
{
    (void)state;
    struct weir_error error = {0};
    struct kafka_broker *broker = broker_start();
    const char *brokers = kafka_broker_bootstrap(broker);
    assert_int_equal(kafka_broker_topic(broker, "paused", PARTITIONS, &error), 0);
    struct toy_store store;
    toy_store_init(&store);
    uint64_t sum = produce(brokers, "paused", 0, 4000);
    struct toy *toy = toy_start(&store, brokers, "paused", "g", NULL, 2);
    toy_wait_applied(&store, 4000);
    toy->source->ops->pause(toy->source, true);
    toy_wait_ticks(toy, 20); /* some turns later every worker has seen it */
    sum += produce(brokers, "paused", 4000, 4000);
    toy_wait_ticks(toy, 20);
    assert_int_equal(toy_applied(&store), 4000);
    toy->source->ops->pause(toy->source, false);
    toy_wait_applied(&store, 8000);
    assert_int_equal(toy_sum(&store), sum);
    toy_stop(toy);
    toy_store_done(&store);
    kafka_broker_free(broker);
}

static void test_unreachable_broker_is_told(void **state)
{
    (void)state;
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_start(&store, "127.0.0.1:1", "t", "g", NULL, 1);
    toy_wait_reason(toy, "no broker answers");
    assert_non_null(strstr(toy->reason, "127.0.0.1:1"));
    assert_non_null(strstr(toy->reason, "refused"));
    assert_non_null(strstr(toy->reason, "check `brokers`"));
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_stop_before_start(void **state)
{
    (void)state;
    struct toy_store store;
    toy_store_init(&store);
    struct toy *toy = toy_new(&store, "127.0.0.1:1", "t", "g", NULL, 1, NULL, 0);
    toy_stop(toy);
    toy_store_done(&store);
}

static void test_occupied_port(void **state)
{
    (void)state;
    struct kafka_broker *broker = broker_start(), *second = NULL;
    struct weir_error error = {0};
    int64_t port = strtol(strchr(kafka_broker_bootstrap(broker), ':') + 1, NULL, 10);
    assert_int_equal(kafka_broker_new((int)port, &second, &error), WEIR_E_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(error.text, "choose another --port"));
    kafka_broker_free(broker);
}

static void test_topic_ensure_on_the_embedded_broker(void **state)
{
    (void)state;
    struct kafka_broker *broker = broker_start();
    struct weir_error error = {0};
    if (kafka_topic_ensure(kafka_broker_bootstrap(broker), NULL, 0, "made", 4, &error))
        fail_msg("%s", error.text);
    produce(kafka_broker_bootstrap(broker), "made", 0, 100);
    kafka_broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_records_once),
        cmocka_unit_test(test_members_share_and_take_over),
        cmocka_unit_test(test_held_batches_keep_their_place),
        cmocka_unit_test(test_stop_with_held_batches),
        cmocka_unit_test(test_pause_and_resume),
        cmocka_unit_test(test_unreachable_broker_is_told),
        cmocka_unit_test(test_stop_before_start),
        cmocka_unit_test(test_occupied_port),
        cmocka_unit_test(test_topic_ensure_on_the_embedded_broker),
    };
    return cmocka_run_group_tests_name("kafka on the embedded broker", tests, NULL, NULL);
}
