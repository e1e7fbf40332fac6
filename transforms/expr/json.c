/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/expr/json.h"

#include "transforms/expr/functions.h"

/* --- scanning ------------------------------------------------------------------------------- */

struct scan {
    const char *at, *end;
};

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool take(struct scan *s, char wanted)
{
    if (s->at == s->end || *s->at != wanted)
        return false;
    s->at++;
    return true;
}

/* A string with its quotes; the inside is *ret, escapes and all. */
static bool scan_string(struct scan *s, struct weir_str *ret)
{
    if (!take(s, '"'))
        return false;
    const char *from = s->at;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return false;
        if (*s->at == '\\' && ++s->at == s->end)
            return false;
        s->at++;
    }
    if (s->at == s->end)
        return false;
    *ret = str_make(from, (size_t)(s->at - from));
    s->at++;
    return true;
}

/* One value of any kind. Brackets are counted, not matched by kind: it only has to find the end. */
static bool scan_value(struct scan *s, struct weir_str *ret)
{
    skip_blanks(s);
    const char *from = s->at;
    uint32_t depth = 0;
    struct weir_str inside;
    do {
        if (s->at >= s->end)
            return false;
        switch (*s->at) {
        case '"':
            if (!scan_string(s, &inside))
                return false;
            break;
        case '{':
        case '[':
            depth++;
            s->at++;
            break;
        case '}':
        case ']':
            if (!depth)
                return false;
            depth--;
            s->at++;
            break;
        default:
            if (depth) {
                s->at++;
                break;
            }
            while (s->at < s->end && !strchr(",]} \t\r\n", *s->at))
                s->at++;
            if (s->at == from)
                return false;
        }
    } while (depth);
    *ret = str_make(from, (size_t)(s->at - from));
    return true;
}

/* --- strict validation ---------------------------------------------------------------------- */

static bool valid_escape(struct scan *s)
{
    s->at++;
    if (s->at >= s->end)
        return false;
    char c = *s->at++;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    for (int i = 0; i < 4; i++, s->at++)
        if (s->at >= s->end || !*s->at || !strchr("0123456789abcdefABCDEF", *s->at))
            return false;
    return true;
}

static bool valid_string(struct scan *s)
{
    if (!take(s, '"'))
        return false;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return false;
        if (*s->at == '\\') {
            if (!valid_escape(s))
                return false;
        } else {
            s->at++;
        }
    }
    return take(s, '"');
}

static bool valid_scalar(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    if (s->at < s->end && *s->at == '"')
        return valid_string(s);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= length && !memcmp(s->at, words[i], length)) {
            s->at += length;
            return true;
        }
    }
    const char *from = s->at;
    while (s->at < s->end && *s->at && strchr("+-.0123456789eE", *s->at))
        s->at++;
    /* The grammar of numbers is base's; its leading + is not JSON's. */
    double value;
    if (s->at == from || *from == '+')
        return false;
    return float_read(from, (size_t)(s->at - from), &value) != WEIR_E_INVALID;
}

/* Iterative: open[] says of each level whether it is an object. */
bool json_valid(struct weir_str text)
{
    struct scan s = {text.data, text.data + text.length};
    char open[EXPR_JSON_DEPTH_MAX];
    uint32_t depth = 0;
    for (;;) {
        skip_blanks(&s);
        if (s.at < s.end && (*s.at == '{' || *s.at == '[')) {
            if (depth == EXPR_JSON_DEPTH_MAX)
                return false;
            open[depth++] = *s.at++;
            skip_blanks(&s);
            if (s.at < s.end && *s.at == (open[depth - 1] == '{' ? '}' : ']')) {
                s.at++;
                depth--;
            } else if (open[depth - 1] == '{') {
                goto member;
            } else {
                continue;
            }
        } else if (!valid_scalar(&s)) {
            return false;
        }
        /* Behind a value. */
        for (;;) {
            skip_blanks(&s);
            if (!depth)
                return s.at == s.end;
            if (take(&s, ','))
                break;
            if (!take(&s, open[depth - 1] == '{' ? '}' : ']'))
                return false;
            depth--;
        }
        if (open[depth - 1] != '{')
            continue;
member:
        skip_blanks(&s);
        if (!valid_string(&s))
            return false;
        skip_blanks(&s);
        if (!take(&s, ':'))
            return false;
    }
}

/* --- strings -------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value & 0xffff;
}

/* \uXXXX at *at (on the u); a pair of surrogates is one character, half of one is U+FFFD. */
static uint32_t unicode_escape(const char **at, const char *end)
{
    if (end - *at < 5) {
        *at = end;
        return '?'; /* one byte: the result must not outgrow the source */
    }
    uint32_t code = hex4(*at + 1);
    *at += 5;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = hex4(*at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
}

/* What a string's inside stands for; never longer than it. Returns the length. */
static size_t unescape(struct weir_str inside, char *out)
{
    const char *at = inside.data, *end = at + inside.length;
    size_t length = 0;
    while (at < end) {
        if (*at != '\\' || at + 1 == end) {
            out[length++] = *at++;
            continue;
        }
        at++;
        switch (*at) {
        case 'b':
            out[length++] = '\b';
            break;
        case 'f':
            out[length++] = '\f';
            break;
        case 'n':
            out[length++] = '\n';
            break;
        case 'r':
            out[length++] = '\r';
            break;
        case 't':
            out[length++] = '\t';
            break;
        case 'u':
            length += utf8_write(unicode_escape(&at, end), out + length);
            continue;
        default:
            out[length++] = *at;
        }
        at++;
    }
    return length;
}

/* A member's name as written against a name as meant. */
static bool name_is(struct weir_str inside, struct weir_str name)
{
    char buffer[256];
    if (!memchr(inside.data, '\\', inside.length))
        return str_equal(inside, name);
    if (inside.length > sizeof buffer)
        return false;
    return str_equal(str_make(buffer, unescape(inside, buffer)), name);
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
static bool read_index(struct scan *s, struct step *step)
{
    *step = (struct step){.by_index = true};
    if (take(s, '#')) {
        step->from_end = true;
        if (!take(s, '-'))
            return false;
    }
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return int_read(from, (size_t)(s->at - from), &step->index) == 0 && take(s, ']');
}

/* $.name."any name"[0][#-1], or without $ the name alone. */
static bool read_path(struct weir_str text, struct path *path)
{
    struct scan s = {text.data, text.data + text.length};
    path->count = 0;
    if (!take(&s, '$'))
        return step_add(path, (struct step){.name = text});
    while (s.at < s.end) {
        struct step step = {0};
        if (take(&s, '[')) {
            if (!read_index(&s, &step))
                return false;
        } else if (!take(&s, '.')) {
            return false;
        } else if (s.at < s.end && *s.at == '"') {
            if (!scan_string(&s, &step.name))
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
    struct scan s = {array.data, array.data + array.length};
    struct weir_str item;
    int64_t count = 0;
    skip_blanks(&s);
    if (!take(&s, '['))
        return false;
    skip_blanks(&s);
    if (!take(&s, ']')) {
        do {
            if (!scan_value(&s, &item))
                return false;
            skip_blanks(&s);
            count++;
        } while (take(&s, ','));
        if (!take(&s, ']'))
            return false;
    }
    *ret = count;
    return true;
}

static bool array_item(struct weir_str array, const struct step *step, struct weir_str *ret)
{
    struct scan s = {array.data, array.data + array.length};
    int64_t index = step->index, count;
    if (step->from_end) {
        if (!array_count(array, &count))
            return false;
        index = count - index;
    }
    skip_blanks(&s);
    if (index < 0 || !take(&s, '['))
        return false;
    skip_blanks(&s);
    if (s.at < s.end && *s.at == ']')
        return false;
    do {
        if (!scan_value(&s, ret))
            return false;
        if (index-- == 0)
            return true;
        skip_blanks(&s);
    } while (take(&s, ','));
    return false;
}

/* The first member of that name. */
static bool object_member(struct weir_str object, struct weir_str name, struct weir_str *ret)
{
    struct scan s = {object.data, object.data + object.length};
    struct weir_str key;
    skip_blanks(&s);
    if (!take(&s, '{'))
        return false;
    do {
        skip_blanks(&s);
        if (!scan_string(&s, &key))
            return false;
        skip_blanks(&s);
        if (!take(&s, ':') || !scan_value(&s, ret))
            return false;
        if (name_is(key, name))
            return true;
        skip_blanks(&s);
    } while (take(&s, ','));
    return false;
}

static bool path_follow(struct weir_str json, const struct path *path, struct weir_str *ret)
{
    struct scan s = {json.data, json.data + json.length};
    if (!scan_value(&s, ret))
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
    *ret = str_make(text, unescape(inside, text));
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
    EACH_ROW(rows, row)
    {
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
