/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.h: how queries look into a partition without knowing its pages.
 *
 * A read copies what it wants under one hold of the partition's lock and works on its copy
 * afterwards, without any lock: merging over partitions, over panes and over `by=` subsets, sorting
 * and writing are done on private memory. Each copy is of one instant and says which
 * (`struct read_instant`). The functions here take the lock themselves; the caller must not hold
 * it.
 *
 *   struct partials p = PARTIALS_INIT;                      kept by the query thread, reused
 *   partials_copy(partition, aggregate, from, to, max, &p)  lock, copy, unlock
 *   for each entry e:  find the group of p.keys[e.group] in one's own table
 *                      aggregate_state_merge(p.layout, mine, partials_state(&p, e))
 *   for each row, measure m:  aggregate_state_result(layout, m, mine, &value)
 *   partials_done(&p)                                       after the last use of any string
 *
 * Strings in keys, states and records point into the copy and live until its next use or its end.
 *
 * Unless said otherwise: any thread; one copy object belongs to one thread.
 */
#ifndef SINK_READ_H
#define SINK_READ_H

#include "base/value.h"
#include "sink/partition.h"

/* One typed value. Which member counts is said by the column's type: b BOOL; i INT, DECIMAL,
 * TIMESTAMP; f FLOAT; s all others. A null has all bytes zero, so that values of one type can be
 * compared and hashed as they are (strings by their bytes). */
union read_value {
    uint8_t b;
    int64_t i;
    double f;
    struct weir_str s;
    uint64_t words[2];
};

/* Where a partition stood when it was copied. */
struct read_instant {
    int64_t next_offset;
    int64_t watermark_ns;         /* INT64_MIN: none yet */
    int64_t newest_event_time_ns; /* INT64_MIN: none yet */
    uint64_t version;             /* see partition_version */
};

/* Grows whenever an answer could change: offset, panes, watermark. Equal before and after: nothing
 * changed, so an answer made in between may be used again. Without the lock. */
uint64_t partition_version(struct partition *partition);

/* ---- aggregates ---------------------------------------------------------------------------- */

/* Where the parts of a state stand: made from the plan, constant, shared. */
struct aggregate_layout;
/* Never NULL for a plan whose measures have types by measure_result_type. */
struct aggregate_layout *aggregate_layout_new(const struct aggregate_plan *plan);
void aggregate_layout_free(struct aggregate_layout *layout); /* NULL is allowed */
/* Bytes of one state; a multiple of 4. A state needs the alignment of a uint32_t only. */
uint32_t aggregate_state_size(const struct aggregate_layout *layout);

/* A state as read: private bytes; its strings point into the copies that it was merged from. */
void aggregate_state_init(const struct aggregate_layout *layout, void *state); /* of no record */
/* Merges `from` into `into`. Equal times and offsets of first and last: `into` counts, so merge
 * partitions in the order of their numbers. */
void aggregate_state_merge(const struct aggregate_layout *layout, void *into, const void *from);
/* Records folded into a state: 0 after init only. */
uint64_t aggregate_state_records(const struct aggregate_layout *layout, const void *state);

struct measure_value {
    bool null;
    bool wide; /* INT, DECIMAL: does not fit 64 bits; `big` has it exactly, value.i is undefined */
    union read_value value;
    int128 big; /* INT, DECIMAL, TIMESTAMP: the value */
};
/* The value of measure m of the plan, of type plan->measures[m].result. */
void aggregate_state_result(const struct aggregate_layout *layout, uint32_t measure,
                            const void *state, struct measure_value *ret_value);

/* Of a group that stands for all that did not fit below groups_max (on_full: overflow). Its columns
 * of type STRING read "_overflow", all others are null. It is never equal to a real group: keep
 * this flag as a part of the key when merging, unless `by=` names no column at all. */
#define PARTIALS_OVERFLOW 0x80000000u
#define OVERFLOW_LABEL    "_overflow"

struct partials_entry {
    uint32_t group; /* index into keys (times by_count) and flags */
    uint32_t pane;  /* index into pane_starts; 0 where there are no windows */
};

struct partials {
    const struct aggregate_plan *plan;
    const struct aggregate_layout *layout; /* belongs to the partition's copy of it */
    struct read_instant at;
    uint32_t group_count;
    uint32_t pane_count;
    uint32_t entry_count;
    uint32_t state_size;
    const union read_value *keys;         /* group_count x by_count */
    const uint32_t *flags;                /* by group: bit c: column c is null; PARTIALS_OVERFLOW */
    const int64_t *pane_starts;           /* ascending; only panes that hold something */
    const struct partials_entry *entries; /* panes in order */
    const unsigned char *states;          /* entry_count x state_size */
    struct partials_memory *memory;       /* private; kept between copies */
};
#define PARTIALS_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }

/* Copies the partials of one aggregate. Windowed: of the panes with from_ns <= start < to_ns that
 * are within `keep` (INT64_MIN and INT64_MAX: all); else both bounds are ignored and there is one
 * entry for each group. A running aggregate without `by` always has its one group.
 * bytes_max bounds the copy: WEIR_E_LIMIT beyond it, WEIR_E_NOMEM where the system has none. */
int partials_copy(struct partition *partition, uint32_t aggregate, int64_t from_ns, int64_t to_ns,
                  uint64_t bytes_max, struct partials *partials, struct weir_error *error);
void partials_done(struct partials *partials);

static inline const union read_value *partials_key(const struct partials *p, uint32_t group,
                                                   uint32_t by_count)
{
    return p->keys + (size_t)group * by_count;
}
static inline const void *partials_state(const struct partials *p, uint32_t entry)
{
    return p->states + (size_t)entry * p->state_size;
}

/* ---- sets ---------------------------------------------------------------------------------- */

/* What decides between the records of one key in several partitions. */
struct set_order {
    union read_value version; /* of version_type; all zero without a version column or of null */
    bool version_known;
    int64_t event_time_ns; /* Kafka's timestamp where no event time is declared, or it is null */
};
/* True if b (of partition b_partition) replaces a: greater version, else later event time, else the
 * higher partition. (One partition has one record of a key: an offset would never decide.) */
bool set_order_replaces(const struct set_plan *plan, const struct set_order *a, int32_t a_partition,
                        const struct set_order *b, int32_t b_partition);

struct set_records {
    const struct set_plan *plan;
    struct read_instant at;
    uint32_t count;
    uint32_t value_count;              /* key_count + bin_count: values of one record, key first */
    uint32_t null_words;               /* words of `nulls` for one record */
    const union read_value *values;    /* count x value_count */
    const uint64_t *nulls;             /* count x null_words: bit v: value v is null */
    const uint64_t *hashes;            /* by record, ascending; of the key, by the process's seed */
    const struct set_order *orders;    /* by record */
    struct set_records_memory *memory; /* private; kept between copies */
};
#define SET_RECORDS_INIT                                                                           \
    {                                                                                              \
        0                                                                                          \
    }

/* Position in hash order: records with hash >= next are still to come. */
struct set_cursor {
    uint64_t next;
    bool end; /* nothing is left */
};
#define SET_CURSOR_INIT                                                                            \
    {                                                                                              \
        0, false                                                                                   \
    }

/*
 * Copies the next records in hash order, whole buckets until at least records_wanted (or the end),
 * and moves the cursor. A cursor stays valid for ever: inserts, splits and deletes between two
 * calls neither repeat nor skip a record that stood still. Equal keys have equal hashes in all
 * partitions of a process, so a merge over partitions needs one chunk of each: records below the
 * smallest cursor.next of all partitions are complete. The lock is held once for each call: about
 * 20 ns for each record. UINT32_MAX: the whole set at one instant. bytes_max: as above.
 */
int set_records_copy(struct partition *partition, uint32_t set, uint32_t records_wanted,
                     uint64_t bytes_max, struct set_cursor *cursor, struct set_records *records,
                     struct weir_error *error);
/* The record of one key (key_count values, none null): records->count is 0 or 1. */
int set_record_find(struct partition *partition, uint32_t set, const union read_value *key,
                    struct set_records *records, struct weir_error *error);
void set_records_done(struct set_records *records);

static inline const union read_value *set_record_values(const struct set_records *r, uint32_t i)
{
    return r->values + (size_t)i * r->value_count;
}
static inline bool set_record_is_null(const struct set_records *r, uint32_t i, uint32_t value)
{
    return (r->nulls[(size_t)i * r->null_words + (value >> 6)] >> (value & 63)) & 1;
}

/* ---- counters, for metrics ------------------------------------------------------------------ */

struct table_counts {
    uint64_t entries;    /* groups (of all panes) or records now */
    uint64_t late;       /* aggregates: records not applied because of lateness */
    uint64_t overflowed; /* aggregates: records counted in an overflow group */
    uint64_t evicted;    /* groups or records given up at a limit */
    uint64_t refused;    /* sets: records refused at max_records */
    uint64_t outdated;   /* sets: records not applied because a greater version was there */
};
void aggregate_counts(struct partition *partition, uint32_t aggregate, struct table_counts *ret);
void set_counts(struct partition *partition, uint32_t set, struct table_counts *ret);

#endif
