/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.c: format('%s has %d', name, n), whose format stands in the expression and is read when it
 * is compiled: the number and types of its values are then known to fit.
 *
 *   %d %i %u %x %X %o   an int              flags - + space 0 # , width .precision as in C
 *   %f %e %E %g %G      a number
 *   %s %q %Q %w %c      anything that has a text; width and precision count characters
 *   %%
 */
#include "transforms/expr/functions.h"

#define WIDTH_MAX     1000
#define PRECISION_MAX 100
#define SPEC_BYTES    48
#define NUMBER_MAX    512 /* %f of 1.8e308 with 100 digits behind the point */

struct piece {
    struct weir_str literal; /* before the value */
    char letter;             /* '\0': no value follows */
    bool left, commas;
    int32_t width, precision; /* precision -1: none */
    uint32_t argument;
    char spec[SPEC_BYTES]; /* for snprintf: numbers */
};

struct format {
    uint32_t count;
    struct piece *pieces;
};

/* --- compiling ------------------------------------------------------------------------------ */

struct reader {
    struct compiler *compiler;
    struct node *node;
    uint32_t position; /* of the format, for messages */
    struct weir_str text;
    uint32_t at;
    uint32_t argument; /* the next value */
};

static char peek(const struct reader *r)
{
    return r->at < r->text.length ? r->text.data[r->at] : '\0';
}

static bool read_digits(struct reader *r, int32_t limit, int32_t *ret)
{
    int32_t value = 0;
    while (peek(r) >= '0' && peek(r) <= '9') {
        value = value * 10 + (r->text.data[r->at++] - '0');
        if (value > limit)
            return compile_fail(r->compiler, r->position,
                                "a width is at most %d, a precision at most %d", WIDTH_MAX,
                                PRECISION_MAX);
    }
    *ret = value;
    return true;
}

static bool read_flags(struct reader *r, struct piece *piece, char flags[8])
{
    uint32_t count = 0;
    for (; peek(r) && strchr("-+ 0#,", peek(r)); r->at++) {
        char flag = peek(r);
        if (flag == ',')
            piece->commas = true;
        else if (!memchr(flags, flag, count))
            flags[count++] = flag;
        piece->left |= flag == '-';
    }
    flags[count] = '\0';
    if (!read_digits(r, WIDTH_MAX, &piece->width))
        return false;
    piece->precision = -1;
    if (peek(r) != '.')
        return true;
    r->at++;
    return read_digits(r, PRECISION_MAX, &piece->precision);
}

static bool take_argument(struct reader *r, struct piece *piece)
{
    struct node *node = r->node;
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    piece->argument = r->argument++;
    if (piece->argument >= node->count)
        return compile_fail(r->compiler, r->position, "the format wants more values than follow");
    struct node **slot = node->args + piece->argument;
    uint8_t kind = (*slot)->type.kind, nullable = (*slot)->type.nullable;
    bool ints = strchr("diuxXo", piece->letter), floats = strchr("feEgG", piece->letter);
    if (kind == EXPR_NULL) {
        (*slot)->type.kind = ints ? WEIR_INT : floats ? WEIR_FLOAT : WEIR_STRING;
        return true;
    }
    if (!ints && !floats)
        return convert_to_text(r->compiler, slot, "format");
    if (ints ? kind != WEIR_INT && kind != WEIR_BOOL : !kind_is_number(kind))
        return compile_fail(r->compiler, (*slot)->start, "%%%c writes %s, and %s is %s; use %s",
                            piece->letter, ints ? "an int" : "a number",
                            snippet(r->compiler, *slot, a), kind_phrase((*slot)->type, b),
                            kind_is_number(kind) ? "%f or %s" : "%s");
    return convert(r->compiler, slot, type_of(ints ? WEIR_INT : WEIR_FLOAT, nullable));
}

static bool read_conversion(struct reader *r, struct piece *piece)
{
    char flags[8];
    if (!read_flags(r, piece, flags))
        return false;
    piece->letter = peek(r);
    if (!piece->letter || !strchr("diuxXofeEgGsqQwcz", piece->letter)) {
        struct weir_str rest = str_make(r->text.data + r->at, r->text.length - r->at);
        return compile_fail(r->compiler, r->position,
                            "`%%%.*s` is no conversion; there are %%d %%u %%x %%X %%o %%f %%e %%g "
                            "%%s %%q %%Q %%w %%c and %%%%",
                            rest.length ? (int)utf8_offset(rest.data, rest.length, 1) : 0,
                            rest.data);
    }
    r->at++;
    if (piece->letter == 'z')
        piece->letter = 's';
    bool is_float = strchr("feEgG", piece->letter);
    if (is_float && piece->precision < 0)
        piece->precision = 6;
    char precision[16] = "";
    if (piece->precision >= 0)
        snprintf(precision, sizeof precision, ".%d", piece->precision);
    char width[16] = "";
    if (piece->width && !piece->commas)
        snprintf(width, sizeof width, "%d", piece->width);
    snprintf(piece->spec, sizeof piece->spec, "%%%s%s%s%s%c", flags, width, precision,
             is_float ? "" : "ll", piece->letter);
    return take_argument(r, piece);
}

bool check_format(struct compiler *compiler, struct node *node)
{
    struct reader r = {compiler, node, node->args[0]->start, node->args[0]->constant.s, 0, 1};
    struct format *format = compile_alloc(compiler, sizeof *format);
    if (!format)
        return false;
    /* One piece for each % and one for the end. */
    uint32_t most = 1;
    for (uint32_t i = 0; i < r.text.length; i++)
        most += r.text.data[i] == '%';
    format->pieces = compile_alloc(compiler, most * sizeof *format->pieces);
    if (!format->pieces)
        return false;
    while (r.at < r.text.length) {
        struct piece *piece = format->pieces + format->count++;
        uint32_t from = r.at;
        while (r.at < r.text.length && r.text.data[r.at] != '%')
            r.at++;
        piece->literal = str_make(r.text.data + from, r.at - from);
        if (r.at == r.text.length)
            break;
        r.at++;
        if (peek(&r) == '%') {
            piece->literal.length++;
            r.at++;
        } else if (!read_conversion(&r, piece)) {
            return false;
        }
    }
    if (r.argument < node->count)
        return compile_fail(compiler, node->args[r.argument]->start,
                            "the format has no place for this value");
    node->prepared = format;
    node->type.nullable = 0;
    return true;
}

/* --- rows ----------------------------------------------------------------------------------- */

static struct weir_str text_of(const struct call *call, const struct piece *piece, uint32_t row)
{
    if (vec_valid(call->args[piece->argument], row))
        return call_str(call, piece->argument, row);
    return piece->letter == 'Q' ? str_make("NULL", 4) : str_make("", 0);
}

/* At most so many bytes. */
static size_t piece_bytes(const struct call *call, const struct piece *piece, uint32_t row)
{
    size_t bytes = piece->literal.length;
    if (!piece->letter)
        return bytes;
    if (strchr("sqQwc", piece->letter))
        return bytes + (size_t)text_of(call, piece, row).length * 2 + 2 + (size_t)piece->width;
    return bytes + NUMBER_MAX + (size_t)piece->width;
}

static char *pad(char *out, size_t have, int32_t width)
{
    for (; have < (size_t)width; have++)
        *out++ = ' ';
    return out;
}

/* 1234567 -> 1,234,567 */
static char *write_commas(char *out, const struct piece *piece, int64_t value)
{
    char digits[NUMBER_TEXT_BYTES], text[NUMBER_TEXT_BYTES];
    uint32_t count = int_to_text(value, digits), length = 0;
    for (uint32_t i = 0; i < count; i++) {
        text[length++] = digits[i];
        uint32_t left = count - 1 - i;
        if (left && left % 3 == 0 && digits[i] != '-')
            text[length++] = ',';
    }
    if (!piece->left)
        out = pad(out, length, piece->width);
    memcpy(out, text, length);
    out += length;
    return piece->left ? pad(out, length, piece->width) : out;
}

static char *write_number(char *out, const struct call *call, const struct piece *piece,
                          uint32_t row)
{
    bool known = vec_valid(call->args[piece->argument], row);
    size_t room = NUMBER_MAX + (size_t)piece->width;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    /* The spec was made by read_conversion. */
    if (strchr("feEgG", piece->letter)) {
        double value = known ? call_float(call, piece->argument, row) : 0;
        if (piece->letter == 'f')
            value = float_round(value, piece->precision);
        return out + snprintf(out, room, piece->spec, value);
    }
    int64_t value = known ? call_int(call, piece->argument, row) : 0;
    if (piece->commas)
        return write_commas(out, piece, value);
    return out + snprintf(out, room, piece->spec, (long long)value);
#pragma GCC diagnostic pop
}

static char *write_text(char *out, const struct call *call, const struct piece *piece, uint32_t row)
{
    struct weir_str s = text_of(call, piece, row);
    bool null = !vec_valid(call->args[piece->argument], row);
    int32_t limit = piece->letter == 'c' ? 1 : piece->precision;
    if (limit >= 0)
        s.length = (uint32_t)utf8_offset(s.data, s.length, (size_t)limit);
    char quote = piece->letter == 'q' || piece->letter == 'Q' ? '\''
                 : piece->letter == 'w'                       ? '"'
                                                              : '\0';
    bool around = piece->letter == 'Q' && !null;
    size_t have = utf8_count(s.data, s.length) + (around ? 2 : 0);
    for (uint32_t i = 0; quote && i < s.length; i++)
        have += s.data[i] == quote;
    if (!piece->left)
        out = pad(out, have, piece->width);
    if (around)
        *out++ = quote;
    for (uint32_t i = 0; i < s.length; i++) {
        if (quote && s.data[i] == quote)
            *out++ = quote;
        *out++ = s.data[i];
    }
    if (around)
        *out++ = quote;
    return piece->left ? pad(out, have, piece->width) : out;
}

bool row_format(struct call *call, uint32_t row)
{
    const struct format *format = call->node->prepared;
    size_t most = 0;
    for (uint32_t i = 0; i < format->count; i++)
        most += piece_bytes(call, format->pieces + i, row);
    if (most > 2 * EXPR_VALUE_BYTES_MAX)
        return call_reject(call, row, WEIR_REJECT_OVERFLOW, "is longer than 1 MiB");
    char *text = call_reserve(call, most + 1), *out = text;
    if (!text)
        return false;
    for (uint32_t i = 0; i < format->count; i++) {
        const struct piece *piece = format->pieces + i;
        memcpy(out, piece->literal.data, piece->literal.length);
        out += piece->literal.length;
        if (!piece->letter)
            continue;
        out = strchr("sqQwc", piece->letter) ? write_text(out, call, piece, row)
                                             : write_number(out, call, piece, row);
    }
    return call_commit(call, row, text, (size_t)(out - text));
}
