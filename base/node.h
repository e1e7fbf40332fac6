/* SPDX-License-Identifier: Apache-2.0 */
/* node.h: reading values out of a pipeline file's tree, with mistakes told at their place. */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <weir/node.h>
#include <weir/stage.h>

#include "base/problems.h"

const struct weir_node *node_get(const struct weir_node *map, const char *key); /* NULL: none */

/* A map whose keys all stand in `options` (the table's required ones are there, values are of their
 * kinds); reports unknown keys with a suggestion. what: "stage `lookup`", "`source.kafka`". True:
 * no mistake. An entry with name "" lets the value itself be a scalar. */
bool node_check_options(const struct weir_node *node, const struct weir_option *options,
                        const char *what, struct problems *problems);

/* Scalars; the mistake is reported and false returned, *ret unchanged. what names the key. */
bool node_bool(const struct weir_node *node, const char *what, bool *ret, struct problems *p);
bool node_int(const struct weir_node *node, const char *what, int64_t minimum, int64_t maximum,
              int64_t *ret, struct problems *p);
bool node_duration(const struct weir_node *node, const char *what, int64_t *ret_ns,
                   struct problems *p);
bool node_size(const struct weir_node *node, const char *what, uint64_t *ret, struct problems *p);
bool node_text(const struct weir_node *node, const char *what, const char **ret,
               struct problems *p);
/* One of `choices` ("a|b|c"), its index from 0. */
bool node_choice(const struct weir_node *node, const char *what, const char *choices, int *ret,
                 struct problems *p);

#endif
