/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells.h: cells of one size in pages, for whatever must not move: rows, long values, small tables.
 *
 * A cell is named by a reference of 32 bits: page << 8 | slot; 0 is none. Pages with room are
 * linked (newest first); a page that becomes empty is freed at once. The head stands in a page of
 * the owner's and is passed writable by whoever changes something.
 */
#ifndef SINK_CELLS_H
#define SINK_CELLS_H

#include "sink/image.h"

#define CELLS_SLOTS_MAX 255u /* slot 255 is the heap's */
#define CELL_BYTES_MAX  4064u

struct cells_head {
    uint32_t cell_bytes;
    uint16_t per_page;
    uint16_t first;     /* where cells begin in a page */
    uint32_t with_room; /* first page of the list */
    uint32_t page_count;
    uint64_t cell_count;
};

/* cell_bytes is rounded up to 8. */
void cells_init(struct cells_head *head, uint32_t cell_bytes);

static inline uint32_t cell_page(uint32_t ref)
{
    return ref >> 8;
}

static inline const void *cell_read(const struct image *image, const struct cells_head *head,
                                    uint32_t ref)
{
    return (const char *)page_read(image, ref >> 8) + head->first +
           (size_t)(ref & 255) * head->cell_bytes;
}

static inline void *cell_write(struct image *image, const struct cells_head *head, uint32_t ref)
{
    return (char *)page_write(image, ref >> 8) + head->first +
           (size_t)(ref & 255) * head->cell_bytes;
}

/* Contents are what the last user left. 0: the image's range is used up. */
uint32_t cell_alloc(struct image *image, struct cells_head *head, uint32_t owner);
void cell_free(struct image *image, struct cells_head *head, uint32_t ref);
bool cell_in_use(const struct image *image, const struct cells_head *head, uint32_t ref);

/* Pages that `cells` new cells need at most. */
static inline uint64_t cells_pages_for(const struct cells_head *head, uint64_t cells)
{
    return (cells + head->per_page - 1) / head->per_page;
}

#endif
