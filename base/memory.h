/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h: the ways memory is had.
 *
 * Configuration and start-up use the mem_ functions, which end the process when the system has no
 * memory left: nothing useful can be done then and no record is lost by it. Whatever grows with
 * input uses an arena or a store with a declared limit, and fails with WEIR_E_NOMEM.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));               /* zeroed */
void *mem_array(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_grow(void *old, size_t count, size_t bytes) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *format, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/*
 * An arena: memory that is given back all at once. Blocks are kept for the next round, so that a
 * steady state allocates nothing. Every piece is aligned to 16 and has ARENA_SLACK_BYTES readable
 * bytes behind it (vector code may read, never write, past the end).
 */
#define ARENA_SLACK_BYTES 64

struct arena_block;
struct arena {
    struct arena_block *blocks; /* the newest first */
    struct arena_block *spare;
    char *next;
    char *end;
    size_t used_bytes;  /* given out since the last reset */
    size_t held_bytes;  /* had from the system */
    size_t limit_bytes; /* of held_bytes; 0: none */
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_done(struct arena *arena);
/* Everything given out is invalid afterwards. Keeps at most keep_bytes from the system. */
void arena_reset(struct arena *arena, size_t keep_bytes);
/* As arena_alloc, when the newest block has no room. */
void *arena_alloc_slow(struct arena *arena, size_t bytes);
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_CHECKED 1
#endif
#endif
#ifdef ARENA_CHECKED
/* Under AddressSanitizer what was not given out since the last reset must not be touched. */
void arena_mark_used(const char *piece, size_t bytes);
#else
static inline void arena_mark_used(const char *piece, size_t bytes)
{
    (void)piece;
    (void)bytes;
}
#endif

/* NULL when the limit or the system's memory is reached. Not zeroed. */
static inline void *arena_alloc(struct arena *arena, size_t bytes)
{
    bytes += !bytes; /* a piece of no bytes has an address too */
    /* What is left is a multiple of 16, so a size that fits also fits when rounded up. */
    if (__builtin_expect(bytes > (size_t)(arena->end - arena->next), 0))
        return arena_alloc_slow(arena, bytes);
    char *piece = arena->next;
    bytes = (bytes + 15) & ~(size_t)15;
    arena->next = piece + bytes;
    arena->used_bytes += bytes;
    arena_mark_used(piece, bytes);
    return piece;
}
void *arena_copy(struct arena *arena, const void *data, size_t bytes);

#endif
