/* SPDX-License-Identifier: Apache-2.0 */
/* decode_json.h: what walking a record and reading its values share. */
#ifndef INGEST_DECODE_JSON_H
#define INGEST_DECODE_JSON_H

#include "base/check.h"
#include "ingest/decode_private.h"
#include "ingest/digits.h"
#include "ingest/json_tree.h"

struct json_decoder {
    struct json_text text; /* the record */
    struct json_object root;
    uint64_t *seen; /* bit id: the member was met in this record */
    uint64_t *all;  /* the bits of all members */
    uint32_t seen_words;
    uint32_t member_count;
    bool validate_full;
    const struct json_member **members; /* by id */
    struct json_keys record_keys;
    struct json_index index;
};

/* The value that begins at `token` into a slot; level is the number of containers around it. */
int json_slot_value(struct decoder *decoder, struct decode_slot *slot, uint32_t token,
                    uint32_t level);
/* "byte 12: a comma or } was expected". token may be count: the end. */
int json_malformed(struct decoder *decoder, uint32_t token, const char *what);
int json_reject_wrong(struct decoder *decoder, enum json_wrong wrong, uint32_t position,
                      const char *what);

static inline bool json_is_word(const struct json_text *text, uint32_t token, const char *word,
                                uint32_t length)
{
    uint32_t begin = text->tokens[token];
    return json_end(text, token) - begin == length && memcmp(text->data + begin, word, length) == 0;
}

/* Can json_quick_value be asked at all? */
static inline bool json_quick_slot(const struct decode_slot *slot)
{
    switch ((enum weir_kind)slot->type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_INT:
    case WEIR_DECIMAL:
    case WEIR_FLOAT:
        return true;
    case WEIR_TIMESTAMP:
        return slot->time == DECODE_TIME_UNIT;
    case WEIR_BOOL:
    case WEIR_ARRAY:
    case WEIR_JSON:
        break;
    }
    return false;
}

/* Reads the plain forms of values; false leaves anything else to json_slot_value. */
static inline bool json_quick_value(struct decode_slot *slot, uint32_t row,
                                    const struct json_text *text, uint32_t token)
{
    static const int64_t powers[] = {1,       10,       100,       1000,       10000,      100000,
                                     1000000, 10000000, 100000000, 1000000000, 10000000000};
    const char *p = text->data + text->tokens[token];
    const char *end = text->data + text->tokens[token + 1];
    if (end[-1] <= ' ' && end[-1] >= 0)
        return false;
    uint32_t length = (uint32_t)(end - p);
    uint64_t value;
    uint32_t behind;
    if (slot->type.kind == WEIR_STRING || slot->type.kind == WEIR_BYTES) {
        struct weir_str s = {p + 1, length - 2, 0};
        slot->strs[row] = s;
        return *p == '"' && (likely(!text->escaped) || !memchr(p + 1, '\\', length - 2));
    }
    if (slot->type.kind == WEIR_TIMESTAMP) {
        bool quoted = *p == '"';
        p += quoted;
        length -= quoted * 2;
        return !(*p == '0' && length > 1) && digits_read(p, length, &value) &&
               !__builtin_mul_overflow(value, slot->unit_ns, &slot->ints[row]);
    }
    bool negative = *p == '-';
    p += negative;
    length -= negative;
    if (slot->type.kind == WEIR_INT) {
        if ((*p == '0' && length > 1) || !digits_read(p, length, &value))
            return false;
        slot->ints[row] = negative ? -(int64_t)value : (int64_t)value;
        return true;
    }
    if (!digits_split(p, length, &value, &behind))
        return false;
    if (slot->type.kind == WEIR_DECIMAL) {
        uint32_t shift = slot->type.scale - behind; /* eight digits and ten more fit */
        if (shift > 10)
            return false;
        int64_t scaled = (int64_t)value * powers[shift];
        slot->ints[row] = negative ? -scaled : scaled;
        return true;
    }
    /* Both are exact, so that the quotient is rounded once. */
    double real = (double)value / (double)powers[behind];
    slot->floats[row] = negative ? -real : real;
    return true;
}

#endif
