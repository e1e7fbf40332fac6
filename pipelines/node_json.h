/* SPDX-License-Identifier: Apache-2.0 */
/* node_json.h: a piece of a pipeline file as JSON, as the YAML core schema reads it. */
#ifndef PIPELINES_NODE_JSON_H
#define PIPELINES_NODE_JSON_H

#include <weir/node.h>

#include "base/text.h"

/* Plain scalars that are null, true, false or a JSON number become that, verbatim; all others text.
 */
void node_write_json(struct text *out, const struct weir_node *node);
bool node_is_null(const struct weir_node *node); /* also NULL, "", ~ and null */
bool node_is_number(const struct weir_node *node);

#endif
