/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_private.h: what the files of yaml_tree.h share. */
#ifndef PIPELINES_YAML_PRIVATE_H
#define PIPELINES_YAML_PRIVATE_H

#include <yaml.h>

#include "base/memory.h"
#include "pipelines/yaml_tree.h"

/* A piece of a scalar that came from ${..}: where it stands in the text, and what stood for it in
 * the text before. */
struct document_variable {
    size_t at, length;
    size_t raw_at, raw_length;
};

/* Every scalar of a document, null ones included. */
struct document_scalar {
    struct weir_node
        node;      /* first: a struct weir_node * of kind SCALAR is a struct document_scalar * */
    uint8_t style; /* yaml_scalar_style_t */
    bool key;
    size_t begin, end; /* in the file, bytes */
    const struct document_variable *variables;
    size_t variable_count;
    const char *raw; /* before variables; NULL: there were none */
    size_t raw_length;
    const struct document_scalar *whole; /* of a slice: what it was cut from */
    size_t slice_at;
};

struct document {
    struct arena arena;
    struct problems *problems;
    const char *path;
    const char *text;
    size_t length;
    size_t *lines; /* where each line begins */
    uint32_t line_count;
    struct weir_node *root;
    struct { /* where the last offset was: marks come in order, and lines may be long */
        size_t line, column, offset;
    } last;
    struct weir_mark *unread; /* scalars whose variables have no value */
    uint32_t unread_count;
};

void *document_alloc(struct document *document, size_t bytes); /* zeroed */
struct weir_mark document_mark(const struct document *document, yaml_mark_t mark);
/* libyaml counts lines and characters; this is the byte. */
size_t document_offset(struct document *document, yaml_mark_t mark);
struct weir_mark document_mark_of(const struct document *document, size_t offset);
void document_lines(struct document *document);

void document_note_unread(struct document *document, struct weir_mark mark);
/* Replaces variables in a scalar's text. */
void document_expand(struct document *document, struct document_scalar *scalar);
void document_report_syntax(struct document *document, const yaml_parser_t *parser);

#endif
