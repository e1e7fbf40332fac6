/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/decode_common.h"

#include <math.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/json_walk.h"

#define FIELDS_MAX 32
#define PARTS_MAX  4

uint32_t fuzz_cut(const uint8_t *data, size_t size, struct weir_str records[FUZZ_RECORDS_MAX])
{
    uint32_t count = 0;
    const char *at = (const char *)data;
    const char *end = at + size;
    while (count < FUZZ_RECORDS_MAX) {
        const char *cut = at < end ? memchr(at, 0x1e, (size_t)(end - at)) : NULL;
        records[count++] = str_make(at, (size_t)((cut ? cut : end) - at));
        if (!cut)
            break;
        at = cut + 1;
    }
    return count;
}

static struct decoder *decoder_of(const struct decode_options *options, const char *const *words,
                                  bool coerce, uint32_t *ret_count)
{
    struct decode_field fields[FIELDS_MAX] = {0};
    const char *parts[FIELDS_MAX][PARTS_MAX];
    struct weir_error error;
    char *paths = NULL;
    uint32_t count = 0;
    struct text kept = TEXT_INIT;
    for (const char *const *at = words; *at; at += 3)
        text_addf(&kept, "%s%c", at[1], 0);
    paths = kept.data;
    for (const char *const *at = words; *at; at += 3, count++) {
        struct decode_field *field = &fields[count];
        char *next = paths + strlen(paths) + 1;
        field->name = at[0];
        field->path = parts[count];
        for (char *part; (part = strsep(&paths, ".")) != NULL;)
            parts[count][field->path_length++] = part;
        paths = next;
        field->column = count;
        field->coerce = coerce;
        CHECK(decode_field_type_read(at[2], field, &error) == 0);
    }
    struct decoder *decoder;
    CHECK(decoder_new(options, fields, count, &decoder, &error) == 0);
    for (uint32_t i = 0; i < count; i++)
        free((char *)fields[i].time_format);
    text_done(&kept);
    *ret_count = count;
    return decoder;
}

/* A column of arrays or JSON holds exactly one value of JSON. */
static void check_json(struct weir_str s)
{
    struct json_index index = {0};
    struct json_mistake mistake;
    uint32_t end = 0;
    CHECK(json_index_run(&index, s.data, s.length) == JSON_SOUND);
    struct json_text text = {s.data, index.tokens, s.length, index.count, true};
    CHECK(text.tokens[0] == 0);
    CHECK(json_check(&text, 0, 0, DECODE_DEPTH_MAX, NULL, &end, &mistake) == JSON_RIGHT);
    CHECK(end == text.count);
    json_index_done(&index);
}

static void check_value(const struct weir_column *column, uint32_t row)
{
    switch ((enum weir_kind)column->type.kind) {
    case WEIR_BOOL:
        CHECK(column->bools[row] <= 1);
        break;
    case WEIR_FLOAT:
        CHECK(isfinite(column->floats[row]));
        break;
    case WEIR_STRING:
        CHECK(utf8_valid(column->strs[row].data, column->strs[row].length));
        break;
    case WEIR_ARRAY:
    case WEIR_JSON:
        if (weir_valid(column, row))
            check_json(column->strs[row]);
        break;
    case WEIR_INT:
    case WEIR_DECIMAL:
    case WEIR_BYTES:
    case WEIR_TIMESTAMP:
        break;
    }
}

static void write_row(const struct batch *batch, uint32_t row, struct text *line)
{
    for (uint32_t i = 0; i < batch->reject_count; i++) {
        if (batch->rejects[i].row == row) {
            CHECK(utf8_valid(batch->rejects[i].text, strlen(batch->rejects[i].text)));
            text_addf(line, "!%s", reason_label(batch->rejects[i].reason));
            return;
        }
    }
    for (uint32_t i = 0; i < batch->view.column_count; i++) {
        CHECK(!batch->slots[i]->valid || batch->slots[i]->type.nullable);
        check_value(batch->slots[i], row);
        json_write_value(line, batch->slots[i], row);
        text_add_char(line, ' ');
    }
}

void fuzz_decode(const struct decode_options *options, const char *const *fields, bool coerce,
                 const struct weir_str *records, uint32_t count, bool backwards, struct text *lines)
{
    uint32_t columns;
    struct decoder *decoder = decoder_of(options, fields, coerce, &columns);
    struct batch *batch = batch_new(columns);
    struct weir_error error;
    batch_begin(batch, "fuzz", 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_record record = {.value = records[backwards ? count - 1 - i : i]};
        CHECK(batch_add(batch, &record) == 0);
    }
    CHECK(decoder_run(decoder, batch, &error) == 0);
    for (uint32_t i = 0; i < count; i++)
        write_row(batch, backwards ? count - 1 - i : i, &lines[i]);
    batch_free(batch);
    decoder_free(decoder);
}

void fuzz_lines_done(struct text *lines, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        text_done(&lines[i]);
}
