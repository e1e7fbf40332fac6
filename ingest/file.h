/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h: a file as a topic of one partition: its base name, partition 0, bytes as offsets.
 *
 * NDJSON: a record a line; blank lines are passed over. CSV by RFC 4180: a record may hold quoted
 * newlines; the header's names are read with file_csv_header and the source passes the header over.
 * The next offset is the byte after the record's newline. An offset inside a line means that its
 * record was had before: reading goes on behind it. Records beyond DECODE_RECORD_BYTES_MAX come cut
 * (file_reader.h), so that the decoder rejects them.
 *
 * At the end of the file an unfinished line is a record; with `follow` it is not one until its line
 * break is there. A followed file that is cut stops its lane with SOURCE_STOP_GAP, one that is
 * removed or replaced with SOURCE_STOP_DELETED, once all it held is read.
 */
#ifndef INGEST_FILE_H
#define INGEST_FILE_H

#include "ingest/source.h"

struct file_options {
    const char *path;
    bool follow; /* wait for more at the end instead of finishing */
    bool csv;
    bool csv_header;
    char csv_delimiter; /* 0: ',' */
};

int file_source_new(const struct file_options *options, const struct source_handler *handler,
                    void *context, struct source **ret_source, struct weir_error *error);

/* Reads the names in the first record of a CSV file. The caller frees names and array. [control] */
int file_csv_header(const char *path, char delimiter, char ***ret_columns, uint32_t *ret_count,
                    struct weir_error *error);

#endif
