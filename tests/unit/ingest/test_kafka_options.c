/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/memory.h"
#include "ingest/kafka_options.h"

#define HERE                                                                                       \
    {                                                                                              \
        "p.yaml", 7, 9                                                                             \
    }

/* The problems with one property, or with the brokers where name is NULL. */
static struct problems check(const char *brokers, const char *name, const char *value, bool secret)
{
    const struct kafka_property property = {name, value, secret, HERE};
    const struct kafka_options options = {
        .brokers = brokers,
        .group = "g",
        .properties = &property,
        .property_count = name ? 1 : 0,
        .brokers_mark = {"p.yaml", 3, 5},
    };
    struct problems problems = {0};
    kafka_options_check(&options, &problems);
    return problems;
}

static void expect_error(const char *name, const char *value, const char *part)
{
    struct problems problems = check("127.0.0.1:9092", name, value, false);
    if (problems.errors != 1)
        fail_msg("%s=%s: %u errors", name, value, problems.errors);
    assert_int_equal(problems.items[0].mark.line, 7);
    if (!strstr(problems.items[0].text, part))
        fail_msg("%s=%s: \"%s\" does not say \"%s\"", name, value, problems.items[0].text, part);
    problems_done(&problems);
}

static void expect_fine(const char *name, const char *value)
{
    struct problems problems = check("127.0.0.1:9092", name, value, false);
    if (problems.errors || problems.warnings)
        fail_msg("%s=%s: %s", name, value, problems.items[0].text);
    problems_done(&problems);
}

static void test_unknown_property_is_told_with_a_suggestion(void **state)
{
    (void)state;
    expect_error("fetch.max.byte", "1", "did you mean `fetch.max.bytes`?");
    expect_error("ssl.ca.locaton", "x", "did you mean `ssl.ca.location`?");
    expect_error("sasl.usrname", "x", "did you mean `sasl.username`?");
    expect_error("zzzzzzzzzzzzzzzz", "1", "has no property `zzzzzzzzzzzzzzzz`");
}

static void test_what_the_rules_fix_cannot_be_set(void **state)
{
    (void)state;
    expect_error("enable.auto.commit", "true", "it is always false");
    expect_error("enable.auto.offset.store", "true", "it is always false");
    expect_error("auto.offset.reset", "earliest", "`on_gap`");
    expect_error("enable.partition.eof", "false", "it is always true");
    expect_error("group.protocol", "consumer", "classic");
    expect_error("group.id", "x", "say `group`");
    expect_error("bootstrap.servers", "x:1", "say `brokers`");
    expect_error("metadata.broker.list", "x:1", "say `brokers`");
    expect_error("group.instance.id", "x", "membership");
}

static void test_what_loads_code_is_refused(void **state)
{
    (void)state;
    expect_error("plugin.library.paths", "/tmp/x.so", "is refused");
    expect_error("ssl.engine.location", "/tmp/x.so", "is refused");
    expect_error("ssl.engine.id", "x", "is refused");
    expect_error("ssl.providers", "x", "is refused");
    expect_error("sasl.kerberos.kinit.cmd", "rm -rf /", "is refused");
    expect_error("sasl.kerberos.principal", "x; rm -rf /", "shell");
    expect_error("sasl.kerberos.keytab", "$(id)", "shell");
    expect_error("sasl.kerberos.service.name", "a b", "shell");
    expect_fine("sasl.kerberos.principal", "weir/host.example.com@EXAMPLE.COM");
    expect_error("rebalance_cb", "1234", "dedicated");
    expect_error("interceptors", "1234", "not settable");
}

static void test_values_are_checked(void **state)
{
    (void)state;
    expect_error("session.timeout.ms", "soon", "session.timeout.ms");
    expect_error("session.timeout.ms", "-5", "session.timeout.ms");
    expect_error("security.protocol", "TLS", "security.protocol");
    expect_error("check.crcs", "maybe", "check.crcs");
    expect_error("partition.assignment.strategy", "cooperative-sticky", "range|roundrobin");
    expect_error("client.id",
                 "0123456789012345678901234567890123456789012345678901234567890123456789"
                 "012345678901234567890",
                 "longer than 90 bytes");
    expect_fine("partition.assignment.strategy", "roundrobin");
    expect_fine("session.timeout.ms", "30000");
    expect_fine("isolation.level", "read_uncommitted");
    expect_fine("fetch.max.bytes", "52428800");
    expect_fine("client.id", "metering");
}

static void test_secrets_are_not_printed(void **state)
{
    (void)state;
    struct problems problems = check("b:1", "security.protocol", "hunter2", true);
    assert_int_equal(problems.errors, 1);
    assert_null(strstr(problems.items[0].text, "hunter2"));
    problems_done(&problems);
    /* the same value in the open may be shown */
    problems = check("b:1", "security.protocol", "hunter2", false);
    assert_non_null(strstr(problems.items[0].text, "hunter2"));
    problems_done(&problems);
}

static void test_brokers(void **state)
{
    (void)state;
    static const char *const good[] = {
        "localhost",  "localhost:9092", "a:1,b:2, c.example.com:65535",
        "[::1]:9092", "SSL://b:9093",   "10.0.0.1:9092,",
    };
    static const char *const bad[] = {
        "", " , ", ":9092", "host:port", "host:0", "h:65536", "http://host/path", "user@host:9092"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct problems problems = check(good[i], NULL, NULL, false);
        if (problems.errors)
            fail_msg("%s: %s", good[i], problems.items[0].text);
        problems_done(&problems);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct problems problems = check(bad[i], NULL, NULL, false);
        if (!problems.errors)
            fail_msg("`%s` was accepted", bad[i]);
        assert_int_equal(problems.items[0].mark.line, 3);
        problems_done(&problems);
    }
}

static struct problems check_many(const struct kafka_property *properties, uint32_t count)
{
    const struct kafka_options options = {
        .brokers = "b:1", .group = "g", .properties = properties, .property_count = count};
    struct problems problems = {0};
    kafka_options_check(&options, &problems);
    return problems;
}

static void test_scram_that_kafka_4_refuses(void **state)
{
    (void)state;
    const struct kafka_property properties[] = {
        {"security.protocol", "SASL_SSL", false, HERE},
        {"sasl.mechanism", "SCRAM-SHA-256", false, HERE},
        {"sasl.username", "u", false, HERE},
        {"sasl.password", "p", true, HERE},
    };
    struct problems problems = check_many(properties, 4);
    assert_int_equal(problems.errors, 0);
    if (rd_kafka_version() < KAFKA_VERSION_SCRAM_NONCE) {
        assert_int_equal(problems.warnings, 1);
        assert_non_null(strstr(problems.items[0].text, "Kafka 4 refuses SCRAM-SHA-256"));
        assert_non_null(strstr(problems.items[0].text, "PLAIN over TLS"));
    } else {
        assert_int_equal(problems.warnings, 0);
    }
    problems_done(&problems);
}

static void test_all_mistakes_at_once_and_warnings(void **state)
{
    (void)state;
    const struct kafka_property properties[] = {
        {"nonsense", "1", false, {"p.yaml", 1, 1}},
        {"plugin.library.paths", "x", false, {"p.yaml", 2, 1}},
        {"session.timeout.ms", "x", false, {"p.yaml", 3, 1}},
        {"enable.ssl.certificate.verification", "false", false, {"p.yaml", 4, 1}},
        {"sasl.username", "u", false, {"p.yaml", 5, 1}},
    };
    struct problems problems = check_many(properties, 5);
    assert_int_equal(problems.errors, 3);
    assert_int_equal(problems.warnings, 2);
    problems_done(&problems);
}

static char *configured(const rd_kafka_conf_t *conf, const char *name)
{
    char value[256];
    size_t size = sizeof value;
    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK) {
        const rd_kafka_topic_conf_t *topic =
            rd_kafka_conf_get_default_topic_conf((rd_kafka_conf_t *)(uintptr_t)conf);
        size = sizeof value;
        if (!topic || rd_kafka_topic_conf_get(topic, name, value, &size) != RD_KAFKA_CONF_OK)
            return NULL;
    }
    return mem_strdup(value);
}

static void expect_configured(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char *found = configured(conf, name);
    if (!found)
        fail_msg("%s is not set", name);
    assert_string_equal(found, value);
    free(found);
}

static void test_defaults_of_a_consumer(void **state)
{
    (void)state;
    const struct kafka_property properties[] = {
        {"fetch.max.bytes", "4194304", false, HERE},
        {"linger.ms", "7", false, HERE}, /* a producer's: passed over */
    };
    struct weir_error error = {0};
    rd_kafka_conf_t *conf;
    assert_int_equal(kafka_conf_new(KAFKA_CONSUMER, "b:1", properties, 2, &conf, &error), 0);
    expect_configured(conf, "enable.auto.commit", "false");
    expect_configured(conf, "enable.auto.offset.store", "false");
    expect_configured(conf, "auto.offset.reset", "error");
    expect_configured(conf, "enable.partition.eof", "true");
    expect_configured(conf, "check.crcs", "true");
    expect_configured(conf, "isolation.level", "read_committed");
    expect_configured(conf, "session.timeout.ms", "10000");
    expect_configured(conf, "partition.assignment.strategy", "range");
    expect_configured(conf, "topic.metadata.refresh.interval.ms", "30000");
    expect_configured(conf, "statistics.interval.ms", "0");
    expect_configured(conf, "fetch.max.bytes", "4194304"); /* the user's word counts */
    rd_kafka_conf_destroy(conf);
}

static void test_defaults_of_a_producer(void **state)
{
    (void)state;
    const struct kafka_property properties[] = {
        {"linger.ms", "0", false, HERE},
        {"fetch.max.bytes", "4194304", false, HERE}, /* a consumer's: passed over */
        {"security.protocol", "PLAINTEXT", false, HERE},
    };
    struct weir_error error = {0};
    rd_kafka_conf_t *conf;
    assert_int_equal(kafka_conf_new(KAFKA_PRODUCER, "b:1", properties, 3, &conf, &error), 0);
    expect_configured(conf, "enable.idempotence", "true");
    expect_configured(conf, "linger.ms", "0");
    expect_configured(conf, "fetch.max.bytes", "52428800"); /* librdkafka's own default */
    rd_kafka_conf_destroy(conf);

    const struct kafka_property bad = {"plugin.library.paths", "x", false, HERE};
    assert_int_equal(kafka_conf_new(KAFKA_PRODUCER, "b:1", &bad, 1, &conf, &error), WEIR_E_INVALID);
    assert_non_null(strstr(error.text, "is refused"));
}

/* Every rule that sets something names a property that librdkafka takes. */
static void test_the_table_is_sound(void **state)
{
    (void)state;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (const struct kafka_rule *rule = kafka_rules(); rule->name; rule++) {
        struct weir_error error = {0};
        char value[64];
        snprintf(value, sizeof value, "%.*s", rule->value ? (int)strcspn(rule->value, "|") : 0,
                 rule->value ? rule->value : "");
        if (rule->value && kafka_conf_set(conf, rule->name, value, &error))
            fail_msg("%s", error.text);
        assert_ptr_equal(kafka_rule_find(rule->name), rule); /* no name stands twice */
        assert_true(rule->why && *rule->why);
    }
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_property_is_told_with_a_suggestion),
        cmocka_unit_test(test_what_the_rules_fix_cannot_be_set),
        cmocka_unit_test(test_what_loads_code_is_refused),
        cmocka_unit_test(test_values_are_checked),
        cmocka_unit_test(test_secrets_are_not_printed),
        cmocka_unit_test(test_brokers),
        cmocka_unit_test(test_scram_that_kafka_4_refuses),
        cmocka_unit_test(test_all_mistakes_at_once_and_warnings),
        cmocka_unit_test(test_defaults_of_a_consumer),
        cmocka_unit_test(test_defaults_of_a_producer),
        cmocka_unit_test(test_the_table_is_sound),
    };
    return cmocka_run_group_tests_name("kafka options", tests, NULL, NULL);
}
