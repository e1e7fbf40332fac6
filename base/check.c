/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

void check_failed(const char *file, int line, const char *function, const char *what)
{
    /* Not through the log: its state may be what is broken. */
    fprintf(stderr, "weir: broken invariant: %s (%s:%d, %s)\n", what, file, line, function);
    fflush(stderr);
    abort();
}
