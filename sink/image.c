/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/image.h"

#include <sys/mman.h>

#include "base/error.h"
#include "base/memory.h"
#include "sink/image_ahead.h"

#define IMAGE_MAGIC  0x316567616d697277ULL
#define IMAGE_FORMAT 1u
/* Blocks to have ahead: a sixteenth of the image, within these. */
#define AHEAD_BLOCKS_MIN 1u
#define AHEAD_BLOCKS_MAX 8u
/* Given back at a time while a batch runs: about 1 us a page. */
#define TRIM_PAGES_AT_ONCE 64u

/*
 * The free list is a chain of pages that hold the numbers of other free pages. Pages are taken in
 * the reverse order of their being freed, so the ones that still have memory (`warm`) are always
 * the ones taken next.
 */
#define FREE_LIST_NUMBERS ((PAGE_BYTES - sizeof(struct page) - 8) / 4)
struct free_list_page {
    struct page page;
    uint32_t next;
    uint32_t count;
    uint32_t numbers[FREE_LIST_NUMBERS];
};
_Static_assert(sizeof(struct free_list_page) <= PAGE_BYTES, "free_list_page");

static struct image_head *head_write(struct image *image)
{
    return page_write(image, 0);
}

static const struct image_head *head_read(const struct image *image)
{
    return page_read(image, 0);
}

static void charge(struct image *image)
{
    image->resident_pages++;
    if (image->reserved_pages)
        image->reserved_pages--;
    else if (image->budget)
        atomic_fetch_add_explicit(&image->budget->used_bytes, PAGE_BYTES, memory_order_relaxed);
}

static void uncharge(struct image *image, uint64_t pages)
{
    if (image->budget)
        atomic_fetch_sub_explicit(&image->budget->used_bytes, pages * PAGE_BYTES,
                                  memory_order_relaxed);
}

/* Pages of the block that is being used up which were paid for with it. */
static uint64_t paid_ahead(const struct image *image)
{
    uint32_t used = image->page_count % BLOCK_PAGES;
    return image->block_paid && used ? BLOCK_PAGES - used : 0;
}

static uint32_t range_pages(const struct memory_budget *budget)
{
    if (!budget || !budget->limit_bytes)
        return IMAGE_PAGES_MAX;
    /* A batch may pass the limit by what its estimate was short of, never by this much. */
    uint64_t pages =
        (budget->limit_bytes + budget->limit_bytes / 4 + ((uint64_t)64 << 20)) / PAGE_BYTES;
    return pages < IMAGE_PAGES_MAX ? (uint32_t)pages : IMAGE_PAGES_MAX;
}

int image_init(struct image *image, struct memory_budget *budget, struct weir_error *error)
{
    uint32_t page_max = range_pages(budget);
    size_t bytes = (size_t)page_max * PAGE_BYTES;

    /* Aligned to huge pages: reserve more, cut what stands over. */
    char *raw = mmap(NULL, bytes + BLOCK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return error_set_errno(
            error, WEIR_E_NOMEM,
            "cannot reserve %zu MiB of addresses for a partition; lower --memory "
            "or raise the limit of address space (ulimit -v)",
            bytes >> 20);
    size_t ahead = (size_t)(-(uintptr_t)raw & (BLOCK_BYTES - 1));
    if (ahead)
        munmap(raw, ahead);
    if (BLOCK_BYTES - ahead)
        munmap(raw + ahead + bytes, BLOCK_BYTES - ahead);

    *image = (struct image){
        .base = raw + ahead,
        .epoch = 1,
        .page_max = page_max,
        .budget = budget,
        .dirty = mmap(NULL, page_max / 8 + 8, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        .small_block = mem_array(page_max / BLOCK_PAGES / 64 + 1, sizeof(uint64_t)),
        .warm = mem_array(IMAGE_WARM_PAGES_MAX, sizeof(uint32_t)),
        .blocks = mem_array(page_max / BLOCK_PAGES + 1, sizeof(uint8_t)),
    };
    if (image->dirty == MAP_FAILED) {
        image->dirty = NULL;
        image_done(image);
        return error_set_errno(error, WEIR_E_NOMEM, "cannot reserve addresses for a partition");
    }
    image->page_count = 1;
    charge(image);
    struct image_head *head = head_write(image);
    head->page.kind = PAGE_IMAGE;
    head->magic = IMAGE_MAGIC;
    head->format = IMAGE_FORMAT;
    head->page_count = 1;
    return 0;
}

void image_done(struct image *image)
{
    if (!image->base)
        return;
    image_ahead_forget(image);
    image_unreserve(image);
    uncharge(image, image->resident_pages + paid_ahead(image));
    munmap(image->base, (size_t)image->page_max * PAGE_BYTES);
    if (image->dirty)
        munmap(image->dirty, image->page_max / 8 + 8);
    free(image->small_block);
    free(image->warm);
    free((void *)image->blocks);
    *image = (struct image){0};
}

__attribute__((noinline)) void page_first_write(struct image *image, uint32_t no)
{
    struct page *page = (struct page *)(image->base + (size_t)no * PAGE_BYTES);

    if (image->sealing)
        CHECK(mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE) == 0);
    page->epoch = image->epoch;
    image->dirty[no >> 6] |= 1ULL << (no & 63);
}

/* ---- allocation ---- */

static void enter_block(struct image *image, uint32_t block)
{
    uint32_t ahead = block / 16;
    ahead = ahead < AHEAD_BLOCKS_MIN ? AHEAD_BLOCKS_MIN : ahead;
    ahead = ahead > AHEAD_BLOCKS_MAX ? AHEAD_BLOCKS_MAX : ahead;

    image->block_paid = image_ahead_claim(image, block);
    for (uint32_t i = 1; i <= ahead && !image->sealing; i++)
        image_ahead_ask(image, block + i);
}

static uint32_t page_from_end(struct image *image)
{
    if (image->page_count == image->page_max)
        return 0;
    uint32_t no = image->page_count;
    if (no % BLOCK_PAGES == 0)
        enter_block(image, no / BLOCK_PAGES);
    image->page_count = no + 1;
    head_write(image)->page_count = no + 1;
    if (image->block_paid)
        image->resident_pages++;
    else
        charge(image);
    return no;
}

static uint32_t page_from_free_list(struct image *image)
{
    struct image_head *head = head_write(image);
    uint32_t list_no = head->free_list;
    const struct free_list_page *list = page_read(image, list_no);
    uint32_t no;

    if (list->count) {
        struct free_list_page *writable = page_write(image, list_no);
        no = writable->numbers[--writable->count];
    } else {
        no = list_no;
        head->free_list = list->next;
    }
    head->free_count--;
    if (image->warm_count && image->warm[image->warm_count - 1] == no) {
        image->warm_count--;
        memset((char *)page_write(image, no) + sizeof(struct page), 0,
               PAGE_BYTES - sizeof(struct page));
    } else if (no == list_no) {
        /* A page of the list itself always has memory. */
        memset((char *)page_write(image, no) + sizeof(struct page), 0,
               PAGE_BYTES - sizeof(struct page));
    } else {
        charge(image);
    }
    return no;
}

uint32_t page_alloc(struct image *image, enum page_kind kind, uint32_t owner)
{
    uint32_t no = head_read(image)->free_list ? page_from_free_list(image) : page_from_end(image);
    if (!no)
        return 0;
    struct page *page = page_write(image, no);
    DEBUG_CHECK(page->kind == PAGE_FREE || page->kind == PAGE_FREE_LIST);
    page->kind = (uint8_t)kind;
    page->depth = 0;
    page->count = 0;
    page->owner = owner;
    return no;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* A block that lost pages must not be made huge again by the kernel: they would come back. */
static void keep_block_small(struct image *image, uint32_t no)
{
    uint32_t block = no / BLOCK_PAGES;
    if (block < HUGE_FIRST_BLOCK || (image->small_block[block >> 6] >> (block & 63) & 1))
        return;
    image->small_block[block >> 6] |= 1ULL << (block & 63);
    size_t left = (size_t)(image->page_max - block * BLOCK_PAGES) * PAGE_BYTES;
    (void)madvise(image->base + (size_t)block * BLOCK_BYTES,
                  left < BLOCK_BYTES ? left : BLOCK_BYTES, MADV_NOHUGEPAGE);
}

static void give_back(struct image *image, uint32_t count)
{
    uint32_t *numbers = image->warm;

    qsort(numbers, count, sizeof *numbers, by_number);
    for (uint32_t i = 0; i < count;) {
        uint32_t run = 1;
        while (i + run < count && numbers[i + run] == numbers[i] + run)
            run++;
        for (uint32_t k = 0; k < run; k++) {
            keep_block_small(image, numbers[i + k]);
            page_write(image, numbers[i + k]); /* dirty, and writable when sealed */
        }
        CHECK(madvise(image->base + (size_t)numbers[i] * PAGE_BYTES, (size_t)run * PAGE_BYTES,
                      MADV_DONTNEED) == 0);
        i += run;
    }
    image->warm_count -= count;
    memmove(numbers, numbers + count, image->warm_count * sizeof *numbers);
    image->resident_pages -= count;
    uncharge(image, count);
}

void page_free(struct image *image, uint32_t no)
{
    CHECK(no && no < image->page_count);
    struct page *page = page_write(image, no);
    struct image_head *head = head_write(image);
    CHECK(page->kind != PAGE_FREE && page->kind != PAGE_FREE_LIST);

    page->kind = PAGE_FREE;
    page->depth = 0;
    page->count = 0;
    page->owner = 0;
    head->free_count++;
    uint32_t list_no = head->free_list;
    const struct free_list_page *list = list_no ? page_read(image, list_no) : NULL;
    if (!list || list->count == FREE_LIST_NUMBERS) {
        struct free_list_page *fresh = (struct free_list_page *)page;
        fresh->page.kind = PAGE_FREE_LIST;
        fresh->next = list_no;
        fresh->count = 0;
        head->free_list = no;
        return;
    }
    struct free_list_page *writable = page_write(image, list_no);
    writable->numbers[writable->count++] = no;
    if (image->warm_count == IMAGE_WARM_PAGES_MAX)
        give_back(image, TRIM_PAGES_AT_ONCE);
    image->warm[image->warm_count++] = no;
}

/* An image with a block's worth of free pages is not growing: what was had ahead goes back. */
static void give_back_ahead(struct image *image)
{
    uint32_t block = image->page_count / BLOCK_PAGES;
    uint64_t paid = paid_ahead(image);

    if (paid) {
        CHECK(madvise(image->base + (size_t)image->page_count * PAGE_BYTES, paid * PAGE_BYTES,
                      MADV_DONTNEED) == 0);
        uncharge(image, paid);
    }
    image->block_paid = false;
    for (uint32_t i = 0; i <= AHEAD_BLOCKS_MAX; i++) {
        if ((block + i + 1) * BLOCK_PAGES > image->page_max || !image_ahead_claim(image, block + i))
            continue;
        CHECK(madvise(image->base + (block + i) * BLOCK_BYTES, BLOCK_BYTES, MADV_DONTNEED) == 0);
        uncharge(image, BLOCK_PAGES);
    }
}

void image_trim(struct image *image)
{
    if (image->warm_count)
        give_back(image, image->warm_count);
    if (image->asked_ahead && head_read(image)->free_count >= BLOCK_PAGES)
        give_back_ahead(image);
}

bool image_reserve(struct image *image, uint64_t pages)
{
    if (image->page_max - image->page_count + head_read(image)->free_count < pages)
        return false;
    if (!image->budget || pages <= image->warm_count)
        return true;
    uint64_t wanted = (pages - image->warm_count) * PAGE_BYTES;
    uint64_t used = atomic_load_explicit(&image->budget->used_bytes, memory_order_relaxed);
    do {
        if (image->budget->limit_bytes && used + wanted > image->budget->limit_bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&image->budget->used_bytes, &used,
                                                    used + wanted, memory_order_relaxed,
                                                    memory_order_relaxed));
    image->reserved_pages += wanted / PAGE_BYTES;
    return true;
}

void image_unreserve(struct image *image)
{
    if (image->reserved_pages && image->budget)
        atomic_fetch_sub_explicit(&image->budget->used_bytes, image->reserved_pages * PAGE_BYTES,
                                  memory_order_relaxed);
    image->reserved_pages = 0;
}

/* ---- checks ---- */

void image_seal(struct image *image)
{
    image->sealing = true;
    image->epoch++;
    memset(image->dirty, 0, image->page_count / 8 + 8);
    CHECK(mprotect(image->base, (size_t)image->page_count * PAGE_BYTES, PROT_READ) == 0);
}

void image_verify(const struct image *image)
{
    const struct image_head *head = head_read(image);
    uint64_t *seen = mem_array(image->page_count / 64 + 1, sizeof *seen);
    uint32_t free_pages = 0, list_pages = 0;

    CHECK(head->page_count == image->page_count);
    for (uint32_t no = head->free_list; no;) {
        const struct free_list_page *list = page_read(image, no);
        CHECK(list->page.kind == PAGE_FREE_LIST);
        list_pages++;
        free_pages++;
        for (uint32_t i = 0; i < list->count; i++) {
            uint32_t leaf = list->numbers[i];
            CHECK(leaf && leaf < image->page_count);
            CHECK(((const struct page *)page_read(image, leaf))->kind == PAGE_FREE);
            CHECK(!(seen[leaf >> 6] >> (leaf & 63) & 1));
            seen[leaf >> 6] |= 1ULL << (leaf & 63);
            free_pages++;
        }
        no = list->next;
    }
    CHECK(free_pages == head->free_count);
    uint32_t unused = 0;
    for (uint32_t no = 0; no < image->page_count; no++) {
        uint8_t kind = ((const struct page *)page_read(image, no))->kind;
        unused += kind == PAGE_FREE || kind == PAGE_FREE_LIST;
    }
    CHECK(unused == free_pages);
    CHECK(image->resident_pages == image->page_count - free_pages + list_pages + image->warm_count);
    free(seen);
}
