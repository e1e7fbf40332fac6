/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>

#include "base/check.h"

static const char *const status_names[] = {
    "ok", "no_memory", "invalid", "unavailable", "limit", "io", "corrupt", "state", "internal",
};

/* The text, cut between two characters, on one line. By way of a buffer of its own, which is longer
 * than the text may be, so that the arguments may point into error->text. */
static void set_text(struct weir_error *error, const char *before, const char *text)
{
    char buffer[WEIR_ERROR_TEXT_BYTES_MAX + 4];
    int length = snprintf(buffer, sizeof buffer, "%s%s", before, text);
    size_t bytes = length < 0 ? 0 : (size_t)length;
    if (bytes >= WEIR_ERROR_TEXT_BYTES_MAX) {
        bytes = WEIR_ERROR_TEXT_BYTES_MAX - 1;
        while (bytes > 0 && ((unsigned char)buffer[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    for (size_t i = 0; i < bytes; i++)
        error->text[i] = buffer[i] == '\n' || buffer[i] == '\r' ? ' ' : buffer[i];
    error->text[bytes] = '\0';
}

static int __attribute__((format(printf, 3, 0)))
set_v(struct weir_error *error, int status, const char *format, va_list arguments)
{
    char buffer[WEIR_ERROR_TEXT_BYTES_MAX + 4];
    if (vsnprintf(buffer, sizeof buffer, format, arguments) < 0)
        buffer[0] = '\0';
    error->status = status;
    set_text(error, "", buffer);
    return status;
}

int error_set(struct weir_error *error, int status, const char *format, ...)
{
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    set_v(error, status, format, arguments);
    va_end(arguments);
    return status;
}

int error_set_at(struct weir_error *error, int status, struct weir_mark mark, const char *format,
                 ...)
{
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    set_v(error, status, format, arguments);
    va_end(arguments);
    error->mark = mark;
    return status;
}

int error_set_errno(struct weir_error *error, int status, const char *format, ...)
{
    int number = errno;
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    set_v(error, status, format, arguments);
    va_end(arguments);
    char reason[160];
    const char *text = strerror_r(number, reason + 2, sizeof reason - 2);
    if (text != reason + 2)
        snprintf(reason + 2, sizeof reason - 2, "%s", text);
    reason[0] = ':';
    reason[1] = ' ';
    set_text(error, error->text, reason);
    errno = number;
    return status;
}

void error_prefix(struct weir_error *error, const char *format, ...)
{
    if (!error)
        return;
    char prefix[WEIR_ERROR_TEXT_BYTES_MAX + 8];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefix, sizeof prefix - 2, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t bytes = strlen(prefix);
    prefix[bytes] = ':';
    prefix[bytes + 1] = ' ';
    prefix[bytes + 2] = '\0';
    set_text(error, prefix, error->text);
}

const char *error_status_name(int status)
{
    size_t i = (size_t) - (int64_t)status;
    return status <= 0 && i < COUNT_OF(status_names) ? status_names[i] : "unknown";
}
