/* SPDX-License-Identifier: Apache-2.0 */
/* read_set.c: copies of records. */
#include "base/error.h"
#include "base/memory.h"
#include "sink/partition_private.h"

#define COPY_KEEP_BYTES ((size_t)4 << 20)

struct set_records_memory {
    struct arena arena;
};

bool set_order_replaces(const struct set_plan *plan, const struct set_order *a, int32_t a_partition,
                        const struct set_order *b, int32_t b_partition)
{
    if (plan->version_column != SINK_NO_COLUMN) {
        if (a->version_known != b->version_known)
            return b->version_known;
        if (a->version_known && plan->version_type.kind == WEIR_FLOAT) {
            if (a->version.f != b->version.f)
                return b->version.f > a->version.f;
        } else if (a->version_known && a->version.i != b->version.i) {
            return b->version.i > a->version.i;
        }
    }
    if (a->event_time_ns != b->event_time_ns)
        return b->event_time_ns > a->event_time_ns;
    return b_partition > a_partition;
}

/* A record that was found, before it is copied. */
struct found {
    uint64_t hash;
    const void *row;
};

struct copying {
    const struct set *set;
    struct set_records *r;
    struct arena *arena;
    uint64_t bytes_max;
    struct found *found;
    uint32_t count;
    uint32_t room;
};

static void *take(struct copying *c, size_t bytes)
{
    if (c->arena->used_bytes + bytes > c->bytes_max)
        return NULL;
    return arena_alloc(c->arena, bytes ? bytes : 1);
}

static struct set_order order_of(const struct set *set, const void *row)
{
    struct set_order order = {.event_time_ns = ((const struct record_head *)row)->event_time_ns};
    const char *slots = set_slots(row);
    if (set->version != UINT32_MAX && !slot_is_null(&set->record, slots, set->version)) {
        uint32_t at = set->record.columns[set->version].at;
        order.version_known = true;
        order.version.words[0] = ((const struct word4 *)(slots + at))->u;
    }
    return order;
}

/* Copies c->found in the order of hashes. False: out of memory. */
static bool copy_records(struct copying *c)
{
    const struct slot_shape *shape = &c->set->record;
    struct set_records *r = c->r;
    uint32_t n = c->count;
    uint32_t columns = c->set->value_count;
    union read_value *values = take(c, (size_t)n * columns * sizeof *values);
    uint64_t *nulls = take(c, (size_t)n * r->null_words * sizeof *nulls);
    uint64_t *hashes = take(c, (size_t)n * sizeof *hashes);
    struct set_order *orders = take(c, (size_t)n * sizeof *orders);

    if (!values || !nulls || !hashes || !orders)
        return false;
    memset(nulls, 0, (size_t)n * r->null_words * sizeof *nulls);
    for (uint32_t i = 0; i < n; i++) {
        const char *slots = set_slots(c->found[i].row);
        char *text = NULL;
        if (shape->str_count && !(text = take(c, slots_text_bytes(shape, slots))))
            return false;
        for (uint32_t v = 0; v < columns; v++) {
            values[(size_t)i * columns + v] = slot_value(shape, &c->set->heap, slots, v, &text);
            nulls[(size_t)i * r->null_words + (v >> 6)] |= (uint64_t)slot_is_null(shape, slots, v)
                                                           << (v & 63);
        }
        hashes[i] = c->found[i].hash;
        orders[i] = order_of(c->set, c->found[i].row);
    }
    r->values = values;
    r->nulls = nulls;
    r->hashes = hashes;
    r->orders = orders;
    r->count = n;
    return true;
}

static void begin(struct partition *partition, uint32_t set, uint64_t bytes_max,
                  struct set_records *records, struct copying *ret_copying)
{
    struct set_records_memory *memory = records->memory;

    CHECK(set < partition->plan->set_count);
    if (!memory) {
        memory = mem_alloc(sizeof *memory);
        arena_init(&memory->arena, 0);
    }
    arena_reset(&memory->arena, COPY_KEEP_BYTES);
    const struct set *s = &partition->sets[set];
    *records = (struct set_records){
        .plan = s->plan,
        .value_count = s->value_count,
        .null_words = (s->value_count + 63) / 64,
        .memory = memory,
    };
    *ret_copying =
        (struct copying){.set = s, .r = records, .arena = &memory->arena, .bytes_max = bytes_max};
}

static bool find_room(struct copying *c, uint32_t more)
{
    if (c->room - c->count >= more)
        return true;
    uint32_t room = c->room * 2 > c->count + more ? c->room * 2 : c->count + more;
    struct found *grown = take(c, (size_t)room * sizeof *grown);
    if (!grown)
        return false;
    if (c->count)
        memcpy(grown, c->found, c->count * sizeof *grown);
    c->found = grown;
    c->room = room;
    return true;
}

/* Records of a bucket (and its chain) whose hash is at least `from`. */
static bool find_in_bucket(struct copying *c, uint32_t no, uint64_t from)
{
    const struct set *set = c->set;
    const struct bucket_shape shape = set->table.shape;

    for (; no; no = page_bucket(page_read(set->image, no))->next) {
        const struct bucket *bucket = page_bucket(page_read(set->image, no));
        uint32_t first = c->count;
        if (!find_room(c, bucket->count))
            return false;
        for (unsigned i = 0; i < shape.capacity; i++) {
            if (!(bucket_tags(bucket)[i] & BUCKET_TAG))
                continue;
            const struct index_entry *entry = (const void *)bucket_entry(bucket, shape, i);
            const void *row = cell_read(set->image, &set->root->rows, entry->ref);
            __builtin_prefetch(row);
            c->found[c->count++].row = row;
        }
        uint32_t kept = first;
        for (uint32_t i = first; i < c->count; i++) {
            const void *row = c->found[i].row;
            uint64_t hash = slots_hash_stored(&set->key, set_slots(row), set->seed);
            if (hash >= from)
                c->found[kept++] = (struct found){hash, row};
        }
        c->count = kept;
    }
    return true;
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = ((const struct found *)x)->hash, b = ((const struct found *)y)->hash;
    return (a > b) - (a < b);
}

static int no_room(const struct partition *partition, const struct set_plan *plan,
                   uint64_t bytes_max, struct set_records *records, struct weir_error *error)
{
    records->count = 0;
    return error_set(error, WEIR_E_LIMIT,
                     "set `%s` of %s/%d is larger than the limit of %llu bytes for one query; ask "
                     "for less at a time",
                     plan->name, partition_topic(partition), partition_number(partition),
                     (unsigned long long)bytes_max);
}

int set_records_copy(struct partition *partition, uint32_t set, uint32_t records_wanted,
                     uint64_t bytes_max, struct set_cursor *cursor, struct set_records *records,
                     struct weir_error *error)
{
    struct set_cursor at = *cursor;
    struct copying c;
    bool room = true;

    begin(partition, set, bytes_max, records, &c);
    partition_lock(partition);
    partition_instant(partition, &records->at);
    while (room && !at.end && c.count < records_wanted) {
        uint64_t from = at.next;
        uint32_t no = table_scan(&c.set->table, from, &at.next);
        uint32_t first = c.count;
        room = find_in_bucket(&c, no, from);
        if (c.count > first)
            qsort(c.found + first, c.count - first, sizeof *c.found, by_hash);
        at.end = at.next == 0;
    }
    room = room && copy_records(&c);
    partition_unlock(partition);
    if (!room)
        return no_room(partition, records->plan, bytes_max, records, error);
    *cursor = at;
    return 0;
}

int set_record_find(struct partition *partition, uint32_t set, const union read_value *key,
                    struct set_records *records, struct weir_error *error)
{
    unsigned char slots[CELL_BYTES_MAX];
    struct copying c;

    begin(partition, set, UINT64_MAX, records, &c);
    bool has_long = slots_of_values(&c.set->key, key, c.set->seed, slots);
    struct found found = {.hash = slots_hash(&c.set->key, slots, c.set->seed)};
    partition_lock(partition);
    partition_instant(partition, &records->at);
    uint32_t ref = set_find(c.set, slots, has_long, key);
    bool room = true;
    if (ref) {
        found.row = cell_read(c.set->image, &c.set->root->rows, ref);
        c.found = &found;
        c.count = 1;
        room = copy_records(&c);
    }
    partition_unlock(partition);
    return room ? 0 : no_room(partition, records->plan, UINT64_MAX, records, error);
}

void set_records_done(struct set_records *records)
{
    if (records->memory) {
        arena_done(&records->memory->arena);
        free(records->memory);
    }
    *records = (struct set_records){0};
}
