/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_text.c: length lower trim substr instr replace concat ..
 *
 * Positions and lengths count characters of a string and bytes of bytes. Results that are a piece
 * of an argument point into it; the others are written into the batch's memory.
 */
#include "transforms/expr/functions.h"

static bool is_bytes(const struct call *call, uint32_t i)
{
    return call->args[i]->c.type.kind == WEIR_BYTES;
}

/* The arguments are all strings or all bytes; the result, where it is a text, is the same. */
bool check_same_text(struct compiler *compiler, struct node *node)
{
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES], c[TYPE_TEXT_BYTES];
    const struct node *first = node->args[0];
    for (uint32_t i = 1; i < node->count; i++) {
        const struct node *arg = node->args[i];
        if (type_is_str(arg->type) && arg->type.kind != first->type.kind && !node_is_null(arg) &&
            !node_is_null(first))
            return compile_fail(compiler, arg->start,
                                "%s() wants texts of one type, and %s is %s beside %s; make them "
                                "the same with CAST",
                                node->function->doc.name, snippet(compiler, arg, a),
                                kind_phrase(arg->type, b), kind_phrase(first->type, c));
    }
    if (node->type.kind == EXPR_NULL)
        node->type.kind = first->type.kind;
    return true;
}

bool row_length(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row);
    size_t length = is_bytes(call, 0) ? s.length : utf8_count(s.data, s.length);
    return call_set_int(call, row, (int64_t)length);
}

bool row_octet_length(struct call *call, uint32_t row)
{
    return call_set_int(call, row, call_str(call, 0, row).length);
}

/* ASCII letters only, as in SQLite: adds `shift` to those of first .. first+25. */
static bool change_case(struct call *call, uint32_t row, unsigned first, int shift)
{
    struct weir_str s = call_str(call, 0, row);
    char *restrict to = call_reserve(call, s.length);
    if (!to)
        return false;
    for (uint32_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        to[i] = (char)(c + (c - first < 26u ? shift : 0));
    }
    return call_commit(call, row, to, s.length);
}

bool row_lower(struct call *call, uint32_t row)
{
    return change_case(call, row, 'A', 'a' - 'A');
}

bool row_upper(struct call *call, uint32_t row)
{
    return change_case(call, row, 'a', 'A' - 'a');
}

/* --- trim ----------------------------------------------------------------------------------- */

/* The character that begins at c.. is one of `set`. */
static bool in_set(struct weir_str set, const char *c, uint32_t length)
{
    for (uint32_t i = 0; i < set.length;) {
        uint32_t next = utf8_length((unsigned char)set.data[i]);
        if (next == length && i + next <= set.length && !memcmp(set.data + i, c, length))
            return true;
        i += next;
    }
    return false;
}

static bool trim(struct call *call, uint32_t row, bool left, bool right)
{
    struct weir_str s = call_str(call, 0, row);
    struct weir_str set = call->node->count > 1 ? call_str(call, 1, row) : str_make(" ", 1);
    const char *from = s.data, *end = s.data + s.length;
    while (left && from < end) {
        uint32_t length = utf8_length((unsigned char)*from);
        if (length > end - from || !in_set(set, from, length))
            break;
        from += length;
    }
    while (right && from < end) {
        const char *last = end - 1;
        while (last > from && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (!in_set(set, last, (uint32_t)(end - last)))
            break;
        end = last;
    }
    return call_set_str(call, row, from, (size_t)(end - from));
}

bool row_trim(struct call *call, uint32_t row)
{
    return trim(call, row, true, true);
}

bool row_ltrim(struct call *call, uint32_t row)
{
    return trim(call, row, true, false);
}

bool row_rtrim(struct call *call, uint32_t row)
{
    return trim(call, row, false, true);
}

/* --- substr and instr ----------------------------------------------------------------------- */

#define POSITION_MAX ((int64_t)1 << 40) /* beyond every text: keeps sums from overflowing */

static int64_t position(int64_t x)
{
    return x > POSITION_MAX ? POSITION_MAX : x < -POSITION_MAX ? -POSITION_MAX : x;
}

/* SQLite's rules: from counts from 1, or from the end where negative; 0 is the place before the
 * first; a negative length takes what stands before. Result: [*from, *from + *count) from 0. */
static void substr_range(int64_t *from, int64_t *count, int64_t length)
{
    bool before = *count < 0;
    if (before)
        *count = -*count;
    if (*from < 0) {
        *from += length;
        if (*from < 0) {
            *count += *from;
            if (*count < 0)
                *count = 0;
            *from = 0;
        }
    } else if (*from > 0) {
        --*from;
    } else if (*count > 0) {
        --*count;
    }
    if (before) {
        *from -= *count;
        if (*from < 0) {
            *count += *from;
            *from = 0;
        }
    }
    if (*from > length)
        *from = length;
    if (*count > length - *from)
        *count = length - *from;
    if (*count < 0)
        *count = 0;
}

bool row_substr(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row);
    int64_t from = position(call_int(call, 1, row));
    int64_t count = call->node->count > 2 ? position(call_int(call, 2, row)) : POSITION_MAX;
    if (is_bytes(call, 0)) {
        substr_range(&from, &count, s.length);
        return call_set_str(call, row, s.data + from, (size_t)count);
    }
    /* Counted only where it matters: from the end. */
    int64_t length = from < 0 ? (int64_t)utf8_count(s.data, s.length) : (int64_t)s.length;
    substr_range(&from, &count, length);
    size_t start = utf8_offset(s.data, s.length, (size_t)from);
    size_t bytes = utf8_offset(s.data + start, s.length - start, (size_t)count);
    return call_set_str(call, row, s.data + start, bytes);
}

bool row_instr(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row), wanted = call_str(call, 1, row);
    if (!wanted.length)
        return call_set_int(call, row, 1);
    const char *found = memmem(s.data, s.length, wanted.data, wanted.length);
    if (!found)
        return call_set_int(call, row, 0);
    size_t before = (size_t)(found - s.data);
    if (!is_bytes(call, 0))
        before = utf8_count(s.data, before);
    return call_set_int(call, row, (int64_t)before + 1);
}

bool row_starts_with(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row), start = call_str(call, 1, row);
    return call_set_bool(call, row,
                         s.length >= start.length && !memcmp(s.data, start.data, start.length));
}

bool row_ends_with(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row), end = call_str(call, 1, row);
    return call_set_bool(call, row,
                         s.length >= end.length &&
                             !memcmp(s.data + s.length - end.length, end.data, end.length));
}

/* --- replace -------------------------------------------------------------------------------- */

static const char *find(const char *from, const char *end, struct weir_str wanted)
{
    return memmem(from, (size_t)(end - from), wanted.data, wanted.length);
}

bool row_replace(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row), wanted = call_str(call, 1, row);
    struct weir_str by = call_str(call, 2, row);
    const char *end = s.data + s.length, *at;
    size_t count = 0;
    for (at = s.data; wanted.length && (at = find(at, end, wanted)); at += wanted.length)
        count++;
    if (!count)
        return call_set_str(call, row, s.data, s.length);
    size_t length = s.length - count * wanted.length + count * (size_t)by.length;
    if (length > s.length && length > EXPR_VALUE_BYTES_MAX)
        return call_reject(call, row, WEIR_REJECT_OVERFLOW, "is longer than 1 MiB");
    char *to = call_reserve(call, length), *out = to;
    if (!to)
        return false;
    for (at = s.data;;) {
        const char *found = find(at, end, wanted);
        size_t kept = (size_t)((found ? found : end) - at);
        memcpy(out, at, kept);
        out += kept;
        if (!found)
            break;
        memcpy(out, by.data, by.length);
        out += by.length;
        at = found + wanted.length;
    }
    return call_commit(call, row, to, length);
}

/* --- concat --------------------------------------------------------------------------------- */

static char *append(char *to, struct weir_str s)
{
    memcpy(to, s.data, s.length);
    return to + s.length;
}

/* Arguments that are null are left out. */
static bool join(struct call *call, uint32_t row, uint32_t first, struct weir_str separator)
{
    size_t length = 0, parts = 0;
    for (uint32_t i = first; i < call->node->count; i++) {
        if (vec_valid(call->args[i], row)) {
            length += call_str(call, i, row).length;
            parts++;
        }
    }
    if (parts)
        length += (parts - 1) * separator.length;
    char *to = call_reserve(call, length), *out = to;
    if (!to)
        return false;
    for (uint32_t i = first; i < call->node->count; i++) {
        if (!vec_valid(call->args[i], row))
            continue;
        out = append(out, call_str(call, i, row));
        if (--parts)
            out = append(out, separator);
    }
    return call_commit(call, row, to, length);
}

bool row_concat(struct call *call, uint32_t row)
{
    return join(call, row, 0, str_make("", 0));
}

bool row_concat_ws(struct call *call, uint32_t row)
{
    return vec_valid(call->args[0], row) && join(call, row, 1, call_str(call, 0, row));
}

/* a || b || .., which is null if one of them is. */
struct vec *eval_concat(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec **args = batch_alloc(eval->batch, node->count * sizeof(struct vec *));
    for (uint32_t i = 0; args && i < node->count; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return NULL;
    }
    struct vec *out = args ? vec_new(eval, node->type) : NULL;
    struct texts texts = {NULL, NULL};
    if (!out || !vec_valid_from(eval, out, args, node->count))
        return NULL;
    for (EACH_ROW(rows, row)) {
        if (!vec_valid(out, row)) {
            vec_clear(out, row);
            continue;
        }
        size_t length = 0;
        for (uint32_t i = 0; i < node->count; i++)
            length += args[i]->c.strs[row & args[i]->mask].length;
        char *to = texts_reserve(eval, &texts, length), *end = to;
        if (!to)
            return NULL;
        for (uint32_t i = 0; i < node->count; i++)
            end = append(end, args[i]->c.strs[row & args[i]->mask]);
        texts.next = end;
        out->c.strs[row] = str_make(to, length);
    }
    return out;
}

/* --- code points ---------------------------------------------------------------------------- */

bool row_unicode(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row);
    uint32_t length;
    return s.length && call_set_int(call, row, utf8_read(s.data, s.data + s.length, &length));
}

/* What is no character becomes U+FFFD. */
bool row_char(struct call *call, uint32_t row)
{
    char *to = call_reserve(call, (size_t)call->node->count * 4);
    size_t length = 0;
    if (!to)
        return false;
    for (uint32_t i = 0; i < call->node->count; i++) {
        int64_t code = call_int(call, i, row);
        if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            code = 0xfffd;
        length += utf8_write((uint32_t)code, to + length);
    }
    return call_commit(call, row, to, length);
}
