/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h: the `transforms:` of a pipeline: planned once, run for each partition.
 *
 *   struct weir_plan   columns visible at one point while planning (behind the ABI of stage.h)
 *   struct chain       the planned stages, shared and unchanged
 *   struct chain_run   one partition's instances; belongs to its worker
 */
#ifndef TRANSFORMS_CHAIN_H
#define TRANSFORMS_CHAIN_H

#include <weir/stage.h>

#include "base/batch.h"
#include "base/problems.h"

/* A plan with no columns yet. Problems are added to `problems`. */
struct weir_plan *plan_new(struct problems *problems);
void plan_free(struct weir_plan *plan);
/* Declares a source's column; returns its index in weir_batch.columns. */
uint32_t plan_add(struct weir_plan *plan, const char *name, struct weir_type type);
struct weir_schema plan_schema(const struct weir_plan *plan); /* until the plan changes */
const struct weir_field *plan_find(const struct weir_plan *plan, const char *name); /* or NULL */
uint32_t plan_column_count(const struct weir_plan *plan); /* all that ever were added */
/* Compiles node's text over the visible columns; mistakes are reported at their place in the file.
 * want_kind: 0 any, else the result must be of this enum weir_kind. NULL: reported. */
struct weir_expr *plan_expr(struct weir_plan *plan, const struct weir_node *node,
                            uint8_t want_kind);

struct chain;

/* Plans the list of stages (NULL: none), in order; problems are reported to the plan's. A chain is
 * returned in any case; it can be run only if no error was reported. */
struct chain *chain_new(struct weir_plan *plan, const struct weir_node *transforms);
void chain_free(struct chain *chain);
uint32_t chain_stage_count(const struct chain *chain);
/* For explain and metrics: "1:filter" (number from 1 and name) and its columns after the stage. */
const char *chain_stage_label(const struct chain *chain, uint32_t i);
struct weir_schema chain_stage_schema(const struct chain *chain, uint32_t i);
const struct weir_node *chain_stage_node(const struct chain *chain, uint32_t i);
/* Appends a stage that adds column `ret_column` with the expression's value: what the sink's
 * `where`, `sum(a * b)`, `version` and `delete_when` become. Equal texts share a column. A bare
 * column name adds nothing. Negative: reported. */
int chain_add_expr(struct chain *chain, struct weir_plan *plan, const struct weir_node *node,
                   uint8_t want_kind, uint32_t *ret_column, struct weir_type *ret_type);
/* Bit c is set for each source column that some stage reads. */
void chain_reads(const struct chain *chain, uint64_t *columns, uint32_t column_count);

struct chain_counts { /* by stage; added to, never cleared here */
    uint64_t in, out, filtered, rejected, ns;
};
struct chain_run;
int chain_run_new(const struct chain *chain, struct chain_run **ret_run, struct weir_error *error);
void chain_run_free(struct chain_run *run);
/* [worker] All stages over the batch, narrowed after each. counts has chain_stage_count entries.
 * Negative: a stage failed for good; the partition must stop. */
int chain_run_batch(struct chain_run *run, struct batch *batch, struct chain_counts *counts,
                    struct weir_error *error);
int chain_run_tick(struct chain_run *run, int64_t now_ns, struct weir_error *error);

/* The table of stages. */
extern const struct weir_stage *const stages_builtin[]; /* NULL at the end */
const struct weir_stage *stage_find(const char *name);  /* NULL: none */

/*
 * What planning needs besides: places inside texts, names that a mistake left without a type, and
 * what a column means.
 */

/* Where byte `position` of a scalar's text stands in the file. Without it: counted from the node's
 * mark, which is exact for plain text on one line. */
void plan_set_locate(struct weir_plan *plan,
                     struct weir_mark (*locate)(void *context, const struct weir_node *node,
                                                size_t position),
                     void *context);
struct problems *plan_problems(struct weir_plan *plan);
/* The path that a node names: where it is relative, from the folder of the file that the node
 * stands in. The caller frees it. */
char *node_path(const struct weir_node *node);
/* The visible column of that name, noted as read; NULL after reporting the mistake. */
const struct weir_field *plan_column(struct weir_plan *plan, struct weir_mark mark,
                                     const char *name);
/* The column that a node of the file names; if it came from ${..} it is not shown in the message.
 * read: note it as read; else it is only hidden or gets another name. */
const struct weir_field *plan_column_of(struct weir_plan *plan, const struct weir_node *name,
                                        bool read);
#define COLUMN_NAME_BYTES_MAX 120
/* A letter or _, then letters, digits and _. */
bool column_name_valid(const char *name);
/* Some stage, expression or plan_column has read the column so far. */
bool plan_is_read(const struct weir_plan *plan, uint32_t column);
/* A column that a reported mistake kept from being made: that it is missing is not told again. */
#define PLAN_UNKNOWN_ALL "*" /* as a name: any column may be one of these */
void plan_unknown(struct weir_plan *plan, const char *name);

/* Fingerprints. A column's meaning is a hash of how its values come about: the declaration of the
 * field, or the stage that adds it with the meanings of what that stage reads. A chain's meaning is
 * that of the stages that decide which records come through. Stable across processes and versions.
 */
void plan_set_meaning(struct weir_plan *plan, uint32_t column, uint64_t meaning);
uint64_t plan_meaning(const struct weir_plan *plan, uint32_t column);
uint64_t chain_meaning(const struct chain *chain);

/* As chain_add_expr, computed only for the rows for which column `where` (BOOL) is true: what a
 * `where` shuts out can neither fail nor reject its record. SINK_NO_COLUMN (UINT32_MAX): all rows.
 */
int chain_add_expr_where(struct chain *chain, struct weir_plan *plan, const struct weir_node *node,
                         uint8_t want_kind, uint32_t where, uint32_t *ret_column,
                         struct weir_type *ret_type);
/* How many stages stand in the file. One more, `sink`, follows where the sink has expressions. */
uint32_t chain_transform_count(const struct chain *chain);

#endif
