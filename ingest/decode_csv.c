/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_csv.c: declared columns out of records of CSV (RFC 4180).
 *
 *   record = field { delimiter field } [ CR ] [ LF ]
 *   field  = plain | '"' { any but '"' | '""' } '"'
 *
 * A field is text and read as its declared type. A field of no bytes without quotes is null; with
 * quotes it is an empty text. A record is cut into all its fields before any is read, so that a
 * record of the wrong shape is malformed, whatever stands in the columns that moved.
 */
#include "ingest/decode_private.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

struct csv_field {
    const char *data;
    uint32_t length;
    bool quoted;
    bool doubled; /* holds "" for a quote */
};

struct csv_decoder {
    uint32_t column_count;
    uint32_t *column_slots;   /* by column: the first slot that wants it, or SLOT_NONE */
    struct csv_field *fields; /* of the record, by column */
    char delimiter;
    bool ends_plain[256]; /* bytes that plain text does not go beyond */
};

struct names {
    const char *const *items;
};

static const char *name_at(const void *context, size_t i)
{
    return ((const struct names *)context)->items[i];
}

static int column_find(const struct decode_options *options, const struct decode_field *field,
                       uint32_t *ret_column, struct weir_error *error)
{
    for (uint32_t i = 0; i < options->csv_column_count; i++) {
        if (strcmp(options->csv_columns[i], field->path[0]) == 0) {
            *ret_column = i;
            return 0;
        }
    }
    struct names names = {options->csv_columns};
    const char *near = suggest(field->path[0], options->csv_column_count, name_at, &names);
    struct text all = TEXT_INIT;
    for (uint32_t i = 0; i < options->csv_column_count; i++)
        text_addf(&all, "%s%s", i ? ", " : "", options->csv_columns[i]);
    int status = error_set(error, WEIR_E_INVALID,
                           "field `%s`: there is no column `%s`%s%s%s; the columns are: %s",
                           field->name, field->path[0], near ? "; did you mean `" : "",
                           near ? near : "", near ? "`?" : "", all.data ? all.data : "");
    text_done(&all);
    return status;
}

static int field_add(struct csv_decoder *csv, const struct decode_options *options,
                     const struct decode_field *field, uint32_t number, struct decoder *decoder,
                     struct weir_error *error)
{
    if (field->path_length != 1)
        return error_set(error, WEIR_E_INVALID,
                         "field `%s`: a record of CSV has columns, no dotted paths", field->name);
    uint32_t column = number;
    if (options->csv_columns) {
        int status = column_find(options, field, &column, error);
        if (status < 0)
            return status;
    }
    decoder->slots[number].next = csv->column_slots[column];
    csv->column_slots[column] = number;
    return 0;
}

int csv_decoder_new(const struct decode_options *options, const struct decode_field *fields,
                    struct decoder *decoder, struct weir_error *error)
{
    struct csv_decoder *csv = mem_alloc(sizeof(*csv));
    decoder->csv = csv;
    csv->delimiter = options->csv_delimiter ? options->csv_delimiter : ',';
    if (csv->delimiter == '"' || csv->delimiter == '\n' || csv->delimiter == '\r')
        return error_set(error, WEIR_E_INVALID,
                         "a quote or a line break cannot be the delimiter of CSV");
    csv->ends_plain[(unsigned char)csv->delimiter] = true;
    csv->ends_plain['"'] = csv->ends_plain['\n'] = csv->ends_plain['\r'] = true;
    csv->ends_plain[0] = true;

    csv->column_count = options->csv_columns ? options->csv_column_count : decoder->slot_count;
    csv->fields = mem_array(csv->column_count + 1, sizeof(*csv->fields));
    csv->column_slots = mem_array(csv->column_count + 1, sizeof(*csv->column_slots));
    for (uint32_t i = 0; i < csv->column_count; i++)
        csv->column_slots[i] = SLOT_NONE;
    int status = 0;
    for (uint32_t i = 0; i < decoder->slot_count && status == 0; i++)
        status = field_add(csv, options, &fields[i], i, decoder, error);
    return status;
}

void csv_decoder_free(struct csv_decoder *csv)
{
    if (!csv)
        return;
    free(csv->fields);
    free(csv->column_slots);
    free(csv);
}

static int malformed(struct decoder *decoder, uint32_t column, const char *what)
{
    batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED, "column %u: %s", column + 1,
                 what);
    return DECODE_REJECTED;
}

/* p is behind the opening quote; returns what is behind the closing one, NULL: there is none. */
static const char *quoted_end(const char *p, const char *end, struct csv_field *field)
{
    field->data = p;
    field->quoted = true;
    for (;;) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote)
            return NULL;
        if (quote + 1 == end || quote[1] != '"') {
            field->length = (uint32_t)(quote - field->data);
            return quote + 1;
        }
        field->doubled = true;
        p = quote + 2;
    }
}

static int plain_wrong(struct decoder *decoder, uint32_t column, char found)
{
    if (found == '"')
        return malformed(decoder, column, "a quote inside a field that does not begin with one");
    if (found == 0)
        return malformed(decoder, column, "there is a NUL byte");
    return malformed(decoder, column, "a line break outside of quotes");
}

/* Cuts the record; fields beyond the columns are counted only. */
static int cut(struct decoder *decoder, const char *p, const char *end)
{
    struct csv_decoder *csv = decoder->csv;
    uint32_t column = 0;
    for (;; column++, p++) {
        struct csv_field field = {p, 0, false, false};
        if (p < end && *p == '"') {
            p = quoted_end(p + 1, end, &field);
            if (!p)
                return malformed(decoder, column, "a quote is never closed");
            if (p < end && *p != csv->delimiter)
                return malformed(decoder, column, "something follows the closing quote");
            if (memchr(field.data, 0, field.length))
                return plain_wrong(decoder, column, 0);
        } else {
            while (p < end && !csv->ends_plain[(unsigned char)*p])
                p++;
            if (p < end && *p != csv->delimiter)
                return plain_wrong(decoder, column, *p);
            field.length = (uint32_t)(p - field.data);
        }
        if (column < csv->column_count)
            csv->fields[column] = field;
        if (p == end)
            break;
    }
    if (column + 1 == csv->column_count)
        return DECODE_DONE;
    batch_reject(decoder->batch, decoder->row, WEIR_REJECT_MALFORMED,
                 "the record has %u columns, expected %u", column + 1, csv->column_count);
    return DECODE_REJECTED;
}

/* The text of a field, in the batch's memory where quotes were doubled. */
static int field_text(struct decoder *decoder, const struct csv_field *field,
                      struct weir_str *ret_text)
{
    struct weir_str text = {field->data, field->length, 0};
    if (field->doubled) {
        char *out = batch_alloc(decoder->batch, field->length);
        if (!out)
            return WEIR_E_NOMEM;
        text.data = out;
        const char *end = field->data + field->length;
        for (const char *p = field->data; p < end; p++) {
            p += *p == '"'; /* the first of two */
            *out++ = *p;
        }
        text.length = (uint32_t)(out - text.data);
    }
    *ret_text = text;
    return DECODE_DONE;
}

static int column_read(struct decoder *decoder, uint32_t column)
{
    const struct csv_field *field = &decoder->csv->fields[column];
    bool null = field->length == 0 && !field->quoted;
    struct weir_str text;
    int outcome = field_text(decoder, field, &text);
    for (uint32_t slot = decoder->csv->column_slots[column];
         slot != SLOT_NONE && outcome == DECODE_DONE; slot = decoder->slots[slot].next)
        outcome = null ? slot_null(decoder, &decoder->slots[slot])
                       : slot_text(decoder, &decoder->slots[slot], text);
    return outcome;
}

int csv_decode_row(struct decoder *decoder, struct weir_str value)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *begin = value.data;
    const char *end = begin + value.length;
    if (unlikely(value.length >= 3 && memcmp(begin, byte_order_mark, 3) == 0))
        begin += 3;
    if (end > begin && end[-1] == '\n')
        end--;
    if (end > begin && end[-1] == '\r')
        end--;
    if (unlikely(!json_utf8_valid(begin, (size_t)(end - begin)))) {
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_BAD_UTF8,
                     "the record is not valid UTF-8");
        return DECODE_REJECTED;
    }
    int outcome = cut(decoder, begin, end);
    for (uint32_t i = 0; i < decoder->csv->column_count && outcome == DECODE_DONE; i++)
        if (decoder->csv->column_slots[i] != SLOT_NONE)
            outcome = column_read(decoder, i);
    return outcome;
}
