/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h: what `weir explain` says of parts of a plan, shared by its two forms. */
#ifndef PIPELINES_EXPLAIN_H
#define PIPELINES_EXPLAIN_H

#include "pipelines/plan.h"

void explain_text(const struct pipeline_plan *plan, struct text *out);
void explain_json(const struct pipeline_plan *plan, struct text *out);

/* A piece of the file in YAML's flow style; values from ${..} as "${..}". */
void explain_node(struct text *out, const struct weir_node *node);
/* The node at a path of keys, NULL at the end; NULL: not given. */
const struct weir_node *explain_at(const struct pipeline_plan *plan, ...);
/* A value that may have come from ${..}: then that, and not the value. */
void explain_value(struct text *out, const char *value, const struct weir_node *node);
void explain_type(struct text *out, struct weir_type type);
const char *explain_field_time(const struct decode_field *field); /* "ms"; "": not a timestamp */

/* Bytes that one group, or one record, takes: its page's share included, texts beyond 12 bytes not.
 * By the layouts of sink/; a partition's real use is in its metrics. */
uint32_t explain_group_bytes(const struct aggregate_plan *aggregate);
uint32_t explain_record_bytes(const struct set_plan *set);

/* Columns that a stage adds or changes, and those that it hides: a change per call, false at the
 * end. *at begins with 0. */
struct explain_change {
    bool added;
    const struct weir_field *field;
};
bool explain_change_next(struct weir_schema before, struct weir_schema after, uint32_t *at,
                         struct explain_change *ret_change);
/* The columns before stage i. */
struct weir_schema explain_schema_before(const struct pipeline_plan *plan, uint32_t i);
const struct weir_field *explain_source_schema(const struct pipeline_plan *plan,
                                               uint32_t *ret_count);

#endif
