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
struct weir_expr *plan_expr(struct weir_plan *plan, const struct weir_node *node, uint8_t want_kind);

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

#endif
