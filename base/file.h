/* SPDX-License-Identifier: Apache-2.0 */
/* file.h: whole files and folders. Errors name the path and what to do. [control] */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <weir/error.h>

#include "base/text.h"

/* The whole file; larger than limit_bytes is WEIR_E_LIMIT. */
int file_read(const char *path, size_t limit_bytes, struct text *out, struct weir_error *error);
/* Written beside it, synced, renamed, folder synced: old or new after a crash. */
int file_write_atomic(const char *path, const void *data, size_t length, unsigned mode,
                      struct weir_error *error);
int folder_make(const char *path, unsigned mode, struct weir_error *error); /* with its parents */
/* write(2) until done, over EINTR and short writes. */
int fd_write_all(int fd, const void *data, size_t length);

#endif
