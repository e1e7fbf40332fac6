/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: all pipelines of a process, its memory, its HTTP server.
 *
 * One data directory belongs to one process: its file `lock` is held (flock) and names the holder.
 */
#ifndef PIPELINES_DAEMON_H
#define PIPELINES_DAEMON_H

#include "pipelines/pipeline.h"
#include "sink/http.h"

struct daemon_options {
    const char *const *files;
    uint32_t file_count;
    const char *http_listen; /* NULL: no server */
    bool http_insecure;
    const char *data_folder;
    int32_t workers;
    uint64_t memory_bytes; /* images and prefetched records of all pipelines */
};

struct daemon;

/* Loads all files (mistakes go to standard error), opens and starts everything. Returns an exit
 * code of command.h: EXIT_DONE with a daemon, EXIT_USAGE when a file is wrong, EXIT_FAILED
 * otherwise. */
int daemon_start(const struct daemon_options *options, struct daemon **ret_daemon);
/* "http://127.0.0.1:8080" */
const char *daemon_url(const struct daemon *daemon);
/* All pipelines are at their end; *ret_failed: some partition stopped on the way. */
bool daemon_at_end(struct daemon *daemon, bool *ret_failed);
/* For commands that look at their own process. */
const struct service *daemon_service(const struct daemon *daemon);
/* Stops reading, answers what is in flight, frees. */
void daemon_stop(struct daemon *daemon);

/* Reads and plans the files; mistakes are printed to standard error. The caller frees plans. */
int load_plans(const char *const *files, uint32_t count, struct pipeline_plan ***ret_plans);

#endif
