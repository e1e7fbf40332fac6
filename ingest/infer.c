/* SPDX-License-Identifier: Apache-2.0 */
/* infer.c: looking at records and counting what kinds of values stand where. */
#include "ingest/infer_private.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/value.h"

static int csv_open(struct infer *infer, const struct decode_options *options,
                    struct weir_error *error)
{
    uint32_t count = options->csv_column_count;
    if (!options->csv_columns)
        return error_set(error, WEIR_E_INVALID,
                         "the columns of CSV have no names here; give the file a header");
    struct decode_field *fields = mem_array(count, sizeof(*fields));
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = options->csv_columns[i];
        fields[i].path = &options->csv_columns[i];
        fields[i].path_length = 1;
        fields[i].type = (struct weir_type){.kind = WEIR_STRING, .nullable = 1};
        fields[i].column = i;
    }
    int status = decoder_new(options, fields, count, &infer->decoder, error);
    free(fields);
    if (status < 0)
        return status;
    infer->batch = batch_new(count);
    infer->columns = mem_array(count, sizeof(char *));
    for (uint32_t i = 0; i < count; i++)
        infer->columns[i] = mem_strdup(options->csv_columns[i]);
    return 0;
}

static struct infer_path *path_new(const char *key, uint32_t length)
{
    struct infer_path *path = mem_alloc(sizeof(*path));
    path->key = mem_strndup(key, length);
    path->key_length = length;
    return path;
}

static void path_done(struct infer_path *path)
{
    for (uint32_t i = 0; i < path->child_count; i++) {
        path_done(path->children[i]);
        free(path->children[i]);
    }
    free(path->children);
    free(path->key);
}

int infer_new(const struct decode_options *options, struct infer **ret_infer,
              struct weir_error *error)
{
    struct infer *infer = mem_alloc(sizeof(*infer));
    infer->csv = options->format == DECODE_CSV;
    int status = infer->csv ? csv_open(infer, options, error) : 0;
    if (status < 0) {
        infer_free(infer);
        return status;
    }
    *ret_infer = infer;
    return 0;
}

void infer_free(struct infer *infer)
{
    if (!infer)
        return;
    path_done(&infer->root);
    json_index_done(&infer->index);
    text_done(&infer->scratch);
    for (uint32_t i = 0; infer->columns && i < infer->batch->view.column_count; i++)
        free(infer->columns[i]);
    free(infer->columns);
    decoder_free(infer->decoder);
    batch_free(infer->batch);
    free(infer);
}

uint64_t infer_records(const struct infer *infer)
{
    return infer->records;
}

uint64_t infer_unreadable(const struct infer *infer)
{
    return infer->unreadable;
}

/* The child of a key; NULL: it is not followed. Keys mostly come in the order of the last record.
 */
static struct infer_path *child_get(struct infer *infer, struct infer_path *parent,
                                    struct weir_str key)
{
    for (uint32_t i = 0; i < parent->child_count; i++) {
        uint32_t at = (parent->guess + i) % parent->child_count;
        struct infer_path *child = parent->children[at];
        if (child->key_length == key.length && memcmp(child->key, key.data, key.length) == 0) {
            parent->guess = at + 1;
            return child;
        }
    }
    if (memchr(key.data, 0, key.length)) /* no path can name it */
        return NULL;
    if (infer->path_count == INFER_FIELDS_MAX) {
        infer->paths_dropped++;
        return NULL;
    }
    if (parent != &infer->root && parent->child_count == INFER_KEYS_MAX) {
        parent->too_many = true;
        return NULL;
    }
    parent->children =
        mem_grow(parent->children, parent->child_count + 1, sizeof(struct infer_path *));
    infer->path_count++;
    return parent->children[parent->child_count++] = path_new(key.data, key.length);
}

static void range_add(struct infer_range *range, int64_t value)
{
    if (range->count == 0 || value < range->least)
        range->least = value;
    if (range->count == 0 || value > range->greatest)
        range->greatest = value;
    range->count++;
}

static enum infer_kind number_kind(struct weir_str number, int64_t *ret_value)
{
    if (memchr(number.data, 'e', number.length) || memchr(number.data, 'E', number.length))
        return INFER_EXPONENT;
    if (memchr(number.data, '.', number.length))
        return INFER_FRACTION;
    return int_read(number.data, number.length, ret_value) == 0 ? INFER_INT : INFER_BIG;
}

static void number_add(struct infer_path *path, struct weir_str number)
{
    int64_t value = 0;
    enum infer_kind kind = number_kind(number, &value);
    path->counts[kind]++;
    if (kind == INFER_INT)
        range_add(&path->ints, value);
    const char *point = memchr(number.data, '.', number.length);
    uint32_t before = point ? (uint32_t)(point - number.data) : number.length;
    uint32_t behind = point ? number.length - before - 1 : 0;
    if (before > path->digits_before)
        path->digits_before = before;
    if (kind == INFER_FRACTION && behind > path->digits_behind)
        path->digits_behind = behind;
}

static void text_value_add(struct infer_path *path, struct weir_str text)
{
    int64_t value;
    path->counts[INFER_TEXT]++;
    if (text.length > 0 && time_read_rfc3339(text.data, text.length, &value) == 0)
        path->rfc3339_texts++;
    else if (json_is_number(text.data, text.length) &&
             int_read(text.data, text.length, &value) == 0)
        range_add(&path->digit_texts, value);
}

/* ---- JSON ---- */

static struct weir_str scalar_bytes(const struct json_text *text, uint32_t token)
{
    uint32_t begin = text->tokens[token];
    return str_make(text->data + begin, json_end(text, token) - begin);
}

/* The kind by the first byte; INFER_INT for any number, INFER_KIND_COUNT for null. */
static enum infer_kind first_kind(char first)
{
    switch (first) {
    case '{':
        return INFER_OBJECT;
    case '[':
        return INFER_ARRAY;
    case '"':
        return INFER_TEXT;
    case 't':
    case 'f':
        return INFER_BOOL;
    case 'n':
        return INFER_KIND_COUNT;
    default:
        return INFER_INT;
    }
}

static void elements_add(struct infer_path *path, const struct json_text *text, uint32_t token,
                         uint32_t end)
{
    for (uint32_t at = token + 1; at + 1 < end; at++) {
        enum infer_kind kind = first_kind(json_first(text, at));
        int64_t value;
        if (kind == INFER_INT)
            kind = number_kind(scalar_bytes(text, at), &value);
        if (kind == INFER_KIND_COUNT)
            path->element_nulls++;
        else
            path->element_kinds |= 1u << kind;
        json_skip(text, at, 0, UINT32_MAX, &at);
    }
}

static uint32_t object_add(struct infer *infer, struct infer_path *path,
                           const struct json_text *text, uint32_t token, uint32_t depth);

/* Returns the token behind the value. The grammar was checked before. */
static uint32_t value_add(struct infer *infer, struct infer_path *path,
                          const struct json_text *text, uint32_t token, uint32_t depth)
{
    uint32_t next = token + 1;
    enum infer_kind kind = first_kind(json_first(text, token));
    path->present += kind != INFER_KIND_COUNT;
    switch (kind) {
    case INFER_OBJECT:
        path->counts[kind]++;
        return object_add(infer, path, text, token, depth);
    case INFER_ARRAY:
        path->counts[kind]++;
        json_skip(text, token, 0, UINT32_MAX, &next);
        elements_add(path, text, token, next);
        break;
    case INFER_TEXT:
        text_value_add(path, json_string_raw(text, token));
        break;
    case INFER_BOOL:
        path->counts[kind]++;
        break;
    case INFER_KIND_COUNT:
        break;
    default:
        number_add(path, scalar_bytes(text, token));
        break;
    }
    return next;
}

static struct weir_str key_read(struct infer *infer, const struct json_text *text, uint32_t token)
{
    struct weir_str raw = json_string_raw(text, token);
    if (!memchr(raw.data, '\\', raw.length))
        return raw;
    text_clear(&infer->scratch);
    text_add_bytes(&infer->scratch, raw.data, raw.length);
    uint32_t length = 0;
    json_unescape(raw, infer->scratch.data, &length);
    return str_make(infer->scratch.data, length);
}

static uint32_t object_add(struct infer *infer, struct infer_path *path,
                           const struct json_text *text, uint32_t token, uint32_t depth)
{
    uint32_t at = token + 1;
    if (json_first(text, at) == '}')
        return at + 1;
    path->guess = 0;
    for (;; at++) {
        struct infer_path *child = NULL;
        if (depth == INFER_DEPTH_MAX)
            path->too_many = true;
        else
            child = child_get(infer, path, key_read(infer, text, at));
        at += 2;
        if (child && child->last_record != infer->records) {
            child->last_record = infer->records;
            at = value_add(infer, child, text, at, depth + 1);
        } else {
            json_skip(text, at, 0, UINT32_MAX, &at);
        }
        if (json_first(text, at) == '}')
            return at + 1;
    }
}

static bool json_add(struct infer *infer, struct weir_str value)
{
    struct json_text text = {.data = value.data, .length = value.length, .escaped = true};
    struct json_mistake mistake;
    uint32_t end = 0;
    if (json_index_run(&infer->index, value.data, value.length) != JSON_SOUND)
        return false;
    text.tokens = infer->index.tokens;
    text.count = infer->index.count;
    if (json_first(&text, 0) != '{' ||
        json_check(&text, 0, 0, DECODE_DEPTH_MAX, NULL, &end, &mistake) != JSON_RIGHT ||
        end != text.count)
        return false;
    infer->records++;
    object_add(infer, &infer->root, &text, 0, 0);
    return true;
}

/* ---- CSV ---- */

static bool csv_add(struct infer *infer, struct weir_str value)
{
    struct batch *batch = infer->batch;
    struct weir_record record = {.value = value};
    batch_begin(batch, "", 0, 0);
    if (batch_add(batch, &record) < 0 || decoder_run(infer->decoder, batch, NULL) < 0 ||
        batch->reject_count > 0)
        return false;
    infer->records++;
    return true;
}

static void column_add(struct infer *infer, const char *name, const struct weir_column *column)
{
    struct infer_path *path = child_get(infer, &infer->root, str_of(name));
    if (!path || !weir_valid(column, 0))
        return;
    struct weir_str text = column->strs[0];
    path->present++;
    if (json_is_number(text.data, text.length))
        number_add(path, text);
    else if (str_is(text, "true") || str_is(text, "false"))
        path->counts[INFER_BOOL]++;
    else
        text_value_add(path, text);
}

void infer_add(struct infer *infer, struct weir_str value)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (value.length >= 3 && memcmp(value.data, byte_order_mark, 3) == 0) {
        value.data += 3;
        value.length -= 3;
    }
    bool read = value.data && value.length > 0 && value.length <= DECODE_RECORD_BYTES_MAX &&
                (infer->csv ? csv_add(infer, value) : json_add(infer, value));
    if (!read) {
        infer->unreadable++;
    } else if (infer->csv) {
        for (uint32_t i = 0; i < infer->batch->view.column_count; i++)
            column_add(infer, infer->columns[i], infer->batch->slots[i]);
    }
}
