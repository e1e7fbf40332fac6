/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h: the columns at one point of a pipeline, while it is being planned.
 *
 * Private to chain.c and plan.c; everybody else sees chain.h and the ABI of stage.h.
 *
 * A column index once given out is never used again, so a column that is hidden by another of the
 * same name, or removed, still has its place in a batch: B4 of batch.h holds by construction.
 */
#ifndef TRANSFORMS_PLAN_H
#define TRANSFORMS_PLAN_H

#include "base/memory.h"
#include "transforms/chain.h"

#define PLAN_COLUMNS_MAX 4096 /* all that one pipeline ever adds */
#define PLAN_UNKNOWN_MAX 4096 /* names remembered; then any name may be one */
/* A file with so many mistakes is not looked at further: each costs a search for what was meant. */
#define PLAN_ERRORS_MAX 1000

struct plan_column_info {
    uint64_t meaning;
    bool read; /* some stage or expression reads it */
};

struct weir_plan {
    struct problems *problems;
    struct arena names;
    struct weir_field *visible;
    uint32_t visible_count;
    uint32_t visible_capacity;
    struct plan_column_info *columns;
    uint32_t column_count;
    uint32_t column_capacity;
    bool overfull;        /* told that PLAN_COLUMNS_MAX is reached */
    const char **unknown; /* names told missing once already */
    uint32_t unknown_count;
    uint32_t untold; /* mistakes that were left out because of these */
    struct weir_mark (*locate)(void *context, const struct weir_node *node, size_t position);
    void *locate_context;
    uint64_t stage_reads;   /* meanings of what the stage being planned reads, combined */
    uint64_t stage_meaning; /* of that stage's declaration */
};

/* A column that no name leads to. */
uint32_t plan_add_hidden(struct weir_plan *plan);
void plan_remove(struct weir_plan *plan, const char *name);
void plan_rename(struct weir_plan *plan, const char *name, const char *new_name);
/* A stage's planning begins: what is read from now on goes into the meaning of what it adds. */
void plan_stage_begin(struct weir_plan *plan, uint64_t meaning);
uint64_t plan_stage_meaning(const struct weir_plan *plan);
/* Notes that the columns an expression reads are read. */
void plan_note_reads(struct weir_plan *plan, const struct weir_expr *expr);
struct weir_mark plan_locate(const struct weir_plan *plan, const struct weir_node *node,
                             size_t position);

/* A hash of a piece of the file as it is meant: without places, comments and style. */
uint64_t node_meaning(const struct weir_node *node, uint64_t seed);

#endif
