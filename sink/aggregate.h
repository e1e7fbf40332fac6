/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate.h: one aggregate of one partition.
 *
 *   running    a table of groups: key slots and state in one entry; above 256 bytes an index over
 *              cells with both; without `by` one cell
 *   windowed   a dictionary of groups (index over rows of key slots) gives each group a reference;
 *              a pane is a small table from reference to state (aggregate_panes.c)
 *
 * A batch is folded in two steps, so that a limit is met before anything has changed:
 *
 *   aggregate_prepare   selects rows, builds and hashes keys, finds what is there already, says how
 *                       many pages the rest can need
 *   aggregate_commit    inserts what is missing, folds; cannot fail
 *
 * Group limits. OVERFLOW: rows of groups that do not fit are folded into the overflow group (of the
 * pane), so sums stay right. EVICT: of a few groups at a hand that moves in hash order, the one
 * with the fewest records goes. PAUSE: prepare says so.
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

/* The rows of a batch as one aggregate sees them. In the batch's memory. */
struct aggregate_work {
    uint16_t *rows;
    uint32_t count;
    uint32_t late;
    unsigned char *keys; /* count x key.bytes */
    uint8_t *long_keys;  /* by row of the work: some text is long */
    uint64_t *hashes;
    char **states;    /* NULL: not there yet */
    uint32_t missing; /* states that are NULL */

    /* Windowed */
    int64_t *starts;  /* of the pane */
    uint32_t *groups; /* reference in the dictionary, 0: not there yet */
    uint32_t missing_groups;
    uint32_t missing_panes;

    const struct weir_batch *batch;
    const int64_t *times; /* by row of the batch */
    uint64_t pages;       /* that commit can need at most */
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

/* 0, PARTITION_FULL (groups_max with on_full: pause), or WEIR_E_NOMEM (of the batch). */
int aggregate_prepare(struct aggregate *aggregate, struct batch *batch,
                      const struct aggregate_clock *clock, struct aggregate_work *ret_work);
void aggregate_commit(struct aggregate *aggregate, struct aggregate_work *work);

/* The least start of a pane that is within keep at that watermark. */
int64_t aggregate_horizon(const struct aggregate_plan *plan, int64_t watermark_ns);
/* Drops panes before the horizon, at most PANES_DROPPED_AT_ONCE_MAX; true: some are left. */
bool aggregate_drop_panes(struct aggregate *aggregate, int64_t watermark_ns);
/* Takes dead groups out of the dictionary; true: not yet round. */
bool aggregate_reclaim(struct aggregate *aggregate, uint32_t buckets_max);
/* After a commit: as much of it as the groups inserted since have earned. */
void aggregate_reclaim_earned(struct aggregate *aggregate);

/* ---- shared by aggregate.c, aggregate_panes.c, aggregate_copy.c ---- */

struct pane_record { /* in the image */
    int64_t start_ns;
    uint32_t next;
    uint32_t previous;
    struct table_head table; /* when it is larger than a block */
    uint32_t block;          /* cell of blocks[block_class]; 0: none */
    uint32_t block_class;
    uint64_t overflow_records; /* entries of the overflow group do not count as groups */
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

int panes_prepare(struct aggregate *a, struct batch *batch, struct aggregate_work *work);
void panes_commit(struct aggregate *a, struct aggregate_work *work);
void panes_init(struct aggregate *a, bool is_new);
void panes_done(struct aggregate *a);
/* Calls visit for each entry of a pane. */
void pane_each(const struct aggregate *a, const struct pane *pane,
               void (*visit)(void *context, const struct pane_entry *entry), void *context);
/* The index in a->panes of the pane that starts there, or of the first that starts later. */
uint32_t pane_at_or_after(const struct aggregate *a, int64_t start_ns);

/* Compares the key of work row i with stored key slots. */
bool aggregate_key_equal(const struct aggregate *a, const struct aggregate_work *work, uint32_t i,
                         const void *stored);
/* Distinct keys (and panes) among the work's rows without a state. */
uint32_t aggregate_missing_distinct(const struct aggregate *a, const struct aggregate_work *work,
                                    struct batch *batch);

#endif
