/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/daemon.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "pipelines/command.h"
#include "pipelines/version.h"
#include "transforms/expr.h"

/* Of --memory, so much is for records that the sources have fetched ahead. */
#define PREFETCH_SHARE     8
#define PREFETCH_BYTES_MIN ((uint64_t)8 << 20)
#define PREFETCH_BYTES_MAX ((uint64_t)64 << 20)
#define QUERY_TIME_NS_MAX  (10 * 1000000000LL)
#define QUERY_ROWS_MAX     100000
#define QUERY_BYTES_MAX    ((uint64_t)256 << 20)
#define QUERY_GROUPS_MAX   5000000

struct daemon {
    struct pipeline **pipelines;
    uint32_t pipeline_count;
    struct memory_budget budget;
    struct service service;
    struct http_server *http;
    char *url;
    int lock_fd;
    struct metric_series *memory_used, *memory_limit, *build, *reload;
};

static uint32_t service_names(void *context, const char ***ret_names)
{
    struct daemon *d = context;
    const char **names = mem_array(d->pipeline_count + 1, sizeof *names);
    for (uint32_t i = 0; i < d->pipeline_count; i++)
        names[i] = pipeline_name(d->pipelines[i]);
    *ret_names = names;
    return d->pipeline_count;
}

static struct pipeline *find(struct daemon *d, const char *name)
{
    for (uint32_t i = 0; i < d->pipeline_count; i++)
        if (!strcmp(pipeline_name(d->pipelines[i]), name))
            return d->pipelines[i];
    return NULL;
}

static bool service_acquire(void *context, const char *name, struct service_pipeline *ret_view)
{
    struct pipeline *p = find(context, name);
    if (p)
        pipeline_acquire(p, ret_view);
    return p != NULL;
}

static void service_release(void *context, struct service_pipeline *view)
{
    (void)context;
    pipeline_release(view->handle, view);
}

static bool service_status(void *context, const char *name, struct pipeline_status *ret_status)
{
    struct pipeline *p = find(context, name);
    if (p)
        pipeline_status(p, ret_status);
    return p != NULL;
}

static bool service_ready(void *context, struct text *reasons)
{
    struct daemon *d = context;
    bool ready = true;
    for (uint32_t i = 0; i < d->pipeline_count; i++)
        ready &= pipeline_ready(d->pipelines[i], reasons);
    return ready;
}

static int service_pause(void *context, const char *name, bool paused, struct weir_error *error)
{
    struct pipeline *p = find(context, name);
    if (!p)
        return error_set(error, WEIR_E_INVALID, "there is no pipeline `%s`", name);
    pipeline_pause(p, paused);
    log_event(LOG_INFO, paused ? "paused" : "resumed", "pipeline=%s by=http", name);
    return 0;
}

static void collect(void *context)
{
    struct daemon *d = context;
    metric_set(d->memory_used, (int64_t)atomic_load(&d->budget.used_bytes));
}

static void open_metrics(struct daemon *d)
{
    const char *images[] = {"images", NULL};
    const char *none[] = {NULL};
    const char *build[] = {version_weir, version_commit, kafka_library_version(), NULL};
    d->memory_used = metric_new(M_STORE_MEMORY, images);
    d->memory_limit = metric_new(M_STORE_MEMORY_LIMIT, none);
    d->build = metric_new(M_BUILD_INFO, build);
    d->reload = metric_new(M_CONFIG_RELOAD, none);
    metric_set(d->memory_limit, (int64_t)d->budget.limit_bytes);
    metric_set(d->build, 1);
    metric_set(d->reload, clock_wall_ns());
    metrics_on_collect(collect, d);
}

static void close_metrics(struct daemon *d)
{
    metrics_off_collect(collect, d);
    metric_free(d->memory_used);
    metric_free(d->memory_limit);
    metric_free(d->build);
    metric_free(d->reload);
}

/* Takes the folder for this process; a second one is told who has it. */
static int lock_folder(const char *folder, int *ret_fd, struct weir_error *error)
{
    int r = folder_make(folder, 0700, error);
    if (r)
        return r;
    char *path = mem_printf("%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = error_set_errno(error, WEIR_E_IO, "%s", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB)) {
        char holder[64] = "";
        ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
        holder[n > 0 ? n : 0] = 0;
        holder[strcspn(holder, "\n")] = 0;
        r = error_set(
            error, WEIR_E_STATE,
            "the data directory %s is in use by %s; stop that process or give another --data",
            folder, holder[0] ? holder : "another process");
        close(fd);
    } else {
        char holder[64];
        int length = snprintf(holder, sizeof holder, "process %ld\n", (long)getpid());
        if (ftruncate(fd, 0) || pwrite(fd, holder, (size_t)length, 0) != length)
            r = error_set_errno(error, WEIR_E_IO, "%s", path);
        if (r)
            close(fd);
        else
            *ret_fd = fd;
    }
    free(path);
    return r;
}

int load_plans(const char *const *files, uint32_t count, struct pipeline_plan ***ret_plans)
{
    struct pipeline_plan **plans = mem_array(count + 1, sizeof *plans);
    struct problems problems = {0};
    for (uint32_t i = 0; i < count; i++) {
        plans[i] = pipeline_plan_load(files[i], &problems);
        for (uint32_t k = 0; plans[i] && k < i; k++)
            if (plans[k] && !strcmp(plans[k]->name, plans[i]->name))
                problem_error(&problems, (struct weir_mark){.file = files[i]},
                              "a pipeline `%s` stands in %s already; give it another name",
                              plans[i]->name, files[k]);
    }
    struct text text = TEXT_INIT;
    problems_write(&problems, &text);
    fputs(text.data ? text.data : "", stderr);
    text_done(&text);
    bool failed = problems.errors > 0;
    problems_done(&problems);
    if (failed) {
        for (uint32_t i = 0; i < count; i++)
            pipeline_plan_free(plans[i]);
        free(plans);
        return EXIT_USAGE;
    }
    *ret_plans = plans;
    return EXIT_DONE;
}

static uint64_t prefetch_bytes(uint64_t memory, uint32_t pipelines)
{
    uint64_t bytes = memory / PREFETCH_SHARE / (pipelines ? pipelines : 1);
    return bytes < PREFETCH_BYTES_MIN   ? PREFETCH_BYTES_MIN
           : bytes > PREFETCH_BYTES_MAX ? PREFETCH_BYTES_MAX
                                        : bytes;
}

static int start_http(struct daemon *d, const struct daemon_options *options,
                      struct weir_error *error)
{
    struct http_options http = HTTP_OPTIONS_DEFAULT;
    http.listen = options->http_listen;
    http.insecure = options->http_insecure;
    int r = http_server_start(&http, &d->service, &d->http, error);
    if (r)
        return r;
    const char *colon = strrchr(http.listen, ':');
    d->url = mem_printf("http://%.*s:%u", (int)(colon ? colon - http.listen : 9),
                        colon ? http.listen : "127.0.0.1", (unsigned)http_server_port(d->http));
    log_event(LOG_INFO, "listening", "url=%s", d->url);
    return 0;
}

static void release(struct daemon *d)
{
    for (uint32_t i = 0; i < d->pipeline_count; i++)
        pipeline_free(d->pipelines[i]);
    close_metrics(d);
    free(d->pipelines);
    free(d->url);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d);
}

int daemon_start(const struct daemon_options *options, struct daemon **ret_daemon)
{
    struct pipeline_plan **plans;
    int code = load_plans(options->files, options->file_count, &plans);
    if (code != EXIT_DONE)
        return code;

    struct daemon *d = mem_alloc(sizeof *d);
    d->lock_fd = -1;
    uint64_t prefetch = prefetch_bytes(options->memory_bytes, options->file_count);
    d->budget.limit_bytes = options->memory_bytes;
    d->pipelines = mem_array(options->file_count + 1, sizeof *d->pipelines);
    d->service = (struct service){
        .context = d,
        .expressions = &expression_ops_sql,
        .limits = {QUERY_TIME_NS_MAX, QUERY_ROWS_MAX, QUERY_BYTES_MAX, QUERY_GROUPS_MAX},
        .names = service_names,
        .acquire = service_acquire,
        .release = service_release,
        .status = service_status,
        .ready = service_ready,
        .pause = service_pause,
    };
    open_metrics(d);
    log_event(LOG_INFO, "starting", "version=%s librdkafka=%s data=%s", version_weir,
              kafka_library_version(), log_quote(options->data_folder));

    struct weir_error error = {0};
    int r = lock_folder(options->data_folder, &d->lock_fd, &error);
    for (uint32_t i = 0; !r && i < options->file_count; i++) {
        struct pipeline_options one = {options->workers, options->data_folder, &d->budget,
                                       prefetch};
        r = pipeline_new(plans[i], &one, &d->pipelines[i], &error);
        if (!r) {
            plans[i] = NULL;
            d->pipeline_count++;
        } else {
            error_prefix(&error, "pipeline %s", plans[i]->name);
        }
    }
    if (!r && options->http_listen)
        r = start_http(d, options, &error);
    for (uint32_t i = 0; !r && i < d->pipeline_count; i++)
        r = pipeline_start(d->pipelines[i], &error);
    for (uint32_t i = 0; i < options->file_count; i++)
        pipeline_plan_free(plans[i]);
    free(plans);
    if (r) {
        fprintf(stderr, "weir: error: %s\n", error.text);
        http_server_stop(d->http);
        release(d);
        return r == WEIR_E_INVALID       ? EXIT_USAGE
               : r == WEIR_E_UNAVAILABLE ? EXIT_UNREACHABLE
                                         : EXIT_FAILED;
    }
    *ret_daemon = d;
    return EXIT_DONE;
}

const char *daemon_url(const struct daemon *d)
{
    return d->url;
}

const struct service *daemon_service(const struct daemon *d)
{
    return &d->service;
}

bool daemon_at_end(struct daemon *d, bool *ret_failed)
{
    bool end = true;
    *ret_failed = false;
    for (uint32_t i = 0; i < d->pipeline_count; i++) {
        bool failed;
        end &= pipeline_at_end(d->pipelines[i], &failed);
        *ret_failed |= failed;
    }
    return end;
}

void daemon_stop(struct daemon *d)
{
    for (uint32_t i = 0; i < d->pipeline_count; i++)
        pipeline_stop(d->pipelines[i]);
    http_server_stop(d->http);
    log_event(LOG_INFO, "stopped", "cpu_seconds=%.3f", (double)clock_process_cpu_ns() / 1e9);
    release(d);
}
