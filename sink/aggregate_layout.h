/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_layout.h: what a group's state is made of.
 *
 * A state begins with the number of records. Then come the components of each distinct argument
 * column, each once, however many measures use them: number of values (where the column may be
 * null), sum, min, max, first, last. A measure is a way to read components.
 *
 *   sum    INT, DECIMAL: 128 bits; FLOAT: sum and compensation (Neumaier, 1974)
 *   min    the value; before the first one the greatest that the type has, so that folding need not
 *          ask; of texts a slot of length STR_NONE
 *   first  time and offset of the record, then the value; before the first one later than all
 *
 * In the image texts are slots with heap references (slots.h); in a copy made for reading
 * (`detached`) the same 16 bytes hold a struct weir_str, data NULL before the first value.
 */
#ifndef SINK_AGGREGATE_LAYOUT_H
#define SINK_AGGREGATE_LAYOUT_H

#include "sink/plan.h"
#include "sink/slots.h"

enum argument_class { ARGUMENT_I64, ARGUMENT_F64, ARGUMENT_BOOL, ARGUMENT_STR };

enum {
    PART_VALID = 1,
    PART_SUM = 2,
    PART_MIN = 4,
    PART_MAX = 8,
    PART_FIRST = 16,
    PART_LAST = 32,
};

struct layout_argument {
    uint32_t column;
    struct weir_type type;
    enum argument_class class;
    uint32_t parts;    /* PART_ */
    uint16_t valid_at; /* offset in the state; of what is not among the parts: 0 */
    uint16_t sum_at;
    uint16_t min_at;
    uint16_t max_at;
    uint16_t first_at;
    uint16_t last_at;
};

struct aggregate_layout {
    const struct aggregate_plan *plan;
    uint32_t state_bytes;
    uint32_t argument_count;
    struct layout_argument *arguments;
    const struct layout_argument **measures; /* by measure; NULL: count(*) */
    unsigned char *initial;                  /* a state of no record */
    bool has_texts;                          /* states may refer to the heap */
    uint32_t text_parts;                     /* text slots in a state */
};

/* 128 bits in two words that are aligned to 4. */
struct __attribute__((packed, aligned(4))) sum128 {
    uint64_t low;
    int64_t high;
};
struct __attribute__((packed, aligned(4))) sum_float {
    double sum;
    double compensation;
};
struct __attribute__((packed, aligned(4))) state_stamp { /* of first and last */
    int64_t time_ns;
    int64_t offset;
};

#define STATE_RECORDS(state) ((struct word4 *)(state))
static inline void *state_part(const void *state, uint16_t at)
{
    return (char *)(uintptr_t)state + at;
}

/* What to fold: states[i] is the state of row rows[i], writable until the call returns. */
struct fold {
    const struct weir_batch *batch;
    const uint16_t *rows;
    uint32_t count;
    char *const *states;
    const int64_t *times;         /* by row: event time */
    const struct slot_heap *heap; /* of texts in states */
};
void aggregate_fold(const struct aggregate_layout *layout, const struct fold *fold);
/* Most pages that the texts of these rows can take. */
uint64_t aggregate_fold_pages(const struct aggregate_layout *layout, const struct weir_batch *batch,
                              const uint16_t *rows, uint32_t count);

/* Frees what a state refers to. Only needed where layout->has_texts. */
void aggregate_state_free(const struct aggregate_layout *layout, const struct slot_heap *heap,
                          const void *state);
/* Bytes of text in a state of the image; 0 without texts. */
uint64_t aggregate_state_text_bytes(const struct aggregate_layout *layout, const void *state);
/* A state of the image as a detached one; texts are copied to *text, which moves on. */
void aggregate_state_detach(const struct aggregate_layout *layout, const struct slot_heap *heap,
                            const void *state, void *ret_detached, char **text);

#endif
