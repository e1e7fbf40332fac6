/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "sink/http/answer.h"
#include "sink/http/routes.h"

/* Direct-mapped: a request has one place, and the last one to come there keeps it. */
struct entry {
    uint64_t key; /* 0: empty */
    uint64_t check;
    struct answer *answer;
    const struct route *route;
    char *pipeline;
    struct version version;
};

struct cost {
    uint64_t key;
    int64_t ns;
};

struct cache {
    uint64_t seed;
    struct entry entries[CACHE_SLOTS];
    struct cost costs[CACHE_SLOTS * 4];
    struct cost paths[CACHE_SLOTS];
};

struct cache *cache_new(void)
{
    struct cache *cache = mem_alloc(sizeof(*cache));
    cache->seed = hash_random_seed();
    return cache;
}

static void entry_clear(struct entry *entry)
{
    answer_unref(entry->answer);
    free(entry->pipeline);
    *entry = (struct entry){0};
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    for (uint32_t i = 0; i < CACHE_SLOTS; i++)
        entry_clear(&cache->entries[i]);
    free(cache);
}

/* 128 bits, keyed by the process: two requests that mean different things do not meet. */
static void request_key(const struct cache *cache, const struct exchange *exchange, uint64_t key[2])
{
    uint64_t seed = cache->seed;
    if (exchange->accept)
        seed = hash_bytes(exchange->accept, strlen(exchange->accept), seed + 1);
    if (exchange->accept_encoding)
        seed = hash_bytes(exchange->accept_encoding, strlen(exchange->accept_encoding), seed + 2);
    XXH128_hash_t hash = XXH3_128bits_withSeed(exchange->target, exchange->target_length, seed);
    key[0] = hash.low64 | 1;
    key[1] = hash.high64;
}

struct answer *cache_find(struct cache *cache, const struct exchange *exchange,
                          struct cached *ret_cached)
{
    uint64_t key[2];
    request_key(cache, exchange, key);
    struct entry *entry = &cache->entries[key[1] % CACHE_SLOTS];
    if (entry->key != key[0] || entry->check != key[1])
        return NULL;
    *ret_cached = (struct cached){entry->route, entry->pipeline, entry->version};
    return entry->answer;
}

void cache_put(struct cache *cache, struct exchange *exchange)
{
    struct version version = exchange->reply.version;
    if ((version.low | version.high) == 0 || answer_status(exchange->answer) != 200 ||
        answer_length(exchange->answer) > CACHE_ANSWER_BYTES_MAX)
        return;
    uint64_t key[2];
    request_key(cache, exchange, key);
    struct entry *entry = &cache->entries[key[1] % CACHE_SLOTS];
    entry_clear(entry);
    *entry = (struct entry){
        .key = key[0],
        .check = key[1],
        .answer = answer_ref(exchange->answer),
        .route = exchange->route,
        .pipeline = mem_strndup(exchange->captures[0].data, exchange->captures[0].length),
        .version = version};
}

/* By the path alone: what a request that was not seen before will probably cost. */
static struct cost *path_cost(struct cache *cache, const struct exchange *exchange,
                              uint64_t *ret_key)
{
    const char *query = memchr(exchange->target, '?', exchange->target_length);
    size_t length = query ? (size_t)(query - exchange->target) : exchange->target_length;
    uint64_t key = hash_bytes(exchange->target, length, cache->seed) | 1;
    *ret_key = key;
    return &cache->paths[key / 2 % COUNT_OF(cache->paths)];
}

int64_t cache_cost_ns(struct cache *cache, const struct exchange *exchange)
{
    uint64_t key[2];
    request_key(cache, exchange, key);
    const struct cost *cost = &cache->costs[key[1] % COUNT_OF(cache->costs)];
    if (cost->key == key[0])
        return cost->ns;
    cost = path_cost(cache, exchange, &key[0]);
    return cost->key == key[0] ? cost->ns : -1;
}

void cache_cost_set(struct cache *cache, const struct exchange *exchange, int64_t cost_ns)
{
    uint64_t key[2];
    request_key(cache, exchange, key);
    cache->costs[key[1] % COUNT_OF(cache->costs)] = (struct cost){key[0], cost_ns};
    struct cost *path = path_cost(cache, exchange, &key[0]);
    /* The dearest one counts, and is forgotten slowly. */
    int64_t before = path->key == key[0] ? path->ns - path->ns / 8 : 0;
    *path = (struct cost){key[0], before > cost_ns ? before : cost_ns};
}
