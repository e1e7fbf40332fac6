/* SPDX-License-Identifier: Apache-2.0 */
/* explain_text.c: a plan for people. */
#include "base/memory.h"
#include "base/node.h"
#include "base/value.h"
#include "pipelines/explain.h"

static void line(struct text *out, const char *label)
{
    text_addf(out, "%-12s", label);
}

static void typed(struct text *out, const struct weir_field *fields, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        text_addf(out, "%s%s ", i ? ", " : "", fields[i].name);
        explain_type(out, fields[i].type);
    }
}

static void source(const struct pipeline_plan *plan, struct text *out)
{
    line(out, "source");
    if (plan->source == SOURCE_FILE) {
        text_add(out, "file ");
        explain_value(out, plan->file.path, explain_at(plan, "source", "file", "path", NULL));
        text_add(out, plan->file.follow ? ", followed at its end\n" : ", to its end\n");
        return;
    }
    const struct weir_node *topics = explain_at(plan, "source", "kafka", "topics", NULL);
    text_add(out, "kafka ");
    explain_value(out, plan->kafka.brokers, explain_at(plan, "source", "kafka", "brokers", NULL));
    text_add(out, ", topics ");
    for (uint32_t i = 0; i < plan->kafka.topic_count; i++) {
        text_add(out, i ? ", " : "");
        explain_value(out, plan->kafka.topics[i], topics ? topics->values[i] : NULL);
    }
    text_add(out, "\n");
    line(out, "");
    text_add(out, "group ");
    explain_value(out, plan->kafka.group, explain_at(plan, "source", "kafka", "group", NULL));
    text_addf(out, ", %s membership, from ", plan->kafka_dynamic ? "dynamic" : "static");
    if (plan->start == START_TIME)
        time_write_rfc3339(out, plan->start_ns);
    else
        text_add(out, plan->start == START_LATEST ? "latest" : "earliest");
    static const char *const gaps[] = {"stop", "earliest", "latest"};
    text_addf(out, "; on a gap: %s\n", gaps[plan->on_gap]);
    for (uint32_t i = 0; i < plan->kafka.property_count; i++) {
        const struct kafka_property *p = plan->kafka.properties + i;
        line(out, "");
        text_addf(out, "%s = %s\n", p->name, p->secret ? "${..}" : p->value);
    }
}

static void fields(const struct pipeline_plan *plan, struct text *out)
{
    bool csv = plan->decode.format == DECODE_CSV;
    line(out, "format");
    text_addf(out, "%s%s\n", csv ? "csv" : "json",
              plan->decode.json_validate_full ? ", values that are skipped are checked as well"
                                              : "");
    line(out, "decoded");
    text_addf(out, "%u field%s; what else a record holds is skipped unread\n", plan->field_count,
              plan->field_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct decode_field *f = plan->fields + i;
        line(out, "");
        text_addf(out, "  %-20s ", f->name);
        explain_type(out, f->type);
        const char *time = explain_field_time(f);
        text_addf(out, "%s%s", *time ? ", as " : "", time);
        if (f->path_length > 1 || strcmp(f->path[0], f->name) != 0) {
            text_add(out, ", at ");
            for (uint32_t p = 0; p < f->path_length; p++)
                text_addf(out, "%s%s", p ? "." : "", f->path[p]);
        }
        text_add(out, f->coerce ? ", text is read as it\n" : "\n");
    }
    static const char *const metas[] = {
#define META_NAME(symbol, name, kind, nullable) name,
        PLAN_META(META_NAME)
#undef META_NAME
    };
    bool any = false;
    for (uint32_t i = 0; i < PLAN_META_COUNT; i++) {
        if (!plan->meta_needed[i])
            continue;
        if (!any)
            line(out, "");
        text_addf(out, "%s%s", any ? ", " : "  of each record: ", metas[i]);
        any = true;
    }
    text_add(out, any ? "\n" : "");
    line(out, "event time");
    const char *time = "_timestamp";
    for (uint32_t i = 0; i < plan->field_count; i++)
        if (plan->fields[i].column == plan->event_time_column)
            time = plan->fields[i].name;
    text_addf(out, "%s; the watermark is at most ", time);
    duration_write(out, plan->sink.max_ahead_ns);
    text_add(out, " ahead of the clock\n");
    line(out, "on error");
    static const char *const errors[] = {"dead letters, in files of the data directory",
                                         "the record is skipped, and counted",
                                         "the partition stops"};
    text_add(out, errors[plan->on_error]);
    if (plan->on_error == ON_ERROR_DEAD_LETTER) {
        text_add(out, ", at most ");
        size_write(out, plan->dead_letter_bytes_max);
    }
    text_add(out, "\n");
}

static void stages(const struct pipeline_plan *plan, struct text *out)
{
    uint32_t source_count;
    const struct weir_field *source_fields = explain_source_schema(plan, &source_count);
    struct weir_schema before = {source_fields, source_count};
    text_add(out, "\n");
    uint32_t count = chain_transform_count(plan->chain);
    if (!count)
        text_add(out, "transforms  none\n");
    else
        text_add(out, "transforms\n");
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_node *node = chain_stage_node(plan->chain, i);
        struct weir_schema after = chain_stage_schema(plan->chain, i);
        text_addf(out, "  %-12s", chain_stage_label(plan->chain, i));
        explain_node(out, node->values[0]);
        text_add(out, "\n");
        struct explain_change change;
        for (uint32_t at = 0; explain_change_next(before, after, &at, &change);) {
            text_addf(out, "  %-12s%c %s ", "", change.added ? '+' : '-', change.field->name);
            if (change.added)
                explain_type(out, change.field->type);
            text_add(out, "\n");
        }
        before = after;
    }
    free((void *)source_fields);
}

static const char *on_full_text(enum sink_on_full on_full)
{
    static const char *const texts[] = {
        [ON_FULL_OVERFLOW] = "more are counted in one labelled group",
        [ON_FULL_EVICT] = "others are given up",
        [ON_FULL_REFUSE] = "new keys are refused",
        [ON_FULL_PAUSE] = "the partition pauses",
    };
    return texts[on_full];
}

static void aggregate(const struct pipeline_plan *plan, const struct aggregate_plan *a,
                      struct text *out)
{
    text_addf(out, "  aggregate %s\n    by          ", a->name);
    if (a->by_count)
        typed(out, a->by, a->by_count);
    else
        text_add(out, "nothing: one group");
    text_add(out, "\n");
    const struct weir_node *where = explain_at(plan, "sink", "aggregates", a->name, "where", NULL);
    if (where) {
        text_add(out, "    where       ");
        explain_node(out, where);
        text_add(out, "\n");
    }
    text_add(out, "    window      ");
    if (a->windowed) {
        duration_write(out, a->size_ns);
        if (a->slide_ns != a->size_ns) {
            text_add(out, " every ");
            duration_write(out, a->slide_ns);
        }
        text_add(out, " in panes of ");
        duration_write(out, a->pane_ns);
        text_add(out, ", kept for ");
        duration_write(out, a->keep_ns);
        text_add(out, ", late after ");
        duration_write(out, a->lateness_ns);
        text_add(out, "\n");
    } else {
        text_add(out, "none: running\n");
    }
    for (uint32_t i = 0; i < a->measure_count; i++) {
        const struct measure_plan *m = a->measures + i;
        const struct weir_node *node =
            explain_at(plan, "sink", "aggregates", a->name, "measures", m->name, NULL);
        text_addf(out, "    %-11s %s", i ? "" : "measures", m->name);
        text_add(out, " = ");
        explain_value(out, m->text, node);
        text_add(out, ": ");
        explain_type(out, m->result);
        text_add(out, "\n");
    }
    text_addf(out, "    memory      about %u bytes a group%s, and texts longer than 12 bytes\n",
              explain_group_bytes(a), a->windowed ? " and pane" : "");
    text_addf(out, "    limit       %llu groups a partition%s; at the limit %s\n",
              (unsigned long long)a->groups_max, a->windowed ? " and pane" : "",
              on_full_text(a->on_full));
}

static void set(const struct pipeline_plan *plan, const struct set_plan *s, struct text *out)
{
    text_addf(out, "  set %s\n    key         ", s->name);
    typed(out, s->key, s->key_count);
    if (s->key_is_record_key)
        text_add(out, " (Kafka's key: a null value deletes)");
    else if (plan->source == SOURCE_KAFKA)
        text_add(out, " (not Kafka's key: a key in several partitions is merged when it is read)");
    text_add(out, "\n    bins        ");
    typed(out, s->bins, s->bin_count);
    text_add(out, "\n    version     ");
    const struct weir_node *version = explain_at(plan, "sink", "sets", s->name, "version", NULL);
    const struct weir_node *delete_when =
        explain_at(plan, "sink", "sets", s->name, "delete_when", NULL);
    if (version)
        explain_node(out, version);
    else
        text_add(out,
                 "the last record; of several partitions the one with the greatest event time");
    if (delete_when) {
        text_add(out, "\n    deleted     when ");
        explain_node(out, delete_when);
    }
    text_addf(out, "\n    memory      about %u bytes a record, and texts longer than 12 bytes\n",
              explain_record_bytes(s));
    text_addf(out, "    limit       %llu records a partition; at the limit %s\n",
              (unsigned long long)s->records_max, on_full_text(s->on_full));
}

void explain_text(const struct pipeline_plan *plan, struct text *out)
{
    text_addf(out, "pipeline    %s (%s)\n\n", plan->name, plan->path);
    source(plan, out);
    fields(plan, out);
    stages(plan, out);
    text_add(out, "\nsink\n");
    for (uint32_t i = 0; i < plan->sink.aggregate_count; i++)
        aggregate(plan, plan->sink.aggregates + i, out);
    for (uint32_t i = 0; i < plan->sink.set_count; i++)
        set(plan, plan->sink.sets + i, out);
    if (!plan->sink.aggregate_count && !plan->sink.set_count)
        text_add(out, "  nothing is kept\n");
}
