/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_json.c: declared fields out of JSON objects.
 *
 * The declared paths are a tree. An object of a record is walked beside the object of the tree that
 * has the same place:
 *
 *   object = '{' [ member { ',' member } ] '}'
 *   member = key ':' value        key in the tree: its slots, or deeper; else the value is skipped
 *
 * When every declared member of an object was met, the rest of it is skipped by counting brackets.
 * So what is not declared is not checked, but for UTF-8, strings, brackets and depth, which cost
 * nothing extra: that is what `validate: fields` means. `validate: full` walks everything strictly
 * before.
 *
 * A row costs the first stage, then about a nanosecond for each token up to the last declared one.
 */
#include "ingest/decode_private.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/value.h"

#include <endian.h>

/* What is declared under a key of an object. */
struct member {
    const char *name;
    uint32_t length;
    uint32_t id;           /* bit of json_decoder.seen */
    uint32_t slot;         /* the value itself is declared: the first slot, or SLOT_NONE */
    struct object *object; /* something below it is declared, or NULL */
};

/* A slot of an object's table of keys; member NULL: free. */
struct key_slot {
    uint64_t head; /* the first eight bytes, zeros behind a shorter key */
    uint32_t length;
    uint32_t reserved;
    const struct member *member;
};

struct object {
    struct member *members; /* in the order of the declaration */
    uint32_t count;
    uint32_t shift; /* of the product that a key's hash is, down to a slot number */
    struct key_slot *keys;
};

struct json_decoder {
    struct object root;
    const struct member **members; /* by id */
    uint32_t member_count;
    uint64_t *seen; /* bit id: the member was met in this record */
    uint64_t *all;  /* the bits of all members */
    uint32_t seen_words;
    bool validate_full;
    struct json_keys record_keys;
    struct json_index index;
    struct json_text text; /* the record */
};

/* ---- the tree ---- */

static uint64_t key_head(const char *key, uint32_t length)
{
    uint64_t head;
    memcpy(&head, key, sizeof(head)); /* 8 readable bytes follow every text */
    head = le64toh(head);
    return length >= 8 ? head : head & (((uint64_t)1 << (8 * length)) - 1);
}

/* The last bytes tell keys apart that begin alike: sensor_1, sensor_2. */
static inline uint64_t key_hash(const char *key, uint32_t length, uint64_t head)
{
    uint64_t tail = 0;
    if (length > 8)
        memcpy(&tail, key + length - 8, sizeof(tail));
    return (head ^ (tail << 1 | tail >> 63) ^ length) * 0x9e3779b97f4a7c15ULL;
}

static const struct member *object_find(const struct object *object, const char *key,
                                        uint32_t length)
{
    uint64_t head = key_head(key, length);
    uint32_t mask = (1u << (64 - object->shift)) - 1;
    uint32_t at = (uint32_t)(key_hash(key, length, head) >> object->shift);
    for (;; at = (at + 1) & mask) {
        const struct key_slot *slot = &object->keys[at];
        if (!slot->member)
            return NULL;
        if (slot->head == head && slot->length == length &&
            (length <= 8 || memcmp(slot->member->name + 8, key + 8, length - 8) == 0))
            return slot->member;
    }
}

static struct member *member_add(struct object *object, const char *name)
{
    for (uint32_t i = 0; i < object->count; i++)
        if (strcmp(object->members[i].name, name) == 0)
            return &object->members[i];
    object->members = mem_grow(object->members, object->count + 1, sizeof(*object->members));
    struct member *member = &object->members[object->count++];
    memset(member, 0, sizeof(*member));
    member->length = (uint32_t)strlen(name);
    char *copy = mem_alloc(member->length + 8 + 1); /* loaded eight bytes at a time */
    memcpy(copy, name, member->length);
    member->name = copy;
    member->slot = SLOT_NONE;
    return member;
}

static void path_add(struct json_decoder *json, struct decoder *decoder, uint32_t slot,
                     const struct decode_field *field)
{
    struct object *object = &json->root;
    struct member *member = NULL;
    for (uint32_t i = 0; i < field->path_length; i++) {
        if (i > 0) {
            if (!member->object)
                member->object = mem_alloc(sizeof(*member->object));
            object = member->object;
        }
        member = member_add(object, field->path[i]);
    }
    decoder->slots[slot].next = member->slot;
    member->slot = slot;
}

/* The members do not move any more: number them and make the tables. */
static void object_seal(struct json_decoder *json, struct object *object)
{
    uint32_t bits = 2;
    while ((1u << bits) < object->count * 4)
        bits++;
    object->shift = 64 - bits;
    object->keys = mem_array((size_t)1 << bits, sizeof(*object->keys));
    for (uint32_t i = 0; i < object->count; i++) {
        struct member *member = &object->members[i];
        member->id = json->member_count++;
        json->members = mem_grow(json->members, json->member_count, sizeof(*json->members));
        json->members[member->id] = member;
        uint64_t head = key_head(member->name, member->length);
        uint32_t at = (uint32_t)(key_hash(member->name, member->length, head) >> object->shift);
        while (object->keys[at].member)
            at = (at + 1) & ((1u << bits) - 1);
        struct key_slot slot = {head, member->length, 0, member};
        object->keys[at] = slot;
        if (member->object)
            object_seal(json, member->object);
    }
}

static void object_done(struct object *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        struct member *member = &object->members[i];
        free((char *)member->name);
        if (member->object)
            object_done(member->object);
        free(member->object);
    }
    free(object->members);
    free(object->keys);
}

int json_decoder_new(const struct decode_options *options, const struct decode_field *fields,
                     struct decoder *decoder, struct weir_error *error)
{
    struct json_decoder *json = mem_alloc(sizeof(*json));
    decoder->json = json;
    json->validate_full = options->json_validate_full;
    for (uint32_t i = decoder->slot_count; i-- > 0;) {
        if (fields[i].path_length >= DECODE_DEPTH_MAX)
            return error_set(error, WEIR_E_INVALID,
                             "field `%s` has a path of %u levels; records have at most %u",
                             fields[i].name, fields[i].path_length, DECODE_DEPTH_MAX);
        path_add(json, decoder, i, &fields[i]);
    }
    object_seal(json, &json->root);
    json->seen_words = (json->member_count + 63) / 64;
    json->seen = mem_array(json->seen_words + 1, sizeof(*json->seen));
    json->all = mem_array(json->seen_words + 1, sizeof(*json->all));
    for (uint32_t id = 0; id < json->member_count; id++)
        json->all[id >> 6] |= (uint64_t)1 << (id & 63);
    return 0;
}

void json_decoder_free(struct json_decoder *json)
{
    if (!json)
        return;
    object_done(&json->root);
    free(json->members);
    free(json->seen);
    free(json->all);
    json_keys_done(&json->record_keys);
    json_index_done(&json->index);
    free(json);
}

#define JSON_KEEP_BYTES ((size_t)1 << 20)

void json_decoder_trim(struct json_decoder *json)
{
    json_index_trim(&json->index, JSON_KEEP_BYTES);
    if (json->record_keys.unescaped_capacity > JSON_KEEP_BYTES)
        json_keys_done(&json->record_keys);
}

/* ---- one record ---- */

static int malformed(struct decoder *decoder, uint32_t token, const char *what)
{
    const struct json_text *text = &decoder->json->text;
    batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED, "byte %u: %s",
                 token < text->count ? text->tokens[token] : text->length, what);
    return DECODE_REJECTED;
}

static int reject_wrong(struct decoder *decoder, enum json_wrong wrong, uint32_t position,
                        const char *what)
{
    enum weir_reason reason = WEIR_REJECT_MALFORMED;
    switch (wrong) {
    case JSON_OUT_OF_MEMORY:
        return WEIR_E_NOMEM;
    case JSON_TOO_DEEP:
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_TOO_DEEP,
                     "byte %u: nested deeper than %u levels", position, DECODE_DEPTH_MAX);
        return DECODE_REJECTED;
    case JSON_DUPLICATE: {
        struct weir_str key = {decoder->json->text.data + position + 1, 0, 0};
        const char *limit = decoder->json->text.data + decoder->json->text.length;
        while (key.data + key.length < limit && key.data[key.length] != '"')
            key.length++;
        char excerpt[DECODE_EXCERPT_BUFFER_BYTES];
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_DUPLICATE,
                     "byte %u: the key \"%s\" stands twice in its object", position,
                     decode_excerpt(key, excerpt));
        return DECODE_REJECTED;
    }
    case JSON_NOT_UTF8:
        reason = WEIR_REJECT_BAD_UTF8;
        break;
    case JSON_RIGHT:
    case JSON_WRONG:
        break;
    }
    batch_reject(decoder->batch, decoder->row, reason, "byte %u: %s", position, what);
    return DECODE_REJECTED;
}

/* A value's bytes as they stand; of a container only the bracket. */
static struct weir_str value_bytes(const struct json_text *text, uint32_t token)
{
    struct weir_str bytes = {text->data + text->tokens[token], 1, 0};
    if (!json_opens(*bytes.data))
        bytes.length = json_end(text, token) - text->tokens[token];
    return bytes;
}

/* A value that the slot's type cannot be: what is it? */
static int wrong_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token)
{
    const struct json_text *text = &decoder->json->text;
    struct weir_str bytes = value_bytes(text, token);
    struct weir_str none = {NULL, 0, 0};
    char excerpt[DECODE_EXCERPT_BUFFER_BYTES];
    char what[64 + DECODE_EXCERPT_BUFFER_BYTES];
    switch (*bytes.data) {
    case '{':
        return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "an object", none);
    case '[':
        return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "an array", none);
    case '"':
        bytes.data++;
        bytes.length -= 2;
        return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "the text", bytes);
    case 't':
    case 'f':
        if ((bytes.length == 4 && memcmp(bytes.data, "true", 4) == 0) ||
            (bytes.length == 5 && memcmp(bytes.data, "false", 5) == 0))
            return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "", bytes);
        break;
    default:
        if (json_is_number(bytes.data, bytes.length))
            return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "", bytes);
        break;
    }
    snprintf(what, sizeof(what), "`%s` is not a value of JSON", decode_excerpt(bytes, excerpt));
    return malformed(decoder, token, what);
}

static int string_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token,
                        struct weir_str *ret_value)
{
    const struct json_text *text = &decoder->json->text;
    struct weir_str raw = json_string_raw(text, token);
    if (likely(!text->escaped) || !memchr(raw.data, '\\', raw.length)) {
        *ret_value = raw;
        return DECODE_DONE;
    }
    char *out = batch_alloc(decoder->batch, raw.length);
    if (!out)
        return WEIR_E_NOMEM;
    uint32_t length;
    enum json_wrong wrong = json_unescape(raw, out, &length);
    if (wrong == JSON_NOT_UTF8)
        return slot_reject_why(decoder, slot, WEIR_REJECT_BAD_UTF8,
                               "an escape is half of a surrogate pair");
    if (wrong)
        return slot_reject_why(decoder, slot, WEIR_REJECT_MALFORMED,
                               "holds an escape that JSON does not have");
    *ret_value = (struct weir_str){out, length, 0};
    return DECODE_DONE;
}

/* A number where an int, float or decimal is declared. */
static int number_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token)
{
    struct weir_str bytes = value_bytes(&decoder->json->text, token);
    struct weir_column *column = slot->column;
    uint32_t row = decoder->row;
    int status;
    if (slot->type.kind == WEIR_INT) {
        const char *first = bytes.data + (*bytes.data == '-');
        status = *first == '0' && bytes.length > 1
                     ? WEIR_E_INVALID
                     : int_read(bytes.data, bytes.length, &column->ints[row]);
        if (likely(status == 0))
            return DECODE_DONE;
        /* -0, 5.0 and 1e3 are integers as well. */
        if (status == WEIR_E_INVALID)
            status = decimal_read(bytes.data, bytes.length, 0, &column->ints[row]);
        double real;
        if (status == WEIR_E_LIMIT && float_read(bytes.data, bytes.length, &real) == 0 &&
            real > -9.3e18 && real < 9.3e18 && memchr(bytes.data, '.', bytes.length))
            return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "", bytes);
    } else if (slot->type.kind == WEIR_DECIMAL) {
        status = decimal_read(bytes.data, bytes.length, slot->type.scale, &column->ints[row]);
    } else {
        status = float_read(bytes.data, bytes.length, &column->floats[row]);
    }
    if (likely(status == 0))
        return DECODE_DONE;
    if (status == WEIR_E_LIMIT)
        return slot_reject(decoder, slot, WEIR_REJECT_RANGE, "", bytes);
    return status == WEIR_E_NOMEM ? status : wrong_value(decoder, slot, token);
}

static inline bool is_word(const struct json_text *text, uint32_t token, const char *word,
                           uint32_t length)
{
    uint32_t begin = text->tokens[token];
    return json_end(text, token) - begin == length && memcmp(text->data + begin, word, length) == 0;
}

/* The text of a scalar that `coerce` reads as the declared type. */
static int coerced_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token)
{
    struct weir_str bytes = value_bytes(&decoder->json->text, token);
    if (*bytes.data == '"') {
        int outcome = string_value(decoder, slot, token, &bytes);
        if (outcome != DECODE_DONE)
            return outcome;
        return slot_text(decoder, slot, bytes);
    }
    bool text = slot->type.kind == WEIR_STRING || slot->type.kind == WEIR_BYTES;
    bool sound = json_is_number(bytes.data, bytes.length) ||
                 is_word(&decoder->json->text, token, "true", 4) ||
                 is_word(&decoder->json->text, token, "false", 5);
    return text && sound ? slot_text(decoder, slot, bytes) : wrong_value(decoder, slot, token);
}

/* One value into one slot; level is the number of objects around it. */
static int slot_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token,
                      uint32_t level)
{
    const struct json_text *text = &decoder->json->text;
    char first = json_first(text, token);
    if (unlikely(first == 'n') && is_word(text, token, "null", 4))
        return slot_null(decoder, slot);
    bool number = first == '-' || (unsigned char)(first - '0') <= 9;
    switch ((enum weir_kind)slot->type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES:
        if (likely(first == '"'))
            return string_value(decoder, slot, token, &slot->column->strs[decoder->row]);
        break;
    case WEIR_INT:
    case WEIR_DECIMAL:
    case WEIR_FLOAT:
        if (likely(number))
            return number_value(decoder, slot, token);
        break;
    case WEIR_BOOL:
        if (first == 't' && is_word(text, token, "true", 4)) {
            slot->column->bools[decoder->row] = 1;
            return DECODE_DONE;
        }
        if (first == 'f' && is_word(text, token, "false", 5)) {
            slot->column->bools[decoder->row] = 0;
            return DECODE_DONE;
        }
        break;
    case WEIR_TIMESTAMP:
        if (first == '"') {
            struct weir_str value;
            int outcome = string_value(decoder, slot, token, &value);
            return outcome == DECODE_DONE ? slot_time(decoder, slot, value) : outcome;
        }
        if (number && slot->time == DECODE_TIME_UNIT) {
            struct weir_str bytes = value_bytes(text, token);
            const char *lead = first == '-' ? bytes.data + 1 : bytes.data;
            if (unlikely(*lead == '0') && !json_is_number(bytes.data, bytes.length))
                break;
            return slot_time(decoder, slot, bytes);
        }
        break;
    case WEIR_ARRAY:
    case WEIR_JSON:
        if (slot->coerce && first == '"')
            break;
        return slot_json(decoder, slot, text, token, level);
    }
    if (slot->coerce && !json_opens(first))
        return coerced_value(decoder, slot, token);
    return wrong_value(decoder, slot, token);
}

static int walk_object(struct decoder *decoder, const struct object *object, uint32_t token,
                       uint32_t level, uint32_t *ret_next);

/* The first field that is declared below a member, for messages. */
static const struct decode_slot *below(const struct decoder *decoder, const struct member *member)
{
    while (member->slot == SLOT_NONE)
        member = &member->object->members[0];
    return &decoder->slots[member->slot];
}

static int walk_value(struct decoder *decoder, const struct member *member, uint32_t token,
                      uint32_t level, uint32_t *ret_next)
{
    const struct json_text *text = &decoder->json->text;
    for (uint32_t slot = member->slot; slot != SLOT_NONE; slot = decoder->slots[slot].next) {
        int outcome = slot_value(decoder, &decoder->slots[slot], token, level);
        if (unlikely(outcome != DECODE_DONE))
            return outcome;
    }
    char first = json_first(text, token);
    if (member->object) {
        if (first == '{')
            return walk_object(decoder, member->object, token, level, ret_next);
        if (first != 'n' || !is_word(text, token, "null", 4)) {
            batch_reject(decoder->batch, decoder->row, WEIR_REJECT_TYPE,
                         "`%s`: `%s` is not an object", below(decoder, member)->path, member->name);
            return DECODE_REJECTED;
        }
    }
    if (!json_opens(first)) {
        *ret_next = token + 1;
        return DECODE_DONE;
    }
    enum json_wrong wrong = json_skip(text, token, level, DECODE_DEPTH_MAX, ret_next);
    return wrong ? reject_wrong(decoder, wrong, text->tokens[token], "a bracket is never closed")
                 : DECODE_DONE;
}

static const struct member *find_escaped(struct decoder *decoder, const struct object *object,
                                         struct weir_str key, int *ret_outcome)
{
    char *out = batch_alloc(decoder->batch, key.length);
    uint32_t length = 0;
    *ret_outcome = out ? DECODE_DONE : WEIR_E_NOMEM;
    if (!out || json_unescape(key, out, &length))
        return NULL; /* a key that cannot be read is none of ours */
    return object_find(object, out, length);
}

/* token is a '{' at `level` objects deep; *ret_next the token behind its '}'. */
static int walk_object(struct decoder *decoder, const struct object *object, uint32_t token,
                       uint32_t level, uint32_t *ret_next)
{
    struct json_decoder *json = decoder->json;
    const struct json_text *text = &json->text;
    const char *data = text->data;
    const uint32_t *tokens = text->tokens;
    const uint32_t count = text->count;
    uint32_t left = object->count;
    uint32_t at = token + 1;
    if (at < count && data[tokens[at]] == '}') {
        *ret_next = at + 1;
        return DECODE_DONE;
    }
    for (;;) {
        /* A key, a colon, a value, and at least the bracket that closes. */
        if (unlikely(count - at < 4))
            return malformed(decoder, count, "the record ends inside an object");
        if (unlikely(data[tokens[at]] != '"'))
            return malformed(decoder, at, "a key in quotes was expected");
        if (unlikely(data[tokens[at + 1]] != ':'))
            return malformed(decoder, at + 1, "a colon was expected after a key");
        struct weir_str key = json_string_raw(text, at);
        const struct member *member;
        if (likely(!text->escaped) || !memchr(key.data, '\\', key.length)) {
            member = object_find(object, key.data, key.length);
        } else {
            int outcome;
            member = find_escaped(decoder, object, key, &outcome);
            if (outcome < 0)
                return outcome;
        }
        at += 2;
        if (member && !(json->seen[member->id >> 6] >> (member->id & 63) & 1)) {
            json->seen[member->id >> 6] |= (uint64_t)1 << (member->id & 63);
            left--;
            int outcome = walk_value(decoder, member, at, level + 1, &at);
            if (unlikely(outcome != DECODE_DONE))
                return outcome;
        } else if (unlikely(json_opens(data[tokens[at]]))) {
            uint32_t begin = at;
            enum json_wrong wrong = json_skip(text, at, level + 1, DECODE_DEPTH_MAX, &at);
            if (wrong)
                return reject_wrong(decoder, wrong, tokens[begin], "a bracket is never closed");
        } else {
            at++;
        }
        if (unlikely(at >= count))
            return malformed(decoder, count, "the record ends inside an object");
        char next = data[tokens[at]];
        if (next == '}') {
            *ret_next = at + 1;
            return DECODE_DONE;
        }
        if (unlikely(next != ','))
            return malformed(decoder, at, "a comma or } was expected");
        at++;
        if (left == 0)
            break;
    }
    enum json_wrong wrong = json_skip_rest(text, at, level + 1, DECODE_DEPTH_MAX, ret_next);
    return wrong ? reject_wrong(decoder, wrong, tokens[token], "an object is never closed")
                 : DECODE_DONE;
}

/* Members that were not met are null. */
static int fill_missing(struct decoder *decoder)
{
    const struct json_decoder *json = decoder->json;
    for (uint32_t word = 0; word < json->seen_words; word++) {
        for (uint64_t missing = json->all[word] & ~json->seen[word]; missing;
             missing &= missing - 1) {
            const struct member *member =
                json->members[word * 64 + (uint32_t)__builtin_ctzll(missing)];
            for (uint32_t slot = member->slot; slot != SLOT_NONE;
                 slot = decoder->slots[slot].next) {
                int outcome = slot_null(decoder, &decoder->slots[slot]);
                if (outcome != DECODE_DONE)
                    return outcome;
            }
        }
    }
    return DECODE_DONE;
}

static int validate(struct decoder *decoder)
{
    struct json_decoder *json = decoder->json;
    struct json_mistake mistake = {0, ""};
    uint32_t next = 0;
    enum json_wrong wrong =
        json_check(&json->text, 0, 0, DECODE_DEPTH_MAX, &json->record_keys, &next, &mistake);
    return wrong ? reject_wrong(decoder, wrong, mistake.position, mistake.what) : DECODE_DONE;
}

static int reject_fault(struct decoder *decoder, enum json_fault fault)
{
    struct batch *batch = decoder->batch;
    switch (fault) {
    case JSON_NO_MEMORY:
        return WEIR_E_NOMEM;
    case JSON_BAD_UTF8:
        batch_reject(batch, decoder->row, WEIR_REJECT_BAD_UTF8, "the record is not valid UTF-8");
        break;
    case JSON_BLANK:
        batch_reject(batch, decoder->row, WEIR_REJECT_MALFORMED, "there are only blanks");
        break;
    case JSON_OPEN_STRING:
        batch_reject(batch, decoder->row, WEIR_REJECT_MALFORMED, "a string has no closing quote");
        break;
    case JSON_RAW_CONTROL:
    case JSON_SOUND:
        batch_reject(batch, decoder->row, WEIR_REJECT_MALFORMED,
                     "a string holds a control character that is not escaped");
        break;
    }
    return DECODE_REJECTED;
}

static int not_an_object(struct decoder *decoder)
{
    const struct json_text *text = &decoder->json->text;
    char first = json_first(text, 0);
    const char *what = first == '['                                        ? "an array"
                       : first == '"'                                      ? "a string"
                       : first == '-' || (unsigned char)(first - '0') <= 9 ? "a number"
                       : first == 't' || first == 'f' || first == 'n'      ? "a single word"
                                                                           : "not JSON";
    batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED,
                 "byte %u: a record is an object in braces, this one is %s", text->tokens[0], what);
    return DECODE_REJECTED;
}

int json_decode_row(struct decoder *decoder, struct weir_str value)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (unlikely(value.length >= 3 && memcmp(value.data, byte_order_mark, 3) == 0)) {
        value.data += 3;
        value.length -= 3;
    }
    struct json_decoder *json = decoder->json;
    enum json_fault fault = json_index_run(&json->index, value.data, value.length);
    if (unlikely(fault))
        return reject_fault(decoder, fault);
    struct json_text *text = &json->text;
    text->data = value.data;
    text->tokens = json->index.tokens;
    text->length = value.length;
    text->count = json->index.count;
    if (unlikely(json_scan(value.data, value.length, &text->escaped))) {
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED,
                     "there is a NUL byte in the record");
        return DECODE_REJECTED;
    }
    if (json->validate_full) {
        int outcome = validate(decoder);
        if (outcome != DECODE_DONE)
            return outcome;
    }
    if (unlikely(json_first(text, 0) != '{'))
        return not_an_object(decoder);
    for (uint32_t word = 0; word < json->seen_words; word++)
        json->seen[word] = 0;
    uint32_t next = 0;
    int outcome = walk_object(decoder, &json->root, 0, 0, &next);
    if (unlikely(outcome != DECODE_DONE))
        return outcome;
    if (unlikely(next != text->count))
        return malformed(decoder, next, "something follows the object");
    return fill_missing(decoder);
}
