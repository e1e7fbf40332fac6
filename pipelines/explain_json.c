/* SPDX-License-Identifier: Apache-2.0 */
/* explain_json.c: a plan for programs. Durations are texts as in the file, sizes are in bytes. */
#include "base/memory.h"
#include "base/node.h"
#include "base/value.h"
#include "pipelines/explain.h"

static void key(struct text *out, const char *name)
{
    char last = out->length ? out->data[out->length - 1] : '{';
    text_add(out, last == '{' || last == '[' ? "" : ", ");
    json_write_string(out, name, strlen(name));
    text_add(out, ": ");
}

static void item(struct text *out)
{
    char last = out->data[out->length - 1];
    text_add(out, last == '[' ? "" : ", ");
}

static void string(struct text *out, const char *name, const char *value)
{
    key(out, name);
    if (value)
        json_write_string(out, value, strlen(value));
    else
        text_add(out, "null");
}

static void number(struct text *out, const char *name, uint64_t value)
{
    key(out, name);
    text_addf(out, "%llu", (unsigned long long)value);
}

static void boolean(struct text *out, const char *name, bool value)
{
    key(out, name);
    text_add(out, value ? "true" : "false");
}

static void duration(struct text *out, const char *name, int64_t ns)
{
    struct text text = TEXT_INIT;
    duration_write(&text, ns);
    string(out, name, text.data);
    text_done(&text);
}

static void secretive(struct text *out, const char *name, const char *value,
                      const struct weir_node *node)
{
    string(out, name, node && node->secret ? "${..}" : value);
}

/* A piece of the file, as one text. */
static void piece(struct text *out, const char *name, const struct weir_node *node)
{
    struct text text = TEXT_INIT;
    if (node)
        explain_node(&text, node);
    string(out, name, node ? text.data : NULL);
    text_done(&text);
}

static void columns(struct text *out, const char *name, const struct weir_field *fields,
                    uint32_t count)
{
    key(out, name);
    text_add(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        char type[TYPE_TEXT_BYTES];
        item(out);
        text_add(out, "{");
        string(out, "name", fields[i].name);
        string(out, "type", type_text(fields[i].type, type));
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void source(const struct pipeline_plan *plan, struct text *out)
{
    key(out, "source");
    text_add(out, "{");
    if (plan->source == SOURCE_FILE) {
        string(out, "kind", "file");
        secretive(out, "path", plan->file.path, explain_at(plan, "source", "file", "path", NULL));
        boolean(out, "follow", plan->file.follow);
    } else {
        static const char *const gaps[] = {"stop", "earliest", "latest"};
        const struct weir_node *topics = explain_at(plan, "source", "kafka", "topics", NULL);
        string(out, "kind", "kafka");
        secretive(out, "brokers", plan->kafka.brokers,
                  explain_at(plan, "source", "kafka", "brokers", NULL));
        key(out, "topics");
        text_add(out, "[");
        for (uint32_t i = 0; i < plan->kafka.topic_count; i++) {
            item(out);
            const char *topic =
                topics && topics->values[i]->secret ? "${..}" : plan->kafka.topics[i];
            json_write_string(out, topic, strlen(topic));
        }
        text_add(out, "]");
        secretive(out, "group", plan->kafka.group,
                  explain_at(plan, "source", "kafka", "group", NULL));
        string(out, "membership", plan->kafka_dynamic ? "dynamic" : "static");
        const struct weir_node *start = explain_at(plan, "source", "kafka", "start", NULL);
        secretive(out, "start", start ? start->text : "earliest", start);
        string(out, "on_gap", gaps[plan->on_gap]);
        key(out, "properties");
        text_add(out, "{");
        for (uint32_t i = 0; i < plan->kafka.property_count; i++) {
            const struct kafka_property *p = plan->kafka.properties + i;
            string(out, p->name, p->secret ? "${..}" : p->value);
        }
        text_add(out, "}");
    }
    string(out, "format", plan->decode.format == DECODE_CSV ? "csv" : "json");
    key(out, "fields");
    text_add(out, "[");
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct decode_field *f = plan->fields + i;
        char type[TYPE_TEXT_BYTES];
        item(out);
        text_add(out, "{");
        string(out, "name", f->name);
        string(out, "type", type_text(f->type, type));
        key(out, "path");
        text_add(out, "[");
        for (uint32_t p = 0; p < f->path_length; p++) {
            item(out);
            json_write_string(out, f->path[p], strlen(f->path[p]));
        }
        text_add(out, "]");
        if (f->type.kind == WEIR_TIMESTAMP)
            string(out, "time", explain_field_time(f));
        boolean(out, "coerce", f->coerce);
        text_add(out, "}");
    }
    text_add(out, "]");
    const char *time = "_timestamp";
    for (uint32_t i = 0; i < plan->field_count; i++)
        if (plan->fields[i].column == plan->event_time_column)
            time = plan->fields[i].name;
    string(out, "event_time", time);
    static const char *const errors[] = {"dead_letter", "skip", "stop"};
    string(out, "on_error", errors[plan->on_error]);
    text_add(out, "}");
}

static void stages(const struct pipeline_plan *plan, struct text *out)
{
    key(out, "transforms");
    text_add(out, "[");
    for (uint32_t i = 0; i < chain_transform_count(plan->chain); i++) {
        struct weir_schema after = chain_stage_schema(plan->chain, i);
        const struct weir_node *node = chain_stage_node(plan->chain, i);
        item(out);
        text_add(out, "{");
        string(out, "stage", chain_stage_label(plan->chain, i));
        piece(out, "options", node->values[0]);
        columns(out, "columns", after.fields, after.count);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static const char *const on_full_names[] = {
    [ON_FULL_OVERFLOW] = "overflow",
    [ON_FULL_EVICT] = "evict",
    [ON_FULL_REFUSE] = "refuse",
    [ON_FULL_PAUSE] = "pause",
};

static void fingerprint(struct text *out, uint64_t value)
{
    char hex[20];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)value);
    string(out, "fingerprint", hex);
}

static void aggregate(const struct pipeline_plan *plan, const struct aggregate_plan *a,
                      struct text *out)
{
    item(out);
    text_add(out, "{");
    string(out, "name", a->name);
    columns(out, "by", a->by, a->by_count);
    piece(out, "where", explain_at(plan, "sink", "aggregates", a->name, "where", NULL));
    key(out, "window");
    if (a->windowed) {
        text_add(out, "{");
        duration(out, "size", a->size_ns);
        duration(out, "slide", a->slide_ns);
        duration(out, "pane", a->pane_ns);
        duration(out, "keep", a->keep_ns);
        duration(out, "lateness", a->lateness_ns);
        text_add(out, "}");
    } else {
        text_add(out, "null");
    }
    key(out, "measures");
    text_add(out, "[");
    for (uint32_t i = 0; i < a->measure_count; i++) {
        const struct measure_plan *m = a->measures + i;
        char type[TYPE_TEXT_BYTES];
        item(out);
        text_add(out, "{");
        string(out, "name", m->name);
        secretive(out, "function", m->text,
                  explain_at(plan, "sink", "aggregates", a->name, "measures", m->name, NULL));
        string(out, "type", type_text(m->result, type));
        text_add(out, "}");
    }
    text_add(out, "]");
    number(out, "bytes_per_group", explain_group_bytes(a));
    number(out, "max_groups", a->groups_max);
    string(out, "on_full", on_full_names[a->on_full]);
    fingerprint(out, a->fingerprint);
    text_add(out, "}");
}

static void set(const struct pipeline_plan *plan, const struct set_plan *s, struct text *out)
{
    item(out);
    text_add(out, "{");
    string(out, "name", s->name);
    columns(out, "key", s->key, s->key_count);
    boolean(out, "key_is_record_key", s->key_is_record_key);
    columns(out, "bins", s->bins, s->bin_count);
    piece(out, "version", explain_at(plan, "sink", "sets", s->name, "version", NULL));
    piece(out, "delete_when", explain_at(plan, "sink", "sets", s->name, "delete_when", NULL));
    number(out, "bytes_per_record", explain_record_bytes(s));
    number(out, "max_records", s->records_max);
    string(out, "on_full", on_full_names[s->on_full]);
    fingerprint(out, s->fingerprint);
    text_add(out, "}");
}

void explain_json(const struct pipeline_plan *plan, struct text *out)
{
    text_add(out, "{");
    string(out, "pipeline", plan->name);
    string(out, "file", plan->path);
    source(plan, out);
    stages(plan, out);
    key(out, "aggregates");
    text_add(out, "[");
    for (uint32_t i = 0; i < plan->sink.aggregate_count; i++)
        aggregate(plan, plan->sink.aggregates + i, out);
    text_add(out, "]");
    key(out, "sets");
    text_add(out, "[");
    for (uint32_t i = 0; i < plan->sink.set_count; i++)
        set(plan, plan->sink.sets + i, out);
    text_add(out, "]}\n");
}
