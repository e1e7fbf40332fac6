/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table against a plain array, by random operations: keys are small numbers, the model is
 * indexed by them. Hashes are strong, weak (long equal prefixes, all equal) or the key itself, so
 * that directories grow deep and buckets chain. Now and then the image is sealed: from then on a
 * write that did not come through page_write ends the test.
 */
#include "tests/unit/test.h"

#include "base/hash.h"
#include "sink/index.h"
#include "sink/table.h"

#define KEYS 60000

struct entry {
    uint32_t key;
    uint32_t value;
    unsigned char rest[248];
};

enum hash_kind { HASH_STRONG, HASH_PREFIX, HASH_EQUAL };

struct fixture {
    struct image image;
    struct table table;
    uint32_t root;
    enum hash_kind kind;
    uint32_t entry_bytes;
    uint32_t *model; /* value + 1; 0: not there */
    uint64_t count;
};

static uint64_t hash_of(const struct fixture *f, uint32_t key)
{
    uint64_t hash = hash_u64(key, 42);
    if (f->kind == HASH_PREFIX) /* 2 of 4 keys share the first 20 bits */
        return key & 1 ? hash : hash >> 20 | 0xabcdeULL << 44;
    if (f->kind == HASH_EQUAL && key % 50 == 0)
        return 0x123456789abcdef0ULL;
    return hash;
}

static uint64_t entry_hash(const void *context, const void *entry)
{
    /* The lower half is not promised to be known. */
    return hash_of(context, ((const struct entry *)entry)->key) >> 32 << 32;
}

static bool equal(const void *context, uint32_t i, const void *entry)
{
    return ((const uint32_t *)context)[i] == ((const struct entry *)entry)->key;
}

static void begin(struct fixture *f, enum hash_kind kind, uint32_t entry_bytes)
{
    *f = (struct fixture){.kind = kind, .entry_bytes = entry_bytes};
    assert_int_equal(image_init(&f->image, NULL, NULL), 0);
    f->root = page_alloc(&f->image, PAGE_ROOT, 1);
    struct table_head *head =
        (struct table_head *)((char *)page_write(&f->image, f->root) + sizeof(struct page));
    table_init(&f->table, &f->image, head, 1, entry_bytes, entry_hash, f);
    f->model = calloc(KEYS, sizeof *f->model);
}

static void end(struct fixture *f)
{
    table_clear(&f->table);
    table_done(&f->table);
    image_trim(&f->image);
    image_verify(&f->image);
    assert_true(f->image.resident_pages <= 10);
    image_done(&f->image);
    free(f->model);
}

static const struct entry *find(const struct fixture *f, uint32_t key)
{
    return table_find(&f->table, hash_of(f, key), equal, &key, 0);
}

static void upsert(struct fixture *f, uint32_t key, uint32_t value)
{
    const struct entry *there = find(f, key);
    struct entry *entry = (struct entry *)(uintptr_t)there;

    assert_int_equal(there != NULL, f->model[key] != 0);
    if (there) {
        page_touch(&f->image, there);
    } else {
        entry = table_insert(&f->table, hash_of(f, key));
        assert_non_null(entry);
        entry->key = key;
        memset(entry->rest, (int)(key % 255), f->entry_bytes - 8);
        f->count++;
    }
    entry->value = value;
    f->model[key] = value + 1;
}

static void check_entry(const struct fixture *f, const struct entry *entry, uint32_t key)
{
    assert_int_equal(entry->value + 1, f->model[key]);
    for (uint32_t i = 0; i < f->entry_bytes - 8; i++)
        assert_int_equal(entry->rest[i], key % 255);
}

static void check_all(const struct fixture *f)
{
    uint32_t *keys = calloc(KEYS, sizeof *keys);
    uint64_t *hashes = calloc(KEYS, sizeof *hashes);
    const void **found = calloc(KEYS, sizeof *found);

    table_verify(&f->table);
    assert_int_equal(f->table.head->entries, f->count);
    for (uint32_t key = 0; key < KEYS; key++) {
        keys[key] = key;
        hashes[key] = hash_of(f, key);
    }
    table_find_many(&f->table, hashes, KEYS, found, equal, keys);
    for (uint32_t key = 0; key < KEYS; key++) {
        assert_int_equal(found[key] != NULL, f->model[key] != 0);
        if (found[key])
            check_entry(f, found[key], key);
    }
    free(keys);
    free(hashes);
    free(found);
}

/* What happens to the head when the image is opened again: only private memory is lost. */
static void reopen(struct fixture *f)
{
    struct table_head *head = f->table.head;
    table_done(&f->table);
    table_init(&f->table, &f->image, head, 1, f->entry_bytes, entry_hash, f);
}

static void random_use(enum hash_kind kind, uint32_t entry_bytes, int steps)
{
    struct test_random random = random_begin();
    struct fixture f;
    uint32_t keys = 1 + (uint32_t)random_below(&random, KEYS);

    begin(&f, kind, entry_bytes);
    for (int step = 0; step < steps; step++) {
        uint32_t key = (uint32_t)random_below(&random, keys);
        /* Long phases of growing and of shrinking. */
        bool growing = step / (steps / 4) % 2 == 0;
        if (random_below(&random, 10) < (growing ? 8 : 2)) {
            upsert(&f, key, (uint32_t)random_u64(&random) >> 1);
        } else {
            const struct entry *entry = find(&f, key);
            assert_int_equal(entry != NULL, f.model[key] != 0);
            if (entry) {
                check_entry(&f, entry, key);
                table_remove(&f.table, hash_of(&f, key), entry);
                f.model[key] = 0;
                f.count--;
            }
        }
        if (step % (steps / 7) == 0) {
            check_all(&f);
            image_seal(&f.image);
        }
        if (step % (steps / 5) == 0)
            reopen(&f);
    }
    check_all(&f);
    image_verify(&f.image);
    end(&f);
}

static void test_random_strong(void **state)
{
    (void)state;
    random_use(HASH_STRONG, 16, 300000);
    random_use(HASH_STRONG, 256, 100000);
    random_use(HASH_STRONG, 8, 300000);
}

static void test_random_prefix(void **state)
{
    (void)state;
    random_use(HASH_PREFIX, 64, 200000);
}

static void test_random_equal(void **state)
{
    (void)state;
    random_use(HASH_EQUAL, 48, 150000);
}

/* A table that loses what it had gives its pages back on the way, not only at the end. */
static void test_shrinking_gives_pages_back(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HASH_STRONG, 64);
    for (uint32_t key = 0; key < KEYS; key++)
        upsert(&f, key, key);
    uint32_t grown = f.table.head->buckets;
    for (uint32_t key = 0; key < KEYS; key++) {
        if (key % 100 == 0)
            continue;
        table_remove(&f.table, hash_of(&f, key), find(&f, key));
        f.model[key] = 0;
        f.count--;
    }
    check_all(&f);
    assert_true(f.table.head->buckets * 20 < grown);
    end(&f);
}

/* A cursor taken before splits and merges neither repeats nor skips what stood still. */
static void test_scan_survives_splits(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct fixture f;
    begin(&f, HASH_STRONG, 32);
    uint32_t still = KEYS / 4; /* keys below stand still */
    for (uint32_t key = 0; key < still; key++)
        upsert(&f, key, 1);

    for (int round = 0; round < 4; round++) {
        unsigned char *seen = calloc(KEYS, 1);
        uint64_t from = 0;
        do {
            uint64_t next;
            uint32_t no = table_scan(&f.table, from, &next);
            const struct bucket *bucket = page_bucket(page_read(&f.image, no));
            for (unsigned i = 0; i < f.table.shape.capacity; i++) {
                if (!(bucket_tags(bucket)[i] & BUCKET_TAG))
                    continue;
                const struct entry *e = (const void *)bucket_entry(bucket, f.table.shape, i);
                if (hash_of(&f, e->key) >= from)
                    seen[e->key]++;
            }
            from = next;
            for (int i = 0; i < 200; i++) {
                uint32_t key = still + (uint32_t)random_below(&random, KEYS - still);
                bool add = round % 2 == 0;
                if (add && !f.model[key]) {
                    upsert(&f, key, 1);
                } else if (!add && f.model[key]) {
                    table_remove(&f.table, hash_of(&f, key), find(&f, key));
                    f.model[key] = 0;
                    f.count--;
                }
            }
        } while (from);
        for (uint32_t key = 0; key < still; key++)
            assert_int_equal(seen[key], 1);
        free(seen);
    }
    check_all(&f);
    end(&f);
}

/* store.md: growth touches a few pages, never more. */
static void test_an_insert_touches_few_pages(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t worst = 0;
    begin(&f, HASH_STRONG, 8);
    for (uint32_t key = 0; key < KEYS; key++) {
        uint32_t pages = f.image.page_count;
        uint64_t needed = table_pages_for(&f.table, 1);
        upsert(&f, key, key);
        uint64_t used = f.image.page_count - pages;
        worst = used > worst ? used : worst;
        assert_true(used <= needed);
    }
    assert_in_range(worst, 2, 4);
    end(&f);
}

/* An index: rows in cells, found through hashes alone. */
struct row {
    uint64_t key;
};

static bool row_equal(const void *context, uint32_t i, const void *row)
{
    return ((const uint64_t *)context)[i] == ((const struct row *)row)->key;
}

static void test_index(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct image image;
    enum { ROWS = 100000 };
    uint64_t *keys = calloc(2 * ROWS, sizeof *keys), *hashes = calloc(2 * ROWS, sizeof *hashes);
    uint32_t *refs = calloc(ROWS, sizeof *refs), *found = calloc(2 * ROWS, sizeof *found);

    assert_int_equal(image_init(&image, NULL, NULL), 0);
    char *root = (char *)page_write(&image, page_alloc(&image, PAGE_ROOT, 1)) + 64;
    struct cells_head *rows = (struct cells_head *)(root + 64);
    struct table index;
    cells_init(rows, sizeof(struct row));
    index_init(&index, &image, (struct table_head *)root, 1);
    for (uint32_t i = 0; i < 2 * ROWS; i++) {
        keys[i] = random_u64(&random);
        hashes[i] = hash_u64(keys[i], 5);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        refs[i] = cell_alloc(&image, rows, 1);
        ((struct row *)cell_write(&image, rows, refs[i]))->key = keys[i];
        assert_true(index_insert(&index, hashes[i], refs[i]));
    }
    table_verify(&index);
    index_find_many(&index, rows, hashes, 2 * ROWS, found, row_equal, keys);
    for (uint32_t i = 0; i < 2 * ROWS; i++)
        assert_int_equal(found[i], i < ROWS ? refs[i] : 0);
    /* A bucket's free part is what the promise of 1.5 x of a 64-byte record rests on. */
    uint64_t bytes = (uint64_t)index.head->buckets * PAGE_BYTES;
    assert_true(bytes / ROWS <= 16);
    table_clear(&index);
    table_done(&index);
    image_done(&image);
    free(keys);
    free(hashes);
    free(refs);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_strong),
        cmocka_unit_test(test_random_prefix),
        cmocka_unit_test(test_random_equal),
        cmocka_unit_test(test_shrinking_gives_pages_back),
        cmocka_unit_test(test_scan_survives_splits),
        cmocka_unit_test(test_an_insert_touches_few_pages),
        cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
