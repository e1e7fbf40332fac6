/* SPDX-License-Identifier: Apache-2.0 */
/* decode_json_value.c: one JSON value into one slot, and what is said of values that do not fit. */
#include "ingest/decode_json.h"

#include "base/check.h"
#include "base/value.h"
#include "ingest/digits.h"

int json_malformed(struct decoder *decoder, uint32_t token, const char *what)
{
    const struct json_text *text = &decoder->json->text;
    batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED, "byte %u: %s",
                 token < text->count ? text->tokens[token] : text->length, what);
    return DECODE_REJECTED;
}

int json_reject_wrong(struct decoder *decoder, enum json_wrong wrong, uint32_t position,
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
    return json_malformed(decoder, token, what);
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
    uint32_t row = decoder->row;
    int status;
    if (slot->type.kind == WEIR_INT) {
        const char *first = bytes.data + (*bytes.data == '-');
        status = *first == '0' && bytes.length > 1
                     ? WEIR_E_INVALID
                     : int_read(bytes.data, bytes.length, &slot->ints[row]);
        if (likely(status == 0))
            return DECODE_DONE;
        /* -0, 5.0 and 1e3 are integers as well. */
        if (status == WEIR_E_INVALID)
            status = decimal_read(bytes.data, bytes.length, 0, &slot->ints[row]);
        double real;
        if (status == WEIR_E_LIMIT && float_read(bytes.data, bytes.length, &real) == 0 &&
            real > -9.3e18 && real < 9.3e18 && memchr(bytes.data, '.', bytes.length))
            return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "", bytes);
    } else if (slot->type.kind == WEIR_DECIMAL) {
        status = decimal_read(bytes.data, bytes.length, slot->type.scale, &slot->ints[row]);
    } else {
        status = float_read(bytes.data, bytes.length, &slot->floats[row]);
    }
    if (likely(status == 0))
        return DECODE_DONE;
    if (status == WEIR_E_LIMIT)
        return slot_reject(decoder, slot, WEIR_REJECT_RANGE, "", bytes);
    return status == WEIR_E_NOMEM ? status : wrong_value(decoder, slot, token);
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
                 json_is_word(&decoder->json->text, token, "true", 4) ||
                 json_is_word(&decoder->json->text, token, "false", 5);
    return text && sound ? slot_text(decoder, slot, bytes) : wrong_value(decoder, slot, token);
}

int json_slot_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token,
                    uint32_t level)
{
    const struct json_text *text = &decoder->json->text;
    char first = json_first(text, token);
    if (unlikely(first == 'n') && json_is_word(text, token, "null", 4))
        return slot_null(decoder, slot);
    bool number = first == '-' || (unsigned char)(first - '0') <= 9;
    switch ((enum weir_kind)slot->type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES:
        if (likely(first == '"'))
            return string_value(decoder, slot, token, &slot->strs[decoder->row]);
        break;
    case WEIR_INT:
    case WEIR_DECIMAL:
    case WEIR_FLOAT:
        if (likely(number))
            return number_value(decoder, slot, token);
        break;
    case WEIR_BOOL:
        if (first == 't' && json_is_word(text, token, "true", 4)) {
            slot->bools[decoder->row] = 1;
            return DECODE_DONE;
        }
        if (first == 'f' && json_is_word(text, token, "false", 5)) {
            slot->bools[decoder->row] = 0;
            return DECODE_DONE;
        }
        break;
    case WEIR_TIMESTAMP:
        if (first == '"') {
            struct weir_str value = {NULL, 0, 0};
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
