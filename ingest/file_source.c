/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_source.c: a file as a source of one lane.
 *
 * One thread is control and worker in one:
 *
 *   start -> assigned -> rounds: fill a batch, deliver, position, tick -> finished | stopped
 *                                                                      -> idle, with ticks
 *   stop  -> revoked, the thread ends
 *
 * A batch that was held is delivered again every HELD_NS; nothing is read meanwhile.
 */
#include "ingest/file.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "ingest/file_reader.h"

#include <pthread.h>
#include <signal.h>

#define TICK_NS   (100 * 1000000LL)
#define FOLLOW_NS (50 * 1000000LL) /* how often the end of a followed file is looked at */
#define HELD_NS   (10 * 1000000LL)

struct file_source {
    struct source source; /* first: a struct source * is a struct file_source * */
    struct file_options options;
    char *path;
    const char *topic; /* in path */
    struct file_reader *reader;

    pthread_mutex_t lock; /* of what follows up to `thread` */
    pthread_cond_t changed;
    bool stopping;
    bool paused;
    bool joined;
    bool started;
    pthread_t thread;

    /* The thread's own. */
    void *lane;
    bool assigned;
    bool over; /* finished, stopped or failed: nothing more is read */
    bool header_pending;
    struct batch *held;
    int64_t held_next;
    int64_t end_offset; /* as last told */
    int64_t ticked_ns;
};

static void tick(struct file_source *s)
{
    s->ticked_ns = clock_mono_ns();
    s->source.handler->tick(s->source.context, 0, clock_wall_ns());
}

/* Waits for at most wait_ns, or until there is something else to do. */
static void rest(struct file_source *s, int64_t wait_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ns;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&s->lock);
    bool paused = s->paused;
    int status = 0;
    while (!s->stopping && s->paused == paused && status == 0)
        status = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
    if (clock_mono_ns() - s->ticked_ns >= TICK_NS)
        tick(s);
}

static bool is_stopping(struct file_source *s, bool *ret_paused)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    *ret_paused = s->paused;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void stopped(struct file_source *s, enum source_stop why, const char *reason)
{
    s->over = true;
    s->source.handler->stopped(s->source.context, s->lane, why, reason);
}

static void end_is(struct file_source *s, int64_t size)
{
    if (size == s->end_offset)
        return;
    s->end_offset = size;
    s->source.handler->end(s->source.context, s->lane, 0, size);
}

/* All that was there has been delivered: waits for more, or stops when there can be none. */
static void follow(struct file_source *s)
{
    int64_t size;
    char reason[256];
    enum source_stop why = SOURCE_STOP_DELETED;
    switch (file_reader_fate(s->reader, &size)) {
    case FILE_SAME:
        end_is(s, size);
        rest(s, FOLLOW_NS);
        return;
    case FILE_MORE:
        end_is(s, size);
        return;
    case FILE_SHORTER:
        why = SOURCE_STOP_GAP;
        snprintf(reason, sizeof(reason),
                 "the file was cut to %lld bytes and had been read further, to byte %lld",
                 (long long)size, (long long)file_reader_position(s->reader));
        break;
    case FILE_REPLACED:
        snprintf(reason, sizeof(reason),
                 "another file has this name now; what the old one held was read to byte %lld",
                 (long long)file_reader_position(s->reader));
        break;
    case FILE_GONE:
        snprintf(reason, sizeof(reason), "the file was removed; it was read to byte %lld",
                 (long long)file_reader_position(s->reader));
        break;
    }
    stopped(s, why, reason);
}

/* True: accepted. */
static bool deliver(struct file_source *s, struct batch *batch, int64_t next_offset)
{
    const struct source_handler *handler = s->source.handler;
    int answer = handler->deliver(s->source.context, s->lane, batch);
    if (answer < 0) {
        s->over = true;
        return false;
    }
    if (answer == SOURCE_HELD) {
        s->held = batch;
        s->held_next = next_offset;
        return false;
    }
    handler->position(s->source.context, s->lane, next_offset);
    return true;
}

static void deliver_held(struct file_source *s)
{
    struct batch *batch = s->held;
    s->held = NULL;
    deliver(s, batch, s->held_next);
    if (!s->held)
        s->source.handler->batch_done(s->source.context, batch);
    else
        rest(s, HELD_NS);
}

/* Fills the batch. FILE_END: with all that there is. */
static int fill(struct file_source *s, struct batch *batch, struct weir_error *error)
{
    int status = FILE_RECORD;
    while (status == FILE_RECORD && !batch_full(batch)) {
        struct weir_record record = {.timestamp_ms = -1};
        status =
            file_reader_next(s->reader, !s->options.follow, &record.value, &record.offset, error);
        if (status != FILE_RECORD)
            break;
        if (s->header_pending)
            s->header_pending = false;
        else if (batch_add(batch, &record) < 0)
            return error_set(error, WEIR_E_NOMEM,
                             "the record at byte %lld does not fit into a batch's memory",
                             (long long)record.offset);
    }
    return status;
}

static void at_end(struct file_source *s)
{
    if (s->options.follow) {
        follow(s);
        return;
    }
    s->over = true;
    end_is(s, file_reader_position(s->reader));
    s->source.handler->finished(s->source.context);
}

static void round_once(struct file_source *s)
{
    const struct source_handler *handler = s->source.handler;
    struct batch *batch = handler->batch(s->source.context, 0);
    batch_begin(batch, s->topic, 0, clock_wall_ns());
    struct weir_error error;
    int status = fill(s, batch, &error);
    int64_t next = file_reader_position(s->reader);
    bool accepted = true;
    if (batch->view.rows > 0)
        accepted = deliver(s, batch, next);
    else
        handler->position(s->source.context, s->lane, next);
    if (status < 0 && !s->over) {
        stopped(s, SOURCE_STOP_FAILED, error.text);
    } else if (status == FILE_END && accepted && !s->over) {
        tick(s);
        at_end(s);
        return;
    }
    tick(s);
}

/* False: the file is not read; it has been said why. */
static bool assign(struct file_source *s)
{
    const struct source_handler *handler = s->source.handler;
    struct weir_error error = {0};
    int64_t size;
    file_reader_fate(s->reader, &size);
    struct source_assignment assignment = {.topic = s->topic, .high = size};
    handler->topic(s->source.context, s->topic, 1);
    int64_t next = 0;
    int status = handler->assigned(s->source.context, &assignment, &s->lane, &next, &error);
    s->assigned = status >= 0;
    if (status < 0)
        log_event(LOG_ERROR, "file_not_read", "path=%s reason=%s", log_quote(s->path),
                  log_quote(error.text));
    handler->rebalanced(s->source.context, s->assigned ? 1 : 0);
    if (status < 0)
        return false;

    s->end_offset = size;
    handler->end(s->source.context, s->lane, 0, size);
    s->header_pending = s->options.csv && s->options.csv_header && next == 0;
    status = file_reader_seek(s->reader, next, &error);
    if (status == FILE_RECORD)
        return true;
    char reason[128];
    snprintf(reason, sizeof(reason), "the file has %lld bytes, to be read from byte %lld",
             (long long)size, (long long)next);
    stopped(s, status < 0 ? SOURCE_STOP_FAILED : SOURCE_STOP_GAP, status < 0 ? error.text : reason);
    return true;
}

static void *run(void *argument)
{
    struct file_source *s = argument;
    pthread_setname_np(pthread_self(), "weir-file");
    if (!assign(s))
        s->over = true;
    bool paused;
    while (!is_stopping(s, &paused)) {
        if (s->over || paused)
            rest(s, TICK_NS);
        else if (s->held)
            deliver_held(s);
        else
            round_once(s);
    }
    if (s->held)
        s->source.handler->batch_done(s->source.context, s->held);
    s->held = NULL;
    if (s->assigned)
        s->source.handler->revoked(s->source.context, s->lane, false);
    return NULL;
}

static int file_start(struct source *source, struct weir_error *error)
{
    struct file_source *s = (struct file_source *)source;
    int status =
        file_reader_open(s->path, s->options.csv, s->options.csv_delimiter, &s->reader, error);
    if (status < 0)
        return status;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return error_set(error, WEIR_E_NOMEM, "cannot start a thread to read %s", s->path);
    s->started = true;
    return 0;
}

static void file_stop(struct source *source)
{
    struct file_source *s = (struct file_source *)source;
    if (!s->started)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    /* The handler may stop us from a callback: the thread cannot wait for itself. */
    bool join = !s->joined && !pthread_equal(pthread_self(), s->thread);
    s->joined |= join;
    pthread_mutex_unlock(&s->lock);
    if (join)
        pthread_join(s->thread, NULL);
}

static void file_pause(struct source *source, bool paused)
{
    struct file_source *s = (struct file_source *)source;
    pthread_mutex_lock(&s->lock);
    s->paused = paused;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static int file_commit(struct source *source, const char *topic, int32_t partition,
                       int64_t next_offset, const char *metadata, struct weir_error *error)
{
    return 0; /* nobody asks a file how far it was read */
}

static void file_free(struct source *source)
{
    if (!source)
        return;
    struct file_source *s = (struct file_source *)source;
    file_stop(source);
    file_reader_free(s->reader);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

static const struct source_ops file_ops = {
    .start = file_start,
    .stop = file_stop,
    .pause = file_pause,
    .commit = file_commit,
    .free = file_free,
};

int file_source_new(const struct file_options *options, const struct source_handler *handler,
                    void *context, struct source **ret_source, struct weir_error *error)
{
    size_t length = strlen(options->path);
    if (length == 0 || options->path[length - 1] == '/')
        return error_set(error, WEIR_E_INVALID, "`%s` is not the path of a file", options->path);
    struct file_source *s = mem_alloc(sizeof(*s));
    s->source.ops = &file_ops;
    s->source.handler = handler;
    s->source.context = context;
    s->options = *options;
    s->path = mem_strdup(options->path);
    s->options.path = s->path;
    const char *slash = strrchr(s->path, '/');
    s->topic = slash ? slash + 1 : s->path;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_source = &s->source;
    return 0;
}
