/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap.h: values of any length.
 *
 * A value lives in a cell of the smallest size class that holds it (classes are at most an eighth
 * apart above 64 bytes), so nothing ever has to be moved or compacted; one longer than a page in a
 * chain of pages. Its length is kept by whoever keeps the reference.
 */
#ifndef SINK_HEAP_H
#define SINK_HEAP_H

#include "sink/cells.h"

#define HEAP_CLASSES 32

struct heap_head {
    struct cells_head classes[HEAP_CLASSES];
    uint64_t value_count;
    uint64_t value_bytes;
    uint64_t chain_pages;
};

void heap_init(struct heap_head *heap);
/* 0: the image's range is used up, nothing was changed. */
uint32_t heap_put(struct image *image, struct heap_head *heap, uint32_t owner, const void *data,
                  uint32_t length);
void heap_free(struct image *image, struct heap_head *heap, uint32_t ref, uint32_t length);
void heap_copy(const struct image *image, const struct heap_head *heap, uint32_t ref,
               uint32_t length, void *out);
bool heap_equal(const struct image *image, const struct heap_head *heap, uint32_t ref,
                const void *data, uint32_t length);
/* As memcmp, then the shorter first. */
int heap_compare(const struct image *image, const struct heap_head *heap, uint32_t ref,
                 uint32_t length, const void *data, uint32_t data_length);
/* Pages that a value can need at most, when no page has room. */
uint64_t heap_pages_for(uint32_t length);

#endif
