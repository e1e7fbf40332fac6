/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in.c: `x IN (..)`. A list of constants becomes a table of hashes, which a row is looked up in; a
 * list with columns in it is compared item by item, each for the rows that none before it matched.
 */
#include "base/hash.h"
#include "transforms/expr/compare.h"

#define NO_ITEM UINT32_MAX

struct in_set {
    bool has_null;
    bool text;
    uint32_t count, mask;
    uint32_t *slots; /* index of an item, or NO_ITEM; mask + 1 of them */
    int64_t *ints;   /* items; of floats the bits */
    struct weir_str *strs;
};

/* The keys are the user's own: they need no secret. */
static uint64_t hash_item_int(int64_t x)
{
    return hash_u64((uint64_t)x, 0x9e3779b97f4a7c15ULL);
}

static uint64_t hash_item_str(struct weir_str s)
{
    return hash_bytes(s.data, s.length, 0);
}

static int64_t float_key(double x)
{
    int64_t bits;
    x += 0.0; /* -0.0 is 0.0 */
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline bool set_has_int(const struct in_set *set, int64_t x)
{
    for (uint64_t at = hash_item_int(x) & set->mask;; at = (at + 1) & set->mask) {
        if (set->slots[at] == NO_ITEM)
            return false;
        if (set->ints[set->slots[at]] == x)
            return true;
    }
}

static inline bool set_has_str(const struct in_set *set, struct weir_str s)
{
    for (uint64_t at = hash_item_str(s) & set->mask;; at = (at + 1) & set->mask) {
        if (set->slots[at] == NO_ITEM)
            return false;
        if (str_same(set->strs[set->slots[at]], s))
            return true;
    }
}

static void set_insert(struct in_set *set, uint64_t hash)
{
    uint64_t at = hash & set->mask;
    while (set->slots[at] != NO_ITEM)
        at = (at + 1) & set->mask;
    set->slots[at] = set->count++;
}

static int64_t constant_key(const struct node *node)
{
    switch (node->type.kind) {
    case WEIR_BOOL:
        return node->constant.b;
    case WEIR_FLOAT:
        return float_key(node->constant.f);
    default:
        return node->constant.i;
    }
}

/* Of constants that were all brought to the value's type; else they are compared one by one. */
static bool set_new(struct compiler *compiler, struct node *node)
{
    struct weir_type type = node->args[0]->type;
    struct in_set *set = compile_alloc(compiler, sizeof *set);
    uint32_t capacity = 8;
    while (capacity < node->count * 2)
        capacity *= 2;
    uint32_t *slots = compile_alloc(compiler, capacity * sizeof *slots);
    int64_t *ints = compile_alloc(compiler, node->count * sizeof *ints);
    struct weir_str *strs = compile_alloc(compiler, node->count * sizeof *strs);
    if (!set || !slots || !ints || !strs)
        return false;
    memset(slots, 0xff, capacity * sizeof *slots);
    *set = (struct in_set){.text = type_is_str(type),
                           .mask = capacity - 1,
                           .slots = slots,
                           .ints = ints,
                           .strs = strs};
    for (uint32_t i = 1; i < node->count; i++) {
        const struct node *item = node->args[i];
        if (node_is_null(item)) {
            set->has_null = true;
        } else if (!type_equal(item->type, type)) {
            return true;
        } else if (set->text && !set_has_str(set, item->constant.s)) {
            set->strs[set->count] = item->constant.s;
            set_insert(set, hash_item_str(item->constant.s));
        } else if (!set->text && !set_has_int(set, constant_key(item))) {
            set->ints[set->count] = constant_key(item);
            set_insert(set, hash_item_int(constant_key(item)));
        }
    }
    node->prepared = set;
    return true;
}

bool type_in(struct compiler *compiler, struct node *node)
{
    bool constants = true;
    if (!literals_adapt(compiler, node->args, node->count))
        return false;
    for (uint32_t i = 1; i < node->count; i++) {
        if (!comparable(compiler, node->args, node->args + i, "IN"))
            return false;
        constants &= node_is_constant(node->args[i]);
    }
    node->type = type_of(WEIR_BOOL, node->count > 1 && any_nullable(node));
    node->eval = eval_in;
    if (node->count > 1 && node_is_null(node->args[0]))
        return null_instead(node);
    return !constants || node_is_constant(node->args[0]) || set_new(compiler, node);
}

/* --- evaluation ----------------------------------------------------------------------------- */

/* A short list of ints: comparing with each is faster than one hash. */
#define FEW_ITEMS 4

static bool has_key(const struct in_set *set, const struct vec *value, uint32_t row)
{
    row &= value->mask;
    switch (value->c.type.kind) {
    case WEIR_BOOL:
        return set_has_int(set, value->c.bools[row]);
    case WEIR_FLOAT:
        return set_has_int(set, float_key(value->c.floats[row]));
    default:
        return set_has_int(set, value->c.ints[row]);
    }
}

static void few_ints(const struct in_set *set, const struct vec *value, struct vec *out,
                     struct selection rows)
{
    int64_t items[FEW_ITEMS];
    for (uint32_t i = 0; i < FEW_ITEMS; i++)
        items[i] = set->ints[i < set->count ? i : 0];
    for (EACH_ROW(rows, row)) {
        int64_t x = value->c.ints[row];
        out->c.bools[row] = (x == items[0]) | (x == items[1]) | (x == items[2]) | (x == items[3]);
    }
}

static bool in_set(const struct in_set *set, const struct vec *value, struct vec *out,
                   struct eval *eval, struct selection rows)
{
    uint8_t kind = value->c.type.kind;
    if (set->count && set->count <= FEW_ITEMS && value->mask && kind != WEIR_FLOAT &&
        kind != WEIR_BOOL && !set->text) {
        few_ints(set, value, out, rows);
    } else {
        for (EACH_ROW(rows, row)) {
            bool known = vec_valid(value, row);
            out->c.bools[row] =
                known && (set->text ? set_has_str(set, value->c.strs[row & value->mask])
                                    : has_key(set, value, row));
        }
    }
    if (set->has_null) {
        for (EACH_ROW(rows, row)) {
            if (!out->c.bools[row] && !vec_set_null(eval, out, row))
                return false;
        }
    }
    return true;
}

/* Each item for the rows that are still open; a row that met a null and no match is null. */
static bool in_items(const struct node *node, struct vec *value, struct vec *out, struct eval *eval,
                     struct selection rows)
{
    uint16_t *open = selection_new(eval, rows.count), *hits = selection_new(eval, rows.count);
    uint64_t met_null[WEIR_BATCH_ROWS_MAX / 64] = {0};
    if (!open || !hits)
        return false;
    for (EACH_ROW(rows, row))
        out->c.bools[row] = 0;
    struct selection left = rows;
    for (uint32_t i = 1; i < node->count && left.count; i++) {
        struct vec *item = node_run(node->args[i], eval, left);
        if (!item)
            return false;
        for (EACH_ROW(left, row)) {
            if (!vec_valid(item, row))
                met_null[row >> 6] |= 1ULL << (row & 63);
        }
        uint32_t count = compare_filter(NODE_EQUAL, value, item, left, hits);
        for (uint32_t k = 0; k < count; k++)
            out->c.bools[hits[k]] = 1;
        left.count = selection_subtract(left, hits, count, open);
        left.rows = open;
    }
    for (EACH_ROW(left, row)) {
        if (((met_null[row >> 6] >> (row & 63)) & 1) && !vec_set_null(eval, out, row))
            return false;
    }
    return true;
}

struct vec *eval_in(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *out = vec_new(eval, node->type);
    if (!out)
        return NULL;
    if (node->count == 1) {
        for (EACH_ROW(rows, row))
            out->c.bools[row] = 0;
        return out;
    }
    struct vec *value = node_run(node->args[0], eval, rows);
    if (!value || !vec_valid_from(eval, out, &value, 1))
        return NULL;
    bool done = node->prepared ? in_set(node->prepared, value, out, eval, rows)
                               : in_items(node, value, out, eval, rows);
    return done ? out : NULL;
}
