/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_reader.h: the records of an NDJSON or CSV file, one after the other.
 *
 * A record ends with its line, in CSV with the first line break outside of quotes. Line breaks (LF,
 * CRLF) and a byte order mark at the beginning are no part of it; lines without text are passed
 * over.
 *
 * A record beyond FILE_RECORD_BYTES_MAX is cut there, one byte past what a decoder accepts, so that
 * it is rejected as too large; its rest up to the next line break, also one in quotes, is read over
 * without being kept. So memory is bounded by that maximum, and a quote that is never closed costs
 * one such record, not the file.
 *
 * A reader belongs to one thread.
 */
#ifndef INGEST_FILE_READER_H
#define INGEST_FILE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/error.h>
#include <weir/types.h>

#include "ingest/decode.h"

#define FILE_RECORD_BYTES_MAX (DECODE_RECORD_BYTES_MAX + 1)

struct file_reader;

enum file_reading { FILE_RECORD = 0, FILE_END = 1 };

/* delimiter 0: ','. Only regular files: offsets are bytes. */
int file_reader_open(const char *path, bool csv, char delimiter, struct file_reader **ret_reader,
                     struct weir_error *error);
void file_reader_free(struct file_reader *reader);

/* Goes on at the byte `offset`. Where that is not the beginning of a line, the record that it is in
 * was had before: goes on behind it. FILE_END: the file is shorter. */
int file_reader_seek(struct file_reader *reader, int64_t offset, struct weir_error *error);

/* The next record and the byte at which it begins. At the end of the file an unfinished line is a
 * record if `last`, else it stays for later. The value is good until the next call. Negative:
 * reading failed. */
int file_reader_next(struct file_reader *reader, bool last, struct weir_str *ret_value,
                     int64_t *ret_offset, struct weir_error *error);
/* The byte behind the last record and its line break. */
int64_t file_reader_position(const struct file_reader *reader);

/* What has become of the file. FILE_MORE: there is more to read, whatever has become of its name.
 */
enum file_fate { FILE_SAME, FILE_MORE, FILE_SHORTER, FILE_REPLACED, FILE_GONE };
enum file_fate file_reader_fate(const struct file_reader *reader, int64_t *ret_size);

#endif
