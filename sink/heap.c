/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/heap.h"

#include <string.h>

/* Steps of 8, then of an eighth; from 224 on as many to a page as there is room for: 18 .. 1. */
static const uint16_t class_bytes[HEAP_CLASSES] = {
    16,  24,  32,  40,  48,  56,  64,  72,  80,  96,  112, 128, 144,  160,  176,  192,
    224, 256, 288, 312, 336, 368, 400, 448, 504, 576, 672, 808, 1016, 1352, 2032, CELL_BYTES_MAX,
};
#define CHAIN_SLOT 255u

struct chain_page {
    struct page page;
    uint32_t next;
    uint32_t reserved;
    char data[PAGE_BYTES - sizeof(struct page) - 8];
};
_Static_assert(sizeof(struct chain_page) == PAGE_BYTES, "chain_page");
#define CHAIN_BYTES ((uint32_t)sizeof(((struct chain_page *)0)->data))

void heap_init(struct heap_head *heap)
{
    *heap = (struct heap_head){0};
    for (int i = 0; i < HEAP_CLASSES; i++)
        cells_init(&heap->classes[i], class_bytes[i]);
}

static unsigned class_of(uint32_t length)
{
    unsigned low = 0, high = HEAP_CLASSES - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (class_bytes[middle] >= length)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool is_chain(uint32_t ref)
{
    return (ref & 255) == CHAIN_SLOT;
}

static void chain_free(struct image *image, struct heap_head *heap, uint32_t no)
{
    while (no) {
        uint32_t next = ((const struct chain_page *)page_read(image, no))->next;
        page_free(image, no);
        heap->chain_pages--;
        no = next;
    }
}

/* From the end, so that each page is complete when it is linked. */
static uint32_t chain_put(struct image *image, struct heap_head *heap, uint32_t owner,
                          const char *data, uint32_t length)
{
    uint32_t next = 0;
    uint32_t pieces = (length + CHAIN_BYTES - 1) / CHAIN_BYTES;

    for (uint32_t i = pieces; i-- > 0;) {
        uint32_t no = page_alloc(image, PAGE_CHAIN, owner);
        if (!no) {
            chain_free(image, heap, next);
            return 0;
        }
        struct chain_page *page = page_write(image, no);
        uint32_t at = i * CHAIN_BYTES;
        memcpy(page->data, data + at, length - at < CHAIN_BYTES ? length - at : CHAIN_BYTES);
        page->next = next;
        heap->chain_pages++;
        next = no;
    }
    return next << 8 | CHAIN_SLOT;
}

uint32_t heap_put(struct image *image, struct heap_head *heap, uint32_t owner, const void *data,
                  uint32_t length)
{
    uint32_t ref;

    if (length > CELL_BYTES_MAX) {
        ref = chain_put(image, heap, owner, data, length);
    } else {
        struct cells_head *class = &heap->classes[class_of(length)];
        ref = cell_alloc(image, class, owner);
        if (ref)
            memcpy(cell_write(image, class, ref), data, length);
    }
    if (ref) {
        heap->value_count++;
        heap->value_bytes += length;
    }
    return ref;
}

void heap_free(struct image *image, struct heap_head *heap, uint32_t ref, uint32_t length)
{
    if (is_chain(ref))
        chain_free(image, heap, cell_page(ref));
    else
        cell_free(image, &heap->classes[class_of(length)], ref);
    heap->value_count--;
    heap->value_bytes -= length;
}

static const void *cell_of(const struct image *image, const struct heap_head *heap, uint32_t ref,
                           uint32_t length)
{
    return cell_read(image, &heap->classes[class_of(length)], ref);
}

void heap_copy(const struct image *image, const struct heap_head *heap, uint32_t ref,
               uint32_t length, void *out)
{
    if (!is_chain(ref)) {
        memcpy(out, cell_of(image, heap, ref, length), length);
        return;
    }
    char *to = out;
    for (uint32_t no = cell_page(ref); no;
         no = ((const struct chain_page *)page_read(image, no))->next) {
        uint32_t piece = length < CHAIN_BYTES ? length : CHAIN_BYTES;
        memcpy(to, ((const struct chain_page *)page_read(image, no))->data, piece);
        to += piece;
        length -= piece;
    }
}

int heap_compare(const struct image *image, const struct heap_head *heap, uint32_t ref,
                 uint32_t length, const void *data, uint32_t data_length)
{
    uint32_t common = length < data_length ? length : data_length;
    int order = 0;

    if (!is_chain(ref)) {
        order = memcmp(cell_of(image, heap, ref, length), data, common);
    } else {
        const char *with = data;
        uint32_t left = common;
        for (uint32_t no = cell_page(ref); no && left && !order;) {
            const struct chain_page *page = page_read(image, no);
            uint32_t piece = left < CHAIN_BYTES ? left : CHAIN_BYTES;
            order = memcmp(page->data, with, piece);
            with += piece;
            left -= piece;
            no = page->next;
        }
    }
    return order ? order : (length > data_length) - (length < data_length);
}

bool heap_equal(const struct image *image, const struct heap_head *heap, uint32_t ref,
                const void *data, uint32_t length)
{
    return heap_compare(image, heap, ref, length, data, length) == 0;
}

uint64_t heap_pages_for(uint32_t length)
{
    return length > CELL_BYTES_MAX ? (length + CHAIN_BYTES - 1) / CHAIN_BYTES : 1;
}
