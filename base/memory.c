/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/check.h"

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr, "weir: out of memory: the system refused %zu bytes\n", bytes);
    _exit(1);
}

void *mem_alloc(size_t bytes)
{
    return mem_array(bytes, 1);
}

void *mem_array(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!memory)
        out_of_memory(count * bytes);
    return memory;
}

void *mem_grow(void *old, size_t count, size_t bytes)
{
    void *memory = reallocarray(old, count ? count : 1, bytes ? bytes : 1);
    if (!memory)
        out_of_memory(count * bytes);
    return memory;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy)
        out_of_memory(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        out_of_memory(strlen(format));
    return text;
}

/*
 * Arena. `blocks` are in use, newest first; pieces are cut from the one with the most room. `spare`
 * waits for the next round, in the order in which the last round took it, so that a round like the
 * last one finds the same blocks again.
 */
#define ARENA_BLOCK_BYTES_MIN ((size_t)64 << 10)
#define ARENA_BLOCK_BYTES_MAX ((size_t)4 << 20)

struct arena_block {
    struct arena_block *next;
    size_t capacity; /* bytes for pieces, a multiple of 16, without the slack */
};
_Static_assert(sizeof(struct arena_block) % 16 == 0, "pieces are aligned to 16");

#ifdef ARENA_CHECKED
#include <sanitizer/asan_interface.h>
void arena_mark_used(const char *piece, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes + ARENA_SLACK_BYTES);
}
static void mark_unused(struct arena_block *block)
{
    ASAN_POISON_MEMORY_REGION(block + 1, block->capacity + ARENA_SLACK_BYTES);
}
#else
static void mark_unused(struct arena_block *block)
{
    (void)block;
}
#endif

static size_t block_bytes(size_t capacity)
{
    return sizeof(struct arena_block) + capacity + ARENA_SLACK_BYTES;
}

static void free_list(struct arena *arena, struct arena_block **list)
{
    while (*list) {
        struct arena_block *block = *list;
        *list = block->next;
        arena->held_bytes -= block_bytes(block->capacity);
        free(block);
    }
}

static bool fits_limit(const struct arena *arena, size_t capacity)
{
    return !arena->limit_bytes || (arena->held_bytes <= arena->limit_bytes &&
                                   block_bytes(capacity) <= arena->limit_bytes - arena->held_bytes);
}

/* The first spare block with room for `bytes`, or a new one; NULL at the limit. */
static struct arena_block *block_get(struct arena *arena, size_t bytes)
{
    for (struct arena_block **at = &arena->spare; *at; at = &(*at)->next)
        if ((*at)->capacity >= bytes) {
            struct arena_block *block = *at;
            *at = block->next;
            return block;
        }
    size_t capacity = arena->held_bytes; /* doubling */
    if (capacity < ARENA_BLOCK_BYTES_MIN)
        capacity = ARENA_BLOCK_BYTES_MIN;
    if (capacity > ARENA_BLOCK_BYTES_MAX)
        capacity = ARENA_BLOCK_BYTES_MAX;
    if (capacity < bytes)
        capacity = bytes;
    capacity = (capacity + 15) & ~(size_t)15;
    if (!fits_limit(arena, capacity))
        capacity = (bytes + 15) & ~(size_t)15;
    if (!fits_limit(arena, capacity))
        free_list(arena, &arena->spare); /* all of them too small */
    if (!fits_limit(arena, capacity))
        return NULL;
    /* Zeroed once: fresh pages are zero anyway, and the slack of a piece is then always defined. */
    struct arena_block *block = calloc(1, block_bytes(capacity));
    if (!block)
        return NULL;
    block->capacity = capacity;
    arena->held_bytes += block_bytes(capacity);
    mark_unused(block);
    return block;
}

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_done(struct arena *arena)
{
    free_list(arena, &arena->blocks);
    free_list(arena, &arena->spare);
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
    /* Newest first, each pushed to the front: the oldest ends up in front of those not used. */
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        block->next = arena->spare;
        arena->spare = block;
        mark_unused(block);
    }
    arena->blocks = NULL;
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
    if (arena->held_bytes <= keep_bytes)
        return;
    size_t kept = 0;
    struct arena_block *surplus = NULL;
    for (struct arena_block **at = &arena->spare; *at;) {
        struct arena_block *block = *at;
        if (block_bytes(block->capacity) <= keep_bytes - kept) {
            kept += block_bytes(block->capacity);
            at = &block->next;
        } else {
            *at = block->next;
            block->next = surplus;
            surplus = block;
        }
    }
    free_list(arena, &surplus);
}

void *arena_alloc_slow(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    struct arena_block *block = block_get(arena, bytes);
    if (!block)
        return NULL;
    size_t rounded = (bytes + 15) & ~(size_t)15;
    char *piece = (char *)(block + 1);
    block->next = arena->blocks;
    arena->blocks = block;
    /* Go on where there is more room: a large piece does not end a block that it did not fit in. */
    if (block->capacity - rounded >= (size_t)(arena->end - arena->next)) {
        arena->next = piece + rounded;
        arena->end = piece + block->capacity;
    }
    arena->used_bytes += rounded;
    arena_mark_used(piece, rounded);
    return piece;
}

void *arena_copy(struct arena *arena, const void *data, size_t bytes)
{
    void *copy = arena_alloc(arena, bytes);
    if (copy && bytes)
        memcpy(copy, data, bytes);
    return copy;
}
