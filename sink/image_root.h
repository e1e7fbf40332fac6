/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_root.h: page 0 of an image: what it is of, where it stands, where its tables begin.
 *
 * The offset changes here, in the same memory and under the same rule as the state that it belongs
 * to: whoever has one has the other.
 */
#ifndef SINK_IMAGE_ROOT_H
#define SINK_IMAGE_ROOT_H

#include "sink/image.h"

#define IMAGE_TOPIC_BYTES_MAX 256u
#define IMAGE_TABLES_MAX      192u

enum image_table_kind { IMAGE_TABLE_AGGREGATE = 1, IMAGE_TABLE_SET = 2 };

struct image_table {
    uint64_t fingerprint;
    uint32_t root; /* page */
    uint32_t kind; /* enum image_table_kind */
};

struct image_root {
    struct image_head head;
    uint64_t hash_seed;
    int64_t next_offset;
    int64_t watermark_ns;         /* INT64_MIN: none */
    int64_t newest_event_time_ns; /* INT64_MIN: none */
    /* The last record applied: what tells a topic from another of the same name. */
    int64_t last_timestamp_ms;
    uint64_t last_hash; /* of its value */
    uint32_t last_length;
    int32_t partition;
    uint32_t topic_length;
    uint32_t table_count;
    char topic[IMAGE_TOPIC_BYTES_MAX];
    struct image_table tables[IMAGE_TABLES_MAX];
};
_Static_assert(sizeof(struct image_root) <= PAGE_BYTES, "image_root");

#endif
