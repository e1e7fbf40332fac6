/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/table.h"

#include "base/memory.h"

#define ROOT(no, depth) ((no) | (uint32_t)(depth) << 24)
/* Below an eighth full a bucket looks whether it and its buddy can be one. */
#define MERGE_BELOW(capacity) ((capacity) / 8)
#define MERGE_INTO(capacity)  ((capacity) / 2)

static struct table_head *head_write(struct table *table)
{
    page_touch(table->image, table->head);
    return table->head;
}

/* ---- directory ---- */

/* The first hash of a prefix of `depth` bits. */
static uint64_t prefix_of(uint64_t hash, unsigned depth)
{
    return depth ? hash >> (64 - depth) << (64 - depth) : 0;
}

static void roots_set(struct table *table, uint64_t hash, unsigned depth, uint32_t no)
{
    uint64_t first = prefix_of(hash, depth) >> (64 - table->root_bits);
    uint64_t count = 1ULL << (table->root_bits - depth);
    for (uint64_t i = 0; i < count; i++)
        table->roots[first + i] = ROOT(no, depth);
}

static void roots_double(struct table *table)
{
    uint32_t count = 1u << table->root_bits;
    uint32_t *roots = mem_array((size_t)count * 2, sizeof *roots);
    for (uint32_t i = 0; i < count; i++)
        roots[i * 2] = roots[i * 2 + 1] = table->roots[i];
    free(table->roots);
    table->roots = roots;
    table->root_bits++;
}

static void roots_add(struct table *table, uint64_t hash, unsigned depth, uint32_t no)
{
    if (!table->roots) {
        table->root_bits = 1;
        table->roots = mem_array(2, sizeof *table->roots);
    }
    while (table->root_bits < depth)
        roots_double(table);
    roots_set(table, hash, depth, no);
}

/* The hash that a directory page's place in the list stands for: prefixes follow one another. */
static void roots_rebuild(struct table *table)
{
    uint64_t hash = 0;
    for (uint32_t no = table->head->root; no;) {
        const struct directory *directory = page_read(table->image, no);
        unsigned depth = directory->page.depth;
        roots_add(table, hash, depth, no);
        hash += depth ? 1ULL << (64 - depth) : 0;
        no = directory->next;
    }
}

void table_init(struct table *table, struct image *image, struct table_head *head, uint32_t owner,
                uint32_t entry_bytes, uint64_t (*entry_hash)(const void *, const void *),
                const void *context)
{
    CHECK(entry_bytes % 4 == 0 && entry_bytes <= TABLE_ENTRY_BYTES_MAX);
    *table = (struct table){
        .image = image,
        .head = head,
        .owner = owner,
        .shape = bucket_shape_of(TABLE_BUCKET_BYTES, sizeof(struct page), entry_bytes),
        .entry_hash = entry_hash,
        .context = context,
    };
    if (head->has_directory)
        roots_rebuild(table);
}

void table_done(struct table *table)
{
    free(table->roots);
    table->roots = NULL;
    table->root_bits = 0;
}

static void free_chain(struct table *table, uint32_t no)
{
    while (no) {
        uint32_t next = page_bucket(page_read(table->image, no))->next;
        page_free(table->image, no);
        no = next;
    }
}

void table_clear(struct table *table)
{
    struct table_head *head = head_write(table);

    if (!head->has_directory) {
        free_chain(table, head->root);
    } else {
        for (uint32_t no = head->root; no;) {
            const struct directory *directory = page_read(table->image, no);
            uint32_t next = directory->next, last = 0;
            for (unsigned i = 0; i < TABLE_DIRECTORY_SLOTS; i++) {
                if (directory->slots[i] != last)
                    free_chain(table, directory->slots[i]);
                last = directory->slots[i];
            }
            page_free(table->image, no);
            no = next;
        }
    }
    *head = (struct table_head){0};
    table_done(table);
    table->moves++;
}

static uint32_t bucket_new(struct table *table, unsigned depth)
{
    uint32_t no = page_alloc(table->image, PAGE_BUCKET, table->owner);
    if (!no)
        return 0;
    struct page *page = page_write(table->image, no);
    page->depth = (uint8_t)depth;
    bucket_init(page_bucket(page), table->shape);
    head_write(table)->buckets++;
    return no;
}

static bool directory_begin(struct table *table)
{
    uint32_t no = page_alloc(table->image, PAGE_DIRECTORY, table->owner);
    if (!no)
        return false;
    struct directory *directory = page_write(table->image, no);
    struct table_head *head = head_write(table);
    for (unsigned i = 0; i < TABLE_DIRECTORY_SLOTS; i++)
        directory->slots[i] = head->root;
    head->root = no;
    head->has_directory = 1;
    head->directories = 1;
    roots_add(table, 0, 0, no);
    return true;
}

/* Two pages of depth d + 1 for one of depth d: the upper half of its slots goes to a new page. */
static bool directory_split(struct table *table, uint64_t hash)
{
    uint32_t root = table_root(table, hash);
    unsigned depth = root >> 24;
    uint32_t upper_no = page_alloc(table->image, PAGE_DIRECTORY, table->owner);
    if (!upper_no)
        return false;
    struct directory *lower = page_write(table->image, root & 0xffffff);
    struct directory *upper = page_write(table->image, upper_no);

    for (unsigned i = 0; i < TABLE_DIRECTORY_SLOTS; i++)
        upper->slots[i] = lower->slots[(TABLE_DIRECTORY_SLOTS + i) / 2];
    for (unsigned i = TABLE_DIRECTORY_SLOTS; i-- > 0;)
        lower->slots[i] = lower->slots[i / 2];
    lower->page.depth = upper->page.depth = (uint8_t)(depth + 1);
    upper->next = lower->next;
    lower->next = upper_no;
    head_write(table)->directories++;

    uint64_t first = prefix_of(hash, depth);
    roots_add(table, first, depth + 1, root & 0xffffff);
    roots_add(table, first | 1ULL << (63 - depth), depth + 1, upper_no);
    return true;
}

/* Slots of the prefix of `depth` bits that `hash` begins with. */
static void directory_set(struct table *table, uint64_t hash, unsigned depth, uint32_t bucket_no)
{
    uint64_t first = prefix_of(hash, depth);
    uint32_t root = table_root(table, first);
    unsigned span = TABLE_DIRECTORY_BITS - (depth - (root >> 24));
    struct directory *directory = page_write(table->image, root & 0xffffff);
    uint32_t *slot = &directory->slots[directory_slot(table, root, first) - directory->slots];

    for (unsigned i = 0; i < 1u << span; i++)
        slot[i] = bucket_no;
}

/* ---- splitting ---- */

static void note_move(struct table *table, uint32_t no)
{
    if (table->moved_count < TABLE_MOVED_MAX)
        table->moved[table->moved_count] = no;
    table->moved_count++;
    table->moves++;
}

static bool split(struct table *table, uint64_t hash, uint32_t no)
{
    unsigned depth = ((const struct page *)page_read(table->image, no))->depth;

    if (!table->roots && !directory_begin(table))
        return false;
    if (depth == (table_root(table, hash) >> 24) + TABLE_DIRECTORY_BITS &&
        !directory_split(table, hash))
        return false;
    uint32_t upper_no = bucket_new(table, depth + 1);
    if (!upper_no)
        return false;

    uint64_t old_space[PAGE_BYTES / 8];
    memcpy(old_space, page_read(table->image, no), PAGE_BYTES);
    const struct bucket *old = page_bucket(old_space);
    struct page *lower_page = page_write(table->image, no);
    struct bucket *lower = page_bucket(lower_page);
    struct bucket *upper = page_bucket(page_write(table->image, upper_no));

    lower_page->depth = (uint8_t)(depth + 1);
    bucket_init(lower, table->shape);
    for (unsigned i = 0; i < table->shape.capacity; i++) {
        uint8_t tag = bucket_tags(old)[i];
        if (!(tag & BUCKET_TAG))
            continue;
        const char *entry = bucket_entry(old, table->shape, i);
        uint64_t entry_hash = table->entry_hash(table->context, entry);
        struct bucket *to = entry_hash >> (63 - depth) & 1 ? upper : lower;
        unsigned slot = bucket_take(to, table->shape, entry_hash, tag);
        memcpy(bucket_entry(to, table->shape, slot), entry, table->shape.entry_bytes);
    }
    directory_set(table, hash | 1ULL << (63 - depth), depth + 1, upper_no);
    note_move(table, no);
    return true;
}

/* Beyond TABLE_DEPTH_MAX: the first page of the chain that has room, a new one at its end. */
static uint32_t chain_room(struct table *table, uint32_t no)
{
    for (;;) {
        const struct bucket *bucket = page_bucket(page_read(table->image, no));
        if (bucket->count < table->shape.capacity)
            return no;
        if (!bucket->next) {
            uint32_t fresh = bucket_new(table, TABLE_DEPTH_MAX);
            if (fresh)
                page_bucket(page_write(table->image, no))->next = fresh;
            return fresh;
        }
        no = bucket->next;
    }
}

void *table_insert(struct table *table, uint64_t hash)
{
    uint32_t no = table_bucket(table, hash);

    if (!no) {
        no = bucket_new(table, 0);
        if (!no)
            return NULL;
        head_write(table)->root = no;
    }
    for (;;) {
        const struct page *page = page_read(table->image, no);
        if (page_bucket(page)->count < table->shape.capacity)
            break;
        if (page->depth == TABLE_DEPTH_MAX) {
            no = chain_room(table, no);
            break;
        }
        if (!split(table, hash, no))
            return NULL;
        no = table_bucket(table, hash);
    }
    if (!no)
        return NULL;
    struct bucket *bucket = page_bucket(page_write(table->image, no));
    head_write(table)->entries++;
    return bucket_entry(bucket, table->shape,
                        bucket_take(bucket, table->shape, hash, bucket_tag(hash)));
}

uint64_t table_pages_for(const struct table *table, uint64_t entries)
{
    if (!entries)
        return 0;
    /* Each of the buckets can be near to a split; what is beyond that fills buckets to a half. */
    uint64_t at_once = table->head->buckets < entries ? table->head->buckets : entries;
    uint64_t pages = at_once + entries / (table->shape.capacity / 2 + 1) + 2;
    return pages + pages / 64 + 1;
}

/* ---- removing ---- */

static void merge_buddies(struct table *table, uint64_t hash)
{
    for (;;) {
        uint32_t no = table_bucket(table, hash);
        const struct page *page = page_read(table->image, no);
        unsigned depth = page->depth;
        if (!table->roots || depth == table_root(table, hash) >> 24)
            return; /* it has its directory page for itself */
        uint64_t bit = 1ULL << (64 - depth);
        uint32_t buddy_no = table_bucket(table, hash ^ bit);
        const struct page *buddy = page_read(table->image, buddy_no);
        const struct bucket *a = page_bucket(page), *b = page_bucket(buddy);
        if (buddy->depth != depth || a->next || b->next ||
            a->count + b->count > MERGE_INTO(table->shape.capacity))
            return;

        uint32_t keep_no = hash & bit ? buddy_no : no, drop_no = hash & bit ? no : buddy_no;
        uint64_t old_space[PAGE_BYTES / 8];
        memcpy(old_space, page_read(table->image, drop_no), PAGE_BYTES);
        const struct bucket *old = page_bucket(old_space);
        struct page *keep = page_write(table->image, keep_no);
        for (unsigned i = 0; i < table->shape.capacity; i++) {
            uint8_t tag = bucket_tags(old)[i];
            if (!(tag & BUCKET_TAG))
                continue;
            const char *entry = bucket_entry(old, table->shape, i);
            unsigned slot = bucket_take(page_bucket(keep), table->shape,
                                        table->entry_hash(table->context, entry), tag);
            memcpy(bucket_entry(page_bucket(keep), table->shape, slot), entry,
                   table->shape.entry_bytes);
        }
        keep->depth = (uint8_t)(depth - 1);
        directory_set(table, hash, depth - 1, keep_no);
        page_free(table->image, drop_no);
        head_write(table)->buckets--;
        note_move(table, drop_no);
    }
}

/* The page of a chain that is now empty is taken out of it. */
static void chain_shorten(struct table *table, uint32_t first, uint32_t empty)
{
    uint32_t no = first;
    while (page_bucket(page_read(table->image, no))->next != empty)
        no = page_bucket(page_read(table->image, no))->next;
    page_bucket(page_write(table->image, no))->next =
        page_bucket(page_read(table->image, empty))->next;
    page_free(table->image, empty);
    head_write(table)->buckets--;
}

void table_remove(struct table *table, uint64_t hash, const void *entry)
{
    uint32_t no = (uint32_t)((size_t)((const char *)entry - table->image->base) / PAGE_BYTES);
    struct bucket *bucket = page_bucket(page_write(table->image, no));
    size_t at = (size_t)((const char *)entry - bucket_entry(bucket, table->shape, 0));

    bucket_drop(bucket, table->shape, (unsigned)(at / table->shape.entry_bytes));
    if (--head_write(table)->entries == 0) {
        table_clear(table);
        return;
    }
    uint32_t first = table_bucket(table, hash);
    if (no != first) {
        if (bucket->count == 0)
            chain_shorten(table, first, no);
    } else if (bucket->count < MERGE_BELOW(table->shape.capacity) || bucket->count == 0) {
        merge_buddies(table, hash);
    }
}

/* ---- reading in order ---- */

uint32_t table_scan(const struct table *table, uint64_t from, uint64_t *ret_next)
{
    uint32_t no = table_bucket(table, from);
    unsigned depth = no ? ((const struct page *)page_read(table->image, no))->depth : 0;
    *ret_next = depth ? prefix_of(from, depth) + (1ULL << (64 - depth)) : 0;
    return no;
}

static uint64_t verify_bucket(const struct table *table, uint64_t first, uint32_t no)
{
    unsigned depth = ((const struct page *)page_read(table->image, no))->depth;
    uint64_t entries = 0;

    for (; no; no = page_bucket(page_read(table->image, no))->next) {
        const struct page *page = page_read(table->image, no);
        const struct bucket *bucket = page_bucket(page);
        unsigned count = 0;
        CHECK(page->kind == PAGE_BUCKET && page->owner == table->owner && page->depth == depth);
        for (unsigned i = 0; i < table->shape.capacity; i++) {
            if (!(bucket_tags(bucket)[i] & BUCKET_TAG))
                continue;
            uint64_t hash =
                table->entry_hash(table->context, bucket_entry(bucket, table->shape, i));
            CHECK(prefix_of(hash, depth) == first);
            count++;
        }
        CHECK(count == bucket->count);
        CHECK(!bucket->next || depth == TABLE_DEPTH_MAX);
        entries += count;
    }
    return entries;
}

void table_verify(const struct table *table)
{
    uint64_t entries = 0, hash = 0;
    uint32_t directories = 0;

    if (!table->head->root) {
        CHECK(table->head->entries == 0 && table->head->buckets == 0);
        return;
    }
    do {
        uint64_t next;
        uint32_t no = table_scan(table, hash, &next);
        entries += verify_bucket(table, hash, no);
        hash = next;
    } while (hash);
    CHECK(entries == table->head->entries);
    if (!table->head->has_directory)
        return;
    for (uint32_t no = table->head->root; no; directories++) {
        const struct directory *directory = page_read(table->image, no);
        unsigned depth = directory->page.depth;
        CHECK(directory->page.kind == PAGE_DIRECTORY);
        CHECK(table_root(table, hash) == ROOT(no, depth));
        for (unsigned i = 0; i < TABLE_DIRECTORY_SLOTS;) {
            uint32_t bucket_no = directory->slots[i];
            unsigned own = ((const struct page *)page_read(table->image, bucket_no))->depth;
            CHECK(own >= depth && own - depth <= TABLE_DIRECTORY_BITS);
            unsigned span = 1u << (TABLE_DIRECTORY_BITS - (own - depth));
            CHECK(i % span == 0);
            for (unsigned k = 0; k < span; k++)
                CHECK(directory->slots[i + k] == bucket_no);
            i += span;
        }
        hash += depth ? 1ULL << (64 - depth) : 0;
        no = directory->next;
    }
    CHECK(directories == table->head->directories);
}
