/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h: a piece of a pipeline file, as a stage is given it.
 *
 * A read-only tree with the place of every node. Variables are expanded, aliases copied, duplicate
 * keys already refused. It lives as long as the pipeline.
 */
#ifndef WEIR_NODE_H
#define WEIR_NODE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_node_kind {
    WEIR_NODE_NULL = 0,
    WEIR_NODE_SCALAR = 1,
    WEIR_NODE_LIST = 2,
    WEIR_NODE_MAP = 3
};

struct weir_node {
    uint8_t kind;   /* enum weir_node_kind */
    uint8_t quoted; /* SCALAR: stood in quotes or as a block, so `"1"` is not a number */
    uint8_t secret; /* SCALAR: came from ${..}: never printed back */
    uint8_t reserved;
    uint32_t count; /* LIST, MAP: children */
    struct weir_mark mark;
    const char *text; /* SCALAR: terminated by a NUL; length is text_length */
    size_t text_length;
    const struct weir_node *const *keys;   /* MAP: SCALAR nodes, in the order of the file */
    const struct weir_node *const *values; /* LIST, MAP */
};

#ifdef __cplusplus
}
#endif
#endif
