/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h: a file as a topic of one partition: its base name, partition 0, bytes as offsets.
 *
 * NDJSON: a record a line; blank lines are passed over. CSV by RFC 4180: a record may hold quoted
 * newlines; the header's names go to *ret_columns of file_source_header. The next offset is the byte
 * after the record's newline.
 */
#ifndef INGEST_FILE_H
#define INGEST_FILE_H

#include "ingest/source.h"

struct file_options {
    const char *path;
    bool follow; /* wait for more at the end instead of finishing */
    bool csv;
    bool csv_header;
};

int file_source_new(const struct file_options *options, const struct source_handler *handler,
                    void *context, struct source **ret_source, struct weir_error *error);

/* Reads the names in the first record of a CSV file. The caller frees names and array. [control] */
int file_csv_header(const char *path, char delimiter, char ***ret_columns, uint32_t *ret_count,
                    struct weir_error *error);

#endif
