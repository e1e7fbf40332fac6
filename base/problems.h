/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problems.h: all mistakes of a file at once.
 *
 * `file:line:column: error: what; did you mean ...?`, sorted by place, at most PROBLEMS_MAX (the
 * rest is counted). [control]
 */
#ifndef BASE_PROBLEMS_H
#define BASE_PROBLEMS_H

#include <weir/types.h>

#include "base/text.h"

#define PROBLEMS_MAX 100

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct problem {
    enum severity severity;
    struct weir_mark mark;
    char *text;
};

struct problems {
    struct problem *items;
    uint32_t count;
    uint32_t errors; /* all, also those beyond PROBLEMS_MAX */
    uint32_t warnings;
};

void problems_done(struct problems *problems);
void problem_error(struct problems *problems, struct weir_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warning(struct problems *problems, struct weir_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_addv(struct problems *problems, enum severity severity, struct weir_mark mark,
                  const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));
void problems_write(const struct problems *problems, struct text *out);

#endif
