/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka_options.h"

#include <ctype.h>
#include <strings.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"

static const struct kafka_rule rules[] = {
    {"enable.auto.commit", KAFKA_RULE_FIXED, "false",
     "weir commits an offset once the snapshot that covers it is durable"},
    {"auto.commit.enable", KAFKA_RULE_FIXED, NULL,
     "weir commits an offset once the snapshot that covers it is durable"},
    {"enable.auto.offset.store", KAFKA_RULE_FIXED, "false",
     "offsets are kept with the state that they belong to"},
    {"offset.store.method", KAFKA_RULE_FIXED, NULL,
     "offsets are kept with the state that they belong to"},
    {"auto.offset.reset", KAFKA_RULE_FIXED, "error",
     "an offset that is not in the log is never jumped over silently; say `start` and `on_gap`"},
    {"enable.partition.eof", KAFKA_RULE_FIXED, "true",
     "the end of a partition is how weir steps over control records"},
    {"group.protocol", KAFKA_RULE_FIXED, NULL,
     "the rules of assignment hold for the classic protocol"},
    {"log.queue", KAFKA_RULE_FIXED, NULL, "weir writes the client's log lines into its own log"},

    {"bootstrap.servers", KAFKA_RULE_OWN, NULL, "say `brokers`"},
    {"metadata.broker.list", KAFKA_RULE_OWN, NULL, "say `brokers`"},
    {"group.id", KAFKA_RULE_OWN, NULL, "say `group`"},
    {"group.instance.id", KAFKA_RULE_OWN, NULL, "say `membership: static` or `dynamic`"},
    {"test.mock.num.brokers", KAFKA_RULE_OWN, NULL, "run `weir broker` and name it in `brokers`"},

    {"plugin.library.paths", KAFKA_RULE_CODE, NULL, "it loads libraries into the process"},
    {"ssl.engine.location", KAFKA_RULE_CODE, NULL, "it loads a library into the process"},
    {"ssl.engine.id", KAFKA_RULE_CODE, NULL, "it loads a library into the process"},
    {"ssl.providers", KAFKA_RULE_CODE, NULL, "it loads libraries into the process"},
    {"sasl.kerberos.kinit.cmd", KAFKA_RULE_CODE, NULL, "it is run by a shell"},

    {"partition.assignment.strategy", KAFKA_RULE_CHOICE, "range|roundrobin",
     "cooperative assignors pause partitions while they are read, which loses records behind "
     "control records"},

    {"check.crcs", KAFKA_RULE_DEFAULT, "true", "a damaged record is a named stop"},
    {"isolation.level", KAFKA_RULE_DEFAULT, "read_committed",
     "records of aborted transactions are not read"},
    {"session.timeout.ms", KAFKA_RULE_DEFAULT, "10000",
     "how long the partitions of a dead member wait"},
    {"heartbeat.interval.ms", KAFKA_RULE_DEFAULT, "1000",
     "how soon the members hear of a rebalance"},
    {"topic.metadata.refresh.interval.ms", KAFKA_RULE_DEFAULT, "30000",
     "how soon new partitions are seen"},
    {"fetch.max.bytes", KAFKA_RULE_DEFAULT, "2097152",
     "larger answers cost more cache misses than they save requests"},
    {"allow.auto.create.topics", KAFKA_RULE_DEFAULT, "false", "reading makes no topics"},
    {"log.connection.close", KAFKA_RULE_DEFAULT, "false", "brokers close idle connections"},
    {"enable.idempotence", KAFKA_RULE_DEFAULT, "true", "a retry neither doubles nor reorders"},
    {"message.timeout.ms", KAFKA_RULE_DEFAULT, "30000",
     "how long a record that is sent waits for a broker"},
    {"linger.ms", KAFKA_RULE_DEFAULT, "5", "how long a record waits for others of its batch"},
    {NULL, KAFKA_RULE_DEFAULT, NULL, NULL},
};

const struct kafka_rule *kafka_rules(void)
{
    return rules;
}

const struct kafka_rule *kafka_rule_find(const char *name)
{
    for (const struct kafka_rule *rule = rules; rule->name; rule++)
        if (!strcmp(rule->name, name))
            return rule;
    return NULL;
}

const char *kafka_library_version(void)
{
    return rd_kafka_version_str();
}

const char *kafka_property_get(const struct kafka_property *properties, uint32_t property_count,
                               const char *name)
{
    for (uint32_t i = 0; i < property_count; i++)
        if (!strcmp(properties[i].name, name))
            return properties[i].value;
    return NULL;
}

/* ---- librdkafka's own vocabulary ---- */

/* The names that this librdkafka knows, with the role of each: 'C', 'P' or '*'. */
struct vocabulary {
    char *text; /* the table as librdkafka prints it; names point into it */
    struct {
        const char *name;
        char role;
    } * items;
    size_t count;
};

/* A row is `name | C/P | range | default | importance | description`. */
static void vocabulary_read_row(struct vocabulary *v, char *row)
{
    char *bar = strchr(row, '|');
    if (!bar || !islower((unsigned char)row[0]))
        return;
    char role = bar[2] == ' ' ? bar[3] : bar[2];
    char *end = row + strcspn(row, " |");
    if (role != 'C' && role != 'P' && role != '*')
        return;
    *end = '\0';
    v->items = mem_grow(v->items, v->count + 1, sizeof *v->items);
    v->items[v->count].name = row;
    v->items[v->count++].role = role;
}

static void vocabulary_init(struct vocabulary *v)
{
    *v = (struct vocabulary){NULL, NULL, 0};
    size_t length = 0;
    FILE *stream = open_memstream(&v->text, &length);
    if (!stream)
        return;
    rd_kafka_conf_properties_show(stream);
    fclose(stream);
    char *next = NULL;
    for (char *row = v->text; row && *row; row = next) {
        next = strchr(row, '\n');
        if (next)
            *next++ = '\0';
        vocabulary_read_row(v, row);
    }
}

static void vocabulary_done(struct vocabulary *v)
{
    free(v->items);
    free(v->text);
}

static const char *vocabulary_at(const void *context, size_t i)
{
    const struct vocabulary *v = context;
    return v->items[i].name;
}

/* '\0' where the name is not known. */
static char vocabulary_role(const struct vocabulary *v, const char *name)
{
    char role = '\0';
    for (size_t i = 0; i < v->count; i++)
        if (!strcmp(v->items[i].name, name))
            role = role && role != v->items[i].role ? '*' : v->items[i].role;
    return role;
}

/* ---- one property ---- */

/* librdkafka repeats a refused value in its text. */
static bool may_be_printed(const struct kafka_property *property)
{
    static const char *const private_parts[] = {"password", "secret", ".pem", "oauthbearer.config",
                                                "sasl.username"};
    if (property->secret)
        return false;
    for (size_t i = 0; i < sizeof private_parts / sizeof *private_parts; i++)
        if (strstr(property->name, private_parts[i]))
            return false;
    return true;
}

static bool in_choices(const char *choices, const char *value)
{
    size_t length = strlen(value);
    while (choices) {
        const char *bar = strchr(choices, '|');
        size_t width = bar ? (size_t)(bar - choices) : strlen(choices);
        if (width == length && !strncmp(choices, value, width))
            return true;
        choices = bar ? bar + 1 : NULL;
    }
    return false;
}

/* These are put into the command line that librdkafka gives to a shell for a Kerberos ticket. */
static bool reaches_a_shell(const char *name)
{
    return !strcmp(name, "sasl.kerberos.principal") || !strcmp(name, "sasl.kerberos.keytab") ||
           !strcmp(name, "sasl.kerberos.service.name");
}

static int check_value(const struct kafka_property *property, struct weir_error *error)
{
    if (reaches_a_shell(property->name) &&
        property->value[strspn(property->value, "abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                "0123456789_./@:-")])
        return error_set(error, WEIR_E_INVALID,
                         "property `%s` goes into a shell's command line: only letters, digits and "
                         "_ . / @ : - are allowed",
                         property->name);
    if (!strcmp(property->name, "client.id") && strlen(property->value) > KAFKA_CLIENT_ID_BYTES_MAX)
        return error_set(error, WEIR_E_INVALID,
                         "property `client.id` is longer than %d bytes, which librdkafka does not "
                         "survive in all versions",
                         KAFKA_CLIENT_ID_BYTES_MAX);
    return 0;
}

static int check_rule(const struct kafka_property *property, struct weir_error *error)
{
    const struct kafka_rule *rule = kafka_rule_find(property->name);
    if (!rule)
        return 0;
    switch (rule->kind) {
    case KAFKA_RULE_FIXED:
        return error_set(error, WEIR_E_INVALID, "property `%s` cannot be set%s%s: %s", rule->name,
                         rule->value ? ", it is always " : "", rule->value ? rule->value : "",
                         rule->why);
    case KAFKA_RULE_OWN:
        return error_set(error, WEIR_E_INVALID, "property `%s` cannot be set here: %s", rule->name,
                         rule->why);
    case KAFKA_RULE_CODE:
        return error_set(error, WEIR_E_INVALID, "property `%s` is refused: %s", rule->name,
                         rule->why);
    case KAFKA_RULE_CHOICE:
        if (!in_choices(rule->value, property->value))
            return error_set(error, WEIR_E_INVALID, "property `%s` must be one of %s: %s",
                             rule->name, rule->value, rule->why);
        return 0;
    case KAFKA_RULE_DEFAULT:
        return 0;
    }
    return 0;
}

static int unknown_property(const struct vocabulary *v, const char *name, struct weir_error *error)
{
    const char *near = suggest(name, v->count, vocabulary_at, v);
    if (near)
        return error_set(error, WEIR_E_INVALID,
                         "librdkafka %s has no property `%s`; did you mean `%s`?",
                         rd_kafka_version_str(), name, near);
    return error_set(error, WEIR_E_INVALID, "librdkafka %s has no property `%s`",
                     rd_kafka_version_str(), name);
}

static int set_property(rd_kafka_conf_t *conf, const struct vocabulary *v,
                        const struct kafka_property *property, struct weir_error *error)
{
    int r = check_rule(property, error);
    if (!r)
        r = check_value(property, error);
    if (r)
        return r;
    char text[512] = "";
    switch (rd_kafka_conf_set(conf, property->name, property->value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return 0;
    case RD_KAFKA_CONF_UNKNOWN:
        return unknown_property(v, property->name, error);
    default:
        if (!may_be_printed(property))
            return error_set(error, WEIR_E_INVALID,
                             "librdkafka does not accept the value of `%s` (it is not shown)",
                             property->name);
        return error_set(error, WEIR_E_INVALID, "property `%s`: %s", property->name, text);
    }
}

/* ---- the check ---- */

/* host[:port], an IPv6 host in brackets. librdkafka takes a PROTOCOL:// in front of it. */
static bool broker_is_valid(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *host = scheme ? scheme + 3 : text;
    if (!*host || strpbrk(host, "/@ "))
        return false;
    const char *after = host;
    if (*host == '[') {
        after = strchr(host, ']');
        if (!after)
            return false;
    }
    const char *colon = strchr(after, ':');
    int64_t port;
    return !colon || (colon > host && !int_read(colon + 1, strlen(colon + 1), &port) && port > 0 &&
                      port < 65536);
}

static void check_brokers(const struct kafka_options *options, struct problems *problems)
{
    const char *text = options->brokers ? options->brokers : "";
    bool any = false;
    while (*(text += strspn(text, " ,"))) {
        size_t length = strcspn(text, ",");
        char *broker = mem_strndup(text, length);
        for (size_t end = length; end && broker[end - 1] == ' '; end--)
            broker[end - 1] = '\0';
        if (!broker_is_valid(broker))
            problem_error(problems, options->brokers_mark,
                          "`brokers`: `%s` is not a broker's HOST:PORT", broker);
        free(broker);
        any = true;
        text += length;
    }
    if (!any)
        problem_error(problems, options->brokers_mark,
                      "`brokers` is empty: name at least one broker as HOST:PORT");
}

static const struct kafka_property *find(const struct kafka_options *options, const char *name)
{
    for (uint32_t i = 0; i < options->property_count; i++)
        if (!strcmp(options->properties[i].name, name))
            return &options->properties[i];
    return NULL;
}

static void check_security(const struct kafka_options *options, struct problems *problems)
{
    const struct kafka_property *mechanism = find(options, "sasl.mechanisms");
    if (!mechanism)
        mechanism = find(options, "sasl.mechanism");
    if (mechanism && !strncasecmp(mechanism->value, "SCRAM-", 6) &&
        rd_kafka_version() < KAFKA_VERSION_SCRAM_NONCE)
        problem_warning(
            problems, mechanism->mark,
            "Kafka 4 refuses %s from librdkafka %s (\"invalid credentials\"); use PLAIN "
            "over TLS, client certificates, or librdkafka >= 2.6.1",
            mechanism->value, rd_kafka_version_str());
    const struct kafka_property *verify = find(options, "enable.ssl.certificate.verification");
    if (verify && !strcmp(verify->value, "false"))
        problem_warning(problems, verify->mark,
                        "the broker's certificate is not verified: anybody can pose as it");
    const struct kafka_property *protocol = find(options, "security.protocol");
    if (protocol && !strcasecmp(protocol->value, "SASL_PLAINTEXT") && mechanism &&
        !strcasecmp(mechanism->value, "PLAIN"))
        problem_warning(problems, protocol->mark, "the password is sent unencrypted; use SASL_SSL");
    const struct kafka_property *user = find(options, "sasl.username");
    if (user && (!protocol || strncasecmp(protocol->value, "SASL_", 5)))
        problem_warning(problems, user->mark,
                        "`sasl.username` has no effect unless security.protocol is SASL_SSL or "
                        "SASL_PLAINTEXT");
}

void kafka_options_check(const struct kafka_options *options, struct problems *problems)
{
    check_brokers(options, problems);
    struct vocabulary v;
    vocabulary_init(&v);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (uint32_t i = 0; i < options->property_count; i++) {
        struct weir_error error = {0};
        if (set_property(conf, &v, &options->properties[i], &error))
            problem_error(problems, options->properties[i].mark, "%s", error.text);
    }
    rd_kafka_conf_destroy(conf);
    vocabulary_done(&v);
    check_security(options, problems);
}

/* ---- configurations and clients ---- */

int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                   struct weir_error *error)
{
    char text[512] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        return error_set(error, WEIR_E_INVALID, "property `%s`: %s", name, text);
    return 0;
}

static bool of_role(char role, enum kafka_role wanted)
{
    return role != (wanted == KAFKA_CONSUMER ? 'P' : 'C');
}

/* What librdkafka tells of itself goes into weir's log. FAIL and ERROR lines say what the error
 * callback says as well. [threads of librdkafka] */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    bool repeated =
        !strcmp(facility, "FAIL") || !strcmp(facility, "ERROR") || !strcmp(facility, "CONFWARN");
    enum log_level weir_level = repeated || level >= 6 ? LOG_DEBUG
                                : level <= 3           ? LOG_ERROR
                                                       : LOG_WARN;
    if (weir_level > log_level_now())
        return;
    log_event_limited(weir_level, "kafka_client", weir_level == LOG_DEBUG ? 0 : 10000,
                      "facility=%s text=%s", facility, log_quote(text));
}

/* The fixed or default value; of choices the first. */
static int set_rule(rd_kafka_conf_t *conf, const struct kafka_rule *rule, struct weir_error *error)
{
    char value[64];
    int width = rule->kind == KAFKA_RULE_CHOICE ? (int)strcspn(rule->value, "|") : -1;
    snprintf(value, sizeof value, "%.*s", width, rule->value);
    return kafka_conf_set(conf, rule->name, value, error);
}

int kafka_conf_new(enum kafka_role role, const char *brokers,
                   const struct kafka_property *properties, uint32_t property_count,
                   rd_kafka_conf_t **ret_conf, struct weir_error *error)
{
    struct vocabulary v;
    vocabulary_init(&v);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    int r = brokers ? kafka_conf_set(conf, "bootstrap.servers", brokers, error) : 0;
    for (const struct kafka_rule *rule = rules; !r && rule->name; rule++)
        if (rule->value && of_role(vocabulary_role(&v, rule->name), role))
            r = set_rule(conf, rule, error);
    for (uint32_t i = 0; !r && i < property_count; i++) {
        char known = vocabulary_role(&v, properties[i].name);
        if (!known || of_role(known, role))
            r = set_property(conf, &v, &properties[i], error);
    }
    vocabulary_done(&v);
    if (r) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    *ret_conf = conf;
    return 0;
}

int kafka_client_new(enum kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **ret_client,
                     struct weir_error *error)
{
    char text[512] = "";
    rd_kafka_t *client = rd_kafka_new(
        role == KAFKA_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return error_set(error, WEIR_E_INVALID,
                         "the Kafka client cannot be set up: %s; check `properties` and the files "
                         "that they name",
                         text);
    }
    *ret_client = client;
    return 0;
}
