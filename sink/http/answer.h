/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h: a finished reply, ready for the HTTP library, and the few that are kept.
 *
 * An answer is made by whoever ran the handler (it may compress), is then constant, and is shared
 * by reference. The cache holds answers to reads by the request's bytes; one is used again only
 * while the version of what it was made from is unchanged, so that it is what a fresh one would be.
 */
#ifndef SINK_HTTP_ANSWER_H
#define SINK_HTTP_ANSWER_H

#include "sink/http/exchange.h"

struct answer;

/* Out of exchange->reply, whose body it takes. Never NULL. [any] */
struct answer *answer_make(struct exchange *exchange);
struct answer *answer_ref(struct answer *answer);
void answer_unref(struct answer *answer); /* NULL is allowed */
unsigned answer_status(const struct answer *answer);
size_t answer_length(const struct answer *answer); /* as sent */
/* Gives it to the library, with the request's X-Request-Id; 304 where the client has it. False: the
 * connection is lost. [loop] */
bool answer_send(struct answer *answer, struct exchange *exchange, unsigned *ret_status);
bool answer_is_known(const struct answer *answer, const char *if_none_match);

#define CACHE_ANSWER_BYTES_MAX ((size_t)64 << 10)
#define CACHE_SLOTS            256

struct cached { /* what a kept answer belongs to */
    const struct route *route;
    const char *pipeline;
    struct version version;
};

struct cache;
struct cache *cache_new(void);
void cache_free(struct cache *cache); /* NULL is allowed */
/* The answer kept for the exchange's target and headers, with what must still hold; NULL: none.
 * Borrowed until the next cache_put. [loop] */
struct answer *cache_find(struct cache *cache, const struct exchange *exchange,
                          struct cached *ret_cached);
/* Keeps exchange->answer if it is fit for that. [loop] */
void cache_put(struct cache *cache, struct exchange *exchange);
/* How long the request took to answer when it was last seen, or others of its path; -1: not known.
 * [loop] */
int64_t cache_cost_ns(struct cache *cache, const struct exchange *exchange);
void cache_cost_set(struct cache *cache, const struct exchange *exchange, int64_t cost_ns);

#endif
