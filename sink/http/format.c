/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http/format.h"

#include "base/batch.h"
#include "base/check.h"
#include "base/value.h"

void time_write(struct text *out, int64_t ns, int64_t none)
{
    if (ns == none) {
        text_add(out, "null");
        return;
    }
    text_add_char(out, '"');
    time_write_rfc3339(out, ns);
    text_add_char(out, '"');
}

void covers_write(struct text *out, const struct query_result *result)
{
    const char *topic = NULL;
    text_add_char(out, '{');
    for (uint32_t i = 0; i < result->cover_count; i++) {
        const struct query_cover *cover = &result->covers[i];
        bool same = topic && strcmp(topic, cover->topic) == 0;
        if (!same) {
            text_add(out, topic ? "}," : "");
            json_write_string(out, cover->topic, strlen(cover->topic));
            text_add(out, ":{\"");
            topic = cover->topic;
        } else {
            text_add(out, ",\"");
        }
        int_write(out, cover->partition);
        text_add(out, "\":");
        int_write(out, cover->next_offset);
    }
    text_add(out, topic ? "}}" : "}");
}

static void missing_write(struct text *out, const struct query_result *result)
{
    text_add_char(out, '[');
    for (uint32_t i = 0; i < result->missing_count; i++) {
        text_add(out, i ? ",{\"topic\":" : "{\"topic\":");
        json_write_string(out, result->missing[i].topic, strlen(result->missing[i].topic));
        text_addf(out, ",\"partition\":%d}", result->missing[i].partition);
    }
    text_add_char(out, ']');
}

/* `{"name":` of the first field and `,"name":` of the others, ready to be copied before each value.
 */
struct labels {
    struct text bytes;
    uint32_t ends[512];
};

static void labels_make(struct labels *labels, const struct query_result *result)
{
    labels->bytes = (struct text)TEXT_INIT;
    for (uint32_t f = 0; f < result->field_count; f++) {
        text_add_char(&labels->bytes, f ? ',' : '{');
        json_write_string(&labels->bytes, result->fields[f].name, strlen(result->fields[f].name));
        text_add_char(&labels->bytes, ':');
        labels->ends[f] = (uint32_t)labels->bytes.length;
    }
}

static void row_write(struct text *out, const struct labels *labels,
                      const struct query_result *result, uint32_t chunk, uint32_t row)
{
    struct batch *batch = result->chunks[chunk];
    uint32_t at = 0;
    for (uint32_t f = 0; f < result->field_count; f++) {
        text_add_bytes(out, labels->bytes.data + at, labels->ends[f] - at);
        at = labels->ends[f];
        if (result->wide)
            query_value_write(result, chunk, f, row, out);
        else
            json_write_value(out, batch->slots[f], row);
    }
    text_add_char(out, '}');
}

/* All rows, with `between` between them and `behind` behind each. */
static void rows_write(struct text *out, const struct query_result *result, const char *between,
                       const char *behind)
{
    struct labels labels;
    CHECK(result->field_count <= COUNT_OF(labels.ends));
    labels_make(&labels, result);
    for (uint32_t c = 0; c < result->chunk_count; c++) {
        for (uint32_t r = 0; r < result->chunks[c]->view.rows; r++) {
            text_add(out, c || r ? between : "");
            row_write(out, &labels, result, c, r);
            text_add(out, behind);
        }
    }
    text_done(&labels.bytes);
}

static void json_write(struct exchange *exchange, const struct query_result *result,
                       enum format_shape shape)
{
    struct text *out = reply_begin(exchange, "application/json");
    text_add(out, shape == SHAPE_ROWS ? "{\"rows\":[" : "{\"row\":");
    rows_write(out, result, ",\n", "");
    text_add(out, shape == SHAPE_ROWS ? "],\n\"covers\":" : ",\n\"covers\":");
    covers_write(out, result);
    text_add(out, result->complete ? ",\n\"complete\":true" : ",\n\"complete\":false");
    text_add(out, ",\"missing\":");
    missing_write(out, result);
    text_add(out, ",\"stale\":[],\"newest_event_time\":");
    time_write(out, result->newest_event_time_ns, INT64_MIN);
    text_add(out, ",\"next_cursor\":");
    if (result->next_cursor)
        json_write_string(out, result->next_cursor, strlen(result->next_cursor));
    else
        text_add(out, "null");
    text_add(out, "}\n");
}

/* What JSON has beside its rows, as headers. */
static void headers_write(struct exchange *exchange, const struct query_result *result)
{
    struct text value = TEXT_INIT;
    covers_write(&value, result);
    if (value.length > COVERS_HEADER_BYTES_MAX) {
        text_done(&value);
        reply_problem(exchange, PROBLEM_NOT_ACCEPTABLE,
                      "this answer covers %u partitions, which do not fit into the header "
                      "Weir-Covers; ask for json",
                      result->cover_count);
        return;
    }
    reply_header(exchange, "Weir-Covers", value.data);
    reply_header(exchange, "Weir-Complete", result->complete ? "true" : "false");
    text_clear(&value);
    missing_write(&value, result);
    reply_header(exchange, "Weir-Missing", value.length <= 1024 ? value.data : "many");
    reply_header(exchange, "Weir-Stale", "[]");
    if (result->newest_event_time_ns != INT64_MIN) {
        text_clear(&value);
        time_write_rfc3339(&value, result->newest_event_time_ns);
        reply_header(exchange, "Weir-Newest-Event-Time", value.data);
    }
    if (result->next_cursor)
        reply_header(exchange, "Weir-Next-Cursor", result->next_cursor);
    text_done(&value);
}

static void ndjson_write(struct exchange *exchange, const struct query_result *result)
{
    struct text *out = reply_begin(exchange, "application/x-ndjson");
    rows_write(out, result, "", "\n");
    headers_write(exchange, result);
}

static void csv_value(struct text *out, const struct query_result *result, uint32_t chunk,
                      uint32_t field, uint32_t row)
{
    struct weir_column *column = result->chunks[chunk]->slots[field];
    if (result->wide && result->wide[(size_t)chunk * result->field_count + field] &&
        weir_valid(column, row))
        query_value_write(result, chunk, field, row, out);
    else
        csv_write_value(out, column, row);
}

static void csv_write(struct exchange *exchange, const struct query_result *result)
{
    struct text *out = reply_begin(exchange, "text/csv; charset=utf-8; header=present");
    for (uint32_t f = 0; f < result->field_count; f++) {
        text_add(out, f ? "," : "");
        csv_write_string(out, result->fields[f].name, strlen(result->fields[f].name));
    }
    text_add(out, "\r\n");
    for (uint32_t c = 0; c < result->chunk_count; c++) {
        for (uint32_t r = 0; r < result->chunks[c]->view.rows; r++) {
            for (uint32_t f = 0; f < result->field_count; f++) {
                text_add(out, f ? "," : "");
                csv_value(out, result, c, f, r);
            }
            text_add(out, "\r\n");
        }
    }
    headers_write(exchange, result);
}

void format_result(struct exchange *exchange, const struct query_result *result,
                   enum format_shape shape)
{
    switch (exchange->format) {
    case FORMAT_NDJSON:
        ndjson_write(exchange, result);
        break;
    case FORMAT_CSV:
        csv_write(exchange, result);
        break;
    default:
        json_write(exchange, result, shape);
        break;
    }
}
