/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/test_compare.h"

#include "base/memory.h"
#include "base/value.h"
#include "pipelines/node_json.h"

struct actual_row {
    const struct query_result *result;
    uint32_t chunk;
    uint32_t row;
};

static struct actual_row row_at(const struct query_result *result, uint64_t index)
{
    uint32_t chunk = 0;
    while (index >= result->chunks[chunk]->view.rows)
        index -= result->chunks[chunk++]->view.rows;
    return (struct actual_row){result, chunk, (uint32_t)index};
}

/* A sum beyond 64 bits is compared as it is written. */
static bool wide_matches(const struct weir_node *node, struct actual_row actual, uint32_t field)
{
    struct text text = TEXT_INIT;
    query_value_write(actual.result, actual.chunk, field, actual.row, &text);
    bool same = text.data && node->kind == WEIR_NODE_SCALAR && !strcmp(text.data, node->text);
    text_done(&text);
    return same;
}

static bool value_matches(const struct weir_node *node, struct actual_row actual, uint32_t field)
{
    const struct query_result *result = actual.result;
    const struct weir_column *column = result->chunks[actual.chunk]->view.columns[field];
    uint32_t row = actual.row;
    if (!weir_valid(column, row))
        return node_is_null(node);
    if (node_is_null(node) || node->kind != WEIR_NODE_SCALAR)
        return false;
    if (result->wide && result->wide[(size_t)actual.chunk * result->field_count + field])
        return wide_matches(node, actual, field);
    int64_t number;
    double real;
    uint8_t truth;
    const char *text = node->text;
    size_t length = node->text_length;
    switch (column->type.kind) {
    case WEIR_BOOL:
        return !bool_read(text, length, &truth) && truth == column->bools[row];
    case WEIR_FLOAT:
        return !float_read(text, length, &real) && real == column->floats[row];
    case WEIR_TIMESTAMP:
        return !time_read_rfc3339(text, length, &number) && number == column->ints[row];
    case WEIR_DECIMAL:
        return !decimal_read(text, length, column->type.scale, &number) &&
               number == column->ints[row];
    case WEIR_INT:
        return !int_read(text, length, &number) && number == column->ints[row];
    default:
        break;
    }
    return str_equal(column->strs[row], str_make(text, length));
}

static bool row_matches(const struct weir_node *expected, struct actual_row actual)
{
    if (expected->kind != WEIR_NODE_MAP)
        return false;
    for (uint32_t k = 0; k < expected->count; k++) {
        uint32_t c = 0;
        while (c < actual.result->field_count &&
               strcmp(actual.result->fields[c].name, expected->keys[k]->text) != 0)
            c++;
        if (c == actual.result->field_count || !value_matches(expected->values[k], actual, c))
            return false;
    }
    return true;
}

static void row_write(struct text *out, struct actual_row actual)
{
    text_add_char(out, '{');
    for (uint32_t c = 0; c < actual.result->field_count; c++) {
        text_addf(out, "%s\"%s\": ", c ? ", " : "", actual.result->fields[c].name);
        query_value_write(actual.result, actual.chunk, c, actual.row, out);
    }
    text_add_char(out, '}');
}

/* Augmenting paths (Kuhn 1955): a row that leaves out columns may stand for several. */
struct matching {
    const struct weir_node *expected;
    const struct query_result *result;
    int64_t *taken_by; /* of each actual row: the expected one, -1: none */
    bool *seen;
};

static bool assign(struct matching *m, uint32_t expected)
{
    for (uint64_t a = 0; a < m->result->row_count; a++) {
        if (m->seen[a] || !row_matches(m->expected->values[expected], row_at(m->result, a)))
            continue;
        m->seen[a] = true;
        if (m->taken_by[a] < 0 || assign(m, (uint32_t)m->taken_by[a])) {
            m->taken_by[a] = expected;
            return true;
        }
    }
    return false;
}

static void missing_write(struct text *diff, const struct weir_node *row)
{
    text_add(diff, "      - ");
    node_write_json(diff, row);
    text_add_char(diff, '\n');
}

static void extra_write(struct text *diff, struct actual_row row)
{
    text_add(diff, "      + ");
    row_write(diff, row);
    text_add_char(diff, '\n');
}

bool rows_compare(const struct weir_node *expected, const struct query_result *result, bool ordered,
                  struct text *diff)
{
    uint64_t rows = result->row_count;
    uint32_t wanted = expected && expected->kind == WEIR_NODE_LIST ? expected->count : 0;
    struct matching m = {expected, result, mem_array(rows + 1, sizeof *m.taken_by),
                         mem_array(rows + 1, sizeof *m.seen)};
    bool same = true;
    for (uint64_t a = 0; a < rows; a++)
        m.taken_by[a] = -1;
    for (uint32_t e = 0; e < wanted; e++) {
        bool found = false;
        if (!ordered) {
            memset(m.seen, 0, (size_t)rows * sizeof *m.seen);
            found = assign(&m, e);
        } else if (e < rows && row_matches(expected->values[e], row_at(result, e))) {
            m.taken_by[e] = e;
            found = true;
        }
        if (!found)
            missing_write(diff, expected->values[e]);
        same &= found;
    }
    for (uint64_t a = 0; a < rows; a++)
        if (m.taken_by[a] < 0) {
            extra_write(diff, row_at(result, a));
            same = false;
        }
    free(m.taken_by);
    free(m.seen);
    return same;
}
