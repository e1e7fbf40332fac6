/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "base/check.h"
#include "base/error.h"
#include "base/hash.h"
#include "sink/query_internal.h"

#define WORKSPACES_KEPT_MAX   4
#define WORKSPACE_ARENA_KEPT  ((size_t)1 << 20)
#define WORKSPACE_BUFFER_KEPT ((size_t)1 << 20)
#define WORKSPACE_CHUNKS_KEPT 4
#define WORKSPACE_COPIES_KEPT ((size_t)4 << 20)

static struct {
    pthread_mutex_t lock;
    struct query_workspace *first;
    uint32_t count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

void *buffer_reserve(struct buffer *buffer, size_t count, size_t element_bytes)
{
    size_t bytes = count * element_bytes;
    if (bytes <= buffer->capacity_bytes && buffer->data)
        return buffer->data;
    size_t capacity = buffer->capacity_bytes * 2;
    if (capacity < bytes)
        capacity = bytes;
    if (capacity < 4096)
        capacity = 4096;
    void *data = realloc(buffer->data, capacity);
    if (!data)
        return NULL;
    buffer->data = data;
    buffer->capacity_bytes = capacity;
    return data;
}

static void buffer_trim(struct buffer *buffer)
{
    if (buffer->capacity_bytes <= WORKSPACE_BUFFER_KEPT)
        return;
    free(buffer->data);
    *buffer = (struct buffer){0};
}

#define EACH_BUFFER(X, w)                                                                          \
    X(&(w)->key_table);                                                                            \
    X(&(w)->key_values);                                                                           \
    X(&(w)->key_flags);                                                                            \
    X(&(w)->cell_table);                                                                           \
    X(&(w)->cells);                                                                                \
    X(&(w)->states);                                                                               \
    X(&(w)->local_keys);                                                                           \
    X(&(w)->kept);                                                                                 \
    X(&(w)->ranked);                                                                               \
    X(&(w)->ranked_other);                                                                         \
    X(&(w)->winners)

static void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
}

static void workspace_free(struct query_workspace *workspace)
{
    for (uint32_t i = 0; i < workspace->partials_count; i++)
        partials_done(&workspace->partials[i]);
    for (uint32_t i = 0; i < workspace->records_count; i++)
        set_records_done(&workspace->records[i]);
    for (uint32_t i = 0; i < workspace->chunk_count; i++)
        batch_free(workspace->chunks[i]);
    EACH_BUFFER(buffer_done, workspace);
    free(workspace->partials);
    free(workspace->records);
    free(workspace->chunks);
    batch_free(workspace->scratch);
    text_done(&workspace->sort_keys);
    arena_done(&workspace->arena);
    free(workspace);
}

struct query_workspace *workspace_take(void)
{
    pthread_mutex_lock(&kept.lock);
    struct query_workspace *workspace = kept.first;
    if (workspace) {
        kept.first = workspace->next;
        kept.count--;
    }
    pthread_mutex_unlock(&kept.lock);
    if (workspace)
        return workspace;
    workspace = mem_alloc(sizeof(*workspace));
    workspace->hash_seed = hash_random_seed();
    arena_init(&workspace->arena, 0);
    return workspace;
}

/* The copies of one query together: many partitions may each hold a little. */
static void copies_trim(struct query_workspace *workspace)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < workspace->partials_count; i++)
        bytes += (size_t)workspace->partials[i].entry_count * workspace->partials[i].state_size;
    for (uint32_t i = 0; i < workspace->records_count; i++)
        bytes += (size_t)workspace->records[i].count * workspace->records[i].value_count *
                 sizeof(union read_value);
    if (bytes <= WORKSPACE_COPIES_KEPT)
        return;
    for (uint32_t i = 0; i < workspace->partials_count; i++) {
        partials_done(&workspace->partials[i]);
        workspace->partials[i] = (struct partials)PARTIALS_INIT;
    }
    for (uint32_t i = 0; i < workspace->records_count; i++) {
        set_records_done(&workspace->records[i]);
        workspace->records[i] = (struct set_records)SET_RECORDS_INIT;
    }
}

/* Gives back what only a large query needed. */
static void workspace_trim(struct query_workspace *workspace)
{
    arena_reset(&workspace->arena, WORKSPACE_ARENA_KEPT);
    EACH_BUFFER(buffer_trim, workspace);
    copies_trim(workspace);
    if (workspace->sort_keys.capacity > WORKSPACE_BUFFER_KEPT)
        text_done(&workspace->sort_keys);
    while (workspace->chunk_count > WORKSPACE_CHUNKS_KEPT)
        batch_free(workspace->chunks[--workspace->chunk_count]);
}

void workspace_give(struct query_workspace *workspace)
{
    if (!workspace)
        return;
    workspace_trim(workspace);
    pthread_mutex_lock(&kept.lock);
    bool keep = kept.count < WORKSPACES_KEPT_MAX;
    if (keep) {
        workspace->next = kept.first;
        kept.first = workspace;
        kept.count++;
    }
    pthread_mutex_unlock(&kept.lock);
    if (!keep)
        workspace_free(workspace);
}

struct partials *workspace_partials(struct query_workspace *workspace, uint32_t count)
{
    if (count > workspace->partials_count) {
        workspace->partials = mem_grow(workspace->partials, count, sizeof(struct partials));
        for (uint32_t i = workspace->partials_count; i < count; i++)
            workspace->partials[i] = (struct partials)PARTIALS_INIT;
        workspace->partials_count = count;
    }
    return workspace->partials;
}

struct set_records *workspace_records(struct query_workspace *workspace, uint32_t count)
{
    if (count > workspace->records_count) {
        workspace->records = mem_grow(workspace->records, count, sizeof(struct set_records));
        for (uint32_t i = workspace->records_count; i < count; i++)
            workspace->records[i] = (struct set_records)SET_RECORDS_INIT;
        workspace->records_count = count;
    }
    return workspace->records;
}

int query_fail(struct query_error *error, int http_status, const char *kind, const char *format,
               ...)
{
    error->http_status = http_status;
    error->kind = kind;
    error->position = UINT32_MAX;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return http_status >= 500 ? WEIR_E_INTERNAL : WEIR_E_INVALID;
}

int query_fail_nomem(struct query_error *error)
{
    query_fail(error, 503, "unavailable",
               "no memory for this query now; try again, or ask for less");
    return WEIR_E_NOMEM;
}

int query_fail_read(struct query_error *error, const struct weir_error *cause)
{
    if (cause->status == WEIR_E_NOMEM)
        return query_fail_nomem(error);
    bool limit = cause->status == WEIR_E_LIMIT;
    query_fail(error, limit ? 422 : 500, limit ? "limit" : "internal", "%s", cause->text);
    return cause->status;
}

struct query_time query_time_begin(const struct query_limits *limits)
{
    struct query_time time = {INT64_MAX, limits->time_ns_max};
    if (limits->time_ns_max > 0)
        time.deadline_ns = clock_mono_ns() + limits->time_ns_max;
    return time;
}

int query_time_check(const struct query_time *time, struct query_error *error)
{
    if (time->deadline_ns == INT64_MAX || clock_mono_ns() < time->deadline_ns)
        return 0;
    query_fail(error, 504, "out-of-time",
               "the query took longer than its limit of time, %lld ms; ask for less, with "
               "`where=`, `last=` or fewer `by=` columns",
               (long long)(time->limit_ns / 1000000));
    return WEIR_E_LIMIT;
}
