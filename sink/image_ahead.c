/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/image_ahead.h"

#include <pthread.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#define ASKED_MAX 64u

struct request {
    struct image *image;
    uint32_t block;
};

/* One for the process. The thread begins with the first request and ends when nothing is left of
 * any image that ever asked. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t asked;
    pthread_cond_t done;
    struct request requests[ASKED_MAX];
    uint32_t count;
    const struct image *busy;
    uint32_t images; /* that asked and were not forgotten */
    bool running;
    bool stopping;
    pthread_t thread;
} ahead = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .asked = PTHREAD_COND_INITIALIZER,
           .done = PTHREAD_COND_INITIALIZER};

static bool charge_block(struct memory_budget *budget)
{
    if (!budget)
        return true;
    uint64_t used =
        atomic_fetch_add_explicit(&budget->used_bytes, BLOCK_BYTES, memory_order_relaxed);
    /* The last eighth is left to what is needed for certain. */
    uint64_t limit = __atomic_load_n(&budget->limit_bytes, __ATOMIC_RELAXED);
    if (!limit || used + BLOCK_BYTES <= limit / 8 * 7)
        return true;
    atomic_fetch_sub_explicit(&budget->used_bytes, BLOCK_BYTES, memory_order_relaxed);
    return false;
}

static void pay_back(struct memory_budget *budget)
{
    if (budget)
        atomic_fetch_sub_explicit(&budget->used_bytes, BLOCK_BYTES, memory_order_relaxed);
}

/* Without the lock; the image cannot go away meanwhile. */
static void touch(struct image *image, uint32_t block)
{
    char *memory = image->base + (size_t)block * BLOCK_BYTES;
    uint8_t asked = BLOCK_ASKED;

    if (!atomic_compare_exchange_strong(&image->blocks[block], &asked, BLOCK_BUSY))
        return;
    bool paid = charge_block(image->budget);
    bool ready = paid && madvise(memory, BLOCK_BYTES, MADV_HUGEPAGE) == 0 &&
                 madvise(memory, BLOCK_BYTES, MADV_POPULATE_WRITE) == 0;
    if (paid && !ready) {
        /* An old system, or none left: better small pages than a batch that stops. (What was
         * touched stays: the worker may be using the block by now.) */
        (void)madvise(memory, BLOCK_BYTES, MADV_NOHUGEPAGE);
        pay_back(image->budget);
    }
    uint8_t busy = BLOCK_BUSY;
    if (!atomic_compare_exchange_strong(&image->blocks[block], &busy,
                                        ready ? BLOCK_READY : BLOCK_SMALL) &&
        ready)
        pay_back(image->budget); /* the worker came while it was being touched, and pays itself */
}

static void *run(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&ahead.lock);
    while (!ahead.stopping) {
        if (!ahead.count) {
            pthread_cond_wait(&ahead.asked, &ahead.lock);
            continue;
        }
        struct request request = ahead.requests[0];
        memmove(ahead.requests, ahead.requests + 1, --ahead.count * sizeof *ahead.requests);
        ahead.busy = request.image;
        pthread_mutex_unlock(&ahead.lock);
        touch(request.image, request.block);
        pthread_mutex_lock(&ahead.lock);
        ahead.busy = NULL;
        pthread_cond_broadcast(&ahead.done);
    }
    pthread_mutex_unlock(&ahead.lock);
    return NULL;
}

void image_ahead_ask(struct image *image, uint32_t block)
{
    if (block < HUGE_FIRST_BLOCK || (block + 1) * BLOCK_PAGES > image->page_max ||
        atomic_load_explicit(&image->blocks[block], memory_order_relaxed) != BLOCK_SMALL)
        return;
    pthread_mutex_lock(&ahead.lock);
    if (!ahead.running && !ahead.stopping)
        ahead.running = pthread_create(&ahead.thread, NULL, run, NULL) == 0;
    if (ahead.running && !ahead.stopping && ahead.count < ASKED_MAX) {
        ahead.images += !image->asked_ahead;
        image->asked_ahead = true;
        atomic_store(&image->blocks[block], BLOCK_ASKED);
        ahead.requests[ahead.count++] = (struct request){image, block};
        pthread_cond_signal(&ahead.asked);
    }
    pthread_mutex_unlock(&ahead.lock);
}

bool image_ahead_claim(struct image *image, uint32_t block)
{
    return atomic_exchange(&image->blocks[block], BLOCK_SMALL) == BLOCK_READY;
}

void image_ahead_forget(struct image *image)
{
    if (!image->asked_ahead)
        return;
    pthread_mutex_lock(&ahead.lock);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ahead.count; i++)
        if (ahead.requests[i].image != image)
            ahead.requests[kept++] = ahead.requests[i];
    ahead.count = kept;
    while (ahead.busy == image)
        pthread_cond_wait(&ahead.done, &ahead.lock);
    bool last = --ahead.images == 0 && ahead.running && !ahead.stopping;
    ahead.stopping |= last;
    pthread_cond_signal(&ahead.asked);
    pthread_mutex_unlock(&ahead.lock);
    if (last) {
        pthread_join(ahead.thread, NULL);
        pthread_mutex_lock(&ahead.lock);
        ahead.running = ahead.stopping = false;
        pthread_mutex_unlock(&ahead.lock);
    }
    for (uint32_t block = 0; block < image->page_max / BLOCK_PAGES; block++)
        if (image_ahead_claim(image, block))
            pay_back(image->budget);
    image->asked_ahead = false;
}
