/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.c: ties image, aggregates and sets together: one batch, one hold of the lock, one next
 * offset.
 */
#include "sink/partition.h"

#include <pthread.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sink/partition_private.h"

static struct image_root *root_write(struct partition *p)
{
    return page_write(&p->image, 0);
}

/* One seed for a process, so that a key has the same place in the order of hashes in all partitions
 * and reads can merge them in that order. */
static uint64_t process_seed;
static pthread_once_t process_seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    process_seed = hash_random_seed();
}

static void root_init(struct partition *p, const char *topic, int32_t partition)
{
    size_t length = strlen(topic);
    struct image_root *root = root_write(p);

    pthread_once(&process_seed_once, make_seed);
    root->hash_seed = process_seed;
    root->watermark_ns = INT64_MIN;
    root->newest_event_time_ns = INT64_MIN;
    root->last_timestamp_ms = -1;
    root->partition = partition;
    root->topic_length =
        (uint32_t)(length < IMAGE_TOPIC_BYTES_MAX ? length : IMAGE_TOPIC_BYTES_MAX - 1);
    memcpy(root->topic, topic, root->topic_length);
}

static int check_plan(const struct sink_plan *plan, struct weir_error *error)
{
    if (plan->aggregate_count + plan->set_count > IMAGE_TABLES_MAX)
        return error_set(error, WEIR_E_LIMIT,
                         "%u aggregates and sets in one pipeline, at most %u; make two of it",
                         plan->aggregate_count + plan->set_count, IMAGE_TABLES_MAX);
    for (uint32_t i = 0; i < plan->set_count; i++) {
        int rc = set_check(&plan->sets[i], error);
        if (rc)
            return rc;
    }
    return 0;
}

static uint32_t table_root_new(struct partition *p, uint64_t fingerprint,
                               enum image_table_kind kind, uint32_t *ret_owner)
{
    uint32_t no = page_alloc(&p->image, PAGE_ROOT, p->root->table_count + 1);
    CHECK(no);
    struct image_root *root = root_write(p);
    root->tables[root->table_count++] = (struct image_table){fingerprint, no, kind};
    *ret_owner = root->table_count;
    return no;
}

static void tables_init(struct partition *p)
{
    const struct sink_plan *plan = p->plan;
    uint32_t owner;

    p->aggregates = mem_array(plan->aggregate_count + 1, sizeof *p->aggregates);
    p->aggregate_works = mem_array(plan->aggregate_count + 1, sizeof *p->aggregate_works);
    for (uint32_t i = 0; i < plan->aggregate_count; i++) {
        const struct aggregate_plan *aggregate = &plan->aggregates[i];
        uint32_t no = table_root_new(p, aggregate->fingerprint, IMAGE_TABLE_AGGREGATE, &owner);
        p->windowed |= aggregate->windowed;
        aggregate_init(&p->aggregates[i], aggregate, &p->image, owner, no, p->root->hash_seed,
                       true);
    }
    p->sets = mem_array(plan->set_count + 1, sizeof *p->sets);
    p->set_works = mem_array(plan->set_count + 1, sizeof *p->set_works);
    for (uint32_t i = 0; i < plan->set_count; i++) {
        uint32_t no = table_root_new(p, plan->sets[i].fingerprint, IMAGE_TABLE_SET, &owner);
        set_init(&p->sets[i], &plan->sets[i], &p->image, owner, no, p->root->hash_seed, true);
    }
}

static _Atomic uint32_t births;

int partition_new(const struct sink_plan *plan, const char *topic, int32_t partition,
                  struct memory_budget *budget, struct partition **ret_partition,
                  struct weir_error *error)
{
    int rc = check_plan(plan, error);
    if (rc)
        return rc;
    struct partition *p = mem_alloc(sizeof *p);
    rc = image_init(&p->image, budget, error);
    if (rc) {
        free(p);
        return rc;
    }
    p->plan = plan;
    /* Never one that another image at this address had: answers are kept by it. */
    p->version = (uint64_t)atomic_fetch_add(&births, 1) << 40;
    p->root = root_write(p);
    root_init(p, topic, partition);
    tables_init(p);
    *ret_partition = p;
    return 0;
}

void partition_free(struct partition *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++)
        aggregate_done(&p->aggregates[i]);
    for (uint32_t i = 0; i < p->plan->set_count; i++)
        set_done(&p->sets[i]);
    image_done(&p->image);
    free(p->aggregates);
    free(p->aggregate_works);
    free(p->sets);
    free(p->set_works);
    free(p);
}

/* ---- time ---- */

static int64_t kafka_time(const struct weir_record *record)
{
    int64_t ms = record->timestamp_ms;
    return ms < 0 || ms > INT64_MAX / 1000000 ? INT64_MIN : ms * 1000000;
}

static int64_t add_capped(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Event times by row: the declared column, Kafka's timestamp where there is none or it is null. */
static const int64_t *event_times(const struct weir_batch *view, uint32_t time_column,
                                  int64_t *space)
{
    const struct weir_column *column =
        time_column == SINK_NO_COLUMN ? NULL : view->columns[time_column];

    if (column && !column->valid)
        return column->ints;
    for (uint32_t i = 0; i < view->selected; i++) {
        uint32_t row = view->selection[i];
        space[row] =
            column && weir_valid(column, row) ? column->ints[row] : kafka_time(&view->records[row]);
    }
    return space;
}

static int64_t latest(const struct weir_batch *view, const int64_t *times, int64_t than)
{
    for (uint32_t i = 0; i < view->selected; i++) {
        int64_t time = times[view->selection[i]];
        than = time > than ? time : than;
    }
    return than;
}

/* Where the watermark stands at each row, and how far behind it the latest row is. */
static void run_watermark(const struct weir_batch *view, int64_t bound, struct observed *o)
{
    int64_t watermark = o->watermark_ns;
    uint64_t behind = 0;

    for (uint32_t i = 0; i < view->selected; i++) {
        uint32_t row = view->selection[i];
        int64_t time = o->times[row];
        int64_t bounded = time < bound ? time : bound;
        watermark = bounded > watermark ? bounded : watermark;
        o->watermarks[row] = watermark;
        /* Without a time (INT64_MIN) it is behind by more than any lateness. */
        uint64_t by = (uint64_t)watermark - (uint64_t)time;
        by = time < watermark ? by : 0;
        by = time == INT64_MIN ? INT64_MAX : by;
        behind = by > behind ? by : behind;
    }
    o->watermark_ns = watermark;
    o->behind_max_ns = behind < INT64_MAX ? (int64_t)behind : INT64_MAX;
}

int partition_observe(struct partition *p, struct batch *batch)
{
    const struct weir_batch *view = &batch->view;
    struct observed *o = &p->observed;
    int64_t bound = add_capped(view->now_ns, p->plan->max_ahead_ns);

    o->times = event_times(view, p->plan->event_time_column, o->own_times);
    o->watermark_ns = p->root->watermark_ns;
    int64_t newest = latest(view, o->times, INT64_MIN);
    if (p->windowed) {
        run_watermark(view, bound, o);
    } else {
        int64_t bounded = newest < bound ? newest : bound;
        o->watermark_ns = bounded > o->watermark_ns ? bounded : o->watermark_ns;
    }
    o->newest_event_time_ns =
        newest > p->root->newest_event_time_ns ? newest : p->root->newest_event_time_ns;
    o->batch = batch;
    o->rows = view->rows;
    return 0;
}

/* ---- applying ---- */

static int select_rows(struct partition *p, struct batch *batch)
{
    struct aggregate_clock clock = {p->observed.times, p->observed.watermarks,
                                    p->observed.behind_max_ns};
    int rc = 0;

    for (uint32_t i = 0; i < p->plan->aggregate_count && !rc; i++)
        rc = aggregate_select(&p->aggregates[i], batch, &clock, &p->aggregate_works[i]);
    for (uint32_t i = 0; i < p->plan->set_count && !rc; i++)
        rc = set_select(&p->sets[i], batch, p->observed.times, &p->set_works[i]);
    return rc;
}

/* Nearly always there is room for the worst that a batch could need, and nobody has to look closer.
 */
static bool room_at_once(struct partition *p, const struct batch *batch)
{
    uint64_t text_bytes = batch->payload_bytes + batch->arena.used_bytes;
    uint64_t pages = 0;

    for (uint32_t i = 0; i < p->plan->aggregate_count; i++)
        if (aggregate_bound(&p->aggregates[i], &p->aggregate_works[i], text_bytes, &pages))
            return false;
    for (uint32_t i = 0; i < p->plan->set_count; i++)
        if (set_bound(&p->sets[i], &p->set_works[i], text_bytes, &pages))
            return false;
    return image_reserve(&p->image, pages);
}

/* 0 with the pages reserved that the batch really needs, PARTITION_FULL, or WEIR_E_NOMEM. */
static int room_measured(struct partition *p, struct batch *batch)
{
    uint64_t pages = 0;
    int rc = 0;

    for (uint32_t i = 0; i < p->plan->aggregate_count && !rc; i++)
        rc = aggregate_measure(&p->aggregates[i], batch, &p->aggregate_works[i], &pages);
    for (uint32_t i = 0; i < p->plan->set_count && !rc; i++)
        rc = set_measure(&p->sets[i], batch, &p->set_works[i], &pages);
    if (rc)
        return rc;
    return image_reserve(&p->image, pages) ? 0 : PARTITION_FULL;
}

/* What can be given up without losing anything: groups that no pane knows, free pages. */
static void make_room(struct partition *p)
{
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++) {
        struct aggregate *a = &p->aggregates[i];
        if (!a->plan->windowed)
            continue;
        while (aggregate_drop_panes(a, p->root->watermark_ns))
            ;
        aggregate_root_write(a)->reclaim_hand = 0;
        while (aggregate_reclaim(a, RECLAIM_BUCKETS_AT_ONCE_MAX))
            ;
    }
    image_trim(&p->image);
}

static int room(struct partition *p, struct batch *batch)
{
    if (room_at_once(p, batch))
        return 0;
    int rc = room_measured(p, batch);
    if (rc != PARTITION_FULL)
        return rc;
    make_room(p);
    return room_measured(p, batch);
}

static void fold(struct partition *p)
{
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++)
        aggregate_apply(&p->aggregates[i], &p->aggregate_works[i]);
    for (uint32_t i = 0; i < p->plan->set_count; i++)
        set_apply(&p->sets[i], &p->set_works[i]);
    image_unreserve(&p->image);
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++) {
        struct aggregate *a = &p->aggregates[i];
        if (!a->plan->windowed)
            continue;
        aggregate_drop_panes(a, p->observed.watermark_ns);
        aggregate_reclaim_earned(a);
    }
}

static void stand(struct partition *p, const struct batch *batch, int64_t next_offset)
{
    struct image_root *root = root_write(p);

    root->watermark_ns = p->observed.watermark_ns;
    root->newest_event_time_ns = p->observed.newest_event_time_ns;
    if (batch->view.rows) {
        const struct weir_record *last = &batch->view.records[batch->view.rows - 1];
        root->last_timestamp_ms = last->timestamp_ms;
        root->last_length = last->value.length;
        root->last_hash = hash_bytes(last->value.data ? last->value.data : "",
                                     last->value.data ? last->value.length : 0, 0);
    }
    root->next_offset = next_offset;
    atomic_fetch_add_explicit(&p->version, 1, memory_order_release);
}

static void count(const struct partition *p, const struct batch *batch,
                  struct partition_counts *counts)
{
    bool tombstones_wanted = false;

    for (uint32_t i = 0; i < p->plan->set_count; i++)
        tombstones_wanted |= p->plan->sets[i].key_is_record_key;
    counts->applied += batch->view.selected;
    for (uint32_t i = 0; i < batch->tombstone_count; i++) {
        if (tombstones_wanted && batch->records[batch->tombstones[i]].key.data)
            counts->applied++;
        else
            counts->skipped++;
    }
}

int partition_apply(struct partition *p, struct batch *batch, int64_t next_offset,
                    struct partition_counts *counts, struct weir_error *error)
{
    batch->stage = "sink";
    for (uint32_t i = 0; i < p->plan->set_count; i++)
        set_reject_null_keys(&p->sets[i], batch);
    batch_narrow(batch);
    if (p->observed.batch != batch || p->observed.rows != batch->view.rows)
        partition_observe(p, batch);

    int rc = select_rows(p, batch);
    if (!rc) {
        partition_lock(p);
        rc = room(p, batch);
        if (!rc) {
            fold(p);
            stand(p, batch, next_offset);
        }
        partition_unlock(p);
    }
    if (rc < 0)
        return error_set(error, rc, "%s/%d: no memory left for a batch of %u records",
                         partition_topic(p), partition_number(p), batch->view.selected);
    if (rc == PARTITION_FULL)
        return PARTITION_FULL;
    p->observed.batch = NULL;
    count(p, batch, counts);
    return PARTITION_APPLIED;
}

void partition_advance(struct partition *p, int64_t next_offset)
{
    partition_lock(p);
    if (next_offset != p->root->next_offset) {
        root_write(p)->next_offset = next_offset;
        atomic_fetch_add_explicit(&p->version, 1, memory_order_release);
    }
    partition_unlock(p);
}

void partition_tick(struct partition *p, int64_t now_ns)
{
    (void)now_ns; /* panes go by event time; what goes by arrival is not part of an image yet */
    partition_lock(p);
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++) {
        struct aggregate *a = &p->aggregates[i];
        if (!a->plan->windowed)
            continue;
        aggregate_drop_panes(a, p->root->watermark_ns);
        aggregate_reclaim(a, RECLAIM_BUCKETS_AT_ONCE_MAX);
    }
    image_trim(&p->image);
    partition_unlock(p);
}

/* ---- asking ---- */

void partition_lock(struct partition *p)
{
    fair_lock(&p->lock);
}

void partition_unlock(struct partition *p)
{
    fair_unlock(&p->lock);
}

void partition_instant(const struct partition *p, struct read_instant *ret_instant)
{
    *ret_instant = (struct read_instant){
        .next_offset = p->root->next_offset,
        .watermark_ns = p->root->watermark_ns,
        .newest_event_time_ns = p->root->newest_event_time_ns,
        .version = atomic_load_explicit(&p->version, memory_order_relaxed),
    };
}

uint64_t partition_version(struct partition *p)
{
    return atomic_load_explicit(&p->version, memory_order_acquire);
}

void partition_info(struct partition *p, struct partition_info *ret_info)
{
    partition_lock(p);
    struct partition_info info = {
        .next_offset = p->root->next_offset,
        .watermark_ns = p->root->watermark_ns,
        .newest_event_time_ns = p->root->newest_event_time_ns,
        .memory_bytes = image_bytes(&p->image),
    };
    for (uint32_t i = 0; i < p->plan->aggregate_count; i++)
        info.groups += p->aggregates[i].root->entries;
    for (uint32_t i = 0; i < p->plan->set_count; i++)
        info.records += p->sets[i].table.head->entries;
    partition_unlock(p);
    *ret_info = info;
}

void aggregate_counts(struct partition *p, uint32_t aggregate, struct table_counts *ret)
{
    partition_lock(p);
    const struct aggregate_root *root = p->aggregates[aggregate].root;
    *ret = (struct table_counts){
        .entries = root->entries,
        .late = root->late,
        .overflowed = root->overflowed,
        .evicted = root->evicted,
    };
    partition_unlock(p);
}

void set_counts(struct partition *p, uint32_t set, struct table_counts *ret)
{
    partition_lock(p);
    const struct set_root *root = p->sets[set].root;
    *ret = (struct table_counts){
        .entries = root->table.entries,
        .evicted = root->evicted,
        .refused = root->refused,
        .outdated = root->outdated,
    };
    partition_unlock(p);
}

uint64_t partition_late(struct partition *p, uint32_t aggregate)
{
    struct table_counts counts;
    aggregate_counts(p, aggregate, &counts);
    return counts.late;
}

const char *partition_topic(const struct partition *p)
{
    return p->root->topic; /* never changes, and the byte behind it is zero */
}

int32_t partition_number(const struct partition *p)
{
    return p->root->partition;
}
