/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sink/shop.h"

#include "base/batch.h"
#include "base/check.h"
#include "base/hash.h"

#define INT_TYPE                                                                                   \
    {                                                                                              \
        .kind = WEIR_INT                                                                           \
    }
#define STRING_TYPE                                                                                \
    {                                                                                              \
        .kind = WEIR_STRING                                                                        \
    }
#define DECIMAL_TYPE                                                                               \
    {                                                                                              \
        .kind = WEIR_DECIMAL, .scale = 2, .nullable = 1                                            \
    }
#define FLOAT_TYPE                                                                                 \
    {                                                                                              \
        .kind = WEIR_FLOAT, .nullable = 1                                                          \
    }
#define TIMESTAMP_TYPE                                                                             \
    {                                                                                              \
        .kind = WEIR_TIMESTAMP                                                                     \
    }

static const struct weir_field region_field = {
    "region", {.kind = WEIR_STRING, .nullable = 1}, SHOP_REGION};
static const struct weir_field name_field = {"shop", STRING_TYPE, SHOP_NAME};
static const struct weir_field number_field = {"number", INT_TYPE, SHOP_NUMBER};
static const struct weir_field pieces_field = {
    "pieces", {.kind = WEIR_INT, .nullable = 1}, SHOP_PIECES};
static const struct weir_field price_field = {"price", DECIMAL_TYPE, SHOP_PRICE};
static const struct weir_field at_field = {"at", TIMESTAMP_TYPE, SHOP_AT};

static const struct measure_plan measures[] = {
    {.name = "orders", .text = "count(*)", .function = MEASURE_COUNT_ALL, .column = SINK_NO_COLUMN},
    {.name = "pieces",
     .text = "sum(pieces)",
     .function = MEASURE_SUM,
     .column = SHOP_PIECES,
     .argument = {.kind = WEIR_INT, .nullable = 1}},
    {.name = "revenue",
     .text = "sum(price)",
     .function = MEASURE_SUM,
     .column = SHOP_PRICE,
     .argument = DECIMAL_TYPE},
    {.name = "cheapest",
     .text = "min(price)",
     .function = MEASURE_MIN,
     .column = SHOP_PRICE,
     .argument = DECIMAL_TYPE},
    {.name = "heaviest",
     .text = "max(weight)",
     .function = MEASURE_MAX,
     .column = SHOP_WEIGHT,
     .argument = FLOAT_TYPE},
    {.name = "mean",
     .text = "avg(pieces)",
     .function = MEASURE_AVG,
     .column = SHOP_PIECES,
     .argument = {.kind = WEIR_INT, .nullable = 1}},
    {.name = "newest",
     .text = "last(shop)",
     .function = MEASURE_LAST,
     .column = SHOP_NAME,
     .argument = STRING_TYPE},
};

static struct measure_plan *measures_make(uint32_t count)
{
    struct measure_plan *made = mem_array(count, sizeof(*made));
    for (uint32_t i = 0; i < count; i++) {
        made[i] = measures[i];
        CHECK(measure_result_type(made[i].function, made[i].argument, &made[i].result));
    }
    return made;
}

static struct weir_field *fields_make(uint32_t count, const struct weir_field *const *from)
{
    struct weir_field *made = mem_array(count + 1, sizeof(*made));
    for (uint32_t i = 0; i < count; i++)
        made[i] = *from[i];
    return made;
}

#define FIELDS(...)                                                                                \
    fields_make(COUNT_OF(((const struct weir_field *[]){__VA_ARGS__})),                            \
                (const struct weir_field *const[]){__VA_ARGS__})

static void aggregates_make(struct aggregate_plan *a)
{
    const struct aggregate_plan common = {
        .where_column = SINK_NO_COLUMN, .groups_max = 1000000, .on_full = ON_FULL_OVERFLOW};
    for (int i = 0; i < SHOP_AGGREGATES; i++) {
        a[i] = common;
        a[i].fingerprint = 1000 + (uint64_t)i;
    }
    a[SHOP_TOTALS].name = "totals";
    a[SHOP_TOTALS].by = FIELDS(&region_field, &name_field, &number_field);
    a[SHOP_TOTALS].by_count = 3;
    a[SHOP_TOTALS].measure_count = COUNT_OF(measures);
    a[SHOP_MINUTES].name = "minutes";
    a[SHOP_MINUTES].by = FIELDS(&region_field, &name_field);
    a[SHOP_MINUTES].by_count = 2;
    a[SHOP_MINUTES].windowed = true;
    a[SHOP_MINUTES].pane_ns = a[SHOP_MINUTES].size_ns = a[SHOP_MINUTES].slide_ns = SHOP_MINUTE_NS;
    a[SHOP_MINUTES].keep_ns = 60 * SHOP_MINUTE_NS;
    a[SHOP_MINUTES].lateness_ns = SHOP_MINUTE_NS / 2;
    a[SHOP_MINUTES].measure_count = 3;
    a[SHOP_SLIDING].name = "sliding";
    a[SHOP_SLIDING].by = FIELDS(&name_field);
    a[SHOP_SLIDING].by_count = 1;
    a[SHOP_SLIDING].windowed = true;
    a[SHOP_SLIDING].pane_ns = 20 * NS_PER_SECOND;
    a[SHOP_SLIDING].size_ns = SHOP_MINUTE_NS;
    a[SHOP_SLIDING].slide_ns = 20 * NS_PER_SECOND;
    a[SHOP_SLIDING].keep_ns = 20 * SHOP_MINUTE_NS;
    a[SHOP_SLIDING].lateness_ns = 2 * SHOP_MINUTE_NS;
    a[SHOP_SLIDING].measure_count = 2;
    a[SHOP_GRAND].name = "grand";
    a[SHOP_GRAND].measure_count = 3;
    for (int i = 0; i < SHOP_AGGREGATES; i++)
        a[i].measures = measures_make(a[i].measure_count);
}

static void sets_make(struct set_plan *s)
{
    for (int i = 0; i < SHOP_SETS; i++)
        s[i] = (struct set_plan){.version_column = SINK_NO_COLUMN,
                                 .delete_column = SINK_NO_COLUMN,
                                 .records_max = 10000000,
                                 .on_full = ON_FULL_REFUSE,
                                 .fingerprint = 2000 + (uint64_t)i};
    s[SHOP_BY_NUMBER].name = "numbers";
    s[SHOP_BY_NUMBER].key = FIELDS(&number_field);
    s[SHOP_BY_NUMBER].key_count = 1;
    s[SHOP_BY_NUMBER].bins = FIELDS(&region_field, &name_field, &price_field, &at_field);
    s[SHOP_BY_NUMBER].bin_count = 4;
    s[SHOP_BY_REGION].name = "places";
    s[SHOP_BY_REGION].key = FIELDS(&name_field, &number_field);
    s[SHOP_BY_REGION].key_count = 2;
    s[SHOP_BY_REGION].bins = FIELDS(&pieces_field);
    s[SHOP_BY_REGION].bin_count = 1;
}

void shop_init(struct shop *shop, uint32_t partitions, uint64_t seed)
{
    *shop = (struct shop){.partition_count = partitions,
                          .budget = {.limit_bytes = (uint64_t)4 << 30},
                          .random = seed | 1};
    struct aggregate_plan *aggregates = mem_array(SHOP_AGGREGATES, sizeof(*aggregates));
    struct set_plan *sets = mem_array(SHOP_SETS, sizeof(*sets));
    aggregates_make(aggregates);
    sets_make(sets);
    shop->plan = (struct sink_plan){.pipeline = "shop",
                                    .aggregates = aggregates,
                                    .aggregate_count = SHOP_AGGREGATES,
                                    .sets = sets,
                                    .set_count = SHOP_SETS,
                                    .event_time_column = SHOP_AT,
                                    .max_ahead_ns = INT64_MAX / 4,
                                    .idle_ns = 10 * NS_PER_SECOND};
    for (uint32_t p = 0; p < partitions; p++) {
        struct weir_error error = {0};
        CHECK(partition_new(&shop->plan, SHOP_TOPIC, (int32_t)p, &shop->budget,
                            &shop->partitions[p], &error) == 0);
        shop->views[p] =
            (struct query_partition){shop->partitions[p], true, true, SHOP_TOPIC, (int32_t)p};
        shop->watermark_ns[p] = INT64_MIN;
    }
    shop->batch = batch_new(SHOP_COLUMNS);
}

void shop_done(struct shop *shop)
{
    for (uint32_t p = 0; p < shop->partition_count; p++)
        partition_free(shop->partitions[p]);
    for (int i = 0; i < SHOP_AGGREGATES; i++) {
        free((void *)shop->plan.aggregates[i].by);
        free((void *)shop->plan.aggregates[i].measures);
    }
    for (int i = 0; i < SHOP_SETS; i++) {
        free((void *)shop->plan.sets[i].key);
        free((void *)shop->plan.sets[i].bins);
    }
    free((void *)shop->plan.aggregates);
    free((void *)shop->plan.sets);
    free(shop->sales);
    batch_free(shop->batch);
}

uint64_t shop_random(struct shop *shop, uint64_t below)
{
    CHECK(below > 0);
    shop->random ^= shop->random << 13;
    shop->random ^= shop->random >> 7;
    shop->random ^= shop->random << 17;
    return (shop->random * 0x2545f4914f6cdd1dULL >> 11) % below;
}

static struct weir_column *column_add(struct batch *batch, enum shop_column index,
                                      struct weir_type type, bool nullable)
{
    struct weir_column *column = batch_column_new(batch, type);
    CHECK(column);
    if (nullable)
        column->valid = batch_bitmap_new(batch);
    batch_column_set(batch, index, column);
    return column;
}

static void valid_set(struct weir_column *column, uint32_t row, bool valid)
{
    if (valid)
        column->valid[row >> 6] |= 1ULL << (row & 63);
}

static void columns_fill(struct batch *batch, const struct sale *sales, uint32_t count)
{
    struct weir_column *c[SHOP_COLUMNS] = {
        column_add(batch, SHOP_REGION, region_field.type, true),
        column_add(batch, SHOP_NAME, name_field.type, false),
        column_add(batch, SHOP_NUMBER, number_field.type, false),
        column_add(batch, SHOP_PIECES, pieces_field.type, true),
        column_add(batch, SHOP_PRICE, price_field.type, true),
        column_add(batch, SHOP_WEIGHT, (struct weir_type)FLOAT_TYPE, true),
        column_add(batch, SHOP_AT, at_field.type, false),
    };
    for (uint32_t i = 0; i < count; i++) {
        const struct sale *s = &sales[i];
        c[SHOP_REGION]->strs[i] = str_of(s->region ? s->region : "");
        valid_set(c[SHOP_REGION], i, s->region != NULL);
        c[SHOP_NAME]->strs[i] = str_of(s->name);
        c[SHOP_NUMBER]->ints[i] = s->number;
        c[SHOP_PIECES]->ints[i] = s->pieces;
        valid_set(c[SHOP_PIECES], i, s->has_pieces);
        c[SHOP_PRICE]->ints[i] = s->price;
        valid_set(c[SHOP_PRICE], i, s->has_price);
        c[SHOP_WEIGHT]->floats[i] = s->weight;
        valid_set(c[SHOP_WEIGHT], i, s->has_weight);
        c[SHOP_AT]->ints[i] = s->at_ns;
    }
}

static void remember(struct shop *shop, const struct sale *sales, uint32_t count)
{
    if (shop->count + count > shop->capacity) {
        shop->capacity = (shop->count + count) * 2;
        shop->sales = mem_grow(shop->sales, shop->capacity, sizeof(*shop->sales));
    }
    memcpy(shop->sales + shop->count, sales, count * sizeof(*sales));
    shop->count += count;
}

void shop_apply(struct shop *shop, int32_t partition, struct sale *sales, uint32_t count)
{
    struct batch *batch = shop->batch;
    int64_t *next = &shop->next_offset[partition];
    int64_t *watermark = &shop->watermark_ns[partition];
    batch_begin(batch, SHOP_TOPIC, partition, SHOP_BEGIN_NS);
    for (uint32_t i = 0; i < count; i++) {
        sales[i].partition = partition;
        sales[i].offset = (*next)++;
        if (sales[i].at_ns > *watermark)
            *watermark = sales[i].at_ns;
        sales[i].watermark_ns = *watermark;
        struct weir_record record = {.offset = sales[i].offset,
                                     .timestamp_ms = sales[i].at_ns / 1000000,
                                     .value = str_of("x")};
        CHECK(batch_add(batch, &record) == 0);
    }
    columns_fill(batch, sales, count);
    struct partition_counts counts = {0};
    struct weir_error error = {0};
    CHECK(partition_observe(shop->partitions[partition], batch) == 0);
    CHECK(partition_apply(shop->partitions[partition], batch, *next, &counts, &error) ==
          PARTITION_APPLIED);
    remember(shop, sales, count);
}

void shop_feed(struct shop *shop, uint32_t batches, uint32_t batch_size, int64_t span_ns,
               uint64_t numbers)
{
    static const char *const regions[] = {NULL, "eu", "us", "a,\"b\"", "", "zürich"};
    static const char *const names[] = {"a", "b", "c", "long name of a shop that is not inline"};
    struct sale *sales = mem_array(batch_size, sizeof(*sales));
    int64_t clock_ns = SHOP_BEGIN_NS;
    for (uint32_t p = 0; p < shop->partition_count; p++)
        if (shop->watermark_ns[p] > clock_ns)
            clock_ns = shop->watermark_ns[p];
    for (uint32_t b = 0; b < batches; b++) {
        int32_t partition = (int32_t)shop_random(shop, shop->partition_count);
        for (uint32_t i = 0; i < batch_size; i++) {
            clock_ns += (int64_t)shop_random(shop, (uint64_t)span_ns / 50 + 1);
            sales[i] = (struct sale){
                .region = regions[shop_random(shop, COUNT_OF(regions))],
                .name = names[shop_random(shop, COUNT_OF(names))],
                .number = (int64_t)shop_random(shop, numbers) - (int64_t)numbers / 2,
                .has_pieces = shop_random(shop, 10) > 0,
                .pieces = shop_random(shop, 20) ? (int64_t)shop_random(shop, 100) - 20
                                                : INT64_MAX - (int64_t)shop_random(shop, 5),
                .has_price = shop_random(shop, 10) > 0,
                .price = (int64_t)shop_random(shop, 100000) - 1000,
                .has_weight = shop_random(shop, 3) > 0,
                .weight = (double)shop_random(shop, 1000) / 8,
                .at_ns = clock_ns - (int64_t)shop_random(shop, (uint64_t)span_ns)};
        }
        shop_apply(shop, partition, sales, batch_size);
    }
    free(sales);
}

uint64_t test_seed(void)
{
    const char *text = getenv("WEIR_TEST_SEED");
    int64_t seed = 0;
    if (!text || int_read(text, strlen(text), &seed) < 0)
        seed = (int64_t)(hash_random_seed() >> 1);
    fprintf(stderr, "WEIR_TEST_SEED=%lld\n", (long long)seed);
    return (uint64_t)seed;
}
