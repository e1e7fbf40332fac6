/* SPDX-License-Identifier: Apache-2.0 */
/* micro_json_floor.h: the same fields read with bare simdjson, for micro_json.c. */
#ifndef BENCH_MICRO_JSON_FLOOR_H
#define BENCH_MICRO_JSON_FLOOR_H

#include <stdint.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What all records add up to; both sides must come to the same. */
struct checksum {
    uint64_t records;
    uint64_t text_bytes;
    uint64_t text_sum; /* of the first eight bytes of each text */
    uint64_t times;
    int64_t cents;
};

enum floor_shape {
    FLOOR_ORDER, /* customer, region, amount, created_at */
    FLOOR_AD     /* ad_id, event_type, event_time as text */
};

/* Iterates the fields of each record until all are found: simdjson's documented way for records of
 * which the order is not known. records are padded. */
void floor_iterate(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                   struct checksum *sum);
/* The same to the end of the record, as it must be done to see what follows the object. */
void floor_iterate_all(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                       struct checksum *sum);
/* Asks for the fields in the order in which they stand: for records that never differ. */
void floor_find(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                struct checksum *sum);
const char *floor_kernel(void);

#ifdef __cplusplus
}
#endif
#endif
