/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h: extendible hashing on pages (Fagin et al., 1979), with a directory that splits as well.
 *
 *   roots (private memory)       directory pages            buckets
 *   top r bits of the hash  -->  the next 9 bits each  -->  one page each, see bucket.h
 *
 * Growing splits one bucket, now and then one directory page: never more than a few pages are
 * touched, and there is no rehash. `roots` is 1/512 of the directory, is rebuilt from the list of
 * directory pages, and so is not part of the image. A table of one bucket has no directory.
 *
 * A table knows entries only by their size and by a function that says an entry's hash (its upper
 * half suffices); what is equal is the caller's business. Buckets of equal hashes, beyond
 * TABLE_DEPTH_MAX bits, chain.
 *
 * Invariants
 *   T1  A bucket of depth b holds exactly the entries whose hashes begin with its b bits.
 *   T2  A directory page of depth d has b - d <= 9 for each of its buckets, and 2^(9-(b-d)) equal
 *       slots in a row for it.
 *   T3  Directory pages are linked in the order of their prefixes.
 *   T4  Entries move only in table_insert and table_remove; `moves` counts when they did, and after
 *       table_moves_begin the pages are remembered that they left.
 */
#ifndef SINK_TABLE_H
#define SINK_TABLE_H

#include "sink/bucket.h"
#include "sink/image.h"

#define TABLE_DIRECTORY_BITS  9u
#define TABLE_DIRECTORY_SLOTS (1u << TABLE_DIRECTORY_BITS)
#define TABLE_DEPTH_MAX       28u
/* Larger entries would make buckets so small that the directory outgrows them: they belong into
 * cells, with an index. */
#define TABLE_ENTRY_BYTES_MAX 256u

#define TABLE_MOVED_MAX 6u

/* In the image. */
struct table_head {
    uint32_t root; /* first directory page, or the only bucket; 0: nothing was ever inserted */
    uint32_t has_directory;
    uint64_t entries;
    uint32_t buckets;
    uint32_t directories;
};

struct table {
    struct image *image;
    struct table_head *head; /* in a page; written after page_touch */
    uint32_t owner;
    struct bucket_shape shape;
    uint64_t (*entry_hash)(const void *context, const void *entry);
    const void *context;
    uint32_t *roots; /* page | depth << 24; NULL: no directory */
    uint8_t root_bits;
    uint64_t moves; /* times that entries changed their place */
    uint32_t moved_count;
    uint32_t moved[TABLE_MOVED_MAX]; /* pages */
};

struct directory {
    struct page page; /* depth: bits of the prefix that lead here */
    uint32_t next;
    uint32_t reserved[11];
    uint32_t slots[TABLE_DIRECTORY_SLOTS];
};
_Static_assert(sizeof(struct directory) <= PAGE_BYTES, "directory");

#define TABLE_BUCKET_BYTES (PAGE_BYTES - (uint32_t)sizeof(struct page))

/* head stands in a page of the image, zeroed for a new table; else its content is taken over
 * (restore). */
void table_init(struct table *table, struct image *image, struct table_head *head, uint32_t owner,
                uint32_t entry_bytes, uint64_t (*entry_hash)(const void *, const void *),
                const void *context);
void table_done(struct table *table); /* private memory only */
/* All pages go back; the table is empty and usable. */
void table_clear(struct table *table);

static inline struct bucket *page_bucket(const void *page)
{
    return (struct bucket *)((char *)(uintptr_t)page + sizeof(struct page));
}

static inline uint32_t table_root(const struct table *table, uint64_t hash)
{
    return table->roots[hash >> (64 - table->root_bits)];
}

static inline const uint32_t *directory_slot(const struct table *table, uint32_t root,
                                             uint64_t hash)
{
    const struct directory *directory = page_read(table->image, root & 0xffffff);
    return &directory->slots[(hash << (root >> 24)) >> (64 - TABLE_DIRECTORY_BITS)];
}

/* The bucket's page; 0 in an empty table. */
static inline uint32_t table_bucket(const struct table *table, uint64_t hash)
{
    if (!table->roots)
        return table->head->root;
    return *directory_slot(table, table_root(table, hash), hash);
}

/*
 * Room for a new entry of that hash, writable, not initialised; the caller knows that no equal one
 * is there, and writes the whole entry before it calls anything else of the table (a split asks for
 * its hash). NULL: the image's range is used up.
 */
void *table_insert(struct table *table, uint64_t hash);
/* Takes out an entry found by reading. Entries of its bucket may move. */
void table_remove(struct table *table, uint64_t hash, const void *entry);

/* From here on, which entries found by reading may have moved. */
static inline void table_moves_begin(struct table *table)
{
    table->moved_count = 0;
}

static inline bool table_moved(const struct table *table, const void *inside)
{
    uint32_t no = page_number(table->image, inside);
    for (uint32_t i = 0; i < table->moved_count && i < TABLE_MOVED_MAX; i++)
        if (table->moved[i] == no)
            return true;
    return table->moved_count > TABLE_MOVED_MAX;
}

/* Pages that `entries` inserts need: exact to within what chance can do (store.md, Memory). */
uint64_t table_pages_for(const struct table *table, uint64_t entries);

/*
 * Buckets in the order of their prefixes: the page of the bucket that holds hash `from`, and in
 * ret_next the first hash behind it (0: that was the last one). 0: the table is empty. A chain
 * hangs on the page returned (bucket.next).
 */
uint32_t table_scan(const struct table *table, uint64_t from, uint64_t *ret_next);

/* For tests: T1 to T3 and all counts; ends the process when they do not hold. */
void table_verify(const struct table *table);

/*
 * Finds one; finds many: found[i] is the entry of hashes[i] that equal(context, i, entry) accepts,
 * on a page that may be written, or NULL. Prefetches directory, bucket, entry, a chunk of rows at a
 * time. To be inlined with a constant `equal`.
 */
#define TABLE_CHUNK 64u
/* Fetching ahead costs more than it saves where buckets, or the directory, stay in the cache. */
#define TABLE_BUCKETS_CACHED   64u
#define TABLE_DIRECTORY_CACHED 16384u /* buckets */

static inline const struct bucket *table_bucket_of(const struct table *table, uint64_t hash)
{
    return page_bucket(
        page_read(table->image, *directory_slot(table, table_root(table, hash), hash)));
}

static inline __attribute__((always_inline)) const void *
table_find_in(const struct table *table, const struct bucket *bucket, uint64_t hash,
              bool (*equal)(const void *context, uint32_t i, const void *entry),
              const void *context, uint32_t i)
{
    for (;;) {
        struct bucket_search search = bucket_search(bucket, table->shape, hash);
        for (int slot; (slot = bucket_next(bucket, table->shape, &search)) >= 0;) {
            const void *entry = bucket_entry(bucket, table->shape, (unsigned)slot);
            if (likely(equal(context, i, entry)))
                return entry;
        }
        if (likely(!bucket->next))
            return NULL;
        bucket = page_bucket(page_read(table->image, bucket->next));
    }
}

static inline __attribute__((always_inline)) const void *
table_find(const struct table *table, uint64_t hash,
           bool (*equal)(const void *context, uint32_t i, const void *entry), const void *context,
           uint32_t i)
{
    uint32_t no = table_bucket(table, hash);
    if (!no)
        return NULL;
    return table_find_in(table, page_bucket(page_read(table->image, no)), hash, equal, context, i);
}

/* The entry, ready to be written: which nearly every use of a found entry is for. */
static inline __attribute__((always_inline)) const void *
table_found(const struct table *table, const struct bucket *bucket, uint64_t hash,
            const void *guess, bool (*equal)(const void *context, uint32_t i, const void *entry),
            const void *context, uint32_t i)
{
    if (unlikely(!guess || !equal(context, i, guess))) {
        guess = table_find_in(table, bucket, hash, equal, context, i);
        if (!guess)
            return NULL;
    }
    page_touch(table->image, guess);
    return guess;
}

/* Few buckets under one directory page: all of it is in the cache. */
static inline __attribute__((always_inline)) void table_find_many_near(
    const struct table *table, const uint64_t *hashes, uint32_t count, const void **found,
    bool (*equal)(const void *context, uint32_t i, const void *entry), const void *context)
{
    const struct bucket_shape shape = table->shape;
    const char *base = table->image->base;
    const uint32_t *slots =
        ((const struct directory *)page_read(table->image, table->head->root))->slots;

    for (uint32_t i = 0; i < count; i++) {
        const char *page =
            base + (size_t)slots[hashes[i] >> (64 - TABLE_DIRECTORY_BITS)] * PAGE_BYTES;
        found[i] = bucket_guess(page_bucket(page), shape, hashes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *page =
            base + (size_t)slots[hashes[i] >> (64 - TABLE_DIRECTORY_BITS)] * PAGE_BYTES;
        found[i] = table_found(table, page_bucket(page), hashes[i], found[i], equal, context, i);
    }
}

static inline __attribute__((always_inline)) void table_find_many(
    const struct table *table, const uint64_t *hashes, uint32_t count, const void **found,
    bool (*equal)(const void *context, uint32_t i, const void *entry), const void *context)
{
    const struct bucket_shape shape = table->shape;
    const struct bucket *buckets[TABLE_CHUNK];

    if (!table->roots) {
        uint32_t no = table->head->root;
        for (uint32_t i = 0; i < count; i++)
            found[i] = no ? table_found(table, page_bucket(page_read(table->image, no)), hashes[i],
                                        NULL, equal, context, i)
                          : NULL;
        return;
    }
    if (table->head->buckets <= TABLE_BUCKETS_CACHED && table->head->directories == 1) {
        table_find_many_near(table, hashes, count, found, equal, context);
        return;
    }
    bool far = table->head->buckets > TABLE_DIRECTORY_CACHED;
    for (uint32_t from = 0; from < count; from += TABLE_CHUNK) {
        uint32_t n = count - from < TABLE_CHUNK ? count - from : TABLE_CHUNK;
        const uint64_t *h = hashes + from;
        const void **f = found + from;

        for (uint32_t i = 0; far && i < n; i++)
            __builtin_prefetch(directory_slot(table, table_root(table, h[i]), h[i]));
        for (uint32_t i = 0; i < n; i++) {
            buckets[i] = table_bucket_of(table, h[i]);
            const uint8_t *window = bucket_tags(buckets[i]) + bucket_home(h[i], shape);
            __builtin_prefetch(window);
            __builtin_prefetch(window + BUCKET_WINDOW - 1);
        }
        for (uint32_t i = 0; i < n; i++) {
            const char *guess = bucket_guess(buckets[i], shape, h[i]);
            f[i] = guess;
            __builtin_prefetch(guess, 1); /* of NULL: does nothing */
            __builtin_prefetch(guess + shape.entry_bytes - 1, 1);
        }
        for (uint32_t i = 0; i < n; i++)
            f[i] = table_found(table, buckets[i], h[i], f[i], equal, context, from + i);
    }
}

#endif
