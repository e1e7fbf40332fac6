/* SPDX-License-Identifier: Apache-2.0 */
/* eval.c: vecs, selections, and the leaves of the tree. */
#include "transforms/expr/eval.h"

/* --- selections ----------------------------------------------------------------------------- */

uint16_t *selection_new(struct eval *eval, uint32_t count)
{
    /* One more: loops without branches write before they know whether the row stays. */
    return batch_alloc(eval->batch, (count + 1) * sizeof(uint16_t));
}

uint32_t selection_subtract(struct selection all, const uint16_t *some, uint32_t some_count,
                            uint16_t *out)
{
    uint32_t kept = 0, next = 0;
    for (EACH_ROW(all, row)) {
        if (next < some_count && some[next] == row)
            next++;
        else
            out[kept++] = (uint16_t)row;
    }
    return kept;
}

/* --- vecs ----------------------------------------------------------------------------------- */

static size_t value_bytes(struct weir_type type)
{
    return type.kind == WEIR_BOOL ? 1 : type_is_str(type) ? sizeof(struct weir_str) : 8;
}

struct vec *vec_new(struct eval *eval, struct weir_type type)
{
    struct vec *vec = batch_alloc(eval->batch, sizeof *vec);
    void *data = batch_alloc(eval->batch, eval->rows * value_bytes(type) + 1);
    if (!vec || !data)
        return NULL;
    *vec = (struct vec){.c = {.type = type, .data = data}, .mask = UINT32_MAX};
    return vec;
}

static uint32_t bitmap_words(const struct eval *eval)
{
    return (eval->rows + 63) / 64;
}

bool vec_own_valid(struct eval *eval, struct vec *vec)
{
    if (vec->own_valid)
        return true;
    uint64_t *valid = batch_alloc(eval->batch, (bitmap_words(eval) + 1) * sizeof *valid);
    if (!valid)
        return false;
    if (vec->c.valid)
        memcpy(valid, vec->c.valid, bitmap_words(eval) * sizeof *valid);
    else
        memset(valid, 0xff, bitmap_words(eval) * sizeof *valid);
    vec->c.valid = valid;
    vec->own_valid = true;
    return true;
}

bool vec_set_null(struct eval *eval, struct vec *vec, uint32_t row)
{
    if (!vec_own_valid(eval, vec))
        return false;
    vec->c.valid[row >> 6] &= ~(1ULL << (row & 63));
    return true;
}

bool vec_valid_from(struct eval *eval, struct vec *vec, struct vec *const *sources, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct vec *from = sources[i];
        if (!from->c.valid)
            continue;
        if (!from->mask) {
            if (from->c.valid[0] & 1)
                continue;
            if (!vec_own_valid(eval, vec))
                return false;
            memset(vec->c.valid, 0, bitmap_words(eval) * sizeof *vec->c.valid);
            return true;
        }
        if (!vec->c.valid) {
            vec->c.valid = from->c.valid;
            continue;
        }
        if (vec->c.valid == from->c.valid)
            continue;
        if (!vec_own_valid(eval, vec))
            return false;
        for (uint32_t word = 0; word < bitmap_words(eval); word++)
            vec->c.valid[word] &= from->c.valid[word];
    }
    return true;
}

void vec_clear(struct vec *vec, uint32_t row)
{
    if (vec->c.type.kind == WEIR_BOOL)
        vec->c.bools[row] = 0;
    else if (type_is_str(vec->c.type))
        vec->c.strs[row] = (struct weir_str){"", 0, 0};
    else
        vec->c.ints[row] = 0;
}

void vec_copy(struct vec *to, const struct vec *from, struct selection rows)
{
    switch (value_bytes(to->c.type)) {
    case 1:
        for (EACH_ROW(rows, row))
            to->c.bools[row] = from->c.bools[row & from->mask];
        break;
    case 8:
        for (EACH_ROW(rows, row))
            to->c.ints[row] = from->c.ints[row & from->mask];
        break;
    default:
        for (EACH_ROW(rows, row))
            to->c.strs[row] = from->c.strs[row & from->mask];
    }
}

/* --- rejected rows -------------------------------------------------------------------------- */

/* The text names the expression, not the record's values: it goes to logs. */
void eval_reject(struct eval *eval, const struct node *node, uint32_t row, enum weir_reason reason,
                 const char *what)
{
    uint32_t length = node->end - node->start;
    bool cut = length > 80;
    batch_reject(eval->batch, row, reason, "`%.*s%s` %s", (int)(cut ? 76 : length),
                 eval->expr->text + node->start, cut ? " .." : "", what);
}

/* --- leaves --------------------------------------------------------------------------------- */

/* A text may become a value of the result, which outlives the expression. */
static bool own_text(struct vec *vec, struct eval *eval)
{
    struct weir_str *s = batch_alloc(eval->batch, sizeof *s);
    if (!s)
        return false;
    *s = vec->c.strs[0];
    s->data = arena_copy(&eval->batch->arena, s->data, s->length);
    vec->c.strs = s;
    return s->data != NULL;
}

struct vec *eval_constant(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *vec = batch_alloc(eval->batch, sizeof *vec);
    if (!vec)
        return NULL;
    *vec = (struct vec){.c = {.type = node->type, .data = (void *)(uintptr_t)&node->constant.s}};
    if (node_is_null(node))
        vec->c.valid = (uint64_t *)(uintptr_t)node->constant.valid;
    else if (type_is_str(node->type))
        return own_text(vec, eval) ? vec : NULL;
    return vec;
}

struct vec *eval_column(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *vec = batch_alloc(eval->batch, sizeof *vec);
    const struct weir_column *column = eval->batch->view.columns[node->column];
    CHECK(column); /* the plan decodes what reads() names */
    if (!vec)
        return NULL;
    *vec = (struct vec){.c = *column, .mask = UINT32_MAX};
    return vec;
}

/* Unary plus. */
struct vec *eval_same(const struct node *node, struct eval *eval, struct selection rows)
{
    return node_run(node->args[0], eval, rows);
}

/* --- functions row by row ------------------------------------------------------------------- */

char *texts_reserve(struct eval *eval, struct texts *texts, size_t bytes)
{
    const size_t chunk_bytes = 16384;
    if ((size_t)(texts->end - texts->next) < bytes || !texts->next) {
        size_t chunk = bytes > chunk_bytes ? bytes : chunk_bytes;
        texts->next = batch_alloc(eval->batch, chunk);
        if (!texts->next) {
            texts->end = NULL;
            return NULL;
        }
        texts->end = texts->next + chunk;
    }
    return texts->next;
}

char *call_reserve(struct call *call, size_t bytes)
{
    char *room = texts_reserve(call->eval, &call->texts, bytes);
    call->no_memory |= !room;
    return room;
}

bool call_commit(struct call *call, uint32_t row, const char *data, size_t length)
{
    call->texts.next += length;
    return call_set_str(call, row, data, length);
}

bool call_set_str(struct call *call, uint32_t row, const char *data, size_t length)
{
    call->out->c.strs[row] = str_make(data, length);
    return true;
}

bool call_set_int(struct call *call, uint32_t row, int64_t value)
{
    call->out->c.ints[row] = value;
    return true;
}

bool call_set_bool(struct call *call, uint32_t row, bool value)
{
    call->out->c.bools[row] = value;
    return true;
}

bool call_set_float(struct call *call, uint32_t row, double value)
{
    if (__builtin_isfinite(value)) {
        call->out->c.floats[row] = value;
        return true;
    }
    if (__builtin_isnan(value))
        return false;
    return call_reject(call, row, WEIR_REJECT_OVERFLOW, "does not fit a float");
}

bool call_reject(struct call *call, uint32_t row, enum weir_reason reason, const char *what)
{
    eval_reject(call->eval, call->node, row, reason, what);
    return false;
}

static bool all_valid(const struct call *call, uint32_t row)
{
    return !call->out->c.valid || ((call->out->c.valid[row >> 6] >> (row & 63)) & 1);
}

struct vec *eval_call(const struct node *node, struct eval *eval, struct selection rows)
{
    const struct function *function = node->function;
    struct vec *args[CALL_ARGUMENTS_MAX];
    for (uint32_t i = 0; i < node->count; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return NULL;
    }
    struct call call = {.eval = eval, .node = node, .args = args, .out = vec_new(eval, node->type)};
    bool nulls = function->flags & FUNCTION_NULLS;
    if (!call.out || (!nulls && !vec_valid_from(eval, call.out, args, node->count)))
        return NULL;
    bool check = !nulls && call.out->c.valid;
    for (EACH_ROW(rows, row)) {
        if (check && !all_valid(&call, row)) {
            vec_clear(call.out, row);
        } else if (!function->row(&call, row)) {
            vec_clear(call.out, row);
            if (call.no_memory || !vec_set_null(eval, call.out, row))
                return NULL;
        }
    }
    return call.out;
}
