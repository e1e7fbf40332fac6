/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/error.h"
#include "base/value.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* From the largest on: the first that divides is the shortest form. */
static const struct unit durations[] = {
    {"d", 86400 * NS_PER_SECOND},
    {"h", 3600 * NS_PER_SECOND},
    {"m", 60 * NS_PER_SECOND},
    {"s", NS_PER_SECOND},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
};
#define DURATION_HELP "durations are written as 250ms, 30s, 5m, 24h or 7d"

static const struct unit sizes[] = {
    {"TiB", 1LL << 40},
    {"GiB", 1LL << 30},
    {"MiB", 1LL << 20},
    {"KiB", 1LL << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"KB", 1000},
    {"B", 1},
    {"", 1},
};
#define SIZE_HELP "sizes are written as 512B, 64KiB, 2MB or 1GiB"

/* digits unit -> digits x factor. WEIR_E_INVALID, or WEIR_E_LIMIT beyond 63 bits. */
static int quantity_read(const char *text, const struct unit *units, size_t count, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value;
    if (digits == 0)
        return WEIR_E_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (int_read(text, digits, &value) != 0 ||
            __builtin_mul_overflow(value, units[i].factor, &value))
            return WEIR_E_LIMIT;
        *ret = value;
        return 0;
    }
    return WEIR_E_INVALID;
}

int duration_read(const char *text, int64_t *ret_ns, struct weir_error *error)
{
    int status = quantity_read(text, durations, COUNT_OF(durations), ret_ns);
    if (status == WEIR_E_INVALID)
        return error_set(error, status, "`%s` is not a duration; " DURATION_HELP, text);
    if (status == WEIR_E_LIMIT)
        return error_set(error, status, "`%s` is longer than the 292 years that weir counts to",
                         text);
    return status;
}

int size_read(const char *text, uint64_t *ret_bytes, struct weir_error *error)
{
    int64_t bytes = 0;
    int status = quantity_read(text, sizes, COUNT_OF(sizes), &bytes);
    if (status == WEIR_E_INVALID)
        return error_set(error, status, "`%s` is not a size; " SIZE_HELP, text);
    if (status == WEIR_E_LIMIT)
        return error_set(error, status, "`%s` is more than 8 EiB", text);
    *ret_bytes = (uint64_t)bytes;
    return 0;
}

/* The largest unit reads best, but "90s" is shorter than "1m30s" would be and "60s" is "1m". */
void duration_write(struct text *out, int64_t ns)
{
    if (ns == 0) {
        text_add(out, "0s");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(durations); i++)
        if (ns % durations[i].factor == 0) {
            int_write(out, ns / durations[i].factor);
            text_add(out, durations[i].name);
            return;
        }
}

void size_write(struct text *out, uint64_t bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        text_addf(out, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes;
    size_t unit = 0;
    /* 1023.95 and more would be printed as 1024.0. */
    for (; value >= 1023.95 && unit + 1 < COUNT_OF(names); unit++)
        value /= 1024;
    text_addf(out, "%.1f %s", value, names[unit]);
}
