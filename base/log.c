/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/value.h"

#define LOG_LINE_BYTES_MAX  8192
#define LOG_QUOTE_BYTES_MAX 1000
#define LOG_LIMITS_MAX      256 /* events with a limit; what comes after is not limited */
#define LOG_EVENT_BYTES_MAX 64

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static _Atomic int level_now = LOG_INFO;
static atomic_bool as_json;
static _Atomic uint64_t counts[COUNT_OF(level_names)];

/* Limited events, found by name. */
struct limit {
    char event[LOG_EVENT_BYTES_MAX];
    int64_t quiet_until_ns;
    uint64_t suppressed;
};
static pthread_mutex_t limits_lock = PTHREAD_MUTEX_INITIALIZER;
static struct limit limits[LOG_LIMITS_MAX];
static size_t limit_count;

void log_init(enum log_level level, bool json)
{
    atomic_store(&level_now, (int)level);
    atomic_store(&as_json, json);
}

enum log_level log_level_now(void)
{
    return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

bool log_level_read(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    return false;
}

uint64_t log_count(enum log_level level)
{
    return atomic_load_explicit(&counts[level], memory_order_relaxed);
}

/* The next pair `key=value` or `key="value"` of a logfmt text. */
struct pair {
    const char *key, *value; /* value without its quotes, escapes as they stand */
    size_t key_length, value_length;
    bool quoted;
};

static bool pair_next(const char **at, struct pair *pair)
{
    const char *s = *at;
    while (*s == ' ')
        s++;
    if (*s == '\0')
        return false;
    *pair = (struct pair){.key = s, .value = ""};
    while (*s && *s != ' ' && *s != '=')
        s++;
    pair->key_length = (size_t)(s - pair->key);
    if (*s == '=' && s[1] == '"') {
        pair->quoted = true;
        pair->value = s += 2;
        while (*s && *s != '"')
            s += s[0] == '\\' && s[1] ? 2 : 1;
        pair->value_length = (size_t)(s - pair->value);
        if (*s == '"')
            s++;
    } else if (*s == '=') {
        pair->value = ++s;
        while (*s && *s != ' ')
            s++;
        pair->value_length = (size_t)(s - pair->value);
    }
    *at = s;
    return true;
}

/* Numbers and truth values are written as such unless they were quoted. */
static void write_json_value(struct text *line, const struct pair *pair)
{
    double number;
    if (!pair->quoted &&
        ((float_read(pair->value, pair->value_length, &number) == 0 && pair->value[0] != '+') ||
         (pair->value_length == 4 && memcmp(pair->value, "true", 4) == 0) ||
         (pair->value_length == 5 && memcmp(pair->value, "false", 5) == 0))) {
        text_add_bytes(line, pair->value, pair->value_length);
        return;
    }
    char plain[LOG_LINE_BYTES_MAX];
    size_t length = 0;
    for (size_t i = 0; i < pair->value_length && length < sizeof plain; i++) {
        char c = pair->value[i];
        if (pair->quoted && c == '\\' && i + 1 < pair->value_length) {
            c = pair->value[++i];
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
        }
        plain[length++] = c;
    }
    json_write_string(line, plain, length);
}

static void __attribute__((format(printf, 4, 0)))
write_line(enum log_level level, const char *event, uint64_t suppressed, const char *format,
           va_list arguments)
{
    char pairs[LOG_LINE_BYTES_MAX / 2];
    if (vsnprintf(pairs, sizeof pairs, format, arguments) < 0)
        pairs[0] = '\0';
    for (char *c = pairs; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' '; /* one line, whatever the values hold */
    bool json = atomic_load_explicit(&as_json, memory_order_relaxed);
    struct text line = TEXT_INIT;
    text_add(&line, json ? "{\"ts\":\"" : "ts=");
    time_write_rfc3339(&line, clock_wall_ns() / 1000000 * 1000000);
    text_addf(&line, json ? "\",\"level\":\"%s\",\"event\":\"%s\"" : " level=%s event=%s",
              level_names[level], event);
    if (json) {
        struct pair pair;
        for (const char *at = pairs; pair_next(&at, &pair);) {
            text_add_char(&line, ',');
            json_write_string(&line, pair.key, pair.key_length);
            text_add_char(&line, ':');
            write_json_value(&line, &pair);
        }
    } else if (pairs[0]) {
        text_add_char(&line, ' ');
        text_add(&line, pairs);
    }
    if (suppressed)
        text_addf(&line, json ? ",\"suppressed\":%llu" : " suppressed=%llu",
                  (unsigned long long)suppressed);
    text_add(&line, json ? "}\n" : "\n");
    atomic_fetch_add_explicit(&counts[level], 1, memory_order_relaxed);
    /* One write, so that lines of several threads do not mix. There is nowhere to tell that it
     * failed. */
    if (!line.failed)
        (void)fd_write_all(STDERR_FILENO, line.data, line.length);
    text_done(&line);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if (level > log_level_now())
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(level, event, 0, format, arguments);
    va_end(arguments);
}

/* Whether the event may be logged now, and how many were not since the last one. */
static bool limit_pass(const char *event, int64_t every_ms, uint64_t *ret_suppressed)
{
    int64_t now = clock_mono_ns();
    struct limit *limit = NULL;
    bool pass = true;
    *ret_suppressed = 0;
    pthread_mutex_lock(&limits_lock);
    for (size_t i = 0; i < limit_count && !limit; i++)
        if (strncmp(limits[i].event, event, LOG_EVENT_BYTES_MAX - 1) == 0)
            limit = &limits[i];
    if (!limit && limit_count < LOG_LIMITS_MAX) {
        limit = &limits[limit_count++];
        snprintf(limit->event, sizeof limit->event, "%s", event);
        limit->quiet_until_ns = INT64_MIN;
    }
    if (limit && now < limit->quiet_until_ns) {
        limit->suppressed++;
        pass = false;
    } else if (limit) {
        *ret_suppressed = limit->suppressed;
        limit->suppressed = 0;
        limit->quiet_until_ns = now + every_ms * 1000000;
    }
    pthread_mutex_unlock(&limits_lock);
    return pass;
}

void log_event_limited(enum log_level level, const char *event, int64_t every_ms,
                       const char *format, ...)
{
    uint64_t suppressed;
    if (level > log_level_now() || !limit_pass(event, every_ms, &suppressed))
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(level, event, suppressed, format, arguments);
    va_end(arguments);
}

const char *log_quote(const char *text)
{
    static _Thread_local char buffers[4][LOG_QUOTE_BYTES_MAX + 8];
    static _Thread_local unsigned next;
    char *buffer = buffers[next++ % 4], *at = buffer;
    const char *end = buffer + LOG_QUOTE_BYTES_MAX;
    *at++ = '"';
    for (text = text ? text : ""; *text && at < end; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            *at++ = '\\';
            *at++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else {
            *at++ = c < 0x20 || c == 0x7f ? ' ' : (char)c;
        }
    }
    if (*text) /* cut: not within a character */
        while (at > buffer + 1 && ((unsigned char)*text & 0xc0) == 0x80) {
            text--;
            at--;
        }
    *at++ = '"';
    *at = '\0';
    return buffer;
}
