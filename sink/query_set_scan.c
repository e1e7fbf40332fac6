/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of a set in hash order.
 *
 * One that `where` leaves with too few rows goes on with further chunks as long as no partition has
 * changed since its first one, so that `covers` stays true of all rows; else it ends early, with a
 * cursor.
 */
#include "base/check.h"
#include "base/hash.h"
#include "sink/query_set.h"

/* Records copied under one hold: about 1.3 ms. */
#define SET_CHUNK_RECORDS_MAX 65536u

/* Rows found so far move into the workspace, before the copies that they point into are used
 * again. */
static int rows_keep(struct set_read *read, uint32_t from, struct query_error *error)
{
    struct arena *arena = &read->workspace->arena;
    uint32_t count = read->column_count;
    for (uint32_t r = from; r < read->row_count; r++) {
        struct set_row *row = &read->rows[r];
        union read_value *values = arena_copy(arena, row->values, count * sizeof(*values));
        row->nulls = arena_copy(arena, row->nulls, (count + 63) / 64 * sizeof(*row->nulls));
        row->values = values;
        row->order = NULL;
        if (!values || !row->nulls)
            return query_fail_nomem(error);
        for (uint32_t c = 0; c < count; c++) {
            if (!type_is_str(read->columns[c].type) || !values[c].s.data)
                continue;
            values[c].s.data = arena_copy(arena, values[c].s.data, values[c].s.length);
            if (!values[c].s.data)
                return query_fail_nomem(error);
        }
    }
    return 0;
}

/* ---- in hash order
 * ------------------------------------------------------------------------------------ */

/* A cursor in hash order: the hash and a digest of the key of the last row. */
struct hash_place {
    uint64_t hash_big_endian;
    unsigned char digest[16];
};

static struct hash_place place_of(const struct set_read *read, const struct set_row *row)
{
    struct text key = TEXT_INIT;
    set_key_add(read->plan, row, &key);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(key.data, key.length));
    struct hash_place place = {.hash_big_endian = __builtin_bswap64(row->hash)};
    memcpy(place.digest, canonical.digest, sizeof(place.digest));
    text_done(&key);
    return place;
}

/* Different keys of one hash are brought into the order of their digests, and those that the last
 * page ended with are left out. Hashes are nearly always different: this costs nothing then. */
static void settle_equal_hashes(struct set_read *read, uint32_t from, const struct hash_place *last)
{
    uint32_t kept = from;
    for (uint32_t r = from; r < read->row_count;) {
        uint32_t end = r + 1;
        while (end < read->row_count && read->rows[end].hash == read->rows[r].hash)
            end++;
        bool at_last = last && __builtin_bswap64(last->hash_big_endian) == read->rows[r].hash;
        for (uint32_t i = r + 1; i < end; i++) {
            struct set_row row = read->rows[i];
            struct hash_place place = place_of(read, &row);
            uint32_t at = i;
            for (; at > r; at--) {
                struct hash_place before = place_of(read, &read->rows[at - 1]);
                if (memcmp(&before, &place, sizeof(place)) <= 0)
                    break;
                read->rows[at] = read->rows[at - 1];
            }
            read->rows[at] = row;
        }
        for (; r < end; r++) {
            struct hash_place place = {0};
            if (at_last)
                place = place_of(read, &read->rows[r]);
            if (!at_last || memcmp(&place, last, sizeof(place)) > 0)
                read->rows[kept++] = read->rows[r];
        }
    }
    read->row_count = kept;
}

/* The hash below which all partitions have been copied; false: all are at their ends. */
static bool complete_below(const struct set_read *read, uint64_t *ret_below)
{
    bool more = false;
    *ret_below = UINT64_MAX;
    for (uint32_t i = 0; i < read->present_count; i++) {
        if (read->places[i].end)
            continue;
        more = true;
        if (read->places[i].next < *ret_below)
            *ret_below = read->places[i].next;
    }
    return more;
}

static void page_in_order(struct set_read *read, uint32_t count, struct page *page)
{
    struct ranked *ranked =
        buffer_reserve(&read->workspace->ranked, count + 1, sizeof(struct ranked));
    for (uint32_t i = 0; ranked && i < count; i++)
        ranked[i] = (struct ranked){.row = i};
    *page = (struct page){.rows = ranked, .count = ranked ? count : 0};
}

/* One round: a chunk of each partition, merged and asked. Returns 0 with *ret_more and the place to
 * go on from, SET_COPY_CHANGED, or an error. */
static int hash_round(struct set_read *read, uint32_t wanted, bool first,
                      const struct hash_place *last, struct query_result *result, bool *ret_more,
                      uint64_t *ret_below, struct query_error *error)
{
    uint32_t from = read->row_count;
    int status = set_copy(read, wanted, first, result, error);
    if (status != SET_COPIED)
        return status;
    *ret_more = complete_below(read, ret_below);
    status = set_merge(read, *ret_below, !*ret_more, error);
    if (status < 0)
        return status;
    settle_equal_hashes(read, from, last);
    return set_filter(read, from, error);
}

static void places_set(struct set_read *read, uint64_t next)
{
    for (uint32_t i = 0; i < read->present_count; i++)
        read->places[i] = (struct set_cursor){next, false};
}

/* Where a page begins; false: the cursor is of another kind. */
static bool begin_place(const struct set_read *read, struct hash_place *place)
{
    *place = (struct hash_place){0};
    if (!read->cursor.given)
        return true;
    if (read->cursor.key_length != sizeof(*place))
        return false;
    memcpy(place, read->cursor.key, sizeof(*place));
    return true;
}

/* Chunks until there are `need` rows. *ret_below is the place up to which the rows reach. */
static int scan_rounds(struct set_read *read, uint64_t need, const struct hash_place *last,
                       struct query_result *result, bool *ret_more, uint64_t *ret_below,
                       struct query_error *error)
{
    bool filtered = where_has(&read->where, false);
    uint32_t wanted =
        filtered || need > SET_CHUNK_RECORDS_MAX ? SET_CHUNK_RECORDS_MAX : (uint32_t)need;
    int64_t enough_ns = read->time.deadline_ns == INT64_MAX
                            ? INT64_MAX
                            : read->time.deadline_ns - read->time.limit_ns / 2;
    *ret_more = true;
    for (bool first = true; *ret_more && read->row_count < need; first = false) {
        uint32_t from = read->row_count;
        if (!first && clock_mono_ns() >= enough_ns)
            return 0;
        places_set(read, *ret_below);
        int status = hash_round(read, wanted, first, last, result, ret_more, ret_below, error);
        if (status == SET_COPY_CHANGED)
            return 0;
        if (status == 0 && *ret_more && read->row_count < need)
            status = rows_keep(read, from, error);
        if (status < 0)
            return status;
    }
    return 0;
}

int set_scan(struct set_read *read, struct query_result *result, struct query_error *error)
{
    struct hash_place place;
    if (!begin_place(read, &place))
        return query_fail(error, 400, "bad-cursor", "`cursor=` is of another kind");
    bool more;
    uint64_t below = __builtin_bswap64(place.hash_big_endian);
    int status = scan_rounds(read, read->limit + 1, read->cursor.given ? &place : NULL, result,
                             &more, &below, error);
    if (status < 0)
        return status;
    uint32_t count = read->row_count;
    if (count > read->limit) {
        count = (uint32_t)read->limit;
        place = place_of(read, &read->rows[count - 1]);
        more = true;
    } else {
        place = (struct hash_place){.hash_big_endian = __builtin_bswap64(below)};
    }
    if (more)
        result->next_cursor = cursor_write(&place, sizeof(place), read->fingerprint);
    struct page page;
    page_in_order(read, count, &page);
    return page.rows ? set_result_fill(read, &page, result, error) : query_fail_nomem(error);
}
