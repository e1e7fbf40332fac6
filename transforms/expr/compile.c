/* SPDX-License-Identifier: Apache-2.0 */
/* compile.c: the operations that the rest of weir sees. */
#include "transforms/expr/eval.h"

static int compile(const char *text, size_t length, const struct weir_schema *schema,
                   struct weir_expr **ret_expr, struct expression_error *error)
{
    struct expression_error unused;
    struct weir_expr *expr = mem_alloc(sizeof *expr);
    struct compiler compiler = {
        .schema = schema,
        .expr = expr,
        .error = error ? error : &unused,
    };
    *compiler.error = (struct expression_error){0};
    arena_init(&expr->arena, EXPR_MEMORY_BYTES_MAX);
    if (length > EXPR_TEXT_BYTES_MAX) {
        compile_fail(&compiler, 0, "the expression has %zu bytes, and the limit is %d", length,
                     EXPR_TEXT_BYTES_MAX);
    } else if (!utf8_valid(text, length)) {
        compile_fail(&compiler, 0, "the expression is not valid UTF-8");
    } else {
        char *copy = compile_alloc(&compiler, length + 1);
        if (copy) {
            memcpy(copy, text, length);
            compiler.text = expr->text = copy;
            compiler.length = expr->length = (uint32_t)length;
            expr->root = parse_expression(&compiler);
        }
    }
    if (expr->root && !compiler.failed && type_tree(&compiler, &expr->root) &&
        expr->root->type.kind == EXPR_NULL)
        compile_fail(&compiler, expr->root->position,
                     "null alone has no type; give it one: CAST(NULL AS string)");
    batch_free(compiler.scratch);
    if (compiler.failed) {
        arena_done(&expr->arena);
        free(expr);
        return WEIR_E_INVALID;
    }
    *ret_expr = expr;
    return 0;
}

static struct weir_type expr_type(const struct weir_expr *expr)
{
    return expr->root->type;
}

static bool expr_is_constant(const struct weir_expr *expr)
{
    return node_is_constant(expr->root);
}

static void reads(const struct node *node, uint64_t *columns, uint32_t column_count)
{
    if (node->kind == NODE_COLUMN) {
        CHECK(node->column < column_count);
        columns[node->column >> 6] |= 1ULL << (node->column & 63);
    }
    for (uint32_t i = 0; i < node->count; i++)
        reads(node->args[i], columns, column_count);
}

static void expr_reads(const struct weir_expr *expr, uint64_t *columns, uint32_t column_count)
{
    reads(expr->root, columns, column_count);
}

static void expr_free(struct weir_expr *expr)
{
    if (!expr)
        return;
    arena_done(&expr->arena);
    free(expr);
}

/* The selection of a batch; where it is all rows, without a list. */
static struct selection batch_selection(const struct weir_batch *batch)
{
    if (batch->selected == batch->rows)
        return (struct selection){NULL, batch->rows};
    return (struct selection){batch->selection, batch->selected};
}

static struct weir_column *expr_eval(const struct weir_expr *expr, struct weir_batch *batch)
{
    struct eval eval = {.batch = (struct batch *)batch, .expr = expr, .rows = batch->rows};
    struct selection rows = batch_selection(batch);
    struct vec *vec = node_run(expr->root, &eval, rows);
    if (!vec)
        return NULL;
    if (vec->mask)
        return &vec->c;
    struct vec *spread = vec_new(&eval, vec->c.type);
    if (!spread)
        return NULL;
    if (!vec_valid(vec, 0)) {
        spread->c.valid = batch_bitmap_new(eval.batch);
        return spread->c.valid ? &spread->c : NULL;
    }
    vec_copy(spread, vec, rows);
    return &spread->c;
}

/* Rejected rows stay selected until batch_narrow, which counts them. */
static uint32_t keep_rejected(struct batch *batch, const uint16_t *passed, uint32_t count,
                              uint16_t *selection)
{
    uint32_t kept = 0, next = 0;
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint16_t row = batch->view.selection[i];
        bool pass = next < count && passed[next] == row;
        next += pass;
        if (pass || batch_is_rejected(batch, row))
            selection[kept++] = row;
    }
    return kept;
}

int expr_filter(const struct weir_expr *expr, struct weir_batch *batch)
{
    struct batch *host = (struct batch *)batch;
    struct eval eval = {.batch = host, .expr = expr, .rows = batch->rows};
    struct selection rows = batch_selection(batch);
    uint32_t rejected = host->reject_count;
    uint16_t *passed = selection_new(&eval, rows.count);
    uint32_t count;
    CHECK(expr->root->type.kind == WEIR_BOOL);
    if (!passed || !filter_rows(expr->root, &eval, rows, true, passed, &count))
        return WEIR_E_NOMEM;
    if (host->reject_count != rejected) {
        batch->selected = keep_rejected(host, passed, count, batch->selection);
    } else {
        memcpy(batch->selection, passed, count * sizeof *passed);
        batch->selected = count;
    }
    return 0;
}

const struct expression_ops expression_ops_sql = {
    .compile = compile,
    .type = expr_type,
    .is_constant = expr_is_constant,
    .reads = expr_reads,
    .eval = expr_eval,
    .free = expr_free,
};
