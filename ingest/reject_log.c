/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reject_log.c: a folder of rejected-00000001.ndjson, rejected-00000002.ndjson, ...
 *
 * Invariants
 *   J1  files only grow, at the end of the one with the greatest number; together they never have
 *       more than bytes_max bytes.
 *   J2  every file ends with a whole line: a write that fails half-way is cut off again, at once
 * or, after a crash, by the next open. J3  after a sync that failed nothing more is taken: the
 * kernel may have dropped the pages, and a later sync would say that all is well.
 *
 * A partition that starts again from an older offset rejects the same records again. Their `id` is
 * the same, so that who reads the log can pass the second ones over.
 */
#include "ingest/reject_log.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/headers.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/value.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_BYTES_MAX ((uint64_t)64 << 20) /* a longer file is followed by a new one */
#define LINES_BYTES_MAX   ((size_t)512 << 20)  /* of one batch */
#define LINES_BYTES_KEPT  ((size_t)1 << 20)    /* of memory between batches */

struct reject_log {
    pthread_mutex_t lock; /* of all that follows */
    char *folder;
    uint64_t bytes_max;
    uint64_t bytes;         /* of all files */
    uint64_t segment_bytes; /* of the one that grows */
    uint32_t segment;       /* its number, from 1 */
    int fd;                 /* -1: not open */
    int folder_fd;
    bool folder_changed; /* since the last sync */
    bool broken;         /* J3 */
    struct text lines;
};

static char *segment_path(const struct reject_log *log, uint32_t number)
{
    return mem_printf("%s/rejected-%08u.ndjson", log->folder, number);
}

/* The number in a file's name; 0: not one of ours. */
static uint32_t segment_number(const char *name)
{
    static const char before[] = "rejected-";
    static const char behind[] = ".ndjson";
    if (!text_starts(name, before))
        return 0;
    const char *number = name + sizeof(before) - 1;
    size_t digits = strspn(number, "0123456789");
    int64_t value;
    if (strcmp(number + digits, behind) != 0 || int_read(number, digits, &value) != 0 ||
        value > UINT32_MAX - 1)
        return 0;
    return (uint32_t)value;
}

static int segment_open(struct reject_log *log, uint32_t number, struct weir_error *error)
{
    char *path = segment_path(log, number);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = 0;
    if (fd < 0) {
        status = error_set_errno(error, WEIR_E_IO, "cannot open %s", path);
    } else {
        if (log->fd >= 0)
            close(log->fd);
        log->fd = fd;
        log->segment = number;
        log->segment_bytes = 0;
        log->folder_changed = true;
    }
    free(path);
    return status;
}

/* J2 after a crash: where the last whole line ends. */
static int whole_lines(int fd, uint64_t size, uint64_t *ret_size)
{
    char buffer[4096];
    uint64_t end = size;
    while (end > 0) {
        size_t piece = end < sizeof(buffer) ? (size_t)end : sizeof(buffer);
        ssize_t got = pread(fd, buffer, piece, (off_t)(end - piece));
        if (got != (ssize_t)piece)
            return WEIR_E_IO;
        const char *newline = memrchr(buffer, '\n', piece);
        if (newline) {
            *ret_size = end - piece + (uint64_t)(newline - buffer) + 1;
            return 0;
        }
        end -= piece;
    }
    *ret_size = 0;
    return 0;
}

static int segment_mend(struct reject_log *log, struct weir_error *error)
{
    struct stat st;
    uint64_t whole = 0;
    if (fstat(log->fd, &st) != 0 || whole_lines(log->fd, (uint64_t)st.st_size, &whole) < 0)
        return error_set_errno(error, WEIR_E_IO, "cannot read the newest file in %s", log->folder);
    if (whole != (uint64_t)st.st_size && ftruncate(log->fd, (off_t)whole) != 0)
        return error_set_errno(error, WEIR_E_IO, "cannot cut a torn line off in %s", log->folder);
    log->bytes -= (uint64_t)st.st_size - whole;
    log->segment_bytes = whole;
    return 0;
}

/* Adds up the files that are there; *ret_newest is 0 when there is none. */
static int folder_scan(struct reject_log *log, uint32_t *ret_newest, struct weir_error *error)
{
    DIR *folder = opendir(log->folder);
    if (!folder)
        return error_set_errno(error, WEIR_E_IO, "cannot open the folder %s", log->folder);
    uint32_t newest = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat st;
        uint32_t number = segment_number(entry->d_name);
        if (number == 0 || fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        log->bytes += (uint64_t)st.st_size;
        if (number > newest)
            newest = number;
    }
    closedir(folder);
    *ret_newest = newest;
    return 0;
}

int reject_log_open(const char *folder, uint64_t bytes_max, struct reject_log **ret_log,
                    struct weir_error *error)
{
    int status = folder_make(folder, 0700, error);
    if (status < 0)
        return status;
    struct reject_log *log = mem_alloc(sizeof(*log));
    pthread_mutex_init(&log->lock, NULL);
    log->folder = mem_strdup(folder);
    log->bytes_max = bytes_max ? bytes_max : REJECT_LOG_BYTES_DEFAULT;
    log->lines.limit_bytes = LINES_BYTES_MAX;
    log->fd = -1;
    log->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->folder_fd < 0)
        status = error_set_errno(error, WEIR_E_IO, "cannot open the folder %s", folder);
    uint32_t newest = 0;
    if (status == 0)
        status = folder_scan(log, &newest, error);
    /* Without rejects there is no file either. */
    if (status == 0 && newest > 0)
        status = segment_open(log, newest, error);
    if (status == 0 && newest > 0)
        status = segment_mend(log, error);
    if (status < 0) {
        reject_log_close(log);
        return status;
    }
    *ret_log = log;
    return 0;
}

void reject_log_close(struct reject_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (log->folder_fd >= 0)
        close(log->folder_fd);
    pthread_mutex_destroy(&log->lock);
    text_done(&log->lines);
    free(log->folder);
    free(log);
}

static void write_bytes(struct text *out, const char *name, struct weir_str bytes, bool utf8)
{
    text_addf(out, ",\"%s\":", name);
    if (!bytes.data) {
        text_add(out, "null");
    } else if (utf8) {
        json_write_string(out, bytes.data, bytes.length);
    } else {
        text_add_char(out, '"');
        text_add_base64(out, bytes.data, bytes.length);
        text_add_char(out, '"');
    }
}

static void write_time(struct text *out, const char *name, int64_t ns)
{
    text_addf(out, ",\"%s\":\"", name);
    time_write_rfc3339(out, ns);
    text_add_char(out, '"');
}

static void write_line(struct text *out, const struct batch *batch,
                       const struct batch_reject *reject)
{
    const struct weir_record *record = &batch->records[reject->row];
    const char *topic = batch->view.topic;
    struct text id = TEXT_INIT;
    text_addf(&id, "%s/%d/%lld", topic, (int)batch->view.partition, (long long)record->offset);
    text_add(out, "{\"id\":");
    json_write_string(out, id.data, id.length);
    text_done(&id);
    write_time(out, "time", batch->view.now_ns);
    text_add(out, ",\"stage\":");
    json_write_string(out, reject->stage, strlen(reject->stage));
    text_addf(out, ",\"reason\":\"%s\",\"error\":", reason_label(reject->reason));
    json_write_string(out, reject->text, strlen(reject->text));
    text_add(out, ",\"topic\":");
    json_write_string(out, topic, strlen(topic));
    text_addf(out, ",\"partition\":%d,\"offset\":%lld", (int)batch->view.partition,
              (long long)record->offset);
    int64_t ns;
    if (record->timestamp_ms >= 0 && time_from_units(record->timestamp_ms, 1000000, &ns) == 0)
        write_time(out, "timestamp", ns);
    else
        text_add(out, ",\"timestamp\":null");
    bool utf8 = (!record->key.data || utf8_valid(record->key.data, record->key.length)) &&
                (!record->value.data || utf8_valid(record->value.data, record->value.length));
    write_bytes(out, "key", record->key, utf8);
    write_bytes(out, "value", record->value, utf8);
    text_addf(out, ",\"encoding\":\"%s\",\"headers\":", utf8 ? "utf8" : "base64");
    if (record->headers.data)
        headers_write_json(out, record->headers);
    else
        text_add(out, "{}");
    text_add(out, "}\n");
}

static int append(struct reject_log *log, struct weir_error *error)
{
    if (log->broken)
        return error_set(error, WEIR_E_IO,
                         "a sync of %s failed before; start again once the disk is well",
                         log->folder);
    if (log->lines.length > log->bytes_max || log->bytes > log->bytes_max - log->lines.length)
        return error_set(error, WEIR_E_LIMIT,
                         "%s has %llu of at most %llu bytes of rejected records; replay or remove "
                         "them, or raise the limit, and start again",
                         log->folder, (unsigned long long)log->bytes,
                         (unsigned long long)log->bytes_max);
    if (log->fd < 0 || log->segment_bytes >= SEGMENT_BYTES_MAX) {
        /* A sync looks at the file that grows: the one that is left must be on the disk before. */
        if (log->fd >= 0 && fdatasync(log->fd) != 0) {
            log->broken = true;
            return error_set_errno(error, WEIR_E_IO, "cannot sync %s", log->folder);
        }
        int status = segment_open(log, log->segment + 1, error);
        if (status < 0)
            return status;
    }
    if (fd_write_all(log->fd, log->lines.data, log->lines.length) < 0) {
        int status = error_set_errno(error, WEIR_E_IO, "cannot write to %s", log->folder);
        if (ftruncate(log->fd, (off_t)log->segment_bytes) != 0)
            log->broken = true; /* a torn line stays until the next open */
        return status;
    }
    log->segment_bytes += log->lines.length;
    log->bytes += log->lines.length;
    return 0;
}

int reject_log_add(struct reject_log *log, const struct batch *batch, struct weir_error *error)
{
    if (batch->reject_count == 0)
        return 0;
    pthread_mutex_lock(&log->lock);
    text_clear(&log->lines);
    for (uint32_t i = 0; i < batch->reject_count; i++)
        write_line(&log->lines, batch, &batch->rejects[i]);
    int status = log->lines.failed
                     ? error_set(error, WEIR_E_NOMEM, "no memory to write %u rejected records",
                                 batch->reject_count)
                     : append(log, error);
    if (log->lines.capacity > LINES_BYTES_KEPT)
        text_done(&log->lines);
    log->lines.limit_bytes = LINES_BYTES_MAX;
    pthread_mutex_unlock(&log->lock);
    return status;
}

int reject_log_sync(struct reject_log *log, struct weir_error *error)
{
    int status = 0;
    pthread_mutex_lock(&log->lock);
    if (log->broken)
        status = error_set(error, WEIR_E_IO, "an earlier write or sync of %s failed", log->folder);
    else if ((log->fd >= 0 && fdatasync(log->fd) != 0) ||
             (log->folder_changed && fsync(log->folder_fd) != 0))
        status = error_set_errno(error, WEIR_E_IO, "cannot sync %s", log->folder);
    if (status == 0)
        log->folder_changed = false;
    else
        log->broken = true;
    pthread_mutex_unlock(&log->lock);
    return status;
}
