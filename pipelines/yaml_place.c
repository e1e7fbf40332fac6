/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/check.h"
#include "pipelines/yaml_private.h"

/* The bytes of the line break at `at`, by YAML 1.1 as libyaml has it; 0: none. */
static size_t break_bytes(const char *at, const char *end)
{
    size_t left = (size_t)(end - at);
    if (left >= 2 && !memcmp(at, "\r\n", 2))
        return 2;
    if (*at == '\n' || *at == '\r')
        return 1;
    if (left >= 2 && !memcmp(at, "\xc2\x85", 2))
        return 2;
    if (left >= 3 && (!memcmp(at, "\xe2\x80\xa8", 3) || !memcmp(at, "\xe2\x80\xa9", 3)))
        return 3;
    return 0;
}

void document_lines(struct document *document)
{
    const char *end = document->text + document->length;
    uint32_t capacity = 64;
    document->lines = mem_array(capacity, sizeof *document->lines);
    document->line_count = 1;
    for (const char *at = document->text; at < end;) {
        size_t bytes = break_bytes(at, end);
        at += bytes ? bytes : 1;
        if (!bytes)
            continue;
        if (document->line_count == capacity) {
            capacity *= 2;
            document->lines = mem_grow(document->lines, capacity, sizeof *document->lines);
        }
        document->lines[document->line_count++] = (size_t)(at - document->text);
    }
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t document_offset(struct document *document, yaml_mark_t mark)
{
    if (mark.line >= document->line_count)
        return document->length;
    bool behind = document->last.line == mark.line && document->last.column <= mark.column;
    size_t at = behind ? document->last.offset : document->lines[mark.line];
    for (size_t n = behind ? document->last.column : 0; n < mark.column && at < document->length;
         n++) {
        at++;
        while (at < document->length && is_continuation(document->text[at]))
            at++;
    }
    document->last.line = mark.line;
    document->last.column = mark.column;
    document->last.offset = at;
    return at;
}

struct weir_mark document_mark(const struct document *document, yaml_mark_t mark)
{
    return (struct weir_mark){document->path, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

struct weir_mark document_mark_of(const struct document *document, size_t offset)
{
    uint32_t low = 0;
    uint32_t high = document->line_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (document->lines[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    uint32_t column = 1;
    for (size_t at = document->lines[low]; at < offset && at < document->length; at++)
        column += !is_continuation(document->text[at]);
    return (struct weir_mark){document->path, low + 1, column};
}

/*
 * From a position in a scalar's text to one in the file.
 *
 * Folding, indentation and chomping change blanks and line breaks alone. So the n-th character of
 * the text that is not blank is the n-th such character in the file, once what quotes escape is
 * read as the one character that it stands for.
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint32_t hex_value(const char *at, int digits)
{
    uint32_t value = 0;
    for (int i = 0; i < digits; i++) {
        char c = at[i] | 32;
        value = value << 4 | (uint32_t)(at[i] <= '9' ? at[i] - '0' : c - 'a' + 10);
    }
    return value;
}

/* An escape of a double-quoted scalar: its bytes, and whether it stands for a blank. */
static size_t escape_bytes(const char *at, const char *end, bool *ret_blank)
{
    char c = at + 1 < end ? at[1] : 0;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits && end - at >= 2 + digits) {
        uint32_t code = hex_value(at + 2, digits);
        *ret_blank = code < 128 && is_blank((char)code);
        return 2 + (size_t)digits;
    }
    *ret_blank = c == 'n' || c == 't' || c == 'r' || is_blank(c);
    return at + 1 < end ? 2 : 1;
}

/* Where the file's character is whose text comes after `count` characters that are not blank. */
static size_t place_of(const struct document *document, const struct document_scalar *s,
                       size_t count)
{
    const char *at = document->text + s->begin;
    const char *end = document->text + s->end;
    bool single = s->style == YAML_SINGLE_QUOTED_SCALAR_STYLE;
    bool twice = s->style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (single || twice)
        at++;
    if (s->style == YAML_LITERAL_SCALAR_STYLE || s->style == YAML_FOLDED_SCALAR_STYLE) {
        while (at < end && *at != '\n')
            at++;
    }
    while (at < end && is_blank(*at))
        at++;
    const char *behind = at; /* the last character that counted */
    for (; at<end; count -= count> 0) {
        bool blank = is_blank(*at);
        size_t bytes = 1;
        if (twice && *at == '\\')
            bytes = escape_bytes(at, end, &blank);
        else if (single && *at == '\'')
            bytes = 2;
        while (at + bytes < end && is_continuation(at[bytes]))
            bytes++;
        if (blank) {
            at += bytes;
            count++; /* is taken off again by the loop */
            continue;
        }
        if (count == 0)
            return (size_t)(at - document->text);
        at += bytes;
        behind = at;
    }
    return (size_t)((behind < end ? behind : end) - document->text);
}

/* Through ${..}: a position of the expanded text in what stood there before. */
static size_t before_variables(const struct document_scalar *s, size_t position)
{
    size_t shift_raw = 0;
    size_t shift = 0;
    for (size_t i = 0; i < s->variable_count; i++) {
        const struct document_variable *v = s->variables + i;
        if (position < v->at)
            break;
        if (position < v->at + v->length)
            return v->raw_at;
        shift_raw = v->raw_at + v->raw_length;
        shift = v->at + v->length;
    }
    return position - shift + shift_raw;
}

struct weir_mark document_locate(const struct document *document, const struct weir_node *node,
                                 size_t position)
{
    if (node->kind != WEIR_NODE_SCALAR)
        return node->mark;
    const struct document_scalar *s = (const struct document_scalar *)node;
    if (s->whole)
        return document_locate(document, &s->whole->node, s->slice_at + position);
    const char *raw = s->raw ? s->raw : s->node.text;
    size_t raw_length = s->raw ? s->raw_length : s->node.text_length;
    size_t raw_position = before_variables(s, position);
    if (raw_position > raw_length)
        raw_position = raw_length;
    size_t count = 0;
    for (size_t i = 0; i < raw_position; i++)
        count += !is_blank(raw[i]) && !is_continuation(raw[i]);
    bool at_end = raw_position == raw_length;
    size_t place = place_of(document, s, count);
    if (at_end || (raw_position && is_blank(raw[raw_position]) && count)) {
        /* Behind the last character, not at the next one. */
        size_t last = place_of(document, s, count ? count - 1 : 0);
        if (count && last < s->end) {
            place = last + 1;
            while (place < s->end && is_continuation(document->text[place]))
                place++;
        }
    }
    return document_mark_of(document, place);
}

const struct weir_node *document_slice(struct document *document, const struct weir_node *node,
                                       size_t from, size_t length)
{
    CHECK(node->kind == WEIR_NODE_SCALAR && from + length <= node->text_length);
    struct document_scalar *slice = document_alloc(document, sizeof *slice);
    char *text = document_alloc(document, length + 1);
    memcpy(text, node->text + from, length);
    slice->node = *node;
    slice->node.text = text;
    slice->node.text_length = length;
    slice->node.mark = document_locate(document, node, from);
    slice->whole = (const struct document_scalar *)node;
    slice->slice_at = from;
    return &slice->node;
}
