/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sink/stream.h"

#include "base/memory.h"
#include "sink/partition_private.h"

#define NS_PER_HOUR (3600 * NS_PER_SECOND)

static const struct weir_field fields[STREAM_COLUMN_COUNT] = {
#define STREAM_FIELD(symbol, name, kind, scale, nullable)                                          \
    [symbol] = {name, {kind, scale, 0, nullable}, symbol},
    STREAM_COLUMNS(STREAM_FIELD)
#undef STREAM_FIELD
};

struct weir_field stream_field(enum stream_column column)
{
    return fields[column];
}

/* ---- making ---- */

struct maker {
    struct stream *stream;
    struct test_random *random;
    const struct stream_options *options;
};

static struct value make_text(struct maker *m, const char *what, uint32_t number)
{
    char text[9000];
    int length = snprintf(text, sizeof text, "%s%u", what, number);
    if (m->options->long_texts && number % 3 == 1)
        length =
            snprintf(text, sizeof text, "%s with a name of some length, number %u", what, number);
    if (m->options->long_texts && number % 97 == 5) {
        memset(text, 'a' + (int)(number % 26), 6000);
        length = 6000 + snprintf(text + 6000, 3000, "%u", number);
    }
    const char *copy = arena_copy(&m->stream->arena, text, (size_t)length);
    struct value value = {.s = str_make(copy, (size_t)length)};
    return value;
}

static bool null_now(struct maker *m, enum stream_column column)
{
    return fields[column].type.nullable && m->options->null_in &&
           random_below(m->random, m->options->null_in) == 0;
}

static struct value make_value(struct maker *m, enum stream_column column)
{
    struct test_random *r = m->random;
    struct value v = {0};

    if (null_now(m, column)) {
        v.null = true;
        return v;
    }
    switch (column) {
    case C_REGION:
        return make_text(m, "region", (uint32_t)random_below(r, m->options->regions));
    case C_USER:
    case C_KEY:
        return make_text(m, column == C_USER ? "user" : "key",
                         (uint32_t)random_below(r, m->options->users));
    case C_NAME:
        return make_text(m, "", (uint32_t)random_below(r, 500));
    case C_AMOUNT:
        v.i = (int64_t)random_below(r, 2000000) - 1000000;
        if (random_below(r, 1000) == 0)
            v.i = random_below(r, 2) ? INT64_MAX : INT64_MIN;
        return v;
    case C_N:
    case C_VERSION:
        v.i = (int64_t)random_below(r, 100) - 50;
        return v;
    case C_X: /* eighths: sums are exact in any order */
        v.f = (double)((int64_t)random_below(r, 1000) - 500) / 8;
        return v;
    case C_DELETE:
        v.i = random_below(r, 10) == 0;
        return v;
    default:
        v.i = (int64_t)random_below(r, 2);
        return v;
    }
}

static int64_t make_time(struct maker *m, uint32_t i)
{
    int64_t time = m->stream->now_ns - NS_PER_HOUR + m->options->step_ns * i;
    if (m->options->jitter_ns)
        time -= (int64_t)random_below(m->random, (uint64_t)m->options->jitter_ns);
    if (m->options->strays && random_below(m->random, 2000) == 0)
        time = random_below(m->random, 2) ? 4102444800LL * NS_PER_SECOND : 5;
    return time;
}

void stream_make(struct stream *stream, struct test_random *random,
                 const struct stream_options *options)
{
    struct maker m = {stream, random, options};
    int64_t offset = 1000;

    *stream = (struct stream){.count = options->count, .now_ns = 1763712000LL * NS_PER_SECOND};
    arena_init(&stream->arena, 0);
    stream->events = mem_array(options->count + 1, sizeof *stream->events);
    for (uint32_t i = 0; i < options->count; i++) {
        struct event *e = &stream->events[i];
        offset += 1 + (random_below(random, 50) == 0 ? (int64_t)random_below(random, 9) : 0);
        e->offset = offset;
        e->values[C_TIME].i = make_time(&m, i);
        e->timestamp_ms = e->values[C_TIME].i / 1000000;
        for (unsigned c = C_REGION; c < STREAM_COLUMN_COUNT; c++)
            e->values[c] = make_value(&m, c);
        e->tombstone = options->tombstones && random_below(random, 12) == 0;
        e->filtered = random_below(random, 7) == 0;
    }
}

void stream_done(struct stream *stream)
{
    arena_done(&stream->arena);
    free(stream->events);
}

/* ---- batches ---- */

static struct weir_str keep(struct batch *batch, struct weir_str text)
{
    /* Exactly as long as it is, so that a sanitizer sees reads past its end. */
    char *copy = batch_alloc(batch, text.length + 1);
    memcpy(copy, text.data, text.length);
    return str_make(copy, text.length);
}

static void set_value(struct batch *batch, struct weir_column *column, uint32_t row,
                      const struct value *value)
{
    if (value->null) {
        if (!column->valid) {
            column->valid = batch_bitmap_new(batch);
            memset(column->valid, 0xff, (batch->view.rows + 63) / 64 * 8);
        }
        column->valid[row >> 6] &= ~(1ULL << (row & 63));
        return;
    }
    if (type_is_str(column->type))
        column->strs[row] = keep(batch, value->s);
    else if (column->type.kind == WEIR_FLOAT)
        column->floats[row] = value->f;
    else if (column->type.kind == WEIR_BOOL)
        column->bools[row] = (uint8_t)value->i;
    else
        column->ints[row] = value->i;
}

static void fill(const struct stream *stream, uint32_t first, uint32_t count, struct batch *batch)
{
    batch_begin(batch, "events", 0, stream->now_ns);
    for (uint32_t i = 0; i < count; i++) {
        const struct event *e = &stream->events[first + i];
        struct weir_record record = {.offset = e->offset, .timestamp_ms = e->timestamp_ms};
        if (!e->values[C_KEY].null)
            record.key = e->values[C_KEY].s;
        if (!e->tombstone)
            record.value = str_make("{}", 2);
        assert_int_equal(batch_add(batch, &record), 0);
    }
    for (unsigned c = 0; c < STREAM_COLUMN_COUNT; c++) {
        struct weir_column *column = batch_column_new(batch, fields[c].type);
        for (uint32_t i = 0; i < count; i++)
            if (!stream->events[first + i].tombstone)
                set_value(batch, column, i, &stream->events[first + i].values[c]);
        batch_column_set(batch, c, column);
    }
}

static void filter(const struct stream *stream, uint32_t first, struct batch *batch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->view.selected; i++)
        if (!stream->events[first + batch->selection[i]].filtered)
            batch->selection[kept++] = batch->selection[i];
    batch->view.selected = kept;
}

int stream_apply(const struct stream *stream, uint32_t first, uint32_t count, struct batch *batch,
                 struct partition *partition, struct partition_counts *counts)
{
    struct weir_error error;

    fill(stream, first, count, batch);
    assert_int_equal(partition_observe(partition, batch), 0);
    filter(stream, first, batch);
    int64_t next = count ? stream->events[first + count - 1].offset + 1 : 0;
    return partition_apply(partition, batch, next, counts, &error);
}

void stream_apply_all(const struct stream *stream, struct test_random *random, uint32_t rows_max,
                      struct partition *partition, struct partition_counts *counts)
{
    struct batch *batch = batch_new(STREAM_COLUMN_COUNT);
    for (uint32_t at = 0; at < stream->count;) {
        uint32_t rows = 1 + (uint32_t)random_below(random, rows_max);
        if (rows > stream->count - at)
            rows = stream->count - at;
        assert_int_equal(stream_apply(stream, at, rows, batch, partition, counts), 0);
        if (random_below(random, 4) == 0)
            partition_tick(partition, stream->now_ns);
        /* From here on a write that did not ask for its page first ends the process. */
        if (random_below(random, 8) == 0)
            image_seal(&partition->image);
        at += rows;
    }
    batch_free(batch);
}

/* ---- comparing and planning ---- */

bool value_equal(const struct value *a, const struct value *b, struct weir_type type)
{
    if (a->null || b->null)
        return a->null == b->null;
    if (type_is_str(type))
        return str_equal(a->s, b->s);
    return type.kind == WEIR_FLOAT ? a->f == b->f : a->i == b->i;
}

static const struct {
    const char *name;
    enum measure_function function;
} functions[] = {
    {"count", MEASURE_COUNT}, {"sum", MEASURE_SUM}, {"min", MEASURE_MIN},
    {"max", MEASURE_MAX},     {"avg", MEASURE_AVG}, {"first", MEASURE_FIRST},
    {"last", MEASURE_LAST},
};

void stream_measures(struct measure_plan *measures, const char *const *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct measure_plan m = {.name = texts[i], .text = texts[i], .column = SINK_NO_COLUMN};
        size_t name = strcspn(texts[i], "(");
        if (strcmp(texts[i], "count(*)") == 0)
            m.function = MEASURE_COUNT_ALL;
        for (size_t k = 0; m.function != MEASURE_COUNT_ALL || k == 0; k++) {
            if (strcmp(texts[i], "count(*)") == 0)
                break;
            assert_true(k < sizeof functions / sizeof *functions);
            if (strncmp(functions[k].name, texts[i], name) == 0 &&
                strlen(functions[k].name) == name) {
                m.function = functions[k].function;
                break;
            }
        }
        for (unsigned c = 0; c < STREAM_COLUMN_COUNT && m.function != MEASURE_COUNT_ALL; c++) {
            size_t length = strlen(fields[c].name);
            if (strncmp(texts[i] + name + 1, fields[c].name, length) == 0 &&
                texts[i][name + 1 + length] == ')') {
                m.column = c;
                m.argument = fields[c].type;
            }
        }
        assert_true(measure_result_type(m.function, m.argument, &m.result));
        measures[i] = m;
    }
}
