/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_ahead.h: memory for images that grow, had before it is needed.
 *
 * A large image wants huge pages: random access to gigabytes costs half as much with them. But the
 * system clears two megabytes when such a page is first touched, which takes it up to some
 * milliseconds: too long for a batch. So a thread of its own (one for the process, there only while
 * some image is large) touches the next blocks before the worker comes to them. A block that the
 * worker reaches first stays one of small pages.
 */
#ifndef SINK_IMAGE_AHEAD_H
#define SINK_IMAGE_AHEAD_H

#include "sink/image.h"

#define BLOCK_BYTES ((size_t)2 << 20)
#define BLOCK_PAGES ((uint32_t)(BLOCK_BYTES / PAGE_BYTES))
/* The first block of huge pages: below, rounding up would cost more memory than it saves time. */
#define HUGE_FIRST_BLOCK 4u

/* A block's state; by block in image->blocks. */
enum block_state {
    BLOCK_SMALL = 0, /* not asked for, or used with small pages */
    BLOCK_ASKED,
    BLOCK_BUSY,  /* the thread is touching it */
    BLOCK_READY, /* all of it has memory, and the budget was charged for it */
};

/* [worker] The image will soon need this block. Asks only; never waits. */
void image_ahead_ask(struct image *image, uint32_t block);
/* [worker] Claims a block: true if it is ready (and paid for), else it stays one of small pages. */
bool image_ahead_claim(struct image *image, uint32_t block);
/* Forgets the image; waits until the thread is done with it. Ready blocks that were not claimed are
 * paid back. */
void image_ahead_forget(struct image *image);

#endif
