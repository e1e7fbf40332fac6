/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/slots.h"

#include "base/memory.h"

static void shape_add(struct slot_shape *shape, const struct weir_field *field, uint32_t *null_bits)
{
    struct slot_column *column = &shape->columns[shape->count++];
    *column = (struct slot_column){
        .type = field->type,
        .column = field->column,
        .at = (uint16_t)shape->bytes,
        .is_str = type_is_str(field->type),
        .null_bit = field->type.nullable ? (*null_bits)++ : UINT32_MAX,
    };
    shape->str_count += column->is_str;
    shape->bytes += column->is_str ? 16 : 8;
}

void slot_shape_init(struct slot_shape *shape, const struct weir_field *first, uint32_t first_count,
                     const struct weir_field *second, uint32_t second_count)
{
    uint32_t null_bits = 0;

    *shape = (struct slot_shape){
        .columns = mem_array(first_count + second_count + 1, sizeof *shape->columns),
    };
    for (uint32_t i = 0; i < first_count; i++)
        shape_add(shape, &first[i], &null_bits);
    for (uint32_t i = 0; i < second_count; i++)
        shape_add(shape, &second[i], &null_bits);
    shape->nulls_at = shape->bytes;
    shape->bytes += (null_bits + 63) / 64 * 8;
}

/* ---- gathering ---- */

static inline uint64_t load64(const char *data)
{
    uint64_t word;
    memcpy(&word, data, 8);
    return word;
}

static inline uint64_t load32(const char *data)
{
    uint32_t word;
    memcpy(&word, data, 4);
    return word;
}

/* Up to 12 bytes, zeros behind them, without reading past the end: two loads that overlap. */
static inline void short_text(struct str_slot *slot, const char *data, uint32_t length)
{
    uint64_t low;
    uint32_t high = 0;

    if (length >= 8) {
        low = load64(data);
        high = (uint32_t)(load32(data + length - 4) >> (8 * (12 - length)));
    } else if (length >= 4) {
        low = load32(data) | load32(data + length - 4) >> (8 * (8 - length)) << 32;
    } else if (length) {
        const unsigned char *bytes = (const unsigned char *)data;
        low = bytes[0] | (uint64_t)bytes[length / 2] << (8 * (length / 2)) |
              (uint64_t)bytes[length - 1] << (8 * (length - 1));
    } else {
        low = 0;
    }
    slot->length = length;
    memcpy(slot->bytes, &low, 8);
    memcpy(slot->bytes + 8, &high, 4);
}

/* The same by one load of 16 bytes and a mask: lengths that vary cost no mispredicted branch. The
 * load may reach behind the text, never into another page of memory than the one that the text
 * begins in, so it cannot fault; sanitizers, rightly, do not allow it. */
#if defined(__SSE2__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LOAD_BEHIND 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#undef LOAD_BEHIND
#endif
#endif
#endif

#ifdef LOAD_BEHIND
static const uint8_t ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255};

static inline void short_text_masked(struct str_slot *slot, const char *data, uint32_t length)
{
    if (unlikely(((uintptr_t)data & (PAGE_BYTES - 1)) > PAGE_BYTES - 16)) {
        short_text(slot, data, length);
        return;
    }
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)data);
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(ones_then_zeros + 16 - length));
    __m128i bytes = _mm_slli_si128(_mm_and_si128(text, mask), 4);
    _mm_storeu_si128((__m128i *)(void *)slot, _mm_or_si128(bytes, _mm_cvtsi32_si128((int)length)));
}
#define short_text short_text_masked
#endif

static inline bool set_str(struct str_slot *slot, struct weir_str text, uint64_t seed)
{
    if (likely(text.length <= STR_INLINE_MAX)) {
        short_text(slot, text.data, text.length);
        return false;
    }
    uint64_t hash = hash_bytes(text.data, text.length, seed);
    slot->length = text.length;
    memcpy(slot->hash, &hash, 8);
    slot->ref = 0;
    return true;
}

void slot_set_str(struct str_slot *slot, struct weir_str text, uint64_t seed)
{
    set_str(slot, text, seed);
}

/* What one value looks like as 8 bytes. */
static inline uint64_t word_of(const struct weir_column *column, uint32_t row)
{
    uint64_t word;
    double number;
    switch (column->type.kind) {
    case WEIR_BOOL:
        return column->bools[row];
    case WEIR_FLOAT:
        number = column->floats[row] + 0.0; /* -0.0 and 0.0 are one key */
        memcpy(&word, &number, 8);
        return word;
    default:
        return (uint64_t)column->ints[row];
    }
}

static void gather_nulls(const struct slot_shape *shape, const struct slot_column *c,
                         const struct weir_column *column, const uint16_t *rows, uint32_t n,
                         unsigned char *out, uint32_t stride)
{
    for (uint32_t i = 0; i < n; i++) {
        if (weir_valid(column, rows[i]))
            continue;
        unsigned char *row = out + (size_t)i * stride;
        memset(row + c->at, 0, c->is_str ? 16 : 8);
        if (c->null_bit != UINT32_MAX) {
            struct word4 *words = (struct word4 *)(row + shape->nulls_at);
            words[c->null_bit >> 6].u |= 1ULL << (c->null_bit & 63);
        }
    }
}

static void gather_strs(const struct slot_column *c, const struct weir_column *column,
                        const uint16_t *rows, uint32_t n, uint64_t seed, unsigned char *out,
                        uint32_t stride, uint8_t *ret_long)
{
    for (uint32_t i = 0; i < n; i++) {
        struct str_slot *slot = (struct str_slot *)(out + (size_t)i * stride + c->at);
        if (unlikely(column->valid && !weir_valid(column, rows[i])))
            continue;
        if (set_str(slot, column->strs[rows[i]], seed))
            ret_long[i] = 1;
    }
}

static void gather_words(const struct slot_column *c, const struct weir_column *column,
                         const uint16_t *rows, uint32_t n, unsigned char *out, uint32_t stride)
{
    unsigned char *at = out + c->at;

    if (column->type.kind == WEIR_BOOL || column->type.kind == WEIR_FLOAT) {
        for (uint32_t i = 0; i < n; i++, at += stride)
            ((struct word4 *)at)->u = word_of(column, rows[i]);
    } else {
        for (uint32_t i = 0; i < n; i++, at += stride)
            ((struct word4 *)at)->i = column->ints[rows[i]];
    }
}

void slots_gather(const struct slot_shape *shape, const struct weir_batch *batch,
                  const uint16_t *rows, uint32_t n, uint64_t seed, unsigned char *out,
                  uint32_t stride, uint8_t *ret_long)
{
    if (ret_long)
        memset(ret_long, 0, n);
    for (uint32_t at = shape->nulls_at; at < shape->bytes; at += 8)
        for (uint32_t i = 0; i < n; i++)
            ((struct word4 *)(out + (size_t)i * stride + at))->u = 0;
    for (uint32_t k = 0; k < shape->count; k++) {
        const struct slot_column *c = &shape->columns[k];
        const struct weir_column *column = batch->columns[c->column];
        if (c->is_str)
            gather_strs(c, column, rows, n, seed, out, stride, ret_long);
        else
            gather_words(c, column, rows, n, out, stride);
        if (column->valid)
            gather_nulls(shape, c, column, rows, n, out, stride);
    }
}

uint64_t slots_hash_stored(const struct slot_shape *shape, const void *row, uint64_t seed)
{
    unsigned char copy[CELL_BYTES_MAX];
    bool has_long = false;

    for (uint32_t i = 0; i < shape->count && shape->str_count; i++) {
        if (!shape->columns[i].is_str || slot_str(shape, row, i)->length <= STR_INLINE_MAX)
            continue;
        if (!has_long)
            memcpy(copy, row, shape->bytes);
        has_long = true;
        ((struct str_slot *)(copy + shape->columns[i].at))->ref = 0;
    }
    return slots_hash(shape, has_long ? copy : row, seed);
}

/* The commonest key of all: one text that is never null. */
static void one_text_keys(const struct weir_column *column, const uint16_t *rows, uint32_t n,
                          uint64_t seed, unsigned char *out, uint8_t *ret_long,
                          uint64_t *ret_hashes)
{
    struct str_slot *slots = (struct str_slot *)out;
    for (uint32_t i = 0; i < n; i++) {
        ret_long[i] = set_str(&slots[i], column->strs[rows[i]], seed);
        ret_hashes[i] = hash_bytes(&slots[i], 16, seed);
    }
}

void slots_make_keys(const struct slot_shape *shape, const struct weir_batch *batch,
                     const uint16_t *rows, uint32_t n, uint64_t seed, unsigned char *out,
                     uint8_t *ret_long, uint64_t *ret_hashes)
{
    if (shape->count == 1 && shape->bytes == 16) {
        const struct weir_column *column = batch->columns[shape->columns[0].column];
        if (!column->valid) {
            one_text_keys(column, rows, n, seed, out, ret_long, ret_hashes);
            return;
        }
    }
    slots_gather(shape, batch, rows, n, seed, out, shape->bytes, ret_long);
    for (uint32_t i = 0; i < n; i++)
        ret_hashes[i] = slots_hash(shape, out + (size_t)i * shape->bytes, seed);
}

/* ---- texts ---- */

bool slots_equal_long(const struct slot_shape *shape, const struct slot_heap *heap,
                      const void *looked_up, const struct slot_texts *texts, const void *stored)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct slot_column *c = &shape->columns[i];
        const char *a = (const char *)looked_up + c->at, *b = (const char *)stored + c->at;
        const struct str_slot *x = (const struct str_slot *)a, *y = (const struct str_slot *)b;
        if (!c->is_str || x->length <= STR_INLINE_MAX) {
            if (!slots_equal_bytes(a, b, c->is_str ? 16 : 8))
                return false;
            continue;
        }
        if (x->length != y->length || x->hash[0] != y->hash[0] || x->hash[1] != y->hash[1])
            return false;
        struct weir_str text = slot_text(shape, texts, i);
        if (!heap_equal(heap->image, heap->head, y->ref, text.data, text.length))
            return false;
    }
    return slots_equal_bytes((const char *)looked_up + shape->nulls_at,
                             (const char *)stored + shape->nulls_at,
                             shape->bytes - shape->nulls_at);
}

static bool is_long(const struct slot_shape *shape, const void *row, uint32_t i)
{
    return shape->columns[i].is_str && slot_str(shape, row, i)->length > STR_INLINE_MAX;
}

void slots_store_texts(const struct slot_shape *shape, const struct slot_heap *heap, void *row,
                       uint32_t first, const struct slot_texts *texts)
{
    for (uint32_t i = first; i < shape->count; i++) {
        if (!is_long(shape, row, i))
            continue;
        struct str_slot *slot = (struct str_slot *)((char *)row + shape->columns[i].at);
        slot->ref = heap_put(heap->image, heap->head, heap->owner, slot_text(shape, texts, i).data,
                             slot->length);
        CHECK(slot->ref);
    }
}

void slots_free_texts(const struct slot_shape *shape, const struct slot_heap *heap, const void *row,
                      uint32_t first)
{
    for (uint32_t i = first; i < shape->count && shape->str_count; i++)
        if (is_long(shape, row, i))
            heap_free(heap->image, heap->head, slot_str(shape, row, i)->ref,
                      slot_str(shape, row, i)->length);
}

void slots_long_add(const struct slot_shape *shape, const void *row, uint64_t *bytes,
                    uint64_t *pages)
{
    for (uint32_t i = 0; i < shape->count && shape->str_count; i++) {
        if (!is_long(shape, row, i))
            continue;
        uint32_t length = slot_str(shape, row, i)->length;
        if (length > CELL_BYTES_MAX)
            *pages += heap_pages_for(length);
        else
            *bytes += length + length / 4 + 16; /* what rounding up to a class can add */
    }
}

uint64_t slots_text_bytes(const struct slot_shape *shape, const void *row)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < shape->count && shape->str_count; i++)
        if (shape->columns[i].is_str)
            bytes += slot_str(shape, row, i)->length;
    return bytes;
}

union read_value slot_value(const struct slot_shape *shape, const struct slot_heap *heap,
                            const void *row, uint32_t column, char **text)
{
    const struct slot_column *c = &shape->columns[column];
    union read_value value = {.words = {0, 0}};

    if (slot_is_null(shape, row, column))
        return value;
    if (!c->is_str) {
        value.words[0] = ((const struct word4 *)((const char *)row + c->at))->u;
        return value;
    }
    const struct str_slot *slot = slot_str(shape, row, column);
    value.s = str_make(*text, slot->length);
    if (slot->length <= STR_INLINE_MAX)
        memcpy(*text, slot->bytes, slot->length);
    else
        heap_copy(heap->image, heap->head, slot->ref, slot->length, *text);
    *text += slot->length;
    return value;
}

bool slots_of_values(const struct slot_shape *shape, const union read_value *values, uint64_t seed,
                     void *row)
{
    bool has_long = false;

    memset(row, 0, shape->bytes);
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct slot_column *c = &shape->columns[i];
        char *at = (char *)row + c->at;
        if (c->is_str)
            has_long |= set_str((struct str_slot *)at, values[i].s, seed);
        else if (c->type.kind == WEIR_FLOAT)
            ((struct word4 *)at)->f = values[i].f + 0.0;
        else
            ((struct word4 *)at)->u = c->type.kind == WEIR_BOOL ? values[i].b : values[i].words[0];
    }
    return has_long;
}
