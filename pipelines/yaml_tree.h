/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_tree.h: a pipeline file's bytes -> a tree of struct weir_node with the place of every node.
 *
 *   yaml.c         libyaml's events -> nodes; duplicate keys, aliases, limits
 *   document_expand.c  ${VAR}, ${VAR:-default}, ${file:/path}; $${ stands for ${
 *   yaml_syntax.c  what libyaml says -> what to do about it
 *   yaml_place.c   a byte of a scalar's text -> line and column, through quotes, folds and
 * variables
 *
 * YAML as in interface.md: aliases but no merge keys, no tags, one document. An expression that a
 * comma inside {..} or [..] has cut in two is recognised, reported, and put together again, so that
 * the rest of the file is still checked. Everything that is wrong is reported, not the first alone,
 * except that nothing behind an error of syntax can be read. [control]
 */
#ifndef PIPELINES_YAML_TREE_H
#define PIPELINES_YAML_TREE_H

#include <weir/node.h>

#include "base/problems.h"

#define YAML_FILE_BYTES_MAX     ((size_t)1 << 20)
#define YAML_DEPTH_MAX          64
#define YAML_NODES_MAX          200000             /* that stand in the file */
#define YAML_ALIAS_NODES_MAX    10000              /* that aliases add */
#define YAML_VARIABLE_BYTES_MAX ((size_t)64 << 10) /* of ${file:} */

struct document;

/* Always a document; its root is NULL where nothing could be read. Mistakes go to problems. path is
 * copied; it names the file in messages, and relative paths of ${file:} count from its folder. */
struct document *document_parse(const char *path, const char *text, size_t length,
                                struct problems *problems);
void document_free(struct document *document); /* and every node with it; NULL is allowed */
const struct weir_node *document_root(const struct document *document);
const char *document_path(const struct document *document);

/* A variable of the scalar at this place has no value, which was told: whatever else is found wrong
 * with its text is a consequence. */
bool document_is_unread(const struct document *document, struct weir_mark mark);

/* Where byte `position` of a scalar's text stands in the file. node is of the document. */
struct weir_mark document_locate(const struct document *document, const struct weir_node *node,
                                 size_t position);
/* A node of `length` bytes of a scalar's text, that knows its place: the argument of `sum(..)`. */
const struct weir_node *document_slice(struct document *document, const struct weir_node *node,
                                       size_t from, size_t length);

#endif
