/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h: the rows of a query as JSON, NDJSON or CSV.
 *
 * In JSON what belongs to the answer as a whole (covers, complete, ..) stands beside the rows; the
 * other two carry it in headers: Weir-Covers, Weir-Complete, Weir-Missing, Weir-Stale,
 * Weir-Newest-Event-Time, Weir-Next-Cursor.
 */
#ifndef SINK_HTTP_FORMAT_H
#define SINK_HTTP_FORMAT_H

#include "sink/http/exchange.h"

enum format_shape { SHAPE_ROWS, SHAPE_ROW };

/* Writes the reply in exchange->format. SHAPE_ROW: the result has one row. */
void format_result(struct exchange *exchange, const struct query_result *result,
                   enum format_shape shape);
/* {"orders":{"0":1201}} */
void covers_write(struct text *out, const struct query_result *result);
/* A time as a JSON string; null for `none`. */
void time_write(struct text *out, int64_t ns, int64_t none);

#endif
