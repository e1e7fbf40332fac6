/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_decode_csv.c: any bytes as CSV records; a row does not depend on the rows before it. */
#include "tests/fuzz/decode_common.h"

#include "base/check.h"

static const char *const typed[] = {
    "a",       "a",           "int?",  "b",      "b",
    "string?", "c",           "c",     "float?", "d",
    "d",       "decimal(3)?", "e",     "e",      "timestamp(rfc3339)?",
    "f",       "f",           "json?", NULL,
};
static const char *const texts[] = {
    "a", "a", "string?", "b", "b", "string?", "c", "c", "string?", NULL,
};
static const char *const columns[] = {"c", "x", "a", "b"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct weir_str records[FUZZ_RECORDS_MAX];
    uint32_t count = fuzz_cut(data + 1, size - 1, records);
    struct text lines[2][FUZZ_RECORDS_MAX] = {0};
    struct decode_options options = {.format = DECODE_CSV,
                                     .csv_delimiter = data[0] & 1 ? ';' : ','};
    const char *const *words = typed;
    if (data[0] & 2)
        words = texts;
    if (data[0] & 4 && words == texts) {
        options.csv_columns = columns;
        options.csv_column_count = 4;
    }
    fuzz_decode(&options, words, false, records, count, false, lines[0]);
    fuzz_decode(&options, words, false, records, count, true, lines[1]);
    for (uint32_t i = 0; i < count; i++)
        CHECK(strcmp(lines[0][i].data, lines[1][i].data) == 0);
    for (int i = 0; i < 2; i++)
        fuzz_lines_done(lines[i], count);
    return 0;
}
