/* SPDX-License-Identifier: Apache-2.0 */
/* host.h: the functions that weir hands to its stages, and the built-in stages by name. */
#ifndef TRANSFORMS_HOST_H
#define TRANSFORMS_HOST_H

#include <weir/stage.h>

#include "transforms/chain.h"

extern const struct weir_host host_table;

extern const struct weir_stage stage_filter;
extern const struct weir_stage stage_set;
extern const struct weir_stage stage_select;
extern const struct weir_stage stage_drop;
extern const struct weir_stage stage_rename;
extern const struct weir_stage stage_lookup;

/* A name that a stage may give to a column: a letter or _, then letters, digits and _, at most
 * COLUMN_NAME_BYTES_MAX, and none of those that every record has (they begin with _). Reported. */
bool stage_check_name(const struct weir_host *host, struct weir_plan *plan,
                      const struct weir_node *name);
/* Is there such a column? Unlike host->column this does not count as reading it. Reported. */
bool stage_sees(const struct weir_host *host, struct weir_plan *plan, const struct weir_node *name);

#endif
