/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/cells.h"

#include <string.h>

struct cells_page {
    struct page page; /* count: cells in use */
    uint32_t next;    /* among those with room; 0: last, or none of them */
    uint32_t previous;
    uint64_t used[]; /* bit by slot */
};

void cells_init(struct cells_head *head, uint32_t cell_bytes)
{
    cell_bytes = (cell_bytes + 7) & ~7u;
    CHECK(cell_bytes && cell_bytes <= CELL_BYTES_MAX);
    uint32_t room = PAGE_BYTES - (uint32_t)sizeof(struct cells_page);
    uint32_t per_page = room / cell_bytes;
    if (per_page > CELLS_SLOTS_MAX)
        per_page = CELLS_SLOTS_MAX;
    while (per_page * cell_bytes + (per_page + 63) / 64 * 8 > room)
        per_page--;
    CHECK(per_page);
    *head = (struct cells_head){
        .cell_bytes = cell_bytes,
        .per_page = (uint16_t)per_page,
        .first = (uint16_t)(sizeof(struct cells_page) + (per_page + 63) / 64 * 8),
    };
}

static void link_page(struct image *image, struct cells_head *head, uint32_t no,
                      struct cells_page *page)
{
    page->next = head->with_room;
    page->previous = 0;
    if (head->with_room)
        ((struct cells_page *)page_write(image, head->with_room))->previous = no;
    head->with_room = no;
}

static void unlink_page(struct image *image, struct cells_head *head, struct cells_page *page)
{
    if (page->next)
        ((struct cells_page *)page_write(image, page->next))->previous = page->previous;
    if (page->previous)
        ((struct cells_page *)page_write(image, page->previous))->next = page->next;
    else
        head->with_room = page->next;
    page->next = page->previous = 0;
}

uint32_t cell_alloc(struct image *image, struct cells_head *head, uint32_t owner)
{
    uint32_t no = head->with_room;
    struct cells_page *page;

    if (no) {
        page = page_write(image, no);
    } else {
        no = page_alloc(image, PAGE_CELLS, owner);
        if (!no)
            return 0;
        page = page_write(image, no);
        head->page_count++;
        link_page(image, head, no, page);
    }
    uint32_t word = 0;
    while (page->used[word] == UINT64_MAX)
        word++;
    uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(~page->used[word]);
    DEBUG_CHECK(slot < head->per_page);
    page->used[word] |= 1ULL << (slot & 63);
    page->page.count++;
    head->cell_count++;
    if (page->page.count == head->per_page)
        unlink_page(image, head, page);
    return no << 8 | slot;
}

bool cell_in_use(const struct image *image, const struct cells_head *head, uint32_t ref)
{
    uint32_t slot = ref & 255;
    if (!ref || cell_page(ref) >= image->page_count || slot >= head->per_page)
        return false;
    const struct cells_page *page = page_read(image, cell_page(ref));
    return page->page.kind == PAGE_CELLS && (page->used[slot >> 6] >> (slot & 63) & 1);
}

void cell_free(struct image *image, struct cells_head *head, uint32_t ref)
{
    uint32_t no = cell_page(ref), slot = ref & 255;
    struct cells_page *page = page_write(image, no);

    CHECK(page->page.kind == PAGE_CELLS && slot < head->per_page);
    CHECK(page->used[slot >> 6] >> (slot & 63) & 1);
    page->used[slot >> 6] &= ~(1ULL << (slot & 63));
    bool was_full = page->page.count == head->per_page;
    page->page.count--;
    head->cell_count--;
    if (page->page.count == 0) {
        if (!was_full)
            unlink_page(image, head, page);
        head->page_count--;
        page_free(image, no);
    } else if (was_full) {
        link_page(image, head, no, page);
    }
}
