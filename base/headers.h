/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.h: a record's headers as one piece of bytes.
 *
 * Packed: for each header a u32 length of the name, the name, an i32 length of the value (-1:
 * null), the value; numbers in the machine's order. Order and duplicates are kept.
 */
#ifndef BASE_HEADERS_H
#define BASE_HEADERS_H

#include "base/text.h"

struct header {
    struct weir_str name;
    struct weir_str value; /* data NULL: null */
};

void headers_add(struct text *packed, struct header header);
/* Reads the header at *position and moves it on; false at the end. */
bool headers_next(struct weir_str packed, size_t *position, struct header *ret_header);
/* A JSON object; of duplicate names the last value; values that are not UTF-8 as base64. */
void headers_write_json(struct text *out, struct weir_str packed);

#endif
