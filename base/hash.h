/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h: keyed hashes (XXH3, 64 bits), so that keys cannot be chosen to collide.
 *
 * The key is random for each process, or comes with an image that was restored.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stddef.h>
#include <stdint.h>

uint64_t hash_random_seed(void); /* from getrandom(2) */

static inline uint64_t hash_bytes(const void *data, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, length, seed);
}

/* A bijective mix of 64 bits (the finalizer of MurmurHash3), keyed by seed. */
static inline uint64_t hash_u64(uint64_t x, uint64_t seed)
{
    x ^= seed;
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

#endif
