/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/yaml_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "pipelines/yaml_private.h"

struct anchor {
    const char *name;
    struct weir_node *node; /* NULL: not yet complete */
    uint32_t size;
};

/* A list or map that is being read. */
struct level {
    bool map;
    bool flow;
    struct weir_mark mark;
    size_t anchor;            /* index + 1; 0: none */
    struct weir_node **items; /* of a map: key, value, key, value.. */
    uint32_t count;
    uint32_t capacity;
    uint32_t size; /* nodes in it, with what aliases add */
};

struct reader {
    struct document *document;
    struct level levels[YAML_DEPTH_MAX + 1]; /* [0] holds the root */
    uint32_t depth;
    struct anchor *anchors;
    size_t anchor_count;
    uint32_t node_count;
    uint32_t alias_nodes;
    bool masked;
    bool stop;
};

void *document_alloc(struct document *document, size_t bytes)
{
    void *memory = arena_alloc(&document->arena, bytes ? bytes : 1);
    CHECK(memory);
    return memset(memory, 0, bytes);
}

static char *copy_text(struct document *document, const void *data, size_t length)
{
    char *text = document_alloc(document, length + 1);
    memcpy(text, data, length);
    return text;
}

static void stop(struct reader *r, struct weir_mark mark, const char *why)
{
    problem_error(r->document->problems, mark, "%s", why);
    r->stop = true;
}

static void push(struct reader *r, struct weir_node *node, uint32_t size)
{
    struct level *level = r->levels + r->depth;
    if (level->count == level->capacity) {
        level->capacity = level->capacity ? level->capacity * 2 : 8;
        level->items = mem_grow(level->items, level->capacity, sizeof(struct weir_node *));
    }
    level->items[level->count++] = node;
    level->size += size;
}

/* Is the next node of the innermost level a key? */
static bool at_key(const struct reader *r)
{
    return r->levels[r->depth].map && r->levels[r->depth].count % 2 == 0;
}

static bool count_node(struct reader *r, struct weir_mark mark)
{
    if (++r->node_count <= YAML_NODES_MAX)
        return true;
    stop(r, mark, "the file has too many values");
    return false;
}

static size_t anchor_begin(struct reader *r, const yaml_char_t *name)
{
    if (!name)
        return 0;
    r->anchors = mem_grow(r->anchors, r->anchor_count + 1, sizeof *r->anchors);
    r->anchors[r->anchor_count] = (struct anchor){
        .name = copy_text(r->document, name, strlen((const char *)name)),
    };
    return ++r->anchor_count;
}

static void anchor_end(struct reader *r, size_t anchor, struct weir_node *node, uint32_t size)
{
    if (!anchor)
        return;
    r->anchors[anchor - 1].node = node;
    r->anchors[anchor - 1].size = size;
}

static void refuse_tag(struct reader *r, const yaml_char_t *tag, struct weir_mark mark)
{
    if (tag)
        problem_error(r->document->problems, mark,
                      "tags (`%s`) have no meaning here; quote the text", (const char *)tag);
}

static bool means_null(const char *text)
{
    return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") ||
           !strcmp(text, "NULL");
}

static struct document_scalar *scalar_new(struct document *document, const char *text,
                                          size_t length, uint8_t style, size_t begin, size_t end)
{
    struct document_scalar *s = document_alloc(document, sizeof *s);
    s->node.kind = WEIR_NODE_SCALAR;
    s->node.quoted = style != YAML_PLAIN_SCALAR_STYLE;
    s->node.text = text;
    s->node.text_length = length;
    s->style = style;
    s->begin = begin;
    s->end = end;
    return s;
}

/*
 * `{follow: ${FOLLOW:-false}}` is not YAML: a brace ends a plain text there. So what stands in
 * ${..} is shown to libyaml with every byte that has a meaning to it as a character of a private
 * plane. One character takes the place of one, so that lines and columns stay what they are.
 */
#define MASK_FIRST 0xF700u
#define MASKED     "{}[],:#&*!|>%@`? "

static bool masks_collide(const char *text, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++)
        if (!memcmp(text + i, "\xef\x9c", 2) || !memcmp(text + i, "\xef\x9d", 2))
            return true;
    return false;
}

static void mask_variables(const char *text, size_t length, struct text *out)
{
    bool collide = masks_collide(text, length);
    for (size_t i = 0; i < length; i++) {
        size_t end = i;
        if (text[i] == '$' && i + 1 < length && text[i + 1] == '{' && !collide)
            end = i + strcspn(text + i, "}\r\n");
        text_add_char(out, text[i]);
        if (end == i || text[end] != '}')
            continue;
        while (++i <= end) {
            unsigned code = MASK_FIRST + (unsigned char)text[i];
            char masked[3] = {(char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 63)),
                              (char)(0x80 | (code & 63))};
            if (strchr(MASKED, text[i]) && text[i])
                text_add_bytes(out, masked, 3);
            else
                text_add_char(out, text[i]);
        }
        i--;
    }
}

/* In place; returns the length. */
static size_t unmask(char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (i + 2 < length && !memcmp(text + i, "\xef\x9c", 2)) {
            text[n++] = (char)(text[i + 2] & 63);
            i += 2;
        } else if (i + 2 < length && !memcmp(text + i, "\xef\x9d", 2)) {
            text[n++] = (char)(64 | (text[i + 2] & 63));
            i += 2;
        } else {
            text[n++] = text[i];
        }
    }
    text[n] = 0;
    return n;
}

static void read_scalar(struct reader *r, const yaml_event_t *event)
{
    struct document *document = r->document;
    struct weir_mark mark = document_mark(document, event->start_mark);
    if (!count_node(r, mark))
        return;
    char *value = copy_text(document, event->data.scalar.value, event->data.scalar.length);
    size_t length = event->data.scalar.length;
    if (r->masked)
        length = unmask(value, length);
    size_t begin = document_offset(document, event->start_mark); /* before `end`: see there */
    size_t end = document_offset(document, event->end_mark);
    struct document_scalar *s =
        scalar_new(document, value, length, (uint8_t)event->data.scalar.style, begin, end);
    s->node.mark = mark;
    s->key = at_key(r);
    refuse_tag(r, event->data.scalar.tag, mark);
    if (memchr(value, 0, length))
        problem_error(document->problems, mark, "a text cannot hold a NUL character");
    else if (s->key && !s->node.quoted && !strcmp(value, "<<"))
        problem_error(document->problems, mark,
                      "merge keys (`<<`) have no meaning here; write the keys out");
    else if (!s->key && !s->node.quoted && means_null(value))
        s->node.kind = WEIR_NODE_NULL;
    else
        document_expand(document, s);
    anchor_end(r, anchor_begin(r, event->data.scalar.anchor), &s->node, 1);
    push(r, &s->node, 1);
}

static void read_alias(struct reader *r, const yaml_event_t *event)
{
    struct weir_mark mark = document_mark(r->document, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = NULL;
    for (size_t i = r->anchor_count; i > 0 && !anchor; i--)
        if (!strcmp(r->anchors[i - 1].name, name))
            anchor = r->anchors + i - 1;
    if (!count_node(r, mark))
        return;
    struct weir_node *node = anchor ? anchor->node : NULL;
    if (!node) {
        problem_error(r->document->problems, mark,
                      anchor ? "the alias `*%s` stands inside what it names"
                             : "there is no anchor `&%s` above; quote a text that begins with `*`",
                      name);
        const char *text = copy_text(r->document, name, strlen(name));
        node = &scalar_new(r->document, text, strlen(text), YAML_PLAIN_SCALAR_STYLE, 0, 0)->node;
        node->mark = mark;
        push(r, node, 1);
        return;
    }
    r->alias_nodes += anchor->size;
    if (r->alias_nodes > YAML_ALIAS_NODES_MAX) {
        char why[80];
        snprintf(why, sizeof why, "aliases add more than %d values", YAML_ALIAS_NODES_MAX);
        stop(r, mark, why);
        return;
    }
    push(r, node, anchor->size);
}

static void open_level(struct reader *r, const yaml_event_t *event, bool map)
{
    struct weir_mark mark = document_mark(r->document, event->start_mark);
    const yaml_char_t *name =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    refuse_tag(r, map ? event->data.mapping_start.tag : event->data.sequence_start.tag, mark);
    if (!count_node(r, mark))
        return;
    if (r->depth == YAML_DEPTH_MAX) {
        char why[80];
        snprintf(why, sizeof why, "nested deeper than %d levels", YAML_DEPTH_MAX);
        stop(r, mark, why);
        return;
    }
    struct level *level = r->levels + ++r->depth;
    *level = (struct level){.map = map, .mark = mark, .size = 1};
    level->flow = map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                      : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    level->anchor = anchor_begin(r, name);
}

/*
 * Torn expressions: `{a: substr(x, 2, 3)}` is to YAML a map of `a: substr(x`, `2` and `3)`. A plain
 * value with an open parenthesis, followed by plain texts without values up to the one that closes
 * it, is an expression that was cut.
 */

#define TORN_PIECES_MAX 64

static int parentheses(const struct weir_node *node)
{
    int open = 0;
    bool quoted = false;
    for (const char *c = node->text; *c; c++) {
        quoted ^= *c == '\'';
        if (!quoted)
            open += (*c == '(') - (*c == ')');
    }
    return open;
}

static bool is_plain(const struct weir_node *node)
{
    return node->kind == WEIR_NODE_SCALAR && !node->quoted;
}

/* How many entries behind i belong to the value that begins there. A map's entries have two items.
 */
static uint32_t torn_entries(const struct level *level, uint32_t i)
{
    uint32_t width = level->map ? 2 : 1;
    uint32_t count = level->count / width;
    const struct weir_node *first = level->items[i * width + width - 1];
    if (!is_plain(first))
        return 0;
    int open = parentheses(first);
    for (uint32_t j = i + 1; open > 0 && j < count && j - i < TORN_PIECES_MAX; j++) {
        const struct weir_node *piece = level->items[j * width];
        if (!is_plain(piece) || (level->map && level->items[j * width + 1]->kind != WEIR_NODE_NULL))
            return 0;
        open += parentheses(piece);
        if (open <= 0)
            return j - i;
    }
    return 0;
}

static void mend_torn(struct reader *r, struct level *level)
{
    uint32_t width = level->map ? 2 : 1;
    struct document *document = r->document;
    for (uint32_t i = 0; i * width < level->count; i++) {
        uint32_t pieces = torn_entries(level, i);
        if (!pieces)
            continue;
        struct weir_node **place = level->items + i * width + width - 1;
        const struct document_scalar *first = (const struct document_scalar *)*place;
        const struct document_scalar *last =
            (const struct document_scalar *)level->items[(i + pieces) * width];
        size_t length = last->end - first->begin;
        const char *text = copy_text(document, document->text + first->begin, length);
        struct document_scalar *whole =
            scalar_new(document, text, length, YAML_PLAIN_SCALAR_STYLE, first->begin, last->end);
        whole->node.mark = first->node.mark;
        problem_error(document->problems, whole->node.mark,
                      "a comma inside %s cuts this expression in two: quote it: \"%s\"",
                      level->map ? "{..}" : "[..]", text);
        *place = &whole->node;
        uint32_t from = (i + 1 + pieces) * width;
        memmove(level->items + (i + 1) * width, level->items + from,
                (level->count - from) * sizeof *level->items);
        level->count -= pieces * width;
    }
}

static int by_text(const void *a, const void *b)
{
    const struct weir_node *x = *(const struct weir_node *const *)a;
    const struct weir_node *y = *(const struct weir_node *const *)b;
    int order = strcmp(x->text, y->text);
    if (order)
        return order;
    if (x->mark.line != y->mark.line)
        return x->mark.line < y->mark.line ? -1 : 1;
    return (x->mark.column > y->mark.column) - (x->mark.column < y->mark.column);
}

static void refuse_duplicates(struct reader *r, const struct weir_node *const *keys, uint32_t count)
{
    if (count < 2)
        return;
    const struct weir_node **sorted = mem_array(count, sizeof *sorted);
    memcpy(sorted, keys, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_text);
    for (uint32_t i = 1; i < count; i++)
        if (!strcmp(sorted[i - 1]->text, sorted[i]->text))
            problem_error(r->document->problems, sorted[i]->mark,
                          "the key `%s` stands twice; the first one is in line %u", sorted[i]->text,
                          sorted[i - 1]->mark.line);
    free(sorted);
}

/* Keys are texts; what is not is reported and left out. */
static void close_map(struct reader *r, struct level *level, struct weir_node *node)
{
    struct document *document = r->document;
    uint32_t count = level->count / 2;
    const struct weir_node **keys = document_alloc(document, count * sizeof *keys);
    const struct weir_node **values = document_alloc(document, count * sizeof *values);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_node *key = level->items[2 * i];
        if (key->kind == WEIR_NODE_SCALAR) {
            keys[n] = key;
            values[n++] = level->items[2 * i + 1];
        } else {
            problem_error(document->problems, key->mark, "a key must be a text");
        }
    }
    refuse_duplicates(r, keys, n);
    node->keys = keys;
    node->values = values;
    node->count = n;
}

static void close_level(struct reader *r)
{
    struct document *document = r->document;
    struct level *level = r->levels + r->depth;
    struct weir_node *node = document_alloc(document, sizeof *node);
    node->kind = level->map ? WEIR_NODE_MAP : WEIR_NODE_LIST;
    node->mark = level->mark;
    node->text = "";
    if (level->flow)
        mend_torn(r, level);
    if (level->map) {
        close_map(r, level, node);
    } else {
        const struct weir_node **values = document_alloc(document, level->count * sizeof *values);
        if (level->count)
            memcpy(values, level->items, level->count * sizeof *values);
        node->values = values;
        node->count = level->count;
    }
    uint32_t size = level->size;
    anchor_end(r, level->anchor, node, size);
    free(level->items);
    level->items = NULL;
    r->depth--;
    push(r, node, size);
}

static void read_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        read_scalar(r, event);
        break;
    case YAML_ALIAS_EVENT:
        read_alias(r, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_level(r, event, false);
        break;
    case YAML_MAPPING_START_EVENT:
        open_level(r, event, true);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_level(r);
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (r->levels[0].count)
            stop(r, document_mark(r->document, event->start_mark),
                 "a second document begins here; a pipeline file has one");
        break;
    default:
        break;
    }
}

/* True: to the end of the file. */
static bool read_all(struct reader *r, yaml_parser_t *parser)
{
    while (!r->stop) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            document_report_syntax(r->document, parser);
            return false;
        }
        bool end = event.type == YAML_STREAM_END_EVENT;
        read_event(r, &event);
        yaml_event_delete(&event);
        if (end)
            return true;
    }
    return false;
}

struct document *document_parse(const char *path, const char *text, size_t length,
                                struct problems *problems)
{
    struct document *document = mem_alloc(sizeof *document);
    arena_init(&document->arena, 0);
    document->problems = problems;
    document->path = copy_text(document, path, strlen(path));
    struct weir_mark nowhere = {document->path, 0, 0};
    if (length > YAML_FILE_BYTES_MAX) {
        problem_error(problems, nowhere, "the file is larger than %zu bytes", YAML_FILE_BYTES_MAX);
        return document;
    }
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        text += 3;
        length -= 3;
    }
    document->text = copy_text(document, text, length);
    document->length = length;
    document_lines(document);

    yaml_parser_t parser;
    CHECK(yaml_parser_initialize(&parser));
    struct reader *r = mem_alloc(sizeof *r);
    r->document = document;
    r->masked = !masks_collide(document->text, length);
    struct text masked = TEXT_INIT;
    mask_variables(document->text, length, &masked);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(masked.data ? masked.data : ""),
                                 masked.length);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    if (read_all(r, &parser)) {
        if (r->levels[0].count)
            document->root = r->levels[0].items[0];
        else
            problem_error(problems, nowhere,
                          "the file is empty; `weir new pipeline NAME` writes a "
                          "first one");
    }
    for (uint32_t i = 0; i <= r->depth; i++)
        free(r->levels[i].items);
    free(r->anchors);
    free(r);
    text_done(&masked);
    yaml_parser_delete(&parser);
    return document;
}

void document_free(struct document *document)
{
    if (!document)
        return;
    free(document->lines);
    free(document->unread);
    arena_done(&document->arena);
    free(document);
}

const struct weir_node *document_root(const struct document *document)
{
    return document->root;
}

const char *document_path(const struct document *document)
{
    return document->path;
}

void document_note_unread(struct document *document, struct weir_mark mark)
{
    document->unread =
        mem_grow(document->unread, document->unread_count + 1, sizeof *document->unread);
    document->unread[document->unread_count++] = mark;
}

bool document_is_unread(const struct document *document, struct weir_mark mark)
{
    for (uint32_t i = 0; i < document->unread_count; i++)
        if (document->unread[i].line == mark.line && document->unread[i].column == mark.column)
            return true;
    return false;
}
