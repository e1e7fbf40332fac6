/* SPDX-License-Identifier: Apache-2.0 */
/* declare_fields.c: `fields:`, the columns that every record has, and which of them is its time. */
#include "pipelines/declare.h"

#include "base/hash.h"
#include "base/value.h"

static const struct {
    const char *name;
    uint8_t kind;
    uint8_t nullable;
} metas[PLAN_META_COUNT] = {
#define META_ENTRY(symbol, name, kind, nullable) [symbol] = {name, kind, nullable},
    PLAN_META(META_ENTRY)
#undef META_ENTRY
};

static bool name_check(struct planner *planner, const struct weir_node *name)
{
    if (!column_name_valid(name->text))
        problem_error(planner->problems, name->mark,
                      "`%s` cannot be the name of a column: a letter, then letters, digits and _; "
                      "name it otherwise and say where it stands: `NAME: {path: .., type: ..}`",
                      name->text);
    else if (name->text[0] == '_')
        problem_error(planner->problems, name->mark,
                      "`%s`: names that begin with _ are those that every record has (_key, "
                      "_timestamp, ..); name it otherwise: `NAME: {path: %s, type: ..}`",
                      name->text, name->text);
    else
        return true;
    return false;
}

/* `a.b.c`, or a list of keys where one holds a dot. */
static bool path_read(struct planner *planner, const struct weir_node *node,
                      struct decode_field *field)
{
    const char **parts = planner_alloc(planner, PATH_PARTS_MAX * sizeof *parts);
    uint32_t count = 0;
    bool right = node->kind == WEIR_NODE_SCALAR || node->kind == WEIR_NODE_LIST;
    if (node->kind == WEIR_NODE_SCALAR) {
        for (const char *at = node->text; right; at++) {
            size_t length = strcspn(at, ".");
            right = length && count < PATH_PARTS_MAX;
            if (right)
                parts[count++] = planner_printf(planner, "%.*s", (int)length, at);
            at += length;
            if (!*at)
                break;
        }
    }
    for (uint32_t i = 0; node->kind == WEIR_NODE_LIST && i < node->count && right; i++) {
        right = node->values[i]->kind == WEIR_NODE_SCALAR && count < PATH_PARTS_MAX;
        if (right)
            parts[count++] = node->values[i]->text;
    }
    if (!right || !count) {
        problem_error(
            planner->problems, node->mark,
            "a path is keys joined by dots, as in user.address.city, or a list of keys; at "
            "most %d",
            PATH_PARTS_MAX);
        return false;
    }
    field->path = parts;
    field->path_length = count;
    return true;
}

static bool type_set(struct planner *planner, const struct weir_node *node,
                     struct decode_field *field)
{
    struct weir_error error = {0};
    if (decode_field_type_read(node->text, field, &error) < 0) {
        problem_error(planner->problems, node->mark, "%s", error.text);
        return false;
    }
    if (field->time_format) {
        /* Allocated by the decoder; everything of a plan lives in its arena. */
        char *format = (char *)field->time_format;
        field->time_format = planner_text(planner, format);
        free(format);
    }
    return true;
}

static bool field_read(struct planner *planner, const struct weir_node *name,
                       const struct weir_node *node, struct decode_field *field)
{
    field->name = name->text;
    const char **path = planner_alloc(planner, sizeof *path);
    path[0] = name->text;
    field->path = path;
    field->path_length = 1;
    if (node->kind == WEIR_NODE_SCALAR)
        return type_set(planner, node, field);
    if (node->kind != WEIR_NODE_MAP) {
        problem_error(planner->problems, node->mark,
                      "a field is `NAME: TYPE`, as in `%s: string`, or `%s: {path: .., type: ..}`",
                      name->text, name->text);
        return false;
    }
    char what[COLUMN_NAME_BYTES_MAX + 20];
    snprintf(what, sizeof what, "field `%s`", name->text);
    uint32_t errors = planner->problems->errors;
    node = declare_read(planner, node, &declare_field, what);
    if (!node)
        return false;
    const struct weir_node *where = node_get(node, "path");
    const struct weir_node *coerce = node_get(node, "coerce");
    const struct weir_node *type = node_get(node, "type");
    bool right = type && type_set(planner, type, field);
    if (where)
        right &= path_read(planner, where, field);
    if (coerce)
        right &= node_bool(coerce, "`coerce`", &field->coerce, planner->problems);
    return right && planner->problems->errors == errors;
}

/* What a field's values mean: where they stand and how they are read. */
static uint64_t field_meaning(const struct planner *planner, const struct decode_field *field)
{
    const struct decode_options *decode = &planner->plan->decode;
    uint64_t hash = hash_u64((uint64_t)decode->format << 8 | (uint8_t)decode->csv_delimiter, 0);
    for (uint32_t i = 0; i < field->path_length; i++)
        hash = hash_bytes(field->path[i], strlen(field->path[i]), hash);
    char type[TYPE_TEXT_BYTES];
    type_text(field->type, type);
    hash = hash_bytes(type, strlen(type), hash);
    hash = hash_u64((uint64_t)field->time << 1 | field->coerce, hash);
    hash = hash_u64((uint64_t)field->time_unit_ns, hash);
    if (field->time_format)
        hash = hash_bytes(field->time_format, strlen(field->time_format), hash);
    return hash;
}

static bool decodes(const struct planner *planner, const struct decode_field *fields,
                    uint32_t count, struct weir_error *error)
{
    struct decoder *decoder;
    if (decoder_new(&planner->plan->decode, fields, count, &decoder, error) < 0)
        return false;
    decoder_free(decoder);
    return true;
}

/* What a format cannot have, such as a path into CSV: asked of the decoder itself. */
static void decoder_check(struct planner *planner, const struct weir_node *fields)
{
    const struct pipeline_plan *plan = planner->plan;
    struct weir_error error = {0};
    if (!plan->field_count || decodes(planner, plan->fields, plan->field_count, &error))
        return;
    bool placed = false;
    for (uint32_t i = 0; i < plan->field_count; i++) {
        struct weir_error one = {0};
        const struct weir_node *node = node_get(fields, plan->fields[i].name);
        if (!node || decodes(planner, plan->fields + i, 1, &one))
            continue;
        problem_error(planner->problems, node->mark, "%s", one.text);
        placed = true;
    }
    if (!placed)
        problem_error(planner->problems, fields->mark, "%s", error.text);
}

static void metas_add(struct planner *planner)
{
    for (uint32_t i = 0; i < PLAN_META_COUNT; i++) {
        struct weir_type type = {.kind = metas[i].kind, .nullable = metas[i].nullable};
        planner->plan->meta_columns[i] = plan_add(planner->columns, metas[i].name, type);
    }
}

static void event_time_plan(struct planner *planner, const struct weir_node *node)
{
    uint32_t column = SINK_NO_COLUMN;
    if (node && strcmp(node->text, "_timestamp") != 0) {
        const struct weir_field *field = plan_column_of(planner->columns, node, true);
        char type[TYPE_TEXT_BYTES];
        if (field && field->type.kind != WEIR_TIMESTAMP)
            problem_error(
                planner->problems, node->mark,
                "`event_time` must name a field of type timestamp, and `%s` is of type %s",
                node->text, type_text(field->type, type));
        else if (field)
            column = field->column;
    }
    planner->plan->event_time_column = column;
    planner->plan->sink.event_time_column = column;
}

void declare_plan_fields(struct planner *planner, const struct weir_node *fields,
                         const struct weir_node *event_time)
{
    struct pipeline_plan *plan = planner->plan;
    if (fields->kind != WEIR_NODE_MAP || !fields->count) {
        problem_error(planner->problems, fields->mark,
                      "`fields` is a map of `NAME: TYPE`, with at least one field; `weir infer` "
                      "writes it from a sample");
        plan_unknown(planner->columns, PLAN_UNKNOWN_ALL);
    } else if (fields->count > FIELDS_MAX) {
        problem_error(planner->problems, fields->mark, "`fields` has more than %d fields",
                      FIELDS_MAX);
        plan_unknown(planner->columns, PLAN_UNKNOWN_ALL);
    } else {
        struct decode_field *list = planner_alloc(planner, fields->count * sizeof *list);
        for (uint32_t i = 0; i < fields->count; i++) {
            struct decode_field *field = list + plan->field_count;
            bool right = name_check(planner, fields->keys[i]);
            right &= field_read(planner, fields->keys[i], fields->values[i], field);
            if (!right) {
                plan_unknown(planner->columns, fields->keys[i]->text);
                continue;
            }
            field->column = plan_add(planner->columns, field->name, field->type);
            plan_set_meaning(planner->columns, field->column, field_meaning(planner, field));
            plan->field_count++;
        }
        plan->fields = list;
        decoder_check(planner, fields);
    }
    metas_add(planner);
    event_time_plan(planner, event_time);
}
