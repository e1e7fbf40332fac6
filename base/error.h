/* SPDX-License-Identifier: Apache-2.0 */
/* error.h: filling in a struct weir_error. Any thread; an error belongs to its caller. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <weir/error.h>

/* Writes status and text (cut to fit) and returns status, so that one can `return error_set(..)`.
 * error may be NULL. The mark is left as it is. */
int error_set(struct weir_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int error_set_at(struct weir_error *error, int status, struct weir_mark mark, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
/* As error_set, followed by ": " and the text of errno. */
int error_set_errno(struct weir_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "text: " before what is written already. */
void error_prefix(struct weir_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *error_status_name(int status); /* "invalid", "io", ... */

#endif
