/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/set.h"

#include "base/error.h"
#include "base/memory.h"

#define EVICT_SAMPLE 8

static void shapes_init(const struct set_plan *plan, struct slot_shape *key,
                        struct slot_shape *record)
{
    /* Records with a null key are rejected, so keys need no null bits. */
    struct weir_field *fields = mem_array(plan->key_count + 1, sizeof *fields);
    for (uint32_t i = 0; i < plan->key_count; i++) {
        fields[i] = plan->key[i];
        fields[i].type.nullable = 0;
    }
    slot_shape_init(key, fields, plan->key_count, NULL, 0);
    slot_shape_init(record, fields, plan->key_count, plan->bins, plan->bin_count);
    free(fields);
}

static uint32_t slots_at(const struct set_plan *plan)
{
    return (uint32_t)sizeof(struct record_head) + (plan->version_column != SINK_NO_COLUMN ? 8 : 0);
}

int set_check(const struct set_plan *plan, struct weir_error *error)
{
    struct slot_shape key, record;
    shapes_init(plan, &key, &record);
    uint32_t bytes = slots_at(plan) + record.bytes;
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
    shapes_init(plan, &set->key, &set->record);
    set->slots_at = slots_at(plan);
    set->heap = (struct slot_heap){image, &set->root->heap, owner, seed};
    if (is_new) {
        struct set_root *root = set_root_write(set);
        cells_init(&root->rows, set->slots_at + set->record.bytes);
        heap_init(&root->heap);
    }
    index_init(&set->table, image, &set->root->table, owner);
}

void set_done(struct set *set)
{
    if (!set->image)
        return;
    table_done(&set->table);
    free(set->key.columns);
    free(set->record.columns);
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

struct find_context {
    const struct set *set;
    const struct set_work *work;
};

static bool equal_long(const struct set *set, const struct set_work *work, uint32_t i,
                       const void *row)
{
    const unsigned char *slots = work->slots + (size_t)i * set->record.bytes;
    if (i < work->upserts) {
        struct slot_texts texts = {.batch = work->batch, .row = work->rows[i]};
        return slots_equal_long(&set->key, &set->heap, slots, &texts, set_slots(set, row));
    }
    uint16_t tombstone = work->tombstones[i - work->upserts];
    union read_value key = {.s = work->batch->records[tombstone].key};
    struct slot_texts texts = {.values = &key};
    return slots_equal_long(&set->key, &set->heap, slots, &texts, set_slots(set, row));
}

static inline bool record_equal(const void *context, uint32_t i, const void *row)
{
    const struct find_context *c = context;
    const unsigned char *slots = c->work->slots + (size_t)i * c->set->record.bytes;
    if (likely(slots_equal_bytes(slots, set_slots(c->set, row), c->set->key.bytes)))
        return true;
    return c->work->long_texts[i] && equal_long(c->set, c->work, i, row);
}

static const struct index_entry *find_again(const struct set *set, const struct set_work *work,
                                            uint32_t i)
{
    struct find_context context = {set, work};
    return index_find(&set->table, &set->root->rows, work->hashes[i], record_equal, &context, i);
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
    if (slots_equal_bytes(c->slots, set_slots(c->set, row), c->set->key.bytes))
        return true;
    struct slot_texts texts = {.values = c->key};
    return c->has_long &&
           slots_equal_long(&c->set->key, &c->set->heap, c->slots, &texts, set_slots(c->set, row));
}

uint32_t set_find(const struct set *set, const void *slots, bool has_long,
                  const union read_value *key)
{
    struct value_context context = {set, slots, key, has_long};
    const struct index_entry *entry =
        index_find(&set->table, &set->root->rows, slots_hash(&set->key, slots, set->seed),
                   value_equal, &context, 0);
    return entry ? entry->ref : 0;
}

/* ---- preparing ---- */

static int gather(struct set *set, struct batch *batch, struct set_work *work)
{
    uint32_t items = work->upserts + work->tombstone_count;
    uint32_t stride = set->record.bytes;

    work->slots = batch_alloc(batch, (size_t)items * stride + 16);
    work->long_texts = batch_alloc(batch, items + 1);
    work->hashes = batch_alloc(batch, (items + 1) * sizeof *work->hashes);
    work->refs = batch_alloc(batch, (items + 1) * sizeof *work->refs);
    if (!work->slots || !work->long_texts || !work->hashes || !work->refs)
        return WEIR_E_NOMEM;
    slots_gather(&set->record, work->batch, work->rows, work->upserts, set->seed, work->slots,
                 stride, work->long_texts);
    for (uint32_t i = 0; i < work->tombstone_count; i++) {
        uint32_t item = work->upserts + i;
        struct weir_str key = work->batch->records[work->tombstones[i]].key;
        slot_set_str((struct str_slot *)(work->slots + (size_t)item * stride), key, set->seed);
        work->long_texts[item] = key.length > STR_INLINE_MAX;
    }
    if (set->key.bytes == 16) {
        for (uint32_t i = 0; i < items; i++)
            work->hashes[i] = hash_bytes(work->slots + (size_t)i * stride, 16, set->seed);
    } else {
        for (uint32_t i = 0; i < items; i++)
            work->hashes[i] = slots_hash(&set->key, work->slots + (size_t)i * stride, set->seed);
    }
    return 0;
}

/* Tombstones with a key; those without one are nobody's. */
static int keyed_tombstones(struct batch *batch, struct set_work *work)
{
    uint16_t *rows = batch_alloc(batch, (batch->tombstone_count + 1) * sizeof *rows);
    if (!rows)
        return WEIR_E_NOMEM;
    for (uint32_t i = 0; i < batch->tombstone_count; i++)
        if (batch->records[batch->tombstones[i]].key.data)
            rows[work->tombstone_count++] = batch->tombstones[i];
    work->tombstones = rows;
    return 0;
}

static int by_hash(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

static uint32_t distinct_missing(struct batch *batch, const struct set_work *work, uint32_t missing)
{
    uint64_t *hashes = batch_alloc(batch, (missing + 1) * sizeof *hashes);
    uint32_t n = 0, distinct = 0;
    if (!hashes)
        return missing;
    for (uint32_t i = 0; i < work->upserts; i++)
        if (!work->refs[i])
            hashes[n++] = work->hashes[i];
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (uint32_t i = 0; i < n; i++)
        distinct += i == 0 || hashes[i] != hashes[i - 1];
    return distinct;
}

int set_prepare(struct set *set, struct batch *batch, const int64_t *times,
                struct set_work *ret_work)
{
    struct set_work work = {
        .batch = &batch->view,
        .times = times,
        .rows = batch->view.selection,
        .upserts = batch->view.selected,
    };
    struct find_context context = {set, &work};
    uint64_t text_bytes = 0, text_pages = 0;
    uint32_t missing = 0;

    int rc = set->plan->key_is_record_key ? keyed_tombstones(batch, &work) : 0;
    if (!rc)
        rc = gather(set, batch, &work);
    if (rc)
        return rc;
    index_find_many(&set->table, &set->root->rows, work.hashes, work.upserts + work.tombstone_count,
                    work.refs, record_equal, &context);
    for (uint32_t i = 0; i < work.upserts; i++) {
        missing += !work.refs[i];
        if (work.long_texts[i])
            slots_long_add(&set->record, work.slots + (size_t)i * set->record.bytes, &text_bytes,
                           &text_pages);
    }
    if (missing)
        work.pages =
            table_pages_for(&set->table, missing) + cells_pages_for(&set->root->rows, missing) + 1;
    work.pages += slots_long_pages(text_bytes, text_pages);
    *ret_work = work;
    uint64_t records = set->table.head->entries;
    if (missing && set->plan->on_full == ON_FULL_PAUSE && records + missing > set->records_max &&
        records + distinct_missing(batch, &work, missing) > set->records_max)
        return PARTITION_FULL;
    return 0;
}

/* ---- committing ---- */

static void record_free(struct set *set, uint64_t hash, const struct index_entry *entry)
{
    uint32_t ref = entry->ref;
    const void *row = cell_read(set->image, &set->root->rows, ref);

    slots_free_texts(&set->record, &set->heap, set_slots(set, row), 0);
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
    record_free(set, slots_hash_stored(&set->key, set_slots(set, row), set->seed), victim);
    set->root->evicted++;
}

struct version {
    bool null;
    struct word4 word;
};

static struct version version_of(const struct set *set, const struct set_work *work, uint32_t i)
{
    struct version version = {.null = true};
    if (set->plan->version_column == SINK_NO_COLUMN)
        return version;
    const struct weir_column *column = work->batch->columns[set->plan->version_column];
    uint32_t row = work->rows[i];
    version.null = !weir_valid(column, row);
    if (!version.null)
        version.word.i = column->ints[row]; /* a double by its bytes */
    return version;
}

static bool outdated(const struct set *set, const struct record_head *there, struct version version)
{
    if (set->plan->version_column == SINK_NO_COLUMN || there->version_null)
        return false;
    if (version.null)
        return true;
    const struct word4 *word = (const struct word4 *)(there + 1);
    return set->plan->version_type.kind == WEIR_FLOAT ? version.word.f < word->f
                                                      : version.word.i < word->i;
}

static void record_write(struct set *set, const struct set_work *work, uint32_t i, char *row,
                         struct version version, bool is_new)
{
    const unsigned char *slots = work->slots + (size_t)i * set->record.bytes;
    uint32_t kept = is_new ? 0 : set->plan->key_count; /* an old row keeps its key's texts */
    uint32_t kept_bytes = is_new ? 0 : set->key.bytes;
    char *to = row + set->slots_at;

    if (!is_new)
        slots_free_texts(&set->record, &set->heap, to, kept);
    *(struct record_head *)row = (struct record_head){
        .event_time_ns = work->times[work->rows[i]],
        .offset = (uint64_t)work->batch->records[work->rows[i]].offset & RECORD_OFFSET_MAX,
        .version_null = version.null,
    };
    if (set->plan->version_column != SINK_NO_COLUMN)
        *(struct word4 *)(row + sizeof(struct record_head)) = version.word;
    memcpy(to + kept_bytes, slots + kept_bytes, set->record.bytes - kept_bytes);
    if (work->long_texts[i]) {
        struct slot_texts texts = {.batch = work->batch, .row = work->rows[i]};
        slots_store_texts(&set->record, &set->heap, to, kept, &texts);
    }
}

static void record_insert(struct set *set, const struct set_work *work, uint32_t i)
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
    CHECK(ref && index_insert(&set->table, work->hashes[i], ref));
    record_write(set, work, i, cell_write(set->image, &set->root->rows, ref),
                 version_of(set, work, i), true);
}

static bool wants_delete(const struct set *set, const struct set_work *work, uint32_t i)
{
    if (set->plan->delete_column == SINK_NO_COLUMN)
        return false;
    const struct weir_column *column = work->batch->columns[set->plan->delete_column];
    return weir_valid(column, work->rows[i]) && column->bools[work->rows[i]];
}

/* found says whether refs[i] can still be trusted: rows leave their cells only by deletes. */
static void upsert(struct set *set, const struct set_work *work, uint32_t i, bool *found)
{
    uint32_t ref = work->refs[i];

    if (!ref || !*found) {
        const struct index_entry *entry = find_again(set, work, i);
        ref = entry ? entry->ref : 0;
    }
    if (!ref) {
        if (!wants_delete(set, work, i)) {
            uint64_t evicted = set->root->evicted;
            record_insert(set, work, i);
            *found &= set->root->evicted == evicted;
        }
        return;
    }
    struct version version = version_of(set, work, i);
    const struct record_head *there = cell_read(set->image, &set->root->rows, ref);
    if (outdated(set, there, version)) {
        set->root->outdated++;
    } else if (wants_delete(set, work, i)) {
        record_free(set, work->hashes[i], find_again(set, work, i));
        *found = false;
    } else {
        record_write(set, work, i, cell_write(set->image, &set->root->rows, ref), version, false);
    }
}

void set_commit(struct set *set, struct set_work *work)
{
    uint32_t tombstone = 0;
    bool found = true;

    if (!work->upserts && !work->tombstone_count)
        return;
    set_root_write(set);
    for (uint32_t i = 0; i <= work->upserts; i++) {
        uint32_t row = i < work->upserts ? work->rows[i] : UINT32_MAX;
        for (; tombstone < work->tombstone_count && work->tombstones[tombstone] < row;
             tombstone++) {
            const struct index_entry *entry = find_again(set, work, work->upserts + tombstone);
            if (entry) {
                record_free(set, work->hashes[work->upserts + tombstone], entry);
                found = false;
            }
        }
        if (i < work->upserts)
            upsert(set, work, i, &found);
    }
}
