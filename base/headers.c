/* SPDX-License-Identifier: Apache-2.0 */
#include "base/headers.h"

#include "base/memory.h"
#include "base/value.h"

void headers_add(struct text *packed, struct header header)
{
    uint32_t name_length = header.name.length;
    int32_t value_length = header.value.data ? (int32_t)header.value.length : -1;
    text_add_bytes(packed, &name_length, sizeof name_length);
    text_add_bytes(packed, header.name.data, name_length);
    text_add_bytes(packed, &value_length, sizeof value_length);
    if (value_length > 0)
        text_add_bytes(packed, header.value.data, (size_t)value_length);
}

bool headers_next(struct weir_str packed, size_t *position, struct header *ret_header)
{
    uint32_t name_length;
    int32_t value_length;
    size_t at = *position;
    if (!packed.data || at > packed.length || packed.length - at < sizeof name_length)
        return false;
    memcpy(&name_length, packed.data + at, sizeof name_length);
    at += sizeof name_length;
    if (packed.length - at < name_length || packed.length - at - name_length < sizeof value_length)
        return false;
    struct header header = {.name = str_make(packed.data + at, name_length)};
    at += name_length;
    memcpy(&value_length, packed.data + at, sizeof value_length);
    at += sizeof value_length;
    if (value_length >= 0) {
        if (packed.length - at < (size_t)value_length)
            return false;
        header.value = str_make(packed.data + at, (size_t)value_length);
        at += (size_t)value_length;
    }
    *position = at;
    *ret_header = header;
    return true;
}

/* By name, then as they stand. The address in the packed bytes is the order. */
static int compare(const void *a, const void *b)
{
    const struct header *x = a, *y = b;
    uint32_t shorter = x->name.length < y->name.length ? x->name.length : y->name.length;
    int order = memcmp(x->name.data, y->name.data, shorter);
    if (order == 0 && x->name.length != y->name.length)
        return x->name.length < y->name.length ? -1 : 1;
    if (order == 0)
        return x->name.data < y->name.data ? -1 : x->name.data > y->name.data;
    return order;
}

static int compare_place(const void *a, const void *b)
{
    const struct header *x = a, *y = b;
    return x->name.data < y->name.data ? -1 : x->name.data > y->name.data;
}

/* The headers without those that a later one of the same name hides. Sorted, since a record may
 * have 100,000 of them. */
static size_t last_of_each(struct header *headers, size_t count)
{
    size_t kept = 0;
    qsort(headers, count, sizeof *headers, compare);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !str_equal(headers[i].name, headers[i + 1].name))
            headers[kept++] = headers[i];
    qsort(headers, kept, sizeof *headers, compare_place);
    return kept;
}

static void write_value(struct text *out, struct weir_str value)
{
    if (!value.data) {
        text_add(out, "null");
    } else if (utf8_valid(value.data, value.length)) {
        json_write_string(out, value.data, value.length);
    } else {
        text_add_char(out, '"');
        text_add_base64(out, value.data, value.length);
        text_add_char(out, '"');
    }
}

void headers_write_json(struct text *out, struct weir_str packed)
{
    struct header header;
    size_t count = 0;
    for (size_t position = 0; headers_next(packed, &position, &header);)
        count++;
    struct header *headers = calloc(count + 1, sizeof *headers);
    if (!headers) {
        out->failed = true;
        return;
    }
    size_t i = 0;
    for (size_t position = 0; headers_next(packed, &position, &header);)
        headers[i++] = header;
    count = last_of_each(headers, count);
    text_add_char(out, '{');
    for (i = 0; i < count; i++) {
        if (i > 0)
            text_add_char(out, ',');
        json_write_string(out, headers[i].name.data, headers[i].name.length);
        text_add_char(out, ':');
        write_value(out, headers[i].value);
    }
    text_add_char(out, '}');
    free(headers);
}
