/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket.h: the inside of a hash bucket: tags compared 16 at a time, entries of fixed size.
 *
 *   struct bucket (16 bytes) | tags, one byte for each slot, the first 16 repeated | entries
 *
 * A bucket is what stands behind the header of a page, or a cell. A hash says at which slot its
 * entry is at home; the entry stands in the first slot that was free from there on, around the end.
 * A search compares the 16 tags from home on, and goes further only where `spilled` says that some
 * entry from hereabouts had to. Windows begin at any slot, not at groups: so few entries spill even
 * when the bucket is nearly full, and the first tag that matches is nearly always the right one.
 * (Tags: F14; buckets of pages: Dash, VLDB 2020.) Bits of a 64-bit hash:
 *
 *   63 ..        prefix: which bucket, by the directory
 *   41 .. 32     home inside the bucket
 *    6 ..  0     tag
 *
 * so that the upper half of a hash and the tag are all that a bucket needs when it splits.
 */
#ifndef SINK_BUCKET_H
#define SINK_BUCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/check.h"

#define BUCKET_WINDOW    16u
#define BUCKET_TAG       0x80u /* set in every tag of an entry */
#define BUCKET_NEVER     0x01u /* of slots that are not there, in a bucket of less than a window */
#define BUCKET_SLOTS_MAX 512u

struct bucket {
    uint16_t count;
    uint16_t reserved;
    uint32_t next;    /* page of the bucket that this one overflows into (equal hashes); 0: none */
    uint64_t spilled; /* bit h / 16: an entry at home in slot h stands 16 slots on or farther */
};

/* Numbers that follow from a bucket's bytes and an entry's; kept by the table. */
struct bucket_shape {
    uint16_t capacity;
    uint16_t homes; /* slots that can be home: all, or the first of less than a window */
    uint16_t entry_bytes;
    uint16_t entries_at; /* from the bucket's beginning */
};

/* An entry of little less than a cache line is given the whole of one: otherwise most would lie
 * across two. */
#define CACHE_LINE_BYTES 64u
static inline uint32_t bucket_entry_bytes(uint32_t bytes)
{
    return bytes > CACHE_LINE_BYTES * 13 / 16 && bytes < CACHE_LINE_BYTES ? CACHE_LINE_BYTES
                                                                          : bytes;
}

/* bytes: of the bucket, which begins `offset` bytes behind a multiple of 64. */
static inline struct bucket_shape bucket_shape_of(uint32_t bytes, uint32_t offset,
                                                  uint32_t entry_bytes)
{
    uint32_t stride = bucket_entry_bytes(entry_bytes);
    uint32_t align = stride % CACHE_LINE_BYTES == 0 ? CACHE_LINE_BYTES : 8;
    uint32_t capacity = (bytes - (uint32_t)sizeof(struct bucket)) / (stride + 1);
    uint32_t at = 0;

    if (capacity > BUCKET_SLOTS_MAX)
        capacity = BUCKET_SLOTS_MAX;
    for (; capacity; capacity--) {
        uint32_t tags = capacity < BUCKET_WINDOW ? BUCKET_WINDOW : capacity + BUCKET_WINDOW;
        at = (uint32_t)sizeof(struct bucket) + tags;
        at += -(at + offset) & (align - 1);
        if (at + capacity * stride <= bytes)
            break;
    }
    return (struct bucket_shape){.capacity = (uint16_t)capacity,
                                 .homes = (uint16_t)(capacity < BUCKET_WINDOW ? 1 : capacity),
                                 .entry_bytes = (uint16_t)stride,
                                 .entries_at = (uint16_t)at};
}

static inline uint8_t *bucket_tags(const struct bucket *bucket)
{
    return (uint8_t *)(uintptr_t)(bucket + 1);
}

static inline char *bucket_entry(const struct bucket *bucket, struct bucket_shape shape,
                                 unsigned slot)
{
    return (char *)(uintptr_t)bucket + shape.entries_at + (size_t)slot * shape.entry_bytes;
}

static inline uint8_t bucket_tag(uint64_t hash)
{
    return (uint8_t)((hash & 0x7f) | BUCKET_TAG);
}

static inline unsigned bucket_home(uint64_t hash, struct bucket_shape shape)
{
    return (unsigned)((hash >> 32 & 1023) * shape.homes >> 10);
}

/* Bit i: tag i of the window is `tag`. */
static inline unsigned bucket_match(const uint8_t *window, uint8_t tag)
{
#if defined(__SSE2__)
    __m128i tags = _mm_loadu_si128((const __m128i *)(const void *)window);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag)));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < BUCKET_WINDOW; i++)
        mask |= (unsigned)(window[i] == tag) << i;
    return mask;
#endif
}

/* Bit i: slot i of the window holds an entry. */
static inline unsigned bucket_used(const uint8_t *window)
{
#if defined(__SSE2__)
    return (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)window));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < BUCKET_WINDOW; i++)
        mask |= (unsigned)(window[i] >> 7) << i;
    return mask;
#endif
}

static inline void bucket_init(struct bucket *bucket, struct bucket_shape shape)
{
    *bucket = (struct bucket){0};
    memset(bucket_tags(bucket), 0, shape.entries_at - sizeof *bucket);
    if (shape.capacity < BUCKET_WINDOW)
        memset(bucket_tags(bucket) + shape.capacity, BUCKET_NEVER, BUCKET_WINDOW - shape.capacity);
}

/*
 * A search, to be used as
 *     struct bucket_search s = bucket_search(bucket, shape, hash);
 *     for (int slot; (slot = bucket_next(bucket, shape, &s)) >= 0;) if (equal) ...
 */
struct bucket_search {
    unsigned home;
    unsigned at; /* where the window begins */
    unsigned mask;
    unsigned seen; /* slots before the window */
    uint8_t tag;
};

static inline struct bucket_search bucket_search(const struct bucket *bucket,
                                                 struct bucket_shape shape, uint64_t hash)
{
    struct bucket_search s = {.home = bucket_home(hash, shape), .tag = bucket_tag(hash)};
    s.at = s.home;
    s.mask = bucket_match(bucket_tags(bucket) + s.at, s.tag);
    return s;
}

/* Around the end. */
static inline unsigned bucket_slot(struct bucket_shape shape, unsigned slot)
{
    return slot >= shape.capacity ? slot - shape.capacity : slot;
}

static inline int bucket_next(const struct bucket *bucket, struct bucket_shape shape,
                              struct bucket_search *s)
{
    while (!s->mask) {
        s->seen += BUCKET_WINDOW;
        if (likely(!(bucket->spilled >> (s->home / BUCKET_WINDOW) & 1)) ||
            s->seen >= shape.capacity)
            return -1;
        s->at = bucket_slot(shape, s->at + BUCKET_WINDOW);
        s->mask = bucket_match(bucket_tags(bucket) + s->at, s->tag);
    }
    unsigned slot = bucket_slot(shape, s->at + (unsigned)__builtin_ctz(s->mask));
    s->mask &= s->mask - 1;
    return (int)slot;
}

/* The entry that a search would be given first, from the first window alone; NULL: none. It is the
 * right one in all but a few per cent of searches for what is there. */
static inline const void *bucket_guess(const struct bucket *bucket, struct bucket_shape shape,
                                       uint64_t hash)
{
    unsigned home = bucket_home(hash, shape);
    unsigned mask = bucket_match(bucket_tags(bucket) + home, bucket_tag(hash));
    if (unlikely(!mask))
        return NULL;
    return bucket_entry(bucket, shape, bucket_slot(shape, home + (unsigned)__builtin_ctz(mask)));
}

static inline void bucket_set_tag(struct bucket *bucket, struct bucket_shape shape, unsigned slot,
                                  uint8_t tag)
{
    bucket_tags(bucket)[slot] = tag;
    if (slot < BUCKET_WINDOW && shape.capacity >= BUCKET_WINDOW)
        bucket_tags(bucket)[shape.capacity + slot] = tag;
}

/* A free slot for an entry of that hash, now taken; the bucket is not full. */
static inline unsigned bucket_take(struct bucket *bucket, struct bucket_shape shape, uint64_t hash,
                                   uint8_t tag)
{
    unsigned home = bucket_home(hash, shape), at = home, seen = 0, free_mask;

    DEBUG_CHECK(bucket->count < shape.capacity);
    for (;;) {
        free_mask = ~bucket_used(bucket_tags(bucket) + at) & 0xffff;
        if (shape.capacity < BUCKET_WINDOW)
            free_mask &= (1u << shape.capacity) - 1; /* NEVER reads as free */
        if (free_mask)
            break;
        bucket->spilled |= 1ULL << (home / BUCKET_WINDOW);
        seen += BUCKET_WINDOW;
        DEBUG_CHECK(seen < shape.capacity + BUCKET_WINDOW);
        at = bucket_slot(shape, at + BUCKET_WINDOW);
    }
    unsigned slot = bucket_slot(shape, at + (unsigned)__builtin_ctz(free_mask));
    bucket_set_tag(bucket, shape, slot, tag);
    bucket->count++;
    return slot;
}

static inline void bucket_drop(struct bucket *bucket, struct bucket_shape shape, unsigned slot)
{
    bucket_set_tag(bucket, shape, slot, 0);
    if (--bucket->count == 0)
        bucket->spilled = 0;
}

#endif
