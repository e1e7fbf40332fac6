/* SPDX-License-Identifier: Apache-2.0 */
/* csv_header.c: the names in the first record of a CSV file. */
#include "ingest/file.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "ingest/file_reader.h"

#define COLUMNS_MAX 4096

struct names {
    char **items;
    uint32_t count;
};

static void names_done(struct names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

/* The name at *at up to a delimiter or the end; *at moves there. NULL: the quotes are wrong. */
static char *name_read(const char **at, const char *end, char delimiter)
{
    struct text name = TEXT_INIT;
    const char *p = *at;
    text_add(&name, "");
    if (p < end && *p == '"') {
        for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++) {
            p += *p == '"';
            text_add_char(&name, *p);
        }
        if (p == end || (p + 1 < end && p[1] != delimiter)) {
            text_done(&name);
            return NULL;
        }
        p++;
    } else {
        for (; p < end && *p != delimiter; p++)
            text_add_char(&name, *p);
    }
    *at = p;
    return text_take(&name);
}

static int header_read(struct weir_str record, char delimiter, const char *path,
                       struct names *names, struct weir_error *error)
{
    const char *p = record.data;
    const char *end = p + record.length;
    if (!utf8_valid(record.data, record.length) || memchr(record.data, 0, record.length))
        return error_set(error, WEIR_E_INVALID, "the header of %s is not text in UTF-8", path);
    for (;; p++) {
        char *name = name_read(&p, end, delimiter);
        if (!name)
            return error_set(error, WEIR_E_INVALID,
                             "the header of %s has a quote that is not closed in column %u", path,
                             names->count + 1);
        for (uint32_t i = 0; i < names->count; i++) {
            if (strcmp(names->items[i], name) == 0) {
                int status = error_set(error, WEIR_E_INVALID,
                                       "the header of %s has the column `%s` twice", path, name);
                free(name);
                return status;
            }
        }
        names->items = mem_grow(names->items, names->count + 1, sizeof(*names->items));
        names->items[names->count++] = name;
        if (p == end)
            return 0;
        if (names->count == COLUMNS_MAX)
            return error_set(error, WEIR_E_LIMIT, "the header of %s has more than %u columns", path,
                             COLUMNS_MAX);
    }
}

int file_csv_header(const char *path, char delimiter, char ***ret_columns, uint32_t *ret_count,
                    struct weir_error *error)
{
    struct file_reader *reader;
    int status = file_reader_open(path, true, delimiter, &reader, error);
    if (status < 0)
        return status;
    struct names names = {NULL, 0};
    struct weir_str record;
    int64_t offset;
    status = file_reader_next(reader, true, &record, &offset, error);
    if (status == FILE_END)
        status = error_set(error, WEIR_E_INVALID,
                           "%s is empty; its first line must hold the names of the columns", path);
    else if (status == FILE_RECORD)
        status = header_read(record, delimiter ? delimiter : ',', path, &names, error);
    file_reader_free(reader);
    if (status < 0) {
        names_done(&names);
        return status;
    }
    *ret_columns = names.items;
    *ret_count = names.count;
    return 0;
}
