/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: -> ->> json_extract json_array_length: paths, and what they lead to. */
#include "transforms/expr/json.h"

#include "transforms/expr/functions.h"

/* A member's name as written against a name as meant. */
static bool name_is(struct weir_str inside, struct weir_str name)
{
    char buffer[256];
    if (!memchr(inside.data, '\\', inside.length))
        return str_equal(inside, name);
    if (inside.length > sizeof buffer)
        return false;
    return str_equal(str_make(buffer, json_text_unescape(inside, buffer)), name);
}

/* --- paths ---------------------------------------------------------------------------------- */

struct step {
    bool by_index;
    bool from_end;
    int64_t index;
    struct weir_str name;
};

#define PATH_STEPS_MAX 32

struct path {
    uint32_t count;
    struct step steps[PATH_STEPS_MAX];
};

static bool step_add(struct path *path, struct step step)
{
    if (path->count == PATH_STEPS_MAX)
        return false;
    path->steps[path->count++] = step;
    return true;
}

/* [3] or [#-1] behind the bracket */
static bool read_index(struct json_scan *s, struct step *step)
{
    *step = (struct step){.by_index = true};
    if (json_take(s, '#')) {
        step->from_end = true;
        if (!json_take(s, '-'))
            return false;
    }
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return int_read(from, (size_t)(s->at - from), &step->index) == 0 && json_take(s, ']');
}

/* $.name."any name"[0][#-1], or without $ the name alone. */
static bool read_path(struct weir_str text, struct path *path)
{
    struct json_scan s = {text.data, text.data + text.length};
    path->count = 0;
    if (!json_take(&s, '$'))
        return step_add(path, (struct step){.name = text});
    while (s.at < s.end) {
        struct step step = {0};
        if (json_take(&s, '[')) {
            if (!read_index(&s, &step))
                return false;
        } else if (!json_take(&s, '.')) {
            return false;
        } else if (s.at < s.end && *s.at == '"') {
            if (!json_scan_string(&s, &step.name))
                return false;
        } else {
            const char *from = s.at;
            while (s.at < s.end && *s.at != '.' && *s.at != '[')
                s.at++;
            step.name = str_make(from, (size_t)(s.at - from));
            if (!step.name.length)
                return false;
        }
        if (!step_add(path, step))
            return false;
    }
    return true;
}

static bool array_count(struct weir_str array, int64_t *ret)
{
    struct json_scan s = {array.data, array.data + array.length};
    struct weir_str item;
    int64_t count = 0;
    json_skip_blanks(&s);
    if (!json_take(&s, '['))
        return false;
    json_skip_blanks(&s);
    if (!json_take(&s, ']')) {
        do {
            if (!json_scan_value(&s, &item))
                return false;
            json_skip_blanks(&s);
            count++;
        } while (json_take(&s, ','));
        if (!json_take(&s, ']'))
            return false;
    }
    *ret = count;
    return true;
}

static bool array_item(struct weir_str array, const struct step *step, struct weir_str *ret)
{
    struct json_scan s = {array.data, array.data + array.length};
    int64_t index = step->index, count;
    if (step->from_end) {
        if (!array_count(array, &count))
            return false;
        index = count - index;
    }
    json_skip_blanks(&s);
    if (index < 0 || !json_take(&s, '['))
        return false;
    json_skip_blanks(&s);
    if (s.at < s.end && *s.at == ']')
        return false;
    do {
        if (!json_scan_value(&s, ret))
            return false;
        if (index-- == 0)
            return true;
        json_skip_blanks(&s);
    } while (json_take(&s, ','));
    return false;
}

/* The first member of that name. */
static bool object_member(struct weir_str object, struct weir_str name, struct weir_str *ret)
{
    struct json_scan s = {object.data, object.data + object.length};
    struct weir_str key;
    json_skip_blanks(&s);
    if (!json_take(&s, '{'))
        return false;
    do {
        json_skip_blanks(&s);
        if (!json_scan_string(&s, &key))
            return false;
        json_skip_blanks(&s);
        if (!json_take(&s, ':') || !json_scan_value(&s, ret))
            return false;
        if (name_is(key, name))
            return true;
        json_skip_blanks(&s);
    } while (json_take(&s, ','));
    return false;
}

static bool path_follow(struct weir_str json, const struct path *path, struct weir_str *ret)
{
    struct json_scan s = {json.data, json.data + json.length};
    if (!json_scan_value(&s, ret))
        return false;
    for (uint32_t i = 0; i < path->count; i++) {
        const struct step *step = path->steps + i;
        if (step->by_index ? !array_item(*ret, step, ret) : !object_member(*ret, step->name, ret))
            return false;
    }
    return true;
}

bool json_prepare(struct compiler *compiler, struct node *node, const struct node *member)
{
    struct path *path = compile_alloc(compiler, sizeof *path);
    if (!path)
        return false;
    node->prepared = path;
    if (member->type.kind == WEIR_INT) {
        int64_t index = member->constant.i;
        if (index == INT64_MIN)
            return compile_fail(compiler, member->start, "there is no item with this index");
        path->steps[path->count++] = (struct step){
            .by_index = true, .from_end = index < 0, .index = index < 0 ? -index : index};
        return true;
    }
    if (read_path(member->constant.s, path))
        return true;
    return compile_fail(
        compiler, member->start,
        "this is not a path; they look like '$.user.tags[0]', with at most %d steps",
        PATH_STEPS_MAX);
}

/* --- evaluation ----------------------------------------------------------------------------- */

/* -> gives JSON as it stands. As text: the text of a string, nothing for null, other values as they
 * stand. */
static bool as_text(struct texts *texts, struct eval *eval, struct weir_str value,
                    struct weir_str *ret, bool *ret_no_memory)
{
    if (str_is(value, "null"))
        return false;
    *ret = value;
    if (value.length < 2 || value.data[0] != '"')
        return true;
    struct weir_str inside = str_make(value.data + 1, value.length - 2);
    *ret = inside;
    if (!memchr(inside.data, '\\', inside.length))
        return true;
    char *text = texts_reserve(eval, texts, inside.length);
    if (!text) {
        *ret_no_memory = true;
        return false;
    }
    *ret = str_make(text, json_text_unescape(inside, text));
    texts->next += ret->length;
    return true;
}

static bool path_of_row(const struct node *node, const struct vec *member, uint32_t row,
                        struct path *room, const struct path **ret)
{
    *ret = node->prepared;
    if (*ret)
        return true;
    *ret = room;
    if (member->c.type.kind == WEIR_STRING)
        return read_path(member->c.strs[row & member->mask], room);
    int64_t index = member->c.ints[row & member->mask];
    if (index == INT64_MIN)
        return false;
    room->count = 1;
    room->steps[0] =
        (struct step){.by_index = true, .from_end = index < 0, .index = index < 0 ? -index : index};
    return true;
}

struct vec *eval_arrow(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *args[2];
    for (uint32_t i = 0; i < 2; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return NULL;
    }
    struct vec *out = vec_new(eval, node->type);
    struct texts texts = {NULL, NULL};
    bool text = node->type.kind == WEIR_STRING, no_memory = false;
    if (!out || !vec_valid_from(eval, out, args, 2))
        return NULL;
    for (EACH_ROW(rows, row)) {
        struct path room;
        const struct path *path;
        struct weir_str value;
        if (!vec_valid(out, row)) {
            vec_clear(out, row);
        } else if (path_of_row(node, args[1], row, &room, &path) &&
                   path_follow(args[0]->c.strs[row & args[0]->mask], path, &value) &&
                   (!text || as_text(&texts, eval, value, &value, &no_memory))) {
            out->c.strs[row] = value;
        } else {
            vec_clear(out, row);
            if (no_memory || !vec_set_null(eval, out, row))
                return NULL;
        }
    }
    return out;
}

/* json_extract(x, path) is x ->> path. */
bool check_json_path(struct compiler *compiler, struct node *node)
{
    if (node->count < 2 || node_is_null(node->args[1]))
        return true;
    struct weir_str path = node->args[1]->constant.s;
    if (!path.length || path.data[0] != '$')
        return compile_fail(compiler, node->args[1]->start,
                            "a path begins with $, as in '$.user.tags[0]'");
    return json_prepare(compiler, node, node->args[1]);
}

bool row_json_extract(struct call *call, uint32_t row)
{
    struct weir_str value;
    return path_follow(call_str(call, 0, row), call->node->prepared, &value) &&
           as_text(&call->texts, call->eval, value, &value, &call->no_memory) &&
           call_set_str(call, row, value.data, value.length);
}

bool row_json_array_length(struct call *call, uint32_t row)
{
    struct weir_str value = call_str(call, 0, row);
    int64_t count;
    if (call->node->prepared && !path_follow(value, call->node->prepared, &value))
        return false;
    /* What is not an array has no items, as in SQLite. */
    return call_set_int(call, row, array_count(value, &count) ? count : 0);
}
