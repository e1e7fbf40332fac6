/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate.h: one aggregate of one partition.
 *
 *   running    a table of groups: key slots and state in one entry; above 256 bytes an index over
 *              cells with both; without `by` one cell
 *   windowed   a dictionary of groups (index over rows of key slots) gives each group a reference;
 *              a pane is a small table from reference to state (aggregate_panes.c)
 *
 * A batch is folded strip by strip: keys, hashes, search, insert, fold, while all of it is in the
 * first cache. So that a limit is met before anything has changed, the caller asks first:
 *
 *   aggregate_select    which rows concern this aggregate
 *   aggregate_bound     most pages that folding them could need, in no time; PARTITION_FULL when
 *                       only a closer look could say that groups_max leaves room
 *   aggregate_measure   the closer look: what really is missing
 *   aggregate_apply     folds; cannot fail
 *
 * Group limits. OVERFLOW: rows of groups that do not fit are folded into the overflow group (of the
 * pane), so sums stay right. EVICT: of a few groups at a hand that moves in hash order, the one
 * with the fewest records goes. PAUSE: measure says so.
 *
 * All functions: [worker], under the partition's lock where they change something.
 */
#ifndef SINK_AGGREGATE_H
#define SINK_AGGREGATE_H

#include "base/batch.h"
#include "sink/aggregate_layout.h"
#include "sink/index.h"

#define PANE_BLOCK_CLASSES 3
/* Panes dropped, groups looked at for reclaiming, in one go: bounds what a batch or tick can cost.
 */
#define PANES_DROPPED_AT_ONCE_MAX   256u
#define RECLAIM_BUCKETS_AT_ONCE_MAX 16u

/* In the image: a page of its own for each aggregate. */
struct aggregate_root {
    struct page page;
    uint64_t late;
    uint64_t overflowed;
    uint64_t evicted;
    uint64_t entries;         /* groups, of all panes */
    uint64_t hand;            /* eviction: hash to go on from */
    uint64_t reclaim_hand;    /* dictionary: hash to go on from */
    int64_t dropped_to_ns;    /* panes that start before are gone */
    uint32_t single;          /* cell: state without `by`, or of the overflow group; 0: none yet */
    uint32_t first_pane;      /* pane record; linked in the order of their starts */
    struct table_head table;  /* groups, or the dictionary's index */
    struct cells_head rows;   /* key slots (and state where there is an index over both) */
    struct cells_head states; /* single ones, and those of panes too large for an entry */
    struct cells_head panes;  /* pane records */
    struct cells_head blocks[PANE_BLOCK_CLASSES];
    struct heap_head heap;
};
_Static_assert(sizeof(struct aggregate_root) <= PAGE_BYTES, "aggregate_root");

/* A row of the dictionary: then the key slots. */
struct group_row {
    int64_t last_pane_ns; /* start of the latest pane that knows the group */
};

enum aggregate_mode {
    AGGREGATE_SINGLE,  /* running, no by */
    AGGREGATE_INLINE,  /* running, entries of key and state */
    AGGREGATE_INDEXED, /* running, index over cells of key and state */
    AGGREGATE_PANES,
};

struct pane;

/* Rows of a batch that are worked on together. Of one aggregate at a time; private memory. */
#define AGGREGATE_STRIP 128u
struct aggregate_strip {
    const struct weir_batch *batch;
    const int64_t *times; /* by row of the batch */
    const uint16_t *rows;
    uint32_t count;
    uint32_t missing;                   /* states that are NULL */
    unsigned char *keys;                /* count x key.bytes */
    uint8_t long_keys[AGGREGATE_STRIP]; /* some text of the key is long */
    uint64_t hashes[AGGREGATE_STRIP];
    char *states[AGGREGATE_STRIP];    /* NULL: not there yet */
    uint32_t groups[AGGREGATE_STRIP]; /* reference of the row of cells; 0: not there yet */
    int64_t starts[AGGREGATE_STRIP];  /* of the pane */
};

struct aggregate {
    const struct aggregate_plan *plan;
    struct aggregate_layout *layout;
    enum aggregate_mode mode;
    struct image *image;
    uint32_t owner;
    struct aggregate_root *root; /* its page, written after aggregate_root_write */
    struct slot_shape key;
    struct slot_heap heap;
    uint64_t seed;
    uint64_t groups_max; /* UINT64_MAX: none */
    struct table table;
    struct aggregate_strip *strip;

    /* Panes in the order of their starts; rebuilt from the records on restore. */
    struct pane *panes;
    uint32_t pane_count;
    uint32_t pane_first; /* panes[pane_first ..]: dropped ones are cut off in front */
    uint32_t pane_room;
    bool pane_indirect; /* states are too large for entries: entries refer to cells */
    struct bucket_shape pane_shapes[PANE_BLOCK_CLASSES];
    uint64_t pane_moves;     /* times that entries of some pane changed their place */
    uint64_t reclaim_credit; /* rows of the dictionary to look at, earned by inserting */
};

/* The rows of a batch that concern one aggregate. In the batch's memory. */
struct aggregate_work {
    const struct weir_batch *batch;
    const int64_t *times;
    const uint16_t *rows;
    uint32_t count;
    uint32_t late;
};

/* Time as far as a batch knows it. */
struct aggregate_clock {
    const int64_t *times;      /* event time by row of the batch; INT64_MIN: has none */
    const int64_t *watermarks; /* where the watermark stood at that row */
    int64_t behind_max_ns;     /* largest watermark - time of a row: nobody is later than this */
};

/* head: the root page, zeroed when the aggregate is new. */
void aggregate_init(struct aggregate *aggregate, const struct aggregate_plan *plan,
                    struct image *image, uint32_t owner, uint32_t root_no, uint64_t seed,
                    bool is_new);
void aggregate_done(struct aggregate *aggregate); /* private memory only */

static inline struct aggregate_root *aggregate_root_write(struct aggregate *aggregate)
{
    page_touch(aggregate->image, aggregate->root);
    return aggregate->root;
}

/* 0, or WEIR_E_NOMEM (of the batch). */
int aggregate_select(struct aggregate *aggregate, struct batch *batch,
                     const struct aggregate_clock *clock, struct aggregate_work *ret_work);
/* text_bytes bounds the bytes of one text column of the batch. */
int aggregate_bound(const struct aggregate *aggregate, const struct aggregate_work *work,
                    uint64_t text_bytes, uint64_t *pages);
int aggregate_measure(struct aggregate *aggregate, struct batch *batch,
                      const struct aggregate_work *work, uint64_t *pages);
void aggregate_apply(struct aggregate *aggregate, const struct aggregate_work *work);

/* The least start of a pane that is within keep at that watermark. */
int64_t aggregate_horizon(const struct aggregate_plan *plan, int64_t watermark_ns);
/* Drops panes before the horizon, at most PANES_DROPPED_AT_ONCE_MAX; true: some are left. */
bool aggregate_drop_panes(struct aggregate *aggregate, int64_t watermark_ns);
/* Takes dead groups out of the dictionary; true: not yet round. */
bool aggregate_reclaim(struct aggregate *aggregate, uint32_t buckets_max);
/* After a commit: as much of it as the groups inserted since have earned. */
void aggregate_reclaim_earned(struct aggregate *aggregate);

/* ---- shared by the files of aggregates ---- */

struct pane_record { /* in the image */
    int64_t start_ns;
    uint32_t next;
    uint32_t previous;
    struct table_head table; /* when it is larger than a block */
    uint32_t block;          /* cell of blocks[block_class]; 0: none */
    uint32_t block_class;
    uint32_t has_overflow; /* an entry of the overflow group, which does not count as one */
    uint32_t reserved;
};

struct pane {
    int64_t start_ns;
    uint32_t record; /* cell of root->panes */
    uint32_t block_class;
    struct bucket *block; /* in the image; NULL: see table */
    struct table *table;  /* once it is larger than a block */
};

/* Entry of a pane: then the state, or its reference where pane_indirect. */
struct pane_entry {
    uint32_t group; /* reference in the dictionary; GROUP_OVERFLOW, GROUP_ALL */
};
#define GROUP_OVERFLOW 0u
#define GROUP_ALL      1u /* of an aggregate without `by` */

static inline const struct group_row *group_row(const struct aggregate *a, uint32_t group)
{
    return cell_read(a->image, &a->root->rows, group);
}

static inline void *pane_state(const struct aggregate *a, const struct pane_entry *entry)
{
    if (likely(!a->pane_indirect))
        return (void *)(uintptr_t)(entry + 1);
    uint32_t ref = ((const uint32_t *)(entry + 1))[0];
    return (void *)(uintptr_t)cell_read(a->image, &a->root->states, ref);
}

/* aggregate_panes.c */
void panes_init(struct aggregate *a, bool is_new);
void panes_done(struct aggregate *a);
/* The index in a->panes of the pane that starts there, or of the first that starts later. */
uint32_t pane_at_or_after(const struct aggregate *a, int64_t start_ns);
struct pane *pane_find(const struct aggregate *a, int64_t start_ns); /* NULL: none */
struct pane *pane_get(struct aggregate *a, int64_t start_ns);        /* made if need be */
/* Entries, that of the overflow group included. */
uint64_t pane_entries(const struct pane *pane);
const struct pane_entry *pane_lookup(const struct aggregate *a, const struct pane *pane,
                                     uint32_t group);
/* A new entry with an initial state; returns the state. */
char *pane_insert(struct aggregate *a, struct pane *pane, uint32_t group);
/* Takes out the entry with the fewest records of a few. */
void pane_evict(struct aggregate *a, struct pane *pane);
/* Calls visit for each entry of a pane. */
void pane_each(const struct aggregate *a, const struct pane *pane,
               void (*visit)(void *context, const struct pane_entry *entry), void *context);
uint32_t pane_entry_bytes(const struct aggregate *a);
/* Where a hash's entry would stand. NULL: in an empty table. */
static inline const struct bucket *pane_bucket(const struct aggregate *a, const struct pane *pane,
                                               uint64_t hash, struct bucket_shape *ret_shape)
{
    if (likely(pane->block != NULL)) {
        *ret_shape = a->pane_shapes[pane->block_class];
        return pane->block;
    }
    uint32_t no = table_bucket(pane->table, hash);
    *ret_shape = pane->table->shape;
    return no ? page_bucket(page_read(a->image, no)) : NULL;
}

/* aggregate_window.c, aggregate_running.c: the two ways to fold a strip, and to measure one. */
struct aggregate_missing { /* what a batch would add */
    uint32_t groups;       /* rows without a group (windowed: in the dictionary) */
    uint32_t states;       /* rows without a state */
    uint32_t panes;        /* rows without a pane */
    uint64_t text_bytes, text_pages;
    uint64_t *keys; /* (pane,) hash of rows without a state; NULL: not asked for */
    uint32_t key_count;
};
void window_apply_strip(struct aggregate *a, struct aggregate_strip *s);
void window_measure_strip(struct aggregate *a, struct aggregate_strip *s,
                          struct aggregate_missing *missing);
/* Whether some pane would have more groups than it may. Sorts missing->keys. */
bool window_full(const struct aggregate *a, struct aggregate_missing *missing);
uint64_t window_pages(const struct aggregate *a, const struct aggregate_missing *missing);
void running_apply_strip(struct aggregate *a, struct aggregate_strip *s);
void running_measure_strip(struct aggregate *a, struct aggregate_strip *s,
                           struct aggregate_missing *missing);
bool running_full(const struct aggregate *a, struct aggregate_missing *missing);
uint64_t running_pages(const struct aggregate *a, const struct aggregate_missing *missing);
void running_init(struct aggregate *a);

/* aggregate.c */
void strip_make_keys(const struct aggregate *a, struct aggregate_strip *s);
void strip_fold(const struct aggregate *a, const struct aggregate_strip *s, uint32_t first,
                uint32_t count);
/* Notes a row without a state. */
void missing_add(const struct aggregate *a, const struct aggregate_strip *s, uint32_t i,
                 bool new_group, struct aggregate_missing *missing);

/* What comparing keys needs of a strip, by itself so that it stays in registers. */
struct key_context {
    const unsigned char *keys;
    const uint8_t *long_keys;
    uint32_t bytes;
    const struct aggregate *a;
    const struct aggregate_strip *s;
};

static inline struct key_context key_context(const struct aggregate *a,
                                             const struct aggregate_strip *s)
{
    return (struct key_context){s->keys, s->long_keys, a->key.bytes, a, s};
}

/* The rest of comparing row i of a strip with stored key slots, when some text is long. */
bool key_equal_long(const struct key_context *k, uint32_t i, const void *stored);

static inline bool key_equal_16(const void *context, uint32_t i, const void *stored)
{
    const struct key_context *k = context;
    if (likely(slots_equal_bytes(k->keys + (size_t)i * 16, stored, 16)))
        return true;
    return unlikely(k->long_keys[i]) && key_equal_long(k, i, stored);
}

static inline bool key_equal_any(const void *context, uint32_t i, const void *stored)
{
    const struct key_context *k = context;
    if (slots_equal_bytes(k->keys + (size_t)i * k->bytes, stored, k->bytes))
        return true;
    return unlikely(k->long_keys[i]) && key_equal_long(k, i, stored);
}

#endif
