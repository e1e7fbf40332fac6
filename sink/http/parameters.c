/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/parameters.h"

#include "base/check.h"
#include "base/value.h"
#include "sink/http/routes.h"

static const char *const parameter_names[PARAM_COUNT] = {
#define PARAM_NAME(symbol, name, schema, summary) name,
    HTTP_PARAMETERS(PARAM_NAME)
#undef PARAM_NAME
};

const char *parameter_name(enum http_parameter parameter)
{
    return parameter_names[parameter];
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool percent_decode(struct arena *arena, const char *data, size_t length, bool form,
                    struct weir_str *ret_text)
{
    char *out = arena_alloc(arena, length + 1);
    if (!out)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = data[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(data[i + 1]) : -1;
            int low = i + 2 < length ? hex_digit(data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret_text = str_make(out, n);
    return true;
}

/* The names that a route knows, for suggestions. */
static const char *known_name(const void *context, size_t i)
{
    const struct route *route = context;
    for (uint32_t p = 0; p < PARAM_COUNT; p++) {
        if (!(route->parameters & PARAM_BIT(p)))
            continue;
        if (i == 0)
            return parameter_names[p];
        i--;
    }
    return "";
}

static bool unknown_parameter(struct exchange *exchange, const char *name)
{
    const struct route *route = exchange->route;
    size_t count = (size_t)__builtin_popcount(route->parameters);
    const char *near = suggest(name, count, known_name, route);
    if (near) {
        reply_problem(exchange, PROBLEM_UNKNOWN_PARAMETER,
                      "unknown parameter `%.100s`; did you mean `%s`?", name, near);
        return false;
    }
    struct text list = TEXT_INIT;
    for (size_t i = 0; i < count; i++)
        text_addf(&list, "%s`%s`", i ? ", " : "", known_name(route, i));
    reply_problem(exchange, PROBLEM_UNKNOWN_PARAMETER, "unknown parameter `%.100s`; %s%s", name,
                  count ? "this route takes " : "this route takes none", count ? list.data : "");
    text_done(&list);
    return false;
}

/* TOPIC:PARTITION:OFFSET, read from its end. */
static bool after_read(struct exchange *exchange, struct weir_str value)
{
    const char *last = memrchr(value.data, ':', value.length);
    const char *middle = last ? memrchr(value.data, ':', (size_t)(last - value.data)) : NULL;
    const char *end = value.data + value.length;
    int64_t partition;
    int64_t offset;
    if (!middle || middle == value.data ||
        int_read(middle + 1, (size_t)(last - middle - 1), &partition) < 0 ||
        int_read(last + 1, (size_t)(end - last - 1), &offset) < 0 || partition < 0 ||
        partition > INT32_MAX || offset < 0) {
        reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                      "`after=%.100s` is not TOPIC:PARTITION:OFFSET, as in `after=orders:0:1200`",
                      value.data);
        return false;
    }
    struct after *after = &exchange->afters[exchange->after_count++];
    after->topic = str_make(value.data, (size_t)(middle - value.data));
    after->partition = (int32_t)partition;
    after->offset = offset;
    return true;
}

static bool pair_take(struct exchange *exchange, struct weir_str name, struct weir_str value)
{
    for (uint32_t p = 0; p < PARAM_COUNT; p++) {
        if (!(exchange->route->parameters & PARAM_BIT(p)) || !str_is(name, parameter_names[p]))
            continue;
        if (p == PARAM_AFTER)
            return after_read(exchange, value);
        if (exchange->parameters[p].text) {
            reply_problem(exchange, PROBLEM_BAD_PARAMETER, "`%s=` is given twice",
                          parameter_names[p]);
            return false;
        }
        if (p != PARAM_KEY && memchr(value.data, '\0', value.length)) {
            reply_problem(exchange, PROBLEM_BAD_PARAMETER, "`%s=` holds a NUL byte",
                          parameter_names[p]);
            return false;
        }
        exchange->parameters[p].text = value.data;
        exchange->parameters[p].length = value.length;
        return true;
    }
    return exchange->route->lenient || unknown_parameter(exchange, name.data);
}

bool parameters_read(struct exchange *exchange)
{
    const char *at = memchr(exchange->target, '?', exchange->target_length);
    if (!at)
        return true;
    at++;
    const char *end = exchange->target + exchange->target_length;
    exchange->afters =
        arena_alloc(&exchange->arena, PARAMETER_PAIRS_MAX * sizeof(*exchange->afters));
    for (uint32_t pairs = 0; at < end && exchange->afters; at++) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop)
            stop = end;
        const char *equal = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = equal ? equal : stop;
        const char *value = equal ? equal + 1 : stop;
        if (stop > at) {
            struct weir_str name_text;
            struct weir_str value_text;
            if (!percent_decode(&exchange->arena, at, (size_t)(name_end - at), true, &name_text) ||
                !percent_decode(&exchange->arena, value, (size_t)(stop - value), true,
                                &value_text)) {
                reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                              "`%.100s`: a %% is not followed by two hexadecimal digits; a %% "
                              "itself is written %%25",
                              at);
                return false;
            }
            if (++pairs > PARAMETER_PAIRS_MAX) {
                reply_problem(exchange, PROBLEM_BAD_PARAMETER, "more than %d parameters",
                              PARAMETER_PAIRS_MAX);
                return false;
            }
            if (!pair_take(exchange, name_text, value_text))
                return false;
        }
        at = stop;
    }
    return true;
}

/* One item of a comma-separated header: its name without parameters, and q in thousandths. */
struct header_item {
    const char *name;
    size_t length;
    int quality;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int quality_read(const char *text, size_t length)
{
    if (length == 0 || (text[0] != '0' && text[0] != '1'))
        return 1000;
    int value = (text[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < length && i < 5 && text[i] >= '0' && text[i] <= '9'; i++, unit /= 10)
        value += (text[i] - '0') * unit;
    return value > 1000 ? 1000 : value;
}

static bool header_next(const char **position, struct header_item *item)
{
    const char *at = *position;
    while (*at == ',' || is_blank(*at))
        at++;
    if (!*at)
        return false;
    size_t whole = strcspn(at, ",");
    size_t name = strcspn(at, ",; \t");
    item->name = at;
    item->length = name;
    item->quality = 1000;
    const char *end = at + whole;
    for (const char *p = at + name; p < end; p++) {
        if (*p != ';')
            continue;
        const char *q = p + 1;
        while (q < end && is_blank(*q))
            q++;
        if (q + 1 < end && (*q == 'q' || *q == 'Q') && q[1] == '=')
            item->quality = quality_read(q + 2, (size_t)(end - q - 2));
    }
    *position = end;
    return true;
}

static bool item_is(const struct header_item *item, const char *type, const char *subtype)
{
    const char *slash = memchr(item->name, '/', item->length);
    size_t type_length = slash ? (size_t)(slash - item->name) : item->length;
    if (type_length != strlen(type) || strncasecmp(item->name, type, type_length) != 0)
        return false;
    size_t rest = slash ? item->length - type_length - 1 : 0;
    return slash ? rest == strlen(subtype) && strncasecmp(slash + 1, subtype, rest) == 0
                 : *subtype == '\0';
}

int accept_quality(const char *accept, const char *type, const char *subtype)
{
    struct header_item item;
    int quality = 0;
    int specific = -1;
    while (header_next(&accept, &item)) {
        int this_specific = item_is(&item, type, subtype) ? 2
                            : item_is(&item, type, "*")   ? 1
                            : item_is(&item, "*", "*")    ? 0
                                                          : -1;
        if (this_specific > specific) {
            specific = this_specific;
            quality = item.quality;
        }
    }
    return quality;
}

static const struct {
    const char *name, *type, *subtype;
} formats[FORMAT_COUNT] = {
#define FORMAT_ENTRY(symbol, name, type, subtype, content_type) {name, type, subtype},
    HTTP_FORMATS(FORMAT_ENTRY)
#undef FORMAT_ENTRY
};

static bool format_unavailable(struct exchange *exchange, const char *wanted)
{
    struct text list = TEXT_INIT;
    for (uint32_t f = 0; f < FORMAT_COUNT; f++)
        if (exchange->route->formats & (1u << f))
            text_addf(&list, "%s%s/%s", list.length ? ", " : "", formats[f].type,
                      formats[f].subtype);
    reply_problem(exchange, PROBLEM_NOT_ACCEPTABLE, "`%.100s` is not available here; there is %s",
                  wanted, list.data);
    text_done(&list);
    return false;
}

static bool format_by_name(struct exchange *exchange, const char *name)
{
    for (uint32_t f = 0; f < FORMAT_COUNT; f++) {
        if (strcmp(name, formats[f].name) != 0)
            continue;
        exchange->format = (enum http_format)f;
        return (exchange->route->formats & (1u << f)) || format_unavailable(exchange, name);
    }
    reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                  "`format=%.100s` is not one of json, ndjson, csv", name);
    return false;
}

bool format_choose(struct exchange *exchange)
{
    exchange->format = FORMAT_JSON;
    if (!exchange->route->formats)
        return true;
    const char *name = exchange_parameter(exchange, PARAM_FORMAT);
    if (name)
        return format_by_name(exchange, name);
    const char *accept = exchange->accept;
    if (!accept || !*accept || strcmp(accept, "*/*") == 0)
        return true;
    int best = 0;
    for (uint32_t f = 0; f < FORMAT_COUNT; f++) {
        if (!(exchange->route->formats & (1u << f)))
            continue;
        int quality = accept_quality(accept, formats[f].type, formats[f].subtype);
        if (f == FORMAT_NDJSON && quality == 0)
            quality = accept_quality(accept, "application", "ndjson");
        if (quality > best) {
            best = quality;
            exchange->format = (enum http_format)f;
        }
    }
    return best > 0 || format_unavailable(exchange, accept);
}

enum coding coding_choose(const char *accept_encoding)
{
    if (!accept_encoding)
        return CODING_IDENTITY;
    int zstd = accept_quality(accept_encoding, "zstd", "");
    int gzip = accept_quality(accept_encoding, "gzip", "");
    if (zstd > 0 && zstd >= gzip)
        return CODING_ZSTD;
    return gzip > 0 ? CODING_GZIP : CODING_IDENTITY;
}

bool parameter_limit(struct exchange *exchange, uint64_t *ret_limit)
{
    const struct parameter_value *value = &exchange->parameters[PARAM_LIMIT];
    *ret_limit = ANSWER_ROWS_DEFAULT;
    if (!value->text)
        return true;
    int64_t limit;
    if (int_read(value->text, value->length, &limit) < 0 || limit < 1 || limit > ANSWER_ROWS_MAX) {
        reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                      "`limit=%.100s` is not a number from 1 to %d; longer answers come in pages, "
                      "by `cursor=`",
                      value->text, ANSWER_ROWS_MAX);
        return false;
    }
    *ret_limit = (uint64_t)limit;
    return true;
}

bool parameter_duration(struct exchange *exchange, enum http_parameter parameter, int64_t *ret_ns)
{
    const char *value = exchange_parameter(exchange, parameter);
    struct weir_error error;
    if (!value)
        return true;
    if (duration_read(value, ret_ns, &error) < 0 || *ret_ns <= 0) {
        reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                      "`%s=%.100s` is not a duration, as in 250ms 30s 5m 24h 7d",
                      parameter_names[parameter], value);
        return false;
    }
    return true;
}

bool parameter_time(struct exchange *exchange, enum http_parameter parameter, int64_t *ret_ns)
{
    const struct parameter_value *value = &exchange->parameters[parameter];
    bool is_date = value->length <= strlen("2026-11-21");
    if (!value->text || (!is_date && time_read_rfc3339(value->text, value->length, ret_ns) == 0))
        return true;
    /* An unescaped + of an offset has become a blank. */
    size_t blank = value->length > 6 ? value->length - 6 : 0;
    if (blank > 10 && value->text[blank] == ' ') {
        char copy[64];
        if (value->length < sizeof(copy)) {
            memcpy(copy, value->text, value->length);
            copy[blank] = '+';
            if (time_read_rfc3339(copy, value->length, ret_ns) == 0)
                return true;
        }
    }
    reply_problem(exchange, PROBLEM_BAD_PARAMETER,
                  "`%s=%.100s` is not a time of RFC 3339, as in 2026-11-21T10:00:00Z",
                  parameter_names[parameter], value->text);
    return false;
}

bool parameter_timeout(struct exchange *exchange, int64_t *ret_ns)
{
    *ret_ns = AFTER_TIMEOUT_NS_DEFAULT;
    if (!parameter_duration(exchange, PARAM_TIMEOUT, ret_ns))
        return false;
    if (*ret_ns <= AFTER_TIMEOUT_NS_MAX)
        return true;
    reply_problem(exchange, PROBLEM_BAD_PARAMETER, "`timeout=%.100s` is more than 60s",
                  exchange_parameter(exchange, PARAM_TIMEOUT));
    return false;
}
