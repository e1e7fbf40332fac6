/* SPDX-License-Identifier: Apache-2.0 */
/* decode_slot.c: one value into one column: nulls, texts, times, JSON kept as it is; and the words
 * for what does not fit. */
#include "ingest/decode_private.h"

#include "base/check.h"
#include "base/value.h"

const char *decode_excerpt(struct weir_str text, char buffer[DECODE_EXCERPT_BUFFER_BYTES])
{
    uint32_t length = text.length;
    bool cut = length > DECODE_EXCERPT_BYTES_MAX;
    if (cut) {
        length = DECODE_EXCERPT_BYTES_MAX;
        while (length > 0 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
            length--;
    }
    for (uint32_t i = 0; i < length; i++)
        buffer[i] = (unsigned char)text.data[i] < 0x20 ? ' ' : text.data[i];
    memcpy(buffer + length, cut ? "..." : "", cut ? 4 : 1);
    return buffer;
}

static const char *expected(const struct decode_slot *slot, char buffer[TYPE_TEXT_BYTES])
{
    struct weir_type type = slot->type;
    type.nullable = 0;
    if (type.kind == WEIR_TIMESTAMP && slot->time == DECODE_TIME_RFC3339)
        return "a time as RFC 3339 writes it";
    if (type.kind == WEIR_TIMESTAMP && slot->time == DECODE_TIME_FORMAT)
        return "a time of the declared format";
    if (type.kind == WEIR_TIMESTAMP)
        return slot->unit_scale == 9   ? "a time in s"
               : slot->unit_scale == 6 ? "a time in ms"
               : slot->unit_scale == 3 ? "a time in us"
                                       : "a time in ns";
    return type_text(type, buffer);
}

int slot_reject(struct decoder *decoder, const struct decode_slot *slot, enum weir_reason reason,
                const char *kind, struct weir_str found)
{
    char type[TYPE_TEXT_BYTES];
    char excerpt[DECODE_EXCERPT_BUFFER_BYTES];
    if (found.data)
        batch_reject(decoder->batch, decoder->row, reason, "`%s`: expected %s, found %s%s%s%s",
                     slot->path, expected(slot, type), kind, *kind ? " \"" : "",
                     decode_excerpt(found, excerpt), *kind ? "\"" : "");
    else
        batch_reject(decoder->batch, decoder->row, reason, "`%s`: expected %s, found %s",
                     slot->path, expected(slot, type), kind);
    return DECODE_REJECTED;
}

int slot_reject_why(struct decoder *decoder, const struct decode_slot *slot,
                    enum weir_reason reason, const char *why)
{
    batch_reject(decoder->batch, decoder->row, reason, "`%s`: %s", slot->path, why);
    return DECODE_REJECTED;
}

/* The value's memory is defined all the same: vector code may look at it. */
static void put_nothing(struct decoder *decoder, struct decode_slot *slot)
{
    if (type_is_str(slot->type))
        slot_put_str(decoder, slot, "", 0);
    else if (slot->type.kind == WEIR_BOOL)
        slot->bools[decoder->row] = 0;
    else
        slot_put_int(decoder, slot, 0); /* 0.0 as well */
}

int slot_null(struct decoder *decoder, struct decode_slot *slot)
{
    struct weir_column *column = slot->column;
    if (!slot->type.nullable)
        return slot_reject_why(decoder, slot, WEIR_REJECT_MISSING,
                               "is missing or null, and its type has no `?`");
    if (unlikely(!column->valid)) {
        uint64_t *valid = batch_bitmap_new(decoder->batch);
        if (!valid)
            return WEIR_E_NOMEM;
        memset(valid, 0xff, (decoder->batch->view.rows + 63) / 64 * sizeof(*valid));
        column->valid = valid;
    }
    column->valid[decoder->row >> 6] &= ~((uint64_t)1 << (decoder->row & 63));
    put_nothing(decoder, slot);
    return DECODE_DONE;
}

static int read_time(const struct decode_slot *slot, struct weir_str text, int64_t *ret_ns)
{
    switch ((enum decode_time)slot->time) {
    case DECODE_TIME_RFC3339:
        return time_read_rfc3339(text.data, text.length, ret_ns);
    case DECODE_TIME_FORMAT:
        return time_read_format(text.data, text.length, slot->time_format, ret_ns);
    case DECODE_TIME_UNIT:
        break;
    }
    int64_t units;
    int status = int_read(text.data, text.length, &units);
    if (status == 0)
        return __builtin_mul_overflow(units, slot->unit_ns, ret_ns) ? WEIR_E_LIMIT : 0;
    /* The number of ns is the number of units, written with unit_scale digits: 1.5 s is exact. */
    return decimal_read(text.data, text.length, slot->unit_scale, ret_ns);
}

int slot_time(struct decoder *decoder, struct decode_slot *slot, struct weir_str text)
{
    int64_t ns = 0;
    int status = read_time(slot, text, &ns);
    if (status == 0) {
        slot_put_int(decoder, slot, ns);
        return DECODE_DONE;
    }
    return slot_reject(decoder, slot, status == WEIR_E_LIMIT ? WEIR_REJECT_RANGE : WEIR_REJECT_TYPE,
                       "the text", text);
}

static int wrong_json(struct decoder *decoder, struct decode_slot *slot, enum json_wrong wrong,
                      const char *what)
{
    switch (wrong) {
    case JSON_OUT_OF_MEMORY:
        return WEIR_E_NOMEM;
    case JSON_TOO_DEEP:
        return slot_reject_why(decoder, slot, WEIR_REJECT_TOO_DEEP, what);
    case JSON_DUPLICATE:
        return slot_reject_why(decoder, slot, WEIR_REJECT_DUPLICATE, what);
    case JSON_NOT_UTF8:
        return slot_reject_why(decoder, slot, WEIR_REJECT_BAD_UTF8, what);
    case JSON_RIGHT:
    case JSON_WRONG:
        break;
    }
    return slot_reject_why(decoder, slot, WEIR_REJECT_MALFORMED, what);
}

/* Is this element of a checked array of the declared kind, and does it fit? */
static enum weir_reason element_fits(const struct decode_slot *slot, struct weir_str element)
{
    char first = element.data[0];
    bool number = first == '-' || (first >= '0' && first <= '9');
    int64_t integer;
    double real;
    int status = WEIR_E_INVALID;
    switch (slot->type.element) {
    case WEIR_JSON:
        status = 0;
        break;
    case WEIR_STRING:
        status = first == '"' ? 0 : WEIR_E_INVALID;
        break;
    case WEIR_BOOL:
        status = first == 't' || first == 'f' ? 0 : WEIR_E_INVALID;
        break;
    case WEIR_INT:
        if (number)
            status = int_read(element.data, element.length, &integer);
        break;
    case WEIR_DECIMAL:
        if (number)
            status = decimal_read(element.data, element.length, slot->type.scale, &integer);
        break;
    case WEIR_FLOAT:
        if (number)
            status = float_read(element.data, element.length, &real);
        break;
    default:
        break;
    }
    return status == 0              ? WEIR_REASON_COUNT
           : status == WEIR_E_LIMIT ? WEIR_REJECT_RANGE
                                    : WEIR_REJECT_TYPE;
}

/* The grammar is checked: between `token` and `end` stands an array. */
static int check_elements(struct decoder *decoder, struct decode_slot *slot,
                          const struct json_text *text, uint32_t token, uint32_t end)
{
    uint32_t number = 0;
    for (uint32_t at = token + 1; at < end - 1; at++, number++) {
        uint32_t next = at;
        json_skip(text, at, 0, UINT32_MAX, &next);
        const char *data = text->data + text->tokens[at];
        uint32_t length = next == at + 1 ? json_end(text, at) - text->tokens[at] : 1;
        struct weir_str element = {data, length, 0};
        enum weir_reason reason = element_fits(slot, element);
        if (reason != WEIR_REASON_COUNT) {
            char type[TYPE_TEXT_BYTES];
            char excerpt[DECODE_EXCERPT_BUFFER_BYTES];
            batch_reject(decoder->batch, decoder->row, reason,
                         "`%s[%u]`: expected an element of %s, found %s", slot->path, number,
                         expected(slot, type), decode_excerpt(element, excerpt));
            return DECODE_REJECTED;
        }
        at = next;
    }
    return DECODE_DONE;
}

int slot_json(struct decoder *decoder, struct decode_slot *slot, const struct json_text *text,
              uint32_t token, uint32_t level)
{
    uint32_t end = 0;
    struct json_mistake mistake = {0, "is nested too deep"};
    enum json_wrong wrong = json_check(text, token, level, DECODE_DEPTH_MAX, NULL, &end, &mistake);
    if (wrong)
        return wrong_json(decoder, slot, wrong, mistake.what);
    if (slot->type.kind == WEIR_ARRAY) {
        struct weir_str found = {text->data + text->tokens[token], 1, 0};
        if (*found.data != '[') {
            found.length = end == token + 1 ? json_end(text, token) - text->tokens[token] : 1;
            return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "", found);
        }
        int outcome = check_elements(decoder, slot, text, token, end);
        if (outcome != DECODE_DONE)
            return outcome;
    }
    uint32_t begin = text->tokens[token];
    /* A container ends with its bracket, another value before the next token. */
    uint32_t stop = end == token + 1 ? json_end(text, token) : text->tokens[end - 1] + 1;
    slot_put_str(decoder, slot, text->data + begin, stop - begin);
    return DECODE_DONE;
}

/* A text that holds JSON itself. */
static int text_json(struct decoder *decoder, struct decode_slot *slot, struct weir_str text)
{
    struct json_index *index = &decoder->text_index;
    switch (json_index_run(index, text.data, text.length)) {
    case JSON_NO_MEMORY:
        return WEIR_E_NOMEM;
    case JSON_BAD_UTF8:
        return slot_reject_why(decoder, slot, WEIR_REJECT_BAD_UTF8, "is not valid UTF-8");
    case JSON_SOUND:
        break;
    case JSON_BLANK:
    case JSON_OPEN_STRING:
    case JSON_RAW_CONTROL:
        return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "the text", text);
    }
    struct json_text inner = {text.data, index->tokens, text.length, index->count, true};
    struct json_mistake mistake;
    uint32_t end = 0;
    enum json_wrong wrong = json_check(&inner, 0, 0, DECODE_DEPTH_MAX, NULL, &end, &mistake);
    if (wrong == JSON_WRONG || (wrong == JSON_RIGHT && end != inner.count))
        return slot_reject(decoder, slot, WEIR_REJECT_TYPE, "the text", text);
    return slot_json(decoder, slot, &inner, 0, 0);
}

int slot_text(struct decoder *decoder, struct decode_slot *slot, struct weir_str text)
{
    uint32_t row = decoder->row;
    int status = 0;
    switch ((enum weir_kind)slot->type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES:
        slot->strs[row] = text;
        return DECODE_DONE;
    case WEIR_INT:
        status = int_read(text.data, text.length, &slot->ints[row]);
        break;
    case WEIR_DECIMAL:
        status = decimal_read(text.data, text.length, slot->type.scale, &slot->ints[row]);
        break;
    case WEIR_FLOAT:
        status = float_read(text.data, text.length, &slot->floats[row]);
        break;
    case WEIR_BOOL:
        status = bool_read(text.data, text.length, &slot->bools[row]);
        break;
    case WEIR_TIMESTAMP:
        return slot_time(decoder, slot, text);
    case WEIR_ARRAY:
    case WEIR_JSON:
        return text_json(decoder, slot, text);
    }
    if (status == 0)
        return DECODE_DONE;
    if (status == WEIR_E_NOMEM)
        return status;
    return slot_reject(decoder, slot, status == WEIR_E_LIMIT ? WEIR_REJECT_RANGE : WEIR_REJECT_TYPE,
                       "the text", text);
}
