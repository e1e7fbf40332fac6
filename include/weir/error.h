/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h: how a failure is told.
 *
 * A function that can fail returns 0 or a negative enum weir_status, and writes the text for a
 * person where the cause is known: into a struct weir_error that the caller owns. Nothing is
 * allocated; a text that is too long is cut. Outcomes that a caller handles as a matter of course
 * (not found, end) are positive return values, documented with the function.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_status {
    WEIR_OK = 0,
    WEIR_E_NOMEM = -1,       /* memory or a declared limit of it is used up */
    WEIR_E_INVALID = -2,     /* what the user wrote is wrong */
    WEIR_E_UNAVAILABLE = -3, /* something outside cannot be reached now */
    WEIR_E_LIMIT = -4,       /* a declared limit other than memory */
    WEIR_E_IO = -5,          /* the operating system refused */
    WEIR_E_CORRUPT = -6,     /* what was read does not verify */
    WEIR_E_STATE = -7,       /* not in this state */
    WEIR_E_INTERNAL = -8     /* a fault of ours */
};

#define WEIR_ERROR_TEXT_BYTES_MAX 1024

struct weir_error {
    int status; /* enum weir_status */
    struct weir_mark mark;
    char text[WEIR_ERROR_TEXT_BYTES_MAX]; /* one sentence: what, where, what to do; no newline */
};

#ifdef __cplusplus
}
#endif
#endif
