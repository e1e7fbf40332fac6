/* SPDX-License-Identifier: Apache-2.0 */
/* declare_sink.c: `sink:`, its sets and its snapshots; aggregates are in declare_aggregate.c. */
#include "pipelines/declare.h"

#include "base/hash.h"
#include "base/value.h"

/* Sets. */

static bool keyed_twice(const struct weir_field *fields, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(fields[i].name, name))
            return true;
    return false;
}

static bool column_read(struct planner *planner, const struct weir_node *node,
                        struct weir_field *ret_field)
{
    const struct weir_field *field = plan_column_of(planner->columns, node, true);
    if (!field)
        return false;
    *ret_field = *field;
    ret_field->name = planner_text(planner, field->name);
    return true;
}

/* A list of columns, each once. */
static bool columns_read(struct planner *planner, const struct weir_node *const *nodes,
                         uint32_t node_count, const char *what, struct weir_field *fields,
                         uint32_t *count)
{
    bool right = true;
    for (uint32_t i = 0; i < node_count; i++) {
        struct weir_field field;
        if (!column_read(planner, nodes[i], &field)) {
            right = false;
        } else if (keyed_twice(fields, *count, field.name)) {
            problem_error(planner->problems, nodes[i]->mark, "`%s` stands twice in %s", field.name,
                          what);
            right = false;
        } else {
            fields[(*count)++] = field;
        }
    }
    return right;
}

static bool key_plan(struct planner *planner, const struct weir_node *key, struct set_plan *set)
{
    const struct weir_node *const *nodes = key->kind == WEIR_NODE_LIST ? key->values : &key;
    uint32_t count = key->kind == WEIR_NODE_LIST ? key->count : 1;
    if (key->kind == WEIR_NODE_MAP || key->kind == WEIR_NODE_NULL || !count ||
        count > AGGREGATE_BY_MAX) {
        problem_error(planner->problems, key->mark,
                      "`key` is the name of a column, or a list of 1 to %d", AGGREGATE_BY_MAX);
        return false;
    }
    struct weir_field *fields = planner_alloc(planner, count * sizeof *fields);
    set->key = fields;
    if (!columns_read(planner, nodes, count, "the key", fields, &set->key_count))
        return false;
    set->key_is_record_key =
        set->key_count == 1 && fields[0].column == planner->plan->meta_columns[META_KEY];
    return true;
}

static bool bins_plan(struct planner *planner, const struct weir_node *bins, struct set_plan *set)
{
    struct weir_schema schema = plan_schema(planner->columns);
    uint32_t most = bins ? bins->count : schema.count;
    struct weir_field *fields = planner_alloc(planner, most * sizeof *fields);
    bool right = true;
    if (bins) {
        right = columns_read(planner, bins->values, bins->count, "`bins`", fields, &set->bin_count);
        for (uint32_t i = 0; i < bins->count && right; i++)
            if (keyed_twice(set->key, set->key_count, bins->values[i]->text)) {
                problem_error(planner->problems, bins->values[i]->mark,
                              "`%s` is part of the key, and is there already",
                              bins->values[i]->text);
                right = false;
            }
    }
    for (uint32_t i = 0; !bins && i < schema.count; i++) {
        const struct weir_field *field = schema.fields + i;
        if (field->name[0] == '_' || keyed_twice(set->key, set->key_count, field->name))
            continue;
        fields[set->bin_count] = *field;
        fields[set->bin_count++].name = planner_text(planner, field->name);
    }
    set->bins = fields;
    if (set->bin_count > SET_BINS_MAX) {
        problem_error(planner->problems, bins ? bins->mark : planner->plan->root->mark,
                      "a set holds at most %d bins, and `%s` has %u; name them in `bins`",
                      SET_BINS_MAX, set->name, set->bin_count);
        return false;
    }
    return right;
}

static bool version_plan(struct planner *planner, const struct weir_node *version,
                         struct set_plan *set)
{
    if (!version)
        return true;
    if (chain_add_expr(planner->plan->chain, planner->columns, version, 0, &set->version_column,
                       &set->version_type) < 0)
        return false;
    uint8_t kind = set->version_type.kind;
    if (kind == WEIR_INT || kind == WEIR_DECIMAL || kind == WEIR_FLOAT || kind == WEIR_TIMESTAMP)
        return true;
    char type[TYPE_TEXT_BYTES];
    problem_error(planner->problems, version->mark,
                  "`version` is an int, decimal, float or timestamp, and this is of type %s",
                  type_text(set->version_type, type));
    return false;
}

/* Design.md: where a key's records may be spread over several partitions, each has a version. */
static void warn_key(struct planner *planner, const struct weir_node *key,
                     const struct set_plan *set)
{
    if (planner->plan->source != SOURCE_KAFKA || set->key_is_record_key)
        return;
    problem_warning(
        planner->problems, key->mark,
        "the key of `%s` is not Kafka's (`_key`): where the records of one key are spread "
        "over several partitions, each holds a version, and reads merge them",
        set->name);
}

static uint64_t hash_fields(const struct planner *planner, const struct weir_field *fields,
                            uint32_t count, uint64_t hash)
{
    for (uint32_t i = 0; i < count; i++) {
        hash = hash_bytes(fields[i].name, strlen(fields[i].name), hash);
        hash = hash_u64(plan_meaning(planner->columns, fields[i].column), hash);
    }
    return hash_u64(count, hash);
}

static uint64_t hash_column(const struct planner *planner, uint32_t column, uint64_t hash)
{
    return hash_u64(column == SINK_NO_COLUMN ? 1 : plan_meaning(planner->columns, column), hash);
}

static uint64_t set_fingerprint(const struct planner *planner, const struct set_plan *set)
{
    uint64_t hash = hash_u64(chain_meaning(planner->plan->chain), 's');
    hash = hash_fields(planner, set->key, set->key_count, hash);
    hash = hash_fields(planner, set->bins, set->bin_count, hash);
    hash = hash_column(planner, set->version_column, hash);
    hash = hash_column(planner, set->delete_column, hash);
    return hash_column(planner, planner->plan->event_time_column, hash);
}

bool declare_plan_set(struct planner *planner, const struct weir_node *name,
                      const struct weir_node *node, struct set_plan *ret_plan)
{
    struct set_plan set = {.name = name->text,
                           .version_column = SINK_NO_COLUMN,
                           .delete_column = SINK_NO_COLUMN,
                           .records_max = MAX_RECORDS_DEFAULT,
                           .on_full = ON_FULL_REFUSE};
    char what[NAME_BYTES_MAX + 20];
    snprintf(what, sizeof what, "set `%s`", name->text);
    uint32_t errors = planner->problems->errors;
    declare_name(planner, name, "a set");
    node = declare_read(planner, node, &declare_set, what);
    if (!node)
        return false;
    const struct weir_node *key = node_get(node, "key");
    const struct weir_node *delete_when = node_get(node, "delete_when");
    const struct weir_node *max_records = node_get(node, "max_records");
    const struct weir_node *on_full = node_get(node, "on_full");
    struct weir_type type;

    bool right = key && key_plan(planner, key, &set);
    right = bins_plan(planner, node_get(node, "bins"), &set) && right;
    right &= version_plan(planner, node_get(node, "version"), &set);
    if (delete_when)
        right &= chain_add_expr(planner->plan->chain, planner->columns, delete_when, WEIR_BOOL,
                                &set.delete_column, &type) >= 0;
    if (max_records) {
        int64_t most = 0;
        right &= node_int(max_records, "`max_records`", 1, INT64_MAX, &most, planner->problems);
        set.records_max = (uint64_t)most;
    }
    if (on_full) {
        static const enum sink_on_full choices[] = {ON_FULL_EVICT, ON_FULL_REFUSE, ON_FULL_PAUSE};
        int choice = 1;
        right &=
            node_choice(on_full, "`on_full`", "evict|refuse|pause", &choice, planner->problems);
        set.on_full = choices[choice];
    }
    if (!right || planner->problems->errors != errors)
        return false;
    warn_key(planner, key, &set);
    set.fingerprint = set_fingerprint(planner, &set);
    *ret_plan = set;
    return true;
}

/* The sink. */

static void plan_snapshots(struct planner *planner, const struct weir_node *node)
{
    struct pipeline_plan *plan = planner->plan;
    int64_t keep;
    duration_read(declare_default(&declare_snapshots, "every"), &plan->snapshot_every_ns, NULL);
    int_read("3", 1, &keep);
    plan->snapshot_keep = (uint32_t)keep;
    if (node && node->kind != WEIR_NODE_NULL)
        node = declare_read(planner, node, &declare_snapshots, "`sink.snapshots`");
    if (!node || node->kind == WEIR_NODE_NULL)
        return;
    const struct weir_node *every = node_get(node, "every");
    const struct weir_node *count = node_get(node, "keep");
    if (every && node_duration(every, "`every`", &plan->snapshot_every_ns, planner->problems) &&
        plan->snapshot_every_ns < NS_PER_SECOND / 10)
        problem_error(planner->problems, every->mark, "`every` must be at least 100ms");
    if (count && node_int(count, "`keep`", 1, 1000, &keep, planner->problems))
        plan->snapshot_keep = (uint32_t)keep;
    problem_warning(
        planner->problems, node->mark,
        "this version takes no snapshots: after a restart the source is read again from "
        "`start`");
}

static const struct weir_node *tables_of(struct planner *planner, const struct weir_node *sink,
                                         const char *key)
{
    const struct weir_node *tables = node_get(sink, key);
    if (!tables || tables->kind == WEIR_NODE_NULL)
        return NULL;
    if (tables->kind != WEIR_NODE_MAP) {
        problem_error(planner->problems, tables->mark, "`%s` is a map of `NAME: {..}`", key);
        return NULL;
    }
    if (tables->count > TABLES_MAX) {
        problem_error(planner->problems, tables->mark, "more than %d %s", TABLES_MAX, key);
        return NULL;
    }
    return tables;
}

void declare_plan_sink(struct planner *planner, const struct weir_node *node)
{
    struct sink_plan *sink = &planner->plan->sink;
    node = declare_read(planner, node, &declare_sink, "`sink`");
    if (!node)
        return;
    const struct weir_node *aggregates = tables_of(planner, node, "aggregates");
    const struct weir_node *sets = tables_of(planner, node, "sets");
    if (!aggregates && !sets)
        problem_warning(planner->problems, node->mark,
                        "the sink has no `aggregates` and no `sets`: nothing can be asked for");
    if (aggregates) {
        struct aggregate_plan *plans = planner_alloc(planner, aggregates->count * sizeof *plans);
        for (uint32_t i = 0; i < aggregates->count; i++)
            sink->aggregate_count += declare_plan_aggregate(
                planner, aggregates->keys[i], aggregates->values[i], plans + sink->aggregate_count);
        sink->aggregates = plans;
    }
    if (sets) {
        struct set_plan *plans = planner_alloc(planner, sets->count * sizeof *plans);
        for (uint32_t i = 0; i < sets->count; i++) {
            if (aggregates && node_get(aggregates, sets->keys[i]->text))
                problem_error(
                    planner->problems, sets->keys[i]->mark,
                    "`%s` is the name of an aggregate already; queries could not tell them "
                    "apart",
                    sets->keys[i]->text);
            sink->set_count +=
                declare_plan_set(planner, sets->keys[i], sets->values[i], plans + sink->set_count);
        }
        sink->sets = plans;
    }
    plan_snapshots(planner, node_get(node, "snapshots"));
}
