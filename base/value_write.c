/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <weir/batch.h>

#include "base/check.h"
#include "base/value.h"

#define REPEAT(byte) (0x0101010101010101ULL * (byte))

/* Of eight bytes: is one of them a control character, a quote, a backslash, or not ASCII? (A byte
 * is below n where x - n borrows into its top bit; equal to c where x ^ c is below 1.) */
static inline bool word_needs_care(uint64_t x)
{
    uint64_t quote = x ^ REPEAT('"'), backslash = x ^ REPEAT('\\');
    return ((x | (x - REPEAT(0x20)) | (quote - REPEAT(1)) | (backslash - REPEAT(1))) &
            REPEAT(0x80)) != 0;
}

static inline bool byte_needs_care(unsigned char c)
{
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

static size_t plain_run(const char *data, size_t length)
{
    size_t i = 0;
    uint64_t word;
    for (; length - i >= sizeof word; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
        if (word_needs_care(word))
            break;
    }
    while (i < length && !byte_needs_care((unsigned char)data[i]))
        i++;
    return i;
}

static void write_escape(struct text *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t length = 2;
    switch (c) {
    case '"':
    case '\\':
        escape[1] = (char)c;
        break;
    case '\n':
        escape[1] = 'n';
        break;
    case '\r':
        escape[1] = 'r';
        break;
    case '\t':
        escape[1] = 't';
        break;
    case '\b':
        escape[1] = 'b';
        break;
    case '\f':
        escape[1] = 'f';
        break;
    default:
        length = sizeof escape;
    }
    text_add_bytes(out, escape, length);
}

void json_write_string(struct text *out, const char *data, size_t length)
{
    text_add_char(out, '"');
    size_t i = 0;
    while (i < length) {
        size_t run = plain_run(data + i, length - i);
        /* Characters beyond ASCII go with the run that they end. */
        size_t bytes;
        while (i + run < length && (signed char)data[i + run] < 0 &&
               (bytes = utf8_character_bytes(data + i + run, length - i - run)) > 0)
            run += bytes;
        text_add_bytes(out, data + i, run);
        i += run;
        if (i == length)
            break;
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x80) {
            text_add_bytes(out, "\xef\xbf\xbd", 3);
            i++;
        } else if (byte_needs_care(c)) {
            write_escape(out, c);
            i++;
        }
    }
    text_add_char(out, '"');
}

/* The value as text without quotes; not for the kinds that are text themselves. */
static void write_scalar(struct text *out, const struct weir_column *column, uint32_t row)
{
    switch (column->type.kind) {
    case WEIR_BOOL:
        text_add(out, column->bools[row] ? "true" : "false");
        break;
    case WEIR_INT:
        int_write(out, column->ints[row]);
        break;
    case WEIR_FLOAT:
        float_write(out, column->floats[row]);
        break;
    case WEIR_DECIMAL:
        decimal_write(out, column->ints[row], column->type.scale);
        break;
    case WEIR_TIMESTAMP:
        time_write_rfc3339(out, column->ints[row]);
        break;
    case WEIR_BYTES:
        text_add_base64(out, column->strs[row].data, column->strs[row].length);
        break;
    default:
        check_failed(__FILE__, __LINE__, __func__, "a kind that has no text");
    }
}

void json_write_value(struct text *out, const struct weir_column *column, uint32_t row)
{
    if (!weir_valid(column, row)) {
        text_add_bytes(out, "null", 4);
        return;
    }
    switch (column->type.kind) {
    case WEIR_STRING:
        json_write_string(out, column->strs[row].data, column->strs[row].length);
        break;
    case WEIR_ARRAY:
    case WEIR_JSON:
        text_add_bytes(out, column->strs[row].data, column->strs[row].length);
        break;
    case WEIR_BYTES:
    case WEIR_TIMESTAMP:
        text_add_char(out, '"');
        write_scalar(out, column, row);
        text_add_char(out, '"');
        break;
    case WEIR_FLOAT:
        if (!isfinite(column->floats[row])) { /* JSON has no such number */
            text_add_bytes(out, "null", 4);
            break;
        }
        write_scalar(out, column, row);
        break;
    default:
        write_scalar(out, column, row);
    }
}

void csv_write_string(struct text *out, const char *data, size_t length)
{
    bool quoted = length == 0; /* an empty text is not a null */
    for (size_t i = 0; i < length && !quoted; i++)
        quoted = data[i] == '"' || data[i] == ',' || data[i] == '\n' || data[i] == '\r';
    if (!quoted) {
        text_add_bytes(out, data, length);
        return;
    }
    text_add_char(out, '"');
    while (length > 0) {
        const char *quote = memchr(data, '"', length);
        size_t run = quote ? (size_t)(quote - data) + 1 : length;
        text_add_bytes(out, data, run);
        if (quote)
            text_add_char(out, '"');
        data += run;
        length -= run;
    }
    text_add_char(out, '"');
}

void csv_write_value(struct text *out, const struct weir_column *column, uint32_t row)
{
    if (!weir_valid(column, row))
        return;
    if (type_is_str(column->type) && column->type.kind != WEIR_BYTES)
        csv_write_string(out, column->strs[row].data, column->strs[row].length);
    else
        write_scalar(out, column, row);
}

void plain_write_value(struct text *out, const struct weir_column *column, uint32_t row)
{
    if (!weir_valid(column, row))
        return;
    if (type_is_str(column->type) && column->type.kind != WEIR_BYTES)
        text_add_bytes(out, column->strs[row].data, column->strs[row].length);
    else
        write_scalar(out, column, row);
}
