/* SPDX-License-Identifier: Apache-2.0 */
/* decode_type.c: the words for types in `fields:`, and how times are written. */
#include "ingest/decode.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/value.h"

const struct decode_type decode_types[] = {
    {"bool", "true or false"},
    {"int", "a whole number of 64 bits, exact"},
    {"float", "a finite floating-point number of 64 bits"},
    {"decimal(n)", "a number with n digits behind the point (0 to 18), exact: money"},
    {"string", "text in UTF-8"},
    {"bytes", "any bytes; in JSON the UTF-8 bytes of a text"},
    {"timestamp(s)", "seconds since 1970, a number or its digits as text"},
    {"timestamp(ms)", "milliseconds since 1970"},
    {"timestamp(us)", "microseconds since 1970"},
    {"timestamp(ns)", "nanoseconds since 1970"},
    {"timestamp(rfc3339)", "text like 2026-11-21T10:00:00.5Z"},
    {"timestamp('FORMAT')", "text of a format of strptime(3), in UTC unless it holds %z"},
    {"array(T)", "a JSON array of bool, int, float, decimal(n), string or json"},
    {"json", "any JSON value, kept as it is"},
    {NULL, NULL},
};

/* How `timestamp(...)` says what a time looks like. */
static const struct {
    const char *name;
    enum decode_time time;
    int64_t unit_ns;
} times[] = {
    {"s", DECODE_TIME_UNIT, NS_PER_SECOND}, {"ms", DECODE_TIME_UNIT, 1000000},
    {"us", DECODE_TIME_UNIT, 1000},         {"ns", DECODE_TIME_UNIT, 1},
    {"rfc3339", DECODE_TIME_RFC3339, 0},
};

static const char *time_name(const void *context, size_t i)
{
    return times[i].name;
}

#define TIME_FORMS "s, ms, us, ns, rfc3339 or a format in quotes as in timestamp('%Y-%m-%d')"

/* What stands between the parentheses of timestamp(...). */
static int time_form_read(const char *form, size_t length, struct decode_field *field,
                          struct weir_error *error)
{
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        if (strlen(times[i].name) == length && memcmp(form, times[i].name, length) == 0) {
            field->time = (uint8_t)times[i].time;
            field->time_unit_ns = times[i].unit_ns;
            field->time_format = NULL;
            return 0;
        }
    }
    bool quoted = length >= 2 && (form[0] == '\'' || form[0] == '"') && form[length - 1] == form[0];
    if (quoted) {
        char *format = mem_strndup(form + 1, length - 2);
        if (!strchr(format, '%')) {
            int status = error_set(error, WEIR_E_INVALID,
                                   "the format '%s' of a timestamp has no %% conversion, as "
                                   "'%%d/%%m/%%Y' has",
                                   format);
            free(format);
            return status;
        }
        field->time = DECODE_TIME_FORMAT;
        field->time_unit_ns = 0;
        field->time_format = format;
        return 0;
    }
    char *name = mem_strndup(form, length);
    const char *near = suggest(name, COUNT_OF(times), time_name, NULL);
    int status =
        near ? error_set(error, WEIR_E_INVALID,
                         "timestamp(%s) is not known; did you mean timestamp(%s)?", name, near)
             : error_set(error, WEIR_E_INVALID,
                         "timestamp(%s) is not known; between the parentheses stands "
                         "%s",
                         name, TIME_FORMS);
    free(name);
    return status;
}

int decode_field_type_read(const char *text, struct decode_field *field, struct weir_error *error)
{
    static const char word[] = "timestamp";
    size_t length = strlen(text);
    if (strncmp(text, word, sizeof(word) - 1) != 0)
        return type_read(text, &field->type, error);

    struct weir_type type = {WEIR_TIMESTAMP, 0, 0, 0};
    if (text[length - 1] == '?') {
        type.nullable = 1;
        length--;
    }
    const char *form = text + sizeof(word) - 1;
    size_t form_length = length - (sizeof(word) - 1);
    if (form_length == 0)
        return error_set(error, WEIR_E_INVALID,
                         "a timestamp says how it is written: %s, as in timestamp(ms)", TIME_FORMS);
    if (*form != '(')
        return type_read(text, &field->type, error); /* a misspelt name: suggests */
    if (form[form_length - 1] != ')' || form_length < 2)
        return error_set(error, WEIR_E_INVALID, "`%s` has no closing parenthesis", text);
    int status = time_form_read(form + 1, form_length - 2, field, error);
    if (status == 0)
        field->type = type;
    return status;
}
