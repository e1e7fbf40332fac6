/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "sink/query_internal.h"

/* ---- sort keys --------------------------------------------------------------------------------
 */

static void add_big_endian(unsigned char *out, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(out, &value, sizeof(value));
}

static uint64_t float_bits_ordered(double value)
{
    uint64_t bits;
    if (value == 0)
        value = 0; /* -0.0 equals 0.0 */
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? ~bits : bits | (1ULL << 63);
}

/* Zero bytes become 00 FF and 00 01 ends the text, so that a prefix sorts first. */
static void add_text(struct text *out, struct weir_str s)
{
    const char *at = s.data;
    const char *end = at + s.length;
    while (at < end) {
        const char *zero = memchr(at, '\0', (size_t)(end - at));
        const char *stop = zero ? zero : end;
        text_add_bytes(out, at, (size_t)(stop - at));
        if (zero)
            text_add_bytes(out, "\x00\xff", 2);
        at = zero ? zero + 1 : end;
    }
    text_add_bytes(out, "\x00\x01", 2);
}

void sort_key_add(struct text *out, struct weir_type type, const struct measure_value *value,
                  bool descending)
{
    size_t from = out->length;
    unsigned char bytes[17] = {1};
    size_t length = 1;
    if (value->null) {
        bytes[0] = 0;
        text_add_bytes(out, bytes, 1);
    } else if (type.kind == WEIR_BOOL) {
        bytes[length++] = value->value.b;
        text_add_bytes(out, bytes, length);
    } else if (type.kind == WEIR_FLOAT) {
        add_big_endian(bytes + 1, float_bits_ordered(value->value.f));
        text_add_bytes(out, bytes, 9);
    } else if (type.kind == WEIR_INT || type.kind == WEIR_DECIMAL || type.kind == WEIR_TIMESTAMP) {
        add_big_endian(bytes + 1, (uint64_t)(value->big >> 64) ^ (1ULL << 63));
        add_big_endian(bytes + 9, (uint64_t)value->big);
        text_add_bytes(out, bytes, 17);
    } else {
        text_add_bytes(out, bytes, 1);
        add_text(out, value->value.s);
    }
    if (!descending || out->failed)
        return;
    for (size_t i = from; i < out->length; i++)
        out->data[i] = (char)~out->data[i];
}

/* ---- order= -------------------------------------------------------------------------------------
 */

int order_read(struct order *order, const char *text, const struct weir_field *columns,
               uint32_t column_count, struct query_error *error)
{
    order->count = 0;
    if (!text)
        return 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        const char *end = at + length;
        struct order_key key = {0, false};
        while (at < end && *at == ' ')
            at++;
        if (at < end && (*at == '-' || *at == '+'))
            key.descending = *at++ == '-';
        while (end > at && end[-1] == ' ')
            end--;
        int status = column_find("order", str_make(at, (size_t)(end - at)), columns, column_count,
                                 &key.column, error);
        if (status < 0)
            return status;
        if (order->count == QUERY_ORDER_MAX)
            return query_fail(error, 400, "bad-parameter", "`order=` names more than %d columns",
                              QUERY_ORDER_MAX);
        order->keys[order->count++] = key;
        at = end + strspn(end, " ");
        if (*at == '\0')
            return 0;
    }
}

/* ---- cursors
 * ------------------------------------------------------------------------------------- */

/*
 * A cursor is base64url of: version (1), cut (1), fingerprint of the query (8), the sort key of the
 * last row or its first CURSOR_KEY_BYTES_MAX bytes, and where it was cut the digest of the whole
 * (16). Nothing in it is trusted: what does not fit is a 400.
 */
#define CURSOR_VERSION    1
#define CURSOR_HEAD_BYTES 10
#define CURSOR_BYTES_MAX  (CURSOR_HEAD_BYTES + CURSOR_KEY_BYTES_MAX + 16)

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void digest_of(const void *key, size_t length, uint64_t digest[2])
{
    XXH128_hash_t hash = XXH3_128bits(key, length);
    digest[0] = hash.low64;
    digest[1] = hash.high64;
}

char *cursor_write(const void *key, size_t length, uint64_t query)
{
    unsigned char bytes[CURSOR_BYTES_MAX + 3] = {CURSOR_VERSION, length > CURSOR_KEY_BYTES_MAX};
    size_t n = CURSOR_HEAD_BYTES;
    memcpy(bytes + 2, &query, sizeof(query));
    size_t kept = length > CURSOR_KEY_BYTES_MAX ? CURSOR_KEY_BYTES_MAX : length;
    memcpy(bytes + n, key, kept);
    n += kept;
    if (length > CURSOR_KEY_BYTES_MAX) {
        uint64_t digest[2];
        digest_of(key, length, digest);
        memcpy(bytes + n, digest, sizeof(digest));
        n += sizeof(digest);
    }
    char *text = mem_array(n / 3 * 4 + 5, 1);
    size_t out = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (size_t c = 0; c < 4 && i * 4 + c * 3 < n * 4; c++)
            text[out++] = base64url[(group >> (18 - 6 * c)) & 63];
    }
    return text;
}

static int64_t base64url_decode(const char *text, unsigned char *bytes, size_t capacity)
{
    uint32_t group = 0;
    int bits = 0;
    size_t n = 0;
    for (; *text; text++) {
        const char *digit = strchr(base64url, *text);
        if (!digit)
            return -1;
        group = group << 6 | (uint32_t)(digit - base64url);
        bits += 6;
        if (bits < 8)
            continue;
        if (n == capacity)
            return -1;
        bits -= 8;
        bytes[n++] = (unsigned char)(group >> bits);
    }
    return (int64_t)n;
}

int cursor_read(struct cursor *cursor, const char *text, uint64_t query, struct query_error *error)
{
    cursor->given = false;
    if (!text)
        return 0;
    unsigned char bytes[CURSOR_BYTES_MAX];
    int64_t length = base64url_decode(text, bytes, sizeof(bytes));
    if (length < CURSOR_HEAD_BYTES || bytes[0] != CURSOR_VERSION || bytes[1] > 1 ||
        (bytes[1] && length != CURSOR_BYTES_MAX))
        return query_fail(error, 400, "bad-cursor",
                          "`cursor=` is not one that was handed out as `next_cursor`; begin again "
                          "without it");
    if (memcmp(bytes + 2, &query, sizeof(query)) != 0)
        return query_fail(error, 400, "bad-cursor",
                          "`cursor=` belongs to another query (all parameters but `limit=` must "
                          "stay the same from page to page) or to an earlier run of the server; "
                          "begin again without it");
    cursor->given = true;
    cursor->cut = bytes[1];
    cursor->key_length = (uint32_t)(length - CURSOR_HEAD_BYTES) - (cursor->cut ? 16 : 0);
    if (cursor->key_length > CURSOR_KEY_BYTES_MAX)
        return query_fail(error, 400, "bad-cursor", "`cursor=` is too long");
    memcpy(cursor->key, bytes + CURSOR_HEAD_BYTES, cursor->key_length);
    if (cursor->cut)
        memcpy(cursor->digest, bytes + CURSOR_HEAD_BYTES + cursor->key_length, 16);
    return 0;
}

/* ---- one page
 * ------------------------------------------------------------------------------------ */

struct keys {
    const char *bytes;
};

static uint64_t prefix_of(const char *key, size_t length)
{
    unsigned char bytes[8] = {0};
    memcpy(bytes, key, length < 8 ? length : 8);
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return __builtin_bswap64(word);
}

static int bytes_compare(const void *a, size_t a_length, const void *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static bool ranked_before(const struct keys *keys, const struct ranked *a, const struct ranked *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return bytes_compare(keys->bytes + a->at, a->length, keys->bytes + b->at, b->length) < 0;
}

/* Merge sort: stable in time, n log n comparisons, no recursion. Returns where the result is. */
static struct ranked *ranked_sort(const struct keys *keys, struct ranked *rows,
                                  struct ranked *other, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t middle = at + width < count ? at + width : count;
            size_t end = at + 2 * width < count ? at + 2 * width : count;
            size_t a = at;
            size_t b = middle;
            for (size_t i = at; i < end; i++)
                other[i] = a < middle && (b == end || !ranked_before(keys, &rows[b], &rows[a]))
                               ? rows[a++]
                               : rows[b++];
        }
        struct ranked *swap = rows;
        rows = other;
        other = swap;
    }
    return rows;
}

static void sift_down(const struct keys *keys, struct ranked *heap, size_t count, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && ranked_before(keys, &heap[child], &heap[child + 1]))
            child++;
        if (!ranked_before(keys, &heap[at], &heap[child]))
            return;
        struct ranked swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

/* Moves the `limit` first of `count` to the front, in no order: a heap with the last on top. */
static void ranked_partition(const struct keys *keys, struct ranked *rows, size_t count,
                             size_t limit)
{
    for (size_t i = limit / 2; i-- > 0;)
        sift_down(keys, rows, limit, i);
    for (size_t i = limit; i < count; i++) {
        if (!ranked_before(keys, &rows[i], &rows[0]))
            continue;
        rows[0] = rows[i];
        sift_down(keys, rows, limit, 0);
    }
}

static bool is_beyond(const struct cursor *cursor, const char *key, size_t length)
{
    if (!cursor->given)
        return true;
    if (!cursor->cut)
        return bytes_compare(key, length, cursor->key, cursor->key_length) > 0;
    /* Rows that share the cut key are decided afterwards, by cut_skip. */
    size_t compared = length < cursor->key_length ? length : cursor->key_length;
    int order = memcmp(key, cursor->key, compared);
    return order > 0 || (order == 0 && length > cursor->key_length);
}

static bool shares_cut_key(const struct cursor *cursor, const char *key, size_t length)
{
    return length > cursor->key_length && memcmp(key, cursor->key, cursor->key_length) == 0;
}

/* Of the rows in order: how many to pass over because a cut cursor stands behind them. Where its
 * row is gone, none: a row may then come twice, but none is lost. */
static size_t cut_skip(const struct cursor *cursor, const struct keys *keys,
                       const struct ranked *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *key = keys->bytes + rows[i].at;
        if (!shares_cut_key(cursor, key, rows[i].length))
            return 0;
        uint64_t digest[2];
        digest_of(key, rows[i].length, digest);
        if (memcmp(digest, cursor->digest, sizeof(digest)) == 0)
            return i + 1;
    }
    return 0;
}

static void row_key_add(const struct page_order *page_order, uint32_t row, struct text *out)
{
    struct measure_value value;
    const struct row_source *source = page_order->source;
    for (uint32_t i = 0; i < page_order->order->count; i++) {
        const struct order_key *key = &page_order->order->keys[i];
        source->value(source->context, row, key->column, &value);
        sort_key_add(out, source->columns[key->column].type, &value, key->descending);
    }
    page_order->identity(page_order->context, row, out);
}

int page_select(const struct page_order *page_order, const uint32_t *rows, uint32_t count,
                const struct cursor *cursor, uint64_t limit, struct query_workspace *workspace,
                struct page *ret_page, struct query_error *error)
{
    struct ranked *ranked = buffer_reserve(&workspace->ranked, count, sizeof(*ranked));
    struct ranked *other = buffer_reserve(&workspace->ranked_other, count, sizeof(*other));
    struct text *bytes = &workspace->sort_keys;
    if (!ranked || !other)
        return query_fail_nomem(error);
    text_clear(bytes);
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = bytes->length;
        row_key_add(page_order, rows[i], bytes);
        if (bytes->failed)
            return query_fail_nomem(error);
        if (!is_beyond(cursor, bytes->data + at, bytes->length - at)) {
            bytes->length = at;
            continue;
        }
        ranked[n++] = (struct ranked){.row = rows[i],
                                      .length = (uint32_t)(bytes->length - at),
                                      .at = at,
                                      .prefix = prefix_of(bytes->data + at, bytes->length - at)};
    }
    struct keys keys = {bytes->data};
    size_t taken = n;
    /* A cut cursor needs the rows behind it in order before it is known where it stands. */
    if (n > limit && !cursor->cut) {
        ranked_partition(&keys, ranked, n, limit);
        taken = limit;
    }
    ranked = ranked_sort(&keys, ranked, other, taken);
    size_t skipped = cursor->given && cursor->cut ? cut_skip(cursor, &keys, ranked, taken) : 0;
    ret_page->rows = ranked + skipped;
    ret_page->more = n - skipped > limit;
    ret_page->count = (uint32_t)(ret_page->more ? limit : n - skipped);
    return 0;
}
