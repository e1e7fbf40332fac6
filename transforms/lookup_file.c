/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_file.c: RFC 4180 with a header, and lines of NDJSON (one object each: lookup_json.c). */
#include "transforms/lookup.h"

#include "base/error.h"
#include "base/file.h"

struct weir_str *lookup_rows_append(struct lookup_rows *rows, uint32_t line)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 64;
        rows->values =
            mem_grow(rows->values, (size_t)rows->capacity * rows->width, sizeof *rows->values);
        rows->lines = mem_grow(rows->lines, rows->capacity, sizeof *rows->lines);
    }
    struct weir_str *row = rows->values + (size_t)rows->count * rows->width;
    memset(row, 0, rows->width * sizeof *row);
    rows->lines[rows->count++] = line;
    return row;
}

void lookup_rows_done(struct lookup_rows *rows)
{
    text_done(&rows->file);
    arena_done(&rows->arena);
    free(rows->values);
    free(rows->lines);
    *rows = (struct lookup_rows){0};
}

static int file_open(const char *path, struct lookup_rows *rows, struct weir_error *error)
{
    *rows = (struct lookup_rows){0};
    arena_init(&rows->arena, LOOKUP_FILE_BYTES_MAX);
    int status = file_read(path, LOOKUP_FILE_BYTES_MAX, &rows->file, error);
    if (status < 0)
        return status;
    if (!rows->file.length)
        return error_set(error, WEIR_E_INVALID, "%s: the file is empty", path);
    if (!utf8_valid(rows->file.data, rows->file.length))
        return error_set(error, WEIR_E_INVALID, "%s: the file is not valid UTF-8", path);
    return 0;
}

/* A cursor over the fields of a CSV file. */
struct csv {
    const char *at;
    const char *end;
    char delimiter;
    uint32_t line;
    struct arena *arena;
    const char *path;
};

enum csv_end { CSV_FIELD, CSV_RECORD }; /* what the delimiter behind a field ended */

static void csv_begin(struct csv *csv, const struct lookup_rows *rows, struct arena *arena,
                      const char *path, char delimiter)
{
    const char *at = rows->file.data;
    const char *end = at + rows->file.length;
    if (rows->file.length >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
        at += 3;
    *csv = (struct csv){at, end, delimiter, 1, arena, path};
}

/* Behind a field: a delimiter, a line's end, or the file's. */
static int csv_field_end(struct csv *csv, struct weir_error *error)
{
    if (csv->at == csv->end)
        return CSV_RECORD;
    if (*csv->at == csv->delimiter) {
        csv->at++;
        return CSV_FIELD;
    }
    if (*csv->at == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n')
        csv->at++;
    if (*csv->at == '\n') {
        csv->at++;
        csv->line++;
        return CSV_RECORD;
    }
    return error_set(error, WEIR_E_INVALID,
                     "%s:%u: text follows a closing quote; a quote inside quotes is written twice",
                     csv->path, csv->line);
}

static int csv_quoted(struct csv *csv, struct weir_str *ret_value, struct weir_error *error)
{
    uint32_t began_line = csv->line;
    const char *from = ++csv->at;
    size_t doubled = 0;
    for (;; csv->at++) {
        if (csv->at == csv->end)
            return error_set(error, WEIR_E_INVALID, "%s:%u: a quote is never closed", csv->path,
                             began_line);
        csv->line += *csv->at == '\n';
        if (*csv->at != '"')
            continue;
        if (csv->at + 1 == csv->end || csv->at[1] != '"')
            break;
        csv->at++;
        doubled++;
    }
    size_t length = (size_t)(csv->at - from);
    csv->at++;
    if (!doubled) {
        *ret_value = str_make(from, length);
        return 0;
    }
    char *plain = arena_alloc(csv->arena, length);
    if (!plain)
        return error_set(error, WEIR_E_NOMEM, "%s: the file is too large", csv->path);
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        plain[n++] = from[i];
        i += from[i] == '"';
    }
    *ret_value = str_make(plain, n);
    return 0;
}

/* One field; returns enum csv_end or a negative status. */
static int csv_next(struct csv *csv, struct weir_str *ret_value, struct weir_error *error)
{
    if (csv->at < csv->end && *csv->at == '"') {
        int status = csv_quoted(csv, ret_value, error);
        return status < 0 ? status : csv_field_end(csv, error);
    }
    const char *from = csv->at;
    while (csv->at < csv->end && *csv->at != csv->delimiter && *csv->at != '\n')
        csv->at++;
    const char *to = csv->at;
    if (to > from && to[-1] == '\r' && (to == csv->end || *to == '\n'))
        to--;
    *ret_value = to == from ? (struct weir_str){0} : str_make(from, (size_t)(to - from));
    return csv_field_end(csv, error);
}

static int csv_header(struct csv *csv, struct weir_str *names, uint32_t max,
                      struct weir_error *error)
{
    uint32_t count = 0;
    int end = CSV_FIELD;
    while (end == CSV_FIELD) {
        struct weir_str name = {0};
        end = csv_next(csv, &name, error);
        if (end < 0)
            return end;
        if (count == max)
            return error_set(error, WEIR_E_LIMIT, "%s: more than %u columns", csv->path, max);
        names[count++] = name.data ? name : str_make("", 0);
    }
    return (int)count;
}

#define CSV_HEADER_MAX 4096

static int csv_columns(struct csv *csv, const char *const *wanted, uint32_t wanted_count,
                       uint32_t *positions, struct weir_error *error)
{
    struct weir_str *names = mem_array(CSV_HEADER_MAX, sizeof *names);
    int count = csv_header(csv, names, CSV_HEADER_MAX, error);
    int status = count < 0 ? count : 0;
    for (uint32_t i = 0; i < wanted_count && status == 0; i++) {
        positions[i] = UINT32_MAX;
        struct text has = TEXT_INIT;
        for (int n = 0; n < count; n++) {
            if (str_is(names[n], wanted[i]))
                positions[i] = (uint32_t)n;
            if (n < 30)
                text_addf(&has, "%s%.*s", n ? ", " : "", (int)names[n].length, names[n].data);
        }
        if (positions[i] == UINT32_MAX)
            status = error_set(error, WEIR_E_INVALID, "%s has no column `%s`; it has %s", csv->path,
                               wanted[i], has.data);
        text_done(&has);
    }
    free(names);
    return status;
}

static int csv_rows(struct lookup_rows *rows, struct csv *csv, const uint32_t *positions,
                    struct weir_error *error)
{
    while (csv->at < csv->end) {
        if (*csv->at == '\n' ||
            (*csv->at == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n')) {
            csv->at += 1 + (*csv->at == '\r');
            csv->line++;
            continue;
        }
        if (rows->count == LOOKUP_ROWS_MAX)
            return error_set(error, WEIR_E_LIMIT, "%s: more than %u rows", csv->path,
                             LOOKUP_ROWS_MAX);
        struct weir_str *row = lookup_rows_append(rows, csv->line);
        int end = CSV_FIELD;
        for (uint32_t n = 0; end == CSV_FIELD; n++) {
            struct weir_str value = {0};
            end = csv_next(csv, &value, error);
            for (uint32_t i = 0; i < rows->width; i++)
                if (positions[i] == n)
                    row[i] = value;
        }
        if (end < 0)
            return end;
    }
    return 0;
}

static int ndjson_rows(struct lookup_rows *rows, const char *path, const char *const *wanted,
                       struct weir_error *error)
{
    const char *at = rows->file.data;
    const char *end = at + rows->file.length;
    for (uint32_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        if (strspn(at, " \t\r") < (size_t)(stop - at)) {
            if (rows->count == LOOKUP_ROWS_MAX)
                return error_set(error, WEIR_E_LIMIT, "%s: more than %u rows", path,
                                 LOOKUP_ROWS_MAX);
            int status = lookup_json_line(rows, at, stop, line, path, wanted, error);
            if (status < 0)
                return status;
        }
        at = stop + (newline != NULL);
    }
    return 0;
}

int lookup_rows_read(const char *path, enum lookup_format format, char delimiter,
                     const char *const *wanted, uint32_t wanted_count, struct lookup_rows *ret_rows,
                     struct weir_error *error)
{
    struct lookup_rows rows;
    int status = file_open(path, &rows, error);
    rows.width = wanted_count;
    if (status == 0 && format == LOOKUP_CSV) {
        uint32_t positions[LOOKUP_COLUMNS_MAX + 1] = {0};
        struct csv csv;
        csv_begin(&csv, &rows, &rows.arena, path, delimiter);
        status = csv_columns(&csv, wanted, wanted_count, positions, error);
        if (status == 0)
            status = csv_rows(&rows, &csv, positions, error);
    } else if (status == 0) {
        status = ndjson_rows(&rows, path, wanted, error);
    }
    if (status < 0) {
        lookup_rows_done(&rows);
        return status;
    }
    *ret_rows = rows;
    return 0;
}

int lookup_csv_header(const char *path, char delimiter, struct weir_str *names, uint32_t max,
                      struct lookup_rows *ret_file, struct weir_error *error)
{
    struct lookup_rows rows;
    int status = file_open(path, &rows, error);
    if (status == 0) {
        struct csv csv;
        csv_begin(&csv, &rows, &rows.arena, path, delimiter);
        status = csv_header(&csv, names, max, error);
    }
    if (status < 0) {
        lookup_rows_done(&rows);
        return status;
    }
    *ret_file = rows;
    return status;
}
