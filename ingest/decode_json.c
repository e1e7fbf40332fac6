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
 * What has no declared place is skipped, by counting brackets. So what is not declared is not
 * checked, but for UTF-8, strings, brackets and depth, which cost nothing extra: that is what
 * `validate: fields` means. `validate: full` walks everything strictly before.
 *
 * A row costs the first stage, then about a nanosecond for each token up to the last declared one.
 */
#include "ingest/decode_json.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

static void members_collect(struct json_decoder *json, struct json_object *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        struct json_member *member = &object->members[i];
        json->members[member->id] = member;
        member->quick &= !member->object;
        json->all[member->id >> 6] |= (uint64_t)1 << (member->id & 63);
        if (member->object)
            members_collect(json, member->object);
    }
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
        struct json_member *member =
            json_tree_add(&json->root, fields[i].path, fields[i].path_length);
        decoder->slots[i].next = member->slot;
        member->slot = i;
        member->quick = decoder->slots[i].next == SLOT_NONE && json_quick_slot(&decoder->slots[i]);
    }
    uint32_t members = json_tree_seal(&json->root);
    json->seen_words = (members + 63) / 64;
    json->seen = mem_array(json->seen_words + 1, sizeof(*json->seen));
    json->all = mem_array(json->seen_words + 1, sizeof(*json->all));
    json->members = mem_array(members + 1, sizeof(struct json_member *));
    members_collect(json, &json->root);
    return 0;
}

void json_decoder_free(struct json_decoder *json)
{
    if (!json)
        return;
    json_tree_done(&json->root);
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

static int walk_object(struct decoder *decoder, struct json_object *object, uint32_t token,
                       uint32_t level, uint32_t *ret_next);

/* The first field that is declared below a member, for messages. */
static const struct decode_slot *below(const struct decoder *decoder,
                                       const struct json_member *member)
{
    while (member->slot == SLOT_NONE)
        member = &member->object->members[0];
    return &decoder->slots[member->slot];
}

static int walk_value(struct decoder *decoder, const struct json_member *member, uint32_t token,
                      uint32_t level, uint32_t *ret_next)
{
    const struct json_text *text = &decoder->json->text;
    for (uint32_t slot = member->slot; slot != SLOT_NONE; slot = decoder->slots[slot].next) {
        int outcome = json_slot_value(decoder, &decoder->slots[slot], token, level);
        if (unlikely(outcome != DECODE_DONE))
            return outcome;
    }
    char first = json_first(text, token);
    if (member->object) {
        if (first == '{')
            return walk_object(decoder, member->object, token, level, ret_next);
        if (first != 'n' || !json_is_word(text, token, "null", 4)) {
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
    return wrong
               ? json_reject_wrong(decoder, wrong, text->tokens[token], "a bracket is never closed")
               : DECODE_DONE;
}

/* A key that is not the one remembered for its place. */
static int find_key(struct decoder *decoder, struct json_object *object, uint32_t token,
                    uint32_t *place, struct json_member **ret_member)
{
    const struct json_text *text = &decoder->json->text;
    if (json_first(text, token) != '"')
        return json_malformed(decoder, token, "a key in quotes was expected");
    if (json_first(text, token + 1) != ':')
        return json_malformed(decoder, token + 1, "a colon was expected after a key");
    const char *quote = text->data + text->tokens[token];
    uint32_t span = text->tokens[token + 1] + 1 - text->tokens[token];
    struct weir_str key = json_string_raw(text, token);
    if (unlikely(text->escaped) && memchr(key.data, '\\', key.length)) {
        char *out = batch_alloc(decoder->batch, key.length);
        if (!out)
            return WEIR_E_NOMEM;
        uint32_t length = 0;
        /* A key that cannot be read is none of ours. */
        *ret_member = json_unescape(key, out, &length) ? NULL : json_tree_find(object, out, length);
        return DECODE_DONE;
    }
    /* One that was there the last time may be missing now. */
    if (*place + 1 < JSON_STEPS_MAX &&
        json_step_is(&object->steps[*place + 1], quote, span, !text->escaped)) {
        *place += 2;
        *ret_member = object->steps[*place - 1].member;
        return DECODE_DONE;
    }
    *ret_member = json_tree_find(object, key.data, key.length);
    if (span == key.length + 3)
        json_step_learn(object, *place, quote, span, *ret_member);
    (*place)++;
    return DECODE_DONE;
}

static inline bool was_seen(const struct json_decoder *json, const struct json_member *member)
{
    return json->seen[member->id >> 6] >> (member->id & 63) & 1;
}

/* The rest of an object that holds nothing declared any more. token is behind a comma. */
static int skip_members(struct decoder *decoder, uint32_t token, uint32_t level, uint32_t *ret_next)
{
    const struct json_text *text = &decoder->json->text;
    if (level == 1 && likely(json_closes_last(text, token, level, DECODE_DEPTH_MAX))) {
        *ret_next = text->count;
        return DECODE_DONE;
    }
    enum json_wrong wrong = json_skip_rest(text, token, level, DECODE_DEPTH_MAX, ret_next);
    return wrong
               ? json_reject_wrong(decoder, wrong, text->tokens[token], "an object is never closed")
               : DECODE_DONE;
}

/* token is a '{' with `level` containers around it; *ret_next the token behind its '}'. */
static int walk_object(struct decoder *decoder, struct json_object *object, uint32_t token,
                       uint32_t level, uint32_t *ret_next)
{
    struct json_decoder *json = decoder->json;
    const struct json_text *text = &json->text;
    const char *data = text->data;
    const uint32_t *tokens = text->tokens;
    const uint32_t count = text->count;
    const bool plain = !text->escaped;
    const uint32_t row = decoder->row;
    uint32_t left = object->count;
    uint32_t place = 0;
    uint32_t at = token + 1;
    if (at < count && data[tokens[at]] == '}') {
        *ret_next = at + 1;
        return DECODE_DONE;
    }
    for (;;) {
        /* A key, a colon, a value, and at least the bracket that closes. */
        if (unlikely(count - at < 4))
            return json_malformed(decoder, count, "the record ends inside an object");
        struct json_member *member = NULL;
        uint32_t span = tokens[at + 1] + 1 - tokens[at];
        if (likely(place < JSON_STEPS_MAX &&
                   json_step_is(&object->steps[place], data + tokens[at], span, plain))) {
            member = object->steps[place++].member;
        } else {
            int outcome = find_key(decoder, object, at, &place, &member);
            if (unlikely(outcome != DECODE_DONE))
                return outcome;
        }
        at += 2;
        if (member && likely(!was_seen(json, member))) {
            json->seen[member->id >> 6] |= (uint64_t)1 << (member->id & 63);
            left--;
            if (likely(member->quick &&
                       json_quick_value(&decoder->slots[member->slot], row, text, at))) {
                at++;
            } else {
                int outcome = walk_value(decoder, member, at, level + 1, &at);
                if (unlikely(outcome != DECODE_DONE))
                    return outcome;
            }
        } else if (unlikely(json_opens(data[tokens[at]]))) {
            uint32_t begin = at;
            enum json_wrong wrong = json_skip(text, at, level + 1, DECODE_DEPTH_MAX, &at);
            if (wrong)
                return json_reject_wrong(decoder, wrong, tokens[begin],
                                         "a bracket is never closed");
        } else {
            at++;
        }
        if (unlikely(at >= count))
            return json_malformed(decoder, count, "the record ends inside an object");
        char next = data[tokens[at]];
        if (next == '}') {
            *ret_next = at + 1;
            return DECODE_DONE;
        }
        if (unlikely(next != ','))
            return json_malformed(decoder, at, "a comma or } was expected");
        at++;
        if (left == 0)
            return skip_members(decoder, at, level + 1, ret_next);
    }
}

/* Members that were not met are null. */
static int fill_missing(struct decoder *decoder)
{
    const struct json_decoder *json = decoder->json;
    for (uint32_t word = 0; word < json->seen_words; word++) {
        for (uint64_t missing = json->all[word] & ~json->seen[word]; missing;
             missing &= missing - 1) {
            const struct json_member *member =
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
    return wrong ? json_reject_wrong(decoder, wrong, mistake.position, mistake.what) : DECODE_DONE;
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
        return json_malformed(decoder, next, "something follows the object");
    return fill_missing(decoder);
}
