/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h: one structured line for each event.
 *
 * Library code does not log: it returns errors. The coordinating layers log, with an event name
 * that is stable (it is also what rate limits and counters go by) and key=value pairs. Payloads and
 * secrets are never logged. Any thread. To standard error: logfmt, or JSON by log_init.
 *
 *   log_event(LOG_WARN, "kafka_offset_gap", "topic=%s partition=%d gap_records=%lld", ...)
 *
 * The pairs are given as one format in logfmt; values with blanks are quoted by log_quote.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

void log_init(enum log_level level, bool json);
enum log_level log_level_now(void);
bool log_level_read(const char *text, enum log_level *ret_level);
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At most one line of this event in `every_ms`; the next one says suppressed=N. */
void log_event_limited(enum log_level level, const char *event, int64_t every_ms,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* text as a quoted logfmt value, in one of four buffers of this thread (cut at 1,000 bytes). */
const char *log_quote(const char *text);
uint64_t log_count(enum log_level level); /* lines so far: weir_log_messages_total */

#endif
