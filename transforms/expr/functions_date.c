/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_date.c: date time datetime julianday unixepoch strftime, and timestamp.
 *
 * A call is compiled to where its time comes from and a list of modifiers (struct date_program);
 * the time itself stays as the node's only argument, and 'now' as none.
 */
#include <math.h>

#include "transforms/expr/date.h"
#include "transforms/expr/functions.h"

/* 'unixepoch', 'auto', 'julianday': what a number counts; only in the first place. */
static bool source_word(struct weir_str text, uint8_t *ret_source)
{
    if (str_is_nocase(text, "unixepoch"))
        *ret_source = DATE_SECONDS;
    else if (str_is_nocase(text, "auto"))
        *ret_source = DATE_AUTO;
    else if (str_is_nocase(text, "julianday"))
        *ret_source = DATE_JULIAN_DAY;
    else
        return false;
    return true;
}

static bool read_source(struct compiler *compiler, struct node *node, uint32_t at,
                        struct date_program *program, uint32_t *ret_modifiers)
{
    char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
    *ret_modifiers = at + 1;
    if (at >= node->count) {
        program->source = DATE_NOW;
        *ret_modifiers = node->count;
        return true;
    }
    struct node *value = node->args[at];
    if (value->type.kind == WEIR_TIMESTAMP || node_is_null(value)) {
        program->source = DATE_TIMESTAMP;
    } else if (value->type.kind == WEIR_STRING) {
        program->source = DATE_TEXT;
        if (!node_is_text(value))
            return true;
        struct moment moment;
        if (str_is_nocase(value->constant.s, "now"))
            program->source = DATE_NOW;
        else if (!moment_read(value->constant.s, &moment))
            return compile_fail(compiler, value->start,
                                "%s is not a time: it looks like '2026-11-21 10:00:00', 'now', or "
                                "one part of it",
                                snippet(compiler, value, a));
    } else if (kind_is_number(value->type.kind)) {
        uint8_t source;
        if (at + 1 >= node->count || !node_is_text(node->args[at + 1]) ||
            !source_word(node->args[at + 1]->constant.s, &source))
            return compile_fail(compiler, value->start,
                                "%s is a number: say what it counts, with 'unixepoch' (seconds), "
                                "'julianday' or 'auto' as the next argument",
                                snippet(compiler, value, a));
        program->source = source;
        *ret_modifiers = at + 2;
        uint8_t kind = source == DATE_SECONDS && value->type.kind != WEIR_FLOAT &&
                               value->type.kind != WEIR_DECIMAL
                           ? WEIR_INT
                           : WEIR_FLOAT;
        return convert(compiler, node->args + at, type_of(kind, value->type.nullable));
    } else {
        return compile_fail(compiler, value->start, "%s() wants a time, and %s is %s",
                            node->function->doc.name, snippet(compiler, value, a),
                            kind_phrase(value->type, b));
    }
    return true;
}

static bool read_modifiers(struct compiler *compiler, struct node *node, uint32_t from,
                           struct date_program *program)
{
    program->modifiers = compile_alloc(compiler, (node->count + 1) * sizeof *program->modifiers);
    if (!program->modifiers)
        return false;
    for (uint32_t i = from; i < node->count; i++) {
        const struct node *arg = node->args[i];
        const char *problem;
        char a[SNIPPET_BYTES];
        uint8_t source;
        if (!node_is_text(arg))
            return compile_fail(compiler, arg->start,
                                "a modifier is a text that stands in the expression, as in "
                                "'+1 day', and %s is not",
                                snippet(compiler, arg, a));
        struct weir_str text = arg->constant.s;
        if (str_is_nocase(text, "subsec") || str_is_nocase(text, "subsecond")) {
            program->subsecond = true;
        } else if (source_word(text, &source)) {
            return compile_fail(compiler, arg->start,
                                "%s says what a number counts, and stands right behind it",
                                snippet(compiler, arg, a));
        } else if (!modifier_read(text, program->modifiers + program->count, &problem)) {
            return compile_fail(compiler, arg->start, "%s is no modifier: %s",
                                snippet(compiler, arg, a), problem);
        } else {
            program->count++;
        }
    }
    return true;
}

/* A timestamp is of the years 1677 to 2262: unless it is moved far, it stays within 0 to 9999 and
 * the result is not null. */
#define SURE_MOVE_MS (1000LL * 366 * 86400 * 1000)

static bool never_null(const struct date_program *program)
{
    int64_t moved = 0;
    if (program->source != DATE_NOW && program->source != DATE_TIMESTAMP)
        return false;
    for (uint32_t i = 0; i < program->count; i++) {
        const struct modifier *m = program->modifiers + i;
        int64_t months = m->kind == MODIFIER_YEARS    ? 12LL * m->count
                         : m->kind == MODIFIER_MONTHS ? m->count
                                                      : 0;
        const int64_t month_ms = 31LL * 86400 * 1000, year_ms = 12 * month_ms;
        int64_t ms = m->ms < 0 ? -m->ms : m->ms;
        /* `start of` and `weekday` move by less than a year. */
        if (months > 12000 || months < -12000 || ms > SURE_MOVE_MS)
            return false;
        moved += (months < 0 ? -months : months) * month_ms + ms + year_ms;
        if (moved > SURE_MOVE_MS)
            return false;
    }
    return true;
}

/* The time is argument `at`, the modifiers follow. */
static bool compile_date(struct compiler *compiler, struct node *node, uint32_t at,
                         struct date_program **ret_program)
{
    struct date_program *program = compile_alloc(compiler, sizeof *program);
    uint32_t modifiers;
    if (!program || !read_source(compiler, node, at, program, &modifiers) ||
        !read_modifiers(compiler, node, modifiers, program))
        return false;
    if (program->source == DATE_NOW) {
        node->per_batch = true;
        node->count = 0;
    } else {
        node->args[0] = node->args[at];
        node->count = 1;
    }
    if (never_null(program))
        node->type.nullable = node->count ? node->args[0]->type.nullable : 0;
    node->prepared = program;
    *ret_program = program;
    return true;
}

bool check_date(struct compiler *compiler, struct node *node)
{
    struct date_program *program;
    return compile_date(compiler, node, 0, &program);
}

bool check_unixepoch(struct compiler *compiler, struct node *node)
{
    struct date_program *program;
    if (!compile_date(compiler, node, 0, &program))
        return false;
    if (program->subsecond)
        node->type.kind = WEIR_FLOAT;
    return true;
}

bool check_strftime(struct compiler *compiler, struct node *node)
{
    struct date_program *program;
    const struct node *format_node = node->args[0];
    struct weir_str format = format_node->constant.s;
    for (uint32_t i = 0; i < format.length; i++) {
        if (format.data[i] != '%')
            continue;
        char letter = ++i < format.length ? format.data[i] : '\0';
        if (!date_letter_known(letter))
            return compile_fail(compiler, format_node->start,
                                "`%%%c` means nothing to strftime(); it knows %%Y %%m %%d %%H %%M "
                                "%%S %%f %%F %%T %%R %%j %%J %%s %%w %%u %%W %%U %%V %%G %%g %%e "
                                "%%k %%I %%l %%p %%P %%%%",
                                letter ? letter : ' ');
    }
    if (!compile_date(compiler, node, 1, &program))
        return false;
    program->format = format;
    return true;
}

/* --- rows ----------------------------------------------------------------------------------- */

static bool seconds_moment(double seconds, struct moment *ret)
{
    if (!(seconds >= -210866760000.0 && seconds <= 253402300799.0))
        return false;
    *ret = (struct moment){llround(seconds * 1000.0), 0};
    return true;
}

static bool source_moment(const struct call *call, uint32_t row, struct moment *ret)
{
    const struct date_program *program = call->node->prepared;
    switch ((enum date_source)program->source) {
    case DATE_NOW:
        *ret = moment_from_ns(call->eval->batch->view.now_ns);
        return true;
    case DATE_TIMESTAMP:
        *ret = moment_from_ns(call_int(call, 0, row));
        return true;
    case DATE_TEXT:
        return moment_read(call_str(call, 0, row), ret);
    case DATE_SECONDS:
        if (call->args[0]->c.type.kind == WEIR_INT) {
            int64_t seconds = call_int(call, 0, row);
            *ret = (struct moment){0, 0};
            return !__builtin_mul_overflow(seconds, 1000, &ret->ms);
        }
        return seconds_moment(call_float(call, 0, row), ret);
    case DATE_JULIAN_DAY:
        return moment_from_julian_day(call_float(call, 0, row), ret);
    case DATE_AUTO:
        return moment_from_julian_day(call_float(call, 0, row), ret) ||
               seconds_moment(call_float(call, 0, row), ret);
    }
    return false;
}

static bool call_moment(const struct call *call, uint32_t row, struct moment *ret)
{
    const struct date_program *program = call->node->prepared;
    if (!source_moment(call, row, ret) || !moment_valid(*ret))
        return false;
    for (uint32_t i = 0; i < program->count; i++)
        if (!moment_apply(ret, program->modifiers + i))
            return false;
    return true;
}

/* The letters of a format, one after the other; other bytes stand for themselves. */
static bool write_format(struct call *call, uint32_t row, struct weir_str format)
{
    struct moment moment;
    if (!call_moment(call, row, &moment))
        return false;
    struct date_parts parts = moment_parts(moment);
    char *text = call_reserve(call, (size_t)format.length * DATE_LETTER_BYTES_MAX);
    if (!text)
        return false;
    size_t length = 0;
    for (uint32_t i = 0; i < format.length; i++) {
        if (format.data[i] == '%')
            length += date_letter_write(format.data[++i], moment, &parts, text + length);
        else
            text[length++] = format.data[i];
    }
    return call_commit(call, row, text, length);
}

static bool subsecond(const struct call *call)
{
    return ((const struct date_program *)call->node->prepared)->subsecond;
}

bool row_date(struct call *call, uint32_t row)
{
    return write_format(call, row, str_of("%F"));
}

bool row_time(struct call *call, uint32_t row)
{
    return write_format(call, row, str_of(subsecond(call) ? "%R:%f" : "%T"));
}

bool row_datetime(struct call *call, uint32_t row)
{
    return write_format(call, row, str_of(subsecond(call) ? "%F %R:%f" : "%F %T"));
}

bool row_strftime(struct call *call, uint32_t row)
{
    const struct date_program *program = call->node->prepared;
    return write_format(call, row, program->format);
}

bool row_julianday(struct call *call, uint32_t row)
{
    struct moment moment;
    return call_moment(call, row, &moment) && call_set_float(call, row, moment_julian_day(moment));
}

bool row_unixepoch(struct call *call, uint32_t row)
{
    struct moment moment;
    if (!call_moment(call, row, &moment))
        return false;
    if (subsecond(call))
        return call_set_float(call, row, (double)moment.ms / 1000.0);
    int64_t seconds = moment.ms / 1000 - (moment.ms % 1000 < 0);
    return call_set_int(call, row, seconds);
}

bool row_timestamp(struct call *call, uint32_t row)
{
    struct moment moment;
    int64_t ns;
    if (!call_moment(call, row, &moment))
        return false;
    if (__builtin_mul_overflow(moment.ms, 1000000, &ns) ||
        __builtin_add_overflow(ns, moment.below_ns, &ns))
        return call_reject(call, row, WEIR_REJECT_OVERFLOW, "does not fit a timestamp");
    return call_set_int(call, row, ns);
}
