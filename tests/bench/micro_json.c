/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_json.c: weir's decoder beside bare simdjson on the same records.
 *
 *   micro_json [ROUNDS]
 *
 * Each round measures both, one after the other, over the same batches (CPU time of this thread);
 * the figures are medians of the rounds. The decoder does more than the floor: it writes columns,
 * reads decimals exactly, looks for NUL bytes and checks brackets and depth to the end of a record.
 * Of large records with few wanted fields that end is most of the work, so there the floor goes to
 * the end as well.
 * What both read is added up, and a difference is a wrong result: exit 1.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/value.h"
#include "ingest/decode.h"
#include "ingest/json.h"
#include "tests/bench/micro_json_floor.h"

#define BATCHES    4
#define ROWS       WEIR_BATCH_ROWS_MAX
#define REPEATS    12 /* over all batches in a round */
#define ROUNDS_MAX 101

struct shape {
    const char *figure;
    enum floor_shape floor;
    uint32_t record_bytes;
    double goal_ratio;         /* of the decoder's time to the floor's */
    bool to_the_end;           /* the floor is floor_iterate_all */
    double goal_ns;            /* 0: none */
    const char *const *fields; /* name, type, ..., NULL */
};

static const char *const order_fields[] = {
    "customer",   "string",     "region",        "string", "amount",
    "decimal(2)", "created_at", "timestamp(ms)", NULL,
};
static const char *const ad_fields[] = {
    "ad_id", "string", "event_type", "string", "event_time", "timestamp(ms)", NULL,
};

static const struct shape shapes[] = {
    {"json_4_fields_146B", FLOOR_ORDER, 146, 1.3, false, 0, order_fields},
    {"json_4_fields_945B", FLOOR_ORDER, 945, 1.3, true, 0, order_fields},
    {"json_ysb_253B", FLOOR_AD, 253, 1.3, false, 110, ad_fields},
};

static uint64_t random_state = 0x5eed;
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((random_state >> 33) % limit);
}

static void write_uuid(struct text *out)
{
    text_addf(out, "%08x-%04x-%04x-%04x-%08x%04x", random_below(UINT32_MAX), random_below(65536),
              random_below(65536), random_below(65536), random_below(UINT32_MAX),
              random_below(65536));
}

static void write_word(struct text *out, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        text_add_char(out, (char)('a' + random_below(26)));
}

/* Members that nobody asked for: texts, numbers, a small object; then text up to the length. */
static void write_rest(struct text *out, uint32_t record_bytes)
{
    for (uint32_t i = 0; out->length + 80 < record_bytes; i++) {
        text_addf(out, ",\"attribute_%u\":", i);
        if (i % 3 == 0) {
            text_add_char(out, '"');
            write_word(out, 24);
            text_add_char(out, '"');
        } else if (i % 3 == 1) {
            text_addf(out, "%u.%u", random_below(100000), random_below(100));
        } else {
            text_add(out, "{\"name\":\"");
            write_word(out, 12);
            text_addf(out, "\",\"count\":%u}", random_below(1000));
        }
    }
    text_add(out, ",\"note\":\"");
    write_word(out, record_bytes - 2 - (uint32_t)out->length);
    text_add(out, "\"}");
}

static void write_order(struct text *out, uint32_t record_bytes)
{
    static const char *const regions[] = {"eu-west", "us-east", "ap-south", "eu-north"};
    text_addf(out,
              "{\"customer\":\"c-%06u\",\"region\":\"%s\",\"amount\":%u.%02u,\"status\":\"ok\","
              "\"created_at\":17637%08u",
              random_below(1000000), regions[random_below(4)], random_below(10000),
              random_below(100), random_below(100000000));
    write_rest(out, record_bytes);
}

static void write_ad(struct text *out)
{
    static const char *const ad_types[] = {"banner", "modal", "sponsored-search", "mail", "mobile"};
    static const char *const events[] = {"view", "click", "purchase"};
    static const char *const keys[] = {"{\"user_id\": \"", "\", \"page_id\": \"",
                                       "\", \"ad_id\": \""};
    for (uint32_t i = 0; i < 3; i++) {
        text_add(out, keys[i]);
        write_uuid(out);
    }
    text_addf(out,
              "\", \"ad_type\": \"%s\", \"event_type\": \"%s\", \"event_time\": \"17637%08u\", "
              "\"ip_address\": \"1.2.3.4\"}",
              ad_types[random_below(5)], events[random_below(3)], random_below(100000000));
}

static void batch_fill(struct batch *batch, const struct shape *shape)
{
    struct text record = TEXT_INIT;
    batch_begin(batch, "bench", 0, 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        text_clear(&record);
        if (shape->floor == FLOOR_ORDER)
            write_order(&record, shape->record_bytes);
        else
            write_ad(&record);
        struct weir_record added = {.offset = i, .value = str_make(record.data, record.length)};
        if (batch_add(batch, &added) < 0)
            abort();
    }
    text_done(&record);
}

static struct decoder *decoder_for(const struct shape *shape)
{
    struct decode_field fields[8] = {0};
    struct weir_error error;
    uint32_t count = 0;
    for (const char *const *at = shape->fields; *at; at += 2, count++) {
        fields[count].name = at[0];
        fields[count].path = &at[0];
        fields[count].path_length = 1;
        fields[count].column = count;
        if (decode_field_type_read(at[1], &fields[count], &error) < 0)
            abort();
    }
    struct decode_options options = {.format = DECODE_JSON};
    struct decoder *decoder;
    if (decoder_new(&options, fields, count, &decoder, &error) < 0)
        abort();
    return decoder;
}

static void add_column(struct checksum *sum, const struct weir_column *column, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        if (column->type.kind == WEIR_DECIMAL) {
            sum->cents += column->ints[i];
        } else if (column->type.kind == WEIR_TIMESTAMP) {
            sum->times += (uint64_t)column->ints[i] / 1000000;
        } else {
            uint64_t word = 0;
            struct weir_str s = column->strs[i];
            memcpy(&word, s.data, s.length < 8 ? s.length : 8);
            sum->text_bytes += s.length;
            sum->text_sum += word;
        }
    }
}

/* ns a record. The payloads of a batch stay; what is decoded goes to a batch of its own each time,
 * as in a daemon. */
static double measure_weir(struct decoder *decoder, struct batch *const *batches, uint32_t columns,
                           struct checksum *sum)
{
    int64_t spent_ns = 0;
    struct batch *work = batch_new(columns);
    struct weir_error error;
    for (uint32_t repeat = 0; repeat < REPEATS; repeat++) {
        for (uint32_t b = 0; b < BATCHES; b++) {
            batch_begin(work, "bench", 0, 0);
            for (uint32_t i = 0; i < ROWS; i++)
                batch_add_borrowed(work, &batches[b]->records[i]);
            int64_t begin_ns = clock_thread_cpu_ns();
            if (decoder_run(decoder, work, &error) < 0)
                abort();
            spent_ns += clock_thread_cpu_ns() - begin_ns;
            sum->records += ROWS - work->reject_count;
            for (uint32_t c = 0; c < columns; c++)
                add_column(sum, work->slots[c], ROWS);
        }
    }
    batch_free(work);
    return (double)spent_ns / (REPEATS * BATCHES * ROWS);
}

static void floor_strs(const struct batch *batch, struct weir_str *records)
{
    for (uint32_t i = 0; i < ROWS; i++)
        records[i] = batch->records[i].value;
}

static double measure_floor(void (*run)(enum floor_shape shape, const struct weir_str *records,
                                        uint32_t count, struct checksum *sum),
                            enum floor_shape shape, struct batch *const *batches,
                            struct checksum *sum)
{
    static struct weir_str records[ROWS];
    int64_t spent_ns = 0;
    for (uint32_t repeat = 0; repeat < REPEATS; repeat++) {
        for (uint32_t b = 0; b < BATCHES; b++) {
            floor_strs(batches[b], records);
            int64_t begin_ns = clock_thread_cpu_ns();
            run(shape, records, ROWS, sum);
            spent_ns += clock_thread_cpu_ns() - begin_ns;
        }
    }
    return (double)spent_ns / (REPEATS * BATCHES * ROWS);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static void print_figure(const char *figure, const char *suffix, double value, const char *unit,
                         double goal)
{
    printf("bench micro %s%s %.3f %s goal %g %s\n", figure, suffix, value, unit, goal,
           value <= goal ? "ok" : "short");
}

static bool run_shape(const struct shape *shape, uint32_t rounds)
{
    static double weir[ROUNDS_MAX], iterate[ROUNDS_MAX], find[ROUNDS_MAX];
    uint32_t columns = 0;
    while (shape->fields[columns * 2])
        columns++;
    struct batch *batches[BATCHES];
    for (uint32_t b = 0; b < BATCHES; b++) {
        batches[b] = batch_new(columns);
        batch_fill(batches[b], shape);
    }
    struct decoder *decoder = decoder_for(shape);
    struct checksum ours = {0}, iterated = {0}, found = {0};
    for (uint32_t r = 0; r < rounds; r++) {
        iterate[r] = measure_floor(shape->to_the_end ? floor_iterate_all : floor_iterate,
                                   shape->floor, batches, &iterated);
        weir[r] = measure_weir(decoder, batches, columns, &ours);
        find[r] = measure_floor(floor_find, shape->floor, batches, &found);
    }
    bool right = ours.records == (uint64_t)rounds * REPEATS * BATCHES * ROWS &&
                 memcmp(&ours, &iterated, sizeof(ours)) == 0 &&
                 memcmp(&ours, &found, sizeof(ours)) == 0;
    double weir_ns = median(weir, rounds);
    double iterate_ns = median(iterate, rounds);
    double find_ns = median(find, rounds);
    fprintf(stderr,
            "%s: weir %.1f ns, simdjson by iteration%s %.1f ns, in known order %.1f ns; %s\n",
            shape->figure, weir_ns, shape->to_the_end ? " to the end" : "", iterate_ns, find_ns,
            right ? "the same values" : "DIFFERENT VALUES");
    print_figure(shape->figure, "", weir_ns / iterate_ns, "x", shape->goal_ratio);
    if (shape->goal_ns > 0)
        print_figure(shape->figure, "_time", weir_ns, "ns", shape->goal_ns);
    decoder_free(decoder);
    for (uint32_t b = 0; b < BATCHES; b++)
        batch_free(batches[b]);
    return right;
}

int main(int argc, char **argv)
{
    int64_t rounds = 15;
    if (argc > 2 || (argc == 2 && (int_read(argv[1], strlen(argv[1]), &rounds) < 0 || rounds < 1 ||
                                   rounds > ROUNDS_MAX))) {
        fprintf(stderr, "usage: micro_json [ROUNDS], at most %d\n", ROUNDS_MAX);
        return 2;
    }
    fprintf(stderr, "simdjson %s, first stage %s, its own second stage %s\n",
            json_library_version(), json_library_kernel(), floor_kernel());
    bool right = true;
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        right &= run_shape(&shapes[i], (uint32_t)rounds);
    return right ? 0 : 1;
}
