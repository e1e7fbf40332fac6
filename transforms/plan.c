/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/value.h"
#include "transforms/expr.h"

struct weir_plan *plan_new(struct problems *problems)
{
    struct weir_plan *plan = mem_alloc(sizeof *plan);
    plan->problems = problems;
    arena_init(&plan->names, 0);
    return plan;
}

void plan_free(struct weir_plan *plan)
{
    if (!plan)
        return;
    arena_done(&plan->names);
    free(plan->visible);
    free(plan->columns);
    free(plan->unknown);
    free(plan);
}

struct problems *plan_problems(struct weir_plan *plan)
{
    return plan->problems;
}

char *node_path(const struct weir_node *node)
{
    const char *slash = node->mark.file ? strrchr(node->mark.file, '/') : NULL;
    if (node->text[0] == '/' || !slash)
        return mem_strdup(node->text);
    return mem_printf("%.*s/%s", (int)(slash - node->mark.file), node->mark.file, node->text);
}

static const char *keep_name(struct weir_plan *plan, const char *name)
{
    char *kept = arena_copy(&plan->names, name, strlen(name) + 1);
    CHECK(kept);
    return kept;
}

static uint32_t visible_index(const struct weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->visible_count; i++)
        if (!strcmp(plan->visible[i].name, name))
            return i;
    return UINT32_MAX;
}

uint32_t plan_add_hidden(struct weir_plan *plan)
{
    if (plan->column_count == PLAN_COLUMNS_MAX) {
        struct weir_mark nowhere = {0};
        if (!plan->overfull)
            problem_error(plan->problems, nowhere, "the pipeline has more than %d columns in all",
                          PLAN_COLUMNS_MAX);
        plan->overfull = true;
        return PLAN_COLUMNS_MAX - 1;
    }
    if (plan->column_count == plan->column_capacity) {
        plan->column_capacity = plan->column_capacity ? plan->column_capacity * 2 : 32;
        plan->columns = mem_grow(plan->columns, plan->column_capacity, sizeof *plan->columns);
    }
    plan->columns[plan->column_count] = (struct plan_column_info){0, false};
    return plan->column_count++;
}

uint32_t plan_add(struct weir_plan *plan, const char *name, struct weir_type type)
{
    uint32_t column = plan_add_hidden(plan);
    uint64_t seed = plan_stage_meaning(plan);
    plan->columns[column].meaning = hash_bytes(name, strlen(name), seed);

    uint32_t i = visible_index(plan, name);
    if (i == UINT32_MAX) {
        if (plan->visible_count == plan->visible_capacity) {
            plan->visible_capacity = plan->visible_capacity ? plan->visible_capacity * 2 : 32;
            plan->visible = mem_grow(plan->visible, plan->visible_capacity, sizeof *plan->visible);
        }
        i = plan->visible_count++;
        plan->visible[i].name = keep_name(plan, name);
    }
    plan->visible[i].type = type;
    plan->visible[i].column = column;
    return column;
}

void plan_remove(struct weir_plan *plan, const char *name)
{
    uint32_t i = visible_index(plan, name);
    if (i == UINT32_MAX)
        return;
    plan->visible_count--;
    memmove(plan->visible + i, plan->visible + i + 1,
            (plan->visible_count - i) * sizeof *plan->visible);
}

void plan_rename(struct weir_plan *plan, const char *name, const char *new_name)
{
    uint32_t i = visible_index(plan, name);
    if (i != UINT32_MAX)
        plan->visible[i].name = keep_name(plan, new_name);
}

struct weir_schema plan_schema(const struct weir_plan *plan)
{
    return (struct weir_schema){plan->visible, plan->visible_count};
}

const struct weir_field *plan_find(const struct weir_plan *plan, const char *name)
{
    uint32_t i = visible_index(plan, name);
    return i == UINT32_MAX ? NULL : plan->visible + i;
}

uint32_t plan_column_count(const struct weir_plan *plan)
{
    return plan->column_count;
}

bool plan_is_read(const struct weir_plan *plan, uint32_t column)
{
    return plan->columns[column].read;
}

/* Meanings. */

void plan_set_meaning(struct weir_plan *plan, uint32_t column, uint64_t meaning)
{
    CHECK(column < plan->column_count);
    plan->columns[column].meaning = meaning;
}

uint64_t plan_meaning(const struct weir_plan *plan, uint32_t column)
{
    CHECK(column < plan->column_count);
    return plan->columns[column].meaning;
}

void plan_stage_begin(struct weir_plan *plan, uint64_t meaning)
{
    plan->stage_meaning = meaning;
    plan->stage_reads = 0;
}

uint64_t plan_stage_meaning(const struct weir_plan *plan)
{
    return hash_u64(plan->stage_meaning, plan->stage_reads);
}

static void note_read(struct weir_plan *plan, uint32_t column)
{
    plan->columns[column].read = true;
    plan->stage_reads = hash_u64(plan->stage_reads, plan->columns[column].meaning);
}

void plan_note_reads(struct weir_plan *plan, const struct weir_expr *expr)
{
    uint64_t bits[PLAN_COLUMNS_MAX / 64] = {0};
    expression_ops_sql.reads(expr, bits, plan->column_count);
    for (uint32_t i = 0; i < plan->column_count; i++)
        if (bits[i >> 6] >> (i & 63) & 1)
            note_read(plan, i);
}

uint64_t node_meaning(const struct weir_node *node, uint64_t seed)
{
    if (!node)
        return seed;
    seed = hash_u64(node->kind, seed);
    if (node->kind == WEIR_NODE_SCALAR)
        return hash_bytes(node->text, node->text_length, seed);
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->kind == WEIR_NODE_MAP)
            seed = node_meaning(node->keys[i], seed);
        seed = node_meaning(node->values[i], seed);
    }
    return hash_u64(node->count, seed);
}

/* Names that lead nowhere. */

void plan_unknown(struct weir_plan *plan, const char *name)
{
    if (plan->unknown_count > PLAN_UNKNOWN_MAX)
        return;
    if (plan->unknown_count == PLAN_UNKNOWN_MAX)
        name = PLAN_UNKNOWN_ALL;
    plan->unknown = mem_grow(plan->unknown, plan->unknown_count + 1, sizeof *plan->unknown);
    plan->unknown[plan->unknown_count++] = keep_name(plan, name);
}

static bool told_already(struct weir_plan *plan, const char *name, size_t length)
{
    for (uint32_t i = 0; i < plan->unknown_count; i++)
        if (!strcmp(plan->unknown[i], PLAN_UNKNOWN_ALL) ||
            (strlen(plan->unknown[i]) == length && !memcmp(plan->unknown[i], name, length))) {
            plan->untold++;
            return true;
        }
    return false;
}

static const char *visible_name_at(const void *context, size_t i)
{
    const struct weir_plan *plan = context;
    return plan->visible[i].name;
}

/* `sum(x)` where a name is wanted: the user took the place for an expression. */
static bool looks_like_expression(const char *name)
{
    return name[strcspn(name, "()+-*/|<>='\" ")] != 0;
}

bool column_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (!length || length > COLUMN_NAME_BYTES_MAX || (name[0] >= '0' && name[0] <= '9'))
        return false;
    return !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

static void report_column(struct weir_plan *plan, struct weir_mark mark, const char *name)
{
    const char *near = plan->problems->errors < PROBLEMS_MAX
                           ? suggest(name, plan->visible_count, visible_name_at, plan)
                           : NULL;
    if (near)
        problem_error(plan->problems, mark, "there is no column `%s`; did you mean `%s`?", name,
                      near);
    else if (looks_like_expression(name))
        problem_error(
            plan->problems, mark,
            "`%s` is not the name of a column; an expression is computed by a `set` stage "
            "and named here",
            name);
    else
        problem_error(plan->problems, mark,
                      "there is no column `%s` here; declare it in `fields` or add it with a `set` "
                      "stage",
                      name);
}

static const struct weir_field *column_find(struct weir_plan *plan, struct weir_mark mark,
                                            const char *name, bool secret)
{
    uint32_t i = visible_index(plan, name);
    if (i != UINT32_MAX)
        return plan->visible + i;
    if (told_already(plan, name, strlen(name)))
        return NULL;
    if (secret)
        problem_error(plan->problems, mark, "${..} is not the name of a column here");
    else
        report_column(plan, mark, name);
    return NULL;
}

const struct weir_field *plan_column(struct weir_plan *plan, struct weir_mark mark,
                                     const char *name)
{
    const struct weir_field *field = column_find(plan, mark, name, false);
    if (field)
        note_read(plan, field->column);
    return field;
}

const struct weir_field *plan_column_of(struct weir_plan *plan, const struct weir_node *name,
                                        bool read)
{
    if (name->kind != WEIR_NODE_SCALAR) {
        problem_error(plan->problems, name->mark, "the name of a column is wanted here");
        return NULL;
    }
    const struct weir_field *field = column_find(plan, name->mark, name->text, name->secret);
    if (field && read)
        note_read(plan, field->column);
    return field;
}

/* Expressions. */

void plan_set_locate(struct weir_plan *plan,
                     struct weir_mark (*locate)(void *context, const struct weir_node *node,
                                                size_t position),
                     void *context)
{
    plan->locate = locate;
    plan->locate_context = context;
}

struct weir_mark plan_locate(const struct weir_plan *plan, const struct weir_node *node,
                             size_t position)
{
    if (plan->locate)
        return plan->locate(plan->locate_context, node, position);
    struct weir_mark mark = node->mark;
    if (node->quoted || !mark.column)
        return mark;
    for (size_t i = 0; i < position && i < node->text_length; i++)
        mark.column += ((unsigned char)node->text[i] & 0xc0) != 0x80;
    return mark;
}

static bool is_name_char(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The name that stands at `position` of a text: what an unknown column's message points at. */
static struct weir_str name_at(const struct weir_node *node, size_t position)
{
    const char *text = node->text;
    size_t end = node->text_length;
    if (position >= end)
        return str_make(text + end, 0);
    char quote = text[position] == '"' || text[position] == '`' ? text[position] : 0;
    size_t from = position + (quote != 0);
    size_t to = from;
    while (to < end && (quote ? text[to] != quote : is_name_char(text[to])))
        to++;
    return str_make(text + from, to - from);
}

static void report_expression(struct weir_plan *plan, const struct weir_node *node,
                              const struct expression_error *error)
{
    struct weir_str name = name_at(node, error->position);
    if (name.length && told_already(plan, name.data, name.length))
        return;
    struct weir_mark mark = plan_locate(plan, node, error->position);
    if (node->secret)
        problem_error(plan->problems, mark,
                      "the expression is wrong; its text comes from ${..} and is not shown");
    else
        problem_error(plan->problems, mark, "%s", error->text);
}

static void report_kind(struct weir_plan *plan, const struct weir_node *node, struct weir_type type,
                        uint8_t want_kind)
{
    char has[TYPE_TEXT_BYTES];
    char wants[TYPE_TEXT_BYTES];
    type_text(type, has);
    type_text((struct weir_type){.kind = want_kind}, wants);
    const char *advice = "";
    if (want_kind == WEIR_BOOL && type.kind == WEIR_STRING)
        advice = "; text is not silently a truth: compare it, as in `x <> ''`";
    else if (want_kind == WEIR_BOOL && type.kind == WEIR_INT)
        advice = "; compare it, as in `x <> 0`";
    problem_error(plan->problems, node->mark,
                  "the expression must be of type %s, and is of type %s%s", wants, has, advice);
}

struct weir_expr *plan_expr(struct weir_plan *plan, const struct weir_node *node, uint8_t want_kind)
{
    if (node->kind != WEIR_NODE_SCALAR || !node->text_length) {
        problem_error(plan->problems, node->mark, "an expression is wanted here");
        return NULL;
    }
    if (plan->problems->errors >= PLAN_ERRORS_MAX) {
        plan->untold++;
        return NULL;
    }
    struct weir_schema schema = plan_schema(plan);
    struct weir_expr *expr = NULL;
    struct expression_error error = {0};
    if (expression_ops_sql.compile(node->text, node->text_length, &schema, &expr, &error) < 0) {
        report_expression(plan, node, &error);
        return NULL;
    }
    struct weir_type type = expression_ops_sql.type(expr);
    if (want_kind && type.kind != want_kind) {
        report_kind(plan, node, type, want_kind);
        expression_ops_sql.free(expr);
        return NULL;
    }
    plan_note_reads(plan, expr);
    return expr;
}
