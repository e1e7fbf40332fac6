/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/file_reader.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES_MIN ((size_t)256 << 10)

/*
 * Where the bytes looked at so far leave us inside a record:
 *
 *             "                    "
 *   BEGIN ---------> QUOTED <------------> CLOSED     (a quote in quotes is doubled)
 *     |  any other      line break inside    | delimiter: BEGIN, any other but CR: PLAIN
 *     v                                      v
 *   PLAIN --delimiter--> BEGIN             line break: the record ends, as in BEGIN and PLAIN
 */
enum cut_state { CUT_BEGIN, CUT_PLAIN, CUT_QUOTED, CUT_CLOSED };

struct file_reader {
    int fd;
    char *path;
    bool csv;
    char delimiter;
    bool skipping; /* the rest of a record that was too large */
    enum cut_state state;
    char *buffer;
    size_t capacity;
    size_t begin;       /* of the record that is being looked for */
    size_t looked;      /* up to here there is no end of it */
    size_t end;         /* of what was read */
    int64_t end_offset; /* in the file */
};

int64_t file_reader_position(const struct file_reader *reader)
{
    return reader->end_offset - (int64_t)(reader->end - reader->begin);
}

static void reset(struct file_reader *reader, int64_t offset)
{
    reader->begin = reader->looked = reader->end = 0;
    reader->end_offset = offset;
    reader->state = CUT_BEGIN;
    reader->skipping = false;
}

int file_reader_open(const char *path, bool csv, char delimiter, struct file_reader **ret_reader,
                     struct weir_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, WEIR_E_IO, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(error, WEIR_E_INVALID,
                         "%s is not a regular file; its bytes are the offsets of its records, so "
                         "pipes, devices and folders cannot be read",
                         path);
    }
    struct file_reader *reader = mem_alloc(sizeof(*reader));
    reader->fd = fd;
    reader->path = mem_strdup(path);
    reader->csv = csv;
    reader->delimiter = delimiter ? delimiter : ',';
    *ret_reader = reader;
    return 0;
}

void file_reader_free(struct file_reader *reader)
{
    if (!reader)
        return;
    close(reader->fd);
    free(reader->path);
    free(reader->buffer);
    free(reader);
}

/* Moves what is not used yet to the front and makes room behind it. */
static int room_make(struct file_reader *reader, struct weir_error *error)
{
    size_t kept = reader->end - reader->begin;
    size_t wanted = BUFFER_BYTES_MIN;
    while (wanted < kept * 2 && wanted < FILE_RECORD_BYTES_MAX)
        wanted *= 2;
    if (wanted > FILE_RECORD_BYTES_MAX)
        wanted = FILE_RECORD_BYTES_MAX;
    if (wanted < kept + BUFFER_BYTES_MIN)
        wanted = kept + BUFFER_BYTES_MIN;
    if (reader->capacity < wanted || reader->capacity > 4 * wanted) {
        char *buffer = malloc(wanted);
        if (!buffer)
            return error_set(error, WEIR_E_NOMEM, "no memory for a record of %zu bytes of %s",
                             wanted, reader->path);
        if (kept)
            memcpy(buffer, reader->buffer + reader->begin, kept);
        free(reader->buffer);
        reader->buffer = buffer;
        reader->capacity = wanted;
    } else if (kept) {
        memmove(reader->buffer, reader->buffer + reader->begin, kept);
    }
    reader->looked -= reader->begin;
    reader->begin = 0;
    reader->end = kept;
    return 0;
}

/* FILE_RECORD: there is more in the buffer. */
static int refill(struct file_reader *reader, struct weir_error *error)
{
    int status = room_make(reader, error);
    if (status < 0)
        return status;
    ssize_t got;
    do
        got = pread(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end,
                    reader->end_offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(error, WEIR_E_IO, "cannot read %s at byte %lld", reader->path,
                               (long long)reader->end_offset);
    reader->end += (size_t)got;
    reader->end_offset += got;
    return got ? FILE_RECORD : FILE_END;
}

static bool line_end(struct file_reader *reader)
{
    const char *data = reader->buffer;
    const char *newline = reader->looked < reader->end
                              ? memchr(data + reader->looked, '\n', reader->end - reader->looked)
                              : NULL;
    reader->looked = newline ? (size_t)(newline - data) + 1 : reader->end;
    return newline != NULL;
}

static bool csv_end(struct file_reader *reader)
{
    const char *data = reader->buffer;
    enum cut_state state = reader->state;
    size_t at = reader->looked;
    for (; at < reader->end; at++) {
        char c = data[at];
        if (state == CUT_QUOTED) {
            const char *quote = memchr(data + at, '"', reader->end - at);
            if (!quote) {
                at = reader->end;
                break;
            }
            at = (size_t)(quote - data);
            state = CUT_CLOSED;
        } else if (c == '\n') {
            reader->state = CUT_BEGIN;
            reader->looked = at + 1;
            return true;
        } else if (c == reader->delimiter) {
            state = CUT_BEGIN;
        } else if (c == '"' && state != CUT_PLAIN) {
            state = CUT_QUOTED;
        } else if (state == CUT_BEGIN || c != '\r') {
            state = CUT_PLAIN;
        }
    }
    reader->state = state;
    reader->looked = at;
    return false;
}

/* True: buffer[begin, looked) is a record with its line break. */
static bool record_end(struct file_reader *reader)
{
    return reader->csv && !reader->skipping ? csv_end(reader) : line_end(reader);
}

/* Takes [begin, looked) out of the buffer; false: there is no text in it. */
static bool take(struct file_reader *reader, struct weir_str *ret_value, int64_t *ret_offset)
{
    const char *data = reader->buffer + reader->begin;
    size_t length = reader->looked - reader->begin;
    int64_t offset = file_reader_position(reader);
    reader->begin = reader->looked;
    reader->state = CUT_BEGIN;
    if (offset == 0 && length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        length -= 3;
    }
    if (length > 0 && data[length - 1] == '\n')
        length--;
    if (length > 0 && data[length - 1] == '\r')
        length--;
    size_t blank = 0;
    while (blank < length && !reader->csv && (data[blank] == ' ' || data[blank] == '\t'))
        blank++;
    if (blank == length)
        return false;
    if (length > FILE_RECORD_BYTES_MAX)
        length = FILE_RECORD_BYTES_MAX;
    *ret_value = (struct weir_str){data, (uint32_t)length, 0};
    *ret_offset = offset;
    return true;
}

int file_reader_next(struct file_reader *reader, bool last, struct weir_str *ret_value,
                     int64_t *ret_offset, struct weir_error *error)
{
    for (;;) {
        if (record_end(reader)) {
            bool rest = reader->skipping;
            reader->skipping = false;
            if (rest)
                reader->begin = reader->looked;
            else if (take(reader, ret_value, ret_offset))
                return FILE_RECORD;
            continue;
        }
        if (reader->skipping) {
            reader->begin = reader->looked;
        } else if (reader->end - reader->begin >= FILE_RECORD_BYTES_MAX) {
            *ret_value =
                (struct weir_str){reader->buffer + reader->begin, FILE_RECORD_BYTES_MAX, 0};
            *ret_offset = file_reader_position(reader);
            reader->skipping = true;
            reader->begin += FILE_RECORD_BYTES_MAX;
            reader->looked = reader->begin;
            return FILE_RECORD;
        }
        int status = refill(reader, error);
        if (status == FILE_RECORD)
            continue;
        if (status == FILE_END && last && reader->end > reader->begin && !reader->skipping) {
            reader->looked = reader->end;
            if (take(reader, ret_value, ret_offset))
                return FILE_RECORD;
        }
        return status;
    }
}

/* Is the byte before `offset` a line break? */
static int at_line(struct file_reader *reader, int64_t offset, bool *ret_line,
                   struct weir_error *error)
{
    char before;
    ssize_t got;
    do
        got = pread(reader->fd, &before, 1, offset - 1);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(error, WEIR_E_IO, "cannot read %s at byte %lld", reader->path,
                               (long long)offset - 1);
    *ret_line = before == '\n';
    return got ? FILE_RECORD : FILE_END;
}

int file_reader_seek(struct file_reader *reader, int64_t offset, struct weir_error *error)
{
    bool line = true;
    int status = FILE_RECORD;
    if (offset > 0)
        status = at_line(reader, offset, &line, error);
    if (status != FILE_RECORD)
        return status;
    if (line || !reader->csv) {
        reset(reader, offset);
        reader->skipping = !line;
        return 0;
    }
    /* Only from the beginning is it known which line breaks stand in quotes. */
    reset(reader, 0);
    while (status == FILE_RECORD && file_reader_position(reader) < offset) {
        struct weir_str value;
        int64_t begin;
        status = file_reader_next(reader, true, &value, &begin, error);
    }
    return status < 0 ? status : 0;
}

enum file_fate file_reader_fate(const struct file_reader *reader, int64_t *ret_size)
{
    struct stat open_file;
    struct stat named;
    *ret_size = reader->end_offset;
    /* The name first: what was written before it went to another file is then seen in the size. */
    bool has_name = stat(reader->path, &named) == 0;
    if (fstat(reader->fd, &open_file) != 0)
        return FILE_GONE;
    *ret_size = open_file.st_size;
    if (open_file.st_size < reader->end_offset)
        return FILE_SHORTER;
    if (open_file.st_size > reader->end_offset)
        return FILE_MORE;
    if (!has_name)
        return FILE_GONE;
    return named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev ? FILE_SAME
                                                                                : FILE_REPLACED;
}
