/* SPDX-License-Identifier: Apache-2.0 */
/* functions_bytes.c: hex unhex quote typeof hash. */
#include <endian.h>

#include "base/hash.h"
#include "transforms/expr/functions.h"

bool row_hex(struct call *call, uint32_t row)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!vec_valid(call->args[0], row))
        return call_set_str(call, row, "", 0);
    struct weir_str s = call_str(call, 0, row);
    char *to = call_reserve(call, (size_t)s.length * 2);
    if (!to)
        return false;
    for (uint32_t i = 0; i < s.length; i++) {
        to[2 * i] = digits[(unsigned char)s.data[i] >> 4];
        to[2 * i + 1] = digits[s.data[i] & 15];
    }
    return call_commit(call, row, to, (size_t)s.length * 2);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Pairs of digits; characters of the second argument may stand between pairs. Else null. */
bool row_unhex(struct call *call, uint32_t row)
{
    struct weir_str s = call_str(call, 0, row), pass = str_make("", 0);
    if (call->node->count > 1)
        pass = call_str(call, 1, row);
    char *to = call_reserve(call, s.length / 2);
    size_t length = 0;
    if (!to)
        return false;
    for (uint32_t i = 0; i < s.length;) {
        int high = hex_digit(s.data[i]);
        if (high >= 0) {
            int low = i + 1 < s.length ? hex_digit(s.data[i + 1]) : -1;
            if (low < 0)
                return false;
            to[length++] = (char)(high * 16 + low);
            i += 2;
            continue;
        }
        uint32_t next = utf8_length((unsigned char)s.data[i]);
        if (i + next > s.length || !memmem(pass.data, pass.length, s.data + i, next))
            return false;
        i += next;
    }
    return call_commit(call, row, to, length);
}

/* --- quote ---------------------------------------------------------------------------------- */

/* Null arguments have a result as well. */
bool check_not_null(struct compiler *compiler, struct node *node)
{
    node->type.nullable = 0;
    return true;
}

static bool quote_text(struct call *call, uint32_t row, struct weir_str s)
{
    char *to = call_reserve(call, (size_t)s.length * 2 + 2);
    size_t length = 0;
    if (!to)
        return false;
    to[length++] = '\'';
    for (uint32_t i = 0; i < s.length; i++) {
        if (s.data[i] == '\'')
            to[length++] = '\'';
        to[length++] = s.data[i];
    }
    to[length++] = '\'';
    return call_commit(call, row, to, length);
}

static bool quote_bytes(struct call *call, uint32_t row, struct weir_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = call_reserve(call, (size_t)s.length * 2 + 3);
    size_t length = 0;
    if (!to)
        return false;
    to[length++] = 'X';
    to[length++] = '\'';
    for (uint32_t i = 0; i < s.length; i++) {
        to[length++] = digits[(unsigned char)s.data[i] >> 4];
        to[length++] = digits[s.data[i] & 15];
    }
    to[length++] = '\'';
    return call_commit(call, row, to, length);
}

/* The value as a literal of this language. */
bool row_quote(struct call *call, uint32_t row)
{
    const struct vec *value = call->args[0];
    char text[NUMBER_TEXT_BYTES];
    uint32_t length;
    if (!vec_valid(value, row))
        return call_set_str(call, row, "NULL", 4);
    switch (value->c.type.kind) {
    case WEIR_BYTES:
        return quote_bytes(call, row, call_str(call, 0, row));
    case WEIR_STRING:
    case WEIR_JSON:
    case WEIR_ARRAY:
        return quote_text(call, row, call_str(call, 0, row));
    case WEIR_TIMESTAMP:
        return quote_text(call, row,
                          str_make(text, timestamp_to_text(call_int(call, 0, row), text)));
    case WEIR_FLOAT:
        length = float_to_text(call_float(call, 0, row), text);
        break;
    case WEIR_BOOL:
        length = int_to_text(value->c.bools[row & value->mask], text);
        break;
    default:
        length = decimal_to_text(call_int(call, 0, row), value->c.type.scale, text);
    }
    char *to = call_reserve(call, length);
    if (!to)
        return false;
    memcpy(to, text, length);
    return call_commit(call, row, to, length);
}

/* --- typeof and hash ------------------------------------------------------------------------ */

/* SQLite's names for the types that it has. */
bool row_typeof(struct call *call, uint32_t row)
{
    static const char *const names[] = {
        [EXPR_NULL] = "null",  [WEIR_BOOL] = "bool",           [WEIR_INT] = "integer",
        [WEIR_FLOAT] = "real", [WEIR_DECIMAL] = "decimal",     [WEIR_STRING] = "text",
        [WEIR_BYTES] = "blob", [WEIR_TIMESTAMP] = "timestamp", [WEIR_ARRAY] = "array",
        [WEIR_JSON] = "json",
    };
    const struct vec *value = call->args[0];
    const char *name = names[vec_valid(value, row) ? value->c.type.kind : EXPR_NULL];
    return call_set_str(call, row, name, strlen(name));
}

static uint64_t hash_value(const struct vec *value, uint32_t row, uint64_t seed)
{
    row &= value->mask;
    if (type_is_str(value->c.type))
        return hash_bytes(value->c.strs[row].data, value->c.strs[row].length, seed);
    uint64_t bits;
    if (value->c.type.kind == WEIR_BOOL) {
        bits = value->c.bools[row];
    } else if (value->c.type.kind == WEIR_FLOAT) {
        double x = value->c.floats[row] + 0.0; /* -0.0 is 0.0 */
        memcpy(&bits, &x, sizeof bits);
    } else {
        bits = (uint64_t)value->c.ints[row];
    }
    bits = htole64(bits);
    return hash_bytes(&bits, sizeof bits, seed);
}

/* Not keyed: the same value has the same hash in every process, for ever. */
bool row_hash(struct call *call, uint32_t row)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < call->node->count; i++)
        hash = hash_value(call->args[i], row, hash);
    return call_set_int(call, row, (int64_t)(hash >> 1));
}
