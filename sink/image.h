/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h: the memory of one partition: pages in one reserved range of addresses.
 *
 * Everything in the image refers to everything else by page number (and slot), never by address, so
 * that the image can be written, read back and placed elsewhere as it is. A page begins with struct
 * page; its epoch says when it was last changed. Page 0 is the image's header (image_root.h).
 *
 * Invariants
 *   M1  A page is changed only through a pointer that page_write or page_alloc returned in the
 *       current epoch. These are the only functions that know of epochs and dirty pages.
 *   M2  A page is in use, or on the free list, or beyond page_count; never two of these.
 *   M3  budget->used_bytes counts every page that has memory behind it (free ones that were not
 * given back yet, and blocks had ahead, included), and what image_reserve holds. M4  An epoch ends
 * only between batches, under the partition's lock: pointers that page_write returned stay writable
 * until then, and pages never move.
 *
 * The worker writes; others read under the partition's lock.
 */
#ifndef SINK_IMAGE_H
#define SINK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "sink/partition.h"

#define PAGE_BYTES 4096u
/* A reference to a cell packs page and slot into 32 bits: 24 bits of page, that is 64 GiB for one
 * partition. */
#define IMAGE_PAGES_MAX (1u << 24)
/* Free pages kept for the next allocation before their memory goes back to the system. */
#define IMAGE_WARM_PAGES_MAX 256u

enum page_kind {
    PAGE_FREE = 0, /* memory given back reads as this */
    PAGE_IMAGE,    /* page 0 */
    PAGE_FREE_LIST,
    PAGE_ROOT,      /* the heads of one aggregate's or set's structures */
    PAGE_DIRECTORY, /* table.h */
    PAGE_BUCKET,
    PAGE_CELLS, /* cells.h */
    PAGE_CHAIN, /* heap.h */
};

struct page {
    uint8_t kind;   /* enum page_kind */
    uint8_t depth;  /* of directory pages and buckets: bits of the hash that they stand for */
    uint16_t count; /* entries or cells in use */
    uint32_t owner; /* number of the table; 0: the image */
    uint64_t epoch; /* of the last change */
};

struct image {
    char *base;
    uint64_t epoch;
    uint32_t page_max;       /* size of the range */
    uint32_t page_count;     /* 0 .. page_count were used at some time; mirrors page 0 */
    uint64_t resident_pages; /* with memory behind them */
    uint64_t reserved_pages; /* charged to the budget, not yet allocated */
    struct memory_budget *budget;
    uint64_t *dirty;       /* by page: changed in this epoch, as its header says as well */
    uint64_t *small_block; /* by block of 2 MiB: no huge page there any more */
    uint32_t *warm;        /* free pages that still have memory, in the order of the free list */
    uint32_t warm_count;
    bool sealing; /* see image_seal */

    /* Growing (image_ahead.h) */
    _Atomic uint8_t *blocks; /* by block of 2 MiB: enum block_state */
    bool asked_ahead;
    bool block_paid; /* the block that page_count is in */
};

/* Page 0, begun by image_init. The rest of the header is image_root.h's. */
struct image_head {
    struct page page;
    uint64_t magic;
    uint32_t format;
    uint32_t page_count;
    uint32_t free_list;  /* newest page of the free list, 0: empty */
    uint32_t free_count; /* pages on it, its own pages included */
};

/* Reserves the range. budget may be NULL: no limit. */
int image_init(struct image *image, struct memory_budget *budget, struct weir_error *error);
void image_done(struct image *image);

static inline const void *page_read(const struct image *image, uint32_t no)
{
    return image->base + (size_t)no * PAGE_BYTES;
}

void page_first_write(struct image *image, uint32_t no);

/* The only way to write access. Asks the bitmap, not the page: a bit for each page stays in the
 * cache when the pages' headers do not. */
static inline void *page_write(struct image *image, uint32_t no)
{
    if (unlikely(!(image->dirty[no >> 6] >> (no & 63) & 1)))
        page_first_write(image, no);
    return image->base + (size_t)no * PAGE_BYTES;
}

/* The page that an address found by reading lies in. */
static inline uint32_t page_number(const struct image *image, const void *inside)
{
    return (uint32_t)((size_t)((const char *)inside - image->base) / PAGE_BYTES);
}

/* Write access to it. */
static inline void page_touch(struct image *image, const void *inside)
{
    page_write(image, page_number(image, inside));
}

/* A page of zeros behind its header, 0 when the range is used up. Never refuses because of the
 * budget: what may be refused is asked for by image_reserve, before anything is changed. */
uint32_t page_alloc(struct image *image, enum page_kind kind, uint32_t owner);
void page_free(struct image *image, uint32_t no);

/* Charges the budget for pages to come; false if that would pass its limit, and nothing happened.
 */
bool image_reserve(struct image *image, uint64_t pages);
void image_unreserve(struct image *image); /* what is left of it */
/* Gives the memory of all free pages back to the system. */
void image_trim(struct image *image);

static inline uint64_t image_bytes(const struct image *image)
{
    return image->resident_pages * PAGE_BYTES;
}

/* For tests: ends the epoch and write-protects every page, so that a write that did not come
 * through page_write in the new epoch ends the process. */
void image_seal(struct image *image);
/* For tests: M2 and M3; ends the process when they do not hold. */
void image_verify(const struct image *image);

#endif
