/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/explain.h"

#include <stdarg.h>

#include "base/node.h"
#include "base/value.h"

void pipeline_plan_explain(const struct pipeline_plan *plan, bool json, struct text *out)
{
    if (json)
        explain_json(plan, out);
    else
        explain_text(plan, out);
}

static bool needs_quotes(const struct weir_node *node)
{
    return node->quoted || !node->text[0] || node->text[strcspn(node->text, ",{}[]#\"\n")];
}

static void scalar(struct text *out, const struct weir_node *node)
{
    if (node->secret)
        text_add(out, "${..}");
    else if (needs_quotes(node))
        json_write_string(out, node->text, node->text_length);
    else
        text_add(out, node->text);
}

void explain_node(struct text *out, const struct weir_node *node)
{
    switch (node->kind) {
    case WEIR_NODE_NULL:
        text_add(out, "null");
        break;
    case WEIR_NODE_SCALAR:
        scalar(out, node);
        break;
    default:
        text_add_char(out, node->kind == WEIR_NODE_MAP ? '{' : '[');
        for (uint32_t i = 0; i < node->count; i++) {
            text_add(out, i ? ", " : "");
            if (node->kind == WEIR_NODE_MAP) {
                scalar(out, node->keys[i]);
                text_add(out, ": ");
            }
            explain_node(out, node->values[i]);
        }
        text_add_char(out, node->kind == WEIR_NODE_MAP ? '}' : ']');
    }
}

const struct weir_node *explain_at(const struct pipeline_plan *plan, ...)
{
    const struct weir_node *node = plan->root;
    va_list keys;
    va_start(keys, plan);
    for (const char *key; node && (key = va_arg(keys, const char *)) != NULL;)
        node = node_get(node, key);
    va_end(keys);
    return node;
}

void explain_value(struct text *out, const char *value, const struct weir_node *node)
{
    text_add(out, node && node->secret ? "${..}" : value);
}

void explain_type(struct text *out, struct weir_type type)
{
    char text[TYPE_TEXT_BYTES];
    text_add(out, type_text(type, text));
}

const char *explain_field_time(const struct decode_field *field)
{
    if (field->type.kind != WEIR_TIMESTAMP)
        return "";
    if (field->time == DECODE_TIME_RFC3339)
        return "rfc3339";
    if (field->time == DECODE_TIME_FORMAT)
        return field->time_format;
    return field->time_unit_ns == NS_PER_SECOND ? "s"
           : field->time_unit_ns == 1000000     ? "ms"
           : field->time_unit_ns == 1000        ? "us"
                                                : "ns";
}

/* Memory. */

#define BYTES_SLOT 16 /* of a text: 12 bytes of it, or a reference and a hash */

static uint32_t value_bytes(struct weir_type type)
{
    return type_is_str(type) ? BYTES_SLOT : type.kind == WEIR_BOOL ? 1 : 8;
}

/* A page is 69 % full on average where it is split in halves; a tag of one byte for each entry. */
static uint32_t in_table(uint32_t bytes)
{
    return (bytes + 1) * 145 / 100;
}

/* Does an earlier measure of the same column keep the same component? min, max and so on once. */
static bool kept_already(const struct aggregate_plan *a, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (a->measures[j].column == a->measures[i].column &&
            (a->measures[j].function == a->measures[i].function ||
             (a->measures[j].function == MEASURE_SUM && a->measures[i].function == MEASURE_AVG) ||
             (a->measures[j].function == MEASURE_AVG && a->measures[i].function == MEASURE_SUM)))
            return true;
    return false;
}

static uint32_t measure_bytes(const struct measure_plan *m)
{
    uint32_t valid = m->argument.nullable ? 8 : 0;
    switch (m->function) {
    case MEASURE_SUM:
    case MEASURE_AVG:
        return 16 + valid;
    case MEASURE_MIN:
    case MEASURE_MAX:
        return value_bytes(m->argument) + valid;
    case MEASURE_FIRST:
    case MEASURE_LAST:
        return 16 + value_bytes(m->argument);
    case MEASURE_COUNT:
        return valid;
    default:
        return 0;
    }
}

uint32_t explain_group_bytes(const struct aggregate_plan *a)
{
    uint32_t bytes = 8; /* records */
    for (uint32_t i = 0; i < a->by_count; i++)
        bytes += value_bytes(a->by[i].type);
    for (uint32_t i = 0; i < a->measure_count; i++)
        if (!kept_already(a, i))
            bytes += measure_bytes(a->measures + i);
    return in_table(bytes);
}

uint32_t explain_record_bytes(const struct set_plan *set)
{
    uint32_t bytes = 24; /* version and offset */
    for (uint32_t i = 0; i < set->key_count; i++)
        bytes += value_bytes(set->key[i].type);
    for (uint32_t i = 0; i < set->bin_count; i++)
        bytes += value_bytes(set->bins[i].type);
    return bytes + in_table(8);
}

/* Columns. */

static const struct weir_field *named(struct weir_schema schema, const char *name)
{
    for (uint32_t i = 0; i < schema.count; i++)
        if (!strcmp(schema.fields[i].name, name))
            return schema.fields + i;
    return NULL;
}

bool explain_change_next(struct weir_schema before, struct weir_schema after, uint32_t *at,
                         struct explain_change *ret_change)
{
    while (*at < after.count + before.count) {
        uint32_t i = (*at)++;
        bool added = i < after.count;
        const struct weir_field *field =
            added ? after.fields + i : before.fields + (i - after.count);
        const struct weir_field *other = named(added ? before : after, field->name);
        if (other && (!added || other->column == field->column))
            continue;
        *ret_change = (struct explain_change){added, field};
        return true;
    }
    return false;
}

const struct weir_field *explain_source_schema(const struct pipeline_plan *plan,
                                               uint32_t *ret_count)
{
    static const struct {
        const char *name;
        uint8_t kind;
        uint8_t nullable;
    } metas[] = {
#define META_ENTRY(symbol, name, kind, nullable) {name, kind, nullable},
        PLAN_META(META_ENTRY)
#undef META_ENTRY
    };
    struct weir_field *fields = mem_array(plan->field_count + PLAN_META_COUNT, sizeof *fields);
    for (uint32_t i = 0; i < plan->field_count; i++)
        fields[i] =
            (struct weir_field){plan->fields[i].name, plan->fields[i].type, plan->fields[i].column};
    for (uint32_t i = 0; i < PLAN_META_COUNT; i++)
        fields[plan->field_count + i] =
            (struct weir_field){metas[i].name,
                                {.kind = metas[i].kind, .nullable = metas[i].nullable},
                                plan->meta_columns[i]};
    *ret_count = plan->field_count + PLAN_META_COUNT;
    return fields;
}
