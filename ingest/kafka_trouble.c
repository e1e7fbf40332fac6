/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_trouble.c: what keeps the source from reading, in words for a person.
 *
 * librdkafka tries everything for ever and tells each failure once; here the failures are kept
 * until they are over, so that readiness can say at any time what is wrong and what to do. A
 * connection is in trouble from the client's "all brokers down" (or a refused login) until a
 * question is answered by a broker; a topic is absent until a broker knows it; the group refuses us
 * until it gives us an assignment.
 */
#include "base/check.h"
#include "base/log.h"
#include "ingest/kafka_options.h"
#include "ingest/kafka_private.h"

#define ERROR_LOG_MS 10000

struct advice {
    rd_kafka_resp_err_t err;
    const char *what;
    const char *remedy;
};

/* About the way to a broker. The first entry is for all others. */
static const struct advice connection_advice[] = {
    {RD_KAFKA_RESP_ERR__TRANSPORT, "no broker answers",
     "check `brokers`, that Kafka runs, and security.protocol"},
    {RD_KAFKA_RESP_ERR__RESOLVE, "the broker's name is not known", "check the names in `brokers`"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, "the login is refused",
     "check sasl.mechanism, sasl.username and sasl.password"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "the login is refused",
     "check sasl.mechanism, sasl.username and sasl.password"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, "the broker does not know this way to log in",
     "check sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__SSL, "TLS cannot be set up",
     "check ssl.ca.location, ssl.certificate.location and ssl.key.location"},
};

/* About the group: nothing is read until somebody mends it. */
static const struct advice group_advice[] = {
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "not permitted to join",
     "grant READ on the group"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "not permitted on the cluster",
     "grant the permission"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "not permitted",
     "grant the permission"},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, "its members use another assignor",
     "let all members use the same partition.assignment.strategy, or another `group`"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, "the session timeout is refused",
     "set session.timeout.ms within the broker's group.min and group.max.session.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, "the name is refused", "choose another `group`"},
    {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, "it has no place for another member",
     "stop a member, or raise group.max.size"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, "the broker is too old or too new",
     "use another version of the broker or of librdkafka"},
};

static const struct advice *find_advice(const struct advice *table, size_t count,
                                        rd_kafka_resp_err_t err)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].err == err)
            return &table[i];
    return NULL;
}

static void keep(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text);
    for (char *c = to; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
}

/* The code behind RD_KAFKA_RESP_ERR__FATAL is the one that says something. */
static void fatal_error(rd_kafka_t *client, struct kafka_source *source,
                        rd_kafka_resp_err_t *ret_err)
{
    char text[256];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(client, text, sizeof text);
    *ret_err = err;
    pthread_mutex_lock(&source->trouble_lock);
    struct kafka_trouble *t = &source->trouble;
    t->fatal = true;
    if (err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        snprintf(
            t->fatal_text, sizeof t->fatal_text,
            "another process has joined group `%s` as the same member (%s) and has taken over; "
            "give each its own --data folder, then restart this one",
            source->group, source->instance_id ? source->instance_id : "");
    else
        snprintf(t->fatal_text, sizeof t->fatal_text,
                 "the Kafka client cannot go on (%s: %.200s); restart", rd_kafka_err2name(err),
                 text);
    pthread_mutex_unlock(&source->trouble_lock);
}

void kafka_trouble_error(rd_kafka_t *client, int code, const char *text, void *opaque)
{
    struct kafka_source *source = opaque;
    rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)code;
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        fatal_error(client, source, &err);
    kafka_source_count_error(source, err);
    log_event_limited(LOG_WARN, "kafka_error", ERROR_LOG_MS, "pipeline=%s code=%s text=%s",
                      source->pipeline, rd_kafka_err2name(err), log_quote(text));
    const struct advice *known = find_advice(connection_advice, COUNT_OF(connection_advice), err);
    pthread_mutex_lock(&source->trouble_lock);
    struct kafka_trouble *t = &source->trouble;
    bool refused =
        known && err != RD_KAFKA_RESP_ERR__TRANSPORT && err != RD_KAFKA_RESP_ERR__RESOLVE;
    /* The text differs each time by durations and counts: the first of a kind stays, and a refusal
     * is not covered by the disconnect that follows it. */
    if (known && (!t->detail[0] || (refused && t->detail_err != err))) {
        t->detail_err = err;
        keep(t->detail, sizeof t->detail, text);
    }
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || refused)
        t->connection = true;
    pthread_mutex_unlock(&source->trouble_lock);
    kafka_watch_kick(source);
}

void kafka_trouble_connection(struct kafka_source *source, bool trouble)
{
    pthread_mutex_lock(&source->trouble_lock);
    source->trouble.connection = trouble;
    if (!trouble)
        source->trouble.detail[0] = '\0';
    pthread_mutex_unlock(&source->trouble_lock);
}

void kafka_trouble_topic(struct kafka_source *source, struct kafka_topic *topic,
                         rd_kafka_resp_err_t err, int32_t partition_count)
{
    pthread_mutex_lock(&source->trouble_lock);
    topic->state = err ? KAFKA_TOPIC_ABSENT : KAFKA_TOPIC_THERE;
    topic->err = err;
    if (!err)
        topic->partition_count = partition_count;
    pthread_mutex_unlock(&source->trouble_lock);
}

bool kafka_trouble_group(struct kafka_source *source, rd_kafka_resp_err_t err, const char *text)
{
    const struct advice *known = find_advice(group_advice, COUNT_OF(group_advice), err);
    if (!known)
        return false;
    pthread_mutex_lock(&source->trouble_lock);
    source->trouble.group = true;
    snprintf(source->trouble.group_text, sizeof source->trouble.group_text,
             "group `%.100s`: %s (%.200s); %s", source->group, known->what, text, known->remedy);
    pthread_mutex_unlock(&source->trouble_lock);
    return true;
}

void kafka_trouble_assigned(struct kafka_source *source)
{
    pthread_mutex_lock(&source->trouble_lock);
    source->trouble.group = false;
    pthread_mutex_unlock(&source->trouble_lock);
}

void kafka_trouble_waiting(struct kafka_source *source, const char *topic, int32_t partition,
                           uint32_t count)
{
    pthread_mutex_lock(&source->trouble_lock);
    struct kafka_trouble *t = &source->trouble;
    t->waiting = count;
    if (count)
        snprintf(t->waiting_text, sizeof t->waiting_text, "%.100s/%d", topic, (int)partition);
    pthread_mutex_unlock(&source->trouble_lock);
}

bool kafka_trouble_fatal(struct kafka_source *source)
{
    pthread_mutex_lock(&source->trouble_lock);
    bool fatal = source->trouble.fatal;
    pthread_mutex_unlock(&source->trouble_lock);
    return fatal;
}

static const struct kafka_topic *first_absent(const struct kafka_source *source)
{
    for (uint32_t i = 0; i < source->topic_count; i++)
        if (source->topics[i].state == KAFKA_TOPIC_ABSENT)
            return &source->topics[i];
    return NULL;
}

bool kafka_trouble_any(struct kafka_source *source)
{
    pthread_mutex_lock(&source->trouble_lock);
    const struct kafka_trouble *t = &source->trouble;
    bool any = t->connection || t->group || t->fatal || t->waiting || first_absent(source);
    pthread_mutex_unlock(&source->trouble_lock);
    return any;
}

static void describe_connection(const struct kafka_source *source, char *text, size_t size)
{
    const struct kafka_trouble *t = &source->trouble;
    /* A broker that wants a client certificate hangs up, and only the text says why. */
    rd_kafka_resp_err_t err =
        strstr(t->detail, "SSL routines") ? RD_KAFKA_RESP_ERR__SSL : t->detail_err;
    const struct advice *advice = find_advice(connection_advice, COUNT_OF(connection_advice), err);
    if (!advice)
        advice = connection_advice;
    bool login = advice->err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                 advice->err == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
    snprintf(text, size, "Kafka at %.200s: %s%s%.300s%s; %s%s", source->brokers, advice->what,
             t->detail[0] ? " (" : "", t->detail, t->detail[0] ? ")" : "", advice->remedy,
             login && source->scram_refused
                 ? "; SCRAM of this librdkafka is refused by Kafka 4: use PLAIN over TLS or client "
                   "certificates"
                 : "");
}

static void describe_topic(const struct kafka_source *source, const struct kafka_topic *topic,
                           char *text, size_t size)
{
    if (topic->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        snprintf(text, size, "topic `%s` may not be read; grant READ on it", topic->name);
    else if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
             topic->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
             topic->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        snprintf(text, size,
                 "topic `%s` does not exist at %.200s; create it, or check `topics`: it is read as "
                 "soon as it appears",
                 topic->name, source->brokers);
    else
        snprintf(text, size, "topic `%s` cannot be read: %s", topic->name,
                 rd_kafka_err2str(topic->err));
}

/* The gravest trouble first; "" where there is none. Under trouble_lock. */
static void describe(const struct kafka_source *source, char *text, size_t size)
{
    const struct kafka_trouble *t = &source->trouble;
    const struct kafka_topic *absent = first_absent(source);
    text[0] = '\0';
    if (t->fatal)
        snprintf(text, size, "%s", t->fatal_text);
    else if (t->connection)
        describe_connection(source, text, size);
    else if (t->group)
        snprintf(text, size, "%s", t->group_text);
    else if (absent)
        describe_topic(source, absent, text, size);
    else if (t->waiting)
        snprintf(text, size, "%s: no broker answers for it; %u partitions wait for their leader",
                 t->waiting_text, t->waiting);
}

void kafka_trouble_tell(struct kafka_source *source)
{
    char text[KAFKA_REASON_BYTES];
    pthread_mutex_lock(&source->trouble_lock);
    describe(source, text, sizeof text);
    bool changed = strcmp(text, source->trouble.told) != 0;
    if (changed)
        snprintf(source->trouble.told, sizeof source->trouble.told, "%s", text);
    pthread_mutex_unlock(&source->trouble_lock);
    if (changed)
        source->base.handler->unavailable(source->base.context, text[0] ? text : NULL);
}
