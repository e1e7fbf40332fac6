/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_private.h: what the files of yaml_tree.h share. */
#ifndef PIPELINES_YAML_PRIVATE_H
#define PIPELINES_YAML_PRIVATE_H

#include <yaml.h>

#include "base/memory.h"
#include "pipelines/yaml_tree.h"

/* A piece of a scalar that came from ${..}: where it stands in the text, and what stood for it in
 * the text before. */
struct yaml_variable {
    size_t at, length;
    size_t raw_at, raw_length;
};

/* Every scalar of a document, null ones included. */
struct yaml_scalar {
    struct weir_node
        node;      /* first: a struct weir_node * of kind SCALAR is a struct yaml_scalar * */
    uint8_t style; /* yaml_scalar_style_t */
    bool key;
    size_t begin, end; /* in the file, bytes */
    const struct yaml_variable *variables;
    size_t variable_count;
    const char *raw; /* before variables; NULL: there were none */
    size_t raw_length;
    const struct yaml_scalar *whole; /* of a slice: what it was cut from */
    size_t slice_at;
};

struct yaml {
    struct arena arena;
    struct problems *problems;
    const char *path;
    const char *text;
    size_t length;
    size_t *lines; /* where each line begins */
    uint32_t line_count;
    struct weir_node *root;
};

void *yaml_alloc(struct yaml *yaml, size_t bytes); /* zeroed */
struct weir_mark yaml_mark(const struct yaml *yaml, yaml_mark_t mark);
/* libyaml counts lines and characters; this is the byte. */
size_t yaml_offset(const struct yaml *yaml, yaml_mark_t mark);
struct weir_mark yaml_mark_of(const struct yaml *yaml, size_t offset);
void yaml_lines(struct yaml *yaml);

/* Replaces variables in a scalar's text. */
void yaml_expand(struct yaml *yaml, struct yaml_scalar *scalar);
void yaml_report_syntax(struct yaml *yaml, const yaml_parser_t *parser);

#endif
