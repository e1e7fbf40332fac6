/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_private.h: what the formats of a decoder share.
 *
 * A format (decode_json.c, decode_csv.c) finds the bytes of declared fields in a record and hands
 * them to slots; a slot knows its column and how a value of its type is read. What goes wrong with
 * a value rejects the row, here or there, with a text that names the field and what was found.
 */
#ifndef INGEST_DECODE_PRIVATE_H
#define INGEST_DECODE_PRIVATE_H

#include "ingest/decode.h"
#include "ingest/json_walk.h"

#define SLOT_NONE UINT32_MAX

/* How much of a value is quoted in a message. */
#define DECODE_EXCERPT_BYTES_MAX 32

/* What reading a row or a value comes to; negative enum weir_status: the batch fails. */
enum decode_outcome { DECODE_DONE = 0, DECODE_REJECTED = 1 };

struct decode_slot {
    struct weir_column *column; /* of the batch that is decoded */
    union {                     /* column's */
        uint8_t *bools;
        int64_t *ints;
        double *floats;
        struct weir_str *strs;
        void *data;
    };
    struct weir_type type;
    uint8_t time; /* enum decode_time */
    bool coerce;
    uint8_t unit_scale; /* DECODE_TIME_UNIT: the unit is unit_ns = 10^unit_scale ns */
    int64_t unit_ns;
    const char *name;
    const char *time_format;
    uint32_t index;   /* weir_batch.columns */
    uint32_t next;    /* JSON: another slot of the same path, or SLOT_NONE */
    const char *path; /* as the user wrote it, "user.address.city" */
};

struct json_decoder;
struct csv_decoder;

struct decoder {
    enum decode_format format;
    struct decode_slot *slots; /* in the order of the declared fields */
    uint32_t slot_count;
    struct json_decoder *json;
    struct csv_decoder *csv;
    /* JSON inside a text: a column of CSV, a text that is coerced. */
    struct json_index text_index;
    struct batch *batch;
    uint32_t row;
};

int json_decoder_new(const struct decode_options *options, const struct decode_field *fields,
                     struct decoder *decoder, struct weir_error *error);
void json_decoder_free(struct json_decoder *json);
int json_decode_row(struct decoder *decoder, struct weir_str value);
/* After a batch: gives back what a huge record took. */
void json_decoder_trim(struct json_decoder *json);

int csv_decoder_new(const struct decode_options *options, const struct decode_field *fields,
                    struct decoder *decoder, struct weir_error *error);
void csv_decoder_free(struct csv_decoder *csv);
int csv_decode_row(struct decoder *decoder, struct weir_str value);

/* Null in this row: rejects where the type does not allow it. */
int slot_null(struct decoder *decoder, struct decode_slot *slot);
/* A text read as the declared type: columns of CSV, JSON with `coerce`. 8 bytes behind it can be
 * read, and it lives as long as the batch. */
int slot_text(struct decoder *decoder, struct decode_slot *slot, struct weir_str text);
/* A time from a text or the digits of a number. */
int slot_time(struct decoder *decoder, struct decode_slot *slot, struct weir_str text);
/* A value of JSON's text `text` that begins at `token`, kept verbatim; its grammar is checked. */
int slot_json(struct decoder *decoder, struct decode_slot *slot, const struct json_text *text,
              uint32_t token, uint32_t level);
/* "`amount`: expected decimal(2), found the text "12,5"". found.data NULL: nothing is quoted. */
int slot_reject(struct decoder *decoder, const struct decode_slot *slot, enum weir_reason reason,
                const char *kind, struct weir_str found);
/* The same with what is wrong in words. */
int slot_reject_why(struct decoder *decoder, const struct decode_slot *slot,
                    enum weir_reason reason, const char *why);

/* At most DECODE_EXCERPT_BYTES_MAX bytes for a message, whole characters, "..." where it is cut. */
#define DECODE_EXCERPT_BUFFER_BYTES (DECODE_EXCERPT_BYTES_MAX + 8)
const char *decode_excerpt(struct weir_str text, char buffer[DECODE_EXCERPT_BUFFER_BYTES]);

/* Columns of the slots' types are there; these write this row's value. */
static inline void slot_put_str(const struct decoder *decoder, struct decode_slot *slot,
                                const char *data, uint32_t length)
{
    struct weir_str s = {data, length, 0};
    slot->strs[decoder->row] = s;
}

static inline void slot_put_int(const struct decoder *decoder, struct decode_slot *slot,
                                int64_t value)
{
    slot->ints[decoder->row] = value;
}

#endif
