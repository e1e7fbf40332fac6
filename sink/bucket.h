/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket.h: the inside of a hash bucket: tags compared 16 at a time, entries of fixed size.
 *
 *   struct bucket (16 bytes) | tags, one byte for each entry, in groups of 16 | entries
 *
 * A bucket is what stands behind the header of a page, or a cell. An entry belongs to the group
 * that its hash chooses and moves on to the next one when that is full; the group's bit in
 * `spilled` then sends searches on (after Dash, VLDB 2020, and the tag groups of F14). Bits of a
 * 64-bit hash:
 *
 *   63 ..        prefix: which bucket, by the directory
 *   41 .. 32     group inside the bucket
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

#define BUCKET_GROUP     16u
#define BUCKET_TAG       0x80u /* set in every tag of an entry */
#define BUCKET_NEVER     0x01u /* of slots behind the last, so that the last group is a whole one */
#define BUCKET_SLOTS_MAX 512u

struct bucket {
    uint16_t count;
    uint16_t reserved;
    uint32_t next;    /* page of the bucket that this one overflows into (equal hashes); 0: none */
    uint64_t spilled; /* bit g: an entry of group g stands in a later group */
};

/* Numbers that follow from a bucket's bytes and an entry's; kept by the table. */
struct bucket_shape {
    uint16_t capacity;
    uint16_t groups;
    uint16_t entry_bytes;
    uint16_t entries_at; /* from the bucket's beginning */
};

static inline struct bucket_shape bucket_shape_of(uint32_t bytes, uint32_t entry_bytes)
{
    uint32_t capacity = (bytes - (uint32_t)sizeof(struct bucket)) / (entry_bytes + 1);
    if (capacity > BUCKET_SLOTS_MAX)
        capacity = BUCKET_SLOTS_MAX;
    uint32_t at = 0;
    for (; capacity; capacity--) {
        at = (uint32_t)sizeof(struct bucket) + (capacity + 15) / 16 * 16;
        if (at + capacity * entry_bytes <= bytes)
            break;
    }
    return (struct bucket_shape){.capacity = (uint16_t)capacity,
                                 .groups = (uint16_t)((capacity + 15) / 16),
                                 .entry_bytes = (uint16_t)entry_bytes,
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

static inline unsigned bucket_group(uint64_t hash, struct bucket_shape shape)
{
    return (unsigned)((hash >> 32 & 1023) * shape.groups >> 10);
}

/* Bit i: tag i of the group is `tag`. */
static inline unsigned bucket_match(const uint8_t *group, uint8_t tag)
{
#if defined(__SSE2__)
    __m128i tags = _mm_loadu_si128((const __m128i *)(const void *)group);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag)));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < BUCKET_GROUP; i++)
        mask |= (unsigned)(group[i] == tag) << i;
    return mask;
#endif
}

/* Bit i: slot i of the group holds an entry. */
static inline unsigned bucket_used(const uint8_t *group)
{
#if defined(__SSE2__)
    return (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)group));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < BUCKET_GROUP; i++)
        mask |= (unsigned)(group[i] >> 7) << i;
    return mask;
#endif
}

static inline void bucket_init(struct bucket *bucket, struct bucket_shape shape)
{
    *bucket = (struct bucket){0};
    memset(bucket_tags(bucket), 0, shape.groups * BUCKET_GROUP);
    memset(bucket_tags(bucket) + shape.capacity, BUCKET_NEVER,
           shape.groups * BUCKET_GROUP - shape.capacity);
}

/*
 * A search, to be used as
 *     struct bucket_search s = bucket_search(bucket, shape, hash);
 *     for (int slot; (slot = bucket_next(bucket, shape, &s)) >= 0;) if (equal) ...
 */
struct bucket_search {
    unsigned group;
    unsigned mask;
    unsigned groups_left;
    uint8_t tag;
};

static inline struct bucket_search bucket_search(const struct bucket *bucket,
                                                 struct bucket_shape shape, uint64_t hash)
{
    struct bucket_search s = {
        .group = bucket_group(hash, shape), .groups_left = shape.groups, .tag = bucket_tag(hash)};
    s.mask = bucket_match(bucket_tags(bucket) + s.group * BUCKET_GROUP, s.tag);
    return s;
}

static inline int bucket_next(const struct bucket *bucket, struct bucket_shape shape,
                              struct bucket_search *s)
{
    while (!s->mask) {
        if (likely(!(bucket->spilled >> s->group & 1)) || --s->groups_left == 0)
            return -1;
        s->group = s->group + 1 == shape.groups ? 0 : s->group + 1;
        s->mask = bucket_match(bucket_tags(bucket) + s->group * BUCKET_GROUP, s->tag);
    }
    int slot = (int)(s->group * BUCKET_GROUP) + __builtin_ctz(s->mask);
    s->mask &= s->mask - 1;
    return slot;
}

/* A free slot for an entry of that hash, now taken; the bucket is not full. */
static inline unsigned bucket_take(struct bucket *bucket, struct bucket_shape shape, uint64_t hash,
                                   uint8_t tag)
{
    uint8_t *tags = bucket_tags(bucket);
    unsigned group = bucket_group(hash, shape);

    DEBUG_CHECK(bucket->count < shape.capacity);
    for (;;) {
        /* NEVER has no top bit: it reads as free and must be excluded by its place. */
        unsigned free_mask = ~bucket_used(tags + group * BUCKET_GROUP) & 0xffff;
        unsigned last = shape.capacity - group * BUCKET_GROUP;
        if (last < BUCKET_GROUP)
            free_mask &= (1u << last) - 1;
        if (free_mask) {
            unsigned slot = group * BUCKET_GROUP + (unsigned)__builtin_ctz(free_mask);
            tags[slot] = tag;
            bucket->count++;
            return slot;
        }
        bucket->spilled |= 1ULL << group;
        group = group + 1 == shape.groups ? 0 : group + 1;
    }
}

static inline void bucket_drop(struct bucket *bucket, unsigned slot)
{
    bucket_tags(bucket)[slot] = 0;
    if (--bucket->count == 0)
        bucket->spilled = 0;
}

#endif
