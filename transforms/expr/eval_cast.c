/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_cast.c: CAST, and the conversions that typing adds.
 *
 * Stricter than SQLite, which reads '12abc' as 12 and 'abc' as 0: a text that is not a value of the
 * type, blanks around it aside, rejects the record ("cast"); a number that does not fit rejects it
 * as an overflow. To a decimal with fewer digits is rounded, halves away from zero; a float becomes
 * an int by cutting its fraction off, as in SQLite.
 */
#include <math.h>

#include "transforms/expr/date.h"
#include "transforms/expr/eval.h"
#include "transforms/expr/json.h"

struct cast {
    struct eval *eval;
    const struct node *node;
    const struct vec *from;
    struct vec *out;
    struct texts texts;
};

enum cast_result { CAST_DONE, CAST_WRONG_TEXT, CAST_OVERFLOW, CAST_NO_MEMORY };

/* One row that has a value. */
typedef enum cast_result cast_row(struct cast *cast, uint32_t row);

static inline struct weir_str from_str(const struct cast *cast, uint32_t row)
{
    return cast->from->c.strs[row & cast->from->mask];
}
static inline int64_t from_int(const struct cast *cast, uint32_t row)
{
    row &= cast->from->mask;
    return cast->from->c.type.kind == WEIR_BOOL ? cast->from->c.bools[row]
                                                : cast->from->c.ints[row];
}
static inline double from_float(const struct cast *cast, uint32_t row)
{
    return cast->from->c.floats[row & cast->from->mask];
}

/* --- texts that are numbers ----------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct weir_str trimmed(struct weir_str s)
{
    while (s.length && is_blank(s.data[0])) {
        s.data++;
        s.length--;
    }
    while (s.length && is_blank(s.data[s.length - 1]))
        s.length--;
    return s;
}

/* [sign] digits [. digits] [e [sign] digits], with at least one digit before the e. */
struct scanned {
    bool negative;
    const char *whole, *fraction;
    uint32_t whole_count, fraction_count;
    int64_t exponent;
};

static uint32_t count_digits(struct weir_str *s)
{
    uint32_t count = 0;
    while (s->length && s->data[0] >= '0' && s->data[0] <= '9') {
        s->data++;
        s->length--;
        count++;
    }
    return count;
}

static bool skip_sign(struct weir_str *s)
{
    bool sign = s->length && (s->data[0] == '-' || s->data[0] == '+');
    bool negative = sign && s->data[0] == '-';
    s->data += sign;
    s->length -= sign;
    return negative;
}

static bool scan_number(struct weir_str s, struct scanned *ret)
{
    *ret = (struct scanned){0};
    ret->negative = skip_sign(&s);
    ret->whole = s.data;
    ret->whole_count = count_digits(&s);
    if (s.length && s.data[0] == '.') {
        s.data++;
        s.length--;
        ret->fraction = s.data;
        ret->fraction_count = count_digits(&s);
    }
    if (!ret->whole_count && !ret->fraction_count)
        return false;
    if (s.length && (s.data[0] | 0x20) == 'e') {
        s.data++;
        s.length--;
        bool negative = skip_sign(&s);
        const char *digits = s.data;
        uint32_t count = count_digits(&s);
        if (!count)
            return false;
        for (uint32_t i = 0; i < count && ret->exponent < 100000; i++)
            ret->exponent = ret->exponent * 10 + (digits[i] - '0');
        if (negative)
            ret->exponent = -ret->exponent;
    }
    return s.length == 0;
}

/* Digit i of whole and fraction as one number. */
static int scanned_digit(const struct scanned *n, int64_t i)
{
    if (i < 0 || i >= (int64_t)n->whole_count + n->fraction_count)
        return 0;
    return (i < n->whole_count ? n->whole[i] : n->fraction[i - n->whole_count]) - '0';
}

/* To `scale` digits behind the point, halves away from zero. */
static enum cast_result text_to_decimal(struct weir_str s, uint8_t scale, int64_t *ret_value)
{
    if (decimal_read(s.data, s.length, scale, ret_value) == 0)
        return CAST_DONE;
    struct scanned n;
    if (!scan_number(s, &n))
        return CAST_WRONG_TEXT;
    int64_t first = 0, all = (int64_t)n.whole_count + n.fraction_count;
    while (first < all && scanned_digit(&n, first) == 0)
        first++;
    if (first == all) {
        *ret_value = 0;
        return CAST_DONE;
    }
    /* Digits from `first` up to the last one that the scale keeps. */
    int64_t end = (int64_t)n.whole_count + n.exponent + scale;
    if (end - first > 19)
        return CAST_OVERFLOW;
    int128 value = 0;
    for (int64_t i = first; i < end; i++)
        value = value * 10 + scanned_digit(&n, i);
    value += end >= first && scanned_digit(&n, end) >= 5;
    if (n.negative)
        value = -value;
    if (value > INT64_MAX || value < INT64_MIN)
        return CAST_OVERFLOW;
    *ret_value = (int64_t)value;
    return CAST_DONE;
}

static enum cast_result text_to_float(struct weir_str s, double *ret_value)
{
    int status = float_read(s.data, s.length, ret_value);
    struct scanned n;
    if (status == 0)
        return CAST_DONE;
    if (!scan_number(s, &n))
        return CAST_WRONG_TEXT;
    char copy[400];
    if (s.length >= sizeof copy)
        return CAST_WRONG_TEXT;
    memcpy(copy, s.data, s.length);
    copy[s.length] = '\0';
    *ret_value = strtod(copy, NULL);
    return isfinite(*ret_value) ? CAST_DONE : CAST_OVERFLOW;
}

/* --- rows, by the type that is made --------------------------------------------------------- */

static enum cast_result int_from_str(struct cast *cast, uint32_t row)
{
    struct weir_str s = trimmed(from_str(cast, row));
    int status = int_read(s.data, s.length, cast->out->c.ints + row);
    return status == 0 ? CAST_DONE : status == WEIR_E_LIMIT ? CAST_OVERFLOW : CAST_WRONG_TEXT;
}

static enum cast_result int_from_float(struct cast *cast, uint32_t row)
{
    double value = from_float(cast, row);
    if (!(value >= -0x1p63 && value < 0x1p63))
        return CAST_OVERFLOW;
    cast->out->c.ints[row] = (int64_t)value;
    return CAST_DONE;
}

/* Also for decimals: the fraction is cut off. */
static enum cast_result int_from_int(struct cast *cast, uint32_t row)
{
    cast->out->c.ints[row] = from_int(cast, row) / decimal_powers[cast->from->c.type.scale];
    return CAST_DONE;
}

static enum cast_result float_from_str(struct cast *cast, uint32_t row)
{
    return text_to_float(trimmed(from_str(cast, row)), cast->out->c.floats + row);
}

static enum cast_result float_from_int(struct cast *cast, uint32_t row)
{
    cast->out->c.floats[row] = (double)from_int(cast, row);
    return CAST_DONE;
}

static enum cast_result float_from_decimal(struct cast *cast, uint32_t row)
{
    cast->out->c.floats[row] = decimal_to_float(from_int(cast, row), cast->from->c.type.scale);
    return CAST_DONE;
}

static enum cast_result decimal_from_str(struct cast *cast, uint32_t row)
{
    return text_to_decimal(trimmed(from_str(cast, row)), cast->node->type.scale,
                           cast->out->c.ints + row);
}

static enum cast_result decimal_from_float(struct cast *cast, uint32_t row)
{
    return float_to_decimal(from_float(cast, row), cast->node->type.scale, cast->out->c.ints + row)
               ? CAST_DONE
               : CAST_OVERFLOW;
}

static enum cast_result decimal_from_int(struct cast *cast, uint32_t row)
{
    return decimal_rescale(from_int(cast, row), cast->from->c.type.scale, cast->node->type.scale,
                           cast->out->c.ints + row)
               ? CAST_DONE
               : CAST_OVERFLOW;
}

static enum cast_result bool_from_str(struct cast *cast, uint32_t row)
{
    struct weir_str s = trimmed(from_str(cast, row));
    return bool_read(s.data, s.length, cast->out->c.bools + row) == 0 ? CAST_DONE : CAST_WRONG_TEXT;
}

static enum cast_result bool_from_int(struct cast *cast, uint32_t row)
{
    cast->out->c.bools[row] = from_int(cast, row) != 0;
    return CAST_DONE;
}

static enum cast_result bool_from_float(struct cast *cast, uint32_t row)
{
    cast->out->c.bools[row] = from_float(cast, row) != 0;
    return CAST_DONE;
}

static enum cast_result timestamp_from_str(struct cast *cast, uint32_t row)
{
    struct weir_str s = trimmed(from_str(cast, row));
    return timestamp_read(s.data, s.length, cast->out->c.ints + row) ? CAST_DONE : CAST_WRONG_TEXT;
}

static enum cast_result str_from_number(struct cast *cast, uint32_t row)
{
    char *room = texts_reserve(cast->eval, &cast->texts, NUMBER_TEXT_BYTES);
    struct weir_type type = cast->from->c.type;
    uint32_t length;
    if (!room)
        return CAST_NO_MEMORY;
    if (type.kind == WEIR_FLOAT)
        length = float_to_text(from_float(cast, row), room);
    else if (type.kind == WEIR_TIMESTAMP)
        length = timestamp_to_text(from_int(cast, row), room);
    else
        length = decimal_to_text(from_int(cast, row), type.scale, room);
    cast->texts.next += length;
    cast->out->c.strs[row] = str_make(room, length);
    return CAST_DONE;
}

static enum cast_result str_from_bytes(struct cast *cast, uint32_t row)
{
    cast->out->c.strs[row] = from_str(cast, row);
    return utf8_valid(from_str(cast, row).data, from_str(cast, row).length) ? CAST_DONE
                                                                            : CAST_WRONG_TEXT;
}

static enum cast_result str_from_str(struct cast *cast, uint32_t row)
{
    cast->out->c.strs[row] = from_str(cast, row);
    return CAST_DONE;
}

static enum cast_result json_from_str(struct cast *cast, uint32_t row)
{
    struct weir_str s = trimmed(from_str(cast, row));
    cast->out->c.strs[row] = s;
    return json_valid(s) ? CAST_DONE : CAST_WRONG_TEXT;
}

static cast_row *row_for(struct weir_type from, struct weir_type to)
{
    bool str = from.kind == WEIR_STRING;
    switch (to.kind) {
    case WEIR_BOOL:
        return str ? bool_from_str : from.kind == WEIR_FLOAT ? bool_from_float : bool_from_int;
    case WEIR_INT:
        return str ? int_from_str : from.kind == WEIR_FLOAT ? int_from_float : int_from_int;
    case WEIR_FLOAT:
        return str                         ? float_from_str
               : from.kind == WEIR_DECIMAL ? float_from_decimal
                                           : float_from_int;
    case WEIR_DECIMAL:
        return str                       ? decimal_from_str
               : from.kind == WEIR_FLOAT ? decimal_from_float
                                         : decimal_from_int;
    case WEIR_TIMESTAMP:
        return timestamp_from_str;
    case WEIR_JSON:
        return str ? json_from_str : str_from_str;
    case WEIR_STRING:
        if (from.kind == WEIR_BYTES)
            return str_from_bytes;
        return type_is_str(from) ? str_from_str : str_from_number;
    default:
        return str_from_str;
    }
}

static bool cast_failed(struct cast *cast, uint32_t row, enum cast_result result)
{
    char type[TYPE_TEXT_BYTES], what[TYPE_TEXT_BYTES + 40];
    if (result == CAST_NO_MEMORY)
        return false;
    const char *name = kind_phrase(cast->node->type, type);
    if (result == CAST_WRONG_TEXT) {
        snprintf(what, sizeof what, "cannot be read as %s", name);
        eval_reject(cast->eval, cast->node->args[0], row, WEIR_REJECT_CAST, what);
    } else {
        snprintf(what, sizeof what, "does not fit %s", name);
        eval_reject(cast->eval, cast->node->args[0], row, WEIR_REJECT_OVERFLOW, what);
    }
    vec_clear(cast->out, row);
    return true;
}

/* Conversions that cannot fail, in loops over all rows. */
static bool cast_loop(struct cast *cast, struct selection rows)
{
    struct weir_type from = cast->from->c.type, to = cast->node->type;
    struct selection wide = selection_widen(cast->eval, rows);
    if (wide.rows || !cast->from->mask)
        return false;
    if (from.kind == WEIR_INT && to.kind == WEIR_FLOAT) {
        for (uint32_t i = 0; i < wide.count; i++)
            cast->out->c.floats[i] = (double)cast->from->c.ints[i];
    } else if (from.kind == WEIR_BOOL && to.kind == WEIR_INT) {
        for (uint32_t i = 0; i < wide.count; i++)
            cast->out->c.ints[i] = cast->from->c.bools[i];
    } else {
        return false;
    }
    return true;
}

struct vec *eval_cast(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *from = node_run(node->args[0], eval, rows);
    if (!from)
        return NULL;
    if (type_equal(from->c.type, node->type))
        return from;
    struct cast cast = {.eval = eval, .node = node, .from = from, .out = vec_new(eval, node->type)};
    if (!cast.out || !vec_valid_from(eval, cast.out, &from, 1))
        return NULL;
    if (cast_loop(&cast, rows))
        return cast.out;
    cast_row *row_function = row_for(from->c.type, node->type);
    for (EACH_ROW(rows, row)) {
        if (!vec_valid(from, row)) {
            vec_clear(cast.out, row);
            continue;
        }
        enum cast_result result = row_function(&cast, row);
        if (unlikely(result != CAST_DONE) && !cast_failed(&cast, row, result))
            return NULL;
    }
    return cast.out;
}
