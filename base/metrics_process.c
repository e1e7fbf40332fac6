/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about this process, and the log's counts. */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics_series.h"
#include "base/value.h"

#define PROC_BYTES_MAX ((size_t)1 << 20)

static struct metric_series *cpu, *resident, *descriptors, *start;
static struct metric_series *log_lines[LOG_DEBUG + 1];

static bool proc_read(const char *path, struct text *out)
{
    return file_read(path, PROC_BYTES_MAX, out, NULL) == 0;
}

/* Boot time and the clock ticks since then; 0 where /proc does not say. */
static int64_t start_ns(void)
{
    struct text self = TEXT_INIT, system = TEXT_INIT;
    unsigned long long ticks = 0, boot_seconds = 0;
    if (proc_read("/proc/self/stat", &self) && proc_read("/proc/stat", &system)) {
        const char *at = strrchr(self.data, ')'); /* the name may hold anything, even blanks */
        for (int field = 2; at && field < 22; field++)
            at = strchr(at + 1, ' ');
        const char *boot = strstr(system.data, "\nbtime ");
        if (at && boot) {
            ticks = strtoull(at, NULL, 10);
            boot_seconds = strtoull(boot + strlen("\nbtime "), NULL, 10);
        }
    }
    text_done(&self);
    text_done(&system);
    long per_second = sysconf(_SC_CLK_TCK);
    if (!boot_seconds || per_second <= 0)
        return 0;
    return (int64_t)boot_seconds * NS_PER_SECOND +
           (int64_t)(ticks * (NS_PER_SECOND / (unsigned long long)per_second));
}

static int64_t resident_bytes(void)
{
    struct text statm = TEXT_INIT;
    int64_t pages = 0;
    if (proc_read("/proc/self/statm", &statm)) {
        const char *second = strchr(statm.data, ' ');
        pages = second ? strtoll(second, NULL, 10) : 0;
    }
    text_done(&statm);
    return pages * sysconf(_SC_PAGESIZE);
}

static int64_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    int64_t count = -1; /* without the one that is reading */
    while (true) {
        const struct dirent *entry = readdir(folder);
        if (!entry)
            break;
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

static void make_series(void)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    cpu = metric_new(M_PROCESS_CPU, NULL);
    resident = metric_new(M_PROCESS_RSS, NULL);
    descriptors = metric_new(M_PROCESS_FDS, NULL);
    start = metric_new(M_PROCESS_START, NULL);
    metric_set(start, start_ns());
    for (size_t i = 0; i <= LOG_DEBUG; i++) {
        const char *const labels[] = {levels[i], NULL};
        log_lines[i] = metric_new(M_LOG_MESSAGES, labels);
    }
}

void metrics_process_collect(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_series);
    metric_set(cpu, clock_process_cpu_ns());
    metric_set(resident, resident_bytes());
    metric_set(descriptors, open_descriptors());
    for (size_t i = 0; i <= LOG_DEBUG; i++)
        metric_set(log_lines[i], (int64_t)log_count((enum log_level)i));
}
