/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set.h: one set of one partition: the last version of each key.
 *
 * An index over rows in cells: 8 bytes of head, then the slots of key and bins (slots.h), and of
 * the version where that is not a bin. Long texts are in the heap.
 *
 * As with aggregates a batch is asked first what it could need (set_bound, set_measure) and then
 * applied, strip by strip: upserts and deletes in the order of their rows. set_apply cannot fail.
 *
 * A record replaces the one that is there unless that one's version is greater (null is the least).
 * At records_max: REFUSE leaves new keys out (counted), EVICT takes the oldest of a few records at
 * a hand that moves in hash order, PAUSE has measure say so.
 */
#ifndef SINK_SET_H
#define SINK_SET_H

#include "base/batch.h"
#include "sink/index.h"
#include "sink/slots.h"

/* In the image: a page of its own for each set. */
struct set_root {
    struct page page;
    uint64_t evicted;
    uint64_t refused;
    uint64_t outdated;
    uint64_t hand;
    struct table_head table;
    struct cells_head rows;
    struct heap_head heap;
};
_Static_assert(sizeof(struct set_root) <= PAGE_BYTES, "set_root");

/* A row: then the slots. Kafka's offset is not kept: of one key a partition has one record, so
 * between partitions it never decides anything that the partition's number does not. */
struct record_head {
    int64_t event_time_ns;
};

/* Rows that are worked on together; private memory. */
#define SET_STRIP 128u
struct set_strip {
    const struct weir_batch *batch;
    const int64_t *times; /* by row of the batch */
    const uint16_t *rows;
    uint32_t count;
    unsigned char *slots; /* count x record.bytes */
    uint8_t long_texts[SET_STRIP];
    uint64_t hashes[SET_STRIP]; /* of the keys */
    uint32_t refs[SET_STRIP];   /* row; 0: not there */
};

struct set {
    const struct set_plan *plan;
    struct image *image;
    uint32_t owner;
    struct set_root *root;
    struct slot_shape key;    /* the first columns of `record` */
    struct slot_shape record; /* key, bins, perhaps the version */
    uint32_t value_count;     /* key and bins */
    uint32_t version;         /* column of `record`; UINT32_MAX: none */
    struct slot_heap heap;
    uint64_t seed;
    uint64_t records_max; /* UINT64_MAX: none */
    struct table table;
    struct set_strip *strip;
};

/* What of a batch concerns a set: the selected rows, and tombstones that have a key. */
struct set_work {
    const struct weir_batch *batch;
    const int64_t *times;
    const uint16_t *rows;
    uint32_t count;
    const uint16_t *tombstones;
    uint32_t tombstone_count;
};

/* WEIR_E_LIMIT with a text if a record's fixed part does not fit into a page. */
int set_check(const struct set_plan *plan, struct weir_error *error);
void set_init(struct set *set, const struct set_plan *plan, struct image *image, uint32_t owner,
              uint32_t root_no, uint64_t seed, bool is_new);
void set_done(struct set *set);

static inline struct set_root *set_root_write(struct set *set)
{
    page_touch(set->image, set->root);
    return set->root;
}

/* Rejects selected rows with a null key; the caller narrows the batch. */
void set_reject_null_keys(const struct set *set, struct batch *batch);

/* 0, or WEIR_E_NOMEM (of the batch). */
int set_select(const struct set *set, struct batch *batch, const int64_t *times,
               struct set_work *ret_work);
/* As aggregate_bound and aggregate_measure. */
int set_bound(const struct set *set, const struct set_work *work, uint64_t text_bytes,
              uint64_t *pages);
int set_measure(struct set *set, struct batch *batch, const struct set_work *work, uint64_t *pages);
void set_apply(struct set *set, const struct set_work *work);

/* The row of a key (slots made by slots_of_values), or 0. */
uint32_t set_find(const struct set *set, const void *slots, bool has_long,
                  const union read_value *key);

static inline const char *set_slots(const void *row)
{
    return (const char *)row + sizeof(struct record_head);
}

#endif
