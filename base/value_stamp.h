/* SPDX-License-Identifier: Apache-2.0 */
/* value_stamp.h: what the readers of times share; for base/value_*.c only. */
#ifndef BASE_VALUE_STAMP_H
#define BASE_VALUE_STAMP_H

#include "base/value.h"

#define SECONDS_PER_DAY 86400

/* What a text says before it is known to be a time. */
struct stamp {
    int32_t year;
    unsigned month, day, hour, minute, second, nanosecond;
    int32_t offset_seconds; /* east of Greenwich */
};

int stamp_to_ns(const struct stamp *stamp, int64_t *ret_ns);

/* Both move *at on. Digits of a second: WEIR_E_LIMIT if those beyond the ninth are not zeros. */
int stamp_fraction_read(const char **at, const char *end, unsigned *ret_ns);
/* "Z", "+hh:mm"; with `loose` also "+hhmm" and "+hh", as strptime(3) has it. */
int stamp_offset_read(const char **at, const char *end, bool loose, int32_t *ret_seconds);

#endif
