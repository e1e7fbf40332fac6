/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/node_json.h"

#include "base/value.h"

static bool plain_is(const struct weir_node *node, const char *word)
{
    return node->kind == WEIR_NODE_SCALAR && !node->quoted && !strcmp(node->text, word);
}

bool node_is_null(const struct weir_node *node)
{
    return !node || node->kind == WEIR_NODE_NULL || plain_is(node, "") || plain_is(node, "~") ||
           plain_is(node, "null");
}

bool node_is_number(const struct weir_node *node)
{
    double number;
    if (node->kind != WEIR_NODE_SCALAR || node->quoted)
        return false;
    const char *digits = node->text + (node->text[0] == '-');
    bool leading_zero = digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
    return node->text[0] != '+' && !leading_zero &&
           float_read(node->text, node->text_length, &number) == 0;
}

void node_write_json(struct text *out, const struct weir_node *node)
{
    if (node_is_null(node)) {
        text_add(out, "null");
    } else if (node->kind == WEIR_NODE_SCALAR) {
        if (plain_is(node, "true") || plain_is(node, "false") || node_is_number(node))
            text_add_bytes(out, node->text, node->text_length);
        else
            json_write_string(out, node->text, node->text_length);
    } else {
        bool map = node->kind == WEIR_NODE_MAP;
        text_add_char(out, map ? '{' : '[');
        for (uint32_t i = 0; i < node->count; i++) {
            if (i)
                text_add(out, ", ");
            if (map) {
                json_write_string(out, node->keys[i]->text, node->keys[i]->text_length);
                text_add(out, ": ");
            }
            node_write_json(out, node->values[i]);
        }
        text_add_char(out, map ? '}' : ']');
    }
}
