/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/query_groups.h"

#include "base/check.h"
#include "base/hash.h"

#define SLOTS_MIN 256
#define SLOT_FREE UINT32_MAX

/* A table of row numbers; the rows stand elsewhere and know their hash. */
struct slot {
    uint32_t row;
    uint32_t tag; /* upper half of the hash */
};

static bool slots_reset(struct buffer *buffer, uint32_t count)
{
    struct slot *slots = buffer_reserve(buffer, count, sizeof(*slots));
    if (slots)
        memset(slots, 0xff, (size_t)count * sizeof(*slots));
    return slots != NULL;
}

static void slots_put(struct slot *slots, uint32_t count, uint64_t hash, uint32_t row)
{
    uint32_t at = (uint32_t)hash & (count - 1);
    while (slots[at].row != SLOT_FREE)
        at = (at + 1) & (count - 1);
    slots[at] = (struct slot){row, (uint32_t)(hash >> 32)};
}

static uint64_t cell_hash(const struct groups *groups, uint32_t key, int64_t window_start_ns)
{
    return hash_u64((uint64_t)window_start_ns * 0x9e3779b97f4a7c15ULL + key,
                    groups->workspace->hash_seed);
}

static uint64_t key_hash(const struct groups *groups, const union read_value *key, uint32_t flags)
{
    uint64_t seed = groups->workspace->hash_seed;
    uint64_t hash = seed + flags;
    for (uint32_t c = 0; c < groups->by_count; c++) {
        if (type_is_str(groups->plan->by[groups->by[c]].type))
            hash = hash_bytes(key[c].s.data, key[c].s.length, hash);
        else
            hash = hash_u64(key[c].words[0], hash);
    }
    return hash;
}

static bool key_equal(const struct groups *groups, const union read_value *a,
                      const union read_value *b)
{
    for (uint32_t c = 0; c < groups->by_count; c++) {
        if (type_is_str(groups->plan->by[groups->by[c]].type)) {
            if (!str_equal(a[c].s, b[c].s))
                return false;
        } else if (a[c].words[0] != b[c].words[0]) {
            return false;
        }
    }
    return true;
}

int groups_begin(struct groups *groups, const struct aggregate_plan *plan, const uint32_t *by,
                 uint32_t by_count, uint64_t cells_max, struct query_workspace *workspace,
                 struct query_error *error)
{
    *groups = (struct groups){.plan = plan,
                              .workspace = workspace,
                              .by = by,
                              .by_count = by_count,
                              .key_slots = SLOTS_MIN,
                              .cell_slots = SLOTS_MIN,
                              .cells_max = cells_max};
    if (!slots_reset(&workspace->key_table, SLOTS_MIN) ||
        !slots_reset(&workspace->cell_table, SLOTS_MIN))
        return query_fail_nomem(error);
    return 0;
}

/* Tables stay at most half full. */
static bool keys_grow(struct groups *groups)
{
    groups->key_slots *= 2;
    if (!slots_reset(&groups->workspace->key_table, groups->key_slots))
        return false;
    for (uint32_t k = 0; k < groups->key_count; k++)
        slots_put(groups->workspace->key_table.data, groups->key_slots,
                  key_hash(groups, groups_key(groups, k), groups_flags(groups, k)), k);
    return true;
}

static bool cells_grow(struct groups *groups)
{
    groups->cell_slots *= 2;
    if (!slots_reset(&groups->workspace->cell_table, groups->cell_slots))
        return false;
    for (uint32_t c = 0; c < groups->cell_count; c++) {
        const struct cell *cell = groups_cell(groups, c);
        slots_put(groups->workspace->cell_table.data, groups->cell_slots,
                  cell_hash(groups, cell->key, cell->window_start_ns), c);
    }
    return true;
}

/* The number of a key, made where it is new; UINT32_MAX: no memory. */
static uint32_t key_take(struct groups *groups, const union read_value *key, uint32_t flags)
{
    struct query_workspace *workspace = groups->workspace;
    if (groups->key_count >= groups->key_slots / 2 && !keys_grow(groups))
        return UINT32_MAX;
    uint64_t hash = key_hash(groups, key, flags);
    struct slot *slots = workspace->key_table.data;
    uint32_t at = (uint32_t)hash & (groups->key_slots - 1);
    for (; slots[at].row != SLOT_FREE; at = (at + 1) & (groups->key_slots - 1)) {
        uint32_t row = slots[at].row;
        if (slots[at].tag == (uint32_t)(hash >> 32) && groups_flags(groups, row) == flags &&
            key_equal(groups, groups_key(groups, row), key))
            return row;
    }
    uint32_t row = groups->key_count;
    union read_value *values = buffer_reserve(
        &workspace->key_values, (size_t)(row + 1) * groups->by_count, sizeof(*values));
    uint32_t *all_flags = buffer_reserve(&workspace->key_flags, row + 1, sizeof(*all_flags));
    if (!values || !all_flags)
        return UINT32_MAX;
    memcpy(values + (size_t)row * groups->by_count, key, groups->by_count * sizeof(*values));
    all_flags[row] = flags;
    slots[at] = (struct slot){row, (uint32_t)(hash >> 32)};
    return groups->key_count++;
}

/* The state of a new cell; NULL: no memory. */
static void *cell_append(struct groups *groups, uint32_t key, int64_t window_start_ns)
{
    struct query_workspace *workspace = groups->workspace;
    uint32_t row = groups->cell_count;
    struct cell *cells = buffer_reserve(&workspace->cells, row + 1, sizeof(*cells));
    char *states = buffer_reserve(&workspace->states, row + 1, groups->state_size);
    if (!cells || !states)
        return NULL;
    cells[row] = (struct cell){key, 0, window_start_ns};
    groups->cell_count++;
    return states + (size_t)row * groups->state_size;
}

static int cell_merge(struct groups *groups, uint32_t key, int64_t window_start_ns,
                      const void *state, struct query_error *error)
{
    struct query_workspace *workspace = groups->workspace;
    if (groups->cell_count >= groups->cell_slots / 2 && !cells_grow(groups))
        return query_fail_nomem(error);
    uint64_t hash = cell_hash(groups, key, window_start_ns);
    struct slot *slots = workspace->cell_table.data;
    uint32_t at = (uint32_t)hash & (groups->cell_slots - 1);
    for (; slots[at].row != SLOT_FREE; at = (at + 1) & (groups->cell_slots - 1)) {
        const struct cell *cell = groups_cell(groups, slots[at].row);
        if (cell->key != key || cell->window_start_ns != window_start_ns)
            continue;
        aggregate_state_merge(
            groups->layout,
            (char *)workspace->states.data + (size_t)slots[at].row * groups->state_size, state);
        return 0;
    }
    if (groups->cell_count >= groups->cells_max) {
        query_fail(error, 422, "limit",
                   "the answer has more than %llu groups before `limit=`, the limit of groups for "
                   "a query; narrow it with `where=`, `last=` or fewer `by=` columns",
                   (unsigned long long)groups->cells_max);
        return WEIR_E_LIMIT;
    }
    slots[at] = (struct slot){groups->cell_count, (uint32_t)(hash >> 32)};
    void *mine = cell_append(groups, key, window_start_ns);
    if (!mine)
        return query_fail_nomem(error);
    memcpy(mine, state, groups->state_size);
    return 0;
}

/* Projects each group of the copy to the columns of `by=`. */
static uint32_t *local_keys(struct groups *groups, const struct partials *partials,
                            const uint64_t *passes)
{
    uint32_t *keys =
        buffer_reserve(&groups->workspace->local_keys, partials->group_count + 1, sizeof(*keys));
    uint32_t declared = groups->plan->by_count;
    for (uint32_t g = 0; keys && g < partials->group_count; g++) {
        keys[g] = UINT32_MAX;
        if (passes && !((passes[g >> 6] >> (g & 63)) & 1))
            continue;
        const union read_value *full = partials_key(partials, g, declared);
        union read_value key[AGGREGATE_BY_MAX] = {0};
        uint32_t flags = groups->by_count ? partials->flags[g] & PARTIALS_OVERFLOW : 0;
        for (uint32_t c = 0; c < groups->by_count; c++) {
            key[c] = full[groups->by[c]];
            flags |= ((partials->flags[g] >> groups->by[c]) & 1) << c;
        }
        keys[g] = key_take(groups, key, flags);
        if (keys[g] == UINT32_MAX)
            return NULL;
    }
    return keys;
}

static int entry_merge(struct groups *groups, const struct partials *partials, uint32_t entry,
                       uint32_t key, const struct window_plan *windows, struct query_error *error)
{
    const void *state = partials_state(partials, entry);
    if (!windows->windowed)
        return cell_merge(groups, key, 0, state, error);
    int64_t pane_ns = groups->plan->pane_ns;
    int64_t pane = partials->pane_starts[partials->entries[entry].pane];
    if (windows->all)
        return window_is_shown(windows, pane) ? cell_merge(groups, key, 0, state, error) : 0;
    for (int64_t start = window_first(windows, pane_ns, pane); start <= pane;
         start += windows->slide_ns) {
        if (!window_is_shown(windows, start))
            continue;
        int status = cell_merge(groups, key, start, state, error);
        if (status < 0)
            return status;
    }
    return 0;
}

int groups_merge(struct groups *groups, const struct partials *partials, const uint64_t *passes,
                 const struct window_plan *windows, const struct query_time *time,
                 struct query_error *error)
{
    if (!groups->layout) {
        groups->layout = partials->layout;
        groups->state_size = partials->state_size;
    }
    const uint32_t *keys = local_keys(groups, partials, passes);
    if (!keys)
        return query_fail_nomem(error);
    for (uint32_t e = 0; e < partials->entry_count; e++) {
        uint32_t key = keys[partials->entries[e].group];
        if (key == UINT32_MAX)
            continue;
        int status = (e & 4095) == 4095 ? query_time_check(time, error) : 0;
        if (status == 0)
            status = entry_merge(groups, partials, e, key, windows, error);
        if (status < 0)
            return status;
    }
    return 0;
}

int groups_add_empty(struct groups *groups, const struct aggregate_layout *layout,
                     struct query_error *error)
{
    groups->layout = layout;
    groups->state_size = aggregate_state_size(layout);
    union read_value none[1] = {{.words = {0, 0}}};
    uint32_t key = key_take(groups, none, 0);
    void *state = key == UINT32_MAX ? NULL : cell_append(groups, key, 0);
    if (!state)
        return query_fail_nomem(error);
    aggregate_state_init(layout, state);
    return 0;
}
