/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c: a decoder's life, and the run over a batch. */
#include "ingest/decode_private.h"

#include "base/check.h"
#include "base/error.h"
#include "base/text.h"
#include "base/value.h"

static int unit_scale(int64_t unit_ns, uint8_t *ret_scale)
{
    uint8_t scale = 0;
    for (int64_t unit = 1; unit <= NS_PER_SECOND; unit *= 10, scale++) {
        if (unit == unit_ns) {
            *ret_scale = scale;
            return 0;
        }
    }
    return WEIR_E_INVALID;
}

static char *path_text(const struct decode_field *field)
{
    struct text path = TEXT_INIT;
    for (uint32_t i = 0; i < field->path_length; i++) {
        if (i > 0)
            text_add_char(&path, '.');
        text_add(&path, field->path[i]);
    }
    return text_take(&path);
}

static int slot_init(struct decode_slot *slot, const struct decode_field *field,
                     struct weir_error *error)
{
    slot->type = field->type;
    slot->time = field->time;
    slot->coerce = field->coerce;
    slot->unit_ns = field->time_unit_ns;
    slot->index = field->column;
    slot->next = SLOT_NONE;
    if (field->path_length == 0)
        return error_set(error, WEIR_E_INVALID, "field `%s` has an empty path", field->name);
    if (field->type.kind == WEIR_TIMESTAMP) {
        if (field->time == DECODE_TIME_UNIT && unit_scale(field->time_unit_ns, &slot->unit_scale))
            return error_set(error, WEIR_E_INVALID,
                             "field `%s`: the unit of a timestamp is s, ms, us or ns", field->name);
        if (field->time == DECODE_TIME_FORMAT)
            slot->time_format = mem_strdup(field->time_format);
    }
    slot->name = mem_strdup(field->name);
    slot->path = path_text(field);
    return 0;
}

int decoder_new(const struct decode_options *options, const struct decode_field *fields,
                uint32_t field_count, struct decoder **ret_decoder, struct weir_error *error)
{
    struct decoder *decoder = mem_alloc(sizeof(*decoder));
    decoder->format = options->format;
    decoder->slots = mem_array(field_count, sizeof(*decoder->slots));
    int status = 0;
    for (uint32_t i = 0; i < field_count && status == 0; i++) {
        decoder->slot_count++;
        status = slot_init(&decoder->slots[i], &fields[i], error);
    }
    if (status == 0)
        status = options->format == DECODE_JSON ? json_decoder_new(options, fields, decoder, error)
                                                : csv_decoder_new(options, fields, decoder, error);
    if (status < 0) {
        decoder_free(decoder);
        return status;
    }
    *ret_decoder = decoder;
    return 0;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    for (uint32_t i = 0; i < decoder->slot_count; i++) {
        free((char *)decoder->slots[i].name);
        free((char *)decoder->slots[i].path);
        free((char *)decoder->slots[i].time_format);
    }
    free(decoder->slots);
    json_decoder_free(decoder->json);
    csv_decoder_free(decoder->csv);
    json_index_done(&decoder->text_index);
    free(decoder);
}

static int columns_begin(struct decoder *decoder, struct batch *batch)
{
    for (uint32_t i = 0; i < decoder->slot_count; i++) {
        struct decode_slot *slot = &decoder->slots[i];
        slot->column = batch_column_new(batch, slot->type);
        if (!slot->column)
            return WEIR_E_NOMEM;
        slot->data = slot->column->data;
        batch_column_set(batch, slot->index, slot->column);
    }
    return 0;
}

static int row_decode(struct decoder *decoder, struct weir_str value)
{
    if (value.length == 0) {
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_EMPTY, "the value has no bytes");
        return DECODE_REJECTED;
    }
    if (value.length > DECODE_RECORD_BYTES_MAX) {
        batch_reject(decoder->batch, decoder->row, WEIR_REJECT_TOO_LARGE,
                     "the record has more than %u bytes", DECODE_RECORD_BYTES_MAX);
        return DECODE_REJECTED;
    }
    return decoder->format == DECODE_JSON ? json_decode_row(decoder, value)
                                          : csv_decode_row(decoder, value);
}

int decoder_run(struct decoder *decoder, struct batch *batch, struct weir_error *error)
{
    batch->stage = "decode";
    decoder->batch = batch;
    int outcome = columns_begin(decoder, batch);
    for (uint32_t i = 0; i < batch->view.selected && outcome >= 0; i++) {
        decoder->row = batch->selection[i];
        outcome = row_decode(decoder, batch->records[decoder->row].value);
    }
    if (decoder->json)
        json_decoder_trim(decoder->json);
    json_index_trim(&decoder->text_index, JSON_INDEX_BYTES_MIN);
    decoder->batch = NULL;
    if (outcome < 0)
        return error_set(error, outcome,
                         "the decoded fields of %u records do not fit into a batch's memory",
                         batch->view.rows);
    return 0;
}
