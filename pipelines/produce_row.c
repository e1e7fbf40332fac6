/* SPDX-License-Identifier: Apache-2.0 */
/* produce_row.c: what is sent for a row of a file. */
#include "base/error.h"
#include "base/value.h"
#include "ingest/decode.h"
#include "pipelines/produce.h"

struct produce_rows {
    const struct produce_options *options;
    char **columns; /* CSV: names of the header */
    uint32_t column_count;
    uint8_t *kinds; /* CSV: declared kind of each column; 0: not declared */
    bool *required; /* CSV: declared without `?` */
    uint32_t key_column;
    bool key_is_text;        /* NDJSON: tried as text first, else its JSON is the key */
    struct decoder *decoder; /* NULL: lines as they are, no key */
    struct decoder *raw_key; /* NDJSON: the key as JSON */
};

static int open_csv(struct produce_rows *rows, struct weir_error *error)
{
    const struct produce_options *o = rows->options;
    int r = file_csv_header(o->path, ',', &rows->columns, &rows->column_count, error);
    if (r)
        return r;
    struct decode_field *fields = mem_array(rows->column_count, sizeof *fields);
    rows->kinds = mem_array(rows->column_count, sizeof *rows->kinds);
    rows->required = mem_array(rows->column_count, sizeof *rows->required);
    rows->key_column = rows->column_count;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        fields[i] = (struct decode_field){
            .name = rows->columns[i],
            .path = (const char *const *)&rows->columns[i],
            .path_length = 1,
            .type = {.kind = WEIR_STRING, .nullable = 1},
            .column = i,
        };
        for (uint32_t f = 0; o->plan && f < o->plan->field_count; f++)
            if (o->plan->fields[f].path_length == 1 &&
                !strcmp(o->plan->fields[f].path[0], rows->columns[i])) {
                rows->kinds[i] = o->plan->fields[f].type.kind;
                rows->required[i] = !o->plan->fields[f].type.nullable;
            }
        if (o->key && !strcmp(o->key, rows->columns[i]))
            rows->key_column = i;
    }
    if (o->key && rows->key_column == rows->column_count)
        r = error_set(error, WEIR_E_INVALID, "%s has no column `%s` for --key", o->path, o->key);
    struct decode_options decode = {.format = DECODE_CSV,
                                    .csv_delimiter = ',',
                                    .csv_columns = (const char *const *)rows->columns,
                                    .csv_column_count = rows->column_count};
    if (!r)
        r = decoder_new(&decode, fields, rows->column_count, &rows->decoder, error);
    free(fields);
    return r;
}

static int open_json_key(struct produce_rows *rows, struct weir_error *error)
{
    struct decode_field field = {
        .name = rows->options->key,
        .path = &rows->options->key,
        .path_length = 1,
        .type = {.kind = WEIR_STRING, .nullable = 1},
    };
    struct decode_options decode = {.format = DECODE_JSON};
    int r = decoder_new(&decode, &field, 1, &rows->decoder, error);
    field.type.kind = WEIR_JSON;
    if (!r)
        r = decoder_new(&decode, &field, 1, &rows->raw_key, error);
    return r;
}

int produce_rows_new(const struct produce_options *options, struct produce_rows **ret_rows,
                     struct weir_error *error)
{
    struct produce_rows *rows = mem_alloc(sizeof *rows);
    rows->options = options;
    int r = 0;
    if (options->csv && !options->raw)
        r = open_csv(rows, error);
    else if (options->key)
        r = open_json_key(rows, error);
    if (r) {
        produce_rows_free(rows);
        return r;
    }
    *ret_rows = rows;
    return 0;
}

void produce_rows_free(struct produce_rows *rows)
{
    if (!rows)
        return;
    for (uint32_t i = 0; i < rows->column_count; i++)
        free(rows->columns[i]);
    free(rows->columns);
    free(rows->kinds);
    free(rows->required);
    decoder_free(rows->decoder);
    decoder_free(rows->raw_key);
    free(rows);
}

uint32_t produce_rows_columns(const struct produce_rows *rows)
{
    return rows->column_count ? rows->column_count : 1;
}

/* JSON's number grammar: what float_read takes, but no leading '+', no leading zeros. */
static bool is_json_number(struct weir_str s)
{
    double number;
    size_t sign = s.length && s.data[0] == '-';
    bool zeros = s.length > sign + 1 && s.data[sign] == '0' && s.data[sign + 1] >= '0' &&
                 s.data[sign + 1] <= '9';
    return s.length && s.data[0] != '+' && !zeros &&
           float_read(s.data, s.length, &number) != WEIR_E_INVALID;
}

static void write_cell(struct text *out, const struct weir_column *column, uint32_t row,
                       uint8_t kind, bool required)
{
    if (!weir_valid(column, row)) {
        bool text = kind == WEIR_STRING || kind == WEIR_BYTES;
        text_add(out, text && required ? "\"\"" : "null");
        return;
    }
    struct weir_str cell = column->strs[row];
    bool verbatim;
    switch (kind) {
    case WEIR_STRING:
    case WEIR_BYTES:
        verbatim = false;
        break;
    case WEIR_BOOL:
        verbatim = str_is(cell, "true") || str_is(cell, "false");
        break;
    case WEIR_ARRAY:
    case WEIR_JSON:
        verbatim = true;
        break;
    default: /* numbers, times, and columns that no field declares */
        verbatim = is_json_number(cell);
        break;
    }
    if (verbatim)
        text_add_bytes(out, cell.data, cell.length);
    else
        json_write_string(out, cell.data, cell.length);
}

static int csv_to_json(struct produce_rows *rows, struct batch *batch, struct weir_str *values,
                       struct weir_str *keys, struct weir_error *error)
{
    struct text out = TEXT_INIT;
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint32_t r = batch->selection[i];
        text_clear(&out);
        text_add_char(&out, '{');
        for (uint32_t c = 0; c < rows->column_count; c++) {
            if (c)
                text_add(&out, ", ");
            json_write_string(&out, rows->columns[c], strlen(rows->columns[c]));
            text_add(&out, ": ");
            write_cell(&out, batch->view.columns[c], r, rows->kinds[c], rows->required[c]);
        }
        text_add_char(&out, '}');
        char *copy = arena_copy(&batch->arena, out.data, out.length);
        if (!copy) {
            text_done(&out);
            return error_set(error, WEIR_E_NOMEM, "a batch's memory is used up");
        }
        values[r] = str_make(copy, out.length);
        const struct weir_column *key =
            rows->key_column < rows->column_count ? batch->view.columns[rows->key_column] : NULL;
        keys[r] = key && weir_valid(key, r) ? key->strs[r] : (struct weir_str){0};
    }
    text_done(&out);
    return 0;
}

/* Text keys as they read, others (numbers, objects) as their JSON. */
static int json_keys(struct produce_rows *rows, struct batch *batch, struct weir_str *keys,
                     struct weir_error *error)
{
    uint16_t all[WEIR_BATCH_ROWS_MAX];
    uint32_t count = batch->view.selected;
    memcpy(all, batch->selection, count * sizeof *all);
    int r = decoder_run(rows->raw_key, batch, error);
    if (r)
        return r;
    const struct weir_column *raw = batch->view.columns[0];
    uint32_t texts = 0;
    batch_narrow(batch);
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        bool there = weir_valid(raw, row);
        keys[row] = there ? raw->strs[row] : (struct weir_str){0};
        if (there && raw->strs[row].length && raw->strs[row].data[0] == '"')
            batch->selection[texts++] = (uint16_t)row;
    }
    batch->view.selected = texts;
    r = decoder_run(rows->decoder, batch, error);
    for (uint32_t i = 0; !r && i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        keys[row] = batch->view.columns[0]->strs[row];
    }
    /* Lines that are no JSON are sent all the same, without a key: the pipeline decides. */
    memcpy(batch->selection, all, count * sizeof *all);
    batch->view.selected = count;
    batch->reject_count = batch->reject_pending = 0;
    memset(batch->rejected, 0, sizeof batch->rejected);
    return r;
}

int produce_rows_convert(struct produce_rows *rows, struct batch *batch, struct weir_str *values,
                         struct weir_str *keys, struct weir_error *error)
{
    for (uint32_t r = 0; r < batch->view.rows; r++) {
        values[r] = batch->records[r].value;
        keys[r] = (struct weir_str){0};
    }
    if (!rows->decoder)
        return 0;
    batch->stage = "produce";
    if (!rows->options->csv || rows->options->raw)
        return json_keys(rows, batch, keys, error);
    int r = decoder_run(rows->decoder, batch, error);
    if (r)
        return r;
    batch_narrow(batch);
    return csv_to_json(rows, batch, values, keys, error);
}
