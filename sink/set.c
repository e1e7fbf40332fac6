/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/set.h"

#include "base/error.h"
#include "base/memory.h"

#define EVICT_SAMPLE 8

static uint32_t bin_of(const struct set_plan *plan, uint32_t column)
{
    for (uint32_t i = 0; i < plan->bin_count; i++)
        if (plan->bins[i].column == column)
            return plan->key_count + i;
    return UINT32_MAX;
}

/* Returns which column of `record` is the version. */
static uint32_t shapes_init(const struct set_plan *plan, struct slot_shape *key,
                            struct slot_shape *record)
{
    uint32_t version = UINT32_MAX, bins = plan->bin_count;
    struct weir_field *fields = mem_array(plan->key_count + bins + 1, sizeof *fields);

    /* Records with a null key are rejected, so keys need no null bits. */
    for (uint32_t i = 0; i < plan->key_count; i++) {
        fields[i] = plan->key[i];
        fields[i].type.nullable = 0;
    }
    slot_shape_init(key, fields, plan->key_count, NULL, 0);
    struct weir_field *after_key = fields + plan->key_count;
    for (uint32_t i = 0; i < bins; i++)
        after_key[i] = plan->bins[i];
    if (plan->version_column != SINK_NO_COLUMN) {
        version = bin_of(plan, plan->version_column);
        if (version == UINT32_MAX) {
            version = plan->key_count + bins;
            after_key[bins] = (struct weir_field){"", plan->version_type, plan->version_column};
            after_key[bins++].type.nullable = 1;
        }
    }
    slot_shape_init(record, fields, plan->key_count, after_key, bins);
    free(fields);
    return version;
}

int set_check(const struct set_plan *plan, struct weir_error *error)
{
    struct slot_shape key, record;
    shapes_init(plan, &key, &record);
    uint32_t bytes = (uint32_t)sizeof(struct record_head) + record.bytes;
    free(key.columns);
    free(record.columns);
    if (bytes <= CELL_BYTES_MAX)
        return 0;
    return error_set(error, WEIR_E_LIMIT,
                     "set `%s`: a record's fixed part would take %u bytes (16 for each text, 8 for "
                     "other values), at most %u fit; name fewer columns in `bins`",
                     plan->name, bytes, CELL_BYTES_MAX);
}

void set_init(struct set *set, const struct set_plan *plan, struct image *image, uint32_t owner,
              uint32_t root_no, uint64_t seed, bool is_new)
{
    *set = (struct set){.plan = plan, .image = image, .owner = owner, .seed = seed};
    set->root = (struct set_root *)(uintptr_t)page_read(image, root_no);
    set->records_max = plan->records_max ? plan->records_max : UINT64_MAX;
    set->version = shapes_init(plan, &set->key, &set->record);
    set->value_count = plan->key_count + plan->bin_count;
    set->heap = (struct slot_heap){image, &set->root->heap, owner, seed};
    if (is_new) {
        struct set_root *root = set_root_write(set);
        cells_init(&root->rows, (uint32_t)sizeof(struct record_head) + set->record.bytes);
        heap_init(&root->heap);
    }
    index_init(&set->table, image, &set->root->table, owner);
    set->strip = mem_alloc(sizeof *set->strip);
    set->strip->slots = mem_array(SET_STRIP, set->record.bytes + 8);
}

void set_done(struct set *set)
{
    if (!set->image)
        return;
    table_done(&set->table);
    free(set->key.columns);
    free(set->record.columns);
    free(set->strip->slots);
    free(set->strip);
    *set = (struct set){0};
}

void set_reject_null_keys(const struct set *set, struct batch *batch)
{
    const struct weir_batch *view = &batch->view;

    for (uint32_t k = 0; k < set->plan->key_count; k++) {
        const struct weir_column *column = view->columns[set->plan->key[k].column];
        if (!column || !column->valid)
            continue;
        for (uint32_t i = 0; i < view->selected; i++) {
            if (!weir_valid(column, view->selection[i]))
                batch_reject(batch, view->selection[i], WEIR_REJECT_KEY,
                             "key `%s` of set `%s` is null", set->plan->key[k].name,
                             set->plan->name);
        }
    }
}

/* ---- finding ---- */

/* What comparing keys needs of a strip, by itself so that it stays in registers. */
struct find_context {
    const unsigned char *slots;
    const uint8_t *long_texts;
    uint32_t stride;
    uint32_t key_bytes;
    const struct set *set;
    const struct set_strip *s;
};

static struct find_context find_context(const struct set *set, const struct set_strip *s)
{
    return (struct find_context){s->slots,       s->long_texts, set->record.bytes,
                                 set->key.bytes, set,           s};
}

static __attribute__((noinline)) bool equal_long(const struct find_context *c, uint32_t i,
                                                 const void *row)
{
    struct slot_texts texts = {.batch = c->s->batch, .row = c->s->rows[i]};
    return slots_equal_long(&c->set->key, &c->set->heap, c->slots + (size_t)i * c->stride, &texts,
                            set_slots(row));
}

static inline bool record_equal(const void *context, uint32_t i, const void *row)
{
    const struct find_context *c = context;
    if (likely(slots_equal_bytes(c->slots + (size_t)i * c->stride, set_slots(row), c->key_bytes)))
        return true;
    return unlikely(c->long_texts[i]) && equal_long(c, i, row);
}

static const struct index_entry *find_again(const struct set *set, const struct set_strip *s,
                                            uint32_t i)
{
    struct find_context context = find_context(set, s);
    return index_find(&set->table, &set->root->rows, s->hashes[i], record_equal, &context, i);
}

static void strip_find(struct set *set, struct set_strip *s, const struct set_work *work,
                       uint32_t first)
{
    uint32_t stride = set->record.bytes;

    s->batch = work->batch;
    s->times = work->times;
    s->rows = work->rows + first;
    s->count = work->count - first < SET_STRIP ? work->count - first : SET_STRIP;
    slots_gather(&set->record, s->batch, s->rows, s->count, set->seed, s->slots, stride,
                 s->long_texts);
    if (set->key.bytes == 16) {
        for (uint32_t i = 0; i < s->count; i++)
            s->hashes[i] = hash_bytes(s->slots + (size_t)i * stride, 16, set->seed);
    } else if (set->key.bytes == 8) {
        for (uint32_t i = 0; i < s->count; i++)
            s->hashes[i] = hash_bytes(s->slots + (size_t)i * stride, 8, set->seed);
    } else {
        for (uint32_t i = 0; i < s->count; i++)
            s->hashes[i] = slots_hash(&set->key, s->slots + (size_t)i * stride, set->seed);
    }
    struct find_context context = find_context(set, s);
    index_find_many(&set->table, &set->root->rows, s->hashes, s->count, s->refs, record_equal,
                    &context);
}

struct value_context {
    const struct set *set;
    const void *slots;
    const union read_value *key;
    bool has_long;
};

static bool value_equal(const void *context, uint32_t i, const void *row)
{
    const struct value_context *c = context;
    (void)i;
    if (slots_equal_bytes(c->slots, set_slots(row), c->set->key.bytes))
        return true;
    struct slot_texts texts = {.values = c->key};
    return c->has_long &&
           slots_equal_long(&c->set->key, &c->set->heap, c->slots, &texts, set_slots(row));
}

static const struct index_entry *find_values(const struct set *set, const void *slots,
                                             bool has_long, const union read_value *key)
{
    struct value_context context = {set, slots, key, has_long};
    return index_find(&set->table, &set->root->rows, slots_hash(&set->key, slots, set->seed),
                      value_equal, &context, 0);
}

uint32_t set_find(const struct set *set, const void *slots, bool has_long,
                  const union read_value *key)
{
    const struct index_entry *entry = find_values(set, slots, has_long, key);
    return entry ? entry->ref : 0;
}

/* ---- limits ---- */

int set_select(const struct set *set, struct batch *batch, const int64_t *times,
               struct set_work *ret_work)
{
    struct set_work work = {&batch->view,         times, batch->view.selection,
                            batch->view.selected, NULL,  0};

    if (set->plan->key_is_record_key && batch->tombstone_count) {
        uint16_t *rows = batch_alloc(batch, batch->tombstone_count * sizeof *rows);
        if (!rows)
            return WEIR_E_NOMEM;
        for (uint32_t i = 0; i < batch->tombstone_count; i++)
            if (batch->records[batch->tombstones[i]].key.data)
                rows[work.tombstone_count++] = batch->tombstones[i];
        work.tombstones = rows;
    }
    *ret_work = work;
    return 0;
}

static uint64_t pages_for(const struct set *set, uint64_t inserts)
{
    return inserts ? table_pages_for(&set->table, inserts) +
                         cells_pages_for(&set->root->rows, inserts) + 1
                   : 0;
}

int set_bound(const struct set *set, const struct set_work *work, uint64_t text_bytes,
              uint64_t *pages)
{
    if (set->plan->on_full == ON_FULL_PAUSE &&
        work->count > set->records_max - set->table.head->entries)
        return PARTITION_FULL;
    *pages += pages_for(set, work->count) +
              slots_long_pages(set->record.str_count * (text_bytes + text_bytes / 4), 0);
    return 0;
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

static uint32_t distinct(uint64_t *hashes, uint32_t count)
{
    uint32_t found = 0;
    qsort(hashes, count, sizeof *hashes, by_hash);
    for (uint32_t i = 0; i < count; i++)
        found += i == 0 || hashes[i] != hashes[i - 1];
    return found;
}

int set_measure(struct set *set, struct batch *batch, const struct set_work *work, uint64_t *pages)
{
    struct set_strip *s = set->strip;
    uint64_t text_bytes = 0, text_pages = 0;
    uint32_t missing = 0;
    uint64_t *hashes = batch_alloc(batch, (work->count + 1) * sizeof *hashes);

    if (!hashes)
        return WEIR_E_NOMEM;
    for (uint32_t at = 0; at < work->count; at += SET_STRIP) {
        strip_find(set, s, work, at);
        for (uint32_t i = 0; i < s->count; i++) {
            if (!s->refs[i])
                hashes[missing++] = s->hashes[i];
            if (s->long_texts[i])
                slots_long_add(&set->record, s->slots + (size_t)i * set->record.bytes, &text_bytes,
                               &text_pages);
        }
    }
    *pages += pages_for(set, missing) + slots_long_pages(text_bytes, text_pages);
    if (set->plan->on_full == ON_FULL_PAUSE && missing &&
        set->table.head->entries + distinct(hashes, missing) > set->records_max)
        return PARTITION_FULL;
    return 0;
}

/* ---- applying ---- */

static void record_free(struct set *set, uint64_t hash, const struct index_entry *entry)
{
    uint32_t ref = entry->ref;
    const void *row = cell_read(set->image, &set->root->rows, ref);

    slots_free_texts(&set->record, &set->heap, set_slots(row), 0);
    cell_free(set->image, &set->root->rows, ref);
    table_remove(&set->table, hash, entry);
}

/* The oldest of the next few records at the hand goes. */
static void evict_one(struct set *set)
{
    const struct index_entry *victim = NULL;
    int64_t oldest = INT64_MAX;

    while (!victim) {
        uint64_t next;
        uint32_t no = table_scan(&set->table, set->root->hand, &next);
        const struct bucket *bucket = page_bucket(page_read(set->image, no));
        unsigned first = (unsigned)(set->root->evicted % set->table.shape.capacity);
        for (unsigned i = 0, seen = 0; i < set->table.shape.capacity && seen < EVICT_SAMPLE; i++) {
            unsigned slot = (first + i) % set->table.shape.capacity;
            if (!(bucket_tags(bucket)[slot] & BUCKET_TAG))
                continue;
            const struct index_entry *entry =
                (const void *)bucket_entry(bucket, set->table.shape, slot);
            const struct record_head *head = cell_read(set->image, &set->root->rows, entry->ref);
            seen++;
            if (!victim || head->event_time_ns < oldest) {
                oldest = head->event_time_ns;
                victim = entry;
            }
        }
        set->root->hand = next;
    }
    const void *row = cell_read(set->image, &set->root->rows, victim->ref);
    record_free(set, slots_hash_stored(&set->key, set_slots(row), set->seed), victim);
    set->root->evicted++;
}

/* Whether the record of slots `there` has a greater version than that of slots `here`. */
static bool outdated(const struct set *set, const void *there, const void *here)
{
    if (set->version == UINT32_MAX || slot_is_null(&set->record, there, set->version))
        return false;
    if (slot_is_null(&set->record, here, set->version))
        return true;
    uint32_t at = set->record.columns[set->version].at;
    const struct word4 *x = (const struct word4 *)((const char *)there + at);
    const struct word4 *y = (const struct word4 *)((const char *)here + at);
    return set->plan->version_type.kind == WEIR_FLOAT ? y->f < x->f : y->i < x->i;
}

static void record_write(struct set *set, const struct set_strip *s, uint32_t i, char *row,
                         bool is_new)
{
    const unsigned char *slots = s->slots + (size_t)i * set->record.bytes;
    uint32_t kept = is_new ? 0 : set->plan->key_count; /* an old row keeps its key's texts */
    uint32_t kept_bytes = is_new ? 0 : set->key.bytes;
    char *to = row + sizeof(struct record_head);

    if (!is_new)
        slots_free_texts(&set->record, &set->heap, to, kept);
    ((struct record_head *)row)->event_time_ns = s->times[s->rows[i]];
    memcpy(to + kept_bytes, slots + kept_bytes, set->record.bytes - kept_bytes);
    if (s->long_texts[i]) {
        struct slot_texts texts = {.batch = s->batch, .row = s->rows[i]};
        slots_store_texts(&set->record, &set->heap, to, kept, &texts);
    }
}

static void record_insert(struct set *set, const struct set_strip *s, uint32_t i)
{
    if (set->table.head->entries >= set->records_max) {
        if (set->plan->on_full == ON_FULL_REFUSE) {
            set->root->refused++;
            return;
        }
        while (set->plan->on_full == ON_FULL_EVICT && set->table.head->entries >= set->records_max)
            evict_one(set);
    }
    uint32_t ref = cell_alloc(set->image, &set->root->rows, set->owner);
    CHECK(ref && index_insert(&set->table, s->hashes[i], ref));
    record_write(set, s, i, cell_write(set->image, &set->root->rows, ref), true);
}

static bool wants_delete(const struct set *set, const struct set_strip *s, uint32_t i)
{
    if (set->plan->delete_column == SINK_NO_COLUMN)
        return false;
    const struct weir_column *column = s->batch->columns[set->plan->delete_column];
    return weir_valid(column, s->rows[i]) && column->bools[s->rows[i]];
}

/* found says whether refs[i] can still be trusted: rows leave their cells only by deletes. */
static void upsert(struct set *set, const struct set_strip *s, uint32_t i, bool *found)
{
    uint32_t ref = s->refs[i];

    if (!ref || !*found) {
        const struct index_entry *entry = find_again(set, s, i);
        ref = entry ? entry->ref : 0;
    }
    if (!ref) {
        if (!wants_delete(set, s, i)) {
            uint64_t evicted = set->root->evicted;
            record_insert(set, s, i);
            *found &= set->root->evicted == evicted;
        }
        return;
    }
    const void *there = cell_read(set->image, &set->root->rows, ref);
    if (outdated(set, set_slots(there), s->slots + (size_t)i * set->record.bytes)) {
        set->root->outdated++;
    } else if (wants_delete(set, s, i)) {
        record_free(set, s->hashes[i], find_again(set, s, i));
        *found = false;
    } else {
        record_write(set, s, i, cell_write(set->image, &set->root->rows, ref), false);
    }
}

static void apply_tombstone(struct set *set, struct weir_str text)
{
    unsigned char slots[16];
    union read_value key = {.s = text};
    bool has_long = slots_of_values(&set->key, &key, set->seed, slots);
    const struct index_entry *entry = find_values(set, slots, has_long, &key);

    if (entry)
        record_free(set, slots_hash(&set->key, slots, set->seed), entry);
}

void set_apply(struct set *set, const struct set_work *work)
{
    struct set_strip *s = set->strip;
    uint32_t tombstone = 0;

    if (!work->count && !work->tombstone_count)
        return;
    set_root_write(set);
    for (uint32_t at = 0; at < work->count; at += SET_STRIP) {
        strip_find(set, s, work, at);
        bool found = true;
        for (uint32_t i = 0; i < s->count; i++) {
            for (; tombstone < work->tombstone_count && work->tombstones[tombstone] < s->rows[i];
                 tombstone++) {
                apply_tombstone(set, s->batch->records[work->tombstones[tombstone]].key);
                found = false;
            }
            upsert(set, s, i, &found);
        }
    }
    for (; tombstone < work->tombstone_count; tombstone++)
        apply_tombstone(set, work->batch->records[work->tombstones[tombstone]].key);
}
