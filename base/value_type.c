/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/error.h"
#include "base/value.h"

/* The names of kinds, by enum weir_kind. */
static const char *const kind_names[] = {
    [WEIR_BOOL] = "bool",           [WEIR_INT] = "int",       [WEIR_FLOAT] = "float",
    [WEIR_DECIMAL] = "decimal",     [WEIR_STRING] = "string", [WEIR_BYTES] = "bytes",
    [WEIR_TIMESTAMP] = "timestamp", [WEIR_ARRAY] = "array",   [WEIR_JSON] = "json",
};

#define KIND_LIST "bool, int, float, decimal(n), string, bytes, timestamp, array(T), json"

static const char *kind_name(const void *context, size_t i)
{
    return kind_names[i];
}

static uint8_t kind_of(const char *name, size_t length)
{
    for (size_t kind = WEIR_BOOL; kind < COUNT_OF(kind_names); kind++)
        if (strlen(kind_names[kind]) == length && memcmp(kind_names[kind], name, length) == 0)
            return (uint8_t)kind;
    return 0;
}

static int unknown_type(const char *text, size_t length, struct weir_error *error)
{
    char name[TYPE_TEXT_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    const char *near = suggest(name, COUNT_OF(kind_names), kind_name, NULL);
    if (near)
        return error_set(error, WEIR_E_INVALID, "unknown type `%s`; did you mean `%s`?", name,
                         near);
    return error_set(error, WEIR_E_INVALID, "unknown type `%s`; types are " KIND_LIST, name);
}

static int scale_read(const char *text, size_t length, uint8_t *ret_scale, struct weir_error *error)
{
    int64_t scale;
    if (int_read(text, length, &scale) != 0 || scale < 0 || scale > WEIR_DECIMAL_SCALE_MAX)
        return error_set(error, WEIR_E_INVALID,
                         "decimal(n) takes a number of digits from 0 to %d, as in decimal(2)",
                         WEIR_DECIMAL_SCALE_MAX);
    *ret_scale = (uint8_t)scale;
    return 0;
}

/* type = name | "decimal(" n ")" | "array(" element ")", without the `?` */
static int plain_type_read(const char *text, size_t length, struct weir_type *type,
                           struct weir_error *error)
{
    const char *open = memchr(text, '(', length);
    size_t name_length = open ? (size_t)(open - text) : length;
    type->kind = kind_of(text, name_length);
    if (!type->kind)
        return unknown_type(text, name_length, error);
    if (open && text[length - 1] != ')')
        return error_set(error, WEIR_E_INVALID, "`%.*s` has no closing parenthesis", (int)length,
                         text);
    const char *inside = open ? open + 1 : NULL;
    size_t inside_length = open ? length - name_length - 2 : 0;
    switch (type->kind) {
    case WEIR_DECIMAL:
        return scale_read(inside ? inside : "", inside_length, &type->scale, error);
    case WEIR_ARRAY: {
        struct weir_type element = {0};
        if (!inside)
            return error_set(error, WEIR_E_INVALID,
                             "array takes the type of its elements, as in array(int)");
        int status = plain_type_read(inside, inside_length, &element, error);
        if (status != 0)
            return status;
        if (element.kind == WEIR_ARRAY || element.kind == WEIR_BYTES ||
            element.kind == WEIR_TIMESTAMP)
            return error_set(error, WEIR_E_INVALID,
                             "array(%s) is not a type; elements are bool, int, float, decimal(n), "
                             "string or json",
                             kind_names[element.kind]);
        type->element = element.kind;
        type->scale = element.scale;
        return 0;
    }
    default:
        if (open)
            return error_set(error, WEIR_E_INVALID, "type `%s` takes nothing in parentheses",
                             kind_names[type->kind]);
        return 0;
    }
}

int type_read(const char *text, struct weir_type *ret_type, struct weir_error *error)
{
    struct weir_type type = {0};
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '?') {
        type.nullable = 1;
        length--;
    }
    int status = plain_type_read(text, length, &type, error);
    if (status == 0)
        *ret_type = type;
    return status;
}

const char *type_text(struct weir_type type, char buffer[TYPE_TEXT_BYTES])
{
    const char *mark = type.nullable ? "?" : "";
    const char *name =
        type.kind < COUNT_OF(kind_names) && type.kind ? kind_names[type.kind] : "unknown";
    if (type.kind == WEIR_DECIMAL)
        snprintf(buffer, TYPE_TEXT_BYTES, "decimal(%u)%s", type.scale, mark);
    else if (type.kind == WEIR_ARRAY && type.element == WEIR_DECIMAL)
        snprintf(buffer, TYPE_TEXT_BYTES, "array(decimal(%u))%s", type.scale, mark);
    else if (type.kind == WEIR_ARRAY && type.element && type.element < COUNT_OF(kind_names))
        snprintf(buffer, TYPE_TEXT_BYTES, "array(%s)%s", kind_names[type.element], mark);
    else
        snprintf(buffer, TYPE_TEXT_BYTES, "%s%s", name, mark);
    return buffer;
}

bool type_equal(struct weir_type a, struct weir_type b)
{
    return a.kind == b.kind && a.scale == b.scale && a.element == b.element;
}
