/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_logic.c: NOT, AND, OR, CASE, coalesce, iif, nullif.
 *
 * What a row's value does not depend on is not computed for that row: AND and OR go on with the
 * rows that are not decided yet, CASE computes a value only for the rows that take it.
 */
#include "transforms/expr/compare.h"

struct vec *eval_not(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *out = a ? vec_new(eval, node->type) : NULL;
    if (!out || !vec_valid_from(eval, out, &a, 1))
        return NULL;
    struct selection wide = selection_widen(eval, rows);
    uint8_t *restrict to = out->c.bools;
    const uint8_t *from = a->c.bools;
    if (!wide.rows && a->mask) {
        for (uint32_t i = 0; i < wide.count; i++)
            to[i] = !from[i];
    } else {
        for (EACH_ROW(rows, row))
            to[row] = !from[row & a->mask];
    }
    return out;
}

/* AND with `decides` false, OR with true: a row is decided by the first argument that is so; else
 * it is null if one was null, else the opposite. */
static struct vec *eval_chain(const struct node *node, struct eval *eval, struct selection rows,
                              bool decides)
{
    struct vec *out = vec_new(eval, node->type);
    uint16_t *open = selection_new(eval, rows.count);
    if (!out || !open)
        return NULL;
    for (EACH_ROW(rows, row))
        out->c.bools[row] = !decides;
    struct selection left = rows;
    for (uint32_t i = 0; i < node->count && left.count; i++) {
        const struct vec *arg = node_run(node->args[i], eval, left);
        if (!arg)
            return NULL;
        uint32_t kept = 0;
        for (EACH_ROW(left, row)) {
            bool known = vec_valid(arg, row);
            bool decided = known && (bool)arg->c.bools[row & arg->mask] == decides;
            if (decided)
                out->c.bools[row] = decides;
            if (out->own_valid && decided)
                out->c.valid[row >> 6] |= 1ULL << (row & 63);
            else if (!known && !vec_set_null(eval, out, row))
                return NULL;
            open[kept] = (uint16_t)row;
            kept += !decided;
        }
        left = (struct selection){open, kept};
    }
    return out;
}

struct vec *eval_and(const struct node *node, struct eval *eval, struct selection rows)
{
    return eval_chain(node, eval, rows, false);
}

struct vec *eval_or(const struct node *node, struct eval *eval, struct selection rows)
{
    return eval_chain(node, eval, rows, true);
}

/* --- values that are taken from one of several nodes ---------------------------------------- */

struct choice {
    struct eval *eval;
    struct vec *out;
    struct selection left; /* rows without a value yet */
    uint16_t *memory;      /* of left */
};

static bool choice_begin(struct choice *choice, const struct node *node, struct eval *eval,
                         struct selection rows)
{
    *choice = (struct choice){.eval = eval, .out = vec_new(eval, node->type), .left = rows};
    choice->memory = selection_new(eval, rows.count);
    return choice->out && choice->memory;
}

static bool choice_put(struct choice *choice, const struct vec *from, struct selection rows)
{
    struct vec *out = choice->out;
    if (!from->c.valid) {
        vec_copy(out, from, rows);
        return true;
    }
    for (EACH_ROW(rows, row)) {
        if (vec_valid(from, row)) {
            vec_copy(out, from, (struct selection){(uint16_t[]){(uint16_t)row}, 1});
        } else {
            vec_clear(out, row);
            if (!vec_set_null(choice->eval, out, row))
                return false;
        }
    }
    return true;
}

static bool choice_null(struct choice *choice)
{
    for (EACH_ROW(choice->left, row)) {
        vec_clear(choice->out, row);
        if (!vec_set_null(choice->eval, choice->out, row))
            return false;
    }
    return true;
}

/* Gives `taken` rows the values of a node and takes them from those that are left. */
static bool choice_take(struct choice *choice, const struct node *node, const uint16_t *taken,
                        uint32_t count)
{
    if (count) {
        struct selection rows = {taken, count};
        if (count == choice->left.count)
            rows = choice->left;
        const struct vec *from = node_run(node, choice->eval, rows);
        if (!from || !choice_put(choice, from, rows))
            return false;
    }
    choice->left.count = selection_subtract(choice->left, taken, count, choice->memory);
    choice->left.rows = choice->memory;
    return true;
}

static struct vec *choice_end(struct choice *choice, const struct node *otherwise)
{
    if (!choice->left.count)
        return choice->out;
    if (!otherwise)
        return choice_null(choice) ? choice->out : NULL;
    const struct vec *from = node_run(otherwise, choice->eval, choice->left);
    return from && choice_put(choice, from, choice->left) ? choice->out : NULL;
}

/* when, then, when, then, ..[, else]; iif has the same form. */
struct vec *eval_case(const struct node *node, struct eval *eval, struct selection rows)
{
    struct choice choice;
    uint16_t *taken = selection_new(eval, rows.count);
    if (!taken || !choice_begin(&choice, node, eval, rows))
        return NULL;
    for (uint32_t i = 0; i + 1 < node->count && choice.left.count; i += 2) {
        uint32_t count;
        if (!filter_rows(node->args[i], eval, choice.left, true, taken, &count) ||
            !choice_take(&choice, node->args[i + 1], taken, count))
            return NULL;
    }
    return choice_end(&choice, node->count % 2 ? node->args[node->count - 1] : NULL);
}

struct vec *eval_case_of(const struct node *node, struct eval *eval, struct selection rows)
{
    struct choice choice;
    uint16_t *taken = selection_new(eval, rows.count);
    struct vec *value = node_run(node->args[0], eval, rows);
    if (!taken || !value || !choice_begin(&choice, node, eval, rows))
        return NULL;
    for (uint32_t i = 1; i + 1 < node->count && choice.left.count; i += 2) {
        if (node_is_null(node->args[i]))
            continue;
        const struct vec *when = node_run(node->args[i], eval, choice.left);
        if (!when)
            return NULL;
        uint32_t count = 0;
        if (value->c.type.kind != EXPR_NULL)
            count = compare_filter(NODE_EQUAL, value, when, choice.left, taken);
        if (!choice_take(&choice, node->args[i + 1], taken, count))
            return NULL;
    }
    return choice_end(&choice, node->count % 2 ? NULL : node->args[node->count - 1]);
}

struct vec *eval_coalesce(const struct node *node, struct eval *eval, struct selection rows)
{
    struct choice choice;
    if (!choice_begin(&choice, node, eval, rows))
        return NULL;
    for (uint32_t i = 0; i < node->count && choice.left.count; i++) {
        const struct vec *from = node_run(node->args[i], eval, choice.left);
        if (!from)
            return NULL;
        bool last = i + 1 == node->count;
        if (last || !from->c.valid)
            return choice_put(&choice, from, choice.left) ? choice.out : NULL;
        uint32_t left = 0;
        for (EACH_ROW(choice.left, row)) {
            if (vec_valid(from, row))
                vec_copy(choice.out, from, (struct selection){(uint16_t[]){(uint16_t)row}, 1});
            else
                choice.memory[left++] = (uint16_t)row;
        }
        choice.left = (struct selection){choice.memory, left};
    }
    return choice.out;
}

/* nullif(a, b): null where a = b, else a. */
struct vec *eval_nullif(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *a = node_run(node->args[0], eval, rows);
    struct vec *b = a ? node_run(node->args[1], eval, rows) : NULL;
    uint16_t *same = b ? selection_new(eval, rows.count) : NULL;
    struct vec *out = same ? batch_alloc(eval->batch, sizeof *out) : NULL;
    if (!out)
        return NULL;
    *out = *a;
    if (a->mask == 0) {
        out = vec_new(eval, node->type);
        if (!out || !vec_valid_from(eval, out, &a, 1))
            return NULL;
        vec_copy(out, a, rows);
    }
    out->c.type = node->type;
    out->own_valid = false;
    uint32_t count = compare_filter(NODE_EQUAL, a, b, rows, same);
    for (uint32_t i = 0; i < count; i++)
        if (!vec_set_null(eval, out, same[i]))
            return NULL;
    return out;
}

/* min(..) and max(..) of two and more values, which are of one type; null if one is. */
struct vec *eval_extreme(const struct node *node, struct eval *eval, struct selection rows)
{
    bool greatest = node->function->doc.name[1] == 'a';
    struct vec *out = vec_new(eval, node->type);
    if (!out)
        return NULL;
    for (uint32_t i = 0; i < node->count; i++) {
        struct vec *arg = node_run(node->args[i], eval, rows);
        if (!arg || !vec_valid_from(eval, out, &arg, 1))
            return NULL;
        for (EACH_ROW(rows, row)) {
            struct selection one = {(uint16_t[]){(uint16_t)row}, 1};
            if (out->c.valid && !((out->c.valid[row >> 6] >> (row & 63)) & 1)) {
                vec_clear(out, row);
                continue;
            }
            int order = i ? compare_row(arg, out, row) : greatest ? 1 : -1;
            /* Of 0.0 and -0.0, SQLite's min takes the later. */
            if (greatest ? order > 0 : order <= 0)
                vec_copy(out, arg, one);
        }
    }
    return out;
}
