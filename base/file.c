/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

#define READ_BYTES 65536

int file_read(const char *path, size_t limit_bytes, struct text *out, struct weir_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, WEIR_E_IO, "cannot open %s", path);
    char *buffer = mem_alloc(READ_BYTES);
    size_t total = 0;
    int status = 0;
    while (status == 0) {
        ssize_t bytes = read(fd, buffer, READ_BYTES);
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            status = error_set_errno(error, WEIR_E_IO, "cannot read %s", path);
        if (bytes <= 0)
            break;
        total += (size_t)bytes;
        if (total > limit_bytes)
            status = error_set(error, WEIR_E_LIMIT, "%s is larger than the limit of %zu bytes",
                               path, limit_bytes);
        else
            text_add_bytes(out, buffer, (size_t)bytes);
    }
    if (status == 0)
        text_add_bytes(out, "", 0); /* an empty file has text as well */
    if (status == 0 && out->failed)
        status = error_set(error, WEIR_E_NOMEM, "no memory to read %s", path);
    free(buffer);
    close(fd);
    return status;
}

int fd_write_all(int fd, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return WEIR_E_IO;
        at += written;
        length -= (size_t)written;
    }
    return 0;
}

static int sync_folder_of(const char *path, struct weir_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        !slash ? mem_strdup(".") : mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int status = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        status = error_set_errno(error, WEIR_E_IO, "cannot sync the folder %s", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

int file_write_atomic(const char *path, const void *data, size_t length, unsigned mode,
                      struct weir_error *error)
{
    char *beside = mem_printf("%s.XXXXXX", path);
    int status = 0;
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        status = error_set_errno(error, WEIR_E_IO, "cannot create a file beside %s", path);
        free(beside);
        return status;
    }
    /* A failed fsync is a failed file: it is not tried again on the same pages. */
    if (fd_write_all(fd, data, length) != 0 || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)
        status = error_set_errno(error, WEIR_E_IO, "cannot write %s", beside);
    if (close(fd) != 0 && status == 0)
        status = error_set_errno(error, WEIR_E_IO, "cannot write %s", beside);
    if (status == 0 && rename(beside, path) != 0)
        status = error_set_errno(error, WEIR_E_IO, "cannot rename %s to %s", beside, path);
    if (status != 0)
        unlink(beside);
    else
        status = sync_folder_of(path, error);
    free(beside);
    return status;
}

int folder_make(const char *path, unsigned mode, struct weir_error *error)
{
    if (*path == '\0')
        return error_set(error, WEIR_E_INVALID, "a folder's path is empty");
    char *part = mem_strdup(path);
    int status = 0;
    for (char *at = part + 1; status == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char rest = *at;
        *at = '\0';
        struct stat found;
        if (mkdir(part, (mode_t)mode) != 0) {
            int number = errno;
            if (stat(part, &found) != 0) {
                errno = number;
                status = error_set_errno(error, WEIR_E_IO, "cannot make the folder %s", part);
            } else if (!S_ISDIR(found.st_mode)) {
                status = error_set(error, WEIR_E_IO,
                                   "cannot make the folder %s: a file of that name is there", part);
            }
        }
        *at = rest;
        if (rest == '\0')
            break;
    }
    free(part);
    return status;
}
